/* config_endpoints.c: the Region and where its services are: the file, then the environment, then
 * the hosts of AWS. */
#include "core/config/config_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[SERVICE_COUNT] = {
    [SERVICE_BEDROCK_RUNTIME] = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    [SERVICE_BEDROCK] = "AWS_ENDPOINT_URL_BEDROCK",
    [SERVICE_BEDROCK_MANTLE] = "AWS_ENDPOINT_URL_BEDROCK_MANTLE",
    [SERVICE_MONITORING] = "AWS_ENDPOINT_URL_CLOUDWATCH",
    [SERVICE_LOGS] = "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    [SERVICE_CE] = "AWS_ENDPOINT_URL_COST_EXPLORER",
    [SERVICE_BUDGETS] = "AWS_ENDPOINT_URL_BUDGETS",
    [SERVICE_STS] = "AWS_ENDPOINT_URL_STS",
    [SERVICE_PRICING] = "AWS_ENDPOINT_URL_PRICING",
    [SERVICE_DATA_EXPORTS] = "AWS_ENDPOINT_URL_BCM_DATA_EXPORTS",
};

static void set(struct config_reader *r, enum config_service s, struct str url, int line,
                const char *key)
{
    struct config_url parsed;
    const char *why;
    if (!config_url_parse(url, &parsed, &why)) {
        config_mistake(r, line, key, "%s; such as https://bedrock-runtime.us-east-1.amazonaws.com",
                       why);
        return;
    }
    r->config->endpoints[s] = config_text(r, parsed.origin);
    r->config->endpoint_given[s] = true;
    r->config->endpoint_from[s] = line > 0 ? "endpoints: of the file" : config_text(r, str_of(key));
}

static void read_endpoint(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str url;
    (void)into;
    if (config_scalar(p, &url)) {
        set(p->r, (enum config_service)f->min, url, p->line, p->key);
    }
}

void config_read_endpoints(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    struct config_field fields[SERVICE_COUNT + 1] = {0};
    (void)f;
    for (size_t s = 0; s < SERVICE_COUNT; s++) {
        fields[s] = (struct config_field){config_service_name((enum config_service)s),
                                          read_endpoint, .min = (int64_t)s};
    }
    fields[SERVICE_COUNT] = (struct config_field){"plaintext", .read = config_read_bool};
    bool plaintext = false;
    CONFIG_READ_FIELDS(p, fields, &plaintext);
    c->plaintext_upstream |= plaintext;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static bool region_ok(const char *region)
{
    size_t n = strlen(region);
    return n < 32 && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
           strchr(region, '-') != NULL && region[0] >= 'a' && region[n - 1] != '-';
}

static void find_region(struct config_reader *r)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    struct config *c = r->config;
    const char *key = "region";
    int line = config_line_of(r, key);
    for (size_t i = 0; i < 2 && line == 0 && *c->region == '\0'; i++) {
        const char *value = environment(names[i]);
        if (value != NULL) {
            key = names[i];
            c->region = config_text(r, str_of(value));
        }
    }
    c->region_from = line > 0 ? "region: of the file" : key;
    if (*c->region == '\0' && line == 0) {
        config_mistake(r, 0, key, "not given: add region: us-east-1, or set AWS_REGION");
    } else if (*c->region != '\0' && !region_ok(c->region)) {
        config_mistake(r, line, key, "\"%.40s\" is no Region; such as us-east-1", c->region);
    }
}

static void from_environment(struct config_reader *r)
{
    const char *ignored = environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignored != NULL && str_is_nocase(str_of(ignored), "true")) {
        return;
    }
    for (size_t s = 0; s < SERVICE_COUNT; s++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "endpoints.%s",
                       config_service_name((enum config_service)s));
        if (config_line_of(r, key) > 0) {
            continue;
        }
        const char *name = variables[s];
        const char *value = environment(name);
        if (value == NULL) {
            name = "AWS_ENDPOINT_URL";
            value = environment(name);
        }
        if (value != NULL) {
            set(r, (enum config_service)s, str_of(value), 0, name);
        }
    }
}

/* The Price List service stands in three Regions only. */
static const char *pricing_region(const char *region)
{
    bool has_one = strcmp(region, "ap-south-1") == 0 || strcmp(region, "eu-central-1") == 0;
    return has_one ? region : "us-east-1";
}

/* So do those of billing: one in each partition. */
static const char *billing_region(const char *region)
{
    return str_starts(str_of(region), "cn-")     ? "cn-northwest-1"
           : str_starts(str_of(region), "eusc-") ? "eusc-de-east-1"
                                                 : "us-east-1";
}

const char *config_signing_region(enum config_service s, const char *region)
{
    switch (s) {
    case SERVICE_CE:
    case SERVICE_BUDGETS:
    case SERVICE_DATA_EXPORTS:
        return billing_region(region);
    case SERVICE_PRICING:
        return pricing_region(region);
    case SERVICE_BEDROCK_RUNTIME:
    case SERVICE_BEDROCK:
    case SERVICE_BEDROCK_MANTLE:
    case SERVICE_MONITORING:
    case SERVICE_LOGS:
    case SERVICE_STS:
    case SERVICE_COUNT:
        break;
    }
    return region;
}

static void aws_host(struct config_reader *r, enum config_service s)
{
    struct config *c = r->config;
    bool china = str_starts(str_of(c->region), "cn-");
    const char *suffix = china ? ".cn" : "";
    char url[256];
    switch (s) {
    case SERVICE_BEDROCK_MANTLE:
        (void)snprintf(url, sizeof(url), "https://bedrock-mantle.%.32s.api.aws", c->region);
        break;
    case SERVICE_CE:
        (void)snprintf(url, sizeof(url), "https://ce.%s.amazonaws.com%s", billing_region(c->region),
                       suffix);
        break;
    case SERVICE_BUDGETS:
        (void)snprintf(url, sizeof(url), "https://budgets.amazonaws.com%s", suffix);
        break;
    case SERVICE_DATA_EXPORTS:
        (void)snprintf(url, sizeof(url), "https://bcm-data-exports.%s.%s",
                       billing_region(c->region),
                       china ? "api.amazonwebservices.com.cn" : "api.aws");
        break;
    case SERVICE_PRICING:
        (void)snprintf(url, sizeof(url), "https://api.pricing.%s.amazonaws.com",
                       pricing_region(c->region));
        break;
    case SERVICE_BEDROCK_RUNTIME:
    case SERVICE_BEDROCK:
    case SERVICE_MONITORING:
    case SERVICE_LOGS:
    case SERVICE_STS:
    case SERVICE_COUNT:
        (void)snprintf(url, sizeof(url), "https://%s.%.32s.amazonaws.com%s", config_service_name(s),
                       c->region, suffix);
        break;
    }
    c->endpoints[s] = config_text(r, str_of(url));
    c->endpoint_from[s] = "AWS";
}

/* One mistake for each http:// endpoint off loopback. */
static void check_plaintext(struct config_reader *r, enum config_service s)
{
    struct config_url url;
    const char *why;
    if (!config_url_parse(str_of(r->config->endpoints[s]), &url, &why) || url.https ||
        r->config->plaintext_upstream) {
        return;
    }
    char host[256], key[64];
    str_copy(host, sizeof(host), url.host);
    if (config_host_is_loopback(host)) {
        return;
    }
    (void)snprintf(key, sizeof(key), "endpoints.%s", config_service_name(s));
    config_mistake(r, config_line_of(r, key), key,
                   "http:// to %.80s, off loopback: prompts and credentials would travel in the "
                   "clear; use https://, or say plaintext: true",
                   host);
}

void config_endpoint_defaults(struct config_reader *r)
{
    find_region(r);
    from_environment(r);
    for (size_t s = 0; s < SERVICE_COUNT; s++) {
        if (!r->config->endpoint_given[s]) {
            aws_host(r, (enum config_service)s);
        }
        check_plaintext(r, (enum config_service)s);
    }
}
