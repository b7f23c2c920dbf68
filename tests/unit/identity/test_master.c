/* test_master.c: the master key is made once, kept to its owner, and refused when it is not whole.
 */
#include "core/identity/identity.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], file[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tollgate-master-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%.60s/master.key", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder); /* fails when something was left behind */
}

static void write_file(const void *data, size_t n, mode_t mode)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void is_refused(const char *path, bool create, enum err code, const char *text)
{
    struct err_info ei = {0};

    assert_null(identity_new(path, "us-east-1", create, &ei));
    assert_int_equal(ei.code, code);
    if (strstr(ei.text, text) == NULL) {
        assert_string_equal(ei.text, text);
    }
}

static void it_is_made_once_and_only_when_asked(void **state)
{
    (void)state;
    struct err_info ei = {0};
    struct stat st;
    uint8_t first[32], second[32];

    is_refused(file, false, ERR_NOT_FOUND, "there is no key file ");
    mode_t mask = umask(0);
    struct identity *id = identity_new(file, "us-east-1", true, &ei);
    umask(mask);
    assert_non_null(id);
    identity_free(id);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_mode & 07777, 0600);
    int fd = open(file, O_RDONLY);
    assert_int_equal(read(fd, first, 32), 32);
    close(fd);
    id = identity_new(file, "us-east-1", true, &ei);
    assert_non_null(id);
    identity_free(id);
    fd = open(file, O_RDONLY);
    assert_int_equal(read(fd, second, 32), 32);
    close(fd);
    assert_memory_equal(first, second, 32);
}

static void the_same_master_gives_the_same_secrets(void **state)
{
    (void)state;
    struct key_record k = {0};
    struct key_secrets secrets;
    struct identity_result result;
    struct err_info ei = {0};
    struct identity *id = identity_new(file, "us-east-1", true, &ei);
    assert_int_equal(identity_draw(id, &k, &secrets, &ei), ERR_OK);
    identity_free(id);

    id = identity_new(file, "us-east-1", false, &ei);
    assert_non_null(id);
    assert_int_equal(identity_put(id, &k), ERR_OK);
    struct http_header header = {STR("x-api-key"), str_of(secrets.bearer_token)};
    struct identity_request r = {.headers = &header, .header_count = 1};
    struct tags tags = {0};
    struct arena a = {0};
    assert_int_equal(identity_check(id, &r, &tags, &a, &result, &ei), ERR_OK);
    identity_free(id);
}

static void one_that_others_can_read_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};
    char key[32] = "0123456789012345678901234567890";

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        char text[64];
        write_file(key, 32, modes[i]);
        snprintf(text, sizeof(text), "(mode %04o); run: chmod 600 ", (unsigned)modes[i]);
        is_refused(file, true, ERR_FORBIDDEN, text);
    }
    write_file(key, 32, 0400);
    struct identity *id = identity_new(file, "us-east-1", false, NULL);
    assert_non_null(id);
    identity_free(id);
}

static void one_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    char key[64] = {0};
    static const size_t sizes[] = {0, 31, 33, 64};

    for (size_t i = 0; i < 4; i++) {
        char text[64];
        write_file(key, sizes[i], 0600);
        snprintf(text, sizeof(text), " has %zu bytes, not 32", sizes[i]);
        is_refused(file, true, ERR_CORRUPT, text);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    is_refused(folder, true, ERR_CORRUPT, " is not a regular file");
    assert_int_equal(mkfifo(file, 0600), 0);
    is_refused(file, true, ERR_CORRUPT, " is not a regular file");
}

static void places_that_do_not_work_are_told(void **state)
{
    (void)state;
    is_refused("/nonexistent/folder/master.key", true, ERR_IO,
               "cannot create the key file /nonexistent/folder/master.key: No such file");
    static char name[5000];
    memset(name, 'a', sizeof(name) - 1);
    is_refused(name, true, ERR_IO, "cannot open the key file ");
    write_file("", 0, 0600);
    char below[160];
    snprintf(below, sizeof(below), "%s/x", file);
    is_refused(below, true, ERR_IO, "Not a directory");
    struct err_info ei = {0};
    assert_null(identity_new(file, "a-region-with-a-name-that-is-far-too-long", true, &ei));
    assert_int_equal(ei.code, ERR_RANGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_made_once_and_only_when_asked), TEST(the_same_master_gives_the_same_secrets),
        TEST(one_that_others_can_read_is_refused), TEST(one_that_is_not_whole_is_refused),
        TEST(what_is_no_file_is_refused),          TEST(places_that_do_not_work_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
