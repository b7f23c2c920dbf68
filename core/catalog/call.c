/* call.c: beginning and end of a call, and the names of its kinds. */
#include "core/catalog/call.h"

#include "core/base/clock.h"

const char *call_outcome_name(enum call_outcome o)
{
    switch (o) {
    case OUTCOME_OPEN:
        return "open";
    case OUTCOME_APPROVED:
        return "approved";
    case OUTCOME_FAILED:
        return "failed";
    case OUTCOME_DENIED:
        return "denied";
    case OUTCOME_REJECTED:
        return "rejected";
    }
    return "unknown";
}

const char *call_dialect_name(enum call_dialect d)
{
    switch (d) {
    case DIALECT_BEDROCK:
        return "bedrock";
    case DIALECT_OPENAI:
        return "openai";
    case DIALECT_ANTHROPIC:
        return "anthropic";
    case DIALECT_WORKFLOW:
        return "workflow";
    }
    return "unknown";
}

const char *call_tier(struct str name)
{
    static const char *const standard[] = {"", "default", "standard", "auto", "standard_only"};
    static const char *const others[] = {"priority", "flex", "reserved", "batch"};
    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        if (str_is_nocase(name, standard[i])) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (str_is_nocase(name, others[i])) {
            return others[i];
        }
    }
    return "other";
}

void call_init(struct call *c)
{
    *c = (struct call){
        .operation = "",
        .model_asked = STR(""),
        .principal = STR(""),
        .error = STR(""),
        .arrived_wall_ms = clock_wall_ms(),
        .arrived_us = clock_mono_us(),
        .max_output = -1,
    };
    uuid_random(c->request_id);
}

void call_clear(struct call *c)
{
    arena_free(&c->arena);
    *c = (struct call){.max_output = -1};
}
