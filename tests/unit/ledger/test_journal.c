/* test_journal.c: the ring: order, wrapping, room that was set aside, what a later process finds.
 */
#include "core/ledger/crc32c.h"
#include "core/ledger/journal_private.h"
#include "tests/unit/ledger/fixture.h"

#include <zlib.h>

#define CAPACITY (64u << 10)

struct ring {
    char dir[DIR_TEXT], path[DIR_TEXT + 16];
    struct journal *j;
    uint64_t read;        /* position */
    uint32_t wrote, seen; /* records by number */
};

static struct ring ring_make(void)
{
    struct ring r = {0};
    dir_make(r.dir);
    snprintf(r.path, sizeof(r.path), "%s/journal.0", r.dir);
    r.j = journal_open(r.path, CAPACITY, NULL);
    assert_non_null(r.j);
    r.read = journal_tail(r.j);
    return r;
}

static void ring_free(struct ring *r)
{
    journal_close(r->j, false);
    dir_remove(r->dir);
}

static bool ring_put(struct ring *r, size_t n, enum journal_room room)
{
    uint8_t payload[RECORD_PAYLOAD_MAX];
    uint64_t position;
    memset(payload, (int)(r->wrote & 0xFF), n);
    memcpy(payload, &r->wrote, sizeof(r->wrote));
    if (!journal_append(r->j, RECORD_WHOLE, payload, n, room, &position)) {
        return false;
    }
    r->wrote++;
    return true;
}

static void check_record(const struct journal_record *rec, uint32_t number)
{
    uint32_t found;
    memcpy(&found, rec->payload.p, sizeof(found));
    assert_int_equal(found, number);
    for (size_t i = sizeof(found); i < rec->payload.n; i++) {
        assert_int_equal((uint8_t)rec->payload.p[i], number & 0xFF);
    }
}

/* Reads up to max records and gives their room back. */
static void ring_take(struct ring *r, size_t max)
{
    struct journal_record records[64];
    int64_t damaged = 0;
    size_t n = journal_list(r->j, r->read, journal_head(r->j), records, max, &r->read, &damaged);
    assert_int_equal(damaged, 0);
    for (size_t i = 0; i < n; i++) {
        check_record(&records[i], r->seen++);
    }
    journal_release(r->j, r->read);
}

static void records_of_every_size_wrap_in_order(void **state)
{
    (void)state;
    struct ring r = ring_make();
    srandom(7);
    for (int i = 0; i < 20000; i++) {
        size_t n = 4 + (size_t)random() % (i % 50 == 0 ? RECORD_PAYLOAD_MAX - 4 : 200);
        if (!ring_put(&r, n, JOURNAL_TOP_UP)) {
            ring_take(&r, 1 + (size_t)random() % 63);
        } else if (random() % 3 == 0) {
            ring_take(&r, (size_t)random() % 4);
        }
    }
    while (r.read < journal_head(r.j)) {
        ring_take(&r, 64);
    }
    assert_int_equal(r.seen, r.wrote);
    assert_true(r.wrote > 10000);
    assert_int_equal(journal_percent(r.j), 0);
    ring_free(&r);
}

/* Whatever is done to the ring, everything admitted can be settled at its full length. */
static void settling_never_fails(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct ring r = ring_make();
        uint32_t open = 0;
        srandom(seed);
        for (int i = 0; i < 3000; i++) {
            size_t n = 4 + (size_t)random() % (seed % 4 == 0 ? RECORD_PAYLOAD_MAX - 4 : 600);
            switch (random() % 5) {
            case 0:
            case 1:
                open += ring_put(&r, n, JOURNAL_ADMISSION);
                break;
            case 2:
                (void)ring_put(&r, n < RECORD_SETTLED_MAX ? n : RECORD_SETTLED_MAX, JOURNAL_TOP_UP);
                break;
            case 3:
                (void)ring_put(&r, n, JOURNAL_REFUSAL);
                break;
            default:
                if (open > 0 && random() % 2 == 0) {
                    assert_true(ring_put(&r, RECORD_SETTLED_MAX, JOURNAL_SETTLING));
                    open--;
                }
            }
            if (random() % 8 == 0) {
                ring_take(&r, (size_t)random() % 20);
            }
        }
        while (open-- > 0) {
            assert_true(ring_put(&r, RECORD_SETTLED_MAX, JOURNAL_SETTLING));
        }
        while (r.read < journal_head(r.j)) {
            ring_take(&r, 64);
        }
        assert_int_equal(r.seen, r.wrote);
        ring_free(&r);
    }
}

static void full_ring_leaves_room_by_rank(void **state)
{
    (void)state;
    struct ring r = ring_make();
    uint32_t open = 0, topped = 0;
    while (ring_put(&r, 200, JOURNAL_ADMISSION)) {
        open++;
    }
    assert_true(open > 50);
    assert_false(ring_put(&r, 200, JOURNAL_REFUSAL));
    assert_int_equal(journal_dropped_refusals(r.j), 1);
    while (ring_put(&r, 60, JOURNAL_TOP_UP)) {
        topped++;
    }
    assert_true(topped > 10);
    assert_false(ring_put(&r, 200, JOURNAL_ADMISSION));
    for (uint32_t i = 0; i < open; i++) {
        assert_true(ring_put(&r, RECORD_SETTLED_MAX, JOURNAL_SETTLING));
    }
    assert_false(ring_put(&r, RECORD_SETTLED_MAX, JOURNAL_SETTLING)); /* one too many */
    ring_take(&r, 64);
    assert_true(ring_put(&r, 200, JOURNAL_ADMISSION));
    ring_free(&r);
}

/* Full to the brim, and then everything settled: wherever the end of the ring falls among the
 * settled records, the padding there must not cost the room of the last one. */
static void brim_full_ring_settles_at_every_phase(void **state)
{
    (void)state;
    for (uint32_t phase = 0; phase < 120; phase++) {
        struct ring r = ring_make();
        for (uint32_t i = 0; i < phase; i++) {
            assert_true(ring_put(&r, 512 + 8 * (phase % 7), JOURNAL_TOP_UP));
            ring_take(&r, 1);
        }
        uint32_t open = 0;
        while (ring_put(&r, 200, JOURNAL_ADMISSION)) {
            open++;
        }
        while (ring_put(&r, 8, JOURNAL_TOP_UP)) {
            continue;
        }
        for (uint32_t i = 0; i < open; i++) {
            assert_true(ring_put(&r, RECORD_SETTLED_MAX, JOURNAL_SETTLING));
        }
        assert_true(journal_head(r.j) - journal_tail(r.j) <= CAPACITY);
        while (r.read < journal_head(r.j)) {
            ring_take(&r, 64);
        }
        assert_int_equal(r.seen, r.wrote);
        ring_free(&r);
    }
}

static void half_full_is_told_once(void **state)
{
    (void)state;
    struct ring r = ring_make();
    int told = 0;
    for (int i = 0; i < 200; i++) {
        (void)ring_put(&r, 200, JOURNAL_TOP_UP);
        told += journal_wants_folding(r.j);
    }
    assert_int_equal(told, 1);
    assert_int_equal(journal_sync(r.j), ERR_OK);
    while (r.read < journal_head(r.j)) {
        ring_take(&r, 64);
    }
    assert_false(journal_wants_folding(r.j));
    ring_free(&r);
}

static void later_process_finds_everything(void **state)
{
    (void)state;
    struct ring r = ring_make();
    for (int i = 0; i < 2000; i++) { /* round the ring a few times */
        assert_true(ring_put(&r, 150, JOURNAL_TOP_UP));
        ring_take(&r, 1);
    }
    uint64_t until = r.read;
    for (int i = 0; i < 20; i++) {
        assert_true(ring_put(&r, 150, JOURNAL_TOP_UP));
    }
    struct journal_image image;
    assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
    assert_false(image.clean);
    assert_int_equal(image.head, journal_head(r.j));
    uint32_t number = 2000;
    for (size_t i = 0; i < image.count; i++) {
        assert_true(image.generations[i] == journal_generation(r.j));
        if (image.records[i].position >= until) {
            check_record(&image.records[i], number++);
        }
    }
    assert_int_equal(number, 2020);
    journal_image_free(&image);

    journal_close(r.j, false); /* opened again, the old records are forgotten */
    r.j = journal_open(r.path, CAPACITY, NULL);
    assert_non_null(r.j);
    assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
    assert_int_equal(image.count, 0);
    journal_image_free(&image);
    journal_close(r.j, true);
    assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
    assert_true(image.clean);
    journal_image_free(&image);
    r.j = journal_open(r.path, 2 * CAPACITY, NULL); /* another size */
    assert_non_null(r.j);
    assert_true(ring_put(&r, 150, JOURNAL_TOP_UP));
    ring_free(&r);
}

static void write_file(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Each flipped byte loses at most the record it is in, and never makes one up. */
static void every_flipped_byte_is_survived(void **state)
{
    (void)state;
    static uint8_t bytes[CAPACITY + 4096];
    struct ring r = ring_make();
    for (int i = 0; i < 40; i++) {
        assert_true(ring_put(&r, 20 + (size_t)i, JOURNAL_TOP_UP));
    }
    size_t used = journal_head(r.j) - journal_tail(r.j);
    FILE *f = fopen(r.path, "r");
    assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
    fclose(f);
    for (size_t at = 0; at < 4096 + used; at += at < 64 ? 1 : at < 4096 ? 997 : 5) {
        struct journal_image image;
        bytes[at] ^= 0x5A;
        write_file(r.path, bytes, sizeof(bytes));
        bytes[at] ^= 0x5A;
        assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
        assert_true(image.count == 40 || image.count == 39);
        for (size_t i = 0; i < image.count; i++) {
            uint32_t number;
            memcpy(&number, image.records[i].payload.p, sizeof(number));
            check_record(&image.records[i], number);
        }
        journal_image_free(&image);
    }
    ring_free(&r);
}

static void odd_files_are_survived(void **state)
{
    (void)state;
    static uint8_t bytes[CAPACITY + 4096];
    struct ring r = ring_make();
    struct journal_image image;
    struct err_info ei = {0};
    const size_t sizes[] = {0, 1, 4095, 4096, 5000, CAPACITY + 4095, CAPACITY + 4096};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int fill = 0; fill < 3; fill++) {
            for (size_t at = 0; at < sizeof(bytes); at++) {
                bytes[at] = fill < 2 ? (uint8_t)(fill * 0xFF) : (uint8_t)random();
            }
            write_file(r.path, bytes, sizes[i]);
            assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
            assert_int_equal(image.count, 0);
            journal_image_free(&image);
        }
    }
    assert_int_equal(journal_load("/nonexistent/journal.0", &image, &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/nonexistent/journal.0"));
    err_clear(&ei);
    assert_null(journal_open("/nonexistent/journal.0", 0, &ei));
    assert_int_equal(ei.code, ERR_IO);
    ring_free(&r);
}

/* As the first version wrote it: other magic, other checksum. */
static void make_earlier(uint8_t *bytes, size_t used)
{
    struct journal_header *h = (struct journal_header *)(void *)bytes;
    h->magic = JOURNAL_MAGIC_1;
    h->crc = journal_header_crc(h);
    uint8_t *ring = bytes + JOURNAL_HEADER_SIZE;
    for (size_t at = 0; at < used;) {
        struct journal_frame *f = (struct journal_frame *)(void *)(ring + at);
        uint64_t seed[3] = {f->position, h->generation, ((uint64_t)f->type << 32) | f->size};
        uLong crc = crc32(0, (const Bytef *)seed, sizeof(seed));
        f->crc = (uint32_t)crc32(crc, (const Bytef *)(f + 1), f->size);
        at += f->length;
    }
}

static void journal_of_the_first_version_is_read(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t bytes[CAPACITY + 4096];
    struct ring r = ring_make();
    for (int i = 0; i < 30; i++) {
        assert_true(ring_put(&r, 20 + (size_t)i, JOURNAL_TOP_UP));
    }
    FILE *f = fopen(r.path, "r");
    assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
    fclose(f);
    make_earlier(bytes, journal_head(r.j) - journal_tail(r.j));
    for (int damaged = 0; damaged < 2; damaged++) { /* without its header: by either checksum */
        struct journal_image image;
        bytes[8] ^= damaged ? 0xFF : 0;
        write_file(r.path, bytes, sizeof(bytes));
        assert_int_equal(journal_load(r.path, &image, NULL), ERR_OK);
        assert_int_equal(image.count, 30);
        for (uint32_t i = 0; i < 30; i++) {
            check_record(&image.records[i], i);
        }
        journal_image_free(&image);
    }
    ring_free(&r);
}

static void checksum_is_the_same_everywhere(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_by_tables(0, "123456789", 9), 0xE3069283);
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 37 + 11);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t n = 0; from + n <= sizeof(bytes); n++) {
            uint32_t whole = crc32c(0, bytes + from, n);
            assert_int_equal(whole, crc32c_by_tables(0, bytes + from, n));
            uint32_t part = crc32c(0, bytes + from, n / 3);
            assert_int_equal(whole, crc32c(part, bytes + from + n / 3, n - n / 3));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_size_wrap_in_order),
        cmocka_unit_test(settling_never_fails),
        cmocka_unit_test(full_ring_leaves_room_by_rank),
        cmocka_unit_test(brim_full_ring_settles_at_every_phase),
        cmocka_unit_test(half_full_is_told_once),
        cmocka_unit_test(later_process_finds_everything),
        cmocka_unit_test(every_flipped_byte_is_survived),
        cmocka_unit_test(odd_files_are_survived),
        cmocka_unit_test(journal_of_the_first_version_is_read),
        cmocka_unit_test(checksum_is_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
