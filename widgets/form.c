#include "widgets/form.h"

#include "widgets/dialog.h"
#include "widgets/text.h"

#define FIELD_WIDTH 24
#define NOTE_ROWS   2 /* what is about to happen must be seen */

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

/* Is there room for every field's help beside it? */
static bool helps_beside(const struct w_form *f, int room)
{
    for (int i = 0; i < f->count; i++) {
        if (w_text_width(f->field[i].help) > room) {
            return false;
        }
    }
    return true;
}

/* Fields, as many as leave two rows for the note; the focus is always among them. Returns the row
 * below. */
static int draw_fields(const struct w_area *in, const struct w_form *f, bool beside)
{
    int labels = label_width(f);
    int room = in->w - labels - 2;
    int width = beside && room > FIELD_WIDTH ? FIELD_WIDTH : room;
    int shown = f->count + NOTE_ROWS > in->h ? in->h - NOTE_ROWS : f->count;
    shown = shown < 1 ? 1 : shown;
    int first = f->focus < shown ? 0 : f->focus - shown + 1;
    for (int y = 0; y < shown; y++) {
        const struct w_field *field = &f->field[first + y];
        bool focus = first + y == f->focus;
        w_text(in, y, 0, labels, focus ? W_LABEL : W_NORMAL, W_LEFT, field->label);
        w_input_draw(in, y, labels + 2, width, &field->input, focus);
        if (beside) {
            w_text(in, y, labels + width + 4, in->w - labels - width - 4, W_MUTED, W_LEFT,
                   field->help);
        }
    }
    return shown;
}

static void draw_keys(const struct w_area *in, int y, bool several)
{
    int x = 0;
    static const char *const words[][2] = {
        {"Enter", " apply   "}, {"Tab", " next field   "}, {"Esc", " drop"}};
    for (size_t i = 0; i < 3; i++) {
        if (i != 1 || several) {
            x = w_text_add(in, y, x, W_KEY, words[i][0]);
            x = w_text_add(in, y, x, W_HINT, words[i][1]);
        }
    }
}

void w_form_draw(const struct w_area *a, const struct w_form *f)
{
    struct w_area in = w_dialog_frame(a, f->title, f->count + 7, 76);
    bool beside = helps_beside(f, in.w - label_width(f) - FIELD_WIDTH - 4);
    int y = draw_fields(&in, f, beside);
    bool roomy = in.h >= y + 1 + NOTE_ROWS + 2;
    if (roomy || (!beside && in.h > y + NOTE_ROWS)) { /* a blank row, or the help */
        w_text(&in, y++, 0, in.w, W_MUTED, W_LEFT, beside ? "" : f->field[f->focus].help);
    }
    struct w_area notes = w_area_part(&in, 0, 0, roomy ? in.h - 1 : in.h, in.w);
    y = w_text_lines(&notes, y, f->note_role, f->note);
    w_text_lines(&notes, y, f->more_role, f->more);
    if (roomy) {
        draw_keys(&in, in.h - 1, f->count > 1);
    }
}
