/* ike_ca.h - a small certification authority for tests: keys and certificates made at run time.
 *
 *     EVP_PKEY *k = ca_key(lib, "RSA 2048");
 *     X509 *x = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=vpn", .key = k,
 *                                           .issuer = ca, .issuer_key = ca_key });
 *     ca_write(path, x, k);
 */
#ifndef IKE_CA_H
#define IKE_CA_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CA_NOW 1800000000ll     /* the time of the tests: January 2027 */
#define CA_DAY 86400ll

#define ca_must(x) ((x) ? (void)0 : abort())

struct ca_wish {
    OSSL_LIB_CTX *lib;
    const char *subject;        /* "C=DE, CN=vpn" */
    EVP_PKEY *key;
    X509 *issuer;               /* NULL: itself */
    EVP_PKEY *issuer_key;
    bool ca;
    const char *alt;            /* "DNS:vpn.example.org,IP:192.0.2.1" */
    const char *usage, *extended;
    const char *md;             /* "SHA256" */
    long long from, until;      /* 0: a year around CA_NOW */
    long serial;
};

/* "RSA 2048", "P-256" */
static inline EVP_PKEY *ca_key(OSSL_LIB_CTX *lib, const char *kind)
{
    EVP_PKEY *key = strncmp(kind, "RSA ", 4) == 0
                        ? EVP_PKEY_Q_keygen(lib, NULL, "RSA", (size_t)atoi(kind + 4))
                        : EVP_PKEY_Q_keygen(lib, NULL, "EC", kind);
    ca_must(key != NULL);
    return key;
}

static inline X509_NAME *ca_name(const char *text)
{
    X509_NAME *n = X509_NAME_new();
    char copy[256], *at = copy, *part;
    snprintf(copy, sizeof copy, "%s", text);
    while ((part = strsep(&at, ","))) {
        part += strspn(part, " ");
        char *value = strchr(part, '=');
        *value++ = '\0';
        ca_must(X509_NAME_add_entry_by_txt(n, part, MBSTRING_UTF8, (unsigned char *)value, -1, -1, 0));
    }
    return n;
}

static inline void ca_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;
    if (!value)
        return;
    X509V3_set_ctx_nodb(&c);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    ca_must(e && X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

static inline X509 *ca_issue(const struct ca_wish *w)
{
    X509 *x = X509_new_ex(w->lib, NULL);
    X509_NAME *n = ca_name(w->subject);
    ca_must(x && X509_set_version(x, 2));
    ASN1_INTEGER_set(X509_get_serialNumber(x), w->serial ? w->serial : 1);
    X509_set_subject_name(x, n);
    X509_set_issuer_name(x, w->issuer ? X509_get_subject_name(w->issuer) : n);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(w->from ? w->from : CA_NOW - 180 * CA_DAY));
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(w->until ? w->until : CA_NOW + 180 * CA_DAY));
    X509_set_pubkey(x, w->key);
    ca_extension(x, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "CA:FALSE");
    ca_extension(x, NID_key_usage, w->ca && !w->usage ? "critical,keyCertSign,cRLSign" : w->usage);
    ca_extension(x, NID_ext_key_usage, w->extended);
    ca_extension(x, NID_subject_alt_name, w->alt);
    EVP_MD *md = EVP_MD_fetch(w->lib, w->md ? w->md : "SHA256", NULL);
    ca_must(X509_sign(x, w->issuer_key ? w->issuer_key : w->key, md) > 0);
    EVP_MD_free(md);
    X509_NAME_free(n);
    return x;
}

/* The list of an issuer with at most one certificate in it. */
static inline void ca_write_crl(OSSL_LIB_CTX *lib, const char *path, X509 *issuer, EVP_PKEY *key,
                                long revoked, long long from, long long until)
{
    X509_CRL *c = X509_CRL_new_ex(lib, NULL);
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)from);
    X509_CRL_set_version(c, 1);
    X509_CRL_set_issuer_name(c, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(c, t);
    ASN1_TIME_set(t, (time_t)until);
    X509_CRL_set1_nextUpdate(c, t);
    if (revoked) {
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_INTEGER *n = ASN1_INTEGER_new();
        ASN1_INTEGER_set(n, revoked);
        X509_REVOKED_set_serialNumber(r, n);
        ASN1_TIME_set(t, (time_t)from);
        X509_REVOKED_set_revocationDate(r, t);
        ASN1_INTEGER_free(n);
        X509_CRL_add0_revoked(c, r);
    }
    X509_CRL_sort(c);
    EVP_MD *md = EVP_MD_fetch(lib, "SHA256", NULL);
    ca_must(X509_CRL_sign(c, key, md) > 0);
    FILE *f = fopen(path, "w");
    ca_must(f && PEM_write_X509_CRL(f, c));
    fclose(f);
    EVP_MD_free(md);
    ASN1_TIME_free(t);
    X509_CRL_free(c);
}

static inline void ca_write(const char *path, X509 *x, X509 *more)
{
    FILE *f = fopen(path, "w");
    ca_must(f && PEM_write_X509(f, x) && (!more || PEM_write_X509(f, more)));
    fclose(f);
}

static inline void ca_write_key(OSSL_LIB_CTX *lib, const char *path, EVP_PKEY *key)
{
    BIO *b = BIO_new_file(path, "w");
    ca_must(b && PEM_write_bio_PrivateKey_ex(b, key, NULL, NULL, 0, NULL, NULL, lib, NULL));
    BIO_free(b);
}

#endif
