/* sim_pricing.c: the Price List API: GetProducts over the prices set up, each a JSON text. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_PREFIX "AWSPriceListService"

/* {"code","usagetype","unit","usd",..} of the setup as the Price List's document. */
static json_t *product_of(const struct sim *s, const json_t *row)
{
    static const char *const kept[] = {"servicename", "model",       "titanModel",
                                       "provider",    "usagetype",   "inferenceType",
                                       "feature",     "service_tier"};
    json_t *attributes = json_pack("{s:s, s:s}", "regionCode", s->region, "servicecode",
                                   sim_setup_text(row, "code"));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (json_object_get(row, kept[i]) != NULL) {
            (void)json_object_set(attributes, kept[i], json_object_get(row, kept[i]));
        }
    }
    json_t *dimension =
        json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "unit", sim_setup_text(row, "unit"),
                  "beginRange", "0", "endRange", "Inf", "description", "simulated", "pricePerUnit",
                  "USD", sim_setup_text(row, "usd"));
    return json_pack("{s:{s:s, s:o}, s:s, s:{s:{s:{s:{s:o}}}}}", "product", "productFamily",
                     "Amazon Bedrock", "attributes", attributes, "serviceCode",
                     sim_setup_text(row, "code"), "terms", "OnDemand", "T1", "priceDimensions",
                     "D1", dimension);
}

static bool passes(const json_t *product, const json_t *filters)
{
    const json_t *attributes = json_object_get(json_object_get(product, "product"), "attributes");
    const json_t *one;
    size_t i;
    json_array_foreach(filters, i, one)
    {
        if (strcmp(sim_setup_text(attributes, sim_setup_text(one, "Field")),
                   sim_setup_text(one, "Value")) != 0) {
            return false;
        }
    }
    return true;
}

static void get_products(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"PriceList", "NextToken", "MaxResults", 100};
    const char *code = sim_setup_text(root, "ServiceCode");
    json_t *all = json_array(), *row;
    size_t i;
    json_array_foreach(sim_setup_list(c, "prices"), i, row)
    {
        if (strcmp(sim_setup_text(row, "code"), code) != 0) {
            continue;
        }
        json_t *product = product_of(sim_http_owner(c), row);
        char *text = passes(product, json_object_get(root, "Filters"))
                         ? json_dumps(product, JSON_COMPACT)
                         : NULL;
        if (text != NULL) {
            (void)json_array_append_new(all, json_string(text));
        }
        free(text);
        json_decref(product);
    }
    sim_setup_answer(c, root, &paging, all);
}

void sim_pricing_handle(struct sim_connection *c, const struct sim_request *r)
{
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    if (str_is(sim_json_operation(r, TARGET_PREFIX), "GetProducts")) {
        get_products(c, root);
    } else {
        sim_json_refuse(c, "UnknownOperationException", NULL, "GetProducts is simulated.");
    }
    json_decref(root);
}
