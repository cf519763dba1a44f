/* dhcp_io.c - a pool's place in the network, and its clock.
 *
 * Knows:  the port that answers come to, where servers are, addresses of interfaces,
 *         one timer for all leases (a heap).
 * Leaves: messages to dhcp_msg, what they mean to dhcp_pool.
 */
#include "dhcp_pool.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>

#define WATCH_MS 3000u          /* an interface may get, lose or change its address */
#define BROADCAST 0xffffffffu

struct adit_addr dhcp_addr(uint32_t a)
{
    struct adit_addr r = { .family = ADIT_AF_IPV4, .prefix = 32 };
    struct wr w = wr_of(r.ip, 4);
    wr_u32(&w, a);
    return r;
}

uint32_t dhcp_number(const struct adit_addr *a)
{
    struct rd r = rd_of(a->ip, 4);
    return a->family == ADIT_AF_IPV4 ? rd_u32(&r) : 0;
}

/* ---- addresses of this host ------------------------------------------------------ */

static uint32_t of_sockaddr(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    if (!sa || sa->sa_family != AF_INET)
        return 0;
    memcpy(&in, sa, sizeof in);
    return ntohl(in.sin_addr.s_addr);
}

bool dhcp_io_is_ours(uint32_t address)
{
    struct ifaddrs *all;
    bool ours = false;
    if (getifaddrs(&all))
        return false;
    for (const struct ifaddrs *i = all; i && !ours; i = i->ifa_next)
        ours = of_sockaddr(i->ifa_addr) == address;
    freeifaddrs(all);
    return ours;
}

/* The address to ask from: the one that is configured, else the interface's first,
 * which the kernel itself prefers. 0: there is none (yet), and why. */
static uint32_t find_address(const struct dhcp_pool *p, uint32_t *mask, const char **why)
{
    const struct dhcp_conf *c = p->self->conf;
    const bool on_interface = c->interface && c->interface[0];
    uint32_t want = dhcp_number(&c->relay), got = 0;
    struct ifaddrs *all;
    *mask = 0;
    *why = "this host has no such address";
    if (getifaddrs(&all))
        return 0;
    if (on_interface)
        *why = "this host has no such interface";
    for (const struct ifaddrs *i = all; i && !got; i = i->ifa_next) {
        if (on_interface && strcmp(i->ifa_name, c->interface) != 0)
            continue;
        if (on_interface)
            *why = want ? "the interface does not have the address" :
                          "the interface has no IPv4 address";
        uint32_t a = of_sockaddr(i->ifa_addr);
        if (!a || (want && a != want))
            continue;
        if (!(i->ifa_flags & IFF_UP)) {
            *why = "the interface is down";
            continue;
        }
        got = a;
        *mask = of_sockaddr(i->ifa_netmask);
    }
    freeifaddrs(all);
    return got;
}

/* ---- the port ---------------------------------------------------------------------- */

static void drop_paths(struct dhcp_pool *p)
{
    for (unsigned i = 0; i < DHCP_PATHS; i++) {
        if (p->paths[i].path)
            p->self->host->path->drop(p->paths[i].path);
        p->paths[i].path = NULL;
    }
}

static void unbind(struct dhcp_pool *p)
{
    drop_paths(p);
    if (p->port)
        p->self->host->path->unbind(p->port);
    p->port = NULL;
    p->giaddr = 0;
}

static void drop(struct dhcp_pool *p, enum dhcp_counter which, const struct adit_addr *peer,
                 const char *why)
{
    adit_count(p->self, which);
    if (p->self->host->log->allow(p->self, &dhcp_ev_dropped, 6))
        adit_event(p->self, &dhcp_ev_dropped, ADIT_KV_ADDR("peer", peer),
                   ADIT_KV_S("reason", why));
}

static void rx_one(struct dhcp_pool *p, const struct adit_addr *peer, const struct adit_frame *f)
{
    struct dhcp_heard m;
    uint32_t from = dhcp_number(peer), rank = 0;
    if (!p->server_count && f->len && f->data[0] == 1)
        return;                 /* a question of somebody else on the LAN */
    const char *bad = dhcp_read(f->data, f->len, &m);
    if (bad) {
        drop(p, DHCP_RX_MALFORMED, peer, bad);
        return;
    }
    while (rank < p->server_count && p->servers[rank] != from)
        rank++;
    if (p->server_count && rank == p->server_count) {
        drop(p, DHCP_RX_STRANGER, peer, "its sender is not among the servers of the pool");
        return;
    }
    if (m.giaddr != p->giaddr) {
        drop(p, DHCP_RX_UNKNOWN, peer, "it is for another relay agent");
        return;
    }
    dhcp_pool_rx(p, &m, from, rank);
}

static void rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct dhcp_pool *p = u;
    const struct adit_addr peer = path->peer;
    for (uint32_t i = 0; i < n && p->port; i++)
        rx_one(p, &peer, v[i]);
}

/* What there is to say about a place is said once, not with every look. */
static void tell_waiting(struct dhcp_pool *p, const char *why, const char *remedy)
{
    const struct dhcp_conf *c = p->self->conf;
    if (p->bad_told)
        return;
    p->bad_told = true;
    adit_event(p->self, &dhcp_ev_waiting, ADIT_KV_S("interface", c->interface),
               ADIT_KV_ADDR("address", &c->relay), ADIT_KV_S("reason", why),
               ADIT_KV_S("remedy", remedy));
}

static int32_t bind_at(struct dhcp_pool *p, uint32_t address)
{
    static const struct adit_path_ops ops = { .size = sizeof ops, .rx = rx };
    struct adit_addr at = dhcp_addr(address);
    at.port = DHCP_PORT;
    p->broadcasts = p->server_count == 0;
    return p->self->host->path->bind(p->self, ADIT_PROTO_UDP, &at, ADIT_PATH_STEADY |
                                     (p->broadcasts ? ADIT_PATH_BROADCAST : 0), &ops, p, &p->port);
}

/* Looks where we stand: 0, also when there is nothing to stand on yet. */
static int32_t look(struct dhcp_pool *p)
{
    static const char taken[] = "UDP port 67 of this address is in use: a DHCP server or relay "
        "runs on this host";
    static const char taken_remedy[] = "ask a server on another host from an address that is "
        "free, or use a pool of type range with addresses that the server does not lease";
    const struct dhcp_conf *c = p->self->conf;
    const char *why;
    uint32_t mask, address = find_address(p, &mask, &why);
    if (!address) {
        if (p->port)
            p->bad_told = false;
        unbind(p);
        tell_waiting(p, why, "it is looked for every few seconds; give the interface an IPv4 "
                     "address, or correct the name");
        return 0;
    }
    p->mask = mask;
    if (p->port && address == p->giaddr && p->broadcasts == (p->server_count == 0))
        return 0;
    unbind(p);
    int32_t rc = bind_at(p, address);
    if (rc) {
        tell_waiting(p, rc == ADIT_EADDRINUSE ? taken : "UDP port 67 cannot be bound",
                     rc == ADIT_EADDRINUSE ? taken_remedy : "the log says more");
        return rc == ADIT_EADDRINUSE ? adit_fail(p->self, rc, "%s; %s", taken, taken_remedy) : rc;
    }
    p->giaddr = address;
    p->bad_told = false;
    const struct adit_addr at = dhcp_addr(address);
    adit_event(p->self, &dhcp_ev_ready, ADIT_KV_ADDR("address", &at),
               ADIT_KV_S("interface", c->interface));
    return 0;
}

static void watch(void *u)
{
    struct dhcp_pool *p = u;
    (void)look(p);              /* it is told in there */
    p->self->host->loop->timer_set(p->watch, WATCH_MS);
}

/* ---- sending -------------------------------------------------------------------------- */

static struct adit_path *path_to(struct dhcp_pool *p, uint32_t to, uint16_t port)
{
    const struct adit_host *h = p->self->host;
    struct adit_addr peer = dhcp_addr(to);
    struct dhcp_path *slot;
    for (unsigned i = 0; i < DHCP_PATHS; i++)
        if (p->paths[i].path && p->paths[i].to == to)
            return p->paths[i].path;
    slot = &p->paths[p->path_next++ % DHCP_PATHS];
    h->path->drop(slot->path);
    slot->path = NULL;
    slot->to = to;
    peer.port = port;
    return h->path->open(p->port, &peer, &slot->path) ? NULL : slot->path;
}

static uint16_t port_of(const struct dhcp_pool *p, uint32_t server)
{
    for (uint32_t i = 0; i < p->server_count; i++)
        if (p->servers[i] == server)
            return p->server_ports[i];
    return DHCP_PORT;
}

static void send_to(struct dhcp_pool *p, uint32_t to, const uint8_t *msg, size_t len)
{
    uint8_t buf[ADIT_ROOM + DHCP_SAY + ADIT_ROOM];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    struct adit_path *path = path_to(p, to, port_of(p, to));
    if (!path)
        return;                 /* no route: as if it were lost */
    memcpy(f.data, msg, len);
    p->self->host->path->tx(path, &v, 1);
}

void dhcp_io_send(struct dhcp_own *o, struct dhcp_say *m, enum dhcp_to to)
{
    static const enum dhcp_counter counter[DHCP_TYPES] = {
        [DHCP_DISCOVER] = DHCP_TX_DISCOVER, [DHCP_REQUEST] = DHCP_TX_REQUEST,
        [DHCP_DECLINE] = DHCP_TX_DECLINE, [DHCP_RELEASE] = DHCP_TX_RELEASE,
    };
    struct dhcp_pool *p = o->pool;
    const struct dhcp_conf *c = p->self->conf;
    uint8_t msg[DHCP_SAY];
    adit_count(p->self, counter[m->type]);
    if (!p->port)
        return;
    m->giaddr = p->giaddr;
    m->link = dhcp_number(&c->subnet);
    memcpy(m->chaddr, o->chaddr, sizeof m->chaddr);
    m->client_id = o->client_id;
    m->client_id_len = o->client_id_len;
    m->host = o->host;
    size_t len = dhcp_write(m, msg, sizeof msg);
    if (!len)
        return;
    if (to == DHCP_TO_ONE && o->m.server_at)
        send_to(p, o->m.server_at, msg, len);
    else if (!p->server_count)
        send_to(p, BROADCAST, msg, len);
    else
        for (uint32_t i = 0; i < p->server_count; i++)
            send_to(p, p->servers[i], msg, len);
}

/* ---- the clock: a heap of leases by when they are due ------------------------------------- */

static void heap_set(struct dhcp_pool *p, uint32_t slot, struct dhcp_own *o)
{
    p->heap[slot] = o;
    o->slot = slot;
}

static void heap_up(struct dhcp_pool *p, uint32_t at)
{
    struct dhcp_own *o = p->heap[at];
    for (; at > 1 && p->heap[at / 2]->due_ms > o->due_ms; at /= 2)
        heap_set(p, at, p->heap[at / 2]);
    heap_set(p, at, o);
}

static void heap_down(struct dhcp_pool *p, uint32_t at)
{
    struct dhcp_own *o = p->heap[at];
    for (;;) {
        uint32_t child = at * 2;
        if (child > p->heap_count)
            break;
        if (child < p->heap_count && p->heap[child + 1]->due_ms < p->heap[child]->due_ms)
            child++;
        if (p->heap[child]->due_ms >= o->due_ms)
            break;
        heap_set(p, at, p->heap[child]);
        at = child;
    }
    heap_set(p, at, o);
}

static void set_timer(struct dhcp_pool *p)
{
    const struct adit_loop_api *loop = p->self->host->loop;
    if (!p->heap_count) {
        loop->timer_stop(p->timer);
        return;
    }
    uint64_t now = loop->now(), due = p->heap[1]->due_ms;
    loop->timer_set(p->timer, due > now ? due - now : 0);
}

void dhcp_io_due(struct dhcp_own *o, uint64_t due_ms)
{
    struct dhcp_pool *p = o->pool;
    const struct dhcp_own *first = p->heap_count ? p->heap[1] : NULL;
    uint64_t first_ms = first ? first->due_ms : 0;
    if (o->slot && due_ms == o->due_ms)
        return;
    o->due_ms = due_ms;
    if (due_ms == DHCP_NEVER) {
        uint32_t at = o->slot;
        if (!at)
            return;
        struct dhcp_own *last = p->heap[p->heap_count--];
        o->slot = 0;
        if (last != o) {
            heap_set(p, at, last);
            heap_up(p, at);
            heap_down(p, last->slot);
        }
    } else {
        if (!o->slot) {
            /* there is room for every lease: dhcp_io_room() saw to it */
            heap_set(p, ++p->heap_count, o);
        }
        heap_up(p, o->slot);
        heap_down(p, o->slot);
    }
    if (!p->heap_count || p->heap[1] != first || p->heap[1]->due_ms != first_ms)
        set_timer(p);
}

bool dhcp_io_room(struct dhcp_pool *p, uint32_t leases)
{
    if (leases < p->heap_room)
        return true;
    uint32_t room = p->heap_room ? p->heap_room * 2 : 64;
    struct dhcp_own **heap = realloc(p->heap, room * sizeof(struct dhcp_own *));
    if (!heap)
        return false;
    p->heap = heap;
    p->heap_room = room;
    return true;
}

static void fire(void *u)
{
    struct dhcp_pool *p = u;
    uint64_t now = p->self->host->loop->now();
    while (p->heap_count && p->heap[1]->due_ms <= now) {
        struct dhcp_own *o = p->heap[1];
        dhcp_io_due(o, DHCP_NEVER);
        dhcp_pool_due(o, now);
    }
    set_timer(p);
}

/* ---- life ----------------------------------------------------------------------------------- */

int32_t dhcp_io_conf(struct dhcp_pool *p, const struct dhcp_conf *c)
{
    uint32_t n = 0, servers[DHCP_SERVERS];
    uint16_t ports[DHCP_SERVERS];
    if (!(c->interface && c->interface[0]) && c->relay.family == ADIT_AF_NONE)
        return adit_fail(p->self, ADIT_ECONF, "neither interface nor relay-address is given; name "
                         "the LAN of the DHCP server, or our address towards it");
    if (c->interface && strlen(c->interface) >= IF_NAMESIZE)
        return adit_fail(p->self, ADIT_ECONF, "interface: '%s' is no name of an interface",
                         c->interface);
    if ((c->relay.family && !dhcp_number(&c->relay)) ||
        (c->subnet.family && !dhcp_number(&c->subnet)) ||
        (c->server_address.family && !dhcp_number(&c->server_address)))
        return adit_fail(p->self, ADIT_ECONF, "relay-address, subnet and server-address are IPv4 "
                         "addresses");
    if (c->servers.count > DHCP_SERVERS)
        return adit_fail(p->self, ADIT_ECONF, "servers: at most %u are asked", DHCP_SERVERS);
    for (uint32_t i = 0; i < c->servers.count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)c->servers.items + (size_t)i * c->servers.stride, sizeof a);
        if (!dhcp_number(&a))
            return adit_fail(p->self, ADIT_ECONF, "servers: item %u is not an IPv4 address", i + 1);
        servers[n] = dhcp_number(&a);
        ports[n++] = a.port ? a.port : DHCP_PORT;
    }
    if (c->silent_ms > c->timeout_ms)
        return adit_fail(p->self, ADIT_ECONF, "silent-timeout is longer than timeout");
    memcpy(p->servers, servers, sizeof servers);
    memcpy(p->server_ports, ports, sizeof ports);
    p->server_count = n;
    drop_paths(p);              /* ports of servers may differ */
    if (p->port)
        (void)look(p);          /* it may broadcast now, or not any more */
    return 0;
}

int32_t dhcp_io_start(struct dhcp_pool *p)
{
    const struct adit_loop_api *loop = p->self->host->loop;
    if (!p->timer)
        p->timer = loop->timer_new(p->self, fire, p);
    if (!p->watch)
        p->watch = loop->timer_new(p->self, watch, p);
    if (!p->timer || !p->watch)
        return adit_fail(p->self, ADIT_ENOMEM, "out of memory");
    int32_t rc = look(p);
    if (!rc)
        loop->timer_set(p->watch, WATCH_MS);
    return rc;
}

void dhcp_io_free(struct dhcp_pool *p)
{
    unbind(p);
    p->self->host->loop->timer_free(p->timer);
    p->self->host->loop->timer_free(p->watch);
    free(p->heap);
}
