#include "core/control/long_table.h"
#include "tests/unit/test.h"
#include "tui/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"applications", NULL};

/* A push with so many applications; freed by the caller. */
static char *push(int rows)
{
    size_t room = 4096 + (size_t)rows * 200;
    char *out = malloc(room);
    size_t n = (size_t)snprintf(out, room,
                                "{\"event\":\"snapshot\",\"data\":{\"since\":\"x\","
                                "\"models\":[{\"name\":\"m\"}],\"applications\":[");
    for (int i = 0; i < rows; i++) {
        n += (size_t)snprintf(
            out + n, room - n,
            "%s{\"name\":\"app \\u00e9%d\",\"tags\":{\"usd\":7},\"usd\":%d.5,\"null\":null}",
            i ? "," : "", i, i);
    }
    (void)snprintf(out + n, room - n, "],\"burn\":{\"usd\":1}}}");
    return out;
}

static void a_long_table_stays_text_and_reads_like_any_other(void **state)
{
    (void)state;
    static const int sizes[] = {3, 6000};
    for (size_t k = 0; k < 2; k++) {
        struct rows rows = {.newest = 0};
        char *text = push(sizes[k]);
        json_t *message = long_table_load(text, strlen(text), names);
        assert_non_null(message);
        json_t *data = json_object_get(message, "data");
        json_t *table = json_object_get(data, "applications");
        assert_int_equal(json_array_size(table), sizes[k]);
        assert_int_equal(json_is_string(json_array_get(table, 0)), k == 1);
        assert_true(json_is_object(json_array_get(json_object_get(data, "models"), 0)));
        assert_int_equal(json_integer_value(json_object_get(json_object_get(data, "burn"), "usd")),
                         1);
        for (int i = sizes[k] - 1; i >= 0; i--) {
            char name[40];
            const json_t *row = rows_at(&rows, table, (size_t)i);
            snprintf(name, sizeof name, "app \u00e9%d", i);
            assert_string_equal(json_string_value(json_object_get(row, "name")), name);
            assert_ptr_equal(rows_at(&rows, table, (size_t)i), row);
        }
        assert_null(rows_at(&rows, table, (size_t)sizes[k]));
        json_decref(message); /* rows that were looked at do not need it */
        rows_free(&rows);
        free(text);
    }
}

static void a_member_is_found_without_parsing(void **state)
{
    (void)state;
    char *text = push(6000);
    json_t *message = long_table_load(text, strlen(text), names);
    json_t *table = json_object_get(json_object_get(message, "data"), "applications");
    char name[40];
    double usd;
    assert_true(rows_text(table, 17, "name", name, sizeof name));
    assert_string_equal(name, "app \u00e917");
    assert_true(rows_number(table, 17, "usd", &usd)); /* its own, not that of its tags */
    assert_true(usd == 17.5);
    assert_false(rows_number(table, 17, "name", &usd));
    assert_false(rows_number(table, 17, "null", &usd));
    assert_false(rows_text(table, 17, "usd", name, sizeof name));
    assert_false(rows_text(table, 17, "gone", name, sizeof name));
    assert_false(rows_text(table, 6000, "name", name, sizeof name));
    json_decref(message);
    free(text);
}

static void what_is_not_json_is_not_taken(void **state)
{
    (void)state;
    char *text = push(6000);
    size_t n = strlen(text);
    assert_null(long_table_load(text, n - 1, names));
    text[n / 2] = '\x01';
    assert_null(long_table_load(text, n, names));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_table_stays_text_and_reads_like_any_other),
        cmocka_unit_test(a_member_is_found_without_parsing),
        cmocka_unit_test(what_is_not_json_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
