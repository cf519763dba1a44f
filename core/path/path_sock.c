/* path_sock.c - sockets, and batches of datagrams that come in.
 *
 * Knows:  recvmmsg, UDP_GRO, packet info, the raw sockets' IP header.
 * Leaves: whose path it is to path.c.
 */
#include "path/path_int.h"
#include <errno.h>
#include <ifaddrs.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "base/addr.h"
#include "loop/loop.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define MSGS     64u            /* datagrams (each up to 64 segments) of one recvmmsg */
#define MSGS_BIG 8u             /* when they are merged ones: what is read stays in the cache */
#define ROUNDS   4              /* recvmmsg calls of one wake-up, for fairness */
#define FRAMES   4096u
#define BUF      65536u
/* Buffers at exact powers of two would fall on the same lines of every cache. */
#define STRIDE   (BUF + 2048u + 192u)
#define SOCKET_BUF (4 << 20)
#define CTL      128u

struct rx_frame {
    struct adit_frame f;
    uint32_t next;              /* of the same path: number + 1 */
};

static struct {
    uint8_t *buf;               /* MSGS buffers, STRIDE apart; only what is used is touched */
    struct mmsghdr m[MSGS];
    struct iovec iov[MSGS];
    struct sockaddr_storage from[MSGS];
    _Alignas(struct cmsghdr) uint8_t ctl[MSGS][CTL];
    struct rx_frame frame[FRAMES];
    uint32_t frames;
    struct path *touched, **touched_end;
} rx;

static int32_t code_of(int err)
{
    switch (err) {
    case EADDRINUSE:    return ADIT_EADDRINUSE;
    case EACCES: case EPERM: return ADIT_EDENIED;
    case EADDRNOTAVAIL: return ADIT_EUNREACH;
    case EAFNOSUPPORT:  return ADIT_ENOSYS;
    case ENOMEM: case ENOBUFS: return ADIT_ENOMEM;
    default:            return ADIT_EIO;
    }
}

static void set_int(int fd, int level, int name, int v)
{
    (void)setsockopt(fd, level, name, &v, sizeof v);
}

/* ---- from bytes to paths ---------------------------------------------------------- */

static struct adit_addr addr_of(const void *ip, sa_family_t family, uint16_t port, uint32_t zone)
{
    struct adit_addr a = { .port = port };
    if (family == AF_INET) {
        a.family = ADIT_AF_IPV4;
        a.prefix = 32;
        memcpy(a.ip, ip, 4);
    } else {
        a.family = ADIT_AF_IPV6;
        a.prefix = 128;
        memcpy(a.ip, ip, 16);
        if (a.ip[0] == 0xfe && (a.ip[1] & 0xc0) == 0x80)
            a.zone = zone;
    }
    return a;
}

/* Which of our addresses was called, and the size of merged segments. False:
 * it was sent to many. */
static bool read_ctl(const struct path_sock *s, struct msghdr *m, struct adit_addr *our,
                     uint32_t *segment)
{
    bool known = !s->any;
    *segment = 0;
    if (known)
        *our = s->our;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            known = i.ipi_addr.s_addr == i.ipi_spec_dst.s_addr;
            *our = addr_of(&i.ipi_addr, AF_INET, s->port->at.port, 0);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            known = i.ipi6_addr.s6_addr[0] != 0xff;
            *our = addr_of(&i.ipi6_addr, AF_INET6, s->port->at.port, i.ipi6_ifindex);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            if (size > 0)
                *segment = (uint32_t)size;
        }
    }
    return known;
}

/* A raw socket of IPv4 gives the IP header too (raw(7)), one of IPv6 does not
 * (ipv6(7), RFC 3542 section 3); fragments are whole again. */
static bool skip_ip(uint8_t **data, uint32_t *len)
{
    const uint8_t *p = *data;
    if (*len < 20 || p[0] >> 4 != 4)
        return false;
    uint32_t ihl = (p[0] & 15u) * 4u, total = (uint32_t)p[2] << 8 | p[3];
    if (ihl < 20 || total < ihl || total > *len)
        return false;
    *data += ihl;
    *len = total - ihl;
    return true;
}

static void add_frame(struct path *p, uint8_t *data, uint32_t len)
{
    struct rx_frame *r = &rx.frame[rx.frames++];
    r->f = (struct adit_frame){ sizeof r->f, len, data, data, data + len, NULL, 0, 0 };
    r->next = 0;
    if (p->last) {
        rx.frame[p->last - 1].next = rx.frames;
    } else {
        p->first = rx.frames;
        p->touched = NULL;
        *rx.touched_end = p;
        rx.touched_end = &p->touched;
        p->busy++;
    }
    p->last = rx.frames;
}

/* Hands on what was read, path by path. */
static void deliver(void)
{
    struct path *p;
    while ((p = rx.touched) != NULL) {
        struct adit_frame *v[ADIT_VECTOR];
        uint32_t n = 0;
        for (uint32_t i = p->first; i; i = rx.frame[i - 1].next) {
            v[n++] = &rx.frame[i - 1].f;
            if (n == ADIT_VECTOR) {
                path_hand(p, v, n);
                n = 0;
            }
        }
        path_hand(p, v, n);
        rx.touched = p->touched;
        p->touched = NULL;
        p->first = p->last = 0;
        p->busy--;
        path_idle(p);
    }
    rx.touched_end = &rx.touched;
    rx.frames = 0;
}

static void take(struct path_sock *s, uint32_t i, struct path **last)
{
    struct msghdr *m = &rx.m[i].msg_hdr;
    struct adit_port *port = s->port;
    uint8_t *data = rx.iov[i].iov_base;
    uint32_t len = rx.m[i].msg_len, segment;
    struct adit_addr our, peer;

    addr_of_sa((const struct sockaddr *)&rx.from[i], &peer);
    if (m->msg_flags & (MSG_TRUNC | MSG_CTRUNC) || peer.family == ADIT_AF_NONE ||
        !read_ctl(s, m, &our, &segment) ||
        (port->protocol == ADIT_PROTO_UDP ? peer.port == 0 :
         s->family == AF_INET && !skip_ip(&data, &len))) {
        path_stats.rx_bad++;
        return;
    }
    peer = addr_of(peer.ip, s->family, port->protocol == ADIT_PROTO_UDP ? peer.port : 0, peer.zone);
    if (s == &port->ear && memcmp(&peer, &our, sizeof our) == 0)
        return;                 /* what we told everybody */
    if (segment == 0 || segment > len)
        segment = len;
    uint32_t n = segment ? (len + segment - 1) / segment : 1;
    path_stats.rx_datagrams += n;
    if (path_refuses_clear(port, &our, &peer, n))
        return;
    if (n > FRAMES - rx.frames) {
        deliver();
        *last = NULL;
        if (n > FRAMES) {
            path_stats.rx_bad += n;
            return;
        }
    }
    struct path *p = *last;
    if (!p || memcmp(&p->pub.peer, &peer, sizeof peer) || memcmp(&p->pub.our, &our, sizeof our))
        p = path_find(port, NULL, &our, &peer, true);
    if (!p) {
        path_stats.rx_bad += n;
        return;
    }
    *last = p;
    adit_list_del(&p->calling);
    do {
        uint32_t part = len < segment ? len : segment;
        add_frame(p, data, part);
        data += part;
        len -= part;
    } while (len);
}

static int read_batch(struct path_sock *s, uint32_t msgs)
{
    for (uint32_t i = 0; i < msgs; i++) {
        struct msghdr *m = &rx.m[i].msg_hdr;
        rx.iov[i] = (struct iovec){ rx.buf + (size_t)i * STRIDE, BUF };
        *m = (struct msghdr){ .msg_name = &rx.from[i], .msg_namelen = sizeof rx.from[i],
                              .msg_iov = &rx.iov[i], .msg_iovlen = 1,
                              .msg_control = rx.ctl[i], .msg_controllen = CTL };
    }
    int n;
    do
        n = recvmmsg(s->fd, rx.m, msgs, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    return n;
}

/* ICMP errors can be forged by anybody who guesses two ports, so they end only
 * a call that has not been answered yet; keep-alives watch the others. */
static void read_errors(struct path_sock *s)
{
    for (;;) {
        uint8_t ctl[512], data[64];
        struct sockaddr_storage to;
        struct iovec iov = { data, sizeof data };
        struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1,
                            .msg_control = ctl, .msg_controllen = sizeof ctl };
        if (recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        int err = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
            struct sock_extended_err e;
            if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
                memcpy(&e, CMSG_DATA(c), sizeof e);
                if (e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6)
                    err = (int)e.ee_errno;
            }
        }
        struct adit_addr peer;
        addr_of_sa((struct sockaddr *)&to, &peer);
        if (err != ECONNREFUSED && err != EHOSTUNREACH && err != ENETUNREACH && err != ENOPROTOOPT)
            continue;
        ADIT_LIST_EACH(n, &s->calling) {
            struct path *p = ADIT_OF(n, struct path, calling);
            if (memcmp(p->pub.peer.ip, peer.ip, sizeof peer.ip) == 0 &&
                (p->pub.peer.port == 0 || p->pub.peer.port == peer.port)) {
                path_gone(p);
                break;
            }
        }
        if (s->fd < 0)
            return;
    }
    int err;
    socklen_t len = sizeof err;
    (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
}

void path_sock_errors(struct path_sock *s, struct path *p)
{
    if (!p->calling.next)
        adit_list_add(&s->calling, &p->calling);
    set_int(s->fd, s->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
            s->family == AF_INET ? IP_RECVERR : IPV6_RECVERR, 1);
}

static void ready(void *u, int events)
{
    struct path_sock *s = u;
    struct adit_port *port = s->port;
    port->refs++;               /* it may be unbound by what it delivers */
    if (events & LOOP_ERROR)
        read_errors(s);
    for (int round = 0; round < ROUNDS && !port->closed; round++) {
        uint32_t msgs = s->big ? MSGS_BIG : MSGS;
        int n = read_batch(s, msgs);
        if (n < 0 && errno != EAGAIN && errno != EBADF)
            continue;           /* an error about something that was sent */
        if (n <= 0)
            break;
        path_stats.rx_reads++;
        struct path *last = NULL;
        uint32_t bytes = 0;
        for (uint32_t i = 0; i < (uint32_t)n; i++) {
            bytes += rx.m[i].msg_len;
            take(s, i, &last);
        }
        s->big = bytes / (uint32_t)n > 8192;
        deliver();
        path_flush();
        if ((uint32_t)n < msgs)
            break;
    }
    path_port_unref(port);
}

/* ---- sockets ------------------------------------------------------------------------ */

/* The path may lose big datagrams silently, so DF stays off: a datagram above
 * the path MTU is fragmented on its way instead of vanishing. */
static void set_options(struct path_sock *s, uint32_t protocol)
{
    int big = SOCKET_BUF;
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        set_int(s->fd, SOL_SOCKET, SO_RCVBUF, big);
    if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big))
        set_int(s->fd, SOL_SOCKET, SO_SNDBUF, big);
    if (s->family == AF_INET) {
        if (s->any)
            set_int(s->fd, IPPROTO_IP, IP_PKTINFO, 1);
        set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
    } else {
        if (s->any)
            set_int(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set_int(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
    }
    if (protocol == ADIT_PROTO_UDP) {
        set_int(s->fd, SOL_UDP, UDP_GRO, 1);
        int none = 0;
        s->gso = setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
    }
}

static int bind_to(struct path_sock *s, struct adit_port *port)
{
    struct sockaddr_storage sa;
    socklen_t len;
    memset(&sa, 0, sizeof sa);
    if (s == &port->ear) {
        struct sockaddr_in *a = (struct sockaddr_in *)&sa;
        a->sin_family = AF_INET;
        a->sin_addr.s_addr = htonl(INADDR_BROADCAST);
        a->sin_port = htons(port->at.port);
        len = sizeof *a;
    } else if (port->at.family != ADIT_AF_NONE) {
        len = addr_to_sa(&port->at, (struct sockaddr *)&sa);
    } else if (s->family == AF_INET) {
        struct sockaddr_in *a = (struct sockaddr_in *)&sa;
        a->sin_family = AF_INET;
        a->sin_port = htons(port->at.port);
        len = sizeof *a;
    } else {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)&sa;
        a->sin6_family = AF_INET6;
        a->sin6_port = htons(port->at.port);
        len = sizeof *a;
    }
    if (port->protocol != ADIT_PROTO_UDP && port->at.family == ADIT_AF_NONE)
        return 0;               /* hears every address as it is */
    if (bind(s->fd, (struct sockaddr *)&sa, len))
        return -1;
    if (port->protocol == ADIT_PROTO_UDP && port->at.port == 0) {
        struct adit_addr got;
        len = sizeof sa;
        if (getsockname(s->fd, (struct sockaddr *)&sa, &len))
            return -1;
        addr_of_sa((struct sockaddr *)&sa, &got);
        port->at.port = got.port;
    }
    return 0;
}

/* Only what comes in where the network of an address is. */
static int on_network(int fd, const struct adit_addr *at)
{
    struct ifaddrs *all;
    char name[IF_NAMESIZE] = "";
    if (getifaddrs(&all))
        return -1;
    for (const struct ifaddrs *i = all; i && !*name; i = i->ifa_next) {
        struct adit_addr a = { .family = ADIT_AF_NONE };
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET)
            addr_of_sa(i->ifa_addr, &a);
        if (a.family && memcmp(a.ip, at->ip, 4) == 0)   /* eth0:1 is an address of eth0 */
            snprintf(name, sizeof name, "%.*s", (int)strcspn(i->ifa_name, ":"), i->ifa_name);
    }
    freeifaddrs(all);
    errno = EADDRNOTAVAIL;
    return *name ? setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) : -1;
}

int32_t path_sock_open(struct path_sock *s, struct adit_port *port, sa_family_t family)
{
    if (!rx.buf) {
        void *b = mmap(NULL, (size_t)MSGS * STRIDE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b == MAP_FAILED)
            return ADIT_ENOMEM;
        rx.buf = b;
        rx.touched_end = &rx.touched;
    }
    bool udp = port->protocol == ADIT_PROTO_UDP;
    adit_list_init(&s->calling);
    s->port = port;
    s->family = family;
    /* bound to one address, nobody needs to be told which one was called; a
     * link-local or multicast one tells the interface or too little */
    s->any = path_any(&port->at) || port->at.zone ||
             (port->at.family == ADIT_AF_IPV4 ? port->at.ip[0] >= 224 : port->at.ip[0] >= 0xfe);
    s->fd = socket(family, (udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   udp ? 0 : (int)port->protocol);
    if (s->fd < 0)
        return code_of(errno);
    if (family == AF_INET6)
        set_int(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_options(s, port->protocol);
    if (port->flags & ADIT_PATH_BROADCAST)
        set_int(s->fd, SOL_SOCKET, SO_BROADCAST, 1);
    if ((s == &port->ear && on_network(s->fd, &port->at)) || bind_to(s, port)) {
        int err = errno;
        path_sock_close(s);
        errno = err;
        return code_of(err);
    }
    s->watch = loop_fd_new(s->fd, ready, s);
    if (!s->watch) {
        path_sock_close(s);
        return ADIT_ENOMEM;
    }
    s->our = addr_of(port->at.ip, family, port->at.port, 0);
    loop_fd_want(s->watch, LOOP_READ);
    return 0;
}

void path_sock_close(struct path_sock *s)
{
    while (s->calling.next && !adit_list_empty(&s->calling))
        adit_list_del(s->calling.next);
    if (s->watch)
        loop_fd_free(s->watch);
    s->watch = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* ---- questions to the host ------------------------------------------------------------ */

uint32_t path_route(const struct adit_addr *peer, struct adit_addr *our)
{
    bool v4 = peer->family == ADIT_AF_IPV4;
    struct sockaddr_storage sa;
    struct adit_addr to = *peer;
    int mtu = 0, fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (to.port == 0)
        to.port = 9;
    memset(&sa, 0, sizeof sa);
    socklen_t len, mtu_len = sizeof mtu;
    if (path_everybody(peer)) { /* leaves where the sender's address is */
        struct adit_addr from = *our;
        from.port = 0;
        len = addr_to_sa(&from, (struct sockaddr *)&sa);
        set_int(fd, SOL_SOCKET, SO_BROADCAST, 1);
        (void)bind(fd, (struct sockaddr *)&sa, len);
        memset(&sa, 0, sizeof sa);
    }
    len = addr_to_sa(&to, (struct sockaddr *)&sa);
    if (connect(fd, (struct sockaddr *)&sa, len) == 0) {
        len = sizeof sa;
        if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
            addr_of_sa((struct sockaddr *)&sa, our);
        if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &mtu_len) ||
            mtu <= 0)
            mtu = 1500;
    }
    close(fd);
    return (uint32_t)mtu;
}

/* A datagram is worth a short wait, since what was read from the TUN cannot be
 * put back; but the loop never stands still for more than a fifth of its time. */
bool path_sock_wait(const struct path_sock *s)
{
    static uint64_t window_ms, spent_us;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t now_ms = (uint64_t)a.tv_sec * 1000 + (uint64_t)a.tv_nsec / 1000000;
    if (now_ms - window_ms >= 100) {
        window_ms = now_ms;
        spent_us = 0;
    }
    if (spent_us >= 20000)
        return false;
    struct pollfd p = { s->fd, POLLOUT, 0 };
    path_stats.tx_waits++;
    int n = poll(&p, 1, 2);
    clock_gettime(CLOCK_MONOTONIC, &b);
    spent_us += (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
    return n > 0 && p.revents & POLLOUT;
}
