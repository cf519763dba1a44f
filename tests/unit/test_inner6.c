/* test_inner6.c - what an IPv6 client hears from its router (row S9). */
#include <string.h>
#include <adit/bytes.h>
#include "session/inner6.h"
#include "unit.h"

#define IFID UINT64_C(0x0200000000000001)
#define PEER UINT64_C(0x0200000000000002)

static const struct inner6_facts facts = {
    .our_ifid = IFID, .peer_ifid = PEER,
    .prefix = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8, 0, 1 } },
    .delegated = { .family = ADIT_AF_IPV6, .prefix = 56, .ip = { 0x20, 1, 0xd, 0xb8, 1 } },
    .dns = { { .family = ADIT_AF_IPV6, .ip = { 0x20, 1, 0xd, 0xb8, [15] = 0x53 } } }, .dns_count = 1,
    .mtu = 1400, .lifetime_s = 1800, .domain = "example.org",
};

static uint16_t sum(const uint8_t *p, size_t n)
{
    uint32_t s = p[6] + (uint32_t)(n - 40);
    for (size_t i = 8; i < n; i++)
        s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

/* A datagram from the client's link-local address, with lengths and checksum. */
static size_t from_client(uint8_t *out, uint8_t next, const uint8_t to[16], const void *payload, size_t n)
{
    struct wr w = wr_of(out, 1500);
    size_t sum_at = next == 17 ? 6 : 2;
    wr_u32(&w, UINT32_C(6) << 28);
    wr_u16(&w, (uint16_t)n);
    wr_u8(&w, next);
    wr_u8(&w, 255);
    wr_u64(&w, UINT64_C(0xfe80) << 48);
    wr_u64(&w, PEER);
    wr_bytes(&w, to, 16);
    wr_bytes(&w, payload, n);
    uint16_t s = (uint16_t)~sum(out, 40 + n);
    out[40 + sum_at] = (uint8_t)(s >> 8);
    out[40 + sum_at + 1] = (uint8_t)s;
    return 40 + n;
}

static const uint8_t routers[16] = { 0xff, 2, [15] = 2 }, servers[16] = { 0xff, 2, [13] = 1, [15] = 2 };

/* A DHCPv6 message of a type, with options, to all servers. */
static size_t dhcp(uint8_t *out, uint8_t type, const void *options, size_t n)
{
    uint8_t p[600];
    struct wr w = wr_of(p, sizeof p);
    wr_u16(&w, 546);
    wr_u16(&w, 547);
    wr_u16(&w, (uint16_t)(12 + n));
    wr_u16(&w, 0);
    wr_u32(&w, (uint32_t)type << 24 | 0xabcdef);
    wr_bytes(&w, options, n);
    return from_client(out, 17, servers, p, wr_len(&w));
}

static const uint8_t client_id[] = { 0, 1, 0, 4, 9, 9, 9, 9 };
static const uint8_t our_id[] = { 0, 2, 0, 12, 0, 3, 0, 27, 2, 0, 0, 0, 0, 0, 0, 1 };
static const uint8_t ia_pd[] = { 0, 25, 0, 12, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0 };
static const uint8_t ia_na[] = { 0, 3, 0, 12, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0 };

static size_t put(uint8_t *out, size_t n, const void *p, size_t len)
{
    memcpy(out + n, p, len);
    return n + len;
}

START_TEST(S9_router_solicitation_is_answered_with_the_sessions_network)
{
    uint8_t in[100], out[INNER6_MAX];
    size_t n = from_client(in, 58, routers, "\x85\0\0\0\0\0\0", 8);
    ck_assert(inner6_is(in, (uint32_t)n));
    size_t len = inner6_answer(in, n, &facts, out, sizeof out);
    ck_assert_uint_ge(len, 40 + 16);
    ck_assert_uint_eq(sum(out, len), 0xffff);
    ck_assert_uint_eq(out[7], 255);
    ck_assert_uint_eq(out[40], 134);
    ck_assert_uint_eq(out[45], 0x40);           /* more by DHCPv6, addresses of its own making */
    ck_assert(!memcmp(out + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
    static const uint8_t prefix[] = { 3, 4, 64, 0x40, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0,
                                      0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    ck_assert_ptr_nonnull(memmem(out, len, prefix, sizeof prefix));
    static const uint8_t mtu[] = { 5, 1, 0, 0, 0, 0, 5, 0x78 };
    ck_assert_ptr_nonnull(memmem(out, len, mtu, sizeof mtu));
    ck_assert_ptr_nonnull(memmem(out, len, "\x07" "example\x03org", 13));
    ck_assert_uint_eq(len % 8, 0);
    ck_assert_uint_eq(inner6_advertise(&facts, out, sizeof out), len);
}
END_TEST

START_TEST(S9_what_came_from_another_link_is_not_answered)
{
    uint8_t in[100], out[INNER6_MAX];
    size_t n = from_client(in, 58, routers, "\x85\0\0\0\0\0\0", 8);
    in[7] = 64;                 /* a hop limit that a router has lowered */
    ck_assert_uint_eq(inner6_answer(in, n, &facts, out, sizeof out), 0);
    in[7] = 255;
    in[42] ^= 1;                /* checksum */
    ck_assert_uint_eq(inner6_answer(in, n, &facts, out, sizeof out), 0);
    in[42] ^= 1;
    in[8] = 0x20;               /* a source that is not of the link */
    ck_assert_uint_eq(inner6_answer(in, n, &facts, out, sizeof out), 0);
}
END_TEST

START_TEST(S9_neighbour_solicitation_for_our_address)
{
    uint8_t in[100], out[INNER6_MAX], p[24] = { 135 };
    struct wr w = wr_of(p + 8, 16);
    wr_u64(&w, UINT64_C(0xfe80) << 48);
    wr_u64(&w, IFID);
    size_t n = from_client(in, 58, routers, p, sizeof p);
    size_t len = inner6_answer(in, n, &facts, out, sizeof out);
    ck_assert_uint_eq(len, 64);
    ck_assert_uint_eq(sum(out, len), 0xffff);
    ck_assert_uint_eq(out[40], 136);
    ck_assert_uint_eq(out[44], 0xe0);
    p[23] = 9;                  /* somebody else's: the client tests its own */
    n = from_client(in, 58, routers, p, sizeof p);
    ck_assert_uint_eq(inner6_answer(in, n, &facts, out, sizeof out), 0);
}
END_TEST

START_TEST(S9_a_network_is_delegated)
{
    uint8_t in[700], out[INNER6_MAX], o[200];
    static const uint8_t prefix[] = { 0, 26, 0, 25, 0, 0, 7, 8, 0, 0, 7, 8, 56,
                                      0x20, 1, 0xd, 0xb8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    size_t n = put(o, 0, client_id, sizeof client_id);
    n = put(o, n, ia_pd, sizeof ia_pd);
    size_t len = inner6_answer(in, dhcp(in, 1, o, n), &facts, out, sizeof out);
    ck_assert_uint_gt(len, 0);
    ck_assert_uint_eq(sum(out, len), 0xffff);
    ck_assert_uint_eq(out[48], 2);              /* Advertise */
    ck_assert(!memcmp(out + 49, "\xab\xcd\xef", 3));
    ck_assert(!memcmp(out + 40, "\x02\x23\x02\x22", 4));
    ck_assert_ptr_nonnull(memmem(out, len, prefix, sizeof prefix));
    ck_assert_ptr_nonnull(memmem(out, len, our_id, sizeof our_id));
    ck_assert_ptr_nonnull(memmem(out, len, client_id, sizeof client_id));
    n = put(o, n, our_id, sizeof our_id);
    len = inner6_answer(in, dhcp(in, 3, o, n), &facts, out, sizeof out);
    ck_assert_uint_eq(out[48], 7);              /* Reply */
    ck_assert_ptr_nonnull(memmem(out, len, prefix, sizeof prefix));
}
END_TEST

START_TEST(S9_what_the_session_has_not_is_refused_in_its_place)
{
    uint8_t in[700], out[INNER6_MAX], o[200];
    size_t n = put(o, 0, client_id, sizeof client_id);
    n = put(o, n, ia_na, sizeof ia_na);
    n = put(o, n, ia_pd, sizeof ia_pd);
    n = put(o, n, ia_pd, sizeof ia_pd);         /* there is one network */
    size_t len = inner6_answer(in, dhcp(in, 1, o, n), &facts, out, sizeof out);
    static const uint8_t no_address[] = { 0, 13, 0, 2, 0, 2 }, no_prefix[] = { 0, 13, 0, 2, 0, 6 };
    ck_assert_ptr_nonnull(memmem(out, len, no_address, sizeof no_address));
    ck_assert_ptr_nonnull(memmem(out, len, no_prefix, sizeof no_prefix));
    struct inner6_facts f = facts;
    f.address = (struct adit_addr){ .family = ADIT_AF_IPV6, .prefix = 128, .ip = { 0x20, 1, [15] = 7 } };
    len = inner6_answer(in, dhcp(in, 1, o, n), &f, out, sizeof out);
    ck_assert_ptr_null(memmem(out, len, no_address, sizeof no_address));
    ck_assert_ptr_nonnull(memmem(out, len, "\0\x05\0\x18\x20\x01", 6));
    ck_assert_uint_eq(inner6_advertise(&f, out, sizeof out) > 0 && out[45] == 0xc0, 1);
}
END_TEST

START_TEST(S9_messages_that_a_server_must_not_take)
{
    uint8_t in[700], out[INNER6_MAX], o[200];
    uint8_t other_id[sizeof our_id];
    memcpy(other_id, our_id, sizeof other_id);
    other_id[15] = 9;
    size_t client = put(o, 0, client_id, sizeof client_id);
    ck_assert_uint_eq(inner6_answer(in, dhcp(in, 3, o, client), &facts, out, sizeof out), 0);
    ck_assert_uint_eq(inner6_answer(in, dhcp(in, 2, o, client), &facts, out, sizeof out), 0);
    ck_assert_uint_eq(inner6_answer(in, dhcp(in, 4, o, client), &facts, out, sizeof out), 0);
    ck_assert_uint_eq(inner6_answer(in, dhcp(in, 1, o, 0), &facts, out, sizeof out), 0);
    ck_assert_uint_gt(inner6_answer(in, dhcp(in, 1, o, client), &facts, out, sizeof out), 0);
    size_t n = put(o, client, other_id, sizeof other_id);
    for (uint8_t type = 1; type < 12; type++)
        ck_assert_msg(inner6_answer(in, dhcp(in, type, o, n), &facts, out, sizeof out) == 0, "%u", type);
    n = put(o, client, our_id, sizeof our_id);
    ck_assert_uint_gt(inner6_answer(in, dhcp(in, 8, o, n), &facts, out, sizeof out), 0);
    ck_assert_uint_eq(inner6_answer(in, dhcp(in, 1, o, n), &facts, out, sizeof out), 0);
    size_t len = inner6_answer(in, dhcp(in, 11, "\0\x06\0\x02\0\x17", 6), &facts, out, sizeof out);
    ck_assert_ptr_nonnull(memmem(out, len, "\0\x17\0\x10\x20\x01", 6));
    ck_assert_ptr_null(memmem(out, len, "example", 7));         /* not asked for */
}
END_TEST

START_TEST(every_truncation_and_every_small_room)
{
    uint8_t in[700], out[INNER6_MAX], o[200];
    size_t n = put(o, 0, client_id, sizeof client_id);
    n = put(o, n, ia_na, sizeof ia_na);
    n = put(o, n, ia_pd, sizeof ia_pd);
    size_t whole = dhcp(in, 1, o, n), answer = inner6_answer(in, whole, &facts, out, sizeof out);
    for (size_t cut = 0; cut < whole; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, in, cut);
        ck_assert_uint_eq(inner6_answer(exact, cut, &facts, out, sizeof out), 0);
        free(exact);
    }
    for (size_t cut = 0; cut < n; cut++)        /* lengths that agree, options that end early */
        (void)inner6_answer(in, dhcp(in, 1, o, cut), &facts, out, sizeof out);
    whole = dhcp(in, 1, o, n);
    for (size_t room = 0; room < answer; room++) {
        uint8_t *small = malloc(room ? room : 1);
        ck_assert_uint_eq(inner6_answer(in, whole, &facts, small, room), 0);
        free(small);
    }
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("inner6", (const TTest *const[]){
        S9_router_solicitation_is_answered_with_the_sessions_network,
        S9_what_came_from_another_link_is_not_answered, S9_neighbour_solicitation_for_our_address,
        S9_a_network_is_delegated, S9_what_the_session_has_not_is_refused_in_its_place,
        S9_messages_that_a_server_must_not_take, every_truncation_and_every_small_room, NULL });
}
UNIT_MAIN(suite)
