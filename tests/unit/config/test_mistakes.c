/* test_mistakes.c: what is wrong with a file: every mistake with its line and key, the list of
 * them, and what does not count as one. */
#include "tests/unit/config/parse_rig.h"

#include <stdio.h>

/* One mistake a file; each names its line and key. */
static void each_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *key, *part;
    } cases[] = {
        {"identitiy: required", 1, "identitiy", "did you mean identity?"},
        {"zebra: 1", 1, "zebra", "known here: listen"},
        {"region:", 1, "region", "has no value"},
        {"region: ''", 1, "region", "has no value"},
        {"region: [a]", 1, "region", "not a list"},
        {"region: Mars", 1, "region", "no Region"},
        {"identity: maybe", 1, "identity", "optional, required"},
        {"region: a-b-1\nregion: a-b-1", 2, "region", "twice, first in line 1"},
        {"listen: 8088", 1, "listen", "must be a list"},
        {"listen: []", 1, "listen", "is empty"},
        {"listen: [{address: '8088'}]", 1, "listen[0]", "ADDRESS:PORT"},
        {"listen: [{}]", 1, "listen[0]", "address is missing"},
        {"listen:\n - address: 0.0.0.0:80", 2, "listen[0]", "plaintext: true"},
        {"listen: [{address: '127.0.0.1:1', certificate: x}]", 1, "listen[0]", "private_key"},
        {"listen: [{address: '127.0.0.1:1'}, {address: '127.0.0.1:1'}]", 1, "listen[1]", "taken"},
        {"listen: [{address: '127.0.0.1:1', client_ca: c}]", 1, "listen[0]", "client_ca needs"},
        {"identity: optional\nlisten: [{address: '0.0.0.0:1', plaintext: true}]", 1, "identity",
         "line 2 is not"},
        {"endpoints: {sts: 'https://a/b'}", 1, "endpoints.sts", "no path"},
        {"endpoints: {sts: 'https://u@a'}", 1, "endpoints.sts", "user"},
        {"endpoints: {sts: 'a:1'}", 1, "endpoints.sts", "http://"},
        {"endpoints: {s3: 'https://a'}", 1, "endpoints.s3", "unknown key"},
        {"endpoints:\n  ce: http://ce.example", 2, "endpoints.ce", "off loopback"},
        {"endpoints: {bedrock-runtime: 'http://localhost:8088'}", 1, "endpoints.bedrock-runtime",
         "own listener"},
        {"tags: {required: [costcenter]}", 1, "tags.required[0]", "spelled costCenter"},
        {"tags: {values: {cost_center: [a]}}", 1, "tags.values.cost_center", "spelled costCenter"},
        {"tags: {required: [application, applicationId]}", 1, "tags.required[1]", "twice"},
        {"tags: {required: ['a\"b']}", 1, "tags.required[0]", "tag key"},
        {"tags: {defaults: {a: 'x\xc3\xa9'}}", 1, "tags.defaults.a", "tag value"},
        {"tags: {defaults: {a: z}, values: {a: [b]}}", 1, "tags.defaults", "not among"},
        {"tags: {values: {a: b}}", 1, "tags.values.a", "must be a list"},
        {"models: [{name: a}]", 1, "models[0]", "needs an id"},
        {"models: [{id: a}]", 1, "models[0]", "name is missing"},
        {"models: [{name: a, base: a}]", 1, "models[0]", "own name"},
        {"models:\n- {name: a, id: b}\n- {name: a, id: c}", 3, "models[1]", "line 2"},
        {"models: [{name: a, id: b, price: {input: -1}}]", 1, "models[0].price.input", "dollars"},
        {"models: [{name: a, id: b, price: {}}]", 1, "models[0].price", "no price"},
        {"models: [{name: a, id: b, max_output: 0}]", 1, "models[0].max_output", "from 1"},
        {"limits: [{tokens: 1k, window: 1m}]", 1, "limits[0]", "name is missing"},
        {"limits: [{name: a, window: 1m}]", 1, "limits[0]", "no metric"},
        {"limits: [{name: a, tokens: 1k}]", 1, "limits[0]", "window is missing"},
        {"limits: [{name: a, concurrency: 1, window: 1m}]", 1, "limits[0].window", "no window"},
        {"limits: [{name: a, tokens: 1k, usd: 1, window: 1m}]", 1, "limits[0].usd", "one metric"},
        {"limits: [{name: a, tokens: 1x, window: 1m}]", 1, "limits[0].tokens", "100k"},
        {"limits: [{name: a, usd: 1k, window: 1m}]", 1, "limits[0].usd", "12.50"},
        {"limits: [{name: a, usd: 1, window: 2m}]", 1, "limits[0].window", "10s, 1m, 1h"},
        {"limits: [{name: a, usd: 1, window: 1m, ceiling: 0.5}]", 1, "limits[0].ceiling", "below"},
        {"limits: [{name: a, usd: 1, window: 1m, floor: 2}]", 1, "limits[0].floor", "above"},
        {"limits: [{name: a, usd: 1, window: 1m, warn: [90, 80]}]", 1, "limits[0].warn[1]", "rise"},
        {"limits: [{name: a, usd: 1, window: 1m, warn: [80%]}]", 1, "limits[0].warn[0]",
         "percentage"},
        {"limits: [{name: a, usd: 1, window: 1m, per: costCenter}]", 1, "limits[0].per",
         "must be a list"},
        {"limits: [{name: a, usd: 1, window: 1m, per: [model, model]}]", 1, "limits[0].per[1]",
         "twice"},
        {"limits: [{name: a, usd: 1, window: 1m, application: a, match: {applicationId: b}}]", 1,
         "limits[0].match.applicationId", "matched twice"},
        {"limits: [{name: a, usd: 1, window: 1m, match: {team: 'a(b)'}}]", 1,
         "limits[0].match.team", "no tag value"},
        {"limits:\n- {name: a, usd: 1, window: 1m}\n- {name: a, usd: 2, window: 1m}", 3,
         "limits[1]", "line 2"},
        {"limits: [{name: a, usd: 1, window: 1m, max_wait: 5s}]", 1, "limits[0]",
         "belongs to action: queue"},
        {"limits: [{name: a, usd: 1, window: 1m, action: queue, max_wait: 2h}]", 1,
         "limits[0].max_wait", "10m"},
        {"limits: 3", 1, "limits", "must be a list"},
        {"limits: [3]", 1, "limits[0]", "must be a mapping"},
        {"publish: {metrics: {namespace: AWS/X}}", 1, "publish.metrics", "AWS/"},
        {"publish: {metrics: }", 1, "publish.metrics", "has no value"},
        {"publish:\n  metrics:\n    dimension_sets:\n    - [Model]\n    - [model]", 5,
         "publish.metrics.dimension_sets[1][0]", "did you mean Model?"},
        {"publish: {metrics: {dimension_sets: [[Model, Model]]}}", 1,
         "publish.metrics.dimension_sets[0][1]", "twice"},
        {"publish: {metrics: {dimension_sets: [[Model, Team]]}}", 1,
         "publish.metrics.dimension_sets[0][1]", "must be one of Model, ModelId, CostCenter"},
        {"publish: {metrics: {dimension_sets: [[Model, CostCenter], [CostCenter, Model]]}}", 1,
         "publish.metrics.dimension_sets[1]", "a set above"},
        {"publish: {metrics: {dimension_sets: [[]]}}", 1, "publish.metrics.dimension_sets[0]",
         "names no dimension"},
        {"publish: {metrics: {dimension_sets: []}}", 1, "publish.metrics.dimension_sets",
         "has no set"},
        {"publish: {metrics: {dimension_sets: [Model]}}", 1, "publish.metrics.dimension_sets[0]",
         "must be a list"},
        {"poll: {cloudwatch: 5}", 1, "poll.cloudwatch", "needs a unit: \"5s\""},
        {"requests: {max_body: 25}", 1, "requests.max_body", "needs a unit: \"25KB\""},
        {"requests: {max_body: 25 megs}", 1, "requests.max_body", "25MB"},
        {"requests: {max_body: 10GB}", 1, "requests.max_body", "from 1KB to 1GB"},
        {"requests: {stall_timeout: 1ms}", 1, "requests.stall_timeout", "from 10ms to 1h"},
        {"upstream: {max_connections: 0}", 1, "upstream.max_connections", "from 1"},
        {"control: {require_reason: yes}", 1, "control.require_reason", "true or false"},
        {"timezone: Mars/Base", 1, "timezone", "zoneinfo"},
        {"timezone: ../../../etc/passwd", 1, "timezone", "zoneinfo"},
        {"timezone: tzdata.zi", 1, "timezone", "zoneinfo"},
        {"limits: [{name: a, tokens: 1k, window: month}]\nretention: {rollups: 31d}", 2,
         "retention.rollups", "limit a, whose window is month, would have forgotten"},
        {"limits: [{name: a, tokens: 1k, window: day, rolling: true}]\nretention: {rollups: 1d}", 2,
         "retention.rollups", "2d at least"},
        {"store: redis://x", 1, "store", "not in effect"},
        {"store: oracle", 1, "store", "sqlite"},
        {"notify: [{on: [warn]}]", 1, "notify[0]", "exactly one"},
        {"notify: [{on: [rain], exec: [/bin/a]}]", 1, "notify[0]", "warn, block and core"},
        {"notify: [{on: [warn], exec: [a]}]", 1, "notify[0]", "absolute"},
        {"notify: [{on: [warn], webhook: 'http://10.0.0.1/x'}]", 1, "notify[0]", "loopback"},
        {"notify: [{on: [warn], webhook: 'ftp://a'}]", 1, "notify[0]", "https://"},
        {"notify: [{on: [warn], webhook: 'https:///x'}]", 1, "notify[0]", "host"},
        {"notify: [{on: [warn], webhook: 'arn:aws:sqs:a:b:c'}]", 1, "notify[0]", "SNS topic"},
        {"assume_role: {arn: x}", 1, "assume_role", "must be a role"},
        {"state_dir: \"a\\0b\"", 1, "state_dir", "NUL"},
        {"- a", 1, "", "must be a mapping"},
        {"? [a]\n: b", 1, "", "a key must be a name"},
        {"a: [", 2, "", "YAML, column"},
        {"region: a-b-1\n---\nregion: a-b-1", 3, "", "second document"},
        {"region: *nobody", 1, "", "alias"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = parse(cases[i].text);
        const struct config_mistake *m = find(cases[i].line, cases[i].key, cases[i].part);
        if (c != NULL || m == NULL || m->warning) {
            for (size_t k = 0; k < mistakes.count; k++) {
                print_message("%d %s: %s\n", mistakes.at[k].line, mistakes.at[k].key,
                              mistakes.at[k].text);
            }
            fail_msg("case %zu, %s", i, cases[i].text);
        }
        config_mistakes_free(&mistakes);
        config_unref(c);
    }
}

static void all_at_once_by_line(void **state)
{
    (void)state;
    struct config *c = parse("zebra: 1\nregion:\nlimits: [{}]\nmodels: [{}]\ntimezone: X/Y\n");
    assert_null(c);
    assert_true(mistakes.errors >= 7);
    assert_int_equal(mistakes.errors, mistakes.count);
    for (size_t i = 1; i < mistakes.count; i++) {
        assert_true(mistakes.at[i - 1].line <= mistakes.at[i].line);
    }
    config_mistakes_free(&mistakes);
    assert_null(mistakes.at);
}

static void documented_choices_do_not_warn(void **state)
{
    (void)state;
    struct config *c = parse("region: us-east-1\n"
                             "openai_via: bedrock-mantle\n"
                             "openai_stateful: allow\n"
                             "client_gone: drain\n"
                             "models: [{name: a, id: b.c, projects: {sales: proj_1}}]\n"
                             "limits: [{name: a, usd: 1, window: 1m, rolling: true, action: deny,"
                             " on_outgrow: stop, on_too_big: clamp, min_output: 16}]\n");
    assert_non_null(c);
    assert_int_equal(mistakes.errors, 0);
    assert_int_equal(mistakes.count, 0);
    assert_true(c->openai_via_mantle);
    assert_int_equal(c->models[0].projects.count, 1);
    assert_true(c->limits[0].rolling && c->limits[0].outgrow_stop && c->limits[0].too_big_clamp);
    assert_int_equal(c->limits[0].min_output, 16);
    config_mistakes_free(&mistakes);
    config_unref(c);
}

static bool knows_nova(const char *id)
{
    return strcmp(id, "amazon.nova-lite-v1:0") == 0;
}

static void an_unknown_model_without_a_price_is_told(void **state)
{
    (void)state;
    char text[512];
    config_know_models(knows_nova);
    struct config *c = parse("region: us-east-1\nmodels:\n"
                             "- {name: a, id: amazon.nova-lite-v1:0}\n"
                             "- {name: b, id: amazon.nova-lyte-v1:0}\n"
                             "- {name: c, id: new.one, price: {input: 1, output: 1}}\n"
                             "- {name: d, id: us.two, base: a}\n");
    config_know_models(NULL);
    assert_non_null(c);
    assert_int_equal(mistakes.count, 1);
    assert_true(mistakes.at[0].warning);
    config_mistake_print(text, sizeof(text), "f", &mistakes.at[0]);
    assert_non_null(strstr(text, "f:4: warning: models[1].id: amazon.nova-lyte-v1:0 is not in"));
    mistakes.at[0].line = 0;
    config_mistake_print(text, sizeof(text), "f", &mistakes.at[0]);
    assert_non_null(strstr(text, "f: warning: models[1].id: "));
    config_mistakes_free(&mistakes);
    config_unref(c);
}

static void the_list_of_mistakes_is_bounded(void **state)
{
    (void)state;
    char text[8192] = "";
    size_t n = 0;
    for (int i = 0; i < 300; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "zebra%d: 1\n", i);
    }
    assert_null(parse(text));
    assert_int_equal(mistakes.count, 200);
    assert_int_equal(mistakes.errors, 301); /* the Region too */
    config_mistakes_free(&mistakes);
}

static void outside_text_is_printable(void **state)
{
    (void)state;
    assert_null(parse("region: us-east-1\n\"z\\e[31m\": 1\nidentity: \"\\e]0;x\\a\"\n"));
    for (size_t i = 0; i < mistakes.count; i++) {
        assert_null(strchr(mistakes.at[i].key, '\033'));
        assert_null(strchr(mistakes.at[i].text, '\033'));
    }
    config_mistakes_free(&mistakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_mistake),
        TEST(all_at_once_by_line),
        TEST(documented_choices_do_not_warn),
        TEST(an_unknown_model_without_a_price_is_told),
        TEST(the_list_of_mistakes_is_bounded),
        TEST(outside_text_is_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
