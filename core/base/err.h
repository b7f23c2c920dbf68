/* err.h: errors as values. Room `base`: what every other room stands on; knows nothing of Bedrock.
 */
#ifndef TOLLGATE_BASE_ERR_H
#define TOLLGATE_BASE_ERR_H

#define ERR_LIST(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(NOMEM, "out_of_memory")                                                                      \
    X(RANGE, "out_of_range")                                                                       \
    X(PARSE, "malformed")                                                                          \
    X(IO, "io")                                                                                    \
    X(TIMEOUT, "timeout")                                                                          \
    X(CLOSED, "closed")                                                                            \
    X(TOO_BIG, "too_big")                                                                          \
    X(NOT_FOUND, "not_found")                                                                      \
    X(EXISTS, "exists")                                                                            \
    X(CONFLICT, "conflict")                                                                        \
    X(FORBIDDEN, "forbidden")                                                                      \
    X(AUTH, "auth")                                                                                \
    X(BUSY, "busy")                                                                                \
    X(FULL, "full")                                                                                \
    X(CORRUPT, "corrupt")                                                                          \
    X(UNSUPPORTED, "unsupported")                                                                  \
    X(NEEDS_CONFIRMATION, "needs_confirmation")                                                    \
    X(NO_CORE, "no_core")                                                                          \
    X(USAGE, "usage")

enum err {
#define X(id, name) ERR_##id,
    ERR_LIST(X)
#undef X
};

/* What went wrong, for a person: what was being done, to which thing, what to do next. */
struct err_info {
    enum err code;
    char text[256];
};

/* Records code and text and returns code. ei may be NULL. The first error of an err_info wins:
 * a later err_set on the same one keeps the earlier text and returns the new code. */
enum err err_set(struct err_info *ei, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno value `sys` added. */
enum err err_set_sys(struct err_info *ei, enum err code, int sys, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Name of a code as used in JSON ("not_found"); never NULL. */
const char *err_name(enum err code);

/* Forgets what was recorded. */
void err_clear(struct err_info *ei);

#define MUST_CHECK __attribute__((warn_unused_result))

/* CHECK is always on: for invariants whose breach could overspend or lose a count. Never for input.
 */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            err_check_failed(#cond, __FILE__, __LINE__);                                           \
        }                                                                                          \
    } while (0)
void err_check_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

#endif
