/* audit_event.c: an entry of the audit as a line of JSON. */
#include "core/base/clock.h"
#include "core/cloud/audit_batch.h"

#include <inttypes.h>

#define ACTOR_NOBODY UINT32_MAX /* the core itself: no user's change */

static void add_string(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, ",\"%s\":", name);
    buf_json_string(out, value);
}

static void add_or_null(struct buf *out, const char *name, struct str value)
{
    if (value.n > 0) {
        add_string(out, name, value);
    } else {
        buf_printf(out, ",\"%s\":null", name);
    }
}

static void add_int(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, ",\"%s\":%" PRId64, name, value);
}

static void add_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT] = "";
    if (wall_ms > 0) {
        clock_rfc3339(text, wall_ms);
    }
    add_or_null(out, name, str_of(text));
}

static void add_money(struct buf *out, const char *name, money_t m)
{
    char text[MONEY_TEXT];
    money_format(text, m);
    buf_printf(out, ",\"%s\":%s", name, text);
}

/* Amounts are kept as text: a number, "blocked" or nothing. */
static void add_amount(struct buf *out, const char *name, struct str text)
{
    int64_t whole;
    money_t money;
    if (str_to_i64(text, &whole)) {
        add_int(out, name, whole);
    } else if (money_parse(text, &money)) {
        add_money(out, name, money);
    } else {
        add_or_null(out, name, text);
    }
}

static void add_group(struct buf *out, struct str group)
{
    const char *comma = "";
    buf_add(out, ",\"group\":{");
    while (group.n > 0) {
        struct str rest, value;
        struct str pair = str_cut(group, ',', &rest);
        struct str key = str_cut(pair, '=', &value);
        if (key.n > 0) {
            buf_add(out, comma);
            buf_json_string(out, key);
            buf_add(out, ":");
            buf_json_string(out, value);
            comma = ",";
        }
        group = rest;
    }
    buf_add(out, "}");
}

static void add_change(struct buf *out, const struct audit_entry *e)
{
    add_int(out, "change_id", e->change_id);
    add_string(out, "action", e->action);
    add_or_null(out, "limit", e->limit);
    add_group(out, e->group);
    add_amount(out, "old", e->old_value);
    add_amount(out, "new", e->new_value);
    add_time(out, "until", e->until_ms);
    if (e->actor_uid == ACTOR_NOBODY) {
        buf_add(out, ",\"actor\":{\"uid\":null");
    } else {
        buf_printf(out, ",\"actor\":{\"uid\":%" PRIu32, e->actor_uid);
    }
    add_string(out, "login", e->actor_login);
    buf_add(out, "}");
    add_string(out, "reason", e->reason);
    add_string(out, "ticket", e->ticket);
    if (e->undoes != 0) {
        add_int(out, "undoes", e->undoes);
    } else {
        buf_add(out, ",\"undoes\":null");
    }
}

static void add_tags(struct buf *out, const struct tags *tags)
{
    buf_add(out, ",\"tags\":{");
    for (size_t i = 0; i < tags->count; i++) {
        buf_add(out, i > 0 ? "," : "");
        buf_json_string(out, tags->at[i].key);
        buf_add(out, ":");
        buf_json_string(out, tags->at[i].value);
    }
    buf_add(out, "}");
}

static void add_usage(struct buf *out, const struct usage *u)
{
    buf_printf(out,
               ",\"usage\":{\"input_tokens\":%" PRId64 ",\"output_tokens\":%" PRId64
               ",\"cache_read_tokens\":%" PRId64 ",\"cache_write_5m_tokens\":%" PRId64
               ",\"cache_write_1h_tokens\":%" PRId64 "}",
               u->input, u->output, u->cache_read, u->cache_write_5m, u->cache_write_1h);
}

static void add_call(struct buf *out, const struct audit_entry *e)
{
    add_string(out, "request_id", e->request_id);
    add_string(out, "requestId", e->request_id);
    add_string(out, "outcome", str_of(call_outcome_name(e->outcome)));
    add_string(out, "dialect", e->dialect);
    add_or_null(out, "operation", e->operation);
    add_or_null(out, "model", e->model);
    add_or_null(out, "model_id", e->model_id);
    add_or_null(out, "principal", e->principal);
    add_tags(out, &e->tags);
    add_int(out, "http_status", e->http_status);
    add_usage(out, &e->usage);
    add_string(out, "usage_source", e->usage_reported ? STR("reported") : STR("estimated"));
    if (e->priced) {
        add_money(out, "usd", e->usd);
    } else {
        buf_add(out, ",\"usd\":null");
    }
    buf_printf(out, ",\"priced\":%s", e->priced ? "true" : "false");
    add_int(out, "duration_ms", e->duration_ms);
    if (e->first_token_ms >= 0) {
        add_int(out, "first_token_ms", e->first_token_ms);
    } else {
        buf_add(out, ",\"first_token_ms\":null");
    }
    add_or_null(out, "limit", e->limit);
    add_or_null(out, "error", e->error);
}

bool audit_event(struct buf *out, const struct audit_entry *e)
{
    buf_printf(out, "{\"version\":1,\"seq\":%" PRId64 ",\"type\":\"%s\"", e->seq,
               e->is_change ? "change" : "call");
    add_time(out, "time", e->time_ms);
    if (e->is_change) {
        add_change(out, e);
    } else {
        add_call(out, e);
    }
    return buf_add(out, "}");
}
