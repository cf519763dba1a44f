/* fuzz_ppp_rx.c - bytes into a whole link, in virtual time, in both roles.
 *
 * Octet 0: role (1: dial), what is demanded (2: MS-CHAPv2, 4: PAP), what is
 * allowed (8), IPv6 and IPX (16), proxy LCP from the input (32), the session
 * thinks for a second (64), the session never starts the network (128).
 * Octet 1: strengths permitted (low 4 bits), stateful (16), echoes (32), MRU
 * 576 (64). Then steps: an octet 0xff lets 3 s pass, 0xfe lets 100 ms pass, 0xfd
 * acks our Configure-Requests, 0xfc gives the link a datagram to send, 0xfb
 * closes it, 0xfa a length of two octets follows; any other octet is a length
 * itself, of a frame that follows.
 *
 * Invariants: DOWN is said once and nothing after it (ppp_world.h); no IP in
 * clear when encryption is required; silence ends a link that may echo.
 */
#include <stdlib.h>

#define WORLD_FRAMES 96
#define WORLD_BYTES  1600
#define world_assert(x) ((x) ? (void)0 : abort())
#include <adit/bytes.h>
#include "crypto/crypto.h"
#include "../unit/ppp_world.h"
#include "fuzz_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Acks what we asked since the last time. */
static void ack_ours(struct world *w)
{
    for (uint32_t i = w->looked; i < w->outs && !w->a.down; i++) {
        uint8_t copy[WORLD_BYTES], *d = w->out[i].data;
        uint32_t at = w->out[i].len > 2 && d[0] == 0xff ? 2 : 0;
        w->looked = i + 1;
        if (w->out[i].len < at + 6 || d[at + 2] != 1)
            continue;
        memcpy(copy, d, w->out[i].len);
        copy[at + 2] = 2;
        side_rx(&w->a, copy, w->out[i].len);
    }
}

static void datagram(struct side *s)
{
    uint8_t buf[ADIT_ROOM + 60 + ADIT_ROOM] = { 0 };
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, 60), *v = &f;
    f.data[0] = 0x45;
    f.data[3] = 60;
    ppp_tx(s->p, PPP_IP, &v, 1);
}

static void seen(void *u, bool sent, uint16_t proto, struct adit_frame *const *v, uint32_t n)
{
    (void)u;
    (void)sent;
    for (uint32_t i = 0; i < n; i++)
        fuzz_show(proto, v[i]->data, v[i]->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len < 4096 ? len : 4096);
    uint8_t how = rd_u8(&r), net = rd_u8(&r);
    struct world *w = world_new();
    struct side *s = &w->a;
    w->script = true;
    s->cfg.role = how & 1 ? ADIT_ROLE_DIAL : ADIT_ROLE_ANSWER;
    s->cfg.auth_demand = (how & 2 ? ADIT_AUTH_MSCHAPV2 : 0) | (how & 4 ? ADIT_AUTH_PAP : 0);
    s->cfg.auth_allow = how & 8 ? ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_CHAP : 0;
    s->net.ipv6 = s->net.ipx = !!(how & 16);
    s->net.want_dns = how & 1;
    s->net.encryption = net & 15 ? net & 15 : ADIT_ENC_NONE;
    s->net.stateful = !!(net & 16);
    s->cfg.echo_ms = net & 32 ? 10000 : 0;
    s->cfg.mru = net & 64 ? 576 : 1400;
    s->net_ms = how & 64 ? 1000 : 0;
    s->no_net = !!(how & 128);
    if (how & 32) {
        size_t n = rd_u8(&r);
        s->cfg.proxy_sent = rd_bytes(&r, n);
        s->cfg.proxy_sent_len = s->cfg.proxy_sent ? (uint32_t)n : 0;
        n = rd_u8(&r);
        s->cfg.proxy_rcvd = rd_bytes(&r, n);
        s->cfg.proxy_rcvd_len = s->cfg.proxy_rcvd ? (uint32_t)n : 0;
    }
    world_up(w);
    ppp_watch(s->p, PPP_WATCH_CONTROL | PPP_WATCH_DATA, seen);
    while (rd_left(&r) > 0 && !s->down) {
        uint8_t step = rd_u8(&r);
        if (w->outs > WORLD_FRAMES - 32)
            w->outs = w->looked = 0;
        if (step == 0xff) {
            world_run(w, w->now + 3000);
        } else if (step == 0xfe) {
            world_run(w, w->now + 100);
        } else if (step == 0xfd) {
            ack_ours(w);
        } else if (step == 0xfc) {
            datagram(s);
        } else if (step == 0xfb) {
            ppp_close(s->p, ADIT_CAUSE_ADMIN);
        } else {
            size_t n = step == 0xfa ? rd_u16(&r) : step;
            if (n > rd_left(&r))
                n = rd_left(&r);
            side_rx(s, rd_bytes(&r, n), (uint32_t)n);
        }
    }
    if (!(s->net.encryption & ADIT_ENC_NONE))
        world_assert(s->clear_ip == 0);
    struct ppp_info info;
    ppp_info(s->p, &info);
    world_run(w, w->now + 500000);
    ppp_phase_name(s->p);
    if (!s->down)
        ppp_down(s->p, ADIT_CAUSE_LOST_CARRIER);
    world_assert(s->down && s->due == UINT64_MAX);
    world_free(w);
    return 0;
}
