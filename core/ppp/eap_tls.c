/* eap_tls.c - EAP-TLS (RFC 5216; with TLS 1.3 RFC 9190), both roles.
 *
 * Knows:  fragments, TLS through memory BIOs, whom a certificate names, the keys.
 * Leaves: certificates and trust: the SSL_CTX comes loaded; whether the user exists.
 *
 * A conversation is flights. A flight goes out in fragments that the other end
 * acknowledges one by one with an empty packet; then it is the other's turn.
 */
#include "ppp/ppp_auth_in.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <strings.h>


enum {
    FLIGHT_MAX = 64 * 1024,     /* RFC 5216 section 2.1.5: more is an attack */
    TOTAL_MAX = 4 * FLIGHT_MAX,
};

struct eap_tls {
    SSL *ssl;
    BIO *in, *out;              /* the SSL's */
    bool server;
    bool up;                    /* the handshake is complete */
    bool committed;             /* peer, TLS 1.3: the server's last word came */
    bool ending;                /* server: accepted, Success is due */
    uint32_t cause;             /* not 0: the handshake failed */
    const char *text;
    uint8_t *flight;            /* ours, being sent */
    size_t flight_len, flight_at;
    uint8_t *got;               /* the peer's, being put together */
    size_t got_len, got_want;
    size_t total;
};

void eap_tls_free(struct eap_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t->flight);
    free(t->got);
    bytes_wipe(t, sizeof *t);
    free(t);
}

/* The peer's certificate is to be a server's of that name; without one, anybody
 * whom the same authority knows could play the server. */
static bool name_wanted(struct ppp_auth *a, SSL *ssl)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return !a->tls_name[0] || SSL_set1_host(ssl, a->tls_name) == 1;
}

static struct eap_tls *tls_new(struct ppp_auth *a, bool server)
{
    static const unsigned char context[] = "eap-tls";
    struct eap_tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->server = server;
    t->ssl = SSL_new(a->tls);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out || (!server && !name_wanted(a, t->ssl))) {
        BIO_free(t->in);
        BIO_free(t->out);
        eap_tls_free(t);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_min_proto_version(t->ssl, TLS1_2_VERSION);      /* RFC 8996 */
    /* No resumption: each login shows its certificate again, so that a revoked
     * one is seen; and TLS 1.3 has no ticket in its last flight. */
    SSL_set_options(t->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_set_session_id_context(t->ssl, context, sizeof context - 1);
    SSL_set_verify(t->ssl, server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                  : SSL_VERIFY_PEER, NULL);
    if (server) {
        SSL_set_num_tickets(t->ssl, 0);
        SSL_set_accept_state(t->ssl);
    } else {
        SSL_set_connect_state(t->ssl);
    }
    return t;
}

static bool tls13(const struct eap_tls *t) { return SSL_version(t->ssl) >= TLS1_3_VERSION; }

/* ---- flights ------------------------------------------------------------------------ */

enum got { GOT_BAD, GOT_FRAGMENT, GOT_ACK, GOT_FLIGHT };

/* A packet behind its type octet. GOT_FLIGHT: the TLS bytes are in t->in. */
static enum got take(struct eap_tls *t, struct rd *r)
{
    uint8_t flags = rd_u8(r);
    size_t want = flags & EAP_F_LENGTH ? rd_u32(r) : 0;
    if (!rd_ok(r) || want > FLIGHT_MAX)
        return GOT_BAD;
    size_t len;
    const uint8_t *data = rd_rest(r, &len);
    if (len == 0)               /* an acknowledgement has no flag but a length of nothing */
        return flags & EAP_F_MORE || want || t->got_len ? GOT_BAD : GOT_ACK;
    if (t->got_len == 0)
        t->got_want = want;
    else if (want && want != t->got_want)
        return GOT_BAD;
    size_t most = t->got_want ? t->got_want : FLIGHT_MAX;
    if (t->got_len + len > most || t->total + len > TOTAL_MAX)
        return GOT_BAD;
    if (!(flags & EAP_F_MORE) && t->got_want && t->got_len + len != t->got_want)
        return GOT_BAD;
    uint8_t *more = realloc(t->got, t->got_len + len);
    if (!more)
        return GOT_BAD;
    t->got = more;
    struct wr w = wr_of(more, t->got_len + len);
    wr_room(&w, t->got_len);
    wr_bytes(&w, data, len);
    t->got_len += len;
    t->total += len;
    if (flags & EAP_F_MORE)
        return GOT_FRAGMENT;
    int n = BIO_write(t->in, t->got, (int)t->got_len);
    bool whole = n == (int)t->got_len;
    free(t->got);
    t->got = NULL;
    t->got_len = t->got_want = 0;
    return whole ? GOT_FLIGHT : GOT_BAD;
}

/* What TLS wants to say becomes the flight. */
static void collect(struct eap_tls *t)
{
    char *data;
    long len = BIO_get_mem_data(t->out, &data);
    free(t->flight);
    t->flight = NULL;
    t->flight_len = t->flight_at = 0;
    if (len <= 0 || !(t->flight = malloc((size_t)len)))
        return;
    memcpy(t->flight, data, (size_t)len);
    t->flight_len = (size_t)len;
    (void)BIO_reset(t->out);
}

static bool flight_left(const struct eap_tls *t) { return t->flight_at < t->flight_len; }

/* The next fragment of our flight, or an empty packet. */
static void give(struct ppp_auth *a, struct eap_tls *t)
{
    uint8_t *packet = malloc(a->mtu);
    if (!packet) {
        pa_fail(a, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    struct wr w = wr_of(packet, a->mtu - 4u);       /* code, identifier, length */
    struct rd left = rd_of(t->flight, t->flight_len);
    rd_skip(&left, t->flight_at);
    size_t room = a->mtu - 4u - 2u, n = rd_left(&left);
    wr_u8(&w, EAP_TLS);
    if (n > room && t->flight_at == 0) {
        wr_u8(&w, EAP_F_LENGTH | EAP_F_MORE);
        wr_u32(&w, (uint32_t)t->flight_len);
        n = room - 4;
    } else if (n > room) {
        wr_u8(&w, EAP_F_MORE);
        n = room;
    } else {
        wr_u8(&w, 0);
    }
    const uint8_t *data = rd_bytes(&left, n);
    if (n)
        wr_bytes(&w, data, n);
    t->flight_at += n;
    if (t->server)
        eap_request(a, packet, wr_len(&w));
    else
        eap_respond(a, packet, wr_len(&w));
    free(packet);
}

/* ---- TLS ------------------------------------------------------------------------------ */

static void failed(struct eap_tls *t)
{
    unsigned long e = ERR_peek_error();
    long verify = SSL_get_verify_result(t->ssl);
    int reason = ERR_GET_REASON(e);
    /* The other end's alerts 41 to 49 and 110 to 116 speak of certificates. */
    int alert = reason - SSL_AD_REASON_OFFSET;
    bool certificate = verify != X509_V_OK || (alert >= 41 && alert <= 49) ||
                       (alert >= 110 && alert <= 116) ||
                       reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
                       reason == SSL_R_CERTIFICATE_VERIFY_FAILED;
    t->cause = certificate ? ADIT_CAUSE_CERTIFICATE : ADIT_CAUSE_AUTH_FAILED;
    t->text = verify != X509_V_OK ? X509_verify_cert_error_string(verify)
                                  : ERR_reason_error_string(e);
    ERR_clear_error();
}

/* Lets TLS work on what came. */
static void run(struct eap_tls *t)
{
    ERR_clear_error();
    if (!t->up) {
        int rc = SSL_do_handshake(t->ssl);
        if (rc == 1)
            t->up = true;
        else if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ)
            failed(t);
    }
    if (t->up && !t->server && tls13(t) && !t->committed && !t->cause) {
        /* RFC 9190 section 2.5: one octet of zero is the server's last word. */
        uint8_t octet[2];
        int n = SSL_read(t->ssl, octet, sizeof octet);
        if (n == 1 && octet[0] == 0)
            t->committed = true;
        else if (n > 0 || SSL_get_error(t->ssl, n) != SSL_ERROR_WANT_READ)
            failed(t);
    }
    collect(t);
    ERR_clear_error();
}

/* The keys of RFC 5216 section 2.3 or RFC 9190 section 2.3. The first half of the
 * MSK goes from the peer to the authenticator; RFC 3079 section 4 takes the first
 * 16 bytes of each half as start keys. */
static bool keys(struct eap_tls *t, struct adit_auth_answer *k)
{
    static const char label12[] = "client EAP encryption";
    static const char label13[] = "EXPORTER_EAP_TLS_Key_Material";
    static const unsigned char type = EAP_TLS;
    uint8_t material[128];
    int ok = tls13(t)
        ? SSL_export_keying_material(t->ssl, material, sizeof material, label13,
                                     sizeof label13 - 1, &type, 1, 1)
        : SSL_export_keying_material(t->ssl, material, sizeof material, label12,
                                     sizeof label12 - 1, NULL, 0, 0);
    if (ok == 1) {
        const uint8_t *from_peer = material, *to_peer = &material[32];
        memcpy(k->send_key, t->server ? to_peer : from_peer, 16);
        memcpy(k->recv_key, t->server ? from_peer : to_peer, 16);
        k->key_len = 16;
    }
    bytes_wipe(material, sizeof material);
    ERR_clear_error();
    return ok == 1;
}

/* ---- whom the certificate names ---------------------------------------------------------- */

/* Windows' user principal name, in the subject's alternative names. */
static const ASN1_STRING *upn_of(const GENERAL_NAME *g)
{
    char oid[64];
    if (g->type != GEN_OTHERNAME || !g->d.otherName->value ||
        OBJ_obj2txt(oid, sizeof oid, g->d.otherName->type_id, 1) <= 0 ||
        strcmp(oid, "1.3.6.1.4.1.311.20.2.3") != 0 ||
        g->d.otherName->value->type != V_ASN1_UTF8STRING)
        return NULL;
    return g->d.otherName->value->value.utf8string;
}

static bool asn1_is(const ASN1_STRING *s, const char *name)
{
    size_t len = strlen(name);
    return s && len > 0 && (size_t)ASN1_STRING_length(s) == len &&
           strncasecmp((const char *)ASN1_STRING_get0_data(s), name, len) == 0;
}

/* The common name as UTF-8, "" when there is none that can be used. */
static void common_name(X509 *cert, char out[PA_NAME + 1])
{
    out[0] = '\0';
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return;                         /* two of them: whom would it name? */
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0) {
        struct rd r = rd_of(utf8, (size_t)len);
        pa_name(&r, out);
    }
    OPENSSL_free(utf8);
}

/* The identity is one of the certificate's names: UPN, e-mail address, DNS name
 * (a machine says host/NAME), common name; the common name also behind DOMAIN\.
 * An identity that hides the user ("" or "@realm", RFC 9190 section 2.1.3) is
 * replaced by the UPN, the e-mail address or the common name. */
static bool names(X509 *cert, char user[PA_NAME + 1])
{
    char cn[PA_NAME + 1], best[PA_NAME + 1] = "";
    bool hidden = user[0] == '\0' || user[0] == '@', found = false;
    const char *machine = strncasecmp(user, "host/", 5) == 0 ? &user[5] : "";
    const char *slash = strrchr(user, '\\');
    common_name(cert, cn);
    GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, i);
        const ASN1_STRING *upn = upn_of(g), *mail = g->type == GEN_EMAIL ? g->d.rfc822Name : NULL;
        const ASN1_STRING *dns = g->type == GEN_DNS ? g->d.dNSName : NULL;
        if (asn1_is(upn, user) || asn1_is(mail, user) || asn1_is(dns, user) || asn1_is(dns, machine))
            found = true;
        const ASN1_STRING *s = upn ? upn : mail;
        if (hidden && s && (upn || !best[0])) {
            struct rd r = rd_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
            pa_name(&r, best);
        }
    }
    GENERAL_NAMES_free(san);
    ERR_clear_error();
    if (hidden) {
        memcpy(user, best[0] ? best : cn, PA_NAME + 1);
        return user[0] != '\0';
    }
    return found || (cn[0] && (strcasecmp(cn, user) == 0 || (slash && strcasecmp(cn, slash + 1) == 0)));
}

/* ---- the authenticator ---------------------------------------------------------------- */

static void server_begin(struct ppp_auth *a)
{
    static const uint8_t start[] = { EAP_TLS, EAP_F_START };
    a->srv.tls = tls_new(a, true);
    if (!a->srv.tls)
        eap_failure(a, ADIT_CAUSE_RESOURCE, "TLS cannot be set up");
    else
        eap_request(a, start, sizeof start);
}

static void server_ask(struct ppp_auth *a, struct eap_tls *t)
{
    X509 *cert = SSL_get1_peer_certificate(t->ssl);
    bool named = cert && SSL_get_verify_result(t->ssl) == X509_V_OK && names(cert, a->srv.user);
    X509_free(cert);
    if (!named) {
        eap_failure(a, ADIT_CAUSE_CERTIFICATE, "the certificate does not name the user");
        return;
    }
    struct adit_auth_query q = { .id = a->srv.id };
    pa_ask(a, ADIT_AUTH_EAP_TLS, &q);
}

/* While our flight has fragments left, and after our last word, an
 * acknowledgement is the only thing to say. */
static bool is_ack(struct rd r)
{
    uint8_t flags = rd_u8(&r);
    if (flags & EAP_F_LENGTH)
        rd_skip(&r, 4);
    return rd_done(&r) && !(flags & (EAP_F_MORE | EAP_F_START));
}

static bool server_rx(struct ppp_auth *a, struct rd *r)
{
    struct eap_tls *t = a->srv.tls;
    bool ack = is_ack(*r);
    if (flight_left(t)) {
        if (ack)
            give(a, t);
        return ack;
    }
    if (t->cause || (t->ending && !ack)) {      /* our alert arrived; or theirs came */
        eap_failure(a, t->cause ? t->cause : (uint32_t)ADIT_CAUSE_AUTH_FAILED, t->text);
        return true;
    }
    if (t->ending) {
        eap_success(a);
        return true;
    }
    switch (take(t, r)) {
    case GOT_FRAGMENT:
        give(a, t);                     /* nothing is left: an acknowledgement */
        return true;
    case GOT_ACK:
        eap_failure(a, ADIT_CAUSE_AUTH_FAILED, "the peer gave up the TLS handshake");
        return true;
    case GOT_FLIGHT:
        run(t);
        a->srv.end_cause = a->refused = t->cause;
        if (t->up && !t->cause)
            server_ask(a, t);           /* our last flight waits for the answer */
        else if (t->flight_len)
            give(a, t);
        else
            eap_failure(a, t->cause ? t->cause : (uint32_t)ADIT_CAUSE_AUTH_FAILED, t->text);
        return true;
    default:
        return false;
    }
}

static void server_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct eap_tls *t = a->srv.tls;
    if (answer->verdict != ADIT_VERDICT_ACCEPT) {
        eap_failure(a, pa_cause(answer), answer->message);
        return;
    }
    pa_grant(a, answer);
    static const uint8_t last_word = 0;
    if (!keys(t, &a->srv.granted) || (tls13(t) && SSL_write(t->ssl, &last_word, 1) != 1)) {
        ERR_clear_error();
        eap_failure(a, ADIT_CAUSE_INTERNAL, "TLS gave no keys");
        return;
    }
    if (tls13(t))
        collect(t);                     /* TLS 1.2: the flight is there, our Finished */
    t->ending = true;
    if (t->flight_len)
        give(a, t);
    else
        eap_success(a);
}

/* ---- the peer ---------------------------------------------------------------------------- */

static bool peer_turn(struct ppp_auth *a, struct eap_tls *t)
{
    run(t);
    if (t->cause) {
        /* Our alert first, so that the server knows why; then we are through
         * with a server that we do not trust. */
        uint32_t cause = t->cause;
        const char *text = t->text;
        a->refused = cause;
        give(a, t);                     /* or the empty answer to the server's alert */
        pa_fail(a, cause, text);
        return true;
    }
    if (t->up && (t->committed || !tls13(t)) && !a->peer.eap_ready) {
        a->peer.keys = (struct adit_auth_answer){ .size = sizeof a->peer.keys,
                                                  .verdict = ADIT_VERDICT_ACCEPT };
        if (!keys(t, &a->peer.keys)) {
            pa_fail(a, ADIT_CAUSE_INTERNAL, "TLS gave no keys");
            return true;
        }
        a->peer.eap_ready = true;
    }
    give(a, t);                         /* with nothing to say: an empty packet */
    return true;
}

static bool peer_rx(struct ppp_auth *a, struct rd *r)
{
    struct eap_tls *t = a->peer.tls;
    struct rd head = *r;
    if (rd_u8(&head) & EAP_F_START) {
        if (t)
            return false;
        t = a->peer.tls = tls_new(a, false);
        if (!t) {
            pa_fail(a, ADIT_CAUSE_RESOURCE, "TLS cannot be set up");
            return true;
        }
        return peer_turn(a, t);
    }
    if (!t || a->peer.eap_ready)
        return false;
    if (flight_left(t)) {
        bool ack = is_ack(*r);
        if (ack)
            give(a, t);
        return ack;
    }
    switch (take(t, r)) {
    case GOT_FRAGMENT:
        give(a, t);                     /* nothing is left: an acknowledgement */
        return true;
    case GOT_FLIGHT:
        return peer_turn(a, t);
    default:
        return false;
    }
}

const struct eap_method eap_tls = { EAP_TLS, ADIT_AUTH_EAP_TLS,
                                    server_begin, server_rx, server_answer, peer_rx };
