/* test_keys.c: keys are drawn, found by bearer, dropped at once, and their use is told. */
#include "core/base/clock.h"
#include "tests/unit/identity/fixture.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>

static uint8_t master[32];

static int set_up(void **state)
{
    fixture_open(state);
    struct fixture *f = *state;
    FILE *file = fopen(f->file, "rb");
    assert_non_null(file);
    assert_int_equal(fread(master, 1, 32, file), 32);
    fclose(file);
    return 0;
}

static struct key_record draw(struct fixture *f, struct key_secrets *secrets)
{
    struct key_record k = {0};
    struct err_info ei = {0};

    snprintf(k.name, sizeof(k.name), "docs-1");
    assert_int_equal(identity_draw(f->id, &k, secrets, &ei), ERR_OK);
    return k;
}

static enum err check(struct fixture *f, const struct http_header *headers, size_t count,
                      struct identity_result *result, struct err_info *ei)
{
    struct identity_request r = {
        .method = STR("POST"),
        .target = STR("/model/m/converse"),
        .headers = headers,
        .header_count = count,
        .authority = STR("127.0.0.1"),
        .now_ms = NOW,
    };
    struct tags tags = {0};
    struct arena a = {0};
    enum err e = identity_check(f->id, &r, &tags, &a, result, ei);
    enum err early = identity_precheck(f->id, &r, NULL);

    assert_int_equal(early, e);
    arena_free(&a);
    return e;
}

static enum err check_bearer(struct fixture *f, const char *token, struct identity_result *result)
{
    char value[1100];
    snprintf(value, sizeof(value), "Bearer %s", token);
    struct http_header header = {STR("authorization"), str_of(value)};
    return check(f, &header, 1, result, NULL);
}

static void a_drawn_key_has_the_agreed_form(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets, again;
    clock_set_fake_wall(NOW);
    struct key_record k = draw(f, &secrets);
    struct key_record other = draw(f, &again);
    clock_set_fake_wall(0);

    assert_int_equal(strlen(k.access_key_id), 20);
    assert_memory_equal(k.access_key_id, "TGK", 3);
    assert_int_equal(strspn(k.access_key_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 20);
    assert_string_not_equal(k.access_key_id, other.access_key_id);
    assert_int_equal(k.created_ms, NOW);

    char message[64] = "tollgate-sigv4";
    memcpy(message + 15, k.access_key_id, 20);
    uint8_t mac[32], hash[32];
    unsigned n = 32;
    char text[64];
    assert_non_null(HMAC(EVP_sha256(), master, 32, (uint8_t *)message, 35, mac, &n));
    str_base64(text, mac, 32);
    assert_string_equal(secrets.secret_access_key, text);
    assert_string_not_equal(secrets.secret_access_key, again.secret_access_key);

    assert_int_equal(strlen(secrets.bearer_token), 47);
    assert_memory_equal(secrets.bearer_token, "tgb_", 4);
    assert_int_equal(strspn(secrets.bearer_token + 4,
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     43);
    assert_string_not_equal(secrets.bearer_token, again.bearer_token);
    SHA256((uint8_t *)secrets.bearer_token, 47, hash);
    assert_memory_equal(k.bearer_sha256, hash, 32);
}

static void a_drawn_key_is_not_installed_yet(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct identity_result result;
    struct key_record k = draw(f, &secrets);

    assert_int_equal(check_bearer(f, secrets.bearer_token, &result), ERR_AUTH);
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    assert_int_equal(check_bearer(f, secrets.bearer_token, &result), ERR_OK);
    assert_int_equal(result.kind, IDENTITY_BEARER);
    assert_string_equal(result.access_key_id, k.access_key_id);
}

static void bearers_come_in_two_headers(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets, others;
    struct identity_result result;
    struct key_record k = draw(f, &secrets);
    struct key_record other = draw(f, &others);
    char value[128];
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    assert_int_equal(identity_put(f->id, &other), ERR_OK);

    snprintf(value, sizeof(value), "bEaReR   %s", secrets.bearer_token);
    struct http_header both[] = {{STR("X-API-Key"), str_of(secrets.bearer_token)},
                                 {STR("Authorization"), str_of(value)}};
    assert_int_equal(check(f, both, 1, &result, NULL), ERR_OK);
    assert_int_equal(check(f, both + 1, 1, &result, NULL), ERR_OK);
    assert_int_equal(check(f, both, 2, &result, NULL), ERR_OK);

    struct err_info ei = {0};
    both[0].value = str_of(others.bearer_token);
    assert_int_equal(check(f, both, 2, &result, &ei), ERR_AUTH);
    assert_string_equal(ei.text, "Authorization and x-api-key are different credentials");
    struct http_header twice[] = {both[0], both[0]};
    err_clear(&ei);
    assert_int_equal(check(f, twice, 2, &result, &ei), ERR_AUTH);
    assert_string_equal(ei.text, "x-api-key was sent more than once");
}

static void no_credential_is_told_from_a_wrong_one(void **state)
{
    struct fixture *f = *state;
    struct identity_result result;
    struct err_info ei = {0};
    struct http_header header = {STR("accept"), STR("*/*")};

    assert_int_equal(check(f, NULL, 0, &result, &ei), ERR_NOT_FOUND);
    assert_int_equal(check(f, &header, 1, &result, &ei), ERR_NOT_FOUND);
    header = (struct http_header){STR("x-api-key"), STR("")};
    assert_int_equal(check(f, &header, 1, &result, &ei), ERR_AUTH);

    static const char *const wrong[] = {"x", "tgb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "bedrock-api-key-abc"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(check_bearer(f, wrong[i], &result), ERR_AUTH);
    }
    char huge[1024];
    memset(huge, 'a', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(check_bearer(f, huge, &result), ERR_AUTH);
}

static void an_expired_bearer_is_told_when(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct identity_result result;
    struct err_info ei = {0};
    struct key_record k = draw(f, &secrets);
    char text[96];

    k.expires_ms = NOW - 8000;
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    struct http_header header = {STR("x-api-key"), str_of(secrets.bearer_token)};
    assert_int_equal(check(f, &header, 1, &result, &ei), ERR_AUTH);
    snprintf(text, sizeof(text), "key %s expired on 2026-11-21T01:36:30Z", k.access_key_id);
    assert_string_equal(ei.text, text);
}

static void a_revoked_key_is_gone_at_once(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct identity_result result;
    struct key_record k = draw(f, &secrets);

    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    k.revoked_ms = NOW;
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    assert_int_equal(check_bearer(f, secrets.bearer_token, &result), ERR_AUTH);
    /* Revoked ones of a ledger that is read at start were never there. */
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
}

static void a_replaced_bearer_is_gone_too(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets, others;
    struct identity_result result;
    struct key_record k = draw(f, &secrets);
    struct key_record other = draw(f, &others);

    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    assert_int_equal(identity_put(f->id, &other), ERR_OK);
    /* Another key's bearer is not taken over. */
    struct key_record thief = k;
    memcpy(thief.bearer_sha256, other.bearer_sha256, 32);
    assert_int_equal(identity_put(f->id, &thief), ERR_CONFLICT);
    assert_int_equal(check_bearer(f, secrets.bearer_token, &result), ERR_OK);
    memset(k.bearer_sha256, 7, 32);
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    assert_int_equal(check_bearer(f, secrets.bearer_token, &result), ERR_AUTH);
    assert_int_equal(check_bearer(f, others.bearer_token, &result), ERR_OK);
}

static void records_out_of_bounds_are_refused(void **state)
{
    struct fixture *f = *state;
    struct key_record k = {0};

    assert_int_equal(identity_put(f->id, &k), ERR_RANGE);
    memset(k.access_key_id, 'A', sizeof(k.access_key_id));
    assert_int_equal(identity_put(f->id, &k), ERR_RANGE);
    snprintf(k.access_key_id, sizeof(k.access_key_id), "TGKA");
    k.tag_count = TAGS_MAX + 1;
    assert_int_equal(identity_put(f->id, &k), ERR_RANGE);
}

static void tags_that_do_not_fit_are_an_error(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct key_record k = draw(f, &secrets);
    struct tags tags = {0};
    struct arena a = {0};
    struct identity_result result;
    struct http_header header = {STR("x-api-key"), str_of(secrets.bearer_token)};
    struct identity_request r = {.headers = &header, .header_count = 1, .now_ms = NOW};

    k.tag_count = 1;
    snprintf(k.tags[0].key, sizeof(k.tags[0].key), "team");
    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    for (int i = 0; i < TAGS_MAX; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(tags_set(&tags, &a, str_of(key), STR("v")), ERR_OK);
    }
    assert_int_equal(identity_check(f->id, &r, &tags, &a, &result, NULL), ERR_FULL);
    assert_int_equal(result.kind, IDENTITY_NONE);
    arena_free(&a);
}

static void uses_are_told_once(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets[3];
    struct key_record k[3];
    struct identity_result result;
    struct identity_use uses[3];

    for (int i = 0; i < 3; i++) {
        k[i] = draw(f, &secrets[i]);
        k[i].last_used_ms = NOW - 1000;
        assert_int_equal(identity_put(f->id, &k[i]), ERR_OK);
    }
    assert_int_equal(identity_last_used(f->id, uses, 3), 0);
    assert_int_equal(check_bearer(f, secrets[1].bearer_token, &result), ERR_OK);
    assert_int_equal(check_bearer(f, secrets[1].bearer_token, &result), ERR_OK);
    assert_int_equal(identity_last_used(f->id, uses, 3), 1);
    assert_string_equal(uses[0].access_key_id, k[1].access_key_id);
    assert_int_equal(uses[0].at_ms, NOW);
    assert_int_equal(identity_last_used(f->id, uses, 3), 0);

    /* What does not fit is told the next time. */
    assert_int_equal(check_bearer(f, secrets[0].bearer_token, &result), ERR_OK);
    assert_int_equal(check_bearer(f, secrets[2].bearer_token, &result), ERR_OK);
    assert_int_equal(identity_last_used(f->id, uses, 1), 1);
    assert_int_equal(identity_last_used(f->id, uses, 1), 1);
    assert_int_equal(identity_last_used(f->id, uses, 1), 0);
}

struct race {
    struct fixture *f;
    const char *token;
    atomic_int phase; /* odd: the put that revoked has returned, and the key is not back yet */
    atomic_int rounds, let_in_late;
    atomic_bool stop;
};

static void *race_checker(void *arg)
{
    struct race *race = arg;
    char value[128];
    snprintf(value, sizeof(value), "Bearer %s", race->token);
    struct http_header header = {STR("authorization"), str_of(value)};
    struct identity_request r = {.headers = &header, .header_count = 1, .now_ms = NOW};

    while (!atomic_load(&race->stop)) {
        struct tags tags = {0};
        struct arena a = {0};
        struct identity_result result;
        int phase = atomic_load(&race->phase);
        enum err e = identity_check(race->f->id, &r, &tags, &a, &result, NULL);
        if (phase % 2 == 1 && atomic_load(&race->phase) == phase && e == ERR_OK) {
            atomic_fetch_add(&race->let_in_late, 1);
        }
        atomic_fetch_add(&race->rounds, 1);
        arena_free(&a);
    }
    return NULL;
}

static void revoking_while_others_check_lets_nobody_in_late(void **state)
{
    struct fixture *f = *state;
    struct key_secrets secrets;
    struct key_record k = draw(f, &secrets);
    struct race race = {.f = f, .token = secrets.bearer_token};
    pthread_t threads[3];

    assert_int_equal(identity_put(f->id, &k), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race_checker, &race), 0);
    }
    for (int round = 0; round < 50; round++) {
        struct identity_use uses[2];
        int before = atomic_load(&race.rounds);
        k.revoked_ms = NOW;
        assert_int_equal(identity_put(f->id, &k), ERR_OK);
        atomic_fetch_add(&race.phase, 1);
        while (atomic_load(&race.rounds) < before + 20) {
            usleep(50);
        }
        atomic_fetch_add(&race.phase, 1);
        k.revoked_ms = 0;
        assert_int_equal(identity_put(f->id, &k), ERR_OK);
        identity_last_used(f->id, uses, 2);
    }
    atomic_store(&race.stop, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race.let_in_late), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drawn_key_has_the_agreed_form),
        TEST(a_drawn_key_is_not_installed_yet),
        TEST(bearers_come_in_two_headers),
        TEST(no_credential_is_told_from_a_wrong_one),
        TEST(an_expired_bearer_is_told_when),
        TEST(a_revoked_key_is_gone_at_once),
        TEST(a_replaced_bearer_is_gone_too),
        TEST(records_out_of_bounds_are_refused),
        TEST(tags_that_do_not_fit_are_an_error),
        TEST(uses_are_told_once),
        TEST(revoking_while_others_check_lets_nobody_in_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
