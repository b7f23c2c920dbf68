/* test_credentials_chain.c: credentials of roles, web identities and containers. */
#include "core/aws/credentials_private.h"
#include "core/aws/credentials_profile.h"
#include "tests/unit/aws/credentials_rig.h"

#define ASKED_MAX 16

/* What the fake services were asked, and how they answer. */
struct sts {
    char body[ASKED_MAX][2048], authorization[ASKED_MAX][512], token[ASKED_MAX][64],
        target[ASKED_MAX][64];
    int asked;
    int status[ASKED_MAX];       /* 0: 200 */
    const char *text[ASKED_MAX]; /* NULL: credentials */
    int64_t life_ms;
    bool xml;
};

static void add_keys(struct sts *s, struct fake_reply *r, int i)
{
    char expiration[CLOCK_TEXT];
    int64_t expires_ms = clock_wall_ms() + s->life_ms;
    clock_rfc3339(expiration, expires_ms);
    if (s->xml) {
        buf_printf(&r->body,
                   "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA%d"
                   "</AccessKeyId><SecretAccessKey>s%d</SecretAccessKey><SessionToken>t%d"
                   "</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult>"
                   "</AssumeRoleResponse>",
                   i, i, i, expiration);
        return;
    }
    buf_printf(&r->body,
               "{\"AnyResponse\":{\"AnyResult\":{\"Credentials\":{\"AccessKeyId\":\"ASIA%d\","
               "\"SecretAccessKey\":\"s%d\",\"SessionToken\":\"t%d\",\"Expiration\":%lld}},"
               "\"ResponseMetadata\":{}}}",
               i, i, i, (long long)(expires_ms / 1000));
}

static void keep(char *out, size_t size, const struct fake_request *q, const char *header)
{
    str_copy(out, size, http_value(&q->head, header));
}

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct sts *s = arg;
    int i = s->asked++;
    assert_true(i < ASKED_MAX);
    str_copy(s->body[i], sizeof(s->body[i]), q->body);
    keep(s->authorization[i], sizeof(s->authorization[i]), q, "authorization");
    keep(s->token[i], sizeof(s->token[i]), q, "x-amz-security-token");
    str_copy(s->target[i], sizeof(s->target[i]), q->head.target);
    r->status = s->status[i] != 0 ? s->status[i] : 200;
    if (s->text[i] != NULL) {
        buf_add(&r->body, s->text[i]);
    } else {
        add_keys(s, r, i);
    }
}

static void set_up_sts(struct home *h, struct fake_aws *f, struct sts *s)
{
    home_set_up(h);
    *s = (struct sts){.life_ms = 60 * MINUTE_MS};
    fake_aws_start(f, answer, s);
    assert_true(credentials_provider_sts(h->p, f->url, "eu-west-1"));
    setenv("AWS_PROFILE", "x", 1);
}

static void tear_down_sts(struct home *h, struct fake_aws *f)
{
    fake_aws_stop(f);
    home_tear_down(h);
}

static void says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' does not hold '%s'", text, part);
    }
}

static void a_profile_takes_on_a_role(void **state)
{
    (void)state;
    for (int xml = 0; xml < 2; xml++) {
        struct home h;
        struct fake_aws f;
        struct sts s;
        set_up_sts(&h, &f, &s);
        s.xml = xml;
        home_put_file(&h, "credentials",
                      "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=b\n");
        home_put_file(&h, "config",
                      "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/path/worker\n"
                      "source_profile = base\nexternal_id = a/b c\nrole_session_name = me@host\n"
                      "duration_seconds = 1800\n");
        assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
        home_check(&h, "ASIA0", "s0", "t0", "profile x, role worker");
        says(s.body[0], "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                        "123456789012%3Arole%2Fpath%2Fworker&RoleSessionName=me%40host&"
                        "DurationSeconds=1800&ExternalId=a%2Fb%20c");
        says(s.authorization[0], "Credential=AKIABASE/");
        says(s.authorization[0], "/eu-west-1/sts/aws4_request");
        tear_down_sts(&h, &f);
    }
}

static void roles_stand_one_above_another(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    set_up_sts(&h, &f, &s);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/not-this", 1);
    home_put_file(&h, "config",
                  "[profile x]\nrole_arn=arn:aws:iam::1:role/top\nsource_profile=middle\n"
                  "[profile middle]\nrole_arn=arn:aws:iam::1:role/middle\nsource_profile=itself\n"
                  "[profile itself]\nrole_arn=arn:aws:iam::1:role/own\nsource_profile=itself\n"
                  "aws_access_key_id=AKIAOWN\naws_secret_access_key=o\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "ASIA1", "s1", "t1", "profile x, role top");
    assert_int_equal(s.asked, 2);
    says(s.body[0], "role%2Fmiddle&RoleSessionName=tollgate");
    says(s.authorization[0], "Credential=AKIAOWN/");
    says(s.body[1], "role%2Ftop");
    says(s.authorization[1], "Credential=ASIA0/");
    assert_string_equal(s.token[1], "t0");
    tear_down_sts(&h, &f);
}

static void a_role_is_taken_on_by_what_the_place_gives(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    set_up_sts(&h, &f, &s);
    char url[128];
    assert_true(snprintf(url, sizeof(url), "%s/given", f.url) > 0);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    s.text[0] = "{\"AccessKeyId\":\"ASIATASK\",\"SecretAccessKey\":\"k\",\"Token\":\"task\","
                "\"Expiration\":\"2026-11-21T07:36:40Z\"}";
    home_put_file(&h, "config",
                  "[profile x]\nrole_arn=arn:aws:iam::1:role/r\ncredential_source=EcsContainer\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "ASIA1", "s1", "t1", "profile x, role r");
    assert_string_equal(s.target[0], "/given");
    says(s.authorization[1], "Credential=ASIATASK/");
    assert_string_equal(s.token[1], "task");
    tear_down_sts(&h, &f);
}

#define ROLE "[profile x]\nrole_arn=arn:aws:iam::1:role/r\n"

static void what_is_wrong_with_a_role_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        enum err code;
        const char *says;
    } cases[] = {
        {ROLE "source_profile=x\nmfa_serial=arn:aws:iam::1:mfa/me\n", ERR_UNSUPPORTED,
         "asks for MFA (mfa_serial)"},
        {ROLE, ERR_PARSE, "neither source_profile nor credential_source"},
        {ROLE "source_profile=y\ncredential_source=Environment\n", ERR_PARSE,
         "both source_profile and credential_source"},
        {ROLE "source_profile=y\n", ERR_AUTH, "source_profile y of profile x is in neither file"},
        {ROLE "source_profile=y\n[profile y]\nregion=z\n", ERR_AUTH, "y of profile x has no cred"},
        {ROLE "source_profile=x\n", ERR_AUTH, "leads back to profile x"},
        {ROLE "source_profile=y\n[profile y]\nrole_arn=a\nsource_profile=x\n", ERR_AUTH,
         "source_profile of profile y leads back to profile x"},
        {ROLE "source_profile=y\n[profile y]\nsso_session=s\n", ERR_UNSUPPORTED,
         "profile y has sso_session"},
        {ROLE "credential_source=Nowhere\n", ERR_PARSE, "must be Environment, Ec2Instance"},
        {ROLE "credential_source=Environment\n", ERR_AUTH,
         "credential_source Environment of profile x has no credentials"},
        {ROLE "source_profile=x\nduration_seconds=60\n", ERR_RANGE, "from 900 to 43200"},
        {ROLE "web_identity_token_file=/nonexistent/token\n", ERR_AUTH,
         "/nonexistent/token does not exist"},
        {"[profile x]\nweb_identity_token_file=/nonexistent/token\n", ERR_AUTH,
         "set AWS_ROLE_ARN, or role_arn in profile x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct home h;
        struct fake_aws f;
        struct sts s;
        set_up_sts(&h, &f, &s);
        home_put_file(&h, "config", cases[i].config);
        home_check_refused(&h, cases[i].code, cases[i].says);
        assert_int_equal(s.asked, 0);
        tear_down_sts(&h, &f);
    }
}

static void a_refusal_of_sts_names_the_action(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    set_up_sts(&h, &f, &s);
    s.status[0] = 403;
    s.text[0] = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User x is not authorized"
                "</Message></Error></ErrorResponse>";
    home_put_file(&h, "config",
                  ROLE "source_profile=x\naws_access_key_id=A\n"
                       "aws_secret_access_key=a\n");
    home_check_refused(&h, ERR_FORBIDDEN, "allow sts:AssumeRole for the credentials of profile x");
    s.status[1] = 200;
    s.text[1] = "{}";
    home_check_refused(&h, ERR_PARSE, "sts:AssumeRole answered without credentials");
    tear_down_sts(&h, &f);
}

static void a_web_identity_comes_before_keys_of_files(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    char path[128];
    set_up_sts(&h, &f, &s);
    assert_true(snprintf(path, sizeof(path), "%s/.aws/token", h.dir) > 0);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/irsa", 1);
    setenv("AWS_ROLE_SESSION_NAME", "pod", 1);
    home_put_file(&h, "credentials", "[x]\naws_access_key_id=A\naws_secret_access_key=a\n");
    home_put_file(&h, "token", "first.token\n");
    s.life_ms = 15 * MINUTE_MS;
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "ASIA0", "s0", "t0", "web identity, role irsa");
    says(s.body[0], "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"
                    "%3A%3A1%3Arole%2Firsa&RoleSessionName=pod&WebIdentityToken=first.token");
    assert_string_equal(s.authorization[0], "");
    home_put_file(&h, "token", "second.token");
    assert_int_equal(home_refresh(&h, NOW_MS + 9 * MINUTE_MS), ERR_OK);
    assert_int_equal(s.asked, 1); /* two thirds of its life are not over */
    assert_int_equal(home_refresh(&h, NOW_MS + 10 * MINUTE_MS), ERR_OK);
    assert_int_equal(s.asked, 2);
    says(s.body[1], "&WebIdentityToken=second.token");
    tear_down_sts(&h, &f);
}

static void sts_is_asked_again_when_it_could_not_ask_itself(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    char config[512];
    set_up_sts(&h, &f, &s);
    s.status[0] = 400;
    s.text[0] = "<ErrorResponse><Error><Code>IDPCommunicationError</Code></Error></ErrorResponse>";
    home_put_file(&h, "token", "a.token");
    assert_true(snprintf(config, sizeof(config), ROLE "web_identity_token_file=%s/.aws/token\n",
                         h.dir) > 0);
    home_put_file(&h, "config", config);
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "ASIA1", "s1", "t1", "web identity, role r");
    tear_down_sts(&h, &f);
}

static void a_container_is_asked_with_its_token(void **state)
{
    (void)state;
    static const char given[] = "{\"AccessKeyId\":\"C\",\"SecretAccessKey\":\"c\",\"Token\":\"t\","
                                "\"Expiration\":\"2026-11-21T01:51:40Z\"}";
    struct home h;
    struct fake_aws f;
    struct sts s;
    char url[128], path[128];
    set_up_sts(&h, &f, &s);
    unsetenv("AWS_PROFILE");
    assert_true(snprintf(url, sizeof(url), "%s/v1/credentials", f.url) > 0);
    assert_true(snprintf(path, sizeof(path), "%s/.aws/token", h.dir) > 0);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    home_put_file(&h, "token", "one\n");
    s.status[0] = 500; /* is asked again */
    s.text[0] = "busy";
    s.text[1] = s.text[2] = given;
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK);
    home_check(&h, "C", "c", "t", "container");
    assert_string_equal(s.authorization[1], "one");
    home_put_file(&h, "token", "two");
    assert_int_equal(home_refresh(&h, NOW_MS + 12 * MINUTE_MS), ERR_OK);
    assert_string_equal(s.authorization[2], "two");
    home_put_file(&h, "token", "th\r\nree");
    clock_set_fake_wall(NOW_MS + 20 * MINUTE_MS);
    assert_int_equal(home_refresh(&h, NOW_MS + 20 * MINUTE_MS), ERR_PARSE);
    says(h.ei.text, "line end");
    assert_int_equal(s.asked, 3);
    tear_down_sts(&h, &f);
}

static void a_container_that_refuses_is_reported(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    set_up_sts(&h, &f, &s);
    unsetenv("AWS_PROFILE");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f.url, 1);
    s.status[0] = 403;
    s.text[0] = "";
    home_check_refused(&h, ERR_IO,
                       "container credentials: the container's credentials endpoint "
                       "answered 403");
    assert_int_equal(s.asked, 1);
    tear_down_sts(&h, &f);
}

static void only_some_hosts_give_credentials_in_the_clear(void **state)
{
    (void)state;
    static const struct {
        const char *relative, *full;
        enum err code;
        const char *url;
    } cases[] = {
        {"/v2/x", NULL, ERR_OK, "http://169.254.170.2/v2/x"},
        {"/v2/x", "http://evil/", ERR_OK, "http://169.254.170.2/v2/x"},
        {"@evil/", NULL, ERR_PARSE, NULL},
        {NULL, NULL, ERR_NOT_FOUND, NULL},
        {NULL, "http://169.254.170.23/v1/credentials", ERR_OK, NULL},
        {NULL, "http://[fd00:ec2::23]/v1/credentials", ERR_OK, NULL},
        {NULL, "http://127.1.2.3:80/x", ERR_OK, NULL},
        {NULL, "http://[::1]:80/x", ERR_OK, NULL},
        {NULL, "http://localhost/x", ERR_OK, NULL},
        {NULL, "https://example.com/x", ERR_OK, NULL},
        {NULL, "http://example.com/x", ERR_FORBIDDEN, NULL},
        {NULL, "http://169.254.169.254/x", ERR_FORBIDDEN, NULL},
        {NULL, "http://127.0.0.1.example.com/x", ERR_FORBIDDEN, NULL},
        {NULL, "http://127.0.0.1@example.com/x", ERR_PARSE, NULL},
        {NULL, "ftp://127.0.0.1/x", ERR_FORBIDDEN, NULL},
        {NULL, "http:// /", ERR_PARSE, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char url[256] = "";
        struct err_info ei = {0};
        enum err e =
            credentials_container_url(url, sizeof(url), cases[i].relative, cases[i].full, &ei);
        if (e != cases[i].code) {
            fail_msg("case %zu: %s (%s)", i, err_name(e), ei.text);
        }
        if (e == ERR_OK) {
            assert_string_equal(url, cases[i].url != NULL ? cases[i].url : cases[i].full);
        }
    }
}

static void short_lived_ones_are_renewed_in_time(void **state)
{
    (void)state;
    struct home h;
    struct fake_aws f;
    struct sts s;
    set_up_sts(&h, &f, &s);
    home_put_file(&h, "config",
                  ROLE "source_profile=x\naws_access_key_id=A\n"
                       "aws_secret_access_key=a\n");
    assert_int_equal(home_refresh(&h, NOW_MS), ERR_OK); /* until 60 minutes later */
    assert_int_equal(home_refresh(&h, NOW_MS + 43 * MINUTE_MS), ERR_OK);
    assert_int_equal(s.asked, 1);
    for (int i = 1; i < 5; i++) {
        s.status[i] = 503;
        s.text[i] = "";
    }
    /* advisory: once a minute; the known ones stay */
    assert_int_equal(home_refresh(&h, NOW_MS + 46 * MINUTE_MS), ERR_OK);
    assert_int_equal(home_refresh(&h, NOW_MS + 46 * MINUTE_MS + 50000), ERR_OK);
    assert_int_equal(s.asked, 2);
    assert_int_equal(home_refresh(&h, NOW_MS + 47 * MINUTE_MS), ERR_OK);
    assert_int_equal(s.asked, 3);
    /* mandatory: every ten seconds */
    assert_int_equal(home_refresh(&h, NOW_MS + 55 * MINUTE_MS), ERR_OK);
    assert_int_equal(home_refresh(&h, NOW_MS + 55 * MINUTE_MS + 10000), ERR_OK);
    assert_int_equal(s.asked, 5);
    home_check(&h, "ASIA0", "s0", "t0", "profile x, role r");
    assert_int_equal(home_refresh(&h, NOW_MS + 56 * MINUTE_MS), ERR_OK);
    home_check(&h, "ASIA5", "s5", "t5", "profile x, role r");
    tear_down_sts(&h, &f);
}

static void a_profile_names_endpoints(void **state)
{
    (void)state;
    struct home h;
    char url[128], from[160];
    home_set_up(&h);
    setenv("AWS_PROFILE", "x", 1);
    home_put_file(&h, "config",
                  "[profile x]\nservices = mine\nendpoint_url = http://all:1\n"
                  "[services mine]\nsts =\n  endpoint_url = http://sts:2\n"
                  "bedrock_runtime = \n  other = y\n  endpoint_url = http://runtime:3\n"
                  "[services other]\nsts =\n  endpoint_url = http://no:4\n");
    assert_true(credentials_profile_endpoint("sts", url, sizeof(url), from, sizeof(from)));
    assert_string_equal(url, "http://sts:2");
    assert_string_equal(from, "services mine of profile x");
    assert_true(
        credentials_profile_endpoint("bedrock_runtime", url, sizeof(url), from, sizeof(from)));
    assert_string_equal(url, "http://runtime:3");
    assert_true(credentials_profile_endpoint("budgets", url, sizeof(url), from, sizeof(from)));
    assert_string_equal(url, "http://all:1");
    assert_string_equal(from, "profile x");
    home_put_file(&h, "config",
                  "[profile x]\nendpoint_url = http://all:1\n"
                  "ignore_configured_endpoint_urls = true\n");
    assert_false(credentials_profile_endpoint("budgets", url, sizeof(url), from, sizeof(from)));
    home_tear_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_takes_on_a_role),
        cmocka_unit_test(roles_stand_one_above_another),
        cmocka_unit_test(a_role_is_taken_on_by_what_the_place_gives),
        cmocka_unit_test(what_is_wrong_with_a_role_is_said),
        cmocka_unit_test(a_refusal_of_sts_names_the_action),
        cmocka_unit_test(a_web_identity_comes_before_keys_of_files),
        cmocka_unit_test(sts_is_asked_again_when_it_could_not_ask_itself),
        cmocka_unit_test(a_container_is_asked_with_its_token),
        cmocka_unit_test(a_container_that_refuses_is_reported),
        cmocka_unit_test(only_some_hosts_give_credentials_in_the_clear),
        cmocka_unit_test(short_lived_ones_are_renewed_in_time),
        cmocka_unit_test(a_profile_names_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
