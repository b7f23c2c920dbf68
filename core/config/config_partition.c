/* config_partition.c: AWS's partitions: where the services of a Region are. */
#include "core/config/config_private.h"

#include <stdio.h>
#include <string.h>

struct partition {
    const char *prefix; /* of its Regions */
    const char *suffix, *dual_stack_suffix;
    const char *billing; /* Region of Cost Explorer and Data Exports; NULL: each has its own */
    const char *budgets_host, *budgets_region; /* NULL: each Region has its own */
};

static const struct partition partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-northwest-1",
     "budgets.amazonaws.com.cn", "cn-northwest-1"},
    {"us-gov-", "amazonaws.com", "api.aws", NULL, NULL, NULL},
    {"us-iso-", "c2s.ic.gov", "c2s.ic.gov", NULL, NULL, NULL},
    {"us-isob-", "sc2s.sgov.gov", "sc2s.sgov.gov", NULL, NULL, NULL},
    {"eu-isoe-", "cloud.adc-e.uk", "cloud.adc-e.uk", NULL, "budgets.global.cloud.adc-e.uk",
     "eu-isoe-west-1"},
    {"us-isof-", "csp.hci.ic.gov", "csp.hci.ic.gov", NULL, "budgets.global.csp.hci.ic.gov",
     "us-isof-south-1"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1", NULL, NULL},
    {"", "amazonaws.com", "api.aws", "us-east-1", "budgets.amazonaws.com", "us-east-1"},
};

static const struct partition *partition_of(const char *region)
{
    const struct partition *p = partitions;
    while (!str_starts(str_of(region), p->prefix)) {
        p++; /* the last one takes every Region */
    }
    return p;
}

/* The Price List stands in three Regions of the first partition and in one of China's. */
static const char *pricing_region(const char *region)
{
    bool has_one = strcmp(region, "ap-south-1") == 0 || strcmp(region, "eu-central-1") == 0;
    bool china = str_starts(str_of(region), "cn-");
    return has_one ? region : china ? "cn-northwest-1" : "us-east-1";
}

const char *config_signing_region(enum config_service s, const char *region)
{
    const struct partition *p = partition_of(region);
    switch (s) {
    case SERVICE_CE:
    case SERVICE_DATA_EXPORTS:
        return p->billing != NULL ? p->billing : region;
    case SERVICE_BUDGETS:
        return p->budgets_region != NULL ? p->budgets_region : region;
    case SERVICE_PRICING:
        return pricing_region(region);
    case SERVICE_BEDROCK_RUNTIME:
    case SERVICE_BEDROCK:
    case SERVICE_BEDROCK_MANTLE:
    case SERVICE_MONITORING:
    case SERVICE_LOGS:
    case SERVICE_STS:
    case SERVICE_QUOTAS:
    case SERVICE_COUNT:
        break;
    }
    return region;
}

void config_aws_url(char *out, size_t size, enum config_service s, const char *region)
{
    const struct partition *p = partition_of(region);
    const char *stands = config_signing_region(s, region);
    const char *name = s == SERVICE_PRICING ? "api.pricing" : config_service_name(s);
    const char *suffix = p->suffix;
    if (s == SERVICE_BUDGETS && p->budgets_host != NULL) {
        (void)snprintf(out, size, "https://%s", p->budgets_host);
        return;
    }
    if (s == SERVICE_BEDROCK_MANTLE || s == SERVICE_DATA_EXPORTS) {
        suffix = p->dual_stack_suffix;
    } else if (s == SERVICE_PRICING) {
        suffix = partition_of(stands)->suffix;
    }
    (void)snprintf(out, size, "https://%s.%.32s.%s", name, stands, suffix);
}
