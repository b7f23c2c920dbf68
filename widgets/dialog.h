/* dialog.h: a framed box in the middle of the screen, and the question with a choice of answers. */
#ifndef TOLLGATE_WIDGETS_DIALOG_H
#define TOLLGATE_WIDGETS_DIALOG_H

#include "widgets/input.h"

#define W_DIALOG_TEXT 1024

/* Draws an empty framed box for `h` rows and `w` columns of contents in the middle of `a` (as large
 * as possible if it does not fit) and returns its inside. Without room for a frame there is none.
 */
struct w_area w_dialog_frame(const struct w_area *a, const char *title, int h, int w);

/* Says on the frame around `in` which of `count` lines it shows, when it does not show all. */
void w_dialog_more(const struct w_area *in, int top, int count);

/* A question answered by No or Yes, No being chosen at first; or by typing something. */
struct w_dialog {
    char title[64];
    char text[W_DIALOG_TEXT]; /* lines by '\n' */
    bool yes;
    bool typed;
    char ask[128]; /* what to type */
    struct w_input input;
};

void w_dialog_open(struct w_dialog *d, const char *title, const char *text);
/* A question that is answered by typing what `ask` says; the caller looks at input.text. */
void w_dialog_open_typed(struct w_dialog *d, const char *title, const char *text, const char *ask);
/* y accepts, n and Esc cancel, arrows and Tab choose, Enter takes what is chosen. Where
 * something is typed Enter accepts it, but nothing typed cancels, and so does Esc. */
enum w_answer w_dialog_key(struct w_dialog *d, int key);
void w_dialog_draw(const struct w_area *a, const struct w_dialog *d);

#endif
