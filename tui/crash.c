#include "tui/crash.h"

#include <curses.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#define STACK_SIZE (64 * 1024)

static const int fatal[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

static struct {
    volatile int fd;
    struct termios saved;
    char bytes[256];
    size_t count;
    char stack[STACK_SIZE];
} crash = {.fd = -1};

static void add(const char *text)
{
    size_t n = text && text != (const char *)-1 ? strlen(text) : 0;
    if (crash.count + n <= sizeof crash.bytes) {
        memcpy(crash.bytes + crash.count, text, n);
        crash.count += n;
    }
}

static void on_fatal(int number)
{
    if (crash.fd >= 0) {
        ssize_t ignored = write(crash.fd, crash.bytes, crash.count);
        (void)ignored;
        (void)tcsetattr(crash.fd, TCSANOW, &crash.saved);
        crash.fd = -1;
    }
    (void)raise(number); /* the handler is gone by SA_RESETHAND, the signal unmasked on return */
}

void crash_arm(int fd, const struct termios *saved)
{
    crash.saved = *saved;
    crash.count = 0;
    add("\030");                   /* CAN: ends a sequence that was cut */
    add("\033[?1006l\033[?1000l"); /* the mouse */
    add(exit_attribute_mode);
    add(orig_pair);
    add(cursor_normal);
    add(exit_ca_mode ? exit_ca_mode : "\r\n");
    crash.fd = fd;
    stack_t stack = {.ss_sp = crash.stack, .ss_size = sizeof crash.stack};
    (void)sigaltstack(&stack, NULL);
    struct sigaction act = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND | SA_ONSTACK};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        (void)sigaction(fatal[i], &act, NULL);
    }
}

void crash_disarm(void)
{
    crash.fd = -1;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        (void)signal(fatal[i], SIG_DFL);
    }
    stack_t stack = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&stack, NULL);
}
