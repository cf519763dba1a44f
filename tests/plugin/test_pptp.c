/* test_pptp.c - tunnel-pptp against the fake host: streams, GRE, links, virtual time. */
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp_gre.h"
#include "../../plugins/tunnel-pptp/pptp_msg.h"
#include "../../sdk/fake/fake.h"
#include "../unit/hex.h"
#include "../unit/unit.h"

#define MSG(t, member, ...) (struct pptp_msg){ .type = (t), .u.member = { __VA_ARGS__ } }
#define RANDOM(n) (x ^= x << 13, x ^= x >> 17, x ^= x << 5, x % (n))

static struct adit_addr our, pc;

static struct adit_self *server(const char *yaml)
{
    our = fake_addr("10.0.0.1:1723");
    pc = fake_addr("192.0.2.7:40000");
    struct adit_self *s = fake_inst(fake_face("tunnel", "pptp"), yaml);
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    return s;
}

static void end(struct adit_self *s)
{
    fake_inst_free(s);
    ck_assert_uint_eq(fake_frames_kept(), 0);
    ck_assert_uint_eq(fake_troubles(), 0);
    fake_end();
}

/* ---- a client, as bytes ------------------------------------------------------------------- */

static void tx(struct fake_end *e, struct pptp_msg m)
{
    uint8_t out[PPTP_MSG_MAX];
    size_t n = pptp_msg_build(out, sizeof out, &m);
    fake_stream_push(e, out, n);
}

/* The next message that the plugin sent; type 0: none. */
static struct pptp_msg rx(struct fake_end *e)
{
    uint8_t data[PPTP_MSG_MAX];
    struct pptp_msg m = { 0 };
    if (fake_stream_waiting(e) == 0)
        return m;
    ck_assert_uint_eq(fake_stream_take(e, data, 2), 2);
    uint32_t len = (uint32_t)(data[0] << 8 | data[1]);
    ck_assert_uint_le(len, sizeof data);
    ck_assert_uint_eq(fake_stream_take(e, data + 2, len - 2), len - 2);
    ck_assert_int_eq(pptp_msg_parse(&m, data, len), PPTP_PARSE_OK);
    return m;
}

static struct pptp_msg rx_type(struct fake_end *e, uint16_t type)
{
    struct pptp_msg m = rx(e);
    ck_assert_str_eq(pptp_msg_name(m.type), pptp_msg_name(type));
    return m;
}

static struct pptp_msg sccrq(void)
{
    return MSG(PPTP_SCCRQ, sccrq, .version = 0x0100, .framing = 1, .bearer = 1, .firmware = 2600,
               .host_name = "pc\001", .vendor = "Microsoft Windows NT");
}

static struct fake_end *control(const struct adit_addr *from)
{
    struct fake_end *e = fake_connect(&our, from);
    ck_assert_ptr_nonnull(e);
    tx(e, sccrq());
    ck_assert_uint_eq(rx_type(e, PPTP_SCCRP).u.sccrp.result, 1);
    return e;
}

/* A call: our side's id is returned. */
static uint16_t call(struct fake_end *e, uint16_t id)
{
    tx(e, MSG(PPTP_OCRQ, ocrq, .call_id = id, .min_bps = 300, .max_bps = 100000000, .bearer = 3,
              .framing = 3, .window = 64));
    struct pptp_msg m = rx_type(e, PPTP_OCRP);
    ck_assert_uint_eq(m.u.ocrp.result, PPTP_OUT_CONNECTED);
    ck_assert_uint_eq(m.u.ocrp.peer_call_id, id);
    ck_assert_uint_ne(m.u.ocrp.call_id, 0);
    return m.u.ocrp.call_id;
}

/* A data packet; its payload is `text`. */
static size_t packet(uint8_t *out, uint16_t id, uint32_t seq, const char *text)
{
    struct wr w = wr_of(out, 2048);
    wr_u16(&w, 0x3001);
    wr_u16(&w, 0x880b);
    wr_u16(&w, (uint16_t)strlen(text));
    wr_u16(&w, id);
    wr_u32(&w, seq);
    wr_bytes(&w, text, strlen(text));
    return wr_len(&w);
}

static void gre(const struct adit_addr *from, uint16_t id, uint32_t seq, const char *text)
{
    uint8_t out[2048];
    struct adit_addr a = *from, o = our;
    a.port = o.port = 0;
    ck_assert_uint_ge(fake_datagram(ADIT_PROTO_GRE, &a, &o, NULL, out, packet(out, id, seq, text)), 1);
}

/* What the link got, in a row; " " between frames. */
static const char *got(struct fake_link *l)
{
    static char text[8192];
    size_t at = 0;
    const uint8_t *f;
    uint32_t len;
    text[0] = '\0';
    while ((f = fake_link_rx(l, &len)) != NULL)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", at ? " " : "", (int)len,
                               (const char *)f);
    return text;
}

static void sent_is(const char *hex)
{
    const struct fake_sent *s = fake_sent();
    ck_assert_ptr_nonnull(s);
    hex_eq(s->data, s->len, hex);
}

/* ---- serving -------------------------------------------------------------------------------------- */

/* The next line, as it is. */
#define traced(want_)                                                  \
    do {                                                               \
        const char *line_ = fake_trace();                              \
        ck_assert_str_eq(line_ ? line_ : "(none)", (want_));           \
    } while (0)

START_TEST(messages_are_shown_in_lines)
{
    struct adit_self *s = server("host-name: srv");
    struct fake_end *e = fake_connect(&our, &pc);
    tx(e, sccrq());
    rx_type(e, PPTP_SCCRP);
    call(e, 7);
    const char *line = fake_trace();
    ck_assert(line && strstr(line, "<- PPTP Start-Control-Connection-Request version=256"));
    line = fake_trace();
    ck_assert(line && strstr(line, "-> PPTP Start-Control-Connection-Reply") && strstr(line, "host_name=\"srv\""));
    line = fake_trace();
    ck_assert(line && strstr(line, "<- PPTP Outgoing-Call-Request call_id=7"));
    line = fake_trace();
    ck_assert(line && strstr(line, "-> PPTP Outgoing-Call-Reply") && strstr(line, "result=connected"));
    ck_assert_uint_eq(fake_trace_packets(), 4);
    fake_stream_push(e, "this is not PPTP at all", 23);
    traced("   PPTP what came is not PPTP");
    fake_trace_wants(0);
    e = fake_connect(&our, &pc);
    tx(e, sccrq());
    ck_assert_ptr_null(fake_trace());
    ck_assert_uint_eq(fake_trace_packets(), 4);
    fake_inst_free(s);
}
END_TEST

START_TEST(a_call_from_the_first_byte_to_the_last)
{
    struct adit_self *s = server("host-name: srv");
    struct fake_end *e = fake_connect(&our, &pc);
    tx(e, sccrq());
    struct pptp_msg m = rx_type(e, PPTP_SCCRP);
    ck_assert_str_eq(m.u.sccrp.host_name, "srv");
    ck_assert_str_eq(m.u.sccrp.vendor, "Adit");
    uint16_t id = call(e, 7);
    struct fake_link *l = fake_link(0);
    ck_assert_uint_eq(l->state, FAKE_LINK_OPEN);
    gre(&pc, id, 0, "lcp");
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    ck_assert_str_eq(got(l), "lcp");
    ck_assert_uint_eq(l->info.role, ADIT_ROLE_ANSWER);
    ck_assert_str_eq(fake_addr_text(&l->info.our), "10.0.0.1:1723");
    ck_assert_str_eq(fake_addr_text(&l->info.peer), "192.0.2.7:40000");
    ck_assert_str_eq(l->info.peer_host, "pc?");
    ck_assert_ptr_null(l->info.calling);
    ck_assert_ptr_null(l->info.called);
    ck_assert_ptr_null(l->info.security);
    ck_assert_uint_eq(l->info.mtu, 1400);
    ck_assert_uint_eq(l->info.speed_bps, 100000000);
    fake_link_tx(l, "\xff\x03\xc0\x21", 4);
    sent_is("3081 880b 0004 0007 00000000 00000000 ff03c021");
    tx(e, MSG(PPTP_SLI, sli, .peer_call_id = id, .send_accm = 0xffffffff));
    tx(e, MSG(PPTP_ECHORQ, echorq, .identifier = 5));
    ck_assert_uint_eq(rx_type(e, PPTP_ECHORP).u.echorp.identifier, 5);
    tx(e, MSG(PPTP_CCRQ, ccrq, .call_id = 7));
    m = rx_type(e, PPTP_CDN);
    ck_assert_uint_eq(m.u.cdn.call_id, id);
    ck_assert_uint_eq(m.u.cdn.result, PPTP_CDN_REQUEST);
    ck_assert_uint_eq(l->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_PEER_HANGUP);
    tx(e, MSG(PPTP_STOPRQ, stoprq, .reason = 1));
    rx_type(e, PPTP_STOPRP);
    ck_assert(!fake_stream_is_open(e));
    ck_assert_uint_eq(fake_counter(s, "connections"), 1);
    ck_assert_uint_eq(fake_counter(s, "calls"), 1);
    ck_assert_uint_eq(fake_counter(s, "gre-rx"), 1);
    ck_assert_uint_eq(fake_counter(s, "gre-tx"), 1);
    ck_assert_uint_eq(fake_counter(s, "unexpected-messages"), 0);
    ck_assert_str_eq(fake_event_str("pptp.ctl.up", "vendor"), "Microsoft Windows NT");
    ck_assert_uint_eq(fake_event_count("pptp.ctl.down"), 1);
    fake_run();
    ck_assert_uint_eq(fake_paths_held(), 0);
    end(s);
}
END_TEST

START_TEST(corked_and_dripped_messages)
{
    struct adit_self *s = server(NULL);
    uint8_t all[1024];
    size_t n = 0;
    struct pptp_msg m[] = { sccrq(), MSG(PPTP_OCRQ, ocrq, .call_id = 7),
        MSG(PPTP_OCRQ, ocrq, .call_id = 8), MSG(PPTP_ECHORQ, echorq, .identifier = 1),
        MSG(PPTP_CCRQ, ccrq, .call_id = 7) };
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        n += pptp_msg_build(all + n, sizeof all - n, &m[i]);
    for (size_t cut = 0; cut <= n + 1; cut++) {
        struct fake_end *e = fake_connect(&our, &pc);
        if (cut <= n) {
            fake_stream_push(e, all, cut);
            fake_stream_push(e, all + cut, n - cut);
        } else {
            fake_stream_drip(e, all, n);
        }
        rx_type(e, PPTP_SCCRP);
        ck_assert_uint_eq(rx_type(e, PPTP_OCRP).u.ocrp.peer_call_id, 7);
        ck_assert_uint_eq(rx_type(e, PPTP_OCRP).u.ocrp.peer_call_id, 8);
        rx_type(e, PPTP_ECHORP);
        rx_type(e, PPTP_CDN);
        ck_assert_uint_eq(fake_links_active(), 1);
        fake_stream_close(e);
        fake_run();
        ck_assert_uint_eq(fake_links_active(), 0);
    }
    end(s);
}
END_TEST

/* The stream ends after every byte of a whole conversation. */
START_TEST(every_truncation_of_the_stream)
{
    struct adit_self *s = server("connections-per-address: 10000");
    uint8_t all[2048];
    size_t n = 0;
    struct pptp_msg m[] = { sccrq(), MSG(PPTP_OCRQ, ocrq, .call_id = 7),
        MSG(PPTP_SLI, sli, .peer_call_id = 1), MSG(PPTP_WEN, wen, .peer_call_id = 1),
        MSG(PPTP_ICRQ, icrq, .call_id = 3), MSG(PPTP_CDN, cdn, .call_id = 3),
        MSG(PPTP_CCRQ, ccrq, .call_id = 7), MSG(PPTP_STOPRQ, stoprq, .reason = 1) };
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        n += pptp_msg_build(all + n, sizeof all - n, &m[i]);
    for (size_t cut = 0; cut <= n; cut++) {
        struct fake_end *e = fake_connect(&our, &pc);
        fake_stream_push(e, all, cut);
        if (cut % 2)
            fake_stream_close(e);
        else
            fake_stream_break(e, ADIT_EIO);
        fake_run();
        ck_assert_uint_eq(fake_links_active(), 0);
        ck_assert_uint_eq(fake_paths_held(), 0);
    }
    ck_assert_uint_eq(fake_counter(s, "garbage"), 0);
    end(s);
}
END_TEST

START_TEST(garbage_on_the_port_closes_and_is_counted)
{
    struct adit_self *s = server(NULL);
    struct fake_end *good = control(&pc);
    uint16_t id = call(good, 7);
    gre(&pc, id, 0, "a");
    static const char *const junk[] = { "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        "\x00\x0b\x00\x01\x1a\x2b\x3c\x4d", "\xff\xff\xff\xff\xff\xff\xff\xff" };
    static const uint32_t len[] = { 18, 9, 8, 8 };
    struct adit_addr from = fake_addr("198.51.100.1:9");
    for (int i = 0; i < 4; i++) {
        struct fake_end *e = fake_connect(&our, &from);
        fake_stream_push(e, junk[i], len[i]);
        ck_assert(!fake_stream_is_open(e));
        ck_assert_uint_eq(fake_stream_waiting(e), 0);
    }
    ck_assert_uint_eq(fake_counter(s, "garbage"), 4);
    ck_assert_uint_eq(fake_event_count("pptp.ctl.garbage"), 4);
    ck_assert_uint_eq(fake_failed()->count, 4);
    ck_assert_uint_eq(fake_failed()->cause, ADIT_CAUSE_PROTOCOL_ERROR);
    ck_assert(adit_same_host(&fake_failed()->peer, &from));
    struct fake_end *e = fake_connect(&our, &from);     /* too short, unknown: not up, so closed */
    tx(e, MSG(PPTP_ECHORQ, echorq, .identifier = 1));
    ck_assert(!fake_stream_is_open(e));
    uint8_t odd[16];
    hex_get(odd, sizeof odd, "0010 0001 1a2b3c4d 0063 0000 00000000");
    e = fake_connect(&our, &from);
    fake_stream_push(e, odd, 16);
    ck_assert(!fake_stream_is_open(e));
    fake_stream_push(good, odd, 16);                    /* up: ignored and counted */
    ck_assert(fake_stream_is_open(good));
    hex_get(odd, sizeof odd, "0010 0001 1a2b3c4d 0008 0000 00000000");
    fake_stream_push(good, odd, 16);
    ck_assert(fake_stream_is_open(good));
    ck_assert_uint_eq(fake_counter(s, "bad-messages"), 3);
    hex_get(odd, sizeof odd, "0010 0001 1a2b3c4e 0008 0000 00000000");
    gre(&pc, id, 1, "b");
    ck_assert_str_eq(got(fake_link(0)), "a b");
    fake_stream_push(good, odd, 16);                    /* out of step: section 1.4 closes it */
    ck_assert(!fake_stream_is_open(good));
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_PROTOCOL_ERROR);
    end(s);
}
END_TEST

START_TEST(a_long_message_is_read_to_its_minimum)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = fake_connect(&our, &pc);
    static uint8_t big[65535];
    struct pptp_msg m = sccrq();
    pptp_msg_build(big, sizeof big, &m);
    big[0] = 0xff;
    big[1] = 0xff;
    for (size_t at = 0; at < sizeof big; at += 1000)
        fake_stream_push(e, big + at, sizeof big - at < 1000 ? sizeof big - at : 1000);
    rx_type(e, PPTP_SCCRP);
    call(e, 1);
    end(s);
}
END_TEST

/* ---- limits ----------------------------------------------------------------------------------------- */

START_TEST(limits_of_connections)
{
    struct adit_self *s = server("connections: 5\nconnections-per-address: 3");
    struct adit_addr b = fake_addr("192.0.2.8:1"), c = fake_addr("192.0.2.9:1");
    struct fake_end *e = NULL;
    for (int i = 0; i < 3; i++)
        e = control(&pc);
    ck_assert_ptr_null(fake_connect(&our, &pc));
    ck_assert_str_eq(fake_event_str("pptp.ctl.refused", "limit"), "connections-per-address");
    control(&b);
    control(&b);
    ck_assert_ptr_null(fake_connect(&our, &c));
    ck_assert_str_eq(fake_event_str("pptp.ctl.refused", "limit"), "connections");
    ck_assert_uint_eq(fake_counter(s, "connections-refused"), 2);
    fake_stream_close(e);
    fake_run();
    control(&pc);
    ck_assert_ptr_null(fake_connect(&our, &pc));
    end(s);
}
END_TEST

START_TEST(a_flood_of_half_open_connections_hurts_nobody)
{
    struct adit_self *s = server("connections: 500\nconnections-per-address: 100");
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    gre(&pc, id, 0, "a");
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        struct adit_addr from = fake_addr("198.51.100.0:1000");
        from.ip[3] = (uint8_t)(i % 10);
        taken += fake_connect(&our, &from) != NULL;
    }
    ck_assert_uint_eq(taken, 499);
    ck_assert_uint_le(fake_event_count("pptp.ctl.refused"), 30);       /* not one event each */
    gre(&pc, id, 1, "b");
    fake_advance(10000);
    ck_assert_uint_eq(fake_counter(s, "start-timeouts"), 499);
    ck_assert_uint_le(fake_event_count("pptp.ctl.failed"), 31);
    gre(&pc, id, 2, "c");
    ck_assert_str_eq(got(fake_link(0)), "a b c");
    ck_assert(fake_stream_is_open(e));
    struct adit_addr from = fake_addr("198.51.100.0:1000");
    control(&from);                             /* and there is room again */
    end(s);
}
END_TEST

START_TEST(a_peer_that_does_not_read)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    call(e, 7);
    fake_stream_stall(e, 1);
    for (uint32_t i = 0; i < 10000 && fake_stream_is_open(e); i++)
        tx(e, MSG(PPTP_ECHORQ, echorq, .identifier = i));
    ck_assert(!fake_stream_is_open(e));
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_LOST_CARRIER);
    end(s);
}
END_TEST

START_TEST(ports_and_refusals)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    fake_ports(1);
    call(e, 7);
    tx(e, MSG(PPTP_OCRQ, ocrq, .call_id = 8));
    struct pptp_msg m = rx_type(e, PPTP_OCRP);
    ck_assert_uint_eq(m.u.ocrp.result, PPTP_OUT_ERROR);
    ck_assert_uint_eq(m.u.ocrp.error, PPTP_ERR_RESOURCE);
    ck_assert_uint_eq(m.u.ocrp.peer_call_id, 8);
    fake_link_refuse(ADIT_EDENIED);
    tx(e, MSG(PPTP_OCRQ, ocrq, .call_id = 9));
    ck_assert_uint_eq(rx_type(e, PPTP_OCRP).u.ocrp.result, PPTP_OUT_REFUSED);
    ck_assert_uint_eq(fake_counter(s, "calls-refused"), 2);
    ck_assert_str_eq(fake_event_str("pptp.call.refused", "why"), "not permitted");
    fake_link_refuse(0);
    fake_link_hangup(fake_link(0), ADIT_CAUSE_ADMIN);
    m = rx_type(e, PPTP_CDN);
    ck_assert_uint_eq(m.u.cdn.result, PPTP_CDN_ADMIN);
    ck_assert_str_eq(m.u.cdn.statistics, "ADIT-ADMIN: An operator ended the connection.");
    call(e, 8);
    fake_run();
    ck_assert_uint_eq(fake_paths_held(), 1);
    end(s);
}
END_TEST

/* ---- who is who ------------------------------------------------------------------------------------------- */

START_TEST(S1_several_clients_behind_one_nat)
{
    struct adit_self *s = server(NULL);
    struct adit_addr from[3];
    struct fake_end *e[3];
    uint16_t id[3];
    uint8_t buf[6][64];
    struct fake_bytes v[6];

    for (int i = 0; i < 3; i++) {               /* one address, one call id: 0 (W10) */
        from[i] = pc;
        from[i].port = (uint16_t)(50000 + i);
        e[i] = control(&from[i]);
        id[i] = call(e[i], 0);
    }
    ck_assert(id[0] != id[1] && id[1] != id[2] && id[0] != id[2]);
    static const int who[6] = { 0, 0, 1, 2, 2, 0 };
    static const uint32_t seq[6] = { 0, 1, 0, 0, 1, 2 };
    for (int i = 0; i < 6; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d.%u", who[i], seq[i]);
        v[i] = (struct fake_bytes){ buf[i], packet(buf[i], id[who[i]], seq[i], text) };
    }
    struct adit_addr a = pc, o = our;
    a.port = o.port = 0;
    fake_datagrams(ADIT_PROTO_GRE, &a, &o, NULL, v, 6);
    ck_assert_str_eq(got(fake_link(0)), "0.0 0.1 0.2");
    ck_assert_str_eq(got(fake_link(1)), "1.0");
    ck_assert_str_eq(got(fake_link(2)), "2.0 2.1");
    fake_link_hangup(fake_link(0), ADIT_CAUSE_ADMIN);   /* the others live on */
    gre(&pc, id[1], 1, "x");
    gre(&pc, id[0], 3, "y");
    ck_assert_str_eq(got(fake_link(1)), "x");
    ck_assert_uint_eq(fake_counter(s, "gre-rx-unknown-call"), 1);
    ck_assert(fake_bound(ADIT_PROTO_GRE, &o));
    end(s);
}
END_TEST

START_TEST(gre_of_strangers_is_dropped_and_counted)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    struct adit_addr other = fake_addr("203.0.113.5");
    uint8_t junk[64] = { 0 };
    gre(&other, id, 0, "a");                    /* right number, wrong address */
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_OPEN);
    ck_assert_uint_eq(fake_counter(s, "gre-rx-wrong-peer"), 1);
    our = fake_addr("10.0.0.2");                /* to another of our addresses */
    gre(&pc, id, 0, "a");
    our = fake_addr("10.0.0.1:1723");
    ck_assert_uint_eq(fake_counter(s, "gre-rx-wrong-peer"), 2);
    gre(&pc, (uint16_t)(id + 1), 0, "a");
    gre(&pc, 0, 0, "a");
    gre(&pc, 7, 0, "a");                        /* its own number is not ours */
    ck_assert_uint_ge(fake_counter(s, "gre-rx-unknown-call"), 2);
    for (size_t n = 0; n < 16; n++)
        fake_datagram(ADIT_PROTO_GRE, &pc, &(struct adit_addr){ our.family, 32, 0, 0, { 10, 0, 0, 1 } },
                      NULL, junk, n);
    ck_assert_uint_eq(fake_counter(s, "gre-rx-bad"), 16);
    ck_assert_uint_eq(fake_event_count("pptp.ctl.unexpected"), 0);      /* no event per packet */
    gre(&pc, id, 0, "b");
    ck_assert_str_eq(got(fake_link(0)), "b");
    end(s);
}
END_TEST

START_TEST(we_answer_from_the_address_that_was_called)
{
    struct adit_self *s = server(NULL);
    our = fake_addr("10.0.0.9:1723");
    struct fake_end *e = control(&pc);
    call(e, 7);
    fake_advance(500);                          /* the client says nothing: we begin */
    struct fake_link *l = fake_link(0);
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    fake_link_tx(l, "x", 1);
    const struct fake_sent *p = fake_sent();
    ck_assert_str_eq(fake_addr_text(&p->our), "10.0.0.9");
    ck_assert_str_eq(fake_addr_text(&p->peer), "192.0.2.7");
    end(s);
}
END_TEST

START_TEST(a_path_that_is_gone)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    struct fake_link *l = fake_link(0);
    gre(&pc, id, 0, "a");
    struct adit_addr peer = pc;
    peer.port = 0;
    fake_path_gone(NULL, &peer);                /* a hint of ICMP: the call lives */
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    fake_advance(1000);
    fake_sent_drop();
    fake_link_tx(l, "x", 1);
    ck_assert_uint_eq(fake_sent_count(), 1);
    gre(&pc, id, 1, "b");
    ck_assert_str_eq(got(l), "a b");

    /* protected: what is clear is not of this call, and without protection it ends */
    struct adit_security_info sa = { .size = sizeof sa, .name = "ipsec" };
    uint16_t id2 = call(e, 8);
    struct fake_link *l2 = fake_link(1);
    uint8_t buf[64];
    struct adit_addr o = our;
    o.port = 0;
    fake_datagram(ADIT_PROTO_GRE, &peer, &o, &sa, buf, packet(buf, id2, 0, "s"));
    ck_assert_str_eq(got(l2), "s");
    gre(&pc, id2, 1, "clear");
    ck_assert_str_eq(got(l2), "");
    ck_assert_uint_eq(fake_counter(s, "gre-rx-wrong-peer"), 1);
    fake_sent_drop();
    fake_link_tx(l2, "x", 1);
    ck_assert_ptr_eq(fake_sent()->security, &sa);
    fake_path_gone(&sa, NULL);
    ck_assert_uint_eq(l2->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(l2->cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(rx_type(e, PPTP_CDN).u.cdn.result, PPTP_CDN_LOST);
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    end(s);
}
END_TEST

/* ---- data ------------------------------------------------------------------------------------------------ */

START_TEST(a_vector_out_is_a_vector_out)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 0x1234);
    struct fake_link *l = fake_link(0);
    gre(&pc, id, 0, "a");
    struct fake_bytes v[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
    fake_sent_drop();
    fake_link_txv(l, v, 3);
    ck_assert_uint_eq(fake_sent_count(), 3);
    ck_assert_uint_eq(fake_sent_peek(0)->vector, fake_sent_peek(2)->vector);
    sent_is("3081 880b 0003 1234 00000000 00000000 6f6e65");
    sent_is("3001 880b 0003 1234 00000001 74776f");
    sent_is("3001 880b 0005 1234 00000002 7468726565");
    fake_link_tx(l, "x", 1);
    sent_is("3001 880b 0001 1234 00000003 78");
    fake_advance(1000);
    ck_assert_uint_eq(fake_sent_count(), 0);    /* all was acknowledged */
    end(s);
}
END_TEST

START_TEST(acknowledgements_are_delayed_or_prompt)
{
    struct adit_self *s = server("receive-window: 8");
    struct fake_end *e = control(&pc);
    ck_assert_uint_eq(fake_links(), 0);
    uint16_t id = call(e, 7);
    gre(&pc, id, 0, "a");
    fake_advance(79);
    ck_assert_uint_eq(fake_sent_count(), 0);
    fake_advance(21);                           /* within 100 ms */
    sent_is("2081 880b 0000 0007 00000000");
    for (uint32_t i = 1; i <= 3; i++)
        gre(&pc, id, i, "a");
    ck_assert_uint_eq(fake_sent_count(), 0);
    gre(&pc, id, 4, "a");                       /* half a window */
    sent_is("2081 880b 0000 0007 00000004");
    gre(&pc, id, 5, "a");
    fake_link_tx(fake_link(0), "x", 1);         /* rides on data, no packet of its own */
    sent_is("3081 880b 0001 0007 00000000 00000005 78");
    fake_advance(1000);
    ck_assert_uint_eq(fake_sent_count(), 0);
    ck_assert_uint_eq(fake_counter(s, "gre-tx-acks"), 2);
    end(s);
}
END_TEST

START_TEST(L4_a_peer_that_never_acknowledges_stalls_nothing)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    gre(&pc, id, 0, "a");
    for (int i = 0; i < 500; i++)
        fake_link_tx(fake_link(0), "x", 1);
    ck_assert_uint_eq(fake_sent_count(), 500);
    ck_assert_uint_eq(fake_counter(s, "gre-tx"), 500);
    ck_assert_uint_eq(fake_counter(s, "gre-tx-beyond-window"), 500 - 64);
    uint8_t ack[16];
    struct adit_addr a = pc, o = our;
    a.port = o.port = 0;
    size_t n = hex_get(ack, sizeof ack, "2081 880b 0000 0000 000001f3");
    ack[6] = (uint8_t)(id >> 8);
    ack[7] = (uint8_t)id;
    fake_datagram(ADIT_PROTO_GRE, &a, &o, NULL, ack, n);
    fake_link_tx(fake_link(0), "x", 1);
    ck_assert_uint_eq(fake_counter(s, "gre-tx-beyond-window"), 500 - 64);
    ck_assert_uint_eq(fake_link(0)->frames, 1);         /* an acknowledgement is no frame */
    end(s);
}
END_TEST

START_TEST(L5_order_is_restored_before_ppp)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    struct fake_link *l = fake_link(0);
    gre(&pc, id, 0, "0");
    gre(&pc, id, 2, "2");
    gre(&pc, id, 3, "3");
    ck_assert_str_eq(got(l), "0");
    gre(&pc, id, 1, "1");
    ck_assert_str_eq(got(l), "1 2 3");
    gre(&pc, id, 5, "5");
    fake_advance(49);
    ck_assert_str_eq(got(l), "");
    fake_advance(1);                            /* reorder-timeout */
    ck_assert_str_eq(got(l), "5");
    gre(&pc, id, 4, "4");
    ck_assert_str_eq(got(l), "");
    for (uint32_t i = 7; i < 7 + 32; i++)
        gre(&pc, id, i, "x");
    ck_assert_uint_eq(l->frames, 5 + 32);       /* reorder-window: no time passed */
    ck_assert_uint_eq(fake_counter(s, "gre-rx-lost"), 2);
    ck_assert_uint_eq(fake_counter(s, "gre-rx-reordered"), 1);
    ck_assert_uint_eq(fake_counter(s, "gre-rx-late"), 1);
    gre(&pc, id, 100, "y");                     /* what waits when the call ends is not lost memory */
    gre(&pc, id, 102, "y");
    end(s);
}
END_TEST

START_TEST(holes_of_many_calls_share_a_timer)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    enum { N = 20 };
    uint16_t id[N];
    for (uint16_t i = 0; i < N; i++) {
        id[i] = call(e, i);
        gre(&pc, id[i], 0, "0");
    }
    for (uint16_t i = 0; i < N; i++) {
        gre(&pc, id[i], 2, "2");
        fake_advance(3);
    }
    for (uint16_t i = 0; i < N; i++)
        ck_assert_str_eq(got(fake_link(i)), i * 3 + 50 <= N * 3 ? "0 2" : "0");
    fake_advance(50);
    for (uint16_t i = 0; i < N; i++)
        ck_assert_uint_eq(fake_link(i)->frames, 2);
    ck_assert_uint_eq(fake_counter(s, "gre-rx-lost"), N);
    end(s);
}
END_TEST

START_TEST(frames_that_cannot_be_sent_are_counted)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    static uint8_t big[65530];
    gre(&pc, id, 0, "a");
    fake_sent_drop();
    struct fake_bytes v[3] = { { "one", 3 }, { big, sizeof big }, { "two", 3 } };
    fake_link_txv(fake_link(0), v, 3);
    ck_assert_uint_eq(fake_sent_count(), 2);
    ck_assert_uint_eq(fake_counter(s, "gre-tx-dropped"), 1);
    sent_is("3081 880b 0003 0007 00000000 00000000 6f6e65");
    sent_is("3001 880b 0003 0007 00000001 74776f");     /* no number was lost with it */
    end(s);
}
END_TEST

/* ---- endings ----------------------------------------------------------------------------------------------- */

START_TEST(A8_tcp_close_is_a_full_teardown)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    call(e, 7);
    call(e, 8);
    fake_stream_close(e);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(fake_link(i)->state, FAKE_LINK_DOWN);
        ck_assert_uint_eq(fake_link(i)->cause, ADIT_CAUSE_PEER_HANGUP);
    }
    e = control(&pc);
    call(e, 7);
    fake_stream_break(e, ADIT_EIO);
    ck_assert_uint_eq(fake_link(2)->cause, ADIT_CAUSE_LOST_CARRIER);
    fake_run();
    ck_assert_uint_eq(fake_paths_held(), 0);
    end(s);
}
END_TEST

START_TEST(K10_gre_blocked_is_an_event_and_a_cause)
{
    struct adit_self *s = server("gre-timeout: 5s");
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    fake_advance(500 + 5000);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_GRE_BLOCKED);
    ck_assert_uint_eq(fake_event_count("pptp.call.gre-blocked"), 1);
    ck_assert_uint_eq(fake_event_u("pptp.call.gre-blocked", "call"), id);
    ck_assert_uint_eq(fake_counter(s, "gre-blocked"), 1);
    rx_type(e, PPTP_CDN);
    end(s);
}
END_TEST

START_TEST(A8_echo_timeout_ends_the_calls)
{
    struct adit_self *s = server("echo-interval: 10s\necho-timeout: 5s");
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    gre(&pc, id, 0, "a");
    fake_advance(10000);
    struct pptp_msg m = rx_type(e, PPTP_ECHORQ);
    tx(e, MSG(PPTP_ECHORP, echorp, .identifier = m.u.echorq.identifier, .result = 1));
    fake_advance(10000);
    rx_type(e, PPTP_ECHORQ);
    fake_advance(4000);
    gre(&pc, id, 1, "b");                       /* A14: GRE is life, too */
    fake_advance(4999);
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_UP);
    fake_advance(1);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_ECHO_TIMEOUT);
    ck_assert(!fake_stream_is_open(e));
    ck_assert_uint_eq(fake_event_count("pptp.ctl.echo-lost"), 1);
    end(s);
}
END_TEST

START_TEST(stop_keeps_calls_and_destroy_says_goodbye)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc), *half = fake_connect(&our, &pc);
    uint16_t id = call(e, 7);
    fake_stop(s);
    ck_assert(!fake_listening(&our));
    gre(&pc, id, 0, "a");
    ck_assert_str_eq(got(fake_link(0)), "a");
    ck_assert_int_eq(fake_start(s), 0);
    ck_assert(fake_listening(&our));
    gre(&pc, id, 1, "b");
    ck_assert_str_eq(got(fake_link(0)), "b");
    fake_inst_free(s);
    ck_assert_uint_eq(rx_type(e, PPTP_STOPRQ).u.stoprq.reason, PPTP_STOP_SHUTDOWN);
    ck_assert_uint_eq(fake_stream_waiting(half), 0);
    ck_assert_uint_eq(fake_link(0)->cause, ADIT_CAUSE_SHUTDOWN);
    ck_assert_uint_eq(fake_troubles(), 0);
    fake_end();
}
END_TEST

START_TEST(connections_without_a_call_are_closed)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    fake_advance(10000);
    rx_type(e, PPTP_STOPRQ);
    fake_advance(3000);
    ck_assert(!fake_stream_is_open(e));
    e = control(&pc);
    call(e, 7);
    fake_link_hangup(fake_link(0), ADIT_CAUSE_IDLE_TIMEOUT);
    rx_type(e, PPTP_CDN);
    fake_advance(10000);
    rx_type(e, PPTP_STOPRQ);
    tx(e, MSG(PPTP_STOPRP, stoprp, .result = 1));
    ck_assert(!fake_stream_is_open(e));
    end(s);
}
END_TEST

/* ---- the host ends calls inside what we call ------------------------------------------------------------------- */

extern const struct adit_link_api fake_link_api;        /* the fake host's own */
static struct adit_link_api rude;
static int hang_up_in;                          /* 1: up(), 2: rx() */

static void rude_end(struct adit_link *l)
{
    for (uint32_t i = 0; i < fake_links(); i++)
        if (fake_link(i)->handle == l && fake_link(i)->state != FAKE_LINK_DOWN)
            fake_link_hangup(fake_link(i), ADIT_CAUSE_ADMIN);
}

static void rude_up(struct adit_link *l, const struct adit_link_info *info)
{
    fake_link_api.up(l, info);
    if (hang_up_in == 1)
        rude_end(l);
}

static void rude_link_rx(struct adit_link *l, struct adit_frame **v, uint32_t n)
{
    fake_link_api.rx(l, v, n);
    if (hang_up_in == 2)
        for (uint32_t i = 0; i < fake_links(); i++)     /* all of them: siblings, too */
            if (fake_link(i)->state != FAKE_LINK_DOWN)
                fake_link_hangup(fake_link(i), ADIT_CAUSE_ADMIN);
}

START_TEST(the_host_hangs_up_inside_up_and_rx)
{
    fake_begin();
    rude = fake_link_api;
    rude.up = rude_up;
    rude.rx = rude_link_rx;
    ((struct adit_host *)(uintptr_t)fake_host())->link = &rude;
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    hang_up_in = 1;
    uint16_t a = call(e, 1), b = call(e, 2);
    gre(&pc, a, 0, "x");
    gre(&pc, a, 1, "x");
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(fake_link(0)->frames, 0);
    rx_type(e, PPTP_CDN);
    hang_up_in = 0;
    gre(&pc, b, 0, "x");
    hang_up_in = 2;
    uint8_t buf[4][64];
    struct fake_bytes v[4];
    uint16_t c = call(e, 3);
    /* b in order and waiting, then c, then b again: all ends in the middle */
    static const uint32_t seq[4] = { 2, 1, 0, 3 };
    uint16_t id[4] = { b, b, c, b };
    for (int i = 0; i < 4; i++)
        v[i] = (struct fake_bytes){ buf[i], packet(buf[i], id[i], seq[i], "y") };
    struct adit_addr peer = pc, o = our;
    peer.port = o.port = 0;
    fake_datagrams(ADIT_PROTO_GRE, &peer, &o, NULL, v, 4);
    ck_assert_uint_eq(fake_links_active(), 0);
    ck_assert_uint_eq(fake_link(1)->frames, 3);
    hang_up_in = 0;
    end(s);
}
END_TEST

/* ---- dialling ---------------------------------------------------------------------------------------------------- */

static struct adit_self *dialler(void)
{
    our = fake_addr("10.0.0.1:1723");
    pc = fake_addr("192.0.2.7:40000");
    struct adit_self *s = fake_inst_new(fake_face("tunnel", "pptp"), "client",
                                        "echo-interval: 30s");
    struct pptp_conf_view { struct adit_array listen; } *conf = (void *)(uintptr_t)s->conf;
    static struct adit_addr at;
    at = fake_addr("127.0.0.9:1");              /* not the server's place */
    conf->listen = (struct adit_array){ &at, 1, sizeof at };
    ck_assert_int_eq(fake_start(s), 0);
    conf->listen = (struct adit_array){ 0 };
    return s;
}

static struct adit_dial to_server(void)
{
    return (struct adit_dial){ .size = sizeof(struct adit_dial), .from = pc,
        .to = fake_addr("10.0.0.1"), .host_name = "branch", .called = "5551234" };
}

START_TEST(dial_against_a_script)
{
    struct adit_self *s = dialler();
    struct adit_dial d = to_server();
    int32_t code = 1;
    struct fake_link *l = fake_dial(s, &d, &code);
    ck_assert_int_eq(code, 0);
    struct fake_end *e = fake_dialled(0);
    ck_assert_str_eq(fake_addr_text(fake_end_our(e)), "10.0.0.1:1723");
    fake_dialled_answer(e, 0);
    struct pptp_msg m = rx_type(e, PPTP_SCCRQ);
    ck_assert_str_eq(m.u.sccrq.host_name, "branch");
    ck_assert_uint_eq(m.u.sccrq.version, 0x0100);
    tx(e, MSG(PPTP_SCCRP, sccrp, .version = 0x0100, .result = 1, .host_name = "srv"));
    m = rx_type(e, PPTP_OCRQ);
    ck_assert_str_eq(m.u.ocrq.phone, "5551234");
    uint16_t id = m.u.ocrq.call_id;
    struct adit_addr srv = fake_addr("10.0.0.1"), me = pc;
    me.port = 0;
    uint8_t buf[64];
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_GRE, &srv, &me, NULL, buf, packet(buf, id, 0, "early")), 1);
    ck_assert_uint_eq(l->state, FAKE_LINK_OPEN);        /* before the reply: kept */
    tx(e, MSG(PPTP_OCRP, ocrp, .call_id = 0, .peer_call_id = id, .result = 1, .speed = 1000,
              .window = 16));
    ck_assert_uint_eq(l->state, FAKE_LINK_UP);
    ck_assert_str_eq(got(l), "early");
    ck_assert_uint_eq(l->info.role, ADIT_ROLE_DIAL);
    ck_assert_str_eq(l->info.peer_host, "srv");
    ck_assert_str_eq(fake_addr_text(&l->info.our), "192.0.2.7:40000");
    fake_sent_drop();
    fake_link_tx(l, "x", 1);
    const struct fake_sent *p = fake_sent();
    hex_eq(p->data, p->len, "3081 880b 0001 0000 00000000 00000000 78");
    ck_assert_str_eq(fake_addr_text(&p->our), "192.0.2.7");
    fake_link_hangup(l, ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(l->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(rx_type(e, PPTP_CCRQ).u.ccrq.call_id, id);
    tx(e, MSG(PPTP_CDN, cdn, .call_id = 0, .result = 4));
    rx_type(e, PPTP_STOPRQ);
    tx(e, MSG(PPTP_STOPRP, stoprp, .result = 1));
    ck_assert(!fake_stream_is_open(e));
    end(s);
}
END_TEST

START_TEST(dial_failures_have_causes)
{
    struct adit_self *s = dialler();
    struct adit_dial d = to_server();
    uint32_t nth = 0;
    struct fake_link *l = fake_dial(s, &d, NULL);
    fake_dialled_answer(fake_dialled(nth++), ADIT_EUNREACH);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_NO_ANSWER);
    l = fake_dial(s, &d, NULL);                 /* never connects */
    nth++;
    fake_advance(10000);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_NO_ANSWER);
    l = fake_dial(s, &d, NULL);                 /* connects, no reply */
    fake_dialled_answer(fake_dialled(nth++), 0);
    fake_advance(10000);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_NO_ANSWER);
    l = fake_dial(s, &d, NULL);                 /* connects, closes */
    fake_dialled_answer(fake_dialled(nth), 0);
    fake_stream_close(fake_dialled(nth++));
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_REFUSED);
    l = fake_dial(s, &d, NULL);                 /* says no */
    fake_dialled_answer(fake_dialled(nth), 0);
    tx(fake_dialled(nth++), MSG(PPTP_SCCRP, sccrp, .version = 0x0100, .result = 4));
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_REFUSED);
    ck_assert_str_eq(l->text, "not-authorised");
    l = fake_dial(s, &d, NULL);                 /* is a web server */
    fake_dialled_answer(fake_dialled(nth), 0);
    fake_stream_push(fake_dialled(nth++), "HTTP/1.1 400 Bad Request", 24);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_PROTOCOL_ERROR);
    l = fake_dial(s, &d, NULL);                 /* has no port free */
    fake_dialled_answer(fake_dialled(nth), 0);
    tx(fake_dialled(nth), MSG(PPTP_SCCRP, sccrp, .version = 0x0100, .result = 1));
    tx(fake_dialled(nth++), MSG(PPTP_OCRP, ocrp, .result = 2, .error = 4));
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_REFUSED);
    ck_assert_str_eq(l->text, "the peer answered: general-error, no-resource");
    for (int i = 0; i < 3; i++) {               /* hung up while it connects, starts, calls */
        l = fake_dial(s, &d, NULL);
        struct fake_end *e = fake_dialled(nth++);
        if (i > 0)
            fake_dialled_answer(e, 0);
        if (i > 1)
            tx(e, MSG(PPTP_SCCRP, sccrp, .version = 0x0100, .result = 1));
        fake_link_hangup(l, ADIT_CAUSE_ADMIN);
        ck_assert_uint_eq(l->state, FAKE_LINK_DOWN);
        ck_assert_uint_eq(l->cause, ADIT_CAUSE_ADMIN);
        fake_advance(10000);
        ck_assert(!fake_stream_is_open(e));
    }
    int32_t code;
    d.require_security = 1;
    fake_dial(s, &d, &code);
    ck_assert_int_eq(code, ADIT_ENOSYS);
    d.require_security = 0;
    d.to = fake_addr("2001:db8::1");
    fake_dial(s, &d, &code);
    ck_assert_int_eq(code, ADIT_EINVAL);
    end(s);
}
END_TEST

/* A wire between a dialler and a server, both plugins, with a memory for time. */
struct wire {
    struct fake_end *client, *server;
    uint32_t x;                 /* randomness of loss and order; 0: a perfect wire */
};

static void carry(struct wire *w)
{
    static struct { uint8_t data[256]; struct adit_addr from, to; uint32_t len; } q[512];
    uint8_t buf[4096];
    uint32_t n, count = 0, x = w->x;
    bool again = true;
    while (again) {
        again = false;
        while ((n = fake_stream_take(w->client, buf, sizeof buf)) > 0) {
            fake_stream_push(w->server, buf, n);
            again = true;
        }
        while ((n = fake_stream_take(w->server, buf, sizeof buf)) > 0) {
            fake_stream_push(w->client, buf, n);
            again = true;
        }
        if (!fake_stream_is_open(w->server))
            fake_stream_close(w->client);
        if (!fake_stream_is_open(w->client))
            fake_stream_close(w->server);
        const struct fake_sent *p;
        count = 0;
        while ((p = fake_sent()) != NULL && count < 512) {
            if (x && RANDOM(20) == 0)
                continue;
            q[count].from = p->our;
            q[count].to = p->peer;
            q[count].len = p->len;
            ck_assert_uint_le(p->len, sizeof q[0].data);
            memcpy(q[count++].data, p->data, p->len);
        }
        for (uint32_t i = 1; x && i < count; i++)
            if (RANDOM(4) == 0) {
                __typeof__(q[0]) t = q[i];
                q[i] = q[i - 1];
                q[i - 1] = t;
            }
        for (uint32_t i = 0; i < count; i++) {
            fake_datagram(ADIT_PROTO_GRE, &q[i].from, &q[i].to, NULL, q[i].data, q[i].len);
            again = true;
        }
    }
    w->x = x;
}

START_TEST(server_and_dialler_through_the_host)
{
    struct adit_self *srv = server("echo-interval: 20s"), *cl = dialler();
    struct wire w = { .x = _i ? 77777u * (uint32_t)_i : 0 };
    struct adit_dial d = to_server();
    struct fake_link *c = fake_dial(cl, &d, NULL);
    w.client = fake_dialled(0);
    w.server = fake_connect(&our, &pc);
    fake_dialled_answer(w.client, 0);
    carry(&w);
    fake_link_tx(c, "hello", 5);
    carry(&w);
    fake_advance(500);                          /* (the first one may be lost) */
    carry(&w);
    struct fake_link *a = fake_link(1);
    ck_assert_uint_eq(c->state, FAKE_LINK_UP);
    ck_assert_uint_eq(a->state, FAKE_LINK_UP);
    ck_assert_str_eq(a->info.peer_host, "branch");
    ck_assert_str_eq(a->info.called, "5551234");
    (void)got(a);
    uint32_t sent[2] = { 0 }, seen[2] = { 0 }, last[2] = { 0 };
    for (uint32_t round = 1; round <= 300; round++) {
        for (int side = 0; side < 2; side++) {
            struct fake_link *from = side ? a : c, *to = side ? c : a;
            char text[4][16];
            struct fake_bytes v[4];
            for (uint32_t i = 0; i < 4; i++) {
                snprintf(text[i], sizeof text[i], "%u", ++sent[side]);
                v[i] = (struct fake_bytes){ text[i], strlen(text[i]) };
            }
            fake_link_txv(from, v, 4);
            carry(&w);
            uint32_t len;
            const uint8_t *f;
            while ((f = fake_link_rx(to, &len)) != NULL) {
                char number[16] = "";
                memcpy(number, f, len < 15 ? len : 15);
                uint32_t n = (uint32_t)strtoul(number, NULL, 10);
                ck_assert_uint_gt(n, last[side]);       /* in order, once */
                last[side] = n;
                seen[side]++;
            }
        }
        fake_advance(100 + round % 7 * 1000);
        carry(&w);
    }
    for (int side = 0; side < 2; side++) {
        ck_assert_uint_eq(sent[side], 1200);
        if (!_i)
            ck_assert_uint_eq(seen[side], 1200);
        else
            ck_assert_uint_gt(seen[side], 1000);
    }
    if (_i % 2)
        fake_link_hangup(c, ADIT_CAUSE_ADMIN);
    else
        fake_link_hangup(a, ADIT_CAUSE_ADMIN);
    carry(&w);
    ck_assert_uint_eq(c->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(a->state, FAKE_LINK_DOWN);
    ck_assert(!fake_stream_is_open(w.client));
    fake_run();
    ck_assert_uint_eq(fake_paths_held(), 0);
    fake_inst_free(cl);
    end(srv);
}
END_TEST

/* ---- configuration, status ---------------------------------------------------------------------------------------- */

START_TEST(status_shows_connections_and_calls)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    uint16_t id = call(e, 7);
    gre(&pc, id, 0, "a");
    gre(&pc, id, 2, "c");
    fake_advance(50);
    char want[64];
    const char *json = fake_status(s);
    ck_assert_ptr_nonnull(strstr(json, "\"vendor\": \"Microsoft Windows NT\""));
    ck_assert_ptr_nonnull(strstr(json, "\"peer-call-id\": 7"));
    snprintf(want, sizeof want, "\"call-id\": %u", id);
    ck_assert_ptr_nonnull(strstr(json, want));
    ck_assert_ptr_nonnull(strstr(json, "\"packets-in\": 2"));
    ck_assert_ptr_nonnull(strstr(json, "\"lost\": 1"));
    ck_assert_ptr_nonnull(strstr(json, "\"connections\": 1"));
    for (int i = 0; i < 60; i++)
        control(&pc);
    uint32_t shown[2] = { 0, 0 };
    const char *both[2] = { fake_status(s), NULL };
    for (int i = 0; i < 2; i++) {
        for (const char *at = both[i]; (at = strstr(at, "\"peer\"")) != NULL; at++)
            shown[i]++;
        if (i == 0)
            both[1] = fake_verb(s, "connections", NULL, 0);
    }
    ck_assert_uint_eq(shown[0], 50);            /* status is bounded, the verb is not */
    ck_assert_uint_eq(shown[1], 61);
    end(s);
}
END_TEST

START_TEST(options_that_change_while_it_runs)
{
    struct adit_self *s = server(NULL);
    struct fake_end *e = control(&pc);
    ck_assert_int_eq(fake_reload(s, "mtu: 1300\nreceive-window: 9\nvendor: Other"), 0);
    tx(e, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
    ck_assert_uint_eq(rx_type(e, PPTP_OCRP).u.ocrp.window, 9);
    ck_assert_uint_eq(fake_link(0)->info.mtu, 1300);
    fake_mtu(1000);                             /* of the path */
    struct adit_addr b = fake_addr("192.0.2.8:1");
    call(control(&b), 7);
    ck_assert_uint_lt(fake_link(1)->info.mtu, 1000);
    ck_assert_uint_gt(fake_link(1)->info.mtu, 970);
    end(s);
}
END_TEST

START_TEST(W24_windows_xp_sends_four_bytes_more_than_the_mru)
{
    /* It does not count MPPE's header, and its packets must fit all the same:
     * GRE 16, address, control and protocol 4. */
    static const uint32_t paths[] = { 1480, 1300, 1000 };
    struct adit_self *s = server("mtu: 1460");
    for (uint32_t i = 0; i < 3; i++) {
        struct adit_addr from = fake_addr("192.0.2.8:1");
        from.ip[3] = (uint8_t)(from.ip[3] + i);
        fake_mtu(paths[i]);
        call(control(&from), 7);
        ck_assert_uint_le(fake_link(i)->info.mtu + 4 + 4 + 16, paths[i]);
        ck_assert_uint_ge(fake_link(i)->info.mtu + 40, paths[i]);
    }
    end(s);
}
END_TEST

START_TEST(places_to_listen)
{
    our = fake_addr("10.0.0.1:1723");
    struct adit_self *s = fake_inst_new(fake_face("tunnel", "pptp"), "p", NULL);
    struct { struct adit_array listen; } *conf = (void *)(uintptr_t)s->conf;
    struct adit_addr at[2] = { fake_addr("10.0.0.1"), fake_addr("10.0.0.2:2000") };
    struct adit_addr other = fake_addr("10.0.0.3:1723"), second = at[1];
    conf->listen = (struct adit_array){ at, 2, sizeof at[0] };
    ck_assert_int_eq(fake_start(s), 0);
    ck_assert(fake_listening(&our) && fake_listening(&second) && !fake_listening(&other));
    fake_stop(s);
    at[1] = fake_addr("[2001:db8::1]:1723");
    ck_assert_int_eq(fake_start(s), ADIT_ECONF);
    ck_assert(!fake_listening(&our));           /* half of it does not stay */
    conf->listen = (struct adit_array){ 0 };
    fake_inst_free(s);
    struct adit_self *a = server(NULL);
    ck_assert_ptr_null(fake_inst(fake_face("tunnel", "pptp"), NULL));
    ck_assert_int_eq(fake_code(), ADIT_EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "another PPTP server"));
    end(a);
}
END_TEST

START_TEST(calls_of_access_concentrators)
{
    struct adit_self *s = server("incoming-calls: yes");
    struct fake_end *e = control(&pc);
    tx(e, MSG(PPTP_ICRQ, icrq, .call_id = 3, .dialed = "100", .dialing = "+49 30"));
    struct pptp_msg m = rx_type(e, PPTP_ICRP);
    ck_assert_uint_eq(m.u.icrp.result, PPTP_IN_CONNECT);
    uint16_t id = m.u.icrp.call_id;
    gre(&pc, id, 0, "early");                   /* overtook the connect */
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_OPEN);
    tx(e, MSG(PPTP_ICCN, iccn, .peer_call_id = id, .speed = 64000, .window = 4));
    ck_assert_uint_eq(fake_link(0)->state, FAKE_LINK_UP);
    ck_assert_str_eq(got(fake_link(0)), "early");
    ck_assert_str_eq(fake_link(0)->info.calling, "+49 30");
    ck_assert_str_eq(fake_link(0)->info.called, "100");
    fake_link_hangup(fake_link(0), ADIT_CAUSE_ADMIN);
    rx_type(e, PPTP_CCRQ);
    tx(e, MSG(PPTP_CDN, cdn, .call_id = 3, .result = 4));
    tx(e, MSG(PPTP_ICRQ, icrq, .call_id = 3));
    rx_type(e, PPTP_ICRP);
    end(s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = unit_suite("pptp", (const TTest *const[]){
        messages_are_shown_in_lines, a_call_from_the_first_byte_to_the_last, corked_and_dripped_messages,
        every_truncation_of_the_stream, garbage_on_the_port_closes_and_is_counted,
        a_long_message_is_read_to_its_minimum, limits_of_connections,
        a_flood_of_half_open_connections_hurts_nobody, a_peer_that_does_not_read,
        ports_and_refusals, S1_several_clients_behind_one_nat,
        gre_of_strangers_is_dropped_and_counted, we_answer_from_the_address_that_was_called,
        a_path_that_is_gone, a_vector_out_is_a_vector_out, acknowledgements_are_delayed_or_prompt,
        L4_a_peer_that_never_acknowledges_stalls_nothing, L5_order_is_restored_before_ppp,
        holes_of_many_calls_share_a_timer, frames_that_cannot_be_sent_are_counted,
        A8_tcp_close_is_a_full_teardown, K10_gre_blocked_is_an_event_and_a_cause,
        A8_echo_timeout_ends_the_calls, stop_keeps_calls_and_destroy_says_goodbye,
        connections_without_a_call_are_closed, the_host_hangs_up_inside_up_and_rx,
        dial_against_a_script, dial_failures_have_causes, status_shows_connections_and_calls,
        options_that_change_while_it_runs, W24_windows_xp_sends_four_bytes_more_than_the_mru,
        places_to_listen, calls_of_access_concentrators, NULL });
    TCase *tc = tcase_create("both");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, server_and_dialler_through_the_host, 0, 5);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
