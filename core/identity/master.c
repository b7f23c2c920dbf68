/* master.c: the file of the 32 bytes from which every secret key is derived. */
#include "core/base/uuid.h"
#include "core/identity/identity_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err check_file(int fd, const char *path, struct err_info *ei)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot look at the key file %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(ei, ERR_CORRUPT, "the key file %s is not a regular file", path);
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(ei, ERR_FORBIDDEN,
                       "others may read the key file %s (mode %04o); run: chmod 600 %s", path,
                       (unsigned)(st.st_mode & 07777), path);
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return err_set(ei, ERR_FORBIDDEN, "the key file %s belongs to another user (uid %u)", path,
                       (unsigned)st.st_uid);
    }
    if (st.st_size != MASTER_BYTES) {
        return err_set(ei, ERR_CORRUPT, "the key file %s has %lld bytes, not %d", path,
                       (long long)st.st_size, MASTER_BYTES);
    }
    return ERR_OK;
}

static enum err read_master(uint8_t out[MASTER_BYTES], const char *path, struct err_info *ei)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT) {
        return ERR_NOT_FOUND;
    }
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open the key file %s", path);
    }
    enum err e = check_file(fd, path, ei);
    if (e == ERR_OK) {
        ssize_t n = read(fd, out, MASTER_BYTES);
        if (n < 0) {
            e = err_set_sys(ei, ERR_IO, errno, "cannot read the key file %s", path);
        } else if (n != MASTER_BYTES) {
            e = err_set(ei, ERR_CORRUPT, "the key file %s was cut short", path);
        }
    }
    close(fd);
    return e;
}

static enum err write_new(int fd, const char *path, struct err_info *ei)
{
    uint8_t drawn[MASTER_BYTES];

    uuid_bytes(drawn, sizeof(drawn));
    ssize_t n = write(fd, drawn, sizeof(drawn));
    explicit_bzero(drawn, sizeof(drawn));
    if (n != MASTER_BYTES || fsync(fd) != 0) {
        return err_set_sys(ei, ERR_IO, n < 0 || n == MASTER_BYTES ? errno : ENOSPC,
                           "cannot write the key file %s", path);
    }
    return ERR_OK;
}

/* The name must outlast a power loss as well. */
static enum err sync_folder(const char *path, struct err_info *ei)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    (void)snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
    int fd = open(slash == NULL ? "." : n == 0 ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open the folder of the key file %s", path);
    }
    enum err e = ERR_OK;
    if (fsync(fd) != 0) {
        e = err_set_sys(ei, ERR_IO, errno, "cannot sync the folder of the key file %s", path);
    }
    close(fd);
    return e;
}

/* Written whole beside its place first, so that no crash leaves half a key under its name. A file
 * that is there already is not touched. */
static enum err create_master(const char *path, struct err_info *ei)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof(beside)) {
        return err_set(ei, ERR_TOO_BIG, "the name of the key file is too long");
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot create the key file %s", path);
    }
    enum err e = write_new(fd, path, ei);
    close(fd);
    if (e == ERR_OK && link(beside, path) != 0 && errno != EEXIST) {
        e = err_set_sys(ei, ERR_IO, errno, "cannot create the key file %s", path);
    }
    unlink(beside);
    return e == ERR_OK ? sync_folder(path, ei) : e;
}

enum err master_load(uint8_t out[MASTER_BYTES], const char *path, bool create, struct err_info *ei)
{
    enum err e = read_master(out, path, ei);

    if (e != ERR_NOT_FOUND) {
        return e;
    }
    if (!create) {
        return err_set(ei, ERR_NOT_FOUND, "there is no key file %s", path);
    }
    e = create_master(path, ei);
    if (e == ERR_OK) {
        e = read_master(out, path, ei);
    }
    return e == ERR_NOT_FOUND ? err_set(ei, e, "the key file %s was removed meanwhile", path) : e;
}
