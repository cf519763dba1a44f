/* ike_info.c - the informational exchange: notifications, deletions, dead peer detection
 * (RFC 2409 section 5.7, RFC 2408 sections 3.14, 3.15, RFC 3706).
 *
 * Knows:  what is believed (what is protected), what each notification means.
 * Leaves: what it does to SAs and peers to ike.c and sad.
 */
#include "ike_int.h"

#include <stdio.h>

#define CONTACT_MS 30000u       /* INITIAL-CONTACT comes with a new SA, not later: no replay of it */

/* ---- protected messages of phase 2 ------------------------------------------------------- */

struct ike_out ike_protect_begin(struct ike_sa *sa, uint8_t exchange, uint32_t message_id,
                                 uint8_t flags)
{
    static const uint8_t later[IKE_HASH_MAX];
    struct ike_hdr h = ike_hdr_of(sa, exchange, (uint8_t)(IKE_F_ENCRYPTED | flags), message_id);
    struct ike_out o = ike_out_of(sa->k->out, IKE_MSG_MAX, &h);
    ike_out_payload(&o, IKE_P_HASH, later, sa->keys.hash->len);
    return o;
}

static void be32(uint8_t out[4], uint32_t v)
{
    struct wr w = wr_of(out, 4);
    wr_u32(&w, v);
}

size_t ike_protect_end(struct ike_sa *sa, struct ike_out *o, uint32_t message_id,
                       const void *more, size_t more_len, uint8_t *iv)
{
    uint8_t id[4], *p = o->w.base;
    size_t hash_at = IKE_HDR_LEN + 4u, rest_at = hash_at + sa->keys.hash->len;
    if (!wr_ok(&o->w))
        return 0;
    be32(id, message_id);
    const struct adit_chunk c[] = { { id, 4 }, { more, more_len },
                                    { &p[rest_at], wr_len(&o->w) - rest_at } };
    if (!ike_prf(sa->k->lib, sa->keys.hash, sa->keys.skeyid_a, sa->keys.hash->len, c, 3, &p[hash_at]))
        return 0;
    return ike_close(sa, o, iv);
}

bool ike_protect_check(struct ike_sa *sa, const struct ike_rx *rx, const void *more,
                       size_t more_len)
{
    uint8_t id[4], want[IKE_HASH_MAX];
    uint32_t len = sa->keys.hash->len;
    if (rx->m.count == 0)
        return false;
    const struct ike_payload *hash = &rx->m.p[0], *last = &rx->m.p[rx->m.count - 1];
    if (hash->type != IKE_P_HASH || hash->len != len)
        return false;
    const uint8_t *from = hash->body + len, *end = last->body + last->len;
    be32(id, rx->hdr.message_id);
    const struct adit_chunk c[] = { { id, 4 }, { more, more_len }, { from, (size_t)(end - from) } };
    return ike_prf(sa->k->lib, sa->keys.hash, sa->keys.skeyid_a, len, c, 3, want) &&
           bytes_equal(hash->body, want, len);
}

/* ---- ours -------------------------------------------------------------------------------------- */

static void cookies_of(const struct ike_sa *sa, uint8_t out[16])
{
    memcpy(out, sa->cookie_i, 8);
    memcpy(&out[8], sa->cookie_r, 8);
}

static void send(struct ike_sa *sa, struct ike_out *o, uint32_t message_id)
{
    uint8_t iv[IKE_BLOCK_MAX];
    if (!ike_iv_of(sa->k->lib, &sa->keys, message_id, iv))
        return;
    size_t len = ike_protect_end(sa, o, message_id, NULL, 0, iv);
    if (len)
        ike_tx(sa, sa->path, sa->k->out, len);
}

void ike_info_notify(struct ike_sa *sa, uint8_t protocol, uint16_t type, const void *spi,
                     size_t spi_len, const void *data, size_t data_len)
{
    uint32_t id = ike_message_id(sa);
    struct ike_out o = ike_protect_begin(sa, IKE_X_INFORMATIONAL, id, 0);
    ike_out_begin(&o, IKE_P_NOTIFY);
    ike_out_notify(&o, protocol, type, spi, spi_len, data, data_len);
    ike_out_end(&o);
    send(sa, &o, id);
}

static void send_delete(struct ike_sa *sa, uint8_t protocol, const void *spis, uint8_t spi_len,
                        uint16_t n)
{
    uint32_t id = ike_message_id(sa);
    struct ike_out o = ike_protect_begin(sa, IKE_X_INFORMATIONAL, id, 0);
    ike_out_begin(&o, IKE_P_DELETE);
    ike_out_delete(&o, protocol, spis, spi_len, n);
    ike_out_end(&o);
    send(sa, &o, id);
}

void ike_info_delete_esp(struct ike_sa *sa, const uint32_t *spis, uint32_t n)
{
    uint8_t buf[64 * 4];
    struct wr w = wr_of(buf, sizeof buf);
    for (uint32_t i = 0; i < n; i++)
        wr_u32(&w, spis[i]);
    if (wr_ok(&w) && n)
        send_delete(sa, IKE_PROTO_ESP, buf, 4, (uint16_t)n);
}

void ike_info_delete_sa(struct ike_sa *sa)
{
    uint8_t spi[16];
    cookies_of(sa, spi);
    send_delete(sa, IKE_PROTO_ISAKMP, spi, sizeof spi, 1);
}

void ike_info_ask(struct ike_sa *sa)
{
    uint8_t spi[16], seq[4];
    if (!sa->dpd_out) {         /* RFC 3706 section 7: random, and room to count */
        sa->k->ops->random((uint8_t *)&sa->dpd_out, sizeof sa->dpd_out);
        sa->dpd_out &= 0x3fffffff;
    }
    sa->dpd_out++;
    cookies_of(sa, spi);
    be32(seq, sa->dpd_out);
    ike_info_notify(sa, IKE_PROTO_ISAKMP, IKE_N_R_U_THERE, spi, sizeof spi, seq, sizeof seq);
}

/* ---- theirs --------------------------------------------------------------------------------------- */

static void rx_dpd(struct ike_sa *sa, const struct ike_notify *n)
{
    struct rd r = rd_of(n->data, n->data_len);
    uint32_t seq = rd_u32(&r);
    if (!rd_done(&r)) {
        IKE_COUNT(sa->k, RX_BAD);
        return;
    }
    if (n->type == IKE_N_R_U_THERE_ACK) {
        if (!sa->dpd_out || sa->dpd_out - seq > 64)
            IKE_COUNT(sa->k, RX_UNEXPECTED);
        return;                 /* heard: that was all */
    }
    if (sa->dpd_in_seen && seq < sa->dpd_in) {
        IKE_COUNT(sa->k, RX_DUP);
        return;
    }
    sa->dpd_in_seen = true;
    sa->dpd_in = seq;
    uint8_t spi[16], data[4];
    cookies_of(sa, spi);
    be32(data, seq);
    ike_info_notify(sa, IKE_PROTO_ISAKMP, IKE_N_R_U_THERE_ACK, spi, sizeof spi, data, sizeof data);
}

static void rx_notify(struct ike_sa *sa, const struct ike_notify *n)
{
    switch (n->type) {
    case IKE_N_R_U_THERE:
    case IKE_N_R_U_THERE_ACK:
        rx_dpd(sa, n);
        return;
    case IKE_N_INITIAL_CONTACT:
        if (ike_now(sa->k) - sa->up_ms < CONTACT_MS)
            ike_info_contact(sa);
        return;
    default:
        break;
    }
    if (n->type >= 16384)
        return;                 /* status: CONNECTED, REPLAY-STATUS ... */
    ike_say(sa, IKE_SAY_NOTIFY, "%s", ike_notify_name(n->type));
    ike_quick_refused(sa, n);
}

/* A peer that deleted every pair of an association and its last ISAKMP SA does not
 * negotiate another: nobody waits for it. */
static void peer_left(struct ike_peer *p)
{
    for (bool again = adit_list_empty(&p->sas); again;) {
        again = false;
        ADIT_LIST_EACH(n, &p->bonds) {
            struct sad_assoc *a = ADIT_OF(n, struct ike_bond, node)->assoc;
            struct sad_pair_view v = { .ending = true };
            for (struct sad_pair *q = NULL; v.ending && (q = sad_pair_next(a, q));)
                sad_pair_view(q, &v);
            if (!v.ending)
                continue;
            sad_assoc_end(a, SAD_WHY_DELETED);          /* with its bond */
            again = true;
            break;
        }
    }
}

static void rx_delete_sa(struct ike_sa *sa, const struct ike_delete *d)
{
    struct rd r = rd_of(d->spis, (size_t)d->count * 16);
    struct ike_peer *p = sa->peer;
    for (uint32_t i = 0; i < d->count && p; i++) {
        const uint8_t *spi = rd_bytes(&r, 16);
        ADIT_LIST_EACH(n, &p->sas) {
            struct ike_sa *o = ADIT_OF(n, struct ike_sa, peer_node);
            if (!spi || o->dead || memcmp(o->cookie_i, spi, 8) != 0 ||
                memcmp(o->cookie_r, &spi[8], 8) != 0)
                continue;
            if (p->sa_count == 1 && adit_list_empty(&p->bonds))
                ike_say(o, IKE_SAY_DOWN, "the peer closed it");
            ike_sa_end(o, ADIT_ECANCELED, "the peer deleted the ISAKMP SA");
        }
    }
    if (p)
        peer_left(p);
}

/* By the SPI that the peer receives on. What is on its way to us is still taken
 * for a while (row W8). */
static void rx_delete_esp(struct ike_sa *sa, const struct ike_delete *d)
{
    struct rd r = rd_of(d->spis, (size_t)d->count * 4);
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t spi = rd_u32(&r);
        ADIT_LIST_EACH(n, &sa->peer->bonds) {
            struct ike_bond *b = ADIT_OF(n, struct ike_bond, node);
            struct sad_pair *p = spi ? sad_pair_out(b->assoc, spi) : NULL;
            if (p) {
                sad_pair_end(p, SAD_WHY_DELETED, IKE_LINGER_MS);
                break;
            }
        }
    }
}

/* In clear: nobody knows who wrote it. Our own call remembers it for the
 * sentence at its end, and asks once more before that. */
static void rx_clear(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike_notify n;
    const struct ike_payload *p = NULL;
    IKE_COUNT(sa->k, RX_UNEXPECTED);
    if (ike_msg_parse(&rx->m, rx->bytes, rx->hdr.length) == IKE_MSG_OK) {
        ike_seen(sa->k, rx->path, false, rx->bytes, rx->hdr.length);
        p = ike_msg_find(&rx->m, IKE_P_NOTIFY, 0);
    }
    if (!sa->initiator || sa->state == IKE_S_UP || !p || !ike_notify_read(p, &n) || n.type >= 16384)
        return;
    if (!sa->hint)
        ike_say(sa, IKE_SAY_NOTIFY, "%s (not authenticated)", ike_notify_name(n.type));
    sa->hint = n.type;
    if (sa->sent.tries > 1)
        sa->sent.tries = 1;
}

void ike_info_rx(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike *k = sa->k;
    uint8_t iv[IKE_BLOCK_MAX];
    if (!(rx->hdr.flags & IKE_F_ENCRYPTED)) {
        rx_clear(sa, rx);
        return;
    }
    if (!sa->keys.cipher || !rx->hdr.message_id ||
        (sa->state != IKE_S_UP && sa->state != IKE_S_I_WAIT_6)) {
        IKE_COUNT(k, RX_UNEXPECTED);
        return;
    }
    if (ike_recent(sa, rx->hdr.message_id)) {
        IKE_COUNT(k, RX_DUP);   /* or CONNECTED, with its quick mode's number: nobody waits for it */
        return;
    }
    if (!ike_iv_of(k->lib, &sa->keys, rx->hdr.message_id, iv) ||
        !ike_open(sa, &sa->keys, rx, iv)) {
        IKE_COUNT(k, RX_DECRYPT);
        return;
    }
    if (!ike_protect_check(sa, rx, NULL, 0)) {
        IKE_COUNT(k, RX_HASH);
        return;
    }
    ike_remember(sa, rx->hdr.message_id);
    if (sa->state != IKE_S_UP) {        /* the peer has keys, and no name yet: a hint, too */
        struct ike_notify n;
        const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_NOTIFY, 0);
        if (p && ike_notify_read(p, &n) && n.type < 16384) {
            sa->hint = n.type;
            sa->sent.tries = sa->sent.tries > 1 ? 1 : sa->sent.tries;
        }
        return;
    }
    ike_sa_moved(sa, rx);
    ike_peer_heard(sa->peer);
    for (uint32_t i = 0; i < rx->m.count && !sa->dead; i++) {
        const struct ike_payload *p = &rx->m.p[i];
        struct ike_notify n;
        struct ike_delete d;
        if (p->type == IKE_P_NOTIFY && ike_notify_read(p, &n))
            rx_notify(sa, &n);
        else if (p->type == IKE_P_DELETE && ike_delete_read(p, &d) &&
                 d.protocol == IKE_PROTO_ISAKMP && d.spi_len == 16)
            rx_delete_sa(sa, &d);
        else if (p->type == IKE_P_DELETE && ike_delete_read(p, &d) &&
                 d.protocol == IKE_PROTO_ESP && d.spi_len == 4)
            rx_delete_esp(sa, &d);
        else if (p->type == IKE_P_NOTIFY || p->type == IKE_P_DELETE)
            IKE_COUNT(k, RX_BAD);
    }
}
