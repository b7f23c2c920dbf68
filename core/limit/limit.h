/* limit.h: limits, their counters and reservations. Room `limit`: the promise that no call is
 * admitted but against headroom taken first, in every limit it falls under, all or none.
 *
 * One engine serves all threads; every function here is thread-safe (one short lock, never held
 * across I/O). Times are wall-clock milliseconds given by the caller; settling, topping up and
 * restoring look at clock_wall_ms themselves. Where headroom comes from is known to headroom.c
 * alone.
 *
 * While the clock stands before the running window, calls count in that one. Only when it was set
 * back by more than the window's length or five minutes the window goes back too, with what was
 * counted, so that no limit is in the way for as long as a clock had been ahead. A tag that is
 * absent counts and matches as "none". A limit with `per` keeps at most 100,000 groups apart (about
 * 400 bytes and the length of its text each, 40 MB in all for short ones; 900 bytes more where the
 * window rolls); those idle for an hour after their window (at once when it is full) make room, and
 * calls that find no room share the group whose values are "other".
 *
 * A rolling window (10s, 1m, 1h, day = 24 hours) is counted in slots of a sixtieth of it. What was
 * used leaves when its slot's last moment lies a whole window back: up to a slot later than it was
 * used, so that no stretch as long as the window ever holds more than the amount. Open calls count
 * until they end, in whatever slot they began. */
#ifndef TOLLGATE_LIMIT_LIMIT_H
#define TOLLGATE_LIMIT_LIMIT_H

#include "core/catalog/call.h"

struct limits;     /* the engine */
struct limit_hold; /* one call's reservation in every limit it falls under */

/* Builds the engine from c->limits. Borrows c and catalog until limits_reload or limits_free.
 * Windows are computed in c->timezone from the system's zoneinfo (UTC needs none); the process's TZ
 * plays no part. NULL: no such zone (ERR_NOT_FOUND), a window that rolls over more than a day
 * (ERR_UNSUPPORTED), no memory. */
struct limits *limits_new(struct config *c, struct catalog *catalog, struct err_info *ei);
void limits_free(struct limits *l);

/* Takes over a new configuration: counters of limits whose name, metric, window and per are
 * unchanged stay (one that comes to roll or ceases to begins anew); overrides stay where metric and
 * per (for a whole limit: metric) do. Open holds of limits that went away settle into nothing. On
 * error nothing has changed. The old configuration and catalog are not used afterwards, but calls
 * hold their model themselves until they have ended.
 */
enum err limits_reload(struct limits *l, struct config *c, struct catalog *catalog,
                       struct err_info *ei) MUST_CHECK;

/* Why a call was refused: the limit that frees last. Strings are copies. */
struct limit_denial {
    char limit[64];
    enum config_metric metric;
    int64_t amount, used, reserved, asked;
    char group[256]; /* "costCenter=sales" or "" */
    /* Wall. A block for a time: its end. A rolling window: when enough has left it for the call,
     * should the open calls use what they hold; else when its oldest slot leaves. 0: no window
     * (concurrency). */
    int64_t resets_at_ms;
    bool blocked;  /* an operator blocked it */
    bool never;    /* larger than the whole limit */
    bool unpriced; /* a usd limit and a model without price */
};

/* Foresees a call: fills call->reserved_usage from text bytes, images, documents, max_output, the
 * catalog's bounds and what was learned (config estimate and output_unset). Also when no limit
 * matches. A guessed output larger than a whole limit is cut to a quarter of it, so that it does
 * not keep the call out for ever. All input is reserved as input: what the call writes to a cache
 * costs more (usually 1.25 times for five minutes, 2 times for an hour), so that a usd limit may be
 * passed by the difference, for the input of the calls that are open; it shows as over and is
 * carried as debt like any excess. */
void limit_foresee(struct limits *l, struct call *call);

/* Admits or refuses at call->admitted_wall_ms (the caller sets it to now before). ERR_OK: *hold is
 * the reservation (never NULL; settle or release it exactly once). ERR_FULL: refused, *denial
 * filled. ERR_NOMEM otherwise. A limit with action: warn refuses only when an operator blocked it;
 * one with action: queue refuses like deny here.
 * Reads model, tags, principal, reserved_usage, price, priced. */
enum err limits_reserve(struct limits *l, const struct call *call, struct limit_hold **hold,
                        struct limit_denial *denial) MUST_CHECK;

/* The same, but a call that does not fit only because of the output it would reserve, in limits
 * that all say on_too_big: clamp, is admitted with the largest output that fits in every limit,
 * never below the largest min_output of those (1,024 where none is given). *clamped_output is then
 * that output, the sum of all choices of the call, and call->reserved_usage.output is lowered to
 * it: the caller must set it as the maximum upstream. Otherwise it is -1. A denial speaks of the
 * least output that is allowed: `asked`, `never` and `resets_at_ms` are those of the call so
 * clamped. */
enum err limits_reserve_clamped(struct limits *l, struct call *call, struct limit_hold **hold,
                                struct limit_denial *denial, int64_t *clamped_output) MUST_CHECK;

/* A call that waits for headroom. Embedded by the caller and his again once told or cancelled. */
struct limit_waiter;
typedef void limits_told_fn(void *arg, struct limit_waiter *w);
struct limit_waiter {
    enum err result;         /* ERR_OK: `hold`; ERR_FULL: `denial`; ERR_NOMEM */
    struct limit_hold *hold; /* taken on its behalf */
    struct limit_denial denial;
    int64_t clamped_output; /* as of limits_reserve_clamped */
    int64_t max_wait_ms;    /* the least max_wait of the limits in its way; 5 s if none is said */
    /* Private. */
    struct call *call;
    limits_told_fn *fn;
    void *arg;
    uint64_t number;
    bool waits;
    struct group *group;
    struct limit_waiter *prev, *next;
};

/* As limits_reserve_clamped, and where all limits that refuse say action: queue (and will have room
 * one day), the call waits: ERR_BUSY. Otherwise it has been decided: ERR_OK, ERR_FULL, ERR_NOMEM as
 * in *w, and fn is not called. Called instead of limits_reserve, not after it. At most 10,000 wait
 * for a limit; one more is refused.
 *
 * First come, first served for each counter: a new call does not overtake those who wait for a
 * counter it falls under, even where it would fit. A call waits for one counter in its way at a
 * time and does not hold up others that it would pass.
 *
 * When it can be admitted, headroom is taken for it and fn(arg, w) is called once, without the
 * lock, by whichever thread freed the room (also from within its own limits_cancel_wait): fn should
 * only pass the word on to the thread of the call. call->admitted_wall_ms is then the time of
 * admission, reserved_usage.output what it was clamped to. ERR_FULL: a limit that does not queue
 * refuses it by now, or an operator blocked it. While it waits, nobody else may change `call`; it
 * and what it points to must stay. Nobody is told by limits_free. */
enum err limits_wait(struct limits *l, struct call *call, struct limit_waiter *w,
                     limits_told_fn *fn, void *arg) MUST_CHECK;
/* Gives up waiting (max_wait has passed: `denied`, which counts and fills w->denial; or the client
 * left). false: too late, fn has been or is being called, and a hold in *w must be released or
 * used. */
bool limits_cancel_wait(struct limits *l, struct limit_waiter *w, bool denied);
/* The limit in whose queue it stands; false: it has just been told. */
bool limits_waits_for(const struct limits *l, const struct limit_waiter *w, char limit[64]);
/* Windows pass by themselves: to be called every 100 to 1,000 ms, so that those who wait see it. */
void limits_tick(struct limits *l, int64_t now_ms);

/* A running stream outgrew its reservation: raises what is held to `usage`. false: a limit with
 * on_outgrow: stop has no room (nothing changes; the caller ends the stream and settles what went
 * out; one with action: warn stops nothing); otherwise the excess is held even past the amount
 * (once settled it shows as over). */
bool limits_top_up(struct limits *l, struct limit_hold *hold, const struct call *call,
                   const struct usage *usage);

/* Ends a reservation with what was really used (call->usage, usd, priced), in the window of
 * admission. What lies above the reservation (a top-up past the amount likewise) is a debt: its
 * window pays it as far as it has room, the ones after it the rest; where the window of admission
 * has passed, the running one. A window that rolls admits nothing until enough has left it. A usd
 * limit counts what was reserved when the usage cannot be priced: an unknown price is never zero.
 * Learns when call->usage_reported. Frees the hold. */
void limits_settle(struct limits *l, struct limit_hold *hold, const struct call *call);
/* Nothing was sent or nothing generated: everything goes back, requests too. Frees the hold. */
void limits_release(struct limits *l, struct limit_hold *hold);

/* At start: counts a past call or a sum of past calls (from the ledger) that was admitted at
 * wall_ms. A sum: of at most a quarter of an hour that begins there; a day that rolls keeps what is
 * restored that much longer. Ignored by limits whose running window does not hold wall_ms. Tells no
 * thresholds.
 * `crash`: it was charged because a crash left the reservation open. */
void limits_restore(struct limits *l, const struct model *model, const struct tags *tags,
                    struct str principal, int64_t wall_ms, const struct amounts *amounts,
                    bool crash);
/* Debts outlive a crash in `memory` (8-aligned, zeroed at first; of a mapped file): a place of 1
 * KiB for each counter or open call with one. limits_restore_debts, at start and with the overrides
 * in force, before past calls are restored: takes up what an earlier engine left there, as if the
 * calls that were open had ended now with what they held, and a clock had gone on. Without memory:
 * ERR_NOMEM. limits_keep_debts, behind the past calls: from here on debts are kept there, until
 * limits_free. */
enum err limits_restore_debts(struct limits *l, void *memory, size_t bytes) MUST_CHECK;
void limits_keep_debts(struct limits *l);
/* Oldest admission time that any running window can still contain. */
int64_t limits_oldest_window(const struct limits *l, int64_t now_ms);
/* From when on a window can tell moments within a minute apart; INT64_MAX: none can. */
int64_t limits_fine_window(const struct limits *l, int64_t now_ms);

/* A reload that adds a limit, or changes its window, finds nothing counted there. Before it,
 * restore an engine made for the new configuration, `ahead`, with all calls since
 * limits_begin_from (now_ms: there is nothing to restore) that the ledger has up to its entry seq.
 * After it, limits_take_over adds what that one counted to the limits that are new, a few groups
 * at a time; not while another reload runs. Calls that were admitted before the reload (until
 * limits_behind, the wall time of the last reload that left anything to catch up on; 0: none) and
 * stored later are then restored with limits_restore_late, which counts them where they are
 * missing, until there are no more: limits_caught_up. */
int64_t limits_begin_from(const struct limits *l, const struct limits *ahead, int64_t now_ms);
void limits_take_over(struct limits *l, const struct limits *ahead, int64_t seq);
int64_t limits_behind(const struct limits *l);
void limits_restore_late(struct limits *l, const struct model *model, const struct tags *tags,
                         struct str principal, int64_t wall_ms, int64_t seq,
                         const struct amounts *amounts, bool crash);
void limits_caught_up(struct limits *l);

/* Live changes. An override replaces the file's amount for a limit or one group of it; a group's
 * own goes before the whole limit's, but a block of the whole limit holds for every group. Past
 * `until` it is no longer in force, also before limits_expire has taken it away. */
struct limit_override {
    int64_t id; /* change_id in the ledger; 0: none */
    char limit[64];
    char group[256]; /* "" for the whole limit, else "costCenter=sales[,k=v]" sorted as in per */
    bool has_amount;
    int64_t amount;
    bool blocked;
    int64_t since_ms, until_ms; /* until 0: for ever */
    char actor[64];
    uint32_t actor_uid;
    char reason[200], ticket[64];
};
/* Installs or replaces the override of that limit and group. ERR_NOT_FOUND: no such limit (text
 * names those that exist); ERR_PARSE: the group does not fit the limit's per. */
enum err limits_override(struct limits *l, const struct limit_override *o,
                         struct err_info *ei) MUST_CHECK;
/* Removes it. ERR_NOT_FOUND: there was none. */
enum err limits_revert(struct limits *l, const char *limit, const char *group,
                       struct err_info *ei) MUST_CHECK;
/* The kill switch: until it is turned off, or until_ms (0: for ever) has passed, every call is
 * refused, by a limit that is called LIMITS_ALL; those that wait are let go. */
#define LIMITS_ALL "all-calls"
void limits_block_all(struct limits *l, bool on, int64_t until_ms);
/* The override in force now; false when none. */
bool limits_get_override(struct limits *l, const char *limit, const char *group,
                         struct limit_override *out);
/* Overrides whose `until` has passed are removed and reported, at most n at a time. Returns how
 * many. */
size_t limits_expire(struct limits *l, int64_t now_ms, struct limit_override *out, size_t n);

/* What is shown. Arrays are owned by the view; free it. */
struct limit_group_view {
    char group[256]; /* "costCenter=sales"; "" for a limit without per */
    int64_t amount, used, reserved, remaining, over, charged_by_crash, denied, resets_at_ms;
    bool blocked;
    bool has_override;
    struct limit_override override;
};
struct limit_view {
    const struct config_limit *file; /* valid while `config` is held */
    int64_t amount;                  /* in force for the whole limit */
    bool blocked;
    bool has_override;
    struct limit_override override;                                    /* of the whole limit */
    int64_t used, reserved, remaining, over, charged_by_crash, denied; /* sums over groups */
    int64_t
        resets_at_ms; /* a window that rolls: when the oldest slot leaves; 0: nothing is in it */
    /* Phantom denials, since the core started: of the `examined` denials for want of room while
     * calls were open, those where the call would have fitted into this limit had the calls open
     * then held only what they used in the end. A denial is examined once all of these have ended;
     * of many at one time (32 a counter, 512 in all) some are not; concurrency has none. */
    int64_t examined, phantom;
    int64_t waiting;    /* calls in its queues */
    size_t group_count; /* listed: at most 100, by use */
    size_t groups_total;
    struct limit_group_view *groups;
};
struct limits_view {
    struct config *config; /* a reference of its own */
    size_t count;
    struct limit_view *limits; /* in file order */
    /* Reserved equals the sum of the open holds, counter by counter (compared at each view; above
     * 1,000 open holds at most once a second). */
    bool reserved_matches;
    int64_t open_holds;
};
enum err limits_view(struct limits *l, int64_t now_ms, struct limits_view *out) MUST_CHECK;
void limits_view_free(struct limits_view *v);

/* Events to be shown and told: thresholds that `used` crossed, once a window and group (where the
 * window rolls: again at the earliest a window later, once `used` was below); of concurrency, that
 * the calls that run crossed, again at the earliest a minute later once they were fewer; the last
 * 256 that nobody has fetched, those of groups the first 192 (many groups at once take no place
 * from other limits). Polled by the control thread. */
struct limit_event {
    char limit[64], group[256];
    int percent; /* the warn threshold that was crossed upward */
    int more;    /* further groups that crossed it and found no place of their own */
    int64_t at_ms;
};
size_t limits_events(struct limits *l, struct limit_event *out, size_t n);

#endif
