#include "tests/unit/test.h"
#include "tui/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void field_is(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 0);
    export_csv_field(&out, text);
    struct str got = buf_str(&out);
    if (got.n != strlen(expected) || memcmp(got.p, expected, got.n) != 0) {
        fail_msg("%s became %.*s, not %s", text, (int)got.n, got.p, expected);
    }
    buf_free(&out);
}

static void csv_fields_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    field_is("haiku-minute", "haiku-minute");
    field_is("a,b", "\"a,b\"");
    field_is("say \"no\"", "\"say \"\"no\"\"\"");
    field_is("two\nlines", "\"two\nlines\"");
    field_is("-12.5", "-12.5");
    field_is("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\"");
    field_is("@SUM(A1)", "\"'@SUM(A1)\"");
    field_is("+A1", "\"'+A1\"");
    field_is("-1+cmd|' /C calc'!A0", "\"'-1+cmd|' /C calc'!A0\"");
    field_is("-", "\"'-\"");
    field_is("", "");
}

static void a_file_is_never_overwritten(void **state)
{
    (void)state;
    char dir[] = "/tmp/tollgate-export-XXXXXX";
    char path[64];
    char link_path[64];
    struct err_info ei = {0};
    struct buf bytes;
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out.csv", dir);
    snprintf(link_path, sizeof link_path, "%s/link.csv", dir);
    buf_init(&bytes, 0);
    assert_true(buf_add(&bytes, "A,B\r\n"));
    assert_int_equal(export_write(path, &bytes, &ei), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(export_write(path, &bytes, &ei), ERR_CONFLICT);
    assert_non_null(strstr(ei.text, "out.csv"));
    assert_int_equal(symlink("/tmp/elsewhere-of-tollgate", link_path), 0);
    err_clear(&ei);
    assert_int_equal(export_write(link_path, &bytes, &ei), ERR_CONFLICT);
    err_clear(&ei);
    assert_int_equal(export_write("/nonexistent/x.csv", &bytes, &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/nonexistent/x.csv"));
    buf_free(&bytes);
    (void)unlink(path);
    (void)unlink(link_path);
    (void)rmdir(dir);
}

static void the_clipboard_gets_base64_and_nothing_else(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    export_clipboard(&out, "req-1\033", PASSTHROUGH_NONE);
    assert_int_equal(out.len, strlen("\033]52;c;cmVxLTEb\a"));
    assert_memory_equal(buf_bytes(&out), "\033]52;c;cmVxLTEb\a", out.len);
    buf_clear(&out);
    export_clipboard(&out, "x", PASSTHROUGH_TMUX);
    const char *both = "\033]52;c;eA==\a\033Ptmux;\033\033]52;c;eA==\a\033\\";
    assert_int_equal(out.len, strlen(both));
    assert_memory_equal(buf_bytes(&out), both, out.len);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_fields_are_quoted_where_they_must_be),
        cmocka_unit_test(a_file_is_never_overwritten),
        cmocka_unit_test(the_clipboard_gets_base64_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
