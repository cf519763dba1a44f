/* dp.c - ports: what goes between sessions and the TUN.
 *
 * Knows:  whose packet it is, whether a client may send it, what is too long,
 *         how packets of one round become vectors; a port's routes.
 * Leaves: bytes to dp_pkt, dp_seg, dp_gro; descriptors to dp_tun; the host to
 *         dp_host and dp_undo.
 */
#include "datapath/dp_int.h"
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "base/addr.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"

ADIT_EVENT(ev_open, "datapath.open", ADIT_LOG_INFO, "The interface of the sessions is up.",
    "tun mtu super_packets udp_super_packets");
ADIT_EVENT(ev_gone, "datapath.tun.gone", ADIT_LOG_ERROR,
    "The interface was taken away by somebody; it is made anew.", "tun");
ADIT_EVENT(ev_back, "datapath.tun.back", ADIT_LOG_NOTICE, "The interface was made anew.", "tun");
ADIT_EVENT(ev_spoofed, "datapath.spoofed", ADIT_LOG_NOTICE,
    "A client sent packets from an address that is not its own; they were dropped.",
    "session source");
ADIT_EVENT(ev_route, "datapath.route.failed", ADIT_LOG_WARN,
    "A route to a client could not be set; another route is in its place or the kernel refused it.",
    "session network code");
ADIT_EVENT(ev_proxy, "datapath.proxy.failed", ADIT_LOG_WARN,
    "The host could not be told to answer ARP for a client.", "session address code");

#define ARENA  (1u << 20)       /* a super-packet of the smallest segments fits */
#define SOFT   (96u << 10)      /* but what is read leaves while it is in the cache */
#define FRAMES 2048u            /* of a side */
#define TOUCHED 128u
/* of a vector: with the headers of PPP and a tunnel it is one UDP message; where
 * they are longer, the path makes two of it */
#define MOST_BYTES 65507u
#define HEADERS    24u
#define ERRORS_PER_S 100u       /* ICMP errors that we answer */

struct dp_total dp_totals;
struct dp_cfg dp_conf;

static struct {
    char tun[IFNAMSIZ], state_dir[256];
    struct adit_node ports;
    struct dp_tun shared;       /* of all sessions without one of their own; none: fd -1 */
    struct adit_addr on_link;   /* the network that the TUN's own address covers */
    bool open;
    uint64_t errors_ms;
    uint32_t errors;
} dp = { .ports = { &dp.ports, &dp.ports }, .shared = { .fd = -1 } };

/* The packets of one round of reads, on their way to clients. There are two
 * sides: when one is full the next packets go to the other, so that the last
 * frames of a super-packet can wait for the next one's and leave with them. */
static struct {
    uint8_t *mem;
    struct dp_arena arena;      /* what is left of this side */
    struct adit_frame frame[2 * FRAMES];
    uint32_t next[2 * FRAMES];
    uint32_t side;
    uint32_t frames, frames_end;        /* the next one's number, and this side's end */
    struct dp_port *touched[TOUCHED];
    uint32_t touched_count;
    uint8_t scratch[65536];
} rnd;

/* ---- to clients --------------------------------------------------------------------- */

static void port_free(struct dp_port *p)
{
    dp_guard_free(p->guard);
    free(p->route_net);
    free(p->route_on);
    free(p);
}

/* A port that was detached goes when no round holds it any more. */
static void port_bury(struct dp_port *p)
{
    if (p->dead && !p->touched && !p->releasing)
        port_free(p);
}

static void deliver(struct dp_port *p, unsigned k)
{
    struct adit_frame *v[ADIT_VECTOR];
    uint32_t n = 0;
    for (uint32_t i = p->out[k].first; i; i = rnd.next[i - 1])
        v[n++] = &rnd.frame[i - 1];
    p->out[k].first = p->out[k].last = p->out[k].count = p->out[k].bytes = 0;
    if (!n || p->dead)
        return;
    p->count.last_tx_ms = loop_now();
    p->ops->tx(p->u, k ? 0x0057 : 0x0021, v, n);
}

static void take_side(uint32_t side)
{
    uint8_t *at = rnd.mem + (size_t)side * ARENA;
    rnd.side = side;
    rnd.arena = (struct dp_arena){ at, at + ARENA };
    rnd.frames = side * FRAMES;
    rnd.frames_end = rnd.frames + FRAMES;
}

/* Everything that waits leaves; both sides are empty then. */
static void deliver_all(void)
{
    for (uint32_t i = 0; i < rnd.touched_count; i++) {
        struct dp_port *p = rnd.touched[i];
        deliver(p, 0);
        deliver(p, 1);
        p->touched = false;     /* not before: it may be detached in there */
        port_bury(p);
    }
    rnd.touched_count = 0;
    take_side(0);
}

/* On to the other side; what still waits there leaves first. Chains are in
 * order, so the first of one tells. */
static void other_side(void)
{
    uint32_t side = !rnd.side;
    for (uint32_t i = 0; i < rnd.touched_count; i++)
        for (unsigned k = 0; k < 2; k++) {
            uint32_t first = rnd.touched[i]->out[k].first;
            if (first && (first - 1) / FRAMES == side)
                deliver(rnd.touched[i], k);
        }
    take_side(side);
}

/* Frame number i joins what waits for the port; a whole vector leaves. */
static void append(struct dp_port *p, unsigned k, uint32_t i)
{
    uint32_t len = rnd.frame[i].len;
    if (p->out[k].count == ADIT_VECTOR || p->out[k].bytes + len + HEADERS > MOST_BYTES)
        deliver(p, k);
    if (p->dead)
        return;
    if (!p->touched) {
        p->touched = true;
        rnd.touched[rnd.touched_count++] = p;
    }
    rnd.next[i] = 0;
    if (p->out[k].last)
        rnd.next[p->out[k].last - 1] = i + 1;
    else
        p->out[k].first = i + 1;
    p->out[k].last = i + 1;
    p->out[k].count++;
    p->out[k].bytes += len + HEADERS;
    p->count.tx_packets++;
    p->count.tx_bytes += len;
}

void dp_begin(struct dp_tun *t)
{
    if (t->iface)
        t->iface->reading = true;
}

void dp_end(struct dp_tun *t)
{
    struct dp_iface *i = t->iface;
    deliver_all();
    if (i) {
        i->reading = false;
        dp_iface_bury(i);
    }
}

uint8_t *dp_slot(size_t len)
{
    if (rnd.touched_count == TOUCHED)
        deliver_all();
    else if ((size_t)(rnd.arena.end - rnd.arena.at) < ARENA - SOFT || rnd.frames == rnd.frames_end)
        other_side();
    if ((size_t)(rnd.arena.end - rnd.arena.at) < DP_ARENA_OF(len) || rnd.frames == rnd.frames_end)
        deliver_all();
    return rnd.arena.at + ADIT_ROOM;
}

static bool may_answer(void)
{
    uint64_t now = loop_now();
    if (now - dp.errors_ms >= 1000) {
        dp.errors_ms = now;
        dp.errors = 0;
    }
    return dp.errors++ < ERRORS_PER_S;
}

/* Frame i is longer than its client takes: fragments, or an answer. */
static void too_long(struct dp_tun *t, struct dp_port *p, const struct dp_hdr *h, uint32_t i)
{
    const uint8_t *d = rnd.frame[i].data;
    p->count.tx_too_long++;
    if (h->version == 4 && !(d[6] & 0x40)) {
        int n = dp_frag(d, h->len, p->mtu, &rnd.arena, rnd.frame + rnd.frames, rnd.frames_end - rnd.frames);
        for (int k = 0; k < n; k++)
            append(p, 0, rnd.frames++);
        if (n < 0)
            p->count.tx_dropped++;
        return;
    }
    uint8_t answer[1280];
    size_t len = may_answer() ? dp_too_big(d, h, p->mtu, answer) : 0;
    if (len)
        dp_tun_put(t, answer, len);
}

static struct dp_port *port_of(const struct dp_tun *t, const struct dp_hdr *h, const uint8_t *d)
{
    struct dp_port *p = t->iface ? t->iface->port : h->version == 4 ? dp_table_find4(d + 16)
                                                                    : dp_table_find6(d + 24);
    if (p && !p->dead)
        return p;
    dp_totals.no_port++;
    return NULL;
}

static void from_super(struct dp_tun *t, struct dp_port *p, const struct dp_hdr *h,
                       const struct virtio_net_hdr *vh, const uint8_t *d, size_t len)
{
    int n = dp_seg(d, len, vh, p->mtu, &rnd.arena, rnd.frame + rnd.frames, rnd.frames_end - rnd.frames);
    if (n == ADIT_ENOSPC) {
        deliver_all();          /* the port may go with it */
        if (!(p = port_of(t, h, d)))
            return;
        n = dp_seg(d, len, vh, p->mtu, &rnd.arena, rnd.frame, FRAMES);
    }
    if (n < 0) {
        p->count.tx_dropped++;
        return;
    }
    uint32_t first = rnd.frames, end = first + (uint32_t)n;
    rnd.frames = end;
    dp_totals.tun_read_packets += (uint32_t)n;
    for (uint32_t i = first; i < end && !p->dead; i++) {
        struct dp_hdr one;
        if (rnd.frame[i].len <= p->mtu)
            append(p, h->version == 6, i);
        else if (dp_parse(rnd.frame[i].data, rnd.frame[i].len, &one))
            too_long(t, p, &one, i);    /* datagrams cannot be cut smaller */
    }
}

/* The packet lies where dp_slot() said. */
static void from_plain(struct dp_tun *t, struct dp_port *p, const struct dp_hdr *h,
                       const struct virtio_net_hdr *vh)
{
    uint32_t i = rnd.frames;
    uint8_t *d = rnd.arena.at + ADIT_ROOM;
    bool partial = vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    (void)dp_arena_frame(&rnd.arena, h->len, &rnd.frame[i]);
    rnd.frames++;
    dp_totals.tun_read_packets++;
    (void)dp_mss_clamp(d, h, p->mtu, !partial);
    if (partial && !dp_csum_finish(d, h->len, vh->csum_start, vh->csum_offset))
        p->count.tx_dropped++;
    else if (h->len > p->mtu)
        too_long(t, p, h, i);
    else
        append(p, h->version == 6, i);
}

static bool has(const void *u, const uint8_t *ip, unsigned version);

void dp_from_tun(struct dp_tun *t, const struct virtio_net_hdr *vh, uint8_t *d, size_t len, bool slot)
{
    struct dp_hdr h;
    if (!dp_parse(d, len, &h)) {
        dp_totals.tun_errors++;
        return;
    }
    bool super = vh->gso_type != VIRTIO_NET_HDR_GSO_NONE;
    if (!super && !slot) {      /* longer than the interface's MTU: it was changed under us */
        uint8_t *to = dp_slot(len);
        memcpy(to, d, len);
        d = to;
    }
    struct dp_port *p = port_of(t, &h, d);
    if (!p && t->iface)
        dp_iface_want(t->iface, h.version, d, len);
    if (!p)
        return;
    if (p->guard && !dp_guard_tx(p, d, len, &h, vh, &(struct dp_who){ has, p }))
        return;
    if (!super) {
        from_plain(t, p, &h, vh);
        return;
    }
    if (slot) {                 /* segments are going to be where it lies */
        memcpy(rnd.scratch, d, len);
        d = rnd.scratch;
    }
    from_super(t, p, &h, vh, d, len);
}

/* What waited goes on, past the guard, as if it came from the TUN now. */
static void release(struct dp_port *p)
{
    struct dp_wait *w;
    struct dp_hdr h;
    struct dp_iface *i = p->iface;
    p->releasing = true;        /* it may be detached in here, and its interface closed */
    if (i)
        i->reading = true;
    while (!p->dead && (w = dp_guard_next(p->guard)) != NULL) {
        if (!dp_parse(w->data, w->len, &h)) {
            /* it was one when it began to wait */
        } else if (w->vh.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
            from_super(p->tun, p, &h, &w->vh, w->data, w->len);
        } else {
            memcpy(dp_slot(w->len), w->data, w->len);
            if (!p->dead)
                from_plain(p->tun, p, &h, &w->vh);
        }
        free(w);
    }
    deliver_all();
    p->releasing = false;
    port_bury(p);
    if (i) {
        i->reading = false;
        dp_iface_bury(i);
    }
}

void dp_port_guard(struct dp_port *p, struct dp_guard *g)
{
    p->guard = dp_guard_place(g, p->guard, p, release);
}

/* ---- from clients --------------------------------------------------------------------- */

static bool in_routes(const struct dp_port *p, const uint8_t *ip, uint8_t family)
{
    struct adit_addr a = { .family = family, .prefix = family == ADIT_AF_IPV4 ? 32 : 128 };
    memcpy(a.ip, ip, family == ADIT_AF_IPV4 ? 4 : 16);
    for (uint32_t i = 0; i < p->route_count; i++)
        if (adit_table_has(&p->route_net[i].node) && addr_in(&a, &p->route_net[i].net))
            return true;
    return false;
}

/* Its link-local address (RFC 5072 section 5) is what the client first uses. */
static bool link_local_ok(struct dp_port *p, const uint8_t *src)
{
    static const uint8_t none[16];
    if (memcmp(p->ll, none, 16) == 0) {
        struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = 128 };
        memcpy(a.ip, src, 16);
        memcpy(p->ll, src, 16);
        (void)dp_table_add(&p->net_ll, &a, p);
    }
    return memcmp(p->ll, src, 16) == 0;
}

/* Whether an address is the client's: its own, or of a network behind it. */
static bool has(const void *u, const uint8_t *ip, unsigned version)
{
    const struct dp_port *p = u;
    if (version == 4)
        return (p->address.family == ADIT_AF_IPV4 && memcmp(ip, p->address.ip, 4) == 0) ||
               (p->route_count && in_routes(p, ip, ADIT_AF_IPV4));
    if (p->address6.family == ADIT_AF_IPV6) {
        struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = 128 };
        memcpy(a.ip, ip, 16);
        if (addr_in(&a, &p->address6) || (p->ll[0] && memcmp(ip, p->ll, 16) == 0))
            return true;
    }
    return p->route_count && in_routes(p, ip, ADIT_AF_IPV6);
}

static bool source_ok(struct dp_port *p, const uint8_t *d, const struct dp_hdr *h)
{
    if (p->iface)               /* a router's: anybody may be behind it */
        return true;
    if (h->version == 4)
        return has(p, d + 12, 4);
    if (p->address6.family == ADIT_AF_IPV6 && d[8] == 0xfe && (d[9] & 0xc0) == 0x80)
        return link_local_ok(p, d + 8);
    return has(p, d + 8, 6);
}

static void spoofed(struct dp_port *p, const uint8_t *d, const struct dp_hdr *h)
{
    p->count.rx_spoofed++;
    if (!log_allow(&ev_spoofed, 10))
        return;
    struct adit_addr a = { .family = h->version == 4 ? ADIT_AF_IPV4 : ADIT_AF_IPV6,
                           .prefix = h->version == 4 ? 32 : 128 };
    memcpy(a.ip, h->version == 4 ? d + 12 : d + 8, h->version == 4 ? 4 : 16);
    LOG_EVENT("datapath", &ev_spoofed, ADIT_KV_S("session", p->who), ADIT_KV_ADDR("source", &a));
}

void dp_rx(struct dp_port *p, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    unsigned version = proto == 0x0057 ? 6 : proto == 0x0021 ? 4 : 0;
    uint64_t bytes = 0;
    uint32_t packets = 0;
    if (p->dead)
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct dp_hdr h;
        uint8_t *d = v[i]->data;
        if (!dp_parse(d, v[i]->len, &h) || h.version != version) {
            p->count.rx_bad++;
            continue;
        }
        if (!source_ok(p, d, &h)) {
            spoofed(p, d, &h);
            continue;
        }
        if (p->guard && !dp_guard_rx(p, d, &h, &(struct dp_who){ has, p }))
            continue;
        (void)dp_mss_clamp(d, &h, p->mtu, true);
        packets++;
        bytes += h.len;
        dp_tun_add(p->tun, d, &h);
    }
    p->count.rx_packets += packets;
    p->count.rx_bytes += bytes;
    if (packets)
        p->count.last_rx_ms = loop_now();
}

const struct dp_count *dp_count(const struct dp_port *p)
{
    return &p->count;
}

const struct dp_total *dp_total(void)
{
    return &dp_totals;
}

const char *dp_tun_name(void)
{
    return dp.open && dp_conf.tun ? dp.shared.name : "";
}

/* ---- interfaces ------------------------------------------------------------------------- */

void dp_tun_sysctl(const struct dp_tun *t, const char *family, const char *what, const char *value)
{
    char name[128];
    snprintf(name, sizeof name, "net/%s/conf/%s/%s", family, t->name, what);
    (void)dp_sysctl_once(name, value);
}

/* The interface's own settings die with it. Loose rp_filter: the source check
 * of each session is stricter, and a strict one breaks policy routing. */
static int shared_up(void)
{
    struct dp_tun *t = &dp.shared;
    dp_tun_sysctl(t, "ipv4", "rp_filter", "2");
    dp_tun_sysctl(t, "ipv4", "send_redirects", "0");
    dp_tun_sysctl(t, "ipv6", "accept_ra", "0");
    if (dp_conf.address6.family != ADIT_AF_IPV6)
        dp_tun_sysctl(t, "ipv6", "disable_ipv6", "1");
    int rc = dp_host_link(t->index, t->mtu);
    struct adit_addr our = dp_conf.address;
    if (!rc && our.family == ADIT_AF_IPV4) {
        /* on a LAN's network the address stands alone, or the route to the LAN
         * would have a rival */
        if (our.prefix == 0 || dp_host_lan(&our, t->index))
            our.prefix = 32;
        rc = dp_host_addr(t->index, &our, NULL, true);
        if (!rc)
            dp.on_link = our;
    }
    our = dp_conf.address6;
    if (!rc && our.family == ADIT_AF_IPV6) {
        if (our.prefix == 0)
            our.prefix = 128;
        if (dp_host_addr(t->index, &our, NULL, true))
            log_debug("datapath", "the host has no IPv6");
    }
    return rc;
}

/* A host that turns forwarding on hears no router advertisements any more,
 * and may lose its own way out, unless accept_ra is 2. */
static void keep_advertisements(void)
{
    struct if_nameindex *list = if_nameindex();
    for (struct if_nameindex *i = list; i && i->if_index; i++) {
        char name[128], path[160], v[8] = "";
        snprintf(name, sizeof name, "net/ipv6/conf/%s/accept_ra", i->if_name);
        snprintf(path, sizeof path, "/proc/sys/%s", name);
        FILE *f = fopen(path, "re");
        if (f && fgets(v, sizeof v, f) && v[0] == '1')
            (void)dp_sysctl(name, "2");
        if (f)
            fclose(f);
    }
    if (list)
        if_freenameindex(list);
}

static void forward_up(void)
{
    if (dp_conf.forward) {
        /* a host that does not permit it serves what it can reach itself */
        (void)dp_sysctl("net/ipv4/ip_forward", "1");
        if (dp_conf.address6.family == ADIT_AF_IPV6) {
            keep_advertisements();
            (void)dp_sysctl("net/ipv6/conf/all/forwarding", "1");
        }
    }
}

static void flush_hook(void *u)
{
    (void)u;
    dp_flush();
}

int dp_open(const struct dp_cfg *cfg)
{
    if (dp.open)
        return log_fail("datapath", ADIT_ESTATE, "it is open already");
    dp_conf = *cfg;
    if (cfg->tun) {
        snprintf(dp.tun, sizeof dp.tun, "%s", *cfg->tun ? cfg->tun : "adit%d");
        dp_conf.tun = dp.tun;
    }
    if (cfg->state_dir)
        snprintf(dp.state_dir, sizeof dp.state_dir, "%s", cfg->state_dir);
    dp_conf.state_dir = cfg->state_dir ? dp.state_dir : NULL;
    if (dp_conf.mtu < 576)
        dp_conf.mtu = dp_conf.mtu ? 576 : 1400;
    if (!rnd.mem) {
        void *m = mmap(NULL, 2 * ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED)
            return ADIT_ENOMEM;
        rnd.mem = m;
        take_side(0);
    }
    memset(&dp.shared, 0, sizeof dp.shared);
    dp.shared.fd = -1;
    int rc = dp_host_open();
    if (rc)
        return rc;
    rc = dp_undo_open(dp_conf.state_dir);
    if (!rc && dp_conf.tun)
        rc = dp_tun_open(&dp.shared, dp.tun, dp_conf.mtu, dp_conf.offload);
    if (!rc)
        forward_up();
    if (!rc && dp_conf.tun)
        rc = shared_up();
    if (rc) {
        dp_tun_close(&dp.shared, true);
        dp_undo_close();
        dp_host_close();
        return rc;
    }
    dp.open = true;
    path_on_flush(flush_hook, NULL);
    if (dp_conf.tun)
        LOG_EVENT("datapath", &ev_open, ADIT_KV_S("tun", dp.shared.name), ADIT_KV_U("mtu", dp.shared.mtu),
              ADIT_KV_BOOL("super_packets", dp.shared.tso),
              ADIT_KV_BOOL("udp_super_packets", dp.shared.uso));
    return 0;
}

void dp_close(void)
{
    if (!dp.open)
        return;
    dp_flush();
    while (!adit_list_empty(&dp.ports))
        dp_detach(ADIT_OF(dp.ports.next, struct dp_port, node));
    path_off_flush(flush_hook, NULL);
    dp_undo_close();
    dp_tun_close(&dp.shared, true);
    dp_host_close();
    dp_table_fini();
    dp.open = false;
}

/* ---- routes ---------------------------------------------------------------------------------- */

static int route(struct dp_port *p, const struct adit_addr *net, bool add)
{
    int rc = dp_host_route(p->tun->index, net, &dp_conf.address, add);
    if (rc && add) {
        char text[ADDR_TEXT];
        LOG_EVENT("datapath", &ev_route, ADIT_KV_S("session", p->who),
                  ADIT_KV_S("network", addr_text(net, text)), ADIT_KV_I("code", rc));
    }
    return rc;
}

/* One route for the client's address, unless the TUN's own network covers it,
 * and one for each network behind it. */
static int routes_up(struct dp_port *p)
{
    p->address_route = false;
    bool covered = dp.on_link.family && dp.on_link.prefix < 32 && addr_in(&p->address, &dp.on_link);
    if (p->address.family == ADIT_AF_IPV4 && !covered) {
        int rc = route(p, &p->address, true);
        if (rc == ADIT_EEXIST)
            return rc;          /* somebody else has that very address */
        p->address_route = rc == 0;
    }
    if (p->address6.family == ADIT_AF_IPV6)
        (void)route(p, &p->net6.net, true);
    for (uint32_t i = 0; i < p->route_count; i++)
        p->route_on[i] = adit_table_has(&p->route_net[i].node) && route(p, &p->route_net[i].net, true) == 0;
    return 0;
}

static void routes_down(struct dp_port *p)
{
    if (p->address_route)
        (void)route(p, &p->address, false);
    p->address_route = false;
    if (adit_table_has(&p->net6.node))
        (void)route(p, &p->net6.net, false);
    for (uint32_t i = 0; i < p->route_count; i++)
        if (p->route_on[i])
            (void)route(p, &p->route_net[i].net, false);
}

static void proxy_up(struct dp_port *p)
{
    if (!dp_conf.proxy_arp || p->address.family != ADIT_AF_IPV4)
        return;
    int lan = dp_host_lan(&p->address, p->tun->index);
    int rc = lan ? dp_undo_proxy(lan, &p->address, true) : 0;
    if (lan && !rc)
        p->proxy_index = lan;
    if (rc)
        LOG_EVENT("datapath", &ev_proxy, ADIT_KV_S("session", p->who),
                  ADIT_KV_ADDR("address", &p->address), ADIT_KV_I("code", rc));
}

/* ---- ports ------------------------------------------------------------------------------------- */

static int tables_up(struct dp_port *p, const struct dp_attach *at)
{
    int rc = 0;
    if (p->address.family == ADIT_AF_IPV4)
        rc = dp_table_add(&p->net4, &p->address, p);
    if (!rc && p->address6.family == ADIT_AF_IPV6)
        rc = dp_table_add(&p->net6, &p->address6, p);
    for (uint32_t i = 0; i < at->route_count && !rc; i++)
        /* a network that two clients claim goes to the first one; the second
         * keeps its session */
        if (dp_table_add(&p->route_net[i], &at->routes[i], p)) {
            char text[ADDR_TEXT];
            LOG_EVENT("datapath", &ev_route, ADIT_KV_S("session", p->who),
                      ADIT_KV_S("network", addr_text(&at->routes[i], text)),
                      ADIT_KV_I("code", ADIT_EEXIST));
        }
    return rc;
}

static void tables_down(struct dp_port *p)
{
    dp_table_del(&p->net4);
    dp_table_del(&p->net6);
    dp_table_del(&p->net_ll);
    for (uint32_t i = 0; i < p->route_count; i++)
        dp_table_del(&p->route_net[i]);
}

static struct dp_port *port_new(const struct dp_attach *at, const struct dp_ops *ops, void *u)
{
    struct dp_port *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->ops = ops;
    p->u = u;
    p->address = at->address;
    p->address.prefix = 32;
    p->address6 = at->address6;
    if (p->address6.prefix == 0)
        p->address6.prefix = 128;
    p->mtu = at->mtu >= 68 ? at->mtu : dp_conf.mtu;
    snprintf(p->who, sizeof p->who, "%s", at->who ? at->who : "");
    p->route_count = at->iface ? 0 : at->route_count;
    if (p->route_count) {
        p->route_net = calloc(at->route_count, sizeof *p->route_net);
        p->route_on = calloc(at->route_count, sizeof *p->route_on);
        if (!p->route_net || !p->route_on) {
            port_free(p);
            return NULL;
        }
    }
    return p;
}

/* On the shared TUN the destination tells whose packet it is. */
static int share(struct dp_port *p, const struct dp_attach *at)
{
    p->tun = &dp.shared;
    int rc = tables_up(p, at);
    if (!rc)
        rc = routes_up(p);
    if (rc)
        tables_down(p);
    else
        proxy_up(p);
    return rc;
}

static int alone(struct dp_port *p, struct dp_iface *i)
{
    p->tun = &i->tun;
    p->iface = i;
    i->port = p;
    return dp_iface_mtu(i, p->mtu);
}

int dp_attach(const struct dp_attach *at, const struct dp_ops *ops, void *u, struct dp_port **out)
{
    if (!dp.open || (!at->iface && !dp_conf.tun))
        return log_fail("datapath", ADIT_ESTATE, "no interface is open");
    if (at->iface && at->iface->port)
        return ADIT_EEXIST;
    struct dp_port *p = port_new(at, ops, u);
    if (!p)
        return ADIT_ENOMEM;
    int rc = at->iface ? alone(p, at->iface) : share(p, at);
    if (rc) {
        if (p->iface)
            p->iface->port = NULL;
        port_free(p);
        return rc;
    }
    adit_list_add(&dp.ports, &p->node);
    *out = p;
    return 0;
}

void dp_detach(struct dp_port *p)
{
    if (!p || p->dead)
        return;
    p->dead = true;
    adit_list_del(&p->node);
    if (p->iface) {
        p->iface->port = NULL;
    } else {
        if (p->proxy_index)
            (void)dp_undo_proxy(p->proxy_index, &p->address, false);
        routes_down(p);
        tables_down(p);
    }
    port_bury(p);
}

bool dp_is_open(void) { return dp.open; }

/* ---- an interface that was taken away ---------------------------------------------------------- */

static void again(void *u)
{
    struct dp_tun *t = u;
    char name[IFNAMSIZ];
    memcpy(name, t->name, sizeof name);
    uint32_t mtu = t->mtu;
    dp_tun_close(t, true);
    if (dp_tun_open(t, name, mtu, dp_conf.offload) == 0) {
        if ((t->iface ? dp_iface_up(t->iface) : shared_up()) == 0) {
            ADIT_LIST_EACH(n, &dp.ports) {
                struct dp_port *p = ADIT_OF(n, struct dp_port, node);
                if (p->tun == t && !p->iface)
                    (void)routes_up(p);
            }
            LOG_EVENT("datapath", &ev_back, ADIT_KV_S("tun", t->name));
            return;
        }
    }
    memcpy(t->name, name, sizeof name);
    t->again = loop_timer_new(again, t);
    if (t->again)
        loop_timer_set(t->again, 5000);
}

/* May come from inside a write: the rest is done later. */
void dp_tun_gone(struct dp_tun *t)
{
    if (t->again || t->fd < 0)
        return;
    LOG_EVENT("datapath", &ev_gone, ADIT_KV_S("tun", t->name));
    if (t->watch)
        loop_fd_want(t->watch, 0);
    t->again = loop_timer_new(again, t);
    if (t->again)
        loop_timer_set(t->again, 1000);
}
