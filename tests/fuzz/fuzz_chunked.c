/* Chunked decoding: the same body, end and error wherever the bytes are cut; and what it decodes is
 * what a second, plain decoder reads. */
#include "core/base/http1.h"
#include "tests/fuzz/fuzz.h"

struct result {
    struct buf body;
    enum err e;
    bool end;
    size_t used; /* up to the end or the error */
};

/* Feeds one piece until it is used up. */
static void feed(struct http1_chunked *c, struct result *r, struct str piece)
{
    char *copy = fuzz_copy(piece);
    size_t at = 0;

    while (at < piece.n && r->e == ERR_OK && !r->end) {
        size_t used = 0;
        struct str out;
        r->e = http1_chunked_feed(c, copy + at, piece.n - at, &used, &out, &r->end);
        MUST(used <= piece.n - at && (used > 0 || r->e != ERR_OK));
        MUST(is_inside(out, (struct str){copy + at, used}));
        buf_add_str(&r->body, out);
        at += used;
        r->used += used;
    }
    free(copy);
}

static struct result decode(struct str text, bool whole, uint16_t seed)
{
    struct http1_chunked c = {0};
    struct result r = {.e = ERR_OK};
    struct split split = split_of(seed);
    size_t at = 0;

    while (at < text.n && r.e == ERR_OK && !r.end) {
        size_t n = whole ? text.n : split_next(&split, text.n - at);
        feed(&c, &r, str_sub(text, at, n));
        at += n;
    }
    return r;
}

/* Reads chunks with the text before it; stops at whatever is odd. Returns the body so far. */
static void plain_decode(struct buf *out, struct str text)
{
    size_t at = 0;

    for (;;) {
        uint64_t size = 0;
        size_t digits = 0;
        int one, used;
        char digit[2] = {0};
        while (at < text.n && strchr("0123456789abcdefABCDEF", text.p[at]) != NULL &&
               text.p[at] != '\0' && digits < 15) {
            digit[0] = text.p[at++];
            one = (int)strtol(digit, NULL, 16);
            size = size << 4 | (unsigned)one;
            digits++;
        }
        used = 0;
        while (at < text.n && text.p[at] != '\n') {
            at++;
            used++;
        }
        if (digits == 0 || size == 0 || at == text.n || used == 0) {
            return;
        }
        at++;
        size_t take = size < text.n - at ? (size_t)size : text.n - at;
        buf_append(out, text.p + at, take);
        at += take;
        if (text.n - at < 2) {
            return;
        }
        at += 2;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str text = input_rest(&in);
    struct result whole = decode(text, true, 0), cut = decode(text, false, seed);
    struct buf plain = {0};

    MUST(whole.e == cut.e && whole.end == cut.end && whole.used == cut.used);
    MUST(str_eq(buf_str(&whole.body), buf_str(&cut.body)));
    if (whole.e == ERR_OK) {
        plain_decode(&plain, str_sub(text, 0, whole.used));
        MUST(str_eq(buf_str(&whole.body), buf_str(&plain)));
    }
    buf_free(&plain);
    buf_free(&whole.body);
    buf_free(&cut.body);
    return 0;
}
