/* whatif_private.h: between whatif.c (loading, counting) and whatif_order.c (what comes when). */
#ifndef TOLLGATE_LIMIT_WHATIF_PRIVATE_H
#define TOLLGATE_LIMIT_WHATIF_PRIVATE_H

#include "core/limit/limit_private.h"
#include "core/limit/whatif.h"

struct past {
    int64_t admitted_ms, end_ms; /* INT64_MAX: still open */
    int64_t leave_ms;            /* what began at admitted_ms leaves the window */
    int64_t reserved, used;      /* reserved -1: has no price */
    int64_t tokens, usd;
    uint32_t group, application;
    bool denied, lasts; /* in fact; its end is to be guessed */
};

/* What happens to a call's amounts, in the order of time. Which of them a call meets does not
 * depend on the amount that is tried. */
enum step {
    STEP_ASK,
    STEP_SETTLE,      /* in the window of admission */
    STEP_SETTLE_LATE, /* in a later one: only the excess counts */
    STEP_LEAVE,       /* settled and gone out of the window that rolls */
    STEP_LEAVE_EXCESS
};
#define STEP_BITS 3

/* A calendar window; computed once for all the times it holds. */
struct running {
    int64_t start_ms, end_ms;
};
/* Of a group, in its running window. */
struct standing {
    int64_t used, reserved;
    int64_t excess; /* part of used that was not reserved */
    struct running window;
};
struct application {
    char name[TAG_VALUE_MAX + 1];
    int64_t denied, tokens, usd;
};

struct whatif {
    struct rule *rule;
    struct zone *zone;
    struct catalog *catalog;
    int64_t since_ms;
    char *group; /* the only one that counts; "": all */
    struct map models, groups, applications;
    struct past *calls;
    size_t count, cap;
    bool unordered, ready;
    int64_t ended, ended_ms; /* calls that were answered, their time in all */
    uint32_t *steps;         /* number of the call, kind of the step */
    size_t step_count;
    bool *admitted;
    struct standing *standings; /* one a group */
    struct application *application_at;
    size_t application_count, application_cap;
};

/* Lets *r be the window that holds that time. */
void whatif_window(const struct whatif *w, struct running *r, int64_t ms);
/* Puts all that happens in order: fills steps, admitted and standings. */
enum err whatif_order(struct whatif *w) MUST_CHECK;

#endif
