/* test_eventstream.c: frames both ways, against public vectors when they are there. */
#include "core/dialect/eventstream.h"
#include "tests/unit/dialect/vectors.h"
#include "tests/unit/test.h"

static void a_written_frame_is_read_back(void **state)
{
    (void)state;
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;

    assert_int_equal(eventstream_write_event(&out, "metadata", STR("{\"a\":1}")), ERR_OK);
    assert_int_equal(eventstream_next(buf_bytes(&out), out.len, &m, &need), ERR_OK);
    assert_int_equal(m.length, out.len);
    assert_true(str_is(m.payload, "{\"a\":1}"));
    assert_true(str_is(eventstream_find(&m, ":event-type"), "metadata"));
    assert_true(str_is(eventstream_find(&m, ":content-type"), "application/json"));
    assert_true(str_is(eventstream_find(&m, ":message-type"), "event"));
    assert_int_equal(eventstream_find(&m, "absent").n, 0);
    buf_free(&out);
}

static void an_exception_carries_its_message(void **state)
{
    (void)state;
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;

    assert_int_equal(eventstream_write_exception(&out, "throttlingException", "limit \"x\""), 0);
    assert_int_equal(eventstream_next(buf_bytes(&out), out.len, &m, &need), ERR_OK);
    assert_true(str_is(eventstream_find(&m, ":exception-type"), "throttlingException"));
    assert_true(str_is(eventstream_find(&m, ":message-type"), "exception"));
    assert_true(str_is(m.payload, "{\"message\":\"limit \\\"x\\\"\"}"));
    buf_free(&out);
}

static void every_cut_asks_for_more(void **state)
{
    (void)state;
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;

    assert_int_equal(eventstream_write_event(&out, "e", STR("payload")), ERR_OK);
    for (size_t n = 0; n < out.len; n++) {
        assert_int_equal(eventstream_next(buf_bytes(&out), n, &m, &need), ERR_BUSY);
        assert_int_equal(need, n < 12 ? 0 : out.len);
    }
    buf_free(&out);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;

    assert_int_equal(eventstream_write_event(&out, "e", STR("payload")), ERR_OK);
    for (size_t i = 0; i < out.len * 8; i++) {
        buf_bytes(&out)[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(eventstream_next(buf_bytes(&out), out.len, &m, &need), ERR_CORRUPT);
        buf_bytes(&out)[i / 8] ^= (char)(1 << i % 8);
    }
    assert_int_equal(eventstream_next(buf_bytes(&out), out.len, &m, &need), ERR_OK);
    buf_free(&out);
}

static void impossible_lengths_are_refused(void **state)
{
    (void)state;
    /* Each with a right CRC: total 15; headers beyond the message; headers above 128 KiB; payload
     * above 24 MiB. */
    static const unsigned char preludes[][12] = {
        {0, 0, 0, 15, 0, 0, 0, 0, 0xe7, 0x72, 0x48, 0xb8},
        {0, 0, 0, 32, 0, 0, 0, 17, 0xce, 0x53, 0xd0, 0x9f},
        {0x00, 0x10, 0, 0, 0, 0x02, 0, 0x01, 0x76, 0x7f, 0xa7, 0x5f},
        {0x01, 0x80, 0, 0x11, 0, 0, 0, 0, 0x7c, 0x1e, 0x8b, 0x37},
    };
    struct eventstream_message m;
    size_t need;
    for (size_t i = 0; i < sizeof(preludes) / sizeof(preludes[0]); i++) {
        assert_int_equal(eventstream_next((const char *)preludes[i], 12, &m, &need), ERR_CORRUPT);
        assert_int_equal(need, 0);
    }
}

static void broken_headers_are_noticed(void **state)
{
    (void)state;
    struct eventstream_header h;
    struct str broken[] = {
        STR("\0"),             /* an empty name */
        STR("\5abc"),          /* a cut name */
        STR("\1a"),            /* no type */
        STR("\1a\12"),         /* type 10 */
        STR("\1a\4\0\0\0"),    /* a cut int32 */
        STR("\1a\7\0"),        /* a cut length */
        STR("\1a\7\0\5abcd"),  /* a cut string */
        STR("\1a\11abcdefgh"), /* a cut uuid */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(eventstream_header(&broken[i], &h), ERR_CORRUPT);
    }
    struct str rest = STR("\1a\0\1b\1\1c\2x");
    assert_int_equal(eventstream_header(&rest, &h), ERR_OK);
    assert_int_equal(eventstream_header(&rest, &h), ERR_OK);
    assert_int_equal(eventstream_header(&rest, &h), ERR_OK);
    assert_int_equal(h.type, 2);
    assert_true(str_is(h.value, "x"));
    assert_int_equal(eventstream_header(&rest, &h), ERR_CLOSED);
}

static void what_does_not_fit_is_not_written(void **state)
{
    (void)state;
    struct buf out = {0};
    static char big[70000];
    const struct str no_name[][2] = {{STR(""), STR("v")}};
    const struct str long_value[][2] = {{STR("n"), {big, sizeof(big)}}};
    const struct str long_name[][2] = {{{big, 256}, STR("v")}};
    const struct str three[][2] = {
        {STR("a"), {big, 65535}}, {STR("b"), {big, 65535}}, {STR("c"), STR("v")}};

    assert_int_equal(eventstream_write(&out, no_name, 1, STR("")), ERR_RANGE);
    assert_int_equal(eventstream_write(&out, long_value, 1, STR("")), ERR_RANGE);
    assert_int_equal(eventstream_write(&out, long_name, 1, STR("")), ERR_RANGE);
    assert_int_equal(eventstream_write(&out, three, 3, STR("")), ERR_TOO_BIG);
    struct str huge = {big, (size_t)25 * 1024 * 1024};
    assert_int_equal(eventstream_write(&out, NULL, 0, huge), ERR_TOO_BIG);
    assert_int_equal(out.len, 0);
    buf_init(&out, 15);
    assert_int_equal(eventstream_write(&out, NULL, 0, STR("")), ERR_NOMEM);
    buf_free(&out);
}

static void public_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t headers;
        const char *payload;
    } positive[] = {
        {"empty_message", 0, ""},
        {"int32_header", 1, "{'foo':'bar'}"},
        {"payload_no_headers", 0, "{'foo':'bar'}"},
        {"payload_one_str_header", 1, "{'foo':'bar'}"},
        {"all_headers", 10, "{'foo':'bar'}"},
    };
    static const char *const negative[] = {"corrupted_payload", "corrupted_length",
                                           "corrupted_headers", "corrupted_header_len"};
    struct eventstream_message m;
    size_t need;

    for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
        struct buf file = vector_read("eventstream/encoded/positive", positive[i].name);
        assert_int_equal(eventstream_next(buf_bytes(&file), file.len, &m, &need), ERR_OK);
        assert_int_equal(m.length, file.len);
        assert_true(str_is(m.payload, positive[i].payload));
        struct eventstream_header h;
        struct str rest = m.headers;
        size_t count = 0;
        enum err e;
        while ((e = eventstream_header(&rest, &h)) == ERR_OK) {
            count++;
        }
        assert_int_equal(e, ERR_CLOSED);
        assert_int_equal(count, positive[i].headers);
        buf_free(&file);
    }
    for (size_t i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
        struct buf file = vector_read("eventstream/encoded/negative", negative[i]);
        assert_int_equal(eventstream_next(buf_bytes(&file), file.len, &m, &need), ERR_CORRUPT);
        buf_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_frame_is_read_back),
        cmocka_unit_test(an_exception_carries_its_message),
        cmocka_unit_test(every_cut_asks_for_more),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(impossible_lengths_are_refused),
        cmocka_unit_test(broken_headers_are_noticed),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(public_vectors_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
