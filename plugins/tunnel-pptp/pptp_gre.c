/* pptp_gre.c - enhanced GRE (RFC 2637 section 4).
 *
 * Knows:  the header's bits, the order of packets, who waits for an acknowledgement.
 * Leaves: which call a packet is of, clocks and paths to pptp_data.
 *
 * Order. PPP wants its frames in order (and MPPE without state loses what comes
 * behind its successor, quirk L5), the internet does not keep it. A packet that
 * comes too early waits in a queue of `window` slots until the hole before it
 * is filled, or until it has waited for `timeout`, or until a packet comes that
 * is a window ahead: a lost packet never stalls the call. Packets from before
 * the window are dropped, unless they look like a peer that began again:
 * several in a row, or one after a silence.
 *
 * The sender's window. RFC 2637 section 4.4 lets a sender wait when the peer's
 * receive window is full, and guess at lost acknowledgements by adaptive
 * time-outs. Nothing is ever held back here. A window of 64 packets is 90 KB:
 * 7 Mbit/s over a path of 100 ms; kernel clients acknowledge only when they
 * have something to send (quirk L4) and Windows offers 64 to every server
 * (W11), so that waiting would stall one-way transfers for nothing, and add a
 * queue of its own to the ones of TCP inside, which regulates itself. The
 * packets beyond the window are counted.
 */
#include <adit/bytes.h>
#include <stdlib.h>
#include "pptp_gre.h"

/* the first octets of the header, as one number */
#define GRE_C       0x8000u
#define GRE_R       0x4000u
#define GRE_K       0x2000u     /* key: always */
#define GRE_S       0x1000u     /* sequence number */
#define GRE_STRICT  0x0800u
#define GRE_RECUR   0x0700u
#define GRE_A       0x0080u     /* acknowledgement number */
#define GRE_FLAGS   0x0078u
#define GRE_VERSION 0x0007u

#define RUN_RESTART     3u      /* old packets in a row that make a restart */
#define QUIET_RESTART   1000u   /* ms without a packet, then one old packet makes one */
#define LOST_MOST       0x10000u /* a jump over more than that is a new sequence */

static int32_t after(uint32_t a, uint32_t b) { return (int32_t)(a - b); }

/* ---- header ------------------------------------------------------------------ */

int32_t pptp_gre_pull(struct adit_frame *f, struct pptp_gre_head *h)
{
    struct rd r = rd_of(f->data, f->len);
    uint16_t bits = rd_u16(&r);
    uint16_t proto = rd_u16(&r);

    memset(h, 0, sizeof *h);
    h->payload = rd_u16(&r);
    h->call_id = rd_u16(&r);
    h->has_seq = (bits & GRE_S) != 0;
    h->has_ack = (bits & GRE_A) != 0;
    if (h->has_seq)
        h->seq = rd_u32(&r);
    if (h->has_ack)
        h->ack = rd_u32(&r);
    if (!rd_ok(&r) || proto != PPTP_GRE_PROTO || (bits & GRE_VERSION) != 1)
        return ADIT_EPROTO;
    /* "C: must be 0, R: must be 0, K: must be 1, s: must be 0, Recur: 0, Flags: 0" */
    if ((bits & (GRE_C | GRE_R | GRE_K | GRE_STRICT | GRE_RECUR | GRE_FLAGS)) != GRE_K)
        return ADIT_EPROTO;
    if (h->payload > rd_left(&r))
        return ADIT_EPROTO;
    if (h->payload > 0 && !h->has_seq)          /* data always has a number */
        return ADIT_EPROTO;
    (void)adit_frame_pull(f, f->len - (uint32_t)rd_left(&r));
    f->len = h->payload;                        /* what is behind it is padding */
    return 0;
}

int32_t pptp_gre_push(struct adit_frame *f, struct pptp_gre_head *h)
{
    uint32_t octets = 8u + (h->has_seq ? 4u : 0u) + (h->has_ack ? 4u : 0u);
    uint32_t payload = f->len;
    uint8_t *at = payload <= 0xffffu - PPTP_GRE_MAX ? adit_frame_push(f, octets) : NULL;

    if (!at)
        return ADIT_ENOSPC;
    struct wr w = wr_of(at, octets);
    wr_u16(&w, (uint16_t)(GRE_K | 1u | (h->has_seq ? GRE_S : 0u) | (h->has_ack ? GRE_A : 0u)));
    wr_u16(&w, PPTP_GRE_PROTO);
    h->payload = (uint16_t)payload;
    wr_u16(&w, h->payload);
    wr_u16(&w, h->call_id);
    if (h->has_seq)
        wr_u32(&w, h->seq);
    if (h->has_ack)
        wr_u32(&w, h->ack);
    return 0;
}

/* ---- receiving ------------------------------------------------------------------ */

void pptp_gre_init(struct pptp_gre *g, const struct adit_frame_api *frames, uint32_t window,
                   uint32_t timeout_ms)
{
    memset(g, 0, sizeof *g);
    g->frames = frames;
    g->timeout_ms = timeout_ms;
    g->window = 1;
    while (g->window < window && g->window < PPTP_GRE_WINDOW)
        g->window *= 2;
}

void pptp_gre_fini(struct pptp_gre *g)
{
    for (uint32_t i = 0; g->slot && i < g->window; i++)
        if (g->slot[i].frame)
            g->frames->drop(g->slot[i].frame);
    free(g->slot);
    g->slot = NULL;
    g->kept = 0;
}

static struct pptp_slot *slot_of(const struct pptp_gre *g, uint32_t seq)
{
    return &g->slot[seq & (g->window - 1)];
}

/* `next` moves on by one packet, which is delivered or given up. */
static void step(struct pptp_gre *g)
{
    g->next++;
    g->unacked = true;
    g->since_ack++;
    if (after(g->given_up, g->next) < 0)
        g->given_up = g->next;
}

/* The sequence goes on at seq, whatever was before. The queue is empty. */
static void go_on_at(struct pptp_gre *g, uint32_t seq)
{
    g->next = g->given_up = seq;
    g->highest = seq - 1;
    g->run = 0;
}

/* Is this old packet the sign of a peer that numbers its packets anew? One that
 * was merely delayed comes alone, or while others come. */
static bool is_restart(struct pptp_gre *g, uint32_t seq, uint64_t now)
{
    if (now - g->accepted_at >= QUIET_RESTART && seq + 1 != g->next)
        return true;
    g->run = g->run > 0 && seq == g->run_next ? g->run + 1 : 1;
    g->run_next = seq + 1;
    return g->run >= RUN_RESTART && after(g->next, seq) > (int32_t)g->window;
}

enum pptp_verdict pptp_gre_rx(struct pptp_gre *g, uint32_t seq, uint64_t now)
{
    if (!g->begun) {                            /* section 4.1 says 0; kernels begin at 1 */
        go_on_at(g, seq);
        g->accepted_at = now;
        g->begun = true;
    }
    int32_t d = after(seq, g->next);
    bool afar = d >= 2 * (int32_t)g->window || d == INT32_MIN;

    if (d < 0 && !afar) {
        if (!is_restart(g, seq, now)) {
            g->stat.late++;
            return PPTP_OLD;
        }
        afar = true;
        d = (int32_t)LOST_MOST;
    }
    if (afar) {
        /* A burst was lost, or the peer began anew: what waits goes first. */
        if (g->kept > 0) {
            if (g->held) {                      /* not yet: the newest goes then */
                g->stat.late++;
                return PPTP_OLD;
            }
            g->given_up = g->highest + 1;
            g->run = RUN_RESTART - 1;           /* the same answer when asked again */
            g->run_next = seq;
            return PPTP_DRAIN;
        }
        if (d < (int32_t)LOST_MOST && d > 0)
            g->stat.lost += (uint32_t)d;
        else
            g->stat.restarts++;
        go_on_at(g, seq);
        d = 0;
    }
    if (d >= (int32_t)g->window) {              /* the oldest hole is lost */
        if (g->held) {
            g->stat.late++;
            return PPTP_OLD;
        }
        g->given_up = seq - g->window + 1;
        return PPTP_DRAIN;
    }
    if (d > 0 && g->slot && slot_of(g, seq)->frame) {
        g->stat.late++;                         /* it is here already */
        return PPTP_OLD;
    }
    if (after(seq, g->highest) < 0)
        g->stat.reordered++;
    else
        g->highest = seq;
    g->run = 0;
    g->accepted_at = now;
    if (d > 0 || g->held)
        return PPTP_KEEP;
    g->stat.rx++;
    step(g);
    return PPTP_DELIVER;
}

int32_t pptp_gre_keep(struct pptp_gre *g, uint32_t seq, const struct adit_frame *f, uint64_t now)
{
    if (!g->slot)
        g->slot = calloc(g->window, sizeof *g->slot);
    struct adit_frame *kept = g->slot && !slot_of(g, seq)->frame ? g->frames->keep(f) : NULL;
    if (!kept)
        return ADIT_ENOMEM;
    *slot_of(g, seq) = (struct pptp_slot){ kept, now };
    g->kept++;
    return 0;
}

/* The first packet that waits; only called when there is one. */
static uint32_t first_kept(const struct pptp_gre *g)
{
    uint32_t seq = g->next;

    while (!slot_of(g, seq)->frame)
        seq++;
    return seq;
}

struct adit_frame *pptp_gre_pop(struct pptp_gre *g, uint64_t now)
{
    if (g->held)
        return NULL;
    for (;;) {
        if (g->kept == 0) {
            if (after(g->given_up, g->next) > 0) {
                g->stat.lost += g->given_up - g->next;
                g->next = g->given_up;
                g->unacked = true;
            }
            return NULL;
        }
        struct pptp_slot *s = slot_of(g, g->next);
        if (s->frame) {
            struct adit_frame *f = s->frame;
            s->frame = NULL;
            g->kept--;
            g->stat.rx++;
            step(g);
            return f;
        }
        if (after(g->given_up, g->next) > 0) {
            g->stat.lost++;
            step(g);
            continue;
        }
        uint32_t first = first_kept(g);
        if (now - slot_of(g, first)->at < g->timeout_ms)
            return NULL;
        g->given_up = first;
    }
}

uint64_t pptp_gre_due(const struct pptp_gre *g)
{
    if (g->held || g->kept == 0)
        return UINT64_MAX;
    return slot_of(g, first_kept(g))->at + g->timeout_ms;
}

/* ---- sending and acknowledging ------------------------------------------------------ */

void pptp_gre_acked(struct pptp_gre *g, uint32_t ack)
{
    /* believed only when it moves on and was sent: garbage changes nothing */
    if (after(ack + 1, g->tx_acked) > 0 && after(ack, g->tx_next) < 0)
        g->tx_acked = ack + 1;
}

static void acknowledge(struct pptp_gre *g, struct pptp_gre_head *h)
{
    h->has_ack = true;
    h->ack = g->next - 1;
    g->unacked = false;
    g->since_ack = 0;
}

void pptp_gre_next(struct pptp_gre *g, uint16_t peer_call_id, struct pptp_gre_head *h)
{
    *h = (struct pptp_gre_head){ .call_id = peer_call_id, .has_seq = true, .seq = g->tx_next++ };
    if (g->unacked)
        acknowledge(g, h);
    g->stat.tx++;
}

void pptp_gre_ack(struct pptp_gre *g, uint16_t peer_call_id, struct pptp_gre_head *h)
{
    *h = (struct pptp_gre_head){ .call_id = peer_call_id };
    acknowledge(g, h);
}
