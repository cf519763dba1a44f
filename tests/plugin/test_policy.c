/* test_policy.c - hours, patterns, and who decides: policy-access without a host. */
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/cause.h>
#include "../../plugins/policy-access/hours.h"
#include "../../plugins/policy-access/policy.h"
#include "../unit/unit.h"

/* ---- hours ------------------------------------------------------------------- */

START_TEST(hours_are_read)
{
    static const struct { const char *text; uint8_t days; int from, to; } t[] = {
        { "mon-fri 08:00-18:00", 0x1f, 480, 1080 }, { "sat,sun", 0x60, 0, 1440 },
        { "08:00-18:00", 0x7f, 480, 1080 },         { "fri-mon 22:00-06:00", 0x71, 1320, 360 },
        { "MON,Wed-thu  00:00-24:00 ", 0x0d, 0, 1440 }, { " tue", 0x02, 0, 1440 },
        { "sun-sun 12:00-00:00", 0x40, 720, 0 },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct hours h;
        const char *err;
        ck_assert_msg(hours_parse(t[i].text, &h, &err), "%s: %s", t[i].text, err);
        ck_assert_uint_eq(h.days, t[i].days);
        ck_assert_int_eq(h.from, t[i].from);
        ck_assert_int_eq(h.to, t[i].to);
    }
}
END_TEST

START_TEST(hours_that_are_none_are_refused)
{
    static const char *const t[] = {
        "", " ", "monday", "mo", "mon-", "mon,", ",mon", "mon-fri-sat", "mon 8:00-18:00",
        "mon 08:00", "mon 08:00-", "mon 08:00-18:00x", "mon08:00-18:00", "08:60-09:00",
        "24:01-24:00", "25:00-26:00", "08:00-08:00", "24:00-06:00", "08:00 -18:00", "mon fri",
        "\xff\xff", "08:00-18:00 mon", "-", "mon--fri",
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct hours h;
        const char *err = NULL;
        ck_assert_msg(!hours_parse(t[i], &h, &err), "'%s'", t[i]);
        ck_assert_ptr_nonnull(err);
    }
    /* every beginning of a good one, in memory of its size */
    static const char whole[] = "mon-fri,sun 08:00-18:00";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *s = strndup(whole, n);
        struct hours h;
        const char *err;
        hours_parse(s, &h, &err);
        free(s);
    }
}
END_TEST

START_TEST(hours_match_at_their_edges)
{
    static const struct { const char *text; uint32_t wday, minute; bool in; } t[] = {
        { "mon-fri 08:00-18:00", 0, 480, true },   { "mon-fri 08:00-18:00", 0, 479, false },
        { "mon-fri 08:00-18:00", 4, 1079, true },  { "mon-fri 08:00-18:00", 4, 1080, false },
        { "mon-fri 08:00-18:00", 5, 600, false },  { "fri 22:00-06:00", 4, 1400, true },
        { "fri 22:00-06:00", 5, 359, true },       { "fri 22:00-06:00", 5, 360, false },
        { "fri 22:00-06:00", 4, 100, false },      { "sun 22:00-06:00", 0, 0, true },
        { "sat,sun", 6, 1439, true },              { "00:00-24:00", 3, 1439, true },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct hours h;
        const char *err;
        ck_assert(hours_parse(t[i].text, &h, &err));
        ck_assert_msg(hours_match(&h, t[i].wday, t[i].minute) == t[i].in, "%s at %u %u", t[i].text,
                      t[i].wday, t[i].minute);
    }
}
END_TEST

START_TEST(patterns)
{
    static const struct { const char *pattern, *text; bool match; } t[] = {
        { "anna", "Anna", true },   { "a*", "anna", true },    { "*", "", true },
        { "a?na", "anna", true },   { "a?na", "ana", false },  { "*a", "anna", true },
        { "a*b*c", "axxbyyc", true }, { "a*b*c", "axxbyy", false }, { "", "", true },
        { "", "a", false },         { "a", "", false },        { "**", "x", true },
        { "10.0.*.1", "10.0.77.1", true }, { "*ab", "aab", true },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_msg(pol_glob(t[i].pattern, t[i].text) == t[i].match, "%s %s", t[i].pattern, t[i].text);
}
END_TEST

/* ---- decisions ----------------------------------------------------------------- */

#define STRS(...) { (const char *[]){ __VA_ARGS__ },                                       \
                    sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), sizeof(char *) }
#define NET(a_, b_, c_, d_, p_) { .family = ADIT_AF_IPV4, .prefix = p_, .ip = { a_, b_, c_, d_ } }
#define ADDRS(...) { (struct adit_addr[]){ __VA_ARGS__ },                                  \
                     sizeof((struct adit_addr[]){ __VA_ARGS__ }) / sizeof(struct adit_addr), \
                     sizeof(struct adit_addr) }

static const char *group(const void *u, uint32_t nth)
{
    const char *const *list = u;
    for (uint32_t i = 0; i < nth; i++)
        if (!list[i])
            return NULL;
    return list[nth];
}

/* Anna of the groups users and staff, by PPTP with MS-CHAPv2, on a Monday at 9:30. */
static struct pol_facts anna(void)
{
    static const char *const groups[] = { "users", "Staff", NULL };
    return (struct pol_facts){ .user = "CORP\\anna", .account = "anna", .domain = "CORP",
                               .protocol = "pptp", .tunnel = "office", .calling = "192.0.2.7",
                               .called = "10.0.0.1", .name = "ANNA-PC", .identity = "CN=anna, O=Example",
                               .authenticator = "local", .server_methods = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP,
                               .group = group, .u = groups, .peer = NET(192, 0, 2, 7, 32),
                               .our = NET(10, 0, 0, 1, 32), .method = ADIT_AUTH_MSCHAPV2,
                               .dialin = ADIT_DIALIN_POLICY, .now_s = 1000000, .wday = 0,
                               .minute = 570 };
}

static struct pol_set *set_of(const struct pol_conf *c, uint32_t n)
{
    struct adit_array a = { c, n, sizeof *c };
    struct pol_set *s = NULL;
    char err[POL_ERR] = "";
    int32_t rc = pol_set_new(&a, &s, err);
    ck_assert_msg(rc == 0, "%s", err);
    return s;
}

START_TEST(each_condition_matches_and_misses)
{
    const struct { struct pol_when hit, miss; const char *why; } t[] = {
        { { .users = STRS("ann?") }, { .users = STRS("bert", "anna2") }, "user 'ann?'" },
        { { .users = STRS("corp\\anna") }, { .users = STRS("OTHER\\anna") }, "user 'corp\\anna'" },
        { { .users = STRS("anna@corp") }, { .users = STRS("anna@other") }, "user 'anna@corp'" },
        { { .groups = STRS("admins", "staff") }, { .groups = STRS("admins") }, "group 'Staff'" },
        { { .protocols = STRS("l2tp", "pptp") }, { .protocols = STRS("l2tp") }, "protocol 'pptp'" },
        { { .tunnels = STRS("off*") }, { .tunnels = STRS("home") }, "tunnel 'off*'" },
        { { .clients = ADDRS(NET(10, 0, 0, 0, 8), NET(192, 0, 2, 0, 29)) },
          { .clients = ADDRS(NET(192, 0, 2, 8, 29)) }, "client address 192.0.2.0/29" },
        { { .clients = ADDRS(NET(0, 0, 0, 0, 0)) }, { .clients = ADDRS({ .family = ADIT_AF_IPV6 }) },
          "client address 0.0.0.0/0" },
        { { .called = ADDRS(NET(10, 0, 0, 1, 32)) }, { .called = ADDRS(NET(10, 0, 0, 2, 32)) },
          "called address 10.0.0.1/32" },
        { { .hours = STRS("sat", "mon-fri 08:00-18:00") }, { .hours = STRS("mon 09:31-10:00") },
          "hours mon-fri 08:00-18:00" },
        { { .methods = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP }, { .methods = ADIT_AUTH_PAP },
          "method mschapv2" },
        { { .calling = STRS("192.0.*") }, { .calling = STRS("+49*") }, "calling station '192.0.*'" },
        { { .secured = POL_NO }, { .secured = POL_YES }, "not through IPsec" },
        { { .domains = STRS("corp") }, { .domains = STRS("other") }, "domain 'corp'" },
        { { .called_station = STRS("10.*") }, { .called_station = STRS("11.*") }, "called station '10.*'" },
        { { .names = STRS("*-pc") }, { .names = STRS("srv*") }, "client name '*-pc'" },
        { { .identities = STRS("CN=anna,*") }, { .identities = STRS("CN=bert,*") },
          "IPsec identity 'CN=anna,*'" },
        { { .authenticators = STRS("local") }, { .authenticators = STRS("radius") }, "authenticator 'local'" },
        { { .users = STRS("/^ann[aeiou]$/") }, { .users = STRS("/^ann[^a]$/") }, "user '/^ann[aeiou]$/'" },
        { { .users = STRS("/^corp.(anna|bert)$/") }, { .users = STRS("/^other/") },
          "user '/^corp.(anna|bert)$/'" },
        { { .groups = STRS("/^(staff|board)$/") }, { .groups = STRS("/^(staf|board)$/") }, "group 'Staff'" },
        { { .calling = STRS("/^192\\.0\\./") }, { .calling = STRS("/^192\\.1/") },
          "calling station '/^192\\.0\\./'" },
    };
    struct pol_facts f = anna();
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c[] = { { .name = "miss", .when = t[i].miss, .grant = 1 },
                                { .name = "hit", .when = t[i].hit, .grant = 1 } };
        struct pol_set *s = set_of(c, 2);
        struct pol_decision d;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.policy == &c[1], "%zu: %s", i, d.why);
        ck_assert_msg(strstr(d.why, t[i].why) != NULL, "%s", d.why);
        pol_set_free(s);
    }
    /* each in `unless` does the contrary */
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c[] = { { .name = "hit", .unless = t[i].hit, .grant = 1 },
                                { .name = "miss", .unless = t[i].miss, .grant = 1 } };
        struct pol_set *s = set_of(c, 2);
        struct pol_decision d;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.policy == &c[1], "unless %zu: %s", i, d.why);
        ck_assert(!pol_everyone(&c[0]) && !pol_everyone(&c[1]));
        pol_set_free(s);
    }
    /* a wildcard for a domain is no wildcard for another one, nor for none */
    struct pol_conf c[] = { { .name = "corp", .when = { .users = STRS("CORP\\*") }, .grant = 1 } };
    struct pol_set *s = set_of(c, 1);
    struct pol_decision d;
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    f.domain = "";
    f.user = "anna";
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_NO_POLICY);
    pol_set_free(s);
}
END_TEST

/* peers.md section (g): the whole table of account and policy. */
START_TEST(account_and_policy_together)
{
    static const struct {
        const char *what;
        uint32_t dialin, grant, ignore;
        bool matches;
        uint32_t cause;         /* NONE: granted */
    } t[] = {
        { "policy, grant",          ADIT_DIALIN_POLICY, 1, 0, true, ADIT_CAUSE_NONE },
        { "policy, deny",           ADIT_DIALIN_POLICY, 0, 0, true, ADIT_CAUSE_POLICY_DENIED },
        { "allow skips deny",       ADIT_DIALIN_ALLOW,  0, 0, true, ADIT_CAUSE_NONE },
        { "allow, grant",           ADIT_DIALIN_ALLOW,  1, 0, true, ADIT_CAUSE_NONE },
        { "deny wins over grant",   ADIT_DIALIN_DENY,   1, 0, true, ADIT_CAUSE_NO_PERMISSION },
        { "deny, deny",             ADIT_DIALIN_DENY,   0, 0, true, ADIT_CAUSE_NO_PERMISSION },
        { "ignored deny",           ADIT_DIALIN_DENY,   1, 1, true, ADIT_CAUSE_NONE },
        { "ignored allow",          ADIT_DIALIN_ALLOW,  0, 1, true, ADIT_CAUSE_POLICY_DENIED },
        { "allow needs a policy",   ADIT_DIALIN_ALLOW,  1, 0, false, ADIT_CAUSE_NO_POLICY },
        { "deny without a policy",  ADIT_DIALIN_DENY,   1, 0, false, ADIT_CAUSE_NO_POLICY },
        { "policy, none matches",   ADIT_DIALIN_POLICY, 1, 0, false, ADIT_CAUSE_NO_POLICY },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c = { .name = "p", .grant = t[i].grant, .ignore_account = t[i].ignore,
                              .when = { .users = STRS("anna") } };
        struct pol_conf other = { .name = "p", .grant = t[i].grant, .when = { .users = STRS("bert") } };
        struct pol_set *s = set_of(t[i].matches ? &c : &other, 1);
        struct pol_facts f = anna();
        struct pol_decision d;
        f.dialin = t[i].dialin;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.cause == t[i].cause, "%s: %s", t[i].what, d.why);
        ck_assert_msg(d.grant == (t[i].cause == ADIT_CAUSE_NONE), "%s", t[i].what);
        pol_set_free(s);
    }
}
END_TEST

START_TEST(no_policy_at_all_denies)
{
    struct pol_set *s = set_of(NULL, 0);
    struct pol_facts f = anna();
    struct pol_decision d;
    f.dialin = ADIT_DIALIN_ALLOW;
    pol_decide(s, &f, &d);
    ck_assert(!d.grant);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_NO_POLICY);
    ck_assert_ptr_null(d.policy);
    pol_set_free(s);
}
END_TEST

START_TEST(the_first_match_decides_and_nothing_falls_through)
{
    struct pol_conf c[] = {
        { .name = "others", .grant = 1, .when = { .users = STRS("bert") } },
        { .name = "half", .grant = 1, .when = { .users = STRS("anna"), .protocols = STRS("l2tp") } },
        { .name = "pap only", .grant = 1, .when = { .groups = STRS("staff") },
          .profile = { .methods = ADIT_AUTH_PAP } },
        { .name = "all", .grant = 1 },
    };
    struct pol_set *s = set_of(c, 4);
    struct pol_facts f = anna();
    struct pol_decision d;
    pol_decide(s, &f, &d);
    ck_assert_ptr_eq(d.policy, &c[2]);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_METHOD_REFUSED);      /* though "all" would grant */
    ck_assert_str_eq(d.why, "policy 'pap only' matches: group 'Staff'; permission grant; "
                            "profile.methods permits pap, the client used mschapv2");
    pol_set_free(s);
}
END_TEST

START_TEST(the_sentence_says_what_matched)
{
    struct pol_conf c[] = {
        { .name = "staff", .grant = 1, .when = { .groups = STRS("staff"),
                                                 .hours = STRS("mon-fri 08:00-18:00") } },
        { .name = "default" },
    };
    struct pol_set *s = set_of(c, 2);
    struct pol_facts f = anna();
    struct pol_decision d;
    pol_decide(s, &f, &d);
    ck_assert_str_eq(d.why, "policy 'staff' matches: group 'Staff', hours mon-fri 08:00-18:00; "
                            "permission grant");
    f.wday = 6;
    pol_decide(s, &f, &d);
    ck_assert_str_eq(d.why, "policy 'default' matches everyone; permission deny");
    pol_set_free(s);
}
END_TEST

START_TEST(constraints_hold_for_allowed_accounts_too)
{
    const struct {
        struct pol_profile profile;
        uint32_t method, dialin;
        bool secured;
        uint64_t expiry;
        uint32_t cause;
        const char *says;
    } t[] = {
        { { .methods = ADIT_AUTH_MSCHAPV2 }, ADIT_AUTH_PAP, ADIT_DIALIN_ALLOW, 0, 0,
          ADIT_CAUSE_METHOD_REFUSED, "permits mschapv2, the client used pap" },
        { { .encryption = ADIT_ENC_128 }, ADIT_AUTH_PAP, ADIT_DIALIN_POLICY, 0, 0,
          ADIT_CAUSE_CONFLICT, "profile.encryption [128] demands encryption, and the method pap" },
        { { .encryption = ADIT_ENC_128 | ADIT_ENC_NONE }, ADIT_AUTH_PAP, 0, 0, 0, ADIT_CAUSE_NONE, "" },
        { { .encryption = ADIT_ENC_128 }, ADIT_AUTH_PAP, 0, true, 0, ADIT_CAUSE_NONE, "" },
        { { .encryption = ADIT_ENC_40 }, ADIT_AUTH_EAP_MD5, 0, 0, 0, ADIT_CAUSE_CONFLICT, "eap-md5" },
        { { .encryption = ADIT_ENC_40 }, ADIT_AUTH_CHAP, ADIT_DIALIN_ALLOW, 0, 0, ADIT_CAUSE_CONFLICT, "chap" },
        { { .encryption = ADIT_ENC_128 }, ADIT_AUTH_EAP_TLS, 0, 0, 0, ADIT_CAUSE_NONE, "" },
        { { .mtu = 1400 }, ADIT_AUTH_PAP, 0, 0, 1000000, ADIT_CAUSE_EXPIRED, "expired" },
        { { .mtu = 1400 }, ADIT_AUTH_PAP, 0, 0, 1000001, ADIT_CAUSE_NONE, "" },
        { { .only.hours = STRS("tue-sun") }, ADIT_AUTH_PAP, ADIT_DIALIN_ALLOW, 0, 0, ADIT_CAUSE_HOURS,
          "profile.hours permits tue-sun, it is mon 09:30" },
        { { .only.hours = STRS("tue", "mon 09:00-10:00") }, ADIT_AUTH_PAP, 0, 0, 0, ADIT_CAUSE_NONE, "" },
        { { .methods = ADIT_AUTH_PAP }, 0, 0, 0, 0, ADIT_CAUSE_METHOD_REFUSED, "used none" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c = { .name = "p", .grant = 1, .profile = t[i].profile };
        struct pol_set *s = set_of(&c, 1);
        struct pol_facts f = anna();
        struct pol_decision d;
        f.method = t[i].method;
        f.dialin = t[i].dialin;
        f.secured = t[i].secured;
        f.expiry_s = t[i].expiry;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.cause == t[i].cause, "%zu: %s", i, d.why);
        ck_assert_msg(strstr(d.why, t[i].says) != NULL, "%zu: %s", i, d.why);
        f.dry = true;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.cause == (f.method ? t[i].cause : ADIT_CAUSE_NONE), "%zu dry: %s", i, d.why);
        pol_set_free(s);
    }
}
END_TEST

START_TEST(W15_keyless_methods_with_encryption_are_refused_at_load)
{
    const struct { struct pol_conf c[2]; uint32_t n; const char *says; } t[] = {
        { { { .name = "p", .profile = { .methods = ADIT_AUTH_PAP | ADIT_AUTH_CHAP,
                                        .encryption = ADIT_ENC_128 } } }, 1, "permits only pap, chap" },
        { { { .name = "p", .when = { .hours = STRS("never") } } }, 1, "when.hours: 'never'" },
        { { { .name = "p", .profile = { .only.hours = STRS("25:00-26:00") } } }, 1, "profile.hours" },
        { { { .name = "" } }, 1, "1 to 63" },
        { { { .name = NULL } }, 1, "1 to 63" },
        { { { .name = "a" }, { .name = "A" } }, 2, "both named 'A'" },
        { { { .name = "p", .when = { .groups = STRS("") } } }, 1, "when.groups has an empty entry" },
        { { { .name = "p", .profile = { .dns = ADDRS({ .family = ADIT_AF_IPV6 }) } } }, 1, "profile.dns" },
        { { { .name = "p", .profile = { .address = { .family = ADIT_AF_IPV6 } } } }, 1, "profile.address" },
        { { { .name = "p", .profile = { .pool = "x", .address = NET(1, 1, 1, 1, 32) } } }, 1, "keep one" },
        { { { .name = "p", .profile = { .wins = ADDRS(NET(1, 1, 1, 1, 32), NET(1, 1, 1, 2, 32),
                                                      NET(1, 1, 1, 3, 32)) } } }, 1, "names 3" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct adit_array a = { t[i].c, t[i].n, sizeof t[i].c[0] };
        struct pol_set *s = NULL;
        char err[POL_ERR] = "";
        ck_assert_int_eq(pol_set_new(&a, &s, err), ADIT_ECONF);
        ck_assert_msg(strstr(err, t[i].says) != NULL, "'%s' lacks '%s'", err, t[i].says);
    }
    struct pol_conf ok = { .name = "p", .when = { .secured = POL_YES },
                           .profile = { .methods = ADIT_AUTH_PAP, .encryption = ADIT_ENC_128 } };
    pol_set_free(set_of(&ok, 1));
    struct adit_array many = { &ok, POL_MAX + 1, 0 };
    struct pol_set *s = NULL;
    char err[POL_ERR];
    ck_assert_int_eq(pol_set_new(&many, &s, err), ADIT_ECONF);
}
END_TEST

START_TEST(long_values_are_cut_and_never_overrun)
{
    char name[64], user[4096];
    memset(name, 'n', sizeof name);
    name[63] = '\0';
    memset(user, 'u', sizeof user);
    user[sizeof user - 1] = '\0';
    const char *many[50];
    for (size_t i = 0; i < 50; i++)
        many[i] = user;
    struct pol_conf c = { .name = name, .grant = 1,
                          .when = { .users = { many, 50, sizeof(char *) },
                                    .groups = { many, 50, sizeof(char *) },
                                    .calling = { many, 50, sizeof(char *) } } };
    const char *const groups[] = { user, user, NULL };
    struct pol_set *s = set_of(&c, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    f.user = f.account = f.calling = user;
    f.domain = user;
    f.u = groups;
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    ck_assert_uint_lt(strlen(d.why), POL_WHY);
    pol_set_free(s);
}
END_TEST

/* What is not known matches nothing, a pattern for anything neither; so it is in no `unless`. */
START_TEST(what_is_unknown_matches_nothing)
{
    const struct pol_when t[] = {
        { .users = STRS("*\\*") }, { .groups = STRS("*") }, { .domains = STRS("*") },
        { .protocols = STRS("*") }, { .tunnels = STRS("*") }, { .clients = ADDRS(NET(0, 0, 0, 0, 0)) },
        { .called = ADDRS(NET(0, 0, 0, 0, 0)) }, { .calling = STRS("*") }, { .called_station = STRS("/.*/") },
        { .names = STRS("*") }, { .identities = STRS("*") }, { .authenticators = STRS("*") },
        { .methods = ADIT_AUTH_PAP | ADIT_AUTH_MSCHAPV2 },
    };
    static const char *const none[] = { NULL };
    const struct pol_facts f = { .user = "", .account = "", .domain = "", .protocol = "", .tunnel = "",
                                 .calling = "", .called = "", .name = "", .identity = "",
                                 .authenticator = "", .group = group, .u = none };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c[] = { { .name = "when", .when = t[i], .grant = 1 },
                                { .name = "unless", .unless = t[i], .grant = 1 } };
        struct pol_set *s = set_of(c, 2);
        struct pol_decision d;
        pol_decide(s, &f, &d);
        ck_assert_msg(d.policy == &c[1], "%zu: %s", i, d.why);
        pol_set_free(s);
    }
}
END_TEST

struct heard {
    uint32_t count, failed;
    char why[POL_WHY];
};

static void hear(void *u, const struct pol_cond *c)
{
    struct heard *h = u;
    h->count++;
    if (!c->matched) {
        h->failed++;
        snprintf(h->why, sizeof h->why, "%s", c->why);
    }
}

/* "Match all of the conditions of at least one remote access policy." */
START_TEST(all_conditions_of_a_policy_must_match)
{
    struct pol_conf c = { .name = "p", .grant = 1,
                          .when = { .groups = STRS("staff"), .protocols = STRS("l2tp"),
                                    .methods = ADIT_AUTH_MSCHAPV2 },
                          .unless = { .clients = ADDRS(NET(192, 0, 2, 0, 24)) } };
    struct pol_set *s = set_of(&c, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    struct heard h = { 0 };
    f.protocol = "l2tp";
    ck_assert(!pol_matches(s, 0, &f, hear, &h));
    ck_assert_uint_eq(h.count, 4);
    ck_assert_uint_eq(h.failed, 1);
    ck_assert_str_eq(h.why, "unless.client-addresses excludes 192.0.2.0/24, it is 192.0.2.7");
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_NO_POLICY);
    ck_assert_str_eq(d.why, "none of the 1 policies matches; denied ('p' fails at unless.client-addresses)");
    f.peer.ip[2] = 3;
    pol_decide(s, &f, &d);
    ck_assert_msg(d.grant, "%s", d.why);
    f.protocol = "pptp";
    h = (struct heard){ 0 };
    ck_assert(!pol_matches(s, 0, &f, hear, &h));
    ck_assert_str_eq(h.why, "when.protocols wants l2tp, it is pptp");
    pol_set_free(s);
}
END_TEST

/* "Match all the settings of the profile": the dial-in constraints of it. */
START_TEST(the_settings_of_the_profile_must_match)
{
    const struct { struct pol_when only; uint32_t cause; const char *says; } t[] = {
        { { .protocols = STRS("l2tp") }, ADIT_CAUSE_RESTRICTED, "profile.protocols permits l2tp, it is pptp" },
        { { .protocols = STRS("pptp") }, ADIT_CAUSE_NONE, "" },
        { { .calling = STRS("10.*", "198.51.100.*") }, ADIT_CAUSE_RESTRICTED,
          "profile.calling-station permits 10.*, 198.51.100.*, it is 192.0.2.7" },
        { { .calling = STRS("192.0.2.7") }, ADIT_CAUSE_NONE, "" },
        { { .called_station = STRS("10.0.0.2") }, ADIT_CAUSE_RESTRICTED,
          "profile.called-station permits 10.0.0.2, it is 10.0.0.1" },
        { { .clients = ADDRS(NET(10, 0, 0, 0, 8)) }, ADIT_CAUSE_RESTRICTED,
          "profile.client-addresses permits 10.0.0.0/8, it is 192.0.2.7" },
        { { .secured = POL_YES }, ADIT_CAUSE_RESTRICTED, "profile.secured permits yes, it is no" },
        { { .hours = STRS("sun") }, ADIT_CAUSE_HOURS, "profile.hours permits sun, it is mon 09:30" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        /* also for an account that is allowed by itself, and the next one is not tried */
        struct pol_conf c[] = { { .name = "p", .grant = 0, .profile = { .only = t[i].only } },
                                { .name = "all", .grant = 1 } };
        struct pol_set *s = set_of(c, 2);
        struct pol_facts f = anna();
        struct pol_decision d;
        f.dialin = ADIT_DIALIN_ALLOW;
        pol_decide(s, &f, &d);
        ck_assert_ptr_eq(d.policy, &c[0]);
        ck_assert_msg(d.cause == t[i].cause, "%zu: %s", i, d.why);
        ck_assert_msg(strstr(d.why, t[i].says) != NULL, "%zu: %s", i, d.why);
        pol_set_free(s);
    }
}
END_TEST

START_TEST(a_dry_run_leaves_out_what_is_unknown_and_nothing_else)
{
    struct pol_conf c = { .name = "p", .grant = 1, .profile.only = { .protocols = STRS("l2tp"),
                                                                     .hours = STRS("sun") } };
    struct pol_set *s = set_of(&c, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    f.dry = true;
    f.protocol = "";
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_HOURS);
    f.wday = 6;
    pol_decide(s, &f, &d);
    ck_assert_msg(d.grant, "%s", d.why);
    f.dry = false;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_RESTRICTED);
    pol_set_free(s);
}
END_TEST

static const char *caller(const void *u, uint32_t nth)
{
    static const char *const from[] = { "10.*", "+49*", NULL };
    (void)u;
    return from[nth];
}

/* "Match all the settings of the dial-in properties of the user account." */
START_TEST(the_account_may_say_where_it_calls_from)
{
    struct pol_conf c[] = { { .name = "p", .grant = 1 }, { .name = "p", .grant = 1, .ignore_account = 1 } };
    struct pol_set *s = set_of(c, 1), *ignores = set_of(c + 1, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    f.caller = caller;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_RESTRICTED);
    ck_assert_ptr_nonnull(strstr(d.why, "the account may call only from 10.*, +49*, it called from 192.0.2.7"));
    f.dialin = ADIT_DIALIN_ALLOW;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_RESTRICTED);
    pol_decide(ignores, &f, &d);
    ck_assert(d.grant);
    f.calling = "10.9.9.9";
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    f.calling = "";
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_RESTRICTED);
    f.dry = true;
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    pol_set_free(s);
    pol_set_free(ignores);
}
END_TEST

/* "For example, if the matching remote access policy profile specifies that EAP-TLS
 * must be used and EAP isn't enabled on the VPN server, the attempt is rejected." */
START_TEST(profile_and_server_in_conflict_over_methods_name_both)
{
    struct pol_conf c = { .name = "p", .grant = 1, .profile = { .methods = ADIT_AUTH_EAP_TLS } };
    struct pol_set *s = set_of(&c, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_CONFLICT);
    ck_assert_msg(strstr(d.why, "profile.methods permits eap-tls, the server enables pap, mschapv2 (ppp.auth): nothing in common"),
                  "%s", d.why);
    f.dry = true;               /* a dry run says it, too, also without a method */
    f.method = 0;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_CONFLICT);
    f = anna();
    f.server_methods |= ADIT_AUTH_EAP_TLS;
    pol_decide(s, &f, &d);      /* it was enabled, the client chose another */
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_METHOD_REFUSED);
    pol_set_free(s);
}
END_TEST

START_TEST(profile_and_account_in_conflict_over_the_address_name_both)
{
    struct pol_conf c = { .name = "p", .grant = 1, .profile = { .address = NET(10, 9, 0, 5, 32) } };
    struct pol_set *s = set_of(&c, 1);
    struct pol_facts f = anna();
    struct pol_decision d;
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    f.address = (struct adit_addr)NET(10, 9, 0, 5, 32);
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    f.address.ip[3] = 6;
    pol_decide(s, &f, &d);
    ck_assert_uint_eq(d.cause, ADIT_CAUSE_CONFLICT);
    ck_assert_msg(strstr(d.why, "profile.address is 10.9.0.5, the account's own address is 10.9.0.6") != NULL,
                  "%s", d.why);
    c.ignore_account = 1;
    pol_decide(s, &f, &d);
    ck_assert(d.grant);
    pol_set_free(s);
}
END_TEST

START_TEST(patterns_between_slashes_are_checked_at_load)
{
    static const struct { const char *pattern, *says; } t[] = {
        { "/(/", "no regular expression" }, { "/a{3}/", "with {}" }, { "/(a)\\1/", "back reference" },
        { "/[/", "no regular expression" }, { "/*(/", "no regular expression" },
    };
    char err[POL_ERR], large[300];
    struct pol_set *s;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct pol_conf c = { .name = "p", .unless = { .users = { &t[i].pattern, 1, sizeof(char *) } } };
        struct adit_array a = { &c, 1, sizeof c };
        ck_assert_int_eq(pol_set_new(&a, &s, err), ADIT_ECONF);
        ck_assert_msg(strstr(err, "policy 'p': unless.users: '") && strstr(err, t[i].says), "%s", err);
    }
    memset(large, 'a', sizeof large);
    large[0] = '/';
    large[298] = '/';
    large[299] = '\0';
    const char *const one[] = { large };
    struct pol_conf c = { .name = "p", .profile = { .only.calling = { one, 1, sizeof(char *) } } };
    struct adit_array a = { &c, 1, sizeof c };
    ck_assert_int_eq(pol_set_new(&a, &s, err), ADIT_ECONF);
    ck_assert_ptr_nonnull(strstr(err, "profile.calling-station"));
    /* a slash alone is a letter like others */
    struct pol_conf slash = { .name = "p", .when = { .users = STRS("/", "//", "/a") } };
    pol_set_free(set_of(&slash, 1));
}
END_TEST

static Suite *suite(void)
{
    static const TTest *tests[24];
    size_t n = 0;
    tests[n++] = hours_are_read;
    tests[n++] = hours_that_are_none_are_refused;
    tests[n++] = hours_match_at_their_edges;
    tests[n++] = patterns;
    tests[n++] = each_condition_matches_and_misses;
    tests[n++] = account_and_policy_together;
    tests[n++] = no_policy_at_all_denies;
    tests[n++] = the_first_match_decides_and_nothing_falls_through;
    tests[n++] = the_sentence_says_what_matched;
    tests[n++] = constraints_hold_for_allowed_accounts_too;
    tests[n++] = W15_keyless_methods_with_encryption_are_refused_at_load;
    tests[n++] = long_values_are_cut_and_never_overrun;
    tests[n++] = what_is_unknown_matches_nothing;
    tests[n++] = all_conditions_of_a_policy_must_match;
    tests[n++] = the_settings_of_the_profile_must_match;
    tests[n++] = the_account_may_say_where_it_calls_from;
    tests[n++] = a_dry_run_leaves_out_what_is_unknown_and_nothing_else;
    tests[n++] = profile_and_server_in_conflict_over_methods_name_both;
    tests[n++] = profile_and_account_in_conflict_over_the_address_name_both;
    tests[n++] = patterns_between_slashes_are_checked_at_load;
    return unit_suite("policy", tests);
}

UNIT_MAIN(suite)
