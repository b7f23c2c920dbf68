/* metrics_text.c: Prometheus text format 0.0.4. */
#include <inttypes.h>

#include "core/control/core_private.h"

#define SECTION_MAX (1024 * 1024)
#define LINES_MAX   8192 /* what one row of sums may take */

static void label(struct buf *out, const char *name, struct str value)
{
    (void)buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char ch = (unsigned char)value.p[i];
        if (ch == '"' || ch == '\\') {
            (void)buf_printf(out, "\\%c", ch);
        } else if (ch >= 0x20 && ch != 0x7f) {
            (void)buf_append(out, &value.p[i], 1);
        }
    }
    (void)buf_add(out, "\"");
}

struct render {
    struct buf *requests, *tokens, *spend;
};

static void labels(struct buf *out, const struct ledger_row *row)
{
    static const char *const names[] = {"model", "cost_center", "application", "environment"};
    for (size_t i = 0; i < 4; i++) {
        (void)buf_add(out, ",");
        label(out, names[i], row->key[i].n > 0 ? row->key[i] : STR("none"));
    }
    (void)buf_add(out, "}");
}

static void count(struct buf *out, const char *metric, const char *name, const char *kind,
                  const struct ledger_row *row, int64_t n)
{
    if (n > 0) {
        (void)buf_printf(out, "%s{", metric);
        label(out, name, str_of(kind));
        labels(out, row);
        (void)buf_printf(out, " %" PRId64 "\n", n);
    }
}

static bool on_row(void *arg, const struct ledger_row *row)
{
    struct render *r = arg;
    const struct totals *t = &row->totals;
    if (r->tokens->len > SECTION_MAX - LINES_MAX || r->requests->len > SECTION_MAX - LINES_MAX) {
        return false; /* whole lines only */
    }
    count(r->requests, "tollgate_requests_total", "outcome", "approved", row,
          t->approved - t->failed);
    count(r->requests, "tollgate_requests_total", "outcome", "failed", row, t->failed);
    count(r->requests, "tollgate_requests_total", "outcome", "denied", row, t->denied);
    count(r->requests, "tollgate_requests_total", "outcome", "rejected", row, t->rejected);
    count(r->tokens, "tollgate_tokens_total", "type", "input", row, t->input_tokens);
    count(r->tokens, "tollgate_tokens_total", "type", "output", row, t->output_tokens);
    count(r->tokens, "tollgate_tokens_total", "type", "cache_read", row, t->cache_read_tokens);
    count(r->tokens, "tollgate_tokens_total", "type", "cache_write", row, t->cache_write_tokens);
    if (t->usd > 0) {
        char usd[MONEY_TEXT];
        money_format(usd, t->usd);
        (void)buf_add(r->spend, "tollgate_spend_usd_total{currency=\"USD\"");
        labels(r->spend, row);
        (void)buf_printf(r->spend, " %s\n", usd);
    }
    return true;
}

static void limit_line(struct buf *out, const char *metric, const struct limit_view *l,
                       const char *group, int64_t value, bool money)
{
    char usd[MONEY_TEXT];
    money_format(usd, value);
    (void)buf_printf(out, "%s{", metric);
    label(out, "limit", str_of(l->file->name));
    (void)buf_add(out, ",");
    label(out, "group", str_of(group));
    (void)(money ? buf_printf(out, "} %s\n", usd) : buf_printf(out, "} %" PRId64 "\n", value));
}

static void limit_lines(struct core *c, struct buf *out)
{
    static const char *const names[] = {"tollgate_limit_amount", "tollgate_limit_used",
                                        "tollgate_limit_reserved", "tollgate_limit_denied_total"};
    struct limits_view v = {.count = 0};
    if (limits_view(c->limits, clock_wall_ms(), &v) != ERR_OK) {
        return;
    }
    for (size_t m = 0; m < 4; m++) {
        (void)buf_printf(out, "# TYPE %s %s\n", names[m], m == 3 ? "counter" : "gauge");
        for (size_t i = 0; i < v.count; i++) {
            const struct limit_view *l = &v.limits[i];
            bool money = l->file->metric == METRIC_USD && m != 3;
            for (size_t g = 0; g < l->group_count; g++) {
                const struct limit_group_view *gv = &l->groups[g];
                const int64_t values[] = {gv->amount, gv->used, gv->reserved, gv->denied};
                limit_line(out, names[m], l, gv->group, values[m], money);
            }
            if (l->group_count == 0) {
                const int64_t values[] = {l->amount, l->used, l->reserved, l->denied};
                limit_line(out, names[m], l, "", values[m], money);
            }
        }
    }
    limits_view_free(&v);
}

/* Calls of the last day that Bedrock counted and tollgate did not see. */
static void bypass_lines(const struct cloud_view *v, struct buf *out)
{
    const json_t *models = json_object_get(json_object_get(v->facts, "reconcile"), "models");
    if (json_array_size(models) > 0) {
        (void)buf_add(out, "# TYPE tollgate_bypass_calls gauge\n");
    }
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *m = json_array_get(models, i);
        (void)buf_add(out, "tollgate_bypass_calls{");
        label(out, "model", str_of(json_string_value(json_object_get(m, "model"))));
        (void)buf_printf(out, "} %" JSON_INTEGER_FORMAT "\n",
                         json_integer_value(json_object_get(m, "bypass_calls")));
    }
}

static void poll_lines(struct core *c, struct buf *out)
{
    struct cloud_view v = {.source_count = 0};
    if (!c->cloud || cloud_view(c->cloud, &v) != ERR_OK) {
        return;
    }
    int64_t now = clock_wall_ms();
    (void)buf_add(out, "# TYPE tollgate_poll_age_seconds gauge\n");
    for (size_t i = 0; i < v.source_count; i++) {
        if (v.sources[i].at_ms > 0) {
            (void)buf_add(out, "tollgate_poll_age_seconds{");
            label(out, "source", str_of(v.sources[i].name));
            (void)buf_printf(out, "} %" PRId64 "\n", (now - v.sources[i].at_ms) / 1000);
        }
    }
    bypass_lines(&v, out);
    cloud_view_free(&v);
}

static void single(struct buf *out, const char *kind, const char *name, int64_t value)
{
    (void)buf_printf(out, "# TYPE %s %s\n%s %" PRId64 "\n", name, kind, name, value);
}

static void summary(struct buf *out, const char *name, int64_t sum_us, int64_t n)
{
    (void)buf_printf(out,
                     "# TYPE %s summary\n%s_sum %" PRId64 ".%06" PRId64 "\n%s_count %" PRId64 "\n",
                     name, name, sum_us / 1000000, sum_us % 1000000, name, n);
}

static void proxy_lines(struct core *c, struct buf *out)
{
    struct proxy_counts n;
    proxy_counts(c->proxy, &n);
    single(out, "gauge", "tollgate_open_calls", n.open_calls);
    single(out, "counter", "tollgate_store_failures_total", n.store_failures);
    single(out, "counter", "tollgate_connections_total", n.connections);
    single(out, "counter", "tollgate_http_requests_total", n.requests);
    (void)buf_add(out, "# TYPE tollgate_upstream_errors_total counter\n");
    for (size_t i = 0; i < PROXY_ERRORS; i++) {
        if (n.upstream_errors[i] > 0) {
            (void)buf_printf(out, "tollgate_upstream_errors_total{status=\"%s\"} %" PRId64 "\n",
                             proxy_error_name(i), n.upstream_errors[i]);
        }
    }
    (void)buf_printf(out,
                     "# TYPE tollgate_rejected_total counter\n"
                     "tollgate_rejected_total{reason=\"http\"} %" PRId64 "\n"
                     "tollgate_rejected_total{reason=\"timeout\"} %" PRId64 "\n"
                     "tollgate_rejected_total{reason=\"flood\"} %" PRId64 "\n"
                     "tollgate_rejected_total{reason=\"tls\"} %" PRId64 "\n",
                     n.bad_requests, n.timeouts, n.floods, n.tls_failures);
    summary(out, "tollgate_overhead_seconds", n.overhead_us_sum, n.overhead_count);
    summary(out, "tollgate_first_token_seconds", n.first_token_us_sum, n.first_token_count);
}

static void role_lines(struct core *c, struct buf *out)
{
    struct roles_counts n = proxy_roles(c->proxy);
    if (c->config->assume_role.arn) {
        single(out, "gauge", "tollgate_role_sets", (int64_t)n.sets);
        single(out, "counter", "tollgate_role_requests_total", n.asked);
        single(out, "counter", "tollgate_role_failures_total", n.failed);
        single(out, "gauge", "tollgate_role_broken", n.problem[0] != '\0');
    }
}

/* Counters begin with the quarter of an hour in which the core was started. */
void metrics_render(struct core *c, struct buf *out)
{
    struct buf requests, tokens, spend;
    buf_init(&requests, SECTION_MAX);
    buf_init(&tokens, SECTION_MAX);
    buf_init(&spend, SECTION_MAX);
    struct render r = {&requests, &tokens, &spend};
    struct ledger_query q = {.since_ms = c->started_ms - c->started_ms % 900000,
                             .until_ms = (clock_wall_ms() / 900000 + 1) * 900000,
                             .by = {"model", "costCenter", "applicationId", "environment"},
                             .by_count = 4};
    (void)!ledger_sum(c->ledger, &q, on_row, &r, NULL);
    (void)buf_add(out, "# TYPE tollgate_requests_total counter\n");
    (void)buf_add_str(out, buf_str(&requests));
    (void)buf_add(out, "# TYPE tollgate_tokens_total counter\n");
    (void)buf_add_str(out, buf_str(&tokens));
    (void)buf_add(out, "# TYPE tollgate_spend_usd_total counter\n");
    (void)buf_add_str(out, buf_str(&spend));
    buf_free(&requests);
    buf_free(&tokens);
    buf_free(&spend);
    limit_lines(c, out);
    proxy_lines(c, out);
    role_lines(c, out);
    poll_lines(c, out);
}
