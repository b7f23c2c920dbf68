/* cmd_aws.h: what the commands of `tollgate aws ..` share. A command is a row of aws_commands.def
 * and a function here; its work stands in core/cloud/setup_*.c, reached through
 * core/control/setup.h. */
#ifndef TOLLGATE_TUI_CMD_AWS_H
#define TOLLGATE_TUI_CMD_AWS_H

#include "tui/cmd.h"

/* argv[0] is the command's own name; optind is 1. */
#define AWS_COMMAND(name, function, arguments, help)                                               \
    int function(struct cmd_options *o, int argc, char **argv);
#include "tui/aws_commands.def"
#undef AWS_COMMAND

/* Reads the configuration (none is needed: then the environment's) and runs the setup command.
 * Takes params. ERR_OK with *result, or an error that cmd_fail prints; EXIT_DONE goes on, else
 * leave with the status. */
int cmd_aws_run(const struct cmd_options *o, const char *name, json_t *params, json_t **result);

#endif
