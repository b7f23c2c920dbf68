/* sim_get_metrics.c: GetMetricData: MetricStat queries and SEARCH expressions, in pages. */
#include "core/base/clock.h"
#include "core/sim/sim_cloudwatch.h"
#include "core/sim/sim_search.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define QUERIES_MAX    500
#define DATAPOINTS_MAX 100800
#define VALUE          "InvalidParameterValueException", "InvalidParameterValue"

/* A page of results being filled. */
struct page {
    struct sim *sim;
    int64_t start, end; /* seconds */
    bool rising;
    int64_t skip, place; /* results of earlier pages, results so far */
    size_t most, datapoints_most, datapoints;
    bool full; /* there is more */
    json_t *results;
};

static bool is_stat(struct str stat)
{
    static const char *const plain[] = {"Sum", "SampleCount", "Average", "Minimum", "Maximum"};

    for (size_t i = 0; i < 5; i++) {
        if (str_is(stat, plain[i])) {
            return true;
        }
    }
    int64_t percent;
    return str_starts(stat, "p") && str_to_i64(str_sub(stat, 1, stat.n), &percent) && percent > 0 &&
           percent <= 100;
}

/* Percentiles lie evenly between the least and the most: single values are not kept. */
static double stat_of(const struct sim_minute *m, struct str stat)
{
    int64_t percent = 0;

    if (str_is(stat, "Sum")) {
        return m->sum;
    }
    if (str_is(stat, "SampleCount")) {
        return m->count;
    }
    if (str_is(stat, "Average")) {
        return m->sum / m->count;
    }
    if (str_is(stat, "Minimum")) {
        return m->least;
    }
    if (str_is(stat, "Maximum")) {
        return m->most;
    }
    (void)str_to_i64(str_sub(stat, 1, stat.n), &percent);
    return m->least + (m->most - m->least) * (double)percent / 100;
}

static void merge(struct sim_minute *into, const struct sim_minute *m)
{
    into->least = into->count == 0 || m->least < into->least ? m->least : into->least;
    into->most = into->count == 0 || m->most > into->most ? m->most : into->most;
    into->sum += m->sum;
    into->count += m->count;
}

static void add_point(const struct page *p, json_t *times, json_t *values, int64_t time,
                      const struct sim_minute *m, struct str stat)
{
    if (p->rising) {
        (void)json_array_append_new(times, json_integer(time));
        (void)json_array_append_new(values, json_real(stat_of(m, stat)));
    } else {
        (void)json_array_insert_new(times, 0, json_integer(time));
        (void)json_array_insert_new(values, 0, json_real(stat_of(m, stat)));
    }
}

static void add_points(struct page *p, const struct sim_series *s, struct str stat, int64_t period,
                       json_t *times, json_t *values)
{
    int64_t from = p->start - p->start % period;
    struct sim_minute sum = {0};
    int64_t bucket = -1;

    for (size_t i = 0; s != NULL && i < s->minute_count; i++) {
        int64_t time = s->minutes[i].minute * 60;
        if (time < from || time >= p->end) {
            continue;
        }
        if (bucket >= 0 && time - time % period != bucket) {
            add_point(p, times, values, bucket, &sum, stat);
            sum = (struct sim_minute){0};
        }
        bucket = time - time % period;
        merge(&sum, &s->minutes[i]);
    }
    if (bucket >= 0) {
        add_point(p, times, values, bucket, &sum, stat);
    }
    p->datapoints += json_array_size(times);
}

static void add_label_part(struct buf *out, struct str part, const struct sim_series *s,
                           struct str plain)
{
    if (str_is(part, "LABEL")) {
        buf_add_str(out, plain);
    } else if (s != NULL && str_is(part, "PROP('MetricName')")) {
        buf_add_str(out, s->name);
    } else if (s != NULL && str_is(part, "PROP('Namespace')")) {
        buf_add_str(out, s->space);
    } else if (s != NULL && str_starts(part, "PROP('Dim.") && str_ends(part, "')")) {
        buf_add_str(out, sim_metrics_dimension(s, str_sub(part, 10, part.n - 12)));
    }
}

/* The label asked for with ${PROP('Dim.X')}, ${PROP('MetricName')} and ${LABEL} filled in. */
static void build_label(struct buf *out, struct str wanted, const struct sim_series *s,
                        struct str plain)
{
    if (wanted.n == 0) {
        buf_add_str(out, plain);
    }
    while (wanted.p != NULL && wanted.n > 0) {
        const char *at = memmem(wanted.p, wanted.n, "${", 2);
        size_t before = at != NULL ? (size_t)(at - wanted.p) : wanted.n;
        buf_append(out, wanted.p, before);
        wanted = str_sub(wanted, before, wanted.n);
        if (wanted.n > 2) {
            struct str rest;
            struct str part = str_cut(str_sub(wanted, 2, wanted.n), '}', &rest);
            add_label_part(out, part, s, plain);
            wanted = rest;
        } else {
            wanted.n = 0;
        }
    }
}

struct wanted {
    const char *id;
    struct str label, stat;
    int64_t period;
};

static void add_result(struct page *p, const struct wanted *w, const struct sim_series *s,
                       struct str plain_label)
{
    if (p->place++ < p->skip) {
        return;
    }
    if (p->full || json_array_size(p->results) >= p->most || p->datapoints >= p->datapoints_most) {
        p->full = true;
        p->place--;
        return;
    }
    json_t *times = json_array(), *values = json_array();
    struct buf label = {0};
    add_points(p, s, w->stat, w->period, times, values);
    build_label(&label, w->label, s, plain_label);
    (void)json_array_append_new(p->results, json_pack("{s:s,s:s,s:o,s:o,s:s}", "Id", w->id, "Label",
                                                      buf_cstr(&label), "Timestamps", times,
                                                      "Values", values, "StatusCode", "Complete"));
    buf_free(&label);
}

static bool is_good_period(int64_t period)
{
    return period >= 60 && period % 60 == 0 && period <= 86400LL * 30;
}

static bool add_stat(struct sim_connection *c, struct page *p, struct wanted *w, const json_t *stat)
{
    const json_t *metric = json_object_get(stat, "Metric");
    const json_t *list = json_object_get(metric, "Dimensions");
    struct sim_dimension dimensions[SIM_DIMENSIONS_MAX];
    struct str space = str_of(json_string_value(json_object_get(metric, "Namespace")));
    struct str name = str_of(json_string_value(json_object_get(metric, "MetricName")));
    size_t i, n = json_array_size(list);
    json_t *one;

    w->stat = str_of(json_string_value(json_object_get(stat, "Stat")));
    w->period = json_integer_value(json_object_get(stat, "Period"));
    if (space.n == 0 || name.n == 0 || n > SIM_DIMENSIONS_MAX || !is_stat(w->stat) ||
        !is_good_period(w->period)) {
        sim_json_refuse(
            c, VALUE,
            "MetricStat of %s: a Metric, a Stat and a Period of whole minutes are needed.", w->id);
        return false;
    }
    json_array_foreach(list, i, one)
    {
        dimensions[i].name = str_of(json_string_value(json_object_get(one, "Name")));
        dimensions[i].value = str_of(json_string_value(json_object_get(one, "Value")));
    }
    add_result(p, w, sim_metrics_find(&p->sim->metrics, space, name, dimensions, n), name);
    return true;
}

/* What tells the series of a search apart: their dimensions' values, and the name if it may vary.
 */
static void search_label(struct buf *out, const struct sim_search *q, const struct sim_series *s)
{
    for (size_t i = 0; i < q->dimension_count; i++) {
        buf_add(out, i > 0 ? " " : "");
        buf_add_str(out, sim_metrics_dimension(s, q->dimensions[i]));
    }
    size_t names = 0;
    for (size_t i = 0; i < q->term_count; i++) {
        names += str_is(q->terms[i].key, "MetricName");
    }
    if (names != 1 || out->len == 0) {
        buf_add(out, out->len > 0 ? " " : "");
        buf_add_str(out, s->name);
    }
}

static bool add_search(struct sim_connection *c, struct page *p, struct wanted *w,
                       const json_t *query)
{
    struct sim_search q;
    struct buf label = {0};
    const json_t *expression = json_object_get(query, "Expression");

    if (!sim_search_parse(&q, str_of(json_string_value(expression))) || !is_stat(q.stat)) {
        sim_json_refuse(c, VALUE,
                        "Expression of %s: only SEARCH('{Namespace,Dim} MetricName=\"X\"', 'Sum', "
                        "300) is simulated.",
                        w->id);
        return false;
    }
    w->stat = q.stat;
    w->period = q.period > 0 ? q.period : json_integer_value(json_object_get(query, "Period"));
    if (!is_good_period(w->period)) {
        sim_json_refuse(c, VALUE, "Period of %s: whole minutes are needed.", w->id);
        return false;
    }
    for (size_t i = 0; i < p->sim->metrics.count; i++) {
        const struct sim_series *s = p->sim->metrics.list[i];
        if (sim_search_matches(&q, s) && sim_metrics_listed(s, clock_wall_ms())) {
            buf_clear(&label);
            search_label(&label, &q, s);
            add_result(p, w, s, buf_str(&label));
        }
    }
    buf_free(&label);
    return true;
}

static bool add_query(struct sim_connection *c, struct page *p, const json_t *query)
{
    const json_t *stat = json_object_get(query, "MetricStat");
    struct wanted w = {.id = json_string_value(json_object_get(query, "Id")),
                       .label = str_of(json_string_value(json_object_get(query, "Label")))};

    if (w.id == NULL || w.id[0] < 'a' || w.id[0] > 'z') {
        sim_json_refuse(c, VALUE, "Id: must begin with a lower-case letter.");
        return false;
    }
    if ((stat != NULL) == (json_object_get(query, "Expression") != NULL)) {
        sim_json_refuse(c, "InvalidParameterCombinationException", "InvalidParameterCombination",
                        "%s: either MetricStat or Expression is needed.", w.id);
        return false;
    }
    if (json_is_false(json_object_get(query, "ReturnData"))) {
        return true;
    }
    return stat != NULL ? add_stat(c, p, &w, stat) : add_search(c, p, &w, query);
}

/* -1: no time. */
static int64_t seconds_of(const json_t *j)
{
    double seconds = json_number_value(j);

    return json_is_number(j) && seconds >= 0 && seconds < 1e11 ? (int64_t)seconds : -1;
}

static bool begin_page(struct sim_connection *c, const json_t *root, struct page *p)
{
    const json_t *start = json_object_get(root, "StartTime"),
                 *end = json_object_get(root, "EndTime");
    const json_t *queries = json_object_get(root, "MetricDataQueries");
    int64_t points = json_integer_value(json_object_get(root, "MaxDatapoints"));
    const char *scan = json_string_value(json_object_get(root, "ScanBy"));

    p->sim = sim_http_owner(c);
    p->skip = sim_json_page(json_object_get(root, "NextToken"));
    p->start = seconds_of(start);
    p->end = seconds_of(end);
    p->rising = scan != NULL && strcmp(scan, "TimestampAscending") == 0;
    p->most = (size_t)p->sim->knobs.page_size;
    p->datapoints_most = points > 0 && points < DATAPOINTS_MAX ? (size_t)points : DATAPOINTS_MAX;
    if (p->skip < 0) {
        sim_json_refuse(c, "InvalidNextTokenException", "InvalidNextToken", "Strange NextToken.");
    } else if (p->start < 0 || p->start >= p->end) {
        sim_json_refuse(c, VALUE, "StartTime must be before EndTime, both in seconds.");
    } else if (json_array_size(queries) == 0 || json_array_size(queries) > QUERIES_MAX) {
        sim_json_refuse(c, VALUE, "MetricDataQueries: 1 to 500 of them in an array.");
    } else {
        return true;
    }
    return false;
}

void sim_cloudwatch_get(struct sim_connection *c, const json_t *root)
{
    struct page p = {0};
    size_t i;
    json_t *one;

    if (!begin_page(c, root, &p)) {
        return;
    }
    p.results = json_array();
    json_array_foreach(json_object_get(root, "MetricDataQueries"), i, one)
    {
        if (!add_query(c, &p, one)) {
            json_decref(p.results);
            return;
        }
    }
    json_t *answer = json_pack("{s:o,s:[]}", "MetricDataResults", p.results, "Messages");
    if (p.full) {
        (void)json_object_set_new(answer, "NextToken",
                                  sim_json_token(p.skip + (int64_t)json_array_size(p.results)));
    }
    sim_json_answer(c, answer);
}
