/* test_models.c: limits read from a file, over the real catalog: one model, one counter, under
 * every spelling; and a catalog that is replaced while calls of the old one are open. */
#include "core/base/clock.h"
#include "core/limit/limit.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static const char *const file =
    "region: us-east-1\n"
    "models:\n"
    "  - name: claude-3-5-haiku\n"
    "    id: us.anthropic.claude-3-5-haiku-20241022-v1:0\n"
    "  - name: sales\n"
    "    id: arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123\n"
    "    base: claude-3-5-haiku\n"
    "  - name: nova-lite\n"
    "    id: us.amazon.nova-lite-v1:0\n"
    "limits:\n"
    "  - {name: by-name, model: claude-3-5-haiku, tokens: 100k, window: 1m}\n"
    "  - {name: by-id, model: \"anthropic.claude-3-5-haiku-20241022-v1:0\", tokens: 100k, window: "
    "1m}\n"
    "  - {name: by-glob, model: \"*haiku*\", requests: 100, window: day}\n"
    "  - {name: each, per: [model], tokens: 100k, window: 1h}\n";

#define T0 1795224960000LL /* 2026-11-21T01:36:00Z */

struct world {
    struct config *config;
    struct catalog *catalog;
};

static struct world load(void)
{
    struct config_mistakes mistakes = {0};
    struct err_info ei = {0};
    clock_set_fake_wall(T0);
    struct world w = {.config = config_parse("test.yaml", str_of(file), &mistakes)};
    if (w.config == NULL) {
        fail_msg("line %d %s: %s", mistakes.at[0].line, mistakes.at[0].key, mistakes.at[0].text);
    }
    config_mistakes_free(&mistakes);
    w.catalog = catalog_new(w.config, &ei);
    assert_string_equal(ei.text, "");
    assert_non_null(w.catalog);
    return w;
}

static void unload(struct world *w)
{
    catalog_free(w->catalog);
    config_unref(w->config);
}

static struct call call_of(struct world *w, const char *identifier)
{
    struct call c = {.max_output = -1, .admitted_wall_ms = T0};
    struct err_info ei = {0};
    enum err e = catalog_resolve(w->catalog, str_of(identifier), &c.resolved, &ei);
    assert_string_equal(ei.text, "");
    assert_int_equal(e, ERR_OK);
    c.reserved_usage = (struct usage){.input = 100, .output = 50};
    return c;
}

static struct limit_hold *admit(struct limits *l, const struct call *c)
{
    struct limit_hold *h = NULL;
    struct limit_denial d;
    assert_int_equal(limits_reserve(l, c, &h, &d), ERR_OK);
    return h;
}

static const char *const spellings[] = {
    "claude-3-5-haiku", "anthropic.claude-3-5-haiku-20241022-v1:0",
    "us.anthropic.claude-3-5-haiku-20241022-v1:0", "sales",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-haiku-20241022-v1:0"};

static void one_model_one_counter(void **state)
{
    (void)state;
    struct world w = load();
    struct limits *l = limits_new(w.config, w.catalog, NULL);
    struct limit_hold *h[6];
    struct limits_view v;
    assert_non_null(l);
    for (size_t i = 0; i < 5; i++) {
        struct call c = call_of(&w, spellings[i]);
        h[i] = admit(l, &c);
    }
    struct call nova = call_of(&w, "nova-lite");
    h[5] = admit(l, &nova);
    assert_int_equal(limits_view(l, nova.admitted_wall_ms, &v), ERR_OK);
    assert_int_equal(v.limits[0].reserved, 750);
    assert_int_equal(v.limits[1].reserved, 750);
    assert_int_equal(v.limits[2].reserved, 5);
    assert_int_equal(v.limits[3].reserved, 900);
    assert_int_equal(v.limits[3].groups_total, 2);
    assert_string_equal(v.limits[3].groups[0].group, "model=claude-3-5-haiku");
    assert_int_equal(v.limits[3].groups[0].reserved, 750);
    limits_view_free(&v);
    struct limit_override o = {.limit = "each", .has_amount = true, .amount = 10};
    (void)snprintf(o.group, sizeof(o.group), "model=%s", spellings[1]);
    assert_int_equal(limits_override(l, &o, NULL), ERR_OK);
    assert_true(limits_get_override(l, "each", "model=claude-3-5-haiku", &o));
    for (size_t i = 0; i < 6; i++) {
        limits_release(l, h[i]);
    }
    limits_free(l);
    unload(&w);
}

static void new_catalog(void **state)
{
    (void)state;
    struct world old = load(), next = load();
    struct limits *l = limits_new(old.config, old.catalog, NULL);
    struct limits_view v;
    assert_non_null(l);
    struct call c = call_of(&old, spellings[0]);
    struct limit_hold *h = admit(l, &c);
    assert_int_equal(limits_reload(l, next.config, next.catalog, NULL), ERR_OK);
    struct limit_hold *late = admit(l, &c); /* resolved before, admitted after */
    limits_release(l, late);
    unload(&old); /* nothing of the old is needed but what the open call holds itself */
    c = call_of(&next, spellings[2]);
    c.usage = (struct usage){.input = 100, .output = 20};
    limits_settle(l, h, &c);
    h = admit(l, &c);
    assert_int_equal(limits_view(l, c.admitted_wall_ms, &v), ERR_OK);
    assert_int_equal(v.limits[2].used, 1);
    assert_int_equal(v.limits[2].reserved, 1);
    limits_view_free(&v);
    limits_release(l, h);
    limits_free(l);
    unload(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model_one_counter),
        cmocka_unit_test(new_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
