/* ses_iface.c - sessions with an interface of their own: what we dialled, and routers
 * that call.
 *
 * Knows:  which interface a session has, who else has it, the account's routes on it,
 *         what its owner is told.
 * Leaves: interfaces to datapath, whose name stands for one to its owner.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "log/log.h"

ADIT_EVENT(ev_route, "session.route-failed", ADIT_LOG_WARN,
           "A route of an account could not be set on the interface of a router that called.",
           "session interface network code");

static const struct ses_iface_ops *owner;
static void *owner_u;

void ses_iface_for(const struct ses_iface_ops *ops, void *u)
{
    owner = ops;
    owner_u = u;
}

static struct ses *holder(const struct ses *s)
{
    for (struct ses *o = ses_next(NULL); o; o = ses_next(o))
        if (o != s && o->iface == s->iface && o->port)
            return o;
    return NULL;
}

bool ses_iface_pick(struct ses *s)
{
    s->iface = s->dial ? ses_dial_iface(s) : owner ? owner->find(owner_u, s->user) : NULL;
    struct ses *old = s->iface ? holder(s) : NULL;
    if (!old)
        return true;
    if (!s->dial && !old->dial && !strcasecmp(old->user, s->user)) {    /* M9, as with addresses */
        ses_end(old, ADIT_CAUSE_LOST_CARRIER, "The same router connected again and took its interface.");
        return true;
    }
    char text[128];
    snprintf(text, sizeof text, "The interface %s has a connection already.", dp_iface_name(s->iface));
    s->iface = NULL;
    ses_drop(s, ADIT_CAUSE_ADDRESS_TAKEN, text);
    return false;
}

void ses_iface_facts(const struct ses *s, struct ses_dialled *d)
{
    struct ppp_info p;
    ppp_info(s->ppp, &p);
    *d = (struct ses_dialled){
        .our = s->dial ? s->address : s->server_address, .peer = s->dial ? s->server_address : s->address,
        .server = s->peer, .mtu = s->mtu, .encryption = p.encryption ? p.encryption : ADIT_ENC_NONE,
        .secured = s->secured, .method = ses_method_name(s->method), .password_changed = p.password_changed,
        .wins = { s->wins[0], s->wins[1] },
    };
    for (int i = 0, n = 0; s->dial && i < 2; i++)
        if (s->dns[i].family)
            d->dns[n++] = s->dns[i];
    if (p.ipv6_up)
        d->link6 = inner6_link(p.our_ifid);
}

/* ---- a router that called ----------------------------------------------------------------- */

static void routes(struct ses *s, bool add)
{
    for (uint32_t i = 0; i < s->behind_count; i++) {
        int rc = dp_iface_route(s->iface, &s->behind[i], 0, add);
        if (rc && add)
            LOG_EVENT("session", &ev_route, ADIT_KV_S("session", s->id),
                      ADIT_KV_S("interface", dp_iface_name(s->iface)),
                      ADIT_KV_ADDR("network", &s->behind[i]), ADIT_KV_I("code", rc));
    }
}

void ses_iface_up(struct ses *s, const struct dp_attach *at)
{
    struct ses_dialled d;
    uint32_t n = at->route_count + (at->address6.family == ADIT_AF_IPV6);
    s->behind = n ? calloc(n, sizeof *s->behind) : NULL;
    for (uint32_t i = 0; s->behind && i < at->route_count; i++)
        s->behind[s->behind_count++] = at->routes[i];
    if (s->behind && at->address6.family == ADIT_AF_IPV6)
        s->behind[s->behind_count++] = at->address6;
    routes(s, true);
    ses_iface_facts(s, &d);
    s->iface_told = owner != NULL;
    if (owner)
        owner->up(owner_u, s->iface, s, &d);
}

void ses_iface_down(struct ses *s)
{
    struct dp_iface *i = s->iface;
    if (!i)
        return;
    routes(s, false);
    free(s->behind);
    s->behind = NULL;
    s->behind_count = 0;
    s->iface = NULL;
    bool told = s->iface_told;
    s->iface_told = false;
    if (told && owner)
        owner->down(owner_u, i, s);
}
