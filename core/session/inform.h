/* inform.h - answering a client's DHCPINFORM (RFC 2131 section 4.3.5): the one way
 * to tell Windows routes and a DNS suffix (quirk W18). Pure.
 *
 *     if (inform_is(f->data, f->len))
 *         n = inform_answer(f->data, f->len, &facts, out, sizeof out);
 */
#ifndef INFORM_H
#define INFORM_H

#include <stdbool.h>
#include <adit/abi.h>

#define INFORM_MAX 1200         /* bytes of an answer, IP header included */

struct inform_facts {
    struct adit_addr client, server;    /* inner IPv4 addresses */
    struct adit_addr dns[2], wins[2];   /* family NONE: none */
    const struct adit_addr *routes;     /* networks behind the server */
    uint32_t route_count;
    const char *domain;         /* NULL: none */
};

/* Whether an IPv4 datagram is for a DHCP server: quick, for the data path. */
static inline bool inform_is(const uint8_t *p, uint32_t len)
{
    return len >= 28 && p[0] == 0x45 && p[9] == 17 && p[22] == 0 && p[23] == 67;
}

/* The answer, a whole IPv4 datagram of the returned length; 0: none is due (no
 * DHCPINFORM, not from this client, malformed). */
size_t inform_answer(const uint8_t *datagram, size_t len, const struct inform_facts *facts,
                     uint8_t *out, size_t size);

#endif
