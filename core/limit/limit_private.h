/* limit_private.h: between the files of room `limit`. Everything here is guarded by the engine's
 * lock
 * (`learned` has its own) and called with it held unless said otherwise.
 *
 * A rule is one limit of the file. It has groups, one a combination of its `per` values (one in all
 * without `per`). A group has a bucket: the counters of one window. When the window passes while
 * calls are open, the group gets a new bucket and the open calls keep the old one until they end.
 */
#ifndef TOLLGATE_LIMIT_LIMIT_PRIVATE_H
#define TOLLGATE_LIMIT_LIMIT_PRIVATE_H

#include "core/base/map.h"
#include "core/limit/debt.h"
#include "core/limit/learned.h"
#include "core/limit/limit.h"
#include "core/limit/zone.h"

#include <pthread.h>
#include <stdatomic.h>

#define GROUPS_MAX 100000 /* a limit; further ones share the group "other" */
#define GROUP_KEY  8192   /* bytes of the longest group text */
#define GROUP_IDLE_MS                                                                              \
    3600000 /* a group is forgotten this long after its window at the earliest                     \
             */
#define COUNT_CAP                                                                                  \
    (INT64_MAX / 4)          /* sums of counters stop here, so that no sum of two overflows        \
                              */
#define HOLD_INLINE     8    /* limits of a hold that is recycled */
#define HOLDS_KEPT      4096 /* recycled holds at most */
#define EVENTS_MAX      256
#define EVENTS_GROUPED  192 /* of these, those of groups */
#define MODELS_CACHED   4096
#define GROUP_VIEWS_MAX 100
#define WATCHES_MAX     512 /* denials examined at one time */
#define WATCHES_BUCKET  32
#define WAITERS_MAX     10000 /* a limit */
#define MIN_OUTPUT      1024  /* no call is clamped below, unless the limit says otherwise */
#define ROLL_SLOTS      60    /* in a rolling window */
#define ROLL_KEPT       (ROLL_SLOTS + 1)

struct rule;
struct group;

/* The slots of a rolling window, each in the place of its number modulo ROLL_KEPT; the bucket has
 * their sums. */
struct roll {
    int64_t slot;    /* the one that fills; numbered from the epoch */
    int64_t told;    /* when a threshold was last told */
    int64_t crashed; /* the newest with something charged by a crash */
    int64_t used[ROLL_KEPT];
    uint32_t denied[ROLL_KEPT];
};

static inline size_t roll_place(int64_t slot)
{
    return (size_t)((slot % ROLL_KEPT + ROLL_KEPT) % ROLL_KEPT);
}

/* A denial whose open calls have not all ended yet. */
struct watch {
    struct watch *next;
    int64_t missing; /* headroom that the call lacked */
    int64_t freed;   /* what the calls open then have given back, less what they took since */
    uint64_t before; /* those with a lower number were open then */
    uint32_t open;   /* of them, still */
    uint32_t times;  /* the same denial */
};

struct bucket {
    struct group *group; /* NULL: its limit went away */
    struct bucket *next_free;
    struct roll *roll;        /* NULL: the window does not roll */
    int64_t start_ms, end_ms; /* 0: no window, or one that rolls */
    int64_t used, reserved, charged_by_crash, denied;
    int64_t excess;  /* part of used that no headroom was there for; not where the window rolls */
    int64_t carried; /* of it, for the windows before; not where the window rolls */
    struct debt_entry *kept;        /* where that outlives a crash; NULL: nowhere */
    int64_t before_ms, before_used; /* start of the window before, and what was used in it */
    int64_t check;                  /* scratch of the view */
    struct watch *watches;
    uint32_t watch_count;
    uint32_t holds;
    uint32_t warned; /* thresholds already told in this window */
    int64_t told_ms; /* when the last of them was */
};

struct override {
    struct limit_override o;
    struct rule *rule;
    struct group *group; /* NULL: the whole limit */
    struct override *prev, *next;
};

struct group {
    struct rule *rule;
    struct bucket *now;
    struct override *override;
    struct group *newer, *older; /* by last use */
    struct limit_waiter *first_waiter, *last_waiter;
    struct group *prev_waited, *next_waited; /* of those with waiters */
    int64_t last_ms;
    int64_t debt;   /* of passed windows, when no bucket could be made for it */
    uint32_t holds; /* in all its buckets */
    size_t text_len;
    char text[]; /* "costCenter=sales"; "" without per */
};

enum source { SOURCE_MODEL, SOURCE_PRINCIPAL, SOURCE_TAG };
struct matcher {
    enum source source;
    struct str key; /* of the tag */
    struct str glob;
    bool literal;
    const char *pattern; /* for the catalog */
};
struct part {
    enum source source;
    struct str key; /* as shown */
};

struct rule {
    const struct config_limit *file;
    struct matcher matchers[CONFIG_MATCHES_MAX];
    size_t matcher_count;
    struct part parts[CONFIG_TAG_KEYS_MAX];
    size_t part_count;
    bool rolling;
    uint64_t identity; /* debt_rule_hash */
    int64_t slot;      /* the one that fills where the window rolls; never goes back */
    int64_t ahead; /* slots by which their numbers are ahead of the clock, since it was set back */
    int64_t start_ms, end_ms; /* the running window; 0 when it rolls */
    struct map groups;
    struct group *newest, *oldest;
    struct group *only;  /* the group of a limit without per */
    struct group *other; /* what a full limit's further groups share */
    size_t waiting;      /* in the queues of its groups */
    int64_t examined, phantom;
    int64_t behind_ms;  /* calls admitted up to then may still have to be restored; 0: none */
    int64_t behind_seq; /* but for those the ledger had up to this entry; INT64_MAX: not known */
    struct override *override;
};

/* Limits whose `model:` matches one model. */
struct model_rules {
    size_t count;
    struct rule *at[];
};

struct hold_entry {
    struct bucket *bucket;
    int64_t held;            /* part of the bucket's reserved */
    int64_t covered;         /* part of held that headroom was there for */
    int64_t slot;            /* of admission, where the window rolls */
    struct debt_entry *kept; /* of held without headroom; NULL: none */
    enum config_metric metric;
};
struct limit_hold {
    struct limit_hold *prev, *next;
    uint64_t number; /* rises with each admission */
    size_t count;
    size_t cap;
    struct hold_entry at[];
};

/* A limit that a call falls under, while it is being admitted. */
struct match {
    struct rule *rule;
    struct bucket *bucket;
    int64_t asked, amount;
    uint64_t number; /* the caller's place among those who wait */
    bool clamps;     /* refuses, but would take the call with less output */
};

struct limits {
    pthread_mutex_t *lock; /* behind a pointer, so that readers of a const engine can take it */
    struct config *config;
    struct catalog *catalog;
    struct zone *zone;
    struct rule **rules; /* in file order */
    size_t rule_count;
    uint64_t generation;    /* rises with each reload */
    struct map model_rules; /* model name -> struct model_rules */
    struct match *matches;  /* scratch, one a rule */
    struct limit_hold *open, *spare;
    size_t open_count, spare_count;
    uint64_t hold_number; /* of the next */
    struct watch *spare_watches;
    size_t watch_count; /* of `watches`, ever used */
    struct watch watches[WATCHES_MAX];
    struct bucket *spare_buckets;
    struct override *overrides;
    uint64_t asking;                    /* number of the waiter who asks; UINT64_MAX: a new call */
    uint64_t waiter_number;             /* of the next; from 1 */
    struct group *waited, *waited_last; /* groups with waiters */
    size_t waited_count;
    struct limit_waiter *told, *told_last;       /* to be told once the lock is free */
    struct limit_waiter *orphans, *orphans_last; /* of groups that went away */
    struct limit_event events[EVENTS_MAX];
    size_t event_first, event_count;
    bool all_blocked;
    int64_t all_until_ms;  /* 0: for ever */
    bool reserved_matches; /* as last compared */
    int64_t compared_us;
    atomic_bool estimate_bytes, output_maximum; /* read without the lock */
    struct learned *learned;
    struct debts debts;
};

/* --- limit.c --- */
void limits_lock(const struct limits *l);
void limits_unlock(const struct limits *l);

/* --- rule.c: which limits a call falls under, and in which group --- */
struct subject {
    const struct model *model;
    const struct tags *tags;
    struct str principal;
};
struct rule *rule_new(const struct config_limit *file, struct err_info *ei);
/* Takes the parts that come from the file from a rule built for the new file. */
void rule_adopt(struct rule *r, const struct rule *fresh);
/* Same metric and `per`. */
bool rule_same_groups(const struct config_limit *a, const struct config_limit *b);
/* Fills l->matches with rule and (current) bucket of each limit that applies; the rest is zero. */
enum err rule_collect(struct limits *l, const struct subject *s, int64_t now_ms,
                      size_t *count) MUST_CHECK;
/* Does it mean calls with these tags and this principal; calls of this model? */
bool rule_applies(const struct rule *r, const struct subject *s);
bool rule_applies_model(struct catalog *catalog, const struct rule *r, const struct model *model);
/* Text of the group in which the subject counts. out: GROUP_KEY bytes. */
struct str rule_text(const struct rule *r, const struct subject *s, char *out);
/* Text of a group as counted from one that a person wrote: keys in the order of `per`, short names
 * spelled out. out: GROUP_KEY bytes. */
enum err rule_group_text(struct catalog *catalog, const struct rule *r, const char *given,
                         char *out, struct err_info *ei) MUST_CHECK;
/* "costCenter=other": the text of the group that others share. */
struct str rule_other_text(const struct rule *r, char *out);

/* --- counter.c: groups and their buckets --- */
/* Brings the rule's window up to now. It goes back only when the clock was set back by more than
 * the window's length or five minutes. */
void counter_window(const struct limits *l, struct rule *r, int64_t now_ms);
/* The running window becomes that which holds now: what was counted in it stays in it. */
void counter_restamp(const struct limits *l, struct rule *r, int64_t now_ms);
/* What the running window will owe for those before it, of a group not looked at in it yet. */
int64_t counter_owed(const struct group *g, int64_t now_ms);
/* The group of that text, made when absent; the shared one when the limit is full. NULL: no memory.
 */
struct group *counter_group(struct limits *l, struct rule *r, struct str text);
struct group *counter_find(const struct rule *r, struct str text);
/* The group's bucket of the rule's running window; NULL: no memory (then nothing has changed). */
struct bucket *counter_bucket(struct limits *l, struct group *g, int64_t now_ms);
/* Lets a rolling window of the running bucket go on to where its rule is; others stay as they are.
 */
void counter_roll(struct bucket *b, int64_t now_ms);
/* The slot that fills; 0 where nothing rolls. */
static inline int64_t counter_slot(const struct bucket *b)
{
    return b->roll == NULL ? 0 : b->roll->slot;
}
/* Before what is held of a bucket with a group changes: lets its group turn to the running window,
 * if it has passed. Is the bucket that of the running window, and the slot of admission in it? */
bool counter_turn(struct limits *l, struct bucket *b, int64_t slot, int64_t now_ms);
void counter_denied(struct bucket *b);
/* When `needed` more fits, should the open calls use what they hold. */
int64_t counter_frees_at(const struct bucket *b, int64_t needed);
/* A hold on the bucket begins and ends. */
void counter_take(struct bucket *b);
void counter_drop(struct limits *l, struct bucket *b);
/* Adds a debt to what the running window has used, or to the debt of the next. */
void counter_charge(struct limits *l, struct group *g, int64_t now_ms, int64_t n);
/* Frees the rule and its groups; buckets with holds stay until those end. */
void counter_free_rule(struct limits *l, struct rule *r);

/* --- headroom.c: the only place that knows where headroom comes from --- */
int64_t headroom_left(const struct bucket *b, int64_t amount); /* negative when over */
/* Reserves n, whether there is room or not; returns what is now held (less only at COUNT_CAP). */
int64_t headroom_take(struct bucket *b, int64_t n);
void headroom_return(struct bucket *b, int64_t held);
/* Counts n as used, in that slot where the window rolls. */
void headroom_spend(struct bucket *b, int64_t slot, int64_t n);

/* --- roll.c; of buckets that roll --- */
int64_t roll_slot(const struct rule *r, int64_t ms);
/* First moment at which nothing of the slot counts. */
int64_t roll_leaves_ms(const struct rule *r, int64_t slot);
bool roll_new(struct bucket *b); /* false: no memory */
/* Up to the rule's slot. */
void roll_on(struct bucket *b);
bool roll_inside(const struct bucket *b, int64_t slot);
/* When enough slots have left for `needed`; else when the oldest has. */
int64_t roll_frees_at(const struct bucket *b, int64_t needed);

/* --- override.c --- */
bool override_in_force(const struct override *o, int64_t now_ms); /* o may be NULL */
/* Amount and block in force for a group (NULL: the whole limit). */
void override_terms(const struct rule *r, const struct group *g, int64_t now_ms, int64_t *amount,
                    bool *blocked);
void override_free(struct limits *l, struct override *o);
/* All of a rule. */
void override_free_rule(struct limits *l, struct rule *r);

/* --- clamp.c --- */
/* Sets what l->matches ask for when the call reserves that much output; only_clamps: the others
 * keep theirs. */
void clamp_ask(struct limits *l, size_t count, const struct call *call, int64_t output,
               bool only_clamps);
/* The call does not fit. The largest output with which it does; -1: none that is allowed, and then
 * the limits that clamp are asked for the least. */
int64_t clamp_output(struct limits *l, size_t count, const struct call *call, int64_t now_ms);

/* --- reserve.c --- */
enum verdict { ADMIT, FULL, NEVER, UNPRICED, BLOCKED };
/* Of one limit; sets the match's amount. */
enum verdict reserve_judge(struct match *m, int64_t now_ms);
bool reserve_fits(struct limits *l, size_t count, int64_t now_ms);
/* When a limit that is FULL has room for the call. */
int64_t reserve_frees_at(const struct match *m);
/* ERR_FULL: nothing was taken, the *count matches stand in l->matches. clamped: NULL: no clamping;
 * else what the output was clamped to, -1 for as it was. */
enum err reserve_try(struct limits *l, const struct call *call, int64_t now_ms,
                     struct limit_hold **hold, int64_t *clamped, size_t *count) MUST_CHECK;
/* Counts the refusal in each limit that refuses and describes the one that frees last. */
void reserve_refuse(struct limits *l, size_t count, int64_t now_ms, struct limit_denial *denial);
void hold_free(struct limits *l, struct limit_hold *h);

/* --- phantom.c --- */
/* A denial for want of that much, to be looked at again when the calls open now have ended. */
void phantom_watch(struct limits *l, struct bucket *b, int64_t missing);
/* A hold of that number takes more of the bucket; ends and gives back what it held beyond what was
 * used (negative: it used more). Before the bucket is dropped. */
void phantom_grown(struct bucket *b, uint64_t number, int64_t more);
void phantom_ended(struct limits *l, struct bucket *b, uint64_t number, int64_t given_back);

/* --- wait.c --- */
/* Admits who waits for the group, in their order, as far as there is room. */
void wait_serve(struct limits *l, struct group *g, int64_t now_ms);
/* The same for all groups of a rule; NULL: of every rule. */
void wait_serve_all(struct limits *l, const struct rule *r, int64_t now_ms);
/* The group goes away: its waiters are kept apart until wait_adopt finds them other places. */
void wait_orphan(struct limits *l, struct group *g);
void wait_adopt(struct limits *l, int64_t now_ms);
/* Gives the lock back and tells those who were admitted or sent away. */
void wait_tell(struct limits *l);

/* override.c: is every call refused? */
bool override_all_blocked(const struct limits *l, int64_t now_ms);

/* --- events.c --- */
/* Tells thresholds that `used` has newly reached; quiet only marks them as told. */
void events_check(struct limits *l, struct bucket *b, int64_t now_ms, bool quiet);
/* Where a window rolls: thresholds that were told a window ago can be told again once `used` is
 * below them; of concurrency a minute ago and what is held. */
void events_rearm(struct bucket *b, int64_t now_ms);

/* --- guess.c; without the lock --- */
/* How much of an output that was guessed is reserved; known: it was learned. */
int64_t guess_output(struct limits *l, const struct call *call, int64_t input, int64_t guess,
                     bool known);

/* --- foresee.c; without the lock --- */
void foresee_learn(struct limits *l, const struct call *call);

#endif
