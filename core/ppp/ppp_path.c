/* ppp_path.c - frames of data through a link (DATA PATH).
 *
 * Knows:  address, control and protocol field, compressed or not; runs of
 *         datagrams of one protocol.
 * Leaves: what may pass to the gate of ppp.c, keys to ppp_mppe, everything that
 *         is not a datagram to ppp_rx_control().
 *
 * A frame that may pass costs a look at its first bytes. Whatever else comes
 * between two datagrams ends the run, so that order is kept.
 */
#include "ppp/ppp_link.h"

/* Takes the header off; the protocol, 0: no PPP frame. Compressed fields are
 * understood always, agreed or not. */
static inline uint16_t protocol_pull(struct adit_frame *f)
{
    const uint8_t *b = f->data;
    uint32_t len = f->len, at = 0;
    if (len >= 2 && b[0] == 0xff && b[1] == 0x03)
        at = 2;
    if (len < at + 1)
        return 0;
    uint16_t proto = b[at++];
    if (!(proto & 1)) {         /* the low octet is odd, the high one even */
        if (len < at + 1 || !(b[at] & 1))
            return 0;
        proto = (uint16_t)(proto << 8 | b[at++]);
    }
    adit_frame_pull(f, at);
    return proto;
}

static inline uint32_t net_bit(uint16_t proto)
{
    return proto == PPP_IP ? NET_IP : proto == PPP_IPV6 ? NET_IPV6 : proto == PPP_IPX ? NET_IPX : 0;
}

/* Takes MPPE off: the protocol inside, or 0 when the frame is dropped. */
static uint16_t mppe_pull(struct ppp *p, struct adit_frame *f)
{
    uint64_t lost = p->rx_mppe.lost;
    switch (mppe_open(&p->rx_mppe, f)) {
    case MPPE_OK:
        p->stat.rx_mppe_lost += p->rx_mppe.lost - lost;
        return protocol_pull(f);
    case MPPE_GAP:
        p->stat.rx_mppe_bad++;
        p->touched = true;
        ccp_resync(p);
        return 0;
    case MPPE_LOST:
        p->stat.rx_mppe_bad++;
        p->touched = true;
        cp_restart(&p->ccp.cp);
        return 0;
    default:
        p->stat.rx_mppe_bad++;
        return 0;
    }
}

/* A run leaves, unless the link closed meanwhile. */
static void deliver(struct ppp *p, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    if (!n || !(net_bit(proto) & (p->pass_clear | p->pass_mppe)))
        return;
    if (__builtin_expect(p->watch & PPP_WATCH_DATA, 0))
        p->seen(p->u, false, proto, v, n);
    p->ops.rx_data(p->u, proto, v, n);
}

void ppp_rx(struct ppp *p, struct adit_frame **v, uint32_t n)
{
    if (p->dead || !p->up || n == 0)
        return;
    p->depth++;
    p->heard_at = ppp_now(p);
    p->stat.rx_frames += n;
    if (p->mppe_rx_on)
        mppe_credit(&p->rx_mppe, p->heard_at);

    uint32_t from = 0, to = 0;  /* v[from] to v[to - 1] is the run */
    uint16_t run = 0;
    for (uint32_t i = 0; i < n && !p->dead; i++) {
        struct adit_frame *f = v[i];
        uint16_t proto = protocol_pull(f);
        bool inside = proto == PPP_COMP && p->mppe_rx_on;
        if (inside) {
            proto = mppe_pull(p, f);
            if (!proto)
                continue;
        }
        uint32_t bit = net_bit(proto);
        if (bit & (inside ? p->pass_mppe : p->pass_clear)) {
            if (proto != run) {
                deliver(p, run, v + from, to - from);
                from = to;
                run = proto;
            }
            v[to++] = f;
            continue;
        }
        if (inside) {
            ppp_ncp_wake(p, bit);
            continue;           /* its NCP is not open */
        }
        if (!proto) {
            p->stat.rx_bad++;
            continue;
        }
        if (bit && (p->required || p->mppe_was_on)) {
            p->stat.rx_clear_dropped++;
            continue;
        }
        deliver(p, run, v + from, to - from);
        from = to;
        if (p->dead)
            break;
        p->heard = p->touched = true;
        if (p->watch & PPP_WATCH_CONTROL)
            p->seen(p->u, false, proto, &f, 1);
        ppp_rx_control(p, proto, f->data, f->len);
        if (p->depth == 1)
            ppp_work(p);
    }
    deliver(p, run, v + from, to - from);
    if (p->touched || p->dead)
        ppp_leave(p);
    else
        p->depth--;             /* no protocol moved: the timer stands */
}

void ppp_tx(struct ppp *p, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    uint32_t bit = net_bit(proto);
    if (p->dead || n == 0)
        return;
    bool mppe = p->pass_mppe & bit;
    if (!mppe && !(p->pass_clear & bit)) {
        if (p->required || p->mppe_was_on)
            p->stat.tx_clear_dropped += n;
        return;
    }
    if (__builtin_expect(p->watch & PPP_WATCH_DATA, 0))
        p->seen(p->u, true, proto, v, n);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct adit_frame *f = v[i];
        uint8_t *h;
        if (f->len > p->tx_max) {
            p->stat.tx_too_long++;
            continue;
        }
        if (p->pfc) {
            h = adit_frame_push(f, 1);
            if (h)
                h[0] = (uint8_t)proto;
        } else {
            h = adit_frame_push(f, 2);
            if (h) {
                h[0] = 0;
                h[1] = (uint8_t)proto;
            }
        }
        if (h)
            v[kept++] = f;
    }
    uint32_t head = p->head_len;
    if (mppe) {
        kept = mppe_seal(&p->tx_mppe, v, kept);
        head += p->pfc ? 1 : 2;
    }
    uint32_t out = 0;
    for (uint32_t i = 0; i < kept && head > 0; i++) {
        uint8_t *h = adit_frame_push(v[i], head);
        if (!h)
            continue;
        struct wr w = wr_of(h, head);
        if (p->head_len)
            wr_u16(&w, 0xff03);
        if (mppe && !p->pfc)
            wr_u8(&w, PPP_COMP >> 8);
        if (mppe)
            wr_u8(&w, PPP_COMP & 0xff);
        v[out++] = v[i];
    }
    if (head == 0)
        out = kept;
    if (out)
        p->ops.tx_link(p->u, v, out);
}
