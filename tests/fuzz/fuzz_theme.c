/* A theme's text: refused with a line to look at, or whole: every role has looks that exist. */
#include "tui/theme.h" /* first: unistd.h takes the name of a role */

#include "tests/fuzz/fuzz.h"

static void check_colour(int colour)
{
    MUST(colour >= -2 && colour < 2 * THEME_RGB);
    MUST(colour < 256 || colour >= THEME_RGB);
    MUST(theme_rgb(colour) >= -1 && theme_rgb(colour) < THEME_RGB);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = fuzz_text((struct str){(const char *)data, n});
    struct theme t;
    struct err_info ei = {.code = ERR_OK};

    memset(&t, 0x5a, sizeof(t));
    if (theme_parse(&t, text, "fuzz.theme", &ei) == ERR_OK) {
        for (size_t i = 0; i < W_ROLE_COUNT; i++) {
            for (size_t k = 0; k < 2; k++) {
                check_colour(t.look[i][k].fg);
                check_colour(t.look[i][k].bg);
            }
        }
    } else {
        MUST(strstr(ei.text, "fuzz.theme") != NULL && !holds_control(str_of(ei.text)));
    }
    free(text);
    return 0;
}
