#include "core/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static int set_files(posix_spawn_file_actions_t *actions, const int files[3])
{
    int failed = 0;
    for (int i = 0; i < 3 && failed == 0; i++) {
        failed = files[i] < 0 ? posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                                 i == 0 ? O_RDONLY : O_WRONLY, 0)
                              : posix_spawn_file_actions_adddup2(actions, files[i], i);
    }
    return failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

/* A group of its own, no signal blocked, SIGPIPE as programs expect it. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int failed = posix_spawnattr_setpgroup(attributes, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &defaults);
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

int process_start(pid_t *pid, char *const *args, char *const *env, const int files[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int failed = set_files(&actions, files);
    failed = failed != 0 ? failed : set_attributes(&attributes);
    failed = failed != 0 ? failed : posix_spawnp(pid, args[0], &actions, &attributes, args, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

bool process_has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

/* The group is ended before its leader is reaped: its number is not free to others until then. */
int process_end(pid_t pid, bool kill_group)
{
    int status = 0;
    if (kill_group) {
        (void)kill(-pid, SIGKILL); /* fails only when it is gone */
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}
