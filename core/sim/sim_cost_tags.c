/* sim_cost_tags.c: Cost Explorer's cost allocation tags: list, activate, backfill. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define YEAR_MS (366LL * 86400000)

static void list_tags(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"CostAllocationTags", "NextToken", "MaxResults", 1000};
    const char *status = sim_setup_text(root, "Status"), *type = sim_setup_text(root, "Type");
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "cost_tags"), i, one)
    {
        if ((status[0] == '\0' || strcmp(status, sim_setup_text(one, "Status")) == 0) &&
            (type[0] == '\0' || strcmp(type, sim_setup_text(one, "Type")) == 0)) {
            (void)json_array_append(all, one);
        }
    }
    sim_setup_answer(c, root, &paging, all);
}

static void now_text(const struct sim_connection *c, char out[CLOCK_TEXT])
{
    clock_rfc3339(out, loop_wall_ms(sim_http_owner(c)->loop) / 1000 * 1000);
}

static void update_status(struct sim_connection *c, const json_t *root)
{
    const json_t *wanted = json_object_get(root, "CostAllocationTagsStatus"), *one;
    json_t *errors = json_array();
    char now[CLOCK_TEXT];
    size_t i;
    if (json_array_size(wanted) < 1 || json_array_size(wanted) > 20) {
        sim_json_refuse(c, "ValidationException", NULL, "CostAllocationTagsStatus: 1 to 20.");
        json_decref(errors);
        return;
    }
    now_text(c, now);
    json_array_foreach(wanted, i, one)
    {
        const char *key = sim_setup_text(one, "TagKey"), *status = sim_setup_text(one, "Status");
        json_t *tag = sim_setup_find(sim_setup_list(c, "cost_tags"), "TagKey", key);
        if (tag != NULL && sim_setup_one_of(status, " Active Inactive ")) {
            (void)json_object_set_new(tag, "Status", json_string(status));
            (void)json_object_set_new(tag, "LastUpdatedDate", json_string(now));
        } else {
            (void)json_array_append_new(
                errors, json_pack("{s:s, s:s, s:s}", "TagKey", key, "Code",
                                  tag == NULL ? "TagKeysNotFoundException" : "ValidationException",
                                  "Message", "Tag keys not found, or no such status"));
        }
    }
    sim_json_answer(c, json_pack("{s:o}", "Errors", errors));
}

static void start_backfill(struct sim_connection *c, const json_t *root)
{
    int64_t from, now_ms = loop_wall_ms(sim_http_owner(c)->loop);
    const char *text = sim_setup_text(root, "BackfillFrom");
    json_t *all = sim_setup_list(c, "backfills");
    char now[CLOCK_TEXT];
    if (!clock_parse_rfc3339(str_of(text), &from) || from > now_ms || from < now_ms - YEAR_MS ||
        strstr(text, "-01T00:00:00Z") == NULL) {
        sim_json_refuse(c, "ValidationException", NULL,
                        "BackfillFrom: the first of a month in the last 12, as "
                        "YYYY-MM-01T00:00:00Z.");
        return;
    }
    if (sim_setup_find(all, "BackfillStatus", "PROCESSING") != NULL) {
        sim_json_refuse(c, "BackfillLimitExceededException", NULL, "A backfill is running.");
        return;
    }
    now_text(c, now);
    json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "BackfillFrom", text, "RequestedAt", now,
                                "LastUpdatedAt", now, "BackfillStatus", "PROCESSING");
    (void)json_array_append(all, request);
    sim_json_answer(c, json_pack("{s:o}", "BackfillRequest", request));
}

bool sim_cost_tags_handle(struct sim_connection *c, struct str operation, const json_t *root)
{
    static const struct sim_paging history = {"BackfillRequests", "NextToken", "MaxResults", 1000};
    if (str_is(operation, "ListCostAllocationTags")) {
        list_tags(c, root);
    } else if (str_is(operation, "UpdateCostAllocationTagsStatus")) {
        update_status(c, root);
    } else if (str_is(operation, "StartCostAllocationTagBackfill")) {
        start_backfill(c, root);
    } else if (str_is(operation, "ListCostAllocationTagBackfillHistory")) {
        sim_setup_answer(c, root, &history, json_incref(sim_setup_list(c, "backfills")));
    } else {
        return false;
    }
    return true;
}
