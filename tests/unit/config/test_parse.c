/* test_parse.c: whole files: what they give, and what holds where they are silent. */
#include "tests/unit/config/parse_rig.h"

#include <stdio.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_key),
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
