/* dashboard.h: the screen. It runs in its own process and knows the core only through its socket.
 */
#ifndef TOLLGATE_TUI_DASHBOARD_H
#define TOLLGATE_TUI_DASHBOARD_H

#include "core/base/err.h"

#include <stdbool.h>

struct dashboard_options {
    const char *socket_path;
    const char *theme; /* name or file; NULL: dark */
    bool no_color;     /* NO_COLOR in the environment does the same */
    bool ascii;        /* a codeset other than UTF-8 does the same */
    bool read_only;
    bool no_mouse; /* the terminal keeps it; so over SSH unless `m` asked for it */
    bool low_bandwidth;
    bool own_settings; /* the user's settings are neither read nor written */
    bool plain;        /* sentences on standard output instead of a screen (plain.h) */
    const char *title; /* beside the program's name; NULL: the Region */
    int seconds_limit; /* leave after so many seconds; 0: never */
};

/* Is there a theme of that name? */
enum err dashboard_theme_check(const char *name, struct err_info *ei) MUST_CHECK;

/* Runs until the user leaves, the terminal goes away or a signal asks for it; returns the exit
 * status (0, or 1 with ei filled when it could not start). The terminal is as it was before. A core
 * that is not there is waited for, on screen. */
int dashboard_run(const struct dashboard_options *o, struct err_info *ei);

#endif
