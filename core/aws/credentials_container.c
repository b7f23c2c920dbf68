/* credentials_container.c: what a container is given by the service that runs it: ECS, EKS Pod
 * Identity. */
#include "core/aws/credentials_private.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_MS  2000
#define TRIES     3
#define PAUSE_MS  1000
#define TOKEN_MAX 16384
#define ECS_HOST  "http://169.254.170.2"

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* "[::1]" as "::1". */
static void bare_host(char *out, size_t size, const char *host)
{
    struct str name = str_of(host);
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = str_sub(name, 1, name.n - 2);
    }
    str_copy(out, size, name);
}

/* What may be asked in the clear for credentials. */
static bool is_trusted(const char *host)
{
    static const char *const services[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23",
                                           "localhost"};
    char name[256];
    bare_host(name, sizeof(name), host);
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (str_is_nocase(str_of(name), services[i])) {
            return true;
        }
    }
    return is_loopback(name);
}

/* Taken apart by curl, so that what is checked is what is asked. */
static enum err check_full(const char *url, struct err_info *ei)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL;
    enum err e = ERR_OK;
    if (parsed == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for credentials");
    }
    if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        e = err_set(ei, ERR_PARSE, "AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL");
    } else if (strcmp(scheme, "https") != 0 && (strcmp(scheme, "http") != 0 || !is_trusted(host))) {
        e = err_set(ei, ERR_FORBIDDEN,
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI names %.80s: allowed are https://, and "
                    "http:// to loopback, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23]",
                    host);
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parsed);
    return e;
}

enum err credentials_container_url(char *out, size_t size, const char *relative, const char *full,
                                   struct err_info *ei)
{
    int n;
    if (relative != NULL) {
        if (relative[0] != '/') {
            return err_set(ei, ERR_PARSE,
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /");
        }
        n = snprintf(out, size, ECS_HOST "%s", relative);
    } else if (full != NULL) {
        enum err e = check_full(full, ei);
        if (e != ERR_OK) {
            return e;
        }
        n = snprintf(out, size, "%s", full);
    } else {
        return ERR_NOT_FOUND;
    }
    return n > 0 && (size_t)n < size
               ? ERR_OK
               : err_set(ei, ERR_TOO_BIG, "AWS_CONTAINER_CREDENTIALS_*_URI is too long");
}

/* The Authorization header, from the file each time because it is renewed there; empty: none. */
static enum err add_token(struct buf *lines, struct err_info *ei)
{
    const char *path = credentials_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *given = credentials_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct buf file = {0};
    struct str token = str_of(given);
    enum err e = ERR_OK;
    if (path != NULL) {
        e = credentials_read_file(&file, path, TOKEN_MAX, ei);
        token = buf_str(&file);
        if (e == ERR_NOT_FOUND) {
            e = err_set(ei, ERR_AUTH,
                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE %.150s does not exist", path);
        }
    }
    while (path != NULL && token.n > 0 && strchr("\r\n", token.p[token.n - 1]) != NULL) {
        token.n--; /* the file's last line end */
    }
    for (size_t i = 0; e == ERR_OK && i < token.n; i++) {
        if ((unsigned char)token.p[i] < 0x20 || token.p[i] == 0x7f) {
            e = err_set(ei, ERR_PARSE,
                        "the container's authorization token holds a line end or "
                        "another control character");
        }
    }
    if (e == ERR_OK && token.n > 0) {
        buf_add(lines, "Authorization: ");
        buf_add_str(lines, token);
        buf_add(lines, "\r\n");
    }
    OPENSSL_cleanse(buf_bytes(&file), file.len);
    buf_free(&file);
    return e;
}

static enum err ask_once(struct credentials_look *l, const char *url, struct credentials **out,
                         bool *again, struct err_info *ei)
{
    static const char source[] = "container";
    struct buf lines = {.max = TOKEN_MAX + 64};
    struct aws_answer answer = {0};
    buf_add(&lines, "Accept: application/json\r\n");
    enum err e = add_token(&lines, ei);
    *again = false;
    if (e == ERR_OK) {
        struct aws_http_request r = {.method = "GET",
                                     .url = url,
                                     .headers = buf_str(&lines),
                                     .timeout_ms = LIMIT_MS,
                                     .direct = true};
        e = aws_http_send(l->http, &r, &answer, ei);
        *again = e == ERR_TIMEOUT || e == ERR_IO;
    }
    if (e == ERR_OK && answer.status != 200) {
        *again = answer.status >= 500 || answer.status == 429;
        e = err_set(ei, ERR_IO, "the container's credentials endpoint answered %d", answer.status);
    } else if (e == ERR_OK) {
        e = credentials_from_json(out, buf_str(&answer.body), source, ei);
    }
    OPENSSL_cleanse(buf_bytes(&answer.body), answer.body.len);
    OPENSSL_cleanse(buf_bytes(&lines), lines.len);
    aws_answer_free(&answer);
    buf_free(&lines);
    return e;
}

enum err credentials_from_container(struct credentials_look *l, struct credentials **out,
                                    struct err_info *ei)
{
    char url[1024];
    enum err e = credentials_container_url(
        url, sizeof(url), credentials_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        credentials_env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), ei);
    bool again = e == ERR_OK;
    for (int i = 0; again && i < TRIES; i++) {
        struct err_info said = {0};
        if (i > 0) {
            credentials_pause(l->aborted, PAUSE_MS);
        }
        e = ask_once(l, url, out, &again, &said);
        if (e != ERR_OK && (!again || i == TRIES - 1)) {
            err_set(ei, e, "container credentials: %s", said.text);
        }
    }
    return e;
}
