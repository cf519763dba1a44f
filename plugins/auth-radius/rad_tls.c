/* rad_tls.c - lanes over TLS (RADIUS/TLS, RFC 6614): one connection each.
 *
 * Knows:  OpenSSL with memory BIOs over the host's streams, whose certificate the
 *         server must show, packets in a stream of bytes.
 * Leaves: what is in a packet, and when to connect, to rad_server.
 *
 * What waits to be sent is bounded by the ids of a lane: 256 requests.
 */
#include "rad_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <adit/framer.h>

#define SETUP_MS 10000u         /* from connect to the end of the handshake */
#define DRAIN_MS 20u            /* the stream was full: again then */
#define WAIT_MAX (1u << 20)     /* bytes that wait for a server which does not read */
#define FILES    3u

/* Of a server: what its connections have in common. */
struct tls_conf {
    SSL_CTX *ctx;
    struct stat was[FILES];     /* the files, when they were read */
    char why[300];
};

struct tls {
    struct rad_lane *lane;
    struct adit_stream *stream; /* NULL: gone */
    SSL *ssl;                   /* NULL: not connected yet */
    BIO *in, *out;              /* the ssl's */
    struct adit_timer *timer;   /* too slow; or the stream is full; or broken */
    bool shaking;               /* the handshake is not done yet */
    bool heard;                 /* something came after it */
    const char *broken;         /* noticed while sending: told from the timer */
    char date[32];              /* of the certificate that is not valid now */
    struct adit_framer framer;
    uint8_t buf[RAD_MAX];
};

static const struct adit_host *host_of(const struct rad_server *s)
{
    return s->group->self->host;
}

static const char *expected_name(const struct rad_server *s)
{
    return s->conf.tls_name ? s->conf.tls_name : s->conf.host;
}

static bool is_ip(const char *text)
{
    uint8_t ip[16];
    return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

/* ---- configuration -------------------------------------------------------------------- */

static int no_password(char *buf, int size, int writing, void *u)
{
    (void)buf; (void)size; (void)writing; (void)u;
    return 0;                   /* OpenSSL would ask on the terminal */
}

static const char *reason_of(unsigned long e)
{
    const char *text = ERR_reason_error_string(e);
    if (ERR_GET_LIB(e) == ERR_LIB_SYS)
        text = strerror(ERR_GET_REASON(e));
    return text ? text : "unknown reason";
}

static bool refuse(struct tls_conf *t, const char *setting, const char *file)
{
    const char *why = reason_of(ERR_peek_error());      /* the first: what came of it follows */
    snprintf(t->why, sizeof t->why, "%s: %.160s: %.80s", setting, file ? file : "", why);
    return false;
}

static bool load_ca(struct tls_conf *t, SSL_CTX *ctx, const char *ca)
{
    struct stat st;
    if (!ca)
        return SSL_CTX_set_default_verify_paths(ctx) == 1 || refuse(t, "tls-ca", "the system's authorities");
    if (stat(ca, &st) == 0 && S_ISDIR(st.st_mode))
        return SSL_CTX_load_verify_dir(ctx, ca) == 1 || refuse(t, "tls-ca", ca);
    return SSL_CTX_load_verify_file(ctx, ca) == 1 || refuse(t, "tls-ca", ca);
}

static bool load(struct tls_conf *t, SSL_CTX *ctx, const struct rad_server_conf *c)
{
    if (!c->tls_certificate != !c->tls_key) {
        snprintf(t->why, sizeof t->why, "tls-certificate and tls-key go together: %s is missing",
                 c->tls_key ? "tls-certificate" : "tls-key");
        return false;
    }
    if (!load_ca(t, ctx, c->tls_ca))
        return false;
    if (!c->tls_certificate)
        return true;
    if (SSL_CTX_use_certificate_chain_file(ctx, c->tls_certificate) != 1)
        return refuse(t, "tls-certificate", c->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->tls_key, SSL_FILETYPE_PEM) != 1)
        return refuse(t, "tls-key", c->tls_key);
    return true;
}

static void look(const struct rad_server *s, struct stat out[FILES])
{
    const char *const files[FILES] = { s->conf.tls_ca, s->conf.tls_certificate, s->conf.tls_key };
    for (uint32_t i = 0; i < FILES; i++)
        if (!files[i] || stat(files[i], &out[i]))
            memset(&out[i], 0, sizeof out[i]);
}

static bool changed(const struct tls_conf *t, const struct stat now[FILES])
{
    for (uint32_t i = 0; i < FILES; i++)
        if (t->was[i].st_ino != now[i].st_ino || t->was[i].st_size != now[i].st_size ||
            t->was[i].st_mtim.tv_sec != now[i].st_mtim.tv_sec ||
            t->was[i].st_mtim.tv_nsec != now[i].st_mtim.tv_nsec)
            return true;
    return false;
}

/* Reads the files when they are new: certificates are renewed while we run. False:
 * `why` says what is wrong with them. */
static bool refresh(struct rad_server *s)
{
    struct tls_conf *t = s->wire;
    struct stat now[FILES];
    look(s, now);
    if (t->ctx && !changed(t, now))
        return true;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return refuse(t, "TLS", NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* a server's own certificate in tls-ca is as good as its authority's */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (!load(t, ctx, &s->conf)) {
        SSL_CTX_free(ctx);
        return false;
    }
    SSL_CTX_free(t->ctx);
    t->ctx = ctx;
    memcpy(t->was, now, sizeof t->was);
    return true;
}

static int32_t tls_prepare(struct rad_server *s)
{
    struct tls_conf *t = s->wire ? s->wire : calloc(1, sizeof *t);
    if (!t)
        return adit_fail(s->group->self, ADIT_ENOMEM, "out of memory");
    s->wire = t;
    return refresh(s) ? 0 : adit_fail(s->group->self, ADIT_ECONF, "server %s: %s", s->name, t->why);
}

static void tls_fini(struct rad_server *s)
{
    struct tls_conf *t = s->wire;
    if (t)
        SSL_CTX_free(t->ctx);
    free(t);
    s->wire = NULL;
}

/* ---- the end of a connection ---------------------------------------------------------- */

static void tls_free(struct tls *t)
{
    const struct adit_host *h = host_of(t->lane->server);
    if (t->stream)
        h->stream->close(t->stream);
    h->loop->timer_free(t->timer);
    SSL_free(t->ssl);           /* and its BIOs */
    t->lane->wire = NULL;
    free(t);
}

/* Neither the connection nor its lane is there after this. */
static void end(struct tls *t, bool fault, const char *why)
{
    struct rad_lane *l = t->lane;
    char text[300];
    snprintf(text, sizeof text, "%s", why);
    tls_free(t);
    rad_lane_gone(l, fault, text);
}

static void flush(struct tls *t)
{
    const struct adit_host *h = host_of(t->lane->server);
    char *p;
    uint8_t sink[16384];
    long n;
    while (t->stream && (n = BIO_get_mem_data(t->out, &p)) > 0) {
        uint32_t part = n > (long)sizeof sink ? (uint32_t)sizeof sink : (uint32_t)n;
        int32_t code = h->stream->tx(t->stream, p, part);
        if (code == ADIT_ENOSPC) {
            if (!t->shaking)
                h->loop->timer_set(t->timer, DRAIN_MS);
            return;
        }
        if (code) {
            t->broken = "the connection broke";
            h->loop->timer_set(t->timer, 0);
            return;
        }
        (void)BIO_read(t->out, sink, (int)part);
    }
}

static void tls_close(struct rad_lane *l)
{
    struct tls *t = l->wire;
    if (t->ssl && !t->shaking) {
        (void)SSL_shutdown(t->ssl);     /* our end only: nobody waits for the other */
        flush(t);
    }
    tls_free(t);
}

/* ---- certificates ------------------------------------------------------------------------ */

static bool has_alt_names(const X509 *cert)
{
    return X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) >= 0;
}

/* RFC 6614 section 2.3: a name is among the dNSNames, an address among the iPAddresses
 * of subjectAltName; only a certificate without such has it in its common name. */
static bool name_fits(X509 *cert, const char *name)
{
    if (!is_ip(name))
        return X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
    if (X509_check_ip_asc(cert, name, 0) == 1)
        return true;
    char cn[64];
    size_t len = strlen(name);  /* a name with NUL in it is longer than it looks */
    return !has_alt_names(cert) && len < sizeof cn &&
           X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof cn) == (int)len &&
           !memcmp(cn, name, len);
}

static void append(char *out, size_t size, const char *text, size_t len)
{
    size_t at = strlen(out);
    if (at && at + 2 < size) {
        memcpy(out + at, ", ", 3);
        at += 2;
    }
    for (size_t i = 0; i < len && at + 1 < size; i++)
        out[at++] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
    out[at] = '\0';
}

/* Names that it is for, as a person reads them. */
static void names_of(X509 *cert, char *out, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char cn[64];
    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type == GEN_DNS) {
            append(out, size, (const char *)ASN1_STRING_get0_data(n->d.dNSName),
                   (size_t)ASN1_STRING_length(n->d.dNSName));
        } else if (n->type == GEN_IPADD) {
            char text[INET6_ADDRSTRLEN] = "";
            int len = ASN1_STRING_length(n->d.iPAddress);
            if (len == 4 || len == 16)
                inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(n->d.iPAddress), text,
                          sizeof text);
            append(out, size, text, strlen(text));
        }
    }
    GENERAL_NAMES_free(names);
    if (!*out && X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof cn) > 0)
        append(out, size, cn, strlen(cn));
    if (!*out)
        append(out, size, "nobody", 6);
}

static void date_of(const ASN1_TIME *at, char out[32])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(at, &tm) != 1 || !strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm))
        snprintf(out, 32, "?");
}

/* OpenSSL forgets a certificate that it refused; what people need of it is kept. */
static int on_verify(int ok, X509_STORE_CTX *c)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(c, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = ssl ? SSL_get_app_data(ssl) : NULL;
    const X509 *cert = X509_STORE_CTX_get_current_cert(c);
    int code = X509_STORE_CTX_get_error(c);
    if (!ok && t && cert && code == X509_V_ERR_CERT_HAS_EXPIRED)
        date_of(X509_get0_notAfter(cert), t->date);
    if (!ok && t && cert && code == X509_V_ERR_CERT_NOT_YET_VALID)
        date_of(X509_get0_notBefore(cert), t->date);
    return ok;
}

/* Why the chain does not hold, and what helps. */
static void verify_text(const struct tls *t, long code, char *out, size_t size)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(out, size, "its certificate, or its authority's, has expired (%s): let the server have a new one",
                 t->date);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(out, size, "its certificate, or its authority's, is not valid before %s: are the clocks right?",
                 t->date);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        snprintf(out, size, "its certificate is from an authority that we do not know: set tls-ca to the file "
                 "with that authority's certificate");
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        snprintf(out, size, "its certificate is not for servers: it needs the extended key usage serverAuth");
        break;
    default:
        snprintf(out, size, "its certificate is refused: %s", X509_verify_cert_error_string(code));
    }
}

/* What OpenSSL says that a TLS peer thinks of us comes as "... alert ...". */
static void fail_text(struct tls *t, char *out, size_t size)
{
    long verify = SSL_get_verify_result(t->ssl);
    unsigned long e = ERR_peek_last_error();
    const char *why = reason_of(e);
    if (t->shaking && verify != X509_V_OK) {
        verify_text(t, verify, out, size);
    } else if (strstr(why, "protocol version")) {
        snprintf(out, size, "it speaks no TLS 1.2 or newer (%s)", why);
    } else if (strstr(why, "alert")) {
        bool cert = strstr(why, "certificate") || strstr(why, "unknown ca") || strstr(why, "access denied") ||
                    (strstr(why, "handshake failure") && !t->lane->server->conf.tls_certificate);
        snprintf(out, size, "it refuses us (%s)%s", why, cert ?
                 ": set tls-certificate and tls-key, from an authority that the server trusts" : "");
    } else if (ERR_GET_LIB(e) == ERR_LIB_SSL && (ERR_GET_REASON(e) == SSL_R_WRONG_VERSION_NUMBER ||
                                                 ERR_GET_REASON(e) == SSL_R_UNSUPPORTED_PROTOCOL)) {
        snprintf(out, size, "it speaks no TLS 1.2 or newer there (%s): is it the right port?", why);
    } else {
        snprintf(out, size, "TLS failed: %s", why);
    }
}

static void fail(struct tls *t)
{
    char why[300];
    fail_text(t, why, sizeof why);
    flush(t);                   /* our alert tells the other end */
    end(t, true, why);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* RFC 6614 section 2.1: the length is that of the packet's own header. */
static int32_t measure(const uint8_t *p, uint32_t have)
{
    struct rd r = rd_of(p, have);
    rd_skip(&r, 2);
    uint16_t len = rd_u16(&r);
    if (!rd_ok(&r))
        return 0;
    return len >= RAD_HEAD && len <= RAD_MAX ? len : -1;
}

/* The handshake goes on. False: that was the end. */
static bool shake(struct tls *t)
{
    struct rad_server *s = t->lane->server;
    char names[120], why[300];
    ERR_clear_error();
    int n = SSL_do_handshake(t->ssl);
    if (n != 1) {
        int error = SSL_get_error(t->ssl, n);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            flush(t);
            return true;
        }
        fail(t);
        return false;
    }
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (!cert || !name_fits(cert, expected_name(s))) {
        snprintf(names, sizeof names, "nobody");
        if (cert)
            names_of(cert, names, sizeof names);
        snprintf(why, sizeof why, "its certificate is for %s, not for %.100s: set tls-name to a name that is in "
                 "it, or let the server have another", names, expected_name(s));
        end(t, true, why);
        return false;
    }
    t->shaking = false;
    host_of(s)->loop->timer_stop(t->timer);
    flush(t);
    rad_lane_up(t->lane);
    return true;
}

static void drive(struct tls *t)
{
    uint8_t clear[16384];
    if (t->shaking && (!shake(t) || t->shaking))
        return;
    for (;;) {
        ERR_clear_error();
        int n = SSL_read(t->ssl, clear, sizeof clear);
        if (n <= 0) {
            int error = SSL_get_error(t->ssl, n);
            if (error == SSL_ERROR_ZERO_RETURN)
                end(t, !t->heard, "it closed the connection at once: does it know this host as a client?");
            else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
                flush(t);
            else
                fail(t);
            return;
        }
        const uint8_t *p = clear, *msg = NULL;
        uint32_t left = (uint32_t)n;
        int32_t len;
        t->heard = true;
        while ((len = adit_framer_next(&t->framer, &p, &left, &msg)) > 0)
            rad_lane_rx(t->lane, msg, (uint32_t)len);
        bytes_wipe(clear, (size_t)n);
        if (len < 0) {
            end(t, true, "it sends what is not RADIUS: is it the right port?");
            return;
        }
    }
}

static void tls_tx(struct rad_lane *l, const uint8_t *p, uint32_t len)
{
    struct tls *t = l->wire;
    if (t->broken || !t->ssl || BIO_ctrl_pending(t->out) > WAIT_MAX)
        return;
    ERR_clear_error();
    if (SSL_write(t->ssl, p, (int)len) <= 0) {
        t->broken = "TLS failed while sending";
        host_of(l->server)->loop->timer_set(t->timer, 0);
        return;
    }
    flush(t);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void stream_up(void *u)
{
    struct tls *t = u;
    struct rad_server *s = t->lane->server;
    struct tls_conf *c = s->wire;
    struct adit_addr our = { 0 }, peer;
    const char *name = expected_name(s);
    t->ssl = SSL_new(c->ctx);
    t->in = t->ssl ? BIO_new(BIO_s_mem()) : NULL;
    t->out = t->ssl ? BIO_new(BIO_s_mem()) : NULL;
    if (!t->in || !t->out) {
        BIO_free(t->in);
        BIO_free(t->out);
        end(t, true, "out of memory");
        return;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_connect_state(t->ssl);
    SSL_set_app_data(t->ssl, t);
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, on_verify);
    if (!is_ip(name))
        SSL_set_tlsext_host_name(t->ssl, name);
    host_of(s)->stream->addrs(t->stream, &our, &peer);
    our.port = 0;
    t->lane->our = our;
    drive(t);
}

static void stream_rx(void *u, const uint8_t *data, uint32_t len)
{
    struct tls *t = u;
    if (BIO_write(t->in, data, (int)len) != (int)len)
        end(t, true, "out of memory");
    else
        drive(t);
}

static void stream_gone(void *u, int32_t code)
{
    struct tls *t = u;
    char why[300];
    t->stream = NULL;
    if (t->ssl && !t->shaking && t->heard)
        snprintf(why, sizeof why, "it closed the connection");
    else if (t->ssl)
        snprintf(why, sizeof why, "it closes the connection at once: does it know this host as a client, and "
                 "%s?", t->lane->server->conf.tls_certificate ? "trust the authority of tls-certificate" :
                 "want a certificate of us (tls-certificate, tls-key)");
    else
        snprintf(why, sizeof why, code == ADIT_ETIMEDOUT ? "connecting to port %u takes too long: is it "
                 "running, and does a firewall let us through?" : "no connection to port %u: is it running, and "
                 "does it serve RADIUS/TLS there?", t->lane->peer.port);
    end(t, !(t->ssl && !t->shaking && t->heard), why);
}

static const struct adit_stream_ops ops = { .size = sizeof ops, .up = stream_up, .rx = stream_rx,
                                            .gone = stream_gone };

static void on_timer(void *u)
{
    struct tls *t = u;
    if (t->broken)
        end(t, !t->heard, t->broken);
    else if (t->shaking)
        end(t, true, t->ssl ? "the TLS handshake takes too long" : "connecting takes too long: is it running, and "
            "does a firewall let us through?");
    else
        flush(t);
}

static const char *tls_open(struct rad_lane *l)
{
    struct rad_server *s = l->server;
    const struct adit_host *h = host_of(s);
    struct tls_conf *c = s->wire;
    if (!refresh(s))
        return c->why;
    struct tls *t = calloc(1, sizeof *t);
    if (!t || !(t->timer = h->loop->timer_new(s->group->self, on_timer, t))) {
        free(t);
        return "out of memory";
    }
    t->lane = l;
    t->shaking = true;
    adit_framer_init(&t->framer, t->buf, sizeof t->buf, measure);
    l->wire = t;
    if (h->stream->connect(s->group->self, s->conf.source.family ? &s->conf.source : NULL, &l->peer, &ops, t,
                           &t->stream)) {
        t->stream = NULL;
        tls_free(t);
        return s->conf.source.family ? "no connection can be made from its source: has this host that address?"
                                     : "no connection can be made to it from here";
    }
    h->loop->timer_set(t->timer, SETUP_MS);
    return NULL;
}

const struct rad_transport rad_tls = {
    .name = "tls", .lanes = 16, .reliable = true, .prepare = tls_prepare, .fini = tls_fini,
    .open = tls_open, .tx = tls_tx, .close = tls_close,
};
