/* test_clocks.c: clocks that jump either way, as far as they like. Whatever they do, no counter
 * ever holds more than its amount, nothing is lost of what is held, and soon after the last jump
 * there is room again: a limit is in nobody's way for as long as a clock had been wrong. */
#include "core/limit/window.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define SCHEDULES 300
#define STEPS     200
#define OPEN_MAX  16
#define LIMITS    5

static uint32_t seed;

static uint32_t draw(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static const char *const centers[] = {"sales", "support", NULL};

static void build(struct rig *r)
{
    static const enum config_window windows[] = {WINDOW_10S, WINDOW_1M,   WINDOW_1H,
                                                 WINDOW_DAY, WINDOW_WEEK, WINDOW_MONTH};
    static const char *const names[LIMITS] = {"a", "b", "c", "d", "e"};
    rig_init(r);
    r->config.timezone = draw(2) == 0 ? "UTC" : "Europe/Berlin";
    for (int i = 0; i < LIMITS; i++) {
        enum config_window w = windows[draw(6)];
        struct config_limit *f = rig_limit(r, names[i], METRIC_TOKENS, 400 + draw(4000), w);
        f->rolling = window_length_ms(w) > 0 && draw(2) == 0;
        f->per[0] = "costCenter";
        f->per_count = draw(2);
    }
    rig_start(r);
}

static void jump(struct rig *r)
{
    static const int64_t sizes[] = {5000, 5000, 5000, MINUTE, 5 * MINUTE, HOUR, DAY, 40 * DAY};
    int64_t by = (int64_t)(draw(1000) * (uint64_t)sizes[draw(8)] / 1000);
    rig_time(r, r->now_ms + (draw(3) == 0 ? -by : by));
    struct limits_view v = rig_view(r); /* as the core does every second */
    limits_view_free(&v);
}

/* What has just been admitted fits into every limit: of the groups the one with its tag. */
static void check(struct rig *r, const char *center)
{
    char group[64];
    struct limits_view v = rig_view(r);
    (void)snprintf(group, sizeof(group), "costCenter=%s", center != NULL ? center : "none");
    for (size_t i = 0; i < v.count; i++) {
        for (size_t g = 0; g < v.limits[i].group_count; g++) {
            const struct limit_group_view *c = &v.limits[i].groups[g];
            bool its = c->group[0] == '\0' || strcmp(c->group, group) == 0;
            assert_true(c->used >= 0 && c->reserved >= 0);
            assert_true(!its || c->used + c->reserved <= c->amount);
        }
    }
    limits_view_free(&v);
}

/* The longest that a limit may wait: a step back that is waited for, its window, and a slot. */
static int64_t longest(const struct config_limit *f)
{
    static const int64_t lengths[] = {
        [WINDOW_10S] = 10000,     [WINDOW_1M] = MINUTE,    [WINDOW_1H] = HOUR,
        [WINDOW_DAY] = 25 * HOUR, [WINDOW_WEEK] = 8 * DAY, [WINDOW_MONTH] = 32 * DAY};
    int64_t length = lengths[f->window];
    return length + (length < 5 * MINUTE ? length : 5 * MINUTE) + length / 30;
}

/* Who waits as long as a denial says, and never longer than that, is let in before long. */
static void there_is_room_again(struct rig *r)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < r->config.limit_count; i++) {
        least = r->limits[i].amount < least ? r->limits[i].amount : least;
    }
    for (size_t g = 0; g < 3; g++) {
        struct limit_denial d;
        struct limit_hold *h = NULL;
        struct call c = rig_call(r, centers[g], least, 0);
        for (int n = 0; limits_reserve(r->l, &c, &h, &d) != ERR_OK; n++) {
            int64_t wait = d.resets_at_ms - r->now_ms;
            assert_in_range(n, 0, 3 * LIMITS);
            assert_in_range(wait, 1, longest(&r->limits[d.limit[0] - 'a']));
            rig_time(r, d.resets_at_ms);
            c.admitted_wall_ms = r->now_ms;
        }
        limits_release(r->l, h);
    }
}

static void schedule(void)
{
    struct rig r;
    struct {
        struct call call;
        struct limit_hold *hold;
    } open[OPEN_MAX] = {0};
    build(&r);
    for (int n = 0; n < STEPS; n++) {
        size_t k = draw(OPEN_MAX);
        if (draw(4) == 0) {
            jump(&r);
        } else if (open[k].hold == NULL) {
            struct limit_denial d;
            const char *center = centers[draw(3)];
            open[k].call = rig_call(&r, center, draw(300), draw(200));
            if (limits_reserve(r.l, &open[k].call, &open[k].hold, &d) == ERR_OK) {
                check(&r, center);
            } else {
                assert_true(d.used + d.reserved + d.asked > d.amount);
            }
        } else if (draw(6) == 0) {
            limits_release(r.l, open[k].hold);
            open[k].hold = NULL;
        } else {
            const struct usage u = open[k].call.reserved_usage;
            rig_settle(&r, open[k].hold, &open[k].call, u.input,
                       (int64_t)draw((uint32_t)u.output + 1));
            open[k].hold = NULL;
        }
    }
    for (size_t k = 0; k < OPEN_MAX; k++) {
        if (open[k].hold != NULL) {
            limits_release(r.l, open[k].hold);
        }
    }
    there_is_room_again(&r);
    rig_end(&r);
}

static void wild_clocks(void **state)
{
    (void)state;
    const char *many = getenv("TOLLGATE_SCHEDULES");
    long count = many != NULL ? strtol(many, NULL, 10) : SCHEDULES;
    for (long n = 0; n < count; n++) {
        seed = (uint32_t)(20261121 + n * 7919);
        schedule();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wild_clocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
