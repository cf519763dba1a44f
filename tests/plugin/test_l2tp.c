/* test_l2tp.c - tunnel-l2tp on the fake host: one client against the server. */
#include "l2tp_client.h"

static const struct adit_security_info sa1 = { .size = sizeof sa1, .name = "ipsec", .identity = "one",
                                               .handle = (void *)1 };

static struct adit_self *server(const char *yaml)
{
    char text[512];
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    snprintf(text, sizeof text, "%shost-name: lns\n%s",
             yaml && strstr(yaml, "require-security") ? "" : "require-security: no\n",
             yaml ? yaml : "");
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

START_TEST(messages_are_shown_in_lines)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    client_call(&c);
    static const char *const want[] = { "<- L2TP SCCRQ <Protocol Version 256>", "-> L2TP SCCRP ", "<- L2TP SCCCN",
                                        "<- L2TP ICRQ <Assigned Session ID ", "-> L2TP ICRP ", "<- L2TP ICCN " };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const char *line = fake_trace();
        ck_assert_msg(line && !strncmp(line, want[i], strlen(want[i])), "%s, not %s", line ? line : "none", want[i]);
    }
    ck_assert_ptr_null(fake_trace());
    ck_assert_uint_ge(fake_trace_packets(), 6);
    struct l2tp_msg m = stop_of(c.id, 1);
    client_send(&c, 0, &m);
    ck_assert_str_eq(fake_trace(), "<- L2TP StopCCN <Result Code 1/0> <Assigned Tunnel ID 100>");
    fake_advance(32000);
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

/* ---- quirks of peers.md section (e) -------------------------------------------------- */

START_TEST(A1_window_of_one_is_honoured)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:40000", NULL);
    struct l2tp_msg m;
    c.window = 1;
    client_tunnel(&c);
    (void)client_call(&c);
    (void)client_call(&c);
    fake_link_hangup(fake_link(0), ADIT_CAUSE_ADMIN);
    fake_link_hangup(fake_link(1), ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(fake_sent_count(), 1);        /* one CDN on its way, the other waits */
    client_want(&c, L2TP_CDN, &m);
    client_ack(&c);
    client_want(&c, L2TP_CDN, &m);
    done(s);
}
END_TEST

START_TEST(A2_zlb_at_once_after_scccn_and_iccn)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:40000", NULL);
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_SCCRP, &m);
    c.peer = m.tunnel_id;
    m = l2tp_msg_of(L2TP_SCCCN);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 1);
    ck_assert(client_take_any(&c, &m) && m.type == 0 && c.h.nr == 2);
    m = icrq_of(9);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 1);        /* the ICRP carries the acknowledgement */
    client_want(&c, L2TP_ICRP, &m);
    ck_assert_uint_eq(c.h.nr, 3);
    uint16_t session = m.session_id;
    m = iccn_of();
    client_send(&c, session, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0 && c.h.nr == 4);
    done(s);
}
END_TEST

START_TEST(A5_clients_named_anonymous_are_told_apart)
{
    struct adit_self *s = server(NULL);
    struct client c[2] = { client_at("192.0.2.7:40000", NULL), client_at("192.0.2.7:40001", NULL) };
    uint32_t len;
    for (int i = 0; i < 2; i++) {
        struct l2tp_msg m = sccrq_of(&c[i]);
        c[i].id = 77;                               /* even the same tunnel id */
        l2tp_set(&m, HOST_NAME, host_name, bytes_of_text("anonymous"));
        l2tp_set(&m, TUNNEL_ID, tunnel_id, 77);
        client_send(&c[i], 0, &m);
        client_want(&c[i], L2TP_SCCRP, &m);
        for (size_t k = 0; k < c[i].body_len;) {    /* and nothing is hidden from them */
            ck_assert(!(c[i].body[k] & 0x40));
            k += (size_t)((c[i].body[k] & 3) << 8 | c[i].body[k + 1]);
        }
        c[i].peer = m.tunnel_id;
        m = l2tp_msg_of(L2TP_SCCCN);
        client_send(&c[i], 0, &m);
        ck_assert(client_take_any(&c[i], &m) && m.type == 0);
    }
    struct session a = client_call(&c[0]), b = client_call(&c[1]);
    client_data(&c[0], 0, a.peer, 0, "one");
    client_data(&c[1], 0, b.peer, 0, "two");
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "one", 3);
    ck_assert_mem_eq(fake_link_rx(fake_link(1), &len), "two", 3);
    done(s);
}
END_TEST

START_TEST(A6_stopccn_ends_every_session)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:40000", NULL);
    client_tunnel(&c);
    for (int i = 0; i < 3; i++)
        (void)client_call(&c);
    struct l2tp_msg m = stop_of(c.id, 6);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_links_active(), 0);
    ck_assert_uint_eq(fake_link(2)->cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    fake_advance(31000);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
}
END_TEST

START_TEST(A7_the_server_never_calls)
{
    struct adit_self *s = server("hello-interval: 0\nidle-tunnel: 0");
    struct client c = client_at("192.0.2.7:40000", NULL);
    client_tunnel(&c);
    fake_advance(3600000);
    ck_assert_uint_eq(fake_sent_count(), 0);
    done(s);
}
END_TEST

START_TEST(K3_tunnel_id_zero)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    c.id = 0;
    m = sccrq_of(&c);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert(m.result.code == 2 && m.result.error == L2TP_ERR_RANGE);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
    s = server("tunnel-id-zero: yes");
    c = client_at("192.0.2.7:1701", NULL);
    c.id = 0;
    m = sccrq_of(&c);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_SCCRP, &m);
    c.peer = 0;                                     /* and it says 0 to us, too */
    m = l2tp_msg_of(L2TP_SCCCN);
    client_send(&c, 0, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    (void)client_call(&c);
    ck_assert_uint_eq(fake_links_active(), 1);
    done(s);
}
END_TEST

START_TEST(K7_other_versions_get_no_answer)
{
    static const uint8_t v3[] = { 0xc8, 0x03, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, 1 };
    static const uint8_t data3[] = { 0, 3, 0, 0, 1, 2, 3, 4 }, l2f[] = { 0, 1, 0, 0, 1, 2, 3, 4 };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    (void)client_raw(&c, v3, sizeof v3);
    (void)client_raw(&c, data3, sizeof data3);
    (void)client_raw(&c, l2f, sizeof l2f);
    ck_assert_uint_eq(fake_sent_count(), 0);
    ck_assert_uint_eq(count(s, "rx-version"), 3);
    done(s);
}
END_TEST

START_TEST(K8_duplicate_sccrq_is_one_tunnel)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m = sccrq_of(&c), n;
    for (int i = 0; i < 3; i++) {
        c.ns = 0;
        client_send(&c, 0, &m);
    }
    client_want(&c, L2TP_SCCRP, &n);
    c.peer = n.tunnel_id;
    ck_assert(!client_take(&c, &n));                /* acknowledgements only */
    ck_assert_uint_eq(count(s, "rx-duplicate"), 2);
    ck_assert_uint_eq(fake_paths_held(), 1);
    n = l2tp_msg_of(L2TP_SCCCN);
    client_send(&c, 0, &n);
    c.ns = 0;                                       /* one more, overtaken */
    c.peer = 0;
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_paths_held(), 1);
    /* long after, it is a client that was restarted: a new tunnel beside the old */
    fake_advance(40000);
    fake_sent_drop();
    c = client_at("192.0.2.7:1701", NULL);
    c.id = m.tunnel_id;
    client_tunnel(&c);
    ck_assert_uint_eq(fake_paths_held(), 2);
    done(s);
}
END_TEST

START_TEST(K8_not_another_tunnel_from_the_same_port)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    client_tunnel(&d);
    ck_assert_uint_eq(count(s, "tunnels-up"), 2);
    (void)client_call(&c);
    (void)client_call(&d);
    done(s);
}
END_TEST

START_TEST(L2_answers_come_from_the_address_that_was_called)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    c.server = fake_addr("10.0.0.99:1701");
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    const struct fake_sent *out = fake_sent();
    ck_assert_str_eq(fake_addr_text(&out->our), "10.0.0.99:1701");
    done(s);
}
END_TEST

START_TEST(M8_the_source_port_may_change)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:51234", NULL);
    struct l2tp_msg m = l2tp_msg_of(L2TP_HELLO);
    uint32_t len;
    client_tunnel(&c);
    struct session a = client_call(&c);
    c.me = fake_addr("192.0.2.7:60000");
    client_data(&c, 0, a.peer, 0, "from elsewhere");        /* heard, but no proof */
    ck_assert_uint_eq(fake_link_rx(fake_link(0), &len) != NULL, 1);
    fake_link_tx(fake_link(0), "x", 1);
    ck_assert_uint_eq(fake_sent()->peer.port, 51234);
    uint16_t ns = c.ns;
    c.ns = (uint16_t)(ns + 3);
    client_send(&c, 0, &m);                                 /* numbers out of line: no proof */
    ck_assert_uint_eq(count(s, "rx-wrong-path"), 1);
    c.ns = ns;
    client_send(&c, 0, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);      /* acknowledged at the new port */
    ck_assert_uint_eq(count(s, "tunnels-moved"), 1);
    ck_assert_str_eq(fake_event_str("l2tp.tunnel.moved", "to"), "192.0.2.7:60000");
    fake_link_tx(fake_link(0), "x", 1);
    ck_assert_uint_eq(fake_sent()->peer.port, 60000);
    /* another address, in the clear: not by default */
    c.me = fake_addr("192.0.2.8:60000");
    m = l2tp_msg_of(L2TP_HELLO);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 0);
    client_data(&c, 0, a.peer, 0, "from an intruder");
    ck_assert(fake_link_rx(fake_link(0), &len) == NULL);
    ck_assert_uint_eq(count(s, "rx-wrong-path"), 3);
    ck_assert_uint_eq(fake_paths_held(), 1);
    done(s);
}
END_TEST

START_TEST(L1_source_port_1701_or_any_other)
{
    /* xl2tpd calls from 1701, kl2tpd and NetworkManager from anywhere */
    static const char *const from[] = { "192.0.2.7:1701", "192.0.2.8:1024", "192.0.2.9:60999" };
    struct adit_self *s = server(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        struct client c = client_at(from[i], NULL);
        uint32_t len;
        client_tunnel(&c);
        struct session a = client_call(&c);
        client_data(&c, 0, a.peer, 0, "hello");
        ck_assert_mem_eq(fake_link_rx(fake_link(i), &len), "hello", 5);
        fake_link_tx(fake_link(i), "x", 1);
        ck_assert_str_eq(fake_addr_text(&fake_sent()->peer), from[i]);
    }
    done(s);
}
END_TEST

static void moves(const char *follow, const struct adit_security_info *sa, bool yes)
{
    struct adit_self *s = server(follow);
    struct client c = client_at("192.0.2.7:1701", sa);
    struct l2tp_msg m = l2tp_msg_of(L2TP_HELLO);
    client_tunnel(&c);
    (void)client_call(&c);
    c.me = fake_addr("198.51.100.9:1701");
    client_send(&c, 0, &m);
    ck_assert_uint_eq(count(s, "tunnels-moved"), yes);
    ck_assert_uint_eq(fake_sent_count(), yes);
    if (yes) {
        fake_sent_drop();
        fake_link_tx(fake_link(0), "x", 1);
        ck_assert_str_eq(fake_addr_text(&fake_sent()->peer), "198.51.100.9:1701");
        m = stop_of(c.id, 1);
        client_send(&c, 0, &m);
        ck_assert_uint_eq(fake_links_active(), 0);
    }
    done(s);
}

START_TEST(S3_address_changes)
{
    moves("follow: port", &sa1, false);
    moves("follow: secured", &sa1, true);
    moves("follow: secured", NULL, false);
    moves("follow: always", NULL, true);
}
END_TEST

START_TEST(M12_sli_and_wen_are_acknowledged_and_ignored)
{
    static const uint8_t zero[26];
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    struct session a = client_call(&c);
    m = l2tp_msg_of(L2TP_SLI);
    l2tp_set(&m, ACCM, accm, ((struct l2tp_bytes){ zero, 10 }));
    client_send(&c, a.peer, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    m = l2tp_msg_of(L2TP_WEN);
    l2tp_set(&m, CALL_ERRORS, call_errors, ((struct l2tp_bytes){ zero, 26 }));
    client_send(&c, a.peer, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    m = l2tp_msg_of(L2TP_SLI);                      /* even without its AVP */
    client_send(&c, a.peer, &m);
    m = l2tp_msg_of(L2TP_WEN);                      /* and for nobody */
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_links_active(), 1);
    ck_assert_uint_eq(count(s, "set-link-info"), 2);
    ck_assert_uint_eq(count(s, "wan-errors"), 1);
    done(s);
}
END_TEST

START_TEST(W2_two_clients_behind_one_nat)
{
    static const struct adit_security_info sa2 = { .size = sizeof sa2, .name = "ipsec",
                                                   .identity = "two", .handle = (void *)2 };
    struct adit_self *s = server("require-security: yes\n");
    struct client c = client_at("192.0.2.7:1701", &sa1), d = client_at("192.0.2.7:1701", &sa2);
    uint32_t len;
    d.id = c.id;                                    /* all that the wire shows is the same */
    client_tunnel(&c);
    client_tunnel(&d);
    struct session a = client_call(&c), b = client_call(&d);
    client_data(&c, 0, a.peer, 0, "one");
    client_data(&d, 0, b.peer, 0, "two");
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "one", 3);
    ck_assert_mem_eq(fake_link_rx(fake_link(1), &len), "two", 3);
    ck_assert_ptr_eq(fake_link(0)->info.security, &sa1);
    fake_link_tx(fake_link(1), "x", 1);
    ck_assert_ptr_eq(fake_sent()->security, &sa2);
    /* the one cannot speak for the other */
    c.peer = d.peer;
    client_data(&c, 0, b.peer, 0, "no");
    ck_assert(fake_link_rx(fake_link(1), &len) == NULL);
    struct l2tp_msg m = stop_of(d.id, 1);
    c.ns = d.ns;
    c.nr = d.nr;
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_links_active(), 2);
    /* the association of the one ends */
    fake_path_gone(&sa1, NULL);
    ck_assert_uint_eq(fake_links_active(), 1);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(fake_paths_held(), 1);
    done(s);
}
END_TEST

START_TEST(W25_wrong_ids_in_cdn_and_stopccn)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    struct session a[5];
    for (int i = 0; i < 5; i++)
        a[i] = client_call(&c);
    m = cdn_of(12345, 1);                           /* the AVP is nonsense, the header is right */
    client_send(&c, a[0].peer, &m);
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_DOWN);
    m = cdn_of(a[1].id, 1);                         /* no header id (section 5.3) */
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_link(1)->state, FAKE_LINK_DOWN);
    m = cdn_of(a[2].peer, 1);                       /* ours in the place of theirs */
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_link(2)->state, FAKE_LINK_DOWN);
    m = cdn_of(a[3].peer, 1);                       /* theirs in the header, ours in the AVP */
    client_send(&c, a[3].id, &m);
    ck_assert_uint_eq(fake_link(3)->state, FAKE_LINK_DOWN);
    m = cdn_of(0, 1);                               /* nobody: acknowledged */
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_links_active(), 1);
    m = stop_of(4711, 1);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_links_active(), 0);
    done(s);
}
END_TEST

START_TEST(W23_cdn_and_stopccn_again_and_again)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    struct session a = client_call(&c);
    for (int i = 0; i < 3; i++) {
        m = cdn_of(a.id, 1);
        client_send(&c, a.peer, &m);
        ck_assert(client_take_any(&c, &m) && m.type == 0);
    }
    for (int i = 0; i < 3; i++) {
        m = stop_of(c.id, 1);
        client_send(&c, 0, &m);
        ck_assert(client_take_any(&c, &m) && m.type == 0);
        fake_advance(9000);
    }
    ck_assert_uint_eq(fake_paths_held(), 1);
    m = icrq_of(1);                                 /* acknowledged, and no more */
    client_send(&c, 0, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    fake_advance(9000);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------ */

static void sccrq_refused(const char *yaml, void (*change)(struct l2tp_msg *m), uint16_t result,
                          uint16_t error)
{
    struct adit_self *s = server(yaml);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m = sccrq_of(&c);
    change(&m);
    client_send(&c, 0, &m);
    c.nr = 0;
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, result);
    ck_assert_uint_eq(m.result.error, error);
    ck_assert_uint_gt(m.result.text.len, 0);
    ck_assert(c.h.tunnel == c.id && c.h.session == 0 && c.h.ns == 0 && c.h.nr == 1);
    ck_assert_uint_eq(fake_paths_held(), 0);        /* nothing is kept */
    ck_assert_uint_eq(fake_event_count("l2tp.tunnel.refused"), 1);
    const char *code = adit_cause_code(fake_failed()->cause);
    ck_assert_uint_eq(fake_failed()->count, 1);
    ck_assert_str_eq(fake_addr_text(&fake_failed()->peer), "192.0.2.7:1701");
    ck_assert_int_eq(memcmp(m.result.text.p, code, strlen(code)), 0);       /* the peer is told it, too */
    done(s);
}

static void version_two(struct l2tp_msg *m) { m->version = 0x0200; }
static void no_host(struct l2tp_msg *m) { m->has &= ~L2TP_HAS(HOST_NAME); }
static void challenging(struct l2tp_msg *m)
{
    l2tp_set(m, CHALLENGE, challenge, bytes_of_text("prove it"));
}

START_TEST(sccrq_that_are_not_acceptable)
{
    sccrq_refused(NULL, version_two, L2TP_STOP_VERSION, 0x0100);
    sccrq_refused(NULL, no_host, L2TP_STOP_ERROR, L2TP_ERR_RANGE);
    sccrq_refused(NULL, challenging, L2TP_STOP_DENIED, 0);      /* we have no secret */
}
END_TEST

START_TEST(unknown_mandatory_avps)
{
    static const uint8_t icrq[] = { 0x80, 8, 0, 0, 0, 0, 0, 10, 0x80, 8, 0, 0, 0, 14, 0, 7,
                                    0x80, 10, 0, 0, 0, 15, 0, 0, 0, 1, 0x80, 6, 0, 0, 0, 200 };
    static const uint8_t hello[] = { 0x80, 8, 0, 0, 0, 0, 0, 6, 0x80, 7, 0, 9, 0, 1, 5 };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    struct session a = client_call(&c);
    client_put(&c, c.peer, 0, c.ns++, c.nr, icrq, sizeof icrq);
    client_want(&c, L2TP_CDN, &m);                  /* that session alone */
    ck_assert(m.result.code == 2 && m.result.error == 8 && c.h.session == 7);
    ck_assert_uint_ne(m.session_id, 0);
    ck_assert_uint_eq(fake_links_active(), 1);
    client_put(&c, c.peer, a.peer, c.ns++, c.nr, icrq, sizeof icrq);    /* to one that is up */
    client_want(&c, L2TP_CDN, &m);
    ck_assert(m.result.code == 2 && m.result.error == 8 && c.h.session == a.id);
    ck_assert_uint_eq(fake_links_active(), 0);
    (void)client_call(&c);
    client_put(&c, c.peer, 0, c.ns++, c.nr, hello, sizeof hello);
    client_want(&c, L2TP_StopCCN, &m);              /* the whole tunnel */
    ck_assert(m.result.code == 2 && m.result.error == 8);
    ck_assert_uint_eq(fake_links_active(), 0);
    done(s);
}
END_TEST

START_TEST(unknown_message_types)
{
    static const uint8_t optional[] = { 0, 8, 0, 0, 0, 0, 0, 99 }, mandatory[] = { 0x80, 8, 0, 0, 0, 0, 0, 99 };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    client_put(&c, c.peer, 0, c.ns++, c.nr, optional, sizeof optional);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    ck_assert_uint_eq(count(s, "rx-unknown-message"), 1);
    client_put(&c, c.peer, 0, c.ns++, c.nr, mandatory, sizeof mandatory);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert(m.result.code == 2 && m.result.error == 8);
    done(s);
}
END_TEST

START_TEST(outgoing_calls_are_refused_with_a_cdn)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    m = l2tp_msg_of(L2TP_OCRQ);
    l2tp_set(&m, SESSION_ID, session_id, 33);
    l2tp_set(&m, SERIAL, serial, 1);
    l2tp_set(&m, MIN_BPS, min_bps, 1);
    l2tp_set(&m, MAX_BPS, max_bps, 1);
    l2tp_set(&m, BEARER_TYPE, bearer_type, 1);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 1);
    l2tp_set(&m, CALLED, called, bytes_of_text("5"));
    client_send(&c, 0, &m);
    client_want(&c, L2TP_CDN, &m);
    ck_assert(m.result.code == L2TP_CDN_NEVER && c.h.session == 33 && m.session_id != 0);
    ck_assert_uint_eq(fake_links(), 0);
    done(s);
}
END_TEST

START_TEST(ports_and_limits_of_the_host)
{
    static const struct { int32_t code; uint16_t result, error; } row[] = {
        { ADIT_EBUSY, L2TP_CDN_BUSY, 0 }, { ADIT_EDENIED, L2TP_CDN_ADMIN, 0 },
        { ADIT_ENOMEM, L2TP_CDN_ERROR, L2TP_ERR_RESOURCES } };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    for (size_t i = 0; i < 3; i++) {
        fake_link_refuse(row[i].code);
        m = icrq_of((uint16_t)(60 + i));
        client_send(&c, 0, &m);
        client_want(&c, L2TP_CDN, &m);
        ck_assert(m.result.code == row[i].result && m.result.error == row[i].error);
        ck_assert_uint_eq(c.h.session, 60 + i);
    }
    fake_link_refuse(0);
    fake_ports(1);
    (void)client_call(&c);
    m = icrq_of(70);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_CDN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_CDN_BUSY);
    m = icrq_of(0);                                 /* session id 0 */
    client_send(&c, 0, &m);
    client_want(&c, L2TP_CDN, &m);
    ck_assert(m.result.code == 2 && m.result.error == L2TP_ERR_RANGE);
    done(s);
}
END_TEST

START_TEST(hangup_says_why)
{
    static const struct { uint32_t cause; uint16_t result; } row[] = {
        { ADIT_CAUSE_ADMIN, 3 }, { ADIT_CAUSE_LCP_TIMEOUT, 11 }, { ADIT_CAUSE_POOL_EXHAUSTED, 4 },
        { ADIT_CAUSE_PEER_HANGUP, 1 }, { ADIT_CAUSE_PROTOCOL_OFF, 5 }, { ADIT_CAUSE_RESOURCE, 2 },
        { ADIT_CAUSE_AUTH_FAILED, 3 } };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct l2tp_msg m;
        struct session a = client_call(&c);
        fake_link_hangup(fake_link_last(), row[i].cause);
        ck_assert_uint_eq(fake_link_last()->state, FAKE_LINK_DOWN);
        ck_assert_uint_eq(fake_link_last()->cause, row[i].cause);
        client_want(&c, L2TP_CDN, &m);
        ck_assert_uint_eq(m.result.code, row[i].result);
        ck_assert_uint_gt(m.result.text.len, 10);
        ck_assert_uint_eq(c.h.session, a.id);
        client_ack(&c);
    }
    done(s);
}
END_TEST

START_TEST(hangup_says_why_ppp_ended)
{
    /* RFC 3145: code, protocol, direction */
    static const struct { uint32_t cause; const char *bytes; } row[] = {
        { ADIT_CAUSE_ADMIN, "\0\1\0\0\0" },           { ADIT_CAUSE_PEER_HANGUP, "\0\3\xc0\x21\1" },
        { ADIT_CAUSE_IDLE_TIMEOUT, "\0\3\xc0\x21\2" }, { ADIT_CAUSE_ENCRYPTION, "\0\4\x80\xfd\1" },
        { ADIT_CAUSE_AUTH_FAILED, "\0\20\0\0\1" },    { ADIT_CAUSE_UNKNOWN_USER, "\0\20\0\0\1" },
        { ADIT_CAUSE_IPCP_FAILED, "\0\23\x80\x21\2" }, { ADIT_CAUSE_RESOURCE, NULL } };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    char said[2][64] = { "", "" };
    client_tunnel(&c);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct l2tp_msg m;
        (void)client_call(&c);
        fake_link_hangup(fake_link_last(), row[i].cause);
        client_want(&c, L2TP_CDN, &m);
        ck_assert_uint_eq(l2tp_has(&m, PPP_CAUSE), row[i].bytes != NULL);
        if (row[i].bytes) {
            ck_assert_uint_eq(m.ppp_cause.len, 5);
            ck_assert_mem_eq(m.ppp_cause.p, row[i].bytes, 5);
        }
        if (row[i].cause == ADIT_CAUSE_AUTH_FAILED || row[i].cause == ADIT_CAUSE_UNKNOWN_USER)
            l2tp_text(said[row[i].cause == ADIT_CAUSE_UNKNOWN_USER], sizeof said[0], m.result.text);
        client_ack(&c);
    }
    ck_assert_str_eq(said[0], said[1]);     /* whether there is such a user is not told */
    /* and what a peer says of it is in the log */
    struct session a = client_call(&c);
    struct l2tp_msg m = l2tp_msg_of(L2TP_CDN);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ 1, 0, { NULL, 0 } }));
    l2tp_set(&m, SESSION_ID, session_id, a.id);
    l2tp_set(&m, PPP_CAUSE, ppp_cause, ((struct l2tp_bytes){ (const uint8_t *)"\0\10\xc0\x21\0no echo", 12 }));
    client_send(&c, a.peer, &m);
    ck_assert_uint_eq(fake_link_last()->cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert_str_eq(fake_link_last()->text, "the peer ended the call: PPP disconnect code 8, "
                     "protocol c021, direction 0, no echo");
    client_ack(&c);
    done(s);
}
END_TEST

START_TEST(session_messages_before_the_tunnel_is_up)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_SCCRP, &m);
    c.peer = m.tunnel_id;
    m = icrq_of(9);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_FSM);
    done(s);
}
END_TEST

START_TEST(iccn_and_icrp_for_nobody)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    m = iccn_of();
    client_send(&c, 4711, &m);
    ck_assert(client_take_any(&c, &m) && m.type == 0);
    m = l2tp_msg_of(L2TP_ICRP);
    l2tp_set(&m, SESSION_ID, session_id, 8);
    client_send(&c, 4711, &m);
    client_want(&c, L2TP_CDN, &m);
    ck_assert(m.result.code == 2 && c.h.session == 8);
    struct session a = client_call(&c);
    m = iccn_of();                                  /* a second ICCN */
    client_send(&c, a.peer, &m);
    client_want(&c, L2TP_CDN, &m);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_PROTOCOL_ERROR);
    done(s);
}
END_TEST

/* ---- what a call tells the host -------------------------------------------------------- */

START_TEST(proxy_lcp_authentication_and_numbers)
{
    static const uint8_t lcp[] = { 1, 4, 5, 0xdc }, chal[16] = { 9 }, resp[16] = { 8 };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    m = icrq_of(20);
    l2tp_set(&m, CALLING, calling, bytes_of_text("0301234"));
    l2tp_set(&m, CALLED, called, bytes_of_text("19\x01" "3"));
    client_send(&c, 0, &m);
    ck_assert_str_eq(fake_link(0)->info.calling, "0301234");
    ck_assert_str_eq(fake_link(0)->info.called, "19?3");
    client_want(&c, L2TP_ICRP, &m);
    uint16_t session = m.session_id;
    m = iccn_of();
    l2tp_set(&m, RX_SPEED, rx_speed, 5);
    l2tp_set(&m, LCP_LAST_SENT, lcp_last_sent, ((struct l2tp_bytes){ lcp, 4 }));
    l2tp_set(&m, LCP_LAST_RCVD, lcp_last_rcvd, ((struct l2tp_bytes){ lcp, 3 }));
    l2tp_set(&m, PROXY_TYPE, proxy_type, 2);
    l2tp_set(&m, PROXY_NAME, proxy_name, bytes_of_text("anna"));
    l2tp_set(&m, PROXY_ID, proxy_id, 0x21);
    l2tp_set(&m, PROXY_CHALLENGE, proxy_challenge, ((struct l2tp_bytes){ chal, 16 }));
    l2tp_set(&m, PROXY_RESPONSE, proxy_response, ((struct l2tp_bytes){ resp, 16 }));
    client_send(&c, session, &m);
    const struct adit_link_info *i = &fake_link(0)->info;
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_UP);
    ck_assert_uint_eq(i->proxy_auth, ADIT_AUTH_CHAP);
    ck_assert_uint_eq(i->proxy_id, 0x21);
    ck_assert_str_eq(i->proxy_name, "anna");
    ck_assert(i->proxy_lcp_sent_len == 4 && i->proxy_lcp_rcvd_len == 3);
    ck_assert_mem_eq(i->proxy_lcp_sent, lcp, 4);
    ck_assert(i->proxy_challenge_len == 16 && i->proxy_response_len == 16);
    ck_assert_mem_eq(i->proxy_response, resp, 16);
    done(s);
}
END_TEST

START_TEST(the_mtu_is_what_the_path_takes)
{
    struct adit_self *s = server("mtu: 1450");
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.8:1701", NULL);
    fake_mtu(1472);
    client_tunnel(&c);
    (void)client_call(&c);
    ck_assert_uint_eq(fake_link_last()->info.mtu, 1450);
    fake_mtu(1380);
    client_tunnel(&d);
    (void)client_call(&d);
    ck_assert_uint_eq(fake_link_last()->info.mtu, 1380 - 10 - 4);
    done(s);
}
END_TEST

/* ---- secrets ------------------------------------------------------------------------------ */

static void prove(struct client *c, uint8_t type, struct l2tp_bytes challenge, uint8_t out[16])
{
    const struct adit_chunk k[] = { { &type, 1 }, { c->secret, strlen(c->secret) },
                                    { challenge.p, challenge.len } };
    ck_assert_int_eq(crypto_api.digest(ADIT_MD5, k, 3, out), 0);
}

/* SCCRQ with our challenge, SCCCN with the response: true when the tunnel is up. */
static bool authenticated(struct client *c, const char *host, bool challenge)
{
    uint8_t r[16], want[16];
    uint64_t up = fake_event_count("l2tp.tunnel.up");
    struct l2tp_msg m = sccrq_of(c);
    l2tp_set(&m, HOST_NAME, host_name, bytes_of_text(host));
    if (challenge)
        l2tp_set(&m, CHALLENGE, challenge, bytes_of_text("who are you"));
    client_send(c, 0, &m);
    if (!client_take(c, &m) || m.type != L2TP_SCCRP)
        return false;
    c->peer = m.tunnel_id;
    if (challenge) {
        prove(c, L2TP_SCCRP, bytes_of_text("who are you"), want);
        ck_assert_int_eq(l2tp_has(&m, RESPONSE), 1);
        if (memcmp(m.response.p, want, 16) != 0)
            return false;
    }
    ck_assert(l2tp_has(&m, CHALLENGE));
    prove(c, L2TP_SCCCN, m.challenge, r);
    m = l2tp_msg_of(L2TP_SCCCN);
    l2tp_set(&m, RESPONSE, response, ((struct l2tp_bytes){ r, 16 }));
    client_send(c, 0, &m);
    ck_assert(client_take_any(c, &m));
    if (m.type == L2TP_StopCCN)
        ck_assert_uint_eq(m.result.code, L2TP_STOP_DENIED);
    return fake_event_count("l2tp.tunnel.up") > up;
}

static bool login(const char *at, const char *host, const char *secret, bool challenge)
{
    struct client c = client_at(at, NULL);
    c.secret = secret;
    bool yes = authenticated(&c, host, challenge);
    fake_sent_drop();
    return yes;
}

START_TEST(secrets_of_peers)
{
    struct adit_self *s = server("secret: common\n"
                                 "peers:\n"
                                 "  - { address: 192.0.2.0/24, host-name: branch, secret: b1 }\n"
                                 "  - { address: 192.0.2.128/25, secret: half }\n"
                                 "  - { host-name: roamer, secret: r1 }\n");
    ck_assert(login("192.0.2.7:1701", "branch", "b1", true));
    ck_assert(login("192.0.2.7:1702", "branch", "b1", false));
    ck_assert(!login("192.0.2.7:1703", "branch", "common", true));
    ck_assert(login("192.0.2.7:1704", "other", "common", true));
    ck_assert(login("192.0.2.200:1705", "other", "half", true));
    ck_assert(login("198.51.100.1:1706", "roamer", "r1", true));
    ck_assert(login("198.51.100.1:1707", "branch", "common", true));
    ck_assert(!login("198.51.100.1:1708", "roamer", "wrong", false));
    ck_assert_uint_eq(count(s, "tunnels-auth-failed"), 1);
    ck_assert_int_eq(fake_reload(s, "require-security: no\nhost-name: lns\nsecret: changed\n"), 0);
    ck_assert(login("198.51.100.1:1709", "roamer", "changed", false));
    done(s);
}
END_TEST

START_TEST(a_missing_response_is_no_proof)
{
    struct adit_self *s = server("secret: common");
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_SCCRP, &m);
    c.peer = m.tunnel_id;
    m = l2tp_msg_of(L2TP_SCCCN);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_DENIED);
    ck_assert_uint_eq(count(s, "tunnels-auth-failed"), 1);
    ck_assert_uint_eq(count(s, "tunnels-up"), 0);
    done(s);
}
END_TEST

START_TEST(avps_are_hidden_when_asked)
{
    struct adit_self *s = server("secret: common\nhide-avps: yes");
    struct client c = client_at("192.0.2.7:1701", NULL);
    uint32_t hidden = 0;
    c.secret = "common";
    ck_assert(authenticated(&c, "client", true));   /* it reads them */
    struct l2tp_msg m = icrq_of(5);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_ICRP, &m);
    ck_assert_uint_ne(m.session_id, 0);
    for (size_t k = 0; k < c.body_len; k += (size_t)((c.body[k] & 3) << 8 | c.body[k + 1]))
        hidden += (c.body[k] & 0x40) != 0;
    ck_assert_uint_eq(hidden, 1);
    done(s);
}
END_TEST

/* ---- floods and garbage --------------------------------------------------------------------- */

START_TEST(half_open_floods_stop_at_the_limits)
{
    struct adit_self *s = server("max-half-open-per-address: 5\nmax-half-open: 20");
    struct client good = client_at("198.51.100.5:1701", NULL);
    struct l2tp_msg m;
    char at[32];
    client_tunnel(&good);
    (void)client_call(&good);
    for (int i = 0; i < 30; i++) {
        snprintf(at, sizeof at, "192.0.2.7:%d", 2000 + i);
        struct client c = client_at(at, NULL);
        m = sccrq_of(&c);
        client_send(&c, 0, &m);
    }
    ck_assert_uint_eq(fake_sent_count(), 5);
    ck_assert_uint_eq(count(s, "half-open-limited"), 25);
    ck_assert_str_eq(fake_event_str("l2tp.limit", "limit"), "max-half-open-per-address");
    for (int i = 0; i < 100; i++) {
        snprintf(at, sizeof at, "192.0.%d.9:1701", i + 3);
        struct client c = client_at(at, NULL);
        m = sccrq_of(&c);
        client_send(&c, 0, &m);
    }
    ck_assert_uint_eq(fake_sent_count(), 20);
    ck_assert_uint_le(fake_event_count("l2tp.limit"), 6);
    ck_assert_uint_eq(fake_links_active(), 1);
    fake_sent_drop();
    fake_advance(32000);                            /* nobody went on: all is free again */
    ck_assert_uint_eq(fake_paths_held(), 1);
    fake_sent_drop();
    struct client c = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    done(s);
}
END_TEST

START_TEST(tunnels_per_address_are_limited)
{
    struct adit_self *s = server("max-tunnels-per-address: 3");
    for (int i = 0; i < 3; i++) {
        struct client c = client_at("192.0.2.7:1701", NULL);
        client_tunnel(&c);
    }
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.8:1701", NULL);
    struct l2tp_msg m = sccrq_of(&c);
    client_send(&c, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 0);
    client_tunnel(&d);
    done(s);
}
END_TEST

START_TEST(refusals_are_rate_limited)
{
    struct adit_self *s = server("refusals-per-second: 10");
    for (int i = 0; i < 100; i++) {
        struct client c = client_at("192.0.2.7:1701", NULL);
        struct l2tp_msg m = sccrq_of(&c);
        m.version = 0x0300;
        client_send(&c, 0, &m);
    }
    ck_assert_uint_eq(fake_sent_count(), 10);
    ck_assert_uint_eq(count(s, "tx-stateless-limited"), 90);
    fake_advance(500);
    for (int i = 0; i < 100; i++) {
        struct client c = client_at("192.0.2.7:1701", NULL);
        struct l2tp_msg m = sccrq_of(&c);
        m.version = 0x0300;
        client_send(&c, 0, &m);
    }
    ck_assert_uint_eq(fake_sent_count(), 15);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
}
END_TEST

START_TEST(garbage_leaves_a_session_alone)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL), x = client_at("203.0.113.1:1701", NULL);
    uint32_t seed = 7, len;
    client_tunnel(&c);
    struct session a = client_call(&c);
    for (int i = 0; i < 10000; i++) {
        uint8_t p[64];
        for (size_t k = 0; k < sizeof p; k++)
            p[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        if (i & 1) {                                /* something like a control message */
            p[0] = 0xc8;
            p[1] = 2;
            p[2] = 0;
            p[3] = (uint8_t)(12 + seed % 52);
            if (i & 2)
                memset(p + 4, 0, 8);
            if (i & 4) {
                memset(p + 12, 0, 8);
                p[12] = 0x80;
                p[13] = 8;
                p[19] = (uint8_t)(seed >> 8) & 15;
            }
        }
        (void)client_raw(&x, p, seed >> 16 & 63);
        if (i % 1000 == 0)
            fake_sent_drop();
    }
    (void)client_raw(&x, "", 0);
    fake_sent_drop();
    ck_assert_uint_eq(fake_links_active(), 1);
    client_data(&c, 0, a.peer, 0, "still here");
    ck_assert(fake_link_rx(fake_link(0), &len) != NULL);
    ck_assert_uint_le(fake_paths_held(), 60);
    done(s);
}
END_TEST

START_TEST(a_message_of_64_kilobytes)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    uint8_t *p = calloc(1, 65507);
    client_tunnel(&c);
    for (int early = 0; early < 2; early++) {
        struct wr w = wr_of(p, 65507);
        wr_u16(&w, 0xc802);
        wr_u16(&w, 65507);
        wr_u16(&w, c.peer);
        wr_u16(&w, 0);
        wr_u16(&w, (uint16_t)(c.ns + 1 - early));
        wr_u16(&w, c.nr);
        wr_u16(&w, 0x8008);
        wr_u32(&w, 0);
        wr_u16(&w, L2TP_HELLO);
        for (int i = 0; i < 64; i++) {              /* AVPs of vendors, optional */
            wr_u16(&w, 1023);
            wr_u16(&w, 9);
            wr_u16(&w, 1);
            wr_zero(&w, 1017);
        }
        (void)client_raw(&c, p, 65507);
    }
    free(p);
    struct l2tp_msg m;
    client_want(&c, L2TP_StopCCN, &m);              /* the last AVP does not fit */
    done(s);
}
END_TEST

START_TEST(a_peer_that_acknowledges_nothing)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    c.nr = 1;
    for (uint16_t i = 1; i < 3000; i++) {           /* our answers pile up, but not for ever */
        struct l2tp_msg m = icrq_of(i);
        uint16_t nr = c.nr;
        client_send(&c, 0, &m);
        c.nr = nr;
        fake_sent_drop();
    }
    ck_assert_uint_eq(fake_links_active(), 0);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
}
END_TEST

/* ---- time ------------------------------------------------------------------------------------ */

START_TEST(tunnels_without_sessions_are_closed)
{
    struct adit_self *s = server("idle-tunnel: 30s\nlinger: 3s\nhello-interval: 0");
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.8:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    fake_advance(29900);
    ck_assert_uint_eq(fake_sent_count(), 0);
    fake_advance(200);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_CLEAR);
    client_ack(&c);
    client_tunnel(&d);
    struct session a = client_call(&d);
    fake_advance(100000);
    ck_assert_uint_eq(fake_sent_count(), 0);
    m = cdn_of(a.id, 1);
    client_send(&d, a.peer, &m);
    fake_advance(2900);
    ck_assert(client_take_any(&d, &m) && m.type == 0);
    fake_advance(200);
    client_want(&d, L2TP_StopCCN, &m);
    done(s);
}
END_TEST

START_TEST(hello_asks_silent_peers)
{
    struct adit_self *s = server("hello-interval: 10s");
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    struct session a = client_call(&c);
    for (int i = 0; i < 10; i++) {
        fake_advance(9000);
        client_data(&c, 0, a.peer, 0, "\xff\x03");
    }
    ck_assert_uint_eq(fake_sent_count(), 0);
    fake_advance(10100);
    client_want(&c, L2TP_HELLO, &m);
    ck_assert_uint_eq(c.h.session, 0);
    client_ack(&c);
    fake_advance(9900);
    ck_assert_uint_eq(fake_sent_count(), 0);
    fake_advance(200 + 31000);                      /* no answer: the end */
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(count(s, "tunnels-lost"), 1);
    ck_assert_uint_eq(fake_paths_held(), 0);
    done(s);
}
END_TEST

START_TEST(a_call_that_never_connects)
{
    struct adit_self *s = server("setup-timeout: 20s\nlinger: 1h");
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    m = icrq_of(5);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_ICRP, &m);
    client_ack(&c);
    ck_assert_uint_eq(fake_links_active(), 1);      /* a port is taken, but not for ever */
    fake_advance(20100);
    ck_assert_uint_eq(fake_links_active(), 0);
    client_want(&c, L2TP_CDN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_CDN_TIME);
    done(s);
}
END_TEST

/* ---- data ------------------------------------------------------------------------------------- */

START_TEST(a_vector_of_several_sessions_and_messages)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    uint8_t p[8][64];
    struct fake_bytes v[8];
    uint32_t len;
    client_tunnel(&c);
    struct session a = client_call(&c), b = client_call(&c);
    v[0].len = data_of(p[0], 64, 0, c.peer, a.peer, 0, "a1", 2);
    v[1].len = data_of(p[1], 64, L2TP_F_LENGTH, c.peer, a.peer, 0, "a2", 2);
    v[2].len = data_of(p[2], 64, L2TP_F_OFFSET, c.peer, b.peer, 0, "b1", 2);
    v[3].len = data_of(p[3], 64, 0, c.peer, 4242, 0, "nobody", 6);
    v[4].len = data_of(p[4], 64, L2TP_F_LENGTH | L2TP_F_OFFSET | 0x100, c.peer, b.peer, 0, "b2", 2);
    v[5].len = data_of(p[5], 64, 0, (uint16_t)(c.peer ^ 1), b.peer, 0, "other tunnel", 12);
    v[6].len = data_of(p[6], 64, 0, c.peer, a.peer, 0, "", 0);
    v[7].len = data_of(p[7], 64, 0, c.peer, a.peer, 0, "a3", 2);
    for (int i = 0; i < 8; i++)
        v[i].data = p[i];
    ck_assert_uint_eq(fake_datagrams(ADIT_PROTO_UDP, &c.me, &c.server, NULL, v, 8), 1);
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "a1", 2);
    ck_assert_uint_eq(len, 2);
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "a2", 2);
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "a3", 2);
    ck_assert(fake_link_rx(fake_link(0), &len) == NULL);
    ck_assert_mem_eq(fake_link_rx(fake_link(1), &len), "b1", 2);
    ck_assert_mem_eq(fake_link_rx(fake_link(1), &len), "b2", 2);
    ck_assert_uint_eq(len, 2);
    ck_assert_uint_eq(count(s, "rx-no-session"), 2);
    ck_assert_uint_eq(count(s, "rx-data"), 5);
    done(s);
}
END_TEST

START_TEST(a_vector_leaves_as_one_with_headers_of_one_size)
{
    static const struct { const char *yaml; uint32_t size; } row[] = {
        { NULL, 6 }, { "length-bit: yes", 8 }, { "sequencing: yes", 10 },
        { "length-bit: yes\nsequencing: yes", 12 } };
    for (size_t k = 0; k < 4; k++) {
        struct adit_self *s = server(row[k].yaml);
        struct client c = client_at("192.0.2.7:1701", NULL);
        struct fake_bytes v[64];
        client_tunnel(&c);
        struct session a = client_call(&c);
        for (int i = 0; i < 64; i++)
            v[i] = (struct fake_bytes){ "0123456789", 10 };
        fake_link_txv(fake_link(0), v, 64);
        ck_assert_uint_eq(fake_sent_count(), 64);
        uint32_t vector = fake_sent_peek(0)->vector;
        for (uint32_t i = 0; i < 64; i++) {
            const struct fake_sent *out = fake_sent();
            struct rd r = rd_of(out->data, out->len);
            struct l2tp_hdr h;
            ck_assert_uint_eq(out->vector, vector);
            ck_assert_uint_eq(out->len, 10 + row[k].size);
            ck_assert_int_eq(l2tp_hdr_read(&r, &h), L2TP_HDR_OK);
            ck_assert(h.tunnel == c.id && h.session == a.id && rd_left(&r) == 10);
            if (row[k].size >= 10)
                ck_assert_uint_eq(h.ns, i);
        }
        done(s);
    }
}
END_TEST

START_TEST(sequenced_data_is_put_into_order)
{
    struct adit_self *s = server("reorder-timeout: 40ms\nreorder-queue: 8");
    struct client c = client_at("192.0.2.7:1701", NULL);
    uint32_t len;
    client_tunnel(&c);
    struct session a = client_call(&c);
    client_data(&c, L2TP_F_SEQUENCE, a.peer, 0, "0");
    client_data(&c, L2TP_F_SEQUENCE, a.peer, 2, "2");
    client_data(&c, L2TP_F_SEQUENCE, a.peer, 1, "1");
    client_data(&c, L2TP_F_SEQUENCE, a.peer, 4, "4");
    for (char k = '0'; k < '3'; k++)
        ck_assert_int_eq(*fake_link_rx(fake_link(0), &len), k);
    ck_assert(fake_link_rx(fake_link(0), &len) == NULL);
    fake_advance(39);
    ck_assert(fake_link_rx(fake_link(0), &len) == NULL);
    fake_advance(2);
    ck_assert_int_eq(*fake_link_rx(fake_link(0), &len), '4');
    ck_assert_uint_eq(count(s, "seq-lost"), 1);
    client_data(&c, L2TP_F_SEQUENCE, a.peer, 6, "6");           /* held ... */
    client_data(&c, 0, a.peer, 0, "plain");                     /* ... and without a number */
    ck_assert_mem_eq(fake_link_rx(fake_link(0), &len), "plain", 5);
    ck_assert_uint_eq(fake_frames_kept(), 1);
    fake_link_tx(fake_link(0), "x", 1);                         /* the LNS was not asked to */
    ck_assert_uint_eq(fake_sent()->len, 7);
    struct l2tp_msg m = cdn_of(a.id, 1);
    client_send(&c, a.peer, &m);                                /* ends with a frame held */
    ck_assert_uint_eq(fake_frames_kept(), 0);
    done(s);
}
END_TEST

START_TEST(sequencing_required_by_the_lac)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    m = icrq_of(5);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_ICRP, &m);
    uint16_t session = m.session_id;
    m = iccn_of();
    l2tp_set(&m, SEQUENCING, sequencing, 1);
    client_send(&c, session, &m);
    fake_sent_drop();
    fake_link_tx(fake_link(0), "x", 1);
    ck_assert_uint_eq(fake_sent()->len, 11);
    client_data(&c, 0, session, 0, "no number");
    ck_assert_uint_eq(count(s, "seq-missing"), 1);
    done(s);
}
END_TEST

START_TEST(bad_lengths_in_data)
{
    static const uint8_t shorts[] = { 0, 2, 1 }, beyond[] = { 0x40, 2, 0, 11, 0, 1, 0, 1, 0xff, 3 };
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    (void)client_raw(&c, shorts, sizeof shorts);
    (void)client_raw(&c, beyond, sizeof beyond);
    ck_assert_uint_eq(count(s, "rx-short"), 1);
    ck_assert_uint_eq(count(s, "rx-bad-length"), 1);
    done(s);
}
END_TEST

/* ---- dialling ------------------------------------------------------------------------------------- */

/* The far end of a dialled call, played by a client that answers. */
struct far {
    struct client c;
    struct l2tp_msg m;
};

static struct fake_link *dial(struct adit_self *s, struct far *f, struct adit_dial d)
{
    int32_t code;
    d.size = sizeof d;
    d.to = fake_addr("203.0.113.9");
    struct fake_link *l = fake_dial(s, &d, &code);
    ck_assert_int_eq(code, 0);
    const struct fake_sent *out = fake_sent_peek(0);
    ck_assert_str_eq(fake_addr_text(&out->peer), "203.0.113.9:1701");
    f->c = client_at("203.0.113.9:1701", d.require_security ? &sa1 : NULL);
    f->c.server = out->our;
    f->c.secret = d.secret;
    client_want(&f->c, L2TP_SCCRQ, &f->m);
    f->c.peer = f->m.tunnel_id;
    return l;
}

static void answer(struct far *f)
{
    uint8_t r[16];
    struct l2tp_msg m = sccrq_of(&f->c);
    m.type = L2TP_SCCRP;
    if (l2tp_has(&f->m, CHALLENGE)) {
        prove(&f->c, L2TP_SCCRP, f->m.challenge, r);
        l2tp_set(&m, RESPONSE, response, ((struct l2tp_bytes){ r, 16 }));
        l2tp_set(&m, CHALLENGE, challenge, bytes_of_text("and you?"));
    }
    client_send(&f->c, 0, &m);
    client_want(&f->c, L2TP_SCCCN, &f->m);
    if (f->c.secret) {
        prove(&f->c, L2TP_SCCCN, bytes_of_text("and you?"), r);
        ck_assert_mem_eq(f->m.response.p, r, 16);
    }
    client_ack(&f->c);
    client_want(&f->c, L2TP_ICRQ, &f->m);
}

START_TEST(a_dialled_call)
{
    struct adit_self *s = server(NULL);
    struct far f;
    uint32_t len;
    struct fake_link *l = dial(s, &f, (struct adit_dial){ .called = "12345", .host_name = "me" });
    ck_assert_int_eq(memcmp(f.m.host_name.p, "me", 2), 0);
    answer(&f);
    ck_assert_uint_eq(l->state, FAKE_LINK_OPEN);
    ck_assert_mem_eq(f.m.called.p, "12345", 5);
    uint16_t session = f.m.session_id;
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRP);
    l2tp_set(&m, SESSION_ID, session_id, 99);
    client_send(&f.c, session, &m);
    client_want(&f.c, L2TP_ICCN, &m);
    ck_assert_uint_eq(f.c.h.session, 99);
    client_ack(&f.c);
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    ck_assert_uint_eq(l->info.role, ADIT_ROLE_DIAL);
    client_data(&f.c, 0, session, 0, "hello");
    ck_assert_mem_eq(fake_link_rx(l, &len), "hello", 5);
    fake_link_tx(l, "x", 1);
    ck_assert_uint_eq(fake_sent()->len, 7);
    client_data(&f.c, L2TP_F_SEQUENCE, session, 0, "numbered");     /* the LNS began to number: */
    fake_link_tx(l, "x", 1);                                        /* so does the LAC */
    ck_assert_uint_eq(fake_sent()->len, 11);
    client_data(&f.c, 0, session, 0, "plain");                      /* and stops with it */
    fake_link_tx(l, "x", 1);
    ck_assert_uint_eq(fake_sent()->len, 7);
    fake_link_hangup(l, ADIT_CAUSE_ADMIN);
    client_want(&f.c, L2TP_CDN, &m);
    client_ack(&f.c);
    fake_advance(5100);
    client_want(&f.c, L2TP_StopCCN, &m);
    client_ack(&f.c);
    fake_advance(32000);
    ck_assert_uint_eq(fake_paths_held(), 0);
    ck_assert(!fake_bound(ADIT_PROTO_UDP, &f.c.server));            /* its port is gone, too */
    done(s);
}
END_TEST

START_TEST(a_dialled_call_with_a_secret)
{
    struct adit_self *s = server(NULL);
    struct far f;
    struct fake_link *l = dial(s, &f, (struct adit_dial){ .secret = "trustno1" });
    ck_assert(l2tp_has(&f.m, CHALLENGE));
    answer(&f);
    ck_assert_uint_eq(l->state, FAKE_LINK_OPEN);
    done(s);
}
END_TEST

START_TEST(a_dialled_server_with_the_wrong_secret)
{
    struct adit_self *s = server(NULL);
    struct far f;
    struct fake_link *l = dial(s, &f, (struct adit_dial){ .secret = "trustno1" });
    f.c.secret = "other";
    uint8_t r[16];
    struct l2tp_msg m = sccrq_of(&f.c);
    m.type = L2TP_SCCRP;
    prove(&f.c, L2TP_SCCRP, f.m.challenge, r);
    l2tp_set(&m, RESPONSE, response, ((struct l2tp_bytes){ r, 16 }));
    client_send(&f.c, 0, &m);
    client_want(&f.c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_DENIED);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_TUNNEL_AUTH);
    done(s);
}
END_TEST

START_TEST(our_own_challenge_is_not_answered)
{
    /* Whoever was dialled asks us for the proof that we want of him. */
    struct adit_self *s = server("secret: trustno1");
    struct far f;
    (void)dial(s, &f, (struct adit_dial){ .secret = "trustno1" });
    struct client thief = client_at("198.51.100.66:1701", NULL);
    struct l2tp_msg m = sccrq_of(&thief);
    uint8_t challenge[16];
    ck_assert_uint_eq(f.m.challenge.len, 16);
    memcpy(challenge, f.m.challenge.p, 16);
    l2tp_set(&m, CHALLENGE, challenge, ((struct l2tp_bytes){ challenge, 16 }));
    client_send(&thief, 0, &m);
    client_want(&thief, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_DENIED);
    thief.ns = thief.nr = 0;
    m = sccrq_of(&thief);
    challenge[15] ^= 1;                 /* one of its own is answered */
    l2tp_set(&m, CHALLENGE, challenge, ((struct l2tp_bytes){ challenge, 16 }));
    client_send(&thief, 0, &m);
    client_want(&thief, L2TP_SCCRP, &m);
    done(s);
}
END_TEST

START_TEST(a_dialled_secret_is_not_cut_short)
{
    struct adit_self *s = server(NULL);
    char secret[128 + 2];
    int32_t code;
    memset(secret, 'x', sizeof secret - 1);
    secret[sizeof secret - 1] = '\0';
    struct adit_dial d = { .size = sizeof d, .to = fake_addr("203.0.113.9"), .secret = secret };
    (void)fake_dial(s, &d, &code);
    ck_assert_int_eq(code, ADIT_EINVAL);
    done(s);
}
END_TEST

START_TEST(dialled_and_refused_or_not_answered)
{
    struct adit_self *s = server(NULL);
    struct far f;
    struct l2tp_msg m;
    struct fake_link *l = dial(s, &f, (struct adit_dial){ .called = NULL });
    m = stop_of(5, L2TP_STOP_DENIED);
    client_send(&f.c, 0, &m);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_TUNNEL_AUTH);
    l = dial(s, &f, (struct adit_dial){ .called = NULL });
    m = stop_of(5, L2TP_STOP_CLEAR);
    client_send(&f.c, 0, &m);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_REFUSED);
    fake_sent_drop();
    l = dial(s, &f, (struct adit_dial){ .called = NULL });
    answer(&f);
    m = cdn_of(0, L2TP_CDN_BUSY);
    client_send(&f.c, f.m.session_id, &m);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_PORTS_EXHAUSTED);
    fake_sent_drop();
    l = dial(s, &f, (struct adit_dial){ .called = NULL });
    fake_advance(31100);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_NO_ANSWER);
    l = dial(s, &f, (struct adit_dial){ .called = NULL });
    fake_link_hangup(l, ADIT_CAUSE_ADMIN);          /* before anybody answered */
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_ADMIN);
    done(s);
}
END_TEST

START_TEST(a_dialled_port_serves_nobody)
{
    struct adit_self *s = server(NULL);
    struct far f;
    (void)dial(s, &f, (struct adit_dial){ .called = NULL });
    struct client x = client_at("198.51.100.1:1701", NULL);
    x.server = f.c.server;
    struct l2tp_msg m = sccrq_of(&x);
    client_send(&x, 0, &m);
    ck_assert_uint_eq(fake_sent_count(), 0);
    ck_assert_uint_eq(count(s, "rx-unexpected"), 1);
    done(s);
}
END_TEST

static void tie(uint64_t theirs, bool they_win, bool both_lose)
{
    struct adit_self *s = server("tie-breaker: yes");
    struct far f;
    struct fake_link *l = dial(s, &f, (struct adit_dial){ .called = NULL });
    struct client x = client_at("203.0.113.9:1701", NULL);      /* the same host calls us */
    ck_assert(l2tp_has(&f.m, TIE_BREAKER));
    struct l2tp_msg m = sccrq_of(&x);
    l2tp_set(&m, TIE_BREAKER, tie_breaker, both_lose ? f.m.tie_breaker : theirs);
    client_send(&x, 0, &m);
    if (they_win) {
        client_want(&x, L2TP_SCCRP, &m);
        x.peer = m.tunnel_id;
        ck_assert_uint_eq(l->state, FAKE_LINK_OPEN);            /* the call waits in theirs */
        m = l2tp_msg_of(L2TP_SCCCN);
        client_send(&x, 0, &m);
        client_want(&x, L2TP_ICRQ, &m);
    } else {
        ck_assert_uint_eq(fake_sent_count(), 0);
        ck_assert_uint_eq(l->state, both_lose ? FAKE_LINK_DOWN : FAKE_LINK_OPEN);
        ck_assert_uint_eq(fake_paths_held(), !both_lose);
    }
    done(s);
}

START_TEST(tie_breaker)
{
    tie(0, true, false);
    tie(UINT64_MAX, false, false);
    tie(0, false, true);
}
END_TEST

/* ---- life ------------------------------------------------------------------------------------------ */

START_TEST(stop_takes_no_new_work_and_start_again)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL), d = client_at("192.0.2.8:1701", NULL);
    struct l2tp_msg m;
    uint32_t len;
    client_tunnel(&c);
    struct session a = client_call(&c);
    fake_stop(s);
    m = sccrq_of(&d);
    client_send(&d, 0, &m);
    client_want(&d, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_SHUTDOWN);
    m = icrq_of(77);
    client_send(&c, 0, &m);
    client_want(&c, L2TP_CDN, &m);
    client_data(&c, 0, a.peer, 0, "alive");
    ck_assert(fake_link_rx(fake_link(0), &len) != NULL);
    ck_assert_int_eq(fake_start(s), 0);
    d = client_at("192.0.2.8:1701", NULL);
    client_tunnel(&d);
    done(s);
}
END_TEST

START_TEST(the_end_tells_every_peer)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    (void)client_call(&c);
    fake_inst_free(s);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_SHUTDOWN);
    client_want(&c, L2TP_StopCCN, &m);
    ck_assert_uint_eq(m.result.code, L2TP_STOP_SHUTDOWN);
    fake_end();
}
END_TEST

START_TEST(listen_addresses)
{
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    struct adit_self *s = fake_inst(fake_face("tunnel", "l2tp"),
                                    "listen: [10.0.0.1, \"10.0.0.2:1702\", \"[2001:db8::1]:1701\"]");
    struct adit_addr a = fake_addr("10.0.0.1:1701"), b = fake_addr("10.0.0.2:1702"),
                     c = fake_addr("[2001:db8::1]:1701"), d = fake_addr("10.0.0.2:1701");
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    ck_assert(fake_bound(ADIT_PROTO_UDP, &a) && fake_bound(ADIT_PROTO_UDP, &b) &&
              fake_bound(ADIT_PROTO_UDP, &c) && !fake_bound(ADIT_PROTO_UDP, &d));
    /* a second instance cannot have one of them: all of its own are undone */
    struct adit_self *t = fake_inst_new(fake_face("tunnel", "l2tp"), "second",
                                        "listen: [10.0.0.3, 10.0.0.1]");
    ck_assert_int_eq(fake_start(t), ADIT_EADDRINUSE);
    a = fake_addr("10.0.0.3:1701");
    ck_assert(!fake_bound(ADIT_PROTO_UDP, &a));
    fake_inst_free(t);
    done(s);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    char text[400];
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    int n = snprintf(text, sizeof text, "secret: ");
    memset(text + n, 'x', 200);
    text[n + 200] = '\0';
    ck_assert(fake_inst(fake_face("tunnel", "l2tp"), text) == NULL);
    ck_assert(fake_inst(fake_face("tunnel", "l2tp"), "receive-window: 0") == NULL);
    ck_assert(fake_inst(fake_face("tunnel", "l2tp"), "peers: [{ host-name: x }]") == NULL);
    fake_end();
}
END_TEST

START_TEST(status_shows_tunnels_and_sessions)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    client_tunnel(&c);
    (void)client_call(&c);
    const char *text = fake_status(s);
    static const char *const want[] = { "192.0.2.7:1701", "\"established\"", "\"client\"",
                                        "\"sessions\"", "\"retransmitted\"", "\"window\"" };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        ck_assert_msg(strstr(text, want[i]) != NULL, "%s is not in %s", want[i], text);
    done(s);
}
END_TEST

START_TEST(IPv6_outside)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("[2001:db8::7]:1701", NULL);
    c.server = fake_addr("[2001:db8::1]:1701");
    client_tunnel(&c);
    (void)client_call(&c);
    ck_assert_uint_eq(fake_links_active(), 1);
    done(s);
}
END_TEST

/* Every option, counter and event has its place in the man page. */
START_TEST(the_manual_is_complete)
{
    static char text[65536];
    char path[512], item[128];
    const struct adit_face *f = fake_face("tunnel", "l2tp");
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/man/adit-tunnel-l2tp.7", top ? top : "..");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is missing", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    for (const struct adit_opt *o = f->opts; o->name; o++) {
        snprintf(item, sizeof item, ".It Cm %s No", o->name);
        const char *at = strstr(text, item);
        ck_assert_msg(at != NULL, "option %s is not in the manual", o->name);
        if (!o->dflt)
            continue;
        snprintf(item, sizeof item, "Default: %s.", o->dflt);
        const char *dflt = strstr(at, item), *next = strstr(at + 1, ".It Cm");
        ck_assert_msg(dflt && (!next || dflt < next), "the default of %s is not in the manual", o->name);
    }
    for (uint32_t i = 0; i < f->counter_count; i++) {
        snprintf(item, sizeof item, ".It %s\n%s", f->counters[i].name, f->counters[i].sentence);
        ck_assert_msg(strstr(text, item) != NULL, "counter %s is not in the manual", f->counters[i].name);
    }
    for (uint32_t i = 0; f->events[i]; i++) {
        snprintf(item, sizeof item, ".It %s Pq", f->events[i]->name);
        ck_assert_msg(strstr(text, item) != NULL, "event %s is not in the manual", f->events[i]->name);
    }
    fake_end();
}
END_TEST

START_TEST(the_end_is_told_though_a_message_is_on_its_way)
{
    struct adit_self *s = server(NULL);
    struct client c = client_at("192.0.2.7:1701", NULL);
    struct l2tp_msg m;
    client_tunnel(&c);
    (void)client_call(&c);
    (void)client_call(&c);
    fake_link_hangup(fake_link(0), ADIT_CAUSE_ADMIN);
    fake_advance(1500);                             /* the CDN is lost, and sent again */
    fake_inst_free(s);
    client_want(&c, L2TP_CDN, &m);
    client_want(&c, L2TP_CDN, &m);
    client_want(&c, L2TP_StopCCN, &m);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("l2tp", (const TTest *const[]){
        messages_are_shown_in_lines, a_call_from_sccrq_to_stopccn, security_is_required_by_default,
        A1_window_of_one_is_honoured, A2_zlb_at_once_after_scccn_and_iccn,
        A5_clients_named_anonymous_are_told_apart, A6_stopccn_ends_every_session,
        A7_the_server_never_calls, K3_tunnel_id_zero, K7_other_versions_get_no_answer,
        K8_duplicate_sccrq_is_one_tunnel, K8_not_another_tunnel_from_the_same_port,
        L2_answers_come_from_the_address_that_was_called, L1_source_port_1701_or_any_other,
        M8_the_source_port_may_change,
        S3_address_changes, M12_sli_and_wen_are_acknowledged_and_ignored,
        W2_two_clients_behind_one_nat, W25_wrong_ids_in_cdn_and_stopccn,
        W23_cdn_and_stopccn_again_and_again, sccrq_that_are_not_acceptable, unknown_mandatory_avps,
        unknown_message_types, outgoing_calls_are_refused_with_a_cdn, ports_and_limits_of_the_host,
        hangup_says_why, hangup_says_why_ppp_ended, session_messages_before_the_tunnel_is_up, iccn_and_icrp_for_nobody,
        proxy_lcp_authentication_and_numbers, the_mtu_is_what_the_path_takes, secrets_of_peers,
        a_missing_response_is_no_proof, avps_are_hidden_when_asked,
        half_open_floods_stop_at_the_limits, tunnels_per_address_are_limited,
        refusals_are_rate_limited, garbage_leaves_a_session_alone, a_message_of_64_kilobytes,
        a_peer_that_acknowledges_nothing, tunnels_without_sessions_are_closed,
        hello_asks_silent_peers, a_call_that_never_connects,
        a_vector_of_several_sessions_and_messages,
        a_vector_leaves_as_one_with_headers_of_one_size, sequenced_data_is_put_into_order,
        sequencing_required_by_the_lac, bad_lengths_in_data, a_dialled_call,
        a_dialled_call_with_a_secret, our_own_challenge_is_not_answered, a_dialled_secret_is_not_cut_short,
        a_dialled_server_with_the_wrong_secret,
        dialled_and_refused_or_not_answered, a_dialled_port_serves_nobody, tie_breaker,
        stop_takes_no_new_work_and_start_again, the_end_tells_every_peer, listen_addresses,
        bad_settings_are_refused, status_shows_tunnels_and_sessions, IPv6_outside, the_manual_is_complete,
        the_end_is_told_though_a_message_is_on_its_way, NULL });
}
UNIT_MAIN(suite)
