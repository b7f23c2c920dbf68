/* test_record.c: the encoding of a call, whole and cut short. */
#include "core/ledger/record.h"
#include "tests/unit/ledger/fixture.h"

static void fill(struct call *c)
{
    call_fill(c, 77);
    c->dialect = DIALECT_WORKFLOW;
    call_end(c, 1, 2);
    c->usage = (struct usage){1, -2, INT64_MAX, INT64_MIN, 300};
    c->usd = 1234567890123;
    c->error = STR("e");
    c->limit = "l";
}

static void assert_end(const struct record_call *r)
{
    assert_true(str_is(r->request_id, "00000000-0000-4000-8000-00000000004d"));
    assert_int_equal(r->reserved.input, 100);
    assert_int_equal(r->reserved.output, 400);
    assert_int_equal(r->outcome, OUTCOME_APPROVED);
    assert_int_equal(r->http_status, 200);
    assert_int_equal(r->usage.input, 1);
    assert_int_equal(r->usage.output, -2);
    assert_true(r->usage.cache_read == INT64_MAX);
    assert_true(r->usage.cache_write_5m == INT64_MIN);
    assert_int_equal(r->usage.cache_write_1h, 300);
    assert_true(r->reported);
    assert_true(r->priced);
    assert_int_equal(r->usd, 1234567890123);
    assert_int_equal(r->duration_ms, 950);
    assert_int_equal(r->first_token_ms, 120);
    assert_true(str_is(r->limit, "l"));
    assert_true(str_is(r->error, "e"));
}

static void assert_begin(const struct record_call *r)
{
    assert_int_equal(r->dialect, DIALECT_WORKFLOW);
    assert_int_equal(r->time_ms, NOW_MS);
    assert_true(str_is(r->operation, "Converse"));
    assert_true(str_is(r->model, "haiku"));
    assert_true(str_is(r->model_id, "us.anthropic.haiku-v1:0"));
    assert_int_equal(r->price.input, 800000000);
    assert_int_equal(r->price.cache_write_1h, 1600000000);
    assert_int_equal(r->tags.count, 2);
    assert_true(str_is(r->tags.at[0].key, "applicationId"));
    assert_true(str_is(r->tags.at[1].value, "sales"));
}

static void whole_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_PAYLOAD_MAX];
    struct call c;
    struct record_call r;
    fill(&c);
    size_t n = record_put_whole(bytes, &c, STR("costCenter=sales"), -1);
    assert_true(record_get_whole((struct str){(char *)bytes, n}, &r));
    assert_begin(&r);
    assert_end(&r);
    assert_true(str_is(r.group, "costCenter=sales"));
    assert_int_equal(r.resets_at_ms, -1);
    call_clear(&c);
}

static void parts_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_PAYLOAD_MAX];
    struct call c;
    struct record_call r;
    uint64_t slot;
    fill(&c);
    size_t n = record_put_admitted(bytes, &c);
    assert_true(record_get_admitted((struct str){(char *)bytes, n}, &r));
    assert_begin(&r);
    n = record_put_settled(bytes, 0xFFFFFFFFFFull, &c);
    assert_true(record_get_settled((struct str){(char *)bytes, n}, &slot, &r));
    assert_true(slot == 0xFFFFFFFFFFull);
    assert_end(&r);
    c.reserved_usage.output = 9999;
    n = record_put_topped_up(bytes, 12, &c);
    assert_true(record_get_topped_up((struct str){(char *)bytes, n}, &slot, &r));
    assert_int_equal(slot, 12);
    assert_int_equal(r.reserved.output, 9999);
    call_clear(&c);
}

static void unpriced_call_has_no_price(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_PAYLOAD_MAX];
    struct call c;
    struct record_call r;
    fill(&c);
    c.priced = false;
    size_t n = record_put_whole(bytes, &c, (struct str){NULL, 0}, 0);
    assert_true(record_get_whole((struct str){(char *)bytes, n}, &r));
    assert_int_equal(r.price.input, -1);
    assert_false(r.priced);
    assert_int_equal(r.usd, c.usd); /* what limits were charged */
    call_clear(&c);
}

/* Each copy is exactly as long as it says, so that a sanitizer sees a read behind it. */
static void cut_or_flipped_payloads_break_nothing(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_PAYLOAD_MAX];
    struct call c;
    struct record_call r;
    uint64_t slot;
    fill(&c);
    size_t n = record_put_whole(bytes, &c, STR("g=h"), 5);
    for (size_t cut = 0; cut < n; cut++) {
        char *copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        struct str payload = {copy, cut};
        assert_false(record_get_whole(payload, &r));
        (void)record_get_admitted(payload, &r);
        (void)record_get_settled(payload, &slot, &r);
        (void)record_get_topped_up(payload, &slot, &r);
        free(copy);
    }
    for (size_t at = 0; at < n; at++) {
        for (int bit = 0; bit < 8; bit++) {
            char *copy = malloc(n);
            memcpy(copy, bytes, n);
            copy[at] = (char)(copy[at] ^ (1 << bit));
            if (record_get_whole((struct str){copy, n}, &r)) {
                assert_true(r.dialect <= DIALECT_WORKFLOW && r.outcome <= OUTCOME_REJECTED);
                assert_true(r.tags.count <= TAGS_MAX);
            }
            free(copy);
        }
    }
    call_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_round_trip),
        cmocka_unit_test(parts_round_trip),
        cmocka_unit_test(unpriced_call_has_no_price),
        cmocka_unit_test(cut_or_flipped_payloads_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
