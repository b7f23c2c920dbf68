/* fixture.h: state directories that go away, and calls filled by hand. A test that FIXTURE_TEST
 * lists has a directory and its ledger, which it may close and open again. */
#ifndef TOLLGATE_TESTS_LEDGER_FIXTURE_H
#define TOLLGATE_TESTS_LEDGER_FIXTURE_H

#include "core/base/clock.h"
#include "core/ledger/ledger.h"
#include "tests/unit/test.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE_MS  60000LL
#define QUARTER_MS (15 * MINUTE_MS)
#define HOUR_MS    (60 * MINUTE_MS)
#define DAY_MS     (24 * HOUR_MS)
#define NOW_MS     1795225000000LL /* a moment in 2026, in the middle of a quarter of an hour */

#define DIR_TEXT   64

static inline void dir_make(char out[DIR_TEXT])
{
    (void)str_copy(out, DIR_TEXT, STR("/tmp/tollgate-ledger-XXXXXX"));
    assert_non_null(mkdtemp(out));
}

static inline int dir_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void dir_remove(const char *dir)
{
    assert_int_equal(nftw(dir, dir_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct ledger *ledger_at(const char *dir, int workers, size_t journal_bytes)
{
    struct err_info ei = {0};
    struct ledger_options o = {
        .state_dir = dir, .workers = workers, .journal_bytes = journal_bytes};
    struct ledger *g = ledger_open(&o, &ei);
    if (g == NULL) {
        fail_msg("%s", ei.text);
    }
    return g;
}

struct fixture {
    char dir[DIR_TEXT];
    struct ledger *ledger; /* of one worker */
};

static inline int fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    dir_make(f->dir);
    f->ledger = ledger_at(f->dir, 1, 0);
    *state = f;
    return 0;
}

/* Ends what clock was set, too. */
static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    clock_set_fake_wall(0);
    ledger_close(f->ledger);
    dir_remove(f->dir);
    free(f);
    return 0;
}

static inline struct ledger *fixture_ledger(void **state)
{
    return ((struct fixture *)*state)->ledger;
}

static inline struct ledger *fixture_reopen(struct fixture *f)
{
    ledger_close(f->ledger);
    f->ledger = ledger_at(f->dir, 1, 0);
    return f->ledger;
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

/* --- the database behind the ledger's back --- */

static inline sqlite3 *database_open(const char *dir)
{
    char path[DIR_TEXT + 16];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static inline void database_run(const char *dir, const char *sql)
{
    sqlite3 *db = database_open(dir);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first column of the first row. */
static inline int64_t database_number(const char *dir, const char *sql)
{
    sqlite3 *db = database_open(dir);
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

/* --- calls --- */

static const struct model model_haiku = {.name = "haiku", .base_id = "anthropic.haiku"};
static const struct model model_nova = {.name = "nova-lite", .base_id = "amazon.nova-lite"};

static inline void call_tag(struct call *c, const char *key, const char *value)
{
    assert_int_equal(tags_set(&c->tags, &c->arena, str_of(key), str_of(value)), ERR_OK);
}

/* Call number n, admitted at NOW_MS, not ended. Clear it with call_clear. */
static inline void call_fill(struct call *c, unsigned n)
{
    memset(c, 0, sizeof(*c));
    snprintf(c->request_id, sizeof(c->request_id), "00000000-0000-4000-8000-%012x", n);
    c->dialect = DIALECT_BEDROCK;
    c->operation = "Converse";
    c->resolved.model = &model_haiku;
    c->resolved.upstream_id = "us.anthropic.haiku-v1:0";
    c->principal = STR("TGKAAAAAAAAAAAAAAAAA");
    call_tag(c, "applicationId", "docs");
    call_tag(c, "costCenter", "sales");
    c->arrived_wall_ms = c->admitted_wall_ms = NOW_MS;
    c->arrived_us = 5000000;
    c->reserved_usage = (struct usage){.input = 100, .output = 400};
    c->price = (struct price){800000000, 4000000000, 80000000, 1000000000, 1600000000};
    c->priced = true;
    c->max_output = -1;
}

/* Ends it: approved, with that usage, at its price. */
static inline void call_end(struct call *c, int64_t input, int64_t output)
{
    c->outcome = OUTCOME_APPROVED;
    c->http_status = 200;
    c->usage = (struct usage){.input = input, .output = output};
    c->usage_reported = true;
    c->usd = usage_cost(&c->usage, &c->price);
    c->first_token_us = c->arrived_us + 120000;
    c->ended_us = c->arrived_us + 950000;
}

static inline void store_settled(struct ledger *g, int worker, struct call *c)
{
    uint64_t slot;
    assert_int_equal(ledger_admitted(g, worker, c, &slot), ERR_OK);
    ledger_settled(g, worker, slot, c);
}

/* A settled call of the usual kind, n tokens in and 2n out. */
static inline void store_plain(struct ledger *g, int worker, unsigned n)
{
    struct call c;
    call_fill(&c, n);
    call_end(&c, n, 2 * (int64_t)n);
    store_settled(g, worker, &c);
    call_clear(&c);
}

static inline void assert_usage(const struct usage *a, const struct usage *b)
{
    assert_int_equal(a->input, b->input);
    assert_int_equal(a->output, b->output);
    assert_int_equal(a->cache_read, b->cache_read);
    assert_int_equal(a->cache_write_5m, b->cache_write_5m);
    assert_int_equal(a->cache_write_1h, b->cache_write_1h);
}

static inline bool add_totals(void *arg, const struct ledger_row *row)
{
    totals_add(arg, &row->totals);
    return true;
}

static inline struct totals sum_of_all(struct ledger *g)
{
    struct totals t = {0};
    struct ledger_query q = {0};
    struct err_info ei = {0};
    if (ledger_sum(g, &q, add_totals, &t, &ei) != ERR_OK) {
        fail_msg("%s", ei.text);
    }
    return t;
}

static inline bool count_entry(void *arg, const struct audit_entry *e)
{
    (void)e;
    (*(int64_t *)arg)++;
    return true;
}

static inline int64_t count_calls(struct ledger *g)
{
    int64_t count = 0;
    struct audit_query q = {.calls = true};
    assert_int_equal(ledger_audit(g, &q, count_entry, &count, NULL), ERR_OK);
    return count;
}

#endif
