/* dp_pkt.c - inner packets: headers, checksums, MSS.
 *
 * Knows:  where the transport header is, and what sums say.
 * Leaves: cutting to dp_seg, coalescing to dp_gro.
 */
#include "datapath/dp_pkt.h"
#include <netinet/in.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- headers ---- */

static bool parse4(const uint8_t *p, size_t len, struct dp_hdr *h)
{
    uint32_t ihl = (p[0] & 15u) * 4u;
    uint32_t total = dp_get16(p + 2);
    if (ihl < DP_IP4_MIN || total < ihl || total > len)
        return false;
    h->version = 4;
    h->proto = p[9];
    h->frag = (dp_get16(p + 6) & 0x3fffu) != 0;
    h->plain = ihl == DP_IP4_MIN;
    h->l4 = (uint16_t)ihl;
    h->len = total;
    return true;
}

/* Extension headers of RFC 8200 section 4 that may stand before the transport
 * header; more than eight of them are not followed. */
static bool parse6(const uint8_t *p, size_t len, struct dp_hdr *h)
{
    uint32_t total = dp_get16(p + 4) + DP_IP6_MIN, at = DP_IP6_MIN;
    if (total > len)
        return false;
    *h = (struct dp_hdr){ .version = 6, .proto = p[6], .plain = true, .len = total };
    for (int i = 0; i < 8; i++) {
        uint32_t ext;
        switch (h->proto) {
        case IPPROTO_HOPOPTS: case IPPROTO_ROUTING: case IPPROTO_DSTOPTS:
            if (at + 8 > total)
                return false;
            ext = (p[at + 1] + 1u) * 8u;
            break;
        case IPPROTO_AH:
            if (at + 8 > total)
                return false;
            ext = (p[at + 1] + 2u) * 4u;
            break;
        case IPPROTO_FRAGMENT:
            if (at + 8 > total)
                return false;
            h->frag = true;
            ext = 8;
            break;
        default:
            h->l4 = (uint16_t)at;
            return true;
        }
        h->plain = false;
        if (at + ext > total)
            return false;
        h->proto = p[at];
        at += ext;
        if (h->frag)
            break;
    }
    h->l4 = (uint16_t)at;
    return true;
}

bool dp_parse(const uint8_t *p, size_t len, struct dp_hdr *h)
{
    if (len >= DP_IP4_MIN && p[0] >> 4 == 4)
        return parse4(p, len, h);
    if (len >= DP_IP6_MIN && p[0] >> 4 == 6)
        return parse6(p, len, h);
    return false;
}

/* ---- checksums ---- */

static inline uint64_t tail_sum(const uint8_t *p, size_t n, uint64_t s)
{
    uint32_t w;
    uint16_t h;
    for (; n >= 4; n -= 4, p += 4) {
        memcpy(&w, p, 4);
        s += w;
    }
    if (n >= 2) {
        memcpy(&h, p, 2);
        s += h;
        p += 2;
        n -= 2;
    }
    if (n) {                    /* the odd byte is the first of its word */
        uint8_t last[2] = { *p, 0 };
        memcpy(&h, last, 2);
        s += h;
    }
    return s;
}

uint64_t dp_sum_plain(const uint8_t *p, size_t n)
{
    uint64_t a = 0, b = 0, w[2];
    for (; n >= 16; n -= 16, p += 16) {
        memcpy(w, p, 16);
        a += (w[0] & 0xffffffffu) + (w[0] >> 32);
        b += (w[1] & 0xffffffffu) + (w[1] >> 32);
    }
    return tail_sum(p, n, a + b);
}

#if defined(__x86_64__)
/* 32-bit words are added in 64-bit lanes: no carry is lost before 2^32 words. */
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t n)
{
    const __m256i low = _mm256_set1_epi64x(0xffffffff);
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (; n >= 64; n -= 64, p += 64) {
        __m256i x = _mm256_loadu_si256((const __m256i_u *)(const void *)p);
        __m256i y = _mm256_loadu_si256((const __m256i_u *)(const void *)(p + 32));
        a = _mm256_add_epi64(a, _mm256_and_si256(x, low));
        b = _mm256_add_epi64(b, _mm256_srli_epi64(x, 32));
        c = _mm256_add_epi64(c, _mm256_and_si256(y, low));
        d = _mm256_add_epi64(d, _mm256_srli_epi64(y, 32));
    }
    uint64_t l[4];
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    _mm256_storeu_si256((__m256i_u *)(void *)l, a);
    uint64_t s = l[0] + l[1] + l[2] + l[3];
    if (n >= 16) {
        size_t whole = n & ~(size_t)15u;
        s += dp_sum_plain(p, whole);
        p += whole;
        n -= whole;
    }
    return tail_sum(p, n, s);
}
#endif

uint64_t dp_sum(const uint8_t *p, size_t n)
{
#if defined(__x86_64__)
    if (n >= 128 && __builtin_cpu_supports("avx2"))
        return sum_avx2(p, n);
#endif
    return dp_sum_plain(p, n);
}

uint64_t dp_sum_pseudo(const uint8_t *ip, unsigned version, uint8_t proto, uint32_t l4_len)
{
    uint64_t s = version == 4 ? dp_sum_plain(ip + 12, 8) : dp_sum_plain(ip + 8, 32);
    return s + htons(proto) + htons((uint16_t)l4_len);
}

void dp_ip4_check(uint8_t *ip)
{
    ip[10] = ip[11] = 0;
    uint16_t c = (uint16_t)~dp_fold(dp_sum_plain(ip, (ip[0] & 15u) * 4u));
    memcpy(ip + 10, &c, 2);
}

bool dp_l4_ok(const uint8_t *p, const struct dp_hdr *h)
{
    uint32_t n = h->len - h->l4;
    if (h->proto == IPPROTO_UDP && (n < 8 || dp_get16(p + h->l4 + 6) == 0))
        return false;
    return dp_fold(dp_sum_pseudo(p, h->version, h->proto, n) + dp_sum(p + h->l4, n)) == 0xffff;
}

bool dp_csum_finish(uint8_t *p, size_t len, uint32_t start, uint32_t offset)
{
    if (start + offset + 2u > len)
        return false;
    uint16_t c = (uint16_t)~dp_fold(dp_sum(p + start, len - start));
    if (c == 0)                 /* 0 says "none" in UDP, and is the same sum in TCP */
        c = 0xffff;
    memcpy(p + start + offset, &c, 2);
    return true;
}

void dp_put16_fix(uint8_t *at, uint16_t v, uint8_t *check)
{
    uint32_t s = (uint16_t)~dp_get16(check);
    s += (uint16_t)~dp_get16(at);
    s += v;
    dp_put16(at, v);
    dp_put16(check, (uint16_t)~(uint16_t)((s & 0xffffu) + (s >> 16) +
                                          (((s & 0xffffu) + (s >> 16)) >> 16)));
}

/* RFC 9293 section 3.2: options begin behind 20 bytes; kind 2 is the MSS. */
bool dp_mss_clamp(uint8_t *p, const struct dp_hdr *h, uint32_t mtu, bool fix)
{
    uint32_t n = h->len - h->l4;
    uint8_t *t = p + h->l4;
    if (h->frag || h->proto != IPPROTO_TCP || n < 20 || !(t[13] & DP_TCP_SYN))
        return false;
    uint32_t doff = (t[12] >> 4) * 4u, less = (h->version == 4 ? DP_IP4_MIN : DP_IP6_MIN) + 20u;
    if (doff < 20 || doff > n || mtu <= less)
        return false;
    uint32_t most = mtu - less;
    for (uint32_t i = 20; i < doff && t[i] != 0;) {
        if (t[i] == 1) {
            i++;
            continue;
        }
        if (i + 2 > doff || t[i + 1] < 2 || i + t[i + 1] > doff)
            return false;
        if (t[i] == 2 && t[i + 1] == 4) {
            if (dp_get16(t + i + 2) <= most)
                return false;
            if (!fix) {
                dp_put16(t + i + 2, most);
            } else if (i & 1u) {            /* astride two words: sum anew */
                dp_put16(t + i + 2, most);
                t[16] = t[17] = 0;
                uint16_t c = (uint16_t)~dp_fold(
                    dp_sum_pseudo(p, h->version, IPPROTO_TCP, n) + dp_sum(t, n));
                memcpy(t + 16, &c, 2);
            } else {
                dp_put16_fix(t + i + 2, (uint16_t)most, t + 16);
            }
            return true;
        }
        i += t[i + 1];
    }
    return false;
}
