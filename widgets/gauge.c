#include "widgets/gauge.h"

#include "widgets/text.h"

#include <stdio.h>

#define BAR_MAX 64

static const wchar_t eighths[] = L" \u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588";

int w_gauge_percent(const struct w_gauge *g)
{
    if (g->limit <= 0 || g->value <= 0) {
        return 0;
    }
    double percent = 100.0 * (double)g->value / (double)g->limit;
    return percent > 9999 ? 9999 : (int)percent;
}

/* Eighths of a character that `part` of limit fills in a bar of `width`. */
static int filled(int64_t part, int64_t limit, int width)
{
    if (limit <= 0 || part <= 0) {
        return 0;
    }
    double share = (double)part / (double)limit;
    int n = (int)(share * width * 8);
    return share >= 1 ? width * 8 : n < 1 ? 1 : n;
}

int w_gauge_bar(wchar_t *out, int width, const struct w_gauge *g, bool ascii)
{
    int value = filled(g->value, g->limit, width);
    int both = g->reserved > 0 ? filled(g->value + g->reserved, g->limit, width) : value;
    int solid = ascii ? (value + 4) / 8 : (value + 7) / 8;
    for (int i = 0; i < width; i++) {
        int left = value - i * 8;
        if (i < solid) {
            out[i] = ascii ? L'#' : eighths[left > 8 ? 8 : left];
        } else if (both > i * 8 + 3) {
            out[i] = ascii ? L'=' : L'\u2591';
        } else {
            out[i] = L' ';
        }
    }
    out[width] = 0;
    return solid;
}

/* On a selected row in the colours of the row, so that the mark runs through. */
static void draw_bar(const struct w_area *a, int y, int x, int width, const struct w_gauge *g,
                     enum w_role role)
{
    wchar_t bar[BAR_MAX + 1];
    if (width > BAR_MAX) {
        width = BAR_MAX;
    }
    int solid = w_gauge_bar(bar, width, g, a->style->ascii);
    for (int i = 0; i < width; i++) {
        enum w_role part = role != W_NORMAL ? role
                           : i < solid      ? w_state_role(g->state)
                                            : W_RESERVED;
        w_text_repeat(a, y, x + i, 1, part, bar[i], (char)bar[i]);
    }
}

void w_gauge_draw(const struct w_area *a, int y, int x, int width, const struct w_gauge *g,
                  enum w_role role)
{
    if (g->limit <= 0) {
        w_text(a, y, x, width, role == W_NORMAL ? W_MUTED : role, W_LEFT, "-");
        return;
    }
    char text[16];
    snprintf(text, sizeof text, "%d%% %c", w_gauge_percent(g), w_state_letter(g->state));
    enum w_role words = role == W_NORMAL ? w_state_role(g->state) : role;
    if (width < 10) {
        w_text(a, y, x, width, words, W_RIGHT, text);
        return;
    }
    draw_bar(a, y, x, width - 7, g, role);
    w_text(a, y, x + width - 7, 7, words, W_RIGHT, text);
}
