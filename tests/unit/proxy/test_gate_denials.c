/* test_gate_denials.c: what a denied call is told, to the second, and what the ledger has of it;
 * and that nothing stays held for a call that was admitted and could not be sent. */
#include "tests/unit/proxy/gate_rig.h"

#define NINE 1795251600000LL /* an hour begins */

static void hold(struct peer *p)
{
    if (peer_request(p)) {
        wait_release(p);
        (void)!peer_text(p, "HTTP/1.1 500 Too late\r\nContent-Length: 0\r\n\r\n");
    }
}

static void expect_line(struct fake *f, const char *line)
{
    if (!has_line(f, line)) {
        fail_msg("no '%s' in\n%s", line, buf_cstr(&f->lines));
    }
}

/* It is charged. */
static void gate_gone_after_sending(struct gate_rig *r, struct fake *f)
{
    POLL_UNTIL(&r->wire, r->wire.server.requests == 1);
    gate_gone(&f->x);
}

struct told {
    const char *of;
    int64_t at_ms; /* when the second call comes */
    int status;
    const char *type, *line;
};

/* Within a minute it can be tried again, after so many seconds, never too soon; later ones are not,
 * nor what will never fit. */
static void when_to_come_again(void **state)
{
    (void)state;
    static const struct told cases[] = {
        {"window: 1m", NINE + 250, 429, "ThrottlingException", "retry-after: 60\r\n"},
        {"window: 1m", NINE + 59001, 429, "ThrottlingException", "retry-after: 1\r\n"},
        {"window: 1h", NINE + 3540000, 429, "ThrottlingException", "retry-after: 60\r\n"},
        {"window: 1h", NINE + 3539999, 400, "ServiceQuotaExceededException",
         "x-tollgate-reset: 61\r\n"},
        {"window: 1h", NINE + 250, 400, "ServiceQuotaExceededException",
         "x-tollgate-reset: 3600\r\n"},
        {"window: 1m, rolling: true", NINE + 1000, 429, "ThrottlingException",
         "retry-after: 60\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gate_rig r = {0};
        struct fake first = {0}, second = {0};
        char limits[160];
        (void)snprintf(limits, sizeof(limits), "limits: [{name: few, requests: 1, %s}]\n",
                       cases[i].of);
        clock_set_fake_wall(NINE);
        gate_rig_open(&r, hold, limits);
        converse(&r, &first);
        gate_gone_after_sending(&r, &first);
        clock_set_fake_wall(cases[i].at_ms);
        converse(&r, &second);
        assert_true(second.ended);
        assert_int_equal(second.status, cases[i].status);
        expect_line(&second, cases[i].type);
        expect_line(&second, cases[i].line);
        struct entries e = ledger_of(&r);
        assert_int_equal(e.count, 2);
        assert_int_equal(e.last.outcome, OUTCOME_DENIED);
        assert_int_equal(e.last.http_status, cases[i].status);
        assert_string_equal(e.limit, "few");
        fake_free(&first);
        fake_free(&second);
        r.wire.server.release = 1;
        gate_rig_close(&r);
    }
    clock_set_fake_wall(0);
}

/* A call that waits is let in when the window passes, though nobody else calls; one that waits in
 * vain is told what holds when it is denied, not when it came. */
static void who_waits_sees_the_time(void **state)
{
    (void)state;
    for (int passes = 0; passes < 2; passes++) {
        struct gate_rig r = {0};
        struct fake first = {0}, second = {0};
        int64_t reserved;
        clock_set_fake_wall(NINE);
        gate_rig_open(&r, hold,
                      passes ? "limits: [{name: few, requests: 1, window: 1m, action: queue, "
                               "max_wait: 10m}]\n"
                             : "limits: [{name: few, requests: 1, window: 1m, action: queue, "
                               "max_wait: 20ms}]\n");
        converse(&r, &first);
        gate_gone_after_sending(&r, &first);
        converse(&r, &second);
        assert_false(second.ended);
        clock_set_fake_wall(NINE + (passes ? 60000 : 30000));
        if (passes) {
            POLL_UNTIL(&r.wire, r.wire.server.requests == 2);
            assert_int_equal(used(&r, 0, &reserved), 0);
            assert_int_equal(reserved, 1);
            gate_gone(&second.x);
        } else {
            RUN_UNTIL(&r.wire, second.ended);
            assert_int_equal(second.status, 429);
            expect_line(&second, "retry-after: 30\r\n");
        }
        fake_free(&first);
        fake_free(&second);
        r.wire.server.release = 1;
        gate_rig_close(&r);
    }
    clock_set_fake_wall(0);
}

#define MANY 4200

/* Beyond the calls that may wait for a connection one is refused, and what was held for it is free.
 */
static void what_cannot_be_sent_holds_nothing(void **state)
{
    (void)state;
    struct gate_rig r = {.wire.share = 1};
    struct fake *f = calloc(MANY, sizeof(*f));
    int64_t reserved = 0;
    int asked = 0;
    assert_non_null(f);
    gate_rig_open(&r, hold, "limits: [{name: calls, requests: 1M, window: month}]\n");
    while (asked < MANY && (asked == 0 || !f[asked - 1].ended)) {
        converse(&r, &f[asked++]);
    }
    assert_true(asked < MANY);
    assert_int_equal(f[asked - 1].status, 503);
    assert_int_equal(used(&r, 0, &reserved), 0);
    assert_int_equal(reserved, asked - 1);
    for (int i = 0; i < asked; i++) {
        if (!f[i].ended) {
            gate_gone(&f[i].x);
        }
        fake_free(&f[i]);
    }
    (void)used(&r, 0, &reserved);
    assert_int_equal(reserved, 0);
    free(f);
    r.wire.server.release = 1;
    gate_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_to_come_again),
        cmocka_unit_test(who_waits_sees_the_time),
        cmocka_unit_test(what_cannot_be_sent_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
