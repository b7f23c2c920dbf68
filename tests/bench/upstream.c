/* upstream.c: a mock Bedrock runtime that costs as little as possible: one thread, HTTP/1.1 with
 * keep-alive, answers prepared once.
 *
 *   upstream SECONDS        prints its port (a free one), ends after SECONDS or with its parent
 *
 * POST .../converse: a fixed answer of about 1 KB. POST .../converse-stream: messageStart, EVENTS
 * contentBlockDelta frames GAP ms apart (the first one at once), contentBlockStop, messageStop and
 * metadata. GET /_set/EVENTS/GAP changes both for later calls; GET /_count says how many calls
 * were answered. */
#include "common.h"

#include <signal.h>
#include <zlib.h>

#define HEAD_MAX      8192
#define FRAME_MAX     1024
#define SCRATCH       (256 * 1024)
#define CONVERSE_TEXT 700

struct client {
    int fd;
    bool stream; /* the call being read or answered */
    long events_left;
    int64_t due, body_left;
    struct client *next, *prev; /* streams, by due */
    bool waits;
    size_t head_len;
    char head[HEAD_MAX];
};

static int epoll;
static struct client *first_due, *last_due;
static long events = 40, gap_ms = 50, answered;
static char scratch[SCRATCH];
static char converse[4096], opening[4096], closing[4096], delta[FRAME_MAX];
static size_t converse_len, opening_len, closing_len, delta_len, delta_stamp, delta_frame;

/* --- answers, prepared --- */

static void put32(char *p, uint32_t v)
{
    p[0] = (char)(v >> 24);
    p[1] = (char)(v >> 16);
    p[2] = (char)(v >> 8);
    p[3] = (char)v;
}

static size_t header(char *p, const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value);

    p[0] = (char)n;
    memcpy(p + 1, name, n);
    p[1 + n] = 7;
    p[2 + n] = (char)(v >> 8);
    p[3 + n] = (char)v;
    memcpy(p + 4 + n, value, v);
    return 4 + n + v;
}

static void seal(char *frame, size_t n)
{
    put32(frame + n - 4, (uint32_t)crc32(0, (const Bytef *)frame, (uInt)(n - 4)));
}

/* A chunk with one event frame; *frame_at: where the frame begins. */
static size_t event(char *out, const char *type, const char *json, size_t *frame_at)
{
    char frame[FRAME_MAX];
    size_t n = 12, j = strlen(json);

    n += header(frame + n, ":event-type", type);
    n += header(frame + n, ":content-type", "application/json");
    n += header(frame + n, ":message-type", "event");
    put32(frame + 4, (uint32_t)(n - 12));
    memcpy(frame + n, json, j);
    n += j + 4;
    put32(frame, (uint32_t)n);
    put32(frame + 8, (uint32_t)crc32(0, (const Bytef *)frame, 8));
    seal(frame, n);
    int h = snprintf(out, FRAME_MAX, "%zx\r\n", n);
    *frame_at = (size_t)h;
    memcpy(out + h, frame, n);
    memcpy(out + h + n, "\r\n", 2);
    return (size_t)h + n + 2;
}

static void prepare(void)
{
    char text[CONVERSE_TEXT + 1], body[2048];
    size_t at;

    for (size_t i = 0; i < CONVERSE_TEXT; i++) {
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 26);
    }
    text[CONVERSE_TEXT] = 0;
    int b = snprintf(body, sizeof(body),
                     "{\"metrics\":{\"latencyMs\":612},\"output\":{\"message\":{\"content\":[{"
                     "\"text\":\"%s\"}],\"role\":\"assistant\"}},\"stopReason\":\"end_turn\","
                     "\"usage\":{\"inputTokens\":512,\"outputTokens\":128,\"totalTokens\":640}}",
                     text);
    converse_len = (size_t)snprintf(converse, sizeof(converse),
                                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                    "x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
                                    "Content-Length: %d\r\n\r\n%s",
                                    b, body);
    opening_len = (size_t)snprintf(opening, sizeof(opening),
                                   "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: application/vnd.amazon.eventstream\r\n"
                                   "x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n");
    opening_len += event(opening + opening_len, "messageStart", "{\"role\":\"assistant\"}", &at);
    delta_len = event(delta, "contentBlockDelta",
                      "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"" STAMP
                      "0000000000000000 tokens come\"},\"p\":\"abcdefgh\"}",
                      &delta_frame);
    char *stamp = memmem(delta, delta_len, STAMP, strlen(STAMP));
    delta_stamp = (size_t)(stamp - delta) + strlen(STAMP);
    closing_len = event(closing, "contentBlockStop", "{\"contentBlockIndex\":0}", &at);
    closing_len +=
        event(closing + closing_len, "messageStop", "{\"stopReason\":\"end_turn\"}", &at);
    closing_len += event(closing + closing_len, "metadata",
                         "{\"metrics\":{\"latencyMs\":2000},\"usage\":{\"inputTokens\":512,"
                         "\"outputTokens\":128,\"totalTokens\":640}}",
                         &at);
    memcpy(closing + closing_len, "0\r\n\r\n", 5);
    closing_len += 5;
}

/* Copies a contentBlockDelta stamped with the time of now. */
static size_t stamped(char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t t = (uint64_t)now_ns();

    for (size_t i = STAMP_DIGITS; i-- > 0; t >>= 4) {
        delta[delta_stamp + i] = digits[t & 15];
    }
    seal(delta + delta_frame, delta_len - delta_frame - 2);
    memcpy(out, delta, delta_len);
    return delta_len;
}

/* --- streams in time --- */

static void due_remove(struct client *c)
{
    if (!c->waits) {
        return;
    }
    *(c->prev ? &c->prev->next : &first_due) = c->next;
    *(c->next ? &c->next->prev : &last_due) = c->prev;
    c->waits = false;
}

/* The gap is the same for all, so that the end of the list is nearly always the place. */
static void due_add(struct client *c)
{
    struct client *after = last_due;

    while (after && after->due > c->due) {
        after = after->prev;
    }
    c->prev = after;
    c->next = after ? after->next : first_due;
    *(after ? &after->next : &first_due) = c;
    *(c->next ? &c->next->prev : &last_due) = c;
    c->waits = true;
}

static void client_end(struct client *c)
{
    due_remove(c);
    (void)close(c->fd);
    free(c);
}

/* False: the client is gone (also when it does not read, which no measurement may meet). */
static bool say(struct client *c, const char *p, size_t n)
{
    if (send(c->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n) {
        return true;
    }
    client_end(c);
    return false;
}

static bool stream_go_on(struct client *c, char *out, size_t n)
{
    if (c->events_left > 0) {
        n += stamped(out + n);
        c->events_left--;
        c->due += gap_ms * 1000000;
        due_add(c);
    } else {
        memcpy(out + n, closing, closing_len);
        n += closing_len;
        answered++;
    }
    return say(c, out, n);
}

/* --- requests --- */

static bool answer(struct client *c)
{
    char out[8192];

    if (!c->stream) {
        answered++;
        return say(c, converse, converse_len);
    }
    c->events_left = events;
    c->due = now_ns();
    memcpy(out, opening, opening_len);
    return stream_go_on(c, out, opening_len);
}

static bool answer_get(struct client *c, const char *target)
{
    char out[256], body[64];
    long e, g;

    if (sscanf(target, "/_set/%9ld/%9ld", &e, &g) == 2) {
        events = e;
        gap_ms = g;
    }
    int b = snprintf(body, sizeof(body), "{\"answered\":%ld}", answered);
    int n = snprintf(out, sizeof(out),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     b, body);
    return say(c, out, (size_t)n);
}

/* A whole head, NUL in place of its last byte. False: gone. */
static bool head(struct client *c, char *h)
{
    char *line_end = strpbrk(h, "\r\n"), *space = strchr(h, ' ');
    const char *length = strcasestr(h, "\ncontent-length:");

    if (!line_end || !space || strcasestr(h, "\ntransfer-encoding:")) {
        client_end(c);
        return false;
    }
    if (strncmp(h, "GET ", 4) == 0) {
        return answer_get(c, space + 1);
    }
    *line_end = 0;
    c->stream = strstr(space, "/converse-stream ") != NULL;
    c->body_left = length ? strtoll(length + strlen("\ncontent-length:"), NULL, 10) : 0;
    return c->body_left > 0 || answer(c);
}

/* Takes bytes that came. False: gone. */
static bool take(struct client *c, char *p, size_t n)
{
    while (n > 0) {
        size_t used = n;
        if (c->body_left > 0) {
            used = (int64_t)n < c->body_left ? n : (size_t)c->body_left;
            c->body_left -= (int64_t)used;
            if (c->body_left == 0 && !answer(c)) {
                return false;
            }
        } else {
            size_t room = HEAD_MAX - c->head_len, before = c->head_len;
            used = n < room ? n : room;
            memcpy(c->head + c->head_len, p, used);
            c->head_len += used;
            char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
            if (end) {
                used = (size_t)(end + 4 - c->head) - before;
                end[3] = 0;
                c->head_len = 0;
                if (!head(c, c->head)) {
                    return false;
                }
            } else if (c->head_len == HEAD_MAX) {
                client_end(c);
                return false;
            }
        }
        p += used;
        n -= used;
    }
    return true;
}

static void readable(struct client *c)
{
    ssize_t n = recv(c->fd, scratch, sizeof(scratch), 0);

    if (n > 0) {
        (void)take(c, scratch, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        client_end(c);
    }
}

static void welcome(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *c = calloc(1, sizeof(*c));
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (!c || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
            die("no memory");
        }
        c->fd = fd;
        no_delay(fd);
    }
}

static int listen_anywhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof(a);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        die("listen: %s", strerror(errno));
    }
    (void)printf("%d\n", ntohs(a.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event ready[256];

    if (argc != 2) {
        die("usage: upstream SECONDS");
    }
    int64_t end = now_ns() + number_arg(argv[1], "SECONDS", 1, 3600) * 1000000000;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)be_precise_and_large();
    prepare();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) != 0) {
        die("epoll: %s", strerror(errno));
    }
    while (now_ns() < end) {
        int n =
            wait_until(epoll, ready, 256, first_due && first_due->due < end ? first_due->due : end);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr) {
                readable(ready[i].data.ptr);
            } else {
                welcome(listener);
            }
        }
        for (int64_t now = now_ns(); first_due && first_due->due <= now;) {
            struct client *c = first_due;
            char out[8192];
            due_remove(c);
            (void)stream_go_on(c, out, 0);
        }
    }
    return 0;
}
