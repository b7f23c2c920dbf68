/* cmd_probe.c: `tollgate probe URL`: does a gateway hold its limit when many call at once? */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/control/probe.h"
#include "tui/cmd.h"

static const char help[] =
    "usage: tollgate probe URL --model NAME [--limit METRIC=AMOUNT] [--parallel 10,64,256]\n"
    "       [--calls N] [--max-tokens 64] [--prompt TEXT] [--dialect bedrock|openai|anthropic]\n"
    "       [--key-file FILE] [--wait D] [--timeout 60s] [--json]\n"
    "\n"
    "Sends 10 calls at once through a gateway, then 64, then 256, adds up the tokens that its "
    "answers\n"
    "say were served, and compares the sum with a limit that you have set there. Most gateways "
    "count\n"
    "after the call: what is under way at one time passes the limit. The calls are real: a model\n"
    "behind the gateway is paid for them.\n"
    "\n"
    "  --limit        tokens, input_tokens, output_tokens or requests, as the gateway was told:\n"
    "                 --limit tokens=10000; without it only counts are printed\n"
    "  --parallel     how many at once, a step each (1 to 1000)\n"
    "  --calls        calls of each step; as many as are parallel unless said\n"
    "  --wait D       pause between steps: longer than the limit's window, each step then has all "
    "of\n"
    "                 it; without it the steps share one window, which must not end meanwhile\n"
    "  --max-tokens   the longest answer; keep it small\n"
    "  --dialect      otherwise by the path of the URL (/converse, /chat/completions, /messages); "
    "a\n"
    "                 URL without a path gets that of tollgate, bedrock unless said\n"
    "  --key-file     a file with the bearer token; otherwise $TOLLGATE_PROBE_KEY; none: no key\n"
    "\n"
    "Denied: status 429, a ServiceQuotaExceededException, or an x-tollgate-limit header. Exit "
    "status:\n"
    "0 no overshoot; 1 overshoot, or no call was admitted; 2 wrong usage.\n";

enum {
    OPT_MODEL = CMD_OWN,
    OPT_LIMIT,
    OPT_PARALLEL,
    OPT_CALLS,
    OPT_MAX_TOKENS,
    OPT_PROMPT,
    OPT_DIALECT,
    OPT_KEY_FILE,
    OPT_WAIT,
    OPT_TIMEOUT
};
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"model", required_argument, NULL, OPT_MODEL},
                                        {"limit", required_argument, NULL, OPT_LIMIT},
                                        {"parallel", required_argument, NULL, OPT_PARALLEL},
                                        {"calls", required_argument, NULL, OPT_CALLS},
                                        {"max-tokens", required_argument, NULL, OPT_MAX_TOKENS},
                                        {"prompt", required_argument, NULL, OPT_PROMPT},
                                        {"dialect", required_argument, NULL, OPT_DIALECT},
                                        {"key-file", required_argument, NULL, OPT_KEY_FILE},
                                        {"wait", required_argument, NULL, OPT_WAIT},
                                        {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {NULL, 0, NULL, 0}};

#define STEPS_MAX 16

struct probe {
    struct probe_plan plan;
    bool dialect_given, limited;
    enum config_metric metric;
    int64_t limit, wait_ms;
    int steps[STEPS_MAX];
    size_t step_count;
    struct probe_counts counts[STEPS_MAX];
    size_t done;
    char key[8192];
};

static atomic_bool interrupted;

static void on_interrupt(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

/* --- options --- */

static int wrong(const char *option, const char *why)
{
    char shown[200];
    (void)str_printable(shown, sizeof(shown), str_of(optarg));
    (void)fprintf(stderr, "tollgate: --%s %s: %s\n", option, shown, why);
    return EXIT_USAGE;
}

static bool number(struct str text, int64_t most, int *out)
{
    int64_t n;
    bool ok = str_to_i64(text, &n) && n >= 1 && n <= most;
    *out = ok ? (int)n : *out;
    return ok;
}

static int read_limit(struct probe *p)
{
    struct str amount, name = str_cut(str_of(optarg), '=', &amount);
    bool ok = config_metric_parse(name, &p->metric) &&
              (p->metric == METRIC_TOKENS || p->metric == METRIC_INPUT_TOKENS ||
               p->metric == METRIC_OUTPUT_TOKENS || p->metric == METRIC_REQUESTS) &&
              amount.p && config_amount_parse(amount, p->metric, &p->limit);
    p->limited = ok;
    return ok ? -1
              : wrong("limit",
                      "must be as tokens=10000 (or input_tokens, output_tokens, requests)");
}

static int read_steps(struct probe *p)
{
    struct str rest = str_of(optarg);
    p->step_count = 0;
    while (rest.p) {
        struct str one = str_cut(rest, ',', &rest);
        if (p->step_count == STEPS_MAX ||
            !number(one, PROBE_PARALLEL_MAX, &p->steps[p->step_count++])) {
            return wrong("parallel", "must be numbers from 1 to 1000, as 10,64,256");
        }
    }
    return -1;
}

static int read_dialect(struct probe *p)
{
    for (unsigned d = 0; d < PROBE_DIALECTS; d++) {
        if (strcmp(optarg, probe_dialect_name(d)) == 0) {
            p->plan.dialect = d;
            p->dialect_given = true;
            return -1;
        }
    }
    return wrong("dialect", "must be bedrock, openai or anthropic");
}

/* The first line of the file. */
static int read_key(struct probe *p)
{
    FILE *f = fopen(optarg, "re");
    bool ok = f && fgets(p->key, sizeof(p->key), f);
    if (f) {
        (void)fclose(f);
    }
    p->key[strcspn(p->key, "\r\n")] = '\0';
    p->plan.key = p->key;
    return ok && p->key[0] ? -1 : wrong("key-file", f ? "is empty" : strerror(errno));
}

static int read_option(struct cmd_options *o, struct probe *p, int value)
{
    int status;
    switch (value) {
    case OPT_MODEL:
        p->plan.model = optarg;
        return -1;
    case OPT_PROMPT:
        p->plan.prompt = optarg;
        return -1;
    case OPT_LIMIT:
        return read_limit(p);
    case OPT_PARALLEL:
        return read_steps(p);
    case OPT_CALLS:
        return number(str_of(optarg), 100000, &p->plan.calls) ? -1 : wrong("calls", "1 to 100000");
    case OPT_MAX_TOKENS:
        return number(str_of(optarg), 1000000, &p->plan.max_tokens)
                   ? -1
                   : wrong("max-tokens", "must be a number of at least 1");
    case OPT_DIALECT:
        return read_dialect(p);
    case OPT_KEY_FILE:
        return read_key(p);
    case OPT_WAIT:
        return config_duration_parse(str_of(optarg), &p->wait_ms) && p->wait_ms <= 86400000
                   ? -1
                   : wrong("wait", "must be a duration such as 60s, at most 24h");
    case OPT_TIMEOUT:
        return config_duration_parse(str_of(optarg), &p->plan.timeout_ms) &&
                       p->plan.timeout_ms > 0 && p->plan.timeout_ms <= 3600000
                   ? -1
                   : wrong("timeout", "must be a duration such as 60s, at most 1h");
    default:
        return cmd_common_option(o, value, help, &status) == 0 ? -1 : status;
    }
}

static int read_arguments(struct cmd_options *o, struct probe *p, int argc, char **argv)
{
    int value, status;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if ((status = read_option(o, p, value)) != -1) {
            return status;
        }
    }
    if (optind != argc - 1 || !p->plan.model) {
        (void)fprintf(stderr, "tollgate: %s\n%s",
                      optind != argc - 1 ? "one URL is needed" : "--model is missing", help);
        return EXIT_USAGE;
    }
    p->plan.url = argv[optind];
    if (!p->dialect_given) {
        (void)probe_dialect_of(p->plan.url, &p->plan.dialect);
    }
    const char *key = getenv("TOLLGATE_PROBE_KEY");
    if (!p->plan.key && key && *key) {
        p->plan.key = key;
    }
    return -1;
}

/* --- counting --- */

static int64_t counted(const struct probe *p, const struct probe_counts *c)
{
    return p->metric == METRIC_REQUESTS        ? c->admitted
           : p->metric == METRIC_INPUT_TOKENS  ? c->input_tokens
           : p->metric == METRIC_OUTPUT_TOKENS ? c->output_tokens
                                               : c->input_tokens + c->output_tokens;
}

/* What counts against the limit after this step: all so far, or with --wait the step alone. */
static int64_t counted_after(const struct probe *p, size_t step)
{
    int64_t sum = 0;
    for (size_t i = p->wait_ms > 0 ? step : 0; i <= step; i++) {
        sum += counted(p, &p->counts[i]);
    }
    return sum;
}

static int64_t over_after(const struct probe *p, size_t step)
{
    int64_t n = counted_after(p, step) - p->limit;
    return p->limited && n > 0 ? n : 0;
}

static void pause_for(int64_t ms)
{
    int64_t until = clock_mono_us() + ms * 1000;
    while (clock_mono_us() < until && !atomic_load(&interrupted)) {
        const struct timespec step = {.tv_nsec = 100000000};
        (void)nanosleep(&step, NULL);
    }
}

/* --- printing --- */

static const char *grouped(int64_t n)
{
    json_t *o = json_pack("{s:I}", "n", (json_int_t)n);
    const char *text = cmd_number(o, "n");
    json_decref(o);
    return text;
}

static void print_step(const struct probe *p, size_t i)
{
    const struct probe_counts *c = &p->counts[i];
    if (i == 0) {
        (void)printf("%8s  %5s  %8s  %6s  %6s  %9s  %6s  %8s  %8s\n", "PARALLEL", "SENT",
                     "ADMITTED", "DENIED", "FAILED", "TOKENS", "TOOK s", "COUNTED", "OVER");
    }
    (void)printf("%8d  %5d  %8d  %6d  %6d  %9s  %6.1f  %8s  %8s\n", p->steps[i], c->sent,
                 c->admitted, c->denied, c->failed, grouped(c->input_tokens + c->output_tokens),
                 (double)c->took_ms / 1000, grouped(counted_after(p, i)),
                 p->limited ? grouped(over_after(p, i)) : "-");
    (void)fflush(stdout);
}

static json_t *as_json(const struct probe *p, int64_t most, int64_t over)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < p->done; i++) {
        const struct probe_counts *c = &p->counts[i];
        (void)json_array_append_new(
            steps,
            json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:s}", "parallel",
                      p->steps[i], "sent", c->sent, "admitted", c->admitted, "denied", c->denied,
                      "failed", c->failed, "without_usage", c->without_usage, "input_tokens",
                      (json_int_t)c->input_tokens, "output_tokens", (json_int_t)c->output_tokens,
                      "took_ms", (json_int_t)c->took_ms, "counted", (json_int_t)counted_after(p, i),
                      "over", (json_int_t)over_after(p, i), "problem", c->problem));
    }
    json_t *limit = p->limited ? json_pack("{s:s, s:I}", "metric", config_metric_name(p->metric),
                                           "amount", (json_int_t)p->limit)
                               : json_null();
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:b}", "version", 1, "dialect",
                     probe_dialect_name(p->plan.dialect), "model", p->plan.model, "limit", limit,
                     "steps", steps, "counted", (json_int_t)most, "over", (json_int_t)over,
                     "overshoot", over > 0, "interrupted", (int)atomic_load(&interrupted));
}

static void print_verdict(const struct probe *p, int64_t most, int64_t over)
{
    const char *metric = config_metric_name(p->metric);
    if (!p->limited) {
        (void)printf("\n%s %s were served; --limit compares them\n", grouped(most), metric);
    } else if (over > 0) {
        (void)printf("\nOVERSHOOT: %s %s were served of a limit of %s: %s too many (%.1f %%)\n",
                     grouped(most), metric, grouped(p->limit), grouped(over),
                     p->limit > 0 ? 100.0 * (double)over / (double)p->limit : 100.0);
    } else {
        (void)printf("\nno overshoot: %s %s were served of a limit of %s\n", grouped(most), metric,
                     grouped(p->limit));
    }
}

static void print_remarks(const struct probe *p)
{
    int denied = 0, admitted = 0, unknown = 0;
    const char *problem = "";
    for (size_t i = 0; i < p->done; i++) {
        admitted += p->counts[i].admitted;
        denied += p->counts[i].denied;
        unknown += p->counts[i].without_usage;
        problem = *problem ? problem : p->counts[i].problem;
    }
    FILE *to = stderr;
    if (*problem) {
        (void)fprintf(to, "tollgate: some calls failed: %s\n", problem);
    }
    if (admitted == 0) {
        (void)fputs("tollgate: no call was admitted: this says nothing of the limit\n", to);
    } else if (p->limited && denied == 0 && over_after(p, p->done - 1) == 0) {
        (void)fputs("tollgate: no call was denied: more calls (--calls) would reach the limit\n",
                    to);
    }
    if (unknown > 0) {
        (void)fprintf(to, "tollgate: %d answers do not say what they used: more was served\n",
                      unknown);
    }
    if (atomic_load(&interrupted)) {
        (void)fputs("tollgate: interrupted\n", to);
    }
}

static int report(const struct cmd_options *o, const struct probe *p)
{
    int64_t most = 0, over = 0;
    int admitted = 0;
    for (size_t i = 0; i < p->done; i++) {
        int64_t n = counted_after(p, i);
        most = n > most ? n : most;
        over = over_after(p, i) > over ? over_after(p, i) : over;
        admitted += p->counts[i].admitted;
    }
    bool printed = true;
    if (o->json) {
        printed = cmd_print_json(as_json(p, most, over)) == EXIT_DONE;
    } else if (admitted > 0) {
        print_verdict(p, most, over);
    }
    print_remarks(p);
    return over == 0 && admitted > 0 && printed && !atomic_load(&interrupted) ? EXIT_DONE
                                                                              : EXIT_FAILED;
}

int cmd_probe(struct cmd_options *o, int argc, char **argv)
{
    static struct probe p = {.plan = {.prompt = "Write about the sea.",
                                      .max_tokens = 64,
                                      .timeout_ms = 60000,
                                      .interrupted = &interrupted},
                             .steps = {10, 64, 256},
                             .step_count = 3};
    int status = read_arguments(o, &p, argc, argv);
    if (status != -1) {
        return status;
    }
    const struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &act, NULL); /* a second one ends it at once */
    (void)sigaction(SIGTERM, &act, NULL);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    int calls = p.plan.calls;
    for (size_t i = 0; i < p.step_count && !atomic_load(&interrupted); i++) {
        struct err_info ei = {.code = ERR_OK};
        p.plan.parallel = p.steps[i];
        p.plan.calls = calls > 0 ? calls : p.steps[i];
        if (p.plan.parallel > p.plan.calls) {
            p.plan.parallel = p.plan.calls;
        }
        if (i > 0 && p.wait_ms > 0) {
            pause_for(p.wait_ms);
        }
        if (atomic_load(&interrupted)) {
            break;
        }
        if (probe_run(&p.plan, &p.counts[i], &ei) != ERR_OK) {
            return cmd_fail(o, &ei);
        }
        p.done = i + 1;
        if (!o->json) {
            print_step(&p, i);
        }
    }
    return report(o, &p);
}
