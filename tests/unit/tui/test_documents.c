/* The man page and the completions are kept by hand: nothing that exists may be missing there. */
#include "tests/unit/test.h"
#include "tui/bindings.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const subcommands[] = {
#define SUBCOMMAND(name, function, arguments, help) name,
#include "tui/commands.def"
#undef SUBCOMMAND
};
#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

/* A file as text, without the backslashes and changes of face that troff needs. */
static char *read_plain(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 131072);
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, 131071, f) > 0);
    fclose(f);
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (strncmp(from, "\\(aq", 4) == 0) {
            *to++ = '\'';
            from += 3;
        } else if (from[0] == '\\' && from[1] == 'f' && from[2]) {
            from += 2; /* another face */
        } else if (*from != '\\') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

static void every_subcommand_is_completed_and_explained(void **state)
{
    (void)state;
    char *man = read_plain("tui/man/tollgate.1");
    char *bash = read_plain("tui/completion/tollgate.bash");
    char *zsh = read_plain("tui/completion/_tollgate");
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        char want[64];
        snprintf(want, sizeof want, "\n    %s)", subcommands[i]);
        if (!strstr(bash, want)) {
            fail_msg("tollgate.bash does not complete the options of %s", subcommands[i]);
        }
        snprintf(want, sizeof want, " '%s:", subcommands[i]);
        if (!strstr(zsh, want)) {
            fail_msg("_tollgate does not have %s", subcommands[i]);
        }
        char bold[64];
        snprintf(want, sizeof want, "\n.BR %s ", subcommands[i]);
        snprintf(bold, sizeof bold, "\n.B %s\n", subcommands[i]);
        if (!strstr(man, want) && !strstr(man, bold)) {
            fail_msg("tollgate.1 does not explain %s", subcommands[i]);
        }
    }
    free(man);
    free(bash);
    free(zsh);
}

/* What stands behind "NAME)" up to the next such line of the same indent. */
static bool in_case(const char *text, const char *indent, const char *name, const char *word)
{
    char start[64];
    char inner[32];
    snprintf(start, sizeof start, "\n%s%s)", indent, name);
    snprintf(inner, sizeof inner, "\n%s", indent);
    const char *from = strstr(text, start);
    const char *to = from ? from + strlen(start) : NULL;
    while (to && (to = strstr(to, inner)) && strchr(" ;", to[strlen(inner)])) {
        to++;
    }
    const char *found = from;
    size_t n = strlen(word);
    while (found && (found = strstr(found, word)) &&
           (isalnum((unsigned char)found[n]) || found[n] == '-')) {
        found++;
    }
    return found && (!to || found < to);
}

static int check_flags_of(const char *path, const char *one, const char *other)
{
    char *source = read_plain(path);
    char *bash = read_plain("tui/completion/tollgate.bash");
    char *zsh = read_plain("tui/completion/_tollgate");
    int flags = 0;
    for (const char *at = strstr(source, "{\""); at; at = strstr(at + 1, "{\"")) {
        char word[64];
        const char *end = strchr(at + 2, '"');
        if (!end || end - at > 40 ||
            (strncmp(end, "\", no_argument", 14) != 0 &&
             strncmp(end, "\", required_argument", 20) != 0)) {
            continue;
        }
        snprintf(word, sizeof word, "--%.*s", (int)(end - at - 2), at + 2);
        flags++;
        if (!in_case(bash, "    ", one, word) && !in_case(bash, "    ", other, word)) {
            fail_msg("tollgate.bash does not complete %s of %s", word, one);
        }
        if (!in_case(zsh, "        ", one, word) && !in_case(zsh, "        ", other, word)) {
            fail_msg("_tollgate does not complete %s of %s", word, one);
        }
    }
    free(source);
    free(bash);
    free(zsh);
    return flags;
}

static void every_flag_is_completed(void **state)
{
    (void)state;
    int flags = check_flags_of("tui/cmd_limit.c", "limit", "limit");
    flags += check_flags_of("tui/cmd_key.c", "key", "key");
    flags += check_flags_of("tui/cmd_report.c", "audit", "usage");
    flags += check_flags_of("tui/cmd_probe.c", "probe", "probe");
    flags += check_flags_of("tui/cmd_status.c", "status", "status");
    flags += check_flags_of("tui/cmd_sim.c", "sim", "sim");
    flags += check_flags_of("tui/cmd_demo.c", "demo", "demo");
    assert_true(flags > 50); /* or the tables are written otherwise, and none was seen */
}

static void every_key_and_command_is_in_the_man_page(void **state)
{
    (void)state;
    char *man = read_plain("tui/man/tollgate.1");
    for (size_t i = 0; i < bindings_count; i++) {
        const struct binding *b = &bindings[i];
        char want[256];
        if (!b->help) {
            continue;
        }
        if (b->label) {
            snprintf(want, sizeof want, "\n.B %s\n%s", b->label, b->help);
        } else {
            snprintf(want, sizeof want, "\n.BR \"%s\"", b->command);
        }
        if (!strstr(man, want)) {
            fail_msg("tollgate.1 lacks %s (%s)", b->label ? b->label : b->command, b->help);
        }
    }
    free(man);
}

static bool word_in(const char *text, const char *word, size_t n)
{
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (begins && !(isalnum((unsigned char)at[n]) || at[n] == '_')) {
            return true;
        }
    }
    return false;
}

/* The reader's own tables: {"key", config_read_..}, {"key", read_..} or {"key", .read = ..}. */
static int check_keys_of(const char *path, const char *man)
{
    static const char *const readers[] = {"config_read_", "read_", ".read"};
    char *source = read_plain(path);
    int keys = 0;
    for (const char *at = strstr(source, "{\""); at; at = strstr(at + 1, "{\"")) {
        char key[64];
        const char *end = strchr(at + 2, '"');
        size_t n = end ? (size_t)(end - at - 2) : sizeof key;
        bool reads = false;
        for (size_t i = 0; i < 3 && n > 0 && n < sizeof key && end[1] == ','; i++) {
            const char *then = end + 2 + strspn(end + 2, " \n");
            reads = reads || strncmp(then, readers[i], strlen(readers[i])) == 0;
        }
        if (!reads) {
            continue;
        }
        snprintf(key, sizeof key, "%.*s", (int)n, at + 2);
        keys++;
        if (!word_in(man, key, n)) {
            fail_msg("tollgate.yaml.5 does not describe %s (%s)", key, path);
        }
    }
    free(source);
    return keys;
}

static void every_key_of_the_file_is_in_its_man_page(void **state)
{
    (void)state;
    char *man = read_plain("tui/man/tollgate.yaml.5");
    DIR *dir = opendir("core/config");
    int keys = 0;
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[300];
        size_t n = strlen(entry->d_name);
        if (n > 2 && strcmp(entry->d_name + n - 2, ".c") == 0) {
            snprintf(path, sizeof path, "core/config/%s", entry->d_name);
            keys += check_keys_of(path, man);
        }
    }
    assert_int_equal(closedir(dir), 0);
    assert_true(keys > 60); /* or the tables are written otherwise, and none was seen */
    free(man);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subcommand_is_completed_and_explained),
        cmocka_unit_test(every_flag_is_completed),
        cmocka_unit_test(every_key_and_command_is_in_the_man_page),
        cmocka_unit_test(every_key_of_the_file_is_in_its_man_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
