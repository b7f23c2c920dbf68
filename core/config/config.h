/* config.h: the YAML file as one checked struct. Room `config`: knows the file, nothing of its use.
 *
 * A loaded configuration is immutable and reference-counted; every string is NUL-terminated, owned
 * by the configuration and never NULL unless said. */
#ifndef TOLLGATE_CONFIG_CONFIG_H
#define TOLLGATE_CONFIG_CONFIG_H

#include "core/base/err.h"
#include "core/base/money.h"
#include "core/base/str.h"

#define CONFIG_TAG_KEYS_MAX 16

struct config_pair {
    const char *key, *value;
};
struct config_pairs {
    struct config_pair *at;
    size_t count;
};
struct config_names {
    const char **at;
    size_t count;
};

struct config_listen {
    const char *host; /* numeric address or name as written, without brackets */
    int port;         /* 0: any free one */
    const char *certificate, *private_key, *client_ca; /* NULL when absent */
    bool plaintext; /* plaintext: true, allows no certificate off loopback */
    int line;
};

struct config_price {
    bool set;
    /* Nano-dollars per million tokens; -1: not given. */
    int64_t input, output, cache_read, cache_write, cache_write_1h;
};

struct config_model {
    const char *name;
    const char *id;   /* model ID, inference profile ID or ARN; NULL when only an alias with base */
    const char *base; /* name or ID it stands for; NULL when absent */
    struct config_pairs profiles; /* cost center -> ARN or ID */
    struct config_pairs projects; /* cost center -> project ID */
    struct config_price price;
    int64_t max_output; /* tokens; 0: the catalog's */
    int line;
};

enum config_metric {
    METRIC_TOKENS,
    METRIC_INPUT_TOKENS,
    METRIC_OUTPUT_TOKENS,
    METRIC_AWS_QUOTA_TOKENS,
    METRIC_REQUESTS,
    METRIC_USD,
    METRIC_CONCURRENCY,
    METRIC_COUNT
};
enum config_window {
    WINDOW_10S,
    WINDOW_1M,
    WINDOW_1H,
    WINDOW_DAY,
    WINDOW_WEEK,
    WINDOW_MONTH,
    WINDOW_NONE /* concurrency */
};
enum config_action { ACTION_DENY, ACTION_WARN, ACTION_QUEUE };

struct config_match {
    const char *key;  /* "model", "principal" or a tag key, never the short "application" */
    const char *glob; /* as written; for model: a name, resolved by the catalog */
    int line;
};

#define CONFIG_MATCHES_MAX 16
#define CONFIG_WARN_MAX    8

struct config_limit {
    const char *name;
    enum config_metric metric;
    int64_t amount; /* tokens, requests, calls at once, or nano-dollars */
    enum config_window window;
    bool rolling;
    struct config_match match[CONFIG_MATCHES_MAX]; /* all must hold; none: any call */
    size_t match_count;
    /* "model", "principal" or tag keys; one counter a combination. */
    const char *per[CONFIG_TAG_KEYS_MAX];
    size_t per_count;
    int warn[CONFIG_WARN_MAX]; /* percent, rising */
    size_t warn_count;
    int64_t ceiling, floor; /* -1: none */
    enum config_action action;
    int64_t max_wait_ms;
    bool outgrow_stop;  /* on_outgrow: stop */
    bool too_big_clamp; /* on_too_big: clamp */
    int64_t min_output;
    int line;
};

/* Index into config.endpoints; the names are those of the file. */
enum config_service {
    SERVICE_BEDROCK_RUNTIME,
    SERVICE_BEDROCK,
    SERVICE_BEDROCK_MANTLE,
    SERVICE_MONITORING,
    SERVICE_LOGS,
    SERVICE_CE,
    SERVICE_BUDGETS,
    SERVICE_STS,
    SERVICE_PRICING,
    SERVICE_DATA_EXPORTS,
    SERVICE_QUOTAS,
    SERVICE_COUNT
};
const char *config_service_name(enum config_service s); /* "bedrock-runtime", "monitoring", ... */
/* Region that a call is signed for: `region`, but billing's services stand in one of a partition.
 */
const char *config_signing_region(enum config_service s, const char *region);
const char *config_metric_name(enum config_metric m); /* "tokens", ... */
const char *config_window_name(enum config_window w); /* "10s" "1m" "1h" "day" "week" "month" "" */
bool config_metric_parse(struct str text, enum config_metric *out);
/* "100k", "1M", "2.5M", "250" for tokens and requests; dollars ("12.50") for usd. */
bool config_amount_parse(struct str text, enum config_metric metric, int64_t *out);
/* The shortest exact spelling of an amount: "100k", "1M", "12.5". out: 32 bytes. */
void config_amount_format(char out[32], enum config_metric metric, int64_t amount);
/* "10s", "5m", "2h", "90d", "500ms" to milliseconds. */
bool config_duration_parse(struct str text, int64_t *ms);
/* "25MB", "64KB", "1GB", "512B" (powers of 1000), "64KiB", "1MiB", "1GiB" (of 1024) to bytes. */
bool config_size_parse(struct str text, int64_t *bytes);
/* "application" -> "applicationId", other names as they are: the short name is good everywhere. */
struct str config_tag_key(struct str key);
/* What a tag's key or value may be: [A-Za-z0-9 _.:/=+@-], 1 to 128 bytes. */
bool config_tag_text_ok(struct str text);
/* Numeric 127.0.0.0/8 or ::1 (also mapped), or "localhost". Without brackets. */
bool config_host_is_loopback(const char *host);

struct config_tag_values {
    const char *key;
    struct config_names values; /* what the tag may be */
};

/* What `notify:` can be asked to tell. */
enum config_notify_event {
    NOTIFY_WARN,  /* a threshold was crossed; a full limit is the one of 100 % */
    NOTIFY_BLOCK, /* a limit was blocked or unblocked by an operator */
    NOTIFY_CORE,  /* started, stopping, the store, the journal, the reservations */
    NOTIFY_BURN,  /* a limit burns faster than it may */
    CONFIG_NOTIFY_EVENTS
};
const char *config_notify_name(enum config_notify_event e); /* "warn", ... */
struct config_notice {
    unsigned on;              /* bit NOTIFY_x */
    struct config_names exec; /* count 0: webhook */
    const char *webhook;      /* a URL (secret: never shown whole) or an SNS topic's ARN */
};

/* Dimensions of the published metrics. */
enum config_dimension {
    DIMENSION_MODEL,
    DIMENSION_MODEL_ID,
    DIMENSION_COST_CENTER,
    DIMENSION_APPLICATION,
    DIMENSION_ENVIRONMENT,
    CONFIG_DIMENSIONS
};
const char *config_dimension_name(enum config_dimension d); /* "Model", ... */
#define CONFIG_ALL_DIMENSIONS     ((1U << CONFIG_DIMENSIONS) - 1)
#define CONFIG_DIMENSION_SETS_MAX CONFIG_ALL_DIMENSIONS /* every one that is not empty */

struct config_metrics {
    bool on;
    const char *namespace;
    int64_t every_ms;
    int64_t max_series;                       /* combinations of values a day, over all sets */
    unsigned sets[CONFIG_DIMENSION_SETS_MAX]; /* bit DIMENSION_x; each is published apart */
    size_t set_count;
};
/* Combinations a day at the very most: beyond max_series some are still needed to say "other". */
int64_t config_series_most(const struct config_metrics *m);
/* The smallest set, which has the fewest series, that holds all dimensions of `wanted`; 0: none. */
unsigned config_dimension_set(const struct config_metrics *m, unsigned wanted);
/* "Application,CostCenter": as CloudWatch's expressions name a set. */
#define CONFIG_SCHEMA_TEXT 64
const char *config_dimension_schema(char out[CONFIG_SCHEMA_TEXT], unsigned set);

/* Where the file says nothing: listen 127.0.0.1:8088; the region of AWS_REGION, AWS_DEFAULT_REGION,
 * the AWS profile, the instance; the Region's endpoints of AWS; polls on with the periods of the
 * documentation (a period `off` is 0); publishing off; times, sizes and choices as documented.
 * Paths that are not absolute are taken from the folder of the file, "~/" from HOME. `plaintext:
 * true`, at the top or under endpoints, allows http:// endpoints off loopback. */
struct config {
    const char *path; /* of the file; "" for a configuration without one */
    struct config_listen *listen;
    size_t listen_count;
    bool identity_required;
    const char *region;
    const char *region_from; /* "region: of the file", "AWS_REGION": where it was found */
    const char *state_dir;   /* absolute */
    const char *endpoints[SERVICE_COUNT];     /* "https://host[:port]" without a path; never NULL */
    bool endpoint_given[SERVICE_COUNT];       /* by the file or AWS_ENDPOINT_URL* */
    const char *endpoint_from[SERVICE_COUNT]; /* "endpoints: of the file", "AWS_ENDPOINT_URL",
                                                 "AWS": its own host in the Region */
    bool plaintext_upstream;
    bool openai_via_mantle;
    struct config_names tags_required;
    struct config_pairs tags_defaults;
    struct config_names tags_from_caller;
    bool tags_from_caller_all; /* the default when identity is optional */
    struct config_tag_values *tag_values;
    size_t tag_values_count;
    struct config_model *models;
    size_t model_count;
    struct config_limit *limits;
    size_t limit_count;
    struct config_metrics publish_metrics;
    struct {
        bool on;
        const char *log_group;
    } publish_audit;
    struct {
        int64_t cloudwatch_ms, cost_explorer_ms, budgets_ms, profiles_ms;
        money_t max_usd_per_month;
    } poll;                        /* 0: off */
    struct config_pairs cost_tags; /* our tag key -> billing's key */
    struct {
        int64_t max_body, max_header, header_timeout_ms, body_timeout_ms, stall_timeout_ms,
            drain_timeout_ms;
    } requests;
    struct {
        int64_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, max_connections;
        const char *ca_file; /* or NULL */
    } upstream;
    struct config_names control_operators, control_viewers; /* group names */
    bool control_require_reason;
    struct config_notice *notices;
    size_t notice_count;
    const char *key_file; /* absolute */
    enum { METRICS_LOOPBACK, METRICS_ANY, METRICS_OFF } metrics_access;
    bool store_failure_allow;
    int64_t retention_calls_ms, retention_rollups_ms;
    const char *timezone;
    bool denial_full;
    bool unknown_models_allow;
    bool estimate_bytes;
    bool output_unset_maximum;
    bool client_gone_drain;
    bool openai_stateful_allow;
    struct config_role {
        const char *arn; /* NULL: calls go upstream with the core's own credentials */
        struct config_names session_tags;
    } assume_role;
    int references;
    void *memory; /* private */
};

/* One mistake or warning of a file. */
struct config_mistake {
    int line;     /* 1-based; 0: about the whole file */
    bool warning; /* does not refuse the file */
    char key[96]; /* "limits[0].tokens" */
    char text[256];
};
struct config_mistakes {
    struct config_mistake *at;
    size_t count;  /* listed; at most 200 */
    size_t errors; /* how many are no warnings */
};
void config_mistakes_free(struct config_mistakes *m); /* all-zero is fine, and is what is left */
/* "tollgate.yaml:12: limits[0].tokens: must be ...", printable; the line only where there is one.
 */
void config_mistake_print(char *out, size_t size, const char *path, const struct config_mistake *m);

/* Reads and checks a file. Returns a configuration with one reference, or NULL when it has errors
 * or cannot be read; mistakes (errors and warnings, by line) are filled either way; free them.
 * Environment: AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL*, XDG_STATE_HOME, HOME are read for
 * what the file leaves out, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. */
struct config *config_load(const char *path, struct config_mistakes *mistakes);
/* The same from text (path is only a name for messages). */
struct config *config_parse(const char *path, struct str text, struct config_mistakes *mistakes);
/* Finds the file as `--config` does: given (may be NULL), $TOLLGATE_CONFIG, ./tollgate.yaml,
 * ~/.config/tollgate/tollgate.yaml, /etc/tollgate/tollgate.yaml. Owned by the caller; NULL: none,
 * with ei saying where it looked (a given or $TOLLGATE_CONFIG path is returned even if it is
 * absent). */
char *config_find(const char *given, struct err_info *ei);

/* Who knows which model IDs exist without being in the file (the catalog, which stands above this
 * room). Once, before anything is read: then a limit's model that nobody defines is among the
 * mistakes. */
void config_know_models(bool (*known)(const char *id));

/* What AWS's shared files and this instance say where the file is silent (the room aws, which this
 * room does not know). Once, before anything is read; without it the environment alone is asked. */
struct config_aws {
    /* from: "profile NAME" */
    bool (*profile_region)(char *region, size_t size, char *from, size_t from_size);
    bool (*profile_endpoint)(const char *service, char *url, size_t size, char *from,
                             size_t from_size);
    bool (*instance_region)(char *region, size_t size);
};
void config_know_aws(const struct config_aws *aws);

struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* thread-safe; NULL is a no-op */

#endif
