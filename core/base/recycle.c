/* recycle.c: see recycle.h. Four sizes between each two powers of two, so that little is lost where
 * thousands of pieces live long; what is smaller or larger goes to the allocator. */
#include "core/base/recycle.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define LEAST_SHIFT 7  /* 128 bytes */
#define MOST_SHIFT  14 /* 16 KB */
#define CLASSES     ((MOST_SHIFT - LEAST_SHIFT) * 4 + 1)
#define COUNT_MAX   256
#if defined(__SANITIZE_ADDRESS__) /* gcc's word for it, */
#define CLASS_BYTES 0
#elif defined(__clang__)
#if __has_feature(address_sanitizer) /* and clang's */
#define CLASS_BYTES 0
#endif
#endif
#ifndef CLASS_BYTES
#define CLASS_BYTES ((size_t)512 * 1024) /* kept of each size by a thread */
#endif

/* Which pieces are kept stands apart from them: to read a link out of each would wait for memory
 * that nobody has touched since. */
struct kept {
    struct {
        void *at[COUNT_MAX];
        size_t count;
    } of[CLASSES];
    bool told; /* the key below knows this thread */
};

static _Thread_local struct kept kept;
static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;
static bool ends;

static void free_all(void *p)
{
    struct kept *k = p;
    for (size_t i = 0; i < CLASSES; i++) {
        while (k->of[i].count > 0) {
            free(k->of[i].at[--k->of[i].count]);
        }
    }
    k->told = false; /* another destructor of the thread may give more */
}

static void make_key(void)
{
    ends = pthread_key_create(&end_key, free_all) == 0;
}

/* False: nobody would free what this thread keeps. */
static bool tell_end(void)
{
    if (!kept.told) {
        (void)pthread_once(&end_once, make_key);
        kept.told = ends && pthread_setspecific(end_key, &kept) == 0;
    }
    return kept.told;
}

/* The list for n bytes; CLASSES: none. */
static size_t class_of(size_t n)
{
    if (n > (size_t)1 << MOST_SHIFT || n <= (size_t)1 << (LEAST_SHIFT - 1)) {
        return CLASSES;
    }
    if (n <= (size_t)1 << LEAST_SHIFT) {
        return 0;
    }
    /* 2^shift < n <= 2^(shift + 1) */
    size_t shift = 63 - (size_t)__builtin_clzll((unsigned long long)(n - 1));
    size_t quarter = (n - 1 - ((size_t)1 << shift)) >> (shift - 2);
    return (shift - LEAST_SHIFT) * 4 + quarter + 1;
}

static size_t size_of(size_t class)
{
    if (class == 0) {
        return (size_t)1 << LEAST_SHIFT;
    }
    size_t shift = (class - 1) / 4 + LEAST_SHIFT, quarter = (class - 1) % 4;
    return ((size_t)1 << shift) + (quarter + 1) * ((size_t)1 << (shift - 2));
}

static size_t most_of(size_t class)
{
    size_t n = CLASS_BYTES / size_of(class);
    return n < COUNT_MAX ? n : COUNT_MAX;
}

void *recycle_take(size_t n)
{
    size_t class = class_of(n);
    if (class == CLASSES) {
        return malloc(n);
    }
    if (kept.of[class].count == 0) {
        return malloc(size_of(class));
    }
    return kept.of[class].at[--kept.of[class].count];
}

void recycle_give(void *p, size_t n)
{
    size_t class = class_of(n);
    if (p == NULL || class == CLASSES || kept.of[class].count >= most_of(class) || !tell_end()) {
        free(p);
        return;
    }
    kept.of[class].at[kept.of[class].count++] = p;
}
