/* ppp_ipcp.c - the IP Control Protocol (RFC 1332, name servers RFC 1877).
 *
 * Knows:  who gives whom an address and name servers.
 * Leaves: where they come from.
 */
#include "ppp/ppp_link.h"

static struct ipcp *ipcp_of(struct cp *c) { return &c->p->ipcp; }

static uint32_t ip_of(const struct adit_addr *a)
{
    struct rd r = rd_of(a->ip, 4);
    return a->family == ADIT_AF_IPV4 ? rd_u32(&r) : 0;
}

static bool dials(const struct cp *c) { return c->p->cfg.role == ADIT_ROLE_DIAL; }

static enum cp_verdict judge_addr(struct cp *c, struct rd *v, struct wr *nak)
{
    struct ipcp *k = ipcp_of(c);
    uint32_t want = k->give[0];
    uint32_t addr = v ? rd_u32(v) : 0;
    /* Who is called says who it is; who calls takes what it is given. */
    bool free_choice = !want || dials(c);
    if (addr && (addr == want || (free_choice && addr != k->our[0]))) {
        k->cand = addr;
        k->refused = false;
        return CP_ACK;
    }
    if (!want)
        return CP_REJ;
    k->refused = addr != 0;
    wr_u32(nak, want);
    return CP_NAK;
}

static bool ask_addr(struct cp *c, struct wr *w)
{
    struct ipcp *k = ipcp_of(c);
    if (!k->our[0] && !dials(c))
        return false;
    wr_u32(w, k->our[0]);
    return true;
}

/* A caller takes the address; a server keeps its own, whatever a client thinks. */
static void nak_addr(struct cp *c, struct rd *v)
{
    uint32_t addr = v ? rd_u32(v) : 0;
    if (addr && dials(c))
        ipcp_of(c)->our[0] = addr;
}

/* W16: a server that we have no value for is rejected; 0.0.0.0 is never offered. */
static enum cp_verdict judge_server(struct cp *c, uint32_t i, struct rd *v, struct wr *nak)
{
    uint32_t give = dials(c) ? 0 : ipcp_of(c)->give[i];
    if (!give)
        return CP_REJ;
    if (v && rd_u32(v) == give)
        return CP_ACK;
    wr_u32(nak, give);
    return CP_NAK;
}

static bool ask_server(struct cp *c, uint32_t i, struct wr *w)
{
    if (!dials(c) || !c->p->net.want_dns)
        return false;
    wr_u32(w, ipcp_of(c)->our[i]);
    return true;
}

static void nak_server(struct cp *c, uint32_t i, struct rd *v)
{
    if (v && dials(c) && c->p->net.want_dns)
        ipcp_of(c)->our[i] = rd_u32(v);
}

static void rej_server(struct cp *c, uint32_t i)
{
    ipcp_of(c)->our[i] = 0;
}

#define SERVER(n)                                                                       \
    static enum cp_verdict judge_##n(struct cp *c, struct rd *v, struct wr *nak)         \
    { return judge_server(c, n, v, nak); }                                               \
    static bool ask_##n(struct cp *c, struct wr *w) { return ask_server(c, n, w); }      \
    static void nak_##n(struct cp *c, struct rd *v) { nak_server(c, n, v); }             \
    static void rej_##n(struct cp *c) { rej_server(c, n); }
SERVER(1)
SERVER(2)
SERVER(3)
SERVER(4)

// clang-format off
static const struct cp_opt ipcp_opts[] = {
    {   3, 4, 4,   "address",        judge_addr, ask_addr, nak_addr, NULL,  0, CP_SHOW_IPV4 },
    { 129, 4, 4,   "primary-dns",    judge_1,    ask_1,    nak_1,    rej_1, 0, CP_SHOW_IPV4 },
    { 130, 4, 4,   "primary-nbns",   judge_2,    ask_2,    nak_2,    rej_2, 0, CP_SHOW_IPV4 },
    { 131, 4, 4,   "secondary-dns",  judge_3,    ask_3,    nak_3,    rej_3, 0, CP_SHOW_IPV4 },
    { 132, 4, 4,   "secondary-nbns", judge_4,    ask_4,    nak_4,    rej_4, 0, CP_SHOW_IPV4 },
    {   1, 8, 8,   "addresses",      NULL,       NULL,     NULL,     NULL,  0, CP_SHOW_IPV4 },
    {   2, 2, 255, "compression",    NULL,       NULL,     NULL,     NULL,  0, CP_SHOW_HEX },
    {   4, 4, 4,   "mobile",         NULL,       NULL,     NULL,     NULL,  0, CP_SHOW_IPV4 },
};
// clang-format on

static void reset(struct cp *c)
{
    struct ipcp *k = ipcp_of(c);
    const struct ppp_net *n = &c->p->net;
    bool dial = dials(c);
    const uint32_t servers[IPCP_ADDRS] = { 0, ip_of(&n->dns[0]), ip_of(&n->wins[0]),
                                           ip_of(&n->dns[1]), ip_of(&n->wins[1]) };
    k->our[0] = ip_of(&n->our);
    k->give[0] = ip_of(&n->peer);
    for (uint32_t i = 1; i < IPCP_ADDRS; i++) {
        k->our[i] = 0;
        k->give[i] = dial ? 0 : servers[i];
    }
    k->refused = false;
}

static void judge_begin(struct cp *c)
{
    ipcp_of(c)->cand = 0;
}

/* A client that names no address is told to ask for the one it is to have. */
static void judge_end(struct cp *c, struct wr *nak)
{
    struct ipcp *k = ipcp_of(c);
    if (k->cand || !k->give[0] || dials(c))
        return;
    struct rd r = rd_of(nak->base, wr_len(nak));
    while (rd_left(&r) > 0) {
        uint8_t type = rd_u8(&r), len = rd_u8(&r);
        if (type == 3)
            return;             /* nakked already */
        rd_skip(&r, len < 2 ? SIZE_MAX : len - 2u);
    }
    wr_u8(nak, 3);
    wr_u8(nak, 6);
    wr_u32(nak, k->give[0]);
}

static void agreed(struct cp *c)
{
    ipcp_of(c)->peer = ipcp_of(c)->cand;
}

static void up(struct cp *c)
{
    struct ipcp *k = ipcp_of(c);
    if ((dials(c) && !k->our[0]) || (k->refused && k->give[0] && k->peer != k->give[0])) {
        c->failed = true;       /* open, and of no use */
        fsm_step(&c->f, FSM_CLOSE);
        ppp_ncp_changed(c->p);
        return;
    }
    ppp_ncp_changed(c->p);
}

static void changed(struct cp *c)
{
    ppp_ncp_changed(c->p);
}

const struct cp_proto ipcp_proto = {
    .number = PPP_IPCP, .name = "IPCP",
    .opts = ipcp_opts, .opt_count = sizeof ipcp_opts / sizeof ipcp_opts[0],
    .reset = reset, .judge_begin = judge_begin, .judge_end = judge_end, .agreed = agreed,
    .up = up, .down = changed, .finished = changed,
};
