/* long_table.h: a message of the core in which a long table stays text: an array of that many rows
 * takes ten times as much memory, and time, once it is parsed. */
#ifndef TOLLGATE_CONTROL_LONG_TABLE_H
#define TOLLGATE_CONTROL_LONG_TABLE_H

#include <jansson.h>
#include <stddef.h>

#define LONG_TABLE_BYTES (128 * 1024)

/* As json_loadb; but an array which is a member of one of these names (NULL ends them) of the
 * message or of an object in it, and longer than LONG_TABLE_BYTES, comes as an array of strings:
 * each the JSON text of an element. NULL when the text is malformed. */
json_t *long_table_load(const char *text, size_t n, const char *const *names);

#endif
