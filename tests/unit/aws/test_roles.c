/* test_roles.c: credentials of a role by set of session tags: asked for once, renewed, bounded. */
#include "core/aws/roles.h"
#include "core/base/clock.h"
#include "tests/unit/aws/fake_aws.h"

#include <stdatomic.h>

#define NOW_MS    1795225000000LL
#define MINUTE_MS 60000LL
#define ARN       "arn:aws:iam::123456789012:role/caller"

struct rig {
    struct fake_aws f;
    struct credentials_provider *base;
    struct roles *r;
    struct err_info ei;
    atomic_int status; /* how STS answers */
    int bad;           /* so many requests are answered 503 first */
    const char *text;  /* with another status than 200 */
    int64_t life_ms;
    char body[4096]; /* of the last request */
};

/* Who waits, for a test. */
struct wish {
    struct roles_waiter w;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool told;
};

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct rig *g = arg;
    str_copy(g->body, sizeof(g->body), q->body);
    r->status = q->number < g->bad ? 503 : atomic_load(&g->status);
    if (r->status != 200) {
        buf_add(&r->body, g->text);
        return;
    }
    buf_printf(
        &r->body,
        "{\"AssumeRoleResponse\":{\"AssumeRoleResult\":{\"Credentials\":{\"AccessKeyId\":"
        "\"ASIA%d\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\",\"Expiration\":%lld}}}}",
        q->number, (long long)((clock_wall_ms() + g->life_ms) / 1000));
}

static void set_up(struct rig *g)
{
    *g = (struct rig){.life_ms = 60 * MINUTE_MS, .text = ""};
    atomic_store(&g->status, 200);
    clock_set_fake_wall(NOW_MS);
    fake_aws_start(&g->f, answer, g);
    struct credentials *fixed =
        credentials_new(STR("AKIABASE"), STR("b"), (struct str){0}, 0, "the test");
    g->base = credentials_provider_new(fixed, NULL);
    credentials_unref(fixed);
    struct roles_options o = {
        .base = g->base, .sts_endpoint = g->f.url, .sts_region = "us-east-1", .timeout_ms = 10000};
    g->r = roles_new(&o, &g->ei);
    assert_non_null(g->r);
}

static void tear_down(struct rig *g)
{
    roles_free(g->r);
    credentials_provider_free(g->base);
    fake_aws_stop(&g->f);
    clock_set_fake_wall(0);
}

static void on_told(struct roles_waiter *w)
{
    struct wish *wish = (struct wish *)(void *)w;
    pthread_mutex_lock(&wish->lock);
    wish->told = true;
    pthread_cond_broadcast(&wish->changed);
    pthread_mutex_unlock(&wish->lock);
}

static void wish_init(struct wish *w)
{
    *w = (struct wish){.w.told = on_told};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

static void wish_await(struct wish *w)
{
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += 30;
    int failed = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->told && failed == 0) {
        failed = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    }
    pthread_mutex_unlock(&w->lock);
    assert_int_equal(failed, 0);
}

static enum err want(struct rig *g, const char *application, struct wish *w,
                     struct credentials **out)
{
    const struct sts_tag tag = {"applicationId", application};
    struct roles_set set = {ARN, application, &tag, 1};
    *out = NULL;
    err_clear(&g->ei);
    return roles_get(g->r, &set, &w->w, out, &g->ei);
}

/* Gets them, waiting when that is needed; the key ID, or the error's text. */
static const char *get(struct rig *g, const char *application)
{
    static char text[256];
    struct wish w;
    struct credentials *keys;
    wish_init(&w);
    enum err e = want(g, application, &w, &keys);
    if (e == ERR_BUSY) {
        wish_await(&w);
        e = w.w.result;
        keys = w.w.keys;
        str_copy(g->ei.text, sizeof(g->ei.text), str_of(w.w.problem));
    }
    str_copy(text, sizeof(text), str_of(e == ERR_OK ? keys->access_key_id : g->ei.text));
    credentials_unref(keys);
    return text;
}

static void a_set_is_asked_for_once_and_kept(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    assert_string_equal(get(&g, "one"), "ASIA0");
    assert_non_null(strstr(g.body, "Action=AssumeRole&"));
    assert_non_null(strstr(g.body, "RoleSessionName=one&Tags.member.1.Key=applicationId&"
                                   "Tags.member.1.Value=one"));
    assert_string_equal(get(&g, "one"), "ASIA0");
    assert_string_equal(get(&g, "two"), "ASIA1");
    assert_string_equal(get(&g, "one"), "ASIA0");
    assert_int_equal(fake_aws_count(&g.f), 2);
    tear_down(&g);
}

static void who_waits_for_the_same_set_shares_one_request(void **state)
{
    (void)state;
    struct rig g;
    struct wish w[20];
    struct credentials *keys;
    set_up(&g);
    for (int i = 0; i < 20; i++) {
        wish_init(&w[i]);
        enum err e = want(&g, "one", &w[i], &keys);
        if (e == ERR_OK) { /* the answer was faster than this loop */
            assert_string_equal(keys->access_key_id, "ASIA0");
            credentials_unref(keys);
            continue;
        }
        assert_int_equal(e, ERR_BUSY);
        wish_await(&w[i]);
        assert_int_equal(w[i].w.result, ERR_OK);
        assert_string_equal(w[i].w.keys->access_key_id, "ASIA0");
        credentials_unref(w[i].w.keys);
        assert_false(roles_cancel(g.r, &w[i].w));
    }
    assert_int_equal(fake_aws_count(&g.f), 1);
    tear_down(&g);
}

static void they_are_renewed_ahead_without_a_wait(void **state)
{
    (void)state;
    struct rig g;
    struct wish w;
    struct credentials *keys;
    set_up(&g);
    assert_string_equal(get(&g, "one"), "ASIA0");
    clock_set_fake_wall(NOW_MS + 42 * MINUTE_MS);
    assert_string_equal(get(&g, "one"), "ASIA0");
    assert_int_equal(fake_aws_count(&g.f), 1);
    clock_set_fake_wall(NOW_MS + 46 * MINUTE_MS);
    wish_init(&w);
    assert_int_equal(want(&g, "one", &w, &keys), ERR_OK); /* the old ones, at once */
    credentials_unref(keys);
    fake_aws_await(&g.f, 2);
    clock_set_fake_wall(NOW_MS + 60 * MINUTE_MS); /* the old ones have ended */
    assert_string_equal(get(&g, "one"), "ASIA1");
    assert_int_equal(fake_aws_count(&g.f), 2);
    tear_down(&g);
}

static void a_broken_role_is_not_asked_in_a_storm(void **state)
{
    (void)state;
    struct rig g;
    char application[32];
    set_up(&g);
    g.text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: "
             "sts:TagSession</Message></Error></ErrorResponse>";
    atomic_store(&g.status, 403);
    assert_non_null(strstr(get(&g, "one"), "allow sts:AssumeRole and sts:TagSession for the "
                                           "credentials of the test"));
    for (int i = 0; i < 200; i++) {
        assert_true(snprintf(application, sizeof(application), "app%d", i % 50) > 0);
        assert_non_null(strstr(get(&g, application), "sts:TagSession"));
    }
    assert_int_equal(fake_aws_count(&g.f), 1);
    clock_set_fake_wall(NOW_MS + 2000); /* one request tries again; it fails: longer this time */
    (void)get(&g, "one");
    assert_int_equal(fake_aws_count(&g.f), 2);
    clock_set_fake_wall(NOW_MS + 3500);
    (void)get(&g, "two");
    assert_int_equal(fake_aws_count(&g.f), 2);
    atomic_store(&g.status, 200);
    clock_set_fake_wall(NOW_MS + 10000);
    assert_string_equal(get(&g, "one"), "ASIA2");
    assert_string_equal(get(&g, "two"), "ASIA3");
    tear_down(&g);
}

static void a_set_that_is_wrong_does_not_stop_the_others(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.text = "<ErrorResponse><Error><Code>PackedPolicyTooLarge</Code><Message>98 percent over"
             "</Message></Error></ErrorResponse>";
    atomic_store(&g.status, 400);
    assert_non_null(strstr(get(&g, "one"), "PackedPolicyTooLarge"));
    assert_non_null(strstr(get(&g, "one"), "PackedPolicyTooLarge"));
    assert_int_equal(fake_aws_count(&g.f), 1);
    atomic_store(&g.status, 200);
    assert_string_equal(get(&g, "two"), "ASIA1");
    tear_down(&g);
}

static void the_sets_are_bounded(void **state)
{
    (void)state;
    struct rig g;
    char application[32];
    set_up(&g);
    for (int i = 0; i < ROLES_MAX + 20; i++) {
        assert_true(snprintf(application, sizeof(application), "app%d", i) > 0);
        (void)get(&g, application);
        (void)get(&g, "often");
    }
    struct roles_counts counts = roles_counts(g.r);
    assert_int_equal(counts.sets, ROLES_MAX);
    assert_int_equal(counts.sets_most, ROLES_MAX);
    assert_int_equal(fake_aws_count(&g.f), ROLES_MAX + 21);
    assert_string_equal(get(&g, "often"), "ASIA1"); /* used all the time: kept */
    (void)get(&g, "app0");                          /* forgotten: asked for again */
    assert_int_equal(fake_aws_count(&g.f), ROLES_MAX + 22);
    tear_down(&g);
}

static void refused_ones_are_asked_for_anew(void **state)
{
    (void)state;
    struct rig g;
    struct wish w;
    struct credentials *keys;
    set_up(&g);
    wish_init(&w);
    assert_string_equal(get(&g, "one"), "ASIA0");
    assert_int_equal(want(&g, "one", &w, &keys), ERR_OK);
    roles_forget(g.r, keys);
    roles_forget(g.r, keys); /* by another worker: nothing more */
    credentials_unref(keys);
    assert_string_equal(get(&g, "one"), "ASIA1");
    assert_int_equal(want(&g, "one", &w, &keys), ERR_OK);
    roles_forget(g.r, keys); /* fresh ones refused: a pause */
    credentials_unref(keys);
    assert_non_null(strstr(get(&g, "one"), "fresh credentials"));
    assert_int_equal(fake_aws_count(&g.f), 2);
    clock_set_fake_wall(NOW_MS + 2000);
    assert_string_equal(get(&g, "one"), "ASIA2");
    tear_down(&g);
}

static void what_passes_at_once_is_tried_again_while_somebody_waits(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.bad = 2;
    assert_string_equal(get(&g, "one"), "ASIA2");
    struct roles_counts n = roles_counts(g.r);
    assert_int_equal(n.asked, 3);
    assert_int_equal(n.failed, 2);
    assert_int_equal(n.at_ms, NOW_MS);
    assert_string_equal(n.problem, "");
    g.bad = 100;
    assert_non_null(strstr(get(&g, "two"), "sts:AssumeRole"));
    n = roles_counts(g.r);
    assert_int_equal(n.asked, 6);
    assert_non_null(strstr(n.problem, "sts:AssumeRole"));
    tear_down(&g);
}

static void who_gives_up_is_not_told(void **state)
{
    (void)state;
    struct rig g;
    struct wish w;
    struct credentials *keys;
    set_up(&g);
    atomic_store(&g.status, FAKE_HANG);
    wish_init(&w);
    assert_int_equal(want(&g, "one", &w, &keys), ERR_BUSY);
    assert_true(roles_cancel(g.r, &w.w));
    assert_false(roles_cancel(g.r, &w.w));
    fake_aws_await(&g.f, 1);
    tear_down(&g); /* ends the request that hangs */
    assert_false(w.told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_asked_for_once_and_kept),
        cmocka_unit_test(who_waits_for_the_same_set_shares_one_request),
        cmocka_unit_test(they_are_renewed_ahead_without_a_wait),
        cmocka_unit_test(a_broken_role_is_not_asked_in_a_storm),
        cmocka_unit_test(a_set_that_is_wrong_does_not_stop_the_others),
        cmocka_unit_test(the_sets_are_bounded),
        cmocka_unit_test(refused_ones_are_asked_for_anew),
        cmocka_unit_test(what_passes_at_once_is_tried_again_while_somebody_waits),
        cmocka_unit_test(who_gives_up_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
