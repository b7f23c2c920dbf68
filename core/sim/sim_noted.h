/* sim_noted.h: the last inference requests: under whose name they came. */
#ifndef TOLLGATE_SIM_SIM_NOTED_H
#define TOLLGATE_SIM_SIM_NOTED_H

#include "core/base/buf.h"

#define SIM_NOTED_MAX 32

struct sim_note {
    struct str path, model;
    struct str metadata;            /* a JSON object, or empty */
    struct str project, tier;       /* empty: none */
    const char *access_key_id;      /* never NULL */
    const char *role_arn, *session; /* of a temporary key, else NULL */
    const char *session_tags;       /* a JSON object, with a session */
};
/* The newest SIM_NOTED_MAX, as JSON texts. All-zero is empty. */
struct sim_noted {
    char *texts[SIM_NOTED_MAX];
    size_t count; /* ever */
};
/* Without memory the request is not noted. */
void sim_noted_add(struct sim_noted *n, const struct sim_note *note);
/* Appends ,"last_requests":[..], the oldest first. */
void sim_noted_print(const struct sim_noted *n, struct buf *out);
void sim_noted_free(struct sim_noted *n); /* empties */

#endif
