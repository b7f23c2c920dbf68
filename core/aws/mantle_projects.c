/* mantle_projects.c: see mantle_projects.h. They stand on /v1 only, not on /openai/v1. */
#include "core/aws/mantle_projects.h"

#include "core/aws/sigv4.h"

#define PATH      "/v1/organization/projects"
#define PAGES_MAX 100

static struct aws_operation operation(const char *action, const char *method, const char *path)
{
    return (struct aws_operation){
        .service = "bedrock-mantle", .action = action, .method = method, .path = path};
}

static bool tell(mantle_projects_row *fn, void *arg, const json_t *item)
{
    struct mantle_project p = {.id = aws_json_text(item, "id"),
                               .arn = aws_json_text(item, "arn"),
                               .name = aws_json_text(item, "name"),
                               .status = aws_json_text(item, "status"),
                               .created_ms = aws_json_epoch_ms(item, "created_at"),
                               .tags = json_object_get(item, "tags")};
    return p.id[0] != '\0' && fn(arg, &p);
}

struct rows {
    mantle_projects_row *fn;
    void *arg;
};

static bool take_project(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    return tell(r->fn, r->arg, item);
}

enum err mantle_projects_list(const struct aws_session *s, mantle_projects_row *fn, void *arg,
                              int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = operation("bedrock-mantle:ListProjects", "GET", PATH);
    struct aws_pages p = {.list = "data",
                          .token_out = "last_id",
                          .token_in = "after",
                          .more = "has_more",
                          .most = PAGES_MAX};
    struct rows r = {fn, arg};
    op.query = "limit=100";
    return aws_json_list(s, &op, NULL, &p, take_project, &r, pages, ei);
}

enum err mantle_projects_create(const struct aws_session *s, const char *name, json_t *tags,
                                mantle_projects_row *fn, void *arg, struct err_info *ei)
{
    struct aws_operation op = operation("bedrock-mantle:CreateProject", "POST", PATH);
    json_t *answer;
    enum err e =
        aws_json_call(s, &op, json_pack("{s:s, s:O}", "name", name, "tags", tags), &answer, ei);
    if (e == ERR_OK && !tell(fn, arg, answer)) {
        e = err_set(ei, ERR_PARSE, "%s answered without a project", op.action);
    }
    json_decref(answer);
    return e;
}

enum err mantle_projects_archive(const struct aws_session *s, const char *id, struct err_info *ei)
{
    struct buf path = {0};
    json_t *answer = NULL;
    buf_add(&path, PATH "/");
    sigv4_encode_segment(&path, str_of(id));
    buf_add(&path, "/archive");
    struct aws_operation op = operation("bedrock-mantle:ArchiveProject", "POST", buf_cstr(&path));
    enum err e = path.failed ? err_set(ei, ERR_NOMEM, "%s: no memory", op.action)
                             : aws_json_call(s, &op, json_object(), &answer, ei);
    json_decref(answer);
    buf_free(&path);
    return e;
}
