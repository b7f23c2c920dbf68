/* test_spent.c: single calls for what-if: from the packs, and from the calls that an earlier
 * tollgate stored, both as the calls were. */
#include "core/ledger/ledger_private.h"
#include "core/limit/whatif.h"
#include "tests/unit/ledger/fixture.h"

#define CALLS 3000

static const char *const applications[] = {"docs", "chat", "search", "mail", "code"};

/* A call as the test remembers it. */
struct plain {
    struct ledger_spent spent;
    const struct model *model;
    const char *application;
};

static struct plain calls[CALLS];

static int64_t some(int64_t most)
{
    return random() % 50 == 0 ? INT64_MAX / 1000 - random() : random() % most;
}

static void draw(struct plain *p)
{
    struct ledger_spent *s = &p->spent;
    *s = (struct ledger_spent){.admitted_ms = NOW_MS - random() % (2 * HOUR_MS)};
    s->outcome = (enum call_outcome)(OUTCOME_APPROVED + random() % 4);
    s->duration_ms = random() % 10 == 0 ? -1 : random() % 100000;
    s->reserved = (struct usage){.input = random() % 3000, .output = random() % 900};
    p->model = random() % 2 == 0 ? &model_haiku : &model_nova;
    p->application = applications[random() % 5];
    if (s->outcome == OUTCOME_APPROVED || s->outcome == OUTCOME_FAILED) {
        s->usage = (struct usage){.input = some(5000), .output = some(5000)};
        if (random() % 3 == 0) {
            s->usage.cache_read = some(100);
            s->usage.cache_write_5m = some(100);
            s->usage.cache_write_1h = some(100);
        }
        s->priced = random() % 5 != 0;
        s->charged = some(1000000000);
    } else if (s->outcome == OUTCOME_DENIED) { /* at the price of call_fill */
        s->charged = random() % 4 == 0 ? -1 : s->reserved.input * 800 + s->reserved.output * 4000;
    }
}

static void store(struct ledger *g, unsigned n, const struct plain *p)
{
    const struct ledger_spent *s = &p->spent;
    struct call c;
    call_fill(&c, n);
    memset(&c.tags, 0, sizeof(c.tags));
    call_tag(&c, "applicationId", p->application);
    c.resolved.model = p->model;
    c.admitted_wall_ms = c.arrived_wall_ms = s->admitted_ms;
    c.reserved_usage = s->reserved;
    c.outcome = s->outcome;
    c.usage = s->usage;
    c.usage_reported = true;
    c.usd = s->charged;
    c.ended_us = s->duration_ms < 0 ? 0 : c.arrived_us + s->duration_ms * 1000;
    if (s->outcome == OUTCOME_DENIED || s->outcome == OUTCOME_REJECTED) {
        c.priced = s->charged >= 0;
        c.usd = 0;
        ledger_refused(g, 0, &c, "", 0);
    } else {
        c.priced = s->priced;
        store_settled(g, 0, &c);
    }
    call_clear(&c);
}

static void store_some(struct ledger *g, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        store(g, (unsigned)i + 1, &calls[i]);
        if (random() % 100 == 0) {
            assert_int_equal(ledger_flush(g, 20000), ERR_OK);
        }
    }
    assert_int_equal(ledger_flush(g, 20000), ERR_OK);
}

/* As an earlier tollgate leaves it: no packs of the calls there are. */
static void forget_packs(const char *dir)
{
    database_run(dir, "DELETE FROM packs; UPDATE counter SET packed_from = seq");
}

/* --- what is read, beside what was stored --- */

struct reading {
    struct plain at[CALLS];
    size_t count;
    struct whatif *whatif;
    struct names {
        struct plain of;
        struct whatif_names names;
    } names[16];
    size_t name_count;
};

static void *on_names(void *arg, struct str model, const struct tags *tags, struct str principal)
{
    struct reading *r = arg;
    struct names *n = &r->names[r->name_count++];
    assert_true(r->name_count <= 16);
    n->of.model = str_is(model, "haiku") ? &model_haiku : &model_nova;
    for (size_t i = 0; i < 5; i++) {
        if (str_is(tags_get(tags, "applicationId"), applications[i])) {
            n->of.application = applications[i];
        }
    }
    if (r->whatif != NULL) {
        assert_int_equal(whatif_find(r->whatif, n->of.model, tags, principal, &n->names), ERR_OK);
    }
    return n;
}

static struct whatif_call whatif_call_of(const struct plain *p)
{
    const struct ledger_spent *s = &p->spent;
    bool denied = s->outcome == OUTCOME_DENIED;
    struct whatif_call c = {
        .admitted_ms = s->admitted_ms, .duration_ms = s->duration_ms, .outcome = s->outcome};
    amounts_of(&c.used, denied ? &s->reserved : &s->usage, p->model, s->charged);
    c.reserved = c.used;
    return c;
}

static bool on_spent(void *arg, void *names, const struct ledger_spent *spent)
{
    struct reading *r = arg;
    struct names *n = names;
    struct plain p = {*spent, n->of.model, n->of.application};
    assert_true(r->count < CALLS);
    r->at[r->count++] = p;
    if (r->whatif != NULL) {
        struct whatif_call c = whatif_call_of(&p);
        assert_int_equal(whatif_load_found(r->whatif, &n->names, &c), ERR_OK);
    }
    return true;
}

static void read_spent(struct ledger *g, int64_t since_ms, int64_t until_ms, struct reading *r)
{
    struct err_info ei = {0};
    r->count = r->name_count = 0;
    if (ledger_read_spent(g, since_ms, until_ms, on_names, on_spent, r, &ei) != ERR_OK) {
        fail_msg("%s", ei.text);
    }
}

/* packed: the number of the first call that is in the packs; before it nobody knows what a denied
 * call would have cost. */
static void assert_as_stored(struct ledger *g, int64_t since_ms, int64_t until_ms, size_t packed)
{
    static struct reading r;
    size_t n = 0;
    r.whatif = NULL;
    read_spent(g, since_ms, until_ms, &r);
    for (size_t i = 0; i < CALLS; i++) {
        const struct ledger_spent *s = &calls[i].spent;
        if (s->outcome == OUTCOME_REJECTED || s->admitted_ms < since_ms ||
            s->admitted_ms >= until_ms) {
            continue;
        }
        assert_true(n < r.count);
        const struct plain *got = &r.at[n++];
        bool denied = s->outcome == OUTCOME_DENIED;
        assert_int_equal(got->spent.admitted_ms, s->admitted_ms);
        assert_int_equal(got->spent.duration_ms, s->duration_ms);
        assert_int_equal(got->spent.outcome, s->outcome);
        assert_int_equal(got->spent.priced, s->priced);
        assert_int_equal(got->spent.charged, denied && i < packed ? 0 : s->charged);
        assert_usage(&got->spent.usage, &s->usage);
        assert_usage(&got->spent.reserved, &s->reserved);
        assert_ptr_equal(got->model, calls[i].model);
        assert_ptr_equal(got->application, calls[i].application);
    }
    assert_int_equal(n, r.count);
}

static void assert_all_as_stored(struct ledger *g, size_t packed)
{
    assert_as_stored(g, 0, NOW_MS + DAY_MS, packed);
    for (int i = 0; i < 20; i++) {
        int64_t since = NOW_MS - random() % (2 * HOUR_MS);
        assert_as_stored(g, since, since + random() % HOUR_MS, packed);
    }
}

static void draw_all(void)
{
    srandom(7);
    for (size_t i = 0; i < CALLS; i++) {
        draw(&calls[i]);
    }
}

static void packs_are_as_the_calls(void **state)
{
    struct fixture *f = *state;
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = f->ledger;
    store_some(g, 0, CALLS);
    assert_all_as_stored(g, 0);
    ledger_close(g);
    forget_packs(f->dir);
    g = f->ledger = ledger_at(f->dir, 1, 0);
    assert_all_as_stored(g, CALLS);
}

static void half_of_an_earlier_tollgate(void **state)
{
    struct fixture *f = *state;
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = f->ledger;
    store_some(g, 0, CALLS / 2);
    ledger_close(g);
    forget_packs(f->dir);
    g = f->ledger = ledger_at(f->dir, 1, 0);
    store_some(g, CALLS / 2, CALLS - 100);
    g = fixture_reopen(f); /* and one restart: a pack is not gone on with */
    store_some(g, CALLS - 100, CALLS);
    assert_all_as_stored(g, CALLS / 2);
}

/* What-if from the packs, to the token, beside what-if over the very calls. */
static void whatif_is_equal_both_ways(void **state)
{
    static struct reading r;
    int64_t since_ms = NOW_MS - HOUR_MS;
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = fixture_ledger(state);
    store_some(g, 0, CALLS);
    for (int round = 0; round < 8; round++) {
        const struct config_limit limit = {.name = "tried",
                                           .metric = round % 2 == 0 ? METRIC_TOKENS : METRIC_USD,
                                           .window = round % 4 < 2 ? WINDOW_1M : WINDOW_1H,
                                           .rolling = round >= 4,
                                           .per = {"applicationId"},
                                           .per_count = 1};
        struct whatif *direct = whatif_new(&limit, "", "UTC", NULL, since_ms, NULL);
        r.whatif = whatif_new(&limit, "", "UTC", NULL, since_ms, NULL);
        int64_t from = whatif_from(direct);
        read_spent(g, from, NOW_MS, &r);
        for (size_t i = 0; i < CALLS; i++) {
            struct call c;
            struct whatif_call call = whatif_call_of(&calls[i]);
            call_fill(&c, 1);
            memset(&c.tags, 0, sizeof(c.tags));
            call_tag(&c, "applicationId", calls[i].application);
            call.model = calls[i].model;
            call.tags = &c.tags;
            call.principal = c.principal;
            if (call.admitted_ms >= from && call.admitted_ms < NOW_MS) {
                assert_int_equal(whatif_load(direct, &call), ERR_OK);
            }
            call_clear(&c);
        }
        for (int64_t amount = 1000; amount < 10000000000; amount *= 7) {
            struct whatif_result a, b;
            assert_int_equal(whatif_try(direct, amount, &a), ERR_OK);
            assert_int_equal(whatif_try(r.whatif, amount, &b), ERR_OK);
            assert_int_equal(a.calls, b.calls);
            assert_int_equal(a.denied, b.denied);
            assert_int_equal(a.tokens, b.tokens);
            assert_int_equal(a.usd, b.usd);
            assert_int_equal(a.unpriced, b.unpriced);
            assert_int_equal(a.first_ms, b.first_ms);
            assert_int_equal(a.last_ms, b.last_ms);
            assert_true(a.calls > 300);
        }
        whatif_free(direct);
        whatif_free(r.whatif);
    }
}

static void what_was_rolled_back_is_not_in_a_pack(void **state)
{
    struct err_info ei = {0};
    const struct ledger_spent ghost = {.admitted_ms = NOW_MS};
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = fixture_ledger(state);
    store_some(g, 0, 40);
    assert_int_equal(ledger_write_begin(g, &ei), ERR_OK);
    for (int i = 0; i < 500; i++) { /* more than a pack */
        assert_int_equal(
            pack_add(&g->fold.pack, fold_next_seq(&g->fold), 1, OUTCOME_APPROVED, &ghost, &ei),
            ERR_OK);
    }
    assert_int_equal(ledger_write_end(g, ERR_IO, &ei), ERR_IO);
    store_some(g, 40, CALLS);
    assert_as_stored(g, 0, NOW_MS + DAY_MS, 0);
}

static void a_damaged_pack_is_told(void **state)
{
    struct fixture *f = *state;
    static struct reading r;
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = f->ledger;
    store_some(g, 0, 40);
    database_run(f->dir, "UPDATE packs SET calls = substr(calls, 1, length(calls) - 1)");
    struct err_info ei = {0};
    r.whatif = NULL;
    assert_int_equal(ledger_read_spent(g, 0, NOW_MS + DAY_MS, on_names, on_spent, &r, &ei),
                     ERR_CORRUPT);
    assert_non_null(strstr(ei.text, "damaged"));
}

static void clean_all(struct ledger *g)
{
    g->next_cleaning_us = 0;
    for (int i = 0; i < 30 && g->next_cleaning_us == 0; i++) {
        assert_int_equal(ledger_flush(g, 20000), ERR_OK);
    }
    assert_true(g->next_cleaning_us > 0);
}

/* Packs go with their calls, series with the last sum that names them, some at a time. */
static void old_packs_and_series_go(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct ledger_options o = {.state_dir = dir,
                               .workers = 1,
                               .retention_calls_ms = DAY_MS,
                               .retention_rollups_ms = 3 * DAY_MS};
    clock_set_fake_wall(NOW_MS);
    draw_all();
    struct ledger *g = ledger_open(&o, NULL);
    store_some(g, 0, CALLS);
    assert_true(database_number(dir, "SELECT count(*) FROM packs") > 10);
    int64_t series = database_number(dir, "SELECT count(*) FROM series");
    assert_int_equal(series, 10);
    clock_set_fake_wall(NOW_MS + 2 * DAY_MS);
    clean_all(g);
    assert_int_equal(count_calls(g), 0);
    assert_int_equal(database_number(dir, "SELECT count(*) FROM packs"), 1);
    assert_int_equal(database_number(dir, "SELECT count(*) FROM series"), series);
    calls[0].spent.admitted_ms = NOW_MS + 2 * DAY_MS; /* one of them goes on being used */
    calls[0].spent.outcome = OUTCOME_APPROVED;
    store_some(g, 0, 1);
    clock_set_fake_wall(NOW_MS + 5 * DAY_MS);
    clean_all(g);
    assert_int_equal(database_number(dir, "SELECT count(*) FROM series"), 1);
    clock_set_fake_wall(NOW_MS + 7 * DAY_MS);
    clean_all(g);
    assert_int_equal(database_number(dir, "SELECT count(*) FROM series"), 0);
    assert_int_equal(database_number(dir, "SELECT count(*) FROM rollups"), 0);
    clock_set_fake_wall(0);
    ledger_close(g);
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(packs_are_as_the_calls),
        FIXTURE_TEST(half_of_an_earlier_tollgate),
        FIXTURE_TEST(whatif_is_equal_both_ways),
        FIXTURE_TEST(what_was_rolled_back_is_not_in_a_pack),
        FIXTURE_TEST(a_damaged_pack_is_told),
        cmocka_unit_test(old_packs_and_series_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
