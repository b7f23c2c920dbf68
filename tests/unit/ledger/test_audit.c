/* test_audit.c: one list over calls and changes: order, cursor, conditions. */
#include "tests/unit/ledger/fixture.h"

static char dir[DIR_TEXT];
static struct ledger *ledger;

/* What entry number seq is: every third a change, else a call, every other of which is denied. */
#define ENTRIES 60

static bool is_change(int64_t seq)
{
    return seq % 3 == 0;
}
static bool is_denied(int64_t seq)
{
    return !is_change(seq) && seq % 2 == 0;
}
static int64_t time_of(int64_t seq)
{
    return NOW_MS + seq * 1000;
}

static void put_change(int64_t seq)
{
    struct ledger_change c = {.time_ms = time_of(seq),
                              .action = "limit.set",
                              .old_value = "100k",
                              .new_value = "200k",
                              .until_ms = NOW_MS,
                              .undoes = 3,
                              .actor = "eva",
                              .actor_uid = 1000,
                              .reason = "because",
                              .ticket = "OPS-1"};
    (void)str_copy(c.limit, sizeof(c.limit), str_of(seq % 2 == 0 ? "haiku-minute" : "sales-day"));
    (void)str_copy(c.group, sizeof(c.group), str_of("costCenter=sales,environment=prod"));
    assert_int_equal(ledger_change(ledger, &c, NULL), ERR_OK);
    assert_int_equal(c.seq, seq);
    assert_int_equal(c.id, seq / 3);
}

static void put_call(int64_t seq)
{
    struct call call;
    call_fill(&call, (unsigned)seq);
    call.admitted_wall_ms = time_of(seq);
    if (seq % 5 == 0) {
        call_tag(&call, "environment", "prod");
    }
    if (is_denied(seq)) {
        call.outcome = OUTCOME_DENIED;
        call.limit = seq % 4 == 0 ? "haiku-minute" : "sales-day";
        ledger_refused(ledger, 0, &call, "costCenter=sales", NOW_MS);
    } else {
        call_end(&call, seq, seq);
        store_settled(ledger, 0, &call);
    }
    call_clear(&call);
    assert_int_equal(ledger_flush(ledger, 1000), ERR_OK);
}

static int set_up(void **state)
{
    (void)state;
    dir_make(dir);
    ledger = ledger_at(dir, 1, 0);
    for (int64_t seq = 1; seq <= ENTRIES; seq++) {
        if (is_change(seq)) {
            put_change(seq);
        } else {
            put_call(seq);
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_close(ledger);
    dir_remove(dir);
    return 0;
}

struct list {
    int64_t seq[ENTRIES];
    size_t count, end_after;
};

static bool note(void *arg, const struct audit_entry *e)
{
    struct list *l = arg;
    assert_true(l->count < ENTRIES);
    assert_int_equal(e->is_change, is_change(e->seq));
    assert_int_equal(e->time_ms, time_of(e->seq));
    if (e->is_change) {
        assert_int_equal(e->change_id, e->seq / 3);
        assert_true(str_is(e->action, "limit.set"));
        assert_true(str_is(e->old_value, "100k"));
        assert_true(str_is(e->new_value, "200k"));
        assert_int_equal(e->until_ms, NOW_MS);
        assert_int_equal(e->undoes, 3);
        assert_true(str_is(e->actor_login, "eva"));
        assert_int_equal(e->actor_uid, 1000);
        assert_true(str_is(e->reason, "because"));
        assert_true(str_is(e->ticket, "OPS-1"));
    } else {
        assert_int_equal(e->outcome, is_denied(e->seq) ? OUTCOME_DENIED : OUTCOME_APPROVED);
    }
    l->seq[l->count++] = e->seq;
    return l->count != l->end_after;
}

static void assert_list(const struct audit_query *q, bool (*wanted)(int64_t seq), size_t least)
{
    struct list l = {0};
    struct err_info ei = {0};
    assert_int_equal(ledger_audit(ledger, q, note, &l, &ei), ERR_OK);
    size_t at = 0;
    for (int64_t i = 1; i <= ENTRIES; i++) {
        int64_t seq = q->newest_first ? ENTRIES + 1 - i : i;
        if (wanted(seq)) {
            assert_true(at < l.count);
            assert_int_equal(l.seq[at++], seq);
        }
    }
    assert_int_equal(at, l.count);
    assert_true(l.count >= least);
}

static bool any(int64_t seq)
{
    return seq > 0;
}
static bool any_call(int64_t seq)
{
    return !is_change(seq);
}
static bool after_40(int64_t seq)
{
    return seq > 40;
}
static bool from_20_to_30(int64_t seq)
{
    return seq >= 20 && seq < 30;
}
static bool haiku_minute(int64_t seq)
{
    return is_change(seq) ? seq % 2 == 0 : is_denied(seq) && seq % 4 == 0;
}
static bool prod_calls(int64_t seq)
{
    return is_change(seq) || seq % 5 == 0;
}
static bool denied_prod(int64_t seq)
{
    return is_denied(seq) && seq % 5 == 0;
}
static bool seventh(int64_t seq)
{
    return seq == 7;
}
static bool sales_day_changes(int64_t seq)
{
    return is_change(seq) && seq % 2 == 1;
}
static bool none(int64_t seq)
{
    return seq < 0;
}

static void lists_in_one_order(void **state)
{
    (void)state;
    struct audit_query q = {.calls = true, .changes = true};
    assert_list(&q, any, ENTRIES);
    q.newest_first = true;
    assert_list(&q, any, ENTRIES);
    q = (struct audit_query){.calls = true};
    assert_list(&q, any_call, 40);
    q = (struct audit_query){.changes = true, .newest_first = true};
    assert_list(&q, is_change, 20);
    q = (struct audit_query){.denials_only = true};
    assert_list(&q, is_denied, 20);
    q = (struct audit_query){0};
    assert_list(&q, none, 0);
}

static void cursor_and_times(void **state)
{
    (void)state;
    struct audit_query q = {.calls = true, .changes = true, .after_seq = 40};
    assert_list(&q, after_40, 20);
    q = (struct audit_query){
        .calls = true, .changes = true, .since_ms = time_of(20), .until_ms = time_of(30)};
    assert_list(&q, from_20_to_30, 10);
    struct list l = {0};
    q = (struct audit_query){.calls = true, .changes = true, .newest_first = true, .max = 3};
    assert_int_equal(ledger_audit(ledger, &q, note, &l, NULL), ERR_OK);
    assert_int_equal(l.count, 3);
    assert_int_equal(l.seq[2], ENTRIES - 2);
    l = (struct list){.end_after = 5};
    q.max = 0;
    assert_int_equal(ledger_audit(ledger, &q, note, &l, NULL), ERR_OK);
    assert_int_equal(l.count, 5);
}

static void conditions_hold(void **state)
{
    (void)state;
    struct audit_query q = {.calls = true, .changes = true, .limit = "haiku-minute"};
    assert_list(&q, haiku_minute, 15);
    q = (struct audit_query){.calls = true,
                             .changes = true,
                             .where = {{"environment", "prod"}, {"costCenter", "sales"}},
                             .where_count = 2};
    assert_list(&q, prod_calls, 20);
    q.where[1].key = "outcome";
    q.where[1].value = "denied";
    assert_list(&q, denied_prod, 3);
    q.where_count = 1;
    q.where[0].key = "request_id";
    q.where[0].value = "00000000-0000-4000-8000-000000000007";
    assert_list(&q, seventh, 1);
    q.where[0].key = "limit";
    q.where[0].value = "sales-day";
    q.calls = false;
    assert_list(&q, sales_day_changes, 10);
    q.where[0].key = "actor";
    q.where[0].value = "adam";
    assert_list(&q, none, 0);
    q.where[0].value = "eva";
    assert_list(&q, is_change, 20);
    q.where_count = 9;
    assert_int_equal(ledger_audit(ledger, &q, note, NULL, NULL), ERR_RANGE);
}

/* A long call begins before one that is stored before it: times alone do not order them. */
static void old_marks_hide_nothing(void **state)
{
    struct ledger *g = fixture_ledger(state);
    for (unsigned hour = 0; hour < 48; hour++) {
        clock_set_fake_wall(NOW_MS + hour * HOUR_MS);
        struct call c;
        call_fill(&c, hour + 1);
        c.admitted_wall_ms = clock_wall_ms() - (hour % 2) * HOUR_MS * 3 / 2; /* ran so long */
        call_end(&c, 1, 1);
        store_settled(g, 0, &c);
        call_clear(&c);
        assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    }
    for (unsigned since = 0; since < 48; since++) {
        int64_t expected = 0, found = 0;
        for (unsigned hour = 0; hour < 48; hour++) {
            expected += hour * HOUR_MS - (hour % 2) * HOUR_MS * 3 / 2 >= since * HOUR_MS;
        }
        struct audit_query q = {.calls = true, .since_ms = NOW_MS + since * HOUR_MS};
        assert_int_equal(ledger_audit(g, &q, count_entry, &found, NULL), ERR_OK);
        assert_int_equal(found, expected);
    }
}

static void order_outlives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct ledger *g = f->ledger;
    store_plain(g, 0, 1);
    g = fixture_reopen(f);
    struct ledger_change c = {.action = "key.add"};
    assert_int_equal(ledger_change(g, &c, NULL), ERR_OK);
    assert_int_equal(c.seq, 2);
    g = fixture_reopen(f);
    store_plain(g, 0, 3);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    int64_t found = 0;
    struct audit_query q = {.calls = true, .after_seq = 2};
    assert_int_equal(ledger_audit(g, &q, count_entry, &found, NULL), ERR_OK);
    assert_int_equal(found, 1);
}

/* Few series pass the conditions, or more than are listed, or none. */
static void conditions_among_many_series(void **state)
{
    struct ledger *g = fixture_ledger(state);
    char application[16];
    for (unsigned n = 1; n <= 300; n++) {
        struct call c;
        uint64_t slot;
        call_fill(&c, n);
        (void)snprintf(application, sizeof(application), "a%u", n);
        c.tags.count = 0;
        call_tag(&c, "applicationId", application);
        call_tag(&c, "team", n == 300 ? "blue" : "red");
        assert_int_equal(ledger_admitted(g, 0, &c, &slot), ERR_OK);
        c.outcome = n % 2 == 0 ? OUTCOME_APPROVED : OUTCOME_FAILED;
        ledger_settled(g, 0, slot, &c);
        call_clear(&c);
    }
    assert_int_equal(ledger_flush(g, 20000), ERR_OK);
    static const struct {
        const char *key, *value;
        int64_t found;
    } cases[] = {{"application", "a17", 1},  {"application", "a301", 0},
                 {"team", "red", 299},       {"team", "blue", 1},
                 {"outcome", "failed", 150}, {"outcome", "none", 0},
                 {"nothing", "", 300},       {"team", "", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t found = 0;
        struct audit_query q = {
            .calls = true, .where = {{cases[i].key, cases[i].value}}, .where_count = 1};
        assert_int_equal(ledger_audit(g, &q, count_entry, &found, NULL), ERR_OK);
        assert_int_equal(found, cases[i].found);
        q.where[1].key = "outcome";
        q.where[1].value = "approved";
        q.where_count = 2;
        found = 0;
        assert_int_equal(ledger_audit(g, &q, count_entry, &found, NULL), ERR_OK);
        assert_in_range(found, 0, cases[i].found);
    }
}

static bool no_more(void *arg)
{
    ++*(int *)arg;
    return false;
}

/* Who asked has left: what finds nothing ends all the same. */
static void a_look_is_given_up(void **state)
{
    struct err_info ei = {0};
    int64_t found = 0;
    int asked = 0;
    struct ledger *g = fixture_ledger(state);
    for (unsigned n = 1; n <= 5000; n++) {
        store_plain(g, 0, n);
    }
    assert_int_equal(ledger_flush(g, 20000), ERR_OK);
    struct audit_query q = {.calls = true, .where = {{"outcome", "failed"}}, .where_count = 1};
    ledger_read_while(no_more, &asked);
    assert_int_equal(ledger_audit(g, &q, count_entry, &found, &ei), ERR_TIMEOUT);
    assert_true(asked > 0);
    assert_non_null(strstr(ei.text, "given up"));
    ledger_read_while(NULL, NULL);
    assert_int_equal(ledger_audit(g, &q, count_entry, &found, NULL), ERR_OK);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_look_is_given_up),       FIXTURE_TEST(conditions_among_many_series),
        cmocka_unit_test(lists_in_one_order),   cmocka_unit_test(cursor_and_times),
        cmocka_unit_test(conditions_hold),      FIXTURE_TEST(old_marks_hide_nothing),
        FIXTURE_TEST(order_outlives_a_restart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
