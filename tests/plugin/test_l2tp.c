/* test_l2tp.c - tunnel-l2tp on the fake host: one client against the server. */
#include "l2tp_client.h"

static const struct adit_security_info sa1 = { .size = sizeof sa1, .name = "ipsec", .identity = "one",
                                               .handle = (void *)1 };

static struct adit_self *server(const char *yaml)
{
    char text[512];
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    snprintf(text, sizeof text, "require-security: no\nhost-name: lns\n%s", yaml ? yaml : "");
    struct adit_self *s = fake_inst(fake_face("tunnel", "l2tp"), text);
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    return s;
}

static void done(struct adit_self *s)
{
    fake_inst_free(s);
    ck_assert_uint_eq(fake_troubles(), 0);
    fake_end();
}

#define count(s, name) fake_counter((s), (name))

START_TEST(a_call_from_sccrq_to_stopccn)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    uint32_t len;
    client_tunnel(&c);
    ck_assert_uint_eq(fake_event_count("l2tp.tunnel.up"), 1);
    ck_assert_str_eq(fake_event_str("l2tp.tunnel.up", "host"), "client");
    struct session a = client_call(&c);
    struct fake_link *l = fake_link_last();
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    ck_assert_uint_eq(l->info.role, ADIT_ROLE_ANSWER);
    ck_assert_uint_eq(l->info.speed_bps, 100000000);
    ck_assert_uint_eq(l->info.mtu, 1400);
    ck_assert_str_eq(l->info.peer_host, "client");
    client_data(&c, 0, a.peer, 0, "\xff\x03\xc0\x21hello");
    ck_assert_mem_eq(fake_link_rx(l, &len), "\xff\x03\xc0\x21hello", 9);
    ck_assert_uint_eq(len, 9);
    fake_link_tx(l, "\xff\x03\xc0\x21world", 9);
    const struct fake_sent *out = fake_sent();
    ck_assert_uint_eq(out->len, 15);
    const uint8_t want[6] = { 0, 2, (uint8_t)(c.id >> 8), (uint8_t)c.id, (uint8_t)(a.id >> 8),
                              (uint8_t)a.id };
    ck_assert_mem_eq(out->data, want, 6);
    ck_assert_mem_eq(out->data + 6, "\xff\x03\xc0\x21world", 9);
    m = cdn_of(a.id, 1);
    client_send(&c, a.peer, &m);
    ck_assert_uint_eq(l->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_PEER_HANGUP);
    m = stop_of(c.id, 1);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_event_count("l2tp.tunnel.down"), 1);
    fake_advance(32000);
    ck_assert_uint_eq(fake_paths_held(), 0);
    ck_assert_uint_eq(fake_next_timer(), UINT64_MAX);
    done(s);
}
END_TEST

START_TEST(security_is_required_by_default)
{
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.7:1701", &sa1);
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    struct adit_self *s = fake_inst(fake_face("tunnel", "l2tp"), "");
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 0);
    ck_assert_uint_eq(fake_unsecured(), 1);
    client_tunnel(&d);
    ck_assert_uint_eq(fake_event_u("l2tp.tunnel.up", "secured"), 1);
    /* nor does a clear datagram reach a secured tunnel */
    client_call(&d);
    c.peer = d.peer;
    client_data(&c, 0, 1, 0, "\xff\x03\xc0\x21");
    ck_assert_uint_eq(fake_unsecured(), 2);
    done(s);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp", (const TTest *const[]){
        a_call_from_sccrq_to_stopccn, security_is_required_by_default, NULL });
}
UNIT_MAIN(suite)
