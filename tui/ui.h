/* ui.h: the state of the dashboard, shared by the files that draw it and those that change it.
 * Private to the dashboard; one thread. */
#ifndef TOLLGATE_TUI_UI_H
#define TOLLGATE_TUI_UI_H

#include "core/base/str.h"
#include "tui/bindings.h"
#include "tui/dashboard.h"
#include "tui/link.h"
#include "tui/panel.h"
#include "tui/rows.h"
#include "tui/snapshot.h"
#include "tui/term.h"
#include "tui/theme.h"
#include "widgets/dialog.h"
#include "widgets/form.h"
#include "widgets/list.h"
#include "widgets/pager.h"
#include "widgets/toast.h"

#define UI_PANELS   6
#define UI_REQUESTS 16
#define UI_EVENT    200
#define UI_RANGES   5

enum ui_mode {
    MODE_VIEW,
    MODE_FILTER,
    MODE_COMMAND,
    MODE_CONFIRM, /* ui->dialog asks about ui->asked */
    MODE_FORM,
    MODE_SORT,
    MODE_COLUMNS,
    MODE_EXPORT, /* a file is being named */
    MODE_TIME,   /* a time is being typed */
    MODE_HELP,
    MODE_DETAIL,
};

/* A change of a limit that is shown but not applied. */
struct ui_edit {
    bool active;
    char limit[96];
    char metric[24];
    json_t *group; /* owned; NULL: all groups */
    json_t *was;   /* owned: the amount as the core gave it */
    int64_t old_amount, amount;
};

/* The question what an amount would have denied, and its answer. */
struct ui_trial {
    bool wanted, asked, answered; /* asked: a question is under way */
    char limit[96];
    char metric[24];
    json_t *group; /* owned; NULL: the limit as a whole */
    int64_t amount, sent_amount;
    int64_t due_ms; /* when to ask */
    char text[256]; /* the answer in words; "": none to be had */
    enum w_role role;
};

/* The past that is looked at. All-zero: the present. */
struct ui_past {
    bool on;
    int range;                        /* of UI_RANGES: how much is shown */
    int64_t end_ms;                   /* wall time where it ends; 0: now, and it moves on */
    int64_t due_ms;                   /* when to ask (again) */
    bool asked, waiting, calls_asked; /* waiting: what is shown is of another time still */
    int sent_range;
    int64_t sent_end_ms;
    int64_t since_ms, until_ms, step_ms; /* of the answer */
    struct snapshot shot;
    json_t *answer; /* owned: what it was made of */
    json_t *calls;  /* owned: calls and changes of that time; NULL: not heard yet */
};

/* The row that was opened, and those opened in it. */
#define UI_DRILL_DEPTH 3
#define UI_DRILL_TEXT  320
struct ui_drill {
    struct {
        const char *key;
        char value[96];
    } at[UI_DRILL_DEPTH];
    int depth;
    enum ui_view from;    /* where it began */
    json_t *sums, *calls; /* owned answers; NULL: not heard yet */
    int asked;            /* answers under way */
    int64_t asked_ms;
    char sent[UI_DRILL_TEXT]; /* what they were asked about */
};

/* What is shown beside a table of the row that is selected in it. */
struct ui_aside {
    bool shown;               /* there is room for it */
    json_t *row;              /* owned: as the table knows it */
    json_t *limits, *denials; /* owned rows of the snapshot that belong to it */
    json_t *chart;            /* owned answer; NULL: not heard yet */
    bool asked;               /* it is under way */
    int64_t asked_ms;
    char sent[UI_DRILL_TEXT];  /* what was asked; "": what comes is of no use */
    char about[UI_DRILL_TEXT]; /* its name */
    int64_t history_ms;        /* when the changes of the limit were asked for; 0: not yet */
};

/* What the terminal itself is told. */
#define UI_ALERTS 16
struct ui_alerts {
    int how; /* 0: nothing, 1: the bell, 2: OSC 9, 3: OSC 777 */
    bool was_up;
    char about[UI_ALERTS][96];
    int64_t at_ms[UI_ALERTS];
};

/* A request to the core, kept until it is answered, so that it can be sent again confirmed. */
struct ui_request {
    bool used;
    struct ui *ui;
    char method[24];
    json_t *params; /* owned */
};

/* What has to be typed after a Yes before the largest changes. */
struct ui_second {
    char word[96];   /* "": nothing */
    char metric[24]; /* it is an amount of this metric; "": the word itself */
    int64_t amount;
};

/* What a form is filled in for. */
enum ui_form {
    FORM_LIMIT,
    FORM_APPLY, /* the reason of what + and - have made up, which may stay empty */
    FORM_REASON /* ... of what the core refused without one */
};

struct ui {
    const struct dashboard_options *options;
    struct term term;
    struct w_style style;
    struct theme theme;
    struct link link;
    bool no_color, read_only, local_time, low_bandwidth;
    bool leave;              /* the user wants to go */
    bool urgent, changed;    /* a key was pressed; something may look different */
    bool awaited;            /* a key waits for rows being taken in */
    int64_t now_ms, wall_ms; /* monotonic and wall time of this turn */

    json_t *hello;          /* owned; NULL before the first one */
    struct snapshot live;   /* as it comes */
    struct snapshot frozen; /* what is shown while frozen */
    bool is_frozen;
    int64_t frozen_ms;
    struct ui_past past;
    struct ui_drill drill;
    struct ui_aside aside;
    struct ui_alerts alerts;

    enum ui_view view;
    enum ui_view back; /* where Esc leads to from a limit */
    int focus[VIEW_COUNT];
    bool graph_one; /* the graph is about the selected model */
    struct panel panels[PANEL_COUNT];
    struct rows rows;        /* parsed lately */
    char open_limit[96];     /* the limit VIEW_LIMIT shows */
    json_t *audit, *history; /* owned answers; NULL: not asked yet */
    bool history_asked, history_again;
    char history_of[96]; /* the limit whose changes are under way */
    bool audit_asked;
    int64_t audit_ms;
    json_t *running, *recent; /* owned: calls under way, and ended ones */
    bool running_asked, recent_asked;
    int64_t running_ms, recent_ms;
    bool no_running; /* this core cannot tell which calls run */
    bool no_past;    /* nor what was */

    int tabs_y; /* row of the views' names; 0: not shown */
    enum ui_mode mode;
    struct ui_edit edit;
    struct ui_trial trial;
    struct ui_request requests[UI_REQUESTS];
    struct ui_request asked; /* what the dialog or the reason form would send */
    struct w_dialog dialog;
    struct ui_second second;
    struct w_form form;
    enum ui_form form_for;
    struct ui_edit form_edit; /* the limit a form is about */
    struct w_input input;
    struct w_history commands;
    struct w_list list;
    char choices[W_COLUMNS_MAX][40]; /* the lines of a list that are made up */
    struct w_pager pager;
    int pager_rows;
    char event_told[UI_EVENT]; /* the newest event when events were told last */
    char own_limit[96]; /* what was changed from here last, which needs no telling, and when */
    int64_t own_ms;
    char filter_before[128];
    char detail_key[W_TABLE_KEY];
    struct w_toast toast;
    char chosen_view[160]; /* of the settings; "": none */
    bool was_paused;       /* likewise: a pause at this core is kept */
    char chosen_theme[64]; /* of the settings; "": none */
    int chosen_mouse;      /* 0: not chosen, 1: on, -1: off */
    bool settings_damaged; /* the file is not what it should be: it is not written either */
};

/* The views: which panels they have. */
struct ui_view_def {
    char key;
    const char *name, *shorter, *command;
    enum panel_id panels[UI_PANELS];
    int count;
};
extern const struct ui_view_def ui_views[VIEW_COUNT];

/* --- ui.c --- */
const struct snapshot *ui_shown(const struct ui *ui);
struct panel *ui_panel(struct ui *ui); /* the one with the focus */
void ui_open_view(struct ui *ui, enum ui_view view);
/* Without charts, figures each five seconds: for lines where each byte takes its time. */
void ui_low_bandwidth(struct ui *ui, bool on);
void ui_say(struct ui *ui, enum w_role role, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The view whose name is marked: a limit belongs to Limits. */
enum ui_view ui_tab(const struct ui *ui);
bool ui_is_typing(const struct ui *ui); /* on the bottom line */
/* Panels of the view take in the data. */
void ui_update(struct ui *ui);
/* Goes on taking in long tables, for some milliseconds; true: there is more to do. */
bool ui_work(struct ui *ui);
void ui_on_hello(void *arg, json_t *hello);
void ui_on_event(void *arg, const char *event, json_t *data);
void ui_refresh_audit(struct ui *ui);
void ui_ask_history(struct ui *ui);
void ui_free(struct ui *ui);

/* --- calls.c --- */
/* Asks for the calls, unless that was just done. */
void calls_refresh(struct ui *ui);
/* Another core answers now: what the one before could do means nothing. */
void calls_forget(struct ui *ui);

/* --- keys.c --- */
void ui_key(void *arg, int key);
/* Runs the action of a binding. */
void ui_act(struct ui *ui, const struct binding *b);

void keys_open_row(struct ui *ui);
void keys_open_limit(struct ui *ui, const char *name);
/* Sorts by a column; by the same one again: the other way round. */
void keys_sort_toggle(struct ui *ui, size_t column);

/* --- mouse.c --- */
void mouse_event(struct ui *ui, const struct w_mouse *m);

/* --- draw.c --- */
void ui_draw(struct ui *ui);
/* When the picture changes by itself next (wall clock, ages), monotonic milliseconds. */
int64_t ui_draw_due(const struct ui *ui);
void ui_draw_title(struct ui *ui, const struct w_area *a);
/* The view whose name lies there; the binding whose hint lies at column x of the bottom line. */
bool ui_draw_tab_at(const struct ui *ui, int x, int y, enum ui_view *view);
const struct binding *ui_draw_hint_at(const struct ui *ui, int x);
void ui_draw_burn(struct ui *ui, const struct w_area *a, int y);
void ui_draw_tabs(struct ui *ui, const struct w_area *a, int y);
void ui_draw_pending(struct ui *ui, const struct w_area *a); /* the change not applied, one row */
void ui_draw_bottom(struct ui *ui, const struct w_area *a);
/* What is wrong with the core, the worst of it in two words; NULL: nothing. */
const char *ui_draw_trouble(const json_t *data);
/* Overview without room for tables: a line a panel; and the single worst number. */
void ui_draw_lines(struct ui *ui, const struct w_area *a);
void ui_draw_worst(struct ui *ui, const struct w_area *a);
/* Tokens a minute of all models, or of the one selected: title, chart, axes. */
void ui_draw_graph(struct ui *ui, const struct w_area *a);
/* A series the core told: title, chart, axes. */
struct ui_chart {
    const char *title, *metric; /* title: "" or of what */
    const json_t *series;       /* oldest first */
    int64_t since_ms, step_ms;
    int64_t mark;      /* an amount to be seen in it; 0: none */
    const char *range; /* how much it is; NULL: as much as there is */
    bool sums_up;      /* what was used up in a window that goes on */
};
void ui_draw_chart(const struct ui *ui, const struct w_area *a, const struct ui_chart *c);
/* A panel of the view; the rows it would like; panels one below the other. */
void ui_draw_panel(struct ui *ui, int index, const struct w_area *a);
int ui_draw_wanted(const struct ui *ui, int index);
void ui_draw_stack(struct ui *ui, const struct w_area *a, const int *panels, int count);
/* draw_aside.c: a table and beside it what belongs to its selected row. */
void ui_draw_spend(struct ui *ui, const struct w_area *a); /* a chart of all that is spent */
void ui_draw_master(struct ui *ui, const struct w_area *a);
void ui_draw_labelled(const struct w_area *a, int y, const char *label, enum w_role role,
                      const char *text);
/* The same in as many rows as the text takes; returns the row below. */
int ui_draw_wrapped(const struct w_area *a, int y, const char *label, enum w_role role,
                    const char *text);
/* draw_limit.c: "model=nova-*; one counter for each costCenter" */
void draw_limit_match(const json_t *limit, char *out, size_t size);
/* The summary over the groups of an open limit; returns its rows. */
int ui_draw_limit_head(struct ui *ui, const struct w_area *a);

/* --- edit.c: limits --- */
bool ui_may_change(struct ui *ui); /* false: said why */
void edit_step(struct ui *ui, int tenths);
void edit_apply(struct ui *ui);
void edit_drop(struct ui *ui);
void edit_clear(struct ui_edit *e);
/* The limit, or group of it, under the cursor and its amount; false: none, which was said. */
bool edit_target(struct ui *ui, struct ui_edit *e);
void edit_open_form(struct ui *ui, int field);
void edit_form_key(struct ui *ui, int key);
void edit_form_trial(struct ui *ui); /* puts the what-if, as far as it is known, into the form */
void edit_block(struct ui *ui);
void edit_revert(struct ui *ui);
/* stop.c: ends the running call, or all of the application, limit or group under the cursor. */
void edit_stop(struct ui *ui);
/* ":call stop": a request ID, or --all. */
void stop_by_words(struct ui *ui, const char *words);
void edit_undo(struct ui *ui);
/* "haiku-minute costCenter=sales" */
void edit_describe(const struct ui_edit *e, char *out, size_t size);
/* The pending amount of this limit and group, or NULL. */
const struct ui_edit *edit_pending(const struct ui *ui, const json_t *limit, const json_t *group);

/* --- trial.c: the what-if --- */
/* Asks about the amount of this change soon; asked already: nothing. */
void trial_want(struct ui *ui, const struct ui_edit *e);
void trial_drop(struct ui *ui);
void trial_step(struct ui *ui); /* sends what is due */
int64_t trial_due(const struct ui *ui);
/* What is known about the amount of this change, "" when nothing; borrowed until the next call. */
const char *trial_text(const struct ui *ui, const struct ui_edit *e, enum w_role *role);

/* --- past.c: looking back --- */
void past_move(struct ui *ui, int direction);  /* by one range; forward past now: now */
void past_zoom(struct ui *ui, int step);       /* the next range, or the one before */
void past_at(struct ui *ui, const char *time); /* as it was then; what is no time is said */
void past_ask(struct ui *ui);                  /* for a time */
/* Where one pauses, for past_resume of a dashboard that begins soon after; "": at now. */
void past_keep(const struct ui *ui, char *out, size_t size);
bool past_resume(struct ui *ui, struct str kept); /* false: it is no such text */
void past_key(struct ui *ui, int key);
void past_leave(struct ui *ui);
void past_step(struct ui *ui); /* asks what is due */
int64_t past_due(const struct ui *ui);
void past_refresh(struct ui *ui); /* another view: its calls are asked for */
void past_forget(struct ui *ui);  /* another core: what was asked comes no more */
/* " PAST 11-20 14:00 - 15:00, 00:42 behind live "; brief: without the words behind it */
void past_words(const struct ui *ui, bool brief, char *out, size_t size);
const char *past_title(const struct ui *ui, const char *title); /* of a column */
const char *past_range(const struct ui *ui);

json_t *past_params(const struct ui *ui); /* `since` and `until` of the time that is shown */

/* --- drill.c: what a row is made of --- */
bool drill_open(struct ui *ui); /* the selected row; false: there is nothing in it */
void drill_back(struct ui *ui);
void drill_step(struct ui *ui); /* asks what is due */
void drill_forget(struct ui *ui);
void drill_free(struct ui *ui);
/* Looks into one row without opening it. */
void drill_look(struct ui *ui, const char *key, const char *name);
json_t *drill_where(const struct ui *ui); /* new: which calls are meant */
/* "$0.03: 101 admitted, 26 denied, ..", of what was asked; "": not heard yet. */
const char *drill_silence(const struct ui *ui); /* why nothing is heard */
void drill_sums(const struct ui *ui, char *out, size_t size);
int drill_table(const struct ui *ui);                          /* which of its panels has rows */
void drill_words(const struct ui *ui, char *out, size_t size); /* "> sales > nova-lite" */
int drill_draw_head(struct ui *ui, const struct w_area *a);    /* returns its rows */

/* --- aside.c: what belongs to the selected row, beside its table --- */
bool aside_has(enum ui_view view);
const char *aside_name(const struct ui *ui); /* the row it is about; "": none */
void aside_show(struct ui *ui, bool shown); /* there is room for it: it is about the selected row */
void aside_take(struct ui *ui);             /* what belongs to it in the snapshot */
void aside_step(struct ui *ui);             /* asks what is due */
int64_t aside_due(const struct ui *ui);
void aside_forget(struct ui *ui); /* another core: what was asked comes no more */
void aside_free(struct ui *ui);
/* The fullest group of the limit in which its calls count, or NULL; is it for this row alone? */
json_t *aside_group(const struct ui *ui, const json_t *limit);
bool aside_is_own(const struct ui *ui, const json_t *group);
/* What the chart counts: a limit's metric; the member of its answer, NULL: there is none. */
const char *aside_metric(const struct ui *ui);
const char *aside_series(const char *metric);
bool aside_has_chart(const struct ui *ui);
void aside_about(const struct ui *ui, char *out, size_t size); /* whose chart it would be */
/* Of the limit: what counts, itself or a group (NULL: none); the length of its calendar window and
 * where it ends; 0: it is shorter than an hour, or rolls. */
json_t *aside_counter(const struct ui *ui);
int64_t aside_window(const struct ui *ui, int64_t *end_ms);

/* --- request.c --- */
/* Sends a change; its answer is said on the bottom line. Steals params. */
void request_send(struct ui *ui, const char *method, json_t *params);
/* Asks first: Yes sends. Steals params. */
void request_confirm(struct ui *ui, const char *title, const char *text, const char *method,
                     json_t *params);
/* ... and after the Yes has this word typed; request_type_now: without asking for the Yes. */
void request_then_type(struct ui *ui, const char *word);
void request_type_now(struct ui *ui);
void request_confirm_key(struct ui *ui, int key);
void request_clear(struct ui_request *r);

/* --- danger.c: what changes that may stop traffic touch --- */
/* May it stop calls of production? All that is not about another environment alone may. */
bool danger_is_production(const json_t *limit, const json_t *group);
/* "3 calls under it run now."; limit NULL: "3 calls run now." */
void danger_touches(struct ui *ui, const json_t *limit, const json_t *group, char *out,
                    size_t size);
/* Asks whether to block; of production twice. Steals params. */
void danger_block(struct ui *ui, const json_t *limit, const json_t *group, json_t *params);
void danger_block_all(struct ui *ui);
void danger_unblock_all(struct ui *ui);
/* The core wants a change of an amount confirmed: has the amount typed. False: it is not known. */
bool danger_ask_amount(struct ui *ui, const json_t *params, const char *why);
/* Sends limit.set; an amount that stops production is typed first. Steals params. */
void danger_set(struct ui *ui, json_t *params);
bool danger_typed_right(const struct ui *ui);

/* --- settings.c: what the user chose, kept in ~/.config/tollgate/ui.conf --- */
void settings_load(struct ui *ui);  /* after panel_init; what is damaged is said and left out */
bool settings_theme(struct ui *ui); /* loads the chosen theme; false: none, or it is gone */
bool settings_mouse(const struct ui *ui);
void settings_put(struct ui *ui, const char *key, const char *value);
/* On leaving: the view and its filter, to begin with next time at this core. */
void settings_leave(struct ui *ui);
void settings_sort(struct ui *ui);    /* of the panel with the focus */
void settings_columns(struct ui *ui); /* likewise: which are hidden */

/* --- set.c: a setting by its command; "" turns it round, where it has two values --- */
/* Nobody chose a theme: the light one where the terminal's ground (0xrrggbb) is light. */
void set_for_ground(struct ui *ui, int rgb);
void set_value(struct ui *ui, const struct binding *b, const char *value);

/* --- alerts.c --- */
bool alerts_choose(struct ui *ui, struct str name); /* off, bell, message, notify */
void alerts_set(struct ui *ui, const char *name);   /* likewise, and keeps it */
/* Once when it begins: the same text up to a colon is the same alert, told once a minute. */
void alerts_tell(struct ui *ui, const char *text);
void alerts_link(struct ui *ui); /* the core is lost */

/* --- export.c, choose.c: the keys e, y and c --- */
void export_ask(struct ui *ui);
void export_key(struct ui *ui, int key);
/* Writes the rows of the panel as they are filtered and sorted; JSON when the name ends so. */
void export_run(struct ui *ui, const char *path);
void export_copy(struct ui *ui);
void choose_open(struct ui *ui);
void choose_key(struct ui *ui, int key);

/* --- trail.c: why a call was refused, and what it counted in --- */
/* What would let through what this denial refused: "wait 20 s, or raise it: t". */
void trail_remedy(const struct ui *ui, const json_t *row, char *out, size_t size);
/* Adds the groups of a limit to the pager, each with its counter. */
void trail_groups(struct ui *ui, const json_t *limit);
/* Adds the limits of a call to the pager. */
void trail_fill(struct ui *ui, const json_t *row);

/* --- detail.c, help.c, command_line.c --- */
void detail_open(struct ui *ui);
void detail_fill(struct ui *ui);
void help_open(struct ui *ui);
void command_key(struct ui *ui, int key);
/* complete.c: grows the command line by what all that it may go on with begins with; and what that
 * is, or how the command is used that stands there. */
void complete_line(struct ui *ui);
void complete_words(const struct ui *ui, char *out, size_t size);
/* A labelled text in the pager, wrapped; on a narrow screen the label has a line of its own. */
void detail_pair(struct ui *ui, enum w_role role, const char *label, const char *text);

#endif
