/* limit.try on a real core: the ledger's calls against another amount. */
#include "tests/unit/control/spent_rig.h"

static json_t *question(const char *amount, const char *since)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", "daily", "metric", "tokens", "amount", amount,
                     "since", since);
}

#define DAILY                                                                                      \
    "limits:\n"                                                                                    \
    "  - {name: daily, model: haiku, tokens: 100k, window: month}\n"                               \
    "  - {name: each, usd: 250, window: month, per: [applicationId]}\n"

static void fill(struct core_rig *r)
{
    for (int i = 0; i < 3; i++) {
        spent(r, "docs", 60000 - i * 1000, NULL);
    }
    spent(r, "crm", 30000, NULL);
    assert_int_equal(ledger_flush(r->core->ledger, 20000), ERR_OK);
}

static void says_what_would_have_been_denied(void **state)
{
    (void)state;
    struct core_rig r;
    clock_set_fake_wall(1795225000000LL); /* the middle of a month */
    rig_open(&r, DAILY);
    fill(&r);
    json_t *a = done(&r, "limit.try", question("250", "1h"));
    static const char *const expected[][2] = {
        {"version", "1"},
        {"name", "\"daily\""},
        {"metric", "\"tokens\""},
        {"amount", "250"},
        {"calls", "4"},
        {"denied", "2"},
        {"tokens", "200"},
        {"usd", "2"},
        {"by_application", "[{\"name\":\"crm\",\"denied\":1},{\"name\":\"docs\",\"denied\":1}]"},
    };
    char first[64], last[64];
    clock_rfc3339(first, 1795225000000LL - 58000);
    clock_rfc3339(last, 1795225000000LL - 30000);
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        assert_at(a, expected[i][0], expected[i][1]);
    }
    assert_string_equal(json_string_value(json_object_get(a, "first_denial")), first);
    assert_string_equal(json_string_value(json_object_get(a, "last_denial")), last);
    assert_int_equal(json_object_size(a), 13);
    json_decref(a);
    a = done(&r, "limit.try", question("1M", "1h")); /* the same calls, another amount */
    assert_at(a, "calls", "4");
    assert_at(a, "denied", "0");
    assert_at(a, "by_application", "[]");
    assert_at(a, "first_denial", "null");
    json_decref(a);
    a = done(&r, "limit.try", question("250", "40s")); /* the month is full by then all the same */
    assert_at(a, "calls", "1");
    assert_at(a, "denied", "1");
    json_decref(a);
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void works_for_one_group_and_without_a_core(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, DAILY);
    clock_set_fake_wall(1795225000000LL);
    fill(&r);
    json_t *p = json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", "each", "metric", "usd", "amount",
                          "1.50", "group", "application", "docs");
    json_t *a = done(&r, "limit.try", json_incref(p));
    assert_at(a, "amount", "1.5");
    assert_at(a, "calls", "3");
    assert_at(a, "denied", "2");
    json_decref(a);
    json_decref(done(&r, "reload", NULL)); /* calls kept for the next question go with it */
    a = done(&r, "limit.try", json_incref(p));
    assert_at(a, "denied", "2");
    json_decref(a);
    core_close(r.core);
    struct err_info ei = {0};
    assert_int_equal(core_ask(r.config, "limit.try", p, &a, &ei), ERR_OK);
    assert_at(a, "denied", "2");
    json_decref(a);
    rig_start(&r);
    rig_close(&r);
    clock_set_fake_wall(0);
}

/* A limit that nobody has made. */
static json_t *draft(const char *metric, const char *amount, const char *window)
{
    json_t *p = json_pack("{s:s, s:s, s:s, s:s}", "name", "fresh", "metric", metric, "amount",
                          amount, "since", "1h");
    if (window) {
        json_object_set_new(p, "window", json_string(window));
    }
    return p;
}

static void a_limit_that_does_not_exist(void **state)
{
    (void)state;
    struct core_rig r;
    clock_set_fake_wall(1795225000000LL);
    rig_open(&r, DAILY);
    fill(&r);
    json_t *a = done(&r, "limit.try", draft("tokens", "200", "month"));
    assert_at(a, "name", "\"fresh\"");
    assert_at(a, "denied", "2");
    json_decref(a);
    json_t *p = draft("requests", "1", "day");
    json_object_set_new(p, "per", json_pack("[s]", "application"));
    a = done(&r, "limit.try", p);
    assert_at(a, "denied", "2"); /* the second and third of docs */
    assert_at(a, "by_application", "[{\"name\":\"docs\",\"denied\":2}]");
    json_decref(a);
    p = draft("requests", "1", "day");
    json_object_set_new(p, "match", json_pack("{s:s, s:s}", "application", "c*", "model", "haiku"));
    a = done(&r, "limit.try", p);
    assert_at(a, "calls", "1");
    assert_at(a, "denied", "0");
    json_decref(a);
    p = draft("tokens", "200", "10s");
    json_object_set_new(p, "rolling", json_true());
    a = done(&r, "limit.try", p);
    assert_at(a, "denied", "1"); /* 300 tokens within two seconds */
    json_decref(a);
    refused(&r, "limit.try", draft("tokens", "200", "fortnight"), ERR_PARSE, "fortnight");
    refused(&r, "limit.try", draft("tokens", "200", NULL), ERR_NOT_FOUND, "say its window");
    refused(&r, "limit.try", draft("words", "200", "1h"), ERR_PARSE, "words");
    refused(&r, "limit.try", draft("tokens", "+10%", "1h"), ERR_PARSE, "+10%");
    p = draft("tokens", "1", "1h");
    json_object_set_new(p, "match", json_pack("{s:s}", "model", "nobody-knows-it"));
    refused(&r, "limit.try", p, ERR_NOT_FOUND, "nobody-knows-it");
    p = draft("tokens", "1", "1h");
    json_object_set_new(p, "name", json_string("daily"));
    refused(&r, "limit.try", p, ERR_EXISTS, "there is a limit daily");
    rig_close(&r);
    clock_set_fake_wall(0);
}

/* A call that was denied takes what it would have, at its price of then. */
static void what_denied_calls_would_have_cost(void **state)
{
    (void)state;
    struct core_rig r;
    struct call c;
    clock_set_fake_wall(1795225000000LL);
    rig_open(&r, DAILY);
    call_init(&c);
    c.operation = "Converse";
    c.resolved.model = &haiku;
    c.resolved.upstream_id = "us.anthropic.haiku-v1:0";
    c.arrived_wall_ms = clock_wall_ms() - 60000;
    c.reserved_usage = (struct usage){.input = 500000, .output = 150000};
    c.price = (struct price){800000000, 4000000000, 0, 0, 0};
    c.priced = true;
    c.outcome = OUTCOME_DENIED;
    c.limit = "each";
    ledger_refused(r.core->ledger, 0, &c, "applicationId=none", 0);
    c.priced = false; /* of a model without price */
    ledger_refused(r.core->ledger, 0, &c, "applicationId=none", 0);
    call_clear(&c);
    assert_int_equal(ledger_flush(r.core->ledger, 20000), ERR_OK);
    json_t *a = done(&r, "limit.try", draft("usd", "1", "month"));
    assert_at(a, "calls", "2");
    assert_at(a, "denied", "1"); /* the one without price, which no usd limit lets through */
    assert_at(a, "usd", "0");
    json_decref(a);
    a = done(&r, "limit.try", draft("usd", "0.99", "month"));
    assert_at(a, "denied", "2");
    assert_at(a, "usd", "1");
    assert_at(a, "tokens", "1300000");
    json_decref(a);
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void expect_denied(struct core_rig *r, const char *metric, const char *amount,
                          const char *denied)
{
    json_t *a = done(r, "limit.try", draft(metric, amount, "month"));
    assert_at(a, "denied", denied);
    json_decref(a);
}

/* A call needs room for what it reserves, not for what it uses in the end; one that failed before
 * anything was generated gives all of it back. */
static void calls_ask_for_what_they_reserved(void **state)
{
    (void)state;
    struct core_rig r;
    clock_set_fake_wall(1795225000000LL);
    rig_open(&r, DAILY);
    for (int i = 0; i < 4; i++) {
        spent_of(&r, "docs", 60000 - i * 1000, NULL, 10, false);
    }
    for (int i = 0; i < 3; i++) {
        spent_of(&r, "docs", 50000 - i * 1000, NULL, 10, true);
    }
    assert_int_equal(ledger_flush(r.core->ledger, 20000), ERR_OK);
    expect_denied(&r, "tokens", "1400", "0"); /* 400 used and 1,000 asked for at the end */
    expect_denied(&r, "tokens", "1399", "3");
    expect_denied(&r, "tokens", "999", "7");
    expect_denied(&r, "output_tokens", "560", "0");
    expect_denied(&r, "output_tokens", "559", "3");
    expect_denied(&r, "usd", "14", "0"); /* a dollar for what it used, ten for what it held */
    expect_denied(&r, "usd", "12.99", "1");
    expect_denied(&r, "usd", "9.99", "4");
    expect_denied(&r, "requests", "5", "0"); /* each that failed made room for the next */
    expect_denied(&r, "requests", "4", "3");
    rig_close(&r);
    clock_set_fake_wall(0);
}

static void what_is_asked_wrongly(void **state)
{
    (void)state;
    struct core_rig r;
    rig_open(&r, DAILY);
    refused(&r, "limit.try", NULL, ERR_PARSE, "name is missing");
    refused(&r, "limit.try", json_pack("{s:s}", "name", "nobody"), ERR_NOT_FOUND, "daily");
    refused(&r, "limit.try",
            json_pack("{s:s, s:s, s:s}", "name", "daily", "metric", "usd", "amount", "5"),
            ERR_PARSE, "counts tokens");
    refused(&r, "limit.try", json_pack("{s:s, s:s}", "name", "daily", "metric", "tokens"),
            ERR_PARSE, "amount is missing");
    refused(&r, "limit.try", question("many", "1h"), ERR_PARSE, "many");
    refused(&r, "limit.try", question("5k", "yesterday"), ERR_PARSE, "yesterday");
    json_t *p = question("5k", "1h");
    json_object_set_new(p, "until", json_string("2h"));
    refused(&r, "limit.try", p, ERR_PARSE, "later than since");
    json_decref(done(&r, "limit.try", question("5k", "1h")));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_would_have_been_denied),
        cmocka_unit_test(works_for_one_group_and_without_a_core),
        cmocka_unit_test(a_limit_that_does_not_exist),
        cmocka_unit_test(what_denied_calls_would_have_cost),
        cmocka_unit_test(calls_ask_for_what_they_reserved),
        cmocka_unit_test(what_is_asked_wrongly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
