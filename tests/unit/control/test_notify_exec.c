/* notify: real commands. */
#include "tests/unit/control/notify_rig.h"

static enum notify_result shell(struct one *o, const char *script, int64_t within_ms)
{
    *o = (struct one){.args = {"/bin/sh", "-c", script, "notify", dir}};
    o->notice.exec = (struct config_names){o->args, 5};
    enum notify_result result = notify_exec(prepare(o, within_ms));
    buf_free(&o->json);
    return result;
}

static void a_command_reads_the_event(void **state)
{
    (void)state;
    struct one o;
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "not-for-commands", 1), 0);
    assert_int_equal(
        shell(&o, "cat >\"$1\"/json && env >\"$1\"/env && ls /proc/self/fd | wc -l", 20000),
        NOTIFY_DONE);
    assert_int_equal(unsetenv("AWS_SECRET_ACCESS_KEY"), 0);
    json_error_t why;
    json_t *j = json_loads(read_file("json"), 0, &why);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "event")), "warn");
    assert_string_equal(json_string_value(json_object_get(j, "what")), "threshold");
    assert_string_equal(json_string_value(json_object_get(j, "limit")), "minute");
    assert_string_equal(json_string_value(json_object_get(j, "time")), "2026-11-21T01:36:38Z");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(j, "group"), "costCenter")), "sales");
    assert_int_equal(json_integer_value(json_object_get(j, "percent")), 80);
    assert_non_null(strstr(json_string_value(json_object_get(j, "text")), "&lt;!channel&gt;"));
    assert_non_null(strstr(json_string_value(json_object_get(j, "message")), "<!channel>"));
    json_decref(j);
    const char *env = read_file("env");
    assert_non_null(strstr(env, "TOLLGATE_EVENT=warn\n"));
    assert_non_null(strstr(env, "TOLLGATE_LIMIT=minute\n"));
    assert_non_null(strstr(env, "TOLLGATE_GROUP=costCenter=sales\n"));
    assert_non_null(strstr(env, "TOLLGATE_PERCENT=80\n"));
    assert_null(strstr(env, "AWS_"));
}

static void how_a_command_ends_is_told(void **state)
{
    (void)state;
    struct one o;
    assert_int_equal(shell(&o, "exit 3", 20000), NOTIFY_FAILED);
    assert_non_null(strstr(o.a.error, "/bin/sh ended with status 3"));
    assert_int_equal(shell(&o, "exit 75", 20000), NOTIFY_AGAIN);
    assert_int_equal(shell(&o, "kill -9 $$", 20000), NOTIFY_FAILED);
    assert_non_null(strstr(o.a.error, "signal 9"));
    assert_int_equal(shell(&o, "exec 0<&-; exit 0", 20000), NOTIFY_DONE);
    o = (struct one){.args = {"/nowhere/at-all; true"}};
    o.notice.exec = (struct config_names){o.args, 1};
    assert_int_equal(notify_exec(prepare(&o, 20000)), NOTIFY_FAILED);
    assert_non_null(strstr(o.a.error, "cannot be run: No such file"));
    buf_free(&o.json);
}

static void a_command_that_hangs_is_ended_with_its_children(void **state)
{
    (void)state;
    struct one o;
    /* The deadline is long enough for the two to be written down first on a busy machine. */
    assert_int_equal(
        shell(&o, "sleep 1000 & echo $! >\"$1\"/child; echo $$ >\"$1\"/pid; wait", 3000),
        NOTIFY_FAILED);
    assert_non_null(strstr(o.a.error, "took too long"));
    assert_false(is_running("pid"));
    WAIT_FOR(!is_running("child"));
    /* What a command leaves behind ends with it. */
    assert_int_equal(shell(&o, "sleep 1000 & echo $! >\"$1\"/child", 20000), NOTIFY_DONE);
    WAIT_FOR(!is_running("child"));
}

static void output_is_bounded_and_escaped(void **state)
{
    (void)state;
    struct one o;
    int fd = open(in_dir("log"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    log_init(fd, LOG_INFO);
    enum notify_result result =
        shell(&o, "printf 'a\\033[31mb\\n'; head -c 3000000 /dev/zero | tr '\\0' x", 20000);
    log_init(-1, LOG_INFO);
    assert_int_equal(close(fd), 0);
    assert_int_equal(result, NOTIFY_DONE);
    const char *text = read_file("log");
    assert_true(strlen(text) < 4000);
    assert_non_null(strstr(text, "/bin/sh wrote: a\\x1b[31mb"));
    assert_null(strchr(text, '\033'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_command_reads_the_event),
        IN_DIR(how_a_command_ends_is_told),
        IN_DIR(a_command_that_hangs_is_ended_with_its_children),
        IN_DIR(output_is_bounded_and_escaped),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
