/* pptp_gre.h - enhanced GRE (RFC 2637 section 4): header, order, acknowledgements.
 *
 *     if (pptp_gre_pull(frame, &h) == 0 && h.has_seq)
 *         switch (pptp_gre_rx(g, h.seq, now, &verdict)) ...
 *     while ((f = pptp_gre_pop(g, now)))          // what may go up now
 *         ...
 *
 * Everything here is on the DATA PATH and of one call. Kept frames are the
 * host's (frame->keep); they leave by pop() or by fini().
 */
#ifndef PPTP_GRE_H
#define PPTP_GRE_H

#include <adit/frame.h>
#include <adit/host.h>
#include <stdbool.h>

#define PPTP_GRE_PROTO   0x880bu
#define PPTP_GRE_MAX     16u    /* most octets of a header */
#define PPTP_GRE_WINDOW  1024u  /* most slots of a reorder queue */

struct pptp_gre_head {
    uint16_t payload;           /* octets behind the header */
    uint16_t call_id;           /* the receiver's */
    bool has_seq, has_ack;
    uint32_t seq, ack;
};

/* Takes the header off and cuts the frame to its payload; 0, or ADIT_EPROTO
 * and the frame is nobody's. */
int32_t pptp_gre_pull(struct adit_frame *f, struct pptp_gre_head *h);
/* Puts a header before the frame's data, with the payload's length; ADIT_ENOSPC
 * when there is no head room or the payload is too long. h->payload is set. */
int32_t pptp_gre_push(struct adit_frame *f, struct pptp_gre_head *h);

struct pptp_slot {
    struct adit_frame *frame;   /* NULL: the packet has not come */
    uint64_t at;                /* when it came, ms */
};

struct pptp_gre_stat {
    uint64_t rx, tx;            /* data packets accepted and sent */
    uint64_t lost;              /* holes that were given up */
    uint64_t reordered;         /* came behind a later one, and in time */
    uint64_t late;              /* came when given up, or twice */
    uint64_t restarts;          /* the peer began a new sequence */
};

struct pptp_gre {
    const struct adit_frame_api *frames;
    /* receiving */
    bool begun;                 /* a packet came: `next` says something */
    bool held;                  /* nothing may go up yet: the call is not connected */
    bool unacked;               /* `next - 1` was not acknowledged */
    uint32_t next;              /* sequence number that is wanted */
    uint32_t given_up;          /* holes before this one are not waited for */
    uint32_t highest;           /* highest sequence number seen */
    uint32_t run_next, run;     /* old packets that follow each other: a restart? */
    uint32_t since_ack;         /* packets since the last acknowledgement */
    uint64_t accepted_at;       /* when the last one was accepted */
    uint32_t window;            /* slots; a power of two */
    uint32_t kept;              /* slots in use */
    uint32_t timeout_ms;
    struct pptp_slot *slot;     /* [window]; made when first needed */
    /* sending */
    uint32_t tx_next;           /* sequence number of the next packet */
    uint32_t tx_acked;          /* behind the highest that the peer acknowledged */
    struct pptp_gre_stat stat;
};

/* window: slots of the reorder queue, rounded up to a power of two. */
void pptp_gre_init(struct pptp_gre *g, const struct adit_frame_api *frames, uint32_t window,
                   uint32_t timeout_ms);
void pptp_gre_fini(struct pptp_gre *g);         /* drops what is kept */

enum pptp_verdict {
    PPTP_DELIVER,               /* it is the next one: up with it, then pop() */
    PPTP_KEEP,                  /* too early: pptp_gre_keep(), then pop() */
    PPTP_DRAIN,                 /* pop() all, deliver that, and ask again */
    PPTP_OLD,                   /* a duplicate, or too late: drop it */
};
/* A data packet came. */
enum pptp_verdict pptp_gre_rx(struct pptp_gre *g, uint32_t seq, uint64_t now);
/* Keeps a packet that was judged KEEP; ADIT_ENOMEM: it counts as lost then. */
int32_t pptp_gre_keep(struct pptp_gre *g, uint32_t seq, const struct adit_frame *f, uint64_t now);
/* The next packet that may go up: the caller's to drop. NULL: none. */
struct adit_frame *pptp_gre_pop(struct pptp_gre *g, uint64_t now);
/* When pop() may have more to give although nothing comes; UINT64_MAX: never. */
uint64_t pptp_gre_due(const struct pptp_gre *g);

/* The peer acknowledged everything up to `ack`. */
void pptp_gre_acked(struct pptp_gre *g, uint32_t ack);
/* Fills in the header of the next data packet, with an acknowledgement when
 * one is due. */
void pptp_gre_next(struct pptp_gre *g, uint16_t peer_call_id, struct pptp_gre_head *h);
/* The header of a packet that only acknowledges. */
void pptp_gre_ack(struct pptp_gre *g, uint16_t peer_call_id, struct pptp_gre_head *h);
/* Whether push() will succeed: a number that was given out must be sent. */
static inline bool pptp_gre_fits(const struct adit_frame *f)
{
    return (size_t)(f->data - f->room) >= PPTP_GRE_MAX && f->len <= 0xffffu - PPTP_GRE_MAX;
}
/* Packets that the peer has not acknowledged yet. */
static inline uint32_t pptp_gre_outstanding(const struct pptp_gre *g)
{
    return g->tx_next - g->tx_acked;
}

#endif
