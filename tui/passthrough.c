#include "tui/passthrough.h"

#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 200 /* GNU screen drops what is longer than a few hundred bytes */

enum passthrough passthrough_kind(const char *tmux, const char *sty, const char *term)
{
    bool in_tmux = tmux && *tmux;
    bool in_screen = sty && *sty;
    struct str type = str_of(term ? term : "");
    if (str_starts(type, "tmux") || (in_tmux && !in_screen)) {
        return PASSTHROUGH_TMUX;
    }
    /* tmux may call itself screen as well: it ignores what is meant for screen, which would print
     * what is meant for tmux. */
    return in_screen || str_starts(type, "screen") ? PASSTHROUGH_SCREEN : PASSTHROUGH_NONE;
}

enum passthrough passthrough_here(void)
{
    return passthrough_kind(getenv("TMUX"), getenv("STY"), getenv("TERM"));
}

static void add_for_screen(struct buf *out, const char *sequence)
{
    size_t left = strlen(sequence);
    while (left > 0) {
        size_t n = left < PIECE ? left : PIECE;
        (void)(buf_add(out, "\033P") && buf_append(out, sequence, n) && buf_add(out, "\033\\"));
        sequence += n;
        left -= n;
    }
}

void passthrough_add(struct buf *out, enum passthrough how, const char *sequence)
{
    switch (how) {
    case PASSTHROUGH_NONE:
        (void)buf_add(out, sequence);
        return;
    case PASSTHROUGH_SCREEN:
        add_for_screen(out, sequence);
        return;
    case PASSTHROUGH_TMUX:
        (void)buf_add(out, "\033Ptmux;");
        for (const char *c = sequence; *c; c++) {
            (void)buf_append(out, *c == '\033' ? "\033\033" : c, *c == '\033' ? 2 : 1);
        }
        (void)buf_add(out, "\033\\");
        return;
    }
}
