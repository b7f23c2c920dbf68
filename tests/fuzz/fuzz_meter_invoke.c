/* InvokeModel through the meter, as JSON or as a stream of chunks: the same usage however it is
 * cut. */
#include "core/dialect/eventstream.h"
#include "tests/fuzz/metering.h"

/* Each line becomes the payload of a chunk. */
static void add_chunks(struct buf *out, struct input *in)
{
    while (in->n > 0) {
        struct str line = input_line(in);
        char *base64 = malloc(4 * ((line.n + 2) / 3) + 1);
        struct buf json = {0};
        MUST(base64 != NULL);
        (void)str_base64(base64, line.p, line.n);
        MUST(buf_printf(&json, "{\"bytes\":\"%s\",\"p\":\"abc\"}", base64));
        MUST(eventstream_write_event(out, "chunk", buf_str(&json)) == ERR_OK);
        buf_free(&json);
        free(base64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint8_t mode = input_byte(&in);
    uint16_t seed = (uint16_t)input_int(&in, 2);
    bool stream = mode % 2 == 1;
    const char *target = stream ? "/model/m/invoke-with-response-stream" : "/model/m/invoke";
    const char *type = stream ? "application/vnd.amazon.eventstream" : "application/json";
    struct meter_state whole, cut;
    struct buf text = {0};

    if (stream) {
        add_chunks(&text, &in);
    } else {
        buf_add_str(&text, input_rest(&in));
    }
    bool good = metering_run(&whole, target, type, buf_str(&text), true, 0);
    MUST(metering_run(&cut, target, type, buf_str(&text), false, seed) == good);
    metering_same_usage(&whole, &cut);
    MUST(whole.exception == cut.exception && whole.first_content == cut.first_content);
    MUST(!stream || whole.output_bytes == cut.output_bytes);
    buf_free(&text);
    return 0;
}
