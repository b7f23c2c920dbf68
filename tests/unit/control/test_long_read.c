/* test_long_read.c: requests that take long hold up nobody: not other connections, not the one that
 * asked, and not the core when nobody waits for them any more. */
#include "tests/unit/control/core_rig.h"

#include "core/control/client.h"

#include <poll.h>
#include <sys/socket.h>

static struct client *connect_to(struct core_rig *r)
{
    struct err_info ei = {0};
    struct client *c = client_open(r->socket, NULL, &ei);
    if (!c) {
        fail_msg("%s", ei.text);
    }
    return c;
}

static json_t *ask(struct client *c, const char *method, json_t *params)
{
    struct err_info ei = {0};
    json_t *result = NULL;
    if (client_call(c, method, params, DEADLINE_US / 1000, &result, &ei) != ERR_OK) {
        fail_msg("%s: %s", method, ei.text);
    }
    return result;
}

static json_t *question(void)
{
    return json_pack("{s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", "5k");
}

struct answers {
    int events, answered, full;
};

static void on_event(void *arg, const char *event, json_t *data)
{
    struct answers *a = arg;
    (void)event, (void)data;
    a->events++;
}

static void on_answer(void *arg, json_t *result, const struct err_info *ei)
{
    struct answers *a = arg;
    a->answered++;
    a->full += !result && ei->code == ERR_FULL;
}

static void send_off(struct client *c, const char *method, json_t *params, struct answers *a)
{
    assert_int_equal(client_send(c, method, params, on_answer, a, NULL), ERR_OK);
    while (client_wants_write(c)) {
        assert_int_equal(client_pump(c, on_event, a), ERR_OK);
    }
}

static void pump(struct client *c, struct answers *a)
{
    struct pollfd p = {.fd = client_fd(c), .events = POLLIN};
    (void)poll(&p, 1, 10);
    assert_int_equal(client_pump(c, on_event, a), ERR_OK);
}

/* While a what-if takes as long as it pleases, a viewer's screen goes on, and so does who asked. */
static void nobody_waits_for_a_long_question(void **state)
{
    (void)state;
    struct core_rig r;
    struct answers asked = {0}, seen = {0};
    rig_open(&r, LIMITS);
    struct client *asks = connect_to(&r), *views = connect_to(&r);
    json_decref(ask(views, "subscribe", json_pack("{s:i}", "interval_ms", 250)));
    assert_int_equal(pthread_mutex_lock(&r.core->trial_lock), 0);
    send_off(asks, "limit.try", question(), &asked);
    for (int i = 0; i < 8; i++) {
        json_t *p = json_pack("{s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount",
                              i % 2 ? "50k" : "60k");
        int before = asked.answered;
        send_off(asks, "limit.set", p, &asked);
        WAIT_DOING(pump(asks, &asked), asked.answered > before);
        int events = seen.events;
        WAIT_DOING(pump(views, &seen), seen.events > events);
    }
    json_decref(ask(views, "status", NULL));
    json_decref(ask(views, "history", NULL));
    json_decref(ask(views, "limit.history", NULL));
    assert_int_equal(asked.answered, 8);
    assert_int_equal(pthread_mutex_unlock(&r.core->trial_lock), 0);
    WAIT_DOING(pump(asks, &asked), asked.answered == 9);
    client_close(asks);
    client_close(views);
    rig_close(&r);
}

/* Those that wait are bounded for each connection, and go with it. */
static void a_connection_has_its_share(void **state)
{
    (void)state;
    struct core_rig r;
    struct answers many = {0}, one = {0};
    rig_open(&r, LIMITS);
    struct client *greedy = connect_to(&r), *modest = connect_to(&r);
    assert_int_equal(pthread_mutex_lock(&r.core->trial_lock), 0);
    for (int i = 0; i < 10; i++) {
        send_off(greedy, "limit.try", question(), &many);
    }
    WAIT_DOING(pump(greedy, &many), many.full == 2);
    assert_int_equal(many.answered, 2);
    send_off(modest, "limit.try", question(), &one);
    client_close(greedy);
    assert_int_equal(pthread_mutex_unlock(&r.core->trial_lock), 0);
    WAIT_DOING(pump(modest, &one), one.answered == 1);
    assert_int_equal(one.full, 0);
    json_decref(ask(modest, "limit.try", question()));
    client_close(modest);
    rig_close(&r);
}

static void who_only_ends_its_questions_gets_the_answer(void **state)
{
    (void)state;
    struct core_rig r;
    struct answers a = {0};
    rig_open(&r, LIMITS);
    struct client *c = connect_to(&r);
    assert_int_equal(pthread_mutex_lock(&r.core->trial_lock), 0);
    send_off(c, "limit.try", question(), &a);
    assert_int_equal(shutdown(client_fd(c), SHUT_WR), 0);
    struct client *other = connect_to(&r);
    json_decref(ask(other, "limit.list", NULL)); /* the end has been seen by then */
    assert_int_equal(pthread_mutex_unlock(&r.core->trial_lock), 0);
    int64_t until = clock_mono_us() + DEADLINE_US;
    while (a.answered == 0 && clock_mono_us() < until) {
        struct pollfd p = {.fd = client_fd(c), .events = POLLIN};
        (void)poll(&p, 1, 10);
        (void)!client_pump(c, on_event, &a); /* and then the core closes */
    }
    assert_int_equal(a.answered, 1);
    client_close(c);
    client_close(other);
    rig_close(&r);
}

/* The end of the core, and a reload, among questions. */
static void ends_and_reloads_among_questions(void **state)
{
    (void)state;
    struct core_rig r;
    struct answers a = {0};
    rig_open(&r, LIMITS);
    for (int i = 0; i < 20; i++) {
        struct client *c = connect_to(&r);
        send_off(c, "limit.try", question(), &a);
        send_off(c, "history", NULL, &a);
        send_off(c, "status", NULL, &a);
        if (i % 4 == 1) {
            json_decref(done(&r, "reload", NULL));
        } else if (i % 4 == 3) {
            rig_restart(&r);
        }
        client_close(c);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_a_long_question),
        cmocka_unit_test(a_connection_has_its_share),
        cmocka_unit_test(who_only_ends_its_questions_gets_the_answer),
        cmocka_unit_test(ends_and_reloads_among_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
