/* credentials_ini.c: the form of the two shared files. */
#include "core/aws/credentials_private.h"

#include <string.h>

static struct str unquote(struct str a)
{
    if (a.n >= 2 && (a.p[0] == '"' || a.p[0] == '\'') && a.p[a.n - 1] == a.p[0]) {
        return str_sub(a, 1, a.n - 2);
    }
    return a;
}

/* "[name]" without a kind; "[profile name]", "[services name]" with one. */
struct header {
    const char *kind, *name;
};

static struct header profile_header(const char *section, bool is_config)
{
    return (struct header){is_config ? "profile" : NULL, section};
}

/* Is this line the section's header? *is_header tells whether it is one at all. */
static bool opens_section(struct str line, struct header h, bool *is_header)
{
    struct str rest;
    *is_header = line.n > 0 && line.p[0] == '[';
    if (!*is_header) {
        return false;
    }
    struct str name = str_trim(str_cut(str_sub(line, 1, line.n), ']', &rest));
    if (h.kind == NULL) {
        return str_is(name, h.name);
    }
    if (strcmp(h.kind, "profile") == 0 && strcmp(h.name, "default") == 0 &&
        str_is(name, "default")) {
        return true;
    }
    size_t n = strlen(h.kind);
    if (!str_starts(name, h.kind) || name.n <= n || (name.p[n] != ' ' && name.p[n] != '\t')) {
        return false;
    }
    return str_is(unquote(str_trim(str_sub(name, n, name.n))), h.name);
}

static struct str next_line(struct str *rest)
{
    struct str line = str_cut(*rest, '\n', rest);
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Of a line within the section: is it `key = value`, on the level asked for? */
static bool is_pair(struct str line, const char *key, struct str *value)
{
    struct str after;
    struct str name = str_trim(str_cut(line, '=', &after));
    if (after.p == NULL || !str_is_nocase(name, key)) {
        return false;
    }
    *value = str_trim(after);
    return true;
}

/* inner NULL: the value of key; else that of inner among the indented lines below key. The last one
 * counts. */
static bool find_value(struct str text, struct header h, const char *key, const char *inner,
                       struct str *value)
{
    bool inside = false, below = false, found = false;
    struct str rest = text;
    while (rest.p != NULL) {
        struct str line = next_line(&rest), seen;
        bool is_header;
        bool opens = opens_section(line, h, &is_header);
        if (is_header) {
            inside = opens;
            below = false;
        }
        if (!inside || is_header || line.n == 0 || line.p[0] == '#' || line.p[0] == ';') {
            continue;
        }
        bool indented = is_blank(line.p[0]);
        if (!indented) {
            below = is_pair(line, key, &seen);
        }
        bool taken =
            inner == NULL ? !indented && below : indented && below && is_pair(line, inner, &seen);
        if (taken) {
            *value = seen;
            found = seen.n > 0;
        }
    }
    return found;
}

bool credentials_ini_value(struct str text, const char *section, bool is_config, const char *key,
                           struct str *value)
{
    return find_value(text, profile_header(section, is_config), key, NULL, value);
}

bool credentials_ini_service(struct str text, const char *services, const char *service,
                             const char *key, struct str *value)
{
    return find_value(text, (struct header){"services", services}, service, key, value);
}

bool credentials_ini_section(struct str text, const char *section, bool is_config)
{
    struct str rest = text;
    while (rest.p != NULL) {
        bool is_header;
        if (opens_section(next_line(&rest), profile_header(section, is_config), &is_header)) {
            return true;
        }
    }
    return false;
}
