/* json_text.c: jansson's values as text, money exactly. */
#include "core/control/json_text.h"

#include <math.h>

#include "core/base/clock.h"

#define DEPTH_MAX 64

static bool write_value(struct buf *out, const json_t *value, int indent, int depth);

static bool line(struct buf *out, int indent, int depth)
{
    return indent == 0 || buf_printf(out, "\n%*s", indent * depth, "");
}

static bool write_real(struct buf *out, double v)
{
    char text[MONEY_TEXT];
    if (!isfinite(v) || fabs(v) > 9e9) {
        return buf_printf(out, "%.15g", isfinite(v) ? v : 0.0);
    }
    money_t nano = (money_t)llround(fabs(v) * (double)MONEY_DOLLAR);
    money_format(text, nano);
    return buf_add(out, v < 0 && nano > 0 ? "-" : "") && buf_add(out, text);
}

static bool write_object(struct buf *out, const json_t *value, int indent, int depth)
{
    const char *key;
    json_t *member;
    bool ok = buf_add(out, "{"), first = true;
    void *at = json_object_iter((json_t *)(uintptr_t)value);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        key = json_object_iter_key(at);
        member = json_object_iter_value(at);
        ok = ok && buf_add(out, first ? "" : ",") && line(out, indent, depth + 1) &&
             buf_json_string(out, str_of(key)) && buf_add(out, indent ? ": " : ":") &&
             write_value(out, member, indent, depth + 1);
        first = false;
    }
    return ok && (first || line(out, indent, depth)) && buf_add(out, "}");
}

static bool write_array(struct buf *out, const json_t *value, int indent, int depth)
{
    bool ok = buf_add(out, "[");
    size_t n = json_array_size(value);
    bool flat = n > 0 && !json_is_object(json_array_get(value, 0)) &&
                !json_is_array(json_array_get(value, 0));
    for (size_t i = 0; i < n; i++) {
        ok = ok && buf_add(out, i > 0 ? (flat && indent ? ", " : ",") : "") &&
             (flat || line(out, indent, depth + 1)) &&
             write_value(out, json_array_get(value, i), indent, depth + 1);
    }
    return ok && (n == 0 || flat || line(out, indent, depth)) && buf_add(out, "]");
}

static bool write_value(struct buf *out, const json_t *value, int indent, int depth)
{
    if (depth > DEPTH_MAX || !value) {
        return buf_add(out, "null");
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return write_object(out, value, indent, depth);
    case JSON_ARRAY:
        return write_array(out, value, indent, depth);
    case JSON_STRING:
        return buf_json_string(out,
                               (struct str){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
        return buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return write_real(out, json_real_value(value));
    case JSON_TRUE:
        return buf_add(out, "true");
    case JSON_FALSE:
        return buf_add(out, "false");
    case JSON_NULL:
        break;
    }
    return buf_add(out, "null");
}

bool json_text(struct buf *out, const json_t *value)
{
    return write_value(out, value, 0, 0);
}

bool json_text_pretty(struct buf *out, const json_t *value)
{
    return write_value(out, value, 2, 0);
}

json_t *json_money(money_t m)
{
    return json_real((double)m / (double)MONEY_DOLLAR);
}

json_t *json_str(struct str s)
{
    json_t *plain = json_stringn(s.n > 0 ? s.p : "", s.n);
    if (plain) {
        return plain;
    }
    struct buf quoted;
    buf_init(&quoted, 64 * 1024);
    json_t *safe = buf_json_string(&quoted, s)
                       ? json_loadb(buf_bytes(&quoted), quoted.len, JSON_DECODE_ANY, NULL)
                       : NULL;
    buf_free(&quoted);
    return safe ? safe : json_string("");
}

json_t *json_time(int64_t wall_ms)
{
    char text[CLOCK_TEXT];
    if (wall_ms <= 0) {
        return json_null();
    }
    clock_rfc3339(text, wall_ms);
    return json_string(text);
}
