/* theme.h: colour themes: files of `role = attributes colour on colour | the same for 256 colours`.
 */
#ifndef TOLLGATE_TUI_THEME_H
#define TOLLGATE_TUI_THEME_H

#include "core/base/err.h"
#include "widgets/style.h"

#define THEME_DEFAULT "dark"

struct theme_look {
    attr_t attr;
    int fg,
        bg; /* 0 to 255; THEME_RGB and 24 bits; -1: the terminal's own; -2: as `normal` has it */
};
#define THEME_RGB 0x1000000

struct theme {
    char name[64];
    struct theme_look look[W_ROLE_COUNT][2]; /* for up to 16 colours; for 256 */
};

/* By name (the user's ~/.config/tollgate/themes, the installed ones, the built-in ones) or as a
 * path with a '/'. ERR_NOT_FOUND; ERR_PARSE with file and line. */
enum err theme_load(struct theme *t, const char *name, struct err_info *ei) MUST_CHECK;
/* Reads a theme's text; `from` names it in errors. */
enum err theme_parse(struct theme *t, const char *text, const char *from,
                     struct err_info *ei) MUST_CHECK;
/* Fills style->role for the terminal curses runs on. Without colours (asked for, or the terminal
 * has none) every role is told by attributes. */
void theme_apply(const struct theme *t, struct w_style *style, bool no_color);

/* The 24 bits of a colour of a look: as written, or as the 256-colour palette has it; -1: the
 * terminal's own. */
int theme_rgb(int colour);
/* The colour of the 256-colour palette (16 and up, which no terminal changes) nearest to 24 bits.
 */
int theme_nearest(int rgb);
/* Calls fn with the name of every theme there is, each once or more often. */
void theme_names(void (*fn)(void *arg, const char *name), void *arg);

/* The text of a built-in theme ("dark", "light"), or NULL. */
const char *theme_builtin(const char *name);

#endif
