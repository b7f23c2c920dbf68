/* bedrock_profiles.c: see bedrock_profiles.h. REST-JSON. */
#include "core/aws/bedrock_profiles.h"

#include "core/aws/sigv4.h"

#include <stdio.h>

#define PAGES_MAX 100

struct rows {
    bedrock_profiles_row *fn;
    void *arg;
};

static bool take_profile(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    const json_t *models = json_object_get(item, "models");
    struct bedrock_profile p = {.name = aws_json_text(item, "inferenceProfileName"),
                                .arn = aws_json_text(item, "inferenceProfileArn"),
                                .id = aws_json_text(item, "inferenceProfileId"),
                                .status = aws_json_text(item, "status"),
                                .type = aws_json_text(item, "type"),
                                .created = aws_json_text(item, "createdAt"),
                                .model_arn = aws_json_text(json_array_get(models, 0), "modelArn"),
                                .model_count = json_array_size(models),
                                .raw = item};
    return p.arn[0] != '\0' && p.model_count > 0 && r->fn(r->arg, &p);
}

enum err bedrock_profiles_list(const struct aws_session *s, const char *type,
                               bedrock_profiles_row *fn, void *arg, int64_t *pages,
                               struct err_info *ei)
{
    char query[64];
    (void)snprintf(query, sizeof(query), "maxResults=1000%s%s", type != NULL ? "&type=" : "",
                   type != NULL ? type : "");
    struct aws_operation op = {.service = "bedrock",
                               .action = "bedrock:ListInferenceProfiles",
                               .method = "GET",
                               .path = "/inference-profiles",
                               .query = query};
    struct aws_pages p = {
        "inferenceProfileSummaries", "nextToken", "nextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    return aws_json_list(s, &op, NULL, &p, take_profile, &r, pages, ei);
}

/* A call on /inference-profiles/{id}. */
static enum err call_on(const struct aws_session *s, const char *method, const char *action,
                        const char *id, json_t **answer, struct err_info *ei)
{
    struct buf path = {0};
    *answer = NULL;
    buf_add(&path, "/inference-profiles/");
    sigv4_encode_segment(&path, str_of(id));
    struct aws_operation op = {
        .service = "bedrock", .action = action, .method = method, .path = buf_cstr(&path)};
    enum err e = path.failed ? err_set(ei, ERR_NOMEM, "%s: no memory", action)
                             : aws_json_call(s, &op, NULL, answer, ei);
    buf_free(&path);
    return e;
}

enum err bedrock_profiles_get(const struct aws_session *s, const char *id, bedrock_profiles_row *fn,
                              void *arg, struct err_info *ei)
{
    json_t *answer;
    struct rows r = {fn, arg};
    enum err e = call_on(s, "GET", "bedrock:GetInferenceProfile", id, &answer, ei);
    if (e == ERR_OK && !take_profile(&r, answer)) {
        e = err_set(ei, ERR_PARSE, "bedrock:GetInferenceProfile answered without a profile");
    }
    json_decref(answer);
    return e;
}

static json_t *pairs_of(const json_t *list)
{
    json_t *tags = json_object();
    const json_t *one;
    size_t i;
    bool ok = tags != NULL && (list == NULL || json_is_array(list));
    json_array_foreach(list, i, one)
    {
        json_t *value = json_object_get(one, "value");
        ok = ok && json_is_string(value) &&
             json_object_set(tags, aws_json_text(one, "key"), value) == 0;
    }
    if (!ok) {
        json_decref(tags);
        return NULL;
    }
    return tags;
}

enum err bedrock_profiles_tags(const struct aws_session *s, const char *arn, json_t **tags,
                               struct err_info *ei)
{
    struct aws_operation op = {.service = "bedrock",
                               .action = "bedrock:ListTagsForResource",
                               .path = "/listTagsForResource"};
    json_t *answer;
    *tags = NULL;
    enum err e = aws_json_call(s, &op, json_pack("{s:s}", "resourceARN", arn), &answer, ei);
    if (e == ERR_OK) {
        *tags = pairs_of(json_object_get(answer, "tags"));
        if (*tags == NULL) {
            e = err_set(ei, ERR_PARSE, "bedrock:ListTagsForResource answered without tags");
        }
    }
    json_decref(answer);
    return e;
}

json_t *bedrock_profiles_create_body(const char *name, const char *description,
                                     const char *source_arn, json_t *tags, const char *token)
{
    return json_pack("{s:s, s:s*, s:s, s:{s:s}, s:o}", "inferenceProfileName", name, "description",
                     description, "clientRequestToken", token, "modelSource", "copyFrom",
                     source_arn, "tags", aws_json_tags(tags, "key", "value"));
}

enum err bedrock_profiles_create(const struct aws_session *s, json_t *body,
                                 char arn[BEDROCK_PROFILE_ARN], struct err_info *ei)
{
    struct aws_operation op = {.service = "bedrock",
                               .action = "bedrock:CreateInferenceProfile",
                               .path = "/inference-profiles"};
    json_t *answer = NULL;
    arn[0] = '\0';
    if (body == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for an inference profile");
    }
    enum err e = aws_json_call(s, &op, body, &answer, ei);
    if (e == ERR_OK && (!str_copy(arn, BEDROCK_PROFILE_ARN,
                                  str_of(aws_json_text(answer, "inferenceProfileArn"))) ||
                        arn[0] == '\0')) {
        e = err_set(ei, ERR_PARSE, "bedrock:CreateInferenceProfile answered without an ARN");
    }
    json_decref(answer);
    return e;
}

enum err bedrock_profiles_delete(const struct aws_session *s, const char *id, struct err_info *ei)
{
    json_t *answer;
    enum err e = call_on(s, "DELETE", "bedrock:DeleteInferenceProfile", id, &answer, ei);
    json_decref(answer);
    return e;
}

enum err bedrock_logging_get(const struct aws_session *s, json_t **config, struct err_info *ei)
{
    struct aws_operation op = {.service = "bedrock",
                               .action = "bedrock:GetModelInvocationLoggingConfiguration",
                               .method = "GET",
                               .path = "/logging/modelinvocations"};
    json_t *answer;
    *config = NULL;
    enum err e = aws_json_call(s, &op, NULL, &answer, ei);
    if (e == ERR_OK && json_is_object(json_object_get(answer, "loggingConfig"))) {
        *config = json_incref(json_object_get(answer, "loggingConfig"));
    }
    json_decref(answer);
    return e;
}
