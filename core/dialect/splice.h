/* splice.h: changes in a JSON text by cutting and inserting bytes; what is not touched stays as it
 * was written. */
#ifndef TOLLGATE_DIALECT_SPLICE_H
#define TOLLGATE_DIALECT_SPLICE_H

#include "core/base/json_scan.h"
#include "core/catalog/call.h"

/* Keys of an object and where its members stand; offsets are of the text given. */
struct splice_object {
    bool found;      /* it is an object */
    bool empty;      /* without members */
    size_t open;     /* just behind the '{' */
    size_t from, to; /* the whole value */
};

#define SPLICE_EDITS 48

/* Edits of one text, applied at once. All-zero is none. Inserted text is kept in `texts`. */
struct splice {
    struct {
        size_t from, to;       /* bytes cut out */
        size_t text, text_len; /* of texts */
    } edits[SPLICE_EDITS];
    size_t count;
    struct buf texts;
    bool failed; /* too many edits, or no memory */
};
void splice_free(struct splice *s);
/* Replaces [from, to) by the text. */
void splice_put(struct splice *s, size_t from, size_t to, struct str text);
/* Adds members ("\"a\":1") at the front of an object. */
void splice_insert(struct splice *s, const struct splice_object *o, struct str members);
/* Adds members at the end of an object. */
void splice_append(struct splice *s, struct str text, const struct splice_object *o,
                   struct str members);
/* Appends the changed text. ERR_NOMEM; ERR_FULL: too many edits. */
enum err splice_apply(struct splice *s, struct str text, struct buf *out) MUST_CHECK;
/* The same without the unchanged bytes before the first edit and behind the last: their numbers are
 * returned. */
enum err splice_middle(struct splice *s, struct str text, struct buf *out, size_t *front,
                       size_t *back) MUST_CHECK;

/* The value at [from, to) of a text. */
struct splice_object splice_value(struct str text, size_t from, size_t to);
/* The outermost object of a text. */
struct splice_object splice_object(struct str text);
/* The value of a member of the object at [from, to) of the text; false: none. The last one counts.
 */
bool splice_member(struct str text, const struct splice_object *in, const char *name,
                   struct splice_object *value);

/* Sets the tags among the entries of a map of strings: same key: replaced, else added, as long as
 * there are at most 16 entries. Only what AWS allows in request metadata is set. `o`: the map, or a
 * null in its place, or (not found) nothing: then members of a new map are put into *fresh as
 * {"k":"v",..} unless there are none. */
void splice_metadata(struct splice *s, struct str text, const struct splice_object *o,
                     const struct tags *tags, struct buf *fresh);

#endif
