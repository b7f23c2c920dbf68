/* notify_exec.c: a command of `notify:`, without a shell, in a process group of its own, bounded in
 * time and output. It reads the event from its standard input. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/process.h"
#include "core/control/notify_private.h"

#define STEP_MS      50   /* how soon its end is noticed */
#define OUTPUT_SHOWN 1000 /* bytes; the rest is read and forgotten */
#define TRY_AGAIN    75   /* EX_TEMPFAIL */
#define ARGS_MAX     64

/* What a command is given of the core's own environment: never credentials. */
static const char *const inherited[] = {"PATH", "HOME",   "USER",   "LOGNAME",     "LANG",
                                        "TZ",   "LC_ALL", "TMPDIR", "HTTPS_PROXY", "NO_PROXY"};

#define INHERITED (sizeof(inherited) / sizeof(*inherited))
#define OWN       8

struct surroundings {
    char *at[INHERITED + OWN + 1];
    size_t count;
};

static void give(struct surroundings *s, const char *name, const char *value)
{
    struct buf b = {.max = 16384};
    (void)buf_printf(&b, "%s=", name);
    if (buf_add(&b, value)) {
        char *copy = str_dup(buf_str(&b));
        s->count += copy != NULL;
        s->at[copy ? s->count - 1 : s->count] = copy;
    }
    buf_free(&b);
}

static void surround(struct surroundings *s, const struct notify_event *e)
{
    char number[24], at[CLOCK_TEXT], text[sizeof(e->text)];
    *s = (struct surroundings){.count = 0};
    for (size_t i = 0; i < INHERITED; i++) {
        const char *value = getenv(inherited[i]);
        if (value) {
            give(s, inherited[i], value);
        }
    }
    clock_rfc3339(at, e->at_ms / 1000 * 1000);
    (void)snprintf(number, sizeof(number), "%d", e->percent);
    (void)str_printable(text, sizeof(text), str_of(e->text));
    give(s, "TOLLGATE_EVENT", config_notify_name(e->on));
    give(s, "TOLLGATE_WHAT", e->what);
    give(s, "TOLLGATE_TEXT", text);
    give(s, "TOLLGATE_TIME", at);
    give(s, "TOLLGATE_LIMIT", e->limit);
    give(s, "TOLLGATE_GROUP", e->group);
    give(s, "TOLLGATE_PERCENT", e->percent > 0 ? number : "");
    give(s, "TOLLGATE_ACTOR", e->actor);
}

static void surround_free(struct surroundings *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->at[i]);
    }
}

/* Reads what is there; false at the end of the output. */
static bool take_output(int fd, struct buf *out)
{
    char bytes[1024];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n > 0) {
        size_t room = OUTPUT_SHOWN - out->len;
        (void)buf_append(out, bytes, (size_t)n < room ? (size_t)n : room);
    }
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until the command has ended, its time is over, or everything ends. False: it was not over. */
static bool watch(const struct notify_attempt *a, pid_t pid, int fd, struct buf *out)
{
    bool open = true, over = false;
    while (!over && clock_mono_us() < a->deadline_us && !atomic_load(a->ending)) {
        struct pollfd p = {.fd = open ? fd : -1, .events = POLLIN};
        if (poll(&p, 1, STEP_MS) > 0) {
            open = take_output(fd, out);
        }
        over = process_has_ended(pid);
    }
    for (struct pollfd p = {.fd = fd, .events = POLLIN}; over && open && poll(&p, 1, 0) > 0;) {
        open = take_output(fd, out) && out->len < OUTPUT_SHOWN;
    }
    return over;
}

static enum notify_result judge(struct notify_attempt *a, bool over, int status)
{
    const char *name = a->notice->exec.at[0];
    if (!over) {
        (void)snprintf(a->error, sizeof(a->error), "%.100s was ended: it took too long", name);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return NOTIFY_DONE;
    } else if (WIFEXITED(status)) {
        (void)snprintf(a->error, sizeof(a->error), "%.100s ended with status %d", name,
                       WEXITSTATUS(status));
        return WEXITSTATUS(status) == TRY_AGAIN ? NOTIFY_AGAIN : NOTIFY_FAILED;
    } else {
        (void)snprintf(a->error, sizeof(a->error), "%.100s ended by signal %d", name,
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    return NOTIFY_FAILED;
}

static enum notify_result run(struct notify_attempt *a, char *const *args, int input, int ends[2])
{
    struct surroundings s;
    struct buf out = {.max = OUTPUT_SHOWN};
    pid_t pid;
    surround(&s, a->event);
    const int files[3] = {input, ends[1], ends[1]};
    int failed = process_start(&pid, args, s.at, files);
    surround_free(&s);
    (void)close(ends[1]);
    ends[1] = -1;
    if (failed) {
        (void)snprintf(a->error, sizeof(a->error), "%.100s cannot be run: %s", args[0],
                       strerror(failed));
        return failed == EAGAIN || failed == ENOMEM ? NOTIFY_AGAIN : NOTIFY_FAILED;
    }
    bool over = watch(a, pid, ends[0], &out);
    enum notify_result result = judge(a, over, process_end(pid, true));
    if (out.len > 0) {
        char shown[OUTPUT_SHOWN * 2];
        struct str text = buf_str(&out);
        while (text.n > 0 && strchr("\r\n ", text.p[text.n - 1])) {
            text.n--;
        }
        (void)str_printable(shown, sizeof(shown), text);
        log_info("notify", "%s wrote: %s", args[0], shown);
    }
    buf_free(&out);
    return result;
}

enum notify_result notify_exec(struct notify_attempt *a)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1};
    char *args[ARGS_MAX + 1] = {NULL};
    for (size_t i = 0; i < a->notice->exec.count && i < ARGS_MAX; i++) {
        args[i] = (char *)(uintptr_t)a->notice->exec.at[i];
    }
    enum notify_result result = NOTIFY_AGAIN;
    /* Written before there is a reader: it fits, and nobody can break the pipe. */
    bool ok = pipe2(input, O_CLOEXEC) == 0 && fcntl(input[1], F_SETFL, O_NONBLOCK) == 0 &&
              pipe2(output, O_CLOEXEC) == 0 &&
              write(input[1], a->json.p, a->json.n) == (ssize_t)a->json.n;
    if (input[1] >= 0) {
        (void)close(input[1]);
    }
    if (ok) {
        result = run(a, args, input[0], output);
    } else {
        (void)snprintf(a->error, sizeof(a->error), "no pipe to %.100s", args[0]);
    }
    for (int i = 0; i < 2; i++) {
        if (output[i] >= 0) {
            (void)close(output[i]);
        }
    }
    if (input[0] >= 0) {
        (void)close(input[0]);
    }
    return result;
}
