/* cmd_sim.c: `tollgate sim`: the simulated AWS alone. */
#include <signal.h>
#include <stdlib.h>

#include "core/sim/sim.h"
#include "tui/cmd.h"

static const char help[] =
    "usage: tollgate sim [--port-base N] [--latency-ms N] [--token-delay-us N] [--json]\n"
    "\n"
    "A simulated AWS account on loopback: Bedrock (runtime, mantle, control), CloudWatch, Logs, "
    "Cost "
    "Explorer, Budgets, Price\n"
    "List, Data Exports, STS. Every request's signature is verified against the credentials it "
    "prints. Ports count up from N\n"
    "(free ones without it). GET /_sim/ledger on any of them is its own count of what it served. "
    "Ends on SIGTERM or SIGINT.\n";

enum { OPT_PORT = CMD_OWN, OPT_LATENCY, OPT_DELAY };
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"port-base", required_argument, NULL, OPT_PORT},
                                        {"latency-ms", required_argument, NULL, OPT_LATENCY},
                                        {"token-delay-us", required_argument, NULL, OPT_DELAY},
                                        {NULL, 0, NULL, 0}};

static bool read_number(int64_t most, int64_t *out)
{
    if (str_to_i64(str_of(optarg), out) && *out >= 0 && *out <= most) {
        return true;
    }
    (void)fprintf(stderr, "tollgate: '%s': must be a number from 0 to %lld\n", optarg,
                  (long long)most);
    return false;
}

int cmd_sim(struct cmd_options *o, int argc, char **argv)
{
    int value, status, number;
    int64_t port = 0, latency = 0, delay = 2000;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        bool ok = true;
        if (value == OPT_PORT) {
            ok = read_number(65000, &port);
        } else if (value == OPT_LATENCY) {
            ok = read_number(600000, &latency);
        } else if (value == OPT_DELAY) {
            ok = read_number(60000000, &delay);
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
        if (!ok) {
            return EXIT_USAGE;
        }
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    struct err_info ei = {.code = ERR_OK};
    struct sim_options s = {.port_base = (int)port, .latency_ms = latency, .token_delay_us = delay};
    struct sim *sim = sim_start(&s, &ei);
    char *description = sim ? sim_describe(sim) : NULL;
    if (!description) {
        sim_stop(sim);
        return cmd_fail(o, &ei);
    }
    (void)puts(description);
    (void)fflush(stdout);
    free(description);
    (void)sigwait(&set, &number);
    sim_stop(sim);
    return EXIT_DONE;
}
