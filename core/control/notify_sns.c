/* notify_sns.c: an event published to an SNS topic, with the core's own credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/aws/aws_http.h"
#include "core/base/clock.h"
#include "core/base/uuid.h"
#include "core/control/notify_private.h"

static void encode(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        (void)(plain && c ? buf_append(b, &text.p[i], 1) : buf_printf(b, "%%%02X", c));
    }
}

/* A subject is at most 100 printable ASCII characters. */
static void subject(char out[101], const struct notify_event *e)
{
    (void)snprintf(out, 101, "tollgate %s %s%s%.48s", config_notify_name(e->on), e->what,
                   e->limit[0] ? ": " : "", e->limit);
    for (char *p = out; *p; p++) {
        *p = *p >= ' ' && *p <= '~' ? *p : '?';
    }
}

/* arn:PARTITION:sns:REGION:ACCOUNT:TOPIC */
static bool place_of(const char *arn, char region[64], char endpoint[160])
{
    struct str rest = str_of(arn), partition;
    (void)str_cut(rest, ':', &rest);
    partition = str_cut(rest, ':', &rest);
    (void)str_cut(rest, ':', &rest);
    const char *given = getenv("AWS_ENDPOINT_URL_SNS");
    if (!str_copy(region, 64, str_cut(rest, ':', &rest))) {
        return false;
    }
    if (given && *given) {
        return str_copy(endpoint, 160, str_of(given));
    }
    (void)snprintf(endpoint, 160, "https://sns.%s.%s", region,
                   str_is(partition, "aws-cn") ? "amazonaws.com.cn" : "amazonaws.com");
    return true;
}

static bool write_body(struct buf *b, const struct notify_attempt *a)
{
    char title[101];
    struct str topic = str_of(a->notice->webhook);
    subject(title, a->event);
    (void)buf_add(b, "Action=Publish&Version=2010-03-31&TopicArn=");
    encode(b, topic);
    (void)buf_add(b, "&Subject=");
    encode(b, str_of(title));
    (void)buf_add(b, "&Message=");
    encode(b, a->json);
    if (str_ends(topic, ".fifo")) {
        char id[UUID_TEXT];
        uuid_random(id);
        (void)buf_printf(b, "&MessageGroupId=tollgate&MessageDeduplicationId=%s", id);
    }
    return !b->failed;
}

enum notify_result notify_sns(struct notify_attempt *a)
{
    char region[64], endpoint[160];
    struct err_info ei = {.code = ERR_OK};
    struct credentials *keys = credentials_get(a->credentials);
    struct aws_http *http = keys ? aws_http_new(NULL, &ei) : NULL;
    struct buf body = {.max = 65536}, answer = {.max = 65536};
    enum err e = ERR_NOT_FOUND;
    if (!keys) {
        e = err_set(&ei, ERR_AUTH, "there are no AWS credentials");
    } else if (http && place_of(a->notice->webhook, region, endpoint) && write_body(&body, a)) {
        int64_t left_ms = (a->deadline_us - clock_mono_us()) / 1000;
        struct aws_call call = {.place = {.endpoint = endpoint, .region = region},
                                .service = "sns",
                                .action = "sns:Publish",
                                .content_type = "application/x-www-form-urlencoded",
                                .body = buf_str(&body),
                                .timeout_ms = left_ms < 1 ? 1 : left_ms};
        e = aws_http_call(http, &call, keys, &answer, &ei);
    }
    buf_free(&body);
    buf_free(&answer);
    aws_http_free(http);
    credentials_unref(keys);
    if (e == ERR_OK) {
        return NOTIFY_DONE;
    }
    (void)snprintf(a->error, sizeof(a->error), "SNS: %.150s", ei.text);
    return e == ERR_FORBIDDEN || e == ERR_RANGE ? NOTIFY_FAILED : NOTIFY_AGAIN;
}
