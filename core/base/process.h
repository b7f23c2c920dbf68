/* process.h: a program run without a shell, in a process group of its own, so that what it starts
 * can be ended with it. */
#ifndef TOLLGATE_BASE_PROCESS_H
#define TOLLGATE_BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* args[0] is looked for in PATH unless it has a slash. Standard input, output and error are these
 * descriptors, or /dev/null for -1; no other one is open to it. 0, or an errno. */
int process_start(pid_t *pid, char *const *args, char *const *env, const int files[3]);
/* It has ended, and process_end would not wait. */
bool process_has_ended(pid_t pid);
/* Reaps it; kill_group: after everything in its group was killed. The status of waitpid, or -1. */
int process_end(pid_t pid, bool kill_group);

#endif
