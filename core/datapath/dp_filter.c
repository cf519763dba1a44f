/* dp_filter.c - a packet held against a compiled filter.
 *
 * Knows:  what rules ask about, and where in a packet that is; fragments and
 *         headers that are cut off.
 * Leaves: how a filter is written to dp_rule.c.
 */
#include "datapath/dp_rule.h"
#include <netinet/in.h>
#include <stdlib.h>

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

const struct dp_option_name dp_ip_options[4] = {        /* RFC 791 section 3.1 */
    { "ssrr", 137, 137 }, { "lsrr", 131, 131 }, { "rr", 7, 7 }, { "ts", 68, 68 },
};
const struct dp_option_name dp_tcp_options[5] = {       /* RFC 9293, 7323, 2018, 1644 */
    { "mss", 2, 2 }, { "window", 3, 3 }, { "sack", 4, 5 }, { "ts", 8, 8 }, { "cc", 11, 13 },
};

/* ---- a filter's life ------------------------------------------------------------------ */

struct dp_filter *dp_filter_new(bool permit)
{
    struct dp_filter *f = calloc(1, sizeof *f);
    if (f) {
        f->refs = 1;
        f->permit = permit;
    }
    return f;
}

struct dp_filter *dp_filter_ref(struct dp_filter *f)
{
    f->refs++;
    return f;
}

void dp_filter_unref(struct dp_filter *f)
{
    if (!f || --f->refs)
        return;
    free(f->rule);
    free(f->hits);
    free(f->net);
    free(f->range);
    free(f->type);
    free(f);
}

static bool same_bytes(const void *a, const void *b, size_t count, size_t size)
{
    return !count || memcmp(a, b, count * size) == 0;
}

bool dp_filter_same(const struct dp_filter *a, const struct dp_filter *b)
{
    return a->permit == b->permit && a->rules == b->rules && a->nets == b->nets &&
           a->ranges == b->ranges && a->types == b->types &&
           same_bytes(a->rule, b->rule, a->rules, sizeof *a->rule) &&
           same_bytes(a->net, b->net, a->nets, sizeof *a->net) &&
           same_bytes(a->range, b->range, a->ranges, sizeof *a->range) &&
           same_bytes(a->type, b->type, a->types, sizeof *a->type);
}

uint32_t dp_filter_count(const struct dp_filter *f) { return f->rules; }
bool dp_filter_default(const struct dp_filter *f) { return f->permit; }
void dp_filter_stat(const struct dp_filter *f, struct dp_filter_stat *out) { *out = f->stat; }
uint64_t dp_filter_hits(const struct dp_filter *f, uint32_t i) { return f->hits[i]; }
uint32_t dp_filter_last(const struct dp_filter *f) { return f->last; }

void dp_filter_unreadable(struct dp_filter *f)
{
    f->stat.unreadable++;
    f->stat.dropped++;
    f->last = 0;
}

/* ---- what a packet is -------------------------------------------------------------------- */

bool dp_has_ports(uint32_t proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
           proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

/* Bytes of a transport header that rules may ask about. */
static uint32_t head_of(uint32_t proto)
{
    switch (proto) {
    case IPPROTO_TCP:    return 20;
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:   return 12;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE: return 8;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: return 4;
    default:             return 0;
    }
}

static bool extension(uint32_t proto)
{
    return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
           proto == IPPROTO_AH || proto == IPPROTO_FRAGMENT;
}

/* dp_parse() stops behind a fragment header, and after eight headers. The first
 * fragment has all headers up to the transport's (RFC 7112): further headers are
 * followed here, so that nothing hides behind them. */
static bool walk6(const uint8_t *p, struct dp_look *l)
{
    for (int i = 0; i < 8 && extension(l->proto); i++) {
        if (l->proto == IPPROTO_FRAGMENT || l->len - l->l4 < 8)
            return false;       /* a fragment of a fragment is nobody's */
        uint32_t ext = l->proto == IPPROTO_AH ? (p[l->l4 + 1] + 2u) * 4u : (p[l->l4 + 1] + 1u) * 8u;
        if (ext > l->len - l->l4)
            return false;
        l->proto = p[l->l4];
        l->l4 += ext;
    }
    return !extension(l->proto);
}

bool dp_look(const uint8_t *p, const struct dp_hdr *h, struct dp_look *l)
{
    uint32_t offset = 0;        /* of a fragment, in units of 8 bytes */
    *l = (struct dp_look){ .p = p, .version = h->version, .proto = h->proto, .l4 = h->l4, .len = h->len };
    if (h->version == 4) {
        l->src = p + 12;
        l->dst = p + 16;
        offset = dp_get16(p + 6) & 0x1fffu;
    } else {
        l->src = p + 8;
        l->dst = p + 24;
        if (h->frag)            /* its header ends where dp_parse() stopped */
            offset = dp_get16(p + h->l4 - 6) >> 3;
    }
    if (offset == 1)            /* RFC 6733 section 4.3.1: always discarded */
        return false;
    if (offset) {
        l->later = true;
        return true;
    }
    if (h->version == 6 && extension(l->proto) && !walk6(p, l))
        return false;
    uint32_t have = l->len - l->l4;
    const uint8_t *t = p + l->l4;
    if (have < head_of(l->proto))
        return false;
    l->head = true;
    if (dp_has_ports(l->proto)) {
        l->ports = true;
        l->sport = dp_get16(t);
        l->dport = dp_get16(t + 2);
    }
    if (l->proto == IPPROTO_TCP) {
        l->flags = t[13];
    } else if (l->proto == IPPROTO_ICMP || l->proto == IPPROTO_ICMPV6) {
        l->icmp_type = t[0];
        l->icmp_code = t[1];
    }
    return true;
}

/* ---- a rule -------------------------------------------------------------------------------- */

static bool in_net(const struct dp_rule_net *n, const uint8_t *ip, unsigned version)
{
    if (n->version != version)
        return false;
    if (version == 4) {
        uint32_t a;
        memcpy(&a, ip, 4);
        return ((a ^ (uint32_t)n->net[0]) & (uint32_t)n->mask[0]) == 0;
    }
    uint64_t a[2];
    memcpy(a, ip, 16);
    return (((a[0] ^ n->net[0]) & n->mask[0]) | ((a[1] ^ n->net[1]) & n->mask[1])) == 0;
}

/* "! 10.0.0.0/8" are the other addresses of that version: RFC 6733 wants the
 * version of the rule in the packet. */
static bool address_fits(const struct dp_filter *f, const struct dp_rule_side *s, const uint8_t *ip,
                         unsigned version, const struct dp_who *who)
{
    bool found = false, version_named = s->assigned;
    if (!s->nets.count && !s->assigned)
        return true;
    for (uint32_t i = 0; i < s->nets.count && !found; i++) {
        const struct dp_rule_net *n = &f->net[s->nets.first + i];
        version_named = version_named || n->version == version;
        found = in_net(n, ip, version);
    }
    if (!found && s->assigned && who)
        found = who->has(who->u, ip, version);
    return s->not ? !found && version_named : found;
}

static bool port_fits(const struct dp_filter *f, const struct dp_span *s, uint16_t port)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct dp_rule_range *r = &f->range[s->first + i];
        if (port >= r->first && port <= r->last)
            return true;
    }
    return s->count == 0;
}

static bool type_fits(const struct dp_filter *f, const struct dp_span *s, const struct dp_look *l)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct dp_rule_icmp *t = &f->type[s->first + i];
        if (l->icmp_type >= t->first && l->icmp_type <= t->last &&
            (t->any_code || t->code == l->icmp_code))
            return true;
    }
    return false;
}

/* Which of the named options a list of (kind, length, ...) has, as bits. Kinds 0
 * and 1 have no length (RFC 791 section 3.1, RFC 9293 section 3.1). */
static uint32_t options_of(const uint8_t *o, uint32_t n, const struct dp_option_name *names, size_t count)
{
    uint32_t has = 0;
    for (uint32_t i = 0; i < n && o[i] != 0;) {
        if (o[i] == 1) {
            i++;
            continue;
        }
        if (n - i < 2 || o[i + 1] < 2 || o[i + 1] > n - i)
            break;
        for (size_t k = 0; k < count; k++)
            if (o[i] >= names[k].kind && o[i] <= names[k].last)
                has |= 1u << k;
        i += o[i + 1];
    }
    return has;
}

static uint32_t ip_options_of(const struct dp_look *l)
{
    uint32_t n = (l->p[0] & 15u) * 4u;
    return options_of(l->p + DP_IP4_MIN, n - DP_IP4_MIN, dp_ip_options, 4);
}

static uint32_t tcp_options_of(const struct dp_look *l)
{
    const uint8_t *t = l->p + l->l4;
    uint32_t n = (t[12] >> 4) * 4u;
    if (n < 20 || n > l->len - l->l4)
        return 0;
    return options_of(t + 20, n - 20, dp_tcp_options, 5);
}

/* What few rules ask. */
static bool details_fit(const struct dp_filter *f, const struct dp_rule *r, const struct dp_look *l)
{
    if (r->icmp.count && (!l->head || (l->proto != IPPROTO_ICMP && l->proto != IPPROTO_ICMPV6) ||
                          !type_fits(f, &r->icmp, l)))
        return false;
    if ((r->is & DP_RULE_ESTABLISHED) || r->tcp_mask || r->tcp_with || r->tcp_without) {
        if (!l->head || l->proto != IPPROTO_TCP || (l->flags & r->tcp_mask) != r->tcp_want)
            return false;
        if ((r->is & DP_RULE_ESTABLISHED) && !(l->flags & (DP_TCP_ACK | DP_TCP_RST)))
            return false;
        if (r->tcp_with || r->tcp_without) {
            uint32_t has = tcp_options_of(l);
            if ((has & r->tcp_with) != r->tcp_with || (has & r->tcp_without))
                return false;
        }
    }
    if (r->ip_with || r->ip_without) {
        uint32_t has = l->version == 4 ? ip_options_of(l) : 0;
        if (l->version != 4 || (has & r->ip_with) != r->ip_with || (has & r->ip_without))
            return false;
    }
    return !(r->is & DP_RULE_LATER) || l->later;
}

static bool rule_fits(const struct dp_filter *f, const struct dp_rule *r, const struct dp_look *l,
                      const struct dp_who *who)
{
    if (r->proto != DP_ANY_PROTO && r->proto != l->proto)
        return false;
    if (r->src.ports.count && (!l->ports || !port_fits(f, &r->src.ports, l->sport)))
        return false;
    if (r->dst.ports.count && (!l->ports || !port_fits(f, &r->dst.ports, l->dport)))
        return false;
    return address_fits(f, &r->src, l->src, l->version, who) &&
           address_fits(f, &r->dst, l->dst, l->version, who) && details_fit(f, r, l);
}

bool dp_filter_pass(struct dp_filter *f, const struct dp_look *l, const struct dp_who *who)
{
    bool pass = f->permit;
    uint32_t i = 0;
    while (i < f->rules && !rule_fits(f, &f->rule[i], l, who))
        i++;
    if (i < f->rules) {
        f->hits[i]++;
        pass = f->rule[i].permit;
        f->last = i + 1;
    } else {
        f->stat.no_rule++;
        f->last = 0;
    }
    if (pass)
        f->stat.passed++;
    else
        f->stat.dropped++;
    return pass;
}
