/* panel.h: a table of a view: which rows of the snapshot it shows, in which columns. All panels are
 * data (panel_defs.c); one source adapter serves them all. */
#ifndef TOLLGATE_TUI_PANEL_H
#define TOLLGATE_TUI_PANEL_H

#include "tui/snapshot.h"
#include "widgets/table.h"

/* What stands in a column; `member` is the path of the figure in the row unless said otherwise. */
enum panel_kind {
    KIND_TEXT,
    KIND_COUNT,    /* "92.1k" */
    KIND_USD,      /* "$3.10" */
    KIND_FORECAST, /* likewise; marked when above the row's budget */
    KIND_BILLED,   /* what Cost Explorer says of the cost center */
    KIND_LEDGER,   /* the other way round: what the ledger says of one that was billed */
    KIND_VERDICT,  /* how both compare, on the newest day that was compared */
    KIND_OK_CALLS, /* approved, neither failed nor open */
    KIND_TIME,     /* "14:05:09" */
    KIND_DAY_TIME, /* "11-21 14:05" */
    KIND_UNTIL,    /* a time in the future as a span */
    KIND_AGE,      /* a time in the past as a span */
    KIND_MS,       /* "124 ms", "1.3 s" */
    KIND_SERIES,
    KIND_PRICED,
    KIND_CALLER, /* cost center/application */
    KIND_PAIRS,  /* an object: "k=v k=v" */
    KIND_VALUE,  /* any scalar, as it is */
    KIND_CHANGE, /* audit: "old -> new" or the outcome's detail */
    KIND_WHO,    /* audit: the actor, or cost center/application */
    KIND_WHAT,   /* audit: action or outcome */
    KIND_REMEDY, /* a denial: what would let it through */
    /* about the limit of the row: */
    KIND_LIMIT_NAME,
    KIND_LIMIT_SHORT,  /* "100k/min" */
    KIND_LIMIT_AMOUNT, /* "100k", with what is pending */
    KIND_LIMIT_FIGURE, /* member in the limit's metric */
    KIND_LIMIT_GAUGE,
    KIND_LIMIT_EMPTY,
    KIND_LIMIT_RESETS,
    KIND_LIMIT_PHANTOM, /* "3 of 17": denials that need not have been */
    KIND_LIMIT_STATE,
};

struct panel_column {
    struct w_column w;
    enum panel_kind kind;
    const char *member;
};

/* How to find the limit of a row. */
enum panel_subject {
    SUBJECT_NONE,
    SUBJECT_MODEL,
    SUBJECT_COST_CENTER,
    SUBJECT_APPLICATION,
    SUBJECT_NAMED, /* member `limit` names it */
    SUBJECT_LIMIT, /* the row is the limit */
    SUBJECT_HELD,  /* the row is a limit that counts for what is looked into */
    SUBJECT_GROUP, /* the row is a group of the limit that is open */
};

/* Where the rows are. */
enum panel_origin {
    ROWS_SNAPSHOT,
    ROWS_AUDIT,
    ROWS_GROUPS,
    ROWS_HISTORY,
    ROWS_RUNNING,
    ROWS_RECENT,
    ROWS_DRILL, /* `rows` of what was asked about the row that is open */
    ROWS_DRILL_CALLS,
    ROWS_HELD,       /* limits that count for what is looked into */
    ROWS_ITS_DENIALS /* and those of its calls that were refused */
};

struct panel_def {
    const char *title;
    enum panel_origin origin;
    const char *rows;              /* path in the snapshot */
    const char *key_one, *key_two; /* members that tell rows apart; key_two may be NULL */
    const struct panel_column *columns;
    size_t column_count;
    enum panel_subject subject;
    size_t sort;
    bool descending;
    bool unsorted; /* as the core gives them (newest first) until somebody sorts */
    int64_t hold_ms;
    const char *empty; /* what to say when there are no rows */
};

enum panel_id {
    PANEL_MODELS_SHORT,
    PANEL_COSTS_SHORT,
    PANEL_LIMITS_SHORT,
    PANEL_DENIED,
    PANEL_MODELS,
    PANEL_COSTS,
    PANEL_APPLICATIONS,
    PANEL_REFUSED,
    PANEL_DENIALS,
    PANEL_LIMITS,
    PANEL_SOURCES,
    PANEL_BYPASS,
    PANEL_METRICS,
    PANEL_BILL,
    PANEL_BUDGETS,
    PANEL_ALARMS,
    PANEL_AUDIT,
    PANEL_GROUPS,
    PANEL_HISTORY,
    PANEL_RUNNING,
    PANEL_RECENT,
    PANEL_DRILL_MODELS,
    PANEL_DRILL_CENTERS,
    PANEL_DRILL_APPLICATIONS,
    PANEL_DRILL_CALLS,
    PANEL_HELD,
    PANEL_ITS_DENIALS,
    PANEL_COUNT
};

extern const struct panel_def panel_defs[PANEL_COUNT];

struct ui;

/* The rows a source hands to the table. */
struct panel_rows {
    const struct panel *panel;
    json_t *rows; /* owned; NULL: none heard of */
};

struct panel {
    const struct panel_def *def;
    struct ui *ui;
    struct w_column columns[W_COLUMNS_MAX];
    struct w_table table;
    unsigned charts;         /* bits: columns of them, left out where bytes are dear */
    struct panel_rows shown; /* what the table is about */
    struct panel_rows taken; /* what it is taking in */
    bool again;              /* and there is something newer already */
    int rows_shown;
    bool hidden;        /* no room for it on this screen */
    struct w_area area; /* of the table when it was drawn last; no rows: nothing to hit */
};

void panel_init(struct panel *p, enum panel_id id, struct ui *ui);
void panel_free(struct panel *p);
/* Takes in the rows as they are now, and, when they are many, only begins to: panel_work goes on
 * with some, until it returns true. */
void panel_update(struct panel *p, int64_t now_ms);
bool panel_work(struct panel *p, int64_t now_ms);
json_t *panel_row(const struct panel *p, size_t i); /* of those shown; borrowed or NULL */
/* Moves the cursor by delta rows. */
void panel_move(struct panel *p, long delta);
/* Title line (with filter and count) and table; on a single row the title and how many rows. */
void panel_draw(struct panel *p, const struct w_area *a, bool focus);
/* What of the table lies at that place of the screen. */
enum w_hit panel_hit(const struct panel *p, int x, int y, long *row, size_t *column);
json_t *panel_selected(const struct panel *p); /* borrowed row or NULL */
/* The limit a row is about and the group of it (NULL: all). */
json_t *panel_limit(const struct panel *p, const json_t *row, json_t **group);

/* Fills one cell (panel_cell.c). */
void panel_cell(const struct panel *p, const json_t *row, const struct panel_column *column,
                struct w_cell *out);
/* What a row is ordered by in a column. */
int64_t panel_ok_calls(const json_t *row);
void panel_rank(const struct panel *p, const json_t *row, const struct panel_column *column,
                struct w_rank *out);
/* How full a limit is, as a severity: 80 % warns, 98 % and blocked are critical. */
enum w_state panel_limit_state(const json_t *limit, const json_t *group);
/* "100k/min", "$4,000/month" */
void panel_limit_short(char *out, size_t size, const json_t *limit, const json_t *group);

#endif
