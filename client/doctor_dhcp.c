/* doctor_dhcp.c - whether a DHCP server offers an address, also while the daemon has the port.
 *
 * Knows:  where a pool asks from, and that the answer can be listened to from the side.
 * Leaves: the message's bytes to the pool's own code.
 *
 * The answer goes to port 67 of the relay's address, which the pool has while the daemon
 * serves (it drops what it has not asked for). So it is read from a packet socket.
 */
#include "doctor_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/addr.h"
#include "diagnose/doctor_wire.h"
#include "../plugins/pool-dhcp/dhcp_msg.h"

#define TIMES    3
#define TIMES_MS 1200           /* servers ping what they offer first, for a second */

/* The interface's first IPv4 address; 0: none. */
static uint32_t address_of(int fd, const char *interface)
{
    struct ifreq r = { 0 };
    struct sockaddr_in in;
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", interface);
    if (ioctl(fd, SIOCGIFADDR, &r))
        return 0;
    memcpy(&in, &r.ifr_addr, sizeof in);
    return ntohl(in.sin_addr.s_addr);
}

/* UDP to port 67 in an IPv4 packet; false: something else. */
static bool unwrap(const uint8_t *p, size_t len, struct rd *out)
{
    struct doctor_ip4 ip;
    struct rd r;
    if (!doctor_wire_ip4(p, len, IPPROTO_UDP, &ip, &r))
        return false;
    rd_skip(&r, 2);
    uint16_t to = rd_u16(&r), size = rd_u16(&r);
    rd_skip(&r, 2);
    if (!rd_ok(&r) || to != DHCP_PORT || size < 8)
        return false;
    *out = rd_sub(&r, size - 8u);
    return rd_ok(out);
}

static bool offers(struct doctor_pool *p, const uint8_t *b, size_t len, const struct dhcp_say *asked)
{
    struct rd udp;
    struct dhcp_heard h;
    size_t n;
    if (!unwrap(b, len, &udp))
        return false;
    const uint8_t *data = rd_rest(&udp, &n);
    if (dhcp_read(data, n, &h) || h.type != DHCP_OFFER || h.xid != asked->xid ||
        memcmp(h.chaddr, asked->chaddr, sizeof h.chaddr) != 0)
        return false;
    p->offered_by = addr_ipv4(h.facts.server_id);
    return true;
}

static void send_all(const struct doctor_pool *p, int fd, const uint8_t *b, size_t len)
{
    for (uint32_t i = 0; i < p->server_count || !i; i++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DHCP_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
        if (p->server_count) {
            memcpy(&to.sin_addr, p->servers[i].ip, 4);
            to.sin_port = htons(p->servers[i].port ? p->servers[i].port : DHCP_PORT);
        }
        (void)!sendto(fd, b, len, 0, (struct sockaddr *)&to, sizeof to);
    }
}

static void ask(struct doctor_pool *p, int fd, int side, uint32_t relay)
{
    struct dhcp_say m = { .type = DHCP_DISCOVER, .giaddr = relay };
    uint8_t say[DHCP_SAY], b[2048];
    if (getrandom(&m.xid, sizeof m.xid, 0) != (ssize_t)sizeof m.xid ||
        getrandom(m.chaddr, sizeof m.chaddr, 0) != (ssize_t)sizeof m.chaddr) {
        snprintf(p->why, sizeof p->why, "%s", strerror(errno));
        return;
    }
    m.chaddr[0] = (uint8_t)((m.chaddr[0] & 0xfc) | 2);
    size_t len = dhcp_write(&m, say, sizeof say);
    p->answered = 0;
    for (int i = 0; i < TIMES && !p->answered; i++) {
        send_all(p, fd, say, len);
        for (int64_t end = doctor_now_ms() + TIMES_MS, left; !p->answered && (left = end - doctor_now_ms()) > 0;) {
            struct pollfd w = { side, POLLIN, 0 };
            if (poll(&w, 1, (int)left) <= 0)
                continue;
            ssize_t got = recv(side, b, sizeof b, MSG_DONTWAIT);
            if (got > 0 && offers(p, b, (size_t)got, &m))
                p->answered = 1;
        }
    }
}

void doctor_ask_dhcp(struct doctor_pool *p)
{
    int yes = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int side = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    uint32_t relay = p->relay.family ? addr_u32(&p->relay) : fd >= 0 ? address_of(fd, p->interface) : 0;
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(relay) };
    p->answered = -1;
    if (fd < 0 || side < 0)
        snprintf(p->why, sizeof p->why, "%s", strerror(errno));
    else if (!relay)
        snprintf(p->why, sizeof p->why, "%s has no IPv4 address", p->interface);
    else if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) ||
             (*p->interface && !p->server_count &&
              setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, p->interface, (socklen_t)strlen(p->interface))) ||
             bind(fd, (struct sockaddr *)&from, sizeof from))
        snprintf(p->why, sizeof p->why, "%s", strerror(errno));
    else
        ask(p, fd, side, relay);
    if (fd >= 0)
        close(fd);
    if (side >= 0)
        close(side);
}
