/* loop.h: one epoll loop a thread: descriptors, timers, messages from other threads. */
#ifndef TOLLGATE_BASE_LOOP_H
#define TOLLGATE_BASE_LOOP_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* Embedded in its owner. on_event runs in the loop's thread with EPOLL* bits. */
struct loop_fd {
    int fd;
    uint32_t events; /* as registered; maintained by the loop */
    void (*on_event)(struct loop_fd *f, uint32_t events);
};

/* Embedded in its owner; all-zero is a valid unarmed timer. */
struct loop_timer {
    int64_t due_us; /* clock_mono_us */
    size_t heap_at; /* 1-based place in the heap; 0: not armed */
    void (*on_time)(struct loop_timer *t);
};

struct loop *loop_new(struct err_info *ei);
void loop_free(struct loop *l); /* registered descriptors stay open and are the owner's */

/* Level-triggered. `events` 0 is allowed (only EPOLLERR and EPOLLHUP are told). */
enum err loop_add(struct loop *l, struct loop_fd *f, uint32_t events) MUST_CHECK;
void loop_change(struct loop *l, struct loop_fd *f, uint32_t events); /* no system call if equal */
/* Unregisters; events of f that were already fetched in this turn are not delivered, so the owner
 * may free f at once. */
void loop_remove(struct loop *l, struct loop_fd *f);

void loop_arm(struct loop *l, struct loop_timer *t, int64_t after_us); /* re-arms when armed */
void loop_disarm(struct loop *l, struct loop_timer *t);

/* Called once at the end of every turn, before sleeping, and once when the loop ends. One a loop.
 */
void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg);

/* From any thread: fn(arg) will run in the loop's thread, in the order posted; what was posted
 * before loop_stop still runs. False without memory or with a million calls waiting: then fn will
 * not run. */
bool loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

int64_t loop_now_us(const struct loop *l);  /* clock_mono_us taken once a turn */
int64_t loop_wall_ms(const struct loop *l); /* clock_wall_ms taken once a turn */
void loop_look_at_clock(struct loop *l);    /* takes both anew; in the loop's thread */

void loop_run(struct loop *l);  /* until loop_stop; may be run again */
void loop_stop(struct loop *l); /* from any thread */

#endif
