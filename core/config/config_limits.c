/* config_limits.c: the limits of the file. */
#include "core/config/config_private.h"

#include <stddef.h>
#include <string.h>

#define LIMITS_MAX  1000
#define NAME_MAX_IN 63
#define MAX_WAIT_MS 600000

static const char *const windows[] = {"10s", "1m", "1h", "day", "week", "month", NULL};
static const char *const actions[] = {"deny", "warn", "queue", NULL};
static const char *const outgrows[] = {"finish", "stop", NULL};
static const char *const too_bigs[] = {"deny", "clamp", NULL};

/* A limit while its keys come in: ceiling and floor can be read only once the metric is known. */
struct draft {
    struct config_limit limit;
    int metrics; /* how many were given */
    bool amount_ok, window_given, name_given;
    struct config_place ceiling, floor, window;
};

static void read_name(const struct config_place *p, const struct config_field *f, void *into)
{
    struct draft *d = into;
    struct str text;
    d->name_given = true;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (text.n > NAME_MAX_IN || !config_tag_text_ok(text)) {
        config_wrong(p, "a limit's name has 1 to %d of letters, digits, space and _ . : / = + @ -",
                     NAME_MAX_IN);
        return;
    }
    (void)f;
    d->limit.name = config_text(p->r, text);
}

static bool read_amount(const struct config_place *p, enum config_metric metric, int64_t *out)
{
    struct str text;
    if (!config_scalar(p, &text)) {
        return false;
    }
    if (config_amount_parse(text, metric, out)) {
        return true;
    }
    int shown = (int)(text.n < 60 ? text.n : 60);
    if (metric == METRIC_USD) {
        config_wrong(p, "must be dollars such as 12.50, without a sign; not \"%.*s\"", shown,
                     text.p);
    } else {
        config_wrong(p, "must be a whole number such as 250, 100k, 2.5M or 1G; not \"%.*s\"", shown,
                     text.p);
    }
    return false;
}

static void read_metric(const struct config_place *p, const struct config_field *f, void *into)
{
    struct draft *d = into;
    d->metrics++;
    if (d->metrics > 1) {
        config_wrong(p, "a limit has one metric, and this one has %s already; make another limit",
                     config_metric_name(d->limit.metric));
        return;
    }
    d->limit.metric = (enum config_metric)f->min;
    d->amount_ok = read_amount(p, d->limit.metric, &d->limit.amount);
}

static void read_window(const struct config_place *p, const struct config_field *f, void *into)
{
    struct draft *d = into;
    unsigned index = WINDOW_NONE;
    d->window_given = true;
    d->window = *p;
    config_read_choice(p, f, &index);
    d->limit.window = (enum config_window)index;
}

static void keep_ceiling(const struct config_place *p, const struct config_field *f, void *into)
{
    (void)f;
    ((struct draft *)into)->ceiling = *p;
}

static void keep_floor(const struct config_place *p, const struct config_field *f, void *into)
{
    (void)f;
    ((struct draft *)into)->floor = *p;
}

/* The key of a match or group: model, principal, or a tag's. */
static bool subject_ok(const struct config_place *p, struct str key)
{
    return str_is(key, "model") || str_is(key, "principal") || config_tag_key_ok(p, key);
}

static bool glob_ok(const struct config_place *p, struct str key, struct str glob)
{
    if (str_is(key, "model") || str_is(key, "principal")) {
        return true;
    }
    char plain[160];
    bool fits = glob.n <= 128;
    str_copy(plain, sizeof(plain), glob);
    for (char *c = plain; *c != '\0'; c++) {
        *c = *c == '*' || *c == '?' ? 'x' : *c;
    }
    if (!fits || !config_tag_text_ok(str_of(plain))) {
        config_wrong(p, "no tag value can match: they have 1 to 128 of letters, digits, space and "
                        "_ . : / = + @ -");
        return false;
    }
    return true;
}

static void add_match(const struct config_place *p, struct str key, void *arg)
{
    struct config_limit *l = &((struct draft *)arg)->limit;
    struct str glob;
    if (!subject_ok(p, key) || !config_scalar(p, &glob) || !glob_ok(p, key, glob)) {
        return;
    }
    key = config_tag_key(key);
    for (size_t i = 0; i < l->match_count; i++) {
        if (str_is(key, l->match[i].key)) {
            config_wrong(p, "%s is matched twice", l->match[i].key);
            return;
        }
    }
    if (l->match_count == CONFIG_MATCHES_MAX) {
        config_wrong(p, "a limit matches at most %d keys", CONFIG_MATCHES_MAX);
        return;
    }
    l->match[l->match_count++] =
        (struct config_match){config_text(p->r, key), config_text(p->r, glob), p->line};
}

static void read_one_match(const struct config_place *p, const struct config_field *f, void *into)
{
    add_match(p, str_of(f->key), into);
}

static void read_match(const struct config_place *p, const struct config_field *f, void *into)
{
    (void)f;
    config_each_pair(p, add_match, into);
}

static void read_per(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config_limit *l = &((struct draft *)into)->limit;
    struct config_names names = {0};
    config_read_names(p, f, &names);
    for (size_t i = 0; i < names.count; i++) {
        l->per[l->per_count++] = names.at[i];
    }
}

static void read_percent(const struct config_place *p, size_t i, void *arg)
{
    struct config_limit *l = arg;
    struct str text;
    int64_t percent;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (!str_to_i64(text, &percent) || percent < 1 || percent > 1000) {
        config_wrong(p, "must be a percentage from 1 to 1000, such as 80");
    } else if (i > 0 && l->warn_count > 0 && percent <= l->warn[l->warn_count - 1]) {
        config_wrong(p, "percentages must rise, such as [80, 100]");
    } else {
        l->warn[l->warn_count++] = (int)percent;
    }
}

static void read_warn(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config_limit *l = &((struct draft *)into)->limit;
    (void)f;
    l->warn_count = 0;
    config_each_item(p, CONFIG_WARN_MAX, read_percent, l);
}

static void check_window(const struct config_place *p, const struct draft *d)
{
    const struct config_limit *l = &d->limit;
    if (l->metric == METRIC_CONCURRENCY) {
        if (d->window_given) {
            config_wrong(&d->window, "concurrency has no window: it counts calls at one time; "
                                     "leave it out");
        }
    } else if (!d->window_given) {
        config_wrong(p, "window is missing: 10s, 1m, 1h, day, week or month");
    }
    if (l->rolling && (l->window == WINDOW_WEEK || l->window == WINDOW_MONTH)) {
        config_wrong(&d->window, "a rolling window lasts at most 24 hours: 10s, 1m, 1h or day");
    }
}

static void check_bounds(struct draft *d)
{
    struct config_limit *l = &d->limit;
    l->ceiling = l->floor = -1;
    if (d->metrics == 0) {
        return;
    }
    if (d->ceiling.node != NULL && read_amount(&d->ceiling, l->metric, &l->ceiling) &&
        d->amount_ok && l->ceiling < l->amount) {
        config_wrong(&d->ceiling, "is below the limit's own amount");
    }
    if (d->floor.node != NULL && read_amount(&d->floor, l->metric, &l->floor) && d->amount_ok &&
        l->floor > l->amount) {
        config_wrong(&d->floor, "is above the limit's own amount");
    }
}

static void check_limit(const struct config_place *p, const struct config *c, struct draft *d)
{
    if (!d->name_given) {
        config_wrong(p, "name is missing");
    }
    if (d->metrics == 0) {
        config_wrong(p, "has no metric: give one of tokens, input_tokens, output_tokens, "
                        "aws_quota_tokens, requests, usd, concurrency");
    } else {
        check_window(p, d);
    }
    check_bounds(d);
    if (d->limit.max_wait_ms > 0 && d->limit.action != ACTION_QUEUE) {
        config_wrong(p, "max_wait belongs to action: queue");
    }
    for (size_t i = 0; i < c->limit_count && *d->limit.name != '\0'; i++) {
        if (strcmp(c->limits[i].name, d->limit.name) == 0) {
            config_wrong(p, "a limit of the name %s is in line %d already", d->limit.name,
                         c->limits[i].line);
            return;
        }
    }
}

#define LIMIT(member) .offset = offsetof(struct draft, limit.member)

static const struct config_field fields[] = {
    {"name", .read = read_name},
    {"model", .read = read_one_match},
    {"application", .read = read_one_match},
    {"applicationId", .read = read_one_match},
    {"costCenter", .read = read_one_match},
    {"environment", .read = read_one_match},
    {"principal", .read = read_one_match},
    {"match", .read = read_match},
    {"per", read_per, .max = CONFIG_TAG_KEYS_MAX, .flags = FIELD_TAG_KEYS},
    {"tokens", read_metric, .min = METRIC_TOKENS},
    {"input_tokens", read_metric, .min = METRIC_INPUT_TOKENS},
    {"output_tokens", read_metric, .min = METRIC_OUTPUT_TOKENS},
    {"aws_quota_tokens", read_metric, .min = METRIC_AWS_QUOTA_TOKENS},
    {"requests", read_metric, .min = METRIC_REQUESTS},
    {"usd", read_metric, .min = METRIC_USD},
    {"concurrency", read_metric, .min = METRIC_CONCURRENCY},
    {"window", read_window, .choices = windows},
    {"rolling", config_read_bool, LIMIT(rolling)},
    {"warn", .read = read_warn},
    {"ceiling", .read = keep_ceiling},
    {"floor", .read = keep_floor},
    {"action", config_read_choice, LIMIT(action), .choices = actions},
    {"max_wait", config_read_duration, LIMIT(max_wait_ms), .max = MAX_WAIT_MS},
    {"on_outgrow", config_read_either, LIMIT(outgrow_stop), .choices = outgrows},
    {"on_too_big", config_read_either, LIMIT(too_big_clamp), .choices = too_bigs},
    {"min_output", config_read_count, LIMIT(min_output), 1, 10000000},
};

static void read_limit(const struct config_place *p, size_t i, void *arg)
{
    struct config *c = arg;
    struct draft d = {
        .limit = {.name = "", .window = WINDOW_NONE, .warn = {80, 100}, .warn_count = 2}};
    (void)i;
    d.limit.line = p->line;
    CONFIG_READ_FIELDS(p, fields, &d);
    if (p->node->type == YAML_MAPPING_NODE) {
        check_limit(p, c, &d);
        c->limits[c->limit_count++] = d.limit;
    }
}

void config_read_limits(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    size_t count = config_size_of(p) < LIMITS_MAX ? config_size_of(p) : LIMITS_MAX;
    c->limits = config_memory(p->r, count, sizeof(*c->limits));
    if (c->limits != NULL) {
        config_each_item(p, LIMITS_MAX, read_limit, c);
    }
}
