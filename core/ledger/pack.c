/* pack.c: see pack.h. A call is its kind, with a bit for what few have, then integers; the time and
 * the series as what they differ by from the call before. */
#include "core/ledger/pack.h"

#define KIND_BITS 0x1F
#define CACHED    0x20 /* tokens of caches follow */

enum err pack_open(struct pack *p, sqlite3 *db, struct err_info *ei)
{
    p->db = db;
    p->put = sql_prepare(db, "INSERT OR REPLACE INTO packs VALUES(?,?)", ei);
    return p->put != NULL ? ERR_OK : ERR_IO;
}

void pack_close(struct pack *p)
{
    (void)sqlite3_finalize(p->put);
}

void pack_forget(struct pack *p)
{
    p->first_seq = p->series = p->time_ms = 0;
    p->n = 0;
    p->changed = false;
}

enum err pack_flush(struct pack *p, struct err_info *ei)
{
    if (!p->changed) {
        return ERR_OK;
    }
    sql_bind_int(p->put, 1, p->first_seq);
    sql_bind_blob(p->put, 2, (struct str){(const char *)p->bytes, p->n});
    p->changed = false;
    return sql_run(p->db, p->put, "storing packed calls", ei);
}

enum err pack_add(struct pack *p, int64_t seq, int64_t series, int64_t kind,
                  const struct ledger_spent *call, struct err_info *ei)
{
    const struct usage *u = &call->usage;
    bool cached = (u->cache_read | u->cache_write_5m | u->cache_write_1h) != 0;
    uint8_t *at = p->bytes + p->n;
    p->first_seq = p->first_seq == 0 ? seq : p->first_seq;
    *at++ = (uint8_t)((kind & KIND_BITS) | (cached ? CACHED : 0));
    at = varint_put(at, call->admitted_ms - p->time_ms);
    at = varint_put(at, series - p->series);
    at = varint_put(at, u->input);
    at = varint_put(at, u->output);
    if (cached) {
        at = varint_put(at, u->cache_read);
        at = varint_put(at, u->cache_write_5m);
        at = varint_put(at, u->cache_write_1h);
    }
    at = varint_put(at, call->reserved.input);
    at = varint_put(at, call->reserved.output);
    at = varint_put(at, call->charged);
    at = varint_put(at, call->duration_ms);
    p->n = (size_t)(at - p->bytes);
    p->time_ms = call->admitted_ms;
    p->series = series;
    p->changed = true;
    if (p->n < PACK_FULL) {
        return ERR_OK;
    }
    enum err e = pack_flush(p, ei);
    pack_forget(p);
    return e;
}

/* Of a damaged pack it may be anything. */
static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

bool pack_next(struct pack_reader *r, int64_t *kind, struct ledger_spent *out)
{
    if (r->in.bad || r->in.at == r->in.end) {
        return false;
    }
    uint8_t head = varint_byte(&r->in);
    struct usage *u = &out->usage;
    *kind = head & KIND_BITS;
    r->time_ms = sum(r->time_ms, varint_get(&r->in));
    r->series = sum(r->series, varint_get(&r->in));
    *out = (struct ledger_spent){.admitted_ms = r->time_ms};
    u->input = varint_get(&r->in);
    u->output = varint_get(&r->in);
    if ((head & CACHED) != 0) {
        u->cache_read = varint_get(&r->in);
        u->cache_write_5m = varint_get(&r->in);
        u->cache_write_1h = varint_get(&r->in);
    }
    out->reserved.input = varint_get(&r->in);
    out->reserved.output = varint_get(&r->in);
    out->charged = varint_get(&r->in);
    out->duration_ms = varint_get(&r->in);
    return !r->in.bad;
}
