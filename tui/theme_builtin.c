#include "tui/theme.h"

#include <string.h>

/* The files of themes/, word for word (a test compares them), so that a screen has colours when
 * nothing is installed. */
static const char dark[] =
    "# tollgate theme \"dark\": for terminals with a dark ground.\n"
    "#\n"
    "#   role = [bold] [dim] [underline] [reverse] [COLOUR] [on COLOUR] [| the same for 256 "
    "colours]\n"
    "#\n"
    "# COLOUR: black red green yellow blue magenta cyan white, the same with bright_, default "
    "(the\n"
    "# terminal's own), or 0 to 255 behind the bar. What is not said is as in `normal`.\n"
    "# Severities never differ by red and green alone: ok is blue, warn orange, crit red and bold, "
    "and\n"
    "# each is repeated by a letter (W, C) or a word.\n"
    "name     = dark\n"
    "normal   = default\n"
    "title    = bold white on blue | bold 255 on 24\n"
    "label    = bold cyan | bold 117\n"
    "muted    = bright_black | 245\n"
    "header   = cyan | 109\n"
    "selected = black on cyan | 234 on 117\n"
    "ok       = cyan | 74\n"
    "warn     = yellow | 214\n"
    "crit     = bold bright_red | bold 203\n"
    "stale    = bright_black | 245\n"
    "pending  = bold black on yellow | bold 234 on 214\n"
    "key      = bold cyan | bold 117\n"
    "hint     = default | 250\n"
    "off      = bright_black | 240\n"
    "border   = cyan | 67\n"
    "input    = white on black | 255 on 236\n"
    "spark    = cyan | 67\n"
    "reserved = bright_black | 243\n"
    "tab      = default | 250\n"
    "tab_on   = bold black on cyan | bold 234 on 117\n"
    "notice   = bold black on yellow | bold 234 on 214\n";

static const char light[] =
    "# tollgate theme \"light\": black on white, whatever the terminal's own ground is.\n"
    "# The format is described in README.md.\n"
    "name     = light\n"
    "normal   = black on white | 235 on 231\n"
    "title    = bold bright_white on blue | bold 231 on 25\n"
    "label    = bold blue | bold 25\n"
    "muted    = bright_black | 242\n"
    "header   = blue | 25\n"
    "selected = bright_white on blue | 231 on 25\n"
    "ok       = blue | 24\n"
    "warn     = magenta | 130\n"
    "crit     = bold red | bold 160\n"
    "stale    = bright_black | 242\n"
    "pending  = bold black on yellow | bold 235 on 221\n"
    "key      = bold blue | bold 25\n"
    "hint     = black | 238\n"
    "off      = bright_black | 248\n"
    "border   = blue | 31\n"
    "input    = black on cyan | 235 on 253\n"
    "spark    = blue | 67\n"
    "reserved = bright_black | 246\n"
    "tab      = black | 238\n"
    "tab_on   = bold bright_white on blue | bold 231 on 25\n"
    "notice   = bold black on yellow | bold 235 on 221\n";

const char *theme_builtin(const char *name)
{
    if (strcmp(name, "dark") == 0) {
        return dark;
    }
    return strcmp(name, "light") == 0 ? light : NULL;
}
