/* sim_metadata.c: see sim_metadata.h. */
#include "core/sim/sim_metadata.h"

#include "core/base/json_scan.h"

#include <string.h>

#define PAIRS_MAX 16
#define TEXT_MAX  256

static bool is_allowed(struct str raw, size_t least)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \t\r\n:_@$#=/+,-.";
    char text[TEXT_MAX + 1];

    return scan_raw_decode(text, sizeof text, raw) && strlen(text) >= least &&
           text[strspn(text, allowed)] == '\0';
}

enum err sim_metadata_check(struct str json, struct err_info *ei)
{
    struct scan s;
    struct str key, value;
    int pairs = 0;
    bool ok = json.n <= SIM_METADATA_BYTES;

    scan_init(&s, json.p, json.n);
    ok = scan_object(&s) && ok;
    while (ok && scan_key(&s, &key)) {
        ok = ++pairs <= PAIRS_MAX && scan_string(&s, &value) && is_allowed(key, 1) &&
             is_allowed(value, 0);
    }
    if (!ok || !scan_done(&s) || pairs == 0) {
        return err_set(ei, ERR_PARSE,
                       "requestMetadata: 1 to 16 keys of 1 to 256 characters and values of up to "
                       "256 characters of [a-zA-Z0-9\\s:_@$#=/+,-.] are needed");
    }
    return ERR_OK;
}
