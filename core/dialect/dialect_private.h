/* dialect_private.h: how the files of each API hang together behind dialect.h. Each API has one
 * table. */
#ifndef TOLLGATE_DIALECT_DIALECT_PRIVATE_H
#define TOLLGATE_DIALECT_DIALECT_PRIVATE_H

#include "core/dialect/dialect.h"

/* What one operation (a path) does. Found by dialect_route; static. */
struct operation {
    /* As dialect_parse. */
    enum err (*parse)(const struct dialect_route *r, struct str body,
                      const struct http_header *headers, size_t header_count, struct call *call,
                      struct dialect_facts *facts, struct err_info *ei);
    /* As dialect_upstream. */
    enum err (*upstream)(struct dialect_upstream *out, const struct dialect_route *r,
                         const struct call *call, struct str body,
                         const struct dialect_upstream_options *o, struct err_info *ei);
    /* Its meter; NULL: usage is found as in Converse. */
    const struct meter_kind *meter;
};

/* A meter of one API: `size` bytes, zeroed, state first. */
struct meter_kind {
    size_t size;
    void (*begin)(struct meter *m, const struct dialect_route *r,
                  const struct call *call); /* may be NULL */
    void (*head)(struct meter *m, int status, const struct http_header *headers,
                 size_t header_count);
    bool (*feed)(struct meter *m, const char *data, size_t n);
    bool (*rewrites)(const struct meter *m); /* NULL: never */
    bool (*pass)(struct meter *m, const char *data, size_t n, bool last,
                 struct buf *out); /* with rewrites */
    bool (*answer_head)(const struct meter *m, int *status,
                        struct buf *header_lines); /* may be NULL */
    void (*clear)(struct meter *m);                /* frees what it holds; may be NULL */
};

/* Begins every meter. */
struct meter {
    const struct meter_kind *kind;
    struct meter_state state;
    bool answered;    /* by a 2xx */
    bool usage_added; /* the request was changed to ask for usage: what comes of it is taken out */
};

/* meter.c */
struct str meter_header(const struct http_header *headers, size_t count, const char *name);
/* Is this the content type, whatever its parameters? */
bool meter_is_type(const struct http_header *headers, size_t count, const char *type);
/* Is the body compressed, so that it cannot be read? */
bool meter_is_coded(const struct http_header *headers, size_t count);
/* What cannot be read is counted as generated, so that nothing generated is free. False. */
bool meter_count_bytes(struct meter *m, size_t n);

extern const struct meter_kind meter_converse;

/* openai.c, anthropic.c, workflow.c, bedrock_invoke.c */
extern const struct operation operation_openai_chat, operation_openai_responses;
extern const struct operation operation_anthropic_messages, operation_anthropic_count_tokens;
extern const struct operation operation_workflow;
extern const struct operation operation_invoke, operation_invoke_stream;
extern const struct operation operation_converse, operation_converse_stream, operation_count_tokens;

#endif
