/* probe.h: many calls at once through any gateway, and what its answers say was served: does it
 * hold a limit? For the command line; knows nothing of the core. */
#ifndef TOLLGATE_CONTROL_PROBE_H
#define TOLLGATE_CONTROL_PROBE_H

#include <stdatomic.h>

#include "core/base/err.h"
#include "core/base/str.h"

#define PROBE_PARALLEL_MAX 1000

enum probe_dialect { PROBE_BEDROCK, PROBE_OPENAI, PROBE_ANTHROPIC, PROBE_DIALECTS };
const char *probe_dialect_name(enum probe_dialect d); /* "bedrock", ... */

struct probe_plan {
    const char *url; /* http(s); without a path: that of the dialect at tollgate is added */
    enum probe_dialect dialect;
    const char *model, *prompt;
    const char *key; /* bearer token, or NULL; never shown */
    int max_tokens;
    int parallel, calls; /* of this step: at once, in all */
    int64_t timeout_ms;  /* of a call */
    const atomic_bool *interrupted;
};

struct probe_counts {
    int sent, admitted, denied, failed;
    int without_usage;                   /* admitted, but the answer does not say what it used */
    int64_t input_tokens, output_tokens; /* input with cache reads and writes */
    int64_t took_ms;
    char problem[200]; /* of the first call that failed, printable; "" */
};

/* Which dialect a URL's path is of; false: none that is known. */
bool probe_dialect_of(const char *url, enum probe_dialect *out);
/* Sends the calls and waits for their answers, each at most timeout_ms. Ends early when
 * interrupted: calls without an answer count as failed then. ERR_PARSE: the URL; ERR_NOMEM. */
enum err probe_run(const struct probe_plan *plan, struct probe_counts *out,
                   struct err_info *ei) MUST_CHECK;

#endif
