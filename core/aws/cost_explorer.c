/* cost_explorer.c: see cost_explorer.h. */
#include "core/aws/cost_explorer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX   20 /* a runaway answer would cost a cent a page */
#define NANO_DIGITS 9

/* The digits of a decimal number without its point, and where the point belongs. */
struct decimal {
    bool negative;
    struct str whole, fraction;
    int64_t exponent;
};

static bool all_digits(struct str a)
{
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool split_decimal(struct str text, struct decimal *d)
{
    *d = (struct decimal){.negative = str_starts(text, "-")};
    if (d->negative) {
        text = str_sub(text, 1, text.n);
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == 'E' || text.p[i] == 'e') {
            struct str exponent = str_sub(text, i + 1, text.n);
            exponent = str_starts(exponent, "+") ? str_sub(exponent, 1, exponent.n) : exponent;
            if (!str_to_i64(exponent, &d->exponent) || d->exponent > 30 || d->exponent < -60) {
                return false;
            }
            text.n = i;
        }
    }
    bool point = text.n > 0 && memchr(text.p, '.', text.n) != NULL;
    d->whole = str_cut(text, '.', &d->fraction);
    return d->whole.n > 0 && (!point || d->fraction.n > 0) && all_digits(d->whole) &&
           all_digits(d->fraction);
}

bool cost_explorer_amount(struct str text, money_t *out)
{
    struct decimal d;
    if (!split_decimal(text, &d)) {
        return false;
    }
    /* Digits up to `kept` make whole nano-dollars; the one behind them rounds. */
    int64_t kept = (int64_t)d.whole.n + d.exponent + NANO_DIGITS;
    int64_t digits = (int64_t)(d.whole.n + d.fraction.n);
    money_t value = 0;
    for (int64_t i = 0; i < kept; i++) {
        int digit = 0;
        if (i < digits) {
            size_t at = (size_t)i;
            digit = (at < d.whole.n ? d.whole.p[at] : d.fraction.p[at - d.whole.n]) - '0';
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (kept >= 0 && kept < digits) {
        size_t at = (size_t)kept;
        char next = at < d.whole.n ? d.whole.p[at] : d.fraction.p[at - d.whole.n];
        value += next >= '5' ? 1 : 0;
    }
    *out = d.negative ? -value : value;
    return true;
}

static bool request_body(struct buf *out, const char *tag_key, const char *start, const char *end,
                         const char *token)
{
    buf_printf(out,
               "{\"TimePeriod\":{\"Start\":\"%s\",\"End\":\"%s\"},\"Granularity\":\"DAILY\","
               "\"Metrics\":[\"UnblendedCost\"],\"GroupBy\":[{\"Type\":\"TAG\",\"Key\":",
               start, end);
    buf_json_string(out, str_of(tag_key));
    buf_add(out, "},{\"Type\":\"DIMENSION\",\"Key\":\"SERVICE\"}]");
    if (token != NULL) {
        buf_add(out, ",\"NextPageToken\":");
        buf_json_string(out, str_of(token));
    }
    return buf_add(out, "}");
}

static bool is_bedrock(json_t *service)
{
    return service == NULL || strcasestr(json_string_value(service), "bedrock") != NULL;
}

/* Hands out one group of a day; false when it is not as it should be. */
static bool take_group(json_t *group, struct str day, cost_explorer_row *fn, void *arg)
{
    json_t *keys = json_object_get(group, "Keys");
    json_t *tag = json_array_get(keys, 0);
    json_t *service = json_array_get(keys, 1);
    json_t *cost = json_object_get(json_object_get(group, "Metrics"), "UnblendedCost");
    money_t usd;
    if (!json_is_string(tag) || (service != NULL && !json_is_string(service)) ||
        strcmp(json_string_value(json_object_get(cost, "Unit")) != NULL
                   ? json_string_value(json_object_get(cost, "Unit"))
                   : "",
               "USD") != 0 ||
        !cost_explorer_amount(str_of(json_string_value(json_object_get(cost, "Amount"))), &usd)) {
        return false;
    }
    struct str value;
    struct str whole = str_of(json_string_value(tag));
    (void)str_cut(whole, '$', &value);
    if (is_bedrock(service)) {
        fn(arg, day, value.p != NULL ? value : STR(""), usd);
    }
    return true;
}

static bool take_day(json_t *day, cost_explorer_row *fn, void *arg)
{
    struct str start =
        str_of(json_string_value(json_object_get(json_object_get(day, "TimePeriod"), "Start")));
    json_t *groups = json_object_get(day, "Groups");
    bool ok = start.n >= 10 && json_is_array(groups);
    for (size_t i = 0; ok && i < json_array_size(groups); i++) {
        ok = take_group(json_array_get(groups, i), str_sub(start, 0, 10), fn, arg);
    }
    return ok;
}

static enum err take_page(struct str body, cost_explorer_row *fn, void *arg, char **token,
                          struct err_info *ei)
{
    *token = NULL;
    json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
    json_t *days = json_object_get(root, "ResultsByTime");
    bool ok = json_is_array(days);
    for (size_t i = 0; ok && i < json_array_size(days); i++) {
        ok = take_day(json_array_get(days, i), fn, arg);
    }
    json_t *next = json_object_get(root, "NextPageToken");
    if (ok && json_is_string(next) && json_string_length(next) > 0) {
        *token = str_dup(str_of(json_string_value(next)));
        ok = *token != NULL;
    }
    json_decref(root);
    return ok ? ERR_OK
              : err_set(ei, ERR_PARSE,
                        "ce:GetCostAndUsage answered something else than daily costs in USD");
}

enum err cost_explorer_daily(struct aws_http *h, const struct aws_place *place,
                             const struct credentials *c, const char *tag_key, const char *start,
                             const char *end, cost_explorer_row *fn, void *arg, int64_t *pages,
                             struct err_info *ei)
{
    char *token = NULL;
    enum err e = ERR_OK;
    *pages = 0;
    do {
        struct buf body = {0};
        struct buf answer = {0};
        if (!request_body(&body, tag_key, start, end, token)) {
            e = err_set(ei, ERR_NOMEM, "no memory to ask Cost Explorer");
        } else {
            struct aws_call call = {.place = *place,
                                    .service = "ce",
                                    .action = "ce:GetCostAndUsage",
                                    .target = "AWSInsightsIndexService.GetCostAndUsage",
                                    .content_type = "application/x-amz-json-1.1",
                                    .body = buf_str(&body)};
            e = aws_http_call(h, &call, c, &answer, ei);
        }
        free(token);
        token = NULL;
        if (e == ERR_OK) {
            (*pages)++;
            e = take_page(buf_str(&answer), fn, arg, &token, ei);
        }
        buf_free(&body);
        buf_free(&answer);
    } while (e == ERR_OK && token != NULL && *pages < PAGES_MAX);
    if (token != NULL) {
        free(token);
        e = err_set(ei, ERR_TOO_BIG, "Cost Explorer's answer has more than %d pages", PAGES_MAX);
    }
    return e;
}
