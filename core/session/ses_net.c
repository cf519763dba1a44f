/* ses_net.c - the rung UP: packets, accounting, time limits.
 *
 * Knows:  what a session that is up needs, and undoing it.
 * Leaves: packets to datapath and ppp, records to the accountants.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include "base/addr.h"
#include "diagnose/cause.h"
#include "log/log.h"

ADIT_EVENT(ev_up, "session.up", ADIT_LOG_NOTICE,
           "A session is up: its client has an address and may send.",
           "session user tunnel peer address pool method encryption policy mtu");
ADIT_EVENT(ev_dialled, "session.dialled", ADIT_LOG_NOTICE,
           "A connection that we dialled is up.",
           "session entry user tunnel server interface address method encryption mtu");
ADIT_EVENT(ev_down, "session.down", ADIT_LOG_NOTICE,
           "A session ended.",
           "session user tunnel peer address code text duration_ms bytes_in bytes_out");

static void on_tx(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct ses *s = u;
    ppp_tx(s->ppp, proto, v, n);
}

static const struct dp_ops ops = { on_tx };

/* ---- datagrams of our own ------------------------------------------------------ */

static struct adit_node replies = { &replies, &replies };

static void send_replies(void *u)
{
    (void)u;
    ADIT_LIST_EACH(n, &replies) {
        struct ses *s = ADIT_OF(n, struct ses, replying);
        struct adit_frame f = adit_frame_of(s->reply, sizeof s->reply, ADIT_ROOM, s->reply_len);
        struct adit_frame *v[] = { &f };
        adit_list_del(n);
        if (s->port && !s->finished)
            ppp_tx(s->ppp, s->reply_proto, v, 1);
    }
}

static struct loop_idle at_round_end = { .run = send_replies };

uint8_t *ses_reply_room(struct ses *s) { return s->replying.next ? NULL : s->reply + ADIT_ROOM; }

void ses_reply(struct ses *s, uint16_t proto, size_t len)
{
    s->reply_proto = proto;
    s->reply_len = (uint32_t)len;
    adit_list_add(&replies, &s->replying);
    loop_at_round_end(&at_round_end);
}

/* DHCPINFORM (W18) */
static bool inform(struct ses *s, const struct adit_frame *f)
{
    const struct ses_conf *c = ses_conf_get();
    struct adit_addr routes[32];
    struct inform_facts facts = {
        .client = s->address, .server = s->server_address, .dns = { s->dns[0], s->dns[1] },
        .wins = { s->wins[0], s->wins[1] }, .routes = routes, .domain = c->dns_domain,
    };
    const char *domain = ses_str(s, ADIT_ATTR_DNS_DOMAIN);
    if (domain)
        facts.domain = domain;
    /* those of the session go before those of everybody */
    const struct adit_addr *own;
    while (facts.route_count < 32 && (own = ses_address(s, ADIT_ATTR_PUSH_ROUTE, facts.route_count)))
        routes[facts.route_count++] = *own;
    for (uint32_t i = 0; i < c->routes.count && facts.route_count < 32; i++)
        memcpy(&routes[facts.route_count++], (const char *)c->routes.items + i * c->routes.stride,
               sizeof routes[0]);
    uint8_t *room = ses_reply_room(s);
    if (!room)
        return true;            /* the answer to an earlier one is on its way */
    size_t len = inform_answer(f->data, f->len, &facts, room, SES_REPLY_MAX);
    if (len)
        ses_reply(s, PPP_IP, len);
    return len != 0;
}

/* DATA PATH: datagrams of the client; what it asks of us is taken out, the rest goes on. */
void ses_net_rx(struct ses *s, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool ours = proto == PPP_IPV6 ? ses_net6_answer(s, v[i]) :
                    !s->dial && inform_is(v[i]->data, v[i]->len) && inform(s, v[i]);
        if (!ours)
            v[kept++] = v[i];
    }
    n = kept;
    if (n)
        dp_rx(s->port, proto, v, n);
}

enum account { BEGIN, INTERIM, END };

void ses_net_count(struct ses *s)
{
    if (s->port) {
        const struct dp_count *c = dp_count(s->port);
        ses_put_u(s, ADIT_ATTR_BYTES_IN, c->rx_bytes);
        ses_put_u(s, ADIT_ATTR_BYTES_OUT, c->tx_bytes);
        ses_put_u(s, ADIT_ATTR_PACKETS_IN, c->rx_packets);
        ses_put_u(s, ADIT_ATTR_PACKETS_OUT, c->tx_packets);
    }
    ses_put_u(s, ADIT_ATTR_DURATION, loop_now() - s->up_ms);
}

/* Accountants keep the sessions of those who call. */
static void account(struct ses *s, enum account what)
{
    if (s->dial)
        return;
    ses_net_count(s);
    ses_put_u(s, ADIT_ATTR_CAUSE, s->cause);
    if (s->cause)               /* one that negotiates anew ends without */
        ses_put_str(s, ADIT_ATTR_REASON, s->text);
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_ACCOUNTING, i));) {
        const struct adit_accounting *vt = plug_vtable(i);
        void (*verb)(struct adit_self *, const struct adit_attrs *) =
            what == BEGIN ? vt->begin : what == INTERIM ? vt->interim : vt->end;
        PLUG_CALL(i, "account", verb(plug_self(i), s->attrs));
    }
}

/* How long the account still has; UINT64_MAX: for ever. The wall clock may be set,
 * so it is looked at once an hour at least. */
static uint64_t account_left(const struct ses *s, uint64_t *look_again)
{
    uint64_t expiry_s = ses_u(s, ADIT_ATTR_EXPIRY), wall = loop_wall();
    if (!expiry_s || expiry_s > UINT64_MAX / 1000)
        return UINT64_MAX;
    uint64_t left = expiry_s * 1000 > wall ? expiry_s * 1000 - wall : 0;
    *look_again = left < 3600000 ? left : 3600000;
    return left;
}

/* One timer looks at the limits and at the interim report, and sleeps until the
 * nearest of them could be due. */
static void watch(void *u)
{
    struct ses *s = u;
    if (s->finished || s->closing)
        return;
    uint64_t now = loop_now(), next = UINT64_MAX;
    if (s->session_timeout_ms && !s->again) {
        uint64_t end = s->limit_from_ms + s->session_timeout_ms;
        if (now < end) {
            next = end - now;
        } else if (!ses_u(s, ADIT_ATTR_REAUTHENTICATE) || !ses_auth_again(s)) {
            ses_drop(s, ADIT_CAUSE_SESSION_TIMEOUT, NULL);
            return;
        }
    }
    if (s->idle_timeout_ms) {
        const struct dp_count *c = dp_count(s->port);
        uint64_t last = c->last_rx_ms > c->last_tx_ms ? c->last_rx_ms : c->last_tx_ms;
        uint64_t end = (last > s->up_ms ? last : s->up_ms) + s->idle_timeout_ms;
        if (now >= end) {
            ses_drop(s, ADIT_CAUSE_IDLE_TIMEOUT, NULL);
            return;
        }
        if (end - now < next)
            next = end - now;
    }
    uint64_t look_again = UINT64_MAX;
    if (!account_left(s, &look_again)) {
        ses_drop(s, ADIT_CAUSE_EXPIRED, NULL);
        return;
    }
    if (look_again < next)
        next = look_again;
    uint64_t interval = ses_u(s, ADIT_ATTR_INTERIM);
    if (!interval)
        interval = ses_conf_get()->interim_ms;
    if (interval) {
        if (now >= s->interim_ms + interval) {
            s->interim_ms = now;
            account(s, INTERIM);
        }
        if (s->interim_ms + interval - now < next)
            next = s->interim_ms + interval - now;
    }
    if (next != UINT64_MAX)
        loop_timer_set(s->watch_timer, next);
}

void ses_net_limits(struct ses *s)
{
    s->session_timeout_ms = ses_u(s, ADIT_ATTR_SESSION_TIMEOUT);
    s->idle_timeout_ms = ses_u(s, ADIT_ATTR_IDLE_TIMEOUT);
    loop_timer_set(s->watch_timer, 0);  /* not now: somebody may be in the middle of a call */
}

void ses_net_version(struct ses *s)
{
    static struct ppp_info p;
    ppp_info(s->ppp, &p);
    if (*p.identification)
        ses_put_str(s, ADIT_ATTR_CLIENT_VERSION, p.identification);
}

static void tell_up(struct ses *s)
{
    struct ppp_info p;
    char peer[ADDR_TEXT], address[ADDR_TEXT];
    ppp_info(s->ppp, &p);
    addr_text(&s->peer, peer);
    addr_text_host(&s->address, address);
    if (s->dial)
        LOG_EVENT("session", &ev_dialled, ADIT_KV_S("session", s->id),
                  ADIT_KV_S("entry", ses_dial_entry(s)), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("tunnel", s->self->name), ADIT_KV_S("server", peer),
                  ADIT_KV_S("interface", dp_iface_name(s->iface)), ADIT_KV_S("address", address),
                  ADIT_KV_U("method", s->method), ADIT_KV_U("encryption", p.encryption),
                  ADIT_KV_U("mtu", s->mtu));
    else
        LOG_EVENT("session", &ev_up, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("tunnel", s->self->name), ADIT_KV_S("peer", peer),
                  ADIT_KV_S("address", address), ADIT_KV_S("pool", s->pool),
                  ADIT_KV_U("method", s->method), ADIT_KV_U("encryption", p.encryption),
                  ADIT_KV_S("policy", s->policy), ADIT_KV_U("mtu", s->mtu));
    ses_trace_up(s);
}

void ses_net_enter(struct ses *s)
{
    struct ppp_info p;
    ppp_info(s->ppp, &p);
    s->mtu = p.peer_mru && p.peer_mru < ses_conf_get()->mtu ? p.peer_mru : ses_conf_get()->mtu;
    /* peer_mru allows for MPPE and for the tunnel already */
    uint64_t profile_mtu = ses_u(s, ADIT_ATTR_MTU);
    if (profile_mtu >= 576 && profile_mtu < s->mtu)
        s->mtu = (uint32_t)profile_mtu;
    if (s->dial)
        ses_dial_addresses(s);

    struct adit_addr routes[64];
    uint32_t n = 0;
    const struct adit_addr *a;
    while (n < 64 && (a = ses_address(s, ADIT_ATTR_ROUTE, n)))
        routes[n++] = *a;
    struct dp_attach at = { .address = s->address, .routes = routes, .route_count = n,
                            .mtu = s->mtu, .who = s->id };
    at.route_count = ses_net6_attach(s, &at, routes, n, sizeof routes / sizeof routes[0]);
    if (!ses_iface_pick(s))
        return;
    at.iface = s->iface;
    int rc = dp_attach(&at, &ops, s, &s->port);
    if (rc) {
        ses_drop(s, rc == ADIT_EEXIST ? ADIT_CAUSE_ADDRESS_TAKEN : ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    if (!ses_guard_enter(s))
        return;
    s->up_ms = s->limit_from_ms = loop_now();
    s->up_wall = loop_wall();
    s->session_timeout_ms = ses_u(s, ADIT_ATTR_SESSION_TIMEOUT);
    s->idle_timeout_ms = ses_u(s, ADIT_ATTR_IDLE_TIMEOUT);
    ses_put_u(s, ADIT_ATTR_STARTED, s->up_wall / 1000);
    if (!s->dial)
        ses_index_up(s, true);
    tell_up(s);
    s->interim_ms = s->up_ms;
    if (!s->watch_timer)
        s->watch_timer = loop_timer_new(watch, s);
    if (!s->watch_timer) {      /* its time limits could not be kept */
        ses_drop(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    account(s, BEGIN);
    s->accounted = true;
    watch(s);
    if (s->dial)
        ses_dial_up(s);
    else if (s->iface)
        ses_iface_up(s, &at);
    ses_net6_up(s);
}

void ses_net_leave(struct ses *s)
{
    char peer[ADDR_TEXT], address[ADDR_TEXT];
    static const struct dp_count none;
    const struct dp_count *c = s->port ? dp_count(s->port) : &none;
    if (s->accounted) {
        s->accounted = false;
        account(s, END);
        ses_findings_tell(s);
        LOG_EVENT("session", &ev_down, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("tunnel", s->self->name), ADIT_KV_S("peer", addr_text(&s->peer, peer)),
                  ADIT_KV_S("address", addr_text_host(&s->address, address)),
                  ADIT_KV_S("code", cause_code(s->cause)), ADIT_KV_S("text", s->text),
                  ADIT_KV_U("duration_ms", loop_now() - s->up_ms),
                  ADIT_KV_U("bytes_in", c->rx_bytes), ADIT_KV_U("bytes_out", c->tx_bytes));
    }
    ses_index_up(s, false);
    dp_detach(s->port);
    s->port = NULL;
    ses_iface_down(s);
    adit_list_del(&s->replying);
    ses_net6_down(s);
    if (s->watch_timer)
        loop_timer_stop(s->watch_timer);
}
