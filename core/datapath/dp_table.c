/* dp_table.c - from a destination address to its port.
 *
 * Knows:  networks of any length, hashed by length: one probe for each length
 *         in use, the longest first.
 * Leaves: what a port is.
 */
#include "datapath/dp_int.h"

static struct adit_table nets;
static uint32_t used4[33], used6[129];          /* networks of each length */
static uint64_t mask4, mask6[3];                /* the lengths that have any */

static void mask_ip(uint8_t *ip, uint32_t bytes, uint32_t prefix)
{
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t keep = prefix > i * 8 ? prefix - i * 8 : 0;
        if (keep < 8)
            ip[i] &= (uint8_t)(0xff00u >> keep);
    }
}

static uint32_t hash_of(const uint8_t ip[16], uint32_t family, uint32_t prefix)
{
    uint64_t a, b;
    memcpy(&a, ip, 8);
    memcpy(&b, ip + 8, 8);
    uint64_t x = (a ^ (prefix << 8 | family)) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 29) ^ b) * 0xff51afd7ed558ccdu;
    return (uint32_t)(x >> 32);
}

static struct dp_net *find(const uint8_t ip[16], uint32_t family, uint32_t prefix)
{
    uint32_t hash = hash_of(ip, family, prefix);
    for (struct adit_entry *n = adit_table_first(&nets, hash); n; n = adit_table_next(&nets, n)) {
        struct dp_net *d = ADIT_OF(n, struct dp_net, node);
        if (d->net.prefix == prefix && d->net.family == family &&
            memcmp(d->net.ip, ip, 16) == 0)
            return d;
    }
    return NULL;
}

static void note(const struct adit_addr *net, int by)
{
    uint32_t p = net->prefix;
    if (net->family == ADIT_AF_IPV4) {
        used4[p] += (uint32_t)by;
        mask4 = used4[p] ? mask4 | 1ull << p : mask4 & ~(1ull << p);
    } else {
        used6[p] += (uint32_t)by;
        mask6[p / 64] = used6[p] ? mask6[p / 64] | 1ull << p % 64 : mask6[p / 64] & ~(1ull << p % 64);
    }
}

int dp_table_add(struct dp_net *n, const struct adit_addr *net, struct dp_port *port)
{
    uint32_t bytes = net->family == ADIT_AF_IPV4 ? 4 : 16;
    if (net->prefix > bytes * 8)
        return ADIT_EINVAL;
    memset(n, 0, sizeof *n);
    n->net.family = net->family;
    n->net.prefix = net->prefix;
    memcpy(n->net.ip, net->ip, bytes);
    mask_ip(n->net.ip, bytes, net->prefix);
    if (find(n->net.ip, net->family, net->prefix))
        return ADIT_EEXIST;
    n->port = port;
    adit_table_add(&nets, hash_of(n->net.ip, net->family, net->prefix), &n->node);
    note(&n->net, 1);
    return 0;
}

void dp_table_del(struct dp_net *n)
{
    if (!adit_table_has(&n->node))
        return;
    adit_table_del(&nets, &n->node);
    note(&n->net, -1);
}

struct dp_port *dp_table_find4(const uint8_t ip[4])
{
    uint32_t host = dp_get32(ip);
    for (uint64_t m = mask4; m;) {
        uint32_t p = 63u - (uint32_t)__builtin_clzll(m);
        uint8_t net[16] = { 0 };
        m &= ~(1ull << p);
        dp_put32(net, p ? host & (0xffffffffu << (32 - p)) : 0);
        struct dp_net *d = find(net, ADIT_AF_IPV4, p);
        if (d)
            return d->port;
    }
    return NULL;
}

struct dp_port *dp_table_find6(const uint8_t ip[16])
{
    for (int w = 2; w >= 0; w--)
        for (uint64_t m = mask6[w]; m;) {
            uint32_t bit = 63u - (uint32_t)__builtin_clzll(m);
            uint8_t net[16];
            m &= ~(1ull << bit);
            memcpy(net, ip, 16);
            mask_ip(net, 16, (uint32_t)w * 64 + bit);
            struct dp_net *d = find(net, ADIT_AF_IPV6, (uint32_t)w * 64 + bit);
            if (d)
                return d->port;
        }
    return NULL;
}

void dp_table_fini(void)
{
    if (!nets.h.count)
        adit_table_fini(&nets);
}
