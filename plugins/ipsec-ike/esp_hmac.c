/* esp_hmac.c - HMAC of many messages under one key.
 *
 * Knows:  digests and their states after the padded keys.
 * Leaves: how much of a MAC is an ICV to esp.c, rounds to esp_lanes and OpenSSL.
 *
 * A state is copied and run on, as HMAC was meant to be computed: per packet of
 * 1400 bytes that costs 4.2 us with SHA-256 where EVP_MAC, which allocates a
 * context for each copy in OpenSSL 3.0, costs 6.0 (5.0 by EVP_MAC_CTX_dup, 5.6
 * by EVP_MD_CTX_copy_ex). Hence the functions below EVP; which digests may be
 * used is still the library context's to say. Three messages and more go through
 * esp_lanes: 0.8 us each then, and 0.5 with SHA-1 (1.9 alone).
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "esp_hmac.h"

#include "esp.h"

#include <adit/bytes.h>
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>

#define FEW 3u                  /* messages that lanes are worth it for */
#define BLOCK 64u               /* of SHA-1 and SHA-256 */

struct esp_hmac_alg {
    const char *evp;
    uint32_t len, block, state;
    int (*init)(void *c);
    int (*update)(void *c, const void *p, size_t len);
    int (*final)(uint8_t *out, void *c);
};

#define DIGEST(name, type, fn)                                                             \
    static int name##_init(void *c) { return fn##_Init(c); }                                \
    static int name##_update(void *c, const void *p, size_t len) { return fn##_Update(c, p, len); } \
    static int name##_final(uint8_t *out, void *c) { return fn##_Final(out, c); }           \
    _Static_assert(sizeof(type) <= sizeof(struct esp_digest), #type);
DIGEST(md5, MD5_CTX, MD5)
DIGEST(sha1, SHA_CTX, SHA1)
DIGEST(sha256, SHA256_CTX, SHA256)
DIGEST(sha384, SHA512_CTX, SHA384)
DIGEST(sha512, SHA512_CTX, SHA512)
#define ROW(name, EVP, type, len, block) \
    { EVP, len, block, sizeof(type), name##_init, name##_update, name##_final }

static const struct esp_hmac_alg algs[] = {
    [ESP_HMAC_MD5]    = ROW(md5, "MD5", MD5_CTX, 16, 64),
    [ESP_HMAC_SHA1]   = ROW(sha1, "SHA1", SHA_CTX, 20, 64),
    [ESP_HMAC_SHA256] = ROW(sha256, "SHA256", SHA256_CTX, 32, 64),
    [ESP_HMAC_SHA384] = ROW(sha384, "SHA384", SHA512_CTX, 48, 128),
    [ESP_HMAC_SHA512] = ROW(sha512, "SHA512", SHA512_CTX, 64, 128),
};

static const struct esp_hmac_alg *alg_of(uint16_t auth)
{
    return auth < sizeof algs / sizeof algs[0] && algs[auth].evp ? &algs[auth] : NULL;
}

bool esp_hmac_ok(OSSL_LIB_CTX *lib, uint16_t auth)
{
    const struct esp_hmac_alg *a = alg_of(auth);
    EVP_MD *md = a ? EVP_MD_fetch(lib, a->evp, NULL) : NULL;
    EVP_MD_free(md);
    return md != NULL;
}

uint32_t esp_hmac_len(uint16_t auth)
{
    const struct esp_hmac_alg *a = alg_of(auth);
    return a ? a->len : 0;
}

void esp_hmac_init(struct esp_hmac *h, uint16_t auth, const uint8_t *key)
{
    uint8_t pad[128];
    h->alg = alg_of(auth);
    for (uint8_t turn = 0; turn < 2; turn++) {
        struct esp_digest *d = turn ? &h->outer : &h->inner;
        memset(pad, turn ? 0x5c : 0x36, sizeof pad);
        for (uint32_t i = 0; i < h->alg->len; i++)
            pad[i] ^= key[i];
        h->alg->init(d);
        h->alg->update(d, pad, h->alg->block);
    }
    OPENSSL_cleanse(pad, sizeof pad);
    h->lanes = auth == ESP_HMAC_SHA1 ? esp_lanes_sha1() :
               auth == ESP_HMAC_SHA256 ? esp_lanes_sha256() : NULL;
    if (h->lanes) {             /* both states begin with their words */
        memcpy(h->inner_words, auth == ESP_HMAC_SHA1 ? (void *)&((SHA_CTX *)(void *)&h->inner)->h0
                                                     : ((SHA256_CTX *)(void *)&h->inner)->h, h->alg->len);
        memcpy(h->outer_words, auth == ESP_HMAC_SHA1 ? (void *)&((SHA_CTX *)(void *)&h->outer)->h0
                                                     : ((SHA256_CTX *)(void *)&h->outer)->h, h->alg->len);
    }
}

static void one(const struct esp_hmac *h, struct esp_mac *m)
{
    const struct esp_hmac_alg *a = h->alg;
    struct esp_digest d;
    memcpy(&d, &h->inner, a->state);
    a->update(&d, m->p, m->len);
    a->final(m->mac, &d);
    memcpy(&d, &h->outer, a->state);
    a->update(&d, m->mac, a->len);
    a->final(m->mac, &d);
}

/* ---- eight at once ------------------------------------------------------------------ */

/* What is left of a message behind its whole blocks, padded (FIPS 180-4 section
 * 5.1.1); a block of the key came before. Returns how many blocks that is. */
static size_t pad(uint8_t out[2 * BLOCK], const uint8_t *p, uint32_t len)
{
    uint32_t rest = len % BLOCK;
    size_t blocks = rest + 9 <= BLOCK ? 1 : 2;
    memset(out, 0, 2 * BLOCK);
    memcpy(out, p + (len - rest), rest);
    out[rest] = 0x80;
    struct wr w = wr_of(out + blocks * BLOCK - 8, 8);
    wr_u64(&w, (BLOCK + (uint64_t)len) * 8);
    return blocks;
}

static void begin(struct lanes_state *s, const uint32_t words[8])
{
    for (uint32_t k = 0; k < 8; k++)
        for (uint32_t i = 0; i < LANES; i++)
            s->w[k][i] = words[k];
}

static void take(const struct lanes_state *s, uint32_t lane, uint8_t *out, uint32_t len)
{
    struct wr w = wr_of(out, len);
    for (uint32_t k = 0; k < len / 4; k++)
        wr_u32(&w, s->w[k][lane]);
}

static void together(const struct esp_hmac *h, struct esp_mac *jobs, uint32_t n)
{
    static const uint8_t company[BLOCK];
    uint8_t tail[LANES][2 * BLOCK];
    struct lanes_state s;
    const uint8_t *p[LANES];
    size_t step[LANES] = { 0 }, left[LANES], tail_blocks[LANES] = { 0 };
    uint32_t len = h->alg->len, active = n;
    begin(&s, h->inner_words);
    for (uint32_t i = 0; i < LANES; i++) {
        p[i] = company;
        left[i] = SIZE_MAX;
        if (i >= n)
            continue;
        p[i] = jobs[i].p;
        step[i] = BLOCK;
        left[i] = jobs[i].len / BLOCK;
        tail_blocks[i] = pad(tail[i], jobs[i].p, jobs[i].len);
    }
    while (active) {
        size_t blocks = SIZE_MAX;
        for (uint32_t i = 0; i < LANES; i++)
            blocks = left[i] < blocks ? left[i] : blocks;
        if (blocks)
            h->lanes(&s, p, step, blocks);
        for (uint32_t i = 0; i < n; i++) {
            if (left[i] == SIZE_MAX || (left[i] -= blocks) != 0)
                continue;
            if (tail_blocks[i]) {
                p[i] = tail[i];
                left[i] = tail_blocks[i];
                tail_blocks[i] = 0;
                continue;
            }
            take(&s, i, jobs[i].mac, len);
            p[i] = company;
            step[i] = 0;
            left[i] = SIZE_MAX;
            active--;
        }
    }
    begin(&s, h->outer_words);
    for (uint32_t i = 0; i < LANES; i++) {
        p[i] = company;
        if (i < n) {
            (void)pad(tail[i], jobs[i].mac, len);
            p[i] = tail[i];
        }
    }
    h->lanes(&s, p, step, 1);
    for (uint32_t i = 0; i < n; i++)
        take(&s, i, jobs[i].mac, len);
}

void esp_hmac_run(const struct esp_hmac *h, struct esp_mac *jobs, uint32_t n)
{
    for (uint32_t i = 0, k; i < n; i += k) {
        k = h->lanes && n - i >= FEW ? n - i : 1;
        k = k < LANES ? k : LANES;
        if (k == 1)
            one(h, &jobs[i]);
        else
            together(h, jobs + i, k);
    }
}
