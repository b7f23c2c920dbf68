/* state.h: files of the state directory, which nobody else may read. */
#ifndef TOLLGATE_LEDGER_STATE_H
#define TOLLGATE_LEDGER_STATE_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens for reading and writing, made if absent. One that others may read, as a copy brought back
 * often is, is closed to them. -1 with errno. */
int state_open(const char *path);
/* All of the bytes. ERR_IO with errno. */
enum err state_write(int fd, const uint8_t *bytes, size_t n, off_t at) MUST_CHECK;
/* Makes it a file of that size with all its room on the disk, so that a store into its mapping
 * never finds the disk full; one that is so already keeps what it holds, else it is zeros. */
enum err state_set_aside(int fd, size_t size, const char *path, struct err_info *ei) MUST_CHECK;

#endif
