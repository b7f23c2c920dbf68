/* front.h: what clients connect to: listeners, TLS, HTTP/1.1 and HTTP/2 told apart by preface or
 * ALPN. One front a worker; all in the worker's thread. */
#ifndef TOLLGATE_PROXY_FRONT_H
#define TOLLGATE_PROXY_FRONT_H

#include "core/base/loop.h"
#include "core/config/config.h"
#include "core/proxy/exchange.h"

/* Bound sockets of one `listen:` entry, one a worker (SO_REUSEPORT), and its TLS context. */
struct listener;
/* Binds and listens; port 0 picks one that all workers share. Reads certificate, key and client CA.
 * ERR_IO/ERR_EXISTS with a text naming the address ("127.0.0.1:8088 is in use ..."). */
struct listener *listener_open(const struct config_listen *c, int workers, struct err_info *ei);
void listener_close(
    struct listener *l); /* stops listening; running connections go on. NULL: no-op */
/* Would its certificate, key and client CA do? */
enum err listener_check(const struct config_listen *c, struct err_info *ei);
bool listener_is(const struct listener *l, const struct config_listen *c); /* the same address */
/* Reads certificate, key and client CA again, from where c says. They hold for handshakes after
 * listener_renew(take) and front_reload; without `take` they are dropped. One thread at a time. A
 * change between plain and TLS is left alone. */
enum err listener_read_again(struct listener *l, const struct config_listen *c,
                             struct err_info *ei);
void listener_renew(struct listener *l, bool take);
/* "http://127.0.0.1:8088" or "https://..."; lives as long as l. */
const char *listener_url(const struct listener *l);

struct front;
/* Takes what it needs of config; borrows loop, gate and listeners until front_free. NULL: no
 * memory, or a listener cannot be watched. */
struct front *front_new(struct loop *loop, const struct config *config, struct gate *gate,
                        int worker, struct listener *const *listeners, size_t listener_count,
                        struct err_info *ei);
/* Called by the worker once a turn before the loop sleeps (loop_on_turn), after everything else
 * that may answer: writes what the turn's calls produced, and closes what is over. */
void front_turn(struct front *f);
/* New limits of requests.* for requests that start from now on, and the listeners' TLS of now. */
void front_reload(struct front *f, const struct config *config);
/* Graceful end: no new connections, idle ones closed, HTTP/1.1 answers say Connection: close,
 * HTTP/2 gets GOAWAY; running exchanges go on. */
void front_drain(struct front *f);
/* Cuts what is still running (gate_gone is called for each exchange). */
void front_cut(struct front *f);
size_t front_exchanges(const struct front *f); /* running now */
size_t front_connections(const struct front *f);
struct front_counts { /* rising; plain data read by the control thread through relaxed atomics */
    _Atomic int64_t connections, requests, bad_requests, timeouts, tls_failures, floods;
};
const struct front_counts *front_counts(const struct front *f);
void front_free(struct front *f); /* cuts what still runs; not from within gate_* */

#endif
