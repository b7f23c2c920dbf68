/* notify_rig.h: a directory for what commands write, an attempt by hand, and a web server that
 * answers as it was told. Included by one test program each. */
#ifndef TOLLGATE_TESTS_NOTIFY_RIG_H
#define TOLLGATE_TESTS_NOTIFY_RIG_H

#include "tests/unit/wait.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/notify_private.h"
#include "tests/unit/aws/fake_aws.h"

#define UNUSED_FUNCTION __attribute__((unused))

static char dir[64], path[160];

UNUSED_FUNCTION static const char *in_dir(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

UNUSED_FUNCTION static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/tollgate-notify-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

UNUSED_FUNCTION static int remove_dir(void **state)
{
    static const char *const names[] = {"json", "env", "pid", "child", "ran", "second", "log"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)unlink(in_dir(names[i]));
    }
    return rmdir(dir);
}

UNUSED_FUNCTION static char *read_file(const char *name)
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

UNUSED_FUNCTION static bool is_there(const char *name)
{
    return access(in_dir(name), F_OK) == 0;
}

UNUSED_FUNCTION static struct notify_event event_of(const char *what)
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

UNUSED_FUNCTION static struct notify_attempt *prepare(struct one *o, int64_t within_ms)
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
UNUSED_FUNCTION static bool is_running(const char *file)
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

/* --- a web server --- */

/* Answers with the first status, then with the second, where there is one; keeps the first two
 * requests. */
struct web {
    int status[2];
    const char *headers, *raw; /* of each answer, or NULL; raw: the whole of it */
    struct fake_aws server;
    char target[128], content_type[64], authorization[512], bodies[2][NOTIFY_TEXT_MAX + 1];
};

UNUSED_FUNCTION static void answer_web(void *arg, const struct fake_request *q,
                                       struct fake_reply *r)
{
    struct web *w = arg;
    r->status = w->status[q->number > 0 && w->status[1] != 0];
    r->headers = w->headers ? w->headers : "";
    r->raw = w->raw;
    if (q->number > 1) {
        return;
    }
    assert_true(str_is(q->head.method, "POST"));
    (void)str_copy(w->target, sizeof(w->target), q->head.target);
    (void)str_copy(w->content_type, sizeof(w->content_type), http_value(&q->head, "content-type"));
    (void)str_copy(w->authorization, sizeof(w->authorization),
                   http_value(&q->head, "authorization"));
    (void)str_copy(w->bodies[q->number], sizeof(w->bodies[0]), q->body);
}

UNUSED_FUNCTION static void web_open(struct web *w)
{
    fake_aws_start(&w->server, answer_web, w);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

#endif
