/* test_lost.c: a ledger.db that went, was emptied or is an older copy is noticed at the start, kept
 * in the audit and told for a day; a new state directory and a restored backup are not. */
#include "tests/unit/ledger/fixture.h"

#include "core/base/clock.h"

#include <fcntl.h>

static char dir[DIR_TEXT];

static int set_up(void **state)
{
    (void)state;
    dir_make(dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dir_remove(dir);
    return 0;
}

static const char *in_dir(const char *name)
{
    static char path[4][DIR_TEXT + 32];
    static unsigned turn;
    char *out = path[turn++ % 4];
    (void)snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
    return out;
}

static bool was_lost(struct ledger *g)
{
    struct ledger_health h;
    ledger_health(g, &h);
    assert_int_equal(h.lost_ms > 0, h.lost_text[0] != '\0');
    assert_true(h.ok);
    return h.lost_ms > 0;
}

static bool count_lost(void *arg, const struct audit_entry *e)
{
    if (e->is_change && str_is(e->action, "ledger.lost")) {
        assert_true(e->reason.n > 0);
        assert_true(str_is(e->actor_login, "tollgate"));
        (*(int *)arg)++;
    }
    return true;
}

static int entries(struct ledger *g)
{
    int n = 0;
    struct audit_query q = {.changes = true, .calls = true};
    assert_int_equal(ledger_audit(g, &q, count_lost, &n, NULL), ERR_OK);
    return n;
}

static void live_once(unsigned calls)
{
    struct ledger *g = ledger_at(dir, 2, 0);
    for (unsigned n = 1; n <= calls; n++) {
        store_plain(g, (int)(n % 2), n);
    }
    ledger_close(g);
}

static void assert_start(int workers, bool lost, int in_audit)
{
    struct ledger *g = ledger_at(dir, workers, 0);
    assert_int_equal(was_lost(g), lost);
    assert_int_equal(entries(g), in_audit);
    ledger_close(g);
}

static void copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    int in = open(in_dir(from), O_RDONLY | O_CLOEXEC);
    int out = open(in_dir(to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = read(in, bytes, sizeof(bytes));
    assert_true(n > 0 && n < (ssize_t)sizeof(bytes));
    assert_int_equal(write(out, bytes, (size_t)n), n);
    assert_int_equal(close(in) | close(out), 0);
}

static void nothing_is_lost(void **state)
{
    (void)state;
    assert_start(2, false, 0);
    live_once(0);
    assert_start(2, false, 0);
    live_once(5);
    live_once(0);
    assert_start(0, false, 0); /* a command takes the journals away */
    assert_start(2, false, 0);
    live_once(3);
    assert_start(1, false, 0);
    assert_start(3, false, 0);
    assert_int_equal(unlink(in_dir("ledger.made")), 0); /* of a tollgate that did not know it yet */
    assert_start(3, false, 0);
    assert_int_equal(access(in_dir("ledger.made"), F_OK), 0);
}

static void a_database_that_went_is_noticed(void **state)
{
    (void)state;
    live_once(5);
    assert_int_equal(unlink(in_dir("ledger.db")), 0);
    assert_start(2, true, 1);
    assert_start(2, true, 1); /* said again, not noted again */
    assert_start(0, true, 1);
    clock_set_fake_wall(clock_wall_ms() + DAY_MS + 1000);
    assert_start(2, false, 1); /* a day later it stays in the audit */
    clock_set_fake_wall(0);
    assert_int_equal(unlink(in_dir("ledger.db")), 0);
    assert_int_equal(unlink(in_dir("ledger.made")), 0); /* the journals say so too */
    assert_start(2, true, 1);
}

static void a_command_notices_too(void **state)
{
    (void)state;
    live_once(5);
    assert_start(0, false, 0); /* no journals any more */
    assert_int_equal(truncate(in_dir("ledger.db"), 0), 0);
    assert_start(0, true, 1);
    assert_start(2, true, 1);
}

static void an_older_copy_is_noticed(void **state)
{
    (void)state;
    live_once(5);
    copy("ledger.db", "copy.db");
    live_once(0);
    copy("copy.db", "ledger.db"); /* nothing was stored since */
    assert_start(2, false, 0);
    copy("ledger.db", "copy.db");
    live_once(5);
    copy("copy.db", "ledger.db");
    assert_start(2, true, 1);
}

/* In an empty directory, as README has it. */
static void a_backup_in_an_empty_directory_is_good(void **state)
{
    (void)state;
    live_once(5);
    live_once(5);
    assert_int_equal(unlink(in_dir("journal.0")), 0);
    assert_int_equal(unlink(in_dir("journal.1")), 0);
    assert_int_equal(unlink(in_dir("ledger.made")), 0);
    assert_start(2, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_that_went_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_notices_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_copy_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_backup_in_an_empty_directory_is_good, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
