/* log.c: see log.h. */
#include "core/base/log.h"

#include "core/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line of at most PIPE_BUF bytes is not mixed with another's, even in a pipe. */
#define LINE_MAX_BYTES 4096
#define MESSAGE_MAX    2048

static int log_fd = STDERR_FILENO;
static enum log_level log_least = LOG_INFO;

void log_init(int fd, enum log_level level)
{
    log_fd = fd;
    log_least = level;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        return "error";
    }
    return "error";
}

/* clock_rfc3339 leaves out zero milliseconds; columns in a log should not jump. */
static void stamp(char out[CLOCK_TEXT])
{
    int64_t now = clock_wall_ms();
    clock_rfc3339(out, now);
    size_t n = strlen(out);
    if (now % 1000 == 0 && n > 0 && n + 4 < CLOCK_TEXT) {
        memcpy(out + n - 1, ".000Z", 6);
    }
}

static void write_line(const char *line, size_t n)
{
    ssize_t written;
    do {
        written = write(log_fd, line, n);
    } while (written < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so: the line is lost, the caller goes on. */
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
    if (log_fd < 0 || level < log_least) {
        return;
    }
    int saved_errno = errno;
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    size_t length = n < 0 ? 0 : (size_t)n;
    if (length >= sizeof(message)) {
        length = sizeof(message) - 1;
        memcpy(message + length - 3, "...", 3);
    }
    char time[CLOCK_TEXT];
    stamp(time);
    char line[LINE_MAX_BYTES];
    int head = snprintf(line, 128, "%s %s %s ", time, level_name(level), room);
    size_t at = head < 0 ? 0 : (head < 128 ? (size_t)head : 127);
    at += str_printable(line + at, sizeof(line) - at - 1, (struct str){message, length});
    line[at++] = '\n';
    write_line(line, at);
    errno = saved_errno;
}
