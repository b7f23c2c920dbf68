/* tunnel.h: the HTTP proxy, if any, through which an https host is reached: HTTPS_PROXY and
 * NO_PROXY as curl reads them (lower case first). No I/O. */
#ifndef TOLLGATE_PROXY_TUNNEL_H
#define TOLLGATE_PROXY_TUNNEL_H

#include "core/base/buf.h"

struct tunnel {
    char host[256], port[8]; /* of the proxy; host "" when there is none */
    char shown[272];         /* "host:port", never the user or the password */
    struct buf request;      /* the CONNECT to be sent; holds the password */
};

/* target: "host:port" of the endpoint, host: its host alone. ERR_PARSE: HTTPS_PROXY is no
 * "http://[user:password@]host[:port]" (port 1080 when absent, as with curl). */
enum err tunnel_from_environment(struct tunnel *out, const char *host, const char *target,
                                 struct err_info *ei) MUST_CHECK;
void tunnel_free(struct tunnel *t); /* wipes it */

/* Does NO_PROXY name the host? Names match themselves and what is below them, addresses match
 * themselves or the network "10.0.0.0/8" they are in, "*" alone matches everything. */
bool tunnel_excluded(const char *host, const char *no_proxy);

#endif
