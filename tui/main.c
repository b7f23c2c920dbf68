/* main.c: the program's entry: which sub-command. */
#include <signal.h>
#include <string.h>

#include "core/control/core.h"
#include "tui/cmd.h"

#ifndef TOLLGATE_VERSION
#define TOLLGATE_VERSION "0.1.0"
#endif

struct subcommand {
    const char *name;
    int (*run)(struct cmd_options *o, int argc, char **argv);
    const char *arguments, *help;
};

static const struct subcommand subcommands[] = {
#define SUBCOMMAND(name, function, arguments, help) {name, function, arguments, help},
#include "tui/commands.def"
#undef SUBCOMMAND
};

static void usage(FILE *to)
{
    (void)fputs("tollgate " TOLLGATE_VERSION ": a dashboard and limiter for Amazon Bedrock\n\n"
                "usage: tollgate [--config FILE] [--socket PATH]      the dashboard; starts a core "
                "if none runs\n"
                "       tollgate COMMAND [OPTIONS]                    COMMAND --help says more\n\n",
                to);
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
        (void)fprintf(to, "  %-8s %s\n", subcommands[i].name, subcommands[i].help);
    }
    (void)fputs(
        "\nThe configuration is looked for in --config, $TOLLGATE_CONFIG, ./tollgate.yaml,\n"
        "~/.config/tollgate/tollgate.yaml and /etc/tollgate/tollgate.yaml.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
        to);
}

int main(int argc, char **argv)
{
    struct cmd_options o = {.config_path = NULL};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write past a limit fails instead, and is told */
    core_prepare();
    int at = 1; /* --config and --json may stand before the command too */
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--config") == 0 && at + 1 < argc) {
            o.config_path = argv[at + 1];
            at += 2;
        } else if (strcmp(argv[at], "--socket") == 0 && at + 2 < argc && argv[at + 2][0] != '-') {
            o.socket = argv[at + 1]; /* before a command; alone it is the dashboard's */
            at += 2;
        } else if (strcmp(argv[at], "--json") == 0) {
            o.json = true;
            at++;
        } else {
            break;
        }
    }
    if (at >= argc || argv[at][0] == '-') {
        if (at < argc && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)) {
            usage(stdout);
            return EXIT_DONE;
        }
        if (at < argc && strcmp(argv[at], "--version") == 0) {
            (void)puts("tollgate " TOLLGATE_VERSION);
            return EXIT_DONE;
        }
        return cmd_attach(&o, argc - at + 1, argv + at - 1);
    }
    if (strcmp(argv[at], "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
        if (strcmp(argv[at], subcommands[i].name) == 0) {
            return subcommands[i].run(&o, argc - at, argv + at);
        }
    }
    (void)fprintf(stderr, "tollgate: no command '%s'\n\n", argv[at]);
    usage(stderr);
    return EXIT_USAGE;
}
