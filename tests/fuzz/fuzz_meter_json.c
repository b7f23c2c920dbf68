/* Converse through the meter: the same usage however it is cut, and the one that jansson reads. */
#include "tests/fuzz/metering.h"

#include <jansson.h>

#define TEXT_MAX 4000 /* a usage within it is always caught */

/* A count as the meter takes it: `none` when it is absent or null, else a whole number from 0.
 * False: neither. */
static bool read_count(const json_t *usage, const char *name, int64_t none, int64_t *out)
{
    const json_t *j = json_object_get(usage, name);

    *out = j == NULL || json_is_null(j) ? none : json_integer_value(j);
    return j == NULL || json_is_null(j) || (json_is_integer(j) && *out >= 0);
}

static int depth_of(json_t *j)
{
    int deepest = 0, depth;
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach(j, i, value)
    {
        depth = depth_of(value);
        deepest = depth > deepest ? depth : deepest;
    }
    json_object_foreach(j, key, value)
    {
        depth = depth_of(value);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* Says usage nothing but the plain counts of Converse? */
static bool is_plain(json_t *usage)
{
    static const char *const names[] = {"inputTokens", "outputTokens", "totalTokens",
                                        "cacheReadInputTokens", "cacheWriteInputTokens"};
    const char *key;
    json_t *value;

    json_object_foreach(usage, key, value)
    {
        size_t i = 0;
        while (i < 5 && strcmp(key, names[i]) != 0) {
            i++;
        }
        if (i == 5) {
            return false;
        }
    }
    return true;
}

/* Only texts without doubt: an object, no key twice, plain counts; behind a word jansson loses a
 * NUL byte. */
static void check_reference(struct str text, const struct meter_state *state)
{
    json_t *j = json_loadb(text.p, text.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    json_t *usage = json_object_get(j, "usage");
    int64_t input, output, read, written;

    if (json_is_object(j) && text.n < TEXT_MAX && memchr(text.p, '\0', text.n) == NULL &&
        depth_of(j) < 60 && is_plain(usage)) {
        bool known = json_is_object(usage);
        known = read_count(usage, "inputTokens", -1, &input) && known && input >= 0;
        known = read_count(usage, "outputTokens", -1, &output) && known && output >= 0;
        known = read_count(usage, "cacheReadInputTokens", 0, &read) && known;
        known = read_count(usage, "cacheWriteInputTokens", 0, &written) && known;
        MUST(state->usage_known == known);
        MUST(!known || (state->usage.input == input && state->usage.output == output));
        MUST(!known || (state->usage.cache_read == read && state->usage.cache_write_5m == written));
    }
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str text = input_rest(&in);
    struct meter_state whole, cut;

    MUST(metering_run(&whole, "/model/m/converse", "application/json", text, true, 0));
    MUST(metering_run(&cut, "/model/m/converse", "application/json", text, false, seed));
    metering_same_usage(&whole, &cut);
    MUST(whole.first_content == cut.first_content);
    check_reference(text, &cut);
    return 0;
}
