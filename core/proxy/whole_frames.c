#include "core/proxy/whole_frames.h"

#define LENGTH_BYTES 4
#define FRAME_LEAST  16
#define FRAME_MOST   (25U * 1024 * 1024)

static uint32_t length_of(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Length of the whole events at the start of s. */
static size_t whole_events(struct whole_frames *w, struct str s)
{
    for (size_t n = s.n; n > 1; n--) {
        if (s.p[n - 1] == '\n' &&
            (s.p[n - 2] == '\n' || (n > 3 && s.p[n - 2] == '\r' && s.p[n - 3] == '\n'))) {
            return n;
        }
    }
    w->off = s.n > WHOLE_FRAMES_KEPT_MAX;
    return w->off ? s.n : 0;
}

/* Length of the whole frames at the start of s, and of a long one's part. */
static size_t whole_part(struct whole_frames *w, struct str s)
{
    if (w->events) {
        return whole_events(w, s);
    }
    size_t at = w->left < s.n ? (size_t)w->left : s.n;
    w->left -= at;
    while (s.n - at >= LENGTH_BYTES) {
        uint32_t frame = length_of(s.p + at);
        if (frame < FRAME_LEAST || frame > FRAME_MOST) {
            w->off = true;
            return s.n;
        }
        if (frame > s.n - at) {
            if (frame <= WHOLE_FRAMES_KEPT_MAX) {
                break;
            }
            w->left = frame - (s.n - at);
            return s.n;
        }
        at += frame;
    }
    return at;
}

struct str whole_frames_pass(struct whole_frames *w, const char *data, size_t n)
{
    struct str s = {data, n};
    if (w->tail.len > 0) {
        w->apart = !buf_append(&w->tail, data, n);
        w->off = w->off || w->apart;
        s = buf_str(&w->tail);
    }
    return w->off ? s : (struct str){s.p, whole_part(w, s)};
}

void whole_frames_sent(struct whole_frames *w, const char *data, size_t n, struct str passed)
{
    if (w->tail.len > 0) {
        buf_consume(&w->tail, passed.n);
        if (w->tail.len == 0) {
            buf_free(&w->tail);
        }
    } else if (passed.n < n && !buf_append(&w->tail, data + passed.n, n - passed.n)) {
        w->off = true;
    }
}

struct str whole_frames_rest(const struct whole_frames *w)
{
    return buf_str(&w->tail);
}

void whole_frames_free(struct whole_frames *w)
{
    buf_free(&w->tail);
}
