/* cmd_key.c: `tollgate key ..`. */
#include <string.h>

#include "tui/cmd.h"

static const char help[] =
    "usage: tollgate key add --application A [--cost-center C] [--environment "
    "E] [--tag k=v].. [--name N] [--expires 90d]\n"
    "                        [--subject CN=..,O=..] [--json]\n"
    "       tollgate key list [--json]\n"
    "       tollgate key revoke NAME|ACCESS-KEY-ID\n"
    "\n"
    "A key works two ways: as AWS credentials (access key ID and secret "
    "access key; the client signs with SigV4) and as a\n"
    "bearer token (AWS_BEARER_TOKEN_BEDROCK, OpenAI and Anthropic API "
    "keys). Both are shown once, here. The tags of the key\n"
    "stand above everything a caller says. With --subject a client "
    "certificate of that subject (listen: client_ca:) is the key\n"
    "as well, for requests that bring no other; it is written as `openssl "
    "x509 -noout -subject -nameopt RFC2253` prints it.\n";

enum {
    OPT_APPLICATION = CMD_OWN,
    OPT_COST_CENTER,
    OPT_ENVIRONMENT,
    OPT_TAG,
    OPT_NAME,
    OPT_EXPIRES,
    OPT_SUBJECT
};
static const struct option options[] = {CMD_COMMON_OPTIONS,
                                        {"application", required_argument, NULL, OPT_APPLICATION},
                                        {"cost-center", required_argument, NULL, OPT_COST_CENTER},
                                        {"environment", required_argument, NULL, OPT_ENVIRONMENT},
                                        {"tag", required_argument, NULL, OPT_TAG},
                                        {"name", required_argument, NULL, OPT_NAME},
                                        {"expires", required_argument, NULL, OPT_EXPIRES},
                                        {"subject", required_argument, NULL, OPT_SUBJECT},
                                        {NULL, 0, NULL, 0}};

static int read_options(struct cmd_options *o, int argc, char **argv, json_t *params)
{
    static const char *const names[] = {"application", "cost_center", "environment"};
    int value, status;
    while ((value = getopt_long(argc, argv, CMD_SHORT, options, NULL)) != -1) {
        if (value >= OPT_APPLICATION && value <= OPT_ENVIRONMENT) {
            (void)json_object_set_new(params, names[value - OPT_APPLICATION], json_string(optarg));
        } else if (value == OPT_NAME || value == OPT_EXPIRES || value == OPT_SUBJECT) {
            const char *name = value == OPT_NAME      ? "name"
                               : value == OPT_EXPIRES ? "expires"
                                                      : "subject";
            (void)json_object_set_new(params, name, json_string(optarg));
        } else if (value == OPT_TAG) {
            json_t *tags = json_object_get(params, "tags");
            if (!tags) {
                tags = json_object();
                (void)json_object_set_new(params, "tags", tags);
            }
            if (!cmd_parse_pairs(tags, optarg)) {
                (void)fprintf(stderr, "tollgate: --tag %s: must be key=value\n", optarg);
                return EXIT_USAGE;
            }
        } else if (cmd_common_option(o, value, help, &status) != 0) {
            return status;
        }
    }
    return -1;
}

static void print_added(const json_t *r)
{
    bool bound = json_is_string(json_object_get(r, "subject"));
    (void)printf(
        "name            %s\naccessKeyId     %s\nsecretAccessKey %s\nbearerToken     "
        "%s\ntags            %s\nexpires         %s\n%s%s%s\n"
        "The secrets are not shown again.\n",
        cmd_text(r, "name"), cmd_text(r, "accessKeyId"), cmd_text(r, "secretAccessKey"),
        cmd_text(r, "bearerToken"), cmd_pairs(r, "tags"),
        json_is_string(json_object_get(r, "expires_at")) ? cmd_text(r, "expires_at") : "never",
        bound ? "certificate     " : "", bound ? cmd_text(r, "subject") : "", bound ? "\n" : "");
}

static void print_list(const json_t *r)
{
    size_t i;
    json_t *k;
    (void)printf("%-24s %-21s %-24s %-24s %s\n", "NAME", "ACCESS KEY ID", "EXPIRES", "LAST USED",
                 "TAGS");
    json_array_foreach(json_object_get(r, "keys"), i, k)
    {
        bool bound = json_is_string(json_object_get(k, "subject"));
        (void)printf("%-24s %-21s %-24s %-24s %s%s%s%s\n", cmd_text(k, "name"),
                     cmd_text(k, "accessKeyId"), cmd_text(k, "expires_at"),
                     cmd_text(k, "last_used_at"), cmd_pairs(k, "tags"),
                     bound ? "  certificate " : "", bound ? cmd_text(k, "subject") : "",
                     json_is_string(json_object_get(k, "revoked_at")) ? "  REVOKED" : "");
    }
}

/* NULL: not understood. */
static const char *method_of(int words, char **word, json_t *params)
{
    const char *action = words > 0 ? word[0] : "";
    if (strcmp(action, "add") == 0 && words == 1) {
        return "key.add";
    }
    if (strcmp(action, "list") == 0 && words == 1) {
        return "key.list";
    }
    if (strcmp(action, "revoke") != 0 || words != 2) {
        return NULL;
    }
    (void)json_object_set_new(params, "key", json_string(word[1]));
    return "key.revoke";
}

int cmd_key(struct cmd_options *o, int argc, char **argv)
{
    json_t *params = json_object(), *result = NULL;
    int status = read_options(o, argc, argv, params);
    const char *method = status < 0 ? method_of(argc - optind, argv + optind, params) : NULL;
    if (!method) {
        json_decref(params);
        return status >= 0 ? status : cmd_not_understood("key", help);
    }
    status = cmd_answer(o, method, params, &result);
    if (status >= 0) {
        return status;
    }
    if (strcmp(method, "key.add") == 0) {
        print_added(result);
    } else if (strcmp(method, "key.list") == 0) {
        print_list(result);
    } else {
        (void)printf("%s (%s) is revoked\n", cmd_text(result, "name"),
                     cmd_text(result, "accessKeyId"));
    }
    json_decref(result);
    return EXIT_DONE;
}
