/* logs.h: CloudWatch Logs, written: groups, streams and events (JSON 1.1). */
#ifndef TOLLGATE_AWS_LOGS_H
#define TOLLGATE_AWS_LOGS_H

#include "core/aws/aws_http.h"

/* What one PutLogEvents takes. An event counts its message and LOGS_EVENT_COST bytes. */
#define LOGS_PUT_BYTES  1048576
#define LOGS_PUT_EVENTS 10000
#define LOGS_EVENT_COST 26
#define LOGS_SPAN_MS    (24LL * 3600 * 1000)      /* between the first and the last event */
#define LOGS_OLDEST_MS  (14 * 24LL * 3600 * 1000) /* back from now; older ones are rejected */

struct logs_event {
    int64_t at_ms;
    struct str message; /* UTF-8, not empty */
};
/* Where events go. Strings are borrowed. */
struct logs_stream {
    const char *group;  /* 1 to 512 of A-Z a-z 0-9 _ - / . # */
    const char *stream; /* without ':' and '*' */
};

/* Sends events that keep to the limits above and rise in time, gzipped. *rejected: how many of them
 * AWS did not keep, for their age or because the group deletes what is as old as that.
 * *unanswered: the request went out and no answer came, so that it is not known whether they are
 * kept. ERR_NOT_FOUND: there is no such group or stream. */
enum err logs_put(struct aws_http *h, const struct aws_place *place, const struct credentials *c,
                  const struct logs_stream *to, const struct logs_event *events, size_t count,
                  size_t *rejected, bool *unanswered, struct err_info *ei) MUST_CHECK;

/* One that is there already is fine. ERR_NOT_FOUND from logs_create_stream: no such group. */
enum err logs_create_group(struct aws_http *h, const struct aws_place *place,
                           const struct credentials *c, const char *group,
                           struct err_info *ei) MUST_CHECK;
enum err logs_create_stream(struct aws_http *h, const struct aws_place *place,
                            const struct credentials *c, const struct logs_stream *which,
                            struct err_info *ei) MUST_CHECK;

#endif
