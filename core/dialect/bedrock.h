/* bedrock.h: the words of the Bedrock runtime API, for the rest of this room. */
#ifndef TOLLGATE_DIALECT_BEDROCK_H
#define TOLLGATE_DIALECT_BEDROCK_H

#include "core/dialect/body_reader.h"
#include "core/dialect/dialect_private.h"
#include "core/dialect/splice.h"

/* Body of Converse and ConverseStream. */
enum err bedrock_parse_converse(struct str body, struct call *call, struct dialect_facts *facts,
                                struct err_info *ei) MUST_CHECK;
/* Body of CountTokens: only its form is checked. */
enum err bedrock_parse_count_tokens(struct str body, struct err_info *ei) MUST_CHECK;

/* {"format","name","source":{..}} as Converse and Nova have it. */
void bedrock_take_document(struct body_reader *r);

/* /model/{id, percent-encoded}/{operation of the route} */
void bedrock_upstream_path(struct buf *path, const struct dialect_route *r, const char *id);
/* Lowers every bound of output tokens that stands in an object or in one of its known groups. */
void bedrock_lower_maxima(struct splice *s, struct str text, const struct splice_object *in,
                          int64_t maximum);

/* Bytes of all generated text in the payload of a content event; padding is none. */
int64_t bedrock_content_bytes(struct str json);

#endif
