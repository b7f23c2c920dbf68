/* fuzz.h: what the fuzz targets share: taking inputs apart, splitting them at chosen places, and
 * (with FUZZ_REPLAY) a main that replays a folder of inputs without libFuzzer.
 *
 * A target is one fuzz_NAME.c that defines LLVMFuzzerTestOneInput; its inputs are in corpus/NAME.
 */
#ifndef TOLLGATE_TESTS_FUZZ_H
#define TOLLGATE_TESTS_FUZZ_H

#include "core/base/buf.h"
#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define UNUSED __attribute__((unused))

/* A property that holds for every input. */
#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What is left of an input. */
struct input {
    const uint8_t *p;
    size_t n;
};

UNUSED static uint8_t input_byte(struct input *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->p++;
}

UNUSED static uint64_t input_int(struct input *in, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) {
        v = v << 8 | input_byte(in);
    }
    return v;
}

UNUSED static struct str input_str(struct input *in, size_t n)
{
    struct str s = {(const char *)in->p, n < in->n ? n : in->n};
    in->p += s.n;
    in->n -= s.n;
    return s;
}

/* Up to the next line feed, which is taken as well. */
UNUSED static struct str input_line(struct input *in)
{
    const uint8_t *lf = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);
    struct str s = input_str(in, lf == NULL ? in->n : (size_t)(lf - in->p));
    (void)input_byte(in);
    return s;
}

UNUSED static struct str input_rest(struct input *in)
{
    return input_str(in, in->n);
}

/* A copy in a block of exactly its size, so that a read beyond it is noticed. */
UNUSED static char *fuzz_copy(struct str s)
{
    char *copy = malloc(s.n == 0 ? 1 : s.n);
    MUST(copy != NULL);
    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    return copy;
}

/* The same with a NUL behind; bytes from the first NUL on are not seen by its reader. */
UNUSED static char *fuzz_text(struct str s)
{
    char *copy = malloc(s.n + 1);
    MUST(copy != NULL);
    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return copy;
}

/* Sizes of pieces, from a seed that is part of the input: seed 0 is single bytes. */
struct split {
    uint32_t state;
    bool bytes;
};

UNUSED static struct split split_of(uint16_t seed)
{
    return (struct split){seed * 2654435761U + 1, seed == 0};
}

UNUSED static size_t split_next(struct split *s, size_t left)
{
    s->state = s->state * 1664525U + 1013904223U;
    uint32_t draw = s->state >> 8;
    size_t n = s->bytes ? 1 : draw % 4 == 0 ? 1 : 1 + draw / 4 % 61;
    return n < left ? n : left;
}

UNUSED static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

UNUSED static bool holds_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == 0x7F) {
            return true;
        }
    }
    return false;
}

#ifdef FUZZ_REPLAY
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLAY_SECONDS 30
#define REPLAY_MAX     ((size_t)1 << 20)

static int replay_one(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(REPLAY_MAX);
    if (f == NULL || data == NULL) {
        perror(path);
        return 2;
    }
    size_t n = fread(data, 1, REPLAY_MAX, f);
    fclose(f);
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    MUST(exact != NULL);
    memcpy(exact, data, n);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

/* Each input in a child of its own: one that breaks does not hide the others. */
static bool replay(const char *path)
{
    fflush(NULL);
    pid_t child = fork();
    int status = 1;
    if (child == 0) {
        alarm(REPLAY_SECONDS);
        exit(replay_one(path));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        return false;
    }
    if (status != 0) {
        printf("FAILED %s (status %d)\n", path, status);
    }
    return status == 0;
}

/* usage: NAME FOLDER */
int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        fprintf(stderr, "%s: names no folder of inputs\n", argv[0]);
        return 2;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        int n = snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof(path)) {
            continue;
        }
        *(replay(path) ? &passed : &failed) += 1;
    }
    closedir(dir);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
#endif
#endif
