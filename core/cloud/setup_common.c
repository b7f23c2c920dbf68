/* setup_common.c: see setup_private.h. */
#include "core/cloud/setup_private.h"

#include "core/aws/sts.h"
#include "core/base/clock.h"

#define TAGS_MAX_AWS 50
#define TAG_KEY_AWS  128
#define TAG_TEXT_AWS 256

struct aws_session setup_session(const struct setup *s, enum config_service service)
{
    return (struct aws_session){
        .http = s->http, .place = setup_place(s, service), .credentials = s->keys};
}

const char *setup_partition(const struct config *config)
{
    struct str region = str_of(config->region);
    return str_starts(region, "cn-")       ? "aws-cn"
           : str_starts(region, "us-gov-") ? "aws-us-gov"
           : str_starts(region, "eusc-")   ? "aws-eusc"
                                           : "aws";
}

enum err setup_account(const struct setup *s, char out[32], struct err_info *ei)
{
    struct sts_identity who;
    struct aws_place place = setup_place(s, SERVICE_STS);
    enum err e = sts_get_caller_identity(s->http, &place, s->keys, &who, ei);
    if (e == ERR_OK) {
        (void)str_copy(out, 32, str_of(who.account));
    }
    return e;
}

/* --- parameters --- */

const char *setup_text(const json_t *params, const char *key)
{
    const char *text = json_string_value(json_object_get(params, key));
    return text != NULL && *text != '\0' ? text : NULL;
}

enum err setup_need(const json_t *params, const char *key, const char *why, const char **out,
                    struct err_info *ei)
{
    *out = setup_text(params, key);
    return *out != NULL ? ERR_OK : err_set(ei, ERR_USAGE, "--%s is needed: %s", key, why);
}

enum err setup_dollars(const json_t *params, const char *key, money_t *out, struct err_info *ei)
{
    const char *text = setup_text(params, key);
    if (text == NULL || !money_parse(str_of(text), out) || *out <= 0) {
        return err_set(ei, ERR_USAGE, "--%s is needed: dollars, such as 4000 or 12.50", key);
    }
    return ERR_OK;
}

enum err setup_number(const json_t *params, const char *key, int64_t least, int64_t most,
                      int64_t fallback, int64_t *out, struct err_info *ei)
{
    const char *text = setup_text(params, key);
    *out = fallback;
    if (text != NULL && (!str_to_i64(str_of(text), out) || *out < least || *out > most)) {
        return err_set(ei, ERR_USAGE, "--%s must be a whole number from %lld to %lld", key,
                       (long long)least, (long long)most);
    }
    return ERR_OK;
}

bool setup_flag(const json_t *params, const char *key)
{
    return json_is_true(json_object_get(params, key));
}

static bool is_of(struct str text, const char *more, size_t least)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(more, c) != NULL))) {
            return false;
        }
    }
    return text.n >= least;
}

bool setup_is_arn(const char *text, const char *service, const char *resource)
{
    struct str part[5], rest = str_of(text);
    bool global = strcmp(service, "iam") == 0;
    for (size_t i = 0; i < 5; i++) {
        part[i] = str_cut(rest, ':', &rest);
    }
    int64_t number;
    bool account = part[4].n == 12 && str_to_i64(part[4], &number) && number >= 0;
    return str_is(part[0], "arn") && str_starts(part[1], "aws") && is_of(part[1], "-", 3) &&
           str_is(part[2], service) && (global ? part[3].n == 0 : is_of(part[3], "-", 1)) &&
           (account || (global && str_is(part[4], "*"))) && str_starts(rest, resource) &&
           is_of(str_sub(rest, strlen(resource), rest.n), global ? "_+=,.@-/*" : "_-.", 1);
}

enum err setup_told(const json_t *params, bool needed, const char **email, const char **sns,
                    struct err_info *ei)
{
    *email = setup_text(params, "email");
    *sns = setup_text(params, "sns");
    if (*email != NULL && strchr(*email, '@') == NULL) {
        return err_set(ei, ERR_USAGE, "--email must be an address");
    }
    if (*sns != NULL && !setup_is_arn(*sns, "sns", "")) {
        return err_set(ei, ERR_USAGE,
                       "--sns must be a topic's ARN, such as arn:aws:sns:us-east-1:123456789012:t");
    }
    if (needed && *email == NULL && *sns == NULL) {
        return err_set(ei, ERR_USAGE, "--email ADDRESS or --sns ARN is needed: who is told");
    }
    return ERR_OK;
}

static bool tag_text_ok(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr(" ._:/=+@-", c) != NULL)) {
            return false;
        }
    }
    return true;
}

enum err setup_tags(const json_t *params, json_t **tags, struct err_info *ei)
{
    const char *key;
    json_t *value;
    *tags = json_object_get(params, "tags");
    if (json_object_size(*tags) > TAGS_MAX_AWS) {
        return err_set(ei, ERR_USAGE, "at most %d tags", TAGS_MAX_AWS);
    }
    json_object_foreach(*tags, key, value)
    {
        struct str text = str_of(json_string_value(value));
        if (key[0] == '\0' || strlen(key) > TAG_KEY_AWS || text.n > TAG_TEXT_AWS ||
            !tag_text_ok(str_of(key)) || !tag_text_ok(text) || str_starts(str_of(key), "aws:")) {
            return err_set(ei, ERR_USAGE,
                           "tag %.60s: AWS takes letters, digits and _ . : / = + @ - and spaces, "
                           "128 in a key, 256 in a value, and no key that starts with aws:",
                           key);
        }
    }
    return ERR_OK;
}

const char *setup_billing_key(const struct config *config, const char *key)
{
    for (size_t i = 0; i < config->cost_tags.count; i++) {
        if (strcmp(config->cost_tags.at[i].key, key) == 0) {
            return config->cost_tags.at[i].value;
        }
    }
    return key;
}

/* --- results --- */

void setup_say(json_t *sentences, const char *format, ...)
{
    char text[2600];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n >= 0) {
        (void)json_array_append_new(sentences, json_string(text));
    }
}

void setup_pairs(char *out, size_t size, json_t *pairs)
{
    struct buf line = {0};
    const char *key;
    json_t *value;
    json_object_foreach(pairs, key, value)
    {
        buf_printf(&line, "%s%s=%s", line.len > 0 ? ", " : "", key,
                   json_is_string(value) ? json_string_value(value) : "?");
    }
    (void)str_copy(out, size, buf_str(&line));
    buf_free(&line);
}

enum err setup_result(json_t *o, json_t **result, struct err_info *ei)
{
    if (o == NULL || json_object_set_new(o, "version", json_integer(1)) != 0) {
        json_decref(o);
        return err_set(ei, ERR_NOMEM, "no memory for the answer, or AWS's text is not UTF-8");
    }
    *result = o;
    return ERR_OK;
}

enum err setup_planned(json_t *plan, json_t *request, json_t **result, struct err_info *ei)
{
    return setup_result(
        json_pack("{s:b, s:o, s:o}", "dry_run", 1, "plan", plan, "request", request), result, ei);
}

json_t *setup_money(money_t m)
{
    return m < 0 ? json_null() : json_real((double)m / (double)MONEY_DOLLAR);
}

json_t *setup_time(int64_t ms)
{
    char text[CLOCK_TEXT];
    if (ms == 0) {
        return json_null();
    }
    clock_rfc3339(text, ms);
    return json_string(text);
}

json_t *setup_string(const char *text)
{
    return text == NULL || *text == '\0' ? json_null() : json_string(text);
}
