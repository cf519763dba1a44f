/* test_policy_access.c - policy-access against the fake host. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "../../plugins/policy-access/access.h"
#include "../../sdk/fake/fake.h"
#include "../unit/unit.h"

static struct adit_self *engine(const char *yaml)
{
    struct adit_self *s = fake_inst(fake_face("policy", "access"), yaml);
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    return s;
}

static struct adit_attrs *anna(const char *group)
{
    const struct adit_host *h = fake_host();
    struct adit_attrs *a = h->attr->make();
    const struct adit_addr peer = fake_addr("192.0.2.7:1701"), our = fake_addr("10.0.0.1");
    const struct adit_addr route = fake_addr("10.1.0.0/16");
    adit_attr_put_str(h, a, ADIT_ATTR_USER, "CORP\\anna");
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, "anna");
    adit_attr_put_str(h, a, ADIT_ATTR_DOMAIN, "CORP");
    adit_attr_put_str(h, a, ADIT_ATTR_GROUP, "users");
    adit_attr_put_str(h, a, ADIT_ATTR_GROUP, group);
    adit_attr_put_str(h, a, ADIT_ATTR_PROTOCOL, "pptp");
    adit_attr_put_addr(h, a, ADIT_ATTR_PEER, &peer);
    adit_attr_put_addr(h, a, ADIT_ATTR_OUR, &our);
    adit_attr_put_u(h, a, ADIT_ATTR_METHOD, ADIT_AUTH_MSCHAPV2);
    adit_attr_put_addr(h, a, ADIT_ATTR_ROUTE, &route);
    return a;
}

/* Takes the attributes. */
static const struct adit_policy_answer *decide(struct adit_self *s, struct adit_attrs *a)
{
    int32_t status = -1;
    adit_request req = fake_ask(s);
    access_vtable.decide(s, req, a);
    s->host->attr->free(a);
    const struct adit_policy_answer *answer = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    return answer;
}

static const char yaml_two[] =
    "policies:\n"
    "  - name: staff\n"
    "    when:\n"
    "      groups: [staff]\n"
    "      client-addresses: [192.0.2.0/24]\n"
    "      secured: no\n"
    "    permission: grant\n"
    "    profile:\n"
    "      methods: [mschapv2, eap-tls]\n"
    "      encryption: [\"128\"]\n"
    "      idle-timeout: 30m\n"
    "      session-timeout: 8h\n"
    "      pool: office\n"
    "      mtu: 1300\n"
    "      session-limit: 5\n"
    "      dns: [10.0.0.53, 10.0.0.54]\n"
    "      wins: 10.0.0.55\n"
    "      routes: [10.1.0.0/16, 10.2.0.0/16]\n"
    "      push-routes: [10.20.0.0/16, 10.21.0.0/16]\n"
    "      dns-domain: corp.example\n"
    "      filter-in: web\n"
    "      filter-out: answers\n"
    "      rate-in: 2000\n"
    "      rate-out: 8000\n"
    "  - name: default\n";

START_TEST(a_grant_carries_the_profile)
{
    struct adit_self *s = engine(yaml_two);
    struct adit_attrs *in = anna("staff");
    const struct adit_host *h = s->host;
    adit_attr_put_u(h, in, ADIT_ATTR_SESSION_LIMIT, 2);
    adit_attr_put_u(h, in, ADIT_ATTR_SESSION_TIMEOUT, 3600000);
    adit_attr_put_u(h, in, ADIT_ATTR_RATE_OUT, 512);
    const struct adit_addr push = fake_addr("10.22.0.0/16");
    adit_attr_put_addr(h, in, ADIT_ATTR_PUSH_ROUTE, &push);
    const struct adit_policy_answer *a = decide(s, in);
    ck_assert_msg(a->grant == 1, "%s", a->why);
    ck_assert_str_eq(a->policy, "staff");
    ck_assert_str_eq(a->why, "policy 'staff' matches: group 'staff', client address 192.0.2.0/24, "
                             "not through IPsec; permission grant");
    const struct adit_attrs *p = a->profile;
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_METHODS), ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_TLS);
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_ENCRYPTION), ADIT_ENC_128);
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_IDLE_TIMEOUT), 1800000);
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_SESSION_TIMEOUT), 3600000);
    ck_assert_str_eq(adit_attr_str(h, p, ADIT_ATTR_POOL), "office");
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_MTU), 1300);
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_SESSION_LIMIT), 2);          /* the account's */
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_DNS, 1)), "10.0.0.54");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_WINS, 0)), "10.0.0.55");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_ROUTE, 0)), "10.1.0.0/16");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_ROUTE, 1)), "10.2.0.0/16");
    ck_assert_ptr_null(adit_attr_addr(h, p, ADIT_ATTR_ROUTE, 2));
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_PUSH_ROUTE, 0)), "10.22.0.0/16");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, p, ADIT_ATTR_PUSH_ROUTE, 2)), "10.21.0.0/16");
    ck_assert_str_eq(adit_attr_str(h, p, ADIT_ATTR_DNS_DOMAIN), "corp.example");
    ck_assert_str_eq(adit_attr_str(h, p, ADIT_ATTR_FILTER_IN), "web");
    ck_assert_str_eq(adit_attr_str(h, p, ADIT_ATTR_FILTER_OUT), "answers");
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_RATE_IN), 2000);
    ck_assert_uint_eq(adit_attr_u(h, p, ADIT_ATTR_RATE_OUT), 512);              /* the account's */
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(denials_have_a_cause)
{
    struct adit_self *s = engine(yaml_two);
    const struct adit_policy_answer *a = decide(s, anna("guests"));
    ck_assert_uint_eq(a->grant, 0);
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_POLICY_DENIED);
    ck_assert_str_eq(a->policy, "default");
    ck_assert_ptr_null(a->profile);

    struct adit_attrs *in = anna("staff");
    s->host->attr->del(in, ADIT_ATTR_METHOD);
    adit_attr_put_u(s->host, in, ADIT_ATTR_METHOD, ADIT_AUTH_PAP);
    a = decide(s, in);                          /* the host compares with what it offers */
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_METHOD_REFUSED);
    ck_assert_uint_eq(adit_attr_u(s->host, a->profile, ADIT_ATTR_METHODS),
                      ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_TLS);

    in = anna("staff");
    adit_attr_put_u(s->host, in, ADIT_ATTR_DIALIN, ADIT_DIALIN_DENY);
    a = decide(s, in);
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_NO_PERMISSION);
    in = anna("staff");
    s->host->attr->del(in, ADIT_ATTR_METHOD);
    adit_attr_put_u(s->host, in, ADIT_ATTR_METHOD, ADIT_AUTH_PAP);
    a = decide(s, in);
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_METHOD_REFUSED);
    ck_assert_uint_eq(fake_counter(s, "denied"), 4);
    ck_assert_uint_eq(fake_counter(s, "unmatched"), 0);

    ck_assert_int_eq(fake_reload(s, "policies:\n  - name: none\n    when: { users: bert }\n"), 0);
    in = anna("staff");
    adit_attr_put_u(s->host, in, ADIT_ATTR_DIALIN, ADIT_DIALIN_ALLOW);
    a = decide(s, in);
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_NO_POLICY);
    ck_assert_ptr_null(a->policy);
    ck_assert_uint_eq(fake_counter(s, "unmatched"), 1);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(no_policies_deny_everyone_and_say_so)
{
    struct adit_self *s = engine("");
    ck_assert_uint_eq(fake_event_count("policy.none"), 1);
    const struct adit_policy_answer *a = decide(s, anna("staff"));
    ck_assert_uint_eq(a->grant, 0);
    ck_assert_uint_eq(a->cause, ADIT_CAUSE_NO_POLICY);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(hours_are_those_of_the_wall)
{
    setenv("TZ", "UTC", 1);
    struct adit_self *s = engine("policies:\n  - name: p\n    permission: grant\n    when:\n"
                                 "      hours: [\"mon-fri 08:00-18:00\", \"sat 22:00-02:00\"]\n");
    time_t start = (time_t)(s->host->loop->wall() / 1000);
    struct tm tm = *gmtime(&start);
    uint64_t week = ((uint64_t)((tm.tm_wday + 6) % 7) * 24 + (uint64_t)tm.tm_hour) * 3600 +
                    (uint64_t)tm.tm_min * 60 + (uint64_t)tm.tm_sec;
    uint64_t midnight = (7 * 86400 - week) * 1000;          /* till Monday 0:00 */
    static const struct { int hour, minute; bool in; } t[] = {
        { 7, 59, false }, { 8, 0, true }, { 17, 59, true }, { 18, 0, false },
        { 4 * 24 + 12, 0, true }, { 5 * 24 + 12, 0, false }, { 5 * 24 + 22, 0, true },
        { 6 * 24 + 1, 59, true }, { 6 * 24 + 2, 0, false },
    };
    fake_advance(midnight);
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint64_t to = ((uint64_t)t[i].hour * 60 + (uint64_t)t[i].minute) * 60000;
        fake_advance(to - at);
        at = to;
        const struct adit_policy_answer *a = decide(s, anna("x"));
        ck_assert_msg((a->grant == 1) == t[i].in, "%d:%02d: %s", t[i].hour, t[i].minute, a->why);
        ck_assert_ptr_null(a->place);           /* it stands in the daemon's configuration */
    }
    /* asked of another time: that one counts */
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct adit_attrs *in = anna("x");
        uint64_t then = s->host->loop->wall() / 1000 - (at / 1000) + (uint64_t)t[i].hour * 3600 +
                        (uint64_t)t[i].minute * 60;
        adit_attr_put_u(s->host, in, ADIT_ATTR_AT, then);
        const struct adit_policy_answer *a = decide(s, in);
        ck_assert_msg((a->grant == 1) == t[i].in, "%d:%02d: %s", t[i].hour, t[i].minute, a->why);
    }
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(secured_sessions_need_no_mppe)
{
    struct adit_self *s = engine("policies:\n  - name: p\n    permission: grant\n"
                                 "    when: { secured: yes }\n"
                                 "    profile: { methods: pap, encryption: [\"128\"] }\n");
    struct adit_attrs *in = anna("x");
    struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = 1 } };
    s->host->attr->put(in, ADIT_ATTR_SECURED, &yes);
    s->host->attr->del(in, ADIT_ATTR_METHOD);
    adit_attr_put_u(s->host, in, ADIT_ATTR_METHOD, ADIT_AUTH_PAP);
    const struct adit_policy_answer *a = decide(s, in);
    ck_assert_msg(a->grant == 1, "%s", a->why);
    ck_assert_uint_eq(adit_attr_u(s->host, a->profile, ADIT_ATTR_ENCRYPTION), ADIT_ENC_128 | ADIT_ENC_NONE);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(explain_compares_every_condition)
{
    struct adit_self *s = engine(yaml_two);
    struct adit_attrs *in = anna("guests");
    struct adit_report *r = fake_report();
    ck_assert_int_eq(access_vtable.explain(s, in, r), 0);
    const char *text = fake_report_text(r);
    static const char *const says[] = {
        "\"name\": \"staff\"", "\"condition\": \"groups\"", "\"matched\": false", "\"wanted\": \"staff\"",
        "\"actual\": \"users, guests\"", "\"condition\": \"client-addresses\"", "\"matched\": true",
        "\"actual\": \"192.0.2.7\"", "\"name\": \"default\"", "\"decides\": true", "\"verdict\": \"deny\"",
        "\"policy\": \"default\"", "\"cause\": \"ADIT-POLICY-DENIED\"",
        "\"why\": \"policy 'default' matches everyone; permission deny\"",
    };
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        ck_assert_msg(strstr(text, says[i]) != NULL, "%s lacks %s", text, says[i]);
    s->host->attr->free(in);

    /* a dry run may know only a name, with its domain */
    in = s->host->attr->make();
    adit_attr_put_str(s->host, in, ADIT_ATTR_USER, "CORP\\anna");
    adit_attr_put_str(s->host, in, ADIT_ATTR_GROUP, "staff");
    ck_assert_int_eq(fake_reload(s, "policies:\n  - name: p\n    permission: grant\n"
                                    "    when: { users: [anna], groups: st* }\n"
                                    "    profile: { methods: mschapv2 }\n"), 0);
    r = fake_report();
    ck_assert_int_eq(access_vtable.explain(s, in, r), 0);
    text = fake_report_text(r);
    ck_assert_msg(strstr(text, "\"verdict\": \"grant\"") != NULL, "%s", text);
    s->host->attr->free(in);

    r = fake_report();
    ck_assert_int_eq(access_vtable.list(s, r), 0);
    text = fake_report_text(r);
    ck_assert_msg(strstr(text, "\"order\": 1") && strstr(text, "\"users\": \"anna\"") &&
                  strstr(text, "\"permission\": \"grant\"") && strstr(text, "\"methods\": \"mschapv2\""),
                  "%s", text);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(what_is_wrong_is_refused_and_the_old_stays)
{
    static const struct { const char *yaml, *says; } t[] = {
        { "policies:\n  - name: p\n    when: { grups: [x] }\n", "did you mean 'groups'?" },
        { "policies:\n  - permission: grant\n", "'name' is missing" },
        { "policies:\n  - name: p\n    permission: maybe\n", "permission" },
        { "policies:\n  - name: p\n    when: { hours: [\"8-18\"] }\n", "policy 'p': when.hours: '8-18'" },
        { "policies:\n  - name: p\n    profile: { mtu: 100 }\n", "mtu" },
        { "policies:\n  - name: p\n    profile: { methods: pap, encryption: \"128\" }\n", "make no keys" },
        { "policies:\n  - name: p\nfile: /etc/policies.yaml\n", "both policies and file" },
        { "file: /nonexistent/policies.yaml\n", "nonexistent" },
    };
    struct adit_self *s = engine(yaml_two);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        ck_assert_int_ne(fake_reload(s, t[i].yaml), 0);
        ck_assert_msg(strstr(fake_last_error(), t[i].says) != NULL, "%s: %s", t[i].yaml, fake_last_error());
        const struct adit_policy_answer *a = decide(s, anna("staff"));
        ck_assert_str_eq(a->policy, "staff");
    }
    fake_inst_free(s);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_ptr_null(fake_inst(fake_face("policy", "access"), t[i].yaml));
    fake_end();
}
END_TEST

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

START_TEST(a_file_of_policies_is_read_again_when_it_changes)
{
    char path[] = "/tmp/adit-policies-XXXXXX", yaml[64];
    int fd = mkstemp(path);
    close(fd);
    put_file(path, "policies:\n  - name: one\n    permission: grant\n");
    snprintf(yaml, sizeof yaml, "file: %s\n", path);
    struct adit_self *s = engine(yaml);
    ck_assert_str_eq(decide(s, anna("x"))->policy, "one");
    snprintf(yaml, sizeof yaml, "%s:2", path);
    ck_assert_str_eq(decide(s, anna("x"))->place, yaml);
    put_file(path, "policies:\n  - name: number-two\n    permission: grant\n");
    ck_assert_str_eq(decide(s, anna("x"))->policy, "one");          /* once a second at most */
    fake_advance(1000);
    ck_assert_str_eq(decide(s, anna("x"))->policy, "number-two");
    put_file(path, "policies:\n  - nme: three\n");
    fake_advance(1000);
    ck_assert_str_eq(decide(s, anna("x"))->policy, "number-two");
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "'name' is missing"));
    uint32_t loaded = fake_event_count("policy.file.loaded");
    fake_advance(1000);
    decide(s, anna("x"));
    unlink(path);
    fake_advance(1000);
    ck_assert_str_eq(decide(s, anna("x"))->policy, "number-two");
    ck_assert_uint_eq(fake_event_count("policy.file.loaded"), loaded);
    ck_assert_ptr_nonnull(strstr(fake_status(s), path));
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(a_policy_may_ignore_the_account)
{
    struct adit_self *s = engine("policies:\n  - name: p\n    permission: grant\n    ignore-account: yes\n"
                                 "    profile: { routes: [10.7.0.0/16], address: 10.9.0.5 }\n");
    struct adit_attrs *in = anna("x");
    const struct adit_addr own = fake_addr("10.9.0.6");
    adit_attr_put_u(s->host, in, ADIT_ATTR_DIALIN, ADIT_DIALIN_DENY);
    adit_attr_put_str(s->host, in, ADIT_ATTR_CALLER, "+49*");
    adit_attr_put_addr(s->host, in, ADIT_ATTR_ADDRESS, &own);
    const struct adit_policy_answer *a = decide(s, in);
    ck_assert_msg(a->grant == 1, "%s", a->why);
    ck_assert_uint_eq(a->ignore_account, 1);
    /* not beside the account's */
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->profile, ADIT_ATTR_ROUTE, 0)), "10.7.0.0/16");
    ck_assert_ptr_null(adit_attr_addr(s->host, a->profile, ADIT_ATTR_ROUTE, 1));
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->profile, ADIT_ATTR_ADDRESS, 0)), "10.9.0.5");
    fake_inst_free(s);
    fake_end();
}
END_TEST

/* One sentence for each condition that fails, whatever the condition. */
START_TEST(explain_says_why_each_condition_fails)
{
    setenv("TZ", "UTC", 1);
    struct adit_self *s = engine(
        "policies:\n  - name: p\n    when: { users: bert, groups: board, domains: other, protocols: l2tp,\n"
        "      tunnels: x, client-addresses: 10.0.0.0/8, called-addresses: 10.0.0.9/32, calling-station: +49*,\n"
        "      called-station: +48*, client-names: srv*, ipsec-identities: CN=*, methods: pap,\n"
        "      authenticators: radius, secured: yes, hours: sun }\n"
        "    unless: { groups: staff }\n"
        "    profile: { calling-station: 192.*, hours: [mon-fri] }\n");
    const struct adit_host *h = s->host;
    struct adit_attrs *in = anna("staff");
    adit_attr_put_str(h, in, ADIT_ATTR_PEER_HOST, "ANNA-PC");
    adit_attr_put_str(h, in, ADIT_ATTR_AUTHENTICATOR, "local");
    adit_attr_put_u(h, in, ADIT_ATTR_AT, 1795167000);          /* 2026-11-20, Friday, 9:30 */
    struct adit_report *r = fake_report();
    ck_assert_int_eq(access_vtable.explain(s, in, r), 0);
    const char *text = fake_report_text(r);
    static const char *const says[] = {
        "when.users wants bert, it is CORP\\\\anna", "when.groups wants board, it is users, staff",
        "when.domains wants other, it is CORP", "when.protocols wants l2tp, it is pptp",
        "when.tunnels wants x, it is unknown", "when.client-addresses wants 10.0.0.0/8, it is 192.0.2.7",
        "when.called-addresses wants 10.0.0.9/32, it is 10.0.0.1",
        "when.calling-station wants +49*, it is unknown", "when.called-station wants +48*, it is unknown",
        "when.client-names wants srv*, it is ANNA-PC", "when.ipsec-identities wants CN=*, it is unknown",
        "when.methods wants pap, it is mschapv2", "when.authenticators wants radius, it is local",
        "when.secured wants yes, it is no", "when.hours wants sun, it is fri 09:30",
        "unless.groups excludes staff, it is users, staff", "\"condition\": \"unless.groups\"",
    };
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        ck_assert_msg(strstr(text, says[i]) != NULL, "%s lacks %s", text, says[i]);
    h->attr->free(in);
    r = fake_report();
    ck_assert_int_eq(access_vtable.list(s, r), 0);
    text = fake_report_text(r);
    ck_assert_msg(strstr(text, "\"unless\": {") && strstr(text, "\"calling-station\": \"192.*\""), "%s", text);
    fake_inst_free(s);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    static const TTest *tests[16];
    size_t n = 0;
    tests[n++] = a_grant_carries_the_profile;
    tests[n++] = denials_have_a_cause;
    tests[n++] = no_policies_deny_everyone_and_say_so;
    tests[n++] = hours_are_those_of_the_wall;
    tests[n++] = secured_sessions_need_no_mppe;
    tests[n++] = explain_compares_every_condition;
    tests[n++] = what_is_wrong_is_refused_and_the_old_stays;
    tests[n++] = a_file_of_policies_is_read_again_when_it_changes;
    tests[n++] = a_policy_may_ignore_the_account;
    tests[n++] = explain_says_why_each_condition_fails;
    return unit_suite("policy-access", tests);
}

UNIT_MAIN(suite)
