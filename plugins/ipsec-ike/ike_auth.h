/* ike_auth.h - who we are and who they are: pre-shared keys and certificates
 * (RFC 2409 sections 5.1 and 5.4, RFC 4945, RFC 5280).
 *
 * Knows:  secrets and their rows, X.509 chains, names, CRLs, signatures.
 * Leaves: messages and states.
 */
#ifndef IKE_AUTH_H
#define IKE_AUTH_H

#include "ike_alg.h"
#include "ike_msg.h"

/* A row of the configuration. */
struct ike_psk_conf {
    struct adit_addr address;   /* prefix; family NONE: any */
    const char *identity;       /* the peer's; NULL: any */
    const char *secret;
    const char *secret_file;
};

struct ike_auth_conf {
    const char *psk;            /* the default key; NULL none */
    const char *psk_file;       /* owner and mode are checked */
    struct adit_array psks;     /* struct ike_psk_conf */
    const char *certificate;    /* PEM, ours first, then the chain's */
    const char *key;            /* PEM */
    const char *ca;             /* PEM, what peers' certificates must lead to */
    const char *crl;            /* PEM; NULL: none is demanded */
    const char *identity;       /* ours; NULL: the address, or the certificate's subject */
    struct adit_array peer_identities;  /* const char *; empty: any that the CA vouches for */
    uint32_t none;              /* 1: no key at all is fine, each call brings its own */
};

struct ike_auth;
/* Loads files. NULL, and a sentence that names the setting and the remedy. */
struct ike_auth *ike_auth_new(OSSL_LIB_CTX *lib, const struct ike_auth_conf *c, char *why,
                              size_t why_len);
void ike_auth_free(struct ike_auth *a);         /* wipes; reference counted with _hold */
struct ike_auth *ike_auth_hold(struct ike_auth *a);

/* The nth key that may be that peer's, best first: its address's rows (longest
 * prefix first), rows by identity, the default. id NULL: not known yet (main
 * mode responder): rows of identities come too, to be tried, and the one that
 * fits must fit `row_identity` afterwards (NULL: any). False: no more. */
struct ike_psk { const uint8_t *secret; size_t len; const char *row_identity; };
bool ike_auth_psk(const struct ike_auth *a, const struct adit_addr *peer, const struct ike_id *id,
                  uint32_t nth, struct ike_psk *out);
bool ike_auth_has_psk(const struct ike_auth *a);
/* The methods that we can be authenticated with: bits 1u << IKE_AUTH_*. */
uint32_t ike_auth_methods(const struct ike_auth *a);

/* Our identification payload's content: type, data. For PSK: `our` address
 * unless an identity is configured. */
void ike_auth_our_id(const struct ike_auth *a, uint32_t method, const struct adit_addr *our,
                     struct ike_id *out, uint8_t *buf, size_t buf_len);

/* Our chain, ours first, DER; NULL: no more. */
const uint8_t *ike_auth_cert(const struct ike_auth *a, uint32_t nth, size_t *len);
/* The DER names of our CAs for certificate requests; NULL: no more. */
const uint8_t *ike_auth_ca_name(const struct ike_auth *a, uint32_t nth, size_t *len);

/* ANY THREAD. Signs HASH_I or HASH_R: RSA PKCS#1 without an algorithm identifier (RFC 2409
 * section 5.1), ECDSA as r | s (RFC 4754). Length, 0: failed. */
size_t ike_auth_sign(const struct ike_auth *a, uint32_t method, const uint8_t *hash, size_t hash_len,
                     uint8_t *out, size_t out_len);

/* ANY THREAD. The peer's CERT payloads (DER, its own among them), its ID, its
 * signature over `hash`, at a time (seconds since 1970). 0, and the identity as
 * text; or ADIT_EAUTH and a sentence: which check failed, of which certificate. */
struct ike_cert_in { const uint8_t *der; size_t len; };
int32_t ike_auth_verify(const struct ike_auth *a, uint32_t method, const struct ike_cert_in *certs,
                        uint32_t n, const struct ike_id *id, const uint8_t *hash, size_t hash_len,
                        const uint8_t *sig, size_t sig_len, uint64_t now_s, const char *want,
                        char *identity, size_t identity_len, char *why, size_t why_len);

/* For `adit doctor` and the log: what expires when; NULL: nothing is loaded. */
const char *ike_auth_subject(const struct ike_auth *a, uint64_t *not_after_s);

#endif
