/* ppp_ipv6cp.c - the IPv6 Control Protocol (RFC 5072).
 *
 * Knows:  interface identifiers; both ends' must differ and not be zero.
 * Leaves: addresses, router advertisements.
 */
#include "ppp/ppp_link.h"

static struct ipv6cp *k_of(struct cp *c) { return &c->p->ipv6cp; }

static uint64_t draw(struct ppp *p, uint64_t not_this)
{
    uint64_t id = 0;
    for (int i = 0; i < 4 && (id == 0 || id == not_this); i++) {
        ppp_random(p, &id, sizeof id);
        id &= ~(UINT64_C(2) << 56);     /* not universally administered: the u bit is clear */
    }
    return id && id != not_this ? id : not_this ^ 1;
}

static enum cp_verdict judge_id(struct cp *c, struct rd *v, struct wr *nak)
{
    struct ipv6cp *k = k_of(c);
    uint64_t id = v ? rd_u64(v) : 0;
    bool given = c->p->net.peer_ifid != 0 && c->p->cfg.role == ADIT_ROLE_ANSWER;
    if (id != 0 && id != k->our && (!given || id == k->give)) {
        k->cand = id;
        return CP_ACK;
    }
    wr_u64(nak, k->give);
    return CP_NAK;
}

static bool ask_id(struct cp *c, struct wr *w)
{
    wr_u64(w, k_of(c)->our);
    return true;
}

static void nak_id(struct cp *c, struct rd *v)
{
    struct ipv6cp *k = k_of(c);
    uint64_t id = v ? rd_u64(v) : 0;
    if (k->fixed)
        return;
    k->our = id && id != k->peer && id != k->cand ? id : draw(c->p, k->cand);
}

static const struct cp_opt ipv6cp_opts[] = {
    { 1, 8, 8,   "interface-id", judge_id, ask_id, nak_id, NULL, 0, CP_SHOW_HEX },
    { 2, 2, 255, "compression",  NULL,     NULL,   NULL,   NULL, 0, CP_SHOW_HEX },
};

static void reset(struct cp *c)
{
    struct ipv6cp *k = k_of(c);
    const struct ppp_net *n = &c->p->net;
    k->fixed = n->our_ifid != 0;
    k->our = n->our_ifid ? n->our_ifid : draw(c->p, n->peer_ifid);
    k->give = n->peer_ifid ? n->peer_ifid : draw(c->p, k->our);
}

static void judge_begin(struct cp *c)
{
    k_of(c)->cand = 0;
}

static void judge_end(struct cp *c, struct wr *nak)
{
    struct ipv6cp *k = k_of(c);
    if (k->cand || wr_len(nak) > 0)
        return;
    wr_u8(nak, 1);
    wr_u8(nak, 10);
    wr_u64(nak, k->give);
}

static void agreed(struct cp *c)
{
    k_of(c)->peer = k_of(c)->cand;
}

static void changed(struct cp *c)
{
    ppp_ncp_changed(c->p);
}

const struct cp_proto ipv6cp_proto = {
    .number = PPP_IPV6CP, .name = "IPV6CP",
    .opts = ipv6cp_opts, .opt_count = sizeof ipv6cp_opts / sizeof ipv6cp_opts[0],
    .reset = reset, .judge_begin = judge_begin, .judge_end = judge_end, .agreed = agreed,
    .up = changed, .down = changed, .finished = changed,
};
