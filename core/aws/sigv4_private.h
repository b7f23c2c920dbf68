/* sigv4_private.h: between the files of SigV4. */
#ifndef TOLLGATE_AWS_SIGV4_PRIVATE_H
#define TOLLGATE_AWS_SIGV4_PRIVATE_H

#include "core/aws/sigv4.h"

/* The same with a signing key of 32 bytes, for which the thread keeps a context ready: the eight
 * newest. */
void sigv4_hmac_kept(uint8_t out[32], const uint8_t key[32], const struct str *parts, size_t count);

#endif
