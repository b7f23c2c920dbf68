/* http1.h: HTTP/1.1 messages, strictly: a head parsed in place, and a body decoder.
 * llhttp does the grammar; on top of it: bare LF, obs-fold, NUL, Host, version and count are
 * checked (PROXY: every deviation is refused, RFC 9112 sections 2.2, 3.2, 5.1, 6.3). */
#ifndef TOLLGATE_BASE_HTTP1_H
#define TOLLGATE_BASE_HTTP1_H

#include "core/base/err.h"
#include "core/base/str.h"

#define HTTP1_HEADERS_MAX 100

struct http_header {
    struct str name, value; /* slices of the head; the value is trimmed */
};

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

/* All slices point into the bytes given to http1_parse_*. */
struct http_head {
    struct str method, target; /* requests */
    int status;                /* responses */
    int minor;                 /* HTTP/1.minor */
    bool keep_alive;           /* by version and Connection */
    bool expect_continue;
    enum http_body body;
    int64_t content_length; /* with HTTP_BODY_LENGTH */
    size_t header_count;
    struct http_header headers[HTTP1_HEADERS_MAX];
};

/* Length of the head in data[0..n) including its empty line; 0 when it is not complete yet. Bare LF
 * ends a head as well, so that the parser can refuse it at once.
 * `from` is where to go on looking (bytes seen before); pass 0 at first. */
size_t http1_head_length(const char *data, size_t n, size_t from);

/* Parses a complete head of exactly n bytes. Errors: ERR_PARSE (answer 400 and close), ERR_TOO_BIG
 * (too many headers: 431), ERR_UNSUPPORTED (version: 505, and then method is empty; transfer
 * coding: 501). An empty line before the first one is refused. */
enum err http1_parse_request(struct http_head *h, const char *data, size_t n,
                             struct err_info *ei) MUST_CHECK;
/* `to_head`: the response answers a HEAD request. 1xx, 204, 304 have no body. */
enum err http1_parse_response(struct http_head *h, const char *data, size_t n, bool to_head,
                              struct err_info *ei) MUST_CHECK;

/* First header of that name (any case), or NULL. */
const struct http_header *http_find(const struct http_head *h, const char *name);
struct str http_value(const struct http_head *h, const char *name); /* empty slice when absent */

/* Chunked decoding (RFC 9112 section 7.1), incremental. All-zero is the start. */
struct http1_chunked {
    int state;
    int64_t left;
    int line; /* bytes of the current size or trailer line */
    int trailer_bytes;
};
/* Decodes from data[0..n). Sets *used to the bytes eaten and *out to a slice of body bytes inside
 * data (may be empty). *end turns true after the last chunk and trailers. Call again with the rest.
 * ERR_PARSE; ERR_TOO_BIG for more than 8 KB of trailers. No more use after an error. */
enum err http1_chunked_feed(struct http1_chunked *c, const char *data, size_t n, size_t *used,
                            struct str *out, bool *end) MUST_CHECK;

const char *http_reason(int status); /* "Too Many Requests"; "Status" when unknown */

#endif
