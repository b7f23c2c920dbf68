/* state.c: the state directory: making it, and letting in one core or command at a time. */
#include "core/ledger/state.h"

#include "core/base/log.h"
#include "core/ledger/ledger_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int state_open(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 077) != 0 && fchmod(fd, 0600) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

enum err state_write(int fd, const uint8_t *bytes, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t put = pwrite(fd, bytes, n, at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return ERR_IO;
        }
        bytes += put;
        n -= (size_t)put;
        at += put;
    }
    return ERR_OK;
}

/* Real zeros rather than unwritten extents: the first store into a page then needs no block. */
static enum err fill_with_zeros(int fd, size_t size)
{
    static const uint8_t zeros[64 << 10];
    enum err e = ERR_OK;
    for (size_t at = 0; e == ERR_OK && at < size; at += sizeof(zeros)) {
        size_t n = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
        e = state_write(fd, zeros, n, (off_t)at);
    }
    return e;
}

enum err state_set_aside(int fd, size_t size, const char *path, struct err_info *ei)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot use %s", path);
    }
    if (st.st_size == (off_t)size && st.st_blocks * 512 >= (blkcnt_t)size) {
        return ERR_OK;
    }
    if (ftruncate(fd, 0) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot use %s", path);
    }
    int full = posix_fallocate(fd, 0, (off_t)size);
    if (full != 0) {
        return err_set_sys(ei, ERR_IO, full, "cannot set aside %zu KiB for %s", size >> 10, path);
    }
    if (fill_with_zeros(fd, size) != ERR_OK) {
        return err_set_sys(ei, ERR_IO, errno, "cannot write %zu KiB of %s", size >> 10, path);
    }
    return ERR_OK;
}

void ledger_path(const struct ledger *g, char out[LEDGER_PATH_MAX], const char *name)
{
    int n = snprintf(out, LEDGER_PATH_MAX, "%s/%s", g->dir, name);
    CHECK(n > 0 && n < LEDGER_PATH_MAX);
}

void ledger_journal_path(const struct ledger *g, char out[LEDGER_PATH_MAX], int worker)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "journal.%d", worker);
    ledger_path(g, out, name);
}

static const char *user_name(void)
{
    const struct passwd *user = getpwuid(geteuid());
    return user != NULL ? user->pw_name : "?";
}

static enum err refuse(const struct ledger *g, const char *doing, int sys, struct err_info *ei)
{
    return err_set_sys(ei, sys == EACCES || sys == EPERM ? ERR_FORBIDDEN : ERR_IO, sys,
                       "cannot %s the state directory %s as user %s (uid %u)", doing, g->dir,
                       user_name(), (unsigned)geteuid());
}

/* Missing parents are made like any directory; the last one lets others reach the socket in it. */
static enum err make_parents(const struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    (void)str_copy(path, sizeof(path), str_of(g->dir));
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            return refuse(g, "create", errno, ei);
        }
        *slash = '/';
    }
    return ERR_OK;
}

enum err ledger_state_make(struct ledger *g, struct err_info *ei)
{
    struct stat st;
    if (stat(g->dir, &st) == 0) {
        if (S_ISDIR(st.st_mode) && (st.st_mode & S_IWOTH) != 0) {
            return err_set(ei, ERR_FORBIDDEN,
                           "anybody may write into the state directory %s (mode %04o); run: chmod "
                           "711 %s",
                           g->dir, (unsigned)(st.st_mode & 07777), g->dir);
        }
        return S_ISDIR(st.st_mode) ? ERR_OK : refuse(g, "use", ENOTDIR, ei);
    }
    if (errno != ENOENT) {
        return refuse(g, "reach", errno, ei);
    }
    enum err e = make_parents(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (mkdir(g->dir, 0711) != 0 && errno != EEXIST) {
        return refuse(g, "create", errno, ei);
    }
    return chmod(g->dir, 0711) == 0 ? ERR_OK : refuse(g, "open up", errno, ei);
}

static enum err refuse_second(struct ledger *g, struct err_info *ei)
{
    char text[32] = "";
    ssize_t n = pread(g->lock_fd, text, sizeof(text) - 1, 0);
    int64_t pid = 0;
    struct str rest, all = {text, n > 0 ? (size_t)n : 0};
    struct str digits = str_cut(all, '\n', &rest);
    if (!str_to_i64(digits, &pid)) {
        return err_set(ei, ERR_BUSY, "another tollgate core holds %s", g->dir);
    }
    return err_set(ei, ERR_BUSY, "another tollgate core (pid %lld) holds %s", (long long)pid,
                   g->dir);
}

enum err ledger_state_lock(struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    ledger_path(g, path, "lock");
    g->lock_fd = state_open(path);
    if (g->lock_fd < 0) {
        return refuse(g, "write into", errno, ei);
    }
    while (flock(g->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return refuse_second(g, ei);
        }
        if (errno != EINTR) {
            return refuse(g, "lock", errno, ei);
        }
    }
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(g->lock_fd, 0) != 0 || pwrite(g->lock_fd, text, (size_t)n, 0) != n) {
        return refuse(g, "write into", errno, ei);
    }
    return ERR_OK;
}

void ledger_state_note(struct ledger *g)
{
    char path[LEDGER_PATH_MAX];
    struct stat st;
    ledger_path(g, path, "ledger.db");
    if (stat(path, &st) == 0) {
        g->db_device = st.st_dev;
        g->db_inode = st.st_ino;
    }
}

void ledger_state_look(struct ledger *g)
{
    char lock[LEDGER_PATH_MAX], db[LEDGER_PATH_MAX];
    struct stat held, lies, data;
    ledger_path(g, lock, "lock");
    ledger_path(g, db, "ledger.db");
    bool same = fstat(g->lock_fd, &held) == 0 && stat(lock, &lies) == 0 && stat(db, &data) == 0 &&
                held.st_ino == lies.st_ino && held.st_dev == lies.st_dev &&
                data.st_ino == g->db_inode && data.st_dev == g->db_device;
    bool was_gone = atomic_exchange(&g->gone, !same);
    if (!same && !was_gone) {
        log_error("ledger", "the state directory %s was deleted or replaced under a running core",
                  g->dir);
    } else if (same && was_gone) {
        log_info("ledger", "the state directory %s is back", g->dir);
    }
}
