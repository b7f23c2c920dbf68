/* test_watch.c: thresholds that many groups of a limit cross at once are told as one. */
#include "tests/unit/control/core_rig.h"

#include "core/control/notify.h"
#include "core/control/server_private.h"

struct crossed {
    struct core *core;
    struct limit_event at[WATCH_EVENTS_MAX];
    size_t count;
    char told[3][400]; /* newest first */
    size_t events;
};

static void cross(struct crossed *x, const char *limit, const char *group, int percent, int more)
{
    struct limit_event *e = &x->at[x->count++];
    *e = (struct limit_event){.percent = percent, .more = more, .at_ms = clock_wall_ms()};
    (void)str_copy(e->limit, sizeof(e->limit), str_of(limit));
    (void)str_copy(e->group, sizeof(e->group), str_of(group));
}

static void run(void *arg)
{
    struct crossed *x = arg;
    const json_t *events = x->core->server->events;
    size_t before = json_array_size(events);
    watch_thresholds(x->core, x->at, x->count);
    x->events = json_array_size(events) - before;
    for (size_t i = 0; i < x->events && i < 3; i++) {
        const char *text = json_string_value(json_object_get(json_array_get(events, i), "text"));
        (void)snprintf(x->told[i], sizeof(x->told[i]), "%s", text ? text : "");
    }
}

static struct notify_health told_in_all(struct core_rig *r, int64_t count)
{
    struct notify_health h;
    WAIT_FOR((notify_health(r->core->notify, &h), h.told + h.failed >= count && h.waiting == 0));
    return h;
}

static void many_groups_are_told_as_one(void **state)
{
    (void)state;
    static struct crossed x, y;
    struct core_rig r;
    rig_open(&r, LIMITS "notify: [{on: [warn], exec: [/bin/true]}]\n");
    x.core = y.core = r.core;
    for (int i = 0; i < 50; i++) {
        char group[32];
        (void)snprintf(group, sizeof(group), "costCenter=c%d", i);
        cross(&x, "budget", group, 80, i == 49 ? 7 : 0);
    }
    cross(&x, "minute", "", 100, 0);
    cross(&x, "budget", "costCenter=c3", 100, 0);
    assert_true(server_run(r.core->server, run, &x));
    assert_int_equal(x.events, 3);
    assert_string_equal(x.told[2], "budget is at 80 % in 57 groups: costCenter=c0, costCenter=c1, "
                                   "costCenter=c2 and 54 more");
    assert_string_equal(x.told[1], "minute is at 100 %: it is full");
    assert_string_equal(x.told[0], "budget costCenter=c3 is at 100 %: it is full");
    struct notify_health h = told_in_all(&r, 3);
    assert_int_equal(h.told, 3);
    for (int i = 0; i < 4; i++) { /* the next second, still the same: nobody is called again */
        char group[32];
        (void)snprintf(group, sizeof(group), "costCenter=d%d", i);
        cross(&y, "budget", group, 80, 0);
    }
    assert_true(server_run(r.core->server, run, &y));
    assert_int_equal(y.events, 1);
    notify_health(r.core->notify, &h);
    assert_int_equal(h.suppressed, 1);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_groups_are_told_as_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
