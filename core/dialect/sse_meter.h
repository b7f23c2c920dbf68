/* sse_meter.h: the meter of the APIs that stream server-sent events, whatever their words. */
#ifndef TOLLGATE_DIALECT_SSE_METER_H
#define TOLLGATE_DIALECT_SSE_METER_H

#include "core/dialect/dialect_private.h"
#include "core/dialect/member_find.h"
#include "core/dialect/sse.h"
#include "core/dialect/usage_report.h"

struct sse_meter;

struct sse_words {
    /* One event, whole. False: it is to be taken out of what the client gets. */
    bool (*event)(struct sse_meter *m, struct str name, struct str data);
    /* In an event too long to be kept, usage is looked for in this member; NULL: outermost. */
    const char *usage_parent;
    bool usage_ends; /* usage found there ends the matter */
};

enum sse_mode { SSE_MODE_BODY, SSE_MODE_EVENTS, SSE_MODE_BROKEN };

struct sse_meter {
    struct meter base;
    const struct sse_words *words;
    enum sse_mode mode;
    struct sse_reader reader;
    struct member_find find;
    struct usage_report report;
    size_t big_bytes; /* of a long event */
    bool big_usage;   /* found in it */
    struct buf held;  /* of an event that may be taken out */
};

void sse_meter_begin(struct sse_meter *m, const struct sse_words *words);
void sse_meter_head(struct meter *base, int status, const struct http_header *headers,
                    size_t count);
bool sse_meter_feed(struct meter *base, const char *data, size_t n);
bool sse_meter_rewrites(const struct meter *base);
bool sse_meter_pass(struct meter *base, const char *data, size_t n, bool last, struct buf *out);
void sse_meter_clear(struct meter *base);

/* For the words: generated text has passed; what is reported by now (final: that is all); the
 * stream told of an error by this name. */
void sse_meter_text(struct sse_meter *m, int64_t bytes);
void sse_meter_usage(struct sse_meter *m, struct str raw); /* usage as it is reported here */
void sse_meter_tell(struct sse_meter *m, bool final);
void sse_meter_fail(struct sse_meter *m, struct str raw_name);
/* The raw value of an object's member; empty where there is none. */
struct str sse_member(struct str json, const char *name);
/* What is between the quotes of a raw string; empty for anything else. */
struct str sse_text(struct str raw);

#endif
