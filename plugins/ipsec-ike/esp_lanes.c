/* esp_lanes.c - eight messages at once: SHA-1, SHA-256 and AES-CBC in the lanes of vector
 * registers.
 *
 * Knows:  the rounds (FIPS 180-4 section 6, FIPS 197), AVX2, AVX-512VL and AES-NI.
 * Leaves: padding, keys' use, short vectors.
 *
 * A digest, and CBC on its way out, wait for their own result with every step; a
 * packet alone leaves most of the processor idle. Packets of one association come
 * in vectors, so eight of them take turns. No step depends on a secret's value.
 */
#include "esp_lanes.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

typedef uint32_t v8 __attribute__((vector_size(32)));

#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define ROL(x, n) ROR(x, 32 - (n))
#define ALL(x)    ((v8){ (x), (x), (x), (x), (x), (x), (x), (x) })

/* Sixteen words of each lane's block, turned so that w[t] has every lane's word t. */
#define LOAD(w, p)                                                                         \
    do {                                                                                    \
        const __m256i swap = _mm256_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, \
                                              3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12); \
        for (int half_ = 0; half_ < 2; half_++) {                                           \
            __m256i r[8], t[8], u[8];                                                       \
            for (int i_ = 0; i_ < 8; i_++)                                                  \
                r[i_] = _mm256_shuffle_epi8(                                                \
                    _mm256_loadu_si256((const __m256i *)(const void *)((p)[i_] + 32 * half_)), swap); \
            for (int i_ = 0; i_ < 4; i_++) {                                                \
                t[2 * i_] = _mm256_unpacklo_epi32(r[2 * i_], r[2 * i_ + 1]);                \
                t[2 * i_ + 1] = _mm256_unpackhi_epi32(r[2 * i_], r[2 * i_ + 1]);            \
            }                                                                               \
            for (int i_ = 0; i_ < 2; i_++) {                                                \
                u[4 * i_] = _mm256_unpacklo_epi64(t[4 * i_], t[4 * i_ + 2]);                \
                u[4 * i_ + 1] = _mm256_unpackhi_epi64(t[4 * i_], t[4 * i_ + 2]);            \
                u[4 * i_ + 2] = _mm256_unpacklo_epi64(t[4 * i_ + 1], t[4 * i_ + 3]);        \
                u[4 * i_ + 3] = _mm256_unpackhi_epi64(t[4 * i_ + 1], t[4 * i_ + 3]);        \
            }                                                                               \
            for (int i_ = 0; i_ < 4; i_++) {                                                \
                (w)[8 * half_ + i_] = (v8)_mm256_permute2x128_si256(u[i_], u[4 + i_], 0x20); \
                (w)[8 * half_ + 4 + i_] = (v8)_mm256_permute2x128_si256(u[i_], u[4 + i_], 0x31); \
            }                                                                               \
        }                                                                                   \
    } while (0)

/* ---- SHA-256 ------------------------------------------------------------------------- */

static const uint32_t k256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define STEP256(i, a, b, c, d, e, f, g, h)                                                  \
    do {                                                                                    \
        v8 t1_ = h + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + (g ^ (e & (f ^ g))) +           \
                 ALL(k256[i]) + w[(i) & 15];                                                \
        d += t1_;                                                                           \
        h = t1_ + (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) | (c & (a | b)));        \
    } while (0)
#define NEXT256(i)                                                                          \
    (w[(i) & 15] += (ROR(w[((i) + 14) & 15], 17) ^ ROR(w[((i) + 14) & 15], 19) ^ w[((i) + 14) & 15] >> 10) + \
                    w[((i) + 9) & 15] +                                                     \
                    (ROR(w[((i) + 1) & 15], 7) ^ ROR(w[((i) + 1) & 15], 18) ^ w[((i) + 1) & 15] >> 3))
#define EIGHT256(i, M)                                                                      \
    M(i); STEP256(i, a, b, c, d, e, f, g, h); M(i + 1); STEP256(i + 1, h, a, b, c, d, e, f, g); \
    M(i + 2); STEP256(i + 2, g, h, a, b, c, d, e, f); M(i + 3); STEP256(i + 3, f, g, h, a, b, c, d, e); \
    M(i + 4); STEP256(i + 4, e, f, g, h, a, b, c, d); M(i + 5); STEP256(i + 5, d, e, f, g, h, a, b, c); \
    M(i + 6); STEP256(i + 6, c, d, e, f, g, h, a, b); M(i + 7); STEP256(i + 7, b, c, d, e, f, g, h, a)
#define NONE(i) ((void)0)

#define SHA256_BODY                                                                         \
    v8 *s8 = (v8 *)(void *)s->w;                                                            \
    while (blocks--) {                                                                      \
        v8 w[16], a = s8[0], b = s8[1], c = s8[2], d = s8[3], e = s8[4], f = s8[5], g = s8[6], h = s8[7]; \
        LOAD(w, p);                                                                         \
        EIGHT256(0, NONE);                                                                  \
        EIGHT256(8, NONE);                                                                  \
        for (int i = 16; i < 64; i += 16) {                                                 \
            EIGHT256(i, NEXT256);                                                           \
            EIGHT256(i + 8, NEXT256);                                                       \
        }                                                                                   \
        s8[0] += a; s8[1] += b; s8[2] += c; s8[3] += d;                                     \
        s8[4] += e; s8[5] += f; s8[6] += g; s8[7] += h;                                     \
        for (uint32_t i = 0; i < LANES; i++)                                                \
            p[i] += step[i];                                                                \
    }

__attribute__((target("avx2"))) static void
sha256_avx2(struct lanes_state *s, const uint8_t *p[LANES], const size_t step[LANES], size_t blocks)
{
    SHA256_BODY
}

__attribute__((target("avx2,avx512f,avx512vl"))) static void
sha256_avx512(struct lanes_state *s, const uint8_t *p[LANES], const size_t step[LANES], size_t blocks)
{
    SHA256_BODY
}

/* ---- SHA-1 ----------------------------------------------------------------------------- */

#define STEP1(i, F, k, a, b, c, d, e) \
    do { e += ROL(a, 5) + (F(b, c, d)) + ALL(k) + w[(i) & 15]; b = ROL(b, 30); } while (0)
#define NEXT1(i)                                                                            \
    (w[(i) & 15] = ROL(w[((i) + 13) & 15] ^ w[((i) + 8) & 15] ^ w[((i) + 2) & 15] ^ w[(i) & 15], 1))
#define CH(b, c, d)  ((d) ^ ((b) & ((c) ^ (d))))
#define PAR(b, c, d) ((b) ^ (c) ^ (d))
#define MAJ(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))
#define FIVE1(i, M, F, k)                                                                   \
    M(i); STEP1(i, F, k, a, b, c, d, e); M(i + 1); STEP1(i + 1, F, k, e, a, b, c, d);       \
    M(i + 2); STEP1(i + 2, F, k, d, e, a, b, c); M(i + 3); STEP1(i + 3, F, k, c, d, e, a, b); \
    M(i + 4); STEP1(i + 4, F, k, b, c, d, e, a)
#define MAYBE1(i) ((i) < 16 ? (void)0 : (void)NEXT1(i))

#define SHA1_BODY                                                                           \
    v8 *s8 = (v8 *)(void *)s->w;                                                            \
    while (blocks--) {                                                                      \
        v8 w[16], a = s8[0], b = s8[1], c = s8[2], d = s8[3], e = s8[4];                    \
        LOAD(w, p);                                                                         \
        FIVE1(0, NONE, CH, 0x5a827999); FIVE1(5, NONE, CH, 0x5a827999);                     \
        FIVE1(10, NONE, CH, 0x5a827999); FIVE1(15, MAYBE1, CH, 0x5a827999);                 \
        FIVE1(20, NEXT1, PAR, 0x6ed9eba1); FIVE1(25, NEXT1, PAR, 0x6ed9eba1);               \
        FIVE1(30, NEXT1, PAR, 0x6ed9eba1); FIVE1(35, NEXT1, PAR, 0x6ed9eba1);               \
        FIVE1(40, NEXT1, MAJ, 0x8f1bbcdc); FIVE1(45, NEXT1, MAJ, 0x8f1bbcdc);               \
        FIVE1(50, NEXT1, MAJ, 0x8f1bbcdc); FIVE1(55, NEXT1, MAJ, 0x8f1bbcdc);               \
        FIVE1(60, NEXT1, PAR, 0xca62c1d6); FIVE1(65, NEXT1, PAR, 0xca62c1d6);               \
        FIVE1(70, NEXT1, PAR, 0xca62c1d6); FIVE1(75, NEXT1, PAR, 0xca62c1d6);               \
        s8[0] += a; s8[1] += b; s8[2] += c; s8[3] += d; s8[4] += e;                         \
        for (uint32_t i = 0; i < LANES; i++)                                                \
            p[i] += step[i];                                                                \
    }

__attribute__((target("avx2"))) static void
sha1_avx2(struct lanes_state *s, const uint8_t *p[LANES], const size_t step[LANES], size_t blocks)
{
    SHA1_BODY
}

__attribute__((target("avx2,avx512f,avx512vl"))) static void
sha1_avx512(struct lanes_state *s, const uint8_t *p[LANES], const size_t step[LANES], size_t blocks)
{
    SHA1_BODY
}

/* ---- AES-CBC ------------------------------------------------------------------------------ */

__attribute__((target("aes,sse4.1"))) static void
cbc_aesni(const struct lanes_aes *k, uint8_t *p[LANES], const size_t step[LANES],
          uint8_t chain[LANES][16], size_t blocks)
{
    const __m128i *rk = (const __m128i *)(const void *)k->round;
    __m128i c[LANES];
    for (uint32_t i = 0; i < LANES; i++)
        c[i] = _mm_loadu_si128((const __m128i *)(const void *)chain[i]);
    while (blocks--) {
#define EACH(what) do { _Pragma("GCC unroll 8") for (uint32_t i = 0; i < LANES; i++) { what; } } while (0)
        EACH(c[i] = _mm_xor_si128(_mm_xor_si128(c[i], rk[0]),
                                  _mm_loadu_si128((const __m128i *)(const void *)p[i])));
        for (uint32_t r = 1; r < k->rounds; r++)
            EACH(c[i] = _mm_aesenc_si128(c[i], rk[r]));
        EACH(c[i] = _mm_aesenclast_si128(c[i], rk[k->rounds]));
        EACH(_mm_storeu_si128((__m128i *)(void *)p[i], c[i]); p[i] += step[i]);
    }
    for (uint32_t i = 0; i < LANES; i++)
        _mm_storeu_si128((__m128i *)(void *)chain[i], c[i]);
}

/* SubWord() of FIPS 197 by the instruction, so that no table is read at a place
 * that tells the key. */
__attribute__((target("aes,sse4.1"))) static uint32_t sub_word(uint32_t w)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int)w), 0));
}

void esp_lanes_aes(struct lanes_aes *k, const uint8_t *key, uint32_t bits)
{
    uint32_t w[60], nk = bits / 32, rcon = 1;
    k->rounds = nk + 6;
    memcpy(w, key, bits / 8);
    for (uint32_t i = nk; i < 4 * (k->rounds + 1); i++) {
        uint32_t t = w[i - 1];
        if (i % nk == 0) {
            t = sub_word(t);
            t = (t >> 8 | t << 24) ^ rcon;      /* RotWord(), in little endian */
            rcon = rcon << 1 ^ (rcon & 0x80 ? 0x11b : 0);
        } else if (nk > 6 && i % nk == 4) {
            t = sub_word(t);
        }
        w[i] = w[i - nk] ^ t;
    }
    memcpy(k->round, w, 16 * (k->rounds + 1));
    explicit_bzero(w, sizeof w);
}

/* ---- this processor --------------------------------------------------------------------------- */

static bool has_sha(void)
{
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

static lanes_digest *one_of(lanes_digest *avx2, lanes_digest *avx512)
{
    /* with the SHA extensions a message alone is about as fast as here its eighth of eight */
    if (has_sha() || !__builtin_cpu_supports("avx2"))
        return NULL;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? avx512 : avx2;
}

lanes_digest *esp_lanes_sha1(void) { return one_of(sha1_avx2, sha1_avx512); }
lanes_digest *esp_lanes_sha256(void) { return one_of(sha256_avx2, sha256_avx512); }

lanes_cbc *esp_lanes_cbc(void)
{
    uint32_t a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_SSE4_1) ? cbc_aesni : NULL;
}

#else

lanes_digest *esp_lanes_sha1(void) { return NULL; }
lanes_digest *esp_lanes_sha256(void) { return NULL; }
lanes_cbc *esp_lanes_cbc(void) { return NULL; }
void esp_lanes_aes(struct lanes_aes *k, const uint8_t *key, uint32_t bits)
{
    (void)key;
    (void)bits;
    memset(k, 0, sizeof *k);
}

#endif
