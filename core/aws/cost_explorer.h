/* cost_explorer.h: what was billed, by tag, service and usage type, and what will be.
 * One cent a page. */
#ifndef TOLLGATE_AWS_COST_EXPLORER_H
#define TOLLGATE_AWS_COST_EXPLORER_H

#include "core/aws/aws_json.h"
#include "core/base/money.h"

/* What is asked: unblended cost in USD, grouped by one or two keys. Borrowed. */
struct cost_question {
    const char *start, *end; /* "2026-11-01"; the end is excluded */
    bool monthly;            /* else daily */
    struct {
        const char *type; /* "TAG" "DIMENSION" */
        const char *key;  /* as billing spells it; "SERVICE" "USAGE_TYPE" */
    } by[2];
    size_t by_count;
    const json_t *services; /* array of service names that count; NULL: all */
};
/* The cost of one group in one day or month. keys are as answered but for tags, of which the value
 * is given ("" for untagged). Valid during the call; a group may come more than once. */
typedef void cost_explorer_row(void *arg, struct str day, const struct str keys[2], money_t usd);

/* *pages counts what was paid for, also after an error. */
enum err cost_explorer_usage(const struct aws_session *s, const struct cost_question *q,
                             cost_explorer_row *fn, void *arg, int64_t *pages,
                             struct err_info *ei) MUST_CHECK;

/* Models of other makers are billed as services of their own, "X (Amazon Bedrock Edition)": every
 * service with Bedrock in its name counts. */
bool cost_explorer_is_bedrock(struct str service);

/* Names of the services with Bedrock in them that cost something between start and end; the
 * caller's array. One request. */
enum err cost_explorer_services(const struct aws_session *s, const char *start, const char *end,
                                json_t **names, int64_t *pages, struct err_info *ei) MUST_CHECK;

/* What the services (NULL: all) are forecast to cost from start (today or later) to end.
 * ERR_NOT_FOUND: the history is too short to tell. One request. */
enum err cost_explorer_forecast(const struct aws_session *s, const char *start, const char *end,
                                const json_t *services, money_t *mean, int64_t *pages,
                                struct err_info *ei) MUST_CHECK;

/* "12.3456789012", "-0.5", "1.2E-7" to nano-dollars, rounded half away from zero. */
bool cost_explorer_amount(struct str text, money_t *out);

#endif
