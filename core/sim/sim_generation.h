/* sim_generation.h: one simulated answer of a model, whole or as a stream of events. */
#ifndef TOLLGATE_SIM_SIM_GENERATION_H
#define TOLLGATE_SIM_SIM_GENERATION_H

#include "core/sim/sim_knobs.h"
#include "core/sim/sim_refuse.h"
#include "core/sim/sim_voice.h"
#include "core/sim/sim_words.h"

struct sim;
struct sim_connection;

/* How a stream's events are put on the wire. */
enum sim_wire {
    SIM_WIRE_EVENTS, /* an event stream, each event under its name */
    SIM_WIRE_CHUNKS, /* an event stream of `chunk` events with base64 of JSON */
    SIM_WIRE_SSE,    /* server-sent events */
};

#define SIM_MODEL_NAME 300

/* How one call will go. */
struct sim_plan {
    struct sim_place place;
    const struct sim_voice *voice;
    enum sim_wire wire;
    enum sim_tongue tongue;
    char model[SIM_MODEL_NAME], tier[16]; /* as asked; a longer ID is cut */
    struct sim_usage usage;
    uint64_t draw;              /* state of its random sequence */
    int64_t dimensions, inputs; /* of embeddings */
    bool cut_short;             /* by the caller's maximum */
    enum sim_fault fault;
    int64_t latency_us, token_delay_us;
};
/* Both answer the request and count the call when it is over. */
void sim_generation_answer(struct sim_connection *c, const struct sim_plan *plan);
void sim_generation_stream(struct sim_connection *c, const struct sim_plan *plan);

#endif
