/* aws_error.c: see aws_error.h. */
#include "core/aws/aws_error.h"

#include "core/base/json_scan.h"

#include <string.h>

struct decoded {
    struct str code, message; /* raw JSON strings */
};

static void scan_error_object(struct scan *s, struct decoded *d, int depth)
{
    struct str key;
    if (!scan_object(s)) {
        return;
    }
    while (scan_key(s, &key)) {
        bool is_string = scan_peek(s) == SCAN_STRING;
        if (is_string &&
            (scan_raw_is(key, "__type") || scan_raw_is(key, "code") || scan_raw_is(key, "Code"))) {
            scan_string(s, &d->code);
        } else if (is_string && (scan_raw_is(key, "message") || scan_raw_is(key, "Message"))) {
            scan_string(s, &d->message);
        } else if (depth == 0 && (scan_raw_is(key, "Error") || scan_raw_is(key, "error")) &&
                   scan_peek(s) == SCAN_OBJECT) {
            scan_error_object(s, d, 1);
        } else {
            scan_skip(s);
        }
    }
}

static void show_json_string(char *out, size_t size, struct str raw)
{
    char text[1024];
    if (!scan_raw_decode(text, sizeof(text), raw)) {
        str_printable(out, size, raw);
        return;
    }
    str_printable(out, size, str_of(text));
}

static struct str between(struct str body, const char *open, const char *close)
{
    const char *from = body.n > 0 ? memmem(body.p, body.n, open, strlen(open)) : NULL;
    if (from == NULL) {
        return (struct str){0};
    }
    from += strlen(open);
    size_t left = (size_t)(body.p + body.n - from);
    const char *to = memmem(from, left, close, strlen(close));
    return to == NULL ? (struct str){0} : (struct str){from, (size_t)(to - from)};
}

void aws_error_decode(char code[AWS_CODE_MAX], char *message, size_t message_size, struct str body)
{
    code[0] = '\0';
    message[0] = '\0';
    struct scan s;
    struct decoded d = {0};
    scan_init(&s, body.p != NULL ? body.p : "", body.n);
    scan_error_object(&s, &d, 0);
    if (!scan_done(&s)) {
        str_printable(code, AWS_CODE_MAX, between(body, "<Code>", "</Code>"));
        str_printable(message, message_size, between(body, "<Message>", "</Message>"));
        return;
    }
    struct str hash = d.code;
    while (hash.p != NULL) {
        d.code = hash;
        (void)str_cut(hash, '#', &hash);
    }
    show_json_string(code, AWS_CODE_MAX, d.code);
    show_json_string(message, message_size, d.message);
}

static bool is_one_of(const char *code, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(code, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(code, names) is_one_of(code, names, sizeof(names) / sizeof(names[0]))

enum err aws_error_meaning(int status, const char *code)
{
    static const char *const throttled[] = {"Throttling",
                                            "ThrottlingException",
                                            "ThrottledException",
                                            "TooManyRequests",
                                            "TooManyRequestsException",
                                            "RequestLimitExceeded",
                                            "RequestThrottled",
                                            "RequestThrottledException",
                                            "LimitExceededException",
                                            "LimitExceeded",
                                            "SlowDown",
                                            "BandwidthLimitExceeded",
                                            "PriorRequestNotComplete"};
    static const char *const denied[] = {"AccessDenied", "AccessDeniedException",
                                         "UnauthorizedOperation", "NotAuthorized", "OptInRequired"};
    static const char *const unsure[] = {"ExpiredToken",
                                         "ExpiredTokenException",
                                         "InvalidClientTokenId",
                                         "UnrecognizedClientException",
                                         "InvalidSignatureException",
                                         "InvalidSignature",
                                         "SignatureDoesNotMatch",
                                         "IncompleteSignature",
                                         "MissingAuthenticationToken",
                                         "MissingAuthenticationTokenException",
                                         "RequestExpired",
                                         "RequestTimeTooSkewed",
                                         "RequestInTheFuture",
                                         "InvalidAccessKeyId",
                                         "AuthFailure",
                                         "InvalidToken"};
    static const char *const exists[] = {"DuplicateRecordException",
                                         "ResourceAlreadyExistsException"};
    static const char *const missing[] = {"ResourceNotFoundException", "NotFoundException",
                                          "UnknownMonitorException",
                                          "UnknownSubscriptionException"};
    if (IS_ONE_OF(code, exists)) {
        return ERR_EXISTS;
    }
    if (IS_ONE_OF(code, missing)) {
        return ERR_NOT_FOUND;
    }
    if (IS_ONE_OF(code, throttled) || status == 429) {
        return ERR_BUSY;
    }
    if (IS_ONE_OF(code, denied)) {
        return ERR_FORBIDDEN;
    }
    if (IS_ONE_OF(code, unsure) || status == 401) {
        return ERR_AUTH;
    }
    if (status >= 500) {
        return ERR_IO;
    }
    return status == 403 ? ERR_FORBIDDEN : ERR_RANGE;
}
