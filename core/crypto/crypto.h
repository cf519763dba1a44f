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

/* Loads the providers; every function below does it too when it must. */
int crypto_init(void);          /* 0; ADIT_ENOSYS: this host forbids MD4, DES ... (see crypto_missing) */
void crypto_fini(void);         /* no other thread is in here any more */
const char *crypto_missing(void);       /* the algorithms that are missing, "MD4, DES"; "" none */

/* ANY THREAD: the digest of the chunks in a row. ADIT_ENOSYS, ADIT_EINVAL: no such algorithm. */
int crypto_digest(uint32_t algorithm, const struct adit_chunk *c, uint32_t n, uint8_t *out);
int crypto_hmac(uint32_t algorithm, const void *key, uint32_t key_len,
                const struct adit_chunk *c, uint32_t n, uint8_t *out);
void crypto_random(void *out, uint32_t len);

/* SHA-1 of whole 64-byte blocks, for what must be fast (SHA extensions where
 * the processor has them). The caller pads. */
void sha1_blocks(uint32_t state[5], const uint8_t *p, size_t blocks);

/* RC4, our own: a key schedule and a stream. Keys of 1 to 256 bytes. */
struct rc4 { uint8_t x, y, s[256]; };
void rc4_init(struct rc4 *r, const uint8_t *key, size_t len);
void rc4_xor(struct rc4 *r, uint8_t *data, size_t len);

/* RFC 2759 section 8 and RFC 2433 appendix A; names are theirs. 0, ADIT_EINVAL
 * (the text is not UTF-8, or longer than 256 characters), ADIT_ENOSYS.
 * `user` may carry DOMAIN\: it takes no part in the hash (RFC 2759 section 4). */
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
/* The fields of a Change-Password packet (RFC 2759 sections 8.9 to 8.12):
 * made by a peer, opened by us. `out` gets UTF-8 and a NUL. */
int new_password_encrypted(const char *utf8, size_t len, const uint8_t old_hash[16], uint8_t out[516]);
int new_password_decrypt(const uint8_t in[516], const uint8_t old_hash[16], char *out, size_t size);
int old_hash_encrypted(const uint8_t new_hash[16], const uint8_t old_hash[16], uint8_t out[16]);

/* RFC 3079 */
void mppe_start_key_v1_128(const uint8_t hash_hash[16], const uint8_t challenge[8], uint8_t out[16]);
void mppe_master_key(const uint8_t hash_hash[16], const uint8_t nt_response[24], uint8_t out[16]);
void mppe_asymmetric_start_key(const uint8_t master[16], uint8_t *out, uint32_t len,
                               bool is_send, bool is_server);
/* GetNewKeyFromSHA (RFC 3079 section 3.4; RFC 3078 section 7): `out` from the
 * start key and the session key, len 8 or 16; no RC4, no salt. The first
 * session key is this with session == start. */
void mppe_key_from_sha(const uint8_t start[16], const uint8_t session[16], uint32_t len, uint8_t *out);
/* The change of a session key: GetNewKeyFromSHA, then RC4 of that key over
 * itself. The caller salts 40 and 56 bit keys (D1 26 9E, D1). */
void mppe_new_key(const uint8_t start[16], uint8_t session[16], uint32_t len);
/* The same for one packet of the stateless mode, and faster: `r` becomes the
 * stream of the session key as it is, `session` the key after that; `salt` of
 * its bytes are replaced (0; 1: 56 bit; 3: 40 bit). */
void mppe_step(const uint8_t start[16], uint8_t session[16], uint32_t len, uint32_t salt,
               struct rc4 *r);

/* The judge (auth.h) and the crypto table of the host. MPPE keys: `we` are the
 * server. MS-CHAPv1 without the clear password leaves lm_key zero: there is
 * no key of 40 or 56 bit then. CHANGE: a challenge of 8 bytes is MS-CHAPv1's. */
extern const struct adit_judge_api crypto_judge_api;
extern const struct adit_crypto_api crypto_api;
int password_hash(const char *password, uint32_t len, char *out, uint32_t out_size);
int password_check(const char *password, uint32_t len, const char *hash);

#endif
