/* long_read.c: see long_read.h. A request belongs to the control thread but while a lane's thread
 * runs it; who waits for it, and whether anybody does, is under the lock. */
#include "core/control/long_read.h"

#include <stdlib.h>

#define FLUSH_MS 2000

struct request {
    struct request *next;
    struct long_reads *all;
    const struct command *command;
    struct actor actor;
    json_int_t id;
    json_t *params, *result;
    void *arg; /* who waits; NULL: nobody; under the lock */
    unsigned turn;
    int64_t until_us;           /* mono */
    _Atomic(const char *) over; /* why it ends early; NULL: it does not */
    enum err e;
    struct err_info ei;
};

struct lane {
    struct long_reads *all;
    pthread_t thread;
    bool started;
    pthread_cond_t asked;
    struct request *first, *running;
};

struct long_reads {
    struct core *core;
    struct loop *loop;
    long_read_fn *fn;
    pthread_mutex_t lock;
    bool stopping;
    struct lane lanes[COMMAND_LANES];
    struct request *answered, **answered_last;
};

static void request_free(struct request *r)
{
    json_decref(r->params);
    json_decref(r->result);
    free(r);
}

struct long_reads *long_reads_new(struct core *c, struct loop *loop, long_read_fn *fn)
{
    struct long_reads *l = calloc(1, sizeof(*l));
    if (!l) {
        return NULL;
    }
    l->core = c;
    l->loop = loop;
    l->fn = fn;
    l->answered_last = &l->answered;
    pthread_mutex_init(&l->lock, NULL);
    for (int i = 0; i < COMMAND_LANES; i++) {
        l->lanes[i].all = l;
        pthread_cond_init(&l->lanes[i].asked, NULL);
    }
    return l;
}

/* --- in the threads --- */

static bool goes_on(void *arg)
{
    struct request *r = arg;
    return !atomic_load(&r->over) && clock_mono_us() < r->until_us;
}

static void run(struct request *r)
{
    struct core *c = r->all->core;
    if (r->command->way == COMMAND_FLUSHED) {
        r->e = ledger_flush(c->ledger, FLUSH_MS);
        return;
    }
    ledger_read_while(goes_on, r);
    r->e = r->command->run(c, &r->actor, r->params, &r->result, &r->ei);
    ledger_read_while(NULL, NULL);
    const char *over = atomic_load(&r->over);
    if (r->e != ERR_OK && !goes_on(r)) {
        err_clear(&r->ei);
        r->e = over ? err_set(&r->ei, ERR_CONFLICT, "%s", over)
                    : err_set(&r->ei, ERR_TIMEOUT,
                              "%s was given up after %d s: ask for a shorter time",
                              r->command->method, LONG_READ_S);
    }
}

static void collect(void *arg)
{
    long_reads_collect(arg);
}

static void *serve(void *arg)
{
    struct lane *lane = arg;
    struct long_reads *l = lane->all;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        struct request *r = lane->first;
        if (!r) {
            pthread_cond_wait(&lane->asked, &l->lock);
            continue;
        }
        lane->first = r->next;
        r->next = NULL;
        lane->running = r;
        pthread_mutex_unlock(&l->lock);
        if (goes_on(r)) {
            run(r);
        } else {
            const char *over = atomic_load(&r->over);
            r->e = err_set(&r->ei, over ? ERR_CONFLICT : ERR_TIMEOUT, "%s",
                           over ? over : "others asked for too much: ask again");
        }
        pthread_mutex_lock(&l->lock);
        lane->running = NULL;
        *l->answered_last = r;
        l->answered_last = &r->next;
        pthread_mutex_unlock(&l->lock);
        (void)loop_post(l->loop, collect, l); /* failing that, the next tick collects */
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- in the control thread --- */

/* Under the lock. */
static bool start(struct lane *lane)
{
    if (lane->all->stopping) {
        return false;
    }
    lane->started = lane->started || pthread_create(&lane->thread, NULL, serve, lane) == 0;
    return lane->started;
}

/* Likewise. */
static void line_up(struct lane *lane, struct request *r)
{
    r->turn = lane->running && lane->running->arg == r->arg;
    for (const struct request *i = lane->first; i; i = i->next) {
        r->turn += i->arg == r->arg;
    }
    struct request **at = &lane->first;
    while (*at && (*at)->turn <= r->turn) {
        at = &(*at)->next;
    }
    r->next = *at;
    *at = r;
    pthread_cond_signal(&lane->asked);
}

enum err long_reads_ask(struct long_reads *l, void *arg, const struct command *k,
                        const struct actor *a, json_int_t id, json_t *params, struct err_info *ei)
{
    struct lane *lane = &l->lanes[command_lane(k)];
    struct request *r = calloc(1, sizeof(*r));
    if (!r) {
        json_decref(params);
        return err_set(ei, ERR_NOMEM, "no memory to answer %s", k->method);
    }
    r->all = l;
    r->command = k;
    r->actor = *a;
    r->id = id;
    r->params = params;
    r->arg = arg;
    r->until_us = clock_mono_us() + LONG_READ_S * 1000000LL;
    pthread_mutex_lock(&l->lock);
    bool started = start(lane);
    if (started) {
        line_up(lane, r);
    }
    pthread_mutex_unlock(&l->lock);
    if (!started) {
        request_free(r);
        return err_set(ei, ERR_BUSY, "no thread to answer %s now", k->method);
    }
    return ERR_OK;
}

static void leave(struct request *r, const void *arg)
{
    if (r && r->arg == arg) {
        r->arg = NULL;
        atomic_store(&r->over, "nobody waits for it");
    }
}

void long_reads_leave(struct long_reads *l, const void *arg)
{
    pthread_mutex_lock(&l->lock);
    for (int i = 0; i < COMMAND_LANES; i++) {
        leave(l->lanes[i].running, arg);
        for (struct request *r = l->lanes[i].first; r; r = r->next) {
            leave(r, arg);
        }
    }
    for (struct request *r = l->answered; r; r = r->next) {
        leave(r, arg);
    }
    pthread_mutex_unlock(&l->lock);
}

static void end_lane(struct lane *lane, const char *text)
{
    if (lane->running) {
        atomic_store(&lane->running->over, text);
    }
    for (struct request *r = lane->first; r; r = r->next) {
        atomic_store(&r->over, text);
    }
}

void long_reads_end_trials(struct long_reads *l, const char *text)
{
    pthread_mutex_lock(&l->lock);
    end_lane(&l->lanes[COMMAND_TRIAL - 1], text);
    pthread_mutex_unlock(&l->lock);
}

static void answer(struct request *r, void *arg)
{
    struct core *c = r->all->core;
    if (r->command->way == COMMAND_FLUSHED) {
        r->e = r->command->run(c, &r->actor, r->params, &r->result, &r->ei);
    }
    json_t *result = r->result;
    r->result = NULL;
    r->all->fn(arg, r->id, r->e, result, r->ei.text);
}

void long_reads_collect(struct long_reads *l)
{
    for (;;) {
        pthread_mutex_lock(&l->lock);
        struct request *r = l->answered;
        if (r) {
            l->answered = r->next;
            l->answered_last = l->answered ? l->answered_last : &l->answered;
        }
        void *arg = r ? r->arg : NULL;
        pthread_mutex_unlock(&l->lock);
        if (!r) {
            return;
        }
        if (arg) {
            answer(r, arg);
        }
        request_free(r);
    }
}

void long_reads_stop(struct long_reads *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    for (int i = 0; i < COMMAND_LANES; i++) {
        end_lane(&l->lanes[i], "tollgate is stopping");
        pthread_cond_signal(&l->lanes[i].asked);
    }
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < COMMAND_LANES; i++) {
        if (l->lanes[i].started) {
            (void)pthread_join(l->lanes[i].thread, NULL);
        }
    }
}

void long_reads_free(struct long_reads *l)
{
    if (!l) {
        return;
    }
    for (int i = 0; i <= COMMAND_LANES; i++) {
        struct request *r = i < COMMAND_LANES ? l->lanes[i].first : l->answered;
        while (r) {
            struct request *next = r->next;
            request_free(r);
            r = next;
        }
    }
    for (int i = 0; i < COMMAND_LANES; i++) {
        pthread_cond_destroy(&l->lanes[i].asked);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}
