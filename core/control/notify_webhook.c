/* notify_webhook.c: an event posted to a URL. The address is looked at when the socket is made for
 * it: what was checked is what is connected to, whatever the name resolves to the next time. No
 * proxy, no redirect. The URL may hold a secret: no message has more of it than its host. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "core/base/clock.h"
#include "core/control/notify_private.h"

#define ANSWER_MAX  65536
#define CONNECT_MS  5000
#define WAIT_MAX_MS 60000

static bool v4_refused(const uint8_t b[4])
{
    return b[0] == 169 && b[1] == 254;
}

static bool v6_refused(const uint8_t b[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t compatible[12] = {0};
    static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, compatible, 12) == 0 ||
        memcmp(b, translated, 12) == 0) {
        return v4_refused(b + 12);
    }
    bool six_to_four = b[0] == 0x20 && b[1] == 0x02;
    return (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || memcmp(b, metadata, 16) == 0 ||
           (six_to_four && v4_refused(b + 2));
}

bool notify_address_refused(const struct sockaddr *at)
{
    uint8_t bytes[16];
    if (at->sa_family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)(const void *)at)->sin_addr, 4);
        return v4_refused(bytes);
    }
    if (at->sa_family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr, 16);
        return v6_refused(bytes);
    }
    return true;
}

void notify_place(char *out, size_t size, const char *url)
{
    const char *at = strstr(url, "://");
    size_t scheme = at ? (size_t)(at - url) + 3 : 0;
    struct str host = {url + scheme, strcspn(url + scheme, "/?#\\")};
    struct str after, user = str_cut(host, '@', &after);
    while (after.p) { /* all of it belongs to the user but what stands behind the last one */
        host = after;
        user = str_cut(host, '@', &after);
    }
    (void)user;
    (void)snprintf(out, size, "%.*s%.*s", (int)scheme, url, (int)(host.n < 200 ? host.n : 200),
                   host.p);
}

struct post {
    struct notify_attempt *attempt;
    bool refused;
    size_t got;
};

static curl_socket_t open_checked(void *arg, curlsocktype purpose, struct curl_sockaddr *at)
{
    struct post *p = arg;
    (void)purpose;
    if (notify_address_refused(&at->addr)) {
        p->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct post *p = arg;
    (void)data;
    p->got += size * n;
    return p->got > ANSWER_MAX ? 0 : size * n;
}

static int progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct post *p = arg;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(p->attempt->ending) ? 1 : 0;
}

static void set_options(CURL *e, struct post *p, struct curl_slist *headers)
{
    struct notify_attempt *a = p->attempt;
    int64_t left_ms = (a->deadline_us - clock_mono_us()) / 1000;
    left_ms = left_ms < 1 ? 1 : left_ms;
    curl_easy_setopt(e, CURLOPT_URL, a->notice->webhook);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)a->json.n);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, a->json.p);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(left_ms < CONNECT_MS ? left_ms : CONNECT_MS));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_checked);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, p);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, p);
}

/* curl's own words are not used: some of them repeat the URL. */
static enum notify_result judge(CURL *e, struct post *p, CURLcode code)
{
    struct notify_attempt *a = p->attempt;
    char place[256];
    long status = 0;
    curl_off_t retry_after = 0;
    notify_place(place, sizeof(place), a->notice->webhook);
    if (p->refused) {
        (void)snprintf(a->error, sizeof(a->error), "%.90s is at a link-local address: refused",
                       place);
        return NOTIFY_FAILED;
    }
    if (code != CURLE_OK) {
        (void)snprintf(a->error, sizeof(a->error), "%.80s: %.60s", place, curl_easy_strerror(code));
        return code == CURLE_URL_MALFORMAT ? NOTIFY_FAILED : NOTIFY_AGAIN;
    }
    (void)curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(e, CURLINFO_RETRY_AFTER, &retry_after);
    if (status >= 200 && status < 300) {
        return NOTIFY_DONE;
    }
    bool again = status == 408 || status == 429 || status >= 500;
    int64_t wait_ms = retry_after > WAIT_MAX_MS / 1000 ? WAIT_MAX_MS : (int64_t)retry_after * 1000;
    a->wait_ms = again && wait_ms > 0 ? wait_ms : 0;
    (void)snprintf(a->error, sizeof(a->error), "%.90s answered %ld%s", place, status,
                   status >= 300 && status < 400 ? " (redirects are not followed)" : "");
    return again ? NOTIFY_AGAIN : NOTIFY_FAILED;
}

enum notify_result notify_webhook(struct notify_attempt *a)
{
    struct post p = {.attempt = a};
    CURL *e = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = headers ? curl_slist_append(headers, "Expect:") : NULL;
    enum notify_result result = NOTIFY_AGAIN;
    if (e && more && curl_easy_setopt(e, CURLOPT_USERAGENT, "tollgate") == CURLE_OK) {
        set_options(e, &p, headers);
        result = judge(e, &p, curl_easy_perform(e));
    } else {
        (void)snprintf(a->error, sizeof(a->error), "no memory for a webhook");
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(e);
    return result;
}
