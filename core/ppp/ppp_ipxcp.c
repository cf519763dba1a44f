/* ppp_ipxcp.c - the IPX Control Protocol (RFC 1552), where IPX is wanted at all.
 *
 * Knows:  network and node numbers.
 * Leaves: routing; a link without IPX answers IPXCP with Protocol-Reject (ppp.c).
 */
#include <string.h>

#include "ppp/ppp_link.h"

static enum cp_verdict accept(struct cp *c, struct rd *v, struct wr *nak)
{
    (void)c;
    (void)nak;
    return v ? CP_ACK : CP_REJ;
}

/* A node number of zeros asks for one. */
static enum cp_verdict judge_node(struct cp *c, struct rd *v, struct wr *nak)
{
    static const uint8_t zero[6];
    uint8_t node[6] = { 0 };
    if (v)
        rd_copy(v, node, sizeof node);
    if (memcmp(node, zero, sizeof node) != 0)
        return CP_ACK;
    wr_bytes(nak, c->p->ipxcp.node, sizeof node);
    return CP_NAK;
}

// clang-format off
static const struct cp_opt ipxcp_opts[] = {
    { 1, 4, 4,   "network",     accept,     NULL, NULL, NULL, 0, CP_SHOW_HEX },
    { 2, 6, 6,   "node",        judge_node, NULL, NULL, NULL, 0, CP_SHOW_HEX },
    { 3, 2, 255, "compression", NULL,       NULL, NULL, NULL, 0, CP_SHOW_HEX },
    { 4, 2, 255, "routing",     NULL,       NULL, NULL, NULL, 0, CP_SHOW_NUMBER },
    { 5, 1, 48,  "router-name", accept,     NULL, NULL, NULL, 0, CP_SHOW_TEXT },
    { 6, 0, 0,   "complete",    accept,     NULL, NULL, NULL, 0, CP_SHOW_NUMBER },
};
// clang-format on

static void reset(struct cp *c)
{
    uint8_t *node = c->p->ipxcp.node;
    ppp_random(c->p, node, 6);
    node[0] = (uint8_t)((node[0] | 2) & ~1);    /* locally administered, not a group */
}

static void changed(struct cp *c)
{
    ppp_ncp_changed(c->p);
}

const struct cp_proto ipxcp_proto = {
    .number = PPP_IPXCP, .name = "IPXCP",
    .opts = ipxcp_opts, .opt_count = sizeof ipxcp_opts / sizeof ipxcp_opts[0],
    .reset = reset, .up = changed, .down = changed, .finished = changed,
};
