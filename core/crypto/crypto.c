/* crypto.c - digests and random bytes.
 *
 * Knows:  OpenSSL 3: a library context of our own with the default and the
 *         legacy provider, what it offers, each algorithm fetched once.
 * Leaves: what is computed with them.
 */
#include "crypto/crypto.h"
#include "crypto/crypto_in.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { DIGESTS = ADIT_SHA512 + 1 };

static struct {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *dflt, *legacy;
    EVP_MD *md[DIGESTS];
    EVP_CIPHER *des;
    EVP_KDF *scrypt;
    char missing[64];
} lib;

static pthread_mutex_t lib_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool lib_ready;

static void need(const void *fetched, const char *name)
{
    size_t at = strlen(lib.missing);
    if (!fetched)
        snprintf(lib.missing + at, sizeof lib.missing - at, "%s%s", at ? ", " : "", name);
}

static void lib_load(void)
{
    static const char *const names[DIGESTS] = {
        [ADIT_MD4] = "MD4", [ADIT_MD5] = "MD5", [ADIT_SHA1] = "SHA1",
        [ADIT_SHA256] = "SHA256", [ADIT_SHA512] = "SHA512",
    };
    lib.missing[0] = '\0';
    /* A context of our own reads no openssl.cnf: the policy of the host for its
     * other programs neither stops us nor is weakened by us. */
    ERR_set_mark();
    lib.ctx = OSSL_LIB_CTX_new();
    if (lib.ctx) {
        lib.dflt = OSSL_PROVIDER_load(lib.ctx, "default");
        lib.legacy = OSSL_PROVIDER_load(lib.ctx, "legacy");
        for (int i = 1; i < DIGESTS; i++)
            lib.md[i] = EVP_MD_fetch(lib.ctx, names[i], NULL);
        lib.des = EVP_CIPHER_fetch(lib.ctx, "DES-ECB", NULL);
        lib.scrypt = EVP_KDF_fetch(lib.ctx, "SCRYPT", NULL);
    }
    for (int i = 1; i < DIGESTS; i++)
        need(lib.md[i], names[i]);
    need(lib.des, "DES");
    need(lib.scrypt, "scrypt");
    ERR_pop_to_mark();
}

static void lib_need(void)
{
    if (atomic_load_explicit(&lib_ready, memory_order_acquire))
        return;
    pthread_mutex_lock(&lib_lock);
    if (!atomic_load_explicit(&lib_ready, memory_order_relaxed)) {
        lib_load();
        atomic_store_explicit(&lib_ready, true, memory_order_release);
    }
    pthread_mutex_unlock(&lib_lock);
}

int crypto_init(void)
{
    lib_need();
    return lib.missing[0] ? ADIT_ENOSYS : 0;
}

void crypto_fini(void)
{
    pthread_mutex_lock(&lib_lock);
    for (int i = 1; i < DIGESTS; i++)
        EVP_MD_free(lib.md[i]);
    EVP_CIPHER_free(lib.des);
    EVP_KDF_free(lib.scrypt);
    if (lib.legacy)
        OSSL_PROVIDER_unload(lib.legacy);
    if (lib.dflt)
        OSSL_PROVIDER_unload(lib.dflt);
    OSSL_LIB_CTX_free(lib.ctx);
    memset(&lib, 0, sizeof lib);
    atomic_store(&lib_ready, false);
    pthread_mutex_unlock(&lib_lock);
}

const char *crypto_missing(void)
{
    lib_need();
    return lib.missing;
}

EVP_MD *crypto_md(uint32_t algorithm)
{
    lib_need();
    return algorithm > 0 && algorithm < DIGESTS ? lib.md[algorithm] : NULL;
}

EVP_CIPHER *crypto_des(void)
{
    lib_need();
    return lib.des;
}

EVP_KDF *crypto_scrypt(void)
{
    lib_need();
    return lib.scrypt;
}

int crypto_digest(uint32_t algorithm, const struct adit_chunk *c, uint32_t n, uint8_t *out)
{
    if (algorithm == 0 || algorithm >= DIGESTS)
        return ADIT_EINVAL;
    EVP_MD *md = crypto_md(algorithm);
    if (!md)
        return ADIT_ENOSYS;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return ADIT_ENOMEM;
    int ok = EVP_DigestInit_ex2(ctx, md, NULL);
    for (uint32_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, c[i].p, (size_t)c[i].len);
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL);
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : ADIT_EIO;
}

/* RFC 2104, on our digests: a fetched EVP_MAC would be one more thing to own. */
int crypto_hmac(uint32_t algorithm, const void *key, uint32_t key_len,
                const struct adit_chunk *c, uint32_t n, uint8_t *out)
{
    uint8_t pad[128] = { 0 }, inner[64];
    size_t block = algorithm == ADIT_SHA512 ? 128 : 64;
    size_t size;
    int rc;

    switch (algorithm) {
    case ADIT_MD4: case ADIT_MD5: size = 16; break;
    case ADIT_SHA1:               size = 20; break;
    case ADIT_SHA256:             size = 32; break;
    case ADIT_SHA512:             size = 64; break;
    default:                      return ADIT_EINVAL;
    }
    struct adit_chunk few[9], *v = few;
    if (n >= sizeof few / sizeof few[0] && !(v = calloc((size_t)n + 1, sizeof *v)))
        return ADIT_ENOMEM;
    if (key_len > block) {
        struct adit_chunk k = { key, key_len };
        rc = crypto_digest(algorithm, &k, 1, pad);
    } else {
        if (key_len)
            memcpy(pad, key, key_len);
        rc = 0;
    }
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    v[0] = (struct adit_chunk){ pad, block };
    for (uint32_t i = 0; i < n; i++)
        v[i + 1] = c[i];
    if (rc == 0)
        rc = crypto_digest(algorithm, v, n + 1, inner);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    if (rc == 0) {
        struct adit_chunk o[2] = { { pad, block }, { inner, size } };
        rc = crypto_digest(algorithm, o, 2, out);
    }
    if (v != few)
        free(v);
    bytes_wipe(pad, sizeof pad);
    bytes_wipe(inner, sizeof inner);
    return rc;
}

void crypto_random(void *out, uint32_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got <= 0) {
            if (got < 0 && errno == EINTR)
                continue;
            /* Predictable challenges and keys are worse than no daemon. */
            abort();
        }
        at += got;
        len -= (uint32_t)got;
    }
}

static int32_t api_nt_hash(const char *password, uint32_t len, uint8_t out[16])
{
    return nt_password_hash(password, len, out);
}

const struct adit_crypto_api crypto_api = {
    .size = sizeof crypto_api,
    .digest = crypto_digest,
    .hmac = crypto_hmac,
    .random = crypto_random,
    .nt_hash = api_nt_hash,
    .password_hash = password_hash,
    .password_check = password_check,
};
