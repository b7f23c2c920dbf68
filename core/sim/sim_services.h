/* sim_services.h: who answers what. Each handler answers its request exactly once. */
#ifndef TOLLGATE_SIM_SIM_SERVICES_H
#define TOLLGATE_SIM_SIM_SERVICES_H

#include "core/config/config.h"
#include "core/sim/sim_http.h"

#define SIM_SERVICES 11

struct sim_service {
    enum config_service id;
    const char *signing_name;
    const char *region; /* the only one it has; NULL: the simulation's */
    /* Says an error in the service's own shape. */
    void (*refuse)(struct sim_connection *c, const struct sim_request *r, int status,
                   const char *type, const char *message);
    void (*handle)(struct sim_connection *c, const struct sim_request *r);
};
extern const struct sim_service sim_services[SIM_SERVICES]; /* in the order of their ports */

/* Sends a request to the control pages or, its signature checked, to the service of its port. */
void sim_services_handle(struct sim_connection *c, const struct sim_request *r);

void sim_bedrock_handle(struct sim_connection *c, const struct sim_request *r);
void sim_cloudwatch_handle(struct sim_connection *c, const struct sim_request *r);
void sim_ce_handle(struct sim_connection *c, const struct sim_request *r);
void sim_sts_handle(struct sim_connection *c, const struct sim_request *r);
/* Operations that show a token instead of a signature. */
bool sim_sts_is_unsigned(const struct sim_request *r);
void sim_sts_refuse(struct sim_connection *c, const struct sim_request *r, int status,
                    const char *type, const char *message);
void sim_mantle_handle(struct sim_connection *c, const struct sim_request *r);
void sim_quotas_handle(struct sim_connection *c, const struct sim_request *r);
void sim_logs_handle(struct sim_connection *c, const struct sim_request *r);
void sim_control_plane_handle(struct sim_connection *c, const struct sim_request *r);
void sim_budgets_handle(struct sim_connection *c, const struct sim_request *r);
void sim_pricing_handle(struct sim_connection *c, const struct sim_request *r);
void sim_exports_handle(struct sim_connection *c, const struct sim_request *r);

#endif
