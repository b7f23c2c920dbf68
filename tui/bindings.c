#include "tui/bindings.h"

#include <stdio.h>
#include <string.h>

bool binding_is_setting(const struct binding *b)
{
    static const enum action settings[] = {ACT_THEME,         ACT_COLOR, ACT_ALERTS,
                                           ACT_LOW_BANDWIDTH, ACT_TIME,  ACT_MOUSE};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (b->action == settings[i]) {
            return b->command != NULL;
        }
    }
    return false;
}

bool binding_in_view(const struct binding *b, enum ui_view view)
{
    return b->views == 0 || (b->views & (1u << view)) != 0;
}

const struct binding *binding_find(int key, enum ui_view view)
{
    for (size_t i = 0; i < bindings_count; i++) {
        const struct binding *b = &bindings[i];
        for (size_t k = 0; k < 3 && key > 0; k++) {
            if (b->keys[k] == key && binding_in_view(b, view)) {
                return b;
            }
        }
    }
    return NULL;
}

/* How many bytes of line the words of the command take; 0: not this command. A single word may be
 * cut short. */
static size_t matches(const struct binding *b, const char *line, bool *exact)
{
    const char *command = b->command;
    size_t n = strlen(command);
    if (strncmp(line, command, n) == 0 && (line[n] == '\0' || line[n] == ' ')) {
        *exact = true;
        return n;
    }
    size_t typed = strcspn(line, " ");
    bool more = line[typed + strspn(line + typed, " ")] != '\0';
    *exact = false;
    return !strchr(command, ' ') && (!more || b->arguments) && typed > 0 &&
                   strncmp(command, line, typed) == 0
               ? typed
               : 0;
}

/* "set NAME=VALUE" and "set NAME VALUE" */
static const struct binding *setting(const char *line, const char **arguments)
{
    if (strncmp(line, "set ", 4) != 0) {
        return NULL;
    }
    line += 4 + strspn(line + 4, " ");
    size_t n = strcspn(line, " =");
    for (size_t i = 0; i < bindings_count; i++) {
        const struct binding *b = &bindings[i];
        if (binding_is_setting(b) && strlen(b->command) == n && strncmp(b->command, line, n) == 0) {
            *arguments = line + n + strspn(line + n, " =");
            return b;
        }
    }
    return NULL;
}

const struct binding *binding_command(const char *line, const char **arguments, bool *ambiguous)
{
    size_t longest = 0; /* of those that are written out; the shortened ones come after them */
    *ambiguous = false;
    line += strspn(line, " ");
    const struct binding *found = setting(line, arguments);
    if (found) {
        return found;
    }
    for (size_t i = 0; i < bindings_count; i++) {
        bool exact = false;
        size_t n = bindings[i].command ? matches(&bindings[i], line, &exact) : 0;
        if (n == 0 || (exact ? n <= longest : longest > 0)) {
            continue;
        }
        *ambiguous = found != NULL && !exact;
        longest = exact ? n : 0;
        found = &bindings[i];
        *arguments = line + n + strspn(line + n, " ");
    }
    return *ambiguous ? NULL : found;
}

const struct binding *binding_meant(const char *line)
{
    char longer[256];
    const char *rest;
    bool ambiguous;
    line += strspn(line, " ");
    if (!*line) {
        return NULL;
    }
    const char *shorter = strchr(line, ' ');
    snprintf(longer, sizeof longer, "limit %.200s", line);
    const struct binding *b = binding_command(longer, &rest, &ambiguous);
    return b ? b : shorter ? binding_command(shorter, &rest, &ambiguous) : NULL;
}
