/* dialog.h: a framed box in the middle of the screen, and the question with a choice of answers. */
#ifndef TOLLGATE_WIDGETS_DIALOG_H
#define TOLLGATE_WIDGETS_DIALOG_H

#include "widgets/keys.h"
#include "widgets/style.h"

#define W_DIALOG_TEXT 1024

/* Draws an empty framed box for `h` rows and `w` columns of contents in the middle of `a` (as large
 * as possible if it does not fit) and returns its inside. Without room for a frame there is none.
 */
struct w_area w_dialog_frame(const struct w_area *a, const char *title, int h, int w);

/* A question answered by No or Yes; No is chosen at first. */
struct w_dialog {
    char title[64];
    char text[W_DIALOG_TEXT]; /* lines by '\n' */
    bool yes;
};

void w_dialog_open(struct w_dialog *d, const char *title, const char *text);
/* y accepts, n and Esc cancel, arrows and Tab choose, Enter takes what is chosen. */
enum w_answer w_dialog_key(struct w_dialog *d, int key);
void w_dialog_draw(const struct w_area *a, const struct w_dialog *d);

#endif
