/* probe.c: calls at once with libcurl's multi interface, one thread. */
#include "core/control/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/clock.h"

#define ANSWER_MAX (4 * 1024 * 1024)
#define POLL_MS    100 /* how soon an interrupt is noticed */

static const char *const names[PROBE_DIALECTS] = {"bedrock", "openai", "anthropic"};

struct call {
    CURL *easy;
    struct buf answer;
    bool busy;
};

struct run {
    const struct probe_plan *plan;
    struct probe_counts *counts;
    CURLM *multi;
    struct call *calls; /* plan->parallel of them */
    struct curl_slist *headers;
    char *body, *url;
};

const char *probe_dialect_name(enum probe_dialect d)
{
    return names[d];
}

/* --- what is sent --- */

/* The path of a URL: from its first slash after the host; "" without one. */
static struct str path_of(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    struct str rest, p = str_cut(str_of(path ? path : ""), '?', &rest);
    return p;
}

bool probe_dialect_of(const char *url, enum probe_dialect *out)
{
    struct str p = path_of(url);
    if (str_ends(p, "/converse")) {
        *out = PROBE_BEDROCK;
    } else if (str_ends(p, "/chat/completions")) {
        *out = PROBE_OPENAI;
    } else if (str_ends(p, "/messages")) {
        *out = PROBE_ANTHROPIC;
    } else {
        return false;
    }
    return true;
}

static char *make_url(const struct probe_plan *p)
{
    struct buf b = {.max = 8192};
    struct str path = path_of(p->url);
    (void)buf_add_str(&b, str_of(p->url));
    if (path.n == 0 || str_is(path, "/")) {
        b.len -= path.n;
        char *model = curl_easy_escape(NULL, p->model, 0);
        if (!model || p->dialect == PROBE_BEDROCK) {
            (void)buf_printf(&b, "/model/%s/converse", model ? model : "");
        } else {
            (void)buf_add(&b, p->dialect == PROBE_OPENAI ? "/v1/chat/completions"
                                                         : "/anthropic/v1/messages");
        }
        curl_free(model);
    }
    char *url = b.failed ? NULL : str_dup(buf_str(&b));
    buf_free(&b);
    return url;
}

static char *make_body(const struct probe_plan *p)
{
    json_t *o;
    if (p->dialect == PROBE_BEDROCK) {
        o = json_pack("{s:[{s:s, s:[{s:s}]}], s:{s:i}}", "messages", "role", "user", "content",
                      "text", p->prompt, "inferenceConfig", "maxTokens", p->max_tokens);
    } else {
        o = json_pack("{s:s, s:i, s:[{s:s, s:s}]}", "model", p->model, "max_tokens", p->max_tokens,
                      "messages", "role", "user", "content", p->prompt);
    }
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return text;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    struct buf b = {.max = 16384};
    (void)buf_printf(&b, "%s: %s", name, value);
    struct curl_slist *longer = b.failed ? NULL : curl_slist_append(*list, buf_cstr(&b));
    buf_free(&b);
    *list = longer ? longer : *list;
    return longer != NULL;
}

static bool make_headers(struct run *r)
{
    const struct probe_plan *p = r->plan;
    bool anthropic = p->dialect == PROBE_ANTHROPIC;
    char bearer[8300];
    bool ok = add_header(&r->headers, "Content-Type", "application/json");
    r->headers = ok ? curl_slist_append(r->headers, "Expect:") : NULL;
    ok = r->headers != NULL;
    if (ok && anthropic) {
        ok = add_header(&r->headers, "anthropic-version", "2023-06-01");
    }
    if (ok && p->key) {
        (void)snprintf(bearer, sizeof(bearer), "%s%.8000s", anthropic ? "" : "Bearer ", p->key);
        ok = add_header(&r->headers, anthropic ? "x-api-key" : "Authorization", bearer);
    }
    return ok;
}

/* --- what comes back --- */

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct call *c = arg;
    return buf_append(&c->answer, data, size * n) ? size * n : 0;
}

static bool add_number(const json_t *usage, const char *name, int64_t *to)
{
    const json_t *v = json_object_get(usage, name);
    *to += json_integer_value(v);
    return json_is_integer(v);
}

/* Names differ, and no answer has two of them. OpenAI's prompt tokens hold what was cached. */
static bool read_usage(const json_t *answer, struct probe_counts *c)
{
    static const char *const input[] = {"inputTokens", "prompt_tokens", "input_tokens"};
    static const char *const output[] = {"outputTokens", "completion_tokens", "output_tokens"};
    static const char *const cache[] = {"cacheReadInputTokens", "cacheWriteInputTokens",
                                        "cache_read_input_tokens", "cache_creation_input_tokens"};
    const json_t *usage = json_object_get(answer, "usage");
    bool has_input = false, has_output = false;
    for (size_t i = 0; i < 3; i++) {
        has_input = add_number(usage, input[i], &c->input_tokens) || has_input;
        has_output = add_number(usage, output[i], &c->output_tokens) || has_output;
    }
    for (size_t i = 0; i < 4; i++) {
        (void)add_number(usage, cache[i], &c->input_tokens);
    }
    return has_input && has_output;
}

static bool is_denial(struct call *c, long status)
{
    struct curl_header *h;
    if (status == 429 ||
        curl_easy_header(c->easy, "x-tollgate-limit", 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
        return true;
    }
    return status == 400 &&
           curl_easy_header(c->easy, "x-amzn-errortype", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
           str_starts(str_of(h->value), "ServiceQuotaExceededException");
}

static void note_problem(struct probe_counts *counts, const char *what, struct str detail)
{
    char shown[160];
    if (!counts->problem[0]) {
        (void)str_printable(shown, sizeof(shown), str_sub(detail, 0, 150));
        (void)snprintf(counts->problem, sizeof(counts->problem), "%.36s%s%s", what,
                       shown[0] ? ": " : "", shown);
    }
}

static void judge(struct run *r, struct call *c, CURLcode code)
{
    struct probe_counts *counts = r->counts;
    long status = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        counts->failed++;
        note_problem(counts, curl_easy_strerror(code), (struct str){NULL, 0});
    } else if (status >= 200 && status < 300) {
        json_t *answer =
            json_loadb(buf_bytes(&c->answer) ? buf_bytes(&c->answer) : "", c->answer.len, 0, NULL);
        counts->admitted++;
        counts->without_usage += !read_usage(answer, counts);
        json_decref(answer);
    } else if (is_denial(c, status)) {
        counts->denied++;
    } else {
        char what[32];
        counts->failed++;
        (void)snprintf(what, sizeof(what), "status %ld", status);
        note_problem(counts, what, buf_str(&c->answer));
    }
}

/* --- all of them --- */

static bool begin_call(struct run *r, struct call *c)
{
    const struct probe_plan *p = r->plan;
    CURL *e = c->easy;
    buf_clear(&c->answer);
    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)p->timeout_ms);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    c->busy = curl_multi_add_handle(r->multi, e) == CURLM_OK;
    r->counts->sent += c->busy;
    return c->busy;
}

static void end_calls(struct run *r)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(r->multi, &left)) != NULL;) {
        for (int i = 0; m->msg == CURLMSG_DONE && i < r->plan->parallel; i++) {
            struct call *c = &r->calls[i];
            if (c->easy == m->easy_handle) {
                judge(r, c, m->data.result);
                c->busy = curl_multi_remove_handle(r->multi, c->easy) != CURLM_OK;
                break;
            }
        }
    }
}

static bool drive(struct run *r)
{
    const struct probe_plan *p = r->plan;
    int running = 1;
    while (running > 0 || r->counts->sent < p->calls) {
        if (atomic_load(p->interrupted)) {
            break;
        }
        for (int i = 0; i < p->parallel && r->counts->sent < p->calls; i++) {
            if (!r->calls[i].busy && !begin_call(r, &r->calls[i])) {
                return false;
            }
        }
        if (curl_multi_perform(r->multi, &running) != CURLM_OK) {
            return false;
        }
        end_calls(r);
        if (running > 0 && curl_multi_poll(r->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            return false;
        }
    }
    for (int i = 0; i < p->parallel; i++) {
        if (r->calls[i].busy) {
            r->counts->failed++;
            note_problem(r->counts, "interrupted", (struct str){NULL, 0});
        }
    }
    return true;
}

static bool prepare(struct run *r)
{
    r->multi = curl_multi_init();
    r->calls = calloc((size_t)r->plan->parallel, sizeof(*r->calls));
    r->url = make_url(r->plan);
    r->body = make_body(r->plan);
    bool ok = r->multi && r->calls && r->url && r->body && make_headers(r);
    for (int i = 0; ok && i < r->plan->parallel; i++) {
        buf_init(&r->calls[i].answer, ANSWER_MAX);
        r->calls[i].easy = curl_easy_init();
        ok = r->calls[i].easy != NULL;
    }
    /* Connections are kept only as far as calls go on: each of them has one at once. */
    return ok &&
           curl_multi_setopt(r->multi, CURLMOPT_MAXCONNECTS, (long)r->plan->parallel) == CURLM_OK;
}

static void clean_up(struct run *r)
{
    for (int i = 0; r->calls && i < r->plan->parallel; i++) {
        if (r->calls[i].busy) {
            (void)curl_multi_remove_handle(r->multi, r->calls[i].easy);
        }
        curl_easy_cleanup(r->calls[i].easy);
        buf_free(&r->calls[i].answer);
    }
    (void)curl_multi_cleanup(r->multi);
    curl_slist_free_all(r->headers);
    free(r->calls);
    free(r->url);
    free(r->body);
}

enum err probe_run(const struct probe_plan *plan, struct probe_counts *out, struct err_info *ei)
{
    struct run r = {.plan = plan, .counts = out};
    *out = (struct probe_counts){.sent = 0};
    if (!str_starts(str_of(plan->url), "http://") && !str_starts(str_of(plan->url), "https://")) {
        return err_set(ei, ERR_PARSE, "%.200s: must begin with http:// or https://", plan->url);
    }
    int64_t began = clock_mono_us();
    bool ok = prepare(&r) && drive(&r);
    out->took_ms = (clock_mono_us() - began) / 1000;
    clean_up(&r);
    return ok ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for %d calls at once", plan->parallel);
}
