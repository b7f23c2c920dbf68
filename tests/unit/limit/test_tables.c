/* test_tables.c: single cases of what the engine keeps: thresholds told, sums compared, names
 * remembered, windows carried through a reload, groups that make room. Each stands for a way of
 * getting it wrong. */
#include "core/limit/limit_private.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

static void held(struct rig *r, size_t i, int64_t used, int64_t reserved)
{
    struct limits_view v = rig_view(r);
    assert_int_equal(v.limits[i].groups[0].used, used);
    assert_int_equal(v.limits[i].groups[0].reserved, reserved);
    limits_view_free(&v);
}

static void roll(struct rig *r)
{
    rig_init(r);
    rig_limit(r, "t", METRIC_TOKENS, 100, WINDOW_1M)->rolling = true;
    rig_start(r);
}

/* --- what is told --- */

static void spend_at(struct rig *r, int64_t at_ms, int64_t tokens)
{
    rig_time(r, at_ms);
    struct call c = rig_call(r, NULL, tokens, 0);
    rig_settle(r, rig_admit(r, &c), &c, tokens, 0);
}

static size_t heard(struct rig *r)
{
    struct limit_event e[8];
    return limits_events(r->l, e, 8);
}

/* Where a window rolls, a threshold is told again a window later at the earliest, and only once
 * less was used than it says. */
static void tells_no_sooner(void **state)
{
    (void)state;
    struct rig r;
    roll(&r);
    spend_at(&r, T0, 70);
    assert_int_equal(heard(&r), 0);
    spend_at(&r, T0 + 50000, 10);
    assert_int_equal(heard(&r), 1);
    spend_at(&r, T0 + 65000, 70); /* there were 10 left of them */
    assert_int_equal(heard(&r), 0);
    rig_end(&r);
    roll(&r);
    spend_at(&r, T0, 80);
    assert_int_equal(heard(&r), 1);
    spend_at(&r, T0 + 61000, 79); /* 79, and a token makes it 80 */
    spend_at(&r, T0 + 62000, 1);
    assert_int_equal(heard(&r), 1);
    rig_end(&r);
}

/* Many groups at once take no place from other limits: those beyond are counted. */
static void groups_do_not_drown_others(void **state)
{
    (void)state;
    static struct limit_event e[300];
    struct rig r;
    char name[16];
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "each", METRIC_REQUESTS, 1, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_limit(&r, "all", METRIC_REQUESTS, 1000, WINDOW_1M);
    rig_start(&r);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        struct call c = rig_call(&r, name, 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 1, 0);
    }
    size_t n = limits_events(r.l, e, 300);
    int64_t groups = 0, all = 0;
    assert_int_equal(n, 192 + 2);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(e[i].limit, "all") == 0) {
            all += e[i].percent;
        } else {
            groups += 1 + e[i].more;
        }
    }
    assert_int_equal(all, 80 + 100);
    assert_int_equal(groups, 2000);
    assert_int_equal(limits_events(r.l, e, 300), 0);
    rig_end(&r);
}

/* It is back at the threshold, and has not been below. */
static void stays_at_a_threshold(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_CONCURRENCY, 10, WINDOW_NONE);
    rig_start(&r);
    struct limit_hold *h[8];
    struct call c = rig_call(&r, NULL, 1, 1);
    for (int i = 0; i < 8; i++) {
        h[i] = rig_admit(&r, &c);
    }
    assert_int_equal(heard(&r), 1);
    rig_time(&r, T0 + 2 * MINUTE);
    c.admitted_wall_ms = r.now_ms;
    limits_release(r.l, rig_admit(&r, &c)); /* it was at 8 when this one came */
    assert_int_equal(heard(&r), 0);
    for (int i = 0; i < 8; i++) {
        limits_release(r.l, h[i]);
    }
    rig_end(&r);
}

/* What was told before a restart is not told again after it. */
static void a_restart_is_quiet(void **state)
{
    (void)state;
    struct rig r;
    struct amounts a = {.v = {0}};
    const struct tags none = {.count = 0};
    const struct str nobody = {NULL, 0};
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    a.v[METRIC_TOKENS] = 90;
    limits_restore(r.l, &rig_haiku, &none, nobody, T0, &a, false); /* as its window began */
    held(&r, 0, 90, 0);
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 + MINUTE, &a, false); /* after it */
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 - 1, &a, false);      /* before */
    held(&r, 0, 90, 0);
    spend_at(&r, T0 + 1000, 1);
    assert_int_equal(heard(&r), 0);
    spend_at(&r, T0 + 2000, 9);
    assert_int_equal(heard(&r), 1); /* all of it is new */
    rig_end(&r);
}

/* What is shown as matching is compared. */
static void a_leak_is_seen(void **state)
{
    (void)state;
    struct rig r;
    struct limits_view v;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 10, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    for (int leaks = 1; leaks >= 0; leaks--) {
        h->at[0].bucket->reserved += leaks == 1 ? 1 : -1;
        assert_int_equal(limits_view(r.l, T0, &v), ERR_OK);
        assert_int_equal(v.reserved_matches, leaks == 0);
        limits_view_free(&v);
    }
    limits_release(r.l, h);
    rig_end(&r);
}

/* Names of models that nobody has heard of are forgotten, too. */
static void models_are_bounded(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    for (int i = 0; i < 2 * MODELS_CACHED; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "m%d", i);
        struct model m = rig_haiku;
        m.name = name;
        struct call c = rig_call(&r, NULL, 1, 0);
        c.resolved.model = &m;
        limits_release(r.l, rig_admit(&r, &c));
        assert_in_range(r.l->model_rules.count, 1, MODELS_CACHED);
    }
    rig_end(&r);
}

/* --- reloads --- */

static void late(struct rig *r, int64_t wall_ms, int64_t seq, int64_t tokens)
{
    const struct tags none = {.count = 0};
    const struct str nobody = {NULL, 0};
    struct amounts a = {.v = {0}};
    a.v[METRIC_TOKENS] = tokens;
    limits_restore_late(r->l, &rig_haiku, &none, nobody, wall_ms, seq, &a, false);
}

/* A limit that is new, or has another window, knows what was used since its window began: what the
 * ledger had, and of calls admitted before the reload what it had later; each once. */
static void a_new_limit_knows(void **state)
{
    (void)state;
    struct rig r, next;
    const struct tags none = {.count = 0};
    const struct str nobody = {NULL, 0};
    struct amounts a = {.v = {0}};
    for (int fresh = 0; fresh < 2; fresh++) {
        rig_init(&r);
        rig_limit(&r, "stays", METRIC_TOKENS, 1000, WINDOW_MONTH);
        if (fresh == 0) {
            rig_limit(&r, "other", METRIC_TOKENS, 1000, WINDOW_1H);
        }
        rig_start(&r);
        rig_init(&next);
        rig_limit(&next, "stays", METRIC_TOKENS, 1000, WINDOW_MONTH);
        rig_limit(&next, "other", METRIC_TOKENS, 1000, WINDOW_DAY);
        struct limits *ahead = limits_new(&next.config, NULL, NULL);
        assert_non_null(ahead);
        int64_t midnight_ms = T0 - T0 % DAY;
        assert_int_equal(limits_begin_from(r.l, ahead, T0), midnight_ms);
        a.v[METRIC_TOKENS] = 100;
        limits_restore(ahead, &rig_haiku, &none, nobody, midnight_ms, &a, false);
        next.l = r.l;
        assert_int_equal(limits_reload(r.l, &next.config, NULL, NULL), ERR_OK);
        assert_int_equal(limits_behind(next.l), 0); /* not known yet from where on */
        limits_take_over(next.l, ahead, 10);
        limits_free(ahead);
        rig_expect(&next, 0, 0, 0);
        rig_expect(&next, 1, 100, 0);
        assert_int_equal(limits_behind(next.l), T0);
        late(&next, T0, 10, 1);     /* was in it */
        late(&next, T0, 11, 20);    /* came later */
        late(&next, T0 + 1, 12, 3); /* admitted after the reload: counted by itself */
        rig_expect(&next, 0, 0, 0);
        rig_expect(&next, 1, 120, 0);
        limits_caught_up(next.l);
        assert_int_equal(limits_behind(next.l), 0);
        late(&next, T0, 13, 5);
        rig_expect(&next, 1, 120, 0);
        limits_free(next.l);
    }
    clock_set_fake_wall(0);
}

/* --- full tables --- */

static void told(void *arg, struct limit_waiter *w)
{
    *(int *)arg += w->result == ERR_OK;
}

static void spend(struct rig *r, const char *center)
{
    struct call c = rig_call(r, center, 1, 0);
    rig_settle(r, rig_admit(r, &c), &c, 1, 0);
}

static void spend_in(struct rig *r, char kind, int from, int to)
{
    char name[16];
    for (int i = from; i < to; i++) {
        (void)snprintf(name, sizeof(name), "%c%d", kind, i);
        spend(r, name);
    }
}

/* Room is made by groups that are idle: not by one that owes, not by one in whose queue a call
 * stands, and not by what the others share while it is in use. */
static void who_makes_room(void **state)
{
    (void)state;
    struct rig r;
    int served = 0;
    struct limit_waiter w;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 50, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    f->action = ACTION_QUEUE;
    rig_start(&r);
    struct call owes = rig_call(&r, "owes", 50, 0), waits = rig_call(&r, "waits", 50, 0);
    rig_settle(&r, rig_admit(&r, &owes), &owes, 130, 0);
    rig_settle(&r, rig_admit(&r, &waits), &waits, 50, 0);
    assert_int_equal(limits_wait(r.l, &waits, &w, told, &served), ERR_BUSY);
    spend_in(&r, 'g', 2, GROUPS_MAX);
    spend(&r, "shares");
    rig_time(&r, T0 + MINUTE); /* all the others make room now, and in the next minute the rest */
    spend_in(&r, 'h', 0, GROUPS_MAX - 70);
    rig_time(&r, T0 + 2 * MINUTE);
    spend_in(&r, 'i', 0, 1000);
    assert_int_equal(served, 0);
    limits_tick(r.l, r.now_ms);
    assert_int_equal(served, 1);
    limits_release(r.l, w.hold);
    owes = rig_call(&r, "owes", 21, 0);
    struct limit_denial d = rig_refuse(&r, &owes);
    assert_int_equal(d.used, 30); /* the minute between has paid 50 of 80 */
    assert_string_equal(d.group, "costCenter=owes");
    spend_in(&r, 'i', 1000, GROUPS_MAX + 20); /* full again; a few of them share */
    spend(&r, "shares anew");
    struct call c = rig_call(&r, "and this", 50, 0);
    d = rig_refuse(&r, &c);
    assert_string_equal(d.group, "costCenter=other");
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_no_sooner),      cmocka_unit_test(groups_do_not_drown_others),
        cmocka_unit_test(stays_at_a_threshold), cmocka_unit_test(a_restart_is_quiet),
        cmocka_unit_test(a_leak_is_seen),       cmocka_unit_test(models_are_bounded),
        cmocka_unit_test(a_new_limit_knows),    cmocka_unit_test(who_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
