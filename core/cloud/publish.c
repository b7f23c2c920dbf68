/* publish.c: see publish.h. */
#include "core/cloud/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS   60000
#define DAY_MS      (24 * 60 * MINUTE_MS)
#define OVER_BY_MS  2000
#define OLDEST_MS   (13LL * DAY_MS) /* CloudWatch takes two weeks */
#define DATUM_BYTES 400             /* of JSON around the values of the dimensions, generously */
#define KEY_MAX     (PUBLISH_DIMENSIONS * PUBLISH_VALUE_MAX + 32)

const char *publish_metric_name(enum publish_metric m)
{
    static const char *const names[] = {"TotalRequests",    "RateLimitApproved", "RateLimitDenied",
                                        "InvocationFailed", "InputTokens",       "OutputTokens"};
    return m < PUBLISH_METRICS ? names[m] : "";
}

const char *publish_dimension_name(enum publish_dimension d)
{
    static const char *const names[] = {"Model", "ModelId", "CostCenter", "Application",
                                        "Environment"};
    return d < PUBLISH_DIMENSIONS ? names[d] : "";
}

void publish_known_free(struct publish_known *k)
{
    map_free(&k->names, NULL);
}

void publish_begin(struct publish_batch *b, struct publish_known *known, int64_t now_ms,
                   int64_t max_series, bool all)
{
    *b = (struct publish_batch){
        .known = known, .now_ms = now_ms, .max_series = max_series, .all = all};
    if (known->day != now_ms / DAY_MS) {
        publish_known_free(known);
        known->day = now_ms / DAY_MS;
    }
}

void publish_end(struct publish_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->at[i]);
    }
    map_free(&b->index, NULL);
    b->count = 0;
}

/* CloudWatch takes printable ASCII that is not blank and starts with no colon. */
static void clean_value(char out[PUBLISH_VALUE_MAX], struct str value)
{
    value = str_trim(value);
    if (value.n == 0) {
        value = STR("none");
    }
    str_copy(out, PUBLISH_VALUE_MAX, value);
    for (char *p = out; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
    if (out[0] == ':') {
        out[0] = '_';
    }
}

/* The ledger keeps what was called upstream; AWS counts an ARN under its last part. */
static struct str model_metric(struct str model_id)
{
    size_t from = str_starts(model_id, "arn:") ? model_id.n : 0;
    while (from > 0 && model_id.p[from - 1] != '/') {
        from--;
    }
    return str_sub(model_id, from, model_id.n);
}

static void set_dimensions(struct publish_series *s, const struct audit_entry *e)
{
    clean_value(s->text[PUBLISH_MODEL], e->model);
    clean_value(s->text[PUBLISH_MODEL_ID], model_metric(e->model_id));
    clean_value(s->text[PUBLISH_COST_CENTER], tags_get(&e->tags, "costCenter"));
    clean_value(s->text[PUBLISH_APPLICATION], tags_get(&e->tags, "applicationId"));
    clean_value(s->text[PUBLISH_ENVIRONMENT], tags_get(&e->tags, "environment"));
}

/* Cleaned values hold no control characters, so that one can stand between them. */
static struct str dimensions_key(char out[KEY_MAX], const struct publish_series *s,
                                 int64_t minute_ms)
{
    int n = snprintf(out, KEY_MAX, "%lld\n%s\n%s\n%s\n%s\n%s", (long long)minute_ms, s->text[0],
                     s->text[1], s->text[2], s->text[3], s->text[4]);
    return (struct str){out, n > 0 ? (size_t)n : 0};
}

/* Folds what would be one set too many into Application=other. */
static void bound_series(struct publish_batch *b, struct publish_series *s)
{
    char text[KEY_MAX];
    struct str key = dimensions_key(text, s, 0);
    if (map_get(&b->known->names, key) != NULL) {
        return;
    }
    if ((int64_t)b->known->names.count >= b->max_series) {
        str_copy(s->text[PUBLISH_APPLICATION], PUBLISH_VALUE_MAX, STR("other"));
        return;
    }
    if (!map_set(&b->known->names, key, b->known, NULL)) {
        b->failed = true;
    }
}

static size_t bytes_of(const struct publish_series *s)
{
    size_t bytes = DATUM_BYTES;
    for (size_t i = 0; i < PUBLISH_DIMENSIONS; i++) {
        bytes += 2 * strlen(s->text[i]); /* each may need a backslash */
    }
    return bytes * PUBLISH_METRICS;
}

/* Keeps a copy of s with its dimensions named; NULL when the batch is full or without memory. */
static struct publish_series *add_series(struct publish_batch *b, const struct publish_series *s,
                                         struct str key)
{
    size_t bytes = bytes_of(s);
    if (b->count == PUBLISH_SERIES_MAX || b->bytes + bytes > CLOUDWATCH_PUT_BYTES - 1024) {
        b->more = true;
        return NULL;
    }
    struct publish_series *kept = malloc(sizeof(*kept));
    if (kept == NULL || !map_set(&b->index, key, kept, NULL)) {
        free(kept);
        b->failed = true;
        return NULL;
    }
    *kept = *s;
    for (size_t i = 0; i < PUBLISH_DIMENSIONS; i++) {
        kept->dimensions[i].name = publish_dimension_name((enum publish_dimension)i);
        kept->dimensions[i].value = kept->text[i];
    }
    b->at[b->count++] = kept;
    b->bytes += bytes;
    return kept;
}

static void count_call(struct publish_series *s, const struct audit_entry *e)
{
    bool denied = e->outcome == OUTCOME_DENIED;
    s->values[PUBLISH_TOTAL]++;
    s->values[denied ? PUBLISH_DENIED : PUBLISH_APPROVED]++;
    if (e->outcome == OUTCOME_FAILED) {
        s->values[PUBLISH_FAILED]++;
    }
    if (!denied) {
        s->values[PUBLISH_INPUT] = money_add(s->values[PUBLISH_INPUT], e->usage.input);
        s->values[PUBLISH_OUTPUT] = money_add(s->values[PUBLISH_OUTPUT], e->usage.output);
    }
}

static bool counts(const struct audit_entry *e)
{
    return !e->is_change && (e->outcome == OUTCOME_APPROVED || e->outcome == OUTCOME_FAILED ||
                             e->outcome == OUTCOME_DENIED);
}

/* The minute a call counts in. One from the future (the clock was set back) is neither waited for
 * nor refused by CloudWatch: it counts now. */
static int64_t minute_of(const struct publish_batch *b, const struct audit_entry *e)
{
    int64_t at_ms = e->time_ms > b->now_ms + MINUTE_MS ? b->now_ms : e->time_ms;
    return at_ms - at_ms % MINUTE_MS;
}

static bool is_over(const struct publish_batch *b, const struct audit_entry *e)
{
    return b->all || e->time_ms > b->now_ms + MINUTE_MS ||
           b->now_ms >= minute_of(b, e) + MINUTE_MS + OVER_BY_MS;
}

bool publish_take(struct publish_batch *b, const struct audit_entry *e)
{
    if (b->failed || b->more) {
        return false;
    }
    if (!counts(e)) {
        b->last_seq = e->seq;
        return true;
    }
    if (e->time_ms < b->now_ms - OLDEST_MS) {
        b->too_old++;
        b->last_seq = e->seq;
        return true;
    }
    if (!is_over(b, e)) {
        return false;
    }
    struct publish_series s = {0};
    char text[KEY_MAX];
    set_dimensions(&s, e);
    s.minute_ms = minute_of(b, e);
    bound_series(b, &s);
    struct str key = dimensions_key(text, &s, s.minute_ms);
    struct publish_series *kept = map_get(&b->index, key);
    if (kept == NULL) {
        kept = add_series(b, &s, key);
    }
    if (kept == NULL) {
        return false;
    }
    count_call(kept, e);
    b->calls++;
    b->last_seq = e->seq;
    return true;
}

struct cloudwatch_datum *publish_data(const struct publish_batch *b)
{
    struct cloudwatch_datum *data = calloc(b->count * PUBLISH_METRICS + 1, sizeof(*data));
    for (size_t i = 0; data != NULL && i < b->count * PUBLISH_METRICS; i++) {
        const struct publish_series *s = b->at[i / PUBLISH_METRICS];
        size_t metric = i % PUBLISH_METRICS;
        data[i] =
            (struct cloudwatch_datum){.metric = publish_metric_name((enum publish_metric)metric),
                                      .dimensions = s->dimensions,
                                      .dimension_count = PUBLISH_DIMENSIONS,
                                      .at_ms = s->minute_ms,
                                      .value = s->values[metric]};
    }
    return data;
}
