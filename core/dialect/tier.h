/* tier.h: which service tier and latency a call asks for, and which served it: prices differ by
 * both. */
#ifndef TOLLGATE_DIALECT_TIER_H
#define TOLLGATE_DIALECT_TIER_H

#include "core/dialect/body_reader.h"
#include "core/dialect/dialect_private.h"

/* Members of request bodies: "service_tier":"flex", {"type":"flex"}, {"latency":"optimized"}. What
 * is of another form is left to AWS to refuse. */
void tier_take(struct body_reader *r);
void tier_take_type(struct body_reader *r);
void tier_take_latency(struct body_reader *r);
/* InvokeModel says both in headers. */
void tier_ask_headers(struct call *call, const struct http_header *headers, size_t count);

/* What an answer says: its headers, or the raw JSON of such a member; empty says nothing. */
void tier_said_headers(struct meter_state *s, const struct http_header *headers, size_t count);
void tier_said(struct meter_state *s, struct str raw);
void tier_said_type(struct meter_state *s, struct str raw);
void tier_said_latency(struct meter_state *s, struct str raw);

#endif
