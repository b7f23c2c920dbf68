/* test_sse.c: events come out the same however the stream is cut. */
#include "core/dialect/sse.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

struct told {
    struct buf text; /* [name|data] for each event, {piece} for long ones */
    size_t used;
};

static void on_piece(void *arg, struct str piece)
{
    struct told *t = arg;

    t->used += piece.n;
}

static struct told read_all(struct str stream, size_t piece)
{
    struct told t = {0};
    struct sse_reader r = {0};

    for (size_t i = 0; i < stream.n; i += piece) {
        size_t n = stream.n - i < piece ? stream.n - i : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, stream.p + i, n);
        for (size_t at = 0; at < n;) {
            bool ended;
            at += sse_feed(&r, copy + at, n - at, on_piece, &t, &ended);
            if (ended) {
                buf_add(&t.text, "[");
                buf_add_str(&t.text, sse_name(&r));
                buf_add(&t.text, "|");
                buf_add_str(&t.text, sse_data(&r));
                buf_add(&t.text, "]");
            }
        }
        free(copy);
    }
    sse_free(&r);
    return t;
}

static void events_are(const char *stream, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(stream) + 1; piece++) {
        struct told t = read_all(str_of(stream), piece);
        assert_string_equal(buf_cstr(&t.text), expected);
        buf_free(&t.text);
    }
}

static void events_are_cut_anywhere(void **state)
{
    (void)state;
    events_are("data: {\"a\":1}\n\ndata:b\n\n", "[|{\"a\":1}][|b]");
    events_are("event: x\ndata: 1\n\nevent:y\r\ndata:  2\r\n\r\n", "[x|1][y| 2]");
    events_are("data: one\ndata: two\ndata\n\n", "[|one\ntwo]");
    events_are("data: a\ndata:\ndata: b\n\n", "[|a\n\nb]");
    events_are(": ping\n\n", "[|]");
    events_are("id: 5\nretry: 1\ndatas: x\nevents: y\ndata: z\n\n", "[|z]");
    events_are("data: a\r\rdata: b\r\r\n", "[|a][|b]");
    events_are("event: a\nevent: b\ndata: x\n\ndata: y\n\n", "[b|x][|y]");
    events_are("data: not ended\n", "");
    events_are("data: a:b\n\n", "[|a:b]");
}

static void long_names_are_cut(void **state)
{
    (void)state;
    events_are("event: 0123456789012345678901234567890123456789xyz\ndata: a\n\n",
               "[0123456789012345678901234567890123456789|a]");
}

static void long_events_are_told_in_pieces(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b, "event: big\ndata: ");
    for (int i = 0; i < 100000; i++) {
        buf_add(&b, "x");
    }
    buf_add(&b, "\n\ndata: y\n\n");
    struct told t = read_all(buf_str(&b), 1000);
    assert_string_equal(buf_cstr(&t.text), "[big|][|y]");
    assert_int_equal(t.used, 100000);
    buf_free(&t.text);
    t = read_all(buf_str(&b), b.len);
    assert_int_equal(t.text.len, 100000 + strlen("[big|][|y]"));
    assert_int_equal(t.used, 0);
    buf_free(&t.text);
    buf_free(&b);
}

static void the_end_of_a_stream_ends_an_event(void **state)
{
    (void)state;
    struct sse_reader r = {0};
    bool ended;
    assert_false(sse_finish(&r));
    sse_free(&r);
    assert_int_equal(sse_feed(&r, "data: x", 7, on_piece, NULL, &ended), 7);
    assert_false(ended);
    assert_true(sse_finish(&r));
    assert_true(str_is(sse_data(&r), "x"));
    assert_int_equal(sse_feed(&r, "data: y\n\nz", 10, on_piece, NULL, &ended), 9);
    assert_true(ended);
    assert_true(str_is(sse_data(&r), "y"));
    assert_false(sse_finish(&r));
    sse_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_cut_anywhere),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(long_events_are_told_in_pieces),
        cmocka_unit_test(the_end_of_a_stream_ends_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
