/* test_filter.c - packet filters and rates: how they are written, what they pass. */
#include <netinet/in.h>
#include <string.h>
#include "config/conf.h"
#include "daemon/filters.h"
#include "datapath/dp_guard.h"
#include "datapath/dp_nft.h"
#include "datapath/dp_rate.h"
#include "loop/loop.h"
#include "unit.h"

/* ---- packets --------------------------------------------------------------------- */

static uint8_t pkt[256];
static size_t pkt_len;

static void put_ip(uint8_t *to, const char *text)
{
    struct adit_addr a;
    ck_assert_int_eq(conf_parse_addr(text, &a), 0);
    memcpy(to, a.ip, a.family == ADIT_AF_IPV4 ? 4 : 16);
}

/* An IP packet with `l4_len` zero bytes of payload. */
static uint8_t *ip(const char *from, const char *to, uint8_t proto, size_t l4_len)
{
    bool v6 = strchr(from, ':') != NULL;
    size_t head = v6 ? 40 : 20;
    memset(pkt, 0, sizeof pkt);
    pkt_len = head + l4_len;
    pkt[0] = v6 ? 0x60 : 0x45;
    if (v6) {
        dp_put16(pkt + 4, (uint32_t)l4_len);
        pkt[6] = proto;
        put_ip(pkt + 8, from);
        put_ip(pkt + 24, to);
    } else {
        dp_put16(pkt + 2, (uint32_t)pkt_len);
        pkt[9] = proto;
        put_ip(pkt + 12, from);
        put_ip(pkt + 16, to);
    }
    return pkt + head;
}

static void tcp(const char *from, const char *to, uint16_t sport, uint16_t dport, uint8_t flags)
{
    uint8_t *t = ip(from, to, IPPROTO_TCP, 20);
    dp_put16(t, sport);
    dp_put16(t + 2, dport);
    t[12] = 0x50;
    t[13] = flags;
}

static void udp(const char *from, const char *to, uint16_t sport, uint16_t dport)
{
    uint8_t *t = ip(from, to, IPPROTO_UDP, 8);
    dp_put16(t, sport);
    dp_put16(t + 2, dport);
}

static void icmp(const char *from, const char *to, uint8_t type, uint8_t code)
{
    uint8_t *t = ip(from, to, strchr(from, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 8);
    t[0] = type;
    t[1] = code;
}

static bool own(const void *u, const uint8_t *a, unsigned version)
{
    (void)u;
    return version == 4 && memcmp(a, "\x0a\x09\x00\x02", 4) == 0;
}

/* 1 passes, 0 dropped, -1 nobody can judge it. */
static int says(struct dp_filter *f)
{
    static const struct dp_who who = { own, NULL };
    struct dp_hdr h;
    struct dp_look l;
    uint8_t *exact = malloc(pkt_len);   /* a read behind it is seen */
    memcpy(exact, pkt, pkt_len);
    ck_assert(dp_parse(exact, pkt_len, &h));
    int r = !dp_look(exact, &h, &l) ? -1 : dp_filter_pass(f, &l, &who);
    free(exact);
    return r;
}

static struct dp_filter *in, *out;
static char why[256];

static int rules_of(const char *const *rules)
{
    uint32_t n = 0;
    while (rules[n])
        n++;
    dp_filter_unref(in);
    dp_filter_unref(out);
    return dp_filter_read(rules, n, &in, &out, why, sizeof why);
}
#define RULES(...) ck_assert_msg(rules_of((const char *const[]){ __VA_ARGS__, NULL }) == 0, "%s", why)

static void fini(void)
{
    dp_filter_unref(in);
    dp_filter_unref(out);
    in = out = NULL;
}

/* ---- rules as text ------------------------------------------------------------------ */

/* As it is written, and as it is written out again (NULL: the same). */
static const struct { const char *in, *out; } golden[] = {
    { "permit in ip from any to any", NULL },
    { "permit in ip from any to 10.0.0.0/8 80", NULL },
    { "deny in tcp from any to any 25,465,587-590", NULL },
    { "PERMIT  In\tTcp FROM any 1-1024 TO 192.0.2.1/32 80", "permit in tcp from any 1-1024 to 192.0.2.1 80" },
    { "deny in ip from !assigned to any", "deny in ip from ! assigned to any" },
    { "deny in ip from ! assigned to any", NULL },
    { "permit in ip from assigned to ! 10.0.0.0/8", NULL },
    { "permit in 6 from any to any established", "permit in tcp from any to any established" },
    { "permit in 99 from any to any", NULL },
    { "deny in tcp from any to any setup", "deny in tcp from any to any tcpflags syn,!ack" },
    { "deny in tcp from any to any tcpflags syn,!rst,fin", "deny in tcp from any to any tcpflags fin,syn,!rst" },
    { "deny in tcp from any to any tcpoptions mss,!sack", NULL },
    { "deny in ip from any to any ipoptions ssrr,lsrr", NULL },
    { "deny in ip from any to any frag", NULL },
    { "permit in icmp from any to any icmptypes 0,3-5,8", NULL },
    { "permit in icmp from any to any icmptypes echo request,echo reply",
      "permit in icmp from any to any icmptypes 8,0" },
    { "permit in icmp from any to any icmptypes 3/4,11", NULL },
    { "permit in icmpv6 from any to any icmptypes packet too big,echo-request",
      "permit in icmpv6 from any to any icmptypes 2,128" },
    { "permit in udp from fd00::/8 to 2001:db8::1 53", NULL },
    { "permit in ip from 0.0.0.0/0 to any", NULL },
    { "permit in ip from 10.0.0.0/8,192.168.0.0/16,assigned to any",
      "permit in ip from assigned,10.0.0.0/8,192.168.0.0/16 to any" },
};

START_TEST(rules_are_read_and_written)
{
    char text[DP_FILTER_TEXT];
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        RULES(golden[i].in);
        ck_assert_ptr_null(out);
        const char *want = golden[i].out ? golden[i].out : golden[i].in;
        ck_assert_str_eq(dp_filter_rule(in, 0, "in", text), want);
        /* and what was written is the same filter */
        struct dp_filter *again, *none;
        const char *line = text;
        ck_assert_int_eq(dp_filter_read(&line, 1, &again, &none, why, sizeof why), 0);
        ck_assert(dp_filter_same(again, in));
        dp_filter_unref(again);
    }
    fini();
}
END_TEST

static const struct { const char *rule, *why; } bad[] = {
    { "", "neither permit nor deny" },
    { "allow in ip from any to any", "neither permit nor deny" },
    { "permitin ip from any to any", "neither" },
    { "permit ip from any to any", "'in' or 'out' is missing" },
    { "permit in foo from any to any", "no protocol is named 'foo'" },
    { "permit in 256 from any to any", "no protocol is named '256'" },
    { "permit in ip any to any", "'from' is missing" },
    { "permit in ip from any any", "'to' is missing" },
    { "permit in ip from any to", "'' is no address" },
    { "permit in ip from 10.0.0.256 to any", "'10.0.0.256' is no address" },
    { "permit in ip from 10.0.0.1/8 to any", "bits beyond its mask" },
    { "permit in ip from 10.0.0.0/33 to any", "is no address" },
    { "permit in ip from 10.0.0.1:80 to any", "is no address" },
    { "permit in ip from none to any", "is no address" },
    { "permit in ip from ! any to any", "fits nothing" },
    { "permit in ip from 10.0.0.0/8 to fd00::/8", "IPv4" },
    { "permit in tcp from any to any 65536", "at most 65535" },
    { "permit in tcp from any to any 90-80", "ports are such as" },
    { "permit in tcp from any to any 80,", "ports are such as" },
    { "permit in tcp from any to any 80x", "ports are such as" },
    { "permit in gre from any to any 80", "ports need protocol" },
    { "permit in udp from any to any established", "protocol tcp" },
    { "permit in tcp from any to any icmptypes 8", "protocol icmp" },
    { "permit in icmp from any to any icmptypes", "icmptypes wants" },
    { "permit in icmp from any to any icmptypes 256", "icmptypes wants" },
    { "permit in icmp from any to any icmptypes 3-5/1", "icmptypes wants" },
    { "permit in icmp from any to any icmptypes echo", "icmptypes wants" },
    { "permit in tcp from any to any tcpflags foo", "tcpflags knows no 'foo'" },
    { "permit in tcp from any to any tcpflags syn,!syn", "and does not want it" },
    { "permit in ip from any to any ipoptions", "ipoptions knows no ''" },
    { "permit in tcp from any to any 80 frag", "later fragments have no ports" },
    { "permit in ip from any to any keep-state", "no option is named 'keep-state'" },
};

START_TEST(rules_that_are_none)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(rules_of((const char *const[]){ "permit in ip from any to any", bad[i].rule, NULL }) ==
                      ADIT_EINVAL, "%s", bad[i].rule);
        ck_assert_msg(strstr(why, bad[i].why) && strstr(why, "rule 2"), "%s: %s", bad[i].rule, why);
        ck_assert_ptr_null(in);
        ck_assert_ptr_null(out);
    }
    static char longest[5000];
    memset(longest, ' ', sizeof longest - 1);
    memcpy(longest, golden[0].in, strlen(golden[0].in));
    ck_assert_int_eq(rules_of((const char *const[]){ longest, NULL }), ADIT_EINVAL);
    /* every rule, cut anywhere, in memory of exactly its size */
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++)
        for (size_t n = 0; n < strlen(golden[i].in); n++) {
            char *cut = malloc(n + 1);
            memcpy(cut, golden[i].in, n);
            cut[n] = '\0';
            (void)rules_of((const char *const[]){ cut, NULL });
            free(cut);
        }
    fini();
}
END_TEST

START_TEST(more_rules_than_are_taken)
{
    static const char *many[DP_FILTER_RULES + 2];
    for (uint32_t i = 0; i <= DP_FILTER_RULES; i++)
        many[i] = "permit in tcp from any to 10.0.0.0/8 80";
    ck_assert_int_eq(rules_of(many), ADIT_EINVAL);
    many[DP_FILTER_RULES] = NULL;
    ck_assert_int_eq(rules_of(many), 0);
    ck_assert_uint_eq(dp_filter_count(in), DP_FILTER_RULES);
    fini();
}
END_TEST

/* ---- what they pass ---------------------------------------------------------------------- */

START_TEST(the_first_rule_that_fits_decides)
{
    RULES("deny in tcp from any to 10.1.0.0/16", "permit in tcp from any to 10.0.0.0/8 80,8000-8080",
          "permit out ip from any to any");
    ck_assert_ptr_nonnull(out);
    tcp("10.9.0.2", "10.1.2.3", 1000, 80, 2);
    ck_assert_int_eq(says(in), 0);
    ck_assert_uint_eq(dp_filter_last(in), 1);
    tcp("10.9.0.2", "10.2.2.3", 1000, 80, 2);
    ck_assert_int_eq(says(in), 1);
    tcp("10.9.0.2", "10.2.2.3", 1000, 8080, 2);
    ck_assert_int_eq(says(in), 1);
    tcp("10.9.0.2", "10.2.2.3", 1000, 8081, 2);
    ck_assert_int_eq(says(in), 0);      /* the last was a permit */
    ck_assert_uint_eq(dp_filter_last(in), 0);
    udp("10.9.0.2", "10.2.2.3", 1000, 80);
    ck_assert_int_eq(says(in), 0);
    struct dp_filter_stat st;
    dp_filter_stat(in, &st);
    ck_assert_uint_eq(st.passed, 2);
    ck_assert_uint_eq(st.dropped, 3);
    ck_assert_uint_eq(st.no_rule, 2);
    ck_assert_uint_eq(dp_filter_hits(in, 0), 1);
    ck_assert_uint_eq(dp_filter_hits(in, 1), 2);
    RULES("permit in ip from any to any 80", "deny in ip from any to 10.1.0.0/16");
    udp("10.9.0.2", "192.0.2.1", 1, 1);
    ck_assert_int_eq(says(in), 1);      /* the last was a deny */
    fini();
}
END_TEST

START_TEST(addresses_of_both_versions)
{
    RULES("permit in ip from any to 10.0.0.0/8,fd00::/8,192.0.2.7");
    static const struct { const char *from, *to; int want; } t[] = {
        { "10.9.0.2", "10.255.255.255", 1 }, { "10.9.0.2", "11.0.0.0", 0 },   { "10.9.0.2", "192.0.2.7", 1 },
        { "10.9.0.2", "192.0.2.6", 0 },      { "fd09::2", "fdff::1", 1 },     { "fd09::2", "fe00::1", 0 },
        { "fd09::2", "2001:db8::1", 0 },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        udp(t[i].from, t[i].to, 1, 2);
        ck_assert_int_eq(says(in), t[i].want);
    }
    RULES("deny in ip from ! assigned to any", "deny in ip from any to ! 10.0.0.0/8", "permit in ip from any to any");
    udp("10.9.0.3", "10.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 0);
    udp("10.9.0.2", "10.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 1);
    udp("10.9.0.2", "11.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 0);
    ck_assert_uint_eq(dp_filter_last(in), 2);
    RULES("deny in ip from any to ! 10.0.0.0/8", "permit in ip from any to any");
    udp("fd09::2", "fd00::1", 1, 2);
    ck_assert_int_eq(says(in), 1);      /* the rule speaks of IPv4 only */
    RULES("permit in ip from 0.0.0.0/0 to any");
    ck_assert_int_eq(says(in), 0);
    udp("10.9.0.2", "11.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 1);
    fini();
}
END_TEST

START_TEST(flags_and_types)
{
    RULES("permit in tcp from any to any established");
    tcp("10.9.0.2", "10.0.0.1", 1, 2, DP_TCP_SYN);
    ck_assert_int_eq(says(in), 0);
    tcp("10.9.0.2", "10.0.0.1", 1, 2, DP_TCP_SYN | DP_TCP_ACK);
    ck_assert_int_eq(says(in), 1);
    tcp("10.9.0.2", "10.0.0.1", 1, 2, DP_TCP_RST);
    ck_assert_int_eq(says(in), 1);
    udp("10.9.0.2", "10.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 0);
    RULES("deny in tcp from any to any setup");
    tcp("10.9.0.2", "10.0.0.1", 1, 2, DP_TCP_SYN);
    ck_assert_int_eq(says(in), 0);
    tcp("10.9.0.2", "10.0.0.1", 1, 2, DP_TCP_SYN | DP_TCP_ACK);
    ck_assert_int_eq(says(in), 1);
    RULES("permit in icmp from any to any icmptypes 3/4,8", "permit in icmpv6 from any to any icmptypes 128-129");
    icmp("10.9.0.2", "10.0.0.1", 8, 0);
    ck_assert_int_eq(says(in), 1);
    icmp("10.9.0.2", "10.0.0.1", 3, 4);
    ck_assert_int_eq(says(in), 1);
    icmp("10.9.0.2", "10.0.0.1", 3, 1);
    ck_assert_int_eq(says(in), 0);
    icmp("fd09::2", "fd00::1", 129, 0);
    ck_assert_int_eq(says(in), 1);
    icmp("fd09::2", "fd00::1", 135, 0);
    ck_assert_int_eq(says(in), 0);
    fini();
}
END_TEST

START_TEST(options_of_headers)
{
    RULES("deny in ip from any to any ipoptions lsrr,!rr");
    udp("10.9.0.2", "10.0.0.1", 1, 2);
    ck_assert_int_eq(says(in), 1);
    uint8_t *t = ip("10.9.0.2", "10.0.0.1", IPPROTO_UDP, 8 + 8);
    pkt[0] = 0x47;                      /* eight bytes of options */
    memcpy(t, (uint8_t[]){ 1, 131, 7, 4, 0, 0, 0, 0 }, 8);
    ck_assert_int_eq(says(in), 0);
    memcpy(t, (uint8_t[]){ 131, 3, 4, 7, 3, 4, 0, 0 }, 8);
    ck_assert_int_eq(says(in), 1);
    memcpy(t, (uint8_t[]){ 131, 1, 0, 0, 0, 0, 0, 0 }, 8);      /* a length that would not advance */
    ck_assert_int_eq(says(in), 1);
    RULES("permit in tcp from any to any tcpoptions mss,sack");
    t = ip("10.9.0.2", "10.0.0.1", IPPROTO_TCP, 28);
    t[12] = 0x70;
    memcpy(t + 20, (uint8_t[]){ 2, 4, 5, 0xb4, 1, 1, 4, 2 }, 8);
    ck_assert_int_eq(says(in), 1);
    memcpy(t + 20, (uint8_t[]){ 2, 4, 5, 0xb4, 1, 1, 1, 1 }, 8);
    ck_assert_int_eq(says(in), 0);
    t[12] = 0xf0;                       /* longer than the packet */
    ck_assert_int_eq(says(in), 0);
    fini();
}
END_TEST

START_TEST(fragments)
{
    RULES("permit in udp from any to any 53", "permit in 17 from any to 10.7.0.0/16");
    udp("10.9.0.2", "10.0.0.1", 9, 53);
    dp_put16(pkt + 6, 0x2000);          /* the first */
    ck_assert_int_eq(says(in), 1);
    dp_put16(pkt + 6, 0x2002);          /* a later one: no ports, whatever stands there */
    ck_assert_int_eq(says(in), 0);
    udp("10.9.0.2", "10.7.0.1", 9, 9);
    dp_put16(pkt + 6, 0x0010);
    ck_assert_int_eq(says(in), 1);      /* addresses and protocol decide */
    dp_put16(pkt + 6, 0x0001);
    ck_assert_int_eq(says(in), -1);     /* RFC 3128 */
    RULES("deny in ip from any to any frag");
    dp_put16(pkt + 6, 0x2000);
    ck_assert_int_eq(says(in), 1);
    dp_put16(pkt + 6, 0x0010);
    ck_assert_int_eq(says(in), 0);
    /* RFC 1858: a first fragment without the whole header */
    RULES("deny in tcp from any to any 25");
    tcp("10.9.0.2", "10.0.0.1", 9, 25, DP_TCP_SYN);
    dp_put16(pkt + 2, 28);
    pkt_len = 28;
    dp_put16(pkt + 6, 0x2000);
    ck_assert_int_eq(says(in), -1);
    fini();
}
END_TEST

/* Extension headers, each with `proto` behind it; returns where the next begins. */
static uint8_t *ext6(uint8_t *at, uint8_t next, uint32_t fragment)
{
    memset(at, 0, 8);
    at[0] = next;
    dp_put16(at + 2, fragment);         /* of the other headers: padding */
    return at + 8;
}

START_TEST(nothing_hides_behind_headers_of_IPv6)
{
    RULES("deny in tcp from any to any 25");
    uint8_t *t = ip("fd09::2", "fd00::1", IPPROTO_DSTOPTS, 8 + 20);
    t = ext6(t, IPPROTO_TCP, 0);
    dp_put16(t + 2, 25);
    ck_assert_int_eq(says(in), 0);
    dp_put16(t + 2, 26);
    ck_assert_int_eq(says(in), 1);
    /* a first fragment, and options behind its header */
    t = ip("fd09::2", "fd00::1", IPPROTO_FRAGMENT, 16 + 20);
    t = ext6(t, IPPROTO_DSTOPTS, 1);
    t = ext6(t, IPPROTO_TCP, 0);
    dp_put16(t + 2, 25);
    ck_assert_int_eq(says(in), 0);
    dp_put16(t + 2, 26);
    ck_assert_int_eq(says(in), 1);
    /* it ends before the transport header (RFC 7112) */
    t = ip("fd09::2", "fd00::1", IPPROTO_FRAGMENT, 16);
    t = ext6(t, IPPROTO_DSTOPTS, 1);
    t = ext6(t, IPPROTO_TCP, 0);
    ck_assert_int_eq(says(in), -1);
    t = ip("fd09::2", "fd00::1", IPPROTO_FRAGMENT, 8);
    t = ext6(t, IPPROTO_DSTOPTS, 1);
    ck_assert_int_eq(says(in), -1);
    /* a later fragment */
    t = ip("fd09::2", "fd00::1", IPPROTO_FRAGMENT, 8 + 20);
    t = ext6(t, IPPROTO_TCP, 0x0108);
    dp_put16(t + 2, 25);
    ck_assert_int_eq(says(in), 1);
    dp_put16(t - 6, 0x0008);
    ck_assert_int_eq(says(in), -1);
    /* ten headers are followed, twenty are nobody's */
    for (int n = 10; n <= 20; n += 10) {
        t = ip("fd09::2", "fd00::1", IPPROTO_DSTOPTS, 8 * (size_t)n + 20);
        for (int i = 1; i < n; i++)
            t = ext6(t, IPPROTO_DSTOPTS, 0);
        t = ext6(t, IPPROTO_TCP, 0);
        dp_put16(t + 2, 25);
        ck_assert_int_eq(says(in), n == 10 ? 0 : -1);
    }
    fini();
}
END_TEST

START_TEST(headers_that_are_cut_off)
{
    RULES("permit in ip from any to any");
    for (size_t n = 20; n <= 40; n++) {
        tcp("10.9.0.2", "10.0.0.1", 9, 25, DP_TCP_SYN);
        dp_put16(pkt + 2, (uint32_t)n);
        pkt_len = n;
        ck_assert_int_eq(says(in), n == 40 ? 1 : -1);
    }
    dp_filter_unreadable(in);
    struct dp_filter_stat st;
    dp_filter_stat(in, &st);
    ck_assert_uint_eq(st.unreadable, 1);
    ck_assert_uint_eq(st.dropped, 1);
    fini();
}
END_TEST

/* ---- the configuration ---------------------------------------------------------------------- */

static char told[2048];

static void tell(void *u, const char *sentence)
{
    (void)u;
    strncat(told, sentence, sizeof told - strlen(told) - 2);
    strcat(told, "\n");
}

static struct filters_plan *plan_of(const char *yaml)
{
    const struct conf_err err = { tell, NULL };
    told[0] = '\0';
    struct conf_doc *d = conf_read_text("t.yaml", yaml, strlen(yaml), &err);
    ck_assert_msg(d != NULL, "%s", told);
    struct filters_plan *p = filters_plan_new(conf_root(d), &err);
    conf_free(d);
    return p;
}

static struct dp_named_info named(const char *name)
{
    struct dp_named_info i;
    for (uint32_t n = 0; dp_filter_nth(n, &i); n++)
        if (!strcmp(i.name, name))
            return i;
    return (struct dp_named_info){ NULL, NULL, false };
}

static void apply(const char *yaml)
{
    struct filters_plan *p = plan_of(yaml);
    ck_assert_msg(p != NULL, "%s", told);
    ck_assert_int_eq(filters_apply(p), 0);
    filters_plan_free(p);
}

static const char *const house =
    "filters:\n"
    "  - name: web\n"
    "    rules:\n"
    "      - { protocol: tcp, to: [10.0.0.0/8, fd00::/8], to-ports: [80, 8000-8080] }\n"
    "      - { protocol: icmp, icmp-types: [echo-request, 3/4] }\n"
    "      - { action: deny, from: 10.9.0.66 }\n"
    "  - name: no-mail\n"
    "    default: permit\n"
    "    rules:\n"
    "      - { protocol: tcp, to-ports: 25 }\n"
    "      - { protocol: tcp, established: yes, action: permit, from-ports: 1-1023 }\n"
    "      - { fragments: yes }\n"
    "  - name: nothing\n";

START_TEST(filters_of_the_configuration)
{
    char text[DP_FILTER_TEXT];
    apply(house);
    const struct dp_filter *f = named("web").filter;
    ck_assert(!dp_filter_default(f));
    ck_assert_str_eq(dp_filter_rule(f, 0, NULL, text), "permit tcp from any to 10.0.0.0/8,fd00::/8 80,8000-8080");
    ck_assert_str_eq(dp_filter_rule(f, 1, NULL, text), "permit icmp from any to any icmptypes 8,3/4");
    ck_assert_str_eq(dp_filter_rule(f, 2, NULL, text), "deny ip from 10.9.0.66 to any");
    f = named("no-mail").filter;
    ck_assert(dp_filter_default(f));
    ck_assert_str_eq(dp_filter_rule(f, 0, NULL, text), "deny tcp from any to any 25");
    ck_assert_str_eq(dp_filter_rule(f, 1, NULL, text), "permit tcp from any 1-1023 to any established");
    ck_assert_str_eq(dp_filter_rule(f, 2, NULL, text), "deny ip from any to any frag");
    ck_assert_uint_eq(dp_filter_count(named("nothing").filter), 0);
    ck_assert(dp_filter_known("web"));
    ck_assert(!dp_filter_known("Web"));
    apply("{}");
    ck_assert_ptr_null(named("web").name);
}
END_TEST

static const struct { const char *yaml, *want; } wrong[] = {
    { "filters: { name: a }", "filters wants a list" },
    { "filters:\n  - rules: []", "'name' is missing" },
    { "filters:\n  - { name: a }\n  - { name: a }", "t.yaml:3:13: two filters are named 'a'" },
    { "filters:\n  - { name: \"\" }", "1 to 63 bytes" },
    { "filters:\n  - name: a\n    rules:\n      - { proto: tcp }", "did you mean 'protocol'" },
    { "filters:\n  - name: a\n    rules:\n      - { protocol: tpc }", "t.yaml:4:21: filter 'a': no protocol is named 'tpc'" },
    { "filters:\n  - name: a\n    rules:\n      - { to-ports: 80 }\n      - { protocol: gre, to-ports: 80 }", "t.yaml:5:21: filter 'a': ports need" },
    { "filters:\n  - name: a\n    rules:\n      - { to-ports: 70000 }", "not '70000'" },
    { "filters:\n  - name: a\n    rules:\n      - { to: 10.0.0.1/8 }", "'to' wants a network" },
    { "filters:\n  - name: a\n    rules:\n      - { from: 10.0.0.0/8, to: fd00::/8 }", "no packet is both" },
    { "filters:\n  - name: a\n    rules:\n      - { protocol: icmp, from: fd00::/8 }", "icmpv6 is meant" },
    { "filters:\n  - name: a\n    rules:\n      - { protocol: icmp, icmp-types: pong }", "'icmp-types' wants" },
    { "filters:\n  - name: a\n    default: maybe", "knows no 'maybe'" },
    { "filters:\n  - name: a\n    rules:\n      - { fragments: yes, to-ports: 80 }", "later fragments" },
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct filters_plan *p = plan_of(wrong[i].yaml);
        ck_assert_msg(p == NULL, "%s", wrong[i].yaml);
        ck_assert_msg(strstr(told, wrong[i].want) != NULL, "%s: %s", wrong[i].yaml, told);
    }
}
END_TEST

START_TEST(a_reload_changes_what_changed)
{
    struct dp_guard_conf c = { .filter = { "web", "no-mail" } };
    struct dp_guard *g;
    ck_assert_int_eq(loop_init(), 0);
    apply(house);
    ck_assert_int_eq(dp_guard_new(&c, &g, why, sizeof why), 0);
    const struct dp_filter *web = named("web").filter, *mail = named("no-mail").filter;
    apply(house);                       /* the same: counters stay with it */
    ck_assert_ptr_eq(named("web").filter, web);
    apply("filters:\n  - name: web\n    default: permit\n  - name: new\n");
    ck_assert(dp_filter_default(named("web").filter));
    ck_assert(named("web").listed);
    ck_assert_ptr_eq(named("no-mail").filter, mail);    /* a session has it */
    ck_assert(!named("no-mail").listed);
    ck_assert(!dp_filter_known("no-mail"));
    ck_assert_ptr_null(named("nothing").name);
    struct dp_guard *other;
    ck_assert_int_eq(dp_guard_new(&c, &other, why, sizeof why), ADIT_ENOENT);
    ck_assert_str_eq(why, "there is no filter 'no-mail'");
    ck_assert_ptr_null(other);
    dp_guard_free(g);
    ck_assert_ptr_null(named("no-mail").name);
    apply("{}");
    loop_fini();
}
END_TEST

START_TEST(a_guard_of_nothing_is_none)
{
    struct dp_guard *g = (struct dp_guard *)(uintptr_t)1;
    ck_assert_int_eq(loop_init(), 0);
    ck_assert_int_eq(dp_guard_new(&(struct dp_guard_conf){ .filter = { "", NULL } }, &g, why, sizeof why), 0);
    ck_assert_ptr_null(g);
    const char *rules[] = { "permit in ip from any to any", "deny out foo" };
    struct dp_guard_conf c = { .rules = rules, .rule_count = 2 };
    ck_assert_int_eq(dp_guard_new(&c, &g, why, sizeof why), ADIT_EINVAL);
    ck_assert_ptr_null(g);
    c.rule_count = 1;
    ck_assert_int_eq(dp_guard_new(&c, &g, why, sizeof why), 0);
    ck_assert_ptr_nonnull(g);
    dp_guard_free(g);
    loop_fini();
}
END_TEST

/* ---- rates ------------------------------------------------------------------------------------- */

START_TEST(a_rate_is_kept)
{
    static const uint64_t rates[] = { 1, 64, 2000, 100000, 10000000 };
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        for (uint32_t size = 40; size < 70000; size *= 3) {
            struct dp_rate r = { 0 };
            uint64_t now = 5000, passed = 0, first;
            dp_rate_set(&r, rates[i], 250, 65536, now);
            uint64_t depth = rates[i] * 250 > 65536 * 8 ? rates[i] * 250 : 65536 * 8;
            while (dp_rate_take(&r, size, now))     /* a burst, as deep as the bucket */
                passed += size;
            first = passed;
            ck_assert_uint_ge(first * 8, depth);
            ck_assert_uint_le(first * 8, depth + size * 8 + 8);
            /* then exactly the rate: more is always offered */
            uint64_t seconds = rates[i] < 100 ? 1000 : 2, end = now + seconds * 1000;
            for (; now < end; now++)
                for (int k = 0; k < 100000 && dp_rate_take(&r, size, now); k++)
                    passed += size;
            uint64_t bits = (passed - first) * 8, want = rates[i] * 1000 * seconds;
            ck_assert_uint_le(bits, want + size * 8);
            ck_assert_uint_ge(bits + size * 8 + rates[i], want);
        }
}
END_TEST

START_TEST(what_is_larger_than_the_bucket_passes_in_its_time)
{
    struct dp_rate r = { 0 };
    dp_rate_set(&r, 512, 20, 3000, 0);
    ck_assert(dp_rate_take(&r, 65000, 0));
    ck_assert(!dp_rate_take(&r, 40, 0));
    uint64_t wait = dp_rate_wait(&r);
    ck_assert_uint_eq(wait, (65000 * 8 - 3000 * 8 + 511) / 512);
    ck_assert(!dp_rate_take(&r, 40, wait - 1));
    ck_assert(dp_rate_take(&r, 65000, wait));
    ck_assert_uint_gt(dp_rate_wait(&r), 900);
}
END_TEST

START_TEST(a_rate_changes_at_once)
{
    struct dp_rate r = { 0 };
    ck_assert(dp_rate_take(&r, 1 << 30, 0));    /* no limit */
    ck_assert_uint_eq(dp_rate_wait(&r), 0);
    dp_rate_set(&r, 1000, 250, 0, 1000);
    ck_assert(dp_rate_take(&r, 31250 + 12500, 1000));
    ck_assert_uint_eq(dp_rate_wait(&r), 100);
    dp_rate_set(&r, 2000, 250, 0, 1050);        /* half of the debt was paid at the old rate */
    ck_assert_uint_eq(dp_rate_wait(&r), 25);
    dp_rate_set(&r, 0, 250, 0, 1060);
    ck_assert(dp_rate_take(&r, 1 << 30, 1060));
    dp_rate_set(&r, UINT64_MAX, 250, 65536, 2000);      /* from a hostile server */
    ck_assert(dp_rate_take(&r, UINT32_MAX, UINT64_MAX));
    ck_assert(dp_rate_take(&r, 1, UINT64_MAX));
}
END_TEST

/* ---- nftables ------------------------------------------------------------------------------------ */

START_TEST(what_an_interface_admits)
{
    static const struct { const char *text; bool good; uint32_t proto, first, last; } t[] = {
        { "icmp-echo", true, 0, 0, 0 },     { "tcp/22", true, 6, 22, 22 },
        { "udp/6000-6010", true, 17, 6000, 6010 }, { "protocol/89", true, 89, 0, 0 },
        { "protocol/6", true, 6, 0, 65535 }, { "protocol/17", true, 17, 0, 65535 },
        { "tcp/65536", false, 0, 0, 0 },    { "tcp/", false, 0, 0, 0 },     { "tcp/9-8", false, 0, 0, 0 },
        { "tcp/22 ", false, 0, 0, 0 },      { "protocol/0", false, 0, 0, 0 }, { "protocol/256", false, 0, 0, 0 },
        { "protocol/6x", false, 0, 0, 0 },  { "ssh", false, 0, 0, 0 },      { "", false, 0, 0, 0 },
        { "tcp/22; flush ruleset", false, 0, 0, 0 }, { "tcp/-1", false, 0, 0, 0 },
    };
    struct dp_admit a;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        ck_assert_msg(dp_admit_parse(t[i].text, &a) == t[i].good, "%s", t[i].text);
        if (t[i].good) {
            ck_assert_uint_eq(a.proto, t[i].proto);
            ck_assert_uint_eq(a.first, t[i].first);
            ck_assert_uint_eq(a.last, t[i].last);
        }
    }
    ck_assert(dp_nft_interface("eth0") && dp_nft_interface("vlan.10") && dp_nft_interface("wan-a_b"));
    ck_assert(!dp_nft_interface("") && !dp_nft_interface("a b") && !dp_nft_interface("a\"b") &&
              !dp_nft_interface("..") && !dp_nft_interface("a/b") && !dp_nft_interface("sixteen-bytes-xx"));
}
END_TEST

START_TEST(one_table_is_replaced_as_a_whole)
{
    char text[4096];
    struct dp_admit a = { 6, 22, 22 };
    struct dp_nft c = { .internet = "eth0", .nat = "wan", .admit = &a, .count = 1 };
    ck_assert(dp_nft_text(&c, "aditd-t0", "t0", text, sizeof text));
    ck_assert_ptr_eq(strstr(text, "table inet aditd-t0\ndelete table inet aditd-t0\ntable inet aditd-t0 {"), text);
    ck_assert_ptr_nonnull(strstr(text, "tcp dport 22-22 accept"));
    ck_assert_ptr_nonnull(strstr(text, "iifname \"t0\" oifname \"wan\" masquerade"));
    ck_assert_ptr_null(strstr(text, "1701"));           /* only what came in clear needs it */
    c.clear_l2tp = true;
    ck_assert(dp_nft_text(&c, "aditd-t0", "t0", text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "udp dport 1701 accept"));
    ck_assert(!dp_nft_text(&c, "aditd-t0", "t0", text, 500));
    ck_assert(dp_nft_text(&(struct dp_nft){ .internet = NULL }, "aditd-t0", "t0", text, sizeof text));
    ck_assert_str_eq(text, "table inet aditd-t0\ndelete table inet aditd-t0\n");
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        rules_are_read_and_written, rules_that_are_none, more_rules_than_are_taken,
        the_first_rule_that_fits_decides, addresses_of_both_versions, flags_and_types, options_of_headers,
        fragments, nothing_hides_behind_headers_of_IPv6, headers_that_are_cut_off,
        filters_of_the_configuration, what_is_wrong_is_told_with_its_place, a_reload_changes_what_changed,
        a_guard_of_nothing_is_none, a_rate_is_kept, what_is_larger_than_the_bucket_passes_in_its_time,
        a_rate_changes_at_once, what_an_interface_admits, one_table_is_replaced_as_a_whole, NULL
    };
    return unit_suite("filter", tests);
}

UNIT_MAIN(suite)
