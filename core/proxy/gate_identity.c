#include "core/proxy/gate_private.h"

/* The whole host counts: a name such as 127.attacker.example is a stranger's. */
static bool host_is_local(struct str authority)
{
    char host[64];
    struct str port, name = str_cut(authority, ':', &port);
    if (str_starts(authority, "[")) {
        name = str_sub(str_cut(authority, ']', &port), 1, authority.n);
        if (!port.p || (port.n > 0 && port.p[0] != ':')) {
            return false;
        }
    }
    return str_is_nocase(name, "localhost") ||
           (str_copy(host, sizeof(host), name) && config_host_is_loopback(host));
}

static bool says_browser(const struct exchange *x)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (str_is_nocase(x->headers[i].name, "origin") ||
            str_is_nocase(x->headers[i].name, "sec-fetch-site")) {
            return true;
        }
    }
    return false;
}

/* Without keys, a web page that the user has open must not be able to spend. */
static bool from_browser(const struct exchange *x)
{
    return says_browser(x) || !host_is_local(x->authority);
}

/* Browsers show their certificate by themselves, whosever page asks: it tells nothing then. */
static struct str subject_of(const struct exchange *x)
{
    return x->subject.n > 0 && says_browser(x) ? (struct str){NULL, 0} : x->subject;
}

static struct identity_request identity_of(struct ticket *t, const uint8_t *sha256)
{
    const struct exchange *x = t->x;
    return (struct identity_request){.method = x->method,
                                     .target = x->target,
                                     .headers = x->headers,
                                     .header_count = x->header_count,
                                     .authority = x->authority,
                                     .subject = subject_of(x),
                                     .http2 = x->http2,
                                     .body_sha256 = sha256,
                                     .digest = &t->digest,
                                     .now_ms = loop_wall_ms(t->gate->loop)};
}

/* A clock that is off has an error of its own: SDKs set theirs by the answer's Date and try again.
 */
static void refuse_identity(struct ticket *t, enum err e, const struct err_info *ei)
{
    bool clock = e == ERR_RANGE;
    gate_refuse(t, clock ? REFUSAL_CLOCK : REFUSAL_AUTH, clock ? "clock" : "auth",
                e == ERR_NOT_FOUND ? "this gateway needs a key: none came with the request"
                                   : ei->text);
}

bool gate_identity_precheck(struct ticket *t)
{
    struct err_info ei = {.code = ERR_OK};
    struct identity_request r = identity_of(t, NULL);
    enum err e = identity_precheck(t->gate->identity, &r, &ei);
    if (e == ERR_OK) {
        return true;
    }
    if (e == ERR_NOT_FOUND && !t->rules->config->identity_required) {
        if (from_browser(t->x)) {
            gate_refuse(t, REFUSAL_FORBIDDEN, "browser",
                        "requests of web browsers are refused while identity is optional");
            return false;
        }
        return true;
    }
    refuse_identity(t, e, &ei);
    return false;
}

bool gate_identity_check(struct ticket *t, const uint8_t *sha256, struct tags *key_tags)
{
    struct err_info ei = {.code = ERR_OK};
    struct identity_request r = identity_of(t, sha256);
    struct identity_result who = {.kind = IDENTITY_NONE};
    enum err e = identity_check(t->gate->identity, &r, key_tags, &t->call.arena, &who, &ei);
    if (e == ERR_OK) {
        t->call.principal = arena_str(&t->call.arena, str_of(who.access_key_id));
        return true;
    }
    if (e == ERR_NOT_FOUND && !t->rules->config->identity_required) {
        return true;
    }
    refuse_identity(t, e, &ei);
    return false;
}
