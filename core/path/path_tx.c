/* path_tx.c - vectors out: runs of equal frames leave as one GSO message.
 *
 * Knows:  sendmmsg, UDP_SEGMENT and its limits, what each refusal means.
 * Leaves: which path; security.
 */
#include "path/path_int.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>
#include "base/addr.h"
#include "loop/loop.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define SEGMENTS 64u            /* every kernel takes so many (UDP_MAX_SEGMENTS) */
/* of a whole message, so that with UDP and IP headers it stays an IP packet */
#define MOST_IP4 65507u
#define MOST_IP6 65487u
#define GSO_AGAIN_MS 60000u     /* a refused segment size is tried again after that */

static struct {
    struct mmsghdr m[ADIT_VECTOR];
    struct iovec iov[ADIT_VECTOR];
    uint8_t frames[ADIT_VECTOR];        /* of each message */
    _Alignas(struct cmsghdr) uint8_t ctl[ADIT_VECTOR][PATH_CTL];
} tx;

static uint32_t put_ctl(uint8_t *at, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)at;
    memset(at, 0, CMSG_SPACE(len));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    return (uint32_t)CMSG_SPACE(len);
}

/* What is the same for every datagram: where to, and from which address. */
void path_tx_prepare(struct path *p)
{
    memset(&p->to, 0, sizeof p->to);
    p->to_len = addr_to_sa(&p->pub.peer, (struct sockaddr *)&p->to);
    p->gso_most = UINT32_MAX;
    const struct path_sock *s = &p->port->sock[p->pub.peer.family == ADIT_AF_IPV6];
    if (!s->any && memcmp(&s->our, &p->pub.our, sizeof s->our) == 0)
        return;                 /* what the socket is bound to */
    if (p->pub.our.family == ADIT_AF_IPV4) {
        struct in_pktinfo i = { 0 };
        memcpy(&i.ipi_spec_dst, p->pub.our.ip, 4);
        p->ctl_len = put_ctl(p->ctl, IPPROTO_IP, IP_PKTINFO, &i, sizeof i);
    } else if (p->pub.our.family == ADIT_AF_IPV6) {
        struct in6_pktinfo i = { .ipi6_ifindex = p->pub.our.zone };
        memcpy(&i.ipi6_addr, p->pub.our.ip, 16);
        p->ctl_len = put_ctl(p->ctl, IPPROTO_IPV6, IPV6_PKTINFO, &i, sizeof i);
    }
}

static bool may_gso(struct path *p, const struct path_sock *s, uint32_t len)
{
    if (!s->gso || len == 0)
        return false;
    if (len < p->gso_most)
        return true;
    if (loop_now() < p->gso_again_ms)
        return false;
    p->gso_most = UINT32_MAX;
    return true;
}

/* Frames from v[i] on that make one message: equal ones, the last may be shorter. */
static uint32_t run_of(struct path *p, const struct path_sock *s, struct adit_frame **v,
                       uint32_t i, uint32_t n)
{
    uint32_t size = v[i]->len, total = size, k = i + 1;
    uint32_t most = s->family == AF_INET ? MOST_IP4 : MOST_IP6;
    if (!may_gso(p, s, size))
        return 1;
    while (k < n && k - i < SEGMENTS && v[k]->len && v[k]->len <= size &&
           total + v[k]->len <= most) {
        total += v[k]->len;
        if (v[k++]->len < size)
            break;
    }
    return k - i;
}

static uint32_t build(struct path *p, const struct path_sock *s, struct adit_frame **v,
                      uint32_t from, uint32_t n)
{
    uint32_t msgs = 0;
    for (uint32_t i = from; i < n; msgs++) {
        uint32_t run = run_of(p, s, v, i, n);
        struct msghdr *m = &tx.m[msgs].msg_hdr;
        for (uint32_t k = i; k < i + run; k++)
            tx.iov[k] = (struct iovec){ v[k]->data, v[k]->len };
        *m = (struct msghdr){ .msg_name = &p->to, .msg_namelen = p->to_len, .msg_iov = &tx.iov[i],
                              .msg_iovlen = run, .msg_control = p->ctl,
                              .msg_controllen = p->ctl_len };
        if (run > 1) {
            uint16_t size = (uint16_t)v[i]->len;
            memcpy(tx.ctl[msgs], p->ctl, p->ctl_len);
            m->msg_controllen += put_ctl(tx.ctl[msgs] + p->ctl_len, SOL_UDP, UDP_SEGMENT, &size,
                                         sizeof size);
            m->msg_control = tx.ctl[msgs];
        }
        tx.frames[msgs] = (uint8_t)run;
        i += run;
    }
    return msgs;
}

/* The first message was refused. How many of its frames are lost; 0: try again,
 * otherwise now. */
static uint32_t refused(struct path *p, struct path_sock *s, int err, uint32_t size, bool *retried)
{
    uint32_t run = tx.frames[0];
    if (run > 1 && err == EIO) {            /* no checksum offload on this route */
        s->gso = false;
        return 0;
    }
    if (run > 1 && (err == EINVAL || err == EMSGSIZE)) {    /* a segment is above the route's MTU */
        p->gso_most = size;
        p->gso_again_ms = loop_now() + GSO_AGAIN_MS;
        return 0;
    }
    if ((err == EAGAIN || err == EWOULDBLOCK) && path_sock_wait(s))
        return 0;
    if (err == ECONNREFUSED && !*retried) { /* about an earlier datagram */
        *retried = true;
        return 0;
    }
    path_stats.tx_errors++;
    return run;
}

void path_tx_clear(struct path *p, struct adit_frame **v, uint32_t n)
{
    struct path_sock *s = &p->port->sock[p->pub.peer.family == ADIT_AF_IPV6];
    bool retried = false;
    if (s->fd < 0) {
        path_stats.tx_dropped += n;
        return;
    }
    for (uint32_t i = 0; i < n;) {
        uint32_t msgs = build(p, s, v, i, n);
        int sent;
        do
            sent = sendmmsg(s->fd, tx.m, msgs, MSG_DONTWAIT);
        while (sent < 0 && errno == EINTR);
        if (sent < 0) {
            uint32_t lost = refused(p, s, errno, v[i]->len, &retried);
            path_stats.tx_dropped += lost;
            i += lost;
            continue;
        }
        path_stats.tx_sends++;
        for (int k = 0; k < sent; k++) {
            path_stats.tx_datagrams += tx.frames[k];
            i += tx.frames[k];
        }
    }
}
