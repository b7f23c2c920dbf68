/* exchange.c: the gate's calls, handed to the version of HTTP in front. What comes too late (after
 * the end, or after the client went) does nothing. */
#include "core/proxy/exchange.h"

#include "core/base/recycle.h"

void exchange_respond(struct exchange *x, int status, struct str header_lines,
                      int64_t content_length)
{
    if (x->ended || x->responded) {
        return;
    }
    x->responded = true;
    x->ops->respond(x, status, header_lines, content_length);
}

void exchange_send(struct exchange *x, const char *data, size_t n)
{
    if (!x->ended && x->responded && n > 0) {
        x->ops->send(x, data, n);
    }
}

void exchange_end(struct exchange *x)
{
    if (x->ended) {
        return;
    }
    if (!x->responded) {
        exchange_abort(x);
        return;
    }
    x->ticket = NULL;
    x->ops->end(x);
}

void exchange_abort(struct exchange *x)
{
    if (!x->ended) {
        x->ticket = NULL;
        x->ops->abort(x);
    }
}

void exchange_release_request(struct exchange *x)
{
    const struct str none = {NULL, 0};

    buf_free(&x->body);
    /* One block: the array, and behind it the text that all slices point to. */
    recycle_give(x->headers, x->block_bytes);
    x->headers = NULL;
    x->header_count = 0;
    x->method = x->target = x->authority = none;
}
