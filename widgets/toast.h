/* toast.h: a line that says what just happened and goes away by itself; on a narrow screen some. */
#ifndef TOLLGATE_WIDGETS_TOAST_H
#define TOLLGATE_WIDGETS_TOAST_H

#include "widgets/style.h"

#include <stdint.h>

/* All-zero shows nothing. */
struct w_toast {
    char text[256];
    enum w_role role;
    int64_t until_ms;
};

void w_toast_show(struct w_toast *t, enum w_role role, const char *text, int64_t until_ms);
bool w_toast_on(const struct w_toast *t, int64_t now_ms);
void w_toast_hide(struct w_toast *t);
/* At the lower end of the area, in as many of its rows as the text takes. */
void w_toast_draw(const struct w_area *a, const struct w_toast *t);

#endif
