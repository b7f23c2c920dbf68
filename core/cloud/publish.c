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
#define KEY_MAX     (CONFIG_DIMENSIONS * PUBLISH_VALUE_MAX + 32)

_Static_assert(CONFIG_DIMENSION_SETS_MAX *PUBLISH_METRICS *(DATUM_BYTES + 2 * CONFIG_DIMENSIONS *
                                                                              PUBLISH_VALUE_MAX) <
                       CLOUDWATCH_PUT_BYTES &&
                   CONFIG_DIMENSION_SETS_MAX <= PUBLISH_SERIES_MAX,
               "a call fits into a request whatever its sets are");

const char *publish_metric_name(enum publish_metric m)
{
    static const char *const names[] = {"TotalRequests",    "RateLimitApproved", "RateLimitDenied",
                                        "InvocationFailed", "InputTokens",       "OutputTokens"};
    return m < PUBLISH_METRICS ? names[m] : "";
}

void publish_known_free(struct publish_known *k)
{
    map_free(&k->names, NULL);
}

void publish_begin(struct publish_batch *b, struct publish_known *known,
                   const struct config_metrics *metrics, int64_t now_ms, bool all)
{
    *b = (struct publish_batch){.known = known, .metrics = metrics, .now_ms = now_ms, .all = all};
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

/* The minute a call counts in. One from the future (the clock was set back) is neither waited for
 * nor refused by CloudWatch: it counts now. */
static int64_t minute_of(const struct publish_batch *b, const struct audit_entry *e)
{
    int64_t at_ms = e->time_ms > b->now_ms + MINUTE_MS ? b->now_ms : e->time_ms;
    return at_ms - at_ms % MINUTE_MS;
}

static struct str value_of(const struct audit_entry *e, enum config_dimension d)
{
    switch (d) {
    case DIMENSION_MODEL:
        return e->model;
    case DIMENSION_MODEL_ID:
        return model_metric(e->model_id);
    case DIMENSION_COST_CENTER:
        return tags_get(&e->tags, "costCenter");
    case DIMENSION_APPLICATION:
        return tags_get(&e->tags, "applicationId");
    case DIMENSION_ENVIRONMENT:
        return tags_get(&e->tags, "environment");
    case CONFIG_DIMENSIONS:
        break;
    }
    return STR("");
}

/* Cleaned values hold no control characters, so that one can stand between them. */
static struct str series_key(char out[KEY_MAX], const struct publish_series *s, int64_t minute_ms)
{
    int n = snprintf(out, KEY_MAX, "%lld\n%u\n%s\n%s\n%s\n%s\n%s", (long long)minute_ms, s->set,
                     s->text[0], s->text[1], s->text[2], s->text[3], s->text[4]);
    return (struct str){out, n > 0 ? (size_t)n : 0};
}

/* Whether the series is one of today's, or may become one while there are fewer than `most`. */
static bool is_known(struct publish_batch *b, const struct publish_series *s, int64_t most)
{
    char text[KEY_MAX];
    struct str key = series_key(text, s, 0);
    if (map_get(&b->known->names, key) != NULL) {
        return true;
    }
    if ((int64_t)b->known->names.count >= most) {
        return false;
    }
    if (!map_set(&b->known->names, key, b->known, NULL)) {
        b->failed = true;
    }
    return true;
}

static void become_other(struct publish_series *s, unsigned dimensions)
{
    for (unsigned d = 0; d < CONFIG_DIMENSIONS; d++) {
        if ((s->set & dimensions & 1U << d) != 0) {
            str_copy(s->text[d], PUBLISH_VALUE_MAX, STR("other"));
        }
    }
}

/* Folds what would be one series too many. The last ones that are kept free are for "other" in
 * every dimension, one a set. */
static void bound_series(struct publish_batch *b, struct publish_series *s)
{
    int64_t most = config_series_most(b->metrics);
    if (is_known(b, s, b->metrics->max_series)) {
        return;
    }
    become_other(s, 1U << DIMENSION_APPLICATION);
    if (is_known(b, s, most - (int64_t)b->metrics->set_count)) {
        return;
    }
    become_other(s, CONFIG_ALL_DIMENSIONS);
    (void)is_known(b, s, most);
}

/* The series of a call in one set of dimensions, as it is to be published. */
static void shape_series(struct publish_batch *b, const struct audit_entry *e, unsigned set,
                         struct publish_series *s)
{
    *s = (struct publish_series){.minute_ms = minute_of(b, e), .set = set};
    for (unsigned d = 0; d < CONFIG_DIMENSIONS; d++) {
        if ((set & 1U << d) != 0) {
            clean_value(s->text[d], value_of(e, (enum config_dimension)d));
        }
    }
    bound_series(b, s);
}

static size_t bytes_of(const struct publish_series *s)
{
    size_t bytes = DATUM_BYTES;
    for (size_t i = 0; i < CONFIG_DIMENSIONS; i++) {
        bytes += 2 * strlen(s->text[i]); /* each may need a backslash */
    }
    return bytes * PUBLISH_METRICS;
}

static struct publish_series *find_series(const struct publish_batch *b,
                                          const struct publish_series *s)
{
    char text[KEY_MAX];
    return map_get(&b->index, series_key(text, s, s->minute_ms));
}

/* Whether what a call adds still fits into the request. */
static bool has_room(struct publish_batch *b, const struct audit_entry *e)
{
    size_t count = b->count, bytes = b->bytes;
    for (size_t i = 0; i < b->metrics->set_count; i++) {
        struct publish_series s;
        shape_series(b, e, b->metrics->sets[i], &s);
        bool here = find_series(b, &s) != NULL;
        count += here ? 0 : 1;
        bytes += here ? 0 : bytes_of(&s);
    }
    return count <= PUBLISH_SERIES_MAX && bytes <= CLOUDWATCH_PUT_BYTES - 1024;
}

/* Keeps a copy of s with its dimensions named; NULL without memory. */
static struct publish_series *add_series(struct publish_batch *b, const struct publish_series *s)
{
    char text[KEY_MAX];
    struct publish_series *kept = malloc(sizeof(*kept));
    if (kept == NULL || !map_set(&b->index, series_key(text, s, s->minute_ms), kept, NULL)) {
        free(kept);
        return NULL;
    }
    *kept = *s;
    for (unsigned d = 0; d < CONFIG_DIMENSIONS; d++) {
        if ((s->set & 1U << d) != 0) {
            kept->dimensions[kept->dimension_count++] = (struct cloudwatch_dimension){
                config_dimension_name((enum config_dimension)d), kept->text[d]};
        }
    }
    b->at[b->count++] = kept;
    b->bytes += bytes_of(s);
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
    b->more = !has_room(b, e);
    for (size_t i = 0; !b->more && !b->failed && i < b->metrics->set_count; i++) {
        struct publish_series s;
        shape_series(b, e, b->metrics->sets[i], &s);
        struct publish_series *kept = find_series(b, &s);
        kept = kept != NULL ? kept : add_series(b, &s);
        b->failed = b->failed || kept == NULL;
        if (kept != NULL) {
            count_call(kept, e);
        }
    }
    if (b->more || b->failed) {
        return false;
    }
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
                                      .dimension_count = s->dimension_count,
                                      .at_ms = s->minute_ms,
                                      .value = s->values[metric]};
    }
    return data;
}
