/* debt.h: what counters owe for earlier windows, kept in memory that outlives the process (a mapped
 * file), so that a crash pays no debt. Private to the room; called with the engine's lock held.
 *
 * Kept are, of windows that do not roll, those in which calls used more than there was headroom
 * for; of windows that roll, each debt that fell into a slot after the call's own had left; and
 * open calls that hold more than they had headroom for. A group whose text is longer than
 * DEBT_GROUP, or for which there is no place, owes nothing after a crash. While more than half of
 * the places are taken, windows that are not over their amount get none. */
#ifndef TOLLGATE_LIMIT_DEBT_H
#define TOLLGATE_LIMIT_DEBT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEBT_GROUP 888

struct limits;
struct bucket;
struct hold_entry;
struct rule;

/* A moment of it. Two of them take turns, so that one is always whole. */
struct debt_state {
    _Atomic uint64_t version; /* the higher one counts */
    int64_t start_ms, end_ms; /* of the window; of the slot: when it began, when it leaves */
    int64_t used, reserved;   /* of a window */
    int64_t excess;           /* of a window; of an open call: held without headroom */
    int64_t carried;          /* debts of earlier windows: part of used and excess */
};
enum debt_kind { DEBT_FREE, DEBT_WINDOW, DEBT_SLOT, DEBT_HOLD };
struct debt_entry {
    uint64_t group_len;
    uint64_t rule; /* a hash of the limit's name, metric, window and `per` */
    uint64_t seal; /* a hash of rule and group */
    struct debt_state state[2];
    char group[DEBT_GROUP];
};
_Static_assert(sizeof(struct debt_entry) == 1024, "a quarter of a page");

struct debt_place {
    int64_t ends_ms; /* of a slot: it can be had then */
    bool stays;      /* taken up after a start */
};
/* The memory: the kinds of all places, stored last and looked through often, then the places. */
struct debts {
    _Atomic uint32_t *kinds;
    struct debt_entry *at;
    struct debt_place *places;
    size_t count, taken, next;
    int64_t swept_ms;
    bool live;
};

/* Of name, metric, window and `per`: what counters are known by. */
uint64_t debt_rule_hash(const struct rule *r);
/* The bucket's excess, or its group's window, has changed. */
void debt_note(struct limits *l, struct bucket *b, int64_t now_ms);
/* Of a bucket with a place: what is used and held has changed. */
void debt_store(const struct bucket *b);
/* A debt fell into the slot that fills. */
void debt_note_slot(struct limits *l, const struct bucket *b, int64_t n, int64_t now_ms);
/* An open call holds more than there was headroom for, in one limit. */
void debt_note_hold(struct limits *l, struct hold_entry *e, int64_t now_ms);
/* Gives the place back; *kept becomes NULL. */
void debt_drop(struct limits *l, struct debt_entry **kept);
/* The engine goes away: nothing is kept from here on, what was stays. */
void debt_detach(struct limits *l);

#endif
