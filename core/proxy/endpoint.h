/* endpoint.h: one upstream host for all workers: its addresses, kept fresh by a thread of their own
 * so that no worker waits for DNS, and its TLS context with the last session for resumption. */
#ifndef TOLLGATE_PROXY_ENDPOINT_H
#define TOLLGATE_PROXY_ENDPOINT_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ENDPOINT_ADDRESSES_MAX 8

struct endpoint_address {
    struct sockaddr_storage at;
    socklen_t length;
};

struct endpoint;

/* url: "https://host[:port]" or "http://...", the former by way of the environment's HTTPS_PROXY
 * unless NO_PROXY names it. ca_file NULL: the system's. Numeric hosts and
 * localhost are known at once, others as soon as the resolver thread has them (refreshed every 30
 * s; old addresses are kept when a refresh fails). NULL with a text. */
struct endpoint *endpoint_new(const char *url, const char *ca_file, struct err_info *ei);
/* The same, with the certificates that `other` (or NULL) has read already: they are hundreds. */
struct endpoint *endpoint_new_beside(const char *url, const char *ca_file,
                                     const struct endpoint *other, struct err_info *ei);
/* Can the certificates of ca_file be read? */
bool endpoint_check_ca_file(const char *ca_file, struct err_info *ei);
void endpoint_free(struct endpoint *e); /* ends the resolver thread; NULL is a no-op */

const char *endpoint_host(const struct endpoint *e); /* for SNI and the name check */
const char *
endpoint_authority(const struct endpoint *e); /* for Host: port only when it is not the default */
bool endpoint_tls(const struct endpoint *e);
/* The proxy through which calls go (tunnel.h), "host:port" without its password, or NULL. Then the
 * addresses are the proxy's, and the endpoint's own name is not looked up here. */
const char *endpoint_proxy(const struct endpoint *e);
struct str endpoint_connect_request(const struct endpoint *e); /* to be sent to the proxy first */
/* Whom connections are opened to, for messages: "host:443" or "proxy host:3128". */
const char *endpoint_dialled(const struct endpoint *e);
/* Copies the addresses in the order in which they are to be tried (RFC 8305: the resolver's, with
 * the families taking turns); 0 while none is known: `problem` (may be NULL) says why. */
size_t endpoint_addresses(struct endpoint *e, struct endpoint_address out[ENDPOINT_ADDRESSES_MAX],
                          char problem[160]);
/* Takes these addresses over, as a look-up's result; what is beyond ENDPOINT_ADDRESSES_MAX after
 * ordering is left out. */
void endpoint_take(struct endpoint *e, const struct endpoint_address *at, size_t n);
/* A client connection's TLS state (name check, SNI, last session); NULL without memory. */
SSL *endpoint_ssl(struct endpoint *e);

#endif
