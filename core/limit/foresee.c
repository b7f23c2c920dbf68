/* foresee.c: what a call will take at most, before it is sent; and what settled calls teach.
 *
 * Input, `bytes`: a token is at least one byte, so the text's bytes and the catalog's overheads are
 * an upper bound. Input, `learned`: tokens a byte as past calls of the model and of that size
 * showed, never above the bytes estimate: those of the application, or of all while it has made
 * few, so that the many calls of one say nothing about another's. Output: the client's maximum, or
 * what the model and application used before. */
#include "core/limit/limit_private.h"

#include <string.h>

#define IMAGE_TOKENS       1600  /* at most, for the models of the catalog */
#define DOCUMENT_TOKENS    10000 /* a document is known by number only; a bound does not exist */

#define CALLS_KNOWN        20   /* fewer teach nothing yet */
#define CALLS_MANY         200  /* a quantile of fewer gets the wider margin */
#define RATIO_ONE          4096 /* ratios are kept in parts of a token a byte */
#define RATIO_PRIOR        (RATIO_ONE / 2)
#define RATIO_PERMILLE     995
#define MARGIN_PERCENT     112
#define MARGIN_FEW_PERCENT 125

#define OUTPUT_PERMILLE    990
#define OUTPUT_PERCENT     125
#define OUTPUT_PRIOR       4096 /* before anything is known; top-ups cover what comes beyond */

#define KEY_MAX            520

static int64_t add(int64_t a, int64_t b)
{
    return money_add(a < 0 ? 0 : a, b < 0 ? 0 : b);
}

static int64_t times(int64_t n, int64_t factor)
{
    if (n <= 0 || factor <= 0) {
        return 0;
    }
    return n > COUNT_CAP / factor ? COUNT_CAP : n * factor;
}

/* Tokens beside the text: the dialect's frame, images, documents. */
static int64_t overhead(const struct call *call)
{
    const struct model *m = call->resolved.model;
    int64_t sum = add(times(call->images, IMAGE_TOKENS), times(call->documents, DOCUMENT_TOKENS));
    if (m != NULL) {
        sum = add(sum, m->overhead_call);
        sum = add(sum, times(call->messages, m->overhead_message));
        sum = add(sum, times(call->tools, m->overhead_tool));
    }
    return sum;
}

static struct str make_key(char out[KEY_MAX], char kind, const struct call *call, struct str more)
{
    const struct model *m = call->resolved.model;
    struct str name = str_sub(str_of(m == NULL ? NULL : m->name), 0, 255);
    more = str_sub(more, 0, 255);
    size_t n = 0;
    out[n++] = kind;
    if (name.n > 0) {
        memcpy(out + n, name.p, name.n);
        n += name.n;
    }
    out[n++] = '\0';
    if (more.n > 0) {
        memcpy(out + n, more.p, more.n);
        n += more.n;
    }
    return (struct str){out, n};
}

static struct str application_of(const struct call *call)
{
    return str_sub(tags_get(&call->tags, "applicationId"), 0, TAG_VALUE_MAX);
}

/* Short texts carry more of what no rule foresees; they must not spoil what long ones teach. Of
 * `application` alone, of all where that is empty. */
static struct str ratio_key(char out[KEY_MAX], const struct call *call, struct str application)
{
    static const int64_t bounds[] = {1024, 8192, 65536};
    char more[1 + TAG_VALUE_MAX] = {'a'};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]) && call->text_bytes >= bounds[i];
         i++) {
        more[0]++;
    }
    if (application.n > 0) {
        memcpy(more + 1, application.p, application.n);
    }
    return make_key(out, 'i', call, (struct str){more, 1 + application.n});
}

static struct str output_key(char out[KEY_MAX], const struct call *call)
{
    return make_key(out, 'o', call, application_of(call));
}

static int64_t scaled(int64_t n, int64_t factor, int64_t divisor)
{
    __extension__ typedef __int128 wide;
    wide v = ((wide)n * factor + divisor - 1) / divisor;
    return v > COUNT_CAP ? COUNT_CAP : (int64_t)v;
}

static bool knows_ratio(struct limits *l, const struct call *call, struct str application,
                        int64_t *ratio, int64_t *count)
{
    char key[KEY_MAX];
    return learned_quantile(l->learned, ratio_key(key, call, application), RATIO_PERMILLE, ratio,
                            count) &&
           *count >= CALLS_KNOWN;
}

static int64_t foresee_input(struct limits *l, const struct call *call)
{
    int64_t bytes = call->text_bytes < 0 ? 0 : call->text_bytes;
    int64_t text = bytes;
    if (!atomic_load_explicit(&l->estimate_bytes, memory_order_relaxed)) {
        int64_t ratio = RATIO_PRIOR, count = 0;
        int64_t margin = 100;
        if (knows_ratio(l, call, application_of(call), &ratio, &count) ||
            knows_ratio(l, call, STR(""), &ratio, &count)) {
            margin = count < CALLS_MANY ? MARGIN_FEW_PERCENT : MARGIN_PERCENT;
        } else {
            ratio = RATIO_PRIOR;
        }
        text = scaled(scaled(bytes, ratio, RATIO_ONE), margin, 100);
        text = text > bytes ? bytes : text;
    }
    return add(text, overhead(call));
}

static int64_t foresee_output(struct limits *l, const struct call *call, int64_t input)
{
    const struct model *m = call->resolved.model;
    int64_t maximum = m != NULL && m->max_output > 0 ? m->max_output : OUTPUT_PRIOR;
    char key[KEY_MAX];
    int64_t value, count;
    if (call->max_output >= 0) {
        return call->max_output;
    }
    if (atomic_load_explicit(&l->output_maximum, memory_order_relaxed)) {
        return maximum;
    }
    if (!learned_quantile(l->learned, output_key(key, call), OUTPUT_PERMILLE, &value, &count) ||
        count < CALLS_KNOWN) {
        return guess_output(l, call, input, maximum < OUTPUT_PRIOR ? maximum : OUTPUT_PRIOR, false);
    }
    value = scaled(value, OUTPUT_PERCENT, 100);
    return guess_output(l, call, input, value < maximum ? value : maximum, true);
}

void limit_foresee(struct limits *l, struct call *call)
{
    int64_t input = foresee_input(l, call);
    call->reserved_usage = (struct usage){
        .input = input,
        .output = foresee_output(l, call, input),
    };
}

void foresee_learn(struct limits *l, const struct call *call)
{
    const struct usage *u = &call->usage;
    char key[KEY_MAX];
    if (u->output > 0) {
        learned_note(l->learned, output_key(key, call), u->output);
    }
    int64_t input = add(add(u->input, u->cache_read), add(u->cache_write_5m, u->cache_write_1h));
    if (input > 0 && call->text_bytes > 0 && call->images <= 0 && call->documents <= 0) {
        int64_t beyond = input - overhead(call);
        int64_t ratio = scaled(beyond < 0 ? 0 : beyond, RATIO_ONE, call->text_bytes);
        struct str application = application_of(call);
        learned_note(l->learned, ratio_key(key, call, STR("")), ratio);
        if (application.n > 0) {
            learned_note(l->learned, ratio_key(key, call, application), ratio);
        }
    }
}
