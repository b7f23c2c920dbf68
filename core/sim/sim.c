/* sim.c: the simulated AWS as a whole: its thread, its ports, what it tells about itself. */
#include "core/sim/sim.h"

#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <stdlib.h>

static bool keep_option(char *out, size_t size, const char *given, const char *fallback)
{
    return str_copy(out, size, str_of(given != NULL ? given : fallback));
}

static enum err set_up(struct sim *s, const struct sim_options *o, struct err_info *ei)
{
    if (!keep_option(s->access_key_id, sizeof s->access_key_id, o->access_key_id,
                     "AKIASIMULATEDTOLLGAT") ||
        !keep_option(s->secret_access_key, sizeof s->secret_access_key, o->secret_access_key,
                     "simulated/secret/not+for+any+real+account") ||
        !keep_option(s->region, sizeof s->region, o->region, "us-east-1")) {
        return err_set(ei, ERR_TOO_BIG, "the simulated AWS's key or region is too long");
    }
    if (o->port_base < 0 || o->port_base > 65535 - SIM_SERVICES) {
        return err_set(ei, ERR_RANGE, "the first port must be from 0 (any) to %d",
                       65535 - SIM_SERVICES);
    }
    s->setup = sim_setup_new(clock_wall_ms());
    if (s->setup == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the simulated account");
    }
    sim_knobs_init(&s->knobs);
    s->knobs.latency_ms = o->latency_ms;
    s->knobs.token_delay_us = o->token_delay_us;
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        const char *region = sim_services[i].region;
        s->auth[i] = (struct sim_auth){.access_key_id = s->access_key_id,
                                       .secret_access_key = s->secret_access_key,
                                       .sessions = &s->sessions,
                                       .region = region != NULL ? region : s->region,
                                       .service = sim_services[i].signing_name};
        s->listeners[i].sim = s;
        s->listeners[i].fd.fd = -1;
    }
    s->loop = loop_new(ei);
    if (s->loop == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        enum err e =
            sim_http_listen(&s->listeners[i], o->port_base > 0 ? o->port_base + (int)i : 0, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static void tear_down(struct sim *s)
{
    if (s->loop != NULL) {
        sim_http_close_all(s);
        for (size_t i = 0; i < SIM_SERVICES; i++) {
            sim_http_unlisten(&s->listeners[i]);
        }
    }
    loop_free(s->loop);
    sim_ledger_reset(&s->ledger);
    sim_metrics_free(&s->metrics);
    sim_logs_free(&s->logs);
    sim_sessions_free(&s->sessions);
    json_decref(s->profiles);
    json_decref(s->setup);
    buf_free(&s->scratch);
    buf_free(&s->wrapped);
    buf_free(&s->body);
    free(s);
}

static void *run(void *arg)
{
    struct sim *s = arg;

    loop_run(s->loop);
    return NULL;
}

struct sim *sim_start(const struct sim_options *o, struct err_info *ei)
{
    struct sim *s = calloc(1, sizeof *s);

    if (s == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for the simulated AWS");
        return NULL;
    }
    if (set_up(s, o, ei) != ERR_OK) {
        tear_down(s);
        return NULL;
    }
    int failed = pthread_create(&s->thread, NULL, run, s);
    if (failed != 0) {
        err_set_sys(ei, ERR_IO, failed, "the simulated AWS cannot start its thread");
        tear_down(s);
        return NULL;
    }
    return s;
}

void sim_stop(struct sim *s)
{
    if (s == NULL) {
        return;
    }
    loop_stop(s->loop);
    (void)pthread_join(s->thread, NULL);
    tear_down(s);
}

const char *sim_endpoint(const struct sim *s, enum config_service service)
{
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        if (sim_services[i].id == service) {
            return s->listeners[i].url;
        }
    }
    return NULL;
}

const char *sim_access_key_id(const struct sim *s)
{
    return s->access_key_id;
}

const char *sim_secret_access_key(const struct sim *s)
{
    return s->secret_access_key;
}

char *sim_describe(const struct sim *s)
{
    struct buf out = {0};

    buf_add(&out, "{\"endpoints\":{");
    for (size_t i = 0; i < SIM_SERVICES; i++) {
        buf_printf(&out, "%s\"%s\":\"%s\"", i > 0 ? "," : "",
                   config_service_name(sim_services[i].id), s->listeners[i].url);
    }
    buf_add(&out, "},\"accessKeyId\":");
    buf_json_string(&out, str_of(s->access_key_id));
    buf_add(&out, ",\"secretAccessKey\":");
    buf_json_string(&out, str_of(s->secret_access_key));
    buf_add(&out, "}");
    char *text = out.failed ? NULL : str_dup(buf_str(&out));
    buf_free(&out);
    return text;
}
