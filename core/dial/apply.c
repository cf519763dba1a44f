/* apply.c - the host's side of one connection: its interface, routes, DNS servers.
 *
 * Knows:  what an entry wants of the host, and how it is taken back.
 * Leaves: rtnetlink, nftables and the undo journal to the data path, names to resolv.
 *
 * A default route is two halves, which go before whatever default route is there and
 * leave it alone. The server itself stays on the outer way: a pin of the data path.
 */
#include "dial/apply.h"

#include <errno.h>
#include <stdarg.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/addr.h"
#include "datapath/dp.h"
#include "datapath/dp_nft.h"
#include "dial/resolv.h"
#include "log/log.h"

ADIT_EVENT(ev_route, "dial.route.failed", ADIT_LOG_WARN,
           "A route of a connection could not be set; another one to that network may be there.",
           "interface network code");

struct dial_host {
    struct book_entry *entry;
    struct dp_iface *iface;
    bool standing, routes_on, blocked;
    struct adit_addr pinned[DIAL_ADDRESSES];
    uint32_t pin_count;
    struct ses_dialled is;      /* what is set; family NONE: nothing */
    struct resolv *dns;
    void (*done)(void *u);
    void *u;
};

struct dp_iface *apply_iface(struct dial_host *h) { return h->iface; }
const char *apply_name(struct dial_host *h) { return dp_iface_name(h->iface); }

/* ---- IPv6 stays in ------------------------------------------------------------------ */

/* Neighbours and the link's own traffic go on: without them the way outside ends, too. */
static int32_t block(struct dial_host *h)
{
    char body[1536], name[32], text[ADDR_TEXT];
    int at = snprintf(body, sizeof body,
        "  chain output {\n"
        "    type filter hook output priority filter; policy accept;\n"
        "    meta nfproto != ipv6 accept\n"
        "    oifname { \"lo\", \"%s\" } accept\n"
        "    ip6 daddr { fe80::/10, ff00::/8 } accept\n", dp_iface_name(h->iface));
    for (uint32_t i = 0; i < h->pin_count; i++)
        if (h->pinned[i].family == ADIT_AF_IPV6)
            at += snprintf(body + at, sizeof body - (size_t)at, "    ip6 daddr %s accept\n",
                           addr_text_host(&h->pinned[i], text));
    (void)snprintf(body + at, sizeof body - (size_t)at, "    counter drop\n  }\n");
    snprintf(name, sizeof name, "6-%s", dp_iface_name(h->iface));
    int32_t rc = dp_nft_own(name, body);
    h->blocked |= !rc;
    return rc;
}

static void unblock(struct dial_host *h)
{
    char name[32];
    snprintf(name, sizeof name, "6-%s", dp_iface_name(h->iface));
    if (h->blocked)
        (void)dp_nft_own(name, NULL);
    h->blocked = false;
}

/* ---- the outer way ------------------------------------------------------------------- */

/* Our address and the largest packet on it, as the kernel says without sending any. */
static void probe(const struct adit_addr *server, struct dial_way *out)
{
    struct sockaddr_storage sa;
    struct adit_addr to = *server;
    to.port = 1701;
    socklen_t len = addr_to_sa(&to, (struct sockaddr *)&sa), mtu_len = sizeof(int);
    bool six = server->family == ADIT_AF_IPV6;
    int mtu = 0, fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *out = (struct dial_way){ .mtu = 0 };
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&sa, len) == 0) {
        len = sizeof sa;
        if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
            addr_of_sa((struct sockaddr *)&sa, &out->from);
        if (getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &mtu_len) == 0 && mtu > 0)
            out->mtu = (uint32_t)mtu;
    }
    out->from.port = 0;
    close(fd);
}

static void routes(struct dial_host *h, bool add);

/* The way that the host has beside this connection: routes that were kept while it is
 * down lead inside. */
static int pin(struct dial_host *h, const struct adit_addr *server)
{
    bool kept = h->routes_on;
    if (kept)
        routes(h, false);
    int rc = dp_pin(server, true);
    if (kept)
        routes(h, true);
    return rc;
}

int32_t apply_way(struct dial_host *h, const struct adit_addr *server, struct dial_way *out)
{
    uint32_t at = 0;
    while (at < h->pin_count && !adit_same_host(&h->pinned[at], server))
        at++;
    if (at < h->pin_count && h->routes_on) {
        probe(server, out);
        if (adit_same_host(&out->from, &h->is.our) || adit_same_host(&out->from, &h->is.our6)) {
            (void)dp_pin(server, false);        /* the host has moved: the pin went with its network */
            h->pinned[at] = h->pinned[--h->pin_count];
            at = h->pin_count;
        }
    }
    if (at == h->pin_count && h->pin_count < DIAL_ADDRESSES) {
        int rc = pin(h, server);
        if (rc)
            return rc;
        h->pinned[h->pin_count++] = *server;
        if (h->blocked && server->family == ADIT_AF_IPV6 && block(h))
            return ADIT_EIO;
    }
    probe(server, out);
    return 0;
}

static void unpin(struct dial_host *h)
{
    while (h->pin_count)
        (void)dp_pin(&h->pinned[--h->pin_count], false);
}

/* ---- inside ---------------------------------------------------------------------------- */

static void route(struct dp_iface *i, const struct adit_addr *net, bool add)
{
    int rc = dp_iface_route(i, net, 0, add);
    if (rc && add)
        LOG_EVENT("dial", &ev_route, ADIT_KV_S("interface", dp_iface_name(i)), ADIT_KV_ADDR("network", net),
                  ADIT_KV_S("code", log_code_name(rc)));
}

static void halves(struct dp_iface *i, uint8_t family, bool add)
{
    struct adit_addr half = { .family = family, .prefix = 1 };
    route(i, &half, add);
    half.ip[0] = 0x80;
    route(i, &half, add);
}

void apply_routes(struct dp_iface *i, const struct book_entry *e, bool add)
{
    for (uint32_t n = 0; n < e->c.routes.count; n++)
        route(i, book_addr(&e->c.routes, n), add);
}

/* DNS servers are asked through the connection also when not everything goes there. */
static uint32_t dns_of(const struct dial_host *h, struct adit_addr out[RESOLV_SERVERS])
{
    const struct book_conf *c = &h->entry->c;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->dns_servers.count && n < RESOLV_SERVERS; i++)
        out[n++] = *book_addr(&c->dns_servers, i);
    for (uint32_t i = 0; !c->dns_servers.count && c->dns && i < SES_DNS && h->is.dns[i].family; i++)
        out[n++] = h->is.dns[i];
    return n;
}

/* Its own route stays when that of the DNS server goes. */
static bool listed(const struct book_conf *c, const struct adit_addr *net)
{
    for (uint32_t i = 0; i < c->routes.count; i++) {
        const struct adit_addr *a = book_addr(&c->routes, i);
        if (a->prefix == net->prefix && adit_same_host(a, net))
            return true;
    }
    return false;
}

static void routes(struct dial_host *h, bool add)
{
    const struct book_conf *c = &h->entry->c;
    struct adit_addr dns[RESOLV_SERVERS];
    if (h->routes_on == add)
        return;
    h->routes_on = add;
    if (c->default_route && h->is.our.family)
        halves(h->iface, ADIT_AF_IPV4, add);
    if (c->default_route && h->is.our6.family)
        halves(h->iface, ADIT_AF_IPV6, add);
    uint32_t n = c->default_route ? 0 : dns_of(h, dns);
    for (uint32_t i = 0; i < n; i++) {
        dns[i].prefix = (uint8_t)(adit_addr_len(dns[i].family) * 8);
        dns[i].port = 0;
        if ((dns[i].family == ADIT_AF_IPV4 || h->is.our6.family) && !adit_same_host(&dns[i], &h->is.peer) &&
            !listed(c, &dns[i]))
            route(h->iface, &dns[i], add);
    }
    if (!h->standing)
        apply_routes(h->iface, h->entry, add);
}

static void address(struct dial_host *h, struct adit_addr *old, const struct adit_addr *our, const struct adit_addr *peer)
{
    static const struct adit_addr none;
    if (old->family && !(addr_equal(old, our) && our->family))
        (void)dp_iface_addr(h->iface, old, NULL, false);
    if (our->family)
        (void)dp_iface_addr(h->iface, our, peer, true);
    *old = our->family ? *our : none;
}

static void addresses(struct dial_host *h, const struct ses_dialled *is)
{
    static const struct ses_dialled none;
    if (!is)
        is = &none;
    address(h, &h->is.our, &is->our, &is->peer);
    address(h, &h->is.link6, &is->link6, NULL);
    address(h, &h->is.our6, &is->our6, NULL);
    if (h->standing)            /* the kernel takes all routes of an interface with its last address */
        apply_routes(h->iface, h->entry, true);
}

static void named(void *u)
{
    struct dial_host *h = u;
    void (*done)(void *) = h->done;
    h->done = NULL;
    if (done)
        done(h->u);
}

static bool same_dns(const struct ses_dialled *a, const struct ses_dialled *b)
{
    bool same = true;
    for (uint32_t i = 0; i < SES_DNS; i++)
        same &= a->dns[i].family == b->dns[i].family && adit_same_host(&a->dns[i], &b->dns[i]);
    return same;
}

void apply_up(struct dial_host *h, const struct ses_dialled *is, void (*done)(void *u), void *u)
{
    const struct book_conf *c = &h->entry->c;
    struct resolv_servers s = { .iface = dp_iface_name(h->iface), .search = c->search, .all = c->default_route };
    bool dns_same = h->dns && same_dns(&h->is, is);
    h->done = done;
    h->u = u;
    if (!h->routes_on || !adit_same_host(&h->is.our, &is->our) || !adit_same_host(&h->is.our6, &is->our6) || !dns_same) {
        /* the kernel takes routes away with the address that they came with */
        routes(h, false);
        addresses(h, is);
        h->is = *is;
        routes(h, true);
    }
    s.count = dns_of(h, s.server);
    if (dns_same || (!s.count && !s.search.count)) {
        named(h);
        return;
    }
    resolv_unset(h->dns);
    h->dns = NULL;
    if (resolv_set(&s, &h->dns, named, h))
        named(h);
}

void apply_down(struct dial_host *h, bool keep)
{
    h->done = NULL;
    if (keep)
        return;
    resolv_unset(h->dns);
    h->dns = NULL;
    routes(h, false);
    addresses(h, NULL);
    h->is = (struct ses_dialled){ .mtu = 0 };
    unpin(h);
}

/* ---- its life ------------------------------------------------------------------------------ */

int32_t apply_new(struct book_entry *e, struct dp_iface *standing, struct dial_host **out, char *why, size_t size)
{
    struct dial_host *h = calloc(1, sizeof *h);
    struct dp_iface_cfg cfg = { .name = e->c.interface ? e->c.interface : "dial%d", .mtu = e->c.mtu ? e->c.mtu : 1400 };
    if (!h)
        return ADIT_ENOMEM;
    h->entry = book_entry_ref(e);
    h->iface = standing;
    h->standing = standing != NULL;
    int32_t rc = standing ? 0 : dp_iface_open(&cfg, &h->iface);
    if (rc)
        snprintf(why, size, "The interface %s cannot be made; see the log.", cfg.name);
    else if (e->c.block_ipv6 && (rc = block(h)) != 0)   /* from now on, not only once it is up */
        snprintf(why, size, "IPv6 cannot be blocked; see the log.");
    if (rc) {
        apply_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

void apply_free(struct dial_host *h)
{
    if (h->iface) {
        apply_down(h, false);
        unblock(h);
        if (!h->standing)
            dp_iface_close(h->iface);
    }
    book_entry_unref(h->entry);
    free(h);
}
