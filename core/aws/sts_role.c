/* sts_role.c: credentials of a role: AssumeRole, AssumeRoleWithWebIdentity. */
#include "core/aws/sts_private.h"

#include "core/aws/credentials_private.h"
#include "core/base/clock.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

struct keys {
    char id[256], secret[256], token[CREDENTIALS_FIELD_MAX], expiration[64];
    int64_t expires_ms;
};

static bool take_member(const json_t *o, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text != NULL && str_copy(out, size, str_of(text));
}

/* The member that holds "Credentials", two levels down, whatever the operation. */
static bool take_json(json_t *root, struct keys *k)
{
    json_t *response = json_object_iter_value(json_object_iter(root));
    const char *name;
    json_t *result;
    json_object_foreach(response, name, result)
    {
        const json_t *c = json_object_get(result, "Credentials");
        if (c == NULL) {
            continue;
        }
        const json_t *expiration = json_object_get(c, "Expiration");
        k->expires_ms = (int64_t)(json_number_value(expiration) * 1000);
        bool timed = json_is_number(expiration) ||
                     (take_member(c, "Expiration", k->expiration, sizeof(k->expiration)) &&
                      clock_parse_rfc3339(str_of(k->expiration), &k->expires_ms));
        return timed && take_member(c, "AccessKeyId", k->id, sizeof(k->id)) &&
               take_member(c, "SecretAccessKey", k->secret, sizeof(k->secret)) &&
               take_member(c, "SessionToken", k->token, sizeof(k->token));
    }
    return false;
}

static bool take_xml(struct str xml, struct keys *k)
{
    return sts_xml_text(xml, "AccessKeyId", k->id, sizeof(k->id)) &&
           sts_xml_text(xml, "SecretAccessKey", k->secret, sizeof(k->secret)) &&
           sts_xml_text(xml, "SessionToken", k->token, sizeof(k->token)) &&
           sts_xml_text(xml, "Expiration", k->expiration, sizeof(k->expiration)) &&
           clock_parse_rfc3339(str_of(k->expiration), &k->expires_ms);
}

static enum err read_answer(struct str body, const char *action, const char *source,
                            struct credentials **out, struct err_info *ei)
{
    struct keys k = {.expires_ms = 0};
    json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
    bool ok = (root != NULL ? take_json(root, &k) : take_xml(body, &k)) && k.id[0] != '\0';
    json_decref(root);
    enum err e = ERR_OK;
    if (!ok) {
        e = err_set(ei, ERR_PARSE, "%s answered without credentials", action);
    } else {
        *out =
            credentials_new(str_of(k.id), str_of(k.secret), str_of(k.token), k.expires_ms, source);
        e = *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
    }
    OPENSSL_cleanse(&k, sizeof(k));
    return e;
}

static void add_field(struct buf *form, const char *name, struct str value)
{
    buf_printf(form, "&%s=", name);
    buf_percent(form, value);
}

static void add_role(struct buf *form, const struct sts_role *role)
{
    char name[48];
    add_field(form, "RoleArn", str_of(role->arn));
    add_field(form, "RoleSessionName", str_of(role->session_name));
    if (role->duration_s > 0) {
        buf_printf(form, "&DurationSeconds=%lld", (long long)role->duration_s);
    }
    if (role->external_id != NULL) {
        add_field(form, "ExternalId", str_of(role->external_id));
    }
    for (size_t i = 0; i < role->tag_count; i++) {
        (void)snprintf(name, sizeof(name), "Tags.member.%zu.Key", i + 1);
        add_field(form, name, str_of(role->tags[i].key));
        (void)snprintf(name, sizeof(name), "Tags.member.%zu.Value", i + 1);
        add_field(form, name, str_of(role->tags[i].value));
    }
}

static enum err ask(struct aws_http *h, const struct aws_place *place, const struct credentials *c,
                    const char *action, const struct sts_role *role, struct buf *form,
                    struct credentials **out, struct err_info *ei)
{
    struct aws_call call = {.place = *place,
                            .service = "sts",
                            .action = action,
                            .content_type = "application/x-www-form-urlencoded",
                            .body = buf_str(form),
                            .timeout_ms = role->timeout_ms};
    struct buf answer = {0};
    enum err e = form->failed ? err_set(ei, ERR_NOMEM, "%s: no memory for the request", action)
                              : aws_http_call(h, &call, c, &answer, ei);
    if (e == ERR_OK) {
        e = read_answer(buf_str(&answer), action, role->source, out, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = ERR_RANGE; /* that would read as: no such place to look */
    }
    OPENSSL_cleanse(buf_bytes(&answer), answer.len);
    OPENSSL_cleanse(buf_bytes(form), form->len);
    buf_free(&answer);
    buf_free(form);
    return e;
}

enum err sts_assume_role(struct aws_http *h, const struct aws_place *place,
                         const struct credentials *c, const struct sts_role *role,
                         struct credentials **out, struct err_info *ei)
{
    struct buf form = {0};
    buf_add(&form, "Action=AssumeRole&Version=2011-06-15");
    add_role(&form, role);
    return ask(h, place, c,
               role->tag_count > 0 ? "sts:AssumeRole and sts:TagSession" : "sts:AssumeRole", role,
               &form, out, ei);
}

enum err sts_assume_role_with_web_identity(struct aws_http *h, const struct aws_place *place,
                                           struct str token, const struct sts_role *role,
                                           struct credentials **out, struct err_info *ei)
{
    struct buf form = {0};
    buf_add(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    add_role(&form, role);
    add_field(&form, "WebIdentityToken", token);
    return ask(h, place, NULL, "sts:AssumeRoleWithWebIdentity", role, &form, out, ei);
}

const char *sts_role_name(const char *arn)
{
    const char *slash = strrchr(arn, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : arn;
}
