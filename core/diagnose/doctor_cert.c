/* doctor_cert.c - certificates, keys and lists of revoked certificates in files.
 *
 * Knows:  PEM and X.509 as OpenSSL reads them.
 * Leaves: what is wrong with them to the checks.
 */
#include "diagnose/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t time_of(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static int no_password(char *buf, int size, int rw, void *u)
{
    (void)buf;
    (void)size;
    (void)rw;
    (void)u;
    return -1;
}

static void look_key(struct doctor_cert *c, X509 *x)
{
    FILE *f = doctor_file(c->key);
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, no_password, NULL) : NULL;
    c->key_read = key != NULL;
    c->key_fits = key && X509_check_private_key(x, key) == 1;
    if (!f)
        snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    else if (!key)
        snprintf(c->why, sizeof c->why, "it is no private key in PEM, or encrypted");
    EVP_PKEY_free(key);
    if (f)
        fclose(f);
}

static void look_names(struct doctor_cert *c, X509 *x)
{
    unsigned char ip[16];
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        int type = sk_GENERAL_NAME_value(all, i)->type;
        c->any_name |= type == GEN_DNS || type == GEN_IPADD;
    }
    GENERAL_NAMES_free(all);
    if (inet_pton(AF_INET, c->name, ip) == 1 || inet_pton(AF_INET6, c->name, ip) == 1)
        c->has_name = X509_check_ip_asc(x, c->name, 0) == 1;
    else
        c->has_name = *c->name && X509_check_host(x, c->name, 0, 0, NULL) == 1;
    c->serves = X509_get_extension_flags(x) & EXFLAG_XKUSAGE && X509_get_extended_key_usage(x) & XKU_SSL_SERVER;
}

/* Of several certificates in the file the one that ends first counts. */
static void look_cert(struct doctor_cert *c, FILE *f)
{
    X509 *x, *first = NULL;
    while ((x = PEM_read_X509(f, NULL, no_password, NULL))) {
        int64_t from = time_of(X509_get0_notBefore(x)), until = time_of(X509_get0_notAfter(x));
        if (!first || until < c->until_s) {
            c->until_s = until;
            X509_NAME_oneline(X509_get_subject_name(x), c->subject, sizeof c->subject);
        }
        c->from_s = !first || from > c->from_s ? from : c->from_s;
        if (first)
            X509_free(x);
        else
            first = x;
    }
    c->read = first != NULL;
    if (!first) {
        snprintf(c->why, sizeof c->why, "it is no certificate in PEM");
        return;
    }
    look_names(c, first);
    if (*c->key)
        look_key(c, first);
    X509_free(first);
}

static void look_crl(struct doctor_cert *c, FILE *f)
{
    X509_CRL *l;
    for (bool first = true; (l = PEM_read_X509_CRL(f, NULL, no_password, NULL)); first = false) {
        int64_t until = time_of(X509_CRL_get0_nextUpdate(l));
        if (first || until < c->until_s) {
            c->until_s = until;
            X509_NAME_oneline(X509_CRL_get_issuer(l), c->subject, sizeof c->subject);
        }
        c->read = true;
        X509_CRL_free(l);
    }
    if (!c->read)
        snprintf(c->why, sizeof c->why, "it is no list of revoked certificates in PEM");
}

void doctor_look_certs(struct doctor_seen *s)
{
    for (uint32_t i = 0; i < s->cert_count; i++) {
        struct doctor_cert *c = &s->certs[i];
        FILE *f = doctor_file(c->file);
        if (!f)
            snprintf(c->why, sizeof c->why, "%s", strerror(errno));
        else if (c->crl)
            look_crl(c, f);
        else
            look_cert(c, f);
        if (f)
            fclose(f);
        ERR_clear_error();
    }
}
