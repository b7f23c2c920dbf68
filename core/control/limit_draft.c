/* limit_draft.c: a limit that does not exist, as a command describes it, to be tried. */
#include <string.h>

#include "core/control/limit_change.h"

bool limit_draft_asked(const json_t *params)
{
    static const char *const members[] = {"window", "rolling", "match", "per"};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        json_t *v = json_object_get(params, members[i]);
        if (v && !json_is_null(v)) {
            return true;
        }
    }
    return false;
}

void limit_draft_clear(struct limit_draft *d)
{
    json_decref(d->params);
    *d = (struct limit_draft){.params = NULL};
}

static enum err read_amount(struct limit_draft *d, struct err_info *ei)
{
    const char *metric = param_text(d->params, "metric"), *amount = param_text(d->params, "amount");
    struct config_limit *f = &d->limit;
    if (!metric || !config_metric_parse(str_of(metric), &f->metric)) {
        return err_set(ei, ERR_PARSE,
                       "metric %.40s: must be one of tokens, input_tokens, output_tokens, "
                       "aws_quota_tokens, requests, usd, concurrency",
                       metric ? metric : "(missing)");
    }
    if (!amount || !config_amount_parse(str_of(amount), f->metric, &f->amount)) {
        return err_set(ei, ERR_PARSE, "amount %.40s: must be %s", amount ? amount : "(missing)",
                       f->metric == METRIC_USD ? "dollars such as 250 or 12.50"
                                               : "a number such as 250, 100k or 1.5M");
    }
    return ERR_OK;
}

static enum err read_window(struct limit_draft *d, struct err_info *ei)
{
    const char *window = param_text(d->params, "window");
    struct config_limit *f = &d->limit;
    f->rolling = param_true(d->params, "rolling");
    f->window = WINDOW_NONE;
    if (f->metric == METRIC_CONCURRENCY) {
        return window ? err_set(ei, ERR_PARSE, "concurrency has no window: leave it out") : ERR_OK;
    }
    for (int w = WINDOW_10S; w <= WINDOW_MONTH && window; w++) {
        if (strcmp(window, config_window_name((enum config_window)w)) == 0) {
            f->window = (enum config_window)w;
        }
    }
    if (f->window == WINDOW_NONE) {
        return err_set(ei, ERR_PARSE,
                       "%s%.40s: a limit that is to be tried needs a window: 10s, 1m, 1h, day, "
                       "week or month",
                       window ? "window " : "no window", window ? window : "");
    }
    return ERR_OK;
}

/* The name as the ledger has it, in storage that lasts. */
static const char *key_of(const char *key)
{
    return strcmp(key, "application") == 0 ? "applicationId" : key;
}

static enum err check_model(struct core *c, const char *glob, struct err_info *ei)
{
    struct resolved r;
    return strpbrk(glob, "*?") ? ERR_OK : catalog_resolve(c->catalog, str_of(glob), &r, ei);
}

static enum err read_match(struct core *c, struct limit_draft *d, struct err_info *ei)
{
    json_t *match = json_object_get(d->params, "match"), *value;
    const char *key;
    if (match && (!json_is_object(match) || json_object_size(match) > CONFIG_MATCHES_MAX)) {
        return err_set(ei, ERR_PARSE, "match: must be up to %d pairs of tag and value",
                       CONFIG_MATCHES_MAX);
    }
    json_object_foreach(match, key, value)
    {
        const char *glob = json_string_value(value);
        if (!glob || !*glob || !config_tag_text_ok(str_of(key))) {
            return err_set(ei, ERR_PARSE, "match: %.64s needs a value", key);
        }
        if (strcmp(key, "model") == 0 && check_model(c, glob, ei) != ERR_OK) {
            return ei->code;
        }
        d->limit.match[d->limit.match_count++] =
            (struct config_match){.key = key_of(key), .glob = glob};
    }
    return ERR_OK;
}

static enum err read_per(struct limit_draft *d, struct err_info *ei)
{
    json_t *per = json_object_get(d->params, "per"), *value;
    size_t i;
    if (per && (!json_is_array(per) || json_array_size(per) > CONFIG_TAG_KEYS_MAX)) {
        return err_set(ei, ERR_PARSE, "per: must be up to %d tags", CONFIG_TAG_KEYS_MAX);
    }
    json_array_foreach(per, i, value)
    {
        const char *key = json_string_value(value);
        if (!key || !config_tag_text_ok(str_of(key))) {
            return err_set(ei, ERR_PARSE, "per: must be names of tags, such as costCenter");
        }
        d->limit.per[d->limit.per_count++] = key_of(key);
    }
    return ERR_OK;
}

enum err limit_draft_read(struct core *c, const json_t *params, struct limit_draft *d,
                          struct err_info *ei)
{
    *d = (struct limit_draft){.params = json_deep_copy(params)};
    if (!d->params) {
        return err_set(ei, ERR_NOMEM, "no memory");
    }
    d->limit.name = param_text(d->params, "name");
    enum err e = ERR_OK;
    for (size_t i = 0; i < c->config->limit_count && e == ERR_OK; i++) {
        if (strcmp(c->config->limits[i].name, d->limit.name) == 0) {
            e = err_set(ei, ERR_EXISTS,
                        "there is a limit %.64s: leave window, match and per out to try another "
                        "amount of it, or give a name that is free",
                        d->limit.name);
        }
    }
    e = e == ERR_OK ? read_amount(d, ei) : e;
    e = e == ERR_OK ? read_window(d, ei) : e;
    e = e == ERR_OK ? read_match(c, d, ei) : e;
    e = e == ERR_OK ? read_per(d, ei) : e;
    if (e != ERR_OK) {
        limit_draft_clear(d);
    }
    return e;
}
