/* test_ppp_login.c - the link and the real authentication protocols together:
 * from the first Configure-Request to encrypted datagrams. */
#define WORLD_REAL
#include "ppp_world.h"
#include "unit.h"

static void with_crypto(void)
{
    ck_assert_int_eq(crypto_init(), 0);
}

static void send_ip(struct side *s, uint32_t len)
{
    uint8_t buf[ADIT_ROOM + 1600 + ADIT_ROOM] = { 0 };
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    f.data[0] = 0x45;
    f.data[2] = (uint8_t)(len >> 8);
    f.data[3] = (uint8_t)len;
    ppp_tx(s->p, PPP_IP, &v, 1);
}

static const struct {
    uint32_t method;
    bool keys;
} methods[] = {
    { ADIT_AUTH_PAP, false },      { ADIT_AUTH_CHAP, false },
    { ADIT_AUTH_MSCHAPV1, true },  { ADIT_AUTH_MSCHAPV2, true },
    { ADIT_AUTH_EAP_MD5, false },  { ADIT_AUTH_EAP_MSCHAPV2, true },
};
#define METHODS (sizeof methods / sizeof methods[0])

START_TEST(every_method_logs_in)
{
    for (size_t i = 0; i < METHODS; i++) {
        struct world *w = world_new();
        struct ppp_info info;
        w->a.cfg.auth_demand = methods[i].method;
        w->a.cfg.auth_eap = methods[i].method & 0xf0;
        w->a.cfg.our_name = "server";
        world_up(w);
        world_run(w, 5000);
        ppp_info(w->a.p, &info);
        ck_assert_msg(info.ipv4_up, "method %x: a %s, b %s", methods[i].method, w->a.log, w->b.log);
        ck_assert_uint_eq(info.method, methods[i].method);
        ck_assert_str_eq(info.user, "anna");
        world_free(w);
    }
}
END_TEST

START_TEST(every_method_with_keys_encrypts)
{
    for (size_t i = 0; i < METHODS; i++) {
        for (uint32_t enc = ADIT_ENC_40; enc <= ADIT_ENC_128; enc <<= 1) {
            struct world *w = world_new();
            w->a.cfg.auth_demand = methods[i].method;
            w->a.cfg.auth_eap = methods[i].method & 0xf0;
            w->a.net.encryption = enc;
            w->b.net.encryption = ADIT_ENC_40 | ADIT_ENC_56 | ADIT_ENC_128 | ADIT_ENC_NONE;
            world_up(w);
            world_run(w, 5000);
            if (!methods[i].keys) {
                world_run(w, 30000);
                ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
                world_free(w);
                continue;
            }
            ck_assert_msg(strstr(w->a.log, "mppe") != NULL, "method %x: %s", methods[i].method, w->a.log);
            for (uint32_t n = 0; n < 20; n++) {
                send_ip(&w->a, 100 + n);
                send_ip(&w->b, 200 + n);
            }
            world_run(w, 6000);
            ck_assert_uint_eq(w->a.datagrams, 20);
            ck_assert_uint_eq(w->b.datagrams, 20);
            ck_assert_uint_eq(w->a.clear_ip + w->b.clear_ip, 0);
            world_free(w);
        }
    }
}
END_TEST

START_TEST(a_wrong_password_is_refused)
{
    for (size_t i = 0; i < METHODS; i++) {
        struct world *w = world_new();
        w->a.cfg.auth_demand = methods[i].method;
        w->a.cfg.auth_eap = methods[i].method & 0xf0;
        w->secret = "another";
        world_up(w);
        world_run(w, 200000);
        ck_assert_msg(w->a.down && w->b.down, "method %x: a %s, b %s", methods[i].method, w->a.log, w->b.log);
        ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_AUTH_FAILED);
        ck_assert_uint_eq(w->b.cause, ADIT_CAUSE_AUTH_FAILED);
        world_free(w);
    }
}
END_TEST

static enum fate storm(struct world *w, uint32_t number, const uint8_t *data, uint32_t len)
{
    (void)number;
    (void)data;
    (void)len;
    uint32_t r = world_draw(w) % 100;
    return r < w->arg[0] ? DROP : r < w->arg[0] + 10 ? TWICE : r < w->arg[0] + 20 ? LATE : DELIVER;
}

START_TEST(a_storm_ends_up_or_down)
{
    uint32_t up = 0;
    for (uint32_t seed = 0; seed < 120; seed++) {
        struct world *w = world_new();
        w->seed += seed * 1001;
        w->a.cfg.auth_demand = methods[seed % METHODS].method;
        w->a.cfg.auth_eap = w->a.cfg.auth_demand & 0xf0;
        w->a.cfg.echo_ms = w->b.cfg.echo_ms = 20000;
        w->fate = storm;
        w->arg[0] = seed / 4;
        world_up(w);
        world_run(w, 300000);
        w->fate = NULL;
        world_run(w, 600000);
        struct ppp_info ia, ib;
        ppp_info(w->a.p, &ia);
        ppp_info(w->b.p, &ib);
        ck_assert_msg((ia.ipv4_up && ib.ipv4_up) || (w->a.down && w->b.down), "seed %u: a %s, b %s", seed,
                      w->a.log, w->b.log);
        up += !w->a.down;
        world_free(w);
    }
    ck_assert_uint_gt(up, 60);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("ppp_login");
    TCase *tc = tcase_create("login");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, with_crypto, crypto_fini);
    tcase_add_test(tc, every_method_logs_in);
    tcase_add_test(tc, every_method_with_keys_encrypts);
    tcase_add_test(tc, a_wrong_password_is_refused);
    tcase_add_test(tc, a_storm_ends_up_or_down);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
