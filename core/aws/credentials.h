/* credentials.h: AWS credentials, looked for where botocore looks and in its order: environment, a
 * profile's role, web identity, the profile's own (keys or credential_process), the container, the
 * EC2 instance. Kept fresh ahead of expiry without stalling a call. */
#ifndef TOLLGATE_AWS_CREDENTIALS_H
#define TOLLGATE_AWS_CREDENTIALS_H

#include "core/base/err.h"
#include "core/base/str.h"

struct credentials { /* immutable, reference-counted; wiped when freed */
    const char *access_key_id, *secret_access_key, *session_token; /* token NULL when none */
    int64_t expires_ms;                                            /* wall; 0: never */
    const char *source; /* "environment", "profile default", "instance role X" */
};
/* One reference, or NULL without memory. An empty token: none. Texts are copied. */
struct credentials *credentials_new(struct str access_key_id, struct str secret, struct str token,
                                    int64_t expires_ms, const char *source);
struct credentials *credentials_ref(struct credentials *c);
void credentials_unref(struct credentials *c); /* thread-safe; NULL is a no-op */

struct credentials_provider;
/* Fixed ones (demo, tests), or NULL: the chain. */
struct credentials_provider *credentials_provider_new(struct credentials *fixed,
                                                      struct err_info *ei);
void credentials_provider_free(struct credentials_provider *p);
/* Which STS is asked for credentials of roles; without it the global one. Before the first
 * credentials_refresh. False: too long. */
bool credentials_provider_sts(struct credentials_provider *p, const char *endpoint,
                              const char *region) MUST_CHECK;
/* The current ones with a reference, never blocking: NULL when none are known (yet) or they
 * expired. */
struct credentials *credentials_get(struct credentials_provider *p);
/* Looks them up when they are missing or near expiry: from 15 minutes ahead once a minute
 * (advisory), from 10 minutes ahead every 10 seconds (mandatory), for short-lived ones a third and
 * a sixth of their life; a little earlier by chance, so that a fleet does not ask as one. Meanwhile
 * the known ones are used on. Blocks (files, processes, HTTP with limits of seconds); one thread
 * looks at a time, another waits for it. Called by the cloud thread every few seconds.
 * ERR_NOT_FOUND: nowhere to be found, the text lists where it looked; otherwise it says which place
 * does not work and what to do. */
enum err credentials_refresh(struct credentials_provider *p, int64_t now_ms,
                             struct err_info *ei) MUST_CHECK;
/* Until a first look has ended, whatever it found; at most so long. */
void credentials_await(struct credentials_provider *p, int64_t most_ms);
/* Ends a running refresh and lets later ones fail; from any thread. Credentials known stay. */
void credentials_abort(struct credentials_provider *p);
/* Says why there are none, for an error a user sees; "" when all is well. */
void credentials_problem(struct credentials_provider *p, char out[256]);

#endif
