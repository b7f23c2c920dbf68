/* sts.c: see sts.h. STS speaks XML; asked for JSON it answers that, but only by habit. */
#include "core/aws/sts_private.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool take_json(json_t *root, struct sts_identity *out)
{
    json_t *result = json_object_get(json_object_get(root, "GetCallerIdentityResponse"),
                                     "GetCallerIdentityResult");
    return str_copy(out->account, sizeof(out->account),
                    str_of(json_string_value(json_object_get(result, "Account")))) &&
           str_copy(out->arn, sizeof(out->arn),
                    str_of(json_string_value(json_object_get(result, "Arn")))) &&
           str_copy(out->user_id, sizeof(out->user_id),
                    str_of(json_string_value(json_object_get(result, "UserId"))));
}

bool sts_xml_text(struct str xml, const char *name, char *out, size_t size)
{
    char open[32];
    char close[32];
    int opened = snprintf(open, sizeof(open), "<%s>", name);
    int closed = snprintf(close, sizeof(close), "</%s>", name);
    if (opened <= 0 || closed <= 0 || xml.n == 0) {
        return false;
    }
    const char *from = memmem(xml.p, xml.n, open, (size_t)opened);
    if (from == NULL) {
        return false;
    }
    from += opened;
    size_t left = (size_t)(xml.p + xml.n - from);
    const char *to = memmem(from, left, close, (size_t)closed);
    return to != NULL && str_copy(out, size, (struct str){from, (size_t)(to - from)});
}

static bool take_xml(struct str xml, struct sts_identity *out)
{
    return sts_xml_text(xml, "Account", out->account, sizeof(out->account)) &&
           sts_xml_text(xml, "Arn", out->arn, sizeof(out->arn)) &&
           sts_xml_text(xml, "UserId", out->user_id, sizeof(out->user_id));
}

enum err sts_get_caller_identity(struct aws_http *h, const struct aws_place *place,
                                 const struct credentials *c, struct sts_identity *out,
                                 struct err_info *ei)
{
    *out = (struct sts_identity){0};
    struct aws_call call = {.place = *place,
                            .service = "sts",
                            .action = "sts:GetCallerIdentity",
                            .content_type = "application/x-www-form-urlencoded",
                            .body = STR("Action=GetCallerIdentity&Version=2011-06-15")};
    struct buf answer = {0};
    enum err e = aws_http_call(h, &call, c, &answer, ei);
    if (e == ERR_OK) {
        struct str body = buf_str(&answer);
        json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
        bool ok = root != NULL ? take_json(root, out) : take_xml(body, out);
        json_decref(root);
        if (!ok || out->account[0] == '\0') {
            e = err_set(ei, ERR_PARSE, "sts:GetCallerIdentity answered without an identity");
        }
    }
    buf_free(&answer);
    return e;
}
