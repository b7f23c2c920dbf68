/* test_restored.c: what a limit has after a restart from the ledger's sums is what it had counted
 * call by call, now and as its window goes on. */
#include "tests/unit/ledger/fixture.h"

#include "core/base/clock.h"
#include "core/limit/limit.h"

#define ROUNDS 25
#define CALLS  160

static const struct {
    enum config_window window;
    bool rolling;
} windows[] = {{WINDOW_10S, false}, {WINDOW_10S, true},   {WINDOW_1M, false},
               {WINDOW_1M, true},   {WINDOW_1H, false},   {WINDOW_1H, true},
               {WINDOW_DAY, false}, {WINDOW_WEEK, false}, {WINDOW_MONTH, false}};
#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

struct told {
    int64_t time_ms, input, output;
};
static struct told told[CALLS];

static struct limits *engine(size_t i, enum config_metric metric)
{
    static struct config_limit limit;
    static struct config config;
    struct err_info ei = {0};
    limit = (struct config_limit){.name = "one",
                                  .metric = metric,
                                  .amount = INT64_MAX / 4,
                                  .window = windows[i].window,
                                  .rolling = windows[i].rolling,
                                  .ceiling = -1,
                                  .floor = -1,
                                  .action = ACTION_DENY};
    config = (struct config){.path = "",
                             .timezone = "Asia/Kolkata",
                             .references = 1000,
                             .limits = &limit,
                             .limit_count = 1};
    struct limits *l = limits_new(&config, NULL, &ei);
    assert_string_equal(ei.text, "");
    assert_non_null(l);
    return l;
}

static void spend(struct limits *l, int64_t time_ms, const struct usage *u, int64_t requests)
{
    static const struct tags none;
    struct amounts a;
    amounts_of(&a, u, NULL, 0);
    a.v[METRIC_REQUESTS] = requests;
    limits_restore(l, NULL, &none, STR("TGKAAAAAAAAAAAAAAAAA"), time_ms, &a, false);
}

static bool take(void *arg, const struct ledger_past *p)
{
    spend(arg, p->admitted_ms, &p->usage, p->requests);
    return true;
}

static int64_t used(struct limits *l, int64_t now_ms)
{
    struct limits_view v = {.count = 0};
    assert_int_equal(limits_view(l, now_ms, &v), ERR_OK);
    int64_t n = v.limits[0].used;
    limits_view_free(&v);
    return n;
}

static void draw(struct ledger *g, int64_t now_ms)
{
    static const int64_t reach[] = {9000,           12000,       70000,     3 * MINUTE_MS,
                                    62 * MINUTE_MS, 5 * HOUR_MS, 9 * DAY_MS};
    for (unsigned n = 0; n < CALLS; n++) {
        struct call c;
        int64_t age = random() % reach[random() % (sizeof(reach) / sizeof(reach[0]))];
        told[n] = (struct told){now_ms - age, random() % 900, random() % 900};
        call_fill(&c, n);
        c.admitted_wall_ms = told[n].time_ms;
        call_end(&c, told[n].input, told[n].output);
        store_settled(g, 0, &c);
        call_clear(&c);
    }
    assert_int_equal(ledger_flush(g, 0), ERR_OK);
}

static void compare(struct ledger *g, size_t i, enum config_metric metric, int64_t now_ms)
{
    static const int64_t steps[] = {0, 170, 900, 4000, 11000, 30000, 61000, 15 * MINUTE_MS};
    clock_set_fake_wall(now_ms);
    struct limits *one_by_one = engine(i, metric), *restored = engine(i, metric);
    for (size_t n = 0; n < CALLS; n++) {
        struct usage u = {.input = told[n].input, .output = told[n].output};
        spend(one_by_one, told[n].time_ms, &u, 1);
    }
    assert_int_equal(ledger_restore(g, limits_oldest_window(restored, now_ms),
                                    limits_fine_window(restored, now_ms), NULL, take, restored,
                                    NULL),
                     ERR_OK);
    for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
        now_ms += steps[k];
        clock_set_fake_wall(now_ms);
        int64_t a = used(one_by_one, now_ms), b = used(restored, now_ms);
        if (a != b) {
            fail_msg("window %zu, metric %d, step %zu: %lld restored, %lld counted", i, (int)metric,
                     k, (long long)b, (long long)a);
        }
    }
    limits_free(one_by_one);
    limits_free(restored);
}

static void a_limit_has_what_it_had(void **state)
{
    (void)state;
    srandom(7);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char dir[DIR_TEXT];
        dir_make(dir);
        int64_t now_ms = NOW_MS + random() % (2 * HOUR_MS);
        clock_set_fake_wall(now_ms);
        struct ledger *g = ledger_at(dir, 1, 0);
        draw(g, now_ms);
        for (size_t i = 0; i < WINDOWS; i++) {
            compare(g, i, METRIC_TOKENS, now_ms);
            compare(g, i, METRIC_REQUESTS, now_ms);
        }
        clock_set_fake_wall(0);
        ledger_close(g);
        dir_remove(dir);
    }
}

static bool count_rows(void *arg, const struct ledger_past *p)
{
    (void)p;
    (*(int *)arg)++;
    return true;
}

/* However many calls the last minutes had: without a window that could tell them apart, the ledger
 * tells as many sums as there are minutes. */
static void a_start_does_not_read_each_call(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    int rows = 0;
    dir_make(dir);
    clock_set_fake_wall(NOW_MS);
    struct ledger *g = ledger_at(dir, 1, 0);
    for (unsigned n = 0; n < 1000; n++) {
        struct call c;
        call_fill(&c, n);
        c.admitted_wall_ms = NOW_MS - n * 100;
        call_end(&c, n, 2);
        store_settled(g, 0, &c);
        call_clear(&c);
    }
    assert_int_equal(ledger_flush(g, 0), ERR_OK);
    int64_t since_ms = NOW_MS - NOW_MS % HOUR_MS;
    assert_int_equal(ledger_restore(g, since_ms, INT64_MAX, NULL, count_rows, &rows, NULL), ERR_OK);
    assert_in_range(rows, 1, 3);
    struct limits *l = engine(2, METRIC_TOKENS);
    assert_int_equal(limits_fine_window(l, NOW_MS), INT64_MAX);
    limits_free(l);
    clock_set_fake_wall(0);
    ledger_close(g);
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_has_what_it_had),
        cmocka_unit_test(a_start_does_not_read_each_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
