/* cmd_serve.c: `tollgate serve`, and `tollgate` alone: attach to the core, or start one behind and
 * attach. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/client.h"
#include "core/control/core.h"
#include "tui/cmd.h"
#include "tui/dashboard.h"

#define START_MS 15000

static const char serve_help[] = "usage: tollgate serve [--config FILE] [--workers N]\n"
                                 "\n"
                                 "The core in the foreground: proxy, limits, ledger, control "
                                 "socket. Logs to stderr; prints `ready URL` for each listener.\n"
                                 "SIGTERM drains (running calls may end, a second signal cuts "
                                 "them); SIGHUP reloads the configuration and reads certificates "
                                 "again.\n";
static const char attach_help[] =
    "usage: tollgate [--config FILE] [--socket PATH] [--theme NAME] [--no-color] [--ascii] "
    "[--no-mouse]\n                [--low-bandwidth] [--read-only] [--plain]\n"
    "\n"
    "The dashboard on the core of this configuration's state directory. When none runs and the "
    "directory is your own, one is\n"
    "started in the background; it goes on when you leave. `tollgate --help` lists the commands.\n"
    "--low-bandwidth draws no charts and takes figures each five seconds; keys are answered as "
    "always.\n"
    "--plain tells each change as a sentence, for screen readers and poor lines; it needs no "
    "terminal.\n";

enum {
    OPT_WORKERS = CMD_OWN,
    OPT_THEME,
    OPT_NO_COLOR,
    OPT_ASCII,
    OPT_READ_ONLY,
    OPT_PLAIN,
    OPT_NO_MOUSE,
    OPT_LOW_BANDWIDTH
};
static const struct option serve_options[] = {
    CMD_COMMON_OPTIONS, {"workers", required_argument, NULL, OPT_WORKERS}, {NULL, 0, NULL, 0}};
static const struct option attach_options[] = {
    CMD_COMMON_OPTIONS,
    {"theme", required_argument, NULL, OPT_THEME},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"plain", no_argument, NULL, OPT_PLAIN},
    {"no-mouse", no_argument, NULL, OPT_NO_MOUSE},
    {"low-bandwidth", no_argument, NULL, OPT_LOW_BANDWIDTH},
    {NULL, 0, NULL, 0}};

/* Signals that core_run takes must be blocked before any thread exists. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Runs a core until it is told to stop. Readiness or the reason of a failure goes to out. */
static int serve(struct config *config, int workers, FILE *out)
{
    struct err_info ei = {.code = ERR_OK};
    struct core_options options = {
        .config_path = config->path, .config = config, .workers = workers};
    block_signals();
    struct core *core = core_open(&options, &ei);
    if (!core) {
        (void)fprintf(out == stdout ? stderr : out, "tollgate: %s\n", ei.text);
        (void)fflush(out);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < core_listener_count(core); i++) {
        (void)fprintf(out, "ready %s\n", core_listener_url(core, i));
    }
    if (fflush(out) != 0) {
        log_warn("serve", "nobody reads the ready lines");
    }
    if (out != stdout) {
        (void)fclose(out);
    }
    int status = core_run(core);
    core_close(core);
    return status;
}

int cmd_serve(struct cmd_options *o, int argc, char **argv)
{
    int value, status;
    int64_t workers = 0;
    while ((value = getopt_long(argc, argv, CMD_SHORT, serve_options, NULL)) != -1) {
        if (value == OPT_WORKERS) {
            if (!str_to_i64(str_of(optarg), &workers) || workers < 1 || workers > 64) {
                (void)fprintf(stderr, "tollgate: --workers %s: must be 1 to 64\n", optarg);
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(o, value, serve_help, &status) != 0) {
            return status;
        }
    }
    if (optind < argc) {
        (void)fputs(serve_help, stderr);
        return EXIT_USAGE;
    }
    struct config *config = cmd_config(o, true);
    if (!config) {
        return EXIT_FAILED;
    }
    status = serve(config, (int)workers, stdout);
    config_unref(config);
    return status;
}

/* --- a core in the background --- */

/* May we start a core there? Its directory is ours, or can be made by us. */
static bool own_state_dir(const struct config *config, struct err_info *ei)
{
    struct stat st;
    if (stat(config->state_dir, &st) != 0) {
        return errno == ENOENT ||
               !err_set_sys(ei, ERR_IO, errno, "state_dir %s", config->state_dir);
    }
    if (st.st_uid == geteuid()) {
        return true;
    }
    struct passwd entry, *found = NULL;
    char text[4096];
    bool named = getpwuid_r(st.st_uid, &entry, text, sizeof(text), &found) == 0 && found;
    (void)err_set(ei, ERR_NO_CORE,
                  "the core of %s is down; its state belongs to %s, who must start it (systemctl "
                  "start tollgate?)",
                  config->state_dir, named ? found->pw_name : "somebody else");
    return false;
}

/* In the child: cut loose from the terminal, log into the state directory. */
static void become_background(const struct config *config)
{
    char log[4096];
    (void)setsid();
    (void)mkdir(config->state_dir, 0711);
    (void)snprintf(log, sizeof(log), "%s/tollgate.log", config->state_dir);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(fd >= 0 ? fd : null, STDERR_FILENO);
}

/* Starts a core and waits for its first word. */
static enum err start_behind(struct config *config, struct err_info *ei)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot make a pipe");
    }
    pid_t child = fork();
    if (child < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return err_set_sys(ei, ERR_IO, errno, "cannot start a core");
    }
    if (child == 0) {
        (void)close(ends[0]);
        FILE *out = fdopen(ends[1], "w");
        become_background(config);
        _exit(out ? serve(config, 0, out) : EXIT_FAILED);
    }
    (void)close(ends[1]);
    char said[512] = "";
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    ssize_t n = poll(&p, 1, START_MS) > 0 ? read(ends[0], said, sizeof(said) - 1) : 0;
    (void)close(ends[0]);
    said[n > 0 ? n : 0] = '\0';
    said[strcspn(said, "\n")] = '\0';
    if (strncmp(said, "ready ", 6) == 0) {
        return ERR_OK;
    }
    return err_set(ei, ERR_NO_CORE, "the core did not start: %s (its log is %s/tollgate.log)",
                   strncmp(said, "tollgate: ", 10) == 0 ? said + 10
                   : said[0]                            ? said
                                                        : "no word from it",
                   config->state_dir);
}

static enum err ensure_core(struct config *config, const char *path, bool read_only,
                            struct err_info *ei)
{
    struct err_info why = {.code = ERR_OK};
    struct client *client = client_open(path, NULL, &why);
    if (client) {
        client_close(client);
        return ERR_OK;
    }
    if (why.code != ERR_NO_CORE) {
        return err_set(ei, why.code, "%s", why.text);
    }
    if (read_only) {
        return err_set(ei, ERR_NO_CORE, "no core runs in %s, and --read-only starts none",
                       config->state_dir);
    }
    enum err e = own_state_dir(config, ei) ? start_behind(config, ei) : ei->code;
    if (e == ERR_OK) {
        (void)fprintf(stderr,
                      "tollgate: no core was running; started one in the background, its log is "
                      "%s/tollgate.log\n",
                      config->state_dir);
    }
    return e;
}

int cmd_attach(struct cmd_options *o, int argc, char **argv)
{
    int value, status;
    struct dashboard_options d = {.theme = NULL};
    while ((value = getopt_long(argc, argv, CMD_SHORT, attach_options, NULL)) != -1) {
        if (value == OPT_THEME) {
            d.theme = optarg;
        } else if (value >= OPT_NO_COLOR && value <= OPT_LOW_BANDWIDTH) {
            d.no_color |= value == OPT_NO_COLOR;
            d.ascii |= value == OPT_ASCII;
            d.read_only |= value == OPT_READ_ONLY;
            d.plain |= value == OPT_PLAIN;
            d.no_mouse |= value == OPT_NO_MOUSE;
            d.low_bandwidth |= value == OPT_LOW_BANDWIDTH;
        } else if (cmd_common_option(o, value, attach_help, &status) != 0) {
            return status;
        }
    }
    if (!cmd_theme_ok(d.theme)) {
        return EXIT_USAGE;
    }
    const char *type = getenv("TERM");
    if (!d.plain && (!type || !*type || strcmp(type, "dumb") == 0)) {
        (void)fputs("tollgate: this terminal (TERM unset or dumb) cannot show the dashboard; "
                    "--plain tells changes line by line\n",
                    stderr);
        return EXIT_FAILED;
    }
    if (!d.plain && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        (void)fputs(
            "tollgate: the dashboard needs a terminal; `tollgate status` prints a snapshot, "
            "`tollgate --plain` tells what changes\n",
            stderr);
        return EXIT_FAILED;
    }
    struct err_info ei = {.code = ERR_OK};
    char path[4096];
    enum err e = ERR_OK;
    if (o->socket) {
        (void)str_copy(path, sizeof(path), str_of(o->socket));
    } else {
        struct config *config = cmd_config(o, false);
        if (!config && !o->socket) {
            return EXIT_FAILED;
        }
        if (config) {
            core_socket_path(path, sizeof(path), config->state_dir);
            e = ensure_core(config, path, d.read_only, &ei);
        } else {
            (void)str_copy(path, sizeof(path), str_of(o->socket));
        }
        config_unref(config);
    }
    if (e != ERR_OK) {
        return cmd_fail(o, &ei);
    }
    d.socket_path = path;
    status = dashboard_run(&d, &ei);
    return ei.code == ERR_OK ? status : cmd_fail(o, &ei);
}
