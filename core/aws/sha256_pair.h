/* sha256_pair.h: SHA-256 of two texts at once. A processor's SHA instructions wait for each other
 * within one text; two texts side by side take as long as one. */
#ifndef TOLLGATE_AWS_SHA256_PAIR_H
#define TOLLGATE_AWS_SHA256_PAIR_H

#include "core/base/str.h"

/* Whether this processor can. */
bool sha256_pair_able(void);

/* A text as parts, one behind the other, empty ones among them. */
struct sha256_text {
    const struct str *parts;
    size_t count;
};
/* Only where sha256_pair_able. */
void sha256_pair(const struct sha256_text text[2], uint8_t out[2][32]);

#endif
