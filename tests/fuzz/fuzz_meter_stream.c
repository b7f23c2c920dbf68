/* ConverseStream through the meter: the same usage and the same text however it is cut. */
#include "tests/fuzz/frames.h"
#include "tests/fuzz/metering.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint16_t seed = (uint16_t)input_int(&in, 2);
    struct str rest = input_rest(&in);
    char *copy = fuzz_copy(rest);
    struct str text = {copy, rest.n};
    struct meter_state whole, cut;
    const char *type = "application/vnd.amazon.eventstream";

    if (seed % 8 != 7) {
        frames_mend(copy, text.n);
    }
    bool good = metering_run(&whole, "/model/m/converse-stream", type, text, true, 0);
    MUST(metering_run(&cut, "/model/m/converse-stream", type, text, false, seed) == good);
    metering_same_usage(&whole, &cut);
    MUST(whole.exception == cut.exception && whole.output_events == cut.output_events);
    MUST(whole.output_bytes >= 0 && whole.first_content == cut.first_content);
    MUST(strcmp(whole.exception_name, cut.exception_name) == 0);
    if (good) {
        MUST(whole.output_bytes == cut.output_bytes);
    }
    free(copy);
    return 0;
}
