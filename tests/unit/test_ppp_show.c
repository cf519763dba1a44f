/* test_ppp_show.c - control packets in lines: what people read, and that no secret is in it. */
#include <string.h>
#include "hex.h"
#include "ppp/ppp.h"
#include "ppp/ppp_show.h"
#include "unit.h"

/* Packets as they come from peers of peers.md or stand in the RFCs, and their lines. */
static const struct golden {
    uint16_t proto;
    const char *hex, *line;
} golden[] = {
    /* W12: Windows asks for callback and multilink */
    { PPP_LCP, "01 00 0023 01 04 0578 05 06 5ac20fb3 07 02 08 02 0d 03 06 11 04 064e 13 0a 01 aabbccddeeff00",
      "Configure-Request id=0 mru=1400 magic=0x5ac20fb3 pfc acfc callback=6 mrru=1614 endpoint=8 bytes" },
    { PPP_LCP, "04 00 000b 0d 03 06 11 04 064e", "Configure-Reject id=0 callback=6 mrru=1614" },
    { PPP_LCP, "01 07 000f 03 05 c22381 02 06 000a0000", "Configure-Request id=7 auth=MS-CHAPv2 async-map=0x000a0000" },
    { PPP_LCP, "03 07 0008 03 04 c023", "Configure-Nak id=7 auth=PAP" },
    { PPP_LCP, "03 07 0009 03 05 c22305", "Configure-Nak id=7 auth=CHAP-MD5" },
    { PPP_LCP, "03 07 0009 03 05 c22377", "Configure-Nak id=7 auth=CHAP-0x77" },
    { PPP_LCP, "03 07 0008 03 04 c025", "Configure-Nak id=7 auth=0xc025" },
    { PPP_LCP, "02 07 0007 63 03 01", "Configure-Ack id=7 option-99=1 bytes" },
    { PPP_LCP, "01 07 0008 01 04 0578 ffff", "Configure-Request id=7 mru=1400" },
    { PPP_LCP, "01 07 0008 01 05 0578", "Configure-Request id=7 (malformed)" },
    { PPP_LCP, "01 07 0006 01 00", "Configure-Request id=7 (malformed)" },
    /* W13 */
    { PPP_LCP, "0c 02 0012 5ac20fb3 4d53524153563 52e3230", "Identification id=2 magic=0x5ac20fb3 text=\"MSRASV5.20\"" },
    { PPP_LCP, "05 06 0010 5ac20fb3 003ccd74 000002ce", "Terminate-Request id=6 RAS error 718" },
    { PPP_LCP, "05 06 000b 6279 6522 210a07", "Terminate-Request id=6 text=\"bye'!..\"" },
    { PPP_LCP, "06 06 0004", "Terminate-Ack id=6" },
    { PPP_LCP, "09 01 0008 00000000", "Echo-Request id=1 magic=0x00000000" },
    { PPP_LCP, "09 01 0006 0000", "Echo-Request id=1 magic=0x00000000 (malformed)" },
    { PPP_LCP, "08 03 000a 8057 01010004", "Protocol-Reject id=3 IPV6CP (0x8057)" },
    { PPP_LCP, "07 03 0008 0c020012", "Code-Reject id=3 Identification" },
    { PPP_LCP, "0d 03 000e 00000001 0000003c 6869", "Time-Remaining id=3 magic=0x00000001 seconds=60 text=\"hi\"" },
    { PPP_LCP, "63 03 0006 0102", "code-99 id=3 2 bytes" },
    { PPP_LCP, "01 03", "2 bytes (malformed)" },
    { PPP_CCP, "01 04 000a 12 06 010000e1", "Configure-Request id=4 mppe=128,56,40,stateless,mppc" },
    { PPP_CCP, "03 04 000a 12 06 01000040", "Configure-Nak id=4 mppe=128,stateless" },
    { PPP_CCP, "03 04 000a 12 06 00000000", "Configure-Nak id=4 mppe=none" },
    { PPP_CCP, "03 04 000a 12 06 00000050", "Configure-Nak id=4 mppe=128,0x00000010" },
    { PPP_CCP, "0e 05 0004", "Reset-Request id=5" },
    { PPP_IPCP, "01 05 0022 03 06 00000000 81 06 00000000 82 06 00000000 83 06 00000000 84 06 00000000",
      "Configure-Request id=5 address=0.0.0.0 primary-dns=0.0.0.0 primary-nbns=0.0.0.0 "
      "secondary-dns=0.0.0.0 secondary-nbns=0.0.0.0" },
    { PPP_IPCP, "01 05 0014 02 06 002d0f01 01 0a c0000201 c0000202",
      "Configure-Request id=5 compression=0x002d0f01 addresses=192.0.2.1,192.0.2.2" },
    { PPP_IPV6CP, "01 05 000e 01 0a 020000fffe000001", "Configure-Request id=5 interface-id=0x020000fffe000001" },
    /* authentication: nothing that proves anything is shown */
    { PPP_PAP, "01 09 0012 04 616e6e61 08 74727573746e6f31", "Authenticate-Request id=9 name=\"anna\" password not shown" },
    { PPP_PAP, "01 09 0012 04 616e6e61 18 74727573746e6f31",
      "Authenticate-Request id=9 name=\"anna\" password not shown (malformed)" },
    { PPP_PAP, "02 09 0005 00", "Authenticate-Ack id=9" },
    { PPP_PAP, "02 09 0004", "Authenticate-Ack id=9" },
    { PPP_PAP, "03 09 0008 03 6e6f21", "Authenticate-Nak id=9 message=\"no!\"" },
    { PPP_CHAP, "01 00 0019 10 5b5d7c7d7b3f2f3e3c2c602132262628 61646974",
      "Challenge id=0 value=16 bytes name=\"adit\"" },
    { PPP_CHAP, "02 00 003a 31 21402324255e262a28295f2b3a337c7e000000000000000082309ecd8d708b5ea08faa3981cd83544233114a3d85d6df00 55736572",
      "Response id=0 value=49 bytes name=\"User\"" },
    { PPP_CHAP, "02 00 0006 31 21", "Response id=0 value=49 bytes (malformed)" },
    /* RFC 2759 section 9.2's S=, with a message */
    { PPP_CHAP, "03 00 0033 533d34303741353538393131354644304436323039463531304645394330343536363933324344413536204d3d4849",
      "Success id=0 S=20 bytes message=\"HI\"" },
    { PPP_CHAP, "04 00 0039 453d36393120523d3120433d35423544374337443742334632463345334332433630323133323236323632382056 3d33204d3d4e6f",
      "Failure id=0 E=691 R=1 C=16 bytes V=3 message=\"No\"" },
    { PPP_CHAP, "04 00 000b 73746f702e2e2e", "Failure id=0 message=\"stop...\"" },
    { PPP_CHAP, "07 01 000c 0102030405060708", "Change-Password id=1 value=8 bytes" },
    { PPP_EAP, "01 01 0005 01", "Request id=1 Identity" },
    { PPP_EAP, "02 01 0009 01 616e6e61", "Response id=1 Identity name=\"anna\"" },
    { PPP_EAP, "02 01 0007 03 1a 0d", "Response id=1 Nak MS-CHAPv2 TLS" },
    { PPP_EAP, "01 02 001a 04 10 000102030405060708090a0b0c0d0e0f 61646974", "Request id=2 MD5-Challenge value=16 bytes name=\"adit\"" },
    { PPP_EAP, "01 02 0006 0d 20", "Request id=2 TLS start 0 bytes" },
    { PPP_EAP, "02 02 000d 0d c0 00000a00 010203", "Response id=2 TLS more of 2560 bytes 3 bytes" },
    { PPP_EAP, "01 03 001d 1a 01 04 0018 10 000102030405060708090a0b0c0d0e0f 616469", "Request id=3 MS-CHAPv2 Challenge value=16 bytes name=\"adi\"" },
    { PPP_EAP, "02 03 0006 1a 03", "Response id=3 MS-CHAPv2 Success" },
    { PPP_EAP, "02 03 000d 06 74727573746e6f31", "Response id=3 type-6 8 bytes" },
    { PPP_EAP, "03 03 0004", "Success id=3" },
    { PPP_EAP, "01 03 0004", "Request id=3 (malformed)" },
    { 0xc02d, "01020304", "protocol 0xc02d, 4 bytes" },
};

START_TEST(packets_are_lines)
{
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        uint8_t data[256];
        char text[1024];
        size_t len = hex_get(data, sizeof data, golden[i].hex);
        ppp_show(golden[i].proto, data, len, text, sizeof text);
        ck_assert_str_eq(text, golden[i].line);
    }
}
END_TEST

/* Cut anywhere, in memory of exactly that size, into lines of any size. */
START_TEST(every_truncation)
{
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        uint8_t data[256];
        char text[1024], whole[1024];
        size_t len = hex_get(data, sizeof data, golden[i].hex);
        for (size_t n = 0; n <= len; n++) {
            uint8_t *part = malloc(n ? n : 1);
            memcpy(part, data, n);
            ppp_show(golden[i].proto, part, n, whole, sizeof whole);
            ck_assert_ptr_null(strstr(whole, "trustno1"));
            for (size_t size = 1; size < 90; size += 7) {
                ppp_show(golden[i].proto, part, n, text, size);
                ck_assert_uint_lt(strlen(text), size);
                ck_assert_int_eq(strncmp(whole, text, strlen(text)), 0);
            }
            free(part);
        }
    }
}
END_TEST

START_TEST(keepalives_are_routine)
{
    static const uint8_t echo[] = { 9, 1, 0, 8, 0, 0, 0, 0 }, reply[] = { 10 }, request[] = { 1, 1, 0, 4 };
    ck_assert(ppp_show_routine(PPP_LCP, echo, sizeof echo));
    ck_assert(ppp_show_routine(PPP_LCP, reply, sizeof reply));
    ck_assert(!ppp_show_routine(PPP_LCP, request, sizeof request));
    ck_assert(!ppp_show_routine(PPP_CCP, echo, sizeof echo));
    ck_assert(!ppp_show_routine(PPP_LCP, echo, 0));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { packets_are_lines, every_truncation, keepalives_are_routine, NULL };
    return unit_suite("ppp_show", tests);
}
UNIT_MAIN(suite)
