/* The header x-tollgate-tags: a caller sets only the tags it may, to values that are allowed, and
 * never those of its key. */
#include "core/proxy/gate_private.h"
#include "tests/fuzz/fuzz.h"

static const char *const files[] = {
    "region: us-east-1\n"
    "tags:\n"
    "  defaults: {environment: dev}\n"
    "  from_caller: [environment, team, application]\n"
    "  values: {team: [red, blue]}\n",
    "region: us-east-1\n"
    "listen: [{address: \"127.0.0.1:0\"}]\n"
    "identity: optional\n"
    "tags: {required: [applicationId]}\n",
};

static struct config *config(unsigned which)
{
    static struct config *made[2];

    if (made[which] == NULL) {
        struct config_mistakes mistakes;
        made[which] = config_parse("fuzz.yaml", str_of(files[which]), &mistakes);
        for (size_t i = 0; made[which] == NULL && i < mistakes.count; i++) {
            fprintf(stderr, "%s: %s\n", mistakes.at[i].key, mistakes.at[i].text);
        }
        config_mistakes_free(&mistakes);
        MUST(made[which] != NULL);
    }
    return made[which];
}

static bool may_set(unsigned which, struct str key)
{
    return which == 1 || str_is(key, "environment") || str_is(key, "team") ||
           str_is(key, "applicationId");
}

static void check_accepted(const struct ticket *t, unsigned which)
{
    const struct tags *tags = &t->call.tags;
    struct str team = tags_get(tags, "team");

    MUST(tags->count <= TAGS_MAX && str_is(tags_get(tags, "costCenter"), "sales"));
    for (size_t i = 0; i < tags->count; i++) {
        struct str key = tags->at[i].key;
        MUST(tags_key_ok(key) && tags_value_ok(tags->at[i].value));
        MUST(str_is(key, "costCenter") || may_set(which, key));
        MUST(i == 0 || strcmp(tags->at[i - 1].key.p, key.p) < 0);
    }
    if (which == 0) {
        MUST(team.n == 0 || str_is(team, "red") || str_is(team, "blue"));
        MUST(tags_get(tags, "environment").n > 0);
    } else {
        MUST(tags_get(tags, "applicationId").n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    unsigned which = input_byte(&in) % 2;
    struct rules rules = {.config = config(which)};
    struct http_header headers[8];
    struct exchange x = {.headers = headers};
    struct ticket t = {.x = &x, .rules = &rules};
    struct tags key_tags = {0}, body_tags = {0};
    struct err_info ei = {0};

    call_init(&t.call);
    MUST(tags_set(&key_tags, &t.call.arena, STR("costCenter"), STR("sales")) == ERR_OK);
    while (in.n > 0 && x.header_count < 8) { /* what the front lets through has no control bytes */
        struct str value = str_trim(input_line(&in));
        if (memchr(value.p, '\0', value.n) == NULL && memchr(value.p, '\r', value.n) == NULL) {
            headers[x.header_count++] = (struct http_header){STR("x-tollgate-tags"), value};
        }
    }
    enum err e = gate_tags(&t, &key_tags, &body_tags, &ei);
    if (e == ERR_OK) {
        check_accepted(&t, which);
        MUST(!holds_control(t.ignored)); /* it is answered in a header */
    } else {
        MUST(e == ERR_PARSE && ei.text[0] != '\0' && !holds_control(str_of(ei.text)));
    }
    call_clear(&t.call);
    return 0;
}
