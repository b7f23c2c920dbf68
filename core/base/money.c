/* money.c: see money.h. Integers only: a double cannot hold a tenth of a cent. */
#include "core/base/money.h"

#include <string.h>

#define DECIMALS 9

bool money_parse(struct str text, money_t *out)
{
    int64_t value = 0;
    int decimals = -1; /* -1: before the point */
    char last = '.';
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.') {
            if (decimals >= 0 || i == 0) {
                return false;
            }
            decimals = 0;
        } else if (c < '0' || c > '9' || decimals == DECIMALS ||
                   __builtin_mul_overflow(value, 10, &value) ||
                   __builtin_add_overflow(value, c - '0', &value)) {
            return false;
        } else if (decimals >= 0) {
            decimals++;
        }
        last = c;
    }
    if (last == '.') {
        return false;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < DECIMALS; i++) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static uint64_t magnitude(money_t m)
{
    return m < 0 ? 0 - (uint64_t)m : (uint64_t)m;
}

/* Whole dollars at *at, with a comma before every third digit when `commas`. Returns the end. */
static char *put_dollars(char *at, uint64_t dollars, bool commas)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + dollars % 10);
        dollars /= 10;
    } while (dollars > 0);
    while (n > 0) {
        *at++ = digits[--n];
        if (commas && n > 0 && n % 3 == 0) {
            *at++ = ',';
        }
    }
    return at;
}

/* A point and the nano-dollars below a dollar, without zeros at the end but at least `least`
 * digits; nothing when no digit is left. */
static char *put_fraction(char *at, uint64_t nanos, size_t least)
{
    char digits[DECIMALS];
    for (size_t i = DECIMALS; i > 0; i--) {
        digits[i - 1] = (char)('0' + nanos % 10);
        nanos /= 10;
    }
    size_t n = DECIMALS;
    while (n > least && digits[n - 1] == '0') {
        n--;
    }
    if (n > 0) {
        *at++ = '.';
        memcpy(at, digits, n);
    }
    return at + n;
}

void money_format(char out[MONEY_TEXT], money_t m)
{
    uint64_t nanos = magnitude(m);
    char *at = out;
    if (m < 0) {
        *at++ = '-';
    }
    at = put_dollars(at, nanos / MONEY_DOLLAR, false);
    at = put_fraction(at, nanos % MONEY_DOLLAR, 0);
    *at = '\0';
}

/* Rounds half up to cents; below one cent, to two significant digits. */
static uint64_t round_to_see(uint64_t nanos)
{
    uint64_t unit = MONEY_DOLLAR / 100;
    if (nanos < unit) {
        uint64_t leading = 1;
        while (leading * 10 <= nanos) {
            leading *= 10;
        }
        unit = leading >= 10 ? leading / 10 : 1;
    }
    return (nanos + unit / 2) / unit * unit;
}

void money_display(char out[MONEY_TEXT], money_t m)
{
    uint64_t nanos = round_to_see(magnitude(m));
    char *at = out;
    if (m < 0) {
        *at++ = '-';
    }
    *at++ = '$';
    at = put_dollars(at, nanos / MONEY_DOLLAR, true);
    at = put_fraction(at, nanos % MONEY_DOLLAR, 2);
    *at = '\0';
}

int64_t money_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return a < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}
