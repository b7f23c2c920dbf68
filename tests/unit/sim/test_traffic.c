/* test_traffic.c: the demo's applications against a small server that answers as the test says. */
#include "core/dialect/eventstream.h"
#include "core/sim/traffic.h"
#include "tests/unit/sim/client.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define CLIENTS_MAX 32

/* Serves every connection from one thread, each request with the same bytes. */
struct server {
    pthread_t thread;
    int listener, fds[CLIENTS_MAX];
    struct buf in[CLIENTS_MAX];
    size_t count;
    char url[40];
    struct buf answer;
    atomic_bool stop;
    atomic_int requests, drop_first; /* drop_first: requests to be closed without an answer */
    char first[4096];                /* head and body of the first request */
};

static bool take_request(struct server *v, size_t at)
{
    struct http_head h;
    struct err_info ei = {0};
    struct buf *in = &v->in[at];
    size_t n = http1_head_length(buf_bytes(in), in->len, 0);

    if (n == 0 || http1_parse_request(&h, buf_bytes(in), n, &ei) != ERR_OK ||
        in->len < n + (size_t)h.content_length) {
        return false;
    }
    size_t whole = n + (size_t)h.content_length;
    if (atomic_load(&v->requests) == 0) {
        str_copy(v->first, sizeof v->first, (struct str){buf_bytes(in), whole});
    }
    buf_consume(in, whole);
    return true;
}

static bool serve_one(struct server *v, size_t at)
{
    if (!client_read(v->fds[at], &v->in[at])) {
        return false;
    }
    while (take_request(v, at)) {
        if (atomic_fetch_add(&v->requests, 1) < atomic_load(&v->drop_first)) {
            return false;
        }
        if (send(v->fds[at], buf_bytes(&v->answer), v->answer.len, MSG_NOSIGNAL) < 0) {
            return false;
        }
    }
    return true;
}

static void drop(struct server *v, size_t at)
{
    close(v->fds[at]);
    buf_free(&v->in[at]);
    v->count--;
    v->fds[at] = v->fds[v->count];
    v->in[at] = v->in[v->count];
    v->in[v->count] = (struct buf){0};
}

static void *serve(void *arg)
{
    struct server *v = arg;

    while (!atomic_load(&v->stop)) {
        struct pollfd p[CLIENTS_MAX + 1] = {{.fd = v->listener, .events = POLLIN}};
        size_t count = v->count;
        for (size_t i = 0; i < count; i++) {
            p[i + 1] = (struct pollfd){.fd = v->fds[i], .events = POLLIN};
        }
        if (poll(p, count + 1, 20) <= 0) {
            continue;
        }
        for (size_t i = count; i > 0; i--) {
            if (p[i].revents != 0 && !serve_one(v, i - 1)) {
                drop(v, i - 1);
            }
        }
        if (p[0].revents != 0 && v->count < CLIENTS_MAX) {
            v->fds[v->count++] = accept(v->listener, NULL, NULL);
        }
    }
    return NULL;
}

static void start_server(struct server *v)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(v, 0, sizeof *v);
    v->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(v->listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(v->listener, 64), 0);
    assert_int_equal(getsockname(v->listener, (struct sockaddr *)&a, &n), 0);
    snprintf(v->url, sizeof v->url, "http://127.0.0.1:%d", ntohs(a.sin_port));
}

static void run_server(struct server *v, int status, const char *headers, struct str body)
{
    buf_printf(&v->answer, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", status, body.n,
               headers);
    buf_add_str(&v->answer, body);
    assert_int_equal(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void stop_server(struct server *v)
{
    atomic_store(&v->stop, true);
    pthread_join(v->thread, NULL);
    while (v->count > 0) {
        drop(v, 0);
    }
    close(v->listener);
    buf_free(&v->answer);
}

static const struct traffic_application chatty = {.name = "crm",
                                                  .cost_center = "sales",
                                                  .bearer_token = "tg-secret",
                                                  .model = "us.anthropic.claude:0",
                                                  .input_words = 40,
                                                  .max_tokens = 64,
                                                  .period_ms = 2,
                                                  .parallel = 4};

static struct traffic_counts run_until(const struct server *v, const struct traffic_application *a,
                                       int64_t ended)
{
    struct err_info ei = {0};
    struct traffic_counts n = {0};
    struct traffic *t = traffic_start(v->url, a, 1, &ei);

    assert_non_null(t);
    WAIT_FOR((traffic_counts(t, &n), n.ok + n.denied + n.failed >= ended));
    traffic_stop(t);
    return n;
}

static void test_calls_as_an_application_would(void **state)
{
    struct server v;

    (void)state;
    start_server(&v);
    run_server(&v, 200, "", STR("{}"));
    struct traffic_counts n = run_until(&v, &chatty, 20);
    assert_true(n.ok >= 20);
    assert_int_equal(n.denied, 0);
    assert_int_equal(n.failed, 0);
    assert_true(n.calls >= n.ok);
    stop_server(&v);
    assert_non_null(strstr(v.first, "POST /model/us.anthropic.claude%3A0/converse HTTP/1.1\r\n"));
    assert_non_null(strstr(v.first, "Authorization: Bearer tg-secret\r\n"));
    assert_non_null(strstr(v.first, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(v.first, "\"inferenceConfig\":{\"maxTokens\":64}"));
}

static void test_denials(void **state)
{
    struct traffic_application many = chatty;
    struct server v;

    (void)state;
    start_server(&v);
    run_server(&v, 429, "", STR("{}"));
    struct traffic_counts n = run_until(&v, &many, 10);
    assert_true(n.denied >= 10);
    assert_int_equal(n.ok + n.failed, 0);
    stop_server(&v);

    start_server(&v);
    run_server(&v, 400, "Retry-After: 60\r\n", STR("{}"));
    many.parallel = 1;
    n = run_until(&v, &many, 1);
    assert_int_equal(n.denied, 1);
    assert_int_equal(n.calls, 1);
    stop_server(&v);
}

static void test_streams(void **state)
{
    struct traffic_application streaming = chatty;
    struct server v;
    struct buf frames = {0};

    (void)state;
    streaming.stream = true;
    assert_int_equal(eventstream_write_event(&frames, "metadata", STR("{}")), ERR_OK);
    start_server(&v);
    run_server(&v, 200, "", buf_str(&frames));
    struct traffic_counts n = run_until(&v, &streaming, 5);
    assert_true(n.ok >= 5 && n.failed == 0);
    stop_server(&v);
    assert_non_null(strstr(v.first, "/converse-stream HTTP/1.1\r\n"));

    assert_int_equal(eventstream_write_exception(&frames, "throttlingException", "no"), ERR_OK);
    start_server(&v);
    run_server(&v, 200, "", buf_str(&frames));
    n = run_until(&v, &streaming, 5);
    assert_true(n.ok == 0 && n.failed >= 5);
    stop_server(&v);
    buf_free(&frames);
}

static void test_tries_again(void **state)
{
    struct traffic_application one = chatty;
    struct server v;

    (void)state;
    one.parallel = 1;
    start_server(&v);
    atomic_store(&v.drop_first, 2);
    run_server(&v, 200, "", STR("{}"));
    struct traffic_counts n = run_until(&v, &one, 1);
    assert_true(n.ok >= 1);
    assert_int_equal(n.failed, 0);
    stop_server(&v);

    start_server(&v);
    atomic_store(&v.drop_first, INT32_MAX);
    run_server(&v, 200, "", STR("{}"));
    n = run_until(&v, &one, 1);
    assert_int_equal(n.ok, 0);
    assert_int_equal(n.failed, 1);
    stop_server(&v);
}

static void test_refused_starts(void **state)
{
    struct err_info ei = {0};

    (void)state;
    assert_null(traffic_start("http://127.0.0.1:1", &chatty, 0, &ei));
    assert_int_equal(ei.code, ERR_RANGE);
    assert_null(traffic_start("http://127.0.0.1:1", &chatty, 65, &ei));
    traffic_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_as_an_application_would),
        cmocka_unit_test(test_denials),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_tries_again),
        cmocka_unit_test(test_refused_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
