/* credentials_instance.c: the role of an EC2 instance. Only IMDSv2: version 1 answers whoever can
 * make this host send a request. */
#include "core/aws/credentials_private.h"

#include "core/aws/credentials_profile.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_S 1
#define ROLES   "/latest/meta-data/iam/security-credentials/"

static void choose_endpoint(char *out, size_t size)
{
    const char *given = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    struct str url = STR("http://169.254.169.254");
    if (given != NULL && given[0] != '\0') {
        url = str_of(given);
    } else if (mode != NULL && str_is_nocase(str_of(mode), "ipv6")) {
        url = STR("http://[fd00:ec2::254]");
    }
    while (url.n > 0 && url.p[url.n - 1] == '/') {
        url.n--;
    }
    str_copy(out, size, url);
}

/* One request; out gets the body of a 200, *status what was answered. */
static enum err ask(struct aws_http *h, const char *method, const char *path, const char *header,
                    struct buf *out, int *status, struct err_info *ei)
{
    char endpoint[256];
    char url[512];
    choose_endpoint(endpoint, sizeof(endpoint));
    int n = snprintf(url, sizeof(url), "%s%s", endpoint, path);
    if (n < 0 || (size_t)n >= sizeof(url)) {
        return err_set(ei, ERR_TOO_BIG, "the name of the instance's role is too long");
    }
    int64_t limit_s = credentials_env_number("AWS_METADATA_SERVICE_TIMEOUT", 1, 60, LIMIT_S);
    int64_t tries = credentials_env_number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, 10, 1);
    struct aws_http_request r = {.method = method,
                                 .url = url,
                                 .headers = str_of(header),
                                 .timeout_ms = limit_s * 1000,
                                 .direct = true};
    struct aws_answer answer = {0};
    enum err e = ERR_IO;
    for (int64_t i = 0; i < tries && (e == ERR_IO || e == ERR_TIMEOUT); i++) {
        struct err_info said = {0};
        aws_answer_free(&answer);
        e = aws_http_send(h, &r, &answer, &said);
        if (e != ERR_OK && (i == tries - 1 || (e != ERR_IO && e != ERR_TIMEOUT))) {
            err_set(ei, e, "%s", said.text);
        }
    }
    *status = answer.status;
    if (e == ERR_OK && answer.status == 200 && !buf_add_str(out, buf_str(&answer.body))) {
        e = err_set(ei, ERR_TOO_BIG, "the instance metadata answered with too much");
    }
    OPENSSL_cleanse(buf_bytes(&answer.body), answer.body.len);
    aws_answer_free(&answer);
    return e;
}

static bool is_role_name(struct str a)
{
    for (size_t i = 0; i < a.n; i++) {
        char c = a.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("_+=,.@-", c) == NULL)) {
            return false;
        }
    }
    return a.n > 0 && a.n <= 64;
}

static bool is_disabled(void)
{
    return str_is_nocase(str_of(credentials_env("AWS_EC2_METADATA_DISABLED")), "true");
}

/* header: "X-aws-ec2-metadata-token: ...\r\n". Nobody answering means: this is no EC2 instance, or
 * a container behind one hop too many: then the answer gets lost on the way (*unheard). */
static enum err get_token(struct aws_http *h, char *header, size_t size, bool *unheard_of,
                          struct err_info *ei)
{
    struct buf token = {.max = 1024};
    struct err_info unheard = {0};
    int status = 0;
    enum err e = ask(h, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 300\r\n",
                     &token, &status, &unheard);
    if (e != ERR_OK || status != 200) {
        buf_free(&token);
        *unheard_of = e == ERR_TIMEOUT;
        return e == ERR_CLOSED ? err_set(ei, e, "%s", unheard.text) : ERR_NOT_FOUND;
    }
    struct str text = str_trim(buf_str(&token));
    bool clean = text.n > 0;
    for (size_t i = 0; i < text.n; i++) {
        clean = clean && text.p[i] > 0x20 && text.p[i] < 0x7f;
    }
    int n = snprintf(header, size, "X-aws-ec2-metadata-token: %.*s\r\n", (int)text.n, text.p);
    buf_free(&token);
    return clean && n > 0 && (size_t)n < size
               ? ERR_OK
               : err_set(ei, ERR_PARSE, "the instance metadata gave a malformed token");
}

static enum err get_role(struct aws_http *h, const char *header, char role[65], struct err_info *ei)
{
    struct buf roles = {.max = 4096};
    int status = 0;
    enum err e = ask(h, "GET", ROLES, header, &roles, &status, ei);
    if (e == ERR_OK && status != 200) {
        e = status == 404
                ? ERR_NOT_FOUND
                : err_set(ei, ERR_IO, "the instance metadata answered %d for the role", status);
    }
    struct str rest;
    struct str name = str_trim(str_cut(buf_str(&roles), '\n', &rest));
    if (e == ERR_OK && !is_role_name(name)) {
        e = err_set(ei, ERR_PARSE, "the instance metadata gave no role name");
    } else if (e == ERR_OK) {
        str_copy(role, 65, name);
    }
    buf_free(&roles);
    return e;
}

enum err credentials_from_instance(struct credentials_look *l, struct credentials **out,
                                   struct err_info *ei)
{
    struct aws_http *h = l->http;
    char header[1200];
    char role[65];
    if (is_disabled()) {
        return ERR_NOT_FOUND;
    }
    enum err e = get_token(h, header, sizeof(header), &l->unheard, ei);
    if (e == ERR_OK) {
        e = get_role(h, header, role, ei);
    }
    if (e != ERR_OK) {
        return e;
    }
    char path[160];
    char source[96];
    int path_n = snprintf(path, sizeof(path), ROLES "%s", role);
    int source_n = snprintf(source, sizeof(source), "instance role %s", role);
    struct buf json = {.max = 65536};
    int status = 0;
    if (path_n < 0 || source_n < 0) {
        return err_set(ei, ERR_PARSE, "the instance metadata gave no role name");
    }
    e = ask(h, "GET", path, header, &json, &status, ei);
    if (e == ERR_OK && status != 200) {
        e = err_set(ei, ERR_IO, "the instance metadata answered %d for %s", status, source);
    } else if (e == ERR_OK) {
        e = credentials_from_json(out, buf_str(&json), source, ei);
    }
    OPENSSL_cleanse(buf_bytes(&json), json.len);
    buf_free(&json);
    return e;
}

static bool is_region_text(struct str a)
{
    for (size_t i = 0; i < a.n; i++) {
        char c = a.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return a.n > 0;
}

bool credentials_instance_region(char *region, size_t size)
{
    struct err_info ei = {0};
    struct aws_http *h = is_disabled() ? NULL : aws_http_new(NULL, &ei);
    struct buf text = {.max = 1024};
    char header[1200];
    bool unheard;
    int status = 0;
    bool found = h != NULL && get_token(h, header, sizeof(header), &unheard, &ei) == ERR_OK &&
                 ask(h, "GET", "/latest/meta-data/placement/region", header, &text, &status, &ei) ==
                     ERR_OK &&
                 status == 200;
    struct str name = str_trim(str_cut(buf_str(&text), '\n', &(struct str){0}));
    found = found && is_region_text(name) && str_copy(region, size, name);
    buf_free(&text);
    aws_http_free(h);
    return found;
}
