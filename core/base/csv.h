/* csv.h: comma-separated values (RFC 4180) as a stream: records come out as bytes go in, quoted
 * fields may hold commas, quotes and line ends. Memory is bounded. */
#ifndef TOLLGATE_BASE_CSV_H
#define TOLLGATE_BASE_CSV_H

#include "core/base/buf.h"

#define CSV_FIELDS_MAX 1024
#define CSV_RECORD_MAX (1024 * 1024)

struct csv { /* all-zero, then csv_init; csv_free */
    struct buf record;
    size_t ends[CSV_FIELDS_MAX]; /* end of each field in record */
    size_t count;                /* fields */
    int64_t number;              /* of records begun, from 1 */
    enum { CSV_START, CSV_PLAIN, CSV_QUOTED, CSV_QUOTE_SEEN, CSV_DONE } state;
    bool bad;      /* the record is too long, has too many fields, or a quote in the middle */
    bool returned; /* a carriage return may be followed by its line feed */
};
void csv_init(struct csv *c);
void csv_free(struct csv *c);
/* Takes bytes from *text until a record is whole: true, and csv_field reads it until the next call.
 * False: all is taken, more is needed. Empty lines are passed over. A bad record comes out too,
 * with c->bad and no fields to trust. */
bool csv_take(struct csv *c, struct str *text);
/* At the end of the stream: whether a last record without a line end stands there. An open quote
 * makes it bad. */
bool csv_end(struct csv *c);
/* A field of the whole record; the empty slice beyond the last. */
struct str csv_field(const struct csv *c, size_t i);

#endif
