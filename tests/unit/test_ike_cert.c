/* test_ike_cert.c - main mode with certificates, both roles: RSA and ECDSA, in pieces, over
 * bad wires, and every way to be refused with its sentence. */
#include "ike_rig.h"
#include "ike_ca.h"

#include <sys/stat.h>
#include <unistd.h>

static OSSL_LIB_CTX *lib;
static char dir[64];
static EVP_PKEY *root_key;
static X509 *root, *other;

static const char *in(const char *name)
{
    static char path[64][128];
    static int n;
    char *p = path[n++ & 63];
    snprintf(p, 128, "%s/%s", dir, name);
    return p;
}

static void up(void)
{
    const char *w;
    lib = ike_lib_new(&w);
    snprintf(dir, sizeof dir, "/tmp/ike_cert.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    root_key = ca_key(lib, "P-256");
    root = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "O=lab, CN=lab CA", .key = root_key,
                                       .ca = true });
    other = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "O=lab, CN=other CA", .key = root_key,
                                        .ca = true });
    ca_write(in("ca.pem"), root, NULL);
    ca_write(in("other.pem"), other, NULL);
}

static void down(void)
{
    char cmd[128];
    X509_free(root);
    X509_free(other);
    EVP_PKEY_free(root_key);
    ike_lib_free(lib);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct ike_auth_conf made(const char *name, const char *kind, const char *alt, X509 *issuer,
                                 long long until)
{
    char file[64], subject[64];
    EVP_PKEY *key = ca_key(lib, kind);
    snprintf(subject, sizeof subject, "C=DE, O=lab, CN=%s", name);
    X509 *x = ca_issue(&(struct ca_wish){ .lib = lib, .subject = subject, .key = key, .alt = alt,
                                          .issuer = issuer, .issuer_key = root_key, .until = until });
    struct ike_auth_conf c = { .ca = in("ca.pem") };
    snprintf(file, sizeof file, "%s.pem", name);
    c.certificate = in(file);
    ca_write(c.certificate, x, NULL);
    snprintf(file, sizeof file, "%s.key", name);
    c.key = in(file);
    ca_write_key(lib, c.key, key);
    ck_assert_int_eq(chmod(c.key, 0600), 0);
    X509_free(x);
    EVP_PKEY_free(key);
    return c;
}

static void both(struct ike_auth_conf *client, struct ike_auth_conf *server, const char *kind)
{
    *client = made("client", kind, "DNS:client.example.org", root, 0);
    *server = made("vpn", kind, "DNS:vpn.example.org,IP:192.0.2.1", root, 0);
}

START_TEST(a_call_with_certificates)
{
    static const char *const kinds[] = { "RSA 2048", "P-256", "P-384" };
    for (uint32_t k = 0; k < 3; k++)
        for (int nat = 0; nat < 2; nat++)
            for (uint32_t mtu = 0; mtu < 1000; mtu += 500) {
                static struct rig r;
                struct ike_auth_conf c, s;
                both(&c, &s, kinds[k]);
                rig_init(&r, &(struct rig_setup){ .auth = { &c, &s }, .nat_clients = nat, .mtu = mtu });
                struct rig_call *call = rig_dial(&r, 0);
                rig_run(&r, 5000);
                ck_assert_msg(call->a != NULL, "%s: %s", kinds[k], call->why);
                rig_talk(&r, &r.end[0], &r.end[1]);
                struct ike_sa_view v;
                ike_sa_view(ike_sa_next(r.end[1].ike, NULL), &v);
                ck_assert_msg(strstr(v.identity, "client") != NULL, "%s", v.identity);
                ck_assert(!mtu || r.end[1].counters[IKE_N_RX_FRAGMENT] >= 2);
                ck_assert_int_eq(ike_rekey(r.end[1].ike, rig_assoc(&r.end[1])), 0);
                rig_run(&r, 30000);
                ck_assert_uint_ge(r.end[0].counters[IKE_N_UP], 2);
                rig_talk(&r, &r.end[0], &r.end[1]);
                rig_fini(&r);
            }
}
END_TEST

struct bad {
    uint32_t at, n, what;
};
static struct rig_fate bad_wire(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct bad *b = u;
    (void)r;
    if (k->kind != RIG_IKE || b->n++ != b->at)
        return (struct rig_fate){ 1, { 10 } };
    if (b->what == 0)
        return (struct rig_fate){ 0, { 0 } };
    return b->what == 1 ? (struct rig_fate){ 2, { 10, 12 } } : (struct rig_fate){ 1, { 1500 } };
}

START_TEST(every_message_lost_doubled_late)
{
    struct ike_auth_conf c, s;
    both(&c, &s, "P-256");
    for (uint32_t what = 0; what < 3; what++)
        for (uint32_t at = 0; at < 18; at++) {
            static struct rig r;
            struct bad b = { at, 0, what };
            rig_init(&r, &(struct rig_setup){ .auth = { &c, &s }, .nat_server = true, .mtu = 500 });
            r.wire = bad_wire;
            r.u = &b;
            r.job_ms = at & 1 ? 2 : 300;
            struct rig_call *call = rig_dial(&r, 0);
            rig_run(&r, 40000);
            ck_assert_msg(call->a != NULL, "what %u, message %u: %s", what, at, call->why);
            rig_talk(&r, &r.end[0], &r.end[1]);
            rig_fini(&r);
        }
}
END_TEST

START_TEST(ends_at_every_step)
{
    struct ike_auth_conf c, s;
    both(&c, &s, "P-256");
    for (uint32_t ms = 0; ms < 240; ms += 3) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .auth = { &c, &s } });
        r.job_ms = 20;
        rig_dial(&r, 0);
        rig_run(&r, ms);
        rig_stop(&r.end[ms & 1]);
        rig_run(&r, 30);
        rig_fini(&r);
    }
}
END_TEST

static void refused(struct ike_auth_conf *c, struct ike_auth_conf *s, const char *want, bool by_server,
                    const char *text)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .auth = { c, s } });
    struct rig_call *call = rig_dial_as(&r, 0, want);
    rig_run(&r, 60000);
    ck_assert(call->over && !call->a);
    ck_assert_int_eq(call->code, ADIT_EAUTH);
    ck_assert_uint_eq(r.end[by_server].said[IKE_SAY_AUTH_FAILED], 1);
    ck_assert_msg(strstr(r.end[by_server].text[IKE_SAY_AUTH_FAILED], text) != NULL, "%s",
                  r.end[by_server].text[IKE_SAY_AUTH_FAILED]);
    /* the refusal comes protected: in the clear, strongSwan and others do not believe it */
    if (by_server) {
        ck_assert_uint_eq(r.end[0].said[IKE_SAY_NOTIFY], 0);
        ck_assert_ptr_nonnull(strstr(r.end[0].text[IKE_SAY_AUTH_FAILED], "AUTHENTICATION-FAILED"));
    }
    ck_assert_uint_eq(rig_sas(&r.end[0]) + rig_sas(&r.end[1]), 0);
    rig_fini(&r);
}

START_TEST(refusals_name_the_check)
{
    struct ike_auth_conf c, s, x;
    both(&c, &s, "P-256");
    x = made("foreign", "P-256", "DNS:foreign.example.org", other, 0);
    x.ca = in("ca.pem");
    refused(&x, &s, NULL, true, "CA");
    x = made("old", "P-256", "DNS:old.example.org", root, CA_NOW - 10 * CA_DAY);
    refused(&x, &s, NULL, true, "expired");
    x = made("impostor", "P-256", "DNS:impostor.example.org", root, 0);
    refused(&c, &x, "vpn.example.org", false, "vpn.example.org");
    s.ca = in("ca.pem");
    x = c;
    x.identity = "somebody.else.example.org";
    char why[256];
    struct ike_auth *a = ike_auth_new(lib, &x, why, sizeof why);
    if (a) {                    /* it may refuse that at once */
        ike_auth_free(a);
        refused(&x, &s, NULL, true, "somebody.else");
    }
}
END_TEST

START_TEST(the_wanted_identity_is_there)
{
    static struct rig r;
    struct ike_auth_conf c, s;
    both(&c, &s, "P-256");
    rig_init(&r, &(struct rig_setup){ .auth = { &c, &s } });
    struct rig_call *call = rig_dial_as(&r, 0, "vpn.example.org");
    rig_run(&r, 5000);
    ck_assert_msg(call->a != NULL, "%s", call->why);
    rig_fini(&r);
}
END_TEST

/* A server that has both takes both; a client without certificates is told. */
START_TEST(keys_and_certificates_side_by_side)
{
    static struct rig r;
    struct ike_auth_conf c, s;
    both(&c, &s, "RSA 2048");
    s.psk = "secret";
    rig_init(&r, &(struct rig_setup){ .auth = { &c, &s }, .psk = { NULL, NULL, "secret" } });
    struct rig_call *a = rig_dial(&r, 0), *b = rig_dial(&r, 2);
    rig_run(&r, 5000);
    ck_assert_msg(a->a && b->a, "%s, %s", a->why, b->why);
    rig_fini(&r);
    s.psk = NULL;
    rig_init(&r, &(struct rig_setup){ .auth = { &c, &s }, .psk = { NULL, NULL, "secret" } });
    b = rig_dial(&r, 2);
    rig_run(&r, 60000);
    ck_assert(b->over && !b->a);
    ck_assert_msg(strstr(r.end[1].text[IKE_SAY_NO_PROPOSAL], "\"psk\"") != NULL, "%s",
                  r.end[1].text[IKE_SAY_NO_PROPOSAL]);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("ike-cert");
    TCase *tc = tcase_create("ike-cert");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, up, down);
    tcase_add_test(tc, a_call_with_certificates);
    tcase_add_test(tc, every_message_lost_doubled_late);
    tcase_add_test(tc, ends_at_every_step);
    tcase_add_test(tc, refusals_name_the_check);
    tcase_add_test(tc, the_wanted_identity_is_there);
    tcase_add_test(tc, keys_and_certificates_side_by_side);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
