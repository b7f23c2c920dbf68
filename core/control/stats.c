/* stats.c: sums of the ledger for the screen: a day, the last minutes, today, this month. */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/core_private.h"

#define QUARTER_MS (15 * 60000LL)
#define MINUTE_MS  60000LL
#define LEAST_MS   30000LL /* less time tells no rate */
#define DAY_MS     (24 * 3600000LL)
#define ROWS_MAX   2000
#define SAMPLE_US  200000
#define MONTHS_US  5000000

struct stats *stats_new(void)
{
    return calloc(1, sizeof(struct stats));
}

static void table_free(struct stat_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->rows[i]);
    }
    free(t->rows);
}

void stats_free(struct stats *s)
{
    if (s) {
        zone_free(s->zone);
        table_free(&s->models);
        table_free(&s->cost_centers);
        table_free(&s->applications);
        free(s);
    }
}

struct stat_row *stats_row(struct stat_table *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (str_is(name, t->rows[i]->name)) {
            return t->rows[i];
        }
    }
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct stat_row **rows =
            t->count < ROWS_MAX ? realloc(t->rows, cap * sizeof(struct stat_row *)) : NULL;
        if (!rows) {
            return NULL;
        }
        t->rows = rows;
        t->cap = cap;
    }
    struct stat_row *r = calloc(1, sizeof(*r));
    if (r) {
        (void)str_copy(r->name, sizeof(r->name), name);
        t->rows[t->count++] = r;
    }
    return r;
}

/* The rows that a sum belongs to: everything, its model, its cost center, its application. */
static size_t rows_of(struct stats *s, const struct ledger_row *row, struct stat_row *out[4])
{
    struct stat_table *tables[] = {&s->models, &s->cost_centers, &s->applications};
    size_t n = 0;
    out[n++] = &s->all;
    for (size_t i = 0; i < 3; i++) {
        struct stat_row *r = row->key[i].n > 0 ? stats_row(tables[i], row->key[i]) : NULL;
        if (r) {
            out[n++] = r;
        }
    }
    return n;
}

static void each_row(struct stats *s, void (*fn)(struct stats *s, struct stat_row *r))
{
    struct stat_table *tables[] = {&s->models, &s->cost_centers, &s->applications};
    fn(s, &s->all);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < tables[i]->count; k++) {
            fn(s, tables[i]->rows[k]);
        }
    }
}

static int64_t tokens_of(const struct totals *t)
{
    return t->input_tokens + t->output_tokens + t->cache_read_tokens + t->cache_write_tokens;
}

static struct ledger_query query(int64_t since, int64_t until, int64_t bucket)
{
    return (struct ledger_query){.since_ms = since,
                                 .until_ms = until,
                                 .bucket_ms = bucket,
                                 .by = {"model", "costCenter", "applicationId"},
                                 .by_count = 3};
}

static void run(struct core *c, const struct ledger_query *q,
                bool (*fn)(void *arg, const struct ledger_row *row))
{
    struct err_info ei = {.code = ERR_OK};
    if (ledger_sum(c->ledger, q, fn, c->stats, &ei) != ERR_OK) {
        log_warn("control", "the ledger cannot be summed: %s", ei.text);
    }
}

/* --- the last 24 hours --- */

static void clear_day(struct stats *s, struct stat_row *r)
{
    (void)s;
    r->day = (struct totals){.requests = 0};
}

static bool add_day(void *arg, const struct ledger_row *row)
{
    struct stat_row *rows[4];
    size_t n = rows_of(arg, row, rows);
    for (size_t i = 0; i < n; i++) {
        totals_add(&rows[i]->day, &row->totals);
    }
    return true;
}

/* --- minutes: the growth of the two newest quarters since the last sample --- */

static void clear_now(struct stats *s, struct stat_row *r)
{
    (void)s;
    memset(r->now_tokens, 0, sizeof(r->now_tokens));
    memset(r->now_usd, 0, sizeof(r->now_usd));
}

static void shift_quarter(struct stats *s, struct stat_row *r)
{
    (void)s;
    r->seen_tokens[0] = r->seen_tokens[1];
    r->seen_usd[0] = r->seen_usd[1];
    r->seen_tokens[1] = 0;
    r->seen_usd[1] = 0;
}

static bool add_now(void *arg, const struct ledger_row *row)
{
    struct stats *s = arg;
    struct stat_row *rows[4];
    size_t n = rows_of(s, row, rows);
    size_t slot = row->bucket_ms >= s->quarter ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        rows[i]->now_tokens[slot] += tokens_of(&row->totals);
        rows[i]->now_usd[slot] += row->totals.usd;
    }
    return true;
}

static void take_growth(struct stats *s, struct stat_row *r)
{
    size_t slot = (size_t)(s->minute % STATS_MINUTES);
    for (size_t i = 0; i < 2; i++) {
        r->tokens[slot] += r->now_tokens[i] - r->seen_tokens[i];
        r->usd[slot] += r->now_usd[i] - r->seen_usd[i];
        r->seen_tokens[i] = r->now_tokens[i];
        r->seen_usd[i] = r->now_usd[i];
    }
}

static void clear_slot(struct stats *s, struct stat_row *r)
{
    r->tokens[s->minute % STATS_MINUTES] = 0;
    r->usd[s->minute % STATS_MINUTES] = 0;
}

static void mark_seen(struct stats *s, struct stat_row *r)
{
    (void)s;
    memcpy(r->seen_tokens, r->now_tokens, sizeof(r->seen_tokens));
    memcpy(r->seen_usd, r->now_usd, sizeof(r->seen_usd));
}

static bool add_minute(void *arg, const struct ledger_row *row)
{
    struct stat_row *rows[4];
    struct stats *s = arg;
    size_t n = rows_of(s, row, rows), slot = (size_t)(row->bucket_ms / MINUTE_MS % STATS_MINUTES);
    s->born_ms = row->bucket_ms < s->born_ms ? row->bucket_ms : s->born_ms;
    for (size_t i = 0; i < n; i++) {
        rows[i]->tokens[slot] += tokens_of(&row->totals);
        rows[i]->usd[slot] += row->totals.usd;
    }
    return true;
}

static bool was_long_ago(void *arg, const struct ledger_row *row)
{
    ((struct stats *)arg)->born_ms = row->totals.requests > 0 ? 0 : ((struct stats *)arg)->born_ms;
    return true;
}

/* What the ledger has of the minutes before the start; where there is nothing before them, rates
 * are taken over the time since. */
static void begin_minutes(struct core *c, int64_t now)
{
    struct stats *s = c->stats;
    int64_t from = (s->minute - STATS_MINUTES + 2) * MINUTE_MS;
    struct ledger_query past = query(from, (s->minute + 1) * MINUTE_MS, MINUTE_MS);
    struct ledger_query before = query(s->since_ms, from - from % QUARTER_MS, 0);
    s->born_ms = now;
    run(c, &past, add_minute);
    run(c, &before, was_long_ago);
}

static void sample_minutes(struct core *c, int64_t now)
{
    struct stats *s = c->stats;
    int64_t minute = now / MINUTE_MS, quarter = now - now % QUARTER_MS;
    bool first = s->minute == 0;
    if (first) {
        s->minute = minute;
        s->quarter = quarter;
        begin_minutes(c, now);
    }
    for (; s->minute < minute; s->minute++) {
        s->minute = minute - s->minute > STATS_MINUTES ? minute - STATS_MINUTES : s->minute;
        s->minute++;
        each_row(s, clear_slot);
        s->minute--;
    }
    for (int i = 0; i < 2 && s->quarter < quarter; i++) {
        each_row(s, shift_quarter);
        s->quarter = i == 0 && quarter - s->quarter > QUARTER_MS ? quarter - QUARTER_MS : quarter;
    }
    s->quarter = quarter;
    each_row(s, clear_now);
    struct ledger_query q = query(quarter - QUARTER_MS, quarter + QUARTER_MS, QUARTER_MS);
    run(c, &q, add_now);
    each_row(s, first ? mark_seen : take_growth);
}

/* --- day and month by calendar --- */

static const struct zone *zone_of(struct core *c)
{
    struct stats *s = c->stats;
    if (!s->zone || strcmp(s->zone_name, c->config->timezone) != 0) {
        struct zone *z = zone_new(c->config->timezone, NULL);
        zone_free(s->zone);
        s->zone = z ? z : zone_new("UTC", NULL);
        (void)str_copy(s->zone_name, sizeof(s->zone_name), str_of(c->config->timezone));
    }
    return s->zone;
}

void stats_month(struct core *c, int64_t now_ms, int64_t *start_ms, int64_t *end_ms)
{
    *start_ms = *end_ms = 0;
    const struct zone *z = zone_of(c);
    if (z) {
        window_at(z, WINDOW_MONTH, now_ms, start_ms, end_ms);
    }
}

static void clear_month(struct stats *s, struct stat_row *r)
{
    (void)s;
    r->today = r->month = 0;
}

static bool add_month(void *arg, const struct ledger_row *row)
{
    struct stat_row *rows[4];
    size_t n = rows_of(arg, row, rows);
    for (size_t i = 0; i < n; i++) {
        rows[i]->month = money_add(rows[i]->month, row->totals.usd);
    }
    return true;
}

static bool add_today(void *arg, const struct ledger_row *row)
{
    struct stat_row *rows[4];
    size_t n = rows_of(arg, row, rows);
    for (size_t i = 0; i < n; i++) {
        rows[i]->today = money_add(rows[i]->today, row->totals.usd);
    }
    return true;
}

static void find_begin(struct core *c)
{
    struct stats *s = c->stats;
    struct err_info ei = {.code = ERR_OK};
    bool known = s->begun_ms != 0 && s->begun_ms != INT64_MAX;
    if (!known && ledger_begin(c->ledger, &s->begun_ms, &ei) != ERR_OK) {
        log_warn("control", "the ledger's first call is not known: %s", ei.text);
    }
}

int64_t stats_month_covered(const struct stats *s, int64_t start_ms)
{
    bool sharper = s->born_ms > s->begun_ms && s->born_ms - s->begun_ms < QUARTER_MS;
    int64_t from = sharper ? s->born_ms : s->begun_ms;
    from = from > start_ms ? from : start_ms;
    return from < s->now_ms ? s->now_ms - from : 0;
}

static void sample_months(struct core *c, int64_t now)
{
    int64_t day = 0, month = 0, end = 0;
    stats_month(c, now, &month, &end);
    if (c->stats->zone) {
        window_at(c->stats->zone, WINDOW_DAY, now, &day, &end);
    }
    int64_t until = now - now % QUARTER_MS + QUARTER_MS;
    each_row(c->stats, clear_month);
    find_begin(c);
    struct ledger_query q = query(month, until, 0);
    run(c, &q, add_month);
    q.since_ms = day;
    run(c, &q, add_today);
}

void stats_sample(struct core *c)
{
    struct stats *s = c->stats;
    int64_t now = clock_wall_ms(), mono = clock_mono_us();
    if (s->sampled_us != 0 && mono - s->sampled_us < SAMPLE_US) {
        return;
    }
    s->sampled_us = mono;
    s->now_ms = now;
    s->since_ms = now - DAY_MS - (now - DAY_MS) % QUARTER_MS;
    each_row(s, clear_day);
    struct ledger_query day = query(s->since_ms, now - now % QUARTER_MS + QUARTER_MS, 0);
    run(c, &day, add_day);
    sample_minutes(c, now);
    if (s->months_us == 0 || mono - s->months_us >= MONTHS_US) {
        s->months_us = mono;
        sample_months(c, now);
    }
}

void stats_series(const struct stats *s, const struct stat_row *r, int64_t out[15])
{
    for (int i = 0; i < 15; i++) {
        int64_t minute = s->minute - 14 + i;
        out[i] = minute < 0 ? 0 : r->tokens[minute % STATS_MINUTES];
    }
}

/* The running minute, and of the one before as much as makes 60 seconds. */
int64_t stats_tokens_per_minute(const struct stats *s, const struct stat_row *r)
{
    int64_t into = clock_wall_ms() % MINUTE_MS;
    int64_t before = s->minute > 0 ? r->tokens[(s->minute - 1) % STATS_MINUTES] : 0;
    return r->tokens[s->minute % STATS_MINUTES] + before * (MINUTE_MS - into) / MINUTE_MS;
}

/* What came in the time that ends then, made up to what a span would bring. */
static int64_t made_up(const struct stats *s, int64_t sum, int64_t from_ms, int64_t until_ms,
                       int64_t span_ms)
{
    int64_t ms = until_ms - (from_ms > s->born_ms ? from_ms : s->born_ms);
    return (int64_t)((double)sum * (double)span_ms / (double)(ms > LEAST_MS ? ms : LEAST_MS));
}

money_t stats_usd_per_hour(const struct stats *s, const struct stat_row *r)
{
    money_t sum = 0;
    for (int64_t i = 0; i < 15 && i < s->minute; i++) {
        sum += r->usd[(s->minute - i) % STATS_MINUTES];
    }
    return made_up(s, sum, (s->minute - 14) * MINUTE_MS, s->now_ms, 60 * MINUTE_MS);
}

void stats_per_minute(const struct stats *s, const struct stat_row *r, int minutes, int64_t *tokens,
                      money_t *usd)
{
    *tokens = 0;
    *usd = 0;
    for (int64_t i = 1; i <= minutes && i < s->minute; i++) {
        *tokens = money_add(*tokens, r->tokens[(s->minute - i) % STATS_MINUTES]);
        *usd = money_add(*usd, r->usd[(s->minute - i) % STATS_MINUTES]);
    }
    int64_t until = s->minute * MINUTE_MS, from = until - minutes * MINUTE_MS;
    *tokens = made_up(s, *tokens, from, until, MINUTE_MS);
    *usd = made_up(s, *usd, from, until, MINUTE_MS);
}
