/* catalog_ids.c: identifiers taken apart, and what an ID alone tells of a model. */
#include "core/catalog/catalog_private.h"

static const char *const geographies[] = {"us.", "eu.", "apac.",   "jp.",
                                          "au.", "ca.", "global.", "us-gov."};

/* The next part of an ARN, up to ':'; false at its end. */
static bool arn_part(struct str *rest, struct str *part)
{
    if (rest->p == NULL) {
        return false;
    }
    *part = str_cut(*rest, ':', rest);
    return rest->p != NULL;
}

static bool only(struct str text, const char *first, const char *last)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != '-' && !(c >= first[0] && c <= first[1]) && !(c >= last[0] && c <= last[1])) {
            return false;
        }
    }
    return true;
}

enum catalog_kind catalog_classify(struct str identifier, struct str *id)
{
    *id = identifier;
    if (!str_starts(identifier, "arn:")) {
        return KIND_MODEL;
    }
    struct str rest = identifier, arn, partition, service, region, account, type;
    if (!arn_part(&rest, &arn) || !arn_part(&rest, &partition) || !arn_part(&rest, &service) ||
        !arn_part(&rest, &region) || !arn_part(&rest, &account) || !str_is(service, "bedrock") ||
        !str_starts(partition, "aws") || !only(region, "az", "09") || !only(account, "09", "09")) {
        return KIND_OTHER;
    }
    type = str_cut(rest, '/', id);
    if (id->p == NULL || id->n == 0) {
        *id = identifier;
        return KIND_OTHER;
    }
    if (str_is(type, "foundation-model") || str_is(type, "inference-profile")) {
        return KIND_MODEL;
    }
    return str_is(type, "application-inference-profile") ? KIND_APPLICATION : KIND_OTHER;
}

int64_t catalog_arn_account(struct str arn)
{
    struct str rest = arn, part = {NULL, 0};
    int64_t account = 0;
    for (int i = 0; i < 5; i++) { /* arn, partition, service, Region, account */
        if (!arn_part(&rest, &part)) {
            return 0;
        }
    }
    return str_starts(arn, "arn:") && str_to_i64(part, &account) && account > 0 ? account : 0;
}

struct str catalog_base_of(struct str id)
{
    for (size_t i = 0; i < sizeof(geographies) / sizeof(geographies[0]); i++) {
        struct str prefix = str_of(geographies[i]);
        struct str after, rest = str_sub(id, prefix.n, id.n);
        str_cut(rest, '.', &after);
        if (str_starts(id, geographies[i]) && after.p != NULL) {
            id = rest;
            break;
        }
    }
    for (size_t i = 0; i < catalog_twin_count; i++) {
        if (str_is(id, catalog_twins[i].id)) {
            return str_of(catalog_twins[i].base_id);
        }
    }
    return id;
}

bool catalog_is_gov(struct str id)
{
    return str_starts(id, "us-gov.");
}

/* The first pattern that fits. Maximum output errs upward, because it bounds what is reserved;
 * burndown is the weight of an output token in AWS's quota. */
static const struct {
    const char *pattern;
    int64_t max_output;
    int burndown;
} bounds[] = {
    {"anthropic.claude-instant-*", 4096, 1},
    {"anthropic.claude-v2*", 4096, 1},
    {"anthropic.claude-3-7-*", 64000, 5},
    {"anthropic.claude-3-5-*", 8192, 1},
    {"anthropic.claude-3-*", 4096, 1},
    {"anthropic.claude-*-4-8*", 128000, 15},
    {"anthropic.claude-opus-4-5*", 64000, 5},
    {"anthropic.claude-opus-4-6*", 128000, 5},
    {"anthropic.claude-opus-4-7*", 128000, 5},
    {"anthropic.claude-opus-4-*", 32000, 5},
    {"anthropic.claude-sonnet-4-6*", 128000, 5},
    {"anthropic.claude-sonnet-4-7*", 128000, 5},
    {"anthropic.claude-*-4-*", 64000, 5},
    {"anthropic.*", 128000, 10},
    {"amazon.nova-premier-*", 32000, 1},
    {"amazon.nova-2-*", 65536, 1},
    {"amazon.nova-*", 10000, 1},
    {"amazon.titan-*", 8192, 1},
    {"meta.*", 8192, 1},
    {"mistral.mistral-7b-*", 8192, 1},
    {"mistral.mixtral-*", 8192, 1},
    {"mistral.mistral-*-2402-*", 8192, 1},
    {"mistral.*", 32768, 1},
    {"cohere.*", 4096, 1},
    {"ai21.*", 4096, 1},
    {"openai.gpt-5.6-*", 128000, 10},
    {"openai.*", 128000, 1},
    {"deepseek.*", 32768, 1},
    {"*", 131072, 1},
};

static const struct {
    const char *prefix;
    enum model_family family;
} families[] = {
    {"anthropic.", FAMILY_ANTHROPIC}, {"amazon.nova-", FAMILY_NOVA},
    {"amazon.titan-", FAMILY_TITAN},  {"meta.", FAMILY_LLAMA},
    {"mistral.", FAMILY_MISTRAL},     {"cohere.", FAMILY_COHERE},
    {"ai21.", FAMILY_AI21},           {"openai.", FAMILY_OPENAI},
    {"deepseek.", FAMILY_DEEPSEEK},
};

/* What templates add around the text of a call, a message and a tool. Set above what the families
 * are seen to add, because the byte estimate must not fall short. */
#define OVERHEAD_CALL    32
#define OVERHEAD_MESSAGE 8
#define OVERHEAD_TOOL    400

void catalog_describe(struct model *m, const char *base_id)
{
    struct str id = str_of(base_id);
    *m = (struct model){.name = base_id,
                        .base_id = base_id,
                        .family = FAMILY_OTHER,
                        .overhead_call = OVERHEAD_CALL,
                        .overhead_message = OVERHEAD_MESSAGE,
                        .overhead_tool = OVERHEAD_TOOL};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (str_starts(id, families[i].prefix)) {
            m->family = families[i].family;
        }
    }
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        if (str_glob(str_of(bounds[i].pattern), id)) {
            m->max_output = bounds[i].max_output;
            m->burndown = bounds[i].burndown;
            return;
        }
    }
}
