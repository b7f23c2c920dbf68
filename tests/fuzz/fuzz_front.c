/* Clients of the front, HTTP/1.1 and HTTP/2, over a socket pair and with a gate that answers by the
 * target: whatever comes, every exchange ends once, a body is as long as it was announced, and
 * nothing stays behind when the client is gone. */
#include "core/proxy/front_private.h"
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define FRAME_HEAD 9
#define PREFACE    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* --- the gate --- */

struct ticket {
    struct exchange *x;
    struct ticket *prev, *next;
    size_t body;
    bool whole;
};
struct gate {
    struct ticket list; /* a ring */
    size_t open;
};

static struct gate the_gate;

static void ticket_drop(struct ticket *t)
{
    t->prev->next = t->next;
    t->next->prev = t->prev;
    the_gate.open--;
    free(t);
}

static void ticket_add(struct exchange *x)
{
    struct ticket *t = calloc(1, sizeof(*t));
    MUST(t != NULL && x->ticket == NULL);
    t->x = x;
    t->prev = the_gate.list.prev;
    t->next = &the_gate.list;
    t->prev->next = t->next->prev = t;
    x->ticket = t;
    the_gate.open++;
}

static void finish(struct exchange *x, bool abort_it)
{
    struct ticket *t = x->ticket;
    if (abort_it) {
        exchange_abort(x);
    } else {
        exchange_end(x);
    }
    ticket_drop(t);
}

static void answer(struct exchange *x, int status, struct str body)
{
    exchange_respond(x, status, STR("X-Fuzz: yes\r\n"), (int64_t)body.n);
    exchange_send(x, body.p, body.n);
    finish(x, false);
}

static bool is_name(struct str s, bool http2)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c <= ' ' || c >= 0x7F || c == ':' || (http2 && c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_value(struct str s)
{
    return s.n == 0 || (memchr(s.p, '\0', s.n) == NULL && memchr(s.p, '\r', s.n) == NULL &&
                        memchr(s.p, '\n', s.n) == NULL);
}

void gate_head(struct gate *g, struct exchange *x)
{
    MUST(g == &the_gate && x->method.n > 0 && x->target.n > 0);
    MUST(!holds_control(x->target) && !holds_control(x->authority) && !holds_control(x->method));
    MUST(memchr(x->target.p, ' ', x->target.n) == NULL);
    MUST(x->content_length >= -1 && x->body.len == 0);
    for (size_t i = 0; i < x->header_count; i++) {
        MUST(is_name(x->headers[i].name, x->http2) && is_value(x->headers[i].value));
        MUST(!x->http2 || !str_is(x->headers[i].name, "transfer-encoding"));
    }
    ticket_add(x);
    if (str_starts(x->target, "/now")) {
        answer(x, 403, STR("now"));
    }
}

void gate_body(struct exchange *x, size_t n)
{
    MUST(n > 0 && n <= x->body.len && !x->ticket->whole);
    x->ticket->body += n;
    MUST(x->ticket->body == x->body.len);
    MUST(x->content_length < 0 || x->body.len <= (size_t)x->content_length);
}

void gate_request(struct exchange *x)
{
    MUST(!x->ticket->whole && !x->responded);
    x->ticket->whole = true;
    MUST(x->content_length < 0 || x->body.len == (size_t)x->content_length);
    MUST(x->ticket->body == x->body.len);
    if (str_starts(x->target, "/hold")) {
        return;
    }
    if (str_starts(x->target, "/stream") || str_starts(x->target, "/abort")) {
        bool stop = str_starts(x->target, "/abort");
        exchange_release_request(x);
        exchange_respond(x, 200, STR("Content-Type: text/plain\r\n"), -1);
        exchange_send(x, "first", 5);
        finish(x, stop);
    } else if (str_starts(x->target, "/short")) {
        exchange_respond(x, 200, STR(""), 10);
        exchange_send(x, "12345", 5);
        finish(x, false);
    } else if (str_starts(x->target, "/long")) {
        exchange_respond(x, 200, STR(""), 3);
        exchange_send(x, "12345", 5); /* it is cut: gate_gone follows */
    } else {
        answer(x, 200, buf_str(&x->body));
    }
}

void gate_gone(struct exchange *x)
{
    MUST(x->ticket != NULL);
    ticket_drop(x->ticket);
}

void gate_drained(struct exchange *x)
{
    MUST(x->ticket != NULL);
}

void gate_broken(struct gate *g, struct exchange *x, int status, const char *message)
{
    MUST(g == &the_gate && !x->responded && message[0] != '\0');
    MUST(status == 400 || status == 408 || status == 413 || status == 431 || status == 501 ||
         status == 505);
    if (x->ticket == NULL) {
        ticket_add(x);
    }
    answer(x, status, str_of(message));
}

/* --- one thread is server and client --- */

static struct loop *the_loop;
static struct front *the_front;
static struct loop_timer turn_end;

static void on_turn(void *arg)
{
    front_turn(arg);
}

static void end_turn(struct loop_timer *t)
{
    (void)t;
    loop_stop(the_loop);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        loop_arm(the_loop, &turn_end, 0);
        loop_run(the_loop);
    }
}

static void begin(void)
{
    static struct config c;
    struct err_info ei = {0};

    c.requests.max_body = 2000;
    c.requests.max_header = 2048;
    c.requests.header_timeout_ms = c.requests.body_timeout_ms = 60000;
    c.requests.stall_timeout_ms = 60000;
    turn_end.on_time = end_turn;
    the_gate.list.prev = the_gate.list.next = &the_gate.list;
    the_loop = loop_new(&ei);
    MUST(the_loop != NULL);
    the_front = front_new(the_loop, &c, &the_gate, 0, NULL, 0, &ei);
    MUST(the_front != NULL);
    loop_on_turn(the_loop, on_turn, the_front);
    turns(1);
}

/* What the server has said so far, thrown away. False: it closed. */
static bool drain(int fd)
{
    static char bytes[65536];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
    }
    return n < 0;
}

static void say(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            return;
        }
        text = str_sub(text, (size_t)n, text.n);
    }
}

/* The rest of an input as frames with right lengths: type, flags, stream, length, payload. */
static void add_frames(struct buf *out, struct input *in)
{
    buf_add(out, PREFACE);
    buf_append(out, "\0\0\0\4\0\0\0\0\0", FRAME_HEAD);
    while (in->n > 0) {
        char head[FRAME_HEAD] = {0};
        head[3] = (char)(input_byte(in) % 11);
        head[4] = (char)input_byte(in);
        head[8] = (char)input_byte(in);
        size_t n = (size_t)input_int(in, 2);
        struct str payload = input_str(in, n);
        head[1] = (char)(payload.n >> 8);
        head[2] = (char)payload.n;
        buf_append(out, head, sizeof(head));
        buf_add_str(out, payload);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint8_t mode = input_byte(&in);
    struct split split = split_of((uint16_t)input_int(&in, 2));
    struct buf text = {0};
    int fds[2];

    if (the_loop == NULL) {
        begin();
    }
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    conn_new(the_front, fds[0], NULL, true);
    if (mode % 3 == 0) {
        buf_add_str(&text, input_rest(&in));
    } else {
        add_frames(&text, &in);
    }
    bool whole = mode & 0x40, open = true;
    for (size_t at = 0, size; open && at < text.len; at += size) {
        size = whole ? text.len : 16 * split_next(&split, text.len - at);
        say(fds[1], str_sub(buf_str(&text), at, size));
        turns(1);
        open = drain(fds[1]);
    }
    if (mode & 0x80) {
        (void)shutdown(fds[1], SHUT_WR);
    }
    turns(2);
    (void)drain(fds[1]);
    close(fds[1]);
    turns(2);
    MUST(front_connections(the_front) == 0 && front_exchanges(the_front) == 0);
    MUST(the_gate.open == 0);
    buf_free(&text);
    return 0;
}
