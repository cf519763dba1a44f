/* inner6.c - what an IPv6 client asks of its router.
 *
 * Knows:  router and neighbour discovery on a link of two, DHCPv6 as a server
 *         whose bindings are what the session has: nothing is kept here.
 * Leaves: where networks come from, when to advertise, and sending.
 */
#include "session/inner6.h"

#include <string.h>
#include <adit/bytes.h>

#define HEAD    40u             /* IPv6 header */
#define UDP     17u
#define ICMP6   58u
#define CLIENT_PORT 546u
#define SERVER_PORT 547u

enum { ND_RS = 133, ND_RA = 134, ND_NS = 135, ND_NA = 136 };
enum { NDO_PREFIX = 3, NDO_MTU = 5, NDO_RDNSS = 25, NDO_DNSSL = 31 };
enum { D6_SOLICIT = 1, D6_ADVERTISE, D6_REQUEST, D6_CONFIRM, D6_RENEW, D6_REBIND, D6_REPLY,
       D6_RELEASE, D6_DECLINE, D6_INFORMATION = 11 };
enum { D6O_CLIENT = 1, D6O_SERVER = 2, D6O_NA = 3, D6O_ADDRESS = 5, D6O_WANTED = 6, D6O_STATUS = 13,
       D6O_RAPID = 14, D6O_DNS = 23, D6O_DOMAINS = 24, D6O_PD = 25, D6O_PREFIX = 26 };
enum { STATUS_OK = 0, STATUS_NO_ADDRESS = 2, STATUS_NO_BINDING = 3, STATUS_NOT_ON_LINK = 4,
       STATUS_NO_PREFIX = 6 };

static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
static const uint8_t unspecified[16];

static void put_ll(uint8_t out[16], uint64_t ifid)
{
    struct wr w = wr_of(out, 16);
    wr_u64(&w, UINT64_C(0xfe80) << 48);
    wr_u64(&w, ifid);
}

static bool has(const struct adit_addr *a) { return a->family == ADIT_AF_IPV6; }

/* ---- whole datagrams -------------------------------------------------------------------- */

static uint16_t sum_of(const uint8_t *datagram, size_t len)
{
    uint32_t sum = datagram[6] + (uint32_t)(len - HEAD);
    for (size_t i = 8; i < len; i++)    /* both addresses and the payload: RFC 8200 section 8.1 */
        sum += i & 1 ? datagram[i] : (uint32_t)datagram[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Header and, behind it, room for what next_header begins with. */
static struct wr begin(uint8_t *out, size_t size, uint8_t next_header, const struct inner6_facts *f,
                       const uint8_t to[16])
{
    struct wr w = wr_of(out, size);
    uint8_t from[16];
    put_ll(from, f->our_ifid);
    wr_u32(&w, UINT32_C(6) << 28);
    wr_u16(&w, 0);
    wr_u8(&w, next_header);
    wr_u8(&w, 255);             /* who hears it knows that it was sent on this link */
    wr_bytes(&w, from, 16);
    wr_bytes(&w, to, 16);
    return w;
}

/* Lengths and the checksum, `sum_at` octets into the payload. */
static size_t finish(struct wr *w, uint8_t *out, size_t sum_at)
{
    if (!wr_ok(w))
        return 0;
    size_t n = wr_len(w), payload = n - HEAD;
    memcpy(out + 4, (uint8_t[]){ (uint8_t)(payload >> 8), (uint8_t)payload }, 2);
    if (out[6] == UDP)
        memcpy(out + HEAD + 4, out + 4, 2);
    uint16_t sum = sum_of(out, n);
    if (!sum && out[6] == UDP)
        sum = 0xffff;
    memcpy(out + HEAD + sum_at, (uint8_t[]){ (uint8_t)(sum >> 8), (uint8_t)sum }, 2);
    return n;
}

/* ---- neighbour discovery ---------------------------------------------------------------- */

/* A name as DNS writes it; false: it is none. */
static bool put_name(struct wr *w, const char *name)
{
    size_t whole = strlen(name);
    if (!whole || whole > 253)
        return false;
    for (const char *label = name; *label;) {
        size_t n = strcspn(label, ".");
        if (!n || n > 63)
            return false;
        wr_u8(w, (uint8_t)n);
        wr_bytes(w, label, n);
        label += n + (label[n] == '.');
    }
    wr_u8(w, 0);
    return true;
}

size_t inner6_advertise(const struct inner6_facts *f, uint8_t *out, size_t size)
{
    uint8_t name[256];
    struct wr n = wr_of(name, sizeof name), w = begin(out, size, ICMP6, f, all_nodes);
    bool other = f->dns_count || has(&f->delegated);
    wr_u8(&w, ND_RA);
    wr_u8(&w, 0);
    wr_u16(&w, 0);
    wr_u8(&w, 64);
    wr_u8(&w, (uint8_t)((has(&f->address) ? 0x80 : 0) | (other ? 0x40 : 0)));
    /* RFC 4861 section 6.2.1: a router's lifetime is 9000 s at most */
    wr_u16(&w, (uint16_t)(f->lifetime_s < 9000 ? f->lifetime_s : 9000));
    wr_u32(&w, 0);
    wr_u32(&w, 0);
    if (f->mtu >= 1280) {
        wr_u8(&w, NDO_MTU);
        wr_u8(&w, 1);
        wr_u16(&w, 0);
        wr_u32(&w, f->mtu);
    }
    if (has(&f->prefix)) {
        wr_u8(&w, NDO_PREFIX);
        wr_u8(&w, 4);
        wr_u8(&w, f->prefix.prefix);
        /* autonomous where an interface identifier fits; never on-link: all of it is
         * the client's, and what is not its own address goes to the router */
        wr_u8(&w, f->prefix.prefix == 64 ? 0x40 : 0);
        wr_u32(&w, f->lifetime_s);
        wr_u32(&w, f->lifetime_s);
        wr_u32(&w, 0);
        wr_bytes(&w, f->prefix.ip, 16);
    }
    if (f->dns_count) {
        wr_u8(&w, NDO_RDNSS);
        wr_u8(&w, (uint8_t)(1 + 2 * f->dns_count));
        wr_u16(&w, 0);
        wr_u32(&w, f->lifetime_s);
        for (uint32_t i = 0; i < f->dns_count; i++)
            wr_bytes(&w, f->dns[i].ip, 16);
    }
    if (f->domain && put_name(&n, f->domain) && wr_ok(&n)) {
        size_t padded = (wr_len(&n) + 7) / 8 * 8;
        wr_u8(&w, NDO_DNSSL);
        wr_u8(&w, (uint8_t)(1 + padded / 8));
        wr_u16(&w, 0);
        wr_u32(&w, f->lifetime_s);
        wr_bytes(&w, name, wr_len(&n));
        wr_zero(&w, padded - wr_len(&n));
    }
    return finish(&w, out, 2);
}

/* ---- the client's half ------------------------------------------------------------------- */

struct adit_addr inner6_link(uint64_t ifid)
{
    struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = 64 };
    put_ll(a.ip, ifid);
    return a;
}

size_t inner6_solicit(uint64_t our_ifid, uint8_t *out, size_t size)
{
    static const uint8_t all_routers[16] = { 0xff, 0x02, [15] = 2 };
    struct inner6_facts f = { .our_ifid = our_ifid };
    struct wr w = begin(out, size, ICMP6, &f, all_routers);
    wr_u8(&w, ND_RS);
    wr_u8(&w, 0);
    wr_u16(&w, 0);
    wr_u32(&w, 0);
    return finish(&w, out, 2);
}

static void read_prefix(struct rd *v, uint64_t our_ifid, struct inner6_router *r)
{
    uint8_t prefix = rd_u8(v), flags = rd_u8(v);
    uint32_t valid = rd_u32(v), preferred = rd_u32(v);
    rd_skip(v, 4);
    const uint8_t *net = rd_bytes(v, 16);
    if (!rd_ok(v) || prefix != 64 || !(flags & 0x40) || !preferred || preferred > valid ||
        r->address.family || net[0] == 0xff || (net[0] == 0xfe && (net[1] & 0xc0) == 0x80))
        return;
    r->address = (struct adit_addr){ .family = ADIT_AF_IPV6, .prefix = 64 };
    memcpy(r->address.ip, net, 8);
    struct wr w = wr_of(r->address.ip + 8, 8);
    wr_u64(&w, our_ifid);
}

static void read_dns(struct rd *v, struct inner6_router *r)
{
    rd_skip(v, 2);
    bool now = rd_u32(v) != 0;
    while (rd_left(v) >= 16) {
        const uint8_t *ip = rd_bytes(v, 16);
        if (!now || r->dns_count == INNER6_DNS)
            continue;
        struct adit_addr *a = &r->dns[r->dns_count++];
        *a = (struct adit_addr){ .family = ADIT_AF_IPV6, .prefix = 128 };
        memcpy(a->ip, ip, 16);
    }
}

bool inner6_router(const uint8_t *p, size_t len, uint64_t our_ifid, struct inner6_router *out)
{
    struct inner6_router r = { .dns_count = 0 };
    if (len < HEAD + 16 || !inner6_is_advert(p, (uint32_t)len) || p[7] != 255 || p[41] != 0 ||
        (size_t)(p[4] << 8 | p[5]) != len - HEAD || p[8] != 0xfe || (p[9] & 0xc0) != 0x80 ||
        sum_of(p, len) != 0)
        return false;
    struct rd options = rd_of(p + HEAD + 16, len - HEAD - 16);
    while (rd_left(&options) > 0) {
        uint8_t type = rd_u8(&options), units = rd_u8(&options);
        if (!units)
            return false;
        struct rd v = rd_sub(&options, units * 8u - 2);
        if (type == NDO_PREFIX)
            read_prefix(&v, our_ifid, &r);
        else if (type == NDO_RDNSS)
            read_dns(&v, &r);
    }
    if (!rd_ok(&options) || !r.address.family)
        return false;
    *out = r;
    return true;
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* Whoever asks for our link-local address hears of it (RFC 4861 section 7.2.4); a
 * client that tests an address of its own hears nothing: it has it. */
static size_t neighbour(const uint8_t *p, size_t len, const struct inner6_facts *f, uint8_t *out,
                        size_t size)
{
    uint8_t ours[16];
    put_ll(ours, f->our_ifid);
    if (len < HEAD + 24 || memcmp(p + HEAD + 8, ours, 16) != 0)
        return 0;
    bool testing = !memcmp(p + 8, unspecified, 16);
    struct wr w = begin(out, size, ICMP6, f, testing ? all_nodes : p + 8);
    wr_u8(&w, ND_NA);
    wr_u8(&w, 0);
    wr_u16(&w, 0);
    wr_u32(&w, 0x80000000u | (testing ? 0 : 0x40000000u) | 0x20000000u);        /* router, solicited, override */
    wr_bytes(&w, ours, 16);
    return finish(&w, out, 2);
}

/* ---- DHCPv6 ------------------------------------------------------------------------------ */

struct asked {
    uint8_t type;
    uint32_t xid;
    const uint8_t *client, *server;
    size_t client_len, server_len;
    bool rapid, listed, dns, domain;
    bool other_address;         /* an IA_NA names an address that is not the client's */
    bool names_address;
    struct {
        bool pd;
        uint32_t iaid;
    } ia[8];
    uint32_t ia_count;
};

/* Our name as a server: DUID-LL (RFC 8415 section 11.4) of the interface identifier. */
static void put_duid(struct wr *w, uint64_t ifid)
{
    wr_u16(w, 3);
    wr_u16(w, 27);              /* EUI-64 */
    wr_u64(w, ifid);
}

static bool read_ia(struct asked *a, struct rd *v, bool pd, const struct inner6_facts *f)
{
    uint32_t iaid = rd_u32(v);
    rd_skip(v, 8);
    while (rd_left(v)) {
        uint16_t code = rd_u16(v);
        struct rd o = rd_sub(v, rd_u16(v));
        if (code != D6O_ADDRESS || pd)
            continue;
        const uint8_t *ip = rd_bytes(&o, 16);
        a->names_address = true;
        if (!ip || !has(&f->address) || memcmp(ip, f->address.ip, 16) != 0)
            a->other_address = true;
    }
    if (!rd_ok(v))
        return false;
    if (a->ia_count < sizeof a->ia / sizeof a->ia[0]) {
        a->ia[a->ia_count].pd = pd;
        a->ia[a->ia_count++].iaid = iaid;
    }
    return true;
}

static bool read_dhcp(struct asked *a, struct rd d, const struct inner6_facts *f)
{
    uint32_t head = rd_u32(&d);
    a->type = (uint8_t)(head >> 24);
    a->xid = head & 0xffffff;
    while (rd_left(&d)) {
        uint16_t code = rd_u16(&d);
        struct rd v = rd_sub(&d, rd_u16(&d));
        switch (code) {
        case D6O_CLIENT:
            a->client = rd_rest(&v, &a->client_len);
            break;
        case D6O_SERVER:
            a->server = rd_rest(&v, &a->server_len);
            break;
        case D6O_RAPID:
            a->rapid = true;
            break;
        case D6O_WANTED:
            a->listed = true;
            while (rd_left(&v)) {
                uint16_t what = rd_u16(&v);
                a->dns = a->dns || what == D6O_DNS;
                a->domain = a->domain || what == D6O_DOMAINS;
            }
            break;
        case D6O_NA:
        case D6O_PD:
            if (!read_ia(a, &v, code == D6O_PD, f))
                return false;
            break;
        default:
            break;
        }
    }
    return rd_ok(&d) && a->client_len <= 130;
}

static bool for_us(const struct asked *a, const struct inner6_facts *f)
{
    uint8_t duid[12];
    struct wr w = wr_of(duid, sizeof duid);
    put_duid(&w, f->our_ifid);
    return a->server_len == sizeof duid && !memcmp(a->server, duid, sizeof duid);
}

/* Whether RFC 8415 section 16 lets a server take it. */
static bool valid(const struct asked *a, const struct inner6_facts *f)
{
    switch (a->type) {
    case D6_SOLICIT:
    case D6_CONFIRM:
    case D6_REBIND:
        return a->client_len && !a->server;
    case D6_REQUEST:
    case D6_RENEW:
    case D6_RELEASE:
    case D6_DECLINE:
        return a->client_len && for_us(a, f);
    case D6_INFORMATION:
        return (!a->server || for_us(a, f)) && !a->ia_count;
    default:
        return false;
    }
}

static void put_status(struct wr *w, uint16_t status)
{
    wr_u16(w, D6O_STATUS);
    wr_u16(w, 2);
    wr_u16(w, status);
}

static void put_ia(struct wr *w, const struct inner6_facts *f, bool pd, uint32_t iaid, bool first)
{
    const struct adit_addr *a = pd ? &f->delegated : &f->address;
    wr_u16(w, pd ? D6O_PD : D6O_NA);
    struct wr_mark ia = wr_open16(w, 2);
    wr_u32(w, iaid);
    bool given = first && has(a);
    wr_u32(w, given ? f->lifetime_s / 2 : 0);
    wr_u32(w, given ? f->lifetime_s / 5 * 4 : 0);
    if (!given) {
        put_status(w, pd ? STATUS_NO_PREFIX : STATUS_NO_ADDRESS);
    } else {
        wr_u16(w, pd ? D6O_PREFIX : D6O_ADDRESS);
        struct wr_mark at = wr_open16(w, 2);
        if (!pd)
            wr_bytes(w, a->ip, 16);
        wr_u32(w, f->lifetime_s);
        wr_u32(w, f->lifetime_s);
        if (pd) {
            wr_u8(w, a->prefix);
            wr_bytes(w, a->ip, 16);
        }
        wr_close16(w, at);
    }
    wr_close16(w, ia);
}

static size_t dhcp(const uint8_t *p, size_t len, const struct inner6_facts *f, uint8_t *out, size_t size)
{
    struct asked a = { 0 };
    struct rd r = rd_of(p + HEAD, len - HEAD);
    rd_skip(&r, 4);
    uint16_t udp_len = rd_u16(&r);
    rd_skip(&r, 2);
    if (udp_len < 8 || (size_t)udp_len > len - HEAD || !read_dhcp(&a, rd_sub(&r, udp_len - 8u), f) ||
        !valid(&a, f))
        return 0;
    if (a.type == D6_CONFIRM && !a.names_address)
        return 0;               /* RFC 8415 section 18.3.3 */

    struct wr w = begin(out, size, UDP, f, p + 8);
    wr_u16(&w, SERVER_PORT);
    wr_u16(&w, CLIENT_PORT);
    wr_u32(&w, 0);
    bool offer = a.type == D6_SOLICIT && !a.rapid;
    wr_u32(&w, (uint32_t)(offer ? D6_ADVERTISE : D6_REPLY) << 24 | a.xid);
    if (a.client_len) {
        wr_u16(&w, D6O_CLIENT);
        wr_u16(&w, (uint16_t)a.client_len);
        wr_bytes(&w, a.client, a.client_len);
    }
    wr_u16(&w, D6O_SERVER);
    struct wr_mark server = wr_open16(&w, 2);
    put_duid(&w, f->our_ifid);
    wr_close16(&w, server);
    if (a.type == D6_SOLICIT && a.rapid)
        wr_u32(&w, (uint32_t)D6O_RAPID << 16);
    if (a.type == D6_CONFIRM)
        put_status(&w, a.other_address ? STATUS_NOT_ON_LINK : STATUS_OK);
    else if (a.type == D6_RELEASE || a.type == D6_DECLINE)
        put_status(&w, STATUS_OK);      /* it stays the session's, whatever the client does with it */
    bool na = true, pd = true;
    for (uint32_t i = 0; i < a.ia_count && a.type != D6_CONFIRM && a.type != D6_RELEASE &&
                         a.type != D6_DECLINE; i++) {
        bool *first = a.ia[i].pd ? &pd : &na;
        put_ia(&w, f, a.ia[i].pd, a.ia[i].iaid, *first);
        *first = false;
    }
    if (f->dns_count && (a.dns || !a.listed)) {
        wr_u16(&w, D6O_DNS);
        wr_u16(&w, (uint16_t)(16 * f->dns_count));
        for (uint32_t i = 0; i < f->dns_count; i++)
            wr_bytes(&w, f->dns[i].ip, 16);
    }
    uint8_t name[256];
    struct wr n = wr_of(name, sizeof name);
    if (f->domain && (a.domain || !a.listed) && put_name(&n, f->domain) && wr_ok(&n)) {
        wr_u16(&w, D6O_DOMAINS);
        wr_u16(&w, (uint16_t)wr_len(&n));
        wr_bytes(&w, name, wr_len(&n));
    }
    return finish(&w, out, 6);
}

/* ---- what came ---------------------------------------------------------------------------- */

size_t inner6_answer(const uint8_t *p, size_t len, const struct inner6_facts *f, uint8_t *out,
                     size_t size)
{
    if (len < HEAD + 8 || p[0] >> 4 != 6)
        return 0;
    size_t payload = (size_t)p[4] << 8 | p[5];
    if (payload < 8 || payload > len - HEAD)
        return 0;
    len = HEAD + payload;
    bool link_local = p[8] == 0xfe && (p[9] & 0xc0) == 0x80;
    if (sum_of(p, len) != 0)
        return 0;
    if (p[6] == UDP)
        return link_local ? dhcp(p, len, f, out, size) : 0;
    if (p[6] != ICMP6 || p[7] != 255 || p[HEAD + 1] != 0 ||
        !(link_local || !memcmp(p + 8, unspecified, 16)))
        return 0;
    if (p[HEAD] == ND_RS)
        return inner6_advertise(f, out, size);
    return p[HEAD] == ND_NS ? neighbour(p, len, f, out, size) : 0;
}
