/* test_parse.c: whole files: what they give, what holds where they are silent, every mistake. */
#include "core/config/config.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {"AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                                        "AWS_ENDPOINT_URL_CLOUDWATCH",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                        "XDG_STATE_HOME"};

static int fresh_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i]);
    }
    return setenv("HOME", "/home/somebody", 1);
}

static struct config_mistakes mistakes;

static struct config *parse(const char *text)
{
    return config_parse("/etc/tollgate/tollgate.yaml", str_of(text), &mistakes);
}

static struct config *must_parse(const char *text)
{
    struct config *c = parse(text);
    if (c == NULL) {
        fail_msg("refused: %s: %s", mistakes.at[0].key, mistakes.at[0].text);
    }
    config_mistakes_free(&mistakes);
    return c;
}

/* The mistake of that line and key whose text holds `part`. */
static const struct config_mistake *find(int line, const char *key, const char *part)
{
    for (size_t i = 0; i < mistakes.count; i++) {
        const struct config_mistake *m = &mistakes.at[i];
        if (m->line == line && strcmp(m->key, key) == 0 && strstr(m->text, part) != NULL) {
            return m;
        }
    }
    return NULL;
}

static void defaults(void **state)
{
    (void)state;
    struct config *c = must_parse("region: us-west-2\n");
    assert_int_equal(c->listen_count, 1);
    assert_string_equal(c->listen[0].host, "127.0.0.1");
    assert_int_equal(c->listen[0].port, 8088);
    assert_true(c->identity_required);
    assert_false(c->tags_from_caller_all);
    assert_string_equal(c->state_dir, "/home/somebody/.local/state/tollgate");
    assert_string_equal(c->key_file, "/home/somebody/.local/state/tollgate/master.key");
    assert_string_equal(c->endpoints[SERVICE_BEDROCK_RUNTIME],
                        "https://bedrock-runtime.us-west-2.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_BEDROCK_MANTLE],
                        "https://bedrock-mantle.us-west-2.api.aws");
    assert_string_equal(c->endpoints[SERVICE_CE], "https://ce.us-east-1.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_BUDGETS], "https://budgets.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_STS], "https://sts.us-west-2.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_PRICING],
                        "https://api.pricing.us-east-1.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_LOGS], "https://logs.us-west-2.amazonaws.com");
    assert_false(c->endpoint_given[SERVICE_CE]);
    assert_false(c->publish_metrics.on);
    assert_string_equal(c->publish_metrics.namespace, "GenAIRateLimiting");
    assert_true(c->publish_metrics.every_ms == 60000 && c->publish_metrics.max_series == 200);
    assert_int_equal(c->publish_metrics.set_count, 1);
    assert_int_equal(c->publish_metrics.sets[0], CONFIG_ALL_DIMENSIONS);
    assert_true(c->poll.cloudwatch_ms == 300000 && c->poll.cost_explorer_ms == 6 * 3600000);
    assert_int_equal(c->cost_tags.count, 3);
    assert_true(c->requests.max_body == 25000000 && c->requests.max_header == 64000);
    assert_true(c->requests.header_timeout_ms == 10000 && c->requests.drain_timeout_ms == 600000);
    assert_true(c->upstream.connect_timeout_ms == 5000 && c->upstream.max_connections == 1024);
    assert_null(c->upstream.ca_file);
    assert_int_equal(c->metrics_access, METRICS_LOOPBACK);
    assert_true(c->retention_calls_ms == 90LL * 86400000);
    assert_string_equal(c->timezone, "UTC");
    assert_false(c->store_failure_allow || c->denial_full || c->unknown_models_allow ||
                 c->estimate_bytes || c->output_unset_maximum || c->client_gone_drain ||
                 c->control_require_reason || c->plaintext_upstream);
    config_unref(c);
}

static const char whole_file[] =
    "listen:\n"
    "  - address: 127.0.0.1:8088\n"
    "  - address: 0.0.0.0:8443\n"
    "    certificate: tls.crt\n"
    "    private_key: ~/tls.key\n"
    "identity: required\n"
    "region: us-east-1\n"
    "state_dir: /var/lib/tollgate\n"
    "endpoints:\n"
    "  bedrock-runtime: http://127.0.0.1:9001\n"
    "tags:\n"
    "  required: [application]\n"
    "  defaults: {environment: dev}\n"
    "  from_caller: [environment]\n"
    "  values: {costCenter: [sales, support]}\n"
    "models:\n"
    "  - name: claude-3-5-haiku\n"
    "    id: us.anthropic.claude-3-5-haiku-20241022-v1:0\n"
    "    profiles: {sales: \"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"
    "abc123\"}\n"
    "    price: {input: 0.80, output: 4.00, cache_read: 0.08}\n"
    "    max_output: 4k\n"
    "  - {name: sales, base: claude-3-5-haiku}\n"
    "limits:\n"
    "  - name: haiku-minute\n"
    "    model: claude-3-5-haiku\n"
    "    application: \"docs-*\"\n"
    "    match: {team: a?}\n"
    "    per: [costCenter, application]\n"
    "    tokens: 100k\n"
    "    window: 1m\n"
    "    warn: [50, 80, 100]\n"
    "    ceiling: 1M\n"
    "    floor: 10k\n"
    "  - {name: open, concurrency: 5}\n"
    "  - {name: month, usd: 12.50, window: month, action: warn, warn: []}\n"
    "publish:\n"
    "  metrics: {every: 10s, dimension_sets: [[Environment, Application], [Model]]}\n"
    "poll: {cloudwatch: 1m, cost_explorer: off}\n"
    "cost_tags: {costCenter: cost-center}\n"
    "requests: {max_body: 1MiB, header_timeout: 500ms}\n"
    "upstream: {max_connections: 16, ca_file: null}\n"
    "control: {operators: [ops], viewers: [dev], require_reason: true}\n"
    "key_file: null\n"
    "metrics_access: off\n"
    "store_failure: allow\n"
    "retention: {calls: 30d}\n"
    "timezone: Europe/Berlin\n"
    "denial_detail: full\n"
    "unknown_models: allow\n"
    "estimate: bytes\n"
    "output_unset: maximum\n"
    "client_gone: close\n"
    "store: sqlite\n";

static void check_limits(const struct config *c)
{
    assert_int_equal(c->limit_count, 3);
    const struct config_limit *l = &c->limits[0];
    assert_string_equal(l->name, "haiku-minute");
    assert_int_equal(l->metric, METRIC_TOKENS);
    assert_true(l->amount == 100000 && l->ceiling == 1000000 && l->floor == 10000);
    assert_int_equal(l->window, WINDOW_1M);
    assert_int_equal(l->match_count, 3);
    assert_string_equal(l->match[1].key, "applicationId");
    assert_string_equal(l->match[1].glob, "docs-*");
    assert_string_equal(l->match[2].key, "team");
    assert_int_equal(l->per_count, 2);
    assert_string_equal(l->per[1], "applicationId");
    assert_int_equal(l->warn_count, 3);
    assert_int_equal(l->warn[0], 50);
    assert_int_equal(l->line, 24);
    assert_int_equal(c->limits[1].metric, METRIC_CONCURRENCY);
    assert_int_equal(c->limits[1].window, WINDOW_NONE);
    assert_true(c->limits[1].ceiling == -1 && c->limits[1].warn_count == 2);
    assert_true(c->limits[2].amount == 12500000000 && c->limits[2].action == ACTION_WARN);
    assert_int_equal(c->limits[2].warn_count, 0);
}

static void every_key(void **state)
{
    (void)state;
    struct config *c = must_parse(whole_file);
    assert_int_equal(c->listen_count, 2);
    assert_string_equal(c->listen[1].certificate, "/etc/tollgate/tls.crt");
    assert_string_equal(c->listen[1].private_key, "/home/somebody/tls.key");
    assert_string_equal(c->key_file, "/var/lib/tollgate/master.key");
    assert_string_equal(c->endpoints[SERVICE_BEDROCK_RUNTIME], "http://127.0.0.1:9001");
    assert_true(c->endpoint_given[SERVICE_BEDROCK_RUNTIME]);
    assert_string_equal(c->tags_required.at[0], "applicationId");
    assert_string_equal(c->tags_defaults.at[0].value, "dev");
    assert_string_equal(c->tags_from_caller.at[0], "environment");
    assert_int_equal(c->tag_values_count, 1);
    assert_int_equal(c->tag_values[0].values.count, 2);
    assert_int_equal(c->model_count, 2);
    assert_true(c->models[0].price.set && c->models[0].price.input == 800000000);
    assert_true(c->models[0].price.cache_write == -1 && c->models[0].max_output == 4000);
    assert_string_equal(c->models[0].profiles.at[0].key, "sales");
    assert_string_equal(c->models[1].base, "claude-3-5-haiku");
    assert_null(c->models[1].id);
    check_limits(c);
    assert_true(c->publish_metrics.on && c->publish_metrics.every_ms == 10000);
    char schema[CONFIG_SCHEMA_TEXT];
    assert_int_equal(c->publish_metrics.set_count, 2);
    unsigned set = config_dimension_set(&c->publish_metrics, 1U << DIMENSION_APPLICATION);
    assert_string_equal(config_dimension_schema(schema, set), "Application,Environment");
    set = config_dimension_set(&c->publish_metrics, 0);
    assert_string_equal(config_dimension_schema(schema, set), "Model");
    assert_int_equal(config_dimension_set(&c->publish_metrics, 1U << DIMENSION_MODEL_ID), 0);
    assert_false(c->publish_audit.on);
    assert_true(c->poll.cloudwatch_ms == 60000 && c->poll.cost_explorer_ms == 0);
    assert_int_equal(c->cost_tags.count, 3);
    assert_string_equal(c->cost_tags.at[0].value, "cost-center");
    assert_true(c->requests.max_body == 1 << 20 && c->requests.header_timeout_ms == 500);
    assert_true(c->upstream.max_connections == 16 && c->upstream.ca_file == NULL);
    assert_string_equal(c->control_operators.at[0], "ops");
    assert_string_equal(c->control_viewers.at[0], "dev");
    assert_int_equal(c->metrics_access, METRICS_OFF);
    assert_string_equal(c->timezone, "Europe/Berlin");
    assert_true(c->store_failure_allow && c->denial_full && c->unknown_models_allow &&
                c->estimate_bytes && c->output_unset_maximum && c->control_require_reason);
    config_unref(c);
}

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

static void plaintext_is_allowed_when_said(void **state)
{
    (void)state;
    struct config *c = must_parse("region: us-east-1\nplaintext: true\n"
                                  "endpoints: {ce: 'http://ce.example'}\n"
                                  "listen: [{address: '0.0.0.0:80', plaintext: true}]\n");
    assert_true(c->plaintext_upstream && c->listen[0].plaintext);
    config_unref(c);
    c = must_parse("region: us-east-1\nendpoints: {ce: 'http://ce.example', plaintext: true}\n");
    assert_true(c->plaintext_upstream);
    config_unref(c);
}

static void identity_optional_on_loopback(void **state)
{
    (void)state;
    struct config *c = must_parse("region: us-east-1\nidentity: optional\n");
    assert_true(c->tags_from_caller_all && !c->identity_required);
    config_unref(c);
    c = must_parse("region: us-east-1\nidentity: optional\ntags: {from_caller: [a]}\n");
    assert_false(c->tags_from_caller_all);
    config_unref(c);
}

static void environment_fills_what_the_file_leaves_out(void **state)
{
    (void)state;
    assert_null(parse(""));
    assert_non_null(find(0, "region", "AWS_REGION"));
    config_mistakes_free(&mistakes);
    setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/", 1);
    setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "https://cw.example", 1);
    setenv("XDG_STATE_HOME", "/state", 1);
    struct config *c = must_parse("endpoints: {ce: 'https://ce.example'}\n");
    assert_string_equal(c->region, "eu-west-1");
    assert_string_equal(c->endpoints[SERVICE_BEDROCK_RUNTIME], "http://127.0.0.1:4566");
    assert_string_equal(c->endpoints[SERVICE_MONITORING], "https://cw.example");
    assert_string_equal(c->endpoints[SERVICE_CE], "https://ce.example");
    assert_string_equal(c->state_dir, "/state/tollgate");
    config_unref(c);
    setenv("AWS_REGION", "ap-south-1", 1);
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE", 1);
    c = must_parse("");
    assert_string_equal(c->region, "ap-south-1");
    assert_string_equal(c->endpoints[SERVICE_MONITORING],
                        "https://monitoring.ap-south-1.amazonaws.com");
    assert_string_equal(c->endpoints[SERVICE_PRICING],
                        "https://api.pricing.ap-south-1.amazonaws.com");
    config_unref(c);
    unsetenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    setenv("AWS_ENDPOINT_URL", "http://elsewhere.example", 1);
    assert_null(parse(""));
    assert_non_null(find(0, "endpoints.sts", "off loopback"));
    config_mistakes_free(&mistakes);
    setenv("AWS_ENDPOINT_URL", "nonsense", 1);
    assert_null(parse(""));
    assert_non_null(find(0, "AWS_ENDPOINT_URL", "http://"));
    config_mistakes_free(&mistakes);
}

static void no_home_no_state(void **state)
{
    (void)state;
    unsetenv("HOME");
    assert_null(parse("region: us-east-1\nupstream: {ca_file: ~/a}\n"));
    assert_non_null(find(0, "state_dir", "HOME"));
    assert_non_null(find(2, "upstream.ca_file", "HOME"));
    config_mistakes_free(&mistakes);
}

static void aliases_are_followed_and_bounded(void **state)
{
    (void)state;
    struct config *c = must_parse("region: us-east-1\n"
                                  "tags: {required: &keys [applicationId]}\n"
                                  "limits:\n- {name: a, usd: 1, window: 1m, per: *keys}\n");
    assert_string_equal(c->limits[0].per[0], "applicationId");
    config_unref(c);
    assert_null(parse("region: us-east-1\nlimits: &l [*l, *l]\n"));
    config_mistakes_free(&mistakes);
    assert_null(parse("&a limits: *a\nnotify: &n [{on: *n, exec: *n}]\nmodels: &m {m: *m}\n"));
    config_mistakes_free(&mistakes);
    /* 1,000 limits of 900 warnings each, by aliases: the budget ends it. */
    char *text = malloc(200000);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, 200000, "region: us-east-1\nmodels: &w {");
    for (int i = 0; i < 900; i++) {
        n += (size_t)snprintf(text + n, 200000 - n, "k%d: 1, ", i);
    }
    n += (size_t)snprintf(text + n, 200000 - n, "z: 1}\nlimits: [*w");
    for (int i = 0; i < 900; i++) {
        n += (size_t)snprintf(text + n, 200000 - n, ", *w");
    }
    snprintf(text + n, 200000 - n, "]\n");
    assert_null(parse(text));
    assert_int_equal(mistakes.count, 200);
    config_mistakes_free(&mistakes);
    free(text);
}

static void too_large(void **state)
{
    (void)state;
    size_t n = 1024 * 1024 + 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '#', n);
    assert_null(config_parse("x", (struct str){text, n}, &mistakes));
    assert_non_null(find(0, "", "1 MB"));
    config_mistakes_free(&mistakes);
    free(text);
}

/* Bytes changed, cut and doubled at places drawn from a fixed seed: never a crash, and a verdict
 * that agrees with the list. */
static void damaged_files(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]:,&*!|>'\"%@`#-? \n\t\0\xff\xc3~0k";
    char text[sizeof(whole_file) + 64];
    uint64_t seed = 2024;
    for (int round = 0; round < 3000; round++) {
        size_t n = sizeof(whole_file) - 1;
        memcpy(text, whole_file, n);
        for (int change = 0; change <= round % 5; change++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(seed >> 33) % n, to = (size_t)(seed >> 13) % n;
            switch (seed >> 60 & 3) {
            case 0:
            case 1:
                text[at] = bytes[(seed >> 20) % (sizeof(bytes) - 1)];
                break;
            case 2:
                memmove(text + at, text + to, (at > to ? n - at : n - to) / 2);
                break;
            default:
                n = at > 100 ? at : n;
                break;
            }
        }
        struct config *c = config_parse("x", (struct str){text, n}, &mistakes);
        assert_true((c == NULL) == (mistakes.errors > 0));
        config_mistakes_free(&mistakes);
        config_unref(c);
    }
}

static void references(void **state)
{
    (void)state;
    struct config *c = must_parse("region: us-east-1\n");
    assert_ptr_equal(config_ref(c), c);
    config_unref(c);
    assert_string_equal(c->region, "us-east-1");
    config_unref(c);
    config_unref(NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_key),
        TEST(each_mistake),
        TEST(all_at_once_by_line),
        TEST(documented_choices_do_not_warn),
        TEST(an_unknown_model_without_a_price_is_told),
        TEST(the_list_of_mistakes_is_bounded),
        TEST(outside_text_is_printable),
        TEST(plaintext_is_allowed_when_said),
        TEST(identity_optional_on_loopback),
        TEST(environment_fills_what_the_file_leaves_out),
        TEST(no_home_no_state),
        TEST(aliases_are_followed_and_bounded),
        TEST(too_large),
        TEST(damaged_files),
        TEST(references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
