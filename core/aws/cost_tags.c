/* cost_tags.c: see cost_tags.h. */
#include "core/aws/cost_tags.h"

#define PREFIX    "AWSInsightsIndexService."
#define PAGES_MAX 50

static struct aws_operation operation(const char *action, const char *target)
{
    return (struct aws_operation){.service = "ce", .action = action, .target = target};
}

struct rows {
    cost_tags_row *fn;
    void *arg;
};

static bool take_tag(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    struct cost_tag t = {.key = aws_json_text(item, "TagKey"),
                         .type = aws_json_text(item, "Type"),
                         .status = aws_json_text(item, "Status"),
                         .last_used = aws_json_text(item, "LastUsedDate"),
                         .last_updated = aws_json_text(item, "LastUpdatedDate")};
    return t.key[0] != '\0' && r->fn(r->arg, &t);
}

enum err cost_tags_list(const struct aws_session *s, cost_tags_row *fn, void *arg, int64_t *pages,
                        struct err_info *ei)
{
    struct aws_operation op =
        operation("ce:ListCostAllocationTags", PREFIX "ListCostAllocationTags");
    struct aws_pages p = {"CostAllocationTags", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    return aws_json_list(s, &op, json_pack("{s:i}", "MaxResults", 1000), &p, take_tag, &r, pages,
                         ei);
}

enum err cost_tags_activate(const struct aws_session *s, const char *const *keys, size_t count,
                            bool active, json_t **errors, struct err_info *ei)
{
    struct aws_operation op =
        operation("ce:UpdateCostAllocationTagsStatus", PREFIX "UpdateCostAllocationTagsStatus");
    json_t *list = json_array(), *answer;
    *errors = NULL;
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "TagKey", keys[i], "Status",
                                                    active ? "Active" : "Inactive"));
    }
    enum err e =
        aws_json_call(s, &op, json_pack("{s:o}", "CostAllocationTagsStatus", list), &answer, ei);
    if (e == ERR_OK) {
        json_t *refused = json_object_get(answer, "Errors");
        *errors = json_is_array(refused) ? json_incref(refused) : json_array();
    }
    json_decref(answer);
    return e;
}

enum err cost_tags_backfill(const struct aws_session *s, const char *from, json_t **request,
                            struct err_info *ei)
{
    struct aws_operation op =
        operation("ce:StartCostAllocationTagBackfill", PREFIX "StartCostAllocationTagBackfill");
    json_t *answer;
    *request = NULL;
    enum err e = aws_json_call(s, &op, json_pack("{s:s}", "BackfillFrom", from), &answer, ei);
    if (e == ERR_OK) {
        *request = json_incref(json_object_get(answer, "BackfillRequest"));
        if (*request == NULL) {
            e = err_set(ei, ERR_PARSE,
                        "ce:StartCostAllocationTagBackfill answered without its request");
        }
    }
    json_decref(answer);
    return e;
}
