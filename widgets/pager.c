#include "widgets/pager.h"

#include "core/base/str.h"
#include "widgets/dialog.h"
#include "widgets/text.h"

#include <stdio.h>
#include <stdlib.h>

void w_pager_clear(struct w_pager *p)
{
    for (int i = 0; i < p->count; i++) {
        free(p->line[i].text);
    }
    p->count = 0;
}

void w_pager_add(struct w_pager *p, enum w_role role, const char *text)
{
    char *copy = p->count < W_PAGER_LINES ? str_dup(str_of(text)) : NULL;
    if (copy) {
        p->line[p->count++] = (struct w_pager_line){.text = copy, .role = role};
    }
}

struct pair {
    struct w_pager *pager;
    enum w_role role;
    int width;
    const char *label;
};

static void add_line(void *arg, const char *line)
{
    struct pair *p = arg;
    char text[400];
    snprintf(text, sizeof text, "%-*s %s", p->width, p->label, line);
    w_pager_add(p->pager, p->role, text);
    p->label = "";
}

void w_pager_pair(struct w_pager *p, enum w_role role, int width, const char *label, int room,
                  const char *text)
{
    struct pair pair = {p, role, width, label};
    w_text_wrap(text, room, add_line, &pair);
}

static void clamp_top(struct w_pager *p, int rows)
{
    int last = p->count > rows ? p->count - rows : 0;
    p->top = p->top > last ? last : p->top < 0 ? 0 : p->top;
}

enum w_answer w_pager_key(struct w_pager *p, int key, int rows)
{
    switch (key) {
    case W_KEY_UP:
    case 'k':
        p->top--;
        break;
    case W_KEY_DOWN:
    case 'j':
        p->top++;
        break;
    case W_KEY_PAGE_UP:
        p->top -= rows;
        break;
    case W_KEY_PAGE_DOWN:
    case ' ':
        p->top += rows;
        break;
    case W_KEY_HOME:
    case 'g':
        p->top = 0;
        break;
    case W_KEY_END:
    case 'G':
        p->top = p->count;
        break;
    case W_KEY_ESC:
    case W_KEY_ENTER:
    case 'q':
        return W_CANCELLED;
    default:
        return W_IGNORED;
    }
    clamp_top(p, rows);
    return W_HANDLED;
}

static int draw(const struct w_area *a, struct w_pager *p)
{
    clamp_top(p, a->h);
    for (int y = 0; y < a->h && p->top + y < p->count; y++) {
        const struct w_pager_line *line = &p->line[p->top + y];
        w_text(a, y, 0, a->w, line->role, W_LEFT, line->text);
    }
    return a->h;
}

int w_pager_draw_box(const struct w_area *a, struct w_pager *p)
{
    int width = w_text_width(p->title) + 4;
    for (int i = 0; i < p->count; i++) {
        int w = w_text_width(p->line[i].text);
        width = w > width ? w : width;
    }
    struct w_area in = w_dialog_frame(a, p->title, p->count, width);
    draw(&in, p);
    if (in.y + in.h < a->y + a->h) { /* framed */
        w_dialog_more(&in, p->top, p->count);
    }
    return in.h;
}
