#include "tui/theme.h"

#include "core/base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX    (64 * 1024)
#define UNSAID      (-2)
#define TERMINAL    (-1)
#define BRIGHT_FROM 8

static const char *const colours[] = {
    "black",        "red",           "green",       "yellow",         "blue",
    "magenta",      "cyan",          "white",       "bright_black",   "bright_red",
    "bright_green", "bright_yellow", "bright_blue", "bright_magenta", "bright_cyan",
    "bright_white"};

static const struct {
    const char *name;
    attr_t attr;
} attributes[] = {
    {"bold", A_BOLD}, {"dim", A_DIM}, {"underline", A_UNDERLINE}, {"reverse", A_REVERSE}};

static bool parse_rgb(struct str word, int *out)
{
    int rgb = 0;
    if (word.n != 7) {
        return false;
    }
    for (size_t i = 1; i < word.n; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, tolower((unsigned char)word.p[i]));
        if (!digit || !*digit) {
            return false;
        }
        rgb = rgb * 16 + (int)(digit - digits);
    }
    *out = THEME_RGB | rgb;
    return true;
}

static bool parse_colour(struct str word, int *out)
{
    int64_t number;
    if (word.n > 0 && word.p[0] == '#') {
        return parse_rgb(word, out);
    }
    if (str_is(word, "default")) {
        *out = TERMINAL;
        return true;
    }
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        if (str_is(word, colours[i])) {
            *out = (int)i;
            return true;
        }
    }
    if (!str_to_i64(word, &number) || number < 0 || number > 255) {
        return false;
    }
    *out = (int)number;
    return true;
}

static bool parse_look(struct str text, struct theme_look *look)
{
    *look = (struct theme_look){.fg = UNSAID, .bg = UNSAID};
    bool ground = false;
    for (text = str_trim(text); text.n > 0; text = str_trim(text)) {
        struct str word = str_cut(text, ' ', &text);
        attr_t attr = 0;
        for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
            attr = str_is(word, attributes[i].name) ? attributes[i].attr : attr;
        }
        if (attr) {
            look->attr |= attr;
        } else if (str_is(word, "on")) {
            ground = true;
        } else if (!parse_colour(word, ground ? &look->bg : &look->fg)) {
            return false;
        }
    }
    return true;
}

static enum err parse_line(struct theme *t, struct str line, const char *from, int number,
                           struct err_info *ei)
{
    struct str value;
    struct str key = str_trim(str_cut(line, '=', &value));
    char name[32], shown[64];
    int role = str_copy(name, sizeof name, key) ? w_role_find(name) : -1;
    if (!value.p) {
        return err_set(ei, ERR_PARSE, "%s:%d: no '=' in this line", from, number);
    }
    if (str_is(key, "name")) {
        str_printable(t->name, sizeof t->name, str_trim(value));
        return ERR_OK;
    }
    if (role < 0) {
        str_printable(shown, sizeof shown, key);
        return err_set(ei, ERR_PARSE, "%s:%d: there is no role \"%.40s\"", from, number, shown);
    }
    struct str rich;
    struct str plain = str_cut(value, '|', &rich);
    if (!parse_look(plain, &t->look[role][0]) ||
        !parse_look(rich.p ? rich : plain, &t->look[role][1])) {
        return err_set(ei, ERR_PARSE,
                       "%s:%d: %s: say bold, dim, underline or reverse, and a colour "
                       "(a name, 0 to 255 or #rrggbb), and \"on\" another",
                       from, number, name);
    }
    return ERR_OK;
}

enum err theme_parse(struct theme *t, const char *text, const char *from, struct err_info *ei)
{
    struct str rest = str_of(text);
    memset(t, 0, sizeof *t);
    for (int role = 0; role < W_ROLE_COUNT; role++) {
        t->look[role][0] = t->look[role][1] = (struct theme_look){.fg = UNSAID, .bg = UNSAID};
    }
    for (int number = 1; rest.n > 0; number++) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.n == 0 || line.p[0] == '#') {
            continue;
        }
        enum err e = parse_line(t, line, from, number, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err load_file(struct theme *t, const char *path, struct err_info *ei)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return ERR_NOT_FOUND;
    }
    char *text = calloc(1, FILE_MAX + 1);
    size_t n = text ? fread(text, 1, FILE_MAX, f) : 0;
    (void)fclose(f);
    enum err e = text ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for theme %s", path);
    if (e == ERR_OK && (n == FILE_MAX || memchr(text, '\0', n))) {
        e = err_set(ei, ERR_PARSE, "%s is not a theme", path);
    }
    if (e == ERR_OK) {
        e = theme_parse(t, text, path, ei);
    }
    free(text);
    return e;
}

/* Where theme files may lie: the user's own, then beside the program as installed or as built. */
static bool place(int i, char *out, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char self[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = n > 0 ? (self[n] = '\0', strrchr(self, '/')) : NULL;
    if (slash) {
        *slash = '\0';
    }
    int length = 0;
    if (i == 0 && config && *config) {
        length = snprintf(out, size, "%s/tollgate/themes", config);
    } else if (i == 0 && home) {
        length = snprintf(out, size, "%s/.config/tollgate/themes", home);
    } else if (i == 1 && slash) {
        length = snprintf(out, size, "%s/../share/tollgate/themes", self);
    } else if (i == 2 && slash) {
        length = snprintf(out, size, "%s/../themes", self);
    } else if (i == 3 && slash) { /* a build in a folder of its own: build/address/tollgate */
        length = snprintf(out, size, "%s/../../themes", self);
    }
    return length > 0 && (size_t)length < size;
}

#define PLACES 4

void theme_names(void (*fn)(void *arg, const char *name), void *arg)
{
    fn(arg, "dark");
    fn(arg, "light");
    for (int i = 0; i < PLACES; i++) {
        char path[2048];
        DIR *dir = place(i, path, sizeof path) ? opendir(path) : NULL;
        const struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            struct str name = str_of(entry->d_name);
            char copy[256];
            if (name.n > 6 && strcmp(name.p + name.n - 6, ".theme") == 0) {
                str_copy(copy, sizeof copy, (struct str){name.p, name.n - 6});
                fn(arg, copy);
            }
        }
        if (dir) {
            (void)closedir(dir);
        }
    }
}

struct listing {
    char text[300];
    size_t n;
};

static void list_name(void *arg, const char *name)
{
    struct listing *l = arg;
    char word[64];
    int length = snprintf(word, sizeof word, "%s%.40s", l->n ? ", " : "", name);
    if (!strstr(l->text, name) && l->n + (size_t)length < sizeof l->text) {
        memcpy(l->text + l->n, word, (size_t)length + 1);
        l->n += (size_t)length;
    }
}

enum err theme_load(struct theme *t, const char *name, struct err_info *ei)
{
    char path[2048];
    char file[2400];
    if (strchr(name, '/')) {
        enum err e = load_file(t, name, ei);
        return e == ERR_NOT_FOUND ? err_set(ei, e, "theme file %.100s cannot be read", name) : e;
    }
    for (int i = 0; i < PLACES; i++) {
        if (!place(i, path, sizeof path)) {
            continue;
        }
        snprintf(file, sizeof file, "%s/%.255s.theme", path, name);
        enum err e = load_file(t, file, ei);
        if (e != ERR_NOT_FOUND) {
            return e;
        }
    }
    const char *text = theme_builtin(name);
    if (text) {
        return theme_parse(t, text, name, ei);
    }
    struct listing l = {.n = 0};
    theme_names(list_name, &l);
    return err_set(ei, ERR_NOT_FOUND, "there is no theme \"%.40s\"; there are %s", name, l.text);
}

/* Attributes that tell the roles apart where there is no colour. */
static attr_t plain_attr(enum w_role role)
{
    static const attr_t attr[W_ROLE_COUNT] = {
        [W_TITLE] = A_REVERSE,
        [W_LABEL] = A_BOLD,
        [W_HEADER] = A_UNDERLINE,
        [W_SELECTED] = A_REVERSE,
        [W_WARN] = A_BOLD,
        [W_CRIT] = A_BOLD | A_UNDERLINE,
        [W_STALE] = A_DIM,
        [W_PENDING] = A_REVERSE | A_BOLD,
        [W_KEY] = A_BOLD,
        [W_OFF] = A_DIM,
        [W_INPUT] = A_UNDERLINE,
        [W_TAB_ON] = A_REVERSE,
        [W_NOTICE] = A_REVERSE | A_BOLD,
    };
    return attr[role];
}

static int resolve(int colour, int normal)
{
    return colour != UNSAID ? colour : normal != UNSAID ? normal : TERMINAL;
}

/* The levels of red, green and blue in the cube of the 256-colour palette. */
static int cube_level(int step)
{
    return step == 0 ? 0 : 55 + 40 * step;
}

int theme_rgb(int colour)
{
    static const int base[] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                               0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                               0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};
    if (colour < 0) {
        return -1;
    }
    if (colour & THEME_RGB) {
        return colour & 0xffffff;
    }
    if (colour < 16) {
        return base[colour];
    }
    if (colour >= 232) {
        return (8 + 10 * (colour - 232)) * 0x010101;
    }
    int n = colour - 16;
    return cube_level(n / 36) << 16 | cube_level(n / 6 % 6) << 8 | cube_level(n % 6);
}

int theme_nearest(int rgb)
{
    int best = 16;
    int least = INT_MAX;
    for (int colour = 16; colour < 256; colour++) {
        int other = theme_rgb(colour);
        int r = (rgb >> 16 & 255) - (other >> 16 & 255);
        int g = (rgb >> 8 & 255) - (other >> 8 & 255);
        int b = (rgb & 255) - (other & 255);
        int far = 3 * r * r + 6 * g * g + b * b; /* as the eye weighs them */
        if (far < least) {
            least = far;
            best = colour;
        }
    }
    return best;
}

/* Sixteen colours on a terminal with eight: brightness becomes bold; bright black, the colour of
 * plain text, dim: the terminal's own may be that of the theme's ground. */
static int shade(int colour, attr_t *attr, bool front, int plain)
{
    if (COLORS >= THEME_RGB && colour >= BRIGHT_FROM) {
        return theme_rgb(colour); /* colours are 24 bits there */
    }
    if (colour >= THEME_RGB) {
        colour = theme_nearest(colour & 0xffffff);
        colour = COLORS < 256 ? TERMINAL : colour;
    }
    if (colour >= BRIGHT_FROM && COLORS < 16) {
        if (colour == BRIGHT_FROM) {
            *attr |= front ? A_DIM : 0;
            return front ? plain : 0;
        }
        *attr |= front ? A_BOLD : 0;
        return colour % 8;
    }
    return colour;
}

void theme_apply(const struct theme *t, struct w_style *style, bool no_color)
{
    bool coloured = !no_color && has_colors() && start_color() == OK && COLORS >= 8 &&
                    COLOR_PAIRS > W_ROLE_COUNT && use_default_colors() == OK;
    for (int role = 0; role < W_ROLE_COUNT; role++) {
        if (!coloured) {
            style->role[role] = (struct w_attr){.attr = plain_attr((enum w_role)role)};
            continue;
        }
        int depth = COLORS >= 256;
        const struct theme_look *look = &t->look[role][depth];
        const struct theme_look *normal = &t->look[W_NORMAL][depth];
        attr_t attr = look->attr;
        attr_t unused = 0;
        int plain = shade(resolve(normal->fg, UNSAID), &unused, true, TERMINAL);
        int fg = shade(resolve(look->fg, normal->fg), &attr, true, plain);
        int bg = shade(resolve(look->bg, normal->bg), &attr, false, plain);
        short pair = (short)(role + 1);
        bool own = fg == TERMINAL && bg == TERMINAL;
        if (!own) {
            init_extended_pair(pair, fg, bg);
        }
        style->role[role] = (struct w_attr){.attr = attr, .pair = own ? 0 : pair};
    }
}
