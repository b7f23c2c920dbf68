/* test_audit_event.c: a log event is the line that `tollgate audit` prints, and requestId. */
#include "core/cloud/audit_batch.h"
#include "core/control/core_private.h"
#include "tests/unit/test.h"

static json_t *parsed(struct buf *text)
{
    json_t *o = json_loadb(buf_bytes(text), text->len, 0, NULL);
    assert_non_null(o);
    buf_free(text);
    return o;
}

static void check_same(const struct audit_entry *e)
{
    struct buf line = {0}, event = {0};
    json_t *entry = entry_json(e);
    assert_true(json_text(&line, entry));
    assert_true(audit_event(&event, e));
    json_t *expected = parsed(&line), *got = parsed(&event);
    if (!e->is_change) {
        assert_non_null(json_object_get(got, "requestId"));
        assert_int_equal(json_object_del(got, "requestId"), 0);
    }
    assert_true(json_equal(expected, got));
    json_decref(entry);
    json_decref(expected);
    json_decref(got);
}

static void calls_are_the_same(void **state)
{
    (void)state;
    struct arena a = {0};
    struct audit_entry e = {.seq = 3,
                            .time_ms = 1795225000123,
                            .request_id = STR("r-1"),
                            .dialect = STR("bedrock"),
                            .outcome = OUTCOME_DENIED,
                            .limit = STR("day"),
                            .error = STR("tab\tand \"quote\""),
                            .first_token_ms = -1,
                            .duration_ms = 7};
    assert_int_equal(tags_set(&e.tags, &a, STR("costCenter"), STR("sales")), ERR_OK);
    check_same(&e);
    e.operation = STR("Converse");
    e.model = STR("haiku");
    e.model_id = STR("us.haiku");
    e.principal = STR("TGKA");
    e.outcome = OUTCOME_APPROVED;
    e.usage_reported = e.priced = true;
    e.usd = 123456789;
    e.usage = (struct usage){1, 2, 3, 4, 5};
    e.first_token_ms = 12;
    check_same(&e);
    arena_free(&a);
}

static void changes_are_the_same(void **state)
{
    (void)state;
    static const struct str amounts[] = {STR(""), STR("blocked"), STR("100"), STR("12.5"),
                                         STR("0.000000001")};
    for (size_t i = 0; i < 5; i++) {
        struct audit_entry e = {.seq = 3,
                                .is_change = true,
                                .time_ms = 1795225000123,
                                .change_id = 9,
                                .action = STR("limit.set"),
                                .limit = STR("day"),
                                .group = STR("costCenter=sales,applicationId=a"),
                                .old_value = amounts[i],
                                .new_value = amounts[4 - i],
                                .actor_login = STR("ann"),
                                .actor_uid = i % 2 ? UINT32_MAX : 1000,
                                .reason = STR("because"),
                                .until_ms = i % 2 ? 1795229000000 : 0,
                                .undoes = i % 2 ? 4 : 0};
        check_same(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_the_same),
        cmocka_unit_test(changes_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
