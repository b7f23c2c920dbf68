#include "widgets/bar.h"

#include "widgets/text.h"

#include <string.h>

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

static bool shorten_last(struct w_segment *segments, size_t n, const bool *keep)
{
    for (size_t i = n; i-- > 0;) {
        if (keep[i] && segments[i].brief) {
            segments[i].text = segments[i].brief;
            segments[i].brief = NULL;
            return true;
        }
    }
    return false;
}

void w_bar_fit(struct w_segment *segments, size_t n, int width, int gap, bool *keep)
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
        bool matters = worst == n || segments[worst].drop <= W_BAR_BRIEF;
        if (matters && shorten_last(segments, n, keep)) {
            continue;
        }
        if (worst == n) {
            return;
        }
        keep[worst] = false;
    }
}

static size_t copy_of(struct w_segment *out, const struct w_segment *segments, size_t n)
{
    n = n > W_BAR_MAX ? W_BAR_MAX : n;
    memcpy(out, segments, n * sizeof *out);
    return n;
}

static int draw_segment(const struct w_area *a, int y, int x, const struct w_segment *s)
{
    if (s->key) {
        x = w_text_add(a, y, x, s->role == W_OFF ? W_OFF : W_KEY, s->key);
        x++;
    }
    return w_text_add(a, y, x, s->role, s->text);
}

void w_bar_draw(const struct w_area *a, int y, const struct w_segment *all, size_t n, int gap,
                enum w_role fill)
{
    bool keep[W_BAR_MAX];
    struct w_segment segments[W_BAR_MAX];
    n = copy_of(segments, all, n);
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

size_t w_bar_at(const struct w_segment *all, size_t n, int width, int gap, int x)
{
    bool keep[W_BAR_MAX];
    struct w_segment segments[W_BAR_MAX];
    n = copy_of(segments, all, n);
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
