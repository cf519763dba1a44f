/* tls_ctx.h - certificates made on the spot, for tests of EAP-TLS.
 *
 *     struct tls_ca ca = tls_ca_new("Test CA");
 *     SSL_CTX *ctx = tls_ctx_new(&ca, "server", NULL, 3600);    // CN, SAN, seconds
 */
#ifndef TLS_CTX_H
#define TLS_CTX_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_ca {
    EVP_PKEY *key;
    X509 *cert;
};

static inline void tls_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    if (!e || !X509_add_ext(x, e, -1))
        abort();
    X509_EXTENSION_free(e);
}

static inline X509 *tls_cert(EVP_PKEY *key, const char *cn, const char *san, X509 *issuer,
                             EVP_PKEY *issuer_key, long from_s, long to_s)
{
    static long serial = 1;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), to_s);
    X509_set_pubkey(x, key);
    if (cn)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    if (!issuer)
        tls_ext(x, x, NID_basic_constraints, "critical,CA:TRUE");
    if (san)
        tls_ext(x, issuer ? issuer : x, NID_subject_alt_name, san);
    if (!X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256()))
        abort();
    return x;
}

static inline struct tls_ca tls_ca_new(const char *cn)
{
    struct tls_ca ca = { EVP_EC_gen("P-256"), NULL };
    ca.cert = tls_cert(ca.key, cn, NULL, NULL, NULL, -3600, 86400);
    return ca;
}

static inline void tls_ca_free(struct tls_ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
}

/* A context with a certificate of that name from `ca`, which trusts `ca`. With
 * `san` NULL there are no alternative names; cn NULL: no common name. */
static inline SSL_CTX *tls_ctx_new(const struct tls_ca *ca, const char *cn, const char *san, long to_s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = tls_cert(key, cn, san, ca->cert, ca->key, -3600, to_s);
    if (!SSL_CTX_use_certificate(ctx, x) || !SSL_CTX_use_PrivateKey(ctx, key) ||
        !X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca->cert))
        abort();
    X509_free(x);
    EVP_PKEY_free(key);
    return ctx;
}

#endif
