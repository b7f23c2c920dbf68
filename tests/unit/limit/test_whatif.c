/* test_whatif.c: what another amount would have denied: against the engine itself, call by call,
 * and by hand where facts differ from what is tried. */
#include "core/limit/whatif.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define CALLS 3000

static struct amounts amounts(int64_t input, int64_t output)
{
    struct usage u = {.input = input, .output = output};
    static const struct price p = {800000000, 4000000000, -1, -1, -1};
    struct amounts a;
    amounts_of(&a, &u, &rig_haiku, usage_cost(&u, &p));
    return a;
}

struct past_call {
    struct call call;
    struct limit_hold *hold;
    int64_t end_ms;
    struct usage used;
    bool settled;
};

static uint32_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % n;
}

/* Settles in the engine what has ended by then, in the order of time. */
static void settle_until(struct rig *r, struct past_call *at, size_t count, int64_t until_ms)
{
    for (;;) {
        struct past_call *first = NULL;
        for (size_t i = 0; i < count; i++) {
            struct past_call *c = &at[i];
            if (c->hold != NULL && c->end_ms <= until_ms &&
                (first == NULL || c->end_ms < first->end_ms)) {
                first = c;
            }
        }
        if (first == NULL) {
            return;
        }
        rig_time(r, first->end_ms);
        rig_settle(r, first->hold, &first->call, first->used.input, first->used.output);
        first->hold = NULL;
    }
}

static const char *const centers[] = {"sales", "support", "services"};

static void agree(const struct config_limit *f, uint32_t seed)
{
    struct rig r;
    static struct past_call at[CALLS];
    int64_t denied = 0, tokens = 0, first = 0, last = 0;
    rig_init(&r);
    r.limits[0] = *f;
    r.config.limit_count = 1;
    rig_start(&r);
    struct whatif *w = whatif_new(f, NULL, "UTC", NULL, T0, NULL);
    assert_non_null(w);
    int64_t now = T0;
    memset(at, 0, sizeof(at));
    for (size_t i = 0; i < CALLS; i++) {
        struct past_call *c = &at[i];
        now += draw(&seed, 400);
        settle_until(&r, at, i, now);
        rig_time(&r, now);
        c->call = rig_call(&r, centers[draw(&seed, 3)], draw(&seed, 200), draw(&seed, 200));
        struct usage u = c->call.reserved_usage;
        c->end_ms = now + 1 + draw(&seed, i % 10 == 0 ? 90000 : 2000);
        c->used = (struct usage){.input = u.input, .output = draw(&seed, 240)};
        struct whatif_call past = {
            .model = &rig_haiku,
            .tags = &c->call.tags,
            .admitted_ms = now,
            .duration_ms = c->end_ms - now,
            .reserved = amounts(u.input, u.output),
            .used = amounts(c->used.input, c->used.output),
            .outcome = OUTCOME_APPROVED,
        };
        assert_int_equal(whatif_load(w, &past), ERR_OK);
        struct limit_denial d;
        enum err e = limits_reserve(r.l, &c->call, &c->hold, &d);
        if (e == ERR_FULL) {
            denied++;
            tokens += c->used.input + c->used.output;
            first = first == 0 ? now : first;
            last = now;
        }
    }
    settle_until(&r, at, CALLS, INT64_MAX);
    rig_end(&r);
    struct whatif_result out;
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(whatif_try(w, INT64_MAX, &out), ERR_OK);
        assert_int_equal(out.denied, 0);
        assert_int_equal(out.application_count, 0);
        assert_int_equal(whatif_try(w, f->amount, &out), ERR_OK);
        assert_int_equal(out.calls, CALLS);
        assert_int_equal(out.denied, denied);
        assert_int_equal(out.anew, denied);
        assert_int_equal(out.tokens, tokens);
        assert_int_equal(out.first_ms, first);
        assert_int_equal(out.last_ms, last);
        assert_int_equal(out.applications[0].denied, denied);
        assert_string_equal(out.applications[0].name, "none");
    }
    assert_in_range(denied, CALLS / 100, CALLS * 99 / 100);
    whatif_free(w);
}

static void agrees_with_the_engine(void **state)
{
    (void)state;
    static const struct config_limit limits[] = {
        {.metric = METRIC_TOKENS, .amount = 5000, .window = WINDOW_10S},
        {.metric = METRIC_TOKENS, .amount = 9000, .window = WINDOW_1M},
        {.metric = METRIC_TOKENS, .amount = 9000, .window = WINDOW_1M, .rolling = true},
        {.metric = METRIC_OUTPUT_TOKENS, .amount = 2000, .window = WINDOW_10S, .rolling = true},
        {.metric = METRIC_USD, .amount = 90000000, .window = WINDOW_1H},
        {.metric = METRIC_REQUESTS, .amount = 70, .window = WINDOW_1M},
        {.metric = METRIC_CONCURRENCY, .amount = 9, .window = WINDOW_NONE},
        {.metric = METRIC_AWS_QUOTA_TOKENS, .amount = 300000, .window = WINDOW_DAY},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct config_limit f = limits[i];
        f.name = "t";
        agree(&f, (uint32_t)i + 1);
        f.amount = f.amount / 2;
        f.per[0] = "costCenter";
        f.per_count = 1;
        agree(&f, (uint32_t)i + 100);
    }
}

struct given {
    const char *application, *center;
    int64_t at_ms, duration_ms, asked, used;
    enum call_outcome outcome;
};

static void load(struct whatif *w, const struct given *g)
{
    struct tags tags = {.count = 2};
    tags.at[0] = (struct tag){STR("applicationId"), str_of(g->application)};
    tags.at[1] = (struct tag){STR("costCenter"), str_of(g->center)};
    struct whatif_call c = {
        .model = &rig_haiku,
        .tags = &tags,
        .principal = STR("TGKA"),
        .admitted_ms = g->at_ms,
        .duration_ms = g->duration_ms,
        .reserved = amounts(g->asked, 0),
        .used = amounts(g->used, 0),
        .outcome = g->outcome,
    };
    assert_int_equal(whatif_load(w, &c), ERR_OK);
}

static const struct config_limit minute = {
    .name = "m", .metric = METRIC_TOKENS, .amount = 1, .window = WINDOW_1M};

static void tells_whom_and_how_much(void **state)
{
    (void)state;
    static const struct given given[] = {
        {"docs", "sales", T0 + 1, 10, 50, 40, OUTCOME_APPROVED},
        {"chat", "sales", T0 + 20, 10, 50, 40, OUTCOME_FAILED},
        {"docs", "sales", T0 + 40, 10, 50, 30, OUTCOME_APPROVED}, /* 80 + 50 */
        {"chat", "sales", T0 + 60, 10, 90, 0, OUTCOME_DENIED},
        {"docs", "sales", T0 + 70, 10, 900, 900, OUTCOME_REJECTED},
        {"docs", "sales", T0 + 80, 10, 45, 20, OUTCOME_APPROVED},
        {"docs", "sales", T0 + MINUTE, 10, 100, 100, OUTCOME_APPROVED},
        {"chat", "sales", T0 + MINUTE + 20, 10, 1, 1, OUTCOME_APPROVED},
    };
    struct whatif *w = whatif_new(&minute, "", "UTC", NULL, T0, NULL);
    for (size_t i = 0; i < 8; i++) {
        load(w, &given[i]);
    }
    struct whatif_result out;
    assert_int_equal(whatif_try(w, 100, &out), ERR_OK);
    assert_int_equal(out.calls, 7);
    assert_int_equal(out.denied, 4);
    assert_int_equal(out.anew, 3);
    assert_int_equal(out.spared, 0);
    assert_int_equal(out.tokens, 30 + 90 + 20 + 1);
    assert_int_equal(out.usd, (30 + 90 + 20 + 1) * 800);
    assert_int_equal(out.first_ms, T0 + 40);
    assert_int_equal(out.last_ms, T0 + MINUTE + 20);
    assert_int_equal(out.application_count, 2);
    assert_string_equal(out.applications[0].name, "chat"); /* two each: by name */
    assert_int_equal(out.applications[0].tokens, 91);
    assert_string_equal(out.applications[1].name, "docs");
    assert_int_equal(out.applications[1].denied, 2);
    assert_int_equal(out.applications[1].usd, 50 * 800);
    assert_int_equal(whatif_try(w, 1000, &out), ERR_OK);
    assert_int_equal(out.denied, 0);
    assert_int_equal(out.spared, 1);
    assert_int_equal(out.first_ms, 0);
    assert_int_equal(whatif_try(w, 0, &out), ERR_OK);
    assert_int_equal(out.denied, 7);
    whatif_free(w);
}

/* Calls before fill the window, but only what comes since is counted. */
static void since(void **state)
{
    (void)state;
    struct given g = {"docs", "sales", T0 + 5, 1, 60, 60, OUTCOME_APPROVED};
    struct whatif *w = whatif_new(&minute, NULL, "UTC", NULL, T0 + 30000, NULL);
    assert_int_equal(whatif_from(w), T0);
    load(w, &g);
    g.at_ms = T0 + 10;
    load(w, &g);
    g.at_ms = T0 + 30000;
    load(w, &g);
    struct whatif_result out;
    assert_int_equal(whatif_try(w, 100, &out), ERR_OK);
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.denied, 1);
    whatif_free(w);
    struct config_limit f = minute;
    f.rolling = true;
    w = whatif_new(&f, NULL, "UTC", NULL, T0, NULL);
    assert_int_equal(whatif_from(w), T0 - 61000);
    whatif_free(w);
}

static void groups_and_matches(void **state)
{
    (void)state;
    struct config_limit f = minute;
    struct err_info ei = {0};
    struct whatif_result out;
    f.per[0] = "costCenter";
    f.per_count = 1;
    f.match[0] = (struct config_match){.key = "application", .glob = "do*"};
    f.match[1] = (struct config_match){.key = "model", .glob = "haiku"};
    f.match[2] = (struct config_match){.key = "principal", .glob = "TGK?"};
    f.match_count = 3;
    assert_null(whatif_new(&f, "region=x", "UTC", NULL, T0, &ei));
    assert_int_equal(ei.code, ERR_PARSE);
    ei = (struct err_info){0};
    assert_null(whatif_new(&f, NULL, "Nowhere", NULL, T0, &ei));
    assert_int_equal(ei.code, ERR_NOT_FOUND);
    static const char *const given[] = {NULL, "costCenter=sales", "costCenter=nobody"};
    static const int64_t calls[] = {4, 2, 0}, denied[] = {2, 1, 0};
    for (int i = 0; i < 3; i++) {
        struct whatif *w = whatif_new(&f, given[i], "UTC", NULL, T0, NULL);
        for (int k = 0; k < 6; k++) {
            struct given g = {k < 4 ? "docs" : "chat", centers[k % 2], T0 + k, 1, 60, 60,
                              OUTCOME_APPROVED};
            load(w, &g);
        }
        struct whatif_call c = {.model = &rig_lite, .admitted_ms = T0, .outcome = OUTCOME_APPROVED};
        assert_int_equal(whatif_load(w, &c), ERR_OK); /* another model, and no tags */
        c.model = NULL;
        assert_int_equal(whatif_load(w, &c), ERR_OK);
        assert_int_equal(whatif_try(w, 100, &out), ERR_OK);
        assert_int_equal(out.calls, calls[i]);
        assert_int_equal(out.denied, denied[i]);
        whatif_free(w);
    }
}

/* In any order of loading, and with more loaded after a try. */
static void order_and_more(void **state)
{
    (void)state;
    struct whatif *w = whatif_new(&minute, NULL, "UTC", NULL, T0, NULL);
    struct whatif_result out;
    for (int i = 9; i >= 0; i--) {
        struct given g = {"docs", "sales", T0 + i * 100, 50, 30, 30, OUTCOME_APPROVED};
        load(w, &g);
    }
    assert_int_equal(whatif_try(w, 100, &out), ERR_OK);
    assert_int_equal(out.denied, 7);
    assert_int_equal(out.first_ms, T0 + 300);
    struct given g = {"docs", "sales", T0 - 1, 50, 70, 70, OUTCOME_APPROVED};
    load(w, &g); /* of the minute before */
    g.at_ms = T0 + 50;
    load(w, &g);
    assert_int_equal(whatif_try(w, 100, &out), ERR_OK);
    assert_int_equal(out.calls, 11);
    assert_int_equal(out.denied, 9);
    whatif_free(w);
}

static void open_and_denied_calls(void **state)
{
    (void)state;
    struct config_limit f = {.name = "c", .metric = METRIC_CONCURRENCY, .window = WINDOW_NONE};
    struct whatif *w = whatif_new(&f, NULL, "UTC", NULL, T0, NULL);
    static const struct given given[] = {
        {"docs", "sales", T0, -1, 1, 0, OUTCOME_OPEN}, /* for ever */
        {"docs", "sales", T0 + 10, 0, 1, 0, OUTCOME_DENIED},
        {"docs", "sales", T0 + 500, 1000, 1, 1, OUTCOME_APPROVED}, /* the one before still runs */
        {"docs", "sales", T0 + 1010, 1000, 1, 1, OUTCOME_APPROVED},
    };
    for (size_t i = 0; i < 4; i++) {
        load(w, &given[i]);
    }
    struct whatif_result out;
    assert_int_equal(whatif_from(w), T0);
    assert_int_equal(whatif_try(w, 2, &out), ERR_OK);
    assert_int_equal(out.denied, 1);
    assert_int_equal(out.first_ms, T0 + 500);
    assert_int_equal(out.spared, 1);
    assert_int_equal(whatif_try(w, 1, &out), ERR_OK);
    assert_int_equal(out.denied, 3);
    whatif_free(w);
}

static void unpriced_calls(void **state)
{
    (void)state;
    struct config_limit f = {.name = "u", .metric = METRIC_USD, .window = WINDOW_DAY};
    struct whatif *w = whatif_new(&f, NULL, "UTC", NULL, T0, NULL);
    struct whatif_call c = {.model = &rig_haiku,
                            .admitted_ms = T0,
                            .duration_ms = 1,
                            .reserved = amounts(10, 0),
                            .used = amounts(10, 0),
                            .outcome = OUTCOME_APPROVED};
    struct whatif_result out;
    c.used.v[METRIC_USD] = -1; /* counts what was reserved */
    assert_int_equal(whatif_load(w, &c), ERR_OK);
    c.admitted_ms = T0 + 10;
    assert_int_equal(whatif_load(w, &c), ERR_OK);
    c.admitted_ms = T0 + 20;
    c.reserved.v[METRIC_USD] = -1;
    assert_int_equal(whatif_load(w, &c), ERR_OK);
    assert_int_equal(whatif_try(w, 8000, &out), ERR_OK);
    assert_int_equal(out.denied, 2);
    assert_int_equal(out.unpriced, 2);
    assert_int_equal(out.usd, 0);
    assert_int_equal(whatif_try(w, INT64_MAX, &out), ERR_OK);
    assert_int_equal(out.denied, 1);
    whatif_free(w);
}

static void applications_are_bounded(void **state)
{
    (void)state;
    struct whatif *w = whatif_new(&minute, NULL, "UTC", NULL, T0, NULL);
    char name[16];
    for (int i = 0; i < 1500; i++) {
        (void)snprintf(name, sizeof(name), "a%04d", i);
        struct given g = {name, "sales", T0 + i, 1, 10, 10, OUTCOME_APPROVED};
        load(w, &g);
    }
    struct whatif_result out;
    assert_int_equal(whatif_try(w, 0, &out), ERR_OK);
    assert_int_equal(out.denied, 1500);
    assert_int_equal(out.application_count, WHATIF_APPLICATIONS + 1);
    assert_string_equal(out.applications[0].name, "other"); /* beyond a thousand */
    assert_int_equal(out.applications[0].denied, 500);
    assert_string_equal(out.applications[1].name, "a0000");
    assert_int_equal(out.applications[WHATIF_APPLICATIONS].denied, 981);
    int64_t sum = 0;
    for (size_t i = 0; i < out.application_count; i++) {
        sum += out.applications[i].denied;
    }
    assert_int_equal(sum, 1500);
    whatif_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_engine),
        cmocka_unit_test(tells_whom_and_how_much),
        cmocka_unit_test(since),
        cmocka_unit_test(groups_and_matches),
        cmocka_unit_test(order_and_more),
        cmocka_unit_test(open_and_denied_calls),
        cmocka_unit_test(unpriced_calls),
        cmocka_unit_test(applications_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
