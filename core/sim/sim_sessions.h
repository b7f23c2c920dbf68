/* sim_sessions.h: temporary keys handed out by the simulated STS. */
#ifndef TOLLGATE_SIM_SIM_SESSIONS_H
#define TOLLGATE_SIM_SIM_SESSIONS_H

#include "core/base/buf.h"

#define SIM_SESSIONS_MAX 2048

struct sim_session {
    char access_key_id[21], secret[41], token[129];
    char role_arn[256], name[65];
    char *tags; /* a JSON object */
    int64_t until_ms;
    int64_t calls; /* inference requests made with it */
};
/* The newest SIM_SESSIONS_MAX; an older one's key is then unknown. All-zero is empty. */
struct sim_sessions {
    struct sim_session list[SIM_SESSIONS_MAX];
    size_t count; /* ever */
};

/* A new session with keys drawn from its number and the seed. `tags` is taken over. */
struct sim_session *sim_sessions_add(struct sim_sessions *s, uint64_t seed, struct str role_arn,
                                     struct str name, char *tags, int64_t until_ms);
/* NULL: no such key. */
const struct sim_session *sim_sessions_find(const struct sim_sessions *s, struct str key_id);
/* "assumed-role/ROLE/NAME" as the end of an ARN. */
void sim_session_arn(const struct sim_session *s, struct buf *out);
void sim_sessions_note(struct sim_sessions *s, const struct sim_session *session); /* one call */
/* None of them is good any more. */
void sim_sessions_revoke(struct sim_sessions *s);
/* Appends ,"sessions":[..]: those with calls: name, role, tags and their number. */
void sim_sessions_print(const struct sim_sessions *s, struct buf *out);
void sim_sessions_free(struct sim_sessions *s); /* empties */

#endif
