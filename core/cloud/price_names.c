/* price_names.c: see price_names.h. */
#include "core/cloud/price_names.h"

#include "core/aws/cost_explorer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16
#define WORD_MAX  24

/* Words that say nothing about which model it is. */
static bool is_noise(const char *word)
{
    static const char *const noise[] = {"amazon",  "anthropic", "meta",  "deepseek", "openai",
                                        "bedrock", "edition",   "model", "instruct", "it",
                                        "google",  "nvidia",    "ai",    "v1",       "v0"};
    for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++) {
        if (strcmp(word, noise[i]) == 0) {
            return true;
        }
    }
    return strlen(word) >= 6 && strspn(word, "0123456789") == strlen(word); /* a date */
}

static int kind_of(char c)
{
    return c >= '0' && c <= '9' ? 1 : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? 2 : 0;
}

/* Cuts one word off: letters or digits, but "v2" together. Empty at the end. */
static void take_word(struct str *rest, char out[WORD_MAX])
{
    size_t n = 0;
    while (rest->n > 0 && kind_of(rest->p[0]) == 0) {
        *rest = str_sub(*rest, 1, rest->n);
    }
    while (n < rest->n && kind_of(rest->p[n]) != 0 &&
           (kind_of(rest->p[n]) == kind_of(rest->p[0]) ||
            (n > 0 && (rest->p[0] | 0x20) == 'v' && kind_of(rest->p[1]) == 1))) {
        n++;
    }
    (void)str_copy(out, WORD_MAX, str_sub(*rest, 0, n));
    for (char *at = out; *at != '\0'; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
    }
    *rest = str_sub(*rest, n, rest->n);
}

static int in_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

void price_names_key(char out[PRICE_KEY_MAX], struct str name)
{
    char words[WORDS_MAX][WORD_MAX];
    size_t count = 0, used = 0;
    struct str version, rest = str_cut(name, '(', &version);
    rest = str_cut(rest, ':', &version); /* ":0" of an ID */
    while (rest.n > 0 && count < WORDS_MAX) {
        take_word(&rest, words[count]);
        count += words[count][0] != '\0' && !is_noise(words[count]) ? 1 : 0;
    }
    qsort(words, count, sizeof(words[0]), in_order);
    out[0] = '\0';
    for (size_t i = 0; i < count && used + WORD_MAX + 1 < PRICE_KEY_MAX; i++) {
        int n = snprintf(out + used, PRICE_KEY_MAX - used, "%s%s", i > 0 ? " " : "", words[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

const char *price_names_class(enum price_class c)
{
    static const char *const names[] = {"input", "output", "cache_read", "cache_write",
                                        "cache_write_1h"};
    return c < PRICE_CLASSES ? names[c] : "";
}

/* Lower case, without what stands between words. */
static void squeeze(char *out, size_t size, const char *a, const char *b)
{
    size_t n = 0;
    for (int part = 0; part < 2; part++) {
        for (const char *at = part == 0 ? a : b; *at != '\0' && n + 1 < size; at++) {
            if (kind_of(*at) != 0) {
                out[n++] = kind_of(*at) == 2 ? (char)(*at | 0x20) : *at;
            }
        }
    }
    out[n] = '\0';
}

bool price_names_row(const struct price_list_row *r, enum price_class *class, bool *global)
{
    static const char *const others[] = {
        "batch",   "flex",      "priority", "reserved", "lctx",   "longcontext",
        "latency", "provision", "custom",   "audio",    "video",  "image",
        "speech",  "guardrail", "training", "storage",  "search", "grounding"};
    char text[400], tier[60];
    squeeze(text, sizeof(text), r->usage_type, r->kind);
    squeeze(tier, sizeof(tier), r->tier, r->feature);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (strstr(text, others[i]) != NULL || strstr(tier, others[i]) != NULL) {
            return false;
        }
    }
    *global = strstr(text, "global") != NULL;
    if (strstr(text, "cacheread") != NULL) {
        *class = PRICE_CACHE_READ;
    } else if (strstr(text, "cachewrite") != NULL) {
        *class = strstr(text, "1h") != NULL ? PRICE_CACHE_WRITE_1H : PRICE_CACHE_WRITE;
    } else if (strstr(text, "output") != NULL) {
        *class = PRICE_OUTPUT;
    } else if (strstr(text, "input") != NULL) {
        *class = PRICE_INPUT;
    } else {
        return false;
    }
    return true;
}

bool price_names_amount(const struct price_list_row *r, money_t *out)
{
    static const struct {
        const char *unit, *power;
    } units[] = {{"1k tokens", "E3"},
                 {"1k token", "E3"},
                 {"1m tokens", "E0"},
                 {"1m token", "E0"},
                 {"units", "E0"} /* of the marketplace: millions */};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (str_is_nocase(str_of(r->unit), units[i].unit)) {
            char scaled[80];
            int n = snprintf(scaled, sizeof(scaled), "%.*s%s", (int)r->usd_text.n, r->usd_text.p,
                             units[i].power);
            return n > 0 && n < (int)sizeof(scaled) && cost_explorer_amount(str_of(scaled), out);
        }
    }
    return false;
}

/* "Claude 3 Haiku (Amazon Bedrock Edition)" is a model; of Amazon's own service the usage type
 * tells, as "USE1-NovaLite-input-tokens": what lies between the Region and the kind of token. */
void price_names_billed(char out[PRICE_BILLED_MAX], struct str service, struct str usage)
{
    static const char edition[] = " (Amazon Bedrock Edition)";
    static const char *const ends[] = {"-input-token",  "-output-token", "-cache-read",
                                       "-cache-write",  "_InputToken",   "_OutputToken",
                                       "_CacheRead",    "_CacheWrite",   "_input_token",
                                       "_output_token", "-batch",        "-custom"};
    if (str_ends(service, edition)) {
        (void)str_copy(out, PRICE_BILLED_MAX,
                       str_sub(service, 0, service.n - (sizeof(edition) - 1)));
        return;
    }
    (void)str_copy(out, PRICE_BILLED_MAX, usage);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char *end = strcasestr(out, ends[i]);
        if (end != NULL) {
            *end = '\0';
        }
    }
    const char *dash = strchr(out, '-');
    if (dash != NULL && dash - out <= 5 && dash[1] != '\0') {
        memmove(out, dash + 1, strlen(dash + 1) + 1);
    }
    if (out[0] == '\0') {
        (void)str_copy(out, PRICE_BILLED_MAX, service);
    }
}
