#include "widgets/toast.h"

#include "core/base/str.h"
#include "widgets/text.h"

void w_toast_show(struct w_toast *t, enum w_role role, const char *text, int64_t until_ms)
{
    str_printable(t->text, sizeof t->text, str_of(text));
    t->role = role;
    t->until_ms = until_ms;
}

bool w_toast_on(const struct w_toast *t, int64_t now_ms)
{
    return t->text[0] && now_ms < t->until_ms;
}

void w_toast_hide(struct w_toast *t)
{
    t->text[0] = '\0';
}

void w_toast_draw(const struct w_area *a, const struct w_toast *t)
{
    int margin = a->w > 30 ? 1 : 0;
    int lines = w_text_wrap(t->text, a->w - 2 * margin, NULL, NULL);
    struct w_area all = w_area_part(a, lines < a->h ? a->h - lines : 0, 0, a->h, a->w);
    struct w_area words = w_area_part(&all, 0, margin, all.h, all.w - 2 * margin);
    w_text_blank(&all, t->role);
    w_text_lines(&words, 0, t->role, t->text);
}
