/* The upstream pool against real sockets: reuse, time limits, its share of connections, cancelling,
 * backpressure; test_upstream_framing.c has the answers themselves. */
#include "tests/unit/proxy/upstream_rig.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

/* --- connections --- */

static void answer_all(struct peer *p)
{
    while (peer_request(p) && peer_text(p, OK_HEAD "ok")) {
    }
}

static void a_connection_is_kept(void **state)
{
    (void)state;
    struct rig r = {.share = 1};
    rig_open(&r, answer_all);
    for (int i = 0; i < 5; i++) {
        struct asked a = {0};
        exchange(&r, &a);
        expect_answer(&a, 200, "ok");
    }
    assert_int_equal(r.server.connections, 1);
    rig_close(&r);
}

static void answer_once_then_drop_the_next(struct peer *p)
{
    if (p->number == 1) {
        (void)!(peer_request(p) && peer_text(p, OK_HEAD "ok") && peer_request(p));
        return;
    }
    answer_all(p);
}

static void a_stale_connection_is_replaced_in_silence(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {0}, b = {0};
    rig_open(&r, answer_once_then_drop_the_next);
    exchange(&r, &a);
    exchange(&r, &b);
    expect_answer(&a, 200, "ok");
    expect_answer(&b, 200, "ok");
    assert_int_equal(b.heads, 1);
    assert_int_equal(r.server.connections, 2);
    assert_int_equal(r.server.requests, 3); /* the dropped one came whole, twice */
    rig_close(&r);
}

static void answer_once_and_close(struct peer *p)
{
    (void)!(peer_request(p) && peer_text(p, OK_HEAD "ok"));
}

static void a_closed_idle_connection_is_noticed(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, answer_once_and_close);
    for (int i = 1; i <= 3; i++) {
        struct asked a = {0};
        exchange(&r, &a);
        run_for(&r, 20000);
        expect_answer(&a, 200, "ok");
    }
    assert_int_equal(r.server.connections, 3);
    assert_int_equal(r.server.requests, 3);
    rig_close(&r);
}

static void drop_after_one_for_ever(struct peer *p)
{
    if (p->number == 1) {
        (void)!(peer_request(p) && peer_text(p, OK_HEAD "ok"));
    }
    (void)!peer_request(p);
}

static void it_is_sent_anew_only_once(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {0}, b = {0}, c = {0};
    rig_open(&r, drop_after_one_for_ever);
    exchange(&r, &a);
    exchange(&r, &b);
    expect_answer(&a, 200, "ok");
    expect_failure(&b, UPSTREAM_BROKEN, "before an answer");
    assert_int_equal(r.server.connections, 2);
    exchange(&r, &c); /* a fresh connection is no excuse */
    expect_failure(&c, UPSTREAM_BROKEN, "before an answer");
    assert_int_equal(r.server.connections, 3);
    rig_close(&r);
}

static const char *second_answer;

static void answer_once_then_second_answer(struct peer *p)
{
    (void)!(peer_request(p) && peer_text(p, OK_HEAD "ok") && peer_request(p) &&
            peer_text(p, second_answer));
}

/* A call whose answer began may have cost money: it is never sent twice. */
static void no_byte_of_an_answer_no_second_try(void **state)
{
    (void)state;
    static const char *const begun[] = {"HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n",
                                        "garbage\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};
    for (size_t i = 0; i < sizeof(begun) / sizeof(*begun); i++) {
        struct rig r = {0};
        struct asked a = {0}, b = {0};
        second_answer = begun[i];
        rig_open(&r, answer_once_then_second_answer);
        exchange(&r, &a);
        exchange(&r, &b);
        expect_answer(&a, 200, "ok");
        expect_failure(&b, UPSTREAM_BROKEN, "");
        assert_int_equal(r.server.connections, 1);
        assert_int_equal(r.server.requests, 2);
        rig_close(&r);
    }
}

static void answer_once_then_wait(struct peer *p)
{
    (void)!(peer_request(p) && peer_text(p, OK_HEAD "ok") && peer_request(p));
    wait_release(p);
}

static void what_was_sent_once_is_not_called_unsent(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {0}, b = {0};
    rig_open(&r, answer_once_then_wait);
    exchange(&r, &a);
    ask(&r, &b);
    POLL_UNTIL(&r, r.server.requests == 2);
    scripted_shut(&r.server);
    r.server.release = 1;
    RUN_UNTIL(&r, b.ended);
    expect_answer(&a, 200, "ok");
    expect_failure(&b, UPSTREAM_BROKEN, "");
    rig_close(&r);
}

/* --- time limits and what cannot be reached --- */

static void never_answer(struct peer *p)
{
    (void)!peer_request(p);
    wait_release(p);
}

static void half_an_answer(struct peer *p)
{
    (void)!(peer_request(p) && peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
    wait_release(p);
}

static void slow_answers_end(void **state)
{
    (void)state;
    struct rig r = {.config.upstream.first_byte_timeout_ms = 50};
    struct asked a = {0};
    rig_open(&r, never_answer);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_TIMED_OUT, "first_byte_timeout");
    rig_close(&r);

    struct rig r2 = {.config.upstream.idle_timeout_ms = 50};
    struct asked b = {0};
    rig_open(&r2, half_an_answer);
    exchange(&r2, &b);
    assert_int_equal(b.received, 4);
    expect_failure(&b, UPSTREAM_TIMED_OUT, "idle_timeout");
    rig_close(&r2);
}

static void a_paused_call_has_no_time_limit(void **state)
{
    (void)state;
    struct rig r = {.config.upstream.idle_timeout_ms = 20};
    struct asked a = {.pause_on_body = true};
    rig_open(&r, half_an_answer);
    ask(&r, &a);
    run_for(&r, 100000);
    assert_false(a.ended);
    upstream_resume(a.call);
    RUN_UNTIL(&r, a.ended);
    expect_failure(&a, UPSTREAM_TIMED_OUT, "idle_timeout");
    rig_close(&r);
}

static void a_closed_port_is_told_at_once(void **state)
{
    (void)state;
    struct scripted gone = {0};
    scripted_start(&gone, never_answer);
    int port = gone.port;
    scripted_stop(&gone);
    struct rig r = {.server.port = port};
    struct asked a = {0}, b = {0};
    rig_open(&r, NULL);
    int64_t begin = clock_mono_us();
    ask(&r, &a);
    ask(&r, &b);
    RUN_UNTIL(&r, a.ended && b.ended);
    assert_true(clock_mono_us() - begin < 8000000); /* not the 10 s of connect_timeout */
    expect_failure(&a, UPSTREAM_UNREACHABLE, "refused");
    expect_failure(&b, UPSTREAM_UNREACHABLE, "refused");
    rig_close(&r);
}

static void a_name_that_does_not_resolve(void **state)
{
    (void)state;
    struct rig r = {.host = "http://no-such-host.invalid",
                    .config.upstream.connect_timeout_ms = 100};
    struct asked a = {0};
    rig_open(&r, NULL);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_UNREACHABLE, "no-such-host.invalid");
    rig_close(&r);
}

/* --- the share of connections --- */

static void calls_wait_their_turn(void **state)
{
    (void)state;
    for (int share = 1; share <= 2; share++) {
        struct rig r = {.share = share};
        struct asked a[8] = {0};
        rig_open(&r, answer_all);
        for (int i = 0; i < 8; i++) {
            ask(&r, &a[i]);
        }
        RUN_UNTIL(&r, order_of_ends == 8);
        for (int i = 0; i < 8; i++) {
            assert_true(share > 1 || a[i].order == i + 1); /* first come, first served */
            expect_answer(&a[i], 200, "ok");
        }
        assert_true(r.server.connections <= share);
        rig_close(&r);
    }
}

static void waiting_has_a_time_limit(void **state)
{
    (void)state;
    struct rig r = {.share = 1, .config.upstream.connect_timeout_ms = 60};
    struct asked a = {0}, b = {0};
    rig_open(&r, never_answer);
    ask(&r, &a);
    POLL_UNTIL(&r, r.server.requests == 1);
    ask(&r, &b);
    RUN_UNTIL(&r, b.ended);
    assert_false(a.ended);
    expect_failure(&b, UPSTREAM_FULL, "max_connections");
    cancel(&a);
    asked_free(&a);
    rig_close(&r);
}

static void never_answer_the_first(struct peer *p)
{
    if (p->number == 1) {
        never_answer(p);
    } else {
        answer_all(p);
    }
}

static void a_cancelled_call_makes_room(void **state)
{
    (void)state;
    struct rig r = {.share = 1};
    struct asked a = {0}, b = {0}, c = {0};
    rig_open(&r, never_answer_the_first);
    ask(&r, &a);
    ask(&r, &b);
    ask(&r, &c);
    run_for(&r, 5000);
    assert_false(b.ended);
    cancel(&b); /* while it waits */
    cancel(&a);
    RUN_UNTIL(&r, c.ended);
    expect_answer(&c, 200, "ok");
    asked_free(&a);
    asked_free(&b);
    rig_close(&r);
}

/* --- cancelling --- */

static void cancelling_is_safe_at_any_time(void **state)
{
    (void)state;
    struct rig r = {.share = 3};
    struct asked opening = {0}, sent = {0}, head = {.cancel_on_head = true},
                 body = {.cancel_on_body = true}, after = {0};
    rig_open(&r, answer_all);
    ask(&r, &opening);
    cancel(&opening);
    ask(&r, &sent);
    assert_false(upstream_was_sent(sent.call));
    POLL_UNTIL(&r, sent.ended || upstream_was_sent(sent.call));
    if (!sent.ended) {
        cancel(&sent);
    }
    exchange(&r, &head);
    assert_int_equal(head.received, 0);
    exchange(&r, &body);
    assert_int_equal(body.pieces, 1);
    assert_false(body.last);
    exchange(&r, &after);
    expect_answer(&after, 200, "ok");
    asked_free(&opening);
    asked_free(&sent);
    asked_free(&head);
    asked_free(&body);
    rig_close(&r);
}

static void a_refused_call_can_be_cancelled(void **state)
{
    (void)state;
    struct scripted gone = {0};
    scripted_start(&gone, never_answer);
    int port = gone.port;
    scripted_stop(&gone);
    struct rig r = {.server.port = port};
    struct asked a = {0}, b = {0};
    rig_open(&r, NULL);
    ask(&r, &a);
    ask(&r, &b);
    cancel(&a);
    RUN_UNTIL(&r, b.ended);
    expect_failure(&b, UPSTREAM_UNREACHABLE, "");
    struct asked c = {0};
    ask(&r, &c); /* and is dropped with the pool */
    rig_close(&r);
    asked_free(&a);
    asked_free(&c);
}

static void the_pool_ends_with_calls_open(void **state)
{
    (void)state;
    struct rig r = {.share = 2};
    struct asked a[4] = {0};
    rig_open(&r, never_answer);
    for (int i = 0; i < 4; i++) {
        ask(&r, &a[i]);
    }
    run_for(&r, 5000);
    r.server.release = 1;
    rig_close(&r);
    for (int i = 0; i < 4; i++) {
        assert_false(a[i].ended);
        asked_free(&a[i]);
    }
}

/* --- backpressure --- */

#define LARGE (16 * 1024 * 1024)

static void large_answer(struct peer *p)
{
    static char piece[65536];
    while (peer_request(p)) {
        (void)!peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
        for (int i = 0; i < LARGE / (int)sizeof(piece); i++) {
            if (!peer_send(p, piece, sizeof(piece))) {
                return;
            }
        }
    }
}

static void a_paused_answer_stands_still(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {.pause_on_body = true};
    rig_open(&r, large_answer);
    ask(&r, &a);
    RUN_UNTIL(&r, a.pieces == 1);
    run_for(&r, 20000);
    assert_int_equal(a.pieces, 1);
    while (!a.ended) {
        size_t before = a.received;
        upstream_resume(a.call);
        RUN_UNTIL(&r, a.received > before || a.ended);
    }
    assert_int_equal(a.received, LARGE);
    assert_true(a.largest <= 64 * 1024);
    asked_free(&a);
    rig_close(&r);
}

static void large_bodies_go_both_ways(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, large_answer);
    for (int i = 0; i < 2; i++) {
        struct asked a = {.free_on_head = true};
        ask_with(&r, &a, LARGE + 1);
        RUN_UNTIL(&r, a.ended);
        assert_true(a.last);
        assert_int_equal(a.received, LARGE);
        assert_int_equal(r.server.body_bytes, (long)(i + 1) * (LARGE + 1));
        asked_free(&a);
    }
    assert_int_equal(r.server.connections, 1);
    rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the scripted server's TLS; the pool itself never raises it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(a_stale_connection_is_replaced_in_silence),
        cmocka_unit_test(a_closed_idle_connection_is_noticed),
        cmocka_unit_test(it_is_sent_anew_only_once),
        cmocka_unit_test(no_byte_of_an_answer_no_second_try),
        cmocka_unit_test(what_was_sent_once_is_not_called_unsent),
        cmocka_unit_test(slow_answers_end),
        cmocka_unit_test(a_paused_call_has_no_time_limit),
        cmocka_unit_test(a_closed_port_is_told_at_once),
        cmocka_unit_test(a_name_that_does_not_resolve),
        cmocka_unit_test(calls_wait_their_turn),
        cmocka_unit_test(waiting_has_a_time_limit),
        cmocka_unit_test(a_cancelled_call_makes_room),
        cmocka_unit_test(cancelling_is_safe_at_any_time),
        cmocka_unit_test(a_refused_call_can_be_cancelled),
        cmocka_unit_test(the_pool_ends_with_calls_open),
        cmocka_unit_test(a_paused_answer_stands_still),
        cmocka_unit_test(large_bodies_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
