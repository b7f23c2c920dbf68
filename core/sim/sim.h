/* sim.h: a simulated AWS for the demo and the tests. Room `sim`: Bedrock runtime, CloudWatch, Cost
 * Explorer, CloudWatch Logs, Service Quotas, STS, Bedrock mantle, its control plane, Budgets, Price
 * List and Data Exports over real HTTP/1.1 on loopback; every request's SigV4 is verified.
 *
 * Every port has four unsigned pages: GET /_sim/ledger is what the simulation itself counted,
 * GET /_sim/logs is every log event it holds, POST /_sim/reset clears both, POST /_sim/config turns
 * the knobs of sim_knobs.h. */
#ifndef TOLLGATE_SIM_SIM_H
#define TOLLGATE_SIM_SIM_H

#include "core/base/err.h"
#include "core/config/config.h"

struct sim;
struct sim_options {
    int port_base;                                 /* one service a port from here; 0: free ports */
    const char *access_key_id, *secret_access_key; /* NULL: fixed fake ones */
    const char *region;                            /* NULL: us-east-1 */
    int64_t token_delay_us;                        /* between stream events */
    int64_t latency_ms;                            /* before an answer's first byte */
};
/* Starts its own thread. ERR_RANGE, ERR_IO: the ports cannot be had. Ports from port_base on, in
 * this order: bedrock-runtime, monitoring, ce, sts, bedrock-mantle, bedrock, logs, budgets,
 * pricing, bcm-data-exports, servicequotas. */
struct sim *sim_start(const struct sim_options *o, struct err_info *ei);
void sim_stop(struct sim *s);
/* "http://127.0.0.1:9001", or NULL when that service is not simulated. Lives as long as s. */
const char *sim_endpoint(const struct sim *s, enum config_service service);
const char *sim_access_key_id(const struct sim *s);
const char *sim_secret_access_key(const struct sim *s);
/* {"endpoints":{"bedrock-runtime":"http://.."},"accessKeyId":..,"secretAccessKey":..} */
char *sim_describe(const struct sim *s); /* owned by the caller */

#endif
