/* l2tp_rel.c - reliable delivery of control messages (RFC 2661 section 5.8, appendix A).
 *
 * Knows:  Ns and Nr, both windows, slow start, retransmission, duplicates, order.
 * Leaves: what is in a message to its owner; clocks and sockets too.
 */
#include "l2tp_rel.h"

#include "l2tp_msg.h"

#include <stdlib.h>

#define FLAGS_CONTROL 0xc802u   /* T, L, S; version 2 */
#define EARLY_MAX     4096u     /* bytes of a message that is kept out of order */

struct out {
    struct adit_node node;
    uint16_t ns, len;
    bool patient;
    uint8_t pkt[];              /* header and body */
};

struct early {
    struct adit_node node;
    uint16_t ns, session, len;
    uint8_t body[];
};

static int16_t diff(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b);
}

static void header(uint8_t *p, size_t len, uint16_t tunnel, uint16_t session, uint16_t ns,
                   uint16_t nr)
{
    struct wr w = wr_of(p, L2TP_HDR_LEN);
    wr_u16(&w, FLAGS_CONTROL);
    wr_u16(&w, (uint16_t)len);
    wr_u16(&w, tunnel);
    wr_u16(&w, session);
    wr_u16(&w, ns);
    wr_u16(&w, nr);
}

void l2tp_rel_init(struct l2tp_rel *r, const struct l2tp_rel_ops *ops, void *u,
                   const struct l2tp_rel_conf *conf)
{
    *r = (struct l2tp_rel){ .ops = ops, .u = u, .conf = *conf, .cwnd = 1 };
    adit_list_init(&r->out);
    adit_list_init(&r->early);
    r->rto_ms = conf->rto_ms;
    l2tp_rel_window(r, 4);
}

static void forget(struct adit_node *list)
{
    ADIT_LIST_EACH(n, list) {
        adit_list_del(n);
        free(n);                /* the node is the first member of both */
    }
}
_Static_assert(offsetof(struct out, node) == 0 && offsetof(struct early, node) == 0, "node first");

void l2tp_rel_fini(struct l2tp_rel *r)
{
    forget(&r->out);
    forget(&r->early);
    r->dead = true;
}

void l2tp_rel_window(struct l2tp_rel *r, uint16_t window)
{
    r->peer_window = window ? window : 1;
    r->ssthresh = r->peer_window;
    if (r->cwnd > r->peer_window)
        r->cwnd = r->peer_window;
}

static struct out *out_at(struct l2tp_rel *r, uint16_t ns)
{
    ADIT_LIST_EACH(n, &r->out) {
        struct out *o = ADIT_OF(n, struct out, node);
        if (o->ns == ns)
            return o;
    }
    return NULL;
}

/* Sends one message, with the newest Nr: also when it is sent again (row A3). */
static void put(struct l2tp_rel *r, struct out *o)
{
    struct wr w = wr_of(o->pkt, L2TP_HDR_LEN);
    (void)wr_room(&w, 10);
    wr_u16(&w, r->nr);
    r->ack_owed = false;
    r->stat.sent++;
    r->ops->tx(r->u, o->pkt, o->len);
}

/* Sends what the windows let go; never more unacknowledged than the peer's
 * window (row A1). */
static void pump(struct l2tp_rel *r)
{
    while (!r->dead && r->next != r->end && (uint16_t)(r->next - r->una) < r->cwnd) {
        struct out *o = out_at(r, r->next);
        if (!o)
            return;
        bool again = diff(r->next, r->max) < 0;
        if (r->next == r->una && !again)
            r->ops->timer(r->u, r->rto_ms);
        r->next++;
        if (again)
            r->stat.again++;
        else
            r->max = r->next;
        put(r, o);
    }
}

bool l2tp_rel_send(struct l2tp_rel *r, uint16_t tunnel, uint16_t session, const void *body,
                   size_t len, bool patient)
{
    r->peer_tunnel = tunnel;
    if (r->dead || (uint16_t)(r->end - r->una) >= r->conf.queue_max || len > L2TP_BODY_MAX)
        return false;
    struct out *o = malloc(sizeof *o + L2TP_HDR_LEN + len);
    if (!o)
        return false;
    o->node = (struct adit_node){ NULL, NULL };
    o->ns = r->end++;
    o->len = (uint16_t)(L2TP_HDR_LEN + len);
    o->patient = patient;
    struct wr w = wr_of(o->pkt, o->len);
    header(wr_room(&w, L2TP_HDR_LEN), o->len, tunnel, session, o->ns, r->nr);
    wr_bytes(&w, body, len);
    adit_list_add(&r->out, &o->node);
    pump(r);
    return true;
}

void l2tp_rel_purge(struct l2tp_rel *r)
{
    while (r->end != r->max) {
        struct out *o = ADIT_OF(r->out.prev, struct out, node);
        adit_list_del(&o->node);
        free(o);
        r->end--;
    }
}

void l2tp_rel_hurry(struct l2tp_rel *r)
{
    r->cwnd = r->peer_window;
}

/* Appendix A: slow start up to ssthresh, then one more for each window. */
static void grow(struct l2tp_rel *r)
{
    if (r->cwnd >= r->peer_window)
        return;
    if (r->cwnd < r->ssthresh) {
        r->cwnd++;
    } else if (++r->cwnd_part >= r->cwnd) {
        r->cwnd++;
        r->cwnd_part = 0;
    }
}

static void acknowledged(struct l2tp_rel *r, uint16_t nr)
{
    uint16_t n = (uint16_t)(nr - r->una);
    if (n == 0 || n > (uint16_t)(r->max - r->una))
        return;                 /* old, or of something that was never sent */
    for (; n > 0; n--) {
        struct out *o = ADIT_OF(r->out.next, struct out, node);
        adit_list_del(&o->node);
        free(o);
        r->una++;
        grow(r);
    }
    if (diff(r->next, r->una) < 0)
        r->next = r->una;
    r->tries = 0;
    r->rto_ms = r->conf.rto_ms;
    r->ops->timer(r->u, r->una != r->max ? r->rto_ms : 0);
    pump(r);
}

static void deliver(struct l2tp_rel *r, uint16_t session, uint8_t *body, size_t len)
{
    r->nr++;
    r->ack_owed = true;
    r->stat.received++;
    r->ops->deliver(r->u, session, body, len);
}

/* Row K5: a message that came early waits for its turn. */
static void keep(struct l2tp_rel *r, uint16_t ns, uint16_t session, const uint8_t *body, size_t len)
{
    struct adit_node *at = &r->early;
    if (r->early_count >= r->conf.window || len > EARLY_MAX) {
        r->stat.beyond++;
        return;
    }
    ADIT_LIST_EACH(n, &r->early) {
        struct early *e = ADIT_OF(n, struct early, node);
        if (e->ns == ns) {
            r->stat.duplicates++;
            return;
        }
        if (diff(e->ns, ns) > 0) {
            at = n;
            break;
        }
    }
    struct early *e = malloc(sizeof *e + len);
    if (!e)
        return;                 /* it will come again */
    *e = (struct early){ .ns = ns, .session = session, .len = (uint16_t)len };
    memcpy(e->body, body, len);
    adit_list_add(at, &e->node);        /* before `at` */
    r->early_count++;
    r->stat.early++;
}

void l2tp_rel_rx(struct l2tp_rel *r, uint16_t ns, uint16_t nr, uint16_t session, uint8_t *body,
                 size_t len)
{
    if (r->dead)
        return;
    acknowledged(r, nr);
    if (len == 0 || r->dead)
        return;                 /* an acknowledgement has no number of its own */
    int16_t ahead = diff(ns, r->nr);
    if (ahead < 0) {
        r->stat.duplicates++;
        r->ack_owed = true;     /* section 5.8: the first acknowledgement was lost */
        return;
    }
    if (ahead >= (int32_t)r->conf.window) {
        r->stat.beyond++;
        return;
    }
    if (ahead > 0) {
        keep(r, ns, session, body, len);
        return;
    }
    deliver(r, session, body, len);
    while (!r->dead && !adit_list_empty(&r->early)) {
        struct early *e = ADIT_OF(r->early.next, struct early, node);
        if (diff(e->ns, r->nr) > 0)
            break;
        adit_list_del(&e->node);
        r->early_count--;
        if (e->ns == r->nr)
            deliver(r, e->session, e->body, e->len);
        free(e);
    }
}

void l2tp_rel_flush(struct l2tp_rel *r)
{
    uint8_t zlb[L2TP_HDR_LEN];
    if (!r->ack_owed || r->dead)
        return;
    r->ack_owed = false;
    header(zlb, sizeof zlb, r->peer_tunnel, 0, r->max, r->nr);
    r->ops->tx(r->u, zlb, sizeof zlb);
}

bool l2tp_rel_next_in_line(const struct l2tp_rel *r, uint16_t ns, uint16_t nr)
{
    return ns == r->nr && (uint16_t)(nr - r->una) <= (uint16_t)(r->max - r->una);
}

void l2tp_rel_tick(struct l2tp_rel *r)
{
    if (r->dead || r->una == r->max)
        return;
    if (r->tries >= r->conf.tries) {
        struct out *o = ADIT_OF(r->out.next, struct out, node);
        if (!o->patient || !r->ops->alive(r->u)) {
            r->dead = true;
            r->ops->dead(r->u);
            return;
        }
        r->tries = 0;           /* the wait stays at its longest */
    }
    r->tries++;
    r->rto_ms = r->rto_ms * 2 < r->conf.rto_max_ms ? r->rto_ms * 2 : r->conf.rto_max_ms;
    r->ssthresh = r->cwnd > 2 ? r->cwnd / 2 : 1;
    r->cwnd = 1;
    r->cwnd_part = 0;
    r->next = r->una;           /* what followed it is sent again as the window opens */
    r->ops->timer(r->u, r->rto_ms);
    pump(r);
}
