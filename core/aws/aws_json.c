/* aws_json.c: see aws_json.h. */
#include "core/aws/aws_json.h"

#include "core/aws/cost_explorer.h"
#include "core/aws/sigv4.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USD_MOST     9.2e9
#define TRIES        4   /* of a call that is throttled: a list would begin again */
#define TRY_FIRST_MS 250 /* doubled each time */

static const char *content_type_of(const struct aws_operation *op, bool body)
{
    if (op->content_type != NULL) {
        return op->content_type;
    }
    if (op->target != NULL) {
        return "application/x-amz-json-1.1";
    }
    return body ? "application/json" : NULL;
}

static enum err read_object(const struct aws_operation *op, struct str text, json_t **answer,
                            struct err_info *ei)
{
    *answer = text.n == 0 ? json_object() : json_loadb(text.p, text.n, 0, NULL);
    if (json_is_object(*answer)) {
        return ERR_OK;
    }
    json_decref(*answer);
    *answer = NULL;
    return err_set(ei, ERR_PARSE, "%s answered something else than a JSON object", op->action);
}

/* Borrows body. */
static enum err call_once(const struct aws_session *s, const struct aws_operation *op,
                          const json_t *body, json_t **answer, struct err_info *ei)
{
    struct buf got = {0};
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    *answer = NULL;
    if (body != NULL && text == NULL) {
        return err_set(ei, ERR_NOMEM, "%s: no memory for the request, or it is not UTF-8",
                       op->action);
    }
    struct aws_call call = {.place = s->place,
                            .service = op->service,
                            .action = op->action,
                            .method = op->method,
                            .path = op->path,
                            .query = op->query,
                            .target = op->target,
                            .content_type = content_type_of(op, text != NULL),
                            .body = text != NULL         ? str_of(text)
                                    : op->target != NULL ? STR("{}")
                                                         : (struct str){0}};
    struct err_info why = {0};
    enum err e = aws_http_call(s->http, &call, s->credentials, &got, &why);
    for (int i = 1, ms = TRY_FIRST_MS; e == ERR_BUSY && i < TRIES; i++, ms *= 2) {
        if (!aws_http_pause(s->http, ms)) {
            break;
        }
        err_clear(&why);
        buf_clear(&got);
        e = aws_http_call(s->http, &call, s->credentials, &got, &why);
    }
    if (e != ERR_OK) {
        (void)err_set(ei, e, "%s", why.text);
    } else {
        e = read_object(op, buf_str(&got), answer, ei);
    }
    free(text);
    buf_free(&got);
    return e;
}

enum err aws_json_call(const struct aws_session *s, const struct aws_operation *op, json_t *body,
                       json_t **answer, struct err_info *ei)
{
    enum err e = call_once(s, op, body, answer, ei);
    json_decref(body);
    return e;
}

/* Writes the token where the next request has it. */
static bool go_on(const struct aws_operation *op, const struct aws_pages *p, json_t *token,
                  json_t *body, struct buf *query)
{
    if (op->target != NULL || (op->method != NULL && strcmp(op->method, "GET") != 0)) {
        return json_object_set(body, p->token_in, token) == 0;
    }
    buf_clear(query);
    buf_printf(query, "%s%s%s=", op->query != NULL ? op->query : "", op->query != NULL ? "&" : "",
               p->token_in);
    sigv4_encode_segment(query, str_of(json_string_value(token)));
    return !query->failed;
}

static enum err take_page(const struct aws_operation *op, const struct aws_pages *p,
                          const json_t *answer, aws_json_item *fn, void *arg, struct err_info *ei)
{
    const json_t *list = json_object_get(answer, p->list);
    const json_t *item;
    size_t i;
    bool ok = list == NULL || json_is_null(list) || json_is_array(list);
    json_array_foreach(list, i, item)
    {
        ok = ok && fn(arg, item);
    }
    return ok ? (p->whole != NULL ? p->whole(answer, ei) : ERR_OK)
              : err_set(ei, ERR_PARSE, "%s: %s is not what it should be, or memory is short",
                        op->action, p->list);
}

enum err aws_json_list(const struct aws_session *s, const struct aws_operation *op, json_t *body,
                       const struct aws_pages *p, aws_json_item *fn, void *arg, int64_t *pages,
                       struct err_info *ei)
{
    struct buf query = {0};
    struct aws_operation next = *op;
    int64_t count = 0;
    bool more = true;
    enum err e = ERR_OK;
    while (e == ERR_OK && more) {
        json_t *answer;
        e = call_once(s, &next, body, &answer, ei);
        if (e != ERR_OK) {
            break;
        }
        count++;
        e = take_page(op, p, answer, fn, arg, ei);
        json_t *token = json_object_get(answer, p->token_out);
        more = json_is_string(token) && json_string_length(token) > 0 &&
               (p->more == NULL || json_is_true(json_object_get(answer, p->more)));
        if (e == ERR_OK && more && count >= p->most) {
            e = err_set(ei, ERR_TOO_BIG, "%s: the list has more than %lld pages", op->action,
                        (long long)p->most);
        } else if (e == ERR_OK && more && !go_on(op, p, token, body, &query)) {
            e = err_set(ei, ERR_NOMEM, "%s: no memory for the next page", op->action);
        }
        next.query = query.len > 0 ? buf_cstr(&query) : op->query;
        json_decref(answer);
    }
    if (pages != NULL) {
        *pages = count;
    }
    buf_free(&query);
    json_decref(body);
    return e;
}

const char *aws_json_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

double aws_json_number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

int64_t aws_json_epoch_ms(const json_t *o, const char *key)
{
    double seconds = aws_json_number(o, key);
    return seconds > 0 && seconds < 1e11 ? (int64_t)(seconds * 1000) : 0;
}

bool aws_json_amount(const json_t *o, const char *key, money_t *out)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v)) {
        return cost_explorer_amount(str_of(json_string_value(v)), out);
    }
    double dollars = json_number_value(v);
    if (!json_is_number(v) || !(fabs(dollars) < USD_MOST)) {
        return false;
    }
    *out = (money_t)llround(dollars * (double)MONEY_DOLLAR);
    return true;
}

json_t *aws_json_tags(json_t *pairs, const char *key, const char *value)
{
    json_t *out = json_array();
    const char *name;
    json_t *text;
    bool ok = out != NULL;
    json_object_foreach(pairs, name, text)
    {
        ok = ok && json_array_append_new(out, json_pack("{s:s, s:O}", key, name, value, text)) == 0;
    }
    if (!ok) {
        json_decref(out);
        return NULL;
    }
    return out;
}
