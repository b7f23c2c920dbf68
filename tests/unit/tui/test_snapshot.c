#include "tests/unit/test.h"
#include "tui/format.h"
#include "tui/snapshot.h"

#include <string.h>

static json_t *parse(const char *text)
{
    char copy[4096];
    size_t n = 0;
    for (; *text && n < sizeof copy - 1; text++) {
        copy[n++] = *text == '\'' ? '"' : *text;
    }
    copy[n] = '\0';
    json_error_t error;
    json_t *v = json_loads(copy, 0, &error);
    if (!v) {
        fail_msg("%s: %s", error.text, copy);
    }
    return v;
}

static void merge(struct snapshot *s, const char *text, int64_t now_ms)
{
    json_t *v = parse(text);
    snapshot_merge(s, v, now_ms);
    json_decref(v);
}

static const char limits[] =
    "{'limits':["
    "{'name':'haiku','metric':'tokens','window':'1m','amount':1000,'used':500,'reserved':100,"
    "'remaining':400,'blocked':false,'match':{'model':'m'},'per':[],'groups':[],"
    "'resets_at':'2026-11-21T00:01:00Z'},"
    "{'name':'month','metric':'usd','window':'month','amount':10,'used':12,'reserved':0,"
    "'remaining':8,'blocked':false,'match':{},'per':['costCenter'],'groups':["
    "{'group':{'costCenter':'sales'},'amount':10,'used':9,'reserved':0.5,'remaining':0.5,'blocked':"
    "false},"
    "{'group':{'costCenter':'support'},'amount':10,'used':3,'reserved':0,'remaining':7,'blocked':"
    "false}]},"
    "{'name':'quotes','metric':'requests','window':'1m','amount':10,'used':1,'reserved':0,'"
    "remaining':9,"
    "'blocked':true,'match':{'applicationId':'quotes'},'per':[],'groups':[]}]}";

static void members_replace_each_other(void **state)
{
    (void)state;
    struct snapshot s = {0};
    merge(&s, "{'region':'us-east-1','denied_per_minute':3}", 10);
    merge(&s, "{'denied_per_minute':4}", 20);
    assert_string_equal(snapshot_text(s.data, "region"), "us-east-1");
    assert_int_equal(json_integer_value(snapshot_at(s.data, "denied_per_minute")), 4);
    assert_int_equal(s.at_ms, 20);
    struct snapshot frozen = {0};
    snapshot_copy(&frozen, &s);
    merge(&s, "{'denied_per_minute':5}", 30);
    assert_int_equal(json_integer_value(snapshot_at(frozen.data, "denied_per_minute")), 4);
    assert_null(snapshot_at(s.data, "burn.usd_per_hour"));
    assert_string_equal(snapshot_text(s.data, "burn.none"), "");
    snapshot_clear(&frozen);
    snapshot_clear(&s);
}

static void rows_find_their_limits(void **state)
{
    (void)state;
    struct snapshot s = {0};
    json_t *group = NULL;
    merge(&s, limits, 10);
    json_t *model = parse("{'name':'m','limit':'haiku'}");
    json_t *limit = snapshot_limit_of_model(&s, model, &group);
    assert_string_equal(snapshot_text(limit, "name"), "haiku");
    assert_null(group);
    limit = snapshot_limit_of_tag(&s, "costCenter", "support", &group);
    assert_string_equal(snapshot_text(limit, "name"), "month");
    assert_string_equal(snapshot_text(group, "group.costCenter"), "support");
    limit = snapshot_limit_of_tag(&s, "applicationId", "quotes", &group);
    assert_string_equal(snapshot_text(limit, "name"), "quotes");
    assert_null(group);
    assert_null(snapshot_limit_of_tag(&s, "costCenter", "nobody", &group));
    assert_null(snapshot_limit(&s, "none"));
    json_decref(model);
    snapshot_clear(&s);
}

static void shares_count_what_is_reserved(void **state)
{
    (void)state;
    struct snapshot s = {0};
    merge(&s, limits, 10);
    assert_true(snapshot_share(snapshot_limit(&s, "haiku"), NULL) == 0.6);
    json_t *month = snapshot_limit(&s, "month");
    json_t *fullest = snapshot_fullest_group(month);
    assert_string_equal(snapshot_text(fullest, "group.costCenter"), "sales");
    assert_true(snapshot_share(month, fullest) == 0.95);
    assert_true(snapshot_share(snapshot_limit(&s, "quotes"), NULL) == 2);
    assert_null(snapshot_fullest_group(snapshot_limit(&s, "haiku")));
    snapshot_clear(&s);
}

static void exhaustion_is_as_the_core_foresees_it(void **state)
{
    (void)state;
    json_t *limit = parse("{'window':'1m','remaining':400,'empty_in_s':16}");
    json_t *group = parse("{'remaining':100,'empty_in_s':null}");
    assert_int_equal(snapshot_empty_in(limit, NULL), 16000);
    assert_int_equal(snapshot_empty_in(limit, group), -1);
    json_object_set_new(group, "remaining", json_integer(0));
    assert_int_equal(snapshot_empty_in(limit, group), 0);
    json_object_set_new(limit, "window", json_string("")); /* concurrency */
    assert_int_equal(snapshot_empty_in(limit, group), -1);
    json_decref(limit);
    json_decref(group);
}

static void the_bill_stands_beside_the_ledger(void **state)
{
    (void)state;
    struct snapshot s = {0};
    merge(&s,
          "{'cost_centers':[{'name':'sales','month_usd':12.5}],"
          "'aws':{'costs':[{'cost_center':'sales','month_usd':13.0}]},"
          "'reconcile':{'costs':[{'day':'2026-11-20','cost_center':'sales','verdict':'ok'},"
          "{'day':'2026-11-21','cost_center':'sales','verdict':'bypass_or_price'}]}}",
          10);
    assert_true(json_number_value(snapshot_billed(&s, "sales")) == 13.0);
    assert_true(json_number_value(snapshot_spent(&s, "sales")) == 12.5);
    assert_string_equal(snapshot_verdict(&s, "sales"), "bypass or price");
    assert_null(snapshot_billed(&s, "support"));
    assert_string_equal(snapshot_verdict(&s, "support"), "-");
    snapshot_clear(&s);
}

static void bursts_of_denials_are_one_row(void **state)
{
    (void)state;
    struct snapshot s = {0};
    merge(&s,
          "{'denials':[{'limit':'a','application':'x','cost_center':'c','model':'m','time':'3'},"
          "{'limit':'a','application':'x','cost_center':'c','model':'m','time':'2'},"
          "{'limit':'b','application':'x','cost_center':'c','model':'m','time':'1'}]}",
          10);
    json_t *rows = snapshot_at(s.data, "denied");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(snapshot_at(json_array_get(rows, 0), "count")), 2);
    assert_string_equal(snapshot_text(json_array_get(rows, 0), "time"), "3");
    snapshot_clear(&s);
}

static void figures_read_as_engineers_write_them(void **state)
{
    (void)state;
    char out[FORMAT_TEXT];
    static const struct {
        int64_t n;
        const char *text;
    } counts[] = {{0, "0"},          {999, "999"},       {1000, "1.00k"},
                  {92100, "92.1k"},  {99960, "100k"},    {318000, "318k"},
                  {999600, "1.00M"}, {1240000, "1.24M"}, {INT64_MAX, "9.22E"}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        format_count(out, counts[i].n);
        assert_string_equal(out, counts[i].text);
    }
    format_exact(out, -1234567);
    assert_string_equal(out, "-1,234,567");
    format_amount(out, "tokens", 110000);
    assert_string_equal(out, "110k");
    format_amount(out, "tokens", 1500000);
    assert_string_equal(out, "1.5M");
    format_amount(out, "tokens", 123456);
    assert_string_equal(out, "123,456");
    format_amount(out, "requests", 0);
    assert_string_equal(out, "0");
    format_amount(out, "usd", 12500000000);
    assert_string_equal(out, "$12.50");
    format_amount(out, "usd", 4000 * MONEY_DOLLAR);
    assert_string_equal(out, "$4,000");
    format_amount_typed(out, "usd", 12500000000);
    assert_string_equal(out, "12.5");
    format_amount_typed(out, "tokens", 110000);
    assert_string_equal(out, "110000");
    format_money(out, 6204 * MONEY_DOLLAR);
    assert_string_equal(out, "$6,204");
}

static void spans_move_in_steps(void **state)
{
    (void)state;
    char out[FORMAT_TEXT];
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {{0, "<10 s"},        {9999, "<10 s"},  {29000, "20 s"},    {60000, "1 min"},
                 {3599000, "59 min"}, {3600000, "1 h"}, {86400000, "24 h"}, {172800000, "2 d"}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        format_span(out, spans[i].ms);
        assert_string_equal(out, spans[i].text);
    }
    format_clock(out, 1, true, false);
    assert_string_equal(out, "00:00:00");
    format_day_clock(out, 0, false);
    assert_string_equal(out, "");
    json_t *money = json_real(0.1);
    assert_int_equal(format_json_money(money), 100000000);
    json_decref(money);
    money = json_real(1e300);
    assert_int_equal(format_json_money(money), 0);
    json_decref(money);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_replace_each_other),
        cmocka_unit_test(rows_find_their_limits),
        cmocka_unit_test(shares_count_what_is_reserved),
        cmocka_unit_test(exhaustion_is_as_the_core_foresees_it),
        cmocka_unit_test(the_bill_stands_beside_the_ledger),
        cmocka_unit_test(bursts_of_denials_are_one_row),
        cmocka_unit_test(figures_read_as_engineers_write_them),
        cmocka_unit_test(spans_move_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
