/* test_l2tp_msg.c - control messages of L2TP: golden bytes, sizes, hiding. */
#include "../../plugins/tunnel-l2tp/l2tp_msg.h"
#include "crypto/crypto.h"
#include "hex.h"
#include "unit.h"

static const struct l2tp_hide open_secret = { .crypto = &crypto_api,
                                              .secret = (const uint8_t *)"s3same",
                                              .secret_len = 6 };
static const struct l2tp_hide hiding = { .crypto = &crypto_api,
                                         .secret = (const uint8_t *)"s3same",
                                         .secret_len = 6,
                                         .hide = true };

static struct l2tp_bytes text(const char *s)
{
    return (struct l2tp_bytes){ (const uint8_t *)s, (uint16_t)strlen(s) };
}

#define ck_bytes(b, s) \
    do { \
        ck_assert_uint_eq((b).len, strlen(s)); \
        ck_assert_mem_eq((b).p, (s), strlen(s)); \
    } while (0)

/* In memory of exactly the size, so that every overread shows. */
static bool parse(struct l2tp_msg *m, struct l2tp_fault *f, const char *hex,
                  const struct l2tp_hide *hide, uint8_t **keep)
{
    uint8_t buf[2048];
    size_t n = hex_get(buf, sizeof buf, hex);
    *keep = malloc(n ? n : 1);
    memcpy(*keep, buf, n);
    return l2tp_msg_parse(m, *keep, n, hide, f);
}

/* ---- what peers send ------------------------------------------------------------- */

/* RFC 2661 section 6.1 in the order of xl2tpd. */
static const char xl2tpd_sccrq[] =
    "8008 0000 0000 0001"
    "8008 0000 0002 0100"
    "800a 0000 0003 00000003"
    "800a 0000 0004 00000000"
    "0008 0000 0006 0690"
    "800c 0000 0007 64656269616e"
    "0013 0000 0008 78656c6572616e63652e636f6d"
    "8008 0000 0009 3039"
    "8008 0000 000a 0004";
/* Windows: firmware 10.0, window 8. */
static const char windows_sccrq[] =
    "8008 0000 0000 0001"
    "8008 0000 0002 0100"
    "800a 0000 0003 00000001"
    "800a 0000 0004 00000000"
    "0008 0000 0006 0a00"
    "8011 0000 0007 4445534b544f502d414243"
    "000f 0000 0008 4d6963726f736f6674"
    "8008 0000 0009 0001"
    "8008 0000 000a 0008";
/* Android's mtpd: host name "anonymous", window 1 (rows A1, A5). */
static const char mtpd_sccrq[] =
    "8008 0000 0000 0001"
    "8008 0000 0002 0100"
    "800f 0000 0007 616e6f6e796d6f7573"
    "800a 0000 0003 00000003"
    "8008 0000 0009 4d2c"
    "8008 0000 000a 0001";

START_TEST(xl2tpd_sccrq_is_read)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, xl2tpd_sccrq, NULL, &p));
    ck_assert_uint_eq(m.type, L2TP_SCCRQ);
    ck_assert_uint_eq(m.version, 0x0100);
    ck_assert_uint_eq(m.framing_caps, 3);
    ck_assert_uint_eq(m.firmware, 0x0690);
    ck_bytes(m.host_name, "debian");
    ck_bytes(m.vendor_name, "xelerance.com");
    ck_assert_uint_eq(m.tunnel_id, 12345);
    ck_assert_uint_eq(m.window, 4);
    ck_assert(!l2tp_has(&m, CHALLENGE));
    free(p);
}
END_TEST

START_TEST(windows_and_mtpd_sccrq_are_read)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, windows_sccrq, NULL, &p));
    ck_bytes(m.host_name, "DESKTOP-ABC");
    ck_bytes(m.vendor_name, "Microsoft");
    ck_assert_uint_eq(m.tunnel_id, 1);
    ck_assert_uint_eq(m.window, 8);
    free(p);
    ck_assert(parse(&m, &f, mtpd_sccrq, NULL, &p));
    ck_bytes(m.host_name, "anonymous");
    ck_assert_uint_eq(m.window, 1);
    free(p);
}
END_TEST

/* ---- what we send: each message in the layout of RFC 2661 section 6 --------------------- */

static void golden(const struct l2tp_msg *m, const char *hex)
{
    uint8_t out[L2TP_BODY_MAX], again[L2TP_BODY_MAX];
    size_t n = l2tp_msg_build(m, out, sizeof out, NULL);
    struct l2tp_msg back;
    struct l2tp_fault f;
    hex_eq(out, n, hex);
    ck_assert(l2tp_msg_parse(&back, out, n, NULL, &f));
    ck_assert_uint_eq(back.has, m->has);
    size_t k = l2tp_msg_build(&back, again, sizeof again, NULL);
    ck_assert_uint_eq(k, n);
    ck_assert_mem_eq(again, out, n);
}

START_TEST(golden_sccrq_sccrp_scccn)
{
    static const uint8_t c[4] = { 0xde, 0xad, 0xbe, 0xef };
    static const uint8_t r[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct l2tp_msg m = l2tp_msg_of(L2TP_SCCRQ);
    l2tp_set(&m, VERSION, version, 0x0100);
    l2tp_set(&m, FRAMING_CAPS, framing_caps, 3);
    l2tp_set(&m, BEARER_CAPS, bearer_caps, 3);
    l2tp_set(&m, TIE_BREAKER, tie_breaker, 0x0102030405060708);
    l2tp_set(&m, FIRMWARE, firmware, 0x0100);
    l2tp_set(&m, HOST_NAME, host_name, text("lac"));
    l2tp_set(&m, VENDOR_NAME, vendor_name, text("Adit"));
    l2tp_set(&m, TUNNEL_ID, tunnel_id, 0x1234);
    l2tp_set(&m, WINDOW, window, 16);
    l2tp_set(&m, CHALLENGE, challenge, ((struct l2tp_bytes){ c, 4 }));
    golden(&m, "8008 0000 0000 0001  8008 0000 0002 0100  800a 0000 0003 00000003"
               "800a 0000 0004 00000003  000e 0000 0005 0102030405060708  0008 0000 0006 0100"
               "8009 0000 0007 6c6163  000a 0000 0008 41646974  8008 0000 0009 1234"
               "8008 0000 000a 0010  800a 0000 000b deadbeef");
    m = l2tp_msg_of(L2TP_SCCRP);
    l2tp_set(&m, VERSION, version, 0x0100);
    l2tp_set(&m, FRAMING_CAPS, framing_caps, 1);
    l2tp_set(&m, HOST_NAME, host_name, text("lns"));
    l2tp_set(&m, TUNNEL_ID, tunnel_id, 7);
    l2tp_set(&m, RESPONSE, response, ((struct l2tp_bytes){ r, 16 }));
    golden(&m, "8008 0000 0000 0002  8008 0000 0002 0100  800a 0000 0003 00000001"
               "8009 0000 0007 6c6e73  8008 0000 0009 0007"
               "8016 0000 000d 0102030405060708090a0b0c0d0e0f10");
    m = l2tp_msg_of(L2TP_SCCCN);
    golden(&m, "8008 0000 0000 0003");
    m = l2tp_msg_of(L2TP_HELLO);
    golden(&m, "8008 0000 0000 0006");
}
END_TEST

START_TEST(golden_stopccn_cdn)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_StopCCN);
    l2tp_set(&m, TUNNEL_ID, tunnel_id, 0x1234);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ 2, 6, text("no") }));
    golden(&m, "8008 0000 0000 0004  800c 0000 0001 0002 0006 6e6f  8008 0000 0009 1234");
    m = l2tp_msg_of(L2TP_CDN);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ 3, 0, { NULL, 0 } }));
    l2tp_set(&m, SESSION_ID, session_id, 0x0042);
    golden(&m, "8008 0000 0000 000e  8008 0000 0001 0003  8008 0000 000e 0042");
}
END_TEST

START_TEST(golden_calls)
{
    static const uint8_t lcp[4] = { 1, 4, 5, 0xdc };
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRQ);
    l2tp_set(&m, SESSION_ID, session_id, 0x0042);
    l2tp_set(&m, SERIAL, serial, 1);
    l2tp_set(&m, BEARER_TYPE, bearer_type, 1);
    l2tp_set(&m, CALLED, called, text("123"));
    l2tp_set(&m, CALLING, calling, text("5"));
    golden(&m, "8008 0000 0000 000a  8008 0000 000e 0042  800a 0000 000f 00000001"
               "800a 0000 0012 00000001  8009 0000 0015 313233  8007 0000 0016 35");
    m = l2tp_msg_of(L2TP_ICRP);
    l2tp_set(&m, SESSION_ID, session_id, 9);
    golden(&m, "8008 0000 0000 000b  8008 0000 000e 0009");
    m = l2tp_msg_of(L2TP_ICCN);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 1);
    l2tp_set(&m, TX_SPEED, tx_speed, 100000000);
    l2tp_set(&m, LCP_LAST_SENT, lcp_last_sent, ((struct l2tp_bytes){ lcp, 4 }));
    l2tp_set(&m, PROXY_TYPE, proxy_type, 2);
    l2tp_set(&m, PROXY_NAME, proxy_name, text("anna"));
    l2tp_set(&m, PROXY_ID, proxy_id, 7);
    l2tp_set(&m, RX_SPEED, rx_speed, 1);
    l2tp_set(&m, SEQUENCING, sequencing, 1);
    golden(&m, "8008 0000 0000 000c  800a 0000 0013 00000001  800a 0000 0018 05f5e100"
               "000a 0000 001b 010405dc  0008 0000 001d 0002  000a 0000 001e 616e6e61"
               "0008 0000 0020 0007  000a 0000 0026 00000001  8006 0000 0027");
    m = l2tp_msg_of(L2TP_OCRQ);
    l2tp_set(&m, SESSION_ID, session_id, 3);
    l2tp_set(&m, SERIAL, serial, 2);
    l2tp_set(&m, MIN_BPS, min_bps, 1);
    l2tp_set(&m, MAX_BPS, max_bps, 2);
    l2tp_set(&m, BEARER_TYPE, bearer_type, 1);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 1);
    l2tp_set(&m, CALLED, called, text("9"));
    golden(&m, "8008 0000 0000 0007  8008 0000 000e 0003  800a 0000 000f 00000002"
               "800a 0000 0010 00000001  800a 0000 0011 00000002  800a 0000 0012 00000001"
               "800a 0000 0013 00000001  8007 0000 0015 39");
    m = l2tp_msg_of(L2TP_OCRP);
    l2tp_set(&m, SESSION_ID, session_id, 3);
    golden(&m, "8008 0000 0000 0008  8008 0000 000e 0003");
    m = l2tp_msg_of(L2TP_OCCN);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 2);
    l2tp_set(&m, TX_SPEED, tx_speed, 64000);
    golden(&m, "8008 0000 0000 0009  800a 0000 0013 00000002  800a 0000 0018 0000fa00");
}
END_TEST

START_TEST(golden_wen_sli)
{
    uint8_t errors[26] = { 0, 0, 0, 0, 0, 5 }, accm[10] = { 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1 };
    struct l2tp_msg m = l2tp_msg_of(L2TP_WEN);
    l2tp_set(&m, CALL_ERRORS, call_errors, ((struct l2tp_bytes){ errors, 26 }));
    golden(&m, "8008 0000 0000 000f  8020 0000 0022"
               "0000 00000005 00000000 00000000 00000000 00000000 00000000");
    m = l2tp_msg_of(L2TP_SLI);
    l2tp_set(&m, ACCM, accm, ((struct l2tp_bytes){ accm, 10 }));
    golden(&m, "8008 0000 0000 0010  8010 0000 0023 0000 ffffffff 00000001");
}
END_TEST

/* ---- quirks of peers.md section (e) -------------------------------------------------------- */

START_TEST(A4_message_type_is_first_and_8008)
{
    static const uint16_t all[] = { L2TP_SCCRQ, L2TP_SCCRP, L2TP_SCCCN, L2TP_StopCCN, L2TP_HELLO,
                                    L2TP_ICRQ,  L2TP_ICRP,  L2TP_ICCN,  L2TP_CDN };
    static const uint8_t want[6] = { 0x80, 0x08, 0, 0, 0, 0 };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (int hide = 0; hide < 2; hide++) {
            uint8_t out[L2TP_BODY_MAX];
            struct l2tp_msg m = l2tp_msg_of(all[i]);
            l2tp_set(&m, TUNNEL_ID, tunnel_id, 5);
            ck_assert_uint_gt(l2tp_msg_build(&m, out, sizeof out, hide ? &hiding : NULL), 8);
            ck_assert_mem_eq(out, want, 6);
            ck_assert_uint_eq(out[7], all[i]);
        }
}
END_TEST

START_TEST(A6_stopccn_with_a_result_of_two_bytes)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, "8008 0000 0000 0004  8008 0000 0009 4d2c  8008 0000 0001 0006", NULL, &p));
    ck_assert_uint_eq(m.result.code, 6);
    ck_assert_uint_eq(m.result.error, 0);
    ck_assert_uint_eq(m.result.text.len, 0);
    free(p);
}
END_TEST

START_TEST(K1_longer_avps_are_accepted)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f,
                    "8008 0000 0000 000c"
                    "800c 0000 0013 00000001 0000"          /* Framing Type, 6 bytes */
                    "800e 0000 0018 05f5e100 00000000"      /* Tx Connect Speed, 8 bytes */
                    "8007 0000 0027 00",                    /* Sequencing Required with a value */
                    NULL, &p));
    ck_assert_uint_eq(m.framing_type, 1);
    ck_assert_uint_eq(m.tx_speed, 100000000);
    ck_assert(m.sequencing);
    free(p);
    ck_assert(!parse(&m, &f, "8008 0000 0000 000c  8009 0000 0013 000000  800a 0000 0018 00000001",
                     NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_LENGTH);
    ck_assert_uint_eq(f.avp, L2TP_AVP_FRAMING_TYPE);
    free(p);
}
END_TEST

START_TEST(M1_byte_swapped_result_code)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, "8008 0000 0000 0004  8008 0000 0009 0001  800a 0000 0001 0100 0600",
                    NULL, &p));
    ck_assert_uint_eq(m.result.code, 1);
    ck_assert_uint_eq(m.result.error, 6);
    free(p);
    /* result 5 has a version for its error code: not swapped */
    ck_assert(parse(&m, &f, "8008 0000 0000 0004  8008 0000 0009 0001  800a 0000 0001 0005 0100",
                    NULL, &p));
    ck_assert_uint_eq(m.result.code, 5);
    ck_assert_uint_eq(m.result.error, 0x0100);
    free(p);
}
END_TEST

START_TEST(random_vector_after_the_hidden_avp_is_no_use)
{
    uint8_t out[L2TP_BODY_MAX], moved[L2TP_BODY_MAX];
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRP);
    struct l2tp_fault f;
    l2tp_set(&m, SESSION_ID, session_id, 0x4711);
    size_t n = l2tp_msg_build(&m, out, sizeof out, &hiding);
    /* Message Type 8, Random Vector 22, then the hidden one */
    memcpy(moved, out, 8);
    memcpy(moved + 8, out + 30, n - 30);
    memcpy(moved + 8 + n - 30, out + 8, 22);
    ck_assert(!l2tp_msg_parse(&m, moved, n, &open_secret, &f));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    ck_assert_uint_eq(f.avp, L2TP_AVP_SESSION_ID);
}
END_TEST

/* ---- unknown and malformed ------------------------------------------------------------------- */

START_TEST(unknown_avps)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, "8008 0000 0000 0003  0008 0000 0063 0001  0008 0137 0001 0001", NULL, &p));
    ck_assert_uint_eq(m.ignored, 2);
    free(p);
    ck_assert(!parse(&m, &f, "8008 0000 0000 0003  8008 0000 0063 0001", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    ck_assert_uint_eq(f.avp, 0x63);
    ck_assert_uint_eq(m.type, L2TP_SCCCN);
    free(p);
    /* of a vendor: the number is not ours to know */
    ck_assert(!parse(&m, &f, "8008 0000 0000 0003  8008 0009 000a 0001", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    ck_assert(!l2tp_has(&m, WINDOW));
    free(p);
    /* a reserved bit makes it unknown */
    ck_assert(!parse(&m, &f, "8008 0000 0000 0003  8408 0000 000a 0001", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    free(p);
    ck_assert(parse(&m, &f, "8008 0000 0000 0003  0408 0000 000a 0001", NULL, &p));
    ck_assert(!l2tp_has(&m, WINDOW));
    free(p);
}
END_TEST

START_TEST(unknown_message_types)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(!parse(&m, &f, "8008 0000 0000 0014", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    free(p);
    ck_assert(parse(&m, &f, "0008 0000 0000 0014", NULL, &p));
    ck_assert(!l2tp_msg_known(m.type));
    free(p);
    ck_assert(!parse(&m, &f, "8008 0000 0000 0005", NULL, &p));
    free(p);
    ck_assert(!parse(&m, &f, "8008 0000 0000 000d", NULL, &p));
    free(p);
}
END_TEST

START_TEST(first_avp_must_be_the_message_type)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(!parse(&m, &f, "8008 0000 000a 0001  8008 0000 0000 0003", NULL, &p));
    ck_assert_uint_eq(m.has, 0);
    free(p);
    ck_assert(!parse(&m, &f, "c008 0000 0000 0003", &open_secret, &p));
    ck_assert_uint_eq(m.has, 0);
    free(p);
    ck_assert(!parse(&m, &f, "8008 0009 0000 0003", NULL, &p));
    free(p);
    ck_assert(!parse(&m, &f, "8007 0000 0000 00", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_LENGTH);
    free(p);
}
END_TEST

START_TEST(avp_lengths_below_six_and_beyond_the_end)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    for (unsigned len = 0; len < 6; len++) {
        char hex[64];
        snprintf(hex, sizeof hex, "8008 0000 0000 0003  80%02x 0000 000a 0001", len);
        ck_assert(!parse(&m, &f, hex, NULL, &p));
        ck_assert_uint_eq(f.error, L2TP_ERR_LENGTH);
        ck_assert_uint_eq(m.type, L2TP_SCCCN);
        free(p);
    }
    ck_assert(!parse(&m, &f, "8008 0000 0000 0003  83ff 0000 000a 0001", NULL, &p));
    ck_assert_uint_eq(f.error, L2TP_ERR_LENGTH);
    free(p);
}
END_TEST

START_TEST(required_avps)
{
    /* dropping any one AVP of the SCCRQ: the required ones are missed */
    static const struct { size_t at, len; bool required; } avp[] = {
        { 8, 8, true }, { 16, 10, true }, { 26, 10, false }, { 36, 8, false },
        { 44, 12, true }, { 56, 19, false }, { 75, 8, true }, { 83, 8, false },
    };
    uint8_t all[256], some[256];
    size_t n = hex_get(all, sizeof all, xl2tpd_sccrq);
    ck_assert_uint_eq(n, 91);
    for (size_t i = 0; i < sizeof avp / sizeof avp[0]; i++) {
        struct l2tp_msg m;
        struct l2tp_fault f;
        memcpy(some, all, avp[i].at);
        memcpy(some + avp[i].at, all + avp[i].at + avp[i].len, n - avp[i].at - avp[i].len);
        ck_assert_int_eq(l2tp_msg_parse(&m, some, n - avp[i].len, NULL, &f), !avp[i].required);
    }
}
END_TEST

START_TEST(the_first_of_repeated_avps_counts)
{
    struct l2tp_msg m;
    struct l2tp_fault f;
    uint8_t *p;
    ck_assert(parse(&m, &f, "8008 0000 0000 000b  8008 0000 000e 0001  8008 0000 000e 0002", NULL, &p));
    ck_assert_uint_eq(m.session_id, 1);
    free(p);
}
END_TEST

/* Every truncation of every message: never a byte beyond, never true with a
 * required part missing. */
static void truncate_all(const uint8_t *msg, size_t n, const struct l2tp_hide *hide)
{
    for (size_t len = 0; len <= n; len++) {
        uint8_t *p = malloc(len ? len : 1);
        struct l2tp_msg m;
        struct l2tp_fault f;
        char line[512];
        memcpy(p, msg, len);
        bool fine = l2tp_msg_parse(&m, p, len, hide, &f);
        ck_assert(fine == (f.error == 0));
        ck_assert(fine || f.what);
        ck_assert(len >= 8 || !fine);
        ck_assert_uint_lt(l2tp_msg_print(&m, line, sizeof line), sizeof line);
        memcpy(p, msg, len);
        (void)l2tp_msg_host(p, len);
        free(p);
    }
}

START_TEST(every_truncation_of_every_message)
{
    static uint8_t bulk[28];
    for (uint16_t type = 1; type <= 16; type++)
        for (int hide = 0; hide < 2; hide++) {
            uint8_t out[L2TP_BODY_MAX];
            struct l2tp_msg m = l2tp_msg_of(type);
            if (!l2tp_msg_known(type))
                continue;
            struct l2tp_bytes b = { bulk, sizeof bulk };
            m.host_name = m.vendor_name = m.challenge = m.called = m.calling = m.q931 = b;
            m.lcp_first_rcvd = m.lcp_last_sent = m.lcp_last_rcvd = m.proxy_name = b;
            m.proxy_challenge = m.proxy_response = m.ppp_cause = m.sub_address = m.group_id = b;
            m.response = (struct l2tp_bytes){ bulk, 16 };
            m.call_errors = (struct l2tp_bytes){ bulk, 26 };
            m.accm = (struct l2tp_bytes){ bulk, 10 };
            m.result = (struct l2tp_result){ 2, 6, text("because") };
            for (uint16_t code = 0; code < 47; code++)
                if (l2tp_avp_name(code)[0] != '?' && code != L2TP_AVP_RANDOM_VECTOR)
                    m.has |= 1ull << code;
            size_t n = l2tp_msg_build(&m, out, sizeof out, hide ? &hiding : NULL);
            ck_assert_uint_gt(n, 500);
            truncate_all(out, n, hide ? &open_secret : NULL);
            if (hide)
                truncate_all(out, n, NULL);
        }
}
END_TEST

/* ---- hiding (section 4.3) ------------------------------------------------------------------------ */

START_TEST(hidden_avps_come_back)
{
    uint8_t out[L2TP_BODY_MAX];
    char name[200];
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRQ), back;
    struct l2tp_fault f;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    l2tp_set(&m, SESSION_ID, session_id, 0x4711);
    l2tp_set(&m, SERIAL, serial, 77);
    l2tp_set(&m, CALLING, calling, text(name));         /* several blocks of MD5 */
    l2tp_set(&m, CALLED, called, text(""));
    size_t n = l2tp_msg_build(&m, out, sizeof out, &hiding);
    ck_assert_uint_gt(n, 250);
    for (size_t i = 0; i + 8 < n; i++)
        ck_assert(memcmp(out + i, "xxxxxxxx", 8) != 0);
    uint8_t copy[L2TP_BODY_MAX];
    memcpy(copy, out, n);
    ck_assert(l2tp_msg_parse(&back, copy, n, &open_secret, &f));
    ck_assert_uint_eq(back.session_id, 0x4711);
    ck_assert_uint_eq(back.serial, 77);
    ck_bytes(back.calling, name);
    ck_assert_uint_eq(back.called.len, 0);
    /* without the secret: mandatory and not readable */
    memcpy(copy, out, n);
    ck_assert(!l2tp_msg_parse(&back, copy, n, NULL, &f));
    ck_assert_uint_eq(f.error, L2TP_ERR_MANDATORY);
    ck_assert_uint_eq(back.type, L2TP_ICRQ);
}
END_TEST

/* RFC 2661 section 4.3 by hand: one block, computed here from the MD5 alone. */
START_TEST(hiding_is_that_of_the_rfc)
{
    uint8_t pad[16], value[4] = { 0, 2, 0x12, 0x34 }, body[8 + 8 + 10];
    static const uint8_t vector[2] = { 0xaa, 0xbb }, code[2] = { 0, 14 };
    const struct adit_chunk c[] = { { code, 2 }, { "s3same", 6 }, { vector, 2 } };
    struct l2tp_msg m;
    struct l2tp_fault f;
    ck_assert_int_eq(crypto_api.digest(ADIT_MD5, c, 3, pad), 0);
    for (int i = 0; i < 4; i++)
        value[i] ^= pad[i];
    hex_get(body, sizeof body, "8008 0000 0000 000b  8008 0000 0024 aabb  c00a 0000 000e 00000000");
    memcpy(body + 22, value, 4);
    ck_assert(l2tp_msg_parse(&m, body, sizeof body, &open_secret, &f));
    ck_assert_uint_eq(m.session_id, 0x1234);
}
END_TEST

/* The length inside is checked after decryption: every value of it. */
START_TEST(hidden_avps_with_bad_lengths)
{
    static const uint8_t vector[16] = { 9 };
    for (unsigned inner = 0; inner < 0x10000; inner = inner < 64 ? inner + 1 : inner * 2 + 1)
        for (unsigned len = 0; len < 24; len++) {
            uint8_t raw[24] = { (uint8_t)(inner >> 8), (uint8_t)inner, 0x12, 0x34 };
            uint8_t *body = malloc(8 + 22 + 6 + len);
            struct l2tp_msg m;
            struct l2tp_fault f;
            size_t n = hex_get(body, 8 + 6, "8008 0000 0000 000b  8016 0000 0024");
            memcpy(body + n, vector, 16);
            n += 16;
            body[n++] = 0xc0;
            body[n++] = (uint8_t)(6 + len);
            n += hex_get(body + n, 4, "0000 000e");
            ck_assert(l2tp_hide_value(&open_secret, L2TP_AVP_SESSION_ID,
                                      (struct l2tp_bytes){ vector, 16 }, raw, len, true));
            memcpy(body + n, raw, len);
            bool good = inner >= 2 && len >= 2 && inner <= len - 2;
            ck_assert_int_eq(l2tp_msg_parse(&m, body, n + len, &open_secret, &f), good);
            if (good)
                ck_assert_uint_eq(m.session_id, 0x1234);
            else
                ck_assert(f.error == L2TP_ERR_MANDATORY || f.error == L2TP_ERR_LENGTH);
            free(body);
        }
}
END_TEST

START_TEST(what_may_not_be_hidden_is_not)
{
    uint8_t out[L2TP_BODY_MAX];
    struct l2tp_msg m = l2tp_msg_of(L2TP_SCCRQ), back;
    struct l2tp_fault f;
    l2tp_set(&m, VERSION, version, 0x0100);
    l2tp_set(&m, HOST_NAME, host_name, text("lac"));
    l2tp_set(&m, FRAMING_CAPS, framing_caps, 3);
    l2tp_set(&m, WINDOW, window, 9);
    l2tp_set(&m, TUNNEL_ID, tunnel_id, 9);
    l2tp_set(&m, TIE_BREAKER, tie_breaker, 9);
    size_t n = l2tp_msg_build(&m, out, sizeof out, &hiding);
    struct l2tp_bytes host = l2tp_msg_host(out, n);     /* chooses the secret */
    ck_bytes(host, "lac");
    (void)l2tp_msg_parse(&back, out, n, NULL, &f);
    ck_assert(l2tp_has(&back, VERSION) && l2tp_has(&back, WINDOW) && l2tp_has(&back, TIE_BREAKER));
    ck_assert(!l2tp_has(&back, TUNNEL_ID) && !l2tp_has(&back, FRAMING_CAPS));
}
END_TEST

/* ---- text -------------------------------------------------------------------------------------------- */

START_TEST(lines_for_people_hold_no_secret)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICCN);
    char line[512], small[16];
    l2tp_set(&m, TX_SPEED, tx_speed, 64000);
    l2tp_set(&m, PROXY_NAME, proxy_name, text("anna\n\x1b[31m"));
    l2tp_set(&m, CALLING, calling, text("0171"));
    l2tp_set(&m, PROXY_RESPONSE, proxy_response, text("trustno1"));
    l2tp_set(&m, SEQUENCING, sequencing, 1);
    (void)l2tp_msg_print(&m, line, sizeof line);
    ck_assert_str_eq(line, "ICCN <Calling Number \"0171\"> <(Tx) Connect Speed 64000> "
                           "<Proxy Authen Name 10 bytes> <Proxy Authen Response 8 bytes> "
                           "<Sequencing Required>");
    ck_assert_uint_lt(l2tp_msg_print(&m, small, sizeof small), sizeof small);
    ck_assert_int_eq(small[15], 0);
}
END_TEST

START_TEST(names_become_printable)
{
    char out[6];
    l2tp_text(out, sizeof out, text("a\"b\x80\n"));
    ck_assert_str_eq(out, "a?b??");
    l2tp_text(out, sizeof out, text("0123456789"));
    ck_assert_str_eq(out, "01234");
    l2tp_text(out, sizeof out, (struct l2tp_bytes){ NULL, 0 });
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(build_says_when_it_does_not_fit)
{
    uint8_t out[64];
    struct l2tp_msg m = l2tp_msg_of(L2TP_CDN);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ 2, 6, text("a reason of some length") }));
    l2tp_set(&m, SESSION_ID, session_id, 1);
    size_t full = l2tp_msg_build(&m, out, sizeof out, NULL);
    ck_assert_uint_eq(full, 8 + 8 + 10 + 23);
    for (size_t n = 0; n < full; n++)
        ck_assert_uint_eq(l2tp_msg_build(&m, out, n, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp_msg", (const TTest *const[]){
        xl2tpd_sccrq_is_read, windows_and_mtpd_sccrq_are_read, golden_sccrq_sccrp_scccn,
        golden_stopccn_cdn, golden_calls, golden_wen_sli, A4_message_type_is_first_and_8008,
        A6_stopccn_with_a_result_of_two_bytes, K1_longer_avps_are_accepted,
        M1_byte_swapped_result_code, random_vector_after_the_hidden_avp_is_no_use,
        unknown_avps, unknown_message_types, first_avp_must_be_the_message_type,
        avp_lengths_below_six_and_beyond_the_end, required_avps,
        the_first_of_repeated_avps_counts, every_truncation_of_every_message,
        hidden_avps_come_back, hiding_is_that_of_the_rfc, hidden_avps_with_bad_lengths,
        what_may_not_be_hidden_is_not, lines_for_people_hold_no_secret, names_become_printable,
        build_says_when_it_does_not_fit, NULL });
}
UNIT_MAIN(suite)
