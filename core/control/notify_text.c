/* notify_text.c: an event as JSON. */
#include <inttypes.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/control/notify_private.h"

static void member(struct buf *b, const char *key, const char *value)
{
    (void)buf_printf(b, ",\"%s\":", key);
    (void)buf_json_string(b, str_of(value));
}

/* Slack reads <, > and & as its own markup: a reason must not be able to call a channel. */
static void slack_text(struct buf *b, const char *text)
{
    struct buf escaped = {.max = 6 * sizeof(((struct notify_event *)0)->text)};
    for (const char *p = text; *p; p++) {
        const char *as = *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '&' ? "&amp;" : NULL;
        (void)(as ? buf_add(&escaped, as) : buf_append(&escaped, p, 1));
    }
    (void)buf_json_string(b, buf_str(&escaped));
    buf_free(&escaped);
}

static void add_group(struct buf *b, const char *group)
{
    struct str rest = str_of(group);
    const char *comma = "";
    (void)buf_add(b, ",\"group\":{");
    while (rest.p && rest.n > 0) {
        struct str value, pair = str_cut(rest, ',', &rest), key = str_cut(pair, '=', &value);
        (void)buf_add(b, comma);
        (void)buf_json_string(b, key);
        (void)buf_add(b, ":");
        (void)buf_json_string(b, value);
        comma = ",";
    }
    (void)buf_add(b, "}");
}

/* Without what `at most` leaves no room for: a text of control characters grows sixfold. */
static bool render(struct buf *out, const struct notify_event *e, const char *region, bool slack)
{
    char at[CLOCK_TEXT], host[65] = "", message[sizeof(e->text)];
    clock_rfc3339(at, e->at_ms / 1000 * 1000);
    (void)gethostname(host, sizeof(host) - 1);
    (void)str_printable(message, sizeof(message), str_of(e->text));
    buf_clear(out);
    (void)buf_add(out, "{\"text\":");
    slack_text(out, slack ? message : e->what);
    (void)buf_printf(out, ",\"version\":1,\"event\":\"%s\"", config_notify_name(e->on));
    member(out, "what", e->what);
    member(out, "message", message);
    member(out, "time", at);
    if (e->limit[0]) {
        member(out, "limit", e->limit);
        add_group(out, e->group);
    }
    if (e->percent > 0) {
        (void)buf_printf(out, ",\"percent\":%d", e->percent);
    }
    if (e->actor[0]) {
        member(out, "actor", e->actor);
    }
    member(out, "region", region);
    member(out, "host", host);
    (void)buf_printf(out, ",\"pid\":%" PRIdMAX "}", (intmax_t)getpid());
    return !out->failed;
}

bool notify_json(struct buf *out, const struct notify_event *e, const char *region)
{
    buf_init(out, NOTIFY_TEXT_MAX);
    return render(out, e, region, true) || render(out, e, region, false);
}
