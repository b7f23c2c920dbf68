/* sim_knobs.c: see sim_knobs.h. */
#include "core/sim/sim_knobs.h"

#include "core/base/json_scan.h"

#include <string.h>

#define MINUTE_US 60000000LL
#define LONGEST   100000 /* tokens of an answer */

static const char *const fault_names[] = {
#define X(id, name) name,
    SIM_FAULT_LIST(X)
#undef X
};

static bool parse_fault(struct str name, enum sim_fault *out)
{
    for (size_t i = 0; i < sizeof fault_names / sizeof fault_names[0]; i++) {
        if (str_is(name, fault_names[i])) {
            *out = (enum sim_fault)i;
            return true;
        }
    }
    return false;
}

void sim_knobs_init(struct sim_knobs *k)
{
    *k = (struct sim_knobs){.fault_every = 1, .page_size = 100, .seed = 1};
}

static bool outage_parse(struct str name, enum sim_outage *out)
{
    static const char *const names[] = {"up", "down", "failing", "throttled", "mute", "half"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(name, names[i])) {
            *out = (enum sim_outage)i;
            return true;
        }
    }
    return false;
}

static enum err read_outages(struct sim_knobs *k, struct scan *s, struct err_info *ei)
{
    struct str key, value;

    if (!scan_object(s)) {
        return err_set(ei, ERR_PARSE,
                       "services: an object like {\"monitoring\":\"down\"} is needed");
    }
    while (scan_key(s, &key)) {
        size_t service = 0;
        while (service < SERVICE_COUNT &&
               !scan_raw_is(key, config_service_name((enum config_service)service))) {
            service++;
        }
        if (service == SERVICE_COUNT || !scan_string(s, &value)) {
            return err_set(ei, ERR_PARSE,
                           "services: \"%.*s\" is no service with a word such as \"down\"",
                           (int)(key.n > 40 ? 40 : key.n), key.p);
        }
        if (!outage_parse(value, &k->outages[service])) {
            return err_set(ei, ERR_PARSE,
                           "services: only \"up\", \"down\", \"failing\", \"throttled\", "
                           "\"mute\" and \"half\" are known");
        }
    }
    return ERR_OK;
}

static enum err read_number(struct scan *s, struct str key, int64_t *out, int64_t least,
                            int64_t most, struct err_info *ei)
{
    int64_t n;

    if (!scan_int(s, &n) || n < least || n > most) {
        return err_set(ei, ERR_RANGE, "%.*s: a whole number from %lld to %lld is needed",
                       (int)key.n, key.p, (long long)least, (long long)most);
    }
    *out = n;
    return ERR_OK;
}

static enum err read_member(struct sim_knobs *k, struct scan *s, struct str key,
                            struct err_info *ei)
{
    struct str text;

    if (str_is(key, "latency_ms")) {
        return read_number(s, key, &k->latency_ms, 0, MINUTE_US / 1000, ei);
    }
    if (str_is(key, "token_delay_us")) {
        return read_number(s, key, &k->token_delay_us, 0, MINUTE_US, ei);
    }
    if (str_is(key, "output_tokens")) {
        return read_number(s, key, &k->output_tokens, 0, LONGEST, ei);
    }
    if (str_is(key, "fault_every")) {
        return read_number(s, key, &k->fault_every, 1, INT32_MAX, ei);
    }
    if (str_is(key, "page_size")) {
        return read_number(s, key, &k->page_size, 1, 500, ei);
    }
    if (str_is(key, "session_seconds")) {
        return read_number(s, key, &k->session_seconds, 0, 43200, ei);
    }
    if (str_is(key, "profiles") && scan_value(s, &k->profiles)) {
        return ERR_OK;
    }
    if (str_is(key, "setup") && scan_value(s, &k->setup)) {
        return ERR_OK;
    }
    if (str_is(key, "seed")) {
        int64_t seed = 0;
        enum err e = read_number(s, key, &seed, 0, INT64_MAX, ei);
        k->seed = (uint64_t)seed;
        return e;
    }
    if (str_is(key, "deny") && scan_string(s, &text) && str_copy(k->deny, sizeof k->deny, text)) {
        return ERR_OK;
    }
    if (str_is(key, "services")) {
        return read_outages(k, s, ei);
    }
    if (str_is(key, "fault") && scan_string(s, &text) && parse_fault(text, &k->fault)) {
        return ERR_OK;
    }
    return err_set(ei, ERR_PARSE, "\"%.*s\" is not known here, or not with that value",
                   (int)(key.n > 40 ? 40 : key.n), key.p);
}

enum err sim_knobs_apply(struct sim_knobs *k, struct str json, struct err_info *ei)
{
    struct sim_knobs changed = *k;
    struct scan s;
    struct str key;

    changed.profiles = changed.setup = (struct str){0};
    scan_init(&s, json.p, json.n);
    if (!scan_object(&s)) {
        return err_set(ei, ERR_PARSE, "a JSON object is needed");
    }
    while (scan_key(&s, &key)) {
        enum err e = read_member(&changed, &s, key, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (!scan_done(&s)) {
        return err_set(ei, ERR_PARSE, "malformed JSON at byte %zu", scan_offset(&s));
    }
    *k = changed;
    return ERR_OK;
}

bool sim_knobs_deny(const struct sim_knobs *k, struct str operation)
{
    struct str rest = str_of(k->deny);

    while (rest.n > 0 && operation.n > 0) {
        if (str_eq(str_cut(rest, ' ', &rest), operation)) {
            return true;
        }
    }
    return false;
}

void sim_directives_init(struct sim_directives *d)
{
    *d = (struct sim_directives){.output = -1, .delay_us = -1, .latency_ms = -1};
}

static void take_directive(struct sim_directives *d, struct str name, struct str value)
{
    int64_t n = -1;

    if (str_is(name, "fault")) {
        d->fault_said = parse_fault(value, &d->fault) || d->fault_said;
        return;
    }
    if (!str_to_i64(value, &n) || n < 0 || n > MINUTE_US) {
        return;
    }
    if (str_is(name, "output") && n >= 1 && n <= LONGEST) {
        d->output = n;
    } else if (str_is(name, "delay_us")) {
        d->delay_us = n;
    } else if (str_is(name, "latency_ms") && n <= MINUTE_US / 1000) {
        d->latency_ms = n;
    }
}

void sim_directives_read(struct sim_directives *d, struct str text)
{
    static const char opening[] = "[sim:";

    while (text.n > sizeof opening) {
        const char *at = memchr(text.p, '[', text.n);
        if (at == NULL) {
            return;
        }
        text = str_sub(text, (size_t)(at - text.p), text.n);
        if (!str_starts(text, opening)) {
            text = str_sub(text, 1, text.n);
            continue;
        }
        text = str_sub(text, sizeof opening - 1, text.n);
        struct str rest, value;
        struct str inside = str_cut(text, ']', &rest);
        struct str name = str_cut(inside, '=', &value);
        if (rest.p != NULL && value.p != NULL) {
            take_directive(d, name, value);
        }
    }
}
