/* uuid.c: see uuid.h. */
#include "core/base/uuid.h"

#include "core/base/err.h"
#include "core/base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define POOL 512

/* Random bytes drawn ahead, a system call for many UUIDs. A forked child would hand out the same
 * bytes as its parent: this program does not fork after its first use, except to exec. */
static _Thread_local unsigned char pool[POOL];
static _Thread_local size_t pool_left;

static void draw(unsigned char *out, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(out, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CHECK(got > 0);
        out += got;
        n -= (size_t)got;
    }
}

void uuid_bytes(void *out, size_t n)
{
    if (n > POOL / 4) {
        draw(out, n);
        return;
    }
    if (n > pool_left) {
        draw(pool, POOL);
        pool_left = POOL;
    }
    unsigned char *from = pool + pool_left - n;
    memcpy(out, from, n);
    memset(from, 0, n); /* what was handed out is nowhere to be read a second time */
    pool_left -= n;
}

void uuid_random(char out[UUID_TEXT])
{
    static const unsigned char group_start[] = {0, 4, 6, 8, 10, 16};
    unsigned char bytes[16];
    uuid_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    char *at = out;
    for (size_t i = 0; i < 5; i++) {
        size_t n = (size_t)(group_start[i + 1] - group_start[i]);
        str_hex(at, bytes + group_start[i], n);
        at += 2 * n;
        *at++ = '-';
    }
    out[UUID_TEXT - 1] = '\0';
}
