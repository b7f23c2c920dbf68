/* cloud_watched.c: see cloud_private.h. A bill comes days after CloudWatch forgot who was asked
 * what: the hours seen then tell whether more was called or more was charged. */
#include "core/cloud/cloud_private.h"

#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY         "cloud.watched"
#define HOUR_MS     3600000LL
#define SETTLED_MS  (HOUR_MS / 2) /* after its end CloudWatch has an hour whole */
#define KEPT_MS     (12 * 24 * HOUR_MS)
#define WHOLE_HOURS 22 /* of a day: a restart or two may be missing */
#define SAME_SHARE  2  /* percent */

void cloud_watched_recall(struct cloud *c)
{
    struct buf text = {0};
    if (ledger_get_value(c->ledger, KEY, &text) == ERR_OK) {
        c->watched = json_loadb(buf_bytes(&text), text.len, 0, NULL);
    }
    if (!json_is_object(c->watched)) {
        json_decref(c->watched);
        c->watched = json_object();
    }
    buf_free(&text);
}

static void forget_old(json_t *watched, int64_t now_ms)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(watched, next, key, value)
    {
        int64_t at_ms;
        if (!str_to_i64(str_of(key), &at_ms) || at_ms < now_ms - KEPT_MS || at_ms > now_ms) {
            (void)json_object_del(watched, key);
        }
    }
}

void cloud_watched_note(struct cloud *c, const json_t *tokens, int64_t since_ms, int64_t told_ms)
{
    const char *key;
    json_t *pair;
    struct err_info ei = {0};
    json_object_foreach((json_t *)(uintptr_t)tokens, key, pair)
    {
        int64_t at_ms;
        if (str_to_i64(str_of(key), &at_ms) && at_ms >= since_ms &&
            at_ms + HOUR_MS + SETTLED_MS <= told_ms) {
            (void)json_object_set(c->watched, key, pair);
        }
    }
    /* An hour without a call on either side was seen as well. */
    for (int64_t at_ms = told_ms / HOUR_MS * HOUR_MS - 2 * HOUR_MS;
         at_ms >= since_ms && at_ms > told_ms - 24 * HOUR_MS; at_ms -= HOUR_MS) {
        char hour[24];
        (void)snprintf(hour, sizeof(hour), "%lld", (long long)at_ms);
        if (json_object_get(c->watched, hour) == NULL) {
            (void)json_object_set_new(c->watched, hour, json_pack("[i,i,i]", 0, 0, 0));
        }
    }
    forget_old(c->watched, told_ms);
    char *text = json_dumps(c->watched, JSON_COMPACT);
    enum err e = text != NULL ? ledger_put_value(c->ledger, KEY, str_of(text), &ei) : ERR_NOMEM;
    if (e != ERR_OK) {
        log_warn("cloud", "the hours compared are not kept over a restart: %s", ei.text);
    }
    free(text);
}

enum cloud_watched cloud_watched_day(struct cloud *c, const char *day)
{
    int64_t aws = 0, ours = 0, cached = 0, hours = 0;
    const char *key;
    json_t *pair;
    json_object_foreach(c->watched, key, pair)
    {
        char text[11];
        int64_t at_ms;
        if (!str_to_i64(str_of(key), &at_ms)) {
            continue;
        }
        cloud_day(text, at_ms);
        if (strcmp(text, day) == 0) {
            hours++;
            aws = money_add(aws, json_integer_value(json_array_get(pair, 0)));
            ours = money_add(ours, json_integer_value(json_array_get(pair, 1)));
            cached = money_add(cached, json_integer_value(json_array_get(pair, 2)));
        }
    }
    int64_t more = aws - ours - aws / 100 * SAME_SHARE;
    if (hours < WHOLE_HOURS || (more > 0 && more <= cached)) { /* bedrock-mantle may count those */
        return WATCHED_PARTLY;
    }
    return more > 0 ? WATCHED_MORE : WATCHED_SAME;
}
