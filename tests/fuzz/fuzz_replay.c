/* A state directory whose journal is damaged: the ledger opens all the same, and what it says is
 * consistent. Slow (a database for each input), so that it finds less a second than the others. */
#include "core/ledger/ledger.h"
#include "tests/fuzz/journal_file.h"

#include <dirent.h>
#include <sys/stat.h>

struct found {
    int64_t calls;
};

static bool count_entry(void *arg, const struct audit_entry *e)
{
    struct found *found = arg;
    found->calls += !e->is_change;
    MUST(e->tags.count <= TAGS_MAX);
    return true;
}

static bool count_row(void *arg, const struct ledger_row *row)
{
    struct found *found = arg;
    found->calls++;
    (void)row;
    return true;
}

static void check_ledger(struct ledger *g)
{
    struct audit_query all = {.calls = true, .changes = true};
    struct ledger_query sums = {.by = {"model"}, .by_count = 1};
    struct found found = {0}, rows = {0};
    struct err_info ei = {0};

    MUST(ledger_audit(g, &all, count_entry, &found, &ei) == ERR_OK);
    MUST(ledger_sum(g, &sums, count_row, &rows, &ei) == ERR_OK);
}

static void remove_in(const char *path)
{
    DIR *dir = opendir(path);
    MUST(dir != NULL);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            MUST(unlinkat(dirfd(dir), e->d_name, 0) == 0);
        }
    }
    MUST(closedir(dir) == 0);
    MUST(rmdir(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct journal_file file;
    char dir[64], path[128];
    struct input in = {data, n};
    struct err_info ei = {0};
    uint8_t flags = input_byte(&in);
    size_t size = flags & 4 ? (size_t)input_int(&in, 3) : JOURNAL_FILE_BYTES;
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(dir, sizeof(dir), "%s/tollgate-fuzz.%ld", folder, (long)getpid());
    snprintf(path, sizeof(path), "%s/journal.1", dir);
    MUST(mkdir(dir, 0700) == 0);
    journal_file_begin(&file, flags);
    journal_file_fill(&file, &in);
    journal_file_write(&file, path, size);
    struct ledger_options o = {.state_dir = dir, .workers = 0};
    struct ledger *g = ledger_open(&o, &ei);
    if (g == NULL) {
        fprintf(stderr, "%s\n", ei.text);
    }
    MUST(g != NULL);
    check_ledger(g);
    ledger_close(g);
    remove_in(dir);
    return 0;
}
