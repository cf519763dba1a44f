/* test_bytes.c - the bounded reader and writer (adit/bytes.h). */
#include <adit/bytes.h>
#include "unit.h"

START_TEST(reader_never_passes_its_end)
{
    uint8_t data[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    for (size_t len = 0; len <= sizeof data; len++) {
        struct rd r = rd_of(data, len);
        (void)rd_u8(&r);
        (void)rd_u16(&r);
        (void)rd_u32(&r);
        struct rd s = rd_sub(&r, 4);
        (void)rd_u64(&s);
        ck_assert_int_eq(rd_ok(&r), len >= 11);
        ck_assert(!rd_ok(&s));
        ck_assert_uint_eq(rd_left(&s), 0);
    }
}
END_TEST

START_TEST(bad_stays_bad)
{
    uint8_t data[2] = { 0xff, 0xff };
    struct rd r = rd_of(data, 2);
    ck_assert_uint_eq(rd_u32(&r), 0);
    ck_assert_uint_eq(rd_u8(&r), 0);
    ck_assert(!rd_done(&r));
}
END_TEST

START_TEST(writer_patches_lengths)
{
    uint8_t out[8];
    struct wr w = wr_of(out, sizeof out);
    wr_u8(&w, 7);
    struct wr_mark m = wr_open16(&w, -1);
    wr_u32(&w, 0x01020304);
    wr_close16(&w, m);
    ck_assert(wr_ok(&w));
    ck_assert_uint_eq(wr_len(&w), 7);
    ck_assert_uint_eq(out[2], 7);
    wr_u16(&w, 0);
    ck_assert(!wr_ok(&w));
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("bytes", (const TTest *const[]){
        reader_never_passes_its_end, bad_stays_bad, writer_patches_lengths, NULL });
}
UNIT_MAIN(suite)
