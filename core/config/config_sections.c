/* config_sections.c: the keys of the file from the top, and what holds where it is silent. */
#include "core/config/config_private.h"

#include <stddef.h>
#include <string.h>

#define MS_S       1000LL
#define MS_M       (60 * MS_S)
#define MS_H       (60 * MS_M)
#define MS_D       (24 * MS_H)
#define AT(member) .offset = offsetof(struct config, member)

static const char *const identities[] = {"optional", "required", NULL};
static const char *const openai_ways[] = {"bedrock-runtime", "bedrock-mantle", NULL};
static const char *const metrics_accesses[] = {"loopback", "any", "off", NULL};
static const char *const deny_allow[] = {"deny", "allow", NULL};
static const char *const refuse_allow[] = {"refuse", "allow", NULL};
static const char *const details[] = {"brief", "full", NULL};
static const char *const estimates[] = {"learned", "bytes", NULL};
static const char *const unset_outputs[] = {"learned", "maximum", NULL};
static const char *const goings[] = {"close", "drain", NULL};

static void read_tag_value(const struct config_place *p, struct str key, void *arg)
{
    static const struct config_field list = {.flags = FIELD_TAG_VALUES};
    struct config *c = arg;
    if (!config_tag_key_ok(p, key) || c->tag_values_count == CONFIG_TAG_KEYS_MAX) {
        return;
    }
    struct config_tag_values *values = &c->tag_values[c->tag_values_count++];
    values->key = config_text(p->r, config_tag_key(key));
    config_read_names(p, &list, &values->values);
    for (size_t i = 0; i + 1 < c->tag_values_count; i++) {
        if (strcmp(c->tag_values[i].key, values->key) == 0) {
            config_wrong(p, "%s is given twice", values->key);
        }
    }
}

static void read_tag_values(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    if (config_size_of(p) > CONFIG_TAG_KEYS_MAX) {
        config_wrong(p, "has more than %d tags", CONFIG_TAG_KEYS_MAX);
    }
    c->tag_values = config_memory(p->r, CONFIG_TAG_KEYS_MAX, sizeof(*c->tag_values));
    if (c->tag_values != NULL) {
        config_each_pair(p, read_tag_value, c);
    }
}

static void read_from_caller(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    c->tags_from_caller_all = false;
    config_read_names(p, f, &c->tags_from_caller);
}

static void read_tags(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"required", config_read_names, AT(tags_required), .max = CONFIG_TAG_KEYS_MAX,
         .flags = FIELD_TAG_KEYS},
        {"defaults", config_read_pairs, AT(tags_defaults), .max = CONFIG_TAG_KEYS_MAX,
         .flags = FIELD_TAG_KEYS | FIELD_TAG_VALUES},
        {"from_caller", read_from_caller, .max = CONFIG_TAG_KEYS_MAX, .flags = FIELD_TAG_KEYS},
        {"values", .read = read_tag_values},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

static void read_poll(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"cloudwatch", config_read_duration, AT(poll.cloudwatch_ms), MS_S, 7 * MS_D,
         .flags = FIELD_OFF},
        {"cost_explorer", config_read_duration, AT(poll.cost_explorer_ms), MS_S, 7 * MS_D,
         .flags = FIELD_OFF},
        {"budgets", config_read_duration, AT(poll.budgets_ms), MS_S, 7 * MS_D, .flags = FIELD_OFF},
        {"profiles", config_read_duration, AT(poll.profiles_ms), MS_S, 7 * MS_D,
         .flags = FIELD_OFF},
        {"max_usd_per_month", config_read_money, AT(poll.max_usd_per_month)},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

/* What the file gives replaces the default of the same tag; the others stay. */
static void read_cost_tags(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    struct config_pairs given = {0};
    config_read_pairs(p, f, &given);
    struct config_pair *all =
        config_memory(p->r, c->cost_tags.count + given.count, sizeof(struct config_pair));
    if (all == NULL) {
        return;
    }
    size_t n = given.count;
    if (n > 0) {
        memcpy(all, given.at, n * sizeof(*all));
    }
    for (size_t i = 0; i < c->cost_tags.count; i++) {
        bool replaced = false;
        for (size_t j = 0; j < given.count; j++) {
            replaced |= strcmp(given.at[j].key, c->cost_tags.at[i].key) == 0;
        }
        if (!replaced) {
            all[n++] = c->cost_tags.at[i];
        }
    }
    c->cost_tags = (struct config_pairs){all, n};
}

static void read_requests(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"max_body", config_read_size, AT(requests.max_body), 1000, 1000000000},
        {"max_header", config_read_size, AT(requests.max_header), 1000, 1 << 20},
        {"header_timeout", config_read_duration, AT(requests.header_timeout_ms), 10, MS_H},
        {"body_timeout", config_read_duration, AT(requests.body_timeout_ms), 10, MS_H},
        {"stall_timeout", config_read_duration, AT(requests.stall_timeout_ms), 10, MS_H},
        {"drain_timeout", config_read_duration, AT(requests.drain_timeout_ms), 0, MS_D},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

static void read_upstream(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"connect_timeout", config_read_duration, AT(upstream.connect_timeout_ms), 10, MS_H},
        {"first_byte_timeout", config_read_duration, AT(upstream.first_byte_timeout_ms), 10, MS_D},
        {"idle_timeout", config_read_duration, AT(upstream.idle_timeout_ms), 10, MS_D},
        {"max_connections", config_read_count, AT(upstream.max_connections), 1, 65536},
        {"ca_file", config_read_path, AT(upstream.ca_file), .flags = FIELD_NULL},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

static void read_control(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"operators", config_read_names, AT(control_operators), .max = 64},
        {"viewers", config_read_names, AT(control_viewers), .max = 64},
        {"require_reason", config_read_bool, AT(control_require_reason)},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

static void read_retention(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"calls", config_read_duration, AT(retention_calls_ms), MS_H, 3650 * MS_D},
        {"rollups", config_read_duration, AT(retention_rollups_ms), MS_H, 3650 * MS_D},
    };
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
}

static void read_store(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    (void)f;
    (void)into;
    if (!config_scalar(p, &text) || str_is(text, "sqlite")) {
        return;
    }
    if (str_starts(text, "redis://") || str_starts(text, "rediss://")) {
        config_wrong(p, "a shared store is not in effect yet: use sqlite");
    } else {
        config_wrong(p, "must be sqlite");
    }
}

static void read_region(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field text = {.max = 31};
    (void)f;
    config_read_text(p, &text, into);
}

/* --- keys that are checked but have no effect yet, so that a mistake in them shows now --- */

static void read_role(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"arn", config_read_text, AT(assume_role.arn), .max = 2048},
        {"session_tags", config_read_names, AT(assume_role.session_tags),
         .max = CONFIG_TAG_KEYS_MAX, .flags = FIELD_TAG_KEYS},
    };
    struct config *c = into;
    (void)f;
    CONFIG_READ_FIELDS(p, fields, into);
    if (c->assume_role.arn == NULL ||
        !str_glob(STR("arn:*:iam::*:role/*"), str_of(c->assume_role.arn))) {
        config_wrong(p, "arn must be a role: arn:aws:iam::123456789012:role/NAME");
    }
}

static const struct config_field top_fields[] = {
    {"listen", .read = config_read_listen},
    {"identity", config_read_either, AT(identity_required), .choices = identities},
    {"region", read_region, AT(region)},
    {"state_dir", config_read_path, AT(state_dir)},
    {"endpoints", .read = config_read_endpoints},
    {"plaintext", config_read_bool, AT(plaintext_upstream)},
    {"openai_via", config_read_either, AT(openai_via_mantle), .choices = openai_ways},
    {"openai_stateful", config_read_either, AT(openai_stateful_allow), .choices = refuse_allow},
    {"tags", .read = read_tags},
    {"models", .read = config_read_models},
    {"limits", .read = config_read_limits},
    {"publish", .read = config_read_publish},
    {"poll", .read = read_poll},
    {"cost_tags", read_cost_tags, .max = CONFIG_TAG_KEYS_MAX, .flags = FIELD_TAG_KEYS},
    {"requests", .read = read_requests},
    {"upstream", .read = read_upstream},
    {"control", .read = read_control},
    {"key_file", config_read_path, AT(key_file), .flags = FIELD_NULL},
    {"metrics_access", config_read_choice, AT(metrics_access), .choices = metrics_accesses},
    {"store_failure", config_read_either, AT(store_failure_allow), .choices = deny_allow},
    {"retention", .read = read_retention},
    {"timezone", config_read_text, AT(timezone), .max = 64},
    {"denial_detail", config_read_either, AT(denial_full), .choices = details},
    {"notify", .read = config_read_notify},
    {"unknown_models", config_read_either, AT(unknown_models_allow), .choices = refuse_allow},
    {"estimate", config_read_either, AT(estimate_bytes), .choices = estimates},
    {"output_unset", config_read_either, AT(output_unset_maximum), .choices = unset_outputs},
    {"client_gone", config_read_either, AT(client_gone_drain), .choices = goings},
    {"store", .read = read_store},
    {"assume_role", .read = read_role},
};

static void set_defaults(struct config *c)
{
    static struct config_pair cost_tags[] = {
        {"applicationId", "applicationId"},
        {"costCenter", "costCenter"},
        {"environment", "environment"},
    };
    c->identity_required = true;
    c->region = c->state_dir = c->key_file = "";
    c->tags_from_caller_all = true; /* config_check: only with identity: optional */
    c->publish_metrics.namespace = "GenAIRateLimiting";
    c->publish_metrics.every_ms = MS_M;
    c->publish_metrics.max_series = 200;
    c->publish_metrics.sets[0] = CONFIG_ALL_DIMENSIONS;
    c->publish_metrics.set_count = 1;
    c->publish_audit.log_group = "";
    c->poll.cloudwatch_ms = 5 * MS_M;
    c->poll.cost_explorer_ms = 6 * MS_H;
    c->poll.budgets_ms = c->poll.profiles_ms = MS_H;
    c->poll.max_usd_per_month = 20 * MONEY_DOLLAR;
    c->cost_tags = (struct config_pairs){cost_tags, 3};
    c->requests.max_body = 25000000;
    c->requests.max_header = 64000;
    c->requests.header_timeout_ms = 10 * MS_S;
    c->requests.body_timeout_ms = c->requests.stall_timeout_ms = MS_M;
    c->requests.drain_timeout_ms = 600 * MS_S;
    c->upstream.connect_timeout_ms = 5 * MS_S;
    c->upstream.first_byte_timeout_ms = 300 * MS_S;
    c->upstream.idle_timeout_ms = 120 * MS_S;
    c->upstream.max_connections = 1024;
    c->retention_calls_ms = 90 * MS_D;
    c->retention_rollups_ms = 400 * MS_D;
    c->timezone = "UTC";
}

void config_read_sections(struct config_reader *r)
{
    set_defaults(r->config);
    if (r->root == NULL) {
        return;
    }
    struct config_place top = {.r = r, .node = r->root, .line = (int)r->root->start_mark.line + 1};
    if (!config_is_null(&top)) {
        CONFIG_READ_FIELDS(&top, top_fields, r->config);
    }
}
