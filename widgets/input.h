/* input.h: one line of text being typed, with the lines typed before. */
#ifndef TOLLGATE_WIDGETS_INPUT_H
#define TOLLGATE_WIDGETS_INPUT_H

#include "widgets/keys.h"
#include "widgets/style.h"

#define W_INPUT_MAX   256
#define W_HISTORY_MAX 32

/* All-zero is empty. */
struct w_history {
    char *line[W_HISTORY_MAX];
    int count;
};

/* All-zero is empty and without history. */
struct w_input {
    char text[W_INPUT_MAX];
    size_t length, at;         /* bytes; `at` stands between characters */
    struct w_history *history; /* borrowed; NULL: none */
    int back;                  /* lines gone back in history */
    bool offered;              /* typing replaces the text; any other key makes it the user's own */
};

void w_input_set(struct w_input *in, const char *text);   /* cursor at the end */
void w_input_offer(struct w_input *in, const char *text); /* as w_input_set, and `offered` */
/* Enter gives W_ACCEPTED, Esc W_CANCELLED; Up and Down walk the history. */
enum w_answer w_input_key(struct w_input *in, int key);
/* Text and cursor in `width` columns, scrolled so that the cursor shows. */
void w_input_draw(const struct w_area *a, int y, int x, int width, const struct w_input *in,
                  bool focus);

void w_history_add(struct w_history *h, const char *line); /* not empty, not the last one again */
void w_history_free(struct w_history *h);

#endif
