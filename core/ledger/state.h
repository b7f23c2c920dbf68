/* state.h: files of the state directory, which nobody else may read. */
#ifndef TOLLGATE_LEDGER_STATE_H
#define TOLLGATE_LEDGER_STATE_H

/* Opens for reading and writing, made if absent. One that others may read, as a copy brought back
 * often is, is closed to them. -1 with errno. */
int state_open(const char *path);

#endif
