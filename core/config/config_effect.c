/* config_effect.c: keys that are known and checked but do nothing yet. Where leaving them out would
 * let through what the file forbids, the file is refused; elsewhere a warning says so. */
#include "core/config/config_private.h"

#include <string.h>

/* A row goes when its key takes effect; at present every key has. */
const struct config_not_in_effect config_not_in_effect[] = {
    {NULL, NULL, NULL},
};

static const char *const refused[] = {"limits", "identity", "listen", "tags", "control", "store"};

/* Does a key such as "limits[12].rolling" have the form "limits[].rolling"? */
static bool has_form(const char *key, const char *form)
{
    while (*key != '\0' && *key == *form) {
        if (*key == '[') {
            key += strspn(key + 1, "0123456789");
        }
        key++;
        form++;
    }
    return *key == *form;
}

void config_check_effect(const struct config_place *p)
{
    for (const struct config_not_in_effect *e = config_not_in_effect; e->key != NULL; e++) {
        if (!has_form(p->key, e->key)) {
            continue;
        }
        if (e->value != NULL && (p->node->type != YAML_SCALAR_NODE ||
                                 strcmp((const char *)p->node->data.scalar.value, e->value) != 0)) {
            continue;
        }
        bool refuses = false;
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            size_t n = strlen(refused[i]);
            refuses |= strncmp(p->key, refused[i], n) == 0 && strchr(".[", p->key[n]) != NULL;
        }
        const char *value = e->value == NULL ? "" : e->value;
        void (*say)(struct config_reader *, int, const char *, const char *, ...) =
            refuses ? config_mistake : config_warning;
        say(p->r, p->line, p->key, "%s%sis not in effect yet: %s", value, *value ? " " : "",
            e->text);
    }
}
