/* test_ike_auth.c - pre-shared keys, certificates, signatures, and every way to be refused. */
#include "../../plugins/ipsec-ike/ike_auth.h"
#include "../../plugins/ipsec-ike/ike_crypto.h"
#include "ike_ca.h"
#include "ike_golden.h"
#include "unit.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static OSSL_LIB_CTX *lib;
static char dir[64], why[512];

static const char *in(const char *name)
{
    static char path[64][128];  /* kept for a while: configurations point at them */
    static int n;
    char *p = path[n++ & 63];
    snprintf(p, 128, "%s/%s", dir, name);
    return p;
}

static void put(const char *name, const void *text, size_t len, mode_t mode)
{
    FILE *f = fopen(in(name), "w");
    ck_assert(f && fwrite(text, 1, len, f) == len);
    fclose(f);
    ck_assert_int_eq(chmod(in(name), mode), 0);
}

static EVP_PKEY *root_key, *key, *rsa;
static X509 *root;

static void up(void)
{
    const char *w;
    lib = ike_lib_new(&w);
    snprintf(dir, sizeof dir, "/tmp/ike_auth.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    root_key = ca_key(lib, "P-256");
    key = ca_key(lib, "P-256");
    rsa = NULL;
    root = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "O=lab, CN=lab CA", .key = root_key,
                                       .ca = true });
    ca_write(in("ca.pem"), root, NULL);
    why[0] = '\0';
}

static void down(void)
{
    char cmd[128];
    X509_free(root);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
    ike_lib_free(lib);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* Ours: vpn.example.org, whose key is `key`. */
static struct ike_auth_conf conf(void)
{
    X509 *x = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "C=DE, O=lab, CN=vpn.example.org",
                                          .key = key, .issuer = root, .issuer_key = root_key,
                                          .alt = "DNS:vpn.example.org,IP:192.0.2.1" });
    ca_write(in("our.pem"), x, root);
    ca_write_key(lib, in("our.key"), key);
    ck_assert_int_eq(chmod(in("our.key"), 0600), 0);
    X509_free(x);
    return (struct ike_auth_conf){ .certificate = in("our.pem"), .key = in("our.key"),
                                   .ca = in("ca.pem") };
}

static struct ike_auth *loaded(const struct ike_auth_conf *c)
{
    struct ike_auth *a = ike_auth_new(lib, c, why, sizeof why);
    ck_assert_msg(a != NULL, "%s", why);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return a;
}

static void no_auth(const struct ike_auth_conf *c, const char *part)
{
    why[0] = '\0';
    ck_assert_ptr_null(ike_auth_new(lib, c, why, sizeof why));
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" has no \"%s\"", why, part);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

static struct adit_addr v4(const char *text, uint8_t prefix)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = prefix };
    ck_assert_int_eq(inet_pton(AF_INET, text, a.ip), 1);
    return a;
}

static struct ike_id id_of(uint8_t type, const void *p, size_t len)
{
    return (struct ike_id){ .type = type, .data = p, .len = (uint16_t)len };
}

static struct ike_id fqdn(const char *text) { return id_of(IKE_ID_FQDN, text, strlen(text)); }

/* ---- pre-shared keys --------------------------------------------------------------- */

static const char *nth(const struct ike_auth *a, const char *peer, const struct ike_id *id, uint32_t n)
{
    static char text[64];
    struct adit_addr at = v4(peer, 32);
    struct ike_psk p;
    if (!ike_auth_psk(a, &at, id, n, &p))
        return NULL;
    snprintf(text, sizeof text, "%.*s%s%s", (int)p.len, (const char *)p.secret,
             p.row_identity ? " of " : "", p.row_identity ? p.row_identity : "");
    return text;
}

START_TEST(keys_are_tried_best_first)
{
    const struct ike_psk_conf rows[] = {
        { .identity = "anna.example.org", .secret = "anna" },
        { .address = v4("198.51.0.0", 16), .secret = "net16" },
        { .address = v4("198.51.100.7", 32), .secret = "host" },
        { .address = v4("198.51.100.0", 24), .identity = "bert@example.org", .secret = "bert24" },
        { .address = v4("198.51.100.0", 24), .secret = "net24" },
        { .address = v4("198.51.96.0", 19), .secret = "net19" },
    };
    struct ike_auth_conf c = { .psk = "default", .psks = { rows, 6, sizeof rows[0] } };
    struct ike_auth *a = loaded(&c);
    ck_assert(ike_auth_has_psk(a));
    ck_assert_uint_eq(ike_auth_methods(a), 1u << IKE_AUTH_PSK);
    /* nothing is known but the address */
    static const char *const all[] = { "host", "bert24 of bert@example.org", "net24", "net19",
                                       "net16", "anna of anna.example.org", "default", NULL };
    for (uint32_t i = 0; all[i]; i++)
        ck_assert_str_eq(nth(a, "198.51.100.7", NULL, i), all[i]);
    ck_assert_ptr_null(nth(a, "198.51.100.7", NULL, 7));
    ck_assert_str_eq(nth(a, "198.51.127.1", NULL, 0), "net19");
    ck_assert_str_eq(nth(a, "198.51.128.1", NULL, 0), "net16");
    ck_assert_str_eq(nth(a, "203.0.113.1", NULL, 0), "anna of anna.example.org");
    ck_assert_str_eq(nth(a, "203.0.113.1", NULL, 1), "default");
    /* the identity is known: other identities' rows are out */
    struct ike_id anna = fqdn("ANNA.example.org"), bert = id_of(IKE_ID_USER, "bert@example.org", 16);
    struct ike_id nul = id_of(IKE_ID_FQDN, "anna.example.org\0x", 18);
    ck_assert_str_eq(nth(a, "203.0.113.1", &anna, 0), "anna of anna.example.org");
    ck_assert_str_eq(nth(a, "203.0.113.1", &bert, 0), "default");
    ck_assert_str_eq(nth(a, "203.0.113.1", &nul, 0), "default");
    ck_assert_str_eq(nth(a, "198.51.100.9", &bert, 0), "bert24 of bert@example.org");
    ck_assert_str_eq(nth(a, "198.51.100.9", &anna, 0), "net24");
    struct adit_addr six = { .family = ADIT_AF_IPV6, .prefix = 128, .ip = { 0x20, 1 } };
    struct ike_psk p;
    ck_assert(ike_auth_psk(a, &six, &bert, 0, &p));
    ck_assert_mem_eq(p.secret, "default", 7);
    ike_auth_free(ike_auth_hold(a));
    ck_assert_str_eq(nth(a, "198.51.100.7", NULL, 0), "host");
    ike_auth_free(a);
}
END_TEST

START_TEST(key_files_are_private)
{
    struct ike_auth_conf c = { .psk_file = in("psk") };
    put("psk", "trustno1\r\n", 10, 0600);
    struct ike_auth *a = loaded(&c);
    ck_assert_str_eq(nth(a, "198.51.100.7", NULL, 0), "trustno1");
    ike_auth_free(a);
    put("psk", "with space ", 11, 0640);        /* a group may read it; spaces count */
    a = loaded(&c);
    ck_assert_str_eq(nth(a, "198.51.100.7", NULL, 0), "with space ");
    ike_auth_free(a);
    put("psk", "trustno1\n", 9, 0644);
    no_auth(&c, "psk-file: ");
    no_auth(&c, "chmod 600");
    put("psk", "\n", 1, 0600);
    no_auth(&c, "empty");
    put("psk", "one\ntwo\n", 8, 0600);
    no_auth(&c, "more than one line");
    put("psk", "a\0b", 3, 0600);
    no_auth(&c, "more than one line");
    char *big = calloc(1, 2000);
    memset(big, 'x', 2000);
    put("psk", big, 2000, 0600);
    no_auth(&c, "longer than 1024");
    free(big);
    c.psk_file = in("none");
    no_auth(&c, "No such file");
    c.psk_file = dir;
    no_auth(&c, "no file");
    c.psk = "x";
    no_auth(&c, "both");
    if (geteuid() == 0) {
        c = (struct ike_auth_conf){ .psk_file = in("psk") };
        put("psk", "trustno1\n", 9, 0600);
        ck_assert_int_eq(chown(in("psk"), 12345, 0), 0);
        no_auth(&c, "chown");
    }
}
END_TEST

START_TEST(settings_that_do_not_fit_are_refused)
{
    const struct ike_psk_conf anybody = { .secret = "x" }, none = { .identity = "a" };
    struct ike_auth_conf c = { .psk = NULL };
    no_auth(&c, "nothing to authenticate with");
    c.psk = "";
    no_auth(&c, "empty");
    c = (struct ike_auth_conf){ .psks = { &anybody, 1, sizeof anybody } };
    no_auth(&c, "neither address nor identity");
    c = (struct ike_auth_conf){ .psks = { &none, 1, sizeof none } };
    no_auth(&c, "no secret");
    c = conf();
    c.ca = NULL;
    no_auth(&c, "ca is not set");
    c = conf();
    c.key = NULL;
    no_auth(&c, "key is not set");
    c = conf();
    c.certificate = NULL;
    no_auth(&c, "certificate is not set");
    c = conf();
    c.certificate = c.key;
    no_auth(&c, "is not a certificate in PEM");
    c = conf();
    c.key = c.certificate;
    ck_assert_int_eq(chmod(c.certificate, 0600), 0);
    no_auth(&c, "is not a private key in PEM");
    c = conf();
    ck_assert_int_eq(chmod(c.key, 0644), 0);
    no_auth(&c, "key: ");
    no_auth(&c, "chmod 600");
    c = conf();
    EVP_PKEY *other = ca_key(lib, "P-256");
    ca_write_key(lib, in("our.key"), other);
    no_auth(&c, "is not the key of the certificate");
    EVP_PKEY_free(other);
    c = conf();
    put("our.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 59, 0600);
    no_auth(&c, "is not a certificate in PEM");
    c = conf();
    c.crl = c.ca;
    no_auth(&c, "crl: ");
    c = conf();
    c.identity = "other.example.org";
    no_auth(&c, "is not in our certificate");
    c.identity = "C=DE, CN=other";
    no_auth(&c, "is not the subject");
    c.identity = "";
    no_auth(&c, "identity");
    const char *star[] = { "*" };
    c = conf();
    c.peer_identities = (struct adit_array){ star, 1, sizeof star[0] };
    no_auth(&c, "peer-identities");
    c = (struct ike_auth_conf){ .psk = "x", .peer_identities = { dir, 0, 8 } };
    struct ike_auth *a = loaded(&c);
    ike_auth_free(a);
}
END_TEST

START_TEST(an_encrypted_key_is_named)
{
    struct ike_auth_conf c = conf();
    BIO *b = BIO_new_file(in("our.key"), "w");
    EVP_CIPHER *aes = EVP_CIPHER_fetch(lib, "AES-128-CBC", NULL);
    ck_assert(PEM_write_bio_PrivateKey_ex(b, key, aes, (const unsigned char *)"pw", 2, NULL, NULL, lib,
                                          NULL));
    BIO_free(b);
    EVP_CIPHER_free(aes);
    no_auth(&c, "is encrypted");
}
END_TEST

/* ---- who we are ---------------------------------------------------------------------- */

static void our_id(const struct ike_auth_conf *c, uint32_t method, uint8_t type, const char *text)
{
    struct ike_auth *a = loaded(c);
    struct adit_addr our = v4("198.51.100.1", 32);
    struct ike_id id;
    uint8_t buf[512];
    char out[128];
    ike_auth_our_id(a, method, &our, &id, buf, sizeof buf);
    ike_id_text(&id, out, sizeof out);
    ck_assert_uint_eq(id.type, type);
    ck_assert_str_eq(out, text);
    ck_assert_uint_eq(id.port | id.protocol, 0);
    ike_auth_free(a);
}

START_TEST(our_identity_is_of_its_kind)
{
    struct ike_auth_conf c = { .psk = "x" };
    our_id(&c, IKE_AUTH_PSK, IKE_ID_IPV4, "198.51.100.1");
    c.identity = "vpn.example.org";
    our_id(&c, IKE_AUTH_PSK, IKE_ID_FQDN, "vpn.example.org");
    c.identity = "vpn@example.org";
    our_id(&c, IKE_AUTH_PSK, IKE_ID_USER, "vpn@example.org");
    c.identity = "203.0.113.9";
    our_id(&c, IKE_AUTH_PSK, IKE_ID_IPV4, "203.0.113.9");
    c.identity = "2001:db8::9";
    our_id(&c, IKE_AUTH_PSK, IKE_ID_IPV6, "2001:db8::9");
    c = conf();
    c.psk = "x";
    our_id(&c, IKE_AUTH_PSK, IKE_ID_IPV4, "198.51.100.1");
    our_id(&c, IKE_AUTH_ECDSA_256, IKE_ID_DER_DN, "C=DE, O=lab, CN=vpn.example.org");
    c.identity = "C=DE,O=lab,  CN=vpn.example.org";
    our_id(&c, IKE_AUTH_ECDSA_256, IKE_ID_DER_DN, "C=DE, O=lab, CN=vpn.example.org");
    c.identity = "vpn.example.org";
    our_id(&c, IKE_AUTH_ECDSA_256, IKE_ID_FQDN, "vpn.example.org");
    c.identity = "192.0.2.1";
    our_id(&c, IKE_AUTH_ECDSA_256, IKE_ID_IPV4, "192.0.2.1");
    struct ike_auth *a = loaded(&c);
    uint64_t until;
    size_t len;
    ck_assert_uint_eq(ike_auth_methods(a), 1u << IKE_AUTH_PSK | 1u << IKE_AUTH_ECDSA_256);
    ck_assert_str_eq(ike_auth_subject(a, &until), "C=DE, O=lab, CN=vpn.example.org");
    ck_assert_uint_eq(until, CA_NOW + 180 * CA_DAY);
    ck_assert_ptr_nonnull(ike_auth_cert(a, 0, &len));
    ck_assert_ptr_null(ike_auth_cert(a, 1, &len));      /* the root is not sent */
    const uint8_t *name = ike_auth_ca_name(a, 0, &len);
    struct ike_id ca = id_of(IKE_ID_DER_DN, name, len);
    char text[64];
    ike_id_text(&ca, text, sizeof text);
    ck_assert_str_eq(text, "O=lab, CN=lab CA");
    ck_assert_ptr_null(ike_auth_ca_name(a, 1, &len));
    ike_auth_free(a);
}
END_TEST

/* ---- the peer -------------------------------------------------------------------------- */

static const uint8_t hash[32] = "thirty-two bytes of HASH_I here";

/* What a peer sends; verified by `c`'s side. */
struct peer {
    struct ca_wish wish;
    X509 *more[2];              /* sent behind its own */
    struct ike_id id;           /* data NULL: the subject */
    const char *want;
    uint32_t method;            /* 0: that of its key */
    bool bad_signature, other_first;
    long long now;
};

static int32_t meets(struct ike_auth_conf *c, struct peer p, char *identity)
{
    struct ike_auth *a = loaded(c);
    uint8_t sig[1024];
    struct ike_cert_in in_[4];
    unsigned char *der[4] = { NULL }, *name = NULL;
    uint32_t n = 0;
    p.wish.lib = lib;
    p.wish.key = p.wish.key ? p.wish.key : key;
    p.wish.issuer = p.wish.issuer ? p.wish.issuer : root;
    p.wish.issuer_key = p.wish.issuer_key ? p.wish.issuer_key : root_key;
    p.wish.subject = p.wish.subject ? p.wish.subject : "CN=anna";
    X509 *x = ca_issue(&p.wish), *all[4] = { x, p.more[0], p.more[1], NULL };
    if (p.other_first) {
        all[0] = p.more[0];
        all[1] = x;
    }
    for (; all[n]; n++) {
        int len = i2d_X509(all[n], &der[n]);
        in_[n].der = der[n];
        in_[n].len = (size_t)len;
    }
    if (!p.id.data) {
        int len = i2d_X509_NAME(X509_get_subject_name(x), &name);
        p.id = id_of(IKE_ID_DER_DN, name, (size_t)len);
    }
    /* the peer has a configuration, too: sign as it does */
    ca_write(in("peer.pem"), x, NULL);
    ca_write_key(lib, in("peer.key"), p.wish.key);
    ck_assert_int_eq(chmod(in("peer.key"), 0600), 0);
    struct ike_auth_conf pc = { .certificate = in("peer.pem"), .key = in("peer.key"),
                                .ca = in("ca.pem") };
    struct ike_auth *b = ike_auth_new(lib, &pc, why, sizeof why);
    uint32_t method = p.method ? p.method : b ? (uint32_t)__builtin_ctz(ike_auth_methods(b)) : IKE_AUTH_RSA;
    size_t sig_len = b ? ike_auth_sign(b, p.method ? (uint32_t)__builtin_ctz(ike_auth_methods(b)) : method,
                                       hash, sizeof hash, sig, sizeof sig) : 8;
    ck_assert_uint_gt(sig_len, 0);
    if (p.bad_signature)
        sig[sig_len - 1] ^= 1;
    why[0] = '\0';
    int32_t rc = ike_auth_verify(a, method, in_, n, &p.id, hash, sizeof hash, sig, sig_len,
                                 (uint64_t)(p.now ? p.now : CA_NOW), p.want, identity, 128, why,
                                 sizeof why);
    ck_assert(rc == 0 || (rc == ADIT_EAUTH && why[0]));
    ck_assert_uint_eq(ERR_peek_error(), 0);
    for (uint32_t i = 0; i < n; i++)
        OPENSSL_free(der[i]);
    OPENSSL_free(name);
    X509_free(x);
    ike_auth_free(a);
    ike_auth_free(b);
    return rc;
}

static void accepted(struct ike_auth_conf c, struct peer p, const char *as)
{
    char identity[128];
    ck_assert_msg(meets(&c, p, identity) == 0, "%s", why);
    ck_assert_str_eq(identity, as);
}

static void refused(struct ike_auth_conf c, struct peer p, const char *part)
{
    char identity[128];
    ck_assert_msg(meets(&c, p, identity) == ADIT_EAUTH, "not refused: %s", part);
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" has no \"%s\"", why, part);
}

START_TEST(every_kind_of_key_signs)
{
    static const char *const kinds[] = { "P-256", "P-384", "P-521", "RSA 2048", "RSA 4096" };
    for (size_t i = 0; i < 5; i++) {
        EVP_PKEY *k = ca_key(lib, kinds[i]);
        accepted(conf(), (struct peer){ .wish.key = k }, "CN=anna");
        refused(conf(), (struct peer){ .wish.key = k, .bad_signature = true }, "the signature is not");
        EVP_PKEY_free(k);
    }
}
END_TEST

START_TEST(the_identity_is_in_the_certificate)
{
    static const uint8_t ip[4] = { 203, 0, 113, 7 }, ip6[16] = { 0x20, 1, 0xd, 0xb8 };
    const struct ca_wish w = { .alt = "DNS:anna.example.org,DNS:a2.example.org,email:anna@example.org,"
                                      "IP:203.0.113.7,IP:2001:db8::", .extended = "clientAuth" };
    accepted(conf(), (struct peer){ .wish = w }, "CN=anna");
    accepted(conf(), (struct peer){ .wish = w, .id = fqdn("a2.EXAMPLE.org") }, "a2.EXAMPLE.org");
    accepted(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_USER, "anna@example.org", 16) },
             "anna@example.org");
    accepted(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_IPV4, ip, 4) }, "203.0.113.7");
    accepted(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_IPV6, ip6, 16) }, "2001:db8::");
    const char *no = "which is not in its certificate \"CN=anna\"";
    refused(conf(), (struct peer){ .wish = w, .id = fqdn("bert.example.org") }, no);
    refused(conf(), (struct peer){ .wish = w, .id = fqdn("anna") }, no);        /* CN is no name */
    refused(conf(), (struct peer){ .wish = w, .id = fqdn("anna@example.org") }, no);
    refused(conf(), (struct peer){ .wish = w, .id = fqdn(".example.org") }, no);
    refused(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_FQDN, "anna.example.org\0.evil", 22) }, no);
    refused(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_IPV4, ip6, 4) }, no);
    refused(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_KEY_ID, "anna", 4) }, no);
    refused(conf(), (struct peer){ .wish = w, .id = id_of(IKE_ID_DER_DN, "anna", 4) }, no);
    refused(conf(), (struct peer){ .wish.alt = "DNS:*.example.org", .id = fqdn("x.example.org") }, no);
}
END_TEST

START_TEST(the_wanted_identity_is_proved)
{
    const struct ca_wish w = { .alt = "DNS:vpn.example.org,email:a@example.org,IP:203.0.113.7" };
    static const char *const good[] = { "vpn.example.org", "VPN.example.org", "*.example.org",
                                        "a@example.org", "203.0.113.7", "CN=anna" };
    static const char *const bad[] = { "pn.example.org", "example.org", "*.org", "*.n.example.org",
                                       "b@example.org", "203.0.113.8", "CN=ann", "CN=anna, O=x", "anna" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        accepted(conf(), (struct peer){ .wish = w, .want = good[i] }, "CN=anna");
        struct ike_auth_conf c = conf();
        const char *list[] = { "else.example.net", good[i] };
        c.peer_identities = (struct adit_array){ list, 2, sizeof list[0] };
        accepted(c, (struct peer){ .wish = w }, "CN=anna");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refused(conf(), (struct peer){ .wish = w, .want = bad[i] }, "which was called");
        struct ike_auth_conf c = conf();
        c.peer_identities = (struct adit_array){ &bad[i], 1, sizeof bad[0] };
        refused(c, (struct peer){ .wish = w }, "peer-identities");
    }
    refused(conf(), (struct peer){ .wish.alt = "DNS:a.b.example.org", .want = "*.example.org" }, "called");
}
END_TEST

START_TEST(dates_are_checked)
{
    refused(conf(), (struct peer){ .wish.until = CA_NOW - 1 }, "\"CN=anna\" expired on 2027-01-15 07:59:59 UTC");
    refused(conf(), (struct peer){ .wish.from = CA_NOW + 60 }, "is valid from 2027-01-15 08:01:00 UTC on");
    refused(conf(), (struct peer){ .wish.until = CA_NOW + 500 * CA_DAY, .now = CA_NOW + 400 * CA_DAY },
            "\"O=lab, CN=lab CA\" expired on ");
}
END_TEST

START_TEST(another_ca_is_refused)
{
    EVP_PKEY *k = ca_key(lib, "P-256");
    X509 *other = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=other CA", .key = k, .ca = true });
    X509 *twin = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "O=lab, CN=lab CA", .key = k, .ca = true });
    const struct ca_wish w = { .issuer = other, .issuer_key = k };
    refused(conf(), (struct peer){ .wish = w }, "issued by \"CN=other CA\", which nothing in ca vouches for");
    refused(conf(), (struct peer){ .wish = w, .more = { other } }, "nothing in ca vouches for");
    refused(conf(), (struct peer){ .wish = { .issuer = twin, .issuer_key = k } },
            "not signed by \"O=lab, CN=lab CA\"");
    refused(conf(), (struct peer){ .wish = { .issuer = twin, .issuer_key = k }, .more = { twin } }, "O=lab, CN=lab CA");
    X509_free(other);
    X509_free(twin);
    EVP_PKEY_free(k);
}
END_TEST

START_TEST(intermediate_cas_come_with_the_peer)
{
    EVP_PKEY *k = ca_key(lib, "P-384");
    const struct ca_wish mid = { .lib = lib, .subject = "CN=mid", .key = k, .ca = true, .issuer = root,
                                 .issuer_key = root_key, .serial = 5 };
    X509 *good = ca_issue(&mid);
    struct ca_wish no_ca = mid;
    no_ca.ca = false;
    X509 *bad = ca_issue(&no_ca);
    const struct ca_wish w = { .issuer = good, .issuer_key = k };
    refused(conf(), (struct peer){ .wish = w }, "nothing in ca vouches for");
    accepted(conf(), (struct peer){ .wish = w, .more = { good } }, "CN=anna");
    accepted(conf(), (struct peer){ .wish = w, .more = { good, root } }, "CN=anna");
    accepted(conf(), (struct peer){ .wish = w, .more = { good }, .other_first = true }, "CN=anna");
    refused(conf(), (struct peer){ .wish = w, .more = { bad } }, "is not one of a CA");
    /* the intermediate one alone is trusted, too, when `ca` names it */
    struct ike_auth_conf c = conf();
    ca_write(in("mid.pem"), good, NULL);
    c.ca = in("mid.pem");
    accepted(c, (struct peer){ .wish = w }, "CN=anna");
    refused(c, (struct peer){ .wish.serial = 9 }, "nothing in ca vouches for");
    X509_free(good);
    X509_free(bad);
    EVP_PKEY_free(k);
}
END_TEST

START_TEST(revoked_certificates_are_refused)
{
    struct ike_auth_conf c = conf();
    c.crl = in("crl.pem");
    ca_write_crl(lib, c.crl, root, root_key, 7, CA_NOW - CA_DAY, CA_NOW + CA_DAY);
    accepted(c, (struct peer){ .wish.serial = 6 }, "CN=anna");
    refused(c, (struct peer){ .wish.serial = 7 }, "\"CN=anna\" is revoked, says the list of \"O=lab, CN=lab CA\"");
    refused(c, (struct peer){ .wish.serial = 6, .now = CA_NOW + 2 * CA_DAY }, "expired on 2027-01-16");
    refused(c, (struct peer){ .wish.serial = 6, .now = CA_NOW - 2 * CA_DAY }, "is valid from 2027-01-14");
    EVP_PKEY *k = ca_key(lib, "P-256");
    ca_write_crl(lib, c.crl, root, k, 0, CA_NOW - CA_DAY, CA_NOW + CA_DAY);
    refused(c, (struct peer){ .wish.serial = 6 }, "list of revoked certificates of \"O=lab, CN=lab CA\" is not signed");
    X509 *other = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=other CA", .key = k, .ca = true });
    ca_write_crl(lib, c.crl, other, k, 0, CA_NOW - CA_DAY, CA_NOW + CA_DAY);
    refused(c, (struct peer){ .wish.serial = 6 }, "crl has no list of \"O=lab, CN=lab CA\"");
    X509_free(other);
    EVP_PKEY_free(k);
}
END_TEST

/* `ca` holds an intermediate CA: its own list counts, the root's is not asked for. */
START_TEST(a_list_of_an_intermediate_ca)
{
    EVP_PKEY *k = ca_key(lib, "P-256");
    X509 *mid = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=mid", .key = k, .ca = true,
                                            .issuer = root, .issuer_key = root_key, .serial = 5 });
    const struct ca_wish good = { .issuer = mid, .issuer_key = k, .serial = 6 };
    struct ca_wish gone = good;
    gone.serial = 7;
    struct ike_auth_conf c = conf();
    ca_write(in("mid.pem"), mid, NULL);
    c.ca = in("mid.pem");
    c.crl = in("crl.pem");
    ca_write_crl(lib, c.crl, mid, k, 7, CA_NOW - CA_DAY, CA_NOW + CA_DAY);
    accepted(c, (struct peer){ .wish = good }, "CN=anna");
    refused(c, (struct peer){ .wish = gone }, "\"CN=anna\" is revoked, says the list of \"CN=mid\"");
    /* under the root, both lists are asked for */
    c.ca = in("ca.pem");
    refused(c, (struct peer){ .wish = good, .more = { mid } }, "crl has no list of \"O=lab, CN=lab CA\"");
    X509_free(mid);
    EVP_PKEY_free(k);
}
END_TEST

/* Jobs of many peers verify and sign with one configuration. */
static void *many(void *u)
{
    const struct ike_auth *a = u;
    uint8_t sig[128], wrong[128] = { 0 };
    char identity[64], no[256];
    size_t len;
    const uint8_t *der = ike_auth_cert(a, 0, &len);
    const struct ike_cert_in one = { der, len };
    const struct ike_id id = fqdn("vpn.example.org");
    for (int i = 0; i < 40; i++) {
        size_t n = ike_auth_sign(a, IKE_AUTH_ECDSA_256, hash, 32, sig, sizeof sig);
        if (n != 64 || ike_auth_verify(a, IKE_AUTH_ECDSA_256, &one, 1, &id, hash, 32, sig, n, CA_NOW,
                                       NULL, identity, sizeof identity, no, sizeof no) != 0 ||
            ike_auth_verify(a, IKE_AUTH_ECDSA_256, &one, 1, &id, hash, 32, wrong, n, CA_NOW, NULL,
                            identity, sizeof identity, no, sizeof no) != ADIT_EAUTH)
            return u;
    }
    return NULL;
}

START_TEST(threads_share_it)
{
    struct ike_auth_conf c = conf();
    struct ike_auth *a = loaded(&c);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, many, a), 0);
    for (int i = 0; i < 4; i++) {
        void *bad = NULL;
        pthread_join(t[i], &bad);
        ck_assert_ptr_null(bad);
    }
    ike_auth_free(a);
}
END_TEST

START_TEST(weak_keys_and_hashes_are_refused)
{
    EVP_PKEY *k = ca_key(lib, "RSA 1024");
    refused(conf(), (struct peer){ .wish.key = k }, "\"CN=anna\" is too weak, 1024 bits");
    refused(conf(), (struct peer){ .wish.md = "SHA1" }, "\"CN=anna\" is signed with a weak hash");
    struct ike_auth_conf c = conf();
    X509 *x = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=w", .key = k, .issuer = root,
                                          .issuer_key = root_key });
    ca_write(in("our.pem"), x, NULL);
    ca_write_key(lib, in("our.key"), k);
    no_auth(&c, "too weak, 1024 bits");
    X509_free(x);
    EVP_PKEY_free(k);
}
END_TEST

START_TEST(usage_is_checked_and_extended_usage_is_not)
{
    refused(conf(), (struct peer){ .wish.usage = "critical,keyEncipherment" }, "needs digitalSignature");
    accepted(conf(), (struct peer){ .wish.usage = "critical,nonRepudiation" }, "CN=anna");
    accepted(conf(), (struct peer){ .wish = { .usage = "critical,digitalSignature",
                                              .extended = "critical,codeSigning" } }, "CN=anna");
    refused(conf(), (struct peer){ .method = IKE_AUTH_RSA }, "not of the agreed method");
    refused(conf(), (struct peer){ .method = IKE_AUTH_ECDSA_384 }, "not of the agreed method");
}
END_TEST

START_TEST(garbage_is_refused)
{
    struct ike_auth_conf c = conf();
    struct ike_auth *a = loaded(&c);
    char identity[128];
    uint8_t sig[64] = { 0 };
    struct ike_id id = fqdn("anna");
    size_t len;
    const uint8_t *der = ike_auth_cert(a, 0, &len);
    struct ike_cert_in one = { der, len }, many[20];
#define VERIFY(certs, n) ike_auth_verify(a, IKE_AUTH_ECDSA_256, certs, n, &id, hash, 32, sig, 64, CA_NOW, \
                                         NULL, identity, sizeof identity, why, sizeof why)
    ck_assert_int_eq(VERIFY(NULL, 0), ADIT_EAUTH);
    ck_assert_ptr_nonnull(strstr(why, "sent no certificate"));
    for (size_t i = 0; i < 20; i++)
        many[i] = one;
    ck_assert_int_eq(VERIFY(many, 20), ADIT_EAUTH);
    ck_assert_ptr_nonnull(strstr(why, "too many"));
    id = id_of(IKE_ID_FQDN, "vpn.example.org", 15);
    ck_assert_int_eq(VERIFY(&one, 1), ADIT_EAUTH);
    ck_assert_ptr_nonnull(strstr(why, "the signature is not"));
    for (size_t n = 0; n < len; n++) {          /* cut, and with one bit changed */
        uint8_t *part = malloc(n ? n : 1), *wrong = malloc(len);
        memcpy(part, der, n);
        memcpy(wrong, der, len);
        wrong[n] ^= 0x10;
        struct ike_cert_in cut = { part, n }, bent = { wrong, len };
        ck_assert_int_eq(VERIFY(&cut, 1), ADIT_EAUTH);
        ck_assert_ptr_nonnull(strstr(why, "cannot be read"));
        ck_assert_int_eq(VERIFY(&bent, 1), ADIT_EAUTH);
        ck_assert_ptr_null(strstr(why, "the signature is not of the key"));
        free(part);
        free(wrong);
    }
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ike_auth_free(a);
    c = (struct ike_auth_conf){ .psk = "x" };
    a = loaded(&c);
    ck_assert_int_eq(VERIFY(&one, 1), ADIT_EAUTH);
    ck_assert_ptr_nonnull(strstr(why, "ca is not set"));
    ck_assert_uint_eq(ike_auth_sign(a, IKE_AUTH_RSA, hash, 32, sig, 64), 0);
    ike_auth_free(a);
}
END_TEST

/* Certificates and signatures that strongSwan made (messages 5 and 6). */
START_TEST(strongswan_signs)
{
    static const struct { const char *name, *ca; uint32_t method; const char *i, *r; } all[] = {
        { "cert-ecdsa", "cert-ecdsa-ca.pem", IKE_AUTH_ECDSA_256, "O=lab, CN=client", "O=lab, CN=server" },
        { "cert-ecdsa-sha1", "cert-ecdsa-ca.pem", IKE_AUTH_ECDSA_256, "O=lab, CN=client", "O=lab, CN=server" },
        { "cert-rsa", "cert-rsa-ca.pem", IKE_AUTH_RSA, "O=VPN lab, CN=client.lab.example",
          "O=VPN lab, CN=server.lab.example" },
    };
    const char *top = getenv("top_srcdir");
    for (size_t i = 0; i < 3; i++) {
        struct golden *g = golden_load(all[i].name);
        struct ike_auth_conf c = conf();
        struct ike_keys k = { 0 };
        char ca[256], identity[128];
        struct ike_proposal p;
        snprintf(ca, sizeof ca, "%s/tests/golden/ike/%s", top ? top : "..", all[i].ca);
        c.ca = ca;
        struct ike_auth *a = loaded(&c);
        ck_assert(ike_proposal_parse(g->proposal, &p, why, sizeof why));
        k.cipher = p.cipher;
        memcpy(k.key, golden_row(g, "key", 0)->p, golden_row(g, "key", 0)->len);
        memcpy(k.iv, golden_row(g, "iv", 0)->p, golden_row(g, "iv", 0)->len);
        /* clear messages first: two of each side, with RSA fragments of the third */
        uint32_t at[2] = { 2, 2 };
        for (uint32_t side = 0; side < 2; side++) {
            static uint8_t whole[IKE_MSG_MAX];
            static struct ike_msg m;
            struct wr w = wr_of(whole, sizeof whole);
            bool last = false;
            while (!last) {
                struct golden_row *r = golden_row(g, side ? "r" : "i", at[side]++);
                struct ike_fragment f;
                ck_assert_int_eq(ike_hdr_parse(&m.hdr, r->p, r->len), IKE_MSG_OK);
                last = m.hdr.next != IKE_P_FRAGMENT;
                if (last) {
                    wr_bytes(&w, r->p, r->len);
                    continue;
                }
                ck_assert_int_eq(ike_msg_parse(&m, r->p, r->len), IKE_MSG_OK);
                ck_assert(ike_fragment_read(&m.p[0], &f));
                wr_bytes(&w, f.data, f.len);
                last = f.last;
            }
            ck_assert(ike_decrypt(lib, &k, k.iv, whole + IKE_HDR_LEN, wr_len(&w) - IKE_HDR_LEN));
            ck_assert_int_eq(ike_msg_parse(&m, whole, wr_len(&w)), IKE_MSG_OK);
            const struct ike_payload *cert = ike_msg_find(&m, IKE_P_CERT, 0);
            const struct ike_payload *sig = ike_msg_find(&m, IKE_P_SIG, 0);
            struct ike_id id;
            ck_assert(cert && sig && ike_id_read(ike_msg_find(&m, IKE_P_ID, 0), &id));
            ck_assert_uint_eq(cert->body[0], IKE_CERT_X509_SIGNATURE);
            struct ike_cert_in one = { cert->body + 1, cert->len - 1u };
            const struct golden_row *h = golden_row(g, side ? "hash_r" : "hash_i", 0);
            ck_assert_msg(ike_auth_verify(a, all[i].method, &one, 1, &id, h->p, h->len, sig->body,
                                          sig->len, 1795265600 /* that day */, NULL, identity,
                                          sizeof identity, why, sizeof why) == 0,
                          "%s: %s", all[i].name, why);
            ck_assert_str_eq(identity, side ? all[i].r : all[i].i);
        }
        ike_auth_free(a);
        golden_free(g);
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        keys_are_tried_best_first, key_files_are_private, settings_that_do_not_fit_are_refused,
        an_encrypted_key_is_named, our_identity_is_of_its_kind, every_kind_of_key_signs,
        the_identity_is_in_the_certificate, the_wanted_identity_is_proved, dates_are_checked,
        another_ca_is_refused, intermediate_cas_come_with_the_peer, revoked_certificates_are_refused,
        a_list_of_an_intermediate_ca, threads_share_it,
        weak_keys_and_hashes_are_refused, usage_is_checked_and_extended_usage_is_not,
        garbage_is_refused, strongswan_signs, NULL,
    };
    Suite *s = suite_create("ike_auth");
    TCase *tc = tcase_create("ike_auth");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, up, down);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
