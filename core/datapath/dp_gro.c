/* dp_gro.c - coalescing: packets of one flow become one super-packet.
 *
 * Knows:  which packets may be joined so that cutting them again would give
 *         the very same packets, and the order within a flow.
 * Leaves: who writes them where.
 *
 * A packet joins the open item of its flow, or closes it and begins an item
 * of its own; items leave in the order in which they began. So nothing
 * overtakes within a flow, whatever lies between.
 */
#include "datapath/dp_pkt.h"
#include <netinet/in.h>
#include <stdlib.h>

#define ITEMS  1024u
#define SLICES 4096u
#define FLOWS  256u             /* buckets */
#define MOST_SLICES 126u        /* of one item: with header and first packet 128 */
#define MOST_UDP 64u            /* segments that every kernel takes (UDP_MAX_SEGMENTS) */

struct slice {
    uint8_t *p;
    uint32_t len;
    uint32_t next;              /* number + 1; 0: the last */
};

struct item {
    uint8_t *p;                 /* the first packet */
    uint32_t len;               /* its bytes */
    uint32_t total;             /* of the joined packet */
    uint32_t next_seq;
    uint32_t first, last;       /* slices behind it: number + 1 */
    uint32_t hash_next;         /* item number + 1 */
    uint16_t count;             /* packets */
    uint16_t size;              /* payload bytes of a segment */
    uint16_t head;              /* bytes before the payload */
    uint16_t l4;
    uint16_t ip_id;             /* of the last packet */
    uint8_t version, proto;
    bool open;                  /* more may join */
    bool push;                  /* the last one had PSH */
};

struct dp_gro {
    bool tcp, udp;
    uint32_t items, slices;
    uint32_t flow[FLOWS];       /* item number + 1 */
    struct item item[ITEMS];
    struct slice slice[SLICES];
};

struct dp_gro *dp_gro_new(bool tcp, bool udp)
{
    struct dp_gro *g = calloc(1, sizeof *g);
    if (g) {
        g->tcp = tcp;
        g->udp = udp;
    }
    return g;
}

void dp_gro_free(struct dp_gro *g)
{
    free(g);
}

bool dp_gro_empty(const struct dp_gro *g)
{
    return g->items == 0;
}

/* Addresses lie together in both headers, the ports behind them. */
static uint32_t flow_hash(const uint8_t *p, const struct dp_hdr *h)
{
    uint64_t x, a, b;
    uint32_t ports;
    memcpy(&ports, p + h->l4, 4);
    if (h->version == 4) {
        memcpy(&x, p + 12, 8);
    } else {
        memcpy(&a, p + 16, 8);          /* the halves that differ between hosts */
        memcpy(&b, p + 32, 8);
        x = a ^ (b << 1 | b >> 63);
    }
    x = (x ^ ports) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 40) % FLOWS;
}

static bool flow_same(const struct item *it, const uint8_t *p, const struct dp_hdr *h)
{
    if (it->version != h->version || it->proto != h->proto || it->l4 != h->l4 ||
        memcmp(it->p + it->l4, p + h->l4, 4) != 0)
        return false;
    return h->version == 4 ? memcmp(it->p + 12, p + 12, 8) == 0
                           : memcmp(it->p + 8, p + 8, 32) == 0;
}

/* A packet that may join others: its payload, 0 when it may not. */
static uint32_t joinable(const uint8_t *p, const struct dp_hdr *h, uint32_t *head)
{
    uint32_t n = h->len - h->l4;
    const uint8_t *t = p + h->l4;
    if (!h->plain)
        return 0;
    if (h->proto == IPPROTO_TCP) {
        if (n <= 20 || (t[13] & ~DP_TCP_PSH) != DP_TCP_ACK || (t[12] & 15u))
            return 0;
        uint32_t doff = (t[12] >> 4) * 4u;
        if (doff < 20 || doff >= n)
            return 0;
        *head = h->l4 + doff;
    } else {
        if (n <= 8 || dp_get16(t + 4) != n)
            return 0;
        *head = h->l4 + 8u;
    }
    /* always: a wrong sum would become a right one (and so it may fail where
     * it can be seen) */
    return dp_l4_ok(p, h) ? h->len - *head : 0;
}

static bool same_ip(const struct item *it, const uint8_t *p)
{
    if (it->version == 6)       /* class and flow label, hop limit */
        return memcmp(it->p, p, 4) == 0 && it->p[7] == p[7];
    /* TOS, DF and its neighbours, TTL; without DF the identification must go
     * on as cutting would number it (RFC 6864) */
    return it->p[1] == p[1] && memcmp(it->p + 6, p + 6, 2) == 0 && it->p[8] == p[8] &&
           ((p[6] & 0x40u) || dp_get16(p + 4) == (uint16_t)(it->ip_id + 1u));
}

static bool joins(const struct item *it, const uint8_t *p, const struct dp_hdr *h,
                  uint32_t head, uint32_t payload)
{
    const uint8_t *a = it->p + it->l4, *b = p + h->l4;
    if (!it->open || it->head != head || payload > it->size ||
        it->total + payload > 0xffffu || it->count > MOST_SLICES || !same_ip(it, p))
        return false;
    if (h->proto == IPPROTO_UDP)
        return it->count < MOST_UDP;
    return dp_get32(b + 4) == it->next_seq && memcmp(a + 8, b + 8, 4) == 0 &&
           memcmp(a + 14, b + 14, 2) == 0 && memcmp(a + 18, b + 18, head - h->l4 - 18u) == 0;
}

static void join(struct dp_gro *g, struct item *it, uint8_t *p, const struct dp_hdr *h,
                 uint32_t head, uint32_t payload)
{
    struct slice *s = &g->slice[g->slices++];
    *s = (struct slice){ p + head, payload, 0 };
    if (it->last)
        g->slice[it->last - 1].next = g->slices;
    else
        it->first = g->slices;
    it->last = g->slices;
    it->count++;
    it->total += payload;
    it->next_seq += payload;
    it->ip_id = dp_get16(p + 4);
    it->push = h->proto == IPPROTO_TCP && (p[h->l4 + 13] & DP_TCP_PSH);
    it->open = !it->push && payload == it->size;
}

static struct item *begin(struct dp_gro *g, uint8_t *p, const struct dp_hdr *h)
{
    struct item *it = &g->item[g->items++];
    *it = (struct item){ .p = p, .len = h->len, .total = h->len, .count = 1, .l4 = h->l4,
                         .version = h->version, .proto = h->proto };
    return it;
}

bool dp_gro_add(struct dp_gro *g, uint8_t *p, const struct dp_hdr *h)
{
    if (g->items == ITEMS || g->slices == SLICES)
        return false;
    if (h->frag || (h->proto != IPPROTO_TCP && h->proto != IPPROTO_UDP) ||
        h->len - h->l4 < 8 || !(h->proto == IPPROTO_TCP ? g->tcp : g->udp)) {
        (void)begin(g, p, h);
        return true;
    }

    uint32_t head = 0, payload = joinable(p, h, &head), bucket = flow_hash(p, h);
    uint32_t *at = &g->flow[bucket];
    while (*at && !flow_same(&g->item[*at - 1], p, h))
        at = &g->item[*at - 1].hash_next;
    if (*at) {
        struct item *it = &g->item[*at - 1];
        if (payload && joins(it, p, h, head, payload)) {
            join(g, it, p, h, head, payload);
            return true;
        }
        *at = it->hash_next;    /* closed: what comes later stays behind it */
    }
    struct item *it = begin(g, p, h);
    if (!payload)
        return true;
    it->head = (uint16_t)head;
    it->size = (uint16_t)payload;
    it->ip_id = dp_get16(p + 4);
    if (h->proto == IPPROTO_TCP) {
        it->next_seq = dp_get32(p + h->l4 + 4) + payload;
        it->push = p[h->l4 + 13] & DP_TCP_PSH;
    }
    it->open = !it->push;
    if (it->open) {
        it->hash_next = g->flow[bucket];
        g->flow[bucket] = g->items;
    }
    return true;
}

/* The header of a joined packet: lengths of the whole, the transport checksum
 * as the pseudo header's sum, not inverted (NEEDS_CSUM). */
static void dress(struct item *it, struct virtio_net_hdr *vh)
{
    uint8_t *t = it->p + it->l4;
    uint32_t n = it->total - it->l4;
    bool tcp = it->proto == IPPROTO_TCP;
    vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    vh->gso_type = !tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
                 : it->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    vh->hdr_len = it->head;
    vh->gso_size = it->size;
    vh->csum_start = it->l4;
    vh->csum_offset = tcp ? 16 : 6;
    if (it->version == 4) {
        dp_put16(it->p + 2, it->total);
        dp_ip4_check(it->p);
    } else {
        dp_put16(it->p + 4, it->total - DP_IP6_MIN);
    }
    if (tcp && it->push)
        t[13] |= DP_TCP_PSH;
    if (!tcp)
        dp_put16(t + 4, n);
    uint16_t c = dp_fold(dp_sum_pseudo(it->p, it->version, it->proto, n));
    memcpy(t + vh->csum_offset, &c, 2);
}

void dp_gro_flush(struct dp_gro *g, dp_gro_emit emit, void *u)
{
    struct iovec iov[MOST_SLICES + 2];
    for (uint32_t i = 0; i < g->items; i++) {
        struct item *it = &g->item[i];
        struct virtio_net_hdr vh;
        memset(&vh, 0, sizeof vh);
        int n = 2;
        for (uint32_t s = it->first; s; s = g->slice[s - 1].next, n++)
            iov[n] = (struct iovec){ g->slice[s - 1].p, g->slice[s - 1].len };
        if (it->count > 1)
            dress(it, &vh);
        iov[0] = (struct iovec){ &vh, sizeof vh };
        iov[1] = (struct iovec){ it->p, it->len };
        emit(u, iov, n, it->count);
    }
    g->items = g->slices = 0;
    memset(g->flow, 0, sizeof g->flow);
}
