/* test_ike_life.c - what happens to SAs over time: rekeying of both phases from either side
 * while datagrams flow, deletion in any order, peers that vanish, NATs that forget. */
#include "ike_rig.h"

/* Datagrams both ways, every `step` ms; none may be lost on a wire that loses none. */
struct flow {
    uint32_t next, step;
};

static void flow_for(struct rig *r, struct flow *f, uint64_t ms, struct rig_end *a, struct rig_end *b)
{
    for (uint64_t end = r->now + ms; r->now < end;) {
        struct sad_assoc *x = rig_assoc(a), *y = rig_assoc(b);
        ck_assert_msg(x && y, "an association went at %llu", (unsigned long long)r->now);
        rig_send(a, x, f->next);
        rig_send(b, y, f->next);
        f->next++;
        rig_run(r, f->step);
    }
}

static void flow_check(struct rig *r, const struct flow *f, struct rig_end *a, struct rig_end *b)
{
    rig_run(r, 500);
    for (uint32_t i = 0; i < f->next; i++) {
        ck_assert_msg(a->seen[i] == 1, "datagram %u came %u times to end %u", i, a->seen[i], a->n);
        ck_assert_msg(b->seen[i] == 1, "datagram %u came %u times to end %u", i, b->seen[i], b->n);
    }
}

static void an_hour(const struct rig_setup *s, uint32_t rekeys_p1, uint32_t rekeys_p2)
{
    static struct rig r;
    struct flow f = { 0, 250 };
    rig_init(&r, s);
    struct rig_end *a = &r.end[0], *b = &r.end[1];
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 2000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    struct sad_assoc *x = rig_assoc(a), *y = rig_assoc(b);
    flow_for(&r, &f, 3600000, a, b);
    flow_check(&r, &f, a, b);
    ck_assert(rig_assoc(a) == x && rig_assoc(b) == y);  /* the handles stay */
    ck_assert_uint_ge(a->counters[IKE_N_UP], rekeys_p1 + 1);
    ck_assert_uint_ge(b->counters[IKE_N_REKEYS], rekeys_p2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_le(rig_sas(&r.end[i]), 4);
        ck_assert_uint_le(rig_pairs(rig_assoc(&r.end[i])), 4);
        ck_assert_uint_eq(r.end[i].counters[IKE_N_RX_HASH], 0);
        ck_assert_uint_eq(r.end[i].counters[IKE_N_RX_DECRYPT], 0);
        ck_assert_uint_eq(r.end[i].counters[IKE_N_FAILED], 0);
        ck_assert_uint_eq(r.end[i].said[IKE_SAY_DOWN], 0);
    }
    rig_fini(&r);
}

START_TEST(an_hour_the_caller_rekeys)
{
    an_hour(&(struct rig_setup){ .psk = { "s", "s" }, .ike_life_ms = 1200000, .esp_life_ms = 600000,
                                 .dpd_ms = 30000 }, 3, 6);
}
END_TEST

START_TEST(an_hour_the_server_rekeys)
{
    an_hour(&(struct rig_setup){ .psk = { "s", "s" }, .ike_life_of = { 28800000, 1200000 },
                                 .esp_life_of = { 28800000, 600000 }, .dpd_ms = 30000 }, 2, 5);
}
END_TEST

START_TEST(an_hour_with_pfs_and_nats)
{
    an_hour(&(struct rig_setup){ .psk = { "s", "s" }, .ike_life_ms = 900000, .esp_life_ms = 300000,
                                 .nat_clients = true, .nat_server = true, .pfs = true,
                                 .keepalive_ms = 20000 }, 3, 11);
}
END_TEST

/* Both decide at the same moment, again and again. */
START_TEST(both_rekey_at_once)
{
    for (int nat = 0; nat < 2; nat++) {
        static struct rig r;
        struct flow f = { 0, 50 };
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = nat });
        struct rig_end *a = &r.end[0], *b = &r.end[1];
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 2000);
        ck_assert(c->a != NULL);
        for (int i = 0; i < 10; i++) {
            flow_for(&r, &f, 1000 + 7u * (uint32_t)i, a, b);
            ck_assert_int_eq(ike_rekey(a->ike, rig_assoc(a)), 0);
            if (i & 1)
                flow_for(&r, &f, 50, a, b);
            ck_assert_int_eq(ike_rekey(b->ike, rig_assoc(b)), 0);
        }
        flow_for(&r, &f, 60000, a, b);
        flow_check(&r, &f, a, b);
        ck_assert_uint_le(rig_pairs(rig_assoc(a)), 4);
        ck_assert_uint_le(rig_pairs(rig_assoc(b)), 4);
        ck_assert_uint_eq(a->assocs_gone + b->assocs_gone, 0);
        rig_fini(&r);
    }
}
END_TEST

/* A bad wire for IKE alone, from the first rekey on. */
struct bad {
    uint32_t at, n, what;
    bool on;
};

static struct rig_fate bad_wire(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct bad *b = u;
    (void)r;
    if (!b->on || k->kind != RIG_IKE || b->n++ != b->at)
        return (struct rig_fate){ 1, { 10 } };
    if (b->what == 0)
        return (struct rig_fate){ 0, { 0 } };
    if (b->what == 1)
        return (struct rig_fate){ 2, { 10, 12 } };
    return (struct rig_fate){ 1, { 2500 } };
}

START_TEST(every_message_of_a_rekey_lost_doubled_late)
{
    for (uint32_t what = 0; what < 3; what++)
        for (uint32_t side = 0; side < 2; side++)
            for (uint32_t at = 0; at < 12; at++) {
                static struct rig r;
                struct flow f = { 0, 100 };
                struct bad w = { at, 0, what, false };
                rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .pfs = at & 1,
                         .nat_clients = at & 2, .nat_server = at & 4 });
                struct rig_end *a = &r.end[0], *b = &r.end[1];
                rig_dial(&r, 0);
                rig_run(&r, 2000);
                r.wire = bad_wire;
                r.u = &w;
                w.on = true;
                ck_assert_int_eq(ike_rekey(r.end[side].ike, rig_assoc(&r.end[side])), 0);
                flow_for(&r, &f, 90000, a, b);
                flow_check(&r, &f, a, b);
                ck_assert_uint_ge(a->counters[IKE_N_REKEYS], 1);
                ck_assert_uint_le(rig_pairs(rig_assoc(a)), 2);
                ck_assert_uint_le(rig_sas(a), 2);
                ck_assert_uint_le(rig_sas(b), 2);       /* a delete may be lost: it ends by itself */
                rig_fini(&r);
            }
}
END_TEST

/* A peer, as strongSwan is, that has the new pair some time after our third message. */
struct slow {
    bool on;
    uint32_t quick;             /* messages of quick mode from the server */
    uint64_t ready_at;
    uint8_t spi[4];             /* that the server sent with before */
};

static struct rig_fate slow_peer(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct slow *l = u;
    if (k->from == RIG_SERVER && k->kind == RIG_ESP) {
        if (!l->on)
            memcpy(l->spi, k->p, sizeof l->spi);
        else if (memcmp(l->spi, k->p, sizeof l->spi) != 0 && (l->quick < 2 || r->now < l->ready_at))
            return (struct rig_fate){ 0, { 0 } };
    }
    if (l->on && k->from == RIG_SERVER && k->kind == RIG_IKE && k->p[18] == IKE_X_QUICK &&
        ++l->quick == 2) {
        l->ready_at = r->now + 250;
        return (struct rig_fate){ 1, { 250 } };
    }
    return (struct rig_fate){ 1, { 10 } };
}

START_TEST(W8_the_new_pair_waits_for_a_slow_peer)
{
    for (int one_way = 0; one_way < 2; one_way++) {
        static struct rig r;
        struct slow l = { .quick = 0 };
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
        struct rig_end *a = &r.end[0], *b = &r.end[1];
        rig_dial(&r, 0);
        r.wire = slow_peer;
        r.u = &l;
        rig_run(&r, 2000);
        uint32_t n = 0;
        for (uint64_t end = r.now + 20000; r.now < end; n++) {
            rig_send(b, rig_assoc(b), n);
            if (!one_way)
                rig_send(a, rig_assoc(a), n);
            rig_run(&r, 20);
            if (n == 20) {
                l.on = true;
                ck_assert_int_eq(ike_rekey(b->ike, rig_assoc(b)), 0);
            }
        }
        rig_run(&r, 500);
        ck_assert_uint_ge(l.quick, 2);
        for (uint32_t i = 0; i < n; i++)
            ck_assert_msg(a->seen[i] == 1, "datagram %u came %u times", i, a->seen[i]);
        ck_assert_uint_eq(rig_pairs(rig_assoc(b)), 1);
        rig_fini(&r);
    }
}
END_TEST

/* Phase 1 ends and nobody makes another: the pair lives on to its own end. */
START_TEST(children_outlive_phase_1)
{
    static struct rig r;
    struct flow f = { 0, 500 };
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
    struct rig_end *a = &r.end[0], *b = &r.end[1];
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    for (uint32_t i = 0; i < 2; i++) {
        struct ike_sa *sa = ike_sa_next(r.end[i].ike, NULL);
        sa->soft_at = 0;
        sa->expires_ms = r.now + 60000;
        ike_tick(r.end[i].ike);
    }
    flow_for(&r, &f, 600000, a, b);
    flow_check(&r, &f, a, b);
    ck_assert_uint_eq(rig_sas(a), 0);
    ck_assert_uint_eq(rig_sas(b), 0);
    /* the pair's soft limit needs a new phase 1 */
    flow_for(&r, &f, 3000000, a, b);
    flow_check(&r, &f, a, b);
    ck_assert_uint_ge(rig_sas(a), 1);
    ck_assert_uint_ge(a->counters[IKE_N_REKEYS], 1);
    rig_fini(&r);
}
END_TEST

/* ---- deletion ------------------------------------------------------------------------------- */

START_TEST(W8_delete_in_any_order)
{
    for (int order = 0; order < 4; order++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
        struct rig_end *a = &r.end[0], *b = &r.end[1];
        rig_dial(&r, 0);
        rig_run(&r, 2000);
        rig_talk(&r, a, b);
        struct ike_sa *sa = ike_sa_next(a->ike, NULL);
        struct sad_pair_view v;
        sad_pair_view(sad_pair_next(rig_assoc(a), NULL), &v);
        for (int i = 0; i < 2; i++) {
            if ((order & 1) == i)
                ike_info_delete_esp(sa, &v.spi_in, 1);
            else
                ike_info_delete_sa(sa);
            if (order & 2)
                rig_run(&r, 100);
        }
        rig_run(&r, 5000);
        ck_assert_uint_eq(rig_sas(b), 0);
        if (order == 0 || order == 2)           /* the SA went second: the pair's delete was heard */
            ck_assert(rig_assoc(b) == NULL);    /* and nothing is left to wait for */
        rig_fini(&r);
    }
}
END_TEST

/* Nobody can end anything without the keys. */
START_TEST(deletes_in_clear_are_ignored)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
    struct rig_end *a = &r.end[0], *b = &r.end[1];
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    struct ike_sa *sa = ike_sa_next(a->ike, NULL);
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_INFORMATIONAL, 0, 77);
    uint8_t buf[256], spi[16];
    memcpy(spi, sa->cookie_i, 8);
    memcpy(spi + 8, sa->cookie_r, 8);
    struct ike_out o = ike_out_of(buf, sizeof buf, &h);
    ike_out_begin(&o, IKE_P_DELETE);
    ike_out_delete(&o, IKE_PROTO_ISAKMP, spi, 16, 1);
    ike_out_end(&o);
    size_t len = ike_out_done(&o);
    rig_tx(a, sa->path, buf, len);
    rig_run(&r, 1000);
    ck_assert_uint_eq(rig_sas(b), 1);
    ck_assert_uint_eq(b->counters[IKE_N_RX_UNEXPECTED], 1);
    rig_talk(&r, a, b);
    rig_fini(&r);
}
END_TEST

START_TEST(W23_goodbyes_are_lost_or_doubled)
{
    for (uint32_t what = 0; what < 2; what++)
        for (uint32_t at = 0; at < 3; at++) {
            static struct rig r;
            struct bad w = { at, 0, what, false };
            rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .dpd_ms = 10000 });
            struct rig_end *a = &r.end[0], *b = &r.end[1];
            rig_dial(&r, 0);
            rig_run(&r, 2000);
            r.wire = bad_wire;
            r.u = &w;
            w.on = true;
            ike_assoc_unused(a->ike, rig_assoc(a));
            rig_run(&r, 1000);
            ck_assert(rig_assoc(a) == NULL);
            rig_run(&r, 200000);        /* what was not heard, DPD finds */
            ck_assert_uint_eq(rig_sas(b), 0);
            if (what == 0 && at == 0)   /* only phase 1 went, as it may: the pair has its own end */
                rig_run(&r, 3600000);
            ck_assert(rig_assoc(b) == NULL);
            rig_fini(&r);
        }
}
END_TEST

/* ---- peers that vanish --------------------------------------------------------------------------- */

START_TEST(M9_a_dead_peer_is_found)
{
    for (uint32_t who = 0; who < 2; who++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .dpd_ms = 10000 });
        struct rig_end *here = &r.end[who], *there = &r.end[!who];
        rig_dial(&r, 0);
        rig_run(&r, 60000);
        ck_assert_uint_ge(here->counters[IKE_N_DPD_TX], 1);     /* silence: asked, and answered */
        ck_assert_uint_eq(here->counters[IKE_N_DPD_LOST], 0);
        there->gone = true;
        rig_run(&r, 80000);
        ck_assert_uint_eq(here->counters[IKE_N_DPD_LOST], 1);
        ck_assert_uint_eq(here->said[IKE_SAY_DOWN], 1);
        ck_assert_uint_eq(here->pairs_gone[SAD_WHY_DEAD], 1);
        ck_assert(rig_assoc(here) == NULL);
        ck_assert_uint_eq(rig_sas(here), 0);
        rig_fini(&r);
    }
}
END_TEST

/* ESP is life enough. */
START_TEST(no_question_while_esp_flows)
{
    static struct rig r;
    struct flow f = { 0, 2000 };
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .dpd_ms = 10000 });
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    flow_for(&r, &f, 300000, &r.end[0], &r.end[1]);
    ck_assert_uint_eq(r.end[0].counters[IKE_N_DPD_TX] + r.end[1].counters[IKE_N_DPD_TX], 0);
    rig_fini(&r);
}
END_TEST

START_TEST(W3_a_peer_without_dpd_is_not_asked)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .dpd_ms = 10000 });
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    for (uint32_t i = 0; i < 2; i++)
        ike_sa_next(r.end[i].ike, NULL)->dpd = false;
    rig_run(&r, 600000);
    ck_assert_uint_eq(r.end[0].counters[IKE_N_DPD_TX] + r.end[1].counters[IKE_N_DPD_TX], 0);
    ck_assert_uint_eq(rig_sas(&r.end[1]), 1);
    rig_fini(&r);
}
END_TEST

START_TEST(nat_keepalives)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = true, .keepalive_ms = 20000 });
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    rig_run(&r, 600000);
    ck_assert_uint_ge(r.end[0].keepalives, 29);
    ck_assert_uint_le(r.end[0].keepalives, 31);
    ck_assert_uint_eq(r.end[1].keepalives, 0);
    rig_fini(&r);
}
END_TEST

/* The NAT forgets its mappings: the client's next packet comes from another port. */
START_TEST(a_nat_rebinds)
{
    for (int first = 0; first < 2; first++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = true, .dpd_ms = 10000 });
        struct rig_end *a = &r.end[0], *b = &r.end[1];
        rig_dial(&r, 0);
        rig_run(&r, 2000);
        rig_talk(&r, a, b);
        for (int i = 0; i < 3; i++) {
            r.nat_ports++;
            if (first == 0)
                rig_talk(&r, a, b);     /* ESP is the first to come from there */
            else
                rig_run(&r, 15000);     /* DPD is */
            rig_talk(&r, a, b);
            ck_assert_int_eq(ike_rekey(b->ike, rig_assoc(b)), 0);
            rig_run(&r, 20000);
            rig_talk(&r, a, b);
        }
        ck_assert_uint_eq(b->counters[IKE_N_DPD_LOST], 0);
        ck_assert_uint_eq(b->assocs_gone, 0);
        rig_fini(&r);
    }
}
END_TEST

/* W7: the client's pair ends when it is idle; phase 1 stays, and a new pair
 * within the grace time is of the same association. */
START_TEST(W7_an_idle_pair_goes_and_another_comes)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
    struct rig_end *a = &r.end[0], *b = &r.end[1];
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    struct sad_assoc *y = rig_assoc(b);
    struct ike_sa *sa = ike_sa_next(a->ike, NULL);
    struct sad_pair *p = sad_pair_next(rig_assoc(a), NULL);
    struct sad_pair_view v;
    sad_pair_view(p, &v);
    ike_info_delete_esp(sa, &v.spi_in, 1);
    sad_pair_end(p, SAD_WHY_DELETED, 0);
    rig_run(&r, 5000);
    rig_dial(&r, 0);
    rig_run(&r, 30000);
    ck_assert(rig_assoc(b) == y);
    ck_assert_uint_eq(b->assocs_gone, 0);
    rig_talk(&r, a, b);
    rig_fini(&r);
}
END_TEST

/* M6: the server's lifetimes are longer than the client's; the client's count. */
START_TEST(M6_the_shorter_lifetime_counts)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .ike_life_of = { 3600000, 86400000 },
                                      .esp_life_of = { 3600000, 28800000 } });
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    for (uint32_t i = 0; i < 2; i++) {
        struct ike_sa_view v;
        struct sad_pair_view p;
        ike_sa_view(ike_sa_next(r.end[i].ike, NULL), &v);
        ck_assert_uint_le(v.expires_ms, r.now + 3600000);
        sad_pair_view(sad_pair_next(rig_assoc(&r.end[i]), NULL), &p);
        ck_assert_uint_le(p.hard_at_ms, r.now + 3600000);
        ck_assert(p.initiator == (i == 0));
        ck_assert_uint_lt(p.soft_at_ms, p.hard_at_ms);
    }
    rig_fini(&r);
    /* and as RESPONDER-LIFETIME, the server's shorter one to the client */
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .esp_life_of = { 28800000, 600000 } });
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    struct sad_pair_view p;
    sad_pair_view(sad_pair_next(rig_assoc(&r.end[0]), NULL), &p);
    ck_assert_uint_le(p.hard_at_ms, r.now + 600000);
    rig_fini(&r);
}
END_TEST

/* The peer's first rekey message is never answered: another try, before the end. */
START_TEST(a_failed_rekey_is_tried_again)
{
    static struct rig r;
    struct flow f = { 0, 500 };
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .esp_life_ms = 600000 });
    struct rig_end *a = &r.end[0], *b = &r.end[1];
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    r.end[1].conf.esp_count = 0;        /* it refuses for a while */
    struct ike_conf old = b->ike->conf;
    b->ike->conf.esp_count = 0;
    flow_for(&r, &f, 545000, a, b);
    ck_assert_uint_ge(b->said[IKE_SAY_NO_PROPOSAL], 1);
    b->ike->conf = old;
    flow_for(&r, &f, 300000, a, b);
    flow_check(&r, &f, a, b);
    ck_assert_uint_ge(a->counters[IKE_N_REKEYS], 1);
    rig_fini(&r);
}
END_TEST

/* A limit of bytes: another pair before it is reached. */
START_TEST(W7_bytes_are_used_up)
{
    static struct rig r;
    struct flow f = { 0, 100 };
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
    r.end[0].ike->conf.esp_life_bytes = 100000;
    rig_dial(&r, 0);
    rig_run(&r, 2000);
    flow_for(&r, &f, 600000, &r.end[0], &r.end[1]);
    flow_check(&r, &f, &r.end[0], &r.end[1]);
    ck_assert_uint_ge(r.end[0].counters[IKE_N_REKEYS], 4);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        an_hour_the_caller_rekeys, an_hour_the_server_rekeys, an_hour_with_pfs_and_nats,
        both_rekey_at_once, every_message_of_a_rekey_lost_doubled_late, children_outlive_phase_1,
        W8_delete_in_any_order, deletes_in_clear_are_ignored, W23_goodbyes_are_lost_or_doubled,
        W8_the_new_pair_waits_for_a_slow_peer,
        M9_a_dead_peer_is_found, no_question_while_esp_flows, W3_a_peer_without_dpd_is_not_asked,
        nat_keepalives, a_nat_rebinds, W7_an_idle_pair_goes_and_another_comes,
        M6_the_shorter_lifetime_counts, a_failed_rekey_is_tried_again, W7_bytes_are_used_up, NULL };
    return unit_suite("ike-life", tests);
}

UNIT_MAIN(suite)
