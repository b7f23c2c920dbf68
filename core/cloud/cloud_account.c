/* cloud_account.c: what the account has: alarms, quotas, budgets, inference profiles, projects. */
#include "core/cloud/cloud_private.h"

#include "core/aws/alarms.h"
#include "core/aws/bedrock_profiles.h"
#include "core/aws/budgets.h"
#include "core/aws/quotas.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS      (24 * 3600 * 1000LL)
#define LIST_MAX    500 /* rows of a list that are kept */
#define NOTICES_MAX 50  /* budgets asked for their notifications */
#define REQUEST_USD (MONEY_DOLLAR / 100000)

struct aws_session cloud_session(const struct cloud_run *r, enum config_service s)
{
    return (struct aws_session){
        r->c->http,
        {r->config->endpoints[s], config_signing_region(s, r->config->region)},
        r->keys};
}

static json_t *time_json(int64_t wall_ms)
{
    char text[CLOCK_TEXT];
    if (wall_ms <= 0) {
        return json_null();
    }
    clock_rfc3339(text, wall_ms);
    return json_string(text);
}

static json_t *usd_or_null(money_t m)
{
    return m >= 0 ? cloud_usd(m) : json_null();
}

/* Appends what is not one too many; takes row. */
static bool append(json_t *list, json_t *row)
{
    if (json_array_size(list) < LIST_MAX) {
        return json_array_append_new(list, row) == 0;
    }
    json_decref(row);
    return true;
}

/* --- alarms --- */

/* Alarms on what tollgate publishes, on Bedrock's own metrics, on bills, and on math. */
static bool is_ours(const struct cloud_run *r, const struct alarm *a)
{
    return a->name_space[0] == '\0' || strncmp(a->name_space, "AWS/Bedrock", 11) == 0 ||
           strcmp(a->name_space, "AWS/Billing") == 0 ||
           (r->config->publish_metrics.on &&
            strcmp(a->name_space, r->config->publish_metrics.namespace) == 0);
}

struct listing {
    struct cloud_run *run;
    json_t *list;
};

static bool take_alarm(void *arg, const struct alarm *a)
{
    struct listing *l = arg;
    return !is_ours(l->run, a) ||
           append(l->list,
                  json_pack("{s:s,s:s,s:s,s:s,s:s,s:f,s:o}", "name", a->name, "state", a->state,
                            "reason", a->reason, "namespace", a->name_space, "metric", a->metric,
                            "threshold", a->threshold, "changed_at", time_json(a->changed_ms)));
}

enum err cloud_poll_alarms(struct cloud_run *r, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_MONITORING);
    struct listing l = {r, json_array()};
    int64_t pages = 0;
    enum err e = alarms_list(&s, NULL, NULL, take_alarm, &l, &pages, ei);
    r->cost = pages * REQUEST_USD;
    if (e != ERR_OK) {
        json_decref(l.list);
        return e;
    }
    r->c->run_cost[SOURCE_ALARMS] = r->cost;
    cloud_tell(r->c, SOURCE_ALARMS, json_pack("{s:o}", "alarms", l.list), r->now_ms);
    return ERR_OK;
}

/* --- quotas --- */

static bool take_quota(void *arg, const struct quota *q)
{
    static const char words[] = "okens per minute for ";
    struct listing *l = arg;
    const char *at = strstr(q->name, words);
    if (at == NULL) {
        return true;
    }
    const char *scope = strncasecmp(q->name, "global", 6) == 0          ? "global"
                        : strncasecmp(q->name, "cross-region", 12) == 0 ? "cross_region"
                                                                        : "on_demand";
    return append(l->list, json_pack("{s:s,s:s,s:s,s:s,s:f,s:b}", "name", q->name, "model",
                                     at + sizeof(words) - 1, "scope", scope, "code", q->code,
                                     "tokens_per_minute", q->value, "adjustable", q->adjustable));
}

enum err cloud_poll_quotas(struct cloud_run *r, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_QUOTAS);
    struct listing l = {r, json_array()};
    enum err e = quotas_list(&s, "bedrock", take_quota, &l, ei);
    if (e != ERR_OK) {
        json_decref(l.list);
        return e;
    }
    cloud_tell(r->c, SOURCE_QUOTAS, json_pack("{s:o}", "quotas", l.list), r->now_ms);
    return ERR_OK;
}

/* --- budgets --- */

static bool take_budget(void *arg, const struct budget *b)
{
    struct listing *l = arg;
    return append(l->list,
                  json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:s,s:o,s:[]}", "name", b->name,
                            "type", b->type, "time_unit", b->time_unit, "health", b->health,
                            "limit_usd", usd_or_null(b->limit), "actual_usd",
                            usd_or_null(b->actual), "forecast_usd", usd_or_null(b->forecast),
                            "tag_key", b->tag_key, "tag_value", b->tag_value, "updated_at",
                            time_json(b->updated_ms), "notifications"));
}

static bool take_notification(void *arg, const struct budget_notification *n)
{
    return json_array_append_new(arg, json_pack("{s:s,s:s,s:f,s:b}", "type", n->type, "state",
                                                n->state, "threshold", n->threshold, "absolute",
                                                n->absolute)) == 0;
}

enum err cloud_poll_budgets(struct cloud_run *r, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_BUDGETS);
    struct listing l = {r, json_array()};
    char account[24];
    enum err e = cloud_learn_account(r, ei);
    (void)snprintf(account, sizeof(account), "%012lld", (long long)cloud_own_account(r->c));
    if (e == ERR_OK) {
        e = budgets_list(&s, account, take_budget, &l, NULL, ei);
    }
    for (size_t i = 0; e == ERR_OK && i < json_array_size(l.list) && i < NOTICES_MAX; i++) {
        json_t *b = json_array_get(l.list, i);
        e = budgets_notifications(&s, account, aws_json_text(b, "name"), take_notification,
                                  json_object_get(b, "notifications"), ei);
    }
    if (e != ERR_OK) {
        json_decref(l.list);
        return e;
    }
    cloud_tell(r->c, SOURCE_BUDGETS, json_pack("{s:s,s:o}", "account", account, "budgets", l.list),
               r->now_ms);
    return ERR_OK;
}

/* --- inference profiles and projects --- */

static bool take_profile(void *arg, const struct bedrock_profile *p)
{
    struct listing *l = arg;
    return append(l->list,
                  json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{}}", "name", p->name, "arn", p->arn, "id",
                            p->id, "status", p->status, "model_arn", p->model_arn, "updated",
                            aws_json_text(p->raw, "updatedAt"), "tags"));
}

/* The tags that were told with the same state of the profile: a list does not have them. */
static json_t *known_tags(const json_t *before, const json_t *profile)
{
    const json_t *list = json_object_get(before, "profiles");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *updated = aws_json_text(p, "updated");
        if (updated[0] != '\0' && strcmp(updated, aws_json_text(profile, "updated")) == 0 &&
            strcmp(aws_json_text(p, "arn"), aws_json_text(profile, "arn")) == 0) {
            return json_incref(json_object_get(p, "tags"));
        }
    }
    return NULL;
}

static enum err add_tags(struct cloud_run *r, json_t *list, bool anew, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_BEDROCK);
    json_t *before = anew ? NULL : cloud_told(r->c, SOURCE_PROFILES);
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < json_array_size(list); i++) {
        json_t *p = json_array_get(list, i);
        json_t *tags = known_tags(before, p);
        if (tags == NULL) {
            e = bedrock_profiles_tags(&s, aws_json_text(p, "arn"), &tags, ei);
        }
        if (e == ERR_OK && json_object_set_new(p, "tags", tags) != 0) {
            e = err_set(ei, ERR_NOMEM, "no memory for the tags of inference profiles");
        }
        if (e == ERR_OK && cloud_is_stopping(r->c)) {
            e = err_set(ei, ERR_CLOSED, "stopped");
        }
    }
    json_decref(before);
    return e;
}

static bool take_project(void *arg, const json_t *item)
{
    json_t *tags = json_object_get(item, "tags");
    return append(arg,
                  json_pack("{s:s,s:s,s:s,s:o}", "id", aws_json_text(item, "id"), "name",
                            aws_json_text(item, "name"), "status", aws_json_text(item, "status"),
                            "tags", json_is_object(tags) ? json_incref(tags) : json_object()));
}

/* Only where the file has to do with projects: bedrock-mantle is not in every Region. */
static enum err list_projects(struct cloud_run *r, json_t *list, struct err_info *ei)
{
    static const struct aws_operation op = {.service = "bedrock-mantle",
                                            .action = "bedrock-mantle:ListProjects",
                                            .method = "GET",
                                            .path = "/v1/organization/projects"};
    struct aws_session s = cloud_session(r, SERVICE_BEDROCK_MANTLE);
    bool wanted = r->config->openai_via_mantle;
    for (size_t i = 0; i < r->config->model_count; i++) {
        wanted = wanted || r->config->models[i].projects.count > 0;
    }
    if (!wanted) {
        return ERR_OK;
    }
    json_t *answer = NULL;
    enum err e = aws_json_call(&s, &op, NULL, &answer, ei);
    const json_t *data = json_object_get(answer, "data");
    for (size_t i = 0; e == ERR_OK && i < json_array_size(data); i++) {
        if (!take_project(list, json_array_get(data, i))) {
            e = err_set(ei, ERR_NOMEM, "no memory for projects");
        }
    }
    json_decref(answer);
    return e;
}

enum err cloud_poll_profiles(struct cloud_run *r, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_BEDROCK);
    struct listing l = {r, json_array()};
    json_t *projects = json_array();
    enum err e = bedrock_profiles_list(&s, "APPLICATION", take_profile, &l, NULL, ei);
    if (e == ERR_OK) {
        /* A tag may change without the profile: once a day all are asked for. */
        bool anew =
            r->hurried || r->c->sources[SOURCE_PROFILES].at_ms / DAY_MS != r->now_ms / DAY_MS;
        e = add_tags(r, l.list, anew, ei);
    }
    if (e == ERR_OK) {
        e = list_projects(r, projects, ei);
    }
    if (e != ERR_OK) {
        json_decref(l.list);
        json_decref(projects);
        return e;
    }
    cloud_tell(r->c, SOURCE_PROFILES,
               json_pack("{s:o,s:o}", "profiles", l.list, "projects", projects), r->now_ms);
    return ERR_OK;
}
