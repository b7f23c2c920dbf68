/* test_limit_undo_property.c: changes drawn at random, of limits, a group and the kill switch, some
 * for a time, with undos among them, while time passes, the file is reloaded and the core starts
 * anew: after each step what is in force is compared with a model that keeps what was before each
 * change, and an undo is expected to take back the newest change that holds.
 *
 * TOLLGATE_SCHEDULES: how many; TOLLGATE_SEED: from which seed. */
#include "tests/unit/control/core_rig.h"

#define SCHEDULES 6
#define STEPS     160
#define NONE      (-1)

enum { MINUTE, BUDGET, SALES, ALL, KEYS };

/* An override, and what it lies on. */
struct node {
    bool has_amount, blocked;
    int64_t amount, until_ms;
    int beneath, made_by;
};
struct fake_change {
    int key, before;
    int64_t id;
    bool gone; /* taken back, by an undo or the end of its time */
};
struct fake {
    struct core_rig rig;
    uint32_t seed;
    int64_t now_ms, file_amount;
    bool budget_away; /* from the file */
    int top[KEYS];
    struct node nodes[STEPS + 1];
    int node_count;
    struct fake_change changes[STEPS + 1];
    int change_count;
};
static int64_t undone, ended, made;

static uint32_t draw(struct fake *f, uint32_t n)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

/* --- the model --- */

static bool has_ended(const struct fake *f, int node)
{
    int64_t until_ms = f->nodes[node].until_ms;
    return until_ms != 0 && until_ms <= f->now_ms;
}

/* What is left of an override, or of what it lay on. */
static int that_holds(const struct fake *f, int node)
{
    while (node != NONE && has_ended(f, node)) {
        node = f->nodes[node].beneath;
    }
    return node;
}

static bool is_away(const struct fake *f, int key)
{
    return f->budget_away && (key == BUDGET || key == SALES);
}

static void end_times(struct fake *f)
{
    for (int key = 0; key < KEYS; key++) {
        int last = NONE;
        while (!is_away(f, key) && f->top[key] != NONE && has_ended(f, f->top[key])) {
            last = f->nodes[f->top[key]].made_by;
            f->top[key] = f->nodes[f->top[key]].beneath;
        }
        for (int i = last; last != NONE && i < f->change_count; i++) {
            f->changes[i].gone = f->changes[i].gone || f->changes[i].key == key;
        }
        ended += last != NONE;
    }
}

static bool blocked(const struct fake *f, int key)
{
    return f->top[key] != NONE && f->nodes[f->top[key]].blocked;
}

static void note_change(struct fake *f, int key, int top, const json_t *result)
{
    int64_t id = json_integer_value(json_object_get(result, "change_id"));
    assert_true(id > 0);
    f->changes[f->change_count++] =
        (struct fake_change){.key = key, .before = f->top[key], .id = id};
    f->top[key] = top;
    made++;
}

static int lay_on(struct fake *f, int key, struct node n)
{
    n.beneath = f->top[key];
    n.made_by = f->change_count;
    f->nodes[f->node_count] = n;
    return f->node_count++;
}

/* --- what is done --- */

static const char *const names[KEYS] = {"minute", "budget", "budget", NULL};

static json_t *params_of(int key)
{
    return key == ALL ? json_pack("{s:b}", "all", 1)
           : key == SALES
               ? json_pack("{s:s, s:{s:s}}", "name", "budget", "group", "costCenter", "sales")
               : json_pack("{s:s}", "name", names[key]);
}

/* For some minutes, or for good. */
static int64_t put_time(struct fake *f, json_t *params)
{
    static const char *const times[] = {"10m", "30m", "1h", "2h"};
    static const int minutes[] = {10, 30, 60, 120};
    uint32_t i = draw(f, 8);
    if (i >= 4) {
        return 0;
    }
    json_object_set_new(params, "for", json_string(times[i]));
    return f->now_ms + minutes[i] * 60000LL;
}

static void step_set(struct fake *f, int key)
{
    int64_t amount = 2000 + draw(f, 200000);
    char text[32];
    json_t *p = params_of(key);
    (void)snprintf(text, sizeof(text), "%lld", (long long)amount);
    json_object_set_new(p, "metric", json_string(key == MINUTE ? "tokens" : "usd"));
    json_object_set_new(p, "amount", json_string(text));
    struct node n = {.has_amount = true, .amount = key == MINUTE ? amount : amount * 1000000000LL};
    n.until_ms = put_time(f, p);
    if (is_away(f, key)) {
        refused(&f->rig, "limit.set", p, ERR_NOT_FOUND, "budget");
    } else if (blocked(f, key)) {
        refused(&f->rig, "limit.set", p, ERR_CONFLICT, "is blocked");
    } else {
        json_t *result = done(&f->rig, "limit.set", p);
        note_change(f, key, lay_on(f, key, n), result);
        json_decref(result);
    }
}

static void step_block(struct fake *f, int key)
{
    json_t *p = params_of(key);
    struct node n = {.blocked = true};
    if (f->top[key] != NONE && key != ALL) {
        n.has_amount = f->nodes[f->top[key]].has_amount;
        n.amount = f->nodes[f->top[key]].amount;
    }
    n.until_ms = put_time(f, p);
    if (is_away(f, key)) {
        refused(&f->rig, "limit.block", p, ERR_NOT_FOUND, "budget");
    } else if (blocked(f, key) || (key == SALES && blocked(f, BUDGET))) {
        refused(&f->rig, "limit.block", p, ERR_EXISTS, "blocked already");
    } else {
        json_t *result = done(&f->rig, "limit.block", p);
        note_change(f, key, lay_on(f, key, n), result);
        json_decref(result);
    }
}

static void step_unblock(struct fake *f, int key)
{
    if (is_away(f, key) || !blocked(f, key)) {
        refused(&f->rig, "limit.unblock", params_of(key), ERR_NOT_FOUND, "");
        return;
    }
    json_t *result = done(&f->rig, "limit.unblock", params_of(key));
    int beneath = key == ALL ? NONE : that_holds(f, f->nodes[f->top[key]].beneath);
    note_change(f, key, beneath, result);
    json_decref(result);
}

static void step_revert(struct fake *f, int key)
{
    if (key == ALL || is_away(f, key) || f->top[key] == NONE) {
        refused(&f->rig, "limit.revert", params_of(key), key == ALL ? ERR_PARSE : ERR_NOT_FOUND,
                "");
        return;
    }
    json_t *result = done(&f->rig, "limit.revert", params_of(key));
    note_change(f, key, NONE, result);
    json_decref(result);
}

static bool step_undo(struct fake *f)
{
    int i = f->change_count - 1;
    while (i >= 0 && (f->changes[i].gone || is_away(f, f->changes[i].key))) {
        i--;
    }
    if (i < 0) {
        refused(&f->rig, "limit.undo", NULL, ERR_NOT_FOUND, "left to undo");
        return false;
    }
    json_t *result = done(&f->rig, "limit.undo", NULL);
    assert_int_equal(json_integer_value(json_object_get(result, "undoes")), f->changes[i].id);
    json_decref(result);
    f->changes[i].gone = true;
    f->top[f->changes[i].key] = that_holds(f, f->changes[i].before);
    undone++;
    return true;
}

static void tick_now(void *arg)
{
    struct core *c = arg;
    limit_end_overrides(c);
    limit_all_tick(c);
}

static void tick(struct fake *f)
{
    assert_true(server_run(f->rig.core->server, tick_now, f->rig.core));
    end_times(f);
}

static void step_time(struct fake *f)
{
    f->now_ms += (int64_t)draw(f, 60) * 60000;
    clock_set_fake_wall(f->now_ms);
    tick(f);
}

static void reload_now(void *arg)
{
    struct core *c = arg;
    struct err_info ei = {0};
    if (core_reload(c, &ei) != ERR_OK) {
        fail_msg("%s", ei.text);
    }
}

/* Another amount in the file; a limit leaves it or comes back, with what was in force. */
static void step_reload(struct fake *f)
{
    char more[200];
    f->budget_away = draw(f, 3) == 0;
    f->file_amount = 50000 + draw(f, 100000);
    (void)snprintf(more, sizeof(more),
                   "limits:\n  - {name: minute, model: haiku, tokens: %lld, window: 1m}\n%s",
                   (long long)f->file_amount,
                   f->budget_away ? ""
                                  : "  - {name: budget, usd: 250, window: month, per: "
                                    "[costCenter]}\n");
    rig_write(&f->rig, more);
    assert_true(server_run(f->rig.core->server, reload_now, f->rig.core));
    tick(f);
}

static void step_restart(struct fake *f)
{
    config_unref(f->rig.config);
    f->rig.config = rig_load(&f->rig);
    rig_restart(&f->rig);
    tick(f);
}

/* --- compared --- */

static void compare(struct fake *f)
{
    for (int key = 0; key < ALL; key++) {
        struct limit_override o = {0};
        bool any = limits_get_override(f->rig.core->limits, names[key],
                                       key == SALES ? "costCenter=sales" : "", &o);
        int top = is_away(f, key) ? NONE : f->top[key];
        assert_int_equal(any, top != NONE);
        if (any) {
            assert_int_equal(o.blocked, f->nodes[top].blocked);
            assert_int_equal(o.has_amount, f->nodes[top].has_amount);
            assert_int_equal(o.has_amount ? o.amount : 0, f->nodes[top].amount);
            assert_int_equal(o.until_ms, f->nodes[top].until_ms);
        }
    }
    const struct all_blocked *b = &f->rig.core->all_blocked;
    assert_int_equal(b->on, f->top[ALL] != NONE);
    assert_int_equal(b->on ? b->until_ms : 0, b->on ? f->nodes[f->top[ALL]].until_ms : 0);
}

static void step(struct fake *f)
{
    uint32_t kind = draw(f, 100);
    int key = draw(f, 2) == 0 ? MINUTE : (int)draw(f, KEYS);
    if (kind < 26) {
        step_set(f, key == ALL ? MINUTE : key);
    } else if (kind < 42) {
        step_block(f, key);
    } else if (kind < 54) {
        step_unblock(f, key);
    } else if (kind < 62) {
        step_revert(f, key);
    } else if (kind < 86) {
        (void)step_undo(f);
    } else if (kind < 95) {
        step_time(f);
    } else if (kind < 99) {
        step_reload(f);
    } else {
        step_restart(f);
    }
}

static void schedule(uint32_t seed)
{
    static struct fake world;
    struct fake *f = &world;
    memset(f, 0, sizeof(*f));
    f->seed = seed;
    for (int key = 0; key < KEYS; key++) {
        f->top[key] = NONE;
    }
    f->now_ms = clock_wall_ms();
    clock_set_fake_wall(f->now_ms);
    rig_open(&f->rig, "limits:\n  - {name: minute, model: haiku, tokens: 100k, window: 1m}\n"
                      "  - {name: budget, usd: 250, window: month, per: [costCenter]}\n");
    for (int n = 0; n < STEPS; n++) {
        step(f);
        compare(f);
    }
    while (step_undo(f)) {
        compare(f);
    }
    for (int key = 0; key < KEYS; key++) { /* all of it is as it was before the first change */
        assert_true(is_away(f, key) || f->top[key] == NONE);
    }
    rig_close(&f->rig);
    clock_set_fake_wall(0);
}

static int64_t asked(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static void undos_agree_with_the_model(void **state)
{
    (void)state;
    uint32_t from = (uint32_t)asked("TOLLGATE_SEED", 20261121);
    int64_t count = asked("TOLLGATE_SCHEDULES", SCHEDULES);
    for (int64_t n = 0; n < count; n++) {
        print_message("\rseed %u", from + (uint32_t)n);
        schedule(from + (uint32_t)n);
    }
    print_message("\r%lld changes, %lld undone, %lld ended\n", (long long)made, (long long)undone,
                  (long long)ended);
    assert_true(made > 10 * count && undone > 10 * count && ended > count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(undos_agree_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
