/* test_property.c: random schedules over random limits against a model of what a limit means, that
 * knows nothing of buckets, holds or groups: a list of calls and, for each limit and group, what
 * was used in each of its windows. A schedule has limits of any metric, window, `per` and action,
 * in a zone and at a time of its own; calls are admitted, clamped, topped up, settled, released;
 * amounts are overridden, reverted and reloaded; the clock goes on, jumps and steps back a little;
 * the core crashes and restores what it had served, and what was open whole.
 *
 * TOLLGATE_SCHEDULES: how many; TOLLGATE_SEED: from which seed. */
#include "tests/unit/limit/property_model.h"

#define SCHEDULES 600

/* Before a call is admitted: what is taken, and what the amount is, in each limit. */
struct room {
    int64_t taken[LIMITS], amount[LIMITS];
    bool blocked[LIMITS];
};

static struct room room_for(struct fake *f, struct fake_call *o)
{
    struct room r;
    for (int i = 0; i < f->count; i++) {
        size_t w = o->window[i] = current(f, i, o->center);
        r.taken[i] = used_in(f, i, o->center, w) + reserved_in(f, i, o->center, w);
        r.amount[i] = amount_of(f, i, o->center);
        r.blocked[i] = counter(f, i, o->center)->blocked;
    }
    return r;
}

static bool limit_fits(const struct fake *f, const struct room *r, const struct usage *u, int i)
{
    bool fits = r->taken[i] + weigh(f, i, u) <= r->amount[i];
    return !r->blocked[i] && (f->specs[i].warn || fits);
}

static bool fits_with(const struct fake *f, const struct room *r, int64_t input, int64_t output)
{
    struct usage u = {.input = input, .output = output};
    bool fits = true;
    for (int i = 0; i < f->count; i++) {
        fits = fits && limit_fits(f, r, &u, i);
    }
    return fits;
}

/* Does every limit that is in the way clamp? */
static bool may_clamp(const struct fake *f, const struct room *r, const struct usage *u)
{
    bool may = true;
    for (int i = 0; i < f->count; i++) {
        bool clamps = f->specs[i].clamps && weigh(f, i, &(struct usage){.output = 1}) > 0 &&
                      f->specs[i].metric != METRIC_REQUESTS &&
                      f->specs[i].metric != METRIC_CONCURRENCY && !r->blocked[i];
        may = may && (clamps || limit_fits(f, r, u, i));
    }
    return may;
}

/* A denial tells the truth: what is used and held and asked for does not fit. */
static void check_denial(const struct fake *f, const struct room *r, const struct limit_denial *d)
{
    int i = d->limit[1] - '0';
    assert_true(i >= 0 && i < f->count);
    assert_int_equal(d->amount, r->amount[i]);
    assert_int_equal(d->used + d->reserved, r->taken[i]);
    assert_int_equal(d->blocked, r->blocked[i]);
    assert_true(d->blocked || d->used + d->reserved + d->asked > d->amount);
    assert_int_equal(d->never, !d->blocked && d->asked > d->amount);
    assert_true(f->specs[i].window == WINDOW_NONE || d->resets_at_ms > f->latest_ms);
}

static void step_reserve(struct fake *f)
{
    struct fake_call *o = NULL;
    for (int k = 0; k < OPEN_MAX && o == NULL; k++) {
        o = f->calls[k].live ? NULL : &f->calls[k];
    }
    if (o == NULL || f->past_count == PAST_MAX - OPEN_MAX) {
        return;
    }
    memset(o, 0, sizeof(*o));
    o->center = (int)draw(f, CENTERS);
    o->call = rig_call(&f->rig, centers[o->center], draw(f, 300), draw(f, 300));
    struct usage *u = &o->call.reserved_usage;
    struct room r = room_for(f, o);
    int64_t wanted = u->output, output = wanted, clamped = -1;
    bool fits = fits_with(f, &r, u->input, output), clamping = draw(f, 2) == 0;
    bool least = clamping && may_clamp(f, &r, u);
    while (!fits && least && output > LEAST) {
        fits = fits_with(f, &r, u->input, --output);
    }
    struct limit_denial d;
    enum err e = clamping ? limits_reserve_clamped(f->rig.l, &o->call, &o->hold, &d, &clamped)
                          : limits_reserve(f->rig.l, &o->call, &o->hold, &d);
    assert_int_equal(e, fits ? ERR_OK : ERR_FULL);
    assert_int_equal(clamped, fits && output < wanted ? output : -1);
    if (!fits) {
        check_denial(f, &r, &d);
    }
    for (int i = 0; i < f->count; i++) {
        o->held[i] = o->covered[i] = weigh(f, i, u);
    }
    o->reserved = *u;
    o->live = fits;
    totals.clamped += clamped >= 0;
    totals.admitted += fits;
    totals.refused += !fits;
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

static bool grows(const struct spec *s)
{
    return s->metric != METRIC_REQUESTS && s->metric != METRIC_CONCURRENCY;
}

static void step_top_up(struct fake *f)
{
    struct fake_call *o = any_call(f);
    if (o == NULL) {
        return;
    }
    struct usage u = {.input = o->reserved.input, .output = o->reserved.output + draw(f, 500)};
    int64_t more[LIMITS], left[LIMITS];
    bool fits = true;
    for (int i = 0; i < f->count && fits;
         i++) { /* limits behind the one that stops are not asked */
        (void)current(f, i, o->center);
        int64_t wanted = grows(&f->specs[i]) ? weigh(f, i, &u) : 0;
        more[i] = wanted > o->held[i] ? wanted - o->held[i] : 0;
        left[i] = amount_of(f, i, o->center) - used_in(f, i, o->center, o->window[i]) -
                  reserved_in(f, i, o->center, o->window[i]);
        left[i] = left[i] > 0 ? left[i] : 0;
        fits = !f->specs[i].stop || f->specs[i].warn || more[i] <= left[i];
    }
    assert_int_equal(limits_top_up(f->rig.l, o->hold, &o->call, &u), fits);
    totals.stopped += !fits;
    for (int i = 0; i < f->count && fits; i++) {
        o->held[i] += more[i];
        o->covered[i] += more[i] < left[i] ? more[i] : left[i];
    }
    o->reserved = fits ? u : o->reserved;
}

static void remember(struct fake *f, const struct fake_call *o, const struct usage *used)
{
    assert_true(f->past_count < PAST_MAX);
    f->past[f->past_count++] = (struct fake_past){o->call.admitted_wall_ms, o->center, *used};
}

/* The call ends with what it used, in its window of admission or, for the excess, the running one.
 */
static void end_call(struct fake *f, struct fake_call *o, const struct usage *u)
{
    for (int i = 0; i < f->count; i++) {
        struct fake_counter *c = counter(f, i, o->center);
        size_t now = current(f, i, o->center), then = o->window[i];
        int64_t used = f->specs[i].metric == METRIC_CONCURRENCY ? 0 : weigh(f, i, u);
        int64_t excess = used > o->covered[i] ? used - o->covered[i] : 0;
        bool inside =
            f->specs[i].rolls ? c->at[then].start >= c->at[now].start - SLOTS : then == now;
        c->at[inside ? then : now].used += inside ? used : excess;
        c->at[now].owed += inside ? 0 : excess;
        c->at[now].excess += excess;
    }
    o->live = false;
    remember(f, o, u);
}

static void step_settle(struct fake *f)
{
    struct fake_call *o = any_call(f);
    if (o == NULL) {
        return;
    }
    bool under = draw(f, 4) != 0;
    struct usage u = o->reserved;
    u.input = under ? u.input / 2 : u.input;
    u.output += under ? 0 : draw(f, 400);
    end_call(f, o, &u);
    rig_settle(&f->rig, o->hold, &o->call, u.input, u.output);
}

static void step_release(struct fake *f)
{
    struct fake_call *o = any_call(f);
    for (int i = 0; o != NULL && i < f->count; i++) {
        (void)current(f, i, o->center);
    }
    if (o != NULL) {
        o->live = false;
        limits_release(f->rig.l, o->hold);
    }
}

static void step_clock(struct fake *f)
{
    static const uint32_t ahead[] = {3000, 90000, 2 * HOUR, 30 * HOUR, 900000000};
    uint32_t kind = draw(f, 20);
    int64_t by = kind == 0 ? -(int64_t)draw(f, BACK_MS) : draw(f, ahead[kind < 5 ? kind : 0]);
    int64_t now = f->rig.now_ms + by;
    now = now < f->latest_ms - BACK_MS ? f->latest_ms - BACK_MS : now;
    rig_time(&f->rig, now);
    f->latest_ms = now > f->latest_ms ? now : f->latest_ms;
    struct limits_view v = rig_view(&f->rig);
    limits_view_free(&v);
}

static void put_override(struct fake *f, int i, int g)
{
    char text[64] = "";
    if (g >= 0) {
        (void)snprintf(text, sizeof(text), "costCenter=%s",
                       centers[g] == NULL ? "none" : centers[g]);
    }
    int64_t amount = g >= 0 ? f->counters[i][g].amount : f->amount[i];
    struct limit_override o = rig_override(f->specs[i].name, text, amount);
    o.blocked = g >= 0 && f->counters[i][g].blocked;
    assert_int_equal(limits_override(f->rig.l, &o, NULL), ERR_OK);
}

static void step_override(struct fake *f)
{
    int i = (int)draw(f, (uint32_t)f->count),
        g = f->specs[i].per ? (int)draw(f, CENTERS + 1) - 1 : -1;
    int64_t *amount = g >= 0 ? &f->counters[i][g].amount : &f->amount[i];
    if (draw(f, 2) == 0) {
        char text[64] = "";
        if (g >= 0) {
            (void)snprintf(text, sizeof(text), "costCenter=%s",
                           centers[g] == NULL ? "none" : centers[g]);
        }
        enum err e = limits_revert(f->rig.l, f->specs[i].name, text, NULL);
        assert_int_equal(e, *amount >= 0 ? ERR_OK : ERR_NOT_FOUND);
        *amount = -1;
        if (g >= 0) {
            f->counters[i][g].blocked = false;
        }
        return;
    }
    *amount = f->specs[i].amount * (1 + draw(f, 30)) / 10;
    if (g >= 0) {
        f->counters[i][g].blocked = draw(f, 8) == 0;
    }
    put_override(f, i, g);
}

/* The file has another amount now. */
static void step_reload(struct fake *f)
{
    int i = (int)draw(f, (uint32_t)f->count);
    f->specs[i].amount = mean_of(f->specs[i].metric) * (2 + draw(f, 30));
    f->rig.limits[i].amount = f->specs[i].amount;
    assert_int_equal(limits_reload(f->rig.l, &f->rig.config, NULL, NULL), ERR_OK);
}

static void restore_one(struct fake *f, const struct fake_past *p)
{
    struct call c = rig_call(&f->rig, centers[p->center], 0, 0);
    struct amounts a;
    amounts_of(&a, &p->used, &rig_haiku, usage_cost(&p->used, &c.price));
    limits_restore(f->rig.l, &rig_haiku, &c.tags, c.principal, p->at_ms, &a, false);
    for (int i = 0; i < f->count; i++) {
        const struct spec *s = &f->specs[i];
        struct fake_counter *counts = counter(f, i, p->center);
        size_t now = current(f, i, p->center);
        const struct fake_window *w = &counts->at[now];
        int64_t used = s->metric == METRIC_CONCURRENCY ? 0 : weigh(f, i, &p->used);
        if (!s->rolls) {
            counts->at[now].used += p->at_ms >= w->start && p->at_ms < w->end ? used : 0;
        } else if (slot_at(s, p->at_ms) >= w->start - SLOTS) {
            /* Slots are told apart when they leave: the model keeps one more a call. */
            int64_t slot = slot_at(s, p->at_ms + (s->window == WINDOW_DAY ? LATE_MS : 0));
            size_t at = 0;
            while (at < now && counts->at[at].start < (slot < w->start ? slot : w->start)) {
                at++;
            }
            if (counts->at[at].start != slot && slot < w->start) {
                assert_true(counts->count < WINDOWS);
                memmove(&counts->at[at + 1], &counts->at[at],
                        (counts->count++ - at) * sizeof(counts->at[0]));
                counts->at[at] = (struct fake_window){.start = slot};
            }
            counts->at[at].used += used;
        }
    }
    totals.restored++;
}

/* The open calls end with what they hold, when the core is there again. Debts stay; what was served
 * comes back from the ledger. */
static void crash_model(struct fake *f)
{
    for (int i = 0; i < f->count; i++) {
        for (int g = 0; g < (f->specs[i].per ? CENTERS : 1); g++) {
            (void)current(f, i, g);
        }
    }
    for (int k = 0; k < OPEN_MAX; k++) {
        if (f->calls[k].live) {
            end_call(f, &f->calls[k], &f->calls[k].reserved);
        }
    }
    for (int i = 0; i < f->count; i++) {
        for (int g = 0; g < (f->specs[i].per ? CENTERS : 1); g++) {
            struct fake_counter *c = &f->counters[i][g];
            for (size_t k = f->specs[i].rolls ? 0 : c->count - 1; k < c->count; k++) {
                totals.debts += c->at[k].owed > 0;
                c->at[k].used = c->at[k].owed;
            }
        }
    }
}

static void restart(struct fake *f)
{
    start(f);
    for (int i = 0; i < f->count; i++) {
        if (f->amount[i] >= 0) {
            put_override(f, i, -1);
        }
        for (int g = 0; g < CENTERS; g++) {
            if (f->counters[i][g].amount >= 0) {
                put_override(f, i, g);
            }
        }
    }
    restore_debts(f);
}

/* Everything in memory is gone; what was served counts, and what was open is charged whole. */
static void step_crash(struct fake *f)
{
    static const uint32_t down_ms[] = {1, 1, 20000, 90000, 2 * HOUR};
    if (f->rig.now_ms < f->latest_ms) {
        return;
    }
    limits_free(f->rig.l);
    f->latest_ms += draw(f, down_ms[draw(f, 5)]);
    rig_time(&f->rig, f->latest_ms);
    if (draw(f, 4) == 0) { /* and once more while it starts */
        restart(f);
        limits_free(f->rig.l);
    }
    restart(f);
    crash_model(f);
    for (size_t k = 0; k < f->past_count; k++) {
        restore_one(f, &f->past[k]);
    }
    limits_keep_debts(f->rig.l);
    totals.crashes++;
}

static void step_compare(struct fake *f)
{
    struct limits_view v = rig_view(&f->rig);
    int64_t open = 0;
    for (int k = 0; k < OPEN_MAX; k++) {
        open += f->calls[k].live;
    }
    assert_int_equal(v.open_holds, open);
    for (int i = 0; i < f->count; i++) {
        int64_t used = 0, reserved = 0;
        for (int g = 0; g < (f->specs[i].per ? CENTERS : 1); g++) {
            const struct fake_counter *c = &f->counters[i][g];
            struct fake_window w = running(f, i);
            bool runs = c->count > 0 && c->at[c->count - 1].start == w.start;
            if (f->specs[i].rolls || runs) {
                used += c->count > 0 ? used_in(f, i, g, c->count - 1) : 0;
                reserved += c->count > 0 ? reserved_in(f, i, g, c->count - 1) : 0;
            } else {
                used += owed_to(f, i, g, w.start);
            }
        }
        assert_int_equal(v.limits[i].used, used);
        assert_int_equal(v.limits[i].reserved, reserved);
    }
    limits_view_free(&v);
}

/* Nothing is held once all have ended; and when every window has passed, twice where there are
 * debts, the whole amount is there again. */
static void wind_up(struct fake *f)
{
    while (any_call(f) != NULL) {
        step_release(f);
    }
    step_compare(f);
    struct limits_view v = rig_view(&f->rig);
    for (int i = 0; i < f->count; i++) {
        assert_int_equal(v.limits[i].reserved, 0);
        assert_in_range(v.limits[i].phantom, 0, v.limits[i].examined);
    }
    limits_view_free(&v);
    f->latest_ms += 20000 * DAY; /* more than any debt */
    rig_time(&f->rig, f->latest_ms);
    for (int i = 0; i < f->count; i++) {
        rig_expect(&f->rig, (size_t)i, 0, 0);
    }
}

static void schedule(uint32_t seed)
{
    static struct fake world;
    struct fake *f = &world;
    build(f, seed);
    for (int n = 0; n < STEPS; n++) {
        uint32_t kind = draw(f, 200);
        if (kind < 80) {
            step_reserve(f);
        } else if (kind < 104) {
            step_top_up(f);
        } else if (kind < 150) {
            step_settle(f);
        } else if (kind < 158) {
            step_release(f);
        } else if (kind < 180) {
            step_clock(f);
        } else if (kind < 185) {
            step_override(f);
        } else if (kind < 187) {
            step_reload(f);
        } else if (kind < 189) {
            step_crash(f);
            step_compare(f);
        } else {
            step_compare(f);
        }
    }
    wind_up(f);
    rig_end(&f->rig);
    zone_free(f->zone);
}

static int64_t asked(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    uint32_t from = (uint32_t)asked("TOLLGATE_SEED", 20261121);
    int64_t count = asked("TOLLGATE_SCHEDULES", SCHEDULES);
    for (int64_t n = 0; n < count; n++) {
        print_message("\rseed %u", from + (uint32_t)n);
        schedule(from + (uint32_t)n);
    }
    print_message("\r%lld admitted, %lld refused, %lld clamped, %lld stopped, %lld crashes, "
                  "%lld restored, %lld owed, %lld debts after a crash\n",
                  (long long)totals.admitted, (long long)totals.refused, (long long)totals.clamped,
                  (long long)totals.stopped, (long long)totals.crashes, (long long)totals.restored,
                  (long long)totals.owed, (long long)totals.debts);
    assert_true(totals.admitted > 10 * count && totals.refused > 10 * count);
    assert_true(count < 100 || (totals.clamped > count / 2 && totals.stopped > count / 10));
    assert_true(count < 100 || (totals.crashes > count / 2 && totals.restored > 4 * count));
    assert_true(count < 100 || (totals.owed > count / 20 && totals.debts > count / 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
