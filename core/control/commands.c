/* commands.c: which methods there are, who may give them, and the plain ones. */
#include "core/control/commands.h"

#include <string.h>
#include <sys/eventfd.h>

#define AUDIT_MAX   500
#define AUDIT_BYTES (900 * 1024)
#define FLUSH_MS    2000

static const struct command commands[] = {
#define COMMAND(method, class, way, without_core, operators, function)                             \
    {method, class, way, without_core, operators, function},
#include "core/control/commands.def"
#undef COMMAND
};

const struct command *commands_find(const char *method)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].method, method) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

enum err commands_allow(const struct core *c, const struct actor *a, const char *method,
                        const struct command **out, struct err_info *ei)
{
    const struct command *k = commands_find(method);
    *out = k;
    if (!k) {
        return err_set(ei, ERR_UNSUPPORTED, "no method '%.64s'", method);
    }
    if ((k->class != COMMAND_READ || k->operators_only) && !a->operates) {
        return err_set(ei, ERR_FORBIDDEN,
                       "%s is for operators; %s is a viewer here (control.operators in the "
                       "configuration lists their groups)",
                       method, a->login);
    }
    if (!c->proxy && !k->without_core) {
        return err_set(ei, ERR_NO_CORE, "%s needs a running core", method);
    }
    return ERR_OK;
}

enum err commands_run(struct core *c, const struct actor *a, const char *method,
                      const json_t *params, json_t **result, struct err_info *ei)
{
    const struct command *k;
    enum err e = commands_allow(c, a, method, &k, ei);
    *result = NULL;
    if (e == ERR_OK && k->way == COMMAND_FLUSHED) {
        (void)!ledger_flush(c->ledger, FLUSH_MS); /* what is not stored is missing, as before */
    }
    return e == ERR_OK ? k->run(c, a, params, result, ei) : e;
}

/* --- parameters --- */

const char *param_text(const json_t *params, const char *name)
{
    return json_string_value(json_object_get(params, name));
}

bool param_true(const json_t *params, const char *name)
{
    return json_is_true(json_object_get(params, name));
}

enum err param_until(const json_t *params, int64_t now_ms, int64_t *until_ms, struct err_info *ei)
{
    const char *duration = param_text(params, "for"), *until = param_text(params, "until");
    int64_t ms = 0;
    *until_ms = 0;
    if (duration && until) {
        return err_set(ei, ERR_PARSE, "for and until exclude each other");
    }
    if (duration) {
        if (!config_duration_parse(str_of(duration), &ms) || ms <= 0) {
            return err_set(ei, ERR_PARSE, "for '%.40s': must be a duration such as 30m, 1h or 2d",
                           duration);
        }
        *until_ms = money_add(now_ms, ms);
    }
    if (until && (!clock_parse_rfc3339(str_of(until), until_ms) || *until_ms <= now_ms)) {
        return err_set(ei, ERR_PARSE,
                       "until '%.40s': must be a time to come, as 2026-11-21T18:00:00Z", until);
    }
    return ERR_OK;
}

enum err param_time(const json_t *params, const char *name, int64_t now_ms, int64_t *out,
                    struct err_info *ei)
{
    const char *text = param_text(params, name);
    int64_t ms = 0;
    if (!text) {
        return ERR_OK;
    }
    if (config_duration_parse(str_of(text), &ms)) {
        *out = now_ms - ms;
        return ERR_OK;
    }
    return clock_parse_rfc3339(str_of(text), out)
               ? ERR_OK
               : err_set(ei, ERR_PARSE,
                         "%s '%.40s': must be an age such as 24h or a time as 2026-11-21T18:00:00Z",
                         name, text);
}

/* --- the plain methods --- */

enum err run_status(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    (void)a, (void)params;
    c->stats->sampled_us = 0; /* the ledger has been flushed */
    *result = snapshot_status(c);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for the snapshot");
}

enum err run_flush(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    (void)a, (void)params;
    enum err e = ledger_flush(c->ledger, FLUSH_MS);
    if (e != ERR_OK) {
        return err_set(ei, e, "the ledger did not take everything within %d ms", FLUSH_MS);
    }
    *result = json_object();
    return ERR_OK;
}

enum err run_refresh(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                     struct err_info *ei)
{
    (void)a, (void)params, (void)ei;
    cloud_hurry(c->cloud);
    *result = json_object();
    return ERR_OK;
}

enum err run_reload(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    (void)a, (void)params;
    enum err e = core_reload(c, ei);
    *result = e == ERR_OK ? json_object() : NULL;
    return e;
}

enum err run_stop(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                  struct err_info *ei)
{
    (void)a, (void)ei;
    atomic_store(&c->stopping, param_true(params, "now") ? 2 : 1);
    (void)eventfd_write(c->wake_fd, 1);
    *result = json_object();
    return ERR_OK;
}

/* --- audit --- */

struct audit_answer {
    json_t *entries;
    size_t bytes;
};

static bool on_entry(void *arg, const struct audit_entry *e)
{
    struct audit_answer *a = arg;
    json_t *entry = entry_json_with_unit(e);
    a->bytes += entry ? json_dumpb(entry, NULL, 0, JSON_COMPACT) : 0;
    return json_array_append_new(a->entries, entry) == 0 && a->bytes < AUDIT_BYTES;
}

size_t param_where(const json_t *params, struct ledger_where out[LEDGER_WHERE_MAX])
{
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach(json_object_get(params, "where"), key, value)
    {
        if (n < LEDGER_WHERE_MAX && json_is_string(value)) {
            out[n++] = (struct ledger_where){key, json_string_value(value)};
        }
    }
    return n;
}

#define QUICK_MS (2 * 3600000LL)

enum err run_audit(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    (void)a;
    int64_t now = clock_wall_ms();
    struct audit_query q = {.newest_first = true, .max = AUDIT_MAX};
    enum err e = param_time(params, "since", now, &q.since_ms, ei);
    e = e == ERR_OK ? param_time(params, "until", now, &q.until_ms, ei) : e;
    if (e != ERR_OK) {
        return e;
    }
    json_int_t max = json_integer_value(json_object_get(params, "max"));
    q.max = max > 0 && max < AUDIT_MAX ? max : AUDIT_MAX;
    q.after_seq = json_integer_value(json_object_get(params, "after_seq"));
    q.denials_only = param_true(params, "denials_only");
    q.calls = q.denials_only || !param_true(params, "changes") || param_true(params, "calls");
    q.changes = !q.denials_only && (!param_true(params, "calls") || param_true(params, "changes"));
    q.limit = param_text(params, "limit");
    if (q.until_ms > 0 && param_true(params, "quick")) {
        q.stored_by_ms = q.until_ms + QUICK_MS;
    }
    q.where_count = param_where(params, q.where);
    struct audit_answer answer = {.entries = json_array()};
    e = ledger_audit(c->ledger, &q, on_entry, &answer, ei);
    if (e != ERR_OK) {
        json_decref(answer.entries);
        return e;
    }
    *result = json_pack("{s:i, s:o}", "version", 1, "entries", answer.entries);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
}
