/* sim_json.c: see sim_json.h. */
#include "core/sim/sim_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define INFLATED_MAX 1064960 /* 1 MiB and the step in which it grows */
#define TOKEN_PREFIX "page-"

static bool inflate_body(struct buf *out, struct str body)
{
    z_stream z = {.next_in = (const Bytef *)body.p, .avail_in = (uInt)body.n};
    int state = Z_BUF_ERROR;

    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        return false;
    }
    do {
        char *at = buf_reserve(out, 16384);
        if (at == NULL) {
            break;
        }
        z.next_out = (Bytef *)at;
        z.avail_out = 16384;
        state = inflate(&z, Z_NO_FLUSH);
        buf_commit(out, 16384 - z.avail_out);
    } while (state == Z_OK && (z.avail_in > 0 || z.avail_out == 0));
    inflateEnd(&z);
    return !out->failed && state == Z_STREAM_END && z.avail_in == 0;
}

json_t *sim_json_read(struct sim_connection *c, const struct sim_request *r)
{
    return sim_json_read_max(c, r, INFLATED_MAX);
}

json_t *sim_json_read_max(struct sim_connection *c, const struct sim_request *r, size_t max)
{
    struct str text = r->body;
    struct buf inflated;
    json_t *root = NULL;

    buf_init(&inflated, max);
    if (!str_is_nocase(http_value(r->head, "content-encoding"), "gzip")) {
        root = json_loadb(text.p != NULL ? text.p : "", text.n, JSON_REJECT_DUPLICATES, NULL);
    } else if (inflate_body(&inflated, text)) {
        root = json_loadb(buf_bytes(&inflated), inflated.len, JSON_REJECT_DUPLICATES, NULL);
    }
    buf_free(&inflated);
    if (!json_is_object(root)) {
        json_decref(root);
        sim_http_json_error(c, 400, "SerializationException",
                            "The body is no JSON object, or no good gzip of one.");
        return NULL;
    }
    return root;
}

/* Takes root. False: there was no memory, and nothing was answered. */
static bool answer(struct sim_connection *c, int status, const char *content_type, json_t *root)
{
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    if (text == NULL) {
        return false;
    }
    const struct sim_answer a = {
        .status = status, .content_type = content_type, .body = str_of(text)};
    sim_http_answer(c, &a);
    free(text);
    return true;
}

void sim_json_answer(struct sim_connection *c, json_t *root)
{
    if (!answer(c, 200, "application/x-amz-json-1.1", root)) {
        sim_http_json_error(c, 500, "InternalServiceException", "The simulation is out of memory.");
    }
}

void sim_json_answer_rest(struct sim_connection *c, int status, json_t *root)
{
    if (!answer(c, status, "application/json", root)) {
        sim_http_error(c, 500, "InternalServerException", "The simulation is out of memory.");
    }
}

void sim_json_refuse(struct sim_connection *c, const char *type, const char *code,
                     const char *format, ...)
{
    char message[512], headers[256];
    struct buf body = {0};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)snprintf(headers, sizeof headers, "x-amzn-ErrorType: %s\r\n%s%s%s", type,
                   code != NULL ? "x-amzn-query-error: " : "", code != NULL ? code : "",
                   code != NULL ? ";Sender\r\n" : "");
    buf_printf(&body, "{\"__type\":\"%s\",\"message\":", type);
    buf_json_string(&body, str_of(message));
    buf_add(&body, "}");
    const struct sim_answer a = {.status = 400,
                                 .content_type = "application/x-amz-json-1.1",
                                 .headers = headers,
                                 .body = buf_str(&body)};
    sim_http_answer(c, &a);
    buf_free(&body);
}

struct str sim_json_operation(const struct sim_request *r, const char *prefix)
{
    struct str operation;
    struct str before = str_cut(http_value(r->head, "x-amz-target"), '.', &operation);

    return str_is(before, prefix) && str_is(r->method, "POST") ? operation : (struct str){0};
}

int64_t sim_json_page(const json_t *token)
{
    int64_t place;
    struct str text = str_of(json_string_value(token));

    if (token == NULL || json_is_null(token)) {
        return 0;
    }
    if (!str_starts(text, TOKEN_PREFIX) ||
        !str_to_i64(str_sub(text, sizeof TOKEN_PREFIX - 1, text.n), &place) || place < 0) {
        return -1;
    }
    return place;
}

json_t *sim_json_token(int64_t place)
{
    return json_sprintf(TOKEN_PREFIX "%lld", (long long)place);
}
