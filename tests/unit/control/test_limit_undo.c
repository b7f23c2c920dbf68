/* limit.undo on a real core: further back with each, through one's own changes, never over those of
 * others; and what comes back when an override ends that an undo had brought back. */
#include "tests/unit/control/limit_rig.h"

static void undo(struct core_rig *r, int undoes, const char *old, const char *fresh)
{
    char id[16];
    (void)snprintf(id, sizeof(id), "%d", undoes);
    json_t *result = done(r, "limit.undo", NULL);
    assert_at(result, "undoes", id);
    assert_at(result, "old", old);
    assert_at(result, "new", fresh);
    json_decref(result);
}

static json_t *number(int id)
{
    return json_pack("{s:i}", "id", id);
}

/* The same by a colleague. */
struct order {
    struct core *core;
    const char *method;
    json_t *params, *result;
    struct err_info ei;
    enum err e;
};

static void run_order(void *arg)
{
    static const struct actor bob = {.uid = 4711, .login = "bob", .operates = true};
    struct order *o = arg;
    o->e = commands_run(o->core, &bob, o->method, o->params, &o->result, &o->ei);
}

static enum err by_bob(struct core_rig *r, const char *method, json_t *params)
{
    struct order o = {.core = r->core, .method = method, .params = params};
    assert_true(server_run(r->core->server, run_order, &o));
    (void)snprintf(last_text, sizeof(last_text), "%s", o.ei.text);
    json_decref(o.result);
    json_decref(params);
    return o.e;
}

static void each_goes_one_further_back(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set", set("minute", "tokens", "300k"), "200000", "300000");
    change(&r, "limit.set", set("budget", "usd", "1"), "250", "1");
    json_decref(done(&r, "key.add", json_pack("{s:s}", "application", "docs"))); /* 4 */
    undo(&r, 3, "1", "250");
    undo(&r, 2, "300000", "200000");
    rig_restart(&r);
    undo(&r, 1, "200000", "100000");
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    refused(&r, "limit.undo", number(1), ERR_CONFLICT, "taken back already");
    refused(&r, "limit.undo", number(4), ERR_UNSUPPORTED, "key.add");
    refused(&r, "limit.undo", number(5), ERR_UNSUPPORTED, "is an undo: set budget to 1.0");
    refused(&r, "limit.undo", number(99), ERR_NOT_FOUND, "99");
    /* Setting again is the way to redo, and begins anew. */
    change(&r, "limit.set", set("minute", "tokens", "300k"), "100000", "300000"); /* 8 */
    change(&r, "limit.revert", named("minute"), "300000", "100000");
    change(&r, "limit.block", named("minute"), "100000", "\"blocked\"");
    undo(&r, 10, "\"blocked\"", "100000");
    undo(&r, 9, "100000", "300000");
    undo(&r, 8, "300000", "100000");
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    rig_close(&r);
}

static void one_by_its_number(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set", set("minute", "tokens", "300k"), "200000", "300000");
    change(&r, "limit.set", set("budget", "usd", "1"), "250", "1");
    /* Another limit's change does not stand in the way, one of the same limit does. */
    refused(&r, "limit.undo", number(1), ERR_CONFLICT, "by yourself (change 2, limit.set)");
    change(&r, "limit.undo", number(2), "300000", "200000");
    change(&r, "limit.undo", number(1), "200000", "100000");
    undo(&r, 3, "1", "250");
    json_t *h = done(&r, "limit.history", NULL);
    assert_at(h, "changes.0.undoes", "3");
    assert_at(h, "changes.1.undoes", "1");
    assert_at(h, "changes.2.undoes", "2");
    assert_at(h, "changes.3.undoes", "null");
    json_decref(h);
    rig_close(&r);
}

static void never_over_another(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set", set("budget", "usd", "1"), "250", "1");
    assert_int_equal(by_bob(&r, "limit.set", set("minute", "tokens", "300k")), ERR_OK); /* 3 */
    undo(&r, 2, "1", "250"); /* it was on another limit */
    refused(&r, "limit.undo", NULL, ERR_CONFLICT,
            "minute was changed since by bob (change 3, limit.set)");
    refused(&r, "limit.undo", number(1), ERR_CONFLICT, "by bob");
    /* Bob takes his own back; then nothing stands in the way. */
    assert_int_equal(by_bob(&r, "limit.undo", NULL), ERR_OK);
    assert_int_equal(by_bob(&r, "limit.undo", NULL), ERR_NOT_FOUND);
    assert_non_null(strstr(last_text, "bob"));
    undo(&r, 1, "200000", "100000");
    /* By its number one may undo what another did. */
    assert_int_equal(by_bob(&r, "limit.block", named("minute")), ERR_OK); /* 7 */
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    change(&r, "limit.undo", number(7), "\"blocked\"", "100000");
    rig_close(&r);
}

static void pass(int64_t *now, int64_t ms)
{
    *now += ms;
    clock_set_fake_wall(*now);
}

static bool newest_is_an_end(struct core_rig *r)
{
    json_t *h = done(r, "limit.history", json_pack("{s:i}", "max", 1));
    bool ends = strcmp(at(h, "changes.0.action"), "\"limit.expired\"") == 0;
    json_decref(h);
    return ends;
}

static void expect_minute(struct core_rig *r, const char *amount, const char *blocked)
{
    json_t *all = done(r, "limit.list", NULL);
    assert_at(all, "limits.0.amount", amount);
    assert_at(all, "limits.0.blocked", blocked);
    json_decref(all);
}

/* What an undo or an unblock has brought back ends: what lay beneath it comes back, and not what
 * had been taken back. */
static void an_end_after_an_undo(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "150k"), "100000", "150000");
    change(&r, "limit.set", set_for("200k", "1h"), "150000", "200000");
    change(&r, "limit.block", named("minute"), "200000", "\"blocked\"");
    undo(&r, 3, "\"blocked\"", "200000");
    pass(&now, 61 * 60000);
    WAIT_FOR(newest_is_an_end(&r));
    expect_minute(&r, "150000", "false");
    change(&r, "limit.set", set_for("300k", "1h"), "150000", "300000");
    change(&r, "limit.block", named("minute"), "300000", "\"blocked\"");
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "300000");
    pass(&now, 61 * 60000);
    WAIT_FOR(newest_is_an_end(&r));
    expect_minute(&r, "150000", "false");
    undo(&r, 1, "150000", "100000"); /* what has ended is passed over */
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    rig_close(&r);
    clock_set_fake_wall(0);
}

/* Through a revert of it and back a block keeps what it lies on. */
static void a_block_brought_back_keeps_what_it_lies_on(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set_for("200k", "1h"), "100000", "200000");
    change(&r, "limit.block", named("minute"), "200000", "\"blocked\"");
    change(&r, "limit.revert", named("minute"), "\"blocked\"", "100000");
    undo(&r, 3, "100000", "\"blocked\"");
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "200000"); /* 5 */
    undo(&r, 5, "200000", "\"blocked\"");
    undo(&r, 2, "\"blocked\"", "200000");
    pass(&now, 61 * 60000);
    WAIT_FOR(newest_is_an_end(&r));
    expect_minute(&r, "100000", "false");
    rig_close(&r);
    clock_set_fake_wall(0);
}

/* However often something was tried and taken back in between. */
static void what_lies_beneath_is_found_at_any_depth(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "150k"), "100000", "150000");
    for (int i = 0; i < 30; i++) { /* one on the other */
        json_decref(done(&r, "limit.set", set_for("200k", i % 2 ? "10h" : "20h")));
    }
    for (int i = 0; i < 30; i++) {
        json_decref(done(&r, "limit.set", set("minute", "tokens", "300k")));
        json_decref(done(&r, "limit.undo", NULL));
    }
    pass(&now, 21 * 3600000);
    WAIT_FOR(newest_is_an_end(&r));
    expect_minute(&r, "150000", "false");
    undo(&r, 1, "150000", "100000");
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void reload_now(void *arg)
{
    struct err_info ei = {0};
    if (core_reload(arg, &ei) != ERR_OK) {
        fail_msg("%s", ei.text);
    }
}

static void reload(struct core_rig *r, const char *limits)
{
    rig_write(r, limits);
    assert_true(server_run(r->core->server, reload_now, r->core));
}

/* 200,000 tokens are not $200,000, nor a fraction of a cent. */
static void an_amount_of_another_metric_does_not_come_back(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set", set("minute", "tokens", "300k"), "200000", "300000");
    reload(&r, "limits:\n  - {name: minute, model: haiku, usd: 5, window: 1m}\n");
    expect_minute(&r, "5", "false");
    config_unref(r.config);
    r.config = rig_load(&r);
    rig_restart(&r);
    expect_minute(&r, "5", "false");
    change(&r, "limit.undo", NULL, "5", "5");
    reload(&r, LIMITS);
    expect_minute(&r, "100000", "false"); /* what was undone stays so */
    reload(&r, "limits:\n  - {name: minute, model: haiku, usd: 5, window: 1m}\n");
    change(&r, "limit.block", named("minute"), "5", "\"blocked\"");
    reload(&r, LIMITS);
    expect_minute(&r, "100000", "true"); /* a block is one of any metric */
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "100000");
    rig_close(&r);
}

static json_t *all_of_them(const char *duration)
{
    json_t *p = json_pack("{s:b}", "all", 1);
    if (duration) {
        json_object_set_new(p, "for", json_string(duration));
    }
    return p;
}

static bool all_blocked(struct core_rig *r)
{
    json_t *s = done(r, "status", NULL);
    bool is = json_is_object(json_object_get(json_object_get(s, "health"), "all_blocked"));
    json_decref(s);
    return is;
}

static json_t *careful(bool yes)
{
    return json_pack("{s:b, s:b}", "careful", 1, "yes", yes);
}

/* Where it is asked to be careful, an undo that blocks what is open must be confirmed. */
static void a_careful_undo_does_not_block_unasked(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.block", named("minute"), "100000", "\"blocked\"");
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "100000");
    refused(&r, "limit.undo", careful(false), ERR_NEEDS_CONFIRMATION, "minute was blocked before");
    change(&r, "limit.undo", careful(true), "100000", "\"blocked\"");
    change(&r, "limit.undo", careful(false), "\"blocked\"", "100000"); /* this lets through */
    json_decref(done(&r, "limit.block", all_of_them(NULL)));
    json_decref(done(&r, "limit.unblock", all_of_them(NULL)));
    refused(&r, "limit.undo", careful(false), ERR_NEEDS_CONFIRMATION, "all-calls was blocked");
    assert_false(all_blocked(&r));
    json_decref(done(&r, "limit.undo", careful(true)));
    assert_true(all_blocked(&r));
    json_t *list = done(&r, "limit.list", NULL);
    assert_true(json_is_object(json_object_get(list, "all_blocked")));
    json_decref(list);
    json_decref(done(&r, "limit.undo", careful(false)));
    assert_false(all_blocked(&r));
    rig_close(&r);
}

/* The kill switch is a change like others: to any depth, through restarts, not over a colleague's.
 */
static void the_kill_switch_too(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000"); /* 1 */
    json_decref(done(&r, "limit.block", all_of_them(NULL)));                      /* 2 */
    assert_true(all_blocked(&r));
    undo(&r, 2, "\"blocked\"", "\"unblocked\""); /* 3 */
    assert_false(all_blocked(&r));
    refused(&r, "limit.undo", number(2), ERR_CONFLICT, "all-calls was taken back already");
    json_decref(done(&r, "limit.block", all_of_them(NULL)));   /* 4 */
    json_decref(done(&r, "limit.unblock", all_of_them(NULL))); /* 5 */
    rig_restart(&r);
    undo(&r, 5, "\"unblocked\"", "\"blocked\"");
    assert_true(all_blocked(&r));
    rig_restart(&r);
    assert_true(all_blocked(&r));
    undo(&r, 4, "\"blocked\"", "\"unblocked\"");
    assert_false(all_blocked(&r));
    undo(&r, 1, "200000", "100000");
    refused(&r, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
    json_t *h = done(&r, "limit.history", NULL);
    assert_at(h, "changes.1.action", "\"limit.undo\"");
    assert_at(h, "changes.1.undoes", "4");
    json_decref(h);
    json_decref(done(&r, "limit.block", all_of_them(NULL))); /* 9 */
    assert_int_equal(by_bob(&r, "limit.unblock", all_of_them(NULL)), ERR_OK);
    refused(&r, "limit.undo", NULL, ERR_CONFLICT, "all-calls was changed since by bob");
    rig_close(&r);
}

/* What had an end does not come back after it, and its end is nobody's change. */
static void a_kill_switch_for_a_time(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    rig_open(&r, LIMITS);
    clock_set_fake_wall(now);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000"); /* 1 */
    json_decref(done(&r, "limit.block", all_of_them("1h")));                      /* 2 */
    json_decref(done(&r, "limit.unblock", all_of_them(NULL)));                    /* 3 */
    undo(&r, 3, "\"unblocked\"", "\"blocked\"");                                  /* 4 */
    clock_set_fake_wall(now + 3700000);
    WAIT_FOR(!all_blocked(&r)); /* 5: its end */
    undo(&r, 1, "200000", "100000");
    json_decref(done(&r, "limit.block", all_of_them("1h")));   /* 7 */
    json_decref(done(&r, "limit.unblock", all_of_them(NULL))); /* 8 */
    clock_set_fake_wall(now + 9000000);
    undo(&r, 8, "\"unblocked\"", "\"unblocked\"");
    assert_false(all_blocked(&r));
    clock_set_fake_wall(0);
    rig_close(&r);
}

/* What lies beyond the file's ceiling is asked about, however it comes back: the ceiling may have
 * been lowered since. */
static void beyond_the_ceiling_asks(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "900k"), "100000", "900000");
    change(&r, "limit.set", set("minute", "tokens", "50k"), "900000", "50000");
    rig_write(&r, "limits:\n  - {name: minute, model: haiku, tokens: 100k, window: 1m, ceiling: "
                  "200k}\n");
    json_decref(done(&r, "reload", NULL));
    refused(&r, "limit.undo", NULL, ERR_NEEDS_CONFIRMATION, "above the ceiling");
    json_t *result = done(&r, "limit.undo", json_pack("{s:b}", "yes", 1));
    assert_at(result, "new", "900000");
    json_decref(result);
    undo(&r, 1, "900000", "100000"); /* back below it, as the file says */
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_careful_undo_does_not_block_unasked),
        cmocka_unit_test(the_kill_switch_too),
        cmocka_unit_test(a_kill_switch_for_a_time),
        cmocka_unit_test(each_goes_one_further_back),
        cmocka_unit_test(one_by_its_number),
        cmocka_unit_test(never_over_another),
        cmocka_unit_test(an_end_after_an_undo),
        cmocka_unit_test(an_amount_of_another_metric_does_not_come_back),
        cmocka_unit_test(a_block_brought_back_keeps_what_it_lies_on),
        cmocka_unit_test(what_lies_beneath_is_found_at_any_depth),
        cmocka_unit_test(beyond_the_ceiling_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
