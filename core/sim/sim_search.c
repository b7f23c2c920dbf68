/* sim_search.c: see sim_search.h. */
#include "core/sim/sim_search.h"

#include <string.h>

static void skip_blanks(struct str *t)
{
    while (t->n > 0 && (t->p[0] == ' ' || t->p[0] == '\t')) {
        *t = str_sub(*t, 1, t->n);
    }
}

static bool take(struct str *t, const char *token)
{
    skip_blanks(t);
    if (!str_starts(*t, token)) {
        return false;
    }
    *t = str_sub(*t, strlen(token), t->n);
    return true;
}

/* Up to (not with) the first of `stops`; must not be empty. */
static bool take_until(struct str *t, const char *stops, struct str *out)
{
    size_t n = 0;

    skip_blanks(t);
    while (n < t->n && strchr(stops, t->p[n]) == NULL) {
        n++;
    }
    *out = str_trim((struct str){t->p, n});
    *t = str_sub(*t, n, t->n);
    return out->n > 0;
}

static bool take_quoted(struct str *t, char quote, struct str *out)
{
    char text[2] = {quote, '\0'};

    return take(t, text) && take_until(t, text, out) && take(t, text);
}

/* A word, plain or in double quotes. */
static bool take_word(struct str *t, const char *stops, struct str *out)
{
    skip_blanks(t);
    return t->n > 0 && t->p[0] == '"' ? take_quoted(t, '"', out) : take_until(t, stops, out);
}

/* {Namespace,Dim1,Dim2} */
static bool take_schema(struct sim_search *q, struct str *t)
{
    if (!take(t, "{") || !take_word(t, ",}", &q->space)) {
        return false;
    }
    while (take(t, ",")) {
        if (q->dimension_count == SIM_DIMENSIONS_MAX ||
            !take_word(t, ",}", &q->dimensions[q->dimension_count])) {
            return false;
        }
        q->dimension_count++;
    }
    return take(t, "}");
}

static bool add_term(struct sim_search *q, struct str key, struct str *t)
{
    if (q->term_count == SIM_SEARCH_TERMS || !take_word(t, " )", &q->terms[q->term_count].value)) {
        return false;
    }
    q->terms[q->term_count++].key = key;
    return true;
}

/* Key="value" or Key=("one" OR "other") */
static bool take_term(struct sim_search *q, struct str *t)
{
    struct str key;

    if (!take_word(t, "= ", &key) || !take(t, "=")) {
        return false;
    }
    if (!take(t, "(")) {
        return add_term(q, key, t);
    }
    do {
        if (!add_term(q, key, t)) {
            return false;
        }
    } while (take(t, "OR"));
    return take(t, ")");
}

bool sim_search_parse(struct sim_search *out, struct str expression)
{
    struct str t = expression, inside, period;

    *out = (struct sim_search){0};
    if (!take(&t, "SEARCH") || !take(&t, "(") || !take_quoted(&t, '\'', &inside) ||
        !take(&t, ",") || !take_quoted(&t, '\'', &out->stat)) {
        return false;
    }
    if (take(&t, ",") && (!take_until(&t, ")", &period) || !str_to_i64(period, &out->period))) {
        return false;
    }
    if (!take(&t, ")") || str_trim(t).n > 0 || !take_schema(out, &inside)) {
        return false;
    }
    for (skip_blanks(&inside); inside.n > 0; skip_blanks(&inside)) {
        (void)take(&inside, "AND ");
        if (!take_term(out, &inside)) {
            return false;
        }
    }
    return out->period >= 0;
}

static struct str value_of(const struct sim_series *s, struct str key)
{
    if (str_is(key, "MetricName")) {
        return s->name;
    }
    return str_is(key, "Namespace") ? s->space : sim_metrics_dimension(s, key);
}

bool sim_search_matches(const struct sim_search *q, const struct sim_series *s)
{
    if (!str_eq(q->space, s->space) || q->dimension_count != s->dimension_count) {
        return false;
    }
    for (size_t i = 0; i < q->dimension_count; i++) {
        if (sim_metrics_dimension(s, q->dimensions[i]).p == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < q->term_count; i++) {
        bool held = false;
        for (size_t j = 0; j < q->term_count; j++) {
            held = held || (str_eq(q->terms[i].key, q->terms[j].key) &&
                            str_eq(value_of(s, q->terms[j].key), q->terms[j].value));
        }
        if (!held) {
            return false;
        }
    }
    return true;
}
