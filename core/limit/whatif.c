/* whatif.c: see whatif.h: loading past calls, and counting what an amount would have denied. */
#include "core/limit/whatif_private.h"
#include "core/limit/window.h"

#include <stdlib.h>
#include <string.h>

/* Beyond, a call counts as this much: a million of them stay within the integers. */
#define AMOUNT_MAX       (INT64_MAX / 8 / WHATIF_CALLS_MAX)
#define APPLICATIONS_MAX 1000 /* counted apart; the others are "other" */
#define OTHER            STR("other")

static char *group_given(const struct whatif *w, const char *group, struct err_info *ei)
{
    char text[GROUP_KEY] = "";
    if (group != NULL && group[0] != '\0' &&
        rule_group_text(w->catalog, w->rule, group, text, ei) != ERR_OK) {
        return NULL;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        err_set(ei, ERR_NOMEM, "limit %s: out of memory", w->rule->file->name);
    }
    return copy;
}

struct whatif *whatif_new(const struct config_limit *limit, const char *group,
                          const char *zone_name, struct catalog *catalog, int64_t since_ms,
                          struct err_info *ei)
{
    struct whatif *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        err_set(ei, ERR_NOMEM, "limit %s: out of memory", limit->name);
        return NULL;
    }
    w->catalog = catalog;
    w->since_ms = since_ms;
    w->rule = rule_new(limit, ei);
    w->zone = w->rule == NULL ? NULL : zone_new(zone_name, ei);
    w->group = w->zone == NULL ? NULL : group_given(w, group, ei);
    if (w->group == NULL) {
        whatif_free(w);
        return NULL;
    }
    return w;
}

void whatif_free(struct whatif *w)
{
    if (w == NULL) {
        return;
    }
    map_free(&w->models, NULL);
    map_free(&w->groups, NULL);
    map_free(&w->applications, NULL);
    free(w->calls);
    free(w->steps);
    free(w->admitted);
    free(w->standings);
    free(w->application_at);
    free(w->group);
    zone_free(w->zone);
    free(w->rule);
    free(w);
}

int64_t whatif_from(const struct whatif *w)
{
    enum config_window kind = w->rule->file->window;
    int64_t start_ms, end_ms;
    if (w->rule->rolling) {
        return w->since_ms - window_length_ms(kind) * ROLL_KEPT / ROLL_SLOTS;
    }
    window_at(w->zone, kind, w->since_ms, &start_ms, &end_ms);
    return kind == WINDOW_NONE ? w->since_ms : start_ms;
}

/* Numbers in a map: stored one higher, since a map holds no NULL. */
static bool number_get(const struct map *m, struct str key, uint32_t *n)
{
    uintptr_t v = (uintptr_t)map_get(m, key);
    *n = (uint32_t)v - 1;
    return v != 0;
}

static bool number_set(struct map *m, struct str key, uint32_t n)
{
    return map_set(m, key, (void *)((uintptr_t)n + 1), NULL);
}

/* 1: of a model that the limit means, 0: not, -1: no memory. Looked up once a model. */
static int model_means(struct whatif *w, const struct model *model)
{
    struct str name = model == NULL ? STR("none") : str_of(model->name);
    uint32_t means;
    if (number_get(&w->models, name, &means)) {
        return (int)means;
    }
    if (w->models.count >= MODELS_CACHED) {
        map_free(&w->models, NULL);
        w->models = (struct map){0};
    }
    means = rule_applies_model(w->catalog, w->rule, model);
    return number_set(&w->models, name, means) ? (int)means : -1;
}

static bool number_group(struct whatif *w, struct str text, uint32_t *n)
{
    char other[GROUP_KEY];
    if (number_get(&w->groups, text, n)) {
        return true;
    }
    if (w->groups.count >= GROUPS_MAX) {
        text = rule_other_text(w->rule, other);
        if (number_get(&w->groups, text, n)) {
            return true;
        }
    }
    *n = (uint32_t)w->groups.count;
    return number_set(&w->groups, text, *n);
}

static bool number_application(struct whatif *w, const struct tags *tags, uint32_t *n)
{
    struct str name = tags == NULL ? (struct str){NULL, 0} : tags_get(tags, "applicationId");
    name = name.n == 0 ? STR("none") : str_sub(name, 0, TAG_VALUE_MAX);
    if (number_get(&w->applications, name, n)) {
        return true;
    }
    if (w->application_count >= APPLICATIONS_MAX) {
        name = OTHER;
        if (number_get(&w->applications, name, n)) {
            return true;
        }
    }
    if (w->application_count == w->application_cap) {
        size_t cap = w->application_cap == 0 ? 16 : w->application_cap * 2;
        struct application *at = realloc(w->application_at, cap * sizeof(*at));
        if (at == NULL) {
            return false;
        }
        w->application_at = at;
        w->application_cap = cap;
    }
    *n = (uint32_t)w->application_count;
    if (!number_set(&w->applications, name, *n)) {
        return false;
    }
    struct application *a = &w->application_at[w->application_count++];
    *a = (struct application){.denied = 0};
    (void)str_copy(a->name, sizeof(a->name), name);
    return true;
}

static int64_t bounded(int64_t v, int64_t least)
{
    return v < least ? least : v > AMOUNT_MAX ? AMOUNT_MAX : v;
}

static struct past past_of(const struct whatif_call *call, enum config_metric metric)
{
    bool denied = call->outcome == OUTCOME_DENIED;
    bool open = !denied && call->duration_ms < 0;
    const struct amounts *took = denied || open ? &call->reserved : &call->used;
    int64_t reserved = bounded(call->reserved.v[metric], metric == METRIC_USD ? -1 : 0);
    int64_t used = took->v[metric];
    if (metric == METRIC_USD && used < 0) {
        used = reserved; /* an unknown price is never zero */
    }
    /* No call ends at the moment at which it asks. */
    int64_t lasted = call->duration_ms > 0 ? call->duration_ms : 1;
    return (struct past){
        .admitted_ms = call->admitted_ms,
        .end_ms = open ? INT64_MAX : money_add(call->admitted_ms, lasted),
        .reserved = reserved,
        .used = metric == METRIC_CONCURRENCY ? 0 : bounded(used, 0),
        .tokens = bounded(took->v[METRIC_TOKENS], 0),
        .usd = bounded(took->v[METRIC_USD], -1),
        .denied = denied,
        .lasts = denied,
    };
}

static bool make_room(struct whatif *w)
{
    if (w->count < w->cap) {
        return true;
    }
    size_t cap = w->cap == 0 ? 1024 : w->cap * 2;
    struct past *calls = realloc(w->calls, cap * sizeof(*calls));
    if (calls == NULL) {
        return false;
    }
    w->calls = calls;
    w->cap = cap;
    return true;
}

enum err whatif_find(struct whatif *w, const struct model *model, const struct tags *tags,
                     struct str principal, struct whatif_names *out)
{
    struct subject s = {model, tags, principal};
    char text[GROUP_KEY];
    *out = (struct whatif_names){.meant = false};
    int means = model_means(w, model);
    if (means <= 0 || !rule_applies(w->rule, &s)) {
        return means < 0 ? ERR_NOMEM : ERR_OK;
    }
    struct str group = rule_text(w->rule, &s, text);
    if (w->group[0] != '\0' && !str_is(group, w->group)) {
        return ERR_OK;
    }
    out->meant =
        number_group(w, group, &out->group) && number_application(w, tags, &out->application);
    return out->meant ? ERR_OK : ERR_NOMEM;
}

enum err whatif_load_found(struct whatif *w, const struct whatif_names *names,
                           const struct whatif_call *call)
{
    if (!names->meant || call->outcome == OUTCOME_REJECTED) {
        return ERR_OK;
    }
    if (w->count >= WHATIF_CALLS_MAX) {
        return ERR_FULL;
    }
    if (!make_room(w)) {
        return ERR_NOMEM;
    }
    struct past c = past_of(call, w->rule->file->metric);
    c.group = names->group;
    c.application = names->application;
    if (!c.denied && call->duration_ms >= 0) {
        w->ended++;
        w->ended_ms = money_add(w->ended_ms, call->duration_ms);
    }
    w->unordered =
        w->unordered || (w->count > 0 && c.admitted_ms < w->calls[w->count - 1].admitted_ms);
    w->calls[w->count++] = c;
    w->ready = false;
    return ERR_OK;
}

enum err whatif_load(struct whatif *w, const struct whatif_call *call)
{
    struct whatif_names names;
    if (call->outcome == OUTCOME_REJECTED) {
        return ERR_OK;
    }
    enum err e = whatif_find(w, call->model, call->tags, call->principal, &names);
    return e == ERR_OK ? whatif_load_found(w, &names, call) : e;
}

static void count_denied(struct whatif *w, const struct past *c, struct whatif_result *out)
{
    struct application *a = &w->application_at[c->application];
    int64_t usd = c->usd < 0 ? 0 : c->usd;
    out->denied++;
    out->anew += !c->denied;
    out->unpriced += c->usd < 0;
    out->tokens += c->tokens;
    out->usd += usd;
    out->first_ms = out->denied == 1 ? c->admitted_ms : out->first_ms;
    out->last_ms = c->admitted_ms;
    a->denied++;
    a->tokens += c->tokens;
    a->usd += usd;
}

/* Lets a group's calendar window be that of the time; it begins with what those before it owe, as
 * in counter.c. */
static void turn(const struct whatif *w, struct standing *s, int64_t ms, int64_t amount)
{
    struct running was = s->window;
    if (w->rule->rolling || w->rule->file->window == WINDOW_NONE || ms < was.end_ms) {
        return;
    }
    whatif_window(w, &s->window, ms);
    int64_t over = s->used + s->reserved - amount, length_ms = was.end_ms - was.start_ms;
    int64_t owed = over < s->excess ? over : s->excess, gap_ms = s->window.start_ms - was.end_ms;
    int64_t windows = length_ms > 0 ? (gap_ms + length_ms / 2) / length_ms : 0;
    bool paid = owed <= 0 || (windows > 0 && amount >= owed / windows + 1);
    s->used = s->excess = paid ? 0 : owed - windows * amount;
    s->reserved = 0;
}

static void ask(struct whatif *w, uint32_t call, int64_t amount, struct whatif_result *out)
{
    const struct past *c = &w->calls[call];
    struct standing *s = &w->standings[c->group];
    turn(w, s, c->admitted_ms, amount);
    bool fits = c->reserved >= 0 && c->reserved <= amount - s->used - s->reserved;
    w->admitted[call] = fits;
    s->reserved += fits ? c->reserved : 0;
    if (c->admitted_ms < w->since_ms) {
        return;
    }
    out->calls++;
    if (!fits) {
        count_denied(w, c, out);
    } else {
        out->spared += c->denied;
    }
}

static void go_on(const struct whatif *w, const struct past *c, enum step kind, int64_t amount)
{
    struct standing *s = &w->standings[c->group];
    int64_t excess = c->used > c->reserved ? c->used - c->reserved : 0;
    switch (kind) {
    case STEP_SETTLE:
        s->reserved -= c->reserved;
        s->used += c->used;
        s->excess += excess;
        break;
    case STEP_SETTLE_LATE:
        turn(w, s, c->end_ms, amount);
        s->reserved -= w->rule->rolling ? c->reserved : 0;
        s->used += excess;
        s->excess += excess;
        break;
    case STEP_LEAVE:
        s->used -= c->used;
        break;
    case STEP_LEAVE_EXCESS:
        s->used -= excess;
        break;
    case STEP_ASK:
    default:
        break;
    }
}

static int by_denials(const void *a, const void *b)
{
    const struct application *const *pa = a, *const *pb = b;
    int order = (*pa)->denied > (*pb)->denied ? -1 : (*pa)->denied < (*pb)->denied;
    return order != 0 ? order : strcmp((*pa)->name, (*pb)->name);
}

/* The most denied by name, the others as one. */
static void list_applications(const struct whatif *w, struct whatif_result *out)
{
    const struct application *order[APPLICATIONS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < w->application_count; i++) {
        if (w->application_at[i].denied > 0) {
            order[count++] = &w->application_at[i];
        }
    }
    qsort(order, count, sizeof(order[0]), by_denials);
    for (size_t i = 0; i < count; i++) {
        size_t at = i < WHATIF_APPLICATIONS ? i : WHATIF_APPLICATIONS;
        struct whatif_application *a = &out->applications[at];
        a->name = i < WHATIF_APPLICATIONS ? order[i]->name : "other";
        a->denied += order[i]->denied;
        a->tokens += order[i]->tokens;
        a->usd += order[i]->usd;
        out->application_count = at + 1;
    }
}

enum err whatif_try(struct whatif *w, int64_t amount, struct whatif_result *out)
{
    *out = (struct whatif_result){.calls = 0};
    if (!w->ready && whatif_order(w) != ERR_OK) {
        return ERR_NOMEM;
    }
    memset(w->standings, 0, (w->groups.count + 2) * sizeof(w->standings[0]));
    for (size_t i = 0; i < w->application_count; i++) {
        struct application *a = &w->application_at[i];
        a->denied = a->tokens = a->usd = 0;
    }
    for (size_t i = 0; i < w->step_count; i++) {
        uint32_t call = w->steps[i] >> STEP_BITS;
        enum step kind = (enum step)(w->steps[i] & ((1U << STEP_BITS) - 1));
        if (kind == STEP_ASK) {
            ask(w, call, amount, out);
        } else if (w->admitted[call]) {
            go_on(w, &w->calls[call], kind, amount);
        }
    }
    list_applications(w, out);
    return ERR_OK;
}
