/* test_csv.c: records whole and cut anywhere, quotes, bad ones, bounds, and noise. */
#include "core/base/csv.h"
#include "tests/unit/test.h"

/* Reads `text` in pieces of n bytes as "field|field;" a record, "!" for a bad one. */
static void read_in(size_t n, struct str text, struct buf *out)
{
    struct csv c = {0};
    csv_init(&c);
    for (size_t at = 0; at <= text.n; at += n) {
        struct str piece = str_sub(text, at, n);
        bool last = at + n > text.n;
        while (csv_take(&c, &piece) || (last && csv_end(&c))) {
            for (size_t i = 0; !c.bad && i < c.count; i++) {
                buf_add(out, i > 0 ? "|" : "");
                buf_add_str(out, csv_field(&c, i));
            }
            buf_add(out, c.bad ? "!;" : ";");
        }
    }
    csv_free(&c);
}

static void records_in_pieces(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"a,b\nc,d\n", "a|b;c|d;"},
        {"a,b\r\n\r\nc,d", "a|b;c|d;"},
        {"\n\na\n", "a;"},
        {"a,,\n", "a||;"},
        {"\"a,b\",\"c\"\"d\",\"e\nf\"\n", "a,b|c\"d|e\nf;"},
        {"\"\",\"\"\"\"\n", "|\";"},
        {"a\"b,c\nd,e\n", "!;d|e;"},
        {"\"a\"b\nc\n", "!;c;"},
        {"a\n\"open", "a;!;"},
        {",", "|;"},
        {"\"\"", ";"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t n = 1; n < 6; n++) {
            struct buf out = {0};
            read_in(n, str_of(cases[i].text), &out);
            assert_string_equal(buf_cstr(&out), cases[i].expected);
            buf_free(&out);
        }
    }
}

static void what_is_too_long_is_bad_and_the_next_is_not(void **state)
{
    (void)state;
    struct buf text = {0}, out = {0};
    for (int i = 0; i < CSV_RECORD_MAX / 10 + 10; i++) {
        buf_add(&text, "0123456789");
    }
    buf_add(&text, "\na,b\n");
    for (int i = 0; i < CSV_FIELDS_MAX + 3; i++) {
        buf_add(&text, ",");
    }
    buf_add(&text, "\nc\n");
    read_in(65536, buf_str(&text), &out);
    assert_string_equal(buf_cstr(&out), "!;a|b;!;c;");
    buf_free(&text);
    buf_free(&out);
}

/* Whatever comes in, pieces make no difference and nothing is read beyond the record. */
static void noise_is_read_the_same_in_any_pieces(void **state)
{
    static const char marks[] = "ab,\"\n\r,\"";
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 300; round++) {
        char text[120];
        struct buf whole = {0}, cut = {0};
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = marks[(seed >> 16) % (sizeof marks - 1)];
        }
        read_in(sizeof text + 1, (struct str){text, sizeof text}, &whole);
        read_in(1 + (seed >> 20) % 7, (struct str){text, sizeof text}, &cut);
        assert_string_equal(buf_cstr(&whole), buf_cstr(&cut));
        buf_free(&whole);
        buf_free(&cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_in_pieces),
        cmocka_unit_test(what_is_too_long_is_bad_and_the_next_is_not),
        cmocka_unit_test(noise_is_read_the_same_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
