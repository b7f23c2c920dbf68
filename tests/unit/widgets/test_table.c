#include "tests/unit/test.h"
#include "widgets/columns.h"
#include "widgets/table.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *name;
    int value;
};

struct data {
    struct row row[40];
    size_t count;
};

static const struct w_column columns[] = {
    {"NAME", 6, 20, W_LEFT, 0, 0},
    {"VALUE", 5, 8, W_RIGHT, 1, 0},
};

static size_t count(void *arg)
{
    return ((struct data *)arg)->count;
}

static void key(void *arg, size_t i, char out[W_TABLE_KEY])
{
    snprintf(out, W_TABLE_KEY, "%s", ((struct data *)arg)->row[i].name);
}

static void cell(void *arg, size_t i, size_t column, struct w_cell *out)
{
    const struct row *r = &((struct data *)arg)->row[i];
    if (column == 0) {
        snprintf(out->text, sizeof out->text, "%s", r->name);
    } else {
        snprintf(out->text, sizeof out->text, "%d", r->value);
    }
}

static void rank(void *arg, size_t i, size_t column, struct w_rank *out)
{
    const struct row *r = &((struct data *)arg)->row[i];
    out->is_number = column == 1;
    out->number = r->value;
    snprintf(out->text, sizeof out->text, "%s", r->name);
}

static struct data sample(void)
{
    return (struct data){{{"haiku", 5}, {"sonnet", 9}, {"lite", 2}, {"micro", 7}}, 4};
}

static struct w_source source(struct data *d)
{
    return (struct w_source){columns, 2, d, count, key, cell, rank};
}

static const char *shown(const struct w_table *t, const struct data *d, size_t i)
{
    return d->row[t->order[i].row].name;
}

static void rows_are_sorted_by_the_chosen_column(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {0};
    w_table_update(&t, &s, 1000);
    assert_string_equal(shown(&t, &d, 0), "haiku");
    assert_string_equal(shown(&t, &d, 3), "sonnet");
    w_table_sort(&t, 1, true);
    w_table_update(&t, &s, 1001);
    assert_string_equal(shown(&t, &d, 0), "sonnet");
    assert_string_equal(shown(&t, &d, 3), "lite");
    w_table_free(&t);
}

static void order_holds_while_values_jitter(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {.sort = 1, .descending = true, .hold_ms = 5000};
    w_table_update(&t, &s, 1000);
    d.row[2].value = 100; /* lite overtakes all */
    w_table_update(&t, &s, 3000);
    assert_string_equal(shown(&t, &d, 0), "sonnet");
    w_table_update(&t, &s, 6001);
    assert_string_equal(shown(&t, &d, 0), "lite");
    w_table_move(&t, &s, 1, 20000);
    d.row[0].value = 200;
    w_table_update(&t, &s, 24999); /* longer than hold_ms, but the cursor has just moved */
    assert_string_equal(shown(&t, &d, 0), "lite");
    w_table_update(&t, &s, 25000);
    assert_string_equal(shown(&t, &d, 0), "haiku");
    w_table_free(&t);
}

static void rows_that_are_nearly_equal_keep_their_places(void **state)
{
    (void)state;
    struct data d = {{{"a", 1000}, {"b", 990}, {"c", 500}, {"d", 0}, {"e", 0}}, 5};
    struct w_source s = source(&d);
    struct w_table t = {.sort = 1, .descending = true};
    w_table_update(&t, &s, 1000);
    d.row[1].value = 1020; /* b passes a, by little */
    w_table_update(&t, &s, 2000);
    assert_string_equal(shown(&t, &d, 0), "a");
    d.row[2].value = 1010; /* c joins them, from below */
    w_table_update(&t, &s, 3000);
    assert_string_equal(shown(&t, &d, 0), "a");
    assert_string_equal(shown(&t, &d, 2), "c");
    d.row[2].value = 1100;
    w_table_update(&t, &s, 4000);
    assert_string_equal(shown(&t, &d, 0), "c");
    assert_string_equal(shown(&t, &d, 1), "a");
    w_table_sort(&t, 1, true); /* whoever asks gets it exactly */
    w_table_update(&t, &s, 5000);
    assert_string_equal(shown(&t, &d, 1), "b");
    assert_string_equal(shown(&t, &d, 3), "d");
    w_table_free(&t);
}

static void new_rows_come_last_and_lost_ones_go_while_order_holds(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {.sort = 1, .descending = true, .hold_ms = 5000};
    w_table_update(&t, &s, 1000);
    d.row[1] = (struct row){"opus", 50}; /* sonnet is gone */
    w_table_update(&t, &s, 2000);
    assert_int_equal(t.count, 4);
    assert_string_equal(shown(&t, &d, 0), "micro");
    assert_string_equal(shown(&t, &d, 3), "opus");
    w_table_free(&t);
}

static void the_selection_follows_its_row(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {.sort = 1, .descending = true};
    size_t row;
    w_table_update(&t, &s, 1000);
    w_table_move(&t, &s, 2, 0); /* haiku */
    assert_true(w_table_selected(&t, &row));
    assert_string_equal(d.row[row].name, "haiku");
    d.row[0].value = 1000;
    t.moved_ms = 0;
    w_table_update(&t, &s, 9000);
    assert_int_equal(t.at, 0);
    assert_true(w_table_selected(&t, &row));
    assert_string_equal(d.row[row].name, "haiku");
    memmove(&d.row[0], &d.row[1], 3 * sizeof d.row[0]); /* its row is gone: the place stays */
    d.count = 3;
    w_table_update(&t, &s, 10000);
    assert_true(w_table_selected(&t, &row));
    assert_string_equal(d.row[row].name, "sonnet");
    d.count = 0;
    w_table_update(&t, &s, 11000);
    assert_false(w_table_selected(&t, &row));
    w_table_free(&t);
}

static void comes_first(struct data *d, const char *name)
{
    memmove(&d->row[1], &d->row[0], d->count * sizeof d->row[0]);
    d->row[0] = (struct row){name, 1};
    d->count++;
}

static void the_cursor_on_the_newest_row_follows_what_is_new(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {.unsorted = true, .newest_first = true};
    size_t row;
    w_table_update(&t, &s, 1000);
    comes_first(&d, "new");
    w_table_update(&t, &s, 2000);
    assert_true(w_table_selected(&t, &row));
    assert_string_equal(d.row[row].name, "new");
    w_table_move(&t, &s, 1, 0); /* haiku: once moved, it stays with its row */
    comes_first(&d, "newer");
    w_table_update(&t, &s, 3000);
    assert_true(w_table_selected(&t, &row));
    assert_string_equal(d.row[row].name, "haiku");
    assert_int_equal(t.at, 2);
    w_table_free(&t);
}

static void the_cursor_stays_inside(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {0};
    w_table_move(&t, &s, 1, 5); /* no rows yet */
    w_table_update(&t, &s, 1000);
    w_table_move(&t, &s, -7, 5);
    assert_int_equal(t.at, 0);
    w_table_move(&t, &s, 70, 5);
    assert_int_equal(t.at, 3);
    w_table_free(&t);
}

static void filters_narrow_the_rows(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {0};
    w_table_filter(&t, "I");
    w_table_update(&t, &s, 1000);
    assert_int_equal(t.count, 3); /* haiku, lite, micro: case does not matter */
    assert_int_equal(t.total, 4);
    w_table_filter(&t, "!i");
    w_table_update(&t, &s, 1000);
    assert_int_equal(t.count, 1);
    assert_string_equal(shown(&t, &d, 0), "sonnet");
    w_table_filter(&t, "val:7");
    w_table_update(&t, &s, 1000);
    assert_int_equal(t.count, 1);
    assert_string_equal(shown(&t, &d, 0), "micro");
    w_table_filter(&t, "name:7");
    w_table_update(&t, &s, 1000);
    assert_int_equal(t.count, 0);
    w_table_filter(&t, "!");
    w_table_update(&t, &s, 1000);
    assert_int_equal(t.count, 4);
    w_table_free(&t);
}

static void what_is_shown_stays_until_all_rows_are_in(void **state)
{
    (void)state;
    struct data d = sample();
    struct data newer = {{{"opus", 1}, {"nova", 2}, {"lite", 3}}, 3};
    struct w_source s = source(&d);
    struct w_source s2 = source(&newer);
    struct w_table t = {0};
    w_table_update(&t, &s, 1000);
    w_table_sort(&t, 1, true);
    w_table_start(&t, &s2, 2000, false);
    assert_false(w_table_work(&t, &s2, 2));
    assert_int_equal(t.count, 4);
    assert_string_equal(shown(&t, &d, 0), "haiku");
    w_table_start(&t, &s2, 2001,
                  false); /* from the beginning; the order asked for is not forgotten */
    assert_false(w_table_work(&t, &s2, 2));
    assert_true(w_table_work(&t, &s2, 2));
    assert_int_equal(t.count, 3);
    assert_string_equal(shown(&t, &newer, 0), "lite");
    assert_true(w_table_work(&t, &s2, 2)); /* nothing is left to do */
    w_table_start(&t, &s, 3000, false);
    w_table_free(&t); /* in the middle */
}

static size_t looked_at;

static void counted_cell(void *arg, size_t i, size_t column, struct w_cell *out)
{
    looked_at++;
    cell(arg, i, column, out);
}

static void a_longer_filter_looks_only_at_what_passed_the_shorter_one(void **state)
{
    (void)state;
    struct data d = sample();
    struct w_source s = source(&d);
    struct w_table t = {0};
    s.cell = counted_cell;
    w_table_update(&t, &s, 1000);
    static const struct {
        const char *filter;
        size_t count, looks; /* a row that passes by its name is looked at once, another twice */
    } steps[] = {{"i", 3, 5}, {"ik", 1, 5}, {"i", 3, 5}, {"!ik", 3, 7}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        looked_at = 0;
        w_table_filter(&t, steps[i].filter);
        w_table_start(&t, &s, 1000, true);
        assert_true(w_table_work(&t, &s, 100));
        assert_int_equal(t.count, steps[i].count);
        assert_int_equal(looked_at, steps[i].looks);
    }
    w_table_filter(&t, "");
    w_table_update(&t, &s, 1000);
    d.row[1].name = "haiku-2";
    w_table_filter(&t, "ai");
    w_table_start(&t, &s, 1000, false); /* other rows: all are looked at */
    assert_true(w_table_work(&t, &s, 100));
    assert_int_equal(t.count, 2);
    w_table_free(&t);
}

/* --- drawn on a terminal that nobody sees --- */

static SCREEN *screen;
static struct w_style style = {.ascii = true};

static void read_line(struct w_area *a, int y, char *out, size_t size)
{
    wchar_t wide[200];
    mvwinnwstr(a->win, a->y + y, a->x, wide, a->w);
    assert_true(wcstombs(out, wide, size) != (size_t)-1);
}

static void the_table_scrolls_with_the_cursor(void **state)
{
    (void)state;
    struct data d = {.count = 30};
    static char names[30][24];
    for (int i = 0; i < 30; i++) {
        snprintf(names[i], sizeof names[i], "row-%02d", i);
        d.row[i] = (struct row){names[i], i};
    }
    struct w_source s = source(&d);
    struct w_table t = {0};
    struct w_area a = {stdscr, &style, 1, 2, 6, 20};
    char line[200];
    w_table_update(&t, &s, 1000);
    assert_int_equal(w_table_draw(&t, &s, &a, true), 5);
    read_line(&a, 0, line, sizeof line);
    assert_string_equal(line, "NAME^  VALUE        ");
    read_line(&a, 1, line, sizeof line);
    assert_string_equal(line, "row-00     0        ");
    w_table_move(&t, &s, 7, 1);
    w_table_draw(&t, &s, &a, true);
    assert_int_equal(t.top, 3);
    read_line(&a, 5, line, sizeof line);
    assert_string_equal(line, "row-07     7        ");
    w_table_move(&t, &s, 100, 1);
    w_table_draw(&t, &s, &a, true);
    assert_int_equal(t.top, 25);
    w_table_free(&t);
}

static void a_table_nobody_has_touched_shows_its_top(void **state)
{
    (void)state;
    struct data d = {.count = 6};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++) {
        d.row[i] = (struct row){names[i], 6 - i};
    }
    struct w_source s = source(&d);
    struct w_table t = {.sort = 1, .descending = true};
    struct w_area a = {stdscr, &style, 1, 2, 4, 20};
    char line[200];
    w_table_update(&t, &s, 1000);
    d.row[0].value = 0; /* what was first goes to the end, and the selection with it */
    w_table_update(&t, &s, 10000);
    assert_int_equal(t.at, 5);
    w_table_draw(&t, &s, &a, false);
    read_line(&a, 1, line, sizeof line);
    assert_string_equal(line, "b           5       ");
    w_table_draw(&t, &s, &a, true); /* where keys go, what they mean is seen */
    assert_int_equal(t.top, 3);
    w_table_draw(&t, &s, &a, false);
    assert_int_equal(t.top, 0);
    w_table_move(&t, &s, 0, 10000);
    w_table_draw(&t, &s, &a, false);
    assert_int_equal(t.top, 3);
    w_table_free(&t);
}

static void a_hidden_column_is_left_out_at_any_width(void **state)
{
    (void)state;
    static const struct w_column three[] = {{"A", 2, 9, W_LEFT, 0, 0},
                                            {"B", 2, 9, W_LEFT, W_COLUMN_HIDDEN, 1},
                                            {"C", 2, 9, W_LEFT, 1, 0}};
    const int seen[3] = {4, 4, 4};
    int width[3];
    for (int total = 1; total < 100; total++) {
        w_columns_fit(three, 3, seen, total, 1, width);
        assert_int_equal(width[1], -1);
    }
    assert_int_equal(width[0], 4);
    assert_int_equal(width[2], 4);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    FILE *nothing = fopen("/dev/null", "r+");
    screen = newterm("xterm", nothing, nothing);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hidden_column_is_left_out_at_any_width),
        cmocka_unit_test(rows_are_sorted_by_the_chosen_column),
        cmocka_unit_test(order_holds_while_values_jitter),
        cmocka_unit_test(rows_that_are_nearly_equal_keep_their_places),
        cmocka_unit_test(new_rows_come_last_and_lost_ones_go_while_order_holds),
        cmocka_unit_test(the_selection_follows_its_row),
        cmocka_unit_test(the_cursor_on_the_newest_row_follows_what_is_new),
        cmocka_unit_test(the_cursor_stays_inside),
        cmocka_unit_test(filters_narrow_the_rows),
        cmocka_unit_test(what_is_shown_stays_until_all_rows_are_in),
        cmocka_unit_test(a_longer_filter_looks_only_at_what_passed_the_shorter_one),
        cmocka_unit_test(the_table_scrolls_with_the_cursor),
        cmocka_unit_test(a_table_nobody_has_touched_shows_its_top),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    endwin();
    delscreen(screen);
    fclose(nothing);
    return failed;
}
