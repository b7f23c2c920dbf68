/* config_notify.c: who is told of what: `notify:`. */
#include "core/config/config_private.h"

#include <stddef.h>

#define NOTICES_MAX 16

static const char *const events[CONFIG_NOTIFY_EVENTS] = {"warn", "block", "core", "burn"};

const char *config_notify_name(enum config_notify_event e)
{
    return events[e];
}

static void read_events(const struct config_place *p, const struct config_names *on,
                        struct config_notice *n)
{
    for (size_t k = 0; k < on->count; k++) {
        unsigned e = 0;
        while (e < CONFIG_NOTIFY_EVENTS && !str_is(str_of(on->at[k]), events[e])) {
            e++;
        }
        if (e == CONFIG_NOTIFY_EVENTS) {
            config_wrong(p, "on: must hold only warn, block and core, or burn");
        } else {
            n->on |= 1U << e;
        }
    }
}

/* A path or a query may be the secret of a webhook: no message repeats it. */
static void check_webhook(const struct config_place *p, const char *url)
{
    struct str text = str_of(url);
    if (str_starts(text, "arn:")) {
        if (!str_glob(STR("arn:aws*:sns:?*:?*:?*"), text)) {
            config_wrong(p, "webhook: must be the ARN of an SNS topic, as "
                            "arn:aws:sns:us-east-1:123456789012:alarms");
        }
        return;
    }
    bool plain = str_starts(text, "http://");
    if (!plain && !str_starts(text, "https://")) {
        config_wrong(p, "webhook: must begin with https:// (or be the ARN of an SNS topic)");
        return;
    }
    struct str rest, after;
    (void)str_cut(text, '/', &rest);
    (void)str_cut(rest, '/', &rest);
    struct str place = str_cut(rest, '/', &after);
    char host[256] = "";
    if (place.n > 0 && place.p[0] == '[') {
        place = str_cut(str_sub(place, 1, place.n), ']', &after);
    } else {
        place = str_cut(place, ':', &after);
    }
    if (place.n == 0 || !str_copy(host, sizeof(host), place)) {
        config_wrong(p, "webhook: its host is missing or too long");
    } else if (plain && !config_host_is_loopback(host)) {
        config_wrong(p, "webhook: must begin with https:// (http:// is for loopback only)");
    }
}

static void read_notice(const struct config_place *p, size_t i, void *arg)
{
    struct notice {
        struct config_names on, exec;
        const char *webhook;
    } notice = {.webhook = NULL};
    static const struct config_field fields[] = {
        {"on", config_read_names, .offset = offsetof(struct notice, on),
         .max = CONFIG_NOTIFY_EVENTS},
        {"exec", config_read_names, .offset = offsetof(struct notice, exec), .max = 64},
        {"webhook", config_read_text, .offset = offsetof(struct notice, webhook), .max = 2048},
    };
    struct config *c = arg;
    uint64_t seen = CONFIG_READ_FIELDS(p, fields, &notice);
    if (i >= NOTICES_MAX || c->notices == NULL) {
        return;
    }
    struct config_notice *n = &c->notices[c->notice_count++];
    *n = (struct config_notice){.exec = notice.exec, .webhook = notice.webhook};
    read_events(p, &notice.on, n);
    bool is_mapping = p->node->type == YAML_MAPPING_NODE;
    if (is_mapping && (seen & 1) == 0) {
        config_wrong(p, "on is missing: a list of warn, block, core, burn");
    }
    if (is_mapping && (seen >> 1 == 0 || seen >> 1 == 3)) {
        config_wrong(p, "needs exactly one of exec and webhook");
    }
    if ((seen & 2) != 0 && (notice.exec.count == 0 || notice.exec.at[0][0] != '/')) {
        config_wrong(p, "exec: the command must be an absolute path; no shell and no PATH is used");
    }
    if (notice.webhook != NULL) {
        check_webhook(p, notice.webhook);
    }
}

void config_read_notify(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    c->notices = config_memory(p->r, NOTICES_MAX, sizeof(*c->notices));
    config_each_item(p, NOTICES_MAX, read_notice, c);
}
