/* aws_http.c: libcurl, driven so that another thread can end a call at once. */
#include "core/aws/aws_http_private.h"
#include "core/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define POLL_MS     1000
#define KEEP_IDLE_S 45L /* NAT gateways forget idle connections after 350 s */

struct aws_http {
    CURLM *multi;
    CURL *easy;
    atomic_bool aborted;
    char *ca_file;
    char curl_error[CURL_ERROR_SIZE];
    struct sigv4_signer signer;
};

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static bool init_worked;

static void init_curl(void)
{
    init_worked = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct aws_http *aws_http_new(const char *ca_file, struct err_info *ei)
{
    struct aws_http *h = NULL;
    if (pthread_once(&init_once, init_curl) == 0 && init_worked) {
        h = calloc(1, sizeof(*h));
    }
    if (h == NULL) {
        err_set(ei, ERR_NOMEM, "libcurl cannot be started");
        return NULL;
    }
    const char *bundle = ca_file != NULL ? ca_file : getenv("AWS_CA_BUNDLE");
    h->ca_file = bundle != NULL ? str_dup(str_of(bundle)) : NULL;
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    atomic_init(&h->aborted, false);
    if (h->multi == NULL || h->easy == NULL || (bundle != NULL && h->ca_file == NULL)) {
        aws_http_free(h);
        err_set(ei, ERR_NOMEM, "libcurl has no memory");
        return NULL;
    }
    return h;
}

void aws_http_free(struct aws_http *h)
{
    if (h == NULL) {
        return;
    }
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    sigv4_signer_free(&h->signer);
    free(h->ca_file);
    free(h);
}

void aws_http_abort(struct aws_http *h)
{
    atomic_store(&h->aborted, true);
    curl_multi_wakeup(h->multi);
}

bool aws_http_pause(struct aws_http *h, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    int64_t left_us = ms * 1000;
    bool ok = true;
    while (ok && left_us > 0 && !atomic_load(&h->aborted)) {
        int64_t wait_ms = left_us / 1000 + 1;
        ok = curl_multi_poll(h->multi, NULL, 0, wait_ms < POLL_MS ? (int)wait_ms : POLL_MS, NULL) ==
             CURLM_OK;
        left_us = until_us - clock_mono_us();
    }
    return ok && !atomic_load(&h->aborted);
}

struct sigv4_signer *aws_http_signer(struct aws_http *h)
{
    return &h->signer;
}

void aws_answer_free(struct aws_answer *a)
{
    buf_free(&a->body);
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct aws_answer *a = arg;
    return buf_append(&a->body, data, size * n) ? size * n : 0;
}

/* curl takes lists of lines without their ends. "Expect:" alone keeps curl from waiting for a 100.
 */
static struct curl_slist *header_list(struct str lines)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    struct str rest = lines;
    while (list != NULL && rest.p != NULL && rest.n > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        while (line.n > 0 && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        char *text = str_dup(line);
        struct curl_slist *longer = text != NULL ? curl_slist_append(list, text) : NULL;
        free(text);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

/* Options that every call shares. curl answers CURLE_OK to all of them but for want of memory,
 * which the call itself then meets. */
static void set_common(struct aws_http *h, struct aws_answer *a, int64_t timeout_ms)
{
    CURL *e = h->easy;
    curl_easy_reset(e);
    h->curl_error[0] = '\0';
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->curl_error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEP_IDLE_S);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms < 5000 ? timeout_ms : 5000));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, a);
    if (h->ca_file != NULL) {
        curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
    }
}

static void set_request(struct aws_http *h, const struct aws_http_request *r,
                        struct curl_slist *headers)
{
    CURL *e = h->easy;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    if (r->direct) {
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    }
    if (strcmp(r->method, "GET") != 0) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.n > 0 ? r->body.p : "");
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
    }
}

/* Runs the easy handle to its end; CURLE_ABORTED_BY_CALLBACK when aborted. */
static CURLcode perform(struct aws_http *h)
{
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    int running = 1;
    while (running > 0 && !atomic_load(&h->aborted)) {
        if (curl_multi_perform(h->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            result = CURLE_FAILED_INIT;
            break;
        }
    }
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left)) != NULL;) {
        if (m->msg == CURLMSG_DONE && m->easy_handle == h->easy) {
            result = m->data.result;
        }
    }
    if (curl_multi_remove_handle(h->multi, h->easy) != CURLM_OK) {
        return CURLE_FAILED_INIT;
    }
    return result;
}

static void take_answer(struct aws_http *h, struct aws_answer *a)
{
    long status = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    a->status = (int)status;
    struct curl_header *date, *type;
    if (curl_easy_header(h->easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
        time_t seconds = curl_getdate(date->value, NULL);
        a->date_ms = seconds > 0 ? (int64_t)seconds * 1000 : 0;
    }
    if (curl_easy_header(h->easy, "x-amzn-ErrorType", 0, CURLH_HEADER, -1, &type) == CURLHE_OK) {
        struct str rest;
        str_printable(a->error_type, sizeof(a->error_type),
                      str_cut(str_of(type->value), ':', &rest));
    }
}

static enum err explain(struct aws_http *h, const struct aws_http_request *r, CURLcode code,
                        const struct aws_answer *a, struct err_info *ei)
{
    char host[128];
    aws_http_host(host, sizeof(host), r->url);
    if (code == CURLE_WRITE_ERROR && a->body.failed) {
        return err_set(ei, ERR_TOO_BIG, "%s answered with more than %d MB", host,
                       AWS_ANSWER_MAX / 1048576);
    }
    if (atomic_load(&h->aborted)) {
        return err_set(ei, ERR_CLOSED, "the call to %s was ended", host);
    }
    char reason[160];
    const char *text = h->curl_error[0] != '\0' ? h->curl_error : curl_easy_strerror(code);
    str_printable(reason, sizeof(reason), str_of(text));
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return err_set(ei, ERR_TIMEOUT, "%s did not answer in time: %s", host, reason);
    }
    return err_set(ei, code == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_IO, "%s: %s", host, reason);
}

enum err aws_http_send(struct aws_http *h, const struct aws_http_request *r, struct aws_answer *a,
                       struct err_info *ei)
{
    buf_init(&a->body, AWS_ANSWER_MAX);
    struct curl_slist *headers = header_list(r->headers);
    if (headers == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for a call to AWS");
    }
    set_common(h, a, r->timeout_ms);
    set_request(h, r, headers);
    CURLcode code = perform(h);
    long sent = 0;
    curl_easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &sent);
    a->sent = sent > 0;
    enum err e = ERR_OK;
    if (code == CURLE_OK) {
        take_answer(h, a);
    } else {
        e = explain(h, r, code, a, ei);
    }
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return e;
}

void aws_http_host(char *out, size_t size, const char *url)
{
    struct str rest = str_of(url);
    const char *at = strstr(url, "://");
    bool tls = str_starts(rest, "https:");
    if (at != NULL) {
        rest = str_of(at + 3);
    }
    struct str ignored;
    struct str host = str_cut(rest, '/', &ignored);
    if (str_ends(host, tls ? ":443" : ":80")) {
        host.n -= tls ? 4 : 3;
    }
    str_copy(out, size, host);
}
