/* guess.c: a client that sets no maximum gets one guessed. A guess must not be what keeps a call
 * out for ever: a limit that is smaller than it would never admit one, and never learn. So of a
 * limit too small for the guess, or while nothing is learned of any, it takes a quarter of what the
 * limit has beside the input; what comes beyond is topped up while it streams, or owed. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"

#define SHARE 4

__extension__ typedef __int128 int128;

/* The output that one limit leaves of the guess; `input` and `whole`: the call without it and with
 * it. */
static int64_t left_by(const struct match *m, int64_t guess, bool known, int64_t input,
                       int64_t whole, int64_t now_ms)
{
    const struct config_limit *f = m->rule->file;
    int64_t amount, output = whole - input;
    bool blocked;
    override_terms(m->rule, m->bucket->group, now_ms, &amount, &blocked);
    int64_t room = amount - input;
    if (f->action == ACTION_WARN || input < 0 || output <= 0 || room <= 0 ||
        output <= (known ? room : room / SHARE)) {
        return guess;
    }
    int64_t least = f->min_output > 0 ? f->min_output : MIN_OUTPUT;
    if (f->too_big_clamp && (int128)output * least <= (int128)room * guess) {
        return guess; /* it is clamped, and told so */
    }
    int64_t left = (int64_t)((int128)guess * (room / SHARE) / output);
    return left > 0 ? left : 1;
}

int64_t guess_output(struct limits *l, const struct call *call, int64_t input, int64_t guess,
                     bool known)
{
    struct subject s = {call->resolved.model, &call->tags, call->principal};
    struct usage u = {.input = input};
    struct amounts without, with;
    int64_t now_ms = clock_wall_ms(), least = guess;
    size_t count;
    amounts_of(&without, &u, call->resolved.model, call_cost(call, &u));
    u.output = guess;
    amounts_of(&with, &u, call->resolved.model, call_cost(call, &u));
    limits_lock(l);
    if (rule_collect(l, &s, now_ms, &count) == ERR_OK) {
        for (size_t i = 0; i < count; i++) {
            enum config_metric metric = l->matches[i].rule->file->metric;
            int64_t left =
                left_by(&l->matches[i], guess, known, without.v[metric], with.v[metric], now_ms);
            least = left < least ? left : least;
        }
    }
    limits_unlock(l);
    return least;
}
