#include "widgets/keys.h"

#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

static int take(struct w_keys *k, int key)
{
    k->count = 0;
    return key;
}

static int final_key(unsigned char c)
{
    switch (c) {
    case 'A':
        return W_KEY_UP;
    case 'B':
        return W_KEY_DOWN;
    case 'C':
        return W_KEY_RIGHT;
    case 'D':
        return W_KEY_LEFT;
    case 'H':
        return W_KEY_HOME;
    case 'F':
        return W_KEY_END;
    case 'Z':
        return W_KEY_BACK_TAB;
    case 'P':
        return W_KEY_F1;
    default:
        return W_KEY_NONE;
    }
}

static int tilde_key(int number)
{
    switch (number) {
    case 1:
    case 7:
        return W_KEY_HOME;
    case 4:
    case 8:
        return W_KEY_END;
    case 3:
        return W_KEY_DELETE;
    case 5:
        return W_KEY_PAGE_UP;
    case 6:
        return W_KEY_PAGE_DOWN;
    case 11:
        return W_KEY_F1;
    default:
        return W_KEY_NONE;
    }
}

/* ESC [ < button ; column ; row M; released: m */
static int mouse_sequence(struct w_keys *k)
{
    int number[3] = {0};
    size_t at = 0;
    size_t i = 3;
    for (; i + 1 < k->count && at < 3; i++) {
        unsigned char c = k->bytes[i];
        if (c >= '0' && c <= '9') {
            number[at] = number[at] < 100000 ? number[at] * 10 + (c - '0') : number[at];
        } else if (c == ';') {
            at++;
        } else {
            return take(k, W_KEY_NONE);
        }
    }
    bool pressed = k->bytes[k->count - 1] == 'M' && at == 2 && number[1] > 0 && number[2] > 0;
    k->mouse = (struct w_mouse){number[0], number[1] - 1, number[2] - 1};
    return take(k, pressed ? W_KEY_MOUSE : W_KEY_NONE);
}

/* ESC [ parameters final */
static int control_sequence(struct w_keys *k)
{
    unsigned char final = k->bytes[k->count - 1];
    if (final == '[' && k->count == 4) {
        return W_KEY_NONE; /* Linux console: ESC [ [ A for F1 */
    }
    if (final < 0x40 || final > 0x7e) {
        return W_KEY_NONE;
    }
    if (k->count > 3 && k->bytes[2] == '<') {
        return mouse_sequence(k);
    }
    int number = 0;
    for (size_t i = 2; i < k->count && k->bytes[i] >= '0' && k->bytes[i] <= '9'; i++) {
        number = number < 1000 ? number * 10 + (k->bytes[i] - '0') : number;
    }
    if (final == 'n') {
        return take(k, k->count == 4 && k->bytes[2] == '0' ? W_KEY_ANSWER : W_KEY_NONE);
    }
    if (final == '~') {
        return take(k, tilde_key(number));
    }
    bool shift = number == 1 && k->count == 6 && k->bytes[3] == ';' && k->bytes[4] == '2';
    if (shift && (final == 'C' || final == 'D')) {
        return take(k, final == 'C' ? W_KEY_SHIFT_RIGHT : W_KEY_SHIFT_LEFT);
    }
    return take(k, final_key(final));
}

/* The first two digits of each of the colours in "rgb:12ab/34cd/56ef", at most four each. */
static bool read_ground(const char *text, int *out)
{
    int rgb = 0;
    for (int i = 0; i < 3; i++) {
        char digits[3] = "";
        size_t n = strspn(text, "0123456789abcdefABCDEF");
        if (n < 2 || n > 4) {
            return false;
        }
        memcpy(digits, text, 2);
        rgb = rgb << 8 | (int)strtol(digits, NULL, 16);
        text += n;
        if (i < 2 && *text++ != '/') {
            return false;
        }
    }
    *out = rgb;
    return true;
}

/* ESC ] 11 ; rgb:.. and BEL, or ESC \ */
static int answer_sequence(struct w_keys *k)
{
    static const char start[] = "\033]11;rgb:";
    char text[W_KEYS_MAX + 1];
    size_t n = k->count;
    bool ended = k->bytes[n - 1] == '\a' ||
                 (n > 2 && k->bytes[n - 1] == '\\' && k->bytes[n - 2] == W_KEY_ESC);
    if (!ended) {
        return W_KEY_NONE;
    }
    memcpy(text, k->bytes, n);
    text[n] = '\0';
    k->ground_asked = false;
    bool known = n > sizeof start && strncmp(text, start, sizeof start - 1) == 0 &&
                 read_ground(text + sizeof start - 1, &k->ground);
    return take(k, known ? W_KEY_GROUND : W_KEY_NONE);
}

static int escape(struct w_keys *k)
{
    if (k->count < 3) {
        return W_KEY_NONE;
    }
    if (k->bytes[1] == ']') {
        return answer_sequence(k);
    }
    return k->bytes[1] == '[' ? control_sequence(k) : take(k, final_key(k->bytes[2]));
}

static int character(struct w_keys *k)
{
    unsigned char first = k->bytes[0];
    if (first == '\n') {
        return take(k, W_KEY_ENTER);
    }
    if (first == '\b') {
        return take(k, W_KEY_BACKSPACE);
    }
    if (first < 0x80) {
        return take(k, first);
    }
    size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    if (k->count < want) {
        return W_KEY_NONE;
    }
    uint32_t point = 0;
    size_t n = str_utf8((struct str){(const char *)k->bytes, k->count}, &point);
    return take(k, n == 0 ? W_KEY_NONE : (int)point);
}

int w_keys_feed(struct w_keys *k, unsigned char byte, int out[2])
{
    int count = 0;
    if (k->count == W_KEYS_MAX) {
        k->count = 2; /* an endless sequence is swallowed up to its end */
    }
    k->bytes[k->count++] = byte;
    bool escaped = k->bytes[0] == W_KEY_ESC;
    bool answer = k->ground_asked && byte == ']';
    if (escaped && k->count == 2 && byte != '[' && byte != 'O' && !answer) {
        out[count++] = W_KEY_ESC;
        k->bytes[0] = byte;
        k->count = 1;
        escaped = byte == W_KEY_ESC;
    }
    int key = escaped ? escape(k) : character(k);
    if (key != W_KEY_NONE) {
        out[count++] = key;
    }
    return count;
}

bool w_keys_in_answer(const struct w_keys *k)
{
    return k->count > 1 && k->bytes[0] == W_KEY_ESC && k->bytes[1] == ']';
}

bool w_keys_waiting(const struct w_keys *k)
{
    return k->count > 0;
}

int w_keys_flush(struct w_keys *k)
{
    bool lone = k->count == 1 && k->bytes[0] == W_KEY_ESC;
    return take(k, lone ? W_KEY_ESC : W_KEY_NONE);
}
