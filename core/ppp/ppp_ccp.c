/* ppp_ccp.c - the Compression Control Protocol, for MPPE alone (RFC 1962,
 * RFC 3078 section 2).
 *
 * Knows:  which strength both ends can, Reset-Request and -Ack.
 * Leaves: keys and packets to ppp_mppe, what a failure means to ppp.c.
 */
#include <string.h>

#include "ppp/ppp_link.h"

#define RESET_MS 1000           /* between two Reset-Requests */

static const struct strength {
    uint32_t enc, bit;
} strengths[] = {               /* the strongest first */
    { ADIT_ENC_128, MPPE_S }, { ADIT_ENC_56, MPPE_M }, { ADIT_ENC_40, MPPE_L },
};
#define STRENGTHS (sizeof strengths / sizeof strengths[0])

static struct ccp *ccp_of(struct cp *c) { return &c->p->ccp; }

static uint32_t bits_of(uint32_t enc)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < STRENGTHS; i++) {
        if (enc & strengths[i].enc)
            bits |= strengths[i].bit;
    }
    return bits;
}

/* The strongest of them that is permitted; 0: none. */
static uint32_t best(const struct ccp *k, uint32_t bits)
{
    for (size_t i = 0; i < STRENGTHS; i++) {
        if (bits & strengths[i].bit && k->permitted & strengths[i].enc)
            return strengths[i].bit;
    }
    return 0;
}

uint32_t ccp_enc_of(uint32_t mppe_bits)
{
    for (size_t i = 0; i < STRENGTHS; i++) {
        if ((mppe_bits & (MPPE_S | MPPE_M | MPPE_L)) == strengths[i].bit)
            return strengths[i].enc;
    }
    return 0;
}

/* What we would have instead of `bits`: one strength, and nothing else but H. */
static uint32_t rather(const struct ccp *k, uint32_t bits)
{
    uint32_t one = best(k, bits);
    if (!one)
        one = best(k, bits_of(k->permitted));
    return one | (k->stateful && !(bits & MPPE_H) ? 0 : MPPE_H);
}

/* W14: Windows asks for MPPC and every strength at once; K4: some ask for
 * nothing at all. Either is told the one thing that we would do. */
static enum cp_verdict judge_mppe(struct cp *c, struct rd *v, struct wr *nak)
{
    struct ccp *k = ccp_of(c);
    uint32_t bits = v ? rd_u32(v) : 0;
    uint32_t want = rather(k, bits & (MPPE_S | MPPE_M | MPPE_L) ? bits : bits | MPPE_H);
    if (v && bits == want) {
        k->cand = bits;
        return CP_ACK;
    }
    wr_u32(nak, want);
    return CP_NAK;
}

/* All that is permitted, for the peer to choose one (it naks to it). */
static bool ask_mppe(struct cp *c, struct wr *w)
{
    wr_u32(w, ccp_of(c)->want);
    return true;
}

static void give_up(struct cp *c, const char *text)
{
    struct ppp *p = c->p;
    if (!p->required && !p->mppe_was_on)
        fsm_step(&c->f, FSM_CLOSE);
    ppp_ccp_failed(p, text);
}

static void nak_mppe(struct cp *c, struct rd *v)
{
    struct ccp *k = ccp_of(c);
    uint32_t bits = v ? rd_u32(v) : 0;
    uint32_t one = best(k, bits);
    if (!one && bits & (MPPE_S | MPPE_M | MPPE_L)) {
        give_up(c, "no common strength of encryption");
        return;
    }
    if (one)
        k->want = one | (k->stateful && !(bits & MPPE_H) ? 0 : MPPE_H);
}

static void rej_mppe(struct cp *c)
{
    give_up(c, "the peer rejects encryption");
}

static const struct cp_opt ccp_opts[] = {
    { 18, 4, 4, "mppe", judge_mppe, ask_mppe, nak_mppe, rej_mppe, 0, CP_SHOW_MPPE },
};

static void reset(struct cp *c)
{
    struct ccp *k = ccp_of(c);
    k->want = MPPE_H | bits_of(k->permitted);
}

static void judge_begin(struct cp *c)
{
    ccp_of(c)->cand = 0;
}

/* A peer that asks for no option at all is told which one we want. */
static void judge_end(struct cp *c, struct wr *nak)
{
    struct ccp *k = ccp_of(c);
    if (k->cand || wr_len(nak) > 0)
        return;
    wr_u8(nak, 18);
    wr_u8(nak, 6);
    wr_u32(nak, rather(k, MPPE_H));
}

static void agreed(struct cp *c)
{
    ccp_of(c)->peer = ccp_of(c)->cand;
}

static void up(struct cp *c)
{
    struct ccp *k = ccp_of(c);
    struct ppp *p = c->p;
    /* Requests are about what their sender receives. A peer that acks all of
     * ours at once has the strongest in mind. */
    uint32_t rx = ccp_enc_of(best(k, k->want)), tx = ccp_enc_of(k->peer);
    if (!rx || !tx) {
        give_up(c, "the peer does not encrypt");
        return;
    }
    const struct ppp_keys *keys = ppp_keys_of(p);
    const uint8_t *rx_key = keys->lm && rx != ADIT_ENC_128 ? keys->lm_key : keys->recv;
    const uint8_t *tx_key = keys->lm && tx != ADIT_ENC_128 ? keys->lm_key : keys->send;
    uint8_t key[16] = { 0 };
    memcpy(key, rx_key, rx == ADIT_ENC_128 ? 16 : 8);
    mppe_init(&p->rx_mppe, key, rx, k->want & MPPE_H);
    memcpy(key, tx_key, tx == ADIT_ENC_128 ? 16 : 8);
    mppe_init(&p->tx_mppe, key, tx, k->peer & MPPE_H);
    bytes_wipe(key, sizeof key);
    k->reset_at = 0;
    p->mppe_rx_on = p->mppe_tx_on = p->mppe_was_on = true;
    ppp_ccp_changed(p);
}

static void down(struct cp *c)
{
    struct ppp *p = c->p;
    p->mppe_rx_on = p->mppe_tx_on = false;
    mppe_fini(&p->rx_mppe);
    mppe_fini(&p->tx_mppe);
    ccp_of(c)->peer = 0;
    ppp_ccp_changed(p);
}

static void finished(struct cp *c)
{
    ppp_ccp_failed(c->p, c->heard ? "CCP failed" : "the peer does not speak CCP");
}

static bool extra(struct cp *c, uint8_t code, uint8_t id, struct rd *body)
{
    struct ppp *p = c->p;
    (void)id;
    (void)body;
    switch (code) {
    case CCP_RESET_REQ:
        /* The FLUSHED bit of the next packet is the answer (RFC 3078 section
         * 8.2); the Ack is for peers that go by RFC 1962. */
        if (cp_opened(c) && p->mppe_tx_on && !p->tx_mppe.stateless) {
            mppe_reset(&p->tx_mppe);
            uint8_t ack[4];
            struct wr w = wr_of(ack, sizeof ack);
            wr_u8(&w, CCP_RESET_ACK);
            wr_u8(&w, id);
            wr_u16(&w, 4);
            ppp_send(p, PPP_CCP, ack, sizeof ack);
        }
        return true;
    case CCP_RESET_ACK:
        return true;
    default:
        return false;
    }
}

const struct cp_proto ccp_proto = {
    .number = PPP_CCP, .name = "CCP",
    .opts = ccp_opts, .opt_count = sizeof ccp_opts / sizeof ccp_opts[0],
    .reset = reset, .judge_begin = judge_begin, .judge_end = judge_end, .agreed = agreed,
    .up = up, .down = down, .finished = finished, .extra = extra,
};

void ccp_resync(struct ppp *p)
{
    struct ccp *k = &p->ccp;
    uint64_t now = ppp_now(p);
    if (!cp_opened(&k->cp) || (k->reset_at && now - k->reset_at < RESET_MS))
        return;
    k->reset_at = now ? now : 1;
    cp_tx(&k->cp, CCP_RESET_REQ, NULL, 0);
}
