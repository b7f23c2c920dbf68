/* Two texts at once have the hashes that OpenSSL gives each, whatever their lengths and parts. */
#include "core/aws/sha256_pair.h"
#include "core/aws/sigv4.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define BYTES 5000

static char bytes[2][BYTES];
static uint32_t seed = 7;

static size_t below(size_t n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % n;
}

static void fill(void)
{
    for (size_t i = 0; i < 2 * BYTES; i++) {
        bytes[i / BYTES][i % BYTES] = (char)below(256);
    }
}

/* The first n bytes of a text, in a copy of their own so that nothing else is read, as parts. */
static void cut(struct str parts[4], char *copy, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t take = i == 3 ? n - at : below(n - at + 1);
        parts[i] = take > 0 ? (struct str){copy + at, take} : (struct str){NULL, 0};
        at += take;
    }
}

static void compare(size_t n, size_t m)
{
    struct str parts[2][4];
    char *copies[2] = {malloc(n + 1), malloc(m + 1)};
    uint8_t is[2][32], should[32];
    assert_true(copies[0] && copies[1]);
    memcpy(copies[0], bytes[0], n);
    memcpy(copies[1], bytes[1], m);
    cut(parts[0], copies[0], n);
    cut(parts[1], copies[1], m);
    const struct sha256_text text[2] = {{parts[0], 4}, {parts[1], 4}};
    sha256_pair(text, is);
    sigv4_sha256(should, bytes[0], n);
    assert_memory_equal(is[0], should, 32);
    sigv4_sha256(should, bytes[1], m);
    assert_memory_equal(is[1], should, 32);
    free(copies[0]);
    free(copies[1]);
}

static void as_openssl(void **state)
{
    (void)state;
    if (!sha256_pair_able()) {
        skip(); /* the gate does not use it here either */
    }
    fill();
    for (size_t n = 0; n < 200; n++) {
        compare(n, 199 - n);
        compare(n, BYTES);
    }
    for (int i = 0; i < 2000; i++) {
        compare(below(BYTES + 1), below(BYTES + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_openssl)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
