/* test_power.c: the power goes: what a disk holds of the state directory is what was synced, and of
 * the rest any pages. It opens, holds every call that was on the disk, once, and none twice; what
 * is lost had ended within the time that the ledger says a failure could take.
 *
 * The disk: fsync, fdatasync and msync are those of this file, for SQLite too. What they are given
 * goes into a second directory, which is what a power failure leaves. SQLite's log can be held up,
 * so that a fold takes as long as the test wants. */
#include "tests/unit/ledger/fixture.h"

#include "core/base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE     4096
#define CUTS     12
#define CALLS    2400
#define FILE_MAX ((size_t)5 << 20)
#define JOURNAL  (64 << 10) /* small: it goes round many times */
#define LARGE    (1 << 20)  /* holds what is stored while a fold is held up */

int fsync(int fd);
int fdatasync(int fd);
int msync(void *at, size_t n, int flags);

static struct {
    pthread_mutex_t lock;
    bool on;
    char live[DIR_TEXT], disk[DIR_TEXT];
    unsigned synced[3]; /* calls that had ended at the last three syncs of the WAL, oldest first */
    unsigned copied[2]; /* and at the last two of the journals' second home */
    bool hold;          /* the WAL's next sync until that is over */
    bool held;
    pthread_cond_t over;
} power = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

static _Atomic unsigned ended;
static int64_t ended_us[CALLS + 1]; /* when, monotonic */

static void put_bytes(const char *dir, const char *name, const void *bytes, size_t n, off_t at)
{
    char path[DIR_TEXT + 64];
    (void)snprintf(path, sizeof(path), "%s/%.40s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, bytes, n, at) != (ssize_t)n) {
        abort();
    }
    (void)close(fd);
}

/* The whole file as it is now. */
static size_t get_bytes(const char *dir, const char *name, char *out)
{
    char path[DIR_TEXT + 64];
    (void)snprintf(path, sizeof(path), "%s/%.40s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, out, FILE_MAX, 0);
    if (n < 0 || n == FILE_MAX) {
        abort();
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return (size_t)n;
}

static void cut_to(const char *dir, const char *name, size_t n)
{
    char path[DIR_TEXT + 64];
    (void)snprintf(path, sizeof(path), "%s/%.40s", dir, name);
    if (truncate(path, (off_t)n) != 0) {
        abort();
    }
}

/* The name of a file of the live directory; NULL: another one. */
static const char *live_name(const char *path)
{
    size_t n = strlen(power.live);
    return power.on && n > 0 && strncmp(path, power.live, n) == 0 && path[n] == '/' ? path + n + 1
                                                                                    : NULL;
}

static void sync_file(int fd)
{
    static char bytes[FILE_MAX];
    char link[64], path[512];
    struct stat st;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    path[n] = '\0';
    pthread_mutex_lock(&power.lock);
    const char *name = live_name(path);
    while (name && power.hold && strcmp(name, "ledger.db-wal") == 0) {
        power.held = true;
        pthread_cond_wait(&power.over, &power.lock);
    }
    if (name) {
        size_t size = get_bytes(power.live, name, bytes);
        put_bytes(power.disk, name, bytes, size, 0);
        cut_to(power.disk, name, size);
        if (strcmp(name, "ledger.db-wal") == 0) {
            power.synced[0] = power.synced[1];
            power.synced[1] = power.synced[2];
            power.synced[2] = atomic_load(&ended);
        } else if (strcmp(name, "journals.synced") == 0) {
            power.copied[0] = power.copied[1]; /* so many were copied for this one at least */
            power.copied[1] = atomic_load(&ended);
        }
    }
    pthread_mutex_unlock(&power.lock);
}

int fsync(int fd)
{
    sync_file(fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    sync_file(fd);
    return (int)syscall(SYS_fdatasync, fd);
}

/* Which file is mapped there? /proc/self/maps says. */
int msync(void *at, size_t n, int flags)
{
    FILE *maps = (flags & MS_SYNC) != 0 ? fopen("/proc/self/maps", "re") : NULL;
    char line[1024];
    while (maps && fgets(line, sizeof(line), maps)) {
        unsigned long from, to, offset;
        int path = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &from, &to, &offset, &path) < 3 ||
            (unsigned long)at < from || (unsigned long)at >= to) {
            continue;
        }
        pthread_mutex_lock(&power.lock);
        const char *name = live_name(line + path);
        if (name) {
            put_bytes(power.disk, name, at, n, (off_t)(offset + ((unsigned long)at - from)));
        }
        pthread_mutex_unlock(&power.lock);
        break;
    }
    if (maps) {
        (void)fclose(maps);
    }
    return (int)syscall(SYS_msync, at, n, flags);
}

/* --- cuts --- */

struct cut {
    char dir[DIR_TEXT];
    unsigned durable, ended; /* must be there; may be there */
    int64_t at_us;           /* monotonic */
    int64_t unsynced_ms;     /* as the ledger says it */
};

/* Of what was not synced, any page may have reached the disk too. */
static void mix(const char *name, char *disk, size_t *n)
{
    static char live[FILE_MAX];
    size_t live_n = get_bytes(power.live, name, live);
    size_t most = live_n > *n ? live_n : *n;
    for (size_t at = 0; at < most; at += PAGE) {
        size_t page = live_n > at ? (live_n - at < PAGE ? live_n - at : PAGE) : 0;
        if (page > 0 && random() % 2) {
            if (at > *n) {
                memset(disk + *n, 0, at - *n);
            }
            memcpy(disk + at, live + at, page);
            *n = at + page > *n ? at + page : *n;
        }
    }
}

/* What was deleted since is gone: SQLite syncs the directory when that matters. */
static bool is_live(const char *name)
{
    char path[DIR_TEXT + 64];
    (void)snprintf(path, sizeof(path), "%s/%.40s", power.live, name);
    return access(path, F_OK) == 0;
}

/* While the lock is held no sync comes to its end, and nothing that waits for one is written. */
static void take_cut(struct cut *c, unsigned flushed, bool mixed)
{
    static char bytes[FILE_MAX];
    dir_make(c->dir);
    pthread_mutex_lock(&power.lock);
    c->durable = power.synced[0] > flushed ? power.synced[0] : flushed;
    c->durable = power.copied[0] > c->durable ? power.copied[0] : c->durable;
    DIR *d = opendir(power.disk);
    const struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.' && is_live(e->d_name)) {
            size_t n = get_bytes(power.disk, e->d_name, bytes);
            if (mixed) {
                mix(e->d_name, bytes, &n);
            }
            put_bytes(c->dir, e->d_name, bytes, n, 0);
        }
    }
    if (d) {
        (void)closedir(d);
    }
    c->ended = atomic_load(&ended);
    c->at_us = clock_mono_us();
    pthread_mutex_unlock(&power.lock);
}

static bool see(void *arg, const struct audit_entry *e)
{
    uint8_t *times = arg;
    unsigned n = (unsigned)strtoul(e->request_id.p + 24, NULL, 16);
    assert_true(n >= 1 && n <= CALLS);
    times[n]++;
    return true;
}

/* As if the process were killed and the machine started anew: all that was written, unsynced too.
 */
static void check_again(const char *dir, struct ledger *g)
{
    static char bytes[FILE_MAX];
    char copy[DIR_TEXT];
    struct ledger_health h;
    int64_t count = count_calls(g);
    dir_make(copy);
    DIR *d = opendir(dir);
    const struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            put_bytes(copy, e->d_name, bytes, get_bytes(dir, e->d_name, bytes), 0);
        }
    }
    if (d) {
        (void)closedir(d);
    }
    struct ledger *again = ledger_at(copy, 1, JOURNAL);
    ledger_health(again, &h);
    assert_true(h.machine_went_down);
    assert_int_equal(count_calls(again), count);
    ledger_close(again);
    dir_remove(copy);
}

static unsigned check_cut(const struct cut *c)
{
    static uint8_t times[CALLS + 1];
    struct audit_query q = {.calls = true};
    unsigned last = 0;
    memset(times, 0, sizeof(times));
    struct ledger *g = ledger_at(c->dir, 1, JOURNAL);
    assert_int_equal(ledger_audit(g, &q, see, times, NULL), ERR_OK);
    for (unsigned n = 1; n <= CALLS; n++) {
        if (times[n] > 1 || (n <= c->durable && times[n] != 1)) {
            fail_msg("call %u is there %u times; %u were on the disk, %u had ended", n, times[n],
                     c->durable, c->ended);
        }
        if (times[n] == 0 && n <= c->ended && (c->at_us - ended_us[n]) / 1000 > c->unsynced_ms) {
            fail_msg("call %u, lost, had ended %lld us before; the ledger says %lld ms", n,
                     (long long)(c->at_us - ended_us[n]), (long long)c->unsynced_ms);
        }
        last = times[n] ? n : last;
    }
    assert_true(last <= c->ended + 1); /* one more may have been admitted */
    store_plain(g, 0, CALLS);          /* and it goes on */
    assert_int_equal(count_calls(g) >= (int64_t)c->durable, true);
    assert_int_equal(ledger_put_value(g, "boot_id", STR("another"), NULL), ERR_OK);
    assert_int_equal(ledger_flush(g, 0), ERR_OK);
    check_again(c->dir, g); /* what the last life left in the second home does not count again */
    ledger_close(g);
    return last;
}

/* A ledger on that disk, of a boot that will be over when a cut is opened. */
static struct ledger *begin(size_t journal_bytes)
{
    dir_make(power.live);
    dir_make(power.disk);
    atomic_store(&ended, 0);
    memset(power.synced, 0, sizeof(power.synced));
    memset(power.copied, 0, sizeof(power.copied));
    power.on = true;
    struct ledger *g = ledger_at(power.live, 1, journal_bytes);
    assert_int_equal(ledger_put_value(g, "boot_id", STR("another"), NULL), ERR_OK);
    assert_int_equal(ledger_start(g, NULL), ERR_OK);
    return g;
}

static void end(struct ledger *g)
{
    pthread_mutex_lock(&power.lock);
    power.on = false;
    pthread_mutex_unlock(&power.lock);
    ledger_close(g);
    dir_remove(power.live);
    dir_remove(power.disk);
}

static void store_call(struct ledger *g, unsigned n)
{
    struct call c;
    uint64_t slot;
    call_fill(&c, n);
    while (ledger_admitted(g, 0, &c, &slot) != ERR_OK) {
        assert_int_equal(ledger_flush(g, 30000), ERR_OK);
    }
    call_end(&c, n, 2);
    ledger_settled(g, 0, slot, &c);
    call_clear(&c);
    ended_us[n] = clock_mono_us();
    atomic_store(&ended, n);
}

static void what_was_synced_is_there(void **state)
{
    (void)state;
    static struct cut cuts[CUTS];
    srandom((unsigned)time(NULL));
    struct ledger *g = begin(JOURNAL);
    unsigned flushed = 0, k = 0;
    for (unsigned n = 1; n < CALLS && k < CUTS; n++) {
        store_call(g, n);
        if (n % 190 == 0) {
            if (k % 3 == 0) {
                assert_int_equal(ledger_flush(g, 30000), ERR_OK);
                flushed = n;
            }
            take_cut(&cuts[k], flushed, k % 2 == 1);
            struct ledger_health h;
            ledger_health(g, &h);
            cuts[k++].unsynced_ms = h.unsynced_ms;
        }
        usleep(300);
    }
    assert_int_equal(k, CUTS);
    end(g);
    for (unsigned i = 0; i < CUTS; i++) {
        (void)check_cut(&cuts[i]);
        dir_remove(cuts[i].dir);
    }
}

static void hold_log(bool hold)
{
    pthread_mutex_lock(&power.lock);
    power.hold = hold;
    pthread_cond_broadcast(&power.over);
    pthread_mutex_unlock(&power.lock);
}

/* Calls that are known to be on the disk by the second home, and is a fold held up? */
static unsigned copied(bool *held)
{
    pthread_mutex_lock(&power.lock);
    unsigned n = power.copied[0];
    *held = power.held;
    pthread_mutex_unlock(&power.lock);
    return n;
}

/* A fold that does not come to its end: what is stored meanwhile is on the disk all the same. The
 * power goes then, and again when the fold has ended and others reuse the room. */
static void a_slow_fold_delays_nothing(void **state)
{
    (void)state;
    static struct cut cuts[4];
    struct ledger_health h;
    struct ledger *g = begin(LARGE);
    bool held = false;
    unsigned n = 1, k = 0, from = 0;
    for (; n <= 50; n++) {
        store_call(g, n);
    }
    assert_int_equal(ledger_flush(g, 30000), ERR_OK);
    for (unsigned round = 0; round < 2; round++) {
        hold_log(true);
        int64_t until_us = clock_mono_us() + 60000000;
        for (from = 0; (from == 0 || copied(&held) < from + 60) && n < CALLS; n++) {
            assert_true(clock_mono_us() < until_us);
            store_call(g, n);
            from = from == 0 && (copied(&held), held) ? n : from;
            usleep(2000);
        }
        for (unsigned mixed = 0; mixed < 2; mixed++) {
            take_cut(&cuts[k], 50, mixed == 1);
            ledger_health(g, &h);
            assert_true(cuts[k].durable >= from + 60);
            cuts[k++].unsynced_ms = h.unsynced_ms;
        }
        power.held = false;
        hold_log(false);
        assert_int_equal(ledger_flush(g, 30000), ERR_OK);
    }
    end(g);
    for (unsigned i = 0; i < k; i++) {
        assert_true(check_cut(&cuts[i]) >= cuts[i].durable);
        dir_remove(cuts[i].dir);
    }
}

/* The boot ID that the ledger has is another one than the machine's now. */
static void a_machine_that_went_down_is_said(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    struct ledger_health h;
    dir_make(dir);
    for (int i = 0; i < 4; i++) {
        pid_t child = fork(); /* its journal is left unclosed where it is killed */
        if (child == 0) {
            struct ledger *g = ledger_at(dir, 1, JOURNAL);
            if (i % 2 == 0 && ledger_put_value(g, "boot_id", STR("another"), NULL) != ERR_OK) {
                _exit(1);
            }
            if (i == 2) {
                ledger_close(g);
                _exit(0);
            }
            raise(SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(i == 2 ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : WIFSIGNALED(status));
        struct ledger *g = ledger_at(dir, 1, JOURNAL);
        ledger_health(g, &h);
        assert_int_equal(h.machine_went_down, i == 0);
        ledger_close(g);
    }
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_is_there),
        cmocka_unit_test(a_slow_fold_delays_nothing),
        cmocka_unit_test(a_machine_that_went_down_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
