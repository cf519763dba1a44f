/* test_l2tp_fsm.c - the state tables of L2TP against the RFC, and both ends of the
 * machines against each other, in virtual time over a bad wire. */
#include "l2tp_rig.h"

#include <stdarg.h>

/* ---- the tables, printed back -------------------------------------------------------- */

struct out {
    char text[16384];
    size_t len;
};

static void say(struct out *o, const char *fmt, ...) ADIT_PRINTF(2, 3);
static void say(struct out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    o->len += (size_t)vsnprintf(o->text + o->len, sizeof o->text - o->len, fmt, ap);
    va_end(ap);
    ck_assert_uint_lt(o->len, sizeof o->text);
}

struct word {
    unsigned bit;
    const char *name;
};

static const char *actions(unsigned bits, const struct word *w)
{
    static char text[128];
    text[0] = '\0';
    for (; w->name; w++)
        if (bits & w->bit)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? " " : "",
                     w->name);
    return text;
}

static void row(struct out *o, const char *from, const char *ev, const char *act, const char *to)
{
    say(o, "%-17s %-14s %-31s %s\n", from, ev, act, to);
}

static void print_tunnel(struct out *o)
{
    static const struct word words[] = {
        { L2TP_TA_CLEAN, "clean-up" },  { L2TP_TA_SCCRQ, "send-sccrq" },
        { L2TP_TA_SCCRP, "send-sccrp" }, { L2TP_TA_SCCCN, "send-scccn" },
        { L2TP_TA_OPEN, "tunnel-open" }, { L2TP_TA_STOP, "send-stopccn" }, { 0, NULL } };
    for (unsigned s = 0; s < L2TP_T_STATES; s++)
        for (unsigned e = 0; e < L2TP_TE_EVENTS; e++) {
            const struct l2tp_tunnel_move *m = &l2tp_tunnel_table[e][s];
            if (m->defined)
                row(o, l2tp_tunnel_state_name(s), l2tp_tunnel_event_name(e),
                    actions(m->actions, words), l2tp_tunnel_state_name(m->next));
        }
}

static void print_call(struct out *o, const struct l2tp_call_move t[][L2TP_C_STATES])
{
    static const struct word words[] = {
        { L2TP_CA_CLEAN, "clean-up" }, { L2TP_CA_TUNNEL, "tunnel-open" },
        { L2TP_CA_ICRQ, "send-icrq" }, { L2TP_CA_ICRP, "send-icrp" },
        { L2TP_CA_ICCN, "send-iccn" }, { L2TP_CA_UP, "up" }, { L2TP_CA_CDN, "send-cdn" },
        { 0, NULL } };
    for (unsigned s = 0; s < L2TP_C_STATES; s++)
        for (unsigned e = 0; e < L2TP_CE_EVENTS; e++)
            if (t[e][s].defined)
                row(o, l2tp_call_state_name(s), l2tp_call_event_name(e),
                    actions(t[e][s].actions, words), l2tp_call_state_name(t[e][s].next));
}

/* The file without comments and empty lines. */
static void read_golden(struct out *o)
{
    char path[512], line[256];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/golden/l2tp-states.txt", top ? top : "..");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s is missing", path);
    while (fgets(line, sizeof line, f))
        if (line[0] != '#' && line[0] != '\n')
            say(o, "%s", line);
    fclose(f);
}

START_TEST(tables_are_those_of_the_rfc)
{
    static struct out have, want;
    print_tunnel(&have);
    print_call(&have, l2tp_lac_table);
    print_call(&have, l2tp_lns_table);
    read_golden(&want);
    ck_assert_str_eq(have.text, want.text);
}
END_TEST

/* ---- one call over a good wire --------------------------------------------------------- */

static void ends_clean(struct rig *r)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct rig_end *e = &r->end[i];
        if (i == 1 && !e->accepted)
            continue;
        ck_assert_uint_eq(e->gone, 1);
        ck_assert_uint_eq(e->closed, 1);
        ck_assert(!e->timer_at[0] && !e->timer_at[1]);
        for (uint32_t c = 0; c < RIG_CALLS; c++)
            if (e->call[c].used) {
                ck_assert(e->call[c].freed);
                ck_assert_uint_eq(e->call[c].down, 1);
            }
    }
}

static const struct l2tp_end by_admin = { L2TP_CDN_ADMIN, 0, ADIT_CAUSE_ADMIN, "enough" };

START_TEST(lac_calls_lns)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .sequencing = true });
    struct rig_call *c = rig_dial(&r), *d = &r.end[1].call[0];
    ck_assert_uint_eq(c->c.state, L2TP_C_WAIT_TUNNEL);
    rig_run(&r, 500);
    ck_assert_uint_eq(r.end[0].t.state, L2TP_T_ESTABLISHED);
    ck_assert_uint_eq(r.end[1].t.state, L2TP_T_ESTABLISHED);
    ck_assert(c->up == 1 && d->up == 1);
    ck_assert_uint_eq(d->speed, 1000000);
    ck_assert(d->sequenced);                        /* the AVP was in the ICCN */
    ck_assert_uint_eq(c->c.peer_id, d->c.our_id);
    ck_assert_uint_eq(d->c.peer_id, c->c.our_id);
    ck_assert_str_eq(r.end[1].t.peer_host, "end0");
    /* SCCRQ SCCRP SCCCN ZLB ICRQ ICRP ICCN ZLB: no message too many */
    ck_assert_uint_le(r.sent, 9);
    l2tp_call_close(&c->c, &by_admin);
    rig_run(&r, 100);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(d->cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert_uint_eq(r.end[0].t.state, L2TP_T_ESTABLISHED);
    rig_run(&r, 5000);                              /* linger */
    ck_assert_uint_eq(r.end[0].t.state, L2TP_T_CLOSED);
    ck_assert_uint_eq(r.end[1].t.state, L2TP_T_CLOSED);
    ck_assert_uint_eq(r.end[0].gone, 0);            /* section 5.7: state is kept */
    rig_run(&r, 32000);
    ends_clean(&r);
    rig_fini(&r);
}
END_TEST

START_TEST(the_lns_may_hang_up_and_close)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .hello_ms = 60000 });
    struct rig_call *c = rig_dial(&r), *d = &r.end[1].call[0];
    rig_run(&r, 500);
    l2tp_call_close(&d->c, &by_admin);
    rig_run(&r, 100);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_PEER_HANGUP);
    struct rig_call *e = rig_dial(&r);
    rig_run(&r, 500);
    ck_assert(e->up == 1);                          /* a second call in the same tunnel */
    struct l2tp_end end = { L2TP_STOP_SHUTDOWN, 0, ADIT_CAUSE_SHUTDOWN, NULL };
    l2tp_tunnel_close(&r.end[1].t, &end);
    rig_run(&r, 100);
    ck_assert_uint_eq(e->cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert_uint_eq(r.end[1].call[1].cause, ADIT_CAUSE_SHUTDOWN);
    rig_run(&r, 40000);
    ends_clean(&r);
    rig_fini(&r);
}
END_TEST

START_TEST(many_sessions_in_one_tunnel)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .idle_ms = 0 });
    for (uint32_t i = 0; i < 60; i++)
        (void)rig_dial(&r);
    rig_run(&r, 3000);
    for (uint32_t i = 0; i < 60; i++)
        ck_assert(r.end[0].call[i].up == 1 && r.end[1].call[i].up == 1);
    ck_assert_uint_eq(r.end[1].t.call_count, 60);
    for (uint32_t i = 0; i < 60; i += 2)
        l2tp_call_close(&r.end[0].call[i].c, &by_admin);
    rig_run(&r, 1000);
    ck_assert_uint_eq(r.end[1].t.call_count, 30);
    ck_assert_uint_eq(r.end[0].t.call_count, 30);
    l2tp_tunnel_lost(&r.end[0].t, ADIT_CAUSE_LOST_CARRIER, NULL);
    ck_assert_uint_eq(r.end[0].gone, 1);
    ck_assert_uint_eq(r.end[0].t.call_count, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_refused_port_is_a_cdn)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .idle_ms = 0 });
    r.end[1].refuse = ADIT_EBUSY;
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 500);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_PORTS_EXHAUSTED);
    ck_assert_uint_eq(r.end[1].call[0].down, 0);    /* it was never opened */
    ck_assert(r.end[1].call[0].freed);
    ck_assert_uint_eq(r.end[1].counters[L2TP_N_CALLS_DENIED], 1);
    r.end[1].refuse = ADIT_EDENIED;
    c = rig_dial(&r);
    rig_run(&r, 500);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_REFUSED);
    rig_fini(&r);
}
END_TEST

/* ---- tunnel authentication (section 5.1.1) ------------------------------------------------ */

static void authenticate(const char *lac, const char *lns, bool hide, bool good)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .secret = { lac, lns }, .hide = hide });
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 3000);
    ck_assert_uint_eq(c->up, good);
    ck_assert_uint_eq(r.end[0].up, good);
    if (good) {
        ck_assert(r.end[0].t.challenged == (lac != NULL) && r.end[1].t.challenged == (lns != NULL));
    } else {
        uint64_t failed = r.end[0].counters[L2TP_N_TUNNELS_AUTH] +
                          r.end[1].counters[L2TP_N_TUNNELS_AUTH];
        rig_run(&r, 60000);
        ck_assert_uint_ge(failed, 1);
        ck_assert(c->down == 1 && (c->cause == ADIT_CAUSE_TUNNEL_AUTH ||
                                   c->cause == ADIT_CAUSE_NO_ANSWER));
    }
    rig_fini(&r);
}

START_TEST(authentication_both_ways)
{
    authenticate("trustno1", "trustno1", false, true);
    authenticate("trustno1", "trustno1", true, true);       /* with hidden AVPs */
    authenticate("trustno1", "trustno2", false, false);
    authenticate(NULL, "trustno1", false, false);
    authenticate("trustno1", NULL, false, false);
    authenticate(NULL, NULL, true, true);
}
END_TEST

/* ---- a bad wire ------------------------------------------------------------------------------ */

struct badness {
    uint32_t nth;               /* the datagram that it happens to */
    uint32_t what;              /* 0 lost, 1 doubled, 2 late */
};

static struct rig_fate bad_once(struct rig *r, uint32_t to, const uint8_t *p, size_t len, void *u)
{
    const struct badness *b = u;
    (void)to, (void)p, (void)len;
    if (r->sent - 1 != b->nth)
        return (struct rig_fate){ 1, { 10 } };
    switch (b->what) {
    case 0:
        return (struct rig_fate){ 0, { 0 } };
    case 1:
        return (struct rig_fate){ 3, { 10, 11, 700 } };
    default:
        return (struct rig_fate){ 1, { 1500 } };
    }
}

/* A whole life: two calls, one hung up by each end, the tunnel closed. */
static void whole_life(struct rig *r)
{
    struct rig_call *c = rig_dial(r), *d = rig_dial(r);
    rig_run(r, 20000);
    ck_assert(c->up == 1 && d->up == 1);
    struct rig_call *e = &r->end[1].call[1];
    ck_assert(r->end[1].call[0].up == 1 && e->up == 1);
    l2tp_call_close(&c->c, &by_admin);
    l2tp_call_close(&e->c, &by_admin);
    rig_run(r, 120000);
    ends_clean(r);
}

START_TEST(every_datagram_once_lost_doubled_late)
{
    static struct rig r;
    uint32_t all = 0;
    for (uint32_t what = 0; what < 3; what++)
        for (uint32_t nth = 0; nth < (all ? all : 1); nth++) {
            struct badness b = { nth, what };
            rig_init(&r, &(struct rig_setup){ .hello_ms = 60000 });
            r.wire = bad_once;
            r.u = &b;
            whole_life(&r);
            if (nth == 0 && what == 0)
                all = r.sent + 4;
            rig_fini(&r);
        }
    ck_assert_uint_gt(all, 12);
}
END_TEST

static struct rig_fate terrible(struct rig *r, uint32_t to, const uint8_t *p, size_t len, void *u)
{
    struct rig_fate f = { 0, { 0 } };
    (void)to, (void)p, (void)len, (void)u;
    if (rig_random(r) % 100 < 20)
        return f;
    f.copies = 1 + (rig_random(r) % 100 < 20);
    for (uint32_t i = 0; i < f.copies; i++)
        f.delay[i] = 1 + rig_random(r) % 600;
    return f;
}

START_TEST(loss_duplication_and_reordering_at_random)
{
    static struct rig r;
    uint32_t up = 0;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        rig_init(&r, &(struct rig_setup){ .secret = { "s", "s" }, .hide = seed & 1,
                                          .hello_ms = 10000,
                                          .window = { (uint16_t)(1 + seed % 5), (uint16_t)(1 + seed % 3) } });
        r.random = seed;
        r.wire = terrible;
        for (uint32_t i = 0; i < 20; i++)
            (void)rig_dial(&r);
        rig_run(&r, 200000);
        if (r.end[0].alive && r.end[0].up) {
            up++;
            for (uint32_t i = 0; i < 20; i++)
                ck_assert(r.end[0].call[i].up == 1);
        }
        ck_assert_uint_le(r.end[0].unacked_max, r.end[1].env.window);
        ck_assert_uint_le(r.end[1].unacked_max, r.end[0].env.window);
        struct l2tp_end end = { L2TP_STOP_SHUTDOWN, 0, ADIT_CAUSE_SHUTDOWN, NULL };
        l2tp_tunnel_close(&r.end[0].t, &end);
        rig_run(&r, 300000);
        ends_clean(&r);
        rig_fini(&r);
    }
    ck_assert_uint_ge(up, 55);
}
END_TEST

START_TEST(A1_never_two_unacknowledged_to_window_one)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .window = { 1, 0 }, .idle_ms = 0 });
    for (uint32_t i = 0; i < 20; i++)
        (void)rig_dial(&r);
    rig_run(&r, 5000);
    ck_assert_uint_eq(r.end[1].unacked_max, 1);
    ck_assert_uint_gt(r.end[0].unacked_max, 1);
    for (uint32_t i = 0; i < 20; i++)
        l2tp_call_close(&r.end[1].call[i].c, &by_admin);
    rig_run(&r, 5000);
    ck_assert_uint_eq(r.end[1].unacked_max, 1);
    for (uint32_t i = 0; i < 20; i++)
        ck_assert_uint_eq(r.end[0].call[i].cause, ADIT_CAUSE_PEER_HANGUP);
    rig_fini(&r);
}
END_TEST

static struct rig_fate one_way(struct rig *r, uint32_t to, const uint8_t *p, size_t len, void *u)
{
    (void)r, (void)p, (void)len;
    return (struct rig_fate){ to != *(uint32_t *)u, { 10 } };
}

START_TEST(no_answer_is_told_after_31_seconds)
{
    static struct rig r;
    uint32_t cut = 1;
    rig_init(&r, &(struct rig_setup){ .idle_ms = 0 });
    r.wire = one_way;
    r.u = &cut;
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 30900);
    ck_assert_uint_eq(c->down, 0);
    ck_assert_uint_eq(r.sent, 6);                   /* and five times again: 1 2 4 8 8 8 s */
    rig_run(&r, 200);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_NO_ANSWER);
    ck_assert_uint_eq(r.end[0].gone, 1);
    rig_fini(&r);
}
END_TEST

START_TEST(a_silent_peer_is_asked_and_given_up)
{
    static struct rig r;
    uint32_t cut = 9;
    rig_init(&r, &(struct rig_setup){ .hello_ms = 60000 });
    r.wire = one_way;
    r.u = &cut;
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 200000);
    ck_assert_uint_gt(r.end[0].counters[L2TP_N_HELLOS] + r.end[1].counters[L2TP_N_HELLOS], 2);
    ck_assert_uint_eq(c->down, 0);
    cut = 1;                                        /* end 1 hears nothing any more */
    rig_run(&r, 60000 + 31000 + 61000);
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(r.end[0].counters[L2TP_N_TUNNELS_LOST], 1);
    rig_fini(&r);
}
END_TEST

START_TEST(W3_hello_only_after_silence)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .hello_ms = 60000 });
    (void)rig_dial(&r);
    rig_run(&r, 1000);
    uint32_t sent = r.sent;
    for (uint32_t i = 0; i < 20; i++) {             /* data both ways: nobody asks */
        rig_run(&r, 30000);
        l2tp_tunnel_heard(&r.end[0].t, r.now);
        l2tp_tunnel_heard(&r.end[1].t, r.now);
    }
    ck_assert_uint_eq(r.sent, sent);
    rig_run(&r, 61000);
    ck_assert_uint_gt(r.sent, sent);
    rig_fini(&r);
}
END_TEST

START_TEST(A9_data_keeps_a_peer_that_ignores_hello)
{
    static struct rig r;
    uint32_t cut = 9;
    rig_init(&r, &(struct rig_setup){ .hello_ms = 60000 });
    r.end[1].env.hello_ms = 0;
    r.wire = one_way;
    r.u = &cut;
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 1000);
    cut = 0;                                        /* end 0 gets no acknowledgement ... */
    rig_run(&r, 61000);
    ck_assert_uint_eq(r.end[0].counters[L2TP_N_HELLOS], 1);
    for (uint32_t i = 0; i < 60; i++) {
        rig_run(&r, 10000);
        l2tp_tunnel_heard(&r.end[0].t, r.now);      /* ... but data all the time */
    }
    ck_assert_uint_eq(c->down, 0);
    rig_run(&r, 70000);                             /* now not even that */
    ck_assert_uint_eq(c->cause, ADIT_CAUSE_LOST_CARRIER);
    rig_fini(&r);
}
END_TEST

START_TEST(W23_every_end_may_be_lost_and_repeated)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .idle_ms = 0 });
    struct rig_call *c = rig_dial(&r);
    rig_run(&r, 500);
    struct rig_call *d = &r.end[1].call[0];
    struct l2tp_end end = { L2TP_STOP_CLEAR, 0, ADIT_CAUSE_ADMIN, NULL };
    l2tp_call_close(&c->c, &by_admin);              /* CDN, StopCCN from both at once */
    l2tp_call_close(&d->c, &by_admin);
    l2tp_tunnel_close(&r.end[0].t, &end);
    l2tp_tunnel_close(&r.end[1].t, &end);
    l2tp_tunnel_close(&r.end[1].t, &end);
    rig_run(&r, 29000);
    ck_assert_uint_eq(r.end[0].gone + r.end[1].gone, 0);
    ck_assert_uint_eq(r.end[1].t.state, L2TP_T_CLOSED);
    uint32_t sent = r.sent;
    /* a StopCCN that is repeated late is acknowledged still */
    uint8_t pkt[128];
    struct l2tp_msg m = l2tp_msg_of(L2TP_StopCCN);
    size_t n = l2tp_msg_build(&m, pkt + 12, sizeof pkt - 12, NULL) + 12;
    struct wr w = wr_of(pkt, 12);
    wr_u16(&w, 0xc802);
    wr_u16(&w, (uint16_t)n);
    wr_u16(&w, r.end[1].t.our_id);
    wr_u16(&w, 0);
    wr_u16(&w, (uint16_t)(r.end[1].t.rel.nr - 1));
    wr_u16(&w, r.end[1].t.rel.una);
    rig_put(&r, 1, pkt, n, 1);
    rig_run(&r, 1000);
    ck_assert_uint_eq(r.sent, sent + 1);
    rig_run(&r, 10000);
    ends_clean(&r);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp_fsm", (const TTest *const[]){
        tables_are_those_of_the_rfc, lac_calls_lns, the_lns_may_hang_up_and_close,
        many_sessions_in_one_tunnel, a_refused_port_is_a_cdn, authentication_both_ways,
        every_datagram_once_lost_doubled_late, loss_duplication_and_reordering_at_random,
        A1_never_two_unacknowledged_to_window_one, no_answer_is_told_after_31_seconds,
        a_silent_peer_is_asked_and_given_up, W3_hello_only_after_silence,
        A9_data_keeps_a_peer_that_ignores_hello, W23_every_end_may_be_lost_and_repeated, NULL });
}
UNIT_MAIN(suite)
