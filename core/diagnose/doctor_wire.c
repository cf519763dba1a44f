/* doctor_wire.c - an IPv4 packet from the side, a ping, one question of DNS. Bytes alone. */
#include "diagnose/doctor_wire.h"

#define ICMP 1u
#define ECHO_REPLY 0u
#define ECHO_REQUEST 8u

bool doctor_wire_ip4(const uint8_t *p, size_t len, uint8_t proto, struct doctor_ip4 *ip, struct rd *inner)
{
    struct rd r = rd_of(p, len);
    uint8_t head = rd_u8(&r);
    rd_skip(&r, 1);
    uint16_t total = rd_u16(&r);
    rd_skip(&r, 2);
    uint16_t fragment = rd_u16(&r);
    rd_skip(&r, 1);
    uint8_t its = rd_u8(&r);
    rd_skip(&r, 2);
    rd_copy(&r, ip->from, 4);
    rd_copy(&r, ip->to, 4);
    size_t header = (size_t)(head & 15u) * 4;
    if (!rd_ok(&r) || head >> 4 != 4 || header < 20 || total < header || fragment & 0x3fffu || its != proto)
        return false;
    rd_skip(&r, header - 20);
    *inner = rd_sub(&r, total - header);
    return rd_ok(inner);
}

static uint16_t checksum(struct rd r)
{
    uint32_t sum = 0;
    while (rd_left(&r) > 1)
        sum += rd_u16(&r);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void doctor_wire_ping(const struct adit_addr *from, const struct adit_addr *to, uint16_t id, uint8_t out[DOCTOR_PING])
{
    uint8_t b[64];
    struct wr w = wr_of(b, sizeof b);
    wr_u16(&w, 0x4500);
    wr_u16(&w, DOCTOR_PING);
    wr_u32(&w, 0);
    wr_u8(&w, 8);               /* hops: it is near */
    wr_u8(&w, ICMP);
    wr_u16(&w, 0);              /* the kernel's, as the number of the packet */
    wr_bytes(&w, from->ip, 4);
    wr_bytes(&w, to->ip, 4);
    wr_u8(&w, ECHO_REQUEST);
    wr_u8(&w, 0);
    wr_u16(&w, 0);
    wr_u16(&w, id);
    wr_u16(&w, 1);
    wr_bytes(&w, "adit doctor.", 12);
    memcpy(out, b, DOCTOR_PING);
    uint16_t sum = checksum(rd_of(out + 20, DOCTOR_PING - 20));
    out[22] = (uint8_t)(sum >> 8);
    out[23] = (uint8_t)sum;
}

bool doctor_wire_pong(const uint8_t *p, size_t len, const struct adit_addr *from, const struct adit_addr *to,
                      uint16_t id)
{
    struct doctor_ip4 ip;
    struct rd r;
    if (!doctor_wire_ip4(p, len, ICMP, &ip, &r))
        return false;
    uint8_t type = rd_u8(&r);
    rd_skip(&r, 3);
    uint16_t its = rd_u16(&r);
    return rd_ok(&r) && type == ECHO_REPLY && its == id && !memcmp(ip.from, from->ip, 4) && !memcmp(ip.to, to->ip, 4);
}

void doctor_wire_dns(uint16_t id, uint8_t out[DOCTOR_DNS])
{
    uint8_t b[64];
    struct wr w = wr_of(b, sizeof b);
    wr_u16(&w, id);
    wr_u16(&w, 0x0100);         /* recursion desired */
    wr_u16(&w, 1);              /* one question */
    wr_zero(&w, 6);
    wr_u8(&w, 0);               /* ".": whoever resolves at all knows its servers */
    wr_u16(&w, 2);              /* NS */
    wr_u16(&w, 1);              /* IN */
    memcpy(out, b, DOCTOR_DNS);
}

bool doctor_wire_dns_answer(const uint8_t *p, size_t len, uint16_t id, uint32_t *rcode)
{
    struct rd r = rd_of(p, len);
    uint16_t its = rd_u16(&r), flags = rd_u16(&r);
    rd_skip(&r, 8);
    *rcode = flags & 15u;
    return rd_ok(&r) && its == id && flags & 0x8000u;
}
