/* cloud_costs.c: what Cost Explorer says was and will be billed. Each question costs a cent a page,
 * so each has its own age: one that failed is asked again without the others. */
#include "core/cloud/cloud_private.h"

#include "core/aws/anomalies.h"
#include "core/aws/cost_explorer.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cloud/price_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS     (24 * 3600 * 1000LL)
#define PAGE_USD   (MONEY_DOLLAR / 100)
#define BACK_DAYS  8 /* of daily costs, for the comparison with the ledger */
#define MONTHS     6
#define DATE_TEXT  48 /* room for any number that a date could be made of */
#define ROWS_MAX   1000
#define FRESH_PART 2 /* a part that is younger than half the period is not asked again */

/* Asking: the run, its days, and the answer being filled. */
struct asking {
    struct cloud_run *run;
    struct aws_session session;
    char today[11], tomorrow[11], month[11], back[11];
    json_t *services; /* whose names hold Bedrock */
    json_t *facts;
};

static const char *cost_tag(const struct config *config)
{
    for (size_t i = 0; i < config->cost_tags.count; i++) {
        const struct config_pair *pair = &config->cost_tags.at[i];
        if (strcmp(pair->key, "costCenter") == 0 && pair->value[0] != '\0') {
            return pair->value;
        }
    }
    return NULL;
}

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value != NULL ? value : json_null());
}

/* --- sums by name --- */

struct sums {
    struct asking *asking;
    json_t *rows; /* name -> [today, month] in nano-dollars */
    bool failed;
};

static void add_sum(struct sums *s, const char *name, struct str day, money_t usd)
{
    json_t *row = json_object_get(s->rows, name);
    if (row == NULL) {
        row = json_pack("[I,I]", (json_int_t)0, (json_int_t)0);
        if (json_object_size(s->rows) >= ROWS_MAX || json_object_set_new(s->rows, name, row) != 0) {
            s->failed = true;
            return;
        }
    }
    json_t *today = json_array_get(row, 0), *month = json_array_get(row, 1);
    if (str_is(day, s->asking->today)) {
        (void)json_integer_set(today, money_add(json_integer_value(today), usd));
    }
    (void)json_integer_set(month, money_add(json_integer_value(month), usd));
}

/* Made for money: {"value","today_usd","month_usd"} of each. Takes rows. */
static json_t *sums_json(json_t *rows, const char *key)
{
    json_t *out = json_array(), *row;
    const char *name;
    json_object_foreach(rows, name, row)
    {
        (void)json_array_append_new(
            out, json_pack("{s:s,s:o,s:o}", key, name, "today_usd",
                           cloud_usd(json_integer_value(json_array_get(row, 0))), "month_usd",
                           cloud_usd(json_integer_value(json_array_get(row, 1)))));
    }
    json_decref(rows);
    return out;
}

static void text_of(char out[256], struct str s)
{
    (void)str_copy(out, 256, s);
}

/* The first day of the month that is `later` months after that of a date. */
static bool first_of_month(char out[DATE_TEXT], const char *date, int later)
{
    int64_t year, month;
    if (!str_to_i64(str_sub(str_of(date), 0, 4), &year) ||
        !str_to_i64(str_sub(str_of(date), 5, 2), &month)) {
        return false;
    }
    int64_t months = year * 12 + month - 1 + later;
    (void)snprintf(out, DATE_TEXT, "%04lld-%02lld-01", (long long)(months / 12),
                   (long long)(months % 12 + 1));
    return true;
}

/* --- the parts --- */

static enum err ask_services(struct asking *a, int64_t *pages, struct err_info *ei)
{
    json_t *names = NULL;
    char start[DATE_TEXT];
    /* As far back as any part asks: a model that is no longer called was billed too. */
    enum err e = first_of_month(start, a->month, 1 - MONTHS)
                     ? cost_explorer_services(&a->session, start, a->tomorrow, &names, pages, ei)
                     : ERR_RANGE;
    if (e == ERR_OK) {
        set(a->facts, "services", names);
    }
    return e;
}

struct centers {
    struct asking *asking;
    struct cloud_answers answers;
    json_t *daily; /* "day\ncenter" -> nano-dollars */
    bool failed;
};

static void take_center(void *arg, struct str day, const struct str keys[2], money_t usd)
{
    struct centers *g = arg;
    char name[300];
    if (!cost_explorer_is_bedrock(keys[1])) {
        return;
    }
    bool this_month = str_starts(day, g->asking->month) || strncmp(day.p, g->asking->month, 7) == 0;
    money_t today = str_is(day, g->asking->today) ? usd : 0;
    if (this_month && !answers_add_cost(&g->answers, keys[0], today, usd)) {
        g->failed = true;
    }
    (void)snprintf(name, sizeof(name), "%.*s\n%.*s", (int)day.n, day.p,
                   (int)(keys[0].n < 200 ? keys[0].n : 200), keys[0].p);
    money_t before = json_integer_value(json_object_get(g->daily, name));
    if (json_object_size(g->daily) < 4 * ROWS_MAX) {
        (void)json_object_set_new(g->daily, name, json_integer(money_add(before, usd)));
    }
}

static json_t *daily_json(json_t *sums)
{
    json_t *out = json_array(), *usd;
    const char *name;
    json_object_foreach(sums, name, usd)
    {
        (void)json_array_append_new(out, json_pack("{s:s%,s:s,s:o}", "day", name, (size_t)10,
                                                   "cost_center", name + 11, "usd",
                                                   cloud_usd(json_integer_value(usd))));
    }
    return out;
}

static void keep_centers(struct centers *g)
{
    struct cloud *c = g->asking->run->c;
    struct buf json = {0};
    struct err_info ei = {0};
    answers_print_costs(&json, &g->answers, g->asking->run->now_ms);
    enum err e =
        json.failed ? ERR_NOMEM : ledger_put_value(c->ledger, CLOUD_COSTS_KEY, buf_str(&json), &ei);
    if (e != ERR_OK) {
        log_warn("cloud", "the answer of cost_explorer is not kept over a restart: %s", ei.text);
    }
    buf_free(&json);
    pthread_mutex_lock(&c->lock);
    free(c->answers.costs);
    c->answers.costs = g->answers.costs;
    c->answers.cost_count = g->answers.cost_count;
    memcpy(c->answers.day, g->answers.day, sizeof(g->answers.day));
    g->answers.costs = NULL;
    pthread_mutex_unlock(&c->lock);
}

static enum err ask_centers(struct asking *a, int64_t *pages, struct err_info *ei)
{
    struct centers g = {.asking = a, .daily = json_object()};
    const char *tag = cost_tag(a->run->config);
    if (tag == NULL) {
        json_decref(g.daily);
        return ERR_OK;
    }
    str_copy(g.answers.day, sizeof(g.answers.day), str_of(a->today));
    struct cost_question q = {.start = strcmp(a->back, a->month) < 0 ? a->back : a->month,
                              .end = a->tomorrow,
                              .by = {{"TAG", tag}, {"DIMENSION", "SERVICE"}},
                              .by_count = 2};
    enum err e = cost_explorer_usage(&a->session, &q, take_center, &g, pages, ei);
    if (e == ERR_OK && g.failed) {
        e = err_set(ei, ERR_TOO_BIG, "Cost Explorer answered more cost centers than are kept");
    }
    if (e == ERR_OK) {
        keep_centers(&g);
        set(a->facts, "daily", daily_json(g.daily));
    }
    answers_free(&g.answers);
    json_decref(g.daily);
    return e;
}

static void take_tag(void *arg, struct str day, const struct str keys[2], money_t usd)
{
    char name[256];
    if (cost_explorer_is_bedrock(keys[1])) {
        text_of(name, keys[0]);
        add_sum(arg, name, day, usd);
    }
}

/* Every other tag that the file maps, iamPrincipal/ tags among them. */
static enum err ask_tags(struct asking *a, int64_t *pages, struct err_info *ei)
{
    const struct config *config = a->run->config;
    json_t *all = json_object();
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < config->cost_tags.count; i++) {
        const struct config_pair *tag = &config->cost_tags.at[i];
        int64_t some = 0;
        struct sums s = {.asking = a, .rows = json_object()};
        struct cost_question q = {.start = a->month,
                                  .end = a->tomorrow,
                                  .by = {{"TAG", tag->value}, {"DIMENSION", "SERVICE"}},
                                  .by_count = 2};
        if (strcmp(tag->key, "costCenter") != 0) {
            e = cost_explorer_usage(&a->session, &q, take_tag, &s, &some, ei);
            *pages += some;
            set(all, tag->key, sums_json(json_incref(s.rows), "value"));
        }
        json_decref(s.rows);
    }
    if (e == ERR_OK) {
        set(a->facts, "by_tag", json_incref(all));
    }
    json_decref(all);
    return e;
}

static void take_model(void *arg, struct str day, const struct str keys[2], money_t usd)
{
    char name[PRICE_BILLED_MAX];
    price_names_billed(name, keys[0], keys[1]);
    add_sum(arg, name, day, usd);
}

static enum err ask_models(struct asking *a, int64_t *pages, struct err_info *ei)
{
    struct sums s = {.asking = a, .rows = json_object()};
    struct cost_question q = {.start = a->month,
                              .end = a->tomorrow,
                              .by = {{"DIMENSION", "SERVICE"}, {"DIMENSION", "USAGE_TYPE"}},
                              .by_count = 2,
                              .services = a->services};
    enum err e = ERR_OK;
    if (json_array_size(a->services) > 0) {
        e = cost_explorer_usage(&a->session, &q, take_model, &s, pages, ei);
    }
    if (e == ERR_OK) {
        set(a->facts, "by_model", sums_json(json_incref(s.rows), "model"));
    }
    json_decref(s.rows);
    return e;
}

static void take_month(void *arg, struct str day, const struct str keys[2], money_t usd)
{
    char month[256];
    (void)keys;
    text_of(month, str_sub(day, 0, 7));
    add_sum(arg, month, day, usd);
}

static enum err ask_months(struct asking *a, int64_t *pages, struct err_info *ei)
{
    struct sums s = {.asking = a, .rows = json_object()};
    char start[DATE_TEXT];
    if (json_array_size(a->services) == 0 || !first_of_month(start, a->month, 1 - MONTHS)) {
        json_decref(s.rows);
        return ERR_OK;
    }
    struct cost_question q = {.start = start,
                              .end = a->tomorrow,
                              .monthly = true,
                              .by = {{"DIMENSION", "SERVICE"}},
                              .by_count = 1,
                              .services = a->services};
    enum err e = cost_explorer_usage(&a->session, &q, take_month, &s, pages, ei);
    json_t *out = json_array(), *row;
    const char *name;
    json_object_foreach(s.rows, name, row)
    {
        (void)json_array_append_new(
            out, json_pack("{s:s,s:o}", "month", name, "usd",
                           cloud_usd(json_integer_value(json_array_get(row, 1)))));
    }
    if (e == ERR_OK) {
        set(a->facts, "monthly", json_incref(out));
    }
    json_decref(out);
    json_decref(s.rows);
    return e;
}

static enum err ask_forecast(struct asking *a, int64_t *pages, struct err_info *ei)
{
    char end[DATE_TEXT];
    money_t mean = 0;
    if (json_array_size(a->services) == 0 || !first_of_month(end, a->month, 1)) {
        return ERR_OK;
    }
    enum err e = cost_explorer_forecast(&a->session, a->today, end, a->services, &mean, pages, ei);
    if (e == ERR_OK) {
        set(a->facts, "forecast",
            json_pack("{s:s,s:s,s:o}", "from", a->today, "until", end, "usd", cloud_usd(mean)));
    } else if (e == ERR_NOT_FOUND) { /* the history is too short */
        set(a->facts, "forecast", json_null());
        e = ERR_OK;
    }
    return e;
}

static bool take_anomaly(void *arg, const struct anomaly *n)
{
    json_t *causes = json_array();
    for (size_t i = 0; i < n->cause_count; i++) {
        const struct anomaly_cause *c = &n->causes[i];
        (void)json_array_append_new(
            causes, json_pack("{s:s,s:s,s:s,s:s,s:o}", "service", c->service, "region", c->region,
                              "account", c->account, "usage_type", c->usage_type, "impact_usd",
                              c->impact >= 0 ? cloud_usd(c->impact) : json_null()));
    }
    return json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:s,s:f,s:o,s:o}", "id", n->id,
                                                "start", n->start, "end", n->end, "dimension",
                                                n->dimension, "score", n->score, "impact_usd",
                                                n->impact >= 0 ? cloud_usd(n->impact) : json_null(),
                                                "root_causes", causes)) == 0;
}

static enum err ask_anomalies(struct asking *a, int64_t *pages, struct err_info *ei)
{
    json_t *list = json_array();
    enum err e = anomalies_list(&a->session, a->back, a->today, take_anomaly, list, pages, ei);
    if (e == ERR_OK) {
        set(a->facts, "anomalies", json_incref(list));
    }
    json_decref(list);
    return e;
}

static const struct part {
    const char *name;
    enum err (*ask)(struct asking *a, int64_t *pages, struct err_info *ei);
} parts[] = {
    {"services", ask_services},   {"cost_centers", ask_centers}, {"tags", ask_tags},
    {"models", ask_models},       {"months", ask_months},        {"forecast", ask_forecast},
    {"anomalies", ask_anomalies},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool is_fresh(const struct asking *a, const char *part)
{
    const struct cloud_run *r = a->run;
    int64_t at_ms = json_integer_value(json_object_get(json_object_get(a->facts, "asked"), part));
    int64_t age_ms = r->now_ms - at_ms;
    return !r->hurried && at_ms > 0 && age_ms >= 0 &&
           age_ms < r->config->poll.cost_explorer_ms / FRESH_PART;
}

static void begin(struct asking *a, struct cloud_run *r)
{
    json_t *before = cloud_told(r->c, SOURCE_COST_EXPLORER);
    json_t *asked = json_object_get(before, "asked");
    *a = (struct asking){.run = r, .session = cloud_session(r, SERVICE_CE)};
    a->facts = before != NULL ? json_copy(before) : json_object();
    set(a->facts, "asked", json_is_object(asked) ? json_copy(asked) : json_object());
    json_decref(before);
    cloud_day(a->today, r->now_ms);
    cloud_day(a->tomorrow, r->now_ms + DAY_MS);
    cloud_day(a->back, r->now_ms - BACK_DAYS * DAY_MS);
    memcpy(a->month, a->today, sizeof(a->month));
    memcpy(a->month + 8, "01", 2);
}

enum err cloud_poll_costs(struct cloud_run *r, struct err_info *ei)
{
    struct asking a;
    enum err first = ERR_OK;
    bool all = true;
    begin(&a, r);
    for (size_t i = 0; i < PARTS && !cloud_is_stopping(r->c); i++) {
        int64_t pages = 0;
        a.services = json_object_get(a.facts, "services");
        if (is_fresh(&a, parts[i].name)) {
            all = false;
            continue;
        }
        enum err e = parts[i].ask(&a, &pages, ei);
        r->cost += pages * PAGE_USD;
        if (e == ERR_OK) {
            set(json_object_get(a.facts, "asked"), parts[i].name,
                json_integer((json_int_t)r->now_ms));
        }
        first = first == ERR_OK ? e : first;
    }
    if (all && first == ERR_OK) {
        r->c->run_cost[SOURCE_COST_EXPLORER] = r->cost;
    }
    /* Without success it keeps its age: what failed is asked again after a restart too. */
    cloud_tell(r->c, SOURCE_COST_EXPLORER, a.facts,
               first == ERR_OK ? r->now_ms : r->c->sources[SOURCE_COST_EXPLORER].at_ms);
    return first;
}
