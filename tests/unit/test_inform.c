/* test_inform.c - DHCPINFORM from a client inside the tunnel (row S7, quirk W18). */
#include <string.h>
#include <adit/bytes.h>
#include "session/inform.h"
#include "unit.h"

static const struct adit_addr nets[] = {
    { .family = ADIT_AF_IPV4, .prefix = 24, .ip = { 192, 168, 1, 0 } },
    { .family = ADIT_AF_IPV4, .prefix = 8, .ip = { 10 } },
};
static const struct inform_facts facts = {
    .client = { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 2 } },
    .server = { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 1 } },
    .dns = { { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 53 } } },
    .routes = nets, .route_count = 2, .domain = "example.org",
};

/* What Windows sends after IPCP: broadcast, ciaddr set, asking for 249 and 121. */
static size_t windows(uint8_t *out, uint8_t type)
{
    struct wr w = wr_of(out, 400);
    static const uint8_t wanted[] = { 55, 6, 6, 15, 44, 121, 249, 43 };
    wr_u16(&w, 0x4500);
    struct wr_mark ip = wr_open16(&w, -2);
    wr_u32(&w, 0x12340000);
    wr_u32(&w, 0x80110000);
    wr_u32(&w, 0x0a090002);
    wr_u32(&w, 0xffffffff);
    wr_u16(&w, 68);
    wr_u16(&w, 67);
    struct wr_mark udp = wr_open16(&w, -4);
    wr_u16(&w, 0);
    wr_u32(&w, 0x01080600);
    wr_u32(&w, 0xcafebabe);
    wr_u32(&w, 0);
    wr_u32(&w, 0x0a090002);
    wr_zero(&w, 12 + 16 + 64 + 128);
    wr_u32(&w, 0x63825363);
    wr_u8(&w, 53);
    wr_u8(&w, 1);
    wr_u8(&w, type);
    wr_bytes(&w, wanted, sizeof wanted);
    wr_u8(&w, 255);
    wr_close16(&w, udp);
    wr_close16(&w, ip);
    return wr_len(&w);
}

static uint16_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

START_TEST(W18_dhcpinform_is_told_routes_and_domain)
{
    uint8_t in[400], out[INFORM_MAX];
    size_t n = windows(in, 8);
    ck_assert(inform_is(in, (uint32_t)n));
    size_t len = inform_answer(in, n, &facts, out, sizeof out);
    ck_assert_uint_ge(len, 328);
    ck_assert_uint_eq(sum_of(out, 20, 0), 0xffff);
    ck_assert_uint_eq(sum_of(out + 20, len - 20, sum_of(out + 12, 8, 17 + (uint32_t)(len - 20))),
                      0xffff);
    ck_assert(!memcmp(out + 16, in + 12, 4));
    ck_assert_uint_eq(out[28], 2);
    ck_assert(!memcmp(out + 32, in + 32, 4));           /* xid */
    static const uint8_t routes[] = { 24, 192, 168, 1, 10, 9, 0, 1, 8, 10, 10, 9, 0, 1 };
    uint8_t opt[2 + sizeof routes] = { 249, sizeof routes };
    memcpy(opt + 2, routes, sizeof routes);
    ck_assert_ptr_nonnull(memmem(out + 268, len - 268, opt, sizeof opt));
    opt[0] = 121;
    ck_assert_ptr_nonnull(memmem(out + 268, len - 268, opt, sizeof opt));
    ck_assert_ptr_nonnull(memmem(out + 268, len - 268, "\x0f\x0b" "example.org", 13));
    ck_assert_ptr_nonnull(memmem(out + 268, len - 268, "\x06\x04\x0a\x09\x00\x35", 6));
}
END_TEST

START_TEST(others_get_no_answer)
{
    uint8_t in[400], out[INFORM_MAX];
    size_t n = windows(in, 1);                          /* DHCPDISCOVER */
    ck_assert_uint_eq(inform_answer(in, n, &facts, out, sizeof out), 0);
    n = windows(in, 8);
    in[15] = 77;                                        /* not this client's address */
    ck_assert_uint_eq(inform_answer(in, n, &facts, out, sizeof out), 0);
}
END_TEST

START_TEST(every_truncation_is_survived)
{
    uint8_t in[400], out[INFORM_MAX];
    size_t n = windows(in, 8);
    for (size_t len = 0; len < n; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, in, len);
        ck_assert_uint_eq(inform_answer(cut, len, &facts, out, sizeof out), 0);
        if (len >= 22) {        /* shorter lengths in the headers too */
            cut[2] = (uint8_t)(len >> 8);
            cut[3] = (uint8_t)len;
            inform_answer(cut, len, &facts, out, sizeof out);
        }
        free(cut);
    }
    for (size_t size = 0; size < 340; size++)
        inform_answer(in, n, &facts, out, size);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("inform", (const TTest *const[]){
        W18_dhcpinform_is_told_routes_and_domain, others_get_no_answer,
        every_truncation_is_survived, NULL });
}
UNIT_MAIN(suite)
