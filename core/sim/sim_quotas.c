/* sim_quotas.c: Service Quotas in JSON 1.1: ListServiceQuotas of bedrock. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

static json_t *quota_of(const char *name, const char *code, double value)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:f,s:s,s:b,s:b}", "ServiceCode", "bedrock",
                     "ServiceName", "Amazon Bedrock", "QuotaName", name, "QuotaCode", code,
                     "QuotaArn", "arn:aws:servicequotas:us-east-1:" SIM_ACCOUNT ":bedrock/quota",
                     "Value", value, "Unit", "None", "Adjustable", 1, "GlobalQuota", 0);
}

json_t *sim_quotas_new(void)
{
    return json_pack(
        "[o,o,o,o]",
        quota_of("Cross-region model inference tokens per minute for Anthropic Claude 3.5 Haiku",
                 "L-252DF5B8", 4000000),
        quota_of("On-demand model inference tokens per minute for Amazon Nova Lite", "L-70423BDE",
                 2000000),
        quota_of("On-demand model inference tokens per minute for Amazon Nova Micro", "L-CFA4FEED",
                 2000000),
        quota_of("On-demand model inference requests per minute for Amazon Nova Lite", "L-B9F4FECE",
                 1000));
}

void sim_quotas_handle(struct sim_connection *c, const struct sim_request *r)
{
    static const struct sim_paging paging = {"Quotas", "NextToken", "MaxResults", 100};
    struct str operation = sim_json_operation(r, "ServiceQuotasV20190624");
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    if (!str_is(operation, "ListServiceQuotas")) {
        sim_json_refuse(c, "UnknownOperationException", NULL, "ListServiceQuotas is simulated.");
    } else if (strcmp(sim_setup_text(root, "ServiceCode"), "bedrock") != 0) {
        sim_json_refuse(c, "NoSuchResourceException", NULL, "There is no such service.");
    } else {
        sim_setup_answer(c, root, &paging, json_incref(sim_setup_list(c, "quotas")));
    }
    json_decref(root);
}
