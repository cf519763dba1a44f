/* path.c - ports, paths and security layers.
 *
 * Knows:  which path a datagram belongs to, who holds it, what a port demands.
 * Leaves: sockets to path_sock, sending to path_tx, associations that are to be
 *         begun to path_dial.
 *
 * A path that nobody holds lives only while its datagrams are handed on, so
 * that a flood from invented senders costs no memory.
 */
#include "path/path_int.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "crypto/crypto.h"
#include "log/log.h"

#define MOST_HOOKS 32u
#define MOST_SPARE 64u          /* freed paths that are kept for the next sender */

ADIT_EVENT(ev_unsecured, "path.unsecured", ADIT_LOG_NOTICE,
    "Datagrams arrived in clear at a port that demands a security association; they were dropped.",
    "peer our protocol");
ADIT_EVENT(ev_bound, "path.bound", ADIT_LOG_INFO, "A port for datagrams is open.",
    "protocol at secure");

struct path_stat path_stats;
struct adit_node path_ports = { &path_ports, &path_ports };
struct adit_node path_layers = { &path_layers, &path_layers };
static struct adit_table paths;
static struct path *spare;
static uint32_t spare_count;
static uint64_t seed;
static struct { void (*flush)(void *u); void *u; } hooks[MOST_HOOKS];
static uint32_t hook_count;

const struct path_stat *path_stat(void)
{
    return &path_stats;
}

/* ---- flush ------------------------------------------------------------------ */

void path_on_flush(void (*flush)(void *u), void *u)
{
    path_off_flush(flush, u);
    if (hook_count < MOST_HOOKS) {
        hooks[hook_count].flush = flush;
        hooks[hook_count++].u = u;
    } else {
        (void)log_fail("path", ADIT_ENOSPC, "more than %u flush hooks", MOST_HOOKS);
    }
}

void path_off_flush(void (*flush)(void *u), void *u)
{
    for (uint32_t i = 0; i < hook_count; i++)
        if (hooks[i].flush == flush && hooks[i].u == u) {
            memmove(&hooks[i], &hooks[i + 1], (hook_count - i - 1) * sizeof hooks[0]);
            hook_count--;
            return;
        }
}

void path_flush(void)
{
    for (uint32_t i = 0; i < hook_count; i++)
        hooks[i].flush(hooks[i].u);
    path_frames_recycle();
}

/* ---- paths -------------------------------------------------------------------- */

/* Addresses are kept in one form, so that equal ones have equal bytes. */
static struct adit_addr plain_addr(const struct adit_addr *a)
{
    struct adit_addr c = { .family = a->family, .port = a->port };
    if (a->family == ADIT_AF_IPV4) {
        c.prefix = 32;
        memcpy(c.ip, a->ip, 4);
    } else if (a->family == ADIT_AF_IPV6) {
        c.prefix = 128;
        memcpy(c.ip, a->ip, 16);
        if (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80)
            c.zone = a->zone;
    }
    return c;
}

static uint32_t mix(const struct adit_port *port, const struct path_assoc *assoc,
                    const struct adit_addr *our, const struct adit_addr *peer)
{
    uint64_t w[8], x = seed;
    memcpy(w, our, 24);
    memcpy(w + 3, peer, 24);
    w[6] = (uint64_t)(uintptr_t)port;
    w[7] = (uint64_t)(uintptr_t)assoc;
    for (int i = 0; i < 8; i++) {
        x = (x ^ w[i]) * 0x9e3779b97f4a7c15u;
        x ^= x >> 29;
    }
    return (uint32_t)(x >> 24);
}

struct path *path_find(struct adit_port *port, struct path_assoc *assoc,
                       const struct adit_addr *our, const struct adit_addr *peer, bool make)
{
    if (!seed)
        crypto_random(&seed, sizeof seed);
    uint32_t hash = mix(port, assoc, our, peer);
    /* a call that failed does not stand in the way of the next */
    bool skip_gone = !assoc && port->flags & ADIT_PATH_SECURE;
    for (struct adit_entry *n = adit_table_first(&paths, hash); n; n = adit_table_next(&paths, n)) {
        struct path *p = ADIT_OF(n, struct path, node);
        if (p->port == port && p->assoc == assoc && !(p->gone && skip_gone) &&
            memcmp(&p->pub.our, our, sizeof *our) == 0 &&
            memcmp(&p->pub.peer, peer, sizeof *peer) == 0)
            return p;
    }
    if (!make)
        return NULL;
    struct path *p = spare;
    if (p) {
        spare = p->touched;
        spare_count--;
        memset(p, 0, sizeof *p);
    } else if (!(p = calloc(1, sizeof *p))) {
        return NULL;
    }
    p->pub = (struct adit_path){ .size = sizeof p->pub, .protocol = port->protocol, .our = *our,
                                 .peer = *peer, .security = assoc ? &assoc->info : NULL };
    p->port = port;
    port->refs++;
    p->assoc = assoc;
    if (assoc) {
        adit_list_add(&assoc->paths, &p->in_assoc);
        assoc->refs++;
    }
    path_tx_prepare(p);
    adit_table_add(&paths, hash, &p->node);
    path_stats.paths++;
    return p;
}

void path_assoc_unref(struct path_assoc *a)
{
    if (--a->refs)
        return;
    if (a->layer) {
        adit_list_del(&a->node);
        if (a->used && a->layer->sec->unused)
            a->layer->sec->unused(a->layer->self, &a->info);
    }
    free((char *)(uintptr_t)a->info.name);
    free((char *)(uintptr_t)a->info.identity);
    free((char *)(uintptr_t)a->info.transform);
    free(a);
}

void path_idle(struct path *p)
{
    if (p->refs || p->busy)
        return;
    adit_table_del(&paths, &p->node);
    adit_list_del(&p->calling);
    path_stats.paths--;
    if (p->assoc) {
        adit_list_del(&p->in_assoc);
        path_assoc_unref(p->assoc);
    }
    path_port_unref(p->port);
    if (spare_count < MOST_SPARE) {
        p->touched = spare;
        spare = p;
        spare_count++;
    } else {
        free(p);
    }
}

void path_hand(struct path *p, struct adit_frame **v, uint32_t n)
{
    if (!p->port->closed && !p->gone && n)
        p->port->ops.rx(p->port->u, &p->pub, v, n);
}

bool path_refuses_clear(struct adit_port *port, const struct adit_addr *our,
                        const struct adit_addr *peer, uint32_t n)
{
    if (!(port->flags & ADIT_PATH_SECURE))
        return false;
    path_stats.rx_unsecured += n;
    if (!log_allow(&ev_unsecured, 10))
        return true;
    LOG_EVENT("path", &ev_unsecured, ADIT_KV_ADDR("peer", peer), ADIT_KV_ADDR("our", our),
              ADIT_KV_U("protocol", port->protocol));
    struct adit_link_info i = { .size = sizeof i, .role = ADIT_ROLE_ANSWER, .our = *our, .peer = *peer };
    const struct adit_link_api *link = port->self ? port->self->host->link : NULL;
    if (ADIT_HAS(link, failed))
        link->failed(port->self, &i, ADIT_CAUSE_CLEAR_REFUSED, NULL);
    return true;
}

/* What fits without fragments: the route's MTU less IP, UDP and the security
 * layer's growth. */
static void measure(struct path *p)
{
    struct adit_addr our = p->pub.our;
    uint32_t mtu = path_route(&p->pub.peer, &our);
    uint32_t less = p->pub.peer.family == ADIT_AF_IPV6 ? 40 : 20;
    if (p->pub.protocol == ADIT_PROTO_UDP)
        less += 8;
    if (p->assoc)
        less += p->assoc->info.overhead;
    if (mtu < 576)
        mtu = mtu ? 576 : 1500;
    p->pub.mtu = mtu > less ? mtu - less : 0;
}

static struct adit_path *hold(struct adit_path *pub)
{
    struct path *p = PATH_OF(pub);
    if (p->refs++ == 0) {
        path_stats.held++;
        if (p->assoc)
            p->assoc->used = true;
        if (!pub->mtu)
            measure(p);
    }
    return pub;
}

static void drop(struct adit_path *pub)
{
    if (!pub)
        return;
    struct path *p = PATH_OF(pub);
    if (p->refs == 0)
        return;
    if (--p->refs == 0) {
        path_stats.held--;
        path_dial_drop(p);
        path_idle(p);
    }
}

/* ---- ports --------------------------------------------------------------------- */

void path_port_unref(struct adit_port *port)
{
    if (--port->refs == 0)
        free(port);
}

static void cover(struct path_layer *l, const struct adit_port *port)
{
    if (l->sec->cover && port->self != l->self)
        (void)l->sec->cover(l->self, port->protocol, &port->at);
}

static int32_t refuse(const struct adit_port *port, int32_t code)
{
    char at[ADDR_TEXT];
    const char *what = port->protocol == ADIT_PROTO_UDP ? "UDP" :
                       port->protocol == ADIT_PROTO_GRE ? "GRE (protocol 47)" : "ESP (protocol 50)";
    addr_text(&port->at, at);
    if (code == ADIT_EADDRINUSE)
        return log_fail("path", code, "%s %s: the address is in use; another daemon serves it", what, at);
    if (code == ADIT_EDENIED)
        return log_fail("path", code, "%s %s: not permitted; CAP_NET_RAW and CAP_NET_BIND_SERVICE are needed",
                        what, at);
    if (code == ADIT_EUNREACH)
        return log_fail("path", code, "%s %s: this host has no such address", what, at);
    return log_fail("path", code, "%s %s: %s", what, at, strerror(errno));
}

static void close_all(struct adit_port *port)
{
    path_sock_close(&port->sock[0]);
    path_sock_close(&port->sock[1]);
    path_sock_close(&port->ear);
}

static struct {
    void (*changed)(void *u);
    void *u;
} ports;

void path_on_ports(void (*changed)(void *u), void *u)
{
    ports.changed = changed;
    ports.u = u;
}

static void ports_changed(void)
{
    if (ports.changed)
        ports.changed(ports.u);
}

bool path_clear(uint16_t number)
{
    ADIT_LIST_EACH(n, &path_ports) {
        const struct adit_port *p = ADIT_OF(n, struct adit_port, node);
        if (p->protocol == ADIT_PROTO_UDP && p->at.port == number && !(p->flags & ADIT_PATH_SECURE))
            return true;
    }
    return false;
}

static int32_t bind_port(struct adit_self *self, uint32_t protocol, const struct adit_addr *at,
                         uint32_t flags, const struct adit_path_ops *ops, void *u,
                         struct adit_port **out)
{
    bool both = protocol != ADIT_PROTO_GRE;         /* families */
    if ((both && protocol != ADIT_PROTO_UDP && protocol != ADIT_PROTO_ESP) || !ops || !out ||
        ops->size < offsetof(struct adit_path_ops, rx) + sizeof ops->rx || !ops->rx ||
        (!both && at && at->family == ADIT_AF_IPV6) ||
        (flags & ADIT_PATH_BROADCAST &&
         (protocol != ADIT_PROTO_UDP || !at || at->family != ADIT_AF_IPV4 || path_any(at))))
        return ADIT_EINVAL;
    struct adit_port *port = calloc(1, sizeof *port);
    if (!port)
        return ADIT_ENOMEM;
    memcpy(&port->ops, ops, ops->size < sizeof port->ops ? ops->size : sizeof port->ops);
    port->self = self;
    port->protocol = protocol;
    port->flags = flags;
    port->u = u;
    port->refs = 1;
    port->sock[0].fd = port->sock[1].fd = port->ear.fd = -1;
    if (at)
        port->at = *at;
    if (protocol != ADIT_PROTO_UDP)
        port->at.port = 0;
    bool any = port->at.family == ADIT_AF_NONE;
    int32_t rc = ADIT_ENOSYS;
    if (port->at.family != ADIT_AF_IPV6)
        rc = path_sock_open(&port->sock[0], port, AF_INET);
    if (both && (port->at.family == ADIT_AF_IPV6 || (any && rc == 0))) {
        int32_t rc6 = path_sock_open(&port->sock[1], port, AF_INET6);
        /* a host without IPv6 still serves every address that it has */
        if (!any || (rc6 && rc6 != ADIT_ENOSYS && rc6 != ADIT_EUNREACH))
            rc = rc6;
    }
    if (!rc && flags & ADIT_PATH_BROADCAST)
        rc = path_sock_open(&port->ear, port, AF_INET);
    if (rc) {
        rc = refuse(port, rc);
        close_all(port);
        free(port);
        return rc;
    }
    adit_list_add(&path_ports, &port->node);
    LOG_EVENT("path", &ev_bound, ADIT_KV_U("protocol", protocol), ADIT_KV_ADDR("at", &port->at),
              ADIT_KV_BOOL("secure", flags & ADIT_PATH_SECURE));
    ADIT_LIST_EACH(n, &path_layers)
        cover(ADIT_OF(n, struct path_layer, node), port);
    *out = port;
    ports_changed();
    return 0;
}

static void unbind(struct adit_port *port)
{
    if (!port || port->closed)
        return;
    port->closed = true;
    adit_list_del(&port->node);
    close_all(port);
    path_port_unref(port);
    ports_changed();
}

struct adit_port *path_port(uint32_t protocol, const struct adit_addr *at)
{
    struct adit_port *any = NULL;
    ADIT_LIST_EACH(n, &path_ports) {
        struct adit_port *p = ADIT_OF(n, struct adit_port, node);
        if (p->protocol != protocol || p->at.port != at->port)
            continue;
        if (path_any(&p->at) && (!p->at.family || p->at.family == at->family))
            any = p;
        else if (adit_same_host(&p->at, at))
            return p;
    }
    return any;
}

/* ---- calling ---------------------------------------------------------------------- */

int32_t path_open(struct adit_port *port, struct path_assoc *assoc, const struct adit_addr *our,
                  const struct adit_addr *peer, struct path **out)
{
    if (!port || port->closed || !peer || !out ||
        (peer->family != ADIT_AF_IPV4 && peer->family != ADIT_AF_IPV6) ||
        (port->protocol == ADIT_PROTO_UDP && peer->port == 0))
        return ADIT_EINVAL;
    struct adit_addr from, to = plain_addr(peer);
    if (port->sock[to.family == ADIT_AF_IPV6].fd < 0)
        return ADIT_EUNREACH;
    if (path_everybody(&to) && !(port->flags & ADIT_PATH_BROADCAST))
        return ADIT_EDENIED;
    from = port->at;
    if (!path_route(&to, &from))
        return ADIT_EUNREACH;
    if (!path_any(&port->at))
        from = port->at;
    if (our && our->family == to.family)
        from = *our;
    from.port = port->at.port;
    from = plain_addr(&from);
    if (port->protocol != ADIT_PROTO_UDP)
        from.port = to.port = 0;
    struct path *p = path_find(port, assoc, &from, &to, true);
    if (!p)
        return ADIT_ENOMEM;
    hold(&p->pub);
    *out = p;
    if (!assoc && !(port->flags & (ADIT_PATH_SECURE | ADIT_PATH_STEADY)) && p->refs == 1 &&
        !path_everybody(&to))
        path_sock_errors(&port->sock[to.family == ADIT_AF_IPV6], p);
    return 0;
}

void path_gone(struct path *p)
{
    p->gone = true;
    adit_list_del(&p->calling);
    if (!p->refs || p->port->closed || !p->port->ops.gone)
        return;
    p->busy++;
    p->port->ops.gone(p->port->u, &p->pub);
    p->busy--;
    path_idle(p);
}

static int32_t api_open_from(struct adit_port *port, const struct adit_addr *our,
                             const struct adit_addr *peer, struct adit_path **out)
{
    struct path *p;
    if (port && port->flags & ADIT_PATH_SECURE)
        return path_dial(port, our, peer, out);
    int32_t rc = out ? path_open(port, NULL, our, peer, &p) : ADIT_EINVAL;
    if (!rc)
        *out = &p->pub;
    return rc;
}

static int32_t api_open(struct adit_port *port, const struct adit_addr *peer, struct adit_path **out)
{
    return api_open_from(port, NULL, peer, out);
}

static void api_tx(struct adit_path *pub, struct adit_frame **v, uint32_t n)
{
    struct path *p = PATH_OF(pub);
    if (p->dial && n <= ADIT_VECTOR) {
        path_dial_tx(p, v, n);
        return;
    }
    if (p->gone || p->port->closed || (p->port->flags & ADIT_PATH_SECURE && !p->assoc) ||
        n > ADIT_VECTOR) {
        path_stats.tx_dropped += n;
        return;
    }
    if (p->assoc)
        p->assoc->layer->sec->tx(p->assoc->layer->self, &p->assoc->info, pub, v, n);
    else
        path_tx_clear(p, v, n);
}

/* ---- security layers ----------------------------------------------------------------- */

static struct path_layer *layer_of(const struct adit_self *self)
{
    ADIT_LIST_EACH(n, &path_layers)
        if (ADIT_OF(n, struct path_layer, node)->self == self)
            return ADIT_OF(n, struct path_layer, node);
    return NULL;
}

static uint32_t handle_hash(const void *handle)
{
    return (uint32_t)((uint64_t)(uintptr_t)handle * 0x9e3779b97f4a7c15u >> 40);
}

static struct path_assoc *assoc_of(const struct path_layer *l, const void *handle)
{
    ADIT_LIST_EACH(n, adit_hash_chain(&l->assocs, handle_hash(handle)))
        if (ADIT_OF(n, struct path_assoc, node)->info.handle == handle)
            return ADIT_OF(n, struct path_assoc, node);
    return NULL;
}

static char *copied(const char *s)
{
    return s ? strdup(s) : NULL;
}

static struct path_assoc *assoc_make(struct path_layer *l, const struct adit_security_info *info)
{
    struct path_assoc *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    memcpy(&a->info, info, info->size < sizeof a->info ? info->size : sizeof a->info);
    a->info.size = sizeof a->info;
    a->info.name = copied(a->info.name);
    a->info.identity = copied(a->info.identity);
    a->info.transform = copied(a->info.transform);
    a->layer = l;
    adit_list_init(&a->paths);
    adit_hash_add(&l->assocs, handle_hash(a->info.handle), &a->node);
    return a;
}

struct path_assoc *path_assoc_get(struct path_layer *l, const struct adit_security_info *info)
{
    struct path_assoc *a = assoc_of(l, info->handle);
    if (a || (a = assoc_make(l, info)))
        a->refs++;
    return a;
}

void path_secure(struct path *p, struct path_assoc *a)
{
    adit_table_del(&paths, &p->node);
    adit_list_add(&a->paths, &p->in_assoc);
    a->refs++;
    a->used = true;
    p->assoc = a;
    p->pub.security = &a->info;
    adit_table_add(&paths, mix(p->port, a, &p->pub.our, &p->pub.peer), &p->node);
    measure(p);
}

const struct adit_self *path_unprotected(void)
{
    if (!adit_list_empty(&path_layers))
        return NULL;
    ADIT_LIST_EACH(n, &path_ports)
        if (ADIT_OF(n, struct adit_port, node)->flags & ADIT_PATH_SECURE)
            return ADIT_OF(n, struct adit_port, node)->self;
    return NULL;
}

int32_t path_security(struct adit_self *self, const struct adit_security *sec)
{
    if (!sec || !sec->tx)
        return ADIT_EINVAL;
    if (layer_of(self))
        return ADIT_EEXIST;
    struct path_layer *l = calloc(1, sizeof *l);
    if (!l)
        return ADIT_ENOMEM;
    l->self = self;
    l->sec = sec;
    adit_hash_init(&l->assocs, l->buckets, PATH_ASSOC_BITS);
    adit_list_add(&path_layers, &l->node);
    ADIT_LIST_EACH(n, &path_ports)
        cover(l, ADIT_OF(n, struct adit_port, node));
    return 0;
}

/* Says gone() for every held path; the association lives until the last of
 * them is dropped. */
static void assoc_end(struct path_assoc *a)
{
    if (a->ended)
        return;
    a->ended = true;
    a->refs++;
    adit_list_del(&a->node);
    ADIT_LIST_EACH(n, &a->paths)
        ADIT_OF(n, struct path, in_assoc)->gone = true;
    for (bool more = true; more;) {
        more = false;
        ADIT_LIST_EACH(n, &a->paths) {
            struct path *p = ADIT_OF(n, struct path, in_assoc);
            adit_list_del(n);               /* each is told once */
            if (p->refs) {
                path_gone(p);
                more = true;                /* the list may have changed under us */
                break;
            }
        }
    }
    a->layer = NULL;            /* nobody is told that it is unused */
    path_assoc_unref(a);
}

void path_security_end(struct adit_self *self, const void *handle)
{
    struct path_layer *l = layer_of(self);
    struct path_assoc *a = l ? assoc_of(l, handle) : NULL;
    if (a)
        assoc_end(a);
}

void path_security_off(struct adit_self *self)
{
    struct path_layer *l = layer_of(self);
    if (!l)
        return;
    path_dial_off(l);
    for (uint32_t i = 0; i <= l->assocs.mask; i++)
        while (!adit_list_empty(&l->buckets[i]))
            assoc_end(ADIT_OF(l->buckets[i].next, struct path_assoc, node));
    adit_list_del(&l->node);
    free(l);
}

void path_deliver(struct adit_port *port, struct adit_self *self,
                  const struct adit_security_info *info, const struct adit_addr *our,
                  const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    struct path_layer *l = layer_of(self);
    if (!l || !info || port->closed || n == 0 || n > ADIT_VECTOR)
        return;
    struct adit_addr o = plain_addr(our), r = plain_addr(peer);
    struct path_assoc *a = path_assoc_get(l, info);
    if (!a)
        return;
    struct path *p = path_find(port, a, &o, &r, true);
    if (p) {
        path_stats.rx_datagrams += n;
        p->busy++;
        path_hand(p, v, n);
        p->busy--;
        path_idle(p);
    }
    path_assoc_unref(a);
}

int32_t path_open_secure(struct adit_port *port, struct adit_self *self,
                         const struct adit_security_info *info, const struct adit_addr *our,
                         const struct adit_addr *peer, struct adit_path **out)
{
    struct path_layer *l = layer_of(self);
    struct path *p;
    if (!l || !info || !out)
        return ADIT_EINVAL;
    struct path_assoc *a = path_assoc_get(l, info);
    if (!a)
        return ADIT_ENOMEM;
    int32_t rc = path_open(port, a, our, peer, &p);
    path_assoc_unref(a);
    if (!rc)
        *out = &p->pub;
    return rc;
}

static int32_t api_rx(struct adit_self *self, const struct adit_security_info *info,
                      uint32_t protocol, const struct adit_addr *our, const struct adit_addr *peer,
                      struct adit_frame **v, uint32_t n)
{
    if (!info || info->size < offsetof(struct adit_security_info, handle) + sizeof info->handle ||
        !layer_of(self) || n > ADIT_VECTOR)
        return ADIT_EINVAL;
    struct adit_port *port = path_port(protocol, our);
    if (!port || port->self == self)
        return ADIT_ENOENT;
    path_deliver(port, self, info, our, peer, v, n);
    return 0;
}

const struct adit_security_api path_security_api = {
    .size = sizeof path_security_api, .rx = api_rx, .end = path_security_end
};

const struct adit_path_api path_api = {
    .size = sizeof path_api, .bind = bind_port, .unbind = unbind, .open = api_open, .hold = hold,
    .drop = drop, .tx = api_tx, .open_from = api_open_from
};
