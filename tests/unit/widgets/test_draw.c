/* Every widget drawn at every small size: nothing may be written outside its area, nothing may die.
 */
#include "tests/unit/test.h"
#include "widgets/bar.h"
#include "widgets/dialog.h"
#include "widgets/form.h"
#include "widgets/gauge.h"
#include "widgets/graph.h"
#include "widgets/list.h"
#include "widgets/pager.h"
#include "widgets/spark.h"
#include "widgets/text.h"
#include "widgets/toast.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 24
#define COLS 80

static struct w_style style;
static struct w_dialog dialog;
static struct w_form form;
static struct w_list list;
static struct w_pager pager;
static struct w_toast toast;

static void draw_dialog(const struct w_area *a)
{
    w_dialog_draw(a, &dialog);
}

static void draw_typed_dialog(const struct w_area *a)
{
    struct w_dialog d;
    w_dialog_open_typed(&d, "Sure?", "100k -> 2M\n\nabove the ceiling", "Type 2M to do it");
    (void)w_dialog_key(&d, '2');
    w_dialog_draw(a, &d);
}

static void draw_form(const struct w_area *a)
{
    w_form_draw(a, &form);
}

static void draw_list(const struct w_area *a)
{
    w_list_draw(a, &list);
}

static void draw_pager(const struct w_area *a)
{
    w_pager_draw_box(a, &pager);
}

static void graph_amount(int64_t value, char out[W_GRAPH_LABEL])
{
    snprintf(out, W_GRAPH_LABEL, "%lld", (long long)value);
}

static void graph_slot(void *arg, int slot, char out[W_GRAPH_LABEL])
{
    (void)arg;
    snprintf(out, W_GRAPH_LABEL, "s%d", slot);
}

static void draw_graph(const struct w_area *a)
{
    const int64_t series[] = {1000000, 0, 3, 70, 50};
    struct w_graph g = {.amount = graph_amount, .slot = graph_slot};
    w_spark_place(&g.series, series, 5, 2);
    w_graph_draw(a, &g);
}

static void draw_small_parts(const struct w_area *a)
{
    const struct w_segment s[] = {{NULL, "tollgate", W_TITLE, 0, false, NULL},
                                  {"q", "leave", W_HINT, 1, true, NULL}};
    const int64_t series[] = {1, 2, 3};
    struct w_gauge g = {.value = 3, .reserved = 2, .limit = 9, .state = W_STATE_WARN};
    struct w_spark spark;
    w_spark_place(&spark, series, 3, 1);
    w_bar_draw(a, 0, s, 2, 2, W_TITLE);
    w_gauge_draw(a, 1, 0, a->w, &g, W_NORMAL);
    w_gauge_draw(a, 1, a->w - 4, 12, &g, W_SELECTED);
    w_spark_draw(a, 2, 1, 15, &spark, W_NORMAL);
    w_toast_draw(a, &toast);
}

static void nothing_leaves_its_area(void **state)
{
    (void)state;
    static void (*const drawers[])(const struct w_area *) = {
        draw_dialog, draw_typed_dialog, draw_form,       draw_list,
        draw_pager,  draw_graph,        draw_small_parts};
    for (size_t d = 0; d < sizeof drawers / sizeof *drawers; d++) {
        for (int h = 0; h <= 12; h++) {
            for (int w = 0; w <= 60; w += 3) {
                struct w_area a = {stdscr, &style, 5, 9, h, w};
                erase();
                drawers[d](&a);
                for (int y = 0; y < ROWS; y++) {
                    for (int x = 0; x < COLS; x++) {
                        bool inside = y >= 5 && y < 5 + h && x >= 9 && x < 9 + w;
                        cchar_t c;
                        wchar_t text[CCHARW_MAX + 1];
                        attr_t attr;
                        short pair;
                        mvwin_wch(stdscr, y, x, &c);
                        getcchar(&c, text, &attr, &pair, NULL);
                        if (!inside && text[0] != L' ') {
                            fail_msg("drawer %zu at %dx%d wrote to %d,%d", d, w, h, y, x);
                        }
                    }
                }
            }
        }
    }
}

static void read_row(int y, char *out, size_t size)
{
    wchar_t wide[COLS + 1];
    mvinnwstr(y, 0, wide, COLS);
    assert_true(wcstombs(out, wide, size) != (size_t)-1);
}

/* All rows of the screen, one behind the other. */
static const char *screen_text(void)
{
    static char all[ROWS * (COLS * 4 + 1) + 1];
    all[0] = '\0';
    for (int y = 0; y < ROWS; y++) {
        char row[COLS * 4 + 1];
        read_row(y, row, sizeof row);
        strncat(all, row, sizeof all - strlen(all) - 1);
    }
    return all;
}

static void a_small_form_shows_what_will_happen_and_the_field_that_is_typed(void **state)
{
    (void)state;
    struct w_form f = {.title = "haiku: tokens", .count = 4, .focus = 3};
    static const char *const labels[] = {"Amount", "For", "Reason", "Ticket"};
    for (int i = 0; i < 4; i++) {
        f.field[i].label = labels[i];
        f.field[i].help = i == 3 ? "kept in the audit, as many words as it takes" : "";
    }
    snprintf(f.note, sizeof f.note, "7k -> 8k");
    snprintf(f.more, sizeof f.more, "would deny 3 calls");
    static const int sizes[][2] = {{12, 56}, {8, 38}, {5, 20}, {3, 18}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct w_area a = {stdscr, &style, 0, 0, sizes[i][0], sizes[i][1]};
        erase();
        w_form_draw(&a, &f);
        assert_non_null(strstr(screen_text(), "Ticket"));
        assert_non_null(strstr(screen_text(), "7k -> 8k"));
        assert_true((strstr(screen_text(), "would deny") != NULL) || sizes[i][0] == 3);
        assert_true((strstr(screen_text(), "as many words") != NULL) == (i == 0));
        assert_true((strstr(screen_text(), "Amount") != NULL) == (sizes[i][0] >= 8));
    }
}

static void a_toast_takes_the_rows_it_needs(void **state)
{
    (void)state;
    struct w_toast t = {0};
    char row[COLS * 4 + 1];
    struct w_area a = {stdscr, &style, 0, 0, 4, 40};
    w_toast_show(&t, W_WARN, "haiku-minute costCenter=support is at 80 % of what it may use", 10);
    erase();
    w_toast_draw(&a, &t);
    read_row(2, row, sizeof row);
    assert_memory_equal(row, " haiku-minute costCenter=support is at ", 38);
    read_row(3, row, sizeof row);
    assert_memory_equal(row, " 80 % of what it may use", 24);
    read_row(1, row, sizeof row);
    assert_memory_equal(row, "      ", 6);
}

static void a_list_says_what_part_of_it_is_seen(void **state)
{
    (void)state;
    static const char *const items[] = {"one", "two", "three", "four", "five", "six"};
    struct w_list l = {.title = "Sort by", .count = 6, .at = 4};
    for (int i = 0; i < 6; i++) {
        l.item[i] = items[i];
    }
    struct w_area a = {stdscr, &style, 0, 0, 5, 40};
    erase();
    w_list_draw(&a, &l);
    assert_non_null(strstr(screen_text(), "3-5 of 6"));
    assert_null(strstr(screen_text(), "two"));
    a.h = 12;
    erase();
    w_list_draw(&a, &l);
    assert_null(strstr(screen_text(), " of 6"));
}

static void a_question_shows_its_text_and_both_answers(void **state)
{
    (void)state;
    struct w_area a = {stdscr, &style, 0, 0, ROWS, COLS};
    erase();
    w_dialog_draw(&a, &dialog);
    const char *all = screen_text();
    assert_non_null(strstr(all, "Block this limit?"));
    assert_non_null(strstr(all, "100k -> blocked"));
    assert_non_null(strstr(all, "No"));
    assert_non_null(strstr(all, "Yes"));
}

static wchar_t char_at(int y, int x, short *pair)
{
    cchar_t c;
    wchar_t text[CCHARW_MAX + 1];
    attr_t attr;
    mvwin_wch(stdscr, y, x, &c);
    getcchar(&c, text, &attr, pair, NULL);
    return text[0];
}

static void a_graph_keeps_slots_in_place_and_marks_its_axes(void **state)
{
    (void)state;
    short pair;
    struct w_area a = {stdscr, &style, 0, 0, 6, 6 + 10};
    char row[COLS * 4 + 1];
    const int64_t series[] = {10, 5, 5, 5, 9}; /* oldest first; the newest is slot 2 */
    struct w_graph g = {.amount = graph_amount, .slot = graph_slot};
    assert_int_equal(w_graph_slot_width(16, 6, 5), 2);
    assert_int_equal(w_graph_slot_width(10, 0, 5), 0);
    erase();
    w_spark_place(&g.series, series, 5, 2);
    w_graph_draw(&a, &g);
    read_row(0, row, sizeof row);
    assert_memory_equal(row, "   10", 5);
    read_row(5, row, sizeof row);
    assert_memory_equal(row, "      s0  s2", 12);
    assert_true(char_at(0, 6 + 2 * 2, &pair) == L'\u2584'); /* 9 of 10: 36 of 40 eighths */
    assert_true(char_at(4, 6 + 3 * 2, &pair) == L' ');      /* the oldest is the gap */
    assert_true(char_at(4, 6 + 4 * 2, &pair) == L'\u2588');
    assert_true(char_at(1, 6 + 4 * 2, &pair) == L' ');
}

static bool is_reverse(int y, int x)
{
    cchar_t c;
    wchar_t text[CCHARW_MAX + 1];
    attr_t attr;
    short pair;
    mvwin_wch(stdscr, y, x, &c);
    getcchar(&c, text, &attr, &pair, NULL);
    return (attr & A_REVERSE) != 0;
}

static void the_mark_of_a_selected_row_runs_through_its_bars(void **state)
{
    (void)state;
    const int64_t series[] = {1, 2, 3};
    struct w_gauge g = {.value = 5, .reserved = 2, .limit = 10, .state = W_STATE_WARN};
    struct w_spark spark;
    w_spark_place(&spark, series, 3, 1);
    for (int ascii = 0; ascii < 2; ascii++) {
        struct w_style own = {.ascii = ascii};
        for (int role = 0; role < W_ROLE_COUNT; role++) {
            own.role[role].attr = role == W_SELECTED ? A_REVERSE : 0;
        }
        struct w_area a = {stdscr, &own, 0, 0, 2, 20};
        erase();
        w_gauge_draw(&a, 0, 0, 20, &g, W_SELECTED);
        w_spark_draw(&a, 1, 0, 20, &spark, W_SELECTED);
        for (int x = 0; x < 20; x++) {
            assert_true(is_reverse(0, x));
            assert_true(is_reverse(1, x));
        }
        w_gauge_draw(&a, 0, 0, 20, &g, W_NORMAL);
        w_spark_draw(&a, 1, 0, 20, &spark, W_NORMAL);
        assert_false(is_reverse(0, 0));
        assert_false(is_reverse(1, 0));
    }
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    FILE *nothing = fopen("/dev/null", "r+");
    use_env(FALSE);
    SCREEN *screen = newterm("xterm", nothing, nothing);
    resizeterm(ROWS, COLS);
    w_dialog_open(&dialog, "Block this limit?", "haiku-minute\n\n100k -> blocked");
    form =
        (struct w_form){.title = "haiku", .count = 3, .note = "a note that is long enough to wrap"};
    for (int i = 0; i < 3; i++) {
        form.field[i] = (struct w_field){.label = "Label", .help = "help"};
        w_input_set(&form.field[i].input, "value");
    }
    list =
        (struct w_list){.title = "Sort by", .item = {"ONE", "TWO", "THREE"}, .count = 3, .at = 2};
    for (int i = 0; i < 30; i++) {
        w_pager_add(&pager, W_NORMAL, "a line of text");
    }
    w_toast_show(&toast, W_OK, "something happened", 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_its_area),
        cmocka_unit_test(a_graph_keeps_slots_in_place_and_marks_its_axes),
        cmocka_unit_test(the_mark_of_a_selected_row_runs_through_its_bars),
        cmocka_unit_test(a_question_shows_its_text_and_both_answers),
        cmocka_unit_test(a_small_form_shows_what_will_happen_and_the_field_that_is_typed),
        cmocka_unit_test(a_toast_takes_the_rows_it_needs),
        cmocka_unit_test(a_list_says_what_part_of_it_is_seen),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    w_pager_clear(&pager);
    endwin();
    delscreen(screen);
    fclose(nothing);
    return failed;
}
