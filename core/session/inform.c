/* inform.c - answering a client's DHCPINFORM.
 *
 * Knows:  DHCP as far as DHCPINFORM and DHCPACK (RFC 2131, 2132, 3442).
 * Leaves: who the client is, and sending.
 */
#include "session/inform.h"

#include <string.h>
#include <adit/bytes.h>

#define DHCP_COOKIE 0x63825363u
#define DHCPACK 5
#define DHCPINFORM 8

enum { OPT_MASK = 1, OPT_DNS = 6, OPT_DOMAIN = 15, OPT_WINS = 44, OPT_TYPE = 53, OPT_SERVER = 54,
       OPT_WANTED = 55, OPT_ROUTES = 121, OPT_MS_ROUTES = 249, OPT_PAD = 0, OPT_END = 255 };

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (; len > 1; p += 2, len -= 2)
        sum += (uint32_t)(p[0] << 8 | p[1]);
    return len ? sum + (uint32_t)(p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void option(struct wr *w, uint8_t code, const void *p, size_t len)
{
    if (!len || len > 255)
        return;
    wr_u8(w, code);
    wr_u8(w, (uint8_t)len);
    wr_bytes(w, p, len);
}

static void addresses(struct wr *w, uint8_t code, const struct adit_addr a[2])
{
    uint8_t both[8];
    size_t n = 0;
    for (int i = 0; i < 2; i++)
        if (a[i].family == ADIT_AF_IPV4) {
            memcpy(both + n, a[i].ip, 4);
            n += 4;
        }
    option(w, code, both, n);
}

/* RFC 3442: prefix length, its significant octets, router. */
static void routes(struct wr *w, uint8_t code, const struct inform_facts *f)
{
    uint8_t all[255];
    struct wr r = wr_of(all, sizeof all);
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct adit_addr *a = &f->routes[i];
        size_t octets = (a->prefix + 7u) / 8;
        if (a->family != ADIT_AF_IPV4 || octets > 4 || wr_len(&r) + 1 + octets + 4 > sizeof all)
            continue;           /* what does not fit one option is not told */
        wr_u8(&r, a->prefix);
        wr_bytes(&r, a->ip, octets);
        wr_bytes(&r, f->server.ip, 4);
    }
    option(w, code, all, wr_len(&r));
}

size_t inform_answer(const uint8_t *p, size_t len, const struct inform_facts *f, uint8_t *out,
                     size_t size)
{
    struct rd ip = rd_of(p, len);
    uint8_t version = rd_u8(&ip);
    rd_skip(&ip, 1);
    uint16_t total = rd_u16(&ip);
    rd_skip(&ip, 2);
    uint16_t fragment = rd_u16(&ip);
    rd_skip(&ip, 4);
    const uint8_t *source = rd_bytes(&ip, 4);
    rd_skip(&ip, 4);
    if (!rd_ok(&ip) || version != 0x45 || total < 28 || total > len || (fragment & 0x3fff) ||
        memcmp(source, f->client.ip, 4) != 0)
        return 0;
    struct rd udp = rd_sub(&ip, total - 20u);
    rd_skip(&udp, 4);
    uint16_t udp_len = rd_u16(&udp);
    rd_skip(&udp, 2);
    if (udp_len < 8)
        return 0;
    struct rd d = rd_sub(&udp, udp_len - 8u);
    uint8_t op = rd_u8(&d), htype = rd_u8(&d), hlen = rd_u8(&d);
    rd_skip(&d, 1);
    uint32_t xid = rd_u32(&d);
    rd_skip(&d, 4);
    const uint8_t *ciaddr = rd_bytes(&d, 4);
    rd_skip(&d, 12);
    const uint8_t *chaddr = rd_bytes(&d, 16);
    rd_skip(&d, 64 + 128);
    uint32_t cookie = rd_u32(&d);
    if (!rd_ok(&d) || op != 1 || cookie != DHCP_COOKIE)
        return 0;

    uint8_t type = 0;
    bool wanted[256] = { false }, listed = false;
    while (rd_left(&d)) {
        uint8_t code = rd_u8(&d);
        if (code == OPT_PAD)
            continue;
        if (code == OPT_END)
            break;
        struct rd v = rd_sub(&d, rd_u8(&d));
        if (code == OPT_TYPE)
            type = rd_u8(&v);
        while (code == OPT_WANTED && rd_left(&v)) {
            wanted[rd_u8(&v)] = true;
            listed = true;
        }
    }
    if (!rd_ok(&d) || type != DHCPINFORM)
        return 0;

    struct wr w = wr_of(out, size);
    wr_u8(&w, 0x45);
    wr_u8(&w, 0);
    struct wr_mark ip_len = wr_open16(&w, -2);
    wr_u32(&w, 0);
    wr_u8(&w, 64);
    wr_u8(&w, 17);
    uint8_t *ip_sum = w.p;
    wr_u16(&w, 0);
    wr_bytes(&w, f->server.ip, 4);
    wr_bytes(&w, f->client.ip, 4);
    wr_u16(&w, 67);
    wr_u16(&w, 68);
    struct wr_mark udp_mark = wr_open16(&w, -4);
    uint8_t *udp_sum = w.p;
    wr_u16(&w, 0);
    wr_u8(&w, 2);               /* BOOTREPLY */
    wr_u8(&w, htype);
    wr_u8(&w, hlen);
    wr_u8(&w, 0);
    wr_u32(&w, xid);
    wr_u32(&w, 0);
    wr_bytes(&w, ciaddr, 4);
    wr_zero(&w, 12);
    wr_bytes(&w, chaddr, 16);
    wr_zero(&w, 64 + 128);
    wr_u32(&w, DHCP_COOKIE);
    option(&w, OPT_TYPE, &(uint8_t){ DHCPACK }, 1);
    option(&w, OPT_SERVER, f->server.ip, 4);
    if (!listed || wanted[OPT_MASK])
        option(&w, OPT_MASK, "\xff\xff\xff\xff", 4);
    if (!listed || wanted[OPT_DNS])
        addresses(&w, OPT_DNS, f->dns);
    if (!listed || wanted[OPT_WINS])
        addresses(&w, OPT_WINS, f->wins);
    if (f->domain && (!listed || wanted[OPT_DOMAIN]))
        option(&w, OPT_DOMAIN, f->domain, strlen(f->domain));
    if (!listed || wanted[OPT_ROUTES])
        routes(&w, OPT_ROUTES, f);
    if (wanted[OPT_MS_ROUTES])
        routes(&w, OPT_MS_ROUTES, f);
    wr_u8(&w, OPT_END);
    while (wr_ok(&w) && wr_len(&w) < 20 + 8 + 300)
        wr_u8(&w, OPT_PAD);     /* BOOTP's least size; some clients insist */
    wr_close16(&w, udp_mark);
    wr_close16(&w, ip_len);
    if (!wr_ok(&w))
        return 0;
    size_t n = wr_len(&w);
    uint16_t sum = fold(sum16(out, 20, 0));
    memcpy(ip_sum, (uint8_t[]){ (uint8_t)(sum >> 8), (uint8_t)sum }, 2);
    sum = fold(sum16(out + 20, n - 20, sum16(out + 12, 8, 17u + (uint32_t)(n - 20))));
    sum = sum ? sum : 0xffff;
    memcpy(udp_sum, (uint8_t[]){ (uint8_t)(sum >> 8), (uint8_t)sum }, 2);
    return n;
}
