/* http1.c: heads. llhttp reads the grammar; what it lets pass is refused here. */
#include "core/base/http1.h"

#include <llhttp.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define VERSION_LENGTH 8 /* "HTTP/1.1" */

struct reading {
    struct http_head *head;
    struct err_info *ei;
    const char *what; /* "request" or "response", for messages */
    size_t lines;     /* without the empty one */
    struct str start_line;
    struct str protocol; /* HTTP/1.1 */
    bool open;           /* the last header still takes bytes */
    bool too_many;
    bool complete;
};

/* What the headers say about framing and the connection. */
struct seen {
    struct str host, length, coding;
    int hosts, lengths, codings;
    bool close, keep_alive;
};

/* Which bytes may stand in a token (RFC 9110 section 5.6.2) and in Host. */
enum { T = 1, H = 2 };
static const uint8_t byte_class[256] = {
    ['!'] = T | H,  ['#'] = T,     ['$'] = T | H, ['%'] = T | H,         ['&'] = T | H,
    ['\''] = T | H, ['('] = H,     [')'] = H,     ['*'] = T | H,         ['+'] = T | H,
    ['-'] = T | H,  ['.'] = T | H, [':'] = H,     ['0' ... '9'] = T | H, [';'] = H,
    ['='] = H,      ['['] = H,     [']'] = H,     ['A' ... 'Z'] = T | H, ['^'] = T,
    ['_'] = T | H,  ['`'] = T,     ['|'] = T,     ['a' ... 'z'] = T | H, ['~'] = T | H,
};

static bool all_of_class(struct str s, uint8_t class)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!(byte_class[(unsigned char)s.p[i]] & class)) {
            return false;
        }
    }
    return true;
}

static bool is_token(struct str s)
{
    return s.n > 0 && all_of_class(s, T);
}

static enum err refuse(const struct reading *r, const char *why)
{
    return err_set(r->ei, ERR_PARSE, "HTTP %s refused: %s", r->what, why);
}

size_t http1_head_length(const char *data, size_t n, size_t from)
{
    /* The end may have begun with the last two bytes seen: LF, CR. Heads with bare LF end too, so
     * that they are answered at once. */
    size_t at = from > 2 ? from - 2 : 0;

    while (at < n) {
        const char *lf = memchr(data + at, '\n', n - at);
        if (!lf) {
            return 0;
        }
        at = (size_t)(lf - data) + 1;
        if (at < n && data[at] == '\n') {
            return at + 1;
        }
        if (at + 1 < n && data[at] == '\r' && data[at + 1] == '\n') {
            return at + 2;
        }
    }
    return 0;
}

/* First control byte other than a tab, or end. */
static const char *next_control(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x1F), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7F);
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, low), v);
        control = _mm_andnot_si128(_mm_cmpeq_epi8(v, tab), control);
        int mask = _mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(v, del)));
        if (mask) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && ((unsigned char)*p >= ' ' || *p == '\t') && *p != 0x7F) {
        p++;
    }
    return p;
}

/* Every line ends in CR LF, none continues another, none holds control bytes, and the empty line is
 * the last one. */
static enum err check_lines(struct reading *r, const char *data, size_t n)
{
    const char *end = data + n, *line = data;

    for (;;) {
        const char *stop = next_control(line, end);
        if (stop == end) {
            return refuse(r, "the head is not complete");
        }
        if (*stop == '\n') {
            return refuse(r, "a line ends in LF without CR");
        }
        if (*stop != '\r') {
            return refuse(r, "control byte in the head");
        }
        if (end - stop < 2 || stop[1] != '\n') {
            return refuse(r, "CR without LF");
        }
        if (stop == line) {
            if (r->lines == 0) {
                return refuse(r, "empty line before the first line");
            }
            return stop + 2 == end ? ERR_OK : refuse(r, "bytes behind the head");
        }
        if (r->lines == 0) {
            r->start_line = (struct str){line, (size_t)(stop - line)};
        } else if (*line == ' ' || *line == '\t') {
            return refuse(r, "a header line begins with white space");
        }
        r->lines++;
        line = stop + 2;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err check_version(const struct reading *r)
{
    const char *v = r->protocol.p;

    if (r->protocol.n != VERSION_LENGTH || memcmp(v, "HTTP/", 5) != 0 || !is_digit(v[5]) ||
        v[6] != '.' || !is_digit(v[7])) {
        return refuse(r, "its first line has no HTTP version");
    }
    if (v[5] != '1' || v[7] > '1') {
        return err_set(r->ei, ERR_UNSUPPORTED,
                       "HTTP %s refused: version %.3s; use HTTP/1.1 or HTTP/1.0", r->what, v + 5);
    }
    r->head->minor = v[7] - '0';
    return ERR_OK;
}

/* llhttp's callbacks. The head lies in one piece, so a slice only grows at its end. */

static void grow(struct str *s, const char *at, size_t n)
{
    if (!s->p) {
        s->p = at;
    }
    s->n = (size_t)(at + n - s->p);
}

static int on_method(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    grow(&r->head->method, at, n);
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    grow(&r->head->target, at, n);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    struct http_head *h = r->head;

    if (!r->open) {
        if (h->header_count == HTTP1_HEADERS_MAX) {
            r->too_many = true;
            return HPE_USER;
        }
        h->headers[h->header_count++] = (struct http_header){{NULL, 0}, {NULL, 0}};
        r->open = true;
    }
    grow(&h->headers[h->header_count - 1].name, at, n);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;

    if (!r->open) {
        return HPE_USER;
    }
    grow(&r->head->headers[r->head->header_count - 1].value, at, n);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct reading *r = parser->data;
    r->open = false;
    return 0;
}

/* Pausing here keeps llhttp from acting on Upgrade, CONNECT and bodies: framing is decided below.
 */
static int on_headers_complete(llhttp_t *parser)
{
    struct reading *r = parser->data;
    r->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
};

static enum err run_llhttp(struct reading *r, llhttp_type_t type, const char *data, size_t n)
{
    llhttp_t parser;

    llhttp_init(&parser, type, &settings);
    parser.data = r;
    llhttp_errno_t status = llhttp_execute(&parser, data, n);
    if (r->too_many) {
        return err_set(r->ei, ERR_TOO_BIG, "HTTP %s refused: more than %d headers", r->what,
                       HTTP1_HEADERS_MAX);
    }
    if (!r->complete || status != HPE_PAUSED) {
        const char *reason = llhttp_get_error_reason(&parser);
        return refuse(r, reason && *reason ? reason : "malformed head");
    }
    if (r->head->header_count != r->lines - 1) {
        return refuse(r, "malformed header line");
    }
    if (type == HTTP_RESPONSE) {
        r->head->status = llhttp_get_status_code(&parser);
    }
    return ERR_OK;
}

static bool name_is(struct str name, const char *lower)
{
    for (size_t i = 0; i < name.n; i++) {
        if ((name.p[i] | 0x20) != lower[i]) {
            return false;
        }
    }
    return true;
}

static void read_connection(struct seen *seen, struct str list)
{
    while (list.n > 0) {
        struct str item = str_trim(str_cut(list, ',', &list));
        if (str_is_nocase(item, "close")) {
            seen->close = true;
        } else if (str_is_nocase(item, "keep-alive")) {
            seen->keep_alive = true;
        }
    }
}

static void notice(struct http_head *h, struct seen *seen, const struct http_header *header)
{
    struct str name = header->name;

    switch (name.n) {
    case 4:
        if (name_is(name, "host")) {
            seen->host = header->value;
            seen->hosts++;
        }
        break;
    case 6:
        if (name_is(name, "expect") && h->minor > 0) {
            h->expect_continue = str_is_nocase(header->value, "100-continue");
        }
        break;
    case 10:
        if (name_is(name, "connection")) {
            read_connection(seen, header->value);
        }
        break;
    case 14:
        if (name_is(name, "content-length")) {
            seen->length = header->value;
            seen->lengths++;
        }
        break;
    case 17:
        if (name_is(name, "transfer-encoding")) {
            seen->coding = header->value;
            seen->codings++;
        }
        break;
    default:
        break;
    }
}

static enum err read_headers(const struct reading *r, struct seen *seen)
{
    struct http_head *h = r->head;

    *seen = (struct seen){0};
    for (size_t i = 0; i < h->header_count; i++) {
        struct http_header *header = &h->headers[i];
        if (!is_token(header->name)) {
            return refuse(r, "a header name holds a byte that is not allowed");
        }
        header->value = str_trim(header->value);
        notice(h, seen, header);
    }
    h->keep_alive = !seen->close && (h->minor > 0 || seen->keep_alive);
    return ERR_OK;
}

/* "chunked" is the one coding done here; others are told apart from nonsense. */
static enum err read_coding(const struct reading *r, struct str list)
{
    if (str_is_nocase(list, "chunked")) {
        r->head->body = HTTP_BODY_CHUNKED;
        return ERR_OK;
    }
    struct str rest = list;
    do {
        struct str item = str_trim(str_cut(rest, ',', &rest));
        if (!is_token(item) || (rest.p && str_is_nocase(item, "chunked"))) {
            return refuse(r, "malformed Transfer-Encoding");
        }
    } while (rest.p);
    return err_set(r->ei, ERR_UNSUPPORTED,
                   "HTTP %s refused: transfer coding other than chunked; send it chunked or with "
                   "Content-Length",
                   r->what);
}

static enum err read_length(const struct reading *r, struct str digits)
{
    int64_t length = 0;
    bool good = digits.n > 0;

    for (size_t i = 0; good && i < digits.n; i++) {
        good = is_digit(digits.p[i]) && !__builtin_mul_overflow(length, 10, &length) &&
               !__builtin_add_overflow(length, digits.p[i] - '0', &length);
    }
    if (!good) {
        return refuse(r, "Content-Length is not a number");
    }
    r->head->body = HTTP_BODY_LENGTH;
    r->head->content_length = length;
    return ERR_OK;
}

static enum err read_framing(const struct reading *r, const struct seen *seen)
{
    if (seen->lengths > 1 || seen->codings > 1) {
        return refuse(r, seen->lengths > 1 ? "Content-Length more than once"
                                           : "Transfer-Encoding more than once");
    }
    if (seen->lengths && seen->codings) {
        return refuse(r, "both Content-Length and Transfer-Encoding");
    }
    if (seen->codings) {
        return r->head->minor > 0 ? read_coding(r, seen->coding)
                                  : refuse(r, "Transfer-Encoding in HTTP/1.0");
    }
    return seen->lengths ? read_length(r, seen->length) : ERR_OK;
}

static void clear(struct http_head *h)
{
    h->method = h->target = (struct str){NULL, 0};
    h->status = 0;
    h->minor = 0;
    h->keep_alive = h->expect_continue = false;
    h->body = HTTP_BODY_NONE;
    h->content_length = 0;
    h->header_count = 0;
}

static enum err check_request_line(const struct reading *r)
{
    const struct http_head *h = r->head;

    if (h->target.n == 0 || h->method.n + h->target.n + 2 + VERSION_LENGTH != r->start_line.n) {
        return refuse(r, "its first line is not: method, space, target, space, version");
    }
    for (size_t i = 0; i < h->target.n; i++) {
        unsigned char c = (unsigned char)h->target.p[i];
        if (c <= ' ' || c >= 0x7F || c == '#') {
            return refuse(r, "the target holds a byte that must be percent-encoded");
        }
    }
    return ERR_OK;
}

static enum err check_host(const struct reading *r, const struct seen *seen)
{
    if (seen->hosts > 1) {
        return refuse(r, "Host more than once");
    }
    if (seen->hosts == 0 && r->head->minor > 0) {
        return refuse(r, "no Host header");
    }
    return all_of_class(seen->host, H) ? ERR_OK : refuse(r, "malformed Host");
}

enum err http1_parse_request(struct http_head *h, const char *data, size_t n, struct err_info *ei)
{
    struct reading r = {.head = h, .ei = ei, .what = "request"};
    struct seen seen;
    enum err e;

    clear(h);
    if ((e = check_lines(&r, data, n))) {
        return e;
    }
    r.protocol = r.start_line;
    if (r.protocol.n > VERSION_LENGTH) {
        r.protocol.p += r.protocol.n - VERSION_LENGTH;
        r.protocol.n = VERSION_LENGTH;
    }
    if ((e = check_version(&r)) || (e = run_llhttp(&r, HTTP_REQUEST, data, n)) ||
        (e = check_request_line(&r)) || (e = read_headers(&r, &seen)) ||
        (e = check_host(&r, &seen))) {
        return e;
    }
    return read_framing(&r, &seen);
}

static enum err check_status_line(const struct reading *r)
{
    struct str line = r->start_line;

    if (r->head->status < 100 || r->head->status > 599) {
        return refuse(r, "its status is not between 100 and 599");
    }
    bool good = line.n >= 12 && line.p[8] == ' ' && is_digit(line.p[9]) && is_digit(line.p[10]) &&
                is_digit(line.p[11]) && (line.n == 12 || line.p[12] == ' ');
    return good ? ERR_OK
                : refuse(r, "its first line is not: version, space, status, space, reason");
}

enum err http1_parse_response(struct http_head *h, const char *data, size_t n, bool to_head,
                              struct err_info *ei)
{
    struct reading r = {.head = h, .ei = ei, .what = "response"};
    struct seen seen;
    enum err e;

    clear(h);
    if ((e = check_lines(&r, data, n))) {
        return e;
    }
    r.protocol = str_sub(r.start_line, 0, VERSION_LENGTH);
    if ((e = check_version(&r)) || (e = run_llhttp(&r, HTTP_RESPONSE, data, n)) ||
        (e = check_status_line(&r)) || (e = read_headers(&r, &seen)) ||
        (e = read_framing(&r, &seen))) {
        return e;
    }
    if (to_head || h->status < 200 || h->status == 204 || h->status == 304) {
        /* A body announced where none may be: whatever follows cannot be trusted. */
        if (!to_head && h->status != 304 &&
            (h->body == HTTP_BODY_CHUNKED || h->content_length > 0)) {
            h->keep_alive = false;
        }
        h->body = HTTP_BODY_NONE;
    } else if (h->body == HTTP_BODY_NONE) {
        h->body = HTTP_BODY_UNTIL_CLOSE;
        h->keep_alive = false;
    }
    return ERR_OK;
}

const struct http_header *http_find(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->header_count; i++) {
        if (str_is_nocase(h->headers[i].name, name)) {
            return &h->headers[i];
        }
    }
    return NULL;
}

struct str http_value(const struct http_head *h, const char *name)
{
    const struct http_header *header = http_find(h, name);
    return header ? header->value : (struct str){NULL, 0};
}
