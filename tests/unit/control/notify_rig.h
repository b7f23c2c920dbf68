/* notify_rig.h: a directory for what commands write, an attempt by hand, and a web server that
 * answers as it was told. Included by one test program each. */
#ifndef TOLLGATE_TESTS_NOTIFY_RIG_H
#define TOLLGATE_TESTS_NOTIFY_RIG_H

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/notify_private.h"

#define UNUSED_FUNCTION __attribute__((unused))
#define DEADLINE_US     30000000

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int64_t until = clock_mono_us() + DEADLINE_US;                                             \
        while (!(condition) && clock_mono_us() < until) {                                          \
            usleep(2000);                                                                          \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static char dir[64], path[160];

UNUSED_FUNCTION static const char *in_dir(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

UNUSED_FUNCTION static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/tollgate-notify-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

UNUSED_FUNCTION static int remove_dir(void **state)
{
    static const char *const names[] = {"json", "env", "pid", "child", "ran", "second", "log"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)unlink(in_dir(names[i]));
    }
    return rmdir(dir);
}

UNUSED_FUNCTION static char *read_file(const char *name)
{
    static char text[65536];
    FILE *f = fopen(in_dir(name), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f) {
        assert_int_equal(fclose(f), 0);
    }
    text[n] = '\0';
    return text;
}

UNUSED_FUNCTION static bool is_there(const char *name)
{
    return access(in_dir(name), F_OK) == 0;
}

UNUSED_FUNCTION static struct notify_event event_of(const char *what)
{
    struct notify_event e = {.on = NOTIFY_WARN, .percent = 80, .at_ms = 1795224998123};
    (void)snprintf(e.what, sizeof(e.what), "%s", what);
    (void)snprintf(e.text, sizeof(e.text), "limit minute costCenter=sales is at 80 %% <!channel>");
    (void)snprintf(e.limit, sizeof(e.limit), "minute");
    (void)snprintf(e.group, sizeof(e.group), "costCenter=sales");
    return e;
}
/* --- one attempt --- */

static atomic_bool ending;

struct one {
    struct config_notice notice;
    struct notify_event event;
    struct buf json;
    struct notify_attempt a;
    const char *args[8];
};

UNUSED_FUNCTION static struct notify_attempt *prepare(struct one *o, int64_t within_ms)
{
    atomic_store(&ending, false);
    o->event = event_of("threshold");
    assert_true(notify_json(&o->json, &o->event, "us-east-1"));
    o->a = (struct notify_attempt){.notice = &o->notice,
                                   .event = &o->event,
                                   .json = buf_str(&o->json),
                                   .deadline_us = clock_mono_us() + within_ms * 1000,
                                   .ending = &ending};
    return &o->a;
}
UNUSED_FUNCTION static bool is_running(const char *file)
{
    long pid = strtol(read_file(file), NULL, 10);
    char where[64], stat[256] = "";
    (void)snprintf(where, sizeof(where), "/proc/%ld/stat", pid);
    FILE *f = fopen(where, "r");
    if (f) {
        (void)!fgets(stat, sizeof(stat), f);
        assert_int_equal(fclose(f), 0);
    }
    return pid > 0 && stat[0] && !strstr(stat, ") Z ");
}

/* --- a web server --- */

/* Answers one request a connection with the next status of its list; keeps what was posted. */
struct web {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answers[8]; /* heads; the last one is given again and again */
    size_t asked;
    char heads[8][1024], bodies[8][NOTIFY_TEXT_MAX + 1];
};

UNUSED_FUNCTION static size_t read_request(int fd, char *text, size_t size)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, text + n, size - 1 - n);
        if (got <= 0) {
            return n;
        }
        n += (size_t)got;
        text[n] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length: ");
        if (end && n - (size_t)(end + 4 - text) >= (length ? strtoul(length + 18, NULL, 10) : 0)) {
            return n;
        }
    }
}

UNUSED_FUNCTION static void *serve_web(void *arg)
{
    struct web *w = arg;
    for (int fd; (fd = accept(w->fd, NULL, NULL)) >= 0; (void)close(fd)) {
        char text[16384] = "";
        if (read_request(fd, text, sizeof(text)) == 0) {
            continue;
        }
        pthread_mutex_lock(&w->lock);
        size_t last = 0;
        while (last < 7 && w->answers[last + 1]) {
            last++;
        }
        const char *answer = w->answers[w->asked < last ? w->asked : last];
        char *body = strstr(text, "\r\n\r\n");
        size_t at = w->asked++ % 8;
        (void)snprintf(w->heads[at], sizeof(w->heads[at]), "%.*s", body ? (int)(body - text) : 0,
                       text);
        (void)snprintf(w->bodies[at], sizeof(w->bodies[at]), "%.*s", NOTIFY_TEXT_MAX,
                       body ? body + 4 : "");
        pthread_mutex_unlock(&w->lock);
        (void)!write(fd, answer, strlen(answer));
    }
    return NULL;
}

UNUSED_FUNCTION static void web_open(struct web *w, const char *first, const char *second)
{
    *w = (struct web){.answers = {first, second}};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    pthread_mutex_init(&w->lock, NULL);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(w->fd, 16), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &n), 0);
    w->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&w->thread, NULL, serve_web, w), 0);
}

UNUSED_FUNCTION static size_t web_asked(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->asked;
    pthread_mutex_unlock(&w->lock);
    return n;
}

UNUSED_FUNCTION static void web_close(struct web *w)
{
    (void)shutdown(w->fd, SHUT_RDWR);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->fd);
    pthread_mutex_destroy(&w->lock);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#define ANSWER(status, more)                                                                       \
    "HTTP/1.1 " status " X\r\nContent-Length: 0\r\nConnection: close\r\n" more "\r\n"

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

#endif
