/* phantom.c: denials that need not have been: what was free and what the open calls held but in the
 * end did not use would have been enough. Each watched denial remembers how much was missing and
 * which calls were open; when the last of those has ended it is decided. */
#include "core/limit/limit_private.h"

static struct watch *watch_new(struct limits *l)
{
    struct watch *w = l->spare_watches;
    if (w != NULL) {
        l->spare_watches = w->next;
    } else if (l->watch_count < WATCHES_MAX) {
        w = &l->watches[l->watch_count++];
    }
    return w;
}

void phantom_watch(struct limits *l, struct bucket *b, int64_t missing)
{
    struct watch *w = b->watches;
    if (missing <= 0 || b->holds == 0 || b->group->rule->file->metric == METRIC_CONCURRENCY) {
        return;
    }
    if (w != NULL && w->before == l->hold_number && w->open == b->holds && w->freed == 0 &&
        w->missing == missing) {
        w->times++; /* nothing has happened since: the same again */
        return;
    }
    w = b->watch_count < WATCHES_BUCKET ? watch_new(l) : NULL;
    if (w == NULL) {
        return;
    }
    *w = (struct watch){
        .next = b->watches,
        .missing = missing,
        .before = l->hold_number,
        .open = b->holds,
        .times = 1,
    };
    b->watches = w;
    b->watch_count++;
}

void phantom_grown(struct bucket *b, uint64_t number, int64_t more)
{
    for (struct watch *w = b->watches; w != NULL; w = w->next) {
        w->freed -= number < w->before ? more : 0;
    }
}

void phantom_ended(struct limits *l, struct bucket *b, uint64_t number, int64_t given_back)
{
    struct watch **at = &b->watches;
    while (*at != NULL) {
        struct watch *w = *at;
        if (number < w->before) {
            w->freed = money_add(w->freed, given_back);
            w->open--;
        }
        if (w->open > 0) {
            at = &w->next;
            continue;
        }
        if (b->group != NULL) {
            b->group->rule->examined += w->times;
            b->group->rule->phantom += w->freed >= w->missing ? w->times : 0;
        }
        *at = w->next;
        b->watch_count--;
        w->next = l->spare_watches;
        l->spare_watches = w;
    }
}
