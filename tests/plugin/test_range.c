/* test_range.c - the address book of pool-range against tables and a model. */
#include <string.h>
#include "../../plugins/pool-range/range.h"
#include "../unit/unit.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static struct adit_addr addr(uint32_t a, uint8_t prefix)
{
    return (struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = prefix,
                               .ip = { (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8),
                                       (uint8_t)a } };
}

static struct adit_range range(uint32_t first, uint32_t last)
{
    return (struct adit_range){ addr(first, 32), addr(last, 32) };
}

/* As the configuration gives a network: its hosts. */
static struct adit_range network(uint32_t first, uint8_t prefix)
{
    uint32_t last = first | (uint32_t)((UINT64_C(1) << (32 - prefix)) - 1);
    return (struct adit_range){ addr(first + (prefix < 31), prefix), addr(last - (prefix < 31), prefix) };
}

#define ARRAY(a) { (a), (uint32_t)(sizeof(a) / sizeof((a)[0])), (uint32_t)sizeof((a)[0]) }
#define SPEC(ranges_) { .ranges = ARRAY(ranges_), .remember = 65536 }

static char err[RANGE_ERR];

static struct range_pool *pool(const struct range_spec *s)
{
    struct range_pool *p = NULL;
    int32_t rc = range_new(s, 42, &p, err);
    ck_assert_msg(rc == 0, "%s", err);
    return p;
}

static uint32_t any(struct range_pool *p, const char *account, uint64_t *id)
{
    struct range_lease l = { .id = 0 };
    int32_t rc = range_lease(p, account, NULL, 7, &l);
    if (id)
        *id = l.id;
    return rc == 0 ? l.addr : 0;
}

START_TEST(leases_in_order_and_keeps_the_first_for_itself)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,4)), range(IP(10,8,0,9), IP(10,8,0,9)) };
    struct range_spec s = SPEC(r);
    struct range_pool *p = pool(&s);
    ck_assert_uint_eq(range_server(p), IP(10,9,0,1));
    ck_assert_uint_eq(range_counts(p).size, 4);
    ck_assert_uint_eq(any(p, "a", NULL), IP(10,9,0,2));
    ck_assert_uint_eq(any(p, "b", NULL), IP(10,9,0,3));
    ck_assert_uint_eq(any(p, "c", NULL), IP(10,9,0,4));
    ck_assert_uint_eq(any(p, "d", NULL), IP(10,8,0,9));
    struct range_lease l;
    ck_assert_int_eq(range_lease(p, "e", NULL, 0, &l), ADIT_ENOSPC);
    ck_assert_uint_eq(range_counts(p).free, 0);
    ck_assert_uint_eq(range_counts(p).peak, 4);
    range_free(p);
}
END_TEST

START_TEST(a_network_is_its_hosts_and_excluded_as_a_whole)
{
    /* the hosts of 10.9.0.0/24 without 10.9.0.128/25 */
    struct adit_range r[] = { network(IP(10,9,0,0), 24) }, out[] = { network(IP(10,9,0,128), 25) };
    struct range_spec s = { .ranges = ARRAY(r), .exclude = ARRAY(out), .remember = 10 };
    struct range_pool *p = pool(&s);
    uint32_t edge = IP(10,9,0,0);
    struct range_lease l;
    ck_assert_uint_eq(range_counts(p).size, 126);
    ck_assert_uint_eq(range_server(p), IP(10,9,0,1));
    ck_assert_int_eq(range_lease(p, "b", &edge, 0, &l), ADIT_ENOENT);
    for (uint32_t i = 0; i < 126; i++)
        ck_assert_uint_eq(any(p, "a", NULL), IP(10,9,0,2) + i);
    ck_assert_uint_eq(any(p, "a", NULL), 0);
    range_free(p);
}
END_TEST

START_TEST(refuses_what_cannot_be_a_pool)
{
    struct adit_range overlap[] = { range(IP(10,9,0,2), IP(10,9,0,60)), range(IP(10,9,0,50), IP(10,9,0,90)) };
    struct adit_range back[] = { range(IP(10,9,0,9), IP(10,9,0,2)) };
    struct adit_range huge[] = { range(0, UINT32_MAX) };
    struct adit_range one[] = { range(IP(10,9,0,2), IP(10,9,0,2)) };
    struct adit_range six[] = { { { .family = ADIT_AF_IPV6, .prefix = 128 }, { .family = ADIT_AF_IPV6, .prefix = 128 } } };
    struct adit_range all[] = { range(IP(10,0,0,0), IP(10,255,255,255)) };
    struct { struct range_spec s; const char *says; } t[] = {
        { SPEC(overlap), "10.9.0.2-10.9.0.60 and 10.9.0.50-10.9.0.90 overlap" },
        { SPEC(back), "ends before it begins" },
        { SPEC(huge), "more than 67108864" },
        { SPEC(one), "no address is left" },
        { SPEC(six), "IPv4 addresses only" },
        { { .remember = 1 }, "ranges is empty" },
        { { .ranges = ARRAY(one), .exclude = ARRAY(all) }, "leaves nothing" },
        { { .ranges = ARRAY(one), .server = { .family = ADIT_AF_IPV6 } }, "IPv4 address is needed" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct range_pool *p = NULL;
        ck_assert_int_eq(range_new(&t[i].s, 1, &p, err), ADIT_ECONF);
        ck_assert_msg(strstr(err, t[i].says) != NULL, "'%s' lacks '%s'", err, t[i].says);
        ck_assert_ptr_null(p);
    }
}
END_TEST

START_TEST(an_account_gets_its_last_address_again)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,9)) };
    struct range_spec s = SPEC(r);
    struct range_pool *p = pool(&s);
    uint64_t a, b, x;
    ck_assert_uint_eq(any(p, "anna", &a), IP(10,9,0,2));
    ck_assert_uint_eq(any(p, "anna", &b), IP(10,9,0,3));
    ck_assert(range_release(p, a));
    ck_assert(range_release(p, b));
    ck_assert_uint_eq(any(p, "bert", NULL), IP(10,9,0,4));
    struct range_lease l;
    ck_assert_int_eq(range_lease(p, "anna", NULL, 0, &l), 0);
    ck_assert_uint_eq(l.addr, IP(10,9,0,3));
    ck_assert(l.again);
    ck_assert_uint_eq(any(p, "anna", &x), IP(10,9,0,2));
    ck_assert_uint_eq(any(p, "anna", &x), IP(10,9,0,5));
    range_free(p);
}
END_TEST

START_TEST(nobody_gets_the_least_recently_used)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,4)) };
    struct range_spec s = SPEC(r);
    struct range_pool *p = pool(&s);
    uint64_t id[3];
    for (unsigned i = 0; i < 3; i++)
        any(p, (const char *[]){ "a", "b", "c" }[i], &id[i]);
    range_release(p, id[1]);
    range_release(p, id[2]);
    range_release(p, id[0]);
    ck_assert_uint_eq(any(p, "x", NULL), IP(10,9,0,3));
    ck_assert_uint_eq(any(p, "c", NULL), IP(10,9,0,4));
    ck_assert_uint_eq(any(p, "b", NULL), IP(10,9,0,2));     /* b's own is x's now */
    ck_assert_uint_eq(any(p, "a", NULL), 0);
    range_free(p);
}
END_TEST

START_TEST(release_twice_or_of_another_generation_is_nothing)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,4)) };
    struct range_spec s = SPEC(r);
    struct range_pool *p = pool(&s);
    uint64_t a, b;
    any(p, "anna", &a);
    ck_assert(range_release(p, a));
    ck_assert(!range_release(p, a));
    any(p, "anna", &b);
    ck_assert(a != b);
    ck_assert(!range_release(p, a));
    ck_assert_uint_eq(range_counts(p).leased, 1);
    ck_assert(!range_release(p, 0));
    ck_assert(!range_release(p, UINT64_MAX));
    range_free(p);
}
END_TEST

START_TEST(a_wanted_address_is_given_or_named)
{
    struct adit_range r[] = { network(IP(10,9,0,0), 28) }, out[] = { range(IP(10,9,0,8), IP(10,9,0,9)) };
    struct range_spec s = { .ranges = ARRAY(r), .exclude = ARRAY(out), .remember = 10 };
    struct range_pool *p = pool(&s);
    uint32_t inside = IP(10,9,0,5), excluded = IP(10,9,0,8), outside = IP(10,9,1,1), ours = IP(10,9,0,1);
    struct range_lease l, k;
    ck_assert_uint_eq(range_counts(p).size, 11);
    ck_assert_int_eq(range_lease(p, "anna", &inside, 0, &l), 0);
    ck_assert_int_eq(range_lease(p, "bert", &inside, 0, &k), ADIT_EEXIST);
    ck_assert_int_eq(range_lease(p, "bert", &outside, 0, &k), ADIT_ENOENT);
    ck_assert_int_eq(range_lease(p, "bert", &ours, 0, &k), ADIT_EEXIST);
    /* excluded: only for who names it, and it never comes into circulation */
    ck_assert_int_eq(range_lease(p, "carl", &excluded, 0, &k), 0);
    ck_assert_uint_eq(range_counts(p).outside, 1);
    ck_assert_uint_eq(range_counts(p).free, 10);
    ck_assert_int_eq(range_lease(p, "bert", &excluded, 0, &l), ADIT_EEXIST);
    ck_assert(range_release(p, k.id));
    for (int i = 0; i < 10; i++)
        ck_assert_uint_ne(any(p, "x", NULL), excluded);
    ck_assert_uint_eq(any(p, "x", NULL), 0);
    ck_assert_int_eq(range_lease(p, "carl", &excluded, 0, &k), 0);
    range_free(p);
}
END_TEST

START_TEST(reload_keeps_leases)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,9)) }, less[] = { range(IP(10,9,0,1), IP(10,9,0,3)) };
    struct adit_range other[] = { range(IP(10,7,0,1), IP(10,7,0,9)) }, bad[] = { range(9, 1) };
    struct adit_range held[] = { range(IP(10,9,0,4), IP(10,9,0,9)) };
    struct range_spec s = SPEC(r), t = SPEC(less), u = SPEC(other), v = SPEC(bad), w = SPEC(held);
    struct range_pool *p = pool(&s);
    uint64_t id[5];
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(any(p, (const char *[]){ "a", "b", "c", "d", "e" }[i], &id[i]), IP(10,9,0,2 + i));
    range_release(p, id[4]);
    ck_assert_int_eq(range_reload(p, &v, err), ADIT_ECONF);
    ck_assert_int_eq(range_reload(p, &w, err), ADIT_EADDRINUSE);    /* .4 would be ours */
    ck_assert_msg(strstr(err, "leased to 'c'") != NULL, "%s", err);
    ck_assert_uint_eq(range_counts(p).size, 8);

    ck_assert_int_eq(range_reload(p, &t, err), 0);
    struct range_counts c = range_counts(p);
    ck_assert_uint_eq(c.size, 2);
    ck_assert_uint_eq(c.leased, 4);
    ck_assert_uint_eq(c.outside, 2);
    ck_assert_uint_eq(c.free, 0);
    ck_assert_uint_eq(c.remembered, 0);
    range_release(p, id[3]);                /* out of range: it vanishes */
    ck_assert_uint_eq(any(p, "d", NULL), 0);
    range_release(p, id[0]);
    ck_assert_uint_eq(any(p, "z", NULL), IP(10,9,0,2));

    ck_assert_int_eq(range_reload(p, &s, err), 0);  /* back: c's lease counts again */
    ck_assert_uint_eq(range_counts(p).outside, 0);
    ck_assert_uint_eq(range_counts(p).free, 5);
    ck_assert_int_eq(range_reload(p, &u, err), 0);
    ck_assert_uint_eq(range_counts(p).outside, 3);
    ck_assert_uint_eq(any(p, "a", NULL), IP(10,7,0,2));
    ck_assert(range_release(p, id[1]));
    ck_assert(range_release(p, id[2]));
    range_free(p);
}
END_TEST

START_TEST(a_slash_8_costs_no_more)
{
    struct adit_range r[] = { network(IP(10,0,0,0), 8) }, out[] = { network(IP(10,128,0,0), 9) };
    struct range_spec s = { .ranges = ARRAY(r), .exclude = ARRAY(out), .remember = 1000 };
    struct range_pool *p = pool(&s);
    ck_assert_uint_eq(range_counts(p).size, (1u << 23) - 2);
    static uint64_t id[20000];
    char name[32];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "user%u", i);
        ck_assert_uint_ne(any(p, name, &id[i]), 0);
    }
    for (unsigned i = 0; i < 20000; i++)
        ck_assert(range_release(p, id[i]));
    ck_assert_uint_eq(range_counts(p).remembered, 1000);
    ck_assert_uint_eq(any(p, "user19999", NULL), IP(10,0,0,2) + 19999);
    ck_assert_uint_eq(any(p, "nobody", NULL), IP(10,0,0,2) + 20000);
    range_free(p);
}
END_TEST

/* ---- the model: a plain array of addresses ------------------------------------ */

#define MODEL 40u

static uint32_t rnd_state = 1;
static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 1664525u + 1013904223u;
    return (rnd_state >> 8) % below;
}

START_TEST(does_what_a_plain_model_does)
{
    /* two ranges, one of them across the numbers of the other */
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,0,31)), range(IP(10,8,0,1), IP(10,8,0,10)) };
    struct range_spec s = SPEC(r);
    struct { uint32_t addr; bool leased; int who; uint64_t id, freed; } m[MODEL];
    uint64_t clock = 0;

    rnd_state = (uint32_t)_i + 1;
    struct range_pool *p = pool(&s);
    memset(m, 0, sizeof m);
    for (uint32_t i = 0; i < MODEL; i++) {
        m[i].addr = i < 30 ? IP(10,9,0,2) + i : IP(10,8,0,1) + (i - 30);
        m[i].who = -1;
    }
    for (int step = 0; step < 5000; step++) {
        uint32_t op = rnd(10), leased = 0;
        if (op < 5) {
            int who = (int)rnd(30), best = -1;
            char name[16];
            snprintf(name, sizeof name, "u%d", who);
            uint32_t wanted = m[rnd(MODEL)].addr, at = 0;
            bool named = rnd(5) == 0;
            for (uint32_t i = 0; i < MODEL; i++)
                if (m[i].addr == wanted)
                    at = i;
            struct range_lease l;
            int32_t rc = range_lease(p, name, named ? &wanted : NULL, clock, &l), expect = 0;
            if (named) {
                best = (int)at;
                expect = m[at].leased ? ADIT_EEXIST : 0;
            } else {
                for (uint32_t i = 0; i < MODEL; i++)        /* its own, the last freed */
                    if (!m[i].leased && m[i].who == who && (best < 0 || m[i].freed > m[best].freed))
                        best = (int)i;
                if (best < 0)                               /* any that nobody had: freed is 0 */
                    for (uint32_t i = 0; i < MODEL; i++)
                        if (!m[i].leased && (best < 0 || m[i].freed < m[best].freed))
                            best = (int)i;
                expect = best < 0 ? ADIT_ENOSPC : 0;
            }
            ck_assert_int_eq(rc, expect);
            if (rc == 0) {
                uint32_t got = 0;
                while (got < MODEL && m[got].addr != l.addr)
                    got++;
                ck_assert_uint_lt(got, MODEL);
                ck_assert(!m[got].leased);
                if (named || m[best].freed)
                    ck_assert_uint_eq(got, (uint32_t)best);
                else
                    ck_assert_uint_eq(m[got].freed, 0);
                m[got].leased = true;
                m[got].who = who;
                m[got].id = l.id;
            }
        } else if (op < 9) {
            uint32_t i = rnd(MODEL);
            ck_assert_int_eq(range_release(p, m[i].id), m[i].leased);
            if (m[i].leased)
                m[i].freed = ++clock;
            m[i].leased = false;
        } else {
            ck_assert_int_eq(range_reload(p, &s, err), 0);
        }
        for (uint32_t i = 0; i < MODEL; i++)
            leased += m[i].leased;
        struct range_counts c = range_counts(p);
        ck_assert_uint_eq(c.leased, leased);
        ck_assert_uint_eq(c.free, MODEL - leased);
        ck_assert_uint_eq(c.outside, 0);
    }
    range_free(p);
}
END_TEST

START_TEST(with_a_short_memory_no_address_is_lost_or_doubled)
{
    struct adit_range r[] = { range(IP(10,9,0,1), IP(10,9,32,0)) };
    struct range_spec s = { .ranges = ARRAY(r), .remember = (uint32_t)_i };
    struct range_pool *p = pool(&s);
    uint32_t size = range_counts(p).size, held = 0;
    static uint64_t id[8192];
    static uint8_t taken[8193];
    char name[16];
    rnd_state = (uint32_t)_i + 77;
    memset(taken, 0, sizeof taken);
    ck_assert_uint_eq(size, 8191);
    for (int step = 0; step < 60000; step++) {
        if (rnd(100) < (step / 20000 == 1 ? 40u : 70u)) {
            snprintf(name, sizeof name, "u%u", rnd(500));
            uint64_t x;
            uint32_t a = any(p, name, &x);
            ck_assert_int_eq(a != 0, held < size);
            if (!a)
                continue;
            ck_assert(!taken[a - IP(10,9,0,0)]);
            taken[a - IP(10,9,0,0)] = 1;
            id[held++] = x;
        } else if (held) {
            uint32_t i = rnd(held);
            taken[(uint32_t)id[i] - IP(10,9,0,0)] = 0;
            ck_assert(range_release(p, id[i]));
            id[i] = id[--held];
        }
    }
    while (held < size) {
        ck_assert_uint_ne(any(p, "last", &id[held]), 0);
        held++;
    }
    ck_assert_uint_eq(any(p, "none", NULL), 0);
    range_free(p);
}
END_TEST

static Suite *suite(void)
{
    static const TTest *tests[16];
    size_t n = 0;
    tests[n++] = leases_in_order_and_keeps_the_first_for_itself;
    tests[n++] = a_network_is_its_hosts_and_excluded_as_a_whole;
    tests[n++] = refuses_what_cannot_be_a_pool;
    tests[n++] = an_account_gets_its_last_address_again;
    tests[n++] = nobody_gets_the_least_recently_used;
    tests[n++] = release_twice_or_of_another_generation_is_nothing;
    tests[n++] = a_wanted_address_is_given_or_named;
    tests[n++] = reload_keeps_leases;
    tests[n++] = a_slash_8_costs_no_more;
    Suite *s = unit_suite("range", tests);
    TCase *tc = tcase_create("model");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, does_what_a_plain_model_does, 0, 20);
    tcase_add_loop_test(tc, with_a_short_memory_no_address_is_lost_or_doubled, 0, 3);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
