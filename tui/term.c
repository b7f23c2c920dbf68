#include "tui/term.h"

#include "tui/crash.h"
#include "tui/term_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"

#define FRAME_MS     250   /* at most four frames a second */
#define SLOW_MS      1000  /* ... one, for a terminal that does not answer */
#define ANSWER_MS    2000  /* no answer for so long: it never will */
#define ASK_AGAIN_MS 10000 /* a mute terminal may only have been slow */
#define ESCAPE_MS    25
#define COLS_LEAST   2 /* curses 6.4 reads before its lines when they are one column wide */
#define OUT_MAX      (1024 * 1024)
#define HURRY_MS     50
#define LEAVE_MS     300 /* for the last bytes to be taken */
#define LAST_WORD_MS 700 /* for answers still under way */

static int64_t now(void)
{
    return clock_mono_us() / 1000;
}

static enum err open_tty(struct term *t, struct err_info *ei)
{
    char name[256];
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return err_set(ei, ERR_UNSUPPORTED,
                       "the dashboard needs a terminal; `tollgate status` prints a snapshot");
    }
    if (ttyname_r(STDIN_FILENO, name, sizeof name) == 0) {
        t->fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    }
    if (t->fd < 0) {
        t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    }
    if (t->fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open the terminal");
    }
    if (tcgetattr(t->fd, &t->saved) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot read the terminal's settings");
    }
    t->raw = t->saved;
    cfmakeraw(&t->raw);
    t->raw.c_cc[VMIN] = 0;
    t->raw.c_cc[VTIME] = 0;
    return ERR_OK;
}

static void read_size(struct term *t)
{
    struct winsize size = {0};
    bool known = ioctl(t->fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    t->rows = known ? size.ws_row : 24;
    t->cols = known ? size.ws_col : 80;
    t->cols = t->cols < COLS_LEAST ? COLS_LEAST : t->cols;
}

/* curses asks the file it writes to for its size, which is no terminal, and would begin with 24
 * rows: a scroll region of them would stay and hold the cursor's moves. */
static SCREEN *new_screen(const struct term *t, const char *type)
{
    static const char *const names[] = {"LINES", "COLUMNS"};
    const int sizes[] = {t->rows, t->cols};
    char before[2][16] = {"", ""};
    for (size_t i = 0; i < 2; i++) {
        char size[16];
        const char *now = getenv(names[i]);
        (void)snprintf(before[i], sizeof before[i], "%.15s", now ? now : "");
        (void)snprintf(size, sizeof size, "%d", sizes[i]);
        (void)setenv(names[i], size, 1);
    }
    SCREEN *screen = newterm(type, t->file, stdin);
    for (size_t i = 0; i < 2; i++) {
        (void)(before[i][0] ? setenv(names[i], before[i], 1) : unsetenv(names[i]));
    }
    return screen;
}

static enum err start_curses(struct term *t, struct err_info *ei)
{
    t->bytes = memfd_create("tollgate-screen", MFD_CLOEXEC);
    t->file = t->bytes >= 0 ? fdopen(t->bytes, "w") : NULL;
    if (!t->file) {
        return err_set_sys(ei, ERR_IO, errno, "cannot make room for the screen");
    }
    const char *type = getenv("TERM");
    read_size(t);
    t->screen = new_screen(t, NULL);
    if (!t->screen) {
        t->screen = new_screen(t, "vt100"); /* better than no screen at all */
    }
    if (!t->screen) {
        return err_set(ei, ERR_UNSUPPORTED, "terminal type \"%.40s\" is not known here; set TERM",
                       type ? type : "");
    }
    static const int ours[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        (void)signal(ours[i], SIG_DFL); /* newterm put handlers there; the poll loop sees to them */
    }
    const char *move_cursor = tigetstr("cup");
    t->asks = move_cursor && move_cursor != (const char *)-1;
    set_escdelay(ESCAPE_MS);
    typeahead(-1);
    curs_set(0);
    leaveok(stdscr, TRUE);
    idlok(stdscr, TRUE);
    resizeterm(t->rows, t->cols);
    return ERR_OK;
}

enum err term_open(struct term *t, struct err_info *ei)
{
    memset(t, 0, sizeof *t);
    t->fd = t->bytes = -1;
    buf_init(&t->out, OUT_MAX);
    enum err e = open_tty(t, ei);
    if (e == ERR_OK) {
        e = start_curses(t, ei);
    }
    if (e == ERR_OK) {
        crash_arm(t->fd, &t->saved);
        (void)tcsetattr(t->fd, TCSADRAIN, &t->raw);
        return ERR_OK;
    }
    term_close(t);
    return e;
}

/* Moves what curses wrote into the queue; returns how much it was. `whole`: as it is. */
static size_t collect(struct term *t, bool whole)
{
    off_t end = lseek(t->bytes, 0, SEEK_CUR);
    if (end <= 0) {
        return 0;
    }
    size_t n = (size_t)end;
    char *room = buf_reserve(&t->out, n);
    if (room && pread(t->bytes, room, n, 0) == end) {
        buf_commit(&t->out, whole ? n : term_bytes_shorten(room, n));
    }
    if (ftruncate(t->bytes, 0) != 0 || lseek(t->bytes, 0, SEEK_SET) != 0) {
        t->gone = true;
    }
    return n;
}

void term_flush(struct term *t)
{
    while (t->out.len > 0 && !t->gone) {
        ssize_t n = write(t->fd, buf_bytes(&t->out), t->out.len);
        if (n < 0) {
            t->gone = errno != EAGAIN && errno != EINTR;
            return;
        }
        buf_consume(&t->out, (size_t)n);
    }
}

bool term_wants_write(const struct term *t)
{
    return t->out.len > 0;
}

void term_frame(struct term *t, int64_t now_ms)
{
    bool whole =
        is_cleared(curscr); /* all is drawn anew: whatever was chosen before is set right */
    wnoutrefresh(stdscr);
    doupdate();
    if (collect(t, whole) == 0) {
        return;
    }
    t->frame_ms = now_ms;
    if (!t->asks) {
        term_flush(t);
        return;
    }
    if (!t->asked || now_ms - t->asked_ms >= ASK_AGAIN_MS) {
        t->mute = t->asked;
        if (t->wonders) {
            (void)buf_add(&t->out, "\033]11;?\033\\");
            t->keys.ground_asked = true;
            t->wonders = false;
        }
        (void)buf_add(&t->out, "\033[5n");
        t->asked = true;
        t->asked_ms = now_ms;
    }
    term_flush(t);
}

int64_t term_frame_due(const struct term *t, bool urgent, int64_t now_ms)
{
    if (t->out.len > 0) {
        return INT64_MAX;
    }
    int64_t asked_until = t->asked_ms + ANSWER_MS;
    if (t->asked && !t->mute && asked_until > now_ms) {
        return asked_until;
    }
    if (urgent || t->frame_ms == 0) {
        return now_ms;
    }
    return t->frame_ms + (t->asked ? SLOW_MS : FRAME_MS);
}

static void answered(struct term *t, int64_t now_ms)
{
    t->round_trip_ms = now_ms - t->asked_ms;
    t->asked = false;
    t->mute = false;
}

static void take_key(struct term *t, int key, int64_t now_ms, void (*fn)(void *arg, int key),
                     void *arg)
{
    if (key == W_KEY_ANSWER) {
        t->keys.ground_asked = false; /* the answer to that came before, or never comes */
        answered(t, now_ms);
    } else {
        fn(arg, key);
    }
}

void term_read(struct term *t, int64_t now_ms, void (*fn)(void *arg, int key), void *arg)
{
    unsigned char bytes[512];
    for (;;) {
        ssize_t n = read(t->fd, bytes, sizeof bytes);
        if (n <= 0) {
            if (n < 0 && errno != EAGAIN && errno != EINTR) {
                t->gone = true;
            }
            return;
        }
        t->key_ms = now_ms;
        for (ssize_t i = 0; i < n; i++) {
            int keys[2];
            int count = w_keys_feed(&t->keys, bytes[i], keys);
            for (int k = 0; k < count; k++) {
                take_key(t, keys[k], now_ms, fn, arg);
            }
        }
    }
}

int term_escape_wait(const struct term *t, int64_t now_ms)
{
    if (!w_keys_waiting(&t->keys)) {
        return -1;
    }
    int64_t wait = w_keys_in_answer(&t->keys) ? ANSWER_MS : ESCAPE_MS;
    int64_t left = t->key_ms + wait - now_ms;
    return left < 0 ? 0 : (int)left;
}

void term_escape(struct term *t, void (*fn)(void *arg, int key), void *arg)
{
    int key = w_keys_flush(&t->keys);
    if (key != W_KEY_NONE) {
        fn(arg, key);
    }
}

/* Kinds that answer OSC 11, or pass it over in silence; a console would print it. */
static bool knows_ground(const char *type)
{
    static const char *const kinds[] = {"xterm", "tmux",    "screen",  "rxvt",    "alacritty",
                                        "foot",  "kitty",   "st-",     "wezterm", "contour",
                                        "vte",   "konsole", "ghostty", "iterm",   "mintty"};
    for (size_t i = 0; type && i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(type, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

void term_ask_ground(struct term *t)
{
    t->wonders = t->asks && knows_ground(getenv("TERM"));
}

static void tell_mouse(struct term *t, bool on)
{
    (void)buf_add(&t->out, on ? "\033[?1000h\033[?1006h" : "\033[?1006l\033[?1000l");
}

void term_mouse(struct term *t, bool on)
{
    bool can = t->asks; /* as the questions, not for a teletype */
    if (can && on != t->mouse) {
        t->mouse = on;
        tell_mouse(t, on);
        term_flush(t);
    }
}

void term_resize(struct term *t)
{
    read_size(t);
    resizeterm(t->rows, t->cols);
}

static void ignore_key(void *arg, int key)
{
    (void)arg;
    (void)key;
}

/* Writes the rest of the queue while the terminal takes it, at most `ms`. */
static void flush_within(struct term *t, int64_t ms)
{
    int64_t until = now() + ms;
    term_flush(t);
    while (t->out.len > 0 && !t->gone && now() < until) {
        struct pollfd p = {.fd = t->fd, .events = POLLOUT};
        (void)poll(&p, 1, 20);
        term_flush(t);
    }
}

/* Answers that come after we have gone would be typed into the shell. */
static void await_answers(struct term *t, int64_t ms)
{
    int64_t until = now() + ms;
    while (t->asked && now() < t->asked_ms + ANSWER_MS && !t->mute && !t->gone && !t->hurry &&
           now() < until) {
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        (void)poll(&p, 1, 20);
        term_read(t, now(), ignore_key, NULL);
    }
}

/* What is queued will never be looked at: the screen is left at once. CAN ends a sequence that may
 * have been cut. */
static void leave_screen(struct term *t)
{
    if (t->out.len > 0) {
        buf_clear(&t->out);
        (void)buf_add(&t->out, "\030");
    }
    if (t->mouse) {
        tell_mouse(t, false);
    }
    endwin();
    (void)collect(t, true);
    flush_within(t, t->hurry ? HURRY_MS : LEAVE_MS);
}

void term_close(struct term *t)
{
    if (t->screen) {
        leave_screen(t);
        await_answers(t, LAST_WORD_MS);
        (void)tcsetattr(t->fd, t->gone ? TCSANOW : TCSAFLUSH, &t->saved);
        crash_disarm();
        delscreen(t->screen);
        t->screen = NULL;
    }
    if (t->file) {
        (void)fclose(t->file);
    } else if (t->bytes >= 0) {
        (void)close(t->bytes);
    }
    if (t->fd >= 0) {
        (void)close(t->fd);
    }
    t->fd = t->bytes = -1;
    t->file = NULL;
    buf_free(&t->out);
}

void term_suspend(struct term *t, bool group)
{
    leave_screen(t);
    await_answers(t, LEAVE_MS);
    (void)tcsetattr(t->fd, TCSADRAIN, &t->saved);
    if (group) {
        sigset_t stop;
        sigset_t before;
        sigemptyset(&stop);
        sigaddset(&stop, SIGTSTP);
        (void)sigprocmask(SIG_UNBLOCK, &stop, &before);
        (void)kill(0, SIGTSTP);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    } else {
        (void)raise(SIGSTOP);
    }
    term_resume(t);
}

void term_resume(struct term *t)
{
    (void)tcsetattr(t->fd, TCSADRAIN, &t->raw);
    t->asked = false;
    t->frame_ms = 0;
    if (t->mouse) {
        tell_mouse(t, true);
    }
    term_resize(t);
    clearok(curscr, TRUE);
}
