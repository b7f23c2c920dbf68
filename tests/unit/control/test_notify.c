/* notify: who is told of what, how often, and what waits when one hangs or a reload comes. */
#include "tests/unit/control/notify_rig.h"

static struct config *config_of(const char *notify)
{
    char text[2048];
    struct config_mistakes mistakes = {0};
    (void)snprintf(text, sizeof(text), "region: us-east-1\nnotify: [%s]\n", notify);
    struct config *c = config_parse("t", str_of(text), &mistakes);
    for (size_t i = 0; i < mistakes.count && !c; i++) {
        print_error("%s: %s\n", mistakes.at[i].key, mistakes.at[i].text);
    }
    config_mistakes_free(&mistakes);
    assert_non_null(c);
    return c;
}

static struct notify *start(const char *before, const char *a, const char *after)
{
    char text[1024];
    struct err_info ei = {0};
    (void)snprintf(text, sizeof(text), "%s%s%s", before, a, after);
    struct config *c = config_of(text);
    struct notify *n = notify_start(c, NULL, &ei);
    config_unref(c);
    assert_non_null(n);
    return n;
}

static struct notify_health health_of(struct notify *n)
{
    struct notify_health h;
    notify_health(n, &h);
    return h;
}

static void only_who_asked_is_told(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [block], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e);
    e.on = NOTIFY_BLOCK;
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_string_equal(read_file("ran"), "x\n");
    notify_stop(n, 1000);
    notify_tell(NULL, &e);
    notify_stop(NULL, 0);
}

static void a_notice_is_told_once_in_its_time(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    e.quiet_ms = 3600000;
    for (int i = 0; i < 5; i++) {
        notify_tell(n, &e);
    }
    e.percent = 100; /* another threshold */
    notify_tell(n, &e);
    (void)snprintf(e.group, sizeof(e.group), "costCenter=support"); /* another group */
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 3);
    assert_int_equal(health_of(n).suppressed, 4);
    assert_string_equal(read_file("ran"), "x\nx\nx\n");
    notify_stop(n, 1000);
}

static void a_failing_webhook_is_asked_again(void **state)
{
    (void)state;
    struct web w = {.status = {500, 200}};
    web_open(&w);
    struct notify *n = start("{on: [warn], webhook: '", w.server.url, "'}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_int_equal(health_of(n).retried, 1);
    assert_int_equal(health_of(n).failed, 0);
    assert_int_equal(fake_aws_count(&w.server), 2);
    assert_string_equal(w.bodies[0], w.bodies[1]);
    notify_stop(n, 1000);
    fake_aws_stop(&w.server);
}

static void one_that_hangs_holds_up_nobody(void **state)
{
    (void)state;
    struct notify *n = start("{on: [warn], exec: [/bin/sh, -c, 'echo $$ >$0; exec sleep 1000', ",
                             in_dir("pid"), "]}");
    char more[512];
    (void)snprintf(more, sizeof(more),
                   "{on: [warn], exec: [/bin/sh, -c, 'echo $$ >$0; exec sleep 1000', %s/pid]},"
                   "{on: [core], exec: [/bin/sh, -c, 'echo x >>$0', %s/ran]}",
                   dir, dir);
    struct config *c = config_of(more);
    notify_reload(n, c);
    config_unref(c);
    assert_int_equal(health_of(n).targets, 2);
    struct notify_event e = event_of("threshold");
    for (int i = 0; i < 200; i++) {
        notify_tell(n, &e);
    }
    WAIT_FOR(strchr(read_file("pid"), '\n') != NULL);
    e.on = NOTIFY_CORE;
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_true(is_there("ran"));
    assert_true(health_of(n).dropped >= 135);
    assert_true(health_of(n).waiting <= 64);
    assert_true(is_running("pid"));
    notify_stop(n, 0);
    assert_false(is_running("pid"));
}

static void a_reload_takes_over(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e); /* is told although its target goes */
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{on: [warn], exec: [/bin/sh, -c, 'echo y >>$0', %s/second]}", dir);
    struct config *c = config_of(text);
    notify_reload(n, c);
    notify_reload(n, c); /* nothing changes */
    assert_int_equal(health_of(n).targets, 1);
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 2);
    assert_string_equal(read_file("ran"), "x\n");
    assert_string_equal(read_file("second"), "y\n");
    config_unref(c);
    c = config_of("");
    notify_reload(n, c);
    config_unref(c);
    assert_int_equal(health_of(n).targets, 0);
    notify_tell(n, &e);
    notify_stop(n, 1000);
    assert_string_equal(read_file("second"), "y\n");
}

static void what_waits_is_told_before_the_end(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    for (int i = 0; i < 3; i++) {
        notify_tell(n, &e);
    }
    notify_stop(n, 30000);
    assert_string_equal(read_file("ran"), "x\nx\nx\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(only_who_asked_is_told),
        IN_DIR(a_notice_is_told_once_in_its_time),
        IN_DIR(a_failing_webhook_is_asked_again),
        IN_DIR(one_that_hangs_holds_up_nobody),
        IN_DIR(a_reload_takes_over),
        IN_DIR(what_waits_is_told_before_the_end),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
