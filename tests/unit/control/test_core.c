/* The core as a whole: keys, reloads, commands without a core, what is restored, how it ends. */
#include "tests/unit/control/core_rig.h"

#include "core/control/client.h"
#include "core/control/report.h"

#include <sys/resource.h>

static void keys_are_made_shown_and_revoked(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, "tags: {values: {costCenter: [sales, support]}}\n");
    json_t *key = done(&r, "key.add",
                       json_pack("{s:s, s:s, s:s, s:{s:s}}", "application", "docs", "cost_center",
                                 "sales", "expires", "90d", "tags", "team", "blue"));
    assert_at(key, "name", "\"docs-1\"");
    assert_at(key, "tags.applicationId", "\"docs\"");
    assert_at(key, "tags.costCenter", "\"sales\"");
    assert_at(key, "tags.team", "\"blue\"");
    assert_true(json_is_string(json_object_get(key, "expires_at")));
    assert_int_equal(strlen(json_string_value(json_object_get(key, "accessKeyId"))), 20);
    assert_true(json_is_string(json_object_get(key, "secretAccessKey")));
    assert_true(json_is_string(json_object_get(key, "bearerToken")));
    json_t *second = done(&r, "key.add", json_pack("{s:{s:s}}", "tags", "application", "docs"));
    assert_at(second, "name", "\"docs-2\"");
    json_decref(second);
    refused(&r, "key.add", NULL, ERR_PARSE, "application is missing");
    refused(&r, "key.add", json_pack("{s:s, s:s}", "application", "x", "cost_center", "fresh"),
            ERR_PARSE, "'fresh'");
    refused(&r, "key.add", json_pack("{s:s, s:s}", "application", "x", "expires", "soon"),
            ERR_PARSE, "90d");
    refused(&r, "key.add", json_pack("{s:s, s:s}", "application", "x", "name", "docs-1"),
            ERR_EXISTS, "docs-1");
    refused(&r, "key.add", json_pack("{s:s}", "application", "a\"b"), ERR_PARSE, "1 to 128");
    refused(&r, "key.add",
            json_pack("{s:s, s:{s:s}}", "application", "x", "tags", "applicationId", "y"),
            ERR_PARSE, "twice");
    const char *id = json_string_value(json_object_get(key, "accessKeyId"));
    json_t *gone = done(&r, "key.revoke", json_pack("{s:s}", "key", id));
    assert_at(gone, "name", "\"docs-1\"");
    json_decref(gone);
    refused(&r, "key.revoke", json_pack("{s:s}", "name", "nobody"), ERR_NOT_FOUND, "nobody");
    refused(&r, "key.revoke", NULL, ERR_PARSE, "which key");
    rig_restart(&r);
    json_t *all = done(&r, "key.list", NULL);
    assert_int_equal(json_array_size(json_object_get(all, "keys")), 2);
    assert_at(all, "keys.0.tags.team", "\"blue\"");
    assert_true(json_is_string(
        json_object_get(json_array_get(json_object_get(all, "keys"), 0), "revoked_at")));
    assert_at(all, "keys.1.revoked_at", "null");
    assert_at(all, "keys.1.last_used_at", "null");
    assert_null(strstr(at(all, "keys"), json_string_value(json_object_get(key, "bearerToken"))));
    json_decref(all);
    all = done(&r, "audit", json_pack("{s:b}", "changes", 1));
    assert_at(all, "entries.0.action", "\"key.revoke\"");
    json_decref(all);
    json_decref(key);
    rig_close(&r);
}

/* What the kernel has room for without growing its table of descriptors. */
static long descriptors_fit(void)
{
    char line[256];
    long n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) && sscanf(line, "FDSize: %ld", &n) != 1) {
    }
    (void)fclose(f);
    return n;
}

static void there_is_room_for_descriptors_before_threads(void **state)
{
    (void)state;
    struct core_rig r;
    struct rlimit limit;
    rig_open(&r, "");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur == limit.rlim_max);
    assert_true((rlim_t)descriptors_fit() >= (limit.rlim_cur < 65536 ? limit.rlim_cur : 65536));
    rig_close(&r);
}

static void a_reload_takes_over_or_changes_nothing(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, "limits: [{name: a, tokens: 1k, window: 1m}]\n");
    json_decref(
        done(&r, "limit.set",
             json_pack("{s:s, s:s, s:s}", "name", "a", "metric", "tokens", "amount", "5k")));
    rig_write(&r, "limits: [{name: a, tokens: 2k, window: 1m}, {name: b, usd: 1, window: day}]\n"
                  "requests: {drain_timeout: 7s}\n");
    json_decref(done(&r, "reload", NULL));
    assert_string_equal(limit_at(&r, "limits.0.amount"), "5000");
    assert_string_equal(limit_at(&r, "limits.0.file_amount"), "2000");
    assert_string_equal(limit_at(&r, "limits.1.name"), "\"b\"");
    assert_int_equal(r.core->drain_ms, 7000);
    rig_write(&r, "limits: [{name: a, tokens: much, window: 1m}]\nnonsense: 1\n");
    refused(&r, "reload", NULL, ERR_PARSE, "2 mistakes");
    rig_write(&r, "limits: [\n");
    refused(&r, "reload", NULL, ERR_PARSE, ": YAML");
    assert_null(strstr(last_text, ": : "));
    assert_non_null(strstr(last_text, "(1 mistake in all"));
    rig_write(&r, "limits: [{name: a, model: nobody-defines-it, tokens: 1, window: 1m}]\n");
    refused(&r, "reload", NULL, ERR_PARSE, "nobody-defines-it");
    assert_string_equal(limit_at(&r, "limits.0.file_amount"), "2000");
    assert_int_equal(unlink(r.file), 0);
    refused(&r, "reload", NULL, ERR_PARSE, "cannot");
    /* An override of a limit that was away holds again when it is back. */
    rig_write(&r, "limits: [{name: b, usd: 1, window: day}]\n");
    json_decref(done(&r, "reload", NULL));
    assert_string_equal(limit_at(&r, "limits.0.name"), "\"b\"");
    rig_write(&r, "limits: [{name: a, tokens: 2k, window: 1m}]\n");
    json_decref(done(&r, "reload", NULL));
    assert_string_equal(limit_at(&r, "limits.0.amount"), "5000");
    for (int i = 0; i < 20; i++) {
        json_decref(done(&r, "reload", NULL));
    }
    rig_close(&r);
}

static void commands_without_a_core(void **state)
{
    (void)state;
    struct core_rig r;
    struct err_info ei = {0};
    json_t *result = NULL;
    rig_open(&r, LIMITS);
    json_decref(
        done(&r, "limit.set",
             json_pack("{s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", "9k")));
    /* Beside the running core it is the core that answers. */
    assert_int_equal(core_ask(r.config, "limit.list", NULL, &result, &ei), ERR_OK);
    assert_at(result, "limits.0.amount", "9000");
    json_decref(result);
    core_close(r.core);
    assert_int_equal(core_ask(r.config, "limit.list", NULL, &result, &ei), ERR_OK);
    assert_at(result, "limits.0.amount", "9000");
    assert_at(result, "limits.0.override.amount", "9000");
    json_decref(result);
    assert_int_equal(
        core_ask(r.config, "key.add", json_pack("{s:s}", "application", "docs"), &result, &ei),
        ERR_OK);
    json_decref(result);
    assert_int_equal(core_ask(r.config, "key.list", NULL, &result, &ei), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(result, "keys")), 1);
    json_decref(result);
    assert_int_equal(
        core_ask(r.config, "limit.set", json_pack("{s:s}", "name", "minute"), &result, &ei),
        ERR_NO_CORE);
    assert_null(result);
    struct report *report = report_open(r.config, &ei);
    assert_non_null(report);
    const char *const by[] = {"model"};
    struct report_filter f = {.since_ms = clock_wall_ms() - 3600000};
    assert_int_equal(report_usage(report, &f, by, 1, &result, &ei), ERR_OK);
    assert_at(result, "by", "[\"model\"]");
    assert_at(result, "rows", "[]");
    json_decref(result);
    report_close(report);
    rig_start(&r);
    rig_close(&r);
}

static void a_lost_key_file_is_not_made_anew(void **state)
{
    (void)state;
    struct core_rig r;
    struct err_info ei = {0};
    json_t *result = NULL;
    rig_open(&r, "");
    core_close(r.core);
    assert_int_equal(unlink(r.config->key_file), 0);
    rig_start(&r); /* no key needs it */
    json_decref(done(&r, "key.add", json_pack("{s:s}", "application", "docs")));
    core_close(r.core);
    assert_int_equal(unlink(r.config->key_file), 0);
    struct core_options o = {.config = r.config, .workers = 1};
    assert_null(core_open(&o, &ei));
    assert_int_equal(ei.code, ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "and 1 keys need it"));
    assert_non_null(strstr(ei.text, "secret access keys do not"));
    err_clear(&ei);
    assert_int_equal(core_ask(r.config, "key.list", NULL, &result, &ei), ERR_NOT_FOUND);
    assert_null(result);
    FILE *f = fopen(r.config->key_file, "w");
    assert_non_null(f);
    assert_int_equal(fprintf(f, "%032d", 1), 32);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(r.config->key_file, 0600), 0);
    rig_start(&r);
    rig_close(&r);
}

static void two_cores_cannot_share_a_state(void **state)
{
    (void)state;
    struct core_rig r;
    struct err_info ei = {0};
    rig_open(&r, LIMITS);
    struct core_options o = {.config = r.config, .workers = 1};
    assert_null(core_open(&o, &ei));
    assert_int_equal(ei.code, ERR_BUSY);
    assert_string_equal(limit_at(&r, "limits.0.amount"), "100000"); /* its socket is still there */
    struct client *c = client_open(r.socket, NULL, &ei);
    assert_non_null(c);
    client_close(c);
    rig_close(&r);
}

static void what_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    struct core_rig r;
    struct err_info ei = {0};
    rig_open(&r, LIMITS);
    int port = (int)strtol(strrchr(core_listener_url(r.core, 0), ':') + 1, NULL, 10);
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "region: us-east-1\nstate_dir: %s/other\nlisten: [{address: \"127.0.0.1:0\"}, "
                   "{address: \"192.0.2.1:%d\", plaintext: true}]\n",
                   r.dir, port);
    struct config_mistakes mistakes = {0};
    struct config *config = config_parse("x", str_of(text), &mistakes);
    config_mistakes_free(&mistakes);
    assert_non_null(config);
    struct core_options o = {.config = config, .workers = 2};
    assert_null(
        core_open(&o, &ei)); /* an address that is not ours; the sanitizer sees what is left */
    assert_non_null(strstr(ei.text, "192.0.2.1"));
    config_unref(config);
    rig_close(&r);
}

static void *run(void *arg)
{
    return (void *)(intptr_t)core_run(arg);
}

static void stop_ends_it(void **state)
{
    (void)state;
    struct core_rig r;
    pthread_t thread;
    void *status;
    rig_open(&r, LIMITS);
    assert_int_equal(pthread_create(&thread, NULL, run, r.core), 0);
    json_decref(done(&r, "stop", NULL));
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_null(status); /* no call was cut */
    json_t *s = done(&r, "status", NULL);
    assert_at(s, "state", "\"draining\"");
    json_decref(s);
    rig_close(&r);
}

int main(void)
{
    sigset_t set; /* as `serve` does, so that core_run's signalfd gets them */
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_made_shown_and_revoked),
        cmocka_unit_test(a_reload_takes_over_or_changes_nothing),
        cmocka_unit_test(commands_without_a_core),
        cmocka_unit_test(a_lost_key_file_is_not_made_anew),
        cmocka_unit_test(two_cores_cannot_share_a_state),
        cmocka_unit_test(what_cannot_open_leaves_nothing),
        cmocka_unit_test(stop_ends_it),
        cmocka_unit_test(there_is_room_for_descriptors_before_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
