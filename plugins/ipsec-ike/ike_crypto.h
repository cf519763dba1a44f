/* ike_crypto.h - the computations of IKEv1 (RFC 2409 section 5, 5.5, appendix B; RFC 4754, 5903).
 *
 *     struct ike_dh *x = ike_dh_new(lib, group);              // slow: on a thread
 *     ike_dh_shared(x, peer_ke, len, g_xy, &g_xy_len);        // slow
 *     ike_keys_psk(lib, &k, prop, psk, psk_len, &in);         // SKEYID and what follows
 *
 * Knows:  Diffie-Hellman, prf, SKEYID_d/a/e, IVs, KEYMAT, CBC of messages.
 * Leaves: whose secret, who is signed for (ike_auth), when (ike_*).
 * Every function here may run on any thread.
 */
#ifndef IKE_CRYPTO_H
#define IKE_CRYPTO_H

#include "ike_alg.h"

#include <adit/host.h>

/* A library context of our own with the default provider, whatever openssl.cnf
 * says. NULL and a sentence. */
OSSL_LIB_CTX *ike_lib_new(const char **why);
void ike_lib_free(OSSL_LIB_CTX *lib);

/* ---- Diffie-Hellman ---- */

struct ike_dh;
struct ike_dh *ike_dh_new(OSSL_LIB_CTX *lib, const struct ike_group *g);
/* group->public_len bytes, left-padded with zeros (MODP), x and y (ECP). */
void ike_dh_public(const struct ike_dh *d, uint8_t *out);
/* g^xy, group->shared_len bytes (zero-padded). False: the peer's value is not
 * one of the group (out of range, of small order, not on the curve). */
bool ike_dh_shared(const struct ike_dh *d, const uint8_t *peer, size_t len, uint8_t *out);
void ike_dh_free(struct ike_dh *d);             /* wipes */

/* ---- phase 1 keys ---- */

struct ike_keys {
    const struct ike_cipher *cipher;
    const struct ike_hash *hash;
    const struct ike_hash *auth_hash;   /* of HASH_I and HASH_R: see ike_keys_method() */
    uint8_t skeyid[IKE_HASH_MAX], skeyid_d[IKE_HASH_MAX], skeyid_a[IKE_HASH_MAX],
        skeyid_e[IKE_HASH_MAX];
    uint8_t key[IKE_KEY_MAX];           /* of the cipher, appendix B */
    uint8_t iv[IKE_BLOCK_MAX];          /* phase 1's running IV: last block of the last message */
};

struct ike_exchange_values {            /* borrowed */
    const uint8_t *cookie_i, *cookie_r; /* 8 bytes each */
    const uint8_t *nonce_i, *nonce_r;   /* bodies: Ni_b, Nr_b */
    uint32_t nonce_i_len, nonce_r_len;
    const uint8_t *ke_i, *ke_r;         /* g^xi, g^xr as sent */
    uint32_t ke_len;
    const uint8_t *g_xy;
    uint32_t g_xy_len;
};
/* SKEYID = prf(psk, Ni_b | Nr_b), or for signatures prf(Ni_b | Nr_b, g^xy); then
 * SKEYID_d, _a, _e, the cipher's key and the first IV. */
bool ike_keys_psk(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_proposal *p,
                  const uint8_t *psk, size_t psk_len, const struct ike_exchange_values *v);
bool ike_keys_sig(OSSL_LIB_CTX *lib, struct ike_keys *k, const struct ike_proposal *p,
                  const struct ike_exchange_values *v);
/* ECDSA has a hash of its own (RFC 4754), which then HASH_I and HASH_R are made
 * with (RFC 2409 section 5.1, last but one paragraph); for any other IKE_AUTH_*
 * method it stays the negotiated one. */
void ike_keys_method(struct ike_keys *k, uint32_t method);
void ike_keys_wipe(struct ike_keys *k);

/* HASH_I (initiator true) or HASH_R; sa_body and id_body are payload bodies
 * (SAi_b, IDii_b or IDir_b). auth_hash->len bytes. */
bool ike_hash_phase1(OSSL_LIB_CTX *lib, const struct ike_keys *k, bool initiator,
                     const struct ike_exchange_values *v, const uint8_t *sa_body, size_t sa_len,
                     const uint8_t *id_body, size_t id_len, uint8_t *out);
/* prf(key, chunks): what HASH(1), (2), (3) and informational hashes are, with SKEYID_a. */
bool ike_prf(OSSL_LIB_CTX *lib, const struct ike_hash *h, const uint8_t *key, size_t key_len,
             const struct adit_chunk *c, uint32_t n, uint8_t *out);
bool ike_digest(OSSL_LIB_CTX *lib, const struct ike_hash *h, const struct adit_chunk *c, uint32_t n,
                uint8_t *out);

/* The IV of a phase 2 or informational exchange: from the last block of phase 1
 * and the message id. */
bool ike_iv_of(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint32_t message_id,
               uint8_t iv[IKE_BLOCK_MAX]);
/* The payloads of a message in place, a multiple of the block; iv becomes the
 * last ciphertext block. */
bool ike_encrypt(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint8_t *iv, uint8_t *p, size_t len);
bool ike_decrypt(OSSL_LIB_CTX *lib, const struct ike_keys *k, uint8_t *iv, uint8_t *p, size_t len);

/* ---- phase 2 ---- */

/* KEYMAT (section 5.5): len bytes for one direction. g_xy NULL: no PFS. */
bool ike_keymat(OSSL_LIB_CTX *lib, const struct ike_keys *k, const uint8_t *g_xy, size_t g_xy_len,
                uint8_t protocol, uint32_t spi, const uint8_t *nonce_i, size_t nonce_i_len,
                const uint8_t *nonce_r, size_t nonce_r_len, uint8_t *out, size_t len);

/* RFC 3947 section 3.2: HASH(CKY-I | CKY-R | IP | Port). */
bool ike_nat_hash(OSSL_LIB_CTX *lib, const struct ike_hash *h, const uint8_t *cookie_i,
                  const uint8_t *cookie_r, const struct adit_addr *at, uint8_t *out);

#endif
