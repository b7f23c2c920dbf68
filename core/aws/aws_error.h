/* aws_error.h: what an AWS error answer means. */
#ifndef TOLLGATE_AWS_AWS_ERROR_H
#define TOLLGATE_AWS_AWS_ERROR_H

#include "core/base/err.h"
#include "core/base/str.h"

#define AWS_CODE_MAX 96

/* Short code of an error body: JSON `__type` (without its name space) or `code`,
 * {"Error":{"Code"}}, {"error":{"code"}}, or XML <Code>. `message` likewise. Both printable and cut
 * to size; "" when there is none. */
void aws_error_decode(char code[AWS_CODE_MAX], char *message, size_t message_size, struct str body);

/* By code first, by status where the code is unknown: see aws_http_call. */
enum err aws_error_meaning(int status, const char *code);

#endif
