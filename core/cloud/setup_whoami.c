/* setup_whoami.c: who AWS takes tollgate for, and where what it acts with was found. */
#include "core/cloud/setup.h"

#include "core/aws/sts.h"
#include "core/base/clock.h"

static json_t *credentials_json(const struct credentials *c)
{
    char expires[CLOCK_TEXT] = "";
    if (c->expires_ms != 0) {
        clock_rfc3339(expires, c->expires_ms);
    }
    return json_pack("{s:s, s:s, s:s?}", "source", c->source, "access_key_id", c->access_key_id,
                     "expires_at", c->expires_ms != 0 ? expires : NULL);
}

static json_t *endpoints_json(const struct config *config)
{
    json_t *all = json_object();
    for (int s = 0; s < SERVICE_COUNT; s++) {
        json_t *one =
            json_pack("{s:s, s:s}", "url", config->endpoints[s], "from", config->endpoint_from[s]);
        if (json_object_set_new(all, config_service_name((enum config_service)s), one) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

enum err setup_whoami(struct setup *s, const json_t *params, json_t **result, struct err_info *ei)
{
    struct sts_identity who;
    struct aws_place place = setup_place(s, SERVICE_STS);
    (void)params;
    enum err e = sts_get_caller_identity(s->http, &place, s->keys, &who, ei);
    if (e != ERR_OK) {
        return e;
    }
    *result = json_pack("{s:i, s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:o}", "version", 1, "account",
                        who.account, "arn", who.arn, "user_id", who.user_id, "credentials",
                        credentials_json(s->keys), "region", "name", s->config->region, "from",
                        s->config->region_from, "endpoints", endpoints_json(s->config));
    return *result != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for the answer");
}
