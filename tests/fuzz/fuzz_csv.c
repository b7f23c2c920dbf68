/* Comma-separated values: the same records however the bytes arrive, and what was read says the
 * same when it is written down again. */
#include "core/base/csv.h"
#include "tests/fuzz/fuzz.h"

/* A record as text that no other record has. */
static void put_record(struct buf *out, const struct csv *c)
{
    buf_printf(out, "%d %zu:", c->bad, c->bad ? 0 : c->count);
    for (size_t i = 0; !c->bad && i < c->count; i++) {
        struct str field = csv_field(c, i);
        buf_printf(out, "%zu,", field.n);
        buf_add_str(out, field);
    }
    MUST(csv_field(c, c->count).n == 0);
}

static void put_quoted(struct buf *out, const struct csv *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct str field = csv_field(c, i);
        buf_add(out, i > 0 ? ",\"" : "\"");
        for (size_t k = 0; k < field.n; k++) {
            buf_append(out, field.p + k, 1);
            buf_append(out, "\"", field.p[k] == '"');
        }
        buf_add(out, "\"");
    }
    buf_add(out, "\r\n");
}

/* Reads all of it in the pieces of `seed`; whole: in one. quoted (or NULL): written down again.
 * False: a record was bad. */
static bool read_all(struct str text, uint16_t seed, bool whole, struct buf *out,
                     struct buf *quoted)
{
    bool good = true;
    struct csv *c = calloc(1, sizeof(*c));
    struct split split = split_of(seed);
    MUST(c != NULL);
    csv_init(c);
    while (text.n > 0) {
        size_t n = whole ? text.n : split_next(&split, text.n);
        struct str piece = str_sub(text, 0, n);
        text = str_sub(text, n, text.n);
        while (csv_take(c, &piece)) {
            put_record(out, c);
            good = good && !c->bad;
            if (quoted != NULL && !c->bad) {
                put_quoted(quoted, c);
            }
        }
        MUST(piece.n == 0);
    }
    if (csv_end(c)) {
        put_record(out, c);
    }
    csv_free(c);
    free(c);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct buf one = {0}, other = {0}, quoted = {0}, again = {0};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str text = input_rest(&in);

    bool good = read_all(text, 0, true, &one, &quoted);
    MUST(read_all(text, seed, false, &other, NULL) == good);
    MUST(str_eq(buf_str(&one), buf_str(&other)));
    if (good && quoted.len > 0) {
        MUST(read_all(buf_str(&quoted), seed, false, &again, NULL));
        MUST(again.len > 0 && again.len <= one.len &&
             memcmp(buf_bytes(&one), buf_bytes(&again), again.len) == 0);
    }
    buf_free(&one);
    buf_free(&other);
    buf_free(&quoted);
    buf_free(&again);
    return 0;
}
