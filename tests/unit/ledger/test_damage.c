/* test_damage.c: any bytes of the state directory are other ones, or missing. It opens and works,
 * or says which file to move away; it never crashes. The seeds are the same each time. */
#include "tests/unit/ledger/fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define JOURNAL  (64 << 10)
#define SEEDS    160
#define FILE_MAX (2 << 20)

static uint64_t state_of_dice;

static unsigned dice(unsigned below)
{
    state_of_dice ^= state_of_dice << 13;
    state_of_dice ^= state_of_dice >> 7;
    state_of_dice ^= state_of_dice << 17;
    return (unsigned)(state_of_dice >> 33) % below;
}

static const char *const names[] = {"ledger.db", "ledger.db-wal", "journal.0"};

/* A killed core's: a database with a log of some pages, and calls that only the journal has. */
static void leave_behind(const char *dir)
{
    struct ledger *g = ledger_at(dir, 1, JOURNAL);
    assert_int_equal(ledger_start(g, NULL), ERR_OK);
    for (unsigned n = 1; n <= 200; n++) {
        store_plain(g, 0, n);
        assert_true(n % 40 != 0 || ledger_flush(g, 30000) == ERR_OK);
    }
    ledger_close(g);
    pid_t child = fork();
    if (child == 0) {
        struct call c;
        uint64_t slot;
        g = ledger_at(dir, 1, JOURNAL);
        if (ledger_start(g, NULL) != ERR_OK) {
            _exit(1);
        }
        for (unsigned n = 201; n <= 260; n++) {
            store_plain(g, 0, n);
        }
        if (ledger_flush(g, 30000) != ERR_OK) {
            _exit(1);
        }
        call_fill(&c, 999);
        if (ledger_admitted(g, 0, &c, &slot) != ERR_OK) {
            _exit(1);
        }
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static char *path_in(const char *dir, const char *name)
{
    static char path[DIR_TEXT + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static size_t load(const char *dir, const char *name, char *bytes)
{
    FILE *f = fopen(path_in(dir, name), "re");
    size_t n = f ? fread(bytes, 1, FILE_MAX, f) : 0;
    if (f) {
        (void)fclose(f);
    }
    return n;
}

static void save(const char *dir, const char *name, const char *bytes, size_t n)
{
    FILE *f = fopen(path_in(dir, name), "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Single bits, a run of bytes, or the end cut off. */
static size_t damage(char *bytes, size_t n)
{
    unsigned kind = dice(4),
             most = n < 4096 || dice(2) ? (unsigned)n : 4096; /* heads matter most */
    if (kind == 0) {
        return dice((unsigned)n);
    }
    if (kind == 1) {
        size_t at = dice(most), run = 1 + dice(2000);
        for (size_t i = at; i < n && i < at + run; i++) {
            bytes[i] = (char)dice(256);
        }
        return n;
    }
    for (unsigned i = 1 + dice(40); i > 0; i--) {
        bytes[dice(most)] ^= (char)(1U << dice(8));
    }
    return n;
}

static bool see(void *arg, const struct audit_entry *e)
{
    size_t *bytes = arg;
    *bytes += e->request_id.n + e->model.n + e->error.n + e->principal.n;
    return true;
}

/* All of it may fail, nothing may break. */
static void use(struct ledger *g)
{
    struct err_info ei = {0};
    struct audit_query all = {.calls = true, .changes = true};
    struct ledger_query sum = {.by = {"model", "costCenter"}, .by_count = 2};
    struct totals t = {0};
    size_t bytes = 0;
    struct call c;
    uint64_t slot;
    (void)!ledger_audit(g, &all, see, &bytes, &ei);
    (void)!ledger_sum(g, &sum, add_totals, &t, &ei);
    struct ledger_change change = {.time_ms = NOW_MS, .action = "limit.set", .limit = "l"};
    (void)!ledger_change(g, &change, &ei);
    call_fill(&c, 7777);
    call_end(&c, 1, 2);
    if (ledger_admitted(g, 0, &c, &slot) == ERR_OK) {
        ledger_settled(g, 0, slot, &c);
    }
    call_clear(&c);
    struct ledger_health h;
    ledger_health(g, &h);
    assert_true(h.ok || h.text[0]);
}

static void any_damage_is_survived(void **state)
{
    (void)state;
    static char whole[3][FILE_MAX], bytes[FILE_MAX];
    size_t n[3];
    char base[DIR_TEXT], dir[DIR_TEXT];
    unsigned opened = 0;
    dir_make(base);
    leave_behind(base);
    for (size_t i = 0; i < 3; i++) {
        n[i] = load(base, names[i], whole[i]);
        assert_true(n[i] > 0 && n[i] < FILE_MAX);
    }
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        state_of_dice = 88172645463325252ULL * seed;
        size_t hurt = dice(3);
        dir_make(dir);
        for (size_t i = 0; i < 3; i++) {
            memcpy(bytes, whole[i], n[i]);
            size_t left = i == hurt || dice(4) == 0 ? damage(bytes, n[i]) : n[i];
            save(dir, names[i], bytes, left);
        }
        struct err_info ei = {0};
        struct ledger_options o = {.state_dir = dir, .workers = 1, .journal_bytes = JOURNAL};
        struct ledger *g = ledger_open(&o, &ei);
        if (g) {
            opened++;
            use(g);
            ledger_close(g);
        } else if (!strstr(ei.text, "move ") && !strstr(ei.text, "newer")) {
            fail_msg("seed %u: %s", seed, ei.text);
        }
        dir_remove(dir);
    }
    assert_true(opened > SEEDS / 3);
    dir_remove(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
