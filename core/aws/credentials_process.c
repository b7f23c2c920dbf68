/* credentials_process.c: runs the program of credential_process, without a shell, bounded in time
 * and output. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS   30000
#define STEP_MS    100 /* how soon an abort is noticed */
#define OUTPUT_MAX 65536
#define ARGS_MAX   64

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

/* The child gets its own process group, so that what it starts can be ended with it. */
static int spawn_child(pid_t *pid, struct words *w, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t pipe_only;
    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    int failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(&files, output, 1);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(&attributes, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(&attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(&attributes, &pipe_only);
    failed = failed != 0 ? failed
                         : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
                                                                     POSIX_SPAWN_SETSIGMASK |
                                                                     POSIX_SPAWN_SETSIGDEF);
    if (failed == 0) {
        failed = posix_spawnp(pid, w->args[0], &files, &attributes, w->args, environ);
    }
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* Reads to the end of the output. */
static enum err read_output(struct buf *out, int fd, const atomic_bool *aborted)
{
    int64_t until_us = clock_mono_us() + LIMIT_MS * 1000LL;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, STEP_MS);
        if (atomic_load(aborted)) {
            return ERR_CLOSED;
        }
        if (ready == 0 && clock_mono_us() > until_us) {
            return ERR_TIMEOUT;
        }
        if (ready <= 0) {
            if (ready < 0 && errno != EINTR) {
                return ERR_IO;
            }
            continue;
        }
        char *at = buf_reserve(out, 4096);
        if (at == NULL) {
            return ERR_TOO_BIG;
        }
        ssize_t n = read(fd, at, 4096);
        if (n == 0) {
            return ERR_OK;
        }
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
        buf_commit(out, n > 0 ? (size_t)n : 0);
    }
}

/* Waits for the child, which is ended first unless it gave its output whole. */
static int end_child(pid_t pid, bool kill_it)
{
    int status = 0;
    if (kill_it) {
        (void)kill(-pid, SIGKILL); /* fails only when it is gone */
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static enum err run(struct buf *out, struct words *w, const char *profile,
                    const atomic_bool *aborted, struct err_info *ei)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "credential_process of profile %s", profile);
    }
    int failed = spawn_child(&pid, w, ends[1]);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return err_set_sys(ei, ERR_IO, failed, "credential_process of profile %s: cannot run %s",
                           profile, w->args[0]);
    }
    enum err e = read_output(out, ends[0], aborted);
    close(ends[0]);
    int status = end_child(pid, e != ERR_OK);
    if (e != ERR_OK) {
        return err_set(ei, e, "credential_process of profile %s gave no credentials: %s", profile,
                       e == ERR_TIMEOUT ? "30 s passed" : err_name(e));
    }
    if (status != 0) {
        return err_set(ei, ERR_AUTH,
                       "credential_process of profile %s failed (%d); run it by hand to see why",
                       profile, status);
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
