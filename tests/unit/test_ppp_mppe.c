/* test_ppp_mppe.c - MPPE against RFC 3079's keys and against a slow reading of
 * RFC 3078 that shares nothing with it but SHA-1. */
#include <string.h>

#include <adit/attr.h>
#include "ppp/ppp_mppe.h"
#include "hex.h"
#include "unit.h"

/* ---- the slow reading ---------------------------------------------------------- */

struct slow {
    uint8_t start[16], key[16], s[256], i, j;
    size_t len, salted;
};

static void slow_key(struct slow *m, const uint8_t *key)
{
    for (int i = 0; i < 256; i++)
        m->s[i] = (uint8_t)i;
    uint8_t j = 0;
    for (int i = 0; i < 256; i++) {
        j = (uint8_t)(j + m->s[i] + key[(size_t)i % m->len]);
        uint8_t t = m->s[i];
        m->s[i] = m->s[j];
        m->s[j] = t;
    }
    m->i = m->j = 0;
}

static void slow_xor(struct slow *m, uint8_t *p, size_t n)
{
    while (n--) {
        m->i++;
        m->j = (uint8_t)(m->j + m->s[m->i]);
        uint8_t t = m->s[m->i];
        m->s[m->i] = m->s[m->j];
        m->s[m->j] = t;
        *p++ ^= m->s[(uint8_t)(m->s[m->i] + m->s[m->j])];
    }
}

static void slow_salt(struct slow *m)
{
    memcpy(m->key, "\xd1\x26\x9e", m->salted);
    slow_key(m, m->key);
}

static void slow_sha(struct slow *m, uint8_t *out)
{
    uint8_t pad1[40], pad2[40], hash[20];
    memset(pad1, 0, sizeof pad1);
    memset(pad2, 0xf2, sizeof pad2);
    struct adit_chunk c[] = { { m->start, m->len }, { pad1, 40 }, { m->key, m->len }, { pad2, 40 } };
    ck_assert_int_eq(crypto_digest(ADIT_SHA1, c, 4, hash), 0);
    memcpy(out, hash, m->len);
}

static void slow_init(struct slow *m, const uint8_t *start, uint32_t enc)
{
    memset(m, 0, sizeof *m);
    m->len = enc == ADIT_ENC_128 ? 16 : 8;
    m->salted = enc == ADIT_ENC_128 ? 0 : enc == ADIT_ENC_56 ? 1 : 3;
    memcpy(m->start, start, m->len);
    memcpy(m->key, start, m->len);
    slow_sha(m, m->key);
    slow_salt(m);
}

static void slow_change(struct slow *m)
{
    uint8_t interim[16];
    slow_sha(m, interim);
    slow_key(m, interim);
    slow_xor(m, interim, m->len);
    memcpy(m->key, interim, m->len);
    slow_salt(m);
}

/* ---- helpers --------------------------------------------------------------------- */

#define LEN 60
static const char start_hex[] = "8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB";

struct packet {
    uint8_t buf[ADIT_ROOM + LEN + 16 + ADIT_ROOM];
    struct adit_frame f;
};

static void packet(struct packet *k, uint32_t n)
{
    memset(k->buf, 0, sizeof k->buf);
    k->f = adit_frame_of(k->buf, sizeof k->buf, ADIT_ROOM, LEN);
    memcpy(k->f.data, "\x00\x21\x45\x00\x00", 5);     /* IPv4, its total length */
    k->f.data[5] = LEN - 2;
    for (uint32_t i = 6; i < LEN; i++)
        k->f.data[i] = (uint8_t)(i + n * 7);
}

static void seal(struct mppe *m, struct packet *k, uint32_t n)
{
    struct adit_frame *v = &k->f;
    packet(k, n);
    ck_assert_uint_eq(mppe_seal(m, &v, 1), 1);
}

static void is_packet(const struct packet *k, uint32_t n)
{
    struct packet want;
    packet(&want, n);
    ck_assert_uint_eq(k->f.len, LEN);
    ck_assert_mem_eq(k->f.data, want.f.data, LEN);
}

static void pair(struct mppe *tx, struct mppe *rx, uint32_t enc, bool stateless)
{
    uint8_t start[16];
    hex_get(start, sizeof start, start_hex);
    mppe_init(tx, start, enc, stateless);
    mppe_init(rx, start, enc, stateless);
}

static const uint32_t strengths[] = { ADIT_ENC_40, ADIT_ENC_56, ADIT_ENC_128 };

/* ---- vectors ------------------------------------------------------------------------ */

START_TEST(session_keys_are_rfc3079s)
{
    /* RFC 3079 section 3.5: the first session keys, and a text under them */
    static const struct { uint32_t enc; const char *key, *text; } rows[] = {
        { ADIT_ENC_40,  "D1 26 9E C4 9F A6 2E 3E", "929137917e5803d668d75898" },
        { ADIT_ENC_56,  "D1 5C 00 C4 9F A6 2E 3E", "3f106833fa448da842bc57b8" },
        { ADIT_ENC_128, "40 5C B2 24 7A 79 56 E6 E2 11 00 7A E2 7B 22 D4", "81848317df68846272fb5abe" },
    };
    for (size_t i = 0; i < 3; i++) {
        uint8_t start[16], text[12], want[12];
        struct mppe m;
        hex_get(start, sizeof start, start_hex);
        mppe_init(&m, start, rows[i].enc, false);
        hex_eq(m.session, (size_t)m.len, rows[i].key);
        memcpy(text, "test message", 12);
        rc4_xor(&m.rc4, text, 12);
        size_t n = hex_get(want, sizeof want, rows[i].text);
        ck_assert_mem_eq(text, want, n);
    }
}
END_TEST

START_TEST(stateless_equals_the_slow_reading)
{
    for (size_t s = 0; s < 3; s++) {
        struct mppe tx, rx;
        struct slow slow;
        pair(&tx, &rx, strengths[s], true);
        slow_init(&slow, tx.start, strengths[s]);
        for (uint32_t n = 0; n < 5000; n++) {
            struct packet k, want;
            seal(&tx, &k, n);
            packet(&want, n);
            slow_change(&slow);
            slow_xor(&slow, want.f.data, LEN);
            ck_assert_uint_eq(k.f.data[0], 0x90 | (n % 4096) >> 8);     /* A and D */
            ck_assert_uint_eq(k.f.data[1], n & 0xff);
            ck_assert_mem_eq(k.f.data + 2, want.f.data, LEN);
            ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
            is_packet(&k, n);
        }
    }
}
END_TEST

START_TEST(stateful_equals_the_slow_reading)
{
    for (size_t s = 0; s < 3; s++) {
        struct mppe tx, rx;
        struct slow slow;
        pair(&tx, &rx, strengths[s], false);
        slow_init(&slow, tx.start, strengths[s]);
        for (uint32_t n = 0; n < 9000; n++) {
            struct packet k, want;
            seal(&tx, &k, n);
            packet(&want, n);
            bool flag = (n & 0xff) == 0xff;
            if (flag)
                slow_change(&slow);
            slow_xor(&slow, want.f.data, LEN);
            ck_assert_uint_eq(k.f.data[0], (flag ? 0x90 : 0x10) | (n % 4096) >> 8);
            ck_assert_mem_eq(k.f.data + 2, want.f.data, LEN);
            ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
            is_packet(&k, n);
        }
    }
}
END_TEST

/* ---- loss, order, repetition --------------------------------------------------------- */

START_TEST(stateless_catches_up_after_loss)
{
    static const uint32_t gaps[] = { 1, 2, 100, 255, 256, 2047 };
    struct mppe tx, rx;
    struct packet k;
    pair(&tx, &rx, ADIT_ENC_128, true);
    uint32_t n = 0, lost = 0;
    for (uint32_t round = 0; round < 18; round++) {
        for (uint32_t g = gaps[round % 6]; g; g--, n++, lost++)
            seal(&tx, &k, n);
        seal(&tx, &k, n);
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        is_packet(&k, n++);
    }
    ck_assert_uint_eq(rx.lost, lost);
}
END_TEST

START_TEST(L5_a_late_packet_is_dropped_and_the_stream_goes_on)
{
    struct mppe tx, rx;
    struct packet a, b, c;
    pair(&tx, &rx, ADIT_ENC_128, true);
    for (uint32_t n = 0; n < 9000; n += 3) {        /* over the wrap of the counter, too */
        seal(&tx, &a, n);
        seal(&tx, &b, n + 1);
        seal(&tx, &c, n + 2);
        struct packet again = a;
        again.f.data = again.buf + (a.f.data - a.buf);
        again.f.room = again.buf;
        again.f.end = again.buf + sizeof again.buf;
        ck_assert_int_eq(mppe_open(&rx, &a.f), MPPE_OK);
        ck_assert_int_eq(mppe_open(&rx, &c.f), MPPE_OK);
        ck_assert_int_eq(mppe_open(&rx, &b.f), MPPE_LATE);
        ck_assert_int_eq(mppe_open(&rx, &again.f), MPPE_LATE);
        is_packet(&c, n + 2);
    }
}
END_TEST

START_TEST(forged_packets_move_nothing)
{
    struct mppe tx, rx;
    struct packet k, forged;
    pair(&tx, &rx, ADIT_ENC_128, true);
    uint32_t bad = 0;
    for (uint32_t n = 0; n < 500; n++) {
        packet(&forged, n);
        uint8_t *h = adit_frame_push(&forged.f, 2);
        h[0] = (uint8_t)(0x90 | ((n + 700) >> 8 & 7));
        h[1] = (uint8_t)n;
        bad += mppe_open(&rx, &forged.f) != MPPE_OK;
        seal(&tx, &k, n);
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        is_packet(&k, n);
    }
    ck_assert_uint_eq(bad, 500);
}
END_TEST

/* A packet of nonsense, `ahead` of what the receiver waits for. */
static enum mppe_result forge(struct mppe *rx, uint32_t ahead)
{
    struct packet k;
    uint32_t count = (rx->count + ahead) % MPPE_COUNTS;
    packet(&k, ahead);
    uint8_t *h = adit_frame_push(&k.f, 2);
    h[0] = (uint8_t)(0x90 | count >> 8);
    h[1] = (uint8_t)count;
    return mppe_open(rx, &k.f);
}

START_TEST(forged_packets_cost_a_bounded_number_of_key_changes)
{
    struct mppe tx, rx;
    struct packet k;
    uint64_t now = 5000;
    pair(&tx, &rx, ADIT_ENC_128, true);
    for (uint32_t second = 0; second < 3; second++, now += 1000) {
        uint32_t spent = 0, n;
        mppe_credit(&rx, now);
        for (n = 0; n < 300; n++) {
            uint32_t before = rx.bad;
            ck_assert_int_eq(forge(&rx, 2047), MPPE_BAD);
            spent += rx.bad > before ? 2047 : 0;        /* it was tried */
            mppe_credit(&rx, now + n);
        }
        ck_assert_uint_le(spent, MPPE_CREDIT + 2047);
        /* the real ones are heard all the while, a few lost ones among them */
        seal(&tx, &k, 1);
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        for (uint32_t i = 0; i < MPPE_NEAR; i++)
            seal(&tx, &k, 2);
        seal(&tx, &k, 3);
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        is_packet(&k, 3);
    }
    /* a second later a long loss is caught up with again */
    mppe_credit(&rx, now);
    for (uint32_t i = 0; i < 2047; i++)
        seal(&tx, &k, 4);
    seal(&tx, &k, 5);
    ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
    is_packet(&k, 5);
}
END_TEST

START_TEST(stateful_recovers_at_a_flushed_packet)
{
    /* loss of 1 to 700 packets, over flag packets and over the wrap */
    static const uint32_t gaps[] = { 1, 3, 255, 256, 257, 511, 700 };
    struct mppe tx, rx;
    struct packet k;
    pair(&tx, &rx, ADIT_ENC_128, false);
    uint32_t n = 0;
    for (uint32_t round = 0; round < 21; round++) {
        for (uint32_t i = 0; i < 40; i++, n++) {
            seal(&tx, &k, n);
            ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
            is_packet(&k, n);
        }
        for (uint32_t g = gaps[round % 7]; g; g--, n++)
            seal(&tx, &k, n);
        for (uint32_t i = 0; i < 5; i++, n++) {     /* until the Reset-Request is there */
            seal(&tx, &k, n);
            enum mppe_result r = mppe_open(&rx, &k.f);
            ck_assert(r == MPPE_GAP || (r == MPPE_OK && (n & 0xff) >= 0xff - 5) || rx.gap == false);
        }
        mppe_reset(&tx);
        mppe_reset(&tx);                            /* once more changes nothing */
        seal(&tx, &k, n);
        ck_assert_uint_eq(k.f.data[0] & 0x90, 0x90);
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        is_packet(&k, n++);
    }
}
END_TEST

START_TEST(stateful_understands_linux_after_a_reset)
{
    /* Linux changes the key where RFC 3078 only initialises the tables */
    struct mppe rx;
    struct slow slow;
    struct packet k;
    pair(&rx, &rx, ADIT_ENC_128, false);
    slow_init(&slow, rx.start, ADIT_ENC_128);
    for (uint32_t n = 0; n < 40; n++) {
        packet(&k, n);
        bool flushed = n == 20;
        if (flushed)
            slow_change(&slow);
        slow_xor(&slow, k.f.data, LEN);
        uint8_t *h = adit_frame_push(&k.f, 2);
        h[0] = flushed ? 0x90 : 0x10;
        h[1] = (uint8_t)n;
        if (n >= 10 && n < 20) {
            if (n > 10)
                ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_GAP);
            continue;
        }
        ck_assert_int_eq(mppe_open(&rx, &k.f), MPPE_OK);
        is_packet(&k, n);
    }
}
END_TEST

START_TEST(keys_that_parted_are_noticed)
{
    struct mppe tx, rx;
    struct packet k;
    pair(&tx, &rx, ADIT_ENC_128, true);
    rx.session[0] ^= 1;
    bool lost = false;
    for (uint32_t n = 0; n < 3 * MPPE_BAD_MAX && !lost; n++) {
        seal(&tx, &k, n);
        lost = mppe_open(&rx, &k.f) == MPPE_LOST;
    }
    ck_assert(lost);
}
END_TEST

START_TEST(every_truncation_and_every_flag)
{
    for (uint32_t stateless = 0; stateless < 2; stateless++) {
        struct mppe tx, rx;
        struct packet k, good;
        pair(&tx, &rx, ADIT_ENC_56, stateless);
        for (uint32_t len = 0; len <= LEN + 2; len++) {
            for (uint32_t flags = 0; flags < 16; flags++) {
                struct mppe probe = rx, sender = tx;
                seal(&sender, &k, 1);
                k.f.len = len;
                k.f.data[0] = (uint8_t)((k.f.data[0] & 15) | flags << 4);
                enum mppe_result r = mppe_open(&probe, &k.f);
                bool ok = len >= LEN + 2 && (flags & 1) && !(flags & 2) && (!stateless || (flags & 8));
                ck_assert_msg((r == MPPE_OK) == ok, "len %u flags %x gave %d", len, flags, r);
            }
        }
        seal(&tx, &good, 1);
        ck_assert_int_eq(mppe_open(&rx, &good.f), MPPE_OK);
    }
}
END_TEST

START_TEST(a_vector_without_room_loses_only_that_frame)
{
    struct mppe tx, rx;
    struct packet k[4];
    struct adit_frame *v[4];
    pair(&tx, &rx, ADIT_ENC_128, true);
    for (uint32_t i = 0; i < 4; i++) {
        packet(&k[i], i);
        v[i] = &k[i].f;
    }
    k[1].f.room = k[1].f.data - 1;
    ck_assert_uint_eq(mppe_seal(&tx, v, 4), 3);
    ck_assert_ptr_eq(v[1], &k[2].f);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(mppe_open(&rx, v[i]), MPPE_OK);
    ck_assert_uint_eq(rx.lost, 0);
}
END_TEST

static void with_crypto(void)
{
    ck_assert_int_eq(crypto_init(), 0);
}

static Suite *suite(void)
{
    Suite *s = unit_suite("ppp_mppe", (const TTest *const[]){
        session_keys_are_rfc3079s, stateless_catches_up_after_loss,
        L5_a_late_packet_is_dropped_and_the_stream_goes_on, forged_packets_move_nothing,
        forged_packets_cost_a_bounded_number_of_key_changes,
        stateful_recovers_at_a_flushed_packet, stateful_understands_linux_after_a_reset,
        keys_that_parted_are_noticed, every_truncation_and_every_flag,
        a_vector_without_room_loses_only_that_frame, NULL });
    TCase *tc = tcase_create("slow");
    tcase_add_checked_fixture(tc, with_crypto, NULL);
    tcase_add_test(tc, stateless_equals_the_slow_reading);
    tcase_add_test(tc, stateful_equals_the_slow_reading);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
