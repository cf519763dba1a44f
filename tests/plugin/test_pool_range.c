/* test_pool_range.c - pool-range against the fake host. */
#include <adit/plugin.h>
#include "../../plugins/pool-range/pool.h"
#include "../../sdk/fake/fake.h"
#include "../unit/unit.h"

#define IP4(a_, b_, c_, d_) { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { a_, b_, c_, d_ } }
#define LIST(a) { (a), (uint32_t)(sizeof(a) / sizeof((a)[0])), (uint32_t)sizeof((a)[0]) }

static const struct adit_range three[] = { { IP4(10, 9, 0, 1), IP4(10, 9, 0, 4) } };
static const struct adit_range more[] = { { IP4(10, 9, 0, 1), IP4(10, 9, 0, 9) } };
static const struct adit_addr names[] = { IP4(10, 9, 0, 53), IP4(10, 9, 0, 54), IP4(10, 9, 0, 55) };

static struct adit_self *pool(const struct pool_conf *c)
{
    return fake_inst_conf(fake_face("pool", "range"), c);
}

static const struct adit_pool_answer *ask(struct adit_self *self, const char *account,
                                          const char *address, const char *from, int32_t *status)
{
    const struct adit_host *h = self->host;
    struct adit_attrs *a = h->attr->make();
    if (account)
        adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, account);
    if (address) {
        struct adit_addr at = fake_addr(address);
        adit_attr_put_addr(h, a, ADIT_ATTR_ADDRESS, &at);
    }
    if (from)
        adit_attr_put_str(h, a, ADIT_ATTR_POOL, from);
    const struct adit_pool_query q = { .size = sizeof q, .attrs = a };
    adit_request req = fake_ask(self);
    pool_vtable.lease(self, req, &q);
    h->attr->free(a);
    ck_assert(fake_answered(req));
    return fake_answer(req, status);
}

static const char *address(struct adit_self *self, const char *account)
{
    int32_t status;
    const struct adit_pool_answer *a = ask(self, account, NULL, NULL, &status);
    return status == 0 ? fake_addr_text(&a->address) : "";
}

START_TEST(a_lease_carries_what_the_client_is_told)
{
    const struct pool_conf c = { .ranges = LIST(three), .dns = { names, 2, sizeof names[0] },
                                 .wins = { &names[2], 1, sizeof names[0] },
                                 .dns_domain = "example.org", .remember = 10 };
    struct adit_self *s = pool(&c);
    int32_t status;
    const struct adit_pool_answer *a = ask(s, "anna", NULL, NULL, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(fake_addr_text(&a->address), "10.9.0.2");
    ck_assert_uint_ne(a->lease, 0);
    const struct adit_host *h = s->host;
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_DNS, 1)), "10.9.0.54");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_WINS, 0)), "10.9.0.55");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_SERVER_ADDRESS, 0)), "10.9.0.1");
    ck_assert_str_eq(adit_attr_str(h, a->attrs, ADIT_ATTR_DNS_DOMAIN), "example.org");
    const char *status_text = fake_status(s);
    ck_assert_msg(strstr(status_text, "\"ranges\": [\"10.9.0.1-10.9.0.4\"]") &&
                  strstr(status_text, "\"address\": \"10.9.0.2\""), "%s", status_text);
    pool_vtable.release(s, a->lease);
    pool_vtable.release(s, a->lease);
    ck_assert_uint_eq(fake_counter(s, "released"), 1);
    ck_assert_str_eq(address(s, "ANNA"), "10.9.0.2");
    ck_assert_uint_eq(fake_counter(s, "again"), 1);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(an_empty_pool_says_so)
{
    const struct pool_conf c = { .ranges = LIST(three), .remember = 10 };
    struct adit_self *s = pool(&c);
    for (int i = 0; i < 3; i++)
        ck_assert_str_ne(address(s, "x"), "");
    int32_t status;
    const struct adit_pool_answer *a = ask(s, "late", NULL, NULL, &status);
    ck_assert_int_eq(status, ADIT_ENOSPC);
    ck_assert(!a || a->cause == ADIT_CAUSE_POOL_EXHAUSTED);
    ck_assert_uint_eq(fake_event_count("pool.exhausted"), 1);
    ck_assert_str_eq(fake_event_str("pool.exhausted", "account"), "late");
    ck_assert_uint_eq(fake_event_u("pool.exhausted", "size"), 3);
    for (int i = 0; i < 50; i++)
        ask(s, "late", NULL, NULL, &status);
    ck_assert_uint_le(fake_event_count("pool.exhausted"), 6);
    ck_assert_uint_eq(fake_counter(s, "exhausted"), 51);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(fixed_addresses_and_named_pools)
{
    const struct pool_conf c = { .ranges = LIST(three), .remember = 10 };
    struct adit_self *s = pool(&c);
    int32_t status;
    const struct adit_pool_answer *a = ask(s, "anna", "10.9.0.4", NULL, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(fake_addr_text(&a->address), "10.9.0.4");
    a = ask(s, "bert", "10.9.0.4", NULL, &status);
    ck_assert_int_eq(status, ADIT_EEXIST);
    ck_assert(!a || a->cause == ADIT_CAUSE_ADDRESS_TAKEN);
    ck_assert_str_eq(fake_event_str("pool.taken", "holder"), "anna");
    ask(s, "bert", "10.9.0.1", NULL, &status);
    ck_assert_int_eq(status, ADIT_EEXIST);
    ask(s, "bert", "10.9.1.4", NULL, &status);
    ck_assert_int_eq(status, ADIT_ENOENT);
    ask(s, "bert", "2001:db8::1", NULL, &status);
    ck_assert_int_eq(status, ADIT_ENOENT);
    ask(s, "bert", NULL, "other", &status);
    ck_assert_int_eq(status, ADIT_ENOENT);
    ask(s, "bert", NULL, s->name, &status);
    ck_assert_int_eq(status, 0);
    ask(s, NULL, NULL, NULL, &status);
    ck_assert_int_eq(status, 0);
    fake_stop(s);
    ask(s, "carl", NULL, NULL, &status);
    ck_assert_int_eq(status, ADIT_ESTATE);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(reload_keeps_leases_and_changes_what_is_told)
{
    struct pool_conf c = { .ranges = LIST(three), .remember = 10 };
    struct adit_self *s = pool(&c);
    struct pool_conf d = { .ranges = LIST(more), .dns = { names, 1, sizeof names[0] }, .remember = 10 };
    struct pool_conf bad = { .ranges = LIST(more), .dns = LIST(names), .remember = 10 };
    for (int i = 0; i < 3; i++)
        address(s, "x");
    ck_assert_int_eq(pool_life.reload(s, &bad), ADIT_ECONF);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "PPP carries two"));
    ck_assert_int_eq(pool_life.reload(s, &d), 0);
    int32_t status;
    const struct adit_pool_answer *a = ask(s, "y", NULL, NULL, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(fake_addr_text(&a->address), "10.9.0.5");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->attrs, ADIT_ATTR_SERVER_ADDRESS, 0)), "10.9.0.1");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->attrs, ADIT_ATTR_DNS, 0)), "10.9.0.53");
    c.server = names[0];
    ck_assert_int_eq(pool_life.reload(s, &c), 0);
    a = ask(s, "z", NULL, NULL, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(fake_addr_text(&a->address), "10.9.0.1");
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(what_cannot_serve_is_refused_with_a_sentence)
{
    const struct pool_conf none = { .remember = 0 };
    const struct pool_conf six = { .ranges = LIST(three), .server = { .family = ADIT_AF_IPV6, .prefix = 128 } };
    ck_assert_ptr_null(pool(&none));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "neither addresses nor ipv6-networks"));
    ck_assert_ptr_null(pool(&six));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "server-address"));
    fake_end();
}
END_TEST

#define IP6(prefix_, ...) { .family = ADIT_AF_IPV6, .prefix = prefix_, .ip = { __VA_ARGS__ } }

static const char *network(struct adit_self *self, const char *account, const struct adit_addr *wanted,
                           int32_t *status, uint64_t *lease)
{
    const struct adit_host *h = self->host;
    struct adit_attrs *a = h->attr->make();
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, account);
    if (wanted)
        adit_attr_put_addr(h, a, ADIT_ATTR_IPV6_PREFIX, wanted);
    const struct adit_pool_query q = { .size = sizeof q, .attrs = a };
    adit_request req = fake_ask(self);
    pool_vtable.lease6(self, req, &q);
    h->attr->free(a);
    ck_assert(fake_answered(req));
    const struct adit_pool_answer *answer = fake_answer(req, status);
    if (*status)
        return "";
    *lease = answer->lease;
    return fake_addr_text(&answer->address);
}

START_TEST(networks_are_leased_beside_addresses)
{
    static const struct adit_addr nets[] = { IP6(62, 0x20, 1, 0xd, 0xb8, 0x70), IP6(63, 0x20, 1, 0xd, 0xb8, 0x80) };
    const struct pool_conf c = { .ranges = LIST(three), .networks = LIST(nets), .network_length = 64, .remember = 10 };
    struct adit_self *s = pool(&c);
    uint64_t lease[5], again;
    int32_t status;
    /* the first part of each is nobody's */
    ck_assert_str_eq(network(s, "anna", NULL, &status, &lease[0]), "2001:db8:7000:1::/64");
    ck_assert_str_eq(network(s, "bert", NULL, &status, &lease[1]), "2001:db8:7000:2::/64");
    ck_assert_str_eq(network(s, "carl", NULL, &status, &lease[2]), "2001:db8:7000:3::/64");
    ck_assert_str_eq(network(s, "dora", NULL, &status, &lease[3]), "2001:db8:8000:1::/64");
    network(s, "emil", NULL, &status, &again);
    ck_assert_int_eq(status, ADIT_ENOSPC);
    ck_assert_uint_eq(fake_event_count("pool.exhausted"), 1);
    ck_assert_ptr_nonnull(strstr(fake_event_str("pool.exhausted", "remedy"), "ipv6-networks"));

    ck_assert_str_eq(address(s, "anna"), "10.9.0.2");       /* and addresses have names of their own */
    pool_vtable.release(s, lease[1]);
    pool_vtable.release(s, lease[1]);
    pool_vtable.release(s, lease[2]);
    ck_assert_uint_eq(fake_counter(s, "released"), 2);
    ck_assert_str_eq(network(s, "carl", NULL, &status, &again), "2001:db8:7000:3::/64");   /* the same again */
    struct adit_addr second = IP6(64, 0x20, 1, 0xd, 0xb8, 0x70, 0, 0, 2), third = IP6(64, 0x20, 1, 0xd, 0xb8, 0x70, 0, 0, 3),
                     outside = IP6(64, 0x20, 1, 0xd, 0xb8, 0x70, 0, 0, 4), whole = nets[0];
    network(s, "emil", &third, &status, &again);
    ck_assert_int_eq(status, ADIT_EEXIST);
    network(s, "emil", &outside, &status, &again);
    ck_assert_int_eq(status, ADIT_ENOENT);
    network(s, "emil", &whole, &status, &again);
    ck_assert_int_eq(status, ADIT_ENOENT);
    ck_assert_str_eq(network(s, "emil", &second, &status, &again), "2001:db8:7000:2::/64");
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(a_pool_of_networks_alone)
{
    static const struct adit_addr nets[] = { IP6(40, 0x20, 1, 0xd, 0xb8, 0x70) };
    const struct pool_conf c = { .networks = LIST(nets), .network_length = 56, .remember = 10 };
    struct adit_self *s = pool(&c);
    uint64_t lease;
    int32_t status;
    ck_assert_str_eq(network(s, "anna", NULL, &status, &lease), "2001:db8:7000:100::/56");
    ask(s, "anna", NULL, NULL, &status);
    ck_assert_int_eq(status, ADIT_ENOENT);
    fake_inst_free(s);

    static const struct adit_addr bad[][2] = {
        { IP6(64, 0x20, 1, 0xd, 0xb8), IP6(48, 0x20, 2) },                  /* no larger than a part */
        { IP6(40, 0x20, 1, 0xd, 0xb8), IP6(48, 0x20, 1, 0xd, 0xb8, 0, 1) }, /* the one in the other */
        { IP6(48, 0x20, 1, 0xd, 0xb8, 0, 1), IP6(40, 0x20, 1, 0xd, 0xb8) },
        { { .family = ADIT_AF_IPV4, .prefix = 8, .ip = { 10 } }, IP6(48, 0x20, 2) },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct pool_conf d = { .networks = LIST(bad[i]), .network_length = 64, .remember = 10 };
        ck_assert_ptr_null(pool(&d));
        ck_assert_ptr_nonnull(strstr(fake_last_error(), "ipv6-networks: item"));
    }
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    static const TTest *tests[8];
    size_t n = 0;
    tests[n++] = a_lease_carries_what_the_client_is_told;
    tests[n++] = an_empty_pool_says_so;
    tests[n++] = fixed_addresses_and_named_pools;
    tests[n++] = reload_keeps_leases_and_changes_what_is_told;
    tests[n++] = networks_are_leased_beside_addresses;
    tests[n++] = a_pool_of_networks_alone;
    tests[n++] = what_cannot_serve_is_refused_with_a_sentence;
    return unit_suite("pool-range", tests);
}

UNIT_MAIN(suite)
