/* descriptors.c: see descriptors.h. */
#include "core/proxy/descriptors.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"

#define TABLE_MAX (64 * 1024) /* 512 KB of the kernel's memory */

/* It never shrinks. Without success it grows when it must, as ever. */
static void grow_table(rlim_t limit)
{
    int last = (int)(limit < TABLE_MAX ? limit : TABLE_MAX) - 1;
    int any = eventfd(0, EFD_CLOEXEC);
    int high = any >= 0 ? fcntl(any, F_DUPFD_CLOEXEC, last) : -1;
    if (high >= 0) {
        (void)close(high);
    }
    if (any >= 0) {
        (void)close(any);
    }
}

void descriptors_prepare(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) { /* the soft limit of 1,024 is a relic of select() */
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn("proxy", "cannot raise the limit of open files to %llu",
                     (unsigned long long)limit.rlim_max);
            limit.rlim_cur = before;
        }
    }
    grow_table(limit.rlim_cur);
}
