/* cost_explorer.h: what Bedrock cost, as billed, by a cost allocation tag. One cent a page. */
#ifndef TOLLGATE_AWS_COST_EXPLORER_H
#define TOLLGATE_AWS_COST_EXPLORER_H

#include "core/aws/aws_http.h"
#include "core/base/money.h"

/* One day's cost of one value of the tag ("" for untagged) and one service; a pair may come more
 * than once. Slices are valid during the call. */
typedef void cost_explorer_row(void *arg, struct str day, struct str value, money_t usd);

/* Daily unblended cost from start to end ("2026-11-01", end excluded), grouped by tag_key and
 * service. Models of other makers are billed as services of their own, "X (Amazon Bedrock
 * Edition)": every service with Bedrock in its name counts, others are left out. *pages counts what
 * was paid for, also after an error. */
enum err cost_explorer_daily(struct aws_http *h, const struct aws_place *place,
                             const struct credentials *c, const char *tag_key, const char *start,
                             const char *end, cost_explorer_row *fn, void *arg, int64_t *pages,
                             struct err_info *ei) MUST_CHECK;

/* "12.3456789012", "-0.5", "1.2E-7" to nano-dollars, rounded half away from zero. */
bool cost_explorer_amount(struct str text, money_t *out);

#endif
