/* ike_auth.c - who we are and who they are: pre-shared keys and certificates.
 *
 * Knows:  the rows of secrets, our identity, whom we want to see.
 * Leaves: X.509 to ike_cert, messages and states.
 */
#include "ike_auth.h"
#include "ike_cert.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SECRET_MAX 1024u

#define REFUSE(...) (snprintf(why, why_len, __VA_ARGS__), false)

struct row {
    struct adit_addr address;   /* family NONE: any */
    char *identity;             /* NULL: any */
    uint8_t *secret;
    size_t len;
};

struct der {
    unsigned char *p;
    size_t len;
};

struct ike_auth {
    atomic_uint refs;
    OSSL_LIB_CTX *lib;
    struct row *rows;           /* best first, the default last */
    uint32_t row_count;
    bool psk;

    EVP_PKEY *key;              /* NULL: no certificate */
    X509 *cert;
    struct der *chain;          /* ours first */
    struct der *ca;             /* names */
    uint32_t chain_count, ca_count;
    X509_STORE *store;
    uint32_t method;
    char subject[IKE_NAME_TEXT];
    struct der subject_der;

    uint8_t id_type;            /* 0: none is configured */
    uint8_t *id;
    size_t id_len;
    char **peers;               /* identities that are allowed */
    uint32_t peer_count;
};

/* ---- secrets ------------------------------------------------------------------- */

static bool row_secret(struct row *r, const char *setting, const char *text, const char *file,
                       char *why, size_t why_len)
{
    char name[80], *read = NULL;
    size_t size = 0;
    if (text && file)
        return REFUSE("%s and %s-file are both set: one of them", setting, setting);
    if (file) {
        snprintf(name, sizeof name, "%s-file", setting);
        read = ike_file_read(file, name, true, &size, why, why_len);
        if (!read)
            return false;
        text = read;
    }
    size_t n = file ? size : strlen(text);
    if (file && n && text[n - 1] == '\n')
        n--;
    if (file && n && text[n - 1] == '\r')
        n--;
    bool ok = n > 0 && n <= SECRET_MAX && !memchr(text, 0, n) && !memchr(text, '\n', n);
    if (!ok)
        (void)(n == 0            ? REFUSE("%s: the secret is empty", setting)
               : n > SECRET_MAX ? REFUSE("%s: the secret is longer than %u bytes", setting, SECRET_MAX)
                                : REFUSE("%s: the secret has more than one line", setting));
    r->secret = ok ? malloc(n) : NULL;
    if (r->secret) {
        memcpy(r->secret, text, n);
        r->len = n;
    } else if (ok) {
        ok = REFUSE("%s: out of memory", setting);
    }
    ike_file_free(read, size);
    return ok;
}

/* Rows with an address first, the longest prefix first; then those with an
 * identity; the default last. With an identity goes before without. */
static int32_t rank(const struct row *r)
{
    int32_t n = r->address.family == ADIT_AF_NONE ? 0 : 2 * (1 + r->address.prefix);
    return n + (r->identity != NULL);
}

static void rows_sort(struct row *r, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)            /* stable: the order of the file counts */
        for (uint32_t k = i; k > 0 && rank(&r[k]) > rank(&r[k - 1]); k--) {
            struct row t = r[k];
            r[k] = r[k - 1];
            r[k - 1] = t;
        }
}

static bool rows_load(struct ike_auth *a, const struct ike_auth_conf *c, char *why, size_t why_len)
{
    struct rd all = rd_of(c->psks.items, (size_t)c->psks.count * c->psks.stride);
    a->rows = calloc(c->psks.count + 1u, sizeof *a->rows);
    if (!a->rows)
        return REFUSE("out of memory");
    for (uint32_t i = 0; i < c->psks.count; i++) {
        const struct ike_psk_conf *p = (const void *)rd_bytes(&all, c->psks.stride);
        struct row *r = &a->rows[a->row_count++];
        char name[32];
        snprintf(name, sizeof name, "psks, row %u, secret", i + 1);
        if (p->address.family == ADIT_AF_NONE && !p->identity)
            return REFUSE("psks, row %u, names neither address nor identity: the key of anybody is psk",
                          i + 1);
        if (!p->secret && !p->secret_file)
            return REFUSE("psks, row %u, has no secret", i + 1);
        r->address = p->address;
        r->identity = p->identity ? strdup(p->identity) : NULL;
        if (!row_secret(r, name, p->secret, p->secret_file, why, why_len))
            return false;
    }
    if ((c->psk || c->psk_file) &&
        !row_secret(&a->rows[a->row_count++], "psk", c->psk, c->psk_file, why, why_len))
        return false;
    rows_sort(a->rows, a->row_count);
    a->psk = a->row_count > 0;
    return true;
}

static bool in_net(const struct adit_addr *peer, const struct adit_addr *net)
{
    if (net->family == ADIT_AF_NONE)
        return true;
    if (net->family != peer->family)
        return false;
    struct rd a = rd_of(peer->ip, sizeof peer->ip), b = rd_of(net->ip, sizeof net->ip);
    for (uint32_t left = net->prefix; left > 0; left -= left < 8 ? left : 8) {
        uint32_t bits = left < 8 ? left : 8;
        if ((rd_u8(&a) ^ rd_u8(&b)) >> (8 - bits))
            return false;
    }
    return true;
}

/* As ike_id_text() writes it; the case of names does not count. */
static bool id_is(const struct ike_id *id, const char *want)
{
    char text[512];
    ike_id_text(id, text, sizeof text);
    bool name = id->type == IKE_ID_FQDN || id->type == IKE_ID_USER;
    if (name && (strlen(want) != id->len || memchr(id->data, 0, id->len)))
        return false;
    return name ? strcasecmp(text, want) == 0 : strcmp(text, want) == 0;
}

bool ike_auth_psk(const struct ike_auth *a, const struct adit_addr *peer, const struct ike_id *id,
                  uint32_t nth, struct ike_psk *out)
{
    for (uint32_t i = 0; i < a->row_count; i++) {
        const struct row *r = &a->rows[i];
        if (!in_net(peer, &r->address) || (id && r->identity && !id_is(id, r->identity)) || nth-- > 0)
            continue;
        *out = (struct ike_psk){ r->secret, r->len, r->identity };
        return true;
    }
    return false;
}

bool ike_auth_has_psk(const struct ike_auth *a) { return a->psk; }

uint32_t ike_auth_methods(const struct ike_auth *a)
{
    return (a->psk ? 1u << IKE_AUTH_PSK : 0) | (a->key ? 1u << a->method : 0);
}

/* ---- certificates ---------------------------------------------------------------- */

static bool der_add(struct der **list, uint32_t *count, unsigned char *p, int len)
{
    struct der *more = len > 0 ? realloc(*list, (*count + 1u) * sizeof *more) : NULL;
    if (!more) {
        OPENSSL_free(p);
        return false;
    }
    *list = more;
    more[(*count)++] = (struct der){ p, (size_t)len };
    return true;
}

static bool chain_take(struct ike_auth *a, STACK_OF(X509) *all)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *x = sk_X509_value(all, i);
        unsigned char *p = NULL;
        if (i > 0 && X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0)
            continue;           /* a root: whoever trusts it has it */
        int n = i2d_X509(x, &p);
        if (!der_add(&a->chain, &a->chain_count, p, n))
            return false;
    }
    return true;
}

static bool ca_take(struct ike_auth *a, STACK_OF(X509) *all)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        unsigned char *p = NULL;
        int n = i2d_X509_NAME(X509_get_subject_name(sk_X509_value(all, i)), &p);
        if (!der_add(&a->ca, &a->ca_count, p, n))
            return false;
    }
    return true;
}

static bool key_fits(struct ike_auth *a, const struct ike_auth_conf *c, char *why, size_t why_len)
{
    if (X509_check_private_key(a->cert, a->key) != 1)
        return REFUSE("key: %s is not the key of the certificate %s", c->key, c->certificate);
    a->method = ike_cert_method(a->key);
    if (!a->method)
        return REFUSE("key: %s is of a kind that IKEv1 has no method for: RSA or ECDSA on P-256, P-384 "
                      "or P-521", c->key);
    if (a->method == IKE_AUTH_RSA && EVP_PKEY_get_bits(a->key) < 2048)
        return REFUSE("key: %s is too weak, %d bits: RSA 2048 is the least", c->key,
                      EVP_PKEY_get_bits(a->key));
    return true;
}

static void x509_free(X509 *x) { X509_free(x); }

static bool certs_load(struct ike_auth *a, const struct ike_auth_conf *c, char *why, size_t why_len)
{
    if (!c->certificate && !c->key && !c->ca && !c->crl)
        return true;
    if (!c->certificate || !c->key || !c->ca)
        return REFUSE("certificate, key and ca go together: %s is not set",
                      !c->certificate ? "certificate" : !c->key ? "key" : "ca");
    STACK_OF(X509) *ours = ike_cert_load(a->lib, c->certificate, "certificate", why, why_len), *ca = NULL;
    bool ok = ours != NULL;
    if (ok) {
        a->cert = sk_X509_value(ours, 0);
        X509_up_ref(a->cert);
        ike_cert_name_text(X509_get_subject_name(a->cert), a->subject);
        int n = i2d_X509_NAME(X509_get_subject_name(a->cert), &a->subject_der.p);
        a->subject_der.len = n > 0 ? (size_t)n : 0;
    }
    ok = ok && (a->key = ike_cert_key(a->lib, c->key, why, why_len)) && key_fits(a, c, why, why_len) &&
         (ca = ike_cert_load(a->lib, c->ca, "ca", why, why_len)) &&
         (a->store = ike_cert_store(a->lib, ca, c->crl, why, why_len)) &&
         ((chain_take(a, ours) && ca_take(a, ca)) || REFUSE("certificate: out of memory"));
    sk_X509_pop_free(ours, x509_free);
    sk_X509_pop_free(ca, x509_free);
    ERR_clear_error();
    return ok;
}

/* ---- identities ------------------------------------------------------------------ */

static bool id_set(struct ike_auth *a, uint8_t type, const void *p, size_t len)
{
    a->id = malloc(len);
    if (!a->id)
        return false;
    memcpy(a->id, p, len);
    a->id_type = type;
    a->id_len = len;
    return true;
}

/* An address, user@name, "C=DE, CN=x" (the subject of our certificate), a name. */
static bool identity_load(struct ike_auth *a, const char *text, char *why, size_t why_len)
{
    uint8_t ip[16];
    bool ok;
    if (!text)
        return true;
    if (!text[0] || strlen(text) > 255)
        return REFUSE("identity: \"%.64s\" is empty or too long", text);
    if (inet_pton(AF_INET, text, ip) == 1)
        ok = id_set(a, IKE_ID_IPV4, ip, 4);
    else if (inet_pton(AF_INET6, text, ip) == 1)
        ok = id_set(a, IKE_ID_IPV6, ip, 16);
    else if (strchr(text, '=')) {
        if (!a->cert || !ike_cert_named(a->cert, text))
            return REFUSE("identity: \"%.128s\" is not the subject of our certificate, which is \"%s\"",
                          text, a->subject);
        ok = id_set(a, IKE_ID_DER_DN, a->subject_der.p, a->subject_der.len);
    } else
        ok = id_set(a, strchr(text, '@') ? IKE_ID_USER : IKE_ID_FQDN, text, strlen(text));
    if (!ok)
        return REFUSE("identity: out of memory");
    const struct ike_id id = { .type = a->id_type, .data = a->id, .len = (uint16_t)a->id_len };
    if (a->cert && !ike_cert_is(a->cert, &id))
        return REFUSE("identity: \"%.128s\" is not in our certificate \"%s\": peers will refuse it; it "
                      "needs a subjectAltName of it, or take identity away", text, a->subject);
    return true;
}

static bool peers_load(struct ike_auth *a, const struct adit_array *list, char *why, size_t why_len)
{
    struct rd all = rd_of(list->items, (size_t)list->count * list->stride);
    a->peers = calloc(list->count + 1u, sizeof *a->peers);
    for (uint32_t i = 0; a->peers && i < list->count; i++) {
        const char *const *name = (const void *)rd_bytes(&all, list->stride);
        char *copy = *name ? strdup(*name) : NULL;
        if (!copy || !copy[0] || strcmp(copy, "*") == 0 || strcmp(copy, "*.") == 0) {
            free(copy);
            return REFUSE("peer-identities: entry %u is no name; without any, whoever the CA vouches "
                          "for is let in", i + 1);
        }
        a->peers[a->peer_count++] = copy;
    }
    return a->peers || REFUSE("out of memory");
}

void ike_auth_our_id(const struct ike_auth *a, uint32_t method, const struct adit_addr *our,
                     struct ike_id *out, uint8_t *buf, size_t buf_len)
{
    const uint8_t *p = our->ip;
    size_t len = our->family == ADIT_AF_IPV4 ? 4 : 16;
    *out = (struct ike_id){ .type = len == 4 ? IKE_ID_IPV4 : IKE_ID_IPV6 };
    if (a->id_type) {
        out->type = a->id_type;
        p = a->id;
        len = a->id_len;
    } else if (method != IKE_AUTH_PSK && a->subject_der.len) {
        out->type = IKE_ID_DER_DN;
        p = a->subject_der.p;
        len = a->subject_der.len;
    }
    struct wr w = wr_of(buf, buf_len);
    wr_bytes(&w, p, len);
    out->data = buf;
    out->len = (uint16_t)wr_len(&w);
}

/* ---- all of it -------------------------------------------------------------------- */

struct ike_auth *ike_auth_new(OSSL_LIB_CTX *lib, const struct ike_auth_conf *c, char *why,
                              size_t why_len)
{
    struct ike_auth *a = calloc(1, sizeof *a);
    if (!a) {
        (void)REFUSE("out of memory");
        return NULL;
    }
    atomic_init(&a->refs, 1);
    a->lib = lib;
    bool ok = rows_load(a, c, why, why_len) && certs_load(a, c, why, why_len) &&
              identity_load(a, c->identity, why, why_len) &&
              peers_load(a, &c->peer_identities, why, why_len);
    if (ok && !a->psk && !a->key && !c->none)
        ok = REFUSE("nothing to authenticate with: set psk, psk-file or psks, or certificate, key "
                    "and ca");
    if (ok && a->peer_count && !a->key)
        ok = REFUSE("peer-identities is of certificates, and there is none: for keys, use psks");
    if (ok)
        return a;
    ike_auth_free(a);
    return NULL;
}

struct ike_auth *ike_auth_hold(struct ike_auth *a)
{
    atomic_fetch_add(&a->refs, 1);
    return a;
}

static void ders_free(struct der *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        OPENSSL_free(list[i].p);
    free(list);
}

void ike_auth_free(struct ike_auth *a)
{
    if (!a || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    for (uint32_t i = 0; i < a->row_count; i++) {
        if (a->rows[i].secret)
            bytes_wipe(a->rows[i].secret, a->rows[i].len);
        free(a->rows[i].secret);
        free(a->rows[i].identity);
    }
    free(a->rows);
    for (uint32_t i = 0; i < a->peer_count; i++)
        free(a->peers[i]);
    free(a->peers);
    ders_free(a->chain, a->chain_count);
    ders_free(a->ca, a->ca_count);
    OPENSSL_free(a->subject_der.p);
    free(a->id);
    X509_STORE_free(a->store);
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    free(a);
}

const uint8_t *ike_auth_cert(const struct ike_auth *a, uint32_t nth, size_t *len)
{
    *len = nth < a->chain_count ? a->chain[nth].len : 0;
    return nth < a->chain_count ? a->chain[nth].p : NULL;
}

const uint8_t *ike_auth_ca_name(const struct ike_auth *a, uint32_t nth, size_t *len)
{
    *len = nth < a->ca_count ? a->ca[nth].len : 0;
    return nth < a->ca_count ? a->ca[nth].p : NULL;
}

const char *ike_auth_subject(const struct ike_auth *a, uint64_t *not_after_s)
{
    *not_after_s = a->cert ? ike_cert_until(a->cert) : 0;
    return a->cert ? a->subject : NULL;
}

size_t ike_auth_sign(const struct ike_auth *a, uint32_t method, const uint8_t *hash, size_t hash_len,
                     uint8_t *out, size_t out_len)
{
    return a->key && method == a->method
               ? ike_cert_sign(a->lib, a->key, hash, hash_len, out, out_len) : 0;
}

/* ---- the peer ----------------------------------------------------------------------- */

static STACK_OF(X509) *peer_certs(const struct ike_auth *a, const struct ike_cert_in *certs,
                                  uint32_t n, char *why, size_t why_len)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    bool ok = all && (n > 0 ? n <= IKE_PEER_CERTS_MAX || REFUSE("the peer sent %u certificates: too many", n)
                            : REFUSE("the peer sent no certificate: it needs one, and a send policy "
                                     "of \"always\""));
    for (uint32_t i = 0; ok && i < n; i++) {
        struct rd r = rd_of(certs[i].der, certs[i].len);
        const unsigned char *at = certs[i].der;
        X509 *x = X509_new_ex(a->lib, NULL), *read = x;
        ok = x && d2i_X509(&read, &at, (long)certs[i].len) && at == r.end;
        if (ok)
            ok = sk_X509_push(all, read) > 0;
        else
            (void)REFUSE("certificate %u of the peer is not one: it cannot be read", i + 1);
        if (!ok)
            X509_free(read);    /* d2i_X509() has freed it and set NULL when it failed */
    }
    if (ok)
        return all;
    sk_X509_pop_free(all, x509_free);
    return NULL;
}

/* The one that the peer says it is; -1: its name is in none. */
static int own_cert(STACK_OF(X509) *all, const struct ike_id *id)
{
    for (int i = 0; i < sk_X509_num(all); i++)
        if (ike_cert_is(sk_X509_value(all, i), id))
            return i;
    return -1;
}

static bool usage_ok(X509 *x, const char *who, char *why, size_t why_len)
{
    uint32_t usage = X509_get_key_usage(x);     /* all bits when it has none */
    return usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION) ||
           REFUSE("the certificate \"%s\" is not for signatures: its key usage needs digitalSignature",
                  who);
}

static bool name_ok(const struct ike_auth *a, X509 *x, const char *want, const char *who, char *why,
                    size_t why_len)
{
    bool found = a->peer_count == 0;
    for (uint32_t i = 0; !found && i < a->peer_count; i++)
        found = ike_cert_named(x, a->peers[i]);
    if (!found)
        return REFUSE("the certificate \"%s\" has none of the names in peer-identities", who);
    return !want || ike_cert_named(x, want) ||
           REFUSE("the certificate \"%s\" is not of \"%.128s\", which was called", who, want);
}

static bool verify(const struct ike_auth *a, uint32_t method, STACK_OF(X509) *all,
                   const struct ike_id *id, const uint8_t *hash, size_t hash_len, const uint8_t *sig,
                   size_t sig_len, uint64_t now_s, const char *want, const char *identity, char *why,
                   size_t why_len)
{
    char who[IKE_NAME_TEXT];
    int own = own_cert(all, id);
    X509 *x = sk_X509_value(all, own < 0 ? 0 : own);
    EVP_PKEY *key = X509_get0_pubkey(x);
    ike_cert_name_text(X509_get_subject_name(x), who);
    if (own < 0)
        return REFUSE("the peer calls itself \"%.128s\", which is not in its certificate \"%s\": that "
                      "needs a subjectAltName of it, or the peer its subject as identity", identity, who);
    if (!ike_cert_chain(a->lib, a->store, x, all, now_s, why, why_len) ||
        !usage_ok(x, who, why, why_len))
        return false;
    if (!key || ike_cert_method(key) != method)
        return REFUSE("the key of the certificate \"%s\" is not of the agreed method", who);
    if (!ike_cert_verify(a->lib, key, hash, hash_len, sig, sig_len))
        return REFUSE("the signature is not of the key in the certificate \"%s\"", who);
    return name_ok(a, x, want, who, why, why_len);
}

int32_t ike_auth_verify(const struct ike_auth *a, uint32_t method, const struct ike_cert_in *certs,
                        uint32_t n, const struct ike_id *id, const uint8_t *hash, size_t hash_len,
                        const uint8_t *sig, size_t sig_len, uint64_t now_s, const char *want,
                        char *identity, size_t identity_len, char *why, size_t why_len)
{
    ike_id_text(id, identity, identity_len);
    if (!a->store) {
        (void)REFUSE("no certificate is accepted: ca is not set");
        return ADIT_EAUTH;
    }
    ERR_set_mark();
    STACK_OF(X509) *all = peer_certs(a, certs, n, why, why_len);
    bool ok = all && verify(a, method, all, id, hash, hash_len, sig, sig_len, now_s, want, identity,
                            why, why_len);
    sk_X509_pop_free(all, x509_free);
    ERR_pop_to_mark();
    return ok ? 0 : ADIT_EAUTH;
}
