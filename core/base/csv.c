/* csv.c: see csv.h. */
#include "core/base/csv.h"

void csv_init(struct csv *c)
{
    buf_init(&c->record, CSV_RECORD_MAX);
    c->state = CSV_DONE;
}

void csv_free(struct csv *c)
{
    buf_free(&c->record);
}

static void begin(struct csv *c)
{
    buf_clear(&c->record);
    c->count = 0;
    c->bad = false;
    c->state = CSV_START;
    c->number++;
}

static void end_field(struct csv *c)
{
    if (c->count == CSV_FIELDS_MAX) {
        c->bad = true;
        return;
    }
    c->ends[c->count++] = c->record.len;
    c->state = CSV_START;
}

static void keep(struct csv *c, const char *p, size_t n)
{
    if (!c->record.failed && !buf_append(&c->record, p, n)) {
        c->bad = true;
    }
}

/* The run of bytes that need no look: up to what means something in this state. */
static size_t plain_run(const struct csv *c, struct str text)
{
    size_t n = 0;
    if (c->state == CSV_QUOTED) {
        const char *quote = memchr(text.p, '"', text.n);
        return quote != NULL ? (size_t)(quote - text.p) : text.n;
    }
    while (n < text.n && text.p[n] != ',' && text.p[n] != '\n' && text.p[n] != '\r' &&
           text.p[n] != '"') {
        n++;
    }
    return n;
}

/* One byte that means something. True: the record is whole. */
static bool take_mark(struct csv *c, char mark)
{
    if (c->state == CSV_QUOTED) {
        c->state = CSV_QUOTE_SEEN;
        return false;
    }
    if (mark == '"') {
        if (c->state == CSV_QUOTE_SEEN) {
            keep(c, "\"", 1);
        }
        c->bad = c->bad || c->state == CSV_PLAIN;
        c->state = c->state == CSV_PLAIN ? CSV_PLAIN : CSV_QUOTED;
        return false;
    }
    if (mark == ',') {
        end_field(c);
        return false;
    }
    c->returned = mark == '\r';
    bool empty = c->count == 0 && c->record.len == 0 && c->state == CSV_START && !c->bad;
    end_field(c);
    c->state = CSV_DONE;
    return !empty;
}

bool csv_take(struct csv *c, struct str *text)
{
    while (text->n > 0) {
        if (c->state == CSV_DONE) {
            bool rest_of_end = c->returned && text->p[0] == '\n';
            c->returned = false;
            if (rest_of_end) {
                *text = str_sub(*text, 1, text->n);
                continue;
            }
            begin(c);
        }
        size_t run = plain_run(c, *text);
        if (run > 0) {
            c->bad = c->bad || c->state == CSV_QUOTE_SEEN;
            keep(c, text->p, run);
            c->state = c->state == CSV_QUOTED ? CSV_QUOTED : CSV_PLAIN;
            *text = str_sub(*text, run, text->n);
            continue;
        }
        char mark = text->p[0];
        *text = str_sub(*text, 1, text->n);
        if (take_mark(c, mark)) {
            return true;
        }
    }
    return false;
}

bool csv_end(struct csv *c)
{
    if (c->state == CSV_DONE ||
        (c->state == CSV_START && c->count == 0 && c->record.len == 0 && !c->bad)) {
        return false;
    }
    c->bad = c->bad || c->state == CSV_QUOTED;
    end_field(c);
    c->state = CSV_DONE;
    return true;
}

struct str csv_field(const struct csv *c, size_t i)
{
    if (i >= c->count) {
        return (struct str){NULL, 0};
    }
    size_t from = i > 0 ? c->ends[i - 1] : 0;
    return str_sub(buf_str(&c->record), from, c->ends[i] - from);
}
