/* passthrough.h: sequences that are meant for the terminal a person looks at, past the tmux or GNU
 * screen that the dashboard may run in. */
#ifndef TOLLGATE_TUI_PASSTHROUGH_H
#define TOLLGATE_TUI_PASSTHROUGH_H

#include "core/base/buf.h"

enum passthrough {
    PASSTHROUGH_NONE, /* the terminal itself listens */
    PASSTHROUGH_TMUX, /* with its `allow-passthrough on` */
    PASSTHROUGH_SCREEN,
};

/* What the environment says: TMUX and STY, which do not cross SSH, and TERM, which does. */
enum passthrough passthrough_kind(const char *tmux, const char *sty, const char *term);
enum passthrough passthrough_here(void);
/* Appends the sequence, which ends with BEL, as it has to be said there. */
void passthrough_add(struct buf *out, enum passthrough how, const char *sequence);

#endif
