/* aws_http.h: one HTTP call to AWS at a time, over a connection that is kept: signed JSON or form
 * calls, and plain ones for the instance metadata. For background threads; the proxy's data path
 * has its own. */
#ifndef TOLLGATE_AWS_AWS_HTTP_H
#define TOLLGATE_AWS_AWS_HTTP_H

#include "core/aws/credentials.h"
#include "core/base/buf.h"

#define AWS_ANSWER_MAX (8 * 1024 * 1024)

struct aws_http; /* for one thread; aws_http_abort from any */

/* ca_file: PEM bundle, or NULL: that of AWS_CA_BUNDLE, else the system's. NULL without memory. */
struct aws_http *aws_http_new(const char *ca_file, struct err_info *ei);
void aws_http_free(struct aws_http *h);
/* Ends the running call and lets every later one fail with ERR_CLOSED; from any thread. */
void aws_http_abort(struct aws_http *h);
/* Waits; false, and at once, when aborted. */
bool aws_http_pause(struct aws_http *h, int64_t ms);

/* A call as it is, without a signature. */
struct aws_http_request {
    const char *method;
    const char *url;
    struct str headers; /* complete lines "Name: value\r\n"; Host among them or left to the URL */
    struct str body;
    int64_t timeout_ms; /* for connecting and for all of it */
    bool direct;        /* never through a proxy of the environment */
};
struct aws_answer { /* all-zero before; aws_answer_free after, errors included */
    int status;
    int64_t date_ms;     /* of the Date header; 0: none */
    char error_type[96]; /* x-amzn-ErrorType, where REST services say what went wrong; "" */
    struct buf body;     /* at most AWS_ANSWER_MAX */
    bool sent;           /* some of the request went out, whatever became of it */
};
void aws_answer_free(struct aws_answer *a);
/* OK whatever the status is. ERR_TIMEOUT, ERR_CLOSED (aborted), ERR_TOO_BIG, ERR_IO (the text says
 * which host and why). Redirects are not followed. */
enum err aws_http_send(struct aws_http *h, const struct aws_http_request *r, struct aws_answer *a,
                       struct err_info *ei) MUST_CHECK;

/* Where a service is and how to sign for it. Strings are borrowed. */
struct aws_place {
    const char *endpoint; /* "https://host[:port]" */
    const char *region;   /* of the signature */
};

/* A call signed for a service. */
struct aws_call {
    struct aws_place place;
    const char *service;      /* of the signature: "monitoring", "ce", "sts" */
    const char *action;       /* as IAM spells it, for errors: "cloudwatch:PutMetricData" */
    const char *method;       /* NULL: POST */
    const char *path;         /* percent-encoded, as it goes out; NULL: "/" */
    const char *query;        /* encoded likewise, without '?'; NULL: none */
    const char *target;       /* X-Amz-Target; NULL: none */
    const char *content_type; /* "application/x-amz-json-1.0"; NULL: none, for calls without body */
    struct str body;
    bool gzip;          /* compress the body */
    int64_t timeout_ms; /* 0: 30 seconds */
    bool *unanswered;   /* NULL, or set to whether it went out and no answer came */
};
/* Signs (with c NULL: sends unsigned) and sends; a 2xx answer's body is appended to out. Errors by
 * meaning: ERR_FORBIDDEN (the text names the IAM action to allow), ERR_AUTH (keys, token or clock),
 * ERR_BUSY (throttled: wait), ERR_EXISTS, ERR_NOT_FOUND, ERR_RANGE (the request was refused
 * otherwise), ERR_IO (5xx or no connection), and those of aws_http_send. No text holds a secret. */
enum err aws_http_call(struct aws_http *h, const struct aws_call *call, const struct credentials *c,
                       struct buf *out, struct err_info *ei) MUST_CHECK;

#endif
