/* traffic.c: see traffic.h. One thread, one libcurl multi handle; a slot for each call at once. */
#include "core/sim/traffic.h"

#include "core/base/clock.h"
#include "core/dialect/eventstream.h"
#include "core/sim/sim_words.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define APPLICATIONS_MAX 64
#define PARALLEL_MAX     64
#define WORDS_MAX        20000
#define ATTEMPTS         3
#define BURST_US         20000
#define RETRY_US         200000LL
#define BACK_OFF_MOST_US 2000000LL
#define SLEEP_MOST_MS    500
#define ANSWER_MAX       1048576

struct slot {
    struct application *application;
    CURL *easy;
    struct buf body, frames;
    bool busy, waits; /* waits: for a retry at retry_us */
    bool exception;   /* the stream said one */
    int attempt;
    int64_t retry_us;
};

struct application {
    struct traffic_application is;
    char *texts[4]; /* owned copies behind `is` */
    char *url;
    struct curl_slist *headers;
    struct slot *slots; /* is.parallel of them */
    uint64_t draw;
    int64_t due_us;
    int burst_left;
};

struct traffic {
    pthread_t thread;
    CURLM *multi;
    atomic_bool stop;
    struct application *applications;
    size_t count;
    _Atomic int64_t calls, ok, denied, failed;
};

/* --- one call --- */

static void check_frames(struct slot *s)
{
    struct eventstream_message m;
    size_t need;

    while (eventstream_next(buf_bytes(&s->frames), s->frames.len, &m, &need) == ERR_OK) {
        s->exception = s->exception || str_is(eventstream_find(&m, ":message-type"), "exception");
        buf_consume(&s->frames, m.length);
    }
}

static size_t on_bytes(char *data, size_t size, size_t n, void *arg)
{
    struct slot *s = arg;

    if (s->application->is.stream) {
        if (!buf_append(&s->frames, data, size * n)) {
            return 0;
        }
        check_frames(s);
    }
    return size * n;
}

static void build_body(struct slot *s)
{
    struct application *a = s->application;
    int64_t words = a->is.input_words > WORDS_MAX ? WORDS_MAX : a->is.input_words;

    buf_clear(&s->body);
    buf_add(&s->body, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"");
    /* No two alike, a quarter shorter or longer. */
    words = words * (75 + (int64_t)(sim_draw(&a->draw) % 51)) / 100;
    sim_words_add(&s->body, &a->draw, words > 0 ? words : 1, true);
    buf_add(&s->body, "\"}]}]");
    if (a->is.max_tokens > 0) {
        buf_printf(&s->body, ",\"inferenceConfig\":{\"maxTokens\":%d}", a->is.max_tokens);
    }
    buf_add(&s->body, "}");
}

static bool send_call(struct traffic *t, struct slot *s)
{
    buf_clear(&s->frames);
    s->exception = s->waits = false;
    return curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, buf_cstr(&s->body)) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body.len) ==
               CURLE_OK &&
           curl_multi_add_handle(t->multi, s->easy) == CURLM_OK;
}

static void begin_call(struct traffic *t, struct slot *s)
{
    build_body(s);
    s->attempt = 1;
    s->busy = true;
    atomic_fetch_add(&t->calls, 1);
    if (s->body.failed || !send_call(t, s)) {
        s->busy = false;
        atomic_fetch_add(&t->failed, 1);
    }
}

static void back_off(struct slot *s)
{
    struct application *a = s->application;
    curl_off_t seconds = 0;

    (void)curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &seconds);
    int64_t wait = seconds > 2 ? BACK_OFF_MOST_US : (int64_t)seconds * 1000000;
    int64_t until = clock_mono_us() + wait;
    a->due_us = a->due_us > until ? a->due_us : until;
}

static void end_call(struct traffic *t, struct slot *s, CURLcode result)
{
    long status = 0;

    (void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK && status == 0 && s->attempt < ATTEMPTS) {
        s->attempt++;
        s->waits = true;
        s->retry_us = clock_mono_us() + RETRY_US;
        return;
    }
    s->busy = false;
    if (result == CURLE_OK && (status == 429 || status == 400)) {
        atomic_fetch_add(&t->denied, 1);
        back_off(s);
    } else if (result == CURLE_OK && status == 200 && !s->exception) {
        atomic_fetch_add(&t->ok, 1);
    } else {
        atomic_fetch_add(&t->failed, 1);
    }
}

/* --- the thread --- */

static struct slot *free_slot(struct application *a)
{
    for (int i = 0; i < a->is.parallel; i++) {
        if (!a->slots[i].busy) {
            return &a->slots[i];
        }
    }
    return NULL;
}

/* Half to one and a half of the mean. */
static int64_t next_period(struct application *a)
{
    return a->is.period_ms * (500 + (int64_t)(sim_draw(&a->draw) % 1001));
}

/* Begins and retries what is due; returns when the next is. */
static int64_t run_application(struct traffic *t, struct application *a, int64_t now)
{
    if (a->due_us <= now) {
        struct slot *s = free_slot(a);
        if (s != NULL) {
            begin_call(t, s);
        }
        a->due_us = now + (a->burst_left > 0 ? BURST_US : next_period(a));
        a->burst_left -= a->burst_left > 0;
    }
    int64_t next = a->due_us;
    for (int i = 0; i < a->is.parallel; i++) {
        struct slot *s = &a->slots[i];
        if (!s->waits) {
            continue;
        }
        if (s->retry_us > now) {
            next = next < s->retry_us ? next : s->retry_us;
        } else if (!send_call(t, s)) {
            s->busy = s->waits = false;
            atomic_fetch_add(&t->failed, 1);
        }
    }
    return next;
}

static void collect(struct traffic *t)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(t->multi, &left)) != NULL) {
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *easy = m->easy_handle;
        CURLcode result = m->data.result;
        char *slot = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
        (void)curl_multi_remove_handle(t->multi, easy);
        if (slot != NULL) {
            end_call(t, (struct slot *)(void *)slot, result);
        }
    }
}

static void *run(void *arg)
{
    struct traffic *t = arg;

    while (!atomic_load(&t->stop)) {
        int64_t now = clock_mono_us();
        int64_t next = now + SLEEP_MOST_MS * 1000LL;
        int running;
        for (size_t i = 0; i < t->count; i++) {
            int64_t due = run_application(t, &t->applications[i], now);
            next = due < next ? due : next;
        }
        (void)curl_multi_perform(t->multi, &running);
        collect(t);
        int64_t wait = (next - clock_mono_us() + 999) / 1000;
        (void)curl_multi_poll(t->multi, NULL, 0, wait > 0 ? (int)wait : 0, NULL);
    }
    return NULL;
}

/* --- setting up and tearing down --- */

static bool set_up_slot(struct application *a, struct slot *s)
{
    s->application = a;
    buf_init(&s->frames, ANSWER_MAX);
    s->easy = curl_easy_init();
    return s->easy != NULL && curl_easy_setopt(s->easy, CURLOPT_URL, a->url) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, a->headers) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_PRIVATE, (char *)s) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
               CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, 2000L) == CURLE_OK &&
           curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, 300000L) == CURLE_OK;
}

static bool add_header(struct application *a, const char *line)
{
    struct curl_slist *longer = curl_slist_append(a->headers, line);

    a->headers = longer != NULL ? longer : a->headers;
    return longer != NULL;
}

static bool build_request(struct application *a, const char *base_url)
{
    struct buf text = {0};
    char *model = curl_easy_escape(NULL, a->is.model, 0);

    buf_printf(&text, "%s/model/%s/%s", base_url, model != NULL ? model : "",
               a->is.stream ? "converse-stream" : "converse");
    a->url = model != NULL && !text.failed ? str_dup(buf_str(&text)) : NULL;
    curl_free(model);
    buf_clear(&text);
    buf_printf(&text, "Authorization: Bearer %s", a->is.bearer_token);
    bool ok = !text.failed && a->url != NULL && add_header(a, buf_cstr(&text)) &&
              add_header(a, "Content-Type: application/json");
    buf_free(&text);
    return ok;
}

static bool set_up_application(struct application *a, const struct traffic_application *from,
                               const char *base_url, size_t place)
{
    const char *const given[] = {from->name, from->cost_center, from->bearer_token, from->model};
    const char **const kept[] = {&a->is.name, &a->is.cost_center, &a->is.bearer_token,
                                 &a->is.model};

    a->is = *from;
    for (size_t i = 0; i < 4; i++) {
        a->texts[i] = str_dup(str_of(given[i]));
        *kept[i] = a->texts[i];
        if (a->texts[i] == NULL) {
            return false;
        }
    }
    a->is.parallel = from->parallel < 1              ? 1
                     : from->parallel > PARALLEL_MAX ? PARALLEL_MAX
                                                     : from->parallel;
    a->is.period_ms = from->period_ms < 1 ? 1 : from->period_ms;
    a->draw = place * 7919 + 17;
    a->burst_left = from->burst;
    a->due_us = clock_mono_us() + next_period(a) / 4;
    a->slots = calloc((size_t)a->is.parallel, sizeof *a->slots);
    if (a->slots == NULL || !build_request(a, base_url)) {
        return false;
    }
    for (int i = 0; i < a->is.parallel; i++) {
        if (!set_up_slot(a, &a->slots[i])) {
            return false;
        }
    }
    return true;
}

static void tear_down_application(struct traffic *t, struct application *a)
{
    for (int i = 0; a->slots != NULL && i < a->is.parallel; i++) {
        struct slot *s = &a->slots[i];
        if (s->easy != NULL) {
            (void)curl_multi_remove_handle(t->multi, s->easy);
            curl_easy_cleanup(s->easy);
        }
        buf_free(&s->body);
        buf_free(&s->frames);
    }
    free(a->slots);
    curl_slist_free_all(a->headers);
    free(a->url);
    for (size_t i = 0; i < 4; i++) {
        free(a->texts[i]);
    }
}

static void tear_down(struct traffic *t)
{
    for (size_t i = 0; i < t->count; i++) {
        tear_down_application(t, &t->applications[i]);
    }
    free(t->applications);
    if (t->multi != NULL) {
        (void)curl_multi_cleanup(t->multi);
    }
    free(t);
}

static enum err set_up(struct traffic *t, const char *base_url,
                       const struct traffic_application *applications, size_t count,
                       struct err_info *ei)
{
    if (count < 1 || count > APPLICATIONS_MAX) {
        return err_set(ei, ERR_RANGE, "traffic needs 1 to %d applications", APPLICATIONS_MAX);
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(ei, ERR_NOMEM, "libcurl cannot be set up");
    }
    t->multi = curl_multi_init();
    t->applications = calloc(count, sizeof *t->applications);
    if (t->multi == NULL || t->applications == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the simulated applications");
    }
    for (size_t i = 0; i < count; i++) {
        t->count++;
        if (!set_up_application(&t->applications[i], &applications[i], base_url, i)) {
            return err_set(ei, ERR_NOMEM, "the simulated application %s cannot be set up",
                           applications[i].name != NULL ? applications[i].name : "without a name");
        }
    }
    return ERR_OK;
}

struct traffic *traffic_start(const char *base_url, const struct traffic_application *applications,
                              size_t count, struct err_info *ei)
{
    struct traffic *t = calloc(1, sizeof *t);

    if (t == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for the simulated applications");
        return NULL;
    }
    if (set_up(t, base_url, applications, count, ei) != ERR_OK) {
        tear_down(t);
        return NULL;
    }
    int failed = pthread_create(&t->thread, NULL, run, t);
    if (failed != 0) {
        err_set_sys(ei, ERR_IO, failed, "the simulated applications cannot start their thread");
        tear_down(t);
        return NULL;
    }
    return t;
}

void traffic_stop(struct traffic *t)
{
    if (t == NULL) {
        return;
    }
    atomic_store(&t->stop, true);
    (void)curl_multi_wakeup(t->multi);
    (void)pthread_join(t->thread, NULL);
    tear_down(t);
}

void traffic_counts(const struct traffic *t, struct traffic_counts *out)
{
    out->calls = atomic_load(&t->calls);
    out->ok = atomic_load(&t->ok);
    out->denied = atomic_load(&t->denied);
    out->failed = atomic_load(&t->failed);
}
