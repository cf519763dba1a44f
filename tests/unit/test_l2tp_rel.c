/* test_l2tp_rel.c - reliable delivery: windows, slow start, order, wrapping numbers. */
#include "../../plugins/tunnel-l2tp/l2tp_rel.h"
#include "unit.h"

struct rig {
    struct l2tp_rel r;
    uint16_t ns[4096], nr[4096], len[4096];     /* what was sent */
    uint32_t sent;
    uint8_t got[4096];                          /* first byte of what was delivered */
    uint32_t got_n;
    uint32_t timer, dead, alive, answers;
};

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void tx(void *u, const uint8_t *p, size_t len)
{
    struct rig *g = u;
    ck_assert_uint_eq(be16(p), 0xc802);
    ck_assert_uint_eq(be16(p + 2), len);
    g->len[g->sent] = (uint16_t)len;
    g->ns[g->sent] = be16(p + 8);
    g->nr[g->sent++] = be16(p + 10);
}

static void deliver(void *u, uint16_t session, uint8_t *body, size_t len)
{
    struct rig *g = u;
    (void)session;
    ck_assert_uint_ge(len, 1);
    g->got[g->got_n++] = body[0];
    if (g->answers) {
        g->answers--;
        ck_assert(l2tp_rel_send(&g->r, 7, 8, "answer", 6, false));
    }
}

static void timer(void *u, uint32_t ms) { ((struct rig *)u)->timer = ms; }
static bool alive(void *u) { return ((struct rig *)u)->alive > 0 && ((struct rig *)u)->alive--; }
static void dead(void *u) { ((struct rig *)u)->dead++; }

static const struct l2tp_rel_ops ops = { tx, deliver, timer, alive, dead };

static struct rig *rig(uint16_t window)
{
    static struct rig g;
    const struct l2tp_rel_conf conf = { 1000, 8000, 5, window, 100 };
    memset(&g, 0, sizeof g);
    l2tp_rel_init(&g.r, &ops, &g, &conf);
    return &g;
}

static void rx(struct rig *g, uint16_t ns, uint16_t nr, const char *body)
{
    uint8_t copy[64];
    size_t len = body ? strlen(body) : 0;
    memcpy(copy, body ? body : "", len);
    l2tp_rel_rx(&g->r, ns, nr, 0, copy, len);
}

static void say(struct rig *g, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        ck_assert(l2tp_rel_send(&g->r, 7, 8, "hello", 5, false));
}

START_TEST(slow_start_and_congestion_avoidance)
{
    struct rig *g = rig(4);
    l2tp_rel_window(&g->r, 10);
    say(g, 40);
    ck_assert_uint_eq(g->sent, 1);              /* cwnd 1 */
    rx(g, 0, 1, NULL);
    ck_assert_uint_eq(g->sent, 3);              /* 2 */
    rx(g, 0, 3, NULL);
    ck_assert_uint_eq(g->sent, 7);              /* 4 */
    rx(g, 0, 7, NULL);
    ck_assert_uint_eq(g->sent, 15);             /* 8 */
    rx(g, 0, 15, NULL);
    ck_assert_uint_eq(g->sent, 25);             /* 10, the peer's window */
    l2tp_rel_tick(&g->r);                       /* one lost: ssthresh 5, cwnd 1 */
    ck_assert_uint_eq(g->sent, 26);
    ck_assert_uint_eq(g->ns[25], 15);
    ck_assert_uint_eq(g->r.ssthresh, 5);
    rx(g, 0, 16, NULL);
    ck_assert_uint_eq(g->r.cwnd, 2);
    rx(g, 0, 20, NULL);
    ck_assert_uint_eq(g->r.cwnd, 5);            /* then one for each window */
    rx(g, 0, 21, NULL);
    ck_assert_uint_eq(g->r.cwnd, 5);
    rx(g, 0, 25, NULL);
    ck_assert_uint_eq(g->r.cwnd, 6);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(retransmission_backs_off_and_ends)
{
    static const uint32_t wait[] = { 1000, 2000, 4000, 8000, 8000, 8000 };
    struct rig *g = rig(4);
    say(g, 1);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(g->timer, wait[i]);
        ck_assert_uint_eq(g->sent, i + 1);
        ck_assert_uint_eq(g->ns[i], 0);
        l2tp_rel_tick(&g->r);
    }
    ck_assert_uint_eq(g->dead, 1);
    ck_assert_uint_eq(g->sent, 6);
    ck_assert(!l2tp_rel_send(&g->r, 7, 8, "x", 1, false));
    rx(g, 0, 0, "late");
    ck_assert_uint_eq(g->got_n, 0);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(A9_a_patient_message_waits_for_signs_of_life)
{
    struct rig *g = rig(4);
    g->alive = 2;
    ck_assert(l2tp_rel_send(&g->r, 7, 0, "hello", 5, true));
    for (uint32_t i = 0; i < 15; i++)
        l2tp_rel_tick(&g->r);
    ck_assert_uint_eq(g->dead, 0);
    for (uint32_t i = 0; i < 5; i++)
        l2tp_rel_tick(&g->r);
    ck_assert_uint_eq(g->dead, 1);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(A3_repeated_messages_carry_the_newest_nr)
{
    struct rig *g = rig(4);
    say(g, 1);
    ck_assert_uint_eq(g->nr[0], 0);
    rx(g, 0, 0, "a");
    rx(g, 1, 0, "b");
    l2tp_rel_tick(&g->r);
    ck_assert_uint_eq(g->ns[1], 0);
    ck_assert_uint_eq(g->nr[1], 2);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(acknowledgements_ride_or_go_alone)
{
    struct rig *g = rig(4);
    rx(g, 0, 0, "a");
    l2tp_rel_flush(&g->r);
    l2tp_rel_flush(&g->r);
    ck_assert_uint_eq(g->sent, 1);
    ck_assert_uint_eq(g->len[0], 12);
    ck_assert_uint_eq(g->nr[0], 1);
    g->answers = 1;
    rx(g, 1, 0, "b");
    l2tp_rel_flush(&g->r);
    ck_assert_uint_eq(g->sent, 2);              /* the answer carries it */
    ck_assert_uint_eq(g->nr[1], 2);
    g->answers = 1;
    rx(g, 2, 0, "c");                           /* the window is closed: alone after all */
    l2tp_rel_flush(&g->r);
    ck_assert_uint_eq(g->sent, 3);
    ck_assert_uint_eq(g->len[2], 12);
    ck_assert_uint_eq(g->ns[2], 1);             /* a ZLB takes no number */
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(duplicates_are_acknowledged_not_delivered)
{
    struct rig *g = rig(4);
    for (uint32_t i = 0; i < 3; i++) {
        rx(g, 0, 0, "a");
        l2tp_rel_flush(&g->r);
    }
    ck_assert_uint_eq(g->got_n, 1);
    ck_assert_uint_eq(g->sent, 3);
    ck_assert_uint_eq(g->r.stat.duplicates, 2);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(K5_out_of_order_is_queued_by_ns)
{
    struct rig *g = rig(8);
    rx(g, 3, 0, "d");
    rx(g, 1, 0, "b");
    rx(g, 2, 0, "c");
    rx(g, 2, 0, "c");
    l2tp_rel_flush(&g->r);
    ck_assert_uint_eq(g->got_n, 0);
    rx(g, 0, 0, "a");
    ck_assert_uint_eq(g->got_n, 4);
    ck_assert_mem_eq(g->got, "abcd", 4);
    ck_assert_uint_eq(g->r.early_count, 0);
    ck_assert_uint_eq(g->r.stat.early, 3);
    rx(g, 4 + 8, 0, "x");                       /* beyond the window */
    rx(g, 4 + 7, 0, "y");
    ck_assert_uint_eq(g->r.stat.beyond, 1);
    ck_assert_uint_eq(g->r.early_count, 1);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(numbers_wrap)
{
    struct rig *g = rig(4);
    g->r.una = g->r.next = g->r.max = g->r.end = 0xfffe;
    g->r.nr = 0xfffe;
    l2tp_rel_window(&g->r, 2);
    g->r.cwnd = 2;
    say(g, 6);
    ck_assert_uint_eq(g->sent, 2);
    rx(g, 0xfffe, 0xffff, "a");
    rx(g, 1, 0, "d");
    rx(g, 0, 0, "c");
    rx(g, 0xffff, 0, "b");
    ck_assert_mem_eq(g->got, "abcd", 4);
    ck_assert_uint_eq(g->r.nr, 2);
    rx(g, 2, 2, NULL);
    ck_assert_uint_eq(g->sent, 6);
    ck_assert_uint_eq(g->ns[5], 3);
    rx(g, 0xfffe, 4, "a");
    ck_assert_uint_eq(g->r.stat.duplicates, 1);
    ck_assert(l2tp_rel_idle(&g->r));
    ck_assert_uint_eq(g->timer, 0);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(acknowledgements_of_what_was_never_sent_are_ignored)
{
    struct rig *g = rig(4);
    say(g, 3);
    rx(g, 0, 2, NULL);                          /* one is on its way, two are not */
    ck_assert_uint_eq(g->sent, 1);
    rx(g, 0, 0xffff, NULL);
    rx(g, 0, 0x8000, NULL);
    ck_assert_uint_eq(g->r.una, 0);
    ck_assert(!l2tp_rel_next_in_line(&g->r, 0, 2));
    ck_assert(!l2tp_rel_next_in_line(&g->r, 1, 1));
    ck_assert(l2tp_rel_next_in_line(&g->r, 0, 1));
    ck_assert(l2tp_rel_next_in_line(&g->r, 0, 0));
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(the_queue_has_an_end)
{
    struct rig *g = rig(4);
    say(g, 100);
    ck_assert(!l2tp_rel_send(&g->r, 7, 8, "x", 1, false));
    l2tp_rel_purge(&g->r);
    ck_assert_uint_eq((uint16_t)(g->r.end - g->r.una), 1);  /* what was sent stays */
    say(g, 1);
    rx(g, 0, 1, NULL);
    ck_assert_uint_eq(g->ns[g->sent - 1], 1);
    l2tp_rel_fini(&g->r);
}
END_TEST

START_TEST(a_window_of_zero_is_one)
{
    struct rig *g = rig(4);
    l2tp_rel_window(&g->r, 0);
    say(g, 3);
    ck_assert_uint_eq(g->sent, 1);
    rx(g, 0, 1, NULL);
    ck_assert_uint_eq(g->sent, 2);
    l2tp_rel_fini(&g->r);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp_rel", (const TTest *const[]){
        slow_start_and_congestion_avoidance, retransmission_backs_off_and_ends,
        A9_a_patient_message_waits_for_signs_of_life, A3_repeated_messages_carry_the_newest_nr,
        acknowledgements_ride_or_go_alone, duplicates_are_acknowledged_not_delivered,
        K5_out_of_order_is_queued_by_ns, numbers_wrap,
        acknowledgements_of_what_was_never_sent_are_ignored, the_queue_has_an_end,
        a_window_of_zero_is_one, NULL });
}
UNIT_MAIN(suite)
