/* dp_iface.c - interfaces of one connection each, and pinned ways to servers.
 *
 * Knows:  what such an interface has (addresses, routes), also after somebody took it
 *         away; which hosts are pinned, and how often.
 * Leaves: its descriptor to dp_tun, packets of its port to dp.c, rtnetlink to dp_host,
 *         the journal to dp_undo.
 *
 * What stands on such an interface dies with it; only pins lie elsewhere and are journalled.
 */
#include "datapath/dp_int.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/addr.h"
#include "log/log.h"
#include "loop/loop.h"

/* An address (with its peer) or a route of an interface. */
struct setting {
    struct adit_node node;
    bool route;
    struct adit_addr what, peer;
    uint32_t metric;
};

struct pin {
    struct adit_node node;
    struct dp_way way;
    uint32_t count;             /* how many want it */
    bool made;                  /* the route is ours, it was not there before */
};

static struct adit_node pins = { &pins, &pins };

/* ---- addresses and routes ----------------------------------------------------------- */

static struct dp_way way_of(const struct dp_iface *i, const struct setting *s)
{
    return (struct dp_way){ .net = s->what, .index = i->tun.index, .metric = s->metric };
}

static int apply(const struct dp_iface *i, const struct setting *s, bool add)
{
    struct dp_way w = way_of(i, s);
    if (s->what.family == ADIT_AF_IPV6 && add)  /* the host may have it off for new interfaces */
        dp_tun_sysctl(&i->tun, "ipv6", "disable_ipv6", "0");
    return s->route ? dp_host_way(&w, add) : dp_host_addr(i->tun.index, &s->what, &s->peer, add);
}

static bool same(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->family == b->family && a->prefix == b->prefix && adit_same_host(a, b);
}

static int set(struct dp_iface *i, const struct setting *like, bool add)
{
    struct setting *s = NULL;
    ADIT_LIST_EACH(n, &i->settings) {
        struct setting *k = ADIT_OF(n, struct setting, node);
        if (k->route == like->route && k->metric == like->metric && same(&k->what, &like->what))
            s = k;
    }
    if (s) {                    /* the peer may be another one now */
        int rc = apply(i, s, false);
        adit_list_del(&s->node);
        free(s);
        if (!add)
            return rc;
    } else if (!add) {
        return ADIT_ENOENT;
    }
    int rc = apply(i, like, true);
    if (!rc && (s = malloc(sizeof *s)) != NULL) {
        *s = *like;
        adit_list_add(&i->settings, &s->node);
    }
    return rc;
}

int dp_iface_addr(struct dp_iface *i, const struct adit_addr *our, const struct adit_addr *peer, bool add)
{
    struct setting s = { .what = *our };
    if (peer && peer->family == our->family)
        s.peer = *peer;
    if (!s.what.prefix)
        s.what.prefix = our->family == ADIT_AF_IPV6 ? 128 : 32;
    return set(i, &s, add);
}

int dp_iface_route(struct dp_iface *i, const struct adit_addr *net, uint32_t metric, bool add)
{
    return set(i, &(struct setting){ .route = true, .what = *net, .metric = metric }, add);
}

int dp_iface_mtu(struct dp_iface *i, uint32_t mtu)
{
    if (mtu == i->tun.mtu)
        return 0;
    int rc = dp_host_link(i->tun.index, mtu);
    if (!rc)
        i->tun.mtu = mtu;
    return rc;
}

/* ---- the interface ------------------------------------------------------------------- */

/* Its own settings die with it. Nothing of IPv6 is set by the kernel: the link-local
 * address is the one that IPV6CP agreed on, and what routers advertise is taken by the
 * session, which knows whether it was asked for. */
int dp_iface_up(struct dp_iface *i)
{
    struct dp_tun *t = &i->tun;
    dp_tun_sysctl(t, "ipv4", "rp_filter", "2");
    dp_tun_sysctl(t, "ipv4", "send_redirects", "0");
    dp_tun_sysctl(t, "ipv6", "accept_ra", "0");
    dp_tun_sysctl(t, "ipv6", "addr_gen_mode", "1");
    int rc = dp_host_link(t->index, t->mtu);
    ADIT_LIST_EACH(n, &i->settings)
        if (!rc)
            (void)apply(i, ADIT_OF(n, struct setting, node), true);
    return rc;
}

int dp_iface_open(const struct dp_iface_cfg *cfg, struct dp_iface **out)
{
    if (!dp_is_open())
        return log_fail("datapath", ADIT_ESTATE, "the data path is not open");
    struct dp_iface *i = calloc(1, sizeof *i);
    if (!i)
        return ADIT_ENOMEM;
    i->wanted = cfg->wanted;
    i->u = cfg->u;
    i->tun.iface = i;
    adit_list_init(&i->settings);
    int rc = dp_tun_open(&i->tun, cfg->name, cfg->mtu ? cfg->mtu : dp_conf.mtu, dp_conf.offload);
    if (!rc && (rc = dp_iface_up(i)) != 0)
        dp_tun_close(&i->tun, false);
    if (rc)
        free(i);
    else
        *out = i;
    return rc;
}

void dp_iface_bury(struct dp_iface *i)
{
    if (i->dead && !i->reading)
        free(i);
}

void dp_iface_close(struct dp_iface *i)
{
    if (!i || i->dead)
        return;
    dp_detach(i->port);
    dp_tun_close(&i->tun, false);
    ADIT_LIST_EACH(n, &i->settings) {
        adit_list_del(n);
        free(ADIT_OF(n, struct setting, node));
    }
    i->wanted = NULL;
    i->dead = true;
    dp_iface_bury(i);
}

const char *dp_iface_name(const struct dp_iface *i) { return i->tun.name; }
int dp_iface_index(const struct dp_iface *i) { return i->tun.index; }

void dp_iface_want(struct dp_iface *i, unsigned version, const uint8_t *d, size_t len)
{
    if (i->wanted)
        i->wanted(i->u, version == 6 ? 0x0057 : 0x0021, d, len);
}

/* ---- pins ------------------------------------------------------------------------------ */

int dp_pin(const struct adit_addr *host, bool add)
{
    struct pin *p = NULL;
    ADIT_LIST_EACH(n, &pins)
        if (adit_same_host(&ADIT_OF(n, struct pin, node)->way.net, host))
            p = ADIT_OF(n, struct pin, node);
    if (!p && !add)
        return ADIT_ENOENT;
    if (p) {
        p->count += add ? 1u : -1u;
        if (p->count)
            return 0;
        int rc = p->made ? dp_undo_way(&p->way, false) : 0;
        adit_list_del(&p->node);
        free(p);
        return rc;
    }
    struct dp_way way;
    int rc = dp_host_way_to(host, &way);
    if (!rc)
        rc = dp_undo_way(&way, true);
    if (rc && rc != ADIT_EEXIST)
        return rc;
    if (!(p = calloc(1, sizeof *p))) {
        if (!rc)
            (void)dp_undo_way(&way, false);
        return ADIT_ENOMEM;
    }
    *p = (struct pin){ .way = way, .count = 1, .made = rc == 0 };
    adit_list_add(&pins, &p->node);
    return 0;
}

void dp_pins_forget(void)
{
    ADIT_LIST_EACH(n, &pins) {
        adit_list_del(n);
        free(ADIT_OF(n, struct pin, node));
    }
}
