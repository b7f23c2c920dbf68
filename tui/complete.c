/* complete.c: what a command line may go on with: Tab takes it, and the line above shows it. */
#include "core/base/str.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define TEXT 512

/* Grows what is typed to the longest beginning that the candidates share. */
struct completion {
    const char *typed;
    char shared[W_INPUT_MAX];
    int count;
    char words[TEXT]; /* all of them, for people */
};

static void offer(struct completion *c, const char *candidate)
{
    if (strncmp(candidate, c->typed, strlen(c->typed)) != 0) {
        return;
    }
    if (c->count > 0 && strcmp(c->shared, candidate) == 0) {
        return; /* the same name from two places */
    }
    size_t said = strlen(c->words);
    snprintf(c->words + said, sizeof c->words - said, "%s%s", said ? "  " : "", candidate);
    if (c->count++ == 0) {
        str_copy(c->shared, sizeof c->shared, str_of(candidate));
        return;
    }
    size_t n = 0;
    while (c->shared[n] && c->shared[n] == candidate[n]) {
        n++;
    }
    c->shared[n] = '\0';
}

static void offer_limits(const struct ui *ui, struct completion *c)
{
    size_t i;
    json_t *limit;
    json_array_foreach(snapshot_at(ui_shown(ui)->data, "limits"), i, limit)
    {
        offer(c, snapshot_text(limit, "name"));
    }
}

struct prefixed {
    struct completion *to;
    const char *prefix;
};

static void offer_prefixed(void *arg, const char *value)
{
    char both[W_INPUT_MAX];
    const struct prefixed *p = arg;
    snprintf(both, sizeof both, "%s%s", p->prefix, value);
    offer(p->to, both);
}

/* What a setting may be, behind a prefix. */
static void offer_values(const struct binding *b, const char *prefix, struct completion *c)
{
    struct prefixed p = {c, prefix};
    if (b->action == ACT_THEME) {
        theme_names(offer_prefixed, &p);
        return;
    }
    struct str rest = str_of(b->arguments ? b->arguments : "");
    while (rest.n > 0) {
        char value[40];
        str_copy(value, sizeof value, str_cut(rest, '|', &rest));
        offer_prefixed(&p, value);
    }
}

/* Behind a command: values of a setting, names of limits. */
static void offer_arguments(const struct ui *ui, const char *line, struct completion *c)
{
    const char *arguments;
    bool ambiguous;
    bool set = strncmp(line, "set ", 4) == 0;
    const struct binding *of = binding_command(line, &arguments, &ambiguous);
    for (size_t i = 0; i < bindings_count && set; i++) {
        char prefix[80];
        if (binding_is_setting(&bindings[i])) {
            snprintf(prefix, sizeof prefix, "%s=", bindings[i].command);
            offer_values(&bindings[i], prefix, c);
        }
    }
    if (!set && of && binding_is_setting(of)) {
        offer_values(of, "", c);
    } else if (!set) {
        bool all = of && of->arguments && strstr(of->arguments, "--all");
        if (all) {
            offer(c, "--all");
        }
        if (!of || of->action != ACT_CALL_STOP) {
            offer_limits(ui, c);
        }
    }
}

/* Everything the line may go on with; returns the bytes of it that stay as they are. */
static size_t collect(const struct ui *ui, char *line, struct completion *c)
{
    *c = (struct completion){.typed = line};
    for (size_t i = 0; i < bindings_count; i++) {
        if (bindings[i].command) {
            offer(c, bindings[i].command);
        }
    }
    char *space = strrchr(line, ' ');
    if (c->count > 0 || !space) {
        return 0;
    }
    c->typed = space + 1; /* behind a command */
    offer_arguments(ui, line, c);
    return (size_t)(space + 1 - line);
}

void complete_line(struct ui *ui)
{
    char line[W_INPUT_MAX];
    char grown[2 * W_INPUT_MAX];
    struct completion c;
    str_copy(line, sizeof line, str_of(ui->input.text));
    size_t kept = collect(ui, line, &c);
    if (c.count > 0) {
        snprintf(grown, sizeof grown, "%.*s%s%s", (int)kept, line, c.shared,
                 c.count == 1 ? " " : "");
        w_input_set(&ui->input, grown);
    }
}

void complete_words(const struct ui *ui, char *out, size_t size)
{
    char line[W_INPUT_MAX];
    struct completion c;
    const char *arguments;
    bool ambiguous;
    str_copy(line, sizeof line, str_of(ui->input.text));
    (void)collect(ui, line, &c);
    const struct binding *b = binding_command(line, &arguments, &ambiguous);
    bool whole = b && c.count <= 1;
    if (whole) {
        snprintf(out, size, "%s%s%s: %s", b->command, b->arguments ? " " : "",
                 b->arguments ? b->arguments : "", b->help);
    } else {
        str_printable(out, size, str_of(c.words));
    }
}
