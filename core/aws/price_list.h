/* price_list.h: the Price List API: prices of Bedrock's models as AWS publishes them. Free. */
#ifndef TOLLGATE_AWS_PRICE_LIST_H
#define TOLLGATE_AWS_PRICE_LIST_H

#include "core/aws/aws_json.h"

/* One price; texts are borrowed during the call. */
struct price_list_row {
    const char *product;           /* "Claude 3.5 Haiku (Amazon Bedrock Edition)", "Nova Lite" */
    const char *usage_type, *kind; /* kind: inferenceType, "" where there is none */
    const char *tier, *feature;    /* "" where there is none */
    const char *unit;              /* "1K tokens", "1M tokens", "Units" */
    money_t usd;                   /* for one unit */
    struct str usd_text;           /* as AWS wrote it: smaller than a nano-dollar is possible */
};
typedef bool price_list_take(void *arg, const struct price_list_row *r);

/* On-demand prices of one service code ("AmazonBedrock", "AmazonBedrockFoundationModels",
 * "AmazonBedrockService") in a Region. */
enum err price_list_products(const struct aws_session *s, const char *service_code,
                             const char *region, price_list_take *fn, void *arg, int64_t *pages,
                             struct err_info *ei) MUST_CHECK;

#endif
