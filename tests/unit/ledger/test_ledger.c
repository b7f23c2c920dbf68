/* test_ledger.c: what is stored comes back field by field; opening, locking, health. */
#include "core/ledger/ledger_private.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct entries {
    struct audit_entry at[16];
    char text[16][8][200];
    size_t count;
};

static struct str keep(struct entries *all, size_t field, struct str s)
{
    char *to = all->text[all->count][field];
    assert_true(str_copy(to, 200, s));
    return str_of(to);
}

static bool keep_entry(void *arg, const struct audit_entry *e)
{
    struct entries *all = arg;
    assert_true(all->count < 16);
    struct audit_entry *to = &all->at[all->count];
    *to = *e;
    to->request_id = keep(all, 0, e->request_id);
    to->operation = keep(all, 1, e->operation);
    to->model = keep(all, 2, e->model);
    to->model_id = keep(all, 3, e->model_id);
    to->principal = keep(all, 4, e->principal);
    to->limit = keep(all, 5, e->limit);
    to->error = keep(all, 6, e->error);
    to->group = keep(all, 7, e->group);
    for (size_t i = 0; i < e->tags.count; i++) { /* static in these tests */
        to->tags.at[i].key =
            str_is(e->tags.at[i].key, "applicationId") ? STR("applicationId") : STR("costCenter");
        to->tags.at[i].value = str_is(e->tags.at[i].value, "docs") ? STR("docs") : STR("sales");
    }
    all->count++;
    return true;
}

static struct entries *audit_all(struct ledger *g)
{
    struct entries *all = calloc(1, sizeof(*all));
    struct audit_query q = {.calls = true};
    assert_int_equal(ledger_audit(g, &q, keep_entry, all, NULL), ERR_OK);
    return all;
}

static void assert_approved(const struct audit_entry *e)
{
    assert_false(e->is_change);
    assert_int_equal(e->seq, 1);
    assert_int_equal(e->time_ms, NOW_MS + 7);
    assert_true(str_is(e->request_id, "00000000-0000-4000-8000-000000000001"));
    assert_true(str_is(e->dialect, call_dialect_name(DIALECT_ANTHROPIC)));
    assert_true(str_is(e->operation, "Messages"));
    assert_true(str_is(e->model, "haiku"));
    assert_true(str_is(e->model_id, "us.anthropic.haiku-v1:0"));
    assert_true(str_is(e->principal, "TGKAAAAAAAAAAAAAAAAA"));
    assert_int_equal(e->tags.count, 2);
    assert_true(str_is(tags_get(&e->tags, "applicationId"), "docs"));
    assert_true(str_is(tags_get(&e->tags, "costCenter"), "sales"));
    assert_int_equal(e->outcome, OUTCOME_APPROVED);
    assert_int_equal(e->http_status, 207);
    struct usage usage = {11, 22, 33, 44, 55};
    assert_usage(&e->usage, &usage);
    assert_true(e->usage_reported);
    assert_true(e->priced);
    assert_false(e->crash);
    assert_int_equal(e->usd, 123456789);
    assert_int_equal(e->duration_ms, 950);
    assert_int_equal(e->first_token_ms, 120);
    assert_int_equal(e->limit.n, 0);
    assert_true(str_is(e->error, "said something"));
}

static void approved_call_comes_back(void **state)
{
    struct ledger *g = fixture_ledger(state);
    struct call c;
    call_fill(&c, 1);
    c.dialect = DIALECT_ANTHROPIC;
    c.operation = "Messages";
    c.admitted_wall_ms = NOW_MS + 7;
    uint64_t slot;
    assert_int_equal(ledger_admitted(g, 0, &c, &slot), ERR_OK);
    assert_int_not_equal(slot, 0);
    call_end(&c, 0, 0);
    c.http_status = 207;
    c.usage = (struct usage){11, 22, 33, 44, 55};
    c.usd = 123456789;
    c.error = STR("said something");
    ledger_settled(g, 0, slot, &c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    struct entries *all = audit_all(g);
    assert_int_equal(all->count, 1);
    assert_approved(&all->at[0]);
    free(all);
    call_clear(&c);
}

static void denied_and_rejected_calls_come_back(void **state)
{
    struct ledger *g = fixture_ledger(state);
    struct call c;
    call_fill(&c, 1);
    c.outcome = OUTCOME_DENIED;
    c.http_status = 429;
    c.limit = "haiku-minute";
    c.usage = (struct usage){5, 5, 5, 5, 5}; /* not to be believed: nothing was served */
    c.usd = 77;
    ledger_refused(g, 0, &c, "costCenter=sales", NOW_MS + 4000);
    call_clear(&c);
    call_fill(&c, 2);
    c.outcome = OUTCOME_REJECTED;
    c.http_status = 403;
    c.admitted_wall_ms = 0;
    c.principal = (struct str){NULL, 0};
    c.resolved.model = NULL;
    c.error = STR("UnrecognizedClientException");
    ledger_refused(g, 0, &c, "", 0);
    call_clear(&c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);

    struct entries *all = audit_all(g);
    struct usage none = {0};
    assert_int_equal(all->count, 2);
    assert_int_equal(all->at[0].outcome, OUTCOME_DENIED);
    assert_int_equal(all->at[0].http_status, 429);
    assert_true(str_is(all->at[0].limit, "haiku-minute"));
    assert_true(str_is(all->at[0].group, "costCenter=sales"));
    assert_int_equal(all->at[0].resets_at_ms, NOW_MS + 4000);
    assert_int_equal(all->at[0].duration_ms, -1);
    assert_int_equal(all->at[0].first_token_ms, -1);
    assert_usage(&all->at[0].usage, &none);
    assert_int_equal(all->at[0].usd, 0);
    assert_int_equal(all->at[1].outcome, OUTCOME_REJECTED);
    assert_int_equal(all->at[1].time_ms, NOW_MS);
    assert_int_equal(all->at[1].model.n, 0);
    assert_int_equal(all->at[1].tags.count, 0); /* a stranger's tags are not kept */
    assert_true(str_is(all->at[1].error, "UnrecognizedClientException"));
    free(all);
}

static void tags_of_single_calls_make_no_series(void **state)
{
    struct ledger *g = fixture_ledger(state);
    struct call c;
    call_fill(&c, 1);
    call_tag(&c, "requestId", "x");
    call_tag(&c, "timestamp", "y");
    call_end(&c, 1, 1);
    store_settled(g, 0, &c);
    call_clear(&c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    struct entries *all = audit_all(g);
    assert_int_equal(all->at[0].tags.count, 2);
    free(all);
}

static void oversized_strings_are_cut(void **state)
{
    char huge[20000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    struct ledger *g = fixture_ledger(state);
    struct model model = {.name = huge};
    struct call c;
    call_fill(&c, 1);
    for (int i = 0; i < TAGS_MAX - 2; i++) {
        char key[TAG_KEY_MAX + 1];
        memset(key, 'a' + i, TAG_KEY_MAX);
        key[TAG_KEY_MAX] = '\0';
        call_tag(&c, key, key);
    }
    c.resolved.model = &model;
    c.resolved.upstream_id = huge;
    c.operation = huge;
    c.principal = str_of(huge);
    c.reserved_usage = (struct usage){INT64_MIN, INT64_MAX, INT64_MIN, INT64_MIN, INT64_MIN};
    uint64_t slot;
    assert_int_equal(ledger_admitted(g, 0, &c, &slot), ERR_OK);
    call_end(&c, 1, 2);
    c.error = str_of(huge);
    c.limit = huge;
    ledger_settled(g, 0, slot, &c);
    c.outcome = OUTCOME_DENIED;
    ledger_refused(g, 0, &c, huge, INT64_MAX);
    call_clear(&c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    struct totals t = sum_of_all(g);
    assert_int_equal(t.approved, 1);
    assert_int_equal(t.denied, 1);
    assert_int_equal(t.input_tokens, 1);
}

static void settled_without_admission_is_kept(void **state)
{
    struct ledger *g = fixture_ledger(state);
    struct call c;
    call_fill(&c, 1);
    call_end(&c, 10, 20);
    ledger_settled(g, 0, 0, &c); /* store_failure: allow */
    ledger_topped_up(g, 0, 0, &c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    struct totals t = sum_of_all(g);
    assert_int_equal(t.approved, 1);
    assert_int_equal(t.output_tokens, 20);
    uint64_t slot = 7;
    assert_int_equal(ledger_admitted(g, 5, &c, &slot), ERR_IO); /* no such worker */
    assert_int_equal(slot, 0);
    ledger_settled(g, -1, 0, &c);
    ledger_refused(g, 1, &c, "", 0);
    struct ledger_health h;
    ledger_health(g, &h);
    assert_int_equal(h.dropped_calls, 1);
    call_clear(&c);
}

static void settled_twice_breaks_nothing(void **state)
{
    struct ledger *g = fixture_ledger(state);
    struct call c;
    uint64_t slot;
    call_fill(&c, 1);
    assert_int_equal(ledger_admitted(g, 0, &c, &slot), ERR_OK);
    call_end(&c, 10, 20);
    ledger_settled(g, 0, slot, &c);
    ledger_settled(g, 0, slot, &c);
    call_clear(&c);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    assert_true(sum_of_all(g).approved >= 1);
}

static void files_are_private(void **state)
{
    (void)state;
    char parent[DIR_TEXT], dir[DIR_TEXT + 16], path[DIR_TEXT + 32];
    dir_make(parent);
    snprintf(dir, sizeof(dir), "%s/a/state/", parent);
    mode_t before = umask(0);
    struct ledger *g = ledger_at(dir, 2, 0);
    store_plain(g, 0, 1);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    umask(before);
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    const char *const names[] = {"lock",      "ledger.db", "ledger.db-wal",
                                 "journal.0", "journal.1", "debts"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    ledger_close(g);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) { /* as `cp` brings them back */
        snprintf(path, sizeof(path), "%s%s", dir, names[i]);
        assert_true(chmod(path, 0644) == 0 || errno == ENOENT);
    }
    g = ledger_at(dir, 2, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    ledger_close(g);
    dir_remove(parent);
}

/* A reader has a copy of its own. */
static void debts_outlive_the_process(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    size_t bytes = 0;
    dir_make(dir);
    struct ledger *g = ledger_at(dir, 1, 0);
    uint64_t *debts = ledger_debts(g, &bytes);
    assert_non_null(debts);
    assert_true(bytes >= (size_t)1 << 20);
    assert_int_equal(debts[1000], 0);
    debts[1000] = 42;
    ledger_close(g);
    struct ledger *reader = ledger_open_read(dir, NULL);
    debts = ledger_debts(reader, &bytes);
    assert_int_equal(debts[1000], 42);
    debts[1000] = 43;
    ledger_close(reader);
    g = ledger_at(dir, 1, 0);
    debts = ledger_debts(g, &bytes);
    assert_int_equal(debts[1000], 42);
    ledger_close(g);
    dir_remove(dir);
}

static void a_directory_that_anybody_may_write_is_refused(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct err_info ei = {0};
    struct ledger_options o = {.state_dir = dir, .workers = 0};
    assert_int_equal(chmod(dir, 0777), 0);
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_FORBIDDEN);
    assert_non_null(strstr(ei.text, "chmod 711"));
    assert_int_equal(chmod(dir, 0775), 0);
    ledger_close(ledger_at(dir, 0, 0));
    dir_remove(dir);
}

static void second_core_is_refused_by_pid(void **state)
{
    struct fixture *f = *state;
    char pid[32];
    struct ledger *g = f->ledger;
    struct err_info ei = {0};
    struct ledger_options o = {.state_dir = f->dir, .workers = 0};
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_BUSY);
    snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid());
    assert_non_null(strstr(ei.text, pid));
    assert_non_null(strstr(ei.text, f->dir));
    ledger_close(g);
    g = f->ledger = ledger_at(f->dir, 0, 0); /* free again, for a command too */
}

/* As nobody, since root may write anywhere. */
static void unwritable_directory_is_named(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    assert_int_equal(chmod(dir, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        struct err_info ei = {0};
        struct ledger_options o = {.state_dir = dir, .workers = 1};
        bool ok = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
        ok = ok && ledger_open(&o, &ei) == NULL && ei.code == ERR_FORBIDDEN &&
             strstr(ei.text, dir) != NULL && strstr(ei.text, "uid") != NULL;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    dir_remove(dir);
}

static void wrong_paths_are_refused(void **state)
{
    (void)state;
    char dir[DIR_TEXT], path[DIR_TEXT + 16], huge[1000];
    struct err_info ei = {0};
    dir_make(dir);
    snprintf(path, sizeof(path), "%s/file", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    struct ledger_options o = {.state_dir = path, .workers = 1};
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_IO);
    assert_non_null(strstr(ei.text, path));
    snprintf(path, sizeof(path), "%s/file/below", dir);
    err_clear(&ei);
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_IO);
    memset(huge, 'x', sizeof(huge) - 1);
    huge[0] = '/';
    huge[sizeof(huge) - 1] = '\0';
    o.state_dir = huge;
    err_clear(&ei);
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_RANGE);
    o.state_dir = dir;
    o.workers = -1;
    err_clear(&ei);
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_RANGE);
    dir_remove(dir);
}

static void foreign_databases_are_refused(void **state)
{
    (void)state;
    char dir[DIR_TEXT], path[DIR_TEXT + 16];
    struct err_info ei = {0};
    dir_make(dir);
    snprintf(path, sizeof(path), "%s/ledger.db", dir);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 500; i++) {
        fputs("this is no database. ", f);
    }
    fclose(f);
    struct ledger_options o = {.state_dir = dir, .workers = 1};
    assert_null(ledger_open(&o, &ei));
    assert_int_equal(ei.code, ERR_CORRUPT);
    assert_non_null(strstr(ei.text, "ledger.db"));
    err_clear(&ei);
    assert_null(ledger_open_read(dir, &ei));
    assert_int_equal(ei.code, ERR_CORRUPT);
    dir_remove(dir);
}

static void reader_works_beside_a_core(void **state)
{
    struct fixture *f = *state;
    struct err_info ei = {0};
    store_plain(f->ledger, 0, 3);
    assert_int_equal(ledger_flush(f->ledger, 1000), ERR_OK);
    struct ledger *r = ledger_open_read(f->dir, NULL);
    assert_non_null(r);
    assert_int_equal(sum_of_all(r).output_tokens, 6);
    assert_int_equal(ledger_put_value(r, "a", STR("b"), &ei), ERR_FORBIDDEN);
    assert_int_equal(ledger_flush(r, 0), ERR_OK);
    assert_int_equal(ledger_start(r, &ei), ERR_CONFLICT);
    ledger_close(r);
    ledger_close(f->ledger);
    f->ledger = NULL;
    r = ledger_open_read(f->dir, NULL); /* and after it */
    assert_non_null(r);
    assert_int_equal(sum_of_all(r).output_tokens, 6);
    ledger_close(r);
}

static void reader_of_nothing_is_told(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    struct err_info ei = {0};
    dir_make(dir);
    assert_null(ledger_open_read(dir, &ei));
    assert_int_equal(ei.code, ERR_NOT_FOUND);
    dir_remove(dir);
}

static void thread_folds_by_itself(void **state)
{
    struct fixture *f = *state;
    struct ledger *g = f->ledger;
    assert_int_equal(ledger_start(g, NULL), ERR_OK);
    assert_int_equal(ledger_start(g, NULL), ERR_CONFLICT);
    for (unsigned i = 1; i <= 100; i++) {
        store_plain(g, 0, i);
    }
    WAIT_FOR(sum_of_all(g).approved == 100);
    store_plain(g, 0, 101);
    assert_int_equal(ledger_flush(g, 10000), ERR_OK);
    assert_int_equal(sum_of_all(g).approved, 101);
    struct ledger_health h;
    ledger_health(g, &h);
    assert_true(h.ok);
    assert_string_equal(h.text, "");
    assert_int_equal(h.recovered_calls, 0);
    assert_int_equal(h.journal_used_percent, 0);
    store_plain(g, 0, 102); /* folded by closing */
    ledger_close(g);
    g = f->ledger = ledger_at(f->dir, 2, 0);
    assert_int_equal(sum_of_all(g).approved, 102);
}

/* A limit on file sizes stands for a full disk: SQLite fails, the journal (in place) does not. */
static void full_disk_keeps_calls_in_the_journal(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct ledger *g = ledger_at(dir, 1, 256 << 10);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    unsigned stored = 0;
    struct call c;
    uint64_t slot;
    do {
        call_fill(&c, ++stored);
        call_end(&c, 1, 1);
        enum err e = ledger_admitted(g, 0, &c, &slot);
        if (e != ERR_OK) {
            assert_int_equal(e, ERR_FULL);
            stored--;
        } else {
            ledger_settled(g, 0, slot, &c);
        }
        call_clear(&c);
    } while (slot != 0);
    enum err folded = ledger_flush(g, 1000);
    struct ledger_health h;
    ledger_health(g, &h);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(folded, ERR_IO);
    assert_false(h.ok);
    assert_non_null(strstr(h.text, "ledger"));
    assert_true(h.journal_used_percent > 80);
    assert_true(stored > 100);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK); /* space again */
    ledger_health(g, &h);
    assert_true(h.ok);
    assert_int_equal(sum_of_all(g).approved, stored);
    store_plain(g, 0, 5000);
    assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    assert_int_equal(count_calls(g), (int64_t)stored + 1);
    ledger_close(g);
    dir_remove(dir);
}

static void old_rows_go_by_retention(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct ledger_options o = {.state_dir = dir,
                               .workers = 1,
                               .retention_calls_ms = 2 * DAY_MS,
                               .retention_rollups_ms = 10 * DAY_MS};
    clock_set_fake_wall(NOW_MS);
    struct ledger *g = ledger_open(&o, NULL);
    assert_non_null(g);
    for (unsigned day = 0; day < 20; day++) {
        struct call c;
        call_fill(&c, day + 1);
        c.admitted_wall_ms = NOW_MS - day * DAY_MS;
        call_end(&c, 1, 0);
        store_settled(g, 0, &c);
        call_clear(&c);
    }
    for (int i = 0; i < 40; i++) { /* a batch a pass */
        assert_int_equal(ledger_flush(g, 1000), ERR_OK);
    }
    assert_int_equal(count_calls(g), 3);              /* 0, 1 and exactly 2 days old */
    assert_int_equal(sum_of_all(g).input_tokens, 11); /* 0 to 10 days old */
    clock_set_fake_wall(0);
    ledger_close(g);
    dir_remove(dir);
}

/* The room of what is past its retention is used again: the file is as large as what was kept at
 * one time made it. */
static void the_file_is_bounded(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    int64_t largest = 0, now = NOW_MS;
    dir_make(dir);
    struct ledger_options o = {.state_dir = dir,
                               .workers = 1,
                               .retention_calls_ms = DAY_MS,
                               .retention_rollups_ms = DAY_MS};
    clock_set_fake_wall(now);
    struct ledger *g = ledger_open(&o, NULL);
    assert_non_null(g);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 3000; i++) {
            struct call c;
            call_fill(&c, round * 3000 + i + 1);
            c.admitted_wall_ms = now;
            call_end(&c, 1, 0);
            store_settled(g, 0, &c);
            call_clear(&c);
        }
        assert_int_equal(ledger_flush(g, 20000), ERR_OK);
        int64_t pages = database_number(dir, "PRAGMA page_count");
        assert_true(round == 0 || pages <= largest + largest / 4);
        largest = round == 0 ? pages : largest;
        now += 2 * DAY_MS;
        clock_set_fake_wall(now);
        g->next_cleaning_us = 0;
        for (int i = 0; i < 6; i++) { /* a batch a pass */
            assert_int_equal(ledger_flush(g, 20000), ERR_OK);
        }
        assert_int_equal(count_calls(g), 0);
    }
    assert_true(largest > 40);
    clock_set_fake_wall(0);
    ledger_close(g);
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_bounded),
        FIXTURE_TEST(approved_call_comes_back),
        FIXTURE_TEST(denied_and_rejected_calls_come_back),
        FIXTURE_TEST(tags_of_single_calls_make_no_series),
        FIXTURE_TEST(oversized_strings_are_cut),
        FIXTURE_TEST(settled_without_admission_is_kept),
        FIXTURE_TEST(settled_twice_breaks_nothing),
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(debts_outlive_the_process),
        cmocka_unit_test(a_directory_that_anybody_may_write_is_refused),
        FIXTURE_TEST(second_core_is_refused_by_pid),
        cmocka_unit_test(unwritable_directory_is_named),
        cmocka_unit_test(wrong_paths_are_refused),
        cmocka_unit_test(foreign_databases_are_refused),
        FIXTURE_TEST(reader_works_beside_a_core),
        cmocka_unit_test(reader_of_nothing_is_told),
        FIXTURE_TEST(thread_folds_by_itself),
        cmocka_unit_test(full_disk_keeps_calls_in_the_journal),
        cmocka_unit_test(old_rows_go_by_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
