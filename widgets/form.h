/* form.h: a box of labelled fields to fill in. */
#ifndef TOLLGATE_WIDGETS_FORM_H
#define TOLLGATE_WIDGETS_FORM_H

#include "widgets/input.h"

#define W_FORM_FIELDS 6

struct w_field {
    const char *label;
    const char *help; /* shown beside the field, muted */
    struct w_input input;
};

struct w_form {
    char title[96];
    struct w_field field[W_FORM_FIELDS];
    int count, focus;
    char note[256]; /* what the values mean so far, or what is wrong with them */
    enum w_role note_role;
    char more[256]; /* below it; "": nothing */
    enum w_role more_role;
};

/* Tab, Up and Down move between fields, Enter accepts, Esc cancels, the rest edits. */
enum w_answer w_form_key(struct w_form *f, int key);
void w_form_draw(const struct w_area *a, const struct w_form *f);

#endif
