/* clamp.c: a call too large for what is left is admitted with less output, where the limits in its
 * way say `on_too_big: clamp`. */
#include "core/limit/limit_private.h"

void clamp_ask(struct limits *l, size_t count, const struct call *call, int64_t output,
               bool only_clamps)
{
    struct usage u = call->reserved_usage;
    struct amounts asked;
    u.output = output;
    amounts_of(&asked, &u, call->resolved.model, call_cost(call, &u));
    for (size_t i = 0; i < count; i++) {
        struct match *m = &l->matches[i];
        if (!only_clamps || m->clamps) {
            m->asked = asked.v[m->rule->file->metric];
        }
    }
}

static bool counts_output(enum config_metric metric)
{
    return metric == METRIC_TOKENS || metric == METRIC_OUTPUT_TOKENS ||
           metric == METRIC_AWS_QUOTA_TOKENS || metric == METRIC_USD;
}

/* Finds the limits that would clamp; returns the least output that all of them allow. */
static int64_t find_clamps(struct limits *l, size_t count, int64_t now_ms)
{
    int64_t least = 0;
    for (size_t i = 0; i < count; i++) {
        struct match *m = &l->matches[i];
        const struct config_limit *f = m->rule->file;
        enum verdict v = reserve_judge(m, now_ms);
        m->clamps = f->too_big_clamp && counts_output(f->metric) && (v == FULL || v == NEVER);
        int64_t own = f->min_output > 0 ? f->min_output : MIN_OUTPUT;
        least = m->clamps && own > least ? own : least;
    }
    return least;
}

int64_t clamp_output(struct limits *l, size_t count, const struct call *call, int64_t now_ms)
{
    int64_t asked = call->reserved_usage.output;
    int64_t fits = find_clamps(l, count, now_ms), over = asked;
    if (fits == 0 || fits >= asked) {
        return -1;
    }
    clamp_ask(l, count, call, fits, true);
    if (!reserve_fits(l, count, now_ms)) {
        return -1;
    }
    while (over - fits > 1) {
        int64_t middle = fits + (over - fits) / 2;
        clamp_ask(l, count, call, middle, true);
        *(reserve_fits(l, count, now_ms) ? &fits : &over) = middle;
    }
    clamp_ask(l, count, call, fits, false);
    return fits;
}
