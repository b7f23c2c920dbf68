/* calls and call.stop on a real core: what runs is listed, and ended. */
#include "tests/unit/control/core_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BODY                                                                                       \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello there\"}]}],"                \
    "\"inferenceConfig\":{\"maxTokens\":100}}"

/* An upstream that takes connections and never answers: the kernel's backlog is enough. */
static int silent_upstream(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

struct calls_rig {
    struct core_rig core;
    int upstream;
};

static void open_with(struct calls_rig *r, const char *limits)
{
    char text[96];
    int port;
    r->upstream = silent_upstream(&port);
    rig_open(&r->core, limits);
    core_close(r->core.core);
    config_unref(r->core.config);
    (void)snprintf(text, sizeof(text), "http://127.0.0.1:%d", port);
    FILE *f = fopen(r->core.file, "r+");
    assert_non_null(f);
    char all[4096];
    size_t n = fread(all, 1, sizeof(all) - 1, f);
    all[n] = '\0';
    char *at_port = strstr(all, "http://127.0.0.1:9\"");
    assert_non_null(at_port);
    rewind(f);
    assert_true(fprintf(f, "%.*s%s%s", (int)(at_port - all), all, text,
                        at_port + strlen("http://127.0.0.1:9")) > 0);
    assert_int_equal(fclose(f), 0);
    r->core.config = rig_load(&r->core);
    rig_start(&r->core);
}

static void close_rig(struct calls_rig *r)
{
    rig_close(&r->core);
    assert_int_equal(close(r->upstream), 0);
}

/* A client whose call is on its way; its socket. */
static int ask(struct calls_rig *r, const char *path, const char *tags)
{
    const char *url = core_listener_url(r->core.core, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)strtol(strrchr(url, ':') + 1, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 20};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "x-tollgate-tags: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                     path, tags, strlen(BODY), BODY);
    assert_int_equal(write(fd, text, (size_t)n), n);
    return fd;
}

static size_t running(struct calls_rig *r)
{
    json_t *all = done(&r->core, "calls", NULL);
    size_t n = json_array_size(json_object_get(all, "calls"));
    json_decref(all);
    return n;
}

static void running_calls_are_listed(void **state)
{
    (void)state;
    struct calls_rig r;
    open_with(&r, LIMITS);
    assert_int_equal(running(&r), 0);
    clock_set_fake_wall(clock_wall_ms()); /* both in one millisecond: the order must hold */
    int first = ask(&r, "/model/haiku/converse", "application=docs,costCenter=sales");
    WAIT_FOR(running(&r) == 1);
    int second = ask(&r, "/model/haiku/converse-stream", "application=crm");
    WAIT_FOR(running(&r) == 2);
    json_t *all = done(&r.core, "calls", NULL);
    assert_at(all, "version", "1");
    assert_at(all, "calls.0.model", "\"haiku\"");
    assert_at(all, "calls.0.operation", "\"Converse\"");
    assert_at(all, "calls.0.tags.applicationId", "\"docs\"");
    assert_at(all, "calls.0.tags.costCenter", "\"sales\"");
    assert_at(all, "calls.0.principal", "null");
    assert_at(all, "calls.1.operation", "\"ConverseStream\"");
    json_t *call = json_array_get(json_object_get(all, "calls"), 0);
    assert_int_equal(json_string_length(json_object_get(call, "request_id")), 36);
    assert_true(json_is_string(json_object_get(call, "admitted_at")));
    assert_true(json_integer_value(json_object_get(call, "age_ms")) >= 0);
    assert_at(all, "calls.0.first_token_ms", "null"); /* nothing was answered yet */
    assert_at(all, "calls.0.input_tokens", "null");
    assert_at(all, "calls.0.output_tokens", "0");
    assert_at(all, "calls.0.usd", "null");
    assert_at(all, "calls.0.waiting", "null");
    assert_string_equal(json_string_value(json_object_get(call, "since")),
                        json_string_value(json_object_get(call, "admitted_at")));
    assert_int_equal(json_object_size(call), 13);
    json_decref(all);
    clock_set_fake_wall(0);
    assert_int_equal(close(first), 0);
    WAIT_FOR(running(&r) == 1);
    assert_int_equal(close(second), 0);
    WAIT_FOR(running(&r) == 0);
    close_rig(&r);
}

/* What the client got, until the core closed; owned by the next call. */
static const char *answer_at(int fd)
{
    static char text[8192];
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
        n += (size_t)got;
    }
    text[n] = '\0';
    assert_int_equal(close(fd), 0);
    return text;
}

static void expect_stopped(int fd, const char *words)
{
    const char *text = answer_at(fd);
    if (strncmp(text, "HTTP/1.1 503 ", 13) != 0 || !strstr(text, words)) {
        fail_msg("no 503 with '%s': %s", words, text);
    }
}

static void expect_count(struct calls_rig *r, const char *method, json_t *params, int stopped)
{
    json_t *a = done(&r->core, method, params);
    assert_int_equal(json_integer_value(json_object_get(a, "stopped")), stopped);
    json_decref(a);
}

static void expect_change(struct calls_rig *r, const char *group, const char *old,
                          const char *reason)
{
    json_t *h = done(&r->core, "audit", json_pack("{s:b, s:i}", "changes", 1, "max", 1));
    assert_at(h, "entries.0.action", "\"call.stop\"");
    assert_at(h, "entries.0.group", group);
    assert_at(h, "entries.0.old", old);
    assert_at(h, "entries.0.new", "\"stopped\"");
    assert_at(h, "entries.0.reason", reason);
    assert_true(json_is_integer(json_object_get(
        json_object_get(json_array_get(json_object_get(h, "entries"), 0), "actor"), "uid")));
    json_decref(h);
}

static void running_calls_are_stopped(void **state)
{
    (void)state;
    struct calls_rig r;
    char id[64];
    open_with(&r, LIMITS);
    int one = ask(&r, "/model/haiku/converse", "application=docs");
    WAIT_FOR(running(&r) == 1);
    json_t *all = done(&r.core, "calls", NULL);
    (void)str_copy(id, sizeof(id),
                   str_of(json_string_value(json_object_get(
                       json_array_get(json_object_get(all, "calls"), 0), "request_id"))));
    json_decref(all);
    int docs = ask(&r, "/model/haiku/converse-stream", "application=docs");
    int crm = ask(&r, "/model/haiku/converse", "application=crm");
    WAIT_FOR(running(&r) == 3);
    json_t *p = json_pack("{s:s, s:s}", "request_id", id, "reason", "too long");
    char group[96];
    expect_count(&r, "call.stop", p, 1);
    expect_stopped(one, "an operator stopped this call");
    (void)snprintf(group, sizeof(group), "{\"request_id\":\"%s\"}", id);
    expect_change(&r, group, "1", "\"too long\"");
    refused(&r.core, "call.stop", json_pack("{s:s}", "request_id", id), ERR_NOT_FOUND, id);
    expect_count(&r, "call.stop", json_pack("{s:s}", "application", "nobody"), 0);
    expect_count(&r, "call.stop", json_pack("{s:s}", "application", "docs"), 1);
    expect_stopped(docs, "an operator");
    expect_change(&r, "{\"applicationId\":\"docs\"}", "1", "\"\"");
    assert_int_equal(running(&r), 1);
    expect_count(&r, "call.stop", json_pack("{s:b}", "all", 1), 1);
    expect_stopped(crm, "an operator");
    assert_int_equal(running(&r), 0);
    expect_change(&r, "{}", "1", "\"\"");
    int under = ask(&r, "/model/haiku/converse", "application=crm,costCenter=sales");
    WAIT_FOR(running(&r) == 1);
    p = json_pack("{s:s, s:{s:s}}", "limit", "budget", "group", "costCenter", "support");
    expect_count(&r, "call.stop", p, 0);
    p = json_pack("{s:s, s:{s:s}}", "limit", "budget", "group", "costCenter", "sales");
    expect_count(&r, "call.stop", p, 1);
    expect_stopped(under, "an operator");
    expect_change(&r, "{\"limit\":\"budget\",\"costCenter\":\"sales\"}", "1", "\"\"");
    refused(&r.core, "call.stop", json_pack("{s:s}", "limit", "nope"), ERR_NOT_FOUND, "nope");
    refused(&r.core, "call.stop", json_pack("{s:b, s:s}", "all", 1, "limit", "minute"), ERR_PARSE,
            "which calls");
    refused(&r.core, "call.stop", NULL, ERR_PARSE, "which calls");
    refused(&r.core, "call.stop", json_pack("{s:b, s:s}", "all", 1, "application", "docs"),
            ERR_PARSE, "which calls");
    close_rig(&r);
}

static void a_block_stops_what_it_means(void **state)
{
    (void)state;
    struct calls_rig r;
    open_with(&r, LIMITS);
    int sales = ask(&r, "/model/haiku/converse", "application=docs,costCenter=sales");
    int support = ask(&r, "/model/haiku/converse", "application=docs,costCenter=support");
    WAIT_FOR(running(&r) == 2);
    json_t *p = json_pack("{s:s, s:b, s:{s:s}, s:s}", "name", "budget", "stop_running", 1, "group",
                          "costCenter", "sales", "reason", "runs away");
    expect_count(&r, "limit.block", json_incref(p), 1);
    expect_stopped(sales, "limit budget: blocked by an operator");
    expect_change(&r, "{\"limit\":\"budget\",\"costCenter\":\"sales\"}", "1", "\"runs away\"");
    assert_int_equal(running(&r), 1);
    expect_count(&r, "limit.block", p, 0); /* blocked already: nothing runs under it */
    refused(&r.core, "limit.block",
            json_pack("{s:s, s:{s:s}}", "name", "budget", "group", "costCenter", "sales"),
            ERR_EXISTS, "blocked already");
    json_t *a = done(&r.core, "limit.undo", NULL); /* the block, not the stopping */
    assert_at(a, "old", "\"blocked\"");
    assert_at(a, "new", "250");
    json_decref(a);
    expect_count(&r, "limit.block", json_pack("{s:s, s:b}", "name", "minute", "stop_running", 1),
                 1);
    expect_stopped(support, "limit minute");
    int denied = ask(&r, "/model/haiku/converse", "application=docs,costCenter=support");
    assert_non_null(strstr(answer_at(denied), "blocked by an operator"));
    close_rig(&r);
}

static void a_reason_can_be_required(void **state)
{
    (void)state;
    struct calls_rig r;
    open_with(&r, LIMITS "control: {require_reason: true}\n");
    refused(&r.core, "call.stop", json_pack("{s:b}", "all", 1), ERR_PARSE, "reason is required");
    expect_count(&r, "call.stop", json_pack("{s:b, s:s}", "all", 1, "reason", "drill"), 0);
    close_rig(&r);
}

static size_t waiting(struct calls_rig *r)
{
    json_t *all = done(&r->core, "calls", NULL), *call;
    size_t i, n = 0;
    json_array_foreach(json_object_get(all, "calls"), i, call)
    {
        n += json_is_object(json_object_get(call, "waiting"));
    }
    json_decref(all);
    return n;
}

/* Calls that wait for room are listed as such, with the limit, and can be stopped. */
static void waiting_calls_are_listed_and_stopped(void **state)
{
    (void)state;
    struct calls_rig r;
    open_with(&r, "limits:\n"
                  "  - {name: one, concurrency: 1, action: queue, max_wait: 10m}\n");
    int runs = ask(&r, "/model/haiku/converse", "application=docs");
    WAIT_FOR(running(&r) == 1);
    int first = ask(&r, "/model/haiku/converse", "application=crm");
    WAIT_FOR(waiting(&r) == 1);
    int second = ask(&r, "/model/haiku/converse", "application=crm");
    WAIT_FOR(waiting(&r) == 2);
    int third = ask(&r, "/model/haiku/converse", "application=docs");
    WAIT_FOR(waiting(&r) == 3);
    json_t *all = done(&r.core, "calls", NULL);
    assert_at(all, "calls.0.waiting", "null");
    assert_at(all, "calls.1.waiting", "{\"limit\":\"one\"}");
    assert_at(all, "calls.1.tags.applicationId", "\"crm\"");
    assert_at(all, "calls.1.admitted_at", "null");
    assert_at(all, "calls.1.output_tokens", "null");
    assert_true(
        json_is_string(json_object_get(json_array_get(json_object_get(all, "calls"), 1), "since")));
    json_decref(all);
    json_t *a = done(&r.core, "call.stop", json_pack("{s:s}", "application", "crm"));
    assert_at(a, "stopped", "2");
    json_decref(a);
    assert_non_null(strstr(answer_at(first), "503"));
    assert_non_null(strstr(answer_at(second), "stopped this call"));
    assert_int_equal(waiting(&r), 1);
    assert_int_equal(running(&r), 2);
    a = done(&r.core, "call.stop", json_pack("{s:b}", "all", 1));
    assert_at(a, "stopped", "2");
    json_decref(a);
    assert_non_null(strstr(answer_at(third), "503"));
    assert_non_null(strstr(answer_at(runs), "503"));
    assert_int_equal(running(&r), 0);
    a = done(&r.core, "limit.list", NULL);
    assert_at(a, "limits.0.reserved", "0");
    assert_at(a, "limits.0.waiting", "0");
    json_decref(a);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_calls_are_listed_and_stopped),
        cmocka_unit_test(running_calls_are_listed),
        cmocka_unit_test(running_calls_are_stopped),
        cmocka_unit_test(a_block_stops_what_it_means),
        cmocka_unit_test(a_reason_can_be_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
