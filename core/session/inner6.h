/* inner6.h - what an IPv6 client asks of the router at the other end of its link:
 * router advertisements (RFC 4861, 4862, 8106) and DHCPv6 (RFC 8415), among them
 * the delegation of a network; and the client's half of the advertisements. Pure.
 *
 *     n = inner6_advertise(&facts, out, sizeof out);           // once it is up, and now and then
 *     if (inner6_is(f->data, f->len))
 *         n = inner6_answer(f->data, f->len, &facts, out, sizeof out);
 *
 *     n = inner6_solicit(our_ifid, out, sizeof out);           // as the client
 *     if (inner6_is_advert(f->data, f->len) && inner6_router(f->data, f->len, our_ifid, &router))
 */
#ifndef INNER6_H
#define INNER6_H

#include <stdbool.h>
#include <adit/abi.h>

#define INNER6_MAX 1200         /* bytes of what is sent, IPv6 header included */
#define INNER6_DNS 4u

struct inner6_facts {
    uint64_t our_ifid, peer_ifid;       /* of IPV6CP: the link-local addresses, host order */
    struct adit_addr prefix;    /* of the link, advertised for addresses of the client's own making; NONE: none */
    struct adit_addr address;   /* one address, by DHCPv6; NONE: none */
    struct adit_addr delegated; /* network that the client may delegate; NONE: none */
    struct adit_addr dns[INNER6_DNS];
    uint32_t dns_count;
    uint32_t mtu;
    uint32_t lifetime_s;        /* of all that is told; longer than from one advertisement to the next */
    const char *domain;         /* DNS suffix; NULL: none */
};

/* Whether an IPv6 datagram is for us as the router: quick, for the data path.
 * Router or neighbour solicitation, or UDP to port 547. */
static inline bool inner6_is(const uint8_t *p, uint32_t len)
{
    return len >= 48 && p[0] >> 4 == 6 &&
           ((p[6] == 58 && (p[40] == 133 || p[40] == 135)) ||
            (p[6] == 17 && p[42] == 2 && p[43] == 35));
}

static inline bool inner6_is_advert(const uint8_t *p, uint32_t len)
{
    return len >= 56 && p[0] >> 4 == 6 && p[6] == 58 && p[40] == 134;
}

/* What a router says, as far as a host takes it (RFC 4862 section 5.5.3, 8106). */
struct inner6_router {
    struct adit_addr address;   /* in the first /64 for addresses of our own making, with its prefix */
    struct adit_addr dns[INNER6_DNS];
    uint32_t dns_count;
};
size_t inner6_solicit(uint64_t our_ifid, uint8_t *out, size_t size);
/* False: it is no valid advertisement, or has no network for us. */
bool inner6_router(const uint8_t *datagram, size_t len, uint64_t our_ifid, struct inner6_router *out);
struct adit_addr inner6_link(uint64_t ifid);    /* the link-local address, /64 */

/* A router advertisement for everybody on the link; its length. */
size_t inner6_advertise(const struct inner6_facts *f, uint8_t *out, size_t size);
/* The answer, a whole datagram of the returned length; 0: none is due. */
size_t inner6_answer(const uint8_t *datagram, size_t len, const struct inner6_facts *f, uint8_t *out,
                     size_t size);

#endif
