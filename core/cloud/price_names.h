/* price_names.h: from the names of the Price List to models, kinds of tokens and scopes. No
 * attribute of the list holds a model's ID. */
#ifndef TOLLGATE_CLOUD_PRICE_NAMES_H
#define TOLLGATE_CLOUD_PRICE_NAMES_H

#include "core/aws/price_list.h"

#define PRICE_KEY_MAX 128

/* What a product's name and a model's ID have in common: their words in order, without makers,
 * dates and first versions: "Claude 3.5 Haiku (Amazon Bedrock Edition)" and
 * "anthropic.claude-3-5-haiku-20241022-v1:0" both give "3 5 claude haiku". */
void price_names_key(char out[PRICE_KEY_MAX], struct str name);

enum price_class {
    PRICE_INPUT,
    PRICE_OUTPUT,
    PRICE_CACHE_READ,
    PRICE_CACHE_WRITE,
    PRICE_CACHE_WRITE_1H,
    PRICE_CLASSES
};
const char *price_names_class(enum price_class c); /* as the file spells it: "cache_read" */

/* What a row is a price of; false: of something else than standard on-demand text tokens. */
bool price_names_row(const struct price_list_row *r, enum price_class *class, bool *global);
/* Nano-dollars per million tokens; false: not a price of tokens. */
bool price_names_amount(const struct price_list_row *r, money_t *out);

/* The model that a line of a bill is for, by its service and usage type, as the bill spells it. */
#define PRICE_BILLED_MAX 256
void price_names_billed(char out[PRICE_BILLED_MAX], struct str service, struct str usage);

#endif
