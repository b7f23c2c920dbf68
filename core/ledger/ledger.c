/* ledger.c: opening and closing, connections, health, and the workers' side. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_STEPS     20000 /* of SQLite, between two questions whether to read on */
#define WRITE_WAIT_MS 1000

/* --- opening --- */

static struct ledger *make(const char *dir, struct err_info *ei)
{
    struct ledger *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for the ledger");
        return NULL;
    }
    g->lock_fd = g->wake_fd = g->debts_fd = -1;
    pthread_mutex_init(&g->write_lock, NULL);
    pthread_mutex_init(&g->read_lock, NULL);
    pthread_mutex_init(&g->cycle_lock, NULL);
    syncer_init(&g->syncer);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') {
        n--;
    }
    if (n == 0 || n > LEDGER_DIR_MAX) {
        err_set(ei, ERR_RANGE, "state_dir must be 1 to %d bytes long", LEDGER_DIR_MAX);
        free(g);
        return NULL;
    }
    (void)str_copy(g->dir, sizeof(g->dir), (struct str){dir, n});
    return g;
}

/* Made before SQLite does, whose files take the rights of this one. */
static enum err open_database(struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    ledger_path(g, path, "ledger.db");
    ledger_lost_look(g);
    int fd = state_open(path);
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open %s", path);
    }
    close(fd);
    g->db = sql_open(path, SQL_WRITE, ei);
    ledger_state_note(g);
    return g->db != NULL ? fold_open(&g->fold, g->db, ei) : ERR_IO;
}

static enum err open_journals(struct ledger *g, int workers, size_t bytes, struct err_info *ei)
{
    g->journals = calloc((size_t)workers + 1, sizeof(struct journal *));
    if (g->journals == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the journals");
    }
    for (int i = 0; i < workers; i++) {
        char path[LEDGER_PATH_MAX];
        ledger_journal_path(g, path, i);
        g->journals[i] = journal_open(path, bytes, ei);
        if (g->journals[i] == NULL) {
            return ERR_IO;
        }
        g->workers = i + 1;
    }
    char path[LEDGER_PATH_MAX];
    ledger_path(g, path, LEDGER_SYNCED);
    return syncer_open(&g->syncer, g->journals, workers, path, ei);
}

static enum err open_all(struct ledger *g, const struct ledger_options *o, struct err_info *ei)
{
    enum err e = ledger_state_make(g, ei);
    if (e == ERR_OK) {
        e = ledger_state_lock(g, ei);
    }
    if (e == ERR_OK) {
        e = open_database(g, ei);
    }
    if (e == ERR_OK) {
        ledger_look_at_boot(g);
        e = ledger_replay(g, o->workers, ei);
    }
    if (e == ERR_OK) {
        e = ledger_lost_note(g, ei);
    }
    if (e == ERR_OK && o->workers > 0) {
        e = ledger_note_boot(g, ei);
    }
    if (e == ERR_OK) {
        e = open_journals(g, o->workers, o->journal_bytes, ei);
    }
    if (e == ERR_OK && o->workers > 0) {
        ledger_debts_open(g);
    } else if (e == ERR_OK) {
        ledger_debts_look(g);
    }
    return e;
}

static void release(struct ledger *g, bool folded)
{
    syncer_free(&g->syncer);
    for (int i = 0; i < g->workers; i++) {
        journal_close(g->journals[i], folded);
    }
    free(g->journals);
    ledger_debts_close(g);
    for (size_t i = 0; i < LEDGER_READERS; i++) {
        (void)sqlite3_close(g->readers[i]);
    }
    if (g->db != NULL) {
        fold_close(&g->fold);
        if (sqlite3_close(g->db) != SQLITE_OK) {
            log_error("ledger", "ledger.db could not be closed: %s", sqlite3_errmsg(g->db));
        }
    }
    ledger_thread_free(g);
    pthread_mutex_destroy(&g->write_lock);
    pthread_mutex_destroy(&g->read_lock);
    pthread_mutex_destroy(&g->cycle_lock);
    if (g->lock_fd >= 0) {
        close(g->lock_fd); /* and with it the lock */
    }
    free(g);
}

struct ledger *ledger_open(const struct ledger_options *o, struct err_info *ei)
{
    if (o->workers < 0 || o->workers > 1024) {
        err_set(ei, ERR_RANGE, "a ledger has 0 to 1024 workers, not %d", o->workers);
        return NULL;
    }
    struct ledger *g = make(o->state_dir, ei);
    if (g == NULL) {
        return NULL;
    }
    g->retention_calls_ms = o->retention_calls_ms;
    g->retention_rollups_ms = o->retention_rollups_ms;
    enum err e = ledger_thread_make(g, ei);
    if (e == ERR_OK) {
        e = open_all(g, o, ei);
    }
    if (e != ERR_OK) {
        release(g, false);
        return NULL;
    }
    return g;
}

struct ledger *ledger_open_read(const char *state_dir, struct err_info *ei)
{
    struct ledger *g = make(state_dir, ei);
    if (g == NULL) {
        return NULL;
    }
    g->read_only = true;
    char path[LEDGER_PATH_MAX];
    enum err e = ledger_thread_make(g, ei);
    ledger_path(g, path, "ledger.db");
    if (e == ERR_OK && access(path, F_OK) != 0) {
        e = err_set(ei, ERR_NOT_FOUND, "there is no ledger in %s", g->dir);
    }
    sqlite3 *db = e == ERR_OK ? ledger_read_begin(g, ei) : NULL;
    if (db == NULL) {
        release(g, false);
        return NULL;
    }
    ledger_read_end(g, db);
    ledger_debts_look(g);
    return g;
}

void ledger_close(struct ledger *g)
{
    if (g == NULL) {
        return;
    }
    bool folded = false;
    ledger_thread_stop(g);
    if (!g->read_only) {
        folded = ledger_cycle(g) == ERR_OK;
    }
    release(g, folded);
}

/* --- connections --- */

/* Somebody waits for the answer, and screens behind him: not as long as the thread may. */
static bool lock_soon(struct ledger *g)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WRITE_WAIT_MS / 1000;
    return pthread_mutex_timedlock(&g->write_lock, &until) == 0;
}

enum err ledger_write_begin(struct ledger *g, struct err_info *ei)
{
    if (g->read_only) {
        return err_set(ei, ERR_FORBIDDEN, "the ledger was opened for reading only");
    }
    if (!lock_soon(g)) {
        return err_set(ei, ERR_BUSY, "the ledger is still being written: try again");
    }
    struct err_info why = {.code = ERR_OK};
    enum err e = err_set(&why, g->damage.code, "%s", g->damage.text);
    if (e == ERR_OK) {
        sqlite3_busy_timeout(g->db, WRITE_WAIT_MS);
        e = fold_begin(&g->fold, &why);
        sqlite3_busy_timeout(g->db, SQL_BUSY_MS);
    }
    if (e != ERR_OK) {
        ledger_thread_note(g, e, &why);
        pthread_mutex_unlock(&g->write_lock);
        return err_set(ei, e, "%s", why.text);
    }
    return ERR_OK;
}

enum err ledger_write_end(struct ledger *g, enum err e, struct err_info *ei)
{
    if (e == ERR_OK) {
        e = fold_commit(&g->fold, ei);
    } else {
        fold_rollback(&g->fold);
    }
    pthread_mutex_unlock(&g->write_lock);
    return e;
}

static sqlite3 *take_reader(struct ledger *g)
{
    sqlite3 *db = NULL;
    pthread_mutex_lock(&g->read_lock);
    for (size_t i = 0; i < LEDGER_READERS && db == NULL; i++) {
        db = g->readers[i];
        g->readers[i] = NULL;
    }
    pthread_mutex_unlock(&g->read_lock);
    return db;
}

static void put_reader(struct ledger *g, sqlite3 *db)
{
    pthread_mutex_lock(&g->read_lock);
    for (size_t i = 0; i < LEDGER_READERS && db != NULL; i++) {
        if (g->readers[i] == NULL) {
            g->readers[i] = db;
            db = NULL;
        }
    }
    pthread_mutex_unlock(&g->read_lock);
    (void)sqlite3_close(db);
}

static _Thread_local struct {
    bool (*fn)(void *arg);
    void *arg;
} while_wanted;

void ledger_read_while(bool (*fn)(void *arg), void *arg)
{
    while_wanted.fn = fn;
    while_wanted.arg = arg;
}

static int ends_reading(void *unused)
{
    (void)unused;
    return while_wanted.fn != NULL && !while_wanted.fn(while_wanted.arg);
}

sqlite3 *ledger_read_begin(struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    sqlite3 *db = take_reader(g);
    if (db == NULL) {
        ledger_path(g, path, "ledger.db");
        db = sql_open(path, SQL_READ, ei);
    }
    if (db == NULL) {
        return NULL;
    }
    if (sql_exec(db, "BEGIN", ei) != ERR_OK) {
        (void)sqlite3_close(db);
        return NULL;
    }
    sqlite3_progress_handler(db, ASK_STEPS, ends_reading, NULL);
    return db;
}

void ledger_read_end(struct ledger *g, sqlite3 *db)
{
    sqlite3_progress_handler(db, 0, NULL, NULL);
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        put_reader(g, db);
    } else {
        (void)sqlite3_close(db); /* not one to use again */
    }
}

/* --- health --- */

void ledger_health(struct ledger *g, struct ledger_health *out)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&g->cycle_lock);
    out->ok = g->last_result == ERR_OK;
    (void)str_copy(out->text, sizeof(out->text), str_of(out->ok ? "" : g->last_error.text));
    pthread_mutex_unlock(&g->cycle_lock);
    out->journals_take = !atomic_load(&g->gone);
    if (!out->journals_take) {
        out->ok = false;
        (void)snprintf(out->text, sizeof(out->text),
                       "the state directory %.70s was deleted or replaced: put it back, or restart "
                       "tollgate",
                       g->dir);
    }
    out->unsynced_ms = (syncer_gap_us(&g->syncer) + 999) / 1000;
    out->dropped_calls = atomic_load(&g->dropped_calls);
    out->recovered_calls = g->recovered_calls;
    out->machine_went_down = g->machine_went_down;
    ledger_lost_tell(g, out);
    for (int i = 0; i < g->workers; i++) {
        int64_t percent = journal_percent(g->journals[i]);
        out->dropped_refusals += journal_dropped_refusals(g->journals[i]);
        if (percent > out->journal_used_percent) {
            out->journal_used_percent = percent;
        }
    }
}

/* --- the workers' side --- */

static struct journal *journal_of(struct ledger *g, int worker)
{
    return worker >= 0 && worker < g->workers ? g->journals[worker] : NULL;
}

static void note_stored(struct ledger *g, struct journal *j)
{
    syncer_stored(&g->syncer);
    if (journal_wants_folding(j)) {
        ledger_thread_wake(g);
    }
}

enum err ledger_admitted(struct ledger *g, int worker, const struct call *call, uint64_t *slot)
{
    *slot = 0;
    struct journal *j = journal_of(g, worker);
    if (j == NULL || atomic_load_explicit(&g->gone, memory_order_relaxed)) {
        return ERR_IO;
    }
    uint8_t payload[RECORD_PAYLOAD_MAX];
    size_t n = record_put_admitted(payload, call);
    bool stored = journal_append(j, RECORD_ADMITTED, payload, n, JOURNAL_ADMISSION, slot);
    note_stored(g, j);
    return stored ? ERR_OK : ERR_FULL;
}

void ledger_topped_up(struct ledger *g, int worker, uint64_t slot, const struct call *call)
{
    struct journal *j = journal_of(g, worker);
    if (j == NULL || slot == 0) {
        return;
    }
    uint8_t payload[RECORD_SETTLED_MAX];
    uint64_t position;
    size_t n = record_put_topped_up(payload, slot, call);
    if (!journal_append(j, RECORD_TOPPED_UP, payload, n, JOURNAL_TOP_UP, &position)) {
        log_warn("ledger", "no room to note that call %s was topped up", call->request_id);
    }
    note_stored(g, j);
}

static void store_whole(struct ledger *g, struct journal *j, const struct call *call,
                        struct str group, int64_t resets_at_ms, enum journal_room room)
{
    uint8_t payload[RECORD_PAYLOAD_MAX];
    uint64_t position;
    size_t n = record_put_whole(payload, call, group, resets_at_ms);
    if (!journal_append(j, RECORD_WHOLE, payload, n, room, &position) && room == JOURNAL_TOP_UP) {
        atomic_fetch_add(&g->dropped_calls, 1);
    }
    note_stored(g, j);
}

void ledger_settled(struct ledger *g, int worker, uint64_t slot, const struct call *call)
{
    struct journal *j = journal_of(g, worker);
    if (j == NULL) {
        atomic_fetch_add(&g->dropped_calls, 1);
        return;
    }
    if (slot == 0) {
        store_whole(g, j, call, (struct str){NULL, 0}, 0, JOURNAL_TOP_UP);
        return;
    }
    uint8_t payload[RECORD_SETTLED_MAX];
    uint64_t position;
    size_t n = record_put_settled(payload, slot, call);
    if (!journal_append(j, RECORD_SETTLED, payload, n, JOURNAL_SETTLING, &position)) {
        atomic_fetch_add(&g->dropped_calls, 1);
    }
    note_stored(g, j);
}

void ledger_refused(struct ledger *g, int worker, const struct call *call, const char *group,
                    int64_t resets_at_ms)
{
    struct journal *j = journal_of(g, worker);
    if (j != NULL) {
        store_whole(g, j, call, str_of(group), resets_at_ms, JOURNAL_REFUSAL);
    }
}
