#include "tests/unit/test.h"
#include "tui/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL 1800000000000

static char heard[8192];

static void hear(void *arg, const char *sentence)
{
    size_t n = strlen(heard);
    (void)arg;
    snprintf(heard + n, sizeof heard - n, "%s\n", sentence);
}

static struct plain *start(void)
{
    struct plain *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->say = hear;
    heard[0] = '\0';
    return p;
}

static void tell(struct plain *p, const char *json, int64_t now_ms)
{
    json_error_t error;
    json_t *snapshot = json_loads(json, 0, &error);
    if (!snapshot) {
        fail_msg("%s in %s", error.text, json);
    }
    heard[0] = '\0';
    plain_tell(p, snapshot, now_ms, WALL);
    json_decref(snapshot);
}

static void spending_is_told_when_it_changed(void **state)
{
    (void)state;
    struct plain *p = start();
    tell(p, "{\"cost_centers\":[{\"name\":\"sales\",\"month_usd\":3.301,\"budget_usd\":25}]}",
         1000);
    assert_string_equal(heard, "cost center sales: 3.30 of 25 dollars this month\n");
    tell(p, "{\"cost_centers\":[{\"name\":\"sales\",\"month_usd\":3.309,\"budget_usd\":25}]}",
         20000);
    assert_string_equal(heard, ""); /* less than a cent */
    tell(p, "{\"cost_centers\":[{\"name\":\"sales\",\"month_usd\":3.41,\"budget_usd\":25}]}", 2000);
    assert_string_equal(heard, ""); /* too soon after the last word */
    tell(p, "{\"cost_centers\":[{\"name\":\"sales\",\"month_usd\":3.41,\"budget_usd\":25}]}",
         30000);
    assert_string_equal(heard, "cost center sales: 3.41 of 25 dollars this month, was 3.30\n");
    tell(p, "{\"cost_centers\":[{\"name\":\"\",\"month_usd\":1,\"budget_usd\":null}]}", 30000);
    assert_string_equal(heard, "cost center without a name: 1 dollars this month\n");
    free(p);
}

#define DENIAL(id)                                                                                 \
    "{\"request_id\":\"" id "\",\"model\":\"claude-3-5-haiku\",\"limit\":\"haiku-minute\","        \
    "\"resets_at\":\"2027-01-15T08:00:40Z\"}"

static void denials_are_told_once_and_counted(void **state)
{
    (void)state;
    struct plain *p = start();
    tell(p, "{\"denials\":[" DENIAL("a") "]}", 1000);
    assert_string_equal(heard, "claude-3-5-haiku denied: haiku-minute, frees in 40 seconds\n");
    tell(p, "{\"denials\":[" DENIAL("a") "]}", 20000);
    assert_string_equal(heard, "");
    tell(p, "{\"denials\":[" DENIAL("c") "," DENIAL("b") "," DENIAL("a") "]}", 5000);
    assert_string_equal(heard, "");
    tell(p, "{\"denials\":[" DENIAL("d") "," DENIAL("c") "," DENIAL("b") "]}", 20000);
    assert_string_equal(heard,
                        "claude-3-5-haiku denied 3 times: haiku-minute, frees in 40 seconds\n");
    free(p);
}

#define LIMIT(used, blocked)                                                                       \
    "{\"limits\":[{\"name\":\"haiku-minute\",\"metric\":\"tokens\",\"amount\":6000,\"used\":" used \
    ",\"reserved\":0,\"blocked\":" blocked ",\"per\":[]}]}"

static void limits_are_told_when_they_fill_and_when_they_free(void **state)
{
    (void)state;
    struct plain *p = start();
    tell(p, LIMIT("600", "false"), 1000);
    assert_string_equal(heard, "limit haiku-minute has room: 10 percent of 6000 tokens\n");
    tell(p, LIMIT("4000", "false"), 20000);
    assert_string_equal(heard, "");
    tell(p, LIMIT("5100", "false"), 30000);
    assert_string_equal(heard,
                        "limit haiku-minute is nearly full: 85 percent of 6000 tokens, was 10\n");
    tell(p, LIMIT("5100", "true"), 50000);
    assert_string_equal(heard, "limit haiku-minute is blocked\n");
    tell(p, LIMIT("0", "false"), 90000);
    assert_non_null(strstr(heard, "has room: 0 percent"));
    free(p);
}

static void people_sources_and_control_characters(void **state)
{
    (void)state;
    struct plain *p = start();
    tell(p,
         "{\"events\":[{\"at\":\"1\",\"actor\":\"ann\",\"text\":\"old\"}],"
         "\"health\":{\"store\":\"ok\"},\"cloud\":[{\"source\":\"cloudwatch\",\"state\":\"ok\"}]}",
         1);
    assert_string_equal(heard, ""); /* what was before we came, and what is well */
    tell(p,
         "{\"events\":[{\"at\":\"3\",\"actor\":\"ann\",\"text\":\"ann\\u001b[2J changed it\"},"
         "{\"at\":\"21\",\"actor\":\"\",\"limit\":\"day\",\"text\":\"limit day burns 8 times\"},"
         "{\"at\":\"2\",\"actor\":\"\",\"limit\":\"day\",\"text\":\"threshold\"},"
         "{\"at\":\"1\",\"actor\":\"ann\",\"text\":\"old\"}],"
         "\"cloud\":[{\"source\":\"cloudwatch\",\"state\":\"error\",\"error\":\"denied\"}]}",
         2);
    assert_null(strchr(heard, '\033'));
    assert_non_null(strstr(heard, " changed it\n"));
    assert_null(strstr(heard, "threshold"));
    assert_non_null(strstr(heard, "limit day burns 8 times\n"));
    assert_non_null(strstr(heard, "cloudwatch: error, was ok: denied\n"));
    for (int i = 0; i < 2; i++) {
        tell(p, "{\"health\":{\"ledger_lost\":{\"at\":\"4\",\"text\":\"a long story\"}}}", 3 + i);
        assert_int_equal(strstr(heard, "ledger lost: 4: a long story\n") != NULL,
                         i == 0); /* once */
    }
    free(p);
}

/* As the core sends them: newest first, each snapshot with those before. */
static void each_event_is_told_once_as_they_happened(void **state)
{
    (void)state;
#define EVENT(at, text) "{\"at\":\"" at "\",\"actor\":\"ann\",\"text\":\"" text "\"}"
    static const char blocked[] = "{\"events\":[" EVENT("5", "block") "," EVENT(
        "4", "set") "],"
                    "\"health\":{\"all_blocked\":{\"actor\":\"ann\",\"reason\":\"runaway\"}}}";
    static const char more[] = "{\"events\":[" EVENT("6", "third") "," EVENT(
        "6", "second") "," EVENT("5", "first") "," EVENT("5", "block") "," EVENT("4", "set") "]}";
    struct plain *p = start();
    tell(p, blocked, 1);
    assert_string_equal(heard, "ALL CALLS ARE BLOCKED by ann: runaway\n"); /* it holds still */
    tell(p, blocked, 2);
    assert_string_equal(heard, "");
    tell(p, more, 3);
    assert_string_equal(heard, "first\nsecond\nthird\n");
    tell(p, more, 4);
    assert_string_equal(heard, "");
    free(p);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct plain *p = start();
    json_t *rows = json_array();
    for (int i = 0; i < 2 * PLAIN_SUBJECTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "center-%d", i);
        (void)json_array_append_new(rows, json_pack("{s:s, s:f}", "name", name, "month_usd", 1.0));
    }
    json_t *snapshot = json_pack("{s:o}", "cost_centers", rows);
    plain_tell(p, snapshot, 1, WALL);
    assert_int_equal(p->count, PLAIN_SUBJECTS);
    json_decref(snapshot);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spending_is_told_when_it_changed),
        cmocka_unit_test(denials_are_told_once_and_counted),
        cmocka_unit_test(limits_are_told_when_they_fill_and_when_they_free),
        cmocka_unit_test(people_sources_and_control_characters),
        cmocka_unit_test(each_event_is_told_once_as_they_happened),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
