/* call_commands.c: the calls that run now, or wait for room. */
#include <stdlib.h>

#include "core/control/commands.h"

#define CALLS_MAX   1000
#define CALLS_BYTES (900 * 1024)

/* --- the oldest --- */

struct times {
    int64_t *at;
    size_t count, cap;
    bool failed;
};

static void on_time(void *arg, const struct proxy_open_call *call)
{
    struct times *t = arg;
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 256 : t->cap * 2;
        int64_t *more = realloc(t->at, cap * sizeof(*more));
        if (!more) {
            t->failed = true;
            return;
        }
        t->at = more;
        t->cap = cap;
    }
    t->at[t->count++] = call->admitted_wall_ms;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Admission time of the newest call to be listed. */
static bool newest_listed(struct proxy *p, int64_t *latest)
{
    struct times t = {.count = 0};
    proxy_open_calls(p, on_time, &t);
    *latest = INT64_MAX;
    if (!t.failed && t.count > CALLS_MAX) {
        qsort(t.at, t.count, sizeof(*t.at), by_time);
        *latest = t.at[CALLS_MAX - 1];
    }
    free(t.at);
    return !t.failed;
}

struct listed {
    int64_t admitted_ms, arrived_us;
    json_t *call;
};
struct listing {
    int64_t now_ms, latest_ms;
    size_t count;
    struct listed at[CALLS_MAX];
};

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value ? value : json_null());
}

static json_t *waiting_json(const struct proxy_open_call *call)
{
    return call->waits_for ? json_pack("{s:s}", "limit", call->waits_for) : json_null();
}

static void on_open(void *arg, const struct proxy_open_call *call)
{
    struct listing *l = arg;
    if (call->admitted_wall_ms > l->latest_ms || l->count == CALLS_MAX) {
        return;
    }
    int64_t age = l->now_ms - call->admitted_wall_ms;
    json_t *o =
        json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I}", "request_id", call->request_id,
                  "model", json_str(str_of(call->model)), "operation", call->operation, "tags",
                  tags_object(call->tags), "principal",
                  call->principal.n > 0 ? json_str(call->principal) : json_null(), "admitted_at",
                  call->waits_for ? json_null() : json_time(call->admitted_wall_ms), "since",
                  json_time(call->admitted_wall_ms), "waiting", waiting_json(call), "age_ms",
                  (json_int_t)(age > 0 ? age : 0));
    if (o) {
        int64_t first = call->first_token_us - call->arrived_us;
        bool answered = call->input_tokens > 0;
        put(o, "first_token_ms", call->first_token_us > 0 ? json_integer(first / 1000) : NULL);
        put(o, "input_tokens", answered ? json_integer(call->input_tokens) : NULL);
        put(o, "output_tokens", call->waits_for ? NULL : json_integer(call->output_tokens));
        put(o, "usd", answered && call->usd >= 0 ? json_money(call->usd) : NULL);
        l->at[l->count++] = (struct listed){call->admitted_wall_ms, call->arrived_us, o};
    }
}

static int oldest_first(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->admitted_ms != y->admitted_ms) {
        return x->admitted_ms < y->admitted_ms ? -1 : 1;
    }
    return (x->arrived_us > y->arrived_us) - (x->arrived_us < y->arrived_us);
}

enum err run_calls(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    (void)a, (void)params;
    struct listing *l = calloc(1, sizeof(*l));
    json_t *calls = json_array();
    if (!l || !calls || !newest_listed(c->proxy, &l->latest_ms)) {
        free(l);
        json_decref(calls);
        return err_set(ei, ERR_NOMEM, "no memory for the list of calls");
    }
    l->now_ms = clock_wall_ms();
    proxy_open_calls(c->proxy, on_open, l);
    qsort(l->at, l->count, sizeof(l->at[0]), oldest_first);
    size_t bytes = 0;
    for (size_t i = 0; i < l->count; i++) {
        bytes += json_dumpb(l->at[i].call, NULL, 0, JSON_COMPACT) + 1;
        if (bytes < CALLS_BYTES) {
            (void)json_array_append_new(calls, l->at[i].call);
        } else {
            json_decref(l->at[i].call);
        }
    }
    free(l);
    *result = json_pack("{s:i, s:o}", "version", 1, "calls", calls);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
}
