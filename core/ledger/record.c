/* record.c: see record.h. */
#include "core/ledger/record.h"

#include "core/ledger/varint.h"

#include <string.h>

#define REQUEST_ID_MAX 36
#define NAME_MAX_BYTES 64 /* operation, principal, limit */
#define MODEL_MAX      256
#define MODEL_ID_MAX   512
#define ERROR_MAX      160
#define GROUP_MAX      256
#define STRING_MAX(n)  ((n) + 2)

/* One outcome byte and one flag byte; seven integers besides the two usages of five. */
#define END_MAX                                                                                    \
    (2 + 17 * VARINT_MAX + STRING_MAX(REQUEST_ID_MAX) + STRING_MAX(NAME_MAX_BYTES) +               \
     STRING_MAX(ERROR_MAX))
_Static_assert(END_MAX <= RECORD_SETTLED_MAX, "a settled record always fits what was set aside");

/* Dialect and tag count; time, reserved usage and price. */
#define BEGIN_MAX                                                                                  \
    (2 + 12 * VARINT_MAX + STRING_MAX(REQUEST_ID_MAX) + 2 * STRING_MAX(NAME_MAX_BYTES) +           \
     STRING_MAX(MODEL_MAX) + STRING_MAX(MODEL_ID_MAX) +                                            \
     TAGS_MAX * (STRING_MAX(TAG_KEY_MAX) + STRING_MAX(TAG_VALUE_MAX)))
_Static_assert(BEGIN_MAX + END_MAX + STRING_MAX(GROUP_MAX) + VARINT_MAX <= RECORD_PAYLOAD_MAX,
               "a whole record fits");

enum { FLAG_REPORTED = 1, FLAG_PRICED = 2 };

/* --- writing: the bounds above make every store fit --- */

static uint8_t *put_str(uint8_t *at, struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    *at++ = (uint8_t)(n & 0xFF);
    *at++ = (uint8_t)(n >> 8);
    if (n > 0) {
        memcpy(at, s.p, n);
    }
    return at + n;
}

static uint8_t *put_usage(uint8_t *at, const struct usage *u)
{
    at = varint_put(at, u->input);
    at = varint_put(at, u->output);
    at = varint_put(at, u->cache_read);
    at = varint_put(at, u->cache_write_5m);
    return varint_put(at, u->cache_write_1h);
}

static uint8_t *put_price(uint8_t *at, const struct call *call)
{
    struct price none = {-1, -1, -1, -1, -1}, price = call_price(call, &call->reserved_usage);
    const struct price *p = call->priced ? &price : &none;
    at = varint_put(at, p->input);
    at = varint_put(at, p->output);
    at = varint_put(at, p->cache_read);
    at = varint_put(at, p->cache_write_5m);
    return varint_put(at, p->cache_write_1h);
}

/* What is a column of its own, or differs in every call, would make each call's tags a set apart.
 */
static bool tag_kept(struct str key)
{
    return !str_is(key, "requestId") && !str_is(key, "timestamp");
}

/* A stranger whose call was rejected before it was known who it is chooses its tags freely: those
 * are not kept, or the table of tag sets would grow at his will. */
static uint8_t *put_tags(uint8_t *at, const struct call *call)
{
    uint8_t *count = at++;
    *count = 0;
    if (call->outcome == OUTCOME_REJECTED && call->principal.n == 0) {
        return at;
    }
    for (size_t i = 0; i < call->tags.count && i < TAGS_MAX; i++) {
        const struct tag *tag = &call->tags.at[i];
        if (tag_kept(tag->key)) {
            at = put_str(at, tag->key, TAG_KEY_MAX);
            at = put_str(at, tag->value, TAG_VALUE_MAX);
            (*count)++;
        }
    }
    return at;
}

static uint8_t *put_begin(uint8_t *at, const struct call *call)
{
    const struct model *model = call->resolved.model;
    int64_t time = call->admitted_wall_ms != 0 ? call->admitted_wall_ms : call->arrived_wall_ms;
    *at++ = (uint8_t)call->dialect;
    at = varint_put(at, time);
    at = put_str(at, str_of(call->request_id), REQUEST_ID_MAX);
    at = put_str(at, str_of(call->operation), NAME_MAX_BYTES);
    at = put_str(at, str_of(model != NULL ? model->name : NULL), MODEL_MAX);
    at = put_str(at, str_of(model != NULL ? call->resolved.upstream_id : NULL), MODEL_ID_MAX);
    at = put_str(at, call->principal, NAME_MAX_BYTES);
    at = put_usage(at, &call->reserved_usage);
    at = put_price(at, call);
    return put_tags(at, call);
}

static uint8_t *put_end(uint8_t *at, const struct call *call)
{
    int flags = (call->usage_reported ? FLAG_REPORTED : 0) | (call->priced ? FLAG_PRICED : 0);
    int64_t duration = call->ended_us > 0 ? (call->ended_us - call->arrived_us) / 1000 : -1;
    int64_t first =
        call->first_token_us > 0 ? (call->first_token_us - call->arrived_us) / 1000 : -1;
    at = put_str(at, str_of(call->request_id), REQUEST_ID_MAX);
    at = put_usage(at, &call->reserved_usage);
    *at++ = (uint8_t)call->outcome;
    *at++ = (uint8_t)flags;
    at = varint_put(at, call->http_status);
    at = put_usage(at, &call->usage);
    at = varint_put(at, call->usd);
    at = varint_put(at, duration);
    at = varint_put(at, first);
    at = put_str(at, str_of(call->limit), NAME_MAX_BYTES);
    return put_str(at, call->error, ERROR_MAX);
}

size_t record_put_admitted(uint8_t out[RECORD_PAYLOAD_MAX], const struct call *call)
{
    return (size_t)(put_begin(out, call) - out);
}

size_t record_put_topped_up(uint8_t out[RECORD_SETTLED_MAX], uint64_t slot, const struct call *call)
{
    uint8_t *at = varint_put(out, (int64_t)slot);
    at = put_str(at, str_of(call->request_id), REQUEST_ID_MAX);
    return (size_t)(put_usage(at, &call->reserved_usage) - out);
}

size_t record_put_settled(uint8_t out[RECORD_SETTLED_MAX], uint64_t slot, const struct call *call)
{
    return (size_t)(put_end(varint_put(out, (int64_t)slot), call) - out);
}

size_t record_put_whole(uint8_t out[RECORD_PAYLOAD_MAX], const struct call *call, struct str group,
                        int64_t resets_at_ms)
{
    uint8_t *at = put_end(put_begin(out, call), call);
    at = put_str(at, group, GROUP_MAX);
    return (size_t)(varint_put(at, resets_at_ms) - out);
}

/* --- reading --- */

static struct varint_reader reader_of(struct str payload)
{
    const uint8_t *p = (const uint8_t *)payload.p;
    return (struct varint_reader){p, p + payload.n, false};
}

static struct str get_str(struct varint_reader *r)
{
    size_t n = varint_byte(r);
    n |= (size_t)varint_byte(r) << 8;
    if (r->bad || n > (size_t)(r->end - r->at)) {
        r->bad = true;
        return (struct str){NULL, 0};
    }
    struct str s = {(const char *)r->at, n};
    r->at += n;
    return s;
}

static void get_usage(struct varint_reader *r, struct usage *u)
{
    u->input = varint_get(r);
    u->output = varint_get(r);
    u->cache_read = varint_get(r);
    u->cache_write_5m = varint_get(r);
    u->cache_write_1h = varint_get(r);
}

static void get_tags(struct varint_reader *r, struct tags *t)
{
    size_t count = varint_byte(r);
    if (count > TAGS_MAX) {
        r->bad = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        t->at[i].key = get_str(r);
        t->at[i].value = get_str(r);
    }
    t->count = count;
}

static void get_begin(struct varint_reader *r, struct record_call *out)
{
    uint8_t dialect = varint_byte(r);
    if (dialect > DIALECT_WORKFLOW) {
        r->bad = true;
    }
    out->dialect = (enum call_dialect)dialect;
    out->time_ms = varint_get(r);
    out->request_id = get_str(r);
    out->operation = get_str(r);
    out->model = get_str(r);
    out->model_id = get_str(r);
    out->principal = get_str(r);
    get_usage(r, &out->reserved);
    out->price.input = varint_get(r);
    out->price.output = varint_get(r);
    out->price.cache_read = varint_get(r);
    out->price.cache_write_5m = varint_get(r);
    out->price.cache_write_1h = varint_get(r);
    get_tags(r, &out->tags);
}

static void get_end(struct varint_reader *r, struct record_call *out)
{
    out->request_id = get_str(r);
    get_usage(r, &out->reserved);
    uint8_t outcome = varint_byte(r);
    uint8_t flags = varint_byte(r);
    if (outcome > OUTCOME_REJECTED) {
        r->bad = true;
    }
    out->outcome = (enum call_outcome)outcome;
    out->reported = (flags & FLAG_REPORTED) != 0;
    out->priced = (flags & FLAG_PRICED) != 0;
    out->http_status = (int)varint_get(r);
    get_usage(r, &out->usage);
    out->usd = varint_get(r);
    out->duration_ms = varint_get(r);
    out->first_token_ms = varint_get(r);
    out->limit = get_str(r);
    out->error = get_str(r);
}

static bool read_all(const struct varint_reader *r)
{
    return !r->bad && r->at == r->end;
}

bool record_get_admitted(struct str payload, struct record_call *out)
{
    struct varint_reader r = reader_of(payload);
    memset(out, 0, sizeof(*out));
    get_begin(&r, out);
    return read_all(&r);
}

bool record_get_topped_up(struct str payload, uint64_t *slot, struct record_call *out)
{
    struct varint_reader r = reader_of(payload);
    *slot = (uint64_t)varint_get(&r);
    out->request_id = get_str(&r);
    get_usage(&r, &out->reserved);
    return read_all(&r);
}

bool record_get_settled(struct str payload, uint64_t *slot, struct record_call *out)
{
    struct varint_reader r = reader_of(payload);
    *slot = (uint64_t)varint_get(&r);
    get_end(&r, out);
    return read_all(&r);
}

bool record_get_whole(struct str payload, struct record_call *out)
{
    struct varint_reader r = reader_of(payload);
    memset(out, 0, sizeof(*out));
    get_begin(&r, out);
    get_end(&r, out);
    out->group = get_str(&r);
    out->resets_at_ms = varint_get(&r);
    return read_all(&r);
}
