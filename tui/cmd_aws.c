/* cmd_aws.c: `tollgate aws ..`: which of its commands, and `whoami`. */
#include "tui/cmd_aws.h"

#include <stdlib.h>
#include <string.h>

#include "core/control/setup.h"

struct aws_command {
    const char *name;
    int (*run)(struct cmd_options *o, int argc, char **argv);
    const char *arguments, *help;
};

static const struct aws_command commands[] = {
#define AWS_COMMAND(name, function, arguments, help) {name, function, arguments, help},
#include "tui/aws_commands.def"
#undef AWS_COMMAND
};

static void usage(FILE *to)
{
    (void)fputs("usage: tollgate aws COMMAND [OPTIONS]       COMMAND --help says more\n\n", to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    (void)fputs("\nThe account is reached with the configuration's Region and endpoints and with "
                "the credentials that AWS's own tools\nwould find. No core is needed.\n",
                to);
}

int cmd_aws(struct cmd_options *o, int argc, char **argv)
{
    int at = 1;
    while (at < argc && strcmp(argv[at], "--json") == 0) {
        o->json = true;
        at++;
    }
    if (at < argc && strcmp(argv[at], "--config") == 0 && at + 1 < argc) {
        o->config_path = argv[at + 1];
        at += 2;
    }
    if (at < argc && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "help") == 0)) {
        usage(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; at < argc && i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(argv[at], commands[i].name) == 0) {
            optind = 1;
            return commands[i].run(o, argc - at, argv + at);
        }
    }
    (void)fprintf(stderr, "tollgate: aws: %s%s%s\n\n", at < argc ? "no command '" : "which command",
                  at < argc ? argv[at] : "", at < argc ? "'" : "?");
    usage(stderr);
    return EXIT_USAGE;
}

/* The file; where there is none at all, what the environment says. */
static struct config *find_config(const struct cmd_options *o)
{
    struct cmd_options copy = *o;
    struct err_info ei = {.code = ERR_OK};
    char *path = config_find(o->config_path, &ei);
    if (path) {
        free(path);
        return cmd_config(&copy, false);
    }
    struct config_mistakes mistakes = {.count = 0};
    struct config *config = config_parse("", STR(""), &mistakes);
    for (size_t i = 0; i < mistakes.count && !config; i++) {
        if (!mistakes.at[i].warning) {
            (void)fprintf(stderr, "tollgate: %s: %s\n", mistakes.at[i].key, mistakes.at[i].text);
        }
    }
    config_mistakes_free(&mistakes);
    return config;
}

int cmd_aws_run(const struct cmd_options *o, const char *name, json_t *params, json_t **result)
{
    struct err_info ei = {.code = ERR_OK};
    struct config *config = find_config(o);
    enum err e = config ? setup_run(config, name, params, result, &ei) : ERR_PARSE;
    json_decref(params);
    if (config && e != ERR_OK) {
        (void)cmd_fail(o, &ei);
    }
    config_unref(config);
    return e == ERR_OK ? EXIT_DONE : e == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

/* --- whoami --- */

static void print_whoami(const json_t *r)
{
    const json_t *keys = json_object_get(r, "credentials"), *region = json_object_get(r, "region");
    const char *name;
    json_t *endpoint;
    (void)printf("account      %s\narn          %s\nuser id      %s\ncredentials  %s (%s)\n"
                 "expire       %s\nregion       %s (%s)\n\n%-16s %-56s %s\n",
                 cmd_text(r, "account"), cmd_text(r, "arn"), cmd_text(r, "user_id"),
                 cmd_text(keys, "source"), cmd_text(keys, "access_key_id"),
                 json_is_string(json_object_get(keys, "expires_at")) ? cmd_text(keys, "expires_at")
                                                                     : "never",
                 cmd_text(region, "name"), cmd_text(region, "from"), "SERVICE", "ENDPOINT", "FROM");
    json_object_foreach(json_object_get(r, "endpoints"), name, endpoint)
    {
        (void)printf("%-16s %-56s %s\n", name, cmd_text(endpoint, "url"),
                     cmd_text(endpoint, "from"));
    }
}

int cmd_aws_whoami(struct cmd_options *o, int argc, char **argv)
{
    static const char help[] =
        "usage: tollgate aws whoami [--json]\n"
        "\n"
        "Asks AWS who tollgate is there: account, ARN and user ID, with where the credentials and "
        "the Region were found,\n"
        "until when the credentials hold, and the endpoint of each service.\n";
    static const struct option options[] = {CMD_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    int value, status;
    while ((value = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    if (optind < argc) {
        (void)fputs(help, stderr);
        return EXIT_USAGE;
    }
    json_t *result = NULL;
    status = cmd_aws_run(o, "whoami", NULL, &result);
    if (status != EXIT_DONE) {
        return status;
    }
    if (o->json) {
        return cmd_print_json(result);
    }
    print_whoami(result);
    json_decref(result);
    return EXIT_DONE;
}
