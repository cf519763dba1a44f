/* test_esp.c - ESP: vectors of RFCs and of scapy, every truncation, every bit, replay. */
#include "unit.h"

#include <adit/abi.h>
#include <adit/bytes.h>
#include <openssl/evp.h>
#include <string.h>

#include "esp.h"
#include "esp_hmac.h"
#include "hex.h"

#define SUITES 26u
#define BUF    2048u

/* every suite that there is */
static struct esp_suite suite_nth(uint32_t nth)
{
    static const uint16_t auths[] = { ESP_HMAC_MD5, ESP_HMAC_SHA1, ESP_HMAC_SHA256, ESP_HMAC_SHA256,
                                      ESP_HMAC_SHA384, ESP_HMAC_SHA512 };
    if (nth >= 24)
        return (struct esp_suite){ ESP_AES_GCM_16, nth == 24 ? 128 : 256, 0, false };
    return (struct esp_suite){ nth < 6 ? ESP_3DES : ESP_AES_CBC,
                               (uint16_t)(nth < 6 ? 192 : 64 * (nth / 6 + 1)), auths[nth % 6],
                               nth % 6 == 3 };
}

struct both {
    struct esp_suite suite;
    struct esp_out out;
    struct esp_in in;
    struct esp_stat stat;
    uint8_t buf[ADIT_VECTOR][BUF];
    struct adit_frame f[ADIT_VECTOR], *v[ADIT_VECTOR];
};

static void both_up(struct both *b, const struct esp_suite *s, uint32_t window)
{
    uint8_t keymat[128];
    memset(b, 0, sizeof *b);
    b->suite = *s;
    for (uint32_t i = 0; i < sizeof keymat; i++)
        keymat[i] = (uint8_t)(i * 3 + 7);
    ck_assert_uint_le(esp_keymat_len(s), sizeof keymat);
    ck_assert_int_eq(esp_out_init(&b->out, NULL, s, 0x1001, keymat), 0);
    ck_assert_int_eq(esp_in_init(&b->in, NULL, s, 0x1001, keymat, window), 0);
}

static void both_down(struct both *b)
{
    esp_out_fini(&b->out);
    esp_in_fini(&b->in);
}

/* A frame in its own place with `len` bytes that tell its number. */
static void fill(struct both *b, uint32_t i, uint32_t len)
{
    memset(b->buf[i], 0xee, BUF);
    b->f[i] = adit_frame_of(b->buf[i], BUF, ADIT_ROOM, len);
    memset(b->f[i].data, (int)(i + 1), len);
    b->v[i] = &b->f[i];
}

/* Opens bytes; true when they pass, the payload is in f[63] then. */
static bool opens(struct both *b, const uint8_t *p, size_t len)
{
    struct adit_frame *f = &b->f[63], *v = f;
    uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, p, len);
    *f = adit_frame_of(exact, len, 0, len);
    uint32_t n = esp_open(&b->in, 17, &v, 1, &b->stat);
    if (n) {
        memcpy(b->buf[63], f->data, f->len);
        f->data = b->buf[63];
    }
    free(exact);
    return n == 1;
}

/* Seals 100 bytes with a sequence number. */
static uint32_t sealed(struct both *b, uint32_t seq, uint8_t *out)
{
    b->out.seq = seq - 1;
    fill(b, 0, 100);
    ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 1), 1);
    memcpy(out, b->f[0].data, b->f[0].len);
    return b->f[0].len;
}

/* ---- vectors --------------------------------------------------------------------- */

/* RFC 2202 and RFC 4868 section 2.7.2 */
START_TEST(macs)
{
    static const struct { uint16_t auth; const char *mac; } rows[] = {
        { ESP_HMAC_MD5, "9294727a3638bb1c13f48ef8158bfc9d" },
        { ESP_HMAC_SHA1, "b617318655057264e28bc0b6fb378c8ef146be00" },
        { ESP_HMAC_SHA256, "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7" },
        { ESP_HMAC_SHA384, "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee9737a959796489bddbc"
                           "4c5df61d5b3297b4fb68dab9f1b582c2" },
        { ESP_HMAC_SHA512, "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"
                           "ac2878ebd5803f6f0b61dbce5e251ff8789a4722c1be65aea45fd464e89f8f5b" },
    };
    uint8_t key[64];
    memset(key, 0x0b, sizeof key);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct esp_hmac h;
        struct esp_mac m = { .p = (const uint8_t *)"Hi There", .len = 8 };
        esp_hmac_init(&h, rows[i].auth, key);
        esp_hmac_run(&h, &m, 1);
        hex_eq(m.mac, esp_hmac_len(rows[i].auth), rows[i].mac);
    }
}
END_TEST

/* Many at once give what EVP gives for each, whatever their lengths. */
START_TEST(macs_of_vectors)
{
    static const struct { uint16_t auth; const char *evp; } algs[] = {
        { ESP_HMAC_MD5, "MD5" }, { ESP_HMAC_SHA1, "SHA1" }, { ESP_HMAC_SHA256, "SHA256" },
        { ESP_HMAC_SHA384, "SHA384" }, { ESP_HMAC_SHA512, "SHA512" } };
    static uint8_t data[4096];
    uint8_t key[64];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
    memcpy(key, data + 77, sizeof key);
    for (size_t a = 0; a < sizeof algs / sizeof algs[0]; a++) {
        struct esp_hmac h;
        esp_hmac_init(&h, algs[a].auth, key);
        for (uint32_t round = 0; round < 60; round++) {
            struct esp_mac m[ADIT_VECTOR];
            uint32_t n = round + 5;
            for (uint32_t i = 0; i < n; i++) {
                x = x * 1103515245 + 12345;
                m[i].p = data + (x >> 8 & 63);
                m[i].len = round == 0 ? i : round < 8 ? 1424 : round < 12 ? (i == n - 1 ? 60 : 1500) : x >> 12 & 2047;
            }
            esp_hmac_run(&h, m, n);
            for (uint32_t i = 0; i < n; i++) {
                uint8_t want[64];
                size_t len;
                ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, algs[a].evp, NULL, key,
                                                esp_hmac_len(algs[a].auth), m[i].p, m[i].len, want,
                                                sizeof want, &len));
                ck_assert_mem_eq(m[i].mac, want, len);
            }
        }
    }
}
END_TEST

/* RFC 3602 section 4, cases 5 and 6: transport mode, ICMP; with an ICV behind. */
START_TEST(rfc3602_aes_cbc)
{
    static const struct { uint32_t seq; const char *packet, *payload; } rows[] = {
        { 1, "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849"
             "a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c"
             "538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6",
          "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
          "202122232425262728292a2b2c2d2e2f3031323334353637" },
        { 8, "000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109"
             "689bb379d2d750c0d915dca346a89f75",
          "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777" },
    };
    const struct esp_suite s = { ESP_AES_CBC, 128, ESP_HMAC_SHA1, false };
    uint8_t keymat[36];
    hex_get(keymat, 16, "90d382b410eeba7ad938c46cec1a82bf");
    memset(keymat + 16, 0x77, 20);
    for (size_t i = 0; i < 2; i++) {
        uint8_t p[256], mac[20];
        size_t len = hex_get(p, sizeof p, rows[i].packet), mac_len;
        ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, keymat + 16, 20, p, len,
                                        mac, sizeof mac, &mac_len));
        memcpy(p + len, mac, 12);
        struct esp_in in;
        struct esp_stat stat = { 0 };
        ck_assert_int_eq(esp_in_init(&in, NULL, &s, 0x4321, keymat, 64), 0);
        struct adit_frame f = adit_frame_of(p, len + 12, 0, len + 12), *v = &f;
        ck_assert_uint_eq(esp_open(&in, 1, &v, 1, &stat), 1);
        hex_eq(f.data, f.len, rows[i].payload);
        ck_assert_uint_eq(in.top, rows[i].seq);
        esp_in_fini(&in);
    }
}
END_TEST

/* draft-mcgrew-gcm-test-01 section 4: those without extended sequence numbers. */
START_TEST(mcgrew_aes_gcm)
{
    static const struct { uint16_t bits; const char *keymat, *packet, *payload; } rows[] = {
        { 128, "feffe9928665731c6d6a8f9467308308cafebabe",
          "0000a5f80000000afacedbaddecaf888deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f"
          "1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1"
          "83b70d3aa8bc6ee4c309e9d85a41ad4a",
          "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d001000001000000000000"
          "037369700963796265726369747902646b0000010001" },
        { 192, "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
          "0000a5f80000000afacedbaddecaf888a5b1f8066029aea40e598b8122de02420938b3ab33f828e6"
          "87b8858b5bfbdbd0315b27452144cc7795457b9652037f5318027b5b4cd7a636",
          "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d07568" },
        { 256, "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344",
          "4a2cbfe3000000020102030405060708ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf"
          "06efae9d65a5d763748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49"
          "15956c96",
          "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000"
          "020405b401010402" },
    };
    for (size_t i = 0; i < 3; i++) {
        const struct esp_suite s = { ESP_AES_GCM_16, rows[i].bits, 0, false };
        uint8_t keymat[36], p[256];
        ck_assert_uint_eq(hex_get(keymat, sizeof keymat, rows[i].keymat), esp_keymat_len(&s));
        size_t len = hex_get(p, sizeof p, rows[i].packet);
        struct rd r = rd_of(p, len);
        struct esp_in in;
        struct esp_stat stat = { 0 };
        ck_assert_int_eq(esp_in_init(&in, NULL, &s, rd_u32(&r), keymat, 64), 0);
        struct adit_frame f = adit_frame_of(p, len, 0, len), *v = &f;
        ck_assert_uint_eq(esp_open(&in, 1, &v, 1, &stat), 1);
        hex_eq(f.data, f.len, rows[i].payload);
        esp_in_fini(&in);
    }
}
END_TEST

/* tests/golden/esp-scapy.txt: packets that scapy sealed. */
START_TEST(scapy_packets)
{
    const char *top = getenv("top_srcdir");
    char path[1024], line[8192];
    uint32_t opened = 0;
    snprintf(path, sizeof path, "%s/tests/golden/esp-scapy.txt", top ? top : "..");
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        char *word[6], *save = NULL;
        for (int i = 0; i < 6; i++)
            ck_assert_ptr_nonnull(word[i] = strtok_r(i ? NULL : line, " \n", &save));
        struct esp_suite s = { ESP_AES_GCM_16, 192, 0, false };
        for (uint32_t n = 0; n < SUITES && strcmp(esp_suite_name(&s), word[0]) != 0; n++)
            s = suite_nth(n);
        ck_assert_str_eq(esp_suite_name(&s), word[0]);
        uint8_t keymat[128], p[1024];
        ck_assert_uint_eq(hex_get(keymat, sizeof keymat, word[1]), esp_keymat_len(&s));
        size_t len = hex_get(p, sizeof p, word[5]);
        struct esp_in in;
        struct esp_stat stat = { 0 };
        ck_assert_int_eq(esp_in_init(&in, NULL, &s, (uint32_t)strtoul(word[2], NULL, 16), keymat, 64), 0);
        struct adit_frame f = adit_frame_of(p, len, 0, len), *v = &f;
        ck_assert_uint_eq(esp_open(&in, 17, &v, 1, &stat), 1);
        hex_eq(f.data, f.len, word[4]);
        ck_assert_uint_eq(in.top, strtoul(word[3], NULL, 16));
        esp_in_fini(&in);
        opened++;
    }
    fclose(file);
    ck_assert_uint_eq(opened, 92);
}
END_TEST

/* ---- there and back ------------------------------------------------------------------- */

START_TEST(every_suite_and_length)
{
    struct both *b = malloc(sizeof *b);
    for (uint32_t n = 0; n < SUITES; n++) {
        struct esp_suite s = suite_nth(n);
        ck_assert(esp_suite_ok(NULL, &s));
        ck_assert_str_ne(esp_suite_name(&s), "unknown");
        both_up(b, &s, 128);
        uint64_t bytes = 0;
        for (uint32_t base = 0; base < 256; base += 32) {
            for (uint32_t i = 0; i < 32; i++)
                fill(b, i, base + i);
            ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 32), 32);
            for (uint32_t i = 0; i < 32; i++) {
                uint32_t grown = b->f[i].len - (base + i);
                ck_assert_uint_le(grown, esp_overhead(&s));
                ck_assert_uint_gt(grown, 8 + 2 + 12);
                ck_assert(b->f[i].data >= b->buf[i] && b->f[i].data + b->f[i].len <= b->buf[i] + BUF);
            }
            ck_assert_uint_eq(esp_open(&b->in, 17, b->v, 32, &b->stat), 32);
            for (uint32_t i = 0; i < 32; i++) {
                ck_assert_ptr_eq(b->v[i], &b->f[i]);
                ck_assert_uint_eq(b->f[i].len, base + i);
                for (uint32_t k = 0; k < base + i; k++)
                    ck_assert_uint_eq(b->f[i].data[k], i + 1);
                bytes += base + i;
            }
        }
        ck_assert_uint_eq(b->out.bytes, bytes);
        ck_assert_uint_eq(b->in.bytes, bytes);
        ck_assert_uint_eq(b->in.packets, 256);
        ck_assert_uint_eq(b->out.packets, 256);
        ck_assert_uint_eq(b->in.top, 256);
        both_down(b);
    }
    free(b);
}
END_TEST

/* Long and short ones in one vector: lanes that end at different times. */
START_TEST(vectors_of_mixed_lengths)
{
    static const uint32_t counts[] = { 1, 2, 3, 7, 8, 9, 11, 17, 40, 64 };
    struct both *b = malloc(sizeof *b);
    uint32_t x = 5;
    for (uint32_t n = 6; n < SUITES; n++) {     /* 3DES has no lanes */
        struct esp_suite s = suite_nth(n);
        both_up(b, &s, 128);
        for (uint32_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            uint32_t len[ADIT_VECTOR], count = counts[c];
            uint8_t want[1500];
            for (uint32_t i = 0; i < count; i++) {
                x = x * 1103515245 + 12345;
                len[i] = x >> 16 & 1 ? x >> 20 & 15 : (x >> 17) % 1500;
                fill(b, i, len[i]);
            }
            ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, count), count);
            ck_assert_uint_eq(esp_open(&b->in, 17, b->v, count, &b->stat), count);
            for (uint32_t i = 0; i < count; i++) {
                memset(want, (int)i + 1, sizeof want);
                ck_assert_uint_eq(b->f[i].len, len[i]);
                ck_assert(memcmp(b->f[i].data, want, len[i]) == 0);
            }
        }
        both_down(b);
    }
    free(b);
}
END_TEST

/* Row A11: Android 6 and 7 cut HMAC-SHA-256 to 96 bits. */
START_TEST(A11_sha256_of_96_bits)
{
    const struct esp_suite cut = { ESP_AES_CBC, 256, ESP_HMAC_SHA256, true },
                           whole = { ESP_AES_CBC, 256, ESP_HMAC_SHA256, false };
    struct both *b = malloc(sizeof *b);
    uint8_t p[BUF];
    ck_assert_str_eq(esp_suite_name(&cut), "aes256-sha256_96");
    ck_assert_uint_eq(esp_keymat_len(&cut), esp_keymat_len(&whole));
    ck_assert_uint_eq(esp_overhead(&cut) + 4, esp_overhead(&whole));
    both_up(b, &cut, 64);
    uint32_t len = sealed(b, 1, p);
    ck_assert_uint_eq(len, 8 + 16 + 112 + 12);
    ck_assert(opens(b, p, len));
    esp_in_fini(&b->in);
    uint8_t keymat[128];
    for (uint32_t i = 0; i < sizeof keymat; i++)
        keymat[i] = (uint8_t)(i * 3 + 7);
    ck_assert_int_eq(esp_in_init(&b->in, NULL, &whole, 0x1001, keymat, 64), 0);
    ck_assert(!opens(b, p, len));
    both_down(b);
    free(b);
}
END_TEST

START_TEST(suites_that_protect_nothing)
{
    static const struct esp_suite bad[] = {
        { ESP_AES_CBC, 256, 0, false },             /* no authentication */
        { ESP_AES_GCM_16, 128, ESP_HMAC_SHA256, false },
        { ESP_AES_CBC, 512, ESP_HMAC_SHA256, false },
        { ESP_AES_CBC, 128, 3, false },             /* DES-MAC */
        { ESP_AES_CBC, 128, 99, false },
        { ESP_AES_CBC, 128, ESP_HMAC_SHA1, true },
        { 11, 0, ESP_HMAC_SHA1, false },            /* NULL */
        { 2, 64, ESP_HMAC_SHA1, false },            /* DES */
    };
    uint8_t keymat[128] = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct esp_out o;
        struct esp_in in;
        ck_assert(!esp_suite_ok(NULL, &bad[i]));
        ck_assert_uint_eq(esp_keymat_len(&bad[i]), 0);
        ck_assert_uint_eq(esp_overhead(&bad[i]), 0);
        ck_assert_str_eq(esp_suite_name(&bad[i]), "unknown");
        ck_assert_int_eq(esp_out_init(&o, NULL, &bad[i], 256, keymat), ADIT_ENOSYS);
        ck_assert_int_eq(esp_in_init(&in, NULL, &bad[i], 256, keymat, 64), ADIT_ENOSYS);
        esp_out_fini(&o);
        esp_in_fini(&in);
    }
}
END_TEST

START_TEST(ivs_differ_and_are_not_counters)
{
    struct both *b = malloc(sizeof *b);
    for (uint32_t n = 0; n < SUITES; n += 5) {
        struct esp_suite s = suite_nth(n);
        uint32_t iv = s.cipher == ESP_AES_CBC ? 16 : 8;
        uint8_t p[3][BUF];
        if (s.cipher == ESP_AES_GCM_16)
            continue;
        both_up(b, &s, 64);
        for (uint32_t i = 0; i < 3; i++)
            sealed(b, i + 1, p[i]);
        uint32_t same01 = 0, same12 = 0;
        for (uint32_t i = 0; i < iv; i++) {
            same01 += p[0][8 + i] == p[1][8 + i];
            same12 += p[1][8 + i] == p[2][8 + i];
        }
        ck_assert_uint_lt(same01, 5);
        ck_assert_uint_lt(same12, 5);
        /* the same payload looks different each time */
        ck_assert_mem_ne(p[0] + 8 + iv, p[1] + 8 + iv, 16);
        both_down(b);
        /* two senders with one key begin elsewhere */
        both_up(b, &s, 64);
        sealed(b, 1, p[1]);
        ck_assert_mem_ne(p[0] + 8, p[1] + 8, iv);
        both_down(b);
    }
    free(b);
}
END_TEST

/* ---- nonsense and forgery --------------------------------------------------------------- */

START_TEST(every_truncation)
{
    struct both *b = malloc(sizeof *b);
    for (uint32_t n = 0; n < SUITES; n++) {
        struct esp_suite s = suite_nth(n);
        uint8_t p[BUF];
        both_up(b, &s, 64);
        uint32_t len = sealed(b, 7, p);
        for (uint32_t cut = 0; cut < len; cut++)
            ck_assert(!opens(b, p, cut));
        ck_assert_uint_eq(b->stat.bad_icv + b->stat.malformed, len);
        memset(p + len, 0, 16);
        for (uint32_t more = 1; more <= 16; more++)
            ck_assert(!opens(b, p, len + more));
        ck_assert_uint_eq(b->in.top, 0);
        ck_assert(opens(b, p, len));
        both_down(b);
    }
    free(b);
}
END_TEST

START_TEST(every_bit)
{
    struct both *b = malloc(sizeof *b);
    for (uint32_t n = 0; n < SUITES; n++) {
        struct esp_suite s = suite_nth(n);
        uint8_t p[BUF];
        both_up(b, &s, 64);
        uint32_t len = sealed(b, 7, p);
        for (uint32_t bit = 0; bit < len * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(1u << (bit & 7));
            ck_assert(!opens(b, p, len));
            p[bit / 8] ^= (uint8_t)(1u << (bit & 7));
        }
        ck_assert_uint_eq(b->in.top, 0);
        ck_assert_uint_eq(b->in.packets, 0);
        ck_assert_uint_eq(b->stat.malformed, 32);       /* the SPI */
        ck_assert(opens(b, p, len));
        both_down(b);
    }
    free(b);
}
END_TEST

/* A peer that pads as it likes: authentic, and yet no packet. */
START_TEST(padding_is_verified)
{
    const struct esp_suite s = { ESP_AES_GCM_16, 128, 0, false };
    struct both *b = malloc(sizeof *b);
    both_up(b, &s, 64);
    static const struct { const char *tail; bool good; } rows[] = {
        { "0102 02 11", true }, { "01020304 04 11", true }, { "00 11", true },
        { "0101 02 11", false }, { "0002 02 11", false }, { "ff 11", false },
        { "010203 04 11", false },              /* reaches into the payload */
    };
    uint8_t keymat[20];
    for (uint32_t i = 0; i < sizeof keymat; i++)
        keymat[i] = (uint8_t)(i * 3 + 7);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* built by hand, since esp_seal() pads well: a length that needs none */
        uint8_t p[128] = { 0, 0, 0x10, 1, 0, 0, 0, (uint8_t)(i + 1) }, nonce[12], text[64] = { 0x99 };
        uint8_t tail[16];
        size_t tail_len = hex_get(tail, sizeof tail, rows[i].tail);
        size_t len = 16 - tail_len % 4;
        memcpy(text + len, tail, tail_len);
        len += tail_len;
        int n;
        memcpy(nonce, keymat + 16, 4);
        memset(nonce + 4, (int)i, 8);
        memcpy(p + 8, nonce + 4, 8);
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex2(c, EVP_aes_128_gcm(), keymat, nonce, NULL);
        EVP_EncryptUpdate(c, NULL, &n, p, 8);
        EVP_EncryptUpdate(c, p + 16, &n, text, (int)len);
        EVP_EncryptFinal_ex(c, p + 16 + len, &n);
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, p + 16 + len);
        EVP_CIPHER_CTX_free(c);
        bool got = opens(b, p, 32 + len);
        ck_assert_msg(got == rows[i].good, "%s", rows[i].tail);
    }
    ck_assert_uint_eq(b->stat.malformed, 4);
    ck_assert_uint_eq(b->stat.bad_icv, 0);
    both_down(b);
    free(b);
}
END_TEST

START_TEST(next_headers)
{
    const struct esp_suite s = { ESP_AES_CBC, 128, ESP_HMAC_SHA1, false };
    struct both *b = malloc(sizeof *b);
    both_up(b, &s, 64);
    static const uint8_t next[] = { 17, 59, 4, 17 };
    for (uint32_t i = 0; i < 4; i++) {
        fill(b, i, 20);
        ck_assert_uint_eq(esp_seal(&b->out, next[i], b->v + i, 1), 1);
    }
    ck_assert_uint_eq(esp_open(&b->in, 17, b->v, 4, &b->stat), 2);
    ck_assert_ptr_eq(b->v[0], &b->f[0]);
    ck_assert_ptr_eq(b->v[1], &b->f[3]);
    ck_assert_uint_eq(b->stat.other, 1);        /* the dummy is not counted (RFC 4303 section 2.6) */
    ck_assert_uint_eq(b->stat.malformed + b->stat.bad_icv + b->stat.replayed, 0);
    ck_assert_uint_eq(b->in.top, 4);
    fill(b, 0, 20);
    esp_seal(&b->out, 4, b->v, 1);
    ck_assert_uint_eq(esp_open(&b->in, 0, b->v, 1, &b->stat), 1);
    both_down(b);
    free(b);
}
END_TEST

START_TEST(frames_without_room)
{
    const struct esp_suite s = { ESP_AES_CBC, 128, ESP_HMAC_SHA256, false };
    struct both *b = malloc(sizeof *b);
    both_up(b, &s, 64);
    for (uint32_t i = 0; i < 4; i++)
        fill(b, i, 40);
    b->f[0].room = b->f[0].data - 23;                   /* one too few */
    b->f[1].room = b->f[1].data - 24;
    b->f[2].end = b->f[2].data + 40 + 8 + 15;           /* padding 6, trailer 2, ICV 16 */
    b->f[3].end = b->f[3].data + 40 + 8 + 16;
    ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 4), 2);
    ck_assert_ptr_eq(b->v[0], &b->f[1]);
    ck_assert_ptr_eq(b->v[1], &b->f[3]);
    ck_assert_uint_eq(b->out.seq, 2);
    ck_assert_uint_eq(b->f[0].len, 40);
    ck_assert_uint_eq(b->f[2].len, 40);
    ck_assert_uint_eq(esp_open(&b->in, 17, b->v, 2, &b->stat), 2);
    both_down(b);
    free(b);
}
END_TEST

START_TEST(sequence_numbers_never_wrap)
{
    const struct esp_suite s = { ESP_AES_GCM_16, 256, 0, false };
    struct both *b = malloc(sizeof *b);
    both_up(b, &s, 64);
    b->out.seq = UINT32_MAX - 2;
    for (uint32_t i = 0; i < 4; i++)
        fill(b, i, 40);
    ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 4), 2);
    ck_assert_uint_eq(b->out.seq, UINT32_MAX);
    ck_assert_uint_eq(esp_open(&b->in, 17, b->v, 2, &b->stat), 2);
    fill(b, 0, 40);
    ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 1), 0);
    both_down(b);
    free(b);
}
END_TEST

/* ---- replay ------------------------------------------------------------------------------ */

START_TEST(replay_window)
{
    const struct esp_suite s = { ESP_AES_GCM_16, 128, 0, false };
    struct both *b = malloc(sizeof *b);
    static const uint32_t windows[] = { 64, 128, 1024, 4096 };
    for (uint32_t w = 0; w < 4; w++) {
        uint32_t window = windows[w], top = window * 2 + 5;
        uint8_t p[BUF];
        both_up(b, &s, window);
        ck_assert_uint_eq(b->in.window, window);
        uint32_t len = sealed(b, top, p);
        ck_assert(opens(b, p, len));
        ck_assert(!opens(b, p, len));
        len = sealed(b, top - window, p);               /* just left of it */
        ck_assert(!opens(b, p, len));
        len = sealed(b, top - window + 1, p);           /* its last place */
        ck_assert(opens(b, p, len));
        ck_assert(!opens(b, p, len));
        ck_assert_uint_eq(b->stat.replayed, 3);
        for (uint32_t seq = top - 1; seq > top - window + 1; seq--) {
            len = sealed(b, seq, p);
            ck_assert(opens(b, p, len));
            ck_assert(!opens(b, p, len));
        }
        /* far ahead: everything before is too old */
        len = sealed(b, top + 3 * window, p);
        ck_assert(opens(b, p, len));
        len = sealed(b, top, p);
        ck_assert(!opens(b, p, len));
        len = sealed(b, top + 2 * window + 1, p);
        ck_assert(opens(b, p, len));
        ck_assert_uint_eq(b->in.top, top + 3 * window);
        len = sealed(b, UINT32_MAX, p);
        ck_assert(opens(b, p, len));
        ck_assert(!opens(b, p, len));
        len = sealed(b, UINT32_MAX - window + 1, p);
        ck_assert(opens(b, p, len));
        both_down(b);
    }
    free(b);
}
END_TEST

/* Against a window without cleverness, in a random order with repetitions. */
START_TEST(replay_orders)
{
    const struct esp_suite s = { ESP_AES_CBC, 128, ESP_HMAC_SHA1, false };
    struct both *b = malloc(sizeof *b);
    static uint8_t seen[20000];
    uint32_t x = 4711, top = 0;
    both_up(b, &s, 192);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < 15000; i++) {
        x = x * 1103515245 + 12345;
        uint32_t back = x >> 16 & 255, seq = top + 3 > back ? top + 3 - back : 1;
        if ((x >> 8 & 255) == 0)
            seq = top + 100 + back;
        if (seq == 0 || seq >= sizeof seen)
            continue;
        bool want = seq > top || (top - seq < 192 && !seen[seq]);
        uint8_t p[BUF];
        uint32_t len = sealed(b, seq, p);
        ck_assert(opens(b, p, len) == want);
        seen[seq] = 1;
        if (seq > top)
            top = seq;
        ck_assert_uint_eq(b->in.top, top);
    }
    ck_assert_uint_gt(top, 5000);
    both_down(b);
    free(b);
}
END_TEST

/* Twice in one vector: the MAC of both is right before either is noted. */
START_TEST(replay_within_a_vector)
{
    struct both *b = malloc(sizeof *b);
    for (uint32_t n = 0; n < SUITES; n++) {
        struct esp_suite s = suite_nth(n);
        both_up(b, &s, 64);
        for (uint32_t i = 0; i < 3; i++)
            fill(b, i, 100);
        ck_assert_uint_eq(esp_seal(&b->out, 17, b->v, 2), 2);
        memcpy(b->buf[2], b->f[1].data, b->f[1].len);
        b->f[2] = adit_frame_of(b->buf[2], b->f[1].len, 0, b->f[1].len);
        ck_assert_uint_eq(esp_open(&b->in, 17, b->v, 3, &b->stat), 2);
        ck_assert_uint_eq(b->stat.replayed, 1);
        both_down(b);
    }
    free(b);
}
END_TEST

/* A forged number must not move the window (RFC 4303 section 3.4.3). */
START_TEST(forgery_moves_nothing)
{
    const struct esp_suite s = { ESP_AES_CBC, 256, ESP_HMAC_SHA256, false };
    struct both *b = malloc(sizeof *b);
    uint8_t p[BUF], q[BUF];
    both_up(b, &s, 64);
    uint32_t len = sealed(b, 1, p);
    memcpy(q, p, len);
    q[4] = 0xff;
    ck_assert(!opens(b, q, len));
    ck_assert_uint_eq(b->in.top, 0);
    ck_assert(opens(b, p, len));
    q[4] = 0;
    q[7] = 0;                   /* never a number */
    ck_assert(!opens(b, q, len));
    ck_assert_uint_eq(b->stat.bad_icv, 1);
    ck_assert_uint_eq(b->stat.replayed, 1);
    both_down(b);
    free(b);
}
END_TEST

START_TEST(without_a_window)
{
    const struct esp_suite s = { ESP_AES_GCM_16, 128, 0, false };
    struct both *b = malloc(sizeof *b);
    uint8_t p[BUF];
    both_up(b, &s, 0);
    uint32_t len = sealed(b, 9, p);
    ck_assert(opens(b, p, len));
    ck_assert(opens(b, p, len));
    ck_assert_uint_eq(b->in.top, 9);
    both_down(b);
    both_up(b, &s, 100);        /* rounded up */
    ck_assert_uint_eq(b->in.window, 128);
    both_down(b);
    both_up(b, &s, 99999);
    ck_assert_uint_eq(b->in.window, ESP_WINDOW_MAX);
    both_down(b);
    free(b);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        macs, macs_of_vectors, rfc3602_aes_cbc, mcgrew_aes_gcm, scapy_packets,
        every_suite_and_length, vectors_of_mixed_lengths, A11_sha256_of_96_bits, suites_that_protect_nothing,
        ivs_differ_and_are_not_counters, every_truncation, every_bit, padding_is_verified,
        next_headers, frames_without_room, sequence_numbers_never_wrap, replay_window,
        replay_orders, replay_within_a_vector, forgery_moves_nothing, without_a_window, NULL
    };
    return unit_suite("esp", tests);
}
UNIT_MAIN(suite)
