/* quotas.c: see quotas.h. */
#include "core/aws/quotas.h"

#define PAGES_MAX 100

struct taking {
    quotas_row *fn;
    void *arg;
};

static bool take_quota(void *arg, const json_t *item)
{
    const struct taking *t = arg;
    struct quota q = {.name = aws_json_text(item, "QuotaName"),
                      .code = aws_json_text(item, "QuotaCode"),
                      .value = aws_json_number(item, "Value"),
                      .adjustable = json_is_true(json_object_get(item, "Adjustable"))};
    return json_is_object(item) && t->fn(t->arg, &q);
}

enum err quotas_list(const struct aws_session *s, const char *service, quotas_row *fn, void *arg,
                     struct err_info *ei)
{
    static const struct aws_operation op = {.service = "servicequotas",
                                            .action = "servicequotas:ListServiceQuotas",
                                            .target = "ServiceQuotasV20190624.ListServiceQuotas"};
    static const struct aws_pages list = {
        .list = "Quotas", .token_out = "NextToken", .token_in = "NextToken", .most = PAGES_MAX};
    struct taking t = {fn, arg};
    return aws_json_list(s, &op, json_pack("{s:s,s:i}", "ServiceCode", service, "MaxResults", 100),
                         &list, take_quota, &t, NULL, ei);
}
