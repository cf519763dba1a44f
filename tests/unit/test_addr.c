/* test_addr.c - addresses: text, comparison, networks, sockaddrs. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "base/addr.h"
#include "unit.h"

static struct adit_addr of(const char *text)
{
    struct adit_addr a;
    ck_assert_msg(addr_parse(text, &a) == 0, "%s", text);
    return a;
}

START_TEST(text_there_and_back)
{
    static const char *const same[] = {
        "10.0.0.1", "10.0.0.1:1723", "10.0.0.0/8", "0.0.0.0/0", "0.0.0.0", "255.255.255.255:65535",
        "10.1.2.3/31", "::", "::1", "2001:db8::1", "[2001:db8::1]:1701", "2001:db8::/32", "::/0",
        "none", "*:1723", "fe80::1%lo", "[fe80::1%lo]:500",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char out[ADDR_TEXT];
        struct adit_addr a = of(same[i]);
        ck_assert_str_eq(addr_text(&a, out), same[i]);
    }
}
END_TEST

START_TEST(other_spellings)
{
    char out[ADDR_TEXT];
    struct adit_addr a = of("[::1]");
    ck_assert_str_eq(addr_text(&a, out), "::1");
    a = of("fe80::1%1");
    ck_assert_uint_eq(a.zone, 1);
    a = of("any");
    ck_assert_uint_eq(a.family, ADIT_AF_NONE);
    a = of("2001:0DB8:0:0::1");
    ck_assert_str_eq(addr_text(&a, out), "2001:db8::1");
    a = of("10.0.0.1:1723");
    ck_assert_str_eq(addr_text_host(&a, out), "10.0.0.1");
    /* a host whose maker forgot the prefix is no network */
    a = of("10.0.0.1");
    a.prefix = 0;
    ck_assert_str_eq(addr_text(&a, out), "10.0.0.1");
    /* an interface that is gone */
    a = of("fe80::1%1");
    a.zone = 0x7ffffff0;
    ck_assert_str_eq(addr_text(&a, out), "fe80::1%2147483632");
}
END_TEST

START_TEST(longest_text_fits)
{
    char out[ADDR_TEXT];
    struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = 128, .port = 65535, .zone = 0xffffffff };
    memset(a.ip, 0xff, 16);
    addr_text(&a, out);
    ck_assert_str_eq(out, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
    struct adit_addr wrong = { .family = 77, .prefix = 200 };
    ck_assert_str_eq(addr_text(&wrong, out), "none");
}
END_TEST

START_TEST(nonsense_is_refused)
{
    static const char *const bad[] = {
        "", " ", "10", "10.0.0", "10.0.0.256", "10.0.0.1 ", " 10.0.0.1", "10.0.0.01", "10.0.0.1:",
        "10.0.0.1:65536", "10.0.0.1:01", "10.0.0.1:-1", "10.0.0.1:+1", "10.0.0.1/", "10.0.0.1/33",
        "10.0.0.1/8/8", "10.0.0.1/8:80", "10.0.0.1:80/8", "[10.0.0.1]", "[10.0.0.1]:80", "[::1",
        "::1]", "[::1]80", "[::1]:", "[::1]:99999", "::1/129", ":::", "2001:db8::1::2",
        "fe80::1%nosuchinterface", "fe80::1%0", "fe80::1%", "*:", "*:x", "*:65536", "localhost",
        "0x0a000001", "10.0.0.1:999999999999999999999",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct adit_addr a;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(addr_parse(bad[i], &a) == ADIT_EINVAL, "'%s' is taken", bad[i]);
    ck_assert_int_eq(addr_parse(NULL, &a), ADIT_EINVAL);
}
END_TEST

START_TEST(every_truncation_is_survived)
{
    static const char *const texts[] = { "[fe80::1%lo]:500", "10.20.30.40:1723", "2001:db8::/32" };
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            char cut[64] = "";
            struct adit_addr a;
            memcpy(cut, texts[i], n);
            (void)addr_parse(cut, &a);
        }
}
END_TEST

START_TEST(networks)
{
    struct adit_addr net = of("10.9.8.0/21"), all = of("0.0.0.0/0"), v6 = of("2001:db8::/33");
    struct adit_addr in = of("10.9.15.255"), out = of("10.9.16.0"), h6 = of("2001:db8:7fff::1");
    struct adit_addr o6 = of("2001:db8:8000::1"), none = { 0 };
    ck_assert(addr_in(&in, &net));
    ck_assert(!addr_in(&out, &net));
    ck_assert(addr_in(&out, &all));
    ck_assert(!addr_in(&h6, &all));
    ck_assert(addr_in(&h6, &v6));
    ck_assert(!addr_in(&o6, &v6));
    ck_assert(addr_in(&in, &in));
    ck_assert(!addr_in(&none, &none));
    net.prefix = 99;
    ck_assert(!addr_in(&in, &net));
}
END_TEST

START_TEST(equality_and_hash)
{
    struct adit_addr a = of("10.0.0.1:1"), b = of("10.0.0.1:2"), c = of("10.0.0.1:1");
    ck_assert(adit_same_host(&a, &b));
    ck_assert(!addr_equal(&a, &b));
    ck_assert(addr_equal(&a, &c));
    c.ip[7] = 9;                /* bytes that IPv4 does not use */
    ck_assert(addr_equal(&a, &c));
    ck_assert_uint_eq(addr_hash(&a, 7), addr_hash(&c, 7));
    ck_assert_uint_ne(addr_hash(&a, 7), addr_hash(&b, 7));
    ck_assert_uint_ne(addr_hash(&a, 7), addr_hash(&a, 8));
    struct adit_addr n = addr_ipv4(0x0a000001);
    ck_assert_uint_eq(addr_u32(&n), 0x0a000001);
    ck_assert(adit_same_host(&n, &a));
}
END_TEST

START_TEST(sockaddrs)
{
    static const char *const texts[] = { "10.0.0.1:1723", "[2001:db8::1]:1701", "[fe80::1%lo]:500" };
    for (size_t i = 0; i < 3; i++) {
        struct sockaddr_storage ss = { 0 };
        struct adit_addr a = of(texts[i]), b;
        uint32_t n = addr_to_sa(&a, (struct sockaddr *)&ss);
        ck_assert_uint_eq(n, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        addr_of_sa((struct sockaddr *)&ss, &b);
        ck_assert(addr_equal(&a, &b));
    }
    /* an IPv4 peer of an IPv6 socket is an IPv4 peer */
    struct sockaddr_in6 s6 = { .sin6_family = AF_INET6, .sin6_port = htons(5) };
    memcpy(&s6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16);
    struct adit_addr m, want = of("10.0.0.1:5");
    addr_of_sa((struct sockaddr *)&s6, &m);
    ck_assert(addr_equal(&m, &want));
    struct sockaddr un = { .sa_family = AF_UNIX };
    addr_of_sa(&un, &m);
    ck_assert_uint_eq(m.family, ADIT_AF_NONE);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { text_there_and_back, other_spellings, longest_text_fits,
        nonsense_is_refused, every_truncation_is_survived, networks, equality_and_hash, sockaddrs,
        NULL };
    return unit_suite("addr", tests);
}
UNIT_MAIN(suite)
