/* test_audit.c: what becomes of the ledger's entries as log events, and of the audit in outages. */
#include "core/base/log.h"
#include "core/cloud/audit_batch.h"
#include "tests/unit/cloud/rig.h"

#define EVENTS_MAX 20000

static struct audit_entry call_at(int64_t seq, int64_t time_ms)
{
    return (struct audit_entry){.seq = seq,
                                .time_ms = time_ms,
                                .request_id = STR("id-1"),
                                .dialect = STR("bedrock"),
                                .outcome = OUTCOME_APPROVED,
                                .usage = {.input = 10, .output = 3},
                                .priced = true,
                                .usd = 1500000,
                                .first_token_ms = -1};
}

static void a_call_is_a_line_with_its_request_id(void **state)
{
    (void)state;
    struct buf line = {0};
    struct audit_entry e = call_at(7, NOW_MS);
    e.error = STR("a \"quoted\"\nerror");
    assert_true(audit_event(&line, &e));
    json_t *o = json_loadb(buf_bytes(&line), line.len, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "requestId")), "id-1");
    assert_string_equal(json_string_value(json_object_get(o, "outcome")), "approved");
    assert_string_equal(json_string_value(json_object_get(o, "error")), "a \"quoted\"\nerror");
    assert_int_equal(json_integer_value(json_object_get(o, "seq")), 7);
    assert_true(json_is_null(json_object_get(o, "first_token_ms")));
    assert_non_null(strstr(buf_cstr(&line), "\"usd\":0.0015"));
    assert_null(memchr(buf_bytes(&line), '\n', line.len));
    json_decref(o);
    buf_free(&line);
}

static void events_rise_in_time_and_keep_the_order_of_the_ledger(void **state)
{
    (void)state;
    static const int64_t ago[] = {10, 30, 30, 20, 0};
    static const int expected[] = {2, 3, 4, 1, 5};
    struct audit_batch b;
    audit_begin(&b, NOW_MS);
    for (int i = 0; i < 5; i++) {
        struct audit_entry e = call_at(i + 1, NOW_MS - ago[i] * 1000);
        assert_true(audit_take(&b, &e));
    }
    const struct logs_event *events = audit_events(&b);
    for (size_t i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof(text), "\"seq\":%d,", expected[i]);
        assert_non_null(memmem(events[i].message.p, events[i].message.n, text, strlen(text)));
        assert_true(i == 0 || events[i].at_ms >= events[i - 1].at_ms);
    }
    assert_int_equal(b.last_seq, 5);
    audit_end(&b);
}

static void a_batch_spans_less_than_a_day(void **state)
{
    (void)state;
    struct audit_batch b;
    audit_begin(&b, NOW_MS);
    struct audit_entry e = call_at(1, NOW_MS - 5 * DAY_MS);
    assert_true(audit_take(&b, &e));
    e = call_at(2, NOW_MS - 4 * DAY_MS - 1);
    assert_true(audit_take(&b, &e));
    e = call_at(3, NOW_MS - 4 * DAY_MS);
    assert_false(audit_take(&b, &e));
    e = call_at(4, NOW_MS - 5 * DAY_MS);
    assert_false(audit_take(&b, &e)); /* nothing overtakes */
    assert_true(b.more);
    assert_int_equal(b.last_seq, 2);
    audit_end(&b);
}

static void what_waited_too_long_or_is_from_the_future_is_dated_anew(void **state)
{
    (void)state;
    struct audit_batch b;
    audit_begin(&b, NOW_MS);
    struct audit_entry e = call_at(1, NOW_MS - 30 * DAY_MS);
    assert_true(audit_take(&b, &e));
    assert_int_equal(audit_events(&b)[0].at_ms, NOW_MS - 13 * DAY_MS);
    assert_non_null(memmem(b.events[0].message.p, b.events[0].message.n, "2026-10-2", 9));
    audit_end(&b);
    audit_begin(&b, NOW_MS);
    e = call_at(1, NOW_MS + 5 * HOUR_MS);
    assert_true(audit_take(&b, &e));
    assert_int_equal(audit_events(&b)[0].at_ms, NOW_MS);
    audit_end(&b);
}

static void a_batch_is_full_by_bytes_or_by_events(void **state)
{
    (void)state;
    static char long_text[4000];
    struct audit_batch b;
    audit_begin(&b, NOW_MS);
    struct audit_entry e = call_at(1, NOW_MS);
    memset(long_text, 'x', sizeof(long_text));
    e.error = (struct str){long_text, sizeof(long_text)};
    while (audit_take(&b, &e)) {
        e.seq++;
    }
    assert_true(b.more && !b.failed);
    assert_true(b.cost <= LOGS_PUT_BYTES);
    assert_true(b.cost > LOGS_PUT_BYTES - 6000);
    assert_int_equal(b.last_seq, e.seq - 1);
    audit_end(&b);
}

/* --- against a server --- */

static void all_of(struct rig *g)
{
    store_plain(g->ledger, 0, 10);
    store_plain(g->ledger, 0, 20);
    struct ledger_change c = {.time_ms = NOW_MS,
                              .action = "limit.set",
                              .limit = "a",
                              .old_value = "100",
                              .new_value = "200",
                              .actor = "ann",
                              .reason = "why \"not\""};
    assert_int_equal(ledger_change(g->ledger, &c, NULL), ERR_OK);
}

static void calls_and_changes_arrive_once(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_audit.on = true;
    g.config.publish_audit.log_group = "/tollgate/audit";
    g.config.publish_metrics.on = false;
    all_of(&g);
    start(&g);
    (void)await(&g, "audit", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.log_events), 3);
    hurry_and_await(&g, "audit", CLOUD_OK, NOW_MS + 6 * MINUTE_MS);
    assert_int_equal(value_of(&g, &g.aws.log_events), 3);
    struct cloud_source s = source_of(&g, "audit");
    assert_int_equal(s.sent, 3);
    assert_int_equal(s.repeated, 0);
    assert_int_equal(count_of(&g, &g.aws.log_puts), 1);
    tear_down(&g);
}

static void a_missing_group_and_stream_are_made(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_audit.on = true;
    g.config.publish_audit.log_group = "/tollgate/audit";
    g.aws.log_group_missing = true;
    all_of(&g);
    start(&g);
    (void)await(&g, "audit", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.log_events), 3);
    assert_int_equal(count_of(&g, &g.aws.log_creates), 3); /* stream, group, stream */
    assert_int_equal(source_of(&g, "audit").repeated, 0);
    tear_down(&g);
}

static void a_group_that_may_not_be_made_is_said(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_audit.on = true;
    g.config.publish_audit.log_group = "/tollgate/audit";
    g.aws.log_group_missing = true;
    g.aws.log_create_status = 400;
    all_of(&g);
    start(&g);
    struct cloud_source s = await(&g, "audit", CLOUD_ERROR);
    assert_non_null(strstr(s.error, "allow logs:CreateLogGroup"));
    tear_down(&g);
}

/* An hour without AWS under load, two requests of which AWS took without an answer getting
 * through, then a restart, with two sets of dimensions: every event arrives, and only what was not
 * answered arrives again. */
static void an_hours_outage_loses_nothing(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_audit.on = true;
    g.config.publish_audit.log_group = "/tollgate/audit";
    g.config.publish_metrics.sets[1] = 1U << DIMENSION_MODEL;
    g.config.publish_metrics.set_count = 2;
    store_plain(g.ledger, 0, 1);
    start(&g);
    (void)await(&g, "audit", CLOUD_OK);
    (void)await(&g, "publish", CLOUD_OK);
    set_int(&g, &g.aws.log_status, 503);
    set_int(&g, &g.aws.put_status, 503);
    for (unsigned minute = 1; minute <= 60; minute++) {
        int64_t now_ms = NOW_MS + (5 + minute) * MINUTE_MS;
        for (unsigned i = 0; i < 3; i++) {
            struct call c;
            call_fill(&c, 100 + 10 * minute + i);
            c.admitted_wall_ms = c.arrived_wall_ms = now_ms - 30000;
            call_end(&c, 10, 20);
            store_settled(g.ledger, 0, &c);
            call_clear(&c);
        }
        if (minute == 20) { /* both are kept by AWS, and the answers lost */
            set_int(&g, &g.aws.log_status, FAKE_LOST);
            set_int(&g, &g.aws.put_status, FAKE_LOST);
        }
        if (minute % 10 == 0) {
            hurry_and_await(&g, "audit", CLOUD_ERROR, now_ms);
            hurry_and_await(&g, "publish", CLOUD_ERROR, now_ms);
        }
        if (minute == 20) {
            set_int(&g, &g.aws.log_status, 503);
            set_int(&g, &g.aws.put_status, 503);
        }
    }
    cloud_stop(g.cloud);
    int64_t lost_events = value_of(&g, &g.aws.lost_log_events);
    int64_t lost_requests = value_of(&g, &g.aws.lost_requests);
    assert_true(lost_events >= 60 && lost_requests >= 2 * 60);
    set_int(&g, &g.aws.log_status, 200);
    set_int(&g, &g.aws.put_status, 200);
    clock_set_fake_wall(NOW_MS + 67 * MINUTE_MS);
    start(&g);
    (void)await(&g, "audit", CLOUD_OK);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.log_events), 181 + lost_events);
    assert_int_equal(value_of(&g, &g.aws.distinct_log_events), 181);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 2 * 181 + lost_requests);
    struct cloud_source s = source_of(&g, "audit");
    assert_int_equal(s.sent, 181);
    assert_true(s.repeated >= lost_events);
    assert_int_equal(source_of(&g, "publish").sent, 181);
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_a_line_with_its_request_id),
        cmocka_unit_test(events_rise_in_time_and_keep_the_order_of_the_ledger),
        cmocka_unit_test(a_batch_spans_less_than_a_day),
        cmocka_unit_test(what_waited_too_long_or_is_from_the_future_is_dated_anew),
        cmocka_unit_test(a_batch_is_full_by_bytes_or_by_events),
        cmocka_unit_test(calls_and_changes_arrive_once),
        cmocka_unit_test(a_missing_group_and_stream_are_made),
        cmocka_unit_test(a_group_that_may_not_be_made_is_said),
        cmocka_unit_test(an_hours_outage_loses_nothing),
    };
    log_init(-1, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
