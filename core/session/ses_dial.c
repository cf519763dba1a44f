/* ses_dial.c - sessions that we dial: the peer's role on the same ladder.
 *
 * Knows:  what a caller asks for, who is told of the way up and of the end, how IPv6 is
 *         had from a router at the other end.
 * Leaves: the rungs to ses.c, packets and limits to ses_net.c, its interface to
 *         ses_iface.c, judging a server that has to prove itself to ses_auth.c.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/addr.h"
#include "base/attr.h"
#include "log/log.h"

ADIT_EVENT(ev_dial, "session.dial", ADIT_LOG_INFO,
           "A call to a server was begun.", "session entry tunnel server user");

#define SOLICIT_MS  4000u       /* RFC 4861 section 10: RTR_SOLICITATION_INTERVAL */
#define SOLICITS    3u          /* MAX_RTR_SOLICITATIONS */

struct ses_call {
    const struct ses_dial_ops *ops;
    void *u;
    bool told;                  /* down() was said */
    bool told6;                 /* the last up() had a link-local address */
    char entry[128], user[SES_NAME], tls_name[256];
    char *password, *new_password;      /* until PPP has them */
    uint32_t allow, demand, encryption;
    void *tls;
    struct adit_addr our;
    uint32_t mtu;
    bool dns, ipv6;
    uint64_t idle_timeout_ms, echo_ms;
    uint32_t echo_failures;
    struct dp_iface *iface;
    struct adit_attrs *attrs;
    /* what the router at the other end advertised */
    struct loop_timer *solicit_timer;
    uint32_t solicited;
    struct inner6_router router;        /* address NONE: none (yet) */
};

/* ---- beginning ----------------------------------------------------------------------- */

static char *secret_copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void secret_drop(char **text)
{
    if (*text)
        bytes_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void ses_dial_free(struct ses *s)
{
    struct ses_call *d = s->dial;
    if (!d)
        return;
    s->dial = NULL;
    secret_drop(&d->password);
    secret_drop(&d->new_password);
    loop_timer_free(d->solicit_timer);
    plug_attr_api.free(d->attrs);
    free(d);
}

static struct ses_call *call_new(const struct ses_dial *from)
{
    struct ses_call *d = calloc(1, sizeof *d);
    uint32_t without = from->tls ? UINT32_MAX : ~(uint32_t)ADIT_AUTH_EAP_TLS;
    if (!d)
        return NULL;
    *d = (struct ses_call){
        .ops = from->ops, .u = from->u, .allow = from->allow & without, .demand = from->demand & without,
        .encryption = from->encryption, .tls = from->tls, .our = from->our, .mtu = from->mtu,
        .dns = from->dns, .ipv6 = from->ipv6, .idle_timeout_ms = from->idle_timeout_ms,
        .echo_ms = from->echo_ms, .echo_failures = from->echo_failures, .iface = from->iface,
        .password = secret_copy(from->password), .new_password = secret_copy(from->new_password),
        .attrs = from->attrs ? plug_attr_api.make() : NULL,
    };
    snprintf(d->entry, sizeof d->entry, "%s", from->entry ? from->entry : "");
    snprintf(d->user, sizeof d->user, "%s", from->user ? from->user : "");
    snprintf(d->tls_name, sizeof d->tls_name, "%s", from->tls_name ? from->tls_name : "");
    return d;
}

static bool call_whole(const struct ses_call *d, const struct ses_dial *from)
{
    return (d->password || !from->password) && (d->new_password || !from->new_password) &&
           (!from->attrs || (d->attrs && attr_append(d->attrs, from->attrs) == 0));
}

int32_t ses_dial(const struct ses_dial *from, struct ses **out)
{
    struct adit_self *self = plug_self(from->tunnel);
    const struct adit_tunnel *vt = plug_vtable(from->tunnel);
    struct ses_tunnel *t = ses_tunnel_of(from->tunnel);
    uint32_t demand = from->tls ? from->demand : from->demand & ~(uint32_t)ADIT_AUTH_EAP_TLS;
    if (!t || !from->iface)
        return ADIT_EINVAL;
    if (!vt->dial)
        return log_fail("session", ADIT_ENOSYS, "the tunnel %s cannot dial", self->name);
    if (!ses_may_begin(t))
        return log_fail("session", ADIT_EBUSY, "all %u ports of %s are in use", t->conf.ports, self->name);
    if (from->demand && !(demand & ses_auth_judged()))
        return log_fail("session", ADIT_ECONF, "the server is to prove itself with a method that no "
                        "authenticator can judge");
    struct adit_link_info info = { .size = sizeof info, .our = from->to.from, .peer = from->to.to,
                                   .role = ADIT_ROLE_DIAL };
    struct ses *s = ses_new(t, &info, NULL);
    if (!s)
        return ADIT_ENOMEM;
    s->dial = call_new(from);
    int32_t rc = s->dial && call_whole(s->dial, from) ? 0 : ADIT_ENOMEM;
    if (!rc) {
        char server[ADDR_TEXT];
        snprintf(s->user, sizeof s->user, "%s", s->dial->user);
        ses_user_split(s->user, s->account, s->domain);
        trace_talk_user(s->talk, s->user, s->account);
        LOG_EVENT("session", &ev_dial, ADIT_KV_S("session", s->id), ADIT_KV_S("entry", s->dial->entry),
                  ADIT_KV_S("tunnel", self->name), ADIT_KV_S("server", addr_text(&s->peer, server)),
                  ADIT_KV_S("user", s->user));
        rc = vt->dial(self, (struct adit_link *)(void *)s, &from->to, &s->call);
    }
    if (rc)
        ses_undial(s);
    else
        *out = s;
    return rc;
}

/* ---- what PPP is told ------------------------------------------------------------------ */

static uint32_t least(uint32_t a, uint32_t b) { return a && a < b ? a : b; }

void ses_dial_cfg(struct ses *s, struct ppp_cfg *cfg)
{
    const struct ses_conf *c = ses_conf_get();
    struct ses_call *d = s->dial;
    cfg->role = ADIT_ROLE_DIAL;
    cfg->mru = (uint16_t)least(s->link_mtu, least(d->mtu, c->mru));
    cfg->mtu_max = (uint16_t)least(s->link_mtu, least(d->mtu, c->mtu));
    cfg->auth_demand = d->demand & ses_auth_judged();
    cfg->auth_allow = d->allow;
    cfg->tls = d->tls;
    cfg->tls_name = *d->tls_name ? d->tls_name : NULL;
    cfg->user = cfg->our_name = d->user;
    cfg->password = d->password;
    cfg->new_password = d->new_password;
    cfg->echo_ms = d->echo_ms ? d->echo_ms : c->echo_ms;
    cfg->echo_failures = d->echo_failures ? d->echo_failures : c->echo_failures;
}

/* PPP has its own copies, and wipes them. */
void ses_dial_begun(struct ses *s)
{
    secret_drop(&s->dial->password);
    secret_drop(&s->dial->new_password);
}

bool ses_dial_attrs(struct ses *s)
{
    const struct ses_call *d = s->dial;
    if (d->idle_timeout_ms)
        ses_put_u(s, ADIT_ATTR_IDLE_TIMEOUT, d->idle_timeout_ms);
    return !d->attrs || attr_over(s->attrs, d->attrs) == 0;
}

/* The server took us for who we are (and proved itself, where it had to). */
void ses_dial_network(struct ses *s)
{
    const struct ses_call *d = s->dial;
    struct ppp_info p;
    ppp_info(s->ppp, &p);
    s->method = p.our_method;
    s->encryption = d->encryption;
    struct ppp_net net = {
        .encryption = d->encryption, .stateful = ses_conf_get()->stateful, .ipv4 = 1, .ipv6 = d->ipv6,
        .our = d->our, .want_dns = d->dns,
    };
    ppp_net_start(s->ppp, &net);
}

/* IPCP has agreed. */
void ses_dial_addresses(struct ses *s)
{
    struct ppp_info p;
    ppp_info(s->ppp, &p);
    s->address = p.our;
    s->server_address = p.peer;
    for (int i = 0; i < 2; i++) {
        s->dns[i] = p.dns[i];
        s->wins[i] = p.wins[i];
    }
}

/* ---- who is told ------------------------------------------------------------------------- */

const char *ses_dial_entry(const struct ses *s) { return s->dial ? s->dial->entry : ""; }
struct dp_iface *ses_dial_iface(const struct ses *s) { return s->dial->iface; }

void ses_dial_rung(struct ses *s, const char *name)
{
    const struct ses_call *d = s->dial;
    if (d->ops->rung)
        d->ops->rung(d->u, name);
}

void ses_dial_up(struct ses *s)
{
    struct ses_call *d = s->dial;
    struct ses_dialled facts;
    ses_iface_facts(s, &facts);
    d->told6 = facts.link6.family != ADIT_AF_NONE;
    if (d->router.address.family) {
        uint32_t n = 0;
        while (n < 2 && facts.dns[n].family)
            n++;
        facts.our6 = d->router.address;
        for (uint32_t i = 0; i < d->router.dns_count && n < SES_DNS; i++)
            facts.dns[n++] = d->router.dns[i];
    }
    d->ops->up(d->u, &facts);
}

/* At the round's end: whoever dialled may do in down() what it likes, also take the
 * tunnel away. So the session is let go of before. */
void ses_dial_bye(struct ses *s, struct ses_bye *bye)
{
    struct ses_call *d = s->dial;
    bye->ops = d && !d->told ? d->ops : NULL;
    if (!bye->ops)
        return;
    d->told = true;
    if (d->ops->total) {
        struct ses_info i;
        ses_info(s, &i);
        d->ops->total(d->u, &i);
    }
    bye->u = d->u;
    bye->cause = s->cause;
    memcpy(bye->text, s->text, sizeof bye->text);
}

/* ---- IPv6: SLAAC of our own (RFC 4862) -------------------------------------------------------
 *
 * Not the kernel's: it would listen to advertisements only while the host forwards
 * nothing, and take a default route that nobody asked for. We take an address, in the
 * advertised network, with the interface identifier of IPV6CP. */

static void solicit(void *u)
{
    struct ses *s = u;
    struct ses_call *d = s->dial;
    struct ppp_info p;
    if (!s->port || s->finished || s->closing)
        return;
    ppp_info(s->ppp, &p);
    uint8_t *room = ses_reply_room(s);
    size_t n = room ? inner6_solicit(p.our_ifid, room, SES_REPLY_MAX) : 0;
    if (n)
        ses_reply(s, PPP_IPV6, n);
    if (++d->solicited < SOLICITS)
        loop_timer_set(d->solicit_timer, SOLICIT_MS);
}

void ses_dial_up6(struct ses *s)
{
    struct ses_call *d = s->dial;
    struct ppp_info p;
    ppp_info(s->ppp, &p);
    if (!p.ipv6_up || !s->port)
        return;
    if (!d->told6)
        ses_dial_up(s);
    if (!s->port)               /* it was hung up in there */
        return;
    if (!d->solicit_timer && !(d->solicit_timer = loop_timer_new(solicit, s)))
        return;
    d->solicited = 0;
    loop_timer_set(d->solicit_timer, 1);        /* not from inside the negotiation's last frame */
}

void ses_dial_down6(struct ses *s)
{
    struct ses_call *d = s->dial;
    if (d->solicit_timer)
        loop_timer_stop(d->solicit_timer);
    memset(&d->router, 0, sizeof d->router);
}

bool ses_dial_rx6(struct ses *s, const struct adit_frame *f)
{
    struct ses_call *d = s->dial;
    struct inner6_router r;
    struct ppp_info p;
    if (!inner6_is_advert(f->data, f->len))
        return false;
    ppp_info(s->ppp, &p);
    if (!d->ipv6 || !inner6_router(f->data, f->len, p.our_ifid, &r))
        return true;            /* it is for the host of this link: nobody behind us wants it */
    bool news = !adit_same_host(&r.address, &d->router.address) || r.dns_count != d->router.dns_count;
    for (uint32_t i = 0; i < r.dns_count && !news; i++)
        news = !adit_same_host(&r.dns[i], &d->router.dns[i]);
    d->router = r;
    if (d->solicit_timer)
        loop_timer_stop(d->solicit_timer);
    if (news)
        ses_dial_up(s);
    return true;
}
