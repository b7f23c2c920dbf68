/* test_wait_property.c: random schedules of calls that wait: no amount is ever passed, everybody is
 * told once or cancelled, nobody is forgotten, and within a counter the order of arrival holds. */
#include "tests/unit/limit/rig.h"

#define STEPS   30000
#define SLOTS   96
#define CENTERS 3

static const char *const centers[CENTERS] = {"sales", "support", NULL};

enum place { FREE, WAITS, RUNS };
struct one {
    struct limit_waiter w;
    struct call call;
    enum place place;
    int center;
    uint64_t arrived;
    bool leaves;
};
struct world {
    struct rig r;
    struct one at[SLOTS];
    uint32_t seed;
    uint64_t arrivals;
    bool strict; /* one limit without groups: order of arrival is order of admission */
    int64_t admitted, waited, refused, cancelled;
};
static struct world *world;

static uint32_t draw(struct world *f, uint32_t n)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

static void told(void *arg, struct limit_waiter *w)
{
    struct one *o = arg;
    assert_ptr_equal(&o->w, w);
    assert_int_equal(o->place, WAITS);
    assert_true(w->result == ERR_OK || w->result == ERR_FULL);
    for (int i = 0; i < SLOTS && world->strict && w->result == ERR_OK; i++) {
        const struct one *other = &world->at[i];
        assert_false(other->place == WAITS && !other->leaves && other->arrived < o->arrived);
    }
    world->waited += w->result == ERR_OK;
    world->refused += w->result == ERR_FULL;
    o->place = w->result == ERR_OK ? RUNS : FREE;
}

static struct one *pick(struct world *f, enum place place)
{
    uint32_t from = draw(f, SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct one *o = &f->at[(from + i) % SLOTS];
        if (o->place == place) {
            return o;
        }
    }
    return NULL;
}

static void arrive(struct world *f)
{
    struct one *o = pick(f, FREE);
    if (o == NULL) {
        return;
    }
    memset(o, 0, sizeof(*o));
    o->center = (int)draw(f, CENTERS);
    o->call = rig_call(&f->r, centers[o->center], draw(f, 150), draw(f, 150));
    o->arrived = ++f->arrivals;
    o->place = WAITS;
    enum err e = limits_wait(f->r.l, &o->call, &o->w, told, o);
    for (int i = 0; i < SLOTS && f->strict && e == ERR_OK; i++) {
        assert_false(&f->at[i] != o && f->at[i].place == WAITS); /* it overtook nobody */
    }
    o->place = e == ERR_BUSY ? o->place : e == ERR_OK ? RUNS : FREE;
    f->admitted += e == ERR_OK;
    f->refused += e == ERR_FULL;
}

static void end(struct world *f, bool release)
{
    struct one *o = pick(f, RUNS);
    if (o == NULL) {
        return;
    }
    o->place = FREE;
    if (release) {
        limits_release(f->r.l, o->w.hold);
        return;
    }
    const struct usage *u = &o->call.reserved_usage;
    rig_settle(&f->r, o->w.hold, &o->call, u->input / 2, u->output);
}

static void cancel(struct world *f)
{
    struct one *o = pick(f, WAITS);
    if (o != NULL) {
        o->leaves = true; /* it stands in nobody's way any more */
    }
    if (o != NULL && limits_cancel_wait(f->r.l, &o->w, draw(f, 2) == 0)) {
        o->place = FREE;
        f->cancelled++;
    }
}

/* While nothing is overridden nothing is over; and the counts of those who wait agree. */
static void look(struct world *f)
{
    struct limits_view v = rig_view(&f->r);
    int64_t waiting = 0, runs = 0, queued = 0;
    for (int i = 0; i < SLOTS; i++) {
        waiting += f->at[i].place == WAITS;
        runs += f->at[i].place == RUNS;
    }
    for (size_t i = 0; i < v.count; i++) {
        queued += v.limits[i].waiting;
        for (size_t g = 0; g < v.limits[i].group_count; g++) {
            const struct limit_group_view *c = &v.limits[i].groups[g];
            assert_true(c->used + c->reserved <= v.limits[i].file->amount * 2);
        }
    }
    assert_int_equal(queued, waiting);
    assert_int_equal(v.open_holds, runs);
    limits_view_free(&v);
}

static void override(struct world *f)
{
    static const char *const names[] = {"all", "center"};
    const char *name = f->strict ? "all" : names[draw(f, 2)];
    if (draw(f, 2) == 0) {
        (void)!limits_revert(f->r.l, name, "", NULL);
    } else {
        struct limit_override o = rig_override(name, "", 300 + draw(f, 900));
        assert_int_equal(limits_override(f->r.l, &o, NULL), ERR_OK);
    }
}

static void build(struct world *f)
{
    rig_init(&f->r);
    struct config_limit *l = rig_limit(&f->r, "all", METRIC_TOKENS, 900, WINDOW_10S);
    l->action = ACTION_QUEUE;
    l->rolling = f->strict;
    if (!f->strict) {
        l = rig_limit(&f->r, "center", METRIC_TOKENS, 1500, WINDOW_1M);
        l->action = ACTION_QUEUE;
        l->rolling = true;
        l->per[0] = "costCenter";
        l->per_count = 1;
        rig_limit(&f->r, "calls", METRIC_CONCURRENCY, 5, WINDOW_NONE)->action = ACTION_QUEUE;
        rig_limit(&f->r, "hard", METRIC_REQUESTS, 20, WINDOW_1M);
    }
    rig_start(&f->r);
}

/* All that runs ends, windows pass: whoever waits is told. */
static void wind_up(struct world *f)
{
    (void)!limits_revert(f->r.l, "all", "", NULL);
    (void)!limits_revert(f->r.l, "center", "", NULL);
    for (int n = 0; n < 400; n++) {
        while (pick(f, RUNS) != NULL) {
            end(f, false);
        }
        rig_time(&f->r, f->r.now_ms + 5000);
        limits_tick(f->r.l, f->r.now_ms);
    }
    assert_null(pick(f, WAITS));
    assert_null(pick(f, RUNS));
    look(f);
}

static void schedule(bool strict, uint32_t seed)
{
    struct world *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    world = f;
    f->strict = strict;
    f->seed = seed;
    build(f);
    for (int n = 0; n < STEPS; n++) {
        uint32_t kind = draw(f, 100);
        if (kind < 22) {
            arrive(f);
        } else if (kind < 50) {
            end(f, draw(f, 6) == 0);
        } else if (kind < 54) {
            cancel(f);
        } else if (kind < 82) {
            rig_time(&f->r, f->r.now_ms + draw(f, 4000));
        } else if (kind < 93) {
            limits_tick(f->r.l, f->r.now_ms);
        } else if (kind < 95) {
            override(f);
        } else {
            look(f);
        }
    }
    wind_up(f);
    assert_true(f->admitted > 100 && f->waited > 500 && f->cancelled > 100);
    assert_true(strict || f->refused > 0);
    rig_end(&f->r);
    free(f);
}

static void one_queue_in_strict_order(void **state)
{
    (void)state;
    schedule(true, 20261121);
    schedule(true, 20261122);
}

static void many_queues_forget_nobody(void **state)
{
    (void)state;
    schedule(false, 20261123);
    schedule(false, 20261124);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_queue_in_strict_order),
        cmocka_unit_test(many_queues_forget_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
