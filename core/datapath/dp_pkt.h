/* dp_pkt.h - inner packets as bytes: headers, checksums, segments, coalescing.
 *
 *     struct dp_hdr h;
 *     if (dp_parse(pkt, len, &h) && h.proto == IPPROTO_TCP) ...
 *     n = dp_seg(pkt, len, &vnet, mtu, &arena, frames, max);
 *     dp_gro_add(g, pkt, &h); ... dp_gro_flush(g, emit, me);
 *
 * Knows:  IPv4, IPv6, TCP, UDP headers; the kernel's vnet header.
 * Leaves: descriptors, sessions, clocks: all of it is pure.
 */
#ifndef DP_PKT_H
#define DP_PKT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <linux/virtio_net.h>
#include <adit/frame.h>

/* newer than the headers of Debian 12; the numbers are the kernel's ABI */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define DP_IP4_MIN 20u
#define DP_IP6_MIN 40u

#define DP_TCP_FIN 0x01u
#define DP_TCP_SYN 0x02u
#define DP_TCP_RST 0x04u
#define DP_TCP_PSH 0x08u
#define DP_TCP_ACK 0x10u
#define DP_TCP_CWR 0x80u

static inline uint16_t dp_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t dp_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void dp_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void dp_put32(uint8_t *p, uint32_t v)
{
    dp_put16(p, v >> 16);
    dp_put16(p + 2, v);
}

/* ---- headers ---- */

struct dp_hdr {
    uint8_t version;            /* 4 or 6 */
    uint8_t proto;              /* what follows the IP header and its extensions */
    bool frag;                  /* a fragment: ports may be missing */
    bool plain;                 /* no IP options, no extension headers */
    uint16_t l4;                /* where the transport header begins */
    uint32_t len;               /* of the packet; what is behind it is padding */
};

/* False: not a whole IP packet. The transport header is not looked at, but
 * l4 <= len. */
bool dp_parse(const uint8_t *p, size_t len, struct dp_hdr *h);

/* ---- checksums: sums of 16-bit words in memory order, folded late ---- */

uint64_t dp_sum(const uint8_t *p, size_t n);
/* The slow twins of dp_sum(); the tests compare them. */
uint64_t dp_sum_plain(const uint8_t *p, size_t n);

static inline uint16_t dp_fold(uint64_t s)
{
    s = (s & 0xffffffffu) + (s >> 32);
    s = (s & 0xffffffffu) + (s >> 32);
    s = (s & 0xffffu) + (s >> 16);
    s = (s & 0xffffu) + (s >> 16);
    s = (s & 0xffffu) + (s >> 16);
    return (uint16_t)s;
}
/* of the addresses, protocol and length of a packet */
uint64_t dp_sum_pseudo(const uint8_t *ip, unsigned version, uint8_t proto, uint32_t l4_len);
void dp_ip4_check(uint8_t *ip);                 /* writes the header checksum */
/* The TCP or UDP checksum is right (a UDP checksum of 0 counts as wrong). */
bool dp_l4_ok(const uint8_t *p, const struct dp_hdr *h);
/* Finishes a partial checksum as a vnet header describes it; false: the
 * header points outside. */
bool dp_csum_finish(uint8_t *p, size_t len, uint32_t start, uint32_t offset);
/* Puts a 16-bit word and corrects a checksum that covers it (RFC 1624). */
void dp_put16_fix(uint8_t *at, uint16_t v, uint8_t *check);

/* Lowers the MSS option of a SYN to `mtu` less the headers; `fix`: the checksum
 * is whole and is corrected. True when it changed something. */
bool dp_mss_clamp(uint8_t *p, const struct dp_hdr *h, uint32_t mtu, bool fix);

/* ---- cutting: dp_seg.c ---- */

/* Where segments are built: each with ADIT_ROOM on both sides. */
struct dp_arena {
    uint8_t *at, *end;
};
/* Bytes that a frame of `len` takes of an arena. */
#define DP_ARENA_OF(len) (((size_t)(len) + 2u * ADIT_ROOM + 15u) & ~(size_t)15u)
/* The next frame of `len` bytes from the arena; false: it is full. */
bool dp_arena_frame(struct dp_arena *a, size_t len, struct adit_frame *f);

/* Cuts a super-packet (TCP or UDP) into packets of at most `mtu` bytes (TCP; 0:
 * as the header says) at a constant stride. The frames in order; returns how
 * many, ADIT_EPROTO: header and packet do not fit together, ADIT_ENOSPC. The
 * packet is left as it was. */
int dp_seg(const uint8_t *p, size_t len, const struct virtio_net_hdr *vh, uint32_t mtu,
           struct dp_arena *a, struct adit_frame *f, uint32_t max);
/* Fragments an IPv4 packet (RFC 791 section 3.2); ADIT_EPROTO: DF is set or
 * it is no whole packet. */
int dp_frag(const uint8_t *p, size_t len, uint32_t mtu, struct dp_arena *a,
            struct adit_frame *f, uint32_t max);
/* Writes the answer to a packet that is longer than `mtu`: ICMP fragmentation
 * needed (RFC 1191) or ICMPv6 packet too big (RFC 8201). It comes from the
 * packet's destination, since the host takes no packet from its own address
 * on an interface. `out` has 1280 bytes; 0: such a packet is not answered. */
size_t dp_too_big(const uint8_t *p, const struct dp_hdr *h, uint32_t mtu, uint8_t *out);

/* ---- coalescing: dp_gro.c ---- */

struct dp_gro;
/* What leaves: vnet header, packet, further payload; `packets` went in. */
typedef void (*dp_gro_emit)(void *u, const struct iovec *iov, int n, uint32_t packets);

struct dp_gro *dp_gro_new(bool tcp, bool udp);  /* what may be coalesced; NULL: no memory */
void dp_gro_free(struct dp_gro *g);
/* Takes a packet; its bytes stay until dp_gro_flush() and may be changed.
 * False: full, nothing was taken: flush and come again. */
bool dp_gro_add(struct dp_gro *g, uint8_t *p, const struct dp_hdr *h);
bool dp_gro_empty(const struct dp_gro *g);
/* Gives everything in the order in which it came, flow by flow. */
void dp_gro_flush(struct dp_gro *g, dp_gro_emit emit, void *u);

#endif
