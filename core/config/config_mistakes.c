/* config_mistakes.c: the list of what is wrong with a file. */
#include "core/config/config_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 200

static void add(struct config_reader *r, bool warning, int line, const char *key,
                const char *format, va_list args) __attribute__((format(printf, 5, 0)));

static void add(struct config_reader *r, bool warning, int line, const char *key,
                const char *format, va_list args)
{
    struct config_mistakes *m = r->mistakes;
    m->errors += !warning;
    if (m->count == LISTED_MAX) {
        return;
    }
    if (m->at == NULL) {
        m->at = calloc(LISTED_MAX, sizeof(*m->at));
        if (m->at == NULL) {
            r->no_memory = true;
            return;
        }
    }
    struct config_mistake *mistake = &m->at[m->count++];
    mistake->line = line;
    mistake->warning = warning;
    str_printable(mistake->key, sizeof(mistake->key), str_of(key));
    char text[512];
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    str_printable(mistake->text, sizeof(mistake->text), str_of(text));
}

void config_mistake(struct config_reader *r, int line, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, false, line, key, format, args);
    va_end(args);
}

void config_warning(struct config_reader *r, int line, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, true, line, key, format, args);
    va_end(args);
}

void config_wrong(const struct config_place *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(p->r, false, p->line, p->key, format, args);
    va_end(args);
}

void config_mistakes_sort(struct config_mistakes *m)
{
    for (size_t i = 1; i < m->count; i++) {
        struct config_mistake moving = m->at[i];
        size_t at = i;
        while (at > 0 && m->at[at - 1].line > moving.line) {
            m->at[at] = m->at[at - 1];
            at--;
        }
        m->at[at] = moving;
    }
}

void config_mistakes_free(struct config_mistakes *m)
{
    free(m->at);
    *m = (struct config_mistakes){0};
}

void config_mistake_print(char *out, size_t size, const char *path, const struct config_mistake *m)
{
    char line[16] = "";
    if (m->line > 0) {
        (void)snprintf(line, sizeof(line), ":%d", m->line);
    }
    (void)snprintf(out, size, "%s%s: %s%s%s%s", path, line, m->warning ? "warning: " : "", m->key,
                   m->key[0] ? ": " : "", m->text);
}

#define NAME_MAX_COMPARED 40

static char fold(char c)
{
    if (c == '-' || c == ' ') {
        return '_';
    }
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Single-character edits between two short names, a swap of neighbours counting as one; case and
 * - for _ are free. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_COMPARED + 1];
    for (size_t j = 0; j <= b.n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);
            size_t best = above[j - 1] + !same;
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
                fold(a.p[i - 2]) == fold(b.p[j - 1]) && above2[j - 2] + 1 < best) {
                best = above2[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[a.n % 3][b.n];
}

const char *config_nearest(struct str text, const void *names, size_t n, size_t stride)
{
    const char *nearest = NULL;
    size_t least = text.n / 3 + 1; /* farther than this is another word */
    if (text.n == 0 || text.n > NAME_MAX_COMPARED) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name;
        memcpy(&name, (const char *)names + i * stride, sizeof(name));
        struct str candidate = str_of(name);
        if (candidate.n > NAME_MAX_COMPARED) {
            continue;
        }
        size_t edits = distance(text, candidate);
        if (edits < least || (nearest == NULL && edits == least)) {
            nearest = name;
            least = edits;
        }
    }
    return nearest;
}
