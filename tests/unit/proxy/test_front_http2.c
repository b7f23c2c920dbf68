/* HTTP/2 with prior knowledge between real sockets and the front. */
#include "tests/unit/proxy/http2_client.h"

#include <malloc.h>

static struct h2_client *client_new(const struct server *s)
{
    return h2_open(client_open(s, 0), NULL, true);
}

static void answers(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    int32_t id = h2_ask(c, "POST", "/echo", "hello", "x-more", "2");
    H2_UNTIL(c, h2_reply(c, id)->closed);
    struct h2_reply *r = h2_reply(c, id);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->code, NGHTTP2_NO_ERROR);
    assert_int_equal(r->length, 5);
    assert_string_equal(r->body, "hello");
    assert_true(r->date && r->fake);
    assert_int_equal(s.gate.http2, 1);
    assert_int_equal(s.gate.loopback, 1);
    assert_int_equal(s.gate.header_count, 2); /* x-test, x-more */
    assert_string_equal(s.gate.authority, "a:1");
    assert_string_equal(s.gate.method, "POST");
    assert_string_equal(s.gate.target, "/echo");

    r = h2_get(c, "/chunked");
    assert_int_equal(r->length, -1);
    assert_string_equal(r->body, "onetwo!");
    r = h2_get(c, "/empty");
    assert_int_equal(r->status, 204);
    assert_int_equal(r->length, -1);
    id = h2_ask(c, "HEAD", "/big/1000", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->length, 1000);
    assert_int_equal(h2_reply(c, id)->received, 0);
    assert_int_equal(counted(&front_counts(s.front)->requests), 4);
    h2_close(c);
    server_stop(&s);
}

static void runs_streams_side_by_side(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    int32_t held[100];
    for (int i = 0; i < 100; i++) {
        held[i] = h2_ask(c, "GET", i % 2 ? "/hold" : "/stream", NULL, NULL, NULL);
    }
    int32_t quick = h2_ask(c, "GET", "/echo", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, quick)->closed);
    H2_UNTIL(c, h2_reply(c, held[98])->received == 5);
    in_server(&s, send_event);
    H2_UNTIL(c, h2_reply(c, held[98])->received == 10);
    in_server(&s, release_held);
    for (int i = 0; i < 100; i++) {
        H2_UNTIL(c, h2_reply(c, held[i])->closed);
        assert_int_equal(h2_reply(c, held[i])->code, NGHTTP2_NO_ERROR);
        assert_string_equal(h2_reply(c, held[i])->body, i % 2 ? "held" : "firsteventlast");
    }
    h2_close(c);
    server_stop(&s);
}

static void bounds_streams(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    h2_get(c, "/echo"); /* SETTINGS are known now */
    for (int i = 0; i < 300; i++) {
        h2_ask(c, "GET", "/hold", NULL, NULL, NULL);
    }
    H2_UNTIL(c, s.gate.open == 256); /* the client's nghttp2 keeps the rest back */
    in_server(&s, release_held);
    H2_UNTIL(c, s.gate.requests == 301);
    in_server(&s, release_held);
    H2_UNTIL(c, s.gate.open == 0);
    h2_close(c);
    server_stop(&s);
}

static void takes_the_preface_in_pieces(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    int fd = client_open(&s, 0);
    for (const char *p = NGHTTP2_CLIENT_MAGIC; *p; p++) {
        client_send(fd, p, 1);
        usleep(100);
    }
    client_send(fd, "\0\0\0\4\0\0\0\0\0", 9);
    char frame[9];
    assert_int_equal(client_read(fd, frame, 9), 9);
    assert_int_equal(frame[3], NGHTTP2_SETTINGS);
    close(fd);

    fd = client_open(&s, 0); /* nearly */
    client_text(fd, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    char answer_text[512] = {0};
    assert_true(client_read(fd, answer_text, sizeof answer_text - 1) > 0);
    assert_non_null(strstr(answer_text, " 505 "));
    close(fd);
    server_stop(&s);
}

static void keeps_to_the_window(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = h2_open(client_open(&s, 0), NULL, false);
    int32_t id = h2_ask(c, "GET", "/big/4000000", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->received == 65535);
    assert_true(s.gate.max_pending > EXCHANGE_HIGH);
    assert_true(s.gate.max_pending <= EXCHANGE_HIGH + (long)sizeof big_piece);
    assert_int_equal(s.gate.drained, 0);
    /* Another stream has no window of the connection, but its head comes. */
    int32_t other = h2_ask(c, "GET", "/echo", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, other)->status == 200);
    size_t seen = 0;
    while (seen < 4000000) {
        size_t now = h2_reply(c, id)->received;
        if (now > seen) {
            assert_int_equal(nghttp2_session_consume(c->session, id, now - seen), 0);
            seen = now;
        }
        h2_pump(c, 5);
        assert_false(c->ended);
    }
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_true(s.gate.drained > 0);
    assert_true(s.gate.max_pending <= EXCHANGE_HIGH + (long)sizeof big_piece);
    h2_close(c);
    server_stop(&s);
}

static void cuts_streams_that_are_not_read(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.stall_timeout_ms = 100;
    server_start(&s);
    struct h2_client *c = h2_open(client_open(&s, 0), NULL, false);
    int32_t id = h2_ask(c, "GET", "/big/4000000", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->code, NGHTTP2_CANCEL);
    assert_int_equal(s.gate.gone, 1);
    assert_int_equal(counted(&front_counts(s.front)->timeouts), 1);
    assert_int_equal(h2_get(c, "/empty")->status, 204); /* the others go on */
    h2_close(c);

    int fd = client_open(&s, 4096); /* a whole connection that is not read */
    c = h2_open(fd, NULL, true);
    nghttp2_session_set_local_window_size(c->session, 0, 0, 1 << 30);
    nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30};
    nghttp2_submit_settings(c->session, 0, &wide, 1);
    h2_ask(c, "GET", "/big/50000000", NULL, NULL, NULL);
    const uint8_t *data;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->session, &data)) > 0) {
        h2_write(c, data, (size_t)n);
    }
    WAIT_FOR(s.gate.gone == 2);
    h2_close(c);
    server_stop(&s);
}

static void notices_clients_that_leave(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    int32_t id = h2_ask(c, "GET", "/hold", NULL, NULL, NULL);
    int32_t streaming = h2_ask(c, "GET", "/stream", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, streaming)->received == 5);
    nghttp2_submit_rst_stream(c->session, 0, id, NGHTTP2_CANCEL);
    H2_UNTIL(c, s.gate.gone == 1);
    assert_int_equal(s.gate.open, 1);
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    WAIT_FOR(s.gate.gone == 2);

    c = client_new(&s);
    h2_ask(c, "GET", "/hold", NULL, NULL, NULL);
    H2_UNTIL(c, s.gate.open == 1);
    shutdown(c->fd, SHUT_WR);
    WAIT_FOR(s.gate.gone == 3);
    h2_close(c);
    server_stop(&s);
}

static void finishes_after_goaway(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    for (int i = 1; i <= 3; i++) {
        struct h2_client *c = client_new(&s);
        int32_t id = h2_ask(c, "POST", "/stream", "body", NULL, NULL);
        h2_pump(c, 50);
        nghttp2_submit_goaway(c->session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
        H2_UNTIL(c, h2_reply(c, id)->received == 5);
        in_server(&s, send_event);
        H2_UNTIL(c, h2_reply(c, id)->received == 10);
        in_server(&s, release_held);
        H2_UNTIL(c, h2_reply(c, id)->closed);
        assert_string_equal(h2_reply(c, id)->body, "firsteventlast");
        h2_pump(c, 1000);
        assert_true(c->ended || c->goaway); /* nothing is left: closed from this side */
        h2_close(c);
    }
    assert_int_equal(s.gate.gone, 0);
    server_stop(&s);
}

static void takes_bodies(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.max_body = 3000000;
    server_start(&s);
    struct h2_client *c = client_new(&s);
    char *big = malloc(4000001);
    assert_non_null(big);
    memset(big, 'b', 4000000);
    big[3000000] = '\0';
    int32_t id = h2_ask(c, "POST", "/echo", big, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 200);
    assert_int_equal(h2_reply(c, id)->received, 3000000);
    big[3000000] = 'b';
    big[4000000] = '\0';
    id = h2_ask(c, "POST", "/echo", big, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 413);
    id = h2_ask(c, "POST", "/echo", big, "content-length", "4000000");
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 413);
    assert_int_equal(s.gate.broken, 2);
    /* Less than was announced. */
    id = h2_ask(c, "POST", "/echo", "abc", "content-length", "4");
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->code, NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(s.gate.gone, 1);
    h2_close(c);
    free(big);
    server_stop(&s);
}

static void bounds_bodies_of_a_connection(void **state)
{
    (void)state;
    enum { STREAMS = 6 };
    struct server s = {.config = config_default()};
    s.config.requests.max_body = 100000;
    server_start(&s);
    struct h2_client *c = client_new(&s);
    static char body[90001];
    memset(body, 'b', sizeof body - 1);
    int32_t id[STREAMS];
    c->upload_open = true;
    int refused = 0;
    for (int i = 0; i < STREAMS; i++) { /* none of them ends */
        c->upload = body;
        c->upload_left = sizeof body - 1;
        id[i] = h2_ask(c, "POST", "/echo", NULL, NULL, NULL);
        H2_UNTIL(c, s.gate.body_bytes >= 90000L * (i + 1) || h2_reply(c, id[i])->closed);
        refused += h2_reply(c, id[i])->closed && h2_reply(c, id[i])->code == NGHTTP2_REFUSED_STREAM;
    }
    assert_int_equal(refused, 2); /* 4 fit into 4 x max_body */
    assert_int_equal(s.gate.gone, 2);
    h2_close(c);
    WAIT_FOR(s.gate.gone == STREAMS);
    server_stop(&s);
}

static void invites_bodies(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    c->upload_open = true;
    int32_t id = h2_ask(c, "POST", "/echo", NULL, "expect", "100-continue");
    H2_UNTIL(c, h2_reply(c, id)->status == 100);
    c->upload_open = false;
    c->upload = "ok";
    c->upload_left = 2;
    nghttp2_session_resume_data(c->session, id);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 200);
    assert_string_equal(h2_reply(c, id)->body, "ok");
    h2_close(c);
    server_stop(&s);
}

static void limits_time(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.header_timeout_ms = 60;
    s.config.requests.body_timeout_ms = 60;
    server_start(&s);
    struct h2_client *c = client_new(&s), *silent = client_new(&s);
    h2_pump(silent, 0); /* no more than preface and SETTINGS */
    c->upload_open = true;
    int32_t id = h2_ask(c, "POST", "/echo", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->status == 408);
    H2_UNTIL(silent, silent->goaway);
    assert_int_equal(counted(&front_counts(s.front)->timeouts), 2);
    h2_close(silent);
    h2_close(c);

    int fd = client_open(&s, 0); /* a header block without an end */
    client_text(fd, NGHTTP2_CLIENT_MAGIC);
    client_send(fd,
                "\0\0\0\4\0\0\0\0\0"
                "\0\0\1\1\0\0\0\0\1\x82",
                19);
    char piece[256];
    while (client_read(fd, piece, sizeof piece) > 0) {
    }
    assert_int_equal(counted(&front_counts(s.front)->timeouts), 3);
    assert_int_equal(s.gate.heads, 0 + 1);
    close(fd);
    server_stop(&s);
}

static void says_when_the_answer_breaks(void **state)
{
    (void)state;
    static const char *const targets[] = {"/abort", "/short", "/long"};
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(h2_get(c, targets[i])->code, NGHTTP2_INTERNAL_ERROR);
    }
    assert_int_equal(s.gate.gone, 1);
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    server_stop(&s);
}

static void refuses_header_bombs(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.max_header = 4096;
    server_start(&s);
    struct h2_client *c = client_new(&s);
    static char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    int32_t id = h2_ask(c, "GET", "/echo", NULL, "x-huge", huge);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 431);
    assert_int_equal(s.gate.broken_status, 431);
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    server_stop(&s);
}

/* Raw frames: head of 9 bytes, then payload. */
static void put_frame(struct buf *b, int type, int flags, int32_t id, const void *data, size_t n)
{
    char head[9] = {0, (char)(n >> 8),   (char)n,         (char)type, (char)flags,
                    0, (char)(id >> 16), (char)(id >> 8), (char)id};
    buf_append(b, head, 9);
    buf_append(b, data, n);
}

static const char hold_head[] = "\x82\x86\x04\x05/hold\x41\x01"
                                "a";

enum flood {
    FLOOD_RESETS,
    FLOOD_SETTINGS,
    FLOOD_PINGS,
    FLOOD_EMPTY_DATA,
    FLOOD_CONTINUATION,
    FLOODS
};

static void put_flood(struct buf *b, enum flood kind, int i)
{
    int32_t id = 2 * i + 1;
    switch (kind) {
    case FLOOD_RESETS:
        put_frame(b, NGHTTP2_HEADERS, 5, id, hold_head, sizeof hold_head - 1);
        put_frame(b, NGHTTP2_RST_STREAM, 0, id, "\0\0\0\x8", 4);
        break;
    case FLOOD_SETTINGS:
        put_frame(b, NGHTTP2_SETTINGS, 0, 0, "", 0);
        break;
    case FLOOD_PINGS:
        put_frame(b, NGHTTP2_PING, 0, 0, "12345678", 8);
        break;
    case FLOOD_EMPTY_DATA:
        if (i == 0) {
            put_frame(b, NGHTTP2_HEADERS, 4, 1, hold_head, sizeof hold_head - 1);
        }
        put_frame(b, NGHTTP2_DATA, 0, 1, "", 0);
        break;
    case FLOOD_CONTINUATION:
        if (i == 0) {
            put_frame(b, NGHTTP2_HEADERS, 0, 1, hold_head, sizeof hold_head - 1);
        }
        put_frame(b, NGHTTP2_CONTINUATION, 0, 1, "", 0);
        break;
    case FLOODS:
    default:
        break;
    }
}

static void ends_floods(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    for (int kind = 0; kind < FLOODS; kind++) {
        int fd = client_open(&s, 0);
        struct buf b = {0};
        buf_add(&b, NGHTTP2_CLIENT_MAGIC);
        put_frame(&b, NGHTTP2_SETTINGS, 0, 0, "", 0);
        for (int i = 0; i < 100; i++) { /* a few are no flood */
            put_flood(&b, kind == FLOOD_CONTINUATION || kind == FLOOD_SETTINGS ? FLOODS : kind, i);
        }
        client_send(fd, buf_bytes(&b), b.len);
        char piece[4096];
        assert_true(client_read(fd, piece, sizeof piece) > 0);
        buf_clear(&b);
        for (int i = 100; i < 20000; i++) {
            if (kind == FLOOD_CONTINUATION && i == 100) {
                put_flood(&b, kind, 0);
            }
            put_flood(&b, kind, i);
        }
        size_t sent = 0;
        while (sent < b.len) { /* until the front has had enough */
            ssize_t n = send(fd, buf_bytes(&b) + sent, b.len - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            sent += (size_t)n;
        }
        while (client_read(fd, piece, sizeof piece) > 0) {
        }
        close(fd);
        buf_free(&b);
        const struct front_counts *counts = front_counts(s.front);
        WAIT_FOR(counted(&counts->floods) + counted(&counts->bad_requests) >= kind + 1);
        WAIT_FOR(s.gate.open == 0);
    }
    assert_true(counted(&front_counts(s.front)->floods) >= 4);
    struct h2_client *c = client_new(&s); /* nobody else is disturbed */
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    server_stop(&s);
}

static void refuses_nonsense(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    int fd = client_open(&s, 0);
    client_text(fd, NGHTTP2_CLIENT_MAGIC);
    client_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    char piece[4096];
    while (client_read(fd, piece, sizeof piece) > 0) {
    }
    close(fd);
    WAIT_FOR(counted(&front_counts(s.front)->bad_requests) > 0);
    /* No authority at all. */
    fd = client_open(&s, 0);
    struct buf b = {0};
    buf_add(&b, NGHTTP2_CLIENT_MAGIC);
    put_frame(&b, NGHTTP2_SETTINGS, 0, 0, "", 0);
    put_frame(&b, NGHTTP2_HEADERS, 5, 1, hold_head, 9);
    client_send(fd, buf_bytes(&b), b.len);
    WAIT_FOR(counted(&front_counts(s.front)->bad_requests) > 1);
    buf_free(&b);
    close(fd);
    assert_int_equal(s.gate.requests, 0);
    server_stop(&s);
}

static void drain(struct server *s)
{
    front_drain(s->front);
}

static void drains(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *idle = client_new(&s), *busy = client_new(&s);
    assert_int_equal(h2_get(idle, "/echo")->status, 200);
    int32_t id = h2_ask(busy, "GET", "/stream", NULL, NULL, NULL);
    H2_UNTIL(busy, h2_reply(busy, id)->received == 5);
    in_server(&s, drain);
    H2_UNTIL(idle, idle->goaway);
    H2_UNTIL(busy, busy->goaway);
    in_server(&s, release_held);
    H2_UNTIL(busy, h2_reply(busy, id)->closed);
    assert_string_equal(h2_reply(busy, id)->body, "firstlast");
    h2_close(idle);
    h2_close(busy);
    assert_int_equal(s.gate.gone, 0);
    server_stop(&s);
}

static void holds_little_memory(void **state)
{
    (void)state;
    enum { STREAMS = 100 };
    struct server s = {0};
    struct buf b = {0};
    int fds[STREAMS];
    server_start(&s);
    buf_add(&b, NGHTTP2_CLIENT_MAGIC);
    put_frame(&b, NGHTTP2_SETTINGS, 0, 0, "", 0);
    put_frame(&b, NGHTTP2_HEADERS, 5, 1,
              "\x82\x86\x04\x07/stream\x41\x01"
              "a",
              14);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < STREAMS; i++) { /* a connection each, as the JavaScript SDK has it */
        fds[i] = client_open(&s, 0);
        client_send(fds[i], buf_bytes(&b), b.len);
        WAIT_FOR(s.gate.open == i + 1);
        char piece[512];
        assert_true(client_read(fds[i], piece, sizeof piece) > 0);
    }
    size_t each = (mallinfo2().uordblks - before) / STREAMS;
    print_message("a stream with its connection holds %zu bytes\n", each); /* 0 under a sanitizer */
    assert_true(each < 28 * 1024);
    in_server(&s, release_held);
    for (int i = 0; i < STREAMS; i++) {
        close(fds[i]);
    }
    buf_free(&b);
    server_stop(&s);
}

int main(void)
{
    mallopt(M_ARENA_MAX, 1); /* so that mallinfo2 sees the server's thread */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(runs_streams_side_by_side),
        cmocka_unit_test(bounds_streams),
        cmocka_unit_test(takes_the_preface_in_pieces),
        cmocka_unit_test(keeps_to_the_window),
        cmocka_unit_test(cuts_streams_that_are_not_read),
        cmocka_unit_test(notices_clients_that_leave),
        cmocka_unit_test(finishes_after_goaway),
        cmocka_unit_test(takes_bodies),
        cmocka_unit_test(bounds_bodies_of_a_connection),
        cmocka_unit_test(invites_bodies),
        cmocka_unit_test(limits_time),
        cmocka_unit_test(says_when_the_answer_breaks),
        cmocka_unit_test(refuses_header_bombs),
        cmocka_unit_test(ends_floods),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(drains),
        cmocka_unit_test(holds_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
