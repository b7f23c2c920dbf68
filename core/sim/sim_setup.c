/* sim_setup.c: see sim_setup.h. */
#include "core/sim/sim_setup.h"

#include "core/sim/sim_bill.h"
#include "core/sim/sim_state.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000LL

static const char *const names[] = {SIM_SETUP_LISTS};

/* --- the account at start --- */

static json_t *budget_of(const char *center, const char *dollars)
{
    return json_pack("{s:{s:s, s:s, s:s, s:{s:s, s:s}, s:[s], s:{s:{s:s, s:[s], s:[s]}}}, s:[]}",
                     "Budget", "BudgetName", center, "BudgetType", "COST", "TimeUnit", "MONTHLY",
                     "BudgetLimit", "Amount", dollars, "Unit", "USD", "Metrics", "UnblendedCost",
                     "FilterExpression", "Tags", "Key", "costCenter", "Values", center,
                     "MatchOptions", "EQUALS", "Notifications");
}

static json_t *anomaly_of(int64_t now_ms)
{
    char start[SIM_BILL_DAY_TEXT], end[SIM_BILL_DAY_TEXT];
    sim_bill_day_text(start, now_ms / DAY_MS - 4);
    sim_bill_day_text(end, now_ms / DAY_MS - 3);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f},"
                     " s:[{s:s, s:s, s:s, s:s, s:{s:f}}]}",
                     "AnomalyId", "simulated-anomaly-1", "AnomalyStartDate", start,
                     "AnomalyEndDate", end, "DimensionValue", sim_bill_services[2], "MonitorArn",
                     "arn:aws:ce::" SIM_ACCOUNT ":anomalymonitor/simulated-monitor-1",
                     "AnomalyScore", "MaxScore", 0.81, "CurrentScore", 0.64, "Impact", "MaxImpact",
                     31.5, "TotalImpact", 42.25, "TotalActualSpend", 66.75, "TotalExpectedSpend",
                     24.5, "TotalImpactPercentage", 172.45, "RootCauses", "Service",
                     sim_bill_services[2], "Region", "us-east-1", "LinkedAccount", SIM_ACCOUNT,
                     "UsageType", "USE1-MP:USE1_OutputTokenCount-Units", "Impact", "Contribution",
                     42.25);
}

static json_t *cost_tag_of(const char *key, const char *type, const char *status)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "TagKey", key, "Type", type, "Status", status,
                     "LastUpdatedDate", "2026-01-01T00:00:00Z");
}

/* One row of the price list, as USD for a unit. */
static json_t *price_of(const char *code, const char *product, const char *usage, const char *unit,
                        const char *usd)
{
    bool marketplace = strcmp(code, "AmazonBedrock") != 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "code", code,
                     marketplace ? "servicename" : "model", product, "usagetype", usage,
                     "inferenceType",
                     strstr(usage, "utput") != NULL ? "Output tokens" : "Input tokens", "unit",
                     unit, "usd", usd);
}

static json_t *prices(void)
{
    static const char first[] = "AmazonBedrock", market[] = "AmazonBedrockFoundationModels",
                      haiku[] = "Claude 3.5 Haiku (Amazon Bedrock Edition)",
                      sonnet[] = "Claude 3.5 Sonnet v2 (Amazon Bedrock Edition)", k[] = "1K tokens",
                      m[] = "Units";
    return json_pack(
        "[o, o, o, o, o, o, o, o, o, o]",
        price_of(first, "Nova Lite", "USE1-NovaLite-input-tokens", k, "0.0000600000"),
        price_of(first, "Nova Lite", "USE1-NovaLite-output-tokens", k, "0.0002400000"),
        price_of(first, "Nova Lite", "USE1-NovaLite-cache-read-input-token-count", k,
                 "0.0000150000"),
        price_of(first, "Nova Micro", "USE1-NovaMicro-input-tokens", k, "0.0000350000"),
        price_of(first, "Nova Micro", "USE1-NovaMicro-output-tokens", k, "0.0001400000"),
        price_of(market, haiku, "USE1-MP:USE1_InputTokenCount-Units", m, "0.8000000000"),
        price_of(market, haiku, "USE1-MP:USE1_OutputTokenCount-Units", m, "4.0000000000"),
        price_of(market, haiku, "USE1-MP:USE1_CacheReadInputTokenCount-Units", m, "0.0800000000"),
        price_of(market, sonnet, "USE1-MP:USE1_InputTokenCount-Units", m, "3.0000000000"),
        price_of(market, sonnet, "USE1-MP:USE1_OutputTokenCount-Units", m, "15.0000000000"));
}

json_t *sim_setup_new(int64_t now_ms)
{
    return json_pack(
        "{s:[o,o,o], s:[o], s:[{s:s, s:s, s:s, s:s}], s:[o,o,o,o], s:[{s:s, s:s, s:s}], s:o, s:o}",
        "budgets", budget_of("sales", "1200"), budget_of("services", "700"),
        budget_of("support", "300"), "anomalies", anomaly_of(now_ms), "monitors", "MonitorArn",
        "arn:aws:ce::" SIM_ACCOUNT ":anomalymonitor/simulated-monitor-1", "MonitorName", "Services",
        "MonitorType", "DIMENSIONAL", "MonitorDimension", "SERVICE", "cost_tags",
        cost_tag_of("costCenter", "UserDefined", "Active"),
        cost_tag_of("applicationId", "UserDefined", "Inactive"),
        cost_tag_of("environment", "UserDefined", "Inactive"),
        cost_tag_of("aws:createdBy", "AWSGenerated", "Inactive"), "exports", "name", "daily-cur",
        "table", "COST_AND_USAGE_REPORT", "iam_principal", "FALSE", "prices", prices(), "quotas",
        sim_quotas_new());
}

enum err sim_setup_apply(json_t *setup, struct str json, struct err_info *ei)
{
    json_t *changed = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *list;
    const char *name;
    bool ok = json_is_object(changed);
    json_object_foreach(changed, name, list)
    {
        size_t at = 0;
        while (at < sizeof names / sizeof names[0] && strcmp(names[at], name) != 0) {
            at++;
        }
        ok = ok && at < sizeof names / sizeof names[0] && json_is_array(list);
    }
    ok = ok && json_object_update(setup, changed) == 0;
    json_decref(changed);
    return ok ? ERR_OK
              : err_set(ei, ERR_PARSE, "setup: an object of lists such as budgets is needed");
}

json_t *sim_setup_list(const struct sim_connection *c, const char *name)
{
    json_t *setup = sim_http_owner(c)->setup;
    json_t *list = json_object_get(setup, name);
    if (list == NULL && json_object_set_new(setup, name, json_array()) == 0) {
        list = json_object_get(setup, name);
    }
    return list;
}

const char *sim_setup_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

bool sim_setup_one_of(const char *text, const char *all)
{
    char spaced[80];
    int n = snprintf(spaced, sizeof spaced, " %s ", text);
    return text[0] != '\0' && n < (int)sizeof spaced && strstr(all, spaced) != NULL;
}

json_t *sim_setup_find(const json_t *list, const char *member, const char *text)
{
    json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *value = json_string_value(json_object_get(one, member));
        if (value != NULL && text != NULL && strcmp(value, text) == 0) {
            return one;
        }
    }
    return NULL;
}

void sim_setup_answer(struct sim_connection *c, const json_t *root, const struct sim_paging *p,
                      json_t *all)
{
    int64_t page = sim_http_owner(c)->knobs.page_size;
    int64_t from = sim_json_page(json_object_get(root, p->token));
    const json_t *most = json_object_get(root, p->most);
    json_t *list = json_array(), *one;
    if (from < 0 ||
        (most != NULL && (json_integer_value(most) < 1 || json_integer_value(most) > p->limit))) {
        sim_json_refuse(c, from < 0 ? "InvalidNextTokenException" : "ValidationException", NULL,
                        "%s is not valid.", from < 0 ? p->token : p->most);
        json_decref(list);
        json_decref(all);
        return;
    }
    if (most != NULL && json_integer_value(most) < page) {
        page = json_integer_value(most);
    }
    size_t i;
    json_array_foreach(all, i, one)
    {
        if ((int64_t)i >= from && (int64_t)i < from + page) {
            (void)json_array_append(list, one);
        }
    }
    json_t *answer = json_pack("{s:o}", p->list, list);
    if (from + page < (int64_t)json_array_size(all)) {
        (void)json_object_set_new(answer, p->token, sim_json_token(from + page));
    }
    json_decref(all);
    sim_json_answer(c, answer);
}
