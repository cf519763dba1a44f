/* test_trace.c - who hears which line, what is kept, and the pieces of a capture. */
#include <stdlib.h>
#include <string.h>
#include <adit/bytes.h>
#include "base/addr.h"
#include "base/base64.h"
#include "diagnose/capture.h"
#include "diagnose/trace.h"
#include "loop/loop.h"
#include "unit.h"

/* ---- a clock, and listeners that remember ---------------------------------------------- */

static uint64_t now_ms = 1000;
uint64_t loop_now(void) { return now_ms; }
uint64_t loop_wall(void) { return 1700000000000u + now_ms; }

struct heard {
    char text[65536];
    uint32_t lines, frames, packets;
    struct trace_listener *l;
};

static void heard_line(void *u, const struct trace_line *l)
{
    struct heard *h = u;
    size_t at = strlen(h->text);
    h->lines++;
    if (at < sizeof h->text - 1100)
        snprintf(h->text + at, sizeof h->text - at, "%u %s %s [%s%s%s]\n", l->how, l->protocol, l->text,
                 l->session, *l->user ? " " : "", l->user);
}

static void heard_frames(void *u, const struct trace_frames *f)
{
    struct heard *h = u;
    h->frames += f->n;
    ++*f->mark;
    ck_assert_uint_eq(*f->mark, h->packets + 1);
    h->packets++;
}

static struct heard *listen(const char *user, const char *address, const char *session)
{
    static const struct trace_ears ears = { .line = heard_line };
    struct trace_pick p = { .user = "" };
    struct heard *h = calloc(1, sizeof *h);
    snprintf(p.user, sizeof p.user, "%s", user ? user : "");
    snprintf(p.session, sizeof p.session, "%s", session ? session : "");
    if (address)
        ck_assert_int_eq(addr_parse(address, &p.address), 0);
    h->l = trace_listen(&p, &ears, h);
    ck_assert_ptr_nonnull(h->l);
    return h;
}

static void deaf(struct heard *h)
{
    trace_deaf(h->l);
    free(h);
}

static uint32_t wants_said, wants_bits;
static void wants(void *u, uint32_t bits)
{
    (void)u;
    wants_said++;
    wants_bits = bits;
}

static struct adit_addr addr(const char *text)
{
    struct adit_addr a;
    ck_assert_int_eq(addr_parse(text, &a), 0);
    return a;
}

static struct trace_talk *talk(const char *id, const char *peer)
{
    struct adit_addr a = addr(peer);
    return trace_talk_new(id, &a, wants, NULL);
}

static void peer_says(const char *peer, uint32_t how, const char *text)
{
    struct adit_addr a = addr(peer);
    if (trace_api.wanted(NULL, &a, how) & ADIT_TRACE_LINES)
        trace_api.line(NULL, &a, how, "L2TP", text);
}

static char kept_text[65536];
static uint32_t kept_lines;
static void keep(void *u, uint64_t wall_ms, const char *text)
{
    (void)u;
    ck_assert_uint_ge(wall_ms, 1700000000000u);
    ck_assert_uint_lt(strlen(text), TRACE_TEXT + 16);
    kept_lines++;
    snprintf(kept_text + strlen(kept_text), sizeof kept_text - strlen(kept_text), "%s\n", text);
}

static const char *kept(const char *id)
{
    kept_text[0] = '\0';
    kept_lines = 0;
    return trace_kept(id, keep, NULL) ? kept_text : NULL;
}

/* ---- lines ---------------------------------------------------------------------------------- */

START_TEST(what_came_before_the_name_is_shown_when_it_is_known)
{
    struct heard *anna = listen("anna", NULL, NULL), *bert = listen("bert", NULL, NULL),
                 *all = listen(NULL, NULL, NULL);
    peer_says("192.0.2.7:1701", TRACE_RX, "SCCRQ");
    now_ms++;
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    trace_line(t, TRACE_TX, "LCP", "Configure-Request");
    ck_assert_uint_eq(anna->lines, 0);
    trace_talk_user(t, "EXAMPLE\\anna", "anna");
    ck_assert_str_eq(anna->text, "0 L2TP SCCRQ [b-1 EXAMPLE\\anna]\n1 LCP Configure-Request [b-1 EXAMPLE\\anna]\n");
    trace_line(t, TRACE_NOTE, "session", "accepted");
    trace_talk_user(t, "EXAMPLE\\anna", "anna");        /* nothing new: nothing twice */
    peer_says("192.0.2.7:4711", TRACE_RX, "StopCCN");   /* her peer is known by now */
    peer_says("192.0.2.8:1701", TRACE_RX, "SCCRQ");
    ck_assert_str_eq(strchr(strchr(anna->text, '\n') + 1, '\n') + 1,
                     "2 session accepted [b-1 EXAMPLE\\anna]\n0 L2TP StopCCN []\n");
    ck_assert_uint_eq(bert->lines, 0);
    ck_assert_uint_eq(all->lines, 5);
    trace_talk_end(t, false);
    deaf(anna);
    deaf(bert);
    deaf(all);
}
END_TEST

START_TEST(listeners_are_picked_by_address_network_and_session)
{
    struct heard *outer = listen(NULL, "192.0.2.7", NULL), *net = listen(NULL, "192.0.2.0/24", NULL),
                 *inner = listen(NULL, "10.9.0.4", NULL), *one = listen(NULL, NULL, "b-1"),
                 *both = listen("anna", "192.0.2.9", NULL);
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701"), *o = talk("b-2", "198.51.100.1:1701");
    struct adit_addr a = addr("10.9.0.4");
    trace_line(t, TRACE_RX, "LCP", "x");
    trace_line(o, TRACE_RX, "LCP", "y");
    trace_talk_user(t, "anna", "anna");
    ck_assert_uint_eq(outer->lines, 1);
    ck_assert_uint_eq(net->lines, 1);
    ck_assert_uint_eq(one->lines, 1);
    ck_assert_uint_eq(inner->lines, 0);
    ck_assert_uint_eq(both->lines, 0);
    trace_talk_inner(t, &a);
    ck_assert_uint_eq(inner->lines, 1);
    trace_talk_end(t, false);
    trace_talk_end(o, false);
    deaf(outer);
    deaf(net);
    deaf(inner);
    deaf(one);
    deaf(both);
}
END_TEST

START_TEST(a_late_listener_hears_what_is_under_way)
{
    peer_says("192.0.2.7:1701", TRACE_RX, "SCCRQ");
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    trace_line(t, TRACE_RX, "LCP", "one");
    struct heard *all = listen(NULL, NULL, NULL);
    ck_assert_str_eq(all->text, "0 L2TP SCCRQ []\n0 LCP one [b-1]\n");
    trace_talk_end(t, false);
    deaf(all);
}
END_TEST

START_TEST(nothing_is_wanted_of_a_session_that_is_up)
{
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    ck_assert_uint_eq(trace_talk_wants(t), TRACE_LINES);
    ck_assert(trace_wanted(t, TRACE_RX) && !trace_wanted(t, TRACE_RX | TRACE_ROUTINE));
    wants_said = 0;
    trace_talk_up(t);
    trace_talk_up(t);
    ck_assert_uint_eq(wants_said, 1);
    ck_assert_uint_eq(wants_bits, 0);
    ck_assert(!trace_wanted(t, TRACE_RX));
    struct heard *h = listen(NULL, NULL, NULL);
    ck_assert_uint_eq(wants_bits, TRACE_LINES);
    ck_assert(trace_wanted(t, TRACE_RX | TRACE_ROUTINE));
    trace_line(t, TRACE_RX | TRACE_ROUTINE, "LCP", "Echo-Request");
    ck_assert_str_eq(h->text, "0 LCP Echo-Request [b-1]\n");
    deaf(h);
    ck_assert_uint_eq(wants_bits, 0);
    trace_talk_end(t, true);            /* it was up: no failed negotiation */
    ck_assert_ptr_null(kept("b-1"));
    trace_line(NULL, TRACE_RX, "LCP", "no memory");
    trace_talk_user(NULL, "", "");
    trace_talk_end(NULL, true);
}
END_TEST

/* ---- what is kept ------------------------------------------------------------------------------ */

START_TEST(a_failed_negotiation_is_kept_with_its_tunnel)
{
    peer_says("192.0.2.7:1701", TRACE_RX, "SCCRQ");
    peer_says("192.0.2.7:1701", TRACE_TX, "SCCRP");
    peer_says("192.0.2.7:1701", TRACE_RX | TRACE_ROUTINE, "HELLO");     /* nobody watches */
    now_ms += 5;
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    trace_line(t, TRACE_RX, "LCP", "Configure-Request");
    ck_assert_str_eq(kept("192.0.2.7"), "<- L2TP SCCRQ\n-> L2TP SCCRP\n");
    ck_assert_str_eq(kept("b-1"), "<- L2TP SCCRQ\n-> L2TP SCCRP\n<- LCP Configure-Request\n");
    now_ms += 5;
    peer_says("192.0.2.7:1701", TRACE_TX, "CDN");
    trace_talk_end(t, true);
    ck_assert_str_eq(kept("b-1"), "<- L2TP SCCRQ\n-> L2TP SCCRP\n<- LCP Configure-Request\n-> L2TP CDN\n");
    ck_assert_ptr_null(kept("b-2"));
    ck_assert_ptr_null(kept(""));
    ck_assert_ptr_null(kept("192.0.2.7"));      /* they are the session's */
}
END_TEST

START_TEST(as_many_are_kept_as_there_is_room_for)
{
    for (int i = 0; i < (int)TRACE_KEPT + 10; i++) {
        char id[32];
        snprintf(id, sizeof id, "b-%d", i);
        struct trace_talk *t = talk(id, "192.0.2.7:1701");
        trace_line(t, TRACE_NOTE, "session", id);
        trace_talk_end(t, true);
    }
    ck_assert_ptr_null(kept("b-9"));
    ck_assert_str_eq(kept("b-10"), "   session b-10\n");
    ck_assert_ptr_nonnull(kept("b-73"));
}
END_TEST

START_TEST(a_long_negotiation_loses_its_oldest_lines)
{
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    char text[300];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "line %d %0200d", i, 0);
        trace_line(t, TRACE_RX, "LCP", text);
    }
    const char *all = kept("b-1");
    ck_assert_ptr_nonnull(strstr(all, "lines before these were not kept"));
    ck_assert_ptr_nonnull(strstr(all, "line 999 "));
    ck_assert_ptr_null(strstr(all, "line 0 "));
    ck_assert_uint_gt(kept_lines, 40);
    ck_assert_uint_lt(strlen(all), TRACE_BOOK);
    /* longer than any line may be: cut */
    char *huge = malloc(5000);
    memset(huge, 'x', 4999);
    huge[4999] = '\0';
    trace_line(t, TRACE_RX, "LCP", huge);
    free(huge);
    ck_assert_ptr_nonnull(kept("b-1"));
    trace_talk_end(t, true);
    ck_assert_ptr_nonnull(strstr(kept("b-1"), "line 999 "));
}
END_TEST

START_TEST(strangers_cost_little)
{
    char peer[64];
    uint32_t wanted = 0;
    for (int i = 0; i < 3000; i++) {    /* in one moment */
        snprintf(peer, sizeof peer, "198.51.%d.%d:1701", i / 250, i % 250 + 1);
        struct adit_addr a = addr(peer);
        wanted += trace_api.wanted(NULL, &a, TRACE_RX) != 0;
        peer_says(peer, TRACE_RX, "SCCRQ");
    }
    ck_assert_uint_gt(wanted, 100);
    ck_assert_uint_lt(wanted, 600);
    uint32_t have = 0;
    for (int i = 0; i < 3000; i++) {
        snprintf(peer, sizeof peer, "198.51.%d.%d", i / 250, i % 250 + 1);
        have += kept(peer) != NULL;
    }
    ck_assert_uint_eq(have, TRACE_PEERS);
    /* who is watched is heard whatever others do */
    struct heard *h = listen(NULL, "203.0.113.5", NULL);
    peer_says("203.0.113.5:500", TRACE_RX, "watched");
    ck_assert_uint_eq(h->lines, 1);
    deaf(h);
    /* and time gives more */
    now_ms += 2000;
    peer_says("203.0.113.9:500", TRACE_RX, "later");
    ck_assert_ptr_nonnull(kept("203.0.113.9"));
    /* who comes back after a while begins anew */
    now_ms += 61000;
    peer_says("203.0.113.9:500", TRACE_RX, "again");
    ck_assert_str_eq(kept("203.0.113.9"), "<- L2TP again\n");
}
END_TEST

START_TEST(so_many_may_listen)
{
    static const struct trace_ears ears = { .line = heard_line };
    struct trace_pick p = { .user = "" };
    struct heard *h[TRACE_LISTENERS];
    for (uint32_t i = 0; i < TRACE_LISTENERS; i++)
        h[i] = listen(NULL, NULL, NULL);
    ck_assert_ptr_null(trace_listen(&p, &ears, NULL));
    for (uint32_t i = 0; i < TRACE_LISTENERS; i++)
        deaf(h[i]);
    deaf(listen(NULL, NULL, NULL));
    trace_deaf(NULL);
}
END_TEST

/* ---- captures -------------------------------------------------------------------------------------- */

static uint8_t file[CAPTURE_ROOM + CAPTURE_PIECE];

struct block {
    uint32_t type;
    struct rd body;
};

static bool block_next(struct rd *r, struct block *b)
{
    if (!rd_left(r))
        return false;
    b->type = rd_u32(r);
    uint32_t len = rd_u32(r);
    ck_assert_uint_eq(len % 4, 0);
    b->body = rd_sub(r, len - 12);
    ck_assert_uint_eq(rd_u32(r), len);
    ck_assert(rd_ok(r));
    return true;
}

static void frame(struct trace_talk *t, bool sent, uint16_t proto, const void *data, uint32_t len)
{
    struct adit_frame f = { .size = sizeof f, .data = (uint8_t *)(uintptr_t)data, .len = len }, *v = &f;
    trace_frames(t, sent, proto, &v, 1);
}

START_TEST(a_capture_is_pcapng)
{
    struct trace_pick all = { .user = "" };
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    frame(t, true, 0xc021, "none wants it", 13);
    struct capture *c = capture_new(&all, 3);
    ck_assert_uint_eq(trace_talk_wants(t), TRACE_LINES | TRACE_FRAMES);
    frame(t, false, 0xc023, "\1\2\0\x12\4anna\x8trustno1", 18);
    struct adit_addr our = addr("192.0.2.1:1701"), peer = addr("192.0.2.7:1701");
    ck_assert_uint_eq(trace_api.wanted(NULL, &peer, TRACE_TX) & ADIT_TRACE_PACKETS, ADIT_TRACE_PACKETS);
    trace_api.packet(NULL, ADIT_TRACE_TX, ADIT_PROTO_UDP, &our, &peer, 0, "control", 7);
    ck_assert(!capture_done(c));
    frame(t, true, 0x0021, "datagram", 8);
    ck_assert(capture_done(c));
    frame(t, true, 0x0021, "one too many", 12);
    ck_assert_uint_eq(capture_packets(c), 3);
    capture_finish(c);
    ck_assert_uint_eq(trace_talk_wants(t), TRACE_LINES);
    size_t n = capture_take(c, file, sizeof file);
    ck_assert_uint_eq(capture_take(c, file + n, sizeof file - n), 0);
    struct rd r = rd_of(file, n);
    struct block b;
    /* section */
    ck_assert(block_next(&r, &b) && b.type == 0x0a0d0d0a && rd_u32(&b.body) == 0x1a2b3c4d);
    /* an interface for the session: PPP with direction, its name */
    ck_assert(block_next(&r, &b) && b.type == 1 && rd_u16(&b.body) == 204);
    rd_skip(&b.body, 6);
    ck_assert_uint_eq(rd_u16(&b.body), 2);
    ck_assert_uint_eq(rd_u16(&b.body), 3);
    ck_assert_mem_eq(rd_bytes(&b.body, 4), "b-1", 4);
    /* the request, received, with its password gone */
    ck_assert(block_next(&r, &b) && b.type == 6 && rd_u32(&b.body) == 0);
    rd_skip(&b.body, 8);
    ck_assert_uint_eq(rd_u32(&b.body), 23);
    ck_assert_uint_eq(rd_u32(&b.body), 23);
    ck_assert_mem_eq(rd_bytes(&b.body, 24), "\0\xff\3\xc0\x23\1\2\0\x12\4anna\x8********\0", 24);
    ck_assert_uint_eq(rd_u32(&b.body), 2 << 16 | 4);
    ck_assert_uint_eq(rd_u32(&b.body), 1);
    /* the tunnel's own: IP and UDP, from us to it */
    ck_assert(block_next(&r, &b) && b.type == 1 && rd_u16(&b.body) == 101);
    ck_assert(block_next(&r, &b) && b.type == 6 && rd_u32(&b.body) == 1);
    rd_skip(&b.body, 8);
    ck_assert_uint_eq(rd_u32(&b.body), 35);
    rd_u32(&b.body);
    const uint8_t *ip = rd_bytes(&b.body, 35);
    static const uint8_t want[28] = { 0x45, 0, 0, 35, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 7,
                                      6, 0xa5, 6, 0xa5, 0, 15, 0, 0 };
    for (int i = 0; i < 26; i++)
        if (i != 10 && i != 11)
            ck_assert_uint_eq(ip[i], want[i]);
    ck_assert_mem_eq(ip + 28, "control", 7);
    uint32_t s = 0;             /* RFC 1071: with its own sum in it, the header's is all ones */
    for (int i = 0; i < 20; i += 2)
        s += (uint32_t)ip[i] << 8 | ip[i + 1];
    ck_assert_uint_eq((s & 0xffff) + (s >> 16), 0xffff);
    /* data, sent, before it is sealed */
    ck_assert(block_next(&r, &b) && b.type == 6 && rd_u32(&b.body) == 0);
    rd_skip(&b.body, 16);
    ck_assert_mem_eq(rd_bytes(&b.body, 13), "\1\xff\3\0\x21" "datagram", 13);
    /* how many were lost; what came when it was finished is not there */
    ck_assert(block_next(&r, &b) && b.type == 5);
    ck_assert(!block_next(&r, &b));
    capture_free(c);
    capture_free(NULL);
    trace_talk_end(t, false);
}
END_TEST

START_TEST(frames_that_nobody_takes_are_counted)
{
    static uint8_t big[1400];
    struct trace_pick all = { .user = "" };
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    struct capture *c = capture_new(&all, 0);
    for (int i = 0; i < 2000; i++)
        frame(t, true, 0x0021, big, sizeof big);
    ck_assert_uint_gt(capture_lost(c), 1000);
    ck_assert_uint_eq(capture_packets(c) + capture_lost(c), 2000);
    uint64_t had = capture_packets(c);
    size_t n, total = 0;
    while ((n = capture_take(c, file, CAPTURE_PIECE)) > 0) {
        struct rd r = rd_of(file, n);
        struct block b;
        while (block_next(&r, &b))      /* whole blocks in each piece */
            total++;
    }
    ck_assert_uint_eq(total, had + 2);
    frame(t, true, 0x0021, big, sizeof big);
    ck_assert_uint_eq(capture_packets(c), had + 1);
    /* a frame as long as can be, and a PAP packet cut anywhere */
    uint8_t *huge = calloc(1, 70000);
    frame(t, false, 0x0021, huge, 70000);
    for (uint32_t i = 0; i <= 18; i++)
        frame(t, false, 0xc023, "\1\2\0\x12\4anna\x8trustno1", i);
    ck_assert_uint_gt(capture_take(c, file, sizeof file), 60000);
    ck_assert_ptr_null(memmem(file, sizeof file, "trust", 5));
    free(huge);
    capture_free(c);
    trace_talk_end(t, false);
}
END_TEST

START_TEST(pieces_of_streams_over_ipv6)
{
    struct trace_pick all = { .user = "" };
    struct adit_addr our = addr("[2001:db8::1]:1723"), peer = addr("[2001:db8::7]:4000"), v4 = addr("192.0.2.7:9");
    struct capture *c = capture_new(&all, 0);
    trace_api.packet(NULL, ADIT_TRACE_RX, 6, &our, &peer, 156, "odd", 3);
    trace_api.packet(NULL, ADIT_TRACE_RX, 6, &our, &v4, 0, "no such", 7);
    trace_api.packet(NULL, ADIT_TRACE_RX, 47, &our, &peer, 0, "no such", 7);
    ck_assert_uint_eq(capture_packets(c), 1);
    struct rd r = rd_of(file, capture_take(c, file, sizeof file));
    struct block b;
    ck_assert(block_next(&r, &b) && block_next(&r, &b) && block_next(&r, &b) && b.type == 6);
    rd_skip(&b.body, 12);
    ck_assert_uint_eq(rd_u32(&b.body), 63);
    rd_u32(&b.body);
    ck_assert_uint_eq(rd_u32(&b.body), 0x60000000);
    ck_assert_uint_eq(rd_u16(&b.body), 23);
    ck_assert_uint_eq(rd_u16(&b.body), 6 << 8 | 64);
    ck_assert_mem_eq(rd_bytes(&b.body, 16), peer.ip, 16);
    ck_assert_mem_eq(rd_bytes(&b.body, 16), our.ip, 16);
    ck_assert_uint_eq(rd_u16(&b.body), 4000);
    ck_assert_uint_eq(rd_u16(&b.body), 1723);
    ck_assert_uint_eq(rd_u32(&b.body), 157);
    capture_free(c);
}
END_TEST

START_TEST(each_listener_has_its_own_mark)
{
    static const struct trace_ears ears = { .frames = heard_frames };
    struct trace_pick all = { .user = "" };
    struct heard a = { .text = "" }, b = { .text = "" };
    struct trace_talk *t = talk("b-1", "192.0.2.7:1701");
    a.l = trace_listen(&all, &ears, &a);
    frame(t, true, 0x0021, "x", 1);
    b.l = trace_listen(&all, &ears, &b);
    frame(t, true, 0x0021, "x", 1);
    trace_deaf(a.l);
    a.packets = 0;
    a.l = trace_listen(&all, &ears, &a);        /* from the start again */
    frame(t, true, 0x0021, "x", 1);
    ck_assert_uint_eq(a.frames, 3);
    ck_assert_uint_eq(b.frames, 2);
    trace_deaf(a.l);
    trace_deaf(b.l);
    trace_talk_end(t, false);
}
END_TEST

START_TEST(base64_goes_both_ways)
{
    uint8_t in[64], out[64];
    char text[BASE64_LEN(64)];
    for (size_t n = 0; n <= 64; n++) {
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)(i * 37 + n);
        base64_write(in, n, text);
        ck_assert_uint_eq(strlen(text) + 1, BASE64_LEN(n));
        ck_assert_int_eq(base64_read(text, out, sizeof out), (long)n);
        ck_assert_mem_eq(in, out, n);
    }
    base64_write((const uint8_t *)"foob", 4, text);
    ck_assert_str_eq(text, "Zm9vYg==");         /* RFC 4648 section 10 */
    static const char *const wrong[] = { "Zm9", "Zm9v=", "====", "Z===", "Zm=v", "Zm9vYg==Zm9v", "Zm9\n" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(base64_read(wrong[i], out, sizeof out), -1);
    ck_assert_int_eq(base64_read("Zm9vYg==", out, 3), -1);
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("trace", (const TTest *const[]){
        what_came_before_the_name_is_shown_when_it_is_known,
        listeners_are_picked_by_address_network_and_session, a_late_listener_hears_what_is_under_way,
        nothing_is_wanted_of_a_session_that_is_up, a_failed_negotiation_is_kept_with_its_tunnel,
        as_many_are_kept_as_there_is_room_for, a_long_negotiation_loses_its_oldest_lines,
        strangers_cost_little, so_many_may_listen, a_capture_is_pcapng,
        frames_that_nobody_takes_are_counted, pieces_of_streams_over_ipv6, each_listener_has_its_own_mark, base64_goes_both_ways, NULL });
}
UNIT_MAIN(suite)
