/* test_ike_msg.c - messages of IKEv1 as bytes, what Windows and Apple offer, proposals. */
#include "hex.h"
#include "ike_walk.h"
#include "unit.h"

static const struct ike_hdr hdr = { .cookie_i = "iiiiiii", .cookie_r = "rrrrrrr",
                                    .exchange = IKE_X_MAIN, .message_id = 0x01020304 };

static struct ike_payload of(const uint8_t *p, size_t n)
{
    return (struct ike_payload){ .body = p, .len = (uint16_t)n };
}

/* ---- header and chain --------------------------------------------------------------- */

START_TEST(a_message_is_a_chain)
{
    uint8_t buf[128];
    struct ike_msg m;
    struct ike_out o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_payload(&o, IKE_P_NONCE, "nonce", 5);
    ike_out_begin(&o, IKE_P_VID);
    wr_bytes(&o.w, "v", 1);
    ike_out_end(&o);
    ike_out_payload(&o, IKE_P_NONCE, NULL, 0);
    ck_assert_uint_eq(ike_out_done(&o), 46);
    hex_eq(buf, 46u, "69696969696969 00 72727272727272 00 0a 10 02 00 01020304 0000002e"
                     "0d 00 0009 6e6f6e6365  0a 00 0005 76  00 00 0004");
    ck_assert_int_eq(ike_msg_parse(&m, buf, sizeof buf), IKE_MSG_OK);     /* what follows is cut off */
    ck_assert_uint_eq(m.len, 46);
    ck_assert_uint_eq(m.count, 3);
    ck_assert_uint_eq(m.hdr.message_id, 0x01020304);
    ck_assert_ptr_eq(ike_msg_find(&m, IKE_P_NONCE, 1), &m.p[2]);
    ck_assert_ptr_null(ike_msg_find(&m, IKE_P_NONCE, 2));
    ck_assert_ptr_null(ike_msg_find(&m, IKE_P_KE, 0));
    ck_assert_mem_eq(m.p[0].body, "nonce", 5);
    ck_assert_ptr_eq(m.p[0].whole + 4, m.p[0].body);
    ck_assert_uint_eq(m.p[2].len, 0);
    ike_walk(buf, 46);
}
END_TEST

static enum ike_msg_bad parse(const char *hex)
{
    uint8_t buf[512], *p;
    struct ike_msg m;
    size_t n = hex_get(buf, sizeof buf, hex);
    p = malloc(n ? n : 1);
    memcpy(p, buf, n);
    ike_walk(p, n);
    enum ike_msg_bad bad = ike_msg_parse(&m, p, n);
    free(p);
    return bad;
}

#define COOKIES "1111111111111111 2222222222222222"

START_TEST(wrong_headers_and_chains)
{
    ck_assert_int_eq(parse(""), IKE_MSG_SHORT);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 000000"), IKE_MSG_SHORT);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 0000001c"), IKE_MSG_OK);
    ck_assert_int_eq(parse(COOKIES "00 20 22 08 00000000 0000001c"), IKE_MSG_VERSION);   /* IKEv2 */
    ck_assert_int_eq(parse(COOKIES "00 11 02 00 00000000 0000001c"), IKE_MSG_VERSION);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 0000001b"), IKE_MSG_LENGTH);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 0000001d"), IKE_MSG_LENGTH);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 ffffffff"), IKE_MSG_LENGTH);
    ck_assert_int_eq(parse(COOKIES "00 10 02 00 00000000 0000001d 00"), IKE_MSG_CHAIN);
    ck_assert_int_eq(parse(COOKIES "00 10 02 01 00000000 0000001d 00"), IKE_MSG_OK);     /* padding */
    ck_assert_int_eq(parse(COOKIES "04 10 02 00 00000000 0000001c"), IKE_MSG_CHAIN);
    ck_assert_int_eq(parse(COOKIES "04 10 02 00 00000000 00000020 00000003"), IKE_MSG_CHAIN);
    ck_assert_int_eq(parse(COOKIES "04 10 02 00 00000000 00000020 00000005"), IKE_MSG_CHAIN);
    ck_assert_int_eq(parse(COOKIES "04 10 02 00 00000000 00000020 00010004"), IKE_MSG_CHAIN);
    ck_assert_int_eq(parse(COOKIES "04 10 02 00 00000000 00000020 00000004"), IKE_MSG_OK);
    ck_assert_int_eq(parse(COOKIES "f0 10 f7 00 00000000 00000020 00000004"), IKE_MSG_OK); /* unknown ones */
}
END_TEST

START_TEST(a_message_has_at_most_48_payloads)
{
    uint8_t buf[28 + 49 * 4];
    struct ike_msg m;
    struct ike_out o = ike_out_of(buf, sizeof buf, &hdr);
    for (uint32_t i = 0; i < IKE_PAYLOADS; i++)
        ike_out_payload(&o, IKE_P_VID, NULL, 0);
    ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_OK);
    ike_out_payload(&o, IKE_P_VID, NULL, 0);
    ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_CHAIN);
    ck_assert_uint_eq(m.count, IKE_PAYLOADS);
    ike_out_payload(&o, IKE_P_VID, NULL, 0);            /* no room any more */
    ck_assert_uint_eq(ike_out_done(&o), 0);
    for (size_t n = 0; n < IKE_HDR_LEN; n++) {
        o = ike_out_of(buf, n, &hdr);
        ike_out_payload(&o, IKE_P_VID, "x", 1);
        ck_assert_uint_eq(ike_out_done(&o), 0);
    }
}
END_TEST

/* ---- SA ----------------------------------------------------------------------------------- */

static struct ike_offer f;
static bool bad;

/* The first proposal of an SA payload's body in hex. */
static bool offer(const char *hex)
{
    uint8_t buf[4096], *p;
    size_t n = hex_get(buf, sizeof buf, hex), at = 0;
    p = malloc(n ? n : 1);
    memcpy(p, buf, n);
    struct ike_payload sa = of(p, n);
    bool ok = ike_offer_next(&sa, &at, &f, &bad);
    walk_sa(&sa);
    for (size_t k = 0; k < n; k++) {
        uint8_t *part = malloc(k ? k : 1);
        memcpy(part, p, k);
        struct ike_payload cut = of(part, k);
        walk_sa(&cut);
        free(part);
    }
    free(p);                    /* f.spi is not looked at */
    return ok;
}

static void is_phase1(uint32_t i, uint32_t cipher, uint32_t bits, uint32_t hash, uint32_t group,
                      uint32_t life)
{
    const struct ike_transform *t = &f.t[i];
    ck_assert_uint_eq(t->number, i + 1);
    ck_assert_uint_eq(t->id, 1);
    ck_assert_uint_eq(t->cipher, cipher);
    ck_assert_uint_eq(t->key_bits, bits);
    ck_assert_uint_eq(t->hash, hash);
    ck_assert_uint_eq(t->group, group);
    ck_assert_uint_eq(t->auth, IKE_AUTH_PSK);
    ck_assert_uint_eq(t->life_s, life);
    ck_assert(!t->odd);
}

/* Is it in our default table? */
static bool by_default(const struct ike_transform *t)
{
    struct ike_proposal p;
    char why[128];
    for (uint32_t i = 0; ike_default_proposals[i]; i++)
        if (ike_proposal_parse(ike_default_proposals[i], &p, why, sizeof why) &&
            p.cipher == ike_cipher_of(t->cipher, t->key_bits) && p.hash == ike_hash_of(t->hash) &&
            p.group == ike_group_of(t->group))
            return true;
    return false;
}

#define W_LIFE "800b0001 000c0004 00007080"

/* Windows 10 and 11, with a pre-shared key: its list, its order of attributes,
 * its lifetime as four bytes. */
START_TEST(W4_phase_1_of_windows)
{
    ck_assert(offer("00000001 00000001  0000 00c8 01 01 00 05"
                    "0300 0028 0101 0000 80010007 800e0100 80020002 80040014 80030001" W_LIFE
                    "0300 0028 0201 0000 80010007 800e0080 80020002 80040013 80030001" W_LIFE
                    "0300 0028 0301 0000 80010007 800e0100 80020002 8004000e 80030001" W_LIFE
                    "0300 0024 0401 0000 80010005 80020002 8004000e 80030001" W_LIFE
                    "0000 0024 0501 0000 80010005 80020002 80040002 80030001" W_LIFE));
    ck_assert_uint_eq(f.number, 1);
    ck_assert_uint_eq(f.protocol, IKE_PROTO_ISAKMP);
    ck_assert_uint_eq(f.count, 5);
    is_phase1(0, IKE_AES_CBC, 256, IKE_SHA1, 20, 28800);
    is_phase1(1, IKE_AES_CBC, 128, IKE_SHA1, 19, 28800);
    is_phase1(2, IKE_AES_CBC, 256, IKE_SHA1, 14, 28800);
    is_phase1(3, IKE_3DES, 0, IKE_SHA1, 14, 28800);
    is_phase1(4, IKE_3DES, 0, IKE_SHA1, 2, 28800);
    static const bool ours[] = { true, true, true, false, false };
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_int_eq(by_default(&f.t[i]), ours[i]);
    /* W5: XP's 3DES is known, and taken when the configuration names it */
    ck_assert(ike_cipher_of(f.t[4].cipher, f.t[4].key_bits)->weak && ike_group_of(2)->weak);
}
END_TEST

#define W_QM "80010001 00020004 00000e10 80010002 00020004 0003d090"

/* One proposal a transform, an SPI each; seconds and kilobytes; no PFS. */
START_TEST(W7_quick_mode_of_windows)
{
    static const struct { uint32_t id, bits, auth; } want[] = {
        { ESP_AES_CBC, 256, ESP_HMAC_SHA1 }, { ESP_AES_CBC, 128, ESP_HMAC_SHA1 },
        { ESP_3DES, 0, ESP_HMAC_SHA1 }, { 2 /* DES */, 0, ESP_HMAC_SHA1 },
        { 11 /* NULL */, 0, ESP_HMAC_SHA1 }, { 2 /* AH: SHA */, 0, ESP_HMAC_SHA1 },
    };
    uint8_t buf[1024];
    size_t n = hex_get(buf, sizeof buf,
                       "00000001 00000001"
                       "0200 0038 01 03 04 01 0a0b0c0d  0000 002c 010c 0000" W_QM "80040004 80060100 80050002"
                       "0200 0038 02 03 04 01 0a0b0c0d  0000 002c 010c 0000" W_QM "80040004 80060080 80050002"
                       "0200 0034 03 03 04 01 0a0b0c0d  0000 0028 0103 0000" W_QM "80040004 80050002"
                       "0200 0034 04 03 04 01 0a0b0c0d  0000 0028 0102 0000" W_QM "80040004 80050002"
                       "0200 0034 05 03 04 01 0a0b0c0d  0000 0028 010b 0000" W_QM "80040004 80050002"
                       "0000 0034 06 02 04 01 0a0b0c0d  0000 0028 0102 0000" W_QM "80040004 80050002");
    struct ike_payload sa = of(buf, n);
    size_t at = 0;
    uint32_t count = 0;
    for (; ike_offer_next(&sa, &at, &f, &bad); count++) {
        ck_assert_uint_eq(f.number, count + 1);
        ck_assert_uint_eq(f.protocol, count == 5 ? 2 : IKE_PROTO_ESP);
        ck_assert_uint_eq(f.spi_len, 4);
        ck_assert_uint_eq(f.count, 1);
        hex_eq(f.spi, 4u, "0a0b0c0d");
        ck_assert_uint_eq(f.t[0].id, want[count].id);
        ck_assert_uint_eq(f.t[0].key_bits, want[count].bits);
        ck_assert_uint_eq(f.t[0].esp_auth, want[count].auth);
        ck_assert_uint_eq(f.t[0].encap, IKE_ENCAP_UDP_TRANSPORT);
        ck_assert_uint_eq(f.t[0].life_s, 3600);
        ck_assert_uint_eq(f.t[0].life_kb, 250000);
        ck_assert_uint_eq(f.t[0].group, 0);
        ck_assert(!f.t[0].odd);
    }
    ck_assert(!bad);
    ck_assert_uint_eq(count, 6);
    walk_sa(&sa);
}
END_TEST

START_TEST(W9_vendor_ids_and_nat_oa_of_windows)
{
    uint8_t buf[512];
    struct ike_msg m;
    size_t n = hex_get(buf, sizeof buf,
                       COOKIES "0d 10 02 00 00000000 000000a8"
                       "0d000018 1e2b516905991c7d7c96fcbfb587e461 00000009"
                       "0d000014 4a131c81070358455c5728f20e95452f"
                       "0d000014 90cb80913ebb696e086381b5ec427b1f"
                       "0d000014 4048b7d56ebce88525e7de7f00d6c2d3"
                       "0d000014 fb1de3cdf341b7ea16b7e5be0855f120"    /* MS-Negotiation Discovery */
                       "0d000014 26244d38eddb61b3172a36e3d0cfb819"    /* Vid-Initial-Contact */
                       "00000014 e3a5966a76379fe707228231e5ce8652");  /* IKE CGA version 1 */
    static const uint32_t want[] = { IKE_V_MS_NT5, IKE_V_RFC3947, IKE_V_NAT_02N, IKE_V_FRAGMENTATION,
                                     0, 0, 0 };
    buf[27] = (uint8_t)n;
    ck_assert_int_eq(ike_msg_parse(&m, buf, n), IKE_MSG_OK);
    ck_assert_uint_eq(m.count, 7);
    for (uint32_t i = 0; i < 7; i++)
        ck_assert_uint_eq(ike_vid_of(&m.p[i]), want[i]);
    ike_walk(buf, n);

    struct ike_nat_oa oa;
    n = hex_get(buf, sizeof buf, "01000000 c0a80117");
    struct ike_payload p = of(buf, n);
    ck_assert(ike_nat_oa_read(&p, &oa));
    hex_eq(oa.data, oa.len, "c0a80117");
    p = of(buf, n - 1);
    ck_assert(!ike_nat_oa_read(&p, &oa));
    buf[0] = IKE_ID_FQDN;
    p = of(buf, n);
    ck_assert(!ike_nat_oa_read(&p, &oa));
}
END_TEST

/* macOS and iOS: AES-256 with four hashes and three groups, AES-128, 3DES; the
 * lifetime first, as racoon writes it. */
START_TEST(M5_phase_1_of_apple)
{
    static const uint32_t list[][4] = {
        { 7, 256, IKE_SHA256, 14 }, { 7, 256, IKE_SHA1, 14 },  { 7, 256, IKE_MD5, 14 },
        { 7, 256, IKE_SHA512, 14 }, { 7, 256, IKE_SHA256, 5 }, { 7, 256, IKE_SHA1, 5 },
        { 7, 256, IKE_MD5, 5 },     { 7, 256, IKE_SHA256, 2 }, { 7, 256, IKE_SHA1, 2 },
        { 7, 256, IKE_MD5, 2 },     { 7, 128, IKE_SHA1, 2 },   { 7, 128, IKE_MD5, 2 },
        { 5, 0, IKE_SHA1, 2 },      { 5, 0, IKE_MD5, 2 },
    };
    enum { N = sizeof list / sizeof list[0] };
    char hex[4096];
    size_t n = 0, bytes = 8;
    for (uint32_t i = 0; i < N; i++)
        bytes += list[i][1] ? 36 : 32;
    n += (size_t)sprintf(hex, "0000000100000001 0000%04zx 010100%02x", bytes, (unsigned)N);
    for (uint32_t i = 0; i < N; i++) {
        n += (size_t)sprintf(hex + n, "%02x00%04x %02x010000 800b0001800c0e10 8001%04x", i + 1 < N ? 3 : 0,
                             list[i][1] ? 36u : 32u, i + 1, list[i][0]);
        if (list[i][1])
            n += (size_t)sprintf(hex + n, "800e%04x", list[i][1]);
        n += (size_t)sprintf(hex + n, "80030001 8002%04x 8004%04x", list[i][2], list[i][3]);
    }
    ck_assert(offer(hex));
    ck_assert_uint_eq(f.count, N);
    for (uint32_t i = 0; i < N; i++)
        is_phase1(i, list[i][0], list[i][1], list[i][2], list[i][3], 3600);
    ck_assert(by_default(&f.t[0]));             /* AES-256, SHA-256, MODP 2048 is the choice */
    for (uint32_t i = 4; i < N; i++)
        ck_assert(!by_default(&f.t[i]));
}
END_TEST

/* A10: an old Android's AES-256, SHA2-384, MODP 1024 is known, and not by default. */
START_TEST(A10_old_android)
{
    ck_assert(offer("00000001 00000001 0000002c 01010001 00000024 01010000"
                    "80010007 800e0100 80020005 80040002 80030001 800b0001 800c7080"));
    is_phase1(0, IKE_AES_CBC, 256, IKE_SHA384, 2, 28800);
    ck_assert(!by_default(&f.t[0]));
}
END_TEST

#define T1 "80010007 800e0100 80020002 8004000e 80030001"      /* 20 bytes */
static bool one(const char *attrs, unsigned len)
{
    char hex[256];
    snprintf(hex, sizeof hex, "00000001 00000001 0000%04x 01010001 0000%04x 01010000 %s", len + 16,
             len + 8, attrs);
    return offer(hex);
}

START_TEST(attributes_that_are_odd)
{
    ck_assert(one(T1, 20));
    ck_assert(!f.t[0].odd);
    ck_assert_uint_eq(f.t[0].life_s, 0);
    ck_assert(one(T1 "800d0001", 24) && f.t[0].odd);                    /* a PRF */
    ck_assert(one(T1 "80050001", 24) && f.t[0].odd);                    /* a group type */
    ck_assert(one(T1 "c0010001", 24) && f.t[0].odd);                    /* private */
    ck_assert(one(T1 "8004000e", 24) && !f.t[0].odd);                   /* twice the same */
    ck_assert(one(T1 "80040002", 24) && f.t[0].odd);                    /* two groups */
    ck_assert(one(T1 "800c0e10", 24) && f.t[0].odd);                    /* a life of what? */
    ck_assert(one(T1 "800b0003 800c0e10", 28) && f.t[0].odd);
    ck_assert(one(T1 "800b0001 800c0000", 28) && f.t[0].odd);
    ck_assert(one(T1 "800b0001 800c0e10 800b0001 800c0e11", 36) && f.t[0].odd);
    ck_assert(one(T1 "800b0001 800c0e10 800b0002 800c0e11", 36) && !f.t[0].odd);
    ck_assert_uint_eq(f.t[0].life_s, 3600);
    ck_assert_uint_eq(f.t[0].life_kb, 3601);
    ck_assert(one(T1 "800b0001 000c0008 0000000100000000", 36) && !f.t[0].odd);
    ck_assert_uint_eq(f.t[0].life_s, 1ull << 32);
    ck_assert(one(T1 "800b0001 000c0009 010000000000000000", 37) && !f.t[0].odd);
    ck_assert_uint_eq(f.t[0].life_s, UINT64_MAX);
    ck_assert(one(T1 "800b0001 000c0000", 28) && f.t[0].odd);
    ck_assert(one("00010002 0007" T1, 26) && !f.t[0].odd);              /* any attribute may be long */
    ck_assert(one("00010008 0000000100000007", 12));
    ck_assert_uint_eq(f.t[0].cipher, UINT32_MAX);
    ck_assert(!one(T1 "000c0004 0000", 26) && bad);                     /* cut */
    ck_assert(!one(T1 "80", 21) && bad);
}
END_TEST

START_TEST(proposals_that_are_malformed)
{
    const char *t = "00000008 01010000";
    char hex[2048];
    ck_assert(offer("00000001 00000001 00000010 01010001 00000008 01010000"));
    ck_assert(!offer("00000002 00000001 00000010 01010001 00000008 01010000") && bad);  /* DOI */
    ck_assert(!offer("00000001 00000002 00000010 01010001 00000008 01010000") && bad);  /* situation */
    ck_assert(!offer("00000001 00000001") && bad);
    ck_assert(!offer("00000001 00000001 0000000f 01010001 00000008 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000011 01010001 00000008 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000003 01010001 00000008 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000008 01010000") && bad);                    /* no transform */
    ck_assert(!offer("00000001 00000001 00000010 01010002 00000008 01010000") && bad);  /* too few */
    ck_assert(!offer("00000001 00000001 00000010 01010001 03000008 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000018 01010001 03000008 01010000 00000008 02010000") && bad);
    ck_assert(!offer("00000001 00000001 00000010 01010001 00000007 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000010 01010001 00000003 01010000") && bad);
    ck_assert(!offer("00000001 00000001 02000010 01010001 00000008 01010000") && bad);  /* no next one */
    ck_assert(!offer("00000001 00000001 01000010 01010001 00000008 01010000") && bad);
    ck_assert(!offer("00000001 00000001 00000010 01010001 00000008 01010000 00") && bad);
    ck_assert(!offer("00000001 00000001 00000010 0101ff01 00000008 01010000") && bad);  /* an SPI that long */
    /* more transforms than are kept: counted, cut off */
    size_t n = (size_t)sprintf(hex, "00000001 00000001 0000%04x 01010046", 8 + 70 * 8);
    for (int i = 0; i < 70; i++)
        n += (size_t)sprintf(hex + n, "%s%s", i < 69 ? "03" : "00", t + 2);
    ck_assert(offer(hex));
    ck_assert_uint_eq(f.count, IKE_TRANSFORMS);
}
END_TEST

START_TEST(proposals_are_written_as_they_are_read)
{
    uint8_t buf[512];
    struct ike_msg m;
    size_t at = 0;
    const struct ike_transform t[] = {
        { .cipher = IKE_AES_CBC, .key_bits = 256, .hash = IKE_SHA256, .group = 14,
          .auth = IKE_AUTH_PSK, .life_s = 28800 },
        { .cipher = IKE_3DES, .key_bits = 192, .hash = IKE_SHA1, .group = 2, .auth = IKE_AUTH_RSA,
          .life_s = 86400, .life_kb = 1ull << 40 },
    };
    struct ike_out o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_begin(&o, IKE_P_SA);
    ike_out_sa_phase1(&o, t, 2, 1);
    ike_out_end(&o);
    ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_OK);
    hex_eq(m.p[0].body, m.p[0].len,
           "00000001 00000001  0000005c 01010002"
           "03000024 01010000 80010007 800e0100 80020004 8004000e 80030001 800b0001 800c7080"
           "00000030 02010000 80010005 80020002 80040002 80030003 800b0001 000c0004 00015180"
           "                  800b0002 000c0004 ffffffff");
    ck_assert(ike_offer_next(&m.p[0], &at, &f, &bad));
    ck_assert_uint_eq(f.t[1].life_kb, UINT32_MAX);

    const struct ike_transform e = { .number = 7, .id = ESP_AES_CBC, .key_bits = 128,
                                     .esp_auth = ESP_HMAC_SHA1, .encap = IKE_ENCAP_UDP_TRANSPORT_DRAFT,
                                     .group = 14, .life_s = 3600, .life_kb = 250000 };
    o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_begin(&o, IKE_P_SA);
    ike_out_sa_esp(&o, &e, 1, 3, 0xc0ffee01);
    ike_out_end(&o);
    ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_OK);
    hex_eq(m.p[0].body, m.p[0].len,
           "00000001 00000001  00000038 03030401 c0ffee01"
           "0000002c 070c0000 80010001 80020e10 80010002 00020004 0003d090 8003000e 8004f004 80050002"
           "80060080");
    o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_begin(&o, IKE_P_SA);
    ike_out_sa_esp(&o, &e, 0, 3, 1);
    ike_out_end(&o);
    ck_assert_uint_eq(ike_out_done(&o), 0);             /* nothing to offer */
}
END_TEST

/* ---- other payloads ------------------------------------------------------------------------- */

static const char *id_text(const char *hex)
{
    static char text[128];
    uint8_t buf[256];
    struct ike_payload p = of(buf, hex_get(buf, sizeof buf, hex));
    struct ike_id id;
    text[0] = '\0';
    if (!ike_id_read(&p, &id))
        return "malformed";
    ike_id_text(&id, text, sizeof text);
    return text;
}

START_TEST(identities_are_printable)
{
    ck_assert_str_eq(id_text("01 00 0000 c6336401"), "198.51.100.1");
    ck_assert_str_eq(id_text("01 11 06a5 c6336401"), "198.51.100.1");
    ck_assert_str_eq(id_text("01 00 0000 c63364"), "malformed");
    ck_assert_str_eq(id_text("04 00 0000 c6336400 ffffff00"), "198.51.100.0/255.255.255.0");
    ck_assert_str_eq(id_text("05 00 0000 20010db8000000000000000000000001"), "2001:db8::1");
    ck_assert_str_eq(id_text("06 00 0000 20010db8000000000000000000000000 ffffffff000000000000000000000000"),
                     "2001:db8::/ffff:ffff::");
    ck_assert_str_eq(id_text("02 00 0000 76706e2e61"), "vpn.a");
    ck_assert_str_eq(id_text("02 00 0000 76006e 0a 22 5c 20 ff"), "v?n?????");
    ck_assert_str_eq(id_text("03 00 0000 614062"), "a@b");
    ck_assert_str_eq(id_text("02 00 0000"), "malformed");
    ck_assert_str_eq(id_text("0b 00 0000 67726f7570"), "group");
    ck_assert_str_eq(id_text("0b 00 0000 0102"), "0x0102");
    ck_assert_str_eq(id_text("2a 00 0000 61"), "0x61");
    ck_assert_str_eq(id_text("09 00 0000 3011 310f 300d 0603550403 0c06 612c620a2063"), "CN=a\\,b\\0A c");
    ck_assert_str_eq(id_text("09 00 0000 301d 310b 3009 0603550406 1302 4445 310e 300c 0603550403 0c05 6120623d63"),
                     "C=DE, CN=a b=c");
    ck_assert_str_eq(id_text("09 00 0000 3000"), "0x3000");
    ck_assert_str_eq(id_text("09 00 0000 1234"), "0x1234");
    ck_assert_str_eq(id_text("09 00 0000 300d 310b 3009 0603550406 1302 4445 00"),
                     "0x300d310b300906035504061302444500");        /* something behind it */
    char tiny[8];
    struct ike_id id = { .type = IKE_ID_FQDN, .data = (const uint8_t *)"vpn.example.org", .len = 15 };
    ike_id_text(&id, tiny, sizeof tiny);
    ck_assert_str_eq(tiny, "vpn.exa");
    ike_id_text(&id, tiny, 1);
    ck_assert_str_eq(tiny, "");
    ike_id_text(&id, NULL, 0);
}
END_TEST

START_TEST(payloads_are_written_as_they_are_read)
{
    uint8_t buf[512];
    struct ike_msg m;
    struct ike_id id = { .type = IKE_ID_IPV4, .protocol = 17, .port = 1701,
                         .data = (const uint8_t *)"\306\063\144\001", .len = 4 };
    struct ike_notify nt;
    struct ike_delete d;
    struct ike_fragment fr;
    struct ike_nat_oa oa;
    struct adit_addr v4 = { .family = ADIT_AF_IPV4, .ip = { 192, 168, 1, 23 } };
    struct adit_addr v6 = { .family = ADIT_AF_IPV6, .ip = { 0x20, 1 } };
    struct ike_out o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_begin(&o, IKE_P_ID);
    ike_out_id(&o, &id);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_NOTIFY);
    ike_out_notify(&o, IKE_PROTO_ISAKMP, IKE_N_R_U_THERE, "0123456789abcdef", 16, "\0\0\0\1", 4);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_DELETE);
    ike_out_delete(&o, IKE_PROTO_ESP, "aaaabbbb", 4, 2);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_FRAGMENT);
    ike_out_fragment(&o, 9, 2, true, "data", 4);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_NAT_OA);
    ike_out_nat_oa(&o, &v4);
    ike_out_end(&o);
    ike_out_begin(&o, IKE_P_NAT_OA);
    ike_out_nat_oa(&o, &v6);
    ike_out_end(&o);
    ck_assert_int_eq(ike_msg_parse(&m, buf, ike_out_done(&o)), IKE_MSG_OK);
    ck_assert_uint_eq(m.count, 6);
    hex_eq(m.p[0].body, m.p[0].len, "01 11 06a5 c6336401");
    hex_eq(m.p[1].body, m.p[1].len, "00000001 01 10 8d28 30313233343536373839616263646566 00000001");
    hex_eq(m.p[2].body, m.p[2].len, "00000001 03 04 0002 61616161 62626262");
    hex_eq(m.p[3].body, m.p[3].len, "0009 02 01 64617461");
    hex_eq(m.p[4].body, m.p[4].len, "01000000 c0a80117");
    ck_assert_uint_eq(m.p[5].len, 20);
    ck_assert(ike_notify_read(&m.p[1], &nt) && nt.type == IKE_N_R_U_THERE && nt.spi_len == 16 &&
              nt.data_len == 4 && nt.doi == 1 && nt.protocol == 1);
    ck_assert(ike_delete_read(&m.p[2], &d) && d.count == 2 && d.spi_len == 4 && d.protocol == 3);
    ck_assert(ike_fragment_read(&m.p[3], &fr) && fr.id == 9 && fr.number == 2 && fr.last && fr.len == 4);
    ck_assert(ike_nat_oa_read(&m.p[5], &oa) && oa.type == IKE_ID_IPV6);
    ike_walk(buf, m.len);
    o = ike_out_of(buf, sizeof buf, &hdr);
    ike_out_begin(&o, IKE_P_NOTIFY);
    ike_out_notify(&o, 1, 1, buf, 256, NULL, 0);
    ike_out_end(&o);
    ck_assert_uint_eq(ike_out_done(&o), 0);             /* no SPI is that long */
}
END_TEST

START_TEST(malformed_notify_delete_fragment)
{
    uint8_t buf[64];
    struct ike_notify nt;
    struct ike_delete d;
    struct ike_fragment fr;
    struct ike_payload p;
#define BODY(hex) (p = of(buf, hex_get(buf, sizeof buf, hex)), &p)
    ck_assert(ike_notify_read(BODY("00000001 01 00 000e"), &nt));
    ck_assert(!ike_notify_read(BODY("00000001 01 00 00"), &nt));
    ck_assert(!ike_notify_read(BODY("00000001 01 04 000e 010203"), &nt));
    ck_assert(ike_delete_read(BODY("00000001 03 04 0001 01020304"), &d));
    ck_assert(!ike_delete_read(BODY("00000001 03 04 0001 010203"), &d));
    ck_assert(!ike_delete_read(BODY("00000001 03 04 0001 0102030405"), &d));
    ck_assert(!ike_delete_read(BODY("00000001 03 04 0000"), &d));
    ck_assert(!ike_delete_read(BODY("00000001 03 00 ffff"), &d));
    ck_assert(!ike_delete_read(BODY("00000001 03 ff ffff 00"), &d));
    ck_assert(ike_fragment_read(BODY("0001 01 00 aa"), &fr) && !fr.last);
    ck_assert(!ike_fragment_read(BODY("0001 00 00 aa"), &fr));
    ck_assert(!ike_fragment_read(BODY("0001 01 01"), &fr));
    ck_assert(!ike_fragment_read(BODY("0001 01"), &fr));
}
END_TEST

START_TEST(every_vendor_id_is_known_again)
{
    for (uint32_t bit = 1; bit <= IKE_V_APPLE; bit <<= 1) {
        uint16_t len;
        const uint8_t *b = ike_vid_bytes(bit, &len);
        ck_assert_ptr_nonnull(b);
        struct ike_payload p = of(b, len);
        ck_assert_uint_eq(ike_vid_of(&p), bit);
        p.len = 7;
        ck_assert_uint_eq(ike_vid_of(&p), 0);
        p.len = 0;
        ck_assert_uint_eq(ike_vid_of(&p), 0);
    }
    uint16_t len;
    ck_assert_ptr_null(ike_vid_bytes(0x800, &len));
}
END_TEST

START_TEST(everything_has_a_name)
{
    ck_assert_str_eq(ike_exchange_name(IKE_X_MAIN), "main mode");
    ck_assert_str_eq(ike_payload_name(IKE_P_NAT_D_DRAFT), "NAT-D");
    ck_assert_str_eq(ike_notify_name(IKE_N_NO_PROPOSAL_CHOSEN), "NO-PROPOSAL-CHOSEN");
    ck_assert_str_eq(ike_notify_name(IKE_N_AUTH_FAILED), "AUTHENTICATION-FAILED");
    ck_assert_str_eq(ike_notify_name(IKE_N_CERT_UNAVAILABLE), "CERTIFICATE-UNAVAILABLE");
    ck_assert_str_eq(ike_notify_name(IKE_N_INVALID_SIGNATURE), "INVALID-SIGNATURE");
    for (uint32_t i = 0; i < 65536; i++)
        ck_assert(ike_exchange_name(i)[0] && ike_payload_name(i)[0] && ike_notify_name(i)[0]);
}
END_TEST

/* ---- proposals as text ------------------------------------------------------------------------ */

START_TEST(proposals_as_the_configuration_names_them)
{
    struct ike_proposal p;
    struct ike_esp_proposal e;
    char why[256], text[48];
    for (uint32_t i = 0; ike_default_proposals[i]; i++) {
        ck_assert_msg(ike_proposal_parse(ike_default_proposals[i], &p, why, sizeof why), "%s", why);
        ck_assert_msg(!ike_proposal_weak(&p), "%s", ike_default_proposals[i]);
        ike_proposal_text(&p, text, sizeof text);
        ck_assert_str_eq(text, ike_default_proposals[i]);
        for (uint32_t k = 0; k < i; k++)
            ck_assert_str_ne(ike_default_proposals[k], ike_default_proposals[i]);
    }
    for (uint32_t i = 0; ike_default_esp[i]; i++) {
        ck_assert_msg(ike_esp_proposal_parse(ike_default_esp[i], &e, why, sizeof why), "%s", why);
        ck_assert(!ike_esp_proposal_weak(&e) && !e.group);
        ck_assert_str_eq(esp_suite_name(&e.suite), ike_default_esp[i]);
    }
    ck_assert(ike_proposal_parse("3des-md5-modp1024", &p, why, sizeof why) && ike_proposal_weak(&p));
    ck_assert(ike_proposal_parse("aes128-sha1-modp1536", &p, why, sizeof why) && ike_proposal_weak(&p));
    ck_assert_ptr_eq(ike_cipher_of(IKE_3DES, 0), ike_cipher_of(IKE_3DES, 192));
    ck_assert_ptr_null(ike_cipher_of(IKE_AES_CBC, 0));
    ck_assert_ptr_null(ike_cipher_of(IKE_AES_CBC, 64));
    ck_assert_ptr_null(ike_hash_of(3));
    ck_assert_ptr_null(ike_group_of(1));
    ck_assert(ike_esp_proposal_parse("3des-sha1", &e, why, sizeof why) && ike_esp_proposal_weak(&e));
    ck_assert(ike_esp_proposal_parse("aes128-md5", &e, why, sizeof why) && ike_esp_proposal_weak(&e));
    ck_assert(ike_esp_proposal_parse("aes128-sha1-modp1024", &e, why, sizeof why) && ike_esp_proposal_weak(&e));
    ck_assert(ike_esp_proposal_parse("aes256-sha256_96", &e, why, sizeof why) && e.suite.trunc96);    /* A11 */
    ck_assert_uint_eq(e.suite.auth, ESP_HMAC_SHA256);
    ck_assert(ike_esp_proposal_parse("aes128gcm16-ecp256", &e, why, sizeof why));
    ck_assert_uint_eq(e.group->id, 19);
    ck_assert_uint_eq(e.suite.auth, 0);
    ck_assert_uint_eq(e.suite.key_bits, 128);
    static const char *const wrong[] = {
        "", "-", "aes", "aes256", "aes256-", "aes256-sha256", "aes256-sha256-", "aes256-sha256-modp2047",
        "aes256-sha256-modp2048-", "aes256-sha256-modp2048-x", "aes256gcm16-sha256-modp2048", "AES256-sha1-modp2048",
        "sha256-aes256-modp2048", " aes256-sha256-modp2048", "aes256--modp2048", NULL,
    };
    static const char *const wrong_esp[] = {
        "", "aes256", "aes256-", "aes256-modp2048", "aes128gcm16-sha256", "aes128gcm16-", "aes256-sha256-",
        "aes256-sha256-modp", "aes256-sha256-modp2048-x", "aes128gcm8", "null-sha1", NULL,
    };
    for (uint32_t i = 0; wrong[i]; i++) {
        why[0] = '\0';
        ck_assert_msg(!ike_proposal_parse(wrong[i], &p, why, sizeof why), "%s", wrong[i]);
        ck_assert(why[0] == '"');
    }
    for (uint32_t i = 0; wrong_esp[i]; i++) {
        why[0] = '\0';
        ck_assert_msg(!ike_esp_proposal_parse(wrong_esp[i], &e, why, sizeof why), "%s", wrong_esp[i]);
        ck_assert(why[0] == '"');
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_message_is_a_chain, wrong_headers_and_chains, a_message_has_at_most_48_payloads,
        W4_phase_1_of_windows, W7_quick_mode_of_windows, W9_vendor_ids_and_nat_oa_of_windows,
        M5_phase_1_of_apple, A10_old_android, attributes_that_are_odd, proposals_that_are_malformed,
        proposals_are_written_as_they_are_read, identities_are_printable,
        payloads_are_written_as_they_are_read, malformed_notify_delete_fragment,
        every_vendor_id_is_known_again, everything_has_a_name,
        proposals_as_the_configuration_names_them, NULL,
    };
    return unit_suite("ike_msg", tests);
}

UNIT_MAIN(suite)
