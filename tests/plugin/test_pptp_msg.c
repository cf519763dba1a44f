/* test_pptp_msg.c - the control messages, against bytes written down from the
 * figures of RFC 2637 section 2, not by the codec. */
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp_msg.h"
#include "../unit/hex.h"
#include "../unit/unit.h"

#define Z8  "0000000000000000"
#define Z16 Z8 Z8
#define Z32 Z16 Z16
#define Z64 Z32 Z32

/* ---- golden: header fields, then the figure's, row by row ---------------------------- */

/* 2.1, as Windows XP sends it (quirk W10): no host name, "Microsoft Windows NT",
 * firmware 2600 */
static const char sccrq_hex[] =
    "009c 0001 1a2b3c4d 0001 0000"          /* Length 156, message type 1, cookie, SCCRQ, Reserved0 */
    "0100 0000"                             /* Protocol Version 1.0, Reserved1 */
    "00000001"                              /* Framing: asynchronous */
    "00000001"                              /* Bearer: analog */
    "0000 0a28"                             /* Maximum Channels, Firmware Revision 2600 */
    Z64                                     /* Host Name */
    "4d6963726f736f66742057696e646f7773204e54"      /* Vendor: "Microsoft Windows NT" */
    Z32 Z8 "00000000";
/* 2.2 */
static const char sccrp_hex[] =
    "009c 0001 1a2b3c4d 0002 0000"
    "0100 01 00"                            /* version, Result Code 1, Error Code 0 */
    "00000003 00000003"
    "0000 0001"
    "61646974" Z32 Z16 Z8 "00000000"        /* "adit" */
    "41646974" Z32 Z16 Z8 "00000000";       /* "Adit" */
/* 2.3 */
static const char stoprq_hex[] = "0010 0001 1a2b3c4d 0003 0000  03 00 0000";
/* 2.4 */
static const char stoprp_hex[] = "0010 0001 1a2b3c4d 0004 0000  01 00 0000";
/* 2.5 */
static const char echorq_hex[] = "0010 0001 1a2b3c4d 0005 0000  deadbeef";
/* 2.6 */
static const char echorp_hex[] = "0014 0001 1a2b3c4d 0006 0000  deadbeef 01 00 0000";
/* 2.7, as Windows sends it: call id 0 is legal (quirk W10), window 64 (W11) */
static const char ocrq_hex[] =
    "00a8 0001 1a2b3c4d 0007 0000"
    "0000 0002"                             /* Call ID, Call Serial Number */
    "0000012c 05f5e100"                     /* Minimum BPS 300, Maximum BPS 100,000,000 */
    "00000003 00000003"                     /* Bearer, Framing */
    "0040 0000"                             /* Packet Recv. Window Size, Packet Processing Delay */
    "0000 0000"                             /* Phone Number Length, Reserved1 */
    Z64 Z64;                                /* Phone Number, Subaddress */
/* 2.8 */
static const char ocrp_hex[] =
    "0020 0001 1a2b3c4d 0008 0000"
    "1234 0007"                             /* Call ID, Peer's Call ID */
    "02 04 0102"                            /* Result: general error, Error: no resource, Cause */
    "05f5e100"                              /* Connect Speed */
    "0040 0003"                             /* Window, Delay */
    "0000000b";                             /* Physical Channel ID */
/* 2.9 */
static const char icrq_hex[] =
    "00dc 0001 1a2b3c4d 0009 0000"
    "0102 0304"                             /* Call ID, Call Serial Number */
    "00000002"                              /* Call Bearer Type: digital */
    "00000005"                              /* Physical Channel ID */
    "0003 0002"                             /* Dialed Number Length, Dialing Number Length */
    "313233" Z32 Z16 Z8 "0000000000"        /* "123" */
    "3435" Z32 Z16 Z8 "000000000000"        /* "45" */
    Z64;
/* 2.10 */
static const char icrp_hex[] =
    "0018 0001 1a2b3c4d 000a 0000  1234 0102 01 00 0040 0000 0000";
/* 2.11 */
static const char iccn_hex[] =
    "001c 0001 1a2b3c4d 000b 0000  1234 0000 0000fa00 0010 0000 00000002";
/* 2.12 */
static const char ccrq_hex[] = "0010 0001 1a2b3c4d 000c 0000  0007 0000";
/* 2.13 */
static const char cdn_hex[] =
    "0094 0001 1a2b3c4d 000d 0000  1234 04 00 0010 0000"
    "6f6b" Z64 Z32 Z16 Z8 "000000000000";   /* Call Statistics (128): "ok" */
/* 2.14 */
static const char wen_hex[] =
    "0028 0001 1a2b3c4d 000e 0000  1234 0000"
    "00000001 00000002 00000003 00000004 00000005 00000006";
/* 2.15, as Windows sends it after LCP (quirk W11) */
static const char sli_hex[] = "0018 0001 1a2b3c4d 000f 0000  1234 0000 ffffffff 00000000";

static const char *const golden[PPTP_TYPES] = {
    [PPTP_SCCRQ] = sccrq_hex, [PPTP_SCCRP] = sccrp_hex, [PPTP_STOPRQ] = stoprq_hex,
    [PPTP_STOPRP] = stoprp_hex, [PPTP_ECHORQ] = echorq_hex, [PPTP_ECHORP] = echorp_hex,
    [PPTP_OCRQ] = ocrq_hex, [PPTP_OCRP] = ocrp_hex, [PPTP_ICRQ] = icrq_hex,
    [PPTP_ICRP] = icrp_hex, [PPTP_ICCN] = iccn_hex, [PPTP_CCRQ] = ccrq_hex,
    [PPTP_CDN] = cdn_hex, [PPTP_WEN] = wen_hex, [PPTP_SLI] = sli_hex,
};

/* What a line for people says about them. */
static const char *const printed[PPTP_TYPES] = {
    [PPTP_SCCRQ] = "Start-Control-Connection-Request version=256 framing=1 bearer=1 "
                   "max_channels=0 firmware=2600 host_name=\"\" vendor=\"Microsoft Windows NT\"",
    [PPTP_SCCRP] = "Start-Control-Connection-Reply version=256 result=ok error=none framing=3 "
                   "bearer=3 max_channels=0 firmware=1 host_name=\"adit\" vendor=\"Adit\"",
    [PPTP_STOPRQ] = "Stop-Control-Connection-Request reason=shutdown",
    [PPTP_STOPRP] = "Stop-Control-Connection-Reply result=ok error=none",
    [PPTP_ECHORQ] = "Echo-Request identifier=3735928559",
    [PPTP_ECHORP] = "Echo-Reply identifier=3735928559 result=ok error=none",
    [PPTP_OCRQ] = "Outgoing-Call-Request call_id=0 serial=2 min_bps=300 max_bps=100000000 bearer=3 "
                  "framing=3 window=64 delay=0 phone_len=0 phone=\"\" subaddress=\"\"",
    [PPTP_OCRP] = "Outgoing-Call-Reply call_id=4660 peer_call_id=7 result=general-error "
                  "error=no-resource cause=258 speed=100000000 window=64 delay=3 channel=11",
    [PPTP_ICRQ] = "Incoming-Call-Request call_id=258 serial=772 bearer=2 channel=5 dialed_len=3 "
                  "dialing_len=2 dialed=\"123\" dialing=\"45\" subaddress=\"\"",
    [PPTP_ICRP] = "Incoming-Call-Reply call_id=4660 peer_call_id=258 result=connect error=none "
                  "window=64 delay=0",
    [PPTP_ICCN] = "Incoming-Call-Connected peer_call_id=4660 speed=64000 window=16 delay=0 framing=2",
    [PPTP_CCRQ] = "Call-Clear-Request call_id=7",
    [PPTP_CDN] = "Call-Disconnect-Notify call_id=4660 result=request error=none cause=16 "
                 "statistics=\"ok\"",
    [PPTP_WEN] = "WAN-Error-Notify peer_call_id=4660 crc=1 framing=2 hardware=3 buffer=4 timeouts=5 "
                 "alignment=6",
    [PPTP_SLI] = "Set-Link-Info peer_call_id=4660 send_accm=4294967295 recv_accm=0",
};

/* Parses from memory of exactly that size. */
static int parse(struct pptp_msg *m, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    int code = pptp_msg_parse(m, copy, len);
    free(copy);
    return code;
}

START_TEST(golden_bytes_are_parsed_printed_and_built)
{
    for (uint16_t t = 1; t < PPTP_TYPES; t++) {
        uint8_t data[256], out[256];
        size_t len = hex_get(data, sizeof data, golden[t]);
        struct pptp_msg m;
        char text[1024];
        ck_assert_uint_eq(len, pptp_msg_shape(t)->octets);
        ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_OK);
        ck_assert_uint_eq(m.type, t);
        ck_assert_str_eq(pptp_msg_print(text, sizeof text, &m), printed[t]);
        ck_assert_uint_eq(pptp_msg_build(out, sizeof out, &m), len);
        ck_assert_mem_eq(out, data, len);
        ck_assert_int_eq(pptp_msg_measure(data, (uint32_t)len), (int)len);
    }
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    for (uint16_t t = 1; t < PPTP_TYPES; t++) {
        uint8_t data[256];
        size_t len = hex_get(data, sizeof data, golden[t]);
        struct pptp_msg m;
        for (size_t n = 0; n < len; n++) {
            ck_assert_int_eq(parse(&m, data, n), PPTP_PARSE_SHORT);
            uint8_t said[256];                  /* and says so itself */
            memcpy(said, data, len);
            said[0] = (uint8_t)(n >> 8);
            said[1] = (uint8_t)n;
            ck_assert_int_eq(parse(&m, said, n), PPTP_PARSE_SHORT);
            ck_assert_int_eq(parse(&m, said, len), PPTP_PARSE_SHORT);
        }
    }
}
END_TEST

START_TEST(every_size_of_output_is_kept)
{
    for (uint16_t t = 1; t < PPTP_TYPES; t++) {
        uint8_t data[256], out[256];
        char text[1024], whole[1024];
        size_t len = hex_get(data, sizeof data, golden[t]);
        struct pptp_msg m;
        ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_OK);
        for (size_t n = 0; n < len; n++) {
            memset(out, 0xee, sizeof out);
            ck_assert_uint_eq(pptp_msg_build(out, n, &m), 0);
            ck_assert_uint_eq(out[n], 0xee);
        }
        pptp_msg_print(whole, sizeof whole, &m);
        for (size_t n = 1; n <= strlen(whole) + 1; n++) {
            memset(text, 0x55, sizeof text);
            pptp_msg_print(text, n, &m);
            ck_assert_uint_eq(strlen(text), n - 1);
            ck_assert_mem_eq(text, whole, n - 1);
            ck_assert_int_eq(text[n], 0x55);
        }
    }
}
END_TEST

START_TEST(longer_than_needed_is_tolerated)
{
    for (uint16_t t = 1; t < PPTP_TYPES; t++) {
        uint8_t data[512] = { 0 };
        size_t len = hex_get(data, sizeof data, golden[t]) + 9;
        struct pptp_msg m;
        data[0] = (uint8_t)(len >> 8);
        data[1] = (uint8_t)len;
        ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_OK);
    }
}
END_TEST

START_TEST(what_is_no_control_message)
{
    uint8_t data[256];
    size_t len = hex_get(data, sizeof data, echorq_hex);
    struct pptp_msg m;

    ck_assert_int_eq(pptp_msg_measure(data, 7), 0);
    data[4] ^= 1;                               /* cookie */
    ck_assert_int_lt(pptp_msg_measure(data, 8), 0);
    ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_COOKIE);
    data[4] ^= 1;
    data[3] = 2;                                /* a management message */
    ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_TYPE);
    data[3] = 1;
    data[9] = 16;                               /* a type of the future */
    ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_TYPE);
    data[9] = 0;
    ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_TYPE);
    data[1] = 11;                               /* shorter than a header */
    ck_assert_int_lt(pptp_msg_measure(data, 8), 0);
    m.type = PPTP_TYPES;
    ck_assert_uint_eq(pptp_msg_build(data, sizeof data, &m), 0);
    char text[32];
    ck_assert_str_eq(pptp_msg_print(text, sizeof text, &m), "type 16");
    ck_assert_str_eq(pptp_msg_name(99), "?");
}
END_TEST

START_TEST(text_without_an_end_and_strange_text)
{
    uint8_t data[256];
    size_t len = hex_get(data, sizeof data, sccrq_hex);
    struct pptp_msg m;
    char text[1024];

    memset(data + 28, 'A', 64);                 /* no NUL in the name */
    data[28] = '"';
    data[29] = 0x1b;
    data[30] = 0xff;
    ck_assert_int_eq(parse(&m, data, len), PPTP_PARSE_OK);
    ck_assert_uint_eq(strlen(m.u.sccrq.host_name), 64);
    ck_assert_str_eq(m.u.sccrq.vendor, "Microsoft Windows NT");
    pptp_msg_print(text, sizeof text, &m);
    ck_assert_ptr_nonnull(strstr(text, "host_name=\"???AAA"));
    char small[4];
    ck_assert_str_eq(pptp_text_clean(small, sizeof small, "abcdef"), "abc");
    ck_assert_uint_eq(pptp_msg_build(data, sizeof data, &m), len);
    ck_assert_uint_eq(data[28 + 63], 'A');
}
END_TEST

START_TEST(every_word_has_its_value)
{
    ck_assert_str_eq(pptp_word_start(0), "?");
    ck_assert_str_eq(pptp_word_start(PPTP_START_VERSION), "version");
    ck_assert_str_eq(pptp_word_start(6), "?");
    ck_assert_str_eq(pptp_word_out(PPTP_OUT_REFUSED), "not-accepted");
    ck_assert_str_eq(pptp_word_out(255), "?");
    ck_assert_str_eq(pptp_word_cdn(PPTP_CDN_REQUEST), "request");
    ck_assert_str_eq(pptp_word_error(PPTP_ERR_NONE), "none");
    ck_assert_str_eq(pptp_word_error(PPTP_ERR_PAC), "pac-error");
    ck_assert_str_eq(pptp_word_error(7), "?");
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("pptp_msg", (const TTest *const[]){
        golden_bytes_are_parsed_printed_and_built, every_truncation_is_refused,
        every_size_of_output_is_kept, longer_than_needed_is_tolerated,
        what_is_no_control_message, text_without_an_end_and_strange_text,
        every_word_has_its_value, NULL });
}
UNIT_MAIN(suite)
