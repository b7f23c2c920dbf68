/* Method and target to a call, its model to an entry of the catalog. */
#include "core/base/json_scan.h"
#include "core/catalog/catalog.h"
#include "core/dialect/dialect.h"
#include "tests/fuzz/fuzz.h"

static struct catalog *catalog(void)
{
    static struct catalog *made;
    static const char text[] =
        "region: us-east-1\n"
        "models:\n"
        "  - {name: haiku, id: us.anthropic.claude-haiku-4-5-20251001-v1:0}\n"
        "  - {name: small, base: haiku}\n";
    struct err_info ei = {0};

    if (made == NULL) {
        struct config_mistakes mistakes;
        struct config *c = config_parse("fuzz.yaml", str_of(text), &mistakes);
        config_mistakes_free(&mistakes);
        MUST(c != NULL);
        made = catalog_new(c, &ei);
        MUST(made != NULL);
    }
    return made;
}

static void check_model(struct str segment)
{
    char model[8193];
    struct resolved found;
    struct err_info ei = {0};

    MUST(str_percent_decode(model, sizeof(model), segment));
    enum err e = catalog_resolve(catalog(), str_of(model), &found, &ei);
    if (e == ERR_OK) {
        MUST(found.model != NULL && found.upstream_id != NULL && found.upstream_id[0] != '\0');
        struct price price;
        (void)catalog_price(catalog(), &found, 1795225000000, &price);
    } else {
        MUST(e == ERR_NOT_FOUND || e == ERR_FORBIDDEN);
        MUST(ei.text[0] != '\0' && !holds_control(str_of(ei.text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct str method = input_line(&in), target = input_rest(&in);
    struct dialect_route r;
    struct err_info ei = {0};
    enum err e = dialect_route(&r, method, target, &ei);

    MUST(is_inside(r.path, target) && is_inside(r.query, target));
    MUST(is_inside(r.model_segment, target));
    MUST(!holds_control(str_of(r.not_served)));
    if (e != ERR_OK) {
        MUST(e == ERR_PARSE || e == ERR_UNSUPPORTED);
        MUST(r.kind == KIND_NOT_SERVED && ei.text[0] != '\0');
        MUST(e != ERR_UNSUPPORTED || r.allow != NULL);
        return 0;
    }
    MUST((r.kind == KIND_NOT_SERVED) == (r.not_served[0] != '\0'));
    MUST((r.kind == KIND_NOT_SERVED) == (r.operation == NULL));
    MUST((r.kind == KIND_LOCAL) == (r.local != LOCAL_NONE));
    if (r.dialect == DIALECT_BEDROCK && (r.kind == KIND_CALL || r.kind == KIND_FREE)) {
        MUST(r.model_segment.n > 0);
    }
    if (r.model_segment.n > 0) {
        check_model(r.model_segment);
    }
    return 0;
}
