/* Refusals, denials and ends of streams: whatever the words are, JSON and header lines come out
 * well-formed. */
#include "core/dialect/dialect.h"
#include "core/dialect/eventstream.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

static void check_json(struct str text)
{
    json_error_t e;
    json_t *j = json_loadb(text.p, text.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &e);
    MUST(json_is_object(j) || json_error_code(&e) == json_error_numeric_overflow);
    json_decref(j);
}

static void check_answer(struct dialect_answer *a)
{
    struct buf head = {0};
    struct http_head parsed;
    struct err_info ei = {0};

    MUST(a->status >= 400 && a->status <= 599);
    check_json(buf_str(&a->body));
    buf_printf(&head, "HTTP/1.1 %d %s\r\n", a->status, http_reason(a->status));
    buf_add_str(&head, buf_str(&a->headers));
    buf_add(&head, "\r\n");
    MUST(http1_parse_response(&parsed, buf_bytes(&head), head.len, false, &ei) == ERR_OK);
    MUST(str_is(http_value(&parsed, "content-type"), "application/json"));
    buf_free(&head);
    dialect_answer_free(a);
}

static void check_stream_end(enum call_dialect d, const char *exception, const char *message)
{
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;
    enum err e = dialect_stream_end(&out, d, exception, message);

    if (d == DIALECT_WORKFLOW) {
        MUST(e == ERR_UNSUPPORTED);
    } else if (d == DIALECT_BEDROCK) {
        MUST(e == ERR_OK && eventstream_next(buf_bytes(&out), out.len, &m, &need) == ERR_OK);
        MUST(m.length == out.len);
        MUST(str_is(eventstream_find(&m, ":exception-type"), exception));
        check_json(m.payload);
    } else {
        struct str data = buf_str(&out);
        MUST(e == ERR_OK && str_ends(data, "\n\n"));
        if (str_starts(data, "event: error\n")) {
            data = str_sub(data, 13, data.n);
        }
        MUST(str_starts(data, "data: "));
        data = str_sub(data, 6, data.n - 8);
        MUST(memchr(data.p, '\n', data.n) == NULL);
        check_json(data);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    enum call_dialect d = (enum call_dialect)(input_byte(&in) % 4);
    enum refusal r = (enum refusal)(input_byte(&in) % (REFUSAL_LIMIT + 1));
    uint8_t flags = input_byte(&in);
    struct dialect_denial denial = {
        .resets_at_ms = (int64_t)(input_int(&in, 6) % 4102444800000),
        .retry_after_s = (int64_t)input_int(&in, 4) - 16,
        .final = flags & 1,
        .with_detail = flags & 2,
        .used = (int64_t)input_int(&in, 8),
        .reserved = (int64_t)(int32_t)input_int(&in, 4),
    };
    char *id = fuzz_text(input_line(&in)), *message = fuzz_text(input_line(&in));
    char *limit = fuzz_text(input_line(&in)), *group = fuzz_text(input_line(&in));
    char *metric = fuzz_text(input_line(&in)), *amount = fuzz_text(input_rest(&in));
    struct dialect_answer a = {0};

    denial.used = denial.used < 0 ? 0 : denial.used;
    denial.reserved = denial.reserved < 0 ? 0 : denial.reserved;
    denial.limit = limit;
    denial.metric = flags & 4 ? "usd" : metric;
    denial.group = group;
    denial.message = message;
    denial.amount_text = amount;
    MUST(dialect_refuse(&a, d, r, message, id) == ERR_OK);
    check_answer(&a);
    MUST(dialect_deny(&a, d, &denial, id) == ERR_OK);
    check_answer(&a);
    check_stream_end(d, group, message);
    free(id);
    free(message);
    free(limit);
    free(group);
    free(metric);
    free(amount);
    return 0;
}
