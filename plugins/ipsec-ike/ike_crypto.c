/* ike_crypto.c - the computations of IKEv1, by OpenSSL.
 *
 * Knows:  Diffie-Hellman, prf, SKEYID_d/a/e, IVs, KEYMAT, CBC of messages.
 * Leaves: whose secret, who is signed for (ike_auth), when (ike_*).
 */
#include "ike_crypto.h"

#include <adit/bytes.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#define POINT_UNCOMPRESSED 4u
/* Of a group that OpenSSL has no name for: MODP 1024. Its strength is about 80
 * bits, twice that is what an exponent needs (RFC 3526 section 8). */
#define EXPONENT_BITS 320

/* Errors of the library are of no use to anybody: a result is good or it is not. */
#define QUIET(expr) ({ ERR_set_mark(); __typeof__(expr) r_ = (expr); ERR_pop_to_mark(); r_; })

static const struct adit_chunk nothing = { "", 0 };

static struct adit_chunk chunk(const void *p, size_t len)
{
    return p ? (struct adit_chunk){ p, len } : nothing;
}

/* ---- the library --------------------------------------------------------------- */

/* No configuration of the host is read: neither its policy nor its providers
 * decide what a peer's proposal means. The default provider loads itself. */
OSSL_LIB_CTX *ike_lib_new(const char **why)
{
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
    EVP_MD *md = lib ? QUIET(EVP_MD_fetch(lib, "SHA256", NULL)) : NULL;
    EVP_CIPHER *c = lib ? QUIET(EVP_CIPHER_fetch(lib, "AES-256-CBC", NULL)) : NULL;
    *why = !lib      ? "OpenSSL gives no library context: out of memory"
           : !md || !c ? "OpenSSL has neither AES nor SHA-256: its default provider is missing"
                     : NULL;
    EVP_MD_free(md);
    EVP_CIPHER_free(c);
    if (*why) {
        OSSL_LIB_CTX_free(lib);
        lib = NULL;
    }
    return lib;
}

void ike_lib_free(OSSL_LIB_CTX *lib)
{
    OSSL_LIB_CTX_free(lib);
}

/* ---- Diffie-Hellman ------------------------------------------------------------ */

struct ike_dh {
    OSSL_LIB_CTX *lib;
    const struct ike_group *group;
    EVP_PKEY *key;
    uint8_t public[IKE_PUBLIC_MAX];
};

/* RFC 2409 section 6.2: p is in the library, g is 2. */
static EVP_PKEY *modp1024(OSSL_LIB_CTX *lib)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *p = BN_get_rfc2409_prime_1024(NULL), *g = BN_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(lib, "DH", NULL);
    if (b && p && g && c && BN_set_word(g, 2) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_P, p) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_G, g) &&
        OSSL_PARAM_BLD_push_int(b, OSSL_PKEY_PARAM_DH_PRIV_LEN, EXPONENT_BITS) &&
        (params = OSSL_PARAM_BLD_to_param(b)) && EVP_PKEY_fromdata_init(c) > 0 &&
        EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    BN_free(p);
    BN_free(g);
    return key;
}

/* Of a group by its name: modp_1536 (RFC 3526), P-256, X25519. */
static EVP_PKEY *generate(OSSL_LIB_CTX *lib, const struct ike_group *g)
{
    char name[16];
    const char *kind = g->kind == IKE_MODP ? "DH" : g->kind == IKE_ECP ? "EC" : "X25519";
    EVP_PKEY *params = NULL, *key = NULL;
    EVP_PKEY_CTX *c;
    snprintf(name, sizeof name, g->kind == IKE_MODP ? "modp_%u" : "P-%u", g->shared_len * 8u);
    if (g->kind == IKE_MODP && g->shared_len == 128) {
        params = modp1024(lib);
        c = params ? EVP_PKEY_CTX_new_from_pkey(lib, params, NULL) : NULL;
    } else {
        c = EVP_PKEY_CTX_new_from_name(lib, kind, NULL);
    }
    bool ok = c && EVP_PKEY_keygen_init(c) > 0;
    if (ok && !params && g->kind != IKE_X25519)
        ok = EVP_PKEY_CTX_set_group_name(c, name) > 0;
    if (ok && EVP_PKEY_generate(c, &key) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(params);
    return key;
}

/* Our public value as it is sent. */
static bool public_of(struct ike_dh *d)
{
    const struct ike_group *g = d->group;
    BIGNUM *y = NULL;
    unsigned char *enc = NULL;
    size_t n;
    bool ok = false;
    if (g->kind == IKE_MODP) {
        ok = EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_PUB_KEY, &y) > 0 &&
             BN_bn2binpad(y, d->public, g->public_len) == g->public_len;
        BN_free(y);
        return ok;
    }
    n = EVP_PKEY_get1_encoded_public_key(d->key, &enc);
    struct rd r = rd_of(enc, n);
    if (g->kind == IKE_ECP)
        ok = rd_u8(&r) == POINT_UNCOMPRESSED;
    else
        ok = true;
    rd_copy(&r, d->public, g->public_len);
    ok = ok && rd_done(&r);
    OPENSSL_free(enc);
    return ok;
}

static struct ike_dh *dh_new(OSSL_LIB_CTX *lib, const struct ike_group *g)
{
    struct ike_dh *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->lib = lib;
    d->group = g;
    d->key = generate(lib, g);
    if (d->key && public_of(d))
        return d;
    ike_dh_free(d);
    return NULL;
}

struct ike_dh *ike_dh_new(OSSL_LIB_CTX *lib, const struct ike_group *g)
{
    return QUIET(dh_new(lib, g));
}

void ike_dh_public(const struct ike_dh *d, uint8_t *out)
{
    memcpy(out, d->public, d->group->public_len);
}

/* 2 <= y <= p - 2. All our MODP groups have safe primes, so nothing but 1 and
 * p - 1 is of small order (RFC 2412 appendix E; RFC 6989 section 2.1). */
static bool modp_ok(const struct ike_dh *d, const uint8_t *peer, size_t len)
{
    BIGNUM *p = NULL, *y = BN_bin2bn(peer, (int)len, NULL);
    bool ok = y && EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_P, &p) > 0 &&
              BN_sub_word(p, 1) && !BN_is_zero(y) && !BN_is_one(y) && BN_cmp(y, p) < 0;
    BN_free(p);
    BN_free(y);
    return ok;
}

/* The peer's value as a key of our group; an EC point is checked to be on the
 * curve when it is set (RFC 5903 section 9; RFC 6989 section 2.3). */
static EVP_PKEY *peer_key(const struct ike_dh *d, const uint8_t *peer, size_t len)
{
    uint8_t enc[1 + IKE_PUBLIC_MAX];
    struct wr w = wr_of(enc, sizeof enc);
    if (d->group->kind == IKE_MODP && !modp_ok(d, peer, len))
        return NULL;
    if (d->group->kind == IKE_ECP)
        wr_u8(&w, POINT_UNCOMPRESSED);
    wr_bytes(&w, peer, len);
    EVP_PKEY *key = EVP_PKEY_new();
    if (key && EVP_PKEY_copy_parameters(key, d->key) > 0 &&
        EVP_PKEY_set1_encoded_public_key(key, enc, wr_len(&w)) > 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static bool dh_shared(const struct ike_dh *d, const uint8_t *peer, size_t len, uint8_t *out)
{
    static const uint8_t zero[IKE_PUBLIC_MAX];
    const struct ike_group *g = d->group;
    size_t n = g->shared_len;
    EVP_PKEY *key = len == g->public_len ? peer_key(d, peer, len) : NULL;
    EVP_PKEY_CTX *c = key ? EVP_PKEY_CTX_new_from_pkey(d->lib, d->key, NULL) : NULL;
    bool ok = c && EVP_PKEY_derive_init(c) > 0 &&
              (g->kind != IKE_MODP || EVP_PKEY_CTX_set_dh_pad(c, 1) > 0) &&
              EVP_PKEY_derive_set_peer_ex(c, key, 0) > 0 && EVP_PKEY_derive(c, out, &n) > 0 &&
              n == g->shared_len && !bytes_equal(out, zero, n);     /* RFC 7748 section 6.1 */
    if (!ok)
        bytes_wipe(out, g->shared_len);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    return ok;
}

bool ike_dh_shared(const struct ike_dh *d, const uint8_t *peer, size_t len, uint8_t *out)
{
    return QUIET(dh_shared(d, peer, len, out));
}

void ike_dh_free(struct ike_dh *d)
{
    if (!d)
        return;
    EVP_PKEY_free(d->key);      /* clears the private value */
    free(d);
}

/* ---- prf and hash -------------------------------------------------------------- */

bool ike_prf(OSSL_LIB_CTX *lib, const struct ike_hash *h, const uint8_t *key, size_t key_len,
             const struct adit_chunk *c, uint32_t n, uint8_t *out)
{
    ERR_set_mark();
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)h->evp, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(lib, "HMAC", NULL);
    EVP_MAC_CTX *m = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    size_t len = 0;
    bool ok = m && EVP_MAC_init(m, key_len ? key : (const uint8_t *)"", key_len, params) > 0;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(m, c[i].p, c[i].len) > 0;
    ok = ok && EVP_MAC_final(m, out, &len, h->len) > 0 && len == h->len;
    EVP_MAC_CTX_free(m);
    EVP_MAC_free(hmac);
    ERR_pop_to_mark();
    if (!ok)
        bytes_wipe(out, h->len);
    return ok;
}

bool ike_digest(OSSL_LIB_CTX *lib, const struct ike_hash *h, const struct adit_chunk *c, uint32_t n,
                uint8_t *out)
{
    ERR_set_mark();
    EVP_MD *md = EVP_MD_fetch(lib, h->evp, NULL);
    EVP_MD_CTX *m = md ? EVP_MD_CTX_new() : NULL;
    bool ok = m && EVP_DigestInit_ex2(m, md, NULL) > 0;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(m, c[i].p, c[i].len) > 0;
    ok = ok && EVP_DigestFinal_ex(m, out, NULL) > 0;
    EVP_MD_CTX_free(m);
    EVP_MD_free(md);
    ERR_pop_to_mark();
    if (!ok)
        bytes_wipe(out, h->len);
    return ok;
}

/* ---- phase 1 ------------------------------------------------------------------- */

/* K1 = prf(key, seed), K2 = prf(key, K1 | again), ... until `out` is full. */
static bool expand(OSSL_LIB_CTX *lib, const struct ike_hash *h, const uint8_t *key, size_t key_len,
                   const struct adit_chunk *seed, uint32_t seeds, const struct adit_chunk *again,
                   uint32_t agains, uint8_t *out, size_t len)
{
    uint8_t k[IKE_HASH_MAX];
    struct adit_chunk c[6];
    struct wr w = wr_of(out, len);
    bool ok = ike_prf(lib, h, key, key_len, seed, seeds, k);
    c[0] = chunk(k, h->len);
    for (uint32_t i = 0; i < agains && i < 5; i++)
        c[1 + i] = again[i];
    while (ok) {
        size_t left = len - wr_len(&w);
        wr_bytes(&w, k, left < h->len ? left : h->len);
        if (wr_len(&w) == len)
            break;
        ok = ike_prf(lib, h, key, key_len, c, 1 + agains, k);
    }
    bytes_wipe(k, sizeof k);
    if (!ok)
        bytes_wipe(out, len);
    return ok;
}

/* Section 5: SKEYID_d, _a and _e differ in what is before g^xy and in the number. */
static bool skeyid_x(OSSL_LIB_CTX *lib, const struct ike_keys *k, const uint8_t *before,
                     const struct ike_exchange_values *v, uint8_t number, uint8_t *out)
{
    const struct adit_chunk c[] = {
        chunk(before, before ? k->hash->len : 0), chunk(v->g_xy, v->g_xy_len),
        chunk(v->cookie_i, 8), chunk(v->cookie_r, 8), chunk(&number, 1),
    };
    return ike_prf(lib, k->hash, k->skeyid, k->hash->len, c, 5, out);
}

/* Appendix B: SKEYID_e, or what grows from it when the cipher wants more. */
static bool cipher_key(OSSL_LIB_CTX *lib, struct ike_keys *k)
{
    static const uint8_t zero = 0;
    const struct adit_chunk seed = chunk(&zero, 1);
    size_t len = k->cipher->key_bits / 8u;
    if (len <= k->hash->len) {
        memcpy(k->key, k->skeyid_e, len);
        return true;
    }
    return expand(lib, k->hash, k->skeyid_e, k->hash->len, &seed, 1, NULL, 0, k->key, len);
}

/* Appendix B: the first IV is hash(g^xi | g^xr). */
static bool first_iv(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_exchange_values *v)
{
    uint8_t digest[IKE_HASH_MAX];
    const struct adit_chunk c[] = { chunk(v->ke_i, v->ke_len), chunk(v->ke_r, v->ke_len) };
    if (!ike_digest(lib, k->hash, c, 2, digest))
        return false;
    memcpy(k->iv, digest, k->cipher->block);
    return true;
}

static bool keys(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_proposal *p,
                 const uint8_t *key, size_t key_len, const struct adit_chunk *c, uint32_t n,
                 const struct ike_exchange_values *v)
{
    *k = (struct ike_keys){ .cipher = p->cipher, .hash = p->hash, .auth_hash = p->hash };
    bool ok = ike_prf(lib, p->hash, key, key_len, c, n, k->skeyid) &&
              skeyid_x(lib, k, NULL, v, 0, k->skeyid_d) &&
              skeyid_x(lib, k, k->skeyid_d, v, 1, k->skeyid_a) &&
              skeyid_x(lib, k, k->skeyid_a, v, 2, k->skeyid_e) && cipher_key(lib, k) &&
              first_iv(lib, k, v);
    if (!ok)
        ike_keys_wipe(k);
    return ok;
}

bool ike_keys_psk(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_proposal *p,
                  const uint8_t *psk, size_t psk_len, const struct ike_exchange_values *v)
{
    const struct adit_chunk c[] = { chunk(v->nonce_i, v->nonce_i_len),
                                    chunk(v->nonce_r, v->nonce_r_len) };
    return keys(lib, k, p, psk, psk_len, c, 2, v);
}

bool ike_keys_sig(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_proposal *p,
                  const struct ike_exchange_values *v)
{
    const struct adit_chunk c = chunk(v->g_xy, v->g_xy_len);
    size_t len = (size_t)v->nonce_i_len + v->nonce_r_len;
    uint8_t *nonces = malloc(len ? len : 1);
    if (!nonces)
        return false;
    struct wr w = wr_of(nonces, len);
    wr_bytes(&w, v->nonce_i, v->nonce_i_len);
    wr_bytes(&w, v->nonce_r, v->nonce_r_len);
    bool ok = keys(lib, k, p, nonces, len, &c, 1, v);
    free(nonces);
    return ok;
}

void ike_keys_method(struct ike_keys *k, uint32_t method)
{
    uint32_t own = method == IKE_AUTH_ECDSA_256   ? IKE_SHA256
                   : method == IKE_AUTH_ECDSA_384 ? IKE_SHA384
                   : method == IKE_AUTH_ECDSA_521 ? IKE_SHA512
                                                  : k->hash->id;
    k->auth_hash = ike_hash_of(own);
}

void ike_keys_wipe(struct ike_keys *k)
{
    bytes_wipe(k, sizeof *k);
}

bool ike_hash_phase1(OSSL_LIB_CTX *lib, const struct ike_keys *k, bool initiator,
                     const struct ike_exchange_values *v, const uint8_t *sa_body, size_t sa_len,
                     const uint8_t *id_body, size_t id_len, uint8_t *out)
{
    const struct adit_chunk c[] = {
        chunk(initiator ? v->ke_i : v->ke_r, v->ke_len),
        chunk(initiator ? v->ke_r : v->ke_i, v->ke_len),
        chunk(initiator ? v->cookie_i : v->cookie_r, 8),
        chunk(initiator ? v->cookie_r : v->cookie_i, 8),
        chunk(sa_body, sa_len),
        chunk(id_body, id_len),
    };
    return ike_prf(lib, k->auth_hash, k->skeyid, k->hash->len, c, 6, out);
}

bool ike_iv_of(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint32_t message_id,
               uint8_t iv[IKE_BLOCK_MAX])
{
    uint8_t id[4], digest[IKE_HASH_MAX];
    struct wr w = wr_of(id, sizeof id);
    wr_u32(&w, message_id);
    const struct adit_chunk c[] = { chunk(k->iv, k->cipher->block), chunk(id, sizeof id) };
    if (!ike_digest(lib, k->hash, c, 2, digest))
        return false;
    memcpy(iv, digest, k->cipher->block);
    return true;
}

static bool cbc(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint8_t *iv, uint8_t *p, size_t len,
                  int encrypt)
{
    size_t block = k->cipher->block;
    uint8_t last[IKE_BLOCK_MAX];
    int n = 0;
    if (!len || len % block || len > INT32_MAX)
        return false;
    struct rd r = rd_of(p, len);
    rd_skip(&r, len - block);
    struct rd tail = r;
    rd_copy(&tail, last, block);
    ERR_set_mark();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(lib, k->cipher->evp, NULL);
    EVP_CIPHER_CTX *c = cipher ? EVP_CIPHER_CTX_new() : NULL;
    bool ok = c && EVP_CipherInit_ex2(c, cipher, k->key, iv, encrypt, NULL) > 0 &&
              EVP_CIPHER_CTX_set_padding(c, 0) > 0 &&
              EVP_CipherUpdate(c, p, &n, p, (int)len) > 0 && n == (int)len;
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    ERR_pop_to_mark();
    if (encrypt)
        rd_copy(&r, last, block);
    if (ok)
        memcpy(iv, last, block);
    return ok;
}

bool ike_encrypt(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint8_t *iv, uint8_t *p, size_t len)
{
    return cbc(lib, k, iv, p, len, 1);
}

bool ike_decrypt(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint8_t *iv, uint8_t *p, size_t len)
{
    return cbc(lib, k, iv, p, len, 0);
}

/* ---- phase 2 ------------------------------------------------------------------- */

bool ike_keymat(OSSL_LIB_CTX *lib, const struct ike_keys *k, const uint8_t *g_xy, size_t g_xy_len,
                uint8_t protocol, uint32_t spi, const uint8_t *nonce_i, size_t nonce_i_len,
                const uint8_t *nonce_r, size_t nonce_r_len, uint8_t *out, size_t len)
{
    uint8_t number[4];
    struct wr w = wr_of(number, sizeof number);
    wr_u32(&w, spi);
    const struct adit_chunk c[] = {
        chunk(g_xy, g_xy ? g_xy_len : 0), chunk(&protocol, 1), chunk(number, sizeof number),
        chunk(nonce_i, nonce_i_len), chunk(nonce_r, nonce_r_len),
    };
    return expand(lib, k->hash, k->skeyid_d, k->hash->len, c, 5, c, 5, out, len);
}

bool ike_nat_hash(OSSL_LIB_CTX *lib, const struct ike_hash *h, const uint8_t *cookie_i,
                  const uint8_t *cookie_r, const struct adit_addr *at, uint8_t *out)
{
    uint8_t port[2];
    struct wr w = wr_of(port, sizeof port);
    wr_u16(&w, at->port);
    const struct adit_chunk c[] = {
        chunk(cookie_i, 8), chunk(cookie_r, 8), chunk(at->ip, at->family == ADIT_AF_IPV4 ? 4 : 16),
        chunk(port, sizeof port),
    };
    return ike_digest(lib, h, c, 4, out);
}
