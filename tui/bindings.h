/* bindings.h: the one table of keys and commands. Keys, the hint line, the help and the ':' line
 * all come from it. */
#ifndef TOLLGATE_TUI_BINDINGS_H
#define TOLLGATE_TUI_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

enum ui_view {
    VIEW_OVERVIEW,
    VIEW_MODELS,
    VIEW_COSTS,
    VIEW_APPLICATIONS,
    VIEW_CALLS,
    VIEW_DENIALS,
    VIEW_LIMITS,
    VIEW_CLOUD,
    VIEW_AUDIT,
    VIEW_LIMIT, /* one limit, opened with Enter */
    VIEW_DRILL, /* what a cost center, model or application is made of */
    VIEW_COUNT
};

enum action {
    ACT_QUIT,
    ACT_HELP,
    ACT_VIEW, /* the view named by the binding's number */
    ACT_NEXT_VIEW,
    ACT_PREVIOUS_VIEW,
    ACT_NEXT_PANEL,
    ACT_UP,
    ACT_DOWN,
    ACT_PAGE_UP,
    ACT_PAGE_DOWN,
    ACT_FIRST,
    ACT_LAST,
    ACT_OPEN,
    ACT_DETAIL,
    ACT_BACK,
    ACT_FILTER,
    ACT_NEXT_MATCH,
    ACT_PREVIOUS_MATCH,
    ACT_SORT,
    ACT_SORT_LEFT,
    ACT_SORT_RIGHT,
    ACT_SORT_INVERT,
    ACT_FREEZE,
    ACT_PAST,
    ACT_LATER,
    ACT_RANGE,
    ACT_ZOOM_IN,
    ACT_AT,
    ACT_NOW,
    ACT_TIME,
    ACT_MOUSE,
    ACT_GRAPH,
    ACT_EXPORT,
    ACT_COPY,
    ACT_COLUMNS,
    ACT_COMMAND,
    ACT_REDRAW,
    ACT_SUSPEND,
    ACT_RAISE,
    ACT_LOWER,
    ACT_SET,
    ACT_FOR,
    ACT_BLOCK,
    ACT_STOP,
    ACT_UNDO,
    ACT_REVERT,
    ACT_APPLY,
    ACT_THEME, /* from here on commands only */
    ACT_LIMIT_OPEN,
    ACT_LIMIT_TRY,
    ACT_ALERTS,
    ACT_COLOR,
    ACT_LOW_BANDWIDTH,
    ACT_LIMIT_SET,
    ACT_LIMIT_REVERT,
    ACT_LIMIT_BLOCK,
    ACT_LIMIT_UNBLOCK,
    ACT_CALL_STOP,
    ACT_CORE, /* the command is a method of the core; asks first where it is dangerous */
};

enum binding_class { CLASS_READ, CLASS_CHANGE, CLASS_DANGER };

struct binding {
    int keys[3];         /* 0: none */
    const char *label;   /* the keys as printed; NULL: no key */
    const char *command; /* words of the ':' line; NULL: none */
    const char *arguments;
    const char *hint; /* on the hint line; NULL: not there */
    const char *help;
    int drop;       /* which hint leaves first when the line is short */
    unsigned views; /* bits; 0: everywhere */
    enum binding_class class;
    enum action action;
    int number;
};

extern const struct binding bindings[];
extern const size_t bindings_count;

/* The binding of a key in a view, or NULL. */
const struct binding *binding_find(int key, enum ui_view view);
/* The binding of a command line's first words (any unique beginning of one word, or all of them);
 * *arguments points behind them. "set NAME=VALUE" is NAME with VALUE. NULL: none, or *ambiguous. */
const struct binding *binding_command(const char *line, const char **arguments, bool *ambiguous);
/* The command that somebody may have meant who typed one that is not there: "block x" for
 * `limit block`, "limit sort" for `sort`. NULL: none. */
const struct binding *binding_meant(const char *line);
/* Does its command choose something that is kept: ":set NAME=VALUE" says the same. */
bool binding_is_setting(const struct binding *b);
bool binding_in_view(const struct binding *b, enum ui_view view);

#endif
