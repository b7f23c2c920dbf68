/* map.c: see map.h. Linear probing; removal shifts the entries behind it back, so that there are no
 * graves to collect. */
#include "core/base/map.h"

#include "core/base/uuid.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

__extension__ typedef unsigned __int128 uint128;

static uint64_t hash_key[3];
static atomic_bool hash_key_drawn;
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
    uuid_bytes(hash_key, sizeof(hash_key));
    for (size_t i = 0; i < 3; i++) {
        hash_key[i] |= 1; /* a factor of zero would map everything to one value */
    }
    atomic_store_explicit(&hash_key_drawn, true, memory_order_release);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t map_hash(const void *data, size_t n)
{
    if (!atomic_load_explicit(&hash_key_drawn, memory_order_acquire)) {
        pthread_once(&hash_key_once, draw_hash_key);
    }
    const unsigned char *p = data;
    uint64_t hash = hash_key[0] ^ n;
    uint64_t word;
    for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        hash = mix(hash ^ word, hash_key[1]);
    }
    if (n > 0) {
        word = 0;
        memcpy(&word, p, n);
        hash = mix(hash ^ word, hash_key[1]);
    }
    return mix(hash ^ hash_key[0], hash_key[2]);
}

/* The slot that holds key, or the free slot where it would go. Needs cap > 0. */
static size_t find_slot(const struct map *m, struct str key, uint64_t hash)
{
    size_t mask = m->cap - 1;
    size_t i = hash & mask;
    while (m->entries[i].key != NULL) {
        const struct map_entry *e = &m->entries[i];
        if (e->hash == hash && str_eq((struct str){e->key, e->key_len}, key)) {
            break;
        }
        i = (i + 1) & mask;
    }
    return i;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    return m->entries[find_slot(m, key, map_hash(key.p, key.n))].value;
}

static bool grow(struct map *m)
{
    if (m->cap > SIZE_MAX / 2) {
        return false;
    }
    struct map bigger = {.cap = m->cap == 0 ? FIRST_CAP : m->cap * 2, .count = m->count};
    bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
    if (bigger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < m->cap; i++) {
        const struct map_entry *e = &m->entries[i];
        if (e->key != NULL) {
            size_t to = e->hash & (bigger.cap - 1);
            while (bigger.entries[to].key != NULL) {
                to = (to + 1) & (bigger.cap - 1);
            }
            bigger.entries[to] = *e;
        }
    }
    free(m->entries);
    *m = bigger;
    return true;
}

bool map_set(struct map *m, struct str key, void *value, void **old)
{
    uint64_t hash = map_hash(key.p, key.n);
    size_t slot = m->cap == 0 ? 0 : find_slot(m, key, hash);
    if (m->cap > 0 && m->entries[slot].key != NULL) {
        if (old != NULL) {
            *old = m->entries[slot].value;
        }
        m->entries[slot].value = value;
        return true;
    }
    char *copy = str_dup(key);
    if (copy == NULL) {
        return false;
    }
    if (m->count >= m->cap * 7 / 10) {
        if (!grow(m)) {
            free(copy);
            return false;
        }
        slot = find_slot(m, key, hash);
    }
    m->entries[slot] = (struct map_entry){hash, copy, key.n, value};
    m->count++;
    if (old != NULL) {
        *old = NULL;
    }
    return true;
}

/* Closes the gap at `gap`: each entry of the run behind it whose probe path crosses it moves in. */
static void shift_back(struct map *m, size_t gap)
{
    size_t mask = m->cap - 1;
    for (size_t i = (gap + 1) & mask; m->entries[i].key != NULL; i = (i + 1) & mask) {
        size_t home = m->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            m->entries[gap] = m->entries[i];
            gap = i;
        }
    }
    m->entries[gap] = (struct map_entry){0};
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    size_t slot = find_slot(m, key, map_hash(key.p, key.n));
    if (m->entries[slot].key == NULL) {
        return NULL;
    }
    void *value = m->entries[slot].value;
    free(m->entries[slot].key);
    shift_back(m, slot);
    m->count--;
    return value;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value)
{
    for (; *at < m->cap; ++*at) {
        const struct map_entry *e = &m->entries[*at];
        if (e->key != NULL) {
            *key = (struct str){e->key, e->key_len};
            *value = e->value;
            ++*at;
            return true;
        }
    }
    return false;
}

void map_free(struct map *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->cap; i++) {
        if (m->entries[i].key != NULL) {
            free(m->entries[i].key);
            if (free_value != NULL) {
                free_value(m->entries[i].value);
            }
        }
    }
    free(m->entries);
    *m = (struct map){0};
}
