/* ike_cert.h - certificates: files, chains, names, signatures (RFC 5280, RFC 4945).
 *
 * Knows:  X.509 as OpenSSL reads it, and how to say what is wrong with it.
 * Leaves: which files, whose identity is wanted, secrets: ike_auth.
 *
 * What takes `why` answers NULL, false or an error with a sentence there.
 */
#ifndef IKE_CERT_H
#define IKE_CERT_H

#include "ike_auth.h"

#include <openssl/x509v3.h>

#define IKE_PEER_CERTS_MAX 12u  /* most of a peer */
#define IKE_NAME_TEXT 160u      /* of a name in a sentence */

/* A whole file, NUL behind it. `secret`: its owner and mode are checked. Freed
 * with ike_file_free(). */
char *ike_file_read(const char *path, const char *setting, bool secret, size_t *len, char *why,
                    size_t why_len);
void ike_file_free(char *p, size_t len);        /* wipes; NULL is fine */

STACK_OF(X509) *ike_cert_load(OSSL_LIB_CTX *lib, const char *path, const char *setting, char *why,
                              size_t why_len);
EVP_PKEY *ike_cert_key(OSSL_LIB_CTX *lib, const char *path, char *why, size_t why_len);
/* What peers' certificates must lead to; crl NULL: none is demanded. */
X509_STORE *ike_cert_store(OSSL_LIB_CTX *lib, STACK_OF(X509) *ca, const char *crl, char *why,
                           size_t why_len);

void ike_cert_name_text(const X509_NAME *name, char out[IKE_NAME_TEXT]);
uint64_t ike_cert_until(const X509 *x);         /* seconds since 1970 */
/* IKE_AUTH_* of such a key; 0: none. */
uint32_t ike_cert_method(const EVP_PKEY *key);
/* Is this identity in the certificate: its subject, or a subjectAltName? */
bool ike_cert_is(const X509 *x, const struct ike_id *id);
/* The same of a configured name: "vpn.example.org", "*.example.org", "a@b",
 * "192.0.2.1", "C=DE, CN=x". */
bool ike_cert_named(const X509 *x, const char *name);
/* ANY THREAD. The chain, as of then. */
bool ike_cert_chain(OSSL_LIB_CTX *lib, X509_STORE *store, X509 *x, STACK_OF(X509) *others,
                    uint64_t now_s, char *why, size_t why_len);

/* ANY THREAD. RSA PKCS#1 without an algorithm identifier; ECDSA as r | s. */
size_t ike_cert_sign(OSSL_LIB_CTX *lib, EVP_PKEY *key, const uint8_t *hash, size_t hash_len,
                     uint8_t *out, size_t out_len);
bool ike_cert_verify(OSSL_LIB_CTX *lib, EVP_PKEY *key, const uint8_t *hash, size_t hash_len,
                     const uint8_t *sig, size_t sig_len);

#endif
