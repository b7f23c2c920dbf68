/* test_sums.c: sums against brute force over the same calls, and what limits get back at start. */
#include "tests/unit/ledger/fixture.h"

#define CALLS 3000

/* A call as the test remembers it. */
struct plain {
    int64_t time_ms;
    const char *model, *application, *cost_center;
    enum call_outcome outcome;
    struct usage usage;
    bool reported, priced;
    money_t usd;
};

static struct plain calls[CALLS];

static const char *const applications[] = {"docs", "chat", "search"};
static const char *const cost_centers[] = {"sales", "support", NULL};

static bool nothing_used(const struct usage *u)
{
    return u->input + u->output + u->cache_read + u->cache_write_5m + u->cache_write_1h == 0;
}

static void draw(struct plain *p)
{
    p->time_ms = NOW_MS - random() % (6 * HOUR_MS);
    p->model = random() % 2 == 0 ? "haiku" : "nova-lite";
    p->application = applications[random() % 3];
    p->cost_center = cost_centers[random() % 3];
    p->outcome = (enum call_outcome)(OUTCOME_APPROVED + random() % 4);
    bool served = p->outcome == OUTCOME_APPROVED || p->outcome == OUTCOME_FAILED;
    p->reported = random() % 4 != 0;
    p->priced = served && random() % 5 != 0;
    memset(&p->usage, 0, sizeof(p->usage));
    if (served && random() % 6 != 0) {
        p->usage = (struct usage){random() % 5000, random() % 5000, random() % 100, random() % 100,
                                  random() % 100};
    }
    p->usd = served && !nothing_used(&p->usage) ? random() % 1000000000 : 0; /* or charged */
}

static void store(struct ledger *g, unsigned n, const struct plain *p)
{
    struct call c;
    call_fill(&c, n);
    memset(&c.tags, 0, sizeof(c.tags));
    call_tag(&c, "applicationId", p->application);
    if (p->cost_center != NULL) {
        call_tag(&c, "costCenter", p->cost_center);
    }
    c.resolved.model = strcmp(p->model, "haiku") == 0 ? &model_haiku : &model_nova;
    c.admitted_wall_ms = p->time_ms;
    call_end(&c, 0, 0);
    c.outcome = p->outcome;
    c.usage = p->usage;
    c.usage_reported = p->reported;
    c.priced = p->priced;
    c.usd = p->usd;
    if (p->outcome == OUTCOME_DENIED || p->outcome == OUTCOME_REJECTED) {
        c.limit = p->outcome == OUTCOME_DENIED ? "haiku-minute" : NULL;
        ledger_refused(g, 0, &c, "", 0);
    } else {
        store_settled(g, 0, &c);
    }
    call_clear(&c);
}

/* Independent of the ledger's own way of counting. */
static void count(struct totals *t, const struct plain *p)
{
    switch (p->outcome) {
    case OUTCOME_DENIED:
        t->requests++;
        t->denied++;
        return;
    case OUTCOME_REJECTED:
        t->rejected++;
        return;
    case OUTCOME_APPROVED:
    case OUTCOME_FAILED:
    case OUTCOME_OPEN:
        break;
    }
    bool released = p->outcome == OUTCOME_FAILED && p->reported && nothing_used(&p->usage);
    t->requests++;
    t->approved++;
    t->failed += p->outcome == OUTCOME_FAILED;
    t->input_tokens += p->usage.input;
    t->output_tokens += p->usage.output;
    t->cache_read_tokens += p->usage.cache_read;
    t->cache_write_tokens += p->usage.cache_write_5m + p->usage.cache_write_1h;
    t->usd += p->priced ? p->usd : 0;
    t->unpriced += !released && !p->priced;
    t->estimated += !released && !p->reported;
}

static void assert_totals(const struct totals *a, const struct totals *b)
{
    assert_int_equal(a->requests, b->requests);
    assert_int_equal(a->approved, b->approved);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->denied, b->denied);
    assert_int_equal(a->rejected, b->rejected);
    assert_int_equal(a->input_tokens, b->input_tokens);
    assert_int_equal(a->output_tokens, b->output_tokens);
    assert_int_equal(a->cache_read_tokens, b->cache_read_tokens);
    assert_int_equal(a->cache_write_tokens, b->cache_write_tokens);
    assert_int_equal(a->usd, b->usd);
    assert_int_equal(a->unpriced, b->unpriced);
    assert_int_equal(a->estimated, b->estimated);
    assert_int_equal(a->open, 0);
}

/* --- the ledger that all tests of this file read --- */

static char dir[DIR_TEXT];
static struct ledger *ledger;

static int set_up(void **state)
{
    (void)state;
    srandom(11);
    dir_make(dir);
    clock_set_fake_wall(NOW_MS); /* minutes are forgotten three hours before it */
    ledger = ledger_at(dir, 1, 0);
    for (unsigned i = 0; i < CALLS; i++) {
        draw(&calls[i]);
        store(ledger, i + 1, &calls[i]);
        if (i % 500 == 0) {
            assert_int_equal(ledger_flush(ledger, 5000), ERR_OK);
        }
    }
    assert_int_equal(ledger_flush(ledger, 5000), ERR_OK);
    clock_set_fake_wall(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_close(ledger);
    dir_remove(dir);
    return 0;
}

/* --- a query against brute force --- */

struct check {
    const struct ledger_query *query;
    int64_t origin;
    size_t rows;
    int64_t last_bucket;
    struct totals all;
};

static const char *value_of(const struct plain *p, const char *key)
{
    const char *v = NULL;
    if (strcmp(key, "model") == 0) {
        v = p->model;
    } else if (strcmp(key, "application") == 0 || strcmp(key, "applicationId") == 0) {
        v = p->application;
    } else if (strcmp(key, "costCenter") == 0) {
        v = p->cost_center;
    } else if (strcmp(key, "outcome") == 0) {
        v = call_outcome_name(p->outcome);
    } else if (strcmp(key, "limit") == 0) {
        v = p->outcome == OUTCOME_DENIED ? "haiku-minute" : "";
    }
    return v != NULL ? v : "";
}

static bool asked_for(const struct ledger_query *q, const struct plain *p)
{
    for (size_t i = 0; i < q->where_count; i++) {
        if (strcmp(value_of(p, q->where[i].key), q->where[i].value) != 0) {
            return false;
        }
    }
    return p->time_ms >= q->since_ms && (q->until_ms == 0 || p->time_ms < q->until_ms);
}

static bool check_row(void *arg, const struct ledger_row *row)
{
    struct check *check = arg;
    const struct ledger_query *q = check->query;
    struct totals expected = {0};
    for (size_t i = 0; i < CALLS; i++) {
        const struct plain *p = &calls[i];
        bool same = asked_for(q, p);
        for (size_t k = 0; same && k < q->by_count; k++) {
            same = str_is(row->key[k], value_of(p, q->by[k]));
        }
        if (same && q->bucket_ms > 0) {
            int64_t bucket = (p->time_ms - check->origin) / q->bucket_ms;
            same = row->bucket_ms == check->origin + bucket * q->bucket_ms;
        }
        if (same) {
            count(&expected, p);
        }
    }
    assert_totals(&row->totals, &expected);
    assert_true(row->bucket_ms >= check->last_bucket); /* in order of time */
    check->last_bucket = row->bucket_ms;
    check->rows++;
    totals_add(&check->all, &row->totals);
    return true;
}

static void assert_query(const struct ledger_query *q, int64_t origin, size_t rows)
{
    struct check check = {.query = q, .origin = origin};
    struct err_info ei = {0};
    struct totals expected = {0};
    assert_int_equal(ledger_sum(ledger, q, check_row, &check, &ei), ERR_OK);
    for (size_t i = 0; i < CALLS; i++) {
        if (asked_for(q, &calls[i])) {
            count(&expected, &calls[i]);
        }
    }
    assert_totals(&check.all, &expected); /* no call is in two rows or in none */
    if (rows > 0) {
        assert_int_equal(check.rows, rows);
    }
}

static void everything_in_one_row(void **state)
{
    (void)state;
    struct ledger_query q = {0};
    assert_query(&q, 0, 1);
}

static void ragged_ranges(void **state)
{
    (void)state;
    const int64_t whole = NOW_MS - NOW_MS % QUARTER_MS;
    const int64_t ranges[][2] = {
        {NOW_MS - 5 * HOUR_MS, NOW_MS - HOUR_MS},
        {NOW_MS - 5 * HOUR_MS + 1, NOW_MS - 7},
        {whole - 4 * HOUR_MS, whole},
        {whole - 4 * HOUR_MS + 1, whole + 1},
        {whole - 4 * HOUR_MS - 1, whole - 1},
        {NOW_MS - 3 * MINUTE_MS, NOW_MS},
        {whole - QUARTER_MS, whole},
        {NOW_MS, NOW_MS},
        {NOW_MS, NOW_MS - HOUR_MS},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct ledger_query q = {.since_ms = ranges[i][0],
                                 .until_ms = ranges[i][1],
                                 .by = {"model", "costCenter"},
                                 .by_count = 2};
        assert_query(&q, 0, 0);
    }
}

static void by_every_key(void **state)
{
    (void)state;
    struct ledger_query q = {.by = {"model"}, .by_count = 1};
    assert_query(&q, 0, 2);
    q.by[0] = "application"; /* the short name */
    assert_query(&q, 0, 3);
    q.by[0] = "costCenter"; /* absent counts under the empty name */
    assert_query(&q, 0, 3);
    q.by[0] = "outcome";
    assert_query(&q, 0, 4);
    q.by[0] = "limit";
    assert_query(&q, 0, 2);
    q = (struct ledger_query){.by = {"model", "applicationId", "costCenter", "outcome"},
                              .by_count = 4};
    assert_query(&q, 0, 2 * 3 * 3 * 4);
}

static void by_time(void **state)
{
    (void)state;
    const int64_t whole = NOW_MS - NOW_MS % QUARTER_MS, minute = NOW_MS - NOW_MS % MINUTE_MS;
    struct ledger_query q = {.since_ms = whole - 2 * HOUR_MS,
                             .until_ms = whole + QUARTER_MS,
                             .bucket_ms = QUARTER_MS,
                             .by = {"model"},
                             .by_count = 1};
    assert_query(&q, q.since_ms, 2 * 9);
    q.bucket_ms = HOUR_MS;
    assert_query(&q, q.since_ms, 2 * 3);
    q.since_ms += 12345; /* buckets start with the quarter of an hour that since is in */
    assert_query(&q, whole - 2 * HOUR_MS, 0);
    q.bucket_ms = 20 * MINUTE_MS;
    assert_query(&q, whole - 2 * HOUR_MS, 0);
    q = (struct ledger_query){.since_ms = minute - 30 * MINUTE_MS, .bucket_ms = MINUTE_MS};
    assert_query(&q, q.since_ms, 0);
    q.since_ms += 777;
    assert_query(&q, minute - 30 * MINUTE_MS, 0);
}

static void where_holds(void **state)
{
    (void)state;
    struct ledger_query q = {.since_ms = NOW_MS - 4 * HOUR_MS,
                             .until_ms = NOW_MS,
                             .by = {"costCenter"},
                             .by_count = 1,
                             .where = {{"model", "haiku"}, {"application", "docs"}},
                             .where_count = 2};
    assert_query(&q, 0, 3);
    q.where[1].key = "outcome";
    q.where[1].value = "denied";
    assert_query(&q, 0, 3);
    q.where[1].value = "no such outcome";
    struct check check = {.query = &q};
    assert_int_equal(ledger_sum(ledger, &q, check_row, &check, NULL), ERR_OK);
    assert_int_equal(check.rows, 0);
}

static bool end_at_once(void *arg, const struct ledger_row *row)
{
    (void)row;
    (*(int *)arg)++;
    return false;
}

static void odd_queries(void **state)
{
    (void)state;
    struct ledger_query q = {.by = {"model"}, .by_count = 1};
    int rows = 0;
    assert_int_equal(ledger_sum(ledger, &q, end_at_once, &rows, NULL), ERR_OK);
    assert_int_equal(rows, 1);
    q.by_count = 9;
    assert_int_equal(ledger_sum(ledger, &q, end_at_once, &rows, NULL), ERR_RANGE);
    q = (struct ledger_query){.since_ms = -1};
    assert_int_equal(ledger_sum(ledger, &q, end_at_once, &rows, NULL), ERR_RANGE);
}

/* --- restoring --- */

struct restored {
    int64_t since_ms, fine_ms;
    struct usage usage;
    int64_t requests, rows, crash;
    money_t usd;
    bool minutes_known; /* of every call */
};

static bool take(void *arg, const struct ledger_past *p)
{
    struct restored *r = arg;
    int64_t admitted_ms = p->admitted_ms;
    assert_true(str_is(p->model_name, "haiku") || str_is(p->model_name, "nova-lite"));
    assert_true(tags_get(p->tags, "applicationId").n > 0);
    assert_int_equal(p->principal.n, 20);
    assert_true(admitted_ms >= r->since_ms);
    int64_t age = NOW_MS - admitted_ms; /* a sum begins where a limit's slot of then does */
    assert_true(age <= 11000 || admitted_ms == r->since_ms || admitted_ms % 1000 == 0);
    assert_true(age <= 2 * MINUTE_MS + 1000 || admitted_ms % MINUTE_MS == 0 ||
                admitted_ms < r->since_ms + MINUTE_MS || !r->minutes_known);
    r->usage.input += p->usage.input;
    r->usage.output += p->usage.output;
    r->usage.cache_read += p->usage.cache_read;
    r->usage.cache_write_5m += p->usage.cache_write_5m;
    r->usage.cache_write_1h += p->usage.cache_write_1h;
    r->usd += p->usd;
    r->requests += p->requests;
    r->crash += p->crash;
    r->rows++;
    return true;
}

static void assert_restored(struct ledger *g, int64_t since_ms, bool minutes_known, bool fewer)
{
    struct restored r = {
        .since_ms = since_ms, .fine_ms = NOW_MS - 61000, .minutes_known = minutes_known};
    struct plain sum = {0};
    int64_t requests = 0;
    assert_int_equal(ledger_restore(g, since_ms, r.fine_ms, NULL, take, &r, NULL), ERR_OK);
    for (size_t n = 0; n < CALLS; n++) {
        const struct plain *p = &calls[n];
        struct totals t = {0};
        count(&t, p);
        bool released = p->outcome == OUTCOME_FAILED && p->reported && nothing_used(&p->usage);
        if (p->time_ms < since_ms || t.approved == 0 || released) {
            continue;
        }
        requests++;
        sum.usage.input += p->usage.input;
        sum.usage.output += p->usage.output;
        sum.usage.cache_read += p->usage.cache_read;
        sum.usage.cache_write_5m += p->usage.cache_write_5m;
        sum.usage.cache_write_1h += p->usage.cache_write_1h;
        sum.usd += p->usd;
    }
    assert_int_equal(r.requests, requests);
    assert_memory_equal(&r.usage, &sum.usage, sizeof(r.usage));
    assert_int_equal(r.usd, sum.usd);
    assert_true(fewer ? r.rows < requests : r.rows <= requests);
}

static void limits_get_back_what_was_used(void **state)
{
    (void)state;
    const int64_t whole = NOW_MS - NOW_MS % QUARTER_MS;
    clock_set_fake_wall(NOW_MS);
    assert_restored(ledger, NOW_MS - 9000, true, false);
    assert_restored(ledger, NOW_MS - 61000, true, false);
    assert_restored(ledger, NOW_MS - 30 * MINUTE_MS, true, false);
    assert_restored(ledger, NOW_MS - 61 * MINUTE_MS, true, true);
    assert_restored(ledger, NOW_MS - 5 * HOUR_MS, false, true);
    assert_restored(ledger, whole - 5 * HOUR_MS, false, true);
    assert_restored(ledger, 0, false, true);
    clock_set_fake_wall(0);
}

/* --- what is kept by the minute --- */

static void store_all(struct ledger *g, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        store(g, (unsigned)i + 1, &calls[i]);
    }
    assert_int_equal(ledger_flush(g, 5000), ERR_OK);
}

/* Of six hours of calls, in no order, three are kept by the minute: whether a call came before or
 * after its minute was forgotten, sums are the same. */
static void old_minutes_are_forgotten(void **state)
{
    struct fixture *f = *state;
    clock_set_fake_wall(NOW_MS);
    struct ledger *g = f->ledger;
    store_all(g, 0, CALLS / 2);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(ledger_flush(g, 5000), ERR_OK); /* cleans a little each time */
    }
    int64_t oldest = NOW_MS - 3 * HOUR_MS - (NOW_MS - 3 * HOUR_MS) % MINUTE_MS;
    assert_int_equal(database_number(f->dir, "SELECT minutes_from FROM counter"), oldest);
    assert_true(database_number(f->dir, "SELECT count(*) FROM minutes") > 0);
    store_all(g, CALLS / 2, CALLS);
    assert_true(database_number(f->dir, "SELECT min(bucket) FROM minutes") >= oldest);
    struct ledger *shared = ledger;
    ledger = g;
    ragged_ranges(NULL);
    by_time(NULL);
    ledger = shared;
    clock_set_fake_wall(NOW_MS);
    assert_restored(g, NOW_MS - 5 * HOUR_MS, false, true);
    assert_restored(g, NOW_MS - 2 * HOUR_MS, true, true);
}

/* A ledger without minutes gets them for what comes, and counts each call once. */
static void earlier_version_is_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    struct err_info ei = {0};
    clock_set_fake_wall(NOW_MS);
    struct ledger *g = f->ledger;
    store_all(g, 0, CALLS / 2);
    ledger_close(g);
    database_run(f->dir, "DROP TABLE minutes; ALTER TABLE counter DROP COLUMN minutes_from;"
                         "DROP INDEX keys_subject; ALTER TABLE keys DROP COLUMN subject;"
                         "DROP TABLE packs; ALTER TABLE counter DROP COLUMN packed_from;"
                         "DROP INDEX series_day; ALTER TABLE series DROP COLUMN day;"
                         "PRAGMA user_version=1");
    assert_null(ledger_open_read(f->dir, &ei));
    assert_int_equal(ei.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(ei.text, "earlier"));
    g = f->ledger = ledger_at(f->dir, 1, 0);
    store_all(g, CALLS / 2, CALLS);
    struct ledger *shared = ledger;
    ledger = g;
    everything_in_one_row(NULL);
    ragged_ranges(NULL);
    by_time(NULL);
    ledger = shared;
    assert_restored(g, NOW_MS - HOUR_MS, false, false);
    assert_int_equal(database_number(f->dir, "SELECT count(*) FROM minutes"), 0);
    struct plain later = {NOW_MS + QUARTER_MS, "haiku", "docs", "sales", OUTCOME_APPROVED,
                          {.input = 5},        true,    true,   17};
    store(g, CALLS + 1, &later);
    assert_int_equal(ledger_flush(g, 5000), ERR_OK);
    assert_int_equal(database_number(f->dir, "SELECT sum(usd) FROM minutes"), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_one_row),
        cmocka_unit_test(ragged_ranges),
        cmocka_unit_test(by_every_key),
        cmocka_unit_test(by_time),
        cmocka_unit_test(where_holds),
        cmocka_unit_test(odd_queries),
        cmocka_unit_test(limits_get_back_what_was_used),
        FIXTURE_TEST(old_minutes_are_forgotten),
        FIXTURE_TEST(earlier_version_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
