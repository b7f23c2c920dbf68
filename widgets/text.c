#include "widgets/text.h"

#include "core/base/str.h"

#include <string.h>

#define FIT_MAX  512
#define LINE_MAX 1024

/* The next character and its columns; invalid or unprintable ones become '?'. */
static size_t next_char(const char *text, wchar_t *wc, int *columns)
{
    uint32_t point = 0;
    size_t n = str_utf8(str_of(text), &point);
    if (n == 0) {
        *wc = L'?';
        *columns = 1;
        return 1;
    }
    int w = point < 0x20 || point == 0x7f ? -1 : wcwidth((wchar_t)point);
    *wc = w < 0 ? L'?' : (wchar_t)point;
    *columns = w < 0 ? 1 : w;
    return n;
}

int w_text_width(const char *text)
{
    int width = 0;
    while (*text) {
        wchar_t wc;
        int columns;
        text += next_char(text, &wc, &columns);
        width += columns;
    }
    return width;
}

int w_text_fit(wchar_t *out, size_t cap, const char *text, int width, bool ascii)
{
    size_t n = 0;
    int used = 0;
    size_t cut_at = 0; /* where an ellipsis would go, and the columns before it */
    int cut_used = 0;
    bool cut = false;
    while (*text && n + 1 < cap) {
        wchar_t wc;
        int columns;
        text += next_char(text, &wc, &columns);
        if (ascii && wc > 0x7e) {
            if (columns == 0) {
                continue;
            }
            wc = L'?';
            columns = 1;
        }
        if (used + columns > width) {
            cut = true;
            break;
        }
        if (used + columns <= width - 1 && n + 2 < cap) {
            cut_at = n + 1;
            cut_used = used + columns;
        }
        out[n++] = wc;
        used += columns;
    }
    if ((cut || *text) && width > 0 && cap > 1) {
        n = cut_at;
        used = cut_used;
        out[n++] = ascii ? L'~' : L'\u2026';
        used++;
    }
    out[n] = 0;
    return used;
}

static void set_role(const struct w_area *a, enum w_role role)
{
    wattr_set(a->win, a->style->role[role].attr, a->style->role[role].pair, NULL);
}

static bool visible(const struct w_area *a, int y, int x)
{
    return y >= 0 && y < a->h && x >= 0 && x < a->w;
}

static void blanks(const struct w_area *a, int count)
{
    for (int i = 0; i < count; i++) {
        waddch(a->win, ' ');
    }
}

void w_text(const struct w_area *a, int y, int x, int width, enum w_role role, enum w_align align,
            const char *text)
{
    if (!visible(a, y, x)) {
        return;
    }
    if (width > a->w - x) {
        width = a->w - x;
    }
    wchar_t fitted[FIT_MAX];
    int used = w_text_fit(fitted, FIT_MAX, text, width, a->style->ascii);
    set_role(a, role);
    wmove(a->win, a->y + y, a->x + x);
    if (align == W_RIGHT) {
        blanks(a, width - used);
    }
    waddwstr(a->win, fitted);
    if (align == W_LEFT) {
        blanks(a, width - used);
    }
}

int w_text_add(const struct w_area *a, int y, int x, enum w_role role, const char *text)
{
    int width = w_text_width(text);
    w_text(a, y, x, width, role, W_LEFT, text);
    return x + width;
}

void w_text_repeat(const struct w_area *a, int y, int x, int count, enum w_role role, wchar_t wide,
                   char plain)
{
    if (!visible(a, y, x)) {
        return;
    }
    set_role(a, role);
    wmove(a->win, a->y + y, a->x + x);
    wchar_t one[2] = {a->style->ascii ? (wchar_t)plain : wide, 0};
    for (int i = 0; i < count && x + i < a->w; i++) {
        waddwstr(a->win, one);
    }
}

void w_text_blank(const struct w_area *a, enum w_role role)
{
    for (int y = 0; y < a->h; y++) {
        w_text(a, y, 0, a->w, role, W_LEFT, "");
    }
}

/* Bytes of the line that starts at text, *skip the bytes to leave out behind it. */
static size_t line_length(const char *text, int width, size_t *skip)
{
    size_t n = 0;
    size_t blank = 0;
    int used = 0;
    *skip = 0;
    while (text[n] && text[n] != '\n') {
        wchar_t wc;
        int columns;
        size_t step = next_char(text + n, &wc, &columns);
        if (used + columns > width && n > 0) {
            *skip = text[n] == ' ' || blank > 0;
            return text[n] == ' ' || blank == 0 ? n : blank;
        }
        if (text[n] == ' ') {
            blank = n;
        }
        used += columns;
        n += step;
    }
    *skip = text[n] == '\n';
    return n;
}

int w_text_wrap(const char *text, int width, void (*fn)(void *arg, const char *line), void *arg)
{
    int lines = 0;
    if (width < 1) {
        width = 1;
    }
    do {
        size_t skip;
        size_t n = line_length(text, width, &skip);
        char line[LINE_MAX];
        size_t kept = n < sizeof line - 1 ? n : sizeof line - 1;
        memcpy(line, text, kept);
        line[kept] = '\0';
        if (fn) {
            fn(arg, line);
        }
        lines++;
        text += n + skip;
    } while (*text);
    return lines;
}

struct lines {
    const struct w_area *area;
    int y;
    enum w_role role;
};

static void put_line(void *arg, const char *line)
{
    struct lines *l = arg;
    w_text(l->area, l->y++, 0, l->area->w, l->role, W_LEFT, line);
}

int w_text_lines(const struct w_area *a, int y, enum w_role role, const char *text)
{
    struct lines l = {a, y, role};
    if (*text) {
        w_text_wrap(text, a->w, put_line, &l);
    }
    return l.y;
}
