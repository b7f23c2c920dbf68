/* property_model.h: what test_property.c compares the engine with: limits drawn at random, and what
 * each of them has used, holds and owes, by calls and windows alone. */
#ifndef TOLLGATE_TESTS_LIMIT_PROPERTY_MODEL_H
#define TOLLGATE_TESTS_LIMIT_PROPERTY_MODEL_H

#include "core/limit/window.h"
#include "core/limit/zone.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define STEPS    240
#define OPEN_MAX 24
#define PAST_MAX STEPS
#define LIMITS   6
#define CENTERS  4
#define SLOTS    60
#define LEAST    20 /* output that is left to a clamped call */
#define BACK_MS  9000
#define WINDOWS  (2 * STEPS)
#define DEBTS    ((size_t)1 << 20) /* bytes that outlive a crash */
#define LATE_MS  900000            /* a rolling day keeps what is restored that much longer */

static const char *const centers[CENTERS] = {"sales", "support", "services", NULL};

struct spec {
    char name[8];
    enum config_metric metric;
    enum config_window window;
    int64_t amount; /* of the file */
    bool per, warn, stop, rolls, clamps;
};
/* A window, or where it rolls a slot, whose start is its number. */
struct fake_window {
    int64_t start, end, used, excess;
    int64_t owed; /* of used: debts of calls of earlier windows */
};
/* Of one group; its windows in the order they came, the last is the running one. */
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
    struct usage reserved; /* with top-ups, as the journal has it */
};
struct fake_past {
    int64_t at_ms;
    int center;
    struct usage used;
};
struct fake {
    struct rig rig;
    struct zone *zone;
    uint32_t seed;
    struct spec specs[LIMITS];
    int count;
    struct fake_counter counters[LIMITS][CENTERS];
    int64_t amount[LIMITS]; /* override of the whole; -1 */
    int64_t latest_ms;      /* of the clock */
    struct fake_call calls[OPEN_MAX];
    struct fake_past past[PAST_MAX];
    size_t past_count;
    uint64_t debts[DEBTS / sizeof(uint64_t)];
};
static struct {
    int64_t admitted, refused, stopped, clamped, crashes, owed, restored, debts;
} totals; /* of all schedules */

static uint32_t draw(struct fake *f, uint32_t n)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

/* --- a schedule's limits --- */

static int64_t mean_of(enum config_metric metric)
{
    static const int64_t means[METRIC_COUNT] = {
        [METRIC_TOKENS] = 300,           [METRIC_INPUT_TOKENS] = 150, [METRIC_OUTPUT_TOKENS] = 150,
        [METRIC_AWS_QUOTA_TOKENS] = 900, [METRIC_REQUESTS] = 1,       [METRIC_USD] = 720000,
        [METRIC_CONCURRENCY] = 1};
    return means[metric];
}

/* The engine knows the time it has seen. */
static void start(struct fake *f)
{
    rig_start(&f->rig);
    rig_expect(&f->rig, 0, 0, 0);
}

static void restore_debts(struct fake *f)
{
    assert_int_equal(limits_restore_debts(f->rig.l, f->debts, DEBTS), ERR_OK);
}

static struct spec draw_spec(struct fake *f, int i)
{
    static const enum config_window windows[] = {WINDOW_10S, WINDOW_1M,   WINDOW_1H,
                                                 WINDOW_DAY, WINDOW_WEEK, WINDOW_MONTH};
    struct spec s = {.metric = (enum config_metric)draw(f, METRIC_COUNT)};
    (void)snprintf(s.name, sizeof(s.name), "l%c", '0' + i);
    bool windowless = s.metric == METRIC_CONCURRENCY;
    s.window = windowless ? WINDOW_NONE : windows[draw(f, 6)];
    s.rolls = window_length_ms(s.window) > 0 && draw(f, 2) == 0;
    s.amount = mean_of(s.metric) * (2 + draw(f, 30));
    s.per = draw(f, 2) == 0;
    s.warn = draw(f, 6) == 0;
    s.stop = draw(f, 2) == 0;
    s.clamps = draw(f, 2) == 0;
    return s;
}

static void write_limit(struct fake *f, int i)
{
    const struct spec *s = &f->specs[i];
    struct config_limit *l = rig_limit(&f->rig, s->name, s->metric, s->amount, s->window);
    l->action = s->warn ? ACTION_WARN : ACTION_DENY;
    l->outgrow_stop = s->stop;
    l->rolling = s->rolls;
    l->too_big_clamp = s->clamps;
    l->min_output = LEAST;
    l->per[0] = "costCenter";
    l->per_count = s->per ? 1 : 0;
}

static void build(struct fake *f, uint32_t seed)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York"};
    /* An ordinary Saturday; before summer time ends there, and there begins; before a month does.
     */
    static const int64_t times[] = {T0, 1792889800000, 1805007500000, 1798761500000};
    memset(f, 0, sizeof(*f));
    f->seed = seed;
    rig_init(&f->rig);
    f->rig.config.timezone = zones[draw(f, 3)];
    f->zone = zone_new(f->rig.config.timezone, NULL);
    assert_non_null(f->zone);
    rig_time(&f->rig, times[draw(f, 4)] + draw(f, 60000));
    f->latest_ms = f->rig.now_ms;
    f->count = 1 + (int)draw(f, LIMITS);
    for (int i = 0; i < f->count; i++) {
        f->specs[i] = draw_spec(f, i);
        write_limit(f, i);
        f->amount[i] = -1;
        for (int g = 0; g < CENTERS; g++) {
            f->counters[i][g].amount = -1;
        }
    }
    start(f);
    restore_debts(f);
    limits_keep_debts(f->rig.l);
}

/* --- the model --- */

static struct fake_counter *counter(struct fake *f, int i, int center)
{
    return &f->counters[i][f->specs[i].per ? center : 0];
}

static int64_t slot_at(const struct spec *s, int64_t ms)
{
    return ms * SLOTS / window_length_ms(s->window);
}

/* The running window; time that goes back a little is ignored. */
static struct fake_window running(const struct fake *f, int i)
{
    const struct spec *s = &f->specs[i];
    struct fake_window w = {.start = 0};
    if (s->rolls) {
        w.start = slot_at(s, f->latest_ms);
    } else if (s->window != WINDOW_NONE) {
        window_at(f->zone, s->window, f->latest_ms, &w.start, &w.end);
    }
    return w;
}

static int64_t amount_of(const struct fake *f, int i, int center)
{
    const struct fake_counter *c = &f->counters[i][f->specs[i].per ? center : 0];
    return f->specs[i].per && c->amount >= 0 ? c->amount
           : f->amount[i] >= 0               ? f->amount[i]
                                             : f->specs[i].amount;
}

static int64_t reserved_in(const struct fake *f, int i, int center, size_t window)
{
    int64_t sum = 0;
    for (int k = 0; k < OPEN_MAX; k++) {
        const struct fake_call *o = &f->calls[k];
        if (o->live && (!f->specs[i].per || o->center == center) &&
            (f->specs[i].rolls || o->window[i] == window)) {
            sum += o->held[i];
        }
    }
    return sum;
}

/* What the running window will begin with: excess that its windows before had no room for. */
static int64_t owed_to(const struct fake *f, int i, int center, int64_t start)
{
    const struct fake_counter *c = &f->counters[i][f->specs[i].per ? center : 0];
    if (c->count == 0 || f->specs[i].rolls || f->specs[i].warn) {
        return 0;
    }
    const struct fake_window *last = &c->at[c->count - 1];
    int64_t amount = amount_of(f, i, center);
    int64_t over = last->used + reserved_in(f, i, center, c->count - 1) - amount;
    int64_t owed = over < last->excess ? over : last->excess;
    for (int64_t from = last->end, s, e; owed > 0 && from < start; from = e) {
        window_at(f->zone, f->specs[i].window, from, &s, &e);
        owed -= amount;
    }
    return owed > 0 ? owed : 0;
}

/* The index of the running window, begun if it is new. */
static size_t current(struct fake *f, int i, int center)
{
    struct fake_counter *c = counter(f, i, center);
    struct fake_window w = running(f, i);
    if (c->count == 0 || c->at[c->count - 1].start != w.start) {
        w.used = w.excess = w.owed = owed_to(f, i, center, w.start);
        totals.owed += w.used > 0;
        assert_true(c->count < WINDOWS);
        c->at[c->count++] = w;
    }
    return c->count - 1;
}

static int64_t used_in(const struct fake *f, int i, int center, size_t window)
{
    const struct fake_counter *c = &f->counters[i][f->specs[i].per ? center : 0];
    int64_t sum = 0;
    if (!f->specs[i].rolls) {
        return c->at[window].used;
    }
    for (size_t k = c->count; k > 0 && c->at[k - 1].start >= running(f, i).start - SLOTS; k--) {
        sum += c->at[k - 1].used;
    }
    return sum;
}

static int64_t weigh(const struct fake *f, int i, const struct usage *u)
{
    static const struct price p = {800000000, 4000000000, -1, -1, -1};
    switch ((int)f->specs[i].metric) {
    case METRIC_TOKENS:
        return u->input + u->output;
    case METRIC_INPUT_TOKENS:
        return u->input;
    case METRIC_OUTPUT_TOKENS:
        return u->output;
    case METRIC_AWS_QUOTA_TOKENS:
        return u->input + 5 * u->output;
    case METRIC_USD:
        return usage_cost(u, &p);
    default:
        return 1;
    }
}

#endif
