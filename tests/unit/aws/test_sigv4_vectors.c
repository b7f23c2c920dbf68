/* test_sigv4_vectors.c: the public SigV4 cases and those of the services used here, when their
 * folder stands beside the repository. */
#include "core/aws/credentials.h"
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VECTORS       "../shared/vectors"
#define PUBLIC_CASES  VECTORS "/sigv4/v4"
#define BEDROCK_CASES VECTORS "/sigv4-bedrock/vectors.json"

static void skip_without(const char *path)
{
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped\n", path);
        skip();
    }
}

/* Appends the file; the caller frees. */
static struct buf read_file(const char *folder, const char *name)
{
    char path[512];
    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("cannot read %s", path);
    }
    struct buf content = {0};
    char *at = buf_reserve(&content, 65536);
    assert_non_null(at);
    buf_commit(&content, fread(at, 1, 65536, f));
    assert_int_equal(fclose(f), 0);
    return content;
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

struct public_case {
    struct buf request, context_text;
    json_t *context;
    struct http_header headers[20];
    struct sigv4_request r;
    char body_hash[SIGV4_HEX];
    int64_t wall_ms;
    char date[CLOCK_TEXT];
};

/* A line that starts with a blank goes on with the header before it. */
static void take_headers(struct public_case *c, struct str text)
{
    struct str rest = text;
    while (rest.p != NULL && rest.n > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if (line.n == 0) {
            break;
        }
        assert_true(c->r.header_count < 18);
        struct http_header *h = &c->headers[c->r.header_count];
        if (line.p[0] == ' ') {
            h[-1].value.n = (size_t)(line.p + line.n - h[-1].value.p);
            continue;
        }
        h->name = str_cut(line, ':', &h->value);
        c->r.header_count++;
    }
    c->r.headers = c->headers;
    sigv4_sha256_hex(c->body_hash, rest.p, rest.n);
    c->r.body_sha256_hex = c->body_hash;
}

static void read_public_case(struct public_case *c, const char *folder)
{
    *c = (struct public_case){.request = read_file(folder, "request.txt"),
                              .context_text = read_file(folder, "context.json")};
    c->context = json_loads(buf_cstr(&c->context_text), 0, NULL);
    assert_non_null(c->context);
    struct str rest;
    struct str line = str_cut(buf_str(&c->request), '\n', &rest);
    c->r.method = str_cut(line, ' ', &line);
    assert_true(str_ends(line, " HTTP/1.1"));
    line.n -= strlen(" HTTP/1.1");
    c->r.path = str_cut(line, '?', &c->r.query);
    c->r.normalize_path = json_is_true(json_object_get(c->context, "normalize"));
    take_headers(c, rest);
    if (json_is_true(json_object_get(c->context, "sign_body"))) {
        c->headers[c->r.header_count++] =
            (struct http_header){STR("X-Amz-Content-Sha256"), str_of(c->body_hash)};
    }
    assert_true(clock_parse_rfc3339(str_of(text_of(c->context, "timestamp")), &c->wall_ms));
    clock_amz(c->date, c->wall_ms);
}

static void free_public_case(struct public_case *c)
{
    json_decref(c->context);
    buf_free(&c->request);
    buf_free(&c->context_text);
}

/* The signed header names are the line before the last of the canonical request. */
static struct str signed_names(struct str canonical)
{
    struct str last = {0};
    struct str before = {0};
    struct str rest = canonical;
    while (rest.p != NULL) {
        before = last;
        last = str_cut(rest, '\n', &rest);
    }
    return before;
}

static void check_canonical(struct public_case *c, struct str expected)
{
    size_t count = c->r.header_count;
    json_t *credentials = json_object_get(c->context, "credentials");
    c->headers[c->r.header_count++] = (struct http_header){STR("X-Amz-Date"), str_of(c->date)};
    c->headers[c->r.header_count++] =
        (struct http_header){STR("X-Amz-Security-Token"), str_of(text_of(credentials, "token"))};
    struct buf canonical = {0};
    assert_int_equal(sigv4_canonical(&canonical, &c->r, signed_names(expected), NULL), ERR_OK);
    assert_int_equal(canonical.len, expected.n);
    assert_memory_equal(buf_bytes(&canonical), expected.p, expected.n);
    buf_free(&canonical);
    c->r.header_count = count;
}

static void check_signature(struct public_case *c, struct str expected)
{
    json_t *credentials = json_object_get(c->context, "credentials");
    bool omit = json_is_true(json_object_get(c->context, "omit_session_token"));
    struct credentials *keys =
        credentials_new(str_of(text_of(credentials, "access_key_id")),
                        str_of(text_of(credentials, "secret_access_key")),
                        omit ? STR("") : str_of(text_of(credentials, "token")), 0, "vector");
    struct sigv4_signer s = {0};
    sigv4_signer_init(&s, text_of(c->context, "region"), text_of(c->context, "service"));
    struct buf out = {0};
    assert_int_equal(sigv4_sign(&s, keys, &c->r, c->wall_ms, &out, NULL), ERR_OK);
    const char *at = strstr(buf_cstr(&out), "Signature=");
    assert_non_null(at);
    assert_memory_equal(at + strlen("Signature="), expected.p, 64);
    buf_free(&out);
    sigv4_signer_free(&s);
    credentials_unref(keys);
}

static void the_public_cases_hold(void **state)
{
    (void)state;
    skip_without(PUBLIC_CASES);
    DIR *cases = opendir(PUBLIC_CASES);
    assert_non_null(cases);
    int count = 0;
    for (struct dirent *d; (d = readdir(cases)) != NULL;) {
        if (d->d_name[0] == '.') {
            continue;
        }
        char folder[512];
        assert_true(snprintf(folder, sizeof(folder), "%s/%s", PUBLIC_CASES, d->d_name) <
                    (int)sizeof(folder));
        struct public_case c;
        read_public_case(&c, folder);
        struct buf canonical = read_file(folder, "header-canonical-request.txt");
        struct buf signature = read_file(folder, "header-signature.txt");
        check_canonical(&c, buf_str(&canonical));
        check_signature(&c, buf_str(&signature));
        buf_free(&canonical);
        buf_free(&signature);
        free_public_case(&c);
        count++;
    }
    assert_int_equal(closedir(cases), 0);
    assert_int_equal(count, 38);
}

static size_t take_vector_headers(struct http_header *to, size_t max, json_t *headers)
{
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        if (strcmp(name, "x-amz-date") != 0 && strcmp(name, "x-amz-security-token") != 0) {
            assert_true(count < max);
            to[count++] = (struct http_header){str_of(name), str_of(json_string_value(value))};
        }
    }
    return count;
}

static void check_bedrock_case(json_t *v)
{
    struct http_header headers[20];
    char body_hash[SIGV4_HEX];
    const char *body = text_of(v, "body");
    sigv4_sha256_hex(body_hash, body, strlen(body));
    struct sigv4_request r = {.method = str_of(text_of(v, "method")),
                              .path = str_of(text_of(v, "wire_path")),
                              .query = str_of(text_of(v, "wire_query")),
                              .headers = headers,
                              .body_sha256_hex = body_hash};
    r.header_count = take_vector_headers(headers, 20, json_object_get(v, "headers"));
    struct credentials *keys = credentials_new(str_of(text_of(v, "access_key_id")),
                                               str_of(text_of(v, "secret_access_key")),
                                               str_of(text_of(v, "session_token")), 0, "vector");
    int64_t wall_ms;
    assert_true(clock_parse_rfc3339(str_of(text_of(v, "date")), &wall_ms));
    struct sigv4_signer s = {0};
    sigv4_signer_init(&s, text_of(v, "region"), text_of(v, "service"));
    struct buf out = {0};
    assert_int_equal(sigv4_sign(&s, keys, &r, wall_ms, &out, NULL), ERR_OK);
    assert_string_equal(buf_cstr(&s.scratch), text_of(v, "canonical_request"));
    const char *at = strstr(buf_cstr(&out), "Authorization: ");
    assert_non_null(at);
    const char *expected = text_of(v, "authorization");
    assert_memory_equal(at + strlen("Authorization: "), expected, strlen(expected));
    buf_free(&out);
    sigv4_signer_free(&s);
    credentials_unref(keys);
}

static void the_bedrock_cases_hold(void **state)
{
    (void)state;
    skip_without(BEDROCK_CASES);
    json_t *vectors = json_load_file(BEDROCK_CASES, 0, NULL);
    assert_true(json_array_size(vectors) >= 10);
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        check_bedrock_case(json_array_get(vectors, i));
    }
    json_decref(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_cases_hold),
        cmocka_unit_test(the_bedrock_cases_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
