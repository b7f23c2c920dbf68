/* cloud_own_account.c: whose account it is: asked of STS once for each set of credentials. */
#include "core/cloud/cloud_private.h"

#include "core/aws/sts.h"
#include "core/base/log.h"

#include <string.h>

#define RETRY_FIRST_MS 5000
#define RETRY_LAST_MS  (15 * 60000)

int64_t cloud_own_account(const struct cloud *c)
{
    return atomic_load_explicit(&c->account.number, memory_order_relaxed);
}

static void put_off(struct cloud_account *a, int64_t now_ms)
{
    int64_t wait_ms = a->wait_ms > 0 ? a->wait_ms * 2 : RETRY_FIRST_MS;
    a->wait_ms = wait_ms < RETRY_LAST_MS ? wait_ms : RETRY_LAST_MS;
    a->next_ms = now_ms + a->wait_ms;
}

/* Credentials from elsewhere may be of another account: until AWS says so, none is known. */
static void forget_if_other(struct cloud_account *a, const char *source)
{
    if (a->with != NULL && strcmp(a->with->source, source) != 0) {
        atomic_store_explicit(&a->number, 0, memory_order_relaxed);
        a->wait_ms = a->next_ms = 0;
    }
}

static enum err ask(struct cloud_run *r, struct err_info *ei)
{
    struct cloud_account *a = &r->c->account;
    struct aws_session sts = cloud_session(r, SERVICE_STS);
    struct sts_identity who;
    int64_t number = 0;
    enum err e = sts_get_caller_identity(sts.http, &sts.place, r->keys, &who, ei);
    if (e == ERR_OK && (!str_to_i64(str_of(who.account), &number) || number <= 0)) {
        e = err_set(ei, ERR_PARSE, "sts:GetCallerIdentity answered an account that is no number");
    }
    credentials_unref(a->with);
    a->with = credentials_ref(r->keys);
    a->answered = e == ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    if (number != cloud_own_account(r->c)) {
        log_info("cloud", "calls are made for account %s", who.account);
    }
    a->wait_ms = a->next_ms = 0;
    atomic_store_explicit(&a->number, number, memory_order_relaxed);
    return ERR_OK;
}

enum err cloud_learn_account(struct cloud_run *r, struct err_info *ei)
{
    const struct cloud_account *a = &r->c->account;
    bool known = a->answered && strcmp(a->with->access_key_id, r->keys->access_key_id) == 0;
    return known ? ERR_OK : ask(r, ei);
}

void cloud_look_for_account(struct cloud_run *r)
{
    struct cloud_account *a = &r->c->account;
    struct err_info ei = {0};
    forget_if_other(a, r->keys->source);
    if (r->now_ms < a->next_ms || cloud_learn_account(r, &ei) == ERR_OK ||
        cloud_is_stopping(r->c)) {
        return;
    }
    if (a->wait_ms == 0) {
        log_warn("cloud",
                 "our own account is not known, so that ARNs of others are not refused: %s",
                 ei.text);
    }
    put_off(a, r->now_ms);
}
