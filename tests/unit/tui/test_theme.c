#include "tests/unit/test.h"
#include "tui/theme.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 65536);
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    return text;
}

static void the_built_in_themes_are_the_files(void **state)
{
    (void)state;
    static const char *const names[] = {"dark", "light"};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "themes/%s.theme", names[i]);
        char *text = read_file(path);
        assert_string_equal(text, theme_builtin(names[i]));
        free(text);
    }
    assert_null(theme_builtin("none"));
}

static void every_theme_has_every_role(void **state)
{
    (void)state;
    static const char *const names[] = {"dark", "light"};
    for (size_t i = 0; i < 2; i++) {
        struct theme t;
        struct err_info ei = {0};
        const char *text = theme_builtin(names[i]);
        assert_int_equal(theme_parse(&t, text, names[i], &ei), ERR_OK);
        assert_string_equal(t.name, names[i]);
        for (int role = 0; role < W_ROLE_COUNT; role++) {
            char line[64];
            snprintf(line, sizeof line, "\n%-8s = ", w_role_name((enum w_role)role));
            if (!strstr(text, line)) {
                fail_msg("theme %s does not say %s", names[i], w_role_name((enum w_role)role));
            }
        }
    }
}

/* Somebody who cannot tell red from green must be able to tell the severities. */
static void severities_do_not_differ_by_red_and_green(void **state)
{
    (void)state;
    static const char *const names[] = {"dark", "light"};
    static const enum w_role severe[] = {W_OK, W_WARN, W_CRIT};
    for (size_t i = 0; i < 2; i++) {
        struct theme t;
        assert_int_equal(theme_parse(&t, theme_builtin(names[i]), names[i], NULL), ERR_OK);
        for (size_t a = 0; a < 3; a++) {
            int green = t.look[severe[a]][0].fg % 8;
            assert_int_not_equal(green, COLOR_GREEN);
            for (size_t b = 0; b < a; b++) {
                assert_int_not_equal(t.look[severe[a]][0].fg, t.look[severe[b]][0].fg);
                assert_int_not_equal(t.look[severe[a]][1].fg, t.look[severe[b]][1].fg);
            }
        }
        assert_true((t.look[W_CRIT][0].attr & A_BOLD) != 0);
    }
}

static const char *const shipped[] = {"dark",          "light",        "solarized",
                                      "high-contrast", "colour-blind", "monochrome"};
#define SHIPPED (sizeof shipped / sizeof *shipped)

static void load_shipped(size_t i, struct theme *t)
{
    char path[64];
    struct err_info ei = {0};
    snprintf(path, sizeof path, "themes/%s.theme", shipped[i]);
    if (theme_load(t, path, &ei) != ERR_OK) {
        fail_msg("%s: %s", path, ei.text);
    }
    assert_string_equal(t->name, shipped[i]);
}

static double channel(int value)
{
    double c = value / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(int rgb)
{
    return 0.2126 * channel(rgb >> 16 & 255) + 0.7152 * channel(rgb >> 8 & 255) +
           0.0722 * channel(rgb & 255);
}

static double contrast(int a, int b)
{
    double x = luminance(a) + 0.05;
    double y = luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

/* The 24 bits a role is seen with; the terminal's own colours are taken as light grey on black. */
static void seen(const struct theme *t, enum w_role role, bool nearest, int *fg, int *bg)
{
    const struct theme_look *l = &t->look[role][1];
    const struct theme_look *n = &t->look[W_NORMAL][1];
    *fg = theme_rgb(l->fg == -2 ? n->fg : l->fg);
    *bg = theme_rgb(l->bg == -2 ? n->bg : l->bg);
    *fg = *fg < 0 ? 0xc0c0c0 : nearest ? theme_rgb(theme_nearest(*fg)) : *fg;
    *bg = *bg < 0 ? 0x000000 : nearest ? theme_rgb(theme_nearest(*bg)) : *bg;
}

static void text_can_be_read(void **state)
{
    (void)state;
    static const enum w_role graphics[] = {W_OFF, W_BORDER, W_SPARK, W_RESERVED};
    for (size_t i = 0; i < SHIPPED; i++) {
        struct theme t;
        load_shipped(i, &t);
        for (int role = 0; role < W_ROLE_COUNT; role++) {
            bool text = true;
            for (size_t g = 0; g < 4; g++) {
                text = text && graphics[g] != (enum w_role)role;
            }
            for (int nearest = 0; text && nearest < 2; nearest++) {
                int fg;
                int bg;
                seen(&t, (enum w_role)role, nearest, &fg, &bg);
                if (contrast(fg, bg) < 4.5) {
                    fail_msg("%s: %s has %.2f:1%s", shipped[i], w_role_name((enum w_role)role),
                             contrast(fg, bg), nearest ? " in 256 colours" : "");
                }
            }
        }
    }
}

static bool same_look(const struct theme_look *a, const struct theme_look *b)
{
    return a->attr == b->attr && a->fg == b->fg && a->bg == b->bg;
}

static void every_severity_is_told(void **state)
{
    (void)state;
    static const enum w_state states[] = {W_STATE_OK, W_STATE_WARN, W_STATE_CRIT, W_STATE_STALE};
    for (size_t i = 0; i < SHIPPED; i++) {
        struct theme t;
        load_shipped(i, &t);
        for (size_t a = 0; a < 4; a++) {
            for (size_t b = 0; b < a; b++) {
                enum w_role x = w_state_role(states[a]);
                enum w_role y = w_state_role(states[b]);
                assert_int_not_equal(w_state_letter(states[a]), w_state_letter(states[b]));
                for (int depth = 0; depth < 2; depth++) {
                    /* A bar of full blocks disappears when reversed. */
                    assert_false((t.look[x][depth].attr | t.look[y][depth].attr) & A_REVERSE);
                    if (same_look(&t.look[x][depth], &t.look[y][depth])) {
                        fail_msg("%s: %s looks like %s", shipped[i], w_role_name(x),
                                 w_role_name(y));
                    }
                }
            }
        }
    }
}

static void sixteen_colours_are_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHIPPED; i++) {
        struct theme t;
        load_shipped(i, &t);
        for (int role = 0; role < W_ROLE_COUNT; role++) {
            assert_in_range(t.look[role][0].fg + 2, 0, 17);
            assert_in_range(t.look[role][0].bg + 2, 0, 17);
        }
        assert_int_not_equal(t.look[W_NORMAL][0].fg, -2);
    }
}

static void colours_have_a_nearest_one(void **state)
{
    (void)state;
    struct theme t;
    assert_int_equal(theme_parse(&t, "warn = red | #FFaf00 on #000001\n", "t", NULL), ERR_OK);
    assert_int_equal(t.look[W_WARN][1].fg, THEME_RGB | 0xffaf00);
    assert_int_equal(theme_rgb(t.look[W_WARN][1].fg), 0xffaf00);
    assert_int_equal(theme_nearest(0xffaf00), 214);
    assert_int_equal(theme_nearest(1), 16);
    assert_int_equal(theme_rgb(214), 0xffaf00);
    assert_int_equal(theme_rgb(245), 0x8a8a8a);
    assert_int_equal(theme_rgb(-1), -1);
    assert_int_equal(theme_parse(&t, "warn = #ffaf0\n", "t", NULL), ERR_PARSE);
    assert_int_equal(theme_parse(&t, "warn = #ffaf0g\n", "t", NULL), ERR_PARSE);
    assert_int_equal(theme_parse(&t, "warn = #ffffffffff\n", "t", NULL), ERR_PARSE);
}

static void note_name(void *arg, const char *name)
{
    unsigned *seen_names = arg;
    for (size_t i = 0; i < SHIPPED; i++) {
        *seen_names |= strcmp(name, shipped[i]) == 0 ? 1u << i : 0;
    }
    *seen_names |= strcmp(name, "my-own") == 0 ? 1u << SHIPPED : 0;
}

static void the_users_themes_come_first(void **state)
{
    (void)state;
    char dir[] = "/tmp/tollgate-theme-XXXXXX";
    char path[128];
    struct theme t;
    struct err_info ei = {0};
    unsigned names = 0;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/tollgate", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/tollgate/themes", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/tollgate/themes/my-own.theme", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("name = my-own\nwarn = magenta\n", f);
    fclose(f);
    setenv("XDG_CONFIG_HOME", dir, 1);
    assert_int_equal(theme_load(&t, "my-own", &ei), ERR_OK);
    assert_int_equal(t.look[W_WARN][0].fg, COLOR_MAGENTA);
    theme_names(note_name, &names);
    assert_true(names & 1u << SHIPPED);
    assert_int_equal(names & 3u, 3u); /* the built-in ones are always there */
    assert_int_equal(theme_load(&t, "none-such", &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "my-own"));
    unsetenv("XDG_CONFIG_HOME");
    remove(path);
    snprintf(path, sizeof path, "%s/tollgate/themes", dir);
    remove(path);
    snprintf(path, sizeof path, "%s/tollgate", dir);
    remove(path);
    remove(dir);
}

static void a_line_is_understood(void **state)
{
    (void)state;
    struct theme t;
    assert_int_equal(
        theme_parse(&t, "# x\n\nwarn = bold red on 17 | underline 214\nmuted=dim\n", "t", NULL),
        ERR_OK);
    assert_int_equal(t.look[W_WARN][0].fg, COLOR_RED);
    assert_int_equal(t.look[W_WARN][0].bg, 17);
    assert_true(t.look[W_WARN][0].attr == A_BOLD);
    assert_int_equal(t.look[W_WARN][1].fg, 214);
    assert_true(t.look[W_WARN][1].attr == A_UNDERLINE);
    assert_true(t.look[W_MUTED][1].attr == A_DIM);
    assert_int_equal(t.look[W_MUTED][0].fg, -2);
}

static void mistakes_name_their_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"warn = red\nnonsense = blue\n", "\nwarn red\n",
                                      "\nwarn = reddish\n", "\nwarn = 256\n",
                                      "\nwarn = blue on\non = 7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct theme t;
        struct err_info ei = {0};
        if (i < 4) {
            assert_int_equal(theme_parse(&t, bad[i], "my.theme", &ei), ERR_PARSE);
            assert_non_null(strstr(ei.text, "my.theme:2"));
        } else {
            assert_int_equal(theme_parse(&t, bad[i], "my.theme", &ei), ERR_PARSE);
            assert_non_null(strstr(ei.text, "my.theme:3"));
        }
    }
    struct theme t;
    struct err_info ei = {0};
    assert_int_equal(theme_parse(&t, "name = a\x1b[31m\nb\x14 = red\n", "my.theme", &ei),
                     ERR_PARSE);
    assert_string_equal(ei.text, "my.theme:2: there is no role \"b\\x14\"");
    assert_string_equal(t.name, "a\\x1b[31m");
}

static void themes_are_found_by_name_and_path(void **state)
{
    (void)state;
    struct theme t;
    struct err_info ei = {0};
    setenv("HOME", "/nonexistent", 1);
    unsetenv("XDG_CONFIG_HOME");
    assert_int_equal(theme_load(&t, "light", &ei), ERR_OK);
    assert_string_equal(t.name, "light");
    assert_int_equal(theme_load(&t, "themes/dark.theme", &ei), ERR_OK);
    assert_string_equal(t.name, "dark");
    assert_int_equal(theme_load(&t, "purple", &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "purple"));
    err_clear(&ei);
    assert_int_equal(theme_load(&t, "themes/none.theme", &ei), ERR_NOT_FOUND);
    err_clear(&ei);
    assert_int_equal(theme_load(&t, "/dev/zero", &ei), ERR_PARSE);
}

static void without_colour_attributes_tell(void **state)
{
    (void)state;
    struct theme t;
    struct w_style style = {0};
    assert_int_equal(theme_parse(&t, theme_builtin("dark"), "dark", NULL), ERR_OK);
    theme_apply(&t, &style, true);
    assert_int_equal(style.role[W_WARN].pair, 0);
    assert_true(style.role[W_WARN].attr != style.role[W_OK].attr);
    assert_true(style.role[W_CRIT].attr != style.role[W_WARN].attr);
    assert_true(style.role[W_SELECTED].attr == A_REVERSE);
}

/* With eight colours bright black is told by dim text: of the theme's own colour, since the
 * terminal's may be that of the theme's ground. */
static void muted_text_is_seen_on_a_ground_of_eight_colours(void **state)
{
    (void)state;
    struct theme t;
    struct w_style style = {0};
    int fg, bg;
    FILE *nothing = fopen("/dev/null", "r+");
    SCREEN *screen = newterm("screen", nothing, nothing);
    assert_non_null(screen);
    assert_int_equal(theme_parse(&t, theme_builtin("light"), "light", NULL), ERR_OK);
    theme_apply(&t, &style, false);
    assert_int_equal(COLORS, 8);
    assert_int_equal(extended_pair_content(style.role[W_MUTED].pair, &fg, &bg), OK);
    assert_int_equal(fg, COLOR_BLACK);
    assert_int_equal(bg, COLOR_WHITE);
    assert_true(style.role[W_MUTED].attr & A_DIM);
    endwin();
    delscreen(screen);
    (void)fclose(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_themes_are_the_files),
        cmocka_unit_test(every_theme_has_every_role),
        cmocka_unit_test(severities_do_not_differ_by_red_and_green),
        cmocka_unit_test(text_can_be_read),
        cmocka_unit_test(every_severity_is_told),
        cmocka_unit_test(sixteen_colours_are_the_reference),
        cmocka_unit_test(colours_have_a_nearest_one),
        cmocka_unit_test(the_users_themes_come_first),
        cmocka_unit_test(muted_text_is_seen_on_a_ground_of_eight_colours),
        cmocka_unit_test(a_line_is_understood),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(themes_are_found_by_name_and_path),
        cmocka_unit_test(without_colour_attributes_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
