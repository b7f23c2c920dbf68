/* test_catalog.c: every spelling to one model; prices by scope and date; what is refused. */
#include "core/base/clock.h"
#include "core/catalog/catalog_private.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define HAIKU   "anthropic.claude-3-5-haiku-20241022-v1:0"
#define PROFILE "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

static const char usual_file[] =
    "region: us-east-1\n"
    "models:\n"
    "  - name: claude-3-5-haiku\n"
    "    id: us." HAIKU "\n"
    "    profiles: {sales: '" PROFILE "', support: sup456}\n"
    "  - {name: sales, id: '" PROFILE "', base: claude-3-5-haiku}\n"
    "  - {name: quick, base: sales}\n"
    "  - {name: nova, id: amazon.nova-lite-v1:0, price: {input: 1, cache_write: 0.5},"
    " max_output: 777}\n"
    "  - {name: nova-eu, id: eu.amazon.nova-lite-v1:0}\n"
    "  - {name: house, id: acme.house-v1}\n";

static struct config *config;

static struct catalog *open_catalog(const char *text)
{
    struct config_mistakes mistakes;
    struct err_info ei = {0};
    config = config_parse("tollgate.yaml", str_of(text), &mistakes);
    assert_non_null(config);
    config_mistakes_free(&mistakes);
    struct catalog *c = catalog_new(config, &ei);
    if (c == NULL) {
        fail_msg("%s", ei.text);
    }
    return c;
}

static void close_catalog(struct catalog *c)
{
    catalog_free(c);
    config_unref(config);
}

static struct resolved resolve(struct catalog *c, const char *identifier)
{
    struct resolved r;
    struct err_info ei = {0};
    if (catalog_resolve(c, str_of(identifier), &r, &ei) != ERR_OK) {
        fail_msg("%s", ei.text);
    }
    return r;
}

static void one_model_under_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *identifier, *upstream, *metric, *cost_center;
        bool is_profile;
    } cases[] = {
        {"claude-3-5-haiku", "us." HAIKU, "us." HAIKU, NULL, false},
        {HAIKU, HAIKU, HAIKU, NULL, false},
        {"us." HAIKU, "us." HAIKU, "us." HAIKU, NULL, false},
        {"apac." HAIKU, "apac." HAIKU, "apac." HAIKU, NULL, false},
        {"jp." HAIKU, "jp." HAIKU, "jp." HAIKU, NULL, false},
        {"us-gov." HAIKU, "us-gov." HAIKU, "us-gov." HAIKU, NULL, false},
        {"arn:aws:bedrock:us-east-1::foundation-model/" HAIKU,
         "arn:aws:bedrock:us-east-1::foundation-model/" HAIKU, HAIKU, NULL, false},
        {"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu." HAIKU,
         "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu." HAIKU, "eu." HAIKU, NULL,
         false},
        {PROFILE, PROFILE, "abc123", "sales", true},
        {"abc123", "abc123", "abc123", "sales", true},
        {"sup456", "sup456", "sup456", "support", true},
        {"sales", PROFILE, "abc123", "sales", true},
        {"quick", PROFILE, "abc123", "sales", true},
    };
    struct catalog *c = open_catalog(usual_file);
    const struct model *haiku = catalog_find(c, STR("claude-3-5-haiku"));
    assert_non_null(haiku);
    assert_string_equal(haiku->name, "claude-3-5-haiku");
    assert_string_equal(haiku->base_id, HAIKU);
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct resolved r = resolve(c, cases[i].identifier);
            assert_ptr_equal(r.model, haiku);
            assert_string_equal(r.upstream_id, cases[i].upstream);
            assert_string_equal(r.model_metric, cases[i].metric);
            assert_int_equal(r.is_profile, cases[i].is_profile);
            assert_false(r.unknown);
            if (cases[i].cost_center == NULL) {
                assert_null(r.profile_cost_center);
            } else {
                assert_string_equal(r.profile_cost_center, cases[i].cost_center);
            }
            assert_ptr_equal(catalog_find(c, str_of(cases[i].identifier)), haiku);
            assert_true(catalog_matches(c, cases[i].identifier, haiku));
        }
    }
    close_catalog(c);
}

static void what_the_file_names(void **state)
{
    (void)state;
    struct catalog *c = open_catalog(usual_file);
    assert_int_equal(catalog_count(c), 3);
    assert_string_equal(catalog_at(c, 0)->name, "claude-3-5-haiku");
    assert_string_equal(catalog_at(c, 1)->name, "nova");
    assert_string_equal(catalog_at(c, 2)->name, "house");
    assert_null(catalog_at(c, 3));
    assert_int_equal(catalog_at(c, 1)->max_output, 777);
    assert_int_equal(catalog_at(c, 1)->family, FAMILY_NOVA);
    assert_string_equal(catalog_display_id(c, catalog_at(c, 0)), "us." HAIKU);
    struct resolved r = resolve(c, "nova-eu");
    assert_ptr_equal(r.model, catalog_at(c, 1));
    assert_string_equal(r.upstream_id, "eu.amazon.nova-lite-v1:0");
    r = resolve(c, "us.acme.house-v1");
    assert_ptr_equal(r.model, catalog_at(c, 2));
    r = resolve(c, "meta.llama3-3-70b-instruct-v1:0");
    assert_string_equal(r.model->name, "meta.llama3-3-70b-instruct-v1:0");
    assert_string_equal(catalog_display_id(c, r.model), r.model->base_id);
    /* The ID of the other endpoint is the same model. */
    assert_ptr_equal(resolve(c, "openai.gpt-oss-120b").model,
                     resolve(c, "openai.gpt-oss-120b-1:0").model);
    close_catalog(c);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *identifier;
        enum err err;
    } cases[] = {
        {"claude-9", ERR_NOT_FOUND},
        {"", ERR_NOT_FOUND},
        {"US." HAIKU, ERR_NOT_FOUND},
        {"xx." HAIKU, ERR_NOT_FOUND},
        {HAIKU " ", ERR_NOT_FOUND},
        {"arn:aws:bedrock:us-east-1::foundation-model/acme.none", ERR_NOT_FOUND},
        {"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/zzz", ERR_NOT_FOUND},
        {"arn:aws:bedrock:us-east-1:123456789012:prompt/P:1", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1:123456789012:prompt-router/r", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/r", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1:123456789012:provisioned-model/p", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1:123456789012:custom-model/p", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1:123456789012:imported-model/p", ERR_FORBIDDEN},
        {"arn:aws:sagemaker:us-east-1:123456789012:endpoint/e", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1::foundation-model", ERR_FORBIDDEN},
        {"arn:aws:bedrock:us-east-1::foundation-model/", ERR_FORBIDDEN},
        {"arn:aws:bedrock", ERR_FORBIDDEN},
        {"arn:", ERR_FORBIDDEN},
        {"arn:aws:bedrock:US/1::foundation-model/" HAIKU, ERR_FORBIDDEN},
    };
    struct catalog *c = open_catalog(usual_file);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct resolved r;
        struct err_info ei = {0};
        enum err err = catalog_resolve(c, str_of(cases[i].identifier), &r, &ei);
        if (err != cases[i].err) {
            fail_msg("%s gave %s", cases[i].identifier, err_name(err));
        }
        assert_null(r.model);
        assert_true(ei.text[0] != '\0');
    }
    struct resolved r;
    struct err_info ei = {0};
    assert_int_equal(catalog_resolve(c, STR("X\033[m"), &r, &ei), ERR_NOT_FOUND);
    assert_string_equal(ei.text,
                        "unknown model 'X\\x1b[m': add it under models: in tollgate.yaml or "
                        "set unknown_models: allow");
    close_catalog(c);
}

static void unknown_models_when_allowed(void **state)
{
    (void)state;
    struct catalog *c = open_catalog("region: us-east-1\nunknown_models: allow\n");
    struct resolved r = resolve(c, "eu.acme.new-v1:0"), same = resolve(c, "acme.new-v1:0");
    assert_true(r.unknown && same.unknown);
    assert_ptr_equal(r.model, same.model);
    assert_string_equal(r.model->name, "acme.new-v1:0");
    assert_string_equal(r.upstream_id, "eu.acme.new-v1:0");
    assert_int_equal(r.model->max_output, 131072);
    struct price p;
    assert_false(catalog_price(c, &r, clock_wall_ms(), &p));
    assert_ptr_equal(catalog_find(c, STR("us.acme.new-v1:0")), r.model);
    assert_true(catalog_matches(c, "acme.new-v1:0", r.model));
    r = resolve(c, PROFILE);
    assert_true(r.unknown && r.is_profile);
    assert_string_equal(r.model_metric, "abc123");
    struct err_info ei = {0};
    assert_int_equal(catalog_resolve(c, STR("arn:aws:bedrock:a::prompt/p"), &r, &ei),
                     ERR_FORBIDDEN);
    static const char *const bad[] = {"a b", "a/../b", "a\"b", "a\nb"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(catalog_resolve(c, str_of(bad[i]), &r, NULL), ERR_NOT_FOUND);
    }
    close_catalog(c);
}

static void unknown_models_are_bounded(void **state)
{
    (void)state;
    struct catalog *c = open_catalog("region: us-east-1\nunknown_models: allow\n");
    struct resolved r;
    enum err err = ERR_OK;
    int made = 0;
    while (err == ERR_OK && made <= 2000) {
        char id[32];
        snprintf(id, sizeof(id), "acme.m-%d", made);
        err = catalog_resolve(c, str_of(id), &r, NULL);
        made += err == ERR_OK;
    }
    assert_int_equal(err, ERR_FULL);
    assert_int_equal(made, 1000);
    assert_string_equal(resolve(c, "acme.m-7").model->name, "acme.m-7");
    assert_string_equal(resolve(c, "us.acme.m-7").model->name, "acme.m-7");
    /* Made-up account numbers use nothing up. */
    for (int i = 0; i < 20000; i++) {
        char arn[160];
        snprintf(arn, sizeof(arn), "arn:aws:bedrock:us-east-1:%012d:inference-profile/us." HAIKU,
                 i);
        assert_int_equal(catalog_resolve(c, str_of(arn), &r, NULL), ERR_OK);
        assert_string_equal(r.model->base_id, HAIKU);
        assert_string_equal(r.upstream_id, arn);
        assert_string_equal(r.model_metric, "us." HAIKU);
    }
    assert_string_equal(resolve(c, HAIKU).model->base_id, HAIKU);
    close_catalog(c);
}

static void *resolve_many(void *arg)
{
    struct catalog *c = arg;
    for (int i = 0; i < 400; i++) {
        char id[32];
        struct resolved r;
        snprintf(id, sizeof(id), "acme.m-%d", i % 100);
        if (catalog_resolve(c, str_of(id), &r, NULL) != ERR_OK || strcmp(r.model->name, id) != 0 ||
            catalog_find(c, str_of(id)) != r.model) {
            return c;
        }
    }
    return NULL;
}

static void threads_agree(void **state)
{
    (void)state;
    struct catalog *c = open_catalog("region: us-east-1\nunknown_models: allow\n");
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_many, c), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(c->unknown_count, 100);
    close_catalog(c);
}

static void profile_of_a_cost_center(void **state)
{
    (void)state;
    struct catalog *c = open_catalog(usual_file);
    struct resolved r = resolve(c, "claude-3-5-haiku");
    assert_string_equal(catalog_profile_for(c, &r, STR("sales")), PROFILE);
    assert_string_equal(catalog_profile_for(c, &r, STR("support")), "sup456");
    assert_string_equal(catalog_profile_for(c, &r, STR("other")), "us." HAIKU);
    assert_string_equal(catalog_profile_for(c, &r, STR("")), "us." HAIKU);
    r = resolve(c, "sales");
    assert_string_equal(catalog_profile_for(c, &r, STR("support")), PROFILE);
    close_catalog(c);
}

static int64_t at(const char *time)
{
    int64_t ms = 0;
    assert_true(clock_parse_rfc3339(str_of(time), &ms));
    return ms;
}

static void expect_price(struct catalog *c, const char *identifier, const char *time,
                         struct price want)
{
    struct resolved r = resolve(c, identifier);
    struct price p;
    assert_true(catalog_price(c, &r, at(time), &p));
    if (memcmp(&p, &want, sizeof(p)) != 0) {
        fail_msg("%s: %lld %lld %lld %lld %lld", identifier, (long long)p.input,
                 (long long)p.output, (long long)p.cache_read, (long long)p.cache_write_5m,
                 (long long)p.cache_write_1h);
    }
}

static void prices_by_scope_and_date(void **state)
{
    (void)state;
    static const char now[] = "2026-11-21T00:00:00Z";
    const struct price haiku = {800000000, 4000000000, 80000000, 1000000000, -1};
    struct catalog *c = open_catalog(usual_file);
    expect_price(c, "claude-3-5-haiku", now, haiku);
    expect_price(c, "sales", now, haiku);
    expect_price(c, "ca." HAIKU, now, haiku); /* no row at that scope: the base's */
    expect_price(c, "global.anthropic.claude-haiku-4-5-20251001-v1:0", now,
                 (struct price){1000000000, 5000000000, 100000000, 1250000000, 2000000000});
    expect_price(c,
                 "arn:aws:bedrock:us-east-1:1:inference-profile/"
                 "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                 now, (struct price){1100000000, 5500000000, 110000000, 1375000000, 2200000000});
    const struct price before = {2200000000, 11000000000, 220000000, 2750000000, 4400000000};
    const struct price after = {3300000000, 16500000000, 330000000, 4125000000, 6600000000};
    expect_price(c, "anthropic.claude-sonnet-5", "2026-08-31T23:59:59Z", before);
    expect_price(c, "anthropic.claude-sonnet-5", "2026-09-01T00:00:00Z", after);
    expect_price(c, "openai.gpt-5.6-luna", "2026-07-29T23:59:59Z",
                 (struct price){1100000000, 6600000000, 110000000, 1375000000, -1});
    expect_price(c, "openai.gpt-5.6-luna", "2026-07-30T00:00:00Z",
                 (struct price){220000000, 1320000000, 22000000, 275000000, -1});
    /* The file's over the table's, class by class, at every scope of the model. */
    const struct price nova = {1000000000, 240000000, 15000000, 500000000, -1};
    expect_price(c, "nova", now, nova);
    expect_price(c, "nova-eu", now, nova);
    struct price p;
    struct resolved r = resolve(c, "us-gov." HAIKU);
    assert_false(catalog_price(c, &r, at(now), &p));
    r = resolve(c, "house");
    assert_false(catalog_price(c, &r, at(now), &p));
    assert_true(p.input == -1 && p.cache_write_1h == -1);
    r = (struct resolved){0};
    assert_false(catalog_price(c, &r, at(now), &p));
    close_catalog(c);
}

static void price_of_an_alias_is_its_own(void **state)
{
    (void)state;
    struct catalog *c =
        open_catalog("region: us-east-1\nmodels:\n"
                     "- {name: h, id: " HAIKU "}\n"
                     "- {name: s, id: '" PROFILE "', base: h, price: {input: 9, output: 9}}\n");
    expect_price(c, "s", "2026-11-21T00:00:00Z",
                 (struct price){9000000000, 9000000000, 80000000, 1000000000, -1});
    expect_price(c, "h", "2026-11-21T00:00:00Z",
                 (struct price){800000000, 4000000000, 80000000, 1000000000, -1});
    close_catalog(c);
}

static void long_prompts_of_the_table(void **state)
{
    (void)state;
    struct catalog *c =
        open_catalog("region: us-east-1\nmodels:\n"
                     "- {name: sol, id: openai.gpt-5.6-sol, price: {input: 9, output: 9}}\n");
    struct resolved luna = resolve(c, "openai.gpt-5.6-luna"), sol = resolve(c, "sol");
    struct resolved older = resolve(c, "openai.gpt-5.5");
    assert_int_equal(catalog_long_above(c, &luna), 272000);
    assert_int_equal(catalog_long_above(c, &sol), 0); /* the file says what it costs */
    assert_int_equal(catalog_long_above(c, &older), 0);
    close_catalog(c);
}

static void rows_are_sorted_and_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < catalog_row_count; i++) {
        const struct catalog_row *row = &catalog_rows[i];
        int order = i == 0 ? -1 : strcmp(row[-1].id, row->id);
        assert_true(order < 0 || (order == 0 && row[-1].from_day < row->from_day));
        assert_true(row->price.input >= -1 && row->price.input <= 100 * MONEY_DOLLAR);
        assert_true(row->price.output >= -1 && row->price.output <= 300 * MONEY_DOLLAR);
        struct str base = catalog_base_of(str_of(row->id));
        assert_true(str_eq(catalog_base_of(base), base));
    }
}

static void what_an_id_tells(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum model_family family;
        int64_t max_output;
        int burndown;
    } cases[] = {
        {"anthropic.claude-3-haiku-20240307-v1:0", FAMILY_ANTHROPIC, 4096, 1},
        {HAIKU, FAMILY_ANTHROPIC, 8192, 1},
        {"anthropic.claude-3-7-sonnet-20250219-v1:0", FAMILY_ANTHROPIC, 64000, 5},
        {"anthropic.claude-sonnet-4-20250514-v1:0", FAMILY_ANTHROPIC, 64000, 5},
        {"anthropic.claude-opus-4-1-20250805-v1:0", FAMILY_ANTHROPIC, 32000, 5},
        {"anthropic.claude-haiku-4-5-20251001-v1:0", FAMILY_ANTHROPIC, 64000, 5},
        {"anthropic.claude-opus-4-7", FAMILY_ANTHROPIC, 128000, 5},
        {"anthropic.claude-opus-4-8", FAMILY_ANTHROPIC, 128000, 15},
        {"anthropic.claude-sonnet-5", FAMILY_ANTHROPIC, 128000, 10},
        {"amazon.nova-lite-v1:0", FAMILY_NOVA, 10000, 1},
        {"amazon.titan-text-express-v1", FAMILY_TITAN, 8192, 1},
        {"meta.llama3-3-70b-instruct-v1:0", FAMILY_LLAMA, 8192, 1},
        {"mistral.mistral-large-2402-v1:0", FAMILY_MISTRAL, 8192, 1},
        {"mistral.pixtral-large-2502-v1:0", FAMILY_MISTRAL, 32768, 1},
        {"cohere.command-r-v1:0", FAMILY_COHERE, 4096, 1},
        {"ai21.jamba-1-5-mini-v1:0", FAMILY_AI21, 4096, 1},
        {"openai.gpt-oss-120b-1:0", FAMILY_OPENAI, 128000, 1},
        {"openai.gpt-5.6-sol", FAMILY_OPENAI, 128000, 10},
        {"deepseek.r1-v1:0", FAMILY_DEEPSEEK, 32768, 1},
        {"acme.other", FAMILY_OTHER, 131072, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model m;
        catalog_describe(&m, cases[i].id);
        if (m.family != cases[i].family || m.max_output != cases[i].max_output ||
            m.burndown != cases[i].burndown) {
            fail_msg("%s: %d %lld %d", cases[i].id, (int)m.family, (long long)m.max_output,
                     m.burndown);
        }
        assert_true(m.overhead_call > 0 && m.overhead_message > 0 && m.overhead_tool > 0);
    }
}

static void patterns_of_limits(void **state)
{
    (void)state;
    struct catalog *c = open_catalog(usual_file);
    const struct model *haiku = catalog_at(c, 0), *nova = catalog_at(c, 1);
    assert_true(catalog_matches(c, "claude-*", haiku));
    assert_true(catalog_matches(c, "anthropic.*", haiku));
    assert_true(catalog_matches(c, "us.anthropic.*", haiku));
    assert_true(catalog_matches(c, "*", nova));
    assert_false(catalog_matches(c, "claude-*", nova));
    assert_false(catalog_matches(c, "claude-3-5-haiku", nova));
    assert_false(catalog_matches(c, "claude", haiku));
    assert_true(catalog_matches(c, "nova-eu", nova));
    close_catalog(c);
}

static void mistakes_of_models_and_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"limits:\n- {name: a, model: claude-haku, usd: 1, window: 1m}",
         "line 3, limits[0].model: no model claude-haku"},
        {"limits:\n- {name: a, model: 'zebra*', usd: 1, window: 1m}\n"
         "- {name: b, match: {model: q}, usd: 1, window: 1m}",
         "line 4, limits[1].model: no model q"},
        {"models:\n- {name: a, id: '" PROFILE "'}", "line 3, models[0].id: an application"},
        {"models:\n- {name: a, base: nobody}", "line 3, models[0].base: no model nobody"},
        {"models:\n- {name: a, base: b}\n- {name: b, base: a}", "in a circle"},
        {"models:\n- {name: a, id: amazon.nova-lite-v1:0, base: amazon.nova-pro-v1:0}",
         "not a spelling of the base"},
        {"models:\n- {name: a, id: 'arn:aws:bedrock:us-east-1:1:prompt/p'}", "not served"},
        {"models:\n- {name: a, id: x.y, profiles: {s: 'arn:aws:bedrock:a:1:prompt/p'}}",
         "not served"},
        {"models:\n- {name: a, id: x.y, profiles: {s: p1, t: p1}}", "the profile of s already"},
        {"models:\n- {name: a, id: x.y, profiles: {s: p1}}\n"
         "- {name: b, id: x.z, profiles: {s: p1}}",
         "line 4, models[1].profiles: p1 stands for another model"},
        {"models:\n- {name: a, id: x.y, profiles: {s: p1}}\n"
         "- {name: b, id: us.x.y, profiles: {s: p2}}",
         "another profile"},
        {"models:\n- {name: a, id: x.y, profiles: {s: us.amazon.nova-lite-v1:0}}", "another model"},
        {"models:\n- {name: a, id: x.y}\n- {name: b, id: x.z}\n"
         "- {name: p, id: '" PROFILE "', base: a}\n- {name: q, id: '" PROFILE "', base: b}",
         "stands for another model already"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        struct config_mistakes mistakes;
        struct err_info ei = {0};
        snprintf(text, sizeof(text), "region: us-east-1\n%s\n", cases[i].text);
        struct config *c = config_parse("tollgate.yaml", str_of(text), &mistakes);
        assert_non_null(c);
        assert_null(catalog_new(c, &ei));
        assert_int_equal(ei.code, ERR_PARSE);
        if (strstr(ei.text, cases[i].part) == NULL || strstr(ei.text, "tollgate.yaml") == NULL) {
            fail_msg("case %zu: %s", i, ei.text);
        }
        config_mistakes_free(&mistakes);
        config_unref(c);
    }
    catalog_free(NULL);
}

static void limits_on_unknown_ids_when_allowed(void **state)
{
    (void)state;
    struct catalog *c = open_catalog("region: us-east-1\nunknown_models: allow\nlimits:\n"
                                     "- {name: a, model: acme.new, usd: 1, window: 1m}\n");
    struct resolved r = resolve(c, "eu.acme.new");
    assert_true(catalog_matches(c, config->limits[0].match[0].glob, r.model));
    close_catalog(c);
}

static void arns_of_other_accounts(void **state)
{
    static const struct {
        const char *arn;
        int64_t account;
    } cases[] = {
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." HAIKU, 123456789012},
        {"arn:aws:bedrock:us-east-1:000000000012:application-inference-profile/x", 12},
        {"arn:aws:iam::123456789012:role/BedrockCaller", 123456789012},
        {"arn:aws:bedrock:us-east-1::foundation-model/" HAIKU, 0},
        {"arn:aws:bedrock:us-east-1:aws:inference-profile/us." HAIKU, 0},
        {"arn:aws:bedrock:us-east-1:123456789012", 0},
        {"xrn:aws:bedrock:us-east-1:123456789012:x/y", 0},
        {HAIKU, 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(catalog_arn_account(str_of(cases[i].arn)), cases[i].account);
    }
    struct catalog *c = open_catalog("region: us-east-1\nmodels:\n- {name: haiku, id: us." HAIKU
                                     ", profiles: {sales: '" PROFILE "'}}\n");
    struct str geo = str_of(cases[0].arn);
    assert_true(catalog_is_foreign(c, geo, 210987654321));
    assert_false(catalog_is_foreign(c, geo, 123456789012));
    assert_false(catalog_is_foreign(c, geo, 0)); /* ours is not known */
    assert_false(catalog_is_foreign(c, str_of(cases[3].arn), 210987654321));
    assert_false(catalog_is_foreign(c, STR(PROFILE), 210987654321)); /* the file names it */
    close_catalog(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model_under_every_spelling),
        cmocka_unit_test(what_the_file_names),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(unknown_models_when_allowed),
        cmocka_unit_test(unknown_models_are_bounded),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(profile_of_a_cost_center),
        cmocka_unit_test(prices_by_scope_and_date),
        cmocka_unit_test(price_of_an_alias_is_its_own),
        cmocka_unit_test(long_prompts_of_the_table),
        cmocka_unit_test(rows_are_sorted_and_sane),
        cmocka_unit_test(what_an_id_tells),
        cmocka_unit_test(patterns_of_limits),
        cmocka_unit_test(mistakes_of_models_and_limits),
        cmocka_unit_test(limits_on_unknown_ids_when_allowed),
        cmocka_unit_test(arns_of_other_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
