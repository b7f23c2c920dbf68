/* cloud_facts.c: what AWS told, as JSON that never changes, kept over a restart. Other threads get
 * copies: counting references is left to this one. */
#include "core/cloud/cloud_private.h"

#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cloud_source_names[SOURCES] = {
    [SOURCE_CREDENTIALS] = "credentials",
    [SOURCE_PUBLISH] = "publish",
    [SOURCE_AUDIT] = "audit",
    [SOURCE_CLOUDWATCH] = "cloudwatch",
    [SOURCE_PROFILES] = "profiles",
    [SOURCE_BEDROCK] = "bedrock",
    [SOURCE_ALARMS] = "alarms",
    [SOURCE_QUOTAS] = "quotas",
    [SOURCE_COST_EXPLORER] = "cost_explorer",
    [SOURCE_BUDGETS] = "budgets",
    [SOURCE_RECONCILE] = "reconcile",
};

json_t *cloud_usd(money_t m)
{
    return json_real((double)m / (double)MONEY_DOLLAR);
}

static void key_of(char out[64], enum source s)
{
    (void)snprintf(out, 64, "cloud.facts.%s", cloud_source_names[s]);
}

static void publish(struct cloud *c, enum source s, json_t *facts)
{
    pthread_mutex_lock(&c->lock);
    json_t *before = c->facts[s];
    c->facts[s] = facts;
    pthread_mutex_unlock(&c->lock);
    json_decref(before);
}

void cloud_tell(struct cloud *c, enum source s, json_t *facts, int64_t now_ms)
{
    char key[64];
    struct err_info ei = {0};
    if (facts == NULL) {
        return;
    }
    json_t *kept = json_pack("{s:I,s:I,s:O}", "at", (json_int_t)now_ms, "cost",
                             (json_int_t)c->run_cost[s], "facts", facts);
    char *text = kept != NULL ? json_dumps(kept, JSON_COMPACT) : NULL;
    json_decref(kept);
    key_of(key, s);
    enum err e = text != NULL ? ledger_put_value(c->ledger, key, str_of(text), &ei) : ERR_NOMEM;
    if (e != ERR_OK) {
        log_warn("cloud", "the answer of %s is not kept over a restart: %s", cloud_source_names[s],
                 ei.text);
    }
    free(text);
    publish(c, s, facts);
}

json_t *cloud_told(struct cloud *c, enum source s)
{
    pthread_mutex_lock(&c->lock);
    json_t *facts = json_incref(c->facts[s]);
    pthread_mutex_unlock(&c->lock);
    return facts;
}

void cloud_recall(struct cloud *c, enum source s)
{
    char key[64];
    struct buf text = {0};
    key_of(key, s);
    c->run_cost[s] = -1;
    if (ledger_get_value(c->ledger, key, &text) == ERR_OK) {
        json_t *kept = json_loadb(buf_bytes(&text), text.len, 0, NULL);
        json_t *facts = json_object_get(kept, "facts");
        if (json_is_object(facts) && json_is_integer(json_object_get(kept, "at"))) {
            c->sources[s].at_ms = json_integer_value(json_object_get(kept, "at"));
            c->run_cost[s] = json_integer_value(json_object_get(kept, "cost"));
            publish(c, s, json_incref(facts));
        } else {
            log_warn("cloud", "the kept answer %s is not readable: asking anew", key);
        }
        json_decref(kept);
    }
    buf_free(&text);
}

/* The model of a profile that was listed, by its ARN, its ID or the last part of its ARN. */
static const char *profile_model(struct cloud *c, const char *id)
{
    const char *found = "";
    json_t *facts = cloud_told(c, SOURCE_PROFILES);
    json_t *list = json_object_get(facts, "profiles");
    for (size_t i = 0; i < json_array_size(list) && found[0] == '\0'; i++) {
        const json_t *p = json_array_get(list, i);
        const char *arn = aws_json_text(p, "arn");
        const char *slash = strrchr(arn, '/');
        if (strcmp(arn, id) == 0 || strcmp(aws_json_text(p, "id"), id) == 0 ||
            (slash != NULL && strcmp(slash + 1, id) == 0)) {
            found = aws_json_text(p, "model_arn");
        }
    }
    struct resolved r;
    bool known = found[0] != '\0' && c->catalog != NULL &&
                 catalog_resolve(c->catalog, str_of(found), &r, NULL) == ERR_OK && !r.unknown;
    json_decref(facts);
    return known ? r.model->name : NULL;
}

const char *cloud_model_of(struct cloud *c, const char *id)
{
    struct resolved r;
    if (c->catalog != NULL && catalog_resolve(c->catalog, str_of(id), &r, NULL) == ERR_OK &&
        !r.unknown) {
        return r.model->name;
    }
    return profile_model(c, id);
}
