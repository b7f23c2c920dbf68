/* price_list.c: see price_list.h. Each product is a JSON text in the answer's JSON. */
#include "core/aws/price_list.h"

#include "core/aws/cost_explorer.h"

#define PAGES_MAX 200

struct rows {
    price_list_take *fn;
    void *arg;
};

static const char *product_name(const json_t *attributes)
{
    static const char *const names[] = {"model", "titanModel", "servicename"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (aws_json_text(attributes, names[i])[0] != '\0') {
            return aws_json_text(attributes, names[i]);
        }
    }
    return "";
}

/* A dimension that is not in dollars, or has no price, is passed over. */
static bool take_dimension(const struct rows *r, const json_t *attributes, const json_t *dimension)
{
    struct str usd = str_of(aws_json_text(json_object_get(dimension, "pricePerUnit"), "USD"));
    struct price_list_row row = {.product = product_name(attributes),
                                 .usage_type = aws_json_text(attributes, "usagetype"),
                                 .kind = aws_json_text(attributes, "inferenceType"),
                                 .tier = aws_json_text(attributes, "service_tier"),
                                 .feature = aws_json_text(attributes, "feature"),
                                 .unit = aws_json_text(dimension, "unit"),
                                 .usd_text = usd};
    return !cost_explorer_amount(usd, &row.usd) || r->fn(r->arg, &row);
}

static bool take_product(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    json_t *root = json_loads(json_is_string(item) ? json_string_value(item) : "", 0, NULL);
    const json_t *attributes = json_object_get(json_object_get(root, "product"), "attributes");
    json_t *term, *dimension;
    const char *name, *inner;
    bool ok = json_is_object(root);
    json_object_foreach(json_object_get(json_object_get(root, "terms"), "OnDemand"), name, term)
    {
        json_object_foreach(json_object_get(term, "priceDimensions"), inner, dimension)
        {
            ok = ok && take_dimension(r, attributes, dimension);
        }
    }
    json_decref(root);
    return ok;
}

enum err price_list_products(const struct aws_session *s, const char *service_code,
                             const char *region, price_list_take *fn, void *arg, int64_t *pages,
                             struct err_info *ei)
{
    struct aws_operation op = {.service = "pricing",
                               .action = "pricing:GetProducts",
                               .target = "AWSPriceListService.GetProducts"};
    struct aws_pages p = {"PriceList", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    json_t *body = json_pack("{s:s, s:[{s:s, s:s, s:s}], s:s, s:i}", "ServiceCode", service_code,
                             "Filters", "Type", "TERM_MATCH", "Field", "regionCode", "Value",
                             region, "FormatVersion", "aws_v1", "MaxResults", 100);
    return aws_json_list(s, &op, body, &p, take_product, &r, pages, ei);
}
