/* test_edges.c: single cases that the random schedules do not reach: prices that are not known,
 * debts at the edge of a window, clocks, full tables, what is reserved of a guess. Each stands for
 * a way of getting it wrong. */
#include "core/limit/learned.h"
#include "core/limit/limit_private.h"
#include "core/limit/window.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

static void held(struct rig *r, size_t i, int64_t used, int64_t reserved)
{
    struct limits_view v = rig_view(r);
    assert_int_equal(v.limits[i].groups[0].used, used);
    assert_int_equal(v.limits[i].groups[0].reserved, reserved);
    limits_view_free(&v);
}

/* --- money that is not known --- */

/* The proxy charges what was reserved when the end has no price, and says so: that counts. */
static void charged_without_a_price(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    c.priced = false;
    c.usd = 480000;
    limits_settle(r.l, h, &c);
    held(&r, 0, 480000, 0);
    rig_end(&r);
}

/* A limit that only warns lets a call without a price in: it holds nothing, and never less. */
static void only_warned_without_a_price(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100), known = c;
    struct limit_hold *priced = rig_admit(&r, &known);
    c.priced = false;
    struct limit_hold *h = rig_admit(&r, &c);
    held(&r, 0, 0, 480000);
    const struct usage more = {.input = 100, .output = 5000};
    assert_true(limits_top_up(r.l, h, &c, &more));
    held(&r, 0, 0, 480000);
    known.priced = false; /* its tier turned out to have none */
    assert_true(limits_top_up(r.l, priced, &known, &more));
    held(&r, 0, 0, 480000);
    limits_release(r.l, h);
    limits_release(r.l, priced);
    held(&r, 0, 0, 0);
    rig_end(&r);
}

/* --- debts --- */

/* Uses more than it reserved: the window is over by that. */
static void overuse(struct rig *r, int64_t reserves, int64_t uses)
{
    struct call c = rig_call(r, NULL, reserves, 0);
    rig_settle(r, rig_admit(r, &c), &c, uses, 0);
}

/* A window ends with what is held then: a call that is released later made no room in it. */
static void released_after_the_window(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 60, 0);
    struct limit_hold *h = rig_admit(&r, &a);
    overuse(&r, 30, 90); /* 90 used and 60 held, of 100 */
    rig_time(&r, T0 + MINUTE);
    limits_release(r.l, h);
    held(&r, 0, 50, 0);
    rig_end(&r);
}

/* A passed window pays its amount to the last token, and only that. */
static void paid_to_the_token(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 50, WINDOW_1M);
    rig_start(&r);
    overuse(&r, 50, 151); /* 101 too many; two windows nobody looks at pay 100 */
    rig_time(&r, T0 + 3 * MINUTE);
    held(&r, 0, 1, 0);
    rig_end(&r);
}

/* Days are not of one length: one between two long ones is a whole window that pays. */
static void a_long_day_owes(void **state)
{
    (void)state;
    struct rig r;
    int64_t sunday_ms = 0; /* of 25 hours in Berlin */
    assert_true(clock_parse_rfc3339(STR("2026-10-25T12:00:00Z"), &sunday_ms));
    rig_init(&r);
    r.config.timezone = "Europe/Berlin";
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_DAY);
    rig_time(&r, sunday_ms);
    rig_start(&r);
    overuse(&r, 100, 250);
    rig_time(&r, sunday_ms + 2 * DAY);
    held(&r, 0, 50, 0);
    rig_end(&r);
}

/* --- clocks --- */

/* Short windows wait only as long as they last for a clock that was set back. */
static void a_minute_waits_a_minute(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_REQUESTS, 1, WINDOW_1M);
    rig_time(&r, T0 + 10 * MINUTE);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 1, 1);
    limits_settle(r.l, rig_admit(&r, &c), &c);
    rig_time(&r, T0 + 7 * MINUTE);
    c.admitted_wall_ms = r.now_ms;
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 8 * MINUTE);
    rig_end(&r);
}

/* An hour is cut where the clock is put back within it, at both ends. */
static void an_hour_is_cut(void **state)
{
    (void)state;
    struct zone *z = zone_new("America/St_Johns", NULL); /* 00:01 became 23:01 */
    int64_t change_ms = 0, start, end;
    assert_non_null(z);
    assert_true(clock_parse_rfc3339(STR("2010-11-07T02:31:00Z"), &change_ms));
    window_at(z, WINDOW_1H, change_ms - 1, &start, &end);
    assert_int_equal(start, change_ms - MINUTE);
    assert_int_equal(end, change_ms);
    window_at(z, WINDOW_1H, change_ms, &start, &end);
    assert_int_equal(start, change_ms);
    assert_int_equal(end, change_ms + 59 * MINUTE);
    zone_free(z);
}

/* --- windows that roll --- */

static void roll(struct rig *r)
{
    rig_init(r);
    rig_limit(r, "t", METRIC_TOKENS, 100, WINDOW_1M)->rolling = true;
    rig_start(r);
}

static void rolls_free_in_time(void **state)
{
    (void)state;
    struct rig r;
    roll(&r);
    rig_time(&r, T0 + 5000);
    struct call c = rig_call(&r, NULL, 60, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 0);
    rig_time(&r, T0 + 15000);
    c = rig_call(&r, NULL, 40, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 40, 0);
    c = rig_call(&r, NULL, 60, 0); /* just what the first leaves */
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 5000 + 61000);
    rig_end(&r);
}

/* What open calls hold comes back nobody knows when: the oldest that was used is what is told. */
static void rolls_wait_for_the_oldest(void **state)
{
    (void)state;
    struct rig r;
    roll(&r);
    rig_time(&r, T0 + 5000);
    struct call c = rig_call(&r, NULL, 10, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 10, 0);
    c = rig_call(&r, NULL, 90, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    c = rig_call(&r, NULL, 95, 0);
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 5000 + 61000);
    limits_release(r.l, h);
    rig_end(&r);
}

/* What a crash charged leaves with its slot. */
static void a_crash_rolls_away(void **state)
{
    (void)state;
    struct rig r;
    struct amounts a = {.v = {0}};
    roll(&r);
    const struct tags none = {.count = 0};
    const struct str nobody = {NULL, 0};
    a.v[METRIC_TOKENS] = 60;
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 - 40000, &a, true);
    a.v[METRIC_TOKENS] = 30;
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 - 10000, &a, true);
    static const int64_t later[] = {0, 25000, 60000}, left[] = {90, 30, 0};
    for (int i = 0; i < 3; i++) {
        rig_time(&r, T0 + later[i]);
        struct limits_view v = rig_view(&r);
        assert_int_equal(v.limits[0].used, left[i]);
        assert_int_equal(v.limits[0].charged_by_crash, left[i]);
        limits_view_free(&v);
    }
    rig_end(&r);
}

/* --- guesses and clamps --- */

static struct call unsaid(const struct rig *r)
{
    struct call c = rig_call(r, "sales", 0, 0);
    c.text_bytes = 100;
    return c;
}

static int64_t guessed(struct rig *r, int64_t amount)
{
    struct limit_override o = rig_override("t", "", amount);
    assert_int_equal(limits_override(r->l, &o, NULL), ERR_OK);
    struct call c = unsaid(r);
    limit_foresee(r->l, &c);
    assert_int_equal(c.reserved_usage.input, 110);
    return c.reserved_usage.output;
}

/* While nothing is known a guess takes a quarter of the room at most; what is known, all of it. */
static void a_guess_takes_its_share(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    r.config.estimate_bytes = true;
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 1, WINDOW_MONTH);
    f->warn_count = 0;
    rig_start(&r);
    assert_int_equal(guessed(&r, 110 + 4 * 4096), 4096);
    assert_int_equal(guessed(&r, 110 + 4 * 4096 - 4), 4095);
    assert_int_equal(guessed(&r, 110 + 4096), 1024);
    assert_int_equal(guessed(&r, 110 + 3), 1); /* never nothing */
    f->too_big_clamp = true;
    assert_int_equal(guessed(&r, 110 + 1024), 4096); /* it is clamped, and told so */
    assert_int_equal(guessed(&r, 110 + 1023), 255);
    f->too_big_clamp = false;
    (void)guessed(&r, 10000000);
    for (int i = 0; i < 30; i++) {
        struct call c = unsaid(&r);
        limit_foresee(r.l, &c);
        rig_settle(&r, rig_admit(&r, &c), &c, 110, 1500);
    }
    int64_t known = guessed(&r, 10000000);
    assert_in_range(known, 1875, 2048);
    assert_int_equal(guessed(&r, 110 + known), known);
    assert_int_equal(guessed(&r, 110 + known - 1), (known - 1) / 4);
    rig_end(&r);
}

/* Of several limits that clamp the largest least counts, whichever comes first. */
static void the_largest_least(void **state)
{
    (void)state;
    static const int64_t leasts[2][2] = {{16, 500}, {500, 16}};
    for (int i = 0; i < 2; i++) {
        struct rig r;
        rig_init(&r);
        for (int k = 0; k < 2; k++) {
            struct config_limit *f =
                rig_limit(&r, k == 0 ? "a" : "b", METRIC_TOKENS, 1000, WINDOW_1M);
            f->too_big_clamp = true;
            f->min_output = leasts[i][k];
        }
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 501, 4000);
        struct limit_hold *h = NULL;
        struct limit_denial d;
        int64_t clamped;
        assert_int_equal(limits_reserve_clamped(r.l, &c, &h, &d, &clamped), ERR_FULL);
        assert_int_equal(d.asked, 1001);
        c = rig_call(&r, NULL, 500, 4000);
        assert_int_equal(limits_reserve_clamped(r.l, &c, &h, &d, &clamped), ERR_OK);
        assert_int_equal(clamped, 500);
        limits_release(r.l, h);
        rig_end(&r);
    }
}

/* --- what is learned --- */

static void learn(struct rig *r, int64_t bytes, const struct usage *u, int times)
{
    for (int i = 0; i < times; i++) {
        struct call c = unsaid(r);
        c.text_bytes = bytes;
        struct limit_hold *h = rig_admit(r, &c);
        c.usage = *u;
        c.usd = usage_cost(u, &c.price);
        limits_settle(r->l, h, &c);
    }
}

static struct usage foreseen(struct rig *r, int64_t bytes)
{
    struct call c = unsaid(r);
    c.text_bytes = bytes;
    limit_foresee(r->l, &c);
    return c.reserved_usage;
}

/* Twenty calls teach, with a margin that shrinks as they become many; what a cache held is input as
 * well; short and long texts are apart; no answer is foreseen longer than the model's longest. */
static void what_calls_teach(void **state)
{
    (void)state;
    struct rig r;
    const struct usage quarter = {.input = 10 + 200, .cache_read = 300, .output = 8000};
    rig_init(&r);
    rig_start(&r);
    learn(&r, 2000, &quarter, 19);
    assert_int_equal(foreseen(&r, 2000).input, 10 + 1000);
    assert_int_equal(foreseen(&r, 2000).output, 4096);
    learn(&r, 2000, &quarter, 1);
    assert_in_range(foreseen(&r, 2000).input, 10 + 500 * 5 / 4, 10 + 500 * 3 / 2);
    assert_int_equal(foreseen(&r, 2000).output, 8192);
    assert_int_equal(foreseen(&r, 800).input, 10 + 400);
    assert_int_equal(foreseen(&r, 20000).input, 10 + 10000);
    int64_t few = foreseen(&r, 2000).input;
    learn(&r, 2000, &quarter, 200);
    assert_in_range(foreseen(&r, 2000).input, 10 + 560, few - 1);
    rig_end(&r);
}

static void a_quantile_leaves_its_share(void **state)
{
    (void)state;
    int64_t v = 0, n = 0;
    struct learned *t = learned_new();
    assert_non_null(t);
    for (int i = 0; i < 100; i++) {
        learned_note(t, STR("a"), i == 0 ? 100000 : 4);
    }
    assert_true(learned_quantile(t, STR("a"), 990, &v, &n));
    assert_int_equal(v, 4); /* one of a hundred may pass it */
    assert_true(learned_quantile(t, STR("a"), 991, &v, &n));
    assert_true(v >= 100000);
    learned_free(t);
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
        cmocka_unit_test(charged_without_a_price),
        cmocka_unit_test(only_warned_without_a_price),
        cmocka_unit_test(released_after_the_window),
        cmocka_unit_test(paid_to_the_token),
        cmocka_unit_test(a_long_day_owes),
        cmocka_unit_test(a_minute_waits_a_minute),
        cmocka_unit_test(an_hour_is_cut),
        cmocka_unit_test(rolls_free_in_time),
        cmocka_unit_test(rolls_wait_for_the_oldest),
        cmocka_unit_test(a_crash_rolls_away),
        cmocka_unit_test(a_guess_takes_its_share),
        cmocka_unit_test(the_largest_least),
        cmocka_unit_test(what_calls_teach),
        cmocka_unit_test(a_quantile_leaves_its_share),
        cmocka_unit_test(tells_no_sooner),
        cmocka_unit_test(stays_at_a_threshold),
        cmocka_unit_test(a_restart_is_quiet),
        cmocka_unit_test(a_leak_is_seen),
        cmocka_unit_test(models_are_bounded),
        cmocka_unit_test(a_new_limit_knows),
        cmocka_unit_test(who_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
