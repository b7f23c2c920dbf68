/* aws_json.h: calls of AWS's JSON services with whole documents, and the pages of their lists. */
#ifndef TOLLGATE_AWS_AWS_JSON_H
#define TOLLGATE_AWS_AWS_JSON_H

#include "core/aws/aws_http.h"
#include "core/base/money.h"

#include <jansson.h>

/* Where and as whom. All borrowed. For one thread. */
struct aws_session {
    struct aws_http *http;
    struct aws_place place;
    const struct credentials *credentials;
};

/* What is called: a target (JSON 1.0 and 1.1) or, without one, method and path (REST-JSON). */
struct aws_operation {
    const char *service;      /* of the signature */
    const char *action;       /* as IAM spells it */
    const char *target;       /* X-Amz-Target, or NULL */
    const char *content_type; /* NULL: "application/x-amz-json-1.1", or REST's */
    const char *method;       /* NULL: POST */
    const char *path, *query; /* encoded; NULL: "/", none */
};

/* One call, made up to four times within two seconds while AWS throttles it. Takes body (NULL: none
 * for REST, {} else); *answer is the caller's, an object, {} for an empty answer. Errors: those of
 * aws_http_call; ERR_PARSE when the answer is no JSON object. */
enum err aws_json_call(const struct aws_session *s, const struct aws_operation *op, json_t *body,
                       json_t **answer, struct err_info *ei) MUST_CHECK;

/* How a list goes on: the array's member, and the token's in the answer and in the request (of a
 * GET: in the query). */
struct aws_pages {
    const char *list, *token_out, *token_in;
    int64_t most;     /* a longer list is ERR_TOO_BIG */
    const char *more; /* NULL, or the member that says whether the token is one */
    enum err (*whole)(const json_t *page, struct err_info *ei); /* NULL, or says what it lacks */
};
/* One element; false when it is not as it should be, which ends the list with ERR_PARSE. */
typedef bool aws_json_item(void *arg, const json_t *item);
/* All elements of all pages. Takes body. *pages, if not NULL: answers had, also after an error. */
enum err aws_json_list(const struct aws_session *s, const struct aws_operation *op, json_t *body,
                       const struct aws_pages *p, aws_json_item *fn, void *arg, int64_t *pages,
                       struct err_info *ei) MUST_CHECK;

/* Members, with what stands for an absent one. Text is borrowed from the object. */
const char *aws_json_text(const json_t *o, const char *key); /* "" */
double aws_json_number(const json_t *o, const char *key);    /* 0 */
int64_t aws_json_epoch_ms(const json_t *o, const char *key); /* of epoch seconds; 0 */
bool aws_json_amount(const json_t *o, const char *key,
                     money_t *out); /* a string or number of USD */
/* [{"Key","Value"}] of {"k":"v"}, with the members' names as the service spells them. NULL without
 * memory. */
json_t *aws_json_tags(json_t *pairs, const char *key, const char *value);

#endif
