#include "tests/unit/test.h"
#include "tui/passthrough.h"

#include <stdio.h>
#include <string.h>

static void the_innermost_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *tmux, *sty, *term;
        enum passthrough want;
    } cases[] = {
        {NULL, NULL, "xterm-256color", PASSTHROUGH_NONE},
        {"", "", NULL, PASSTHROUGH_NONE},
        {"/tmp/tmux-0/default,1,0", NULL, "tmux-256color", PASSTHROUGH_TMUX},
        {"/tmp/tmux-0/default,1,0", NULL, "screen", PASSTHROUGH_TMUX}, /* older configurations */
        {NULL, NULL, "tmux-256color", PASSTHROUGH_TMUX},               /* over SSH */
        {NULL, "123.pts-0", "screen.xterm-256color", PASSTHROUGH_SCREEN},
        {NULL, NULL, "screen-256color", PASSTHROUGH_SCREEN},
        {"/tmp/tmux-0/default,1,0", "123.pts-0", "screen", PASSTHROUGH_SCREEN},
        {"/tmp/tmux-0/default,1,0", "123.pts-0", "tmux-256color", PASSTHROUGH_TMUX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(passthrough_kind(cases[i].tmux, cases[i].sty, cases[i].term),
                         cases[i].want);
    }
}

static void says(enum passthrough how, const char *sequence, const char *want)
{
    struct buf out;
    buf_init(&out, 0);
    passthrough_add(&out, how, sequence);
    assert_int_equal(out.len, strlen(want));
    assert_memory_equal(buf_bytes(&out), want, out.len);
    buf_free(&out);
}

static void sequences_are_wrapped(void **state)
{
    (void)state;
    says(PASSTHROUGH_NONE, "\033]9;x\a", "\033]9;x\a");
    says(PASSTHROUGH_TMUX, "\033]9;x\a", "\033Ptmux;\033\033]9;x\a\033\\");
    says(PASSTHROUGH_SCREEN, "\033]9;x\a", "\033P\033]9;x\a\033\\");
}

/* GNU screen takes strings of a few hundred bytes only. */
static void long_ones_go_through_screen_in_pieces(void **state)
{
    (void)state;
    char sequence[451];
    char want[480];
    memset(sequence, 'a', 450);
    sequence[450] = '\0';
    snprintf(want, sizeof want, "\033P%.200s\033\\\033P%.200s\033\\\033P%.50s\033\\", sequence,
             sequence, sequence);
    says(PASSTHROUGH_SCREEN, sequence, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_is_found),
        cmocka_unit_test(sequences_are_wrapped),
        cmocka_unit_test(long_ones_go_through_screen_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
