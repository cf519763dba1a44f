/* test_ppp.c - whole links: two of ours against each other in virtual time, and
 * one of ours against what foreign peers send (hex, as sniffed or as the RFC
 * draws it). Cases named after rows of the client quirks begin with the row. */
#include <ctype.h>

#include "ppp/ppp_cp.h"
#include "ppp_world.h"
#include "unit.h"

/* ---- scripted peers ----------------------------------------------------------- */

static uint32_t hex(const char *text, uint8_t *out, uint8_t *mask)
{
    uint32_t n = 0, half = 0;
    for (; *text; text++) {
        int v;
        if (*text == '?')
            v = -1;
        else if (isxdigit((unsigned char)*text))
            v = isdigit((unsigned char)*text) ? *text - '0' : tolower((unsigned char)*text) - 'a' + 10;
        else
            continue;
        if (half++ & 1) {
            out[n] = (uint8_t)(out[n] << 4 | (v & 15));
            mask[n++] |= v < 0 ? 0 : 15;
        } else {
            out[n] = (uint8_t)(v & 15);
            mask[n] = v < 0 ? 0 : 0xf0;
        }
    }
    return n;
}

static void feed(struct world *w, const char *text)
{
    uint8_t data[WORLD_BYTES], mask[WORLD_BYTES];
    uint32_t n = hex(text, data, mask);
    side_rx(&w->a, data, n);
}

static bool matches(const uint8_t *data, uint32_t len, const char *text)
{
    uint8_t want[WORLD_BYTES], mask[WORLD_BYTES];
    const char *star = strchr(text, '*');
    char head[4096];
    snprintf(head, sizeof head, "%.*s", star ? (int)(star - text) : (int)strlen(text), text);
    uint32_t n = hex(head, want, mask);
    if (star ? len < n : len != n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if ((data[i] & mask[i]) != (want[i] & mask[i]))
            return false;
    }
    return true;
}

static char *dump(struct world *w)
{
    static char text[16384];
    size_t n = 0;
    text[0] = 0;
    for (uint32_t i = w->looked; i < w->outs; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "\n  ");
        for (uint32_t k = 0; k < w->out[i].len && n + 8 < sizeof text; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%02x", w->out[i].data[k]);
    }
    return text;
}

/* The next frame that we sent which matches ("?" any digit, "*" any rest); those
 * before it are looked over. */
static const uint8_t *find(struct world *w, const char *text)
{
    for (uint32_t i = w->looked; i < w->outs; i++) {
        if (matches(w->out[i].data, w->out[i].len, text)) {
            w->looked = i + 1;
            return w->out[i].data;
        }
    }
    return NULL;
}

#define sends(w, text)  ck_assert_msg(find((w), (text)), "no frame %s among%s", (text), dump(w))
#define silent(w)       ck_assert_msg((w)->looked == (w)->outs, "unexpected:%s", dump(w))
#define never(w, text)  ck_assert_msg(!find((w), (text)), "a frame %s", (text))
#define forget(w)       ((w)->looked = (w)->outs)

static struct world *script_new(void)
{
    struct world *w = world_new();
    w->script = true;
    return w;
}

/* Acks our last Configure-Request of a protocol. */
static void ack_ours(struct world *w, uint16_t proto)
{
    for (uint32_t i = w->outs; i-- > 0;) {
        uint8_t *d = w->out[i].data;
        uint32_t at = d[0] == 0xff ? 2 : 0;
        if (d[at] << 8 == (proto & 0xff00) && d[at + 1] == (proto & 0xff) && d[at + 2] == CP_CONF_REQ) {
            uint8_t copy[WORLD_BYTES];
            memcpy(copy, d, w->out[i].len);
            copy[at + 2] = CP_CONF_ACK;
            side_rx(&w->a, copy, w->out[i].len);
            return;
        }
    }
    ck_abort_msg("no request of %04x", proto);
}

static void lcp_open(struct world *w)
{
    world_up(w);
    ack_ours(w, PPP_LCP);
    feed(w, "ff03 c021 01 01 0004");
    sends(w, "ff03 c021 02 01 0004");
}

/* Through the authentication of the tests (of the method that w->a demands). */
static void net_open(struct world *w)
{
    lcp_open(w);
    if (w->a.cfg.auth_demand)
        feed(w, w->a.cfg.auth_demand & ADIT_AUTH_PAP ? "ff03 c023 01 01 0004" : "ff03 c223 01 01 0004");
    ck_assert_ptr_ne(strstr(w->a.log, "auth"), NULL);
}

static void ip_open(struct world *w)
{
    net_open(w);
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    sends(w, "ff03 8021 02 01 000a 0306 0a090007");
    ck_assert_ptr_ne(strstr(w->a.log, "ip+"), NULL);
}

static void send_ip(struct side *s, uint32_t count, uint32_t len)
{
    static uint8_t buf[ADIT_VECTOR][ADIT_ROOM + 1600 + ADIT_ROOM];
    struct adit_frame f[ADIT_VECTOR], *v[ADIT_VECTOR];
    for (uint32_t i = 0; i < count; i++) {
        f[i] = adit_frame_of(buf[i], sizeof buf[i], ADIT_ROOM, len);
        memset(f[i].data, (int)(i + 1), len);
        f[i].data[0] = 0x45;
        f[i].data[2] = (uint8_t)(len >> 8);
        f[i].data[3] = (uint8_t)len;
        v[i] = &f[i];
    }
    ppp_tx(s->p, PPP_IP, v, count);
}

static void send_ip6(struct side *s)
{
    uint8_t buf[ADIT_ROOM + 40 + ADIT_ROOM] = { 0 };
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, 40), *v = &f;
    f.data[0] = 0x60;
    ppp_tx(s->p, PPP_IPV6, &v, 1);
}

#define IP20 "4500 0014 0000 0000 4011 0000 0a090007 0a090001"

/* ---- two of ours -------------------------------------------------------------------- */

START_TEST(a_plain_link_comes_up)
{
    struct world *w = world_new();
    struct ppp_info info;
    world_up(w);
    world_run(w, 5000);
    ck_assert_str_eq(w->a.log, "lcp auth ip+ ");
    ck_assert_str_eq(w->b.log, "lcp auth ip+ ");
    ppp_info(w->b.p, &info);
    ck_assert_mem_eq(info.our.ip, "\x0a\x09\x00\x07", 4);
    ck_assert_mem_eq(info.peer.ip, "\x0a\x09\x00\x01", 4);
    ck_assert_mem_eq(info.dns[0].ip, "\x0a\x09\x00\x35", 4);
    ck_assert_uint_eq(info.dns[1].family, ADIT_AF_NONE);
    ck_assert_uint_eq(info.peer_mru, 1400);
    ck_assert_uint_eq(info.acfc & info.pfc & info.ipv4_up, 1);
    ck_assert_uint_eq(w->frames < 20, 1);
    send_ip(&w->b, 5, 100);
    world_run(w, 6000);
    ck_assert_uint_eq(w->a.datagrams, 5);
    ck_assert_uint_eq(w->a.last_len, 100);
    ppp_close(w->b.p, ADIT_CAUSE_ADMIN);
    world_run(w, 20000);
    ck_assert_uint_eq(w->b.cause, ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert_str_eq(w->a.text, "ADIT-ADMIN: An operator ended the connection.");
    ck_assert_str_eq(w->a.log, "lcp auth ip+ ip- down ");
    world_free(w);
}
END_TEST

START_TEST(ipv6_comes_up_beside_ip)
{
    struct world *w = world_new();
    struct ppp_info ia, ib;
    w->a.net.ipv6 = w->b.net.ipv6 = 1;
    w->a.net.peer_ifid = 0x1234;
    world_up(w);
    world_run(w, 5000);
    ppp_info(w->a.p, &ia);
    ppp_info(w->b.p, &ib);
    ck_assert_uint_eq(ia.ipv6_up & ib.ipv6_up & ia.ipv4_up, 1);
    ck_assert_uint_eq(ib.our_ifid, 0x1234);
    ck_assert_uint_eq(ia.peer_ifid, 0x1234);
    ck_assert_uint_eq(ia.our_ifid, ib.peer_ifid);
    ck_assert_uint_ne(ia.our_ifid, 0);
    world_free(w);
}
END_TEST

START_TEST(equal_interface_identifiers_part)
{
    struct world *w = world_new();
    struct ppp_info ia, ib;
    w->a.net.ipv6 = w->b.net.ipv6 = 1;
    w->a.net.our_ifid = 0x99;
    w->b.net.our_ifid = 0;
    world_up(w);
    world_run(w, 5000);
    ppp_info(w->a.p, &ia);
    ppp_info(w->b.p, &ib);
    ck_assert_uint_eq(ia.our_ifid, 0x99);
    ck_assert_uint_ne(ib.our_ifid, 0x99);
    ck_assert_uint_eq(ib.our_ifid, ia.peer_ifid);
    world_free(w);
}
END_TEST

START_TEST(ipx_comes_up_where_it_is_wanted)
{
    struct world *w = world_new();
    w->a.net.ipx = w->b.net.ipx = 1;
    world_up(w);
    world_run(w, 5000);
    ck_assert_ptr_ne(strstr(w->a.log, "ipx+"), NULL);
    ck_assert_ptr_ne(strstr(w->b.log, "ipx+"), NULL);
    world_free(w);
}
END_TEST

static uint32_t strongest(uint32_t set)
{
    return set & ADIT_ENC_128 ? ADIT_ENC_128 : set & ADIT_ENC_56 ? ADIT_ENC_56 : set & ADIT_ENC_40;
}

START_TEST(encryption_is_the_strongest_common_or_none_or_the_end)
{
    /* every set against every set, with and without stateful */
    for (uint32_t ea = 1; ea < 16; ea++) {
        for (uint32_t eb = 1; eb < 16; eb++) {
            for (uint32_t st = 0; st < 4; st++) {
                struct world *w = world_new();
                struct ppp_info ia, ib;
                w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
                w->a.net.encryption = ea;
                w->b.net.encryption = eb;
                w->a.net.stateful = st & 1;
                w->b.net.stateful = st >> 1;
                world_up(w);
                world_run(w, 60000);
                uint32_t common = strongest(ea & eb);
                bool need_a = !(ea & ADIT_ENC_NONE), need_b = !(eb & ADIT_ENC_NONE);
                ppp_info(w->a.p, &ia);
                ppp_info(w->b.p, &ib);
                if (common) {
                    ck_assert_msg(ia.encryption == common && ib.encryption == common,
                                  "%x and %x gave %x and %x", ea, eb, ia.encryption, ib.encryption);
                    ck_assert_uint_eq(ia.ipv4_up & ib.ipv4_up, 1);
                    ck_assert_uint_eq(ia.stateless & ib.stateless, 1);
                    ck_assert_uint_eq(ia.peer_mru, 1396);
                    send_ip(&w->a, 3, 1396);
                    send_ip(&w->a, 1, 1397);
                    world_run(w, 61000);
                    ck_assert_uint_eq(w->b.datagrams, 3);
                    ck_assert_uint_eq(ppp_stat(w->a.p)->tx_too_long, 1);
                } else if (need_a || need_b) {
                    ck_assert_msg(w->a.down && w->b.down, "%x and %x stay up", ea, eb);
                    ck_assert(w->a.cause == ADIT_CAUSE_ENCRYPTION || w->b.cause == ADIT_CAUSE_ENCRYPTION);
                } else {
                    ck_assert_msg(ia.ipv4_up && ib.ipv4_up, "%x and %x do not come up", ea, eb);
                    ck_assert_uint_eq(ia.encryption | ib.encryption, 0);
                }
                if (need_a)
                    ck_assert_uint_eq(w->a.clear_ip, 0);
                if (need_b)
                    ck_assert_uint_eq(w->b.clear_ip, 0);
                world_free(w);
            }
        }
    }
}
END_TEST

START_TEST(mschapv1_has_short_keys_of_its_own)
{
    for (uint32_t enc = ADIT_ENC_40; enc <= ADIT_ENC_128; enc <<= 1) {
        struct world *w = world_new();
        w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV1;
        w->a.net.encryption = w->b.net.encryption = enc;
        world_up(w);
        world_run(w, 5000);
        send_ip(&w->a, 2, 50);
        send_ip(&w->b, 2, 50);
        world_run(w, 6000);
        ck_assert_uint_eq(w->a.datagrams + w->b.datagrams, 4);
        world_free(w);
    }
}
END_TEST

START_TEST(W15_no_keys_no_encryption)
{
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_PAP;
    w->a.net.encryption = ADIT_ENC_128;
    world_up(w);
    world_run(w, 60000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    ck_assert_ptr_eq(strstr(w->a.log, "ip+"), NULL);
    world_free(w);

    w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_CHAP;
    w->a.net.encryption = w->b.net.encryption = ADIT_ENC_128 | ADIT_ENC_NONE;
    world_up(w);
    world_run(w, 60000);
    ck_assert_str_eq(w->a.log, "lcp query auth ip+ ");
    world_free(w);
}
END_TEST

START_TEST(half_a_key_is_none_for_128_bit)
{
    /* an authenticator that gives 8 bytes, as RADIUS servers for 40 bit do */
    static const uint32_t sets[] = { ADIT_ENC_128, ADIT_ENC_128 | ADIT_ENC_40 };
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new();
        struct ppp_info info;
        fake_key_len = 8;
        w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
        w->a.net.encryption = w->b.net.encryption = sets[i];
        world_up(w);
        world_run(w, 60000);
        fake_key_len = 16;
        ppp_info(w->a.p, &info);
        ck_assert_uint_eq(info.encryption, i ? ADIT_ENC_40 : 0);
        ck_assert_uint_eq(w->a.cause, i ? 0 : ADIT_CAUSE_ENCRYPTION);
        world_free(w);
    }
}
END_TEST

START_TEST(methods_are_found_in_both_directions)
{
    static const uint32_t order[] = { ADIT_AUTH_MSCHAPV2, ADIT_AUTH_EAP_MD5, ADIT_AUTH_MSCHAPV1,
                                      ADIT_AUTH_CHAP, ADIT_AUTH_PAP };
    for (uint32_t demand = 1; demand < 32; demand++) {
        for (uint32_t allow = 0; allow < 32; allow++) {
            struct world *w = world_new();
            struct ppp_info info;
            w->b.cfg.auth_allow = 0;
            uint32_t common = 0;
            for (uint32_t i = 5; i-- > 0;) {
                if (demand & 1u << i)
                    w->a.cfg.auth_demand |= order[i];
                if (allow & 1u << i)
                    w->b.cfg.auth_allow |= order[i];
                if (demand & allow & 1u << i)
                    common = order[i];
            }
            world_up(w);
            world_run(w, 60000);
            ppp_info(w->a.p, &info);
            if (common) {
                ck_assert_msg(info.ipv4_up && info.method == common, "%x and %x gave %x (%s)", demand,
                              allow, info.method, w->a.log);
            } else {
                ck_assert(w->a.down && w->b.down);
                ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_COMMON_METHOD);
                ck_assert_ptr_eq(strstr(w->a.log, "auth"), NULL);
            }
            world_free(w);
        }
    }
}
END_TEST

START_TEST(both_may_authenticate_each_other)
{
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->b.cfg.auth_demand = ADIT_AUTH_CHAP;
    w->a.cfg.auth_allow = ADIT_AUTH_CHAP;
    w->a.net.encryption = w->b.net.encryption = ADIT_ENC_128;
    world_up(w);
    world_run(w, 10000);
    ck_assert_str_eq(w->a.log, "lcp query auth mppe128 ip+ ");
    world_free(w);
}
END_TEST

START_TEST(a_refused_user_is_told_and_gone)
{
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_CHAP;
    w->a.verdict = ADIT_VERDICT_REJECT;
    w->a.cause_given = ADIT_CAUSE_NO_PERMISSION;
    w->a.answer_ms = 700;
    world_up(w);
    world_run(w, 60000);
    ck_assert_str_eq(w->a.log, "lcp query down ");
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_PERMISSION);
    ck_assert_uint_eq(w->b.cause, ADIT_CAUSE_AUTH_FAILED);
    world_free(w);
}
END_TEST

START_TEST(a_slow_session_loses_no_time)
{
    /* the client asks at once; its requests wait for the policy, and it need
     * not wait for its restart timer */
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128;
    w->b.net.encryption = ADIT_ENC_128 | ADIT_ENC_NONE;
    w->b.net.ipv6 = 1;
    w->a.net_ms = 1500;
    world_up(w);
    world_run(w, 2900);
    ck_assert_str_eq(w->a.log, "lcp query auth mppe128 ip+ ");
    ck_assert_str_eq(w->b.log, "lcp auth mppe128 ip+ ");
    world_free(w);
}
END_TEST

START_TEST(nobody_there)
{
    struct world *w = script_new();
    world_up(w);
    world_run(w, 100000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_LCP_TIMEOUT);
    ck_assert_uint_eq(w->outs, 10);
    world_free(w);
}
END_TEST

START_TEST(silence_after_lcp_ends_too)
{
    /* nobody authenticates */
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    lcp_open(w);
    world_run(w, 200000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_AUTH_TIMEOUT);
    world_free(w);
    /* nobody speaks IPCP */
    w = script_new();
    net_open(w);
    world_run(w, 100000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_NETWORK);
    world_free(w);
    /* nobody speaks CCP */
    w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128;
    net_open(w);
    world_run(w, 100000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    never(w, "ff03 8021 *");
    world_free(w);
}
END_TEST

START_TEST(a_lost_bearer_is_down_at_once)
{
    struct world *w = world_new();
    world_up(w);
    world_run(w, 5000);
    uint32_t before = w->frames;
    ppp_down(w->a.p, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_str_eq(w->a.log, "lcp auth ip+ ip- down ");
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(w->frames, before);
    ppp_down(w->a.p, ADIT_CAUSE_ADMIN);
    ppp_close(w->a.p, ADIT_CAUSE_ADMIN);
    ppp_tick(w->a.p);
    send_ip(&w->a, 1, 100);
    ck_assert_uint_eq(w->frames, before);
    world_free(w);
}
END_TEST

START_TEST(closing_before_up_and_while_asking)
{
    struct world *w = world_new();
    w->a.p = ppp_new(&w->a.cfg, &world_ops, &w->a);
    ppp_close(w->a.p, ADIT_CAUSE_SHUTDOWN);
    ck_assert_str_eq(w->a.log, "down ");
    world_free(w);

    w = script_new();
    world_up(w);
    ppp_close(w->a.p, ADIT_CAUSE_SHUTDOWN);
    ck_assert(!w->a.down);
    sends(w, "ff03 c021 05 *");
    feed(w, "ff03 c021 06 02 0004");
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_SHUTDOWN);
    world_free(w);
}
END_TEST

START_TEST(an_echo_timeout_ends_and_traffic_prevents_it)
{
    struct world *w = world_new();
    w->a.cfg.echo_ms = 10000;
    w->a.cfg.echo_failures = 3;
    world_up(w);
    world_run(w, 200000);               /* b answers */
    ck_assert(!w->a.down);
    uint64_t sent = ppp_stat(w->a.p)->lcp_echo_sent;
    ck_assert_uint_ge(sent, 15);
    for (int i = 0; i < 100; i++) {     /* any frame will do: no echo is needed */
        send_ip(&w->b, 1, 60);
        world_run(w, w->now + 5000);
    }
    ck_assert_uint_eq(ppp_stat(w->a.p)->lcp_echo_sent, sent);
    ck_assert_uint_eq(ppp_stat(w->b.p)->lcp_echo_answered, sent);
    w->b.due = UINT64_MAX;
    w->fate = NULL;
    ppp_down(w->b.p, ADIT_CAUSE_LOST_CARRIER);
    uint64_t gone = w->now;
    world_run(w, gone + 100000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ECHO_TIMEOUT);
    ck_assert_uint_eq(ppp_stat(w->a.p)->lcp_echo_sent, sent + 3);
    world_free(w);
}
END_TEST

/* ---- whatever happens to whatever frame ------------------------------------------------ */

static enum fate fate_of(struct world *w, uint32_t number, const uint8_t *data, uint32_t len)
{
    (void)data;
    (void)len;
    if (number == w->arg[0])
        return (enum fate)w->arg[1];
    if (number == w->arg[2])
        return (enum fate)w->arg[3];
    return DELIVER;
}

static void converges(struct world *w, const char *what, uint64_t x, uint64_t y)
{
    struct ppp_info ia, ib;
    world_run(w, 400000);
    ppp_info(w->a.p, &ia);
    ppp_info(w->b.p, &ib);
    /* both see the same: the same protocols, at least one, or the end */
    bool same = ia.ipv4_up == ib.ipv4_up && ia.ipv6_up == ib.ipv6_up && ia.encryption == ib.encryption;
    ck_assert_msg((same && ia.ipv4_up + ia.ipv6_up > 0 && !w->a.down) || (w->a.down && w->b.down),
                  "%s %llu %llu: a %s, b %s", what, (unsigned long long)x, (unsigned long long)y,
                  w->a.log, w->b.log);
    ck_assert_uint_eq(w->a.clear_ip + w->b.clear_ip, 0);
}

static struct world *full_world(uint32_t number)
{
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128 | ADIT_ENC_40;
    w->b.net.encryption = ADIT_ENC_128;
    w->a.net.ipv6 = w->b.net.ipv6 = 1;
    w->a.cfg.echo_ms = w->b.cfg.echo_ms = 20000;
    w->seed += number;
    w->fate = fate_of;
    return w;
}

START_TEST(any_two_frames_may_be_lost_repeated_or_late)
{
    for (uint64_t i = 1; i < 40; i++) {
        for (uint64_t fi = DROP; fi <= LATE; fi++) {
            for (uint64_t j = i; j < i + 6; j++) {
                for (uint64_t fj = DROP; fj <= LATE; fj++) {
                    struct world *w = full_world(0);
                    w->arg[0] = i;
                    w->arg[1] = fi;
                    w->arg[2] = j;
                    w->arg[3] = fj;
                    world_up(w);
                    converges(w, "fates", i * 10 + fi, j * 10 + fj);
                    /* two accidents are no reason to fail */
                    ck_assert_msg(!w->a.down && !w->b.down, "%u/%u %u/%u: a %s, b %s", (unsigned)i,
                                  (unsigned)fi, (unsigned)j, (unsigned)fj, w->a.log, w->b.log);
                    world_free(w);
                }
            }
        }
    }
}
END_TEST

static enum fate storm(struct world *w, uint32_t number, const uint8_t *data, uint32_t len)
{
    (void)number;
    (void)data;
    (void)len;
    uint32_t r = world_draw(w) % 100;
    return r < w->arg[0] ? DROP : r < w->arg[0] + 10 ? TWICE : r < w->arg[0] + 25 ? LATE : DELIVER;
}

START_TEST(a_storm_ends_up_or_down)
{
    uint32_t up = 0;
    for (uint32_t seed = 0; seed < 300; seed++) {
        struct world *w = full_world(seed * 77);
        w->fate = storm;
        w->arg[0] = seed % 60;
        world_up(w);
        world_run(w, 400000);
        w->fate = NULL;                 /* calm again: whoever is left learns how it is */
        world_run(w, 500000);
        for (int i = 0; i < 2; i++) {   /* an end that gave a protocol up hears that it is open */
            struct side *side = i ? &w->b : &w->a;
            if (side->down)
                continue;
            send_ip(side, 1, 60);
            send_ip6(side);
        }
        world_run(w, 900000);
        converges(w, "storm", seed, 0);
        up += !w->a.down;
        world_free(w);
    }
    ck_assert_uint_gt(up, 100);
}
END_TEST

START_TEST(a_peer_that_begins_anew_is_authenticated_anew)
{
    struct world *w = full_world(0);
    world_up(w);
    world_run(w, 5000);
    ck_assert_str_eq(w->a.log, "lcp query auth mppe128 ipv6+ ip+ ");
    ppp_free(w->b.p);                   /* rebooted; the tunnel did not notice */
    w->b.log[0] = w->a.log[0] = 0;
    w->b.due = UINT64_MAX;
    w->b.p = ppp_new(&w->b.cfg, &world_ops, &w->b);
    ppp_up(w->b.p);
    world_run(w, 20000);
    ck_assert_str_eq(w->a.log, "ip- ipv6- lcp query auth mppe128 ipv6+ ip+ ");
    world_free(w);
}
END_TEST

/* ---- LCP, byte by byte -------------------------------------------------------------------- */

START_TEST(our_first_request)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP;
    world_up(w);
    /* MRU 1400, CHAP 81, magic, PFC, ACFC */
    sends(w, "ff03 c021 01 01 0017 0104 0578 0305 c223 81 0506 ???????? 0702 0802");
    silent(w);
    world_free(w);
}
END_TEST

/* xl2tpd starts pppd when the call is up: our first request finds nobody. */
START_TEST(a_peer_that_was_not_there_yet_is_asked_again_soon)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    world_up(w);
    sends(w, "ff03 c021 01 01 0017 0104 0578 0305 c223 81 0506 ???????? 0702 0802");
    world_run(w, w->now + 100);
    feed(w, "ff03 c021 01 07 0008 0702 0802");
    sends(w, "ff03 c021 02 07 0008 0702 0802");
    world_run(w, w->now + 450);
    silent(w);
    world_run(w, w->now + 100);
    sends(w, "ff03 c021 01 01 0017 0104 0578 0305 c223 81 0506 ???????? 0702 0802");
    /* once: from here on the Restart timer has its usual length */
    feed(w, "ff03 c021 01 08 0008 0702 0802");
    sends(w, "ff03 c021 02 08 0008 0702 0802");
    world_run(w, w->now + 2900);
    silent(w);
    world_free(w);
}
END_TEST

START_TEST(W12_unknown_options_are_rejected_in_one_reply)
{
    /* Windows XP to 11: MRU 1400, magic, PFC, ACFC, callback, MRRU, endpoint */
    struct world *w = script_new();
    world_up(w);
    forget(w);
    feed(w, "ff03 c021 01 00 0030 0104 0578 0506 5f3a1f73 0702 0802 0d03 06 1104 064e"
            "1317 01 5c1b0a3d2e4f40718293a4b5c6d7e8f900000000");
    sends(w, "ff03 c021 04 00 0022 0d03 06 1104 064e 1317 01 5c1b0a3d2e4f40718293a4b5c6d7e8f900000000");
    feed(w, "ff03 c021 01 01 0012 0104 0578 0506 5f3a1f73 0702 0802");
    sends(w, "ff03 c021 02 01 0012 0104 0578 0506 5f3a1f73 0702 0802");
    silent(w);
    world_free(w);
}
END_TEST

START_TEST(W13_identification_is_kept_and_time_remaining_accepted)
{
    struct world *w = script_new();
    struct ppp_info info;
    lcp_open(w);
    forget(w);
    feed(w, "ff03 c021 0c 02 0012 5f3a1f73 4d535241535635 2e3230");
    feed(w, "ff03 c021 0c 03 0014 5f3a1f73 4d535241532d302d484f5354");
    feed(w, "ff03 c021 0c 04 0012 5f3a1f73 4d535241535635 2e3230");      /* again */
    feed(w, "ff03 c021 0d 05 000c 5f3a1f73 0000003c");
    silent(w);
    ppp_info(w->a.p, &info);
    ck_assert_str_eq(info.identification, "MSRASV5.20; MSRAS-0-HOST");
    ck_assert_ptr_ne(strstr(w->a.log, "info(60 s remain)"), NULL);
    /* such a peer is told why in its own way: magic, mark, RAS error 829 */
    ppp_close(w->a.p, ADIT_CAUSE_ADMIN);
    sends(w, "ff03 c021 05 ?? 0010 ???????? 003ccd74 0000033d");
    world_free(w);
}
END_TEST

START_TEST(a_terminate_request_does_not_tell_whether_the_user_exists)
{
    static const uint32_t causes[2] = { ADIT_CAUSE_AUTH_FAILED, ADIT_CAUSE_UNKNOWN_USER };
    char said[2][128] = { "", "" };
    for (int i = 0; i < 2; i++) {
        struct world *w = script_new();
        lcp_open(w);
        ppp_close(w->a.p, causes[i]);
        uint32_t n = w->outs - 1, len = w->out[n].len;
        ck_assert_uint_eq(w->out[n].data[4], 5);
        ck_assert(len > 8 && len < 8 + sizeof said[0]);
        memcpy(said[i], w->out[n].data + 8, len - 8);
        world_run(w, 20000);
        ck_assert_uint_eq(w->a.cause, causes[i]);       /* our own side knows */
        world_free(w);
    }
    ck_assert_str_eq(said[0], said[1]);
}
END_TEST

START_TEST(a_windows_peer_says_why_it_leaves)
{
    struct world *w = script_new();
    lcp_open(w);
    feed(w, "ff03 c021 05 09 0010 5f3a1f73 003ccd74 000002e6");
    sends(w, "ff03 c021 06 09 0004");
    world_run(w, 10000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    ck_assert_str_eq(w->a.text, "RAS error 742");
    world_free(w);
}
END_TEST

START_TEST(M3_async_map_magic_pfc_acfc_are_acked)
{
    struct world *w = script_new();
    world_up(w);
    forget(w);
    feed(w, "ff03 c021 01 01 0018 0206 00000000 0506 6d2e1f00 0702 0802 0104 0514");
    sends(w, "ff03 c021 02 01 0018 0206 00000000 0506 6d2e1f00 0702 0802 0104 0514");
    world_free(w);
}
END_TEST

START_TEST(M4_acsp_and_anything_unknown_is_protocol_rejected)
{
    struct world *w = script_new();
    ip_open(w);
    forget(w);
    feed(w, "ff03 8235 01 01 0010 0106 00000001 0206 00000001");
    sends(w, "ff03 c021 08 ?? 0016 8235 01 01 0010 0106 00000001 0206 00000001");
    feed(w, "ff03 802b 01 01 0004");                    /* IPXCP, without IPX */
    sends(w, "ff03 c021 08 ?? 000a 802b 01 01 0004");
    ck_assert_uint_eq(ppp_stat(w->a.p)->rx_rejected_proto, 2);
    ck_assert(!w->a.down);
    feed(w, "0021" IP20);
    ck_assert_uint_eq(w->a.datagrams, 1);
    world_free(w);
}
END_TEST

START_TEST(W17_ipv6cp_does_not_break_ipcp)
{
    struct world *w = script_new();
    net_open(w);
    forget(w);
    feed(w, "ff03 8057 01 05 000e 010a 0c1a2b3c4d5e6f70");
    sends(w, "ff03 c021 08 ?? 0014 8057 01 05 000e 010a 0c1a2b3c4d5e6f70");
    w->looked = 0;
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 06 000a 0306 0a090007");
    ck_assert_ptr_ne(strstr(w->a.log, "ip+"), NULL);
    world_free(w);
}
END_TEST

START_TEST(K2_mrru_and_bridging_are_refused_cleanly)
{
    /* RouterOS: MRRU and short sequence numbers, then BCP */
    struct world *w = script_new();
    world_up(w);
    forget(w);
    feed(w, "ff03 c021 01 01 0014 0104 05aa 0506 11223344 1104 0640 1202");
    sends(w, "ff03 c021 04 01 000a 1104 0640 1202");
    feed(w, "ff03 c021 01 02 000e 0104 05aa 0506 11223344");
    sends(w, "ff03 c021 02 02 000e *");
    ack_ours(w, PPP_LCP);
    feed(w, "ff03 8031 01 01 0004");
    sends(w, "ff03 c021 08 ?? 000a 8031 01 01 0004");
    feed(w, "ff03 0031 0000");
    sends(w, "ff03 c021 08 ?? 0008 0031 0000");
    world_free(w);
}
END_TEST

START_TEST(K6_a_nak_of_a_boolean_drops_the_option)
{
    struct world *w = script_new();
    world_up(w);
    sends(w, "ff03 c021 01 01 0012 0104 0578 0506 ???????? 0702 0802");
    feed(w, "ff03 c021 03 01 0008 0702 0802");
    sends(w, "ff03 c021 01 02 000e 0104 0578 0506 ????????");
    world_free(w);
}
END_TEST

START_TEST(K9_an_echo_reply_fits_the_peers_mru)
{
    struct world *w = script_new();
    uint8_t frame[1400] = { 0xff, 0x03, 0xc0, 0x21, 9, 7, 1388 >> 8, 1388 & 255, 0xaa, 0xbb, 0xcc, 0xdd };
    world_up(w);
    ack_ours(w, PPP_LCP);
    feed(w, "ff03 c021 01 01 0008 0104 0200");         /* MRU 512 */
    forget(w);
    side_rx(&w->a, frame, 4 + 1388);
    ck_assert_uint_eq(w->outs - w->looked, 1);
    ck_assert_uint_eq(w->out[w->looked].len, 4 + 512);
    sends(w, "ff03 c021 0a 07 0200 *");
    feed(w, "ff03 c021 09 08 000c aabbccdd 01020304");
    sends(w, "ff03 c021 0a 08 000c ???????? 01020304");
    /* as do Rejects */
    frame[2] = 0x82, frame[3] = 0x35;
    side_rx(&w->a, frame, 1300);
    ck_assert_uint_eq(w->out[w->looked].len, 4 + 512);
    world_free(w);
}
END_TEST

START_TEST(an_ack_must_repeat_ours_exactly_and_counts_once)
{
    struct world *w = script_new();
    world_up(w);
    feed(w, "ff03 c021 01 01 0004");
    feed(w, "ff03 c021 02 01 0008 0104 0578");          /* an Ack of something else */
    feed(w, "ff03 c021 02 77 0004");                    /* of another request */
    ck_assert_str_eq(w->a.log, "");
    ack_ours(w, PPP_LCP);
    ck_assert_str_eq(w->a.log, "lcp auth ");
    uint32_t outs = w->outs;
    for (uint32_t i = 0; i < 3; i++) {                  /* the network repeats it */
        uint8_t copy[64];
        memcpy(copy, w->out[0].data, w->out[0].len);
        copy[4] = CP_CONF_ACK;
        side_rx(&w->a, copy, w->out[0].len);
    }
    ck_assert_uint_eq(w->outs, outs);
    ck_assert_str_eq(w->a.log, "lcp auth ");
    world_free(w);
}
END_TEST

START_TEST(wrong_lengths_are_nakked_twins_rejected_garbage_dropped)
{
    struct world *w = script_new();
    world_up(w);
    forget(w);
    feed(w, "ff03 c021 01 01 0009 0105 057800");        /* MRU of 3 bytes */
    sends(w, "ff03 c021 03 01 0008 0104 05dc");
    feed(w, "ff03 c021 01 02 0008 0104 0010");          /* MRU 16 */
    sends(w, "ff03 c021 03 02 0008 0104 0080");
    feed(w, "ff03 c021 01 03 000c 0104 0578 0104 0400");
    sends(w, "ff03 c021 04 03 0008 0104 0400");
    feed(w, "ff03 c021 01 04 000a 0506 00000000");      /* no magic is zero */
    sends(w, "ff03 c021 03 04 000a 0506 ????????");
    feed(w, "ff03 c021 01 05 0006 0501");               /* would never advance */
    feed(w, "ff03 c021 01 06 0006 0500");
    feed(w, "ff03 c021 01 07 0008 0106 0578");          /* passes the end */
    feed(w, "ff03 c021 01 08 0040 0104 0578");          /* longer than the frame */
    feed(w, "ff03 c021 01 09 0003");
    feed(w, "ff03 c021 01");
    feed(w, "ff03 c021");
    silent(w);
    ck_assert_uint_eq(ppp_stat(w->a.p)->rx_bad, 7);
    feed(w, "ff03 c021 01 0a 0008 0104 0578 0000 0000");     /* padding is ignored */
    sends(w, "ff03 c021 02 0a 0008 0104 0578");
    world_free(w);
}
END_TEST

START_TEST(naks_become_rejects_when_it_does_not_converge)
{
    struct world *w = script_new();
    w->a.cfg.auth_allow = ADIT_AUTH_CHAP;
    world_up(w);
    forget(w);
    for (int i = 0; i < 5; i++) {
        feed(w, "ff03 c021 01 01 000c 0104 0578 0304 c023");
        sends(w, "ff03 c021 03 01 0009 0305 c223 05");
    }
    feed(w, "ff03 c021 01 01 000c 0104 0578 0304 c023");
    sends(w, "ff03 c021 04 01 0008 0304 c023");
    /* and the peer leaves */
    feed(w, "ff03 c021 05 02 0004");
    world_run(w, 20000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    world_free(w);
}
END_TEST

START_TEST(what_we_cannot_do_is_rejected)
{
    struct world *w = script_new();
    world_up(w);
    forget(w);
    feed(w, "ff03 c021 01 01 0009 0305 c223 81");
    sends(w, "ff03 c021 04 01 0009 0305 c223 81");
    world_free(w);
}
END_TEST

START_TEST(a_peer_that_naks_for_ever_is_left)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    world_up(w);
    for (int i = 1; i < 200 && !w->a.down; i++) {
        char text[64];
        snprintf(text, sizeof text, "ff03 c021 03 %02x 0008 0104 0514", i);
        feed(w, text);
    }
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_LCP_FAILED);
    ck_assert_uint_lt(w->outs, 50);
    world_free(w);
}
END_TEST

START_TEST(methods_follow_the_peers_naks)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP;
    world_up(w);
    sends(w, "ff03 c021 01 01 ???? 0104 0578 0305 c223 81 *");
    feed(w, "ff03 c021 03 01 0008 0304 c023");          /* it would rather have PAP */
    sends(w, "ff03 c021 01 02 ???? 0104 0578 0304 c023 *");
    feed(w, "ff03 c021 03 02 0009 0305 c223 05");       /* then CHAP, which we will not have */
    sends(w, "ff03 c021 01 03 ???? 0104 0578 0304 c227 *");
    feed(w, "ff03 c021 04 03 0008 0304 c227");
    sends(w, "ff03 c021 05 *");
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    world_free(w);
}
END_TEST

START_TEST(a_looped_line_is_noticed)
{
    struct world *w = script_new();
    world_up(w);
    for (uint32_t i = 0; i < w->outs && !w->a.down && i < 400; i++) {
        uint8_t copy[WORLD_BYTES];
        uint32_t len = w->out[i].len;
        memcpy(copy, w->out[i].data, len);
        side_rx(&w->a, copy, len);
    }
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_LOOPED);
    world_free(w);
    /* and when the loop closes later */
    w = script_new();
    w->a.cfg.echo_ms = 5000;
    lcp_open(w);
    world_run(w, 6500);
    for (uint32_t i = 0; i < w->outs; i++) {
        if (w->out[i].data[4] == 9)
            side_rx(&w->a, w->out[i].data, w->out[i].len);
    }
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_LOOPED);
    world_free(w);
}
END_TEST

START_TEST(unknown_codes_are_code_rejected_in_measure)
{
    struct world *w = script_new();
    lcp_open(w);
    forget(w);
    feed(w, "ff03 c021 2a 11 0006 abcd");
    sends(w, "ff03 c021 07 ?? 000a 2a 11 0006 abcd");
    for (int i = 0; i < 1000; i++)
        feed(w, "ff03 c021 2a 11 0006 abcd");
    ck_assert_uint_lt(w->outs - w->looked, 20);
    world_free(w);
}
END_TEST

START_TEST(rejects_of_ours_are_heeded)
{
    struct world *w = script_new();         /* Code-Reject of Configure-Request: hopeless */
    lcp_open(w);
    feed(w, "ff03 c021 07 01 0008 01010004");
    world_run(w, 30000);
    ck_assert(w->a.down);
    world_free(w);

    w = script_new();                       /* of Echo-Request: no echoes, then */
    w->a.cfg.echo_ms = 2000;
    w->a.cfg.echo_failures = 2;
    ip_open(w);
    world_run(w, 3500);
    sends(w, "ff03 c021 09 *");
    feed(w, "ff03 c021 07 01 000c 09020008 00000000");
    world_run(w, 60000);
    ck_assert(!w->a.down);
    world_free(w);

    w = script_new();                       /* Protocol-Reject of IPCP */
    net_open(w);
    feed(w, "ff03 c021 08 01 000a 8021 01010004");
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_NETWORK);
    world_free(w);

    w = script_new();                       /* of CHAP */
    w->a.cfg.auth_demand = ADIT_AUTH_CHAP;
    lcp_open(w);
    feed(w, "ff03 c021 08 01 000a c223 01010004");
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    world_free(w);

    w = script_new();                       /* of CCP, which is required */
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128;
    net_open(w);
    feed(w, "ff03 c021 08 01 000a 80fd 01010004");
    sends(w, "ff03 c021 05 *");
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    world_free(w);

    w = script_new();                       /* of CCP, which is not */
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128 | ADIT_ENC_NONE;
    net_open(w);
    never(w, "ff03 8021 *");                /* CCP may settle first */
    feed(w, "ff03 c021 08 01 000a 80fd 01010004");
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    feed(w, "ff03 0021" IP20);
    world_run(w, 30000);
    ck_assert(!w->a.down);
    ck_assert_uint_eq(w->a.datagrams, 1);
    world_free(w);

    w = script_new();                       /* nobody says anything of CCP: 3 s, then */
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = ADIT_ENC_128 | ADIT_ENC_NONE;
    net_open(w);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    never(w, "ff03 8021 *");
    world_run(w, w->now + 3100);
    sends(w, "ff03 8021 02 01 *");
    ack_ours(w, PPP_IPCP);
    ck_assert_ptr_ne(strstr(w->a.log, "ip+"), NULL);
    world_free(w);

    w = script_new();                       /* of IPV6CP: IP lives */
    w->a.net.ipv6 = 1;
    ip_open(w);
    feed(w, "ff03 c021 08 01 000a 8057 01010004");
    world_run(w, 60000);
    ck_assert(!w->a.down);
    world_free(w);
}
END_TEST

/* ---- CCP ------------------------------------------------------------------------------------ */

static struct world *mppe_world(uint32_t enc)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = enc;
    net_open(w);
    return w;
}

START_TEST(W14_mppc_request_is_nakked)
{
    struct world *w = mppe_world(ADIT_ENC_128 | ADIT_ENC_40);
    sends(w, "ff03 80fd 01 01 000a 1206 01000060");     /* ours: what is permitted */
    /* Windows: MPPC, every strength, stateless */
    feed(w, "ff03 80fd 01 04 000a 1206 010000e1");
    sends(w, "ff03 80fd 03 04 000a 1206 01000040");
    feed(w, "ff03 80fd 01 07 000a 1206 01000040");
    sends(w, "ff03 80fd 02 07 000a 1206 01000040");
    never(w, "ff03 8021 *");                            /* no network before it */
    feed(w, "ff03 80fd 03 01 000a 1206 01000040");      /* and it naks ours to one */
    sends(w, "ff03 80fd 01 02 000a 1206 01000040");
    feed(w, "ff03 80fd 02 02 000a 1206 01000040");
    sends(w, "ff03 8021 01 01 000a 0306 0a090001");
    ck_assert_str_eq(w->a.log, "lcp query auth mppe128 ");
    world_free(w);
}
END_TEST

START_TEST(W14_no_datagram_passes_before_mppe_or_beside_it)
{
    struct world *w = mppe_world(ADIT_ENC_128);
    feed(w, "ff03 0021" IP20);
    feed(w, "ff03 8021 01 06 000a 0306 0a090007");      /* IPCP before its time: it waits */
    never(w, "ff03 8021 *");
    ck_assert_uint_eq(ppp_stat(w->a.p)->rx_clear_dropped, 1);
    send_ip(&w->a, 3, 60);
    ck_assert_uint_eq(ppp_stat(w->a.p)->tx_clear_dropped, 3);
    ack_ours(w, PPP_CCP);
    feed(w, "ff03 80fd 01 02 000a 1206 01000040");
    sends(w, "ff03 8021 02 06 000a 0306 0a090007");     /* and is answered */
    ack_ours(w, PPP_IPCP);
    ck_assert_str_eq(w->a.log, "lcp query auth mppe128 ip+ ");
    feed(w, "ff03 0021" IP20);
    feed(w, "21" IP20);
    ck_assert_uint_eq(w->a.datagrams, 0);
    ck_assert_uint_eq(ppp_stat(w->a.p)->rx_clear_dropped, 3);
    send_ip(&w->a, 1, 60);
    sends(w, "ff03 00fd 9000 *");
    ck_assert_uint_eq(w->a.clear_ip, 0);
    world_free(w);
}
END_TEST

START_TEST(K4_mppe_of_all_zero_bits)
{
    struct world *w = mppe_world(ADIT_ENC_128);
    forget(w);
    feed(w, "ff03 80fd 01 01 000a 1206 00000000");
    sends(w, "ff03 80fd 03 01 000a 1206 01000040");
    for (int i = 0; i < 5; i++)
        feed(w, "ff03 80fd 01 01 000a 1206 00000000");
    sends(w, "ff03 80fd 04 01 000a 1206 00000000");     /* it insists: rejected */
    feed(w, "ff03 80fd 01 02 0004");                    /* without, then */
    ack_ours(w, PPP_CCP);
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    ck_assert_ptr_eq(strstr(w->a.log, "ip+"), NULL);
    world_free(w);
    /* where nothing is required, the link is clear */
    w = mppe_world(ADIT_ENC_128 | ADIT_ENC_NONE);
    for (int i = 0; i < 6; i++)
        feed(w, "ff03 80fd 01 01 000a 1206 00000000");
    feed(w, "ff03 80fd 01 02 0004");
    ack_ours(w, PPP_CCP);
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    feed(w, "0021" IP20);
    ck_assert_uint_eq(w->a.datagrams, 1);
    ck_assert(!w->a.down);
    world_free(w);
}
END_TEST

START_TEST(other_compressions_are_rejected_and_ours_is_named)
{
    struct world *w = mppe_world(ADIT_ENC_128);
    forget(w);
    /* pppd: deflate, its old number, BSD */
    feed(w, "ff03 80fd 01 01 000f 1a04 7800 1804 7800 1503 2f");
    sends(w, "ff03 80fd 04 01 000f 1a04 7800 1804 7800 1503 2f");
    feed(w, "ff03 80fd 01 02 0004");
    sends(w, "ff03 80fd 03 02 000a 1206 01000040");
    world_free(w);
}
END_TEST

START_TEST(encryption_cannot_be_talked_away)
{
    /* even where it was not required: once on, it stays on */
    struct world *w = mppe_world(ADIT_ENC_128 | ADIT_ENC_NONE);
    ack_ours(w, PPP_CCP);
    feed(w, "ff03 80fd 01 02 000a 1206 01000040");
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    ck_assert_ptr_ne(strstr(w->a.log, "ip+"), NULL);
    forget(w);
    feed(w, "ff03 80fd 05 09 0004");
    sends(w, "ff03 80fd 06 09 0004");
    feed(w, "ff03 0021" IP20);
    send_ip(&w->a, 1, 60);
    ck_assert_uint_eq(w->a.datagrams + w->a.clear_ip, 0);
    ck_assert_ptr_ne(strstr(w->a.log, "ip-"), NULL);
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_ENCRYPTION);
    world_free(w);
}
END_TEST

static enum fate lose_data(struct world *w, uint32_t number, const uint8_t *data, uint32_t len)
{
    (void)number;
    bool mppe = (len > 4 && data[2] == 0x00 && data[3] == 0xfd) || (len > 2 && (data[0] == 0xfd || data[1] == 0xfd));
    return w->arg[0] && mppe && world_draw(w) % 100 < w->arg[0] ? DROP : DELIVER;
}

START_TEST(stateful_links_recover_from_loss)
{
    struct world *w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = w->b.net.encryption = ADIT_ENC_128;
    w->a.net.stateful = 1;
    w->script = true;
    net_open(w);
    ack_ours(w, PPP_CCP);
    feed(w, "ff03 80fd 01 02 000a 1206 00000040");      /* H clear: stateful */
    sends(w, "ff03 80fd 02 02 000a 1206 00000040");
    ack_ours(w, PPP_IPCP);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    struct ppp_info info;
    ppp_info(w->a.p, &info);
    ck_assert_uint_eq(info.stateless, 0);
    send_ip(&w->a, 1, 60);
    sends(w, "ff03 00fd 1000 *");
    feed(w, "ff03 80fd 0e 31 0004");
    sends(w, "ff03 80fd 0f 31 0004");
    send_ip(&w->a, 2, 60);
    sends(w, "ff03 00fd 9001 *");
    sends(w, "ff03 00fd 1002 *");
    world_free(w);

    w = world_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = w->b.net.encryption = ADIT_ENC_128;
    w->fate = lose_data;
    world_up(w);
    world_run(w, 5000);
    w->arg[0] = 20;
    for (int i = 0; i < 200; i++) {
        send_ip(&w->a, 4, 100);
        world_run(w, w->now + 20);
    }
    ck_assert_uint_gt(w->b.datagrams, 500);
    ck_assert_uint_lt(w->b.datagrams, 800);
    world_free(w);
}
END_TEST

/* ---- IPCP ------------------------------------------------------------------------------------ */

START_TEST(W16_servers_without_a_value_are_rejected)
{
    struct world *w = script_new();
    net_open(w);
    forget(w);
    /* Windows asks for everything; there is one DNS server */
    feed(w, "ff03 8021 01 08 0022 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000");
    sends(w, "ff03 8021 04 08 0016 8206 00000000 8306 00000000 8406 00000000");
    feed(w, "ff03 8021 01 09 0010 0306 00000000 8106 00000000");
    sends(w, "ff03 8021 03 09 0010 0306 0a090007 8106 0a090035");
    feed(w, "ff03 8021 01 0a 0010 0306 0a090007 8106 0a090035");
    sends(w, "ff03 8021 02 0a 0010 0306 0a090007 8106 0a090035");
    world_free(w);
}
END_TEST

START_TEST(van_jacobson_and_old_addresses_are_rejected)
{
    struct world *w = script_new();
    net_open(w);
    forget(w);
    feed(w, "ff03 8021 01 01 001a 0306 c0a80101 0206 002d 0f01 010a 00000000 0a090001");
    sends(w, "ff03 8021 04 01 0014 0206 002d 0f01 010a 00000000 0a090001");
    feed(w, "ff03 8021 01 02 000a 0306 c0a80101");
    sends(w, "ff03 8021 03 02 000a 0306 0a090007");
    feed(w, "ff03 8021 01 03 0004");                    /* no address at all: told to ask */
    sends(w, "ff03 8021 03 03 000a 0306 0a090007");
    world_free(w);
}
END_TEST

START_TEST(D14_a_client_that_insists_on_its_address_is_refused)
{
    struct world *w = script_new();
    net_open(w);
    ack_ours(w, PPP_IPCP);
    for (int i = 0; i < 6; i++)
        feed(w, "ff03 8021 01 02 000a 0306 c0a80101");
    sends(w, "ff03 8021 04 02 000a 0306 c0a80101");
    feed(w, "ff03 8021 01 03 0004");
    world_run(w, 60000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_IPCP_FAILED);
    ck_assert_ptr_eq(strstr(w->a.log, "ip+"), NULL);
    world_free(w);
}
END_TEST

/* ---- frames --------------------------------------------------------------------------------------- */

START_TEST(headers_are_understood_in_every_form)
{
    struct world *w = script_new();
    ip_open(w);
    feed(w, "ff03 0021" IP20);
    feed(w, "ff03 21" IP20);
    feed(w, "0021" IP20);
    feed(w, "21" IP20);
    ck_assert_uint_eq(w->a.datagrams, 4);
    ck_assert_uint_eq(w->a.last_len, 20);
    feed(w, "c021 09 01 0008 01020304");                /* LCP without FF 03 */
    sends(w, "ff03 c021 0a 01 *");
    uint64_t bad = ppp_stat(w->a.p)->rx_bad;
    feed(w, "ff03");
    feed(w, "");
    feed(w, "00");
    feed(w, "0020" IP20);                               /* the low octet is odd */
    ck_assert_uint_eq(ppp_stat(w->a.p)->rx_bad, bad + 4);
    ck_assert_uint_eq(w->a.datagrams, 4);
    world_free(w);
}
END_TEST

START_TEST(runs_are_split_and_order_is_kept)
{
    struct world *w = script_new();
    w->a.net.ipv6 = 1;
    ip_open(w);
    ack_ours(w, PPP_IPV6CP);
    feed(w, "ff03 8057 01 01 000e 010a 0000000000000001");
    uint8_t bytes[8][64];
    struct adit_frame f[8], *v[8];
    static const char *const texts[8] = {
        "0021" IP20, "21" IP20, "c021 09 01 0008 01020304", "0021" IP20, "0057 60000000", "57 60000000",
        "0021" IP20, "0023 00" };
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t mask[64];
        uint32_t n = hex(texts[i], bytes[i], mask);
        f[i] = adit_frame_of(bytes[i], sizeof bytes[i], 0, n);
        v[i] = &f[i];
    }
    w->a.runs = w->a.datagrams = 0;
    ck_assert_ptr_ne(strstr(w->a.log, "ipv6+"), NULL);
    forget(w);
    ppp_rx(w->a.p, v, 8);
    ck_assert_uint_eq(w->a.datagrams, 6);
    ck_assert_uint_eq(w->a.runs, 4);
    ck_assert_uint_eq(w->a.last_proto, PPP_IP);
    sends(w, "ff03 c021 0a *");
    world_free(w);
}
END_TEST

START_TEST(compression_is_used_when_the_peer_takes_it)
{
    struct world *w = script_new();
    world_up(w);
    ack_ours(w, PPP_LCP);
    feed(w, "ff03 c021 01 01 0008 0702 0802");
    ack_ours(w, PPP_IPCP);
    feed(w, "8021 01 01 000a 0306 0a090007");
    sends(w, "8021 02 01 000a 0306 0a090007");
    send_ip(&w->a, 1, 30);
    sends(w, "21 4501 *");
    ppp_close(w->a.p, ADIT_CAUSE_ADMIN);
    sends(w, "ff03 c021 05 *");                         /* but never for LCP */
    world_free(w);
}
END_TEST

START_TEST(before_authentication_nothing_else_passes)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    lcp_open(w);
    forget(w);
    feed(w, "ff03 0021" IP20);
    feed(w, "ff03 8021 01 01 000a 0306 0a090007");
    feed(w, "ff03 80fd 01 01 000a 1206 01000040");
    feed(w, "ff03 8235 01 01 0004");
    feed(w, "ff03 00fd 9000 aabbcc");
    silent(w);
    ck_assert_uint_eq(w->a.datagrams, 0);
    world_free(w);
}
END_TEST

START_TEST(ppp_net_start_needs_an_authenticated_peer)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    lcp_open(w);
    forget(w);
    ppp_net_start(w->a.p, &w->a.net);
    silent(w);
    world_free(w);
}
END_TEST

START_TEST(a_network_that_the_peer_closes_ends_the_link)
{
    struct world *w = script_new();
    ip_open(w);
    forget(w);
    feed(w, "ff03 8021 05 09 0004");
    sends(w, "ff03 8021 06 09 0004");
    ck_assert_ptr_ne(strstr(w->a.log, "ip-"), NULL);
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_NO_NETWORK);
    world_free(w);
}
END_TEST

START_TEST(callbacks_may_close_and_answer)
{
    /* within a run of datagrams: the rest of the vector finds a closed link */
    struct world *w = script_new();
    ip_open(w);
    w->a.close_on_data = true;
    uint8_t bytes[3][64], mask[64];
    struct adit_frame f[3], *v[3];
    static const char *const texts[3] = { "0021" IP20, "c021 09 01 0008 01020304", "0021" IP20 };
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t n = hex(texts[i], bytes[i], mask);
        f[i] = adit_frame_of(bytes[i], sizeof bytes[i], 0, n);
        v[i] = &f[i];
    }
    forget(w);
    ppp_rx(w->a.p, v, 3);
    sends(w, "ff03 c021 05 *");
    ck_assert_uint_eq(w->a.datagrams, 1);
    world_run(w, 30000);
    ck_assert_uint_eq(w->a.cause, ADIT_CAUSE_IDLE_TIMEOUT);
    world_free(w);
}
END_TEST

/* ---- proxy LCP -------------------------------------------------------------------------------------- */

static const uint8_t lac_sent[] = { 1, 4, 5, 0xdc, 3, 5, 0xc2, 0x23, 5, 5, 6, 1, 2, 3, 4 };
static const uint8_t lac_rcvd[] = { 1, 4, 5, 0x78, 5, 6, 9, 9, 9, 9, 7, 2, 8, 2 };

START_TEST(proxy_lcp_opens_at_once_when_it_suits)
{
    struct world *w = script_new();
    w->a.cfg.auth_demand = ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV2;
    w->a.cfg.proxy_sent = lac_sent;
    w->a.cfg.proxy_sent_len = sizeof lac_sent;
    w->a.cfg.proxy_rcvd = lac_rcvd;
    w->a.cfg.proxy_rcvd_len = sizeof lac_rcvd;
    world_up(w);
    silent(w);
    ck_assert_str_eq(w->a.log, "lcp ");
    struct ppp_info info;
    ppp_info(w->a.p, &info);
    ck_assert_uint_eq(info.peer_mru, 1400);
    ck_assert_uint_eq(info.magic, 0x01020304);
    ck_assert_uint_eq(info.peer_magic, 0x09090909);
    feed(w, "c223 01 01 0004");
    ck_assert_str_eq(w->a.log, "lcp query auth ");
    world_free(w);
}
END_TEST

START_TEST(proxy_lcp_that_does_not_suit_is_negotiated_again)
{
    for (uint32_t len = 1; len <= sizeof lac_sent; len++) {
        struct world *w = script_new();
        w->a.cfg.auth_demand = len == sizeof lac_sent ? ADIT_AUTH_MSCHAPV2 : ADIT_AUTH_CHAP;
        w->a.cfg.proxy_sent = lac_sent;
        w->a.cfg.proxy_sent_len = len == 9 ? 8 : len;   /* (9 would be complete) */
        w->a.cfg.proxy_rcvd = lac_rcvd;
        w->a.cfg.proxy_rcvd_len = sizeof lac_rcvd;
        world_up(w);
        sends(w, "ff03 c021 01 *");
        world_free(w);
    }
}
END_TEST

/* ---- every truncation of every frame that a login sends -------------------------------------------------- */

START_TEST(every_truncation_of_every_message)
{
    struct world *rec = full_world(0);
    rec->fate = NULL;
    /* record what b sends */
    static struct { uint32_t len; uint8_t data[WORLD_BYTES]; } msg[64];
    uint32_t count = 0;
    world_up(rec);
    for (uint64_t t = rec->now; t < 4000 && count < 64; t += 10) {
        for (uint32_t i = 0; i < rec->flying && count < 64; i++) {
            if (rec->fly[i].to == &rec->a && rec->fly[i].at == t + 10) {
                msg[count].len = rec->fly[i].len;
                memcpy(msg[count++].data, rec->fly[i].data, rec->fly[i].len);
            }
        }
        world_run(rec, t + 10);
    }
    ck_assert_uint_ge(count, 8);
    world_free(rec);

    for (uint32_t m = 0; m < count; m++) {
        for (uint32_t len = 0; len <= msg[m].len; len++) {
            struct world *w = full_world(0);
            w->script = true;
            world_up(w);
            for (uint32_t i = 0; i < count && !w->a.down; i++)
                side_rx(&w->a, msg[i].data, i == m ? len : msg[i].len);
            world_run(w, 200000);
            ck_assert(w->a.down || ppp_phase_name(w->a.p)[0] == 'n');
            world_free(w);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = unit_suite("ppp", (const TTest *const[]){
        a_plain_link_comes_up, ipv6_comes_up_beside_ip, equal_interface_identifiers_part,
        ipx_comes_up_where_it_is_wanted, encryption_is_the_strongest_common_or_none_or_the_end,
        mschapv1_has_short_keys_of_its_own, W15_no_keys_no_encryption, half_a_key_is_none_for_128_bit,
        methods_are_found_in_both_directions, both_may_authenticate_each_other,
        a_refused_user_is_told_and_gone, a_slow_session_loses_no_time, nobody_there,
        silence_after_lcp_ends_too, a_lost_bearer_is_down_at_once,
        closing_before_up_and_while_asking, an_echo_timeout_ends_and_traffic_prevents_it,
        any_two_frames_may_be_lost_repeated_or_late, a_storm_ends_up_or_down,
        a_peer_that_begins_anew_is_authenticated_anew,
        our_first_request, a_peer_that_was_not_there_yet_is_asked_again_soon,
        W12_unknown_options_are_rejected_in_one_reply,
        W13_identification_is_kept_and_time_remaining_accepted, a_terminate_request_does_not_tell_whether_the_user_exists,
        a_windows_peer_says_why_it_leaves,
        M3_async_map_magic_pfc_acfc_are_acked, M4_acsp_and_anything_unknown_is_protocol_rejected,
        W17_ipv6cp_does_not_break_ipcp, K2_mrru_and_bridging_are_refused_cleanly,
        K6_a_nak_of_a_boolean_drops_the_option, K9_an_echo_reply_fits_the_peers_mru,
        an_ack_must_repeat_ours_exactly_and_counts_once,
        wrong_lengths_are_nakked_twins_rejected_garbage_dropped,
        naks_become_rejects_when_it_does_not_converge, what_we_cannot_do_is_rejected,
        a_peer_that_naks_for_ever_is_left, methods_follow_the_peers_naks, a_looped_line_is_noticed,
        unknown_codes_are_code_rejected_in_measure, rejects_of_ours_are_heeded,
        W14_mppc_request_is_nakked, W14_no_datagram_passes_before_mppe_or_beside_it,
        K4_mppe_of_all_zero_bits, other_compressions_are_rejected_and_ours_is_named,
        encryption_cannot_be_talked_away, stateful_links_recover_from_loss,
        W16_servers_without_a_value_are_rejected, van_jacobson_and_old_addresses_are_rejected,
        D14_a_client_that_insists_on_its_address_is_refused,
        headers_are_understood_in_every_form, runs_are_split_and_order_is_kept,
        compression_is_used_when_the_peer_takes_it, before_authentication_nothing_else_passes,
        ppp_net_start_needs_an_authenticated_peer, a_network_that_the_peer_closes_ends_the_link,
        callbacks_may_close_and_answer,
        proxy_lcp_opens_at_once_when_it_suits, proxy_lcp_that_does_not_suit_is_negotiated_again,
        every_truncation_of_every_message, NULL });
    return s;
}
UNIT_MAIN(suite)
