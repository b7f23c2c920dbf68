/* cmd_demo.c: `tollgate demo`: a simulated account, a real core before it, simulated applications
 * that call through it over the network, and the dashboard. A child process runs all but the
 * dashboard. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/client.h"
#include "core/control/core.h"
#include "core/sim/sim.h"
#include "core/sim/traffic.h"
#include "tui/cmd.h"
#include "tui/cmd_status.h"
#include "tui/dashboard.h"

#define START_MS    15000
#define SNAPSHOT_MS 20000
#define END_MS      8000

static const char help[] =
    "usage: tollgate demo [--theme NAME] [--no-color] [--ascii] [--no-mouse] [--low-bandwidth]\n"
    "                     [--plain] [--seconds N]\n"
    "\n"
    "Everything but AWS is real: the applications' calls are HTTP requests through the proxy, its "
    "limits and its ledger. The\n"
    "simulated AWS checks every signature. Nothing is left behind. Without a terminal one snapshot "
    "is printed (--json too).\n";

enum {
    OPT_THEME = CMD_OWN,
    OPT_NO_COLOR,
    OPT_ASCII,
    OPT_PLAIN,
    OPT_NO_MOUSE,
    OPT_LOW_BANDWIDTH,
    OPT_SECONDS
};
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"theme", required_argument, NULL, OPT_THEME},
                                        {"no-color", no_argument, NULL, OPT_NO_COLOR},
                                        {"ascii", no_argument, NULL, OPT_ASCII},
                                        {"plain", no_argument, NULL, OPT_PLAIN},
                                        {"no-mouse", no_argument, NULL, OPT_NO_MOUSE},
                                        {"low-bandwidth", no_argument, NULL, OPT_LOW_BANDWIDTH},
                                        {"seconds", required_argument, NULL, OPT_SECONDS},
                                        {NULL, 0, NULL, 0}};

/* --- the account and its limits --- */

static const char configuration[] =
    "listen: [{address: 127.0.0.1:0}]\n"
    "identity: required\n"
    "region: us-east-1\n"
    "state_dir: %s/state\n"
    "tags:\n"
    "  required: [applicationId]\n"
    "  defaults: {environment: demo}\n"
    "  values: {costCenter: [sales, support, services]}\n"
    "models:\n"
    "  - {name: claude-3-5-haiku, id: us.anthropic.claude-3-5-haiku-20241022-v1:0}\n"
    "  - {name: claude-3-5-sonnet-v2, id: us.anthropic.claude-3-5-sonnet-20241022-v2:0}\n"
    "  - {name: nova-lite, id: amazon.nova-lite-v1:0}\n"
    "  - {name: nova-micro, id: amazon.nova-micro-v1:0}\n"
    "limits:\n"
    "  - {name: haiku-minute, model: claude-3-5-haiku, per: [costCenter], tokens: 7000, window: "
    "1m, ceiling: 100k}\n"
    "  - {name: sonnet-minute, model: claude-3-5-sonnet-v2, tokens: 60k, window: 1m, ceiling: "
    "500k}\n"
    "  - {name: docs-helper-requests, application: docs-helper, requests: 200, window: 1m}\n"
    "  - {name: department-month, per: [costCenter], usd: 25, window: month, ceiling: 500}\n"
    "  - {name: account-day, usd: 40, window: day, ceiling: 1000}\n"
    "publish: {metrics: {namespace: GenAIRateLimiting, every: 60s}, audit: {log_group: "
    "/tollgate/audit}}\n"
    "poll: {cloudwatch: 1m, cost_explorer: 6h}\n";

struct demo_application {
    const char *name, *cost_center, *model;
    int words, max_tokens;
    bool stream;
    int64_t period_ms;
    int parallel, burst;
};

static const struct demo_application applications[] = {
    {"crm-summary", "sales", "claude-3-5-haiku", 90, 300, true, 2400, 4, 0},
    {"lead-scoring", "sales", "nova-micro", 60, 80, false, 250, 4, 0},
    {"docs-helper", "support", "claude-3-5-haiku", 30, 60, true, 700, 64, 80},
    {"ticket-triage", "support", "nova-lite", 120, 120, false, 300, 4, 0},
    {"code-review", "services", "claude-3-5-sonnet-v2", 400, 800, true, 1500, 3, 0},
    {"batch-translate", "services", "nova-lite", 300, 400, true, 700, 4, 0},
};
#define APPLICATIONS (sizeof(applications) / sizeof(*applications))

/* --- the child: simulation, core, applications --- */

static enum err write_configuration(const char *dir, const struct sim *sim, char *path, size_t size,
                                    struct err_info *ei)
{
    (void)snprintf(path, size, "%s/tollgate.yaml", dir);
    FILE *f = fopen(path, "we");
    if (!f) {
        return err_set_sys(ei, ERR_IO, errno, "cannot write %s", path);
    }
    bool ok = fprintf(f, configuration, dir) > 0 && fputs("endpoints:\n", f) >= 0;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const char *url = sim_endpoint(sim, (enum config_service)i);
        ok = ok && (!url ||
                    fprintf(f, "  %s: %s\n", config_service_name((enum config_service)i), url) > 0);
    }
    return fclose(f) == 0 && ok ? ERR_OK : err_set(ei, ERR_IO, "cannot write %s", path);
}

static struct traffic *start_applications(struct core *core, struct err_info *ei)
{
    struct traffic_application a[APPLICATIONS];
    char tokens[APPLICATIONS][80];
    for (size_t i = 0; i < APPLICATIONS; i++) {
        const struct demo_application *d = &applications[i];
        json_t *key = NULL;
        if (core_command(
                core, "key.add",
                json_pack("{s:s, s:s}", "application", d->name, "cost_center", d->cost_center),
                &key, ei) != ERR_OK) {
            return NULL;
        }
        (void)str_copy(tokens[i], sizeof(tokens[i]),
                       str_of(json_string_value(json_object_get(key, "bearerToken"))));
        json_decref(key);
        a[i] = (struct traffic_application){.name = d->name,
                                            .cost_center = d->cost_center,
                                            .bearer_token = tokens[i],
                                            .model = d->model,
                                            .input_words = d->words,
                                            .max_tokens = d->max_tokens,
                                            .stream = d->stream,
                                            .period_ms = d->period_ms,
                                            .parallel = d->parallel,
                                            .burst = d->burst};
    }
    return traffic_start(core_listener_url(core, 0), a, APPLICATIONS, ei);
}

static struct core *open_core(const char *dir, struct sim *sim, struct err_info *ei)
{
    char path[4096];
    if (write_configuration(dir, sim, path, sizeof(path), ei) != ERR_OK) {
        return NULL;
    }
    struct config_mistakes mistakes = {.count = 0};
    struct config *config = config_load(path, &mistakes);
    if (!config) {
        (void)err_set(ei, ERR_PARSE, "the demo's configuration, line %d: %s",
                      mistakes.count ? mistakes.at[0].line : 0,
                      mistakes.count ? mistakes.at[0].text : "cannot be read");
    }
    config_mistakes_free(&mistakes);
    struct core_options o = {.config_path = path,
                             .config = config,
                             .simulated = true,
                             .access_key_id = sim_access_key_id(sim),
                             .secret_access_key = sim_secret_access_key(sim)};
    struct core *core = config ? core_open(&o, ei) : NULL;
    config_unref(config);
    return core;
}

static int run_child(const char *dir, int ready_fd)
{
    struct err_info ei = {.code = ERR_OK};
    struct sim_options s = {.latency_ms = 120, .token_delay_us = 15000};
    struct sim *sim = sim_start(&s, &ei);
    struct core *core = sim ? open_core(dir, sim, &ei) : NULL;
    struct traffic *traffic = core ? start_applications(core, &ei) : NULL;
    int status = EXIT_FAILED;
    if (traffic) {
        (void)!write(ready_fd, "ready\n", 6);
        (void)close(ready_fd);
        status = core_run(core);
    } else {
        (void)!write(ready_fd, ei.text, strlen(ei.text));
        (void)close(ready_fd);
    }
    traffic_stop(traffic);
    core_close(core);
    sim_stop(sim);
    return status;
}

static void forget_environment(void)
{
    extern char **environ;
    char names[64][128];
    struct str value;
    size_t n = 0;
    for (char **e = environ; *e && n < 64; e++) {
        if (strncmp(*e, "AWS_", 4) == 0 || strncmp(*e, "TOLLGATE_", 9) == 0 ||
            strncasecmp(*e, "http_proxy=", 11) == 0 || strncasecmp(*e, "https_proxy=", 12) == 0 ||
            strncasecmp(*e, "all_proxy=", 10) == 0) {
            (void)str_copy(names[n++], sizeof(names[0]), str_cut(str_of(*e), '=', &value));
        }
    }
    while (n > 0) {
        (void)unsetenv(names[--n]);
    }
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
}

static void detach_child(const char *dir, pid_t parent)
{
    sigset_t set;
    char log[4200];
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(EXIT_FAILED);
    }
    (void)setsid();
    (void)snprintf(log, sizeof(log), "%s/tollgate.log", dir);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC),
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(fd >= 0 ? fd : null, STDERR_FILENO);
    forget_environment();
}

/* --- the parent --- */

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

static void end_child(pid_t child)
{
    int64_t until = clock_mono_us() + END_MS * 1000;
    const struct timespec pause = {.tv_nsec = 20000000};
    (void)kill(child, SIGTERM);
    (void)kill(child, SIGINT); /* the second one: do not wait for running streams */
    while (waitpid(child, NULL, WNOHANG) == 0) {
        if (clock_mono_us() > until) {
            (void)kill(child, SIGKILL);
            (void)waitpid(child, NULL, 0);
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
}

static bool has_everything(const json_t *status)
{
    size_t i;
    json_t *m;
    int models = 0;
    json_array_foreach(json_object_get(status, "models"), i, m)
    {
        models += json_integer_value(json_object_get(m, "output_tokens")) > 0;
    }
    return models >= 4 && json_array_size(json_object_get(status, "cost_centers")) >= 3 &&
           json_array_size(json_object_get(status, "denials")) > 0;
}

/* Without a terminal: one snapshot once there is something to see. */
static int print_snapshot(const struct cmd_options *o, const char *socket, int64_t seconds)
{
    struct err_info ei = {.code = ERR_OK};
    struct client *client = client_open(socket, NULL, &ei);
    json_t *status = NULL;
    int64_t until = clock_mono_us() + (seconds > 0 ? seconds * 1000 : SNAPSHOT_MS) * 1000;
    const struct timespec pause = {.tv_nsec = 250000000};
    while (client) {
        json_decref(status);
        status = NULL;
        if (client_call(client, "status", NULL, 5000, &status, &ei) != ERR_OK ||
            clock_mono_us() > until || (seconds == 0 && has_everything(status))) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    client_close(client);
    if (!status) {
        return cmd_fail(o, &ei);
    }
    bool complete = has_everything(status);
    if (o->json) {
        return cmd_print_json(status) == EXIT_DONE && complete ? EXIT_DONE : EXIT_FAILED;
    }
    cmd_status_print(status);
    json_decref(status);
    return complete ? EXIT_DONE : EXIT_FAILED;
}

static int show(struct cmd_options *o, struct dashboard_options *d, const char *dir)
{
    char socket[4200], state[4200];
    struct err_info ei = {.code = ERR_OK};
    (void)snprintf(state, sizeof(state), "%s/state", dir);
    core_socket_path(socket, sizeof(socket), state);
    if (!d->plain && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        return print_snapshot(o, socket, d->seconds_limit);
    }
    d->socket_path = socket;
    int status = dashboard_run(d, &ei);
    return ei.code == ERR_OK ? status : cmd_fail(o, &ei);
}

static enum err start_child(const char *dir, pid_t *child, struct err_info *ei)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot make a pipe");
    }
    *child = fork();
    if (*child < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot start the demo's core");
    }
    if (*child == 0) {
        (void)close(ends[0]);
        detach_child(dir, parent);
        _exit(run_child(dir, ends[1]));
    }
    (void)close(ends[1]);
    char said[300] = "";
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    ssize_t n = poll(&p, 1, START_MS) > 0 ? read(ends[0], said, sizeof(said) - 1) : 0;
    (void)close(ends[0]);
    said[n > 0 ? n : 0] = '\0';
    return strcmp(said, "ready\n") == 0 ? ERR_OK
                                        : err_set(ei, ERR_NO_CORE, "the demo did not start: %s",
                                                  said[0] ? said : "no word from its core");
}

int cmd_demo(struct cmd_options *o, int argc, char **argv)
{
    int value, status;
    int64_t seconds = 0;
    struct dashboard_options d = {.title = "demo", .own_settings = true};
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (value == OPT_THEME) {
            d.theme = optarg;
        } else if (value >= OPT_NO_COLOR && value <= OPT_LOW_BANDWIDTH) {
            d.no_color |= value == OPT_NO_COLOR;
            d.ascii |= value == OPT_ASCII;
            d.plain |= value == OPT_PLAIN;
            d.no_mouse |= value == OPT_NO_MOUSE;
            d.low_bandwidth |= value == OPT_LOW_BANDWIDTH;
        } else if (value == OPT_SECONDS) {
            if (!str_to_i64(str_of(optarg), &seconds) || seconds < 1 || seconds > 86400) {
                (void)fprintf(stderr, "tollgate: --seconds %s: must be 1 to 86400\n", optarg);
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    if (!cmd_theme_ok(d.theme)) {
        return EXIT_USAGE;
    }
    d.seconds_limit = (int)seconds;
    struct err_info ei = {.code = ERR_OK};
    char dir[] = "/tmp/tollgate-demo-XXXXXX";
    pid_t child = -1;
    if (!mkdtemp(dir)) {
        (void)err_set_sys(&ei, ERR_IO, errno, "cannot make a directory in /tmp");
        return cmd_fail(o, &ei);
    }
    status = start_child(dir, &child, &ei) == ERR_OK ? show(o, &d, dir) : cmd_fail(o, &ei);
    if (child > 0) {
        end_child(child);
    }
    (void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}
