/* sha1.c - the block function of SHA-1 (FIPS 180-4 section 6.1.2).
 *
 * Knows:  the rounds, in C and with the SHA extensions of x86.
 * Leaves: padding, digests of anything long (crypto_digest).
 *
 * MPPE changes its key with every packet; a call into a library with a context
 * costs more than these two blocks do.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "crypto/crypto.h"

#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))

static void blocks_c(uint32_t h[5], const uint8_t *p, size_t blocks)
{
    while (blocks--) {
        uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++, p += 4)
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

/* The five words turn by name instead of by moves. */
#define W(i) (w[(i) & 15] = ROL(w[((i) + 13) & 15] ^ w[((i) + 8) & 15] ^ w[((i) + 2) & 15] ^ w[(i) & 15], 1))
#define STEP(f, k, x, a, b, c, d, e) (e += ROL(a, 5) + (f) + (k) + (x), b = ROL(b, 30))
#define CH(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define PA(b, c, d) ((b) ^ (c) ^ (d))
#define MA(b, c, d) (((b) & (c)) + ((d) & ((b) ^ (c))))
#define FIVE(F, k, X, i)                        \
    STEP(F(b, c, d), k, X(i), a, b, c, d, e);   \
    STEP(F(a, b, c), k, X(i + 1), e, a, b, c, d); \
    STEP(F(e, a, b), k, X(i + 2), d, e, a, b, c); \
    STEP(F(d, e, a), k, X(i + 3), c, d, e, a, b); \
    STEP(F(c, d, e), k, X(i + 4), b, c, d, e, a)
#define M(i) w[i]
#define MW(i) ((i) < 16 ? w[(i) & 15] : W(i))
        FIVE(CH, 0x5a827999, M, 0);
        FIVE(CH, 0x5a827999, M, 5);
        FIVE(CH, 0x5a827999, M, 10);
        FIVE(CH, 0x5a827999, MW, 15);
        FIVE(PA, 0x6ed9eba1, W, 20);
        FIVE(PA, 0x6ed9eba1, W, 25);
        FIVE(PA, 0x6ed9eba1, W, 30);
        FIVE(PA, 0x6ed9eba1, W, 35);
        FIVE(MA, 0x8f1bbcdc, W, 40);
        FIVE(MA, 0x8f1bbcdc, W, 45);
        FIVE(MA, 0x8f1bbcdc, W, 50);
        FIVE(MA, 0x8f1bbcdc, W, 55);
        FIVE(PA, 0xca62c1d6, W, 60);
        FIVE(PA, 0xca62c1d6, W, 65);
        FIVE(PA, 0xca62c1d6, W, 70);
        FIVE(PA, 0xca62c1d6, W, 75);
        h[0] += a;
        h[1] += b;
        h[2] += c;
        h[3] += d;
        h[4] += e;
    }
}

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <immintrin.h>

/* Four rounds an instruction. Group g (of 20) takes the words 4g ... 4g+3; e is
 * the first word of the state four rounds ago, turned (sha1nexte). */
__attribute__((target("sha,ssse3,sse4.1")))
static void blocks_ni(uint32_t h[5], const uint8_t *p, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0x1b);
    __m128i e = _mm_set_epi32((int)h[4], 0, 0, 0);

    while (blocks--) {
        __m128i abcd0 = abcd, e0 = e, w[4], prev, sum;
#define WORDS(g)                                                                            \
        ((g) < 4 ? (w[(g) & 3] = _mm_shuffle_epi8(                                          \
                        _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * (g))), swap)) \
                 : (w[(g) & 3] = _mm_sha1msg2_epu32(                                        \
                        _mm_xor_si128(_mm_sha1msg1_epu32(w[(g) & 3], w[((g) + 1) & 3]),     \
                                      w[((g) + 2) & 3]), w[((g) + 3) & 3])))
#define FOUR(g)                                                     \
        sum = (g) == 0 ? _mm_add_epi32(e0, WORDS(g))                \
                       : _mm_sha1nexte_epu32(prev, WORDS(g));       \
        prev = abcd;                                                \
        abcd = _mm_sha1rnds4_epu32(abcd, sum, (g) / 5)
        prev = abcd;
        FOUR(0);  FOUR(1);  FOUR(2);  FOUR(3);  FOUR(4);
        FOUR(5);  FOUR(6);  FOUR(7);  FOUR(8);  FOUR(9);
        FOUR(10); FOUR(11); FOUR(12); FOUR(13); FOUR(14);
        FOUR(15); FOUR(16); FOUR(17); FOUR(18); FOUR(19);
        e = _mm_sha1nexte_epu32(prev, e0);
        abcd = _mm_add_epi32(abcd, abcd0);
        p += 64;
    }
    _mm_storeu_si128((__m128i *)(void *)h, _mm_shuffle_epi32(abcd, 0x1b));
    h[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

static bool have_ni(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}
#else
static bool have_ni(void) { return false; }
#define blocks_ni blocks_c
#endif

typedef void blocks_fn(uint32_t h[5], const uint8_t *p, size_t blocks);

static blocks_fn blocks_first;
static _Atomic(blocks_fn *) blocks_best = blocks_first;

/* The first call chooses. Whatever the processor says of itself, its answer
 * must be right: a hypervisor that shows an instruction and breaks it would
 * turn every packet into noise. */
static void blocks_first(uint32_t h[5], const uint8_t *p, size_t blocks)
{
    blocks_fn *best = blocks_c;
    if (have_ni()) {
        uint8_t m[128];
        uint32_t x[5] = { 1, 2, 3, 4, 5 }, y[5] = { 1, 2, 3, 4, 5 };
        for (unsigned i = 0; i < sizeof m; i++)
            m[i] = (uint8_t)(i * 37 + 11);
        blocks_c(x, m, 2);
        blocks_ni(y, m, 2);
        if (memcmp(x, y, sizeof x) == 0)
            best = blocks_ni;
    }
    atomic_store_explicit(&blocks_best, best, memory_order_relaxed);
    best(h, p, blocks);
}

void sha1_blocks(uint32_t h[5], const uint8_t *p, size_t blocks)
{
    atomic_load_explicit(&blocks_best, memory_order_relaxed)(h, p, blocks);
}
