/* bedrock_upstream.c: calls of the Bedrock runtime, put to it with the tags they are charged to. */
#include "core/dialect/bedrock.h"
#include "core/dialect/body_reader.h"
#include "core/dialect/upstream.h"

#include <stdio.h>
#include <string.h>

void bedrock_upstream_path(struct buf *path, const struct dialect_route *r, const char *id)
{
    size_t slash = r->path.n;

    while (slash > 0 && r->path.p[slash - 1] != '/') {
        slash--;
    }
    buf_add(path, "/model/");
    upstream_encode(path, id);
    buf_add(path, "/");
    buf_add_str(path, str_sub(r->path, slash, r->path.n));
}

void bedrock_lower_maxima(struct splice *s, struct str text, const struct splice_object *in,
                          int64_t maximum)
{
    static const char *const groups[] = {"inferenceConfig", "textGenerationConfig"};
    struct str key, raw;
    struct scan scan;

    for (size_t g = 0; g <= sizeof(groups) / sizeof(groups[0]); g++) {
        struct splice_object group = *in;
        if (g > 0 && (!splice_member(text, in, groups[g - 1], &group) || !group.found)) {
            continue;
        }
        scan_init(&scan, text.p + group.from, group.to - group.from);
        scan_object(&scan);
        while (scan_key(&scan, &key) && scan_value(&scan, &raw)) {
            size_t from = (size_t)(raw.p - text.p);
            struct splice_object at = {.from = from, .to = from + raw.n};
            if (body_names_maximum(key)) {
                upstream_lower(s, text, &at, maximum);
            }
        }
    }
}

static void add_tags(struct splice *s, struct str body, const struct splice_object *top,
                     const struct call *call, const struct tags *tags)
{
    static const char name[] = "\"requestMetadata\":";
    struct splice_object map = splice_value(body, call->metadata_from, call->metadata_to);
    struct buf fresh = {0}, member = {0};
    bool there = map.to > map.from;

    splice_metadata(s, body, &map, tags, &fresh);
    if (fresh.len > 0 && there) {
        splice_put(s, map.from, map.to, buf_str(&fresh));
    } else if (fresh.len > 0) {
        buf_add(&member, name);
        buf_add_str(&member, buf_str(&fresh));
        splice_append(s, body, top, buf_str(&member));
        s->failed = s->failed || member.failed;
    }
    buf_free(&fresh);
    buf_free(&member);
}

static void clamp(struct splice *s, struct str body, const struct splice_object *top,
                  int64_t maximum)
{
    struct splice_object config, fields;
    char text[80];
    bool there = splice_member(body, top, "inferenceConfig", &config);

    if (there && config.found) {
        upstream_bound(s, body, &config, "maxTokens", maximum);
    } else {
        int n = snprintf(text, sizeof(text), "\"inferenceConfig\":{\"maxTokens\":%lld}",
                         (long long)maximum);
        struct str member = {text, (size_t)n};
        if (there) {
            splice_put(s, config.from, config.to,
                       str_sub(member, strlen("\"inferenceConfig\":"), member.n));
        } else {
            splice_append(s, body, top, member);
        }
    }
    if (splice_member(body, top, "additionalModelRequestFields", &fields) && fields.found) {
        bedrock_lower_maxima(s, body, &fields, maximum);
    }
}

static enum err upstream_converse(struct dialect_upstream *out, const struct dialect_route *r,
                                  const struct call *call, struct str body,
                                  const struct dialect_upstream_options *o, struct err_info *ei)
{
    struct splice s = {0};
    struct splice_object top = {0};

    bedrock_upstream_path(&out->path, r, o->upstream_id);
    bool tagged = o->attribution != NULL && o->attribution->count > 0;
    if (tagged || o->clamp_output > 0) {
        top = splice_object(body);
    }
    if (tagged) {
        add_tags(&s, body, &top, call, o->attribution);
    }
    if (o->clamp_output > 0) {
        clamp(&s, body, &top, o->clamp_output);
    }
    return upstream_body(out, &s, body, ei);
}

static enum err upstream_count_tokens(struct dialect_upstream *out, const struct dialect_route *r,
                                      const struct call *call, struct str body,
                                      const struct dialect_upstream_options *o, struct err_info *ei)
{
    (void)call;
    (void)body;
    (void)ei;
    bedrock_upstream_path(&out->path, r, o->upstream_id);
    return ERR_OK;
}

static enum err parse_converse(const struct dialect_route *r, struct str body,
                               const struct http_header *headers, size_t header_count,
                               struct call *call, struct dialect_facts *facts, struct err_info *ei)
{
    (void)r;
    (void)headers;
    (void)header_count;
    return bedrock_parse_converse(body, call, facts, ei);
}

static enum err parse_count_tokens(const struct dialect_route *r, struct str body,
                                   const struct http_header *headers, size_t header_count,
                                   struct call *call, struct dialect_facts *facts,
                                   struct err_info *ei)
{
    (void)r;
    (void)headers;
    (void)header_count;
    (void)facts;
    call->max_output = 0;
    return bedrock_parse_count_tokens(body, ei);
}

const struct operation operation_converse = {parse_converse, upstream_converse, &meter_converse};
const struct operation operation_converse_stream = {parse_converse, upstream_converse,
                                                    &meter_converse};
const struct operation operation_count_tokens = {parse_count_tokens, upstream_count_tokens,
                                                 &meter_converse};
