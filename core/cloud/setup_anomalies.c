/* setup_anomalies.c: Cost Anomaly Detection: what was found, and a monitor with its subscription.
 */
#include "core/cloud/setup_private.h"

#include "core/aws/anomalies.h"
#include "core/base/clock.h"

#define DAY_MS 86400000LL

/* --- list --- */

static bool take_anomaly(void *arg, const struct anomaly *a)
{
    json_t *causes = json_array();
    for (size_t i = 0; i < a->cause_count; i++) {
        const struct anomaly_cause *c = &a->causes[i];
        (void)json_array_append_new(
            causes,
            json_pack("{s:o, s:o, s:o, s:o, s:o}", "service", setup_string(c->service), "region",
                      setup_string(c->region), "account", setup_string(c->account), "usage_type",
                      setup_string(c->usage_type), "impact_usd", setup_money(c->impact)));
    }
    return json_array_append_new(
               arg,
               json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:f, s:s, s:o}", "id", a->id, "start",
                         a->start, "end", setup_string(a->end), "what", setup_string(a->dimension),
                         "impact_usd", setup_money(a->impact), "actual_usd", setup_money(a->actual),
                         "expected_usd", setup_money(a->expected), "score", a->score, "monitor_arn",
                         a->monitor_arn, "causes", causes)) == 0;
}

static bool take_monitor(void *arg, const struct anomaly_monitor *m)
{
    return json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:o}", "name", m->name, "arn",
                                                m->arn, "type", m->type, "dimension",
                                                setup_string(m->dimension))) == 0;
}

static bool take_subscription(void *arg, const struct anomaly_subscription *u)
{
    return json_array_append_new(
               arg,
               json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", u->name, "arn", u->arn, "frequency",
                         u->frequency, "monitors",
                         json_is_array(u->monitors) ? json_deep_copy(u->monitors) : json_array(),
                         "subscribers",
                         json_is_array(u->subscribers) ? json_deep_copy(u->subscribers)
                                                       : json_array())) == 0;
}

enum err setup_anomalies_list(struct setup *s, const json_t *params, json_t **result,
                              struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_CE);
    json_t *found = json_array(), *monitors = json_array(), *subscriptions = json_array();
    char start[CLOCK_TEXT], end[CLOCK_TEXT];
    int64_t days;
    enum err e = setup_number(params, "days", 1, 90, 30, &days, ei);
    clock_rfc3339(start, clock_wall_ms() - days * DAY_MS);
    clock_rfc3339(end, clock_wall_ms());
    start[10] = end[10] = '\0';
    e = e != ERR_OK ? e : anomalies_list(&a, start, end, take_anomaly, found, NULL, ei);
    e = e != ERR_OK ? e : anomalies_monitors(&a, take_monitor, monitors, NULL, ei);
    e = e != ERR_OK ? e : anomalies_subscriptions(&a, take_subscription, subscriptions, NULL, ei);
    if (e == ERR_OK) {
        json_t *notes = json_array();
        setup_say(notes,
                  "%zu monitor%s, %zu subscription%s. This asked Cost Explorer at least "
                  "three times: 3 cents.",
                  json_array_size(monitors), json_array_size(monitors) == 1 ? "" : "s",
                  json_array_size(subscriptions), json_array_size(subscriptions) == 1 ? "" : "s");
        e = setup_result(json_pack("{s:O, s:O, s:O, s:o}", "anomalies", found, "monitors", monitors,
                                   "subscriptions", subscriptions, "notes", notes),
                         result, ei);
    }
    json_decref(found);
    json_decref(monitors);
    json_decref(subscriptions);
    return e;
}

/* --- create --- */

struct wish {
    const char *name, *email, *sns, *key, *value;
    money_t least;
};

static enum err read_wish(const struct setup *s, const json_t *params, struct wish *w,
                          struct err_info *ei)
{
    json_t *tags;
    enum err e = setup_need(params, "name", "what the monitor is called", &w->name, ei);
    e = e != ERR_OK ? e : setup_dollars(params, "amount", &w->least, ei);
    e = e != ERR_OK ? e : setup_told(params, true, &w->email, &w->sns, ei);
    e = e != ERR_OK ? e : setup_tags(params, &tags, ei);
    if (e == ERR_OK && w->email != NULL && w->sns != NULL) {
        e = err_set(ei, ERR_USAGE,
                    "give --email (told once a day) or --sns (told at once), not both");
    }
    if (e == ERR_OK && json_object_size(tags) > 1) {
        e = err_set(ei, ERR_USAGE, "a monitor watches one --tag, or without one every service");
    }
    if (e == ERR_OK && json_object_size(tags) == 1) {
        const char *key = json_object_iter_key(json_object_iter(tags));
        w->key = setup_billing_key(s->config, key);
        w->value = aws_json_text(tags, key);
    }
    return e;
}

static enum err plan_it(const struct wish *w, json_t *monitor, json_t *subscription,
                        json_t **result, struct err_info *ei)
{
    json_t *plan = json_array();
    char dollars[MONEY_TEXT];
    money_display(dollars, w->least);
    if (w->key != NULL) {
        setup_say(plan, "Create the anomaly monitor %s over the tag %s=%s", w->name, w->key,
                  w->value);
    } else {
        setup_say(plan, "Create the anomaly monitor %s over each AWS service", w->name);
    }
    setup_say(plan, "and a subscription that tells %s %s of an impact of %s and more.",
              w->sns != NULL ? w->sns : w->email, w->sns != NULL ? "at once" : "once a day",
              dollars);
    return setup_planned(plan,
                         json_pack("{s:o, s:o}", "CreateAnomalyMonitor", monitor,
                                   "CreateAnomalySubscription", subscription),
                         result, ei);
}

enum err setup_anomalies_create(struct setup *s, const json_t *params, json_t **result,
                                struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_CE);
    struct wish w = {.name = NULL};
    char monitor[ANOMALY_ARN], subscription[ANOMALY_ARN];
    enum err e = read_wish(s, params, &w, ei);
    if (e != ERR_OK) {
        return e;
    }
    json_t *body = anomalies_monitor_body(w.name, w.key, &w.value, 1);
    if (setup_flag(params, "dry_run")) {
        return plan_it(
            &w, body,
            anomalies_subscription_body(w.name, "(of the new monitor)", w.email, w.sns, w.least),
            result, ei);
    }
    e = anomalies_create_monitor(&a, body, monitor, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = anomalies_create_subscription(
        &a, anomalies_subscription_body(w.name, monitor, w.email, w.sns, w.least), subscription,
        ei);
    if (e != ERR_OK) {
        struct err_info why = *ei;
        err_clear(ei);
        return err_set(ei, e, "the monitor %.60s was created, its subscription not: %.150s",
                       strrchr(monitor, '/') != NULL ? strrchr(monitor, '/') + 1 : monitor,
                       why.text);
    }
    return setup_result(json_pack("{s:s, s:s, s:[s]}", "monitor_arn", monitor, "subscription_arn",
                                  subscription, "notes",
                                  "Created. AWS needs ten days of history before it finds "
                                  "anything."),
                        result, ei);
}
