/* test_framer.c - whole messages out of a stream (adit/framer.h). */
#include <adit/framer.h>
#include <stdlib.h>
#include "unit.h"

/* A message: 2 bytes of length, which counts itself; below 2 it is none. */
static int32_t measure(const uint8_t *p, uint32_t have)
{
    struct rd r = rd_of(p, have);
    uint16_t len = rd_u16(&r);
    return !rd_ok(&r) ? 0 : len < 2 ? -7 : len;
}

struct got {
    uint32_t n, sum;
    int32_t bad;
    int32_t len[64];
};

static void feed(struct adit_framer *f, const uint8_t *data, uint32_t len, struct got *g)
{
    /* memory of exactly that size: a sanitizer sees every read past it */
    uint8_t *copy = malloc(len ? len : 1);
    const uint8_t *at = copy, *msg = NULL;
    int32_t n;

    memcpy(copy, data, len);
    while ((n = adit_framer_next(f, &at, &len, &msg)) > 0) {
        for (int32_t i = 0; i < n; i++)
            g->sum = g->sum * 31 + msg[i];
        ck_assert_uint_lt(g->n, 64);
        g->len[g->n++] = n;
    }
    g->bad = n;
    free(copy);
}

static uint32_t messages(uint8_t *out)
{
    static const uint16_t lens[] = { 2, 9, 3, 16, 2, 15, 7 };
    struct wr w = wr_of(out, 256);
    uint8_t v = 0;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        wr_u16(&w, lens[i]);
        for (uint16_t k = 2; k < lens[i]; k++)
            wr_u8(&w, v++);
    }
    return (uint32_t)wr_len(&w);
}

START_TEST(cut_anywhere_gives_the_same)
{
    uint8_t data[256], buf[16];
    uint32_t len = messages(data);
    struct adit_framer f;
    struct got whole = { 0 };

    adit_framer_init(&f, buf, sizeof buf, measure);
    feed(&f, data, len, &whole);
    ck_assert_uint_eq(whole.n, 7);
    for (uint32_t a = 0; a <= len; a++)
        for (uint32_t b = a; b <= len; b++) {
            struct got g = { 0 };
            adit_framer_init(&f, buf, sizeof buf, measure);
            feed(&f, data, a, &g);
            feed(&f, data + a, b - a, &g);
            feed(&f, data + b, len - b, &g);
            ck_assert_mem_eq(&g, &whole, sizeof g);
        }
    struct got drip = { 0 };
    adit_framer_init(&f, buf, sizeof buf, measure);
    for (uint32_t i = 0; i < len; i++)
        feed(&f, data + i, 1, &drip);
    ck_assert_mem_eq(&drip, &whole, sizeof drip);
}
END_TEST

START_TEST(too_long_is_cut_and_the_rest_skipped)
{
    uint8_t data[40 + 3] = { 0, 40 }, buf[16];
    data[41] = 3;
    data[40] = 0;
    data[42] = 9;
    for (uint32_t cut = 0; cut <= sizeof data; cut++) {
        struct adit_framer f;
        struct got g = { 0 };
        adit_framer_init(&f, buf, sizeof buf, measure);
        feed(&f, data, cut, &g);
        feed(&f, data + cut, (uint32_t)sizeof data - cut, &g);
        ck_assert_uint_eq(g.n, 2);
        ck_assert_int_eq(g.len[0], 16);
        ck_assert_int_eq(g.len[1], 3);
    }
}
END_TEST

START_TEST(nonsense_is_told)
{
    uint8_t data[] = { 0, 3, 5, 0, 1, 0 }, buf[16];
    for (uint32_t cut = 0; cut <= 5; cut++) {
        struct adit_framer f;
        struct got g = { 0 };
        adit_framer_init(&f, buf, sizeof buf, measure);
        feed(&f, data, cut, &g);
        if (cut < 5)
            ck_assert_int_eq(g.bad, 0);
        if (!g.bad)
            feed(&f, data + cut, (uint32_t)sizeof data - cut, &g);
        ck_assert_uint_eq(g.n, 1);
        ck_assert_int_eq(g.bad, -7);
    }
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("framer", (const TTest *const[]){
        cut_anywhere_gives_the_same, too_long_is_cut_and_the_rest_skipped, nonsense_is_told, NULL });
}
UNIT_MAIN(suite)
