/* ike_cert.c - certificates: files, chains, names, signatures.
 *
 * Knows:  X.509 as OpenSSL reads it, and how to say what is wrong with it.
 * Leaves: which files, whose identity is wanted, secrets: ike_auth.
 */
#include "ike_cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)     /* CRLs can be long */
#define LEVEL    2              /* 112 bits: RSA 2048, SHA-256 */
#define DEPTH    8

#define REFUSE(...) (snprintf(why, why_len, __VA_ARGS__), ERR_clear_error(), false)

/* ---- files --------------------------------------------------------------------- */

static bool is_private(const struct stat *st, const char *path, const char *setting, char *why,
                       size_t why_len)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return REFUSE("%s: %s belongs to somebody else: chown it to root", setting, path);
    if (st->st_mode & S_IRWXO)
        return REFUSE("%s: %s is open to everybody: chmod 600 it", setting, path);
    return true;
}

char *ike_file_read(const char *path, const char *setting, bool secret, size_t *len, char *why,
                    size_t why_len)
{
    struct stat st;
    char *p = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *len = 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        (void)REFUSE("%s: %s cannot be read: %s", setting, path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        (void)REFUSE("%s: %s is no file, or one of more than %u MB", setting, path, FILE_MAX >> 20);
    else if (!secret || is_private(&st, path, setting, why, why_len))
        p = calloc(1, (size_t)st.st_size + 1);
    if (p) {
        ssize_t n = read(fd, p, (size_t)st.st_size);
        if (n != st.st_size) {
            (void)REFUSE("%s: %s changes while it is read", setting, path);
            ike_file_free(p, (size_t)st.st_size);
            p = NULL;
        } else {
            *len = (size_t)n;
        }
    }
    if (fd >= 0)
        close(fd);
    return p;
}

void ike_file_free(char *p, size_t len)
{
    if (p)
        bytes_wipe(p, len);
    free(p);
}

static void x509_free(X509 *x) { X509_free(x); }

static STACK_OF(X509) *certs_of(OSSL_LIB_CTX *lib, BIO *b)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    for (;;) {
        X509 *x = X509_new_ex(lib, NULL);
        if (!all || !x || !PEM_read_bio_X509(b, &x, NULL, NULL)) {
            X509_free(x);
            break;
        }
        sk_X509_push(all, x);
    }
    /* The end is the one error that there may be. */
    if (all && sk_X509_num(all) > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        return all;
    sk_X509_pop_free(all, x509_free);
    return NULL;
}

STACK_OF(X509) *ike_cert_load(OSSL_LIB_CTX *lib, const char *path, const char *setting, char *why,
                              size_t why_len)
{
    size_t len;
    STACK_OF(X509) *all = NULL;
    char *text = ike_file_read(path, setting, false, &len, why, why_len);
    BIO *b = text ? BIO_new_mem_buf(text, (int)len) : NULL;
    ERR_clear_error();
    if (b && !(all = certs_of(lib, b)))
        (void)REFUSE("%s: %s is not a certificate in PEM (-----BEGIN CERTIFICATE-----)", setting,
                     path);
    ERR_clear_error();
    BIO_free(b);
    ike_file_free(text, len);
    return all;
}

static int no_password(char *buf, int size, int rw, void *u)
{
    (void)buf;
    (void)size;
    (void)rw;
    (void)u;
    return -1;
}

EVP_PKEY *ike_cert_key(OSSL_LIB_CTX *lib, const char *path, char *why, size_t why_len)
{
    size_t len;
    char *text = ike_file_read(path, "key", true, &len, why, why_len);
    BIO *b = text ? BIO_new_mem_buf(text, (int)len) : NULL;
    EVP_PKEY *key = b ? PEM_read_bio_PrivateKey_ex(b, NULL, no_password, NULL, lib, NULL) : NULL;
    if (b && !key && strstr(text, "ENCRYPTED"))
        (void)REFUSE("key: %s is encrypted: take its password away (openssl pkey -in ... -out ...)",
                     path);
    else if (b && !key)
        (void)REFUSE("key: %s is not a private key in PEM", path);
    ERR_clear_error();
    BIO_free(b);
    ike_file_free(text, len);
    return key;
}

static bool add_crls(OSSL_LIB_CTX *lib, X509_STORE *s, const char *path, char *why, size_t why_len)
{
    size_t len;
    int n = 0;
    char *text = ike_file_read(path, "crl", false, &len, why, why_len);
    BIO *b = text ? BIO_new_mem_buf(text, (int)len) : NULL;
    if (!b) {
        ike_file_free(text, len);
        return false;
    }
    for (;;) {
        X509_CRL *c = X509_CRL_new_ex(lib, NULL);
        bool got = c && PEM_read_bio_X509_CRL(b, &c, NULL, NULL) && X509_STORE_add_crl(s, c) > 0;
        X509_CRL_free(c);
        if (!got)
            break;
        n++;
    }
    bool ok = n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!ok)
        (void)REFUSE("crl: %s is not a list of revoked certificates in PEM (-----BEGIN X509 CRL-----)",
                     path);
    ERR_clear_error();
    BIO_free(b);
    ike_file_free(text, len);
    X509_STORE_set_flags(s, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return ok;
}

X509_STORE *ike_cert_store(OSSL_LIB_CTX *lib, STACK_OF(X509) *ca, const char *crl, char *why,
                           size_t why_len)
{
    X509_STORE *s = X509_STORE_new();
    bool ok = s != NULL;
    for (int i = 0; ok && i < sk_X509_num(ca); i++)
        ok = X509_STORE_add_cert(s, sk_X509_value(ca, i)) > 0;
    if (!ok) {
        (void)REFUSE("ca: out of memory");
    } else {
        /* What is in `ca` is trusted, also when another CA issued it. No purpose is
         * set: clients' certificates have serverAuth, clientAuth, IKE or none. */
        X509_STORE_set_flags(s, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM *p = X509_STORE_get0_param(s);
        X509_VERIFY_PARAM_set_auth_level(p, LEVEL);
        X509_VERIFY_PARAM_set_depth(p, DEPTH);
        ok = !crl || add_crls(lib, s, crl, why, why_len);
    }
    if (ok)
        return s;
    X509_STORE_free(s);
    return NULL;
}

/* ---- what a certificate says ------------------------------------------------------ */

void ike_cert_name_text(const X509_NAME *name, char out[IKE_NAME_TEXT])
{
    unsigned char *der = NULL;
    int n = i2d_X509_NAME(name, &der);
    struct ike_id id = { .type = IKE_ID_DER_DN, .data = der, .len = (uint16_t)n };
    out[0] = '\0';
    if (n > 0 && n <= UINT16_MAX)
        ike_id_text(&id, out, IKE_NAME_TEXT);
    OPENSSL_free(der);
}

static void subject_text(const X509 *x, char out[IKE_NAME_TEXT])
{
    ike_cert_name_text(X509_get_subject_name(x), out);
    if (!out[0])
        snprintf(out, IKE_NAME_TEXT, "(without a subject)");
}

static void time_text(const ASN1_TIME *t, char *out, size_t len)
{
    struct tm tm;
    if (!t || !ASN1_TIME_to_tm(t, &tm) || !strftime(out, len, "%Y-%m-%d %H:%M:%S UTC", &tm))
        snprintf(out, len, "an unreadable date");
}

uint64_t ike_cert_until(const X509 *x)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm))
        return 0;
    time_t t = timegm(&tm);
    return t > 0 ? (uint64_t)t : 0;
}

static bool is_curve(const EVP_PKEY *key, const char *name)
{
    char group[32];
    size_t n;
    return EVP_PKEY_get_group_name(key, group, sizeof group, &n) > 0 && strcmp(group, name) == 0;
}

uint32_t ike_cert_method(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA")        ? IKE_AUTH_RSA
           : !EVP_PKEY_is_a(key, "EC")      ? 0
           : is_curve(key, "prime256v1") ? IKE_AUTH_ECDSA_256
           : is_curve(key, "secp384r1")  ? IKE_AUTH_ECDSA_384
           : is_curve(key, "secp521r1")  ? IKE_AUTH_ECDSA_521
                                         : 0;
}

/* One subjectAltName as bytes; `type` as an identity has it. */
struct name {
    uint32_t type;
    const uint8_t *p;
    size_t len;
};

static struct name name_of(const GENERAL_NAME *g)
{
    struct name n = { 0, NULL, 0 };
    const ASN1_STRING *s = NULL;
    if (g->type == GEN_DNS || g->type == GEN_EMAIL) {
        n.type = g->type == GEN_DNS ? IKE_ID_FQDN : IKE_ID_USER;
        s = g->d.ia5;
    } else if (g->type == GEN_IPADD) {
        s = g->d.iPAddress;
        n.type = ASN1_STRING_length(s) == 4 ? IKE_ID_IPV4 : IKE_ID_IPV6;
    }
    if (s) {
        n.p = ASN1_STRING_get0_data(s);
        n.len = (size_t)ASN1_STRING_length(s);
    }
    return n;
}

static bool is_text(uint32_t type) { return type == IKE_ID_FQDN || type == IKE_ID_USER; }

/* All bytes count: a NUL inside ends nothing. */
static bool same(struct name a, struct name b)
{
    if (a.type != b.type || a.len != b.len || !a.len)
        return false;
    return is_text(a.type) ? memchr(a.p, 0, a.len) == NULL &&
                                 strncasecmp((const char *)a.p, (const char *)b.p, a.len) == 0
                           : memcmp(a.p, b.p, a.len) == 0;
}

/* "*.example.org" of "vpn.example.org": one label, not empty. */
static bool under(struct name pattern, struct name host)
{
    if (pattern.type != IKE_ID_FQDN || host.type != IKE_ID_FQDN || pattern.len < 3 ||
        memcmp(pattern.p, "*.", 2) != 0 || host.len <= pattern.len - 1)
        return false;
    size_t label = host.len - (pattern.len - 1);
    struct rd h = rd_of(host.p, host.len), p = rd_of(pattern.p, pattern.len);
    const uint8_t *first = rd_bytes(&h, label);
    rd_skip(&p, 1);
    size_t n, m;
    const uint8_t *a = rd_rest(&h, &n), *b = rd_rest(&p, &m);
    return !memchr(first, '.', label) && !memchr(host.p, 0, host.len) && n == m &&
           strncasecmp((const char *)a, (const char *)b, n) == 0;
}

static bool in_altnames(const X509 *x, struct name want, bool (*fits)(struct name, struct name))
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_GENERAL_NAME_num(all); i++)
        found = fits(want, name_of(sk_GENERAL_NAME_value(all, i)));
    GENERAL_NAMES_free(all);
    return found;
}

bool ike_cert_is(const X509 *x, const struct ike_id *id)
{
    bool ok;
    ERR_set_mark();
    if (id->type == IKE_ID_DER_DN) {
        struct rd all = rd_of(id->data, id->len);
        const unsigned char *at = id->data;
        X509_NAME *name = d2i_X509_NAME(NULL, &at, id->len);
        ok = name && at == all.end && X509_NAME_entry_count(name) > 0 &&
             X509_NAME_cmp(name, X509_get_subject_name(x)) == 0;
        X509_NAME_free(name);
    } else {
        ok = in_altnames(x, (struct name){ id->type, id->data, id->len }, same);
    }
    ERR_pop_to_mark();
    return ok;
}

/* Spaces beside commas do not count: "C=DE,CN=x" is "C=DE, CN=x". */
static bool same_dn(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == ' ' && (a[1] == ' ' || a[1] == ','))
            a++;
        while (*b == ' ' && (b[1] == ' ' || b[1] == ','))
            b++;
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        if (*a == ',') {
            while (a[1] == ' ')
                a++;
            while (b[1] == ' ')
                b++;
        }
    }
}

bool ike_cert_named(const X509 *x, const char *name)
{
    uint8_t ip[16];
    struct name n = { IKE_ID_FQDN, (const uint8_t *)name, strlen(name) };
    char subject[512];
    bool ok = false;
    ERR_set_mark();
    if (strchr(name, '=')) {
        unsigned char *der = NULL;
        int len = i2d_X509_NAME(X509_get_subject_name(x), &der);
        struct ike_id id = { .type = IKE_ID_DER_DN, .data = der, .len = (uint16_t)len };
        if (len > 0 && len <= UINT16_MAX) {
            ike_id_text(&id, subject, sizeof subject);
            ok = strlen(subject) + 1 < sizeof subject && same_dn(name, subject);
        }
        OPENSSL_free(der);
    } else if (inet_pton(AF_INET, name, ip) == 1) {
        ok = in_altnames(x, (struct name){ IKE_ID_IPV4, ip, 4 }, same);
    } else if (inet_pton(AF_INET6, name, ip) == 1) {
        ok = in_altnames(x, (struct name){ IKE_ID_IPV6, ip, 16 }, same);
    } else {
        if (strchr(name, '@'))
            n.type = IKE_ID_USER;
        ok = in_altnames(x, n, same) || in_altnames(x, n, under);
    }
    ERR_pop_to_mark();
    return ok;
}

/* ---- the chain ---------------------------------------------------------------------- */

/* The dates of the list that was refused; the context has forgotten it afterwards. */
struct crl_dates {
    char from[32], until[32];
};

/* RFC 5280 section 6.1: what is trusted is not asked whether it is revoked; when
 * `ca` holds an intermediate CA, nobody has the list of the root above it. */
static bool is_anchor_without_crl(X509_STORE_CTX *c)
{
    int e = X509_STORE_CTX_get_error(c), depth = X509_STORE_CTX_get_error_depth(c);
    return (e == X509_V_ERR_UNABLE_TO_GET_CRL || e == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER) &&
           depth > 0 && depth == sk_X509_num(X509_STORE_CTX_get0_chain(c)) - 1;
}

static int note_crl(int ok, X509_STORE_CTX *c)
{
    struct crl_dates *d = X509_STORE_CTX_get_app_data(c);
    const X509_CRL *crl = ok ? NULL : X509_STORE_CTX_get0_current_crl(c);
    if (!ok && is_anchor_without_crl(c)) {
        X509_STORE_CTX_set_error(c, X509_V_OK);
        return 1;
    }
    if (crl) {
        time_text(X509_CRL_get0_lastUpdate(crl), d->from, sizeof d->from);
        time_text(X509_CRL_get0_nextUpdate(crl), d->until, sizeof d->until);
    }
    return ok;
}

static bool chain_refused(X509_STORE_CTX *c, X509 *leaf, const struct crl_dates *crl, char *why,
                          size_t why_len)
{
    char who[IKE_NAME_TEXT], by[IKE_NAME_TEXT], when[32];
    int e = X509_STORE_CTX_get_error(c);
    X509 *x = X509_STORE_CTX_get_current_cert(c);
    x = x ? x : leaf;
    subject_text(x, who);
    ike_cert_name_text(X509_get_issuer_name(x), by);
    switch (e) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        time_text(X509_get0_notAfter(x), when, sizeof when);
        return REFUSE("the certificate \"%s\" expired on %s: it must be renewed", who, when);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        time_text(X509_get0_notBefore(x), when, sizeof when);
        return REFUSE("the certificate \"%s\" is valid from %s on only: is the clock right?", who,
                      when);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
        return REFUSE("the certificate \"%s\" was issued by \"%s\", which nothing in ca vouches for: "
                      "add that CA to ca, or let our CA issue the certificate", who, by);
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return REFUSE("the certificate \"%s\" is not signed by \"%s\", whose name it bears: another "
                      "CA of the same name issued it", who, by);
    case X509_V_ERR_CERT_REVOKED:
        return REFUSE("the certificate \"%s\" is revoked, says the list of \"%s\"", who, by);
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        return REFUSE("crl has no list of \"%s\", which issued \"%s\": add it", by, who);
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return REFUSE("the list of revoked certificates of \"%s\" expired on %s: put its next one into "
                      "crl and reload", by, crl->until);
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return REFUSE("the list of revoked certificates of \"%s\" is valid from %s on only: is the "
                      "clock right?", by, crl->from);
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        return REFUSE("the list of revoked certificates of \"%s\" is not signed by it", by);
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL: {
        EVP_PKEY *key = X509_get0_pubkey(x);
        return REFUSE("the key of the certificate \"%s\" is too weak, %d bits: RSA 2048 or ECDSA 256 "
                      "is the least", who, key ? EVP_PKEY_get_bits(key) : 0);
    }
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return REFUSE("the certificate \"%s\" is signed with a weak hash: issue it again with SHA-256",
                      who);
    case X509_V_ERR_INVALID_CA:
        return REFUSE("the certificate \"%s\" is not one of a CA, yet it issued another", who);
    default:
        return REFUSE("the certificate \"%s\" is refused: %s", who, X509_verify_cert_error_string(e));
    }
}

bool ike_cert_chain(OSSL_LIB_CTX *lib, X509_STORE *store, X509 *x, STACK_OF(X509) *others,
                    uint64_t now_s, char *why, size_t why_len)
{
    struct crl_dates crl = { "", "" };
    X509_STORE_CTX *c = X509_STORE_CTX_new_ex(lib, NULL);
    bool ok = c && X509_STORE_CTX_init(c, store, x, others) > 0;
    if (!ok) {
        (void)REFUSE("out of memory");
    } else {
        X509_STORE_CTX_set_time(c, 0, (time_t)now_s);
        X509_STORE_CTX_set_app_data(c, &crl);
        X509_STORE_CTX_set_verify_cb(c, note_crl);
        ok = X509_verify_cert(c) > 0 || chain_refused(c, x, &crl, why, why_len);
    }
    X509_STORE_CTX_free(c);
    return ok;
}

/* ---- signatures --------------------------------------------------------------------- */

static size_t half(const EVP_PKEY *key) { return ((size_t)EVP_PKEY_get_bits(key) + 7) / 8; }

static EVP_PKEY_CTX *signer(OSSL_LIB_CTX *lib, EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(lib, key, NULL);
    bool rsa = EVP_PKEY_is_a(key, "RSA");
    if (c && init(c) > 0 && (!rsa || EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0))
        return c;
    EVP_PKEY_CTX_free(c);
    return NULL;
}

/* DER of OpenSSL to r | s, as wide as the curve each. */
static size_t ecdsa_out(const uint8_t *der, size_t len, size_t n, uint8_t *out, size_t out_len)
{
    const unsigned char *at = der;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
    struct wr w = wr_of(out, out_len);
    uint8_t *r = wr_room(&w, n), *v = wr_room(&w, n);
    bool ok = s && r && v && BN_bn2binpad(ECDSA_SIG_get0_r(s), r, (int)n) == (int)n &&
              BN_bn2binpad(ECDSA_SIG_get0_s(s), v, (int)n) == (int)n;
    ECDSA_SIG_free(s);
    return ok ? 2 * n : 0;
}

size_t ike_cert_sign(OSSL_LIB_CTX *lib, EVP_PKEY *key, const uint8_t *hash, size_t hash_len,
                     uint8_t *out, size_t out_len)
{
    uint8_t der[160];
    size_t n = 0;
    ERR_set_mark();
    EVP_PKEY_CTX *c = signer(lib, key, EVP_PKEY_sign_init);
    if (c && EVP_PKEY_is_a(key, "RSA")) {
        n = out_len;
        n = EVP_PKEY_sign(c, out, &n, hash, hash_len) > 0 ? n : 0;
    } else if (c) {
        n = sizeof der;
        n = EVP_PKEY_sign(c, der, &n, hash, hash_len) > 0
                ? ecdsa_out(der, n, half(key), out, out_len) : 0;
    }
    EVP_PKEY_CTX_free(c);
    ERR_pop_to_mark();
    return n;
}

/* r | s to DER for OpenSSL; freed by the caller. 0: it is none. */
static size_t ecdsa_in(const uint8_t *sig, size_t len, size_t n, unsigned char **der)
{
    struct rd r = rd_of(sig, len);
    const uint8_t *a = rd_bytes(&r, n), *b = rd_bytes(&r, n);
    if (!rd_done(&r))
        return 0;
    ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *x = BN_bin2bn(a, (int)n, NULL), *y = BN_bin2bn(b, (int)n, NULL);
    int k = -1;
    if (s && x && y && ECDSA_SIG_set0(s, x, y))
        x = y = NULL;
    if (s && !x && !y)
        k = i2d_ECDSA_SIG(s, der);
    BN_free(x);
    BN_free(y);
    ECDSA_SIG_free(s);
    return k > 0 ? (size_t)k : 0;
}

bool ike_cert_verify(OSSL_LIB_CTX *lib, EVP_PKEY *key, const uint8_t *hash, size_t hash_len,
                     const uint8_t *sig, size_t sig_len)
{
    unsigned char *der = NULL;
    bool ok = false;
    ERR_set_mark();
    EVP_PKEY_CTX *c = signer(lib, key, EVP_PKEY_verify_init);
    if (c && EVP_PKEY_is_a(key, "RSA")) {
        ok = EVP_PKEY_verify(c, sig, sig_len, hash, hash_len) == 1;
    } else if (c) {
        size_t n = ecdsa_in(sig, sig_len, half(key), &der);
        ok = n && EVP_PKEY_verify(c, der, n, hash, hash_len) == 1;
    }
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(c);
    ERR_pop_to_mark();
    return ok;
}
