/* recycle.h: memory of what lives as short as a call, kept by each thread for the next one. The
 * allocator's own cache holds seven pieces of a size: with hundreds of calls at once every piece
 * would go its slow way. Under AddressSanitizer nothing is kept, so that a use after the end is
 * found. */
#ifndef TOLLGATE_BASE_RECYCLE_H
#define TOLLGATE_BASE_RECYCLE_H

#include <stddef.h>

/* At least n bytes, not zeroed; NULL without memory. */
void *recycle_take(size_t n);
/* Gives back what recycle_take(n) gave, with the same n, in any thread. NULL is fine. */
void recycle_give(void *p, size_t n);

#endif
