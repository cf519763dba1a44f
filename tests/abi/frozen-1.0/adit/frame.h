/* adit/frame.h - frames and vectors of frames (DATA PATH).
 *
 *     for (uint32_t i = 0; i < n; i++) {
 *         uint8_t *h = adit_frame_push(v[i], 6);   // room is promised
 *         ...
 *     }
 *     host->path->tx(path, v, n);
 *
 * A vector is `struct adit_frame **v, uint32_t n`, at most ADIT_VECTOR frames,
 * in order. Frames are borrowed until the call returns; frame->keep() makes one
 * that stays. The receiver of a vector may change the bytes and the views of
 * its frames, and the order of the pointers. The host allocates every frame,
 * so frames may grow.
 */
#ifndef ADIT_FRAME_H
#define ADIT_FRAME_H

#include <adit/abi.h>

#define ADIT_VECTOR 64          /* most frames of a vector */
#define ADIT_ROOM   64          /* least head room and tail room of a frame on its way out, bytes */

struct adit_frame {
    uint32_t size;
    uint32_t len;               /* bytes at data */
    uint8_t *data;
    uint8_t *room;              /* start of the writable room before data */
    uint8_t *end;               /* end of the writable room after data + len */
    void *owner;                /* the host's */
    uint32_t flags;             /* reserved */
    uint32_t reserved;
};

/* Extends the frame by n bytes before data; NULL when there is no such room. */
static inline uint8_t *adit_frame_push(struct adit_frame *f, uint32_t n)
{
    if ((size_t)(f->data - f->room) < n)
        return NULL;
    f->len += n;
    return f->data -= n;
}

/* Takes n bytes off the front; NULL when it has fewer. Returns the new front. */
static inline uint8_t *adit_frame_pull(struct adit_frame *f, uint32_t n)
{
    if (f->len < n)
        return NULL;
    f->len -= n;
    return f->data += n;
}

/* Extends the frame by n bytes at its end; NULL when there is no such room. */
static inline uint8_t *adit_frame_put(struct adit_frame *f, uint32_t n)
{
    uint8_t *tail = f->data + f->len;
    if ((size_t)(f->end - tail) < n)
        return NULL;
    f->len += n;
    return tail;
}

/* A frame in a buffer of the caller's, data starting at `head`. */
static inline struct adit_frame adit_frame_of(uint8_t *buf, size_t buf_len, size_t head, size_t len)
{
    struct adit_frame f = { sizeof f, (uint32_t)len, buf + head, buf, buf + buf_len, NULL, 0, 0 };
    return f;
}

struct adit_frame_api {
    uint32_t size;
    /* A frame with a copy of the bytes, ADIT_ROOM on both sides, that stays
     * until drop(); NULL without memory. */
    struct adit_frame *(*keep)(const struct adit_frame *f);
    void (*drop)(struct adit_frame *f);
};

#endif
