/* doctor_net.c - interfaces, addresses, routes and neighbours of the host (netlink).
 *
 * Knows:  dumps of rtnetlink; which interface is which.
 * Leaves: what is wrong with them to the checks.
 */
#include "diagnose/doctor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include "base/addr.h"

#define BYTES 32768u            /* what one answer of a dump may have */

static uint8_t family_of(uint8_t af)
{
    return af == AF_INET ? ADIT_AF_IPV4 : af == AF_INET6 ? ADIT_AF_IPV6 : ADIT_AF_NONE;
}

/* The attributes that are wanted, by number. */
#define MOST_ATTRS 32
static int keep_attr(const struct nlattr *a, void *u)
{
    const struct nlattr **t = u;
    if (mnl_attr_get_type(a) < MOST_ATTRS)
        t[mnl_attr_get_type(a)] = a;
    return MNL_CB_OK;
}

static uint32_t u32_of(const struct nlattr *a)
{
    return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : 0;
}

static bool addr_of(const struct nlattr *a, uint8_t af, uint8_t prefix, struct adit_addr *out)
{
    uint8_t family = family_of(af);
    uint32_t len = adit_addr_len(family);
    *out = (struct adit_addr){ .family = family, .prefix = prefix };
    if (!a || !len || mnl_attr_get_payload_len(a) != len)
        return false;
    memcpy(out->ip, mnl_attr_get_payload(a), len);
    return true;
}

static int each_link(const struct nlmsghdr *h, void *u)
{
    const struct nlattr *t[MOST_ATTRS] = { NULL };
    struct doctor_seen *s = u;
    const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
    (void)mnl_attr_parse(h, sizeof *m, keep_attr, t);
    if (s->link_count == DOCTOR_LINKS || !t[IFLA_IFNAME]) {
        s->cut |= s->link_count == DOCTOR_LINKS;
        return MNL_CB_OK;
    }
    s->links[s->link_count] = (struct doctor_link){
        .index = m->ifi_index, .mtu = u32_of(t[IFLA_MTU]), .up = m->ifi_flags & IFF_UP,
        .loopback = m->ifi_flags & IFF_LOOPBACK,
        .rp_filter = -1, .forwarding = -1,
    };
    snprintf(s->links[s->link_count++].name, IFNAMSIZ, "%s", mnl_attr_get_str(t[IFLA_IFNAME]));
    return MNL_CB_OK;
}

static int each_addr(const struct nlmsghdr *h, void *u)
{
    const struct nlattr *t[MOST_ATTRS] = { NULL };
    struct doctor_seen *s = u;
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    struct adit_addr a;
    (void)mnl_attr_parse(h, sizeof *m, keep_attr, t);
    if (!addr_of(t[IFA_LOCAL] ? t[IFA_LOCAL] : t[IFA_ADDRESS], m->ifa_family, m->ifa_prefixlen, &a))
        return MNL_CB_OK;
    if (s->addr_count == DOCTOR_ADDRS)
        s->cut = true;
    else
        s->addrs[s->addr_count++] = (struct doctor_addr){ (int)m->ifa_index, a };
    return MNL_CB_OK;
}

static int each_route(const struct nlmsghdr *h, void *u)
{
    const struct nlattr *t[MOST_ATTRS] = { NULL };
    struct doctor_seen *s = u;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    struct doctor_route r = { .nowhere = m->rtm_type == RTN_UNREACHABLE || m->rtm_type == RTN_BLACKHOLE ||
                                         m->rtm_type == RTN_PROHIBIT };
    (void)mnl_attr_parse(h, sizeof *m, keep_attr, t);
    r.table = t[RTA_TABLE] ? u32_of(t[RTA_TABLE]) : m->rtm_table;
    if (r.table != RT_TABLE_MAIN || m->rtm_flags & RTM_F_CLONED || (m->rtm_type != RTN_UNICAST && !r.nowhere))
        return MNL_CB_OK;
    if (!addr_of(t[RTA_DST], m->rtm_family, m->rtm_dst_len, &r.net) && m->rtm_dst_len)
        return MNL_CB_OK;
    (void)addr_of(t[RTA_GATEWAY], m->rtm_family, (uint8_t)(adit_addr_len(r.net.family) * 8), &r.via);
    if (!t[RTA_GATEWAY])
        r.via = (struct adit_addr){ 0 };
    r.index = (int)u32_of(t[RTA_OIF]);
    if (t[RTA_MULTIPATH] && mnl_attr_get_payload_len(t[RTA_MULTIPATH]) >= sizeof(struct rtnexthop)) {
        const struct rtnexthop *hop = mnl_attr_get_payload(t[RTA_MULTIPATH]);
        r.index = hop->rtnh_ifindex;    /* the first stands for all */
    }
    if (s->route_count == DOCTOR_ROUTES)
        s->cut = true;
    else
        s->routes[s->route_count++] = r;
    return MNL_CB_OK;
}

static int each_neigh(const struct nlmsghdr *h, void *u)
{
    const struct nlattr *t[MOST_ATTRS] = { NULL };
    struct doctor_seen *s = u;
    const struct ndmsg *m = mnl_nlmsg_get_payload(h);
    struct doctor_neigh n = { .index = m->ndm_ifindex, .proxy = m->ndm_flags & NTF_PROXY,
                              .alive = m->ndm_state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE) };
    (void)mnl_attr_parse(h, sizeof *m, keep_attr, t);
    if (m->ndm_family != AF_INET || !addr_of(t[NDA_DST], m->ndm_family, 32, &n.addr) || (!n.alive && !n.proxy))
        return MNL_CB_OK;
    if (s->neigh_count == DOCTOR_NEIGHS)
        s->cut = true;
    else
        s->neighs[s->neigh_count++] = n;
    return MNL_CB_OK;
}

static bool dump(struct doctor_seen *s, struct mnl_socket *nl, uint16_t type, uint8_t family, mnl_cb_t each)
{
    static unsigned seq;
    char buf[BYTES];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    h->nlmsg_seq = ++seq;
    struct rtgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg));
    g->rtgen_family = family;
    ssize_t n = mnl_socket_sendto(nl, h, h->nlmsg_len);
    int rc = 1;
    while (n >= 0 && rc > 0 && (n = mnl_socket_recvfrom(nl, buf, sizeof buf)) >= 0)
        rc = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), each, s);
    if (n < 0 || rc < 0)
        snprintf(s->net_why, sizeof s->net_why, "netlink: %s", strerror(errno));
    return n >= 0 && rc >= 0;
}

void doctor_look_net(struct doctor_seen *s)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        snprintf(s->net_why, sizeof s->net_why, "netlink: %s", strerror(errno));
    } else if (dump(s, nl, RTM_GETLINK, AF_UNSPEC, each_link) && dump(s, nl, RTM_GETADDR, AF_UNSPEC, each_addr) &&
               dump(s, nl, RTM_GETROUTE, AF_INET, each_route) && dump(s, nl, RTM_GETNEIGH, AF_INET, each_neigh)) {
        s->net_why[0] = '\0';
    }
    if (nl)
        mnl_socket_close(nl);
}

/* ---- which is which ------------------------------------------------------------------ */

const struct doctor_link *doctor_link_of(const struct doctor_seen *s, int index)
{
    for (uint32_t i = 0; i < s->link_count; i++)
        if (s->links[i].index == index)
            return &s->links[i];
    return NULL;
}

bool doctor_is_tun(const struct doctor_seen *s, const struct doctor_link *l)
{
    /* before the kernel counted: every number */
    size_t n = strcspn(s->tun, "%");
    return s->tun[n] ? !strncmp(l->name, s->tun, n) && l->name[n] >= '0' && l->name[n] <= '9'
                     : !strcmp(l->name, s->tun);
}

bool doctor_is_private(const struct adit_addr *a)
{
    uint32_t v = a->family == ADIT_AF_IPV4 ? addr_u32(a) : 0;
    if (a->family == ADIT_AF_IPV6)
        return (a->ip[0] & 0xfe) == 0xfc || (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80) ||
               (!memcmp(a->ip, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
    /* RFC 1918, RFC 6598 (shared by customers of a provider), link local, loopback */
    return v >> 24 == 10 || v >> 20 == 0xac1 || v >> 16 == 0xc0a8 || v >> 22 == 0x64400000u >> 22 ||
           v >> 16 == 0xa9fe || v >> 24 == 127;
}

const struct doctor_route *doctor_route_to(const struct doctor_seen *s, const struct adit_addr *to)
{
    const struct doctor_route *best = NULL;
    for (uint32_t i = 0; i < s->route_count; i++) {
        const struct doctor_route *r = &s->routes[i];
        if (adit_in_network(&r->net, to) && (!best || r->net.prefix > best->net.prefix))
            best = r;
    }
    return best;
}

static bool has_listener(const struct doctor_seen *s, int index)
{
    for (uint32_t i = 0; i < s->listen_count; i++)
        for (uint32_t k = 0; s->listen[i].outside && k < s->addr_count; k++)
            if (s->addrs[k].index == index && adit_same_host(&s->addrs[k].addr, &s->listen[i].addr))
                return true;
    return false;
}

static bool any_named(const struct doctor_seen *s)
{
    for (uint32_t i = 0; i < s->link_count; i++)
        if (has_listener(s, s->links[i].index))
            return true;
    return false;
}

bool doctor_is_outside(const struct doctor_seen *s, const struct doctor_link *l)
{
    static const struct adit_addr somewhere = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 8, 8, 8, 8 } };
    if (l->loopback || !l->up || doctor_is_tun(s, l))
        return false;
    if (s->closed)
        return !strcmp(l->name, s->internet);
    if (any_named(s))
        return has_listener(s, l->index);
    const struct doctor_route *r = doctor_route_to(s, &somewhere);
    return !r || r->index == l->index;
}
