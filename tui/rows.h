/* rows.h: rows of a table as the core sends them: an array of objects, or, when it is long, of the
 * texts of objects, each parsed when it is looked at. Ten thousand rows are a tenth of the memory.
 */
#ifndef TOLLGATE_TUI_ROWS_H
#define TOLLGATE_TUI_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ROWS_KEPT 128

/* The rows parsed last. All-zero is empty. */
struct rows {
    json_t *text[ROWS_KEPT]; /* owned */
    json_t *row[ROWS_KEPT];  /* owned */
    int newest;
};

void rows_free(struct rows *r);
/* Row i, or NULL. Borrowed; good until ROWS_KEPT others have been looked at. */
json_t *rows_at(struct rows *r, const json_t *array, size_t i);
/* A member of row i, which is a text or a number, without parsing the rest: false when it is
 * something else (or the row is not kept as text). */
bool rows_text(const json_t *array, size_t i, const char *member, char *out, size_t size);
bool rows_number(const json_t *array, size_t i, const char *member, double *out);

#endif
