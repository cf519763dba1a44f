/* setup_dhcp.c - which interface is the LAN, and whether a DHCP server answers there.
 *
 * Knows:  interfaces, the default route, one DHCPDISCOVER.
 * Leaves: the message's bytes to the pool's own code, the rest of setup to setup.c.
 */
#include "setup_dhcp.h"
#include "adit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../plugins/pool-dhcp/dhcp_msg.h"

#define MOST_LANS 16u
#define ASK_TIMES 4             /* a second each: servers ping what they offer first */

static uint32_t number_of(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    if (!sa || sa->sa_family != AF_INET)
        return 0;
    memcpy(&in, sa, sizeof in);
    return ntohl(in.sin_addr.s_addr);
}

/* RFC 1918: whoever numbers clients on other networks gets their owner's mail. */
static bool private_address(uint32_t a)
{
    return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8;
}

static bool listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (!strcmp(*list, name))
            return true;
    return false;
}

/* The interface of the default route; "" none. */
static void default_interface(char out[IF_NAMESIZE])
{
    FILE *f = fopen("/proc/net/route", "r");
    char line[256], name[IF_NAMESIZE];
    unsigned to, mask;
    out[0] = '\0';
    while (f && fgets(line, sizeof line, f))
        if (!out[0] && sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", name, &to, &mask) == 3 && !to && !mask)
            snprintf(out, IF_NAMESIZE, "%s", name);
    if (f)
        fclose(f);
}

/* The interface's first IPv4 address; 0: none. */
static uint32_t address_of(const char *interface)
{
    struct ifaddrs *all;
    uint32_t got = 0;
    if (getifaddrs(&all))
        return 0;
    for (const struct ifaddrs *i = all; i && !got; i = i->ifa_next)
        if (!strcmp(i->ifa_name, interface))
            got = number_of(i->ifa_addr);
    freeifaddrs(all);
    return got;
}

int setup_lan(const char *given, const char *const *not_these, bool quiet, char out[IF_NAMESIZE])
{
    char names[MOST_LANS][IF_NAMESIZE], route[IF_NAMESIZE], text[MOST_LANS * (IF_NAMESIZE + 2)] = "";
    struct ifaddrs *all;
    uint32_t n = 0, on_route = MOST_LANS;
    if (given) {
        if (!if_nametoindex(given))
            return complain("--lan-interface %s: this host has no such interface; 'ip link' lists them",
                            given);
        if (!address_of(given) && !quiet)
            fprintf(stderr, "adit: note: %s has no IPv4 address yet; the pool waits for one\n", given);
        snprintf(out, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, given);
        return 0;
    }
    if (getifaddrs(&all))
        return complain("the interfaces of this host cannot be read: %s", strerror(errno));
    default_interface(route);
    for (const struct ifaddrs *i = all; i && n < MOST_LANS; i = i->ifa_next) {
        bool twice = false;
        if (!private_address(number_of(i->ifa_addr)) || !(i->ifa_flags & IFF_UP) ||
            !(i->ifa_flags & IFF_BROADCAST) || i->ifa_flags & (IFF_LOOPBACK | IFF_POINTOPOINT) ||
            listed(not_these, i->ifa_name))
            continue;
        for (uint32_t k = 0; k < n; k++)
            twice |= !strcmp(names[k], i->ifa_name);
        if (twice)
            continue;
        if (!strcmp(i->ifa_name, route))
            on_route = n;
        snprintf(names[n++], IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, i->ifa_name);
    }
    freeifaddrs(all);
    if (n == 1)
        on_route = 0;
    if (on_route < n) {
        memcpy(out, names[on_route], IF_NAMESIZE);
        return 0;
    }
    for (uint32_t k = 0; k < n; k++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? ", " : "", names[k]);
    if (quiet)
        return 1;
    return n ? complain("which interface is the LAN? Name it with --lan-interface, one of: %s", text) :
               complain("no interface of this host is surely a LAN (private IPv4 addresses, not "
                        "towards the internet); name it with --lan-interface");
}

static int ask(int fd, uint32_t address, struct adit_addr *server, char *why, size_t size)
{
    struct sockaddr_in all = { .sin_family = AF_INET, .sin_port = htons(DHCP_PORT),
                               .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
    struct dhcp_say m = { .type = DHCP_DISCOVER, .giaddr = address };
    uint8_t say[DHCP_SAY], heard[1600];
    if (getrandom(&m.xid, sizeof m.xid, 0) != (ssize_t)sizeof m.xid ||
        getrandom(m.chaddr, sizeof m.chaddr, 0) != (ssize_t)sizeof m.chaddr) {
        snprintf(why, size, "%s", strerror(errno));
        return -1;
    }
    m.chaddr[0] = (uint8_t)((m.chaddr[0] & 0xfc) | 2);
    size_t n = dhcp_write(&m, say, sizeof say);
    for (int i = 0; i < ASK_TIMES; i++) {
        struct timespec begin, now;
        if (sendto(fd, say, n, 0, (struct sockaddr *)&all, sizeof all) < 0) {
            snprintf(why, size, "%s", strerror(errno));
            return -1;
        }
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (int left = 1000; left > 0;) {
            struct pollfd p = { fd, POLLIN, 0 };
            struct sockaddr_in from;
            socklen_t len = sizeof from;
            struct dhcp_heard h;
            if (poll(&p, 1, left) > 0) {
                ssize_t got = recvfrom(fd, heard, sizeof heard, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
                if (got > 0 && !dhcp_read(heard, (size_t)got, &h) && h.type == DHCP_OFFER &&
                    h.xid == m.xid && !memcmp(h.chaddr, m.chaddr, sizeof m.chaddr)) {
                    *server = (struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = 32 };
                    memcpy(server->ip, &from.sin_addr, 4);
                    return 1;
                }
            }
            clock_gettime(CLOCK_MONOTONIC, &now);
            left = 1000 - (int)((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000);
        }
    }
    return 0;
}

int setup_dhcp_answers(const char *interface, struct adit_addr *server, char *why, size_t size)
{
    uint32_t address = address_of(interface);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(DHCP_PORT),
                              .sin_addr.s_addr = htonl(address) };
    int yes = 1, rc = -1, fd = -1;
    if (!address)
        snprintf(why, size, "%s has no IPv4 address", interface);
    else if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 ||
             setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) ||
             bind(fd, (struct sockaddr *)&at, sizeof at))
        snprintf(why, size, "%s", errno == EADDRINUSE ?
                 "UDP port 67 is in use: a DHCP server, a relay or aditd runs on this host" : strerror(errno));
    else
        rc = ask(fd, address, server, why, size);
    if (fd >= 0)
        close(fd);
    return rc;
}
