/* test_rad_msg.c - RADIUS packets: RFC 2865 section 7, tests/golden/radius.txt
 * (computed by radius.py), every truncation, and what a hostile server may send. */
#include <stdlib.h>

#include "../../plugins/auth-radius/rad_msg.h"
#include "crypto/crypto.h"
#include "tests/unit/hex.h"
#include "tests/unit/unit.h"

static const struct rad_key key = { &crypto_api, (const uint8_t *)"xyzzy5461", 9 };
static const uint8_t RA[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* A line of tests/golden/radius.txt; octets. */
static uint32_t golden(const char *name, uint8_t *out, size_t size)
{
    char line[9000];
    FILE *f = fopen(GOLDEN, "r");
    ck_assert_msg(f != NULL, "%s", GOLDEN);
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        size_t k = strlen(name);
        if (strncmp(line, name, k) == 0 && line[k] == ' ')
            n = hex_get(out, size, line + k);
    }
    fclose(f);
    ck_assert_uint_gt(n, 0);
    return (uint32_t)n;
}

static void is_golden(const char *name, const uint8_t *p, uint32_t len)
{
    uint8_t want[RAD_MAX];
    uint32_t n = golden(name, want, sizeof want);
    ck_assert_uint_eq(len, n);
    ck_assert_mem_eq(p, want, n);
}

/* ---- RFC 2865 section 7 ------------------------------------------------------------ */

START_TEST(rfc2865_7_1)
{
    uint8_t req[64], ans[64];
    struct rad_in in, out_in;
    struct rad_attr a;
    size_t rn = hex_get(req, sizeof req, "01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a"
        "01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee"
        "04 06 c0 a8 01 10 05 06 00 00 00 03");
    size_t an = hex_get(ans, sizeof ans, "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2"
        "06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03");
    ck_assert(rad_open(&in, req, rn));
    /* the same by our hands; ours has a Message-Authenticator before */
    struct rad_out o;
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    memcpy(o.authenticator, in.authenticator, 16);
    rad_put_str(&o, RAD_USER_NAME, "nemo");
    rad_put_password(&o, "arctangent", 10);
    rad_put_u32(&o, RAD_NAS_IP_ADDRESS, 0xc0a80110);
    rad_put_u32(&o, RAD_NAS_PORT, 3);
    ck_assert_uint_eq(rad_finish(&o, 0), 0x38 + 18);
    ck_assert_mem_eq(o.bytes + 38, req + 20, 0x38 - 20);
    ck_assert(rad_open(&out_in, o.bytes, o.len));
    ck_assert_int_eq(rad_verify_request(&out_in, &key, RAD_MA_REQUIRED), RAD_OK);

    ck_assert(rad_open(&out_in, ans, an));
    ck_assert_int_eq(rad_verify(&out_in, &key, in.authenticator, 0), RAD_OK);
    ck_assert_int_eq(rad_verify(&out_in, &key, in.authenticator, RAD_MA_REQUIRED),
                     RAD_NO_MESSAGE_AUTHENTICATOR);
    uint32_t v;
    ck_assert(rad_find(&out_in, 0, RAD_SERVICE_TYPE, &a) && rad_u32(&a, &v));
    ck_assert_uint_eq(v, RAD_SERVICE_LOGIN);
    ck_assert(rad_find(&in, 0, RAD_USER_PASSWORD, &a));
    uint8_t clear[16];
    ck_assert_int_eq(rad_unhide(&key, in.authenticator, a.p, a.len, clear, sizeof clear), 16);
    ck_assert_mem_eq(clear, "arctangent\0\0\0\0\0\0", 16);
}
END_TEST

START_TEST(rfc2865_7_2)
{
    uint8_t req[128], ans[64];
    struct rad_in in, out_in;
    size_t rn = hex_get(req, sizeof req, "01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2"
        "01 08 66 6c 6f 70 73 79 03 13 16 e9 75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75"
        "04 06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00 02 07 06 00 00 00 01");
    size_t an = hex_get(ans, sizeof ans, "02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4"
        "06 06 00 00 00 02 07 06 00 00 00 01 08 06 ff ff ff fe 0a 06 00 00 00 02"
        "0d 06 00 00 00 01 0c 06 00 00 05 dc");
    ck_assert(rad_open(&in, req, rn) && rad_open(&out_in, ans, an));
    ck_assert_int_eq(rad_verify(&out_in, &key, in.authenticator, 0), RAD_OK);
    ans[40] ^= 1;
    ck_assert_int_eq(rad_verify(&out_in, &key, in.authenticator, 0), RAD_BAD_AUTHENTICATOR);
}
END_TEST

/* ---- writing ---------------------------------------------------------------------------- */

/* Message-Authenticator stands first, whatever follows (Blast-RADIUS). */
START_TEST(requests)
{
    static const uint8_t eap[300] = { [0 ... 299] = 'e' }, zeros[16];
    struct rad_out o;
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    memcpy(o.authenticator, RA, 16);
    rad_put_str(&o, RAD_USER_NAME, "anna");
    rad_put_password(&o, "a password of more than sixteen", 31);
    rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_CHALLENGE, zeros, 16);
    rad_put_long(&o, RAD_EAP_MESSAGE, eap, sizeof eap);
    is_golden("access-request", o.bytes, rad_finish(&o, 7));
    ck_assert_uint_eq(o.bytes[20], RAD_MESSAGE_AUTHENTICATOR);
    ck_assert_uint_gt(rad_finish(&o, 8), 0);        /* again, with another id */
    rad_finish(&o, 7);
    is_golden("access-request", o.bytes, o.len);

    rad_begin(&o, &key, RAD_STATUS_SERVER);
    memcpy(o.authenticator, RA, 16);
    is_golden("status-server", o.bytes, rad_finish(&o, 9));

    rad_begin(&o, &key, RAD_ACCOUNTING_REQUEST);
    rad_put_u32(&o, RAD_ACCT_STATUS_TYPE, RAD_STATUS_START);
    rad_put_str(&o, RAD_ACCT_SESSION_ID, "1");
    is_golden("accounting-request", o.bytes, rad_finish(&o, 3));
    ck_assert_mem_eq(o.authenticator, o.bytes + 4, 16);

    rad_begin(&o, &key, RAD_COA_REQUEST);
    rad_put_str(&o, RAD_ACCT_SESSION_ID, "1");
    rad_put_u32(&o, RAD_SESSION_TIMEOUT, 60);
    is_golden("coa-request", o.bytes, rad_finish(&o, 5));
    rad_finish(&o, 5);                              /* the signature does not sign itself */
    is_golden("coa-request", o.bytes, o.len);
}
END_TEST

START_TEST(answers)
{
    struct rad_out o;
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, RA);
    rad_put_u32(&o, RAD_SERVICE_TYPE, RAD_SERVICE_FRAMED);
    rad_put_str(&o, RAD_CLASS, "class");
    is_golden("access-accept", o.bytes, rad_finish(&o, 7));
    rad_begin_answer(&o, &key, RAD_COA_NAK, RA);
    rad_put_u32(&o, RAD_ERROR_CAUSE, RAD_ERROR_SESSION_NOT_FOUND);
    is_golden("coa-nak", o.bytes, rad_finish(&o, 5));
    rad_begin_answer(&o, &key, RAD_ACCOUNTING_RESPONSE, RA);
    is_golden("accounting-response", o.bytes, rad_finish(&o, 3));
}
END_TEST

START_TEST(two_requests_differ)
{
    struct rad_out a, b;
    rad_begin(&a, &key, RAD_ACCESS_REQUEST);
    rad_begin(&b, &key, RAD_ACCESS_REQUEST);
    ck_assert_mem_ne(a.authenticator, b.authenticator, 16);
}
END_TEST

START_TEST(what_does_not_fit)
{
    static uint8_t big[8000];
    struct rad_out o;
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put(&o, RAD_CLASS, big, 254);
    ck_assert_uint_eq(rad_finish(&o, 0), 0);
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put_long(&o, RAD_EAP_MESSAGE, big, 4026);   /* 15 of 255 and one of 233 octets */
    ck_assert_uint_eq(o.len, 20 + 18 + 15 * 255 + 233);
    rad_put_long(&o, RAD_EAP_MESSAGE, big, 100);
    ck_assert_uint_eq(rad_finish(&o, 0), 0);
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, 1, big, 247);
    ck_assert_uint_eq(o.len, 38 + 255);
    rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, 1, big, 248);
    ck_assert_uint_eq(rad_finish(&o, 0), 0);
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put_password(&o, big, 128);
    ck_assert(rad_finish(&o, 0));
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put_password(&o, big, 129);
    ck_assert(!rad_finish(&o, 0));
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put_tagged(&o, RAD_TUNNEL_CLIENT_ENDPOINT, 1, big, 253);
    ck_assert(!rad_finish(&o, 0));
    /* nothing for nothing */
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);
    rad_put(&o, RAD_STATE, big, 0);
    rad_put_str(&o, RAD_USER_NAME, "");
    rad_put_str(&o, RAD_USER_NAME, NULL);
    rad_put_vendor(&o, 311, 1, big, 0);
    rad_put_tagged(&o, RAD_TUNNEL_CLIENT_ENDPOINT, 1, big, 0);
    ck_assert_uint_eq(o.len, 38);
    /* an empty password is one block */
    rad_put_password(&o, NULL, 0);
    ck_assert_uint_eq(o.len, 38 + 18);
}
END_TEST

/* ---- reading -------------------------------------------------------------------------------- */

START_TEST(verdicts)
{
    uint8_t p[RAD_MAX];
    struct rad_in in;
    static const struct rad_key other = { &crypto_api, (const uint8_t *)"xyzzy5462", 9 };
    uint32_t n = golden("access-accept", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify(&in, &key, RA, RAD_MA_REQUIRED), RAD_OK);
    ck_assert_int_eq(rad_verify(&in, &other, RA, 0), RAD_BAD_AUTHENTICATOR);
    uint8_t ra[16] = { 1 };
    ck_assert_int_eq(rad_verify(&in, &key, ra, 0), RAD_BAD_AUTHENTICATOR);
    /* every single bit counts */
    for (uint32_t i = 0; i < n * 8; i++) {
        p[i / 8] ^= (uint8_t)(1u << i % 8);
        if (rad_open(&in, p, n))
            ck_assert_int_ne(rad_verify(&in, &key, RA, RAD_MA_REQUIRED), RAD_OK);
        p[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    n = golden("accept-without", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify(&in, &key, RA, 0), RAD_OK);
    ck_assert_int_eq(rad_verify(&in, &key, RA, RAD_MA_REQUIRED), RAD_NO_MESSAGE_AUTHENTICATOR);
    /* RFC 3579 section 3.2: EAP never goes without */
    n = golden("challenge-without", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify(&in, &key, RA, 0), RAD_NO_MESSAGE_AUTHENTICATOR);

    n = golden("coa-request", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify_request(&in, &key, RAD_MA_REQUIRED), RAD_OK);
    ck_assert_int_eq(rad_verify_request(&in, &other, 0), RAD_BAD_AUTHENTICATOR);
    n = golden("accounting-request", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify_request(&in, &key, 0), RAD_OK);
    ck_assert_int_eq(rad_verify_request(&in, &key, RAD_MA_REQUIRED), RAD_NO_MESSAGE_AUTHENTICATOR);
    n = golden("status-server", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_int_eq(rad_verify_request(&in, &key, RAD_MA_REQUIRED), RAD_OK);
    ck_assert_int_eq(rad_verify_request(&in, &other, RAD_MA_REQUIRED), RAD_BAD_MESSAGE_AUTHENTICATOR);
}
END_TEST

/* A correct signature and a wrong Message-Authenticator; two of them. */
START_TEST(message_authenticator_is_checked)
{
    struct rad_out o;
    struct rad_in in;
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, RA);
    o.ma_at = 0;                /* its value stays zeros */
    ck_assert(rad_open(&in, o.bytes, rad_finish(&o, 1)));
    ck_assert_int_eq(rad_verify(&in, &key, RA, 0), RAD_BAD_MESSAGE_AUTHENTICATOR);
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, RA);
    rad_put(&o, RAD_MESSAGE_AUTHENTICATOR, RA, 16);
    ck_assert(rad_open(&in, o.bytes, rad_finish(&o, 1)));
    ck_assert_int_eq(rad_verify(&in, &key, RA, 0), RAD_BAD_MESSAGE_AUTHENTICATOR);
    rad_begin_answer(&o, &key, RAD_ACCOUNTING_RESPONSE, RA);
    rad_put(&o, RAD_MESSAGE_AUTHENTICATOR, RA, 15);
    ck_assert(rad_open(&in, o.bytes, rad_finish(&o, 1)));
    ck_assert_int_eq(rad_verify(&in, &key, RA, 0), RAD_BAD_MESSAGE_AUTHENTICATOR);
}
END_TEST

static void walk(const struct rad_in *in)
{
    for (struct rad_attr a = { 0 }; rad_next(in, &a);)
        ck_assert(a.p >= in->p && a.p + a.len <= in->p + in->len);
}

/* Every truncation of every packet, in memory of exactly that size. */
START_TEST(truncations)
{
    static const char *const names[] = { "access-request", "access-accept", "coa-request", "status-server" };
    uint8_t p[RAD_MAX], out[RAD_MAX];
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        uint32_t n = golden(names[k], p, sizeof p);
        for (uint32_t len = 0; len <= n; len++) {
            uint8_t *cut = malloc(len ? len : 1);
            struct rad_in in;
            memcpy(cut, p, len);
            ck_assert_int_eq(rad_open(&in, cut, len), len == n);
            if (len >= 20 && len < n) {         /* and with a length that agrees */
                cut[2] = (uint8_t)(len >> 8);
                cut[3] = (uint8_t)len;
                if (rad_open(&in, cut, len)) {
                    walk(&in);
                    (void)rad_gather(&in, RAD_EAP_MESSAGE, out, sizeof out);
                    ck_assert_int_ne(rad_verify(&in, &key, RA, RAD_MA_REQUIRED), RAD_OK);
                    ck_assert_int_ne(rad_verify_request(&in, &key, RAD_MA_REQUIRED), RAD_OK);
                }
            }
            free(cut);
        }
    }
}
END_TEST

START_TEST(lengths)
{
    uint8_t p[RAD_MAX + 10] = { 2, 1, 0, 20 };
    struct rad_in in;
    ck_assert(rad_open(&in, p, 20));
    ck_assert(rad_open(&in, p, 300));           /* padding: not looked at */
    ck_assert_uint_eq(in.len, 20);
    p[3] = 19;
    ck_assert(!rad_open(&in, p, 20));
    p[3] = 21;
    ck_assert(!rad_open(&in, p, 20));
    ck_assert(!rad_open(&in, p, 21));           /* an attribute of one octet */
    p[3] = 22, p[20] = 1, p[21] = 0;
    ck_assert(!rad_open(&in, p, 22));           /* would never advance */
    p[21] = 1;
    ck_assert(!rad_open(&in, p, 22));
    p[21] = 3;
    ck_assert(!rad_open(&in, p, 22));           /* past the end */
    p[21] = 2;
    ck_assert(rad_open(&in, p, 22));            /* empty: nonsense, but it has a frame */
    p[2] = 0x10, p[3] = 1;
    ck_assert(!rad_open(&in, p, 4097));
    ck_assert(!rad_open(&in, NULL, 0));
}
END_TEST

static void expect(const struct rad_in *in, struct rad_attr *a, uint32_t vendor, uint32_t type,
                   uint32_t len, bool bad)
{
    ck_assert(rad_next(in, a));
    ck_assert_int_eq(a->bad, bad);
    if (!bad) {
        ck_assert_uint_eq(a->vendor, vendor);
        ck_assert_uint_eq(a->type, type);
        ck_assert_uint_eq(a->len, len);
    }
}

/* Several attributes in one Vendor-Specific; malformed ones hide nothing after them. */
START_TEST(vendors)
{
    uint8_t p[512];
    struct rad_in in;
    struct rad_attr a = { 0 };
    uint32_t v, n = (uint32_t)hex_get(p, sizeof p, "02 01 00 00 00000000000000000000000000000000"
        "1a 12 00000137 07 06 00000002 08 06 00000004"      /* two in one */
        "06 06 00000002"
        "1a 0f 00000137 07 06 00000001 08 ff 01"            /* the second is longer than all */
        "1a 09 00000137 07 01 00"                           /* would never advance */
        "1a 07 00000137 07"                                 /* no length octet */
        "1a 06 00000137"                                    /* nothing inside */
        "1a 04 0001"                                        /* not even a vendor */
        "1a 0c 00000000 01 06 616e6e61"                     /* vendor 0 is none */
        "1a 08 00000009 01 02"                              /* empty */
        "19 05 616263");
    p[3] = (uint8_t)n;
    ck_assert(rad_open(&in, p, n));
    expect(&in, &a, 311, 7, 4, false);
    ck_assert(rad_u32(&a, &v) && v == 2);
    expect(&in, &a, 311, 8, 4, false);
    expect(&in, &a, 0, RAD_SERVICE_TYPE, 4, false);
    expect(&in, &a, 311, 7, 4, false);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 0, 0, 0, true);
    expect(&in, &a, 9, 1, 0, false);
    expect(&in, &a, 0, RAD_CLASS, 3, false);
    ck_assert(!rad_u32(&a, &v));
    ck_assert(!rad_next(&in, &a));
    ck_assert(rad_find(&in, 0, RAD_CLASS, &a));
    ck_assert(!rad_find(&in, 0, RAD_USER_NAME, &a));        /* that of vendor 0 is nobody's */
}
END_TEST

START_TEST(gathering)
{
    uint8_t p[RAD_MAX], out[300];
    struct rad_in in;
    uint32_t n = golden("access-request", p, sizeof p);
    ck_assert(rad_open(&in, p, n));
    ck_assert_uint_eq(rad_gather(&in, RAD_EAP_MESSAGE, out, 300), 300);
    for (uint32_t i = 0; i < 300; i++)
        ck_assert_uint_eq(out[i], 'e');
    ck_assert_uint_eq(rad_gather(&in, RAD_EAP_MESSAGE, out, 299), 0);
    ck_assert_uint_eq(rad_gather(&in, RAD_STATE, out, 300), 0);
}
END_TEST

START_TEST(hidden_values)
{
    uint8_t p[300], out[64], want[32];
    uint32_t n = golden("salted-16", p, sizeof p);
    for (uint8_t i = 0; i < 16; i++)
        want[i] = (uint8_t)(0x30 + i);
    ck_assert_int_eq(rad_unsalt(&key, RA, p, n, out, sizeof out), 16);
    ck_assert_mem_eq(out, want, 16);
    ck_assert_int_eq(rad_unsalt(&key, RA, p, n, out, 15), -1);
    n = golden("salted-32", p, sizeof p);
    for (uint8_t i = 0; i < 32; i++)
        want[i] = (uint8_t)(0x40 + i);
    ck_assert_int_eq(rad_unsalt(&key, RA, p, n, out, 32), 32);
    ck_assert_mem_eq(out, want, 32);
    for (uint32_t len = 0; len < n; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, p, len);
        (void)rad_unsalt(&key, RA, cut, len, out, 32);      /* whole blocks: whatever; else refused */
        ck_assert(len > 2 && (len - 2) % 16 == 0 ? 1 : rad_unsalt(&key, RA, cut, len, out, 32) == -1);
        free(cut);
    }
    n = golden("salted-too-long", p, sizeof p);
    ck_assert_int_eq(rad_unsalt(&key, RA, p, n, out, 32), -1);
    memset(p, 0xee, sizeof p);
    ck_assert_int_eq(rad_unsalt(&key, RA, p, 2 + 16 * 16, out, 32) < 33, 1);
    n = golden("mppe-keys", p, sizeof p);
    for (uint8_t i = 0; i < 24; i++)
        want[i] = (uint8_t)(0x60 + i);
    ck_assert_int_eq(rad_unhide(&key, RA, p, n, out, sizeof out), 32);
    ck_assert_mem_eq(out, want, 24);
    ck_assert_int_eq(rad_unhide(&key, RA, p, n, out, 31), -1);
    ck_assert_int_eq(rad_unhide(&key, RA, p, n - 1, out, sizeof out), -1);
    ck_assert_int_eq(rad_unhide(&key, RA, p, 0, out, sizeof out), -1);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        rfc2865_7_1, rfc2865_7_2, requests, answers, two_requests_differ, what_does_not_fit,
        verdicts, message_authenticator_is_checked, truncations, lengths, vendors, gathering,
        hidden_values, NULL
    };
    return unit_suite("rad_msg", tests);
}

UNIT_MAIN(suite)
