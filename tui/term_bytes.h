/* term_bytes.h: what curses says at greater length than a terminal needs to hear. */
#ifndef TOLLGATE_TUI_TERM_BYTES_H
#define TOLLGATE_TUI_TERM_BYTES_H

#include <stddef.h>

/* ESC [ m already gives back the terminal's own colours; and no other character set was chosen, so
 * that none has to be left. Takes out of a frame what says so besides; returns its new length. */
size_t term_bytes_shorten(char *bytes, size_t n);

#endif
