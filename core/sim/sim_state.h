/* sim_state.h: all that one simulated AWS holds. Touched by its loop's thread only. */
#ifndef TOLLGATE_SIM_SIM_STATE_H
#define TOLLGATE_SIM_SIM_STATE_H

#include "core/base/clock.h"
#include "core/sim/sim_auth.h"
#include "core/sim/sim_cache.h"
#include "core/sim/sim_http.h"
#include "core/sim/sim_knobs.h"
#include "core/sim/sim_ledger.h"
#include "core/sim/sim_logs.h"
#include "core/sim/sim_metrics.h"
#include "core/sim/sim_services.h"
#include "core/sim/sim_sessions.h"

#include <jansson.h>
#include <pthread.h>

#define SIM_CONNECTIONS_MAX 20000
#define SIM_READ_SPACE      65536
#define SIM_ACCOUNT         "123456789012"

struct sim {
    struct loop *loop;
    pthread_t thread;
    char access_key_id[132], secret_access_key[132], region[32];
    struct sim_listener listeners[SIM_SERVICES];
    struct sim_auth auth[SIM_SERVICES];
    struct sim_knobs knobs;
    struct sim_ledger ledger;
    struct sim_metrics metrics;
    struct sim_logs logs;
    struct sim_cache cache;
    struct sim_sessions sessions;
    json_t *profiles;  /* inference profiles, or NULL */
    json_t *setup;     /* sim_setup.h */
    bool cutting;      /* the answer being made is to be cut: SIM_HALF */
    uint64_t calls;    /* since the last reset: with the seed it decides what is answered */
    uint64_t requests; /* for request IDs */
    bool mute;         /* what is being handled gets no answer */
    int64_t date_second;
    char date[CLOCK_TEXT]; /* of date_second, for the Date header */
    struct sim_connection *connections;
    size_t connection_count;
    struct http_head head; /* of the request being read */
    struct buf scratch, wrapped, body;
    char read_space[SIM_READ_SPACE];
};

#endif
