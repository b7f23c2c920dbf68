/* config_private.h: between the files of this room: a YAML document walked by tables of keys, and
 * the mistakes found on the way. */
#ifndef TOLLGATE_CONFIG_PRIVATE_H
#define TOLLGATE_CONFIG_PRIVATE_H

#include "core/base/arena.h"
#include "core/config/config.h"

#include <yaml.h>

#define CONFIG_KEY_TEXT 96

/* One reading of one file. */
struct config_reader {
    struct config *config;
    struct arena *arena; /* of config */
    struct config_mistakes *mistakes;
    yaml_document_t *document;
    yaml_node_t *root; /* NULL: an empty file */
    int budget;        /* values left to look at: aliases could multiply a small file */
    bool no_memory;
};

/* A value and where it stands. Valid as long as the document. */
struct config_place {
    struct config_reader *r;
    yaml_node_t *node;
    int line;
    char key[CONFIG_KEY_TEXT]; /* "limits[0].tokens" */
};

/* --- config_mistakes.c --- */

/* Adds a mistake; "did you mean" and the like are the caller's. The text is made printable. */
void config_mistake(struct config_reader *r, int line, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void config_warning(struct config_reader *r, int line, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* At a place. */
void config_wrong(const struct config_place *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void config_mistakes_sort(struct config_mistakes *m);
/* The name nearest to `text` among n names `stride` bytes apart, or NULL when none is near. */
const char *config_nearest(struct str text, const void *names, size_t n, size_t stride);

/* --- config_partition.c --- */

/* AWS's own host of a service in a Region. */
void config_aws_url(char *out, size_t size, enum config_service s, const char *region);
/* Is it a Region of the table here? AWS adds some: one that is not may exist all the same. Where it
 * is not, *nearest is one that is spelt like it, or NULL. */
bool config_region_known(const char *region, const char **nearest);

/* --- config_walk.c: the document, pairs and items --- */

/* Reads the YAML of `text`; syntax errors and second documents are mistakes. False: no document
 * (r->document needs no freeing). */
bool config_walk_open(struct config_reader *r, yaml_document_t *document, struct str text);

typedef void (*config_pair_fn)(const struct config_place *p, struct str key, void *arg);
/* Calls fn for each pair of a mapping, once a key. Returns false when it is no mapping. */
bool config_each_pair(const struct config_place *p, config_pair_fn fn, void *arg);
typedef void (*config_item_fn)(const struct config_place *p, size_t i, void *arg);
/* Calls fn for each item of a list, at most max. Returns false when it is no list. */
bool config_each_item(const struct config_place *p, size_t max, config_item_fn fn, void *arg);
/* How many pairs or items the value has (0 for a scalar). */
size_t config_size_of(const struct config_place *p);
bool config_is_null(const struct config_place *p);
/* The text of a scalar that is not empty; otherwise a mistake and false. */
bool config_scalar(const struct config_place *p, struct str *out);
/* Line of a top-level key, or of a key one level below it ("tags.values"); 0 when absent. */
int config_line_of(const struct config_reader *r, const char *key);

/* Copies; on failure sets r->no_memory and returns "" (text) or NULL (memory). */
const char *config_text(struct config_reader *r, struct str text);
void *config_memory(struct config_reader *r, size_t count, size_t size);

/* --- config_fields.c: typed values --- */

struct config_field {
    const char *key;
    void (*read)(const struct config_place *p, const struct config_field *f, void *into);
    size_t offset;              /* of what is filled, in the struct that the mapping fills */
    int64_t min, max;           /* of numbers, sizes, durations (ms), items of a list */
    const char *const *choices; /* NULL-ended */
    enum { FIELD_TAG_KEYS = 1, FIELD_TAG_VALUES = 2, FIELD_OFF = 4, FIELD_NULL = 8 } flags;
};
/* Reads a mapping whose keys are those of `fields` (at most 64). Bit i of the result: field i was
 * there. `into` NULL: checked only. */
uint64_t config_read_fields(const struct config_place *p, const struct config_field *fields,
                            size_t n, void *into);
#define CONFIG_READ_FIELDS(p, fields, into)                                                        \
    config_read_fields(p, fields, sizeof(fields) / sizeof((fields)[0]), into)

typedef void config_read_fn(const struct config_place *p, const struct config_field *f, void *into);
config_read_fn config_read_text;     /* const char *; min to max bytes (max 0: 1024) */
config_read_fn config_read_path;     /* const char *, absolute */
config_read_fn config_read_bool;     /* bool */
config_read_fn config_read_either;   /* bool: the second of two choices */
config_read_fn config_read_choice;   /* unsigned or enum: index of the choice */
config_read_fn config_read_count;    /* int64_t; "100k" */
config_read_fn config_read_size;     /* int64_t bytes */
config_read_fn config_read_duration; /* int64_t ms; FIELD_OFF: "off" is 0 */
config_read_fn config_read_money;    /* int64_t nano-dollars, or nano-dollars a million tokens */
config_read_fn config_read_names;    /* struct config_names */
config_read_fn config_read_pairs;    /* struct config_pairs */

/* Makes `text` an absolute path in out: from the folder of the file at `file`, "~/" from HOME.
 * Returns NULL, or what is wrong with it. */
const char *config_absolute(const char *file, struct str text, char *out, size_t size);

/* Checks a tag key, for "costcenter" too, which nobody means. */
bool config_tag_key_ok(const struct config_place *p, struct str key);

/* --- sections --- */
config_read_fn config_read_listen;                  /* config_listen.c; fills struct config */
config_read_fn config_read_endpoints;               /* config_endpoints.c; fills struct config */
config_read_fn config_read_models;                  /* config_models.c; fills struct config */
config_read_fn config_read_limits;                  /* config_limits.c; fills struct config */
config_read_fn config_read_notify;                  /* config_notify.c; fills struct config */
config_read_fn config_read_publish;                 /* config_publish.c; fills struct config */
void config_read_sections(struct config_reader *r); /* config_sections.c: the whole file */
void config_listen_defaults(struct config_reader *r);
void config_endpoint_defaults(struct config_reader *r); /* the Region too */
/* config_check.c: what no section can see alone, and defaults that follow from others. */
void config_check(struct config_reader *r);

/* A whole "http://host[:port]"; NULL and *why when it is none. */
struct config_url {
    bool https;
    struct str host; /* without brackets */
    int port;
    struct str origin; /* without a lone slash at the end */
};
bool config_url_parse(struct str text, struct config_url *out, const char **why);
/* "127.0.0.1:8088", "[::1]:0". host is without brackets; *why says what is wrong. */
bool config_address_parse(struct str text, struct str *host, int *port, const char **why);

#endif
