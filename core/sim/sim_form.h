/* sim_form.h: fields of a form as the query protocol sends them. */
#ifndef TOLLGATE_SIM_SIM_FORM_H
#define TOLLGATE_SIM_SIM_FORM_H

#include "core/base/str.h"

/* The first value of that name, as it is encoded; p NULL: not there. */
struct str sim_form_raw(struct str form, const char *name);
/* The same decoded, with a NUL; "" when it is not there. False: malformed, or no room. */
bool sim_form_text(struct str form, const char *name, char *out, size_t size);

#endif
