/* report.c: audit and usage, read beside a running core or without one. */
#include "core/control/report.h"

#include <stdlib.h>

#include "core/control/client.h"
#include "core/control/core_private.h"

#define FLUSH_MS 3000

struct report {
    struct config *config;
    struct ledger *ledger;
};

/* Best effort: what the core cannot write now is missing from the report, as it would be a moment
 * ago. */
static void flush(const struct config *config)
{
    char path[4096];
    core_socket_path(path, sizeof(path), config->state_dir);
    struct client *client = client_open(path, NULL, NULL);
    json_t *result = NULL;
    if (client && client_call(client, "flush", NULL, FLUSH_MS, &result, NULL) == ERR_OK) {
        json_decref(result);
    }
    client_close(client);
}

struct report *report_open(struct config *config, struct err_info *ei)
{
    struct report *r = calloc(1, sizeof(*r));
    if (!r) {
        (void)err_set(ei, ERR_NOMEM, "no memory");
        return NULL;
    }
    r->config = config_ref(config);
    flush(config);
    r->ledger = ledger_open_read(config->state_dir, ei);
    if (!r->ledger) {
        report_close(r);
        return NULL;
    }
    return r;
}

void report_close(struct report *r)
{
    if (r) {
        if (r->ledger) {
            ledger_close(r->ledger);
        }
        config_unref(r->config);
        free(r);
    }
}

struct line_sink {
    bool (*fn)(void *arg, json_t *line);
    void *arg;
    int64_t *seq;
};

static bool on_entry(void *arg, const struct audit_entry *e)
{
    struct line_sink *s = arg;
    json_t *line = entry_json(e);
    bool more = s->fn(s->arg, line);
    json_decref(line);
    *s->seq = e->seq;
    return more;
}

static bool on_newest(void *arg, const struct audit_entry *e)
{
    *(int64_t *)arg = e->seq;
    return true;
}

/* The newest ones that are asked for are listed oldest first: from which entry on? 0: there is
 * none. */
static enum err first_of_newest(struct report *r, const struct audit_query *q, int64_t *first,
                                struct err_info *ei)
{
    struct audit_query backwards = *q;
    backwards.newest_first = true;
    *first = 0;
    return ledger_audit(r->ledger, &backwards, on_newest, first, ei);
}

enum err report_audit(struct report *r, const struct report_filter *f, int64_t *seq,
                      bool (*fn)(void *arg, json_t *line), void *arg, struct err_info *ei)
{
    struct audit_query q = {.since_ms = f->since_ms,
                            .until_ms = f->until_ms,
                            .after_seq = *seq,
                            .calls = f->calls,
                            .denials_only = f->denials_only,
                            .changes = f->changes,
                            .limit = f->limit,
                            .where_count = f->where_count,
                            .max = f->max};
    for (size_t i = 0; i < f->where_count; i++) {
        q.where[i].key = f->where[i].key;
        q.where[i].value = f->where[i].value;
    }
    if (f->max > 0 && *seq == 0) {
        int64_t first;
        enum err e = first_of_newest(r, &q, &first, ei);
        if (e != ERR_OK || first == 0) {
            return e;
        }
        q.after_seq = first - 1;
    }
    struct line_sink sink = {fn, arg, seq};
    return ledger_audit(r->ledger, &q, on_entry, &sink, ei);
}

struct row_sink {
    json_t *rows;
    const char *const *by;
    size_t by_count;
};

static bool on_row(void *arg, const struct ledger_row *row)
{
    struct row_sink *s = arg;
    json_t *o = json_object(), *key = json_object();
    for (size_t i = 0; i < s->by_count; i++) {
        (void)json_object_set_new(key, s->by[i], json_str(row->key[i]));
    }
    (void)json_object_set_new(o, "key", key);
    snapshot_totals(o, &row->totals);
    return json_array_append_new(s->rows, o) == 0;
}

enum err report_usage(struct report *r, const struct report_filter *f, const char *const *by,
                      size_t by_count, json_t **result, struct err_info *ei)
{
    struct ledger_query q = {.since_ms = f->since_ms,
                             .until_ms = f->until_ms ? f->until_ms : clock_wall_ms(),
                             .by_count = by_count,
                             .where_count = f->where_count};
    json_t *names = json_array();
    for (size_t i = 0; i < by_count; i++) {
        q.by[i] = by[i];
        (void)json_array_append_new(names, json_string(by[i]));
    }
    for (size_t i = 0; i < f->where_count; i++) {
        q.where[i].key = f->where[i].key;
        q.where[i].value = f->where[i].value;
    }
    struct row_sink sink = {json_array(), by, by_count};
    enum err e = ledger_sum(r->ledger, &q, on_row, &sink, ei);
    if (e != ERR_OK) {
        json_decref(names);
        json_decref(sink.rows);
        return e;
    }
    *result = json_pack("{s:i, s:o, s:o, s:o, s:o}", "version", 1, "since", json_time(q.since_ms),
                        "until", json_time(q.until_ms), "by", names, "rows", sink.rows);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
}
