#include "widgets/bar.h"

#include "widgets/text.h"

static int segment_width(const struct w_segment *s)
{
    return (s->key ? w_text_width(s->key) + 1 : 0) + w_text_width(s->text);
}

static int total_width(const struct w_segment *segments, size_t n, int gap, const bool *keep)
{
    int width = 0;
    for (size_t i = 0; i < n; i++) {
        if (keep[i]) {
            width += segment_width(&segments[i]) + (width > 0 ? gap : 0);
        }
    }
    return width;
}

void w_bar_fit(const struct w_segment *segments, size_t n, int width, int gap, bool *keep)
{
    for (size_t i = 0; i < n; i++) {
        keep[i] = segments[i].text[0] != '\0' || segments[i].key;
    }
    while (total_width(segments, n, gap, keep) > width) {
        size_t worst = n;
        for (size_t i = 0; i < n; i++) {
            if (keep[i] && segments[i].drop > 0 &&
                (worst == n || segments[i].drop >= segments[worst].drop)) {
                worst = i;
            }
        }
        if (worst == n) {
            return;
        }
        keep[worst] = false;
    }
}

static int draw_segment(const struct w_area *a, int y, int x, const struct w_segment *s)
{
    if (s->key) {
        x = w_text_add(a, y, x, s->role == W_OFF ? W_OFF : W_KEY, s->key);
        x++;
    }
    return w_text_add(a, y, x, s->role, s->text);
}

void w_bar_draw(const struct w_area *a, int y, const struct w_segment *segments, size_t n, int gap,
                enum w_role fill)
{
    bool keep[W_BAR_MAX];
    n = n > W_BAR_MAX ? W_BAR_MAX : n;
    w_bar_fit(segments, n, a->w, gap, keep);
    w_text(a, y, 0, a->w, fill, W_LEFT, "");
    int x = 0;
    int right = 0;
    for (size_t i = 0; i < n; i++) {
        if (keep[i] && !segments[i].right) {
            x = draw_segment(a, y, x, &segments[i]) + gap;
        } else if (keep[i]) {
            right += segment_width(&segments[i]) + (right > 0 ? gap : 0);
        }
    }
    int at = a->w - right > x ? a->w - right : x;
    for (size_t i = 0; i < n; i++) {
        if (keep[i] && segments[i].right) {
            at = draw_segment(a, y, at, &segments[i]) + gap;
        }
    }
}

size_t w_bar_at(const struct w_segment *segments, size_t n, int width, int gap, int x)
{
    bool keep[W_BAR_MAX];
    n = n > W_BAR_MAX ? W_BAR_MAX : n;
    w_bar_fit(segments, n, width, gap, keep);
    int at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!keep[i] || segments[i].right) {
            continue;
        }
        if (x >= at && x < at + segment_width(&segments[i])) {
            return i;
        }
        at += segment_width(&segments[i]) + gap;
    }
    return n;
}
