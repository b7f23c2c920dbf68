/* content.c: see content.h. Depth is bounded by the scan. */
#include "core/dialect/content.h"

#include "core/dialect/bedrock.h"

/* One block: its members may come in any order, so what they mean is known at its end. */
struct block {
    bool is_image, is_document, is_other; /* by its type */
    int64_t images;                       /* by its members */
    struct str source, file;              /* raw; the last of each */
};

static bool is_one_of(struct str raw, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scan_raw_is(raw, names[i])) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(raw, names) is_one_of(raw, names, sizeof(names) / sizeof((names)[0]))

static void take_type(struct body_reader *r, struct block *b)
{
    static const char *const images[] = {"image", "image_url", "input_image"};
    static const char *const documents[] = {"document", "file", "input_file"};
    struct str raw;

    if (scan_peek(&r->s) != SCAN_STRING) {
        body_take_raw(r);
    } else if (scan_string(&r->s, &raw)) {
        b->is_image = b->is_image || IS_ONE_OF(raw, images);
        b->is_document = b->is_document || IS_ONE_OF(raw, documents);
        b->is_other = b->is_other || !(IS_ONE_OF(raw, images) || IS_ONE_OF(raw, documents));
    }
}

/* Keeps a value for the end of the block; one that was kept before counts as it is written. */
static void keep(struct body_reader *r, struct str *kept)
{
    body_count(r, kept->n);
    if (!scan_value(&r->s, kept)) {
        *kept = (struct str){0};
    }
}

/* Walks a value that was taken before. */
static void again(struct body_reader *r, struct str raw, void (*walk)(struct body_reader *r))
{
    struct scan outer = r->s;

    scan_init(&r->s, raw.p, raw.n);
    walk(r);
    outer.bad = outer.bad || r->s.bad;
    r->s = outer;
}

/* Bytes of a file in base64, perhaps as a data: URL. A PDF costs by its pages. */
static void count_file(struct body_reader *r, struct str data, bool paged)
{
    if (!paged && !str_starts(data, "data:application/pdf")) {
        body_count(r, data.n / 4 * 3 + 3);
    }
}

/* {"type":"base64"|"text"|"content"|"url","media_type","data","content","url"} */
static void take_source(struct body_reader *r)
{
    bool is_text = false, paged = false;
    struct str key, raw, data = {0};

    if (scan_peek(&r->s) != SCAN_OBJECT) {
        body_take_raw(r);
        return;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        bool is_string = scan_peek(&r->s) == SCAN_STRING;
        if (is_string && scan_raw_is(key, "type")) {
            is_text = scan_string(&r->s, &raw) && scan_raw_is(raw, "text");
        } else if (is_string && scan_raw_is(key, "media_type")) {
            paged = scan_string(&r->s, &raw) && scan_raw_is(raw, "application/pdf");
        } else if (is_string && scan_raw_is(key, "data")) {
            body_count(r, data.n);
            scan_string(&r->s, &data);
        } else if (scan_raw_is(key, "content")) {
            content_take(r);
        } else {
            body_take_unknown(r, key);
        }
    }
    if (data.n > 0 && is_text) {
        body_count(r, scan_raw_length(data));
    } else if (data.n > 0) {
        count_file(r, data, paged);
    }
}

/* {"file_data","filename","file_id"} */
static void take_file(struct body_reader *r)
{
    struct str key, raw;

    if (scan_peek(&r->s) != SCAN_OBJECT) {
        body_take_raw(r);
        return;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "file_data") && scan_peek(&r->s) == SCAN_STRING) {
            if (scan_string(&r->s, &raw)) {
                count_file(r, raw, false);
            }
        } else {
            body_take_unknown(r, key);
        }
    }
}

/* {"toolUseId","content":[..],"status"} */
static void take_tool_result(struct body_reader *r)
{
    struct str key;

    if (scan_peek(&r->s) != SCAN_OBJECT) {
        body_take_raw(r);
        return;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "content")) {
            content_take(r);
        } else {
            body_take_unknown(r, key);
        }
    }
}

static bool take_media(struct body_reader *r, struct block *b, struct str key)
{
    static const char *const images[] = {"image", "image_url"};
    struct str raw;

    if (IS_ONE_OF(key, images)) {
        b->images++;
        scan_skip(&r->s);
    } else if (scan_raw_is(key, "source")) {
        keep(r, &b->source);
    } else if (scan_raw_is(key, "file")) {
        keep(r, &b->file);
    } else if (scan_raw_is(key, "file_data") && scan_peek(&r->s) == SCAN_STRING) {
        if (scan_string(&r->s, &raw)) {
            count_file(r, raw, false);
        }
    } else if (scan_raw_is(key, "document") && scan_peek(&r->s) == SCAN_OBJECT) {
        bedrock_take_document(r);
    } else {
        return false;
    }
    return true;
}

static void end_block(struct body_reader *r, struct block *b)
{
    bool is_image = b->is_image && !b->is_other && !b->is_document;

    r->call->images += is_image && b->images == 0 ? 1 : b->images;
    r->call->documents += b->is_document;
    if (r->s.bad) {
        return;
    }
    if (b->source.n > 0 && b->is_document) {
        again(r, b->source, take_source);
    } else if (!is_image) {
        body_count(r, b->source.n);
    }
    if (b->file.n > 0) {
        again(r, b->file, take_file);
    }
}

static void take_block(struct body_reader *r)
{
    static const char *const nested[] = {"content", "output"};
    static const char *const marks[] = {"cache_control", "cachePoint"};
    struct block b = {0};
    struct str key;

    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "type")) {
            take_type(r, &b);
        } else if (scan_raw_is(key, "text") && scan_peek(&r->s) == SCAN_STRING) {
            body_take_text(r);
        } else if (IS_ONE_OF(key, nested)) {
            content_take(r);
        } else if (scan_raw_is(key, "toolResult")) {
            take_tool_result(r);
        } else if (IS_ONE_OF(key, marks)) {
            scan_skip(&r->s);
        } else if (!take_media(r, &b, key)) {
            body_take_unknown(r, key);
        }
    }
    end_block(r, &b);
}

void content_take(struct body_reader *r) /* NOLINT(misc-no-recursion) */
{
    switch (scan_peek(&r->s)) {
    case SCAN_STRING:
        body_take_text(r);
        break;
    case SCAN_OBJECT:
        take_block(r);
        break;
    case SCAN_ARRAY:
        scan_array(&r->s);
        while (scan_element(&r->s)) {
            content_take(r);
        }
        break;
    case SCAN_NULL:
        scan_skip(&r->s);
        break;
    case SCAN_NONE:
    case SCAN_NUMBER:
    case SCAN_TRUE:
    case SCAN_FALSE:
        body_take_raw(r);
        break;
    }
}

static void take_message(struct body_reader *r)
{
    struct str key;

    r->call->messages++;
    if (scan_peek(&r->s) != SCAN_OBJECT) {
        content_take(r);
        return;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "content") || scan_raw_is(key, "output")) {
            content_take(r);
        } else if (scan_raw_is(key, "role") && scan_peek(&r->s) == SCAN_STRING) {
            scan_skip(&r->s);
        } else {
            body_take_unknown(r, key);
        }
    }
}

void content_take_messages(struct body_reader *r)
{
    if (scan_peek(&r->s) != SCAN_ARRAY) {
        content_take(r);
        return;
    }
    scan_array(&r->s);
    while (scan_element(&r->s)) {
        take_message(r);
    }
}

void content_take_tools(struct body_reader *r)
{
    struct str key;

    if (body_take_null(r)) {
        return;
    }
    (void)scan_peek(&r->s);
    size_t from = scan_offset(&r->s);
    if (scan_peek(&r->s) == SCAN_ARRAY) {
        body_take_tools(r);
    } else if (scan_peek(&r->s) == SCAN_OBJECT) {
        scan_object(&r->s);
        while (scan_key(&r->s, &key)) {
            if (scan_raw_is(key, "tools") && scan_peek(&r->s) == SCAN_ARRAY) {
                body_take_tools(r);
            } else {
                scan_skip(&r->s);
            }
        }
    } else {
        scan_skip(&r->s);
    }
    if (!r->s.bad) {
        body_count(r, scan_offset(&r->s) - from);
    }
}

void content_take_images(struct body_reader *r)
{
    if (scan_peek(&r->s) != SCAN_ARRAY) {
        r->call->images += scan_peek(&r->s) != SCAN_NULL;
        scan_skip(&r->s);
        return;
    }
    scan_array(&r->s);
    while (scan_element(&r->s)) {
        r->call->images++;
        scan_skip(&r->s);
    }
}
