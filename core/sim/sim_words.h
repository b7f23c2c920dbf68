/* sim_words.h: what the simulated model says: plain words, one a token, from a seeded draw. */
#ifndef TOLLGATE_SIM_SIM_WORDS_H
#define TOLLGATE_SIM_SIM_WORDS_H

#include "core/base/buf.h"

/* Next number of a seeded sequence (splitmix64). */
uint64_t sim_draw(uint64_t *state);
/* How long an answer would be if nothing bounded it: half below 60 tokens, one in a hundred above
 * 600, at most 8000. */
int64_t sim_words_length(uint64_t *state);
/* Appends `count` words, each at least 3 bytes and, but for the very first of an answer, with a
 * space before it. Needs no JSON escapes. */
void sim_words_add(struct buf *out, uint64_t *state, int64_t count, bool first);
/* Bedrock's padding: 1 to 62 letters and digits. */
struct str sim_words_padding(uint64_t *state);

#endif
