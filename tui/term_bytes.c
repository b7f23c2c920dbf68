#include "tui/term_bytes.h"

#include <string.h>

#define PLAIN "\033[m"
#define SI    '\017'

static const char *const idle[] = {"\033[39;49m", "\033[39m", "\033[49m", "\033(B"};

static size_t starts(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - at) >= n && memcmp(at, with, n) == 0 ? n : 0;
}

/* The end of sequences that the plain one behind them makes idle, or `at`. */
static const char *skip_idle(const char *at, const char *end)
{
    const char *from = at;
    size_t taken;
    do {
        taken = 0;
        for (size_t i = 0; i < sizeof idle / sizeof *idle && taken == 0; i++) {
            taken = starts(at, end, idle[i]);
        }
        at += taken;
    } while (taken > 0);
    return starts(at, end, PLAIN) ? at : from;
}

size_t term_bytes_shorten(char *bytes, size_t n)
{
    const char *at = bytes;
    const char *end = bytes + n;
    char *out = bytes;
    while (at < end) {
        if (*at != '\033') {
            *out++ = *at++;
            continue;
        }
        at = skip_idle(at, end);
        size_t plain = starts(at, end, PLAIN);
        memmove(out, at, plain > 0 ? plain : 1);
        out += plain > 0 ? plain : 1;
        at += plain > 0 ? plain : 1;
        at += plain > 0 && at < end && *at == SI;
    }
    return (size_t)(out - bytes);
}
