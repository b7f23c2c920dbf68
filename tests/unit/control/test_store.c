/* The store fails under a running core: a full disk, a database that another program holds, a state
 * directory that is gone. What makes a limit stricter is possible all the same. */
#include "tests/unit/control/core_rig.h"

#include <sqlite3.h>
#include <sys/resource.h>

/* As a disk that is full for every file of this process, but for what is mapped already. */
static void disk_full(bool full)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = full ? 1 : r.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static json_t *set(const char *amount)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "name", "minute", "metric", "tokens", "amount", amount,
                     "yes", 1);
}

static const char *health_at(struct core_rig *r, const char *path)
{
    static char text[300];
    json_t *all = done(r, "status", NULL);
    (void)snprintf(text, sizeof(text), "%s", at(json_object_get(all, "health"), path));
    json_decref(all);
    return text;
}

static void store_now(void *arg)
{
    limit_unstored_store(arg, true);
}

static int restore_disk(void **state)
{
    (void)state;
    disk_full(false);
    return 0;
}

static void a_full_disk_refuses_no_block(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, LIMITS);
    assert_string_equal(health_at(&r, "store_failure"), "\"deny\"");
    json_decref(done(&r, "limit.set", set("90k")));
    disk_full(true);
    refused(&r, "limit.set", set("95k"), ERR_IO, "ledger");
    assert_string_equal(limit_at(&r, "limits.0.amount"), "90000");
    json_t *lower = done(&r, "limit.set", set("50k"));
    assert_non_null(strstr(at(lower, "warning"), "not stored"));
    assert_at(lower, "old", "90000");
    assert_at(lower, "change_id", "null");
    json_decref(lower);
    assert_string_equal(limit_at(&r, "limits.0.amount"), "50000");
    refused(&r, "limit.set", set("70k"), ERR_IO,
            "ledger"); /* neither stricter nor what is stored */
    assert_string_equal(limit_at(&r, "limits.0.amount"), "50000");
    json_decref(done(&r, "limit.block", json_pack("{s:s, s:b}", "name", "minute", "yes", 1)));
    assert_string_equal(limit_at(&r, "limits.0.blocked"), "true");
    json_decref(done(&r, "limit.block", json_pack("{s:s, s:b}", "name", "pair", "yes", 1)));
    assert_string_equal(health_at(&r, "unstored_changes"), "2");
    refused(&r, "limit.set", set("95k"), ERR_CONFLICT, "blocked");
    /* Back to what is stored, which needs no disk. */
    json_decref(done(&r, "limit.unblock", json_pack("{s:s}", "name", "pair")));
    assert_string_equal(limit_at(&r, "limits.2.blocked"), "false");
    assert_string_equal(health_at(&r, "unstored_changes"), "1");
    disk_full(false);
    assert_true(server_run(r.core->server, store_now, r.core));
    assert_string_equal(health_at(&r, "unstored_changes"), "0");
    json_t *history = done(&r, "limit.history", json_pack("{s:s}", "name", "minute"));
    assert_at(history, "changes.0.action", "\"limit.block\"");
    json_decref(history);
    rig_restart(&r);
    assert_string_equal(limit_at(&r, "limits.0.blocked"), "true");
    assert_string_equal(limit_at(&r, "limits.2.blocked"), "false");
    json_decref(done(&r, "limit.undo", NULL));
    assert_string_equal(limit_at(&r, "limits.0.blocked"), "false");
    assert_string_equal(limit_at(&r, "limits.0.amount"), "90000");
    rig_close(&r);
}

static void a_database_that_is_held_refuses_no_block(void **state)
{
    (void)state;
    struct core_rig r;
    char path[128];
    sqlite3 *other;
    rig_open(&r, LIMITS);
    (void)snprintf(path, sizeof(path), "%s/state/ledger.db", r.dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(other, 20000), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    json_t *blocked = done(&r, "limit.block", json_pack("{s:s, s:b}", "name", "minute", "yes", 1));
    assert_non_null(strstr(at(blocked, "warning"), "another program"));
    json_decref(blocked);
    assert_string_equal(limit_at(&r, "limits.0.blocked"), "true");
    /* Nothing is called, so that nobody but who changes something finds out: from then on it is
     * known, and the next one does not wait for it. */
    struct ledger_health h;
    ledger_health(r.core->ledger, &h);
    assert_false(h.ok);
    assert_non_null(strstr(h.text, "another program"));
    json_decref(done(&r, "limit.block", json_pack("{s:s, s:b}", "name", "pair", "yes", 1)));
    assert_string_equal(health_at(&r, "unstored_changes"), "2");
    refused(&r, "limit.set",
            json_pack("{s:s, s:s, s:s}", "name", "budget", "metric", "usd", "amount", "300"),
            ERR_BUSY, "the ledger is");
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    WAIT_FOR((ledger_health(r.core->ledger, &h), h.ok));
    assert_true(server_run(r.core->server, store_now, r.core));
    rig_restart(&r);
    assert_string_equal(limit_at(&r, "limits.0.blocked"), "true");
    rig_close(&r);
}

static void a_state_directory_that_goes_is_noticed(void **state)
{
    (void)state;
    struct core_rig r;
    char dir[96], away[96];
    struct ledger_health h;
    rig_open(&r, LIMITS);
    (void)snprintf(dir, sizeof(dir), "%s/state", r.dir);
    (void)snprintf(away, sizeof(away), "%s/away", r.dir);
    assert_int_equal(rename(dir, away), 0);
    WAIT_FOR((ledger_health(r.core->ledger, &h), !h.ok));
    assert_non_null(strstr(h.text, "deleted or replaced"));
    struct call call = {.operation = "Converse"};
    uint64_t slot;
    assert_int_equal(ledger_admitted(r.core->ledger, 0, &call, &slot), ERR_IO);
    assert_int_equal(mkdir(dir, 0711), 0); /* another one in its place is not ours */
    usleep(10000);
    ledger_health(r.core->ledger, &h);
    assert_false(h.ok);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(rename(away, dir), 0);
    WAIT_FOR((ledger_health(r.core->ledger, &h), h.ok));
    rig_close(&r);
}

static void a_ledger_that_went_is_told(void **state)
{
    (void)state;
    struct core_rig r;
    char path[128];
    rig_open(&r, LIMITS);
    assert_string_equal(health_at(&r, "ledger_lost"), "null");
    json_decref(done(&r, "limit.set", set("90k")));
    core_close(r.core);
    (void)snprintf(path, sizeof(path), "%s/state/ledger.db", r.dir);
    assert_int_equal(unlink(path), 0);
    rig_start(&r);
    assert_non_null(strstr(health_at(&r, "ledger_lost.text"), "began anew"));
    assert_string_equal(health_at(&r, "store"), "\"ok\"");
    json_t *undone = command(&r, "limit.undo", NULL); /* no change of anybody's */
    assert_null(undone);
    rig_restart(&r);
    assert_non_null(strstr(health_at(&r, "ledger_lost.text"), "began anew"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_full_disk_refuses_no_block, restore_disk),
        cmocka_unit_test(a_database_that_is_held_refuses_no_block),
        cmocka_unit_test(a_state_directory_that_goes_is_noticed),
        cmocka_unit_test(a_ledger_that_went_is_told),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
