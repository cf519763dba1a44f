/* ike_frag.c - messages in pieces: the fragmentation that Windows, racoon, strongSwan and
 * libreswan share for IKEv1 (vendor id FRAGMENTATION; Microsoft's [MS-IKEE] section 2.2.4).
 *
 * Knows:  pieces, their order, how much and how long is kept.
 * Leaves: the whole message to who asked.
 */
#include "ike_int.h"

#define FRAGMENT_HEAD 4u        /* id, number, flags */
#define ALL_BYTES_MAX (16u << 20)        /* of all SAs that are being put together */

struct ike_reasm {
    uint16_t id;
    uint8_t exchange;
    uint32_t message_id;
    uint64_t until_ms;
    uint8_t last;               /* number of the last piece; 0: not seen */
    size_t total;
    struct { uint8_t *p; uint16_t len; } piece[IKE_FRAGMENTS_MAX];
};

static void clear(struct ike_sa *sa)
{
    struct ike_reasm *r = sa->reasm;
    for (uint32_t i = 0; i < IKE_FRAGMENTS_MAX; i++)
        free(r->piece[i].p);
    sa->k->reasm_bytes -= r->total;
    *r = (struct ike_reasm){ 0 };
}

void ike_frag_free(struct ike_sa *sa)
{
    if (sa->reasm)
        clear(sa);
    free(sa->reasm);
    sa->reasm = NULL;
}

void ike_frag_tick(struct ike_sa *sa, uint64_t now)
{
    if (!sa->reasm)
        return;
    if (now >= sa->reasm->until_ms)
        ike_frag_free(sa);
    else
        ike_due(sa->k, sa->reasm->until_ms);
}

static bool keep(struct ike_sa *sa, const struct ike_fragment *f)
{
    struct ike_reasm *r = sa->reasm;
    uint8_t **p = &r->piece[f->number - 1].p;
    uint16_t *len = &r->piece[f->number - 1].len;
    if (*p) {                   /* again, or another one: the newer counts */
        sa->k->reasm_bytes -= *len;
        r->total -= *len;
        free(*p);
        *p = NULL;
    }
    if (r->total + f->len > IKE_MSG_MAX || sa->k->reasm_bytes + f->len > ALL_BYTES_MAX)
        return false;
    *p = malloc(f->len);
    if (!*p)
        return false;
    memcpy(*p, f->data, f->len);
    *len = f->len;
    r->total += f->len;
    sa->k->reasm_bytes += f->len;
    return true;
}

bool ike_frag_rx(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike *k = sa->k;
    struct ike_fragment f;
    if (ike_msg_parse(&rx->m, rx->bytes, rx->hdr.length) != IKE_MSG_OK || rx->m.count != 1 ||
        !ike_fragment_read(&rx->m.p[0], &f) || f.number == 0 || f.number > IKE_FRAGMENTS_MAX ||
        f.len == 0) {
        IKE_COUNT(k, RX_BAD);
        return false;
    }
    if (!sa->reasm && !(sa->reasm = calloc(1, sizeof *sa->reasm)))
        return false;
    struct ike_reasm *r = sa->reasm;
    if (r->total && (r->id != f.id || r->exchange != rx->hdr.exchange ||
                     r->message_id != rx->hdr.message_id || (f.last && r->last && r->last != f.number)))
        clear(sa);              /* the older message is given up */
    if (!r->total)
        r->until_ms = ike_now(k) + IKE_FRAGMENT_MS;
    r->id = f.id;
    r->exchange = rx->hdr.exchange;
    r->message_id = rx->hdr.message_id;
    ike_due(k, r->until_ms);
    if (f.last)
        r->last = f.number;
    if (!keep(sa, &f)) {
        IKE_COUNT(k, RX_BAD);
        ike_frag_free(sa);
        return false;
    }
    struct wr w = wr_of(k->in, sizeof k->in);
    for (uint32_t i = 0; i < IKE_FRAGMENTS_MAX && r->piece[i].p && wr_ok(&w); i++) {
        wr_bytes(&w, r->piece[i].p, r->piece[i].len);
        if (i + 1u != r->last)
            continue;
        struct ike_hdr h;
        size_t len = wr_len(&w);
        bool fine = wr_ok(&w) && ike_hdr_parse(&h, k->in, len) == IKE_MSG_OK && h.length == len &&
                    h.next != IKE_P_FRAGMENT && memcmp(h.cookie_i, sa->cookie_i, 8) == 0;
        ike_frag_free(sa);
        if (!fine) {
            IKE_COUNT(k, RX_BAD);
            return false;
        }
        rx->bytes = k->in;
        rx->len = len;
        rx->hdr = h;
        return true;
    }
    return false;
}

void ike_frag_tx(struct ike_sa *sa, struct adit_path *path, const uint8_t *p, size_t len)
{
    struct ike *k = sa->k;
    uint8_t buf[IKE_MSG_MAX];
    size_t room = k->conf.mtu > IKE_HDR_LEN + 4 + FRAGMENT_HEAD + 256 ?
                      k->conf.mtu - IKE_HDR_LEN - 4 - FRAGMENT_HEAD : 256;
    if (room > sizeof buf - 64)
        room = sizeof buf - 64;
    struct rd r = rd_of(p, len);
    struct ike_hdr h;
    if (len > room * 255 || ike_hdr_parse(&h, p, len) != IKE_MSG_OK)
        return;
    h.flags = 0;
    for (uint8_t number = 1; rd_left(&r); number++) {
        size_t n = rd_left(&r) < room ? rd_left(&r) : room;
        struct ike_out o = ike_out_of(buf, sizeof buf, &h);
        ike_out_begin(&o, IKE_P_FRAGMENT);
        bool last = n == rd_left(&r);
        ike_out_fragment(&o, 1, number, last, rd_bytes(&r, n), n);
        ike_out_end(&o);
        size_t whole = ike_out_done(&o);
        if (whole == 0)
            return;
        IKE_COUNT(k, TX);
        k->ops->tx(k->u, path, buf, whole);
    }
}
