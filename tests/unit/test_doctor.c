/* test_doctor.c - judging hosts that nobody has (row T2). */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <adit/auth.h>
#include "base/addr.h"
#include "config/conf.h"
#include "diagnose/doctor.h"
#include "diagnose/doctor_wire.h"
#include "session/ses.h"
#include "unit.h"

static struct doctor_seen *s;
static struct doctor_out out;

static struct adit_addr addr(const char *text)
{
    struct adit_addr a;
    ck_assert_int_eq(addr_parse(text, &a), 0);
    return a;
}

static void link_add(int index, const char *name)
{
    s->links[s->link_count] = (struct doctor_link){ .index = index, .mtu = 1500, .up = true };
    strcpy(s->links[s->link_count++].name, name);
}

static void addr_add(int index, const char *text)
{
    s->addrs[s->addr_count++] = (struct doctor_addr){index, addr(text)};
}

static void route_add(const char *net, const char *via, int index)
{
    s->routes[s->route_count].net = addr(net);
    if (via)
        s->routes[s->route_count].via = addr(via);
    s->routes[s->route_count++].index = index;
}

/* A host with eth0 to the internet, eth1 to a LAN, and nothing wrong. */
static void setup(void)
{
    s = doctor_seen_new();
    ck_assert_ptr_nonnull(s);
    strcpy(s->config, "/etc/adit/aditd.yaml");
    strcpy(s->tun, "adit%d");
    s->conf_read = s->conf_checked = s->root = s->caps_known = s->plugins_known = true;
    s->caps = ~UINT64_C(0);
    s->forward = s->proxy_arp = s->pptp = s->l2tp = s->ipsec = true;
    s->mtu = s->mru = 1400;
    s->auth = ADIT_AUTH_MSCHAPV2;
    s->auth_timeout_ms = 30000;
    s->answer_timeout_ms = 20000;
    s->echo_ms = 30000;
    s->echo_failures = 4;
    s->keepalive_ms = 20000;
    s->ip_forward = s->rp_all = 0;
    s->wall_why[0] = '\0';
    s->now_s = 1800000000;
    link_add(2, "eth0");
    link_add(3, "eth1");
    addr_add(2, "203.0.113.5/24");
    addr_add(3, "192.168.7.1/24");
    route_add("0.0.0.0/0", "203.0.113.1", 2);
    route_add("203.0.113.0/24", NULL, 2);
    route_add("192.168.7.0/24", NULL, 3);
    strcpy(s->pools[0].name, "range");
    strcpy(s->pools[0].type, "range");
    s->pools[0].ranges[0].first = addr("10.99.0.2");
    s->pools[0].ranges[0].last = addr("10.99.0.200");
    s->pools[0].range_count = s->pool_count = 1;
    s->back = 1;
    s->back_to = addr("192.168.7.9");
}

static void teardown(void) { doctor_seen_free(s); }

static enum doctor_state run(const char *name)
{
    for (uint32_t i = 0; i < doctor_check_count; i++)
        if (!strcmp(doctor_checks[i].name, name)) {
            enum doctor_state state = doctor_judge(&doctor_checks[i], s, &out);
            ck_assert_uint_gt(out.count, 0);
            for (uint32_t k = 0; k < out.count; k++) {
                ck_assert_str_ne(out.find[k].seen, "");
                if (out.find[k].state >= DOCTOR_WARN)
                    ck_assert_msg(*out.find[k].mend, "no remedy: %s", out.find[k].seen);
            }
            return state;
        }
    ck_abort_msg("no check %s", name);
    return DOCTOR_FAIL;
}

static bool said(const char *text)
{
    for (uint32_t k = 0; k < out.count; k++)
        if (strstr(out.find[k].seen, text) || strstr(out.find[k].mend, text))
            return true;
    fprintf(stderr, "# said: %s -> %s\n", out.find[0].seen, out.find[0].mend);
    return false;
}

#define IS(check, state) ck_assert_str_eq(doctor_state_name(run(check)), #state)
#define SAID(text) ck_assert_msg(said(text), "not said: %s", text)

START_TEST(nothing_is_wrong_with_a_good_host)
{
    for (uint32_t i = 0; i < doctor_check_count; i++) {
        enum doctor_state state = doctor_judge(&doctor_checks[i], s, &out);
        ck_assert_msg(state <= DOCTOR_SKIP, "%s: %s", doctor_checks[i].name, out.find[0].seen);
        ck_assert_msg(out.count, "%s says nothing", doctor_checks[i].name);
    }
}
END_TEST

/* Whatever was not seen: no check falls over it, each has a sentence, and what is wrong a remedy. */
START_TEST(nothing_seen_is_judged_too)
{
    doctor_seen_free(s);
    s = doctor_seen_new();
    for (uint32_t i = 0; i < doctor_check_count; i++)
        (void)run(doctor_checks[i].name);
    ck_assert_str_ne(doctor_checks[0].sentence, "");
}
END_TEST

START_TEST(who_has_a_port)
{
    struct doctor_listen *l = s->listen;
    s->listen_count = 1;
    *l = (struct doctor_listen){ .proto = DOCTOR_UDP, .addr = { .port = 500 }, .taken = true, .pid = 812 };
    strcpy(l->what, "IKE");
    strcpy(l->process, "pluto");
    IS("ports", fail);
    SAID("UDP 500 (IKE) is taken by pluto (pid 812)");
    SAID("systemctl disable --now ipsec");
    strcpy(l->process, "nc");
    IS("ports", fail);
    SAID("kill 812");
    l->pid = 0;
    IS("ports", fail);
    SAID("cannot be seen");
    s->root = false;
    IS("ports", skip);
    s->root = true;
    l->pid = 812;
    strcpy(l->process, "aditd");
    IS("ports", fail);
    SAID("another aditd");
    l->taken = false;
    IS("ports", pass);
    SAID("free: UDP 500");
    s->serving = true;
    IS("ports", fail);
    SAID("not listened on");
    l->ours = true;
    IS("ports", pass);
    SAID("the daemon's: UDP 500");
    l->no_address = true;
    l->addr = addr("192.0.2.9:500");
    l->ours = false;
    IS("ports", fail);
    SAID("ip address add 192.0.2.9");
}
END_TEST

START_TEST(a_daemon_that_was_not_asked_is_no_failure)
{
    strcpy(s->why_not, "no daemon answers");
    IS("daemon", skip);
    s->hangs = true;
    IS("daemon", fail);
    s->hangs = false;
    s->serving = true;
    IS("daemon", pass);
    doctor_note(s->degraded, &s->degraded_count, "", "tunnel 'pptp' does not serve");
    IS("daemon", fail);
    SAID("adit status");
    s->degraded_count = 0;
    s->elsewhere = true;
    IS("daemon", fail);
    SAID("nsenter --net");
}
END_TEST

START_TEST(what_the_host_lacks)
{
    s->caps = ~(UINT64_C(1) << 13);     /* CAP_NET_RAW */
    IS("privileges", fail);
    SAID("CAP_NET_RAW");
    s->caps = ~UINT64_C(0);
    s->root = false;
    IS("privileges", warn);
    s->tun_errno = 13;
    IS("tun", skip);
    s->tun_errno = 2;
    IS("tun", fail);
    SAID("modprobe tun");
}
END_TEST

START_TEST(forwarding_before_and_while_it_serves)
{
    IS("forwarding", pass);
    SAID("turns it on");
    s->serving = true;
    IS("forwarding", fail);
    s->ip_forward = 1;
    s->links[1].forwarding = 1;
    s->links[0].forwarding = 0;
    IS("forwarding", fail);
    SAID("net.ipv4.conf.eth0.forwarding=1");
    s->links[0].forwarding = 1;
    IS("forwarding", pass);
    s->server_address6 = true;
    s->ip6_forward = 0;
    IS("forwarding", fail);
    s->forward = false;
    IS("forwarding", warn);
}
END_TEST

START_TEST(strict_filtering_matters_where_answers_leave_elsewhere)
{
    s->rp_all = 1;
    IS("rp-filter", pass);              /* eth0 has the default route */
    strcpy(s->internet, "eth1");
    s->closed = true;
    IS("rp-filter", fail);
    SAID("leaves by eth0");
    s->links[1].rp_filter = 2;          /* the greater of the two counts */
    IS("rp-filter", pass);
    link_add(9, "adit0");
    IS("rp-filter", warn);
}
END_TEST

START_TEST(mtu_of_each_protocol)
{
    s->links[0].mtu = 1488;             /* AES-CBC and SHA-1 in UDP: as much as fits 1400 */
    IS("mtu", pass);
    s->links[0].mtu = 1487;
    IS("mtu", fail);
    s->ipsec = false;
    IS("mtu", pass);
    s->links[0].mtu = 1443;
    IS("mtu", fail);
    s->mru = s->mtu = 1396;
    IS("mtu", pass);
    s->links[1].mtu = 576;              /* the LAN's is the LAN's affair */
    IS("mtu", pass);
}
END_TEST

START_TEST(addresses_that_somebody_else_has)
{
    IS("overlap", pass);
    addr_add(3, "10.99.0.100/32");
    IS("overlap", fail);
    SAID("exclude: [10.99.0.100]");
    s->server_address = addr("10.99.0.100");    /* that of the daemon itself is meant */
    IS("overlap", pass);
    s->server_address.family = 0;
    s->pools[0].excluded[0].first = s->pools[0].excluded[0].last = addr("10.99.0.100");
    s->pools[0].excluded_count = 1;
    IS("overlap", pass);
    s->neighs[0] = (struct doctor_neigh){ 3, addr("10.99.0.50"), false, true };
    s->neigh_count = 1;
    IS("overlap", fail);
    SAID("another host on eth1");
    s->neighs[0].proxy = true;
    IS("overlap", pass);
    s->dns[0].server = addr("10.99.0.53");
    s->dns_count = 1;
    IS("overlap", fail);
    SAID("DNS server");
    s->dns_count = 0;
    route_add("10.1.0.0/16", "10.99.0.9", 3);
    route_add("10.2.0.0/16", "10.99.0.9", 3);
    IS("overlap", fail);
    SAID("a gateway's");
    ck_assert_uint_eq(out.count, 1);
    s->route_count -= 2;
    s->pools[0].ranges[0].first = addr("192.168.7.100");
    s->pools[0].ranges[0].last = addr("192.168.7.150");
    IS("overlap", pass);                /* a part of the LAN */
    s->pools[0].ranges[0].last = addr("192.168.8.150");
    IS("overlap", fail);
    SAID("192.168.7.0/24 of eth1");
}
END_TEST

START_TEST(two_pools_of_the_same_addresses)
{
    s->pools[1] = s->pools[0];
    strcpy(s->pools[1].name, "more");
    s->pools[1].ranges[0].first = addr("10.99.0.200");
    s->pools[1].ranges[0].last = addr("10.99.0.210");
    s->pool_count = 2;
    IS("overlap", fail);
    SAID("pools 'range' and 'more'");
}
END_TEST

START_TEST(the_way_back)
{
    IS("return-route", pass);
    s->back = 0;
    s->back_from = addr("10.99.0.200");
    IS("return-route", fail);
    SAID("ip route add 10.99.0.0/24 via 192.168.7.1");
    s->back = -1;
    IS("return-route", warn);
    strcpy(s->net_why, "netlink: no");
    IS("return-route", skip);
    IS("nat", skip);
    s->net_why[0] = '\0';
    strcpy(s->nat, "eth7");
    IS("return-route", fail);
    SAID("no such interface");
    strcpy(s->nat, "eth1");
    IS("return-route", pass);
    route_add("10.99.0.0/16", "192.168.7.3", 3);
    IS("return-route", fail);
    SAID("ip route del 10.99.0.0/16");
    s->routes[s->route_count - 1].nowhere = true;
    IS("return-route", fail);
    s->route_count--;
    s->pools[0].ranges[0].first = addr("192.168.7.100");
    s->pools[0].ranges[0].last = addr("192.168.7.150");
    IS("return-route", pass);
    SAID("proxy ARP");
    s->proxy_arp = false;
    IS("return-route", fail);
    SAID("proxy-arp");
    s->forward = false;
    IS("return-route", skip);
}
END_TEST

START_TEST(who_is_asked_for_the_way_back)
{
    s->back_to = (struct adit_addr){ 0 };
    doctor_plan_back(s);
    ck_assert_uint_eq(s->back_to.family, 0);    /* the provider's router is nobody of ours */
    s->neighs[0] = (struct doctor_neigh){ 3, addr("192.168.7.44"), false, true };
    s->neigh_count = 1;
    doctor_plan_back(s);
    ck_assert(adit_same_host(&s->back_to, &s->neighs[0].addr));
    ck_assert(adit_same_host(&s->back_from, &s->pools[0].ranges[0].last));
    s->dns[0].server = addr("192.168.7.53");
    s->dns_count = 1;
    doctor_plan_back(s);
    ck_assert(adit_same_host(&s->back_to, &s->dns[0].server));
}
END_TEST

START_TEST(nat_before_the_server)
{
    IS("nat", pass);
    s->addrs[0].addr = addr("100.64.3.1/10");
    IS("nat", warn);
    SAID("error 809");
    SAID("AssumeUDPEncapsulationContextOnSendRule");
    SAID("UDP 500 and 4500, TCP 1723 and GRE");
    s->ipsec = false;
    IS("nat", warn);
    for (uint32_t i = 0; i < out.count; i++)
        ck_assert_ptr_null(strstr(out.find[i].mend, "reg add"));
    addr_add(2, "2001:db8::1/64");      /* most clients come by IPv4 */
    IS("nat", warn);
    s->addrs[0].addr = addr("fe80::1");
    IS("nat", pass);
    s->addr_count = 2;
    IS("nat", skip);
    s->closed = true;
    strcpy(s->internet, "eth7");
    IS("nat", fail);
}
END_TEST

START_TEST(pools_that_run_out)
{
    struct doctor_pool *p = s->pools;
    IS("pools", skip);
    p->known = true;
    p->size = 100;
    p->leased = 90;
    IS("pools", pass);
    p->leased = 91;
    IS("pools", warn);
    p->leased = 100;
    IS("pools", fail);
    s->pools[1] = *p;
    s->pools[1].leased = 0;
    s->pool_count = 2;
    IS("pools", warn);                  /* the next pool has some */
    p->leased = 0;
    p->peak = 99;
    IS("pools", warn);
    SAID("at once");
    s->pool_count = 0;
    IS("pools", fail);
}
END_TEST

START_TEST(servers_that_do_not_answer)
{
    s->dns_count = s->radius_count = 1;
    s->dns[0].server = addr("192.168.7.53");
    strcpy(s->dns[0].setting, "ppp.dns");
    strcpy(s->radius[0].name, "nps");
    strcpy(s->radius[0].host, "192.168.7.2");
    s->radius[0].port = 1812;
    static const struct { enum doctor_answer a; const char *dns, *radius; } rows[] = {
        { DOCTOR_UNASKED, "skip", "skip" }, { DOCTOR_ANSWERED, "pass", "pass" }, { DOCTOR_SILENT, "fail", "fail" },
        { DOCTOR_REFUSED, "fail", "fail" }, { DOCTOR_TROUBLE, "fail", "fail" }, { DOCTOR_FORGED, "fail", "fail" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s->dns[0].answer = s->radius[0].answer = rows[i].a;
        ck_assert_str_eq(doctor_state_name(run("dns")), rows[i].dns);
        ck_assert_str_eq(doctor_state_name(run("radius")), rows[i].radius);
    }
    SAID("another secret");
    s->dns[0].answer = DOCTOR_ANSWERED;
    s->dns[0].rcode = 5;
    IS("dns", warn);
    s->dns[0].rcode = 2;
    IS("dns", warn);
    s->radius[0].answer = DOCTOR_ANSWERED;
    strcpy(s->radius[0].said, "dead (timed out)");
    IS("radius", fail);
    struct doctor_pool *p = s->pools;
    strcpy(p->type, "dhcp");
    strcpy(p->interface, "eth1");
    p->answered = 0;
    IS("dhcp", fail);
    p->answered = 1;
    IS("dhcp", pass);
    p->answered = -1;
    IS("dhcp", skip);
    p->known = true;
    strcpy(p->state, "waiting");
    IS("dhcp", fail);
}
END_TEST

START_TEST(certificates)
{
    struct doctor_cert *c = s->certs;
    s->cert_count = 1;
    strcpy(c->setting, "security[ipsec].certificate");
    strcpy(c->file, "vpn.crt");
    strcpy(c->key, "vpn.key");
    strcpy(c->name, "vpn.example.org");
    IS("certificates", fail);
    SAID("cannot be used");
    c->read = c->key_read = c->key_fits = c->any_name = c->has_name = c->serves = c->server = true;
    c->from_s = s->now_s - 1;
    c->until_s = s->now_s + 100 * 86400;
    IS("certificates", pass);
    c->until_s = s->now_s + 20 * 86400;
    IS("certificates", warn);
    c->until_s = s->now_s - 1;
    IS("certificates", fail);
    SAID("expired");
    c->until_s = s->now_s + 100 * 86400;
    c->from_s = s->now_s + 60;
    IS("certificates", fail);
    SAID("not valid before");
    c->from_s = 0;
    c->has_name = false;
    IS("certificates", fail);
    SAID("vpn.example.org");
    c->name[0] = '\0';
    IS("certificates", pass);           /* nobody said which */
    c->any_name = false;
    IS("certificates", warn);
    c->any_name = true;
    c->serves = false;
    IS("certificates", warn);
    SAID("serverAuth");
    c->serves = true;
    c->key_fits = false;
    IS("certificates", fail);
    c->key_read = false;
    IS("certificates", fail);
}
END_TEST

START_TEST(the_clock)
{
    IS("clock", pass);
    s->newest_s = s->now_s + 30;        /* written just now, seen a little earlier */
    IS("clock", pass);
    s->synchronised = 0;
    IS("clock", warn);
    s->newest_s = s->now_s + 61;
    IS("clock", fail);
}
END_TEST

START_TEST(times_that_do_not_go_together)
{
    s->auth_timeout_ms = 20000;
    IS("timeouts", warn);
    s->auth_timeout_ms = 30000;
    s->echo_failures = 21;
    IS("timeouts", warn);
    s->echo_ms = 0;
    IS("timeouts", warn);
    s->echo_ms = 1000;
    s->keepalive_ms = 0;
    IS("timeouts", warn);
}
END_TEST

START_TEST(weak_settings)
{
    s->auth |= ADIT_AUTH_PAP;
    IS("settings", warn);
    s->pptp = false;
    IS("settings", pass);               /* inside IPsec it is nobody's to read */
    s->tunnel_count = 1;
    s->tunnels[0] = (struct doctor_tunnel){ .name = "l2tp", .type = "l2tp", .ports = 1, .clear = true };
    IS("settings", warn);
    SAID("pap");
    SAID("without IPsec");
    s->tunnels[0].ports = 0;
    IS("settings", pass);
    s->tunnels[0] = (struct doctor_tunnel){ .name = "pptp", .type = "pptp", .ports = 1, .none = true, .weak = true };
    IS("settings", warn);
    SAID("MPPE is not required");
    SAID("40 or 56");
    s->tunnel_count = 0;
    s->psk = true;
    s->psk_len = 19;
    IS("settings", warn);
    s->psk_len = 20;
    IS("settings", pass);
    s->control_all = true;
    IS("settings", warn);
}
END_TEST

START_TEST(the_worst_is_told_of_many)
{
    s->cert_count = DOCTOR_ASKED;
    for (uint32_t i = 0; i < DOCTOR_ASKED; i++)
        s->certs[i] = (struct doctor_cert){ .setting = { (char)('a' + i) }, .read = true, .server = true,
                                            .until_s = s->now_s + 86400 };
    s->certs[DOCTOR_ASKED - 1].until_s = 1;
    IS("certificates", fail);
    ck_assert_uint_eq(out.count, DOCTOR_FINDS);
    SAID("expired");
}
END_TEST

/* ---- the packet filter ---------------------------------------------------------------- */

#define TABLE(chain, rules) "{\"nftables\": [{\"metainfo\": {}}, {\"table\": {\"family\": \"inet\", \"name\": \"t\"}}, " chain rules "{\"x\": 1}]}"
#define CHAIN(policy) "{\"chain\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"in\", \"type\": \"filter\", \"hook\": \"input\", \"prio\": 0, \"policy\": \"" policy "\"}}, "
#define SUB "{\"chain\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"sub\"}}, "
#define RULE_IN(chain, expr) "{\"rule\": {\"family\": \"inet\", \"table\": \"t\", \"chain\": \"" chain "\", \"handle\": 7, \"expr\": [" expr "]}}, "
#define RULE(expr) RULE_IN("in", expr)
#define MATCH(op, left, right) "{\"match\": {\"op\": \"" op "\", \"left\": " left ", \"right\": " right "}}, "
#define PROTO "{\"meta\": {\"key\": \"l4proto\"}}"
#define DPORT(p) "{\"payload\": {\"protocol\": \"" p "\", \"field\": \"dport\"}}"
#define IIF "{\"meta\": {\"key\": \"iifname\"}}"
#define STATE "{\"ct\": {\"key\": \"state\"}}"
#define ACCEPT "{\"accept\": null}"
#define DROP "{\"drop\": null}"

struct wall_row { const char *json; enum doctor_wall udp500, gre; };

START_TEST(packets_that_are_only_thought_of)
{
    const enum doctor_wall P = DOCTOR_WALL_PASS, D = DOCTOR_WALL_DROP, M = DOCTOR_WALL_MAYBE;
    const struct wall_row rows[] = {
        { TABLE(CHAIN("accept"), ""), P, P },
        { TABLE(CHAIN("drop"), ""), D, D },
        { TABLE(CHAIN("accept"), RULE(DROP)), D, D },
        { TABLE(CHAIN("accept"), RULE("{\"counter\": {\"packets\": 1, \"bytes\": 1}}, " "{\"reject\": null}")), D, D },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", PROTO, "\"gre\"") DROP)), P, D },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", PROTO, "47") DROP)), P, D },
        { TABLE(CHAIN("accept"), RULE(MATCH("!=", PROTO, "\"gre\"") DROP)), D, P },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", "{\"payload\": {\"protocol\": \"ip\", \"field\": \"protocol\"}}", "{\"set\": [\"esp\", \"gre\"]}") DROP)), P, D },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", DPORT("udp"), "500") DROP)), D, P },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", DPORT("tcp"), "500") DROP)), P, P },
        { TABLE(CHAIN("accept"), RULE(MATCH("!=", DPORT("tcp"), "22") DROP)), P, P },    /* no TCP header */
        { TABLE(CHAIN("drop"), RULE(MATCH("==", DPORT("udp"), "{\"set\": [1, {\"range\": [400, 600]}]}") ACCEPT)), P, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", DPORT("udp"), "{\"set\": [1, {\"range\": [501, 600]}]}") ACCEPT)), D, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", DPORT("th"), "\"isakmp\"") ACCEPT)), P, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("<", DPORT("udp"), "1024") ACCEPT)), P, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", IIF, "\"eth0\"") ACCEPT)), P, P },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", IIF, "\"eth*\"") ACCEPT)), P, P },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", IIF, "{\"set\": [\"lo\", \"eth1\"]}") ACCEPT)), D, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("in", STATE, "[\"established\", \"related\"]") ACCEPT)), D, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("in", STATE, "[\"established\", \"new\"]") ACCEPT)), P, P },
        { TABLE(CHAIN("drop"), RULE("{\"vmap\": {\"key\": " STATE ", \"data\": {\"set\": [[\"invalid\", " DROP "], [\"new\", " ACCEPT "]]}}}")), P, P },
        { TABLE(CHAIN("accept"), RULE("{\"vmap\": {\"key\": " PROTO ", \"data\": {\"set\": [[\"gre\", " DROP "]]}}}")), P, D },
        { TABLE(CHAIN("drop"), RULE("{\"limit\": {\"rate\": 10}}, " ACCEPT)), M, M },
        { TABLE(CHAIN("accept"), RULE(MATCH("==", "{\"payload\": {\"protocol\": \"ip\", \"field\": \"saddr\"}}", "{\"prefix\": {\"addr\": \"10.0.0.0\", \"len\": 8}}") DROP)), M, M },
        { TABLE(CHAIN("accept"), RULE("{\"xt\": null}, " DROP)), M, M },
        { TABLE(CHAIN("drop") SUB, RULE("{\"jump\": {\"target\": \"sub\"}}") RULE_IN("sub", MATCH("==", PROTO, "\"gre\"") ACCEPT)), D, P },
        { TABLE(CHAIN("accept") SUB, RULE("{\"jump\": {\"target\": \"sub\"}}") RULE_IN("sub", "{\"return\": null}") RULE_IN("sub", DROP)), P, P },
        { TABLE(CHAIN("drop") SUB, RULE("{\"goto\": {\"target\": \"sub\"}}") RULE(ACCEPT)), D, D },
        { TABLE(CHAIN("accept") SUB, RULE("{\"jump\": {\"target\": \"sub\"}}") RULE_IN("sub", "{\"jump\": {\"target\": \"sub\"}}")), P, P },
        { TABLE(CHAIN("drop") "{\"set\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"open\", \"elem\": [500, 4500]}}, ", RULE(MATCH("==", DPORT("udp"), "\"@open\"") ACCEPT)), P, D },
        { TABLE(CHAIN("drop"), RULE(MATCH("==", DPORT("udp"), "\"@other\"") ACCEPT)), M, D },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct doctor_packet udp = {.proto = DOCTOR_UDP, .port = 500, .in = "eth0"},
                             gre = {.proto = DOCTOR_GRE, .in = "eth0"};
        ck_assert_msg(doctor_wall_judge(rows[i].json, &udp) && doctor_wall_judge(rows[i].json, &gre),
                      "row %zu: no JSON", i);
        ck_assert_msg(udp.verdict == rows[i].udp500, "row %zu: UDP 500: %d by %s", i, udp.verdict, udp.where);
        ck_assert_msg(gre.verdict == rows[i].gre, "row %zu: GRE: %d by %s", i, gre.verdict, gre.where);
        ck_assert_int_eq(udp.verdict != DOCTOR_WALL_PASS, udp.where[0] != '\0');
    }
}
END_TEST

START_TEST(a_ruleset_that_is_none)
{
    static const char *const texts[] = { "", "{", "[]", "{}", "{\"nftables\": 1}", "{\"nftables\": {}}", "Error: no" };
    struct doctor_packet p = { .proto = DOCTOR_UDP, .port = 500, .in = "eth0" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert(!doctor_wall_judge(texts[i], &p));
    /* every beginning of a good one is none, and harms nobody */
    static const char good[] = TABLE(CHAIN("drop") SUB, RULE(MATCH("==", DPORT("udp"), "{\"set\": [1, {\"range\": [400, 600]}]}") ACCEPT));
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char *cut = strndup(good, n);
        ck_assert(!doctor_wall_judge(cut, &p));
        free(cut);
    }
    /* and nonsense inside one */
    ck_assert(doctor_wall_judge(TABLE("{\"chain\": 3}, {\"chain\": {\"hook\": \"input\", \"family\": \"ip\"}}, ",
                                      "{\"rule\": []}, " RULE("1") RULE("{\"match\": {}}, " DROP)), &p));
}
END_TEST

/* Each in the words of who made the chain. */
START_TEST(how_a_wall_is_opened)
{
    static const struct { const char *chain; uint32_t proto; uint16_t port; const char *mend; } rows[] = {
        { "inet mine in", DOCTOR_UDP, 500, "nft insert rule inet mine in udp dport 500 accept" },
        { "inet mine in", DOCTOR_ESP, 0, "nft insert rule inet mine in meta l4proto 50 accept" },
        { "ip filter INPUT", DOCTOR_TCP, 1723, "iptables -I INPUT -p tcp --dport 1723 -j ACCEPT" },
        { "ip filter INPUT", DOCTOR_GRE, 0, "iptables -I INPUT -p gre -j ACCEPT" },
        { "ip filter ufw-user-input", DOCTOR_UDP, 4500, "ufw allow 4500/udp" },
        { "inet firewalld filter_IN_public", DOCTOR_UDP, 500, "firewall-cmd --permanent --add-port=500/udp" },
        { "inet firewalld filter_IN_public", DOCTOR_GRE, 0, "--add-protocol=gre" },
    };
    s->packet_count = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s->packets[0] = (struct doctor_packet){ .what = "x", .proto = rows[i].proto, .port = rows[i].port, .in = "eth0",
                                                .verdict = DOCTOR_WALL_DROP };
        strcpy(s->packets[0].chain, rows[i].chain);
        IS("firewall", fail);
        SAID(rows[i].mend);
    }
    s->packets[0].verdict = DOCTOR_WALL_MAYBE;
    IS("firewall", warn);
    strcpy(s->packets[0].out, "eth1");
    strcpy(s->packets[0].chain, "ip filter FORWARD");
    s->packets[0].verdict = DOCTOR_WALL_DROP;
    IS("firewall", skip);
    IS("clients", fail);
    SAID("iptables -I FORWARD -i eth0 -j ACCEPT");
    strcpy(s->wall_why, "nft cannot be run: it is not installed");
    IS("clients", warn);
    SAID("apt install nftables");
    s->root = false;
    IS("clients", skip);
    s->wall_why[0] = '\0';
    s->packets[0].verdict = DOCTOR_WALL_PASS;
    IS("clients", pass);
    s->old_tables = true;
    IS("clients", warn);
}
END_TEST

/* ---- bytes -------------------------------------------------------------------------------- */

/* An answer as it is read from the side: options in its IPv4 header, padding behind it. */
START_TEST(answers_of_others_cut_anywhere)
{
    const struct adit_addr us = addr("192.168.7.1"), it = addr("192.168.7.9");
    uint8_t ping[DOCTOR_PING], pong[DOCTOR_PING + 4 + 6] = { 0 }, ask[DOCTOR_DNS];
    uint32_t rcode;
    doctor_wire_ping(&it, &us, 0x1234, ping);
    static const uint8_t golden[] = {0x45, 0,   0,   40,  0,   0,   0,   0,   8,    1,    0,    0,    192, 168,
                                     7,    9,   192, 168, 7,   1,   8,   0,   0xa4, 0x8c, 0x12, 0x34, 0,   1,
                                     'a',  'd', 'i', 't', ' ', 'd', 'o', 'c', 't',  'o',  'r',  '.'};
    ck_assert_mem_eq(ping, golden, sizeof golden);
    memcpy(pong, ping, 20);
    memcpy(pong + 24, ping + 20, 20);
    pong[0] = 0x46;
    pong[3] = 44;
    pong[24] = 0;
    ck_assert(doctor_wire_pong(pong, sizeof pong, &it, &us, 0x1234));
    for (size_t n = 0; n < 44; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, pong, n);
        ck_assert(!doctor_wire_pong(cut, n, &it, &us, 0x1234));
        free(cut);
    }
    ck_assert(!doctor_wire_pong(pong, sizeof pong, &it, &us, 0x1235));
    ck_assert(!doctor_wire_pong(pong, sizeof pong, &us, &it, 0x1234));
    ck_assert(!doctor_wire_pong(ping, sizeof ping, &it, &us, 0x1234));         /* a question is no answer */
    pong[6] = 0x20;                     /* a fragment */
    ck_assert(!doctor_wire_pong(pong, sizeof pong, &it, &us, 0x1234));
    pong[6] = 0x40;                     /* not to be fragmented */
    ck_assert(doctor_wire_pong(pong, sizeof pong, &it, &us, 0x1234));
    pong[3] = 20;                       /* shorter than its header */
    ck_assert(!doctor_wire_pong(pong, sizeof pong, &it, &us, 0x1234));

    doctor_wire_dns(7, ask);
    ck_assert(!doctor_wire_dns_answer(ask, sizeof ask, 7, &rcode));
    ask[2] |= 0x80;
    ask[3] |= 5;
    for (size_t n = 0; n <= sizeof ask; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, ask, n);
        ck_assert_int_eq(doctor_wire_dns_answer(cut, n, 7, &rcode), n >= 12);
        free(cut);
    }
    ck_assert_uint_eq(rcode, 5);
    ck_assert(!doctor_wire_dns_answer(ask, sizeof ask, 8, &rcode));
}
END_TEST

/* ---- the configuration --------------------------------------------------------------------- */

static void read_text(const char *text)
{
    char path[] = "/tmp/adit-doctor-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    doctor_seen_free(s);
    s = doctor_seen_new();
    doctor_conf_read(s, path);
    unlink(path);
}

START_TEST(what_a_configuration_wants)
{
    read_text(
        "network: { nat: eth0, proxy-arp: no }\n"
        "ppp: { auth: [mschapv2, pap], mtu: 1300, dns: [10.0.0.53], answer-timeout: 10s }\n"
        "tunnels:\n  - { type: pptp, listen: 192.0.2.1, encryption: [none, 128] }\n"
        "  - { type: l2tp, require-security: no, linger: 3s }\n  - { type: other, what: ever }\n"
        "security:\n  - { type: ipsec, psk: short, proposals: [aes256-sha1-modp2048, 3des-sha1-modp1024], identity: "
        "vpn }\n"
        "auth:\n  - type: radius\n    coa: { listen: 10.0.0.1 }\n    servers:\n      - { host: 10.0.0.2, secret: abc, "
        "coa: 1 }\n"
        "      - { host: radius.example.org, transport: tls }\n      - { host: 10.0.0.3, secret: abc, auth-port: 0 }\n"
        "pools:\n  - { type: range, ranges: [10.9.0.2-10.9.0.9, 10.9.1.0/24], exclude: 10.9.0.5, dns: [10.0.0.53, "
        "10.0.0.54] }\n"
        "  - { type: dhcp, interface: eth1, timeout: 15s }\n");
    ck_assert(s->conf_read);
    ck_assert_uint_eq(s->conf_note_count, 0);
    ck_assert_str_eq(s->nat, "eth0");
    ck_assert(!s->proxy_arp && s->forward);
    ck_assert_uint_eq(s->mtu, 1300);
    ck_assert_uint_eq(s->mru, 1400);
    ck_assert_uint_eq(s->auth, ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP);
    ck_assert(s->pptp && s->l2tp && s->ipsec && s->psk);
    ck_assert_uint_eq(s->psk_len, 5);
    ck_assert_str_eq(s->weak_proposals, "3des-sha1-modp1024");
    ck_assert_uint_eq(s->listen_count, 5);
    ck_assert_uint_eq(s->listen[4].addr.port, 3799);
    ck_assert_uint_eq(s->listen[0].addr.port, 1723);
    ck_assert_uint_eq(s->listen[0].addr.family, ADIT_AF_IPV4);
    ck_assert_uint_eq(s->listen[1].addr.family, ADIT_AF_NONE);
    ck_assert_uint_eq(s->listen[1].addr.port, 1701);
    ck_assert_uint_eq(s->listen[3].addr.port, 4500);
    ck_assert(s->tunnels[0].none && !s->tunnels[0].weak && s->tunnels[1].clear);
    ck_assert_uint_eq(s->dns_count, 2);
    ck_assert_uint_eq(s->radius_count, 2);
    ck_assert_uint_eq(s->radius[0].port, 1812);
    ck_assert_uint_eq(s->radius[0].secret_len, 3);
    ck_assert(s->radius[1].tls);
    ck_assert_uint_eq(s->radius[1].port, 2083);
    ck_assert_uint_eq(s->pool_count, 2);
    ck_assert_uint_eq(s->pools[0].range_count, 2);
    ck_assert_uint_eq(s->pools[0].excluded_count, 1);
    ck_assert_str_eq(s->pools[1].interface, "eth1");
    ck_assert_uint_eq(s->slow_count, 2);        /* both wait longer than answer-timeout */
}
END_TEST

START_TEST(a_configuration_that_cannot_be_read)
{
    read_text("ppp: [\n");
    ck_assert(!s->conf_read);
    ck_assert_uint_ge(s->conf_note_count, 1);
    IS("configuration", fail);
    read_text("ppp: { mtu: many }\ntunnels: 3\npools: [3]\nauth: { a: b }\n");   /* aditd says what */
    ck_assert(s->conf_read);
    ck_assert_uint_eq(s->mtu, 1400);
}
END_TEST

/* The table here is a second one: what it leaves out must mean the same. */
START_TEST(defaults_are_those_of_the_daemon)
{
    struct ses_conf c;
    struct conf_mem *mem = NULL;
    ck_assert_int_eq(conf_fill(NULL, ses_opts, sizeof(struct adit_opt), NULL, sizeof c, &c, &mem, NULL), 0);
    read_text("ppp: {}\n");
    ck_assert_uint_eq(s->auth, c.auth);
    ck_assert_uint_eq(s->mtu, c.mtu);
    ck_assert_uint_eq(s->mru, c.mru);
    ck_assert_uint_eq(s->echo_ms, c.echo_ms);
    ck_assert_uint_eq(s->echo_failures, c.echo_failures);
    ck_assert_uint_eq(s->auth_timeout_ms, c.auth_timeout_ms);
    ck_assert_uint_eq(s->answer_timeout_ms, c.answer_timeout_ms);
    conf_mem_free(mem);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        nothing_is_wrong_with_a_good_host,
        nothing_seen_is_judged_too,
        who_has_a_port,
        a_daemon_that_was_not_asked_is_no_failure,
        what_the_host_lacks,
        forwarding_before_and_while_it_serves,
        strict_filtering_matters_where_answers_leave_elsewhere,
        mtu_of_each_protocol,
        addresses_that_somebody_else_has,
        two_pools_of_the_same_addresses,
        the_way_back,
        who_is_asked_for_the_way_back,
        nat_before_the_server,
        pools_that_run_out,
        servers_that_do_not_answer,
        certificates,
        the_clock,
        times_that_do_not_go_together,
        weak_settings,
        the_worst_is_told_of_many,
        packets_that_are_only_thought_of,
        a_ruleset_that_is_none,
        how_a_wall_is_opened,
        answers_of_others_cut_anywhere,
        what_a_configuration_wants,
        a_configuration_that_cannot_be_read,
        defaults_are_those_of_the_daemon,
        NULL,
    };
    Suite *suite_ = suite_create("doctor");
    TCase *tc = tcase_create("doctor");
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite_, tc);
    return suite_;
}
UNIT_MAIN(suite)
