/* Calls that are open: listed, stopped by an operator, alone and with others on their connection.
 */
#include "tests/unit/proxy/gate_rig.h"

#define LIMITS                                                                                     \
    "limits: [{name: hour, tokens: 10k, window: 1h}, {name: calls, requests: 50, window: 1h}]\n"
#define ANSWER                                                                                     \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"hi\"}]}},"          \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":11,\"outputTokens\":5,"                \
    "\"totalTokens\":16}}"

struct seen_call {
    int count;
    char model[64], tag[64];
};

static void on_open(void *arg, const struct proxy_open_call *c)
{
    struct seen_call *s = arg;
    s->count++;
    (void)snprintf(s->model, sizeof(s->model), "%s", c->model);
    (void)str_copy(s->tag, sizeof(s->tag), tags_get(c->tags, "applicationId"));
}

static int released;

static void on_release(struct catalog *old)
{
    released++;
    catalog_free(old);
}

static void open_calls_are_listed_and_keep_their_rules(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    const char *headers[] = {"x-tollgate-tags", "application=docs", NULL};
    struct seen_call seen = {0};
    released = 0;
    gate_rig_open(&r, hold_request, LIMITS);
    request(&r, &f, "/model/haiku/converse", CONVERSE_BODY, headers);
    gate_open_calls(r.gate, on_open, &seen);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.model, "haiku");
    assert_string_equal(seen.tag, "docs");
    /* A reload: the running call keeps the old configuration and catalog until it ends. */
    struct catalog *fresh = catalog_new(r.config, NULL);
    struct rules *rules = rules_new(r.config, fresh);
    assert_int_equal(limits_reload(r.limits, r.config, fresh, NULL), ERR_OK);
    r.rules->release = on_release;
    gate_reload(r.gate, rules_ref(rules));
    rules_unref(r.rules);
    r.rules = rules;
    r.catalog = fresh;
    assert_int_equal(released, 0);
    gate_gone(&f.x);
    assert_int_equal(released, 1);
    fake_free(&f);
    gate_rig_close(&r);
}

static bool every_call(void *arg, const struct proxy_open_call *c)
{
    (void)c;
    return *(bool *)arg;
}

static const struct stopped {
    const char *path, *body, *text; /* text: of the upstream; "" says nothing */
    int status;
    bool aborted;
    const char *words;
} stopped[] = {
    {"/model/haiku/converse", CONVERSE_BODY, "", 503, false, "enough"},
    {"/model/haiku/converse-stream", CONVERSE_BODY, "", 503, false, "enough"},
    {"/model/haiku/converse-stream", CONVERSE_BODY,
     "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     200, false, "serviceUnavailableException"},
    {"/v1/chat/completions",
     "{\"model\":\"haiku\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
     200, false, "service_unavailable"},
    {"/model/haiku/converse", CONVERSE_BODY, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
     200, true, ""},
};

static void stop_one(const struct stopped *s)
{
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    bool yes = false;
    answer_text = s->text;
    gate_rig_open(&r, half_answer, LIMITS);
    request(&r, &f, s->path, s->body, NULL);
    if (*s->text) {
        RUN_UNTIL(&r.wire, f.status != 0);
    }
    assert_int_equal(gate_stop_calls(r.gate, every_call, &yes, "enough"), 0);
    assert_false(f.ended);
    yes = true;
    assert_int_equal(gate_stop_calls(r.gate, every_call, &yes, "enough"), 1);
    assert_true(f.ended);
    assert_int_equal(f.status, s->status);
    assert_int_equal(f.aborted, s->aborted);
    assert_non_null(memmem(buf_bytes(&f.body), f.body.len, s->words, strlen(s->words)));
    (void)used(&r, 0, &reserved);
    assert_int_equal(reserved, 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.last.outcome, OUTCOME_FAILED);
    assert_string_equal(e.error, "stopped");
    assert_int_equal(e.last.http_status, s->status);
    fake_free(&f);
    gate_rig_close(&r);
}

static void calls_are_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stopped) / sizeof(*stopped); i++) {
        stop_one(&stopped[i]);
    }
}

static struct fake *sibling;

/* The connection breaks: its other exchanges are gone too. */
static void break_connection(struct exchange *x)
{
    fake_end(x);
    if (sibling) {
        struct fake *other = sibling;
        sibling = NULL;
        gate_gone(&other->x);
        other->ended = true;
    }
}

static void a_stop_takes_others_along(void **state)
{
    (void)state;
    static const struct exchange_ops breaking = {fake_respond, fake_send, break_connection,
                                                 fake_abort};
    struct gate_rig r = {0};
    struct fake f[4] = {0};
    bool yes = true;
    gate_rig_open(&r, NULL, LIMITS);
    for (size_t i = 0; i < 4; i++) {
        converse(&r, &f[i]);
        assert_false(f[i].ended);
    }
    sibling = &f[2]; /* the one behind f[3] in the list */
    f[3].x.ops = &breaking;
    assert_int_equal(gate_stop_calls(r.gate, every_call, &yes, "enough"), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(f[i].ended);
        fake_free(&f[i]);
    }
    assert_int_equal(ledger_of(&r).count, 4);
    gate_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_calls_are_listed_and_keep_their_rules),
        cmocka_unit_test(calls_are_stopped),
        cmocka_unit_test(a_stop_takes_others_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
