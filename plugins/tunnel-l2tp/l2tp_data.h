/* l2tp_data.h - the L2TP header, and data messages with and without sequence
 * numbers (RFC 2661 sections 3.1, 5.3, 5.4). DATA PATH.
 *
 *     struct rd r = rd_of(f->data, f->len);
 *     if (l2tp_hdr_read(&r, &h) == L2TP_HDR_OK) ... rd_left(&r) bytes follow ...
 *     n = l2tp_data_push(&tx, v, n);
 *     l2tp_seq_rx(&q, h.ns, f);  ...  l2tp_seq_flush(&q);
 */
#ifndef L2TP_DATA_H
#define L2TP_DATA_H

#include <adit/bytes.h>
#include <adit/frame.h>

#define L2TP_F_CONTROL  0x8000u /* T */
#define L2TP_F_LENGTH   0x4000u /* L */
#define L2TP_F_SEQUENCE 0x0800u /* S */
#define L2TP_F_OFFSET   0x0200u /* O */
#define L2TP_F_PRIORITY 0x0100u /* P: ignored */
#define L2TP_F_VERSION  0x000fu

#define L2TP_HDR_OK      0
#define L2TP_HDR_SHORT   1
#define L2TP_HDR_VERSION 2
#define L2TP_HDR_LENGTH  3      /* its length or offset passes its end */
#define L2TP_HDR_CONTROL 4      /* a control message without L and S */

struct l2tp_hdr {
    uint16_t flags, len, tunnel, session, ns, nr;
};

/* Reads a header; r is left at what follows it, and ends where the length
 * field says. L2TP_HDR_*. */
static inline int l2tp_hdr_read(struct rd *r, struct l2tp_hdr *h)
{
    size_t all = rd_left(r), used = 6;
    h->flags = rd_u16(r);
    h->len = 0;
    h->ns = h->nr = 0;
    if (!rd_ok(r))
        return L2TP_HDR_SHORT;
    if ((h->flags & L2TP_F_VERSION) != 2)
        return L2TP_HDR_VERSION;
    if ((h->flags & L2TP_F_CONTROL) &&
        (h->flags & (L2TP_F_LENGTH | L2TP_F_SEQUENCE)) != (L2TP_F_LENGTH | L2TP_F_SEQUENCE))
        return L2TP_HDR_CONTROL;
    if (h->flags & L2TP_F_LENGTH) {
        h->len = rd_u16(r);
        used += 2;
    }
    h->tunnel = rd_u16(r);
    h->session = rd_u16(r);
    if (h->flags & L2TP_F_SEQUENCE) {
        h->ns = rd_u16(r);
        h->nr = rd_u16(r);
        used += 4;
    }
    if ((h->flags & L2TP_F_OFFSET) && !(h->flags & L2TP_F_CONTROL)) {
        uint16_t pad = rd_u16(r);
        rd_skip(r, pad);
        used += 2u + pad;
        if (!rd_ok(r))
            return L2TP_HDR_LENGTH;
    }
    if (!rd_ok(r))
        return L2TP_HDR_SHORT;
    if (h->flags & L2TP_F_LENGTH) {
        if (h->len < used || h->len > all)
            return L2TP_HDR_LENGTH;
        *r = rd_sub(r, h->len - used);
    }
    return L2TP_HDR_OK;
}

/* How a call's data leaves. The header has one size while the settings stay, so
 * that frames of one size leave as one UDP super-datagram. */
struct l2tp_tx {
    uint16_t tunnel, session;   /* the peer's */
    uint16_t ns;
    bool sequence, length;      /* S bit, L bit */
};

/* Puts the header before each frame; those without room are taken out. Returns
 * how many are left. */
uint32_t l2tp_data_push(struct l2tp_tx *x, struct adit_frame **v, uint32_t n);

static inline uint32_t l2tp_data_overhead(const struct l2tp_tx *x)
{
    return 6u + (x->length ? 2u : 0u) + (x->sequence ? 4u : 0u);
}

struct l2tp_seq_ops {
    /* Frames in order, borrowed; may close the queue. */
    void (*deliver)(void *u, struct adit_frame **v, uint32_t n);
    /* l2tp_seq_tick() after ms; 0 stops. */
    void (*timer)(void *u, uint32_t ms);
};

/* Puts sequenced data of one call back into order (section 5.4). */
struct l2tp_seq {
    const struct l2tp_seq_ops *ops;
    const struct adit_frame_api *frames;
    void *u;
    struct adit_frame **slot;   /* frames that came early, by Ns; made at the first one */
    struct adit_frame *batch[ADIT_VECTOR];  /* what is in order and not delivered yet */
    uint64_t kept;              /* bit i: batch[i] is ours to drop */
    uint32_t batched, held;
    uint32_t timeout_ms;
    uint16_t size;              /* slots, a power of two; 0: never wait */
    uint16_t next;              /* Ns expected */
    uint16_t late_run;          /* late ones in a row: did the peer begin anew? */
    bool closed;
    uint64_t late, lost, reordered;
};

void l2tp_seq_init(struct l2tp_seq *q, const struct l2tp_seq_ops *ops,
                   const struct adit_frame_api *frames, void *u, uint16_t size,
                   uint32_t timeout_ms);
void l2tp_seq_fini(struct l2tp_seq *q);
/* A frame, borrowed until flush(). */
void l2tp_seq_rx(struct l2tp_seq *q, uint16_t ns, struct adit_frame *f);
/* Delivers what is in order: after each run of frames. */
void l2tp_seq_flush(struct l2tp_seq *q);
/* What is missing will not come: goes on behind the gap. */
void l2tp_seq_tick(struct l2tp_seq *q);

#endif
