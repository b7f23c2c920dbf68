/* term.h: the terminal. curses only computes what changed; its bytes go into a memory file, and
 * this file writes them, so that a stalled terminal never stops the program, and a frame is not
 * sent before the terminal has answered (ESC [ 5 n, ESC [ 0 n) that it has drawn the one before. */
#ifndef TOLLGATE_TUI_TERM_H
#define TOLLGATE_TUI_TERM_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "widgets/keys.h"

#include <curses.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <termios.h>

struct term {
    int fd;     /* the terminal, opened anew: never blocks, without touching the shell's own */
    int bytes;  /* where curses writes */
    FILE *file; /* the same as a stream */
    SCREEN *screen;
    struct termios saved, raw;
    struct buf out;
    int rows, cols;
    bool gone;  /* hung up */
    bool hurry; /* leave without waiting for answers */
    struct w_keys keys;
    int64_t key_ms; /* when the last byte came */
    bool asks;      /* it is more than a teletype: questions make sense */
    bool asked;     /* a frame is on its way */
    bool mute;      /* this terminal does not answer */
    int64_t asked_ms, round_trip_ms;
    bool mouse;       /* clicks and the wheel are reported */
    bool wonders;     /* the next frame asks for the colour of the ground too */
    int64_t frame_ms; /* when the last frame went out; 0: never */
};

/* Takes the terminal of standard input. Errors say what is missing. */
enum err term_open(struct term *t, struct err_info *ei) MUST_CHECK;
/* Gives it back as it was, within a second, and waits for answers still under way. */
void term_close(struct term *t);

/* Sends what changed on stdscr. Nothing changed: nothing is sent, not even a question. */
void term_frame(struct term *t, int64_t now_ms);
/* The time from which on a frame may be sent (now or earlier: at once); INT64_MAX: when the
 * terminal has answered. `urgent`: a key was pressed. */
int64_t term_frame_due(const struct term *t, bool urgent, int64_t now_ms);
/* Asks what colour the terminal's ground is, with the next frame, if it is of a kind that may know:
 * W_KEY_GROUND is the answer, when there is one. */
void term_ask_ground(struct term *t);
/* Asks the terminal to report clicks and the wheel, or to keep them to itself. */
void term_mouse(struct term *t, bool on);
/* Reads what was typed and calls fn for each key; sees to answers. */
void term_read(struct term *t, int64_t now_ms, void (*fn)(void *arg, int key), void *arg);
/* Milliseconds until a lone ESC counts as a key, or -1; term_escape delivers it. */
int term_escape_wait(const struct term *t, int64_t now_ms);
void term_escape(struct term *t, void (*fn)(void *arg, int key), void *arg);
bool term_wants_write(const struct term *t);
void term_flush(struct term *t);
/* Takes over a changed size. */
void term_resize(struct term *t);
/* Hands the terminal to the shell and stops; `group`: the whole job, as Ctrl-Z does. Returns when
 * continued. */
void term_suspend(struct term *t, bool group);
/* After SIGCONT: sets the modes again and draws everything. */
void term_resume(struct term *t);

#endif
