/* cloud_cursor.h: how far something of the ledger was sent, kept in the ledger. What was sent but
 * never answered is sent again and counted: it may stand with AWS twice. */
#ifndef TOLLGATE_CLOUD_CLOUD_CURSOR_H
#define TOLLGATE_CLOUD_CLOUD_CURSOR_H

#include "core/ledger/ledger.h"

struct cloud_cursor {
    const char *key; /* of the ledger's value */
    bool loaded;
    int64_t seq;      /* of the last entry that AWS has answered for */
    int64_t sending;  /* entries in a request that has no answer (yet) */
    int64_t sent;     /* entries taken, ever */
    int64_t repeated; /* of them, those sent again for want of an answer */
    int64_t refused;  /* entries that AWS does not take */
};

/* Reads what was kept; nothing after the first time it worked. A value that is a plain number is
 * the seq. */
enum err cloud_cursor_load(struct cloud_cursor *k, struct ledger *g,
                           struct err_info *ei) MUST_CHECK;
/* Before a request with `entries` goes out, and kept: a crash may hide its answer. */
enum err cloud_cursor_sending(struct cloud_cursor *k, struct ledger *g, int64_t entries,
                              struct err_info *ei) MUST_CHECK;
/* All up to seq is done with. The cursor has moved even if it cannot be kept. */
enum err cloud_cursor_done(struct cloud_cursor *k, struct ledger *g, int64_t seq, int64_t taken,
                           int64_t refused, struct err_info *ei) MUST_CHECK;
/* The request came to nothing for sure. */
void cloud_cursor_not_taken(struct cloud_cursor *k);

#endif
