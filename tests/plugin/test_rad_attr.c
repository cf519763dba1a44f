/* test_rad_attr.c - what RADIUS says and what a session is, both ways. */
#include <stdio.h>
#include <stdlib.h>
#include "rad_bench.h"
#include "../unit/unit.h"

static struct adit_self *self;
static const struct adit_host *h;
static struct rad_key key;
static struct rad_out o;
static struct rad_in in;
static uint32_t bad, ignored;
static const uint8_t zeros[16];

static void setup(void)
{
    ck_assert_int_eq(rad_dict_hold(), 0);
    self = bench_self();
    ck_assert_ptr_nonnull(self);
    h = self->host;
    key = (struct rad_key){ h->crypto, (const uint8_t *)"secret", 6 };
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, zeros);
}

static void teardown(void)
{
    fake_inst_free(self);
    rad_dict_drop();
    fake_end();
}

static void say(const char *line)
{
    struct rad_pair p;
    char why[256];
    ck_assert_msg(rad_dict_parse(line, &p, why, sizeof why), "%s", why);
    rad_put_pair(&o, &p);
}

static void ms_u32(uint32_t type, uint32_t v)
{
    const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
    rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, type, b, 4);
}

/* The attributes as text, "name=value ...". */
static const char *honoured(void)
{
    static char text[4096];
    struct adit_attrs *a = h->attr->make();
    uint32_t pos = 0, id;
    const struct adit_value *v;
    size_t n = 0;
    bench_in(&o, &in);
    rad_attr_honour(self, &in, a, &bad, &ignored);
    text[0] = '\0';
    while (h->attr->next(a, &pos, &id, &v)) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=", n ? " " : "", h->attr->name(id));
        if (v->type == ADIT_TYPE_ADDR)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", fake_addr_text(&v->v.addr));
        else if (v->type == ADIT_TYPE_STR || v->type == ADIT_TYPE_BYTES)
            n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", (int)v->len, (const char *)v->v.p);
        else
            n += (size_t)snprintf(text + n, sizeof text - n, "%llu", (unsigned long long)v->v.u);
    }
    h->attr->free(a);
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, zeros);
    return text;
}

/* ---- honoured ------------------------------------------------------------------------ */

START_TEST(everything_of_the_table)
{
    say("Framed-IP-Address=10.9.0.7");
    say("Framed-IP-Netmask=255.255.255.0");
    say("Framed-Pool=staff");
    say("Framed-Route=192.168.4.0/22 0.0.0.0 1");
    say("Framed-MTU=1400");
    say("Framed-Interface-Id=0x0000000000000005");
    say("Framed-IPv6-Prefix=2001:db8:1::/64");
    say("Framed-IPv6-Address=2001:db8:1::7");
    say("Framed-IPv6-Route=2001:db8:2::/48 :: 1");
    say("Framed-IPv6-Pool=six");
    say("Delegated-IPv6-Prefix=2001:db8:3::/48");
    say("Filter-Id=web.in");
    say("Session-Timeout=3600");
    say("Idle-Timeout=600");
    say("Class=abc");
    say("Acct-Interim-Interval=300");
    say("Port-Limit=2");
    say("Termination-Action=RADIUS-Request");
    say("State=st");
    say("MS-Secondary-DNS-Server=10.0.0.54");
    say("MS-Primary-DNS-Server=10.0.0.53");
    say("MS-Primary-NBNS-Server=10.0.0.55");
    say("WISPr-Bandwidth-Max-Up=2000000");
    say("WISPr-Bandwidth-Max-Down=8000000");
    ck_assert_str_eq(honoured(), "address=10.9.0.7 netmask=255.255.255.0 pool=staff "
        "route=192.168.4.0/22 mtu=1400 interface-id=5 ipv6-prefix=2001:db8:1::/64 "
        "ipv6-address=2001:db8:1::7 route=2001:db8:2::/48 ipv6-pool=six "
        "delegated-prefix=2001:db8:3::/48 filter-in=web session-timeout=3600000 "
        "idle-timeout=600000 class=abc interim=300000 session-limit=2 reauthenticate=1 state=st "
        "rate-in=2000 rate-out=8000 dns=10.0.0.53 wins=10.0.0.55 dns=10.0.0.54");
    ck_assert_uint_eq(bad, 0);
    ck_assert_uint_eq(ignored, 0);
}
END_TEST

START_TEST(addresses)
{
    say("Framed-IP-Address=255.255.255.254");
    ck_assert_str_eq(honoured(), "");           /* from the pool */
    say("Framed-IP-Address=255.255.255.255");
    ck_assert_str_eq(honoured(), "");
    ck_assert_uint_eq(bad, 0);
    static const char *const wrong[] = { "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.253" };
    for (size_t i = 0; i < 4; i++) {
        char line[64];
        snprintf(line, sizeof line, "Framed-IP-Address=%s", wrong[i]);
        say(line);
        ck_assert_str_eq(honoured(), "");
        ck_assert_uint_eq(bad, 1);
    }
    say("Framed-IP-Netmask=255.0.255.0");
    ck_assert_str_eq(honoured(), "");
    ck_assert_uint_eq(bad, 1);
}
END_TEST

START_TEST(routes)
{
    static const struct { const char *in, *out; } t[] = {
        { "192.168.1.0/24 10.0.0.1 1", "route=192.168.1.0/24" },
        { "192.168.1.77/24", "route=192.168.1.0/24" },
        { "  192.168.1.0/255.255.254.0 0.0.0.0 1 2 -1 3", "route=192.168.0.0/23" },
        { "10.0.0.0 0.0.0.0 1", "route=10.0.0.0/8" },
        { "172.16.0.0", "route=172.16.0.0/16" },
        { "192.168.7.0 10.0.0.1", "route=192.168.7.0/24" },
        { "10.1.2.3/32", "route=10.1.2.3" },
        { "0.0.0.0/0", "" }, { "10.0.0.0/33", "" }, { "10.0.0.0/", "" }, { "10.0.0.0/8x", "" },
        { "10.0.0/8", "" }, { "x", "" }, { " ", "" }, { "/", "" }, { "10.0.0.0/255.0.255.0", "" },
        { "224.0.0.0/4", "" }, { "10.0.0.0/-8", "" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        rad_put(&o, RAD_FRAMED_ROUTE, t[i].in, (uint32_t)strlen(t[i].in));
        ck_assert_str_eq(honoured(), t[i].out);
        ck_assert_uint_eq(bad, !*t[i].out);
    }
}
END_TEST

START_TEST(filters)
{
    say("Filter-Id=web.out");
    ck_assert_str_eq(honoured(), "filter-out=web");
    say("Filter-Id=web");
    ck_assert_str_eq(honoured(), "filter-in=web filter-out=web");
    say("Filter-Id=.in");
    ck_assert_str_eq(honoured(), "filter-in=.in filter-out=.in");
    /* RFC 4849: one text in several attributes, NUL between rules */
    rad_put(&o, RAD_NAS_FILTER_RULE, "permit in ip from any to 10.", 28);
    rad_put(&o, RAD_NAS_FILTER_RULE, "0.0.0/8\0deny in ip from any to any\0", 35);
    ck_assert_str_eq(honoured(), "filter-rule=permit in ip from any to 10.0.0.0/8 "
                     "filter-rule=deny in ip from any to any");
}
END_TEST

START_TEST(encryption)
{
    static const struct { int policy, types; const char *out; } t[] = {
        { 1, 6, "encryption=11" }, { 2, 6, "encryption=10" }, { 2, 4, "encryption=8" },
        { 2, 14, "encryption=14" }, { 1, 0, "encryption=1" }, { 2, 0, "encryption=1" },
        { 2, -1, "encryption=14" }, { 1, -1, "encryption=15" }, { -1, 4, "" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        if (t[i].policy >= 0)
            ms_u32(RAD_MS_MPPE_ENCRYPTION_POLICY, (uint32_t)t[i].policy);
        if (t[i].types >= 0)
            ms_u32(RAD_MS_MPPE_ENCRYPTION_TYPES, (uint32_t)t[i].types);
        ck_assert_str_eq(honoured(), t[i].out);
    }
}
END_TEST

START_TEST(rates)
{
    static const struct { const char *in, *out; } t[] = {
        { "2M/10M", "rate-in=2000 rate-out=10000" }, { "512k", "rate-in=512 rate-out=512" },
        { "1000000/500 2M/2M 1M/1M 8/8", "rate-in=1000 rate-out=1" }, { "1G/0", "rate-in=1000000" },
        { "", NULL }, { "x", "" }, { "2M/", "" }, { "2M/x", "" }, { "2Mx", "" }, { "99999999999", "" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        if (!t[i].out)
            continue;
        rad_put_vendor(&o, RAD_VENDOR_MIKROTIK, RAD_MIKROTIK_RATE_LIMIT, t[i].in, (uint32_t)strlen(t[i].in));
        ck_assert_str_eq(honoured(), t[i].out);
        ck_assert_uint_eq(bad, !*t[i].out);
    }
    say("WISPr-Bandwidth-Max-Up=999");
    ck_assert_str_eq(honoured(), "rate-in=1");
}
END_TEST

START_TEST(limits_of_zero)
{
    say("Session-Timeout=0");
    say("Idle-Timeout=0");
    say("Acct-Interim-Interval=0");
    say("Port-Limit=0");
    ck_assert_str_eq(honoured(), "");
    say("Acct-Interim-Interval=5");
    say("Session-Timeout=4294967295");
    ck_assert_str_eq(honoured(), "interim=60000 session-timeout=4294967295000");
}
END_TEST

START_TEST(messages)
{
    rad_put(&o, RAD_REPLY_MESSAGE, "Hello\r\n", 7);
    rad_put(&o, RAD_REPLY_MESSAGE, "there", 5);
    ck_assert_str_eq(honoured(), "message=Hello  there");
    for (int i = 0; i < 5; i++) {
        char text[200];
        memset(text, 'm', sizeof text);
        rad_put(&o, RAD_REPLY_MESSAGE, text, sizeof text);
    }
    ck_assert_uint_eq(strlen(honoured()), strlen("message=") + 255);
}
END_TEST

/* Nonsense is skipped and named; it hides nothing that comes after it. */
START_TEST(nonsense)
{
    static const uint8_t p[] = { 1, 2, 3, 4, 5 };
    fake_events_forget();
    rad_put(&o, RAD_FRAMED_MTU, p, 3);
    rad_put(&o, RAD_SESSION_TIMEOUT, p, 5);
    rad_put(&o, RAD_FRAMED_IP_ADDRESS, p, 3);
    rad_put(&o, RAD_FRAMED_IPV6_PREFIX, p, 1);
    rad_put(&o, RAD_FRAMED_IPV6_PREFIX, "\0\x81\x20\x01", 4);
    rad_put(&o, RAD_FRAMED_IPV6_PREFIX, "\0\x40\x20\x01", 4);
    rad_put(&o, RAD_FRAMED_INTERFACE_ID, p, 5);
    rad_put(&o, RAD_TERMINATION_ACTION, "\0\0\0\7", 4);
    rad_put(&o, RAD_FRAMED_POOL, "a\nb", 3);
    rad_put(&o, RAD_FILTER_ID, "a\0b", 3);
    rad_put(&o, RAD_VENDOR_SPECIFIC, p, 5);
    rad_put(&o, RAD_VENDOR_SPECIFIC, "\0\0\1\x37\7\xff\0\0", 8);
    ms_u32(RAD_MS_MPPE_ENCRYPTION_POLICY, 3);
    say("Framed-MTU=1300");
    ck_assert_str_eq(honoured(), "mtu=1300");
    ck_assert_uint_eq(bad, 13);
    ck_assert_uint_gt(fake_event_count("radius.attribute.senseless"), 8);
    uint32_t n = fake_event_count("radius.attribute.senseless");
    rad_put(&o, RAD_FRAMED_MTU, p, 3);
    (void)honoured();
    ck_assert_uint_eq(fake_event_count("radius.attribute.senseless"), n);   /* once for each */
    ck_assert_uint_eq(bad, 1);
}
END_TEST

START_TEST(what_is_not_honoured)
{
    fake_events_forget();
    say("Framed-Routing=Listen");
    say("Framed-Compression=None");     /* asks for nothing */
    say("Callback-Number=555");
    say("MS-BAP-Usage=Allowed");
    rad_put_vendor(&o, 9, 1, "ip:x=y", 6);
    rad_put(&o, 240, "?", 1);
    ck_assert_str_eq(honoured(), "");
    ck_assert_uint_eq(ignored, 5);
    ck_assert_uint_eq(bad, 0);
    ck_assert_uint_eq(fake_event_count("radius.attribute.ignored"), 5);
    ck_assert_str_eq(fake_event_str("radius.attribute.ignored", "attribute"), "240 = 0x3f");
    say("Callback-Number=556");
    (void)honoured();
    ck_assert_uint_eq(fake_event_count("radius.attribute.ignored"), 5);
}
END_TEST

/* Every attribute of every type with every length. */
START_TEST(hostile_values)
{
    static const uint8_t fill[] = { 0, 1, '/', '9', ' ', 0x80, 0xff };
    static const uint32_t vendors[] = { 0, 311, 14122, 14988 };
    uint8_t p[253];
    for (size_t f = 0; f < sizeof fill; f++) {
        memset(p, fill[f], sizeof p);
        for (size_t v = 0; v < 4; v++)
            for (uint32_t type = 1; type < 180; type++)
                for (uint32_t len = 1; len <= 247; len += len < 20 ? 1 : 75) {
                    if (vendors[v])
                        rad_put_vendor(&o, vendors[v], type, p, len);
                    else
                        rad_put(&o, type, p, len);
                    (void)honoured();
                }
    }
}
END_TEST

START_TEST(services)
{
    char text[256];
    bench_in(&o, &in);
    ck_assert_ptr_null(rad_attr_refuses(&in, text, sizeof text));
    say("Service-Type=Framed-User");
    say("Framed-Protocol=PPP");
    bench_in(&o, &in);
    ck_assert_ptr_null(rad_attr_refuses(&in, text, sizeof text));
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, zeros);
    say("Service-Type=Login-User");
    bench_in(&o, &in);
    ck_assert_str_eq(rad_attr_refuses(&in, text, sizeof text),
                     "The RADIUS server grants a service that this is not: Service-Type = Login-User.");
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, zeros);
    say("Framed-Protocol=SLIP");
    bench_in(&o, &in);
    ck_assert_ptr_nonnull(rad_attr_refuses(&in, text, sizeof text));
}
END_TEST

/* ---- sent ------------------------------------------------------------------------------- */

static struct adit_attrs *session(void)
{
    struct adit_attrs *a = h->attr->make();
    const struct adit_addr peer = fake_addr("192.0.2.7:1701"), our = fake_addr("198.51.100.1:1701");
    adit_attr_put_str(h, a, ADIT_ATTR_USER, "CORP\\anna");
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, "anna");
    adit_attr_put_str(h, a, ADIT_ATTR_DOMAIN, "CORP");
    adit_attr_put_str(h, a, ADIT_ATTR_PROTOCOL, "l2tp");
    adit_attr_put_str(h, a, ADIT_ATTR_TUNNEL, "vpn");
    adit_attr_put_addr(h, a, ADIT_ATTR_PEER, &peer);
    adit_attr_put_addr(h, a, ADIT_ATTR_OUR, &our);
    adit_attr_put_str(h, a, ADIT_ATTR_CALLING_STATION, "192.0.2.7");
    adit_attr_put_str(h, a, ADIT_ATTR_CALLED_STATION, "198.51.100.1");
    adit_attr_put_str(h, a, ADIT_ATTR_SESSION, "6a1f-1");
    adit_attr_put_str(h, a, ADIT_ATTR_PEER_HOST, "PC7");
    adit_attr_put_str(h, a, ADIT_ATTR_CLIENT_VERSION, "MSRASV5.20");
    adit_attr_put_u(h, a, ADIT_ATTR_CONNECT_SPEED, 100000000);
    adit_attr_put_u(h, a, ADIT_ATTR_NAS_PORT, 3);
    adit_attr_put_u(h, a, ADIT_ATTR_METHOD, ADIT_AUTH_MSCHAPV2);
    const struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = 1 } };
    h->attr->put(a, ADIT_ATTR_SECURED, &yes);
    return a;
}

START_TEST(described)
{
    struct rad_nas_conf nas = { .identifier = "gate", .port_type = 5 };
    struct adit_attrs *a = session();
    rad_begin(&o, &key, RAD_ACCOUNTING_REQUEST);
    o.our = fake_addr("10.0.0.9");
    rad_attr_describe(self, &nas, a, &o, RAD_IN_ACCESS);
    char want[2048];
    snprintf(want, sizeof want, "NAS-IP-Address = 10.0.0.9\nNAS-Identifier = gate\nMS-RAS-Vendor = 311\n"
        "MS-RAS-Version = Adit %s\n"
        "Acct-Session-Id = 6a1f-1\nNAS-Port = 3\nNAS-Port-Type = Virtual\nNAS-Port-Id = vpn/3\n"
        "Service-Type = Framed-User\nFramed-Protocol = PPP\nCalling-Station-Id = 192.0.2.7\n"
        "Called-Station-Id = 198.51.100.1\nTunnel-Type = L2TP\nTunnel-Medium-Type = IPv4\n"
        "Tunnel-Client-Endpoint = 192.0.2.7\nTunnel-Server-Endpoint = 198.51.100.1\n"
        "Tunnel-Client-Auth-ID = PC7\nConnect-Info = 100000000 L2TP/IPsec\n"
        "MS-RAS-Client-Name = PC7\nMS-RAS-Client-Version = MSRASV5.20\n", h->version);
    ck_assert_str_eq(bench_text(&o), want);
    rad_begin(&o, &key, RAD_ACCOUNTING_REQUEST);
    o.our = fake_addr("2001:db8::9");
    rad_attr_describe(self, &nas, a, &o, RAD_IN_ACCT);
    ck_assert_ptr_nonnull(strstr(bench_text(&o), "NAS-IPv6-Address = 2001:db8::9\n"));
    ck_assert_ptr_nonnull(strstr(bench_text(&o), "User-Name = CORP\\anna\n"));
    h->attr->free(a);
}
END_TEST

START_TEST(described_as_configured)
{
    const char *send[] = { "NAS-Identifier=other", "Called-Station-Id=site-a", "Class=0x01",
                           "MS-RAS-Version=mine", "Mikrotik-Rate-Limit=1M" };
    struct rad_nas_conf nas = { .identifier = "gate", .port_type = 5, .strip_domain = 1,
        .address = fake_addr("203.0.113.1"), .send = { send, 5, sizeof send[0] } };
    struct adit_attrs *a = session();
    rad_begin(&o, &key, RAD_ACCOUNTING_REQUEST);
    rad_attr_describe(self, &nas, a, &o, RAD_IN_ACCT);
    const char *text = bench_text(&o);
    ck_assert_ptr_null(strstr(text, "gate"));
    ck_assert_ptr_null(strstr(text, "Adit"));
    ck_assert_ptr_null(strstr(text, "Called-Station-Id = 198"));
    ck_assert_ptr_nonnull(strstr(text, "NAS-Identifier = other\nCalled-Station-Id = site-a\nClass = 0x01\n"));
    ck_assert_ptr_nonnull(strstr(text, "Mikrotik-Rate-Limit = 1M"));
    ck_assert_ptr_nonnull(strstr(text, "User-Name = anna\n"));
    ck_assert_ptr_nonnull(strstr(text, "NAS-IP-Address = 203.0.113.1"));
    h->attr->free(a);
    /* no session: who we are */
    a = h->attr->make();
    nas.send.count = 0;
    rad_begin(&o, &key, RAD_ACCOUNTING_REQUEST);
    rad_attr_describe(self, &nas, a, &o, RAD_IN_ACCT);
    ck_assert_ptr_null(strstr(bench_text(&o), "Service-Type"));
    ck_assert_ptr_null(strstr(bench_text(&o), "User-Name"));
    ck_assert_ptr_nonnull(strstr(bench_text(&o), "NAS-Identifier = gate"));
    h->attr->free(a);
}
END_TEST

START_TEST(user_names)
{
    static const struct { const char *user, *account; uint32_t method; const char *strip; } t[] = {
        { "CORP\\anna", "anna", ADIT_AUTH_PAP, "anna" },
        { "CORP\\anna", "anna", ADIT_AUTH_MSCHAPV2, "anna" },
        { "anna@corp", "anna", ADIT_AUTH_PAP, "anna" },
        { "anna@corp", "anna", ADIT_AUTH_MSCHAPV1, "anna" },
        { "anna@corp", "anna", ADIT_AUTH_MSCHAPV2, "anna@corp" },
        { "anna@corp", "anna", ADIT_AUTH_CHANGE, "anna@corp" },
        { "CORP\\anna", "anna", ADIT_AUTH_EAP_RELAY, "CORP\\anna" },
        { "anna", "anna", ADIT_AUTH_PAP, "anna" },
    };
    struct rad_nas_conf keep = { .strip_domain = 0 }, strip = { .strip_domain = 1 };
    char out[RAD_USER_TEXT];
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct adit_attrs *a = h->attr->make();
        adit_attr_put_str(h, a, ADIT_ATTR_USER, t[i].user);
        adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, t[i].account);
        ck_assert_str_eq(rad_attr_user(h, &keep, a, t[i].method, out), t[i].user);
        ck_assert_str_eq(rad_attr_user(h, &strip, a, t[i].method, out), t[i].strip);
        h->attr->free(a);
    }
}
END_TEST

/* ---- which session -------------------------------------------------------------------------- */

static uint32_t matched(const struct rad_nas_conf *nas, struct adit_attrs **out)
{
    bench_in(&o, &in);
    *out = h->attr->make();
    uint32_t error = rad_attr_match(self, nas, &in, *out);
    rad_begin(&o, &key, RAD_DISCONNECT_REQUEST);
    return error;
}

START_TEST(which_session)
{
    struct rad_nas_conf nas = { .identifier = "gate", .address = fake_addr("203.0.113.1") };
    struct adit_attrs *a;
    rad_begin(&o, &key, RAD_DISCONNECT_REQUEST);
    say("NAS-Identifier=gate");
    say("NAS-IP-Address=203.0.113.1");
    say("NAS-IPv6-Address=2001:db8::1");        /* we have said no such address */
    say("Acct-Session-Id=6a1f-1");
    say("User-Name=anna");
    say("NAS-Port=3");
    say("Framed-IP-Address=10.9.0.7");
    say("Calling-Station-Id=192.0.2.7");
    say("Event-Timestamp=1");
    ck_assert_uint_eq(matched(&nas, &a), 0);
    ck_assert_str_eq(adit_attr_str(h, a, ADIT_ATTR_SESSION), "6a1f-1");
    ck_assert_str_eq(adit_attr_str(h, a, ADIT_ATTR_USER), "anna");
    ck_assert_uint_eq(adit_attr_u(h, a, ADIT_ATTR_NAS_PORT), 3);
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a, ADIT_ATTR_ADDRESS, 0)), "10.9.0.7");
    ck_assert_str_eq(adit_attr_str(h, a, ADIT_ATTR_CALLING_STATION), "192.0.2.7");
    h->attr->free(a);

    say("NAS-Port-Id=vpn/3");
    ck_assert_uint_eq(matched(&nas, &a), 0);
    ck_assert_str_eq(adit_attr_str(h, a, ADIT_ATTR_TUNNEL), "vpn");
    ck_assert_uint_eq(adit_attr_u(h, a, ADIT_ATTR_NAS_PORT), 3);
    h->attr->free(a);

    nas.strip_domain = 1;
    say("User-Name=anna");
    ck_assert_uint_eq(matched(&nas, &a), 0);
    ck_assert_str_eq(adit_attr_str(h, a, ADIT_ATTR_ACCOUNT), "anna");
    ck_assert_ptr_null(adit_attr_str(h, a, ADIT_ATTR_USER));
    h->attr->free(a);

    static const struct { const char *line; uint32_t error; } t[] = {
        { "NAS-Identifier=other", RAD_ERROR_NAS_MISMATCH },
        { "NAS-IP-Address=203.0.113.2", RAD_ERROR_NAS_MISMATCH },
        { "NAS-Port-Id=x", RAD_ERROR_INVALID_REQUEST },
        { "Framed-IP-Address=0.0.0.0", RAD_ERROR_INVALID_REQUEST },
        { "Chargeable-User-Identity=x", RAD_ERROR_UNSUPPORTED_ATTRIBUTE },
        { "Session-Timeout=60", RAD_ERROR_MISSING_ATTRIBUTE },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        say(t[i].line);
        ck_assert_uint_eq(matched(&nas, &a), t[i].error);
        h->attr->free(a);
    }
}
END_TEST

/* A CoA-Request says which session it means, and only then what it changes. */
START_TEST(coa)
{
    rad_begin(&o, &key, RAD_COA_REQUEST);
    say("Acct-Session-Id=6a1f-1");
    say("Framed-IP-Address=10.9.0.7");
    say("User-Name=anna");
    say("State=x");
    say("Session-Timeout=60");
    say("Filter-Id=web.in");
    ck_assert_str_eq(honoured(), "session-timeout=60000 filter-in=web");
    ck_assert_uint_eq(ignored, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("rad_attr");
    TCase *tc = tcase_create("rad_attr");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, setup, teardown);
    const TTest *const tests[] = { everything_of_the_table, addresses, routes, filters, encryption,
        rates, limits_of_zero, messages, nonsense, what_is_not_honoured, hostile_values, services,
        described, described_as_configured, user_names, which_session, coa };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
