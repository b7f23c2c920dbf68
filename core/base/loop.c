/* loop.c: epoll, a binary heap of timers, and a locked list of posted calls behind an eventfd. */
#include "core/base/loop.h"

#include "core/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH_MAX   256
#define HEAP_START  256
#define POSTS_START 64
#define POSTS_MAX   ((size_t)1 << 20)
#define SLEEP_MAX   60000 /* ms; bounds a sleep so that a clock surprise cannot hang the loop */

struct post {
    void (*fn)(void *arg);
    void *arg;
};

struct posts {
    struct post *list;
    size_t count, cap;
};

/* due_us is a copy, so that moving through the heap touches no timer but the moved ones. */
struct slot {
    int64_t due_us;
    struct loop_timer *timer;
};

struct loop {
    int epoll;
    struct loop_fd wake; /* eventfd; written when `woken` turns true */
    int64_t now_us, wall_ms;
    bool running;
    atomic_bool stop;

    struct epoll_event batch[BATCH_MAX];
    int batch_at, batch_count;

    struct slot *heap; /* heap[1] is due first; heap[0] is not used */
    size_t timers, heap_cap;

    void (*turn_fn)(void *arg);
    void *turn_arg;

    pthread_mutex_t lock; /* guards woken and inbox */
    bool woken;
    struct posts inbox;
    struct posts outbox; /* loop thread only: the posts of this turn */
};

static void read_clocks(struct loop *l)
{
    l->now_us = clock_mono_us();
    l->wall_ms = clock_wall_ms();
}

static void run_posts(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct posts taken = l->inbox;
    l->inbox = l->outbox;
    l->outbox = taken;
    l->woken = false;
    pthread_mutex_unlock(&l->lock);

    for (size_t i = 0; i < l->outbox.count; i++) {
        l->outbox.list[i].fn(l->outbox.list[i].arg);
    }
    l->outbox.count = 0;
}

static void on_wake(struct loop_fd *f, uint32_t events)
{
    struct loop *l = (struct loop *)(void *)((char *)f - offsetof(struct loop, wake));
    uint64_t count;

    (void)events;
    /* Drained before `woken` is cleared, so that a post in between writes the eventfd again. */
    ssize_t n = read(f->fd, &count, sizeof count);
    CHECK(n >= 0 || errno == EAGAIN || errno == EINTR);
    run_posts(l);
}

static void release(struct loop *l)
{
    if (l->wake.fd >= 0) {
        close(l->wake.fd);
    }
    if (l->epoll >= 0) {
        close(l->epoll);
    }
    pthread_mutex_destroy(&l->lock);
    free(l->inbox.list);
    free(l->outbox.list);
    free(l->heap);
    free(l);
}

struct loop *loop_new(struct err_info *ei)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l) {
        err_set(ei, ERR_NOMEM, "event loop: out of memory");
        return NULL;
    }
    l->wake.fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        err_set_sys(ei, ERR_IO, errno, "event loop: epoll_create1 failed");
        release(l);
        return NULL;
    }
    l->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->wake.on_event = on_wake;
    if (l->wake.fd < 0) {
        err_set_sys(ei, ERR_IO, errno, "event loop: eventfd failed");
        release(l);
        return NULL;
    }
    l->heap = calloc(HEAP_START, sizeof *l->heap);
    l->heap_cap = HEAP_START;
    if (!l->heap || loop_add(l, &l->wake, EPOLLIN)) {
        err_set(ei, ERR_NOMEM, "event loop: out of memory");
        release(l);
        return NULL;
    }
    read_clocks(l);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 1; i <= l->timers; i++) {
        l->heap[i].timer->heap_at = 0;
    }
    release(l);
}

/* Descriptors. */

enum err loop_add(struct loop *l, struct loop_fd *f, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = f};

    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, f->fd, &e)) {
        switch (errno) {
        case EEXIST:
            return ERR_EXISTS;
        case ENOMEM:
            return ERR_NOMEM;
        case ENOSPC:
            return ERR_FULL;
        case EPERM:
            return ERR_UNSUPPORTED;
        default:
            return ERR_IO;
        }
    }
    f->events = events;
    return ERR_OK;
}

void loop_change(struct loop *l, struct loop_fd *f, uint32_t events)
{
    if (f->events == events) {
        return;
    }
    struct epoll_event e = {.events = events, .data.ptr = f};
    /* Fails only for a descriptor that was never added or is closed already: a connection would
     * then wait for ever with its reservation held. */
    CHECK(epoll_ctl(l->epoll, EPOLL_CTL_MOD, f->fd, &e) == 0);
    f->events = events;
}

void loop_remove(struct loop *l, struct loop_fd *f)
{
    /* A descriptor closed by its owner has left the set already: nothing to undo then. */
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->fd, NULL);
    f->events = 0;
    for (int i = l->batch_at; i < l->batch_count; i++) {
        if (l->batch[i].data.ptr == f) {
            l->batch[i].data.ptr = NULL;
        }
    }
}

/* Timers. */

static void heap_put(struct loop *l, size_t at, struct slot slot)
{
    l->heap[at] = slot;
    slot.timer->heap_at = at;
}

static void heap_up(struct loop *l, size_t at, struct slot slot)
{
    while (at > 1 && l->heap[at / 2].due_us > slot.due_us) {
        heap_put(l, at, l->heap[at / 2]);
        at /= 2;
    }
    heap_put(l, at, slot);
}

static void heap_down(struct loop *l, size_t at, struct slot slot)
{
    for (;;) {
        size_t child = at * 2;
        if (child > l->timers) {
            break;
        }
        if (child < l->timers && l->heap[child + 1].due_us < l->heap[child].due_us) {
            child++;
        }
        if (l->heap[child].due_us >= slot.due_us) {
            break;
        }
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, slot);
}

static void heap_place(struct loop *l, size_t at, struct slot slot)
{
    if (at > 1 && l->heap[at / 2].due_us > slot.due_us) {
        heap_up(l, at, slot);
    } else {
        heap_down(l, at, slot);
    }
}

static void heap_grow(struct loop *l)
{
    size_t cap = l->heap_cap * 2;
    struct slot *heap = realloc(l->heap, cap * sizeof *heap);
    /* A timer lost in silence would leave a call open, and its reservation held, for ever. */
    CHECK(heap != NULL);
    l->heap = heap;
    l->heap_cap = cap;
}

void loop_arm(struct loop *l, struct loop_timer *t, int64_t after_us)
{
    if (!l->running) {
        read_clocks(l);
    }
    if (after_us < 0) {
        after_us = 0;
    }
    t->due_us = after_us > INT64_MAX - l->now_us ? INT64_MAX : l->now_us + after_us;
    struct slot slot = {t->due_us, t};
    if (t->heap_at) {
        heap_place(l, t->heap_at, slot);
        return;
    }
    if (l->timers + 1 >= l->heap_cap) {
        heap_grow(l);
    }
    l->timers++;
    heap_up(l, l->timers, slot);
}

void loop_disarm(struct loop *l, struct loop_timer *t)
{
    size_t at = t->heap_at;
    if (!at) {
        return;
    }
    struct slot last = l->heap[l->timers--];
    t->heap_at = 0;
    if (last.timer != t) {
        heap_place(l, at, last);
    }
}

/* At most as many as were armed at the start: one that re-arms itself with 0 cannot starve the
 * descriptors. */
static void run_timers(struct loop *l)
{
    for (size_t left = l->timers; left > 0 && l->timers > 0; left--) {
        if (l->heap[1].due_us > l->now_us) {
            return;
        }
        struct loop_timer *t = l->heap[1].timer;
        loop_disarm(l, t);
        t->on_time(t);
    }
}

static int sleep_ms(const struct loop *l)
{
    if (l->timers == 0) {
        return -1;
    }
    int64_t us = l->heap[1].due_us - l->now_us;
    if (us <= 0) {
        return 0;
    }
    return us >= (int64_t)SLEEP_MAX * 1000 ? SLEEP_MAX : (int)((us + 999) / 1000);
}

/* Other threads. */

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n;

    /* EAGAIN: the counter is full, so the loop is awake anyway. */
    do {
        n = write(l->wake.fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
}

bool loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    bool must_wake = false;
    bool room = true;

    pthread_mutex_lock(&l->lock);
    struct posts *in = &l->inbox;
    if (in->count == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : POSTS_START;
        struct post *list = cap <= POSTS_MAX ? realloc(in->list, cap * sizeof *list) : NULL;
        if (list) {
            in->list = list;
            in->cap = cap;
        } else {
            room = false;
        }
    }
    if (room) {
        in->list[in->count++] = (struct post){fn, arg};
        must_wake = !l->woken;
        l->woken = true;
    }
    pthread_mutex_unlock(&l->lock);
    if (must_wake) {
        wake(l);
    }
    return room;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

/* The loop itself. */

void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->turn_fn = fn;
    l->turn_arg = arg;
}

int64_t loop_now_us(const struct loop *l)
{
    return l->running ? l->now_us : clock_mono_us();
}

int64_t loop_wall_ms(const struct loop *l)
{
    return l->running ? l->wall_ms : clock_wall_ms();
}

void loop_look_at_clock(struct loop *l)
{
    read_clocks(l);
}

static void run_batch(struct loop *l)
{
    while (l->batch_at < l->batch_count) {
        const struct epoll_event *e = &l->batch[l->batch_at++];
        struct loop_fd *f = e->data.ptr;
        if (!f) {
            continue;
        }
        /* Interest that was dropped since the batch was fetched is not told. */
        uint32_t events = e->events & (f->events | EPOLLERR | EPOLLHUP);
        if (events) {
            f->on_event(f, events);
        }
    }
    l->batch_count = 0;
    l->batch_at = 0;
}

void loop_run(struct loop *l)
{
    l->running = true;
    read_clocks(l);
    while (!atomic_load(&l->stop)) {
        if (l->turn_fn) {
            l->turn_fn(l->turn_arg);
        }
        int n = epoll_wait(l->epoll, l->batch, BATCH_MAX, sleep_ms(l));
        CHECK(n >= 0 || errno == EINTR);
        read_clocks(l);
        l->batch_at = 0;
        l->batch_count = n > 0 ? n : 0;
        run_batch(l);
        run_timers(l);
    }
    run_posts(l);
    if (l->turn_fn) {
        l->turn_fn(l->turn_arg);
    }
    l->running = false;
    atomic_store(&l->stop, false);
}
