/* uuid.h: random bytes and UUID version 4 (RFC 9562). */
#ifndef TOLLGATE_BASE_UUID_H
#define TOLLGATE_BASE_UUID_H

#include <stddef.h>

#define UUID_TEXT 37
/* "8f14e45f-ceea-467f-a0e6-1c1d2f3a4b5c". As uuid_bytes it never fails. */
void uuid_random(char out[UUID_TEXT]);
/* Fills with bytes from getrandom(2); never fails (aborts if the kernel has no randomness). */
void uuid_bytes(void *out, size_t n);

#endif
