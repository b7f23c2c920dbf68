/* gate_hash.c: SHA-256 of a call's body, as it came (a signed client's is checked against it) and
 * as it goes upstream. What both begin with is hashed once, and a long body while it arrives, so
 * that no turn of the loop is long. */
#include "core/proxy/gate_private.h"

#define PIECEWISE (64 * 1024) /* longer bodies are hashed while they arrive */
#define BLOCK     64          /* of SHA-256 */
/* Bytes at the end that wait for the whole: what is added to a body goes before its last brace. */
#define HELD_BACK 64

static bool is_signed(const struct exchange *x)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (str_is_nocase(x->headers[i].name, "authorization") &&
            str_starts(x->headers[i].value, "AWS4-HMAC-SHA256")) {
            return true;
        }
    }
    return false;
}

void gate_hash_begin(struct ticket *t)
{
    int64_t length = t->x->content_length;
    bool early = dialect_keeps_front(&t->route) && (length < 0 || length > PIECEWISE);
    if (early || is_signed(t->x)) {
        (void)sigv4_hash_begin(&t->hash); /* without memory all is hashed at the end */
    }
}

void gate_hash_more(struct ticket *t)
{
    const struct buf *body = &t->x->body;
    if (t->hash.context && body->len > t->hashed + HELD_BACK) {
        size_t n = (body->len - HELD_BACK - t->hashed) / BLOCK * BLOCK;
        sigv4_hash_add(&t->hash, buf_bytes(body) + t->hashed, n);
        t->hashed += n;
    }
}

bool gate_hash_client(struct ticket *t, uint8_t out[32])
{
    bool wanted = is_signed(t->x);
    if (wanted) {
        struct str rest = str_sub(buf_str(&t->x->body), t->hashed, t->x->body.len);
        sigv4_hash_sum(&t->hash, &rest, 1, out);
    }
    return wanted;
}

void gate_hash_upstream(const struct ticket *t, const struct str parts[3], uint8_t out[32])
{
    static const struct sigv4_hash none = {NULL};
    struct str rest[3] = {parts[0], parts[1], parts[2]};
    bool shared = parts[0].n >= t->hashed;
    if (shared) {
        rest[0] = str_sub(parts[0], t->hashed, parts[0].n);
    }
    sigv4_hash_sum(shared ? &t->hash : &none, rest, 3, out);
}
