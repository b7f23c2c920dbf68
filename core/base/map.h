/* map.h: strings to pointers, open addressing, keyed hash (a stranger cannot choose collisions). */
#ifndef TOLLGATE_BASE_MAP_H
#define TOLLGATE_BASE_MAP_H

#include "core/base/str.h"

struct map_entry {
    uint64_t hash;
    char *key; /* owned by the map; NULL: free slot */
    size_t key_len;
    void *value; /* the caller's */
};

/* All-zero is a valid empty map. Not thread-safe. */
struct map {
    struct map_entry *entries;
    size_t cap, count;
};

void *map_get(const struct map *m, struct str key); /* NULL when absent */
/* Sets key to value (not NULL); *old (may be NULL) gets the value that was there. False: no memory.
 */
bool map_set(struct map *m, struct str key, void *value, void **old);
void *map_remove(struct map *m, struct str key); /* the value that was there, or NULL */
/* Walks: start with *at = 0; returns false at the end. No changes while walking. */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);
/* Frees the map's own memory; `free_value` (may be NULL) is called for each value. */
void map_free(struct map *m, void (*free_value)(void *));

/* The keyed hash itself, for others' tables; the key is drawn once at first use. */
uint64_t map_hash(const void *data, size_t n);

#endif
