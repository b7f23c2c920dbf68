/* cmd_report.c: `tollgate audit` and `tollgate usage`. */
#include <string.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/control/json_text.h"
#include "core/control/report.h"
#include "tui/cmd.h"

#define FOLLOW_NS 500000000

static const char audit_help[] =
    "usage: tollgate audit [--follow] [--since T] [--until T] [--where k=v].. [--limit NAME] "
    "[--calls] [--changes] [--denials]\n"
    "                      [--max N] [--json]\n"
    "\n"
    "Calls, denials and changes, oldest first; T is an age (24h, the default of --since) or a time "
    "(2026-11-21T18:00:00Z).\n"
    "--where takes model, principal, outcome or any tag. --json prints one JSON object a line.\n";
static const char usage_help[] =
    "usage: tollgate usage [--by KEY,..] [--since T] [--until T] [--where k=v].. [--csv | --json]\n"
    "\n"
    "Requests, tokens and dollars from the ledger, summed by model (the default), model_id, "
    "principal, outcome, limit or any tag\n"
    "(application, costCenter, environment, ..). T as in `tollgate audit`; --since is 24h when "
    "absent.\n";

enum {
    OPT_FOLLOW = CMD_OWN,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_WHERE,
    OPT_LIMIT,
    OPT_CALLS,
    OPT_CHANGES,
    OPT_DENIALS,
    OPT_MAX,
    OPT_BY,
    OPT_CSV
};
static const struct option audit_options[] = {CMD_COMMON_OPTIONS,
                                              {"follow", no_argument, NULL, OPT_FOLLOW},
                                              {"since", required_argument, NULL, OPT_SINCE},
                                              {"until", required_argument, NULL, OPT_UNTIL},
                                              {"where", required_argument, NULL, OPT_WHERE},
                                              {"limit", required_argument, NULL, OPT_LIMIT},
                                              {"calls", no_argument, NULL, OPT_CALLS},
                                              {"changes", no_argument, NULL, OPT_CHANGES},
                                              {"denials", no_argument, NULL, OPT_DENIALS},
                                              {"max", required_argument, NULL, OPT_MAX},
                                              {NULL, 0, NULL, 0}};
static const struct option usage_options[] = {CMD_COMMON_OPTIONS,
                                              {"by", required_argument, NULL, OPT_BY},
                                              {"since", required_argument, NULL, OPT_SINCE},
                                              {"until", required_argument, NULL, OPT_UNTIL},
                                              {"where", required_argument, NULL, OPT_WHERE},
                                              {"csv", no_argument, NULL, OPT_CSV},
                                              {NULL, 0, NULL, 0}};

struct request {
    struct report_filter filter;
    bool follow, csv;
    char *by;
    char texts[8][320]; /* of filter.where */
};

static bool read_time(const char *text, int64_t *out)
{
    int64_t ms;
    if (config_duration_parse(str_of(text), &ms)) {
        *out = clock_wall_ms() - ms;
        return true;
    }
    if (clock_parse_rfc3339(str_of(text), out)) {
        return true;
    }
    (void)fprintf(
        stderr,
        "tollgate: '%s': must be an age such as 24h or a time such as 2026-11-21T18:00:00Z\n",
        text);
    return false;
}

static bool read_where(struct request *r, const char *text)
{
    size_t n = r->filter.where_count;
    struct str value, key = config_tag_key(str_cut(str_of(text), '=', &value));
    if (n == 8 || key.n == 0 || key.n > 150 || !value.p || value.n > 150) {
        (void)fprintf(stderr, "tollgate: --where %s: must be key=value, at most 8 of them\n", text);
        return false;
    }
    (void)str_copy(r->texts[n], 160, key);
    (void)str_copy(r->texts[n] + 160, 160, value);
    r->filter.where[n].key = r->texts[n];
    r->filter.where[n].value = r->texts[n] + 160;
    r->filter.where_count++;
    return true;
}

/* False: malformed, said. */
static bool take_option(struct request *r, int value)
{
    struct report_filter *f = &r->filter;
    switch (value) {
    case OPT_FOLLOW:
        r->follow = true;
        return true;
    case OPT_SINCE:
        return read_time(optarg, &f->since_ms);
    case OPT_UNTIL:
        return read_time(optarg, &f->until_ms);
    case OPT_WHERE:
        return read_where(r, optarg);
    case OPT_LIMIT:
        f->limit = optarg;
        return true;
    case OPT_CALLS:
        f->calls = true;
        return true;
    case OPT_CHANGES:
        f->changes = true;
        return true;
    case OPT_DENIALS:
        f->calls = f->denials_only = true;
        return true;
    case OPT_MAX:
        return str_to_i64(str_of(optarg), &f->max) && f->max > 0;
    case OPT_BY:
        r->by = optarg;
        return true;
    default:
        r->csv = true;
        return true;
    }
}

/* Returns -1 to go on, else the exit status. */
static int read_request(struct cmd_options *o, int argc, char **argv, const struct option *options,
                        const char *help, struct request *r)
{
    int value, status;
    *r = (struct request){.filter = {.since_ms = clock_wall_ms() - 24 * 3600000LL}};
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (value >= CMD_OWN) {
            if (!take_option(r, value)) {
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    if (optind < argc) {
        (void)fputs(help, stderr);
        return EXIT_USAGE;
    }
    if (!r->filter.calls && !r->filter.changes) {
        r->filter.calls = r->filter.changes = true;
    }
    return -1;
}

/* --- audit --- */

static void print_call(const json_t *e)
{
    const json_t *u = json_object_get(e, "usage");
    bool limit = json_is_string(json_object_get(e, "limit"));
    bool error = json_is_string(json_object_get(e, "error"));
    (void)printf("%s  %-9s %-20s %s in %s out  %s  %s  %s%s%s%s%s\n", cmd_text(e, "time"),
                 cmd_text(e, "outcome"), cmd_text(e, "model"), cmd_number(u, "input_tokens"),
                 cmd_number(u, "output_tokens"), cmd_money(e, "usd"), cmd_pairs(e, "tags"),
                 cmd_text(e, "request_id"), limit ? "  " : "", limit ? cmd_text(e, "limit") : "",
                 error ? "  " : "", error ? cmd_text(e, "error") : "");
}

static void print_line(const json_t *e)
{
    const char *type = json_string_value(json_object_get(e, "type"));
    if (type && strcmp(type, "change") == 0) {
        (void)printf("%s  change    ", cmd_text(e, "time"));
        cmd_print_change(e);
    } else {
        print_call(e);
    }
}

static bool on_line(void *arg, json_t *line)
{
    const struct cmd_options *o = arg;
    if (!o->json) {
        print_line(line);
        return !ferror(stdout);
    }
    struct buf out = {.data = NULL};
    bool ok = json_text(&out, line) && buf_add(&out, "\n") &&
              fwrite(buf_bytes(&out), 1, out.len, stdout) == out.len;
    buf_free(&out);
    return ok;
}

int cmd_audit(struct cmd_options *o, int argc, char **argv)
{
    struct request r;
    int status = read_request(o, argc, argv, audit_options, audit_help, &r);
    struct config *config = status < 0 ? cmd_config(o, false) : NULL;
    if (!config) {
        return status < 0 ? EXIT_FAILED : status;
    }
    struct err_info ei = {.code = ERR_OK};
    struct report *report = report_open(config, &ei);
    config_unref(config);
    int64_t seq = 0;
    enum err e = report ? ERR_OK : ei.code;
    const struct timespec pause = {.tv_nsec = FOLLOW_NS};
    do {
        e = e == ERR_OK ? report_audit(report, &r.filter, &seq, on_line, o, &ei) : e;
        if (fflush(stdout) != 0) {
            break;
        }
        if (r.follow && e == ERR_OK) {
            (void)nanosleep(&pause, NULL);
        }
    } while (r.follow && e == ERR_OK);
    report_close(report);
    return e == ERR_OK ? EXIT_DONE : cmd_fail(o, &ei);
}

/* --- usage --- */

static const char *const columns[] = {"requests",      "approved",          "failed",
                                      "denied",        "rejected",          "input_tokens",
                                      "output_tokens", "cache_read_tokens", "cache_write_tokens",
                                      "usd",           "unpriced",          "estimated"};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

/* A CSV cell; what a spreadsheet would take for a formula gets a quote in front. */
static void csv_cell(const char *text)
{
    bool formula = *text && strchr("=+-@", *text), quote = strpbrk(text, ",\"\r\n") != NULL;
    (void)printf("%s%s", quote ? "\"" : "", formula ? "'" : "");
    for (const char *p = text; *p; p++) {
        (void)printf(*p == '"' ? "\"\"" : "%c", *p);
    }
    (void)printf("%s", quote ? "\"" : "");
}

static void print_csv(const json_t *result)
{
    size_t i, k;
    json_t *row, *name;
    json_array_foreach(json_object_get(result, "by"), k, name)
    {
        (void)printf("%s,", json_string_value(name));
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        (void)printf("%s%s", columns[c], c + 1 < COLUMNS ? "," : "\n");
    }
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        json_array_foreach(json_object_get(result, "by"), k, name)
        {
            const char *v = cmd_text(json_object_get(row, "key"), json_string_value(name));
            csv_cell(strcmp(v, "-") == 0 ? "" : v);
            (void)printf(",");
        }
        for (size_t c = 0; c < COLUMNS; c++) {
            struct buf number = {.data = NULL};
            (void)json_text(&number, json_object_get(row, columns[c]));
            (void)printf("%s%s", buf_cstr(&number), c + 1 < COLUMNS ? "," : "\n");
            buf_free(&number);
        }
    }
}

static void print_rows(const json_t *result)
{
    size_t i, k;
    json_t *row, *name;
    json_array_foreach(json_object_get(result, "by"), k, name)
    {
        (void)printf("%-24s ", json_string_value(name));
    }
    (void)printf("%10s %8s %8s %14s %14s %14s\n", "requests", "failed", "denied", "input", "output",
                 "usd");
    long long rejected = 0;
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        rejected += json_integer_value(json_object_get(row, "rejected"));
        if (json_integer_value(json_object_get(row, "requests")) == 0 &&
            json_integer_value(json_object_get(row, "rejected")) > 0) {
            continue; /* nothing but calls that were rejected: zeros */
        }
        json_array_foreach(json_object_get(result, "by"), k, name)
        {
            (void)printf("%-24s ", cmd_text(json_object_get(row, "key"), json_string_value(name)));
        }
        (void)printf("%10s %8s %8s %14s %14s %14s\n", cmd_number(row, "requests"),
                     cmd_number(row, "failed"), cmd_number(row, "denied"),
                     cmd_number(row, "input_tokens"), cmd_number(row, "output_tokens"),
                     cmd_money(row, "usd"));
    }
    if (rejected > 0) {
        (void)printf("and %lld rejected: a bad key, tag or body\n", rejected);
    }
}

static bool among(const char *name, const char *const *list, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = strcmp(name, list[i]) == 0;
    }
    return found;
}

static bool is_field(const char *key)
{
    static const char *const fields[] = {"model",         "model_id",   "principal",
                                         "outcome",       "limit",      "dialect",
                                         "applicationId", "costCenter", "environment"};
    return among(key, fields, sizeof(fields) / sizeof(*fields));
}

/* A tag the file speaks of: it may stand in no call yet. */
static bool is_tag_of(const struct config *c, const char *key)
{
    bool found = among(key, (const char *const *)c->tags_required.at, c->tags_required.count) ||
                 among(key, (const char *const *)c->tags_from_caller.at, c->tags_from_caller.count);
    for (size_t i = 0; i < c->tag_values_count && !found; i++) {
        found = strcmp(c->tag_values[i].key, key) == 0;
    }
    return found;
}

static bool in_some_row(const json_t *result, const char *key)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        const char *v = json_string_value(json_object_get(json_object_get(row, "key"), key));
        if (v && *v) {
            return true;
        }
    }
    return false;
}

/* A key that is no field, no tag of the file and in none of the calls is a slip of the pen: said,
 * and false. */
static bool keys_known(const struct config *c, const json_t *result, const char *const *by,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_field(by[i]) && !is_tag_of(c, by[i]) && !in_some_row(result, by[i])) {
            char shown[160];
            (void)str_printable(shown, sizeof(shown), str_of(by[i]));
            (void)fprintf(stderr,
                          "tollgate: --by %s: no such field, and no call in this time has a tag of "
                          "that name; there are model, model_id, principal, outcome, limit, "
                          "application, costCenter, environment and the tags of your calls\n",
                          shown);
            return false;
        }
    }
    return true;
}

static size_t split_keys(char *text, const char *by[8], char names[8][160])
{
    size_t n = 0;
    struct str rest = str_of(text ? text : "model");
    while (rest.n > 0 && n < 8) {
        struct str key = config_tag_key(str_trim(str_cut(rest, ',', &rest)));
        if (key.n > 0 && str_copy(names[n], 160, key)) {
            by[n] = names[n];
            n++;
        }
    }
    return n;
}

int cmd_usage(struct cmd_options *o, int argc, char **argv)
{
    struct request r;
    const char *by[8];
    char names[8][160];
    int status = read_request(o, argc, argv, usage_options, usage_help, &r);
    struct config *config = status < 0 ? cmd_config(o, false) : NULL;
    if (!config) {
        return status < 0 ? EXIT_FAILED : status;
    }
    struct err_info ei = {.code = ERR_OK};
    struct report *report = report_open(config, &ei);
    json_t *result = NULL;
    size_t keys = split_keys(r.by, by, names);
    enum err e = report ? report_usage(report, &r.filter, by, keys, &result, &ei) : ei.code;
    report_close(report);
    bool known = e != ERR_OK || keys_known(config, result, by, keys);
    config_unref(config);
    if (e != ERR_OK) {
        return cmd_fail(o, &ei);
    }
    if (!known) {
        json_decref(result);
        return EXIT_USAGE;
    }
    if (o->json) {
        return cmd_print_json(result);
    }
    if (r.csv) {
        print_csv(result);
    } else {
        print_rows(result);
    }
    json_decref(result);
    return EXIT_DONE;
}
