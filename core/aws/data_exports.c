/* data_exports.c: see data_exports.h. */
#include "core/aws/data_exports.h"

#define PREFIX    "AWSBillingAndCostManagementDataExports."
#define PAGES_MAX 50

struct rows {
    data_exports_row *fn;
    void *arg;
};

static bool take_export(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    struct data_export x = {.arn = aws_json_text(item, "ExportArn"),
                            .name = aws_json_text(item, "ExportName"),
                            .status =
                                aws_json_text(json_object_get(item, "ExportStatus"), "StatusCode")};
    return x.arn[0] != '\0' && r->fn(r->arg, &x);
}

enum err data_exports_list(const struct aws_session *s, data_exports_row *fn, void *arg,
                           int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = {.service = "bcm-data-exports",
                               .action = "bcm-data-exports:ListExports",
                               .target = PREFIX "ListExports"};
    struct aws_pages p = {"Exports", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    return aws_json_list(s, &op, json_object(), &p, take_export, &r, pages, ei);
}

enum err data_exports_get(const struct aws_session *s, const char *arn, json_t **out,
                          struct err_info *ei)
{
    struct aws_operation op = {.service = "bcm-data-exports",
                               .action = "bcm-data-exports:GetExport",
                               .target = PREFIX "GetExport"};
    json_t *answer;
    enum err e = aws_json_call(s, &op, json_pack("{s:s}", "ExportArn", arn), &answer, ei);
    *out = e == ERR_OK ? json_incref(json_object_get(answer, "Export")) : NULL;
    if (e == ERR_OK && *out == NULL) {
        e = err_set(ei, ERR_PARSE, "%s answered without an export", op.action);
    }
    json_decref(answer);
    return e;
}
