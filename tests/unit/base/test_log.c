/* test_log.c: a line a happening, whole, harmless, and only from the level asked for. */
#include "core/base/log.h"

#include "core/base/clock.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static int open_pipe(void **state)
{
    (void)state;
    clock_set_fake_wall(1440938160007);
    return pipe2(ends, O_NONBLOCK);
}

static int close_pipe(void **state)
{
    (void)state;
    log_init(-1, LOG_ERROR);
    clock_set_fake_wall(0);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What stands in the pipe, as text; each write of the pipe is one read here only when alone. */
static const char *said(void)
{
    static char text[8192];
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void a_line_has_time_level_room_and_message(void **state)
{
    (void)state;
    log_init(ends[1], LOG_DEBUG);
    log_info("proxy", "listening on %d", 80);
    assert_string_equal(said(), "2015-08-30T12:36:00.007Z info proxy listening on 80\n");
    clock_set_fake_wall(1440938160000);
    log_line(LOG_DEBUG, "a", "x");
    log_warn("a", "y");
    log_error("a", "z");
    assert_string_equal(said(), "2015-08-30T12:36:00.000Z debug a x\n"
                                "2015-08-30T12:36:00.000Z warn a y\n"
                                "2015-08-30T12:36:00.000Z error a z\n");
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    log_init(ends[1], LOG_WARN);
    log_info("a", "x");
    assert_string_equal(said(), "");
    log_warn("a", "x");
    assert_string_not_equal(said(), "");
    log_init(-1, LOG_DEBUG);
    log_error("a", "x");
    assert_string_equal(said(), "");
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    log_init(ends[1], LOG_INFO);
    log_info("a", "x\n2015 error forged \x1b[31m\xff");
    assert_string_equal(said(),
                        "2015-08-30T12:36:00.007Z info a x\\x0a2015 error forged \\x1b[31m\\xff\n");
}

static void long_lines_are_cut_and_stay_one_line(void **state)
{
    (void)state;
    char text[9000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_init(ends[1], LOG_INFO);
    log_info("a", "%s", text);
    const char *line = said();
    size_t n = strlen(line);
    assert_in_range(n, 2000, 4096);
    assert_string_equal(line + n - 4, "...\n");
    memset(text, '\x01', sizeof(text) - 1);
    log_info("a", "%s", text);
    line = said();
    n = strlen(line);
    assert_in_range(n, 2000, 4096);
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    log_init(1000000, LOG_INFO); /* not an open descriptor */
    errno = ENOTTY;
    log_info("a", "x");
    assert_int_equal(errno, ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_room_and_message, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_dropped, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(control_characters_are_escaped, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_and_stay_one_line, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(errno_is_left_alone, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
