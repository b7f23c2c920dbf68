/* Heads: what is read, and above all what is refused. */
#include "tests/unit/test.h"

#include "core/base/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R(line) line "\r\n"
#define HOST    R("Host: a.example")
#define POST    R("POST /model/x/converse HTTP/1.1") HOST
#define OK      R("HTTP/1.1 200 OK")
#define END     "\r\n"

/* Parses from a block of exactly n bytes, so that a sanitizer sees a read beyond it. */
static enum err request(struct http_head *h, const char *text, size_t n, char **block)
{
    *block = malloc(n ? n : 1);
    assert_non_null(*block);
    memcpy(*block, text, n);
    struct err_info ei = {0};
    enum err e = http1_parse_request(h, *block, n, &ei);
    assert_int_equal(ei.code, e);
    assert_true(e == ERR_OK || strlen(ei.text) > 10);
    return e;
}

static enum err response(struct http_head *h, const char *text, bool to_head)
{
    struct err_info ei = {0};
    enum err e = http1_parse_response(h, text, strlen(text), to_head, &ei);
    assert_int_equal(ei.code, e);
    return e;
}

static void assert_slice(struct str s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

struct row {
    const char *name, *text;
    size_t n;
    enum err want;
};
#define ROW(name, text, want)                                                                      \
    {                                                                                              \
        name, text, sizeof(text) - 1, want                                                         \
    }

static const struct row requests[] = {
    ROW("plain", POST R("Content-Length: 3") END, ERR_OK),
    ROW("no body", R("GET / HTTP/1.1") HOST END, ERR_OK),
    ROW("chunked", POST R("Transfer-Encoding: chunked") END, ERR_OK),
    ROW("Chunked, any case", POST R("transfer-encoding:\t CHUNKED ") END, ERR_OK),
    ROW("1.0 without Host", R("GET / HTTP/1.0") END, ERR_OK),
    ROW("1.0 with nothing odd", R("POST / HTTP/1.0") R("Content-Length: 1") END, ERR_OK),
    ROW("empty Host", R("GET / HTTP/1.1") R("Host:") END, ERR_OK),
    ROW("IPv6 Host", R("GET / HTTP/1.1") R("Host: [::1]:8088") END, ERR_OK),
    ROW("absolute target", R("GET http://a.example/x?y=1 HTTP/1.1") HOST END, ERR_OK),
    ROW("percent target", R("POST /model/us.a%3A0/converse HTTP/1.1") HOST END, ERR_OK),
    ROW("obs-text in a value", R("GET / HTTP/1.1") HOST R("X: caf\xC3\xA9") END, ERR_OK),
    ROW("tab in a value", R("GET / HTTP/1.1") HOST R("X: a\tb") END, ERR_OK),
    ROW("empty value", R("GET / HTTP/1.1") HOST R("X:") R("Y: ") END, ERR_OK),
    ROW("upgrade asked",
        R("GET / HTTP/1.1") HOST R("Connection: Upgrade, HTTP2-Settings") R("Upgrade: h2c")
            R("HTTP2-Settings: AA") END,
        ERR_OK),
    ROW("upgrade with body",
        POST R("Upgrade: h2c") R("Connection: upgrade") R("Content-Length: 3") END, ERR_OK),
    ROW("connect", R("CONNECT a.example:443 HTTP/1.1") HOST END, ERR_OK),
    ROW("length 0", POST R("Content-Length: 0") END, ERR_OK),
    ROW("length 10 GB", POST R("Content-Length: 10000000000") END, ERR_OK),

    ROW("length and coding", POST R("Content-Length: 30") R("Transfer-Encoding: chunked") END,
        ERR_PARSE),
    ROW("coding and length", POST R("Transfer-Encoding: chunked") R("Content-Length: 30") END,
        ERR_PARSE),
    ROW("two lengths", POST R("Content-Length: 30") R("Content-Length: 31") END, ERR_PARSE),
    ROW("same length twice", POST R("Content-Length: 30") R("Content-Length: 30") END, ERR_PARSE),
    ROW("length list", POST R("Content-Length: 30, 30") END, ERR_PARSE),
    ROW("length +30", POST R("Content-Length: +30") END, ERR_PARSE),
    ROW("length -1", POST R("Content-Length: -1") END, ERR_PARSE),
    ROW("length hex", POST R("Content-Length: 0x1e") END, ERR_PARSE),
    ROW("length inner space", POST R("Content-Length: 3 0") END, ERR_PARSE),
    ROW("length empty", POST R("Content-Length: ") END, ERR_PARSE),
    ROW("length 2^63", POST R("Content-Length: 9223372036854775808") END, ERR_PARSE),
    ROW("length 2^64 + 3", POST R("Content-Length: 18446744073709551619") END, ERR_PARSE),
    ROW("xchunked with length", POST R("Transfer-Encoding: xchunked") R("Content-Length: 3") END,
        ERR_PARSE),
    ROW("xchunked", POST R("Transfer-Encoding: xchunked") END, ERR_UNSUPPORTED),
    ROW("gzip, chunked", POST R("Transfer-Encoding: gzip, chunked") END, ERR_UNSUPPORTED),
    ROW("identity", POST R("Transfer-Encoding: identity") END, ERR_UNSUPPORTED),
    ROW("chunked, gzip", POST R("Transfer-Encoding: chunked, gzip") END, ERR_PARSE),
    ROW("chunked, chunked", POST R("Transfer-Encoding: chunked, chunked") END, ERR_PARSE),
    ROW("chunked twice", POST R("Transfer-Encoding: chunked") R("Transfer-Encoding: chunked") END,
        ERR_PARSE),
    ROW("chunked, then identity",
        POST R("Transfer-Encoding: chunked") R("Transfer-Encoding: identity") END, ERR_PARSE),
    ROW("empty coding", POST R("Transfer-Encoding:") END, ERR_PARSE),
    ROW("coding, comma", POST R("Transfer-Encoding: chunked,") END, ERR_PARSE),
    ROW("coding quoted", POST R("Transfer-Encoding: \"chunked\"") END, ERR_PARSE),
    ROW("coding vertical tab",
        POST R("Transfer-Encoding: \x0B"
               "chunked") END,
        ERR_PARSE),
    ROW("coding in 1.0", R("POST / HTTP/1.0") HOST R("Transfer-Encoding: chunked") END, ERR_PARSE),
    ROW("space before colon", POST R("Transfer-Encoding : chunked") END, ERR_PARSE),
    ROW("tab before colon", POST R("Content-Length\t: 3") END, ERR_PARSE),
    ROW("obs-fold", R("GET / HTTP/1.1") HOST R("X: a") R(" b") END, ERR_PARSE),
    ROW("obs-fold by tab", R("GET / HTTP/1.1") HOST R("X: a") R("\tb") END, ERR_PARSE),
    ROW("fold in the first header", R("GET / HTTP/1.1") R(" Content-Length: 3") HOST END,
        ERR_PARSE),
    ROW("fold of spaces", R("GET / HTTP/1.1") HOST R("  ") END, ERR_PARSE),
    ROW("bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", ERR_PARSE),
    ROW("bare LF once", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", ERR_PARSE),
    ROW("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", ERR_PARSE),
    ROW("bare LF in the first line", "GET / HTTP/1.1\nHost: a\r\n\r\n", ERR_PARSE),
    ROW("bare CR in a value", R("GET / HTTP/1.1") HOST R("X: a\rb") END, ERR_PARSE),
    ROW("bare CR before a header", R("GET / HTTP/1.1") HOST "X: a\rContent-Length: 3\r\n" END,
        ERR_PARSE),
    ROW("CR CR LF", R("GET / HTTP/1.1") "Host: a\r\r\n" END, ERR_PARSE),
    ROW("NUL in a value", R("GET / HTTP/1.1") HOST R("X: a\0b") END, ERR_PARSE),
    ROW("NUL in the target", R("GET /\0 HTTP/1.1") HOST END, ERR_PARSE),
    ROW("escape in a value", R("GET / HTTP/1.1") HOST R("X: \x1b[2J") END, ERR_PARSE),
    ROW("DEL in a value", R("GET / HTTP/1.1") HOST R("X: \x7f") END, ERR_PARSE),
    ROW("bad name X(A)", R("GET / HTTP/1.1") HOST R("X(A): b") END, ERR_PARSE),
    ROW("name with a space", R("GET / HTTP/1.1") HOST R("X Y: b") END, ERR_PARSE),
    ROW("name outside ASCII", R("GET / HTTP/1.1") HOST R("X\xC3\xA9: b") END, ERR_PARSE),
    ROW("no name", R("GET / HTTP/1.1") HOST R(": b") END, ERR_PARSE),
    ROW("no colon", R("GET / HTTP/1.1") HOST R("Xb") END, ERR_PARSE),
    ROW("no Host", R("GET / HTTP/1.1") R("X: b") END, ERR_PARSE),
    ROW("no header at all", R("GET / HTTP/1.1") END, ERR_PARSE),
    ROW("two Hosts", R("GET / HTTP/1.1") HOST HOST END, ERR_PARSE),
    ROW("two Hosts in 1.0", R("GET / HTTP/1.0") HOST R("host: b") END, ERR_PARSE),
    ROW("Host list", R("GET / HTTP/1.1") R("Host: a,b") END, ERR_PARSE),
    ROW("Host with a path", R("GET / HTTP/1.1") R("Host: a/b") END, ERR_PARSE),
    ROW("Host with a user", R("GET / HTTP/1.1") R("Host: u@a") END, ERR_PARSE),
    ROW("version 2.0", R("GET / HTTP/2.0") HOST END, ERR_UNSUPPORTED),
    ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", ERR_UNSUPPORTED),
    ROW("version 1.2", R("GET / HTTP/1.2") HOST END, ERR_UNSUPPORTED),
    ROW("version 0.9", R("GET / HTTP/0.9") HOST END, ERR_UNSUPPORTED),
    ROW("no version", R("GET /") HOST END, ERR_PARSE),
    ROW("version 1.10", R("GET / HTTP/1.10") HOST END, ERR_PARSE),
    ROW("http/1.1", R("GET / http/1.1") HOST END, ERR_PARSE),
    ROW("RTSP", R("DESCRIBE / RTSP/1.0") HOST END, ERR_PARSE),
    ROW("ICE", R("SOURCE / ICE/1.0") HOST END, ERR_PARSE),
    ROW("two spaces", R("GET  / HTTP/1.1") HOST END, ERR_PARSE),
    ROW("two spaces later", R("GET /  HTTP/1.1") HOST END, ERR_PARSE),
    ROW("space at the end", R("GET / HTTP/1.1 ") HOST END, ERR_PARSE),
    ROW("space in the target", R("GET /a b HTTP/1.1") HOST END, ERR_PARSE),
    ROW("tab for space", R("GET\t/ HTTP/1.1") HOST END, ERR_PARSE),
    ROW("tab in the target", R("GET /\t HTTP/1.1") HOST END, ERR_PARSE),
    ROW("UTF-8 in the target", R("GET /\xC3\xA9 HTTP/1.1") HOST END, ERR_PARSE),
    ROW("fragment in the target", R("GET /#a HTTP/1.1") HOST END, ERR_PARSE),
    ROW("no target", R("GET HTTP/1.1") HOST END, ERR_PARSE),
    ROW("unknown method", R("FROB / HTTP/1.1") HOST END, ERR_PARSE),
    ROW("small method", R("get / HTTP/1.1") HOST END, ERR_PARSE),
    ROW("a response", OK END, ERR_PARSE),
    ROW("empty line first", END R("GET / HTTP/1.1") HOST END, ERR_PARSE),
    ROW("only an empty line", END END, ERR_PARSE),
    ROW("TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\n\n", ERR_PARSE),
    ROW("not complete", R("GET / HTTP/1.1") HOST, ERR_PARSE),
    ROW("cut in CR", R("GET / HTTP/1.1") HOST "\r", ERR_PARSE),
    ROW("bytes behind", R("GET / HTTP/1.1") HOST END "X", ERR_PARSE),
    ROW("nothing", "", ERR_PARSE),
};

static void test_request_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const struct row *row = &requests[i];
        struct http_head h;
        char *block;
        enum err e = request(&h, row->text, row->n, &block);
        free(block);
        if (e != row->want) {
            fail_msg("%s: %s, wanted %s", row->name, err_name(e), err_name(row->want));
        }
    }
}

static void test_request_fields(void **state)
{
    (void)state;
    const char text[] = R("POST /model/m/converse?x=1 HTTP/1.1") R("Host: bedrock:8088")
        R("Content-Type:application/json") R("X-Empty:") R("Content-Length: 0042  ")
            R("X-Amzn: \t a b \t") R("Expect: 100-Continue") END;
    struct http_head h;
    char *block;

    assert_int_equal(request(&h, text, sizeof text - 1, &block), ERR_OK);
    assert_slice(h.method, "POST");
    assert_slice(h.target, "/model/m/converse?x=1");
    assert_int_equal(h.minor, 1);
    assert_true(h.keep_alive);
    assert_true(h.expect_continue);
    assert_int_equal(h.body, HTTP_BODY_LENGTH);
    assert_int_equal(h.content_length, 42);
    assert_int_equal(h.header_count, 6);
    assert_slice(h.headers[0].name, "Host");
    assert_slice(h.headers[0].value, "bedrock:8088");
    assert_ptr_equal(h.headers[0].value.p, block + 43);
    assert_slice(h.headers[2].name, "X-Empty");
    assert_int_equal(h.headers[2].value.n, 0);
    assert_slice(http_value(&h, "x-amzn"), "a b");
    assert_slice(http_value(&h, "CONTENT-TYPE"), "application/json");
    assert_ptr_equal(http_find(&h, "content-length"), &h.headers[3]);
    assert_null(http_find(&h, "X-Amz"));
    assert_int_equal(http_value(&h, "X-None").n, 0);
    free(block);
}

static void test_request_modes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep_alive, expect;
        enum http_body body;
    } rows[] = {
        {R("GET / HTTP/1.1") HOST END, true, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.1") HOST R("Connection: close") END, false, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.1") HOST R("Connection: x, Close") END, false, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.1") HOST R("Connection: x") R("Connection: close") END, false, false,
         HTTP_BODY_NONE},
        {R("GET / HTTP/1.1") HOST R("Connection: closed") END, true, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.0") END, false, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.0") R("Connection: Keep-Alive") END, true, false, HTTP_BODY_NONE},
        {R("GET / HTTP/1.0") R("Connection: keep-alive, close") END, false, false, HTTP_BODY_NONE},
        {R("POST / HTTP/1.0") R("Expect: 100-continue") R("Content-Length: 1") END, false, false,
         HTTP_BODY_LENGTH},
        {POST R("Expect: something") END, true, false, HTTP_BODY_NONE},
        {POST R("Expect: 100-continue") R("Transfer-Encoding: chunked") END, true, true,
         HTTP_BODY_CHUNKED},
        {POST R("Connection: upgrade") R("Upgrade: h2c") R("Transfer-Encoding: chunked") END, true,
         false, HTTP_BODY_CHUNKED},
        {R("CONNECT a:443 HTTP/1.1") HOST R("Content-Length: 5") END, true, false,
         HTTP_BODY_LENGTH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head h;
        char *block;
        assert_int_equal(request(&h, rows[i].text, strlen(rows[i].text), &block), ERR_OK);
        free(block);
        if (h.keep_alive != rows[i].keep_alive || h.expect_continue != rows[i].expect ||
            h.body != rows[i].body) {
            fail_msg("row %zu: keep_alive %d expect %d body %d", i, h.keep_alive, h.expect_continue,
                     (int)h.body);
        }
    }
}

static void test_header_count(void **state)
{
    (void)state;
    char text[4096];
    for (int extra = 99; extra <= 100; extra++) {
        size_t n = (size_t)snprintf(text, sizeof text, R("GET / HTTP/1.1") HOST);
        for (int i = 0; i < extra; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, "x-%d: %d\r\n", i, i);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
        struct http_head h;
        char *block;
        enum err e = request(&h, text, n, &block);
        assert_int_equal(e, extra == 99 ? ERR_OK : ERR_TOO_BIG);
        if (!e) {
            assert_int_equal(h.header_count, HTTP1_HEADERS_MAX);
            assert_slice(h.headers[99].name, "x-98");
            assert_slice(h.headers[99].value, "98");
        }
        free(block);
    }
}

/* Any single byte of a good head changed to any control byte is refused, or at least not misread.
 */
static void test_control_bytes_everywhere(void **state)
{
    (void)state;
    static const char text[] =
        POST R("Content-Length: 30") R("X-Long-Header-Name: value of it") END;
    static const char bytes[] = {0, 1, '\n', '\r', 0x0B, 0x1F, 0x7F};
    size_t n = sizeof text - 1;

    for (size_t i = 0; i < n; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            char changed[sizeof text];
            memcpy(changed, text, n);
            if (changed[i] == bytes[b]) {
                continue;
            }
            changed[i] = bytes[b];
            struct http_head h;
            char *block;
            if (request(&h, changed, n, &block) == ERR_OK) {
                fail_msg("byte %zu as %d was accepted", i, bytes[b]);
            }
            free(block);
        }
    }
}

static void test_head_length(void **state)
{
    (void)state;
    static const char text[] = R("GET / HTTP/1.1") HOST END "body\r\n\r\n";
    size_t head = sizeof text - 1 - 8;

    for (size_t seen = 0; seen < head; seen++) {
        assert_int_equal(http1_head_length(text, seen, 0), 0);
        assert_int_equal(http1_head_length(text, head, seen), head);
        assert_int_equal(http1_head_length(text, sizeof text - 1, seen), head);
    }
    assert_int_equal(http1_head_length("a\nb\n\nc", 6, 0), 5);
    assert_int_equal(http1_head_length("a\r\nb\n\r\nc", 8, 0), 7);
    assert_int_equal(http1_head_length("a\r\n\n", 4, 3), 4);
    assert_int_equal(http1_head_length("\r\n\r\n", 4, 0), 4);
    assert_int_equal(http1_head_length("a\r\r\n\rb", 6, 0), 0);
    assert_int_equal(http1_head_length(NULL, 0, 0), 0);
}

static void test_responses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool to_head;
        enum err want;
        int status;
        enum http_body body;
        bool keep_alive;
    } rows[] = {
        {OK R("Content-Length: 3") END, false, ERR_OK, 200, HTTP_BODY_LENGTH, true},
        {OK R("Content-Length: 0") END, false, ERR_OK, 200, HTTP_BODY_LENGTH, true},
        {OK R("Transfer-Encoding: chunked") END, false, ERR_OK, 200, HTTP_BODY_CHUNKED, true},
        {OK R("Transfer-Encoding: chunked") R("Connection: close") END, false, ERR_OK, 200,
         HTTP_BODY_CHUNKED, false},
        {OK END, false, ERR_OK, 200, HTTP_BODY_UNTIL_CLOSE, false},
        {OK R("Content-Length: 9") END, true, ERR_OK, 200, HTTP_BODY_NONE, true},
        {OK R("Transfer-Encoding: chunked") END, true, ERR_OK, 200, HTTP_BODY_NONE, true},
        {OK END, true, ERR_OK, 200, HTTP_BODY_NONE, true},
        {R("HTTP/1.1 100 Continue") END, false, ERR_OK, 100, HTTP_BODY_NONE, true},
        {R("HTTP/1.1 101 Switching Protocols") R("Upgrade: x") R("Connection: upgrade") END, false,
         ERR_OK, 101, HTTP_BODY_NONE, true},
        {R("HTTP/1.1 204 No Content") END, false, ERR_OK, 204, HTTP_BODY_NONE, true},
        {R("HTTP/1.1 204 No Content") R("Content-Length: 5") END, false, ERR_OK, 204,
         HTTP_BODY_NONE, false},
        {R("HTTP/1.1 304 Not Modified") R("Content-Length: 5") END, false, ERR_OK, 304,
         HTTP_BODY_NONE, true},
        {R("HTTP/1.0 200 OK") R("Content-Length: 5") END, false, ERR_OK, 200, HTTP_BODY_LENGTH,
         false},
        {R("HTTP/1.0 200 OK") R("Content-Length: 5") R("Connection: keep-alive") END, false, ERR_OK,
         200, HTTP_BODY_LENGTH, true},
        {R("HTTP/1.1 529 ") R("Content-Length: 5") END, false, ERR_OK, 529, HTTP_BODY_LENGTH, true},
        {R("HTTP/1.1 429") R("Content-Length: 5") END, false, ERR_OK, 429, HTTP_BODY_LENGTH, true},
        {OK R("Content-Length: 3") R("Content-Length: 3") END, false, ERR_PARSE, 0, 0, 0},
        {OK R("Content-Length: 3") R("Transfer-Encoding: chunked") END, false, ERR_PARSE, 0, 0, 0},
        {OK R("Content-Length: +3") END, false, ERR_PARSE, 0, 0, 0},
        {OK R("Transfer-Encoding: gzip, chunked") END, false, ERR_UNSUPPORTED, 0, 0, 0},
        {OK R("Transfer-Encoding: chunked, gzip") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/2.0 200 OK") END, false, ERR_UNSUPPORTED, 0, 0, 0},
        {R("HTTP/1.1 20 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1 2000 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1 099 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1 600 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1  200 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1200 OK") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1 200 O\x01K") END, false, ERR_PARSE, 0, 0, 0},
        {R("HTTP/1.1") END, false, ERR_PARSE, 0, 0, 0},
        {R("GET / HTTP/1.1") HOST END, false, ERR_PARSE, 0, 0, 0},
        {"HTTP/1.1 200 OK\nContent-Length: 3\n\n", false, ERR_PARSE, 0, 0, 0},
        {OK R("X: a") R(" b") END, false, ERR_PARSE, 0, 0, 0},
        {OK R("X : a") END, false, ERR_PARSE, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head h;
        enum err e = response(&h, rows[i].text, rows[i].to_head);
        if (e != rows[i].want) {
            fail_msg("row %zu: %s, wanted %s", i, err_name(e), err_name(rows[i].want));
        }
        if (!e && (h.status != rows[i].status || h.body != rows[i].body ||
                   h.keep_alive != rows[i].keep_alive)) {
            fail_msg("row %zu: status %d body %d keep_alive %d", i, h.status, (int)h.body,
                     h.keep_alive);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_table),
        cmocka_unit_test(test_request_fields),
        cmocka_unit_test(test_request_modes),
        cmocka_unit_test(test_header_count),
        cmocka_unit_test(test_control_bytes_everywhere),
        cmocka_unit_test(test_head_length),
        cmocka_unit_test(test_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
