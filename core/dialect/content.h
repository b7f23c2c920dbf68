/* content.h: what models are shown, in the body of any family or API: text counts with its decoded
 * length, images and paged documents by their number, and what is not known as it is written, so
 * that nothing is counted too small. Nothing is refused here. */
#ifndef TOLLGATE_DIALECT_CONTENT_H
#define TOLLGATE_DIALECT_CONTENT_H

#include "core/dialect/body_reader.h"

/* A text, a block, a list of both, or null. */
void content_take(struct body_reader *r);
/* A list of messages: {"role","content",..}. */
void content_take_messages(struct body_reader *r);
/* A list of tools, or an object that holds one under "tools"; null. */
void content_take_tools(struct body_reader *r);
/* An image, or a list of images. */
void content_take_images(struct body_reader *r);

#endif
