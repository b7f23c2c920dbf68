/* report.h: reading the ledger for `audit` and `usage`, beside a running core or without one. */
#ifndef TOLLGATE_CONTROL_REPORT_H
#define TOLLGATE_CONTROL_REPORT_H

#include <jansson.h>

#include "core/config/config.h"

struct report_filter {
    int64_t since_ms, until_ms; /* 0: no bound */
    const char *limit;          /* NULL: any */
    bool calls, denials_only, changes;
    struct {
        const char *key, *value;
    } where[8];
    size_t where_count;
    int64_t max; /* 0: all */
};

struct report;
/* Opens the ledger of the configuration for reading; a running core is asked to write down first
 * what it still has in memory. ERR_NOT_FOUND: there is no ledger yet. */
struct report *report_open(struct config *config, struct err_info *ei);
void report_close(struct report *r);
/* Lines of the audit as JSON, oldest first, after *seq (0: from the start); *seq is moved on. fn
 * returning false ends it. */
enum err report_audit(struct report *r, const struct report_filter *f, int64_t *seq,
                      bool (*fn)(void *arg, json_t *line), void *arg,
                      struct err_info *ei) MUST_CHECK;
/* {"version","since","until","by":[..],"rows":[{"key":{..},..T}]} */
enum err report_usage(struct report *r, const struct report_filter *f, const char *const *by,
                      size_t by_count, json_t **result, struct err_info *ei) MUST_CHECK;

#endif
