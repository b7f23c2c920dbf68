/* common.h: what the mock upstream and the load client share. */
#ifndef TOLLGATE_BENCH_COMMON_H
#define TOLLGATE_BENCH_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* In the text of every contentBlockDelta: STAMP and 16 hexadecimal digits, CLOCK_MONOTONIC in ns
 * at the moment of sending. */
#define STAMP        "@@"
#define STAMP_DIGITS 16

static inline int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vfprintf(stderr, format, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(1);
}

/* The file, at most 32 MiB of it, with a NUL behind; the caller's. */
static inline char *read_whole(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    static const size_t most = 32 * 1024 * 1024;
    char *p = malloc(most);

    if (!f || !p) {
        die("%s: %s", path, strerror(errno));
    }
    *n = fread(p, 1, most - 1, f);
    p[*n] = '\0';
    (void)fclose(f);
    return p;
}

static inline long number_arg(const char *text, const char *name, long least, long most)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);

    if (errno || *end || end == text || v < least || v > most) {
        die("%s: %s is not a number from %ld to %ld", name, text, least, most);
    }
    return v;
}

/* Sleeps end within microseconds, and every descriptor that may be had is. */
static inline long be_precise_and_large(void)
{
    struct rlimit r;

    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return 1024;
    }
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    return (long)r.rlim_cur;
}

static inline struct sockaddr_in loopback(long port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static inline void no_delay(int fd)
{
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Waits for events until the moment `until` (ns; negative: without end). */
static inline int wait_until(int epoll, struct epoll_event *events, int most, int64_t until)
{
    struct timespec t = {0, 0};

    if (until >= 0) {
        int64_t left = until - now_ns();
        if (left > 0) {
            t.tv_sec = left / 1000000000;
            t.tv_nsec = left % 1000000000;
        }
    }
    int n = epoll_pwait2(epoll, events, most, until < 0 ? NULL : &t, NULL);
    if (n < 0 && errno != EINTR) {
        die("epoll: %s", strerror(errno));
    }
    return n < 0 ? 0 : n;
}

#endif
