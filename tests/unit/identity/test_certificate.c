/* test_certificate.c: the subject of a client certificate stands for the key that is bound to it.
 */
#include "tests/unit/identity/fixture.h"

#define SUBJECT "CN=docs,O=Example"

static struct key_record draw(struct fixture *f, const char *name, const char *subject,
                              struct key_secrets *secrets)
{
    struct key_record k = {.tag_count = 1};
    struct err_info ei = {0};
    snprintf(k.name, sizeof(k.name), "%s", name);
    snprintf(k.subject, sizeof(k.subject), "%s", subject);
    snprintf(k.tags[0].key, sizeof(k.tags[0].key), "costCenter");
    snprintf(k.tags[0].value, sizeof(k.tags[0].value), "%s", name);
    assert_int_equal(identity_draw(f->id, &k, secrets, &ei), ERR_OK);
    return k;
}

static int set_up(void **state)
{
    fixture_open(state);
    struct fixture *f = *state;
    f->key = draw(f, "docs", SUBJECT, &f->secrets);
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    return 0;
}

/* Who a request with this certificate, and perhaps this header, is. */
static enum err check(struct fixture *f, const char *subject, const struct http_header *header,
                      struct identity_result *result, char *cost_center, struct err_info *ei)
{
    struct identity_request r = {.method = STR("POST"),
                                 .target = STR("/model/m/converse"),
                                 .headers = header,
                                 .header_count = header ? 1 : 0,
                                 .authority = STR("127.0.0.1"),
                                 .subject = str_of(subject),
                                 .now_ms = NOW};
    struct tags tags = {0};
    struct arena a = {0};
    enum err e = identity_check(f->id, &r, &tags, &a, result, ei);
    assert_int_equal(identity_precheck(f->id, &r, NULL), e);
    (void)str_copy(cost_center, 32, tags_get(&tags, "costCenter"));
    arena_free(&a);
    return e;
}

static void its_subject_is_the_key(void **state)
{
    struct fixture *f = *state;
    struct identity_result who;
    struct identity_use use;
    struct err_info ei = {0};
    char cost_center[32];
    assert_int_equal(check(f, SUBJECT, NULL, &who, cost_center, &ei), ERR_OK);
    assert_int_equal(who.kind, IDENTITY_CERTIFICATE);
    assert_string_equal(who.access_key_id, f->key.access_key_id);
    assert_string_equal(cost_center, "docs");
    assert_int_equal(identity_last_used(f->id, &use, 1), 1);
    assert_int_equal(use.at_ms, NOW);

    assert_int_equal(check(f, "CN=docs", NULL, &who, cost_center, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "subject CN=docs "));
    assert_int_equal(who.kind, IDENTITY_NONE);
    assert_int_equal(check(f, "", NULL, &who, cost_center, NULL), ERR_NOT_FOUND);
}

static void a_key_that_is_sent_goes_first(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct key_record other = draw(f, "sales", "", &secrets);
    struct identity_result who;
    char value[128], cost_center[32];
    struct http_header header = {STR("authorization"), {value, 0}};
    assert_int_equal(identity_put(f->id, &other), ERR_OK);
    header.value.n = (size_t)snprintf(value, sizeof(value), "Bearer %s", secrets.bearer_token);
    assert_int_equal(check(f, SUBJECT, &header, &who, cost_center, NULL), ERR_OK);
    assert_int_equal(who.kind, IDENTITY_BEARER);
    assert_string_equal(cost_center, "sales");
    header.value.n--; /* a wrong one is not saved by the certificate */
    assert_int_equal(check(f, SUBJECT, &header, &who, cost_center, NULL), ERR_AUTH);
}

static void revoked_and_expired_at_once(void **state)
{
    struct fixture *f = *state;
    struct identity_result who;
    struct err_info ei = {0};
    char cost_center[32];
    f->key.expires_ms = NOW;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    assert_int_equal(check(f, SUBJECT, NULL, &who, cost_center, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "expired"));
    f->key.expires_ms = 0;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    assert_int_equal(check(f, SUBJECT, NULL, &who, cost_center, NULL), ERR_OK);
    f->key.revoked_ms = NOW;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    assert_int_equal(check(f, SUBJECT, NULL, &who, cost_center, NULL), ERR_AUTH);
}

static void one_key_a_subject(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct key_record other = draw(f, "sales", SUBJECT, &secrets);
    struct identity_result who;
    char cost_center[32];
    assert_int_equal(identity_put(f->id, &other), ERR_CONFLICT);
    f->key.revoked_ms = NOW;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    assert_int_equal(identity_put(f->id, &other), ERR_OK);
    assert_int_equal(check(f, SUBJECT, NULL, &who, cost_center, NULL), ERR_OK);
    assert_string_equal(cost_center, "sales");
    memset(other.subject, 'x', sizeof(other.subject)); /* not ended */
    assert_int_equal(identity_put(f->id, &other), ERR_RANGE);
}

static void subjects_are_brought_into_one_form(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"CN=docs,O=Example", "CN=docs,O=Example"},
        {"  CN = docs , O = Example Inc ", "CN=docs,O=Example Inc"},
        {"CN=a\\, b,O=x", "CN=a\\, b,O=x"},
        {"CN=a\\\\,  O=x", "CN=a\\\\,O=x"},
        {"CN=a=b", "CN=a=b"},
        {"CN=a + UID = 7,DC=x", "CN=a+UID=7,DC=x"},
        {"2.5.4.3=a", "2.5.4.3=a"},
        {"CN=\\ a", "CN=\\ a"},
    };
    static const char *const bad[] = {"",      "docs",   "CN=",    "=docs", "CN=a,",
                                      ",CN=a", "CN=a,b", "CN=a\n", "C N=a", "CN=a,,O=b"};
    static char longest[300];
    char out[KEY_SUBJECT_MAX + 1];
    struct err_info ei = {0};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(key_subject(out, str_of(good[i][0]), &ei), ERR_OK);
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (key_subject(out, str_of(bad[i]), &ei) != ERR_PARSE) {
            fail_msg("'%s' was taken as '%s'", bad[i], out);
        }
    }
    memset(longest, 'a', sizeof(longest) - 1);
    memcpy(longest, "CN=", 3);
    longest[KEY_SUBJECT_MAX] = '\0';
    assert_int_equal(key_subject(out, str_of(longest), &ei), ERR_OK);
    longest[KEY_SUBJECT_MAX] = 'a';
    assert_int_equal(key_subject(out, str_of(longest), &ei), ERR_PARSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_subject_is_the_key),
        TEST(a_key_that_is_sent_goes_first),
        TEST(revoked_and_expired_at_once),
        TEST(one_key_a_subject),
        cmocka_unit_test(subjects_are_brought_into_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
