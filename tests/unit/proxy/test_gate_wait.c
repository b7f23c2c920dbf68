/* Calls that wait for room in limits with action: queue: they go on in their order, with their
 * bodies, or end as they should; nothing stays behind. */
#include "tests/unit/proxy/gate_rig.h"

#define ONE_AT_ONCE(wait)                                                                          \
    "limits: [{name: one, concurrency: 1, action: queue, max_wait: " wait "}]\n"
#define ANSWER                                                                                     \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"hi\"}]}},"          \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":11,\"outputTokens\":5,"                \
    "\"totalTokens\":16}}"
#define CALLS 5

static void answer_when_released(struct peer *p)
{
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(ANSWER), ANSWER);
    while (peer_request(p)) {
        wait_release(p);
        if (!peer_text(p, text)) {
            return;
        }
    }
}

static int64_t waiting(struct gate_rig *r)
{
    struct limits_view v;
    assert_int_equal(limits_view(r->limits, clock_wall_ms(), &v), ERR_OK);
    int64_t n = v.limits[0].waiting;
    limits_view_free(&v);
    return n;
}

static void they_go_on_in_their_order(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f[CALLS] = {0};
    int64_t reserved;
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    for (int i = 0; i < CALLS; i++) {
        converse(&r, &f[i]);
        assert_int_equal(waiting(&r), i);
    }
    assert_int_equal(r.bodies.waiting, (CALLS - 1) * strlen(CONVERSE_BODY));
    POLL_UNTIL(&r.wire, r.wire.server.requests == 1);
    assert_false(f[0].ended);
    r.wire.server.release = 1;
    for (int i = 0; i < CALLS; i++) {
        RUN_UNTIL(&r.wire, f[i].ended);
        assert_int_equal(f[i].status, 200);
        assert_string_equal(buf_cstr(&f[i].body), ANSWER);
        for (int k = i + 1; k < CALLS; k++) {
            assert_false(f[k].ended);
        }
        fake_free(&f[i]);
    }
    assert_int_equal(r.wire.server.requests, CALLS);
    assert_int_equal(used(&r, 0, &reserved), 0);
    assert_int_equal(reserved, 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, CALLS);
    assert_int_equal(e.last.outcome, OUTCOME_APPROVED);
    gate_rig_close(&r);
}

static void after_max_wait_it_is_denied(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake first = {0}, second = {0};
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("20ms"));
    converse(&r, &first);
    converse(&r, &second);
    assert_int_equal(waiting(&r), 1);
    RUN_UNTIL(&r.wire, second.ended);
    assert_int_equal(second.status, 429);
    assert_true(has_line(&second, "x-tollgate-limit: one\r\n"));
    assert_true(has_line(&second, "retry-after: 1\r\n"));
    assert_non_null(strstr(buf_cstr(&second.body), "1 calls at once are running"));
    assert_false(first.ended);
    assert_int_equal(waiting(&r), 0);
    r.wire.server.release = 1;
    RUN_UNTIL(&r.wire, first.ended);
    assert_int_equal(first.status, 200);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 2);
    fake_free(&first);
    fake_free(&second);
    gate_rig_close(&r);
}

static void who_leaves_frees_its_place(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f[3] = {0};
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    for (int i = 0; i < 3; i++) {
        converse(&r, &f[i]);
    }
    gate_gone(&f[1].x);
    assert_int_equal(waiting(&r), 1);
    POLL_UNTIL(&r.wire, r.wire.server.requests == 1);
    r.wire.server.release = 1;
    RUN_UNTIL(&r.wire, f[2].ended);
    assert_int_equal(f[2].status, 200);
    assert_int_equal(ledger_of(&r).count, 2); /* who left had not begun */
    assert_int_equal(r.wire.server.requests, 2);
    for (int i = 0; i < 3; i++) {
        fake_free(&f[i]);
    }
    gate_rig_close(&r);
}

/* Room was taken for it, and its client leaves before it hears of that. taken_up: the worker comes
 * by once more; else the gate ends first. */
static void leaves_when_told(bool taken_up)
{
    struct gate_rig r = {0};
    struct fake first = {0}, second = {0};
    int64_t reserved;
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    converse(&r, &first);
    converse(&r, &second);
    gate_gone(&first.x);
    assert_int_equal(waiting(&r), 0);
    (void)used(&r, 0, &reserved);
    assert_int_equal(reserved, 1);
    gate_gone(&second.x);
    if (taken_up) {
        run_for(&r.wire, 1000);
        (void)used(&r, 0, &reserved);
        assert_int_equal(reserved, 0);
    }
    fake_free(&first);
    fake_free(&second);
    gate_rig_close(&r);
}

static void who_leaves_when_told_gives_back(void **state)
{
    (void)state;
    leaves_when_told(true);
    leaves_when_told(false);
}

static void a_drain_sends_them_away(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f[3] = {0}, late = {0};
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    for (int i = 0; i < 3; i++) {
        converse(&r, &f[i]);
    }
    gate_drain(r.gate);
    for (int i = 1; i < 3; i++) {
        assert_true(f[i].ended);
        assert_int_equal(f[i].status, 503);
    }
    converse(&r, &late);
    assert_int_equal(late.status, 429); /* nobody waits any more */
    r.wire.server.release = 1;
    RUN_UNTIL(&r.wire, f[0].ended);
    assert_int_equal(f[0].status, 200);
    assert_int_equal(ledger_of(&r).count, 4);
    for (int i = 0; i < 3; i++) {
        fake_free(&f[i]);
    }
    fake_free(&late);
    gate_rig_close(&r);
}

static void their_bodies_are_bounded(void **state)
{
    (void)state;
    struct gate_rig r = {.bodies.waiting_max = 2 * (int64_t)strlen(CONVERSE_BODY)};
    struct fake f[4] = {0};
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    for (int i = 0; i < 4; i++) {
        converse(&r, &f[i]);
    }
    assert_int_equal(waiting(&r), 2);
    assert_int_equal(f[3].status, 429);
    r.wire.server.release = 1;
    RUN_UNTIL(&r.wire, f[2].ended);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f[i].status, i < 3 ? 200 : 429);
        fake_free(&f[i]);
    }
    gate_rig_close(&r);
}

/* A block decides at once, whatever the wait. */
static void a_block_ends_the_wait(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake first = {0}, second = {0};
    struct limit_override o = {.limit = "one", .blocked = true};
    gate_rig_open(&r, answer_when_released, ONE_AT_ONCE("10m"));
    converse(&r, &first);
    converse(&r, &second);
    assert_int_equal(limits_override(r.limits, &o, NULL), ERR_OK);
    RUN_UNTIL(&r.wire, second.ended);
    assert_int_equal(second.status, 400);
    assert_non_null(strstr(buf_cstr(&second.body), "blocked by an operator"));
    r.wire.server.release = 1;
    RUN_UNTIL(&r.wire, first.ended);
    fake_free(&first);
    fake_free(&second);
    gate_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_go_on_in_their_order),
        cmocka_unit_test(after_max_wait_it_is_denied),
        cmocka_unit_test(who_leaves_frees_its_place),
        cmocka_unit_test(who_leaves_when_told_gives_back),
        cmocka_unit_test(a_drain_sends_them_away),
        cmocka_unit_test(their_bodies_are_bounded),
        cmocka_unit_test(a_block_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
