/* server_private.h: between the control thread (server.c) and its connections (peer.c). */
#ifndef TOLLGATE_CONTROL_SERVER_PRIVATE_H
#define TOLLGATE_CONTROL_SERVER_PRIVATE_H

#include "core/control/core_private.h"

struct peer;
struct long_reads;

struct server {
    struct core *core;
    struct loop *loop;
    struct loop_fd listen_fd;
    struct loop_timer tick;
    pthread_t thread;
    bool running;
    struct long_reads *long_reads;
    struct peer *peers;
    int peer_count, viewer_count;
    json_t *events; /* newest first */
    json_t *shared; /* the dashboard snapshot that subscribers get; NULL: to be made anew */
    int64_t shared_us;
    unsigned ticks;
    char path[108];
};

/* Takes the connection, or says why not and closes it. */
void peer_accept(struct server *s, int fd);
/* What was asked for a peer in a thread of long_read.c. */
void peer_answer(void *peer, json_int_t id, enum err e, json_t *result, const char *text);
/* Frees every connection. */
void peer_close_all(struct server *s);

/* Who is at the other end of a Unix socket, by the kernel's word. False: not even a viewer. A
 * variable so that tests can be somebody else. */
extern bool (*peer_recognise)(const struct config *config, int fd, struct actor *out);

#endif
