/* sse.c: see sse.h. */
#include "core/dialect/sse.h"

#include <string.h>

struct target {
    sse_piece *piece;
    void *arg;
};

void sse_free(struct sse_reader *r)
{
    buf_free(&r->data);
    *r = (struct sse_reader){0};
}

static void keep_borrowed(struct sse_reader *r)
{
    if (r->borrowed.n > 0) {
        r->lost = !buf_add_str(&r->data, r->borrowed) || r->lost;
        r->borrowed = (struct str){0};
    }
}

static void add_data(struct sse_reader *r, struct str piece, const struct target *t)
{
    if (piece.n == 0) {
        return;
    }
    if (r->big) {
        t->piece(t->arg, piece);
    } else if (r->borrowed.n == 0 && r->data.len == 0) {
        r->borrowed = piece;
    } else {
        keep_borrowed(r);
        r->lost = !buf_add_str(&r->data, piece) || r->lost;
    }
}

/* The field's name is whole: what kind of line is this? */
static void begin_value(struct sse_reader *r, const struct target *t)
{
    struct str name = {r->field_text, r->field_n};

    r->in_value = r->value_next = true;
    r->field = SSE_OTHER;
    if (r->field_n > sizeof(r->field_text)) {
        return;
    }
    if (str_is(name, "data")) {
        r->field = SSE_DATA;
        if (r->has_data) {
            add_data(r, STR("\n"), t);
        }
        r->has_data = true;
    } else if (str_is(name, "event")) {
        r->field = SSE_NAME;
        r->name_n = 0;
    }
}

static void take_value(struct sse_reader *r, struct str piece, const struct target *t)
{
    if (r->field == SSE_DATA) {
        add_data(r, piece, t);
    } else if (r->field == SSE_NAME) {
        size_t room = sizeof(r->name) - r->name_n;
        size_t n = piece.n < room ? piece.n : room;
        memcpy(r->name + r->name_n, piece.p, n);
        r->name_n = (uint8_t)(r->name_n + n);
    }
}

/* Bytes of one line, without its end. */
static void take_line(struct sse_reader *r, const char *p, size_t n, const struct target *t)
{
    r->line = true;
    while (n > 0 && !r->in_value) {
        if (*p == ':') {
            begin_value(r, t);
        } else if (r->field_n < sizeof(r->field_text)) {
            r->field_text[r->field_n++] = *p;
        } else {
            r->field_n = sizeof(r->field_text) + 1;
        }
        p++;
        n--;
    }
    if (n > 0 && r->value_next) {
        r->value_next = false;
        if (*p == ' ') {
            p++;
            n--;
        }
    }
    take_value(r, (struct str){p, n}, t);
}

/* True: the line was empty, which ends an event. */
static bool end_line(struct sse_reader *r)
{
    bool empty = !r->line;

    r->line = r->in_value = r->value_next = false;
    r->field_n = 0;
    return empty;
}

static void begin_event(struct sse_reader *r)
{
    buf_free(&r->data);
    r->borrowed = (struct str){0};
    r->has_data = r->ended = r->big = r->lost = false;
    r->line = r->in_value = r->value_next = r->cr = false;
    r->name_n = r->field_n = 0;
    r->length = 0;
}

/* Bytes up to the next end of a line. */
static size_t line_run(const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);
    n = end != NULL ? (size_t)(end - p) : n;
    end = memchr(p, '\r', n);
    return end != NULL ? (size_t)(end - p) : n;
}

/* Bytes up to the end of an event, which r->ended tells. */
static size_t walk(struct sse_reader *r, const char *data, size_t n, const struct target *t)
{
    size_t i = 0;

    while (i < n && !r->ended) {
        if (r->cr) {
            r->cr = false;
            i += data[i] == '\n';
            r->ended = r->blank;
            continue;
        }
        size_t run = line_run(data + i, n - i);
        if (run > 0) {
            take_line(r, data + i, run, t);
            i += run;
            continue;
        }
        r->blank = end_line(r);
        r->cr = data[i++] == '\r';
        r->ended = r->blank && !r->cr;
    }
    return i;
}

size_t sse_feed(struct sse_reader *r, const char *data, size_t n, sse_piece *piece, void *arg,
                bool *ended)
{
    struct target t = {piece, arg};

    if (r->ended) {
        begin_event(r);
    }
    size_t used = walk(r, data, n, &t);
    r->length += used;
    *ended = r->ended;
    if (r->ended) {
        return used;
    }
    keep_borrowed(r);
    if (!r->big && (r->length > SSE_EVENT_MAX || r->lost)) {
        r->big = true;
        if (r->data.len > 0) {
            piece(arg, buf_str(&r->data));
        }
        buf_free(&r->data);
    }
    return used;
}

bool sse_finish(struct sse_reader *r)
{
    bool pending = !r->ended && r->length > 0;

    r->ended = true;
    return pending;
}

struct str sse_name(const struct sse_reader *r)
{
    return (struct str){r->name, r->name_n};
}

struct str sse_data(const struct sse_reader *r)
{
    if (r->big) {
        return (struct str){0};
    }
    return r->borrowed.n > 0 ? r->borrowed : buf_str(&r->data);
}
