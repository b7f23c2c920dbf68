/* arena.c: see arena.h. */
#include "core/base/arena.h"

#include "core/base/recycle.h"

#include <stdalign.h>
#include <string.h>

#define ALIGN       16
#define FIRST_BLOCK 512
#define LARGE_BLOCK (256 * 1024) /* blocks double up to here */

struct arena_block {
    struct arena_block *next;
    size_t room, used; /* of data */
    alignas(ALIGN) char data[];
};

static struct arena_block *block_new(size_t room)
{
    struct arena_block *block = recycle_take(sizeof(*block) + room);
    if (block != NULL) {
        *block = (struct arena_block){.room = room};
    }
    return block;
}

/* A new block at the head. A piece too large for the usual block gets one of its own, behind the
 * head, so that the head's room is not lost. */
static struct arena_block *block_for(struct arena *a, size_t n)
{
    struct arena_block *head = a->blocks;
    size_t usual = FIRST_BLOCK - sizeof(*head);
    if (head != NULL) {
        size_t size = (head->room + sizeof(*head)) * 2;
        usual = (size < LARGE_BLOCK ? size : LARGE_BLOCK) - sizeof(*head);
    }
    struct arena_block *block = block_new(n > usual ? n : usual);
    if (block == NULL) {
        return NULL;
    }
    if (n > usual && head != NULL) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        a->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2) {
        return NULL;
    }
    n = n == 0 ? ALIGN : (n + ALIGN - 1) / ALIGN * ALIGN;
    struct arena_block *block = a->blocks;
    if (block == NULL || n > block->room - block->used) {
        block = block_for(a, n);
        if (block == NULL) {
            return NULL;
        }
    }
    void *at = block->data + block->used;
    block->used += n;
    memset(at, 0, n);
    return at;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *copy = s.n > SIZE_MAX / 2 ? NULL : arena_alloc(a, s.n + 1);
    if (copy == NULL) {
        return (struct str){NULL, 0};
    }
    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    return (struct str){copy, s.n};
}

void arena_free(struct arena *a)
{
    struct arena_block *block = a->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        recycle_give(block, sizeof(*block) + block->room);
        block = next;
    }
    a->blocks = NULL;
}
