/* test_crypto.c - core/crypto against the vectors of the RFCs. */
#include <adit/bytes.h>
#include "crypto/crypto.h"
#include "hex.h"
#include "unit.h"

#define AUTH "5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28"
#define PEER "21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E"
#define NT_RESPONSE "82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF"
#define PW "clientPass"

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 + 3);
}

START_TEST(nothing_is_missing)
{
    ck_assert_int_eq(crypto_init(), 0);
    ck_assert_str_eq(crypto_missing(), "");
    crypto_fini();
    ck_assert_int_eq(crypto_init(), 0);     /* and again */
}
END_TEST

/* A host without the legacy provider (each test is a process of its own). */
START_TEST(what_is_missing_is_named)
{
    uint8_t h[16];
    char text[128];
    crypto_fini();
    setenv("OPENSSL_MODULES", "/nonexistent", 1);
    if (crypto_init() == 0)
        return;                 /* built into the library here */
    ck_assert_int_eq(crypto_init(), ADIT_ENOSYS);
    ck_assert_str_eq(crypto_missing(), "MD4, DES");
    ck_assert_int_eq(nt_password_hash("x", 1, h), ADIT_ENOSYS);
    ck_assert_int_eq(lm_password_hash("x", 1, h), ADIT_ENOSYS);
    ck_assert_int_eq(password_hash("x", 1, text, sizeof text), 0);
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_MSCHAPV2, .user = "anna" };
    struct adit_secret_view s = { sizeof s, 1, "x", NULL };
    struct adit_auth_answer a = { .size = sizeof a };
    crypto_judge_api.judge(&q, &s, &a);
    ck_assert_uint_eq(a.cause, ADIT_CAUSE_METHOD_REFUSED);
    unsetenv("OPENSSL_MODULES");
    crypto_fini();
    ck_assert_int_eq(crypto_init(), 0);
}
END_TEST

START_TEST(digests)
{
    uint8_t out[64];
    struct adit_chunk abc[3] = { { "a", 1 }, { "", 0 }, { "bc", 2 } };
    ck_assert_int_eq(crypto_digest(ADIT_MD4, abc, 3, out), 0);          /* RFC 1320 */
    hex_eq(out, 16u, "a448017aaf21d8525fc10ae87aa6729d");
    ck_assert_int_eq(crypto_digest(ADIT_MD5, abc, 3, out), 0);          /* RFC 1321 */
    hex_eq(out, 16u, "900150983cd24fb0d6963f7d28e17f72");
    ck_assert_int_eq(crypto_digest(ADIT_SHA1, abc, 3, out), 0);
    hex_eq(out, 20u, "a9993e364706816aba3e25717850c26c9cd0d89d");
    ck_assert_int_eq(crypto_digest(ADIT_SHA256, abc, 3, out), 0);
    hex_eq(out, 32u, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(crypto_digest(99, abc, 3, out), ADIT_EINVAL);
    ck_assert_int_eq(crypto_digest(0, abc, 3, out), ADIT_EINVAL);
}
END_TEST

START_TEST(hmacs)
{
    uint8_t out[64], key[131];
    struct adit_chunk jefe[2] = { { "what do ya want ", 16 }, { "for nothing?", 12 } };
    crypto_hmac(ADIT_MD5, "Jefe", 4, jefe, 2, out);                     /* RFC 2202 case 2 */
    hex_eq(out, 16u, "750c783e6ab0b503eaa86e310a5db738");
    crypto_hmac(ADIT_SHA1, "Jefe", 4, jefe, 2, out);
    hex_eq(out, 20u, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    crypto_hmac(ADIT_SHA256, "Jefe", 4, jefe, 2, out);                  /* RFC 4231 case 2 */
    hex_eq(out, 32u, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    crypto_hmac(ADIT_SHA512, "Jefe", 4, jefe, 2, out);
    hex_eq(out, 64u, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    memset(key, 0xaa, sizeof key);                                      /* RFC 4231 case 6 */
    struct adit_chunk big = { "Test Using Larger Than Block-Size Key - Hash Key First", 54 };
    crypto_hmac(ADIT_SHA256, key, sizeof key, &big, 1, out);
    hex_eq(out, 32u, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    struct adit_chunk many[20];
    for (int i = 0; i < 20; i++)
        many[i] = (struct adit_chunk){ &"what do ya want for nothing?"[i], i < 19 ? 1 : 9 };
    crypto_hmac(ADIT_MD5, "Jefe", 4, many, 20, out);
    hex_eq(out, 16u, "750c783e6ab0b503eaa86e310a5db738");
}
END_TEST

/* RFC 6229, and the widely used three-key set. */
START_TEST(rc4_vectors)
{
    struct rc4 r;
    uint8_t out[32], key[256];
    memset(out, 0, sizeof out);
    hex_get(key, 16, "0102030405060708090a0b0c0d0e0f10");
    rc4_init(&r, key, 16);
    rc4_xor(&r, out, 32);
    hex_eq(out, 32u, "9ac7cc9a609d1ef7b2932899cde41b97 5248c4959014126a6e8a84f11d1a9e1c");
    memset(out, 0, sizeof out);
    rc4_init(&r, key, 8);
    rc4_xor(&r, out, 32);
    hex_eq(out, 32u, "97ab8a1bf0afb96132f2f67258da15a8 8263efdb45c4a18684ef87e6b19e5b09");
    memset(out, 0, sizeof out);
    rc4_init(&r, key, 5);
    rc4_xor(&r, out, 32);
    hex_eq(out, 32u, "b2396305f03dc027ccc3524a0a1118a8 6982944f18fc82d589c403a47a0d0919");
    memcpy(out, "Plaintext", 9);
    rc4_init(&r, (const uint8_t *)"Key", 3);
    rc4_xor(&r, out, 4);                    /* in pieces */
    rc4_xor(&r, out + 4, 0);
    rc4_xor(&r, out + 4, 5);
    hex_eq(out, 9u, "BBF316E8D940AF0AD3");
}
END_TEST

/* RFC 2433 appendix B */
START_TEST(rfc2433)
{
    uint8_t c[8], out[24], h[16];
    hex_get(c, 8, "10 2D B5 DF 08 5D 30 41");
    ck_assert_int_eq(nt_password_hash("MyPw", 4, h), 0);
    hex_eq(h, 16u, "FC 15 6A F7 ED CD 6C 0E DD E3 33 7D 42 7F 4E AC");
    ck_assert_int_eq(challenge_response(c, h, out), 0);
    hex_eq(out, 24u, "4E 9D 3C 8F 9C FD 38 5D 5B F4 D3 24 67 91 95 6C A4 C3 51 AB 40 9A 3D 61");
    ck_assert_int_eq(lm_password_hash("MyPw", 4, h), 0);
    hex_eq(h, 16u, "75 BA 30 19 8E 6D 19 75 AA D3 B4 35 B5 14 04 EE");
    ck_assert_int_eq(challenge_response(c, h, out), 0);
    hex_eq(out, 24u, "91 88 1D 01 52 AB 0C 33 C5 24 13 5E C2 4A 95 EE 64 E2 3C DC 2D 33 34 7D");
    ck_assert_int_eq(lm_password_hash("fifteen-letters", 15, h), ADIT_EINVAL);
}
END_TEST

/* RFC 2759 section 9.2 */
START_TEST(rfc2759)
{
    uint8_t a[16], p[16], h[16], hh[16], c[8], r[24], s[20];
    hex_get(a, 16, AUTH);
    hex_get(p, 16, PEER);
    ck_assert_int_eq(challenge_hash(p, a, "User", c), 0);
    hex_eq(c, 8u, "D0 2E 43 86 BC E9 12 26");
    ck_assert_int_eq(nt_password_hash(PW, strlen(PW), h), 0);
    hex_eq(h, 16u, "44 EB BA 8D 53 12 B8 D6 11 47 44 11 F5 69 89 AE");
    ck_assert_int_eq(generate_nt_response(a, p, "User", h, r), 0);
    hex_eq(r, 24u, NT_RESPONSE);
    ck_assert_int_eq(hash_nt_password_hash(h, hh), 0);
    hex_eq(hh, 16u, "41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F");
    ck_assert_int_eq(generate_authenticator_response(h, r, p, a, "User", s), 0);
    hex_eq(s, 20u, "407A5589115FD0D6209F510FE9C04566932CDA56");
}
END_TEST

START_TEST(W22_domain_takes_no_part_in_the_hash)
{
    uint8_t a[16], p[16], c[8];
    hex_get(a, 16, AUTH);
    hex_get(p, 16, PEER);
    ck_assert_int_eq(challenge_hash(p, a, "BIGCO\\User", c), 0);
    hex_eq(c, 8u, "D0 2E 43 86 BC E9 12 26");
}
END_TEST

/* RFC 3079 section 2.5: MS-CHAPv1 with "clientPass" */
START_TEST(rfc3079_v1)
{
    uint8_t h[16], hh[16], start[16], session[16], c[8];
    ck_assert_int_eq(lm_password_hash(PW, strlen(PW), h), 0);
    hex_eq(h, 8u, "76 a1 52 93 60 96 d7 83");
    mppe_key_from_sha(h, h, 8, session);                    /* 2.5.1 before the salt */
    hex_eq(session, 8u, "d8 08 01 53 8c ec 4a 08");
    hex_get(c, 8, "10 2d b5 df 08 5d 30 41");
    nt_password_hash(PW, strlen(PW), h);
    hash_nt_password_hash(h, hh);
    mppe_start_key_v1_128(hh, c, start);
    hex_eq(start, 16u, "a8 94 78 50 cf c0 ac c1 d1 78 9f b6 2d dc dd b0");
    mppe_key_from_sha(start, start, 16, session);
    hex_eq(session, 16u, "59 d1 59 bc 09 f7 6f 1d a2 a8 6a 28 ff ec 0b 1e");
}
END_TEST

/* RFC 3079 section 3.5: MS-CHAPv2, the server's sending keys */
START_TEST(rfc3079_v2)
{
    uint8_t h[16], hh[16], nt[24], master[16], start[16], key[16], text[12];
    struct rc4 r;
    hex_get(nt, 24, NT_RESPONSE);
    nt_password_hash(PW, strlen(PW), h);
    hash_nt_password_hash(h, hh);
    mppe_master_key(hh, nt, master);
    hex_eq(master, 16u, "FD EC E3 71 7A 8C 83 8C B3 88 E5 27 AE 3C DD 31");

    mppe_asymmetric_start_key(master, start, 8, true, true);            /* 3.5.1 */
    hex_eq(start, 8u, "8B 7C DC 14 9B 99 3A 1B");
    mppe_key_from_sha(start, start, 8, key);
    memcpy(key, "\xd1\x26\x9e", 3);
    hex_eq(key, 8u, "D1 26 9E C4 9F A6 2E 3E");
    rc4_init(&r, key, 8);
    memcpy(text, "test message", 12);
    rc4_xor(&r, text, 12);
    hex_eq(text, 12u, "92 91 37 91 7E 58 03 D6 68 D7 58 98");

    mppe_key_from_sha(start, start, 8, key);                            /* 3.5.2 */
    key[0] = 0xd1;
    hex_eq(key, 8u, "D1 5C 00 C4 9F A6 2E 3E");
    rc4_init(&r, key, 8);
    memcpy(text, "test message", 12);
    rc4_xor(&r, text, 12);
    /* the RFC prints 58 at the end; RC4 of that key gives B8 */
    hex_eq(text, 12u, "3F 10 68 33 FA 44 8D A8 42 BC 57 B8");

    mppe_asymmetric_start_key(master, start, 16, true, true);           /* 3.5.3 */
    hex_eq(start, 16u, "8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB");
    mppe_key_from_sha(start, start, 16, key);
    hex_eq(key, 16u, "40 5C B2 24 7A 79 56 E6 E2 11 00 7A E2 7B 22 D4");
    rc4_init(&r, key, 16);
    memcpy(text, "test message", 12);
    rc4_xor(&r, text, 12);
    hex_eq(text, 12u, "81 84 83 17 DF 68 84 62 72 FB 5A BE");

    uint8_t theirs[16];                                     /* what one sends the other receives */
    mppe_asymmetric_start_key(master, theirs, 16, false, false);
    ck_assert_mem_eq(start, theirs, 16);
    mppe_asymmetric_start_key(master, start, 16, false, true);
    mppe_asymmetric_start_key(master, theirs, 16, true, false);
    ck_assert_mem_eq(start, theirs, 16);
}
END_TEST

/* The fast change of key is the definition of RFC 3078 section 7, spelled out. */
START_TEST(mppe_key_change)
{
    static const struct { uint32_t len, salt; } kinds[] = { { 8, 3 }, { 8, 1 }, { 16, 0 } };
    for (size_t i = 0; i < 3; i++) {
        uint32_t len = kinds[i].len, salt = kinds[i].salt;
        uint8_t start[16], a[16], b[16], pad1[40] = { 0 }, pad2[40], sha[20];
        fill(start, 16);
        memcpy(a, start, 16);
        memset(pad2, 0xf2, sizeof pad2);
        for (int n = 0; n < 300; n++) {
            struct rc4 r, want;
            uint8_t before[16];
            memcpy(before, a, 16);
            rc4_init(&want, a, len);
            struct adit_chunk c[4] = { { start, len }, { pad1, 40 }, { a, len }, { pad2, 40 } };
            ck_assert_int_eq(crypto_digest(ADIT_SHA1, c, 4, sha), 0);
            memcpy(b, sha, len);
            struct rc4 t;
            rc4_init(&t, sha, len);
            rc4_xor(&t, b, len);
            memcpy(b, "\xd1\x26\x9e", salt);

            memcpy(a, before, 16);
            mppe_new_key(start, a, len);
            memcpy(a, "\xd1\x26\x9e", salt);
            ck_assert_mem_eq(a, b, len);

            memcpy(a, before, 16);
            mppe_step(start, a, len, salt, &r);
            ck_assert_mem_eq(a, b, len);
            ck_assert_mem_eq(&r, &want, sizeof r);
        }
    }
}
END_TEST

START_TEST(text_that_is_not_utf8_is_refused)
{
    static const char *const bad[] = { "\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xff", "abc\xe2\x28\xa1", "\xf0\x9f\x98", "\xc1\xbf", "\xe0\x9f\xbf" };
    uint8_t h[16];
    char pw[300];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(nt_password_hash(bad[i], strlen(bad[i]), h), ADIT_EINVAL);
    /* U+20AC and U+1F600: AC 20, 3D D8 00 DE in UTF-16LE */
    uint8_t wide[6], want[16];
    hex_get(wide, 6, "AC20 3DD8 00DE");
    struct adit_chunk c = { wide, 6 };
    crypto_digest(ADIT_MD4, &c, 1, want);
    ck_assert_int_eq(nt_password_hash("\xe2\x82\xac\xf0\x9f\x98\x80", 7, h), 0);
    ck_assert_mem_eq(h, want, 16);
    ck_assert_int_eq(nt_password_hash("", 0, h), 0);
    hex_eq(h, 16u, "31d6cfe0d16ae931b73c59d7e0c089c0");
    memset(pw, 'x', sizeof pw);
    ck_assert_int_eq(nt_password_hash(pw, 256, h), 0);
    ck_assert_int_eq(nt_password_hash(pw, 257, h), ADIT_EINVAL);
}
END_TEST

START_TEST(password_hashes)
{
    char text[128], again[128];
    ck_assert_int_eq(password_hash("trustno1", 8, text, sizeof text), 0);
    ck_assert_int_eq(strncmp(text, "$scrypt$ln=15,r=8,p=1$", 22), 0);
    ck_assert_int_eq(password_check("trustno1", 8, text), 0);
    ck_assert_int_eq(password_check("trustno2", 8, text), ADIT_EAUTH);
    ck_assert_int_eq(password_check("", 0, text), ADIT_EAUTH);
    ck_assert_int_eq(password_hash("trustno1", 8, again, sizeof again), 0);
    ck_assert_str_ne(text, again);
    ck_assert_int_eq(password_hash("trustno1", 8, again, 40), ADIT_ENOSPC);
    for (size_t n = 0; n < strlen(text); n++) {     /* every truncation */
        memcpy(again, text, n);
        again[n] = '\0';
        if (n + 22 > strlen(text))
            continue;                               /* still 16 bytes of hash */
        ck_assert_int_eq(password_check("trustno1", 8, again), ADIT_EINVAL);
    }
    /* RFC 7914 section 12: N=16384 r=8 p=1 */
    ck_assert_int_eq(password_check("pleaseletmein", 13, "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
        "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"), 0);
    static const char *const bad[] = { "", "$", "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$scrypt$ln=17,r=32,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$scrypt$ln=15,r=8,p=99$c2FsdHNhbHQ$aGFzaA",
        "$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$scrypt$ln=15,r=8,p=1$c2Fs*HNhbHQ$aGFzaGhhc2g",
        "$2b$12$abcdefghijklmnopqrstuv", "$scrypt$ln=99999999999,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(password_check("trustno1", 8, bad[i]), ADIT_EINVAL);
}
END_TEST

/* ---- the judge ---------------------------------------------------------------- */

static struct adit_auth_answer judge(struct adit_auth_query *q, const char *clear, const uint8_t *nt)
{
    struct adit_auth_answer a = { .size = sizeof a };
    struct adit_secret_view s = { sizeof s, clear ? (uint32_t)strlen(clear) : 0, clear, nt };
    q->size = sizeof *q;
    crypto_judge_api.judge(q, &s, &a);
    return a;
}

START_TEST(judges_pap)
{
    uint8_t nt[16];
    nt_password_hash("trustno1", 8, nt);
    struct adit_auth_query q = { .method = ADIT_AUTH_PAP, .user = "anna",
                                 .password = (const uint8_t *)"trustno1", .password_len = 8 };
    ck_assert_uint_eq(judge(&q, "trustno1", NULL).verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(judge(&q, NULL, nt).verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(judge(&q, "trustno2", NULL).cause, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(judge(&q, NULL, NULL).cause, ADIT_CAUSE_METHOD_REFUSED);
    q.password_len = 7;
    ck_assert_uint_eq(judge(&q, "trustno1", NULL).verdict, ADIT_VERDICT_REJECT);
    ck_assert_uint_eq(judge(&q, NULL, nt).verdict, ADIT_VERDICT_REJECT);
    q.password = NULL;
    ck_assert_uint_eq(judge(&q, "trustno1", NULL).verdict, ADIT_VERDICT_REJECT);
    ck_assert_uint_eq(judge(&q, "", NULL).verdict, ADIT_VERDICT_ACCEPT);
}
END_TEST

START_TEST(judges_chap)
{
    uint8_t c[16], r[16], nt[16], id = 7;
    fill(c, 16);
    nt_password_hash("secret", 6, nt);
    struct adit_chunk v[3] = { { &id, 1 }, { "secret", 6 }, { c, 16 } };
    crypto_digest(ADIT_MD5, v, 3, r);
    struct adit_auth_query q = { .method = ADIT_AUTH_CHAP, .user = "anna", .id = 7, .challenge = c,
                                 .challenge_len = 16, .response = r, .response_len = 16 };
    ck_assert_uint_eq(judge(&q, "secret", NULL).verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(judge(&q, "other", NULL).cause, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(judge(&q, NULL, nt).cause, ADIT_CAUSE_METHOD_REFUSED);
    q.method = ADIT_AUTH_EAP_MD5;
    ck_assert_uint_eq(judge(&q, "secret", NULL).verdict, ADIT_VERDICT_ACCEPT);
    q.id = 8;
    ck_assert_uint_eq(judge(&q, "secret", NULL).verdict, ADIT_VERDICT_REJECT);
    for (q.id = 7, q.response_len = 0; q.response_len < 16; q.response_len++)
        ck_assert_uint_eq(judge(&q, "secret", NULL).verdict, ADIT_VERDICT_REJECT);
}
END_TEST

START_TEST(judges_mschapv1)
{
    uint8_t c[8], v[49] = { 0 }, nt[16];
    hex_get(c, 8, "10 2D B5 DF 08 5D 30 41");
    hex_get(v + 24, 24, "4E 9D 3C 8F 9C FD 38 5D 5B F4 D3 24 67 91 95 6C A4 C3 51 AB 40 9A 3D 61");
    v[48] = 1;
    nt_password_hash("MyPw", 4, nt);
    struct adit_auth_query q = { .method = ADIT_AUTH_MSCHAPV1, .user = "anna", .challenge = c,
                                 .challenge_len = 8, .response = v, .response_len = 49 };
    struct adit_auth_answer a = judge(&q, "MyPw", NULL);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(a.key_len, 16);
    ck_assert_mem_eq(a.send_key, a.recv_key, 16);
    hex_eq(a.lm_key, 8u, "75 BA 30 19 8E 6D 19 75");
    a = judge(&q, NULL, nt);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    hex_eq(a.lm_key, 8u, "00 00 00 00 00 00 00 00");
    q.challenge_len = 7;
    ck_assert_uint_eq(judge(&q, "MyPw", NULL).verdict, ADIT_VERDICT_REJECT);
    q.challenge_len = 8;
    memset(v + 24, 0, 24);                  /* the LM response alone: refused, right as it is */
    hex_get(v, 24, "91 88 1D 01 52 AB 0C 33 C5 24 13 5E C2 4A 95 EE 64 E2 3C DC 2D 33 34 7D");
    v[48] = 0;
    ck_assert_uint_eq(judge(&q, "MyPw", NULL).cause, ADIT_CAUSE_METHOD_REFUSED);
}
END_TEST

static void v2_query(struct adit_auth_query *q, uint8_t a[16], uint8_t v[49])
{
    hex_get(a, 16, AUTH);
    memset(v, 0, 49);
    hex_get(v, 16, PEER);
    hex_get(v + 24, 24, NT_RESPONSE);
    *q = (struct adit_auth_query){ .method = ADIT_AUTH_MSCHAPV2, .user = "User", .challenge = a,
                                   .challenge_len = 16, .response = v, .response_len = 49 };
}

START_TEST(judges_mschapv2)
{
    uint8_t ch[16], v[49], nt[16];
    struct adit_auth_query q;
    v2_query(&q, ch, v);
    nt_password_hash(PW, strlen(PW), nt);
    struct adit_auth_answer a = judge(&q, NULL, nt);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(a.cause, ADIT_CAUSE_NONE);
    ck_assert_uint_eq(a.key_len, 16);
    hex_eq(a.send_key, 16u, "8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB");
    hex_eq(a.recv_key, 16u, "D5 F0 E9 52 1E 3E A9 58 96 45 E8 60 51 C8 22 26");
    hex_eq(a.authenticator_response, 20u, "407A5589115FD0D6209F510FE9C04566932CDA56");
    q.method = ADIT_AUTH_EAP_MSCHAPV2;
    ck_assert_uint_eq(judge(&q, PW, NULL).verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(judge(&q, "clientpass", NULL).cause, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(judge(&q, "\xff", NULL).verdict, ADIT_VERDICT_REJECT);
    ck_assert_uint_eq(judge(&q, NULL, NULL).cause, ADIT_CAUSE_METHOD_REFUSED);
    q.user = NULL;
    ck_assert_uint_eq(judge(&q, PW, NULL).verdict, ADIT_VERDICT_REJECT);
    for (q.response_len = 0; q.response_len < 49; q.response_len++)
        ck_assert_uint_eq(judge(&q, PW, NULL).verdict, ADIT_VERDICT_REJECT);
}
END_TEST

START_TEST(W22_judge_strips_the_domain)
{
    uint8_t ch[16], v[49];
    struct adit_auth_query q;
    v2_query(&q, ch, v);
    q.user = "BIGCO\\User";
    ck_assert_uint_eq(judge(&q, PW, NULL).verdict, ADIT_VERDICT_ACCEPT);
}
END_TEST

START_TEST(W19_odd_flags_are_tolerated)
{
    uint8_t ch[16], v[49];
    struct adit_auth_query q;
    v2_query(&q, ch, v);
    v[48] = 0x04;                           /* Windows 98 */
    ck_assert_uint_eq(judge(&q, PW, NULL).verdict, ADIT_VERDICT_ACCEPT);
}
END_TEST

static void change_query(struct adit_auth_query *q, const char *old, const char *now,
                         uint8_t ch[16], uint8_t v[49], uint8_t pw[516], uint8_t hash[16])
{
    uint8_t old_hash[16], new_hash[16];
    nt_password_hash(old, strlen(old), old_hash);
    nt_password_hash(now, strlen(now), new_hash);
    fill(ch, 16);
    memset(v, 0, 49);
    fill(v, 16);
    ck_assert_int_eq(generate_nt_response(ch, v, "anna", new_hash, v + 24), 0);
    ck_assert_int_eq(new_password_encrypted(now, strlen(now), old_hash, pw), 0);
    ck_assert_int_eq(old_hash_encrypted(new_hash, old_hash, hash), 0);
    *q = (struct adit_auth_query){ .size = sizeof *q, .method = ADIT_AUTH_CHANGE, .user = "anna",
        .challenge = ch, .challenge_len = 16, .response = v, .response_len = 49,
        .encrypted_password = pw, .encrypted_hash = hash };
}

START_TEST(W20_password_change_is_judged_and_opened)
{
    uint8_t ch[16], v[49], pw[516], hash[16], nt[16];
    char out[256];
    struct adit_auth_query q;
    change_query(&q, "old", "n\xc3\xa4her", ch, v, pw, hash);
    struct adit_auth_answer a = judge(&q, "old", NULL);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_uint_eq(a.key_len, 16);
    nt_password_hash("old", 3, nt);
    struct adit_secret_view s = { sizeof s, 0, NULL, nt };
    ck_assert_int_eq(crypto_judge_api.new_password(&q, &s, out, sizeof out), 0);
    ck_assert_str_eq(out, "n\xc3\xa4her");
    ck_assert_int_ne(crypto_judge_api.new_password(&q, &s, out, 4), 0);
    ck_assert_uint_eq(judge(&q, "older", NULL).verdict, ADIT_VERDICT_REJECT);
    hash[3] ^= 1;
    ck_assert_int_eq(crypto_judge_api.new_password(&q, &s, out, sizeof out), ADIT_EAUTH);
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(judge(&q, "old", NULL).verdict, ADIT_VERDICT_REJECT);
    hash[3] ^= 1;
    v[30] ^= 1;
    ck_assert_uint_eq(judge(&q, "old", NULL).verdict, ADIT_VERDICT_REJECT);
    q.encrypted_password = NULL;
    ck_assert_uint_eq(judge(&q, "old", NULL).verdict, ADIT_VERDICT_REJECT);
}
END_TEST

START_TEST(nonsense_in_a_change_is_noise)
{
    uint8_t in[516], old[16];
    char out[256];
    nt_password_hash("old", 3, old);
    for (uint32_t n = 0; n < 2000; n++) {
        crypto_random(in, sizeof in);
        struct rc4 r;
        rc4_init(&r, old, 16);
        if (n % 2) {                        /* a length that is possible */
            uint8_t clear[516];
            crypto_random(clear, sizeof clear);
            clear[512] = (uint8_t)n;
            clear[513] = (uint8_t)(n >> 8 & 3);
            clear[514] = clear[515] = 0;
            rc4_xor(&r, clear, sizeof clear);
            memcpy(in, clear, sizeof in);
        }
        int rc = new_password_decrypt(in, old, out, sizeof out);
        ck_assert(rc == 0 || rc == ADIT_EAUTH || rc == ADIT_EINVAL);
    }
}
END_TEST

START_TEST(tables_carry_their_size)
{
    ck_assert_uint_eq(crypto_judge_api.size, sizeof(struct adit_judge_api));
    ck_assert_uint_eq(crypto_api.size, sizeof(struct adit_crypto_api));
    uint8_t h[16];
    ck_assert_int_eq(crypto_api.nt_hash("MyPw", 4, h), 0);
    struct adit_auth_query q = { .method = ADIT_AUTH_EAP_RELAY };
    ck_assert_uint_eq(judge(&q, "x", NULL).cause, ADIT_CAUSE_METHOD_REFUSED);
    q.method = ADIT_AUTH_EAP_TLS;
    ck_assert_uint_eq(judge(&q, NULL, NULL).verdict, ADIT_VERDICT_ACCEPT);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("crypto", (const TTest *const[]){
        nothing_is_missing, what_is_missing_is_named, digests, hmacs, rc4_vectors, rfc2433, rfc2759,
        W22_domain_takes_no_part_in_the_hash, rfc3079_v1, rfc3079_v2, mppe_key_change,
        text_that_is_not_utf8_is_refused, password_hashes, judges_pap, judges_chap,
        judges_mschapv1, judges_mschapv2, W22_judge_strips_the_domain, W19_odd_flags_are_tolerated,
        W20_password_change_is_judged_and_opened, nonsense_in_a_change_is_noise,
        tables_carry_their_size, NULL });
}
UNIT_MAIN(suite)
