#include "tests/unit/test.h"
#include "tui/bindings.h"
#include "widgets/keys.h"

#include <string.h>

static void a_key_means_one_thing_in_a_view(void **state)
{
    (void)state;
    for (int view = 0; view < VIEW_COUNT; view++) {
        for (size_t i = 0; i < bindings_count; i++) {
            for (size_t k = 0; k < 3; k++) {
                int key = bindings[i].keys[k];
                if (key > 0 && binding_in_view(&bindings[i], (enum ui_view)view) &&
                    binding_find(key, (enum ui_view)view) != &bindings[i]) {
                    fail_msg("key %d is bound twice in view %d", key, view);
                }
            }
        }
    }
}

static void the_contract_s_keys_are_bound(void **state)
{
    (void)state;
    static const struct {
        int key;
        enum action action;
    } keys[] = {{'q', ACT_QUIT},      {'?', ACT_HELP}, {'+', ACT_RAISE},  {'-', ACT_LOWER},
                {'=', ACT_SET},       {'t', ACT_FOR},  {'b', ACT_BLOCK},  {'u', ACT_UNDO},
                {'/', ACT_FILTER},    {'s', ACT_SORT}, {' ', ACT_FREEZE}, {'T', ACT_TIME},
                {':', ACT_COMMAND},   {'7', ACT_VIEW}, {'j', ACT_DOWN},   {W_KEY_ENTER, ACT_OPEN},
                {W_KEY_ESC, ACT_BACK}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct binding *b = binding_find(keys[i].key, VIEW_LIMITS);
        assert_non_null(b);
        assert_int_equal(b->action, keys[i].action);
    }
    assert_null(binding_find('+', VIEW_CLOUD));
    assert_null(binding_find('%', VIEW_LIMITS));
    assert_null(binding_find(0, VIEW_LIMITS));
}

static void changes_are_classed_as_such(void **state)
{
    (void)state;
    for (size_t i = 0; i < bindings_count; i++) {
        bool change = bindings[i].action >= ACT_RAISE && bindings[i].action <= ACT_REVERT;
        bool command = bindings[i].action >= ACT_LIMIT_SET;
        assert_int_equal(bindings[i].class != CLASS_READ, change || command);
        if (bindings[i].hint) {
            assert_non_null(bindings[i].label);
        }
    }
}

static void commands_are_found(void **state)
{
    (void)state;
    const char *rest = NULL;
    bool ambiguous;
    const struct binding *b = binding_command("limit set haiku tokens=5k", &rest, &ambiguous);
    assert_non_null(b);
    assert_int_equal(b->action, ACT_LIMIT_SET);
    assert_string_equal(rest, "haiku tokens=5k");
    b = binding_command("  q", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_QUIT);
    b = binding_command("theme light", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_THEME);
    assert_string_equal(rest, "light");
    b = binding_command("limit unblock x", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_LIMIT_UNBLOCK);
    b = binding_command("sort invert", &rest, &ambiguous); /* not `sort` by a column "invert" */
    assert_int_equal(b->action, ACT_SORT_INVERT);
    b = binding_command("limit try x tokens=1k", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_LIMIT_TRY);
    b = binding_command("set color=off", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_COLOR);
    assert_string_equal(rest, "off");
    b = binding_command("set low-bandwidth on", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_LOW_BANDWIDTH);
    assert_string_equal(rest, "on");
    b = binding_command("set nonsense=1", &rest, &ambiguous);
    assert_int_equal(b->action, ACT_SET); /* which takes no words, and says so */
    assert_string_equal(rest, "nonsense=1");
    b = binding_command("den", &rest, &ambiguous);
    assert_int_equal(b->number, VIEW_DENIALS);
}

static void what_is_not_a_command_is_not_found(void **state)
{
    (void)state;
    const char *rest = NULL;
    bool ambiguous;
    assert_null(binding_command("", &rest, &ambiguous));
    assert_null(binding_command("blockx y", &rest, &ambiguous));
    assert_null(binding_command("limit sett x", &rest, &ambiguous));
    assert_null(binding_command("t", &rest, &ambiguous)); /* time, theme */
    assert_true(ambiguous);
}

static void what_was_meant_is_known(void **state)
{
    (void)state;
    static const char *const typed[][2] = {
        {"block haiku", "limit block"}, {"unblock", "limit unblock"},
        {"history x", "limit history"}, {"call stop", "stop"},
        {"limit sort", "sort"},         {"gibberish", NULL},
        {"limit gibberish", NULL},      {"", NULL}};
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        const struct binding *b = binding_meant(typed[i][0]);
        assert_true((b != NULL) == (typed[i][1] != NULL));
        if (b) {
            assert_string_equal(b->command, typed[i][1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_means_one_thing_in_a_view),
        cmocka_unit_test(the_contract_s_keys_are_bound),
        cmocka_unit_test(changes_are_classed_as_such),
        cmocka_unit_test(commands_are_found),
        cmocka_unit_test(what_is_not_a_command_is_not_found),
        cmocka_unit_test(what_was_meant_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
