/* Chunked bodies, in pieces of any length, and the reasons of statuses. */
#include "tests/unit/test.h"

#include "core/base/http1.h"

#include <stdlib.h>
#include <string.h>

static void assert_slice(struct str s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

/* Feeds in pieces of `step` bytes, each its own block; returns the error, and the body in out. */
static enum err unchunk(const char *text, size_t n, size_t step, char *out, bool *end,
                        size_t *taken)
{
    struct http1_chunked c = {0};
    size_t length = 0;

    *end = false;
    *taken = 0;
    for (size_t at = 0; at < n && !*end; at += step) {
        size_t size = n - at < step ? n - at : step;
        char *piece = malloc(size);
        assert_non_null(piece);
        memcpy(piece, text + at, size);
        size_t from = 0;
        while (from < size && !*end) {
            size_t used;
            struct str body;
            enum err e = http1_chunked_feed(&c, piece + from, size - from, &used, &body, end);
            if (e) {
                free(piece);
                return e;
            }
            assert_true(used > 0);
            memcpy(out + length, body.p ? body.p : out, body.n);
            length += body.n;
            from += used;
            *taken += used;
        }
        free(piece);
    }
    out[length] = '\0';
    return ERR_OK;
}

static const struct {
    const char *name, *text;
    enum err want;
    bool end;
    const char *body;
} chunks[] = {
    {"one", "5\r\nhello\r\n0\r\n\r\n", ERR_OK, true, "hello"},
    {"two", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", ERR_OK, true, "hello world"},
    {"none", "0\r\n\r\n", ERR_OK, true, ""},
    {"hex", "1E\r\n0123456789012345678901234567\r\n\r\n0\r\n\r\n", ERR_OK, true,
     "0123456789012345678901234567\r\n"},
    {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", ERR_OK, true, "hello"},
    {"extension", "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", ERR_OK, true, "hello"},
    {"trailers", "5\r\nhello\r\n0\r\nX-A: b\r\nY:\r\n\r\n", ERR_OK, true, "hello"},
    {"bytes behind", "1\r\na\r\n0\r\n\r\nGET /", ERR_OK, true, "a"},
    {"cut in data", "5\r\nhel", ERR_OK, false, "hel"},
    {"cut in size", "5", ERR_OK, false, ""},
    {"cut before the end", "1\r\na\r\n0\r\n", ERR_OK, false, "a"},
    {"0x", "0x5\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"plus", "+5\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"minus", "-5\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"space before", " 5\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"space behind", "5 \r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"space, extension", "5 ;a\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"underscore", "1_0\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"no size", "\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"only extension", ";a\r\n\r\n", ERR_PARSE, false, NULL},
    {"LF behind size", "5\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"CR X behind size", "5\rXhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"LF in extension", "5;a\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"control in extension", "5;a\x01\r\nhello\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"data not closed", "5\r\nhelloX\r\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"data closed by LF", "5\r\nhello\n0\r\n\r\n", ERR_PARSE, false, NULL},
    {"data closed by CR", "5\r\nhello\r0\r\n\r\n", ERR_PARSE, false, NULL},
    {"2^63", "8000000000000000\r\n", ERR_PARSE, false, NULL},
    {"2^64 + 5", "10000000000000005\r\nhello\r\n", ERR_PARSE, false, NULL},
    {"many zeros", "00000000000000005\r\nhello\r\n", ERR_PARSE, false, NULL},
    {"end by LF", "0\r\n\n", ERR_PARSE, false, NULL},
    {"end by CR CR", "0\r\n\r\r", ERR_PARSE, false, NULL},
    {"trailer without colon", "0\r\nGET / HTTP/1.1\r\n\r\n", ERR_PARSE, false, NULL},
    {"trailer without name", "0\r\n: a\r\n\r\n", ERR_PARSE, false, NULL},
    {"trailer folded", "0\r\nX: a\r\n b\r\n\r\n", ERR_PARSE, false, NULL},
    {"trailer with LF", "0\r\nX: a\n\r\n", ERR_PARSE, false, NULL},
    {"trailer with bare CR", "0\r\nX: a\rb\r\n\r\n", ERR_PARSE, false, NULL},
};

static void test_chunked_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        size_t n = strlen(chunks[i].text);
        for (size_t step = 1; step <= n; step++) {
            char out[256];
            bool end;
            size_t taken;
            enum err e = unchunk(chunks[i].text, n, step, out, &end, &taken);
            if (e != chunks[i].want || end != chunks[i].end) {
                fail_msg("%s in steps of %zu: %s, end %d", chunks[i].name, step, err_name(e), end);
            }
            if (!e) {
                assert_string_equal(out, chunks[i].body);
            }
        }
    }
}

static void test_chunked_end_leaves_the_rest(void **state)
{
    (void)state;
    static const char text[] = "3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1";
    struct http1_chunked c = {0};
    size_t used;
    struct str body;
    bool end;

    assert_int_equal(http1_chunked_feed(&c, text, sizeof text - 1, &used, &body, &end), ERR_OK);
    assert_true(end);
    assert_slice(body, "abc");
    assert_int_equal(used, 13);
    assert_int_equal(http1_chunked_feed(&c, text + used, 3, &used, &body, &end), ERR_OK);
    assert_true(end);
    assert_int_equal(used, 0);
}

static void test_chunked_one_slice_a_call(void **state)
{
    (void)state;
    static const char text[] = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    struct http1_chunked c = {0};
    size_t used;
    struct str body;
    bool end;

    assert_int_equal(http1_chunked_feed(&c, text, sizeof text - 1, &used, &body, &end), ERR_OK);
    assert_slice(body, "abc");
    assert_false(end);
    const char *rest = text + used;
    assert_int_equal(http1_chunked_feed(&c, rest, sizeof text - 1 - used, &used, &body, &end),
                     ERR_OK);
    assert_slice(body, "de");
    assert_true(end);
}

/* Puts n bytes of `fill` between `head` and `tail` and feeds it all. */
static enum err feed_filled(const char *head, char fill, size_t n, const char *tail, bool *end)
{
    size_t h = strlen(head), t = strlen(tail), taken;
    char *text = malloc(h + n + t), out[16];

    assert_non_null(text);
    memcpy(text, head, h);
    memset(text + h, fill, n);
    memcpy(text + h + n, tail, t);
    enum err e = unchunk(text, h + n + t, h + n + t, out, end, &taken);
    free(text);
    return e;
}

static void test_chunked_bounds(void **state)
{
    (void)state;
    bool end;

    assert_int_equal(feed_filled("0;", 'x', 256, "\r\n\r\n", &end), ERR_OK);
    assert_true(end);
    assert_int_equal(feed_filled("0;", 'x', 257, "\r\n\r\n", &end), ERR_PARSE);
    assert_int_equal(feed_filled("0\r\nX:", 'x', 8000, "\r\n\r\n", &end), ERR_OK);
    assert_true(end);
    assert_int_equal(feed_filled("0\r\nX:", 'x', 8192, "\r\n\r\n", &end), ERR_TOO_BIG);
    assert_false(end);
    struct http1_chunked c = {0};
    size_t used;
    struct str body;
    assert_int_equal(http1_chunked_feed(&c, "7fffffffffffffff\r\nab", 20, &used, &body, &end),
                     ERR_OK);
    assert_slice(body, "ab");
    assert_true(c.left == INT64_MAX - 2);
}

static void test_chunked_stays_broken(void **state)
{
    (void)state;
    struct http1_chunked c = {0};
    size_t used;
    struct str body;
    bool end;

    assert_int_equal(http1_chunked_feed(&c, "x", 1, &used, &body, &end), ERR_PARSE);
    assert_int_equal(http1_chunked_feed(&c, "0\r\n\r\n", 5, &used, &body, &end), ERR_PARSE);
    assert_false(end);
}

static void test_reasons(void **state)
{
    (void)state;
    assert_string_equal(http_reason(100), "Continue");
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(429), "Too Many Requests");
    assert_string_equal(http_reason(503), "Service Unavailable");
    assert_string_equal(http_reason(529), "Overloaded");
    assert_string_equal(http_reason(0), "Status");
    assert_string_equal(http_reason(599), "Status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunked_table),
        cmocka_unit_test(test_chunked_end_leaves_the_rest),
        cmocka_unit_test(test_chunked_one_slice_a_call),
        cmocka_unit_test(test_chunked_bounds),
        cmocka_unit_test(test_chunked_stays_broken),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
