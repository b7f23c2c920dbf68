#include "tests/unit/test.h"
#include "widgets/dialog.h"
#include "widgets/form.h"
#include "widgets/list.h"
#include "widgets/pager.h"
#include "widgets/toast.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Feeds bytes; returns how many keys came, the keys in out. */
static int feed(struct w_keys *k, const char *bytes, size_t n, int *out)
{
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        int keys[2];
        int got = w_keys_feed(k, (unsigned char)bytes[i], keys);
        for (int j = 0; j < got; j++) {
            out[count++] = keys[j];
        }
    }
    return count;
}

static int one(const char *bytes)
{
    struct w_keys k = {0};
    int out[64];
    int n = feed(&k, bytes, strlen(bytes), out);
    assert_int_equal(n, 1);
    assert_false(w_keys_waiting(&k));
    return out[0];
}

static void sequences_are_keys(void **state)
{
    (void)state;
    assert_int_equal(one("a"), 'a');
    assert_int_equal(one("\033[A"), W_KEY_UP);
    assert_int_equal(one("\033OB"), W_KEY_DOWN);
    assert_int_equal(one("\033[5~"), W_KEY_PAGE_UP);
    assert_int_equal(one("\033[1;5C"), W_KEY_RIGHT);
    assert_int_equal(one("\033[1;2C"), W_KEY_SHIFT_RIGHT);
    assert_int_equal(one("\033[1;2D"), W_KEY_SHIFT_LEFT);
    assert_int_equal(one("\033[1;2A"), W_KEY_UP);
    assert_int_equal(one("\033[Z"), W_KEY_BACK_TAB);
    assert_int_equal(one("\033[3~"), W_KEY_DELETE);
    assert_int_equal(one("\033[0n"), W_KEY_ANSWER);
    assert_int_equal(one("\n"), W_KEY_ENTER);
    assert_int_equal(one("\b"), W_KEY_BACKSPACE);
    assert_int_equal(one("\xc3\xa9"), 0xe9);
    assert_int_equal(one("\xf0\x9f\x98\x80"), 0x1f600);
}

static void unknown_sequences_are_swallowed(void **state)
{
    (void)state;
    struct w_keys k = {0};
    int out[64];
    const char odd[] = "\033[200~\033[3nx\033[?62;22c";
    assert_int_equal(feed(&k, odd, sizeof odd - 1, out), 1);
    assert_int_equal(out[0], 'x');
    char endless[200];
    memset(endless, '1', sizeof endless);
    memcpy(endless, "\033[", 2);
    (void)feed(&k, endless, sizeof endless, out + 0);
    const char bad[] = "\xff\xc3";
    memset(&k, 0, sizeof k);
    assert_int_equal(feed(&k, bad, 2, out), 0);
}

static void the_ground_of_the_terminal_is_an_answer_only_when_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int ground; /* -1: not understood */
    } answers[] = {{"\033]11;rgb:ffff/fbfb/f0f0\033\\", 0xfffbf0},
                   {"\033]11;rgb:10/20/30\a", 0x102030},
                   {"\033]11;rgb:1/2/3\a", -1},
                   {"\033]11;?\a", -1},
                   {"\033]11;rgb:ffff/ffff\a", -1},
                   {"\033]52;c;eA==\033\\", -1}};
    int out[64];
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct w_keys k = {.ground_asked = true};
        size_t n = strlen(answers[i].bytes);
        assert_int_equal(feed(&k, answers[i].bytes, n - 1, out), 0);
        assert_true(w_keys_in_answer(&k));
        int last = feed(&k, answers[i].bytes + n - 1, 1, out);
        assert_int_equal(last, answers[i].ground >= 0);
        assert_true(last == 0 || (out[0] == W_KEY_GROUND && k.ground == answers[i].ground));
        assert_false(w_keys_waiting(&k));
    }
    struct w_keys k = {0};
    assert_int_equal(feed(&k, "\033]x", 3, out), 3); /* typed fast: Esc, then a key */
    assert_int_equal(out[1], ']');
    assert_false(w_keys_in_answer(&k));
}

static void escape_is_a_key_when_nothing_follows(void **state)
{
    (void)state;
    struct w_keys k = {0};
    int out[8];
    assert_int_equal(feed(&k, "\033", 1, out), 0);
    assert_true(w_keys_waiting(&k));
    assert_int_equal(w_keys_flush(&k), W_KEY_ESC);
    assert_false(w_keys_waiting(&k));
    assert_int_equal(feed(&k, "\033s", 2, out), 2);
    assert_int_equal(out[0], W_KEY_ESC);
    assert_int_equal(out[1], 's');
    assert_int_equal(feed(&k, "\033\033[A", 4, out), 2);
    assert_int_equal(out[1], W_KEY_UP);
}

static void type(struct w_input *in, const char *text)
{
    for (; *text; text++) {
        assert_int_equal(w_input_key(in, (unsigned char)*text), W_HANDLED);
    }
}

static void a_line_is_edited(void **state)
{
    (void)state;
    struct w_input in = {0};
    type(&in, "limit sett x");
    assert_int_equal(w_input_key(&in, W_CTRL('w')), W_HANDLED);
    assert_string_equal(in.text, "limit sett ");
    w_input_key(&in, W_KEY_LEFT);
    w_input_key(&in, W_KEY_BACKSPACE);
    assert_string_equal(in.text, "limit set ");
    w_input_key(&in, W_KEY_HOME);
    w_input_key(&in, W_KEY_DELETE);
    assert_string_equal(in.text, "imit set ");
    w_input_key(&in, 0xe9); /* e acute: two bytes, one step back */
    assert_string_equal(in.text, "\xc3\xa9imit set ");
    w_input_key(&in, W_KEY_BACKSPACE);
    assert_string_equal(in.text, "imit set ");
    w_input_key(&in, W_CTRL('k'));
    assert_string_equal(in.text, "");
    w_input_key(&in, W_KEY_BACKSPACE);
    w_input_key(&in, W_KEY_DELETE);
    assert_int_equal(in.length, 0);
    assert_int_equal(w_input_key(&in, W_KEY_ENTER), W_ACCEPTED);
    assert_int_equal(w_input_key(&in, W_KEY_ESC), W_CANCELLED);
}

static void what_is_offered_is_replaced_by_typing(void **state)
{
    (void)state;
    struct w_input in = {0};
    w_input_offer(&in, "7000");
    type(&in, "4000"); /* not 70004000 */
    assert_string_equal(in.text, "4000");
    w_input_offer(&in, "7000");
    w_input_key(&in, W_KEY_BACKSPACE);
    type(&in, "5");
    assert_string_equal(in.text, "7005");
    w_input_offer(&in, "7000");
    w_input_key(&in, W_KEY_LEFT);
    type(&in, "1");
    assert_string_equal(in.text, "70010");
    w_input_set(&in, "7000");
    type(&in, "0");
    assert_string_equal(in.text, "70000");
}

static void a_line_has_an_end(void **state)
{
    (void)state;
    struct w_input in = {0};
    for (int i = 0; i < 2 * W_INPUT_MAX; i++) {
        w_input_key(&in, 'x');
    }
    assert_int_equal(in.length, W_INPUT_MAX - 1);
    assert_int_equal(strlen(in.text), W_INPUT_MAX - 1);
}

static void history_is_walked_and_bounded(void **state)
{
    (void)state;
    struct w_history h = {0};
    char line[32];
    for (int i = 0; i < W_HISTORY_MAX + 5; i++) {
        snprintf(line, sizeof line, "line %d", i);
        w_history_add(&h, line);
        w_history_add(&h, line); /* not twice */
    }
    w_history_add(&h, "");
    assert_int_equal(h.count, W_HISTORY_MAX);
    struct w_input in = {.history = &h};
    w_input_key(&in, W_KEY_UP);
    assert_string_equal(in.text, "line 36");
    w_input_key(&in, W_KEY_UP);
    assert_string_equal(in.text, "line 35");
    w_input_key(&in, W_KEY_DOWN);
    w_input_key(&in, W_KEY_DOWN);
    assert_string_equal(in.text, "");
    w_history_free(&h);
}

static void a_question_defaults_to_no(void **state)
{
    (void)state;
    struct w_dialog d;
    w_dialog_open(&d, "Block?", "100k -> blocked");
    assert_int_equal(w_dialog_key(&d, W_KEY_ENTER), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_RIGHT), W_HANDLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_ENTER), W_ACCEPTED);
    w_dialog_open(&d, "Block?", "");
    assert_false(d.yes);
    assert_int_equal(w_dialog_key(&d, 'y'), W_ACCEPTED);
    assert_int_equal(w_dialog_key(&d, 'n'), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_ESC), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, 'x'), W_IGNORED);
}

static void a_typed_answer_is_no_when_nothing_is_typed(void **state)
{
    (void)state;
    struct w_dialog d;
    w_dialog_open_typed(&d, "Sure?", "100k -> 2M", "Type 2M");
    assert_int_equal(w_dialog_key(&d, W_KEY_ENTER), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_ESC), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, 'y'), W_HANDLED); /* a letter like any other */
    assert_int_equal(w_dialog_key(&d, W_KEY_BACKSPACE), W_HANDLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_ENTER), W_CANCELLED);
    assert_int_equal(w_dialog_key(&d, '2'), W_HANDLED);
    assert_int_equal(w_dialog_key(&d, 'M'), W_HANDLED);
    assert_int_equal(w_dialog_key(&d, W_KEY_ENTER), W_ACCEPTED);
    assert_string_equal(d.input.text, "2M");
    w_dialog_open(&d, "Block?", "");
    assert_int_equal(w_dialog_key(&d, 'y'), W_ACCEPTED);
}

static void forms_and_lists_wrap_and_stop(void **state)
{
    (void)state;
    struct w_form f = {.count = 3};
    w_form_key(&f, W_KEY_BACK_TAB);
    assert_int_equal(f.focus, 2);
    w_form_key(&f, W_KEY_TAB);
    assert_int_equal(f.focus, 0);
    w_form_key(&f, '7');
    assert_string_equal(f.field[0].input.text, "7");
    assert_int_equal(w_form_key(&f, W_KEY_ENTER), W_ACCEPTED);
    struct w_list l = {.item = {"a", "b"}, .count = 2};
    w_list_key(&l, 'k');
    assert_int_equal(l.at, 0);
    w_list_key(&l, W_KEY_END);
    w_list_key(&l, 'j');
    assert_int_equal(l.at, 1);
    l.count = 0;
    assert_int_equal(w_list_key(&l, W_KEY_ENTER), W_CANCELLED);
}

static void text_scrolls_to_its_end(void **state)
{
    (void)state;
    static struct w_pager p;
    for (int i = 0; i < W_PAGER_LINES + 3; i++) {
        w_pager_add(&p, W_NORMAL, "line");
    }
    assert_int_equal(p.count, W_PAGER_LINES);
    w_pager_key(&p, 'G', 10);
    assert_int_equal(p.top, W_PAGER_LINES - 10);
    w_pager_key(&p, W_KEY_DOWN, 10);
    assert_int_equal(p.top, W_PAGER_LINES - 10);
    w_pager_key(&p, 'g', 10);
    w_pager_key(&p, W_KEY_UP, 10);
    assert_int_equal(p.top, 0);
    assert_int_equal(w_pager_key(&p, 'q', 10), W_CANCELLED);
    w_pager_clear(&p);
    assert_int_equal(p.count, 0);
}

static void a_toast_goes_away_and_is_safe(void **state)
{
    (void)state;
    struct w_toast t = {0};
    assert_false(w_toast_on(&t, 5));
    w_toast_show(&t, W_OK, "a\033[2Jb", 100);
    assert_true(w_toast_on(&t, 99));
    assert_false(w_toast_on(&t, 100));
    assert_null(strchr(t.text, '\033'));
    w_toast_hide(&t);
    assert_false(w_toast_on(&t, 5));
}

static void clicks_and_the_wheel_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int key, button, x, y;
    } cases[] = {{"\x1b[<0;12;3M", W_KEY_MOUSE, W_MOUSE_LEFT, 11, 2},
                 {"\x1b[<0;12;3m", W_KEY_NONE, 0, 0, 0}, /* released */
                 {"\x1b[<65;1;1M", W_KEY_MOUSE, W_MOUSE_WHEEL_DOWN, 0, 0},
                 {"\x1b[<64;200;60M", W_KEY_MOUSE, W_MOUSE_WHEEL_UP, 199, 59},
                 {"\x1b[<0;0;3M", W_KEY_NONE, 0, 0, 0},
                 {"\x1b[<0;3M", W_KEY_NONE, 0, 0, 0},
                 {"\x1b[<0;x;3M", W_KEY_NONE, 0, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct w_keys k = {.count = 0};
        int out[2];
        int last = W_KEY_NONE;
        for (const char *c = cases[i].bytes; *c; c++) {
            int n = w_keys_feed(&k, (unsigned char)*c, out);
            last = n > 0 && last != W_KEY_MOUSE ? out[n - 1] : last;
        }
        if (cases[i].key == W_KEY_MOUSE) {
            assert_int_equal(last, W_KEY_MOUSE);
            assert_int_equal(k.mouse.button, cases[i].button);
            assert_int_equal(k.mouse.x, cases[i].x);
            assert_int_equal(k.mouse.y, cases[i].y);
        } else {
            assert_int_not_equal(last, W_KEY_MOUSE);
        }
    }
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_keys),
        cmocka_unit_test(the_ground_of_the_terminal_is_an_answer_only_when_asked_for),
        cmocka_unit_test(unknown_sequences_are_swallowed),
        cmocka_unit_test(escape_is_a_key_when_nothing_follows),
        cmocka_unit_test(a_line_is_edited),
        cmocka_unit_test(what_is_offered_is_replaced_by_typing),
        cmocka_unit_test(a_line_has_an_end),
        cmocka_unit_test(history_is_walked_and_bounded),
        cmocka_unit_test(a_question_defaults_to_no),
        cmocka_unit_test(a_typed_answer_is_no_when_nothing_is_typed),
        cmocka_unit_test(forms_and_lists_wrap_and_stop),
        cmocka_unit_test(text_scrolls_to_its_end),
        cmocka_unit_test(a_toast_goes_away_and_is_safe),
        cmocka_unit_test(clicks_and_the_wheel_are_told_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
