#include "widgets/list.h"

#include "widgets/dialog.h"
#include "widgets/text.h"

#define MORE_WIDTH 14 /* " 91-99 of 100 " */

enum w_answer w_list_key(struct w_list *l, int key)
{
    int at = l->at;
    switch (key) {
    case W_KEY_UP:
    case 'k':
        at--;
        break;
    case W_KEY_DOWN:
    case 'j':
        at++;
        break;
    case W_KEY_HOME:
        at = 0;
        break;
    case W_KEY_END:
        at = l->count - 1;
        break;
    case W_KEY_ENTER:
        return l->count > 0 ? W_ACCEPTED : W_CANCELLED;
    case W_KEY_ESC:
    case 'q':
        return W_CANCELLED;
    default:
        return W_IGNORED;
    }
    l->at = at < 0 || l->count == 0 ? 0 : at >= l->count ? l->count - 1 : at;
    return W_HANDLED;
}

void w_list_draw(const struct w_area *a, const struct w_list *l)
{
    int width = w_text_width(l->title) + 4;
    for (int i = 0; i < l->count; i++) {
        int w = w_text_width(l->item[i]) + 2;
        width = w > width ? w : width;
    }
    width = l->count + 2 > a->h && width < MORE_WIDTH ? MORE_WIDTH : width;
    struct w_area in = w_dialog_frame(a, l->title, l->count, width);
    int top = l->at < in.h ? 0 : l->at - in.h + 1;
    for (int y = 0; y < in.h && top + y < l->count; y++) {
        int i = top + y;
        w_text(&in, y, 0, in.w, i == l->at ? W_SELECTED : W_NORMAL, W_LEFT, l->item[i]);
    }
    if (in.y + in.h < a->y + a->h) { /* framed */
        w_dialog_more(&in, top, l->count);
    }
}
