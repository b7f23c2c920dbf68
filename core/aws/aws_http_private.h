/* aws_http_private.h: between the files of AWS calls. */
#ifndef TOLLGATE_AWS_AWS_HTTP_PRIVATE_H
#define TOLLGATE_AWS_AWS_HTTP_PRIVATE_H

#include "core/aws/aws_http.h"
#include "core/aws/sigv4.h"

/* "host" or "host:port" of a URL, as it goes into the Host header. */
void aws_http_host(char *out, size_t size, const char *url);

struct sigv4_signer *aws_http_signer(struct aws_http *h);

#endif
