/* keys.c: issued keys, without their secrets. Tags are kept as "key\0value\0" pairs. */
#include "core/base/clock.h"
#include "core/ledger/ledger_private.h"

#include <string.h>

#define KEY_COLUMNS                                                                                \
    "access_key_id, name, bearer, tags, created, expires, revoked, last_used, subject"
#define KEY_TAGS_MAX (TAGS_MAX * (TAG_KEY_MAX + TAG_VALUE_MAX + 2))

static size_t tags_pack(char out[KEY_TAGS_MAX], const struct key_record *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->tag_count && i < TAGS_MAX; i++) {
        size_t key = strnlen(k->tags[i].key, TAG_KEY_MAX);
        size_t value = strnlen(k->tags[i].value, TAG_VALUE_MAX);
        memcpy(out + n, k->tags[i].key, key);
        n += key;
        out[n++] = '\0';
        memcpy(out + n, k->tags[i].value, value);
        n += value;
        out[n++] = '\0';
    }
    return n;
}

static void tags_unpack(struct str packed, struct key_record *k)
{
    while (packed.n > 0 && k->tag_count < TAGS_MAX) {
        struct str value;
        struct str key = str_cut(packed, '\0', &value);
        value = str_cut(value, '\0', &packed);
        (void)str_copy(k->tags[k->tag_count].key, TAG_KEY_MAX + 1, key);
        (void)str_copy(k->tags[k->tag_count].value, TAG_VALUE_MAX + 1, value);
        k->tag_count++;
    }
}

static void read_key(sqlite3_stmt *s, struct key_record *k)
{
    memset(k, 0, sizeof(*k));
    sql_copy(s, 0, k->access_key_id, sizeof(k->access_key_id));
    sql_copy(s, 1, k->name, sizeof(k->name));
    struct str bearer = sql_column(s, 2);
    if (bearer.n == sizeof(k->bearer_sha256)) {
        memcpy(k->bearer_sha256, bearer.p, bearer.n);
    }
    tags_unpack(sql_column(s, 3), k);
    k->created_ms = sqlite3_column_int64(s, 4);
    k->expires_ms = sqlite3_column_int64(s, 5);
    k->revoked_ms = sqlite3_column_int64(s, 6);
    k->last_used_ms = sqlite3_column_int64(s, 7);
    sql_copy(s, 8, k->subject, sizeof(k->subject));
}

static enum err insert_key(struct ledger *g, const struct key_record *k, struct err_info *ei)
{
    char tags[KEY_TAGS_MAX];
    sqlite3_stmt *s =
        sql_prepare(g->db, "INSERT INTO keys(" KEY_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?)", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_text(s, 1, k->access_key_id);
    sql_bind_text(s, 2, k->name);
    sql_bind_blob(s, 3, (struct str){(const char *)k->bearer_sha256, sizeof(k->bearer_sha256)});
    sql_bind_blob(s, 4, (struct str){tags, tags_pack(tags, k)});
    sql_bind_int(s, 5, k->created_ms);
    sql_bind_int(s, 6, k->expires_ms);
    sql_bind_int(s, 7, k->revoked_ms);
    sql_bind_int(s, 8, k->last_used_ms);
    sql_bind_text(s, 9, k->subject);
    enum err e = ERR_OK;
    if (sqlite3_step(s) != SQLITE_DONE) {
        e = sqlite3_errcode(g->db) == SQLITE_CONSTRAINT
                ? err_set(ei, ERR_EXISTS,
                          "a key named %s, or one for its certificate, exists already: "
                          "revoke it first",
                          k->name)
                : sql_fail(g->db, "storing a key", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

enum err ledger_key_add(struct ledger *g, const struct key_record *k, struct err_info *ei)
{
    if (k->name[0] == '\0' || k->access_key_id[0] == '\0') {
        return err_set(ei, ERR_RANGE, "a key needs a name and an access key ID");
    }
    enum err e = ledger_write_begin(g, ei);
    return e != ERR_OK ? e : ledger_write_end(g, insert_key(g, k, ei), ei);
}

/* The unrevoked key of that name or ID; else a revoked one. */
static enum err find_key(sqlite3 *db, struct str name_or_id, struct key_record *out,
                         struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(db,
                                  "SELECT " KEY_COLUMNS " FROM keys WHERE access_key_id = ?1 OR"
                                  " name = ?1 ORDER BY revoked <> 0, revoked DESC LIMIT 1",
                                  ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_str(s, 1, name_or_id);
    int rc = sqlite3_step(s);
    enum err e = ERR_OK;
    if (rc == SQLITE_ROW) {
        read_key(s, out);
    } else if (rc == SQLITE_DONE) {
        e = err_set(ei, ERR_NOT_FOUND, "there is no key %.*s", (int)name_or_id.n, name_or_id.p);
    } else {
        e = sql_fail(db, "looking for a key", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

static enum err update_key(struct ledger *g, const char *sql, int64_t at_ms, const char *id,
                           struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(g->db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, at_ms);
    sql_bind_text(s, 2, id);
    enum err e = sql_run(g->db, s, "changing a key", ei);
    if (e == ERR_OK && sqlite3_changes(g->db) == 0) {
        e = err_set(ei, ERR_NOT_FOUND, "there is no key %s", id);
    }
    (void)sqlite3_finalize(s);
    return e;
}

static enum err revoke(struct ledger *g, struct str name_or_id, int64_t now_ms,
                       struct key_record *out, struct err_info *ei)
{
    enum err e = find_key(g->db, name_or_id, out, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (out->revoked_ms != 0) {
        char at[CLOCK_TEXT];
        clock_rfc3339(at, out->revoked_ms);
        return err_set(ei, ERR_NOT_FOUND, "the key %s was revoked at %s", out->access_key_id, at);
    }
    out->revoked_ms = now_ms != 0 ? now_ms : 1;
    return update_key(g, "UPDATE keys SET revoked = ? WHERE access_key_id = ?", out->revoked_ms,
                      out->access_key_id, ei);
}

enum err ledger_key_revoke(struct ledger *g, struct str name_or_id, int64_t now_ms,
                           struct key_record *out, struct err_info *ei)
{
    struct key_record key = {0};
    enum err e = ledger_write_begin(g, ei);
    if (e == ERR_OK) {
        e = ledger_write_end(g, revoke(g, name_or_id, now_ms, &key, ei), ei);
    }
    if (e == ERR_OK && out != NULL) {
        *out = key;
    }
    return e;
}

enum err ledger_key_used(struct ledger *g, const char *access_key_id, int64_t at_ms,
                         struct err_info *ei)
{
    enum err e = ledger_write_begin(g, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = update_key(g, "UPDATE keys SET last_used = max(last_used, ?1) WHERE access_key_id = ?2",
                   at_ms, access_key_id, ei);
    return ledger_write_end(g, e, ei);
}

enum err ledger_keys(struct ledger *g, bool (*fn)(void *arg, const struct key_record *k), void *arg,
                     struct err_info *ei)
{
    sqlite3 *db = ledger_read_begin(g, ei);
    if (db == NULL) {
        return ERR_IO;
    }
    sqlite3_stmt *s =
        sql_prepare(db, "SELECT " KEY_COLUMNS " FROM keys ORDER BY created, access_key_id", ei);
    enum err e = s != NULL ? ERR_OK : ERR_IO;
    int rc = SQLITE_DONE;
    while (s != NULL && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct key_record k;
        read_key(s, &k);
        if (!fn(arg, &k)) {
            break;
        }
    }
    if (e == ERR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
        e = sql_fail(db, "reading keys", ei);
    }
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e;
}
