/* config_values.c: amounts, durations, sizes and names as text. */
#include "core/config/config_private.h"

#include <arpa/inet.h>
#include <string.h>

static const char *const service_names[SERVICE_COUNT] = {
    [SERVICE_BEDROCK_RUNTIME] = "bedrock-runtime",
    [SERVICE_BEDROCK] = "bedrock",
    [SERVICE_BEDROCK_MANTLE] = "bedrock-mantle",
    [SERVICE_MONITORING] = "monitoring",
    [SERVICE_LOGS] = "logs",
    [SERVICE_CE] = "ce",
    [SERVICE_BUDGETS] = "budgets",
    [SERVICE_STS] = "sts",
    [SERVICE_PRICING] = "pricing",
    [SERVICE_DATA_EXPORTS] = "bcm-data-exports",
    [SERVICE_QUOTAS] = "servicequotas",
};
static const char *const metric_names[METRIC_COUNT] = {
    [METRIC_TOKENS] = "tokens",
    [METRIC_INPUT_TOKENS] = "input_tokens",
    [METRIC_OUTPUT_TOKENS] = "output_tokens",
    [METRIC_AWS_QUOTA_TOKENS] = "aws_quota_tokens",
    [METRIC_REQUESTS] = "requests",
    [METRIC_USD] = "usd",
    [METRIC_CONCURRENCY] = "concurrency",
};
static const char *const window_names[] = {"10s", "1m", "1h", "day", "week", "month", ""};

const char *config_service_name(enum config_service s)
{
    return s < SERVICE_COUNT ? service_names[s] : "";
}

const char *config_metric_name(enum config_metric m)
{
    return m < METRIC_COUNT ? metric_names[m] : "";
}

const char *config_window_name(enum config_window w)
{
    return w <= WINDOW_NONE ? window_names[w] : "";
}

bool config_metric_parse(struct str text, enum config_metric *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (str_is(text, metric_names[i])) {
            *out = (enum config_metric)i;
            return true;
        }
    }
    return false;
}

__extension__ typedef __int128 wide;

struct unit {
    const char *name;
    int64_t factor;
};

/* Digits, at most `decimals` behind a point, and one of the units. The result must be whole. */
static bool parse_with_unit(struct str text, const struct unit *units, size_t n, bool decimals,
                            int64_t *out)
{
    size_t at = 0, point = 0;
    int64_t value = 0, divisor = 1;
    for (; at < text.n; at++) {
        char c = text.p[at];
        if (c == '.' && decimals && divisor == 1 && point == 0 && at > 0) {
            point = at;
            continue;
        }
        if (c < '0' || c > '9') {
            break;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value) ||
            (point > 0 && __builtin_mul_overflow(divisor, 10, &divisor))) {
            return false;
        }
    }
    if (at == 0 || (point > 0 && point + 1 == at)) {
        return false;
    }
    struct str unit = str_sub(text, at, text.n);
    for (size_t i = 0; i < n; i++) {
        if (!str_is(unit, units[i].name)) {
            continue;
        }
        wide product = (wide)value * units[i].factor;
        if (product % divisor != 0 || product / divisor > INT64_MAX) {
            return false;
        }
        *out = (int64_t)(product / divisor);
        return true;
    }
    return false;
}

#define UNITS(table) table, sizeof(table) / sizeof((table)[0])

bool config_amount_parse(struct str text, enum config_metric metric, int64_t *out)
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000},
    };
    if (metric == METRIC_USD) {
        return money_parse(text, out);
    }
    return parse_with_unit(text, UNITS(units), true, out);
}

/* amount / 10^zeros with decimals as needed. Returns the length. */
static size_t put_scaled(char *out, int64_t amount, int zeros, const char *unit)
{
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + amount % 10);
        amount /= 10;
    } while (amount > 0 || n <= (size_t)zeros);
    size_t least = 0;
    while (least < (size_t)zeros && digits[least] == '0') {
        least++;
    }
    size_t at = 0;
    for (size_t i = n; i > least; i--) {
        if (i == (size_t)zeros) {
            out[at++] = '.';
        }
        out[at++] = digits[i - 1];
    }
    while (*unit != '\0') {
        out[at++] = *unit++;
    }
    out[at] = '\0';
    return at;
}

void config_amount_format(char out[32], enum config_metric metric, int64_t amount)
{
    if (metric == METRIC_USD) {
        money_format(out, amount);
        return;
    }
    if (amount < 0) {
        amount = 0;
    }
    size_t length = put_scaled(out, amount, 0, "");
    static const struct {
        int zeros;
        const char *unit;
    } scales[] = {{3, "k"}, {6, "M"}, {9, "G"}};
    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        char scaled[40];
        size_t n = put_scaled(scaled, amount, scales[i].zeros, scales[i].unit);
        if (n < length) {
            memcpy(out, scaled, n + 1);
            length = n;
        }
    }
}

bool config_duration_parse(struct str text, int64_t *ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    return parse_with_unit(text, UNITS(units), false, ms);
}

bool config_size_parse(struct str text, int64_t *bytes)
{
    static const struct unit units[] = {
        {"B", 1},         {"KB", 1000},     {"MB", 1000000},    {"GB", 1000000000},
        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1LL << 30},
    };
    return parse_with_unit(text, UNITS(units), true, bytes);
}

struct str config_tag_key(struct str key)
{
    return str_is(key, "application") ? STR("applicationId") : key;
}

bool config_tag_text_ok(struct str text)
{
    if (text.n == 0 || text.n > 128) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || strchr(" _.:/=+@-", c) == NULL)) {
            return false;
        }
    }
    return true;
}

bool config_host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    }
    return str_is_nocase(str_of(host), "localhost");
}

static bool port_parse(struct str text, int least, int *port)
{
    int64_t value;
    if (text.n == 0 || text.n > 5 || !str_to_i64(text, &value) || value < least || value > 65535) {
        return false;
    }
    *port = (int)value;
    return true;
}

static bool host_ok(struct str host, bool bracketed)
{
    if (host.n == 0 || host.n > 253) {
        return false;
    }
    char text[256];
    struct in6_addr v6;
    str_copy(text, sizeof(text), host);
    if (bracketed) {
        return inet_pton(AF_INET6, text, &v6) == 1;
    }
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port". *port stays when there is none. */
static bool authority_parse(struct str text, struct str *host, struct str *port, bool *has_port)
{
    bool bracketed = text.n > 0 && text.p[0] == '[';
    *has_port = false;
    if (bracketed) {
        struct str rest;
        *host = str_cut(str_sub(text, 1, text.n), ']', &rest);
        if (rest.p == NULL || (rest.n > 0 && rest.p[0] != ':')) {
            return false;
        }
        *has_port = rest.n > 0;
        *port = str_sub(rest, 1, rest.n);
    } else {
        *host = str_cut(text, ':', port);
        *has_port = port->p != NULL;
    }
    return host_ok(*host, bracketed);
}

bool config_address_parse(struct str text, struct str *host, int *port, const char **why)
{
    struct str port_text;
    bool has_port;
    *why = "must be ADDRESS:PORT, such as 127.0.0.1:8088, 0.0.0.0:8443 or [::1]:8088";
    if (!authority_parse(text, host, &port_text, &has_port) || !has_port) {
        return false;
    }
    *why = "has a port that is no number from 0 to 65535";
    return port_parse(port_text, 0, port);
}

bool config_url_parse(struct str text, struct config_url *out, const char **why)
{
    *out = (struct config_url){.https = str_starts(text, "https://"), .port = 80};
    *why = "must begin with http:// or https://";
    if (!out->https && !str_starts(text, "http://")) {
        return false;
    }
    size_t scheme = out->https ? 8 : 7;
    out->port = out->https ? 443 : 80;
    if (text.n > scheme && text.p[text.n - 1] == '/') {
        text.n--;
    }
    struct str authority = str_sub(text, scheme, text.n), port;
    *why = "must be only a host and a port: no path, query, fragment or user";
    for (size_t i = 0; i < authority.n; i++) {
        if (strchr("/?#@\\", authority.p[i]) != NULL) { /* NUL too */
            return false;
        }
    }
    bool has_port;
    *why = "has no valid host";
    if (!authority_parse(authority, &out->host, &port, &has_port)) {
        return false;
    }
    *why = "has a port that is no number from 1 to 65535";
    out->origin = text;
    return !has_port || port_parse(port, 1, &out->port);
}
