/* test_nomem.c: every allocation of the room fails in turn: an error comes back, nothing is lost or
 * left behind. Skipped in sanitizer builds, which own the allocator. */
#include "core/limit/whatif.h"
#include "tests/unit/limit/rig.h"

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

static long fail_at = -1; /* the allocation that fails, counted from 0; -1: none */
static long live;

#if OWN_ALLOCATOR
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool fails(void)
{
    bool now = fail_at >= 0 && fail_at-- == 0;
    if (now) {
        errno = ENOMEM;
    }
    return now;
}

void *malloc(size_t n)
{
    void *p = fails() ? NULL : __libc_malloc(n);
    live += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(n, size);
    live += p != NULL;
    return p;
}

void *realloc(void *old, size_t n)
{
    void *p = fails() ? NULL : __libc_realloc(old, n);
    live += p != NULL && old == NULL;
    return p;
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}
#endif

static void limits_of(struct rig *r, const char *zone)
{
    rig_init(r);
    r->config.timezone = zone;
    struct config_limit *f = rig_limit(r, "center", METRIC_TOKENS, 1000, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    for (int i = 0; i < 9; i++) { /* more than a recycled hold has room for */
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
        rig_limit(r, names[i], METRIC_TOKENS, 1000, WINDOW_1M)->rolling = i == 2;
    }
}

/* One life of an engine in which allocation n fails. True: none failed any more. */
static bool life(long n)
{
    struct rig r, next;
    struct limits_view v;
    struct limit_hold *h = NULL, *late = NULL;
    struct limit_denial d;
    limits_of(&r, "Europe/Berlin");
    limits_of(&next, "America/New_York");
    struct limit_override o = rig_override("center", "costCenter=raised", 5000);
    long before = live;
    fail_at = n;
    r.l = limits_new(&r.config, NULL, NULL);
    if (r.l != NULL) {
        struct call c = rig_call(&r, "sales", 100, 100);
        enum err e = limits_reserve(r.l, &c, &h, &d);
        assert_true(e == ERR_OK || e == ERR_NOMEM);
        rig_time(&r, T0 + MINUTE);
        c.admitted_wall_ms = r.now_ms;
        e = limits_reserve(r.l, &c, &late, &d); /* needs new buckets */
        assert_true(e == ERR_OK || e == ERR_NOMEM);
        e = limits_override(r.l, &o, NULL);
        assert_true(e == ERR_OK || e == ERR_NOMEM);
        e = limits_reload(r.l, &next.config, NULL, NULL);
        assert_true(e == ERR_OK || e == ERR_NOMEM);
        rig_time(&r, T0 + 2 * MINUTE);
        c.usage = (struct usage){.input = 100, .output = 150};
        c.usd = 0;
        if (h != NULL) {
            limits_settle(r.l, h, &c);
        }
        if (late != NULL) {
            limits_settle(r.l, late, &c);
        }
        if (limits_view(r.l, r.now_ms, &v) == ERR_OK) {
            assert_true(v.reserved_matches);
            assert_int_equal(v.open_holds, 0);
            limits_view_free(&v);
        }
        bool done = fail_at >= 0 || n < 0;
        fail_at = -1;
        /* the debt of both calls is there, whatever failed on the way */
        c = rig_call(&r, "sales", 0, 0);
        c.admitted_wall_ms = r.now_ms;
        struct limit_hold *last = rig_admit(&r, &c);
        assert_int_equal(limits_view(r.l, r.now_ms, &v), ERR_OK);
        assert_int_equal(v.limits[1].used, 50 * ((h != NULL) + (late != NULL)));
        limits_view_free(&v);
        limits_release(r.l, last);
        rig_time(&r, T0 + 3 * MINUTE); /* and is paid once */
        c.admitted_wall_ms = r.now_ms;
        limits_release(r.l, rig_admit(&r, &c));
        rig_expect(&r, 1, 0, 0);
        limits_free(r.l);
        assert_int_equal(live, before);
        return done;
    }
    fail_at = -1;
    assert_int_equal(live, before);
    return false;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    if (!OWN_ALLOCATOR) {
        skip();
    }
    (void)life(-1); /* what others allocate once and keep (stdio, the hash's key) */
    long n = 0;
    while (!life(n)) {
        n++;
        assert_true(n < 1000);
    }
    assert_true(n > 50);
    clock_set_fake_wall(0);
}

static void not_told(void *arg, struct limit_waiter *w)
{
    *(bool *)arg = w->result == ERR_OK || w->result == ERR_NOMEM;
}

/* One wait in which allocation n fails: it is told all the same, and what it holds is given back.
 */
static bool one_wait(long n)
{
    struct rig r;
    struct limit_waiter first, second;
    bool told = false, none = false;
    limits_of(&r, "UTC");
    r.limits[1].metric = METRIC_CONCURRENCY;
    r.limits[1].window = WINDOW_NONE;
    r.limits[1].amount = 1;
    r.limits[1].action = ACTION_QUEUE;
    long before = live;
    r.l = limits_new(&r.config, NULL, NULL);
    assert_non_null(r.l);
    struct call a = rig_call(&r, "sales", 10, 10), b = rig_call(&r, "support", 10, 10);
    fail_at = n;
    enum err e = limits_wait(r.l, &a, &first, not_told, &none);
    enum err f = limits_wait(r.l, &b, &second, not_told, &told);
    assert_true(e == ERR_OK || e == ERR_NOMEM);
    assert_true(f == ERR_BUSY || f == ERR_NOMEM || e == ERR_NOMEM);
    rig_time(&r, T0 + MINUTE); /* needs new buckets */
    if (e == ERR_OK) {
        limits_release(r.l, first.hold);
    }
    bool done = fail_at >= 0;
    fail_at = -1;
    assert_true(f != ERR_BUSY || told);
    if (second.hold != NULL) {
        limits_release(r.l, second.hold);
    }
    rig_expect(&r, 1, 0, 0);
    limits_free(r.l);
    assert_int_equal(live, before);
    return done;
}

/* One what-if in which allocation n fails. */
static bool one_whatif(long n)
{
    struct config_limit f = {.name = "t", .metric = METRIC_TOKENS, .window = WINDOW_1M};
    f.per[0] = "costCenter";
    f.per_count = 1;
    struct whatif_result out;
    long before = live;
    int64_t loaded = 0;
    fail_at = n;
    struct whatif *w = whatif_new(&f, "costCenter=sales", "Europe/Berlin", NULL, T0, NULL);
    for (int i = 0; w != NULL && i < 2000; i++) {
        struct rig r = {.now_ms = T0 + i};
        struct call c = rig_call(&r, "sales", 1, 1);
        struct whatif_call past = {.model = &rig_haiku, .tags = &c.tags, .admitted_ms = T0 + i};
        past.reserved.v[METRIC_TOKENS] = past.used.v[METRIC_TOKENS] = 1;
        past.outcome = OUTCOME_APPROVED;
        enum err e = whatif_load(w, &past);
        assert_true(e == ERR_OK || e == ERR_NOMEM);
        loaded += e == ERR_OK;
    }
    enum err e = w == NULL ? ERR_NOMEM : whatif_try(w, 0, &out);
    assert_true(e == ERR_OK || e == ERR_NOMEM);
    bool done = fail_at >= 0;
    fail_at = -1;
    if (w != NULL) {
        assert_int_equal(whatif_try(w, 0, &out), ERR_OK); /* what could be loaded is all there */
        assert_int_equal(out.calls, loaded);
        assert_int_equal(out.denied, loaded);
    }
    whatif_free(w);
    assert_int_equal(live, before);
    return done;
}

static void each_allocation_of(bool (*one)(long n))
{
    if (!OWN_ALLOCATOR) {
        skip();
    }
    long n = 0;
    while (!one(n)) {
        n++;
        assert_true(n < 1000);
    }
    assert_true(n > 5);
    clock_set_fake_wall(0);
}

static void each_allocation_of_a_wait_fails(void **state)
{
    (void)state;
    each_allocation_of(one_wait);
}

static void each_allocation_of_a_whatif_fails(void **state)
{
    (void)state;
    each_allocation_of(one_whatif);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails),
                                       cmocka_unit_test(each_allocation_of_a_wait_fails),
                                       cmocka_unit_test(each_allocation_of_a_whatif_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
