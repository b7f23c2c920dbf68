/* sse.h: server-sent events that come in pieces, cut anywhere. Keeps the data of one event at most,
 * and of one longer than SSE_EVENT_MAX nothing. */
#ifndef TOLLGATE_DIALECT_SSE_H
#define TOLLGATE_DIALECT_SSE_H

#include "core/base/buf.h"

#define SSE_EVENT_MAX ((size_t)64 * 1024)

enum sse_field { SSE_OTHER, SSE_DATA, SSE_NAME };

/* All-zero is the start of a stream. */
struct sse_reader {
    enum sse_field field;
    bool in_value;   /* behind the colon */
    bool value_next; /* one space may follow the colon */
    bool line;       /* the line has bytes */
    bool cr;         /* a '\r' ended the line; a '\n' may belong to it */
    bool blank;      /* that line was empty */
    bool has_data;
    bool ended; /* the event was told */
    bool big;   /* longer than is kept: its data is told in pieces */
    bool lost;  /* no memory for its data */
    uint8_t field_n, name_n;
    char field_text[6];
    char name[40];
    size_t length; /* of the event so far, as written */
    struct str borrowed;
    struct buf data;
};
void sse_free(struct sse_reader *r);

/* What is told of an event longer than is kept: its data from its beginning. */
typedef void sse_piece(void *arg, struct str piece);
/* Takes bytes up to the end of one event; returns how many (0 only with *ended). */
size_t sse_feed(struct sse_reader *r, const char *data, size_t n, sse_piece *piece, void *arg,
                bool *ended);
/* The end of the stream also ends an event; false: there was none under way. */
bool sse_finish(struct sse_reader *r);
/* Of the event that ended; both live until the next sse_feed. Lines of data are joined by '\n'. */
struct str sse_name(const struct sse_reader *r);
struct str sse_data(const struct sse_reader *r); /* empty when it was told in pieces */

#endif
