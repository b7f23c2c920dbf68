/* sim_auth.h: whether a request is signed with the simulation's own secret, as AWS would check. */
#ifndef TOLLGATE_SIM_SIM_AUTH_H
#define TOLLGATE_SIM_SIM_AUTH_H

#include "core/aws/sigv4.h"
#include "core/sim/sim_http.h"
#include "core/sim/sim_sessions.h"

/* What a signature must match. Keeps the day's signing key of the key last used; one a service. */
struct sim_auth {
    const char *access_key_id, *secret_access_key; /* borrowed */
    const struct sim_sessions *sessions;           /* other keys; borrowed */
    const char *region, *service;
    const struct sim_session *session; /* of the request checked last; NULL: the fixed key's */
    char key_of[132], date[9];         /* of key */
    uint8_t key[32];
};
struct sim_auth_refusal {
    const char *type; /* static: "InvalidSignatureException" */
    char message[200];
};
/* False: refused, and why. scratch is overwritten. */
bool sim_auth_check(struct sim_auth *a, const struct sim_request *r, int64_t wall_ms,
                    struct buf *scratch, struct sim_auth_refusal *why);

#endif
