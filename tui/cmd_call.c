/* cmd_call.c: `tollgate call ..`: what runs or waits now, and ending it. */
#include <string.h>

#include "tui/cmd.h"

static const char help[] =
    "usage: tollgate call list [--json]\n"
    "       tollgate call stop REQUEST-ID | --application A | --limit NAME [--group k=v,..] | "
    "--all\n"
    "                          [--reason R] [--ticket T] [--json]\n"
    "\n"
    "`list` has the calls that run and those that wait for room in a limit with action: queue, "
    "oldest first.\n"
    "`stop` ends them within a second: streams with an error of their dialect, others with a 503. "
    "What they used is charged,\n"
    "and who stopped what is in the audit. It refuses no later call: `tollgate limit block` "
    "does.\n";

enum { OPT_APPLICATION = CMD_OWN, OPT_LIMIT, OPT_GROUP, OPT_ALL, OPT_REASON, OPT_TICKET };
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"application", required_argument, NULL, OPT_APPLICATION},
                                        {"limit", required_argument, NULL, OPT_LIMIT},
                                        {"group", required_argument, NULL, OPT_GROUP},
                                        {"all", no_argument, NULL, OPT_ALL},
                                        {"reason", required_argument, NULL, OPT_REASON},
                                        {"ticket", required_argument, NULL, OPT_TICKET},
                                        {NULL, 0, NULL, 0}};

/* Returns -1 to go on, else the exit status. */
static int read_options(struct cmd_options *o, int argc, char **argv, json_t *params)
{
    static const char *const names[] = {
        [OPT_APPLICATION - CMD_OWN] = "application",
        [OPT_LIMIT - CMD_OWN] = "limit",
        [OPT_REASON - CMD_OWN] = "reason",
        [OPT_TICKET - CMD_OWN] = "ticket",
    };
    int value, status;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (value == OPT_ALL) {
            (void)json_object_set_new(params, "all", json_true());
        } else if (value == OPT_GROUP) {
            json_t *group = json_object();
            (void)json_object_set_new(params, "group", group);
            if (!cmd_parse_pairs(group, optarg)) {
                (void)fprintf(stderr, "tollgate: --group %s: must be key=value[,key=value]\n",
                              optarg);
                return EXIT_USAGE;
            }
        } else if (value >= CMD_OWN) {
            (void)json_object_set_new(params, names[value - CMD_OWN], json_string(optarg));
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    return -1;
}

static void print_list(const json_t *result)
{
    size_t i;
    json_t *c;
    (void)printf("%-20s %8s  %-20s %8s %8s  %s\n", "SINCE (UTC)", "AGE", "MODEL", "OUTPUT", "USD",
                 "TAGS");
    json_array_foreach(json_object_get(result, "calls"), i, c)
    {
        const json_t *waiting = json_object_get(c, "waiting");
        long long age_s = (long long)json_integer_value(json_object_get(c, "age_ms")) / 1000;
        (void)printf("%.19sZ %6lld s  %-20s %8s %8s  %s  %s%s%s\n", cmd_text(c, "since"), age_s,
                     cmd_text(c, "model"), cmd_number(c, "output_tokens"), cmd_money(c, "usd"),
                     cmd_pairs(c, "tags"), cmd_text(c, "request_id"),
                     json_is_object(waiting) ? "  waits for " : "",
                     json_is_object(waiting) ? cmd_text(waiting, "limit") : "");
    }
}

/* NULL: not understood. */
static const char *method_of(int words, char **word, json_t *params)
{
    const char *action = words > 0 ? word[0] : "";
    if (strcmp(action, "list") == 0 && words == 1) {
        return "calls";
    }
    if (strcmp(action, "stop") != 0 || words > 2) {
        return NULL;
    }
    if (words == 2) {
        (void)json_object_set_new(params, "request_id", json_string(word[1]));
    }
    return "call.stop";
}

int cmd_call(struct cmd_options *o, int argc, char **argv)
{
    json_t *params = json_object(), *result = NULL;
    int status = read_options(o, argc, argv, params);
    const char *method = status < 0 ? method_of(argc - optind, argv + optind, params) : NULL;
    if (!method) {
        json_decref(params);
        return status >= 0 ? status : cmd_not_understood("call", help);
    }
    status = cmd_answer(o, method, params, &result);
    if (status >= 0) {
        return status;
    }
    if (strcmp(method, "calls") == 0) {
        print_list(result);
    } else {
        (void)printf("calls stopped: %s\n", cmd_number(result, "stopped"));
    }
    json_decref(result);
    return EXIT_DONE;
}
