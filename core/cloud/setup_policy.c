/* setup_policy.c: IAM policies, printed: what tollgate needs for the features that the file turns
 * on, what makes applications go through it, and what ties a principal to its own profiles. No call
 * to AWS. */
#include "core/cloud/setup_private.h"

#include <stdarg.h>
#include <stdio.h>

#define ARN_MAX 2400

/* Statements being written. */
struct policy {
    const struct setup *s;
    json_t *statements;
};

/* Takes actions and resources (NULL: "*") and condition (NULL: none). */
static void allow(struct policy *p, const char *sid, json_t *actions, json_t *resources,
                  json_t *condition)
{
    json_t *one = json_pack("{s:s, s:s, s:o, s:o}", "Sid", sid, "Effect", "Allow", "Action",
                            actions, "Resource", resources != NULL ? resources : json_string("*"));
    if (condition != NULL) {
        (void)json_object_set_new(one, "Condition", condition);
    }
    (void)json_array_append_new(p->statements, one);
}

static void add_once(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_once(json_t *list, const char *format, ...)
{
    char text[ARN_MAX];
    const json_t *one;
    size_t i;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_array_foreach(list, i, one)
    {
        if (n < 0 || strcmp(json_string_value(one), text) == 0) {
            return;
        }
    }
    (void)json_array_append_new(list, json_string(text));
}

/* --- what invoking needs --- */

/* A profile sends calls on to its models, in any Region: both need to be allowed. */
static void add_model(const struct setup *s, struct catalog *c, const char *id, json_t *out)
{
    const char *partition = setup_partition(s->config);
    struct resolved r;
    if (catalog_resolve(c, str_of(id), &r, NULL) != ERR_OK) {
        return;
    }
    add_once(out, "arn:%s:bedrock:*::foundation-model/%s", partition, r.model->base_id);
    if (strncmp(r.upstream_id, "arn:", 4) == 0) {
        add_once(out, "%s", r.upstream_id);
    } else if (strcmp(r.upstream_id, r.model->base_id) != 0) {
        add_once(out, "arn:%s:bedrock:%s:*:inference-profile/%s", partition, s->config->region,
                 r.upstream_id);
    }
}

static void allow_invoking(struct policy *p, struct catalog *c)
{
    const struct config *config = p->s->config;
    json_t *models = json_array(), *projects = json_array();
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *m = &config->models[i];
        add_model(p->s, c, m->name, models);
        for (size_t k = 0; k < m->profiles.count; k++) {
            const char *profile = m->profiles.at[k].value;
            if (str_starts(str_of(profile), "arn:")) {
                add_once(models, "%s", profile);
            } else {
                add_once(models, "arn:%s:bedrock:%s:*:application-inference-profile/%s",
                         setup_partition(config), config->region, profile);
            }
        }
        for (size_t k = 0; k < m->projects.count; k++) {
            add_once(projects, "arn:%s:bedrock-mantle:%s:*:project/%s", setup_partition(config),
                     config->region, m->projects.at[k].value);
        }
    }
    if (config->unknown_models_allow || json_array_size(models) == 0) {
        json_decref(models);
        models = NULL;
    }
    allow(p, "InvokeModels",
          json_pack("[s, s, s]", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream",
                    "bedrock:CountTokens"),
          models, NULL);
    /* Anthropic's own dialect always goes there, OpenAI's with openai_via. */
    add_once(projects, "arn:%s:bedrock-mantle:%s:*:project/default", setup_partition(config),
             config->region);
    allow(p, "InvokeMantle",
          json_pack("[s, s, s, s]", "bedrock-mantle:CreateInference", "bedrock-mantle:CountTokens",
                    "bedrock-mantle:GetProject", "bedrock-mantle:ListTagsForResource"),
          projects, NULL);
}

/* assume_role: the role is what invokes then; its trust policy must allow both too. */
static void allow_role(struct policy *p)
{
    allow(p, "TakeOnRole", json_pack("[s, s]", "sts:AssumeRole", "sts:TagSession"),
          json_pack("[s]", p->s->config->assume_role.arn), NULL);
}

/* --- what publishing and polling need --- */

static void allow_publishing(struct policy *p)
{
    const struct config *config = p->s->config;
    if (config->publish_metrics.on) {
        allow(p, "PublishMetrics", json_pack("[s]", "cloudwatch:PutMetricData"), NULL,
              json_pack("{s:{s:s}}", "StringEquals", "cloudwatch:namespace",
                        config->publish_metrics.namespace));
    }
    if (config->publish_audit.on) {
        json_t *groups = json_array();
        add_once(groups, "arn:%s:logs:%s:*:log-group:%s", setup_partition(config), config->region,
                 config->publish_audit.log_group);
        add_once(groups, "arn:%s:logs:%s:*:log-group:%s:*", setup_partition(config), config->region,
                 config->publish_audit.log_group);
        allow(p, "PublishAudit",
              json_pack("[s, s, s]", "logs:CreateLogGroup", "logs:CreateLogStream",
                        "logs:PutLogEvents"),
              groups, NULL);
    }
}

/* notify: may name SNS topics. */
static void allow_notifying(struct policy *p)
{
    const struct config *config = p->s->config;
    json_t *topics = json_array();
    for (size_t i = 0; i < config->notice_count; i++) {
        const char *to = config->notices[i].webhook;
        if (to != NULL && strncmp(to, "arn:", 4) == 0) {
            add_once(topics, "%s", to);
        }
    }
    if (json_array_size(topics) > 0) {
        allow(p, "Notify", json_pack("[s]", "sns:Publish"), json_incref(topics), NULL);
    }
    json_decref(topics);
}

static void allow_polling(struct policy *p)
{
    const struct config *config = p->s->config;
    if (config->poll.cloudwatch_ms > 0) {
        allow(p, "ReadMetrics",
              json_pack("[s, s, s, s]", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics",
                        "cloudwatch:DescribeAlarms", "servicequotas:ListServiceQuotas"),
              NULL, NULL);
    }
    if (config->poll.cost_explorer_ms > 0) {
        allow(p, "ReadCosts",
              json_pack("[s, s, s, s, s]", "ce:GetCostAndUsage", "ce:GetCostForecast",
                        "ce:GetDimensionValues", "ce:GetTags", "ce:GetAnomalies"),
              NULL, NULL);
    }
    if (config->poll.budgets_ms > 0) {
        allow(p, "ReadBudgets", json_pack("[s]", "budgets:ViewBudget"), NULL, NULL);
    }
    if (config->poll.profiles_ms > 0) {
        allow(p, "ReadProfiles",
              json_pack("[s, s, s, s, s]", "bedrock:ListInferenceProfiles",
                        "bedrock:GetInferenceProfile", "bedrock:ListTagsForResource",
                        "bedrock-mantle:ListProjects", "bedrock-mantle:ListTagsForResource"),
              NULL, NULL);
    }
}

/* What the commands of `tollgate aws` need: for a person who sets up, not for the service. */
static void allow_setup(struct policy *p)
{
    allow(p, "SetUpAttribution",
          json_pack("[s, s, s, s, s, s, s, s, s]", "bedrock:ListInferenceProfiles",
                    "bedrock:GetInferenceProfile", "bedrock:CreateInferenceProfile",
                    "bedrock:DeleteInferenceProfile", "bedrock:TagResource",
                    "bedrock:ListTagsForResource", "bedrock:GetModelInvocationLoggingConfiguration",
                    "bedrock-mantle:ListProjects", "bedrock-mantle:CreateProject"),
          NULL, NULL);
    allow(p, "SetUpProjects",
          json_pack("[s, s]", "bedrock-mantle:ArchiveProject", "bedrock-mantle:TagResource"), NULL,
          NULL);
    allow(p, "SetUpBilling",
          json_pack("[s, s, s, s, s, s, s, s, s, s, s, s, s]", "ce:ListCostAllocationTags",
                    "ce:UpdateCostAllocationTagsStatus", "ce:StartCostAllocationTagBackfill",
                    "ce:GetAnomalies", "ce:GetAnomalyMonitors", "ce:GetAnomalySubscriptions",
                    "ce:CreateAnomalyMonitor", "ce:CreateAnomalySubscription", "budgets:ViewBudget",
                    "budgets:ModifyBudget", "bcm-data-exports:ListExports",
                    "bcm-data-exports:GetExport", "pricing:GetProducts"),
          NULL, NULL);
    allow(p, "SetUpAlarms",
          json_pack("[s, s]", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"), NULL,
          NULL);
}

/* --- the policies --- */

static enum err invoking_policy(struct policy *p, struct err_info *ei)
{
    struct catalog *c = catalog_new(p->s->config, ei);
    if (c == NULL) {
        return ERR_PARSE;
    }
    allow_invoking(p, c);
    catalog_free(c);
    return ERR_OK;
}

/* What tollgate's own credentials need: invoking, or taking on the role that does. */
static enum err own_policy(struct policy *p, json_t *notes, struct err_info *ei)
{
    const char *role = p->s->config->assume_role.arn;
    enum err e = role == NULL ? invoking_policy(p, ei) : ERR_OK;
    if (role != NULL) {
        allow_role(p);
        setup_say(notes,
                  "Calls are made by %s: `tollgate aws policy --assume-role` prints what that role "
                  "needs.",
                  role);
    }
    allow_publishing(p);
    allow_notifying(p);
    allow_polling(p);
    return e;
}

static enum err role_policy(struct policy *p, json_t *notes, struct err_info *ei)
{
    const char *role = p->s->config->assume_role.arn;
    if (role == NULL) {
        return err_set(ei, ERR_NOT_FOUND, "--assume-role: the configuration has no assume_role");
    }
    setup_say(notes,
              "For %s. Its trust policy must allow sts:AssumeRole and sts:TagSession to what "
              "tollgate runs as.",
              role);
    return invoking_policy(p, ei);
}

/* Everybody but tollgate's role: as a service control policy, or in a permissions boundary. */
static void deny_bypass(struct policy *p, const char *role, json_t *notes)
{
    char anyone[128];
    role = role != NULL ? role : p->s->config->assume_role.arn;
    (void)snprintf(anyone, sizeof(anyone), "arn:%s:iam::*:role/tollgate",
                   setup_partition(p->s->config));
    const char *only = role != NULL ? role : anyone;
    (void)json_array_append_new(
        p->statements,
        json_pack("{s:s, s:s, s:[s, s, s, s, s, s, s], s:s, s:{s:{s:[s]}}}", "Sid",
                  "OnlyTollgateInvokes", "Effect", "Deny", "Action", "bedrock:InvokeModel",
                  "bedrock:InvokeModelWithResponseStream",
                  "bedrock:InvokeModelWithBidirectionalStream", "bedrock:CreateModelInvocationJob",
                  "bedrock:CallWithBearerToken", "bedrock-mantle:CreateInference",
                  "bedrock-mantle:CallWithBearerToken", "Resource", "*", "Condition", "ArnNotLike",
                  "aws:PrincipalArn", only));
    setup_say(notes,
              "Everybody but %s is refused: attach it as a service control policy, or to "
              "the applications' roles.",
              only);
    if (role == NULL) {
        setup_say(notes, "--role ARN names the role that tollgate runs as.");
    }
}

/* A principal may call through the profiles that carry its own tag, and no model otherwise. */
static void tagged(struct policy *p, json_t *tags, json_t *notes)
{
    const char *partition = setup_partition(p->s->config);
    const char *key = json_object_iter_key(json_object_iter(tags));
    char name[200], value[300], profiles[200], models[200];
    if (key == NULL) {
        key = setup_billing_key(p->s->config, "costCenter");
        (void)snprintf(value, sizeof(value), "${aws:PrincipalTag/%.128s}", key);
        setup_say(notes,
                  "It ties the tag %s of a role or session to that of the profile; "
                  "--tag %s=NAME fixes it.",
                  key, key);
    } else {
        (void)snprintf(value, sizeof(value), "%s", aws_json_text(tags, key));
    }
    (void)snprintf(name, sizeof(name), "aws:ResourceTag/%.128s", key);
    (void)snprintf(profiles, sizeof(profiles),
                   "arn:%s:bedrock:%s:*:application-inference-profile/*", partition,
                   p->s->config->region);
    (void)snprintf(models, sizeof(models), "arn:%s:bedrock:*::foundation-model/*", partition);
    allow(p, "InvokeOwnProfiles",
          json_pack("[s, s]", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
          json_pack("[s]", profiles), json_pack("{s:{s:s}}", "StringEquals", name, value));
    allow(p, "ModelsThroughProfilesOnly",
          json_pack("[s, s]", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
          json_pack("[s]", models),
          json_pack("{s:{s:s}}", "ArnLike", "bedrock:InferenceProfileArn", profiles));
}

enum err setup_policy(struct setup *s, const json_t *params, json_t **result, struct err_info *ei)
{
    struct policy p = {.s = s, .statements = json_array()};
    json_t *notes = json_array(), *tags;
    const char *role = setup_text(params, "role");
    bool bypass = setup_flag(params, "deny_bypass"), by_tag = setup_flag(params, "tagged");
    bool of_setup = setup_flag(params, "setup"), of_role = setup_flag(params, "assume_role");
    enum err e = setup_tags(params, &tags, ei);
    if (e == ERR_OK && bypass + by_tag + of_setup + of_role > 1) {
        e = err_set(ei, ERR_USAGE,
                    "--deny-bypass, --tagged, --setup and --assume-role are policies of their own");
    } else if (e == ERR_OK && role != NULL && !(bypass && setup_is_arn(role, "iam", "role/"))) {
        e = err_set(ei, ERR_USAGE,
                    "--role goes with --deny-bypass and is the ARN of the role itself, such as "
                    "arn:aws:iam::123456789012:role/tollgate, not of a session");
    } else if (e == ERR_OK && bypass) {
        deny_bypass(&p, role, notes);
    } else if (e == ERR_OK && by_tag) {
        tagged(&p, tags, notes);
    } else if (e == ERR_OK && of_role) {
        e = role_policy(&p, notes, ei);
    } else if (e == ERR_OK && of_setup) {
        allow_setup(&p);
    } else if (e == ERR_OK) {
        e = own_policy(&p, notes, ei);
    }
    if (e == ERR_OK) {
        e = setup_result(json_pack("{s:{s:s, s:O}, s:O}", "document", "Version", "2012-10-17",
                                   "Statement", p.statements, "notes", notes),
                         result, ei);
    }
    json_decref(p.statements);
    json_decref(notes);
    return e;
}
