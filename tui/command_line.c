#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The next word of a line, copied; false at its end. */
static bool next_word(const char **line, char *out, size_t size)
{
    *line += strspn(*line, " ");
    size_t n = strcspn(*line, " ");
    str_copy(out, size, (struct str){*line, n});
    *line += n;
    return n > 0;
}

static json_t *parse_group(const char *word)
{
    json_t *group = json_object();
    struct str rest = str_of(word);
    while (rest.n > 0) {
        struct str value;
        struct str pair = str_cut(rest, ',', &rest);
        struct str key = str_cut(pair, '=', &value);
        char name[160];
        char text[160];
        str_copy(name, sizeof name, key);
        str_copy(text, sizeof text, value);
        (void)json_object_set_new(group, name, json_string(text));
    }
    return group;
}

/* "NAME METRIC=AMOUNT [k=v,..] [for D] [until T] [reason ...]" */
static json_t *parse_set(const char *line, const char **wrong)
{
    char word[256];
    *wrong = "say NAME METRIC=AMOUNT";
    if (!next_word(&line, word, sizeof word)) {
        return NULL;
    }
    json_t *params = json_pack("{s:s}", "name", word);
    bool change = next_word(&line, word, sizeof word);
    char *equals = strchr(word, '=');
    if (!change || !equals) {
        json_decref(params);
        return NULL;
    }
    *equals = '\0';
    (void)json_object_set_new(params, "metric", json_string(word));
    (void)json_object_set_new(params, "amount", json_string(equals + 1));
    while (next_word(&line, word, sizeof word)) {
        bool span = strcmp(word, "for") == 0 || strcmp(word, "until") == 0;
        if (strcmp(word, "reason") == 0) {
            (void)json_object_set_new(params, word, json_string(line + strspn(line, " ")));
            break;
        }
        char value[64];
        if (span && next_word(&line, value, sizeof value)) {
            (void)json_object_set_new(params, word, json_string(value));
        } else if (!span && strchr(word, '=')) {
            (void)json_object_set_new(params, "group", parse_group(word));
        } else {
            *wrong = "behind the amount: k=v, for D, until T, reason ...";
            json_decref(params);
            return NULL;
        }
    }
    return params;
}

static void run_sort(struct ui *ui, const char *title)
{
    const struct panel *p = ui_panel(ui);
    for (size_t i = 0; i < p->def->column_count; i++) {
        if (strncasecmp(p->columns[i].title, title, strlen(title)) == 0) {
            w_table_sort(&ui_panel(ui)->table, i, p->columns[i].align == W_RIGHT);
            settings_sort(ui);
            ui_update(ui);
            return;
        }
    }
    ui_say(ui, W_CRIT, "There is no column %s here.", title);
}

static void run_named(struct ui *ui, const char *method, const char *name, const char *question)
{
    char text[W_DIALOG_TEXT];
    const json_t *limit = snapshot_limit(ui_shown(ui), name);
    if (!limit) {
        ui_say(ui, W_CRIT, "There is no limit %s.", *name ? name : "without a name; say NAME");
        return;
    }
    char amount[64];
    bool blocked = json_is_true(snapshot_at(limit, "blocked"));
    panel_limit_short(amount, sizeof amount, limit, NULL);
    bool block = strcmp(method, "limit.block") == 0;
    if (strcmp(method, "limit.unblock") == 0 && !blocked) {
        ui_say(ui, W_NORMAL, "%s is not blocked.%s", name,
               json_array_size(snapshot_at(limit, "per")) > 0
                   ? " A group of it is unblocked with b: Enter on the limit shows them."
                   : "");
        return;
    }
    if (block && blocked) {
        ui_say(ui, W_NORMAL, "%s is blocked already.", name);
        return;
    }
    if (block) {
        danger_block(ui, limit, NULL, json_pack("{s:s}", "name", name));
        return;
    }
    if (strcmp(method, "limit.revert") == 0 && !json_is_object(snapshot_at(limit, "override"))) {
        ui_say(ui, W_NORMAL, "%s is as the file says already.", name);
        return;
    }
    snprintf(text, sizeof text, "%.80s\n\n%s -> %s", name, blocked ? "blocked" : amount,
             strcmp(method, "limit.revert") == 0 ? "what the file says" : amount);
    request_confirm(ui, question, text, method, json_pack("{s:s}", "name", name));
}

static void got_try(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    char denied[FORMAT_TEXT];
    char calls[FORMAT_TEXT];
    if (!result) {
        ui_say(ui, W_CRIT, "limit try: %s", ei->text);
        return;
    }
    int64_t n = json_integer_value(json_object_get(result, "denied"));
    format_exact(denied, n);
    format_exact(calls, json_integer_value(json_object_get(result, "calls")));
    ui_say(ui, n > 0 ? W_WARN : W_OK, "last hour: %s would deny %s of %s calls",
           snapshot_text(result, "name"), n > 0 ? denied : "none", calls);
}

static void run_try(struct ui *ui, const char *arguments)
{
    const char *wrong = "";
    struct err_info ei = {0};
    json_t *params = parse_set(arguments, &wrong);
    if (!params) {
        ui_say(ui, W_CRIT, "limit try: %s", wrong);
    } else if (link_send(&ui->link, "limit.try", params, got_try, ui, &ei) != ERR_OK) {
        ui_say(ui, W_CRIT, "limit try: %s", ei.text);
    }
}

static void run_core(struct ui *ui, const struct binding *b)
{
    if (b->class == CLASS_DANGER) {
        request_confirm(ui, "Do this?", b->help, b->command, json_object());
    } else {
        request_send(ui, b->command, json_object());
    }
}

static void run_change(struct ui *ui, const struct binding *b, const char *arguments)
{
    const char *wrong;
    json_t *params;
    if (!ui_may_change(ui)) {
        return;
    }
    switch ((int)b->action) {
    case ACT_LIMIT_SET:
        params = parse_set(arguments, &wrong);
        if (params) {
            danger_set(ui, params);
        } else {
            ui_say(ui, W_CRIT, "limit set: %s", wrong);
        }
        return;
    case ACT_LIMIT_REVERT:
        run_named(ui, "limit.revert", arguments, "Revert this limit?");
        return;
    case ACT_LIMIT_BLOCK:
        if (strcmp(arguments, "--all") == 0) {
            danger_block_all(ui);
        } else {
            run_named(ui, "limit.block", arguments, "Block this limit?");
        }
        return;
    case ACT_LIMIT_UNBLOCK:
        if (strcmp(arguments, "--all") == 0) {
            danger_unblock_all(ui);
        } else {
            run_named(ui, "limit.unblock", arguments, "Unblock this limit?");
        }
        return;
    case ACT_CALL_STOP:
        stop_by_words(ui, arguments);
        return;
    case ACT_CORE:
        run_core(ui, b);
        return;
    default:
        ui_act(ui, b);
        return;
    }
}

static void say_unknown(struct ui *ui, const char *line, bool ambiguous)
{
    const struct binding *meant = ambiguous ? NULL : binding_meant(line);
    if (meant) {
        ui_say(ui, W_CRIT, "%s: did you mean %s%s%s?", line, meant->command,
               meant->arguments ? " " : "", meant->arguments ? meant->arguments : "");
    } else {
        ui_say(ui, W_CRIT, "%s: %s; ? lists the commands", line,
               ambiguous ? "more than one command begins so" : "there is no such command");
    }
}

static void run(struct ui *ui, const char *line)
{
    const char *arguments = "";
    bool ambiguous;
    const struct binding *b = binding_command(line, &arguments, &ambiguous);
    if (!b) {
        say_unknown(ui, line, ambiguous);
        return;
    }
    if (b->action == ACT_SET && *arguments) {
        ui_say(ui, W_CRIT, "set: there is no setting %s; Tab behind \"set \" shows them",
               arguments);
    } else if (b->class != CLASS_READ) {
        run_change(ui, b, arguments);
    } else if (binding_is_setting(b)) {
        set_value(ui, b, arguments);
    } else if (b->action == ACT_LIMIT_OPEN) {
        keys_open_limit(ui, arguments);
    } else if (b->action == ACT_LIMIT_TRY) {
        run_try(ui, arguments);
    } else if (b->action == ACT_SORT && *arguments) {
        run_sort(ui, arguments);
    } else if (b->action == ACT_EXPORT && *arguments) {
        export_run(ui, arguments);
    } else if (b->action == ACT_AT && *arguments) {
        past_at(ui, arguments);
    } else if (b->action == ACT_FILTER) {
        w_table_filter(&ui_panel(ui)->table, arguments);
        ui_update(ui);
    } else {
        ui_act(ui, b);
    }
}

void command_key(struct ui *ui, int key)
{
    if (key == W_KEY_TAB) {
        complete_line(ui);
        return;
    }
    if (key == W_KEY_BACKSPACE && ui->input.length == 0) {
        ui->mode = MODE_VIEW;
        return;
    }
    enum w_answer answer = w_input_key(&ui->input, key);
    if (answer == W_CANCELLED) {
        ui->mode = MODE_VIEW;
    }
    if (answer != W_ACCEPTED) {
        return;
    }
    char line[W_INPUT_MAX];
    struct str typed = str_trim(str_of(ui->input.text));
    str_copy(line, sizeof line, typed);
    ui->mode = MODE_VIEW;
    w_history_add(&ui->commands, line);
    if (line[0]) {
        run(ui, line);
    }
}
