#include "widgets/spark.h"

#include "widgets/text.h"

#include <string.h>

void w_spark_place(struct w_spark *s, const int64_t *series, int count, int64_t slot)
{
    memset(s, 0, sizeof *s);
    if (count <= 0) {
        return;
    }
    if (count > W_SPARK_MAX) {
        series += count - W_SPARK_MAX;
        count = W_SPARK_MAX;
    }
    s->count = count;
    s->newest = (int)(slot % count);
    for (int i = 0; i < count; i++) {
        int64_t age = count - 1 - i;
        s->value[(s->newest - age + count) % count] = series[i];
    }
}

int64_t w_spark_top(const struct w_spark *s)
{
    int64_t most = 0;
    for (int i = 0; i < s->count; i++) {
        most = s->value[i] > most ? s->value[i] : most;
    }
    int64_t top = 1;
    for (int step = 0; top < most && top < INT64_MAX / 10; step++) {
        top = step % 3 == 1 ? top / 2 * 5 : top * 2;
    }
    return top;
}

wchar_t w_spark_char(const struct w_spark *s, int slot, int64_t top, bool ascii)
{
    static const wchar_t bars[] = L"\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
    static const char plain[] = "_.-:=+*#";
    bool gap = s->count > 2 && slot == (s->newest + 1) % s->count;
    if (slot >= s->count || gap || s->value[slot] <= 0 || top <= 0) {
        return L' ';
    }
    double share = (double)s->value[slot] / (double)top;
    int level = share >= 1 ? 7 : (int)(share * 8);
    return ascii ? (wchar_t)plain[level] : bars[level];
}

void w_spark_draw(const struct w_area *a, int y, int x, int width, const struct w_spark *s,
                  enum w_role role)
{
    int64_t top = w_spark_top(s);
    for (int i = 0; i < width; i++) {
        wchar_t c = w_spark_char(s, i, top, a->style->ascii);
        enum w_role part = role != W_NORMAL ? role : i == s->newest ? W_HEADER : W_SPARK;
        w_text_repeat(a, y, x + i, 1, part, c, (char)c);
    }
}
