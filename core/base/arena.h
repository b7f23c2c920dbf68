/* arena.h: memory that is freed all at once. For what lives exactly as long as one call. */
#ifndef TOLLGATE_BASE_ARENA_H
#define TOLLGATE_BASE_ARENA_H

#include "core/base/str.h"

struct arena_block;

/* All-zero is a valid empty arena; blocks start at 512 bytes and double. */
struct arena {
    struct arena_block *blocks;
};

void *arena_alloc(struct arena *a, size_t n); /* 16-byte aligned, zeroed; NULL without memory */
/* NUL-terminated copy; .p is NULL without memory. */
struct str arena_str(struct arena *a, struct str s);
void arena_free(struct arena *a);

#endif
