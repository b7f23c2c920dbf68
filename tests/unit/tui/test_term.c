#include "core/base/clock.h"
#include "tests/unit/test.h"
#include "tui/term.h"

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A terminal whose other end is held here; the test program's own input and output are put on it.
 */
static int master;
static int before[2];
static struct termios settings;

static int set_up(void **state)
{
    (void)state;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        return -1;
    }
    char name[100];
    int slave = ptsname_r(master, name, sizeof name) == 0 ? open(name, O_RDWR | O_NOCTTY) : -1;
    (void)ioctl(slave, TIOCSWINSZ, &size);
    (void)fcntl(master, F_SETFL, O_NONBLOCK);
    for (int fd = 0; fd < 2; fd++) {
        before[fd] = dup(fd);
        (void)dup2(slave, fd);
    }
    (void)close(slave);
    return tcgetattr(STDIN_FILENO, &settings);
}

static int tear_down(void **state)
{
    (void)state;
    for (int fd = 0; fd < 2; fd++) {
        (void)dup2(before[fd], fd);
        (void)close(before[fd]);
    }
    return close(master);
}

/* What came to the terminal by now. */
static size_t heard(char *out, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = read(master, out + n, size - 1 - n)) > 0) {
        n += (size_t)got;
    }
    out[n] = '\0';
    return n;
}

static void ignore(void *arg, int key)
{
    (void)arg;
    (void)key;
}

static void answer(struct term *t, int64_t now_ms)
{
    assert_int_equal(write(master, "\033[0n", 4), 4);
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    term_read(t, now_ms, ignore, NULL);
}

static void frame(struct term *t, const char *text, int64_t now_ms)
{
    mvaddstr(0, 0, text);
    term_frame(t, now_ms);
}

static void one_frame_is_under_way_at_a_time(void **state)
{
    (void)state;
    struct term t;
    char bytes[65536];
    struct err_info ei = {0};
    assert_int_equal(term_open(&t, &ei), ERR_OK);
    frame(&t, "one", 1000);
    assert_true(heard(bytes, sizeof bytes) > 4);
    assert_string_equal(bytes + strlen(bytes) - 4, "\033[5n");
    assert_int_equal(term_frame_due(&t, true, 1100), 3000); /* not even for a key */
    answer(&t, 1400);
    assert_int_equal(t.round_trip_ms, 400);
    assert_int_equal(term_frame_due(&t, true, 1400), 1400);
    assert_int_equal(term_frame_due(&t, false, 1100), 1250);
    term_frame(&t, 1500);
    assert_int_equal(heard(bytes, sizeof bytes), 0); /* nothing changed: not even a question */
    term_close(&t);
}

static void a_terminal_that_does_not_answer_is_drawn_on_slowly(void **state)
{
    (void)state;
    struct term t;
    char bytes[65536];
    struct err_info ei = {0};
    assert_int_equal(term_open(&t, &ei), ERR_OK);
    frame(&t, "one", 1000);
    assert_int_equal(term_frame_due(&t, false, 2999), 3000); /* two seconds it is waited for */
    assert_int_equal(term_frame_due(&t, true, 3000), 3000);
    frame(&t, "two", 3000);
    heard(bytes, sizeof bytes);
    assert_int_equal(term_frame_due(&t, false, 3100), 4000); /* then a frame a second */
    assert_int_equal(term_frame_due(&t, true, 3100), 3100);  /* and keys at once */
    frame(&t, "three", 4000);
    assert_true(heard(bytes, sizeof bytes) > 0);
    assert_null(strstr(bytes, "\033[5n")); /* it is not asked each time */
    frame(&t, "four", 11000);
    heard(bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "\033[5n"));                 /* but again after a while, */
    assert_int_equal(term_frame_due(&t, false, 11100), 12000); /* without waiting for it */
    answer(&t, 11200);
    frame(&t, "five", 12000);
    heard(bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "\033[5n"));
    assert_int_equal(term_frame_due(&t, false, 12100), 14000); /* it answers: waited for again */
    term_close(&t);
}

static void the_terminal_is_given_back_as_it_was(void **state)
{
    (void)state;
    struct term t;
    char bytes[65536];
    struct err_info ei = {0};
    struct termios now;
    assert_int_equal(term_open(&t, &ei), ERR_OK);
    term_mouse(&t, true);
    frame(&t, "one", clock_mono_us() / 1000);
    assert_int_equal(tcgetattr(STDIN_FILENO, &now), 0);
    assert_int_equal(now.c_lflag & (ICANON | ECHO | ISIG), 0);
    heard(bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "\033[?1006h"));
    t.hurry = true; /* no answer will come */
    term_close(&t);
    memset(&now, 0, sizeof now); /* the bytes between its members too */
    assert_int_equal(tcgetattr(STDIN_FILENO, &now), 0);
    assert_memory_equal(&now, &settings, sizeof now);
    heard(bytes, sizeof bytes);
    assert_non_null(strstr(bytes, "\033[?1006l\033[?1000l"));
    assert_non_null(strstr(bytes, "\033[?1049l"));
    assert_non_null(strstr(bytes, "\033[?25h"));
}

static void without_a_terminal_it_says_what_to_do(void **state)
{
    (void)state;
    struct term t;
    struct err_info ei = {0};
    int kept = dup(STDIN_FILENO);
    int nothing = open("/dev/null", O_RDONLY);
    (void)dup2(nothing, STDIN_FILENO);
    assert_int_equal(term_open(&t, &ei), ERR_UNSUPPORTED);
    (void)dup2(kept, STDIN_FILENO);
    (void)close(kept);
    (void)close(nothing);
    assert_non_null(strstr(ei.text, "tollgate status"));
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    (void)setenv("TERM", "xterm-256color", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_frame_is_under_way_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_terminal_that_does_not_answer_is_drawn_on_slowly, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_terminal_is_given_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_terminal_it_says_what_to_do, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
