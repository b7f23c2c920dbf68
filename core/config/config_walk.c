/* config_walk.c: one YAML document, its pairs and items. Depth is bounded by the tables that walk
 * it and width by a budget, so that aliases (even of themselves) cost nothing. */
#include "core/config/config_private.h"

#include <stdio.h>
#include <string.h>

#define PAIRS_MAX 1000
#define BUDGET    100000

static void syntax_mistake(struct config_reader *r, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR) {
        r->no_memory = true;
    } else if (parser->error == YAML_READER_ERROR) {
        config_mistake(r, 0, "", "not UTF-8 text: %s at byte %zu", problem, parser->problem_offset);
    } else {
        config_mistake(r, (int)parser->problem_mark.line + 1, "", "YAML, column %zu: %s%s%s",
                       parser->problem_mark.column + 1, problem,
                       parser->context != NULL ? ", " : "",
                       parser->context != NULL ? parser->context : "");
    }
}

/* The first document is read; that nothing follows it is checked. */
static bool load(struct config_reader *r, yaml_parser_t *parser, yaml_document_t *document)
{
    if (!yaml_parser_load(parser, document)) {
        syntax_mistake(r, parser);
        return false;
    }
    r->root = yaml_document_get_root_node(document);
    if (r->root == NULL) {
        return true; /* an empty file: everything by default */
    }
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second)) {
        syntax_mistake(r, parser);
        return true;
    }
    yaml_node_t *more = yaml_document_get_root_node(&second);
    if (more != NULL) {
        config_mistake(r, (int)more->start_mark.line + 1, "",
                       "a second document begins here: a file has one; remove the --- line");
    }
    yaml_document_delete(&second);
    return true;
}

bool config_walk_open(struct config_reader *r, yaml_document_t *document, struct str text)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        r->no_memory = true;
        return false;
    }
    const char *bytes = text.n > 0 ? text.p : "";
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, text.n);
    bool ok = load(r, &parser, document);
    yaml_parser_delete(&parser);
    r->document = document;
    r->budget = BUDGET;
    return ok;
}

/* False once the budget is spent; says so once. */
static bool spend(const struct config_place *p)
{
    if (p->r->budget == 0) {
        config_wrong(p, "the file has more than %d values (aliases count each time)", BUDGET);
    }
    return p->r->budget-- > 0;
}

static const char *kind_of(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE    ? "a mapping"
           : node->type == YAML_SEQUENCE_NODE ? "a list"
                                              : "a single value";
}

bool config_is_null(const struct config_place *p)
{
    if (p->node->type != YAML_SCALAR_NODE ||
        p->node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const char *text = (const char *)p->node->data.scalar.value;
    return strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static bool is_kind(const struct config_place *p, yaml_node_type_t type, const char *kind)
{
    if (p->node->type == type) {
        return true;
    }
    if (config_is_null(p)) {
        config_wrong(p, "has no value: give it one or leave the key out");
    } else {
        config_wrong(p, "must be %s, not %s", kind, kind_of(p->node));
    }
    return false;
}

bool config_scalar(const struct config_place *p, struct str *out)
{
    if (!is_kind(p, YAML_SCALAR_NODE, "a single value")) {
        return false;
    }
    *out = (struct str){(const char *)p->node->data.scalar.value, p->node->data.scalar.length};
    if (out->n == 0 || config_is_null(p)) {
        config_wrong(p, "has no value: give it one or leave the key out");
        return false;
    }
    if (memchr(out->p, '\0', out->n) != NULL) {
        config_wrong(p, "must not hold a NUL character");
        return false;
    }
    return true;
}

static bool same_scalar(const yaml_node_t *a, const yaml_node_t *b)
{
    return b->type == YAML_SCALAR_NODE && a->data.scalar.length == b->data.scalar.length &&
           memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length) == 0;
}

/* A path that is too long is cut. */
static void append(char key[CONFIG_KEY_TEXT], struct str text)
{
    size_t n = strlen(key);
    str_copy(key + n, CONFIG_KEY_TEXT - n, text);
}

/* The pair's key stands at `child`; false when it is no good. */
static bool pair_key(const struct config_place *p, size_t i, struct config_place *child,
                     struct str *key)
{
    yaml_document_t *d = p->r->document;
    yaml_node_pair_t *pairs = p->node->data.mapping.pairs.start;
    yaml_node_t *node = yaml_document_get_node(d, pairs[i].key);
    child->line = (int)node->start_mark.line + 1;
    if (node->type != YAML_SCALAR_NODE) {
        config_mistake(p->r, child->line, p->key, "a key must be a name, not %s", kind_of(node));
        return false;
    }
    *key = (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
    append(child->key, str_of(p->key));
    append(child->key, *p->key != '\0' ? STR(".") : STR(""));
    append(child->key, *key);
    for (size_t j = 0; j < i; j++) {
        const yaml_node_t *other = yaml_document_get_node(d, pairs[j].key);
        if (same_scalar(node, other)) {
            config_wrong(child, "is given twice, first in line %zu", other->start_mark.line + 1);
            return false;
        }
    }
    return true;
}

bool config_each_pair(const struct config_place *p, config_pair_fn fn, void *arg)
{
    if (!is_kind(p, YAML_MAPPING_NODE, "a mapping (key: value)")) {
        return false;
    }
    size_t count = config_size_of(p);
    if (count > PAIRS_MAX) {
        config_wrong(p, "has more than %d keys", PAIRS_MAX);
        count = PAIRS_MAX;
    }
    for (size_t i = 0; i < count && spend(p); i++) {
        struct config_place child = {.r = p->r};
        struct str key;
        if (pair_key(p, i, &child, &key)) {
            child.node =
                yaml_document_get_node(p->r->document, p->node->data.mapping.pairs.start[i].value);
            fn(&child, key, arg);
        }
    }
    return true;
}

bool config_each_item(const struct config_place *p, size_t max, config_item_fn fn, void *arg)
{
    if (!is_kind(p, YAML_SEQUENCE_NODE, "a list")) {
        return false;
    }
    size_t count = config_size_of(p);
    if (count > max) {
        config_wrong(p, "has %zu entries; at most %zu are allowed", count, max);
        count = max;
    }
    for (size_t i = 0; i < count && spend(p); i++) {
        struct config_place child = {.r = p->r};
        child.node = yaml_document_get_node(p->r->document, p->node->data.sequence.items.start[i]);
        child.line = (int)child.node->start_mark.line + 1;
        char index[24];
        int n = snprintf(index, sizeof(index), "[%zu]", i);
        append(child.key, str_of(p->key));
        append(child.key, (struct str){index, (size_t)n});
        fn(&child, i, arg);
    }
    return true;
}

size_t config_size_of(const struct config_place *p)
{
    const yaml_node_t *node = p->node;
    if (node->type == YAML_MAPPING_NODE) {
        return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    }
    return 0;
}

/* The value of a key and the key's line; NULL when absent. */
static yaml_node_t *value_of(const struct config_reader *r, const yaml_node_t *node, struct str key,
                             int *line)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *k = yaml_document_get_node(r->document, pair->key);
        if (k->type == YAML_SCALAR_NODE &&
            str_eq(key, (struct str){(const char *)k->data.scalar.value, k->data.scalar.length})) {
            *line = (int)k->start_mark.line + 1;
            return yaml_document_get_node(r->document, pair->value);
        }
    }
    return NULL;
}

int config_line_of(const struct config_reader *r, const char *key)
{
    struct str below, top = str_cut(str_of(key), '.', &below);
    int line = 0;
    const yaml_node_t *node = value_of(r, r->root, top, &line);
    if (node != NULL && below.p != NULL) {
        node = value_of(r, node, below, &line);
    }
    return node != NULL ? line : 0;
}

const char *config_text(struct config_reader *r, struct str text)
{
    struct str copy = arena_str(r->arena, text);
    r->no_memory |= copy.p == NULL;
    return copy.p != NULL ? copy.p : "";
}

void *config_memory(struct config_reader *r, size_t count, size_t size)
{
    void *memory = arena_alloc(r->arena, count * size);
    r->no_memory |= memory == NULL;
    return memory;
}
