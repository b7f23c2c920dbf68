/* test.h: cmocka with the includes it needs, in the order it needs them. */
#ifndef TOLLGATE_TESTS_TEST_H
#define TOLLGATE_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
