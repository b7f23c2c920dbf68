/* keys.h: bytes from a terminal turned into keys, without curses, so that answers of the terminal
 * (to ESC [ 5 n) can be told from keys. A character is its code point; other keys are W_KEY_*. */
#ifndef TOLLGATE_WIDGETS_KEYS_H
#define TOLLGATE_WIDGETS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum w_key {
    W_KEY_NONE = -1,
    W_KEY_TAB = '\t',
    W_KEY_ENTER = '\r',
    W_KEY_ESC = 0x1b,
    W_KEY_BACKSPACE = 0x7f,
    W_KEY_UP = 0x110000,
    W_KEY_DOWN,
    W_KEY_LEFT,
    W_KEY_RIGHT,
    W_KEY_HOME,
    W_KEY_END,
    W_KEY_PAGE_UP,
    W_KEY_PAGE_DOWN,
    W_KEY_DELETE,
    W_KEY_BACK_TAB,
    W_KEY_SHIFT_LEFT,
    W_KEY_SHIFT_RIGHT,
    W_KEY_F1,
    W_KEY_ANSWER, /* the terminal's "ready": ESC [ 0 n */
    W_KEY_MOUSE,  /* a button or the wheel (ESC [ < .. M): w_keys.mouse says which and where */
    W_KEY_GROUND  /* the colour of the terminal's ground (ESC ] 11 ; rgb:..): w_keys.ground */
};

enum w_mouse_button {
    W_MOUSE_LEFT = 0,
    W_MOUSE_MIDDLE = 1,
    W_MOUSE_RIGHT = 2,
    W_MOUSE_WHEEL_UP = 64,
    W_MOUSE_WHEEL_DOWN = 65
};

struct w_mouse {
    int button; /* enum w_mouse_button, or another that means nothing */
    int x, y;   /* from 0 */
};

#define W_CTRL(c) ((c)&0x1f)

/* What a widget made of a key. */
enum w_answer { W_IGNORED, W_HANDLED, W_ACCEPTED, W_CANCELLED };

#define W_KEYS_MAX 64

/* All-zero is the start. */
struct w_keys {
    unsigned char bytes[W_KEYS_MAX];
    size_t count;
    struct w_mouse mouse; /* of the last W_KEY_MOUSE */
    bool ground_asked;    /* ESC ] begins an answer; otherwise it is two keys, as typed */
    int ground;           /* of the last W_KEY_GROUND: 0xrrggbb */
};

/* Takes one byte; returns how many keys it completes (0 to 2) and puts them in out. Unknown
 * sequences are swallowed; ESC and a character at once are two keys, as when somebody types fast.
 */
int w_keys_feed(struct w_keys *k, unsigned char byte, int out[2]);
/* The answer to a question is on its way, which no pause makes a key. */
bool w_keys_in_answer(const struct w_keys *k);
/* An ESC waits for more: after ESCDELAY without any, w_keys_flush says what it was. */
bool w_keys_waiting(const struct w_keys *k);
int w_keys_flush(struct w_keys *k);

#endif
