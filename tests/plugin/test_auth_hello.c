/* test_auth_hello.c - the example of the SDK, against the fake host. */
#include "fake/fake.h"
#include "unit.h"

static const struct adit_auth_answer *login(struct adit_self *s, const char *user, const char *password)
{
    const struct adit_auth *vt = fake_face("auth", "hello")->vtable;
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_PAP, .user = user,
                                 .password = (const uint8_t *)password,
                                 .password_len = (uint32_t)strlen(password) };
    adit_request r = fake_ask(s);
    vt->check(s, r, &q);
    int32_t status;
    const struct adit_auth_answer *a = fake_answer(r, &status);
    ck_assert_int_eq(status, 0);
    return a;
}

START_TEST(judges_one_user)
{
    struct adit_self *s = fake_inst(fake_face("auth", "hello"),
                                    "user: ann\npassword: open sesame\ngroup: staff\n");
    ck_assert_ptr_nonnull(s);
    const struct adit_auth_answer *a = login(s, "ann", "open sesame");
    ck_assert_uint_eq(a->verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_str_eq(adit_attr_str(fake_host(), a->attrs, ADIT_ATTR_GROUP), "staff");
    ck_assert_uint_eq(login(s, "ann", "x")->verdict, ADIT_VERDICT_REJECT);
    ck_assert_uint_eq(login(s, "bob", "x")->verdict, ADIT_VERDICT_NEXT);
    ck_assert_uint_eq(fake_counter(s, "accepted"), 1);
    ck_assert_uint_eq(fake_counter(s, "rejected"), 1);
    ck_assert_uint_eq(fake_event_count("hello.login"), 2);
    ck_assert_int_eq(fake_reload(s, "user: bob\npassword: x\n"), 0);
    ck_assert_uint_eq(login(s, "bob", "x")->verdict, ADIT_VERDICT_ACCEPT);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(needs_a_user_and_a_password)
{
    ck_assert_ptr_null(fake_inst(fake_face("auth", "hello"), "user: ann\n"));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    ck_assert_ptr_null(fake_inst(fake_face("auth", "hello"), "user: \"\"\npassword: x\n"));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { judges_one_user, needs_a_user_and_a_password, NULL };
    return unit_suite("auth-hello", tests);
}
UNIT_MAIN(suite)
