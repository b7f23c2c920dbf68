/* sim_knobs.h: what a test may turn on the simulated AWS: delays, faults, lengths, outages. Set by
 * POST /_sim/config for all calls, or for one call by directives in its first message's text:
 * "[sim:output=50]" "[sim:fault=cut]" "[sim:delay_us=1000]" "[sim:latency_ms=200]". */
#ifndef TOLLGATE_SIM_SIM_KNOBS_H
#define TOLLGATE_SIM_SIM_KNOBS_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/config/config.h"

#define SIM_FAULT_LIST(X)                                                                          \
    X(NONE, "none")                                                                                \
    X(THROTTLE, "throttle")   /* 429 ThrottlingException */                                        \
    X(500, "500")             /* InternalServerException */                                        \
    X(503, "503")             /* ServiceUnavailableException */                                    \
    X(STALL, "stall")         /* the head, then nothing */                                         \
    X(CUT, "cut")             /* closes in the middle of a frame or body */                        \
    X(EXCEPTION, "exception") /* a stream's exception frame, no metadata; else 424 */              \
    X(BADCRC, "badcrc")       /* one frame with a wrong checksum */                                \
    X(SLOW_HEAD, "slow_head") /* the head a few bytes at a time */

enum sim_fault {
#define X(id, name) SIM_FAULT_##id,
    SIM_FAULT_LIST(X)
#undef X
};

enum sim_outage {
    SIM_UP,
    SIM_DOWN,      /* closes connections */
    SIM_FAILING,   /* answers 503 */
    SIM_THROTTLED, /* answers ThrottlingException */
    SIM_MUTE,      /* does what it is asked, and closes instead of answering */
    SIM_HALF       /* its answers are cut in the middle */
};

struct sim_knobs {
    int64_t latency_ms;      /* before an answer's first byte */
    int64_t token_delay_us;  /* between the events of a stream */
    int64_t output_tokens;   /* length of every answer; 0: drawn */
    int64_t fault_every;     /* each how manieth call has the fault */
    int64_t page_size;       /* results a page of what is listed */
    int64_t session_seconds; /* how long temporary keys live, whatever was asked; 0: as asked */
    uint64_t seed;
    enum sim_fault fault;
    enum sim_outage outages[SERVICE_COUNT];
    char deny[256]; /* operations that are not allowed, as "CreateLogGroup PutLogEvents" */
    struct str profiles, setup; /* of the body applied last, as JSON; empty: not said */
};
/* Defaults: no faults, no delays, pages of 100. */
void sim_knobs_init(struct sim_knobs *k);
/* Takes over the members of a JSON object that are there; nothing when it is refused. ERR_PARSE,
 * ERR_RANGE. */
enum err sim_knobs_apply(struct sim_knobs *k, struct str json, struct err_info *ei) MUST_CHECK;

/* Is the operation among the denied ones? */
bool sim_knobs_deny(const struct sim_knobs *k, struct str operation);

/* What one call says about itself. */
struct sim_directives {
    int64_t output, delay_us, latency_ms; /* -1: not said */
    enum sim_fault fault;
    bool fault_said;
};
void sim_directives_init(struct sim_directives *d);
/* Reads "[sim:key=value]" anywhere in a text; unknown ones are skipped. */
void sim_directives_read(struct sim_directives *d, struct str text);

#endif
