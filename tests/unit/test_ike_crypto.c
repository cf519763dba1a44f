/* test_ike_crypto.c - Diffie-Hellman, keys and hashes of IKEv1 against published vectors. */

/* itself, for private values that the RFC gives */
#include "../../plugins/ipsec-ike/ike_crypto.c"
#include "hex.h"
#include "unit.h"

static OSSL_LIB_CTX *lib;

static void up(void)
{
    const char *why;
    lib = ike_lib_new(&why);
    ck_assert_msg(lib != NULL, "%s", why);
}

static void down(void) { ike_lib_free(lib); }

static const uint16_t groups[] = { 2, 5, 14, 15, 16, 19, 20, 31 };

/* A key pair that the vector gives. */
static struct ike_dh *dh_of(uint16_t id, const char *private, const char *public)
{
    uint8_t x[IKE_PUBLIC_MAX], y[IKE_PUBLIC_MAX + 1] = { POINT_UNCOMPRESSED };
    struct ike_dh *d = calloc(1, sizeof *d);
    d->lib = lib;
    d->group = ike_group_of(id);
    size_t n = hex_get(x, sizeof x, private);
    if (d->group->kind == IKE_X25519) {
        d->key = EVP_PKEY_new_raw_private_key_ex(lib, "X25519", NULL, x, n);
    } else {
        ck_assert_uint_eq(hex_get(y + 1, sizeof y - 1, public), d->group->public_len);
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        BIGNUM *p = BN_bin2bn(x, (int)n, NULL);
        ck_assert(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME,
                                                  id == 19 ? "P-256" : "P-384", 0));
        ck_assert(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, p));
        ck_assert(OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, y,
                                                   d->group->public_len + 1u));
        OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(lib, "EC", NULL);
        ck_assert_int_gt(EVP_PKEY_fromdata_init(c), 0);
        ck_assert_int_gt(EVP_PKEY_fromdata(c, &d->key, EVP_PKEY_KEYPAIR, params), 0);
        EVP_PKEY_CTX_free(c);
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(b);
        BN_free(p);
    }
    ck_assert_ptr_nonnull(d->key);
    ck_assert(public_of(d));
    hex_eq(d->public, d->group->public_len, public);
    return d;
}

/* Both sides of a vector reach the value that is published. */
static void vector(uint16_t id, const char *i, const char *gi, const char *r, const char *gr,
                   const char *shared)
{
    struct ike_dh *a = dh_of(id, i, gi), *b = dh_of(id, r, gr);
    uint8_t pa[IKE_PUBLIC_MAX], pb[IKE_PUBLIC_MAX], za[IKE_PUBLIC_MAX], zb[IKE_PUBLIC_MAX];
    ike_dh_public(a, pa);
    ike_dh_public(b, pb);
    ck_assert(ike_dh_shared(a, pb, a->group->public_len, za));
    ck_assert(ike_dh_shared(b, pa, a->group->public_len, zb));
    hex_eq(za, a->group->shared_len, shared);
    hex_eq(zb, a->group->shared_len, shared);
    ike_dh_free(a);
    ike_dh_free(b);
}

START_TEST(rfc5903_section_8_1_ecp256)
{
    vector(19, "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
           "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
           "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
           "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
           "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
           "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
           "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE");
}
END_TEST

START_TEST(rfc5903_section_8_2_ecp384)
{
    vector(20,
           "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655"
           "E35B538041E649EE3FAEF896783AB194",
           "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6"
           "DE3AC808ACB4BDB4C88732AEE95F41AA"
           "9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38E"
           "EB9FCFF3C2C947DAE69B4C634573A81C",
           "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942"
           "E0308312916B8ED2960E4BD55A7448FC",
           "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D"
           "0D1AC43A0336DEF96FDA41D0774A3571"
           "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FF"
           "F83FA40142209DFF5EAAD96DB9E6386C",
           "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4"
           "D603135569B9E9D09CF5D4A270F59746");
}
END_TEST

START_TEST(rfc7748_section_6_1_x25519)
{
    vector(31, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
           "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
           "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
           "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
           "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}
END_TEST

START_TEST(both_sides_of_every_group_agree)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const struct ike_group *g = ike_group_of(groups[i]);
        struct ike_dh *a = ike_dh_new(lib, g), *b = ike_dh_new(lib, g);
        uint8_t pa[IKE_PUBLIC_MAX], pb[IKE_PUBLIC_MAX], za[IKE_PUBLIC_MAX], zb[IKE_PUBLIC_MAX];
        ck_assert_msg(a && b, "%s", g->name);
        ike_dh_public(a, pa);
        ike_dh_public(b, pb);
        ck_assert_mem_ne(pa, pb, g->public_len);
        ck_assert_msg(ike_dh_shared(a, pb, g->public_len, za), "%s", g->name);
        ck_assert(ike_dh_shared(b, pa, g->public_len, zb));
        ck_assert_mem_eq(za, zb, g->shared_len);
        ike_dh_free(a);
        ike_dh_free(b);
    }
}
END_TEST

/* RFC 3526: the modulus, its beginning and its end, is the one that is used. */
START_TEST(modp_groups_are_those_of_the_rfc)
{
    for (size_t i = 0; i < 5; i++) {
        const struct ike_group *g = ike_group_of(groups[i]);
        struct ike_dh *d = ike_dh_new(lib, g);
        BIGNUM *p = NULL, *gen = NULL;
        uint8_t n[IKE_PUBLIC_MAX];
        ck_assert_int_gt(EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_P, &p), 0);
        ck_assert_int_gt(EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_G, &gen), 0);
        ck_assert(BN_is_word(gen, 2));
        ck_assert_int_eq(BN_bn2binpad(p, n, g->public_len), g->public_len);
        hex_eq(n, 20u, "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B");
        ck_assert_int_eq(BN_check_prime(p, NULL, NULL), 1);
        ck_assert(BN_rshift1(p, p) && BN_check_prime(p, NULL, NULL) == 1);      /* a safe one */
        BN_free(p);
        BN_free(gen);
        ike_dh_free(d);
    }
}
END_TEST

static void refused(const struct ike_dh *d, const uint8_t *peer, size_t len)
{
    uint8_t z[IKE_PUBLIC_MAX];
    static const uint8_t zero[IKE_PUBLIC_MAX];
    memset(z, 0xa5, sizeof z);
    ck_assert(!ike_dh_shared(d, peer, len, z));
    ck_assert_mem_eq(z, zero, d->group->shared_len);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

START_TEST(values_outside_a_modp_group_are_refused)
{
    for (size_t i = 0; i < 5; i++) {
        const struct ike_group *g = ike_group_of(groups[i]);
        struct ike_dh *d = ike_dh_new(lib, g);
        BIGNUM *p = NULL;
        uint8_t y[IKE_PUBLIC_MAX] = { 0 }, z[IKE_PUBLIC_MAX];
        EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_P, &p);
        refused(d, y, g->public_len);                   /* 0 */
        y[g->public_len - 1] = 1;
        refused(d, y, g->public_len);                   /* 1 */
        y[g->public_len - 1] = 2;
        ck_assert(ike_dh_shared(d, y, g->public_len, z));       /* 2 is one */
        refused(d, y, g->public_len - 1u);
        refused(d, y, 0);
        BN_bn2binpad(p, y, g->public_len);
        refused(d, y, g->public_len);                   /* p */
        BN_sub_word(p, 1);
        BN_bn2binpad(p, y, g->public_len);
        refused(d, y, g->public_len);                   /* p - 1 */
        memset(y, 0xff, g->public_len);
        refused(d, y, g->public_len);
        BN_sub_word(p, 1);
        BN_bn2binpad(p, y, g->public_len);
        ck_assert(ike_dh_shared(d, y, g->public_len, z));       /* p - 2 is one */
        BN_free(p);
        ike_dh_free(d);
    }
}
END_TEST

START_TEST(points_outside_the_curve_are_refused)
{
    for (uint16_t id = 19; id <= 20; id++) {
        const struct ike_group *g = ike_group_of(id);
        struct ike_dh *d = ike_dh_new(lib, g);
        uint8_t y[IKE_PUBLIC_MAX] = { 0 };
        refused(d, y, g->public_len);                   /* (0, 0) */
        ike_dh_public(d, y);
        y[g->public_len - 1] ^= 1;
        refused(d, y, g->public_len);
        memset(y, 0xff, g->public_len);
        refused(d, y, g->public_len);                   /* not below the field's prime */
        ike_dh_free(d);
    }
}
END_TEST

/* RFC 7748 section 6.1: points of small order give zero. */
START_TEST(a_zero_result_of_x25519_is_refused)
{
    static const char *const small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct ike_dh *d = ike_dh_new(lib, ike_group_of(31));
    uint8_t y[32];
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        hex_get(y, sizeof y, small[i]);
        refused(d, y, sizeof y);
    }
    ike_dh_free(d);
}
END_TEST

/* RFC 2202 and RFC 4231: HMAC in pieces, with a key longer than a block, too. */
START_TEST(prf_is_hmac)
{
    uint8_t key[131], out[IKE_HASH_MAX];
    memset(key, 0xaa, sizeof key);
    const struct adit_chunk two[] = { { "what do ya want ", 16 }, { "for nothing?", 12 } };
    const struct adit_chunk one = { "Test Using Larger Than Block-Size Key - Hash Key First", 54 };
    ck_assert(ike_prf(lib, ike_hash_of(IKE_MD5), (const uint8_t *)"Jefe", 4, two, 2, out));
    hex_eq(out, 16u, "750c783e6ab0b503eaa86e310a5db738");
    ck_assert(ike_prf(lib, ike_hash_of(IKE_SHA1), (const uint8_t *)"Jefe", 4, two, 2, out));
    hex_eq(out, 20u, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    ck_assert(ike_prf(lib, ike_hash_of(IKE_SHA256), key, 131, &one, 1, out));
    hex_eq(out, 32u, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    ck_assert(ike_prf(lib, ike_hash_of(IKE_SHA384), key, 131, &one, 1, out));
    hex_eq(out, 48u, "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
                     "0c2ef6ab4030fe8296248df163f44952");
    ck_assert(ike_prf(lib, ike_hash_of(IKE_SHA512), key, 131, &one, 1, out));
    hex_eq(out, 64u, "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                     "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
    ck_assert(ike_digest(lib, ike_hash_of(IKE_SHA1), &(struct adit_chunk){ "abc", 3 }, 1, out));
    hex_eq(out, 20u, "a9993e364706816aba3e25717850c26c9cd0d89d");
}
END_TEST

/* Two nonces and two cookies that differ in one byte give other keys everywhere;
 * the initiator's HASH is not the responder's. */
START_TEST(hashes_depend_on_the_role)
{
    struct ike_proposal p;
    struct ike_keys k;
    char why[128];
    uint8_t a[IKE_HASH_MAX], b[IKE_HASH_MAX];
    const struct ike_exchange_values v = {
        (const uint8_t *)"iiiiiiii", (const uint8_t *)"rrrrrrrr", (const uint8_t *)"nonce-i",
        (const uint8_t *)"nonce-r",  7, 7, (const uint8_t *)"ke-i", (const uint8_t *)"ke-r", 4,
        (const uint8_t *)"shared", 6,
    };
    ck_assert(ike_proposal_parse("aes256-sha1-modp2048", &p, why, sizeof why));
    ck_assert(ike_keys_psk(lib, &k, &p, (const uint8_t *)"psk", 3, &v));
    ck_assert(ike_hash_phase1(lib, &k, true, &v, (const uint8_t *)"SA", 2, (const uint8_t *)"ID", 2, a));
    ck_assert(ike_hash_phase1(lib, &k, false, &v, (const uint8_t *)"SA", 2, (const uint8_t *)"ID", 2, b));
    ck_assert_mem_ne(a, b, 20);
    struct ike_keys sig;
    ck_assert(ike_keys_sig(lib, &sig, &p, &v));
    ck_assert_mem_ne(k.skeyid, sig.skeyid, 20);
    ike_keys_wipe(&k);
    for (size_t i = 0; i < sizeof k; i++)
        ck_assert_uint_eq(((uint8_t *)&k)[i], 0);
}
END_TEST

START_TEST(messages_are_encrypted_in_a_chain)
{
    static const char *const all[] = { "aes256-sha1-modp2048", "aes192-md5-modp2048",
                                       "aes128-sha256-modp2048", "3des-sha1-modp2048" };
    for (size_t i = 0; i < 4; i++) {
        struct ike_proposal p;
        struct ike_keys k = { .skeyid = { 1 } };
        char why[128];
        uint8_t iv[IKE_BLOCK_MAX], iv2[IKE_BLOCK_MAX], m[64], plain[64];
        ck_assert(ike_proposal_parse(all[i], &p, why, sizeof why));
        k.cipher = p.cipher;
        k.hash = p.hash;
        for (size_t j = 0; j < sizeof k.key; j++)
            k.key[j] = (uint8_t)(j * 7);
        ck_assert(ike_iv_of(lib, &k, 0x01020304, iv));
        memcpy(iv2, iv, sizeof iv);
        memset(plain, 7, sizeof plain);
        memcpy(m, plain, sizeof m);
        ck_assert(ike_encrypt(lib, &k, iv, m, 64));
        ck_assert_mem_ne(m, plain, 64);
        ck_assert_mem_eq(iv, m + 64 - p.cipher->block, p.cipher->block);
        ck_assert(ike_decrypt(lib, &k, iv2, m, 64));
        ck_assert_mem_eq(m, plain, 64);
        ck_assert_mem_eq(iv, iv2, p.cipher->block);
        ck_assert(!ike_decrypt(lib, &k, iv2, m, 0));
        ck_assert(!ike_decrypt(lib, &k, iv2, m, 63));
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        rfc5903_section_8_1_ecp256, rfc5903_section_8_2_ecp384, rfc7748_section_6_1_x25519,
        both_sides_of_every_group_agree, modp_groups_are_those_of_the_rfc,
        values_outside_a_modp_group_are_refused, points_outside_the_curve_are_refused,
        a_zero_result_of_x25519_is_refused, prf_is_hmac, hashes_depend_on_the_role,
        messages_are_encrypted_in_a_chain, NULL,
    };
    Suite *s = suite_create("ike_crypto");
    TCase *tc = tcase_create("ike_crypto");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, up, down);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
