/* test_rad_tls.c - RADIUS over TLS (RFC 6614): certificates, connections, packets in a
 * stream, against a TLS server in memory. */
#include <openssl/pem.h>
#include <unistd.h>
#include "../unit/rad_rig.h"
#include "../unit/tls_ctx.h"

#define PEERS 8

/* The server's end of a connection. */
struct peer {
    struct fake_end *end;
    SSL *ssl;
    bool refused, over;
    uint8_t have[RAD_MAX];
    uint32_t have_len;
    uint32_t got, status;
    uint8_t held[64 * 1024];    /* answers that wait */
    uint32_t held_len;
};

static struct tls_ca ca, other_ca;
static SSL_CTX *server_ctx;
static struct peer peers[PEERS];
static uint32_t peer_count;
static bool hold, silent, drip, no_status;
static char dir[] = "/tmp/rad-tls-XXXXXX", ca_file[64], other_file[64], cert_file[64], key_file[64];
static struct adit_self *self;
static struct rad_server_conf row;
static struct rad_servers_conf conf;

static void pem(const char *path, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    if (x)
        ck_assert_int_eq(PEM_write_X509(f, x), 1);
    if (key)
        ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static SSL_CTX *ctx_new(const struct tls_ca *by, const char *cn, const char *san, long from_s, long to_s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = tls_cert(key, cn, san, by->cert, by->key, from_s, to_s);
    ck_assert(SSL_CTX_use_certificate(ctx, x) && SSL_CTX_use_PrivateKey(ctx, key) &&
              X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.cert));
    X509_free(x);
    EVP_PKEY_free(key);
    return ctx;
}

static void begin(const char *cn, const char *san, long from_s, long to_s)
{
    rig_begin();
    memset(peers, 0, sizeof peers);
    peer_count = 0;
    hold = silent = drip = no_status = false;
    snprintf(dir, sizeof dir, "/tmp/rad-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
    snprintf(other_file, sizeof other_file, "%s/other.pem", dir);
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", dir);
    snprintf(key_file, sizeof key_file, "%s/key.pem", dir);
    ca = tls_ca_new("An authority");
    other_ca = tls_ca_new("Another authority");
    pem(ca_file, ca.cert, NULL);
    pem(other_file, other_ca.cert, NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = tls_cert(key, "vpn.example.org", NULL, ca.cert, ca.key, -3600, 86400);
    pem(cert_file, x, NULL);
    pem(key_file, NULL, key);
    X509_free(x);
    EVP_PKEY_free(key);
    server_ctx = ctx_new(&ca, cn, san, from_s, to_s);
    row = (struct rad_server_conf){ .name = "t", .host = "10.0.1.1", .auth_port = 1812, .acct_port = 1813,
        .transport = RAD_TLS, .timeout_ms = 2000, .tries = 3, .weight = 1, .tls_name = "radius.example.org",
        .tls_ca = ca_file, .tls_certificate = cert_file, .tls_key = key_file };
    conf = (struct rad_servers_conf){ .servers = { &row, 1, sizeof row }, .dead_ms = 60000, .probe = 1 };
}

static void begin_good(void)
{
    begin("radius.example.org", "DNS:radius.example.org", -3600, 86400);
}

static void finish(void)
{
    if (self)
        rig_end(self);
    else
        fake_end();
    self = NULL;
    for (uint32_t i = 0; i < peer_count; i++)
        SSL_free(peers[i].ssl);
    SSL_CTX_free(server_ctx);
    tls_ca_free(&ca);
    tls_ca_free(&other_ca);
    unlink(ca_file);
    unlink(other_file);
    unlink(cert_file);
    unlink(key_file);
    rmdir(dir);
}

static void say(struct peer *p, const void *data, uint32_t len)
{
    ck_assert_int_eq(SSL_write(p->ssl, data, (int)len), (int)len);
}

static void one_packet(struct peer *p, const uint8_t *data, uint32_t len)
{
    static const struct rig_server s = { .secret = "radsec" };
    uint8_t out[RAD_MAX];
    struct rad_in in;
    ck_assert(rad_open(&in, data, len));
    bool status = in.code == RAD_STATUS_SERVER;
    p->status += status;
    p->got += !status;
    if (silent || (status && no_status))
        return;
    uint32_t n = rig_answer(&s, "radsec", &in, RAD_ACCESS_ACCEPT, false, out);  /* TLS signs it */
    if (hold && !status) {
        ck_assert_uint_le(p->held_len + n, sizeof p->held);
        memcpy(p->held + p->held_len, out, n);
        p->held_len += n;
    } else {
        say(p, out, n);
    }
}

static void release(void)
{
    for (uint32_t i = 0; i < peer_count; i++) {
        if (peers[i].held_len)
            say(&peers[i], peers[i].held, peers[i].held_len);
        peers[i].held_len = 0;
    }
}

static bool peer_step(struct peer *p)
{
    uint8_t buf[70000];
    bool moved = false;
    if (p->refused || !p->ssl)
        return false;
    uint32_t n = fake_stream_take(p->end, buf, sizeof buf);
    if (n) {
        ck_assert_int_eq(BIO_write(SSL_get_rbio(p->ssl), buf, (int)n), (int)n);
        moved = true;
    }
    int got;
    if (!SSL_is_init_finished(p->ssl))
        (void)SSL_do_handshake(p->ssl);
    while (SSL_is_init_finished(p->ssl) &&
           (got = SSL_read(p->ssl, p->have + p->have_len, (int)(sizeof p->have - p->have_len))) > 0) {
        p->have_len += (uint32_t)got;
        for (uint32_t len; p->have_len >= 4 && (len = (uint32_t)p->have[2] << 8 | p->have[3]) <= p->have_len;) {
            one_packet(p, p->have, len);
            memmove(p->have, p->have + len, p->have_len -= len);
        }
    }
    while ((got = BIO_read(SSL_get_wbio(p->ssl), buf, sizeof buf)) > 0) {
        if (drip)
            fake_stream_drip(p->end, buf, (size_t)got);
        else
            fake_stream_push(p->end, buf, (size_t)got);
        moved = true;
    }
    return moved;
}

/* Connections that were begun are answered, by whatever `accept` says. */
static int32_t accept_code;
static void pump(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        fake_run();
        struct fake_end *e = fake_dialled(peer_count);
        if (e) {
            ck_assert_uint_lt(peer_count, PEERS);
            struct peer *p = &peers[peer_count++];
            p->end = e;
            p->refused = accept_code != 0;
            ck_assert_uint_eq(fake_end_our(e)->port, 2083);
            if (!p->refused) {
                p->ssl = SSL_new(server_ctx);
                SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
                SSL_set_accept_state(p->ssl);
            }
            fake_dialled_answer(e, accept_code);
            moved = true;
        }
        for (uint32_t i = 0; i < peer_count; i++)
            moved = peer_step(&peers[i]) || moved;
    }
}

static void run(uint64_t ms)
{
    uint64_t until = fake_now() + ms;
    for (pump(); fake_now() < until; pump()) {
        uint64_t step = until - fake_now(), timer = fake_next_timer();
        step = timer < step ? timer : step;
        fake_advance(step ? step : 1);
    }
}

static bool reported(const char *text)
{
    return strstr(rig_report(), text) != NULL;
}

/* ---- it works ----------------------------------------------------------------------------- */

START_TEST(an_answer_comes)
{
    begin_good();
    self = rig_start(&conf);
    struct rig_ask *a = rig_ask("anna");        /* before there is a connection */
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->text, "anna of radsec");
    ck_assert_uint_eq(peer_count, 1);
    ck_assert(reported("\"state\": \"up\"") && reported("\"connections\": 1"));
    ck_assert_int_ge(SSL_version(peers[0].ssl), TLS1_2_VERSION);
    ck_assert_str_eq(SSL_get_servername(peers[0].ssl, TLSEXT_NAMETYPE_host_name), "radius.example.org");
    finish();
}
END_TEST

START_TEST(byte_by_byte_and_many_at_once)
{
    begin_good();
    drip = true;
    self = rig_start(&conf);
    struct rig_ask *a = rig_ask("anna");
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    drip = false;
    hold = true;
    for (uint32_t i = 0; i < 100; i++)
        (void)rig_ask("berta");
    run(10);
    release();                                  /* a hundred packets in one record, cut where it likes */
    run(10);
    for (uint32_t i = 1; i <= 100; i++)
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
    ck_assert_uint_eq(peer_count, 1);
    finish();
}
END_TEST

START_TEST(more_requests_than_ids_open_another_connection)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    hold = true;
    for (uint32_t i = 0; i < 700; i++) {
        char user[32];
        snprintf(user, sizeof user, "user%u", i);
        (void)rig_ask(user);
    }
    run(10);
    ck_assert_uint_eq(peer_count, 3);
    release();
    run(100);
    for (uint32_t i = 0; i < 700; i++) {
        char text[64];
        snprintf(text, sizeof text, "user%u of radsec", i);
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
        ck_assert_str_eq(rig_asks[i].text, text);
    }
    hold = false;
    run(200000);                                /* those that are no longer needed are closed */
    ck_assert(reported("\"connections\": 1"));
    finish();
}
END_TEST

START_TEST(nothing_is_sent_twice_on_a_connection)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    hold = true;
    struct rig_ask *a = rig_ask("anna");
    run(8000);
    ck_assert_uint_eq(peers[0].got, 1);
    release();
    run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    finish();
}
END_TEST

/* ---- whose certificate ------------------------------------------------------------------------ */

static void refused(const char *sentence)
{
    self = rig_start(&conf);
    ck_assert_ptr_nonnull(self);
    struct rig_ask *a = rig_ask("anna");
    run(1000);
    if (!strstr(fake_last_error(), sentence))
        ck_abort_msg("'%s' does not say '%s'", fake_last_error(), sentence);
    ck_assert(reported("\"state\": \"dead\"") || reported("\"state\": \"probing\""));
    ck_assert_uint_eq(fake_event_count("radius.server.up"), 0);
    ck_assert_uint_ge(fake_event_count("radius.server.dead"), 1);
    for (uint32_t i = 0; i < peer_count; i++)
        ck_assert_uint_eq(peers[i].got, 0);     /* nothing was told to it */
    run(40000);
    ck_assert_uint_eq(a->ends, 1);
    ck_assert_int_ne(a->end, RAD_ANSWERED);
    ck_assert_uint_le(fake_event_count("radius.server.dead"), 2);       /* it does not fill the log */
    finish();
}

START_TEST(a_certificate_for_another_name_is_refused)
{
    begin("other.example.org", "DNS:other.example.org,IP:192.0.2.7", -3600, 86400);
    refused("its certificate is for other.example.org, 192.0.2.7, not for radius.example.org");
}
END_TEST

START_TEST(an_expired_certificate_is_refused)
{
    begin("radius.example.org", "DNS:radius.example.org", -7200, -3600);
    refused("expired");
}
END_TEST

START_TEST(a_certificate_of_tomorrow_is_refused)
{
    begin("radius.example.org", "DNS:radius.example.org", 86400, 2 * 86400);
    refused("not valid before");
}
END_TEST

START_TEST(an_unknown_authority_is_refused)
{
    begin_good();
    row.tls_ca = other_file;
    refused("an authority that we do not know: set tls-ca");
}
END_TEST

START_TEST(a_common_name_counts_only_without_alternative_names)
{
    begin("radius.example.org", "DNS:other.example.org", -3600, 86400);
    refused("not for radius.example.org");
}
END_TEST

static void accepted(void)
{
    self = rig_start(&conf);
    struct rig_ask *a = rig_ask("anna");
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    finish();
}

START_TEST(a_common_name_counts_without_alternative_names)
{
    begin("radius.example.org", NULL, -3600, 86400);
    accepted();
}
END_TEST

START_TEST(an_address_is_found_in_the_certificate)
{
    begin("whoever", "IP:10.0.1.1", -3600, 86400);
    row.tls_name = NULL;                        /* the host counts */
    accepted();
    begin("10.0.1.1", NULL, -3600, 86400);
    row.tls_name = NULL;
    accepted();
    begin("10.0.1.1", "DNS:10.0.1.1", -3600, 86400);
    row.tls_name = NULL;
    refused("not for 10.0.1.1");
}
END_TEST

START_TEST(an_address_in_a_common_name_does_not_end_at_NUL)
{
    static const unsigned char cn[] = "10.0.1.1\0.example.org";
    begin("x", NULL, -3600, 86400);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = tls_cert(key, NULL, NULL, ca.cert, ca.key, -3600, 86400);
    ck_assert(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, cn, sizeof cn - 1, -1, 0));
    ck_assert(X509_sign(x, ca.key, EVP_sha256()));
    ck_assert(SSL_CTX_use_certificate(server_ctx, x) && SSL_CTX_use_PrivateKey(server_ctx, key));
    X509_free(x);
    EVP_PKEY_free(key);
    row.tls_name = NULL;
    refused("not for 10.0.1.1");
}
END_TEST

START_TEST(a_wildcard_is_a_label)
{
    begin("x", "DNS:*.example.org", -3600, 86400);
    accepted();
    begin("x", "DNS:*.org", -3600, 86400);
    refused("not for radius.example.org");
}
END_TEST

START_TEST(a_server_that_refuses_our_certificate_says_so)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        begin_good();
        row.tls_certificate = row.tls_key = NULL;
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_max_proto_version(server_ctx, version);
        refused("set tls-certificate and tls-key");
        begin_good();
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_max_proto_version(server_ctx, version);
        accepted();
    }
}
END_TEST

START_TEST(old_tls_is_not_spoken)
{
    begin_good();
    SSL_CTX_set_min_proto_version(server_ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server_ctx, TLS1_1_VERSION);
    SSL_CTX_set_security_level(server_ctx, 0);
    refused("TLS");
}
END_TEST

START_TEST(wrong_files_are_refused_at_the_start)
{
    const struct { const char *ca, *cert, *key, *sentence; } v[] = {
        { "/nonexistent", cert_file, key_file, "tls-ca: /nonexistent" },
        { ca_file, cert_file, NULL, "tls-key is missing" },
        { ca_file, NULL, key_file, "tls-certificate is missing" },
        { ca_file, key_file, key_file, "tls-certificate: " },
        { ca_file, cert_file, ca_file, "tls-key: " },
        { ca_file, other_file, key_file, "tls-key: " },       /* not its key */
    };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        begin_good();
        row.tls_ca = v[i].ca;
        row.tls_certificate = v[i].cert;
        row.tls_key = v[i].key;
        self = rig_start(&conf);
        ck_assert_ptr_null(self);
        ck_assert_int_eq(fake_code(), ADIT_ECONF);
        if (!strstr(fake_last_error(), v[i].sentence))
            ck_abort_msg("'%s' does not say '%s'", fake_last_error(), v[i].sentence);
        finish();
    }
}
END_TEST

START_TEST(renewed_files_are_read_by_the_next_connection)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    ck_assert(reported("\"state\": \"up\""));
    SSL_CTX_free(server_ctx);                   /* the server moves to another authority */
    server_ctx = ctx_new(&other_ca, "radius.example.org", "DNS:radius.example.org", -3600, 86400);
    pem(ca_file, other_ca.cert, NULL);
    FILE *f = fopen(ca_file, "a");              /* ... and its file looks different */
    fputs("renewed\n", f);
    fclose(f);
    fake_stream_close(peers[0].end);
    struct rig_ask *a = rig_ask("anna");
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(peer_count, 2);
    finish();
}
END_TEST

/* ---- connections --------------------------------------------------------------------------------- */

START_TEST(a_refused_connection_is_tried_again_with_back_off)
{
    begin_good();
    accept_code = ADIT_EIO;
    self = rig_start(&conf);
    run(10);
    ck_assert(reported("\"state\": \"dead\""));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "port 2083"));
    run(16000);                                 /* 1 s, 2 s, 4 s, 8 s */
    ck_assert_uint_ge(peer_count, 4);
    ck_assert_uint_le(peer_count, 6);
    ck_assert_uint_eq(fake_event_count("radius.server.dead"), 1);
    accept_code = 0;
    run(20000);
    ck_assert(reported("\"state\": \"up\""));
    finish();
}
END_TEST

START_TEST(a_server_that_hangs_up_at_once_is_no_server)
{
    begin_good();
    accept_code = 0;
    self = rig_start(&conf);
    fake_run();
    struct fake_end *e = fake_dialled(0);
    fake_dialled_answer(e, 0);
    peers[peer_count++].end = e;                /* it says nothing */
    fake_stream_close(e);
    run(10);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "does it know this host as a client"));
    ck_assert(reported("\"state\": \"dead\""));
    finish();
}
END_TEST

START_TEST(a_silent_handshake_ends)
{
    begin_good();
    self = rig_start(&conf);
    fake_run();
    fake_dialled_answer(fake_dialled(0), 0);
    peers[peer_count++].end = fake_dialled(0);
    fake_advance(10000);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "handshake takes too long"));
    ck_assert(!fake_stream_is_open(peers[0].end));
    finish();
}
END_TEST

START_TEST(what_is_not_tls_is_told)
{
    begin_good();
    self = rig_start(&conf);
    fake_run();
    fake_dialled_answer(fake_dialled(0), 0);
    peers[peer_count++].end = fake_dialled(0);
    fake_stream_push(peers[0].end, "SSH-2.0-OpenSSH_9.2\r\n", 21);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "is it the right port?"));
    finish();
}
END_TEST

START_TEST(what_is_not_radius_ends_the_connection)
{
    static const uint8_t bad[] = { 2, 0, 0, 5, 1, 2, 3, 4 }, cut[] = { 2, 0, 0x40 };
    begin_good();
    self = rig_start(&conf);
    run(10);
    struct rig_ask *a = rig_ask("anna");
    hold = true;
    run(10);
    say(&peers[0], cut, sizeof cut);            /* a length is known only after four octets */
    run(10);
    ck_assert(fake_stream_is_open(peers[0].end));
    say(&peers[0], bad, sizeof bad);
    run(10);
    ck_assert(!fake_stream_is_open(peers[0].end));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "not RADIUS"));
    run(30000);
    ck_assert_uint_eq(a->ends, 1);
    finish();
}
END_TEST

START_TEST(an_idle_connection_that_is_closed_is_opened_when_needed)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    fake_stream_close(peers[0].end);
    run(10);
    ck_assert(reported("\"state\": \"up\""));
    ck_assert_uint_eq(fake_event_count("radius.server.dead"), 0);
    struct rig_ask *a = rig_ask("anna");
    run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(peer_count, 2);
    finish();
}
END_TEST

START_TEST(a_server_that_closed_its_last_connection_is_looked_at_soon)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    fake_stream_close(peers[0].end);
    run(3000);
    ck_assert_uint_eq(peer_count, 2);           /* nobody asked for anything meanwhile */
    ck_assert(reported("\"state\": \"up\""));
    finish();
}
END_TEST

START_TEST(requests_go_on_when_their_connection_breaks)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    hold = true;
    for (uint32_t i = 0; i < 50; i++)
        (void)rig_ask("anna");
    run(10);
    ck_assert_uint_eq(peers[0].got, 50);
    hold = false;
    fake_stream_break(peers[0].end, ADIT_EIO);
    run(100);
    for (uint32_t i = 0; i < 50; i++)
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
    ck_assert_uint_eq(peers[1].got, 50);
    ck_assert_uint_eq(fake_event_count("radius.server.dead"), 0);
    finish();
}
END_TEST

START_TEST(ids_of_a_connection_that_breaks_are_not_used_again)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    hold = true;
    struct rig_ask *a = rig_ask("anna");
    run(10);
    rad_ask_cancel(a->ask);
    a->ask = NULL;
    run(5000);
    a = rig_ask("bert");
    run(6000);    /* the first one's id might serve again */
    hold = false;
    fake_stream_break(peers[0].end, ADIT_EIO);
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(peer_count, 2);
    finish();
}
END_TEST

/* The server answers one, and then nobody: it is dead, and `late` still waits on the
 * connection that is open. */
static struct rig_ask *dies(void)
{
    self = rig_start(&conf);
    struct rig_ask *first = rig_ask("anna");
    run(10);
    ck_assert_int_eq(first->end, RAD_ANSWERED);
    silent = true;
    (void)rig_ask("anna");
    run(11000);
    struct rig_ask *late = rig_ask("bert");
    for (int i = 0; i < 80 && reported("\"state\": \"up\""); i++)
        run(100);
    ck_assert(reported("\"state\": \"dead\""));
    ck_assert_uint_eq(late->ends, 0);
    return late;
}

/* The last request of a connection moves on and has the dead server probed, which closes
 * connections that nobody needs: not the one that is going. */
START_TEST(a_connection_to_a_dead_server_breaks_under_its_last_request)
{
    begin_good();
    struct rig_ask *late = dies();
    for (int dead = 0; dead < 12 && !late->ends;) {     /* long enough to be probed out of turn */
        run(100);
        dead = reported("\"state\": \"dead\"") ? dead + 1 : 0;
    }
    ck_assert_uint_eq(late->ends, 0);
    silent = false;
    fake_stream_break(peers[0].end, ADIT_EIO);
    run(15000);
    ck_assert_int_eq(late->end, RAD_ANSWERED);
    finish();
}
END_TEST

START_TEST(a_dead_server_is_tried_again_when_its_old_connection_just_ends)
{
    begin_good();
    conf.probe = 0;
    struct rig_ask *late = dies();
    run(1500);
    ck_assert(reported("\"state\": \"probing\""));
    ck_assert_uint_eq(late->ends, 0);
    silent = false;
    fake_stream_close(peers[0].end);
    run(120000);
    ck_assert(reported("\"state\": \"up\""));
    struct rig_ask *a = rig_ask("anna");
    run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    finish();
}
END_TEST

START_TEST(an_idle_connection_is_watched)
{
    begin_good();
    self = rig_start(&conf);
    run(60000);
    ck_assert_uint_ge(peers[0].status, 3);      /* about every 20 s */
    ck_assert_uint_le(peers[0].status, 5);
    silent = true;                              /* a translator forgot it */
    run(45000);
    ck_assert(reported("\"state\": \"dead\"") || reported("\"state\": \"probing\""));
    silent = false;
    run(30000);
    ck_assert(reported("\"state\": \"up\""));
    ck_assert_uint_ge(peer_count, 2);
    struct rig_ask *a = rig_ask("anna");
    run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    finish();
}
END_TEST

START_TEST(a_server_without_status_server_is_up_by_its_connection)
{
    begin_good();
    no_status = true;
    self = rig_start(&conf);
    run(30000);
    ck_assert(reported("\"state\": \"up\"") && reported("\"status_server\": \"no\""));
    uint32_t asked = peers[0].status;
    run(120000);
    ck_assert_uint_eq(peers[0].status, asked);
    struct rig_ask *a = rig_ask("anna");
    run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    finish();
    begin_good();
    conf.probe = 0;
    self = rig_start(&conf);
    run(10);
    ck_assert(reported("\"state\": \"up\""));
    ck_assert_uint_eq(peers[0].status, 0);
    finish();
}
END_TEST

START_TEST(a_server_that_does_not_read_costs_no_memory)
{
    begin_good();
    self = rig_start(&conf);
    run(10);
    fake_stream_stall(peers[0].end, 1);
    peers[0].refused = true;                    /* nobody reads */
    for (uint32_t i = 0; i < 256; i++) {
        struct rig_ask *a = &rig_asks[rig_ask_count++];
        a->big = 2000;
        a->end = (enum rad_end)-1;
        a->ask = rad_ask(rig_group, RAD_ACCESS_REQUEST, 30000, "t", rig_write, rig_done, a);
    }
    fake_advance(50);
    ck_assert_uint_le(fake_stream_waiting(peers[0].end), 65536 + 16384);
    fake_stream_stall(peers[0].end, 0);
    peers[0].refused = false;
    run(1000);
    for (uint32_t i = 0; i < rig_ask_count; i++)
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
    finish();
}
END_TEST

START_TEST(stop_at_each_point)
{
    for (int point = 0; point < 5; point++) {
        begin_good();
        self = rig_start(&conf);
        struct rig_ask *a = rig_ask("anna");
        fake_run();
        if (point > 0) {
            struct fake_end *e = fake_dialled(0);
            fake_dialled_answer(e, 0);
            peers[peer_count].end = e;
            peers[peer_count].ssl = SSL_new(server_ctx);
            SSL_set_bio(peers[peer_count].ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
            SSL_set_accept_state(peers[peer_count++].ssl);
        }
        for (int i = 1; i < point; i++)
            (void)peer_step(&peers[0]);
        rad_group_stop(rig_group);
        ck_assert_uint_eq(a->ends, 1);
        finish();
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        an_answer_comes, byte_by_byte_and_many_at_once, more_requests_than_ids_open_another_connection,
        nothing_is_sent_twice_on_a_connection, a_certificate_for_another_name_is_refused,
        an_expired_certificate_is_refused, a_certificate_of_tomorrow_is_refused,
        an_unknown_authority_is_refused, a_common_name_counts_only_without_alternative_names,
        a_common_name_counts_without_alternative_names, an_address_is_found_in_the_certificate,
        an_address_in_a_common_name_does_not_end_at_NUL, a_wildcard_is_a_label, a_server_that_refuses_our_certificate_says_so, old_tls_is_not_spoken,
        wrong_files_are_refused_at_the_start, renewed_files_are_read_by_the_next_connection,
        a_refused_connection_is_tried_again_with_back_off, a_server_that_hangs_up_at_once_is_no_server,
        a_silent_handshake_ends, what_is_not_tls_is_told, what_is_not_radius_ends_the_connection,
        an_idle_connection_that_is_closed_is_opened_when_needed,
        a_server_that_closed_its_last_connection_is_looked_at_soon,
        requests_go_on_when_their_connection_breaks, an_idle_connection_is_watched,
        ids_of_a_connection_that_breaks_are_not_used_again,
        a_connection_to_a_dead_server_breaks_under_its_last_request,
        a_dead_server_is_tried_again_when_its_old_connection_just_ends,
        a_server_without_status_server_is_up_by_its_connection,
        a_server_that_does_not_read_costs_no_memory, stop_at_each_point,
        NULL,
    };
    return unit_suite("rad_tls", tests);
}

UNIT_MAIN(suite)
