/* A request head: found the same however it arrives, parsed into slices of itself, and what was
 * accepted says the same when written down again. */
#include "core/base/http1.h"
#include "tests/fuzz/fuzz.h"

/* The head ends at the same place when it comes in pieces. */
static void check_length(struct str text, uint16_t seed)
{
    size_t whole = http1_head_length(text.p, text.n, 0);
    struct split split = split_of(seed);
    size_t seen = 0, found = 0;

    while (found == 0 && seen < text.n) {
        size_t now = seen + split_next(&split, text.n - seen);
        found = http1_head_length(text.p, now, seen);
        MUST(found <= now);
        seen = now;
    }
    MUST(found == whole);
}

static void check_same(const struct http_head *a, const struct http_head *b)
{
    MUST(str_eq(a->method, b->method) && str_eq(a->target, b->target));
    MUST(a->minor == b->minor && a->keep_alive == b->keep_alive && a->body == b->body);
    MUST(a->content_length == b->content_length && a->expect_continue == b->expect_continue);
    MUST(a->header_count == b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        MUST(str_eq(a->headers[i].name, b->headers[i].name));
        MUST(str_eq(a->headers[i].value, b->headers[i].value));
    }
}

static void check_accepted(const struct http_head *h, struct str text)
{
    size_t hosts = 0, lengths = 0, codings = 0;

    MUST(h->method.n > 0 && h->target.n > 0);
    MUST(is_inside(h->method, text) && is_inside(h->target, text));
    MUST(h->header_count <= HTTP1_HEADERS_MAX && h->minor >= 0 && h->minor <= 1);
    MUST(h->body == HTTP_BODY_NONE || h->body == HTTP_BODY_LENGTH || h->body == HTTP_BODY_CHUNKED);
    MUST(h->content_length >= 0);
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->headers[i].name, value = h->headers[i].value;
        MUST(is_inside(name, text) && is_inside(value, text) && name.n > 0);
        MUST(str_eq(str_trim(value), value));
        MUST(value.n == 0 || memchr(value.p, '\n', value.n) == NULL);
        MUST(value.n == 0 || memchr(value.p, '\r', value.n) == NULL);
        MUST(value.n == 0 || memchr(value.p, '\0', value.n) == NULL);
        hosts += str_is_nocase(name, "host");
        lengths += str_is_nocase(name, "content-length");
        codings += str_is_nocase(name, "transfer-encoding");
    }
    MUST(hosts <= 1 && lengths + codings <= 1);
    MUST(h->minor == 0 || hosts == 1);
    MUST((lengths == 1) == (h->body == HTTP_BODY_LENGTH));
    MUST((codings == 1) == (h->body == HTTP_BODY_CHUNKED));
}

static void check_written_again(const struct http_head *h)
{
    struct buf again = {0};
    struct http_head other;
    struct err_info ei = {0};

    buf_add_str(&again, h->method);
    buf_add(&again, " ");
    buf_add_str(&again, h->target);
    buf_printf(&again, " HTTP/1.%d\r\n", h->minor);
    for (size_t i = 0; i < h->header_count; i++) {
        buf_add_str(&again, h->headers[i].name);
        buf_add(&again, ": ");
        buf_add_str(&again, h->headers[i].value);
        buf_add(&again, "\r\n");
    }
    buf_add(&again, "\r\n");
    MUST(http1_parse_request(&other, buf_bytes(&again), again.len, &ei) == ERR_OK);
    check_same(h, &other);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str text = input_rest(&in);
    struct http_head h;
    struct err_info ei = {0};

    check_length(text, seed);
    size_t length = http1_head_length(text.p, text.n, 0);
    size_t head_n = length > 0 ? length : text.n;
    char *copy = fuzz_copy(str_sub(text, 0, head_n));
    struct str head = {copy, head_n};
    enum err e = http1_parse_request(&h, head.p, head.n, &ei);
    if (e == ERR_OK) {
        MUST(length > 0);
        check_accepted(&h, head);
        check_written_again(&h);
    } else {
        MUST(e == ERR_PARSE || e == ERR_TOO_BIG || e == ERR_UNSUPPORTED);
        MUST(ei.code == e && ei.text[0] != '\0');
    }
    free(copy);
    return 0;
}
