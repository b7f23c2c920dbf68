/* sim_logs.c: CloudWatch Logs in JSON 1.1: PutLogEvents with its limits, groups, streams, and
 * FilterLogEvents to read them. */
#include "core/sim/sim_logs.h"

#include "core/sim/sim_json.h"
#include "core/sim/sim_state.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_PREFIX "Logs_20140328"
#define BATCH_BYTES   1048576
#define BATCH_EVENTS  10000
#define EVENT_COST    26
#define HOUR_MS       (3600 * 1000LL)
#define DAY_MS        (24 * HOUR_MS)
#define BODY_MAX      (8 * 1024 * 1024) /* of JSON: quotes in messages are escaped */
#define INVALID       "InvalidParameterException"
#define ABSENT        "ResourceNotFoundException"

static void free_stream(struct sim_log_stream *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->events[i].message);
    }
    free(s->events);
    free(s->group);
    free(s->name);
    free(s);
}

void sim_logs_free(struct sim_logs *l)
{
    for (size_t i = 0; i < l->stream_count; i++) {
        free_stream(l->streams[i]);
    }
    map_free(&l->groups, NULL);
    map_free(&l->seen, NULL);
    *l = (struct sim_logs){0};
}

void sim_logs_print(const struct sim_logs *l, struct buf *out)
{
    buf_printf(out, "{\"events\":%zu,\"duplicates\":%lld,\"streams\":{", l->events,
               (long long)l->duplicates);
    for (size_t i = 0; i < l->stream_count; i++) {
        const struct sim_log_stream *s = l->streams[i];
        struct buf name = {0};
        buf_printf(&name, "%s/%s", s->group, s->name);
        buf_add(out, i > 0 ? "," : "");
        buf_json_string(out, buf_str(&name));
        buf_printf(out, ":%zu", s->count);
        buf_free(&name);
    }
    buf_add(out, "}}");
}

void sim_logs_dump(const struct sim_logs *l, struct buf *out)
{
    const char *comma = "";
    buf_add(out, "{\"events\":[");
    for (size_t i = 0; i < l->stream_count; i++) {
        const struct sim_log_stream *s = l->streams[i];
        for (size_t k = 0; k < s->count; k++) {
            buf_printf(out, "%s{\"group\":", comma);
            buf_json_string(out, str_of(s->group));
            buf_add(out, ",\"stream\":");
            buf_json_string(out, str_of(s->name));
            buf_printf(out, ",\"timestamp\":%lld,\"message\":", (long long)s->events[k].at_ms);
            buf_json_string(out, str_of(s->events[k].message));
            buf_add(out, "}");
            comma = ",";
        }
    }
    buf_add(out, "]}");
}

static const char *text_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    return text != NULL ? text : "";
}

static struct sim_log_stream *find_stream(const struct sim_logs *l, const char *group,
                                          const char *name)
{
    for (size_t i = 0; i < l->stream_count; i++) {
        if (strcmp(l->streams[i]->group, group) == 0 && strcmp(l->streams[i]->name, name) == 0) {
            return l->streams[i];
        }
    }
    return NULL;
}

static bool is_group(const struct sim_logs *l, const char *name)
{
    return map_get(&l->groups, str_of(name)) != NULL;
}

static bool is_name(const char *name, const char *more)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(name);
    if (n < 1 || n > 512) {
        return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (strchr(letters, *p) == NULL && strchr(more, *p) == NULL) {
            return false;
        }
    }
    return true;
}

static void create_group(struct sim_connection *c, struct sim_logs *l, const json_t *root)
{
    const char *name = text_of(root, "logGroupName");
    if (!is_name(name, "_-/.#") || strncmp(name, "aws/", 4) == 0) {
        sim_json_refuse(c, INVALID, NULL, "logGroupName: 1 to 512 of a-zA-Z0-9_-/.# are needed.");
    } else if (is_group(l, name)) {
        sim_json_refuse(c, "ResourceAlreadyExistsException", NULL,
                        "The specified log group already exists");
    } else if (!map_set(&l->groups, str_of(name), l, NULL)) {
        sim_json_answer(c, NULL);
    } else {
        sim_json_answer(c, json_object());
    }
}

static struct sim_log_stream *new_stream(const char *group, const char *name)
{
    struct sim_log_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->group = str_dup(str_of(group));
    s->name = str_dup(str_of(name));
    if (s->group == NULL || s->name == NULL) {
        free_stream(s);
        return NULL;
    }
    return s;
}

static void create_stream(struct sim_connection *c, struct sim_logs *l, const json_t *root)
{
    const char *group = text_of(root, "logGroupName");
    const char *name = text_of(root, "logStreamName");
    if (!is_group(l, group)) {
        sim_json_refuse(c, ABSENT, NULL, "The specified log group does not exist.");
    } else if (name[0] == '\0' || strlen(name) > 512 || strpbrk(name, ":*") != NULL) {
        sim_json_refuse(c, INVALID, NULL, "logStreamName: 1 to 512 without ':' and '*'.");
    } else if (find_stream(l, group, name) != NULL) {
        sim_json_refuse(c, "ResourceAlreadyExistsException", NULL,
                        "The specified log stream already exists");
    } else if (l->stream_count == SIM_LOG_STREAMS_MAX) {
        sim_json_refuse(c, "LimitExceededException", NULL, "The simulation keeps %d streams.",
                        SIM_LOG_STREAMS_MAX);
    } else {
        struct sim_log_stream *made = new_stream(group, name);
        l->streams[l->stream_count] = made;
        l->stream_count += made != NULL;
        sim_json_answer(c, made != NULL ? json_object() : NULL);
    }
}

/* --- PutLogEvents --- */

/* NULL when the batch keeps to AWS's limits, else what it does not keep to. */
static const char *check_batch(const json_t *events)
{
    size_t i, bytes = 0;
    json_t *one;
    int64_t last = 0, first = 0;

    if (json_array_size(events) < 1 || json_array_size(events) > BATCH_EVENTS) {
        return "logEvents: 1 to 10000 events are needed.";
    }
    json_array_foreach(events, i, one)
    {
        const json_t *at = json_object_get(one, "timestamp");
        const json_t *message = json_object_get(one, "message");
        if (!json_is_integer(at) || json_integer_value(at) < 0 || !json_is_string(message) ||
            json_string_length(message) < 1) {
            return "logEvents: each event needs a timestamp and a message.";
        }
        if (i > 0 && json_integer_value(at) < last) {
            return "Log events in a single PutLogEvents request must be in chronological order.";
        }
        last = json_integer_value(at);
        first = i == 0 ? last : first;
        bytes += json_string_length(message) + EVENT_COST;
    }
    if (bytes > BATCH_BYTES) {
        return "Upload too large: the batch exceeds 1048576 bytes.";
    }
    return last - first > DAY_MS
               ? "The batch of log events in a single PutLogEvents request cannot span more than "
                 "24 hours."
               : NULL;
}

static bool keep_event(struct sim_logs *l, struct sim_log_stream *s, const json_t *event)
{
    const json_t *text = json_object_get(event, "message");
    struct str message = {json_string_value(text), json_string_length(text)};

    if (s->count == s->cap) {
        size_t cap = s->cap > 0 ? 2 * s->cap : 64;
        struct sim_log_event *more = realloc(s->events, cap * sizeof *more);
        if (more == NULL) {
            return false;
        }
        s->events = more;
        s->cap = cap;
    }
    char *copy = str_dup(message);
    if (copy == NULL) {
        return false;
    }
    s->events[s->count++] =
        (struct sim_log_event){json_integer_value(json_object_get(event, "timestamp")), copy};
    l->events++;
    l->duplicates += map_get(&l->seen, message) != NULL;
    return map_set(&l->seen, message, l, NULL);
}

/* Keeps what is neither too old nor too new; says the rest as AWS does. */
static void keep_events(struct sim_connection *c, struct sim_logs *l, struct sim_log_stream *s,
                        const json_t *events)
{
    int64_t now = loop_wall_ms(sim_http_owner(c)->loop);
    json_t *rejected = json_object();
    size_t i, count = json_array_size(events), old = 0, fresh = count;
    json_t *one;
    bool ok = true;

    json_array_foreach(events, i, one)
    {
        int64_t at = json_integer_value(json_object_get(one, "timestamp"));
        if (at < now - 14 * DAY_MS) {
            old = i + 1;
        } else if (at > now + 2 * HOUR_MS) {
            fresh = i;
            break;
        } else {
            ok = ok && keep_event(l, s, one);
        }
    }
    if (old > 0) {
        (void)json_object_set_new(rejected, "tooOldLogEventEndIndex",
                                  json_integer((json_int_t)old));
    }
    if (fresh < count) {
        (void)json_object_set_new(rejected, "tooNewLogEventStartIndex",
                                  json_integer((json_int_t)fresh));
    }
    json_t *answer = json_pack("{s:s}", "nextSequenceToken", "0");
    if (json_object_size(rejected) > 0) {
        (void)json_object_set(answer, "rejectedLogEventsInfo", rejected);
    }
    json_decref(rejected);
    if (!ok) {
        json_decref(answer);
        answer = NULL;
    }
    sim_json_answer(c, answer);
}

static void put_events(struct sim_connection *c, struct sim_logs *l, const json_t *root)
{
    const char *group = text_of(root, "logGroupName");
    const json_t *events = json_object_get(root, "logEvents");
    struct sim_log_stream *s = find_stream(l, group, text_of(root, "logStreamName"));
    const char *wrong = check_batch(events);

    if (wrong != NULL) {
        sim_json_refuse(c, INVALID, NULL, "%s", wrong);
    } else if (s == NULL) {
        sim_json_refuse(c, ABSENT, NULL, "The specified log %s does not exist.",
                        is_group(l, group) ? "stream" : "group");
    } else if (l->events + json_array_size(events) > SIM_LOG_EVENTS_MAX) {
        sim_json_refuse(c, "ServiceUnavailableException", NULL, "The simulation keeps %d events.",
                        SIM_LOG_EVENTS_MAX);
    } else {
        keep_events(c, l, s, events);
    }
}

/* --- reading --- */

static json_t *event_json(const struct sim_log_stream *s, size_t at)
{
    return json_pack("{s:s,s:I,s:s,s:I,s:o}", "logStreamName", s->name, "timestamp",
                     (json_int_t)s->events[at].at_ms, "message", s->events[at].message,
                     "ingestionTime", (json_int_t)s->events[at].at_ms, "eventId",
                     json_sprintf("%020zu", at));
}

/* Events of a group by stream; a page's token is how many events were passed before it. */
static void filter_events(struct sim_connection *c, struct sim_logs *l, const json_t *root)
{
    const char *group = text_of(root, "logGroupName");
    const json_t *limit = json_object_get(root, "limit"), *to = json_object_get(root, "endTime");
    int64_t page = json_is_integer(limit) ? json_integer_value(limit) : BATCH_EVENTS;
    int64_t from = json_integer_value(json_object_get(root, "startTime"));
    int64_t start = sim_json_page(json_object_get(root, "nextToken")), passed = 0;
    json_t *events = json_array();

    if (start < 0 || page < 1 || page > BATCH_EVENTS || !is_group(l, group)) {
        json_decref(events);
        sim_json_refuse(c, is_group(l, group) ? INVALID : ABSENT, NULL,
                        "A strange page, or no such group.");
        return;
    }
    for (size_t i = 0; i < l->stream_count; i++) {
        const struct sim_log_stream *s = l->streams[i];
        for (size_t k = 0; strcmp(s->group, group) == 0 && k < s->count; k++) {
            int64_t at = s->events[k].at_ms;
            bool in = at >= from && (!json_is_integer(to) || at <= json_integer_value(to));
            if (in && passed++ >= start && (int64_t)json_array_size(events) < page) {
                (void)json_array_append_new(events, event_json(s, k));
            }
        }
    }
    int64_t next = start + (int64_t)json_array_size(events);
    json_t *answer = json_pack("{s:o,s:[]}", "events", events, "searchedLogStreams");
    if (next < passed) {
        (void)json_object_set_new(answer, "nextToken", sim_json_token(next));
    }
    sim_json_answer(c, answer);
}

static void describe_groups(struct sim_connection *c, struct sim_logs *l)
{
    json_t *list = json_array();
    size_t at = 0;
    struct str name;
    void *value;

    while (map_next(&l->groups, &at, &name, &value)) {
        (void)json_array_append_new(list, json_pack("{s:s%,s:s}", "logGroupName", name.p, name.n,
                                                    "logGroupClass", "STANDARD"));
    }
    sim_json_answer(c, json_pack("{s:o}", "logGroups", list));
}

static void describe_streams(struct sim_connection *c, struct sim_logs *l, const json_t *root)
{
    json_t *list = json_array();

    for (size_t i = 0; i < l->stream_count; i++) {
        if (strcmp(l->streams[i]->group, text_of(root, "logGroupName")) == 0) {
            (void)json_array_append_new(list,
                                        json_pack("{s:s}", "logStreamName", l->streams[i]->name));
        }
    }
    sim_json_answer(c, json_pack("{s:o}", "logStreams", list));
}

void sim_logs_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct sim *s = sim_http_owner(c);
    struct str operation = sim_json_operation(r, TARGET_PREFIX);
    json_t *root = sim_json_read_max(c, r, BODY_MAX);

    if (root == NULL) {
        return;
    }
    s->ledger.logs_calls++;
    if (str_is(operation, "PutLogEvents")) {
        put_events(c, &s->logs, root);
    } else if (str_is(operation, "CreateLogGroup")) {
        create_group(c, &s->logs, root);
    } else if (str_is(operation, "CreateLogStream")) {
        create_stream(c, &s->logs, root);
    } else if (str_is(operation, "FilterLogEvents")) {
        filter_events(c, &s->logs, root);
    } else if (str_is(operation, "DescribeLogGroups")) {
        describe_groups(c, &s->logs);
    } else if (str_is(operation, "DescribeLogStreams")) {
        describe_streams(c, &s->logs, root);
    } else {
        sim_json_refuse(c, "UnknownOperationException", NULL,
                        "PutLogEvents, CreateLogGroup, CreateLogStream, FilterLogEvents, "
                        "DescribeLogGroups and DescribeLogStreams are simulated.");
    }
    json_decref(root);
}
