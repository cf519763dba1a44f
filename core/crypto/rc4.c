/* rc4.c - the stream cipher under MPPE, and the change of its keys.
 *
 * Knows:  RC4; GetNewKeyFromSHA (RFC 3079 section 3.4).
 * Leaves: whose key it is, salts but where they are asked for.
 *
 * All of this runs once per packet. The state is bytes, not words: 256 bytes
 * lie in four cache lines, which measured faster than OpenSSL's.
 */
#include "crypto/crypto_in.h"

static const uint8_t identity[256] = {
#define R4(n) n, n + 1, n + 2, n + 3
#define R16(n) R4(n), R4(n + 4), R4(n + 8), R4(n + 12)
#define R64(n) R16(n), R16(n + 16), R16(n + 32), R16(n + 48)
    R64(0), R64(64), R64(128), R64(192)
};

/* Eight steps at once: indices that are constants cost nothing. */
#define EIGHT(X, ...) X(0, __VA_ARGS__); X(1, __VA_ARGS__); X(2, __VA_ARGS__); X(3, __VA_ARGS__); \
                      X(4, __VA_ARGS__); X(5, __VA_ARGS__); X(6, __VA_ARGS__); X(7, __VA_ARGS__)

#define KEY_STEP(n, at, s, j, k)                \
    do {                                        \
        uint8_t t_ = (at)[n];                   \
        (j) = (uint8_t)((j) + t_ + (k)[n]);     \
        (at)[n] = (s)[j];                       \
        (s)[j] = t_;                            \
    } while (0)

void rc4_init(struct rc4 *r, const uint8_t *key, size_t len)
{
    uint8_t j = 0;
    memcpy(r->s, identity, sizeof r->s);
    r->x = r->y = 0;
    if (len == 16 || len == 8) {
        for (unsigned i = 0; i < 256; i += 8) {
            const uint8_t *k = key + (i & (len - 1));
            uint8_t *at = r->s + i;
            EIGHT(KEY_STEP, at, r->s, j, k);
        }
        return;
    }
    for (unsigned i = 0; i < 256; i++)
        KEY_STEP(0, r->s + i, r->s, j, key + i % len);
}

#define STREAM_STEP(n, at, s, y, out)           \
    do {                                        \
        uint8_t a_ = (at)[n], b_;               \
        (y) = (uint8_t)((y) + a_);              \
        b_ = (s)[y];                            \
        (s)[y] = a_;                            \
        (at)[n] = b_;                           \
        (out)[n] ^= (s)[(uint8_t)(a_ + b_)];    \
    } while (0)

void rc4_xor(struct rc4 *r, uint8_t *data, size_t len)
{
    uint8_t *s = r->s, x = r->x, y = r->y;
    for (; len > 0 && (x + 1) % 8; len--, data++) {
        x++;
        STREAM_STEP(0, s + x, s, y, data);
    }
    for (; len >= 8; len -= 8, data += 8) {
        uint8_t *at = s + (uint8_t)(x + 1);
        EIGHT(STREAM_STEP, at, s, y, data);
        x = (uint8_t)(x + 8);
    }
    for (; len > 0; len--, data++) {
        x++;
        STREAM_STEP(0, s + x, s, y, data);
    }
    r->x = x;
    r->y = y;
}

/* Two blocks make the digest: start 16, pad1 40 zeros, session 16, pad2 40
 * times F2, then SHA-1's own 80, zeros and the length in bits (112 bytes for
 * 16-byte keys; 96 for 8). */
void mppe_key_from_sha(const uint8_t start[16], const uint8_t session[16], uint32_t len, uint8_t *out)
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    uint8_t m[128];
    uint32_t bytes = 2 * len + 80;

    if (len != 8)
        len = 16, bytes = 112;
    memcpy(m, start, len);
    memset(m + len, 0, 40);
    memcpy(m + len + 40, session, len);
    memset(m + 2 * len + 40, 0xf2, 40);
    m[bytes] = 0x80;
    memset(m + bytes + 1, 0, sizeof m - bytes - 1);
    m[126] = (uint8_t)(bytes * 8 >> 8);
    m[127] = (uint8_t)(bytes * 8);
    sha1_blocks(h, m, 2);
    for (uint32_t i = 0; i < len; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void mppe_new_key(const uint8_t start[16], uint8_t session[16], uint32_t len)
{
    struct rc4 r;
    uint8_t interim[16];
    if (len != 8)
        len = 16;
    mppe_key_from_sha(start, session, len, interim);
    rc4_init(&r, interim, len);
    memcpy(session, interim, len);
    rc4_xor(&r, session, len);
}

/* The schedule of this key and that of the interim key of the next depend on
 * nothing of each other: in one loop the processor runs both in the time of one. */
#define BOTH_STEP(n, a, b, ka, kb)              \
    do {                                        \
        KEY_STEP(n, a, r->s, j, ka);            \
        KEY_STEP(n, b, next.s, k, kb);          \
    } while (0)

void mppe_step(const uint8_t start[16], uint8_t session[16], uint32_t len, uint32_t salt,
               struct rc4 *r)
{
    static const uint8_t salts[3] = { 0xd1, 0x26, 0x9e };
    struct rc4 next;
    uint8_t interim[16], j = 0, k = 0;
    if (len != 8)
        len = 16;
    mppe_key_from_sha(start, session, len, interim);
    memcpy(r->s, identity, sizeof r->s);
    memcpy(next.s, identity, sizeof next.s);
    r->x = r->y = next.x = next.y = 0;
    for (unsigned i = 0; i < 256; i += 8) {
        const uint8_t *ka = session + (i & (len - 1)), *kb = interim + (i & (len - 1));
        uint8_t *a = r->s + i, *b = next.s + i;
        EIGHT(BOTH_STEP, a, b, ka, kb);
    }
    memcpy(session, interim, len);
    rc4_xor(&next, session, len);
    memcpy(session, salts, salt < 3 ? salt : 3);
}
