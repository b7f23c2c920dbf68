/* credentials_role.c: profiles that take on a role: role_arn with source_profile or
 * credential_source, one above another. */
#include "core/aws/credentials_private.h"

#include "core/aws/sts.h"

#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 16

/* The profiles that led here. */
struct visit {
    const char *profile;
    int depth;
    const struct visit *up;
};

struct role_words {
    char arn[2049], name[65], external_id[1225], source[CREDENTIALS_SOURCE_MAX];
};

static enum err load(struct credentials_look *l, const struct visit *v, struct credentials **out,
                     struct err_info *ei);

static bool takes_role(const struct profiles *f, const char *profile)
{
    struct str value;
    return profiles_value(f, profile, "role_arn", &value) &&
           !profiles_value(f, profile, "web_identity_token_file", &value);
}

static bool has_keys(const struct profiles *f, const char *profile)
{
    struct str value;
    return profiles_value(f, profile, "aws_access_key_id", &value);
}

/* Credentials of the profile named by source_profile: its own, or again those of a role. */
static enum err from_source_profile(struct credentials_look *l, const struct visit *v,
                                    const char *source, struct credentials **out,
                                    struct err_info *ei)
{
    if (!profiles_have(l->files, source)) {
        return err_set(ei, ERR_AUTH, "source_profile %.60s of profile %.60s is in neither file",
                       source, v->profile);
    }
    /* Keys of its own go before its role, so that a profile may name itself. */
    if (!takes_role(l->files, source) || has_keys(l->files, source)) {
        enum err e = credentials_from_token(l, source, false, out, ei);
        if (e == ERR_NOT_FOUND) {
            e = credentials_from_profile(l, source, out, ei);
        }
        return e != ERR_NOT_FOUND
                   ? e
                   : err_set(ei, ERR_AUTH,
                             "source_profile %.60s of profile %.60s has no credentials", source,
                             v->profile);
    }
    for (const struct visit *seen = v; seen != NULL; seen = seen->up) {
        if (strcmp(seen->profile, source) == 0) {
            return err_set(ei, ERR_AUTH,
                           "the source_profile of profile %.60s leads back to profile %.60s: the "
                           "chain has no end",
                           v->profile, source);
        }
    }
    struct visit next = {source, v->depth + 1, v};
    return load(l, &next, out, ei);
}

static enum err from_credential_source(struct credentials_look *l, const char *profile,
                                       struct str source, struct credentials **out,
                                       struct err_info *ei)
{
    enum err e;
    if (str_is_nocase(source, "Environment")) {
        e = credentials_from_environment(out, ei);
    } else if (str_is_nocase(source, "Ec2InstanceMetadata")) {
        e = credentials_from_instance(l, out, ei);
    } else if (str_is_nocase(source, "EcsContainer")) {
        e = credentials_from_container(l, out, ei);
    } else {
        return err_set(ei, ERR_PARSE,
                       "credential_source of profile %.60s must be Environment, "
                       "Ec2InstanceMetadata or EcsContainer",
                       profile);
    }
    return e != ERR_NOT_FOUND
               ? e
               : err_set(ei, ERR_AUTH, "credential_source %.*s of profile %.60s has no credentials",
                         (int)source.n, source.p, profile);
}

/* Whose credentials ask for the role. */
static enum err source_of(struct credentials_look *l, const struct visit *v,
                          struct credentials **out, struct err_info *ei)
{
    char profile[CREDENTIALS_PROFILE_MAX];
    struct str source;
    bool by_profile = profiles_value(l->files, v->profile, "source_profile", &source);
    if (by_profile && !str_copy(profile, sizeof(profile), source)) {
        return err_set(ei, ERR_TOO_BIG, "source_profile of profile %.60s is too long", v->profile);
    }
    bool by_place = profiles_value(l->files, v->profile, "credential_source", &source);
    if (by_profile == by_place) {
        return err_set(ei, ERR_PARSE,
                       "profile %.60s has role_arn and %s source_profile %s credential_source: "
                       "give one of them",
                       v->profile, by_place ? "both" : "neither", by_place ? "and" : "nor");
    }
    return by_profile ? from_source_profile(l, v, profile, out, ei)
                      : from_credential_source(l, v->profile, source, out, ei);
}

static enum err read_words(const struct profiles *f, const char *profile, struct role_words *w,
                           struct sts_role *role, struct err_info *ei)
{
    struct str value;
    if (!profiles_text(f, profile, "role_arn", w->arn, sizeof(w->arn))) {
        return err_set(ei, ERR_TOO_BIG, "role_arn of profile %.60s is too long", profile);
    }
    str_copy(w->name, sizeof(w->name), STR("tollgate"));
    bool fits = !profiles_value(f, profile, "role_session_name", &value) ||
                str_copy(w->name, sizeof(w->name), value);
    bool external = profiles_value(f, profile, "external_id", &value);
    fits = fits && (!external || str_copy(w->external_id, sizeof(w->external_id), value));
    if (!fits) {
        return err_set(ei, ERR_TOO_BIG,
                       "role_session_name or external_id of profile %.60s is too long", profile);
    }
    (void)snprintf(w->source, sizeof(w->source), "profile %.100s, role %.64s", profile,
                   sts_role_name(w->arn));
    *role = (struct sts_role){.arn = w->arn,
                              .session_name = w->name,
                              .external_id = external ? w->external_id : NULL,
                              .source = w->source};
    if (profiles_value(f, profile, "duration_seconds", &value) &&
        (!str_to_i64(value, &role->duration_s) || role->duration_s < 900 ||
         role->duration_s > 43200)) {
        return err_set(ei, ERR_RANGE,
                       "duration_seconds of profile %.60s must be from 900 to 43200 (3600 for a "
                       "role taken on with a role's credentials)",
                       profile);
    }
    return ERR_OK;
}

static enum err load(struct credentials_look *l, const struct visit *v, struct credentials **out,
                     struct err_info *ei)
{
    struct role_words words;
    struct sts_role role;
    struct credentials *source = NULL;
    if (v->depth > CHAIN_MAX) {
        return err_set(ei, ERR_RANGE, "profile %.60s stands at the end of more than %d roles",
                       v->profile, CHAIN_MAX);
    }
    enum err e = read_words(l->files, v->profile, &words, &role, ei);
    if (e == ERR_OK) {
        e = source_of(l, v, &source, ei);
    }
    if (e == ERR_OK) {
        e = sts_assume_role(l->http, &l->sts, source, &role, out, ei);
    }
    credentials_unref(source);
    return e;
}

enum err credentials_from_role(struct credentials_look *l, const char *profile,
                               struct credentials **out, struct err_info *ei)
{
    struct str value;
    if (!takes_role(l->files, profile)) {
        return ERR_NOT_FOUND;
    }
    if (profiles_value(l->files, profile, "mfa_serial", &value)) {
        if (profiles_value(l->files, profile, "credential_process", &value)) {
            return ERR_NOT_FOUND; /* that is how the next text says to do it */
        }
        return err_set(ei, ERR_UNSUPPORTED,
                       "profile %.40s asks for MFA (mfa_serial), which nobody can type into a "
                       "service: name a role without MFA, or add to it `credential_process = aws "
                       "configure export-credentials --profile %.40s --format process`",
                       profile, profile);
    }
    struct visit v = {profile, 1, NULL};
    return load(l, &v, out, ei);
}
