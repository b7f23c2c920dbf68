/* parse.c: hands a body to the reader of its dialect. */
#include "core/dialect/dialect_private.h"

static enum err check_coding(const struct http_header *headers, size_t count, struct err_info *ei)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is_nocase(headers[i].name, "content-encoding") &&
            !str_is_nocase(headers[i].value, "identity")) {
            return err_set(ei, ERR_PARSE, "content-encoding: a compressed body is not accepted");
        }
    }
    return ERR_OK;
}

enum err dialect_parse(const struct dialect_route *r, struct str body,
                       const struct http_header *headers, size_t header_count, struct call *call,
                       struct dialect_facts *facts, struct err_info *ei)
{
    *facts = (struct dialect_facts){0};
    call->text_bytes = call->images = call->documents = call->messages = call->tools = 0;
    call->max_output = -1;
    enum err e = check_coding(headers, header_count, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (body.n == 0) {
        return err_set(ei, ERR_PARSE, "body: empty");
    }
    if (r->does == NULL) {
        return err_set(ei, ERR_UNSUPPORTED, "this call is not served");
    }
    return r->does->parse(r, body, headers, header_count, call, facts, ei);
}
