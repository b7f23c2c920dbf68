#include "widgets/dialog.h"

#include "core/base/str.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define TEXT_WIDTH 64

static void draw_border(const struct w_area *box, const char *title)
{
    int right = box->w - 1;
    int bottom = box->h - 1;
    w_text_repeat(box, 0, 0, box->w, W_BORDER, L'\u2500', '-');
    w_text_repeat(box, bottom, 0, box->w, W_BORDER, L'\u2500', '-');
    for (int y = 1; y < bottom; y++) {
        w_text_repeat(box, y, 0, 1, W_BORDER, L'\u2502', '|');
        w_text_repeat(box, y, right, 1, W_BORDER, L'\u2502', '|');
    }
    w_text_repeat(box, 0, 0, 1, W_BORDER, L'\u250c', '+');
    w_text_repeat(box, 0, right, 1, W_BORDER, L'\u2510', '+');
    w_text_repeat(box, bottom, 0, 1, W_BORDER, L'\u2514', '+');
    w_text_repeat(box, bottom, right, 1, W_BORDER, L'\u2518', '+');
    if (title[0] && box->w > 6) {
        struct w_area line = w_area_part(box, 0, 2, 1, box->w - 4);
        int x = w_text_add(&line, 0, 0, W_BORDER, " ");
        x = w_text_add(&line, 0, x, W_LABEL, title);
        w_text_add(&line, 0, x, W_BORDER, " ");
    }
}

struct w_area w_dialog_frame(const struct w_area *a, const char *title, int h, int w)
{
    bool framed = a->h >= 5 && a->w >= 20;
    int frame_h = framed ? 2 : 0;
    int frame_w = framed ? 4 : 0;
    h = h + frame_h > a->h ? a->h : h + frame_h;
    w = w + frame_w > a->w ? a->w : w + frame_w;
    struct w_area box = w_area_part(a, (a->h - h) / 2, (a->w - w) / 2, h, w);
    w_text_blank(&box, W_NORMAL);
    if (!framed) {
        return box;
    }
    draw_border(&box, title);
    return w_area_part(&box, 1, 2, box.h - 2, box.w - 4);
}

void w_dialog_open(struct w_dialog *d, const char *title, const char *text)
{
    str_copy(d->title, sizeof d->title, str_of(title));
    str_copy(d->text, sizeof d->text, str_of(text));
    d->yes = d->typed = false;
}

void w_dialog_open_typed(struct w_dialog *d, const char *title, const char *text, const char *ask)
{
    w_dialog_open(d, title, text);
    str_copy(d->ask, sizeof d->ask, str_of(ask));
    memset(&d->input, 0, sizeof d->input);
    d->typed = true;
}

enum w_answer w_dialog_key(struct w_dialog *d, int key)
{
    if (d->typed) {
        enum w_answer answer = w_input_key(&d->input, key);
        return answer == W_ACCEPTED && d->input.length == 0 ? W_CANCELLED : answer;
    }
    switch (key) {
    case 'y':
    case 'Y':
        return W_ACCEPTED;
    case 'n':
    case 'N':
    case W_KEY_ESC:
        return W_CANCELLED;
    case W_KEY_ENTER:
        return d->yes ? W_ACCEPTED : W_CANCELLED;
    case W_KEY_LEFT:
    case W_KEY_RIGHT:
    case W_KEY_TAB:
    case W_KEY_BACK_TAB:
    case 'h':
    case 'l':
        d->yes = !d->yes;
        return W_HANDLED;
    default:
        return W_IGNORED;
    }
}

void w_dialog_more(const struct w_area *in, int top, int count)
{
    char text[48];
    struct w_area edge = *in;
    if (count <= in->h || in->h <= 0) {
        return;
    }
    snprintf(text, sizeof text, " %d-%d of %d ", top + 1, top + in->h, count);
    edge.h++;
    int width = w_text_width(text);
    width = width < in->w ? width : in->w;
    w_text(&edge, in->h, in->w - width, width, W_BORDER, W_LEFT, text);
}

struct put {
    struct w_area area;
    int y;
    bool tight; /* blank lines are left out */
};

static void put_line(void *arg, const char *line)
{
    struct put *p = arg;
    if (*line || !p->tight) {
        w_text(&p->area, p->y++, 0, p->area.w, W_NORMAL, W_LEFT, line);
    }
}

static void draw_answers(const struct w_area *in, int y, const struct w_dialog *d)
{
    bool narrow = in->w < 24;
    int x = w_text_add(in, y, 0, d->yes ? W_NORMAL : W_SELECTED, narrow ? " No " : "  No  ");
    w_text_add(in, y, x + 1, d->yes ? W_SELECTED : W_NORMAL, narrow ? " Yes " : "  Yes  ");
}

void w_dialog_draw(const struct w_area *a, const struct w_dialog *d)
{
    int width = a->w - 4 < TEXT_WIDTH ? a->w - 4 : TEXT_WIDTH;
    int lines = w_text_wrap(d->text, width, NULL, NULL);
    int asks = d->typed ? w_text_wrap(d->ask, width, NULL, NULL) : 0;
    struct w_area in = w_dialog_frame(a, d->title, lines + asks + 2, width);
    int y = in.h - 1;
    /* With hardly any room what to type matters more than what it is about. */
    int above = y - asks > 0 ? y - asks : 0;
    struct put p = {.area = w_area_part(&in, 0, 0, above, in.w), .tight = lines > above};
    w_text_wrap(d->text, in.w, put_line, &p);
    if (!d->typed) {
        draw_answers(&in, y, d);
        return;
    }
    struct w_area ask = w_area_part(&in, above, 0, y - above, in.w);
    w_text_lines(&ask, 0, W_LABEL, d->ask);
    w_input_draw(&in, y, 0, in.w, &d->input, true);
}
