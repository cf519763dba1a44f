/* adit/framer.h - whole messages out of a stream of bytes.
 *
 *     while ((n = adit_framer_next(&f, &data, &len, &msg)) > 0)
 *         ... one message of n bytes at msg ...
 *     if (n < 0) ... the stream is not what it should be ...
 *
 * Any number of messages may come in one read and a message in any number of
 * reads. A message that lies whole in the data is a view of it; only one that
 * is cut is copied. One that is longer than the buffer is cut to the buffer:
 * the rest is read and thrown away.
 */
#ifndef ADIT_FRAMER_H
#define ADIT_FRAMER_H

#include <adit/bytes.h>

struct adit_framer {
    /* How long is the message that begins with these `have` bytes? 0: more of
     * them are needed to say (never more than the buffer holds). Negative:
     * these bytes begin no message; the stream is lost. */
    int32_t (*measure)(const uint8_t *p, uint32_t have);
    uint8_t *buf;               /* the owner's */
    uint32_t size;
    uint32_t have;              /* bytes in buf */
    uint32_t skip;              /* bytes still to be thrown away */
    uint32_t done;              /* 1: buf holds a message that was given out */
};

static inline void adit_framer_init(struct adit_framer *f, uint8_t *buf, uint32_t size,
                                    int32_t (*measure)(const uint8_t *, uint32_t))
{
    *f = (struct adit_framer){ measure, buf, size, 0, 0, 0 };
}

static inline uint32_t adit_framer_min(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* The next whole message: its bytes (at most the buffer's size), with *msg
 * valid until the next call; 0 when all data are eaten; what measure() said
 * when that is negative. Moves *data and *len on. */
static inline int32_t adit_framer_next(struct adit_framer *f, const uint8_t **data, uint32_t *len,
                                       const uint8_t **msg)
{
    struct rd r = rd_of(*data, *len);
    int32_t got = 0;

    if (f->done)
        f->have = f->done = 0;
    while (got == 0 && rd_left(&r) > 0) {
        uint32_t left = (uint32_t)rd_left(&r);
        if (f->skip > 0) {
            uint32_t n = adit_framer_min(f->skip, left);
            rd_skip(&r, n);
            f->skip -= n;
            continue;
        }
        if (f->have == 0) {                             /* the fast way: no copy */
            int32_t want = f->measure(r.p, left);
            if (want < 0) {
                got = want;
                break;
            }
            if (want > 0 && (uint32_t)want <= left) {
                *msg = rd_bytes(&r, (uint32_t)want);
                got = (int32_t)adit_framer_min((uint32_t)want, f->size);
                break;
            }
        }
        /* byte by byte until its length is known, then what it needs */
        int32_t want = f->have ? f->measure(f->buf, f->have) : 0;
        if (want < 0 || (want == 0 && f->have == f->size)) {
            got = want < 0 ? want : -1;
            break;
        }
        uint32_t upto = want ? adit_framer_min((uint32_t)want, f->size) : f->have + 1;
        uint32_t n = adit_framer_min(upto > f->have ? upto - f->have : 0, left);
        rd_copy(&r, f->buf + f->have, n);
        f->have += n;
        if (want == 0)
            want = f->measure(f->buf, f->have);
        if (want < 0) {
            got = want;
            break;
        }
        if (want > 0 && f->have >= adit_framer_min((uint32_t)want, f->size)) {
            f->skip = (uint32_t)want - adit_framer_min((uint32_t)want, f->size);
            *msg = f->buf;
            got = (int32_t)f->have;
            f->done = 1;
        }
    }
    *data = r.p;
    *len = (uint32_t)rd_left(&r);
    return got;
}

#endif
