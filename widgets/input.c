#include "widgets/input.h"

#include "core/base/str.h"
#include "widgets/text.h"

#include <stdlib.h>
#include <string.h>

void w_input_set(struct w_input *in, const char *text)
{
    str_copy(in->text, sizeof in->text, str_of(text));
    in->length = strlen(in->text);
    in->at = in->length;
    in->offered = false;
}

void w_input_offer(struct w_input *in, const char *text)
{
    w_input_set(in, text);
    in->offered = true;
}

static size_t encode(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static void insert(struct w_input *in, uint32_t point)
{
    char bytes[4];
    size_t n = encode(bytes, point);
    if (in->length + n >= sizeof in->text) {
        return;
    }
    memmove(in->text + in->at + n, in->text + in->at, in->length - in->at + 1);
    memcpy(in->text + in->at, bytes, n);
    in->at += n;
    in->length += n;
}

static bool inside_character(const struct w_input *in, size_t at)
{
    return at > 0 && at < in->length && ((unsigned char)in->text[at] & 0xc0) == 0x80;
}

static size_t before(const struct w_input *in)
{
    size_t at = in->at > 0 ? in->at - 1 : 0;
    while (inside_character(in, at)) {
        at--;
    }
    return at;
}

static size_t after(const struct w_input *in)
{
    size_t at = in->at < in->length ? in->at + 1 : in->length;
    while (inside_character(in, at)) {
        at++;
    }
    return at;
}

static void cut(struct w_input *in, size_t from, size_t to)
{
    memmove(in->text + from, in->text + to, in->length - to + 1);
    in->length -= to - from;
    in->at = from;
}

static void walk_history(struct w_input *in, int step)
{
    const struct w_history *h = in->history;
    if (!h || in->back + step < 0 || in->back + step > h->count) {
        return;
    }
    in->back += step;
    w_input_set(in, in->back == 0 ? "" : h->line[h->count - in->back]);
}

static size_t word_start(const struct w_input *in)
{
    size_t at = in->at;
    while (at > 0 && in->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && in->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static bool edit_key(struct w_input *in, int key)
{
    switch (key) {
    case W_KEY_BACKSPACE:
        cut(in, before(in), in->at);
        return true;
    case W_KEY_DELETE:
    case W_CTRL('d'):
        cut(in, in->at, after(in));
        return true;
    case W_CTRL('u'):
        cut(in, 0, in->at);
        return true;
    case W_CTRL('k'):
        cut(in, in->at, in->length);
        return true;
    case W_CTRL('w'):
        cut(in, word_start(in), in->at);
        return true;
    default:
        return false;
    }
}

static bool move_key(struct w_input *in, int key)
{
    switch (key) {
    case W_KEY_LEFT:
    case W_CTRL('b'):
        in->at = before(in);
        return true;
    case W_KEY_RIGHT:
    case W_CTRL('f'):
        in->at = after(in);
        return true;
    case W_KEY_HOME:
    case W_CTRL('a'):
        in->at = 0;
        return true;
    case W_KEY_END:
    case W_CTRL('e'):
        in->at = in->length;
        return true;
    case W_KEY_UP:
    case W_CTRL('p'):
        walk_history(in, 1);
        return in->history != NULL;
    case W_KEY_DOWN:
    case W_CTRL('n'):
        walk_history(in, -1);
        return in->history != NULL;
    default:
        return false;
    }
}

enum w_answer w_input_key(struct w_input *in, int key)
{
    if (key == W_KEY_ENTER) {
        return W_ACCEPTED;
    }
    if (key == W_KEY_ESC) {
        return W_CANCELLED;
    }
    if (edit_key(in, key) || move_key(in, key)) {
        in->offered = false;
        return W_HANDLED;
    }
    if (key >= 0x20 && key < W_KEY_UP && key != W_KEY_BACKSPACE) {
        if (in->offered) {
            w_input_set(in, "");
        }
        insert(in, (uint32_t)key);
        return W_HANDLED;
    }
    return W_IGNORED;
}

void w_input_draw(const struct w_area *a, int y, int x, int width, const struct w_input *in,
                  bool focus)
{
    char left[W_INPUT_MAX];
    str_copy(left, sizeof left, (struct str){in->text, in->at});
    const char *from = in->text;
    const char *shown = left;
    while (w_text_width(shown) >= width && *shown) { /* the cursor needs a column too */
        uint32_t point;
        size_t n = str_utf8(str_of(shown), &point);
        shown += n ? n : 1;
        from += n ? n : 1;
    }
    w_text(a, y, x, width, in->offered && focus ? W_SELECTED : W_INPUT, W_LEFT, from);
    if (focus) {
        char under[8] = " ";
        struct w_input next = *in;
        size_t end = after(&next);
        if (end > in->at && end - in->at < sizeof under) {
            str_copy(under, sizeof under, (struct str){in->text + in->at, end - in->at});
        }
        int column = x + w_text_width(shown);
        w_text(a, y, column, w_text_width(under), W_SELECTED, W_LEFT, under);
    }
}

void w_history_add(struct w_history *h, const char *line)
{
    if (!*line || (h->count > 0 && strcmp(h->line[h->count - 1], line) == 0)) {
        return;
    }
    char *copy = str_dup(str_of(line));
    if (!copy) {
        return;
    }
    if (h->count == W_HISTORY_MAX) {
        free(h->line[0]);
        memmove(h->line, h->line + 1, sizeof h->line - sizeof h->line[0]);
        h->count--;
    }
    h->line[h->count++] = copy;
}

void w_history_free(struct w_history *h)
{
    for (int i = 0; i < h->count; i++) {
        free(h->line[i]);
    }
    h->count = 0;
}
