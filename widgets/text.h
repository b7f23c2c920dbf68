/* text.h: text by the columns it takes on a screen, not by its bytes. */
#ifndef TOLLGATE_WIDGETS_TEXT_H
#define TOLLGATE_WIDGETS_TEXT_H

#include "widgets/style.h"

#include <stddef.h>
#include <wchar.h>

enum w_align { W_LEFT, W_RIGHT };

/* Columns a UTF-8 text takes. Invalid bytes and control characters count one column, as they are
 * drawn ('?'). */
int w_text_width(const char *text);

/* Turns UTF-8 into at most `width` columns of characters that are safe to draw: too long a text
 * ends in an ellipsis (ASCII: '~'), with `ascii` everything else becomes '?'. out gets at most cap
 * characters and a terminating 0; returns the columns used. */
int w_text_fit(wchar_t *out, size_t cap, const char *text, int width, bool ascii);

/* Draws text in exactly `width` columns at (y, x) of the area, padded with blanks, clipped. */
void w_text(const struct w_area *a, int y, int x, int width, enum w_role role, enum w_align align,
            const char *text);
/* Draws text as wide as it is (clipped); returns the column behind it. */
int w_text_add(const struct w_area *a, int y, int x, enum w_role role, const char *text);
/* One character, `count` times. `plain` is drawn in ASCII mode. */
void w_text_repeat(const struct w_area *a, int y, int x, int count, enum w_role role, wchar_t wide,
                   char plain);
void w_text_blank(const struct w_area *a, enum w_role role);

/* Breaks text into lines of at most `width` columns at blanks (a longer word is broken); each line
 * is handed to fn. '\n' breaks too. Returns the number of lines. */
int w_text_wrap(const char *text, int width, void (*fn)(void *arg, const char *line), void *arg);
/* Draws text wrapped to the area from row y on, what does not fit left out; returns the row behind
 * it. */
int w_text_lines(const struct w_area *a, int y, enum w_role role, const char *text);

#endif
