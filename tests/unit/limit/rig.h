/* rig.h: an engine over limits written by hand, with a frozen clock, for the tests of this room.
 * Models are the three below; `model:` patterns are plain globs over their names. */
#ifndef TOLLGATE_TESTS_LIMIT_RIG_H
#define TOLLGATE_TESTS_LIMIT_RIG_H

#include "core/base/clock.h"
#include "core/limit/limit.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

/* 2026-11-21T01:36:00Z, a Saturday. */
#define T0             1795224960000LL
#define MINUTE         60000LL
#define HOUR           3600000LL
#define DAY            86400000LL

#define RIG_LIMITS_MAX 16

struct rig {
    struct config config;
    struct config_limit limits[RIG_LIMITS_MAX];
    struct limits *l;
    int64_t now_ms;
};

/* The real ones need a file with models; here only the name counts. */
__attribute__((weak)) bool catalog_matches(struct catalog *c, const char *pattern,
                                           const struct model *m)
{
    (void)c;
    return str_glob(str_of(pattern), str_of(m->name));
}

__attribute__((weak)) const struct model *catalog_find(struct catalog *c, struct str name)
{
    (void)c;
    (void)name;
    return NULL;
}

static const struct model rig_haiku = {.name = "haiku",
                                       .base_id = "anthropic.haiku",
                                       .max_output = 8192,
                                       .burndown = 5,
                                       .overhead_call = 10,
                                       .overhead_message = 4,
                                       .overhead_tool = 20};
static const struct model rig_lite = {
    .name = "lite", .base_id = "amazon.lite", .max_output = 2000, .burndown = 1};

static inline void rig_time(struct rig *r, int64_t now_ms)
{
    r->now_ms = now_ms;
    clock_set_fake_wall(now_ms);
}

static inline void rig_init(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    r->config.path = "";
    r->config.timezone = "UTC";
    r->config.references = 1;
    r->config.limits = r->limits;
    rig_time(r, T0);
}

static inline struct config_limit *rig_limit(struct rig *r, const char *name,
                                             enum config_metric metric, int64_t amount,
                                             enum config_window window)
{
    struct config_limit *f = &r->limits[r->config.limit_count++];
    *f = (struct config_limit){
        .name = name,
        .metric = metric,
        .amount = amount,
        .window = window,
        .warn = {80, 100},
        .warn_count = 2,
        .ceiling = -1,
        .floor = -1,
        .action = ACTION_DENY,
    };
    return f;
}

static inline void rig_start(struct rig *r)
{
    struct err_info ei = {0};
    r->l = limits_new(&r->config, NULL, &ei);
    assert_string_equal(ei.text, "");
    assert_non_null(r->l);
}

static inline void rig_end(struct rig *r)
{
    limits_free(r->l);
    assert_int_equal(r->config.references, 1);
    clock_set_fake_wall(0);
}

/* A call of the model haiku with one tag that reserves input and output tokens. */
static inline struct call rig_call(const struct rig *r, const char *cost_center, int64_t input,
                                   int64_t output)
{
    struct call c = {.max_output = -1};
    c.resolved.model = &rig_haiku;
    c.admitted_wall_ms = r->now_ms;
    c.reserved_usage = (struct usage){.input = input, .output = output};
    c.price = (struct price){800000000, 4000000000, -1, -1, -1};
    c.priced = true;
    c.usage_reported = true;
    if (cost_center != NULL) {
        c.tags.at[0] = (struct tag){STR("costCenter"), str_of(cost_center)};
        c.tags.count = 1;
    }
    return c;
}

static inline struct limit_hold *rig_admit(struct rig *r, const struct call *c)
{
    struct limit_hold *h = NULL;
    struct limit_denial d;
    assert_int_equal(limits_reserve(r->l, c, &h, &d), ERR_OK);
    assert_non_null(h);
    return h;
}

static inline struct limit_denial rig_refuse(struct rig *r, const struct call *c)
{
    struct limit_hold *h = NULL;
    struct limit_denial d;
    memset(&d, 0xff, sizeof(d));
    assert_int_equal(limits_reserve(r->l, c, &h, &d), ERR_FULL);
    assert_null(h);
    return d;
}

static inline void rig_settle(struct rig *r, struct limit_hold *h, struct call *c, int64_t input,
                              int64_t output)
{
    c->usage = (struct usage){.input = input, .output = output};
    c->usd = usage_cost(&c->usage, &c->price);
    limits_settle(r->l, h, c);
}

static inline struct limits_view rig_view(struct rig *r)
{
    struct limits_view v;
    assert_int_equal(limits_view(r->l, r->now_ms, &v), ERR_OK);
    assert_true(v.reserved_matches);
    return v;
}

/* used and reserved of limit i, over its groups. */
static inline void rig_expect(struct rig *r, size_t i, int64_t used, int64_t reserved)
{
    struct limits_view v = rig_view(r);
    assert_true(i < v.count);
    assert_int_equal(v.limits[i].used, used);
    assert_int_equal(v.limits[i].reserved, reserved);
    limits_view_free(&v);
}

static inline struct limit_override rig_override(const char *limit, const char *group,
                                                 int64_t amount)
{
    struct limit_override o = {
        .id = 7, .has_amount = amount >= 0, .amount = amount, .actor = "ops"};
    (void)str_copy(o.limit, sizeof(o.limit), str_of(limit));
    (void)str_copy(o.group, sizeof(o.group), str_of(group));
    o.since_ms = T0;
    return o;
}

#endif
