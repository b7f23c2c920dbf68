/* endpoint.h: one upstream host for all workers: its addresses, kept fresh by a thread of their own
 * so that no worker waits for DNS, and its TLS context with the last session for resumption. */
#ifndef TOLLGATE_PROXY_ENDPOINT_H
#define TOLLGATE_PROXY_ENDPOINT_H

#include "core/base/err.h"

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

/* url: "https://host[:port]" or "http://...". ca_file NULL: the system's. Numeric hosts and
 * localhost are known at once, others as soon as the resolver thread has them (refreshed every 30
 * s; old addresses are kept when a refresh fails). */
struct endpoint *endpoint_new(const char *url, const char *ca_file, struct err_info *ei);
void endpoint_free(struct endpoint *e);

const char *endpoint_host(const struct endpoint *e); /* for SNI and the name check */
const char *
endpoint_authority(const struct endpoint *e); /* for Host: port only when it is not the default */
bool endpoint_tls(const struct endpoint *e);
/* The proxy that the environment (https_proxy, HTTPS_PROXY) names for this host and NO_PROXY does
 * not exclude, or NULL. Calls do not go through one: whoever starts says so. */
const char *endpoint_proxy(const struct endpoint *e);
/* Copies the addresses, best first; 0 while none is known: `problem` (may be NULL) says why. */
size_t endpoint_addresses(struct endpoint *e, struct endpoint_address out[ENDPOINT_ADDRESSES_MAX],
                          char problem[160]);
/* A client connection's TLS state (name check, SNI, last session); NULL without memory. */
SSL *endpoint_ssl(struct endpoint *e);

#endif
