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

void w_toast_draw(const struct w_area *a, int y, const struct w_toast *t)
{
    w_text(a, y, 0, a->w, t->role, W_LEFT, "");
    w_text(a, y, 1, a->w - 1, t->role, W_LEFT, t->text);
}
