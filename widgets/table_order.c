/* table_order.c: which rows a table shows, and in which order. Rows are taken in by pieces, so that
 * a long table never holds up a key; what is shown stays until all are in. */
#include "widgets/table.h"

#include "core/base/buf.h"
#include "core/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CURSOR_HOLD_MS 5000
#define START          16 /* of a key: enough to tell most rows apart */
#define NEAR           0.05
#define CALM_ROWS      1000

/* A row that passed the filter, with what it is ordered by. */
struct ranked {
    uint64_t hash;
    double number;
    uint32_t row, text; /* text: where its rank stands in `texts` */
    uint32_t place;     /* in the order that is shown */
    char start[START];
    bool taken;
};

struct w_table_pass {
    struct ranked *rows;
    size_t count, next, total;
    bool sorts;   /* else the order that is shown is kept */
    bool asked;   /* sorted because somebody wants it, not because figures have changed */
    bool narrows; /* only rows that are shown can pass the filter */
    int64_t now_ms;
    struct buf texts;
};

static uint64_t hash_of(const char *key)
{
    uint64_t h = 14695981039346656037u;
    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * 1099511628211u;
    }
    return h;
}

static void drop_pass(struct w_table *t)
{
    if (t->pass) {
        free(t->pass->rows);
        buf_free(&t->pass->texts);
        free(t->pass);
        t->pass = NULL;
    }
}

void w_table_free(struct w_table *t)
{
    drop_pass(t);
    free(t->order);
    t->order = NULL;
    t->count = 0;
}

static bool row_contains(const struct w_source *s, size_t row, size_t from, size_t to,
                         const char *part)
{
    for (size_t i = from; i < to; i++) {
        struct w_cell cell = {0};
        s->cell(s->arg, row, i, &cell);
        if (strcasestr(cell.text, part)) {
            return true;
        }
    }
    return false;
}

/* The column named by the text before ':' (any unique beginning of its title), or column_count. */
static size_t named_column(const struct w_source *s, const char *filter, const char *colon)
{
    size_t n = (size_t)(colon - filter);
    for (size_t i = 0; i < s->column_count; i++) {
        if (n > 0 && strncasecmp(s->columns[i].title, filter, n) == 0) {
            return i;
        }
    }
    return s->column_count;
}

static bool matches(const struct w_source *s, size_t row, const char *filter)
{
    bool inverse = filter[0] == '!';
    filter += inverse;
    if (!*filter) {
        return true;
    }
    const char *colon = strchr(filter, ':');
    size_t column = colon ? named_column(s, filter, colon) : s->column_count;
    bool found = column < s->column_count ? row_contains(s, row, column, column + 1, colon + 1)
                                          : row_contains(s, row, 0, s->column_count, filter);
    return found != inverse;
}

void w_table_filter(struct w_table *t, const char *filter)
{
    bool plain = !strpbrk(filter, "!:") && !strpbrk(t->filter, "!:");
    bool longer = plain && strncmp(filter, t->filter, strlen(t->filter)) == 0;
    t->narrows = longer && !t->dirty && !t->pass;
    t->dirty = true;
    str_copy(t->filter, sizeof t->filter, str_of(filter));
}

static bool order_holds(const struct w_table *t, int64_t now_ms)
{
    return !t->dirty && t->count > 0 &&
           ((t->sorted_ms > 0 && now_ms - t->sorted_ms < t->hold_ms) ||
            (t->moved_ms > 0 && now_ms - t->moved_ms < CURSOR_HOLD_MS));
}

static bool begin(struct w_table *t, const struct w_source *s, int64_t now_ms, bool same)
{
    struct w_table_pass *p = calloc(1, sizeof *p);
    t->pass = p;
    if (!p) {
        return false;
    }
    size_t total = s->count(s->arg);
    p->narrows = same && t->narrows && t->order;
    p->total = p->narrows ? t->count : total > W_TABLE_ROWS ? W_TABLE_ROWS : total;
    p->sorts = !order_holds(t, now_ms);
    p->asked = t->dirty || !t->order;
    p->now_ms = now_ms;
    buf_init(&p->texts, 0);
    p->rows = calloc(p->total + 1, sizeof *p->rows);
    t->coming = total;
    t->dirty = t->narrows = false;
    return p->rows != NULL;
}

void w_table_start(struct w_table *t, const struct w_source *s, int64_t now_ms, bool same)
{
    t->dirty = t->dirty || (t->pass && t->pass->asked);
    drop_pass(t);
    if (!begin(t, s, now_ms, same)) {
        w_table_free(t);
    }
}

static void rank(struct w_table_pass *p, const struct w_source *s, size_t column, struct ranked *r)
{
    struct w_rank rank = {0};
    s->rank(s->arg, r->row, column, &rank);
    r->number = rank.number;
    r->text = UINT32_MAX;
    if (!rank.is_number) {
        r->text = (uint32_t)p->texts.len;
        (void)buf_append(&p->texts, rank.text, strlen(rank.text) + 1);
    }
}

static void take_row(struct w_table *t, const struct w_source *s, size_t row)
{
    struct w_table_pass *p = t->pass;
    char key[W_TABLE_KEY];
    if (!matches(s, row, t->filter)) {
        return;
    }
    struct ranked *r = &p->rows[p->count++];
    s->key(s->arg, row, key);
    r->hash = hash_of(key);
    r->row = (uint32_t)row;
    memcpy(r->start, key, strnlen(key, START));
    if (p->sorts && !t->unsorted) {
        rank(p, s, t->sort, r);
    }
}

struct order_by {
    const struct w_table *table;
    const struct w_source *source;
    const char *texts;
};

static int compare_keys(const struct order_by *by, const struct ranked *x, const struct ranked *y)
{
    char one[W_TABLE_KEY];
    char two[W_TABLE_KEY];
    int c = memcmp(x->start, y->start, START);
    if (c || x->start[START - 1] == '\0') {
        return c;
    }
    by->source->key(by->source->arg, x->row, one);
    by->source->key(by->source->arg, y->row, two);
    return strcmp(one, two);
}

static int compare_ranks(const void *a, const void *b, void *arg)
{
    const struct order_by *by = arg;
    const struct ranked *x = a;
    const struct ranked *y = b;
    bool texts = x->text != UINT32_MAX && y->text != UINT32_MAX;
    int c = texts ? strcasecmp(by->texts + x->text, by->texts + y->text)
                  : (x->number > y->number) - (x->number < y->number);
    c = by->table->descending ? -c : c;
    return c ? c : compare_keys(by, x, y);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = ((const struct ranked *)a)->hash;
    uint64_t y = ((const struct ranked *)b)->hash;
    return (x > y) - (x < y);
}

static struct w_table_entry entry_of(const struct ranked *r)
{
    return (struct w_table_entry){.hash = r->hash, .row = r->row};
}

/* Keeps the order that is shown for rows that are still there; new ones come last. */
static void keep_order(const struct w_table *t, struct w_table_entry *out)
{
    struct w_table_pass *p = t->pass;
    qsort(p->rows, p->count, sizeof *p->rows, compare_hashes);
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct ranked wanted = {.hash = t->order[i].hash};
        struct ranked *r = bsearch(&wanted, p->rows, p->count, sizeof *p->rows, compare_hashes);
        if (r && r->row != UINT32_MAX) {
            out[kept++] = entry_of(r);
            r->row = UINT32_MAX;
        }
    }
    for (size_t i = 0; i < p->count; i++) {
        if (p->rows[i].row != UINT32_MAX) {
            out[kept++] = entry_of(&p->rows[i]);
        }
    }
}

static void find_places(const struct w_table *t, struct w_table_pass *p)
{
    qsort(p->rows, p->count, sizeof *p->rows, compare_hashes);
    for (size_t i = 0; i < p->count; i++) {
        p->rows[i].place = UINT32_MAX;
    }
    for (size_t i = 0; i < t->count; i++) {
        struct ranked wanted = {.hash = t->order[i].hash};
        struct ranked *r = bsearch(&wanted, p->rows, p->count, sizeof *p->rows, compare_hashes);
        if (r) {
            r->place = (uint32_t)i;
        }
    }
}

static bool near(double a, double b)
{
    double most = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return a != 0 && b != 0 && fabs(a - b) <= NEAR * most;
}

/* Rows with nearly the same number stay as they are shown, each no more than NEAR behind any below
 * it: figures that jitter would change places all the time, which nobody can read and a slow line
 * has to carry. */
static void calm_down(struct w_table_pass *p, struct w_table_entry *out)
{
    size_t first = 0;
    for (size_t n = 0; n < p->count; n++) {
        while (p->rows[first].taken) {
            first++;
        }
        struct ranked *next = &p->rows[first];
        for (size_t i = first + 1; i < p->count && near(p->rows[first].number, p->rows[i].number);
             i++) {
            bool earlier = !p->rows[i].taken && p->rows[i].place < next->place;
            next = earlier ? &p->rows[i] : next;
        }
        next->taken = true;
        out[n] = entry_of(next);
    }
}

static void sort_rows(const struct w_table *t, const struct w_source *s, struct w_table_entry *out)
{
    struct w_table_pass *p = t->pass;
    struct order_by by = {t, s, buf_bytes(&p->texts)};
    bool sorts = !t->unsorted && !p->texts.failed;
    bool calm = sorts && !p->asked && p->count <= CALM_ROWS && p->texts.len == 0;
    if (calm) {
        find_places(t, p);
    }
    if (sorts) {
        qsort_r(p->rows, p->count, sizeof *p->rows, compare_ranks, &by);
    }
    if (calm) {
        calm_down(p, out);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        out[i] = entry_of(&p->rows[i]);
    }
}

static void find_selected(struct w_table *t, const struct w_source *s)
{
    uint64_t wanted = hash_of(t->selected);
    bool follows = t->newest_first && t->unsorted && t->at == 0;
    for (size_t i = 0; i < t->count && t->selected[0] && !follows; i++) {
        if (t->order[i].hash == wanted) {
            t->at = i;
            return;
        }
    }
    t->at = t->count == 0 ? 0 : t->at >= t->count ? t->count - 1 : t->at;
    if (t->count > 0) {
        s->key(s->arg, t->order[t->at].row, t->selected);
    }
}

static void finish(struct w_table *t, const struct w_source *s)
{
    struct w_table_pass *p = t->pass;
    struct w_table_entry *order = calloc(p->count + 1, sizeof *order);
    if (!order) {
        w_table_free(t);
        return;
    }
    if (p->sorts) {
        sort_rows(t, s, order);
        t->sorted_ms = p->now_ms;
    } else {
        keep_order(t, order);
    }
    t->held = !p->sorts;
    free(t->order);
    t->order = order;
    t->count = p->count;
    t->total = t->coming;
    drop_pass(t);
    find_selected(t, s);
}

bool w_table_work(struct w_table *t, const struct w_source *s, size_t rows)
{
    struct w_table_pass *p = t->pass;
    if (!p) {
        return true;
    }
    for (; rows > 0 && p->next < p->total; p->next++, rows--) {
        take_row(t, s, p->narrows ? t->order[p->next].row : p->next);
    }
    if (p->next < p->total) {
        return false;
    }
    finish(t, s);
    return true;
}

void w_table_update(struct w_table *t, const struct w_source *s, int64_t now_ms)
{
    w_table_start(t, s, now_ms, false);
    (void)w_table_work(t, s, SIZE_MAX);
}
