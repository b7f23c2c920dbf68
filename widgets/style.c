#include "widgets/style.h"

#include <string.h>

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

struct w_area w_area_part(const struct w_area *a, int y, int x, int h, int w)
{
    struct w_area part = *a;
    y = clamp(y, 0, a->h);
    x = clamp(x, 0, a->w);
    part.y = a->y + y;
    part.x = a->x + x;
    part.h = clamp(h, 0, a->h - y);
    part.w = clamp(w, 0, a->w - x);
    return part;
}

enum w_role w_state_role(enum w_state s)
{
    switch (s) {
    case W_STATE_OK:
        return W_OK;
    case W_STATE_WARN:
        return W_WARN;
    case W_STATE_CRIT:
        return W_CRIT;
    case W_STATE_STALE:
        return W_STALE;
    case W_STATE_NONE:
        return W_MUTED;
    }
    return W_NORMAL;
}

char w_state_letter(enum w_state s)
{
    return " WC? "[s];
}

static const char *const role_names[W_ROLE_COUNT] = {
#define X(id, name) name,
    W_ROLE_LIST(X)
#undef X
};

const char *w_role_name(enum w_role role)
{
    return role_names[role];
}

int w_role_find(const char *name)
{
    for (int i = 0; i < W_ROLE_COUNT; i++) {
        if (strcmp(role_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}
