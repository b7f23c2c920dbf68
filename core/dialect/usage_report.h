/* usage_report.h: what an answer says it used, in the words of any API, put together from several
 * places where it says it. */
#ifndef TOLLGATE_DIALECT_USAGE_REPORT_H
#define TOLLGATE_DIALECT_USAGE_REPORT_H

#include "core/base/json_scan.h"
#include "core/catalog/call.h"

/* Each -1: not said. */
struct usage_report {
    int64_t input, output;
    int64_t cache_read, cache_write;   /* apart from input */
    int64_t cache_5m, cache_1h;        /* of cache_write */
    int64_t inside_read, inside_write; /* part of input, as OpenAI counts */
};
void usage_report_init(struct usage_report *r);
/* Reads a usage object; what it says replaces what was said before, the rest stays. False: not an
 * object, or a count in it is negative or no whole number; then nothing is taken. */
bool usage_report_read(struct usage_report *r, struct str json);
/* Input and output are known. */
bool usage_report_complete(const struct usage_report *r);
/* What was said; what was not counts as none. Cache writes of unknown time to live are of 5 min. */
struct usage usage_report_total(const struct usage_report *r);

/* Bytes of all generated text in an event of a stream, in any API's shape: all its strings but
 * those that only name something. What is no JSON object counts with its length. */
int64_t usage_text_bytes(struct str json);
/* The same for the next value of a walk, and for the value of a member. */
void usage_add_text(struct scan *s, int64_t *sum);
void usage_add_member_text(struct scan *s, struct str key, int64_t *sum);

#endif
