/* priority.h: how the ledger thread gives way to the workers. Private to the room. */
#ifndef TOLLGATE_LEDGER_PRIORITY_H
#define TOLLGATE_LEDGER_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

/* For the calling thread, which from now on gives way. The others do nothing in a thread that has
 * not called it. */
void priority_give_way(void);
void priority_urgent(bool urgent);    /* it may not wait any more, or may again */
void priority_until(int64_t mono_us); /* after that it does not wait either */
void priority_pause(void); /* a place to give way: to be passed every tenth of a millisecond */

#endif
