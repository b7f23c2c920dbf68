/* burn.c: the use of each limit, and of each group that is shown, minute by minute for six hours.
 * Alerts as SRE practice has them: a long window says that it matters, a short one that it still
 * goes on; and only when the amount would not last until its window ends. */
#include "core/control/burn.h"

#include <stdlib.h>
#include <string.h>

#include "core/control/core_private.h"

#define MINUTE_MS  60000LL
#define MINUTES    361 /* six hours and the running minute */
#define STEPS      24  /* samples of the last minutes, for the rate of one */
#define SERIES_MAX 1000
#define FORGOTTEN  (6 * 60 * MINUTE_MS)

struct step {
    int64_t at_ms, sum;
};

/* What was used up since the series began, in the metric's unit. Where the window rolls, what left
 * it is taken off again: it is room. */
struct series {
    char limit[64], group[256];
    bool whole; /* of the limit, over all its groups */
    enum config_metric metric;
    bool rolling;
    int64_t born_ms, seen_ms, minute;
    int64_t used, resets_at_ms, sum;
    int64_t at_minute[MINUTES]; /* sum when the minute began */
    struct step steps[STEPS];
    size_t step;
    bool fast, slow; /* alerts that go on */
};

struct burn {
    struct series *at[SERIES_MAX];
    size_t count;
};

/* Of a day, 14.4 times would be 60 % in an hour, 6 times more than there is in six: it has its own.
 */
struct policy {
    double times;
    int hours;
    bool fast;
};
static const struct policy of_days[] = {{6, 1, true}, {3, 6, false}};
static const struct policy of_longer[] = {{14.4, 1, true}, {6, 6, false}};

struct burn *burn_new(void)
{
    return calloc(1, sizeof(struct burn));
}

void burn_free(struct burn *b)
{
    if (b) {
        for (size_t i = 0; i < b->count; i++) {
            free(b->at[i]);
        }
        free(b);
    }
}

/* --- series --- */

/* They are asked for in nearly the same order each time: *from is where to look first. */
static struct series *find(const struct burn *b, const char *limit, const char *group, bool whole,
                           size_t *from)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t at = (*from + i) % b->count;
        struct series *s = b->at[at];
        if (s->whole == whole && strcmp(s->limit, limit) == 0 && strcmp(s->group, group) == 0) {
            *from = at + 1;
            return s;
        }
    }
    return NULL;
}

/* A place: a new one, or that of a series nobody has seen for long. */
static struct series *place(struct burn *b, int64_t now_ms)
{
    for (size_t i = 0; i < b->count; i++) {
        if (now_ms - b->at[i]->seen_ms > FORGOTTEN) {
            return b->at[i];
        }
    }
    struct series *s = b->count < SERIES_MAX ? calloc(1, sizeof(*s)) : NULL;
    if (s) {
        b->at[b->count++] = s;
    }
    return s;
}

static int64_t used_since(const struct series *s, int64_t used, int64_t resets_at_ms)
{
    if (s->rolling) {
        return used - s->used;
    }
    return resets_at_ms != s->resets_at_ms ? used : used > s->used ? used - s->used : 0;
}

static struct series *take(struct burn *b, const struct config_limit *f, const char *group,
                           bool whole, int64_t used, int64_t resets_at_ms, int64_t now_ms,
                           size_t *from)
{
    struct series *s = find(b, f->name, group, whole, from);
    bool fresh = !s || s->metric != f->metric || s->rolling != f->rolling;
    if (fresh) {
        s = s ? s : place(b, now_ms);
        if (!s) {
            return NULL;
        }
        *s = (struct series){.whole = whole,
                             .metric = f->metric,
                             .rolling = f->rolling,
                             .born_ms = now_ms,
                             .minute = now_ms / MINUTE_MS};
        (void)str_copy(s->limit, sizeof(s->limit), str_of(f->name));
        (void)str_copy(s->group, sizeof(s->group), str_of(group));
    } else {
        s->sum = money_add(s->sum, used_since(s, used, resets_at_ms));
    }
    int64_t minute = now_ms / MINUTE_MS;
    for (int i = 0; i < MINUTES && s->minute < minute; i++) {
        s->minute = minute - s->minute > MINUTES ? minute - MINUTES + 1 : s->minute + 1;
        s->at_minute[s->minute % MINUTES] = s->sum;
    }
    s->used = used;
    s->resets_at_ms = resets_at_ms;
    s->seen_ms = now_ms;
    s->step = (s->step + 1) % STEPS;
    s->steps[s->step] = (struct step){now_ms, s->sum};
    return s;
}

/* --- rates, in units a millisecond --- */

/* Over the last minute or so. */
static double rate_of_minute(const struct series *s)
{
    struct step last = s->steps[s->step], first = last;
    for (size_t i = 1; i < STEPS && last.at_ms - first.at_ms < MINUTE_MS; i++) {
        struct step more = s->steps[(s->step + STEPS - i) % STEPS];
        if (more.at_ms == 0 || last.at_ms - more.at_ms > 2 * MINUTE_MS) {
            break;
        }
        first = more;
    }
    int64_t ms = last.at_ms - first.at_ms;
    return ms > 0 ? (double)(last.sum - first.sum) / (double)ms : 0;
}

/* Over so many minutes; of a series that is younger: over its life (whole: as if it had used
 * nothing before, so that a start is no alarm). */
static double rate_of(const struct series *s, int64_t minutes, bool whole)
{
    int64_t from = (s->minute - minutes) * MINUTE_MS;
    bool young = from < s->born_ms;
    int64_t before = young ? 0 : s->at_minute[(s->minute - minutes) % MINUTES];
    int64_t ms = s->seen_ms - (young && !whole ? s->born_ms : from);
    return ms > 0 ? (double)(s->sum - before) / (double)ms : 0;
}

/* When it is empty at that rate; -1: not before its window ends. */
static int64_t empty_in(int64_t remaining, double rate, int64_t left_ms)
{
    if (remaining <= 0) {
        return 0;
    }
    double ms = rate > 0 ? (double)remaining / rate : -1;
    return ms < 0 || ms > 1e15 || (left_ms > 0 && ms > (double)left_ms) ? -1 : (int64_t)ms;
}

static bool is_long(enum config_window w)
{
    return w == WINDOW_DAY || w == WINDOW_WEEK || w == WINDOW_MONTH;
}

/* What tells best when it is empty: the last minute, for a long window the last 15. */
static double telling_rate(const struct series *s, enum config_window w)
{
    return is_long(w) ? rate_of(s, 15, false) : rate_of_minute(s);
}

/* Nominal: an hour more or less on the day of a clock change does not matter here. */
static double window_ms(enum config_window w)
{
    const double day = 24 * 60 * (double)MINUTE_MS;
    return w == WINDOW_DAY ? day : w == WINDOW_WEEK ? 7 * day : 30 * day;
}

/* --- alerts --- */

struct subject {
    const struct config_limit *file;
    int64_t amount, remaining, left_ms;
};

/* Goes on while the short window burns; begins when the long one has too. */
static bool burns(const struct series *s, const struct subject *u, const struct policy *p,
                  bool already)
{
    double pace = (double)u->amount / window_ms(u->file->window);
    double brief = rate_of(s, p->hours * 5, true), full = rate_of(s, p->hours * 60, true);
    if (u->amount <= 0 || brief < p->times * pace || (!already && full < p->times * pace)) {
        return false;
    }
    return already || empty_in(u->remaining, brief, u->left_ms) >= 0;
}

static void alert(struct series *s, const struct subject *u,
                  void (*fn)(void *arg, const struct burn_alert *a), void *arg)
{
    if (!is_long(u->file->window)) {
        return;
    }
    const struct policy *policies = u->file->window == WINDOW_DAY ? of_days : of_longer;
    for (size_t i = 0; i < 2; i++) {
        const struct policy *p = &policies[i];
        bool *flag = p->fast ? &s->fast : &s->slow;
        bool was = *flag;
        *flag = burns(s, u, p, was);
        if (*flag && !was && !(s->fast && !p->fast)) {
            double pace = (double)u->amount / window_ms(u->file->window);
            double rate = rate_of(s, p->hours * 5, true);
            const struct burn_alert a = {.fast = p->fast,
                                         .limit = s->limit,
                                         .group = s->group,
                                         .times = rate / pace,
                                         .empty_in_ms = empty_in(u->remaining, rate, 0)};
            fn(arg, &a);
        }
    }
}

void burn_sample(struct burn *b, const struct limits_view *v, int64_t mono_ms, int64_t wall_ms,
                 void (*fn)(void *arg, const struct burn_alert *a), void *arg)
{
    size_t from = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct limit_view *l = &v->limits[i];
        const struct config_limit *f = l->file;
        if (f->window == WINDOW_NONE) {
            continue;
        }
        (void)take(b, f, "", true, l->used, f->rolling ? 0 : l->resets_at_ms, mono_ms, &from);
        for (size_t k = 0; k < l->group_count; k++) {
            const struct limit_group_view *g = &l->groups[k];
            const struct subject u = {
                f, g->amount, g->remaining,
                f->rolling || g->resets_at_ms == 0 ? 0 : g->resets_at_ms - wall_ms};
            struct series *s = take(b, f, g->group, false, g->used,
                                    f->rolling ? 0 : g->resets_at_ms, mono_ms, &from);
            if (s) {
                alert(s, &u, fn, arg);
            }
        }
    }
}

/* --- shown --- */

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value ? value : json_null());
}

static json_t *per_minute(enum config_metric m, double rate)
{
    double each = rate * (double)MINUTE_MS;
    return amount_json(m, (int64_t)(each < 0 ? each - 0.5 : each + 0.5));
}

/* s NULL: nulls. */
static void put_series(json_t *o, const struct series *s, const struct config_limit *f,
                       int64_t remaining, int64_t resets_at_ms, int64_t wall_ms)
{
    json_t *rates = s ? json_object() : json_null();
    int64_t empty_ms = -1;
    if (s) {
        put(rates, "per_minute_1m", per_minute(f->metric, rate_of_minute(s)));
        put(rates, "per_minute_15m", per_minute(f->metric, rate_of(s, 15, false)));
        put(rates, "per_minute_1h", per_minute(f->metric, rate_of(s, 60, false)));
        empty_ms = empty_in(remaining, telling_rate(s, f->window),
                            f->rolling || resets_at_ms == 0 ? 0 : resets_at_ms - wall_ms);
    }
    put(o, "rates", rates);
    put(o, "empty_in_s", empty_ms >= 0 ? json_integer(empty_ms / 1000) : json_null());
    put(o, "burn", s && s->fast ? json_string("fast") : s && s->slow ? json_string("slow") : NULL);
}

/* The soonest of the groups: the limit as a whole is as near to its end as they are. */
static void put_soonest(json_t *limit)
{
    size_t i;
    json_t *g, *soonest = NULL, *worst = NULL;
    json_array_foreach(json_object_get(limit, "groups"), i, g)
    {
        json_t *s = json_object_get(g, "empty_in_s"), *burns_how = json_object_get(g, "burn");
        if (json_is_integer(s) &&
            (!soonest || json_integer_value(s) < json_integer_value(soonest))) {
            soonest = s;
        }
        if (json_is_string(burns_how) &&
            (!worst || strcmp(json_string_value(worst), "slow") == 0)) {
            worst = burns_how;
        }
    }
    (void)json_object_set(limit, "empty_in_s", soonest ? soonest : json_null());
    (void)json_object_set(limit, "burn", worst ? worst : json_null());
}

void burn_put(const struct burn *b, json_t *limits, const struct limits_view *v, int64_t wall_ms)
{
    size_t from = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct limit_view *l = &v->limits[i];
        json_t *o = json_array_get(limits, i), *groups = json_object_get(o, "groups");
        bool known = b && l->file->window != WINDOW_NONE;
        put_series(o, known ? find(b, l->file->name, "", true, &from) : NULL, l->file, l->remaining,
                   l->resets_at_ms, wall_ms);
        for (size_t k = 0; k < l->group_count; k++) {
            const struct limit_group_view *g = &l->groups[k];
            put_series(json_array_get(groups, k),
                       known ? find(b, l->file->name, g->group, false, &from) : NULL, l->file,
                       g->remaining, g->resets_at_ms, wall_ms);
        }
        put_soonest(o);
    }
}
