/* cmd_aws_setup.c: runs the setup commands of aws_verbs.h: options into parameters, a plan and a
 * question before anything changes, the answer as a table or as it is. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/buf.h"
#include "core/base/money.h"
#include "core/control/json_text.h"
#include "tui/aws_verbs.h"
#include "tui/cmd_aws.h"

#define COLUMNS_MAX 12
#define CELL_MAX    512
#define HELP_MAX    6000

/* Options that take a value come first. A verb takes those that its row names. */
static const char *const valued[] = {"name",   "from",    "tag",       "description", "amount",
                                     "unit",   "percent", "email",     "sns",         "days",
                                     "metric", "above",   "dimension", "period",      "periods",
                                     "role",   "write",   "by",        "month"};
static const char *const flags[] = {"all",   "inactive",    "deny-bypass", "tagged",
                                    "setup", "assume-role", "replace"};
#define VALUED (sizeof(valued) / sizeof(*valued))
#define FLAGS  (sizeof(flags) / sizeof(*flags))

enum { OPT_YES = CMD_OWN, OPT_DRY_RUN, OPT_VALUED, OPT_FLAGS = OPT_VALUED + (int)VALUED };

struct request {
    struct cmd_options *options;
    const struct aws_verb *verb;
    json_t *params;
    bool yes, dry_run;
};

/* --- words and options --- */

static const char *help_of(const char *noun)
{
    static char text[HELP_MAX];
    struct buf out;
    buf_init(&out, sizeof(text) - 1);
    for (size_t i = 0; i < aws_verb_count; i++) {
        const struct aws_verb *v = &aws_verbs[i];
        if (strcmp(v->noun, noun) == 0) {
            (void)buf_printf(&out, "%s tollgate aws %s%s%s%s%s%s [--json]\n",
                             out.len == 0 ? "usage:" : "      ", noun, v->verb ? " " : "",
                             v->verb ? v->verb : "", *v->arguments ? " " : "", v->arguments,
                             v->changes ? " [--dry-run] [--yes]" : "");
        }
    }
    (void)buf_printf(&out, "\n%s", aws_verbs_help(noun));
    (void)str_copy(text, sizeof(text), buf_str(&out));
    buf_free(&out);
    return text;
}

static void fill_options(struct option out[VALUED + FLAGS + 8])
{
    static const struct option common[] = {CMD_COMMON_OPTIONS,
                                           {"yes", no_argument, NULL, OPT_YES},
                                           {"dry-run", no_argument, NULL, OPT_DRY_RUN}};
    size_t n = 0;
    for (; n < sizeof(common) / sizeof(*common); n++) {
        out[n] = common[n];
    }
    for (size_t i = 0; i < VALUED; i++) {
        out[n++] = (struct option){valued[i], required_argument, NULL, OPT_VALUED + (int)i};
    }
    for (size_t i = 0; i < FLAGS; i++) {
        out[n++] = (struct option){flags[i], no_argument, NULL, OPT_FLAGS + (int)i};
    }
    out[n] = (struct option){NULL, 0, NULL, 0};
}

/* "deny-bypass" is "deny_bypass" in the parameters. */
static void set_flag(json_t *params, const char *name)
{
    char key[32];
    (void)str_copy(key, sizeof(key), str_of(name));
    for (char *at = key; (at = strchr(at, '-')) != NULL;) {
        *at = '_';
    }
    (void)json_object_set_new(params, key, json_true());
}

/* One k=v; keys as they are, because AWS's tags are not ours. */
static bool add_pair(json_t *params, const char *member, const char *text)
{
    const char *is = strchr(text, '=');
    json_t *all = json_object_get(params, member);
    char key[256];
    if (!all) {
        all = json_object();
        (void)json_object_set_new(params, member, all);
    }
    return is && is > text &&
           str_copy(key, sizeof(key), str_sub(str_of(text), 0, (size_t)(is - text))) &&
           json_object_set_new(all, key, json_string(is + 1)) == 0;
}

static bool takes(const struct request *r, const char *name)
{
    char spaced[40];
    (void)snprintf(spaced, sizeof(spaced), " %s ", name);
    return strstr(r->verb->options, spaced) != NULL;
}

static bool take_option(struct request *r, int value)
{
    const char *name = value >= OPT_FLAGS ? flags[value - OPT_FLAGS] : valued[value - OPT_VALUED];
    if (!takes(r, name)) {
        (void)fprintf(stderr, "tollgate: aws %s%s%s does not take --%s\n", r->verb->noun,
                      r->verb->verb ? " " : "", r->verb->verb ? r->verb->verb : "", name);
        return false;
    }
    if (value >= OPT_FLAGS) {
        set_flag(r->params, name);
        return true;
    }
    bool tag = strcmp(name, "tag") == 0;
    if (tag || strcmp(name, "dimension") == 0) {
        if (add_pair(r->params, tag ? "tags" : "dimensions", optarg)) {
            return true;
        }
        (void)fprintf(stderr, "tollgate: --%s %s: must be key=value\n", name, optarg);
        return false;
    }
    if (json_object_set_new(r->params, name, json_string(optarg)) != 0) {
        (void)fprintf(stderr, "tollgate: --%s: must be UTF-8\n", name);
        return false;
    }
    return true;
}

static const struct aws_verb *find_verb(const char *noun, const char *verb)
{
    for (size_t i = 0; i < aws_verb_count; i++) {
        const struct aws_verb *v = &aws_verbs[i];
        if (strcmp(v->noun, noun) == 0 && (!v->verb || (verb && strcmp(v->verb, verb) == 0))) {
            return v;
        }
    }
    return NULL;
}

/* The words behind the verb. */
static bool take_words(struct request *r, int argc, char **argv)
{
    const struct aws_verb *v = r->verb;
    if (v->words) {
        json_t *list = json_array();
        bool ok = json_object_set_new(r->params, v->word, list) == 0 && argc > 0;
        for (int i = 0; ok && i < argc; i++) {
            ok = json_array_append_new(list, json_string(argv[i])) == 0;
        }
        return ok;
    }
    return argc == (v->word ? 1 : 0) &&
           (!v->word || json_object_set_new(r->params, v->word, json_string(argv[0])) == 0);
}

/* -1: go on; else the exit status. */
static int read_request(struct request *r, int argc, char **argv)
{
    struct option options[VALUED + FLAGS + 8];
    const char *noun = argv[0], *verb = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    const struct aws_verb *named = find_verb(noun, verb);
    int value, status, own = named && named->verb ? 1 : 0;
    r->verb = named ? named : find_verb(noun, "list");
    fill_options(options);
    argc -= own;
    argv += own;
    while ((value = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (value == OPT_YES || value == OPT_DRY_RUN) {
            r->yes = r->yes || value == OPT_YES;
            r->dry_run = r->dry_run || value == OPT_DRY_RUN;
        } else if (value >= OPT_VALUED && value < OPT_FLAGS + (int)FLAGS) {
            if (!named || !take_option(r, value)) {
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(r->options, value, help_of(noun), &status) != 0) {
            return status;
        }
    }
    if (!named || !take_words(r, argc - optind, argv + optind) ||
        ((r->yes || r->dry_run) && !named->changes)) {
        (void)fputs(help_of(noun), stderr);
        return EXIT_USAGE;
    }
    return -1;
}

/* --- showing --- */

static void cell_text(char out[CELL_MAX], const json_t *row, const char *key)
{
    if (strncmp(key, "key.", 4) == 0) { /* a part of what is summed by */
        row = json_object_get(row, "key");
        key += 4;
    }
    const json_t *v = json_object_get(row, key);
    const char *text = "-";
    char number[40];
    if (json_is_string(v)) {
        text = cmd_text(row, key);
    } else if (json_is_boolean(v)) {
        text = json_is_true(v) ? "yes" : "no";
    } else if (json_is_object(v)) {
        text = cmd_pairs(row, key);
    } else if (json_is_number(v) && str_ends(str_of(key), "usd")) {
        text = cmd_money(row, key);
    } else if (json_is_integer(v)) {
        text = cmd_number(row, key);
    } else if (json_is_real(v)) {
        (void)snprintf(number, sizeof(number), "%.10g", json_real_value(v));
        text = number;
    }
    (void)str_copy(out, CELL_MAX, str_of(text));
}

/* Columns on a terminal of a text that is printable. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    struct str rest = str_of(text);
    uint32_t point;
    for (size_t n; (n = str_utf8(rest, &point)) > 0; rest = str_sub(rest, n, rest.n)) {
        int w = wcwidth((wchar_t)point);
        width += w > 0 ? (size_t)w : 0;
    }
    return width;
}

struct column {
    char head[40], key[140];
    size_t width;
};

struct columns {
    struct column at[COLUMNS_MAX];
    size_t count;
};

static void add_column(struct columns *c, struct str head, struct str key, const json_t *list)
{
    char cell[CELL_MAX];
    const json_t *row;
    size_t i;
    if (c->count == COLUMNS_MAX) {
        return;
    }
    struct column *one = &c->at[c->count++];
    (void)str_printable(one->head, sizeof(one->head), head);
    (void)str_copy(one->key, sizeof(one->key), key);
    one->width = width_of(one->head);
    json_array_foreach(list, i, row)
    {
        cell_text(cell, row, one->key);
        one->width = width_of(cell) > one->width ? width_of(cell) : one->width;
    }
}

/* A column for each of what the rows are summed by. */
static void add_keys(struct columns *c, const json_t *by, const json_t *list)
{
    char key[140], head[40];
    const json_t *one;
    size_t i;
    json_array_foreach(by, i, one)
    {
        (void)snprintf(key, sizeof(key), "key.%s", json_string_value(one));
        (void)str_copy(head, sizeof(head), str_of(json_string_value(one)));
        for (char *at = head; *at != '\0'; at++) {
            *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at == '_' ? ' ' : *at;
        }
        add_column(c, str_of(head), str_of(key), list);
    }
}

/* "HEAD=member;.."; "*" stands for what `by` of the answer names. */
static void read_columns(struct columns *c, const char *spec, const json_t *result,
                         const json_t *list)
{
    struct str rest = str_of(spec);
    c->count = 0;
    while (rest.n > 0) {
        struct str key, head = str_cut(str_cut(rest, ';', &rest), '=', &key);
        if (str_is(head, "*")) {
            add_keys(c, json_object_get(result, "by"), list);
        } else {
            add_column(c, head, key, list);
        }
    }
}

static void print_cell(const char *text, size_t width, bool last)
{
    size_t used = width_of(text);
    (void)fputs(text, stdout);
    for (size_t i = used; i < width + 2 && !last; i++) {
        (void)putchar(' ');
    }
    if (last) {
        (void)putchar('\n');
    }
}

static void print_table(const struct aws_verb *verb, const json_t *result)
{
    struct columns columns;
    const json_t *list = json_object_get(result, verb->list), *row;
    char cell[CELL_MAX];
    size_t i;
    if (json_array_size(list) == 0) {
        (void)printf("No %s.\n", verb->none ? verb->none : verb->list);
        return;
    }
    read_columns(&columns, verb->columns, result, list);
    for (size_t c = 0; c < columns.count; c++) {
        print_cell(columns.at[c].head, columns.at[c].width, c + 1 == columns.count);
    }
    json_array_foreach(list, i, row)
    {
        for (size_t c = 0; c < columns.count; c++) {
            cell_text(cell, row, columns.at[c].key);
            print_cell(cell, columns.at[c].width, c + 1 == columns.count);
        }
    }
}

/* Sentences, each on a line, safe for a terminal. */
static void print_lines(const json_t *lines, FILE *to)
{
    const json_t *one;
    size_t i;
    json_array_foreach(lines, i, one)
    {
        char text[3000];
        (void)str_printable(text, sizeof(text), str_of(json_string_value(one)));
        (void)fprintf(to, "%s\n", text);
    }
}

static int print_answer(const struct request *r, json_t *result)
{
    json_t *document = json_object_get(result, "document");
    const char *text = json_string_value(json_object_get(result, "text"));
    if (document) {
        print_lines(json_object_get(result, "notes"), stderr);
        int status = cmd_print_json(json_incref(document));
        json_decref(result);
        return status;
    }
    if (r->options->json) {
        return cmd_print_json(result);
    }
    if (text) {
        (void)fputs(text, stdout);
        print_lines(json_object_get(result, "notes"), stderr);
        json_decref(result);
        return EXIT_DONE;
    }
    if (r->verb->list) {
        print_table(r->verb, result);
    }
    print_lines(json_object_get(result, "lines"), stdout);
    print_lines(json_object_get(result, "notes"), stdout);
    json_decref(result);
    return EXIT_DONE;
}

/* --- changing --- */

/* Says what will be done and asks. -1: do it. */
static int confirm(struct request *r)
{
    json_t *planned = NULL, *params = json_deep_copy(r->params);
    char answer[16];
    (void)json_object_set_new(params, "dry_run", json_true());
    int status = cmd_aws_run(r->options, r->verb->method, params, &planned);
    if (status != EXIT_DONE) {
        return status;
    }
    if (r->dry_run && r->options->json) {
        return cmd_print_json(planned);
    }
    print_lines(json_object_get(planned, "plan"), r->dry_run ? stdout : stderr);
    json_decref(planned);
    if (r->dry_run) {
        (void)puts("Nothing was changed.");
        return EXIT_DONE;
    }
    if (r->yes) {
        return -1;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)fputs("tollgate: this changes the account, and there is no terminal to ask: add "
                    "--yes\n",
                    stderr);
        return EXIT_FAILED;
    }
    (void)fputs("Do it? [y/N] ", stderr);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y')) {
        return -1;
    }
    (void)fputs("tollgate: nothing was changed\n", stderr);
    return EXIT_FAILED;
}

int cmd_aws_setup(struct cmd_options *o, int argc, char **argv)
{
    struct request r = {.options = o, .params = json_object()};
    json_t *result = NULL;
    int status = read_request(&r, argc, argv);
    if (status < 0 && r.verb->changes) {
        status = confirm(&r);
    }
    if (status >= 0) {
        json_decref(r.params);
        return status;
    }
    status = cmd_aws_run(o, r.verb->method, r.params, &result);
    return status == EXIT_DONE ? print_answer(&r, result) : status;
}
