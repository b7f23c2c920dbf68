/* test_setup.c: budgets, anomalies, alarms, profiles, cost tags: what is asked, over how many
 * pages, and answers good and bad. */
#include "core/aws/alarms.h"
#include "core/aws/anomalies.h"
#include "core/aws/bedrock_profiles.h"
#include "core/aws/budgets.h"
#include "core/aws/cost_tags.h"
#include "tests/unit/aws/fake_aws.h"

#define PAGES 4

struct page {
    int status; /* 0: 200 */
    const char *headers, *body;
};

struct rig {
    struct fake_aws server;
    struct page pages[PAGES];
    struct buf seen; /* "METHOD target x-amz-target body\n" a request */
    struct aws_session session;
    struct credentials *credentials;
    struct err_info ei;
    struct buf rows;
};

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct rig *g = arg;
    const struct page *p = &g->pages[q->number < PAGES ? q->number : PAGES - 1];
    struct str target = http_value(&q->head, "x-amz-target");
    buf_printf(&g->seen, "%.*s %.*s %.*s ", (int)q->head.method.n, q->head.method.p,
               (int)q->head.target.n, q->head.target.p, (int)target.n, target.n ? target.p : "");
    buf_add_str(&g->seen, q->body);
    buf_add(&g->seen, "\n");
    r->status = p->status != 0 ? p->status : 200;
    r->headers = p->headers != NULL ? p->headers : "";
    buf_add(&r->body, p->body != NULL ? p->body : "");
}

static void set_up(struct rig *g, struct page first, struct page second)
{
    *g = (struct rig){.pages = {first, second}};
    fake_aws_start(&g->server, answer, g);
    g->credentials = credentials_new(STR("AKID"), STR("secret"), STR(""), 0, "test");
    g->session = (struct aws_session){.http = aws_http_new(NULL, NULL),
                                      .place = {g->server.url, "us-east-1"},
                                      .credentials = g->credentials};
    assert_non_null(g->session.http);
    assert_non_null(g->credentials);
}

static void tear_down(struct rig *g)
{
    aws_http_free(g->session.http);
    credentials_unref(g->credentials);
    fake_aws_stop(&g->server);
    buf_free(&g->seen);
    buf_free(&g->rows);
}

static void assert_seen(struct rig *g, const char *expected)
{
    (void)fake_aws_count(&g->server);
    assert_string_equal(buf_cstr(&g->seen), expected);
}

static bool note_budget(void *arg, const struct budget *b)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s %lld %lld %lld %s=%s;", b->name, b->time_unit,
                      (long long)b->limit, (long long)b->actual, (long long)b->forecast, b->tag_key,
                      b->tag_value);
}

static void budgets_come_over_pages(void **state)
{
    (void)state;
    struct rig g;
    set_up(
        &g,
        (struct page){.body = "{\"Budgets\":[{\"BudgetName\":\"sales\",\"TimeUnit\":\"MONTHLY\","
                              "\"BudgetLimit\":{\"Amount\":\"4000.0\",\"Unit\":\"USD\"},"
                              "\"CalculatedSpend\":{\"ActualSpend\":{\"Amount\":\"12.5\"}},"
                              "\"FilterExpression\":{\"And\":[{\"Dimensions\":{}},{\"Tags\":{"
                              "\"Key\":\"costCenter\",\"Values\":[\"sales\"]}}]},\"New\":[1]}],"
                              "\"NextToken\":\"t/1\"}"},
        (struct page){.body = "{\"Budgets\":[{\"BudgetName\":\"all\",\"TimeUnit\":\"DAILY\"}]}"});
    int64_t pages;
    assert_int_equal(budgets_list(&g.session, "123456789012", note_budget, &g, &pages, &g.ei),
                     ERR_OK);
    assert_int_equal(pages, 2);
    assert_string_equal(buf_cstr(&g.rows),
                        "sales MONTHLY 4000000000000 12500000000 -1 costCenter=sales;"
                        "all DAILY -1 -1 -1 =;");
    assert_seen(&g,
                "POST / AWSBudgetServiceGateway.DescribeBudgets {\"AccountId\":\"123456789012\","
                "\"MaxResults\":100,\"ShowFilterExpression\":true}\n"
                "POST / AWSBudgetServiceGateway.DescribeBudgets {\"AccountId\":\"123456789012\","
                "\"MaxResults\":100,\"ShowFilterExpression\":true,\"NextToken\":\"t/1\"}\n");
    tear_down(&g);
}

static void a_budget_that_exists_is_told_apart(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){.status = 400,
                         .body = "{\"__type\":\"DuplicateRecordException\",\"Message\":\"twice\"}"},
           (struct page){0});
    static const int percent[] = {80, 100};
    struct budget_new b = {.name = "sales",
                           .limit = 4000 * MONEY_DOLLAR,
                           .time_unit = "MONTHLY",
                           .tag_key = "costCenter",
                           .tag_value = "sales",
                           .percent = percent,
                           .percent_count = 2,
                           .email = "a@example.com"};
    assert_int_equal(budgets_create(&g.session, budgets_create_body("1", &b), &g.ei), ERR_EXISTS);
    assert_string_equal(g.ei.text,
                        "budgets:ModifyBudget failed (DuplicateRecordException 400): twice");
    assert_seen(
        &g,
        "POST / AWSBudgetServiceGateway.CreateBudget {\"AccountId\":\"1\",\"Budget\":{"
        "\"BudgetName\":\"sales\",\"BudgetType\":\"COST\",\"TimeUnit\":\"MONTHLY\",\"BudgetLimit\":"
        "{\"Amount\":\"4000\",\"Unit\":\"USD\"},\"Metrics\":[\"UnblendedCost\"],"
        "\"FilterExpression\":{\"Tags\":{\"Key\":\"costCenter\",\"Values\":[\"sales\"],"
        "\"MatchOptions\":[\"EQUALS\"]}}},\"NotificationsWithSubscribers\":["
        "{\"Notification\":{\"NotificationType\":\"ACTUAL\",\"ComparisonOperator\":"
        "\"GREATER_THAN\",\"Threshold\":80,\"ThresholdType\":\"PERCENTAGE\"},\"Subscribers\":[{"
        "\"SubscriptionType\":\"EMAIL\",\"Address\":\"a@example.com\"}]},"
        "{\"Notification\":{\"NotificationType\":\"ACTUAL\",\"ComparisonOperator\":"
        "\"GREATER_THAN\",\"Threshold\":100,\"ThresholdType\":\"PERCENTAGE\"},\"Subscribers\":[{"
        "\"SubscriptionType\":\"EMAIL\",\"Address\":\"a@example.com\"}]}]}\n");
    tear_down(&g);
}

static bool note_profile(void *arg, const struct bedrock_profile *p)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s;", p->name, p->model_arn);
}

#define PROFILE(name)                                                                              \
    "{\"inferenceProfileName\":\"" name "\",\"inferenceProfileArn\":\"arn:" name                   \
    "\",\"models\":[{\"modelArn\":\"m\"}]}"

static void profiles_are_listed_with_the_token_in_the_query(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){
               .body = "{\"inferenceProfileSummaries\":[" PROFILE("a") "],\"nextToken\":\"x+/=\"}"},
           (struct page){.body = "{\"inferenceProfileSummaries\":[" PROFILE("b") "]}"});
    assert_int_equal(
        bedrock_profiles_list(&g.session, "APPLICATION", note_profile, &g, NULL, &g.ei), ERR_OK);
    assert_string_equal(buf_cstr(&g.rows), "a m;b m;");
    assert_seen(&g, "GET /inference-profiles?maxResults=1000&type=APPLICATION  \n"
                    "GET /inference-profiles?maxResults=1000&type=APPLICATION&nextToken=x%2B%2F%3D "
                    " \n");
    tear_down(&g);
}

static void an_arn_is_one_segment_and_the_error_type_a_header(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){.status = 404,
                         .headers = "x-amzn-ErrorType: ResourceNotFoundException:http://x/\r\n",
                         .body = "{\"message\":\"gone\"}"},
           (struct page){.status = 403,
                         .headers = "x-amzn-ErrorType: AccessDeniedException\r\n",
                         .body = "{\"message\":\"no\"}"});
    assert_int_equal(bedrock_profiles_delete(&g.session, "arn:aws:bedrock:x/y", &g.ei),
                     ERR_NOT_FOUND);
    json_t *tags;
    err_clear(&g.ei);
    assert_int_equal(bedrock_profiles_tags(&g.session, "arn:x", &tags, &g.ei), ERR_FORBIDDEN);
    assert_non_null(strstr(g.ei.text, "allow bedrock:ListTagsForResource"));
    assert_seen(&g, "DELETE /inference-profiles/arn%3Aaws%3Abedrock%3Ax%2Fy  \n"
                    "POST /listTagsForResource  {\"resourceARN\":\"arn:x\"}\n");
    tear_down(&g);
}

static bool note_anomaly(void *arg, const struct anomaly *a)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %lld %zu %s %lld;", a->id, (long long)a->impact, a->cause_count,
                      a->cause_count > 0 ? a->causes[0].service : "-",
                      a->cause_count > 0 ? (long long)a->causes[0].impact : -2);
}

static void anomalies_have_their_causes(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){
               .body = "{\"Anomalies\":[{\"AnomalyId\":\"a1\",\"Impact\":{\"MaxImpact\":3,"
                       "\"TotalImpact\":12.25},\"RootCauses\":[{\"Service\":\"Claude\",\"Impact\":"
                       "{\"Contribution\":12.25}},{\"Region\":\"r\"}]},{\"AnomalyId\":\"a2\"}]}"},
           (struct page){.body = "{\"Anomalies\":[{\"AnomalyScore\":{}}]}"});
    assert_int_equal(
        anomalies_list(&g.session, "2026-11-01", "2026-11-21", note_anomaly, &g, NULL, &g.ei),
        ERR_OK);
    assert_string_equal(buf_cstr(&g.rows), "a1 12250000000 2 Claude 12250000000;a2 -1 0 - -2;");
    assert_int_equal(
        anomalies_list(&g.session, "2026-11-01", "2026-11-21", note_anomaly, &g, NULL, &g.ei),
        ERR_PARSE);
    tear_down(&g);
}

static bool note_alarm(void *arg, const struct alarm *a)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s %g %lld;", a->name, a->state, a->threshold,
                      (long long)a->changed_ms);
}

static void alarms_are_listed_by_prefix(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){.body = "{\"MetricAlarms\":[{\"AlarmName\":\"a\",\"StateValue\":\"ALARM\","
                                 "\"Threshold\":1.5,\"StateUpdatedTimestamp\":1767225600.25}]}"},
           (struct page){.body = "[]"});
    assert_int_equal(alarms_list(&g.session, "tollgate", NULL, note_alarm, &g, NULL, &g.ei),
                     ERR_OK);
    assert_string_equal(buf_cstr(&g.rows), "a ALARM 1.5 1767225600250;");
    assert_int_equal(alarms_list(&g.session, NULL, "ALARM", note_alarm, &g, NULL, &g.ei),
                     ERR_PARSE);
    assert_seen(&g, "POST / GraniteServiceVersion20100801.DescribeAlarms {\"MaxRecords\":100,"
                    "\"AlarmNamePrefix\":\"tollgate\"}\n"
                    "POST / GraniteServiceVersion20100801.DescribeAlarms {\"MaxRecords\":100,"
                    "\"StateValue\":\"ALARM\"}\n");
    tear_down(&g);
}

static void what_cannot_be_activated_is_said(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g,
           (struct page){.body =
                             "{\"Errors\":[{\"TagKey\":\"b\",\"Code\":\"TagKeysNotFoundException"
                             "\",\"Message\":\"m\"}]}"},
           (struct page){.body = "{}"});
    static const char *const keys[] = {"a", "b"};
    json_t *errors, *request;
    assert_int_equal(cost_tags_activate(&g.session, keys, 2, true, &errors, &g.ei), ERR_OK);
    assert_int_equal(json_array_size(errors), 1);
    json_decref(errors);
    assert_int_equal(cost_tags_backfill(&g.session, "2026-01-01T00:00:00Z", &request, &g.ei),
                     ERR_PARSE);
    assert_null(request);
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_come_over_pages),
        cmocka_unit_test(a_budget_that_exists_is_told_apart),
        cmocka_unit_test(profiles_are_listed_with_the_token_in_the_query),
        cmocka_unit_test(an_arn_is_one_segment_and_the_error_type_a_header),
        cmocka_unit_test(anomalies_have_their_causes),
        cmocka_unit_test(alarms_are_listed_by_prefix),
        cmocka_unit_test(what_cannot_be_activated_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
