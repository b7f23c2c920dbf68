/* setup_private.h: what the setup commands share. A command that changes the account first says
 * what it will do ("plan": sentences; "request": what will be sent) and, with "dry_run": true in
 * its parameters, ends there. */
#ifndef TOLLGATE_CLOUD_SETUP_PRIVATE_H
#define TOLLGATE_CLOUD_SETUP_PRIVATE_H

#include "core/aws/aws_json.h"
#include "core/catalog/catalog.h"
#include "core/cloud/setup.h"

struct aws_session setup_session(const struct setup *s, enum config_service service);
/* Partition of the configuration's Region: "aws", "aws-cn", "aws-us-gov". */
const char *setup_partition(const struct config *config);
/* Account of the credentials, 12 digits. */
enum err setup_account(const struct setup *s, char out[32], struct err_info *ei) MUST_CHECK;

/* --- parameters --- */
/* NULL when it is absent or empty. */
const char *setup_text(const json_t *params, const char *key);
/* The same; ERR_USAGE with "--key is needed: WHY" when absent. */
enum err setup_need(const json_t *params, const char *key, const char *why, const char **out,
                    struct err_info *ei) MUST_CHECK;
/* Positive dollars ("4000", "12.50"). */
enum err setup_dollars(const json_t *params, const char *key, money_t *out,
                       struct err_info *ei) MUST_CHECK;
/* A whole number within bounds; `fallback` when absent. */
enum err setup_number(const json_t *params, const char *key, int64_t least, int64_t most,
                      int64_t fallback, int64_t *out, struct err_info *ei) MUST_CHECK;
bool setup_flag(const json_t *params, const char *key);
/* E-mail address with an @, topic an SNS ARN; at least one of both when `needed`. NULL: not given.
 */
enum err setup_told(const json_t *params, bool needed, const char **email, const char **sns,
                    struct err_info *ei) MUST_CHECK;
/* Whether text is an ARN of that service whose resource begins so: "sns", "" or "iam", "role/". Of
 * iam, which knows no Region, the account may be "*". */
bool setup_is_arn(const char *text, const char *service, const char *resource);
/* The tags of params, {"k":"v"}, borrowed; ERR_USAGE for what AWS would not take. NULL: none. */
enum err setup_tags(const json_t *params, json_t **tags, struct err_info *ei) MUST_CHECK;
/* Our tag's name as billing spells it (cost_tags of the file), or the key itself. */
const char *setup_billing_key(const struct config *config, const char *key);

/* --- results --- */
/* Appends a sentence to an array. */
void setup_say(json_t *sentences, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "k=v, k=v" of an object. out gets it whole or cut. */
void setup_pairs(char *out, size_t size, json_t *pairs);
/* A result with its version; members as json_pack gives them. Takes o; ERR_NOMEM when NULL. */
enum err setup_result(json_t *o, json_t **result, struct err_info *ei) MUST_CHECK;
/* The result of a dry run. Takes both. */
enum err setup_planned(json_t *plan, json_t *request, json_t **result,
                       struct err_info *ei) MUST_CHECK;
json_t *setup_money(money_t m); /* dollars; null for -1 */
json_t *setup_time(int64_t ms); /* RFC 3339; null for 0 */
/* A string or null for "". */
json_t *setup_string(const char *text);

#endif
