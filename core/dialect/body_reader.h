/* body_reader.h: a walk over a request's body that knows where it stands, so that every mistake is
 * told with its path ("messages[0].content: must be an array"). What the walk meets is counted into
 * the call; members that a version does not know count with their whole length, so that nothing is
 * foreseen too small. */
#ifndef TOLLGATE_DIALECT_BODY_READER_H
#define TOLLGATE_DIALECT_BODY_READER_H

#include "core/base/json_scan.h"
#include "core/dialect/dialect.h"

#define BODY_PATH_STEPS 8

/* A member's name, or (name.p NULL) an index. */
struct body_step {
    struct str name;
    long index;
};

struct body_reader {
    struct scan s;
    struct call *call;
    struct dialect_facts *facts;
    struct err_info *ei;
    enum err e;       /* of a mistake in what is said; s.bad tells of a mistake in the JSON */
    const char *root; /* what the text is called: "body" */
    struct body_step path[BODY_PATH_STEPS];
    uint32_t marks;  /* what a dialect wants to remember */
    int64_t choices; /* answers asked for at once; 1 unless said */
    size_t depth;    /* may be beyond BODY_PATH_STEPS: then the path is told only so far */
};

void body_begin(struct body_reader *r, const char *root, struct str text, struct call *call,
                struct dialect_facts *facts, struct err_info *ei);
/* The mistake found on the way, or ERR_PARSE when the text is no JSON or has more behind it. */
enum err body_end(struct body_reader *r) MUST_CHECK;

/* Records "path: what" and stops the walk; false. The first mistake stands. */
bool body_wrong(struct body_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void body_enter(struct body_reader *r, struct str name);
void body_enter_element(struct body_reader *r, long index);
void body_leave(struct body_reader *r);

/* The next value must be of this type. */
bool body_expect(struct body_reader *r, enum scan_type t);
/* Takes a null if there is one. */
bool body_take_null(struct body_reader *r);
void body_count(struct body_reader *r, size_t bytes);
/* A value that counts with its length as it is written. */
void body_take_raw(struct body_reader *r);
/* A member's value and its key. */
void body_take_unknown(struct body_reader *r, struct str key);
/* A string that counts with its decoded length. */
void body_take_text(struct body_reader *r);
/* A number of at least 1, or null; the largest that is given stays in *largest. */
void body_take_maximum(struct body_reader *r, int64_t *largest);
/* How many answers are wanted (1 to 128), or null: multiplies r->choices. */
void body_take_choices(struct body_reader *r);
/* Multiplies the call's maximum by the choices. */
void body_apply_choices(struct body_reader *r);
/* true, false or null (which leaves *out alone). */
void body_take_bool(struct body_reader *r, bool *out);
/* A list of tools: they are counted one by one. Their text is counted by whom it belongs to. */
void body_take_tools(struct body_reader *r);
/* A map of strings that becomes the caller's tags. value_max: bytes of a key or value. */
void body_take_tags(struct body_reader *r, size_t value_max, bool may_be_empty);
/* The model's name, decoded into the call's arena: facts->model. */
void body_take_model(struct body_reader *r);

/* One member of the outermost object that may be given once. */
struct body_member {
    const char *name;
    void (*take)(struct body_reader *r); /* NULL: not shown to the model, skipped */
    bool required;
};
/* Takes an object of these members (at most 64). Others go to `other`, which takes the value;
 * NULL: body_take_unknown. */
void body_take_members(struct body_reader *r, const struct body_member *members, size_t count,
                       void (*other)(struct body_reader *r, struct str key));

/* Is this raw key the name of a bound of output tokens in the body of any model? */
bool body_names_maximum(struct str key);
/* As far as the call's model listens to it there: a bound that the model ignores bounds nothing.
 * Any model's where the model is not known yet. in_group: inside inferenceConfig and its like. */
bool body_names_own_maximum(const struct call *call, struct str key, bool in_group);

#endif
