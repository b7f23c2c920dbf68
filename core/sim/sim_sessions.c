/* sim_sessions.c: see sim_sessions.h. */
#include "core/sim/sim_sessions.h"

#include "core/sim/sim_words.h"

#include <stdlib.h>
#include <string.h>

/* `n` bytes of a drawn sequence, as base64 with a NUL. */
static void draw_text(char *out, size_t n, uint64_t *state)
{
    uint64_t drawn[12];

    for (size_t i = 0; i < sizeof drawn / sizeof drawn[0]; i++) {
        drawn[i] = sim_draw(state);
    }
    str_base64(out, drawn, n);
}

static void draw_key_id(char out[21], uint64_t *state)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    memcpy(out, "ASIA", 4);
    for (size_t i = 4; i < 20; i++) {
        out[i] = letters[sim_draw(state) % 32];
    }
    out[20] = '\0';
}

struct sim_session *sim_sessions_add(struct sim_sessions *s, uint64_t seed, struct str role_arn,
                                     struct str name, char *tags, int64_t until_ms)
{
    struct sim_session *new = &s->list[s->count % SIM_SESSIONS_MAX];
    uint64_t state = seed ^ ++s->count << 20;

    free(new->tags);
    *new = (struct sim_session){.tags = tags, .until_ms = until_ms};
    draw_key_id(new->access_key_id, &state);
    draw_text(new->secret, 30, &state);
    draw_text(new->token, 94, &state);
    str_copy(new->role_arn, sizeof new->role_arn, role_arn);
    str_copy(new->name, sizeof new->name, name);
    return new;
}

const struct sim_session *sim_sessions_find(const struct sim_sessions *s, struct str key_id)
{
    size_t kept = s->count < SIM_SESSIONS_MAX ? s->count : SIM_SESSIONS_MAX;

    for (size_t i = 0; i < kept; i++) {
        if (str_is(key_id, s->list[i].access_key_id)) {
            return &s->list[i];
        }
    }
    return NULL;
}

void sim_session_arn(const struct sim_session *s, struct buf *out)
{
    const char *role = strrchr(s->role_arn, '/');

    buf_printf(out, "assumed-role%s/%s", role != NULL ? role : "/role", s->name);
}

void sim_sessions_note(struct sim_sessions *s, const struct sim_session *session)
{
    s->list[session - s->list].calls++;
}

void sim_sessions_revoke(struct sim_sessions *s)
{
    for (size_t i = 0; i < SIM_SESSIONS_MAX; i++) {
        s->list[i].until_ms = 0;
    }
}

void sim_sessions_print(const struct sim_sessions *s, struct buf *out)
{
    bool first = true;

    buf_add(out, ",\"sessions\":[");
    for (size_t i = 0; i < SIM_SESSIONS_MAX; i++) {
        const struct sim_session *one = &s->list[i];
        if (one->calls == 0) {
            continue;
        }
        buf_add(out, first ? "{\"name\":" : ",{\"name\":");
        buf_json_string(out, str_of(one->name));
        buf_add(out, ",\"role_arn\":");
        buf_json_string(out, str_of(one->role_arn));
        buf_printf(out, ",\"calls\":%lld,\"tags\":", (long long)one->calls);
        buf_add(out, one->tags);
        buf_add(out, "}");
        first = false;
    }
    buf_add(out, "]");
}

void sim_sessions_free(struct sim_sessions *s)
{
    for (size_t i = 0; i < SIM_SESSIONS_MAX; i++) {
        free(s->list[i].tags);
    }
    *s = (struct sim_sessions){0};
}
