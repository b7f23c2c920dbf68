#include "tests/unit/test.h"
#include "widgets/bar.h"
#include "widgets/columns.h"
#include "widgets/gauge.h"
#include "widgets/spark.h"

#include <locale.h>
#include <string.h>

static void a_gauge_fills_by_eighths(void **state)
{
    (void)state;
    wchar_t out[9];
    struct w_gauge g = {.value = 50, .limit = 100};
    assert_int_equal(w_gauge_bar(out, 8, &g, false), 4);
    assert_true(wcscmp(out, L"\u2588\u2588\u2588\u2588    ") == 0);
    g.value = 1; /* never invisible */
    assert_int_equal(w_gauge_bar(out, 8, &g, false), 1);
    assert_true(out[0] == L'\u258f');
    g.value = 0;
    assert_int_equal(w_gauge_bar(out, 8, &g, false), 0);
    g.value = 1000;
    assert_int_equal(w_gauge_bar(out, 8, &g, false), 8);
    assert_int_equal(w_gauge_percent(&g), 1000);
}

static void a_gauge_shows_what_is_reserved(void **state)
{
    (void)state;
    wchar_t out[9];
    struct w_gauge g = {.value = 25, .reserved = 25, .limit = 100};
    w_gauge_bar(out, 8, &g, true);
    assert_true(wcscmp(out, L"##==    ") == 0);
    w_gauge_bar(out, 8, &g, false);
    assert_true(wcscmp(out, L"\u2588\u2588\u2591\u2591    ") == 0);
}

static void a_gauge_without_a_limit_is_empty(void **state)
{
    (void)state;
    wchar_t out[9];
    struct w_gauge g = {.value = 25};
    assert_int_equal(w_gauge_percent(&g), 0);
    assert_int_equal(w_gauge_bar(out, 4, &g, true), 0);
    assert_true(wcscmp(out, L"    ") == 0);
    g = (struct w_gauge){.value = INT64_MAX, .limit = 1};
    assert_int_equal(w_gauge_percent(&g), 9999);
}

static void every_severity_has_a_letter(void **state)
{
    (void)state;
    assert_int_equal(w_state_letter(W_STATE_OK), ' ');
    assert_int_equal(w_state_letter(W_STATE_WARN), 'W');
    assert_int_equal(w_state_letter(W_STATE_CRIT), 'C');
}

static void a_spark_keeps_slots_in_place(void **state)
{
    (void)state;
    const int64_t series[] = {1, 2, 3, 4, 5};
    struct w_spark s;
    w_spark_place(&s, series, 5, 12); /* slot 12 of 5: column 2 is the newest */
    assert_int_equal(s.newest, 2);
    assert_int_equal(s.value[2], 5);
    assert_int_equal(s.value[1], 4);
    assert_int_equal(s.value[3], 1);
    const int64_t next[] = {2, 3, 4, 5, 6};
    w_spark_place(&s, next, 5, 13);
    assert_int_equal(s.value[2], 5); /* did not move */
    assert_int_equal(s.value[3], 6); /* the oldest was overwritten */
    assert_int_equal(w_spark_char(&s, 4, 10, true), ' ');
}

static void the_scale_of_a_spark_moves_in_steps(void **state)
{
    (void)state;
    const int64_t series[] = {0, 40, 100};
    struct w_spark s;
    w_spark_place(&s, series, 3, 2);
    assert_int_equal(w_spark_top(&s), 100);
    s.value[2] = 101;
    assert_int_equal(w_spark_top(&s), 200);
    s.value[2] = 350;
    assert_int_equal(w_spark_top(&s), 500);
    assert_true(w_spark_char(&s, 2, 350, false) == L'\u2588');
    assert_int_equal(w_spark_char(&s, 2, 350, true), '#');
    s.value[2] = INT64_MAX;
    assert_true(w_spark_top(&s) > 0);
    w_spark_place(&s, series, 0, 2);
    assert_int_equal(s.count, 0);
}

static const struct w_column columns[] = {
    {"NAME", 6, 20, W_LEFT, 0, 0},
    {"RARE", 6, 6, W_RIGHT, 9, 0},
    {"USED", 8, 30, W_LEFT, 0, 1},
    {"OFTEN", 6, 6, W_RIGHT, 3, 0},
};

static void narrow_tables_lose_columns_in_order(void **state)
{
    (void)state;
    int width[4];
    const int seen[4] = {10, 4, 0, 4};
    w_columns_fit(columns, 4, seen, 36, 2, width); /* 10 + 6 + 8 + 6 + 3 gaps */
    assert_int_equal(width[0], 10);
    assert_int_equal(width[1], 6);
    w_columns_fit(columns, 4, seen, 35, 2, width);
    assert_int_equal(width[1], -1);
    assert_int_equal(width[3], 6);
    assert_int_equal(width[0] + width[2] + width[3] + 4, 35); /* what is left over grows */
    w_columns_fit(columns, 4, seen, 20, 2, width);
    assert_int_equal(width[3], -1);
    w_columns_fit(columns, 4, seen, 5, 1, width);
    assert_true(width[0] >= 0 && width[0] <= 5);
}

static void what_a_wide_column_leaves_goes_to_a_narrow_one(void **state)
{
    (void)state;
    static const struct w_column wide[] = {{"TIME", 8, 8, W_LEFT, 0, 0},
                                           {"MODEL", 16, 30, W_LEFT, 2, 0},
                                           {"TOOK", 6, 6, W_RIGHT, 3, 0},
                                           {"RARE", 4, 4, W_RIGHT, 9, 0}};
    const int seen[4] = {8, 20, 6, 4};
    int width[4];
    w_columns_fit(wide, 4, seen, 24, 1, width); /* MODEL alone would need 25 */
    assert_int_equal(width[1], -1);
    assert_int_equal(width[2], 6);
    assert_int_equal(width[3], -1); /* not what hardly matters */
    w_columns_fit(wide, 4, seen, 25, 1, width);
    assert_int_equal(width[1], 16);
    assert_int_equal(width[2], -1);
}

static void words_do_not_touch_figures(void **state)
{
    (void)state;
    static const struct w_column mixed[] = {{"NAME", 4, 4, W_LEFT, 0, 0},
                                            {"N", 2, 2, W_RIGHT, 0, 0},
                                            {"WORD", 4, 4, W_LEFT, 0, 0},
                                            {"X", 2, 2, W_RIGHT, 0, 0}};
    int width[4] = {4, 2, 4, 2};
    assert_int_equal(w_columns_gap(mixed, width, 0, 1), 0);
    assert_int_equal(w_columns_gap(mixed, width, 1, 1), 1);
    assert_int_equal(w_columns_gap(mixed, width, 2, 1), 2);
    assert_int_equal(w_columns_gap(mixed, width, 3, 1), 1);
    width[1] = -1;
    assert_int_equal(w_columns_gap(mixed, width, 2, 1), 1);
    assert_int_equal(w_columns_gap(mixed, width, 2, 3), 3);
}

static void a_line_drops_what_matters_least(void **state)
{
    (void)state;
    struct w_segment s[] = {
        {NULL, "tollgate", W_TITLE, 0, false, NULL},
        {NULL, "us-east-1", W_TITLE, 7, false, NULL},
        {"q", "leave", W_HINT, 2, true, NULL},
        {NULL, "", W_HINT, 0, true, NULL},
    };
    bool keep[4];
    w_bar_fit(s, 4, 28, 2, keep); /* 8 + 9 + 7 and two gaps */
    assert_true(keep[0] && keep[1] && keep[2]);
    assert_false(keep[3]);
    w_bar_fit(s, 4, 27, 2, keep);
    assert_true(keep[0] && !keep[1] && keep[2]);
    w_bar_fit(s, 4, 3, 2, keep);
    assert_true(keep[0] && !keep[1] && !keep[2]);
}

static void roles_are_found_by_name(void **state)
{
    (void)state;
    for (int role = 0; role < W_ROLE_COUNT; role++) {
        assert_int_equal(w_role_find(w_role_name((enum w_role)role)), role);
    }
    assert_int_equal(w_role_find("colour"), -1);
}

static void pieces_that_matter_are_told_in_fewer_words_before_they_leave(void **state)
{
    (void)state;
    static const struct w_segment all[] = {{.text = "everything is blocked", .brief = "BLOCKED"},
                                           {.text = "store failed: full", .brief = "STORE"},
                                           {.text = "7 denied", .drop = 1},
                                           {.text = "12 open", .drop = 5}};
    static const struct {
        int width;
        const char *text[4]; /* NULL: it left */
    } cases[] = {
        {60, {"everything is blocked", "store failed: full", "7 denied", "12 open"}},
        {59, {"everything is blocked", "store failed: full", "7 denied", NULL}},
        {50, {"everything is blocked", "STORE", "7 denied", NULL}},
        {37, {"BLOCKED", "STORE", "7 denied", NULL}},
        {23, {"BLOCKED", "STORE", NULL, NULL}},
        {3, {"BLOCKED", "STORE", NULL, NULL}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct w_segment s[4];
        bool keep[4];
        memcpy(s, all, sizeof s);
        w_bar_fit(s, 4, cases[c].width, 2, keep);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(keep[i], cases[c].text[i] != NULL);
            if (keep[i]) {
                assert_string_equal(s[i].text, cases[c].text[i]);
            }
        }
    }
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_that_matter_are_told_in_fewer_words_before_they_leave),
        cmocka_unit_test(a_gauge_fills_by_eighths),
        cmocka_unit_test(a_gauge_shows_what_is_reserved),
        cmocka_unit_test(a_gauge_without_a_limit_is_empty),
        cmocka_unit_test(every_severity_has_a_letter),
        cmocka_unit_test(a_spark_keeps_slots_in_place),
        cmocka_unit_test(the_scale_of_a_spark_moves_in_steps),
        cmocka_unit_test(narrow_tables_lose_columns_in_order),
        cmocka_unit_test(what_a_wide_column_leaves_goes_to_a_narrow_one),
        cmocka_unit_test(words_do_not_touch_figures),
        cmocka_unit_test(a_line_drops_what_matters_least),
        cmocka_unit_test(roles_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
