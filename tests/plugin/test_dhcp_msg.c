/* test_dhcp_msg.c - DHCP messages: golden bytes, every option, every truncation. */
#include "dhcp_server.h"
#include "../unit/unit.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static const uint8_t mac[6] = { 0x02, 1, 2, 3, 4, 5 };
static const uint8_t id[] = { 0, 'v', 'p', 'n', '/', 'a', 'n', 'n', 'a' };

/* The bytes of RFC 2131 figure 1, written down by hand. */
START_TEST(a_discover_is_these_bytes)
{
    static const uint8_t head[28] = { 1, 1, 6, 1, 0x12, 0x34, 0x56, 0x78, 0, 7, 0, 0, 0, 0, 0, 0,
                                      0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1 };
    static const uint8_t options[] = {
        0x63, 0x82, 0x53, 0x63, 53, 1, 1, 61, 9, 0, 'v', 'p', 'n', '/', 'a', 'n', 'n', 'a',
        50, 4, 10, 0, 0, 77, 57, 2, 0x05, 0xc0, 12, 4, 'a', 'n', 'n', 'a',
        55, 12, 1, 121, 249, 33, 6, 15, 119, 44, 51, 54, 58, 59, 82, 6, 5, 4, 10, 9, 0, 0, 255 };
    uint8_t b[DHCP_SAY];
    struct dhcp_say m = { .type = DHCP_DISCOVER, .xid = 0x12345678, .secs = 7,
                          .giaddr = IP(10, 0, 0, 1), .requested = IP(10, 0, 0, 77),
                          .client_id = id, .client_id_len = sizeof id, .host = "anna",
                          .link = IP(10, 9, 0, 0) };
    memcpy(m.chaddr, mac, 6);
    size_t n = dhcp_write(&m, b, sizeof b);
    ck_assert_uint_eq(n, 300);          /* RFC 1542: not less */
    ck_assert_mem_eq(b, head, sizeof head);
    ck_assert_mem_eq(b + 28, mac, 6);
    for (size_t i = 34; i < 236; i++)
        ck_assert_uint_eq(b[i], 0);
    ck_assert_mem_eq(b + 236, options, sizeof options);
    for (size_t size = 0; size < n; size++)
        ck_assert_uint_eq(dhcp_write(&m, b, size), 0);
}
END_TEST

/* RFC 2131 table 5: what may not be in them. */
START_TEST(decline_and_release_are_bare)
{
    uint8_t b[DHCP_SAY];
    struct dhcp_say m = { .type = DHCP_RELEASE, .xid = 9, .ciaddr = IP(10, 0, 0, 77),
                          .server_id = IP(10, 0, 0, 2), .client_id = id,
                          .client_id_len = sizeof id, .host = "anna" };
    size_t n = dhcp_write(&m, b, sizeof b);
    ck_assert_ptr_null(asked_option(b, n, 55, NULL));
    ck_assert_ptr_null(asked_option(b, n, 57, NULL));
    ck_assert_ptr_null(asked_option(b, n, 12, NULL));
    ck_assert_ptr_null(asked_option(b, n, 50, NULL));
    ck_assert_uint_eq(asked_u32(asked_option(b, n, 54, NULL)), IP(10, 0, 0, 2));
    ck_assert_uint_eq(asked_u32(b + 12), IP(10, 0, 0, 77));
    ck_assert_uint_eq(b[3], 0);
}
END_TEST

static size_t full_ack(uint8_t *b)
{
    size_t n = answer_begin(b, DHCP_ACK, 0x12345678, IP(10, 0, 0, 1), mac, IP(10, 0, 0, 77));
    n = answer_option32(b, n, 54, IP(10, 0, 0, 2));
    n = answer_option32(b, n, 51, 3600);
    n = answer_option32(b, n, 58, 1200);
    n = answer_option32(b, n, 59, 3000);
    n = answer_option32(b, n, 1, 0xffffff00);
    n = answer_option(b, n, 6, "\x0a\0\0\x35\x0a\0\0\x36\x0a\0\0\x37\x0a\0\0\x38\x0a\0\0\x39", 20);
    n = answer_option(b, n, 44, "\x0a\0\0\x61", 4);
    n = answer_option(b, n, 15, "example.org", 12);    /* with its NUL */
    n = answer_option(b, n, 33, "\x0a\x01\0\0\x0a\0\0\1", 8);
    n = answer_option(b, n, 249, "\x08\x0b\x0a\0\0\1", 6);
    n = answer_option(b, n, 121, "\x18\xc0\xa8\x05\x0a\0\0\1" "\0\x0a\0\0\1" "\x0c\xac\x10\x0a\0\0\1"
                      "\x20\xc0\0\2\x09\x0a\0\0\1", 8 + 5 + 7 + 9);
    return answer_end(b, n);
}

START_TEST(an_ack_with_everything)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = full_ack(b);
    ck_assert_ptr_null(dhcp_read(b, n, &h));
    const struct dhcp_facts *f = &h.facts;
    ck_assert_uint_eq(h.type, DHCP_ACK);
    ck_assert_uint_eq(h.xid, 0x12345678);
    ck_assert_uint_eq(h.giaddr, IP(10, 0, 0, 1));
    ck_assert_mem_eq(h.chaddr, mac, 6);
    ck_assert_uint_eq(f->address, IP(10, 0, 0, 77));
    ck_assert_uint_eq(f->server_id, IP(10, 0, 0, 2));
    ck_assert_uint_eq(f->lease_s, 3600);
    ck_assert_uint_eq(f->t1_s, 1200);
    ck_assert_uint_eq(f->t2_s, 3000);
    ck_assert_uint_eq(f->mask, 0xffffff00);
    ck_assert_uint_eq(f->dns_count, 4);
    ck_assert_uint_eq(f->dns[3], IP(10, 0, 0, 0x38));
    ck_assert_uint_eq(f->wins_count, 1);
    ck_assert_str_eq(f->domain, "example.org");
    /* 121 alone counts, without the route to everywhere */
    ck_assert_uint_eq(f->route_count, 3);
    ck_assert_uint_eq(f->routes[0].net, IP(192, 168, 5, 0));
    ck_assert_uint_eq(f->routes[0].prefix, 24);
    ck_assert_uint_eq(f->routes[1].net, IP(172, 16, 0, 0));
    ck_assert_uint_eq(f->routes[1].prefix, 12);
    ck_assert_uint_eq(f->routes[2].prefix, 32);
}
END_TEST

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
START_TEST(every_truncation_is_refused_or_read)
{
    uint8_t b[DHCP_ANSWER];
    size_t n = full_ack(b), good = 0;
    while (b[n - 1] == 0)
        n--;
    for (size_t len = 0; len <= n; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        struct dhcp_heard h;
        memcpy(cut, b, len);
        const char *bad = dhcp_read(cut, len, &h);
        if (len < 243)
            ck_assert_ptr_nonnull(bad);
        good += bad == NULL;
        free(cut);
    }
    ck_assert_uint_gt(good, 5);         /* between two options */
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
    uint8_t b[DHCP_ANSWER], c[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = full_ack(b);
    static const struct { size_t at; uint8_t value; } wrong[] = {
        { 0, 1 }, { 0, 0 }, { 1, 6 }, { 2, 16 }, { 2, 0 }, { 236, 0 }, { 241, 2 }, { 242, 0 },
        { 242, 9 }, { 244, 3 }, { 244, 200 }, { 250, 5 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(c, b, sizeof c);
        c[wrong[i].at] = wrong[i].value;
        ck_assert_msg(dhcp_read(c, n, &h) != NULL, "byte %zu = %u", wrong[i].at, wrong[i].value);
    }
    /* addresses that no host has */
    static const uint32_t none[] = { 0, IP(0, 1, 2, 3), IP(127, 0, 0, 1), IP(224, 0, 0, 1), ~0u };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        memcpy(c, b, sizeof c);
        answer_u32(c + 16, none[i]);
        ck_assert_ptr_nonnull(dhcp_read(c, n, &h));
    }
    /* twice the same option is one of both lengths (RFC 3396), and that is no type */
    n = answer_begin(b, DHCP_ACK, 1, 1, mac, IP(10, 0, 0, 77));
    n = answer_option(b, n, 53, "\5", 1);
    ck_assert_ptr_nonnull(dhcp_read(b, answer_end(b, n), &h));
}
END_TEST

START_TEST(options_may_stand_in_file_and_sname)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = answer_begin(b, DHCP_OFFER, 1, 1, mac, IP(10, 0, 0, 77));
    n = answer_option(b, n, 52, "\3", 1);
    n = answer_option(b, n, 121, "\x18\xc0\xa8", 3);    /* the first piece */
    n = answer_end(b, n);
    /* file comes before sname (RFC 3396 section 5) */
    size_t file = answer_option(b, 108, 121, "\x05\x0a", 2);
    b[file] = 255;
    size_t sname = answer_option(b, 44, 121, "\0\0\1", 3);
    sname = answer_option(b, sname, 51, "\0\0\x0e\x10", 4);
    b[sname] = 255;
    ck_assert_ptr_null(dhcp_read(b, n, &h));
    ck_assert_uint_eq(h.facts.lease_s, 3600);
    ck_assert_uint_eq(h.facts.route_count, 1);
    ck_assert_uint_eq(h.facts.routes[0].net, IP(192, 168, 5, 0));
    b[245] = 4;                         /* a place that there is not */
    ck_assert_ptr_nonnull(dhcp_read(b, n, &h));
    b[245] = 1;                         /* without sname, two pieces are no route */
    ck_assert_ptr_null(dhcp_read(b, n, &h));
    ck_assert_uint_eq(h.facts.route_count, 0);
    ck_assert_uint_eq(h.facts.lease_s, 0);
    b[109] = 130;                       /* passes the end of file */
    ck_assert_ptr_nonnull(dhcp_read(b, n, &h));
}
END_TEST

START_TEST(routes_of_older_kinds)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = answer_begin(b, DHCP_ACK, 1, 1, mac, IP(10, 0, 0, 77)), at;
    at = n = answer_option(b, n, 33, "\x0a\0\0\0\x0a\0\0\1" "\xac\x10\0\0\x0a\0\0\1"
                           "\xc0\xa8\x07\0\x0a\0\0\1" "\xc0\xa8\x07\x05\x0a\0\0\1", 32);
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_uint_eq(h.facts.route_count, 4);
    ck_assert_uint_eq(h.facts.routes[0].prefix, 8);
    ck_assert_uint_eq(h.facts.routes[1].prefix, 16);
    ck_assert_uint_eq(h.facts.routes[2].prefix, 24);
    ck_assert_uint_eq(h.facts.routes[3].prefix, 32);
    n = answer_option(b, at, 249, "\x10\x0a\x09\x0a\0\0\1", 7);
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_uint_eq(h.facts.route_count, 1);
    ck_assert_uint_eq(h.facts.routes[0].prefix, 16);
    /* one that is malformed is as if it were not there */
    n = answer_option(b, at, 249, "\x21\x0a\x09\x0a\0\0\1", 7);
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_uint_eq(h.facts.route_count, 4);
}
END_TEST

START_TEST(more_routes_than_are_kept)
{
    uint8_t b[DHCP_ANSWER], r[250];
    struct dhcp_heard h;
    size_t n = answer_begin(b, DHCP_ACK, 1, 1, mac, IP(10, 0, 0, 77));
    uint8_t next = 0;
    for (int piece = 0; piece < 4; piece++) {
        for (size_t i = 0; i + 8 <= sizeof r; i += 8)
            memcpy(r + i, (uint8_t[]){ 24, 10, 1, next++, 10, 0, 0, 1 }, 8);
        n = answer_option(b, n, 121, r, 248);
    }
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_uint_eq(h.facts.route_count, DHCP_ROUTES);
}
END_TEST

START_TEST(names_of_searching)
{
    char out[DHCP_NAME];
    ck_assert(dhcp_search_first((const uint8_t *)"\3eng\5apple\3com\0\6market\xc0\4", 24, out));
    ck_assert_str_eq(out, "eng.apple.com");
    /* a pointer backwards */
    ck_assert(dhcp_search_first((const uint8_t *)"\1a\xc0\0", 4, out) == false);
    ck_assert(!dhcp_search_first((const uint8_t *)"\xc0\0", 2, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"\xc0\5", 2, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"\3eng", 4, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"\3e\ng\0", 5, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"\0", 1, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"", 0, out));
    ck_assert(!dhcp_search_first((const uint8_t *)"\x41" "eng\0", 5, out));
    uint8_t big[400];
    memset(big, 'a', sizeof big);
    for (size_t i = 0; i < sizeof big; i += 64)
        big[i] = 63;
    ck_assert(!dhcp_search_first(big, sizeof big, out));

    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = answer_begin(b, DHCP_ACK, 1, 1, mac, IP(10, 0, 0, 77)), at = n;
    n = answer_option(b, n, 15, "wrong.example", 13);
    n = answer_option(b, n, 119, "\5right\7example\0", 15);
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_str_eq(h.facts.domain, "right.example");
    static const char *const bad[] = { "a b", "a..b", ".a", "\x1b[31m", "", "a\0b" };
    for (size_t i = 0; i < 6; i++) {
        n = answer_option(b, at, 15, bad[i], (uint8_t)(i == 5 ? 3 : strlen(bad[i])));
        ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
        ck_assert_str_eq(h.facts.domain, "");
    }
}
END_TEST

START_TEST(times_that_make_no_sense)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    static const struct { uint32_t lease, t1, t2, want1, want2; } t[] = {
        { 800, 0, 0, 400, 700 },                /* section 4.4.5 */
        { 800, 100, 200, 100, 200 },
        { 800, 900, 1000, 400, 700 },
        { 800, 300, 200, 100, 200 },
        { 1, 0, 0, 0, 1 },
        { 0xffffffff, 5, 6, 0xffffffff, 0xffffffff },
        { 0xfffffffe, 0, 0, 0x7fffffff, 0xdfffffff },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        size_t n = answer_begin(b, DHCP_ACK, 1, 1, mac, IP(10, 0, 0, 77));
        n = answer_option32(b, n, 51, t[i].lease);
        if (t[i].t1) {
            n = answer_option32(b, n, 58, t[i].t1);
            n = answer_option32(b, n, 59, t[i].t2);
        }
        ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
        ck_assert_msg(h.facts.t1_s == t[i].want1 && h.facts.t2_s == t[i].want2, "%zu: %u %u", i,
                      h.facts.t1_s, h.facts.t2_s);
    }
}
END_TEST

START_TEST(nak_and_its_text)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard h;
    size_t n = answer_begin(b, DHCP_NAK, 1, 1, mac, IP(10, 0, 0, 77));
    n = answer_option(b, n, 56, "no\x07 such", 8);
    ck_assert_ptr_null(dhcp_read(b, answer_end(b, n), &h));
    ck_assert_uint_eq(h.facts.address, 0);
    ck_assert_str_eq(h.text, "no? such");
    ck_assert_str_eq(dhcp_type_name(DHCP_NAK), "DHCPNAK");
    ck_assert_str_eq(dhcp_type_name(200), "?");
}
END_TEST

START_TEST(facts_are_compared_by_what_clients_see)
{
    uint8_t b[DHCP_ANSWER];
    struct dhcp_heard a, c;
    size_t n = full_ack(b);
    ck_assert_ptr_null(dhcp_read(b, n, &a));
    c = a;
    c.facts.lease_s = 1;
    c.facts.server_id = 1;
    ck_assert(dhcp_facts_equal(&a.facts, &c.facts));
    c.facts.dns[1]++;
    ck_assert(!dhcp_facts_equal(&a.facts, &c.facts));
    c = a;
    c.facts.routes[2].prefix--;
    ck_assert(!dhcp_facts_equal(&a.facts, &c.facts));
    c = a;
    strcpy(c.facts.domain, "example.com");
    ck_assert(!dhcp_facts_equal(&a.facts, &c.facts));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_discover_is_these_bytes, decline_and_release_are_bare, an_ack_with_everything,
        every_truncation_is_refused_or_read, what_is_no_answer_is_refused,
        options_may_stand_in_file_and_sname, routes_of_older_kinds, more_routes_than_are_kept,
        names_of_searching, times_that_make_no_sense, nak_and_its_text,
        facts_are_compared_by_what_clients_see, NULL,
    };
    return unit_suite("dhcp_msg", tests);
}
UNIT_MAIN(suite)
