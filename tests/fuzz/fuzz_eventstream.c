/* Event-stream frames: the whole-message reader and the one for pieces find the same messages, and
 * headers of strings are written back as they were. */
#include "core/dialect/eventstream.h"
#include "tests/fuzz/frames.h"

#define HEADERS_MAX 32

/* Headers, a length, payload of each message, one after the other. */
struct heard {
    struct buf text;
    size_t begun, ended, payload_left;
};

static void on_begin(void *arg, struct str headers, size_t payload_length)
{
    struct heard *h = arg;
    MUST(h->begun == h->ended && h->payload_left == 0);
    h->begun++;
    h->payload_left = payload_length;
    buf_printf(&h->text, "%zu:%zu:", headers.n, payload_length);
    buf_add_str(&h->text, headers);
}

static void on_payload(void *arg, struct str piece)
{
    struct heard *h = arg;
    MUST(piece.n <= h->payload_left && piece.n > 0);
    h->payload_left -= piece.n;
    buf_add_str(&h->text, piece);
}

static void on_end(void *arg)
{
    struct heard *h = arg;
    MUST(h->payload_left == 0);
    h->ended++;
    MUST(h->begun == h->ended);
    buf_add(&h->text, ";");
}

static const struct frame_events events = {on_begin, on_payload, on_end};

static void check_written_again(const struct eventstream_message *m, struct str frame)
{
    struct str headers[HEADERS_MAX][2], rest = m->headers;
    struct eventstream_header h;
    struct buf out = {0};
    size_t count = 0;
    enum err e;

    while ((e = eventstream_header(&rest, &h)) == ERR_OK) {
        MUST(is_inside(h.name, m->headers) && is_inside(h.value, m->headers) && h.name.n > 0);
        if (h.type != 7 || count == HEADERS_MAX) {
            return;
        }
        headers[count][0] = h.name;
        headers[count++][1] = h.value;
    }
    if (e == ERR_CLOSED) {
        MUST(eventstream_write(&out, (const struct str(*)[2])headers, count, m->payload) == ERR_OK);
        MUST(str_eq(buf_str(&out), frame));
        buf_free(&out);
    } else {
        MUST(e == ERR_CORRUPT);
    }
}

/* Returns how the walk ended. */
static enum err read_whole(struct heard *heard, struct str text)
{
    size_t at = 0;

    for (;;) {
        struct eventstream_message m;
        size_t need;
        enum err e = eventstream_next(text.p + at, text.n - at, &m, &need);
        if (e != ERR_OK) {
            MUST(e == ERR_CORRUPT || (e == ERR_BUSY && (need == 0 || need > text.n - at)));
            return e;
        }
        struct str frame = str_sub(text, at, m.length);
        MUST(m.length >= FRAME_MIN && m.length <= text.n - at);
        MUST(is_inside(m.headers, frame) && is_inside(m.payload, frame));
        (void)eventstream_find(&m, ":message-type");
        check_written_again(&m, frame);
        on_begin(heard, m.headers, m.payload.n);
        if (m.payload.n > 0) {
            on_payload(heard, m.payload);
        }
        on_end(heard);
        at += m.length;
    }
}

static enum err read_pieces(struct heard *heard, struct str text, uint16_t seed)
{
    struct frame_reader r = {0};
    struct split split = split_of(seed);
    enum err e = ERR_OK;

    for (size_t at = 0, n; e == ERR_OK && at < text.n; at += n) {
        n = split_next(&split, text.n - at);
        char *piece = fuzz_copy(str_sub(text, at, n));
        e = frame_reader_feed(&r, piece, n, &events, heard);
        free(piece);
    }
    frame_reader_free(&r);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str rest = input_rest(&in);
    char *copy = fuzz_copy(rest);
    struct str text = {copy, rest.n};
    struct heard whole = {0}, cut = {0};

    if (seed % 8 != 7) {
        frames_mend(copy, text.n);
    }
    enum err e = read_whole(&whole, text);
    enum err by_pieces = read_pieces(&cut, text, seed);
    MUST(by_pieces == (e == ERR_BUSY ? ERR_OK : e));
    MUST(cut.ended == whole.ended);
    MUST(cut.text.len >= whole.text.len);
    MUST(str_eq(str_sub(buf_str(&cut.text), 0, whole.text.len), buf_str(&whole.text)));
    buf_free(&whole.text);
    buf_free(&cut.text);
    free(copy);
    return 0;
}
