/* core_private.h: what the files of the control room share. */
#ifndef TOLLGATE_CONTROL_CORE_PRIVATE_H
#define TOLLGATE_CONTROL_CORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/base/loop.h"
#include "core/cloud/cloud.h"
#include "core/control/core.h"
#include "core/control/json_text.h"
#include "core/identity/identity.h"
#include "core/ledger/ledger.h"
#include "core/limit/limit.h"
#include "core/limit/window.h"
#include "core/proxy/proxy.h"

struct notify;
struct burn;
struct watch;
struct unstored;
struct server;
struct stats;
struct trial;

/* The kill switch; limit_all.c. */
struct all_blocked {
    bool on, unstored;
    int64_t since_ms, until_ms; /* until 0: for ever */
    int64_t next_us;            /* of the next try to store it, mono */
    uint32_t uid;
    char actor[64], reason[200];
    int64_t undoes; /* the change that this took back; 0: none */
    /* Before the last change, for its undo. */
    bool was_on;
    int64_t was_until_ms;
    char was_reason[200];
};

/* Owner of every member but the atomics: the control thread, once core_open has returned. */
struct core {
    struct config *config;
    struct catalog *catalog;
    char *config_path;
    struct limits *limits;
    struct ledger *ledger;
    struct identity *identity;
    struct credentials_provider *credentials;
    struct proxy *proxy; /* NULL: a command without a core */
    struct cloud *cloud; /* NULL likewise */
    struct server *server;
    struct notify *notify; /* NULL: nobody is told */
    struct watch *watch;
    struct all_blocked all_blocked;
    struct unstored *unstored; /* limit_unstored.c; NULL: none */
    struct burn *burn;         /* NULL: a command without a core */
    struct stats *stats;
    /* One what-if at a time, and none while config and catalog change. */
    pthread_mutex_t trial_lock;
    struct trial *trial; /* of the last limit.try; NULL: none; under trial_lock */
    bool simulated;
    int64_t caught_up_seq; /* entry of the ledger up to which limits of a reload have caught up */
    int64_t started_ms;
    atomic_int stopping;       /* 1: drain; 2: cut */
    _Atomic int64_t drain_ms;  /* requests.drain_timeout, for the main thread */
    atomic_int metrics_wanted; /* somebody asked since the last rendering */
    int wake_fd;               /* eventfd: core_run looks again */
    pthread_mutex_t text_lock;
    struct buf metrics_text; /* last rendered; under text_lock */
    char store_problem[160]; /* under text_lock */
};

/* Who gave a command. */
#define ACTOR_NOBODY UINT32_MAX /* the core itself: no user's change */
struct actor {
    uint32_t uid;
    char login[64];
    bool operates;
};

enum command_class { COMMAND_READ, COMMAND_CHANGE, COMMAND_DANGER };
/* Where it is answered: in the control thread, if need be after the ledger has been flushed, or,
 * because it may take seconds, in a thread of long_read.c. What runs there may use the ledger and
 * the limits, which lock themselves, and of the rest of the core what a lock of its own guards. */
enum command_way { COMMAND_HERE, COMMAND_FLUSHED, COMMAND_FLUSH, COMMAND_TRIAL, COMMAND_PAST };
#define COMMAND_LANES 3 /* threads of long_read.c */
struct command {
    const char *method;
    enum command_class class;
    enum command_way way;
    bool without_core; /* works on a core that has no proxy */
    bool operators_only;
    enum err (*run)(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei);
};
static inline int command_lane(const struct command *k)
{
    return k->way <= COMMAND_FLUSH ? 0 : (int)k->way - (int)COMMAND_FLUSH;
}
const struct command *commands_find(const char *method);
/* Checks class and role. */
enum err commands_allow(const struct core *c, const struct actor *a, const char *method,
                        const struct command **out, struct err_info *ei) MUST_CHECK;
/* The same, then runs; here and now, whatever its way. */
enum err commands_run(struct core *c, const struct actor *a, const char *method,
                      const json_t *params, json_t **result, struct err_info *ei) MUST_CHECK;

/* snapshot.c */
json_t *snapshot_status(struct core *c);
json_t *snapshot_dashboard(struct core *c, int attached);
json_t *snapshot_limits(struct core *c);                 /* [L] */
void snapshot_totals(json_t *o, const struct totals *t); /* adds the members of T */
/* change_json.c */
json_t *entry_json(const struct audit_entry *e); /* a line of the audit */
/* Likewise, for the socket, where 3000 dollars look like 3000 tokens: a change says its `unit`. */
json_t *entry_json_with_unit(const struct audit_entry *e);
json_t *amount_json(enum config_metric metric, int64_t amount);
json_t *group_json(const char *group); /* "k=v,k=v" -> {} */
json_t *tags_object(const struct tags *t);

/* stats.c: sums of the ledger for the screen, refreshed by the control thread. */
#define STATS_MINUTES 62 /* an hour, the running minute and one to spare */
struct stat_row {
    char name[256];
    struct totals day;             /* last 24 hours */
    money_t today, month;          /* by calendar */
    int64_t tokens[STATS_MINUTES]; /* by minute, a ring */
    money_t usd[STATS_MINUTES];
    int64_t seen_tokens[2],
        now_tokens[2]; /* sums of the previous and the running quarter of an hour */
    money_t seen_usd[2], now_usd[2];
};
struct stat_table {
    struct stat_row **rows;
    size_t count, cap;
};
struct stats {
    int64_t since_ms;   /* start of the 24 hours, on a quarter */
    int64_t sampled_us; /* last sample */
    int64_t months_us;  /* last look at day and month */
    int64_t minute;     /* of the newest slot */
    int64_t quarter;    /* start of the running quarter at the last sample */
    int64_t now_ms;     /* wall time of the last sample */
    int64_t born_ms;    /* before it nothing is known; 0: long ago */
    int64_t begun_ms;   /* quarter of the ledger's first call; INT64_MAX: none yet */
    struct zone *zone;  /* of config->timezone */
    char zone_name[64];
    struct stat_row all;
    struct stat_table models, cost_centers, applications;
};
struct stats *stats_new(void);
void stats_free(struct stats *s);
/* Brings everything up to now; at most every 200 ms. */
void stats_sample(struct core *c);
struct stat_row *stats_row(struct stat_table *t,
                           struct str name); /* made when absent; NULL: full */
/* Tokens a minute, oldest first, the running minute last. */
void stats_series(const struct stats *s, const struct stat_row *r, int64_t out[15]);
int64_t stats_tokens_per_minute(const struct stats *s, const struct stat_row *r);
/* Over the last 15 minutes, or what there is of them. */
money_t stats_usd_per_hour(const struct stats *s, const struct stat_row *r);
/* Over the last so many whole minutes (60 at most), or what there is of them: a minute. */
void stats_per_minute(const struct stats *s, const struct stat_row *r, int minutes, int64_t *tokens,
                      money_t *usd);
/* Milliseconds of the month that began at start_ms which the ledger knows. */
int64_t stats_month_covered(const struct stats *s, int64_t start_ms);
/* Bounds of the calendar month in the configured timezone. */
void stats_month(struct core *c, int64_t now_ms, int64_t *start_ms, int64_t *end_ms);

/* metrics_text.c */
void metrics_render(struct core *c, struct buf *out);

/* past.c */
/* Puts the usage of running windows into the limits. */
enum err past_restore(struct core *c, struct err_info *ei) MUST_CHECK;
/* What limits that a reload adds are to begin with. */
struct past_ahead {
    struct limits *limits; /* of the new configuration; NULL: nothing is new */
    int64_t seq;           /* the ledger's entry up to which they count */
};
/* Before a reload: reads the ledger; without success the limits begin from zero, and it is said. */
void past_look_ahead(struct core *c, struct config *fresh, struct catalog *catalog,
                     struct past_ahead *p);
/* After it; frees what p has, as past_drop does. */
void past_take_over(struct core *c, struct past_ahead *p);
void past_drop(struct past_ahead *p);
/* Calls that ran during a reload are added once they are in the ledger; control thread, every
 * second. */
void past_catch_up(struct core *c);

/* core.c */
/* The key file and the ledger's keys; a lost file is made anew only while no key needs it. */
enum err core_open_identity(struct core *c, const struct config *config,
                            struct err_info *ei) MUST_CHECK;
/* Puts stored overrides and the usage of running windows into the limits. */
enum err core_restore(struct core *c, struct err_info *ei) MUST_CHECK;

/* Stored overrides alone, in force or again, of the limits of that file; what does not fit them any
 * more is logged. */
void core_restore_overrides(struct core *c, const struct config *config);

/* watch.c: what is told besides thresholds; control thread. */
struct watch *watch_new(void);
void watch_free(struct watch *w);
/* Thresholds that were crossed since the last look, n of them: of a limit that many groups of
 * crossed at once it is told once. */
#define WATCH_EVENTS_MAX 256
void watch_thresholds(struct core *c, const struct limit_event *e, size_t n);
/* A limit or a group of it was blocked or unblocked; text: as the event list has it. */
void watch_block(struct core *c, const char *limit, const char *group, const char *actor,
                 bool blocked, const char *text);
/* The core itself: "started", "stopped", ... */
void watch_core(struct core *c, const char *what, int64_t quiet_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Every second: the store and the journals. */
void watch_store(struct core *c, const struct ledger_health *h);
/* Every few seconds: reservations, how fast limits are used. */
void watch_limits(struct core *c);

/* reload.c */
enum err core_reload(struct core *c, struct err_info *ei) MUST_CHECK;

/* key_commands.c */
void key_store_use(struct core *c); /* writes down when keys were used last */

/* limit_before.c */
/* Did the limit count that metric when the change was made? Not known of an earlier tollgate's:
 * true.
 */
bool limit_before_means(struct core *c, int64_t change_id, enum config_metric metric);
#define BEFORE_KEPT_MS    (90 * 24 * 3600000LL)
#define BEFORE_KEPT_COUNT 10000
/* Forgets what was before changes older than keep_ms or followed by keep_count others (they cannot
 * be undone any more), but for what an override in force may bring back; a few at a time. */
void limit_before_clean(struct core *c, int64_t now_ms, int64_t keep_ms, int64_t keep_count);

/* limit_change.c */
/* Takes away what has ended, brings back what it had replaced; control thread, every second. */
void limit_end_overrides(struct core *c);

/* limit_all.c */
void limit_all_restore(struct core *c); /* at start */
void limit_all_tick(struct core *c);    /* every second */
json_t *limit_all_json(const struct core *c);

/* limit_unstored.c */
size_t limit_unstored_count(const struct core *c);
/* Stores them if the store works again; every few seconds, or now. */
void limit_unstored_store(struct core *c, bool now);
void limit_unstored_forget(struct core *c); /* at the end */

/* limit_try.c */
void limit_try_forget(struct core *c); /* at the end: nobody asks any more */
/* Before configuration and catalog go: what-if that runs ends, and what it keeps; others wait until
 * limit_try_resume. */
void limit_try_suspend(struct core *c);
void limit_try_resume(struct core *c);
/* Forgets calls that are kept for a next question that has not come; every second. */
void limit_try_tick(struct core *c);

/* server.c */
struct server *server_start(struct core *c, struct err_info *ei);
void server_stop(struct server *s);
/* From any thread: runs fn(arg) in the control thread. False: it will not run. */
bool server_post(struct server *s, void (*fn)(void *arg), void *arg);
/* The same and waits for its end; runs it here when there is no such thread. */
bool server_run(struct server *s, void (*fn)(void *arg), void *arg);
/* A line for the dashboards' event list; control thread only. */
void server_event(struct server *s, const char *limit, const char *actor, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
json_t *server_events(struct server *s);
/* What-if that waits or runs ends with that text; control thread. */
void server_end_trials(struct server *s, const char *text);
int server_attached(const struct server *s);

#endif
