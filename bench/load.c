/* load.c - many L2TP clients in one process: how fast logins are, what a session weighs.
 *
 *     adit-load --to 198.51.100.1 --user bench --password x --sessions 1000
 *
 * Knows:  enough of L2TP (RFC 2661) to call an LNS, reliably; PPP is the product's own
 *         engine in the dialling role.
 * Leaves: measuring the server's memory and processor time to bench/run.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <adit/bytes.h>
#include <adit/list.h>
#include "base/addr.h"
#include "crypto/crypto.h"
#include "loop/loop.h"
#include "ppp/ppp.h"

enum { SCCRQ = 1, SCCRP, SCCCN, STOPCCN, HELLO = 6, ICRQ = 10, ICRP, ICCN, CDN = 14 };
enum { WAITING, CALLING, PPP, UP, ENDED };

struct message {                /* a control message that waits for its acknowledgement */
    struct adit_node node;
    uint16_t ns, len;
    bool sent;
    struct session *then;       /* PPP begins when it is acknowledged, as the peer is ready then */
    uint8_t bytes[160];
};

struct tunnel {
    int fd;
    struct loop_fd *watch;
    struct loop_timer *again;
    uint16_t id, peer_id, ns, nr, window, in_flight;
    bool up;
    struct adit_node queue;
    uint32_t tries;
};

struct session {
    struct tunnel *tunnel;
    struct ppp *ppp;
    struct loop_timer *timer;
    uint16_t id, peer_id;
    int state;
    uint64_t began;
    uint32_t pings, pongs;
};

static struct {
    struct adit_addr to;
    const char *user, *password;
    uint32_t sessions, at_once, per_tunnel, ping;
    uint64_t hold_ms, timeout_ms;
    bool json, keep_going;
    uint32_t methods;
} opt = { .sessions = 100, .at_once = 24, .per_tunnel = 2000, .timeout_ms = 60000,
          .methods = ADIT_AUTH_MSCHAPV2 };

static struct tunnel *tunnels;
static struct session *sessions;
static uint32_t tunnel_count, started, up, failed, ended, busy;
static uint64_t t_begin, t_up, latency_sum, latency_max;
static struct loop_timer *deadline;
static uint64_t pongs, pings;

static void pump(void);

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- L2TP ------------------------------------------------------------------------ */

static void transmit(struct tunnel *t, struct message *m)
{
    m->bytes[10] = (uint8_t)(t->nr >> 8);       /* Nr is the newest, always */
    m->bytes[11] = (uint8_t)t->nr;
    (void)!send(t->fd, m->bytes, m->len, 0);
    m->sent = true;
}

static void push_queue(struct tunnel *t)
{
    uint32_t n = 0;
    ADIT_LIST_EACH(node, &t->queue) {
        struct message *m = ADIT_OF(node, struct message, node);
        if (n++ >= t->window)
            break;
        if (!m->sent)
            transmit(t, m);
    }
    if (!adit_list_empty(&t->queue))
        loop_timer_set(t->again, 1000);
    else
        loop_timer_stop(t->again);
}

static void resend(void *u)
{
    struct tunnel *t = u;
    if (++t->tries > 20) {
        fprintf(stderr, "adit-load: the server no longer answers\n");
        loop_stop();
        return;
    }
    ADIT_LIST_EACH(node, &t->queue)
        ADIT_OF(node, struct message, node)->sent = false;
    push_queue(t);
}

static void avp16(struct wr *w, uint16_t type, uint16_t v)
{
    wr_u16(w, 0x8008);
    wr_u16(w, 0);
    wr_u16(w, type);
    wr_u16(w, v);
}

static void avp32(struct wr *w, uint16_t type, uint32_t v)
{
    wr_u16(w, 0x800a);
    wr_u16(w, 0);
    wr_u16(w, type);
    wr_u32(w, v);
}

/* Builds and queues; the body is by type. */
static struct message *say(struct tunnel *t, uint16_t session, uint16_t type, uint16_t assigned)
{
    struct message *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    struct wr w = wr_of(m->bytes, sizeof m->bytes);
    wr_u16(&w, 0xc802);
    struct wr_mark len = wr_open16(&w, -2);
    wr_u16(&w, t->peer_id);
    wr_u16(&w, session);
    wr_u16(&w, m->ns = t->ns++);
    wr_u16(&w, 0);
    avp16(&w, 0, type);
    if (type == SCCRQ) {
        avp16(&w, 2, 0x0100);
        avp32(&w, 3, 3);
        wr_u16(&w, 0x800a);
        wr_u16(&w, 0);
        wr_u16(&w, 7);
        wr_bytes(&w, "load", 4);
        avp16(&w, 9, t->id);
        avp16(&w, 10, 64);
    } else if (type == ICRQ) {
        avp16(&w, 14, assigned);
        avp32(&w, 15, assigned);
    } else if (type == ICCN) {
        avp32(&w, 24, 100000000);
        avp32(&w, 19, 1);
    } else if (type == CDN) {
        avp16(&w, 1, 3);
        avp16(&w, 14, assigned);
    } else if (type == STOPCCN) {
        avp16(&w, 9, t->id);
        avp16(&w, 1, 1);
    }
    wr_close16(&w, len);
    m->len = (uint16_t)wr_len(&w);
    adit_list_add(&t->queue, &m->node);
    push_queue(t);
    return m;
}

static void acknowledge(struct tunnel *t)
{
    uint8_t b[12];
    struct wr w = wr_of(b, sizeof b);
    wr_u16(&w, 0xc802);
    wr_u16(&w, 12);
    wr_u16(&w, t->peer_id);
    wr_u16(&w, 0);
    wr_u16(&w, t->ns);
    wr_u16(&w, t->nr);
    (void)!send(t->fd, b, sizeof b, 0);
}

/* ---- PPP ------------------------------------------------------------------------------ */

static uint64_t on_now(void *u)
{
    (void)u;
    return loop_now();
}

static void on_random(void *u, void *out, uint32_t len)
{
    (void)u;
    crypto_random(out, len);
}

static void on_timer(void *u, uint64_t ms)
{
    struct session *s = u;
    if (ms == UINT64_MAX)
        loop_timer_stop(s->timer);
    else
        loop_timer_set(s->timer, ms);
}

static void tick(void *u)
{
    struct session *s = u;
    if (s->ppp)
        ppp_tick(s->ppp);
}

static void on_tx(void *u, struct adit_frame **v, uint32_t n)
{
    struct session *s = u;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *h = adit_frame_push(v[i], 6);
        if (!h)
            continue;
        struct wr w = wr_of(h, 6);
        wr_u16(&w, 0x0002);
        wr_u16(&w, s->tunnel->peer_id);
        wr_u16(&w, s->peer_id);
        (void)!send(s->tunnel->fd, v[i]->data, v[i]->len, 0);
    }
}

static void on_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct session *s = u;
    for (uint32_t i = 0; i < n; i++)
        if (proto == PPP_IP && v[i]->len >= 28 && v[i]->data[9] == 1 && v[i]->data[20] == 0) {
            s->pongs++;
            pongs++;
        }
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void echo(struct session *s)
{
    struct ppp_info info;
    uint8_t buf[256];
    ppp_info(s->ppp, &info);
    struct wr w = wr_of(buf + ADIT_ROOM, 84);
    wr_u16(&w, 0x4500);
    wr_u16(&w, 84);
    wr_u32(&w, (uint32_t)++s->pings << 16);
    wr_u32(&w, 0x40010000);
    wr_bytes(&w, info.our.ip, 4);
    wr_bytes(&w, info.peer.ip, 4);
    wr_u16(&w, 0x0800);
    wr_u16(&w, 0);
    wr_u16(&w, s->id);
    wr_u16(&w, (uint16_t)s->pings);
    wr_zero(&w, 56);
    uint16_t c = checksum(buf + ADIT_ROOM, 20);
    buf[ADIT_ROOM + 10] = (uint8_t)(c >> 8);
    buf[ADIT_ROOM + 11] = (uint8_t)c;
    c = checksum(buf + ADIT_ROOM + 20, 64);
    buf[ADIT_ROOM + 22] = (uint8_t)(c >> 8);
    buf[ADIT_ROOM + 23] = (uint8_t)c;
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, 84), *v[] = { &f };
    pings++;
    ppp_tx(s->ppp, PPP_IP, v, 1);
}

static void over(struct session *s, const char *why)
{
    if (s->state == ENDED)
        return;
    if (s->state != UP) {
        failed++;
        busy--;
        if (failed <= 3)
            fprintf(stderr, "adit-load: session %u: %s\n", s->id, why);
    }
    s->state = ENDED;
    ended++;
    pump();
}

static void on_event(void *u, const struct ppp_event *ev)
{
    struct session *s = u;
    if (ev->type == PPP_EV_AUTHENTICATED) {
        struct ppp_net net = { .encryption = ADIT_ENC_NONE | ADIT_ENC_128, .ipv4 = 1 };
        ppp_net_start(s->ppp, &net);
    } else if (ev->type == PPP_EV_NET_UP && s->state == PPP) {
        uint64_t took = now_us() - s->began;
        s->state = UP;
        up++;
        busy--;
        latency_sum += took;
        latency_max = took > latency_max ? took : latency_max;
        t_up = now_us();
        for (uint32_t i = 0; i < opt.ping; i++)
            echo(s);
        pump();
    } else if (ev->type == PPP_EV_DOWN) {
        over(s, ev->text ? ev->text : "PPP ended");
    }
}

static const struct ppp_ops ops = { on_now, on_random, on_timer, on_tx, on_data, on_event };

static void ppp_begin(struct session *s)
{
    struct ppp_cfg cfg = { .role = ADIT_ROLE_DIAL, .mru = 1400, .mtu_max = 1400,
                           .auth_allow = opt.methods, .user = opt.user, .password = opt.password,
                           .our_name = opt.user };
    s->state = PPP;
    s->ppp = ppp_new(&cfg, &ops, s);
    if (s->ppp)
        ppp_up(s->ppp);
    else
        over(s, "out of memory");
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct session *session_of(struct tunnel *t, uint16_t id)
{
    size_t n = (size_t)(t - tunnels) * opt.per_tunnel + id - 1;
    return id && id <= opt.per_tunnel && n < opt.sessions ? &sessions[n] : NULL;
}

static void control(struct tunnel *t, struct rd *r)
{
    rd_skip(r, 4);              /* length, tunnel */
    uint16_t sid = rd_u16(r), ns = rd_u16(r), nr = rd_u16(r), type = 0, assigned = 0;
    if (!rd_ok(r))
        return;
    ADIT_LIST_EACH(node, &t->queue) {
        struct message *m = ADIT_OF(node, struct message, node);
        if ((int16_t)(m->ns - nr) >= 0)
            break;
        adit_list_del(node);
        if (m->then)
            ppp_begin(m->then);
        free(m);
        t->tries = 0;
    }
    push_queue(t);
    if (!rd_left(r))
        return;
    if (ns != t->nr) {          /* a duplicate, or one too early */
        acknowledge(t);
        return;
    }
    t->nr++;
    while (rd_left(r) >= 6) {
        uint16_t head = rd_u16(r) & 0x3ff, vendor = rd_u16(r), attr = rd_u16(r);
        if (head < 6)
            return;
        struct rd v = rd_sub(r, head - 6u);
        if (vendor)
            continue;
        if (attr == 0)
            type = rd_u16(&v);
        else if (attr == 9 || attr == 14)
            assigned = rd_u16(&v);
        else if (attr == 10)
            t->window = rd_u16(&v);
    }
    struct session *s = session_of(t, sid);
    if (type == SCCRP && !t->up) {
        t->peer_id = assigned;
        t->up = true;
        say(t, 0, SCCCN, 0);
        pump();
    } else if (type == ICRP && s && s->state == CALLING) {
        s->peer_id = assigned;
        say(t, assigned, ICCN, 0)->then = s;
    } else if (type == CDN && s) {
        over(s, "the server cleared the call (CDN)");
    } else if (type == STOPCCN) {
        fprintf(stderr, "adit-load: the server stopped the tunnel\n");
        loop_stop();
    }
    acknowledge(t);
}

static void readable(void *u, int events)
{
    struct tunnel *t = u;
    uint8_t buf[4096];
    (void)events;
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(t->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n <= 0)
            return;
        struct rd r = rd_of(buf, (size_t)n);
        uint16_t flags = rd_u16(&r);
        if (flags & 0x8000) {
            control(t, &r);
            continue;
        }
        if (flags & 0x4000)
            rd_skip(&r, 2);
        rd_skip(&r, 2);
        struct session *s = session_of(t, rd_u16(&r));
        if (flags & 0x0800)
            rd_skip(&r, 4);
        if (flags & 0x0200)
            rd_skip(&r, rd_u16(&r));
        if (!rd_ok(&r) || !s || !s->ppp)
            continue;
        size_t head = (size_t)(r.p - buf);
        struct adit_frame f = adit_frame_of(buf, sizeof buf, head, (size_t)n - head), *v[] = { &f };
        ppp_rx(s->ppp, v, 1);
    }
}

/* ---- driving --------------------------------------------------------------------------------- */

static void report(void)
{
    double seconds = (double)(t_up - t_begin) / 1e6;
    double rate = seconds > 0 ? up / seconds : 0;
    if (opt.json)
        printf("{\"sessions\": %u, \"failed\": %u, \"seconds\": %.3f, \"logins_per_second\": %.1f, "
               "\"latency_ms\": %.2f, \"latency_max_ms\": %.2f, \"pings\": %llu, \"pongs\": %llu}\n",
               up, failed, seconds, rate, up ? (double)latency_sum / up / 1e3 : 0,
               (double)latency_max / 1e3, (unsigned long long)pings, (unsigned long long)pongs);
    else
        printf("%u sessions up, %u failed, %.2f s, %.0f logins/s, %.1f ms each (at most %.1f), "
               "%llu of %llu pings answered\n", up, failed, seconds, rate,
               up ? (double)latency_sum / up / 1e3 : 0, (double)latency_max / 1e3,
               (unsigned long long)pongs, (unsigned long long)pings);
    fflush(stdout);
}

static void leave(void *u)
{
    (void)u;
    report();
    for (uint32_t i = 0; i < tunnel_count; i++)
        say(&tunnels[i], 0, STOPCCN, 0);
    loop_stop();
}

static void out_of_time(void *u)
{
    fprintf(stderr, "adit-load: time is over\n");
    leave(u);
}

/* Starts what may start; when all are done, waits and leaves. */
static void pump(void)
{
    while (busy < opt.at_once && started < opt.sessions) {
        struct tunnel *t = &tunnels[started / opt.per_tunnel];
        struct session *s = &sessions[started];
        if (!t->up)
            return;
        s->tunnel = t;
        s->id = (uint16_t)(started % opt.per_tunnel + 1);
        s->timer = loop_timer_new(tick, s);
        s->state = CALLING;
        s->began = now_us();
        started++;
        busy++;
        say(t, 0, ICRQ, s->id);
    }
    if (up + failed == opt.sessions && !opt.keep_going) {
        opt.keep_going = true;
        loop_timer_free(deadline);
        deadline = loop_timer_new(leave, NULL);
        loop_timer_set(deadline, opt.hold_ms ? opt.hold_ms : opt.ping ? 500 : 0);
    }
}

static int tunnel_open(struct tunnel *t, uint16_t id)
{
    struct sockaddr_storage sa;
    int size = 4 << 20;
    uint32_t len = addr_to_sa(&opt.to, (struct sockaddr *)&sa);
    t->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&sa, len)) {
        perror("adit-load: socket");
        return 1;
    }
    setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    t->id = id;
    t->window = 4;
    adit_list_init(&t->queue);
    t->again = loop_timer_new(resend, t);
    t->watch = loop_fd_new(t->fd, readable, t);
    loop_fd_want(t->watch, LOOP_READ);
    say(t, 0, SCCRQ, 0);
    return 0;
}

static const char usage[] =
    "usage: adit-load --to ADDRESS[:PORT] --user NAME --password TEXT [options]\n"
    "  --sessions N     how many (100)\n"
    "  --at-once N      how many are logging in at a time (24)\n"
    "  --per-tunnel N   sessions of one L2TP tunnel (2000)\n"
    "  --ping N         ICMP echoes of each session to the server\n"
    "  --hold S         seconds that the sessions stay up\n"
    "  --pap            PAP instead of MS-CHAPv2\n"
    "  --json\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "to", 1, NULL, 't' },       { "user", 1, NULL, 'u' },     { "password", 1, NULL, 'p' },
        { "sessions", 1, NULL, 'n' }, { "at-once", 1, NULL, 'a' },  { "per-tunnel", 1, NULL, 'T' },
        { "ping", 1, NULL, 'i' },     { "hold", 1, NULL, 'h' },     { "pap", 0, NULL, 'P' },
        { "json", 0, NULL, 'j' },     { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        uint32_t n = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        switch (o) {
        case 't':
            if (addr_parse(optarg, &opt.to))
                return fputs(usage, stderr), 2;
            break;
        case 'u': opt.user = optarg; break;
        case 'p': opt.password = optarg; break;
        case 'n': opt.sessions = n; break;
        case 'a': opt.at_once = n; break;
        case 'T': opt.per_tunnel = n && n < 60000 ? n : 2000; break;
        case 'i': opt.ping = n; break;
        case 'h': opt.hold_ms = n * 1000u; break;
        case 'P': opt.methods = ADIT_AUTH_PAP; break;
        case 'j': opt.json = true; break;
        default:  return fputs(usage, stderr), 2;
        }
    }
    if (!opt.to.family || !opt.user || !opt.password || !opt.sessions || !opt.at_once)
        return fputs(usage, stderr), 2;
    if (!opt.to.port)
        opt.to.port = 1701;
    opt.timeout_ms += opt.sessions * 20u;
    if (loop_init() || crypto_init())
        return fputs("adit-load: no event loop or no cryptography\n", stderr), 1;
    tunnel_count = (opt.sessions + opt.per_tunnel - 1) / opt.per_tunnel;
    tunnels = calloc(tunnel_count, sizeof *tunnels);
    sessions = calloc(opt.sessions, sizeof *sessions);
    if (!tunnels || !sessions)
        return 1;
    t_begin = t_up = now_us();
    deadline = loop_timer_new(out_of_time, NULL);
    loop_timer_set(deadline, opt.timeout_ms);
    for (uint32_t i = 0; i < tunnel_count; i++)
        if (tunnel_open(&tunnels[i], (uint16_t)(i + 1)))
            return 1;
    loop_run();
    return up == opt.sessions && (!opt.ping || pongs) ? 0 : 1;
}
