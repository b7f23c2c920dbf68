#include "core/dialect/tier.h"

#define TIER_HEADER    "x-amzn-bedrock-service-tier"
#define LATENCY_HEADER "x-amzn-bedrock-performanceconfig-latency"

static const char optimized[] = "optimized";

/* --- what is asked --- */

void tier_take(struct body_reader *r)
{
    struct str raw;

    if (scan_peek(&r->s) == SCAN_STRING && scan_string(&r->s, &raw)) {
        r->call->tier = call_tier(raw);
    } else {
        scan_skip(&r->s);
    }
}

/* The text of one member of the object that comes; empty: there is none. */
static struct str take_member(struct body_reader *r, const char *name)
{
    struct str key, raw = {0};

    if (scan_peek(&r->s) != SCAN_OBJECT) {
        scan_skip(&r->s);
        return raw;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, name) && scan_peek(&r->s) == SCAN_STRING) {
            (void)scan_string(&r->s, &raw);
        } else {
            scan_skip(&r->s);
        }
    }
    return raw;
}

void tier_take_type(struct body_reader *r)
{
    r->call->tier = call_tier(take_member(r, "type"));
}

void tier_take_latency(struct body_reader *r)
{
    r->call->optimized = scan_raw_is(take_member(r, "latency"), optimized);
}

void tier_ask_headers(struct call *call, const struct http_header *headers, size_t count)
{
    struct str tier = meter_header(headers, count, TIER_HEADER);

    if (tier.n > 0) {
        call->tier = call_tier(tier);
    }
    call->optimized =
        call->optimized || str_is_nocase(meter_header(headers, count, LATENCY_HEADER), optimized);
}

/* --- what is said --- */

static void said_tier(struct meter_state *s, struct str name)
{
    if (name.n > 0) {
        s->tier_said = true;
        s->tier = call_tier(name);
    }
}

static void said_latency(struct meter_state *s, struct str name)
{
    if (name.n > 0) {
        s->latency_said = true;
        s->optimized = str_is_nocase(name, optimized);
    }
}

void tier_said_headers(struct meter_state *s, const struct http_header *headers, size_t count)
{
    said_tier(s, meter_header(headers, count, TIER_HEADER));
    said_latency(s, meter_header(headers, count, LATENCY_HEADER));
}

static struct str between_quotes(struct str raw)
{
    return raw.n >= 2 && raw.p[0] == '"' ? str_sub(raw, 1, raw.n - 2) : (struct str){0};
}

static struct str member(struct str json, const char *name)
{
    struct str key, raw, found = {0};
    struct scan s;

    scan_init(&s, json.p, json.n);
    if (json.n == 0 || scan_peek(&s) != SCAN_OBJECT || !scan_object(&s)) {
        return found;
    }
    while (scan_key(&s, &key) && scan_value(&s, &raw)) {
        found = scan_raw_is(key, name) ? raw : found;
    }
    return between_quotes(found);
}

void tier_said(struct meter_state *s, struct str raw)
{
    said_tier(s, between_quotes(raw));
}

void tier_said_type(struct meter_state *s, struct str raw)
{
    said_tier(s, member(raw, "type"));
}

void tier_said_latency(struct meter_state *s, struct str raw)
{
    said_latency(s, member(raw, "latency"));
}
