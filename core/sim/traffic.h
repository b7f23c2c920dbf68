/* traffic.h: the demo's applications: a few simulated programs that call models through the proxy
 * over the network with issued keys, some of which run into limits. */
#ifndef TOLLGATE_SIM_TRAFFIC_H
#define TOLLGATE_SIM_TRAFFIC_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct traffic_application {
    const char *name, *cost_center;
    const char *bearer_token; /* an issued key of this application */
    const char *model;        /* name or ID put into the path */
    int input_words, max_tokens;
    bool stream;
    int64_t period_ms; /* mean time between calls */
    int parallel;      /* at most so many at once */
    int burst;         /* so many calls come at the start, 20 ms apart */
};
struct traffic;
/* Starts a thread that calls base_url ("http://127.0.0.1:PORT"). Applications (1 to 64, at most 64
 * calls at once each) are copied. After a denial an application waits as long as Retry-After says,
 * at most 2 s; a call that finds no connection is tried three times. */
struct traffic *traffic_start(const char *base_url, const struct traffic_application *applications,
                              size_t count, struct err_info *ei);
void traffic_stop(struct traffic *t); /* aborts what runs; within a second; NULL is a no-op */

struct traffic_counts {
    int64_t calls;  /* begun; a retry is none */
    int64_t ok;     /* answered in full */
    int64_t denied; /* 429, or 400 */
    int64_t failed; /* anything else, streams that end by an exception among them */
};
void traffic_counts(const struct traffic *t, struct traffic_counts *out); /* any thread */

#endif
