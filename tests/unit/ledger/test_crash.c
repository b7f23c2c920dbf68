/* test_crash.c: kill -9 at any instant, replay, damage, another number of workers. */
#include "tests/unit/ledger/fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* --- children that die --- */

struct shared {
    _Atomic unsigned attempted, admitted, settled; /* numbers of calls, one after the other */
};

#define KILLED_WORKERS 2
#define OPEN_RING      8 /* calls that are open at a time */

/* Calls base+1, base+2 ...: each is admitted, topped up once, and settled OPEN_RING calls later. */
static void live(const char *dir, struct shared *s, unsigned base)
{
    struct ledger_options o = {
        .state_dir = dir, .workers = KILLED_WORKERS, .journal_bytes = 128 << 10};
    struct ledger *g = ledger_open(&o, NULL);
    if (g == NULL || ledger_start(g, NULL) != ERR_OK) {
        _exit(1);
    }
    static struct call calls[OPEN_RING];
    static uint64_t slots[OPEN_RING];
    for (unsigned n = 1; n < 900000; n++) {
        unsigned at = n % OPEN_RING;
        int worker = (int)(at % KILLED_WORKERS);
        if (n > OPEN_RING) {
            call_end(&calls[at], 10, 20);
            ledger_settled(g, worker, slots[at], &calls[at]);
            atomic_store(&s->settled, n - OPEN_RING);
            call_clear(&calls[at]);
        }
        call_fill(&calls[at], base + n);
        atomic_store(&s->attempted, n);
        while (ledger_admitted(g, worker, &calls[at], &slots[at]) != ERR_OK) {
            if (ledger_flush(g, 5000) != ERR_OK) { /* full: the next try finds room */
                _exit(1);
            }
        }
        atomic_store(&s->admitted, n);
        calls[at].reserved_usage.output = 777;
        ledger_topped_up(g, worker, slots[at], &calls[at]);
    }
    _exit(0);
}

static void wait_dead(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

struct seen {
    unsigned base, count, crashed;
    uint8_t *times; /* by number of call */
    int64_t last_seq;
};

#define SEEN_MAX 900000

static bool see(void *arg, const struct audit_entry *e)
{
    struct seen *seen = arg;
    unsigned n = (unsigned)strtoul(e->request_id.p + 24, NULL, 16) - seen->base;
    assert_true(n >= 1 && n < SEEN_MAX);
    seen->times[n]++;
    seen->count++;
    seen->last_seq = e->seq;
    if (e->crash) {
        seen->crashed++;
        assert_int_equal(e->outcome, OUTCOME_FAILED);
        assert_true(str_is(e->error, "charged_by_crash"));
        assert_false(e->usage_reported);
        assert_int_equal(e->usage.input, 100);
        assert_true(e->usage.output == 777 || e->usage.output == 400);
        assert_true(e->priced);
        assert_int_equal(e->usd, 100 * 800 + e->usage.output * 4000);
        assert_int_equal(e->duration_ms, -1);
        assert_true(str_is(tags_get(&e->tags, "costCenter"), "sales"));
    } else {
        assert_int_equal(e->outcome, OUTCOME_APPROVED);
        assert_int_equal(e->usage.output, 20);
    }
    return true;
}

static void check_round(struct ledger *g, const struct shared *s, struct seen *seen)
{
    struct audit_query q = {.calls = true, .after_seq = seen->last_seq};
    memset(seen->times, 0, SEEN_MAX);
    seen->count = seen->crashed = 0;
    assert_int_equal(ledger_audit(g, &q, see, seen, NULL), ERR_OK);
    assert_true(seen->count >= s->admitted);
    assert_true(seen->count <= s->attempted);
    for (unsigned n = 1; n <= s->admitted; n++) {
        assert_int_equal(seen->times[n], 1);
    }
    assert_true(seen->crashed <= OPEN_RING + 1);
    struct ledger_health h;
    ledger_health(g, &h);
    assert_int_equal(h.recovered_calls, seen->crashed);
}

static void killed_at_any_instant_loses_nothing(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(s, MAP_FAILED);
    struct seen seen = {.times = malloc(SEEN_MAX)};
    srandom((unsigned)time(NULL));
    unsigned all = 0;
    for (unsigned round = 0; round < 20; round++) {
        memset(s, 0, sizeof(*s));
        seen.base = round * 1000000;
        pid_t child = fork();
        if (child == 0) {
            live(dir, s, seen.base);
        }
        while (atomic_load(&s->admitted) == 0 && waitpid(child, NULL, WNOHANG) == 0) {
            usleep(100);
        }
        usleep((useconds_t)(random() % 60000)); /* any instant */
        assert_int_equal(kill(child, SIGKILL), 0);
        wait_dead(child);
        struct ledger *g = ledger_at(dir, 1 + (int)(round % 3), 128 << 10);
        check_round(g, s, &seen);
        all += seen.count;
        assert_int_equal(sum_of_all(g).approved, all);
        ledger_close(g);
    }
    free(seen.times);
    munmap(s, sizeof(*s));
    dir_remove(dir);
}

/* What a killed core leaves: `calls` settled calls and one that is open, in journal.`worker`. */
static void leave_behind(const char *dir, int workers, int worker, unsigned calls)
{
    pid_t child = fork();
    if (child == 0) {
        struct ledger_options o = {.state_dir = dir, .workers = workers, .journal_bytes = 64 << 10};
        struct ledger *g = ledger_open(&o, NULL);
        struct call c;
        uint64_t slot;
        if (g == NULL) {
            _exit(1);
        }
        call_fill(&c, 900);
        if (ledger_admitted(g, worker, &c, &slot) != ERR_OK) {
            _exit(1);
        }
        for (unsigned n = 1; n <= calls; n++) {
            store_plain(g, worker, n);
        }
        raise(SIGKILL);
    }
    wait_dead(child);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_non_null(in);
    assert_non_null(out);
    size_t n;
    while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void replay_twice_counts_once(void **state)
{
    (void)state;
    char dir[DIR_TEXT], journal[DIR_TEXT + 16], copy[DIR_TEXT + 16];
    dir_make(dir);
    snprintf(journal, sizeof(journal), "%s/journal.1", dir);
    snprintf(copy, sizeof(copy), "%s/copy", dir);
    leave_behind(dir, 2, 1, 10);
    copy_file(journal, copy);
    for (int i = 0; i < 3; i++) {
        struct ledger *g = ledger_at(dir, i == 1 ? 0 : 1, 0); /* also as a command does */
        assert_int_equal(count_calls(g), 11);
        struct totals t = sum_of_all(g);
        assert_int_equal(t.approved, 11);
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.estimated, 1);
        assert_int_equal(t.output_tokens, 110 + 400);
        assert_int_equal(access(journal, F_OK), -1); /* more journals than workers */
        ledger_close(g);
        copy_file(copy, journal);
    }
    dir_remove(dir);
}

static void open_calls_outlive_their_journal(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    pid_t child = fork();
    if (child == 0) {
        struct ledger_options o = {.state_dir = dir, .workers = 1, .journal_bytes = 64 << 10};
        struct ledger *g = ledger_open(&o, NULL);
        static struct call open[3];
        uint64_t slots[3];
        for (unsigned i = 0; i < 3; i++) {
            call_fill(&open[i], 1000 + i);
            if (ledger_admitted(g, 0, &open[i], &slots[i]) != ERR_OK) {
                _exit(1);
            }
        }
        for (unsigned n = 1; n <= 2000; n++) { /* many times round */
            store_plain(g, 0, n);
            if (n % 20 == 0 && ledger_flush(g, 1000) != ERR_OK) {
                _exit(1);
            }
        }
        open[0].reserved_usage.output = 5000; /* topped up long after its record is gone */
        ledger_topped_up(g, 0, slots[0], &open[0]);
        call_end(&open[1], 3, 4);
        ledger_settled(g, 0, slots[1], &open[1]);
        raise(SIGKILL);
    }
    wait_dead(child);
    struct ledger *g = ledger_at(dir, 1, 0);
    struct totals t = sum_of_all(g);
    assert_int_equal(t.approved, 2003);
    assert_int_equal(t.failed, 2);
    assert_int_equal(t.output_tokens, 2000 * 2001 + 4 + 5000 + 400);
    ledger_close(g);
    dir_remove(dir);
}

static void damaged_journals_open(void **state)
{
    (void)state;
    char dir[DIR_TEXT], other[DIR_TEXT], from[DIR_TEXT + 16], to[DIR_TEXT + 16];
    dir_make(dir);
    leave_behind(dir, 1, 0, 20);
    snprintf(from, sizeof(from), "%s/journal.0", dir);
    for (long at = 0; at < 4096 + 5000; at += at < 4096 ? 1365 : 173) {
        dir_make(other);
        snprintf(to, sizeof(to), "%s/journal.0", other);
        copy_file(from, to);
        FILE *f = fopen(to, "r+");
        fseek(f, at, SEEK_SET);
        int byte = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(byte ^ 0x81, f);
        fclose(f);
        struct ledger *g = ledger_at(other, 1, 0);
        struct totals t = sum_of_all(g);
        /* One record at most is gone: an admission (its end still counts) or an end (then it is
         * charged whole), or the one that stayed open. */
        assert_true(t.approved == 21 || t.approved == 20);
        assert_true(t.output_tokens >= 420);
        ledger_close(g);
        dir_remove(other);
    }
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_instant_loses_nothing),
        cmocka_unit_test(replay_twice_counts_once),
        cmocka_unit_test(open_calls_outlive_their_journal),
        cmocka_unit_test(damaged_journals_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
