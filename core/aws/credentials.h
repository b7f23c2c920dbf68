/* credentials.h: AWS credentials from the environment, files and IMDSv2 (order of botocore), kept
 * fresh ahead of expiry without stalling a call. */
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
/* The current ones with a reference, never blocking: NULL when none are known (yet) or they
 * expired. */
struct credentials *credentials_get(struct credentials_provider *p);
/* Looks them up when they are missing or near expiry (15 minutes); blocks (files, IMDS with 1 s
 * limits); called by the cloud thread every few seconds and once before start. ERR_NOT_FOUND:
 * nowhere to be found, the text lists where it looked and what is special (SSO, MFA,
 * credential_process). */
enum err credentials_refresh(struct credentials_provider *p, int64_t now_ms,
                             struct err_info *ei) MUST_CHECK;
/* Ends a running refresh and lets later ones fail; from any thread. Credentials known stay. */
void credentials_abort(struct credentials_provider *p);
/* Region of the chosen profile in the shared files; false when they name none. */
bool credentials_profile_region(char out[64]);
/* Says why there are none, for an error a user sees; "" when all is well. */
void credentials_problem(struct credentials_provider *p, char out[256]);

#endif
