/* test_load.c: finding and reading the file. */
#include "core/config/config.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int enter_folder(void **state)
{
    (void)state;
    unsetenv("TOLLGATE_CONFIG");
    snprintf(folder, sizeof(folder), "/tmp/tollgate-config-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0 || setenv("HOME", folder, 1) != 0;
}

static int leave_folder(void **state)
{
    (void)state;
    static const char *const left[] = {"tollgate.yaml", ".config/tollgate/tollgate.yaml",
                                       ".config/tollgate", ".config"};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        remove(left[i]);
    }
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_found(const char *given, const char *path)
{
    struct err_info ei = {0};
    char *found = config_find(given, &ei);
    assert_non_null(found);
    assert_string_equal(found, path);
    free(found);
}

static void finds_in_order(void **state)
{
    (void)state;
    char own[128];
    snprintf(own, sizeof(own), "%s/.config/tollgate/tollgate.yaml", folder);
    assert_int_equal(mkdir(".config", 0700), 0);
    assert_int_equal(mkdir(".config/tollgate", 0700), 0);
    put(own, "region: us-east-1\n");
    expect_found(NULL, own);
    put("tollgate.yaml", "region: us-east-1\n");
    expect_found(NULL, "./tollgate.yaml");
    setenv("TOLLGATE_CONFIG", "/absent", 1);
    expect_found(NULL, "/absent");
    expect_found("/given", "/given");
}

static void finds_none(void **state)
{
    (void)state;
    struct stat st;
    if (stat("/etc/tollgate/tollgate.yaml", &st) == 0) {
        skip();
    }
    struct err_info ei = {0};
    assert_null(config_find(NULL, &ei));
    assert_int_equal(ei.code, ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "--config"));
}

static void loads(void **state)
{
    (void)state;
    struct config_mistakes mistakes;
    put("tollgate.yaml", "region: us-east-1\nstate_dir: state\n");
    struct config *c = config_load("./tollgate.yaml", &mistakes);
    assert_non_null(c);
    assert_int_equal(mistakes.count, 0);
    assert_string_equal(c->path, "./tollgate.yaml");
    char state_dir[128];
    snprintf(state_dir, sizeof(state_dir), "%s/./state", folder);
    assert_string_equal(c->state_dir, state_dir);
    config_mistakes_free(&mistakes);
    config_unref(c);
}

static void expect_unreadable(const char *path, const char *part)
{
    struct config_mistakes mistakes;
    assert_null(config_load(path, &mistakes));
    assert_int_equal(mistakes.errors, 1);
    assert_int_equal(mistakes.at[0].line, 0);
    assert_non_null(strstr(mistakes.at[0].text, part));
    config_mistakes_free(&mistakes);
}

static void says_why_it_cannot_read(void **state)
{
    (void)state;
    expect_unreadable("./absent.yaml", "No such file");
    expect_unreadable(folder, "folder");
    expect_unreadable("/dev/zero", "1 MB");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_in_order),
        TEST(finds_none),
        TEST(loads),
        TEST(says_why_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
