/* setup_logging.c: whether Bedrock logs invocations, and whether the cost exports name the IAM
 * principal. Both only look. */
#include "core/cloud/setup_private.h"

#include "core/aws/bedrock_profiles.h"
#include "core/aws/data_exports.h"

enum err setup_logging_status(struct setup *s, const json_t *params, json_t **result,
                              struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK);
    json_t *config = NULL, *lines = json_array();
    (void)params;
    enum err e = bedrock_logging_get(&a, &config, ei);
    if (e != ERR_OK) {
        json_decref(lines);
        return e;
    }
    const json_t *cloudwatch = json_object_get(config, "cloudWatchConfig"),
                 *s3 = json_object_get(config, "s3Config");
    setup_say(lines, "Invocation logging is %s in %s.", config != NULL ? "on" : "off",
              s->config->region);
    if (json_is_object(cloudwatch)) {
        setup_say(lines, "Log group %s, as role %s.", aws_json_text(cloudwatch, "logGroupName"),
                  aws_json_text(cloudwatch, "roleArn"));
    }
    if (json_is_object(s3)) {
        setup_say(lines, "Bucket %s, prefix %s.", aws_json_text(s3, "bucketName"),
                  aws_json_text(s3, "keyPrefix"));
    }
    if (config != NULL) {
        bool text = json_is_true(json_object_get(config, "textDataDeliveryEnabled"));
        setup_say(lines, "Prompts and answers are %s.", text ? "in the records" : "left out");
    } else {
        setup_say(lines, "Without it AWS keeps no record of single calls; tollgate's own audit "
                         "does not need it.");
    }
    return setup_result(json_pack("{s:b, s:o, s:o}", "enabled", config != NULL, "config",
                                  config != NULL ? config : json_null(), "lines", lines),
                        result, ei);
}

/* --- exports --- */

struct listing {
    const struct aws_session *session;
    json_t *rows;
    struct err_info *ei;
    size_t cur, with;
    enum err e;
};

static bool take_export(void *arg, const struct data_export *x)
{
    struct listing *l = arg;
    json_t *full = NULL;
    l->e = data_exports_get(l->session, x->arn, &full, l->ei);
    if (l->e != ERR_OK) {
        return false;
    }
    const json_t *query = json_object_get(full, "DataQuery");
    const json_t *tables = json_object_get(query, "TableConfigurations");
    const json_t *cur = json_object_get(tables, "COST_AND_USAGE_REPORT");
    bool is_cur = cur != NULL ||
                  strstr(aws_json_text(query, "QueryStatement"), "COST_AND_USAGE_REPORT") != NULL;
    bool with = strcmp(aws_json_text(cur, "INCLUDE_IAM_PRINCIPAL_DATA"), "TRUE") == 0;
    l->cur += is_cur ? 1 : 0;
    l->with += with ? 1 : 0;
    bool ok =
        json_array_append_new(l->rows, json_pack("{s:s, s:s, s:o, s:b, s:o}", "name", x->name,
                                                 "arn", x->arn, "status", setup_string(x->status),
                                                 "cur", is_cur, "iam_principal",
                                                 is_cur ? json_boolean(with) : json_null())) == 0;
    json_decref(full);
    return ok;
}

enum err setup_exports_check(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_DATA_EXPORTS);
    struct listing l = {.session = &a, .rows = json_array(), .ei = ei, .e = ERR_OK};
    (void)params;
    enum err e = data_exports_list(&a, take_export, &l, NULL, ei);
    if (e != ERR_OK) {
        json_decref(l.rows);
        return l.e != ERR_OK ? l.e : e;
    }
    json_t *notes = json_array();
    if (l.cur == 0) {
        setup_say(notes, "There is no CUR 2.0 export. Create one (Billing, Data Exports) with "
                         "\"Include caller identity (IAM principal) allocation data\".");
    } else if (l.with == 0) {
        setup_say(notes, "No CUR 2.0 export has IAM principal data: create one with "
                         "INCLUDE_IAM_PRINCIPAL_DATA = TRUE. AWS says that an export that exists "
                         "cannot be changed to it.");
    } else {
        setup_say(notes, "IAM principals are exported: tollgate aws cur import reads the files.");
    }
    return setup_result(json_pack("{s:b, s:o, s:o}", "iam_principal", l.with > 0, "exports", l.rows,
                                  "notes", notes),
                        result, ei);
}
