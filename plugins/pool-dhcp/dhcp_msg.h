/* dhcp_msg.h - DHCP messages as a client behind a relay agent of its own writes and
 * reads them (RFC 2131, 2132, 3396, 3397, 3442, 3527). Bytes, no state.
 *
 *     n = dhcp_write(&(struct dhcp_say){ .type = DHCP_DISCOVER, .xid = x, ... }, buf, sizeof buf);
 *     if (dhcp_read(data, len, &heard) == NULL && heard.type == DHCP_OFFER) ...
 *
 * Addresses are numbers in host byte order.
 */
#ifndef DHCP_MSG_H
#define DHCP_MSG_H

#include <adit/bytes.h>

#define DHCP_PORT 67            /* of servers and of relay agents: ours too */
#define DHCP_SAY 1024           /* bytes that every message of ours fits */
#define DHCP_HEAR 1472u         /* and that we tell servers to keep to (option 57) */
#define DHCP_ADDRS 4u           /* DNS and WINS servers that are kept */
#define DHCP_ROUTES 64u
#define DHCP_NAME 256           /* a domain name with its NUL */
#define DHCP_ID 128             /* bytes of a client identifier, at most */
#define DHCP_HOST 64            /* a host name with its NUL */
#define DHCP_FOREVER 0xffffffffu

enum dhcp_type {
    DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE,
    DHCP_INFORM, DHCP_TYPES
};
const char *dhcp_type_name(uint8_t type);       /* "DHCPDISCOVER"; "?" */

/* A message of ours. Zero: the field is zero, the option is left out. */
struct dhcp_say {
    uint8_t type;
    uint8_t chaddr[6];
    uint16_t secs;
    uint32_t xid, ciaddr, giaddr;
    uint32_t requested;         /* option 50 */
    uint32_t server_id;         /* 54 */
    uint32_t link;              /* 82: the network to lease from (RFC 3527) */
    const uint8_t *client_id;   /* 61 */
    uint8_t client_id_len;
    const char *host;           /* 12 */
};
/* Bytes written; 0: no room. */
size_t dhcp_write(const struct dhcp_say *m, uint8_t *out, size_t size);

struct dhcp_route {
    uint32_t net;
    uint8_t prefix;
};

/* What comes with an address. */
struct dhcp_facts {
    uint32_t address;           /* yiaddr */
    uint32_t server_id;
    uint32_t lease_s;           /* DHCP_FOREVER: no end; 0: not told */
    uint32_t t1_s, t2_s;        /* as told, or as section 4.4.5 says */
    uint32_t mask;              /* 0: not told */
    uint8_t dns_count, wins_count, route_count;
    uint32_t dns[DHCP_ADDRS], wins[DHCP_ADDRS];
    struct dhcp_route routes[DHCP_ROUTES];
    char domain[DHCP_NAME];     /* "": none */
};

/* A message of a server. */
struct dhcp_heard {
    uint8_t type;
    uint8_t chaddr[6];
    uint32_t xid, giaddr;
    struct dhcp_facts facts;
    char text[65];              /* option 56, printable; "": none */
};
/* NULL, or what is wrong with it. */
const char *dhcp_read(const uint8_t *p, size_t len, struct dhcp_heard *out);

/* Whether both tell a client the same: everything but times and the server. */
bool dhcp_facts_equal(const struct dhcp_facts *a, const struct dhcp_facts *b);

/* The first name of a list of names as DNS writes them (RFC 3397); false: none. */
bool dhcp_search_first(const uint8_t *p, size_t len, char out[DHCP_NAME]);

#endif
