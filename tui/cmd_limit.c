/* cmd_limit.c: `tollgate limit ..`. */
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/control/json_text.h"
#include "tui/cmd.h"

static const char help[] =
    "usage: tollgate limit list [--json | --yaml]\n"
    "       tollgate limit set NAME METRIC=AMOUNT [--group k=v,..] [--for D | --until T] [--reason "
    "R] [--ticket T] [--yes]\n"
    "       tollgate limit revert NAME [--group k=v,..] [--reason R]\n"
    "       tollgate limit block NAME [--group k=v,..] [--for D | --until T] [--reason R] "
    "[--stop-running]\n"
    "       tollgate limit unblock NAME [--group k=v,..] [--reason R]\n"
    "       tollgate limit block --all [--for D | --until T] [--reason R] [--stop-running]\n"
    "       tollgate limit unblock --all [--reason R]\n"
    "       tollgate limit undo [ID] [--yes]\n"
    "       tollgate limit history [NAME] [--json]\n"
    "       tollgate limit try NAME METRIC=AMOUNT [--group k=v,..] [--since T] [--until T] "
    "[--json]\n"
    "       tollgate limit try NEW METRIC=AMOUNT --window W [--rolling] [--per KEY,..] [--model M] "
    "[--application A]\n"
    "           [--cost-center C] [--environment E] [--principal P] [--match k=v,..] [--since T]\n"
    "\n"
    "AMOUNT is a number (100k, 1.5M, dollars for usd) or a step (+10%, -10%). METRIC must be the "
    "limit's own.\n"
    "A change is an override: it lives in the ledger with who and why, and `revert` returns to the "
    "file's value.\n"
    "--for 1h or --until 2026-11-21T18:00:00Z ends it by itself. Raising above the limit's "
    "`ceiling:` asks; --yes answers.\n"
    "USED and DENIED of `list` are of the window that runs.\n"
    "`list --yaml` prints the overrides in force as a diff to the file's `limits:`.\n"
    "`block --stop-running` also ends the calls that run under it: streams with an error, others "
    "with a 503.\n"
    "`block --all` is the kill switch: every call is refused, whether a limit means it or not, "
    "also "
    "after a restart, until\n"
    "`unblock --all`, which ends it.\n"
    "`undo` takes back your last change of a limit, or of the kill switch, that holds still, each "
    "further one the one before; set again to redo.\n"
    "It is refused if the limit was changed since.\n"
    "`history` lists who changed limits (or that limit), newest first; changes of keys and stopped "
    "calls are in `tollgate audit`.\n"
    "`try` says what that amount would have denied of the calls in the ledger: of the last hour, "
    "or "
    "since T (24h, or a time). With a window (10s 1m 1h day week month) it tries a limit that does "
    "not exist yet.\n";

enum {
    OPT_GROUP = CMD_OWN,
    OPT_FOR,
    OPT_UNTIL,
    OPT_REASON,
    OPT_TICKET,
    OPT_YES,
    OPT_STOP,
    OPT_ALL,
    OPT_SINCE,
    OPT_YAML,
    OPT_WINDOW,
    OPT_ROLLING,
    OPT_PER,
    OPT_MATCH,
    OPT_MODEL,
    OPT_APPLICATION,
    OPT_COST_CENTER,
    OPT_ENVIRONMENT,
    OPT_PRINCIPAL
};
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"group", required_argument, NULL, OPT_GROUP},
                                        {"for", required_argument, NULL, OPT_FOR},
                                        {"until", required_argument, NULL, OPT_UNTIL},
                                        {"reason", required_argument, NULL, OPT_REASON},
                                        {"ticket", required_argument, NULL, OPT_TICKET},
                                        {"yes", no_argument, NULL, OPT_YES},
                                        {"stop-running", no_argument, NULL, OPT_STOP},
                                        {"all", no_argument, NULL, OPT_ALL},
                                        {"since", required_argument, NULL, OPT_SINCE},
                                        {"yaml", no_argument, NULL, OPT_YAML},
                                        {"window", required_argument, NULL, OPT_WINDOW},
                                        {"rolling", no_argument, NULL, OPT_ROLLING},
                                        {"per", required_argument, NULL, OPT_PER},
                                        {"match", required_argument, NULL, OPT_MATCH},
                                        {"model", required_argument, NULL, OPT_MODEL},
                                        {"application", required_argument, NULL, OPT_APPLICATION},
                                        {"cost-center", required_argument, NULL, OPT_COST_CENTER},
                                        {"environment", required_argument, NULL, OPT_ENVIRONMENT},
                                        {"principal", required_argument, NULL, OPT_PRINCIPAL},
                                        {NULL, 0, NULL, 0}};

/* Of the help the forms of this action, or all of it. */
static int usage(const char *action)
{
    static const char further[] = "\n           ";
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "tollgate limit %.40s ", action ? action : "?");
    const char *at = strstr(help, wanted);
    (void)fprintf(stderr, "tollgate: limit: these words are not understood%s\n",
                  at ? "; it is" : "");
    for (; at; at = strstr(at, wanted)) {
        size_t n = strcspn(at, "\n");
        n += strncmp(at + n, further, strlen(further)) == 0 ? 1 + strcspn(at + n + 1, "\n") : 0;
        (void)fprintf(stderr, "  %.*s\n", (int)n, at);
        at += n;
    }
    if (!strstr(help, wanted)) {
        (void)fprintf(stderr, "\n%s", help);
    }
    return EXIT_USAGE;
}

static void put(json_t *params, const char *key, const char *value)
{
    if (value) {
        (void)json_object_set_new(params, key, json_string(value));
    }
}

static json_t *match_of(json_t *params)
{
    if (!json_object_get(params, "match")) {
        (void)json_object_set_new(params, "match", json_object());
    }
    return json_object_get(params, "match");
}

/* What describes a limit that does not exist yet. False: not understood. */
static bool read_draft(int option, const char *value, json_t *params)
{
    static const struct {
        int option;
        const char *key;
    } matches[] = {{OPT_MODEL, "model"},
                   {OPT_APPLICATION, "applicationId"},
                   {OPT_COST_CENTER, "costCenter"},
                   {OPT_ENVIRONMENT, "environment"},
                   {OPT_PRINCIPAL, "principal"}};
    for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
        if (option == matches[i].option) {
            put(match_of(params), matches[i].key, value);
            return true;
        }
    }
    if (option == OPT_WINDOW) {
        put(params, "window", value);
    } else if (option == OPT_ROLLING) {
        (void)json_object_set_new(params, "rolling", json_true());
    } else if (option == OPT_MATCH) {
        if (!cmd_parse_pairs(match_of(params), value)) {
            (void)fprintf(stderr, "tollgate: --match %s: must be key=value[,key=value]\n", value);
            return false;
        }
    } else {
        json_t *per = json_array();
        struct str rest = str_of(value);
        while (rest.p && rest.n > 0) {
            struct str key = str_cut(rest, ',', &rest);
            (void)json_array_append_new(per, json_stringn(key.p, key.n));
        }
        (void)json_object_set_new(params, "per", per);
    }
    return true;
}

static bool read_group(const char *value, json_t *params)
{
    json_t *group = json_object();
    bool ok = cmd_parse_pairs(group, value);
    if (ok) {
        (void)json_object_set(params, "group", group);
    } else {
        (void)fprintf(stderr, "tollgate: --group %s: must be key=value[,key=value]\n", value);
    }
    json_decref(group);
    return ok;
}

/* An option that is one member of params: its argument, or true. */
static bool read_member(int option, json_t *params)
{
    static const struct {
        int option;
        const char *key;
        bool flag;
    } members[] = {{OPT_FOR, "for", false},         {OPT_UNTIL, "until", false},
                   {OPT_REASON, "reason", false},   {OPT_TICKET, "ticket", false},
                   {OPT_SINCE, "since", false},     {OPT_YAML, "overrides", true},
                   {OPT_YES, "yes", true},          {OPT_ALL, "all", true},
                   {OPT_STOP, "stop_running", true}};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (option == members[i].option) {
            json_t *value = members[i].flag ? json_true() : json_string(optarg);
            (void)json_object_set_new(params, members[i].key, value);
            return true;
        }
    }
    return false;
}

/* Reads options into params. Returns -1 to go on, else the exit status. */
static int read_options(struct cmd_options *o, int argc, char **argv, json_t *params)
{
    int value, status;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (read_member(value, params)) {
            continue;
        }
        if (value >= CMD_OWN) {
            bool ok =
                value == OPT_GROUP ? read_group(optarg, params) : read_draft(value, optarg, params);
            if (!ok) {
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    return -1;
}

/* --- printing --- */

static const char *shown(const json_t *result, const char *key)
{
    const json_t *v = json_object_get(result, key);
    return json_is_string(v) ? cmd_text(result, key) : cmd_amount(result, result, key);
}

static void print_change(const json_t *result)
{
    (void)printf("%s%s%s: %s -> %s", cmd_text(result, "name"),
                 json_object_size(json_object_get(result, "group")) ? " " : "",
                 json_object_size(json_object_get(result, "group")) ? cmd_pairs(result, "group")
                                                                    : "",
                 shown(result, "old"), shown(result, "new"));
    if (json_is_string(json_object_get(result, "until"))) {
        (void)printf(" until %s", cmd_text(result, "until"));
    }
    if (json_is_integer(json_object_get(result, "stopped"))) {
        (void)printf(", running calls stopped: %s", cmd_number(result, "stopped"));
    }
    (void)printf("\n");
    if (json_is_string(json_object_get(result, "warning"))) {
        (void)fprintf(stderr, "tollgate: %s\n", cmd_text(result, "warning"));
    }
}

static void print_history(const json_t *result)
{
    size_t i;
    json_t *c;
    if (json_array_size(json_object_get(result, "changes")) == 0) {
        (void)printf("never changed while running\n");
    }
    json_array_foreach(json_object_get(result, "changes"), i, c)
    {
        (void)printf("%s  #%s ", cmd_text(c, "time"), cmd_number(c, "change_id"));
        cmd_print_change(c);
    }
}

/* "12 of 4,310 calls (0.3 %)": in tenths, and never 0.0 % of something. */
static void print_part(const json_t *result)
{
    json_int_t calls = json_integer_value(json_object_get(result, "calls")),
               denied = json_integer_value(json_object_get(result, "denied"));
    (void)printf("would have denied %s of %s calls", cmd_number(result, "denied"),
                 cmd_number(result, "calls"));
    if (calls > 0 && denied > 0) {
        json_int_t tenths = (denied * 1000 + calls / 2) / calls;
        (void)printf(tenths > 0 ? " (%lld.%lld %%)" : " (under 0.1 %%)", (long long)(tenths / 10),
                     (long long)(tenths % 10));
    }
}

static void print_trial(const json_t *result)
{
    size_t i;
    json_t *a;
    (void)printf("%s %s=%s ", cmd_text(result, "name"), cmd_text(result, "metric"),
                 cmd_amount(result, result, "amount"));
    print_part(result);
    if (json_integer_value(json_object_get(result, "denied")) > 0) {
        (void)printf(", %s tokens, %s", cmd_number(result, "tokens"), cmd_money(result, "usd"));
        json_array_foreach(json_object_get(result, "by_application"), i, a)
        {
            (void)printf("%s %s %s", i ? "," : ":", cmd_text(a, "name"), cmd_number(a, "denied"));
        }
        (void)printf("; first %s, last %s", cmd_text(result, "first_denial"),
                     cmd_text(result, "last_denial"));
    }
    (void)printf(" (%s to %s)\n", cmd_text(result, "since"), cmd_text(result, "until"));
}

/* --- running --- */

/* Fills params from the words behind the action. Returns the method, or NULL: wrong usage. */
static const char *read_words(const char *action, int words, char **word, json_t *params)
{
    static const char *const named[] = {"revert", "block", "unblock", NULL};
    if (strcmp(action, "list") == 0) {
        return words == 0 ? "limit.list" : NULL;
    }
    if (strcmp(action, "history") == 0) {
        put(params, "name", words > 0 ? word[0] : NULL);
        return words <= 1 ? "limit.history" : NULL;
    }
    if (strcmp(action, "undo") == 0) {
        int64_t id = 0;
        if (words == 1 && str_to_i64(str_of(word[0]), &id)) {
            (void)json_object_set_new(params, "id", json_integer(id));
        }
        return words == 0 || (words == 1 && id > 0) ? "limit.undo" : NULL;
    }
    if (json_object_get(params, "all")) {
        bool blocks = strcmp(action, "block") == 0;
        return words > 0 || (!blocks && strcmp(action, "unblock") != 0) ? NULL
               : blocks                                                 ? "limit.block"
                                                                        : "limit.unblock";
    }
    if (words == 0) {
        return NULL;
    }
    put(params, "name", word[0]);
    bool tries = strcmp(action, "try") == 0;
    if ((tries || strcmp(action, "set") == 0) && words == 2) {
        struct str amount, metric = str_cut(str_of(word[1]), '=', &amount);
        if (!amount.p) {
            (void)fprintf(stderr, "tollgate: '%s': must be METRIC=AMOUNT, as tokens=100k\n",
                          word[1]);
            return NULL;
        }
        (void)json_object_set_new(params, "metric", json_stringn(metric.p, metric.n));
        (void)json_object_set_new(params, "amount", json_stringn(amount.p, amount.n));
        return tries ? "limit.try" : "limit.set";
    }
    for (size_t i = 0; named[i]; i++) {
        if (strcmp(action, named[i]) == 0 && words == 1) {
            static const char *const methods[] = {"limit.revert", "limit.block", "limit.unblock"};
            return methods[i];
        }
    }
    return NULL;
}

/* Asks a person at a terminal; anything but yes is no. */
static bool confirmed(const char *text)
{
    char shown[1100], answer[16];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return false;
    }
    (void)str_printable(shown, sizeof(shown), str_of(text));
    (void)fprintf(stderr, "%s\nDo it? [y/N] ", shown);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cmd_limit(struct cmd_options *o, int argc, char **argv)
{
    json_t *params = json_object(), *result = NULL;
    int status = read_options(o, argc, argv, params);
    if (status >= 0) {
        json_decref(params);
        return status;
    }
    const char *action = optind < argc ? argv[optind] : NULL;
    const char *method =
        action ? read_words(action, argc - optind - 1, argv + optind + 1, params) : NULL;
    if (!method) {
        json_decref(params);
        return usage(action);
    }
    struct err_info ei = {.code = ERR_OK};
    struct config *config = o->socket ? NULL : cmd_config(o, false);
    if (!config && !o->socket) {
        json_decref(params);
        return EXIT_FAILED;
    }
    bool asks = strcmp(method, "limit.block") == 0 && !json_object_get(params, "yes") &&
                isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    if (asks && !confirmed(json_object_get(params, "all")
                               ? "block --all: EVERY call will be refused until unblock --all"
                               : "block: every call this limit counts will be refused")) {
        (void)fputs("tollgate: nothing was changed\n", stderr);
        json_decref(params);
        config_unref(config);
        return EXIT_FAILED;
    }
    enum err e = cmd_ask(o, config, method, json_incref(params), &result, &ei);
    if (e == ERR_NEEDS_CONFIRMATION && confirmed(ei.text)) {
        err_clear(&ei);
        (void)json_object_set_new(params, "yes", json_true());
        e = cmd_ask(o, config, method, json_incref(params), &result, &ei);
    }
    json_decref(params);
    config_unref(config);
    if (e != ERR_OK) {
        return cmd_fail(o, &ei);
    }
    if (o->json) {
        return cmd_print_json(result);
    }
    if (json_object_get(result, "overrides")) {
        cmd_limit_drift(result);
    } else if (strcmp(method, "limit.list") == 0) {
        cmd_limit_list(result);
    } else if (strcmp(method, "limit.history") == 0) {
        print_history(result);
    } else if (strcmp(method, "limit.try") == 0) {
        print_trial(result);
    } else {
        print_change(result);
    }
    json_decref(result);
    return EXIT_DONE;
}
