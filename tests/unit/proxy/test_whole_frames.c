/* Event streams pass frame by frame, whatever pieces they come in. */
#include "tests/unit/test.h"

#include "core/proxy/whole_frames.h"

#include <string.h>

/* A frame of `total` bytes, all of them `fill` but the length. */
static void add_frame(struct buf *out, uint32_t total, char fill)
{
    char *p = buf_reserve(out, total);
    assert_non_null(p);
    memset(p, fill, total);
    p[0] = (char)(total >> 24);
    p[1] = (char)(total >> 16);
    p[2] = (char)(total >> 8);
    p[3] = (char)total;
    buf_commit(out, total);
}

/* Feeds data in pieces; what passed goes to out. Returns the bytes that were kept at the end. */
static size_t feed(const struct buf *data, size_t piece, struct buf *out, const size_t *ends,
                   size_t end_count)
{
    struct whole_frames w = {.left = 0};
    for (size_t at = 0; at < data->len; at += piece) {
        size_t n = data->len - at < piece ? data->len - at : piece;
        struct str s = whole_frames_pass(&w, buf_bytes(data) + at, n);
        assert_true(buf_add_str(out, s));
        whole_frames_sent(&w, buf_bytes(data) + at, n, s);
        bool at_end = end_count == 0;
        for (size_t i = 0; i < end_count; i++) {
            at_end = at_end || out->len == ends[i];
        }
        assert_true(at_end);
    }
    size_t kept = whole_frames_rest(&w).n;
    assert_true(buf_add_str(out, whole_frames_rest(&w)));
    whole_frames_free(&w);
    return kept;
}

static void every_cut(void **state)
{
    (void)state;
    struct buf data = {.data = NULL};
    const size_t ends[] = {0, 16, 116, 3116};
    add_frame(&data, 16, 'a');
    add_frame(&data, 100, 'b');
    add_frame(&data, 3000, 'c');
    for (size_t piece = 1; piece <= data.len; piece += piece < 40 ? 1 : 307) {
        struct buf out = {.data = NULL};
        assert_int_equal(feed(&data, piece, &out, ends, 4), 0);
        assert_true(str_eq(buf_str(&out), buf_str(&data)));
        buf_free(&out);
    }
    buf_free(&data);
}

static void half_a_frame_is_kept(void **state)
{
    (void)state;
    struct buf data = {.data = NULL}, out = {.data = NULL};
    const size_t ends[] = {0, 50};
    add_frame(&data, 50, 'a');
    add_frame(&data, 200, 'b');
    data.len = 120;
    assert_int_equal(feed(&data, 7, &out, ends, 2), 70);
    assert_int_equal(out.len, 120);
    buf_free(&data);
    buf_free(&out);
}

static void long_frames_are_not_held(void **state)
{
    (void)state;
    struct buf data = {.data = NULL}, out = {.data = NULL};
    add_frame(&data, 300000, 'x');
    add_frame(&data, 20, 'y');
    struct whole_frames w = {.left = 0};
    struct str s = whole_frames_pass(&w, buf_bytes(&data), 1000);
    assert_int_equal(s.n, 1000);
    whole_frames_sent(&w, buf_bytes(&data), 1000, s);
    s = whole_frames_pass(&w, buf_bytes(&data) + 1000, data.len - 1000 - 5);
    assert_int_equal(s.n, 299000);
    whole_frames_free(&w);
    assert_int_equal(feed(&data, 4096, &out, NULL, 0), 0);
    assert_true(str_eq(buf_str(&out), buf_str(&data)));
    buf_free(&data);
    buf_free(&out);
}

static void other_bytes_pass(void **state)
{
    (void)state;
    struct buf data = {.data = NULL}, out = {.data = NULL};
    assert_true(buf_add(&data, "{\"message\":\"this is no event stream at all\"}"));
    assert_int_equal(feed(&data, 5, &out, NULL, 0), 0);
    assert_true(str_eq(buf_str(&out), buf_str(&data)));
    buf_free(&data);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut),
        cmocka_unit_test(half_a_frame_is_kept),
        cmocka_unit_test(long_frames_are_not_held),
        cmocka_unit_test(other_bytes_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
