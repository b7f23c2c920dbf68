/* config_publish.c: the section `publish`: metrics and their sets of dimensions, the audit trail.
 */
#include "core/config/config_private.h"

#include <stddef.h>
#include <string.h>

#define SECOND_MS  1000LL
#define HOUR_MS    (3600 * SECOND_MS)
#define AT(member) .offset = offsetof(struct config, member)

static const char *const dimensions[CONFIG_DIMENSIONS] = {
    [DIMENSION_MODEL] = "Model",
    [DIMENSION_MODEL_ID] = "ModelId",
    [DIMENSION_COST_CENTER] = "CostCenter",
    [DIMENSION_APPLICATION] = "Application",
    [DIMENSION_ENVIRONMENT] = "Environment",
};

const char *config_dimension_name(enum config_dimension d)
{
    return d < CONFIG_DIMENSIONS ? dimensions[d] : "";
}

int64_t config_series_most(const struct config_metrics *m)
{
    return m->max_series + m->max_series / 10 + 1 + (int64_t)m->set_count;
}

static int size_of(unsigned set)
{
    return __builtin_popcount(set);
}

unsigned config_dimension_set(const struct config_metrics *m, unsigned wanted)
{
    unsigned best = 0;
    for (size_t i = 0; i < m->set_count; i++) {
        if ((m->sets[i] & wanted) == wanted && (best == 0 || size_of(m->sets[i]) < size_of(best))) {
            best = m->sets[i];
        }
    }
    return best;
}

const char *config_dimension_schema(char out[CONFIG_SCHEMA_TEXT], unsigned set)
{
    static const enum config_dimension by_name[] = {DIMENSION_APPLICATION, DIMENSION_COST_CENTER,
                                                    DIMENSION_ENVIRONMENT, DIMENSION_MODEL,
                                                    DIMENSION_MODEL_ID};
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < CONFIG_DIMENSIONS; i++) {
        if ((set & 1U << by_name[i]) != 0) {
            (void)str_copy(out + at, CONFIG_SCHEMA_TEXT - at, at > 0 ? STR(",") : STR(""));
            at += at > 0 ? 1 : 0;
            (void)str_copy(out + at, CONFIG_SCHEMA_TEXT - at, str_of(dimensions[by_name[i]]));
            at += strlen(dimensions[by_name[i]]);
        }
    }
    return out;
}

/* --- sets of dimensions --- */

static void read_dimension(const struct config_place *p, size_t i, void *arg)
{
    unsigned *set = arg;
    struct str text;
    (void)i;
    if (!config_scalar(p, &text)) {
        return;
    }
    for (unsigned d = 0; d < CONFIG_DIMENSIONS; d++) {
        if (str_is(text, dimensions[d])) {
            if ((*set & 1U << d) != 0) {
                config_wrong(p, "%s is named twice", dimensions[d]);
            }
            *set |= 1U << d;
            return;
        }
    }
    const char *nearest = config_nearest(text, dimensions, CONFIG_DIMENSIONS, sizeof(*dimensions));
    config_wrong(p, "must be one of Model, ModelId, CostCenter, Application and Environment%s%s%s",
                 nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "?" : "");
}

static void read_set(const struct config_place *p, size_t i, void *arg)
{
    struct config_metrics *m = arg;
    unsigned set = 0;
    (void)i;
    if (!config_each_item(p, CONFIG_DIMENSIONS, read_dimension, &set)) {
        return;
    }
    if (config_size_of(p) == 0) {
        config_wrong(p, "names no dimension: a metric without any cannot be told apart");
    }
    for (size_t k = 0; set != 0 && k < m->set_count; k++) {
        if (m->sets[k] == set) {
            config_wrong(p, "the same dimensions are a set above");
            return;
        }
    }
    if (set != 0 && m->set_count < CONFIG_DIMENSION_SETS_MAX) {
        m->sets[m->set_count++] = set;
    }
}

static void read_sets(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    c->publish_metrics.set_count = 0;
    if (config_each_item(p, CONFIG_DIMENSION_SETS_MAX, read_set, &c->publish_metrics) &&
        config_size_of(p) == 0) {
        config_wrong(p, "has no set: leave the key out for the one of all five dimensions");
    }
}

/* --- what is published --- */

static void read_metrics(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"namespace", config_read_text, AT(publish_metrics.namespace), .max = 255},
        {"every", config_read_duration, AT(publish_metrics.every_ms), SECOND_MS, HOUR_MS},
        {"max_series", config_read_count, AT(publish_metrics.max_series), 1, 100000},
        {"dimension_sets", .read = read_sets},
    };
    struct config *c = into;
    (void)f;
    c->publish_metrics.on = true;
    CONFIG_READ_FIELDS(p, fields, into);
    if (str_starts(str_of(c->publish_metrics.namespace), "AWS/")) {
        config_wrong(p, "a namespace must not begin with AWS/: CloudWatch keeps those to itself");
    }
}

static bool log_group_ok(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && strncmp(name, "aws/", 4) != 0 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/.#") == n;
}

static void read_audit(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"log_group", config_read_text, AT(publish_audit.log_group), .max = 512},
    };
    struct config *c = into;
    (void)f;
    c->publish_audit.on = true;
    if (CONFIG_READ_FIELDS(p, fields, into) == 0) {
        config_wrong(p, "log_group is missing");
    } else if (!log_group_ok(c->publish_audit.log_group)) {
        config_wrong(p, "log_group: CloudWatch Logs takes letters, digits and _ - / . #, and keeps "
                        "names that begin with aws/ to itself");
    }
}

void config_read_publish(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {{"metrics", .read = read_metrics},
                                                 {"audit", .read = read_audit}};
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}
