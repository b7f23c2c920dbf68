/* wait.h: waiting for what another thread or process makes true. */
#ifndef TOLLGATE_TESTS_WAIT_H
#define TOLLGATE_TESTS_WAIT_H

#include "core/base/clock.h"
#include "tests/unit/test.h"

#include <unistd.h>

#define DEADLINE_US 30000000 /* far longer than anything should take */

/* Does something again and again until the condition holds. */
#define WAIT_DOING(something, condition)                                                           \
    do {                                                                                           \
        int64_t wait_until = clock_mono_us() + DEADLINE_US;                                        \
        while (!(condition) && clock_mono_us() < wait_until) {                                     \
            something;                                                                             \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

#define WAIT_FOR(condition) WAIT_DOING(usleep(500), condition)

#endif
