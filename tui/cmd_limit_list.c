/* cmd_limit_list.c: `tollgate limit list` for people: a table of the limits and their groups, or
 * what is in force as a diff to the file. */
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/control/json_text.h"
#include "tui/cmd.h"

static bool is_grouped(const json_t *l)
{
    return json_array_size(json_object_get(l, "per")) > 0;
}

/* Of the groups that are listed, the one with the least left; l itself where there are none. */
static const json_t *fullest(const json_t *l)
{
    const json_t *least = l;
    size_t i;
    json_t *g;
    json_array_foreach(json_object_get(l, "groups"), i, g)
    {
        const json_t *left = json_object_get(least, "remaining");
        if (least == l ||
            json_number_value(json_object_get(g, "remaining")) < json_number_value(left)) {
            least = g;
        }
    }
    return least;
}

/* left: whose remainder. */
static void print_row(const json_t *l, const json_t *g, const json_t *left, const char *name)
{
    const char *at = cmd_text(g, "resets_at"); /* 2026-11-21T18:00:00Z; the day needs no year */
    bool dated = strlen(at) >= sizeof("2026-11-21T18:00:00Z") - 1;
    (void)printf("%-24s %11s %11s %11s %11s %7s  %.5s %.8s\n", name, cmd_amount(l, g, "amount"),
                 cmd_amount(l, g, "used"), cmd_amount(l, g, "reserved"),
                 cmd_amount(l, left, "remaining"), cmd_number(g, "denied"), dated ? at + 5 : at,
                 dated ? at + 11 : "");
}

/* What is in force instead of the file: who, until when, and why where a reason was given. */
static void print_in_force(const json_t *l, const json_t *g, const char *indent)
{
    const json_t *o = json_object_get(g, "override");
    const char *until = cmd_text(o, "until"), *reason = cmd_text(o, "reason");
    if (!json_is_object(o)) {
        return;
    }
    if (json_is_number(json_object_get(o, "amount"))) {
        (void)printf("%soverride: %s instead of %s", indent, cmd_amount(l, o, "amount"),
                     cmd_amount(l, l, "file_amount"));
    } else {
        (void)printf("%soverride: blocked", indent);
    }
    (void)printf(", by %s %s%s%s%s\n", cmd_text(o, "actor"),
                 strcmp(until, "-") == 0 ? "until further notice" : "until ",
                 strcmp(until, "-") == 0 ? "" : until, strcmp(reason, "-") == 0 ? "" : ": ",
                 strcmp(reason, "-") == 0 ? "" : reason);
}

/* "costCenter, applicationId" */
static const char *per_of(const json_t *l)
{
    static char text[400];
    size_t i, n = 0;
    json_t *key;
    text[0] = '\0';
    json_array_foreach(json_object_get(l, "per"), i, key)
    {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? ", " : "",
                              json_string_value(key));
        n = n < sizeof(text) ? n : sizeof(text) - 1;
    }
    return text;
}

/* What it counts, and what is to be said of it now. */
static void print_nature(const json_t *l)
{
    (void)printf("  %s per %s, %s%s", cmd_text(l, "metric"),
                 *json_string_value(json_object_get(l, "window")) ? cmd_text(l, "window") : "call",
                 json_object_size(json_object_get(l, "match")) > 0 ? cmd_pairs(l, "match")
                                                                   : "every call",
                 json_is_true(json_object_get(l, "blocked")) ? ", BLOCKED" : "");
    if (json_integer_value(json_object_get(l, "waiting")) > 0) {
        (void)printf(", %s calls wait", cmd_number(l, "waiting"));
    }
    if (json_integer_value(json_object_get(l, "phantom_denials")) > 0) {
        (void)printf(", %s of %s denials would have fitted", cmd_number(l, "phantom_denials"),
                     cmd_number(l, "examined_denials"));
    }
    (void)printf("\n");
    if (is_grouped(l)) {
        json_int_t n = json_integer_value(json_object_get(l, "groups_total"));
        (void)printf("  for each %s: %s%s\n", per_of(l),
                     n == 0 ? "none so far" : cmd_number(l, "groups_total"),
                     n == 0   ? ""
                     : n == 1 ? " group"
                              : " groups; REMAINING is that of the fullest");
    }
}

void cmd_all_blocked(const json_t *all_blocked)
{
    if (!json_is_object(all_blocked)) {
        return;
    }
    const char *reason = cmd_text(all_blocked, "reason");
    (void)printf("ALL CALLS BLOCKED by %s until %s%s%s; `tollgate limit unblock --all` ends it\n",
                 cmd_text(all_blocked, "actor"),
                 json_is_string(json_object_get(all_blocked, "until"))
                     ? cmd_text(all_blocked, "until")
                     : "further notice",
                 *reason && *reason != '-' ? ": " : "", *reason != '-' ? reason : "");
}

void cmd_limit_list(const json_t *result)
{
    size_t i, k;
    json_t *l, *g;
    const json_t *all_blocked = json_object_get(result, "all_blocked");
    cmd_all_blocked(all_blocked);
    if (json_is_object(all_blocked)) {
        (void)printf("\n");
    }
    (void)printf("%-24s %11s %11s %11s %11s %7s  %s\n", "LIMIT", "AMOUNT", "USED", "RESERVED",
                 "REMAINING", "DENIED", "RESETS (UTC)");
    json_array_foreach(json_object_get(result, "limits"), i, l)
    {
        char name[200];
        print_row(l, l, is_grouped(l) ? fullest(l) : l, cmd_text(l, "name"));
        print_nature(l);
        print_in_force(l, l, "  ");
        if (is_grouped(l)) {
            json_array_foreach(json_object_get(l, "groups"), k, g)
            {
                (void)snprintf(name, sizeof(name), "  %s", cmd_pairs(g, "group"));
                print_row(l, g, g, name);
                print_in_force(l, g, "    ");
            }
        }
    }
}

/* Exactly as the file takes it: no separators, all decimals. */
static void print_plain(const char *sign, const json_t *o, const char *key)
{
    struct buf text = {.data = NULL};
    (void)json_text(&text, json_object_get(o, key));
    (void)printf("%s    %s: %s\n", sign, cmd_text(o, "metric"), buf_cstr(&text));
    buf_free(&text);
}

/* A group's amount and a block have no place in the file: they are comments. */
static void print_override(const json_t *o)
{
    bool grouped = json_object_size(json_object_get(o, "group")) > 0;
    (void)printf(" # %s%s%s: by %s until %s: %s\n", cmd_text(o, "name"), grouped ? " " : "",
                 grouped ? cmd_pairs(o, "group") : "", cmd_text(o, "actor"),
                 json_is_string(json_object_get(o, "until")) ? cmd_text(o, "until")
                                                             : "further notice",
                 cmd_text(o, "reason"));
    if (json_is_true(json_object_get(o, "blocked"))) {
        (void)printf(" # blocked, which the file cannot say: `tollgate limit unblock` ends it\n");
    }
    if (!json_is_number(json_object_get(o, "amount"))) {
        return;
    }
    if (grouped) {
        (void)printf(" # a group's own amount, which the file cannot say: %s instead of %s\n",
                     cmd_amount(o, o, "amount"), cmd_amount(o, o, "file_amount"));
        return;
    }
    (void)printf("   - name: %s\n", cmd_text(o, "name"));
    print_plain("-", o, "file_amount");
    print_plain("+", o, "amount");
}

void cmd_limit_drift(const json_t *result)
{
    size_t i;
    json_t *o, *all = json_object_get(result, "overrides");
    if (json_array_size(all) == 0) {
        (void)printf(" # no overrides: every limit is as the file says\n");
        return;
    }
    (void)printf(" limits:\n");
    json_array_foreach(all, i, o)
    {
        print_override(o);
    }
}
