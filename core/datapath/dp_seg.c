/* dp_seg.c - cutting: super-packets into packets, IPv4 packets into fragments.
 *
 * Knows:  which header fields differ from segment to segment.
 * Leaves: where packets come from and go to.
 */
#include "datapath/dp_pkt.h"
#include <netinet/in.h>

bool dp_arena_frame(struct dp_arena *a, size_t len, struct adit_frame *f)
{
    size_t need = DP_ARENA_OF(len);
    if ((size_t)(a->end - a->at) < need)
        return false;
    *f = adit_frame_of(a->at, need, ADIT_ROOM, len);
    a->at += need;
    return true;
}

/* What dp_seg() knows of a super-packet before it cuts. */
struct cut {
    const uint8_t *p;
    struct dp_hdr h;
    uint32_t head;              /* bytes before the payload */
    uint32_t payload, size;     /* payload bytes: all, and of one segment */
    /* sums of what is the same in every segment; the rest is added, since to
     * read words back that were just written in bytes would stall */
    uint64_t ip_sum;            /* IPv4 header without length, identification, checksum */
    uint64_t l4_sum;            /* pseudo header without length; transport header without
                                 * sequence, flags, length and checksum */
};

static int cut_of(struct cut *c, const uint8_t *p, size_t len, const struct virtio_net_hdr *vh,
                  uint32_t mtu)
{
    unsigned type = vh->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    uint8_t proto = type == VIRTIO_NET_HDR_GSO_UDP_L4 ? IPPROTO_UDP : IPPROTO_TCP;
    if (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6 &&
        type != VIRTIO_NET_HDR_GSO_UDP_L4)
        return ADIT_EPROTO;
    if (!dp_parse(p, len, &c->h) || c->h.frag || c->h.proto != proto || vh->gso_size == 0)
        return ADIT_EPROTO;
    if ((type == VIRTIO_NET_HDR_GSO_TCPV4 && c->h.version != 4) ||
        (type == VIRTIO_NET_HDR_GSO_TCPV6 && c->h.version != 6))
        return ADIT_EPROTO;
    uint32_t n = c->h.len - c->h.l4, l4 = 8;
    if (proto == IPPROTO_TCP) {
        if (n < 20)
            return ADIT_EPROTO;
        l4 = (p[c->h.l4 + 12] >> 4) * 4u;
        if (l4 < 20)
            return ADIT_EPROTO;
    }
    if (l4 > n)
        return ADIT_EPROTO;
    c->p = p;
    c->head = c->h.l4 + l4;
    c->payload = n - l4;
    c->size = vh->gso_size;
    /* a stream may be cut smaller than the sender thought: nothing is lost
     * where this session's MTU is below that of the interface */
    if (proto == IPPROTO_TCP && mtu > c->head && c->size > mtu - c->head)
        c->size = mtu - c->head;
    uint8_t head[60];
    if (c->h.version == 4) {
        memcpy(head, p, c->h.l4);
        memset(head + 2, 0, 4);
        memset(head + 10, 0, 2);
        c->ip_sum = dp_sum_plain(head, c->h.l4);
    }
    memcpy(head, p + c->h.l4, l4);
    if (proto == IPPROTO_TCP) {
        memset(head + 4, 0, 4);
        memset(head + 12, 0, 2);
        memset(head + 16, 0, 2);
    } else {
        memset(head + 4, 0, 4);
    }
    c->l4_sum = dp_sum_pseudo(p, c->h.version, proto, 0) + dp_sum_plain(head, l4);
    return 0;
}

static void put_check(uint8_t *at, uint64_t sum, bool none_is_ones)
{
    uint16_t c = (uint16_t)~dp_fold(sum);
    if (c == 0 && none_is_ones)
        c = 0xffff;
    memcpy(at, &c, 2);
}

static void cut_one(const struct cut *c, uint8_t *d, uint32_t i, uint32_t off, uint32_t n, bool last)
{
    const uint8_t *p = c->p, *payload = p + c->head + off;
    uint32_t l4_len = c->head - c->h.l4 + n;
    memcpy(d, p, c->head);
    memcpy(d + c->head, payload, n);
    if (c->h.version == 4) {
        uint16_t len = htons((uint16_t)(c->head + n)), id = htons((uint16_t)(dp_get16(p + 4) + i));
        memcpy(d + 2, &len, 2);
        memcpy(d + 4, &id, 2);
        put_check(d + 10, c->ip_sum + len + id, false);
    } else {
        dp_put16(d + 4, c->head + n - DP_IP6_MIN);
    }
    const uint8_t *from = p + c->h.l4;
    uint8_t *t = d + c->h.l4;
    uint64_t sum = c->l4_sum + htons((uint16_t)l4_len) + dp_sum(payload, n);
    if (c->h.proto == IPPROTO_TCP) {
        uint32_t seq = htonl(dp_get32(from + 4) + off), flags = dp_get16(from + 12);
        if (!last)
            flags &= ~(DP_TCP_FIN | DP_TCP_PSH);
        if (i)                  /* RFC 3168 section 6.1.2: said once */
            flags &= ~DP_TCP_CWR;
        uint16_t word = htons((uint16_t)flags);
        memcpy(t + 4, &seq, 4);
        memcpy(t + 12, &word, 2);
        put_check(t + 16, sum + seq + word, false);
    } else {
        uint16_t len = htons((uint16_t)l4_len);
        memcpy(t + 4, &len, 2);
        put_check(t + 6, sum + len, true);
    }
}

int dp_seg(const uint8_t *p, size_t len, const struct virtio_net_hdr *vh, uint32_t mtu,
           struct dp_arena *a, struct adit_frame *f, uint32_t max)
{
    struct cut c;
    int err = cut_of(&c, p, len, vh, mtu);
    if (err)
        return err;
    uint32_t segs = c.payload ? (c.payload + c.size - 1) / c.size : 1;
    size_t stride = DP_ARENA_OF(c.head + (segs > 1 ? c.size : c.payload));
    if (segs > max || (size_t)(a->end - a->at) / stride < segs)
        return ADIT_ENOSPC;
    for (uint32_t i = 0, off = 0; i < segs; i++, off += c.size) {
        uint32_t n = c.payload - off < c.size ? c.payload - off : c.size;
        f[i] = adit_frame_of(a->at, stride, ADIT_ROOM, c.head + n);
        cut_one(&c, f[i].data, i, off, n, i + 1 == segs);
        a->at += stride;
    }
    return (int)segs;
}

/* Options of a fragment that is not the first: those without the copied bit
 * become no-operations (RFC 791 section 3.1), so that the length stays. */
static void frag_options(uint8_t *ip, uint32_t ihl)
{
    for (uint32_t i = DP_IP4_MIN; i < ihl;) {
        if (ip[i] == 0)
            return;
        if (ip[i] == 1) {
            i++;
            continue;
        }
        uint32_t n = i + 1 < ihl ? ip[i + 1] : 0;
        if (n < 2 || n > ihl - i)
            n = ihl - i;        /* nonsense: blank the rest */
        if (!(ip[i] & 0x80u) || n == ihl - i)
            memset(ip + i, 1, n);
        i += n;
    }
}

int dp_frag(const uint8_t *p, size_t len, uint32_t mtu, struct dp_arena *a,
            struct adit_frame *f, uint32_t max)
{
    struct dp_hdr h;
    if (!dp_parse(p, len, &h) || h.version != 4 || dp_get16(p + 6) & 0x4000u ||
        mtu < h.l4 + 8u)
        return ADIT_EPROTO;
    uint32_t field = dp_get16(p + 6), payload = h.len - h.l4, size = (mtu - h.l4) & ~7u;
    uint32_t n = 0;
    if ((field & 0x1fffu) * 8u + payload > 0xffffu)
        return ADIT_EPROTO;
    for (uint32_t off = 0; off < payload; off += size, n++) {
        uint32_t part = payload - off < size ? payload - off : size;
        if (n == max || !dp_arena_frame(a, h.l4 + part, &f[n]))
            return ADIT_ENOSPC;
        uint8_t *d = f[n].data;
        memcpy(d, p, h.l4);
        memcpy(d + h.l4, p + h.l4 + off, part);
        if (off)
            frag_options(d, h.l4);
        dp_put16(d + 2, h.l4 + part);
        dp_put16(d + 6, (field + off / 8u) | (off + part < payload ? 0x2000u : 0));
        dp_ip4_check(d);
    }
    return (int)n;
}

/* ICMP errors are not answered with one, nor are fragments but the first
 * (RFC 1122 section 3.2.2, RFC 4443 section 2.4). */
static bool answerable(const uint8_t *p, const struct dp_hdr *h)
{
    if (h->version == 4) {
        if (dp_get16(p + 6) & 0x1fffu || p[16] >= 224 || p[12] >= 224 || p[12] == 0)
            return false;
        return h->proto != IPPROTO_ICMP || (h->len > h->l4 && (p[h->l4] == 8 || p[h->l4] == 0));
    }
    if (p[24] == 0xff || p[8] == 0xff)
        return false;
    return h->proto != IPPROTO_ICMPV6 || (h->len > h->l4 && p[h->l4] >= 128);
}

size_t dp_too_big(const uint8_t *p, const struct dp_hdr *h, uint32_t mtu, uint8_t *out)
{
    if (!answerable(p, h))
        return 0;
    if (h->version == 4) {
        uint32_t quote = h->len < 548 ? h->len : 548;   /* 576 in all, RFC 1812 section 4.3.2.3 */
        memset(out, 0, 28);
        out[0] = 0x45;
        out[1] = 0xc0;
        dp_put16(out + 2, 28 + quote);
        out[8] = 64;
        out[9] = IPPROTO_ICMP;
        memcpy(out + 12, p + 16, 4);
        memcpy(out + 16, p + 12, 4);
        dp_ip4_check(out);
        out[20] = 3;
        out[21] = 4;
        dp_put16(out + 26, mtu);
        memcpy(out + 28, p, quote);
        uint16_t c = (uint16_t)~dp_fold(dp_sum(out + 20, 8 + quote));
        memcpy(out + 22, &c, 2);
        return 28 + quote;
    }
    uint32_t quote = h->len < 1232 ? h->len : 1232;     /* 1280 in all, RFC 4443 section 3.2 */
    memset(out, 0, 48);
    out[0] = 0x60;
    dp_put16(out + 4, 8 + quote);
    out[6] = IPPROTO_ICMPV6;
    out[7] = 64;
    memcpy(out + 8, p + 24, 16);
    memcpy(out + 24, p + 8, 16);
    out[40] = 2;
    dp_put32(out + 44, mtu);
    memcpy(out + 48, p, quote);
    uint16_t c = (uint16_t)~dp_fold(dp_sum_pseudo(out, 6, IPPROTO_ICMPV6, 8 + quote) +
                                    dp_sum(out + 40, 8 + quote));
    memcpy(out + 42, &c, 2);
    return 48 + quote;
}
