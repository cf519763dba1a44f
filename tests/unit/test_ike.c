/* test_ike.c - both roles of IKE against each other, in virtual time: the tables, main and
 * quick mode over good and bad wires, NAT, PFS, keys that differ, rekeying. */
#include "ike_rig.h"

#include <stdarg.h>

/* ---- good wires ----------------------------------------------------------------------------- */

static void one_call(const struct rig_setup *s)
{
    static struct rig r;
    rig_init(&r, s);
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 3000);
    ck_assert(c->over);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    ck_assert_uint_eq(r.end[0].said[IKE_SAY_UP], 1);
    ck_assert_uint_eq(r.end[1].said[IKE_SAY_UP], 1);
    ck_assert_uint_eq(r.end[1].said[IKE_SAY_CHILD_UP], 1);
    ck_assert_uint_eq(r.end[0].counters[IKE_N_TX_AGAIN], 0);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_TX_AGAIN], 0);
    ck_assert_uint_eq(ike_half_open(r.end[1].ike), 0);
    rig_talk(&r, &r.end[0], &r.end[1]);
    ike_assoc_unused(r.end[0].ike, c->a);
    rig_run(&r, 40000);
    ck_assert_uint_eq(rig_sas(&r.end[0]), 0);
    ck_assert_uint_eq(rig_sas(&r.end[1]), 0);
    ck_assert_uint_eq(r.end[0].assocs_gone, 1);
    ck_assert_uint_eq(r.end[1].assocs_gone, 1);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_RX_HASH], 0);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_RX_DECRYPT], 0);
    rig_fini(&r);
}

START_TEST(a_call_with_a_pre_shared_key)
{
    one_call(&(struct rig_setup){ .psk = { "secret", "secret" } });
}
END_TEST

START_TEST(a_call_with_pfs)
{
    one_call(&(struct rig_setup){ .psk = { "secret", "secret" }, .pfs = true });
}
END_TEST

START_TEST(a_call_through_nats)
{
    for (int i = 1; i < 4; i++)
        for (int pfs = 0; pfs < 2; pfs++)
            one_call(&(struct rig_setup){ .psk = { "secret", "secret" }, .nat_clients = i & 1,
                                          .nat_server = i & 2, .pfs = pfs });
}
END_TEST

START_TEST(a_call_over_ipv6)
{
    for (int nat = 0; nat < 4; nat++)
        one_call(&(struct rig_setup){ .psk = { "secret", "secret" }, .nat_clients = nat & 1,
                                      .nat_server = nat & 2, .v6 = true });
}
END_TEST

/* ---- the tables, printed back -------------------------------------------------------------------- */

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

/* The file without comments and empty lines. */
static void read_golden(struct out *o)
{
    char path[512], line[256];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/golden/ike-states.txt", top ? top : "..");
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
    for (unsigned s = 0; s < IKE_S_COUNT; s++)
        for (unsigned e = 0; e < IKE_E_COUNT; e++) {
            const struct ike_move *m = &ike_main_table[s][e];
            if (m->name)
                say(&have, "main  %-15s %-14s %-36s %s\n", ike_state_name(s), ike_event_name(e),
                    m->name, ike_state_name(m->next));
        }
    for (unsigned s = 0; s < IKE_Q_COUNT; s++)
        for (unsigned e = 0; e < IKE_QE_COUNT; e++) {
            const struct ike_q_move *m = &ike_quick_table[s][e];
            if (m->name)
                say(&have, "quick %-15s %-14s %-36s %s\n", ike_q_state_name(s), ike_q_event_name(e),
                    m->name, ike_q_state_name(m->next));
        }
    if (getenv("RIG_PRINT"))
        fputs(have.text, stderr);
    read_golden(&want);
    ck_assert_str_eq(have.text, want.text);
}
END_TEST

/* ---- bad wires: each message of a call lost, doubled, delayed ---------------------------------------- */

enum what { LOST, LOST_TWICE, TWICE, LATE, THRICE };
struct bad {
    enum what what;
    uint32_t at, n;
};

static struct rig_fate bad_wire(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct bad *b = u;
    (void)r;
    if (k->kind != RIG_IKE)
        return (struct rig_fate){ 1, { 10 } };
    uint32_t n = b->n++;
    if (n != b->at && !(b->what == LOST_TWICE && n == b->at + 1))
        return (struct rig_fate){ 1, { 10 } };
    switch (b->what) {
    case LOST:
    case LOST_TWICE:
        return (struct rig_fate){ 0, { 0 } };
    case TWICE:
        return (struct rig_fate){ 2, { 10, 15 } };
    case LATE:                  /* behind its own repetition and whatever follows */
        return (struct rig_fate){ 1, { 1500 } };
    default:
        return (struct rig_fate){ 3, { 10, 10, 4000 } };
    }
}

static void bad_call(const struct rig_setup *s, enum what what)
{
    for (uint32_t at = 0; at < 14; at++) {
        static struct rig r;
        struct bad b = { what, at, 0 };
        rig_init(&r, s);
        r.wire = bad_wire;
        r.u = &b;
        struct rig_call *c = rig_dial(&r, 0);
        rig_run_until(&r, 40000, &c->over);
        ck_assert_msg(c->a != NULL, "what %d, message %u: %s", what, at, c->why);
        rig_talk(&r, &r.end[0], &r.end[1]);     /* even before the last message came */
        rig_run(&r, 70000);
        for (uint32_t i = 0; i < 2; i++) {
            ck_assert_uint_eq(rig_pairs(rig_assoc(&r.end[i])), 1);
            ck_assert_uint_eq(rig_sas(&r.end[i]), 1);
            ck_assert_uint_eq(r.end[i].said[IKE_SAY_UP], 1);
            ck_assert_uint_eq(ike_half_open(r.end[i].ike), 0);
        }
        rig_talk(&r, &r.end[0], &r.end[1]);
        ike_assoc_unused(r.end[0].ike, rig_assoc(&r.end[0]));
        rig_run(&r, 100000);
        ck_assert(rig_assoc(&r.end[0]) == NULL);
        rig_fini(&r);
    }
}

static const struct rig_setup plain = { .psk = { "secret", "secret" } };
static const struct rig_setup natted = { .psk = { "secret", "secret" }, .nat_clients = true,
                                         .nat_server = true, .pfs = true };

START_TEST(every_message_lost)
{
    bad_call(&plain, LOST);
    bad_call(&natted, LOST);
    bad_call(&plain, LOST_TWICE);
}
END_TEST

START_TEST(every_message_doubled)
{
    bad_call(&plain, TWICE);
    bad_call(&natted, TWICE);
    bad_call(&plain, THRICE);
}
END_TEST

START_TEST(every_message_late)
{
    bad_call(&plain, LATE);
    bad_call(&natted, LATE);
}
END_TEST

static struct rig_fate random_wire(struct rig *r, const struct rig_pkt *k, void *u)
{
    struct rig_fate f = { 1, { 1 + rig_random(r) % 300, 0, 0 } };
    (void)u;
    if (k->kind != RIG_IKE)
        return f;
    uint32_t dice = rig_random(r) % 100;
    if (dice < 25)
        f.copies = 0;
    else if (dice < 50)
        f = (struct rig_fate){ 2, { rig_random(r) % 2000, rig_random(r) % 2000, 0 } };
    return f;
}

START_TEST(a_wire_that_loses_a_quarter)
{
    for (uint32_t seed = 1; seed <= 60; seed++) {
        static struct rig r;
        rig_init(&r, seed & 1 ? &plain : &natted);
        r.random = seed;
        r.wire = random_wire;
        struct rig_call *c = rig_dial(&r, 0);
        rig_run_until(&r, 60000, &c->over);
        r.wire = NULL;
        ck_assert_msg(c->over, "seed %u", seed);
        if (c->a) {
            rig_run(&r, 5000);
            rig_talk(&r, &r.end[0], &r.end[1]);
        }
        rig_fini(&r);
    }
}
END_TEST

START_TEST(slow_jobs)
{
    static struct rig r;
    rig_init(&r, &natted);
    r.job_ms = 3000;            /* the peer asks again meanwhile */
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 40000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    rig_talk(&r, &r.end[0], &r.end[1]);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_UP], 1);
    rig_fini(&r);
}
END_TEST

START_TEST(no_job_is_taken_for_a_while)
{
    static struct rig r;
    rig_init(&r, &plain);
    r.end[1].busy = true;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 5000);
    r.end[1].busy = false;
    rig_run(&r, 10000);
    ck_assert_msg(c->a != NULL, "%s", c->why);
    rig_fini(&r);
}
END_TEST

/* The SAs end at any moment, jobs out or not. */
START_TEST(ends_at_every_step)
{
    for (uint32_t pass = 0; pass < 4; pass++)
        for (uint32_t ms = 0; ms < 160; ms += 2) {
            static struct rig r;
            rig_init(&r, pass & 1 ? &plain : &natted);
            r.job_ms = pass & 2 ? 5 : 50;
            struct rig_call *c = rig_dial(&r, 0);
            rig_run(&r, ms);
            if (pass == 3 && !c->over)
                ike_call_cancel(r.end[0].ike, c->number);
            rig_stop(&r.end[ms / 2 & 1]);
            rig_run(&r, 20);
            rig_fini(&r);
        }
}
END_TEST

/* ---- failures, and their sentences -------------------------------------------------------------------- */

START_TEST(wrong_key)
{
    for (int nat = 0; nat < 2; nat++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "secret", "Secret" }, .nat_clients = nat });
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, 60000);
        ck_assert(c->over && !c->a);
        ck_assert_int_eq(c->code, ADIT_EAUTH);
        ck_assert_msg(strstr(c->why, "pre-shared key") != NULL, "%s", c->why);
        ck_assert_uint_eq(r.end[0].said[IKE_SAY_WRONG_KEY], 1);
        ck_assert_uint_eq(r.end[1].said[IKE_SAY_WRONG_KEY], 1);
        ck_assert_uint_eq(r.end[1].counters[IKE_N_WRONG_KEY], 1);
        ck_assert_uint_eq(r.end[1].counters[IKE_N_FAILED], 1);
        ck_assert_uint_eq(ike_half_open(r.end[1].ike), 0);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(no_proposal)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" },
             .proposals = { "aes128-sha1-modp1024 3des-sha1-modp1024", "aes256-sha256-ecp256" } });
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert(c->over && !c->a);
    ck_assert_int_eq(c->code, ADIT_EDENIED);
    ck_assert_msg(strstr(c->why, "NO-PROPOSAL") || strstr(c->why, "proposals"), "%s", c->why);
    ck_assert_msg(strstr(r.end[1].text[IKE_SAY_NO_PROPOSAL], "aes128-sha1-modp1024, 3des-sha1-modp1024"),
                  "%s", r.end[1].text[IKE_SAY_NO_PROPOSAL]);
    rig_fini(&r);
}
END_TEST

START_TEST(no_esp_proposal)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .esp = { "aes128-sha1", "aes128gcm16" } });
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert(c->over && !c->a);
    ck_assert_int_eq(c->code, ADIT_EDENIED);
    ck_assert_uint_eq(r.end[1].said[IKE_SAY_NO_PROPOSAL], 1);
    ck_assert_msg(strstr(c->why, "NO-PROPOSAL") != NULL, "%s", c->why);
    rig_fini(&r);
}
END_TEST

START_TEST(no_answer)
{
    static struct rig r;
    rig_init(&r, &plain);
    r.end[1].gone = true;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert(c->over && !c->a);
    ck_assert_int_eq(c->code, ADIT_ETIMEDOUT);
    ck_assert_msg(strstr(c->why, "192.0.2.1 does not answer on UDP port 500"), "%s", c->why);
    rig_fini(&r);
}
END_TEST

static struct rig_fate no_4500(struct rig *r, const struct rig_pkt *k, void *u)
{
    (void)r, (void)u;
    return (struct rig_fate){ k->dst.port != 4500, { 10 } };
}

START_TEST(port_4500_is_closed)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" }, .nat_clients = true });
    r.wire = no_4500;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert(c->over && !c->a);
    ck_assert_msg(strstr(c->why, "4500") != NULL, "%s", c->why);
    rig_fini(&r);
}
END_TEST

START_TEST(nobody_listens_behind_the_selector)
{
    static struct rig r;
    rig_init(&r, &plain);
    r.end[1].not_covered = 1;
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert(c->over && !c->a);
    ck_assert_msg(strstr(c->why, "INVALID-ID") != NULL, "%s", c->why);
    rig_fini(&r);
}
END_TEST

/* The second call goes through the same SA; after the peer forgot it all, it
 * begins anew. */
START_TEST(calls_share_phase_1_and_survive_a_restart_of_the_peer)
{
    static struct rig r;
    rig_init(&r, &plain);
    struct rig_call *c = rig_dial(&r, 0);
    rig_run(&r, 1000);
    ck_assert(c->a != NULL);
    struct rig_call *d = rig_dial(&r, 0);
    rig_run(&r, 1000);
    ck_assert(d->a == c->a);    /* the same selectors: another pair of the same association */
    ck_assert_uint_eq(r.end[0].counters[IKE_N_UP], 1);
    /* the server forgets */
    struct rig_end *e = &r.end[1];
    e->gone = true;
    ike_free(e->ike);
    e->ike = NULL;
    sad_free(e->sad);
    e->sad = sad_new(&rig_sad_ops, e, r.lib, e->counters, 15000);
    e->ike = ike_new(&rig_ops, e, &e->conf, e->auth, r.lib, e->sad, e->counters);
    e->gone = false;
    struct rig_call *f = rig_dial(&r, 0);
    rig_run(&r, 60000);
    ck_assert_msg(f->a != NULL, "%s", f->why);
    ck_assert_uint_eq(r.end[0].counters[IKE_N_UP], 2);
    rig_fini(&r);
}
END_TEST

START_TEST(W2_two_clients_behind_one_nat)
{
    static struct rig r;
    rig_init(&r, &(struct rig_setup){ .psk = { "s", "s", "s", "s" }, .nat_clients = true });
    struct rig_call *c[3] = { rig_dial(&r, 0), rig_dial(&r, 2), rig_dial(&r, 3) };
    rig_run(&r, 3000);
    uint32_t from[3] = { 0, 2, 3 };
    struct sad_assoc *a[3];
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(c[i]->a != NULL, "%s", c[i]->why);
        rig_send(&r.end[from[i]], c[i]->a, (uint32_t)i);
        rig_run(&r, 100);
        ck_assert_uint_eq(r.end[1].seen[i], 1);
        a[i] = r.end[1].last;
        for (int k = 0; k < i; k++)
            ck_assert(a[k] != a[i]);
    }
    for (int i = 0; i < 3; i++) {
        rig_send(&r.end[1], a[i], 100);
        rig_run(&r, 100);
        ck_assert_uint_eq(r.end[from[i]].seen[100], 1);
    }
    ike_assoc_unused(r.end[2].ike, c[1]->a);    /* one goes, the others stay */
    rig_run(&r, 60000);
    ck_assert_uint_eq(r.end[1].assocs_gone, 1);
    rig_send(&r.end[1], a[2], 101);
    rig_run(&r, 100);
    ck_assert_uint_eq(r.end[3].seen[101], 1);
    rig_fini(&r);
}
END_TEST

/* A client that comes back says INITIAL-CONTACT: what was before goes, what
 * another client has behind the same NAT stays. */
START_TEST(initial_contact)
{
    for (int nat = 0; nat < 2; nat++) {
        static struct rig r;
        rig_init(&r, &(struct rig_setup){ .psk = { "s", "s", "s" }, .nat_clients = nat });
        struct rig_call *c = rig_dial(&r, 0), *o = rig_dial(&r, 2);
        rig_run(&r, 3000);
        ck_assert(c->a && o->a);
        struct rig_end *e = &r.end[0];
        e->gone = true;         /* it dies without a word */
        ike_free(e->ike);
        e->ike = NULL;
        sad_free(e->sad);
        e->sad = sad_new(&rig_sad_ops, e, r.lib, e->counters, 15000);
        e->ike = ike_new(&rig_ops, e, &e->conf, e->auth, r.lib, e->sad, e->counters);
        e->gone = false;
        rig_run(&r, 5000);
        c = rig_dial(&r, 0);
        rig_run(&r, 3000);
        ck_assert(c->a != NULL);
        ck_assert_uint_eq(r.end[1].assocs_gone, 1);
        ck_assert_uint_eq(r.end[1].said[IKE_SAY_DOWN], 1);
        rig_send(&r.end[2], o->a, 7);
        rig_send(&r.end[0], c->a, 8);
        rig_run(&r, 100);
        ck_assert_uint_eq(r.end[1].seen[7], 1);
        ck_assert_uint_eq(r.end[1].seen[8], 1);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(both_call_at_once)
{
    for (uint32_t late = 0; late < 120; late += 5) {
        static struct rig r;
        rig_init(&r, &plain);
        struct rig_call *c = rig_dial(&r, 0);
        rig_run(&r, late + 1);
        struct rig_call *d = rig_dial(&r, 1);
        rig_run(&r, 20000);
        ck_assert_msg(c->a && d->a, "late %u", late);
        rig_send(&r.end[0], c->a, 1);
        rig_send(&r.end[1], d->a, 2);
        rig_run(&r, 100);
        ck_assert_uint_eq(r.end[1].seen[1], 1);
        ck_assert_uint_eq(r.end[0].seen[2], 1);
        rig_fini(&r);
    }
}
END_TEST

/* Rows by address and by identity, and a default: who calls is not known when
 * the key is needed, and the one that fits must fit the row. */
START_TEST(several_keys)
{
    static struct rig r;
    struct ike_psk_conf rows[] = {
        { .identity = "alice.example.org", .secret = "of alice" },
        { .identity = "10.0.1.2", .secret = "of bob" },
        { .address = rig_ip(0x0a000103), .secret = "of carol" },
    };
    struct ike_auth_conf server = { .psk = "of all", .psks = { rows, 3, sizeof rows[0] } };
    struct ike_auth_conf alice = { .psk = "of alice", .identity = "alice.example.org" };
    rig_init(&r, &(struct rig_setup){ .auth = { &alice, &server }, .psk = { NULL, NULL, "of bob", "of carol" } });
    struct rig_call *c[3] = { rig_dial(&r, 0), rig_dial(&r, 2), rig_dial(&r, 3) };
    rig_run(&r, 3000);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(c[i]->a != NULL, "%d: %s", i, c[i]->why);
    for (struct sad_assoc *a = NULL; (a = sad_assoc_next(r.end[1].sad, a));)
        ck_assert_int_eq(ike_rekey(r.end[1].ike, a), 0);        /* each with its own key */
    rig_run(&r, 20000);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_UP], 6);
    ck_assert_uint_eq(r.end[1].counters[IKE_N_REKEYS], 3);
    rig_fini(&r);
    /* alice's key with bob's name is nobody's; the default is for those without a row */
    struct ike_auth_conf mallory = { .psk = "of alice", .identity = "bob.example.org" };
    rig_init(&r, &(struct rig_setup){ .auth = { &mallory, &server }, .psk = { NULL, NULL, "of all" } });
    c[0] = rig_dial(&r, 0);
    c[1] = rig_dial(&r, 2);
    rig_run(&r, 60000);
    ck_assert(c[0]->over && !c[0]->a);
    ck_assert_int_eq(c[0]->code, ADIT_EAUTH);
    ck_assert_uint_ge(r.end[1].said[IKE_SAY_WRONG_KEY], 1);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        tables_are_those_of_the_rfc, a_call_with_a_pre_shared_key, a_call_with_pfs,
        a_call_through_nats, a_call_over_ipv6, every_message_lost, every_message_doubled, every_message_late,
        a_wire_that_loses_a_quarter, slow_jobs, no_job_is_taken_for_a_while, ends_at_every_step,
        wrong_key, no_proposal, no_esp_proposal, no_answer, port_4500_is_closed,
        nobody_listens_behind_the_selector,
        calls_share_phase_1_and_survive_a_restart_of_the_peer, W2_two_clients_behind_one_nat,
        initial_contact, both_call_at_once, several_keys, NULL };
    return unit_suite("ike", tests);
}

UNIT_MAIN(suite)
