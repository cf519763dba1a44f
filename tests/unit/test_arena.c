/* test_arena.c - memory that dies together, and the timing wheel. */
#include <stdint.h>
#include <string.h>
#include "base/arena.h"
#include "base/wheel.h"
#include "unit.h"

START_TEST(blocks_are_aligned_zeroed_apart)
{
    struct arena a;
    uint8_t *p[500];
    static const uint8_t zero[2000];
    arena_init(&a, 1024);
    for (size_t i = 0; i < 500; i++) {
        p[i] = arena_get(&a, i * 3 % 2000);
        ck_assert_uint_eq((uintptr_t)p[i] % _Alignof(max_align_t), 0);
        ck_assert_mem_eq(p[i], zero, i * 3 % 2000);
        memset(p[i], (int)i, i * 3 % 2000);
    }
    for (size_t i = 0; i < 500; i++) {
        uint8_t want[2000];
        memset(want, (int)i, sizeof want);
        ck_assert_mem_eq(p[i], want, i * 3 % 2000);
    }
    ck_assert_ptr_null(arena_get(&a, SIZE_MAX - 3));
    arena_fini(&a);
}
END_TEST

START_TEST(texts)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_str_eq(arena_str(&a, "anna"), "anna");
    ck_assert_ptr_null(arena_str(&a, NULL));
    ck_assert_str_eq(arena_strn(&a, "anna", 2), "an");
    ck_assert_str_eq(arena_strn(&a, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&a, "%s-%d", "pptp", 17), "pptp-17");
    arena_fini(&a);
}
END_TEST

START_TEST(reset_wipes_and_keeps_a_block)
{
    struct arena a;
    arena_init(&a, 1024);
    char *secret = arena_str(&a, "trustno1");
    for (int i = 0; i < 100; i++)
        arena_get(&a, 100);
    char *last = arena_str(&a, "trustno1");
    arena_reset(&a);
    ck_assert_uint_eq(a.used, 0);
    (void)secret;
    /* `last` was in the block that is kept */
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(last[i], 0);
    ck_assert_str_eq(arena_str(&a, "again"), "again");
    arena_fini(&a);
    arena_fini(&a);
}
END_TEST

/* ---- the wheel ---- */

struct item {
    struct wheel_entry e;
    uint64_t at, fired;
    uint32_t times;
};
static struct wheel w;
static uint64_t now;

static void expired(void *u, struct wheel_entry *e)
{
    struct item *i = ADIT_OF(e, struct item, e);
    i->fired = now;
    i->times++;
    (*(int *)u)++;
}

START_TEST(never_early_one_tick_late_at_most)
{
    static struct adit_node slots[64];
    static struct item items[5000];
    int n = 0;
    now = 123456;
    wheel_init(&w, slots, 6, 7, now);
    for (uint32_t i = 0; i < 5000; i++) {
        items[i].at = now + (uint64_t)i * 37 % 100000;       /* many turns of the wheel */
        wheel_add(&w, &items[i].e, items[i].at);
    }
    ck_assert_uint_eq(w.count, 5000);
    for (uint32_t i = 0; i < 5000; i += 10)
        wheel_del(&w, &items[i].e);
    for (int step = 0; w.count; step++) {
        now += 50;
        wheel_advance(&w, now, expired, &n);
        ck_assert_int_lt(step, 10000);
    }
    ck_assert_int_eq(n, 4500);
    for (uint32_t i = 0; i < 5000; i++) {
        ck_assert_uint_eq(items[i].times, i % 10 != 0);
        if (items[i].times) {
            ck_assert_uint_ge(items[i].fired, items[i].at);
            ck_assert_uint_le(items[i].fired, items[i].at + 128 + 50);
        }
    }
}
END_TEST

START_TEST(a_long_sleep_fires_all)
{
    static struct adit_node slots[8];
    static struct item items[100];
    int n = 0;
    now = 0;
    wheel_init(&w, slots, 3, 10, now);
    for (uint32_t i = 0; i < 100; i++)
        wheel_add(&w, &items[i].e, i * 1000u);
    now = (uint64_t)1 << 50;
    ck_assert_uint_eq(wheel_advance(&w, now, expired, &n), 100);
    ck_assert_uint_eq(w.count, 0);
    ck_assert_uint_eq(wheel_advance(&w, now - 5, expired, &n), 0);      /* a clock that steps back */
}
END_TEST

static struct item pair[2];

static void expired_again(void *u, struct wheel_entry *e)
{
    struct item *i = ADIT_OF(e, struct item, e);
    i->times++;
    (*(int *)u)++;
    if (i == &pair[0]) {
        wheel_del(&w, &pair[1].e);      /* it was due in this very tick */
        wheel_add(&w, e, now);          /* at once means the next tick, not now */
    }
}

START_TEST(callbacks_may_add_and_remove)
{
    static struct adit_node slots[8];
    int n = 0;
    now = 5000;
    wheel_init(&w, slots, 3, 10, now);
    wheel_add(&w, &pair[0].e, now + 1);
    wheel_add(&w, &pair[1].e, now + 1);
    now += 2048;
    ck_assert_uint_eq(wheel_advance(&w, now, expired_again, &n), 1);
    ck_assert(wheel_has(&pair[0].e) && !wheel_has(&pair[1].e));
    now += 1024;
    ck_assert_uint_eq(wheel_advance(&w, now, expired_again, &n), 1);
    wheel_del(&w, &pair[0].e);
    wheel_del(&w, &pair[0].e);
    ck_assert_uint_eq(w.count, 0);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { blocks_are_aligned_zeroed_apart, texts,
        reset_wipes_and_keeps_a_block, never_early_one_tick_late_at_most, a_long_sleep_fires_all,
        callbacks_may_add_and_remove, NULL };
    return unit_suite("arena", tests);
}
UNIT_MAIN(suite)
