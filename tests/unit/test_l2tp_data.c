/* test_l2tp_data.c - the header of L2TP and sequenced data. */
#include "../../plugins/tunnel-l2tp/l2tp_data.h"
#include "hex.h"
#include "unit.h"

/* ---- headers ---------------------------------------------------------------------- */

static int head(const char *hex, struct l2tp_hdr *h, size_t *left)
{
    uint8_t buf[256];
    size_t n = hex_get(buf, sizeof buf, hex);
    uint8_t *p = malloc(n ? n : 1);
    memcpy(p, buf, n);
    struct rd r = rd_of(p, n);
    int code = l2tp_hdr_read(&r, h);
    *left = rd_left(&r);
    free(p);
    return code;
}

START_TEST(every_form_of_the_header)
{
    struct l2tp_hdr h;
    size_t left;
    /* control: T L S, RFC 2661 section 3.1 */
    ck_assert_int_eq(head("c802 000e 1234 5678 0001 0002 aabb", &h, &left), L2TP_HDR_OK);
    ck_assert(h.tunnel == 0x1234 && h.session == 0x5678 && h.ns == 1 && h.nr == 2);
    ck_assert_uint_eq(left, 2);
    /* data: bare; length; sequence; offset; all; priority */
    ck_assert_int_eq(head("0002 1234 5678 ff03", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
    ck_assert_int_eq(head("4002 000a 1234 5678 ff03", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
    ck_assert_int_eq(head("0802 1234 5678 0009 0000 ff03", &h, &left), L2TP_HDR_OK);
    ck_assert(left == 2 && h.ns == 9);
    ck_assert_int_eq(head("0202 1234 5678 0003 aaaaaa ff03", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
    ck_assert_int_eq(head("4b02 0011 1234 5678 0009 0000 0001 aa ff03", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
    ck_assert_int_eq(head("0102 1234 5678 ff03", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
    /* what follows the length's end is padding */
    ck_assert_int_eq(head("4002 000a 1234 5678 ff03 0000 0000", &h, &left), L2TP_HDR_OK);
    ck_assert_uint_eq(left, 2);
}
END_TEST

START_TEST(bad_headers)
{
    struct l2tp_hdr h;
    size_t left;
    ck_assert_int_eq(head("", &h, &left), L2TP_HDR_SHORT);
    ck_assert_int_eq(head("00", &h, &left), L2TP_HDR_SHORT);
    ck_assert_int_eq(head("0002 1234 56", &h, &left), L2TP_HDR_SHORT);
    /* length beyond the datagram, and inside the header */
    ck_assert_int_eq(head("4002 000b 1234 5678 ff03", &h, &left), L2TP_HDR_LENGTH);
    ck_assert_int_eq(head("4002 0007 1234 5678 ff03", &h, &left), L2TP_HDR_LENGTH);
    ck_assert_int_eq(head("c802 000b 1234 5678 0001 0002", &h, &left), L2TP_HDR_LENGTH);
    /* offset beyond the end, and beyond the length */
    ck_assert_int_eq(head("0202 1234 5678 0003 aaaa", &h, &left), L2TP_HDR_LENGTH);
    ck_assert_int_eq(head("4202 000b 1234 5678 0002 aaaa ff03", &h, &left), L2TP_HDR_LENGTH);
    /* control without length or sequence numbers */
    ck_assert_int_eq(head("8802 1234 5678 0001 0002", &h, &left), L2TP_HDR_CONTROL);
    ck_assert_int_eq(head("c002 0008 1234 5678", &h, &left), L2TP_HDR_CONTROL);
}
END_TEST

START_TEST(K7_other_versions)
{
    struct l2tp_hdr h;
    size_t left;
    ck_assert_int_eq(head("c803 000c 1234 5678 0001 0002", &h, &left), L2TP_HDR_VERSION);
    ck_assert_int_eq(head("0001 1234 5678", &h, &left), L2TP_HDR_VERSION);
    ck_assert_int_eq(head("0000 1234 5678", &h, &left), L2TP_HDR_VERSION);
    ck_assert_int_eq(head("0003 0000 1234 5678", &h, &left), L2TP_HDR_VERSION);
}
END_TEST

START_TEST(every_truncation_of_every_header)
{
    static const char *const all[] = { "c802 000e 1234 5678 0001 0002 aabb",
                                       "4b02 0011 1234 5678 0009 0000 0001 aa ff03",
                                       "0202 1234 5678 0003 aaaaaa ff03", "0002 1234 5678 ff03" };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint8_t buf[64];
        size_t n = hex_get(buf, sizeof buf, all[i]);
        for (size_t len = 0; len < n; len++) {
            uint8_t *p = malloc(len ? len : 1);
            struct l2tp_hdr h;
            memcpy(p, buf, len);
            struct rd r = rd_of(p, len);
            int code = l2tp_hdr_read(&r, &h);
            ck_assert(code != L2TP_HDR_OK || (!(h.flags & L2TP_F_LENGTH) && rd_left(&r) <= 2));
            free(p);
        }
    }
}
END_TEST

START_TEST(headers_are_pushed)
{
    uint8_t buf[2][128];
    for (unsigned mode = 0; mode < 4; mode++) {
        struct adit_frame f[2], *v[2] = { &f[0], &f[1] };
        struct l2tp_tx x = { 0x1234, 0x5678, 0xffff, mode & 1, mode & 2 };
        static const char *const want[2][4] = {
            { "0002 1234 5678 aa", "0802 1234 5678 ffff 0000 aa", "4002 0009 1234 5678 aa",
              "4802 000d 1234 5678 ffff 0000 aa" },
            { "0002 1234 5678 bb", "0802 1234 5678 0000 0000 bb", "4002 0009 1234 5678 bb",
              "4802 000d 1234 5678 0000 0000 bb" } };
        for (int i = 0; i < 2; i++) {
            f[i] = adit_frame_of(buf[i], sizeof buf[i], 64, 1);
            f[i].data[0] = i ? 0xbb : 0xaa;
        }
        ck_assert_uint_eq(l2tp_data_push(&x, v, 2), 2);
        for (int i = 0; i < 2; i++)
            hex_eq(f[i].data, f[i].len, want[i][mode]);
    }
}
END_TEST

START_TEST(a_frame_without_room_is_left_out)
{
    uint8_t buf[3][64];
    struct adit_frame f[3], *v[3];
    struct l2tp_tx x = { 1, 2, 0, false, false };
    for (int i = 0; i < 3; i++) {
        f[i] = adit_frame_of(buf[i], sizeof buf[i], i == 1 ? 5 : 6, 1);
        v[i] = &f[i];
    }
    ck_assert_uint_eq(l2tp_data_push(&x, v, 3), 2);
    ck_assert(v[0] == &f[0] && v[1] == &f[2]);
}
END_TEST

/* ---- order -------------------------------------------------------------------------------- */

static struct {
    struct l2tp_seq q;
    uint16_t got[8192];
    uint32_t n, timer, kept, vectors, close_at;
} S;

static struct adit_frame *keep(const struct adit_frame *f)
{
    struct adit_frame *k = malloc(sizeof *k + 2);
    *k = *f;
    k->data = (uint8_t *)(k + 1);
    memcpy(k->data, f->data, 2);
    S.kept++;
    return k;
}

static void drop(struct adit_frame *f)
{
    S.kept--;
    free(f);
}

static void deliver(void *u, struct adit_frame **v, uint32_t n)
{
    (void)u;
    ck_assert(n > 0 && n <= ADIT_VECTOR);
    S.vectors++;
    for (uint32_t i = 0; i < n; i++) {
        S.got[S.n++] = (uint16_t)(v[i]->data[0] << 8 | v[i]->data[1]);
        v[i] = NULL;                        /* the vector is the receiver's to change */
    }
    if (S.close_at && S.n >= S.close_at)
        l2tp_seq_fini(&S.q);
}

static void timer(void *u, uint32_t ms)
{
    (void)u;
    S.timer = ms;
}

static const struct l2tp_seq_ops ops = { deliver, timer };
static const struct adit_frame_api frames = { sizeof frames, keep, drop };

static void seq_begin(uint16_t size)
{
    memset(&S, 0, sizeof S);
    l2tp_seq_init(&S.q, &ops, &frames, NULL, size, 50);
}

/* Several frames as of one vector. */
static void seq(const uint16_t *ns, uint32_t n)
{
    uint8_t buf[256][2];
    struct adit_frame f[256];
    for (uint32_t i = 0; i < n; i++) {
        buf[i][0] = (uint8_t)(ns[i] >> 8);
        buf[i][1] = (uint8_t)ns[i];
        f[i] = adit_frame_of(buf[i], 2, 0, 2);
        l2tp_seq_rx(&S.q, ns[i], &f[i]);
    }
    l2tp_seq_flush(&S.q);
    memset(buf, 0xee, sizeof buf);          /* borrowed until here */
}
#define SEQ(...) seq((const uint16_t[]){ __VA_ARGS__ }, sizeof((const uint16_t[]){ __VA_ARGS__ }) / 2)

static void got(const uint16_t *want, uint32_t n)
{
    ck_assert_uint_eq(S.n, n);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_uint_eq(S.got[i], want[i]);
    S.n = 0;
}
#define GOT(...) got((const uint16_t[]){ __VA_ARGS__ }, sizeof((const uint16_t[]){ __VA_ARGS__ }) / 2)

START_TEST(in_order_passes_in_one_vector)
{
    seq_begin(8);
    SEQ(0, 1, 2, 3);
    GOT(0, 1, 2, 3);
    ck_assert_uint_eq(S.vectors, 1);
    ck_assert_uint_eq(S.timer, 0);
    ck_assert(!S.q.slot);                   /* no memory for those who need none */
    l2tp_seq_fini(&S.q);
}
END_TEST

START_TEST(out_of_order_is_put_right)
{
    seq_begin(8);
    SEQ(0, 2, 1, 3);
    GOT(0, 1, 2, 3);
    SEQ(5, 7, 6);
    ck_assert_uint_eq(S.n, 0);
    ck_assert_uint_eq(S.timer, 50);
    SEQ(4);
    GOT(4, 5, 6, 7);
    ck_assert_uint_eq(S.timer, 0);
    ck_assert_uint_eq(S.kept, 0);
    ck_assert_uint_eq(S.q.reordered, 4);
    ck_assert_uint_eq(S.q.lost, 0);
    l2tp_seq_fini(&S.q);
}
END_TEST

START_TEST(what_is_missing_is_given_up)
{
    seq_begin(8);
    SEQ(0, 2, 3, 5);
    GOT(0);
    l2tp_seq_tick(&S.q);
    GOT(2, 3);
    ck_assert_uint_eq(S.timer, 50);
    l2tp_seq_tick(&S.q);
    GOT(5);
    ck_assert_uint_eq(S.q.lost, 2);
    ck_assert_uint_eq(S.timer, 0);
    SEQ(4, 1);                              /* too late */
    ck_assert_uint_eq(S.n, 0);
    ck_assert_uint_eq(S.q.late, 2);
    l2tp_seq_fini(&S.q);
    ck_assert_uint_eq(S.kept, 0);
}
END_TEST

START_TEST(a_full_window_moves_on)
{
    seq_begin(4);
    SEQ(1, 2, 3);
    ck_assert_uint_eq(S.n, 0);
    SEQ(4);                                 /* 0 is given up for it */
    GOT(1, 2, 3, 4);
    ck_assert_uint_eq(S.q.lost, 1);
    SEQ(6, 20);
    GOT(6, 20);
    ck_assert_uint_eq(S.q.lost, 1 + 1 + 13);
    SEQ(22, 25);                            /* 21 is given up; 23 and 24 may come */
    GOT(22);
    SEQ(24, 23);
    GOT(23, 24, 25);
    l2tp_seq_fini(&S.q);
    ck_assert_uint_eq(S.kept, 0);
}
END_TEST

START_TEST(size_zero_never_waits)
{
    seq_begin(0);
    SEQ(0, 5, 3, 6);
    GOT(0, 5, 6);
    ck_assert_uint_eq(S.q.lost, 4);
    ck_assert_uint_eq(S.q.late, 1);
    l2tp_seq_fini(&S.q);
}
END_TEST

START_TEST(numbers_wrap)
{
    seq_begin(8);
    S.q.next = 0xfffe;
    SEQ(0xffff, 0, 1, 0xfffe);
    GOT(0xfffe, 0xffff, 0, 1);
    l2tp_seq_fini(&S.q);
}
END_TEST

START_TEST(a_peer_that_begins_anew)
{
    seq_begin(8);
    S.q.next = 1000;
    for (uint16_t i = 0; i < 63; i++)
        SEQ(i);
    ck_assert_uint_eq(S.n, 0);
    SEQ(63, 64);
    GOT(63, 64);
    l2tp_seq_fini(&S.q);
}
END_TEST

START_TEST(twice_is_once)
{
    seq_begin(8);
    SEQ(0, 0, 2, 2, 1, 1, 2);
    GOT(0, 1, 2);
    l2tp_seq_fini(&S.q);
    ck_assert_uint_eq(S.kept, 0);
}
END_TEST

START_TEST(the_receiver_may_end_it_inside)
{
    for (uint32_t at = 1; at < 200; at += 7) {
        uint16_t ns[200];
        seq_begin(256);
        S.close_at = at;
        for (uint16_t i = 0; i < 200; i++)
            ns[i] = (uint16_t)(199 - i);    /* all kept but the last */
        seq(ns, 200);
        ck_assert_uint_eq(S.kept, 0);
        ck_assert(S.q.closed && S.n >= at);
        SEQ(500, 501);
        l2tp_seq_tick(&S.q);
        l2tp_seq_fini(&S.q);
    }
}
END_TEST

START_TEST(a_long_walk_at_random)
{
    uint32_t x = 1;
    uint16_t base = 0xff00, last = 0;
    seq_begin(32);
    S.q.next = base;
    uint64_t total = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        uint16_t ns[16];
        for (uint32_t k = 0; k < 16; k++) {
            x = x * 1664525 + 1013904223;
            ns[k] = (uint16_t)(base + i * 8 / 3 + (x >> 16) % 24);
        }
        seq(ns, 16);
        for (uint32_t k = 0; k < S.n; k++) {
            if (total++)
                ck_assert((int16_t)(uint16_t)(S.got[k] - last) > 0);
            last = S.got[k];
        }
        S.n = 0;
        if (x % 5 == 0)
            l2tp_seq_tick(&S.q);
    }
    ck_assert_uint_gt(total, 9000);
    l2tp_seq_fini(&S.q);
    ck_assert_uint_eq(S.kept, 0);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp_data", (const TTest *const[]){
        every_form_of_the_header, bad_headers, K7_other_versions, every_truncation_of_every_header,
        headers_are_pushed, a_frame_without_room_is_left_out, in_order_passes_in_one_vector,
        out_of_order_is_put_right, what_is_missing_is_given_up, a_full_window_moves_on,
        size_zero_never_waits, numbers_wrap, a_peer_that_begins_anew, twice_is_once,
        the_receiver_may_end_it_inside, a_long_walk_at_random, NULL });
}
UNIT_MAIN(suite)
