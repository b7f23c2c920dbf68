/* core_rig.h: a whole core in a temporary state directory, on free loopback ports, with nobody
 * upstream. Included by one test program each. */
#ifndef TOLLGATE_TESTS_CORE_RIG_H
#define TOLLGATE_TESTS_CORE_RIG_H

#include "tests/unit/wait.h"

#include "core/control/core_private.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED_FUNCTION __attribute__((unused))

#define LIMITS                                                                                     \
    "limits:\n"                                                                                    \
    "  - {name: minute, model: haiku, tokens: 100k, window: 1m, ceiling: 1M, floor: 1k}\n"         \
    "  - {name: budget, usd: 250, window: month, per: [costCenter]}\n"                             \
    "  - {name: pair, requests: 10, window: 1h, per: [costCenter, applicationId]}\n"

struct core_rig {
    char dir[64], file[96], socket[128];
    struct config *config;
    struct core *core;
};

/* Writes the file; `more` follows what every test needs. */
static void rig_write(struct core_rig *r, const char *more)
{
    FILE *f = fopen(r->file, "w");
    assert_non_null(f);
    assert_true(fprintf(f,
                        "region: us-east-1\nstate_dir: %s/state\nidentity: optional\n"
                        "listen: [{address: \"127.0.0.1:0\"}]\n"
                        "endpoints: {bedrock-runtime: \"http://127.0.0.1:9\"}\n"
                        "poll: {cloudwatch: off, cost_explorer: off, budgets: off, profiles: off}\n"
                        "models:\n  - {name: haiku, id: "
                        "\"us.anthropic.claude-3-5-haiku-20241022-v1:0\"}\n%s",
                        r->dir, more) > 0);
    assert_int_equal(fclose(f), 0);
}

static struct config *rig_load(const struct core_rig *r)
{
    struct config_mistakes mistakes = {0};
    struct config *c = config_load(r->file, &mistakes);
    for (size_t i = 0; i < mistakes.count && !c; i++) {
        print_error("%d: %s: %s\n", mistakes.at[i].line, mistakes.at[i].key, mistakes.at[i].text);
    }
    config_mistakes_free(&mistakes);
    assert_non_null(c);
    return c;
}

static void rig_start(struct core_rig *r)
{
    struct err_info ei = {0};
    struct core_options o = {.config_path = r->file,
                             .config = r->config,
                             .access_key_id = "AKIDTEST",
                             .secret_access_key = "secret",
                             .workers = 2};
    r->core = core_open(&o, &ei);
    if (!r->core) {
        fail_msg("%s", ei.text);
    }
}

UNUSED_FUNCTION static void rig_restart(struct core_rig *r)
{
    core_close(r->core);
    rig_start(r);
}

static void rig_open(struct core_rig *r, const char *more)
{
    *r = (struct core_rig){.core = NULL};
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/tollgate-core-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->file, sizeof(r->file), "%s/tollgate.yaml", r->dir);
    (void)snprintf(r->socket, sizeof(r->socket), "%s/state/control.sock", r->dir);
    rig_write(r, more);
    r->config = rig_load(r);
    rig_start(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void rig_close(struct core_rig *r)
{
    core_close(r->core);
    config_unref(r->config);
    assert_int_equal(nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- commands --- */

static enum err last_code;
static char last_text[256];

/* Runs a command with params as json_pack takes them; NULL with last_code and last_text on failure.
 */
UNUSED_FUNCTION static json_t *command(struct core_rig *r, const char *method, json_t *params)
{
    struct err_info ei = {0};
    json_t *result = NULL;
    last_code = core_command(r->core, method, params, &result, &ei);
    (void)snprintf(last_text, sizeof(last_text), "%s", ei.text);
    if (last_code != ERR_OK) {
        assert_null(result);
        assert_true(ei.text[0] != '\0');
    }
    return result;
}

/* Expects success. */
UNUSED_FUNCTION static json_t *done(struct core_rig *r, const char *method, json_t *params)
{
    json_t *result = command(r, method, params);
    if (!result) {
        fail_msg("%s: %s", method, last_text);
    }
    return result;
}

/* Expects that error, with words in its text. */
UNUSED_FUNCTION static void refused(struct core_rig *r, const char *method, json_t *params,
                                    enum err code, const char *words)
{
    json_t *result = command(r, method, params);
    assert_null(result);
    if (last_code != code || !strstr(last_text, words)) {
        fail_msg("%s: %s (%s), not %s with '%s'", method, err_name(last_code), last_text,
                 err_name(code), words);
    }
}

/* The value at a path such as "limits.0.override.amount" as text; owned by the next call. */
UNUSED_FUNCTION static const char *at(const json_t *value, const char *path)
{
    static struct buf text;
    char part[64];
    struct str rest = str_of(path);
    while (value && rest.n > 0) {
        assert_true(str_copy(part, sizeof(part), str_cut(rest, '.', &rest)));
        value = json_is_array(value) ? json_array_get(value, (size_t)strtol(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    buf_free(&text);
    if (!value) {
        return "(absent)";
    }
    assert_true(json_text(&text, value));
    return buf_cstr(&text);
}

#define assert_at(value, path, expected) assert_string_equal(at(value, path), expected)

/* Of all limits, as text: valid until the next call. */
UNUSED_FUNCTION static const char *limit_at(struct core_rig *r, const char *path)
{
    static char text[128];
    json_t *all = done(r, "limit.list", NULL);
    (void)snprintf(text, sizeof(text), "%s", at(all, path));
    json_decref(all);
    return text;
}

#endif
