/* aws_call.c: a signed call and what its errors mean. */
#include "core/aws/aws_error.h"
#include "core/aws/aws_http_private.h"
#include "core/base/clock.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#define ZLIB_CONST
#include <zlib.h>

#define CALL_TIMEOUT_MS 30000
#define SKEW_TOLD_MS    (4 * 60 * 1000) /* AWS refuses from five minutes on */

static bool gzip_body(struct buf *out, struct str body)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return false;
    }
    size_t bound = deflateBound(&z, (uLong)body.n);
    char *to = buf_reserve(out, bound);
    bool ok = to != NULL && body.n < UINT32_MAX && bound < UINT32_MAX;
    if (ok) {
        z.next_in = (const Bytef *)body.p;
        z.avail_in = (uInt)body.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)bound;
        ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
        buf_commit(out, ok ? z.total_out : 0);
    }
    return deflateEnd(&z) == Z_OK && ok;
}

static const char *method_of(const struct aws_call *call)
{
    return call->method != NULL ? call->method : "POST";
}

/* Headers of the call, the signature's among them. */
static enum err add_headers(struct buf *lines, struct aws_http *h, const struct aws_call *call,
                            const struct credentials *c, struct str body, struct err_info *ei)
{
    char host[256];
    char hash[SIGV4_HEX];
    aws_http_host(host, sizeof(host), call->place.endpoint);
    sigv4_sha256_hex(hash, body.p, body.n);
    struct http_header headers[5] = {{STR("Host"), str_of(host)}};
    size_t count = 1;
    if (call->content_type != NULL) {
        headers[count++] = (struct http_header){STR("Content-Type"), str_of(call->content_type)};
    }
    if (call->target != NULL) {
        headers[count++] = (struct http_header){STR("X-Amz-Target"), str_of(call->target)};
    }
    if (call->gzip) {
        headers[count++] = (struct http_header){STR("Content-Encoding"), STR("gzip")};
    }
    for (size_t i = 0; i < count; i++) {
        buf_add_str(lines, headers[i].name);
        buf_add(lines, ": ");
        buf_add_str(lines, headers[i].value);
        buf_add(lines, "\r\n");
    }
    buf_add(lines, "Accept: application/json\r\n");
    if (c == NULL) {
        return ERR_OK;
    }
    struct sigv4_request r = {.method = str_of(method_of(call)),
                              .path = str_of(call->path != NULL ? call->path : "/"),
                              .query = str_of(call->query),
                              .headers = headers,
                              .header_count = count,
                              .body_sha256_hex = hash};
    struct sigv4_signer *signer = aws_http_signer(h);
    if (strcmp(signer->region, call->place.region) != 0 ||
        strcmp(signer->service, call->service) != 0) {
        sigv4_signer_init(signer, call->place.region, call->service);
    }
    return sigv4_sign(signer, c, &r, clock_wall_ms(), lines, ei);
}

static enum err refused(const struct aws_call *call, const struct credentials *c,
                        const struct aws_answer *a, struct err_info *ei)
{
    char code[AWS_CODE_MAX];
    char message[200];
    const char *source = c != NULL ? c->source : "nobody (an unsigned call)";
    aws_error_decode(code, message, sizeof(message), buf_str(&a->body));
    if (a->error_type[0] != '\0') {
        (void)str_copy(code, sizeof(code), str_of(a->error_type));
    }
    enum err e = aws_error_meaning(a->status, code);
    if (code[0] == '\0') {
        memcpy(code, "no code", sizeof("no code"));
    }
    if (e == ERR_FORBIDDEN) {
        return err_set(ei, e, "allow %s for the credentials of %s (%s %d: %s)", call->action,
                       source, code, a->status, message);
    }
    if (e == ERR_BUSY) {
        return err_set(ei, e, "%s is throttled (%s %d)", call->action, code, a->status);
    }
    int64_t skew = a->date_ms > 0 ? clock_wall_ms() - a->date_ms : 0;
    if (e == ERR_AUTH && (skew > SKEW_TOLD_MS || skew < -SKEW_TOLD_MS)) {
        return err_set(ei, e, "%s: this machine's clock is %lld s %s AWS's; set it (%s)",
                       call->action, (long long)llabs(skew / 1000),
                       skew > 0 ? "ahead of" : "behind", code);
    }
    if (e == ERR_AUTH && strncmp(code, "ExpiredToken", 12) == 0) {
        return err_set(ei, e, "%s: the credentials of %s have expired (%s %d)", call->action,
                       source, code, a->status);
    }
    if (e == ERR_AUTH) {
        /* The message is left out: it may quote the request with its session token. */
        return err_set(ei, e, "%s: AWS does not accept the credentials of %s (%s %d)", call->action,
                       source, code, a->status);
    }
    return err_set(ei, e, "%s failed (%s %d): %s", call->action, code, a->status, message);
}

/* A simulated AWS on this host is not asked through a proxy. */
static bool is_loopback(const char *endpoint)
{
    char host[256];
    aws_http_host(host, sizeof(host), endpoint);
    struct str name = str_of(host);
    return str_starts(name, "127.") || str_starts(name, "localhost") || str_starts(name, "[::1]");
}

enum err aws_http_call(struct aws_http *h, const struct aws_call *call, const struct credentials *c,
                       struct buf *out, struct err_info *ei)
{
    struct buf lines = {0};
    struct buf packed = {0};
    struct buf url = {0};
    struct aws_answer answer = {0};
    struct str body = call->body;
    enum err e = ERR_OK;
    buf_printf(&url, "%s%s%s%s", call->place.endpoint, call->path != NULL ? call->path : "/",
               call->query != NULL ? "?" : "", call->query != NULL ? call->query : "");
    if (url.failed) {
        e = err_set(ei, ERR_NOMEM, "%s: no memory for the call", call->action);
    } else if (call->gzip && !gzip_body(&packed, body)) {
        e = err_set(ei, ERR_NOMEM, "%s: no memory to compress the request", call->action);
    } else if (call->gzip) {
        body = buf_str(&packed);
    }
    if (e == ERR_OK) {
        e = add_headers(&lines, h, call, c, body, ei);
    }
    if (e == ERR_OK) {
        struct aws_http_request r = {.method = method_of(call),
                                     .url = buf_cstr(&url),
                                     .headers = buf_str(&lines),
                                     .body = body,
                                     .direct = is_loopback(call->place.endpoint),
                                     .timeout_ms =
                                         call->timeout_ms > 0 ? call->timeout_ms : CALL_TIMEOUT_MS};
        struct err_info why = {0};
        e = aws_http_send(h, &r, &answer, &why);
        if (e != ERR_OK) {
            (void)err_set(ei, e, "%s: %s", call->action, why.text);
        }
        if (call->unanswered != NULL) {
            *call->unanswered = e != ERR_OK && answer.sent;
        }
    }
    if (e == ERR_OK && (answer.status < 200 || answer.status > 299)) {
        e = refused(call, c, &answer, ei);
    } else if (e == ERR_OK && !buf_add_str(out, buf_str(&answer.body))) {
        e = err_set(ei, ERR_NOMEM, "%s: no memory for the answer", call->action);
    }
    OPENSSL_cleanse(buf_bytes(&lines), lines.len); /* the session token is in it */
    buf_free(&lines);
    buf_free(&packed);
    buf_free(&url);
    aws_answer_free(&answer);
    return e;
}
