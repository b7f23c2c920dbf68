/* parse_rig.h: texts read as files, in an environment that says nothing, and their mistakes. */
#ifndef TOLLGATE_TESTS_PARSE_RIG_H
#define TOLLGATE_TESTS_PARSE_RIG_H

#include "core/config/config.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {"AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                                        "AWS_ENDPOINT_URL_CLOUDWATCH",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                        "XDG_STATE_HOME"};

static inline int fresh_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i]);
    }
    return setenv("HOME", "/home/somebody", 1);
}

static struct config_mistakes mistakes; /* of the last file */

static inline struct config *parse(const char *text)
{
    return config_parse("/etc/tollgate/tollgate.yaml", str_of(text), &mistakes);
}

static inline struct config *must_parse(const char *text)
{
    struct config *c = parse(text);
    if (c == NULL) {
        fail_msg("refused: %s: %s", mistakes.at[0].key, mistakes.at[0].text);
    }
    config_mistakes_free(&mistakes);
    return c;
}

/* The mistake of that line and key whose text holds `part`. */
static inline const struct config_mistake *find(int line, const char *key, const char *part)
{
    for (size_t i = 0; i < mistakes.count; i++) {
        const struct config_mistake *m = &mistakes.at[i];
        if (m->line == line && strcmp(m->key, key) == 0 && strstr(m->text, part) != NULL) {
            return m;
        }
    }
    return NULL;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_environment)

#endif
