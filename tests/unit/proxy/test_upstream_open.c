/* How a connection upstream opens: the race of the addresses, and the tunnel through a proxy. */
#include "tests/unit/proxy/authority.h"

#include "core/proxy/tunnel.h"

#include <poll.h>

static void answer_and_close(struct peer *p)
{
    (void)!(peer_request(p) &&
            peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
}

/* --- NO_PROXY and HTTPS_PROXY --- */

static void no_proxy_is_read_as_curl_does(void **state)
{
    (void)state;
    static const struct {
        const char *host, *list;
        bool excluded;
    } cases[] = {
        {"a.example.com", "", false},
        {"a.example.com", NULL, false},
        {"a.example.com", "*", true},
        {"a.example.com", "*,b", false},
        {"a.example.com", "example.com", true},
        {"a.example.com", ".example.com", true},
        {"example.com", ".example.com", true},
        {"a.example.com.", "Example.COM.", true},
        {"notexample.com", "example.com", false},
        {"a.example.com", "other.com, example.com", true},
        {"a.example.com", "other.com example.com", true},
        {"a.example.com", "a.example.com.evil", false},
        {"localhost", "host", false},
        {"localhost", "LOCALHOST", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "0.0.1", false},
        {"127.0.0.1", "127.0.0.0/8", true},
        {"128.0.0.1", "127.0.0.0/8", false},
        {"10.1.2.3", "10.1.2.128/25", false},
        {"10.1.2.3", "10.1.2.0/25", true},
        {"10.1.2.3", "10.1.2.3/32", true},
        {"10.1.2.3", "0.0.0.0/0", true},
        {"10.1.2.3", "10.1.2.3/33", false},
        {"10.1.2.3", "10.1.2.3/x", false},
        {"::1", "[::1]", true},
        {"::1", "::1", true},
        {"fd00::5", "fd00::/8", true},
        {"fe00::5", "fd00::/8", false},
        {"::1", "127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (tunnel_excluded(cases[i].host, cases[i].list) != cases[i].excluded) {
            fail_msg("%s in '%s'", cases[i].host, cases[i].list);
        }
    }
}

static void forget_proxies(void)
{
    unsetenv("HTTPS_PROXY");
    unsetenv("https_proxy");
    unsetenv("NO_PROXY");
    unsetenv("no_proxy");
}

static void what_the_environment_says_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *upper, *lower, *no_upper, *no_lower, *shown;
    } cases[] = {
        {NULL, NULL, NULL, NULL, ""},
        {"http://proxy:3128", NULL, NULL, NULL, "proxy:3128"},
        {"proxy:3128/", NULL, NULL, NULL, "proxy:3128"},
        {"http://proxy", NULL, NULL, NULL, "proxy:1080"},
        {"HTTP://user:secret@proxy:3128", NULL, NULL, NULL, "proxy:3128"},
        {"http://[fd00::1]:8080", NULL, NULL, NULL, "[fd00::1]:8080"},
        {"http://upper:1", "http://lower:2", NULL, NULL, "lower:2"},
        {"http://upper:1", "", NULL, NULL, "upper:1"},
        {"http://upper:1", NULL, "aws.example", NULL, ""},
        {"http://upper:1", NULL, "aws.example", "other", "upper:1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err_info ei = {0};
        struct tunnel t;
        forget_proxies();
        const char *const names[] = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"};
        const char *const values[] = {cases[i].upper, cases[i].lower, cases[i].no_upper,
                                      cases[i].no_lower};
        for (size_t k = 0; k < 4; k++) {
            (void)(values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]));
        }
        assert_int_equal(tunnel_from_environment(&t, "aws.example", "aws.example:443", &ei),
                         ERR_OK);
        assert_string_equal(t.shown, cases[i].shown);
        assert_true(!t.host[0] ||
                    str_starts(buf_str(&t.request), "CONNECT aws.example:443 HTTP/1.1\r\n"
                                                    "Host: aws.example:443\r\n"));
        tunnel_free(&t);
    }
    forget_proxies();
}

static void a_malformed_proxy_is_told_without_its_password(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "socks5://user:secret@proxy:1", "https://user:secret@proxy:1", "http://user:secret@",
        "http://user:secret@proxy:0",   "http://user:secret@proxy:x",  "http://user:secret@[::1",
        "http://user:secret%@proxy:1",  "http://user:secret@pro xy:1", "http://",
    };
    forget_proxies();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err_info ei = {0};
        setenv("HTTPS_PROXY", wrong[i], 1);
        assert_null(endpoint_new("https://aws.example", NULL, &ei));
        assert_non_null(strstr(ei.text, "HTTPS_PROXY: "));
        assert_null(strstr(ei.text, "secret"));
        struct endpoint *plain = endpoint_new("http://127.0.0.1:1", NULL, &ei);
        assert_non_null(plain); /* it is for https only */
        endpoint_free(plain);
    }
    forget_proxies();
}

/* --- the tunnel --- */

static char connect_head[4096]; /* what the proxy was asked for last */
static int target_port;
static const char *proxy_answer;

static bool read_connect(struct peer *p)
{
    size_t n = 0;
    connect_head[0] = '\0';
    while (!strstr(connect_head, "\r\n\r\n")) {
        if (n + 1 >= sizeof(connect_head) || recv(p->fd, connect_head + n, 1, 0) != 1) {
            return false;
        }
        connect_head[++n] = '\0';
    }
    p->server->requests++;
    return true;
}

/* Both ways until one side ends. */
static void relay(int a, int b)
{
    char data[16384];
    struct pollfd at[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    while (poll(at, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t n = at[i].revents ? recv(at[i].fd, data, sizeof(data), 0) : 1;
            if (n <= 0) {
                return;
            }
            if (at[i].revents && send(at[1 - i].fd, data, (size_t)n, MSG_NOSIGNAL) != n) {
                return;
            }
        }
    }
}

static void tunnels(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target_port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (read_connect(p) && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        peer_text(p, "HTTP/1.1 200 Connection ") && peer_text(p, "established\r\nVia: x\r\n\r\n")) {
        relay(p->fd, fd);
    }
    (void)close(fd);
}

static void answers_as_told(struct peer *p)
{
    if (read_connect(p) && proxy_answer) {
        (void)peer_text(p, proxy_answer);
    }
    if (!proxy_answer) {
        wait_release(p);
    }
}

static void use_proxy(struct scripted *proxy, void (*script)(struct peer *p))
{
    char url[96];
    forget_proxies();
    scripted_start(proxy, script);
    (void)snprintf(url, sizeof(url), "http://us%%3Aer:p%%40ss:w@127.0.0.1:%d", proxy->port);
    setenv("HTTPS_PROXY", url, 1);
}

static void calls_go_through_the_proxy(void **state)
{
    (void)state;
    struct scripted proxy = {0};
    use_proxy(&proxy, tunnels);
    struct rig r = {.host = "https://localhost",
                    .ca_file = ca_file,
                    .server.tls = server_of("DNS:localhost", TLS1_3_VERSION)};
    rig_open(&r, answer_and_close);
    target_port = r.server.port;
    for (int i = 0; i < 3; i++) {
        struct asked a = {0};
        char wanted[96];
        exchange(&r, &a);
        expect_answer(&a, 200, "ok");
        (void)snprintf(wanted, sizeof(wanted), "CONNECT localhost:%d HTTP/1.1\r\n", target_port);
        assert_true(str_starts(str_of(connect_head), wanted));
        /* us:er:p@ss:w */
        assert_non_null(strstr(connect_head, "Proxy-Authorization: Basic dXM6ZXI6cEBzczp3\r\n"));
        assert_null(strstr(connect_head, "POST"));
    }
    assert_int_equal(proxy.requests, 3);
    assert_int_equal(r.server.resumed, 2); /* sessions too */
    rig_close(&r);
    scripted_stop(&proxy);
    forget_proxies();
}

static void what_a_proxy_may_answer(void **state)
{
    (void)state;
    static char long_head[70000];
    memset(long_head, 'h', sizeof(long_head) - 1);
    memcpy(long_head, "HTTP/1.1 200 ", 13);
    static const struct {
        const char *answer, *words;
        enum upstream_failure failure;
    } cases[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
         "407 Proxy Authentication Required", UPSTREAM_UNREACHABLE},
        {"HTTP/1.1 403 No\r\n\r\nreasons", "403 Forbidden", UPSTREAM_UNREACHABLE},
        {"HTTP/1.1 504 Late\r\n\r\n", "504 Gateway Timeout", UPSTREAM_LATE},
        {"HTTP/1.1 200 OK\r\n\r\nsurprise", "before TLS", UPSTREAM_UNREACHABLE},
        {"SSH-2.0-OpenSSH\r\n\r\n", "not well-formed", UPSTREAM_UNREACHABLE},
        {"HTTP/1.1 200", "it closed the connection", UPSTREAM_UNREACHABLE},
        {"", "closed the connection", UPSTREAM_UNREACHABLE},
        {long_head, "opened no tunnel", UPSTREAM_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scripted proxy = {0};
        struct asked a = {0};
        char named[64];
        proxy_answer = cases[i].answer;
        use_proxy(&proxy, answers_as_told);
        struct rig r = {.host = "https://bedrock.example", .ca_file = ca_file};
        rig_open(&r, NULL);
        exchange(&r, &a);
        (void)snprintf(named, sizeof(named), "proxy 127.0.0.1:%d", proxy.port);
        assert_non_null(strstr(a.why, named));
        assert_non_null(strstr(a.why, "bedrock.example"));
        assert_null(strstr(a.why, "ss:w"));
        expect_failure(&a, cases[i].failure, cases[i].words);
        rig_close(&r);
        scripted_stop(&proxy);
    }
    forget_proxies();
}

static void a_proxy_has_a_time_limit(void **state)
{
    (void)state;
    struct scripted proxy = {0};
    struct asked a = {0};
    proxy_answer = NULL;
    use_proxy(&proxy, answers_as_told);
    struct rig r = {.host = "https://bedrock.example",
                    .ca_file = ca_file,
                    .config.upstream.connect_timeout_ms = 300};
    rig_open(&r, NULL);
    exchange(&r, &a);
    assert_non_null(strstr(a.why, "proxy 127.0.0.1:"));
    expect_failure(&a, UPSTREAM_LATE, "within 300 ms");
    rig_close(&r);
    scripted_stop(&proxy);
    forget_proxies();
}

static void a_proxy_that_is_not_there(void **state)
{
    (void)state;
    struct scripted proxy = {0};
    struct asked a = {0};
    use_proxy(&proxy, answers_as_told);
    scripted_shut(&proxy);
    struct rig r = {.host = "https://bedrock.example", .ca_file = ca_file};
    rig_open(&r, NULL);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_UNREACHABLE, "cannot connect to proxy 127.0.0.1:");
    rig_close(&r);
    scripted_stop(&proxy);

    setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:3128", 1);
    struct asked b = {0};
    struct rig lost = {.host = "https://bedrock.example",
                       .ca_file = ca_file,
                       .config.upstream.connect_timeout_ms = 100};
    rig_open(&lost, NULL);
    exchange(&lost, &b);
    expect_failure(&b, UPSTREAM_UNREACHABLE, "cannot resolve");
    rig_close(&lost);
    forget_proxies();
}

/* --- the race --- */

/* A port that answers no connect: its queue is full, and nobody takes from it. */
struct black_hole {
    int fd, filler;
    struct endpoint_address at;
};

static struct endpoint_address loopback(int port)
{
    struct endpoint_address a = {.length = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&a.at;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in->sin_port = htons((uint16_t)port);
    return a;
}

static void black_hole_open(struct black_hole *h)
{
    h->at = loopback(0);
    h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(h->fd, (struct sockaddr *)&h->at.at, h->at.length), 0);
    assert_int_equal(listen(h->fd, 0), 0);
    assert_int_equal(getsockname(h->fd, (struct sockaddr *)&h->at.at, &h->at.length), 0);
    h->filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(h->filler, (struct sockaddr *)&h->at.at, h->at.length), 0);
}

static void black_hole_close(struct black_hole *h)
{
    (void)close(h->filler);
    (void)close(h->fd);
}

static void a_silent_address_does_not_hold_others_up(void **state)
{
    (void)state;
    struct rig r = {0};
    struct black_hole hole;
    struct asked a = {0};
    rig_open(&r, answer_and_close);
    black_hole_open(&hole);
    struct endpoint_address both[] = {hole.at, hole.at, loopback(r.server.port)};
    endpoint_take(r.endpoint, both, 3);
    exchange(&r, &a);
    expect_answer(&a, 200, "ok");
    assert_int_equal(r.server.connections, 1);
    rig_close(&r);
    black_hole_close(&hole);
}

static void the_next_address_runs_when_one_refuses(void **state)
{
    (void)state;
    struct scripted gone = {0};
    scripted_start(&gone, answer_and_close);
    int port = gone.port;
    scripted_stop(&gone);
    struct rig r = {0};
    struct asked a = {0}, b = {0};
    rig_open(&r, answer_and_close);
    struct endpoint_address both[] = {loopback(port), loopback(r.server.port)};
    endpoint_take(r.endpoint, both, 2);
    exchange(&r, &a);
    expect_answer(&a, 200, "ok");
    both[1] = both[0];
    endpoint_take(r.endpoint, both, 2);
    exchange(&r, &b);
    expect_failure(&b, UPSTREAM_UNREACHABLE, "cannot connect to 127.0.0.1");
    rig_close(&r);
}

static void nobody_in_the_race_arrives(void **state)
{
    (void)state;
    struct black_hole hole;
    struct rig r = {.config.upstream.connect_timeout_ms = 700};
    struct asked a = {0}, b = {0};
    rig_open(&r, answer_and_close);
    black_hole_open(&hole);
    struct endpoint_address both[] = {hole.at, hole.at};
    endpoint_take(r.endpoint, both, 2);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_LATE, "within 700 ms");
    ask(&r, &b); /* cancelled in the middle of the race */
    run_for(&r, 1000);
    cancel(&b);
    asked_free(&b);
    rig_close(&r);
    black_hole_close(&hole);
}

static struct endpoint_address numbered(int family, int number)
{
    struct endpoint_address a = loopback(number);
    a.at.ss_family = (sa_family_t)family;
    return a;
}

static void families_take_turns(void **state)
{
    (void)state;
    static const struct {
        const char *given, *wanted; /* 6: the next IPv6 address, 4: the next IPv4 one */
    } cases[] = {{"6644", "6464"}, {"4466", "4646"},   {"666", "666"},
                 {"6", "6"},       {"64444", "64444"}, {"66666666664", "64666666"},
                 {"", ""}};
    struct endpoint *e = endpoint_new("http://127.0.0.1", NULL, NULL);
    assert_non_null(e);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct endpoint_address at[16], out[ENDPOINT_ADDRESSES_MAX];
        size_t n = strlen(cases[i].given);
        int next[2] = {0, 0}, expected[2] = {0, 0};
        for (size_t k = 0; k < n; k++) {
            bool six = cases[i].given[k] == '6';
            at[k] = numbered(six ? AF_INET6 : AF_INET, ++next[six]);
        }
        endpoint_take(e, at, n);
        assert_int_equal(endpoint_addresses(e, out, NULL), strlen(cases[i].wanted));
        for (size_t k = 0; cases[i].wanted[k]; k++) {
            bool six = cases[i].wanted[k] == '6';
            assert_int_equal(out[k].at.ss_family, six ? AF_INET6 : AF_INET);
            assert_int_equal(ntohs(((struct sockaddr_in *)&out[k].at)->sin_port), ++expected[six]);
        }
    }
    endpoint_free(e);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the scripted server's TLS */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_proxy_is_read_as_curl_does),
        cmocka_unit_test(what_the_environment_says_is_taken),
        cmocka_unit_test(a_malformed_proxy_is_told_without_its_password),
        cmocka_unit_test(calls_go_through_the_proxy),
        cmocka_unit_test(what_a_proxy_may_answer),
        cmocka_unit_test(a_proxy_has_a_time_limit),
        cmocka_unit_test(a_proxy_that_is_not_there),
        cmocka_unit_test(a_silent_address_does_not_hold_others_up),
        cmocka_unit_test(the_next_address_runs_when_one_refuses),
        cmocka_unit_test(nobody_in_the_race_arrives),
        cmocka_unit_test(families_take_turns),
    };
    return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
