#include "widgets/form.h"

#include "widgets/dialog.h"
#include "widgets/text.h"

#define FIELD_WIDTH 24

enum w_answer w_form_key(struct w_form *f, int key)
{
    switch (key) {
    case W_KEY_TAB:
    case W_KEY_DOWN:
        f->focus = (f->focus + 1) % f->count;
        return W_HANDLED;
    case W_KEY_BACK_TAB:
    case W_KEY_UP:
        f->focus = (f->focus + f->count - 1) % f->count;
        return W_HANDLED;
    default:
        return w_input_key(&f->field[f->focus].input, key);
    }
}

static int label_width(const struct w_form *f)
{
    int width = 0;
    for (int i = 0; i < f->count; i++) {
        int w = w_text_width(f->field[i].label);
        width = w > width ? w : width;
    }
    return width;
}

struct put {
    struct w_area area;
    int y;
    enum w_role role;
};

static void put_line(void *arg, const char *line)
{
    struct put *p = arg;
    w_text(&p->area, p->y++, 0, p->area.w, p->role, W_LEFT, line);
}

void w_form_draw(const struct w_area *a, const struct w_form *f)
{
    int labels = label_width(f);
    struct w_area in = w_dialog_frame(a, f->title, f->count + 7, 76);
    int field = in.w - labels - 2 < FIELD_WIDTH ? in.w - labels - 2 : FIELD_WIDTH;
    int first = f->count > in.h ? f->focus : 0; /* hardly any room: the field that is being typed */
    for (int i = first; i < f->count; i++) {
        int y = i - first;
        w_text(&in, y, 0, labels, i == f->focus ? W_LABEL : W_NORMAL, W_LEFT, f->field[i].label);
        w_input_draw(&in, y, labels + 2, field, &f->field[i].input, i == f->focus);
        w_text(&in, y, labels + field + 4, in.w - labels - field - 4, W_MUTED, W_LEFT,
               f->field[i].help);
    }
    int last = in.h > f->count + 3 ? in.h - 1 : in.h; /* the keys' line */
    struct put p = {.area = w_area_part(&in, f->count + 1, 0, last - f->count - 1, in.w),
                    .role = f->note_role};
    w_text_wrap(f->note, in.w, put_line, &p);
    p.role = f->more_role;
    w_text_wrap(f->more, in.w, put_line, &p);
    if (in.h > f->count + 3) {
        int x = 0;
        static const char *const words[][2] = {
            {"Enter", " apply   "}, {"Tab", " next field   "}, {"Esc", " drop"}};
        for (size_t i = 0; i < 3; i++) {
            x = w_text_add(&in, in.h - 1, x, W_KEY, words[i][0]);
            x = w_text_add(&in, in.h - 1, x, W_HINT, words[i][1]);
        }
    }
}
