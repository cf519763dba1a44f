/* test_ike_bad.c - what is not meant well: every message cut at every byte, changed at every
 * byte, replayed, floods of invented sources, other exchanges and versions; and
 * peers with habits of their own (rows W, M). */
#include "ike_rig.h"

#include <malloc.h>

/* ---- a recorder: the datagrams of one good call ---------------------------------------------- */

#define KEPT 64u
static struct kept {
    uint8_t p[4096];
    size_t len;
    uint32_t from;
    struct adit_addr src, dst;
} kept[KEPT];
static uint32_t kept_n;

static void keep(struct rig *r, const struct rig_pkt *k)
{
    (void)r;
    if (k->kind != RIG_IKE || kept_n == KEPT || k->len > sizeof kept[0].p)
        return;
    kept[kept_n] = (struct kept){ .len = k->len, .from = k->from, .src = k->src, .dst = k->dst };
    memcpy(kept[kept_n++].p, k->p, k->len);
}

static void give(struct rig *r, uint32_t to, const struct kept *k, const uint8_t *p, size_t len)
{
    struct rig_end *e = &r->end[to];
    uint16_t port = k->dst.port == 4500 ? 4500 : 500;
    struct adit_path *path = rig_path_get(e, port, &k->src, ADIT_PROTO_UDP);
    uint8_t *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, p, len);
    ike_rx(e->ike, path, port == 4500, copy, len);
    free(copy);
    rig_drop(e, path);
}

/* At each message of a call, before it arrives: something else instead, many
 * times; then the message itself. The call must come to its good end. */
struct spoil {
    uint32_t at, n, how;
};

static struct rig_fate spoil_wire(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct spoil *s = u;
    struct rig_fate f = { 1, { 10 } };
    if (k->kind != RIG_IKE || s->n++ != s->at)
        return f;
    struct kept x = { .src = k->src, .dst = k->dst };
    uint8_t copy[8192];
    uint32_t to = k->from == RIG_SERVER ? 0 : RIG_SERVER;
    memcpy(copy, k->p, k->len);
    if (s->how == 0) {
        for (size_t len = 0; len < k->len; len++)
            give(r, to, &x, k->p, len);
    } else if (s->how == 1) {           /* cut, and the header says so */
        for (size_t len = 28; len < k->len; len++) {
            struct wr w = wr_of(copy + 24, 4);
            wr_u32(&w, (uint32_t)len);
            give(r, to, &x, copy, len);
        }
    } else {
        for (size_t i = 0; i < k->len; i++)
            for (int bit = 0; bit < 8; bit += 3) {
                /* a bit of the initiator's cookie or of a nonce makes another valid exchange */
                copy[i] ^= (uint8_t)(1u << bit);
                if (s->at > 3 || i >= 16)
                    give(r, to, &x, copy, k->len);
                copy[i] = k->p[i];
            }
    }
    return f;
}

static void spoiled(const struct rig_setup *s, uint32_t how, uint32_t from)
{
    for (uint32_t at = from; at < 12; at++) {
        static struct rig r;
        struct spoil w = { at, 0, how };
        rig_init(&r, s);
        r.wire = spoil_wire;
        r.u = &w;
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 40000);
        ck_assert(c->over);
        ck_assert_msg(c->a != NULL, "how %u, message %u: %s", how, at, c->why);
        rig_talk(&r, &r.end[0], &r.end[1]);
        ike_assoc_unused(r.end[0].ike, c->a);
        rig_run(&r, 60000);
        rig_fini(&r);
    }
}

static const struct rig_setup plain = { .psk = { "secret", "secret" }, .per_address = 200,
                                        .starts = 100000 };
static const struct rig_setup natted = { .psk = { "secret", "secret" }, .nat_clients = true,
                                         .nat_server = true, .pfs = true, .per_address = 200,
                                         .starts = 100000 };

START_TEST(every_message_cut_at_every_byte)
{
    spoiled(&plain, 0, 0);
    spoiled(&natted, 0, 0);
}
END_TEST

START_TEST(every_message_cut_with_its_length)
{
    /* A shorter message 1 to 4 may be a whole one without its last payloads:
     * nothing protects those, and the hashes find it out. */
    spoiled(&plain, 1, 4);
    spoiled(&natted, 1, 4);
}
END_TEST

START_TEST(every_protected_message_changed_at_every_byte)
{
    spoiled(&plain, 2, 4);
    spoiled(&natted, 2, 4);
}
END_TEST

/* Messages 1 to 4 are in clear: whatever is changed there ends in a call that
 * works or in one that fails, and in nothing else. */
START_TEST(every_clear_message_changed_or_cut)
{
    for (uint32_t how = 1; how < 3; how++)
        for (uint32_t at = 0; at < 4; at++) {
            static struct rig r;
            struct spoil w = { at, 0, how };
            rig_init(&r, &natted);
            r.wire = spoil_wire;
            r.u = &w;
            struct rig_call *c = rig_dial(&r, 0);
            rig_run(&r, 70000);
            ck_assert(c->over);
            rig_fini(&r);
        }
}
END_TEST

/* All that was ever said is said again, from another place. */
START_TEST(replays_change_nothing)
{
    static struct rig r;
    rig_init(&r, &natted);
    kept_n = 0;
    r.tap = keep;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 3000);
    ck_assert(c->a != NULL);
    ck_assert_int_eq(ike_rekey(r.end[0].ike, c->a), 0);
    rig_run(&r, 30000);
    r.tap = NULL;
    uint32_t sas[2] = { rig_sas(&r.end[0]), rig_sas(&r.end[1]) };
    uint32_t pairs = rig_pairs(rig_assoc(&r.end[1]));
    for (uint32_t i = 0; i < kept_n; i++) {
        uint32_t to = kept[i].from == RIG_SERVER ? 0 : RIG_SERVER;
        kept[i].src.port = (uint16_t)(kept[i].src.port + 7);
        give(&r, to, &kept[i], kept[i].p, kept[i].len);
        rig_run(&r, 20);
    }
    rig_run(&r, 60000);         /* half-open ones of replayed first messages are over */
    ck_assert_uint_eq(rig_sas(&r.end[0]), sas[0]);
    ck_assert_uint_eq(rig_sas(&r.end[1]), sas[1]);
    ck_assert_uint_eq(rig_pairs(rig_assoc(&r.end[1])), pairs);
    rig_talk(&r, &r.end[0], &r.end[1]);
    rig_fini(&r);
}
END_TEST

/* ---- before anything is proven ------------------------------------------------------------------------ */

static size_t first_message(struct rig *r, uint8_t *out, size_t size)
{
    kept_n = 0;
    r->tap = keep;
    rig_dial(r, 0);
    rig_run(r, 5);
    r->tap = NULL;
    ck_assert_uint_ge(kept_n, 1);
    ck_assert_uint_le(kept[0].len, size);
    memcpy(out, kept[0].p, kept[0].len);
    return kept[0].len;
}

static uint32_t biggest, answers;
static size_t question;
static void measure(struct rig *r, const struct rig_pkt *k)
{
    (void)r;
    if (k->from != RIG_SERVER)
        return;
    answers++;
    if (k->len > question && k->len - question > biggest)
        biggest = (uint32_t)(k->len - question);
}

static struct rig_fate to_nowhere(struct rig *r, const struct rig_pkt *k, void *u)
{
    (void)r, (void)u;
    return (struct rig_fate){ k->dst.ip[0] != 44, { 10 } };
}

START_TEST(a_flood_of_invented_sources)
{
    static struct rig r;
    uint8_t m[2048];
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .max_half_open = 200 });
    question = first_message(&r, m, sizeof m);
    rig_run(&r, 3000);
    r.tap = measure;
    r.wire = to_nowhere;
    struct rig_call *c = NULL;
    struct mallinfo2 before = mallinfo2();
    for (uint32_t i = 0; i < 100000; i++) {
        struct kept k = { .dst = rig_ip(RIG_SERVER_IP), .src = rig_ip(0x2c000000u + i * 7) };
        k.dst.port = k.src.port = 500;
        rig_op_random(m, 8);
        give(&r, RIG_SERVER, &k, m, question);
        ck_assert_uint_le(ike_half_open(r.end[1].ike), 200);
        if (i == 50000)
            c = rig_dial(&r, 2 - 2);    /* an honest one, in the middle of it */
        if (i % 5 == 0)
            rig_run(&r, 1);     /* 5000 a second */
    }
    struct mallinfo2 after = mallinfo2();
    ck_assert(c->a != NULL);
    ck_assert_uint_le(after.uordblks, before.uordblks + (2u << 20));
    ck_assert_uint_le(biggest, 200);
    ck_assert_uint_gt(answers, 1000);
    rig_run(&r, 60000);
    ck_assert_uint_eq(ike_half_open(r.end[1].ike), 0);
    rig_fini(&r);
}
END_TEST

START_TEST(one_source_is_limited)
{
    static struct rig r;
    uint8_t m[2048];
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .starts = 10, .per_address = 20 });
    question = first_message(&r, m, sizeof m);
    rig_run(&r, 3000);
    r.tap = measure;
    r.wire = to_nowhere;
    answers = 0;
    struct kept k = { .dst = rig_ip(RIG_SERVER_IP), .src = rig_ip(0x2c000001u) };
    k.dst.port = k.src.port = 500;
    for (uint32_t i = 0; i < 1000; i++) {
        rig_op_random(m, 8);
        give(&r, RIG_SERVER, &k, m, question);
        rig_run(&r, 1);
    }
    ck_assert_uint_le(answers, 20);
    ck_assert_uint_ge(answers, 10);
    ck_assert_uint_ge(r.end[1].counters[IKE_N_LIMITED], 900);
    ck_assert_uint_ge(r.end[1].said[IKE_SAY_LIMIT], 1);
    ck_assert_uint_le(r.end[1].said[IKE_SAY_LIMIT], 3);
    rig_fini(&r);
}
END_TEST

START_TEST(errors_in_clear_are_few)
{
    static struct rig r;
    uint8_t m[2048];
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" },
             .proposals = { "3des-md5-modp1024", "aes256-sha256-ecp256" } });
    question = first_message(&r, m, sizeof m);
    rig_run(&r, 3000);
    r.tap = measure;
    r.wire = to_nowhere;
    answers = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct kept k = { .dst = rig_ip(RIG_SERVER_IP), .src = rig_ip(0x2c000000u + i) };
        k.dst.port = k.src.port = 500;
        rig_op_random(m, 8);
        give(&r, RIG_SERVER, &k, m, question);
        rig_run(&r, 1);
    }
    ck_assert_uint_le(answers, 40);
    ck_assert_uint_ge(answers, 5);
    ck_assert_uint_eq(ike_half_open(r.end[1].ike), 0);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_NO_PROPOSAL], 3001 + r.end[0].counters[IKE_N_TX_AGAIN]);
    rig_fini(&r);
}
END_TEST

static size_t header(uint8_t *m, uint8_t version, uint8_t exchange, uint8_t next)
{
    struct wr w = wr_of(m, 28 + 8);
    wr_u64(&w, 0x1122334455667788u);
    wr_u64(&w, 0);
    wr_u8(&w, next);
    wr_u8(&w, version);
    wr_u8(&w, exchange);
    wr_u8(&w, 0x08);
    wr_u32(&w, 0);
    wr_u32(&w, 36);
    wr_u8(&w, 0);
    wr_u8(&w, 0);
    wr_u16(&w, 8);
    wr_u32(&w, 1);
    return wr_len(&w);
}

static uint16_t notified;
static void note(struct rig *r, const struct rig_pkt *k)
{
    static struct ike_msg m;
    struct ike_notify n;
    (void)r;
    if (k->from == RIG_SERVER && ike_msg_parse(&m, k->p, k->len) == IKE_MSG_OK &&
        m.hdr.exchange == IKE_X_INFORMATIONAL && m.count == 1 && ike_notify_read(&m.p[0], &n))
        notified = n.type;
}

START_TEST(W6_other_versions_and_exchanges)
{
    static struct rig r;
    uint8_t m[64];
    rig_init(&r, &plain);
    r.tap = note;
    struct kept k = { .dst = rig_ip(RIG_SERVER_IP), .src = rig_ip(0x2c000001u) };
    k.dst.port = k.src.port = 500;
    notified = 0;
    size_t len = header(m, 0x20, 34, 33);       /* IKE_SA_INIT */
    give(&r, RIG_SERVER, &k, m, len);
    ck_assert_uint_eq(notified, IKE_N_INVALID_MAJOR);
    notified = 0;
    m[19] = 0x20;               /* an answer is not answered */
    give(&r, RIG_SERVER, &k, m, len);
    ck_assert_uint_eq(notified, 0);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_RX_VERSION], 2);
    len = header(m, 0x10, IKE_X_AGGRESSIVE, IKE_P_SA);
    m[19] = 0;
    give(&r, RIG_SERVER, &k, m, len);
    ck_assert_uint_eq(notified, IKE_N_INVALID_EXCHANGE);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_RX_EXCHANGE], 1);
    len = header(m, 0x10, 6, 14);       /* a transaction exchange (XAUTH), of nobody */
    m[19] = 0;
    give(&r, RIG_SERVER, &k, m, len);
    m[8] = 1;
    give(&r, RIG_SERVER, &k, m, len);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_RX_NO_SA], 2);
    rig_fini(&r);
}
END_TEST

/* ---- unauthenticated words --------------------------------------------------------------------------------- */

/* Everything that a call sends is answered with an error in clear first: they
 * change nothing when the true answer comes. */
static struct rig_fate liar(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct ike_hdr h;
    uint8_t buf[128];
    (void)u;
    if (k->kind == RIG_IKE && k->from == 0 && ike_hdr_parse(&h, k->p, k->len) == IKE_MSG_OK) {
        struct kept x = { .src = k->dst, .dst = k->src };
        h.exchange = IKE_X_INFORMATIONAL;
        h.flags = 0;
        h.message_id = 5;
        struct ike_out o = ike_out_of(buf, sizeof buf, &h);
        ike_out_begin(&o, IKE_P_NOTIFY);
        ike_out_notify(&o, IKE_PROTO_ISAKMP, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0, NULL, 0);
        ike_out_end(&o);
        size_t len = ike_out_done(&o);
        x.dst.port = k->src.port;
        give(r, 0, &x, buf, len);
    }
    return (struct rig_fate){ 1, { 10 } };
}

START_TEST(errors_in_clear_are_hints_alone)
{
    static struct rig r;
    rig_init(&r, &plain);
    r.wire = liar;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 20000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    rig_talk(&r, &r.end[0], &r.end[1]);
    rig_fini(&r);
}
END_TEST

/* ---- fragments -------------------------------------------------------------------------------------------------- */

START_TEST(messages_in_pieces)
{
    for (uint32_t mtu = 280; mtu < 700; mtu += 40) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .mtu = mtu, .nat_clients = true,
                 .pfs = true, .proposals = { "aes256-sha256-modp2048", "aes256-sha256-modp2048" } });
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 5000);
        ck_assert_msg(c->a != NULL, "%s", c->why);
        ck_assert(mtu > 320 || r.end[1].counters[IKE_N_RX_FRAGMENT] > 0);
        rig_fini(&r);
    }
}
END_TEST

/* Pieces without end: what is kept is bounded, and forgotten. */
START_TEST(pieces_that_never_end)
{
    static struct rig r;
    rig_init(&r, &plain);
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 3000);
    ck_assert(c->a != NULL);
    struct ike_sa *sa = ike_sa_next(r.end[0].ike, NULL);
    static const uint8_t junk[1200];
    for (uint32_t i = 0; i < 5000; i++) {
        uint8_t buf[1400];
        struct ike_hdr h = ike_hdr_of(sa, IKE_X_QUICK, 0, i / 100 + 1);
        struct ike_out o = ike_out_of(buf, sizeof buf, &h);
        ike_out_begin(&o, IKE_P_FRAGMENT);
        ike_out_fragment(&o, (uint16_t)(i / 40), (uint8_t)(i % 40), i % 40 == 39, junk, 1 + i % 1200);
        ike_out_end(&o);
        size_t len = ike_out_done(&o);
        ck_assert_uint_gt(len, 0);
        rig_tx(&r.end[0], sa->path, buf, len);
        rig_run(&r, 20);
        ck_assert_uint_le(r.end[1].ike->reasm_bytes, IKE_MSG_MAX);
    }
    rig_run(&r, 60000);
    ck_assert_uint_eq(r.end[1].ike->reasm_bytes, 0);
    rig_talk(&r, &r.end[0], &r.end[1]);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        every_message_cut_at_every_byte, every_message_cut_with_its_length,
        every_protected_message_changed_at_every_byte, every_clear_message_changed_or_cut,
        replays_change_nothing, a_flood_of_invented_sources, one_source_is_limited,
        errors_in_clear_are_few, W6_other_versions_and_exchanges, errors_in_clear_are_hints_alone,
        messages_in_pieces, pieces_that_never_end, NULL };
    return unit_suite("ike-bad", tests);
}

UNIT_MAIN(suite)
