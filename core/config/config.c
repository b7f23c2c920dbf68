/* config.c: a configuration's life: found, read, shared, freed. */
#include "core/config/config_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"

#define FILE_MAX ((size_t)1024 * 1024)

/* A configuration and all its memory. */
struct holder {
    struct config config;
    struct arena arena;
};

static void read_document(struct config_reader *r, struct str text)
{
    yaml_document_t document;
    if (!config_walk_open(r, &document, text)) {
        return;
    }
    /* After a syntax error behind the first document its own mistakes are still told. */
    config_read_sections(r);
    config_check(r);
    yaml_document_delete(&document);
}

struct config *config_parse(const char *path, struct str text, struct config_mistakes *mistakes)
{
    *mistakes = (struct config_mistakes){0};
    struct holder *h = calloc(1, sizeof(*h));
    if (h == NULL) {
        mistakes->errors = 1; /* no memory to say so */
        return NULL;
    }
    struct config_reader r = {.config = &h->config, .arena = &h->arena, .mistakes = mistakes};
    h->config.memory = h;
    h->config.references = 1;
    h->config.path = config_text(&r, str_of(path));
    if (text.n > FILE_MAX) {
        config_mistake(&r, 0, "", "the file is larger than 1 MB");
    } else {
        read_document(&r, text);
    }
    if (r.no_memory) {
        config_mistake(&r, 0, "", "out of memory");
    }
    config_mistakes_sort(mistakes);
    if (mistakes->errors > 0) {
        config_unref(&h->config);
        return NULL;
    }
    return &h->config;
}

/* The whole file, as far as one byte past the maximum. */
static enum err read_file(const char *path, struct buf *out, struct err_info *ei)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int sys = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set_sys(ei, ERR_IO, sys, "cannot be opened");
    }
    enum err err = ERR_OK;
    if (S_ISDIR(st.st_mode)) {
        err = err_set(ei, ERR_IO, "is a folder, not a file");
    }
    while (err == ERR_OK && buf_str(out).n <= FILE_MAX) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            err = err_set_sys(ei, ERR_IO, errno, "cannot be read");
        } else if (n > 0 && !buf_append(out, chunk, (size_t)n)) {
            err = err_set(ei, ERR_NOMEM, "out of memory");
        }
    }
    close(fd);
    return err;
}

struct config *config_load(const char *path, struct config_mistakes *mistakes)
{
    struct buf text = {0};
    struct err_info ei = {0};
    struct config *c = NULL;
    if (read_file(path, &text, &ei) == ERR_OK) {
        c = config_parse(path, buf_str(&text), mistakes);
    } else {
        struct config_reader r = {.mistakes = mistakes};
        *mistakes = (struct config_mistakes){0};
        config_mistake(&r, 0, "", "%s", ei.text);
    }
    buf_free(&text);
    return c;
}

char *config_find(const char *given, struct err_info *ei)
{
    const char *variable = getenv("TOLLGATE_CONFIG"), *home = getenv("HOME");
    if (given == NULL && variable != NULL && *variable != '\0') {
        given = variable;
    }
    char own[4096] = "";
    if (home != NULL && home[0] == '/') {
        int n = snprintf(own, sizeof(own), "%s/.config/tollgate/tollgate.yaml", home);
        if (n < 0 || (size_t)n >= sizeof(own)) {
            own[0] = '\0';
        }
    }
    const char *const places[] = {"./tollgate.yaml", own, "/etc/tollgate/tollgate.yaml"};
    struct stat st;
    for (size_t i = 0; i < 3 && given == NULL; i++) {
        if (*places[i] != '\0' && stat(places[i], &st) == 0) {
            given = places[i];
        }
    }
    if (given == NULL) {
        err_set(ei, ERR_NOT_FOUND,
                "no configuration: none at ./tollgate.yaml, ~/.config/tollgate/tollgate.yaml or "
                "/etc/tollgate/tollgate.yaml; write one, or give --config FILE or TOLLGATE_CONFIG");
        return NULL;
    }
    char *found = str_dup(str_of(given));
    if (found == NULL) {
        err_set(ei, ERR_NOMEM, "out of memory");
    }
    return found;
}

/* Joins folder, '/' and the rest; NULL or what is wrong. */
static const char *join(char *out, size_t size, const char *folder, struct str rest)
{
    int n = snprintf(out, size, "%s/%.*s", folder, (int)rest.n, rest.p);
    return n < 0 || (size_t)n >= size ? "is too long a path" : NULL;
}

const char *config_absolute(const char *file, struct str text, char *out, size_t size)
{
    const char *home = getenv("HOME");
    if (text.n >= size) {
        return "is too long a path";
    }
    if (text.p[0] == '/') {
        str_copy(out, size, text);
        return NULL;
    }
    if (str_starts(text, "~/")) {
        if (home == NULL || home[0] != '/') {
            return "begins with ~/ but HOME is not set: give an absolute path";
        }
        return join(out, size, home, str_sub(text, 2, text.n));
    }
    char folder[4096] = "";
    const char *slash = strrchr(file, '/');
    if (file[0] != '/' && getcwd(folder, sizeof(folder)) == NULL) {
        return "is relative, and the working directory is gone: give an absolute path";
    }
    if (slash != NULL) {
        size_t n = strlen(folder);
        int m = snprintf(folder + n, sizeof(folder) - n, "%s%.*s", n > 0 ? "/" : "",
                         (int)(slash - file), file);
        if (m < 0 || (size_t)m >= sizeof(folder) - n) {
            return "is too long a path";
        }
    }
    return join(out, size, folder, text);
}

struct config *config_ref(struct config *c)
{
    __atomic_add_fetch(&c->references, 1, __ATOMIC_RELAXED);
    return c;
}

void config_unref(struct config *c)
{
    if (c == NULL || __atomic_sub_fetch(&c->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    struct holder *h = c->memory;
    arena_free(&h->arena);
    free(h);
}
