/* test_endpoints.c: where Region and endpoints come from, and AWS's hosts in its partitions. */
#include "core/config/config.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *profile_region, *instance_region, *service, *url;
    int asked_instance;
} says;

static bool profile_region(char *region, size_t size, char *from, size_t from_size)
{
    return says.profile_region != NULL && str_copy(region, size, str_of(says.profile_region)) &&
           str_copy(from, from_size, STR("profile work"));
}

static bool profile_endpoint(const char *service, char *url, size_t size, char *from,
                             size_t from_size)
{
    return says.service != NULL && strcmp(service, says.service) == 0 &&
           str_copy(url, size, str_of(says.url)) && str_copy(from, from_size, STR("profile work"));
}

static bool instance_region(char *region, size_t size)
{
    says.asked_instance++;
    return says.instance_region != NULL && str_copy(region, size, str_of(says.instance_region));
}

static struct config *load(const char *text, struct config_mistakes *m)
{
    static const struct config_aws aws = {profile_region, profile_endpoint, instance_region};
    *m = (struct config_mistakes){.count = 0};
    config_know_aws(&aws);
    return config_parse("t.yaml", str_of(text), m);
}

static void clean(void)
{
    static const char *const names[] = {"AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsetenv(names[i]);
    }
    setenv("HOME", "/home/nobody", 1);
    memset(&says, 0, sizeof(says));
}

static void check_region(const char *text, const char *region, const char *from)
{
    struct config_mistakes m;
    struct config *c = load(text, &m);
    assert_non_null(c);
    assert_string_equal(c->region, region);
    assert_string_equal(c->region_from, from);
    config_unref(c);
    config_mistakes_free(&m);
}

static void a_region_is_found_in_order(void **state)
{
    (void)state;
    struct config_mistakes m;
    clean();
    assert_null(load("", &m));
    assert_int_equal(m.errors, 1);
    assert_non_null(strstr(m.at[0].text, "the AWS profile's region and the instance metadata"));
    config_mistakes_free(&m);
    says.instance_region = "eu-north-1";
    check_region("", "eu-north-1", "instance metadata");
    says.profile_region = "eu-west-3";
    says.asked_instance = 0;
    check_region("", "eu-west-3", "profile work");
    assert_int_equal(says.asked_instance, 0);
    setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
    check_region("", "eu-west-2", "AWS_DEFAULT_REGION");
    setenv("AWS_REGION", "eu-west-1", 1);
    check_region("", "eu-west-1", "AWS_REGION");
    check_region("region: us-east-2\n", "us-east-2", "region: of the file");
    clean();
    says.profile_region = "Mars";
    assert_null(load("", &m));
    assert_string_equal(m.at[0].key, "profile work");
    config_mistakes_free(&m);
}

/* The warning that the file brings; "" where there is none. */
static void check_warning(const char *text, const char *warning)
{
    struct config_mistakes m;
    struct config *c = load(text, &m);
    char line[512] = "";
    assert_non_null(c);
    assert_in_range(m.count, 0, 1);
    if (m.count > 0) {
        assert_true(m.at[0].warning);
        config_mistake_print(line, sizeof(line), "f", &m.at[0]);
    }
    assert_string_equal(line, warning);
    config_unref(c);
    config_mistakes_free(&m);
}

static void a_region_that_is_not_known_is_a_warning(void **state)
{
    (void)state;
    clean();
    check_warning("region: us-esat-1\n",
                  "f:1: warning: region: us-esat-1 was no Region in November 2026: did you mean "
                  "us-east-1? AWS may have added it since");
    check_warning("timezone: UTC\nregion: eu-wst-3\n",
                  "f:2: warning: region: eu-wst-3 was no Region in November 2026: did you mean "
                  "eu-west-3? AWS may have added it since");
    check_warning("region: antarctica-south-1\n",
                  "f:1: warning: region: antarctica-south-1 was no Region in November 2026; AWS "
                  "may have added it since");
    setenv("AWS_REGION", "us-east1-a", 1);
    check_warning("", "f: warning: AWS_REGION: us-east1-a was no Region in November 2026: did you "
                      "mean us-east-1? AWS may have added it since");
    clean();
    check_warning("region: us-gov-west-1\n", "");
    check_warning("region: mx-central-1\n", "");
}

static void check_endpoint(const char *text, enum config_service s, const char *url,
                           const char *from)
{
    struct config_mistakes m;
    struct config *c = load(text, &m);
    assert_non_null(c);
    assert_string_equal(c->endpoints[s], url);
    assert_string_equal(c->endpoint_from[s], from);
    config_unref(c);
    config_mistakes_free(&m);
}

static void an_endpoint_is_found_in_order(void **state)
{
    (void)state;
    clean();
    check_endpoint("region: us-east-1\n", SERVICE_BEDROCK_RUNTIME,
                   "https://bedrock-runtime.us-east-1.amazonaws.com", "AWS");
    says.service = "bedrock_runtime";
    says.url = "https://profile.example";
    check_endpoint("region: us-east-1\n", SERVICE_BEDROCK_RUNTIME, "https://profile.example",
                   "profile work");
    setenv("AWS_ENDPOINT_URL", "https://all.example", 1);
    check_endpoint("region: us-east-1\n", SERVICE_BEDROCK_RUNTIME, "https://all.example",
                   "AWS_ENDPOINT_URL");
    setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://one.example", 1);
    check_endpoint("region: us-east-1\n", SERVICE_BEDROCK_RUNTIME, "https://one.example",
                   "AWS_ENDPOINT_URL_BEDROCK_RUNTIME");
    check_endpoint("region: us-east-1\nendpoints: {bedrock-runtime: 'https://file.example'}\n",
                   SERVICE_BEDROCK_RUNTIME, "https://file.example", "endpoints: of the file");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    check_endpoint("region: us-east-1\n", SERVICE_BEDROCK_RUNTIME,
                   "https://bedrock-runtime.us-east-1.amazonaws.com", "AWS");
    clean();
}

static void partitions_have_hosts_of_their_own(void **state)
{
    (void)state;
    static const struct {
        const char *region;
        enum config_service service;
        const char *url, *signing;
    } cases[] = {
        {"eu-west-1", SERVICE_STS, "https://sts.eu-west-1.amazonaws.com", "eu-west-1"},
        {"eu-west-1", SERVICE_CE, "https://ce.us-east-1.amazonaws.com", "us-east-1"},
        {"eu-west-1", SERVICE_BUDGETS, "https://budgets.amazonaws.com", "us-east-1"},
        {"eu-west-1", SERVICE_BEDROCK_MANTLE, "https://bedrock-mantle.eu-west-1.api.aws",
         "eu-west-1"},
        {"eu-west-1", SERVICE_PRICING, "https://api.pricing.us-east-1.amazonaws.com", "us-east-1"},
        {"cn-north-1", SERVICE_MONITORING, "https://monitoring.cn-north-1.amazonaws.com.cn",
         "cn-north-1"},
        {"cn-north-1", SERVICE_CE, "https://ce.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
        {"cn-north-1", SERVICE_BUDGETS, "https://budgets.amazonaws.com.cn", "cn-northwest-1"},
        {"us-gov-west-1", SERVICE_BEDROCK_RUNTIME,
         "https://bedrock-runtime.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
        {"us-gov-west-1", SERVICE_CE, "https://ce.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
        {"us-iso-east-1", SERVICE_STS, "https://sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
        {"us-isob-east-1", SERVICE_LOGS, "https://logs.us-isob-east-1.sc2s.sgov.gov",
         "us-isob-east-1"},
        {"eu-isoe-west-1", SERVICE_BUDGETS, "https://budgets.global.cloud.adc-e.uk",
         "eu-isoe-west-1"},
        {"eusc-de-east-1", SERVICE_BEDROCK, "https://bedrock.eusc-de-east-1.amazonaws.eu",
         "eusc-de-east-1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        clean();
        assert_true(snprintf(text, sizeof(text), "region: %s\n", cases[i].region) > 0);
        check_endpoint(text, cases[i].service, cases[i].url, "AWS");
        assert_string_equal(config_signing_region(cases[i].service, cases[i].region),
                            cases[i].signing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_found_in_order),
        cmocka_unit_test(a_region_that_is_not_known_is_a_warning),
        cmocka_unit_test(an_endpoint_is_found_in_order),
        cmocka_unit_test(partitions_have_hosts_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
