/* member_find.h: catches the values of a few members of a JSON object that passes by in pieces,
 * without keeping the rest. It trusts the text: what it catches is checked by who reads it. */
#ifndef TOLLGATE_DIALECT_MEMBER_FIND_H
#define TOLLGATE_DIALECT_MEMBER_FIND_H

#include "core/base/buf.h"

#define MEMBER_VALUE_MAX 4096

/* What is wanted: members of the outermost object, or of the object that its member `parent` is.
 * A name that is written with so many escapes that it has more than 40 bytes is not found. */
struct member_wants {
    const char *const *names;
    size_t count;
    const char *parent; /* NULL: the outermost */
    /* A whole value, as written; lives only during the call. One longer than MEMBER_VALUE_MAX is
     * not told. */
    void (*found)(void *arg, size_t which, struct str raw);
};

/* All-zero is the start of a text. */
struct member_find {
    uint32_t depth;
    bool in_string, escaped;
    bool in_key;      /* the string is a key of an object that matters */
    bool key_next;    /* a string that begins now is such a key */
    bool parent_next; /* the value that comes is the parent's */
    bool inside;      /* the parent is open */
    bool catching;    /* the value of a wanted member is passing */
    bool off;         /* not an object, or over */
    uint8_t which;    /* that is being caught */
    uint8_t key_n;    /* above sizeof(key): too long to be a wanted one */
    char key[40];     /* as written, escapes and all */
    struct buf value;
};
void member_find_free(struct member_find *f);
/* Takes the next bytes and tells what ended in them. */
void member_find_feed(struct member_find *f, const struct member_wants *wants, void *arg,
                      const char *data, size_t n);

#endif
