/* test_sha1.c - the block function with the SHA extensions, on any processor:
 * the five instructions are replaced by what Intel's manual says that they do. */
#include <adit/bytes.h>
#include "unit.h"

#if defined(__x86_64__)
#include <immintrin.h>

struct words { uint32_t w[4]; };        /* w[0] is the lowest */

static struct words words_of(__m128i v)
{
    struct words x;
    _mm_storeu_si128((__m128i *)(void *)x.w, v);
    return x;
}
static __m128i vector_of(struct words x) { return _mm_loadu_si128((const __m128i *)(const void *)x.w); }
static uint32_t rol(uint32_t x, int n) { return x << n | x >> (32 - n); }

static __m128i emu_sha1msg1(__m128i a, __m128i b)
{
    struct words x = words_of(a), y = words_of(b);
    return vector_of((struct words){ { y.w[2] ^ x.w[0], y.w[3] ^ x.w[1], x.w[0] ^ x.w[2], x.w[1] ^ x.w[3] } });
}

static __m128i emu_sha1msg2(__m128i a, __m128i b)
{
    struct words x = words_of(a), y = words_of(b);
    uint32_t w16 = rol(x.w[3] ^ y.w[2], 1), w17 = rol(x.w[2] ^ y.w[1], 1);
    uint32_t w18 = rol(x.w[1] ^ y.w[0], 1), w19 = rol(x.w[0] ^ w16, 1);
    return vector_of((struct words){ { w19, w18, w17, w16 } });
}

static __m128i emu_sha1nexte(__m128i a, __m128i b)
{
    struct words x = words_of(a), y = words_of(b);
    y.w[3] += rol(x.w[3], 30);
    return vector_of(y);
}

static __m128i emu_sha1rnds4(__m128i s, __m128i m, int f)
{
    static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    struct words x = words_of(s), w = words_of(m);
    uint32_t a = x.w[3], b = x.w[2], c = x.w[1], d = x.w[0], e = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t fn = f == 0 ? ((b & c) ^ (~b & d)) : f == 2 ? ((b & c) ^ (b & d) ^ (c & d)) : b ^ c ^ d;
        uint32_t t = fn + rol(a, 5) + w.w[3 - i] + e + k[f];
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = t;
    }
    return vector_of((struct words){ { d, c, b, a } });
}

#undef _mm_sha1rnds4_epu32             /* a macro in some compilers */
#define _mm_sha1msg1_epu32 emu_sha1msg1
#define _mm_sha1msg2_epu32 emu_sha1msg2
#define _mm_sha1nexte_epu32 emu_sha1nexte
#define _mm_sha1rnds4_epu32 emu_sha1rnds4
#endif
#include "../../core/crypto/sha1.c"

static const uint32_t start[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };

/* FIPS 180-2 appendix A.1: "abc" */
START_TEST(abc)
{
    uint8_t m[64] = { 'a', 'b', 'c', 0x80, [63] = 24 };
    static const uint32_t want[5] = { 0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d };
    uint32_t h[5];
    memcpy(h, start, sizeof h);
    blocks_c(h, m, 1);
    ck_assert_mem_eq(h, want, sizeof h);
    memcpy(h, start, sizeof h);
    sha1_blocks(h, m, 1);
    ck_assert_mem_eq(h, want, sizeof h);
}
END_TEST

#if defined(__x86_64__)
START_TEST(extensions_compute_the_same)
{
    if (!__builtin_cpu_supports("sse4.1"))
        return;
    uint8_t m[5 * 64];
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        uint32_t x[5], y[5];
        for (size_t i = 0; i < sizeof m; i++)
            m[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        for (int i = 0; i < 5; i++)
            x[i] = y[i] = seed * (uint32_t)(i + 7);
        blocks_c(x, m, 5);
        blocks_ni(y, m, 5);
        ck_assert_mem_eq(x, y, sizeof x);
    }
}
END_TEST
#endif

static Suite *suite(void)
{
    return unit_suite("sha1", (const TTest *const[]){ abc,
#if defined(__x86_64__)
        extensions_compute_the_same,
#endif
        NULL });
}
UNIT_MAIN(suite)
