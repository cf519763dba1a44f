/* test_ike_golden.c - captured exchanges of foreign peers: every message is read, all keys are
 * derived again, everything is decrypted and every hash is checked. */
#include "ike_golden.h"
#include "ike_walk.h"
#include "unit.h"

#include "../../plugins/ipsec-ike/ike_crypto.h"

static OSSL_LIB_CTX *lib;

static void up(void)
{
    const char *why;
    lib = ike_lib_new(&why);
}

static void down(void) { ike_lib_free(lib); }

#define row_eq(g_, k_, d_, n_)                                          \
    do {                                                                   \
        const struct golden_row *want_ = golden_row(g_, k_, 0);            \
        ck_assert_msg(want_ != NULL, "%s: no %s", name, k_);              \
        ck_assert_msg(want_->len == (n_), "%s: %s: length", name, k_);   \
        ck_assert_msg(memcmp(want_->p, d_, want_->len) == 0, "%s: %s", name, k_); \
    } while (0)

/* Every message, and every beginning of it. */
START_TEST(every_truncation_of_every_message)
{
    for (size_t i = 0; golden_names[i]; i++) {
        struct golden *g = golden_load(golden_names[i]);
        for (uint32_t k = 0; k < g->count; k++) {
            const struct golden_row *r = &g->row[k];
            struct ike_msg m;
            if (r->key[1])
                continue;
            ck_assert_int_eq(ike_hdr_parse(&m.hdr, r->p, r->len), IKE_MSG_OK);
            if (!(m.hdr.flags & IKE_F_ENCRYPTED))
                ck_assert_int_eq(ike_msg_parse(&m, r->p, r->len), IKE_MSG_OK);
            ike_walk(r->p, r->len);
            for (size_t n = 0; n < r->len; n++) {
                uint8_t *part = malloc(n ? n : 1);
                memcpy(part, r->p, n);
                ck_assert_int_ne(ike_msg_parse(&m, part, n), IKE_MSG_OK);
                ike_walk(part, n);
                /* a header that says so: the payloads are cut */
                if (n >= IKE_HDR_LEN) {
                    struct wr w = wr_of(part, IKE_HDR_LEN);
                    wr_room(&w, 24);
                    wr_u32(&w, (uint32_t)n);
                    ike_walk(part, n);
                }
                free(part);
            }
        }
        golden_free(g);
    }
}
END_TEST

/* The exchange as a third party with its secrets sees it. */
struct world {
    struct golden *g;
    struct ike_proposal p;
    struct ike_keys k;
    struct ike_exchange_values v;
    struct ike_msg m[16];
    uint32_t count;
    struct golden_row *row[16];
};

/* A message that was sent in fragments, whole again in the row of the first. */
static void join(struct golden *g)
{
    for (uint32_t k = 0; k < g->count; k++) {
        struct golden_row *r = &g->row[k];
        struct ike_msg m;
        struct ike_fragment f;
        uint32_t parts = 0;
        if (r->key[1] || ike_hdr_parse(&m.hdr, r->p, r->len) || m.hdr.next != IKE_P_FRAGMENT)
            continue;
        struct wr w = wr_of(malloc(IKE_MSG_MAX), IKE_MSG_MAX);
        do {
            struct golden_row *part = &g->row[k + parts];
            ck_assert_int_eq(ike_msg_parse(&m, part->p, part->len), IKE_MSG_OK);
            ck_assert_uint_eq(m.count, 1);
            ck_assert(ike_fragment_read(&m.p[0], &f));
            ck_assert_uint_eq(f.number, parts + 1);
            ck_assert_str_eq(part->key, r->key);
            wr_bytes(&w, f.data, f.len);
            parts++;
        } while (!f.last);
        ck_assert(wr_ok(&w));
        for (uint32_t i = 0; i < parts; i++)
            free(g->row[k + i].p);
        r->p = w.base;
        r->len = wr_len(&w);
        g->count -= parts - 1;
        memmove(r + 1, r + parts, (g->count - k - 1) * sizeof *r);
    }
}

static const struct ike_payload *need(const struct ike_msg *m, uint32_t type)
{
    const struct ike_payload *p = ike_msg_find(m, type, 0);
    ck_assert_msg(p != NULL, "no %s", ike_payload_name(type));
    return p;
}

static void open_world(struct world *w, const char *name)
{
    char why[128];
    *w = (struct world){ .g = golden_load(name) };
    ck_assert(ike_proposal_parse(w->g->proposal, &w->p, why, sizeof why));
    join(w->g);
    for (uint32_t i = 0; i < w->g->count; i++)
        if (!w->g->row[i].key[1])
            w->row[w->count++] = &w->g->row[i];
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(ike_msg_parse(&w->m[i], w->row[i]->p, w->row[i]->len), IKE_MSG_OK);
    const struct ike_payload *ni = need(&w->m[2], IKE_P_NONCE), *nr = need(&w->m[3], IKE_P_NONCE);
    const struct golden_row *g_xy = golden_row(w->g, "g_xy", 0);
    w->v = (struct ike_exchange_values){
        .cookie_i = w->m[3].hdr.cookie_i, .cookie_r = w->m[3].hdr.cookie_r,
        .nonce_i = ni->body, .nonce_i_len = ni->len, .nonce_r = nr->body, .nonce_r_len = nr->len,
        .ke_i = need(&w->m[2], IKE_P_KE)->body, .ke_r = need(&w->m[3], IKE_P_KE)->body,
        .ke_len = need(&w->m[2], IKE_P_KE)->len, .g_xy = g_xy->p, .g_xy_len = (uint32_t)g_xy->len,
    };
    ck_assert_uint_eq(w->v.ke_len, w->p.group->public_len);
    ck_assert_uint_eq(w->v.g_xy_len, w->p.group->shared_len);
}

/* Decrypts message n in place; what is behind the payloads is padding. */
static void decrypt(struct world *w, uint32_t n, uint8_t *iv)
{
    struct golden_row *r = w->row[n];
    ck_assert_uint_eq((r->len - IKE_HDR_LEN) % w->p.cipher->block, 0);
    ck_assert(ike_decrypt(lib, &w->k, iv, r->p + IKE_HDR_LEN, r->len - IKE_HDR_LEN));
    ck_assert_int_eq(ike_msg_parse(&w->m[n], r->p, r->len), IKE_MSG_OK);
    for (size_t k = 0; k < r->len; k++)         /* what an attacker with the key may send */
        ike_walk(r->p, k);
    ike_walk(r->p, r->len);
}

static void phase1(struct world *w, const char *name)
{
    const struct golden_row *psk = golden_row(w->g, "psk", 0);
    ck_assert(psk ? ike_keys_psk(lib, &w->k, &w->p, psk->p, psk->len, &w->v)
                  : ike_keys_sig(lib, &w->k, &w->p, &w->v));
    if (strncmp(name, "cert-ecdsa", 10) == 0)
        ike_keys_method(&w->k, IKE_AUTH_ECDSA_256);
    row_eq(w->g, "skeyid", w->k.skeyid, w->k.hash->len);
    row_eq(w->g, "skeyid_d", w->k.skeyid_d, w->k.hash->len);
    row_eq(w->g, "skeyid_a", w->k.skeyid_a, w->k.hash->len);
    row_eq(w->g, "skeyid_e", w->k.skeyid_e, w->k.hash->len);
    row_eq(w->g, "key", w->k.key, w->k.cipher->key_bits / 8u);
    row_eq(w->g, "iv", w->k.iv, w->k.cipher->block);
    uint8_t hash[IKE_HASH_MAX];
    const struct ike_payload *sa = need(&w->m[0], IKE_P_SA);
    for (uint32_t n = 4; n < 6; n++) {          /* messages 5 and 6 */
        decrypt(w, n, w->k.iv);
        const struct ike_payload *id = need(&w->m[n], IKE_P_ID);
        ck_assert(ike_hash_phase1(lib, &w->k, n == 4, &w->v, sa->body, sa->len, id->body, id->len,
                                  hash));
        row_eq(w->g, n == 4 ? "hash_i" : "hash_r", hash, w->k.auth_hash->len);
        const struct ike_payload *h = ike_msg_find(&w->m[n], IKE_P_HASH, 0);
        ck_assert_int_eq(h != NULL, psk != NULL);
        if (h) {
            ck_assert_uint_eq(h->len, w->k.hash->len);
            ck_assert_mem_eq(h->body, hash, h->len);
        }
    }
}

/* HASH(1), (2), (3) of messages 7 to 9 (RFC 2409 section 5.5). */
static void quick(struct world *w, const char *name)
{
    uint8_t iv[IKE_BLOCK_MAX], out[IKE_HASH_MAX], id[4];
    struct wr idw = wr_of(id, 4);
    static const uint8_t zero = 0;
    ck_assert_int_eq(ike_hdr_parse(&w->m[6].hdr, w->row[6]->p, w->row[6]->len), IKE_MSG_OK);
    uint32_t mid = w->m[6].hdr.message_id;
    wr_u32(&idw, mid);
    ck_assert(ike_iv_of(lib, &w->k, mid, iv));
    for (uint32_t n = 6; n < 9; n++)
        decrypt(w, n, iv);
    const struct ike_payload *ni = need(&w->m[6], IKE_P_NONCE), *nr = need(&w->m[7], IKE_P_NONCE);
    for (uint32_t n = 6; n < 9; n++) {
        const struct ike_msg *m = &w->m[n];
        ck_assert_uint_eq(m->hdr.message_id, mid);
        const struct ike_payload *h = need(m, IKE_P_HASH), *last = &m->p[m->count - 1];
        size_t rest = m->count > 1 ? (size_t)(last->whole + 4 + last->len - m->p[1].whole) : 0;
        struct adit_chunk c[4];
        uint32_t k = 0;
        if (n == 8)
            c[k++] = (struct adit_chunk){ &zero, 1 };
        c[k++] = (struct adit_chunk){ id, 4 };
        if (n != 6)
            c[k++] = (struct adit_chunk){ ni->body, ni->len };
        c[k++] = n == 8 ? (struct adit_chunk){ nr->body, nr->len }
                        : (struct adit_chunk){ m->p[1].whole, rest };
        ck_assert(ike_prf(lib, w->k.hash, w->k.skeyid_a, w->k.hash->len, c, k, out));
        ck_assert_uint_eq(h->len, w->k.hash->len);
        ck_assert_msg(memcmp(h->body, out, h->len) == 0, "%s: HASH(%u)", name, n - 5);
    }
    /* the keys of both directions, of each side's SPI */
    const struct golden_row *dh = golden_row(w->g, "qm_g_xy", 0);
    for (uint32_t n = 6; n < 8; n++) {
        static struct ike_offer f;
        size_t at = 0;
        bool bad;
        uint8_t key[256];
        ck_assert(ike_offer_next(need(&w->m[n], IKE_P_SA), &at, &f, &bad));
        ck_assert_uint_eq(f.protocol, IKE_PROTO_ESP);
        ck_assert_uint_eq(f.spi_len, 4);
        struct rd spi = rd_of(f.spi, 4);
        /* what goes to the responder is of the SPI that it chose */
        const struct golden_row *enc = golden_row(w->g, n == 7 ? "enc_i" : "enc_r", 0);
        const struct golden_row *auth = golden_row(w->g, n == 7 ? "auth_i" : "auth_r", 0);
        size_t auth_len = auth ? auth->len : 0;
        ck_assert(ike_keymat(lib, &w->k, dh ? dh->p : NULL, dh ? dh->len : 0, IKE_PROTO_ESP,
                             rd_u32(&spi), ni->body, ni->len, nr->body, nr->len, key,
                             enc->len + auth_len));
        ck_assert_mem_eq(key, enc->p, enc->len);
        if (auth)
            ck_assert_mem_eq(key + enc->len, auth->p, auth_len);
    }
}

START_TEST(keys_are_those_that_the_peer_logged)
{
    for (size_t i = 0; golden_names[i]; i++) {
        struct world w;
        const char *name = golden_names[i];
        open_world(&w, name);
        phase1(&w, name);
        if (strcmp(name, "cert-rsa-libreswan") != 0)    /* libreswan refused the peer's name */
            quick(&w, name);
        golden_free(w.g);
    }
}
END_TEST

START_TEST(nat_hashes_are_those_of_the_peers)
{
    struct world w;
    uint8_t hash[IKE_HASH_MAX];
    struct adit_addr nat = { .family = ADIT_AF_IPV4, .port = 500, .ip = { 198, 51, 100, 2 } };
    struct adit_addr client = { .family = ADIT_AF_IPV4, .port = 500, .ip = { 203, 0, 113, 12 } };
    struct adit_addr server = { .family = ADIT_AF_IPV4, .port = 500, .ip = { 198, 51, 100, 11 } };
    open_world(&w, "psk-nat");
    /* message 3: the responder's address, then the initiator's own, which the NAT hides */
    ck_assert(ike_nat_hash(lib, w.p.hash, w.v.cookie_i, w.v.cookie_r, &server, hash));
    ck_assert_mem_eq(ike_msg_find(&w.m[2], IKE_P_NAT_D, 0)->body, hash, 32);
    ck_assert(ike_nat_hash(lib, w.p.hash, w.v.cookie_i, w.v.cookie_r, &client, hash));
    ck_assert_mem_eq(ike_msg_find(&w.m[2], IKE_P_NAT_D, 1)->body, hash, 32);
    /* message 4: the NAT's, then the responder's own */
    ck_assert(ike_nat_hash(lib, w.p.hash, w.v.cookie_i, w.v.cookie_r, &nat, hash));
    ck_assert_mem_eq(ike_msg_find(&w.m[3], IKE_P_NAT_D, 0)->body, hash, 32);
    ck_assert(ike_nat_hash(lib, w.p.hash, w.v.cookie_i, w.v.cookie_r, &server, hash));
    ck_assert_mem_eq(ike_msg_find(&w.m[3], IKE_P_NAT_D, 1)->body, hash, 32);
    golden_free(w.g);
}
END_TEST

START_TEST(another_pre_shared_key_makes_no_sense_of_message_5)
{
    struct world w;
    open_world(&w, "psk-nat");
    ck_assert(ike_keys_psk(lib, &w.k, &w.p, (const uint8_t *)"labpsl", 6, &w.v));
    struct golden_row *r = w.row[4];
    ck_assert(ike_decrypt(lib, &w.k, w.k.iv, r->p + IKE_HDR_LEN, r->len - IKE_HDR_LEN));
    ck_assert_int_eq(ike_msg_parse(&w.m[4], r->p, r->len), IKE_MSG_CHAIN);
    golden_free(w.g);
}
END_TEST

/* ---- what these peers say ---------------------------------------------------------- */

static uint32_t vids(const struct ike_msg *m)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->p[i].type == IKE_P_VID)
            all |= ike_vid_of(&m->p[i]);
    return all;
}

START_TEST(strongswan_says)
{
    struct world w;
    struct ike_id id;
    struct ike_nat_oa oa;
    char text[64];
    static struct ike_offer f;
    size_t at = 0;
    bool bad;
    open_world(&w, "psk-nat");
    ck_assert_uint_eq(vids(&w.m[0]),
                      IKE_V_XAUTH | IKE_V_DPD | IKE_V_FRAGMENTATION | IKE_V_RFC3947 | IKE_V_NAT_02N);
    ck_assert(ike_offer_next(need(&w.m[0], IKE_P_SA), &at, &f, &bad));
    ck_assert_uint_eq(f.protocol, IKE_PROTO_ISAKMP);
    ck_assert_uint_eq(f.count, 1);
    ck_assert_uint_eq(f.t[0].cipher, IKE_AES_CBC);
    ck_assert_uint_eq(f.t[0].key_bits, 256);
    ck_assert_uint_eq(f.t[0].hash, IKE_SHA256);
    ck_assert_uint_eq(f.t[0].group, 14);
    ck_assert_uint_eq(f.t[0].auth, IKE_AUTH_PSK);
    ck_assert_uint_eq(f.t[0].life_s, 10800);
    ck_assert(!f.t[0].odd);
    phase1(&w, "psk-nat");
    quick(&w, "psk-nat");
    ck_assert(ike_id_read(need(&w.m[4], IKE_P_ID), &id));
    ike_id_text(&id, text, sizeof text);
    ck_assert_str_eq(text, "203.0.113.12");
    at = 0;
    ck_assert(ike_offer_next(need(&w.m[6], IKE_P_SA), &at, &f, &bad));
    ck_assert_uint_eq(f.t[0].id, ESP_AES_CBC);
    ck_assert_uint_eq(f.t[0].key_bits, 256);
    ck_assert_uint_eq(f.t[0].esp_auth, ESP_HMAC_SHA256);
    ck_assert_uint_eq(f.t[0].encap, IKE_ENCAP_UDP_TRANSPORT);
    ck_assert_uint_eq(f.t[0].life_s, 3600);
    ck_assert(ike_id_read(ike_msg_find(&w.m[6], IKE_P_ID, 0), &id));
    ck_assert_uint_eq(id.protocol, 17);
    ck_assert_uint_eq(id.port, 1701);
    ck_assert(ike_nat_oa_read(ike_msg_find(&w.m[6], IKE_P_NAT_OA, 0), &oa));
    hex_eq(oa.data, oa.len, "cb00710c");
    golden_free(w.g);
}
END_TEST

START_TEST(libreswan_says)
{
    struct world w;
    static struct ike_offer f;
    size_t at = 0;
    bool bad;
    open_world(&w, "psk-libreswan");
    ck_assert_uint_eq(vids(&w.m[0]) & (IKE_V_DPD | IKE_V_FRAGMENTATION | IKE_V_RFC3947),
                      IKE_V_DPD | IKE_V_FRAGMENTATION | IKE_V_RFC3947);
    ck_assert(ike_offer_next(need(&w.m[0], IKE_P_SA), &at, &f, &bad));
    ck_assert_uint_gt(f.count, 10);
    for (uint32_t i = 0; i < f.count; i++)
        ck_assert(!f.t[i].odd && f.t[i].life_s);
    ck_assert(!ike_offer_next(need(&w.m[0], IKE_P_SA), &at, &f, &bad));
    ck_assert(!bad);
    golden_free(w.g);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        every_truncation_of_every_message, keys_are_those_that_the_peer_logged,
        nat_hashes_are_those_of_the_peers, another_pre_shared_key_makes_no_sense_of_message_5,
        strongswan_says, libreswan_says, NULL,
    };
    Suite *s = suite_create("ike_golden");
    TCase *tc = tcase_create("ike_golden");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, up, down);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
