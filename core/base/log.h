/* log.h: one line a happening, logfmt, to stderr or a file. Never given secrets. */
#ifndef TOLLGATE_BASE_LOG_H
#define TOLLGATE_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. fd is borrowed; -1 turns logging off. Not thread-safe: at start.
 */
void log_init(int fd, enum log_level level);

/* "2026-11-21T01:36:38.123Z info proxy message". Control characters in the message are escaped.
 * One write(2) a line, safe from any thread. */
void log_line(enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_info(room, ...)  log_line(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...)  log_line(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_line(LOG_ERROR, room, __VA_ARGS__)

#endif
