/* sim_form.c: see sim_form.h. */
#include "core/sim/sim_form.h"

#include <stdlib.h>
#include <string.h>

struct str sim_form_raw(struct str form, const char *name)
{
    struct str rest = form;

    while (rest.p != NULL) {
        struct str value;
        struct str key = str_cut(str_cut(rest, '&', &rest), '=', &value);
        if (str_is(key, name)) {
            return value;
        }
    }
    return (struct str){0};
}

bool sim_form_text(struct str form, const char *name, char *out, size_t size)
{
    struct str raw = sim_form_raw(form, name);
    char *spaced = str_dup(raw);

    out[0] = '\0';
    if (spaced == NULL) {
        return false;
    }
    for (char *at = spaced; (at = strchr(at, '+')) != NULL;) {
        *at = ' ';
    }
    bool ok = str_percent_decode(out, size, (struct str){spaced, raw.n});
    free(spaced);
    return ok;
}
