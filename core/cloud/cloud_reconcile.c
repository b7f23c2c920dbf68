/* cloud_reconcile.c: the ledger beside what Bedrock counted, by model and hour, and beside what was
 * billed, by day and cost center. What only AWS knows did not pass tollgate; where the calls are
 * the same and the bill is not, a price is wrong.
 *
 * Both sides lag: a call is in the ledger when it has ended, with CloudWatch minutes later. So a
 * difference counts when two comparisons in a row show it. A failed call may or may not be counted
 * by Bedrock: only what is above all calls of the ledger did bypass it. */
#include "core/cloud/cloud_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_MS    1000
#define HOUR_MS     3600000LL
#define DAY_MS      (24 * HOUR_MS)
#define PERIOD_MS   300000LL /* of what Bedrock counted */
#define SINCE_KEY   "cloud.since"
#define LEAST_SHARE 1            /* percent of a model's calls that must have bypassed */
#define TOKEN_SHARE 5            /* percent of its tokens that the ledger must lack */
#define USD_SHARE   5            /* percent by which a bill may differ */
#define USD_LEAST   MONEY_DOLLAR /* and by how much */
#define SETTLED_MS  (2 * DAY_MS) /* after a day's start its bill is complete */

/* One model's figures over the time compared. */
static const char *const names[] = {"calls", "input_tokens", "output_tokens"};
#define FIGURES 3

struct comparison {
    struct cloud_run *run;
    int64_t since_ms; /* from here on both sides count */
    json_t *models;   /* name -> {"aws":[..],"ours":[..],"failed":[n],"estimated":[n],
                         "cached":[n],"hours":{hour:[aws,ours,0]}} */
    json_t *tokens;   /* hour -> [aws,ours,cached], of all models */
    bool failed;      /* no memory */
};

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value != NULL ? value : json_null());
}

static void add_at(json_t *list, size_t at, int64_t value)
{
    json_t *n = json_array_get(list, at);
    (void)json_integer_set(n, money_add(json_integer_value(n), value));
}

static json_t *model_entry(struct comparison *x, const char *name)
{
    json_t *m = json_object_get(x->models, name);
    if (m == NULL) {
        m = json_pack("{s:[i,i,i],s:[i,i,i],s:[i],s:[i],s:[i],s:{}}", "aws", 0, 0, 0, "ours", 0, 0,
                      0, "failed", 0, "estimated", 0, "cached", 0, "hours");
        x->failed = json_object_set_new(x->models, name, m) != 0 || x->failed;
    }
    return m;
}

/* Adds to an hour's calls or tokens: of AWS (0), ours (1) or cached ones of ours (2). */
static void add_hour(json_t *hours, int64_t hour_ms, size_t side, int64_t n)
{
    char key[24];
    (void)snprintf(key, sizeof(key), "%lld", (long long)hour_ms);
    if (json_object_get(hours, key) == NULL) {
        set(hours, key, json_pack("[i,i,i]", 0, 0, 0));
    }
    add_at(json_object_get(hours, key), side, n);
}

/* --- what Bedrock counted --- */

static void add_bedrock(struct comparison *x, const json_t *row)
{
    const char *model = aws_json_text(row, "model");
    json_t *m = model_entry(x, model[0] != '\0' ? model : aws_json_text(row, "model_id"));
    const json_t *hours = json_object_get(row, "hours");
    const json_t *before = json_object_get(row, "before");
    int64_t first_ms = x->since_ms / HOUR_MS * HOUR_MS;
    if (m != NULL && strcmp(aws_json_text(row, "endpoint"), "bedrock-mantle") == 0) {
        set(m, "mantle", json_true());
    }
    for (size_t i = 0; m != NULL && i < json_array_size(hours); i++) {
        const json_t *hour = json_array_get(hours, i);
        int64_t at_ms = json_integer_value(json_object_get(hour, "hour"));
        for (size_t f = 0; f < FIGURES && at_ms >= first_ms; f++) {
            int64_t n = json_integer_value(json_object_get(hour, names[f]));
            n -= at_ms == first_ms ? json_integer_value(json_object_get(before, names[f])) : 0;
            add_at(json_object_get(m, "aws"), f, n);
            add_hour(f == 0 ? json_object_get(m, "hours") : x->tokens, at_ms, 0, n);
        }
    }
}

/* --- what the ledger holds --- */

static bool add_ledger(void *arg, const struct ledger_row *row)
{
    struct comparison *x = arg;
    char name[256];
    const struct totals *t = &row->totals;
    if (row->key[0].n == 0 || !str_copy(name, sizeof(name), row->key[0]) || t->approved == 0) {
        return true;
    }
    json_t *m = model_entry(x, name);
    if (m == NULL) {
        return false;
    }
    add_at(json_object_get(m, "ours"), 0, t->approved);
    add_at(json_object_get(m, "ours"), 1, t->input_tokens);
    add_at(json_object_get(m, "ours"), 2, t->output_tokens);
    add_at(json_object_get(m, "failed"), 0, t->failed);
    add_at(json_object_get(m, "estimated"), 0, t->estimated);
    int64_t hour_ms = row->bucket_ms / HOUR_MS * HOUR_MS;
    add_hour(json_object_get(m, "hours"), hour_ms, 1, t->approved);
    int64_t cached = money_add(t->cache_read_tokens, t->cache_write_tokens);
    add_hour(x->tokens, hour_ms, 1, money_add(t->input_tokens, t->output_tokens));
    add_hour(x->tokens, hour_ms, 2, cached);
    if (json_object_get(m, "mantle") != NULL) {
        add_at(json_object_get(m, "cached"), 0, cached);
    }
    return true;
}

static enum err gather(struct comparison *x, const json_t *bedrock, struct err_info *ei)
{
    const json_t *rows = json_object_get(bedrock, "models");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        add_bedrock(x, json_array_get(rows, i));
    }
    enum err e = ledger_flush(x->run->c->ledger, FLUSH_MS);
    if (e != ERR_OK) {
        return err_set(ei, e, "the ledger did not take what the workers stored within a second");
    }
    struct ledger_query q = {
        .since_ms = x->since_ms, .bucket_ms = HOUR_MS, .by = {"model"}, .by_count = 1};
    e = ledger_sum(x->run->c->ledger, &q, add_ledger, x, ei);
    return e == ERR_OK && x->failed ? err_set(ei, ERR_NOMEM, "no memory to compare") : e;
}

/* --- verdicts --- */

static json_t *hours_json(const json_t *hours)
{
    json_t *out = json_array(), *pair;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)hours, key, pair)
    {
        char text[CLOCK_TEXT];
        int64_t at_ms = 0;
        json_int_t aws = json_integer_value(json_array_get(pair, 0));
        json_int_t ours = json_integer_value(json_array_get(pair, 1));
        if (aws != ours && str_to_i64(str_of(key), &at_ms)) {
            clock_rfc3339(text, at_ms);
            (void)json_array_append_new(
                out, json_pack("{s:s,s:I,s:I}", "hour", text, "aws_calls", aws, "calls", ours));
        }
    }
    return out;
}

static int64_t number_at(const json_t *model, const char *side, size_t at)
{
    return json_integer_value(json_array_get(json_object_get(model, side), at));
}

/* Calls that bypassed, as seen twice; what is seen now is noted for the next comparison. */
static int64_t bypass_of(struct comparison *x, json_t *seen, const char *name, const json_t *model)
{
    int64_t now = number_at(model, "aws", 0) - number_at(model, "ours", 0);
    int64_t before = json_integer_value(json_object_get(x->run->c->bypass, name));
    if (now <= 0) {
        return 0;
    }
    set(seen, name, json_integer(now));
    now = now < before ? now : before;
    return now * 100 >= number_at(model, "aws", 0) * LEAST_SHARE ? now : 0;
}

static int64_t tokens_at(const json_t *model, const char *side)
{
    return money_add(number_at(model, side, 1), number_at(model, side, 2));
}

/* Tokens above the ledger's, as seen twice: of calls that bypassed behind failed ones, which may or
 * may not count. Those of calls that the ledger had to estimate are let pass, and on
 * bedrock-mantle, which has no metric of them, cached ones. */
static int64_t tokens_of(struct comparison *x, json_t *seen, const char *name, const json_t *model)
{
    char key[300];
    int64_t aws = tokens_at(model, "aws"), calls = number_at(model, "aws", 0);
    int64_t slack = calls > 0 ? aws / calls * number_at(model, "estimated", 0) : 0;
    slack += number_at(model, "cached", 0);
    int64_t now = aws - tokens_at(model, "ours") - slack;
    (void)snprintf(key, sizeof(key), "%s\ntokens", name);
    int64_t before = json_integer_value(json_object_get(x->run->c->bypass, key));
    if (now <= 0) {
        return 0;
    }
    set(seen, key, json_integer(now));
    now = now < before ? now : before;
    return now * 100 >= aws * TOKEN_SHARE ? now : 0;
}

/* What the models have in sum, and the one with the most. */
struct found {
    int64_t calls, tokens;
    const char *of_calls, *of_tokens;
    int64_t most_calls, most_tokens;
};

static void note_found(struct found *f, const char *name, int64_t calls, int64_t tokens)
{
    f->calls += calls;
    f->tokens = money_add(f->tokens, tokens);
    if (calls > f->most_calls) {
        f->of_calls = name;
        f->most_calls = calls;
    }
    if (tokens > f->most_tokens) {
        f->of_tokens = name;
        f->most_tokens = tokens;
    }
}

static json_t *models_json(struct comparison *x, struct found *found)
{
    json_t *out = json_array(), *seen = json_object(), *m;
    const char *name;
    json_object_foreach(x->models, name, m)
    {
        int64_t bypass = bypass_of(x, seen, name, m), tokens = tokens_of(x, seen, name, m);
        json_t *o = json_pack("{s:s,s:I,s:I,s:I,s:s}", "model", name, "bypass_calls",
                              (json_int_t)bypass, "bypass_tokens", (json_int_t)tokens, "failed",
                              (json_int_t)number_at(m, "failed", 0), "verdict",
                              bypass > 0   ? "bypass"
                              : tokens > 0 ? "bypass_or_count"
                                           : "ok");
        for (size_t f = 0; f < FIGURES; f++) {
            char key[40];
            (void)snprintf(key, sizeof(key), "aws_%s", names[f]);
            set(o, key, json_integer((json_int_t)number_at(m, "aws", f)));
            set(o, names[f], json_integer((json_int_t)number_at(m, "ours", f)));
        }
        set(o, "hours", hours_json(json_object_get(m, "hours")));
        (void)json_array_append_new(out, o);
        note_found(found, name, bypass, tokens);
    }
    json_decref(x->run->c->bypass);
    x->run->c->bypass = seen;
    return out;
}

/* --- bills --- */

struct spent {
    json_t *days; /* "day\ncenter" -> nano-dollars */
};

static bool add_day(void *arg, const struct ledger_row *row)
{
    struct spent *s = arg;
    char key[200];
    char day[11];
    cloud_day(day, row->bucket_ms);
    (void)snprintf(key, sizeof(key), "%s\n%.*s", day,
                   (int)(row->key[0].n < 150 ? row->key[0].n : 150),
                   row->key[0].n > 0 ? row->key[0].p : "");
    money_t before = json_integer_value(json_object_get(s->days, key));
    return json_object_set_new(s->days, key, json_integer(money_add(before, row->totals.usd))) == 0;
}

static money_t usd_of(const json_t *o, const char *key)
{
    money_t m = 0;
    return aws_json_amount(o, key, &m) ? m : 0;
}

/* Where Bedrock was seen to count the same tokens all day, it is the price. */
static const char *bill_verdict(struct cloud *c, const char *day, money_t billed, money_t ours)
{
    money_t difference = billed > ours ? billed - ours : ours - billed;
    money_t larger = billed > ours ? billed : ours;
    if (difference <= USD_LEAST || difference <= larger / 100 * USD_SHARE) {
        return "ok";
    }
    enum cloud_watched watched = billed > ours ? cloud_watched_day(c, day) : WATCHED_SAME;
    return watched == WATCHED_SAME   ? "price"
           : watched == WATCHED_MORE ? "bypass"
                                     : "bypass_or_price";
}

/* Days that both sides know whole. */
static json_t *costs_json(struct comparison *x, const json_t **worst, struct err_info *ei)
{
    json_t *facts = cloud_told(x->run->c, SOURCE_COST_EXPLORER);
    const json_t *daily = json_object_get(facts, "daily");
    json_t *out = json_array();
    struct spent s = {json_object()};
    struct ledger_query q = {.since_ms = x->run->now_ms / DAY_MS * DAY_MS - 9 * DAY_MS,
                             .bucket_ms = DAY_MS,
                             .by = {"costCenter"},
                             .by_count = 1};
    if (json_array_size(daily) > 0 &&
        ledger_sum(x->run->c->ledger, &q, add_day, &s, ei) == ERR_OK) {
        char first[11], last[11];
        cloud_day(first, x->run->c->since_ms + DAY_MS);
        cloud_day(last, x->run->now_ms - SETTLED_MS);
        for (size_t i = 0; i < json_array_size(daily); i++) {
            const json_t *row = json_array_get(daily, i);
            const char *day = aws_json_text(row, "day");
            char key[200];
            (void)snprintf(key, sizeof(key), "%s\n%s", day, aws_json_text(row, "cost_center"));
            money_t billed = usd_of(row, "usd");
            money_t ours = json_integer_value(json_object_get(s.days, key));
            const char *verdict = bill_verdict(x->run->c, day, billed, ours);
            if (strcmp(day, first) < 0 || strcmp(day, last) > 0) {
                continue;
            }
            (void)json_array_append_new(
                out, json_pack("{s:s,s:s,s:o,s:o,s:s}", "day", day, "cost_center",
                               aws_json_text(row, "cost_center"), "billed_usd", cloud_usd(billed),
                               "usd", cloud_usd(ours), "verdict", verdict));
            if (billed > ours && strcmp(verdict, "ok") != 0 && *worst == NULL) {
                *worst = json_array_get(out, json_array_size(out) - 1);
            }
        }
    }
    json_decref(s.days);
    json_decref(facts);
    return out;
}

/* --- all of it --- */

void cloud_since(struct cloud *c, int64_t now_ms)
{
    struct buf text = {0};
    struct err_info ei = {0};
    if (ledger_get_value(c->ledger, SINCE_KEY, &text) != ERR_OK ||
        !str_to_i64(buf_str(&text), &c->since_ms) || c->since_ms <= 0) {
        char now[24];
        int n = snprintf(now, sizeof(now), "%lld", (long long)now_ms);
        c->since_ms = now_ms;
        if (ledger_put_value(c->ledger, SINCE_KEY, (struct str){now, (size_t)n}, &ei) != ERR_OK) {
            log_warn("cloud", "when tollgate began to count is not kept: %s", ei.text);
        }
    }
    buf_free(&text);
}

/* What is to be said of it in one line; "" when all is well. */
static void say_found(char *text, size_t size, const struct found *f, const json_t *bill)
{
    const char *verdict = aws_json_text(bill, "verdict");
    text[0] = '\0';
    if (f->calls > 0) {
        (void)snprintf(text, size,
                       "%lld calls that Bedrock counted did not pass tollgate, most of %.80s",
                       (long long)f->calls, f->of_calls);
    } else if (f->tokens > 0) {
        (void)snprintf(
            text, size,
            "%lld tokens that Bedrock counted are not in the ledger, most of %.60s: calls "
            "bypassed tollgate behind failed ones, or it counts too few",
            (long long)f->tokens, f->of_tokens);
    } else if (bill != NULL) {
        (void)snprintf(text, size, "AWS billed more than tollgate counted on %.10s: %s",
                       aws_json_text(bill, "day"),
                       strcmp(verdict, "price") == 0
                           ? "a price is wrong, as the tokens agree (tollgate aws prices)"
                       : strcmp(verdict, "bypass") == 0 ? "calls bypassed it"
                                                        : "calls bypassed it, or a price is wrong");
    }
}

static enum err compare(struct comparison *x, const json_t *bedrock, struct err_info *ei)
{
    struct cloud_run *r = x->run;
    struct found found = {.calls = 0};
    const json_t *bill = NULL;
    char since[CLOCK_TEXT], at[CLOCK_TEXT], text[240];
    enum err e = gather(x, bedrock, ei);
    if (e != ERR_OK) {
        return e;
    }
    /* Up to when Bedrock's counts were told: they may be older than this comparison. */
    cloud_watched_note(r->c, x->tokens, x->since_ms, r->c->sources[SOURCE_BEDROCK].at_ms);
    json_t *models = models_json(x, &found);
    json_t *costs = costs_json(x, &bill, ei);
    say_found(text, sizeof(text), &found, bill);
    clock_rfc3339(since, x->since_ms);
    clock_rfc3339(at, r->now_ms);
    cloud_tell(r->c, SOURCE_RECONCILE,
               json_pack("{s:s,s:s,s:I,s:I,s:i,s:i,s:o,s:o}", "since", since, "at", at,
                         "bypass_calls", (json_int_t)found.calls, "bypass_tokens",
                         (json_int_t)found.tokens, "threshold_percent", LEAST_SHARE,
                         "token_threshold_percent", TOKEN_SHARE, "models", models, "costs", costs),
               r->now_ms);
    return text[0] != '\0' ? err_set(ei, ERR_CONFLICT, "%s", text) : ERR_OK;
}

enum err cloud_reconcile(struct cloud_run *r, struct err_info *ei)
{
    json_t *bedrock = cloud_told(r->c, SOURCE_BEDROCK);
    if (bedrock == NULL) {
        return ERR_OK;
    }
    int64_t told_ms = json_integer_value(json_object_get(bedrock, "since"));
    int64_t since_ms = r->c->since_ms / PERIOD_MS * PERIOD_MS;
    struct comparison x = {.run = r,
                           .since_ms = since_ms > told_ms ? since_ms : told_ms,
                           .models = json_object(),
                           .tokens = json_object()};
    enum err e = compare(&x, bedrock, ei);
    json_decref(x.models);
    json_decref(x.tokens);
    json_decref(bedrock);
    return e;
}
