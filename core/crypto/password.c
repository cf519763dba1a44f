/* password.c - the strong hash of a password, as text to store.
 *
 *     $scrypt$ln=15,r=8,p=1$<salt>$<hash>      (RFC 7914; base64 without padding)
 *
 * Knows:  scrypt's parameters, their bounds, the text.
 * Leaves: where it is stored.
 */
#include "crypto/crypto_in.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>

enum { LN = 15, R = 8, P = 1, SALT = 16, HASH = 32 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void b64_put(struct wr *w, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < len ? p[i + 2] : 0);
        wr_u8(w, (uint8_t)digits[v >> 18]);
        wr_u8(w, (uint8_t)digits[v >> 12 & 63]);
        if (i + 1 < len)
            wr_u8(w, (uint8_t)digits[v >> 6 & 63]);
        if (i + 2 < len)
            wr_u8(w, (uint8_t)digits[v & 63]);
    }
}

/* Up to `end` (or the end of the text); bytes decoded, 0: not base64. */
static size_t b64_get(struct rd *r, char end, uint8_t *out, size_t size)
{
    struct wr w = wr_of(out, size);
    uint32_t v = 0, bits = 0;
    while (rd_left(r) > 0) {
        char c = (char)rd_u8(r);
        if (c == end && end)
            break;
        const char *at = c ? strchr(digits, c) : NULL;
        if (!at)
            return 0;
        v = v << 6 | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            wr_u8(&w, (uint8_t)(v >> bits));
        }
    }
    return wr_ok(&w) && bits < 6 && (v & ((1u << bits) - 1)) == 0 ? wr_len(&w) : 0;
}

static int scrypt(const char *password, uint32_t len, const uint8_t *salt, size_t salt_len,
                  uint32_t ln, uint32_t r, uint32_t p, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = crypto_scrypt();
    if (!kdf)
        return ADIT_ENOSYS;
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    if (!ctx)
        return ADIT_ENOMEM;
    uint64_t n = (uint64_t)1 << ln, max = (uint64_t)160 << 20;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password, len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max),
        OSSL_PARAM_construct_end(),
    };
    ERR_set_mark();
    int ok = EVP_KDF_derive(ctx, out, out_len, params);
    ERR_pop_to_mark();
    EVP_KDF_CTX_free(ctx);
    return ok > 0 ? 0 : ADIT_ENOMEM;
}

int password_hash(const char *password, uint32_t len, char *out, uint32_t out_size)
{
    uint8_t salt[SALT], hash[HASH];
    char head[32];
    crypto_random(salt, sizeof salt);
    int rc = scrypt(password, len, salt, sizeof salt, LN, R, P, hash, sizeof hash);
    if (rc)
        return rc;
    struct wr w = wr_of(out, out_size);
    int n = snprintf(head, sizeof head, "$scrypt$ln=%d,r=%d,p=%d$", LN, R, P);
    wr_bytes(&w, head, (size_t)n);
    b64_put(&w, salt, sizeof salt);
    wr_u8(&w, '$');
    b64_put(&w, hash, sizeof hash);
    wr_u8(&w, '\0');
    bytes_wipe(hash, sizeof hash);
    return wr_ok(&w) ? 0 : ADIT_ENOSPC;
}

/* "name=" and a decimal number up to `end`. */
static uint32_t number(struct rd *r, const char *name, char end)
{
    const uint8_t *at = rd_bytes(r, strlen(name));
    if (!at || memcmp(at, name, strlen(name)) != 0)
        r->bad = true;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = (char)rd_u8(r);
        if (c == end && i > 0)
            return v;
        if (c < '0' || c > '9')
            break;
        v = v * 10 + (uint32_t)(c - '0');
    }
    r->bad = true;
    return 0;
}

/* 0, ADIT_EAUTH (another password), ADIT_EINVAL (not such a text, or one whose
 * parameters would let a file stop the daemon: up to 128 MB and 2^18 rounds). */
int password_check(const char *password, uint32_t len, const char *hash)
{
    uint8_t salt[64], want[64], got[64];
    struct rd r = rd_of(hash, strnlen(hash, 512));
    uint32_t ln = number(&r, "$scrypt$ln=", ','), rr = number(&r, "r=", ','),
             p = number(&r, "p=", '$');
    size_t salt_len = b64_get(&r, '$', salt, sizeof salt);
    size_t want_len = b64_get(&r, '\0', want, sizeof want);
    if (!rd_done(&r) || ln < 1 || ln > 18 || rr < 1 || rr > 32 || p < 1 || p > 16 ||
        ((uint64_t)rr << ln) * 128 > (uint64_t)128 << 20 || ((uint64_t)rr * p << ln) > 1u << 22 ||
        salt_len < 8 || want_len < 16)
        return ADIT_EINVAL;
    int rc = scrypt(password, len, salt, salt_len, ln, rr, p, got, want_len);
    if (rc == 0 && !bytes_equal(got, want, want_len))
        rc = ADIT_EAUTH;
    bytes_wipe(got, sizeof got);
    return rc;
}
