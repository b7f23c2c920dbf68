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

/* As the endpoint rules of AWS's own SDKs list them (@aws-sdk/core 3.981.0, November 2026). */
static const char *const regions[] = {
    "us-east-1",      "us-east-2",      "us-west-1",      "us-west-2",      "af-south-1",
    "ap-east-1",      "ap-east-2",      "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1",     "ap-south-2",     "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
    "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1",
    "ca-west-1",      "eu-central-1",   "eu-central-2",   "eu-north-1",     "eu-south-1",
    "eu-south-2",     "eu-west-1",      "eu-west-2",      "eu-west-3",      "il-central-1",
    "me-central-1",   "me-south-1",     "me-west-1",      "mx-central-1",   "sa-east-1",
    "sa-west-1",      "cn-north-1",     "cn-northwest-1", "eusc-de-east-1", "us-gov-east-1",
    "us-gov-west-1",  "us-iso-east-1",  "us-iso-west-1",  "us-isob-east-1", "us-isob-west-1",
    "eu-isoe-west-1", "us-isof-east-1", "us-isof-south-1"};
#define REGIONS (sizeof(regions) / sizeof(regions[0]))

bool config_region_known(const char *region, const char **nearest)
{
    *nearest = config_nearest(str_of(region), regions, REGIONS, sizeof(regions[0]));
    return *nearest != NULL && strcmp(*nearest, region) == 0;
}

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
