/* test_pptp_gre.c - enhanced GRE: the header, order, loss, acknowledgements. */
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp_gre.h"
#include "../unit/hex.h"
#include "../unit/unit.h"

/* ---- frames of the test: the sequence number is the content --------------------------- */

static uint32_t kept_now;
static bool no_memory;

static struct adit_frame *keep(const struct adit_frame *f)
{
    if (no_memory)
        return NULL;
    struct adit_frame *k = malloc(sizeof *k);
    *k = *f;
    k->data = k->room = malloc(f->len);
    memcpy(k->data, f->data, f->len);
    kept_now++;
    return k;
}

static void drop(struct adit_frame *f)
{
    kept_now--;
    free(f->data);
    free(f);
}

static const struct adit_frame_api frames = { sizeof frames, keep, drop };

/* ---- a receiver ------------------------------------------------------------------------- */

struct out {
    uint32_t n;
    uint32_t seq[4096];
};

static void up(struct out *o, const struct adit_frame *f)
{
    uint32_t seq;
    memcpy(&seq, f->data, sizeof seq);
    ck_assert_uint_lt(o->n, 4096);
    o->seq[o->n++] = seq;
}

static void pump(struct pptp_gre *g, struct out *o, uint64_t now)
{
    struct adit_frame *f;
    while ((f = pptp_gre_pop(g, now)) != NULL) {
        up(o, f);
        drop(f);
    }
}

static void rx(struct pptp_gre *g, struct out *o, uint32_t seq, uint64_t now)
{
    struct adit_frame f = adit_frame_of((uint8_t *)&seq, sizeof seq, 0, sizeof seq);
    enum pptp_verdict v;
    int drained = 0;

    while ((v = pptp_gre_rx(g, seq, now)) == PPTP_DRAIN) {
        ck_assert_int_lt(drained++, 3);
        pump(g, o, now);
    }
    if (v == PPTP_DELIVER)
        up(o, &f);
    else if (v == PPTP_KEEP)
        (void)pptp_gre_keep(g, seq, &f, now);
    pump(g, o, now);
    ck_assert_uint_le(g->kept, g->window);
    ck_assert_uint_eq(g->kept, kept_now);
    if (g->kept && !g->held)
        ck_assert_uint_gt(pptp_gre_due(g), now);        /* the timer has something to do */
}

static void is(const struct out *o, const char *want)
{
    char text[4096 * 4] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < o->n && at + 16 < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, i ? " %u" : "%u", o->seq[i]);
    ck_assert_str_eq(text, want);
}

/* ---- header -------------------------------------------------------------------------------- */

/* Section 4.1: C R K S s Recur A Flags Ver, protocol, key (payload length, call
 * id), sequence, acknowledgement. */
static const struct { const char *hex; struct pptp_gre_head h; } heads[] = {
    { "3001 880b 0004 1234 00000000  c0210101", { 4, 0x1234, true, false, 0, 0 } },
    { "3081 880b 0004 0000 00000007 00000003  c0210101", { 4, 0, true, true, 7, 3 } },
    { "2081 880b 0000 ffff ffffffff", { 0, 0xffff, false, true, 0, 0xffffffff } },
    { "2001 880b 0000 0001", { 0, 1, false, false, 0, 0 } },
};

static int32_t pull(const uint8_t *data, size_t len, struct pptp_gre_head *h, uint32_t *left)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    struct adit_frame f = adit_frame_of(copy, len, 0, len);
    int32_t code = pptp_gre_pull(&f, h);
    if (code == 0) {
        ck_assert(f.data >= copy);
        ck_assert(f.data + f.len <= copy + len);
    }
    if (left)
        *left = f.len;
    free(copy);
    return code;
}

START_TEST(golden_headers_are_pulled_and_pushed)
{
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        uint8_t data[64], buf[64];
        size_t len = hex_get(data, sizeof data, heads[i].hex);
        struct pptp_gre_head h;
        uint32_t left;
        ck_assert_int_eq(pull(data, len, &h, &left), 0);
        ck_assert_uint_eq(left, heads[i].h.payload);
        ck_assert_uint_eq(h.payload, heads[i].h.payload);
        ck_assert_uint_eq(h.call_id, heads[i].h.call_id);
        ck_assert_int_eq(h.has_seq, heads[i].h.has_seq);
        ck_assert_int_eq(h.has_ack, heads[i].h.has_ack);
        ck_assert_uint_eq(h.seq, heads[i].h.seq);
        ck_assert_uint_eq(h.ack, heads[i].h.ack);
        memcpy(buf + 16, data + len - left, left);
        struct adit_frame f = adit_frame_of(buf, sizeof buf, 16, left);
        h.payload = 0;
        ck_assert_int_eq(pptp_gre_push(&f, &h), 0);
        ck_assert_uint_eq(f.len, len);
        ck_assert_mem_eq(f.data, data, len);
    }
}
END_TEST

START_TEST(every_truncation_and_every_bit)
{
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        uint8_t data[64];
        size_t len = hex_get(data, sizeof data, heads[i].hex);
        struct pptp_gre_head h;
        for (size_t n = 0; n < len; n++)
            ck_assert_int_eq(pull(data, n, &h, NULL), ADIT_EPROTO);
        /* of the first four octets only S and A may change, and then it is longer */
        for (int bit = 0; bit < 32; bit++) {
            data[bit / 8] = (uint8_t)(data[bit / 8] ^ 0x80 >> bit % 8);
            if (bit != 3 && bit != 8)
                ck_assert_int_eq(pull(data, len, &h, NULL), ADIT_EPROTO);
            else
                (void)pull(data, len, &h, NULL);
            data[bit / 8] = (uint8_t)(data[bit / 8] ^ 0x80 >> bit % 8);
        }
    }
    struct pptp_gre_head h;
    uint8_t data[64];
    uint32_t left;
    size_t len = hex_get(data, sizeof data, "2001 880b 0004 1234 c0210101"); /* data, no number */
    ck_assert_int_eq(pull(data, len, &h, NULL), ADIT_EPROTO);
    len = hex_get(data, sizeof data, "3001 880b 0002 1234 00000000 c021 0000");  /* padding behind */
    ck_assert_int_eq(pull(data, len, &h, &left), 0);
    ck_assert_uint_eq(left, 2);
}
END_TEST

START_TEST(push_needs_room_and_a_length)
{
    static uint8_t buf[70000];
    struct pptp_gre_head h = { .has_seq = true, .has_ack = true };
    struct adit_frame f = adit_frame_of(buf, sizeof buf, 15, 4);
    ck_assert(!pptp_gre_fits(&f));
    ck_assert_int_eq(pptp_gre_push(&f, &h), ADIT_ENOSPC);
    f = adit_frame_of(buf, sizeof buf, 64, 65520);
    ck_assert(!pptp_gre_fits(&f));
    ck_assert_int_eq(pptp_gre_push(&f, &h), ADIT_ENOSPC);
    f = adit_frame_of(buf, sizeof buf, 16, 65519);
    ck_assert(pptp_gre_fits(&f));
    ck_assert_int_eq(pptp_gre_push(&f, &h), 0);
}
END_TEST

/* ---- order ------------------------------------------------------------------------------------ */

START_TEST(in_order_is_delivered_at_once)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 32, 50);
    for (uint32_t s = 0; s < 100; s++)
        rx(&g, &o, s, 1000);
    ck_assert_uint_eq(o.n, 100);
    ck_assert_ptr_null(g.slot);                 /* nothing was allocated for it */
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(L5_reordered_before_ppp_and_mppe)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    static const uint32_t in[] = { 0, 2, 1, 5, 4, 3, 6, 9, 8, 7, 10 };
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        rx(&g, &o, in[i], 1000);
    is(&o, "0 1 2 3 4 5 6 7 8 9 10");
    ck_assert_uint_eq(g.stat.reordered, 5);
    ck_assert_uint_eq(g.stat.lost, 0);
    ck_assert_uint_eq(g.stat.late, 0);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(a_lost_packet_never_stalls_time)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    rx(&g, &o, 0, 1000);
    rx(&g, &o, 2, 1010);
    rx(&g, &o, 3, 1020);
    rx(&g, &o, 5, 1040);
    ck_assert_uint_eq(pptp_gre_due(&g), 1060);
    pump(&g, &o, 1059);
    is(&o, "0");
    pump(&g, &o, 1060);                         /* 1 is lost; 5 has not waited for 50 ms yet */
    is(&o, "0 2 3");
    ck_assert_uint_eq(pptp_gre_due(&g), 1090);
    rx(&g, &o, 4, 1070);                        /* and its hole is filled in time */
    is(&o, "0 2 3 4 5");
    rx(&g, &o, 1, 1071);
    is(&o, "0 2 3 4 5");
    ck_assert_uint_eq(g.stat.lost, 1);
    ck_assert_uint_eq(g.stat.late, 1);
    ck_assert_uint_eq(pptp_gre_due(&g), UINT64_MAX);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(a_lost_packet_never_stalls_window)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 4, 50);
    rx(&g, &o, 0, 1000);
    for (uint32_t s = 2; s <= 4; s++)
        rx(&g, &o, s, 1000);
    is(&o, "0");
    rx(&g, &o, 5, 1000);                        /* 4 slots from 1 on: 1 is given up */
    is(&o, "0 2 3 4 5");
    rx(&g, &o, 7, 1000);
    rx(&g, &o, 11, 1000);                       /* 6 given up, 7 goes, 8..10 are waited for */
    is(&o, "0 2 3 4 5 7");
    rx(&g, &o, 30, 1000);                       /* a burst was lost: no waiting at all */
    is(&o, "0 2 3 4 5 7 11 30");
    ck_assert_uint_eq(g.stat.lost, 1 + 1 + 3 + 18);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(duplicates_are_dropped)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    static const uint32_t in[] = { 0, 0, 2, 2, 0, 1, 1, 2, 3, 3 };
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        rx(&g, &o, in[i], 1000);
    is(&o, "0 1 2 3");
    ck_assert_uint_eq(g.stat.late, 6);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(the_sequence_wraps)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    uint32_t s = 0xfffffffa;
    rx(&g, &o, s, 1000);
    for (uint32_t i = 0; i < 10; i += 2) {      /* each pair the wrong way round */
        rx(&g, &o, s + i + 2, 1000);
        rx(&g, &o, s + i + 1, 1000);
    }
    ck_assert_uint_eq(o.n, 11);
    for (uint32_t i = 0; i < o.n; i++)
        ck_assert_uint_eq(o.seq[i], s + i);
    ck_assert_uint_eq(g.stat.lost, 0);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(a_peer_that_begins_anew_is_followed)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    for (uint32_t s = 0; s < 1000; s++)
        rx(&g, &o, s, 1000);
    o.n = 0;
    rx(&g, &o, 0, 1001);                        /* one alone may be a late one */
    rx(&g, &o, 1, 1001);
    is(&o, "");
    rx(&g, &o, 2, 1001);
    rx(&g, &o, 3, 1001);
    is(&o, "2 3");
    ck_assert_uint_eq(g.stat.restarts, 1);
    ck_assert_uint_eq(g.stat.lost, 0);
    o.n = 0;
    rx(&g, &o, 1000, 1001);                     /* a jump ahead is loss or a restart: followed */
    rx(&g, &o, 1001, 1001);
    is(&o, "1000 1001");
    o.n = 0;
    rx(&g, &o, 0, 3000);                        /* after a silence one is enough */
    rx(&g, &o, 1, 3000);
    is(&o, "0 1");
    o.n = 0;
    rx(&g, &o, 1, 9000);                        /* but not the last one again */
    is(&o, "");
    rx(&g, &o, 0xdeadbeef, 9000);               /* any number */
    rx(&g, &o, 0xdeadbef0, 9000);
    ck_assert_uint_eq(o.n, 2);
    ck_assert_uint_lt(g.stat.lost, 2000);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(a_restart_while_packets_wait)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    for (uint32_t s = 0; s < 100; s++)
        rx(&g, &o, s, 1000);
    rx(&g, &o, 101, 1000);
    o.n = 0;
    for (uint32_t s = 0; s < 4; s++)
        rx(&g, &o, s, 1000);
    is(&o, "101 2 3");                          /* what waited is not lost */
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(the_first_packet_may_have_any_number)
{
    static const uint32_t first[] = { 0, 1, 77, 0x80000000, 0xffffffff };
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        struct pptp_gre g;
        struct out o = { 0 };
        pptp_gre_init(&g, &frames, 32, 50);
        rx(&g, &o, first[i], 5);
        rx(&g, &o, first[i] + 1, 5);
        ck_assert_uint_eq(o.n, 2);
        pptp_gre_fini(&g);
    }
}
END_TEST

START_TEST(held_until_the_call_is_connected)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 4, 50);
    g.held = true;
    for (uint32_t s = 0; s < 9; s++)
        rx(&g, &o, s, 1000 + s * 100);
    is(&o, "");
    ck_assert_uint_eq(pptp_gre_due(&g), UINT64_MAX);
    g.held = false;
    pump(&g, &o, 2000);
    is(&o, "0 1 2 3");
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(no_memory_is_loss)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 4, 50);
    rx(&g, &o, 0, 1000);
    no_memory = true;
    rx(&g, &o, 2, 1000);
    no_memory = false;
    rx(&g, &o, 3, 1000);
    pump(&g, &o, 1050);
    is(&o, "0 3");
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(fini_drops_what_waits)
{
    struct pptp_gre g;
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 8, 50);
    rx(&g, &o, 0, 1000);
    rx(&g, &o, 3, 1000);
    rx(&g, &o, 7, 1000);
    ck_assert_uint_eq(kept_now, 2);
    pptp_gre_fini(&g);
    ck_assert_uint_eq(kept_now, 0);
}
END_TEST

START_TEST(windows_are_rounded_up)
{
    struct pptp_gre g;
    pptp_gre_init(&g, &frames, 1, 0);
    ck_assert_uint_eq(g.window, 1);
    pptp_gre_init(&g, &frames, 33, 0);
    ck_assert_uint_eq(g.window, 64);
    pptp_gre_init(&g, &frames, 99999, 0);
    ck_assert_uint_eq(g.window, PPTP_GRE_WINDOW);
    struct out o = { 0 };
    pptp_gre_init(&g, &frames, 1, 50);          /* 1: no queue */
    static const uint32_t in[] = { 0, 2, 1, 3, 5, 6 };
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        rx(&g, &o, in[i], 1000);
    is(&o, "0 2 3 5 6");
    pptp_gre_fini(&g);
    o.n = 0;
    pptp_gre_init(&g, &frames, 32, 0);          /* time 0: no waiting */
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        rx(&g, &o, in[i], 1000);
    is(&o, "0 2 3 5 6");
    pptp_gre_fini(&g);
}
END_TEST

/* Any mixture of loss, duplicates, and displacement below the window: what goes
 * up is in order, once, and everything that was not lost. */
START_TEST(property_order_loss_and_duplicates)
{
    uint32_t x = 2463534242u + (uint32_t)_i * 7919u;
#define RANDOM(n) (x ^= x << 13, x ^= x >> 17, x ^= x << 5, x % (n))
    enum { N = 2000, SHIFT = 12 };
    static struct { uint64_t at; uint32_t seq; } wire[2 * N];
    struct pptp_gre g;
    struct out o = { 0 };
    uint32_t n = 0, sent = 0, lost_percent = RANDOM(30), base = RANDOM(0xffffffffu);

    for (uint32_t i = 0; i < N; i++) {
        if (i > 0 && RANDOM(100) < lost_percent)
            continue;
        sent++;
        for (uint32_t copies = 1 + (RANDOM(10) == 0); copies > 0; copies--) {
            wire[n].at = i + (i ? RANDOM(SHIFT) : 0);
            wire[n++].seq = base + i;
        }
    }
    for (uint32_t i = 1; i < n; i++)            /* a stable sort by arrival */
        for (uint32_t k = i; k > 0 && wire[k - 1].at > wire[k].at; k--) {
            __typeof__(wire[0]) t = wire[k];
            wire[k] = wire[k - 1];
            wire[k - 1] = t;
        }
    pptp_gre_init(&g, &frames, 32, 40);
    uint64_t now = 1000;
    for (uint32_t i = 0; i < n; i++) {
        for (; now < 1000 + wire[i].at; now++)
            if (pptp_gre_due(&g) <= now)
                pump(&g, &o, now);
        rx(&g, &o, wire[i].seq, now);
    }
    pump(&g, &o, now + 40);
    ck_assert_uint_eq(g.kept, 0);
    ck_assert_uint_eq(o.n, sent);
    for (uint32_t i = 1; i < o.n; i++)
        ck_assert_int_gt((int32_t)(o.seq[i] - o.seq[i - 1]), 0);
    ck_assert_uint_eq(g.stat.rx, sent);
    ck_assert_uint_eq(g.stat.late, n - sent);
    ck_assert_uint_eq(g.stat.restarts, 0);
    pptp_gre_fini(&g);
}
END_TEST

/* Nonsense numbers in any order: nothing waits longer than the time-out, and a
 * well-behaved sequence afterwards gets through from its third packet on. */
START_TEST(property_nonsense_never_stalls)
{
    uint32_t x = 88172645u + (uint32_t)_i * 104729u;
    struct pptp_gre g;
    static struct out o;
    uint64_t now = 1000;

    pptp_gre_init(&g, &frames, 16, 50);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t kind = RANDOM(4), seq = RANDOM(0xffffffffu);
        if (kind)
            seq = g.next + RANDOM(64) - 32;
        now += RANDOM(3);
        o.n = 0;
        rx(&g, &o, seq, now);
        if (pptp_gre_due(&g) != UINT64_MAX)
            ck_assert_uint_le(pptp_gre_due(&g), now + 50);
        if (RANDOM(5) == 0)
            pump(&g, &o, now);
    }
    uint32_t base = RANDOM(0xffffffffu);
    o.n = 0;
    for (uint32_t i = 0; i < 100; i++)
        rx(&g, &o, base + i, now);
    pump(&g, &o, now + 50);
    ck_assert_uint_ge(o.n, 97);
    ck_assert_uint_eq(o.seq[o.n - 1], base + 99);
    pptp_gre_fini(&g);
    ck_assert_uint_eq(kept_now, 0);
}
END_TEST

/* ---- acknowledgements ---------------------------------------------------------------------------- */

START_TEST(acknowledgements_ride_on_data)
{
    struct pptp_gre g;
    struct out o = { 0 };
    struct pptp_gre_head h;
    pptp_gre_init(&g, &frames, 32, 50);
    pptp_gre_next(&g, 7, &h);
    ck_assert(h.has_seq && !h.has_ack);         /* nothing came yet */
    ck_assert_uint_eq(h.seq, 0);                /* section 4.1: begins at 0 */
    ck_assert_uint_eq(h.call_id, 7);
    rx(&g, &o, 0, 1000);
    rx(&g, &o, 1, 1000);
    ck_assert_uint_eq(g.since_ack, 2);
    pptp_gre_next(&g, 7, &h);
    ck_assert(h.has_ack);
    ck_assert_uint_eq(h.ack, 1);
    pptp_gre_next(&g, 7, &h);
    ck_assert(!h.has_ack);                      /* once is enough */
    rx(&g, &o, 3, 1000);
    ck_assert(!g.unacked);                      /* 2 is missing */
    pump(&g, &o, 1050);
    ck_assert(g.unacked);
    pptp_gre_ack(&g, 7, &h);
    ck_assert(!h.has_seq);
    ck_assert_uint_eq(h.ack, 3);
    ck_assert_uint_eq(g.since_ack, 0);
    pptp_gre_fini(&g);
}
END_TEST

START_TEST(L4_W11_lost_acknowledgements_block_nothing)
{
    struct pptp_gre g;
    struct pptp_gre_head h;
    pptp_gre_init(&g, &frames, 32, 50);
    for (uint32_t i = 0; i < 1000; i++)
        pptp_gre_next(&g, 7, &h);
    ck_assert_uint_eq(h.seq, 999);
    ck_assert_uint_eq(pptp_gre_outstanding(&g), 1000);
    pptp_gre_acked(&g, 500);
    ck_assert_uint_eq(pptp_gre_outstanding(&g), 499);
    pptp_gre_acked(&g, 400);                    /* an old one, a made-up one */
    pptp_gre_acked(&g, 1000);
    pptp_gre_acked(&g, 0xffffffff);
    ck_assert_uint_eq(pptp_gre_outstanding(&g), 499);
    pptp_gre_acked(&g, 999);
    ck_assert_uint_eq(pptp_gre_outstanding(&g), 0);
    g.tx_next = g.tx_acked = 0xfffffffe;        /* across the wrap */
    for (uint32_t i = 0; i < 4; i++)
        pptp_gre_next(&g, 7, &h);
    pptp_gre_acked(&g, 0);
    ck_assert_uint_eq(pptp_gre_outstanding(&g), 1);
    pptp_gre_fini(&g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = unit_suite("pptp_gre", (const TTest *const[]){
        golden_headers_are_pulled_and_pushed, every_truncation_and_every_bit,
        push_needs_room_and_a_length, in_order_is_delivered_at_once,
        L5_reordered_before_ppp_and_mppe, a_lost_packet_never_stalls_time,
        a_lost_packet_never_stalls_window, duplicates_are_dropped, the_sequence_wraps,
        a_peer_that_begins_anew_is_followed, a_restart_while_packets_wait,
        the_first_packet_may_have_any_number, held_until_the_call_is_connected,
        no_memory_is_loss, fini_drops_what_waits, windows_are_rounded_up,
        acknowledgements_ride_on_data, L4_W11_lost_acknowledgements_block_nothing, NULL });
    TCase *tc = tcase_create("properties");
    tcase_add_loop_test(tc, property_order_loss_and_duplicates, 0, 20);
    tcase_add_loop_test(tc, property_nonsense_never_stalls, 0, 20);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
