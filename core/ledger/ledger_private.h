/* ledger_private.h: the ledger's own state, shared by the files of the room. */
#ifndef TOLLGATE_LEDGER_LEDGER_PRIVATE_H
#define TOLLGATE_LEDGER_LEDGER_PRIVATE_H

#include "core/ledger/fold.h"
#include "core/ledger/ledger.h"
#include "core/ledger/syncer.h"

#include <pthread.h>
#include <stdatomic.h>

#define LEDGER_PATH_MAX 512
#define LEDGER_DIR_MAX  (LEDGER_PATH_MAX - 32) /* leaves room for the names of the files in it */
#define LEDGER_READERS  2                      /* idle connections kept */

struct ledger {
    char dir[LEDGER_DIR_MAX + 1];
    bool read_only;
    int lock_fd;
    int64_t retention_calls_ms, retention_rollups_ms;

    /* Writing: the fold, changes, keys, values. */
    pthread_mutex_t write_lock;
    sqlite3 *db;
    struct fold fold;
    struct err_info damage; /* of the database, as last looked at; code ERR_OK: none */
    struct journal_record *batch;
    int64_t next_cleaning_us; /* of old rows; monotonic */

    pthread_mutex_t read_lock;
    sqlite3 *readers[LEDGER_READERS];

    struct journal **journals;
    int workers;
    struct syncer syncer;
    int debts_fd;
    void *debts; /* mapped; NULL: no room for it */
    _Atomic int64_t dropped_calls;

    /* The thread. */
    pthread_t thread;
    bool running;
    _Atomic bool stop;
    int wake_fd;
    pthread_mutex_t cycle_lock;
    pthread_cond_t cycle_done;
    uint64_t cycles_begun, cycles_ended; /* under cycle_lock, like what follows */
    enum err last_result;
    struct err_info last_error;

    int64_t recovered_calls;
    _Atomic bool gone; /* the state directory is not the one that was opened */
    uint64_t db_device, db_inode;
    bool same_boot;         /* the machine has not been started anew since the last core's start */
    bool unclean;           /* a journal was found that nobody had closed */
    bool machine_went_down; /* since then the machine was started anew */
    bool gone_at_start;     /* the database, though there had been one */
    bool older_than_journals;
    int64_t lost_ms; /* when that was noticed last; 0: never */
    char lost_text[160];
};

/* Paths of files of the state directory. */
void ledger_path(const struct ledger *g, char out[LEDGER_PATH_MAX], const char *name);
void ledger_journal_path(const struct ledger *g, char out[LEDGER_PATH_MAX], int worker);
#define LEDGER_SYNCED "journals.synced"

/* state.c: the directory and its lock. */
enum err ledger_state_make(struct ledger *g, struct err_info *ei) MUST_CHECK;
enum err ledger_state_lock(struct ledger *g, struct err_info *ei) MUST_CHECK;
/* Remembers which file the database is. */
void ledger_state_note(struct ledger *g);
/* Is the directory, with lock and database, still the one that was opened? Sets g->gone. */
void ledger_state_look(struct ledger *g);

/* replay.c: folds every journal file found, charges what is open, deletes the files from `workers`
 * on. */
enum err ledger_replay(struct ledger *g, int workers, struct err_info *ei) MUST_CHECK;

/* debts.c: its file; without room for it a warning. */
void ledger_debts_open(struct ledger *g);
/* For a command without a core: a copy of what the file holds, if there is one. */
void ledger_debts_look(struct ledger *g);
void ledger_debts_close(struct ledger *g);

/* boot.c: before the replay: sets same_boot. */
void ledger_look_at_boot(struct ledger *g);
/* After the replay of a core that will write: notes the boot, says what may be lost. */
enum err ledger_note_boot(struct ledger *g, struct err_info *ei) MUST_CHECK;

/* lost.c: before the database is opened: sets gone_at_start. */
void ledger_lost_look(struct ledger *g);
/* After the replay: says and stores that the ledger is not the one that was kept here. */
enum err ledger_lost_note(struct ledger *g, struct err_info *ei) MUST_CHECK;
void ledger_lost_tell(const struct ledger *g, struct ledger_health *out);

/* look.c: can what was committed be read? While it cannot, nothing is folded or changed. */
void ledger_look(struct ledger *g);

/* thread.c */
enum err ledger_thread_make(struct ledger *g, struct err_info *ei) MUST_CHECK;
void ledger_thread_stop(struct ledger *g);
void ledger_thread_free(struct ledger *g);
void ledger_thread_wake(struct ledger *g);
/* Writing has failed elsewhere: the ledger's health says so until a cycle of the thread went well.
 */
void ledger_thread_note(struct ledger *g, enum err e, const struct err_info *ei);
bool ledger_thread_behind(const struct ledger *g); /* is anything stored that is not folded? */
/* Folds everything stored by now, in the caller's thread. */
enum err ledger_cycle(struct ledger *g);

/* clean.c: deletes one batch of rows past their retention; *more: there are others. */
enum err ledger_clean(struct ledger *g, bool *more, struct err_info *ei) MUST_CHECK;

/* Writing: takes the lock and begins a transaction; ledger_write_end commits when `e` is ERR_OK,
 * else rolls back, and gives back the lock. */
enum err ledger_write_begin(struct ledger *g, struct err_info *ei) MUST_CHECK;
enum err ledger_write_end(struct ledger *g, enum err e, struct err_info *ei) MUST_CHECK;

/* A connection of one's own for reading, inside a transaction: one state of things. */
sqlite3 *ledger_read_begin(struct ledger *g, struct err_info *ei);
void ledger_read_end(struct ledger *g, sqlite3 *db);

#endif
