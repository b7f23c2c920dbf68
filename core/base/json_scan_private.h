/* json_scan_private.h: between json_scan.c and json_scan_text.c. */
#ifndef TOLLGATE_BASE_JSON_SCAN_PRIVATE_H
#define TOLLGATE_BASE_JSON_SCAN_PRIVATE_H

#include <stdbool.h>

/* From behind an opening quote: where the closing quote stands (*closed true) or the first byte
 * that is not allowed, or end. */
const char *scan_string_end(const char *p, const char *end, bool *closed);

#endif
