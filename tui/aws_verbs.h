/* aws_verbs.h: the setup commands of `tollgate aws`, as one table: what is said after them, which
 * options they take, how their answer is shown. */
#ifndef TOLLGATE_TUI_AWS_VERBS_H
#define TOLLGATE_TUI_AWS_VERBS_H

#include <stdbool.h>
#include <stddef.h>

struct aws_verb {
    const char *noun, *verb; /* verb NULL: the noun alone */
    const char *method;      /* of core/cloud/setup.def */
    const char *word;        /* name of the parameter that stands without an option; NULL: none */
    bool words;              /* one or more of them, as a list */
    bool changes;            /* says what it will do and asks; --dry-run and --yes */
    const char *options;     /* " name tag " : the options it takes, with spaces around */
    const char *list;        /* the answer's list that is shown as a table; NULL: none */
    const char *columns;     /* "HEAD=member;HEAD=member" */
    const char *arguments;   /* for the usage */
    const char *none;        /* "No .." is said of an empty list; NULL: the list's name */
};
extern const struct aws_verb aws_verbs[];
extern const size_t aws_verb_count;

/* What a noun's --help says besides the usage lines. "" when there is nothing. */
const char *aws_verbs_help(const char *noun);

#endif
