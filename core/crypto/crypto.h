/* crypto.h - digests, RC4, DES, and the key derivations of MS-CHAP and MPPE.
 *
 * Knows:  RFC 2433, 2759 and 3079 computations; OpenSSL in a context of its own
 *         with the legacy provider, so that the host's policy stays as it is.
 * Leaves: packets.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <adit/host.h>

int crypto_init(void);          /* 0; ADIT_ENOSYS: this host forbids MD4, DES or RC4 (see crypto_missing) */
void crypto_fini(void);
const char *crypto_missing(void);       /* the algorithms that are missing; "" none */

int crypto_digest(uint32_t algorithm, const struct adit_chunk *c, uint32_t n, uint8_t *out);
int crypto_hmac(uint32_t algorithm, const void *key, uint32_t key_len,
                const struct adit_chunk *c, uint32_t n, uint8_t *out);
void crypto_random(void *out, uint32_t len);

/* RC4, our own: a key schedule and a stream. */
struct rc4 { uint8_t x, y, s[256]; };
void rc4_init(struct rc4 *r, const uint8_t *key, size_t len);
void rc4_xor(struct rc4 *r, uint8_t *data, size_t len);

/* RFC 2759 section 8 and RFC 2433 appendix A; names are theirs */
int nt_password_hash(const char *utf8, size_t len, uint8_t out[16]);
int hash_nt_password_hash(const uint8_t nt_hash[16], uint8_t out[16]);
int lm_password_hash(const char *utf8, size_t len, uint8_t out[16]);
int challenge_response(const uint8_t challenge[8], const uint8_t hash[16], uint8_t out[24]);
int challenge_hash(const uint8_t peer[16], const uint8_t auth[16], const char *user, uint8_t out[8]);
int generate_nt_response(const uint8_t auth[16], const uint8_t peer[16], const char *user,
                         const uint8_t nt_hash[16], uint8_t out[24]);
int generate_authenticator_response(const uint8_t nt_hash[16], const uint8_t nt_response[24],
                                    const uint8_t peer[16], const uint8_t auth[16],
                                    const char *user, uint8_t out[20]);

/* RFC 3079 */
void mppe_start_key_v1_128(const uint8_t hash_hash[16], const uint8_t challenge[8], uint8_t out[16]);
void mppe_master_key(const uint8_t hash_hash[16], const uint8_t nt_response[24], uint8_t out[16]);
void mppe_asymmetric_start_key(const uint8_t master[16], uint8_t *out, uint32_t len,
                               bool is_send, bool is_server);

/* The judge (auth.h) and the crypto table of the host. */
extern const struct adit_judge_api crypto_judge_api;
extern const struct adit_crypto_api crypto_api;

#endif
