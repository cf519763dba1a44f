/* test_dp_pkt.c - inner packets: headers, checksums, cutting, coalescing.
 *
 * Checksums are judged by slow_ok(), which shares no line with the code. */
#include <netinet/in.h>
#include "datapath/dp_pkt.h"
#include "unit.h"

/* ---- an independent judge ---- */

static uint32_t slow_words(const uint8_t *p, size_t n, uint32_t s)
{
    for (size_t i = 0; i < n; i++) {
        s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        while (s > 0xffff)
            s = s - 0x10000 + 1;
    }
    return s;
}

static bool slow_ok(const uint8_t *p, size_t len)
{
    size_t l4 = 40;
    uint32_t s = 0;
    uint8_t proto = p[6];
    if (p[0] >> 4 == 4) {
        l4 = (p[0] & 15u) * 4u;
        if (slow_words(p, l4, 0) != 0xffff || ((size_t)p[2] << 8 | p[3]) != len)
            return false;
        proto = p[9];
        s = slow_words(p + 12, 8, 0);
    } else {
        if (((size_t)p[4] << 8 | p[5]) + 40 != len)
            return false;
        s = slow_words(p + 8, 32, 0);
    }
    uint8_t tail[4] = { 0, proto, (uint8_t)((len - l4) >> 8), (uint8_t)(len - l4) };
    s = slow_words(tail, 4, s);
    return slow_words(p + l4, len - l4, s) == 0xffff;
}

/* ---- packets by hand ---- */

struct make {
    unsigned version, proto, flags;
    uint32_t payload, seq;
    uint16_t id;
    bool df, options;
    uint8_t fill;
};

static uint8_t pattern(uint32_t at, uint8_t fill) { return (uint8_t)(at * 7 + (at >> 8) + fill); }

static size_t make_packet(uint8_t *p, const struct make *m)
{
    size_t l4 = m->version == 4 ? 20 : 40;
    size_t th = m->proto == IPPROTO_UDP ? 8 : m->options ? 32 : 20;
    size_t len = l4 + th + m->payload;
    memset(p, 0, l4 + th);
    if (m->version == 4) {
        p[0] = 0x45;
        dp_put16(p + 2, (uint32_t)len);
        dp_put16(p + 4, m->id);
        p[6] = m->df ? 0x40 : 0;
        p[8] = 63;
        p[9] = (uint8_t)m->proto;
        memcpy(p + 12, "\x0a\x09\x00\x02\xc0\xa8\x01\x07", 8);
        uint32_t c = 0xffff - slow_words(p, 20, 0);
        dp_put16(p + 10, c);
    } else {
        p[0] = 0x60;
        dp_put16(p + 4, (uint32_t)(len - 40));
        p[6] = (uint8_t)m->proto;
        p[7] = 63;
        p[8] = 0xfd;
        p[23] = 1;
        p[24] = 0xfd;
        p[39] = 2;
    }
    uint8_t *t = p + l4;
    dp_put16(t, 40000);
    dp_put16(t + 2, 5001);
    if (m->proto == IPPROTO_TCP) {
        dp_put32(t + 4, m->seq);
        dp_put32(t + 8, 0x01020304);
        t[12] = (uint8_t)(th / 4 << 4);
        t[13] = (uint8_t)m->flags;
        dp_put16(t + 14, 8192);
        if (m->options)
            memcpy(t + 20, "\x01\x01\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88", 12);
    } else {
        dp_put16(t + 4, (uint32_t)(len - l4));
    }
    for (uint32_t i = 0; i < m->payload; i++)
        t[th + i] = pattern(m->seq + i, m->fill);
    uint8_t tail[4] = { 0, (uint8_t)m->proto, (uint8_t)((len - l4) >> 8), (uint8_t)(len - l4) };
    uint32_t s = m->version == 4 ? slow_words(p + 12, 8, 0) : slow_words(p + 8, 32, 0);
    s = slow_words(t, len - l4, slow_words(tail, 4, s));
    uint8_t *check = t + (m->proto == IPPROTO_UDP ? 6 : 16);
    dp_put16(check, s == 0xffff && m->proto == IPPROTO_UDP ? 0xffff : 0xffff - s);
    ck_assert(slow_ok(p, len));
    return len;
}

static struct virtio_net_hdr vnet_of(const struct make *m, unsigned size)
{
    struct virtio_net_hdr v;
    memset(&v, 0, sizeof v);
    v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    v.gso_type = m->proto == IPPROTO_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4
               : m->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    v.gso_size = (uint16_t)size;
    v.csum_start = m->version == 4 ? 20 : 40;
    v.csum_offset = m->proto == IPPROTO_UDP ? 6 : 16;
    return v;
}

static uint8_t big[70000], arena_mem[1 << 20];
static struct adit_frame frames[2048];

static struct dp_arena arena_all(void)
{
    return (struct dp_arena){ arena_mem, arena_mem + sizeof arena_mem };
}

/* ---- what coalescing gives ---- */

struct out {
    uint32_t n, packets[64];
    size_t len[64];
    struct virtio_net_hdr vh[64];
    uint8_t data[64][66000];
};
static struct out out;

static void take(void *u, const struct iovec *iov, int n, uint32_t packets)
{
    struct out *o = u;
    ck_assert_uint_lt(o->n, 64);
    ck_assert_uint_eq(iov[0].iov_len, sizeof(struct virtio_net_hdr));
    memcpy(&o->vh[o->n], iov[0].iov_base, sizeof(struct virtio_net_hdr));
    size_t at = 0;
    for (int i = 1; i < n; i++) {
        memcpy(o->data[o->n] + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    o->len[o->n] = at;
    o->packets[o->n++] = packets;
}

static void give(struct dp_gro *g, uint8_t *p, size_t len)
{
    struct dp_hdr h;
    ck_assert(dp_parse(p, len, &h));
    ck_assert(dp_gro_add(g, p, &h));
}

/* ---- tests ---- */

START_TEST(sums_agree)
{
    uint8_t buf[4096 + 16];
    for (size_t i = 0; i < sizeof buf; i++)
        buf[i] = (uint8_t)(rand() >> 4);
    for (size_t n = 0; n < 2100; n++) {
        for (size_t o = 0; o < 3; o++) {
            uint16_t a = dp_fold(dp_sum(buf + o, n)), b = dp_fold(dp_sum_plain(buf + o, n));
            uint8_t c[2];
            memcpy(c, &a, 2);
            ck_assert_uint_eq(a, b);
            ck_assert_uint_eq(dp_get16(c), slow_words(buf + o, n, 0));
        }
    }
    memset(buf, 0xff, sizeof buf);
    ck_assert_uint_eq(dp_fold(dp_sum(buf, 4096)), 0xffff);
}
END_TEST

START_TEST(every_truncation_is_read_or_refused)
{
    static const struct make m[] = {
        { 4, IPPROTO_TCP, DP_TCP_SYN, 30, 1, 1, true, true, 0 },
        { 6, IPPROTO_TCP, DP_TCP_ACK, 30, 1, 1, true, false, 0 },
        { 4, IPPROTO_UDP, 0, 9, 1, 1, false, false, 0 },
        { 6, IPPROTO_UDP, 0, 0, 1, 1, false, false, 0 },
    };
    for (size_t k = 0; k < 4; k++) {
        uint8_t p[200];
        size_t len = make_packet(p, &m[k]);
        struct virtio_net_hdr vh = vnet_of(&m[k], 8);
        for (size_t n = 0; n < len; n++) {
            struct dp_hdr h;
            uint8_t *cut = malloc(n ? n : 1);       /* so that a reader past it is seen */
            memcpy(cut, p, n);
            struct dp_arena a = arena_all();
            ck_assert(!dp_parse(cut, n, &h));
            ck_assert_int_lt(dp_seg(cut, n, &vh, 0, &a, frames, 2048), 0);
            ck_assert_int_lt(dp_frag(cut, n, 100, &a, frames, 2048), 0);
            /* the same with a length field that agrees */
            if (n >= 40) {
                dp_put16(cut + (m[k].version == 4 ? 2 : 4), (uint32_t)(m[k].version == 4 ? n : n - 40));
                struct dp_gro *g = dp_gro_new(true, true);
                ck_assert(dp_parse(cut, n, &h));
                ck_assert(dp_gro_add(g, cut, &h));
                out.n = 0;
                dp_gro_flush(g, take, &out);
                ck_assert_uint_eq(out.n, 1);
                dp_gro_free(g);
                (void)dp_mss_clamp(cut, &h, 576, true);
                (void)dp_seg(cut, n, &vh, 0, &a, frames, 2048);
                (void)dp_too_big(cut, &h, 1280, big);
            }
            free(cut);
        }
    }
}
END_TEST

static void check_segments(const struct make *m, unsigned size, uint32_t mtu)
{
    size_t len = make_packet(big, m), th = m->proto == IPPROTO_UDP ? 8 : m->options ? 32 : 20;
    size_t l4 = m->version == 4 ? 20 : 40, head = l4 + th;
    struct virtio_net_hdr vh = vnet_of(m, size);
    struct dp_arena a = arena_all();
    int n = dp_seg(big, len, &vh, mtu, &a, frames, 2048);
    uint32_t part = size;
    if (m->proto == IPPROTO_TCP && mtu && mtu - head < part)
        part = (uint32_t)(mtu - head);
    ck_assert_int_eq(n, (int)((m->payload + part - 1) / part));
    uint32_t at = 0;
    for (int i = 0; i < n; i++) {
        const struct adit_frame *f = &frames[i];
        const uint8_t *t = f->data + l4;
        bool last = i == n - 1;
        ck_assert(slow_ok(f->data, f->len));
        ck_assert_int_ge(f->data - f->room, ADIT_ROOM);
        ck_assert_int_ge(f->end - (f->data + f->len), ADIT_ROOM);
        if (i)      /* one stride: a vector that leaves as one message */
            ck_assert_ptr_eq(f->room, frames[0].room + i * (frames[1].room - frames[0].room));
        if (m->version == 4)
            ck_assert_uint_eq(dp_get16(f->data + 4), (uint16_t)(m->id + i));
        if (m->proto == IPPROTO_TCP) {
            ck_assert_uint_eq(dp_get32(t + 4), m->seq + at);
            unsigned want = m->flags;
            if (!last)
                want &= ~(DP_TCP_FIN | DP_TCP_PSH);
            if (i)
                want &= ~DP_TCP_CWR;
            ck_assert_uint_eq(t[13], want);
        } else {
            ck_assert_uint_eq(dp_get16(t + 4), f->len - l4);
            ck_assert_uint_ne(dp_get16(t + 6), 0);
        }
        for (uint32_t k = 0; k < f->len - head; k++, at++)
            ck_assert_uint_eq(f->data[head + k], pattern(m->seq + at, m->fill));
        ck_assert_uint_eq(f->len - head, last ? at - (uint32_t)i * part : part);
    }
    ck_assert_uint_eq(at, m->payload);
}

START_TEST(segments_are_exact)
{
    static const uint32_t payload[] = { 1, 1348, 1349, 2696, 20000, 65000 };
    for (unsigned version = 4; version <= 6; version += 2)
        for (size_t i = 0; i < 6; i++) {
            struct make m = { version, IPPROTO_TCP, DP_TCP_ACK | DP_TCP_PSH | DP_TCP_FIN | DP_TCP_CWR,
                              payload[i], 0xfffff000u, 0xfff8, true, i % 2 == 0, (uint8_t)i };
            check_segments(&m, 1348, 0);
            check_segments(&m, 536, 0);
            check_segments(&m, 1348, 1280);     /* cut smaller for a session of a lower MTU */
            m.proto = IPPROTO_UDP;
            check_segments(&m, 1200, 0);
        }
}
END_TEST

START_TEST(coalesce_of_segments_is_the_packet)
{
    struct dp_gro *g = dp_gro_new(true, true);
    for (int k = 0; k < 8; k++) {
        struct make m = { k & 1 ? 6 : 4, k & 2 ? IPPROTO_UDP : IPPROTO_TCP, DP_TCP_ACK | DP_TCP_PSH,
                          50001, 77, 9, k & 4, k & 4, (uint8_t)k };
        size_t len = make_packet(big, &m);
        struct virtio_net_hdr vh = vnet_of(&m, 1348);
        struct dp_arena a = arena_all();
        int n = dp_seg(big, len, &vh, 0, &a, frames, 2048);
        ck_assert_int_eq(n, 38);
        for (int i = 0; i < n; i++)
            give(g, frames[i].data, frames[i].len);
        out.n = 0;
        dp_gro_flush(g, take, &out);
        ck_assert_uint_eq(out.n, 1);
        ck_assert_uint_eq(out.packets[0], 38);
        ck_assert_uint_eq(out.len[0], len);
        ck_assert_uint_eq(out.vh[0].gso_type, vh.gso_type);
        ck_assert_uint_eq(out.vh[0].gso_size, 1348);
        ck_assert_uint_eq(out.vh[0].flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        ck_assert_uint_eq(out.vh[0].csum_start, vh.csum_start);
        ck_assert_uint_eq(out.vh[0].csum_offset, vh.csum_offset);
        ck_assert(dp_csum_finish(out.data[0], len, vh.csum_start, vh.csum_offset));
        ck_assert_int_eq(memcmp(out.data[0], big, len), 0);
    }
    dp_gro_free(g);
}
END_TEST

/* Packets that must not be joined with the one before. */
START_TEST(strangers_are_not_joined)
{
    static const struct { int at; uint8_t v; } odd4[] = {
        { 1, 3 },           /* ECN CE */
        { 8, 62 },          /* TTL */
        { 6, 0 },           /* DF gone, and the identification does not follow */
        { 15, 9 },          /* another source */
        { 21, 9 },          /* another port */
        { 27, 1 },          /* a hole in the sequence */
        { 31, 9 },          /* another ACK */
        { 33, DP_TCP_ACK | 0x40 },      /* ECE */
        { 33, DP_TCP_ACK | DP_TCP_FIN },
        { 33, DP_TCP_ACK | DP_TCP_SYN },
        { 33, DP_TCP_ACK | DP_TCP_RST },
        { 33, DP_TCP_ACK | 0x20 },      /* URG */
        { 35, 7 },          /* window */
        { 40, 2 },          /* another option */
    };
    struct dp_gro *g = dp_gro_new(true, false);
    uint8_t a[200], b[200];
    for (size_t i = 0; i <= sizeof odd4 / sizeof odd4[0]; i++) {
        struct make m = { 4, IPPROTO_TCP, DP_TCP_ACK, 100, 1000, 5, true, true, 0 };
        size_t len = make_packet(a, &m);
        m.seq += 100;
        m.id = 900;
        make_packet(b, &m);
        if (i < sizeof odd4 / sizeof odd4[0]) {
            b[odd4[i].at] = odd4[i].v;
            dp_ip4_check(b);
            b[36] = b[37] = 0;
            struct dp_hdr h;
            ck_assert(dp_parse(b, len, &h));
            uint16_t c = (uint16_t)~dp_fold(dp_sum_pseudo(b, 4, IPPROTO_TCP, 132) + dp_sum(b + 20, 132));
            memcpy(b + 36, &c, 2);
            ck_assert(slow_ok(b, len));
        } else {
            b[100] ^= 1;            /* a wrong checksum stays one */
        }
        give(g, a, len);
        give(g, b, len);
        out.n = 0;
        dp_gro_flush(g, take, &out);
        ck_assert_uint_eq(out.n, 2);
        ck_assert_int_eq(memcmp(out.data[0], a, len), 0);
        ck_assert_int_eq(memcmp(out.data[1], b, len), 0);
        ck_assert_uint_eq(out.vh[0].flags | out.vh[1].flags, 0);
    }
    dp_gro_free(g);
}
END_TEST

START_TEST(a_flow_keeps_its_order)
{
    struct dp_gro *g = dp_gro_new(true, true);
    static uint8_t p[12][1500];
    size_t len[12];
    struct make m = { 4, IPPROTO_TCP, DP_TCP_ACK, 1000, 1, 1, true, false, 0 };
    for (int i = 0; i < 12; i++) {
        m.payload = i == 5 ? 0 : i == 8 ? 10 : 1000;    /* a pure ACK, a short one */
        m.flags = i == 2 ? DP_TCP_ACK | DP_TCP_PSH : DP_TCP_ACK;
        len[i] = make_packet(p[i], &m);
        m.seq += m.payload;
        m.id++;
    }
    for (int i = 0; i < 12; i++)
        give(g, p[i], len[i]);
    out.n = 0;
    dp_gro_flush(g, take, &out);
    /* 0-2 (PSH closes), 3-4, 5 (pure ACK), 6-8 (short closes), 9-11 */
    static const uint32_t want[] = { 3, 2, 1, 3, 3 };
    ck_assert_uint_eq(out.n, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(out.packets[i], want[i]);
    ck_assert_uint_eq(out.data[0][33], DP_TCP_ACK | DP_TCP_PSH);
    ck_assert_uint_eq(out.data[3][33], DP_TCP_ACK);
    dp_gro_free(g);
}
END_TEST

START_TEST(flows_interleave)
{
    struct dp_gro *g = dp_gro_new(true, false);
    static uint8_t p[32 * 8][300];
    for (int i = 0; i < 32 * 8; i++) {
        struct make m = { i % 2 ? 6 : 4, IPPROTO_TCP, DP_TCP_ACK, 200, (uint32_t)(i / 32) * 200, 1,
                          true, false, 0 };
        size_t len = make_packet(p[i], &m);
        struct dp_hdr h;
        ck_assert(dp_parse(p[i], len, &h));
        uint8_t *t = p[i] + h.l4;
        dp_put16_fix(t, (uint16_t)(40000 + i % 32), t + 16);
        ck_assert(slow_ok(p[i], len));
        give(g, p[i], len);
    }
    out.n = 0;
    dp_gro_flush(g, take, &out);
    ck_assert_uint_eq(out.n, 32);
    for (int i = 0; i < 32; i++)
        ck_assert_uint_eq(out.packets[i], 8);
    ck_assert(dp_gro_empty(g));
    dp_gro_free(g);
}
END_TEST

START_TEST(limits_of_a_super_packet)
{
    struct dp_gro *g = dp_gro_new(true, true);
    static uint8_t p[3000][240];
    uint32_t took = 0, groups = 0;
    out.n = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct make m = { 4, i < 1500 ? IPPROTO_TCP : IPPROTO_UDP, DP_TCP_ACK, 200, i * 200, 1, true,
                          false, 0 };
        give(g, p[i], make_packet(p[i], &m));
    }
    dp_gro_flush(g, take, &out);
    for (uint32_t i = 0; i < out.n; i++, groups++) {
        ck_assert_uint_le(out.len[i], 65535);
        ck_assert_uint_le(out.packets[i], out.data[i][9] == IPPROTO_UDP ? 64u : 127u);
        took += out.packets[i];
    }
    ck_assert_uint_eq(took, 3000);
    ck_assert_uint_eq(groups, 12 + 24);     /* 1500 / 127, 1500 / 64, rounded up */

    /* full: nothing is taken until it was flushed */
    struct make m = { 4, IPPROTO_TCP, DP_TCP_SYN, 0, 1, 1, true, false, 0 };
    size_t len = make_packet(p[0], &m);
    struct dp_hdr h;
    ck_assert(dp_parse(p[0], len, &h));
    uint32_t n = 0;
    while (dp_gro_add(g, p[0], &h))
        n++;
    ck_assert_uint_ge(n, 512);
    dp_gro_free(g);
}
END_TEST

START_TEST(udp_without_checksum_stays_alone)
{
    struct dp_gro *g = dp_gro_new(true, true);
    uint8_t p[2][200];
    for (int i = 0; i < 2; i++) {
        struct make m = { 4, IPPROTO_UDP, 0, 100, 1, (uint16_t)i, true, false, 0 };
        size_t len = make_packet(p[i], &m);
        p[i][26] = p[i][27] = 0;
        give(g, p[i], len);
    }
    out.n = 0;
    dp_gro_flush(g, take, &out);
    ck_assert_uint_eq(out.n, 2);
    dp_gro_free(g);
}
END_TEST

START_TEST(partial_checksums_are_finished)
{
    for (int k = 0; k < 4; k++) {
        struct make m = { k & 1 ? 6 : 4, k & 2 ? IPPROTO_UDP : IPPROTO_TCP, DP_TCP_ACK, 333, 1, 1, true,
                          false, (uint8_t)k };
        size_t len = make_packet(big, &m);
        struct dp_hdr h;
        ck_assert(dp_parse(big, len, &h));
        uint32_t offset = k & 2 ? 6 : 16;
        uint16_t c = dp_fold(dp_sum_pseudo(big, h.version, h.proto, h.len - h.l4));
        memcpy(big + h.l4 + offset, &c, 2);
        ck_assert(!slow_ok(big, len));
        ck_assert(dp_csum_finish(big, len, h.l4, offset));
        ck_assert(slow_ok(big, len));
        ck_assert(!dp_csum_finish(big, len, (uint32_t)len, 0));
        ck_assert(!dp_csum_finish(big, len, 65535, 65535));
        ck_assert(!dp_csum_finish(big, len, (uint32_t)len - 1, 0));
        ck_assert(dp_csum_finish(big, len, (uint32_t)len - 2, 0));
    }
}
END_TEST

START_TEST(A12_mss_is_clamped)
{
    static const uint8_t opt[][12] = {
        { 2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 1, 1, 0 },
        { 1, 2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 1, 0 },      /* at an odd place */
        { 4, 2, 2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 0 },
    };
    for (int k = 0; k < 6; k++) {
        struct make m = { k & 1 ? 6 : 4, IPPROTO_TCP, DP_TCP_SYN, 0, 1, 1, true, true, 0 };
        size_t len = make_packet(big, &m);
        struct dp_hdr h;
        ck_assert(dp_parse(big, len, &h));
        uint8_t *t = big + h.l4;
        memcpy(t + 20, opt[k / 2], 12);
        t[16] = t[17] = 0;
        uint16_t c = (uint16_t)~dp_fold(dp_sum_pseudo(big, h.version, h.proto, h.len - h.l4) +
                                        dp_sum(t, h.len - h.l4));
        memcpy(t + 16, &c, 2);
        ck_assert(slow_ok(big, len));
        ck_assert(!dp_mss_clamp(big, &h, 1520, true));      /* 1460 fits */
        ck_assert(dp_mss_clamp(big, &h, 1400, true));
        ck_assert(slow_ok(big, len));
        const uint8_t *at = t + 22 + k / 2;
        ck_assert_uint_eq(dp_get16(at), h.version == 4 ? 1360 : 1340);
        ck_assert(!dp_mss_clamp(big, &h, 1400, true));
        t[13] = DP_TCP_ACK;
        ck_assert(!dp_mss_clamp(big, &h, 1000, true));      /* no SYN */
    }
}
END_TEST

START_TEST(options_that_run_over_are_left)
{
    static const uint8_t opt[][12] = {
        { 2, 5, 5, 0xb4 }, { 2, 0 }, { 3, 1 }, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2 },
        { 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5 }, { 0, 2, 4, 5, 0xb4 }, { 3, 200 },
    };
    struct make m = { 4, IPPROTO_TCP, DP_TCP_SYN, 0, 1, 1, true, true, 0 };
    uint8_t p[52];
    for (size_t k = 0; k < sizeof opt / 12; k++) {
        struct dp_hdr h;
        size_t len = make_packet(p, &m);
        memcpy(p + 40, opt[k], 12);
        ck_assert(dp_parse(p, len, &h));
        ck_assert(!dp_mss_clamp(p, &h, 600, true));
    }
}
END_TEST

START_TEST(fragments_carry_everything)
{
    struct make m = { 4, IPPROTO_UDP, 0, 3000, 1, 4711, false, false, 0 };
    size_t len = make_packet(big, &m);
    struct dp_arena a = arena_all();
    int n = dp_frag(big, len, 1400, &a, frames, 64);
    ck_assert_int_eq(n, 3);
    uint32_t at = 0;
    for (int i = 0; i < n; i++) {
        const uint8_t *p = frames[i].data;
        ck_assert_uint_le(frames[i].len, 1400);
        ck_assert_uint_eq(slow_words(p, 20, 0), 0xffff);
        ck_assert_uint_eq(dp_get16(p + 2), frames[i].len);
        ck_assert_uint_eq(dp_get16(p + 4), 4711);
        ck_assert_uint_eq(dp_get16(p + 6), at / 8 | (i < n - 1 ? 0x2000u : 0));
        ck_assert_int_eq(memcmp(p + 20, big + 20 + at, frames[i].len - 20), 0);
        at += frames[i].len - 20;
    }
    ck_assert_uint_eq(at, len - 20);
    big[6] = 0x40;
    dp_ip4_check(big);
    ck_assert_int_eq(dp_frag(big, len, 1400, &a, frames, 64), ADIT_EPROTO);
    big[6] = 0;
    ck_assert_int_eq(dp_frag(big, len, 27, &a, frames, 64), ADIT_EPROTO);
    ck_assert_int_eq(dp_frag(big, len, 28, &a, frames, 64), ADIT_ENOSPC);
}
END_TEST

START_TEST(options_of_later_fragments)
{
    uint8_t p[1000];
    struct make m = { 4, IPPROTO_UDP, 0, 800, 1, 1, false, false, 0 };
    size_t len = make_packet(p, &m);
    memmove(p + 28, p + 20, len - 20);
    p[0] = 0x47;
    memcpy(p + 20, "\x07\x03\x04\x83\x03\x04\x01\x00", 8);  /* record route; source route (copied) */
    dp_put16(p + 2, (uint32_t)len + 8);
    dp_ip4_check(p);
    struct dp_arena a = arena_all();
    int n = dp_frag(p, len + 8, 576, &a, frames, 8);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(memcmp(frames[0].data + 20, "\x07\x03\x04\x83\x03\x04\x01\x00", 8), 0);
    ck_assert_int_eq(memcmp(frames[1].data + 20, "\x01\x01\x01\x83\x03\x04\x01\x00", 8), 0);
}
END_TEST

START_TEST(too_big_is_answered)
{
    uint8_t ans[1280];
    struct dp_hdr h, ah;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct make m = { version, IPPROTO_UDP, 0, 1450, 1, 1, true, false, 0 };
        size_t len = make_packet(big, &m);
        ck_assert(dp_parse(big, len, &h));
        size_t n = dp_too_big(big, &h, 1400, ans);
        ck_assert_uint_eq(n, version == 4 ? 576 : 1280);
        ck_assert(dp_parse(ans, n, &ah));
        ck_assert_uint_eq(ah.len, n);
        if (version == 4) {
            ck_assert_uint_eq(slow_words(ans, 20, 0), 0xffff);
            ck_assert_uint_eq(slow_words(ans + 20, n - 20, 0), 0xffff);
            ck_assert_uint_eq(dp_get16(ans + 20), 0x0304);
            ck_assert_uint_eq(dp_get16(ans + 26), 1400);
            ck_assert_int_eq(memcmp(ans + 16, big + 12, 4), 0);
        } else {
            ck_assert(slow_ok(ans, n));
            ck_assert_uint_eq(ans[40], 2);
            ck_assert_uint_eq(dp_get32(ans + 44), 1400);
        }
        /* never an error about an error, a multicast, a later fragment */
        ck_assert_uint_eq(dp_too_big(ans, &ah, 1400, big), 0);
        big[version == 4 ? 16 : 24] = version == 4 ? 224 : 0xff;
        ck_assert_uint_eq(dp_too_big(big, &h, 1400, ans), 0);
    }
}
END_TEST

START_TEST(hostile_vnet_headers)
{
    struct make m = { 4, IPPROTO_TCP, DP_TCP_ACK, 5000, 1, 1, true, false, 0 };
    size_t len = make_packet(big, &m);
    struct virtio_net_hdr vh = vnet_of(&m, 0);
    struct dp_arena a = arena_all();
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    vh.gso_size = 1;
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_ENOSPC);
    vh.gso_size = 100;
    vh.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    vh.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    vh.gso_type = VIRTIO_NET_HDR_GSO_UDP;
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    vh.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    big[32] = 0x40;                 /* a header of 16 bytes */
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    big[32] = 0x50;
    big[6] = 0x20;                  /* a fragment */
    ck_assert_int_eq(dp_seg(big, len, &vh, 0, &a, frames, 2048), ADIT_EPROTO);
    ck_assert_ptr_eq(a.at, arena_mem);      /* nothing was taken */
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        sums_agree, every_truncation_is_read_or_refused, segments_are_exact,
        coalesce_of_segments_is_the_packet, strangers_are_not_joined, a_flow_keeps_its_order,
        flows_interleave, limits_of_a_super_packet, udp_without_checksum_stays_alone,
        partial_checksums_are_finished, A12_mss_is_clamped, options_that_run_over_are_left,
        fragments_carry_everything, options_of_later_fragments, too_big_is_answered,
        hostile_vnet_headers, NULL
    };
    return unit_suite("dp_pkt", tests);
}

UNIT_MAIN(suite)
