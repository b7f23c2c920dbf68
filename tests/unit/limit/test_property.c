/* test_property.c: random steps against a model that knows nothing of buckets, holds or groups: a
 * list of calls and, for each limit and group, a map from window start to what was used in it. */
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define STEPS    40000
#define OPEN_MAX 64
#define LIMITS   8
#define CENTERS  4
#define WINDOWS  16384
#define SLOTS    60
#define LEAST    20 /* output that is left to a clamped call */

static const char *const centers[CENTERS] = {"sales", "support", "services", NULL};

struct fake_window {
    int64_t start, used; /* where it rolls: the number of a slot */
};
/* One counter: its windows (or slots) in the order they came; the last is the running one. */
struct fake_counter {
    struct fake_window at[WINDOWS];
    size_t count;
    int64_t amount; /* override; -1: the limit's */
    bool blocked;
};
struct fake_call {
    struct call call;
    struct limit_hold *hold;
    int center;
    bool live;
    size_t window[LIMITS]; /* index of the window of admission */
    int64_t held[LIMITS], covered[LIMITS];
    bool counts[LIMITS];
};
struct fake {
    struct rig rig;
    uint32_t seed;
    struct fake_counter counters[LIMITS][CENTERS];
    int64_t amount[LIMITS]; /* override of the whole; -1 */
    int64_t window_start[LIMITS];
    struct fake_call calls[OPEN_MAX];
    bool clamping;
    int64_t admitted, refused, stopped, clamped;
};

static uint32_t draw(struct fake *f, uint32_t n)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

/* What each limit of the test is. */
static const struct {
    const char *name;
    enum config_metric metric;
    int64_t amount, window_ms;
    bool per, warn, stop, rolls, clamps;
} specs[LIMITS] = {
    {"tokens", METRIC_TOKENS, 3000, 10000, false, false, false, false, true},
    {"center", METRIC_TOKENS, 1500, MINUTE, true, false, true, false, false},
    {"requests", METRIC_REQUESTS, 12, 10000, true, false, false, false, false},
    {"money", METRIC_USD, 600000000, HOUR, false, false, true, false, false},
    {"told", METRIC_OUTPUT_TOKENS, 500, MINUTE, false, true, false, false, false},
    {"calls", METRIC_CONCURRENCY, 20, 0, false, false, false, false, false},
    {"rolls", METRIC_TOKENS, 9000, MINUTE, true, false, false, true, false},
    {"short", METRIC_OUTPUT_TOKENS, 3000, 10000, false, false, true, true, true},
};

static enum config_window window_of(int64_t ms)
{
    return ms == 0 ? WINDOW_NONE : ms == 10000 ? WINDOW_10S : ms == MINUTE ? WINDOW_1M : WINDOW_1H;
}

static void build(struct fake *f)
{
    rig_init(&f->rig);
    for (int i = 0; i < LIMITS; i++) {
        struct config_limit *l = rig_limit(&f->rig, specs[i].name, specs[i].metric, specs[i].amount,
                                           window_of(specs[i].window_ms));
        l->action = specs[i].warn ? ACTION_WARN : ACTION_DENY;
        l->outgrow_stop = specs[i].stop;
        l->rolling = specs[i].rolls;
        l->too_big_clamp = specs[i].clamps;
        l->min_output = LEAST;
        l->per[0] = "costCenter";
        l->per_count = specs[i].per ? 1 : 0;
        f->amount[i] = -1;
        for (int g = 0; g < CENTERS; g++) {
            f->counters[i][g].amount = -1;
        }
    }
    rig_start(&f->rig);
}

static struct fake_counter *counter(struct fake *f, int i, int center)
{
    return &f->counters[i][specs[i].per ? center : 0];
}

/* The running window of a limit; time that goes back is ignored. */
static int64_t running(struct fake *f, int i)
{
    int64_t now = f->rig.now_ms;
    int64_t start = specs[i].rolls            ? now * SLOTS / specs[i].window_ms
                    : specs[i].window_ms == 0 ? 0
                                              : now - now % specs[i].window_ms;
    if (start > f->window_start[i]) {
        f->window_start[i] = start;
    }
    return f->window_start[i];
}

static size_t current(struct fake *f, int i, struct fake_counter *c)
{
    int64_t start = running(f, i);
    if (c->count == 0 || c->at[c->count - 1].start != start) {
        assert_true(c->count < WINDOWS);
        c->at[c->count++] = (struct fake_window){start, 0};
    }
    return c->count - 1;
}

/* Is that window the running one, or that slot inside it? */
static bool inside(struct fake *f, int i, const struct fake_window *w)
{
    return specs[i].rolls ? w->start >= running(f, i) - SLOTS : w->start == running(f, i);
}

static int64_t used_in(struct fake *f, int i, const struct fake_counter *c, size_t window)
{
    int64_t sum = 0;
    if (!specs[i].rolls) {
        return c->at[window].used;
    }
    for (size_t k = c->count; k > 0 && inside(f, i, &c->at[k - 1]); k--) {
        sum += c->at[k - 1].used;
    }
    return sum;
}

static int64_t reserved_in(const struct fake *f, int i, int center, size_t window)
{
    int64_t sum = 0;
    for (int k = 0; k < OPEN_MAX; k++) {
        const struct fake_call *o = &f->calls[k];
        if (o->live && (!specs[i].per || o->center == center) &&
            (specs[i].rolls || o->window[i] == window)) {
            sum += o->held[i];
        }
    }
    return sum;
}

static int64_t amount_of(struct fake *f, int i, int center)
{
    const struct fake_counter *c = counter(f, i, center);
    return specs[i].per && c->amount >= 0 ? c->amount
           : f->amount[i] >= 0            ? f->amount[i]
                                          : specs[i].amount;
}

static int64_t weigh(int i, const struct usage *u)
{
    static const struct price p = {800000000, 4000000000, -1, -1, -1};
    switch ((int)specs[i].metric) {
    case METRIC_TOKENS:
        return u->input + u->output;
    case METRIC_OUTPUT_TOKENS:
        return u->output;
    case METRIC_USD:
        return usage_cost(u, &p);
    default:
        return 1;
    }
}

static struct fake_call *free_slot(struct fake *f)
{
    for (int k = 0; k < OPEN_MAX; k++) {
        if (!f->calls[k].live) {
            return &f->calls[k];
        }
    }
    return NULL;
}

static bool limit_fits(struct fake *f, const struct fake_call *o, int i, int64_t output)
{
    const struct fake_counter *c = counter(f, i, o->center);
    size_t w = o->window[i];
    struct usage u = {.input = o->call.reserved_usage.input, .output = output};
    int64_t taken = used_in(f, i, c, w) + reserved_in(f, i, o->center, w);
    return !c->blocked && (specs[i].warn || taken + weigh(i, &u) <= amount_of(f, i, o->center));
}

static bool fits_with(struct fake *f, const struct fake_call *o, int64_t output)
{
    bool fits = true;
    for (int i = 0; i < LIMITS; i++) {
        fits = fits && limit_fits(f, o, i, output);
    }
    return fits;
}

/* Does every limit that is in the way clamp? */
static bool may_clamp(struct fake *f, const struct fake_call *o)
{
    bool may = true;
    for (int i = 0; i < LIMITS; i++) {
        may = may && (specs[i].clamps || limit_fits(f, o, i, o->call.reserved_usage.output));
    }
    return may;
}

static void step_reserve(struct fake *f)
{
    struct fake_call *o = free_slot(f);
    if (o == NULL) {
        return;
    }
    memset(o, 0, sizeof(*o));
    o->center = (int)draw(f, CENTERS);
    o->call = rig_call(&f->rig, centers[o->center], draw(f, 300), draw(f, 300));
    for (int i = 0; i < LIMITS; i++) {
        o->window[i] = current(f, i, counter(f, i, o->center));
    }
    int64_t wanted = o->call.reserved_usage.output, output = wanted, clamped = 0;
    bool fits = fits_with(f, o, output);
    f->clamping = draw(f, 2) == 0;
    bool least = f->clamping && may_clamp(f, o);
    while (!fits && least && output > LEAST) {
        fits = fits_with(f, o, --output);
    }
    struct limit_denial d;
    enum err e = f->clamping ? limits_reserve_clamped(f->rig.l, &o->call, &o->hold, &d, &clamped)
                             : limits_reserve(f->rig.l, &o->call, &o->hold, &d);
    assert_int_equal(e, fits ? ERR_OK : ERR_FULL);
    if (f->clamping) {
        assert_int_equal(clamped, fits && output < wanted ? output : -1);
        f->clamped += clamped >= 0;
    }
    for (int i = 0; i < LIMITS; i++) {
        o->held[i] = o->covered[i] = weigh(i, &o->call.reserved_usage);
    }
    o->live = fits;
    f->admitted += fits;
    f->refused += !fits;
}

static struct fake_call *any_call(struct fake *f)
{
    uint32_t from = draw(f, OPEN_MAX);
    for (uint32_t k = 0; k < OPEN_MAX; k++) {
        struct fake_call *o = &f->calls[(from + k) % OPEN_MAX];
        if (o->live) {
            return o;
        }
    }
    return NULL;
}

static void step_top_up(struct fake *f)
{
    struct fake_call *o = any_call(f);
    if (o == NULL) {
        return;
    }
    struct usage u = {.input = draw(f, 300), .output = draw(f, 900)};
    int64_t more[LIMITS], left[LIMITS];
    bool fits = true;
    for (int i = 0; i < LIMITS && fits; i++) { /* limits behind the one that stops are not asked */
        const struct fake_counter *c = counter(f, i, o->center);
        int64_t wanted = weigh(i, &u);
        more[i] = wanted > o->held[i] ? wanted - o->held[i] : 0;
        left[i] = amount_of(f, i, o->center) - used_in(f, i, c, o->window[i]) -
                  reserved_in(f, i, o->center, o->window[i]);
        left[i] = left[i] > 0 ? left[i] : 0;
        fits = fits && (!specs[i].stop || more[i] <= left[i]);
    }
    assert_int_equal(limits_top_up(f->rig.l, o->hold, &o->call, &u), fits);
    f->stopped += !fits;
    for (int i = 0; i < LIMITS && fits; i++) {
        o->held[i] += more[i];
        o->covered[i] += more[i] < left[i] ? more[i] : left[i];
    }
}

static void step_settle(struct fake *f)
{
    struct fake_call *o = any_call(f);
    if (o == NULL) {
        return;
    }
    bool under = draw(f, 4) != 0;
    int64_t output = o->call.reserved_usage.output;
    int64_t input = o->call.reserved_usage.input;
    o->live = false;
    struct usage u = {.input = under ? input / 2 : input,
                      .output = under ? output : output + draw(f, 400)};
    for (int i = 0; i < LIMITS; i++) {
        struct fake_counter *c = counter(f, i, o->center);
        int64_t used = specs[i].metric == METRIC_CONCURRENCY ? 0 : weigh(i, &u);
        bool passed = !inside(f, i, &c->at[o->window[i]]);
        c->at[o->window[i]].used += used;
        if (passed && used > o->covered[i]) {
            c->at[current(f, i, c)].used += used - o->covered[i];
        }
    }
    rig_settle(&f->rig, o->hold, &o->call, u.input, u.output);
}

static void step_release(struct fake *f)
{
    struct fake_call *o = any_call(f);
    if (o != NULL) {
        o->live = false;
        limits_release(f->rig.l, o->hold);
    }
}

static void step_clock(struct fake *f)
{
    uint32_t kind = draw(f, 20);
    int64_t by = kind == 0 ? -(int64_t)draw(f, 30000) : draw(f, kind == 1 ? 90000 : 3000);
    rig_time(&f->rig, f->rig.now_ms + by);
}

static void step_override(struct fake *f)
{
    static const int choices[] = {0, 1, 2, 3, 5, 6, 7};
    int i = choices[draw(f, 7)], g = (int)draw(f, CENTERS);
    bool group = specs[i].per && draw(f, 2) == 0;
    char text[64] = "";
    if (group) {
        (void)snprintf(text, sizeof(text), "costCenter=%s",
                       centers[g] == NULL ? "none" : centers[g]);
    }
    int64_t *amount = group ? &f->counters[i][g].amount : &f->amount[i];
    bool block = group && draw(f, 8) == 0, revert = draw(f, 2) == 0;
    if (revert) {
        bool was = *amount >= 0 || (group && f->counters[i][g].blocked);
        assert_int_equal(limits_revert(f->rig.l, specs[i].name, text, NULL),
                         was ? ERR_OK : ERR_NOT_FOUND);
        *amount = -1;
        block = false;
    } else {
        *amount = specs[i].amount * (1 + draw(f, 30)) / 10;
        struct limit_override o = rig_override(specs[i].name, text, *amount);
        o.blocked = block;
        assert_int_equal(limits_override(f->rig.l, &o, NULL), ERR_OK);
    }
    if (group) {
        f->counters[i][g].blocked = block;
    }
}

static void step_compare(struct fake *f)
{
    struct limits_view v = rig_view(&f->rig);
    int64_t open = 0;
    for (int k = 0; k < OPEN_MAX; k++) {
        open += f->calls[k].live;
    }
    assert_int_equal(v.open_holds, open);
    for (int i = 0; i < LIMITS; i++) {
        int64_t used = 0, reserved = 0;
        for (int g = 0; g < (specs[i].per ? CENTERS : 1); g++) {
            struct fake_counter *c = &f->counters[i][g];
            size_t w = current(f, i, c);
            used += used_in(f, i, c, w);
            reserved += reserved_in(f, i, g, w);
        }
        assert_int_equal(v.limits[i].used, used);
        assert_int_equal(v.limits[i].reserved, reserved);
    }
    limits_view_free(&v);
}

static void random_steps(uint32_t seed)
{
    struct fake *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    build(f);
    f->seed = seed;
    for (int n = 0; n < STEPS; n++) {
        uint32_t kind = draw(f, 100);
        if (kind < 40) {
            step_reserve(f);
        } else if (kind < 52) {
            step_top_up(f);
        } else if (kind < 76) {
            step_settle(f);
        } else if (kind < 80) {
            step_release(f);
        } else if (kind < 92) {
            step_clock(f);
        } else if (kind < 94) {
            step_override(f);
        } else {
            step_compare(f);
        }
    }
    assert_true(f->admitted > 1000 && f->refused > 1000 && f->stopped > 10 && f->clamped > 50);
    for (int k = 0; k < OPEN_MAX; k++) {
        if (f->calls[k].live) {
            f->calls[k].live = false;
            limits_release(f->rig.l, f->calls[k].hold);
        }
    }
    step_compare(f);
    struct limits_view v = rig_view(&f->rig);
    int64_t examined = 0;
    for (size_t i = 0; i < LIMITS; i++) {
        assert_int_equal(v.limits[i].reserved, 0);
        assert_in_range(v.limits[i].phantom, 0, v.limits[i].examined);
        examined += v.limits[i].examined;
    }
    assert_in_range(examined, 100, f->refused * LIMITS);
    limits_view_free(&v);
    rig_end(&f->rig);
    free(f);
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        random_steps(seed * 20261121);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
