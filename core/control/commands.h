/* commands.h: the functions behind the methods of commands.def. */
#ifndef TOLLGATE_CONTROL_COMMANDS_H
#define TOLLGATE_CONTROL_COMMANDS_H

#include "core/control/core_private.h"

#define COMMAND(method, class, way, without_core, operators, function)                             \
    enum err function(struct core *c, const struct actor *a, const json_t *params,                 \
                      json_t **result, struct err_info *ei);
#include "core/control/commands.def"
#undef COMMAND

/* String parameter, or NULL. */
const char *param_text(const json_t *params, const char *name);
bool param_true(const json_t *params, const char *name);
/* `for` (a duration) or `until` (RFC 3339) as a wall time; 0: neither. */
enum err param_until(const json_t *params, int64_t now_ms, int64_t *until_ms,
                     struct err_info *ei) MUST_CHECK;
/* RFC 3339 or an age ("24h"); absent leaves *out alone. */
enum err param_time(const json_t *params, const char *name, int64_t now_ms, int64_t *out,
                    struct err_info *ei) MUST_CHECK;
/* The pairs of `where`; returns how many. */
size_t param_where(const json_t *params, struct ledger_where out[LEDGER_WHERE_MAX]);

#endif
