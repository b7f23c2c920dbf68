/* credentials_rig.h: a home of its own and a clean environment for tests of credentials. */
#ifndef TOLLGATE_TESTS_CREDENTIALS_RIG_H
#define TOLLGATE_TESTS_CREDENTIALS_RIG_H

#include "core/aws/credentials.h"
#include "core/base/clock.h"
#include "tests/unit/aws/fake_aws.h"

#include <fcntl.h>
#include <sys/stat.h>

#define NOW_MS    1795225000000LL
#define MINUTE_MS 60000LL

static const char *const home_variables[] = {"AWS_ACCESS_KEY_ID",
                                             "AWS_SECRET_ACCESS_KEY",
                                             "AWS_SESSION_TOKEN",
                                             "AWS_SECURITY_TOKEN",
                                             "AWS_CREDENTIAL_EXPIRATION",
                                             "AWS_PROFILE",
                                             "AWS_DEFAULT_PROFILE",
                                             "AWS_SHARED_CREDENTIALS_FILE",
                                             "AWS_CONFIG_FILE",
                                             "AWS_EC2_METADATA_DISABLED",
                                             "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                             "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                             "AWS_METADATA_SERVICE_TIMEOUT",
                                             "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                                             "AWS_WEB_IDENTITY_TOKEN_FILE",
                                             "AWS_ROLE_ARN",
                                             "AWS_ROLE_SESSION_NAME",
                                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                             "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                             "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                             "AWS_CA_BUNDLE"};

/* A home of its own and a clean environment, without instance metadata. */
struct home {
    char dir[64];
    struct credentials_provider *p;
    struct err_info ei;
};

static inline void home_set_up(struct home *h)
{
    *h = (struct home){.dir = "/tmp/tollgate-credentials-XXXXXX"};
    assert_non_null(mkdtemp(h->dir));
    for (size_t i = 0; i < sizeof(home_variables) / sizeof(home_variables[0]); i++) {
        unsetenv(home_variables[i]);
    }
    setenv("HOME", h->dir, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    clock_set_fake_wall(NOW_MS);
    h->p = credentials_provider_new(NULL, NULL);
    assert_non_null(h->p);
}

static inline void home_put_file(struct home *h, const char *name, const char *text)
{
    char path[128];
    assert_true(snprintf(path, sizeof(path), "%s/.aws", h->dir) > 0);
    (void)mkdir(path, 0700);
    assert_true(snprintf(path, sizeof(path), "%s/.aws/%s", h->dir, name) > 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static inline void home_tear_down(struct home *h)
{
    static const char *const parts[] = {"/.aws/credentials", "/.aws/config", "/.aws/process",
                                        "/.aws/token",       "/.aws",        ""};
    credentials_provider_free(h->p);
    for (size_t i = 0; i < 6; i++) {
        char path[128];
        assert_true(snprintf(path, sizeof(path), "%s%s", h->dir, parts[i]) > 0);
        (void)remove(path);
    }
    assert_int_not_equal(access(h->dir, F_OK), 0);
    clock_set_fake_wall(0);
}

static inline enum err home_refresh(struct home *h, int64_t now_ms)
{
    err_clear(&h->ei);
    clock_set_fake_wall(now_ms);
    return credentials_refresh(h->p, now_ms, &h->ei);
}

/* What is known now is exactly this. */
static inline void home_check(struct home *h, const char *id, const char *secret, const char *token,
                              const char *source)
{
    struct credentials *c = credentials_get(h->p);
    if (c == NULL) {
        fail_msg("no credentials: %s", h->ei.text);
    }
    assert_string_equal(c->access_key_id, id);
    assert_string_equal(c->secret_access_key, secret);
    assert_string_equal(c->session_token != NULL ? c->session_token : "-", token);
    assert_string_equal(c->source, source);
    credentials_unref(c);
    char problem[256];
    credentials_problem(h->p, problem);
    assert_string_equal(problem, "");
}

static inline void home_check_refused(struct home *h, enum err code, const char *says)
{
    assert_int_equal(home_refresh(h, NOW_MS), code);
    if (strstr(h->ei.text, says) == NULL) {
        fail_msg("'%s' does not say '%s'", h->ei.text, says);
    }
    assert_null(credentials_get(h->p));
    char problem[256];
    credentials_problem(h->p, problem);
    assert_string_equal(problem, h->ei.text);
}

#endif
