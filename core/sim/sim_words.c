/* sim_words.c: see sim_words.h. */
#include "core/sim/sim_words.h"

#include <math.h>
#include <string.h>

#define LONGEST 8000

/* clang-format off */
#define W(text) {(text), sizeof(text) - 1}
/* clang-format on */
static const struct str words[] = {
    W("the"),     W("quarter"), W("customer"), W("contract"), W("shows"),    W("that"),
    W("orders"),  W("were"),    W("shipped"),  W("before"),   W("Monday"),   W("and"),
    W("support"), W("team"),    W("answers"),  W("most"),     W("requests"), W("within"),
    W("one"),     W("hour"),    W("which"),    W("keeps"),    W("renewal"),  W("rates"),
    W("steady"),  W("while"),   W("new"),      W("accounts"), W("need"),     W("training"),
    W("during"),  W("first"),   W("weeks"),    W("our"),      W("plan"),     W("covers"),
    W("three"),   W("regions"), W("with"),     W("shared"),   W("budget"),   W("lines"),
    W("for"),     W("travel"),  W("tools"),    W("hosting"),  W("because"),  W("demand"),
    W("grows"),   W("faster"),  W("than"),     W("expected"), W("each"),     W("summary"),
    W("lists"),   W("open"),    W("points"),   W("owners"),   W("dates"),    W("risks"),
    W("next"),    W("steps"),   W("please"),   W("review"),
};
#undef W
#define WORDS     (sizeof words / sizeof words[0])
#define WORD_MOST 8

uint64_t sim_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

int64_t sim_words_length(uint64_t *state)
{
    double even = ((double)(sim_draw(state) >> 11) + 1) / 9007199254740993.0; /* above 0, below 1 */
    double tokens = 40.0 * pow(even, -0.6);

    return tokens < LONGEST ? (int64_t)tokens : LONGEST;
}

void sim_words_add(struct buf *out, uint64_t *state, int64_t count, bool first)
{
    char *begin = buf_reserve(out, (size_t)count * (WORD_MOST + 1));
    char *at = begin;
    uint64_t bits = 0;

    if (at == NULL) {
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        bits = i % 8 == 0 ? sim_draw(state) : bits >> 8;
        struct str word = words[bits % WORDS];
        if (!first || i > 0) {
            *at++ = ' ';
        }
        memcpy(at, word.p, word.n);
        at += word.n;
    }
    buf_commit(out, (size_t)(at - begin));
}

struct str sim_words_padding(uint64_t *state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    return (struct str){letters, 1 + (size_t)(sim_draw(state) % (sizeof letters - 1))};
}
