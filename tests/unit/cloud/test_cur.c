/* test_cur.c: CUR 2.0 files into the bill: columns by name, gzip, malformed lines, what replaces
 * what, sums, and noise. */
#include "core/base/buf.h"
#include "core/cloud/cur_import.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define HEADER                                                                                     \
    "bill_billing_period_start_date,line_item_usage_start_date,line_item_line_item_type,"          \
    "line_item_product_code,product_product_name,line_item_usage_type,line_item_usage_amount,"     \
    "line_item_unblended_cost,line_item_iam_principal,tags,resource_tags_user_team\n"

struct rig {
    char dir[64], file[96];
    struct err_info ei;
    struct cur_counts counts;
    struct buf sums;
};

static int set_up(void **state)
{
    struct rig *g = calloc(1, sizeof *g);
    assert_non_null(g);
    str_copy(g->dir, sizeof g->dir, STR("/tmp/tollgate-cur-XXXXXX"));
    assert_non_null(mkdtemp(g->dir));
    snprintf(g->file, sizeof g->file, "%s/cur.csv", g->dir);
    *state = g;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"cur.csv", "cur.db", "cur.db-wal", "cur.db-shm"};
    struct rig *g = *state;
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", g->dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(g->dir), 0);
    buf_free(&g->sums);
    free(g);
    return 0;
}

static void write_file(struct rig *g, struct str text, bool gzip)
{
    gzFile f = gzopen(g->file, gzip ? "wb" : "wbT");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, text.p, (unsigned)text.n), (int)text.n);
    assert_int_equal(gzclose(f), Z_OK);
}

static enum err import(struct rig *g)
{
    g->counts = (struct cur_counts){0};
    err_clear(&g->ei);
    struct ledger_cur *to = ledger_cur_open(g->dir, true, &g->ei);
    assert_non_null(to);
    enum err e = cur_import_file(to, g->file, &g->counts, &g->ei);
    e = e != ERR_OK ? e : ledger_cur_commit(to, &g->ei);
    ledger_cur_close(to);
    return e;
}

static bool note_sum(void *arg, const struct ledger_cur_sum *s)
{
    struct rig *g = arg;
    return buf_printf(&g->sums, "%.*s=%lld/%lld;", (int)s->keys[0].n,
                      s->keys[0].n > 0 ? s->keys[0].p : "", (long long)s->usd, (long long)s->lines);
}

static const char *sums(struct rig *g, const char *by, const char *period)
{
    buf_clear(&g->sums);
    struct ledger_cur *from = ledger_cur_open(g->dir, false, &g->ei);
    assert_non_null(from);
    assert_int_equal(ledger_cur_sums(from, &by, 1, period, note_sum, g, &g->ei), ERR_OK);
    ledger_cur_close(from);
    return buf_cstr(&g->sums);
}

#define LINE(day, type, product, cost, principal, tags)                                            \
    "2026-11-01 00:00:00.000,2026-11-" day "T00:00:00.000Z," type "," product                      \
    ",,USE1-input-tokens,2.5," cost "," principal "," tags ",blue\n"

static void lines_are_summed_by_principal_and_tag(void **state)
{
    struct rig *g = *state;
    write_file(g,
               STR(HEADER LINE("20", "Usage", "AmazonBedrock", "1.5", "arn:a",
                               "\"{\"\"user_costCenter\"\":\"\"sales\"\",\"\"iamPrincipal/team\"\":"
                               "\"\"x\"\"}\"")
                       LINE("20", "Usage", "AmazonBedrock", "0.25", "arn:a", "{}")
                           LINE("21", "Usage", "AmazonBedrock", "1E-9", "arn:b", "")
                               LINE("21", "Usage", "AmazonS3", "9", "arn:b", "")
                                   LINE("21", "Tax", "AmazonBedrock", "9", "", "")
                                       LINE("21", "Usage", "AmazonBedrock", "0.5", "", "")),
               false);
    assert_int_equal(import(g), ERR_OK);
    assert_int_equal(g->counts.lines, 6);
    assert_int_equal(g->counts.taken, 4);
    assert_int_equal(g->counts.other, 1);
    assert_int_equal(g->counts.left_out, 1);
    assert_int_equal(g->counts.principals_missing, 1);
    assert_string_equal(sums(g, "principal", ""), "arn:a=1750000000/2;=500000000/1;arn:b=1/1;");
    assert_string_equal(sums(g, "costCenter", "2026-11"), "sales=1500000000/1;=750000001/3;");
    assert_string_equal(sums(g, "iamPrincipal/team", ""), "x=1500000000/1;=750000001/3;");
    assert_string_equal(sums(g, "team", ""), "blue=2250000001/4;");
    assert_string_equal(sums(g, "day", ""), "2026-11-20=1750000000/2;2026-11-21=500000001/2;");
    assert_string_equal(sums(g, "day", "2026-10"), "");
}

static void the_same_period_is_replaced_not_added(void **state)
{
    struct rig *g = *state;
    for (int i = 0; i < 3; i++) {
        write_file(g, STR(HEADER LINE("20", "Usage", "AmazonBedrock", "1", "arn:a", "")), i == 1);
        assert_int_equal(import(g), ERR_OK);
        assert_string_equal(sums(g, "principal", ""), "arn:a=1000000000/1;");
    }
}

static void what_fails_leaves_the_bill_as_it_was(void **state)
{
    struct rig *g = *state;
    write_file(g, STR(HEADER LINE("20", "Usage", "AmazonBedrock", "1", "arn:a", "")), false);
    assert_int_equal(import(g), ERR_OK);
    write_file(g, STR("a,b\n1,2\n"), false);
    assert_int_equal(import(g), ERR_PARSE);
    assert_non_null(strstr(g->ei.text, "no column bill_billing_period_start_date"));
    write_file(g, STR(HEADER "x,y\nz\n"), false);
    assert_int_equal(import(g), ERR_PARSE);
    write_file(g, STR(""), false);
    assert_int_equal(import(g), ERR_PARSE);
    write_file(g, STR("PAR1\x15\x04"), false);
    assert_int_equal(import(g), ERR_UNSUPPORTED);
    assert_non_null(strstr(g->ei.text, "is Parquet"));
    unlink(g->file);
    assert_int_equal(import(g), ERR_IO);
    assert_string_equal(sums(g, "principal", ""), "arn:a=1000000000/1;");
}

static void a_gzip_that_is_cut_off_is_refused(void **state)
{
    struct rig *g = *state;
    struct buf text = {0};
    buf_add(&text, HEADER);
    for (int i = 0; i < 2000; i++) {
        buf_printf(&text, LINE("20", "Usage", "AmazonBedrock", "1.%d", "arn:%d", ""), i, i * 7);
    }
    write_file(g, buf_str(&text), true);
    buf_free(&text);
    FILE *f = fopen(g->file, "rb+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    fclose(f);
    assert_int_equal(truncate(g->file, size / 2), 0);
    assert_int_equal(import(g), ERR_CORRUPT);
    struct err_info ei = {0};
    struct ledger_cur *from = ledger_cur_open(g->dir, false, &ei);
    assert_null(from);
    assert_int_equal(ei.code, ERR_NOT_FOUND);
}

static void many_malformed_lines_are_passed_over(void **state)
{
    static const char *const bad[] = {
        "1,2,3\n",
        "no date,2026-11-20,Usage,AmazonBedrock,,u,1,1,arn:x,,\n",
        "2026-11-01,2026-13-20,Usage,AmazonBedrock,,u,1,1,arn:x,,\n",
        "2026-11-01,2026-11-20,Usage,AmazonBedrock,,u,1,one dollar,arn:x,,\n",
        "2026-11-01,2026-11-20,Usage,AmazonBedrock,,u,nan,1,arn:x,,\n",
        "2026-11-01,2026-11-20,Usage,AmazonBedrock,,u,1,1,arn:x\"y\",,\n",
        "2026-11-01,2026-11-20,Usage,AmazonBedrock,,u,1,,arn:x,,\n"};
    struct rig *g = *state;
    struct buf text = {0};
    buf_add(&text, HEADER);
    for (int i = 0; i < 20000; i++) {
        buf_add(&text, i % 100 == 0 ? LINE("20", "Usage", "AmazonBedrock", "1", "arn:a", "{broken")
                                    : bad[i % 7]);
    }
    write_file(g, buf_str(&text), true);
    buf_free(&text);
    assert_int_equal(import(g), ERR_OK);
    assert_int_equal(g->counts.taken, 200);
    assert_int_equal(g->counts.malformed, 19800);
    assert_int_equal(g->counts.first_malformed, 3);
    assert_string_equal(sums(g, "principal", ""), "arn:a=200000000000/200;");
}

/* Bytes of a good file, changed at random: no crash, and nothing but a clear answer. */
static void noise_is_survived(void **state)
{
    static const char good[] = HEADER LINE("20", "Usage", "AmazonBedrock", "1", "arn:a", "\"{}\"")
        LINE("21", "Usage", "AmazonBedrock", "2", "arn:b", "");
    struct rig *g = *state;
    uint32_t seed = 99;
    for (int round = 0; round < 60; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int k = 0; k < 6; k++) {
            seed = seed * 1664525 + 1013904223;
            text[(seed >> 8) % (sizeof good - 1)] = (char)(seed >> 24);
        }
        write_file(g, (struct str){text, sizeof good - 1}, false);
        enum err e = import(g);
        assert_true(e == ERR_OK || e == ERR_PARSE || e == ERR_CORRUPT);
        assert_true(g->counts.taken <= 2 && g->counts.lines <= 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_summed_by_principal_and_tag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_period_is_replaced_not_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_fails_leaves_the_bill_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gzip_that_is_cut_off_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_malformed_lines_are_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(noise_is_survived, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
