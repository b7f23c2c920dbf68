/* record.h: what a journal record says of a call, and its encoding (variable-length integers,
 * strings with their length before them). Private to the room. */
#ifndef TOLLGATE_LEDGER_RECORD_H
#define TOLLGATE_LEDGER_RECORD_H

#include "core/catalog/call.h"

enum record_type {
    RECORD_PAD = 1,   /* fills the ring up to its end */
    RECORD_ADMITTED,  /* how a call began */
    RECORD_TOPPED_UP, /* its reservation was raised */
    RECORD_SETTLED,   /* how it ended */
    RECORD_WHOLE      /* both at once: refused, or never admitted to the journal */
};

#define RECORD_PAYLOAD_MAX 7168 /* of any type */
#define RECORD_SETTLED_MAX 480  /* of a settled or topped-up payload */

/* A call as the ledger keeps it. Slices point into the payload it was decoded from. */
struct record_call {
    struct str request_id, operation, model, model_id, principal;
    enum call_dialect dialect;
    struct tags tags;
    int64_t time_ms; /* admission; arrival of a refused call */
    struct usage reserved;
    struct price price;
    enum call_outcome outcome;
    int http_status;
    struct usage usage;
    bool reported, crash, priced;
    money_t usd;
    int64_t duration_ms, first_token_ms; /* -1: none */
    struct str limit, error, group;
    int64_t resets_at_ms;
};

/* Each returns the length written to out; strings longer than their bound are cut. */
size_t record_put_admitted(uint8_t out[RECORD_PAYLOAD_MAX], const struct call *call);
size_t record_put_topped_up(uint8_t out[RECORD_SETTLED_MAX], uint64_t slot,
                            const struct call *call);
size_t record_put_settled(uint8_t out[RECORD_SETTLED_MAX], uint64_t slot, const struct call *call);
size_t record_put_whole(uint8_t out[RECORD_PAYLOAD_MAX], const struct call *call, struct str group,
                        int64_t resets_at_ms);

/* Each returns false for a payload that does not hold together. */
bool record_get_admitted(struct str payload, struct record_call *out); /* the rest is zeroed */
/* Only request_id and reserved of out are set. */
bool record_get_topped_up(struct str payload, uint64_t *slot, struct record_call *out);
/* Only request_id, reserved and what the end of a call tells are set. */
bool record_get_settled(struct str payload, uint64_t *slot, struct record_call *out);
bool record_get_whole(struct str payload, struct record_call *out);

#endif
