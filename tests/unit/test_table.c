/* test_table.c - the growing hash. */
#include <adit/table.h>
#include "unit.h"

#include <string.h>

struct item {
    struct adit_entry node;
    uint32_t key;
};

static uint32_t hash_of(uint32_t key) { return key * 2654435761u; }

static struct item *find(const struct adit_table *t, uint32_t key, uint32_t hash)
{
    for (struct adit_entry *n = adit_table_first(t, hash); n; n = adit_table_next(t, n))
        if (ADIT_OF(n, struct item, node)->key == key)
            return ADIT_OF(n, struct item, node);
    return NULL;
}

START_TEST(an_empty_table_holds_nothing)
{
    struct adit_table t = { 0 };
    struct adit_entry n = { 0 };
    ck_assert_ptr_null(adit_table_first(&t, 7));
    ck_assert(!adit_table_has(&n));
    adit_table_del(&t, &n);
    ck_assert_uint_eq(t.h.count, 0);
    adit_table_fini(&t);
}
END_TEST

START_TEST(it_grows_and_finds_all)
{
    enum { N = 20000 };
    struct adit_table t = { 0 };
    struct item *items = calloc(N, sizeof *items);
    for (uint32_t i = 0; i < N; i++) {
        items[i].key = i;
        adit_table_add(&t, hash_of(i), &items[i].node);
    }
    ck_assert_uint_eq(t.h.count, N);
    ck_assert_uint_ge(t.h.mask + 1, N);
    uint32_t longest = 0;
    for (uint32_t i = 0; i <= t.h.mask; i++) {
        uint32_t n = 0;
        ADIT_LIST_EACH(x, &t.h.bucket[i])
            n += x != NULL;
        longest = n > longest ? n : longest;
    }
    ck_assert_uint_le(longest, 16);
    for (uint32_t i = 0; i < N; i++)
        ck_assert_ptr_eq(find(&t, i, hash_of(i)), &items[i]);
    ck_assert_ptr_null(find(&t, N, hash_of(N)));
    for (uint32_t i = 0; i < N; i += 2)
        adit_table_del(&t, &items[i].node);
    ck_assert_uint_eq(t.h.count, N / 2);
    for (uint32_t i = 0; i < N; i++) {
        ck_assert(adit_table_has(&items[i].node) == (int)(i & 1));
        ck_assert_ptr_eq(find(&t, i, hash_of(i)), i & 1 ? &items[i] : NULL);
    }
    adit_table_fini(&t);
    ck_assert(!adit_table_has(&items[1].node));
    ck_assert_ptr_null(t.h.bucket);
    free(items);
}
END_TEST

/* Nodes of another hash in the same chain are not shown. */
START_TEST(equal_hashes_are_told_apart_by_the_caller)
{
    struct adit_table t = { 0 };
    struct item a = { .key = 1 }, b = { .key = 2 }, c = { .key = 3 };
    adit_table_add(&t, 5, &a.node);
    adit_table_add(&t, 5 + (1u << 20), &b.node);
    adit_table_add(&t, 5, &c.node);
    struct adit_entry *n = adit_table_first(&t, 5);
    ck_assert_ptr_eq(n, &a.node);
    n = adit_table_next(&t, n);
    ck_assert_ptr_eq(n, &c.node);
    ck_assert_ptr_null(adit_table_next(&t, n));
    ck_assert_ptr_eq(find(&t, 2, 5 + (1u << 20)), &b);
    ck_assert_ptr_null(find(&t, 2, 5));
    adit_table_del(&t, &a.node);
    ck_assert_ptr_eq(adit_table_first(&t, 5), &c.node);
    adit_table_fini(&t);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("table", (const TTest *const[]){
        an_empty_table_holds_nothing, it_grows_and_finds_all,
        equal_hashes_are_told_apart_by_the_caller, NULL });
}
UNIT_MAIN(suite)
