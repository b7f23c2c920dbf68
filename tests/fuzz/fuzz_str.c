/* Encodings, numbers, amounts and times as text: what is read and written again is the same. */
#include "core/base/clock.h"
#include "core/base/json_scan.h"
#include "core/base/money.h"
#include "core/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

static void check_percent(struct str s)
{
    struct buf encoded = {0};
    size_t size = s.n + 1;
    char *out = malloc(size), *small = malloc(size);

    MUST(out != NULL && small != NULL);
    if (str_percent_decode(out, size, s)) {
        MUST(strlen(out) <= s.n);
        MUST(!str_percent_decode(small, strlen(out), s));
        MUST(str_percent_decode(small, strlen(out) + 1, s) && strcmp(small, out) == 0);
    }
    for (size_t i = 0; i < s.n; i++) {
        buf_printf(&encoded, "%%%02X", (unsigned char)s.p[i]);
    }
    bool has_nul = s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
    MUST(str_percent_decode(out, size, buf_str(&encoded)) == !has_nul);
    MUST(has_nul || (strlen(out) == s.n && (s.n == 0 || memcmp(out, s.p, s.n) == 0)));
    buf_free(&encoded);
    free(out);
    free(small);
}

static void check_base64(struct str s)
{
    char *text = malloc(4 * ((s.n + 2) / 3) + 1);
    uint8_t *back = malloc(s.n + 1);

    MUST(text != NULL && back != NULL);
    size_t n = str_base64(text, s.p, s.n);
    MUST(n == strlen(text) && str_unbase64(back, s.n, (struct str){text, n}) == s.n);
    MUST(s.n == 0 || memcmp(back, s.p, s.n) == 0);
    MUST(s.n == 0 || str_unbase64(back, s.n - 1, (struct str){text, n}) == (size_t)-1);
    free(text);
    size_t length = str_unbase64(back, s.n, s);
    if (length != (size_t)-1) { /* one text for one value */
        text = malloc(4 * ((length + 2) / 3) + 1);
        MUST(text != NULL && str_base64(text, back, length) == s.n && str_is(s, text));
        free(text);
    }
    free(back);
}

static void check_hex(struct str s)
{
    char *text = malloc(2 * s.n + 1);
    uint8_t *back = malloc(s.n + 1);

    MUST(text != NULL && back != NULL);
    str_hex(text, s.p, s.n);
    MUST(str_unhex(back, s.n, (struct str){text, 2 * s.n}));
    MUST(s.n == 0 || memcmp(back, s.p, s.n) == 0);
    (void)str_unhex(back, s.n / 2, s);
    free(text);
    free(back);
}

static bool is_utf8(struct str s)
{
    uint32_t point;

    while (s.n > 0) {
        size_t n = str_utf8(s, &point);
        if (n == 0) {
            return false;
        }
        s = (struct str){s.p + n, s.n - n};
    }
    return true;
}

static void check_printable(struct str s, size_t size)
{
    char *out = malloc(size + 1), *again = malloc(size + 1);

    MUST(out != NULL && again != NULL);
    size_t n = str_printable(out, size, s);
    if (size > 0) {
        MUST(n < size && strlen(out) == n && is_utf8(str_of(out)) && !holds_control(str_of(out)));
        MUST(str_printable(again, size, str_of(out)) == n && strcmp(out, again) == 0);
    }
    free(out);
    free(again);
}

static void check_json_string(struct str s)
{
    struct buf out = {0};
    struct scan scan;
    struct str raw;

    MUST(buf_json_string(&out, s));
    scan_init(&scan, buf_bytes(&out), out.len);
    MUST(scan_string(&scan, &raw) && scan_done(&scan));
    char *back = malloc(scan_raw_length(raw) + 1);
    MUST(back != NULL);
    bool decoded = scan_raw_decode(back, scan_raw_length(raw) + 1, raw);
    MUST(decoded == (s.n == 0 || memchr(s.p, '\0', s.n) == NULL));
    if (decoded && is_utf8(s)) {
        MUST(str_is(s, back) && scan_raw_is(raw, back));
    }
    free(back);
    buf_free(&out);
}

static void check_numbers(struct str s)
{
    char *text = fuzz_text(s), *end;
    int64_t n;

    if (str_to_i64(s, &n)) {
        errno = 0;
        MUST(strtoll(text, &end, 10) == n && errno == 0 && end == text + s.n);
    }
    free(text);
}

static void check_money(struct str s)
{
    char text[MONEY_TEXT], again[MONEY_TEXT];
    money_t m, back;

    if (money_parse(s, &m)) {
        MUST(m >= 0);
        money_format(text, m);
        MUST(money_parse(str_of(text), &back) && back == m);
        money_display(again, m);
    }
}

static void check_values(struct str s)
{
    static const enum config_metric metrics[] = {METRIC_TOKENS, METRIC_USD, METRIC_CONCURRENCY};
    char text[32];
    int64_t v, back;

    for (size_t i = 0; i < 3; i++) {
        if (config_amount_parse(s, metrics[i], &v)) {
            MUST(v >= 0);
            config_amount_format(text, metrics[i], v);
            MUST(config_amount_parse(str_of(text), metrics[i], &back) && back == v);
        }
    }
    MUST(!config_duration_parse(s, &v) || v >= 0);
    MUST(!config_size_parse(s, &v) || v >= 0);
}

static void check_times(struct str s)
{
    char text[CLOCK_TEXT];
    int64_t at, back;

    if (clock_parse_amz(s, &at)) {
        clock_amz(text, at);
        MUST(str_is(s, text));
        clock_http(text, at);
    }
    if (clock_parse_rfc3339(s, &at)) {
        clock_rfc3339(text, at);
        MUST(clock_parse_rfc3339(str_of(text), &back) && back == at);
    }
}

/* The plain way to match, for short patterns. */
static bool plain_glob(const char *p, const char *p_end, const char *t, const char *t_end)
{
    if (p == p_end) {
        return t == t_end;
    }
    if (*p == '*') {
        return plain_glob(p + 1, p_end, t, t_end) ||
               (t < t_end && plain_glob(p, p_end, t + 1, t_end));
    }
    return t < t_end && (*p == '?' || *p == *t) && plain_glob(p + 1, p_end, t + 1, t_end);
}

static void check_glob(struct str s)
{
    struct str text, pattern = str_cut(s, '\n', &text);

    bool matches = str_glob(pattern, text);
    if (pattern.n <= 8 && text.n <= 16) {
        const char *none = "", *t = text.n == 0 ? none : text.p;
        const char *p = pattern.n == 0 ? none : pattern.p;
        MUST(matches == plain_glob(p, p + pattern.n, t, t + text.n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    size_t size = input_byte(&in);
    struct str s = input_rest(&in);

    check_percent(s);
    check_base64(s);
    check_hex(s);
    check_printable(s, size);
    check_printable(s, 8 * s.n + 1);
    check_json_string(s);
    check_numbers(s);
    check_money(s);
    check_values(s);
    check_times(s);
    check_glob(s);
    return 0;
}
