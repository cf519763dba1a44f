/* ike_alg.h - the algorithms of IKEv1, one table a kind, and the proposals made of them
 * (RFC 2409 appendix A, RFC 3526, 4754, 4868, 5903, 8031; IANA "IPsec registry").
 *
 *     ike_proposal_parse("aes256-sha256-modp2048", &p, why, sizeof why);
 *
 * Knows:  numbers, names, sizes; which are weak.
 * Leaves: computing to ike_crypto and esp, bytes to ike_msg.
 */
#ifndef IKE_ALG_H
#define IKE_ALG_H

#include "esp.h"

/* encryption algorithms of phase 1 */
#define IKE_3DES    5u
#define IKE_AES_CBC 7u
/* hash algorithms */
#define IKE_MD5     1u
#define IKE_SHA1    2u
#define IKE_SHA256  4u
#define IKE_SHA384  5u
#define IKE_SHA512  6u
/* authentication methods */
#define IKE_AUTH_PSK       1u
#define IKE_AUTH_RSA       3u
#define IKE_AUTH_ECDSA_256 9u   /* RFC 4754: P-256 with SHA-256 */
#define IKE_AUTH_ECDSA_384 10u
#define IKE_AUTH_ECDSA_521 11u

struct ike_cipher {
    uint16_t id, key_bits;      /* 192 for 3DES, which has no key length attribute */
    const char *name, *evp;     /* "aes256", "AES-256-CBC" */
    uint8_t block;
    bool weak;
};
struct ike_hash {
    uint16_t id;
    const char *name, *evp;     /* "sha256", "SHA256" */
    uint8_t len;
    bool weak;
};
enum ike_group_kind { IKE_MODP, IKE_ECP, IKE_X25519 };
struct ike_group {
    uint16_t id;
    const char *name;           /* "modp2048", "ecp256", "x25519" */
    enum ike_group_kind kind;
    uint16_t public_len;        /* bytes of a KE payload's body */
    uint16_t shared_len;        /* bytes of g^xy */
    bool weak;
};
#define IKE_HASH_MAX   64u
#define IKE_PUBLIC_MAX 512u     /* modp4096 */
#define IKE_KEY_MAX    32u
#define IKE_BLOCK_MAX  16u

/* NULL: not known. key_bits as in the attribute, 0 when there was none: that is
 * 3DES's; AES must have one (RFC 3602 section 5.2). */
const struct ike_cipher *ike_cipher_of(uint32_t id, uint32_t key_bits);
const struct ike_hash *ike_hash_of(uint32_t id);
const struct ike_group *ike_group_of(uint32_t id);

/* One that we accept in phase 1, whatever the authentication method. */
struct ike_proposal {
    const struct ike_cipher *cipher;
    const struct ike_hash *hash;
    const struct ike_group *group;
};
/* One that we accept in phase 2. group NULL: without PFS (a peer's wish for any
 * known and not weak group is granted). */
struct ike_esp_proposal {
    struct esp_suite suite;
    const struct ike_group *group;
};

/* Reads "aes256-sha256-modp2048", "aes128gcm16", "aes256-sha256", "3des-sha1",
 * "aes256-sha256_96" (row A11), "aes256-sha256-ecp256" (phase 2 with PFS). False, and a sentence in `why`. */
bool ike_proposal_parse(const char *text, struct ike_proposal *out, char *why, size_t why_len);
bool ike_esp_proposal_parse(const char *text, struct ike_esp_proposal *out, char *why, size_t why_len);
bool ike_proposal_weak(const struct ike_proposal *p);
bool ike_esp_proposal_weak(const struct ike_esp_proposal *p);
/* "aes256-sha256-modp2048"; at most 48 bytes. */
void ike_proposal_text(const struct ike_proposal *p, char *out, size_t len);

/* The tables that count when the configuration names none, from strong to weak,
 * nothing weak in them. Rows M5, W4, W7 are in. */
extern const char *const ike_default_proposals[];       /* NULL ends */
extern const char *const ike_default_esp[];

#endif
