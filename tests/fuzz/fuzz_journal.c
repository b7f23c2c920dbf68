/* Journal files of an earlier process: every record found lies in the file, undamaged ones are all
 * found, and their payloads are read within their bounds. */
#include "tests/fuzz/journal_file.h"

static void check_strings(const struct record_call *c, struct str payload)
{
    const struct str all[] = {c->request_id, c->operation, c->model, c->model_id,
                              c->principal,  c->limit,     c->error, c->group};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        MUST(is_inside(all[i], payload));
    }
    MUST(c->tags.count <= TAGS_MAX);
    for (size_t i = 0; i < c->tags.count; i++) {
        MUST(is_inside(c->tags.at[i].key, payload) && is_inside(c->tags.at[i].value, payload));
    }
    MUST(c->dialect <= DIALECT_WORKFLOW && c->outcome <= OUTCOME_REJECTED);
}

static void read_payload(enum record_type type, struct str payload)
{
    char *copy = fuzz_copy(payload);
    struct str own = {copy, payload.n};
    struct record_call call = {0};
    uint64_t slot;
    bool whole = false;

    switch (type) {
    case RECORD_PAD:
        break;
    case RECORD_ADMITTED:
        whole = record_get_admitted(own, &call);
        break;
    case RECORD_TOPPED_UP:
        whole = record_get_topped_up(own, &slot, &call);
        break;
    case RECORD_SETTLED:
        whole = record_get_settled(own, &slot, &call);
        break;
    case RECORD_WHOLE:
        whole = record_get_whole(own, &call);
        break;
    }
    if (whole) {
        check_strings(&call, own);
    }
    free(copy);
}

static void check_image(const struct journal_image *image)
{
    const char *from = (const char *)image->bytes;

    for (size_t i = 0; i < image->count; i++) {
        const struct journal_record *r = &image->records[i];
        MUST(r->payload.p >= from + JOURNAL_HEADER_SIZE);
        MUST(r->payload.p + r->payload.n <= from + JOURNAL_FILE_BYTES);
        MUST(r->payload.n <= RECORD_PAYLOAD_MAX);
        MUST(journal_record_end(r) > r->position || r->position > UINT64_MAX - 65536);
        MUST(r->type >= RECORD_PAD && r->type <= RECORD_WHOLE);
        MUST(i == 0 || image->generations[i] >= image->generations[i - 1]);
        read_payload(r->type, r->payload);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct journal_file file;
    static char path[64];
    struct input in = {data, n};
    struct journal_image image;
    struct err_info ei = {0};
    uint8_t flags = input_byte(&in);
    size_t size = flags & 4 ? (size_t)input_int(&in, 3) : JOURNAL_FILE_BYTES;

    if (path[0] == '\0') {
        const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(path, sizeof(path), "%s/tollgate-fuzz-journal.%ld", folder, (long)getpid());
    }
    journal_file_begin(&file, flags);
    journal_file_fill(&file, &in);
    journal_file_write(&file, path, size);
    enum err e = journal_load(path, &image, &ei);
    MUST(unlink(path) == 0);
    MUST(e == ERR_OK); /* damage is no error */
    check_image(&image);
    if (size >= JOURNAL_FILE_BYTES && file.damage == 0) {
        MUST(image.clean == ((flags & 1) != 0));
    }
    journal_image_free(&image);
    for (unsigned type = RECORD_PAD; type <= RECORD_WHOLE; type++) {
        read_payload((enum record_type)type, (struct str){(const char *)data, n});
    }
    return 0;
}
