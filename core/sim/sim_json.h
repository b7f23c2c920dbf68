/* sim_json.h: what the JSON services share: reading a body, answering, saying errors. */
#ifndef TOLLGATE_SIM_SIM_JSON_H
#define TOLLGATE_SIM_SIM_JSON_H

#include "core/sim/sim_http.h"

#include <jansson.h>

/* The body as an object, gunzipped when Content-Encoding says so (at most 1 MiB then). NULL: it was
 * refused and that was answered. */
json_t *sim_json_read(struct sim_connection *c, const struct sim_request *r);
/* With another bound for what is gunzipped. */
json_t *sim_json_read_max(struct sim_connection *c, const struct sim_request *r, size_t max);
/* Answers 200 with `root`, whose reference is taken; NULL counts as out of memory. */
void sim_json_answer(struct sim_connection *c, json_t *root);
/* The same as services with REST paths answer. */
void sim_json_answer_rest(struct sim_connection *c, int status, json_t *root);
/* A 400 that the sender has to mend. `type` "InvalidParameterValueException" is told as the query
 * code `code` too (x-amzn-query-error); NULL: no such header. */
void sim_json_refuse(struct sim_connection *c, const char *type, const char *code,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The operation of X-Amz-Target when it starts with "prefix."; else the empty slice. */
struct str sim_json_operation(const struct sim_request *r, const char *prefix);
/* A page's place in a token made by sim_json_token; 0 for no token, -1 for a strange one. */
int64_t sim_json_page(const json_t *token);
json_t *sim_json_token(int64_t place);

#endif
