/* err.c: see err.h. */
#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *err_name(enum err code)
{
    switch (code) {
#define X(id, name)                                                                                \
    case ERR_##id:                                                                                 \
        return name;
        ERR_LIST(X)
#undef X
    }
    return "unknown";
}

void err_clear(struct err_info *ei)
{
    if (ei != NULL) {
        ei->code = ERR_OK;
        ei->text[0] = '\0';
    }
}

enum err err_set(struct err_info *ei, enum err code, const char *format, ...)
{
    if (ei == NULL || ei->code != ERR_OK) {
        return code;
    }
    va_list args;
    va_start(args, format);
    if (vsnprintf(ei->text, sizeof(ei->text), format, args) < 0) {
        ei->text[0] = '\0';
    }
    va_end(args);
    ei->code = code;
    return code;
}

enum err err_set_sys(struct err_info *ei, enum err code, int sys, const char *format, ...)
{
    if (ei == NULL || ei->code != ERR_OK) {
        return code;
    }
    char room[64];
    char reason[128];
    int reason_len = snprintf(reason, sizeof(reason), ": %s", strerror_r(sys, room, sizeof(room)));
    if (reason_len < 0) {
        reason_len = 0;
    } else if ((size_t)reason_len >= sizeof(reason)) {
        reason_len = sizeof(reason) - 1;
    }
    /* A long message is cut before the reason, not the reason itself. */
    size_t limit = sizeof(ei->text) - (size_t)reason_len;
    va_list args;
    va_start(args, format);
    int text_len = vsnprintf(ei->text, limit, format, args);
    va_end(args);
    size_t at = text_len < 0 ? 0 : (size_t)text_len;
    if (at >= limit) {
        at = limit - 1;
    }
    memcpy(ei->text + at, reason, (size_t)reason_len);
    ei->text[at + (size_t)reason_len] = '\0';
    ei->code = code;
    return code;
}

void err_check_failed(const char *cond, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "tollgate: check failed at %s:%d: %s\n", file, line, cond);
    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, len);
        (void)written; /* about to abort: there is nobody left to tell */
    }
    abort();
}
