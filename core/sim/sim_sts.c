/* sim_sts.c: STS in its query protocol: GetCallerIdentity, AssumeRole and
 * AssumeRoleWithWebIdentity, in XML or, when asked for, JSON. */
#include "core/sim/sim_form.h"
#include "core/sim/sim_json.h"
#include "core/sim/sim_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XMLNS        "https://sts.amazonaws.com/doc/2011-06-15/"
#define USER_ARN     "arn:aws:iam::" SIM_ACCOUNT ":user/simulated"
#define USER         "AIDASIMULATEDTOLLGAT"
#define ROLE         "AROASIMULATEDTOLLGAT"
#define TAGS_MAX     50
#define CHAINED_MOST 3600
#define METADATA_XML "<ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata>"

static void answer_xml(struct sim_connection *c, int status, const struct buf *xml)
{
    const struct sim_answer a = {
        .status = status, .content_type = "text/xml", .body = buf_str(xml)};
    sim_http_answer(c, &a);
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"'", *text) != NULL) {
            buf_printf(out, "&#%d;", *text);
        } else {
            buf_append(out, text, 1);
        }
    }
}

static void add_element(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "<%s>", name);
    add_escaped(out, text);
    buf_printf(out, "</%s>", name);
}

void sim_sts_refuse(struct sim_connection *c, const struct sim_request *r, int status,
                    const char *type, const char *message)
{
    struct buf xml = {0};
    struct str code = str_of(type);

    (void)r;
    if (str_is(code, "UnrecognizedClientException")) {
        code = STR("InvalidClientTokenId"); /* its name in the query protocol */
    } else if (str_ends(code, "Exception")) {
        code.n -= sizeof "Exception" - 1;
    }
    buf_add(&xml, "<ErrorResponse xmlns=\"" XMLNS "\"><Error><Type>Sender</Type><Code>");
    buf_add_str(&xml, code);
    buf_add(&xml, "</Code>");
    add_element(&xml, "Message", message);
    buf_add(&xml, "</Error><RequestId>simulated</RequestId></ErrorResponse>");
    answer_xml(c, status, &xml);
    buf_free(&xml);
}

/* --- who is asking --- */

static const struct sim_session *session_of(const struct sim_connection *c)
{
    return sim_http_owner(c)->auth[sim_http_index(c)].session;
}

static void add_session_arn(struct buf *out, const struct sim_session *session)
{
    buf_add(out, "arn:aws:sts::" SIM_ACCOUNT ":");
    sim_session_arn(session, out);
}

static void answer_identity(struct sim_connection *c, bool json)
{
    const struct sim_session *session = session_of(c);
    struct buf xml = {0}, arn = {0};
    char user[100] = USER;

    if (session != NULL) {
        add_session_arn(&arn, session);
        (void)snprintf(user, sizeof user, ROLE ":%s", session->name);
    } else {
        buf_add(&arn, USER_ARN);
    }
    if (json) {
        sim_json_answer(c, json_pack("{s:{s:{s:s,s:s,s:s},s:{s:s}}}", "GetCallerIdentityResponse",
                                     "GetCallerIdentityResult", "Account", SIM_ACCOUNT, "Arn",
                                     buf_cstr(&arn), "UserId", user, "ResponseMetadata",
                                     "RequestId", "simulated"));
    } else {
        buf_add(&xml, "<GetCallerIdentityResponse xmlns=\"" XMLNS "\"><GetCallerIdentityResult>");
        add_element(&xml, "Arn", buf_cstr(&arn));
        add_element(&xml, "UserId", user);
        buf_add(&xml, "<Account>" SIM_ACCOUNT "</Account></GetCallerIdentityResult>" METADATA_XML
                      "</GetCallerIdentityResponse>");
        answer_xml(c, 200, &xml);
    }
    buf_free(&xml);
    buf_free(&arn);
}

/* --- AssumeRole --- */

static bool is_session_name(const char *name)
{
    size_t n =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-");

    return n >= 2 && n <= 64 && name[n] == '\0';
}

static bool has_key(json_t *tags, const char *key)
{
    const char *one;
    json_t *value;

    json_object_foreach(tags, one, value)
    {
        if (str_is_nocase(str_of(one), key)) {
            return true;
        }
    }
    return false;
}

/* The form's Tags.member.N as a JSON object; NULL: *problem says why not. */
static char *read_tags(struct str form, const char **problem)
{
    json_t *tags = json_object();
    char *text = NULL;

    *problem = NULL;
    for (int i = 1; *problem == NULL; i++) {
        char name[40], key[512], value[1024];
        (void)snprintf(name, sizeof name, "Tags.member.%d.Key", i);
        if (sim_form_raw(form, name).p == NULL) {
            break;
        }
        bool ok = sim_form_text(form, name, key, sizeof key);
        (void)snprintf(name, sizeof name, "Tags.member.%d.Value", i);
        ok = ok && sim_form_raw(form, name).p != NULL &&
             sim_form_text(form, name, value, sizeof value);
        if (i > TAGS_MAX) {
            *problem = "at most 50 session tags are allowed.";
        } else if (!ok || key[0] == '\0' || strlen(key) > 128 || strlen(value) > 256) {
            *problem = "a session tag needs a key of 1 to 128 and a value of up to 256 characters.";
        } else if (has_key(tags, key)) {
            *problem = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        } else if (json_object_set_new(tags, key, json_string(value)) != 0) {
            *problem = "a session tag is not UTF-8.";
        }
    }
    if (*problem == NULL) {
        text = json_dumps(tags, JSON_COMPACT);
        *problem = text == NULL ? "the simulation is out of memory." : NULL;
    }
    json_decref(tags);
    return text;
}

static const char *check_assumption(const struct sim_connection *c, const char *role,
                                    const char *name, int64_t seconds)
{
    if (strncmp(role, "arn:aws:iam::", 13) != 0 || strstr(role, ":role/") == NULL) {
        return "RoleArn is invalid: the ARN of a role is needed.";
    }
    if (!is_session_name(name)) {
        return "RoleSessionName must be 2 to 64 of the characters [\\w+=,.@-].";
    }
    if (seconds < 900 || seconds > 43200) {
        return "DurationSeconds must be from 900 to 43200.";
    }
    if (session_of(c) != NULL && seconds > CHAINED_MOST) {
        return "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
               "by role chaining.";
    }
    return NULL;
}

static void answer_session(struct sim_connection *c, const char *operation,
                           const struct sim_session *s, bool json)
{
    char response[64], result[64];
    struct buf xml = {0}, arn = {0};
    char id[100], expiration[CLOCK_TEXT];

    (void)snprintf(response, sizeof response, "%sResponse", operation);
    (void)snprintf(result, sizeof result, "%sResult", operation);
    add_session_arn(&arn, s);
    (void)snprintf(id, sizeof id, ROLE ":%s", s->name);
    clock_rfc3339(expiration, s->until_ms / 1000 * 1000);
    if (json) {
        sim_json_answer(c, json_pack("{s:{s:{s:{s:s,s:s},s:{s:s,s:s,s:s,s:I}},s:{s:s}}}", response,
                                     result, "AssumedRoleUser", "Arn", buf_cstr(&arn),
                                     "AssumedRoleId", id, "Credentials", "AccessKeyId",
                                     s->access_key_id, "SecretAccessKey", s->secret, "SessionToken",
                                     s->token, "Expiration", (json_int_t)(s->until_ms / 1000),
                                     "ResponseMetadata", "RequestId", "simulated"));
    } else {
        buf_printf(&xml, "<%s xmlns=\"" XMLNS "\"><%s><AssumedRoleUser>", response, result);
        add_element(&xml, "Arn", buf_cstr(&arn));
        add_element(&xml, "AssumedRoleId", id);
        buf_add(&xml, "</AssumedRoleUser><Credentials>");
        add_element(&xml, "AccessKeyId", s->access_key_id);
        add_element(&xml, "SecretAccessKey", s->secret);
        add_element(&xml, "SessionToken", s->token);
        add_element(&xml, "Expiration", expiration);
        buf_printf(&xml, "</Credentials></%s>" METADATA_XML "</%s>", result, response);
        answer_xml(c, 200, &xml);
    }
    buf_free(&xml);
    buf_free(&arn);
}

/* Whether something with the form of a JSON web token was shown. */
static bool is_web_token(struct str token)
{
    size_t dots = 0;

    for (size_t i = 0; i < token.n; i++) {
        dots += token.p[i] == '.' ? 1 : 0;
    }
    return dots == 2;
}

/* Not allowed by a test; NULL: it is. */
static const char *denied(const struct sim *s, const char *operation, const char *tags)
{
    if (sim_knobs_deny(&s->knobs, str_of(operation))) {
        return "User is not authorized to perform: sts:AssumeRole on the resource.";
    }
    return sim_knobs_deny(&s->knobs, STR("TagSession")) && strcmp(tags, "{}") != 0
               ? "User is not authorized to perform: sts:TagSession on the resource."
               : NULL;
}

static void assume_role(struct sim_connection *c, const struct sim_request *r,
                        const char *operation, struct str form, bool json)
{
    struct sim *s = sim_http_owner(c);
    char role[256], name[256], seconds_text[16];
    int64_t seconds = 3600;
    const char *problem = "a parameter is malformed or too long.";

    s->ledger.assume_role_calls++;
    bool ok = sim_form_text(form, "RoleArn", role, sizeof role) &&
              sim_form_text(form, "RoleSessionName", name, sizeof name) &&
              sim_form_text(form, "DurationSeconds", seconds_text, sizeof seconds_text) &&
              (seconds_text[0] == '\0' || str_to_i64(str_of(seconds_text), &seconds));
    problem = ok ? check_assumption(c, role, name, seconds) : problem;
    char *tags = problem == NULL ? read_tags(form, &problem) : NULL;
    if (problem != NULL) {
        sim_sts_refuse(c, r, 400, "ValidationError", problem);
        return;
    }
    problem = denied(s, operation, tags);
    if (problem != NULL) {
        free(tags);
        sim_sts_refuse(c, r, 403, "AccessDenied", problem);
        return;
    }
    if (s->knobs.session_seconds > 0) {
        seconds = s->knobs.session_seconds;
    }
    answer_session(c, operation,
                   sim_sessions_add(&s->sessions, s->knobs.seed, str_of(role), str_of(name), tags,
                                    loop_wall_ms(s->loop) + 1000 * seconds),
                   json);
}

bool sim_sts_is_unsigned(const struct sim_request *r)
{
    struct str form = str_is(r->method, "GET") ? r->query : r->body;

    return str_is(sim_form_raw(form, "Action"), "AssumeRoleWithWebIdentity");
}

void sim_sts_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct str form = str_is(r->method, "GET") ? r->query : r->body;
    bool json = str_starts(http_value(r->head, "accept"), "application/json");
    struct str action = sim_form_raw(form, "Action");

    sim_http_owner(c)->ledger.sts_calls++;
    if (str_is(action, "GetCallerIdentity")) {
        answer_identity(c, json);
    } else if (str_is(action, "AssumeRole")) {
        assume_role(c, r, "AssumeRole", form, json);
    } else if (sim_sts_is_unsigned(r)) {
        if (is_web_token(sim_form_raw(form, "WebIdentityToken"))) {
            assume_role(c, r, "AssumeRoleWithWebIdentity", form, json);
        } else {
            sim_sts_refuse(c, r, 400, "InvalidIdentityToken", "The token is no JSON web token.");
        }
    } else {
        sim_sts_refuse(c, r, 400, "InvalidAction",
                       "Only GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity are "
                       "simulated.");
    }
}
