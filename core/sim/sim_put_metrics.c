/* sim_put_metrics.c: PutMetricData: everything is checked before anything is stored. */
#include "core/sim/sim_cloudwatch.h"
#include "core/sim/sim_state.h"

#include <math.h>

#define DATA_MAX     1000
#define VALUES_MAX   150
#define BODY_MAX     1048576
#define FORTNIGHT_MS (14LL * 24 * 3600 * 1000)
#define TWO_HOURS_MS (2LL * 3600 * 1000)
#define VALUE        "InvalidParameterValueException", "InvalidParameterValue"
#define COMBINATION  "InvalidParameterCombinationException", "InvalidParameterCombination"
#define MISSING      "MissingRequiredParameterException", "MissingParameter"

struct datum {
    struct str name;
    struct sim_dimension dimensions[SIM_DIMENSIONS_MAX];
    size_t dimension_count;
    int64_t wall_ms;
    struct sim_minute values;
};

static struct str text_of(const json_t *j)
{
    return (struct str){json_string_value(j), json_string_length(j)};
}

static bool is_text(struct str t, size_t most)
{
    bool dark = false;

    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < 0x20 || t.p[i] > 0x7e) {
            return false;
        }
        dark = dark || t.p[i] != ' ';
    }
    return dark && t.n <= most;
}

static bool read_dimensions(struct sim_connection *c, const json_t *list, struct datum *d)
{
    size_t i;
    json_t *one;

    if (list != NULL && (!json_is_array(list) || json_array_size(list) > SIM_DIMENSIONS_MAX)) {
        sim_json_refuse(c, VALUE, "Dimensions: at most 30 of them in an array.");
        return false;
    }
    json_array_foreach(list, i, one)
    {
        struct sim_dimension *kept = &d->dimensions[d->dimension_count];
        *kept = (struct sim_dimension){text_of(json_object_get(one, "Name")),
                                       text_of(json_object_get(one, "Value"))};
        if (!is_text(kept->name, 255) || !is_text(kept->value, 1024) || kept->name.p[0] == ':') {
            sim_json_refuse(c, VALUE,
                            "Dimensions: a name (255) and a value (1024) of ASCII are needed.");
            return false;
        }
        for (size_t j = 0; j < d->dimension_count; j++) {
            if (str_eq(d->dimensions[j].name, kept->name)) {
                sim_json_refuse(c, VALUE, "Dimensions: each name may be there once.");
                return false;
            }
        }
        d->dimension_count++;
    }
    return true;
}

static bool is_value(double v)
{
    return isfinite(v) && fabs(v) <= 0x1p360;
}

static void add_value(struct sim_minute *m, double value, double count)
{
    m->least = m->count == 0 || value < m->least ? value : m->least;
    m->most = m->count == 0 || value > m->most ? value : m->most;
    m->sum += value * count;
    m->count += count;
}

static bool read_many(const json_t *values, const json_t *counts, struct sim_minute *out)
{
    size_t i, n = json_array_size(values);
    json_t *one;

    if (n == 0 || n > VALUES_MAX || (counts != NULL && json_array_size(counts) != n)) {
        return false;
    }
    json_array_foreach(values, i, one)
    {
        const json_t *count = json_array_get(counts, i);
        double times = counts != NULL ? json_number_value(count) : 1;
        if (!json_is_number(one) || !is_value(json_number_value(one)) || !(times >= 0) ||
            !is_value(times) || (counts != NULL && !json_is_number(count))) {
            return false;
        }
        add_value(out, json_number_value(one), times);
    }
    return true;
}

static bool read_set(const json_t *set, struct sim_minute *out)
{
    static const char *const names[] = {"SampleCount", "Sum", "Minimum", "Maximum"};
    double *const fields[] = {&out->count, &out->sum, &out->least, &out->most};

    for (size_t i = 0; i < 4; i++) {
        const json_t *one = json_object_get(set, names[i]);
        if (!json_is_number(one) || !is_value(json_number_value(one))) {
            return false;
        }
        *fields[i] = json_number_value(one);
    }
    return out->count > 0 && out->least <= out->most;
}

static bool read_values(struct sim_connection *c, const json_t *j, struct datum *d)
{
    const json_t *value = json_object_get(j, "Value"), *values = json_object_get(j, "Values"),
                 *set = json_object_get(j, "StatisticValues");
    bool good;

    if ((value != NULL) + (values != NULL) + (set != NULL) != 1) {
        sim_json_refuse(c, COMBINATION, "One of Value, Values and StatisticValues is needed.");
        return false;
    }
    if (value != NULL) {
        good = json_is_number(value) && is_value(json_number_value(value));
        add_value(&d->values, json_number_value(value), 1);
    } else if (values != NULL) {
        good = read_many(values, json_object_get(j, "Counts"), &d->values);
    } else {
        good = read_set(set, &d->values);
    }
    if (!good) {
        sim_json_refuse(c, VALUE, "The values of a metric are not numbers CloudWatch would take.");
    }
    return good;
}

static bool read_datum(struct sim_connection *c, const json_t *j, struct datum *d)
{
    int64_t now = loop_wall_ms(sim_http_owner(c)->loop);
    const json_t *time = json_object_get(j, "Timestamp");
    const json_t *resolution = json_object_get(j, "StorageResolution");

    *d = (struct datum){.name = text_of(json_object_get(j, "MetricName")), .wall_ms = now};
    if (!is_text(d->name, 255)) {
        sim_json_refuse(c, MISSING, "MetricName: 1 to 255 ASCII characters are needed.");
        return false;
    }
    if (time != NULL) {
        double seconds = json_number_value(time);
        if (!json_is_number(time) || seconds * 1000 < (double)(now - FORTNIGHT_MS) ||
            seconds * 1000 > (double)(now + TWO_HOURS_MS)) {
            sim_json_refuse(c, VALUE,
                            "Timestamp: from two weeks ago to two hours ahead, in seconds.");
            return false;
        }
        d->wall_ms = (int64_t)(seconds * 1000);
    }
    if (resolution != NULL && json_integer_value(resolution) != 1 &&
        json_integer_value(resolution) != 60) {
        sim_json_refuse(c, VALUE, "StorageResolution: 1 or 60.");
        return false;
    }
    return read_dimensions(c, json_object_get(j, "Dimensions"), d) && read_values(c, j, d);
}

static bool check_envelope(struct sim_connection *c, const json_t *root, size_t body_n)
{
    struct str space = text_of(json_object_get(root, "Namespace"));
    size_t count = json_array_size(json_object_get(root, "MetricData"));

    if (body_n > BODY_MAX) {
        sim_json_refuse(c, VALUE, "The request is larger than 1 MB.");
    } else if (!is_text(space, 255) || space.p[0] == ':') {
        sim_json_refuse(c, MISSING, "Namespace: 1 to 255 ASCII characters are needed.");
    } else if (str_starts(space, "AWS/")) {
        sim_json_refuse(c, VALUE, "Namespace: AWS/ is reserved.");
    } else if (count == 0 || count > DATA_MAX) {
        sim_json_refuse(c, VALUE, "MetricData: 1 to 1000 metrics in an array.");
    } else {
        return true;
    }
    return false;
}

void sim_cloudwatch_put(struct sim_connection *c, const json_t *root, size_t body_n)
{
    struct sim *s = sim_http_owner(c);
    struct str space = text_of(json_object_get(root, "Namespace"));
    const json_t *data = json_object_get(root, "MetricData");
    struct datum d;
    size_t i;
    json_t *one;

    if (!check_envelope(c, root, body_n)) {
        return;
    }
    json_array_foreach(data, i, one)
    {
        if (!read_datum(c, one, &d)) {
            return;
        }
    }
    json_array_foreach(data, i, one)
    {
        (void)read_datum(c, one, &d);
        struct sim_series *series =
            sim_metrics_series(&s->metrics, space, d.name, d.dimensions, d.dimension_count);
        if (series == NULL) {
            sim_json_refuse(c, "LimitExceededException", "LimitExceeded",
                            "The simulation keeps at most %d series.", SIM_SERIES_MAX);
            return;
        }
        if (d.values.count > 0) {
            (void)sim_metrics_add(series, d.wall_ms, &d.values);
        }
    }
    sim_json_answer(c, json_object());
}
