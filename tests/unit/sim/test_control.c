/* test_control.c: starting, ports, what it tells about itself, its control pages, and HTTP itself.
 */
#include "tests/unit/sim/client.h"

#define ASK  "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"[sim:output=3]\"}]}]}"
#define PATH "/model/" CLIENT_HAIKU "/converse"

static const struct client_request good = {
    .method = "POST", .path = PATH, .body = ASK, .service = "bedrock"};

static void test_describes_itself(void **state)
{
    char *text = sim_describe(*state);
    char expected[64];

    assert_non_null(text);
    snprintf(expected, sizeof expected, "\"bedrock-runtime\":\"%s\"",
             sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME));
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "\"monitoring\":\"http://127.0.0.1:"));
    assert_non_null(strstr(text, "\"bedrock-mantle\":\"http://127.0.0.1:"));
    assert_non_null(strstr(text, "\"bedrock\":\"http://127.0.0.1:"));
    assert_non_null(strstr(text, sim_access_key_id(*state)));
    assert_non_null(strstr(text, sim_secret_access_key(*state)));
    assert_null(sim_endpoint(*state, SERVICE_COUNT));
    free(text);
}

static void test_ports(void **state)
{
    struct err_info ei = {0};
    struct sim_options o = {
        .access_key_id = "AKIAMINE", .secret_access_key = "mine", .region = "eu-central-1"};
    struct client_request r = good;
    struct client_answer a;

    (void)state;
    o.port_base = 70000;
    assert_null(sim_start(&o, &ei));
    assert_int_equal(ei.code, ERR_RANGE);
    o.port_base = 0;
    struct sim *first = sim_start(&o, &ei);
    assert_non_null(first);
    assert_string_equal(sim_access_key_id(first), "AKIAMINE");
    r.region = "eu-central-1";
    client_call(first, SERVICE_BEDROCK_RUNTIME, &r, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);

    o.port_base =
        (int)strtol(strrchr(sim_endpoint(first, SERVICE_BEDROCK_RUNTIME), ':') + 1, NULL, 10);
    err_clear(&ei);
    assert_null(sim_start(&o, &ei));
    assert_int_equal(ei.code, ERR_IO);
    assert_non_null(strstr(ei.text, "cannot listen on 127.0.0.1:"));
    sim_stop(first);
    sim_stop(NULL);
}

static void test_refuses_strange_knobs(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"latency_ms\":-1}",
        "{\"latency_ms\":1",
        "{\"fault\":\"flood\"}",
        "{\"fault_every\":0}",
        "{\"services\":{\"moon\":\"down\"}}",
        "{\"services\":{\"ce\":\"sideways\"}}",
        "{\"services\":1}",
        "{\"colour\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(client_config(*state, bad[i]), 400);
    }
    assert_int_equal(client_config(*state,
                                   "{\"latency_ms\":1,\"token_delay_us\":2,\"fault\":\"none\","
                                   "\"fault_every\":3,\"output_tokens\":4,\"page_size\":5,"
                                   "\"seed\":6,\"services\":{\"ce\":\"up\"}}"),
                     200);
}

static void test_unknown_pages(void **state)
{
    const struct client_request r = {.method = "GET", .path = "/_sim/config"};
    struct client_answer a;

    client_call(*state, SERVICE_CE, &r, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
}

static void test_outages(void **state)
{
    const struct client_request r = {.method = "POST", .path = "/", .body = "{}"};
    const struct client_request ledger = {.method = "GET", .path = "/_sim/ledger"};
    struct client_answer a;

    assert_int_equal(
        client_config(*state, "{\"services\":{\"monitoring\":\"down\",\"ce\":\"failing\"}}"), 200);
    client_call(*state, SERVICE_MONITORING, &r, &a);
    assert_int_equal(a.status, 0);
    client_free(&a);
    client_call(*state, SERVICE_CE, &r, &a);
    assert_int_equal(a.status, 503);
    client_free(&a);
    client_call(*state, SERVICE_MONITORING, &ledger, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    client_call(*state, SERVICE_BEDROCK_RUNTIME, &good, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
}

static void test_many_on_one_connection(void **state)
{
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    struct client_request streamed = good;
    struct buf in = {0};
    int fd = client_connect(url);

    streamed.path = PATH "-stream";
    for (int i = 0; i < 20; i++) {
        client_send(fd, *state, url, i % 2 ? &streamed : &good);
    }
    for (int i = 0; i < 20; i++) {
        struct client_answer a;
        client_receive(fd, &in, &a);
        assert_int_equal(a.status, 200);
        assert_true(a.whole);
        assert_true(client_says(&a, i % 2 ? "messageStart" : "stopReason"));
        client_free(&a);
    }
    close(fd);
    buf_free(&in);
    client_await(*state, "completed", 20);
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_pieces_and_closing(void **state)
{
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    struct buf in = {0};
    struct client_answer a;
    int fd = client_connect(url);

    send_text(fd, "POST /_sim/config HTTP/1.1\r\nHost: x\r\nTransfer-Enc");
    send_text(fd, "oding: chunked\r\nConnection: close\r\n\r\n8\r\n{\"seed\":\r\n2\r\n7");
    send_text(fd, "}\r\n0\r\n\r\n");
    client_receive(fd, &in, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "Connection: close"));
    client_free(&a);
    assert_false(client_read(fd, &in));
    close(fd);

    fd = client_connect(url);
    send_text(fd, "POST /_sim/config HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  "Content-Length: 2\r\n\r\n");
    client_receive(fd, &in, &a);
    assert_int_equal(a.status, 100);
    client_free(&a);
    send_text(fd, "{}");
    client_receive(fd, &in, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    close(fd);
    buf_free(&in);
}

static void test_bad_http(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /\r\n\r\n", 400},
        {"POST /_sim/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 413},
        {"POST /_sim/config HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413},
    };
    for (size_t i = 0; i < 3; i++) {
        struct buf in = {0};
        struct client_answer a;
        int fd = client_connect(sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME));
        send_text(fd, cases[i].text);
        client_receive(fd, &in, &a);
        assert_int_equal(a.status, cases[i].status);
        client_free(&a);
        buf_free(&in);
        close(fd);
    }
}

static void test_stops_while_streams_run(void **state)
{
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    const struct client_request r = {.method = "POST",
                                     .path = PATH "-stream",
                                     .service = "bedrock",
                                     .body =
                                         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
                                         "\"[sim:output=9000][sim:delay_us=100000]\"}]}]}"};
    struct buf in = {0};
    int fd = client_connect(url);

    client_send(fd, *state, url, &r);
    assert_true(client_read(fd, &in));
    sim_stop(*state);
    while (client_read(fd, &in)) {
    }
    close(fd);
    buf_free(&in);
    assert_int_equal(client_set_up(state), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_describes_itself),   T(test_ports),    T(test_refuses_strange_knobs),
        T(test_unknown_pages),      T(test_outages),  T(test_many_on_one_connection),
        T(test_pieces_and_closing), T(test_bad_http), T(test_stops_while_streams_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
