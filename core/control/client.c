/* client.c: asking a core over its socket, waiting for the answer or not. */
#include "core/control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/control/long_table.h"

#define REQUEST_MAX (1024 * 1024)
#define ANSWER_MAX  (16 * 1024 * 1024)
#define CONNECT_MS  2000
#define RETRY_MS    10
#define EVENT       "{\"event\""
#define BIG         (256 * 1024)
#define READ_SIZE   (16 * 1024)
#define READS       16 /* at a time: a key must not wait for the end of a long message */

struct waiting {
    struct waiting *next;
    json_int_t id;
    void (*fn)(void *arg, json_t *result, const struct err_info *ei);
    void *arg;
};

struct client {
    int fd; /* -1: the core is gone */
    json_int_t next_id;
    struct buf in, out;
    size_t searched; /* of `in`: no line ends there */
    const char *const *tables;
    struct waiting *waiting;
};

/* --- errors of the core --- */

static enum err code_of(const char *name)
{
#define X(id, text)                                                                                \
    if (strcmp(name, text) == 0) {                                                                 \
        return ERR_##id;                                                                           \
    }
    ERR_LIST(X)
#undef X
    return ERR_IO;
}

/* Fills ei from {"code","message"}; returns its code. */
static enum err error_of(const json_t *error, struct err_info *ei)
{
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    enum err e = code_of(code ? code : "io");
    return err_set(ei, e == ERR_OK ? ERR_IO : e, "%s",
                   message ? message : "the core gave no reason");
}

/* --- bytes --- */

static void gone(struct client *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

static void fail_waiting(struct client *c)
{
    struct err_info ei = {.code = ERR_OK};
    (void)err_set(&ei, ERR_CLOSED, "the connection to the core is gone");
    while (c->waiting) {
        struct waiting *w = c->waiting;
        c->waiting = w->next;
        w->fn(w->arg, NULL, &ei);
        free(w);
    }
}

/* What cannot be written is dropped: the core may have said why before it closed, so that it is
 * read on until its end. */
static void write_some(struct client *c)
{
    while (c->fd >= 0 && c->out.len > 0) {
        ssize_t n = send(c->fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                buf_free(&c->out);
            }
            return;
        }
        buf_consume(&c->out, (size_t)n);
    }
}

/* Reads of what is there. False: the core is gone (what was read before is kept). */
static bool read_some(struct client *c)
{
    for (int i = 0; c->fd >= 0 && i < READS; i++) {
        char *room = buf_reserve(&c->in, READ_SIZE);
        ssize_t n = room ? recv(c->fd, room, READ_SIZE, MSG_DONTWAIT) : 0;
        if (n > 0) {
            buf_commit(&c->in, (size_t)n);
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        gone(c);
    }
    return c->fd >= 0;
}

/* The next whole line as JSON, or NULL. */
static json_t *next_message(struct client *c)
{
    const char *from = buf_bytes(&c->in);
    size_t unread = c->in.len - c->searched;
    const char *end = unread > 0 ? memchr(from + c->searched, '\n', unread) : NULL;
    if (!end) {
        c->searched = c->in.len;
        return NULL;
    }
    size_t n = (size_t)(end - from);
    bool event = c->tables && n > strlen(EVENT) && memcmp(from, EVENT, strlen(EVENT)) == 0;
    json_t *message = event ? long_table_load(from, n, c->tables) : json_loadb(from, n, 0, NULL);
    buf_consume(&c->in, n + 1);
    c->searched = 0;
    if (n > BIG && c->in.len == 0) {
        buf_free(&c->in); /* the next one may take its time */
    }
    return message ? message : json_object();
}

static enum err queue(struct client *c, const char *method, json_t *params, json_int_t *id,
                      struct err_info *ei)
{
    *id = c->next_id++;
    json_t *message = json_pack("{s:I, s:s}", "id", *id, "method", method);
    if (params && message) {
        (void)json_object_set(message, "params", params);
    }
    json_decref(params);
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    bool ok = text && buf_add(&c->out, text) && buf_add(&c->out, "\n");
    free(text);
    if (!ok) {
        return err_set(ei, ERR_NOMEM, "the request %s is too large or memory is short", method);
    }
    return c->fd < 0 ? err_set(ei, ERR_CLOSED, "the connection to the core is gone") : ERR_OK;
}

/* --- public --- */

static int connect_to(const char *path, struct err_info *ei)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path)) {
        (void)err_set(ei, ERR_RANGE, "control socket %s: the path is longer than %zu bytes", path,
                      sizeof(at.sun_path) - 1);
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)err_set_sys(ei, ERR_IO, errno, "cannot make a socket");
        return -1;
    }
    int64_t until = clock_mono_us() + CONNECT_MS * 1000;
    int why = 0;
    /* EAGAIN: its queue of connections is full. */
    while ((why = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno) ==
               EAGAIN &&
           clock_mono_us() < until) {
        (void)poll(NULL, 0, RETRY_MS);
    }
    if (why != 0) {
        enum err e = why == EACCES || why == EPERM ? ERR_FORBIDDEN
                     : why == EAGAIN               ? ERR_TIMEOUT
                                                   : ERR_NO_CORE;
        (void)close(fd);
        (void)err_set_sys(ei, e, why, "no tollgate core answers at %s", path);
        return -1;
    }
    return fd;
}

struct client *client_open(const char *socket_path, json_t **hello, struct err_info *ei)
{
    if (hello) {
        *hello = NULL;
    }
    int fd = connect_to(socket_path, ei);
    if (fd < 0) {
        return NULL;
    }
    struct client *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)close(fd);
        (void)err_set(ei, ERR_NOMEM, "no memory");
        return NULL;
    }
    c->fd = fd;
    buf_init(&c->in, ANSWER_MAX);
    buf_init(&c->out, REQUEST_MAX);
    json_t *answer = NULL;
    if (client_call(c, "hello", json_pack("{s:i}", "version", 1), CONNECT_MS, &answer, ei) !=
        ERR_OK) {
        client_close(c);
        return NULL;
    }
    if (hello) {
        *hello = answer;
    } else {
        json_decref(answer);
    }
    return c;
}

void client_close(struct client *c)
{
    if (!c) {
        return;
    }
    gone(c);
    while (c->waiting) {
        struct waiting *w = c->waiting;
        c->waiting = w->next;
        free(w);
    }
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

/* The answer to id among what has been read; other messages are dropped (this connection only
 * asks). */
static bool take_answer(struct client *c, json_int_t id, json_t **result, struct err_info *ei,
                        enum err *e)
{
    json_t *message;
    while ((message = next_message(c))) {
        json_t *error = json_object_get(message, "error");
        bool mine = json_is_integer(json_object_get(message, "id")) &&
                    json_integer_value(json_object_get(message, "id")) == id;
        if (mine) {
            *e = error ? error_of(error, ei) : ERR_OK;
            *result = error ? NULL : json_incref(json_object_get(message, "result"));
        }
        json_decref(message);
        if (mine) {
            return true;
        }
    }
    return false;
}

enum err client_call(struct client *c, const char *method, json_t *params, int64_t timeout_ms,
                     json_t **result, struct err_info *ei)
{
    json_int_t id = 0;
    *result = NULL;
    enum err e = queue(c, method, params, &id, ei);
    if (e != ERR_OK) {
        return e;
    }
    int64_t until = clock_mono_us() + timeout_ms * 1000;
    for (;;) {
        write_some(c);
        bool open = read_some(c);
        if (take_answer(c, id, result, ei, &e)) {
            return e;
        }
        if (!open) {
            return err_set(ei, ERR_CLOSED, "the core closed the connection before it answered %s",
                           method);
        }
        int64_t left = until - clock_mono_us();
        if (left <= 0) {
            return err_set(ei, ERR_TIMEOUT,
                           "the core did not answer %s within %lld ms; is it stopped?", method,
                           (long long)timeout_ms);
        }
        struct pollfd p = {.fd = c->fd, .events = (short)(POLLIN | (c->out.len > 0 ? POLLOUT : 0))};
        (void)poll(&p, 1, (int)(left / 1000) + 1);
    }
}

void client_long_tables(struct client *c, const char *const *names)
{
    c->tables = names;
}

int client_fd(const struct client *c)
{
    return c->fd;
}

bool client_wants_write(const struct client *c)
{
    return c->fd >= 0 && c->out.len > 0;
}

enum err client_send(struct client *c, const char *method, json_t *params,
                     void (*fn)(void *arg, json_t *result, const struct err_info *ei), void *arg,
                     struct err_info *ei)
{
    struct waiting *w = calloc(1, sizeof(*w));
    if (!w) {
        json_decref(params);
        return err_set(ei, ERR_NOMEM, "no memory");
    }
    enum err e = queue(c, method, params, &w->id, ei);
    if (e != ERR_OK) {
        free(w);
        return e;
    }
    w->fn = fn;
    w->arg = arg;
    struct waiting **end = &c->waiting;
    while (*end) {
        end = &(*end)->next;
    }
    *end = w;
    write_some(c);
    return ERR_OK;
}

static void deliver(struct client *c, json_t *message,
                    void (*on_event)(void *arg, const char *event, json_t *data), void *arg)
{
    const char *event = json_string_value(json_object_get(message, "event"));
    if (event) {
        on_event(arg, event, json_object_get(message, "data"));
        return;
    }
    if (!json_is_integer(json_object_get(message, "id"))) {
        return;
    }
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    for (struct waiting **at = &c->waiting; *at; at = &(*at)->next) {
        struct waiting *w = *at;
        if (w->id == id) {
            *at = w->next;
            json_t *error = json_object_get(message, "error");
            struct err_info ei = {.code = ERR_OK};
            if (error) {
                (void)error_of(error, &ei);
            }
            w->fn(w->arg, error ? NULL : json_object_get(message, "result"), error ? &ei : NULL);
            free(w);
            return;
        }
    }
}

enum err client_pump(struct client *c, void (*on_event)(void *arg, const char *event, json_t *data),
                     void *arg)
{
    write_some(c);
    bool open = read_some(c);
    json_t *message;
    while ((message = next_message(c))) {
        deliver(c, message, on_event, arg);
        json_decref(message);
    }
    if (!open) {
        fail_waiting(c);
        return ERR_CLOSED;
    }
    return ERR_OK;
}
