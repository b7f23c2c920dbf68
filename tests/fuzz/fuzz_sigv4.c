/* Authorization headers and canonical requests: the order of headers and parameters on the wire
 * does not change what is signed. */
#include "core/aws/sigv4.h"
#include "tests/fuzz/fuzz.h"

static void check_authorization(struct str value)
{
    struct sigv4_authorization a;
    struct err_info ei = {0};
    enum err e = sigv4_parse_authorization(&a, value, &ei);

    if (e != ERR_OK) {
        MUST((e == ERR_PARSE || e == ERR_UNSUPPORTED) && ei.text[0] != '\0');
        return;
    }
    MUST(is_inside(a.access_key_id, value) && is_inside(a.scope, value));
    MUST(is_inside(a.signed_headers, value) && is_inside(a.signature, value));
    MUST(a.access_key_id.n > 0 && a.date.n == 8 && a.region.n > 0 && a.service.n > 0);
    MUST(a.signature.n == 64 && a.signed_headers.n > 0);
    MUST(a.scope.n == a.date.n + a.region.n + a.service.n + 15);
}

/* Parameters in the opposite order. */
static void turn_query(struct buf *out, struct str query)
{
    size_t end = query.n;

    while (end > 0) {
        size_t from = end;
        while (from > 0 && query.p[from - 1] != '&') {
            from--;
        }
        buf_add(out, out->len > 0 ? "&" : "");
        buf_add_str(out, str_sub(query, from, end - from));
        end = from > 0 ? from - 1 : 0;
    }
}

static bool names_differ(const struct http_header *h, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *name = fuzz_text(h[i].name);
        bool twice = false;
        for (size_t k = i + 1; k < count; k++) {
            twice = twice || str_is_nocase(h[k].name, name);
        }
        free(name);
        if (twice) {
            return false;
        }
    }
    return true;
}

static void check_canonical(struct sigv4_request *r, struct str names)
{
    struct http_header turned[HTTP1_HEADERS_MAX];
    struct sigv4_request other = *r;
    struct buf one = {0}, two = {0}, query = {0};
    struct err_info ei = {0};

    for (size_t i = 0; i < r->header_count; i++) {
        turned[i] = r->headers[r->header_count - 1 - i];
    }
    if (names_differ(r->headers, r->header_count)) {
        other.headers = turned;
    }
    turn_query(&query, r->query);
    other.query = buf_str(&query);
    enum err e = sigv4_canonical(&one, r, names, &ei);
    MUST(e == ERR_OK || e == ERR_NOT_FOUND || e == ERR_TOO_BIG);
    MUST(sigv4_canonical(&two, &other, names, &ei) == e);
    if (e == ERR_OK) {
        MUST(str_eq(buf_str(&one), buf_str(&two)));
        MUST(str_ends(buf_str(&one), r->body_sha256_hex));
    }
    buf_free(&one);
    buf_free(&two);
    buf_free(&query);
}

/* Lines: Authorization, signed header names, method, target; then "name:value" lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct http_header headers[HTTP1_HEADERS_MAX];
    struct sigv4_request r = {.headers = headers};

    check_authorization(input_line(&in));
    struct str names = input_line(&in);
    r.method = input_line(&in);
    r.path = str_cut(input_line(&in), '?', &r.query);
    r.body_sha256_hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    while (in.n > 0 && r.header_count < HTTP1_HEADERS_MAX) {
        struct str value;
        struct str name = str_cut(input_line(&in), ':', &value);
        headers[r.header_count++] = (struct http_header){name, value};
    }
    check_canonical(&r, names);
    r.normalize_path = true;
    check_canonical(&r, names);
    return 0;
}
