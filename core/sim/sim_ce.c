/* sim_ce.c: Cost Explorer: GetCostAndUsage, GetDimensionValues and GetTags over the invented bill.
 */
#include "core/sim/sim_bill.h"
#include "core/sim/sim_json.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <stdio.h>
#include <string.h>

#define TARGET_PREFIX "AWSInsightsIndexService"
#define DAYS_MAX      500
#define FILTER_DEPTH  8
#define KEYS_MAX      2
#define CELLS         ((size_t)SIM_BILL_CENTERS * SIM_BILL_SERVICES)
#define INVALID       "ValidationException", NULL

struct question {
    int64_t start, end, today; /* days */
    bool daily;
    const json_t *metrics, *filter;
    struct {
        bool tag, known; /* known: costCenter or SERVICE */
        const char *key;
    } groups[KEYS_MAX];
    size_t group_count;
};

/* --- filters --- */

static bool holds(const json_t *values, const char *text)
{
    size_t i;
    json_t *one;

    json_array_foreach(values, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), text) == 0) {
            return true;
        }
    }
    return false;
}

static bool tag_matches(const json_t *tags, size_t center)
{
    const char *key = json_string_value(json_object_get(tags, "Key"));
    bool known = key != NULL && strcmp(key, "costCenter") == 0;
    const char *value = known ? sim_bill_centers[center] : "";

    if (holds(json_object_get(tags, "MatchOptions"), "ABSENT")) {
        return value[0] == '\0';
    }
    return holds(json_object_get(tags, "Values"), value);
}

static bool dimension_matches(const json_t *dimension, size_t service)
{
    const char *key = json_string_value(json_object_get(dimension, "Key"));

    return key == NULL || strcmp(key, "SERVICE") != 0 ||
           holds(json_object_get(dimension, "Values"), sim_bill_services[service]);
}

/* Bounded by FILTER_DEPTH; what lies deeper matches. */
static bool matches(const json_t *filter, size_t cell, int depth) /* NOLINT(misc-no-recursion) */
{
    const json_t *all = json_object_get(filter, "And"), *any = json_object_get(filter, "Or"),
                 *not = json_object_get(filter, "Not"), *tags = json_object_get(filter, "Tags"),
                 *dimension = json_object_get(filter, "Dimensions");
    size_t i;
    json_t *one;
    bool found = any == NULL;

    if (filter == NULL || depth == FILTER_DEPTH) {
        return true;
    }
    json_array_foreach(all, i, one)
    {
        if (!matches(one, cell, depth + 1)) {
            return false;
        }
    }
    json_array_foreach(any, i, one)
    {
        found = found || matches(one, cell, depth + 1);
    }
    return found && (not == NULL || !matches(not, cell, depth + 1)) &&
           (tags == NULL || tag_matches(tags, cell / SIM_BILL_SERVICES)) &&
           (dimension == NULL || dimension_matches(dimension, cell % SIM_BILL_SERVICES));
}

/* --- sums --- */

static void group_key(char out[160], const struct question *q, size_t group, size_t cell)
{
    if (!q->groups[group].tag) {
        (void)snprintf(out, 160, "%s",
                       q->groups[group].known ? sim_bill_services[cell % SIM_BILL_SERVICES] : "");
        return;
    }
    (void)snprintf(out, 160, "%.128s$%s", q->groups[group].key,
                   q->groups[group].known ? sim_bill_centers[cell / SIM_BILL_SERVICES] : "");
}

static json_t *metrics_json(const struct question *q, money_t cost)
{
    json_t *out = json_object();
    size_t i;
    json_t *one;

    json_array_foreach(q->metrics, i, one)
    {
        const char *name = json_string_value(one);
        bool quantity = strcmp(name, "UsageQuantity") == 0;
        char amount[MONEY_TEXT];
        money_format(amount, quantity ? cost * 1000 : cost);
        (void)json_object_set_new(
            out, name, json_pack("{s:s,s:s}", "Amount", amount, "Unit", quantity ? "N/A" : "USD"));
    }
    return out;
}

struct sum {
    char keys[KEYS_MAX][160];
    money_t cost;
};

/* Costs from a day to another, by the keys of the groups. Returns how many sums there are. */
static size_t add_up(const struct question *q, int64_t from, int64_t to, struct sum sums[CELLS])
{
    size_t count = 0;

    for (size_t cell = 0; cell < CELLS; cell++) {
        struct sum one = {0};
        if (!matches(q->filter, cell, 0)) {
            continue;
        }
        for (size_t g = 0; g < q->group_count; g++) {
            group_key(one.keys[g], q, g, cell);
        }
        for (int64_t day = from; day < to; day++) {
            one.cost +=
                sim_bill_day(day, cell / SIM_BILL_SERVICES, cell % SIM_BILL_SERVICES, q->today);
        }
        size_t at = 0;
        while (at < count && memcmp(sums[at].keys, one.keys, sizeof one.keys) != 0) {
            at++;
        }
        if (at == count) {
            sums[count++] = one;
        } else {
            sums[at].cost += one.cost;
        }
    }
    return count;
}

static json_t *period_json(const struct question *q, int64_t from, int64_t to)
{
    struct sum sums[CELLS];
    size_t count = add_up(q, from, to, sums);
    char start[SIM_BILL_DAY_TEXT], end[SIM_BILL_DAY_TEXT], last[SIM_BILL_DAY_TEXT],
        now[SIM_BILL_DAY_TEXT];
    json_t *groups = json_array();

    sim_bill_day_text(start, from);
    sim_bill_day_text(end, to);
    sim_bill_day_text(last, to - 1);
    sim_bill_day_text(now, q->today);
    for (size_t i = 0; q->group_count > 0 && i < count; i++) {
        json_t *keys = json_array();
        for (size_t g = 0; g < q->group_count; g++) {
            (void)json_array_append_new(keys, json_string(sums[i].keys[g]));
        }
        if (sums[i].cost > 0) {
            (void)json_array_append_new(groups, json_pack("{s:o,s:o}", "Keys", keys, "Metrics",
                                                          metrics_json(q, sums[i].cost)));
        } else {
            json_decref(keys);
        }
    }
    json_t *total =
        q->group_count > 0 ? json_object() : metrics_json(q, count > 0 ? sums[0].cost : 0);
    return json_pack("{s:{s:s,s:s},s:o,s:o,s:b}", "TimePeriod", "Start", start, "End", end, "Total",
                     total, "Groups", groups, "Estimated", strncmp(last, now, 7) >= 0);
}

/* --- GetCostAndUsage --- */

static bool read_groups(struct question *q, const json_t *list)
{
    size_t i;
    json_t *one;

    if (json_array_size(list) > KEYS_MAX) {
        return false;
    }
    json_array_foreach(list, i, one)
    {
        const char *type = json_string_value(json_object_get(one, "Type"));
        const char *key = json_string_value(json_object_get(one, "Key"));
        if (type == NULL || key == NULL ||
            (strcmp(type, "TAG") != 0 && strcmp(type, "DIMENSION") != 0)) {
            return false;
        }
        bool tag = strcmp(type, "TAG") == 0;
        q->groups[i].tag = tag;
        q->groups[i].key = key;
        q->groups[i].known = strcmp(key, tag ? "costCenter" : "SERVICE") == 0;
        q->group_count++;
    }
    return true;
}

static bool read_metrics(struct question *q, const json_t *list)
{
    static const char known[] = " UnblendedCost BlendedCost AmortizedCost NetUnblendedCost "
                                "NetAmortizedCost UsageQuantity NormalizedUsageAmount ";
    size_t i;
    json_t *one;

    q->metrics = list;
    json_array_foreach(list, i, one)
    {
        char spaced[64];
        (void)snprintf(spaced, sizeof spaced, " %s ",
                       json_is_string(one) ? json_string_value(one) : "?");
        if (strstr(known, spaced) == NULL) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

static bool read_period(struct sim_connection *c, struct question *q, const json_t *root)
{
    const json_t *period = json_object_get(root, "TimePeriod");
    struct str start = str_of(json_string_value(json_object_get(period, "Start")));
    struct str end = str_of(json_string_value(json_object_get(period, "End")));

    q->today = loop_wall_ms(sim_http_owner(c)->loop) / 86400000;
    if (!sim_bill_parse_day(start, &q->start) || !sim_bill_parse_day(end, &q->end) ||
        q->start >= q->end || q->end - q->start > DAYS_MAX) {
        sim_json_refuse(c, INVALID,
                        "TimePeriod: Start and a later End as YYYY-MM-DD, at most %d days.",
                        DAYS_MAX);
        return false;
    }
    return true;
}

static bool read_question(struct sim_connection *c, struct question *q, const json_t *root)
{
    const char *granularity = json_string_value(json_object_get(root, "Granularity"));

    *q = (struct question){.filter = json_object_get(root, "Filter")};
    if (!read_period(c, q, root)) {
        return false;
    }
    q->daily = granularity != NULL && strcmp(granularity, "DAILY") == 0;
    if (!q->daily && (granularity == NULL || strcmp(granularity, "MONTHLY") != 0)) {
        sim_json_refuse(c, INVALID, "Granularity: DAILY or MONTHLY is simulated.");
        return false;
    }
    if (!read_metrics(q, json_object_get(root, "Metrics"))) {
        sim_json_refuse(c, INVALID, "Metrics: an array of names like UnblendedCost is needed.");
        return false;
    }
    if (!read_groups(q, json_object_get(root, "GroupBy"))) {
        sim_json_refuse(c, INVALID, "GroupBy: at most two of Type DIMENSION or TAG, with a Key.");
        return false;
    }
    return true;
}

static void get_cost(struct sim_connection *c, const json_t *root)
{
    int64_t skip = sim_json_page(json_object_get(root, "NextPageToken"));
    int64_t page = sim_http_owner(c)->knobs.page_size;
    json_t *results;
    struct question q;

    if (skip < 0) {
        sim_json_refuse(c, "InvalidNextTokenException", NULL, "Strange NextPageToken.");
        return;
    }
    if (!read_question(c, &q, root)) {
        return;
    }
    results = json_array();
    int64_t from = q.start;
    for (int64_t place = 0; from < q.end && place < skip + page; place++) {
        int64_t to = q.daily ? from + 1 : sim_bill_next_month(from);
        to = to < q.end ? to : q.end;
        if (place >= skip) {
            (void)json_array_append_new(results, period_json(&q, from, to));
        }
        from = to;
    }
    json_t *answer = json_pack("{s:o,s:[]}", "ResultsByTime", results, "DimensionValueAttributes");
    if (json_object_get(root, "GroupBy") != NULL) {
        (void)json_object_set(answer, "GroupDefinitions", json_object_get(root, "GroupBy"));
    }
    if (from < q.end) {
        (void)json_object_set_new(answer, "NextPageToken", sim_json_token(skip + page));
    }
    sim_json_answer(c, answer);
}

/* --- what there is --- */

static void get_values(struct sim_connection *c, const json_t *root)
{
    const char *dimension = json_string_value(json_object_get(root, "Dimension"));
    const char *search = json_string_value(json_object_get(root, "SearchString"));
    json_t *values = json_array();

    for (size_t i = 0;
         dimension != NULL && strcmp(dimension, "SERVICE") == 0 && i < SIM_BILL_SERVICES; i++) {
        if (search == NULL || strcasestr(sim_bill_services[i], search) != NULL) {
            (void)json_array_append_new(
                values, json_pack("{s:s,s:{}}", "Value", sim_bill_services[i], "Attributes"));
        }
    }
    json_int_t n = (json_int_t)json_array_size(values);
    sim_json_answer(
        c, json_pack("{s:o,s:I,s:I}", "DimensionValues", values, "ReturnSize", n, "TotalSize", n));
}

static void get_tags(struct sim_connection *c, const json_t *root)
{
    const char *key = json_string_value(json_object_get(root, "TagKey"));
    json_t *tags = json_array();

    for (size_t i = 0; key != NULL && strcmp(key, "costCenter") == 0 && i < SIM_BILL_CENTERS; i++) {
        (void)json_array_append_new(tags, json_string(sim_bill_centers[i]));
    }
    if (key == NULL) {
        (void)json_array_append_new(tags, json_string("costCenter"));
    }
    json_int_t n = (json_int_t)json_array_size(tags);
    sim_json_answer(c, json_pack("{s:o,s:I,s:I}", "Tags", tags, "ReturnSize", n, "TotalSize", n));
}

/* The mean of the last week's days, for each day to come. The history must have a day. */
static void get_forecast(struct sim_connection *c, const json_t *root)
{
    const char *start =
        json_string_value(json_object_get(json_object_get(root, "TimePeriod"), "Start"));
    const char *end =
        json_string_value(json_object_get(json_object_get(root, "TimePeriod"), "End"));
    const char *metric = json_string_value(json_object_get(root, "Metric"));
    struct question q = {.today = loop_wall_ms(sim_http_owner(c)->loop) / 86400000,
                         .filter = json_object_get(root, "Filter")};
    struct sum sums[CELLS];
    char amount[MONEY_TEXT];

    if (!sim_bill_parse_day(str_of(start), &q.start) || !sim_bill_parse_day(str_of(end), &q.end) ||
        q.start < q.today || q.end <= q.start || metric == NULL ||
        strcmp(metric, "UNBLENDED_COST") != 0) {
        sim_json_refuse(c, INVALID,
                        "TimePeriod from today on, Metric UNBLENDED_COST and a Granularity.");
        return;
    }
    money_t week = add_up(&q, q.today - 7, q.today, sums) > 0 ? sums[0].cost : 0;
    money_format(amount, week / 7 * (q.end - q.start));
    sim_json_answer(c, json_pack("{s:{s:s,s:s},s:[{s:{s:s,s:s},s:s}]}", "Total", "Amount", amount,
                                 "Unit", "USD", "ForecastResultsByTime", "TimePeriod", "Start",
                                 start, "End", end, "MeanValue", amount));
}

void sim_ce_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct str operation = sim_json_operation(r, TARGET_PREFIX);
    struct question q;
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    sim_http_owner(c)->ledger.ce_calls++;
    if (str_is(operation, "GetCostForecast")) {
        get_forecast(c, root);
    } else if (str_is(operation, "GetCostAndUsage")) {
        get_cost(c, root);
    } else if (str_is(operation, "GetDimensionValues")) {
        if (read_period(c, &q, root)) {
            get_values(c, root);
        }
    } else if (str_is(operation, "GetTags")) {
        if (read_period(c, &q, root)) {
            get_tags(c, root);
        }
    } else if (!sim_anomalies_handle(c, operation, root) &&
               !sim_cost_tags_handle(c, operation, root)) {
        sim_json_refuse(c, "UnknownOperationException", NULL,
                        "That operation of Cost Explorer is not simulated.");
    }
    json_decref(root);
}
