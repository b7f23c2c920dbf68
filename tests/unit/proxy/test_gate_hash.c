/* The hash of a body is that of all its bytes, however they came and whatever was hashed early. */
#include "core/proxy/gate_private.h"
#include "tests/unit/test.h"

#include <string.h>

#define BODY_MAX (200 * 1024)

static char body[BODY_MAX];

struct sent_body {
    struct exchange x;
    struct ticket t;
    struct http_header header;
};

/* As it arrives in pieces of `step` bytes. */
static void arrive(struct sent_body *s, const char *target, bool is_signed, int64_t announced,
                   size_t n, size_t step)
{
    *s = (struct sent_body){.header = {STR("Authorization"), STR("AWS4-HMAC-SHA256 Credential=x")}};
    s->x.headers = &s->header;
    s->x.header_count = is_signed ? 1 : 0;
    s->x.content_length = announced;
    s->t.x = &s->x;
    assert_int_equal(dialect_route(&s->t.route, STR("POST"), str_of(target), NULL), ERR_OK);
    gate_hash_begin(&s->t);
    for (size_t at = 0; at < n; at += step) {
        assert_true(buf_append(&s->x.body, body + at, n - at < step ? n - at : step));
        gate_hash_more(&s->t);
    }
}

static void leave(struct sent_body *s)
{
    sigv4_hash_drop(&s->t.hash);
    buf_free(&s->x.body);
}

/* What goes upstream when `back` bytes at the end stand behind an insertion. */
static void goes_up(struct sent_body *s, size_t back)
{
    struct buf whole = {0};
    struct str client = buf_str(&s->x.body);
    struct str parts[3] = {str_sub(client, 0, client.n - back), STR(",\"requestMetadata\":{}"),
                           str_sub(client, client.n - back, back)};
    uint8_t is[32], should[32];

    for (size_t i = 0; i < 3; i++) {
        (void)buf_add_str(&whole, parts[i]);
    }
    gate_hash_upstream(&s->t, parts, is);
    sigv4_sha256(should, buf_bytes(&whole), whole.len);
    assert_memory_equal(is, should, 32);
    buf_free(&whole);
}

static void the_hash_is_of_all_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 128, 129, 5000, 65536, 65537, BODY_MAX};
    static const size_t steps[] = {1000, 65536, BODY_MAX};
    static const char *const targets[] = {"/model/m/converse", "/v1/chat/completions"};
    struct sent_body s;
    uint8_t is[32], should[32];

    for (size_t i = 0; i < BODY_MAX; i++) {
        body[i] = (char)('a' + i * 7 % 26);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes) * 24; i++) {
        size_t n = sizes[i / 24];
        bool is_signed = i % 2 > 0;
        int64_t announced = i / 2 % 2 > 0 ? (int64_t)n : -1;
        arrive(&s, targets[i / 4 % 2], is_signed, announced, n, steps[i / 8 % 3]);
        assert_int_equal(gate_hash_client(&s.t, is), is_signed);
        sigv4_sha256(should, body, n);
        assert_true(!is_signed || memcmp(is, should, 32) == 0);
        for (size_t back = 0; back < 200 && back <= n; back += 33) {
            goes_up(&s, back);
        }
        goes_up(&s, n); /* the first byte is another already */
        leave(&s);
    }
}

static void a_signed_body_is_hashed_once(void **state)
{
    (void)state;
    struct sent_body s;

    arrive(&s, "/model/m/converse", true, 5000, 5000, 5000);
    assert_true(s.t.hashed >= 5000 - 128 && s.t.hashed <= 5000 - 64);
    goes_up(&s, 1);
    leave(&s);
    arrive(&s, "/model/m/converse", false, 5000, 5000, 5000);
    assert_null(s.t.hash.context); /* nobody asks for it before it is sent */
    leave(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_hash_is_of_all_bytes),
                                       cmocka_unit_test(a_signed_body_is_hashed_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
