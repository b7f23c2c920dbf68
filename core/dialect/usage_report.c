/* usage_report.c: see usage_report.h. */
#include "core/dialect/usage_report.h"

#include "core/base/money.h"

#include <string.h>

void usage_report_init(struct usage_report *r)
{
    *r = (struct usage_report){-1, -1, -1, -1, -1, -1, -1, -1};
}

/* A count of tokens; null says nothing. Broken when it is negative or no whole number. */
static void read_count(struct scan *s, int64_t *out)
{
    int64_t n;

    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
    } else if (scan_int(s, &n)) {
        s->bad = s->bad || n < 0;
        *out = n;
    }
}

/* One of cacheDetails: {"ttl":"1h","inputTokens":56}. */
static void read_cache_detail(struct scan *s, struct usage_report *r)
{
    struct str key, ttl = {0};
    int64_t tokens = 0;

    if (!scan_object(s)) {
        return;
    }
    while (scan_key(s, &key)) {
        if (scan_raw_is(key, "ttl") && scan_peek(s) == SCAN_STRING) {
            scan_string(s, &ttl);
        } else if (scan_raw_is(key, "inputTokens")) {
            read_count(s, &tokens);
        } else {
            scan_skip(s);
        }
    }
    int64_t *sum = scan_raw_is(ttl, "1h") ? &r->cache_1h : &r->cache_5m;
    *sum = money_add(*sum, tokens);
}

static void read_cache_details(struct scan *s, struct usage_report *r)
{
    if (scan_peek(s) != SCAN_ARRAY) {
        scan_skip(s);
        return;
    }
    r->cache_5m = r->cache_1h = 0;
    scan_array(s);
    while (scan_element(s)) {
        read_cache_detail(s, r);
    }
}

struct count_name {
    const char *name;
    size_t at; /* of struct usage_report */
};

#define AT(member) offsetof(struct usage_report, member)

static const struct count_name counts[] = {
    {"inputTokens", AT(input)},
    {"input_tokens", AT(input)},
    {"prompt_tokens", AT(input)},
    {"inputTokenCount", AT(input)},
    {"outputTokens", AT(output)},
    {"output_tokens", AT(output)},
    {"completion_tokens", AT(output)},
    {"outputTokenCount", AT(output)},
    {"cacheReadInputTokens", AT(cache_read)},
    {"cache_read_input_tokens", AT(cache_read)},
    {"cacheReadInputTokenCount", AT(cache_read)},
    {"cacheWriteInputTokens", AT(cache_write)},
    {"cache_creation_input_tokens", AT(cache_write)},
    {"cacheWriteInputTokenCount", AT(cache_write)},
};

static const struct count_name creation_counts[] = {
    {"ephemeral_5m_input_tokens", AT(cache_5m)},
    {"ephemeral_1h_input_tokens", AT(cache_1h)},
};

static const struct count_name detail_counts[] = {
    {"cached_tokens", AT(inside_read)},
    {"cache_write_tokens", AT(inside_write)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool read_named(struct scan *s, struct usage_report *r, struct str key,
                       const struct count_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scan_raw_is(key, names[i].name)) {
            read_count(s, (int64_t *)(void *)((char *)r + names[i].at));
            return true;
        }
    }
    return false;
}

/* An object of these counts, in whose place anything else says nothing. */
static void read_group(struct scan *s, struct usage_report *r, const struct count_name *names,
                       size_t n)
{
    struct str key;

    if (scan_peek(s) != SCAN_OBJECT) {
        scan_skip(s);
        return;
    }
    scan_object(s);
    while (scan_key(s, &key)) {
        if (!read_named(s, r, key, names, n)) {
            scan_skip(s);
        }
    }
}

bool usage_report_read(struct usage_report *r, struct str json)
{
    struct usage_report read = *r;
    struct scan s;
    struct str key;

    scan_init(&s, json.p, json.n);
    if (!scan_object(&s)) {
        return false;
    }
    while (scan_key(&s, &key)) {
        if (read_named(&s, &read, key, counts, COUNT(counts))) {
            continue;
        }
        if (scan_raw_is(key, "cacheDetails")) {
            read_cache_details(&s, &read);
        } else if (scan_raw_is(key, "cache_creation")) {
            read_group(&s, &read, creation_counts, COUNT(creation_counts));
        } else if (scan_raw_is(key, "prompt_tokens_details") ||
                   scan_raw_is(key, "input_tokens_details")) {
            read_group(&s, &read, detail_counts, COUNT(detail_counts));
        } else {
            scan_skip(&s);
        }
    }
    if (!scan_done(&s)) {
        return false;
    }
    *r = read;
    return true;
}

bool usage_report_complete(const struct usage_report *r)
{
    return r->input >= 0 && r->output >= 0;
}

static int64_t said(int64_t n)
{
    return n > 0 ? n : 0;
}

struct usage usage_report_total(const struct usage_report *r)
{
    int64_t detailed = money_add(said(r->cache_5m), said(r->cache_1h));
    int64_t written = money_add(said(r->cache_write), said(r->inside_write));
    int64_t input = said(r->input);

    written = written > detailed ? written : detailed;
    input = input > said(r->inside_read) ? input - said(r->inside_read) : 0;
    input = input > said(r->inside_write) ? input - said(r->inside_write) : 0;
    return (struct usage){
        .input = input,
        .output = said(r->output),
        .cache_read = money_add(said(r->cache_read), said(r->inside_read)),
        .cache_write_5m = written - said(r->cache_1h),
        .cache_write_1h = said(r->cache_1h),
    };
}

/* Members of an event that name, end or pad it. */
static bool is_no_text(struct str key)
{
    static const struct str names[] = {
        STR("type"),
        STR("id"),
        STR("model"),
        STR("role"),
        STR("object"),
        STR("signature"),
        STR("stop_reason"),
        STR("stop_sequence"),
        STR("stopReason"),
        STR("finish_reason"),
        STR("event_type"),
        STR("response_id"),
        STR("generation_id"),
        STR("item_id"),
        STR("completionReason"),
        STR("logprobs"),
        STR("obfuscation"),
        STR("usage"),
        STR("call_id"),
        STR("system_fingerprint"),
        STR("stop"),
        STR("service_tier"),
        STR("p"),
        STR("amazon-bedrock-trace"),
        STR("amazon-bedrock-guardrailAction"),
    };
    bool escaped = key.n > 0 && memchr(key.p, '\\', key.n) != NULL;

    for (size_t i = 0; i < COUNT(names); i++) {
        bool same = escaped ? scan_raw_is(key, names[i].p)
                            : key.n == names[i].n && key.p[0] == names[i].p[0] &&
                                  memcmp(key.p, names[i].p, key.n) == 0;
        if (same) {
            return true;
        }
    }
    return false;
}

void usage_add_member_text(struct scan *s, struct str key,
                           int64_t *sum) /* NOLINT(misc-no-recursion) */
{
    if (is_no_text(key)) {
        scan_skip(s);
    } else {
        usage_add_text(s, sum);
    }
}

/* Depth is bounded by the scan. */
void usage_add_text(struct scan *s, int64_t *sum) /* NOLINT(misc-no-recursion) */
{
    struct str raw;

    switch (scan_peek(s)) {
    case SCAN_STRING:
        if (scan_string(s, &raw)) {
            *sum += (int64_t)scan_raw_length(raw);
        }
        break;
    case SCAN_OBJECT:
        scan_object(s);
        while (scan_key(s, &raw)) {
            usage_add_member_text(s, raw, sum);
        }
        break;
    case SCAN_ARRAY:
        scan_array(s);
        while (scan_element(s)) {
            usage_add_text(s, sum);
        }
        break;
    case SCAN_NONE:
    case SCAN_NUMBER:
    case SCAN_TRUE:
    case SCAN_FALSE:
    case SCAN_NULL:
        scan_skip(s);
        break;
    }
}

int64_t usage_text_bytes(struct str json)
{
    struct scan s;
    int64_t bytes = 0;

    scan_init(&s, json.p, json.n);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return (int64_t)json.n;
    }
    usage_add_text(&s, &bytes);
    return scan_done(&s) ? bytes : (int64_t)json.n;
}
