/* test_changes.c: changes, overrides, keys and values, across a restart. */
#include "tests/unit/ledger/fixture.h"

static char dir[DIR_TEXT];
static struct ledger *ledger;

static int set_up(void **state)
{
    (void)state;
    dir_make(dir);
    ledger = ledger_at(dir, 0, 0); /* as a command opens it */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_close(ledger);
    dir_remove(dir);
    return 0;
}

static void reopen(void)
{
    ledger_close(ledger);
    ledger = ledger_at(dir, 1, 64 << 10);
}

static void changes_come_back(void **state)
{
    (void)state;
    const char *const limits[] = {"a", "b", "a", "a"};
    const char *const groups[] = {"", "", "costCenter=sales", ""};
    for (unsigned i = 0; i < 4; i++) {
        struct ledger_change c = {.time_ms = NOW_MS + i,
                                  .action = "limit.set",
                                  .old_value = "1",
                                  .new_value = "2",
                                  .until_ms = 5,
                                  .undoes = 6,
                                  .actor = "eva",
                                  .actor_uid = 1000 + i % 2,
                                  .reason = "r",
                                  .ticket = "t"};
        (void)str_copy(c.limit, sizeof(c.limit), str_of(limits[i]));
        (void)str_copy(c.group, sizeof(c.group), str_of(groups[i]));
        assert_int_equal(ledger_change(ledger, &c, NULL), ERR_OK);
        assert_int_equal(c.id, i + 1);
    }
    reopen();
    struct ledger_change c;
    assert_int_equal(ledger_get_change(ledger, 3, &c, NULL), ERR_OK);
    assert_int_equal(c.id, 3);
    assert_int_equal(c.seq, 3);
    assert_int_equal(c.time_ms, NOW_MS + 2);
    assert_string_equal(c.action, "limit.set");
    assert_string_equal(c.limit, "a");
    assert_string_equal(c.group, "costCenter=sales");
    assert_string_equal(c.old_value, "1");
    assert_string_equal(c.new_value, "2");
    assert_int_equal(c.until_ms, 5);
    assert_int_equal(c.undoes, 6);
    assert_string_equal(c.actor, "eva");
    assert_int_equal(c.actor_uid, 1000);
    assert_string_equal(c.reason, "r");
    assert_string_equal(c.ticket, "t");
    struct err_info ei = {0};
    assert_int_equal(ledger_get_change(ledger, 99, &c, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "99"));

    assert_int_equal(ledger_last_change(ledger, "a", "", -1, &c), ERR_OK);
    assert_int_equal(c.id, 4);
    assert_int_equal(ledger_last_change(ledger, "a", "", 1000, &c), ERR_OK);
    assert_int_equal(c.id, 1);
    assert_int_equal(ledger_last_change(ledger, "a", "costCenter=sales", -1, &c), ERR_OK);
    assert_int_equal(c.id, 3);
    assert_int_equal(ledger_last_change(ledger, NULL, NULL, 1000, &c), ERR_OK);
    assert_int_equal(c.id, 3);
    assert_int_equal(ledger_last_change(ledger, "c", "", -1, &c), ERR_NOT_FOUND);
    assert_int_equal(ledger_last_change(ledger, "b", "", 1000, &c), ERR_NOT_FOUND);
}

struct overrides {
    struct ledger_override at[4];
    size_t count;
};

static bool keep_override(void *arg, const struct ledger_override *o)
{
    struct overrides *all = arg;
    assert_true(all->count < 4);
    all->at[all->count++] = *o;
    return true;
}

static void overrides_are_put_replaced_dropped(void **state)
{
    (void)state;
    struct ledger_override o = {.id = 7,
                                .limit = "a",
                                .group = "costCenter=sales",
                                .has_amount = true,
                                .blocked = true,
                                .amount = 5,
                                .since_ms = 1,
                                .until_ms = 2,
                                .actor = "eva",
                                .actor_uid = 1000,
                                .reason = "r",
                                .ticket = "t"};
    assert_int_equal(ledger_put_override(ledger, &o, NULL), ERR_OK);
    o.amount = 9;
    assert_int_equal(ledger_put_override(ledger, &o, NULL), ERR_OK);
    (void)str_copy(o.group, sizeof(o.group), str_of(""));
    o.has_amount = false;
    assert_int_equal(ledger_put_override(ledger, &o, NULL), ERR_OK);
    reopen();
    struct overrides all = {0};
    assert_int_equal(ledger_overrides(ledger, keep_override, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 2);
    const struct ledger_override *sales = &all.at[all.at[0].group[0] == '\0' ? 1 : 0];
    const struct ledger_override *whole = &all.at[all.at[0].group[0] == '\0' ? 0 : 1];
    assert_int_equal(sales->id, 7);
    assert_int_equal(sales->amount, 9);
    assert_true(sales->has_amount && sales->blocked);
    assert_false(whole->has_amount);
    assert_string_equal(sales->limit, "a");
    assert_string_equal(sales->group, "costCenter=sales");
    assert_string_equal(sales->actor, "eva");
    assert_string_equal(sales->reason, "r");
    assert_string_equal(sales->ticket, "t");
    assert_int_equal(sales->actor_uid, 1000);
    assert_int_equal(sales->since_ms, 1);
    assert_int_equal(sales->until_ms, 2);
    assert_int_equal(ledger_drop_override(ledger, "a", "costCenter=sales", NULL), ERR_OK);
    assert_int_equal(ledger_drop_override(ledger, "none", "", NULL), ERR_OK);
    all.count = 0;
    assert_int_equal(ledger_overrides(ledger, keep_override, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 1);
    assert_string_equal(all.at[0].group, "");
}

struct keys {
    struct key_record at[4];
    size_t count;
};

static bool keep_key(void *arg, const struct key_record *k)
{
    struct keys *all = arg;
    assert_true(all->count < 4);
    all->at[all->count++] = *k;
    return true;
}

static struct key_record key_of(const char *name, const char *id)
{
    struct key_record k = {.tag_count = 2, .created_ms = 10, .expires_ms = 20};
    (void)str_copy(k.name, sizeof(k.name), str_of(name));
    (void)str_copy(k.access_key_id, sizeof(k.access_key_id), str_of(id));
    memset(k.bearer_sha256, 0, sizeof(k.bearer_sha256)); /* zeros must survive too */
    k.bearer_sha256[31] = 0xAB;
    (void)str_copy(k.tags[0].key, sizeof(k.tags[0].key), str_of("applicationId"));
    (void)str_copy(k.tags[0].value, sizeof(k.tags[0].value), str_of("docs"));
    memset(k.tags[1].key, 'k', TAG_KEY_MAX);
    memset(k.tags[1].value, 'v', TAG_VALUE_MAX);
    return k;
}

static void keys_live_and_die(void **state)
{
    (void)state;
    struct key_record k = key_of("docs-1", "TGKAAAAAAAAAAAAAAAAA"), out;
    struct err_info ei = {0};
    assert_int_equal(ledger_key_add(ledger, &k, NULL), ERR_OK);
    struct key_record other = key_of("docs-1", "TGKBBBBBBBBBBBBBBBBB");
    assert_int_equal(ledger_key_add(ledger, &other, &ei), ERR_EXISTS);
    assert_non_null(strstr(ei.text, "docs-1"));
    other = key_of("", "TGKBBBBBBBBBBBBBBBBB");
    assert_int_equal(ledger_key_add(ledger, &other, NULL), ERR_RANGE);
    assert_int_equal(ledger_key_used(ledger, k.access_key_id, 99, NULL), ERR_OK);
    assert_int_equal(ledger_key_used(ledger, k.access_key_id, 50, NULL), ERR_OK); /* later wins */
    assert_int_equal(ledger_key_used(ledger, "TGKZ", 50, NULL), ERR_NOT_FOUND);

    reopen();
    struct keys all = {0};
    assert_int_equal(ledger_keys(ledger, keep_key, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 1);
    k.last_used_ms = 99;
    assert_memory_equal(&all.at[0], &k, sizeof(k));

    err_clear(&ei);
    assert_int_equal(ledger_key_revoke(ledger, STR("nobody"), 40, &out, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "nobody"));
    assert_int_equal(ledger_key_revoke(ledger, STR("docs-1"), 40, &out, NULL), ERR_OK);
    assert_int_equal(out.revoked_ms, 40);
    assert_string_equal(out.access_key_id, k.access_key_id);
    err_clear(&ei);
    assert_int_equal(ledger_key_revoke(ledger, STR("docs-1"), 41, NULL, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "revoked at"));

    other = key_of("docs-1", "TGKBBBBBBBBBBBBBBBBB"); /* the name is free again */
    assert_int_equal(ledger_key_add(ledger, &other, NULL), ERR_OK);
    assert_int_equal(ledger_key_revoke(ledger, STR("TGKBBBBBBBBBBBBBBBBB"), 50, &out, NULL),
                     ERR_OK);
    all.count = 0;
    assert_int_equal(ledger_keys(ledger, keep_key, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.at[0].revoked_ms, 40);
    assert_int_equal(all.at[1].revoked_ms, 50);
}

static void values_come_back(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_int_equal(ledger_get_value(ledger, "cursor", &b), ERR_NOT_FOUND);
    assert_int_equal(ledger_put_value(ledger, "cursor", STR("old"), NULL), ERR_OK);
    assert_int_equal(ledger_put_value(ledger, "cursor", STR("a\0b"), NULL), ERR_OK);
    assert_int_equal(ledger_put_value(ledger, "passing", STR("x"), NULL), ERR_OK);
    assert_int_equal(ledger_drop_value(ledger, "passing", NULL), ERR_OK);
    assert_int_equal(ledger_drop_value(ledger, "passing", NULL), ERR_OK);
    struct buf none = {0};
    assert_int_equal(ledger_get_value(ledger, "passing", &none), ERR_NOT_FOUND);
    buf_free(&none);
    assert_int_equal(ledger_put_value(ledger, "empty", STR(""), NULL), ERR_OK);
    reopen();
    assert_int_equal(ledger_get_value(ledger, "cursor", &b), ERR_OK);
    assert_true(str_eq(buf_str(&b), STR("a\0b")));
    assert_int_equal(ledger_get_value(ledger, "empty", &b), ERR_OK);
    assert_int_equal(b.len, 3);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overrides_are_put_replaced_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_live_and_die, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_come_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
