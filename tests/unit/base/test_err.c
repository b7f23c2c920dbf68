/* test_err.c: errors as values keep the first cause, and say it in full. */
#include "core/base/err.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void names_are_those_of_the_list(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ok");
    assert_string_equal(err_name(ERR_NOT_FOUND), "not_found");
    assert_string_equal(err_name(ERR_NO_CORE), "no_core");
    assert_string_equal(err_name((enum err)9999), "unknown");
}

static void set_records_code_and_text(void **state)
{
    (void)state;
    struct err_info ei = {0};
    assert_int_equal(err_set(&ei, ERR_PARSE, "line %d of %s", 7, "a.yaml"), ERR_PARSE);
    assert_int_equal(ei.code, ERR_PARSE);
    assert_string_equal(ei.text, "line 7 of a.yaml");
}

static void first_error_wins(void **state)
{
    (void)state;
    struct err_info ei = {0};
    assert_int_equal(err_set(&ei, ERR_IO, "first"), ERR_IO);
    assert_int_equal(err_set(&ei, ERR_PARSE, "second"), ERR_PARSE);
    assert_int_equal(err_set_sys(&ei, ERR_CLOSED, EPIPE, "third"), ERR_CLOSED);
    assert_int_equal(ei.code, ERR_IO);
    assert_string_equal(ei.text, "first");
    err_clear(&ei);
    assert_int_equal(ei.code, ERR_OK);
    assert_string_equal(ei.text, "");
    assert_int_equal(err_set(&ei, ERR_FULL, "again"), ERR_FULL);
    assert_string_equal(ei.text, "again");
}

static void no_info_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_BUSY, "%s", "x"), ERR_BUSY);
    assert_int_equal(err_set_sys(NULL, ERR_IO, ENOENT, "%s", "x"), ERR_IO);
    err_clear(NULL);
}

static void sys_text_is_added(void **state)
{
    (void)state;
    struct err_info ei = {0};
    assert_int_equal(err_set_sys(&ei, ERR_IO, ENOENT, "open %s", "f"), ERR_IO);
    assert_string_equal(ei.text, "open f: No such file or directory");
}

static void long_text_is_cut_but_the_reason_stays(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct err_info ei = {0};
    err_set(&ei, ERR_IO, "%s", text);
    assert_int_equal(strlen(ei.text), sizeof(ei.text) - 1);
    err_clear(&ei);
    err_set_sys(&ei, ERR_IO, ENOENT, "%s", text);
    assert_int_equal(strlen(ei.text), sizeof(ei.text) - 1);
    assert_non_null(strstr(ei.text, "xx: No such file or directory"));
}

static void check_passes_or_aborts_with_words(void **state)
{
    (void)state;
    CHECK(1 + 1 == 2);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (dup2(ends[1], STDERR_FILENO) < 0) {
            _exit(3);
        }
        CHECK(child != 0);
        _exit(4);
    }
    close(ends[1]);
    char said[512] = {0};
    assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "check failed at"));
    assert_non_null(strstr(said, "child != 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_list),
        cmocka_unit_test(set_records_code_and_text),
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(no_info_is_fine),
        cmocka_unit_test(sys_text_is_added),
        cmocka_unit_test(long_text_is_cut_but_the_reason_stays),
        cmocka_unit_test(check_passes_or_aborts_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
