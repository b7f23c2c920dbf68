/* roles.h: credentials of a role for each set of session tags, so that AWS attributes calls to who
 * made them. Kept, renewed ahead of their end while they are used, and bounded; asked for by
 * threads of their own, so that whoever wants some never waits for AWS. */
#ifndef TOLLGATE_AWS_ROLES_H
#define TOLLGATE_AWS_ROLES_H

#include "core/aws/sts.h"

#define ROLES_MAX 1000 /* sets kept; beyond it the one used longest ago is forgotten */

struct roles;
struct roles_options {
    struct credentials_provider *base;     /* who takes the role on; borrowed until roles_free */
    const char *sts_endpoint, *sts_region; /* copied, as is the file */
    const char *ca_file;                   /* or NULL */
    int64_t timeout_ms;                    /* of one request */
};
/* Threads are started at the first use. NULL without memory. */
struct roles *roles_new(const struct roles_options *o, struct err_info *ei);
/* Ends running requests. Nobody may wait any more. NULL is a no-op. */
void roles_free(struct roles *r);

struct roles_set { /* borrowed */
    const char *arn, *session_name;
    const struct sts_tag *tags;
    size_t tag_count;
};

/* Embedded in its owner. */
struct roles_waiter {
    /* Called once, in a thread of roles and under its lock: hands over to the owner's thread and
     * calls nothing of roles. The three members below are set then. */
    void (*told)(struct roles_waiter *w);
    enum err result;
    struct credentials *keys; /* one reference, with ERR_OK */
    char problem[256];
    struct roles_waiter *prev, *next; /* private */
    struct roles_entry *entry;        /* private: NULL when it does not wait */
};

/* The credentials of a set, never blocking. ERR_OK: *out has a reference. ERR_BUSY: w waits and
 * will be told. Otherwise the text says what stands against it (the IAM action to allow, for one);
 * AWS is asked again after a while: 1 s, 2 s, .. 60 s, for all sets together unless the set itself
 * is what is wrong (ERR_RANGE). What may pass at once (AWS throttles, fails or hangs up) is tried
 * twice more within half a second while somebody waits. ERR_FULL: too many sets are being asked
 * for. */
enum err roles_get(struct roles *r, const struct roles_set *set, struct roles_waiter *w,
                   struct credentials **out, struct err_info *ei) MUST_CHECK;
/* w no longer waits. False: it was told before (what it was told is the caller's), or never waited.
 */
bool roles_cancel(struct roles *r, struct roles_waiter *w);
/* AWS does not take these any more (revoked, expired early): they are asked for anew. */
void roles_forget(struct roles *r, const struct credentials *keys);

struct roles_counts {
    size_t sets, sets_most; /* kept now, and ever at once */
    int64_t asked, failed;  /* requests to STS */
    int64_t at_ms;          /* of the last that was answered well; 0: none was */
    char problem[256];      /* of the last one, if it failed; "" */
};
struct roles_counts roles_counts(struct roles *r); /* any thread */

#endif
