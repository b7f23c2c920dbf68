/* cloud_cursor.c: see cloud_cursor.h. Kept as "seq sending sent repeated refused". */
#include "core/cloud/cloud_cursor.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBERS 5

static bool read_numbers(struct str text, int64_t out[NUMBERS])
{
    for (size_t i = 0; i < NUMBERS && text.n > 0; i++) {
        struct str rest;
        struct str one = str_cut(text, ' ', &rest);
        if (!str_to_i64(one, &out[i]) || out[i] < 0) {
            return false;
        }
        text = rest;
    }
    return text.n == 0;
}

enum err cloud_cursor_load(struct cloud_cursor *k, struct ledger *g, struct err_info *ei)
{
    struct buf text = {0};
    int64_t n[NUMBERS] = {0};
    if (k->loaded) {
        return ERR_OK;
    }
    enum err e = ledger_get_value(g, k->key, &text);
    if (e == ERR_NOT_FOUND) {
        e = ERR_OK;
    } else if (e == ERR_OK && !read_numbers(buf_str(&text), n)) {
        e = err_set(ei, ERR_CORRUPT, "the ledger's value %s is not as it was written", k->key);
    } else if (e != ERR_OK) {
        e = err_set(ei, e, "the ledger did not say what was published (%s)", err_name(e));
    }
    if (e == ERR_OK) {
        *k = (struct cloud_cursor){k->key, true, n[0], n[1], n[2], n[3], n[4]};
    }
    buf_free(&text);
    return e;
}

static enum err keep(const struct cloud_cursor *k, struct ledger *g, struct err_info *ei)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                     k->seq, k->sending, k->sent, k->repeated, k->refused);
    return ledger_put_value(g, k->key, (struct str){text, n > 0 ? (size_t)n : 0}, ei);
}

enum err cloud_cursor_sending(struct cloud_cursor *k, struct ledger *g, int64_t entries,
                              struct err_info *ei)
{
    struct cloud_cursor before = *k;
    k->repeated += k->sending < entries ? k->sending : entries;
    k->sending = entries;
    enum err e = keep(k, g, ei);
    if (e != ERR_OK) {
        *k = before; /* it will not be sent */
    }
    return e;
}

enum err cloud_cursor_done(struct cloud_cursor *k, struct ledger *g, int64_t seq, int64_t taken,
                           int64_t refused, struct err_info *ei)
{
    k->sent += taken;
    k->refused += refused;
    k->sending = 0;
    k->seq = seq;
    return keep(k, g, ei);
}

void cloud_cursor_not_taken(struct cloud_cursor *k)
{
    k->sending = 0;
}
