/* sim_voice.h: how each API and model family says an answer, whole and as a stream's events. */
#ifndef TOLLGATE_SIM_SIM_VOICE_H
#define TOLLGATE_SIM_SIM_VOICE_H

#include "core/base/buf.h"
#include "core/sim/sim_ledger.h"
#include "core/sim/sim_prompt.h"

/* What a voice knows while it speaks. */
struct sim_speech {
    struct sim_usage usage;
    const char *model, *tier; /* as asked; tier "" when not said */
    const char *id;           /* 24 hex digits of the answer's own */
    struct str text;          /* of the whole answer, or of this delta; needs no escapes */
    struct str all;           /* at a stream's end, when the voice keeps its text */
    bool cut_short;           /* by the caller's maximum */
    bool first;               /* of the deltas */
    int64_t latency_ms, first_ms, created_s, sequence;
    int64_t dimensions, inputs; /* of embeddings */
    uint64_t draw;
};

/* Appends an event as an object without its last brace, and names it. */
typedef const char *sim_say(const struct sim_speech *s, int nth, struct buf *json);

struct sim_voice {
    void (*whole)(const struct sim_speech *s, struct buf *json); /* complete */
    int openings, closings;                                      /* events of a stream */
    sim_say *opening, *delta, *closing; /* opening NULL: without; delta NULL: no streams */
    bool named;                         /* SSE events carry their names */
    bool done;                          /* SSE ends with [DONE] */
    bool keeps;                         /* needs the whole text at the end */
    bool embeds;                        /* generates nothing */
    bool counts;                        /* InvokeModel's headers tell the tokens */
    const char *error_name, *error;     /* the event that ends a failed SSE stream, complete */
};
extern const struct sim_voice sim_voice_converse, sim_voice_claude, sim_voice_messages,
    sim_voice_nova, sim_voice_llama, sim_voice_titan, sim_voice_titan_embed, sim_voice_mistral,
    sim_voice_completions, sim_voice_cohere, sim_voice_cohere_old, sim_voice_cohere_embed,
    sim_voice_ai21, sim_voice_chat, sim_voice_chat_usage, sim_voice_responses;

/* The voice that answers such a prompt. */
const struct sim_voice *sim_voice_of(const struct sim_prompt *p);

#endif
