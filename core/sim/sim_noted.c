/* sim_noted.c: see sim_noted.h. */
#include "core/sim/sim_noted.h"

#include <stdlib.h>

static void add_text(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, ",\"%s\":", name);
    if (value.n > 0) {
        buf_json_string(out, value);
    } else {
        buf_add(out, "null");
    }
}

void sim_noted_add(struct sim_noted *n, const struct sim_note *note)
{
    struct buf text = {0};

    buf_add(&text, "{\"path\":");
    buf_json_string(&text, note->path);
    add_text(&text, "model", note->model);
    buf_add(&text, ",\"requestMetadata\":");
    buf_add_str(&text, note->metadata.n > 0 ? note->metadata : STR("null"));
    add_text(&text, "project", note->project);
    add_text(&text, "service_tier", note->tier);
    add_text(&text, "access_key_id", str_of(note->access_key_id));
    buf_add(&text, ",\"session\":");
    if (note->session != NULL) {
        buf_add(&text, "{\"name\":");
        buf_json_string(&text, str_of(note->session));
        add_text(&text, "role_arn", str_of(note->role_arn));
        buf_add(&text, ",\"tags\":");
        buf_add(&text, note->session_tags);
        buf_add(&text, "}}");
    } else {
        buf_add(&text, "null}");
    }
    char *kept = text.failed ? NULL : str_dup(buf_str(&text));
    buf_free(&text);
    if (kept != NULL) {
        free(n->texts[n->count % SIM_NOTED_MAX]);
        n->texts[n->count++ % SIM_NOTED_MAX] = kept;
    }
}

void sim_noted_print(const struct sim_noted *n, struct buf *out)
{
    size_t first = n->count > SIM_NOTED_MAX ? n->count - SIM_NOTED_MAX : 0;

    buf_add(out, ",\"last_requests\":[");
    for (size_t i = first; i < n->count; i++) {
        buf_add(out, i > first ? "," : "");
        buf_add(out, n->texts[i % SIM_NOTED_MAX]);
    }
    buf_add(out, "]");
}

void sim_noted_free(struct sim_noted *n)
{
    for (size_t i = 0; i < SIM_NOTED_MAX; i++) {
        free(n->texts[i]);
    }
    *n = (struct sim_noted){0};
}
