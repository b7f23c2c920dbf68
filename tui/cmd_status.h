/* cmd_status.h: a snapshot as text. */
#ifndef TOLLGATE_TUI_CMD_STATUS_H
#define TOLLGATE_TUI_CMD_STATUS_H

#include <jansson.h>

void cmd_status_print(const json_t *status);

#endif
