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
    [SERVICE_QUOTAS] = "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
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

static struct config_aws known_aws;

void config_know_aws(const struct config_aws *aws)
{
    known_aws = *aws;
}

static void use_region(struct config_reader *r, const char *region, const char *from)
{
    r->config->region = config_text(r, str_of(region));
    r->config->region_from = config_text(r, str_of(from));
}

/* Where the file is silent, in the order of AWS's own tools. */
static void discover_region(struct config_reader *r)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    char region[64], from[256];
    for (size_t i = 0; i < 2; i++) {
        const char *value = environment(names[i]);
        if (value != NULL) {
            use_region(r, value, names[i]);
            return;
        }
    }
    if (known_aws.profile_region != NULL &&
        known_aws.profile_region(region, sizeof(region), from, sizeof(from))) {
        use_region(r, region, from);
    } else if (known_aws.instance_region != NULL &&
               known_aws.instance_region(region, sizeof(region))) {
        use_region(r, region, "instance metadata");
    }
}

static void find_region(struct config_reader *r)
{
    struct config *c = r->config;
    int line = config_line_of(r, "region");
    const char *nearest;
    c->region_from = "region: of the file";
    if (line == 0) {
        discover_region(r);
    }
    if (*c->region == '\0' && line == 0) {
        config_mistake(r, 0, "region",
                       "not given: add region: us-east-1, or set AWS_REGION (looked at the file, "
                       "AWS_REGION, AWS_DEFAULT_REGION, the AWS profile's region and the instance "
                       "metadata)");
    } else if (*c->region != '\0' && !region_ok(c->region)) {
        config_mistake(r, line, line > 0 ? "region" : c->region_from,
                       "\"%.40s\" is no Region; such as us-east-1", c->region);
    } else if (*c->region != '\0' && !config_region_known(c->region, &nearest)) {
        config_warning(r, line, line > 0 ? "region" : c->region_from,
                       "%s was no Region in November 2026%s%s%s AWS may have added it since",
                       c->region, nearest ? ": did you mean " : ";", nearest ? nearest : "",
                       nearest ? "?" : "");
    }
}

/* AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, then what the AWS profile says. */
static void discover_endpoint(struct config_reader *r, enum config_service s)
{
    const char *name = variables[s];
    const char *value = environment(name);
    char url[512], from[256], service[64];
    if (value == NULL) {
        name = "AWS_ENDPOINT_URL";
        value = environment(name);
    }
    if (value != NULL) {
        set(r, s, str_of(value), 0, name);
        return;
    }
    str_copy(service, sizeof(service), str_of(variables[s] + strlen("AWS_ENDPOINT_URL_")));
    for (char *c = service; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    if (known_aws.profile_endpoint != NULL &&
        known_aws.profile_endpoint(service, url, sizeof(url), from, sizeof(from))) {
        set(r, s, str_of(url), 0, from);
    }
}

static void discover_endpoints(struct config_reader *r)
{
    const char *ignored = environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignored != NULL && str_is_nocase(str_of(ignored), "true")) {
        return;
    }
    for (size_t s = 0; s < SERVICE_COUNT; s++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "endpoints.%s",
                       config_service_name((enum config_service)s));
        if (config_line_of(r, key) == 0) {
            discover_endpoint(r, (enum config_service)s);
        }
    }
}

static void aws_host(struct config_reader *r, enum config_service s)
{
    char url[256];
    config_aws_url(url, sizeof(url), s, r->config->region);
    r->config->endpoints[s] = config_text(r, str_of(url));
    r->config->endpoint_from[s] = "AWS";
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
    discover_endpoints(r);
    for (size_t s = 0; s < SERVICE_COUNT; s++) {
        if (!r->config->endpoint_given[s]) {
            aws_host(r, (enum config_service)s);
        }
        check_plaintext(r, (enum config_service)s);
    }
}
