/* The control socket as others use it: who may, what is answered, and what nobody can hold up. */
#include "tests/unit/control/core_rig.h"

#include "core/control/client.h"
#include "core/control/server_private.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- who is asking, for tests --- */

static bool (*by_kernel)(const struct config *config, int fd, struct actor *out);
static atomic_int next_role; /* 0: as the kernel says; 1: a viewer; 2: nobody */

static bool recognise(const struct config *config, int fd, struct actor *out)
{
    bool known = by_kernel(config, fd, out);
    if (next_role == 1) {
        out->uid = 4711;
        out->operates = false;
        (void)str_copy(out->login, sizeof(out->login), STR("viewer"));
    }
    return known && next_role != 2;
}

static struct client *connect_as(struct core_rig *r, int role, json_t **hello)
{
    struct err_info ei = {0};
    next_role = role;
    struct client *c = client_open(r->socket, hello, &ei);
    next_role = 0;
    (void)snprintf(last_text, sizeof(last_text), "%s", ei.text);
    last_code = ei.code;
    return c;
}

static enum err call(struct client *c, const char *method, json_t *params, json_t **result)
{
    struct err_info ei = {0};
    json_t *ignored = NULL;
    enum err e = client_call(c, method, params, 10000, result ? result : &ignored, &ei);
    json_decref(ignored);
    (void)snprintf(last_text, sizeof(last_text), "%s", ei.text);
    return e;
}

static int raw(const struct core_rig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)str_copy(at.sun_path, sizeof(at.sun_path), str_of(r->socket));
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)(void *)&at, sizeof(at)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One line, without its end; false at the end of the connection. */
static bool hear(int fd, char *line, size_t size)
{
    size_t n = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        char c;
        if (recv(fd, &c, 1, 0) != 1) {
            return false;
        }
        if (c == '\n') {
            line[n] = '\0';
            return true;
        }
        if (n + 1 < size) {
            line[n++] = c;
        }
    }
}

/* --- */

static void permissions(void **state)
{
    (void)state;
    struct core_rig r;
    struct stat st;
    char path[128];
    rig_open(&r, LIMITS);
    assert_int_equal(stat(r.socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
    (void)snprintf(path, sizeof(path), "%s/state", r.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    static const char *const secret[] = {"ledger.db", "journal.0", "master.key"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/state/%s", r.dir, secret[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    rig_close(&r);
}

static void operators_command(void **state)
{
    (void)state;
    struct core_rig r;
    json_t *hello, *result;
    rig_open(&r, LIMITS);
    struct client *c = connect_as(&r, 0, &hello);
    assert_non_null(c);
    assert_at(hello, "role", "\"operator\"");
    assert_at(hello, "version", "1");
    assert_at(hello, "region", "\"us-east-1\"");
    assert_at(hello, "simulated", "false");
    json_decref(hello);
    assert_int_equal(
        call(c, "limit.set",
             json_pack("{s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", "5k"),
             &result),
        ERR_OK);
    assert_at(result, "new", "5000");
    json_decref(result);
    assert_int_equal(call(c, "status", NULL, &result), ERR_OK);
    static const char *const members[] = {
        "version", "time",         "since",        "state",   "simulated", "pid",
        "region",  "listen",       "totals",       "models",  "limits",    "cloud",
        "health",  "cost_centers", "applications", "denials", "burn",      "reconcile"};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        assert_non_null(json_object_get(result, members[i]));
    }
    assert_int_equal(json_object_size(result), sizeof(members) / sizeof(*members));
    assert_at(result, "state", "\"ready\"");
    assert_at(result, "health.store", "\"ok\"");
    assert_at(result, "health.reserved_matches", "true");
    assert_at(result, "totals.usd", "0");
    assert_at(result, "models.0.name", "\"haiku\"");
    assert_at(result, "models.0.priced", "true");
    assert_at(result, "limits.0.amount", "5000");
    assert_true(strncmp(at(result, "listen.0"), "\"http://127.0.0.1:", 18) == 0);
    json_decref(result);
    client_close(c);
    rig_close(&r);
}

static void viewers_only_look(void **state)
{
    (void)state;
    struct core_rig r;
    json_t *hello, *result;
    rig_open(&r, LIMITS);
    struct client *c = connect_as(&r, 1, &hello);
    assert_non_null(c);
    assert_at(hello, "role", "\"viewer\"");
    json_decref(hello);
    assert_int_equal(call(c, "status", NULL, &result), ERR_OK);
    json_decref(result);
    assert_int_equal(call(c, "limit.list", NULL, &result), ERR_OK);
    json_decref(result);
    static const char *const forbidden[] = {
        "limit.set", "limit.block", "limit.unblock", "limit.revert", "limit.undo", "key.add",
        "key.list",  "key.revoke",  "reload",        "stop",         "refresh"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
        json_t *params = json_pack("{s:s, s:s, s:s, s:s}", "name", "minute", "metric", "tokens",
                                   "amount", "1", "application", "docs");
        assert_int_equal(call(c, forbidden[i], params, NULL), ERR_FORBIDDEN);
        assert_non_null(strstr(last_text, "viewer"));
    }
    client_close(c);
    assert_null(connect_as(&r, 2, NULL));
    assert_int_equal(last_code, ERR_FORBIDDEN);
    assert_non_null(strstr(last_text, "neither operator nor viewer"));
    rig_close(&r);
}

static void no_core(void **state)
{
    (void)state;
    struct err_info ei = {0};
    assert_null(client_open("/tmp/no-such-directory/control.sock", NULL, &ei));
    assert_int_equal(ei.code, ERR_NO_CORE);
}

static void a_stopped_core_does_not_stop_its_clients(void **state)
{
    (void)state;
    char path[64] = "/tmp/tollgate-stopped-XXXXXX";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct err_info ei = {0};
    assert_true(close(mkstemp(path)) == 0 && unlink(path) == 0);
    (void)str_copy(at.sun_path, sizeof(at.sun_path), str_of(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* listens, and never accepts */
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_null(client_open(path, NULL, &ei));
    assert_int_equal(ei.code, ERR_TIMEOUT);
    (void)close(fd);
    (void)unlink(path);
}

static void lines_are_answered_one_by_one(void **state)
{
    (void)state;
    struct core_rig r;
    char line[4096];
    rig_open(&r, LIMITS);
    int fd = raw(&r);
    say(fd, "{\"id\":1,\"method\":\"status\"}\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_non_null(strstr(line, "must be hello"));
    say(fd, "{\"id\":2,\"method\":\"hello\",\"params\":{\"version\":2}}\n");
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "unsupported"));
    say(fd, "{\"id\":3,\"meth");
    say(fd, "od\":\"hello\",\"params\":{\"version\":1}}\nnot "
            "json\n\n{\"id\":4,\"method\":\"limit.list\"}\n"
            "{\"id\":5,\"method\":\"limit.list\",\"params\":[]}\n{\"id\":6,\"method\":\"x\","
            "\"method\":\"y\"}\n");
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "\"id\":3") &&
                strstr(line, "operator"));
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "not a request"));
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "\"id\":4") && strstr(line, "limits"));
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "not a request"));
    assert_true(hear(fd, line, sizeof(line)) && strstr(line, "not a request"));
    (void)close(fd);
    rig_close(&r);
}

static void a_request_has_a_maximum(void **state)
{
    (void)state;
    struct core_rig r;
    char line[512];
    static char piece[65536];
    rig_open(&r, LIMITS);
    int fd = raw(&r);
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 17 && send(fd, piece, sizeof(piece), MSG_NOSIGNAL) > 0; i++) {
    }
    if (hear(fd, line, sizeof(line))) { /* a reset may overtake it */
        assert_non_null(strstr(line, "too_big"));
        assert_false(hear(fd, line, sizeof(line)));
    }
    (void)close(fd);
    rig_close(&r);
}

/* One that asks without end and never reads does not keep the core from others, nor eat its memory.
 */
static void a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct core_rig r;
    json_t *result;
    rig_open(&r, LIMITS);
    int fd = raw(&r);
    say(fd, "{\"id\":0,\"method\":\"hello\",\"params\":{\"version\":1}}\n");
    char many[4096] = "";
    size_t n = 0;
    while (n + 64 < sizeof(many)) {
        n += (size_t)snprintf(many + n, sizeof(many) - n, "{\"id\":1,\"method\":\"limit.list\"}\n");
    }
    size_t sent = 0;
    for (ssize_t now = 1; now > 0 && sent<64 * 1024 * 1024; sent += now> 0 ? (size_t)now : 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        now = poll(&p, 1, 200) == 1 ? send(fd, many, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    }
    assert_true(sent < 8 * 1024 * 1024); /* it is held back */
    struct client *c = connect_as(&r, 0, NULL);
    assert_non_null(c);
    assert_int_equal(call(c, "limit.list", NULL, &result), ERR_OK);
    json_decref(result);
    client_close(c);
    (void)close(fd);
    rig_close(&r);
}

static void places_are_bounded(void **state)
{
    (void)state;
    struct core_rig r;
    struct client *viewers[48], *operators[16];
    rig_open(&r, LIMITS);
    for (int i = 0; i < 48; i++) {
        viewers[i] = connect_as(&r, 1, NULL);
        assert_non_null(viewers[i]);
    }
    assert_null(connect_as(&r, 1, NULL));
    assert_int_equal(last_code, ERR_FULL);
    for (int i = 0; i < 16; i++) {
        operators[i] = connect_as(&r, 0, NULL);
        assert_non_null(operators[i]);
    }
    assert_null(connect_as(&r, 0, NULL));
    assert_int_equal(last_code, ERR_FULL);
    client_close(viewers[0]);
    struct client *again = NULL;
    WAIT_FOR(again || (again = connect_as(&r, 1, NULL)));
    client_close(again);
    for (int i = 0; i < 48; i++) {
        client_close(i == 0 ? NULL : viewers[i]);
        client_close(i < 16 ? operators[i] : NULL);
    }
    rig_close(&r);
}

/* --- subscriptions --- */

struct seen {
    int events;
    json_t *last;
};

static void on_event(void *arg, const char *event, json_t *data)
{
    struct seen *s = arg;
    assert_string_equal(event, "snapshot");
    s->events++;
    json_decref(s->last);
    s->last = json_incref(data);
}

static void on_answer(void *arg, json_t *result, const struct err_info *ei)
{
    assert_true((result != NULL) != (ei != NULL));
    ++*(int *)arg;
}

static void pump_once(struct client *c, struct seen *s)
{
    struct pollfd p = {.fd = client_fd(c), .events = POLLIN};
    (void)poll(&p, 1, 50);
    (void)!client_pump(c, on_event, s);
}

static void subscribers_get_what_changed(void **state)
{
    (void)state;
    struct core_rig r;
    struct seen s = {0};
    int answers = 0;
    rig_open(&r, LIMITS);
    struct client *c = connect_as(&r, 1, NULL);
    assert_int_equal(client_send(c, "subscribe", json_pack("{s:i}", "interval_ms", 60000),
                                 on_answer, &answers, NULL),
                     ERR_OK);
    WAIT_DOING(pump_once(c, &s), s.events == 1);
    assert_int_equal(answers, 1);
    assert_true(json_object_size(s.last) > 16);
    assert_at(s.last, "limits.0.amount", "100000");
    assert_at(s.last, "attached", "1");
    assert_at(s.last, "burn.month_budget_usd", "null");
    assert_int_equal(json_array_size(json_object_get(
                         json_array_get(json_object_get(s.last, "models"), 0), "series")),
                     15);
    /* A change by somebody else is pushed at once, and only what it touches. */
    struct client *other = connect_as(&r, 0, NULL);
    assert_int_equal(
        call(other, "limit.set",
             json_pack("{s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", "7k"),
             NULL),
        ERR_OK);
    WAIT_DOING(pump_once(c, &s), s.events == 2);
    assert_at(s.last, "limits.0.amount", "7000");
    assert_null(json_object_get(s.last, "region"));
    assert_true(strstr(at(s.last, "events.0.text"), "limit.set minute: 100000 -> 7000") != NULL);
    client_close(other);
    /* The core goes away: every answer that is awaited comes as an error. */
    assert_int_equal(client_send(c, "nothing", NULL, on_answer, &answers, NULL), ERR_OK);
    core_close(r.core);
    WAIT_DOING(pump_once(c, &s), client_fd(c) < 0);
    assert_int_equal(answers, 2);
    assert_int_equal(client_send(c, "status", NULL, on_answer, &answers, NULL), ERR_CLOSED);
    assert_int_equal(call(c, "status", NULL, NULL), ERR_CLOSED);
    client_close(c);
    json_decref(s.last);
    rig_start(&r);
    rig_close(&r);
}

/* Without free descriptors a waiting connection must not make the control thread spin. */
static void no_descriptors_left(void **state)
{
    (void)state;
    struct core_rig r;
    struct rlimit old, low;
    struct timespec before, after;
    clockid_t clock;
    rig_open(&r, LIMITS);
    int fd = raw(&r), other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct client *c = connect_as(&r, 0, NULL);
    assert_int_equal(pthread_getcpuclockid(r.core->server->thread, &clock), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)str_copy(at.sun_path, sizeof(at.sun_path), str_of(r.socket));
    int connected = connect(other, (struct sockaddr *)(void *)&at, sizeof(at));
    assert_int_equal(clock_gettime(clock, &before), 0);
    usleep(200000);
    assert_int_equal(clock_gettime(clock, &after), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(connected, 0);
    int64_t spent_us =
        (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    assert_true(spent_us < 150000);
    char line[2048]; /* and it is served when there are some again */
    say(other, "{\"id\":0,\"method\":\"hello\",\"params\":{\"version\":1}}\n");
    assert_true(hear(other, line, sizeof(line)) && strstr(line, "operator"));
    client_close(c);
    (void)close(fd);
    (void)close(other);
    rig_close(&r);
}

static int take_over(void **state)
{
    (void)state;
    by_kernel = peer_recognise;
    peer_recognise = recognise;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions),
        cmocka_unit_test(operators_command),
        cmocka_unit_test(viewers_only_look),
        cmocka_unit_test(no_core),
        cmocka_unit_test(a_stopped_core_does_not_stop_its_clients),
        cmocka_unit_test(lines_are_answered_one_by_one),
        cmocka_unit_test(a_request_has_a_maximum),
        cmocka_unit_test(a_peer_that_does_not_read),
        cmocka_unit_test(places_are_bounded),
        cmocka_unit_test(subscribers_get_what_changed),
        cmocka_unit_test(no_descriptors_left),
    };
    return cmocka_run_group_tests(tests, take_over, NULL);
}
