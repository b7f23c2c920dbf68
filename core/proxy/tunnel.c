#include "core/proxy/tunnel.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PORT 1080
#define REQUEST_MAX  4096

/* --- NO_PROXY --- */

struct address {
    uint8_t bytes[16];
    int bits; /* 32 or 128; 0: not an address */
};

static struct address address_of(struct str text)
{
    struct address a = {.bits = 0};
    char copy[64];
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        text = str_sub(text, 1, text.n - 2);
    }
    if (str_copy(copy, sizeof(copy), text)) {
        a.bits = inet_pton(AF_INET, copy, a.bytes) == 1    ? 32
                 : inet_pton(AF_INET6, copy, a.bytes) == 1 ? 128
                                                           : 0;
    }
    return a;
}

static bool same_bits(const struct address *a, const struct address *b, int bits)
{
    size_t whole = (size_t)bits / 8;
    int left = bits % 8;
    uint8_t mask = (uint8_t)(0xFF00 >> left);
    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (left == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0);
}

static bool address_matches(const struct address *host, struct str entry)
{
    struct str prefix;
    struct address network = address_of(str_cut(entry, '/', &prefix));
    int64_t bits = network.bits;
    if (prefix.p && !str_to_i64(prefix, &bits)) {
        return false;
    }
    return network.bits == host->bits && bits >= (prefix.p ? 0 : host->bits) &&
           bits <= host->bits && same_bits(host, &network, (int)bits);
}

static bool name_matches(struct str host, struct str entry)
{
    if (str_starts(entry, ".")) {
        entry = str_sub(entry, 1, entry.n);
    }
    if (str_ends(entry, ".")) {
        entry.n--;
    }
    if (entry.n == 0 || entry.n > host.n) {
        return false;
    }
    struct str end = str_sub(host, host.n - entry.n, entry.n);
    return strncasecmp(end.p, entry.p, entry.n) == 0 && (entry.n == host.n || end.p[-1] == '.');
}

bool tunnel_excluded(const char *host, const char *no_proxy)
{
    struct str name = str_of(host), list = str_of(no_proxy);
    struct address address = address_of(name);
    if (str_is(str_trim(list), "*")) {
        return true;
    }
    if (str_ends(name, ".")) {
        name.n--;
    }
    while (list.n > 0) {
        size_t n = 0;
        while (n < list.n && !strchr(", \t", list.p[n])) {
            n++;
        }
        struct str entry = str_sub(list, 0, n);
        list = str_sub(list, n + 1, list.n);
        if (address.bits ? address_matches(&address, entry) : name_matches(name, entry)) {
            return true;
        }
    }
    return false;
}

/* --- HTTPS_PROXY --- */

static const char *setting(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    value = value && *value ? value : getenv(upper);
    return value && *value ? value : NULL;
}

/* The value may hold a password: messages never repeat it. */
static enum err malformed(struct err_info *ei, const char *why)
{
    return err_set(ei, ERR_PARSE,
                   "HTTPS_PROXY: %s; it must be http://[user:password@]host[:port] (hosts that "
                   "need no proxy can be listed in NO_PROXY)",
                   why);
}

static struct str after_last(struct str text, char sep)
{
    const char *at = text.p && text.n > 0 ? memrchr(text.p, sep, text.n) : NULL;
    return at ? str_sub(text, (size_t)(at - text.p) + 1, text.n) : (struct str){NULL, 0};
}

static enum err take_host(struct tunnel *t, struct str where, struct err_info *ei)
{
    struct str port, host;
    int64_t number = DEFAULT_PORT;
    bool v6 = str_starts(where, "[");
    if (v6) {
        host = str_cut(str_sub(where, 1, where.n), ']', &port);
        if (!port.p || (port.n > 0 && port.p[0] != ':')) {
            return malformed(ei, "']' is missing");
        }
        port = str_sub(port, 1, port.n);
    } else {
        host = str_cut(where, ':', &port);
    }
    if (port.n > 0 && (!str_to_i64(port, &number) || number < 1 || number > 65535)) {
        return malformed(ei, "the port is not a number up to 65535");
    }
    for (size_t i = 0; i < host.n; i++) {
        if ((unsigned char)host.p[i] <= ' ' || (unsigned char)host.p[i] >= 0x7F) {
            return malformed(ei, "the host is not a name");
        }
    }
    if (host.n == 0 || !str_copy(t->host, sizeof(t->host), host)) {
        return malformed(ei, "there is no host in it");
    }
    (void)snprintf(t->port, sizeof(t->port), "%d", (int)number);
    (void)snprintf(t->shown, sizeof(t->shown), "%s%s%s:%s", v6 ? "[" : "", t->host, v6 ? "]" : "",
                   t->port);
    return ERR_OK;
}

/* "user:password", each percent-encoded, as base64. */
static bool basic(char *out, struct str credentials)
{
    char user[256], password[512], both[sizeof(user) + sizeof(password)];
    struct str second;
    struct str first = str_cut(credentials, ':', &second);
    bool ok = str_percent_decode(user, sizeof(user), first) &&
              str_percent_decode(password, sizeof(password), second);
    if (ok) {
        int n = snprintf(both, sizeof(both), "%s:%s", user, password);
        (void)str_base64(out, both, (size_t)n);
    }
    explicit_bzero(password, sizeof(password));
    explicit_bzero(both, sizeof(both));
    return ok;
}

static enum err take_url(struct tunnel *t, const char *url, const char *target, struct err_info *ei)
{
    char encoded[4 * ((256 + 512 + 2) / 3) + 1] = "";
    struct str rest = str_of(url), path;
    if (strstr(url, "://") && !str_is_nocase(str_sub(rest, 0, 7), "http://")) {
        return malformed(ei, "only proxies of the kind http:// are known");
    }
    rest = strstr(url, "://") ? str_sub(rest, 7, rest.n) : rest;
    rest = str_cut(rest, '/', &path);
    struct str where = after_last(rest, '@');
    if (!where.p) {
        where = rest;
    } else if (!basic(encoded, str_sub(rest, 0, rest.n - where.n - 1))) {
        return malformed(ei, "user or password are too long or badly percent-encoded");
    }
    enum err e = take_host(t, where, ei);
    if (e == ERR_OK) {
        buf_init(&t->request, REQUEST_MAX);
        (void)buf_reserve(&t->request, REQUEST_MAX); /* so that no copy is left behind */
        (void)buf_printf(&t->request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
        if (encoded[0]) {
            (void)buf_printf(&t->request, "Proxy-Authorization: Basic %s\r\n", encoded);
        }
        (void)buf_add(&t->request, "\r\n");
        e = t->request.failed ? malformed(ei, "it is too long") : ERR_OK;
    }
    explicit_bzero(encoded, sizeof(encoded));
    return e;
}

enum err tunnel_from_environment(struct tunnel *out, const char *host, const char *target,
                                 struct err_info *ei)
{
    const char *url = setting("https_proxy", "HTTPS_PROXY");
    *out = (struct tunnel){.host = ""};
    if (!url || tunnel_excluded(host, setting("no_proxy", "NO_PROXY"))) {
        return ERR_OK;
    }
    enum err e = take_url(out, url, target, ei);
    if (e != ERR_OK) {
        tunnel_free(out);
    }
    return e;
}

void tunnel_free(struct tunnel *t)
{
    if (t->request.data) {
        explicit_bzero(t->request.data, t->request.cap);
    }
    buf_free(&t->request);
    *t = (struct tunnel){.host = ""};
}
