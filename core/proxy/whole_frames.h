/* whole_frames.h: lets an event stream pass frame by frame (or event by event): the bytes of a
 * frame that is cut are kept until its rest comes, so that a stream that breaks can still be ended
 * by a frame the client understands. A client can do nothing with half a frame, so nobody waits
 * longer for it. */
#ifndef TOLLGATE_PROXY_WHOLE_FRAMES_H
#define TOLLGATE_PROXY_WHOLE_FRAMES_H

#include "core/base/buf.h"

#define WHOLE_FRAMES_KEPT_MAX ((size_t)64 * 1024) /* longer frames pass as they come */

/* All-zero is the start of a stream. */
struct whole_frames {
    bool events; /* server-sent events, which end with an empty line, instead of frames */
    struct buf tail;
    uint64_t left; /* of a long frame that is passing */
    bool off;      /* not frames after all, or no memory: everything passes */
    bool apart;    /* no memory to join them: the new bytes are to be sent behind what passes */
};

/* What of the bytes may go on now; a slice of data or of w->tail, valid until the next call (call
 * whole_frames_sent after it was used). */
struct str whole_frames_pass(struct whole_frames *w, const char *data, size_t n);
/* Keeps what was not passed on. */
void whole_frames_sent(struct whole_frames *w, const char *data, size_t n, struct str passed);
/* What is still kept; to be sent when the stream ended there by itself. */
struct str whole_frames_rest(const struct whole_frames *w);
void whole_frames_free(struct whole_frames *w);

#endif
