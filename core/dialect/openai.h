/* openai.h: what Chat Completions and Responses share. */
#ifndef TOLLGATE_DIALECT_OPENAI_H
#define TOLLGATE_DIALECT_OPENAI_H

#include "core/dialect/body_reader.h"
#include "core/dialect/sse_meter.h"
#include "core/dialect/upstream.h"

/* Members of both. */
void openai_take_stream(struct body_reader *r);
void openai_take_metadata(struct body_reader *r);
/* What keeps something at AWS that a later call would bring back unseen: refused when true (or,
 * for an ID, when there is one). */
void openai_take_stateful(struct body_reader *r);

/* Path, endpoint, project and model. */
void openai_address(struct dialect_upstream *out, struct splice *s, const struct dialect_route *r,
                    struct str body, const struct dialect_upstream_options *o);

/* {"message","type","code"} of an error in a stream. */
void openai_failed(struct sse_meter *m, struct str error);

#endif
