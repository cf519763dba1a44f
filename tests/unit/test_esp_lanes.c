/* test_esp_lanes.c - every variant of the lanes that this processor can run, also those
 * that it would not choose, against OpenSSL. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "esp_lanes.c"

static uint8_t data[LANES][2048];

static void setup(void)
{
    uint32_t x = 99;
    for (uint32_t i = 0; i < LANES; i++)
        for (uint32_t k = 0; k < sizeof data[i]; k++)
            data[i][k] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
}

#if defined(__x86_64__)
/* Lanes of different speed: odd ones stand still after the first call. */
static void against(lanes_digest *run, const uint32_t *start, uint32_t words, bool sha1)
{
    struct lanes_state s;
    const uint8_t *p[LANES];
    size_t step[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
        for (uint32_t k = 0; k < 8; k++)
            s.w[k][i] = start[k];
        p[i] = data[i] + i;             /* not aligned */
        step[i] = 64;
    }
    run(&s, p, step, 5);
    for (uint32_t i = 1; i < LANES; i += 2)
        step[i] = 0;
    run(&s, p, step, 3);
    for (uint32_t i = 0; i < LANES; i++) {
        uint32_t got[8];
        for (uint32_t k = 0; k < words; k++)
            got[k] = s.w[k][i];
        ck_assert_ptr_eq(p[i], data[i] + i + (i & 1 ? 5 : 8) * 64);
        SHA_CTX a;
        SHA256_CTX b;
        SHA1_Init(&a);
        SHA256_Init(&b);
        for (uint32_t block = 0; block < 8; block++) {
            const uint8_t *at = data[i] + i + 64 * (i & 1 && block > 5 ? 5 : block);
            SHA1_Transform(&a, at);
            SHA256_Transform(&b, at);
        }
        if (sha1)
            ck_assert_mem_eq(got, &a.h0, words * 4);
        else
            ck_assert_mem_eq(got, b.h, words * 4);
    }
}

static bool avx2(void) { return __builtin_cpu_supports("avx2"); }
static bool avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

START_TEST(digests)
{
#if defined(__x86_64__)
    SHA_CTX a;
    SHA256_CTX b;
    uint32_t start[8] = { 0 };
    SHA1_Init(&a);
    SHA256_Init(&b);
    memcpy(start, &a.h0, 20);
    if (avx2())
        against(sha1_avx2, start, 5, true);
    if (avx512())
        against(sha1_avx512, start, 5, true);
    if (avx2())
        against(sha256_avx2, b.h, 8, false);
    if (avx512())
        against(sha256_avx512, b.h, 8, false);
#endif
}
END_TEST

START_TEST(aes_cbc)
{
    static const char *const evp[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" };
    lanes_cbc *run = esp_lanes_cbc();
    for (uint32_t n = 0; run && n < 3; n++) {
        struct lanes_aes k;
        uint8_t out[LANES][1600], want[1600], chain[LANES][16], *p[LANES];
        size_t step[LANES];
        esp_lanes_aes(&k, data[3], 128 + 64 * n);
        for (uint32_t i = 0; i < LANES; i++) {
            memcpy(out[i], data[i], sizeof out[i]);
            memset(chain[i], (int)i, 16);
            p[i] = out[i];
            step[i] = 16;
        }
        run(&k, p, step, chain, 40);
        run(&k, p, step, chain, 60);    /* goes on where it was */
        for (uint32_t i = 0; i < LANES; i++) {
            EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, evp[n], NULL);
            EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
            uint8_t iv[16];
            int len;
            memset(iv, (int)i, 16);
            ck_assert_int_eq(EVP_EncryptInit_ex2(x, c, data[3], iv, NULL), 1);
            ck_assert_int_eq(EVP_EncryptUpdate(x, want, &len, data[i], 1600), 1);
            ck_assert_mem_eq(out[i], want, 1600);
            ck_assert_mem_eq(chain[i], want + 1584, 16);
            ck_assert_ptr_eq(p[i], out[i] + 1600);
            EVP_CIPHER_CTX_free(x);
            EVP_CIPHER_free(c);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { digests, aes_cbc, NULL };
    setup();
    return unit_suite("esp lanes", tests);
}
UNIT_MAIN(suite)
