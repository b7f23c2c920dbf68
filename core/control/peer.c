/* peer.c: one connection of the control socket: who it is, its requests, its answers, its
 * subscription. One that does not read, or asks without end, holds up nobody else. */
#include "core/control/long_read.h"
#include "core/control/server_private.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define VIEWERS_MAX     48 /* so that operators always find a place */
#define MESSAGE_MAX     (1024 * 1024)
#define BACKLOG_MAX     (16 * 1024 * 1024)
#define OUT_ENOUGH      (256 * 1024) /* unread answers that hold back the next request */
#define READ_SIZE       (16 * 1024)
#define LINES_A_TURN    4
#define PENDING_MAX     8 /* requests that threads of long_read.c answer */
#define SHARED_US       200000
#define TEXT_MAX        (1024 * 1024)
#define GROUPS_MAX      65536

struct peer {
    struct loop_fd fd;       /* first */
    struct loop_timer timer; /* of the subscription */
    struct loop_timer again; /* requests wait that were read already */
    struct server *server;
    struct peer *next;
    struct actor actor;
    struct buf in, out;
    bool greeted, subscribed;
    bool ended; /* it asks no more, and leaves with its last answer */
    int pending;
    int64_t interval_us;
    json_t *last; /* what the subscriber has */
};

/* --- who is it --- */

/* The group of that name; false: there is none. */
static bool group_id(const char *name, gid_t *out)
{
    bool found = false;
    for (size_t size = 16 * 1024; size <= TEXT_MAX; size *= 4) {
        struct group g, *at = NULL;
        char *text = malloc(size);
        int status = text ? getgrnam_r(name, &g, text, size, &at) : ENOMEM;
        found = status == 0 && at;
        if (found) {
            *out = at->gr_gid;
        }
        free(text);
        if (status != ERANGE) {
            break;
        }
    }
    return found;
}

static bool in_group(const struct config_names *names, const gid_t *gids, size_t n)
{
    gid_t gid;
    for (size_t i = 0; i < names->count; i++) {
        if (!group_id(names->at[i], &gid)) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (gids[k] == gid) {
                return true;
            }
        }
    }
    return false;
}

/* The peer's groups with its primary one; owned by the caller. NULL without memory. */
static gid_t *peer_groups(int fd, gid_t primary, size_t *count)
{
    socklen_t size = 64 * sizeof(gid_t);
    gid_t *gids = malloc(size + sizeof(gid_t));
    while (gids && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size) != 0) {
        bool larger = errno == ERANGE && size <= GROUPS_MAX * sizeof(gid_t);
        gid_t *more = larger ? realloc(gids, size + sizeof(gid_t)) : NULL;
        if (!more) {
            size = 0; /* the primary one must do */
            break;
        }
        gids = more;
    }
    *count = 0;
    if (gids) {
        *count = size / sizeof(gid_t);
        gids[(*count)++] = primary;
    }
    return gids;
}

static bool recognise(const struct config *config, int fd, struct actor *out)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0) {
        return false;
    }
    struct passwd entry, *found = NULL;
    char text[16 * 1024];
    out->uid = peer.uid;
    if (getpwuid_r(peer.uid, &entry, text, sizeof(text), &found) == 0 && found) {
        (void)str_copy(out->login, sizeof(out->login), str_of(found->pw_name));
    } else {
        (void)snprintf(out->login, sizeof(out->login), "uid%u", (unsigned)peer.uid);
    }
    size_t count;
    gid_t *gids = peer_groups(fd, peer.gid, &count);
    out->operates =
        peer.uid == 0 || peer.uid == geteuid() || in_group(&config->control_operators, gids, count);
    bool known = out->operates || in_group(&config->control_viewers, gids, count);
    free(gids);
    return known;
}

bool (*peer_recognise)(const struct config *config, int fd, struct actor *out) = recognise;

/* --- bytes out --- */

static void peer_close(struct peer *p)
{
    struct server *s = p->server;
    struct peer **at = &s->peers;
    while (*at && *at != p) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = p->next;
    }
    s->peer_count--;
    s->viewer_count -= !p->actor.operates;
    if (p->pending > 0) {
        long_reads_leave(s->long_reads, p);
    }
    loop_disarm(s->loop, &p->timer);
    loop_disarm(s->loop, &p->again);
    loop_remove(s->loop, &p->fd);
    (void)close(p->fd.fd);
    buf_free(&p->in);
    buf_free(&p->out);
    json_decref(p->last);
    free(p);
}

static void peer_watch(struct peer *p)
{
    bool reads = !p->ended && p->in.len < MESSAGE_MAX && p->out.len < OUT_ENOUGH;
    loop_change(p->server->loop, &p->fd, (reads ? EPOLLIN : 0) | (p->out.len > 0 ? EPOLLOUT : 0));
}

/* False: the peer is gone (and closed). */
static bool peer_flush(struct peer *p)
{
    while (p->out.len > 0) {
        ssize_t n = send(p->fd.fd, buf_bytes(&p->out), p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                break;
            }
            peer_close(p);
            return false;
        }
        buf_consume(&p->out, (size_t)n);
    }
    if (p->ended && p->pending == 0 && p->out.len == 0) {
        peer_close(p);
        return false;
    }
    peer_watch(p);
    return true;
}

/* Takes the message. False: the peer is gone. */
static bool peer_send(struct peer *p, json_t *message)
{
    bool ok = message && json_text(&p->out, message) && buf_add(&p->out, "\n");
    json_decref(message);
    if (!ok) {
        peer_close(p);
        return false;
    }
    return peer_flush(p);
}

static json_t *failure(json_int_t id, enum err e, const char *text)
{
    return json_pack("{s:I, s:{s:s, s:o}}", "id", id, "error", "code", err_name(e), "message",
                     json_str(str_of(text)));
}

/* --- subscriptions --- */

/* Top-level members that differ from what the subscriber has. */
static json_t *changes(const json_t *last, const json_t *now)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)now, key, value)
    {
        if (strcmp(key, "time") != 0 && !json_equal(json_object_get(last, key), value)) {
            (void)json_object_set(out, key, value);
        }
    }
    if (json_object_size(out) > 0) {
        (void)json_object_set(out, "time", json_object_get(now, "time"));
    }
    return out;
}

/* The users whose dashboards are attached, each once. */
static json_t *watchers(const struct server *s)
{
    json_t *seen = json_object(), *out = json_array();
    for (const struct peer *p = s->peers; p; p = p->next) {
        if (p->subscribed && !json_object_get(seen, p->actor.login)) {
            (void)json_object_set_new(seen, p->actor.login, json_true());
            (void)json_array_append_new(out, json_str(str_of(p->actor.login)));
        }
    }
    json_decref(seen);
    return out;
}

/* One snapshot serves all who want one at about the same time. */
static json_t *shared_snapshot(struct server *s)
{
    int64_t now = loop_now_us(s->loop);
    if (!s->shared || now - s->shared_us >= SHARED_US) {
        json_decref(s->shared);
        s->shared = snapshot_dashboard(s->core, server_attached(s));
        (void)json_object_set_new(s->shared, "watchers", watchers(s));
        s->shared_us = now;
    }
    return s->shared;
}

static void push(struct loop_timer *t)
{
    struct peer *p = (struct peer *)(void *)((char *)t - offsetof(struct peer, timer));
    struct server *s = p->server;
    loop_arm(s->loop, &p->timer, p->interval_us);
    if (p->out.len > 0) {
        return; /* it has not read the last one: the next will be newer */
    }
    json_t *now = shared_snapshot(s);
    json_t *data = changes(p->last, now);
    json_decref(p->last);
    p->last = json_incref(now);
    if (json_object_size(data) == 0) {
        json_decref(data);
        return;
    }
    (void)peer_send(p, json_pack("{s:s, s:o}", "event", "snapshot", "data", data));
}

static void push_all_soon(struct server *s)
{
    json_decref(s->shared);
    s->shared = NULL;
    for (struct peer *p = s->peers; p; p = p->next) {
        if (p->subscribed) {
            loop_arm(s->loop, &p->timer, 0);
        }
    }
}

/* --- requests --- */

static json_t *hello(struct peer *p)
{
    const struct core *c = p->server->core;
    p->greeted = true;
    return json_pack("{s:i, s:i, s:s, s:s, s:I, s:b, s:s, s:s}", "version", 1, "pid", (int)getpid(),
                     "role", p->actor.operates ? "operator" : "viewer", "user", p->actor.login,
                     "uid", (json_int_t)p->actor.uid, "simulated", c->simulated, "region",
                     c->config->region, "state_dir", c->config->state_dir);
}

static json_t *subscribe(struct peer *p, const json_t *params)
{
    json_int_t ms = json_integer_value(json_object_get(params, "interval_ms"));
    ms = ms == 0 ? 1000 : ms < 250 ? 250 : ms > 60000 ? 60000 : ms;
    p->interval_us = ms * 1000;
    p->subscribed = true;
    json_decref(p->last);
    p->last = NULL;
    loop_arm(p->server->loop, &p->timer, 0);
    return json_object();
}

/* A request that a thread of long_read.c answers. */
static enum err ask_aside(struct peer *p, const struct command *k, json_int_t id,
                          const json_t *params, struct err_info *ei)
{
    const struct command *allowed;
    enum err e = commands_allow(p->server->core, &p->actor, k->method, &allowed, ei);
    if (e == ERR_OK && p->pending >= PENDING_MAX) {
        e = err_set(ei, ERR_FULL, "%d requests of this connection wait for their answers already",
                    PENDING_MAX);
    }
    json_t *copy = e == ERR_OK && params ? json_deep_copy(params) : NULL;
    e = e == ERR_OK ? long_reads_ask(p->server->long_reads, p, k, &p->actor, id, copy, ei) : e;
    p->pending += e == ERR_OK;
    return e;
}

void peer_answer(void *peer, json_int_t id, enum err e, json_t *result, const char *text)
{
    struct peer *p = peer;
    p->pending--;
    (void)peer_send(p, e == ERR_OK ? json_pack("{s:I, s:o}", "id", id, "result", result)
                                   : failure(id, e, text));
}

static enum err answer(struct peer *p, const char *method, json_int_t id, const json_t *params,
                       json_t **result, struct err_info *ei)
{
    if (!method || (params && !json_is_object(params))) {
        return err_set(ei, ERR_PARSE,
                       "not a request: {\"id\":N,\"method\":\"..\",\"params\":{..}}");
    }
    if (strcmp(method, "hello") == 0) {
        if (json_integer_value(json_object_get(params, "version")) != 1) {
            return err_set(ei, ERR_UNSUPPORTED, "this core speaks version 1 of the protocol");
        }
        *result = hello(p);
        return ERR_OK;
    }
    if (!p->greeted) {
        return err_set(ei, ERR_PARSE, "the first request must be hello");
    }
    if (strcmp(method, "subscribe") == 0) {
        *result = subscribe(p, params);
        return ERR_OK;
    }
    const struct command *k = commands_find(method);
    return k && k->way != COMMAND_HERE
               ? ask_aside(p, k, id, params, ei)
               : commands_run(p->server->core, &p->actor, method, params, result, ei);
}

/* One line. False: the peer is gone. */
static bool take_line(struct peer *p, const char *line, size_t n)
{
    struct server *s = p->server;
    json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    const char *method = json_string_value(json_object_get(request, "method"));
    json_int_t id = json_integer_value(json_object_get(request, "id"));
    const struct command *k = method ? commands_find(method) : NULL;
    struct err_info ei = {.code = ERR_OK};
    json_t *result = NULL;
    enum err e = answer(p, method, id, json_object_get(request, "params"), &result, &ei);
    bool later = e == ERR_OK && !result;
    bool open =
        later || peer_send(p, e == ERR_OK ? json_pack("{s:I, s:o}", "id", id, "result", result)
                                          : failure(id, e, ei.text));
    json_decref(request);
    if (k && k->class != COMMAND_READ) {
        push_all_soon(s);
    }
    return open;
}

static const char *line_end(const struct peer *p)
{
    return p->in.len > 0 ? memchr(buf_bytes(&p->in), '\n', p->in.len) : NULL;
}

static void take_lines(struct peer *p)
{
    const char *end;
    for (int i = 0; i < LINES_A_TURN && p->out.len < OUT_ENOUGH && (end = line_end(p)); i++) {
        size_t n = (size_t)(end - buf_bytes(&p->in));
        if (n > 0 && !take_line(p, buf_bytes(&p->in), n)) {
            return;
        }
        buf_consume(&p->in, n + 1);
    }
    if (line_end(p)) {
        if (p->out.len < OUT_ENOUGH) {
            loop_arm(p->server->loop, &p->again, 0); /* after the others */
        }
    } else if (p->in.len >= MESSAGE_MAX) {
        if (peer_send(p, failure(0, ERR_TOO_BIG, "a request is at most 1 MB"))) {
            peer_close(p);
        }
        return;
    }
    peer_watch(p);
}

static void go_on(struct loop_timer *t)
{
    take_lines((struct peer *)(void *)((char *)t - offsetof(struct peer, again)));
}

/* False: the peer is gone. */
static bool peer_read(struct peer *p)
{
    size_t room = MESSAGE_MAX - p->in.len < READ_SIZE ? MESSAGE_MAX - p->in.len : READ_SIZE;
    char *to = buf_reserve(&p->in, room);
    ssize_t n = to ? recv(p->fd.fd, to, room, MSG_DONTWAIT) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n == 0 && to && p->pending > 0) { /* it may read on; EPOLLHUP says if not */
        p->ended = true;
        return true;
    }
    if (n <= 0) {
        peer_close(p);
        return false;
    }
    buf_commit(&p->in, (size_t)n);
    return true;
}

static void on_peer(struct loop_fd *f, uint32_t events)
{
    struct peer *p = (struct peer *)(void *)f;
    if ((events & EPOLLOUT) && !peer_flush(p)) {
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR) && p->ended) {
        peer_close(p);
        return;
    }
    if ((events & EPOLLIN) && p->in.len < MESSAGE_MAX) {
        if (!peer_read(p)) {
            return;
        }
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        peer_close(p); /* nobody reads the answers any more */
        return;
    }
    take_lines(p);
}

/* --- connections --- */

static void refuse(int fd, enum err e, const char *text)
{
    struct buf line = {.data = NULL};
    json_t *message = failure(0, e, text);
    if (json_text(&line, message) && buf_add(&line, "\n")) {
        (void)!send(fd, buf_bytes(&line), line.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    json_decref(message);
    buf_free(&line);
    (void)close(fd);
}

void peer_accept(struct server *s, int fd)
{
    struct peer *p = s->peer_count < CONNECTIONS_MAX ? calloc(1, sizeof(*p)) : NULL;
    if (!p) {
        refuse(fd, ERR_FULL, "64 connections are open already");
        return;
    }
    bool known = peer_recognise(s->core->config, fd, &p->actor);
    bool full = known && !p->actor.operates && s->viewer_count >= VIEWERS_MAX;
    if (!known || full) {
        free(p);
        refuse(fd, full ? ERR_FULL : ERR_FORBIDDEN,
               full ? "48 viewers are connected already"
                    : "this user is neither operator nor viewer of this core");
        return;
    }
    p->server = s;
    p->fd.fd = fd;
    p->fd.on_event = on_peer;
    p->timer.on_time = push;
    p->again.on_time = go_on;
    buf_init(&p->in, MESSAGE_MAX);
    buf_init(&p->out, BACKLOG_MAX);
    if (loop_add(s->loop, &p->fd, EPOLLIN) != ERR_OK) {
        free(p);
        refuse(fd, ERR_IO, "the core cannot watch another connection");
        return;
    }
    p->next = s->peers;
    s->peers = p;
    s->peer_count++;
    s->viewer_count += !p->actor.operates;
}

void peer_close_all(struct server *s)
{
    while (s->peers) {
        peer_close(s->peers);
    }
}

int server_attached(const struct server *s)
{
    int n = 0;
    for (const struct peer *p = s->peers; p; p = p->next) {
        n += p->subscribed;
    }
    return n;
}
