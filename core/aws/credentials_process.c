/* credentials_process.c: runs the program of credential_process, without a shell, bounded in time
 * and output. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"
#include "core/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS     30000
#define STEP_MS      100 /* how soon an abort is noticed */
#define REAP_STEP_MS 5   /* between the end of its output and its own */
#define OUTPUT_MAX   65536
#define ARGS_MAX     64

extern char **environ;

struct words {
    char text[4096];
    char *args[ARGS_MAX + 1];
    size_t count;
};

/* Splits like a shell does: blanks, quotes, backslash. */
static bool split(struct words *w, struct str command)
{
    char quote = '\0';
    bool in_word = false;
    char *to = w->text;
    w->count = 0;
    if (command.n >= sizeof(w->text) / 2) {
        return false;
    }
    for (size_t i = 0; i < command.n; i++) {
        char c = command.p[i];
        if (quote == '\0' && (c == ' ' || c == '\t')) {
            if (in_word) {
                *to++ = '\0';
            }
            in_word = false;
            continue;
        }
        if (!in_word) {
            if (w->count == ARGS_MAX) {
                return false;
            }
            w->args[w->count++] = to;
            in_word = true;
        }
        if (c == '\\' && quote != '\'' && i + 1 < command.n) {
            *to++ = command.p[++i];
        } else if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else {
            *to++ = c;
        }
    }
    *to = '\0';
    w->args[w->count] = NULL;
    return quote == '\0' && w->count > 0;
}

/* Reads what there is; true at the end of the output. */
static bool take_output(struct buf *out, int fd, enum err *e)
{
    char *at = buf_reserve(out, 4096);
    ssize_t n = at != NULL ? read(fd, at, 4096) : -1;
    if (at == NULL || (n < 0 && errno != EINTR)) {
        *e = at == NULL ? ERR_TOO_BIG : ERR_IO;
        return true;
    }
    buf_commit(out, n > 0 ? (size_t)n : 0);
    return n == 0;
}

/* Until the output and the program have ended: it may close the one and hang. */
static enum err read_output(struct buf *out, pid_t pid, int fd, const atomic_bool *aborted)
{
    int64_t until_us = clock_mono_us() + LIMIT_MS * 1000LL;
    enum err e = ERR_OK;
    bool ended = false;
    while (e == ERR_OK && (!ended || !process_has_ended(pid))) {
        struct pollfd p = {.fd = ended ? -1 : fd, .events = POLLIN};
        int ready = poll(&p, 1, ended ? REAP_STEP_MS : STEP_MS);
        if (atomic_load(aborted)) {
            e = ERR_CLOSED;
        } else if (clock_mono_us() > until_us) {
            e = ERR_TIMEOUT;
        } else if (ready > 0) {
            ended = take_output(out, fd, &e);
        } else if (ready < 0 && errno != EINTR) {
            e = ERR_IO;
        }
    }
    return e;
}

static enum err run(struct buf *out, struct words *w, const char *profile,
                    const atomic_bool *aborted, struct err_info *ei)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "credential_process of profile %s", profile);
    }
    const int files[3] = {-1, ends[1], -1};
    int failed = process_start(&pid, w->args, environ, files);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return err_set_sys(ei, ERR_IO, failed, "credential_process of profile %s: cannot run %s",
                           profile, w->args[0]);
    }
    enum err e = read_output(out, pid, ends[0], aborted);
    close(ends[0]);
    int status = process_end(pid, e != ERR_OK);
    if (e != ERR_OK) {
        return err_set(ei, e, "credential_process of profile %s gave no credentials: %s", profile,
                       e == ERR_TIMEOUT ? "30 s passed" : err_name(e));
    }
    if (status != 0) {
        return err_set(ei, ERR_AUTH,
                       "credential_process of profile %s failed (%d); run it by hand to see why",
                       profile, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    return ERR_OK;
}

enum err credentials_from_process(struct credentials **out, struct str command, const char *profile,
                                  const atomic_bool *aborted, struct err_info *ei)
{
    struct words words;
    if (!split(&words, command)) {
        return err_set(ei, ERR_PARSE, "credential_process of profile %s: unbalanced or too long",
                       profile);
    }
    char source[128];
    struct buf output = {.max = OUTPUT_MAX};
    int n = snprintf(source, sizeof(source), "credential_process of profile %s", profile);
    enum err e = n > 0 ? run(&output, &words, profile, aborted, ei) : ERR_PARSE;
    if (e == ERR_OK) {
        e = credentials_from_json(out, buf_str(&output), source, ei);
    }
    OPENSSL_cleanse(buf_bytes(&output), output.len);
    buf_free(&output);
    return e;
}
