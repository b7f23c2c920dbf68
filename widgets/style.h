/* style.h: what a piece of text means, and the attributes a theme gives to that meaning. Widgets
 * name roles only; who fills the style decides about colours. Room `widgets`: knows nothing of
 * what is shown. */
#ifndef TOLLGATE_WIDGETS_STYLE_H
#define TOLLGATE_WIDGETS_STYLE_H

#include <curses.h>
#include <stdbool.h>

/* Every role with its name in a theme file. */
#define W_ROLE_LIST(X)                                                                             \
    X(NORMAL, "normal")     /* plain text */                                                       \
    X(TITLE, "title")       /* the first line of the screen */                                     \
    X(LABEL, "label")       /* names of panels and fields */                                       \
    X(MUTED, "muted")       /* what matters less */                                                \
    X(HEADER, "header")     /* column titles */                                                    \
    X(SELECTED, "selected") /* the row under the cursor */                                         \
    X(OK, "ok")             /* severities: fine */                                                 \
    X(WARN, "warn")         /* ... near a threshold */                                             \
    X(CRIT, "crit")         /* ... past it, refused, lost */                                       \
    X(STALE, "stale")       /* ... too old to trust */                                             \
    X(PENDING, "pending")   /* a change that is not applied yet */                                 \
    X(KEY, "key")           /* a key in the hint line */                                           \
    X(HINT, "hint")         /* the hint line itself */                                             \
    X(OFF, "off")           /* a key that does not work now */                                     \
    X(BORDER, "border")     /* frames of dialogs */                                                \
    X(INPUT, "input")       /* where text is typed */                                              \
    X(SPARK, "spark")       /* bars of a small chart */                                            \
    X(RESERVED, "reserved") /* the part of a gauge that is only reserved */                        \
    X(TAB, "tab")           /* the names of the views */                                           \
    X(TAB_ON, "tab_on")     /* ... of the one shown */                                             \
    X(NOTICE, "notice")     /* words that must be seen: SIMULATED, READ-ONLY, FROZEN */

enum w_role {
#define X(id, name) W_##id,
    W_ROLE_LIST(X)
#undef X
        W_ROLE_COUNT
};

/* How bad a value is; widgets are told, they never decide. */
enum w_state { W_STATE_OK, W_STATE_WARN, W_STATE_CRIT, W_STATE_STALE, W_STATE_NONE };

struct w_attr {
    attr_t attr;
    short pair;
};

struct w_style {
    struct w_attr role[W_ROLE_COUNT];
    bool ascii; /* nothing but ASCII may be written */
};

/* A rectangle of a window to draw in; all coordinates given to widgets are relative to it. */
struct w_area {
    WINDOW *win;
    const struct w_style *style;
    int y, x, h, w;
};

/* The part of `a` at (y, x) of at most h rows and w columns, clipped to `a`; may be empty. */
struct w_area w_area_part(const struct w_area *a, int y, int x, int h, int w);
enum w_role w_state_role(enum w_state s);
/* The letter that says the severity without colour: ' ', 'W', 'C', '?', ' '. */
char w_state_letter(enum w_state s);
/* Name of a role in a theme file, and back (-1: no such role). */
const char *w_role_name(enum w_role role);
int w_role_find(const char *name);

#endif
