/* plain.h: the dashboard for screen readers and poor lines: one sentence a change, a line each, no
 * drawing and no cursor movement. */
#ifndef TOLLGATE_TUI_PLAIN_H
#define TOLLGATE_TUI_PLAIN_H

#include "tui/dashboard.h"

#include <jansson.h>
#include <stdint.h>

#define PLAIN_SUBJECTS 512
#define PLAIN_KEY      96

/* What was said about something, so that only what differs is said again, and not too often. */
struct plain_said {
    char key[PLAIN_KEY];
    int64_t value; /* cents, percent, a count: what the subject is measured in */
    int64_t at_ms;
    char word[64];
};

/* All-zero has said nothing, except that say and arg are set by the caller. */
struct plain {
    struct plain_said said[PLAIN_SUBJECTS];
    int count;
    bool begun;
    /* The newest that was told: its time and text; its request ID. */
    char event_at[40], event_text[160], denied[64];
    void (*say)(void *arg, const char *sentence);
    void *arg;
};

/* Says what differs between this dashboard snapshot and what was said before. */
void plain_tell(struct plain *p, const json_t *snapshot, int64_t now_ms, int64_t wall_ms);

/* Tells until a signal, the end of standard output or o->seconds_limit; returns the exit status. */
int plain_run(const struct dashboard_options *o, struct err_info *ei);

#endif
