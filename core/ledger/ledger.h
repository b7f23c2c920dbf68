/* ledger.h: what was spent, by whom, and who changed what. Room `ledger`: the journal (crash-safe,
 * in memory-mapped files) that workers write, and SQLite, whose only writer is the ledger thread.
 *
 * The state directory holds: lock (flock: one core), ledger.db, journal.N (one a worker),
 * journals.synced (what of them had to be on the disk before it was folded), debts (what limits owe
 * for earlier windows), ledger.made (says that there was a ledger.db), all 0600.
 */
#ifndef TOLLGATE_LEDGER_LEDGER_H
#define TOLLGATE_LEDGER_LEDGER_H

#include "core/catalog/call.h"
#include "core/identity/key.h"

struct ledger;

struct ledger_options {
    const char *state_dir; /* created 0711 when absent */
    int workers; /* journals; 0: open for commands without a core (no journals, no thread) */
    size_t journal_bytes; /* a journal; 0: 16 MiB */
    int64_t retention_calls_ms, retention_rollups_ms;
};

/* Takes the lock (ERR_BUSY: another core or command holds it; the text names its pid), opens or
 * creates the database, replays journals left by a crash: an open reservation is charged whole
 * (usage_source "estimated", charged_by_crash). */
struct ledger *ledger_open(const struct ledger_options *o, struct err_info *ei);
/* As ledger_open with workers 0, but only for reading and without the lock. */
struct ledger *ledger_open_read(const char *state_dir, struct err_info *ei);
enum err ledger_start(struct ledger *g,
                      struct err_info *ei) MUST_CHECK; /* starts the ledger thread */
/* Folds and syncs everything, stops the thread, closes. */
void ledger_close(struct ledger *g);

/* Memory that outlives the process, for limits_restore_debts, until ledger_close; zeroed at first.
 * After a power failure it may be as it was half a minute before. Without workers a copy, which is
 * not kept. NULL: there was no room, or nothing to copy. */
void *ledger_debts(struct ledger *g, size_t *bytes);

/* --- workers: never block on disk; each worker uses its own number, from its own thread --- */

/* Before the request head goes upstream: the call with its reserved_usage. ERR_FULL: the journal
 * has no room (store failure); ERR_IO likewise. *slot identifies the open record for the later
 * ones; it is 0 on failure: a call served all the same (store_failure: allow) is then settled with
 * slot 0, which is kept if there is room by then and counted as dropped if not. */
enum err ledger_admitted(struct ledger *g, int worker, const struct call *call,
                         uint64_t *slot) MUST_CHECK;
/* Before the bytes it covers go to the client: reserved_usage was raised. Room for it was set
 * aside. */
void ledger_topped_up(struct ledger *g, int worker, uint64_t slot, const struct call *call);
/* Before the end of the answer is sent: outcome, usage, usd, http_status, times, error. Cannot
 * fail: room for it was set aside by ledger_admitted. */
void ledger_settled(struct ledger *g, int worker, uint64_t slot, const struct call *call);
/* (A released reservation is settled with outcome FAILED, an empty usage and usage_reported true.)
 */
/* A call that was never admitted: denied (then the group of the limit and when it frees; else ""
 * and 0) or rejected. Dropped (and counted) when the journal is more than nine tenths full. */
void ledger_refused(struct ledger *g, int worker, const struct call *call, const char *group,
                    int64_t resets_at_ms);

/* --- control, cloud and commands; any thread --- */

/* Waits until everything the workers have stored so far is in SQLite, at most timeout_ms. */
enum err ledger_flush(struct ledger *g, int64_t timeout_ms) MUST_CHECK;

struct ledger_health {
    bool ok;
    bool journals_take; /* what workers store, as far as there is room */
    char text[160];     /* what is wrong, or "" */
    int64_t dropped_refusals;
    int64_t dropped_calls;        /* settled with slot 0 while the journal was full */
    int64_t journal_used_percent; /* the fullest */
    /* What a power failure could have taken at the worst moment of the last one or two minutes, or
     * could take now: calls that ended in so many milliseconds. At most 100 but for a disk that
     * stalls. */
    int64_t unsynced_ms;
    int64_t recovered_calls; /* charged by crash at the last start */
    /* Before this start: calls of its last 100 ms may be missing. */
    bool machine_went_down;
    /* When a start found that ledger.db is not the one that was kept here (gone, emptied, an older
     * copy), for a day; 0: not. */
    int64_t lost_ms;
    char lost_text[160];
};
void ledger_health(struct ledger *g, struct ledger_health *out); /* any thread */

/* What this thread reads from now on ends with ERR_TIMEOUT soon after fn returns false; NULL: reads
 * end by themselves. fn is asked often and must be quick. */
void ledger_read_while(bool (*fn)(void *arg), void *arg);

/* Totals of a set of calls. */
struct totals {
    int64_t requests, approved, failed, denied,
        rejected; /* requests = approved (with failed) + denied */
    int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
    money_t usd;
    int64_t unpriced, estimated, open;
};
void totals_add(struct totals *to, const struct totals *from);

/* A sum over calls that share a key, for one bucket of time. Strings are valid during the callback.
 */
struct ledger_row {
    int64_t bucket_ms; /* start of the bucket; 0 when not asked by time */
    struct str key[8]; /* in the order asked */
    struct totals totals;
};
/* Sums calls by keys over [since, until) in buckets of bucket_ms (0: one). Keys: "model",
 * "model_id", "principal", "outcome", "limit", "dialect", or a tag key. Reads rollups where the
 * range allows, calls elsewhere; what is not folded yet is missed (ledger_flush first). Calls fn
 * for each row that has calls, by bucket, then key; fn returning false ends it. `where`: pairs that
 * must hold (same keys; values exact). until_ms 0: no end. The first bucket starts with since,
 * rounded down to a bucket or, for buckets of 15 minutes and more, to 15 minutes; only buckets of a
 * multiple of 15 minutes can use rollups and reach back further than retention_calls. A call lies
 * at its admission; `open` is always 0 here. */
struct ledger_where {
    const char *key, *value;
};
#define LEDGER_WHERE_MAX 8
struct ledger_query {
    int64_t since_ms, until_ms, bucket_ms;
    const char *by[8];
    size_t by_count;
    struct ledger_where where[LEDGER_WHERE_MAX];
    size_t where_count;
};
enum err ledger_sum(struct ledger *g, const struct ledger_query *q,
                    bool (*fn)(void *arg, const struct ledger_row *row), void *arg,
                    struct err_info *ei) MUST_CHECK;

/* Start of the first quarter of an hour of which sums are kept; INT64_MAX: none yet. */
enum err ledger_begin(struct ledger *g, int64_t *quarter_ms, struct err_info *ei) MUST_CHECK;

/* A past call, or a sum of calls, that counts in limits. Strings are valid during the callback. */
struct ledger_past {
    int64_t seq; /* its entry; of a sum 0 */
    struct str model_name, principal;
    const struct tags *tags;
    int64_t admitted_ms;
    struct usage usage;
    money_t usd; /* what usd limits were charged, also where the price is not known */
    bool priced, crash;
    int64_t requests;
};
typedef bool ledger_past_fn(void *arg, const struct ledger_past *p);
/* Past calls for limits_restore: every (model, tags, principal) sum or single call admitted at or
 * after since_ms. A sum is at most one of a second at or after fine_ms (INT64_MAX: nowhere), of a
 * minute in the two hours before, of a quarter of an hour else. *seq (may be NULL) becomes the
 * newest entry that is in them. */
enum err ledger_restore(struct ledger *g, int64_t since_ms, int64_t fine_ms, int64_t *seq,
                        ledger_past_fn *fn, void *arg, struct err_info *ei) MUST_CHECK;
/* Single calls stored after the entry *seq that were admitted until until_ms. *seq becomes the
 * newest entry that was looked at. */
enum err ledger_restore_late(struct ledger *g, int64_t *seq, int64_t until_ms, ledger_past_fn *fn,
                             void *arg, struct err_info *ei) MUST_CHECK;

/* A single call with its amounts, for what-if. */
struct ledger_spent {
    int64_t admitted_ms, duration_ms; /* duration -1: not known */
    enum call_outcome outcome;
    bool priced;
    struct usage usage, reserved; /* reserved: input and output */
    /* To usd limits: the price, or else what was reserved; of a denied call what that would have
     * cost, -1: not known (of ledgers before version 4: 0). */
    money_t charged;
};
/* What the names come to for the caller, for all calls that share them; NULL ends it. */
typedef void *ledger_names_fn(void *arg, struct str model, const struct tags *tags,
                              struct str principal);
typedef bool ledger_spent_fn(void *arg, void *names, const struct ledger_spent *call);
/* Every call but rejected ones admitted in [since, until) that is folded, in the order of their
 * ends; either function may end it. */
enum err ledger_read_spent(struct ledger *g, int64_t since_ms, int64_t until_ms,
                           ledger_names_fn *names, ledger_spent_fn *fn, void *arg,
                           struct err_info *ei) MUST_CHECK;

/* One line of the audit. Strings are valid during the callback. */
struct audit_entry {
    int64_t seq; /* one order over calls and changes */
    bool is_change;
    int64_t time_ms;
    /* call */
    struct str request_id, dialect, operation, model, model_id, principal, limit, error;
    struct tags tags;
    enum call_outcome outcome;
    int http_status;
    struct usage usage;
    bool usage_reported, crash, priced;
    money_t usd;
    int64_t duration_ms, first_token_ms; /* -1: none */
    /* denial */
    struct str group;
    int64_t resets_at_ms;
    /* change */
    int64_t change_id, undoes, until_ms; /* 0: none */
    struct str action, old_value, new_value, actor_login, reason, ticket;
    uint32_t actor_uid;
};
struct audit_query {
    int64_t since_ms, until_ms; /* 0: no bound */
    int64_t stored_by_ms;       /* 0: no bound; else calls stored well after it are not looked at */
    int64_t after_seq;          /* only entries after it (cursor of --follow and of publishing) */
    bool calls, denials_only, changes;
    bool limits_only;  /* of the changes those of limits, not of keys or running calls */
    const char *limit; /* only changes and denials of this limit; NULL */
    struct ledger_where where[LEDGER_WHERE_MAX];
    size_t where_count;
    bool newest_first;
    int64_t max; /* 0: all */
};
/* Entries by seq, or newest first; fn returning false ends it. What is not folded
 * yet is missed (ledger_flush first). ERR_RANGE: more conditions than LEDGER_WHERE_MAX. */
enum err ledger_audit(struct ledger *g, const struct audit_query *q,
                      bool (*fn)(void *arg, const struct audit_entry *e), void *arg,
                      struct err_info *ei) MUST_CHECK;

/* A change of limits (or keys), stored before it takes effect. */
struct ledger_change {
    int64_t id, seq; /* filled */
    int64_t time_ms;
    char action[32]; /* limit.set limit.revert limit.block limit.unblock limit.undo limit.expired
                        key.add key.revoke */
    char limit[64], group[256];
    char old_value[64], new_value[64]; /* amounts as text, "blocked", "" */
    int64_t until_ms, undoes;
    char actor[64];
    uint32_t actor_uid;
    char reason[200], ticket[64];
};
/* Stores it, which gives it its id and seq. */
enum err ledger_change(struct ledger *g, struct ledger_change *c, struct err_info *ei) MUST_CHECK;
/* ERR_NOT_FOUND: there is none of that id. */
enum err ledger_get_change(struct ledger *g, int64_t id, struct ledger_change *out,
                           struct err_info *ei) MUST_CHECK;
/* Newest change of that limit and group, any action; ERR_NOT_FOUND when there is none. limit, group
 * NULL: any; uid < 0: by anybody. */
enum err ledger_last_change(struct ledger *g, const char *limit, const char *group, int64_t uid,
                            struct ledger_change *out) MUST_CHECK;

/* An override in force; one for each limit and group. */
struct ledger_override {
    int64_t id;
    char limit[64], group[256];
    bool has_amount, blocked;
    int64_t amount, since_ms, until_ms;
    char actor[64];
    uint32_t actor_uid;
    char reason[200], ticket[64];
};
/* Stores one, in place of the one that limit and group had; dropping what is not there is fine. */
enum err ledger_put_override(struct ledger *g, const struct ledger_override *o,
                             struct err_info *ei) MUST_CHECK;
enum err ledger_drop_override(struct ledger *g, const char *limit, const char *group,
                              struct err_info *ei) MUST_CHECK;
/* In no order; fn returning false ends it. */
enum err ledger_overrides(struct ledger *g, bool (*fn)(void *arg, const struct ledger_override *o),
                          void *arg, struct err_info *ei) MUST_CHECK;

/* Keys (secrets are never stored: see identity/key.h). */
enum err ledger_key_add(struct ledger *g, const struct key_record *k,
                        struct err_info *ei) MUST_CHECK;
/* name or access key ID. ERR_NOT_FOUND. Sets revoked_at. */
enum err ledger_key_revoke(struct ledger *g, struct str name_or_id, int64_t now_ms,
                           struct key_record *out, struct err_info *ei) MUST_CHECK;
/* Moves when it was last used forward to at_ms. */
enum err ledger_key_used(struct ledger *g, const char *access_key_id, int64_t at_ms,
                         struct err_info *ei) MUST_CHECK;
/* All keys, revoked ones among them, by when they were made; fn returning false ends it. */
enum err ledger_keys(struct ledger *g, bool (*fn)(void *arg, const struct key_record *k), void *arg,
                     struct err_info *ei) MUST_CHECK;

/* Small durable values: cursors of publishing, answers of polls. */
enum err ledger_put_value(struct ledger *g, const char *key, struct str value,
                          struct err_info *ei) MUST_CHECK;
/* ERR_OK also when there was none. */
enum err ledger_drop_value(struct ledger *g, const char *key, struct err_info *ei) MUST_CHECK;
/* Appends to out; ERR_NOT_FOUND when absent. */
enum err ledger_get_value(struct ledger *g, const char *key, struct buf *out) MUST_CHECK;

#endif
