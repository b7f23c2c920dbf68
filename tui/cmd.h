/* cmd.h: what the sub-commands share: options, configuration, printing. Room `tui`: the program's
 * entry, its sub-commands, and the dashboard. */
#ifndef TOLLGATE_TUI_CMD_H
#define TOLLGATE_TUI_CMD_H

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

#include "core/base/str.h"
#include "core/config/config.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct cmd_options {
    const char *config_path; /* --config */
    const char *socket;      /* --socket */
    bool json;
};

#define SUBCOMMAND(name, function, arguments, help)                                                \
    int function(struct cmd_options *o, int argc, char **argv);
#include "tui/commands.def"
#undef SUBCOMMAND
int cmd_attach(struct cmd_options *o, int argc, char **argv);

/* getopt_long values of the options every command takes; a command's own begin at CMD_OWN. */
enum { CMD_CONFIG = 1000, CMD_JSON, CMD_HELP, CMD_SOCKET, CMD_OWN };
#define CMD_SHORT "h" /* the only short option: help */
#define CMD_COMMON_OPTIONS                                                                         \
    {"config", required_argument, NULL, CMD_CONFIG}, {"json", no_argument, NULL, CMD_JSON},        \
        {"help", no_argument, NULL, CMD_HELP},                                                     \
    {                                                                                              \
        "socket", required_argument, NULL, CMD_SOCKET                                              \
    }

/* Handles a common option's value. Returns -1: not a common one (or an error: then `help` is
 * printed to stderr and the exit status is *status); 0: taken; 1: --help was printed, leave with 0.
 */
int cmd_common_option(struct cmd_options *o, int value, const char *help, int *status);

/* Finds, reads and checks the configuration; mistakes go to stderr. NULL: leave with EXIT_FAILED,
 * unless o->socket is set now: a core runs there, and commands for it go on.
 */
struct config *cmd_config(struct cmd_options *o, bool show_warnings);
/* "tollgate: TEXT" on stderr; with --json also {"error":{..}} on stdout. Returns EXIT_FAILED. */
int cmd_fail(const struct cmd_options *o, const struct err_info *ei);
/* One JSON document and a newline on stdout; takes value. Returns the exit status. */
int cmd_print_json(json_t *value);
/* Asks the core (or works without one), see core_ask. Takes params. */
enum err cmd_ask(const struct cmd_options *o, struct config *config, const char *method,
                 json_t *params, json_t **result, struct err_info *ei) MUST_CHECK;

/* Says on stderr that the words of a command are not understood, and how it is used. Returns
 * EXIT_USAGE. */
int cmd_not_understood(const char *command, const char *help);
/* Finds the configuration (unless --socket names a core), asks for method, and with --json prints
 * the answer. Takes params. Returns -1: *result, owned, is to be printed; else the exit status:
 * what there was to say is said. */
int cmd_answer(struct cmd_options *o, const char *method, json_t *params, json_t **result);

/* Is there a theme of that name (NULL: the default one)? False: said on stderr why not. */
bool cmd_theme_ok(const char *name);

/* String member made safe for a terminal, from a rotating set of buffers; "-" when absent. */
const char *cmd_text(const json_t *o, const char *key);
/* Number with thousands separators; "-" when absent. */
const char *cmd_number(const json_t *o, const char *key);
/* Dollars for people; "-" when null. */
const char *cmd_money(const json_t *o, const char *key);
/* An amount of a limit: dollars for usd. */
const char *cmd_amount(const json_t *limit, const json_t *o, const char *key);
/* cmd_limit_list.c: the answer of limit.list as a table, and its overrides as a diff to the file.
 */
void cmd_limit_list(const json_t *result);
/* A line that says so, and by whom, where it is an object: the kill switch is on. */
void cmd_all_blocked(const json_t *all_blocked);
void cmd_limit_drift(const json_t *result);
/* "a=b c=d" */
const char *cmd_pairs(const json_t *o, const char *key);
/* The rest of a line: what a change of the audit or the history was, by whom and why. */
void cmd_print_change(const json_t *change);

/* "k=v,k=v" into an object; application is short for applicationId. False: malformed. */
bool cmd_parse_pairs(json_t *out, const char *text);

#endif
