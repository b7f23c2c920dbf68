/* Large bodies are hashed two at a time: who waits for another goes with it or at the end of the
 * turn, and may leave before. */
#include "tests/unit/proxy/gate_rig.h"

#define LIMITS "limits: [{name: all, tokens: 100M, window: 1h}]\n"
#define ANSWER "{\"usage\":{\"inputTokens\":11,\"outputTokens\":5,\"totalTokens\":16}}"
#define LARGE  20000

static char body[LARGE + 100];

static void answer(struct peer *p)
{
    while (peer_request(p)) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(ANSWER), ANSWER);
        if (!peer_text(p, text)) {
            return;
        }
    }
}

static void large(struct gate_rig *r, struct fake *f)
{
    (void)snprintf(body, sizeof(body),
                   "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"%0*d\"}]}],"
                   "\"inferenceConfig\":{\"maxTokens\":100}}",
                   LARGE, 0);
    request(r, f, "/model/haiku/converse", body, NULL);
}

static void ends_well(struct gate_rig *r, struct fake *f)
{
    RUN_UNTIL(&r->wire, f->ended);
    assert_int_equal(f->status, 200);
    fake_free(f);
}

static void one_that_leaves_takes_nobody_along(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f[4] = {0};
    int64_t reserved;
    gate_rig_open(&r, answer, LIMITS);
    large(&r, &f[0]);
    large(&r, &f[1]);
    large(&r, &f[2]); /* waits for another */
    gate_gone(&f[2].x);
    fake_free(&f[2]);
    ends_well(&r, &f[0]);
    ends_well(&r, &f[1]);
    large(&r, &f[3]); /* no other comes */
    ends_well(&r, &f[3]);
    assert_int_equal(used(&r, 0, &reserved), 3 * 16);
    assert_int_equal(reserved, 0);
    assert_int_equal(r.wire.server.requests, 3);
    gate_rig_close(&r);
}

static void one_that_waits_when_all_ends(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    gate_rig_open(&r, answer, LIMITS);
    large(&r, &f);
    gate_gone(&f.x);
    fake_free(&f);
    gate_rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_that_leaves_takes_nobody_along),
                                       cmocka_unit_test(one_that_waits_when_all_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
