/* test_causes.c - each cause of adit-diagnose(7)'s TROUBLESHOOTING is provoked (D01 ...;
 * the others of them in tests/cases/causes.sh and test_ppp.c), and named: code, rung,
 * setting, and the place of the setting in the configuration that is in force. */
#include <stdio.h>
#include <string.h>
#include "datapath/dp_guard.h"
#include "diagnose/cause.h"
#include "ses_rig.h"
#include "session/ses_int.h"
#include "unit.h"

#define PPP "{ auth: [pap], half-open: 0, half-open-per-address: 0 }"

static const char house_yaml[] =
    "ppp: " PPP "\n"                                            /* 1 */
    "tunnels:\n"
    "  - { type: stub, name: other }\n"
    "  - type: stub\n"                                          /* 4 */
    "    name: t\n"
    "    ports: 8\n"                                            /* 6 */
    "    encryption: [none, 128]\n"
    "auth:\n"                                                   /* 8 */
    "  - { type: local, name: a, servers: [] }\n"
    "pools:\n"                                                  /* 10 */
    "  - name: l\n"
    "    ranges: [10.9.9.2-10.9.9.9]\n"                         /* 12 */
    "policies:\n"
    "  - type: access\n"                                        /* 14 */
    "    policies:\n"
    "      - name: first\n"                                     /* 16 */
    "      - name: p\n"
    "        permission: deny\n"                                /* 18 */
    "        profile:\n"
    "          methods: [chap]\n"                               /* 20 */
    "          encryption: [40]\n"
    "          hours: [\"mon-fri 08:00-18:00\"]\n"              /* 22 */
    "          filter-in: web\n"
    "filters:\n"                                                /* 24 */
    "  - name: web\n";

#define PLACE "house.yaml:"

static struct stub *t, *a, *p, *l;

static void house(void)
{
    rig_house("ppp: " PPP);
    t = rig.tunnel;
    a = rig.auth;
    p = rig.policy;
    l = rig.pool;
    conf_in_force_take(conf_read_text("house.yaml", house_yaml, sizeof house_yaml - 1, NULL));
}

static void leave(void)
{
    rig_close();
    conf_in_force_take(NULL);
}

static void put(struct stub *s, uint32_t id, struct adit_value v)
{
    if (!s->attrs)
        s->attrs = plug_attr_api.make();
    ck_assert_int_eq(plug_attr_api.put(s->attrs, id, &v), 0);
}

static void put_u(struct stub *s, uint32_t id, uint64_t u)
{
    put(s, id, (struct adit_value){ ADIT_TYPE_U64, 0, { .u = u } });
}

static void put_net(struct stub *s, uint32_t id, uint8_t third, uint8_t last, uint8_t prefix)
{
    put(s, id, (struct adit_value){ ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV4,
                                    .prefix = prefix, .ip = { 10, 9, third, last } } } });
}

/* The last failed attempt. A place "6" is line 6 of the house; "+6" that what is around the
 * setting, which is not written, stands there. */
static void is(uint32_t cause, const char *rung, const char *setting, const char *place)
{
    char where[64];
    const struct ses_failure *f = ses_failure(0);
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(f->cause == cause, "the cause is %s (%s), not %s", cause_code(f->cause), f->text,
                  cause_code(cause));
    ck_assert_str_eq(ses_rung_name(f->rung), rung);
    ck_assert_str_eq(f->fault.setting, setting);
    if (*place >= '0' && *place <= '9')
        snprintf(where, sizeof where, PLACE "%s", place);
    else if (*place == '+')
        snprintf(where, sizeof where, PLACE "%s", place + 1);
    else
        snprintf(where, sizeof where, "%s", place);
    ck_assert_str_eq(f->fault.place, where);
    ck_assert_int_eq(f->fault.written, *place && *place != '+');
    ck_assert_str_ne(f->text, "");
    ck_assert_str_ne(cause_remedy(cause), "");
}

static void against(const char *setting, const char *line)
{
    char where[64];
    const struct ses_failure *f = ses_failure(0);
    snprintf(where, sizeof where, PLACE "%s", line);
    ck_assert_str_eq(f->against.setting, setting);
    ck_assert_str_eq(f->against.place, where);
    ck_assert(f->against.written);
}

static struct caller *call(const char *user, uint8_t host)
{
    struct caller *c = rig_call(t, user, host);
    rig_run(60000);
    return c;
}

/* ---- no connection ------------------------------------------------------------------- */

START_TEST(D01_equal_names_of_computers_do_no_harm_equal_addresses_do)
{
    house();
    rig.peer_host = "PC7";
    struct caller *one = rig_call(t, "anna", 1), *two = rig_call(t, "berta", 2);
    rig_run(1000);
    ck_assert(one->up && two->up);
    put_net(a, ADIT_ATTR_ADDRESS, 9, 77, 32);
    l->status = ADIT_ENOENT;
    a->place = "users.yaml:4";
    one = rig_call(t, "carl", 3);
    rig_run(1000);
    ck_assert(one->up);
    ck_assert(!call("dora", 4)->up);
    is(ADIT_CAUSE_ADDRESS_TAKEN, "address", "users[dora].address", "users.yaml:4");
    ck_assert_str_eq(ses_failure(0)->peer_host, "PC7");
    leave();
}
END_TEST

START_TEST(D04_a_tunnel_without_ports)
{
    house();
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 0), 0);
    ck_assert_int_eq(call("anna", 1)->refused, ADIT_EBUSY);
    is(ADIT_CAUSE_PROTOCOL_OFF, "port", "tunnels[t].ports", "6");
    leave();
}
END_TEST

START_TEST(D05_a_client_without_ipv4)
{
    house();
    rig.no_ipv4 = rig.ipv6 = true;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_NO_NETWORK, "address", "ppp.ipv6", "+1");
    leave();
}
END_TEST

START_TEST(D06_all_ports_are_taken)
{
    house();
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 1), 0);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_int_eq(call("berta", 2)->refused, ADIT_EBUSY);
    is(ADIT_CAUSE_PORTS_EXHAUSTED, "port", "tunnels[t].ports", "6");
    leave();
}
END_TEST

/* A tunnel says of a peer that it speaks another protocol, or this one without IPsec;
 * what the same stranger does again is counted, and so are too many strangers. */
START_TEST(D07_a_peer_with_another_tunnel_protocol)
{
    house();
    struct adit_link_info i = { .size = sizeof i, .role = ADIT_ROLE_ANSWER,
        .peer = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 198, 51, 100, 1 } } };
    for (int n = 0; n < 5; n++)
        ses_link_api.failed(t->self, &i, ADIT_CAUSE_CLEAR_REFUSED, NULL);
    is(ADIT_CAUSE_CLEAR_REFUSED, "tunnel", "tunnels[t].require-security", "+4");
    ck_assert_uint_eq(ses_failure(0)->times, 5);
    ck_assert_ptr_null(ses_failure(1));
    for (uint8_t n = 2; n < 250; n++) {
        i.peer.ip[3] = n;
        ses_link_api.failed(t->self, &i, ADIT_CAUSE_PROTOCOL_ERROR, "no L2TP");
    }
    uint32_t kept = 0;
    while (ses_failure(kept))
        kept++;
    ck_assert_uint_eq(kept, 30);
    ck_assert_uint_eq(ses_total()->refused, 5 + 29);
    rig_run(60000);
    ses_link_api.failed(t->self, &i, ADIT_CAUSE_PROTOCOL_ERROR, "no L2TP");
    ck_assert_ptr_nonnull(ses_failure(30));
    leave();
}
END_TEST

START_TEST(D08_no_method_in_common)
{
    house();
    rig.can = ADIT_AUTH_CHAP;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_NO_COMMON_METHOD, "link", "ppp.auth", "1");
    /* the server offers it, the profile forbids it */
    ck_assert_int_eq(rig_conf("ppp: { auth: [pap, chap] }"), 0);
    rig.can = ADIT_AUTH_PAP;
    put_u(p, ADIT_ATTR_METHODS, ADIT_AUTH_CHAP);
    ck_assert(!call("anna", 2)->up);
    is(ADIT_CAUSE_METHOD_REFUSED, "policy", "policies[p].profile.methods", "20");
    leave();
}
END_TEST

START_TEST(D09_no_encryption_in_common)
{
    house();
    put_u(p, ADIT_ATTR_ENCRYPTION, ADIT_ENC_40);
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_CONFLICT, "policy", "policies[p].profile.encryption", "21");
    against("tunnels[t].encryption", "7");
    plug_attr_api.del(p->attrs, ADIT_ATTR_ENCRYPTION);
    put_u(p, ADIT_ATTR_ENCRYPTION, ADIT_ENC_128);       /* and PAP makes no keys */
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_ENCRYPTION, "policy", "tunnels[t].encryption", "7");
    leave();
}
END_TEST

static const struct permission {
    bool of_policy;             /* who says it: the policy, or the authenticator */
    uint32_t cause;
    const char *rung, *setting, *place;
} permissions[] = {
    { true, ADIT_CAUSE_NO_PERMISSION, "policy", "users[anna].dial-in", "users.yaml:7" },
    { true, ADIT_CAUSE_POLICY_DENIED, "policy", "policies[p].permission", "18" },
    { true, ADIT_CAUSE_HOURS, "policy", "policies[p].profile.hours", "22" },
    { true, ADIT_CAUSE_SESSION_LIMIT, "policy", "users[anna].session-limit", "users.yaml:7" },
    { false, ADIT_CAUSE_DISABLED, "authenticate", "users[anna].disabled", "users.yaml:7" },
    { false, ADIT_CAUSE_EXPIRED, "authenticate", "users[anna].expires", "users.yaml:7" },
    { false, ADIT_CAUSE_PASSWORD_EXPIRED, "authenticate", "users[anna].must-change", "users.yaml:7" },
    { false, ADIT_CAUSE_HOURS, "authenticate", "auth[a]", "9" },        /* a RADIUS server's */
};

START_TEST(D10_permissions)
{
    const struct permission *x = &permissions[_i];
    house();
    a->place = "users.yaml:7";
    if (x->of_policy) {
        p->grant = 0;
        p->cause = x->cause;
    } else {
        a->verdict = ADIT_VERDICT_REJECT;
        a->cause = x->cause;
    }
    ck_assert(!call("anna", 1)->up);
    is(x->cause, x->rung, x->setting, x->place);
    leave();
}
END_TEST

START_TEST(D10_no_policy_matches_or_the_one_stands_elsewhere)
{
    house();
    p->no_match = true;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_NO_POLICY, "policy", "policies", "13");
    /* policies may have a file of their own, and accounts none */
    p->no_match = false;
    p->grant = 0;
    p->place = "policies.yaml:3";
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_POLICY_DENIED, "policy", "policies[p].permission", "policies.yaml:3");
    p->cause = ADIT_CAUSE_NO_PERMISSION;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_NO_PERMISSION, "policy", "users[anna].dial-in", "+9");
    leave();
}
END_TEST

START_TEST(D11_profile_and_server_conflict)
{
    house();
    put_u(p, ADIT_ATTR_METHODS, ADIT_AUTH_EAP_TLS);
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_CONFLICT, "policy", "policies[p].profile.methods", "20");
    against("ppp.auth", "1");
    ck_assert_str_eq(ses_failure(0)->text, "Policy 'p' permits the methods [eap-tls], ppp.auth offers "
                     "[pap]: nothing in common.");
    /* also when the policy itself denies for want of the method */
    p->grant = 0;
    p->cause = ADIT_CAUSE_METHOD_REFUSED;
    ck_assert(!call("anna", 2)->up);
    is(ADIT_CAUSE_CONFLICT, "policy", "policies[p].profile.methods", "20");
    leave();
}
END_TEST

/* The operator is told what it was, the peer always the same. */
START_TEST(D12_credentials_that_cannot_be_confirmed)
{
    static const struct { uint32_t verdict, says, cause; const char *setting, *place; } rows[] = {
        { ADIT_VERDICT_REJECT, 0, ADIT_CAUSE_AUTH_FAILED, "users[anna]", "users.yaml:7" },
        { ADIT_VERDICT_NEXT, 0, ADIT_CAUSE_UNKNOWN_USER, "auth", "8" },
        { ADIT_VERDICT_REJECT, ADIT_CAUSE_METHOD_REFUSED, ADIT_CAUSE_NO_SECRET, "users[anna]",
          "users.yaml:7" },
    };
    house();
    a->place = "users.yaml:7";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        a->verdict = rows[i].verdict;
        a->cause = rows[i].says;
        ck_assert(!call("anna", 1)->up);
        is(rows[i].cause, "authenticate", rows[i].setting, rows[i].place);
        ck_assert_uint_eq(adit_cause_shown(rows[i].cause), ADIT_CAUSE_AUTH_FAILED);
        ck_assert_str_eq(adit_cause_told(rows[i].cause), adit_cause_told(ADIT_CAUSE_AUTH_FAILED));
        ck_assert_uint_eq(cause_ras(rows[i].cause), 691);
        ck_assert_uint_eq(cause_mschap(rows[i].cause), 691);
    }
    leave();
}
END_TEST

START_TEST(D13_the_pool_is_empty)
{
    house();
    l->left = 0;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_POOL_EXHAUSTED, "address", "pools[l].ranges", "12");
    leave();
}
END_TEST

START_TEST(D15_addresses_that_somebody_else_has)
{
    house();
    rig.attach_fails = ADIT_EEXIST;
    a->place = "users.yaml:7";
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_ADDRESS_TAKEN, "up", "users[anna].address", "users.yaml:7");
    rig.attach_fails = 0;
    l->status = ADIT_ENOENT;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_NO_POOL, "address", "pools", "10");
    leave();
}
END_TEST

START_TEST(D16_the_authenticator_is_not_usable)
{
    house();
    a->status = ADIT_ECONF;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_AUTH_UNAVAILABLE, "authenticate", "auth[a]", "9");
    plug_inst_stop(a->inst);
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_AUTH_UNAVAILABLE, "link", "auth", "8");
    leave();
}
END_TEST

START_TEST(D17_the_directory_cannot_be_asked)
{
    house();
    a->verdict = ADIT_VERDICT_ERROR;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_AUTH_UNAVAILABLE, "authenticate", "auth[a]", "9");
    leave();
}
END_TEST

/* Who could not tell is blamed, though others were asked after it. */
START_TEST(D19_radius_is_silent)
{
    house();
    struct stub *next = rig_add(ADIT_KIND_AUTH, "next");
    next->verdict = ADIT_VERDICT_NEXT;
    a->verdict = ADIT_VERDICT_ERROR;
    a->cause = ADIT_CAUSE_RADIUS_SILENT;
    ck_assert(!call("anna", 1)->up);
    is(ADIT_CAUSE_RADIUS_SILENT, "authenticate", "auth[a].servers", "9");
    ck_assert_uint_eq(cause_ras(ADIT_CAUSE_RADIUS_SILENT), 930);
    leave();
}
END_TEST

/* ---- no data -------------------------------------------------------------------------- */

static struct ses_finding finding(uint32_t nth, uint32_t cause)
{
    struct ses_finding f;
    ck_assert(ses_finding(ses_next(NULL), nth, &f));
    ck_assert_msg(f.cause == cause, "%s: %s", cause_code(f.cause), f.text);
    return f;
}

static void up(void)
{
    struct ses_finding f;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert(!ses_finding(ses_next(NULL), 0, &f));     /* nothing is lost yet */
}

START_TEST(D21_D22_packets_of_networks_without_a_route)
{
    house();
    put_net(a, ADIT_ATTR_ROUTE, 20, 0, 24);
    a->place = "users.yaml:7";
    up();
    rig_count()->rx_spoofed = 3;
    struct ses_finding f = finding(0, ADIT_CAUSE_NO_ROUTE);
    ck_assert_str_eq(f.fault.setting, "users[anna].routes");
    ck_assert_str_eq(f.fault.place, "users.yaml:7");
    ck_assert_uint_eq(f.packets, 3);
    ck_assert(!ses_finding(ses_next(NULL), 1, &f));
    leave();
}
END_TEST

START_TEST(D23_a_router_is_taken_for_a_client)
{
    house();
    up();
    rig_count()->rx_spoofed = 1;
    ck_assert_str_eq(finding(0, ADIT_CAUSE_ROUTER_AS_CLIENT).fault.setting, "users[anna].routes");
    leave();
}
END_TEST

/* D24: the account's filter, which a router has as others have; D25: the profile's. */
START_TEST(D24_D25_a_filter_drops_the_traffic)
{
    struct dp_filter_err err;
    struct dp_filter *web;
    house();
    ck_assert_int_eq(dp_filter_of(&(struct dp_filter_conf){ .name = "web" }, &web, &err), 0);
    ck_assert_int_eq(dp_filters_set(&(struct dp_named){ "web", web }, 1), 0);
    dp_filter_unref(web);
    put(_i ? p : a, ADIT_ATTR_FILTER_IN, adit_value_str("web"));
    put(_i ? p : a, ADIT_ATTR_FILTER_RULE, adit_value_str("permit out tcp from any to any"));
    up();
    rig_count()->rx_filtered = 2;
    rig_count()->tx_filtered = 9;
    struct ses_finding f = finding(0, ADIT_CAUSE_FILTERED);
    ck_assert_str_eq(f.fault.setting, "filters[web]");
    ck_assert_str_eq(f.fault.place, PLACE "25");
    ck_assert(f.fault.written);
    ck_assert_str_eq(f.text, "2 packets from the client were dropped by the filter web.");
    f = finding(1, ADIT_CAUSE_FILTERED);
    ck_assert_str_eq(f.text, "9 packets to the client were dropped by rules of the session's own.");
    ck_assert_str_eq(f.fault.setting, "auth[a]");
    ck_assert(!ses_finding(ses_next(NULL), 2, &f));
    rig_clear();
    ck_assert_int_eq(dp_filters_set(NULL, 0), 0);
    leave();
}
END_TEST

/* ---- the catalogue, and what is kept ----------------------------------------------------- */

START_TEST(every_cause_is_complete)
{
    for (uint32_t i = 1; i < cause_count(); i++) {
        ck_assert_msg(cause_code(i) != NULL, "there is no cause %u", i);
        ck_assert_msg(!strncmp(cause_code(i), "ADIT-", 5), "%u", i);
        ck_assert_msg(*cause_remedy(i), "%s has no remedy", cause_code(i));
        ck_assert_msg(*cause_text(i), "%s has no sentence", cause_code(i));
        ck_assert_msg(cause_mschap(i) == 0 || (cause_mschap(i) >= 646 && cause_mschap(i) <= 691), "%u", i);
        for (uint32_t k = 1; k < i; k++)
            ck_assert_str_ne(cause_code(i), cause_code(k));
    }
    ck_assert_str_eq(cause_code(100000), "ADIT-INTERNAL");
}
END_TEST

START_TEST(names_fill_the_gaps_of_settings)
{
    char out[64];
    const struct cause_names n = { .tunnel = "l2tp", .policy = "a].b" };
    cause_name("tunnels[].ports", &n, out, sizeof out);
    ck_assert_str_eq(out, "tunnels[l2tp].ports");
    cause_name("pools[].ranges", &n, out, sizeof out);
    ck_assert_str_eq(out, "pools[].ranges");
    cause_name("policies[].profile", &n, out, sizeof out);
    ck_assert_str_eq(out, "policies[a].b].profile");
    cause_name("ppp.auth", &n, out, sizeof out);
    ck_assert_str_eq(out, "ppp.auth");
    cause_name("policies[].profile.encryption", &n, out, 12);
    ck_assert_str_eq(out, "policies[a]");
}
END_TEST

START_TEST(attempts_are_found_and_keep_what_policies_ask)
{
    char number[24];
    house();
    put(a, ADIT_ATTR_GROUP, adit_value_str("staff"));
    put(a, ADIT_ATTR_CLASS, (struct adit_value){ ADIT_TYPE_BYTES, 3, { .p = "abc" } });
    for (int i = 0; i < 500; i++)               /* a mad server does not fill the memory */
        put(a, ADIT_ATTR_FILTER_RULE, adit_value_str("permit in ip from any to any"));
    p->grant = 0;
    call("anna", 1);
    const struct ses_failure *f = ses_failure(0);
    snprintf(number, sizeof number, "%llu", (unsigned long long)f->number);
    ck_assert_ptr_eq(ses_failure_find(number), f);
    ck_assert_ptr_eq(ses_failure_find(f->id), f);
    ck_assert_ptr_null(ses_failure_find("nobody"));
    ck_assert_ptr_null(ses_failure_find(""));
    const struct adit_value *v = plug_attr_api.get(f->attrs, ADIT_ATTR_GROUP, 0);
    ck_assert_ptr_nonnull(v);
    ck_assert_str_eq(v->v.p, "staff");
    ck_assert_ptr_null(plug_attr_api.get(f->attrs, ADIT_ATTR_CLASS, 0));
    ck_assert_ptr_null(plug_attr_api.get(f->attrs, ADIT_ATTR_FILTER_RULE, 64));
    /* refused before there was a session: they have numbers, too */
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 0), 0);
    call("anna", 1);
    ck_assert_uint_eq(ses_failure(0)->number, f->number + 1);
    leave();
}
END_TEST

/* What is in force when it fails is what is told; later files change nothing. */
START_TEST(places_are_those_of_then)
{
    static const char later[] = "\n\n\ntunnels: [ { name: t, ports: 1 } ]\n";
    char place[64];
    house();
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 0), 0);
    call("anna", 1);
    conf_in_force_take(conf_read_text("later.yaml", later, sizeof later - 1, NULL));
    is(ADIT_CAUSE_PROTOCOL_OFF, "port", "tunnels[t].ports", "6");
    call("anna", 1);
    is(ADIT_CAUSE_PROTOCOL_OFF, "port", "tunnels[t].ports", "later.yaml:4");
    ck_assert(!conf_place_of("ppp.auth", place, sizeof place));
    ck_assert_str_eq(place, "later.yaml");      /* nothing of it is written */
    conf_in_force_take(NULL);
    ck_assert(!conf_place_of("ppp.auth", place, sizeof place));
    ck_assert_str_eq(place, "");
    leave();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("causes");
    TCase *tc = tcase_create("causes");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, D01_equal_names_of_computers_do_no_harm_equal_addresses_do);
    tcase_add_test(tc, D04_a_tunnel_without_ports);
    tcase_add_test(tc, D05_a_client_without_ipv4);
    tcase_add_test(tc, D06_all_ports_are_taken);
    tcase_add_test(tc, D07_a_peer_with_another_tunnel_protocol);
    tcase_add_test(tc, D08_no_method_in_common);
    tcase_add_test(tc, D09_no_encryption_in_common);
    tcase_add_loop_test(tc, D10_permissions, 0, (int)(sizeof permissions / sizeof permissions[0]));
    tcase_add_test(tc, D10_no_policy_matches_or_the_one_stands_elsewhere);
    tcase_add_test(tc, D11_profile_and_server_conflict);
    tcase_add_test(tc, D12_credentials_that_cannot_be_confirmed);
    tcase_add_test(tc, D13_the_pool_is_empty);
    tcase_add_test(tc, D15_addresses_that_somebody_else_has);
    tcase_add_test(tc, D16_the_authenticator_is_not_usable);
    tcase_add_test(tc, D17_the_directory_cannot_be_asked);
    tcase_add_test(tc, D19_radius_is_silent);
    tcase_add_test(tc, D21_D22_packets_of_networks_without_a_route);
    tcase_add_test(tc, D23_a_router_is_taken_for_a_client);
    tcase_add_loop_test(tc, D24_D25_a_filter_drops_the_traffic, 0, 2);
    tcase_add_test(tc, every_cause_is_complete);
    tcase_add_test(tc, names_fill_the_gaps_of_settings);
    tcase_add_test(tc, attempts_are_found_and_keep_what_policies_ask);
    tcase_add_test(tc, places_are_those_of_then);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
