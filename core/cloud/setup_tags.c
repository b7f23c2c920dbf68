/* setup_tags.c: cost allocation tags: which there are, making them count, and for the past. */
#include "core/cloud/setup_private.h"

#include "core/aws/cost_tags.h"
#include "core/base/clock.h"

static bool take_row(void *arg, const struct cost_tag *t)
{
    return json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:o, s:o}", "key", t->key, "type",
                                                t->type, "status", t->status, "last_used",
                                                setup_string(t->last_used), "last_updated",
                                                setup_string(t->last_updated))) == 0;
}

/* Which of the file's cost tags are not active. */
static void say_missing(const struct config *config, const json_t *rows, json_t *notes)
{
    for (size_t i = 0; i < config->cost_tags.count; i++) {
        const char *key = config->cost_tags.at[i].value, *status = NULL;
        const json_t *row;
        size_t at;
        json_array_foreach(rows, at, row)
        {
            if (strcmp(aws_json_text(row, "key"), key) == 0) {
                status = aws_json_text(row, "status");
            }
        }
        if (status == NULL) {
            setup_say(notes,
                      "%s of cost_tags: is not known to billing yet: it shows up to a day after a "
                      "tagged resource is first used.",
                      key);
        } else if (strcmp(status, "Active") != 0) {
            setup_say(notes, "%s of cost_tags: is inactive: tollgate aws tags activate %s", key,
                      key);
        }
    }
}

enum err setup_tags_list(struct setup *s, const json_t *params, json_t **result,
                         struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_CE);
    json_t *rows = json_array(), *notes = json_array();
    (void)params;
    enum err e = cost_tags_list(&a, take_row, rows, NULL, ei);
    if (e == ERR_OK) {
        say_missing(s->config, rows, notes);
        e = setup_result(json_pack("{s:O, s:O}", "tags", rows, "notes", notes), result, ei);
    }
    json_decref(rows);
    json_decref(notes);
    return e;
}

enum err setup_tags_activate(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_CE);
    json_t *given = json_object_get(params, "keys"), *one, *errors = NULL, *sent = json_array();
    const char *keys[COST_TAGS_BATCH];
    bool active = !setup_flag(params, "inactive");
    size_t i, count = 0;
    json_array_foreach(given, i, one)
    {
        if (i < COST_TAGS_BATCH) {
            keys[count++] = json_string_value(one);
            (void)json_array_append(sent, one);
        }
    }
    if (count == 0 || json_array_size(given) > COST_TAGS_BATCH) {
        json_decref(sent);
        return err_set(ei, ERR_USAGE, "name 1 to %d tag keys, as billing spells them",
                       COST_TAGS_BATCH);
    }
    if (setup_flag(params, "dry_run")) {
        json_t *plan = json_array();
        for (i = 0; i < count; i++) {
            setup_say(plan,
                      "%s the cost allocation tag %s of the account (the payer's, in an "
                      "organization).",
                      active ? "Activate" : "Deactivate", keys[i]);
        }
        setup_say(plan, "It works within a day, and not for what was spent before: tollgate aws "
                        "tags backfill does that.");
        return setup_planned(plan, json_pack("{s:o, s:b}", "keys", sent, "active", active), result,
                             ei);
    }
    enum err e = cost_tags_activate(&a, keys, count, active, &errors, ei);
    const json_t *first = json_array_get(errors, 0);
    if (e == ERR_OK && first != NULL) {
        e = err_set(ei, ERR_NOT_FOUND,
                    "%zu of %zu tags were not changed; %.80s: %.120s (a key shows up to a day "
                    "after its first use)",
                    json_array_size(errors), count, aws_json_text(first, "TagKey"),
                    aws_json_text(first, "Message"));
    }
    if (e == ERR_OK) {
        e = setup_result(json_pack("{s:O, s:b, s:[s]}", "keys", sent, "active", active, "notes",
                                   "Taken by AWS; it works within a day."),
                         result, ei);
    }
    json_decref(errors);
    json_decref(sent);
    return e;
}

enum err setup_tags_backfill(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_CE);
    const char *from;
    char start[CLOCK_TEXT] = "";
    int64_t ms;
    json_t *request = NULL;
    enum err e =
        setup_need(params, "from", "a month of the last twelve, such as 2026-01", &from, ei);
    if (e == ERR_OK) {
        struct buf text = {0};
        buf_printf(&text, "%.7s-01T00:00:00Z", from);
        bool ok = strlen(from) == 7 && clock_parse_rfc3339(buf_str(&text), &ms) &&
                  str_copy(start, sizeof(start), buf_str(&text));
        buf_free(&text);
        e = ok ? ERR_OK : err_set(ei, ERR_USAGE, "--from must be a month, such as 2026-01");
    }
    if (e == ERR_OK && setup_flag(params, "dry_run")) {
        json_t *plan = json_array();
        setup_say(plan, "Apply the active cost allocation tags to what was spent since %.7s.",
                  from);
        setup_say(plan, "AWS takes one such request a day and works on it for hours.");
        return setup_planned(plan, json_pack("{s:s}", "BackfillFrom", start), result, ei);
    }
    e = e != ERR_OK ? e : cost_tags_backfill(&a, start, &request, ei);
    return e != ERR_OK ? e
                       : setup_result(json_pack("{s:o, s:[s]}", "backfill", request, "notes",
                                                "The backfill has begun."),
                                      result, ei);
}
