/* The front over time: draining, cutting, crowds, lack of descriptors, reload, memory. */
#include "tests/unit/proxy/http1_client.h"

#include "core/base/log.h"
#include "core/proxy/front_private.h"

#include <malloc.h>
#include <sys/resource.h>
static void drain(struct server *s)
{
    front_drain(s->front);
}

static void drains(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client idle = client_new(&s), running = client_new(&s), streaming = client_new(&s);
    client_text(idle.fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_reply(&idle, 200, "");
    client_text(running.fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    client_text(streaming.fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(s.gate.requests == 3);
    in_server(&s, drain);
    assert_closed(&idle);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)(void *)&to, sizeof to), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
    in_server(&s, release_held);
    struct reply r;
    assert_true(read_reply(&running, &r));
    assert_false(r.keep_alive);
    reply_free(&r);
    assert_closed(&running);
    expect_reply(&streaming, 200, "firstlast");
    assert_closed(&streaming);
    client_end(&idle);
    client_end(&running);
    client_end(&streaming);
    assert_int_equal(s.gate.gone, 0);
    server_stop(&s);
}

static void cuts(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    client_text(c.fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(s.gate.requests == 1);
    in_server(&s, drain);
    loop_stop(s.loop);
    client_end(&c);
    server_stop(&s);
    assert_int_equal(s.gate.gone, 1);
}

/* What is answered at once reaches a client that already closed its side. */
static void answers_half_closed_clients(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } table[] = {
        {"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        {"GET /now HTTP/1.1\r\nHost: a\r\n\r\n", 403},
        {"nonsense\r\n\r\n", 400},
    };
    struct server s = {0};
    server_start(&s);
    for (int i = 0; i < 3; i++) {
        struct client c = client_new(&s);
        client_text(c.fd, table[i].request);
        shutdown(c.fd, SHUT_WR);
        expect_reply(&c, table[i].status, NULL);
        assert_closed(&c);
        client_end(&c);
    }
    assert_int_equal(s.gate.gone, 0);
    server_stop(&s);
}

static void allow_four(struct server *s)
{
    s->front->connections_max = 4;
}

static void makes_room_for_newcomers(void **state)
{
    (void)state;
    struct server s = {0};
    struct client c[6];
    server_start(&s);
    in_server(&s, allow_four);
    for (int i = 0; i < 4; i++) {
        c[i] = client_new(&s);
        client_text(c[i].fd, i == 1 ? "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
                                    : "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        WAIT_FOR(s.gate.requests == i + 1);
    }
    expect_reply(&c[1], 200, "");
    c[4] = client_new(&s); /* takes the place of the idle one */
    client_text(c[4].fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_closed(&c[1]);
    WAIT_FOR(s.gate.requests == 5);
    c[5] = client_new(&s); /* all others run: waits until one ends */
    client_text(c[5].fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    in_server(&s, release_held);
    expect_reply(&c[5], 200, "");
    for (int i = 0; i < 6; i++) {
        client_end(&c[i]);
    }
    server_stop(&s);
}

static bool paused;

static void look_whether_paused(struct server *s)
{
    paused = s->front->accept_timer.heap_at != 0;
}

static bool accepting_paused(struct server *s)
{
    in_server(s, look_whether_paused);
    return paused;
}

static void outlives_a_lack_of_descriptors(void **state)
{
    (void)state;
    struct server s = {0};
    struct rlimit before, none;
    server_start(&s);
    int free_one = dup(0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)free_one + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    close(free_one);
    struct client c = client_new(&s); /* takes the last descriptor */
    client_text(c.fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(accepting_paused(&s));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_reply(&c, 200, "");
    client_end(&c);
    server_stop(&s);
}

static void reload(struct server *s)
{
    s->config.requests.max_body = 4;
    front_reload(s->front, &s->config);
}

static void takes_new_limits(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    client_text(c.fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    WAIT_FOR(s.gate.body_bytes == 3);
    in_server(&s, reload);
    client_text(c.fd, "def");
    expect_reply(&c, 200, "abcdef"); /* begun under the old limits */
    client_text(c.fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef");
    expect_reply(&c, 413, NULL);
    client_end(&c);
    server_stop(&s);
}

static void says_what_is_in_use(void **state)
{
    (void)state;
    struct err_info ei = {0};
    struct config_listen a = {.host = "127.0.0.1"};
    struct listener *first = listener_open(&a, 3, &ei);
    assert_non_null(first);
    a.port = atoi(strrchr(listener_url(first), ':') + 1);
    assert_null(listener_open(&a, 3, &ei));
    assert_int_equal(ei.code, ERR_EXISTS);
    assert_non_null(strstr(ei.text, "is in use"));
    listener_close(first);
    err_clear(&ei);
    first = listener_open(&a, 1, &ei); /* the port is free again at once */
    assert_non_null(first);
    listener_close(first);
    err_clear(&ei);
    a.host = "203.0.113.1"; /* not ours */
    assert_null(listener_open(&a, 1, &ei));
    assert_int_equal(ei.code, ERR_IO);
    assert_non_null(strstr(ei.text, "203.0.113.1"));
}

static void holds_little_memory(void **state)
{
    (void)state;
    enum { STREAMS = 200 };
    struct server s = {0};
    int fds[STREAMS];
    server_start(&s);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = client_open(&s, 0);
        client_text(fds[i], "GET /stream HTTP/1.1\r\nHost: a\r\nAuthorization: 0123456789\r\n\r\n");
        char head[512];
        assert_true(client_read(fds[i], head, sizeof head) > 0);
    }
    assert_int_equal(s.gate.open, STREAMS);
    size_t each = (mallinfo2().uordblks - before) / STREAMS;
    print_message("a stream holds %zu bytes\n", each); /* 0 under a sanitizer */
    assert_true(each < 3000);
    in_server(&s, release_held);
    for (int i = 0; i < STREAMS; i++) {
        close(fds[i]);
    }
    server_stop(&s);
}

int main(void)
{
    log_init(-1, LOG_ERROR);
    mallopt(M_ARENA_MAX, 1); /* so that mallinfo2 sees the server's thread */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drains),
        cmocka_unit_test(cuts),
        cmocka_unit_test(answers_half_closed_clients),
        cmocka_unit_test(makes_room_for_newcomers),
        cmocka_unit_test(outlives_a_lack_of_descriptors),
        cmocka_unit_test(takes_new_limits),
        cmocka_unit_test(says_what_is_in_use),
        cmocka_unit_test(holds_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
