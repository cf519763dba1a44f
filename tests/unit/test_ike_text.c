/* test_ike_text.c - messages of IKEv1 in lines: what people read of captured exchanges, and that
 * nothing secret is in it. */
#include <string.h>
#include "hex.h"
#include "ike_golden.h"
#include "../../plugins/ipsec-ike/ike_text.h"
#include "unit.h"

static void add(void *u, const char *text)
{
    char *all = u;
    ck_assert_uint_lt(strlen(all) + strlen(text) + 2, 8192);
    strcat(all, text);
    strcat(all, "\n");
}

static const char *lines(const uint8_t *p, size_t len)
{
    static char all[8192];
    static struct ike_msg m;
    all[0] = '\0';
    ck_assert_int_eq(ike_msg_parse(&m, p, len), IKE_MSG_OK);
    ike_text(&m, add, all);
    return all;
}

START_TEST(a_captured_exchange)
{
    struct golden *g = golden_load("psk-3des");
    struct golden_row *i = golden_row(g, "i", 0), *r = golden_row(g, "r", 0);
    ck_assert_str_eq(lines(i->p, i->len),
                     "main mode df3018a453fd66c6:0000000000000000 SA VID(XAUTH) VID(DPD) "
                     "VID(fragmentation) VID(RFC 3947) VID(NAT-T draft 02n)\n"
                     "  proposal 1 ISAKMP: 3des-md5-modp1536 psk 10800s\n");
    ck_assert_str_eq(lines(r->p, r->len),
                     "main mode df3018a453fd66c6:6c739f7747d1272f SA VID(XAUTH) VID(DPD) "
                     "VID(fragmentation) VID(RFC 3947)\n"
                     "  proposal 1 ISAKMP: 3des-md5-modp1536 psk 10800s\n");
    i = golden_row(g, "i", 1);
    ck_assert_str_eq(lines(i->p, i->len),
                     "main mode df3018a453fd66c6:6c739f7747d1272f KE(192 bytes) nonce(32 bytes) "
                     "NAT-D NAT-D\n");
    golden_free(g);
}
END_TEST

/* What is encrypted on the wire: identities and SPIs are shown, proofs are counted. */
START_TEST(a_quick_mode_and_what_ends_it)
{
    static const uint8_t secret[16] = "this is a secret", address[4] = { 192, 0, 2, 7 };
    struct ike_hdr h = { .exchange = IKE_X_QUICK, .flags = IKE_F_ENCRYPTED, .message_id = 0x1234abcd };
    struct ike_id id = { IKE_ID_IPV4, 17, 1701, address, sizeof address };
    const struct ike_transform t[] = {
        { .id = 12, .key_bits = 256, .esp_auth = 2, .encap = IKE_ENCAP_UDP_TRANSPORT, .life_s = 3600,
          .life_kb = 250000 },
        { .id = 3, .esp_auth = 1, .encap = IKE_ENCAP_TRANSPORT },
        { .id = 77, .encap = 9 },
    };
    uint8_t buf[1024];
    struct ike_out o = ike_out_of(buf, sizeof buf, &h);
    ike_out_payload(&o, IKE_P_HASH, secret, sizeof secret);
    ike_out_begin(&o, IKE_P_SA);
    ike_out_sa_esp(&o, t, 3, 1, 0xc0ffee01);
    ike_out_end(&o);
    ike_out_payload(&o, IKE_P_NONCE, secret, sizeof secret);
    ike_out_begin(&o, IKE_P_ID);
    ike_out_id(&o, &id);
    ike_out_end(&o);
    size_t n = ike_out_done(&o);
    ck_assert_str_eq(lines(buf, n),
                     "quick mode 0000000000000000:0000000000000000 id=1234abcd HASH(16 bytes) SA "
                     "nonce(16 bytes) ID(192.0.2.7 17/1701)\n"
                     "  proposal 1 ESP SPI c0ffee01: aes256-sha1 udp-transport 3600s 250000kB, "
                     "3des-md5 transport, transform77/0-auth0 encapsulation9\n");

    h.exchange = IKE_X_INFORMATIONAL;
    o = ike_out_of(buf, sizeof buf, &h);
    ike_out_begin(&o, IKE_P_NOTIFY);
    ike_out_notify(&o, IKE_PROTO_ISAKMP, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0, NULL, 0);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_DELETE);
    ike_out_delete(&o, IKE_PROTO_ESP, "\xc0\xff\xee\x01\xc0\xff\xee\x02", 4, 2);
    ike_out_end(&o);
    n = ike_out_done(&o);
    ck_assert_str_eq(lines(buf, n),
                     "informational 0000000000000000:0000000000000000 id=1234abcd "
                     "notify(NO-PROPOSAL-CHOSEN) delete(ESP c0ffee01 c0ffee02)\n");
}
END_TEST

START_TEST(who_only_lives_is_routine)
{
    uint8_t buf[128];
    struct ike_hdr h = { .exchange = IKE_X_INFORMATIONAL, .message_id = 1 };
    for (uint16_t type = IKE_N_R_U_THERE - 1; type <= IKE_N_R_U_THERE_ACK; type++) {
        struct ike_msg m;
        struct ike_out o = ike_out_of(buf, sizeof buf, &h);
        ike_out_begin(&o, IKE_P_NOTIFY);
        ike_out_notify(&o, IKE_PROTO_ISAKMP, type, NULL, 0, NULL, 0);
        ike_out_end(&o);
        ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_OK);
        ck_assert_int_eq(ike_text_routine(&m), type >= IKE_N_R_U_THERE);
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { a_captured_exchange, a_quick_mode_and_what_ends_it,
                                   who_only_lives_is_routine, NULL };
    return unit_suite("ike_text", tests);
}
UNIT_MAIN(suite)
