/* mantle_projects.h: projects of bedrock-mantle: what carries tags there. REST-JSON as OpenAI's. */
#ifndef TOLLGATE_AWS_MANTLE_PROJECTS_H
#define TOLLGATE_AWS_MANTLE_PROJECTS_H

#include "core/aws/aws_json.h"

/* One project; texts are borrowed during the call. */
struct mantle_project {
    const char *id /* "proj_.." */, *arn, *name, *status /* "active" "archived" */;
    int64_t created_ms;
    const json_t *tags; /* {"k":"v"} */
};
typedef bool mantle_projects_row(void *arg, const struct mantle_project *p);

enum err mantle_projects_list(const struct aws_session *s, mantle_projects_row *fn, void *arg,
                              int64_t *pages, struct err_info *ei) MUST_CHECK;
/* tags {"k":"v"} are borrowed; fn is called once with the new project. */
enum err mantle_projects_create(const struct aws_session *s, const char *name, json_t *tags,
                                mantle_projects_row *fn, void *arg, struct err_info *ei) MUST_CHECK;
/* A project is never deleted, only retired. ERR_NOT_FOUND. */
enum err mantle_projects_archive(const struct aws_session *s, const char *id,
                                 struct err_info *ei) MUST_CHECK;

#endif
