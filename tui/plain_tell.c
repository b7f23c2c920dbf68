#include "tui/plain.h"

#include "core/base/str.h"
#include "tui/format.h"
#include "tui/panel.h"
#include "tui/snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE 400
#define CENT     (MONEY_DOLLAR / 100)
/* The same subject is not told about again sooner: a screen reader needs its time. */
#define SPENT_EVERY_MS  10000
#define LIMIT_EVERY_MS  10000
#define DENIED_EVERY_MS 10000
#define BURN_EVERY_MS   60000

static void say(const struct plain *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct plain *p, const char *format, ...)
{
    char text[SENTENCE];
    char safe[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_printable(safe, sizeof safe, str_of(text));
    p->say(p->arg, safe);
}

static struct plain_said *subject(struct plain *p, const char *kind, const char *name, bool *fresh)
{
    char key[PLAIN_KEY];
    snprintf(key, sizeof key, "%s %.80s", kind, name);
    *fresh = false;
    for (int i = 0; i < p->count; i++) {
        if (strcmp(p->said[i].key, key) == 0) {
            return &p->said[i];
        }
    }
    if (p->count == PLAIN_SUBJECTS) {
        return NULL;
    }
    struct plain_said *s = &p->said[p->count++];
    memcpy(s->key, key, sizeof key);
    *fresh = true;
    return s;
}

/* "3.41", "25": the words "dollars" follow. */
static void dollars(char out[FORMAT_TEXT], int64_t cents)
{
    char text[FORMAT_TEXT];
    format_amount(text, "usd", cents * CENT);
    snprintf(out, FORMAT_TEXT, "%s", text + (text[0] == '$'));
}

static void span_words(char out[FORMAT_TEXT], int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    for (size_t i = 0; i < 4; i++) {
        int64_t n = ms / units[i].ms;
        if (n > 0) {
            snprintf(out, FORMAT_TEXT, "in %lld %s%s", (long long)n, units[i].name,
                     n == 1 ? "" : "s");
            return;
        }
    }
    snprintf(out, FORMAT_TEXT, "now");
}

static void tell_spender(struct plain *p, const json_t *row, const char *kind, int64_t now_ms)
{
    bool fresh;
    const char *name = snapshot_text(row, "name");
    struct plain_said *s = subject(p, kind, name, &fresh);
    int64_t cents = format_json_money(json_object_get(row, "month_usd")) / CENT;
    if (!s || (!fresh && (cents == s->value || now_ms - s->at_ms < SPENT_EVERY_MS))) {
        return;
    }
    char now[FORMAT_TEXT];
    char was[FORMAT_TEXT];
    char budget[FORMAT_TEXT];
    const json_t *of = json_object_get(row, "budget_usd");
    dollars(now, cents);
    dollars(was, s->value);
    dollars(budget, format_json_money(of) / CENT);
    bool limited = json_is_number(of);
    say(p, "%s %s: %s%s%s dollars this month%s%s", kind, *name ? name : "without a name", now,
        limited ? " of " : "", limited ? budget : "", fresh ? "" : ", was ", fresh ? "" : was);
    s->value = cents;
    s->at_ms = now_ms;
}

static const char *level(enum w_state state)
{
    return state == W_STATE_CRIT   ? "is full"
           : state == W_STATE_WARN ? "is nearly full"
                                   : "has room";
}

static void tell_limit(struct plain *p, const json_t *limit, int64_t now_ms)
{
    bool fresh;
    const char *name = snapshot_text(limit, "name");
    const char *metric = snapshot_text(limit, "metric");
    const json_t *group = snapshot_fullest_group(limit);
    double share = snapshot_share(limit, group);
    const char *word = share >= 2 ? "blocked" : level(panel_limit_state(limit, group));
    int64_t percent = (int64_t)(share * 100);
    struct plain_said *s = subject(p, "limit", name, &fresh);
    if (!s || (!fresh && (strcmp(word, s->word) == 0 || now_ms - s->at_ms < LIMIT_EVERY_MS))) {
        return;
    }
    char amount[FORMAT_TEXT];
    bool usd = strcmp(metric, "usd") == 0;
    int64_t value = format_json_amount(json_object_get(group ? group : limit, "amount"), metric);
    if (usd) {
        dollars(amount, value / CENT);
    } else {
        snprintf(amount, sizeof amount, "%lld", (long long)value);
    }
    if (share >= 2) {
        say(p, "limit %s is blocked", name);
    } else {
        char was[FORMAT_TEXT] = "";
        if (!fresh) {
            snprintf(was, sizeof was, ", was %lld", (long long)s->value);
        }
        say(p, "limit %s %s: %lld percent of %s %s%s", name, word, (long long)percent, amount,
            usd ? "dollars" : metric, was);
    }
    s->value = percent;
    s->at_ms = now_ms;
    str_copy(s->word, sizeof s->word, str_of(word));
}

static void tell_limits(struct plain *p, const json_t *limits, int64_t now_ms)
{
    size_t i;
    json_t *limit;
    json_array_foreach((json_t *)(uintptr_t)limits, i, limit)
    {
        tell_limit(p, limit, now_ms);
    }
}

/* Adds up what was denied by one limit for one model until it is time to speak of it. */
static void count_denials(struct plain *p, const json_t *denials)
{
    size_t i;
    json_t *denial;
    json_array_foreach((json_t *)(uintptr_t)denials, i, denial)
    {
        char name[PLAIN_KEY];
        bool fresh;
        if (strcmp(snapshot_text(denial, "request_id"), p->denied) == 0) {
            break; /* newest first: the rest was counted */
        }
        snprintf(name, sizeof name, "%.40s|%.38s", snapshot_text(denial, "model"),
                 snapshot_text(denial, "limit"));
        struct plain_said *s = subject(p, "denied", name, &fresh);
        if (s) {
            s->value++;
        }
    }
    str_copy(p->denied, sizeof p->denied,
             str_of(snapshot_text(json_array_get(denials, 0), "request_id")));
}

static void tell_denials(struct plain *p, const json_t *denials, int64_t now_ms, int64_t wall_ms)
{
    size_t i;
    json_t *denial;
    count_denials(p, denials);
    json_array_foreach((json_t *)(uintptr_t)denials, i, denial)
    {
        char name[PLAIN_KEY];
        char when[FORMAT_TEXT] = "by hand only";
        char times[FORMAT_TEXT] = "";
        bool fresh;
        snprintf(name, sizeof name, "%.40s|%.38s", snapshot_text(denial, "model"),
                 snapshot_text(denial, "limit"));
        struct plain_said *s = subject(p, "denied", name, &fresh);
        if (!s || s->value == 0 || (s->at_ms > 0 && now_ms - s->at_ms < DENIED_EVERY_MS)) {
            continue;
        }
        int64_t frees = format_json_time(json_object_get(denial, "resets_at"));
        if (frees > 0) {
            span_words(when, frees - wall_ms);
        }
        if (s->value > 1) {
            snprintf(times, sizeof times, " %lld times", (long long)s->value);
        }
        say(p, "%s denied%s: %s, frees %s", snapshot_text(denial, "model"), times,
            snapshot_text(denial, "limit"), when);
        s->value = 0;
        s->at_ms = now_ms;
    }
}

/* Thresholds are told as the limits' own sentences; what people did, how fast a limit burns and
 * how the core is are not. */
static bool only_here(const json_t *event)
{
    return *snapshot_text(event, "actor") || !*snapshot_text(event, "limit") ||
           strstr(snapshot_text(event, "text"), " burns ");
}

static bool was_told(const struct plain *p, const json_t *event)
{
    char text[sizeof p->event_text];
    int order = strcmp(snapshot_text(event, "at"), p->event_at);
    str_copy(text, sizeof text, str_of(snapshot_text(event, "text")));
    return order < 0 || (order == 0 && strcmp(text, p->event_text) == 0);
}

/* They come newest first, and are told as they happened. */
static void tell_events(struct plain *p, const json_t *events)
{
    size_t fresh = 0;
    while (fresh < json_array_size(events) && !was_told(p, json_array_get(events, fresh))) {
        fresh++;
    }
    for (size_t i = fresh; p->begun && i-- > 0;) {
        const json_t *event = json_array_get(events, i);
        if (only_here(event)) {
            say(p, "%s", snapshot_text(event, "text"));
        }
    }
    if (fresh > 0) {
        const json_t *newest = json_array_get(events, 0);
        str_copy(p->event_at, sizeof p->event_at, str_of(snapshot_text(newest, "at")));
        str_copy(p->event_text, sizeof p->event_text, str_of(snapshot_text(newest, "text")));
    }
}

/* What holds when we come; after that its events tell it. */
static void tell_kill_switch(struct plain *p, const json_t *all_blocked)
{
    const char *reason = snapshot_text(all_blocked, "reason");
    if (!p->begun && json_is_object(all_blocked)) {
        say(p, "ALL CALLS ARE BLOCKED by %s%s%s", snapshot_text(all_blocked, "actor"),
            *reason ? ": " : "", reason);
    }
}

/* A state that is a word: told when it is another. */
static void tell_word(struct plain *p, const char *name, const char *word, const char *why)
{
    bool fresh;
    struct plain_said *s = subject(p, "state", name, &fresh);
    if (!s || !*word || strcmp(s->word, word) == 0) {
        return;
    }
    bool known = !fresh && *s->word;
    if (known || strcmp(word, "ok") != 0) {
        say(p, "%s: %s%s%s%s%s", name, word, known ? ", was " : "", s->word, *why ? ": " : "", why);
    }
    str_copy(s->word, sizeof s->word, str_of(word));
}

static void tell_burn(struct plain *p, const json_t *snapshot, int64_t now_ms)
{
    bool fresh;
    struct plain_said *s = subject(p, "burn", "", &fresh);
    const json_t *v = snapshot_at(snapshot, "burn.usd_per_hour");
    int64_t cents = format_json_money(v) / CENT;
    bool moved = s && llabs(cents - s->value) > s->value / 5;
    if (!s || !json_is_number(v) || (!fresh && (!moved || now_ms - s->at_ms < BURN_EVERY_MS))) {
        return;
    }
    char now[FORMAT_TEXT];
    char was[FORMAT_TEXT];
    dollars(now, cents);
    dollars(was, s->value);
    say(p, "burn %s dollars an hour%s%s", now, fresh ? "" : ", was ", fresh ? "" : was);
    s->value = cents;
    s->at_ms = now_ms;
}

void plain_tell(struct plain *p, const json_t *snapshot, int64_t now_ms, int64_t wall_ms)
{
    size_t i;
    json_t *row;
    tell_events(p, json_object_get(snapshot, "events"));
    tell_kill_switch(p, snapshot_at(snapshot, "health.all_blocked"));
    tell_burn(p, snapshot, now_ms);
    json_array_foreach(json_object_get(snapshot, "cost_centers"), i, row)
    {
        tell_spender(p, row, "cost center", now_ms);
    }
    tell_limits(p, json_object_get(snapshot, "limits"), now_ms);
    tell_denials(p, json_object_get(snapshot, "denials"), now_ms, wall_ms);
    tell_word(p, "ledger", snapshot_text(snapshot, "health.store"), "");
    tell_word(p, "ledger lost", snapshot_text(snapshot, "health.ledger_lost.at"),
              snapshot_text(snapshot, "health.ledger_lost.text"));
    json_array_foreach(json_object_get(snapshot, "cloud"), i, row)
    {
        tell_word(p, snapshot_text(row, "source"), snapshot_text(row, "state"),
                  snapshot_text(row, "error"));
    }
    p->begun = true;
}
