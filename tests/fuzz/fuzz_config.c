/* The configuration file: refused with mistakes that can be printed, or whole enough for a catalog.
 */
#include "core/catalog/catalog.h"
#include "tests/fuzz/fuzz.h"

#define NOT_NULL(what) MUST((what) != NULL)

static void check_limits(const struct config *c)
{
    for (size_t i = 0; i < c->limit_count; i++) {
        const struct config_limit *l = &c->limits[i];
        MUST(l->name != NULL && l->name[0] != '\0' && l->metric < METRIC_COUNT);
        MUST(l->amount >= 0 && l->window <= WINDOW_NONE);
        MUST((l->metric == METRIC_CONCURRENCY) == (l->window == WINDOW_NONE));
        MUST(l->match_count <= CONFIG_MATCHES_MAX && l->per_count <= CONFIG_TAG_KEYS_MAX);
        MUST(l->warn_count <= CONFIG_WARN_MAX);
        for (size_t k = 0; k < i; k++) {
            MUST(strcmp(c->limits[k].name, l->name) != 0);
        }
    }
}

static void check_config(struct config *c)
{
    struct err_info ei = {0};

    NOT_NULL(c->region);
    NOT_NULL(c->state_dir);
    NOT_NULL(c->key_file);
    NOT_NULL(c->timezone);
    MUST(c->state_dir[0] == '/' && c->listen_count > 0);
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        struct str url = str_of(c->endpoints[i]);
        MUST(str_starts(url, "http://") || str_starts(url, "https://"));
    }
    MUST(c->requests.max_body > 0 && c->requests.max_header > 0);
    check_limits(c);
    struct catalog *catalog = catalog_new(c, &ei);
    MUST(catalog != NULL || ei.text[0] != '\0');
    if (catalog != NULL) {
        MUST(catalog_count(catalog) <= c->model_count);
        for (size_t i = 0; i < catalog_count(catalog); i++) {
            NOT_NULL(catalog_display_id(catalog, catalog_at(catalog, i)));
        }
        catalog_free(catalog);
    } else {
        MUST(!holds_control(str_of(ei.text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct config_mistakes mistakes;
    int line = 0;

    setenv("HOME", "/home/fuzz", 1);
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    setenv("AWS_REGION", "us-east-1", 1);
    struct config *c = config_parse("fuzz.yaml", text, &mistakes);
    MUST((c != NULL) == (mistakes.errors == 0));
    MUST(mistakes.count <= 200);
    for (size_t i = 0; i < mistakes.count; i++) {
        const struct config_mistake *m = &mistakes.at[i];
        MUST(m->line >= line && m->text[0] != '\0');
        MUST(!holds_control(str_of(m->key)) && !holds_control(str_of(m->text)));
        line = m->line;
    }
    if (c != NULL) {
        check_config(c);
    }
    config_mistakes_free(&mistakes);
    config_unref(c);
    return 0;
}
