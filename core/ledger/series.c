/* series.c: see series.h. The key of a series is its dialect, then each string with its length
 * before it, then the tags alike, in the order the call has them (sorted by key). */
#include "core/ledger/series.h"

#include "core/config/config.h"

#include <stdlib.h>
#include <string.h>

#define CACHED_MAX   8192
#define DELETE_BATCH "500"
#define DAY_BITS     20 /* beside the number in the cache */

/* --- the key --- */

#define KEY_STRINGS_MAX (5 + 2 * TAGS_MAX)

static size_t strings_of(const struct record_call *call, struct str out[KEY_STRINGS_MAX])
{
    size_t n = 0;
    out[n++] = call->operation;
    out[n++] = call->model;
    out[n++] = call->model_id;
    out[n++] = call->principal;
    out[n++] = call->limit;
    for (size_t i = 0; i < call->tags.count; i++) {
        out[n++] = call->tags.at[i].key;
        out[n++] = call->tags.at[i].value;
    }
    return n;
}

static bool key_of(struct buf *b, const struct record_call *call)
{
    struct str strings[KEY_STRINGS_MAX];
    size_t count = strings_of(call, strings), n = 1;
    for (size_t i = 0; i < count; i++) {
        n += strings[i].n + 3;
    }
    buf_clear(b);
    char *at = buf_reserve(b, n);
    if (at == NULL) {
        return false;
    }
    *at++ = (char)call->dialect;
    for (size_t i = 0; i < count; i++) {
        *at++ = (char)(strings[i].n & 0xFF);
        *at++ = (char)(strings[i].n >> 8);
        if (strings[i].n > 0) {
            memcpy(at, strings[i].p, strings[i].n);
        }
        at += strings[i].n;
        *at++ = '\0';
    }
    buf_commit(b, n);
    return true;
}

static bool key_next(struct str *rest, struct str *out)
{
    if (rest->n < 3) {
        return false;
    }
    size_t n = (uint8_t)rest->p[0] | ((size_t)(uint8_t)rest->p[1] << 8);
    if (n + 3 > rest->n || rest->p[n + 2] != '\0') {
        return false;
    }
    *out = (struct str){rest->p + 2, n};
    *rest = str_sub(*rest, n + 3, rest->n);
    return true;
}

bool series_parse(struct str key, struct series *out)
{
    memset(out, 0, sizeof(*out));
    if (key.n == 0 || (uint8_t)key.p[0] > DIALECT_WORKFLOW) {
        return false;
    }
    out->dialect = (enum call_dialect)key.p[0];
    struct str rest = str_sub(key, 1, key.n);
    if (!key_next(&rest, &out->operation) || !key_next(&rest, &out->model) ||
        !key_next(&rest, &out->model_id) || !key_next(&rest, &out->principal) ||
        !key_next(&rest, &out->limit)) {
        return false;
    }
    while (rest.n > 0) {
        if (out->tags.count == TAGS_MAX) {
            return false;
        }
        struct tag *tag = &out->tags.at[out->tags.count++];
        if (!key_next(&rest, &tag->key) || !key_next(&rest, &tag->value)) {
            return false;
        }
    }
    return true;
}

/* --- the writer --- */

enum err series_writer_open(struct series_writer *w, sqlite3 *db, struct err_info *ei)
{
    w->db = db;
    w->find = sql_prepare(db, "SELECT id, day FROM series WHERE key = ?", ei);
    w->add = sql_prepare(db,
                         "INSERT INTO series(key, dialect, operation, model, model_id, principal,"
                         " limit_name, tags, day) VALUES(?,?,?,?,?,?,?,?,?)",
                         ei);
    w->touch = sql_prepare(db, "UPDATE series SET day = ? WHERE id = ?", ei);
    return w->find != NULL && w->add != NULL && w->touch != NULL ? ERR_OK : ERR_IO;
}

void series_writer_close(struct series_writer *w)
{
    (void)sqlite3_finalize(w->find);
    (void)sqlite3_finalize(w->add);
    (void)sqlite3_finalize(w->touch);
    series_writer_forget(w);
    buf_free(&w->key);
    buf_free(&w->tags);
}

void series_writer_forget(struct series_writer *w)
{
    map_free(&w->ids, NULL);
}

static enum err find_id(struct series_writer *w, struct str key, int64_t *id, int64_t *day,
                        struct err_info *ei)
{
    enum err e = ERR_OK;
    sql_bind_blob(w->find, 1, key);
    int rc = sqlite3_step(w->find);
    if (rc == SQLITE_ROW) {
        *id = sqlite3_column_int64(w->find, 0);
        *day = sqlite3_column_int64(w->find, 1);
    } else {
        e = rc == SQLITE_DONE ? ERR_NOT_FOUND : sql_fail(w->db, "looking for a series", ei);
    }
    (void)sqlite3_reset(w->find);
    return e;
}

static enum err add_id(struct series_writer *w, const struct record_call *call, struct str key,
                       int64_t *id, struct err_info *ei)
{
    buf_clear(&w->tags);
    if (!tags_json(&w->tags, &call->tags)) {
        return err_set(ei, ERR_NOMEM, "no memory for the tags of a call");
    }
    sql_bind_blob(w->add, 1, key);
    sql_bind_text(w->add, 2, call_dialect_name(call->dialect));
    sql_bind_str(w->add, 3, call->operation);
    sql_bind_str(w->add, 4, call->model);
    sql_bind_str(w->add, 5, call->model_id);
    sql_bind_str(w->add, 6, call->principal);
    sql_bind_str(w->add, 7, call->limit);
    sql_bind_str(w->add, 8, buf_str(&w->tags));
    sql_bind_int(w->add, 9, call->time_ms / SERIES_DAY_MS);
    enum err e = sql_run(w->db, w->add, "storing a series", ei);
    if (e == ERR_OK) {
        *id = sqlite3_last_insert_rowid(w->db);
    }
    return e;
}

/* Known to the cache, to the table, or made. */
static enum err look_up(struct series_writer *w, const struct record_call *call, struct str key,
                        int64_t *id, int64_t *day, struct err_info *ei)
{
    int64_t known = (int64_t)(intptr_t)map_get(&w->ids, key);
    if (known != 0) {
        *id = known >> DAY_BITS;
        *day = known & ((1 << DAY_BITS) - 1);
        return ERR_OK;
    }
    enum err e = find_id(w, key, id, day, ei);
    if (e == ERR_NOT_FOUND) {
        *day = call->time_ms / SERIES_DAY_MS;
        e = add_id(w, call, key, id, ei);
    }
    return e;
}

enum err series_intern(struct series_writer *w, const struct record_call *call, int64_t *id,
                       struct err_info *ei)
{
    if (!key_of(&w->key, call)) {
        return err_set(ei, ERR_NOMEM, "no memory for the series of a call");
    }
    struct str key = buf_str(&w->key);
    int64_t day = 0, today = call->time_ms / SERIES_DAY_MS;
    enum err e = look_up(w, call, key, id, &day, ei);
    if (e == ERR_OK && day < today) {
        sql_bind_int(w->touch, 1, today);
        sql_bind_int(w->touch, 2, *id);
        e = sql_run(w->db, w->touch, "noting the day of a series", ei);
        day = today;
    }
    if (e != ERR_OK) {
        return e;
    }
    if (w->ids.count >= CACHED_MAX) {
        series_writer_forget(w);
    }
    intptr_t value = (intptr_t)(*id << DAY_BITS | (day & ((1 << DAY_BITS) - 1)));
    (void)map_set(&w->ids, key, (void *)value, NULL); /* without memory: looked up again */
    return ERR_OK;
}

enum err series_delete(struct series_writer *w, int64_t before_ms, bool *more, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(w->db,
                                  "DELETE FROM series WHERE id IN"
                                  " (SELECT id FROM series WHERE day < ? LIMIT " DELETE_BATCH ")",
                                  ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, before_ms / SERIES_DAY_MS);
    enum err e = sql_run(w->db, s, "deleting old series", ei);
    if (e == ERR_OK && sqlite3_changes(w->db) > 0) {
        *more = true;
        series_writer_forget(w);
    }
    (void)sqlite3_finalize(s);
    return e;
}

/* --- the reader --- */

enum err series_reader_open(struct series_reader *r, sqlite3 *db, struct err_info *ei)
{
    memset(r, 0, sizeof(*r));
    r->db = db;
    r->get = sql_prepare(db, "SELECT key FROM series WHERE id = ?", ei);
    return r->get != NULL ? ERR_OK : ERR_IO;
}

void series_reader_close(struct series_reader *r)
{
    (void)sqlite3_finalize(r->get);
    map_free(&r->loaded, free);
}

/* The series and, behind it, its key, which the slices point into. */
static struct series *series_new(struct str key)
{
    struct series *s = calloc(1, sizeof(*s) + key.n);
    if (s == NULL) {
        return NULL;
    }
    char *copy = (char *)(s + 1);
    if (key.n > 0) {
        memcpy(copy, key.p, key.n);
    }
    if (!series_parse((struct str){copy, key.n}, s)) {
        memset(s, 0, sizeof(*s)); /* a damaged row counts under empty names */
    }
    return s;
}

const struct series *series_load(struct series_reader *r, int64_t id, struct err_info *ei)
{
    struct str number = {(const char *)&id, sizeof(id)};
    struct series *s = map_get(&r->loaded, number);
    if (s != NULL) {
        return s;
    }
    sql_bind_int(r->get, 1, id);
    int rc = sqlite3_step(r->get);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void)sql_fail(r->db, "reading a series", ei);
    } else {
        s = series_new(rc == SQLITE_ROW ? sql_column(r->get, 0) : (struct str){NULL, 0});
        if (s == NULL || !map_set(&r->loaded, number, s, NULL)) {
            err_set(ei, ERR_NOMEM, "no memory for a report");
            free(s);
            s = NULL;
        }
    }
    (void)sqlite3_reset(r->get);
    return s;
}

struct str series_value(const struct series *s, enum call_outcome outcome, const char *key)
{
    struct str name = str_of(key);
    if (str_is(name, "model")) {
        return s->model;
    }
    if (str_is(name, "model_id")) {
        return s->model_id;
    }
    if (str_is(name, "principal")) {
        return s->principal;
    }
    if (str_is(name, "limit")) {
        return s->limit;
    }
    if (str_is(name, "operation")) {
        return s->operation;
    }
    if (str_is(name, "dialect")) {
        return str_of(call_dialect_name(s->dialect));
    }
    if (str_is(name, "outcome")) {
        return str_of(call_outcome_name(outcome));
    }
    struct str tag = config_tag_key(name);
    for (size_t i = 0; i < s->tags.count; i++) {
        if (str_eq(s->tags.at[i].key, tag)) {
            return s->tags.at[i].value;
        }
    }
    return (struct str){NULL, 0};
}
