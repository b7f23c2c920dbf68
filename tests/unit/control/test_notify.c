/* notify: real commands, and webhooks to a real HTTP server on the loopback interface. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/notify_private.h"

#define DEADLINE_US 30000000

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int64_t until = clock_mono_us() + DEADLINE_US;                                             \
        while (!(condition) && clock_mono_us() < until) {                                          \
            usleep(2000);                                                                          \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static char dir[64], path[160];

static const char *in_dir(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/tollgate-notify-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"json", "env", "pid", "child", "ran", "second", "log"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)unlink(in_dir(names[i]));
    }
    return rmdir(dir);
}

static char *read_file(const char *name)
{
    static char text[65536];
    FILE *f = fopen(in_dir(name), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f) {
        assert_int_equal(fclose(f), 0);
    }
    text[n] = '\0';
    return text;
}

static bool is_there(const char *name)
{
    return access(in_dir(name), F_OK) == 0;
}

static struct notify_event event_of(const char *what)
{
    struct notify_event e = {.on = NOTIFY_WARN, .percent = 80, .at_ms = 1795224998123};
    (void)snprintf(e.what, sizeof(e.what), "%s", what);
    (void)snprintf(e.text, sizeof(e.text), "limit minute costCenter=sales is at 80 %% <!channel>");
    (void)snprintf(e.limit, sizeof(e.limit), "minute");
    (void)snprintf(e.group, sizeof(e.group), "costCenter=sales");
    return e;
}

/* --- one attempt --- */

static atomic_bool ending;

struct one {
    struct config_notice notice;
    struct notify_event event;
    struct buf json;
    struct notify_attempt a;
    const char *args[8];
};

static struct notify_attempt *prepare(struct one *o, int64_t within_ms)
{
    atomic_store(&ending, false);
    o->event = event_of("threshold");
    assert_true(notify_json(&o->json, &o->event, "us-east-1"));
    o->a = (struct notify_attempt){.notice = &o->notice,
                                   .event = &o->event,
                                   .json = buf_str(&o->json),
                                   .deadline_us = clock_mono_us() + within_ms * 1000,
                                   .ending = &ending};
    return &o->a;
}

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

static bool is_running(const char *file)
{
    long pid = strtol(read_file(file), NULL, 10);
    char where[64], stat[256] = "";
    (void)snprintf(where, sizeof(where), "/proc/%ld/stat", pid);
    FILE *f = fopen(where, "r");
    if (f) {
        (void)!fgets(stat, sizeof(stat), f);
        assert_int_equal(fclose(f), 0);
    }
    return pid > 0 && stat[0] && !strstr(stat, ") Z ");
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

/* --- webhooks --- */

/* Answers one request a connection with the next status of its list; keeps what was posted. */
struct web {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answers[8]; /* heads; the last one is given again and again */
    size_t asked;
    char heads[8][1024], bodies[8][NOTIFY_TEXT_MAX + 1];
};

static size_t read_request(int fd, char *text, size_t size)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, text + n, size - 1 - n);
        if (got <= 0) {
            return n;
        }
        n += (size_t)got;
        text[n] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length: ");
        if (end && n - (size_t)(end + 4 - text) >= (length ? strtoul(length + 18, NULL, 10) : 0)) {
            return n;
        }
    }
}

static void *serve_web(void *arg)
{
    struct web *w = arg;
    for (int fd; (fd = accept(w->fd, NULL, NULL)) >= 0; (void)close(fd)) {
        char text[16384] = "";
        if (read_request(fd, text, sizeof(text)) == 0) {
            continue;
        }
        pthread_mutex_lock(&w->lock);
        size_t last = 0;
        while (last < 7 && w->answers[last + 1]) {
            last++;
        }
        const char *answer = w->answers[w->asked < last ? w->asked : last];
        char *body = strstr(text, "\r\n\r\n");
        size_t at = w->asked++ % 8;
        (void)snprintf(w->heads[at], sizeof(w->heads[at]), "%.*s", body ? (int)(body - text) : 0,
                       text);
        (void)snprintf(w->bodies[at], sizeof(w->bodies[at]), "%.*s", NOTIFY_TEXT_MAX,
                       body ? body + 4 : "");
        pthread_mutex_unlock(&w->lock);
        (void)!write(fd, answer, strlen(answer));
    }
    return NULL;
}

static void web_open(struct web *w, const char *first, const char *second)
{
    *w = (struct web){.answers = {first, second}};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    pthread_mutex_init(&w->lock, NULL);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(w->fd, 16), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &n), 0);
    w->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&w->thread, NULL, serve_web, w), 0);
}

static size_t web_asked(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->asked;
    pthread_mutex_unlock(&w->lock);
    return n;
}

static void web_close(struct web *w)
{
    (void)shutdown(w->fd, SHUT_RDWR);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->fd);
    pthread_mutex_destroy(&w->lock);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#define ANSWER(status, more)                                                                       \
    "HTTP/1.1 " status " X\r\nContent-Length: 0\r\nConnection: close\r\n" more "\r\n"

static enum notify_result post_to(struct one *o, const char *url, int64_t within_ms)
{
    *o = (struct one){.notice.webhook = url};
    enum notify_result result = notify_webhook(prepare(o, within_ms));
    buf_free(&o->json);
    return result;
}

static enum notify_result post(struct one *o, const struct web *w)
{
    static char url[128];
    (void)snprintf(url, sizeof(url), "http://user:hunter2@127.0.0.1:%d/services/T0/s3cret?k=v",
                   w->port);
    return post_to(o, url, 20000);
}

static void a_webhook_is_posted(void **state)
{
    (void)state;
    struct one o;
    struct web w;
    web_open(&w, OK_ANSWER, NULL);
    assert_int_equal(post(&o, &w), NOTIFY_DONE);
    assert_true(str_starts(str_of(w.heads[0]), "POST /services/T0/s3cret?k=v HTTP/1.1\r\n"));
    assert_non_null(strcasestr(w.heads[0], "Content-Type: application/json"));
    json_t *j = json_loads(w.bodies[0], 0, NULL);
    assert_non_null(j);
    assert_true(json_is_string(json_object_get(j, "text")));
    assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
    json_decref(j);
    web_close(&w);
    assert_int_equal(post(&o, &w), NOTIFY_AGAIN); /* nobody listens any more */
    assert_null(strstr(o.a.error, "s3cret"));
    assert_null(strstr(o.a.error, "hunter2"));
}

static void a_topic_is_published_to(void **state)
{
    (void)state;
    struct one o = {.notice.webhook = "arn:aws:sns:eu-west-1:123456789012:alarms"};
    struct web w;
    char url[64];
    web_open(&w, OK_ANSWER, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", w.port);
    assert_int_equal(setenv("AWS_ENDPOINT_URL_SNS", url, 1), 0);
    struct credentials *keys = credentials_new(STR("AKIDTEST"), STR("s3cret"), STR(""), 0, "test");
    struct credentials_provider *p = credentials_provider_new(keys, NULL);
    credentials_unref(keys);
    assert_non_null(p);
    struct notify_attempt *a = prepare(&o, 20000);
    a->credentials = p;
    assert_int_equal(notify_sns(a), NOTIFY_DONE);
    assert_non_null(strstr(w.heads[0], "AKIDTEST/"));
    assert_non_null(strstr(w.heads[0], "/eu-west-1/sns/aws4_request"));
    assert_true(str_starts(str_of(w.bodies[0]),
                           "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1"
                           "%3A123456789012%3Aalarms&Subject=tollgate%20warn%20threshold%3A%20"
                           "minute&Message=%7B%22text%22"));
    web_close(&w);
    assert_int_equal(notify_sns(a), NOTIFY_AGAIN);
    assert_int_equal(unsetenv("AWS_ENDPOINT_URL_SNS"), 0);
    credentials_provider_free(p);
    buf_free(&o.json);
}

static void what_a_webhook_answers_decides(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum notify_result result;
        int64_t wait_ms;
        const char *words;
    } cases[] = {
        {ANSWER("204", ""), NOTIFY_DONE, 0, ""},
        {ANSWER("404", ""), NOTIFY_FAILED, 0, "answered 404"},
        {ANSWER("500", ""), NOTIFY_AGAIN, 0, "answered 500"},
        {ANSWER("429", "Retry-After: 7\r\n"), NOTIFY_AGAIN, 7000, "answered 429"},
        {ANSWER("503", "Retry-After: 99999\r\n"), NOTIFY_AGAIN, 60000, "answered 503"},
        {ANSWER("302", "Location: http://127.0.0.1:1/\r\n"), NOTIFY_FAILED, 0, "redirects"},
        {"nonsense\r\n\r\n", NOTIFY_AGAIN, 0, "http://127.0.0.1:"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct one o;
        struct web w;
        web_open(&w, cases[i].answer, NULL);
        assert_int_equal(post(&o, &w), cases[i].result);
        assert_int_equal(o.a.wait_ms, cases[i].wait_ms);
        assert_non_null(strstr(o.a.error, cases[i].words));
        assert_null(strstr(o.a.error, "s3cret"));
        assert_int_equal(web_asked(&w), 1);
        web_close(&w);
    }
}

static void link_local_addresses_are_refused(void **state)
{
    (void)state;
    struct one o;
    static const char *const urls[] = {
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.10.1:8443/",
        "http://0xA9FEA9FE/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        assert_int_equal(post_to(&o, urls[i], 20000), NOTIFY_FAILED);
        assert_non_null(strstr(o.a.error, "link-local"));
    }
    static const struct {
        const char *address;
        bool refused;
    } v6[] = {
        {"::1", false},
        {"2001:db8::1", false},
        {"fe80::", true},
        {"febf:ffff::1", true},
        {"fec0::1", false},
        {"::169.254.1.1", true},
        {"::ffff:10.0.0.1", false},
        {"64:ff9b::a9fe:1", true},
        {"2002:a9fe:101::1", true},
        {"2002:a00:1::1", false},
        {"fd00:ec2::254", true},
        {"fd00:ec2::23", false},
    };
    for (size_t i = 0; i < sizeof(v6) / sizeof(*v6); i++) {
        struct sockaddr_in6 at = {.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, v6[i].address, &at.sin6_addr), 1);
        if (notify_address_refused((const struct sockaddr *)&at) != v6[i].refused) {
            fail_msg("%s", v6[i].address);
        }
    }
    const struct sockaddr unix_socket = {.sa_family = AF_UNIX};
    assert_true(notify_address_refused(&unix_socket));
}

static void places_hold_no_secret(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com"},
        {"https://u:p@host:8443/x", "https://host:8443"},
        {"https://u:p@q@host?token=x", "https://host"},
        {"http://[::1]:80/a", "http://[::1]:80"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char out[256];
        notify_place(out, sizeof(out), cases[i][0]);
        assert_string_equal(out, cases[i][1]);
    }
}

/* --- queues --- */

static struct config *config_of(const char *notify)
{
    char text[2048];
    struct config_mistakes mistakes = {0};
    (void)snprintf(text, sizeof(text), "region: us-east-1\nnotify: [%s]\n", notify);
    struct config *c = config_parse("t", str_of(text), &mistakes);
    for (size_t i = 0; i < mistakes.count && !c; i++) {
        print_error("%s: %s\n", mistakes.at[i].key, mistakes.at[i].text);
    }
    config_mistakes_free(&mistakes);
    assert_non_null(c);
    return c;
}

static struct notify *start(const char *before, const char *a, const char *after)
{
    char text[1024];
    struct err_info ei = {0};
    (void)snprintf(text, sizeof(text), "%s%s%s", before, a, after);
    struct config *c = config_of(text);
    struct notify *n = notify_start(c, NULL, &ei);
    config_unref(c);
    assert_non_null(n);
    return n;
}

static struct notify_health health_of(struct notify *n)
{
    struct notify_health h;
    notify_health(n, &h);
    return h;
}

static void only_who_asked_is_told(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [block], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e);
    e.on = NOTIFY_BLOCK;
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_string_equal(read_file("ran"), "x\n");
    notify_stop(n, 1000);
    notify_tell(NULL, &e);
    notify_stop(NULL, 0);
}

static void a_notice_is_told_once_in_its_time(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    e.quiet_ms = 3600000;
    for (int i = 0; i < 5; i++) {
        notify_tell(n, &e);
    }
    e.percent = 100; /* another threshold */
    notify_tell(n, &e);
    (void)snprintf(e.group, sizeof(e.group), "costCenter=support"); /* another group */
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 3);
    assert_int_equal(health_of(n).suppressed, 4);
    assert_string_equal(read_file("ran"), "x\nx\nx\n");
    notify_stop(n, 1000);
}

static void a_failing_webhook_is_asked_again(void **state)
{
    (void)state;
    struct web w;
    char url[64];
    web_open(&w, ANSWER("500", ""), OK_ANSWER);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", w.port);
    struct notify *n = start("{on: [warn], webhook: '", url, "'}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_int_equal(health_of(n).retried, 1);
    assert_int_equal(health_of(n).failed, 0);
    assert_int_equal(web_asked(&w), 2);
    assert_string_equal(w.bodies[0], w.bodies[1]);
    notify_stop(n, 1000);
    web_close(&w);
}

static void one_that_hangs_holds_up_nobody(void **state)
{
    (void)state;
    struct notify *n = start("{on: [warn], exec: [/bin/sh, -c, 'echo $$ >$0; exec sleep 1000', ",
                             in_dir("pid"), "]}");
    char more[512];
    (void)snprintf(more, sizeof(more),
                   "{on: [warn], exec: [/bin/sh, -c, 'echo $$ >$0; exec sleep 1000', %s/pid]},"
                   "{on: [core], exec: [/bin/sh, -c, 'echo x >>$0', %s/ran]}",
                   dir, dir);
    struct config *c = config_of(more);
    notify_reload(n, c);
    config_unref(c);
    assert_int_equal(health_of(n).targets, 2);
    struct notify_event e = event_of("threshold");
    for (int i = 0; i < 200; i++) {
        notify_tell(n, &e);
    }
    WAIT_FOR(strchr(read_file("pid"), '\n') != NULL);
    e.on = NOTIFY_CORE;
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 1);
    assert_true(is_there("ran"));
    assert_true(health_of(n).dropped >= 135);
    assert_true(health_of(n).waiting <= 64);
    assert_true(is_running("pid"));
    notify_stop(n, 0);
    assert_false(is_running("pid"));
}

static void a_reload_takes_over(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    notify_tell(n, &e); /* is told although its target goes */
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{on: [warn], exec: [/bin/sh, -c, 'echo y >>$0', %s/second]}", dir);
    struct config *c = config_of(text);
    notify_reload(n, c);
    notify_reload(n, c); /* nothing changes */
    assert_int_equal(health_of(n).targets, 1);
    notify_tell(n, &e);
    WAIT_FOR(health_of(n).told == 2);
    assert_string_equal(read_file("ran"), "x\n");
    assert_string_equal(read_file("second"), "y\n");
    config_unref(c);
    c = config_of("");
    notify_reload(n, c);
    config_unref(c);
    assert_int_equal(health_of(n).targets, 0);
    notify_tell(n, &e);
    notify_stop(n, 1000);
    assert_string_equal(read_file("second"), "y\n");
}

static void what_waits_is_told_before_the_end(void **state)
{
    (void)state;
    struct notify *n =
        start("{on: [warn], exec: [/bin/sh, -c, 'echo x >>$0', ", in_dir("ran"), "]}");
    struct notify_event e = event_of("threshold");
    for (int i = 0; i < 3; i++) {
        notify_tell(n, &e);
    }
    notify_stop(n, 30000);
    assert_string_equal(read_file("ran"), "x\nx\nx\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
        IN_DIR(a_command_reads_the_event),
        IN_DIR(how_a_command_ends_is_told),
        IN_DIR(a_command_that_hangs_is_ended_with_its_children),
        IN_DIR(output_is_bounded_and_escaped),
        IN_DIR(a_webhook_is_posted),
        IN_DIR(a_topic_is_published_to),
        IN_DIR(what_a_webhook_answers_decides),
        cmocka_unit_test(link_local_addresses_are_refused),
        cmocka_unit_test(places_hold_no_secret),
        IN_DIR(only_who_asked_is_told),
        IN_DIR(a_notice_is_told_once_in_its_time),
        IN_DIR(a_failing_webhook_is_asked_again),
        IN_DIR(one_that_hangs_holds_up_nobody),
        IN_DIR(a_reload_takes_over),
        IN_DIR(what_waits_is_told_before_the_end),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
