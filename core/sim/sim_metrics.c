/* sim_metrics.c: see sim_metrics.h. */
#include "core/sim/sim_metrics.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MINUTES (14 * 24 * 60)

static void sort_dimensions(struct sim_dimension *d, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sim_dimension moved = d[i];
        size_t at = i;
        for (; at > 0; at--) {
            const struct sim_dimension *before = &d[at - 1];
            size_t shorter = before->name.n < moved.name.n ? before->name.n : moved.name.n;
            int order = memcmp(before->name.p, moved.name.p, shorter);
            if (order < 0 || (order == 0 && before->name.n <= moved.name.n)) {
                break;
            }
            d[at] = d[at - 1];
        }
        d[at] = moved;
    }
}

/* Parts stand apart by a control character, which no accepted name holds. */
static bool build_key(struct buf *key, struct str space, struct str name,
                      const struct sim_dimension *d, size_t count)
{
    buf_add_str(key, space);
    buf_add(key, "\x1f");
    buf_add_str(key, name);
    for (size_t i = 0; i < count; i++) {
        buf_add(key, "\x1f");
        buf_add_str(key, d[i].name);
        buf_add(key, "\x1f");
        buf_add_str(key, d[i].value);
    }
    return !key->failed;
}

struct sim_series *sim_metrics_find(struct sim_metrics *m, struct str space, struct str name,
                                    struct sim_dimension *dimensions, size_t count)
{
    struct buf key = {0};
    struct sim_series *found = NULL;

    sort_dimensions(dimensions, count);
    if (build_key(&key, space, name, dimensions, count)) {
        found = map_get(&m->by_key, buf_str(&key));
    }
    buf_free(&key);
    return found;
}

static void free_series(struct sim_series *s)
{
    free(s->dimensions);
    free(s->minutes);
    free(s->texts);
    free(s);
}

static struct str keep_text(char **at, struct str text)
{
    struct str kept = {*at, text.n};

    if (text.n > 0) {
        memcpy(*at, text.p, text.n);
    }
    *at += text.n;
    return kept;
}

static struct sim_series *new_series(struct str space, struct str name,
                                     const struct sim_dimension *d, size_t count)
{
    size_t bytes = space.n + name.n + 1;
    for (size_t i = 0; i < count; i++) {
        bytes += d[i].name.n + d[i].value.n;
    }
    struct sim_series *s = calloc(1, sizeof *s);
    char *texts = malloc(bytes);
    struct sim_dimension *kept = calloc(count + 1, sizeof *kept);
    if (s == NULL || texts == NULL || kept == NULL) {
        free(s);
        free(texts);
        free(kept);
        return NULL;
    }
    char *at = texts;
    s->texts = texts;
    s->space = keep_text(&at, space);
    s->name = keep_text(&at, name);
    s->dimensions = kept;
    s->dimension_count = count;
    for (size_t i = 0; i < count; i++) {
        kept[i].name = keep_text(&at, d[i].name);
        kept[i].value = keep_text(&at, d[i].value);
    }
    return s;
}

static bool enter(struct sim_metrics *m, struct sim_series *s, struct str key)
{
    if (m->count == m->cap) {
        size_t cap = m->cap > 0 ? m->cap * 2 : 64;
        struct sim_series **list = realloc(m->list, cap * sizeof(struct sim_series *));
        if (list == NULL) {
            return false;
        }
        m->list = list;
        m->cap = cap;
    }
    if (!map_set(&m->by_key, key, s, NULL)) {
        return false;
    }
    m->list[m->count++] = s;
    return true;
}

struct sim_series *sim_metrics_series(struct sim_metrics *m, struct str space, struct str name,
                                      struct sim_dimension *dimensions, size_t count)
{
    struct sim_series *s = sim_metrics_find(m, space, name, dimensions, count);
    struct buf key = {0};

    if (s != NULL || m->count == SIM_SERIES_MAX) {
        return s;
    }
    s = new_series(space, name, dimensions, count);
    if (s != NULL &&
        !(build_key(&key, space, name, dimensions, count) && enter(m, s, buf_str(&key)))) {
        free_series(s);
        s = NULL;
    }
    buf_free(&key);
    return s;
}

/* Where the minute stands or would go. */
static size_t minute_place(const struct sim_series *s, int64_t minute)
{
    size_t low = 0, high = s->minute_count;

    if (high > 0 && s->minutes[high - 1].minute < minute) {
        return high;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->minutes[middle].minute < minute) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A free place for a minute; NULL without memory, or when it is older than all of a full series. */
static struct sim_minute *insert_minute(struct sim_series *s, size_t at, int64_t minute)
{
    if (s->minute_count == SIM_MINUTES_MAX) {
        if (at == 0) {
            return NULL;
        }
        memmove(s->minutes, s->minutes + 1, (s->minute_count - 1) * sizeof s->minutes[0]);
        s->minute_count--;
        at--;
    }
    if (s->minute_count == s->minute_cap) {
        size_t cap = s->minute_cap > 0 ? s->minute_cap * 2 : 8;
        struct sim_minute *minutes = realloc(s->minutes, cap * sizeof *minutes);
        if (minutes == NULL) {
            return NULL;
        }
        s->minutes = minutes;
        s->minute_cap = cap;
    }
    memmove(s->minutes + at + 1, s->minutes + at, (s->minute_count - at) * sizeof s->minutes[0]);
    s->minute_count++;
    s->minutes[at] = (struct sim_minute){.minute = minute};
    return &s->minutes[at];
}

bool sim_metrics_add(struct sim_series *s, int64_t wall_ms, const struct sim_minute *values)
{
    int64_t minute = wall_ms / 60000;
    size_t at = minute_place(s, minute);
    struct sim_minute *m;

    if (at < s->minute_count && s->minutes[at].minute == minute) {
        m = &s->minutes[at];
    } else {
        m = insert_minute(s, at, minute);
    }
    if (m == NULL) {
        return false;
    }
    m->least = m->count == 0 || values->least < m->least ? values->least : m->least;
    m->most = m->count == 0 || values->most > m->most ? values->most : m->most;
    m->sum += values->sum;
    m->count += values->count;
    s->total += values->sum;
    return true;
}

void sim_metrics_add_value(struct sim_series *s, int64_t wall_ms, double value)
{
    const struct sim_minute one = {.sum = value, .count = 1, .least = value, .most = value};

    if (s != NULL) {
        (void)sim_metrics_add(s, wall_ms, &one);
    }
}

bool sim_metrics_listed(const struct sim_series *s, int64_t wall_ms)
{
    return s->minute_count > 0 &&
           s->minutes[s->minute_count - 1].minute > wall_ms / 60000 - LISTED_MINUTES;
}

void sim_metrics_free(struct sim_metrics *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free_series(m->list[i]);
    }
    free(m->list);
    map_free(&m->by_key, NULL);
    *m = (struct sim_metrics){0};
}

struct str sim_metrics_dimension(const struct sim_series *s, struct str name)
{
    for (size_t i = 0; i < s->dimension_count; i++) {
        if (str_eq(s->dimensions[i].name, name)) {
            return s->dimensions[i].value;
        }
    }
    return (struct str){0};
}
