/* upstream.h: what the APIs share in putting a call to AWS. */
#ifndef TOLLGATE_DIALECT_UPSTREAM_H
#define TOLLGATE_DIALECT_UPSTREAM_H

#include "core/dialect/dialect_private.h"
#include "core/dialect/splice.h"

/* Appends text, percent-encoded but for unreserved bytes. */
void upstream_encode(struct buf *path, const char *text);
/* Applies the edits, if any, to the body. Frees them. */
enum err upstream_body(struct dialect_upstream *out, struct splice *s, struct str body,
                       struct err_info *ei) MUST_CHECK;
/* Replaces the value of the outermost member `name` with a string; nothing without such a member.
 */
void upstream_set_string(struct splice *s, struct str body, const char *name, const char *value);
/* Lowers a maximum at this place of the text, when the number there is larger. */
void upstream_lower(struct splice *s, struct str text, const struct splice_object *at,
                    int64_t maximum);
/* Sets the outermost member `name` to at most this number; adds it when it is missing or null. */
void upstream_bound(struct splice *s, struct str text, const struct splice_object *in,
                    const char *name, int64_t maximum);
/* What each of the answers asked for at once may have of this maximum, at least 1. */
int64_t upstream_share(struct str body, const struct splice_object *top, int64_t maximum);

#endif
