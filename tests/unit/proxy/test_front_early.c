/* Answers over HTTP/2 that are there before the request is whole: clients get to read them. */
#include "tests/unit/proxy/http2_client.h"

static struct h2_client *client_new(const struct server *s)
{
    return h2_open(client_open(s, 0), NULL, true);
}

static void end_upload(struct h2_client *c, int32_t id, const char *rest)
{
    c->upload = rest;
    c->upload_left = strlen(rest);
    c->upload_open = false;
    assert_int_equal(nghttp2_session_resume_data(c->session, id), 0);
    H2_UNTIL(c, h2_reply(c, id)->closed);
}

static void the_rest_is_read_and_dropped(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct h2_client *c = client_new(&s);
    c->upload_open = true;
    int32_t id = h2_ask(c, "POST", "/now", NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->received == 3);
    assert_int_equal(h2_reply(c, id)->status, 403);
    assert_string_equal(h2_reply(c, id)->body, "now");
    assert_false(h2_reply(c, id)->closed);
    end_upload(c, id, "what nobody wants");
    assert_int_equal(h2_reply(c, id)->code, NGHTTP2_NO_ERROR);
    assert_int_equal(s.gate.body_bytes, 0);
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    server_stop(&s);
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    server_start(&s);
    struct h2_client *c = client_new(&s), *large = client_new(&s);
    c->upload_open = large->upload_open = true;
    int32_t id = h2_ask(c, "POST", "/now", NULL, NULL, NULL);
    int32_t late = h2_ask(large, "POST", "/now", "half of it", "content-length", "9000000");
    h2_pump(large, 0);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->code, NGHTTP2_NO_ERROR);
    assert_string_equal(h2_reply(c, id)->body, "now");
    H2_UNTIL(large, h2_reply(large, late)->received == 3);
    assert_int_equal(h2_reply(large, late)->status, 403);
    h2_close(large);
    h2_close(c);
    server_stop(&s);
}

static void behind_a_large_body_it_waits(void **state)
{
    (void)state;
    static char big[9000001];
    memset(big, 'b', sizeof big - 1);
    struct server s = {.config = config_default()};
    s.config.requests.max_body = 100000;
    server_start(&s);
    struct h2_client *c = client_new(&s);
    int32_t id = h2_ask(c, "POST", "/echo", big, "content-length", "9000000");
    H2_UNTIL(c, h2_reply(c, id)->status != 0);
    assert_int_equal(c->upload_left, 0);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    assert_int_equal(h2_reply(c, id)->status, 413);
    assert_int_equal(h2_reply(c, id)->code, NGHTTP2_NO_ERROR);
    assert_true(h2_reply(c, id)->received > 0);
    h2_close(c);
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_is_read_and_dropped),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(behind_a_large_body_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
