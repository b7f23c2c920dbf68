/* export.h: the rows of a table as a file, and one ID to the terminal's clipboard. */
#ifndef TOLLGATE_TUI_EXPORT_H
#define TOLLGATE_TUI_EXPORT_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "tui/passthrough.h"

/* One CSV field, quoted where it must be (RFC 4180). A text that a spreadsheet would take for a
 * formula gets an apostrophe in front. */
void export_csv_field(struct buf *out, const char *text);
/* Makes a new file (mode 0600) with these bytes. ERR_CONFLICT: there is one already. */
enum err export_write(const char *path, const struct buf *bytes, struct err_info *ei) MUST_CHECK;
/* The sequence (OSC 52) that asks a terminal to take text into its clipboard, and again
 * wrapped for what the dashboard runs in. */
void export_clipboard(struct buf *out, const char *text, enum passthrough how);

#endif
