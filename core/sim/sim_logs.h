/* sim_logs.h: the simulated CloudWatch Logs: groups, streams and every event they were given. */
#ifndef TOLLGATE_SIM_SIM_LOGS_H
#define TOLLGATE_SIM_SIM_LOGS_H

#include "core/base/buf.h"
#include "core/base/map.h"

#define SIM_LOG_EVENTS_MAX  500000 /* kept in all */
#define SIM_LOG_STREAMS_MAX 1000

struct sim_log_event {
    int64_t at_ms;
    char *message;
};
struct sim_log_stream {
    char *group, *name;
    struct sim_log_event *events; /* as they came */
    size_t count, cap;
};
struct sim_logs {
    struct map groups; /* name -> itself */
    struct sim_log_stream *streams[SIM_LOG_STREAMS_MAX];
    size_t stream_count, events;
    struct map seen;    /* each message once */
    int64_t duplicates; /* events whose message was there already */
};
void sim_logs_free(struct sim_logs *l); /* empties */
/* {"events":N,"duplicates":N,"streams":{"group/stream":N}} */
void sim_logs_print(const struct sim_logs *l, struct buf *out);
/* {"events":[{"group","stream","timestamp","message"}]} */
void sim_logs_dump(const struct sim_logs *l, struct buf *out);

#endif
