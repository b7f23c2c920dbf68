/* A response head: parsed into slices of itself; its framing is never ambiguous. */
#include "core/base/http1.h"
#include "tests/fuzz/fuzz.h"

static void check_accepted(const struct http_head *h, struct str head, bool to_head)
{
    size_t lengths = 0, codings = 0;

    MUST(h->status >= 100 && h->status <= 599);
    MUST(h->header_count <= HTTP1_HEADERS_MAX && h->content_length >= 0);
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->headers[i].name, value = h->headers[i].value;
        MUST(is_inside(name, head) && is_inside(value, head) && name.n > 0);
        MUST(value.n == 0 ||
             (memchr(value.p, '\r', value.n) == NULL && memchr(value.p, '\n', value.n) == NULL));
        lengths += str_is_nocase(name, "content-length");
        codings += str_is_nocase(name, "transfer-encoding");
    }
    MUST(lengths + codings <= 1);
    if (to_head || h->status < 200 || h->status == 204 || h->status == 304) {
        MUST(h->body == HTTP_BODY_NONE);
    } else {
        MUST(h->body != HTTP_BODY_NONE);
        MUST((h->body == HTTP_BODY_LENGTH) == (lengths == 1));
        MUST((h->body == HTTP_BODY_CHUNKED) == (codings == 1));
    }
    MUST(h->body != HTTP_BODY_UNTIL_CLOSE || !h->keep_alive);
    MUST(http_reason(h->status) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    bool to_head = input_byte(&in) % 2 == 1;
    struct str text = input_rest(&in);
    struct http_head h;
    struct err_info ei = {0};
    size_t length = http1_head_length(text.p, text.n, 0);
    size_t head_n = length > 0 ? length : text.n;
    char *copy = fuzz_copy(str_sub(text, 0, head_n));
    struct str head = {copy, head_n};

    enum err e = http1_parse_response(&h, head.p, head.n, to_head, &ei);
    if (e == ERR_OK) {
        MUST(length > 0);
        check_accepted(&h, head, to_head);
    } else {
        MUST(e == ERR_PARSE || e == ERR_TOO_BIG || e == ERR_UNSUPPORTED);
        MUST(ei.text[0] != '\0');
    }
    free(copy);
    return 0;
}
