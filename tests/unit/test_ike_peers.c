/* test_ike_peers.c - peers with habits of their own, as a responder sees them: what they offer,
 * in which order and form, whom they say that they are (rows W2, W4, W5, W9, M5, M8,
 * A10, A11). Messages are made by hand here, with the keys of an established SA. */
#include "ike_rig.h"
#include "hex.h"

/* ---- first messages --------------------------------------------------------------------------- */

struct offer {
    uint32_t cipher, bits, hash, group, auth;
};

static struct {
    uint8_t p[4096];
    size_t len;
    uint32_t n;
} answer;

static void hear(struct rig *r, const struct rig_pkt *k)
{
    (void)r;
    if (k->from != RIG_SERVER || k->kind != RIG_IKE || k->len > sizeof answer.p)
        return;
    memcpy(answer.p, k->p, k->len);
    answer.len = k->len;
    answer.n++;
}

static void hand(struct rig *r, const uint8_t *p, size_t len, uint16_t port)
{
    struct rig_end *e = &r->end[RIG_SERVER];
    struct adit_addr from = rig_outside(&r->end[0], port);
    struct adit_path *path = rig_path_get(e, port, &from, ADIT_PROTO_UDP);
    uint8_t *copy = malloc(len);
    memcpy(copy, p, len);
    answer.len = 0;
    ike_rx(e->ike, path, port == 4500, copy, len);
    free(copy);
    rig_drop(e, path);
}

/* Which of the offered transforms (from 1) is chosen, by which group of the table; 0: none. */
static uint32_t chosen(const char *const *ours, const struct offer *o, uint32_t n)
{
    static struct rig r;
    static struct ike_msg m;
    static struct ike_offer back;
    uint8_t buf[2048];
    struct ike_transform t[16];
    struct ike_hdr h = { .cookie_i = { 1, 2, 3 }, .exchange = IKE_X_MAIN };
    char why[128];
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
    struct ike_conf c = r.end[1].conf;
    c.proposal_count = 0;
    for (; *ours; ours++)
        ck_assert(ike_proposal_parse(*ours, &c.proposals[c.proposal_count++], why, sizeof why));
    ike_reload(r.end[1].ike, &c, r.end[1].auth);
    for (uint32_t i = 0; i < n; i++)
        t[i] = (struct ike_transform){ .number = (uint8_t)(i + 1), .id = 1, .cipher = o[i].cipher,
                                       .key_bits = o[i].bits, .hash = o[i].hash, .auth = o[i].auth,
                                       .group = o[i].group, .life_s = 28800 };
    struct ike_out w = ike_out_of(buf, sizeof buf, &h);
    ike_out_begin(&w, IKE_P_SA);
    ike_out_sa_phase1(&w, t, n, 1);
    ike_out_end(&w);
    size_t len = ike_out_done(&w), at = 0;
    bool bad = false;
    r.tap = hear;
    hand(&r, buf, len, 500);
    uint32_t number = 0;
    ck_assert(ike_msg_parse(&m, answer.p, answer.len) == IKE_MSG_OK);
    const struct ike_payload *sa = ike_msg_find(&m, IKE_P_SA, 0);
    if (sa) {
        ck_assert(ike_offer_next(sa, &at, &back, &bad) && back.count == 1);
        number = back.t[0].number;
        ck_assert_uint_eq(back.t[0].cipher, o[number - 1].cipher);
        ck_assert_uint_eq(back.t[0].group, o[number - 1].group);
        ck_assert_uint_le(answer.len, len + 200);
    } else {
        ck_assert_uint_eq(m.hdr.exchange, IKE_X_INFORMATIONAL);
    }
    rig_fini(&r);
    return number;
}

START_TEST(W4_windows_10_and_11)
{
    static const struct offer o[] = {
        { IKE_AES_CBC, 256, IKE_SHA1, 20, 1 }, { IKE_AES_CBC, 128, IKE_SHA1, 19, 1 },
        { IKE_AES_CBC, 256, IKE_SHA1, 14, 1 }, { IKE_3DES, 0, IKE_SHA1, 14, 1 },
        { IKE_3DES, 0, IKE_SHA1, 2, 1 } };
    ck_assert_uint_eq(chosen(ike_default_proposals, o, 5), 1);
    ck_assert_uint_eq(chosen(ike_default_proposals, o + 1, 4), 1);
    ck_assert_uint_eq(chosen(ike_default_proposals, o + 2, 3), 1);
    ck_assert_uint_eq(chosen(ike_default_proposals, o + 3, 2), 0);     /* 3DES: only when named */
}
END_TEST

START_TEST(W5_windows_xp)
{
    static const struct offer o[] = { { IKE_3DES, 0, IKE_SHA1, 14, 1 }, { IKE_3DES, 0, IKE_SHA1, 2, 1 },
                                      { IKE_3DES, 0, IKE_MD5, 2, 1 } };
    static const char *const legacy[] = { "aes256-sha256-modp2048", "3des-sha1-modp1024", NULL };
    ck_assert_uint_eq(chosen(ike_default_proposals, o, 3), 0);
    ck_assert_uint_eq(chosen(legacy, o, 3), 2);
}
END_TEST

START_TEST(M5_macos_and_ios)
{
    static const struct offer o[] = {
        { IKE_AES_CBC, 256, IKE_SHA256, 14, 1 }, { IKE_AES_CBC, 256, IKE_SHA1, 14, 1 },
        { IKE_AES_CBC, 256, IKE_MD5, 14, 1 }, { IKE_AES_CBC, 256, IKE_SHA512, 14, 1 },
        { IKE_AES_CBC, 256, IKE_SHA256, 5, 1 }, { IKE_AES_CBC, 256, IKE_SHA256, 2, 1 },
        { IKE_AES_CBC, 128, IKE_SHA1, 2, 1 }, { IKE_3DES, 0, IKE_SHA1, 2, 1 } };
    ck_assert_uint_eq(chosen(ike_default_proposals, o, 8), 1);
}
END_TEST

START_TEST(A10_old_android)
{
    static const struct offer o[] = { { IKE_AES_CBC, 256, 5, 2, 1 }, { IKE_AES_CBC, 256, IKE_SHA256, 2, 1 } };
    static const char *const legacy[] = { "aes256-sha384-modp1024", NULL };
    ck_assert_uint_eq(chosen(ike_default_proposals, o, 2), 0);
    ck_assert_uint_eq(chosen(legacy, o, 2), 1);
}
END_TEST

START_TEST(the_peers_order_decides)
{
    static const struct offer o[] = { { IKE_AES_CBC, 128, IKE_SHA1, 14, 1 },
                                      { IKE_AES_CBC, 256, IKE_SHA256, 14, 65001 },      /* XAUTH */
                                      { IKE_AES_CBC, 256, IKE_SHA256, 14, 1 } };
    static const char *const ours[] = { "aes256-sha256-modp2048", "aes128-sha1-modp2048", NULL };
    ck_assert_uint_eq(chosen(ours, o, 3), 1);
    ck_assert_uint_eq(chosen(ours, o + 1, 2), 2);
    ck_assert_uint_eq(chosen(ours, o + 1, 1), 0);
}
END_TEST

/* First messages of strongSwan and libreswan as they were on a wire: answered,
 * with a transform and vendor ids of theirs. */
START_TEST(captured_first_messages)
{
    static const char *const files[] = { "psk-nat", "psk-sha1", "psk-3des", "psk-ecp384",
                                         "psk-x25519", "psk-libreswan" };
    for (uint32_t i = 0; i < sizeof files / sizeof *files; i++) {
        static struct rig r;
        static struct ike_msg m;
        static char line[65536];
        static uint8_t msg[8192];
        char path[512];
        const char *top = getenv("top_srcdir");
        size_t len = 0;
        snprintf(path, sizeof path, "%s/tests/golden/ike/%s.hex", top ? top : "..", files[i]);
        FILE *f = fopen(path, "r");
        ck_assert_msg(f != NULL, "%s is missing", path);
        char proposal[64] = "";         /* what was agreed on then */
        while (!len && fgets(line, sizeof line, f)) {
            (void)sscanf(line, "proposal %63s", proposal);
            if (line[0] == 'i' && line[1] == ' ')
                len = hex_get(msg, sizeof msg, line + 2);
        }
        fclose(f);
        ck_assert_uint_gt(len, 28);
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .proposals = { NULL, proposal } });
        r.tap = hear;
        hand(&r, msg, len, 500);
        ck_assert(ike_msg_parse(&m, answer.p, answer.len) == IKE_MSG_OK);
        ck_assert_msg(ike_msg_find(&m, IKE_P_SA, 0) != NULL, "%s: %s", files[i],
                      r.end[1].text[IKE_SAY_NO_PROPOSAL]);
        ck_assert_uint_le(answer.len, len + 200);
        uint32_t vids = 0;
        for (uint32_t n = 0; n < m.count; n++)
            if (m.p[n].type == IKE_P_VID)
                vids |= ike_vid_of(&m.p[n]);
        ck_assert(vids & IKE_V_RFC3947);
        ck_assert(vids & IKE_V_DPD);
        rig_fini(&r);
    }
}
END_TEST

/* ---- quick mode by hand -------------------------------------------------------------------------- */

struct quick {
    uint8_t sa[1024];           /* the SA payload's body */
    size_t sa_len;
    uint8_t id[2][64];
    size_t id_len[2];
    uint8_t flags;
    uint8_t nonce[16];
    uint32_t message_id;
    uint8_t iv[IKE_BLOCK_MAX];
    const uint8_t *raw;         /* the transform that should come back */
    size_t raw_len;
};

static void begin(struct rig *r, bool nat, const char *esp)
{
    rig_init(r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = nat, .esp = { NULL, esp } });
    struct rig_call *c = rig_dial(r, 0);
    if (esp)                    /* phase 1 is enough */
        rig_proposals(&r->end[0].ike->conf, "aes256-sha256-ecp256", esp);
    rig_run(r, 3000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    r->tap = hear;
}

/* One transform as bytes: aes-cbc 256, sha256, with the given rest. */
static void put_transform(struct wr *w, uint8_t next, uint8_t number, uint8_t id, const void *attrs,
                          size_t len)
{
    wr_u8(w, next);
    wr_u8(w, 0);
    wr_u16(w, (uint16_t)(8 + len));
    wr_u8(w, number);
    wr_u8(w, id);
    wr_u16(w, 0);
    wr_bytes(w, attrs, len);
}

static void put_proposal(struct wr *w, uint8_t next, uint8_t number, uint8_t protocol, uint32_t spi,
                         uint8_t id, const void *attrs, size_t len)
{
    wr_u8(w, next);
    wr_u8(w, 0);
    wr_u16(w, (uint16_t)(12 + 8 + len));
    wr_u8(w, number);
    wr_u8(w, protocol);
    wr_u8(w, 4);
    wr_u8(w, 1);
    wr_u32(w, spi);
    put_transform(w, 0, 1, id, attrs, len);
}

static struct wr sa_begin(struct quick *q)
{
    struct wr w = wr_of(q->sa, sizeof q->sa);
    wr_u32(&w, 1);
    wr_u32(&w, 1);
    return w;
}

static void ids(struct quick *q, uint32_t i, uint8_t type, uint8_t protocol, uint16_t port,
                const void *data, size_t len)
{
    struct wr w = wr_of(q->id[i], sizeof q->id[i]);
    wr_u8(&w, type);
    wr_u8(&w, protocol);
    wr_u16(&w, port);
    wr_bytes(&w, data, len);
    q->id_len[i] = wr_len(&w);
}

static const uint8_t server_ip[4] = { 192, 0, 2, 1 }, client_ip[4] = { 10, 0, 1, 0 };

/* Sends message 1; the answer's decrypted payloads, NULL: it was refused (type in *notify). */
static const struct ike_msg *ask(struct rig *r, struct quick *q, uint16_t *notify)
{
    static struct ike_rx rx;
    struct ike_sa *sa = ike_sa_next(r->end[0].ike, NULL);
    struct ike *k = sa->k;
    uint8_t msg[4096];
    ck_assert(sa && sa->state == IKE_S_UP);
    if (!q->message_id)
        q->message_id = ike_message_id(sa);
    ck_assert(ike_iv_of(k->lib, &sa->keys, q->message_id, q->iv));
    struct ike_out o = ike_protect_begin(sa, IKE_X_QUICK, q->message_id, q->flags);
    ike_out_payload(&o, IKE_P_SA, q->sa, q->sa_len);
    memset(q->nonce, 7, sizeof q->nonce);
    ike_out_payload(&o, IKE_P_NONCE, q->nonce, sizeof q->nonce);
    for (uint32_t i = 0; i < 2; i++)
        if (q->id_len[i])
            ike_out_payload(&o, IKE_P_ID, q->id[i], q->id_len[i]);
    size_t len = ike_protect_end(sa, &o, q->message_id, NULL, 0, q->iv);
    ck_assert_uint_gt(len, 0);
    memcpy(msg, k->out, len);
    hand(r, msg, len, sa->at_4500 ? 4500 : 500);
    *notify = 0;
    if (!answer.len)
        return NULL;
    rx = (struct ike_rx){ .bytes = answer.p, .len = answer.len };
    ck_assert(ike_hdr_parse(&rx.hdr, answer.p, answer.len) == IKE_MSG_OK);
    if (rx.hdr.exchange == IKE_X_INFORMATIONAL) {
        uint8_t iv[IKE_BLOCK_MAX];
        struct ike_notify n;
        ck_assert(ike_iv_of(k->lib, &sa->keys, rx.hdr.message_id, iv) && ike_open(sa, &sa->keys, &rx, iv));
        ck_assert(ike_protect_check(sa, &rx, NULL, 0));
        const struct ike_payload *p = ike_msg_find(&rx.m, IKE_P_NOTIFY, 0);
        if (p && ike_notify_read(p, &n))
            *notify = n.type;
        return NULL;
    }
    ck_assert_uint_eq(rx.hdr.message_id, q->message_id);
    ck_assert(ike_open(sa, &sa->keys, &rx, q->iv));
    ck_assert(ike_protect_check(sa, &rx, q->nonce, sizeof q->nonce));
    return &rx.m;
}

/* HASH(3), and back what the responder says to it. */
static void finish(struct rig *r, struct quick *q, const struct ike_msg *two)
{
    struct ike_sa *sa = ike_sa_next(r->end[0].ike, NULL);
    const struct ike_payload *no = ike_msg_find(two, IKE_P_NONCE, 0);
    uint8_t head[5] = { 0 }, hash[IKE_HASH_MAX], msg[1024];
    struct wr w = wr_of(head + 1, 4);
    wr_u32(&w, q->message_id);
    const struct adit_chunk c[] = { { head, 5 }, { q->nonce, sizeof q->nonce }, { no->body, no->len } };
    ck_assert(ike_prf(sa->k->lib, sa->keys.hash, sa->keys.skeyid_a, sa->keys.hash->len, c, 3, hash));
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_QUICK, IKE_F_ENCRYPTED, q->message_id);
    struct ike_out o = ike_out_of(sa->k->out, IKE_MSG_MAX, &h);
    ike_out_payload(&o, IKE_P_HASH, hash, sa->keys.hash->len);
    size_t len = ike_close(sa, &o, q->iv);
    memcpy(msg, sa->k->out, len);
    hand(r, msg, len, sa->at_4500 ? 4500 : 500);
}

/* encap, sha256, 256 bits; life in forms of every kind */
#define ATTRS(encap) 0x80, 0x04, 0x00, encap, 0x80, 0x05, 0x00, 0x05, 0x80, 0x06, 0x01, 0x00
static const uint8_t plain[] = { ATTRS(2) };
static const uint8_t udp[] = { ATTRS(4) };
static const uint8_t udp_draft[] = { 0x80, 0x04, 0xf0, 0x04, 0x80, 0x05, 0x00, 0x05, 0x80, 0x06, 0x01, 0x00 };
static const uint8_t tunnel[] = { ATTRS(1) };
static const uint8_t odd_forms[] = {
    0x80, 0x01, 0x00, 0x01, 0x00, 0x02, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0x0e, 0x10,  /* seconds, 64 bits */
    0x80, 0x01, 0x00, 0x02, 0x00, 0x02, 0x00, 0x04, 0x00, 0x03, 0xd0, 0x90,        /* kilobytes, 32 bits */
    0x00, 0x04, 0x00, 0x02, 0x00, 0x02,                                            /* encapsulation, long */
    0x00, 0x05, 0x00, 0x04, 0x00, 0x00, 0x00, 0x05, 0x80, 0x06, 0x01, 0x00 };

static const struct ike_msg *simple(struct rig *r, struct quick *q, const uint8_t *attrs, size_t len,
                                    uint16_t *notify)
{
    struct wr w = sa_begin(q);
    put_proposal(&w, 0, 1, 3, 0x11223344, ESP_AES_CBC, attrs, len);
    q->sa_len = wr_len(&w);
    q->raw = attrs;
    q->raw_len = len;
    return ask(r, q, notify);
}

static void mirrored(const struct quick *q, const struct ike_msg *m, uint8_t number)
{
    const struct ike_payload *sa = ike_msg_find(m, IKE_P_SA, 0);
    ck_assert(sa != NULL);
    ck_assert_uint_eq(sa->len, 8 + 12 + 8 + q->raw_len);
    ck_assert_uint_eq(sa->body[8 + 4], number);
    ck_assert_mem_eq(sa->body + 8 + 12 + 8, q->raw, q->raw_len);
}

static uint32_t refused_as(bool nat, const uint8_t *attrs, size_t len)
{
    static struct rig r;
    struct quick q = { .sa_len = 0 };
    uint16_t notify;
    begin(&r, nat, "aes256-sha256");
    ids(&q, 0, IKE_ID_IPV4, 17, 1701, client_ip, 4);
    ids(&q, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    const struct ike_msg *m = simple(&r, &q, attrs, len, &notify);
    ck_assert(m == NULL || notify == 0);
    rig_fini(&r);
    return m ? 0 : notify;
}

START_TEST(encapsulation_modes)
{
    ck_assert_uint_eq(refused_as(false, plain, sizeof plain), 0);
    ck_assert_uint_eq(refused_as(true, udp, sizeof udp), 0);
    ck_assert_uint_eq(refused_as(true, udp_draft, sizeof udp_draft), 0);
    ck_assert_uint_eq(refused_as(false, tunnel, sizeof tunnel), IKE_N_NO_PROPOSAL_CHOSEN);
    ck_assert_uint_eq(refused_as(true, plain, sizeof plain), IKE_N_NO_PROPOSAL_CHOSEN);
    ck_assert_uint_eq(refused_as(false, udp, sizeof udp), IKE_N_NO_PROPOSAL_CHOSEN);
}
END_TEST

START_TEST(W7_attributes_come_back_as_they_came)
{
    static struct rig r;
    struct quick q = { .sa_len = 0 };
    uint16_t notify;
    begin(&r, false, "aes256-sha256");
    ids(&q, 0, IKE_ID_IPV4, 17, 1701, client_ip, 4);
    ids(&q, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    const struct ike_msg *m = simple(&r, &q, odd_forms, sizeof odd_forms, &notify);
    ck_assert_msg(m != NULL, "%s", ike_notify_name(notify));
    mirrored(&q, m, 1);
    const struct ike_payload *a = ike_msg_find(m, IKE_P_ID, 0), *b = ike_msg_find(m, IKE_P_ID, 1);
    ck_assert(a && b && a->len == q.id_len[0] && b->len == q.id_len[1]);
    ck_assert_mem_eq(a->body, q.id[0], a->len);
    ck_assert_mem_eq(b->body, q.id[1], b->len);
    /* 250,000 KB and an hour are limits of the pair */
    struct sad_pair_view v = { 0 };
    for (struct sad_pair *p = NULL; (p = sad_pair_next(rig_assoc(&r.end[1]), p));)
        sad_pair_view(p, &v);
    ck_assert_uint_eq(v.spi_out, 0x11223344);
    ck_assert_uint_le(v.hard_at_ms, r.now + 3600000);
    ck_assert(!v.sends);        /* until message 3 */
    finish(&r, &q, m);
    for (struct sad_pair *p = NULL; (p = sad_pair_next(rig_assoc(&r.end[1]), p));)
        sad_pair_view(p, &v);
    ck_assert(v.sends);
    rig_fini(&r);
}
END_TEST

START_TEST(several_proposals_and_anded_ones)
{
    static struct rig r;
    struct quick q = { .sa_len = 0 };
    uint16_t notify;
    begin(&r, false, "aes256-sha256");
    struct wr w = sa_begin(&q);
    put_proposal(&w, 2, 1, 2, 0x1000, 5, plain, sizeof plain);          /* AH and ... */
    put_proposal(&w, 0, 1, 3, 0x1001, ESP_AES_CBC, plain, sizeof plain);        /* ... ESP together */
    q.sa_len = wr_len(&w);
    ck_assert(ask(&r, &q, &notify) == NULL);
    ck_assert_uint_eq(notify, IKE_N_NO_PROPOSAL_CHOSEN);
    struct quick p = { .sa_len = 0 };
    w = sa_begin(&p);
    put_proposal(&w, 2, 1, 2, 0x1000, 5, plain, sizeof plain);
    put_proposal(&w, 2, 1, 3, 0x1001, ESP_AES_CBC, plain, sizeof plain);
    put_proposal(&w, 2, 2, 3, 0x1002, ESP_3DES, plain, sizeof plain - 4);
    put_proposal(&w, 2, 3, 3, 0x1003, ESP_AES_CBC, plain, sizeof plain);
    put_proposal(&w, 0, 4, 3, 0x1004, ESP_AES_CBC, plain, sizeof plain);
    p.sa_len = wr_len(&w);
    p.raw = plain;
    p.raw_len = sizeof plain;
    const struct ike_msg *m = ask(&r, &p, &notify);
    ck_assert_msg(m != NULL, "%s", ike_notify_name(notify));
    mirrored(&p, m, 3);
    rig_fini(&r);
}
END_TEST

static bool accepted(bool nat, struct quick *q, struct sad_selector *sel)
{
    static struct rig r;
    uint16_t notify;
    begin(&r, nat, "aes256-sha256");
    const struct ike_msg *m = simple(&r, q, nat ? udp : plain, sizeof plain, &notify);
    ck_assert(m || notify == IKE_N_INVALID_ID);
    if (m) {
        struct sad_assoc_view v = { 0 };
        for (struct sad_assoc *a = NULL; (a = sad_assoc_next(r.end[1].sad, a));)
            sad_assoc_view(a, &v);
        *sel = v.who->sel;
        finish(&r, q, m);
        ck_assert_uint_eq(r.end[1].said[IKE_SAY_CHILD_UP] + r.end[1].said[IKE_SAY_REKEYED], 2);
    }
    rig_fini(&r);
    return m != NULL;
}

START_TEST(M8_any_port_of_the_peers)
{
    struct sad_selector s;
    struct quick q = { .sa_len = 0 };
    ids(&q, 0, IKE_ID_IPV4, 17, 0, client_ip, 4);
    ids(&q, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    ck_assert(accepted(false, &q, &s));
    ck_assert_uint_eq(s.peer_port, 0);
    ck_assert_uint_eq(s.our_port, 1701);
    struct quick p = { .sa_len = 0 };
    ids(&p, 0, IKE_ID_IPV4, 17, 53211, client_ip, 4);
    ids(&p, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    ck_assert(accepted(false, &p, &s));
    ck_assert_uint_eq(s.peer_port, 53211);
}
END_TEST

START_TEST(W9_private_addresses_and_names)
{
    static const uint8_t private_ip[4] = { 192, 168, 1, 5 }, net[8] = { 10, 0, 1, 0, 255, 255, 255, 255 };
    struct sad_selector s;
    struct quick q = { .sa_len = 0 }, p = { .sa_len = 0 }, n = { .sa_len = 0 };
    ids(&q, 0, IKE_ID_IPV4, 17, 1701, private_ip, 4);
    ids(&q, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    ck_assert(accepted(true, &q, &s));
    q.message_id = 0;
    ck_assert(!accepted(false, &q, &s));        /* no NAT, and another one's address */
    ids(&p, 0, IKE_ID_FQDN, 17, 1701, "DESKTOP-1", 9);  /* Windows XP behind a NAT */
    ids(&p, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    ck_assert(accepted(true, &p, &s));
    ids(&n, 0, IKE_ID_IPV4_SUBNET, 17, 1701, net, 8);
    ids(&n, 1, IKE_ID_IPV4, 17, 1701, server_ip, 4);
    ck_assert(accepted(false, &n, &s));
}
END_TEST

START_TEST(selectors_absent_or_of_something_else)
{
    struct sad_selector s;
    struct quick none = { .sa_len = 0 }, tcp = { .sa_len = 0 }, port = { .sa_len = 0 }, all = { .sa_len = 0 };
    ck_assert(accepted(false, &none, &s));
    ck_assert_uint_eq(s.our_port, 1701);
    ids(&tcp, 0, IKE_ID_IPV4, 6, 0, client_ip, 4);
    ids(&tcp, 1, IKE_ID_IPV4, 6, 1701, server_ip, 4);
    ck_assert(!accepted(false, &tcp, &s));
    ids(&port, 0, IKE_ID_IPV4, 17, 1701, client_ip, 4);
    ids(&port, 1, IKE_ID_IPV4, 17, 53, server_ip, 4);
    ck_assert(!accepted(false, &port, &s));
    ids(&all, 0, IKE_ID_IPV4, 0, 0, client_ip, 4);
    ids(&all, 1, IKE_ID_IPV4, 0, 0, server_ip, 4);
    ck_assert(accepted(false, &all, &s));
    ck_assert_uint_eq(s.our_port, 1701);
}
END_TEST

START_TEST(the_commit_bit_is_answered_with_connected)
{
    static struct rig r;
    static struct ike_rx rx;
    struct quick q = { .flags = IKE_F_COMMIT };
    struct ike_notify n;
    uint16_t notify;
    begin(&r, false, "aes256-sha256");
    const struct ike_msg *m = simple(&r, &q, plain, sizeof plain, &notify);
    ck_assert(m != NULL);
    finish(&r, &q, m);
    ck_assert_uint_gt(answer.len, 0);
    struct ike_sa *sa = ike_sa_next(r.end[0].ike, NULL);
    rx = (struct ike_rx){ .bytes = answer.p, .len = answer.len };
    ck_assert(ike_hdr_parse(&rx.hdr, answer.p, answer.len) == IKE_MSG_OK);
    ck_assert(ike_open(sa, &sa->keys, &rx, q.iv));
    ck_assert(ike_protect_check(sa, &rx, NULL, 0));
    const struct ike_payload *p = ike_msg_find(&rx.m, IKE_P_NOTIFY, 0);
    ck_assert(p && ike_notify_read(p, &n));
    ck_assert_uint_eq(n.type, IKE_N_CONNECTED);
    rig_fini(&r);
}
END_TEST

START_TEST(message_ids_are_used_once)
{
    static struct rig r;
    struct quick q = { .sa_len = 0 };
    uint16_t notify;
    begin(&r, false, "aes256-sha256");
    const struct ike_msg *m = simple(&r, &q, plain, sizeof plain, &notify);
    ck_assert(m != NULL);
    finish(&r, &q, m);
    rig_run(&r, 70000);         /* the quick mode is over and forgotten */
    uint32_t pairs = rig_pairs(rig_assoc(&r.end[1]) ? rig_assoc(&r.end[1]) : sad_assoc_next(r.end[1].sad, NULL));
    ck_assert(simple(&r, &q, plain, sizeof plain, &notify) == NULL);
    ck_assert_uint_eq(notify, 0);
    ck_assert_uint_eq(rig_pairs(rig_assoc(&r.end[1]) ? rig_assoc(&r.end[1])
                                                     : sad_assoc_next(r.end[1].sad, NULL)), pairs);
    rig_fini(&r);
}
END_TEST

START_TEST(A11_sha256_cut_to_96_bits)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" },
             .esp = { "aes256-sha256_96", "aes256-sha256_96" } });
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 3000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    struct sad_pair_view v;
    sad_pair_view(sad_pair_next(rig_assoc(&r.end[1]), NULL), &v);
    ck_assert(v.suite.trunc96);
    rig_talk(&r, &r.end[0], &r.end[1]);
    rig_fini(&r);
}
END_TEST

/* A peer's wish for PFS is granted, whatever ours says; a weak group is not. */
START_TEST(pfs_as_the_peer_wants)
{
    for (int weak = 0; weak < 2; weak++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" },
                 .esp = { weak ? "aes256-sha256-modp1024" : "aes256-sha256-modp2048", "aes256-sha256" } });
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 30000);
        ck_assert(c->over && (c->a != NULL) == !weak);
        rig_fini(&r);
    }
}
END_TEST

/* Each proposal of the tables works, both roles. */
START_TEST(every_default_proposal)
{
    for (const char *const *p = ike_default_proposals; *p; p++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .proposals = { *p, *p }, .pfs = true });
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 3000);
        ck_assert_msg(c->a != NULL, "%s: %s", *p, c->why);
        rig_talk(&r, &r.end[0], &r.end[1]);
        rig_fini(&r);
    }
    for (const char *const *p = ike_default_esp; *p; p++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .esp = { *p, *p } });
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 3000);
        ck_assert_msg(c->a != NULL, "%s: %s", *p, c->why);
        rig_talk(&r, &r.end[0], &r.end[1]);
        rig_fini(&r);
    }
}
END_TEST

/* ---- older ways through a NAT ------------------------------------------------------------------------ */

static uint32_t hidden, drafts;
static void hide(struct rig *r, const struct rig_pkt *k)
{
    static struct ike_msg m;
    (void)r;
    if (k->kind != RIG_IKE || ike_msg_parse(&m, k->p, k->len) != IKE_MSG_OK)
        return;
    for (uint32_t i = 0; i < m.count; i++) {
        drafts += m.p[i].type == IKE_P_NAT_D_DRAFT;
        if (m.p[i].type == IKE_P_VID && (ike_vid_of(&m.p[i]) & hidden))
            ((uint8_t *)(uintptr_t)m.p[i].body)[0] ^= 0x55;     /* an unknown one now */
    }
}

START_TEST(W9_drafts_of_nat_traversal)
{
    static const uint32_t all[] = { IKE_V_RFC3947, IKE_V_NAT_03, IKE_V_NAT_02N, IKE_V_NAT_02 };
    hidden = 0;
    for (uint32_t i = 0; i < 5; i++) {
        static struct rig r;
        drafts = 0;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = true });
        r.tap = hide;
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 3000);
        r.tap = NULL;
        ck_assert_msg((c->a != NULL) == (i < 4), "%u: %s", i, c->why);
        ck_assert_uint_eq(drafts, i && i < 4 ? 4 : 0);
        if (c->a)
            rig_talk(&r, &r.end[0], &r.end[1]);
        rig_fini(&r);
        if (i < 4)
            hidden |= all[i];
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        W4_windows_10_and_11, W5_windows_xp, M5_macos_and_ios, A10_old_android,
        the_peers_order_decides, captured_first_messages, encapsulation_modes, W7_attributes_come_back_as_they_came,
        several_proposals_and_anded_ones, M8_any_port_of_the_peers, W9_private_addresses_and_names,
        selectors_absent_or_of_something_else, the_commit_bit_is_answered_with_connected,
        message_ids_are_used_once, A11_sha256_cut_to_96_bits, pfs_as_the_peer_wants,
        every_default_proposal, W9_drafts_of_nat_traversal, NULL };
    return unit_suite("ike-peers", tests);
}

UNIT_MAIN(suite)
