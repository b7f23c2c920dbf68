/* crash.h: the terminal handed back even when the program dies of a bug. */
#ifndef TOLLGATE_TUI_CRASH_H
#define TOLLGATE_TUI_CRASH_H

#include <termios.h>

/* From now on SEGV, ABRT, BUS, FPE and ILL first restore the terminal on fd (bytes prepared here
 * from terminfo; curses must be running), then kill the program as they would have. */
void crash_arm(int fd, const struct termios *saved);
void crash_disarm(void);

#endif
