/* rig.h: the cloud thread between a real ledger and an AWS of the test. */
#ifndef TOLLGATE_TESTS_CLOUD_RIG_H
#define TOLLGATE_TESTS_CLOUD_RIG_H

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/cloud/cloud.h"
#include "tests/unit/aws/fake_aws.h"
#include "tests/unit/ledger/fixture.h"

#include <jansson.h>

#define GOOD_METRICS                                                                               \
    "{\"MetricDataResults\":[{\"Id\":\"q4\",\"Label\":\"haiku\",\"Timestamps\":[1795224000,"       \
    "1795220400],\"Values\":[1000,2500]},{\"Id\":\"q0\",\"Label\":\"haiku\",\"Timestamps\":["      \
    "1795224000],\"Values\":[7]}]}"
#define COST_DAY(day, amount)                                                                      \
    "{\"TimePeriod\":{\"Start\":\"" day "\",\"End\":\"x\"},\"Groups\":[{\"Keys\":["                \
    "\"costCenter$sales\",\"Amazon "                                                               \
    "Bedrock\"],\"Metrics\":{\"UnblendedCost\":{\"Amount\":\"" amount "\",\"Unit\":\"USD\"}}}]}"
#define GOOD_COSTS                                                                                 \
    "{\"ResultsByTime\":[" COST_DAY("2026-11-20", "1.25") "," COST_DAY("2026-11-21", "0.5") "]}"

#define FAKE_LOST 2 /* as status: AWS takes it, and the answer is lost */

/* The AWS of a test. Guarded by `lock`; counts are by kind of call. */
struct aws {
    pthread_mutex_t lock;
    int put_status, get_status, cost_status;
    const char *get_body, *cost_body, *list_body; /* the last: of the metrics in Test/Space */
    int puts, gets, costs, lists, whoamis;
    const char *account;                  /* what STS says; NULL: it fails */
    int64_t total_requests, input_tokens; /* taken */
    int64_t last_minute_ms;
    struct buf last_cost_query, last_get_query, last_services_query;
    /* Logs. */
    int log_status, log_create_status;
    bool log_group_missing, log_stream_missing;
    int log_puts, log_creates;
    int64_t log_events, distinct_log_events;
    struct map log_messages;
    int64_t lost_log_events, lost_requests; /* taken, and their answer lost */
};

static inline void count_data(struct aws *a, struct str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    json_t *data = json_object_get(root, "MetricData");
    for (size_t i = 0; i < json_array_size(data); i++) {
        json_t *d = json_array_get(data, i);
        const char *name = json_string_value(json_object_get(d, "MetricName"));
        int64_t value = json_integer_value(json_object_get(d, "Value"));
        a->total_requests += strcmp(name, "TotalRequests") == 0 ? value : 0;
        a->input_tokens += strcmp(name, "InputTokens") == 0 ? value : 0;
        a->last_minute_ms = json_integer_value(json_object_get(d, "Timestamp")) * 1000;
    }
    json_decref(root);
}

/* What a rig of PutLogEvents keeps: it fails the test where AWS would refuse the batch. */
static inline void keep_events(struct aws *a, struct str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    json_t *events = json_object_get(root, "logEvents");
    int64_t last = 0;
    assert_in_range(json_array_size(events), 1, 10000);
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *e = json_array_get(events, i);
        const char *message = json_string_value(json_object_get(e, "message"));
        int64_t at_ms = json_integer_value(json_object_get(e, "timestamp"));
        assert_true(at_ms >= last);
        last = at_ms;
        a->distinct_log_events += map_get(&a->log_messages, str_of(message)) == NULL;
        assert_true(map_set(&a->log_messages, str_of(message), a, NULL));
        a->log_events++;
    }
    json_decref(root);
}

static inline void answer_logs(struct aws *a, struct str target, const struct fake_request *q,
                               struct fake_reply *r)
{
    static const char absent[] = "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no\"}";
    if (!str_ends(target, ".PutLogEvents")) {
        bool group = str_ends(target, ".CreateLogGroup");
        a->log_creates++;
        r->status = a->log_create_status;
        if (r->status != 200 && group) {
            buf_add(&r->body, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
        } else if (!group && a->log_group_missing) {
            r->status = 400;
            buf_add(&r->body, absent);
        } else {
            r->status = 200;
            a->log_stream_missing = group;
            a->log_group_missing = false;
        }
        return;
    }
    a->log_puts++;
    if (a->log_group_missing || a->log_stream_missing) {
        r->status = 400;
        buf_add(&r->body, absent);
        return;
    }
    int64_t before = a->log_events;
    r->status = a->log_status == FAKE_LOST ? FAKE_CLOSE : a->log_status;
    if (a->log_status == 200 || a->log_status == FAKE_LOST) {
        keep_events(a, q->body);
    }
    a->lost_log_events += a->log_status == FAKE_LOST ? a->log_events - before : 0;
}

static inline void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct aws *a = arg;
    struct str target = http_value(&q->head, "x-amz-target");
    pthread_mutex_lock(&a->lock);
    if (str_starts(q->body, "Action=GetCallerIdentity")) {
        a->whoamis++;
        r->status = a->account != NULL ? 200 : 500;
        buf_printf(&r->body,
                   "<Account>%s</Account><Arn>arn:aws:iam::%s:user/x</Arn><UserId>x</UserId>",
                   a->account != NULL ? a->account : "", a->account != NULL ? a->account : "");
    } else if (str_ends(target, ".PutMetricData")) {
        int64_t before = a->total_requests;
        a->puts++;
        r->status = a->put_status == FAKE_LOST ? FAKE_CLOSE : a->put_status;
        if (a->put_status == 200 || a->put_status == FAKE_LOST) {
            count_data(a, q->body);
        }
        a->lost_requests += a->put_status == FAKE_LOST ? a->total_requests - before : 0;
    } else if (str_ends(target, ".ListMetrics") &&
               memmem(q->body.p, q->body.n, "Test/Space", 10) != NULL) {
        a->lists++;
        buf_add(&r->body, a->list_body);
    } else if (str_ends(target, ".ListMetrics") || str_ends(target, ".DescribeAlarms") ||
               str_ends(target, ".ListServiceQuotas")) {
        buf_add(&r->body, "{}");
    } else if (str_starts(target, "Logs_20140328.")) {
        answer_logs(a, target, q, r);
    } else if (str_ends(target, ".GetMetricData")) {
        a->gets++;
        r->status = a->get_status;
        buf_add(&r->body, a->get_body);
        buf_clear(&a->last_get_query);
        buf_add_str(&a->last_get_query, q->body);
    } else if (!str_ends(target, ".GetCostAndUsage") && a->cost_status == 200) {
        if (str_ends(target, ".GetDimensionValues")) {
            buf_clear(&a->last_services_query);
            buf_add_str(&a->last_services_query, q->body);
        }
        buf_add(&r->body, "{}");
    } else {
        a->costs++;
        r->status = a->cost_status;
        buf_add(&r->body, a->cost_body);
        buf_clear(&a->last_cost_query);
        buf_add_str(&a->last_cost_query, q->body);
    }
    pthread_mutex_unlock(&a->lock);
}

struct rig {
    struct fake_aws server;
    struct aws aws;
    char dir[DIR_TEXT];
    struct ledger *ledger;
    struct config config;
    struct config_pair tag;
    struct credentials_provider *credentials;
    struct cloud *cloud;
};

static inline int64_t value_of(struct rig *g, const int64_t *at)
{
    pthread_mutex_lock(&g->aws.lock);
    int64_t value = *at;
    pthread_mutex_unlock(&g->aws.lock);
    return value;
}

static inline int count_of(struct rig *g, const int *at)
{
    pthread_mutex_lock(&g->aws.lock);
    int value = *at;
    pthread_mutex_unlock(&g->aws.lock);
    return value;
}

static inline void set_int(struct rig *g, int *at, int value)
{
    pthread_mutex_lock(&g->aws.lock);
    *at = value;
    pthread_mutex_unlock(&g->aws.lock);
}

static inline void set_up(struct rig *g)
{
    *g = (struct rig){.aws = {.put_status = 200,
                              .get_status = 200,
                              .cost_status = 200,
                              .account = "000000000012",
                              .log_status = 200,
                              .log_create_status = 200,
                              .get_body = GOOD_METRICS,
                              .list_body = "{}",
                              .cost_body = GOOD_COSTS}};
    clock_set_fake_wall(NOW_MS + 5 * MINUTE_MS);
    pthread_mutex_init(&g->aws.lock, NULL);
    fake_aws_start(&g->server, answer, &g->aws);
    dir_make(g->dir);
    g->ledger = ledger_at(g->dir, 1, 0);
    assert_int_equal(ledger_start(g->ledger, NULL), ERR_OK);
    g->tag = (struct config_pair){"costCenter", "team"};
    g->config = (struct config){.region = "eu-west-1",
                                .publish_metrics = {.on = true,
                                                    .namespace = "Test/Space",
                                                    .every_ms = MINUTE_MS,
                                                    .max_series = 200,
                                                    .sets = {CONFIG_ALL_DIMENSIONS},
                                                    .set_count = 1},
                                .poll = {.cloudwatch_ms = 5 * MINUTE_MS,
                                         .cost_explorer_ms = 6 * HOUR_MS,
                                         .max_usd_per_month = 20 * MONEY_DOLLAR},
                                .cost_tags = {&g->tag, 1},
                                .references = 1};
    for (int i = 0; i < SERVICE_COUNT; i++) {
        g->config.endpoints[i] = g->server.url;
    }
    struct credentials *fixed = credentials_new(STR("AKID"), STR("secret"), STR(""), 0, "the test");
    g->credentials = credentials_provider_new(fixed, NULL);
    credentials_unref(fixed);
    assert_non_null(g->credentials);
}

static inline void start(struct rig *g)
{
    struct cloud_options o = {&g->config, g->ledger, g->credentials};
    g->cloud = cloud_start(&o, NULL);
    assert_non_null(g->cloud);
}

static inline void tear_down(struct rig *g)
{
    cloud_stop(g->cloud);
    assert_int_equal(g->config.references, 1);
    credentials_provider_free(g->credentials);
    ledger_close(g->ledger);
    fake_aws_stop(&g->server);
    dir_remove(g->dir);
    buf_free(&g->aws.last_cost_query);
    buf_free(&g->aws.last_get_query);
    buf_free(&g->aws.last_services_query);
    map_free(&g->aws.log_messages, NULL);
    pthread_mutex_destroy(&g->aws.lock);
    clock_set_fake_wall(0);
}

static inline struct cloud_source source_of(struct rig *g, const char *name)
{
    struct cloud_view v;
    struct cloud_source found = {0};
    assert_int_equal(cloud_view(g->cloud, &v), ERR_OK);
    for (size_t i = 0; i < v.source_count; i++) {
        if (strcmp(v.sources[i].name, name) == 0) {
            found = v.sources[i];
        }
    }
    cloud_view_free(&v);
    assert_non_null(found.name);
    return found;
}

/* Waits until the source is in that state. */
static inline struct cloud_source await(struct rig *g, const char *name, enum cloud_state state)
{
    int64_t until_us = clock_mono_us() + DEADLINE_US;
    for (;;) {
        struct cloud_source s = source_of(g, name);
        if (s.state == state) {
            return s;
        }
        if (clock_mono_us() > until_us) {
            fail_msg("%s is '%s' (%s)", name, cloud_state_name(s.state), s.error);
        }
        usleep(1000);
    }
}

/* Hurries, and waits until the source has run again: its time moves with the clock. */
static inline void hurry_and_await(struct rig *g, const char *name, enum cloud_state state,
                                   int64_t now_ms)
{
    clock_set_fake_wall(now_ms);
    cloud_hurry(g->cloud);
    int64_t until_us = clock_mono_us() + DEADLINE_US;
    for (;;) {
        struct cloud_source s = source_of(g, name);
        if (s.state == state && s.next_ms > now_ms && (state != CLOUD_OK || s.at_ms == now_ms)) {
            return;
        }
        if (clock_mono_us() > until_us) {
            fail_msg("%s is '%s' (%s)", name, cloud_state_name(s.state), s.error);
        }
        usleep(1000);
    }
}

#endif
