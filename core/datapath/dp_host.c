/* dp_host.c - the host's interfaces, addresses, routes and neighbours (netlink).
 *
 * Knows:  rtnetlink messages, and what the kernel's refusals mean.
 * Leaves: when they are due; the journal.
 */
#include "datapath/dp_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include "base/addr.h"
#include "log/log.h"

#define BYTES 8192u

static struct mnl_socket *nl;
static uint32_t users, seq;

int dp_host_open(void)
{
    if (users++)
        return 0;
    nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0)
        return 0;
    users = 0;
    if (nl)
        mnl_socket_close(nl);
    nl = NULL;
    return log_fail("datapath", ADIT_EIO, "netlink: %s", strerror(errno));
}

void dp_host_close(void)
{
    if (!users || --users)
        return;
    mnl_socket_close(nl);
    nl = NULL;
}

static struct nlmsghdr *begin(char *buf, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    h->nlmsg_seq = ++seq;
    return h;
}

/* 0 or the negative errno of the kernel's answer. */
static int talk(struct nlmsghdr *h, mnl_cb_t each, void *u)
{
    char buf[BYTES];
    uint32_t wanted = h->nlmsg_seq;
    if (!nl || mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof buf);
        if (n < 0)
            return -errno;
        int rc = mnl_cb_run(buf, (size_t)n, wanted, mnl_socket_get_portid(nl), each, u);
        if (rc < 0)
            return -errno;
        if (rc == 0)
            return 0;
    }
}

static int code_of(int err)
{
    switch (-err) {
    case 0:         return 0;
    case EEXIST:    return ADIT_EEXIST;
    case EPERM: case EACCES: return ADIT_EDENIED;
    case ENOENT: case ESRCH: case ENODEV: case EADDRNOTAVAIL: case ENETUNREACH: return ADIT_ENOENT;
    case EOPNOTSUPP: case EAFNOSUPPORT: return ADIT_ENOSYS;
    case ENOMEM: case ENOBUFS: return ADIT_ENOMEM;
    default:        return ADIT_EIO;
    }
}

static uint8_t family_of(const struct adit_addr *a)
{
    return a->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET;
}

static size_t bytes_of(const struct adit_addr *a)
{
    return a->family == ADIT_AF_IPV6 ? 16 : 4;
}

int dp_host_link(int index, uint32_t mtu)
{
    char buf[BYTES];
    struct nlmsghdr *h = begin(buf, RTM_NEWLINK, 0);
    struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifi_family = AF_UNSPEC;
    m->ifi_index = index;
    m->ifi_flags = IFF_UP;
    m->ifi_change = IFF_UP;
    mnl_attr_put_u32(h, IFLA_MTU, mtu);
    mnl_attr_put_u32(h, IFLA_TXQLEN, 1000);
    int err = talk(h, NULL, NULL);
    return err ? log_fail("datapath", code_of(err), "the interface cannot be set up (mtu %u): %s", mtu,
                          strerror(-err)) : 0;
}

int dp_host_addr(int index, const struct adit_addr *our, const struct adit_addr *peer, bool add)
{
    char buf[BYTES], text[ADDR_TEXT];
    bool p2p = peer && peer->family == our->family;
    struct nlmsghdr *h = begin(buf, add ? RTM_NEWADDR : RTM_DELADDR,
                               add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifa_family = family_of(our);
    m->ifa_prefixlen = p2p ? (uint8_t)(bytes_of(our) * 8) : our->prefix;
    m->ifa_flags = our->family == ADIT_AF_IPV6 ? IFA_F_NODAD : 0;
    m->ifa_index = (uint32_t)index;
    mnl_attr_put(h, IFA_LOCAL, bytes_of(our), our->ip);
    mnl_attr_put(h, IFA_ADDRESS, bytes_of(our), p2p ? peer->ip : our->ip);
    int err = talk(h, NULL, NULL);
    return err && add ? log_fail("datapath", code_of(err), "our inner address %s cannot be set: %s",
                                 addr_text(our, text), strerror(-err)) : code_of(err);
}

int dp_host_route(int index, const struct adit_addr *net, const struct adit_addr *from, bool add)
{
    char buf[BYTES];
    struct nlmsghdr *h = begin(buf, add ? RTM_NEWROUTE : RTM_DELROUTE,
                               add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->rtm_family = family_of(net);
    m->rtm_dst_len = net->prefix;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_STATIC;
    m->rtm_scope = net->family == ADIT_AF_IPV4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    m->rtm_type = RTN_UNICAST;
    mnl_attr_put(h, RTA_DST, bytes_of(net), net->ip);
    mnl_attr_put_u32(h, RTA_OIF, (uint32_t)index);
    if (add && from && from->family == net->family)
        mnl_attr_put(h, RTA_PREFSRC, bytes_of(from), from->ip);
    return code_of(talk(h, NULL, NULL));
}

int dp_host_way(const struct dp_way *w, bool add)
{
    char buf[BYTES];
    struct nlmsghdr *h = begin(buf, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE : 0);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    bool link = w->via.family != w->net.family;
    m->rtm_family = family_of(&w->net);
    m->rtm_dst_len = w->net.prefix;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_STATIC;
    m->rtm_scope = link && w->net.family == ADIT_AF_IPV4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    m->rtm_type = RTN_UNICAST;
    mnl_attr_put(h, RTA_DST, bytes_of(&w->net), w->net.ip);
    mnl_attr_put_u32(h, RTA_OIF, (uint32_t)w->index);
    if (!link)
        mnl_attr_put(h, RTA_GATEWAY, bytes_of(&w->via), w->via.ip);
    if (w->metric)
        mnl_attr_put_u32(h, RTA_PRIORITY, w->metric);
    return code_of(talk(h, NULL, NULL));
}

static int each_way_attr(const struct nlattr *a, void *u)
{
    struct dp_way *w = u;
    if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == 4)
        w->index = (int)mnl_attr_get_u32(a);
    if (mnl_attr_get_type(a) == RTA_GATEWAY && mnl_attr_get_payload_len(a) == bytes_of(&w->net)) {
        w->via.family = w->net.family;
        memcpy(w->via.ip, mnl_attr_get_payload(a), bytes_of(&w->net));
    }
    return MNL_CB_OK;
}

static int each_way(const struct nlmsghdr *h, void *u)
{
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_type == RTM_NEWROUTE && m->rtm_type == RTN_UNICAST)
        (void)mnl_attr_parse(h, sizeof *m, each_way_attr, u);
    return MNL_CB_OK;
}

/* A host of our own, or one that no route leads to, has no way. */
int dp_host_way_to(const struct adit_addr *host, struct dp_way *out)
{
    char buf[BYTES];
    *out = (struct dp_way){ .net = *host };
    out->net.prefix = (uint8_t)(bytes_of(host) * 8);
    out->net.port = 0;
    struct nlmsghdr *h = begin(buf, RTM_GETROUTE, 0);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->rtm_family = family_of(host);
    m->rtm_dst_len = out->net.prefix;
    mnl_attr_put(h, RTA_DST, bytes_of(host), host->ip);
    int err = talk(h, each_way, out);
    return err ? code_of(err) : out->index ? 0 : ADIT_ENOENT;
}

int dp_host_proxy(int index, const struct adit_addr *addr, bool add)
{
    char buf[BYTES];
    struct nlmsghdr *h = begin(buf, add ? RTM_NEWNEIGH : RTM_DELNEIGH,
                               add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
    struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ndm_family = family_of(addr);
    m->ndm_ifindex = index;
    m->ndm_flags = NTF_PROXY;
    m->ndm_state = NUD_PERMANENT;
    mnl_attr_put(h, NDA_DST, bytes_of(addr), addr->ip);
    return code_of(talk(h, NULL, NULL));
}

struct lan {
    const struct adit_addr *addr;
    int but, index;
    uint8_t prefix;
};

static int each_attr(const struct nlattr *a, void *u)
{
    struct adit_addr *net = u;
    if (mnl_attr_get_type(a) == IFA_ADDRESS && mnl_attr_get_payload_len(a) == bytes_of(net)) {
        memcpy(net->ip, mnl_attr_get_payload(a), bytes_of(net));
        net->port = 1;          /* seen */
    }
    return MNL_CB_OK;
}

static int each_address(const struct nlmsghdr *h, void *u)
{
    struct lan *l = u;
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    struct adit_addr net = { .family = l->addr->family, .prefix = m->ifa_prefixlen };
    if (h->nlmsg_type != RTM_NEWADDR || m->ifa_family != family_of(l->addr) ||
        (int)m->ifa_index == l->but || m->ifa_prefixlen >= bytes_of(l->addr) * 8 - 1)
        return MNL_CB_OK;       /* a host or a point-to-point link is no LAN */
    (void)mnl_attr_parse(h, sizeof *m, each_attr, &net);
    /* 127/8 holds nobody's clients */
    if (net.port && addr_in(l->addr, &net) && m->ifa_prefixlen >= l->prefix &&
        !(net.family == ADIT_AF_IPV4 && net.ip[0] == 127)) {
        l->index = (int)m->ifa_index;
        l->prefix = m->ifa_prefixlen;
    }
    return MNL_CB_OK;
}

int dp_host_lan(const struct adit_addr *addr, int but)
{
    char buf[BYTES];
    struct lan l = { addr, but, 0, 0 };
    struct nlmsghdr *h = begin(buf, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifa_family = family_of(addr);
    return talk(h, each_address, &l) == 0 ? l.index : 0;
}
