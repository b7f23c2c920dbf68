/* test_credentials.c: where credentials come from, and what is said when they do not. */
#include "core/aws/credentials_profile.h"
#include "tests/unit/aws/credentials_rig.h"

static void fixed_ones_stay(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    credentials_provider_free(h.p);
    struct credentials *fixed = credentials_new(STR("A"), STR("S"), STR(""), 0, "fixed");
    h.p = credentials_provider_new(fixed, NULL);
    credentials_unref(fixed);
    setenv("AWS_ACCESS_KEY_ID", "B", 1);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "A", "S", "-", "fixed");
    home_tear_down(&h);
}

static void the_environment_comes_first(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    home_put_file(&h, "credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=S\n");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    home_check_refused(&h, ERR_AUTH, "AWS_SECRET_ACCESS_KEY is not");
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "E", "secret", "token", "environment");
    home_tear_down(&h);
}

static void an_expiration_of_the_environment_counts(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "soon", 1);
    home_check_refused(&h, ERR_PARSE, "AWS_CREDENTIAL_EXPIRATION");
    setenv("AWS_CREDENTIAL_EXPIRATION", "2026-11-21T02:00:00Z", 1);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "E", "secret", "-", "environment");
    clock_set_fake_wall(NOW_MS + 60 * MINUTE_MS);
    assert_null(credentials_get(h.p));
    char problem[256];
    credentials_problem(h.p, problem);
    assert_non_null(strstr(problem, "expired"));
    assert_int_equal(home_refresh(&h, NOW_MS + 60 * MINUTE_MS), ERR_AUTH);
    assert_non_null(strstr(h.ei.text, "expired"));
    home_tear_down(&h);
}

static void profiles_are_read_from_both_files(void **state)
{
    (void)state;
    struct home h;
    char region[64], from[160];
    home_set_up(&h);
    home_put_file(
        &h, "credentials",
        "# comment\r\n[default]\r\naws_access_key_id = D\r\naws_secret_access_key = d=/+ \r\n"
        "[work]\nAWS_ACCESS_KEY_ID=W\naws_secret_access_key=w\naws_session_token=t\n"
        "; [work]\n[half]\naws_access_key_id=H\n");
    home_put_file(&h, "config",
                  "[default]\nregion = eu-west-1\n[profile work]\nregion=us-west-2\n s3 =\n"
                  "  region = no\n[profile \"in config\"]\naws_access_key_id=C\n"
                  "aws_secret_access_key=c\n[services work]\nregion = no\n[work]\nregion = no\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "D", "d=/+", "-", "profile default");
    assert_true(credentials_profile_region(region, sizeof(region), from, sizeof(from)));
    assert_string_equal(region, "eu-west-1");
    setenv("AWS_PROFILE", "work", 1);
    assert_int_equal(home_refresh(&h, NOW_MS + 2 * MINUTE_MS), ERR_OK);
    home_check(&h, "W", "w", "t", "profile work");
    assert_true(credentials_profile_region(region, sizeof(region), from, sizeof(from)));
    assert_string_equal(region, "us-west-2");
    assert_string_equal(from, "profile work");
    setenv("AWS_PROFILE", "in config", 1);
    assert_int_equal(home_refresh(&h, NOW_MS + 4 * MINUTE_MS), ERR_OK);
    home_check(&h, "C", "c", "-", "profile in config");
    assert_false(credentials_profile_region(region, sizeof(region), from, sizeof(from)));
    home_tear_down(&h);
}

static void a_rotated_file_is_read_again_and_a_lost_one_does_no_harm(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    home_put_file(&h, "credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=a\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_put_file(&h, "credentials", "[default]\naws_access_key_id=B\naws_secret_access_key=b\n");
    assert_int_equal(home_refresh(&h, NOW_MS + 5000), ERR_OK);
    home_check(&h, "A", "a", "-", "profile default");
    assert_int_equal(home_refresh(&h, NOW_MS + MINUTE_MS), ERR_OK);
    home_check(&h, "B", "b", "-", "profile default");
    home_put_file(&h, "credentials", "");
    assert_int_equal(home_refresh(&h, NOW_MS + 3 * MINUTE_MS), ERR_OK);
    home_check(&h, "B", "b", "-", "profile default");
    home_tear_down(&h);
}

static void what_cannot_be_read_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        enum err code;
        const char *says;
    } cases[] = {
        {"[profile x]\nsso_session=s\n", ERR_UNSUPPORTED,
         "`credential_process = aws configure export-credentials --profile x --format process`"},
        {"[profile x]\nlogin_session=s\n", ERR_UNSUPPORTED, "login_session"},
        {"[profile y]\naws_access_key_id=A\n", ERR_AUTH, "AWS_PROFILE names x"},
        {"[profile x]\naws_access_key_id=A\n", ERR_AUTH, "key ID without secret"},
        {"[profile x]\nregion=us-east-1\n", ERR_NOT_FOUND, "no AWS credentials"},
        {"[profile x]\ncredential_process=\"unbalanced\n", ERR_PARSE, "unbalanced"},
        {"[profile x]\ncredential_process=/nonexistent/program\n", ERR_IO, "/nonexistent/program"},
        {"[profile x]\ncredential_process=sh -c 'exit 7'\n", ERR_AUTH, "failed (7)"},
        {"[profile x]\ncredential_process=echo no json\n", ERR_PARSE, "AccessKeyId"},
        {"[profile x]\ncredential_process=head -c 100000 /dev/zero\n", ERR_TOO_BIG, "too_big"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct home h;
        home_set_up(&h);
        setenv("AWS_PROFILE", "x", 1);
        home_put_file(&h, "config", cases[i].config);
        home_check_refused(&h, cases[i].code, cases[i].says);
        home_tear_down(&h);
    }
}

static void a_credential_process_is_run_without_a_shell(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    home_put_file(&h, "config",
                  "[default]\ncredential_process = printf '{\"Version\":1,\"AccessKeyId\":\"%s\","
                  "\"SecretAccessKey\":\"%s\",\"SessionToken\":\"t\",\"Expiration\":"
                  "\"2026-11-21T02:36:40Z\"}' \"a $HOME\" b\\ c\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "a $HOME", "b c", "t", "credential_process of profile default");
    struct credentials *c = credentials_get(h.p);
    assert_int_equal(c->expires_ms, NOW_MS + 60 * MINUTE_MS);
    credentials_unref(c);
    home_tear_down(&h);
}

static void *abort_refresh(void *arg)
{
    struct home *h = arg;
    char path[128];
    assert_true(snprintf(path, sizeof(path), "%s/.aws/process", h->dir) > 0);
    int64_t until = clock_mono_us() + DEADLINE_US;
    while (access(path, F_OK) != 0 && clock_mono_us() < until) {
        usleep(1000);
    }
    credentials_abort(h->p);
    return NULL;
}

static void ends_when_aborted(const char *script)
{
    struct home h;
    pthread_t thread;
    char text[256];
    home_set_up(&h);
    assert_true(snprintf(text, sizeof(text), "[default]\ncredential_process=sh -c '%s %s%s'\n",
                         script, h.dir, "/.aws/process; sleep 600") > 0);
    home_put_file(&h, "config", text);
    assert_int_equal(pthread_create(&thread, NULL, abort_refresh, &h), 0);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_CLOSED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    home_tear_down(&h);
}

static void a_process_that_hangs_is_ended(void **state)
{
    (void)state;
    ends_when_aborted("touch");
    ends_when_aborted("exec >&-; touch"); /* its output has ended, and it has not */
}

static void *look_for_them(void *arg)
{
    struct home *h = arg;
    struct err_info ei = {0};
    assert_int_equal(credentials_refresh(h->p, NOW_MS, &ei), ERR_OK);
    return NULL;
}

static void the_first_look_can_be_waited_for(void **state)
{
    (void)state;
    struct home h;
    pthread_t thread;
    home_set_up(&h);
    credentials_await(h.p, 1); /* nobody looks: it ends all the same */
    assert_null(credentials_get(h.p));
    home_put_file(&h, "credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=S\n");
    assert_int_equal(pthread_create(&thread, NULL, look_for_them, &h), 0);
    credentials_await(h.p, 60000);
    home_check(&h, "F", "S", "-", "profile default");
    credentials_await(h.p, 60000); /* from then on there is nothing to wait for */
    assert_int_equal(pthread_join(thread, NULL), 0);
    home_tear_down(&h);
}

/* An instance's metadata. */
struct imds {
    int token_status, role_status, keys_status;
    const char *role, *keys;
    bool asked_right; /* the token was sent along */
    int asked;
};

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct imds *m = arg;
    m->asked++;
    if (str_is(q->head.target, "/latest/api/token")) {
        bool put = str_is(q->head.method, "PUT") &&
                   http_find(&q->head, "x-aws-ec2-metadata-token-ttl-seconds") != NULL;
        r->status = put ? m->token_status : 405;
        buf_add(&r->body, "the-token");
        return;
    }
    m->asked_right = str_is(http_value(&q->head, "x-aws-ec2-metadata-token"), "the-token");
    if (str_is(q->head.target, "/latest/meta-data/iam/security-credentials/")) {
        r->status = m->role_status;
        buf_add(&r->body, m->role);
        return;
    }
    r->status = str_is(q->head.target, "/latest/meta-data/iam/security-credentials/my-role")
                    ? m->keys_status
                    : 404;
    buf_add(&r->body, m->keys);
}

#define KEYS(id, expiration)                                                                       \
    "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"" id                            \
    "\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"" expiration "\"}"

static void set_up_instance(struct home *h, struct fake_aws *f, struct imds *m)
{
    home_set_up(h);
    *m = (struct imds){.token_status = 200,
                       .role_status = 200,
                       .keys_status = 200,
                       .role = "my-role\n",
                       .keys = KEYS("A", "2026-11-21T07:36:40Z")};
    fake_aws_start(f, answer, m);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f->url, 1);
}

static void an_instance_role_is_renewed_ahead(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct imds m;
    set_up_instance(&h, &f, &m);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "A", "s", "t", "instance role my-role");
    assert_int_equal(fake_aws_count(&f), 3);
    assert_true(m.asked_right);
    m.keys = KEYS("B", "2026-11-21T13:36:40Z");
    assert_int_equal(home_refresh(&h, NOW_MS + 344 * MINUTE_MS), ERR_OK); /* of 360 */
    home_check(&h, "A", "s", "t", "instance role my-role");
    assert_int_equal(home_refresh(&h, NOW_MS + 346 * MINUTE_MS), ERR_OK);
    home_check(&h, "B", "s", "t", "instance role my-role");
    fake_aws_stop(&f);
    home_tear_down(&h);
}

static void an_instance_whose_renewal_lags_goes_on(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct imds m;
    set_up_instance(&h, &f, &m);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    m.keys_status = 500;
    assert_int_equal(home_refresh(&h, NOW_MS + 350 * MINUTE_MS), ERR_OK);
    home_check(&h, "A", "s", "t", "instance role my-role");
    assert_int_equal(home_refresh(&h, NOW_MS + 361 * MINUTE_MS), ERR_OK);
    home_check(&h, "A", "s", "t", "instance role my-role");
    clock_set_fake_wall(NOW_MS + 376 * MINUTE_MS);
    home_check(&h, "A", "s", "t", "instance role my-role");
    fake_aws_stop(&f);
    home_tear_down(&h);
}

static void expired_keys_of_an_instance_are_used_a_while(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct imds m;
    set_up_instance(&h, &f, &m);
    m.keys = KEYS("O", "2026-11-21T01:00:00Z");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "O", "s", "t", "instance role my-role");
    int asked = fake_aws_count(&f);
    assert_int_equal(home_refresh(&h, NOW_MS + 16 * MINUTE_MS), ERR_OK);
    assert_int_equal(fake_aws_count(&f), asked);
    assert_int_equal(home_refresh(&h, NOW_MS + 26 * MINUTE_MS), ERR_OK);
    assert_true(fake_aws_count(&f) > asked);
    fake_aws_stop(&f);
    home_tear_down(&h);
}

static void an_odd_instance_is_reported(void **state)
{
    (void)state;
    static const struct {
        struct imds m;
        enum err code;
        const char *says;
    } cases[] = {
        {{404, 200, 200, "my-role", "{}", false, 0}, ERR_NOT_FOUND, "no AWS credentials"},
        {{FAKE_CLOSE, 200, 200, "my-role", "{}", false, 0}, ERR_NOT_FOUND, "no AWS credentials"},
        {{200, 404, 200, "", "{}", false, 0}, ERR_NOT_FOUND, "no AWS credentials"},
        {{200, 500, 200, "", "{}", false, 0}, ERR_IO, "500 for the role"},
        {{200, 200, 200, "a/../b", "{}", false, 0}, ERR_PARSE, "no role name"},
        {{200, 200, 500, "my-role", "{}", false, 0}, ERR_IO, "500 for instance role my-role"},
        {{200, 200, 200, "my-role", "{", false, 0}, ERR_PARSE, "AccessKeyId"},
        {{200, 200, 200, "my-role", "{\"Code\":\"Failed\"}", false, 0}, ERR_AUTH, "Failed"},
        {{200, 200, 200, "my-role", KEYS("A", "x"), false, 0}, ERR_PARSE, "Expiration"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct home h;
        struct fake_aws f;
        struct imds m;
        set_up_instance(&h, &f, &m);
        m = cases[i].m;
        home_check_refused(&h, cases[i].code, cases[i].says);
        fake_aws_stop(&f);
        home_tear_down(&h);
    }
}

static void a_silent_instance_gives_up(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct imds m;
    set_up_instance(&h, &f, &m);
    m.token_status = FAKE_HANG;
    home_check_refused(&h, ERR_NOT_FOUND, "hop limit must be 2");
    fake_aws_stop(&f);
    home_tear_down(&h);
}

static void nothing_is_known_before_the_first_look(void **state)
{
    (void)state;
    struct home h;
    char problem[256];
    home_set_up(&h);
    assert_null(credentials_get(h.p));
    credentials_problem(h.p, problem);
    assert_non_null(strstr(problem, "not looked up"));
    home_check_refused(&h, ERR_NOT_FOUND, "AWS_ACCESS_KEY_ID");
    home_tear_down(&h);
}

static void an_unreadable_file_is_named(void **state)
{
    (void)state;
    struct home h;
    home_set_up(&h);
    setenv("AWS_CONFIG_FILE", h.dir, 1); /* a directory */
    home_check_refused(&h, ERR_IO, h.dir);
    home_tear_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_ones_stay),
        cmocka_unit_test(the_environment_comes_first),
        cmocka_unit_test(an_expiration_of_the_environment_counts),
        cmocka_unit_test(profiles_are_read_from_both_files),
        cmocka_unit_test(a_rotated_file_is_read_again_and_a_lost_one_does_no_harm),
        cmocka_unit_test(what_cannot_be_read_says_what_to_do),
        cmocka_unit_test(a_credential_process_is_run_without_a_shell),
        cmocka_unit_test(a_process_that_hangs_is_ended),
        cmocka_unit_test(the_first_look_can_be_waited_for),
        cmocka_unit_test(an_instance_role_is_renewed_ahead),
        cmocka_unit_test(an_instance_whose_renewal_lags_goes_on),
        cmocka_unit_test(expired_keys_of_an_instance_are_used_a_while),
        cmocka_unit_test(an_odd_instance_is_reported),
        cmocka_unit_test(a_silent_instance_gives_up),
        cmocka_unit_test(nothing_is_known_before_the_first_look),
        cmocka_unit_test(an_unreadable_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
