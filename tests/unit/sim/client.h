/* client.h: a small blocking HTTP client that signs, for the tests of the simulated AWS. */
#ifndef TOLLGATE_TESTS_UNIT_SIM_CLIENT_H
#define TOLLGATE_TESTS_UNIT_SIM_CLIENT_H

#include "tests/unit/wait.h"

#include "core/aws/credentials.h"
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "core/sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CLIENT_HAIKU "us.anthropic.claude-3-5-haiku-20241022-v1%3A0"

struct client_answer {
    int status;
    struct buf head, body; /* body: chunks undone */
    bool whole;            /* the framing came to its end */
};

/* How a request differs from a good one. */
struct client_request {
    const char *method, *path, *headers, *body;
    size_t body_n;                          /* 0: strlen(body) */
    const char *service;                    /* signing name; NULL: not signed */
    const char *region;                     /* NULL: us-east-1 */
    const char *secret;                     /* NULL: the simulation's */
    const char *key_id;                     /* NULL: the simulation's */
    const char *target;                     /* X-Amz-Target */
    const char *token;                      /* X-Amz-Security-Token */
    const char *query;                      /* behind the path */
    const char *signed_name, *signed_value; /* one more header, signed */
    int64_t skew_ms;                        /* of the date */
    bool tamper;                            /* another body than was signed */
};

static inline int client_connect(const char *url)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_non_null(url);
    a.sin_port = htons((uint16_t)strtol(strrchr(url, ':') + 1, NULL, 10));
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static inline void client_sign(const struct sim *s, const char *host,
                               const struct client_request *r, size_t body_n, struct buf *out)
{
    struct sigv4_signer signer = {0};
    struct http_header headers[3] = {{STR("host"), str_of(host)}};
    size_t count = 1;
    char hash[SIGV4_HEX];
    struct err_info ei = {0};
    struct credentials *c = credentials_new(
        str_of(r->key_id ? r->key_id : sim_access_key_id(s)),
        str_of(r->secret ? r->secret : sim_secret_access_key(s)), str_of(r->token), 0, "test");

    assert_non_null(c);
    if (r->target) {
        headers[count++] = (struct http_header){STR("x-amz-target"), str_of(r->target)};
    }
    if (r->signed_name) {
        headers[count++] = (struct http_header){str_of(r->signed_name), str_of(r->signed_value)};
    }
    sigv4_sha256_hex(hash, r->body, body_n);
    sigv4_signer_init(&signer, r->region ? r->region : "us-east-1", r->service);
    const struct sigv4_request signed_request = {.method = str_of(r->method),
                                                 .path = str_of(r->path),
                                                 .query = str_of(r->query),
                                                 .headers = headers,
                                                 .header_count = count,
                                                 .body_sha256_hex = hash};
    assert_int_equal(
        sigv4_sign(&signer, c, &signed_request, clock_wall_ms() + r->skew_ms, out, &ei), ERR_OK);
    sigv4_signer_free(&signer);
    credentials_unref(c);
}

static inline void client_send(int fd, const struct sim *s, const char *url,
                               const struct client_request *r)
{
    struct buf out = {0};
    size_t n = r->body_n ? r->body_n : r->body ? strlen(r->body) : 0;
    const char *host = url + strlen("http://");

    buf_printf(&out, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n%s", r->method,
               r->path, r->query ? "?" : "", r->query ? r->query : "", host, n,
               r->headers ? r->headers : "");
    if (r->target) {
        buf_printf(&out, "X-Amz-Target: %s\r\n", r->target);
    }
    if (r->signed_name) {
        buf_printf(&out, "%s: %s\r\n", r->signed_name, r->signed_value);
    }
    if (r->service) {
        client_sign(s, host, r, n, &out);
    }
    buf_add(&out, "\r\n");
    buf_append(&out, r->body, n);
    if (r->tamper) {
        buf_bytes(&out)[out.len - 1] ^= 1;
    }
    assert_int_equal(send(fd, buf_bytes(&out), out.len, MSG_NOSIGNAL), out.len);
    buf_free(&out);
}

/* False: the peer closed, or 5 s without a byte. */
static inline bool client_read(int fd, struct buf *in)
{
    char *at = buf_reserve(in, 65536);
    ssize_t n = recv(fd, at, 65536, 0);

    if (n > 0) {
        buf_commit(in, (size_t)n);
    }
    return n > 0;
}

static inline void client_body(int fd, struct buf *in, const struct http_head *h,
                               struct client_answer *a)
{
    struct http1_chunked chunked = {0};

    while (!a->whole) {
        size_t used = 0;
        struct str part = {0};
        if (h->body == HTTP_BODY_CHUNKED && in->len > 0) {
            assert_int_equal(
                http1_chunked_feed(&chunked, buf_bytes(in), in->len, &used, &part, &a->whole),
                ERR_OK);
        } else if (h->body == HTTP_BODY_LENGTH) {
            size_t left = (size_t)h->content_length - a->body.len;
            used = in->len < left ? in->len : left;
            part = (struct str){buf_bytes(in), used};
            a->whole = used == left;
        } else if (h->body == HTTP_BODY_NONE) {
            a->whole = true;
        }
        buf_add_str(&a->body, part);
        buf_consume(in, used);
        if (!a->whole && in->len == 0 && !client_read(fd, in)) {
            return;
        }
    }
}

/* One answer; `in` keeps what came behind it. status 0: the connection ended before a head. */
static inline void client_receive(int fd, struct buf *in, struct client_answer *a)
{
    struct http_head h;
    struct err_info ei = {0};
    size_t n;

    memset(a, 0, sizeof *a);
    while ((n = http1_head_length(buf_bytes(in), in->len, 0)) == 0) {
        if (!client_read(fd, in)) {
            return;
        }
    }
    buf_append(&a->head, buf_bytes(in), n);
    buf_consume(in, n);
    assert_int_equal(http1_parse_response(&h, buf_bytes(&a->head), n, false, &ei), ERR_OK);
    a->status = h.status;
    client_body(fd, in, &h, a);
}

static inline void client_call(const struct sim *s, enum config_service service,
                               const struct client_request *r, struct client_answer *a)
{
    const char *url = sim_endpoint(s, service);
    int fd = client_connect(url);
    struct buf in = {0};

    client_send(fd, s, url, r);
    client_receive(fd, &in, a);
    buf_free(&in);
    close(fd);
}

static inline void client_free(struct client_answer *a)
{
    buf_free(&a->head);
    buf_free(&a->body);
}

static inline bool client_says(const struct client_answer *a, const char *text)
{
    return memmem(buf_bytes(&a->head), a->head.len, text, strlen(text)) != NULL ||
           memmem(buf_bytes(&a->body), a->body.len, text, strlen(text)) != NULL;
}

/* The first number behind "name": in a JSON text; -1 when there is none. */
static inline int64_t client_number(const struct buf *json, const char *name)
{
    char quoted[80];
    struct buf copy = {0};
    int64_t found = -1;

    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    buf_append(&copy, buf_bytes(json), json->len);
    const char *at = strstr(buf_cstr(&copy), quoted);
    if (at != NULL) {
        found = strtoll(at + strlen(quoted), NULL, 10);
    }
    buf_free(&copy);
    return found;
}

/* The text behind "name":" in a JSON text, up to the next quote, or between <name> and < in XML;
 * "" when there is none. */
static inline void client_text(const struct buf *body, const char *name, char *out, size_t size)
{
    char opening[2][80];
    struct buf copy = {0};

    snprintf(opening[0], sizeof opening[0], "\"%s\":\"", name);
    snprintf(opening[1], sizeof opening[1], "<%s>", name);
    buf_append(&copy, buf_bytes(body), body->len);
    const char *text = buf_cstr(&copy);
    out[0] = '\0';
    for (int i = 0; i < 2 && out[0] == '\0'; i++) {
        const char *at = strstr(text, opening[i]);
        if (at != NULL) {
            at += strlen(opening[i]);
            str_copy(out, size, (struct str){at, strcspn(at, i == 0 ? "\"" : "<")});
        }
    }
    buf_free(&copy);
}

static inline int client_config(const struct sim *s, const char *json)
{
    const struct client_request r = {.method = "POST", .path = "/_sim/config", .body = json};
    struct client_answer a;

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, &a);
    int status = a.status;
    client_free(&a);
    return status;
}

static inline void client_ledger(const struct sim *s, struct client_answer *a)
{
    const struct client_request r = {.method = "GET", .path = "/_sim/ledger"};

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, a);
    assert_int_equal(a->status, 200);
}

static inline int64_t client_ledger_number(const struct sim *s, const char *name)
{
    struct client_answer a;

    client_ledger(s, &a);
    int64_t n = client_number(&a.body, name);
    client_free(&a);
    return n;
}

/* Waits until the ledger's figure is `wanted`. */
static inline void client_await(const struct sim *s, const char *name, int64_t wanted)
{
    WAIT_FOR(client_ledger_number(s, name) == wanted);
}

static inline int client_set_up(void **state)
{
    struct err_info ei = {0};
    const struct sim_options o = {0};

    *state = sim_start(&o, &ei);
    return *state != NULL ? 0 : -1;
}

static inline int client_tear_down(void **state)
{
    sim_stop(*state);
    return 0;
}

#endif
