/* changes.c: changes of limits and keys, overrides in force, and small durable values. */
#include "core/ledger/ledger_private.h"

#include <string.h>

/* --- changes --- */

static enum err insert_change(struct ledger *g, struct ledger_change *c, struct err_info *ei)
{
    sqlite3_stmt *s =
        sql_prepare(g->db,
                    "INSERT INTO changes(seq, time, action, limit_name, group_name, old_value, "
                    "new_value, until,"
                    " undoes, actor, uid, reason, ticket) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    ei);
    if (s == NULL) {
        return ERR_IO;
    }
    c->seq = fold_next_seq(&g->fold);
    sql_bind_int(s, 1, c->seq);
    sql_bind_int(s, 2, c->time_ms);
    sql_bind_text(s, 3, c->action);
    sql_bind_text(s, 4, c->limit);
    sql_bind_text(s, 5, c->group);
    sql_bind_text(s, 6, c->old_value);
    sql_bind_text(s, 7, c->new_value);
    sql_bind_int(s, 8, c->until_ms);
    sql_bind_int(s, 9, c->undoes);
    sql_bind_text(s, 10, c->actor);
    sql_bind_int(s, 11, c->actor_uid);
    sql_bind_text(s, 12, c->reason);
    sql_bind_text(s, 13, c->ticket);
    enum err e = sql_run(g->db, s, "storing a change", ei);
    c->id = sqlite3_last_insert_rowid(g->db);
    (void)sqlite3_finalize(s);
    return e;
}

enum err ledger_change(struct ledger *g, struct ledger_change *c, struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = ledger_write_end(g, insert_change(g, c, ei), ei);
    if (e != ERR_OK) {
        c->id = c->seq = 0;
    }
    return e;
}

#define CHANGE_COLUMNS                                                                             \
    "id, seq, time, action, limit_name, group_name, old_value, new_value, until, undoes, actor,"   \
    " uid, reason, ticket"

static void read_change(sqlite3_stmt *s, struct ledger_change *c)
{
    memset(c, 0, sizeof(*c));
    c->id = sqlite3_column_int64(s, 0);
    c->seq = sqlite3_column_int64(s, 1);
    c->time_ms = sqlite3_column_int64(s, 2);
    sql_copy(s, 3, c->action, sizeof(c->action));
    sql_copy(s, 4, c->limit, sizeof(c->limit));
    sql_copy(s, 5, c->group, sizeof(c->group));
    sql_copy(s, 6, c->old_value, sizeof(c->old_value));
    sql_copy(s, 7, c->new_value, sizeof(c->new_value));
    c->until_ms = sqlite3_column_int64(s, 8);
    c->undoes = sqlite3_column_int64(s, 9);
    sql_copy(s, 10, c->actor, sizeof(c->actor));
    c->actor_uid = (uint32_t)sqlite3_column_int64(s, 11);
    sql_copy(s, 12, c->reason, sizeof(c->reason));
    sql_copy(s, 13, c->ticket, sizeof(c->ticket));
}

/* Steps once: ERR_OK with a row, ERR_NOT_FOUND without. */
static enum err step_one(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct err_info *ei)
{
    switch (sqlite3_step(s)) {
    case SQLITE_ROW:
        return ERR_OK;
    case SQLITE_DONE:
        return ERR_NOT_FOUND;
    default:
        return sql_fail(db, doing, ei);
    }
}

enum err ledger_get_change(struct ledger *g, int64_t id, struct ledger_change *out,
                           struct err_info *ei)
{
    sqlite3 *db = ledger_read_begin(g, ei);
    if (db == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_IO;
    sqlite3_stmt *s = sql_prepare(db, "SELECT " CHANGE_COLUMNS " FROM changes WHERE id = ?", ei);
    if (s != NULL) {
        sql_bind_int(s, 1, id);
        e = step_one(db, s, "reading a change", ei);
        if (e == ERR_OK) {
            read_change(s, out);
        } else if (e == ERR_NOT_FOUND) {
            e = err_set(ei, e, "there is no change %lld", (long long)id);
        }
    }
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e;
}

enum err ledger_last_change(struct ledger *g, const char *limit, const char *group, int64_t uid,
                            struct ledger_change *out)
{
    sqlite3 *db = ledger_read_begin(g, NULL);
    if (db == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_IO;
    sqlite3_stmt *s = sql_prepare(db,
                                  "SELECT " CHANGE_COLUMNS " FROM changes"
                                  " WHERE (?1 IS NULL OR limit_name = ?1)"
                                  " AND (?2 IS NULL OR group_name = ?2) AND (?3 < 0 OR uid = ?3)"
                                  " ORDER BY id DESC LIMIT 1",
                                  NULL);
    if (s != NULL) {
        if (limit != NULL) {
            sql_bind_text(s, 1, limit);
        }
        if (group != NULL) {
            sql_bind_text(s, 2, group);
        }
        sql_bind_int(s, 3, uid);
        e = step_one(db, s, "reading a change", NULL);
        if (e == ERR_OK) {
            read_change(s, out);
        }
    }
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e;
}

/* --- overrides --- */

enum err ledger_put_override(struct ledger *g, const struct ledger_override *o, struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_stmt *s =
        sql_prepare(g->db, "INSERT OR REPLACE INTO overrides VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", ei);
    e = ERR_IO;
    if (s != NULL) {
        sql_bind_text(s, 1, o->limit);
        sql_bind_text(s, 2, o->group);
        sql_bind_int(s, 3, o->id);
        sql_bind_int(s, 4, o->has_amount ? 1 : 0);
        sql_bind_int(s, 5, o->blocked ? 1 : 0);
        sql_bind_int(s, 6, o->amount);
        sql_bind_int(s, 7, o->since_ms);
        sql_bind_int(s, 8, o->until_ms);
        sql_bind_text(s, 9, o->actor);
        sql_bind_int(s, 10, o->actor_uid);
        sql_bind_text(s, 11, o->reason);
        sql_bind_text(s, 12, o->ticket);
        e = sql_run(g->db, s, "storing an override", ei);
    }
    (void)sqlite3_finalize(s);
    return ledger_write_end(g, e, ei);
}

enum err ledger_drop_override(struct ledger *g, const char *limit, const char *group,
                              struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_stmt *s =
        sql_prepare(g->db, "DELETE FROM overrides WHERE limit_name = ? AND group_name = ?", ei);
    e = ERR_IO;
    if (s != NULL) {
        sql_bind_text(s, 1, limit);
        sql_bind_text(s, 2, group);
        e = sql_run(g->db, s, "dropping an override", ei);
    }
    (void)sqlite3_finalize(s);
    return ledger_write_end(g, e, ei);
}

static void read_override(sqlite3_stmt *s, struct ledger_override *o)
{
    memset(o, 0, sizeof(*o));
    sql_copy(s, 0, o->limit, sizeof(o->limit));
    sql_copy(s, 1, o->group, sizeof(o->group));
    o->id = sqlite3_column_int64(s, 2);
    o->has_amount = sqlite3_column_int(s, 3) != 0;
    o->blocked = sqlite3_column_int(s, 4) != 0;
    o->amount = sqlite3_column_int64(s, 5);
    o->since_ms = sqlite3_column_int64(s, 6);
    o->until_ms = sqlite3_column_int64(s, 7);
    sql_copy(s, 8, o->actor, sizeof(o->actor));
    o->actor_uid = (uint32_t)sqlite3_column_int64(s, 9);
    sql_copy(s, 10, o->reason, sizeof(o->reason));
    sql_copy(s, 11, o->ticket, sizeof(o->ticket));
}

enum err ledger_overrides(struct ledger *g, bool (*fn)(void *arg, const struct ledger_override *o),
                          void *arg, struct err_info *ei)
{
    sqlite3 *db = ledger_read_begin(g, ei);
    if (db == NULL) {
        return ERR_IO;
    }
    sqlite3_stmt *s = sql_prepare(db,
                                  "SELECT limit_name, group_name, id, has_amount, blocked, amount,"
                                  " since, until, actor, uid, reason, ticket FROM overrides",
                                  ei);
    enum err e = s != NULL ? ERR_OK : ERR_IO;
    while (e == ERR_OK && (e = step_one(db, s, "reading overrides", ei)) == ERR_OK) {
        struct ledger_override o;
        read_override(s, &o);
        if (!fn(arg, &o)) {
            break;
        }
    }
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- values --- */

enum err ledger_put_value(struct ledger *g, const char *key, struct str value, struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_stmt *s = sql_prepare(g->db, "INSERT OR REPLACE INTO vals VALUES(?,?)", ei);
    e = ERR_IO;
    if (s != NULL) {
        sql_bind_text(s, 1, key);
        sql_bind_blob(s, 2, value);
        e = sql_run(g->db, s, "storing a value", ei);
    }
    (void)sqlite3_finalize(s);
    return ledger_write_end(g, e, ei);
}

enum err ledger_drop_value(struct ledger *g, const char *key, struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_stmt *s = sql_prepare(g->db, "DELETE FROM vals WHERE key = ?", ei);
    e = ERR_IO;
    if (s != NULL) {
        sql_bind_text(s, 1, key);
        e = sql_run(g->db, s, "forgetting a value", ei);
    }
    (void)sqlite3_finalize(s);
    return ledger_write_end(g, e, ei);
}

enum err ledger_get_value(struct ledger *g, const char *key, struct buf *out)
{
    sqlite3 *db = ledger_read_begin(g, NULL);
    if (db == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_IO;
    sqlite3_stmt *s = sql_prepare(db, "SELECT value FROM vals WHERE key = ?", NULL);
    if (s != NULL) {
        sql_bind_text(s, 1, key);
        e = step_one(db, s, "reading a value", NULL);
        if (e == ERR_OK && !buf_add_str(out, sql_column(s, 0))) {
            e = ERR_NOMEM;
        }
    }
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e;
}
