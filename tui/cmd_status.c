/* cmd_status.c: `tollgate status`, and `tollgate check`. */
#include "tui/cmd_status.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/control/core.h"
#include "core/control/json_text.h"
#include "tui/cmd.h"

#define LOOK_MS  1000
#define LEAST_MS 100
#define MOST_MS  86400000

static void print_totals_head(const char *title)
{
    (void)printf("\n%-28s %9s %9s %7s %7s %12s %12s %11s %5s\n", title, "REQUESTS", "OK", "FAILED",
                 "DENIED", "INPUT", "OUTPUT", "USD", "OPEN");
}

static void print_totals(const char *name, const json_t *t)
{
    char ok[32];
    json_int_t approved = json_integer_value(json_object_get(t, "approved")),
               failed = json_integer_value(json_object_get(t, "failed"));
    (void)snprintf(ok, sizeof(ok), "%lld", (long long)(approved - failed));
    (void)printf("%-28s %9s %9s %7s %7s %12s %12s %11s %5s\n", name, cmd_number(t, "requests"), ok,
                 cmd_number(t, "failed"), cmd_number(t, "denied"), cmd_number(t, "input_tokens"),
                 cmd_number(t, "output_tokens"), cmd_money(t, "usd"), cmd_number(t, "open"));
}

static void print_table(const json_t *status, const char *key, const char *title)
{
    size_t i;
    json_t *row;
    print_totals_head(title);
    json_array_foreach(json_object_get(status, key), i, row)
    {
        print_totals(cmd_text(row, "name"), row);
    }
}

static void print_limits(const json_t *status)
{
    size_t i;
    json_t *l;
    (void)printf("\n%-28s %14s %14s %14s %8s\n", "LIMIT", "AMOUNT", "USED", "RESERVED", "DENIED");
    json_array_foreach(json_object_get(status, "limits"), i, l)
    {
        (void)printf("%-28s %14s %14s %14s %8s%s%s\n", cmd_text(l, "name"),
                     cmd_amount(l, l, "amount"), cmd_amount(l, l, "used"),
                     cmd_amount(l, l, "reserved"), cmd_number(l, "denied"),
                     json_is_true(json_object_get(l, "blocked")) ? "  BLOCKED" : "",
                     json_is_object(json_object_get(l, "override")) ? "  override" : "");
    }
}

static void print_denials(const json_t *status)
{
    size_t i;
    json_t *d;
    const json_t *list = json_object_get(status, "denials");
    if (json_array_size(list) > 0) {
        (void)printf("\nLAST DENIALS\n");
    }
    json_array_foreach(list, i, d)
    {
        if (i == 5) {
            break;
        }
        (void)printf("%s  %s  %s  %s\n", cmd_text(d, "time"), cmd_text(d, "limit"),
                     cmd_text(d, "model"), cmd_pairs(d, "tags"));
    }
}

static void print_health(const json_t *status)
{
    size_t i;
    json_t *s;
    const json_t *health = json_object_get(status, "health");
    const char *store = cmd_text(health, "store");
    bool ok = strcmp(store, "ok") == 0;
    (void)printf("\nstore %s%s%s%s, reserved %s the open calls\n", ok ? "" : "FAILED (",
                 ok ? "" : cmd_text(health, "store_failure"), ok ? "" : "): ", store,
                 json_is_true(json_object_get(health, "reserved_matches")) ? "matches"
                                                                           : "DOES NOT MATCH");
    const json_t *lost = json_object_get(health, "ledger_lost");
    if (json_is_object(lost)) {
        (void)printf("LEDGER LOST at %s: %s\n", cmd_text(lost, "at"), cmd_text(lost, "text"));
    }
    const json_t *notify = json_object_get(health, "notify");
    if (json_integer_value(json_object_get(notify, "targets")) > 0) {
        const char *error = cmd_text(notify, "error");
        (void)printf("notify: %s told, %s failed, %s dropped, %s waiting%s%s\n",
                     cmd_number(notify, "told"), cmd_number(notify, "failed"),
                     cmd_number(notify, "dropped"), cmd_number(notify, "waiting"),
                     *error == '-' ? "" : "; last failure: ", *error == '-' ? "" : error);
    }
    json_array_foreach(json_object_get(status, "cloud"), i, s)
    {
        const char *error = cmd_text(s, "error");
        (void)printf("%s %s since %s%s%s\n", cmd_text(s, "source"), cmd_text(s, "state"),
                     cmd_text(s, "at"), *error == '-' ? "" : ": ", *error == '-' ? "" : error);
    }
}

void cmd_status_print(const json_t *status)
{
    const json_t *listen = json_array_get(json_object_get(status, "listen"), 0);
    (void)printf(
        "tollgate %s%s  %s  %s  pid %lld  figures since %s\n", cmd_text(status, "state"),
        json_is_true(json_object_get(status, "simulated")) ? "  SIMULATED" : "",
        cmd_text(status, "region"), json_is_string(listen) ? json_string_value(listen) : "-",
        (long long)json_integer_value(json_object_get(status, "pid")), cmd_text(status, "since"));
    cmd_all_blocked(json_object_get(json_object_get(status, "health"), "all_blocked"));
    print_table(status, "models", "MODEL");
    print_totals("all", json_object_get(status, "totals"));
    print_table(status, "cost_centers", "COST CENTER");
    print_table(status, "applications", "APPLICATION");
    print_limits(status);
    print_denials(status);
    print_health(status);
}

static const char help[] =
    "usage: tollgate status [--once | --json | --json-lines [--interval D]]\n"
    "\n"
    "Figures of the running core: calls and spend of the last 24 hours, limits (what is used and "
    "denied in the window\n"
    "that runs), denials, health.\n"
    "  --once         one snapshot as text (also what happens without an option)\n"
    "  --json         one snapshot as a JSON document\n"
    "  --json-lines   a JSON document a line, whenever something changed, until it is ended\n"
    "  --interval D   with --json-lines: a line each D (such as 1s, 5m), changed or not\n"
    "Exit status: 0 the snapshot was printed, whatever it says; 1 there is none; 2 wrong usage.\n";

enum { OPT_ONCE = CMD_OWN, OPT_JSON_LINES, OPT_INTERVAL };
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"once", no_argument, NULL, OPT_ONCE},
                                        {"json-lines", no_argument, NULL, OPT_JSON_LINES},
                                        {"interval", required_argument, NULL, OPT_INTERVAL},
                                        {NULL, 0, NULL, 0}};

struct wanted {
    bool lines;
    int64_t interval_ms; /* 0: when something changed */
};

/* Whether it says more than that time passed; takes over the snapshot to compare the next with. */
static bool is_news(json_t **last, json_t *status)
{
    json_t *bare = json_copy(status);
    (void)json_object_del(bare, "time");
    (void)json_object_del(bare, "since");
    bool news = !*last || !json_equal(*last, bare);
    json_decref(*last);
    *last = bare;
    return news;
}

static bool print_line(const json_t *status)
{
    struct buf out = {.data = NULL};
    bool ok = json_text(&out, status) && buf_add(&out, "\n") &&
              fwrite(buf_bytes(&out), 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_free(&out);
    return ok;
}

/* Until nobody reads any more (done) or there is no core to ask (failed). */
static int print_lines(const struct cmd_options *o, struct config *config, int64_t interval_ms)
{
    struct err_info ei = {.code = ERR_OK};
    int64_t every = interval_ms > 0 ? interval_ms : LOOK_MS;
    json_t *last = NULL;
    bool reading = true;
    enum err e = ERR_OK;
    while (reading && e == ERR_OK) {
        int64_t begun = clock_mono_us() / 1000;
        json_t *status = NULL;
        e = cmd_ask(o, config, "status", NULL, &status, &ei);
        if (e == ERR_OK && (is_news(&last, status) || interval_ms > 0)) {
            reading = print_line(status);
        }
        json_decref(status);
        int64_t rest = begun + every - clock_mono_us() / 1000;
        struct pollfd reader = {.fd = STDOUT_FILENO}; /* its error: the other end is closed */
        if (e == ERR_OK && reading && rest > 0 && poll(&reader, 1, (int)rest) > 0) {
            reading = false;
        }
    }
    json_decref(last);
    return e == ERR_OK ? EXIT_DONE : cmd_fail(o, &ei);
}

static int print_once(const struct cmd_options *o, struct config *config)
{
    struct err_info ei = {.code = ERR_OK};
    json_t *result = NULL;
    if (cmd_ask(o, config, "status", NULL, &result, &ei) != ERR_OK) {
        return cmd_fail(o, &ei);
    }
    if (o->json) {
        return cmd_print_json(result);
    }
    cmd_status_print(result);
    json_decref(result);
    return EXIT_DONE;
}

/* True: go on; otherwise leave with *status. */
static bool read_options(struct cmd_options *o, struct wanted *w, int argc, char **argv,
                         int *status)
{
    int value;
    *status = EXIT_USAGE;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (value == OPT_JSON_LINES || value == OPT_ONCE) {
            w->lines = value == OPT_JSON_LINES;
        } else if (value == OPT_INTERVAL) {
            if (!config_duration_parse(str_of(optarg), &w->interval_ms) ||
                w->interval_ms < LEAST_MS || w->interval_ms > MOST_MS) {
                (void)fprintf(stderr, "tollgate: --interval %s: must be 100ms to 1d\n", optarg);
                return false;
            }
        } else if (cmd_common_option(o, value, help, status) != 0) {
            return false;
        }
    }
    *status = EXIT_USAGE;
    if (optind < argc || (w->interval_ms > 0 && !w->lines)) {
        (void)fputs(help, stderr);
        return false;
    }
    return true;
}

int cmd_status(struct cmd_options *o, int argc, char **argv)
{
    int status;
    struct wanted w = {.lines = false};
    if (!read_options(o, &w, argc, argv, &status)) {
        return status;
    }
    struct config *config = o->socket ? NULL : cmd_config(o, false);
    if (!config && !o->socket) {
        return EXIT_FAILED;
    }
    status = w.lines ? print_lines(o, config, w.interval_ms) : print_once(o, config);
    config_unref(config);
    return status;
}

static const char check_help[] = "usage: tollgate check [FILE]      (or --config FILE)\n\nReads "
                                 "the configuration and says every mistake with "
                                 "file, line and key. Exit 1 when there is one.\n";

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* What the file may cost with AWS a month: a combination of dimensions has six metrics of 30 cents.
 */
static void print_aws_costs(const struct config *config)
{
    char text[MONEY_TEXT];
    const struct config_metrics *m = &config->publish_metrics;
    if (m->on) {
        int64_t metrics = 6 * config_series_most(m);
        money_display(text, metrics * (MONEY_DOLLAR * 3 / 10));
        (void)printf("publish.metrics: %zu set%s of dimensions, up to %lld custom metrics "
                     "(max_series: %lld, and some for \"other\"), at AWS's list price of $0.30 "
                     "each up to %s a month\n",
                     m->set_count, plural(m->set_count), (long long)metrics,
                     (long long)m->max_series, text);
    }
    if (config->poll.cloudwatch_ms > 0 || config->poll.cost_explorer_ms > 0) {
        money_display(text, config->poll.max_usd_per_month);
        (void)printf(
            "poll: at most %s a month (max_usd_per_month), the periods stretch to keep it\n", text);
    }
}

int cmd_check(struct cmd_options *o, int argc, char **argv)
{
    int value, status;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (cmd_common_option(o, value, check_help, &status) != 0) {
            return status;
        }
    }
    if (optind + 1 == argc && !o->config_path) {
        o->config_path = argv[optind++];
    }
    if (optind < argc) {
        (void)fputs(check_help, stderr);
        return EXIT_USAGE;
    }
    struct config *config = cmd_config(o, true);
    if (!config) {
        return EXIT_FAILED;
    }
    struct err_info ei = {.code = ERR_OK};
    bool ok = core_check(config, &ei) == ERR_OK;
    if (ok) {
        (void)printf("%s: ok: %zu listener%s, %zu model%s, %zu limit%s\n", config->path,
                     config->listen_count, plural(config->listen_count), config->model_count,
                     plural(config->model_count), config->limit_count, plural(config->limit_count));
        print_aws_costs(config);
    }
    config_unref(config);
    return ok ? EXIT_DONE : cmd_fail(o, &ei);
}
