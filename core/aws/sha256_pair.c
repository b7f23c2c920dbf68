/* sha256_pair.c: see sha256_pair.h. The rounds are those of FIPS 180-4 as Intel's SHA extensions
 * have them: s0 holds A, B, E, F and s1 holds C, D, G, H. */
#include "core/aws/sha256_pair.h"

#include "core/base/err.h"

#include <string.h>

#define BLOCK 64

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))
#define INLINED  static inline __attribute__((always_inline, target("sha,sse4.1")))

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct lane {
    __m128i s0, s1, before0, before1;
    __m128i w[4]; /* the next sixteen words of the schedule */
};

INLINED void lane_load(struct lane *l, const uint32_t state[8])
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    low = _mm_shuffle_epi32(low, 0xB1);
    high = _mm_shuffle_epi32(high, 0x1B);
    l->s0 = _mm_alignr_epi8(low, high, 8);
    l->s1 = _mm_blend_epi16(high, low, 0xF0);
}

INLINED void lane_store(const struct lane *l, uint32_t state[8])
{
    __m128i low = _mm_shuffle_epi32(l->s0, 0x1B), high = _mm_shuffle_epi32(l->s1, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

INLINED void lane_begin(struct lane *l, const uint8_t *block)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + (ptrdiff_t)16 * i));
        l->w[i] = _mm_shuffle_epi8(bytes, swap);
    }
    l->before0 = l->s0;
    l->before1 = l->s1;
}

INLINED void lane_four_rounds(struct lane *l, int i)
{
    __m128i *w = l->w;
    __m128i k = _mm_load_si128((const __m128i *)(const void *)(constants + (ptrdiff_t)4 * i));
    __m128i sum = _mm_add_epi32(w[i & 3], k);
    l->s1 = _mm_sha256rnds2_epu32(l->s1, l->s0, sum);
    l->s0 = _mm_sha256rnds2_epu32(l->s0, l->s1, _mm_shuffle_epi32(sum, 0x0E));
    if (i < 12) {
        __m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
        next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
        w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
    }
}

INLINED void lane_end(struct lane *l)
{
    l->s0 = _mm_add_epi32(l->s0, l->before0);
    l->s1 = _mm_add_epi32(l->s1, l->before1);
}

WITH_SHA static void blocks_of_one(uint32_t state[8], const uint8_t *p, size_t n)
{
    struct lane l;
    lane_load(&l, state);
    for (; n > 0; n--, p += BLOCK) {
        lane_begin(&l, p);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            lane_four_rounds(&l, i);
        }
        lane_end(&l);
    }
    lane_store(&l, state);
}

WITH_SHA static void blocks_of_two(uint32_t state[2][8], const uint8_t *p, const uint8_t *q,
                                   size_t n)
{
    struct lane a, b;
    lane_load(&a, state[0]);
    lane_load(&b, state[1]);
    for (; n > 0; n--, p += BLOCK, q += BLOCK) {
        lane_begin(&a, p);
        lane_begin(&b, q);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            lane_four_rounds(&a, i);
            lane_four_rounds(&b, i);
        }
        lane_end(&a);
        lane_end(&b);
    }
    lane_store(&a, state[0]);
    lane_store(&b, state[1]);
}

static bool able;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    bool sse = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0;
    able = sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & 1U << 29) != 0;
}

bool sha256_pair_able(void)
{
    return pthread_once(&once, look) == 0 && able;
}

#else

bool sha256_pair_able(void)
{
    return false;
}

static void blocks_of_one(uint32_t state[8], const uint8_t *p, size_t n)
{
    (void)state;
    (void)p;
    (void)n;
    CHECK(false);
}

static void blocks_of_two(uint32_t state[2][8], const uint8_t *p, const uint8_t *q, size_t n)
{
    (void)q;
    blocks_of_one(state[0], p, n);
}

#endif

/* A text as runs of whole blocks: those that lie together in a part, and what has to be put
 * together. */
struct runs {
    struct sha256_text left;
    size_t at; /* of its first part */
    uint64_t total;
    bool padded; /* the run at hand is the last */
    uint8_t kept[2 * BLOCK];
    const uint8_t *p;
    size_t blocks;
};

static void take_end(struct runs *r, size_t have)
{
    size_t size = have + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    uint64_t bits = r->total * 8;
    memset(r->kept + have, 0, sizeof(r->kept) - have);
    r->kept[have] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        r->kept[size - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    r->blocks = size / BLOCK;
    r->padded = true;
}

/* Another run where the one before is used up. */
static void refill(struct runs *r)
{
    size_t have = 0;
    while (r->blocks == 0 && !r->padded) {
        r->p = r->kept;
        if (r->left.count == 0) {
            take_end(r, have);
            return;
        }
        struct str part = r->left.parts[0];
        size_t rest = part.n - r->at, take = BLOCK - have;
        const uint8_t *from = (const uint8_t *)part.p + r->at;
        if (have == 0 && rest >= BLOCK) {
            r->p = from;
            r->blocks = rest / BLOCK;
            take = r->blocks * BLOCK;
        } else if (rest > 0) {
            take = take < rest ? take : rest;
            memcpy(r->kept + have, from, take);
            have += take;
            r->blocks = have == BLOCK;
        } else {
            take = 0;
        }
        r->at += take;
        r->total += take;
        if (r->at == part.n) {
            r->left.parts++;
            r->left.count--;
            r->at = 0;
        }
    }
}

static void used(struct runs *r, size_t blocks)
{
    r->p += blocks * BLOCK;
    r->blocks -= blocks;
}

void sha256_pair(const struct sha256_text text[2], uint8_t out[2][32])
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t state[2][8];
    struct runs a = {.left = text[0]}, b = {.left = text[1]};
    memcpy(state[0], first, sizeof(first));
    memcpy(state[1], first, sizeof(first));
    for (refill(&a), refill(&b); a.blocks > 0 || b.blocks > 0; refill(&a), refill(&b)) {
        size_t both = a.blocks < b.blocks ? a.blocks : b.blocks;
        if (both > 0) {
            blocks_of_two(state, a.p, b.p, both);
            used(&a, both);
            used(&b, both);
            continue;
        }
        struct runs *longer = a.blocks > 0 ? &a : &b;
        blocks_of_one(state[longer == &b], longer->p, longer->blocks);
        used(longer, longer->blocks);
    }
    for (size_t i = 0; i < 2 * 8; i++) {
        uint32_t word = state[i / 8][i % 8];
        for (size_t k = 0; k < 4; k++) {
            out[i / 8][i % 8 * 4 + k] = (uint8_t)(word >> (24 - 8 * k));
        }
    }
}
