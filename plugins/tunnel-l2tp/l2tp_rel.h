/* l2tp_rel.h - reliable delivery of control messages (RFC 2661 section 5.8, appendix A).
 *
 *     l2tp_rel_init(&r, &ops, u, conf);
 *     l2tp_rel_send(&r, peer_tunnel, session, body, len, false);
 *     l2tp_rel_rx(&r, ns, nr, session, body, len);   // -> ops->deliver, in order
 *     l2tp_rel_flush(&r);                            // an acknowledgement that is still owed
 */
#ifndef L2TP_REL_H
#define L2TP_REL_H

#include <adit/bytes.h>
#include <adit/list.h>

struct l2tp_rel_ops {
    /* A whole datagram for the peer. */
    void (*tx)(void *u, const uint8_t *p, size_t len);
    /* The next message in order; the body may be changed. May call send(). */
    void (*deliver)(void *u, uint16_t session, uint8_t *body, size_t len);
    /* l2tp_rel_tick() after ms; 0 stops. */
    void (*timer)(void *u, uint32_t ms);
    /* A patient message was not acknowledged in a whole cycle: is the peer heard
     * by other traffic? Then it is tried on (row A9). */
    bool (*alive)(void *u);
    /* The peer does not acknowledge. Nothing is sent any more. */
    void (*dead)(void *u);
};

struct l2tp_rel_conf {
    uint32_t rto_ms, rto_max_ms, tries;
    uint16_t window;            /* ours: how far ahead we take messages */
    uint16_t queue_max;         /* messages that may wait to be sent */
};

struct l2tp_rel_stat {
    uint32_t sent, again, received, duplicates, early, beyond;
};

struct l2tp_rel {
    const struct l2tp_rel_ops *ops;
    void *u;
    struct l2tp_rel_conf conf;
    struct l2tp_rel_stat stat;
    uint16_t peer_tunnel;       /* of the last message sent: for acknowledgements */
    uint16_t peer_window;
    uint16_t cwnd, ssthresh, cwnd_part;     /* appendix A */
    uint16_t una, next, max, end;           /* Ns: oldest unacknowledged <= next to send;
                                               max: beyond any ever sent; end: of the queue */
    uint16_t nr;                /* Ns that we expect */
    uint32_t rto_ms, tries;     /* of the oldest */
    struct adit_node out;       /* una .. end */
    struct adit_node early;     /* received out of order, by Ns */
    uint16_t early_count;
    bool ack_owed, dead;
};

void l2tp_rel_init(struct l2tp_rel *r, const struct l2tp_rel_ops *ops, void *u,
                   const struct l2tp_rel_conf *conf);
void l2tp_rel_fini(struct l2tp_rel *r);

/* The peer's Receive Window Size; 4 until it is known (section 4.4.3). */
void l2tp_rel_window(struct l2tp_rel *r, uint16_t window);

/* Queues a message and sends it when the window lets it. `patient`: see alive().
 * False: the queue is full or there is no memory. */
bool l2tp_rel_send(struct l2tp_rel *r, uint16_t tunnel, uint16_t session, const void *body,
                   size_t len, bool patient);

/* Forgets what was queued and never sent: a StopCCN says it all. */
void l2tp_rel_purge(struct l2tp_rel *r);

/* No more slow start: as much at once as the peer's window takes. The tunnel
 * ends, a StopCCN must not wait behind a lost message. */
void l2tp_rel_hurry(struct l2tp_rel *r);

/* A message of the peer's; len 0: an acknowledgement (ZLB). */
void l2tp_rel_rx(struct l2tp_rel *r, uint16_t ns, uint16_t nr, uint16_t session, uint8_t *body,
                 size_t len);

/* Sends an acknowledgement if one is owed. */
void l2tp_rel_flush(struct l2tp_rel *r);

/* Whether numbers are exactly those of a message that the peer would send next:
 * what proves that it is the peer. */
bool l2tp_rel_next_in_line(const struct l2tp_rel *r, uint16_t ns, uint16_t nr);

void l2tp_rel_tick(struct l2tp_rel *r);

static inline bool l2tp_rel_idle(const struct l2tp_rel *r)
{
    return r->una == r->end;
}

#endif
