/* fake_aws.h: an HTTP server on loopback for tests: one thread, one request a connection, answers
 * made by the test. */
#ifndef TOLLGATE_TESTS_FAKE_AWS_H
#define TOLLGATE_TESTS_FAKE_AWS_H

#include "core/base/buf.h"
#include "core/base/http1.h"
#include "tests/unit/wait.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

struct fake_request {
    struct http_head head;
    struct str sent; /* as it came */
    struct str body; /* unpacked when it came as gzip */
    int number;      /* from 0 */
};

#define FAKE_HANG  0 /* as status: never answers */
#define FAKE_CLOSE 1 /* as status: closes without an answer */

struct fake_reply {
    int status; /* 200 unless set */
    struct buf body;
    const char *headers; /* lines with their ends; "" */
    const char *raw;     /* NULL; else sent instead of all that */
};

struct fake_aws {
    char url[64];
    void (*answer)(void *arg, const struct fake_request *q, struct fake_reply *r);
    void *arg;
    int listener, stop, count;
    pthread_t thread;
    pthread_mutex_t lock; /* guards count */
    pthread_cond_t counted;
};

static inline void fake_unpack(struct buf *out, struct str packed)
{
    z_stream z = {0};
    unsigned char *room = malloc(4 << 20);
    unsigned char *copy = malloc(packed.n + 1);
    assert_non_null(room);
    assert_non_null(copy);
    memcpy(copy, packed.p, packed.n);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = copy;
    z.avail_in = (uInt)packed.n;
    z.next_out = room;
    z.avail_out = 4 << 20;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_true(buf_append(out, room, z.total_out));
    inflateEnd(&z);
    free(room);
    free(copy);
}

static inline bool fake_wait(struct fake_aws *f, int fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = f->stop, .events = POLLIN}};
    return poll(p, 2, 10000) > 0 && p[1].revents == 0;
}

/* Reads one request; false when the peer left or the server stops. */
static inline bool fake_read(struct fake_aws *f, int fd, struct buf *in, struct fake_request *q)
{
    size_t head = 0;
    for (;;) {
        if (head == 0 && (head = http1_head_length(buf_bytes(in), in->len, 0)) > 0 &&
            http1_parse_request(&q->head, buf_bytes(in), head, NULL) != ERR_OK) {
            return false;
        }
        if (head > 0) {
            size_t body = q->head.body == HTTP_BODY_LENGTH ? (size_t)q->head.content_length : 0;
            if (in->len >= head + body) {
                q->body = str_sub(buf_str(in), head, body);
                return true;
            }
        }
        char *before = buf_bytes(in);
        char *at = buf_reserve(in, 65536);
        ssize_t n = at != NULL && fake_wait(f, fd) ? read(fd, at, 65536) : 0;
        if (n <= 0) {
            return false;
        }
        buf_commit(in, (size_t)n);
        if (buf_bytes(in) != before) {
            head = 0; /* the slices moved */
        }
    }
}

static inline void fake_write(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        s = str_sub(s, (size_t)n, s.n);
    }
}

static inline void fake_serve(struct fake_aws *f, int fd)
{
    struct buf in = {0};
    struct buf unpacked = {0};
    struct fake_request q = {0};
    struct fake_reply r = {.status = 200, .headers = ""};
    if (fake_read(f, fd, &in, &q)) {
        q.sent = q.body;
        if (str_is(http_value(&q.head, "content-encoding"), "gzip")) {
            fake_unpack(&unpacked, q.body);
            q.body = buf_str(&unpacked);
        }
        pthread_mutex_lock(&f->lock);
        q.number = f->count;
        pthread_mutex_unlock(&f->lock);
        f->answer(f->arg, &q, &r);
        pthread_mutex_lock(&f->lock);
        f->count++;
        pthread_cond_broadcast(&f->counted);
        pthread_mutex_unlock(&f->lock);
        if (r.status == FAKE_HANG) {
            (void)fake_wait(f, f->stop);
        } else if (r.raw != NULL) {
            fake_write(fd, str_of(r.raw));
        } else if (r.status != FAKE_CLOSE) {
            struct buf out = {0};
            buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
                       r.status, r.body.len, r.headers);
            buf_add_str(&out, buf_str(&r.body));
            fake_write(fd, buf_str(&out));
            buf_free(&out);
        }
    }
    buf_free(&in);
    buf_free(&unpacked);
    buf_free(&r.body);
}

static inline void *fake_run(void *arg)
{
    struct fake_aws *f = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = f->listener, .events = POLLIN},
                              {.fd = f->stop, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 || p[1].revents != 0) {
            return NULL;
        }
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            fake_serve(f, fd);
            close(fd);
        }
    }
}

static inline void fake_aws_start(struct fake_aws *f,
                                  void (*answer)(void *arg, const struct fake_request *q,
                                                 struct fake_reply *r),
                                  void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(a);
    *f = (struct fake_aws){.answer = answer, .arg = arg};
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->stop = eventfd(0, EFD_CLOEXEC);
    assert_true(f->listener >= 0 && f->stop >= 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(f->listener, 16), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &n), 0);
    assert_true(snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d", ntohs(a.sin_port)) > 0);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->counted, NULL);
    assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

/* Waits until so many requests were answered. */
static inline void fake_aws_await(struct fake_aws *f, int count)
{
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += 10;
    int failed = 0;
    pthread_mutex_lock(&f->lock);
    while (f->count < count && failed == 0) {
        failed = pthread_cond_timedwait(&f->counted, &f->lock, &until);
    }
    pthread_mutex_unlock(&f->lock);
    assert_int_equal(failed, 0);
}

static inline int fake_aws_count(struct fake_aws *f)
{
    pthread_mutex_lock(&f->lock);
    int count = f->count;
    pthread_mutex_unlock(&f->lock);
    return count;
}

static inline void fake_aws_stop(struct fake_aws *f)
{
    assert_int_equal(eventfd_write(f->stop, 1), 0);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    close(f->listener);
    close(f->stop);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->counted);
}

#endif
