/* The man page and the completions are kept by hand: nothing that exists may be missing there. */
#include "tests/unit/test.h"
#include "tui/bindings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const subcommands[] = {
#define SUBCOMMAND(name, function, arguments, help) name,
#include "tui/commands.def"
#undef SUBCOMMAND
};
#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

/* A file as text, without the backslashes that troff needs. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subcommand_is_completed_and_explained),
        cmocka_unit_test(every_key_and_command_is_in_the_man_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
