/* learned.h: quantiles of what past calls showed, by key. Private to room `limit`.
 * A bounded table of log-scaled histograms (steps of an eighth of an octave, about 9 %) that forget
 * slowly; the entry fed longest ago makes room. Thread-safe, with a lock of its own. */
#ifndef TOLLGATE_LIMIT_LEARNED_H
#define TOLLGATE_LIMIT_LEARNED_H

#include "core/base/str.h"

#define LEARNED_ENTRIES_MAX 4096

struct learned;

struct learned *learned_new(void); /* NULL: no memory */
void learned_free(struct learned *t);
/* Adds one value (0 or more; above a million counts as a million). Without memory it is lost. */
void learned_note(struct learned *t, struct str key, int64_t value);
/* The value that `permille` of the noted ones did not pass, rounded up within a step; *count (at
 * most about a thousand) is how many it rests on. false: nothing noted. */
bool learned_quantile(struct learned *t, struct str key, int permille, int64_t *value,
                      int64_t *count);

#endif
