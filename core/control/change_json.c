/* change_json.c: lines of the audit, and the small values they are made of. */
#include <stdlib.h>
#include <string.h>

#include "core/control/core_private.h"

json_t *amount_json(enum config_metric metric, int64_t amount)
{
    return metric == METRIC_USD ? json_money(amount) : json_integer(amount);
}

json_t *group_json(const char *group)
{
    json_t *out = json_object();
    struct str rest = str_of(group);
    while (out && rest.n > 0) {
        struct str value, pair = str_cut(rest, ',', &rest), key = str_cut(pair, '=', &value);
        char name[TAG_KEY_MAX + 1];
        if (key.n > 0 && str_copy(name, sizeof(name), key)) {
            (void)json_object_set_new(out, name, json_str(value));
        }
    }
    return out;
}

json_t *tags_object(const struct tags *t)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < t->count; i++) {
        char name[TAG_KEY_MAX + 1];
        if (str_copy(name, sizeof(name), t->at[i].key)) {
            (void)json_object_set_new(out, name, json_str(t->at[i].value));
        }
    }
    return out;
}

/* Amounts are kept as text: a number, "blocked" or nothing. */
static json_t *amount_text_json(struct str text)
{
    char copy[64];
    if (text.n == 0) {
        return json_null();
    }
    if (!str_copy(copy, sizeof(copy), text)) {
        return json_str(text);
    }
    char *end = NULL;
    long long whole = strtoll(copy, &end, 10);
    if (end && *end == '\0') {
        return json_integer(whole);
    }
    money_t money;
    return money_parse(text, &money) ? json_money(money) : json_str(text);
}

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value ? value : json_null());
}

static json_t *change_of(const struct audit_entry *e)
{
    json_t *o = json_object();
    put(o, "version", json_integer(1));
    put(o, "seq", json_integer(e->seq));
    put(o, "type", json_string("change"));
    put(o, "time", json_time(e->time_ms));
    put(o, "change_id", json_integer(e->change_id));
    put(o, "action", json_str(e->action));
    put(o, "limit", e->limit.n > 0 ? json_str(e->limit) : json_null());
    char group[256];
    (void)str_copy(group, sizeof(group), e->group);
    put(o, "group", group_json(group));
    put(o, "old", amount_text_json(e->old_value));
    put(o, "new", amount_text_json(e->new_value));
    put(o, "until", json_time(e->until_ms));
    json_t *actor = json_object();
    put(actor, "uid", e->actor_uid == ACTOR_NOBODY ? json_null() : json_integer(e->actor_uid));
    put(actor, "login", json_str(e->actor_login));
    put(o, "actor", actor);
    put(o, "reason", json_str(e->reason));
    put(o, "ticket", json_str(e->ticket));
    put(o, "undoes", e->undoes ? json_integer(e->undoes) : json_null());
    return o;
}

static json_t *usage_of(const struct usage *u)
{
    json_t *o = json_object();
    put(o, "input_tokens", json_integer(u->input));
    put(o, "output_tokens", json_integer(u->output));
    put(o, "cache_read_tokens", json_integer(u->cache_read));
    put(o, "cache_write_5m_tokens", json_integer(u->cache_write_5m));
    put(o, "cache_write_1h_tokens", json_integer(u->cache_write_1h));
    return o;
}

static json_t *or_null(struct str s)
{
    return s.n > 0 ? json_str(s) : json_null();
}

static json_t *call_of(const struct audit_entry *e)
{
    json_t *o = json_object();
    put(o, "version", json_integer(1));
    put(o, "seq", json_integer(e->seq));
    put(o, "type", json_string("call"));
    put(o, "time", json_time(e->time_ms));
    put(o, "request_id", json_str(e->request_id));
    put(o, "outcome", json_string(call_outcome_name(e->outcome)));
    put(o, "dialect", json_str(e->dialect));
    put(o, "operation", or_null(e->operation));
    put(o, "model", or_null(e->model));
    put(o, "model_id", or_null(e->model_id));
    put(o, "principal", or_null(e->principal));
    put(o, "tags", tags_object(&e->tags));
    put(o, "http_status", json_integer(e->http_status));
    put(o, "usage", usage_of(&e->usage));
    put(o, "usage_source", json_string(e->usage_reported ? "reported" : "estimated"));
    put(o, "usd", e->priced ? json_money(e->usd) : json_null());
    put(o, "priced", json_boolean(e->priced));
    put(o, "duration_ms", json_integer(e->duration_ms));
    put(o, "first_token_ms",
        e->first_token_ms >= 0 ? json_integer(e->first_token_ms) : json_null());
    put(o, "limit", or_null(e->limit));
    put(o, "error", or_null(e->error));
    return o;
}

json_t *entry_json(const struct audit_entry *e)
{
    return e->is_change ? change_of(e) : call_of(e);
}

json_t *entry_json_with_unit(const struct audit_entry *e)
{
    json_t *o = entry_json(e);
    bool usd = json_is_real(json_object_get(o, "old")) || json_is_real(json_object_get(o, "new"));
    if (e->is_change) {
        put(o, "unit", usd ? json_string("usd") : json_null());
    }
    return o;
}
