/* workflow.h: the workflow input: one JSON that names model, prompt and tags; put to Bedrock as
 * Converse, answered with an outcome. */
#ifndef TOLLGATE_DIALECT_WORKFLOW_H
#define TOLLGATE_DIALECT_WORKFLOW_H

#include "core/dialect/dialect_private.h"

/* Reads and checks the whole input. Every mistake becomes an element {"path","message"} of
 * *mistakes (a list without its brackets; at most 50); text and bounds go to call, model and tags
 * to facts. */
enum err workflow_read(struct str body, struct call *call, struct dialect_facts *facts,
                       struct buf *mistakes) MUST_CHECK;

/* The Converse body for an input that workflow_read took. */
enum err workflow_converse(struct buf *out, struct str body, const struct call *call,
                           const struct dialect_upstream_options *o,
                           struct err_info *ei) MUST_CHECK;

#endif
