#include "base/attr.h"
#include "unit.h"

static const struct adit_attr_api *A = &plug_attr_api;

START_TEST(lists_hold_values_in_order)
{
    struct adit_attrs *a = A->make();
    for (int i = 0; i < 100; i++) {
        char group[16];
        snprintf(group, sizeof group, "g%d", i);
        struct adit_value v = adit_value_str(group);
        ck_assert_int_eq(A->put(a, ADIT_ATTR_GROUP, &v), 0);
        struct adit_value u = { ADIT_TYPE_U64, 0, { .u = (uint64_t)i } };
        ck_assert_int_eq(A->put(a, ADIT_ATTR_MTU, &u), 0);
    }
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 99)->v.p, "g99");
    ck_assert_ptr_null(A->get(a, ADIT_ATTR_GROUP, 100));
    A->del(a, ADIT_ATTR_MTU);
    ck_assert_ptr_null(A->get(a, ADIT_ATTR_MTU, 0));
    uint32_t pos = 0, id, n = 0;
    const struct adit_value *v;
    while (A->next(a, &pos, &id, &v)) {
        ck_assert_uint_eq(id, ADIT_ATTR_GROUP);
        n++;
    }
    ck_assert_uint_eq(n, 100);
    A->free(a);
    A->free(NULL);
}
END_TEST

START_TEST(wrong_types_are_refused)
{
    struct adit_attrs *a = A->make();
    struct adit_value s = adit_value_str("x"), u = { ADIT_TYPE_U64, 0, { .u = 7 } };
    struct adit_value none = { ADIT_TYPE_ADDR, 0, { .u = 0 } };
    struct adit_value nul = { ADIT_TYPE_STR, 3, { .p = "a\0b" } };
    ck_assert_int_eq(A->put(a, ADIT_ATTR_USER, &u), ADIT_EINVAL);
    ck_assert_int_eq(A->put(a, ADIT_ATTR_MTU, &s), ADIT_EINVAL);
    ck_assert_int_eq(A->put(a, ADIT_ATTR_ADDRESS, &none), ADIT_EINVAL);
    ck_assert_int_eq(A->put(a, ADIT_ATTR_USER, &nul), ADIT_EINVAL);
    ck_assert_int_eq(A->put(a, 19, &u), ADIT_EINVAL);
    ck_assert_int_eq(A->put(a, ADIT_ATTR_VENDOR + 999, &u), ADIT_EINVAL);
    /* a number serves where yes or no is asked */
    ck_assert_int_eq(A->put(a, ADIT_ATTR_SECURED, &u), 0);
    ck_assert_uint_eq(A->get(a, ADIT_ATTR_SECURED, 0)->v.u, 1);
    A->free(a);
}
END_TEST

START_TEST(names_and_vendors)
{
    ck_assert_uint_eq(A->id("user", ADIT_TYPE_NONE), ADIT_ATTR_USER);
    ck_assert_uint_eq(A->id("acme-floor", ADIT_TYPE_NONE), 0);
    uint32_t id = A->id("acme-floor", ADIT_TYPE_U64);
    ck_assert_uint_ge(id, ADIT_ATTR_VENDOR);
    ck_assert_uint_eq(A->id("acme-floor", ADIT_TYPE_STR), id);
    ck_assert_str_eq(A->name(id), "acme-floor");
    ck_assert_uint_eq(attr_type(id), ADIT_TYPE_U64);
    ck_assert_ptr_null(A->name(id + 1));
}
END_TEST

START_TEST(over_replaces_append_adds)
{
    struct adit_attrs *a = A->make(), *b = A->make();
    struct adit_value x = adit_value_str("x"), y = adit_value_str("y");
    A->put(a, ADIT_ATTR_GROUP, &x);
    A->put(a, ADIT_ATTR_USER, &x);
    A->put(b, ADIT_ATTR_GROUP, &y);
    A->put(b, ADIT_ATTR_GROUP, &x);
    ck_assert_int_eq(attr_over(a, b), 0);
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 0)->v.p, "y");
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 1)->v.p, "x");
    ck_assert_str_eq(A->get(a, ADIT_ATTR_USER, 0)->v.p, "x");
    ck_assert_int_eq(attr_append(a, b), 0);
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 3)->v.p, "x");
    A->free(a);
    A->free(b);
}
END_TEST

START_TEST(over_replaces_all_or_nothing)
{
    struct adit_attrs *a = A->make(), *b = A->make();
    struct adit_value x = adit_value_str("x"), y = adit_value_str("y");
    A->put(a, ADIT_ATTR_USER, &x);
    A->put(a, ADIT_ATTR_GROUP, &x);
    while (A->put(b, ADIT_ATTR_GROUP, &y) == 0)
        ;
    ck_assert_int_eq(attr_over(a, b), ADIT_ENOMEM);
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 0)->v.p, "x");
    ck_assert_ptr_null(A->get(a, ADIT_ATTR_GROUP, 1));
    const char *user = A->get(a, ADIT_ATTR_USER, 0)->v.p;
    A->del(b, ADIT_ATTR_GROUP);
    for (int i = 0; i < 1023; i++)
        A->put(b, ADIT_ATTR_GROUP, &y);
    ck_assert_int_eq(attr_over(a, b), 0);
    ck_assert_str_eq(A->get(a, ADIT_ATTR_GROUP, 1022)->v.p, "y");
    ck_assert_ptr_eq(A->get(a, ADIT_ATTR_USER, 0)->v.p, user);  /* what stays is not moved */
    A->free(a);
    A->free(b);
}
END_TEST

START_TEST(lists_are_bounded)
{
    static char big[65537];
    struct adit_attrs *a = A->make();
    memset(big, 'x', sizeof big - 1);
    struct adit_value v = adit_value_str(big), one = adit_value_str("x");
    ck_assert_int_eq(A->put(a, ADIT_ATTR_GROUP, &v), ADIT_EINVAL);
    v.len--;
    ck_assert_int_eq(A->put(a, ADIT_ATTR_GROUP, &v), 0);
    ck_assert_uint_eq(A->get(a, ADIT_ATTR_GROUP, 0)->len, 65535);
    int32_t rc = 0, n = 1;
    for (; rc == 0 && n < 5000; n++)
        rc = A->put(a, ADIT_ATTR_GROUP, &one);
    ck_assert_int_eq(rc, ADIT_ENOMEM);
    ck_assert_int_eq(n, 1025);
    ck_assert_int_eq(attr_over(a, a), 0);
    ck_assert_ptr_nonnull(A->get(a, ADIT_ATTR_GROUP, 1023));
    A->free(a);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { lists_are_bounded, lists_hold_values_in_order, wrong_types_are_refused,
        names_and_vendors, over_replaces_append_adds, over_replaces_all_or_nothing, NULL };
    return unit_suite("attr", tests);
}
UNIT_MAIN(suite)
