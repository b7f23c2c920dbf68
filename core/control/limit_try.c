/* limit_try.c: `limit.try`: what another amount of a limit would have denied of the ledger's calls.
 * The calls of the last question are kept for a moment, so that the next amount costs no reading.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/limit_change.h"
#include "core/limit/whatif.h"

#define SINCE_MS 3600000
#define KEPT_US  5000000
#define FLUSH_MS 250 /* for the calls that have just ended */
#define DAY_MS   86400000

struct trial {
    struct whatif *whatif;
    struct config *config;    /* a reference: the limit lies in it */
    struct limit_draft draft; /* or here */
    char *question;           /* all but the amount */
    int64_t since_ms, until_ms, made_us, used_us;
};

/* Under the lock. */
static void forget_trial(struct core *c)
{
    struct trial *t = c->trial;
    if (t) {
        whatif_free(t->whatif);
        limit_draft_clear(&t->draft);
        config_unref(t->config);
        free(t->question);
        free(t);
        c->trial = NULL;
    }
}

void limit_try_forget(struct core *c)
{
    forget_trial(c);
}

void limit_try_suspend(struct core *c)
{
    server_end_trials(c->server, "the configuration was reloaded meanwhile: ask again");
    pthread_mutex_lock(&c->trial_lock);
    forget_trial(c);
}

void limit_try_resume(struct core *c)
{
    pthread_mutex_unlock(&c->trial_lock);
}

void limit_try_tick(struct core *c)
{
    if (pthread_mutex_trylock(&c->trial_lock) != 0) {
        return; /* it is in use */
    }
    if (c->trial && clock_mono_us() - c->trial->used_us > KEPT_US) {
        forget_trial(c);
    }
    pthread_mutex_unlock(&c->trial_lock);
}

/* --- the calls --- */

/* What the names of a series come to, one after another. */
struct known {
    struct known *next;
    const struct model *model;
    struct resolved resolved; /* its model NULL: nothing can be said of its price */
    int64_t price_day;
    struct price price; /* of that day */
    struct whatif_names names;
};

struct loading {
    struct core *core;
    struct whatif *whatif;
    bool counts_usd;
    struct known *all;
    enum err e;
};

static void *on_names(void *arg, struct str model, const struct tags *tags, struct str principal)
{
    struct loading *l = arg;
    struct known *k = calloc(1, sizeof(*k));
    if (!k) {
        l->e = ERR_NOMEM;
        return NULL;
    }
    k->next = l->all;
    l->all = k;
    k->price_day = INT64_MIN;
    if (model.n == 0 || catalog_resolve(l->core->catalog, model, &k->resolved, NULL) != ERR_OK) {
        k->resolved.model = NULL;
    }
    k->model = catalog_find(l->core->catalog, model);
    k->model = k->model ? k->model : k->resolved.model; /* unknown_models: allow */
    l->e = whatif_find(l->whatif, k->model, tags, principal, &k->names);
    return l->e == ERR_OK ? k : NULL;
}

/* What the reservation of a call would have cost. The ledger has what the call itself did: the rest
 * is by the share that both have of the list's price of that day. */
static money_t reserved_usd(const struct loading *l, struct known *k, const struct ledger_spent *s)
{
    int64_t day = s->admitted_ms / DAY_MS;
    if (s->outcome == OUTCOME_DENIED || !s->priced || !k->resolved.model) {
        return s->charged; /* that is what was reserved */
    }
    if (day != k->price_day) {
        k->price_day = day;
        (void)catalog_price(l->core->catalog, &k->resolved, s->admitted_ms, &k->price);
    }
    money_t used = usage_cost(&s->usage, &k->price), held = usage_cost(&s->reserved, &k->price);
    if (held < 0 || used < 0) {
        return s->charged;
    }
    __int128 usd = used > 0 && s->charged > 0 ? (__int128)s->charged * held / used : held;
    return usd > INT64_MAX / 4 ? INT64_MAX / 4 : (money_t)usd;
}

/* Nothing was generated: all was given back, the request too. */
static bool gave_all_back(const struct ledger_spent *s)
{
    const struct usage *u = &s->usage;
    return s->outcome == OUTCOME_FAILED && u->input == 0 && u->output == 0 && u->cache_read == 0 &&
           u->cache_write_5m == 0 && u->cache_write_1h == 0;
}

/* A call asks for what it had reserved, one that was denied for what it would have, at the price of
 * then. */
static bool on_call(void *arg, void *names, const struct ledger_spent *spent)
{
    struct loading *l = arg;
    struct known *k = names;
    bool denied = spent->outcome == OUTCOME_DENIED;
    struct whatif_call call = {.admitted_ms = spent->admitted_ms,
                               .duration_ms = spent->duration_ms > 0 ? spent->duration_ms : 0,
                               .outcome = spent->outcome};
    bool has_price = denied || spent->priced || spent->charged > 0;
    money_t asked = l->counts_usd && has_price ? reserved_usd(l, k, spent) : spent->charged;
    amounts_of(&call.reserved, &spent->reserved, k->model, has_price ? asked : -1);
    if (!gave_all_back(spent)) {
        amounts_of(&call.used, denied ? &spent->reserved : &spent->usage, k->model,
                   has_price ? spent->charged : -1);
    }
    l->e = whatif_load_found(l->whatif, &k->names, &call);
    return l->e == ERR_OK;
}

static void forget(struct known *k)
{
    while (k) {
        struct known *next = k->next;
        free(k);
        k = next;
    }
}

static enum err load(struct core *c, const struct trial *t, bool counts_usd, struct err_info *ei)
{
    struct loading l = {.core = c, .whatif = t->whatif, .counts_usd = counts_usd};
    enum err e = ledger_read_spent(c->ledger, whatif_from(t->whatif), t->until_ms, on_names,
                                   on_call, &l, ei);
    forget(l.all);
    if (e == ERR_OK && l.e == ERR_FULL) {
        return err_set(ei, ERR_FULL, "more than %d calls: try a shorter time", WHATIF_CALLS_MAX);
    }
    return e == ERR_OK && l.e != ERR_OK ? err_set(ei, l.e, "no memory for the calls") : e;
}

/* --- the question --- */

static char *question_of(const json_t *params)
{
    json_t *o = json_object();
    static const char *const names[] = {"name",  "metric", "group",   "since", "until",
                                        "match", "per",    "rolling", "window"};
    for (size_t i = 0; o && i < sizeof(names) / sizeof(*names); i++) {
        json_t *v = json_object_get(params, names[i]);
        (void)json_object_set_new(o, names[i], v ? json_incref(v) : json_null());
    }
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(o);
    return text;
}

static enum err read_times(const json_t *params, struct trial *t, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    t->since_ms = now - SINCE_MS;
    t->until_ms = now + 1; /* what was admitted in this millisecond, too */
    enum err e = param_time(params, "since", now, &t->since_ms, ei);
    e = e == ERR_OK ? param_time(params, "until", now, &t->until_ms, ei) : e;
    if (e == ERR_OK && t->until_ms <= t->since_ms) {
        e = err_set(ei, ERR_PARSE, "until must be later than since");
    }
    return e;
}

/* The limit as the trial keeps it: drafts anew, since the target's ends with the command. */
static enum err keep_limit(struct core *c, const json_t *params, const struct target *target,
                           struct trial *t, const struct config_limit **limit, struct err_info *ei)
{
    *limit = target->file;
    t->config = config_ref(c->config);
    if (!limit_draft_asked(params)) {
        return ERR_OK;
    }
    enum err e = limit_draft_read(c, params, &t->draft, ei);
    *limit = &t->draft.limit;
    return e;
}

/* The calls for this question, those of the last one where it is the same. */
static enum err prepare(struct core *c, const json_t *params, const struct target *target,
                        struct err_info *ei)
{
    char *question = question_of(params);
    if (c->trial && question && strcmp(c->trial->question, question) == 0 &&
        clock_mono_us() - c->trial->made_us < KEPT_US) {
        free(question);
        return ERR_OK;
    }
    forget_trial(c);
    struct trial *t = question ? calloc(1, sizeof(*t)) : NULL;
    if (!t) {
        free(question);
        return err_set(ei, ERR_NOMEM, "no memory for the calls");
    }
    c->trial = t;
    t->question = question;
    const struct config_limit *limit;
    enum err e = keep_limit(c, params, target, t, &limit, ei);
    e = e == ERR_OK ? read_times(params, t, ei) : e;
    if (e == ERR_OK) {
        if (ledger_flush(c->ledger, FLUSH_MS) != ERR_OK) {
            log_info("control", "what-if goes without the last calls: the ledger is behind");
        }
        t->whatif =
            whatif_new(limit, target->group, t->config->timezone, c->catalog, t->since_ms, ei);
        e = t->whatif ? load(c, t, limit->metric == METRIC_USD, ei) : ei->code;
    }
    t->made_us = clock_mono_us();
    if (e != ERR_OK) {
        forget_trial(c);
    }
    return e;
}

static json_t *answer_of(const struct trial *t, const struct target *target, int64_t amount,
                         const struct whatif_result *r)
{
    enum config_metric m = target->file->metric;
    json_t *by = json_array();
    for (size_t i = 0; i < r->application_count; i++) {
        (void)json_array_append_new(by, json_pack("{s:o, s:I}", "name",
                                                  json_str(str_of(r->applications[i].name)),
                                                  "denied", (json_int_t)r->applications[i].denied));
    }
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "version",
                     1, "name", target->file->name, "metric", config_metric_name(m), "amount",
                     amount_json(m, amount), "since", json_time(t->since_ms), "until",
                     json_time(t->until_ms), "calls", (json_int_t)r->calls, "denied",
                     (json_int_t)r->denied, "tokens", (json_int_t)r->tokens, "usd",
                     json_money(r->usd), "by_application", by, "first_denial",
                     json_time(r->first_ms), "last_denial", json_time(r->last_ms));
}

/* The limit that is meant, and the amount. ERR_OK: *t must be cleared. */
static enum err find_existing(struct core *c, const json_t *params, const char *name,
                              struct target *t, int64_t *amount, struct err_info *ei)
{
    const char *metric = param_text(params, "metric"), *text = param_text(params, "amount");
    enum err e = limit_target_find(c, name, params, NULL, t, ei);
    if (e != ERR_OK) {
        if (e == ERR_NOT_FOUND) {
            struct err_info why = *ei;
            err_clear(ei);
            e = err_set(ei, e, "%s; to try a new one, say its window (and match, per)", why.text);
        }
        return e;
    }
    if (!metric || strcmp(metric, config_metric_name(t->file->metric)) != 0) {
        e = err_set(ei, ERR_PARSE, "limit %s counts %s, not %.40s", name,
                    config_metric_name(t->file->metric), metric ? metric : "(nothing)");
    } else if (!text) {
        e = err_set(ei, ERR_PARSE, "the amount is missing");
    } else {
        e = limit_target_amount(t, text, amount, ei);
    }
    if (e != ERR_OK) {
        limit_target_clear(t);
    }
    return e;
}

static enum err try_it(struct core *c, const json_t *params, const struct target *t, int64_t amount,
                       json_t **result, struct err_info *ei)
{
    struct whatif_result r;
    enum err e = prepare(c, params, t, ei);
    if (e == ERR_OK && (e = whatif_try(c->trial->whatif, amount, &r)) != ERR_OK) {
        e = err_set(ei, e, "no memory to try it");
    }
    if (e == ERR_OK) {
        c->trial->used_us = clock_mono_us();
        *result = answer_of(c->trial, t, amount, &r);
        e = *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
    }
    return e;
}

static enum err try_any(struct core *c, const json_t *params, json_t **result, struct err_info *ei)
{
    const char *name = param_text(params, "name");
    struct target t;
    int64_t amount = 0;
    if (!name) {
        return err_set(ei, ERR_PARSE, "which limit? its name is missing");
    }
    if (limit_draft_asked(params)) {
        struct limit_draft draft;
        enum err e = limit_draft_read(c, params, &draft, ei);
        if (e == ERR_OK) {
            t = (struct target){.file = &draft.limit};
            e = try_it(c, params, &t, draft.limit.amount, result, ei);
            limit_draft_clear(&draft);
        }
        return e;
    }
    enum err e = find_existing(c, params, name, &t, &amount, ei);
    if (e == ERR_OK) {
        e = try_it(c, params, &t, amount, result, ei);
        limit_target_clear(&t);
    }
    return e;
}

enum err limit_try(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    (void)a;
    pthread_mutex_lock(&c->trial_lock);
    enum err e = try_any(c, params, result, ei);
    pthread_mutex_unlock(&c->trial_lock);
    return e;
}
