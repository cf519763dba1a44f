/* ike_path.c - what a handshake costs in computing: per second on one core, of each
 * group and each kind of key.
 *
 *     bench/ike_path [ms per figure]
 */
#include "../plugins/ipsec-ike/ike_cert.h"
#include "../plugins/ipsec-ike/ike_crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define must(x) ((x) ? (void)0 : abort())

static OSSL_LIB_CTX *lib;

/* of this thread, so that a busy host does not count */
static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct job {
    const struct ike_group *group;
    struct ike_proposal p;
    struct ike_dh *dh, *peer;
    uint8_t public[IKE_PUBLIC_MAX];
    EVP_PKEY *key;
    uint8_t sig[512];
    size_t sig_len;
};

static const uint8_t digest[IKE_HASH_MAX] = "HASH_I";

static void dh_new(struct job *j) { ike_dh_free(ike_dh_new(lib, j->group)); }

static void dh_shared(struct job *j)
{
    uint8_t z[IKE_PUBLIC_MAX];
    must(ike_dh_shared(j->dh, j->public, j->group->public_len, z));
}

/* SKEYID and what follows, both hashes, both encrypted messages of phase 1. */
static void keys(struct job *j)
{
    static const uint8_t nonce[32], cookie[8], z[IKE_PUBLIC_MAX], sa[200], id[8];
    const struct ike_exchange_values v = {
        cookie, cookie, nonce, nonce, 32, 32, j->public, j->public, j->group->public_len, z,
        j->group->shared_len,
    };
    struct ike_keys k;
    uint8_t out[IKE_HASH_MAX], m[64] = { 0 };
    must(ike_keys_psk(lib, &k, &j->p, (const uint8_t *)"secret", 6, &v));
    must(ike_hash_phase1(lib, &k, true, &v, sa, sizeof sa, id, sizeof id, out));
    must(ike_hash_phase1(lib, &k, false, &v, sa, sizeof sa, id, sizeof id, out));
    must(ike_decrypt(lib, &k, k.iv, m, sizeof m) && ike_encrypt(lib, &k, k.iv, m, sizeof m));
}

/* A responder's phase 1 with a pre-shared key, but for the messages. */
static void whole(struct job *j)
{
    uint8_t z[IKE_PUBLIC_MAX];
    struct ike_dh *d = ike_dh_new(lib, j->group);
    must(d && ike_dh_shared(d, j->public, j->group->public_len, z));
    ike_dh_free(d);
    keys(j);
}

static void sign(struct job *j)
{
    j->sig_len = ike_cert_sign(lib, j->key, digest, 32, j->sig, sizeof j->sig);
    must(j->sig_len);
}

static void verify(struct job *j)
{
    must(ike_cert_verify(lib, j->key, digest, 32, j->sig, j->sig_len));
}

static double per_second(void (*what)(struct job *), struct job *j, double ms)
{
    double from = now_ms(), took;
    uint64_t n = 0;
    what(j);                    /* what is fetched is there from here on */
    from = now_ms();
    do {
        what(j);
        n++;
        took = now_ms() - from;
    } while (took < ms);
    return (double)n * 1e3 / took;
}

int main(int argc, char **argv)
{
    static const uint16_t groups[] = { 14, 15, 16, 19, 20, 31 };
    static const struct { const char *name, *kind; size_t bits; } signs[] = {
        { "RSA 2048", NULL, 2048 }, { "RSA 3072", NULL, 3072 }, { "ECDSA 256", "P-256", 0 },
        { "ECDSA 384", "P-384", 0 },
    };
    double ms = argc > 1 ? atof(argv[1]) : 300;
    const char *why;
    lib = ike_lib_new(&why);
    must(lib);
    printf("per second and core   pair of keys    shared value   keys and hashes   phase 1, responder\n");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct job j = { .group = ike_group_of(groups[i]) };
        char text[48], no[128];
        snprintf(text, sizeof text, "aes256-sha256-%s", j.group->name);
        must(ike_proposal_parse(text, &j.p, no, sizeof no));
        j.dh = ike_dh_new(lib, j.group);
        j.peer = ike_dh_new(lib, j.group);
        must(j.dh && j.peer);
        ike_dh_public(j.peer, j.public);
        double pair = per_second(dh_new, &j, ms), shared = per_second(dh_shared, &j, ms);
        double hashes = per_second(keys, &j, ms), all = per_second(whole, &j, ms);
        printf("%-20s %13.0f %15.0f %17.0f %20.0f\n", j.group->name, pair, shared, hashes, all);
        ike_dh_free(j.dh);
        ike_dh_free(j.peer);
    }
    printf("\nper second and core       signatures    verifications\n");
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        struct job j = { .group = NULL };
        j.key = signs[i].kind ? EVP_PKEY_Q_keygen(lib, NULL, "EC", signs[i].kind)
                              : EVP_PKEY_Q_keygen(lib, NULL, "RSA", signs[i].bits);
        must(j.key);
        double made = per_second(sign, &j, ms), checked = per_second(verify, &j, ms);
        printf("%-20s %15.0f %16.0f\n", signs[i].name, made, checked);
        EVP_PKEY_free(j.key);
    }
    ike_lib_free(lib);
    return 0;
}
