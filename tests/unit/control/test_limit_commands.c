/* limit.* on a real core: set, block, revert, undo, ends in time, and what is refused. */
#include "tests/unit/control/limit_rig.h"

static json_t *find_limit(struct core_rig *r, const char *name)
{
    json_t *all = done(r, "limit.list", NULL), *found = NULL, *l;
    size_t i;
    json_array_foreach(json_object_get(all, "limits"), i, l)
    {
        if (strcmp(json_string_value(json_object_get(l, "name")), name) == 0) {
            found = json_incref(l);
        }
    }
    json_decref(all);
    assert_non_null(found);
    return found;
}

static void expect_limit(struct core_rig *r, const char *name, const char *path, const char *value)
{
    json_t *l = find_limit(r, name);
    assert_at(l, path, value);
    json_decref(l);
}

static void a_limit_has_every_member(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    json_t *l = find_limit(&r, "minute");
    static const char *const expected[][2] = {
        {"metric", "\"tokens\""},
        {"amount", "100000"},
        {"file_amount", "100000"},
        {"window", "\"1m\""},
        {"rolling", "false"},
        {"match", "{\"model\":\"haiku\"}"},
        {"per", "[]"},
        {"blocked", "false"},
        {"override", "null"},
        {"used", "0"},
        {"reserved", "0"},
        {"remaining", "100000"},
        {"over", "0"},
        {"denied", "0"},
        {"charged_by_crash", "0"},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        assert_at(l, expected[i][0], expected[i][1]);
    }
    assert_true(json_is_string(json_object_get(l, "resets_at")));
    assert_true(json_is_integer(json_object_get(l, "groups_total")));
    assert_true(json_is_array(json_object_get(l, "groups")));
    json_decref(l);
    expect_limit(&r, "budget", "amount", "250");
    expect_limit(&r, "budget", "per", "[\"costCenter\"]");
    rig_close(&r);
}

static void set_and_revert(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    json_t *p = set("minute", "tokens", "200k");
    json_object_set_new(p, "reason", json_string("busy day"));
    json_object_set_new(p, "ticket", json_string("OPS-1"));
    change(&r, "limit.set", p, "100000", "200000");
    expect_limit(&r, "minute", "amount", "200000");
    expect_limit(&r, "minute", "file_amount", "100000");
    expect_limit(&r, "minute", "override.amount", "200000");
    expect_limit(&r, "minute", "override.reason", "\"busy day\"");
    expect_limit(&r, "minute", "override.until", "null");
    rig_restart(&r); /* it is kept */
    expect_limit(&r, "minute", "amount", "200000");
    change(&r, "limit.revert", named("minute"), "200000", "100000");
    expect_limit(&r, "minute", "override", "null");
    refused(&r, "limit.revert", named("minute"), ERR_NOT_FOUND, "no override");
    rig_restart(&r);
    expect_limit(&r, "minute", "amount", "100000");
    rig_close(&r);
}

static void percent_amounts(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "+10%"), "100000", "110000");
    change(&r, "limit.set", set("minute", "tokens", "-50%"), "110000", "55000");
    change(&r, "limit.set", set("budget", "usd", "+10%"), "250", "275");
    change(&r, "limit.set", set("budget", "usd", "-1%"), "275", "272.25");
    change(&r, "limit.set", set("pair", "requests", "3"), "10", "3");
    change(&r, "limit.set", set("pair", "requests", "+10%"), "3", "4"); /* it changes something */
    refused(&r, "limit.set", set("minute", "tokens", "+1.5%"), ERR_PARSE, "whole number");
    refused(&r, "limit.set", set("minute", "tokens", "-101%"), ERR_PARSE, "whole number");
    refused(&r, "limit.set", set("minute", "tokens", "+%"), ERR_PARSE, "amount");
    rig_close(&r);
}

static void what_is_asked_wrongly(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    refused(&r, "limit.set", set("nobody", "tokens", "1k"), ERR_NOT_FOUND, "minute, budget, pair");
    refused(&r, "limit.set", set("minute", "usd", "1"), ERR_PARSE, "counts tokens, not usd");
    refused(&r, "limit.set", set("minute", "tokens", "many"), ERR_PARSE, "100k");
    refused(&r, "limit.set", set("budget", "usd", "1k"), ERR_PARSE, "dollars");
    refused(&r, "limit.set", json_pack("{s:s}", "metric", "tokens"), ERR_PARSE, "name is missing");
    refused(&r, "limit.set", json_pack("{s:s, s:s}", "name", "minute", "metric", "tokens"),
            ERR_PARSE, "amount is missing");
    refused(&r, "limit.set", set_for("1k", "-1h"), ERR_PARSE, "duration");
    refused(&r, "limit.nothing", NULL, ERR_UNSUPPORTED, "no method");
    json_t *p = set("minute", "tokens", "5k");
    json_object_set_new(p, "until", json_string("2020-01-01T00:00:00Z"));
    refused(&r, "limit.set", p, ERR_PARSE, "time to come");
    expect_limit(&r, "minute", "override", "null");
    rig_close(&r);
}

static void ceilings_and_floors_ask(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "1M"), "100000", "1000000");
    refused(&r, "limit.set", set("minute", "tokens", "1000001"), ERR_NEEDS_CONFIRMATION, "ceiling");
    refused(&r, "limit.set", set("minute", "tokens", "999"), ERR_NEEDS_CONFIRMATION, "floor");
    json_t *p = set("minute", "tokens", "2M");
    json_object_set_new(p, "yes", json_true());
    change(&r, "limit.set", p, "1000000", "2000000");
    rig_close(&r);
}

static void a_change_meanwhile_is_a_conflict(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    json_t *p = set("minute", "tokens", "120k");
    json_object_set_new(p, "was", json_integer(100000));
    change(&r, "limit.set", p, "100000", "120000");
    p = set("minute", "tokens", "130k");
    json_object_set_new(p, "was", json_integer(100000));
    refused(&r, "limit.set", p, ERR_CONFLICT, "120k");
    p = set("budget", "usd", "12.34");
    json_object_set_new(p, "was", json_real(250));
    change(&r, "limit.set", p, "250", "12.34");
    p = set("budget", "usd", "13");
    json_object_set_new(p, "was", json_real(12.34));
    change(&r, "limit.set", p, "12.34", "13");
    rig_close(&r);
}

static json_t *group_of(json_t *params, json_t *group)
{
    json_object_set_new(params, "group", group);
    return params;
}

static void groups_in_any_order(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set",
           group_of(set("pair", "requests", "20"),
                    json_pack("{s:s, s:s}", "applicationId", "docs", "costCenter", "sales")),
           "10", "20");
    /* The same group with its members the other way round and the short name. */
    change(&r, "limit.set",
           group_of(set("pair", "requests", "+50%"),
                    json_pack("{s:s, s:s}", "costCenter", "sales", "application", "docs")),
           "20", "30");
    change(&r, "limit.set",
           group_of(set("pair", "requests", "11"),
                    json_pack("{s:s, s:s}", "costCenter", "support", "application", "docs")),
           "10", "11");
    expect_limit(&r, "pair", "amount", "10");
    expect_limit(&r, "pair", "override", "null");
    rig_restart(&r);
    change(&r, "limit.revert",
           group_of(named("pair"),
                    json_pack("{s:s, s:s}", "application", "docs", "costCenter", "sales")),
           "30", "10");
    refused(&r, "limit.set", group_of(set("minute", "tokens", "5k"), json_pack("{s:s}", "a", "b")),
            ERR_PARSE, "takes no group");
    refused(&r, "limit.set",
            group_of(set("pair", "requests", "5"), json_pack("{s:s}", "costCenter", "b")),
            ERR_PARSE, "costCenter,applicationId");
    refused(&r, "limit.set",
            group_of(set("pair", "requests", "5"),
                     json_pack("{s:s, s:s}", "costCenter", "b", "x", "y")),
            ERR_PARSE, "applicationId");
    refused(&r, "limit.set",
            group_of(set("budget", "usd", "5"), json_pack("{s:s}", "costCenter", "a,b")), ERR_PARSE,
            "1 to 128");
    rig_close(&r);
}

static void block_and_unblock(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.block", named("minute"), "100000", "\"blocked\"");
    expect_limit(&r, "minute", "blocked", "true");
    refused(&r, "limit.block", named("minute"), ERR_EXISTS, "blocked already");
    refused(&r, "limit.set", set("minute", "tokens", "5k"), ERR_CONFLICT, "unblock it first");
    rig_restart(&r);
    expect_limit(&r, "minute", "blocked", "true");
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "100000");
    expect_limit(&r, "minute", "override", "null");
    refused(&r, "limit.unblock", named("minute"), ERR_NOT_FOUND, "not blocked");
    /* An amount that was set stays, for as long as it was set for. */
    json_t *result = done(&r, "limit.set", set_for("150k", "1h"));
    char until[64];
    (void)snprintf(until, sizeof(until), "%s", at(result, "until"));
    json_decref(result);
    change(&r, "limit.block", named("minute"), "150000", "\"blocked\"");
    change(&r, "limit.unblock", named("minute"), "\"blocked\"", "150000");
    expect_limit(&r, "minute", "override.until", until);
    rig_close(&r);
}

static void history_is_newest_first(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.block", named("budget"), "250", "\"blocked\"");
    change(&r, "limit.undo", NULL, "\"blocked\"", "250");
    json_decref(
        done(&r, "key.add", json_pack("{s:s}", "application", "docs"))); /* not of a limit */
    json_t *h = done(&r, "limit.history", NULL);
    assert_int_equal(json_array_size(json_object_get(h, "changes")), 3);
    assert_at(h, "changes.0.action", "\"limit.undo\"");
    assert_at(h, "changes.0.old", "\"blocked\"");
    assert_at(h, "changes.0.new", "250");
    assert_at(h, "changes.0.undoes", "2");
    assert_at(h, "changes.2.limit", "\"minute\"");
    assert_at(h, "changes.2.new", "200000");
    assert_at(h, "changes.2.type", "\"change\"");
    assert_true(json_is_integer(json_object_get(
        json_object_get(json_array_get(json_object_get(h, "changes"), 0), "actor"), "uid")));
    json_decref(h);
    h = done(&r, "limit.history", json_pack("{s:s, s:i}", "name", "budget", "max", 1));
    assert_int_equal(json_array_size(json_object_get(h, "changes")), 1);
    assert_at(h, "changes.0.limit", "\"budget\"");
    json_decref(h);
    rig_close(&r);
}

static bool newest_is(struct core_rig *r, const char *action)
{
    json_t *h = done(r, "limit.history", json_pack("{s:i}", "max", 1));
    bool same = strcmp(at(h, "changes.0.action"), action) == 0;
    json_decref(h);
    return same;
}

static void pass(int64_t *now, int64_t ms)
{
    *now += ms;
    clock_set_fake_wall(*now);
}

/* An end in time brings back what was replaced, as long as that holds itself. */
static void overrides_end(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set", set_for("300k", "1h"), "200000", "300000");
    change(&r, "limit.set", set_for("400k", "30m"), "300000", "400000");
    pass(&now, 31 * 60000);
    WAIT_FOR(newest_is(&r, "\"limit.expired\""));
    expect_limit(&r, "minute", "amount", "300000");
    json_t *h = done(&r, "limit.history", json_pack("{s:i}", "max", 1));
    assert_at(h, "changes.0.old", "400000");
    assert_at(h, "changes.0.new", "300000");
    assert_at(h, "changes.0.actor", "{\"uid\":null,\"login\":\"tollgate\"}");
    json_decref(h);
    change(&r, "limit.block", json_pack("{s:s, s:s}", "name", "minute", "for", "3h"), "300000",
           "\"blocked\"");
    pass(&now, 4 * 3600000); /* block and 300k have both ended */
    WAIT_FOR(newest_is(&r, "\"limit.expired\""));
    expect_limit(&r, "minute", "amount", "200000");
    expect_limit(&r, "minute", "blocked", "false");
    expect_limit(&r, "minute", "override.until", "null");
    rig_restart(&r);
    expect_limit(&r, "minute", "amount", "200000");
    /* What ended by itself is nobody's to undo: the last own change that holds is. */
    change(&r, "limit.revert", named("minute"), "200000", "100000");
    change(&r, "limit.set", set_for("500k", "1m"), "100000", "500000");
    pass(&now, 61000);
    WAIT_FOR(newest_is(&r, "\"limit.expired\""));
    expect_limit(&r, "minute", "amount", "100000");
    change(&r, "limit.undo", NULL, "100000", "200000");
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void an_end_during_a_stop(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.block", json_pack("{s:s, s:s}", "name", "minute", "for", "1h"), "200000",
           "\"blocked\"");
    core_close(r.core);
    pass(&now, 2 * 3600000);
    rig_start(&r);
    WAIT_FOR(newest_is(&r, "\"limit.expired\""));
    expect_limit(&r, "minute", "amount", "200000");
    expect_limit(&r, "minute", "blocked", "false");
    rig_close(&r);
    clock_set_fake_wall(0);
}

struct cleaning {
    struct core *core;
    int64_t now_ms, keep_ms, keep_count;
};

static void clean(void *arg)
{
    struct cleaning *k = arg;
    limit_before_clean(k->core, k->now_ms, k->keep_ms, k->keep_count);
}

static void clean_at(struct core_rig *r, int64_t now_ms, int64_t keep_ms, int64_t keep_count)
{
    struct cleaning k = {r->core, now_ms, keep_ms, keep_count};
    assert_true(server_run(r->core->server, clean, &k));
}

/* Whether what was before a change is still known. */
static bool is_known(struct core_rig *r, int id)
{
    struct buf text = {0};
    char key[32];
    (void)snprintf(key, sizeof(key), "before.%d", id);
    bool known = ledger_get_value(r->core->ledger, key, &text) == ERR_OK;
    assert_true(!known || str_starts(buf_str(&text), "{"));
    buf_free(&text);
    return known;
}

static void old_befores_are_forgotten(void **state)
{
    (void)state;
    struct core_rig r;
    int64_t now = clock_wall_ms();
    pass(&now, 0);
    rig_open(&r, LIMITS);
    change(&r, "limit.set", set("budget", "usd", "300"), "250", "300");
    change(&r, "limit.set", set("budget", "usd", "200"), "300", "200");
    change(&r, "limit.revert", named("budget"), "200", "250");
    change(&r, "limit.set", set("minute", "tokens", "200k"), "100000", "200000");
    change(&r, "limit.set",
           json_pack("{s:s, s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", "300k",
                     "for", "95d"),
           "200000", "300000");
    clean_at(&r, now, BEFORE_KEPT_MS, BEFORE_KEPT_COUNT);
    assert_true(is_known(&r, 1));
    clean_at(&r, now, BEFORE_KEPT_MS, 4); /* more than four */
    assert_false(is_known(&r, 1));
    assert_true(is_known(&r, 2));
    pass(&now, 91 * 24 * 3600000LL);
    change(&r, "limit.set", set("pair", "requests", "20"), "10", "20");
    clean_at(&r, now, BEFORE_KEPT_MS, BEFORE_KEPT_COUNT);
    assert_false(is_known(&r, 2) || is_known(&r, 3));
    assert_true(is_known(&r, 4) && is_known(&r, 5)); /* the override in force brings it back */
    assert_true(is_known(&r, 6));
    refused(&r, "limit.undo", json_pack("{s:i}", "id", 3), ERR_NOT_FOUND, "not known any more");
    pass(&now, 5 * 24 * 3600000LL);
    WAIT_FOR(newest_is(&r, "\"limit.expired\""));
    expect_limit(&r, "minute", "amount", "200000");
    rig_restart(&r); /* goes on where it was */
    clean_at(&r, now, BEFORE_KEPT_MS, BEFORE_KEPT_COUNT);
    assert_true(is_known(&r, 6));
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void overrides_differ_from_the_file(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    json_t *p = json_pack("{s:b}", "overrides", 1);
    json_t *a = done(&r, "limit.list", json_incref(p));
    assert_at(a, "overrides", "[]");
    json_decref(a);
    change(&r, "limit.set", set_for("150k", "1h"), "100000", "150000");
    change(&r, "limit.set",
           group_of(set("budget", "usd", "12.50"), json_pack("{s:s}", "costCenter", "idle")), "250",
           "12.5");
    change(&r, "limit.block", named("pair"), "10", "\"blocked\"");
    change(&r, "limit.set", set("minute", "tokens", "200k"), "150000", "200000");
    a = done(&r, "limit.list", json_incref(p));
    size_t i, seen = 0;
    json_t *o;
    json_array_foreach(json_object_get(a, "overrides"), i, o)
    {
        const char *name = json_string_value(json_object_get(o, "name"));
        assert_int_equal(json_object_size(o), 10);
        if (strcmp(name, "minute") == 0) {
            assert_at(o, "file_amount", "100000");
            assert_at(o, "amount", "200000");
            assert_at(o, "until", "null");
        } else if (strcmp(name, "budget") == 0) {
            assert_at(o, "group", "{\"costCenter\":\"idle\"}");
            assert_at(o, "file_amount", "250");
            assert_at(o, "amount", "12.5");
        } else {
            assert_string_equal(name, "pair");
            assert_at(o, "blocked", "true");
            assert_at(o, "amount", "null");
        }
        seen++;
    }
    assert_int_equal(seen, 3);
    json_decref(a);
    a = done(&r, "limit.list", NULL);
    assert_null(json_object_get(a, "overrides"));
    json_decref(a);
    core_close(r.core); /* without a core too */
    struct err_info ei = {0};
    assert_int_equal(core_ask(r.config, "limit.list", p, &a, &ei), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(a, "overrides")), 3);
    json_decref(a);
    rig_start(&r);
    rig_close(&r);
}

static void a_reason_can_be_required(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS "control: {require_reason: true}\n");
    refused(&r, "limit.set", set("minute", "tokens", "5k"), ERR_PARSE, "reason is required");
    json_t *p = set("minute", "tokens", "5k");
    json_object_set_new(p, "reason", json_string("because"));
    change(&r, "limit.set", p, "100000", "5000");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_has_every_member),
        cmocka_unit_test(set_and_revert),
        cmocka_unit_test(percent_amounts),
        cmocka_unit_test(what_is_asked_wrongly),
        cmocka_unit_test(ceilings_and_floors_ask),
        cmocka_unit_test(a_change_meanwhile_is_a_conflict),
        cmocka_unit_test(groups_in_any_order),
        cmocka_unit_test(block_and_unblock),
        cmocka_unit_test(history_is_newest_first),
        cmocka_unit_test(overrides_end),
        cmocka_unit_test(an_end_during_a_stop),
        cmocka_unit_test(old_befores_are_forgotten),
        cmocka_unit_test(overrides_differ_from_the_file),
        cmocka_unit_test(a_reason_can_be_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
