/* doctor_ask.c - what is asked of others: DNS servers whether they answer, a host of the
 * LAN whether it finds the way back to a client's address.
 *
 * Knows:  sockets, how often and how long to ask.
 * Leaves: bytes to doctor_wire; whom to ask to who calls.
 */
#include "diagnose/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/addr.h"
#include "diagnose/doctor_wire.h"

#define TRIES  3
#define TRY_MS 700

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- DNS ---------------------------------------------------------------------------- */

void doctor_ask_dns(struct doctor_dns *d)
{
    struct sockaddr_storage sa;
    struct adit_addr to = d->server;
    uint8_t ask[DOCTOR_DNS], heard[1500];
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
    doctor_wire_dns(id, ask);
    d->answer = DOCTOR_SILENT;
    for (int i = 0; i < TRIES && d->answer == DOCTOR_SILENT; i++) {
        if (send(fd, ask, sizeof ask, 0) < 0 && errno != ECONNREFUSED) {
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
            else if (got > 0 && doctor_wire_dns_answer(heard, (size_t)got, id, &d->rcode))
                d->answer = DOCTOR_ANSWERED;
        }
    }
    close(fd);
}

/* ---- the way back ------------------------------------------------------------------------ */

static void ping(int fd, const struct adit_addr *from, const struct adit_addr *to, uint16_t id)
{
    uint8_t b[DOCTOR_PING];
    struct sockaddr_in sa = { .sin_family = AF_INET };
    doctor_wire_ping(from, to, id, b);
    memcpy(&sa.sin_addr, to->ip, 4);
    (void)!sendto(fd, b, sizeof b, 0, (struct sockaddr *)&sa, sizeof sa);
}

/* The answers come in on some interface; one to a client's address is nobody's here. */
static void ping_both(const struct doctor_seen *s, int raw, int side, const struct adit_addr *own, const uint16_t id[2],
                      bool heard[2])
{
    for (int i = 0; i < TRIES && !(heard[0] && heard[1]); i++) {
        ping(raw, own, &s->back_to, id[0]);
        ping(raw, &s->back_from, &s->back_to, id[1]);
        for (int64_t end = now_ms() + TRY_MS, left; (left = end - now_ms()) > 0 && !(heard[0] && heard[1]);) {
            struct pollfd p = { side, POLLIN, 0 };
            uint8_t b[256];
            if (poll(&p, 1, (int)left) <= 0)
                continue;
            ssize_t got = recv(side, b, sizeof b, MSG_DONTWAIT);
            size_t len = got > 0 ? (size_t)got : 0;
            heard[0] |= doctor_wire_pong(b, len, &s->back_to, own, id[0]);
            heard[1] |= doctor_wire_pong(b, len, &s->back_to, &s->back_from, id[1]);
        }
    }
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
    int side = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    if (raw < 0 || side < 0 || getrandom(id, sizeof id[0], 0) != (ssize_t)sizeof id[0]) {
        snprintf(s->back_why, sizeof s->back_why, "it cannot be tried: %s", strerror(errno));
    } else if (!own.family) {
        snprintf(s->back_why, sizeof s->back_why, "we have no address towards it");
    } else {
        id[1] = (uint16_t)(id[0] ^ 1);
        ping_both(s, raw, side, &own, id, heard);
        if (heard[0] || heard[1])
            s->back = heard[1];
        else
            snprintf(s->back_why, sizeof s->back_why, "the host that was asked does not answer pings");
    }
    if (raw >= 0)
        close(raw);
    if (side >= 0)
        close(side);
}
