/* sim_connection.h: a connection as sim_http.c (reading, writing) and sim_answer.c (what is to be
 * written) share it. */
#ifndef TOLLGATE_SIM_SIM_CONNECTION_H
#define TOLLGATE_SIM_SIM_CONNECTION_H

#include "core/sim/sim_http.h"

#define SIM_BATCH_PIECES 32 /* written at once */

/* Up to `end` of what the connection wrote, `tokens` more were delivered. */
struct sim_mark {
    uint64_t end;
    int64_t tokens;
};

struct sim_connection {
    struct loop_fd fd;
    struct loop_timer timer;
    struct sim_listener *listener;
    struct sim_connection *next, *previous;
    struct buf in, out, decoded;
    struct http1_chunked chunked;
    size_t looked_at;  /* bytes of `in` seen by the search for the head's end */
    size_t head_n;     /* of the request being read; 0: not complete */
    size_t decoded_to; /* bytes of a chunked body taken from `in` behind the head */
    bool continued;    /* 100 was said for this request */
    /* The answer under way. */
    bool answering, keep_alive, chunks, silent;
    bool held; /* not a byte of it may go out before due_us */
    struct sim_source *source;
    enum sim_piece ending;
    int64_t due_us, piece_delay_us;
    size_t slow; /* bytes left to be written slowly */
    uint64_t queued, written;
    struct sim_mark marks[SIM_BATCH_PIECES];
    size_t mark_at, mark_count;
};

/* What was queued so far brings these tokens. */
void sim_connection_mark(struct sim_connection *c, int64_t tokens);

#endif
