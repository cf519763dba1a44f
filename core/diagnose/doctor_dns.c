/* doctor_dns.c - whether a DNS server answers (RFC 1035), and whether packets find their
 * way back to a client's address.
 *
 * Knows:  one question to a DNS server, one ping from an address that is not ours.
 * Leaves: which servers and addresses to ask, to who calls.
 */
#include "diagnose/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <adit/bytes.h>
#include "base/addr.h"

#define TRIES  3
#define TRY_MS 700

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- DNS ---------------------------------------------------------------------------- */

/* The name servers of the root: whoever resolves names at all has them. */
static size_t question(uint16_t id, uint8_t *out, size_t size)
{
    struct wr w = wr_of(out, size);
    wr_u16(&w, id);
    wr_u16(&w, 0x0100);         /* recursion desired */
    wr_u16(&w, 1);
    wr_u16(&w, 0);
    wr_u16(&w, 0);
    wr_u16(&w, 0);
    wr_u8(&w, 0);               /* "." */
    wr_u16(&w, 2);              /* NS */
    wr_u16(&w, 1);              /* IN */
    return (size_t)(w.p - w.base);
}

static bool answer(const uint8_t *p, size_t len, uint16_t id, uint32_t *rcode)
{
    struct rd r = rd_of(p, len);
    uint16_t its = rd_u16(&r), flags = rd_u16(&r);
    rd_skip(&r, 8);
    *rcode = flags & 15u;
    return rd_ok(&r) && its == id && flags & 0x8000u;
}

void doctor_ask_dns(struct doctor_dns *d)
{
    struct sockaddr_storage sa;
    struct adit_addr to = d->server;
    uint8_t ask[64], heard[1500];
    uint16_t id = 0;
    if (!to.port)
        to.port = 53;
    uint32_t len = addr_to_sa(&to, (struct sockaddr *)&sa);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    d->answer = DOCTOR_TROUBLE;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id || fd < 0 || connect(fd, (struct sockaddr *)&sa, len)) {
        snprintf(d->why, sizeof d->why, "%s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    size_t n = question(id, ask, sizeof ask);
    d->answer = DOCTOR_SILENT;
    for (int i = 0; i < TRIES && d->answer == DOCTOR_SILENT; i++) {
        if (send(fd, ask, n, 0) < 0 && errno != ECONNREFUSED) {
            d->answer = DOCTOR_TROUBLE;
            snprintf(d->why, sizeof d->why, "%s", strerror(errno));
            break;
        }
        for (int64_t end = now_ms() + TRY_MS, left; (left = end - now_ms()) > 0 && d->answer == DOCTOR_SILENT;) {
            struct pollfd p = { fd, POLLIN, 0 };
            if (poll(&p, 1, (int)left) <= 0)
                continue;
            ssize_t got = recv(fd, heard, sizeof heard, MSG_DONTWAIT);
            if (got < 0 && errno == ECONNREFUSED)
                d->answer = DOCTOR_REFUSED;
            else if (got > 0 && answer(heard, (size_t)got, id, &d->rcode))
                d->answer = DOCTOR_ANSWERED;
        }
    }
    close(fd);
}

/* ---- the way back ------------------------------------------------------------------------ */

static uint16_t checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    struct rd r = rd_of(p, len);
    while (rd_left(&r) > 1)
        sum += rd_u16(&r);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void ping(int fd, const struct adit_addr *from, const struct adit_addr *to, uint16_t id)
{
    uint8_t b[40];              /* an IPv4 header, an echo request with 12 bytes */
    struct sockaddr_in sa = { .sin_family = AF_INET };
    struct wr w = wr_of(b, sizeof b);
    wr_u16(&w, 0x4500);
    wr_u16(&w, sizeof b);
    wr_u32(&w, 0);
    wr_u16(&w, 0x0801);         /* 8 hops: it is near; ICMP */
    wr_u16(&w, 0);              /* the kernel's */
    wr_bytes(&w, from->ip, 4);
    wr_bytes(&w, to->ip, 4);
    wr_u16(&w, 0x0800);
    wr_u16(&w, 0);
    wr_u16(&w, id);
    wr_u16(&w, 1);
    wr_bytes(&w, "adit doctor.", 12);
    uint16_t sum = checksum(b + 20, 20);
    b[22] = (uint8_t)(sum >> 8);
    b[23] = (uint8_t)sum;
    memcpy(&sa.sin_addr, to->ip, 4);
    (void)sendto(fd, b, sizeof b, 0, (struct sockaddr *)&sa, sizeof sa);
}

/* An echo reply of `from` to `to` with our number, as it came in on any interface. */
static bool is_reply(const uint8_t *p, size_t len, const struct adit_addr *from, const struct adit_addr *to, uint16_t id)
{
    struct rd r = rd_of(p, len);
    uint8_t head = rd_u8(&r), src[4], dst[4];
    rd_skip(&r, 8);
    uint8_t proto = rd_u8(&r);
    rd_skip(&r, 2);
    rd_copy(&r, src, 4);
    rd_copy(&r, dst, 4);
    rd_skip(&r, (size_t)((head & 15u) < 5 ? 0 : ((head & 15u) - 5) * 4));
    uint8_t type = rd_u8(&r);
    rd_skip(&r, 3);
    uint16_t its = rd_u16(&r);
    return rd_ok(&r) && head >> 4 == 4 && proto == 1 && type == ICMP_ECHOREPLY && its == id &&
           !memcmp(src, from->ip, 4) && !memcmp(dst, to->ip, 4);
}

void doctor_look_back(struct doctor_seen *s)
{
    struct adit_addr own = { 0 };
    const struct doctor_route *r = doctor_route_to(s, &s->back_to);
    uint16_t id[2] = { 0, 0 };
    bool heard[2] = { false, false };
    for (uint32_t i = 0; r && i < s->addr_count && !own.family; i++)
        if (s->addrs[i].index == r->index && s->addrs[i].addr.family == ADIT_AF_IPV4)
            own = s->addrs[i].addr;
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    int all = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    if (raw < 0 || all < 0 || getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        snprintf(s->back_why, sizeof s->back_why, "it cannot be tried: %s", strerror(errno));
    else if (!own.family)
        snprintf(s->back_why, sizeof s->back_why, "we have no address towards it");
    id[1] = (uint16_t)(id[0] ^ 1);
    for (int i = 0; own.family && raw >= 0 && all >= 0 && i < TRIES && !(heard[0] && heard[1]); i++) {
        ping(raw, &own, &s->back_to, id[0]);
        ping(raw, &s->back_from, &s->back_to, id[1]);
        for (int64_t end = now_ms() + TRY_MS, left; (left = end - now_ms()) > 0 && !(heard[0] && heard[1]);) {
            struct pollfd p = { all, POLLIN, 0 };
            uint8_t b[256];
            ssize_t got = poll(&p, 1, (int)left) > 0 ? recv(all, b, sizeof b, MSG_DONTWAIT | MSG_TRUNC) : 0;
            size_t len = got > 0 ? (size_t)got < sizeof b ? (size_t)got : sizeof b : 0;
            heard[0] |= is_reply(b, len, &s->back_to, &own, id[0]);
            heard[1] |= is_reply(b, len, &s->back_to, &s->back_from, id[1]);
        }
    }
    if (heard[0] || heard[1])
        s->back = heard[1];
    else if (own.family && raw >= 0 && all >= 0)
        snprintf(s->back_why, sizeof s->back_why, "it does not answer pings");
    if (raw >= 0)
        close(raw);
    if (all >= 0)
        close(all);
}
