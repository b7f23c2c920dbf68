#include "tui/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/money.h"
#include "core/control/client.h"
#include "core/control/core.h"
#include "core/control/json_text.h"
#include "tui/dashboard.h"

#define ANSWER_MS 10000
#define TEXTS     24
#define TEXT_SIZE 512

int cmd_common_option(struct cmd_options *o, int value, const char *help, int *status)
{
    *status = EXIT_DONE;
    switch (value) {
    case CMD_CONFIG:
        o->config_path = optarg;
        return 0;
    case CMD_SOCKET:
        o->socket = optarg;
        return 0;
    case CMD_JSON:
        o->json = true;
        return 0;
    case CMD_HELP:
    case 'h':
        (void)fputs(help, stdout);
        return 1;
    default:
        (void)fputs(help, stderr);
        *status = EXIT_USAGE;
        return -1;
    }
}

static void print_mistakes(const char *path, const struct config_mistakes *m, bool warnings)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct config_mistake *k = &m->at[i];
        if (!k->warning || warnings) {
            char text[600];
            config_mistake_print(text, sizeof(text), path, k);
            (void)fprintf(stderr, "%s\n", text);
        }
    }
    if (m->errors > 0) {
        (void)fprintf(stderr, "tollgate: %s has %zu mistake%s\n", path, m->errors,
                      m->errors == 1 ? "" : "s");
    }
}

/* With a broken file a running core must still be reachable: its socket stands in the state
 * directory that the file names on a line of its own. NULL when there is none. */
static const char *socket_of_broken(const char *path)
{
    static char socket[4200];
    char line[4096], *dir = NULL;
    FILE *f = fopen(path, "re");
    while (f && !dir && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "state_dir:", 10) == 0) {
            dir = line + 10 + strspn(line + 10, " \t\"'");
            dir[strcspn(dir, " \t\"'#\r\n")] = '\0';
        }
    }
    if (f) {
        (void)fclose(f);
    }
    if (!dir || *dir != '/') {
        return NULL;
    }
    core_socket_path(socket, sizeof(socket), dir);
    return access(socket, R_OK | W_OK) == 0 ? socket : NULL;
}

struct config *cmd_config(struct cmd_options *o, bool show_warnings)
{
    struct err_info ei = {.code = ERR_OK};
    char *path = config_find(o->config_path, &ei);
    if (!path) {
        (void)cmd_fail(o, &ei);
        return NULL;
    }
    struct config_mistakes mistakes = {.count = 0};
    struct config *config = config_load(path, &mistakes);
    print_mistakes(path, &mistakes, show_warnings);
    if (!config && mistakes.errors == 0) {
        (void)fprintf(stderr, "tollgate: %s cannot be read\n", path);
    }
    if (!config && !show_warnings) { /* who asks a core can do without the file */
        o->socket = socket_of_broken(path);
        (void)fprintf(
            stderr, "tollgate: %s%s\n",
            o->socket ? "asking the core that runs, at "
                      : "a core that runs is still reached with --socket STATE_DIR/control.sock",
            o->socket ? o->socket : "");
    }
    config_mistakes_free(&mistakes);
    free(path);
    return config;
}

int cmd_print_json(json_t *value)
{
    struct buf out = {.data = NULL};
    bool ok = value && json_text_pretty(&out, value) && buf_add(&out, "\n") &&
              fwrite(buf_bytes(&out), 1, out.len, stdout) == out.len;
    ok = fflush(stdout) == 0 && ok;
    json_decref(value);
    buf_free(&out);
    if (!ok) {
        (void)fputs("tollgate: the output cannot be written\n", stderr);
    }
    return ok ? EXIT_DONE : EXIT_FAILED;
}

int cmd_fail(const struct cmd_options *o, const struct err_info *ei)
{
    char text[1100];
    (void)str_printable(text, sizeof(text), str_of(ei->text));
    if (o->json) {
        (void)cmd_print_json(json_pack("{s:i, s:{s:s, s:o}}", "version", 1, "error", "code",
                                       err_name(ei->code), "message", json_str(str_of(ei->text))));
    }
    (void)fprintf(stderr, "tollgate: %s\n", text);
    return EXIT_FAILED;
}

enum err cmd_ask(const struct cmd_options *o, struct config *config, const char *method,
                 json_t *params, json_t **result, struct err_info *ei)
{
    if (!o->socket) {
        return core_ask(config, method, params, result, ei);
    }
    struct client *client = client_open(o->socket, NULL, ei);
    if (!client) {
        json_decref(params);
        return ei->code;
    }
    enum err e = client_call(client, method, params, ANSWER_MS, result, ei);
    client_close(client);
    return e;
}

int cmd_not_understood(const char *command, const char *help)
{
    (void)fprintf(stderr, "tollgate: %s: these words are not understood\n\n", command);
    (void)fputs(help, stderr);
    return EXIT_USAGE;
}

int cmd_answer(struct cmd_options *o, const char *method, json_t *params, json_t **result)
{
    struct err_info ei = {.code = ERR_OK};
    struct config *config = o->socket ? NULL : cmd_config(o, false);
    if (!config && !o->socket) {
        json_decref(params);
        return EXIT_FAILED;
    }
    enum err e = cmd_ask(o, config, method, params, result, &ei);
    config_unref(config);
    if (e != ERR_OK) {
        return cmd_fail(o, &ei);
    }
    return o->json ? cmd_print_json(*result) : -1;
}

bool cmd_theme_ok(const char *name)
{
    struct err_info ei = {.code = ERR_OK};
    if (!name || dashboard_theme_check(name, &ei) == ERR_OK) {
        return true;
    }
    char text[1100];
    (void)str_printable(text, sizeof(text), str_of(ei.text));
    (void)fprintf(stderr, "tollgate: --theme: %s\n", text);
    return false;
}

/* --- text for people --- */

static char *slot(void)
{
    static char texts[TEXTS][TEXT_SIZE];
    static unsigned at;
    return texts[at++ % TEXTS];
}

const char *cmd_text(const json_t *o, const char *key)
{
    const char *value = json_string_value(json_object_get(o, key));
    char *out = slot();
    if (!value || !*value) {
        return "-";
    }
    (void)str_printable(out, TEXT_SIZE, str_of(value));
    return out;
}

const char *cmd_number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    char digits[32], *out = slot();
    if (!json_is_integer(v)) {
        return "-";
    }
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(v));
    size_t n = strlen(digits), first = digits[0] == '-' ? 1 : 0, k = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > first && (n - i) % 3 == 0) {
            out[k++] = ',';
        }
        out[k++] = digits[i];
    }
    out[k] = '\0';
    return out;
}

static const char *money_of(const json_t *v)
{
    char *out = slot();
    if (!json_is_number(v)) {
        return "-";
    }
    double dollars = json_number_value(v);
    money_display(out, (money_t)(dollars * (double)MONEY_DOLLAR + (dollars < 0 ? -0.5 : 0.5)));
    return out;
}

const char *cmd_money(const json_t *o, const char *key)
{
    return money_of(json_object_get(o, key));
}

const char *cmd_amount(const json_t *limit, const json_t *o, const char *key)
{
    const char *metric = json_string_value(json_object_get(limit, "metric"));
    return metric && strcmp(metric, "usd") == 0 ? cmd_money(o, key) : cmd_number(o, key);
}

const char *cmd_pairs(const json_t *o, const char *key)
{
    struct buf line;
    const char *name;
    json_t *value;
    char *out = slot();
    buf_init(&line, TEXT_SIZE);
    json_object_foreach(json_object_get(o, key), name, value)
    {
        (void)buf_printf(&line, "%s%s=%s", line.len > 0 ? " " : "", name,
                         json_is_string(value) ? json_string_value(value) : "?");
    }
    (void)str_printable(out, TEXT_SIZE, buf_str(&line));
    buf_free(&line);
    return *out ? out : "-";
}

/* --- changes --- */

static const char *change_value(const json_t *change, const char *key)
{
    const char *unit = json_string_value(json_object_get(change, "unit"));
    bool usd = unit ? strcmp(unit, "usd") == 0
                    : json_is_real(json_object_get(change, "old")) ||
                          json_is_real(json_object_get(change, "new"));
    if (json_is_string(json_object_get(change, key))) {
        return cmd_text(change, key);
    }
    return usd ? cmd_money(change, key) : cmd_number(change, key);
}

/* The kill switch has no limit, and is on or off. */
static bool of_the_switch(const json_t *change)
{
    const char *action = json_string_value(json_object_get(change, "action"));
    return action && strncmp(action, "limit.", 6) == 0 &&
           !json_is_string(json_object_get(change, "limit"));
}

static void print_values(const json_t *change)
{
    bool none = json_is_null(json_object_get(change, "old"));
    if (of_the_switch(change)) {
        (void)printf(" all-calls: %s -> %s", none ? "unblocked" : "blocked",
                     json_is_null(json_object_get(change, "new")) ? "unblocked" : "blocked");
    } else if (!none) {
        (void)printf(": %s -> %s", change_value(change, "old"), change_value(change, "new"));
    } else if (!json_is_null(json_object_get(change, "new"))) {
        (void)printf(": %s", change_value(change, "new"));
    }
}

static void print_said(const json_t *change, const char *key, const char *before, const char *after)
{
    const char *text = json_string_value(json_object_get(change, key));
    if (text && *text) {
        (void)printf("%s%s%s", before, cmd_text(change, key), after);
    }
}

void cmd_print_change(const json_t *change)
{
    (void)printf("%s", cmd_text(change, "action"));
    print_said(change, "limit", " ", "");
    if (json_object_size(json_object_get(change, "group")) > 0) {
        (void)printf(" %s", cmd_pairs(change, "group"));
    }
    print_values(change);
    print_said(change, "until", " until ", "");
    if (json_is_integer(json_object_get(change, "undoes"))) {
        (void)printf("  undoes #%s", cmd_number(change, "undoes"));
    }
    (void)printf("  by %s", cmd_text(json_object_get(change, "actor"), "login"));
    print_said(change, "reason", ": ", "");
    print_said(change, "ticket", " [", "]");
    (void)printf("\n");
}

bool cmd_parse_pairs(json_t *out, const char *text)
{
    struct str rest = str_of(text);
    while (rest.n > 0) {
        struct str value, pair = str_cut(rest, ',', &rest),
                          key = config_tag_key(str_trim(str_cut(pair, '=', &value)));
        char name[160];
        if (key.n == 0 || !value.p || !str_copy(name, sizeof(name), key) ||
            json_object_set_new(out, name, json_stringn(value.p, value.n)) != 0) {
            return false;
        }
    }
    return true;
}
