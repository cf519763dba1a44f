/* test_ses_dial.c - sessions that we dial, and routers that call: the way up and the
 * news of it, every end with its cause, what begins anew, IPv6. */
#include <stdio.h>
#include <string.h>
#include "ses_rig.h"
#include "session/inner6.h"
#include "session/ses_int.h"
#include "unit.h"

#define PLAIN "ppp: { auth: [pap], answer-timeout: 5s, half-open: 1, half-open-per-address: 1 }"

static struct dp_iface *iface;

static struct ses_dial begin(const char *yaml)
{
    rig_house(yaml);
    ck_assert_int_eq(dp_iface_open(&(struct dp_iface_cfg){ .name = "work0" }, &iface), 0);
    struct ses_dial d = rig_dialled(rig.tunnel);
    d.iface = iface;
    return d;
}

static void end(void)
{
    rig_close();
    dp_iface_close(iface);
}

static struct ses *dial(const struct ses_dial *d)
{
    struct ses *s = NULL;
    ck_assert_int_eq(ses_dial(d, &s), 0);
    ck_assert_ptr_nonnull(s);
    rig_run(10);
    return s;
}

static void over(uint32_t cause)
{
    ck_assert_uint_eq(rig_news.downs, 1);
    ck_assert_msg(rig_news.cause == cause, "the cause is %u (%s), not %u", rig_news.cause, rig_news.text, cause);
    ck_assert_str_ne(rig_news.text, "");
    ck_assert_ptr_null(ses_next(NULL));
}

/* ---- up and down ------------------------------------------------------------------- */

START_TEST(D2_a_dial_goes_up_the_ladder_and_down_again)
{
    struct ses_dial d = begin(PLAIN);
    rig_add(ADIT_KIND_ACCOUNTING, "acc");
    char password[] = "secret";
    d.password = password;
    struct ses *s = dial(&d);
    memset(password, 'x', sizeof password - 1);         /* it was copied */
    ck_assert_str_eq(rig.log, "");
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    /* nobody was asked, nothing is accounted */
    ck_assert_str_eq(rig.log, "rung:link rung:authenticate rung:address attach up ");
    ck_assert_str_eq(rig.dialled->user, "judged");
    ck_assert_uint_eq(rig_news.ups, 1);
    ck_assert_uint_eq(rig_news.last.our.ip[3], 9);
    ck_assert_uint_eq(rig_news.last.peer.ip[3], 1);
    ck_assert_uint_eq(rig_news.last.server.ip[3], 77);
    ck_assert_uint_eq(rig_news.last.dns[0].ip[1], 8);
    ck_assert_uint_eq(rig_news.last.dns[1].family, ADIT_AF_NONE);
    ck_assert_uint_eq(rig_news.last.our6.family, ADIT_AF_NONE);
    ck_assert_uint_eq(rig_news.last.encryption, ADIT_ENC_NONE);
    ck_assert_str_eq(rig_news.last.method, "pap");
    ck_assert_ptr_eq(rig.attached.iface, iface);

    struct ses_info i;
    struct ses_tunnel_info ti;
    ses_info(s, &i);
    ck_assert_str_eq(i.role, "dial");
    ck_assert_str_eq(i.entry, "work");
    ck_assert_str_eq(i.interface, "work0");
    ck_assert_str_eq(i.user, "anna");
    ck_assert_str_eq(i.state, "up");
    ses_tunnel_info(rig.tunnel->tunnel, &ti);
    ck_assert_uint_eq(ti.used, 1);
    ck_assert_uint_eq(ti.connected, 1);
    ck_assert_uint_eq(ses_total()->logins, 0);

    rig.log[0] = '\0';
    ses_drop(s, ADIT_CAUSE_ADMIN, "Hung up.");
    rig_run(10000);
    ck_assert_str_eq(rig.log, "detach hangup over down ");
    over(ADIT_CAUSE_ADMIN);
    ck_assert_str_eq(rig_news.text, "Hung up.");
    ck_assert_ptr_null(ses_failure(0));         /* it was up */
    end();
}
END_TEST

START_TEST(D2_a_wrong_password_is_691)
{
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    rig_pick_up(rig.dialled, "another", NULL);
    rig_run(20000);
    over(ADIT_CAUSE_AUTH_FAILED);
    const struct ses_failure *f = ses_failure(0);
    ck_assert_ptr_nonnull(f);
    ck_assert(f->dialled);
    ck_assert_str_eq(f->user, "anna");
    ck_assert_uint_eq(f->cause, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(ses_total()->refused, 0);         /* that counts who was refused here */
    ck_assert_uint_eq(rig.auth->asked + rig.policy->asked + rig.pool->asked, 0);
    end();
}
END_TEST

START_TEST(D2_no_answer_has_the_tunnels_cause)
{
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    struct caller *c = rig.dialled;
    struct adit_link *l = c->link;
    c->link = NULL;
    ses_link_api.down(l, ADIT_CAUSE_NO_ANSWER, "192.0.2.77 does not answer.");
    ck_assert_uint_eq(rig_news.downs, 0);       /* not from inside it */
    rig_run(0);
    over(ADIT_CAUSE_NO_ANSWER);
    ck_assert_str_eq(rig_news.text, "192.0.2.77 does not answer.");
    end();
}
END_TEST

START_TEST(D2_a_server_without_ppp_is_718)
{
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    struct caller *c = rig.dialled;
    c->info = (struct adit_link_info){ .size = sizeof c->info, .role = ADIT_ROLE_DIAL, .peer = c->to.to };
    ses_link_api.up(c->link, &c->info);
    rig_run(60000);
    over(ADIT_CAUSE_LCP_TIMEOUT);
    end();
}
END_TEST

START_TEST(D2_hung_up_before_anybody_answered)
{
    struct ses_dial d = begin(PLAIN);
    ses_drop(dial(&d), ADIT_CAUSE_ADMIN, NULL);
    rig_run(0);
    over(ADIT_CAUSE_ADMIN);
    end();
}
END_TEST

START_TEST(D2_the_server_ends_it)
{
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    ck_assert_uint_eq(rig_news.ups, 1);
    rig_quit(rig.dialled);
    rig_run(10000);
    over(ADIT_CAUSE_PEER_HANGUP);

    d = rig_dialled(rig.tunnel);
    d.iface = iface;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    rig_hang_up(rig.dialled, ADIT_CAUSE_LOST_CARRIER);
    rig_run(0);
    over(ADIT_CAUSE_LOST_CARRIER);
    end();
}
END_TEST

START_TEST(D2_a_silent_server_is_noticed)
{
    struct ses_dial d = begin(PLAIN);
    d.echo_ms = 2000;
    d.echo_failures = 2;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    rig.dialled->deaf = true;
    rig_run(20000);
    over(ADIT_CAUSE_ECHO_TIMEOUT);
    end();
}
END_TEST

START_TEST(D5_idle_is_counted_from_the_last_packet)
{
    struct ses_dial d = begin(PLAIN);
    d.idle_timeout_ms = 60000;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(50000);
    rig.dialled->address.ip[0] = 10;
    rig_traffic(rig.dialled);
    rig_run(50000);
    ck_assert_uint_eq(rig_news.downs, 0);
    rig_run(30000);
    over(ADIT_CAUSE_IDLE_TIMEOUT);
    end();
}
END_TEST

START_TEST(D2_who_cannot_dial_is_told_at_once)
{
    struct ses_dial d = begin(PLAIN);
    struct ses *s = NULL;
    rig.dial_fails = ADIT_EINVAL;
    ck_assert_int_eq(ses_dial(&d, &s), ADIT_EINVAL);
    rig.dial_fails = 0;
    ck_assert_int_eq(ses_tunnel_ports(rig.tunnel->tunnel, 1), 0);
    dial(&d);
    ck_assert_int_eq(ses_dial(&d, &s), ADIT_EBUSY);
    struct caller *in = rig_call(rig.tunnel, "berta", 1);       /* the port is taken for callers, too */
    ck_assert_int_eq(in->refused, ADIT_EBUSY);
    rig_hang_up(rig.dialled, ADIT_CAUSE_NO_ANSWER);
    rig_run(0);
    ck_assert_int_eq(ses_tunnel_ports(rig.tunnel->tunnel, 8), 0);
    d.demand = ADIT_AUTH_EAP_MD5;               /* nobody here judges that */
    ck_assert_int_eq(ses_dial(&d, &s), ADIT_ECONF);
    d.demand = 0;
    d.iface = NULL;
    ck_assert_int_eq(ses_dial(&d, &s), ADIT_EINVAL);
    ck_assert_uint_eq(rig_news.downs, 1);
    end();
}
END_TEST

/* A dialler that redials from inside the news of the end, and one that takes the
 * tunnel away in there. */
static struct ses_dial redial;
static uint32_t redials;

static void again(void *u, uint32_t cause, const char *text)
{
    struct ses *s;
    (void)u; (void)cause; (void)text;
    if (redials++ < 2)
        ck_assert_int_eq(ses_dial(&redial, &s), 0);
    else
        rig_remove(rig.tunnel);
}

static void nothing(void *u, const struct ses_dialled *d) { (void)u; (void)d; }

START_TEST(D5_redialled_from_inside_the_end)
{
    static const struct ses_dial_ops ops = { .up = nothing, .down = again };
    redial = begin(PLAIN);
    redial.ops = &ops;
    redials = 0;
    dial(&redial);
    for (int i = 0; i < 2; i++) {
        rig_hang_up(rig.dialled, ADIT_CAUSE_NO_ANSWER);
        rig_run(0);
        ck_assert_uint_eq(redials, (uint32_t)i + 1);
        ck_assert_ptr_nonnull(rig.dialled->link);
    }
    rig.dialled->slow_hangup = true;            /* its tunnel takes its time */
    ses_drop(ses_next(NULL), ADIT_CAUSE_ADMIN, NULL);
    rig_run(0);
    ck_assert_uint_eq(redials, 3);
    end();
}
END_TEST

/* ---- anew -------------------------------------------------------------------------------- */

START_TEST(D2_the_server_negotiates_anew)
{
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    rig.log[0] = '\0';
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(10000);
    ck_assert_uint_eq(rig_news.ups, 2);
    ck_assert_uint_eq(rig_news.downs, 0);
    ck_assert_str_eq(rig.log, "detach rung:authenticate rung:address attach up ");
    ck_assert_uint_eq(rig.ports, 1);
    /* and for somebody with another password it ends as it should */
    rig_pick_up(rig.dialled, "changed", NULL);
    rig_run(20000);
    over(ADIT_CAUSE_AUTH_FAILED);
    end();
}
END_TEST

/* ---- mutual authentication -------------------------------------------------------------------- */

START_TEST(D6_the_server_proves_itself)
{
    struct ses_dial d = begin("ppp: { auth: [chap] }");         /* what callers may use does not matter */
    d.demand = ADIT_AUTH_PAP;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", "branch");
    rig_run(2000);
    ck_assert_uint_eq(rig_news.ups, 1);
    ck_assert_uint_eq(rig.auth->asked, 1);
    ck_assert_uint_eq(rig.policy->asked, 0);
    struct ses_info i;
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.user, "anna");           /* still us */
    ck_assert_str_eq(i.method, "pap");
    end();
}
END_TEST

START_TEST(D6_a_server_that_cannot_is_let_go)
{
    struct ses_dial d = begin(PLAIN);
    d.demand = ADIT_AUTH_PAP;
    rig.auth->verdict = ADIT_VERDICT_REJECT;
    rig.auth->cause = ADIT_CAUSE_AUTH_FAILED;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", "branch");
    rig_run(20000);
    over(ADIT_CAUSE_AUTH_FAILED);
    ck_assert_ptr_nonnull(strstr(rig_news.text, "The server did not prove who it is"));
    ck_assert_uint_eq(rig_news.ups, 0);
    end();
}
END_TEST

START_TEST(D6_a_server_that_will_not_is_let_go)
{
    struct ses_dial d = begin(PLAIN);
    d.demand = ADIT_AUTH_PAP;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(60000);
    over(ADIT_CAUSE_NO_COMMON_METHOD);
    ck_assert_uint_eq(rig_news.ups, 0);
    end();
}
END_TEST

/* ---- IPv6 ----------------------------------------------------------------------------------------- */

static void advertise(const struct inner6_facts *f)
{
    uint8_t ra[INNER6_MAX];
    size_t n = inner6_advertise(f, ra, sizeof ra);
    ck_assert_uint_gt(n, 0);
    rig_send6(rig.dialled, ra, (uint32_t)n);
    rig_run(10);
}

START_TEST(D1_an_address_is_made_of_the_advertised_network)
{
    rig.ipv6 = true;
    struct ses_dial d = begin(PLAIN);
    dial(&d);
    struct caller *c = rig.dialled;
    rig_pick_up(c, "secret", NULL);
    rig_run(1000);
    ck_assert_uint_eq(rig_news.last.link6.ip[0], 0xfe);
    ck_assert_uint_eq(rig_news.last.our6.family, ADIT_AF_NONE);
    ck_assert_uint_eq(c->heard_count, 1);       /* somebody asks for routers */
    ck_assert_uint_eq(c->heard[40], 133);
    rig_run(60000);
    ck_assert_uint_eq(c->heard_count, 3);       /* three times at most */

    uint32_t before = rig_news.ups;
    struct ppp_info p;
    ppp_info(c->ppp, &p);
    struct inner6_facts f = { .our_ifid = p.our_ifid, .peer_ifid = p.peer_ifid, .mtu = 1400, .lifetime_s = 1800,
                              .prefix = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8 } },
                              .dns_count = 1, .dns = { { .family = ADIT_AF_IPV6, .ip = { 0x20, 1, [15] = 0x53 } } } };
    advertise(&f);
    ck_assert_uint_eq(rig_news.ups, before + 1);
    const struct adit_addr *a = &rig_news.last.our6;
    ck_assert_uint_eq(a->prefix, 64);
    ck_assert_mem_eq(a->ip, f.prefix.ip, 8);
    ck_assert_mem_eq(a->ip + 8, rig_news.last.link6.ip + 8, 8);
    ck_assert_uint_eq(rig_news.last.dns[0].family, ADIT_AF_IPV4);
    ck_assert_uint_eq(rig_news.last.dns[1].ip[15], 0x53);
    advertise(&f);                              /* nothing new */
    ck_assert_uint_eq(rig_news.ups, before + 1);
    ck_assert_uint_eq(dp_count(rig.last_port)->rx_packets, 0);  /* and nobody else hears them */
    f.prefix.ip[4] = 1;
    advertise(&f);
    ck_assert_uint_eq(rig_news.ups, before + 2);
    ck_assert_uint_eq(rig_news.last.our6.ip[4], 1);
    rig.ipv6 = false;
    end();
}
END_TEST

START_TEST(an_advertisement_is_hostile_until_read)
{
    struct inner6_facts f = { .our_ifid = 7, .mtu = 1400, .lifetime_s = 1800, .dns_count = 2, .domain = "example.org",
                              .prefix = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8 } } };
    struct inner6_router r;
    uint8_t ra[INNER6_MAX], bad[INNER6_MAX];
    size_t n = inner6_advertise(&f, ra, sizeof ra);
    ck_assert(inner6_router(ra, n, 9, &r));
    ck_assert_uint_eq(r.dns_count, 2);
    for (size_t i = 0; i < n; i++) {            /* every truncation, every octet that is another */
        uint8_t *cut = malloc(i ? i : 1);
        memcpy(cut, ra, i);
        ck_assert(!inner6_router(cut, i, 9, &r));
        free(cut);
        memcpy(bad, ra, n);
        bad[i] ^= 0x20;
        (void)inner6_router(bad, n, 9, &r);
        if (i == 7 || i == 6 || i >= 40)        /* the hop limit; what the checksum covers */
            ck_assert(!inner6_router(bad, n, 9, &r));
    }
    f.prefix.prefix = 56;                       /* no room for an interface identifier */
    n = inner6_advertise(&f, ra, sizeof ra);
    ck_assert(!inner6_router(ra, n, 9, &r));
    uint8_t rs[INNER6_MAX];
    n = inner6_solicit(9, rs, sizeof rs);
    ck_assert_uint_eq(n, 48);
    ck_assert(inner6_is(rs, 48));
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(inner6_solicit(9, rs, i), 0);
}
END_TEST

/* ---- routers that call ------------------------------------------------------------------------------ */

static uint32_t told_up, told_down;
static struct ses_dialled told;

static struct dp_iface *find(void *u, const char *user)
{
    (void)u;
    return strcmp(user, "branch") ? NULL : iface;
}

static void router_up(void *u, struct dp_iface *i, struct ses *s, const struct ses_dialled *d)
{
    (void)u;
    ck_assert_ptr_eq(i, iface);
    ck_assert_ptr_nonnull(s);
    told_up++;
    told = *d;
}

static void router_down(void *u, struct dp_iface *i, struct ses *s)
{
    (void)u; (void)s;
    ck_assert_ptr_eq(i, iface);
    told_down++;
}

static const struct ses_iface_ops routers = { find, router_up, router_down };

static void begin_routers(void)
{
    begin("ppp: { auth: [pap], server-address: 10.8.0.1 }");
    ses_iface_for(&routers, NULL);
    told_up = told_down = 0;
}

static void end_routers(void)
{
    rig_close();
    ck_assert_uint_eq(told_up, told_down);
    ses_iface_for(NULL, NULL);
    dp_iface_close(iface);
}

START_TEST(D6_a_router_gets_the_interface_of_its_name)
{
    begin_routers();
    struct adit_value net = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV4, .prefix = 16, .ip = { 10, 77 } } } };
    rig.auth->attrs = plug_attr_api.make();
    ck_assert_int_eq(plug_attr_api.put(rig.auth->attrs, ADIT_ATTR_ROUTE, &net), 0);
    struct caller *c = rig_call(rig.tunnel, "branch", 1), *user = rig_call(rig.tunnel, "berta", 2);
    rig_run(1000);
    ck_assert(c->up && user->up);
    ck_assert_uint_eq(told_up, 1);
    ck_assert_uint_eq(told.our.ip[1], 8);
    ck_assert_uint_eq(told.peer.ip[1], 9);
    ck_assert_ptr_null(rig.attached.iface);     /* berta's */
    ck_assert_ptr_nonnull(strstr(rig.log, "check:a decide:p lease:l attach route:work0:10.77 "));
    rig_quit(c);
    rig_run(5000);
    ck_assert_uint_eq(told_down, 1);
    ck_assert_ptr_nonnull(strstr(rig.log, "unroute:work0:10.77"));
    end_routers();
}
END_TEST

START_TEST(D6_a_router_that_is_back_takes_its_interface_over)
{
    begin_routers();
    struct caller *first = rig_call(rig.tunnel, "branch", 1);
    rig_run(1000);
    struct caller *second = rig_call(rig.tunnel, "branch", 2);
    rig_run(1000);
    ck_assert(second->up && !first->link);
    ck_assert_uint_eq(told_up, 2);
    ck_assert_uint_eq(told_down, 1);
    end_routers();
}
END_TEST

START_TEST(D6_an_interface_has_one_connection)
{
    begin_routers();
    struct ses_dial d = rig_dialled(rig.tunnel);
    d.iface = iface;
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(1000);
    ck_assert_uint_eq(rig_news.ups, 1);
    struct caller *c = rig_call(rig.tunnel, "branch", 1);
    rig_run(5000);
    ck_assert(!c->link);
    ck_assert_uint_eq(ses_failure(0)->cause, ADIT_CAUSE_ADDRESS_TAKEN);
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "work0"));
    ck_assert_uint_eq(rig_news.downs, 0);
    /* the other way round */
    rig_hang_up(rig.dialled, ADIT_CAUSE_LOST_CARRIER);
    c = rig_call(rig.tunnel, "branch", 1);
    rig_run(1000);
    ck_assert(c->up);
    dial(&d);
    rig_pick_up(rig.dialled, "secret", NULL);
    rig_run(5000);
    ck_assert_uint_eq(rig_news.downs, 2);
    ck_assert_uint_eq(rig_news.cause, ADIT_CAUSE_ADDRESS_TAKEN);
    ck_assert(c->up);
    end_routers();
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("ses_dial", (const TTest *const[]){
        D2_a_dial_goes_up_the_ladder_and_down_again, D2_a_wrong_password_is_691,
        D2_no_answer_has_the_tunnels_cause, D2_a_server_without_ppp_is_718,
        D2_hung_up_before_anybody_answered, D2_the_server_ends_it, D2_a_silent_server_is_noticed,
        D5_idle_is_counted_from_the_last_packet, D2_who_cannot_dial_is_told_at_once,
        D5_redialled_from_inside_the_end, D2_the_server_negotiates_anew, D6_the_server_proves_itself,
        D6_a_server_that_cannot_is_let_go, D6_a_server_that_will_not_is_let_go,
        D1_an_address_is_made_of_the_advertised_network, an_advertisement_is_hostile_until_read,
        D6_a_router_gets_the_interface_of_its_name, D6_a_router_that_is_back_takes_its_interface_over,
        D6_an_interface_has_one_connection, NULL });
}
UNIT_MAIN(suite)
