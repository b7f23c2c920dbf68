/* sim_family.c: see sim_family.h. */
#include "core/sim/sim_family.h"

#include "core/base/json_scan.h"

#include <string.h>

static const char *const scopes[] = {"us.", "eu.", "apac.",   "jp.",
                                     "au.", "ca.", "us-gov.", "global."};
static const char *const providers[] = {
    "amazon.",   "anthropic.", "meta.",       "mistral.", "cohere.",   "ai21.",
    "deepseek.", "openai.",    "qwen.",       "writer.",  "google.",   "moonshot.",
    "minimax.",  "nvidia.",    "twelvelabs.", "zai.",     "stability."};
static const char *const partitions[] = {
    "arn:aws:bedrock:", "arn:aws-us-gov:bedrock:", "arn:aws-cn:bedrock:"};

static bool starts_with_any(struct str id, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_starts(id, prefixes[i])) {
            return true;
        }
    }
    return false;
}
#define STARTS_WITH(id, list) starts_with_any(id, list, sizeof(list) / sizeof(list)[0])

static bool is_plain(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= ':') ||
              c == '_')) {
            return false;
        }
    }
    return true;
}

bool sim_family_known(struct str id)
{
    if (!is_plain(id)) {
        return false;
    }
    if (STARTS_WITH(id, partitions)) {
        return memchr(id.p, '/', id.n) != NULL;
    }
    if (STARTS_WITH(id, scopes)) {
        (void)str_cut(id, '.', &id);
    }
    return STARTS_WITH(id, providers);
}

bool sim_family_known_to_mantle(struct str id)
{
    return is_plain(id) && STARTS_WITH(id, providers) && memchr(id.p, ':', id.n) == NULL;
}

enum sim_form sim_family_form(struct str id)
{
    static const struct {
        const char *prefix;
        enum sim_form form;
    } families[] = {
        {"anthropic.", SIM_FORM_CLAUDE},
        {"amazon.titan-embed", SIM_FORM_TITAN_EMBED},
        {"amazon.titan", SIM_FORM_TITAN},
        {"amazon.", SIM_FORM_NOVA},
        {"meta.", SIM_FORM_LLAMA},
        {"mistral.", SIM_FORM_MISTRAL},
        {"cohere.embed", SIM_FORM_COHERE_EMBED},
        {"cohere.", SIM_FORM_COHERE},
        {"ai21.", SIM_FORM_AI21},
        {"deepseek.", SIM_FORM_DEEPSEEK},
    };
    struct str rest;

    if (STARTS_WITH(id, partitions)) {
        do {
            (void)str_cut(id, '/', &rest);
            id = rest.p != NULL ? rest : id;
        } while (rest.p != NULL);
    }
    if (STARTS_WITH(id, scopes)) {
        (void)str_cut(id, '.', &id);
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (str_starts(id, families[i].prefix)) {
            return families[i].form;
        }
    }
    return STARTS_WITH(id, providers) ? SIM_FORM_CHAT : SIM_FORMS;
}

enum sim_form sim_family_guess(struct str body)
{
    static const struct {
        const char *member;
        enum sim_form form;
    } signs[] = {
        {"anthropic_version", SIM_FORM_CLAUDE}, {"inferenceConfig", SIM_FORM_NOVA},
        {"max_gen_len", SIM_FORM_LLAMA},        {"inputText", SIM_FORM_TITAN},
        {"texts", SIM_FORM_COHERE_EMBED},       {"message", SIM_FORM_COHERE},
        {"prompt", SIM_FORM_MISTRAL},
    };
    enum { SIGNS = sizeof signs / sizeof signs[0] };
    size_t best = SIGNS;
    struct scan s;
    struct str key;

    scan_init(&s, body.p, body.n);
    scan_object(&s);
    while (scan_key(&s, &key)) {
        for (size_t i = 0; i < best; i++) {
            best = scan_raw_is(key, signs[i].member) ? i : best;
        }
        scan_skip(&s);
    }
    return best < SIGNS ? signs[best].form : SIM_FORM_CHAT;
}
