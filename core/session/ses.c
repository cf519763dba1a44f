/* ses.c - the ladder: how a call becomes a session, and how it ends.
 *
 * Knows:  the rungs and their order, links (what tunnels call), causes, the
 *         last failed attempts.
 * Leaves: what happens on a rung to ses_auth, ses_addr and ses_net; ports to
 *         ses_port.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/addr.h"
#include "crypto/crypto.h"
#include "diagnose/cause.h"
#include "log/log.h"

ADIT_EVENT(ev_open, "session.open", ADIT_LOG_INFO,
           "A call took a port; PPP begins.", "session tunnel peer");
ADIT_EVENT(ev_move, "session.move", ADIT_LOG_DEBUG,
           "A session climbed or left a rung.", "session from to");

static struct adit_node all = { &all, &all };
static struct adit_node ending = { &ending, &ending };
static struct ses_total totals;

static void (*closed)(void *u);
static void *closed_u;
static struct loop_timer *close_timer;

static struct ses *of_link(struct adit_link *l) { return (struct ses *)(void *)l; }

/* ---- the ladder --------------------------------------------------------------- */

static void link_leave(struct ses *s);

static const struct {
    const char *name;
    void (*leave)(struct ses *s);
} phases[PH_COUNT] = {
    [PH_IDLE]   = { "idle",         NULL },
    [PH_LINK]   = { "link",         link_leave },
    [PH_AUTH]   = { "authenticate", ses_auth_leave },
    [PH_POLICY] = { "policy",       ses_auth_leave },
    [PH_ADDR]   = { "address",      ses_addr_leave },
    [PH_UP]     = { "up",           ses_net_leave },
};

static void note_cause(struct ses *s, uint32_t cause, const char *text)
{
    if (s->cause != ADIT_CAUSE_NONE)
        return;                 /* the first cause wins */
    s->cause = cause;
    snprintf(s->text, sizeof s->text, "%s", text && *text ? text : cause_text(cause));
}

/* What is counted follows the phase. */
static void recount(struct ses *s)
{
    bool up = s->phase == PH_UP;
    ses_index_wait(s, s->phase < PH_ADDR && !s->finished && s->role == ADIT_ROLE_ANSWER);
    if (up == s->is_up)
        return;
    s->is_up = up;
    s->tunnel->up += up ? 1u : -1u;
    totals.up += up ? 1u : -1u;
}

/* Climbs (or, for another try of the peer's, steps back to AUTH). */
void ses_climb(struct ses *s, enum phase to)
{
    if (s->phase == to)
        return;
    LOG_EVENT("session", &ev_move, ADIT_KV_S("session", s->id),
              ADIT_KV_S("from", phases[s->phase].name), ADIT_KV_S("to", phases[to].name));
    s->phase = to;
    recount(s);
    if (s->dial && to < PH_UP)
        ses_dial_rung(s, phases[to].name);
}

/* Leaves the rungs above `to`. */
static void descend(struct ses *s, enum phase to)
{
    for (; s->phase > to; s->phase--)
        if (phases[s->phase].leave)
            phases[s->phase].leave(s);
    recount(s);
}

static void round_end(void *u);
static struct loop_idle at_round_end = { .run = round_end };

static void at_the_rounds_end(struct ses *s)
{
    if (!s->ended.next)
        adit_list_add(&ending, &s->ended);
    loop_at_round_end(&at_round_end);
}

void ses_end(struct ses *s, uint32_t cause, const char *text)
{
    note_cause(s, cause, text);
    if (s->finished)
        return;
    s->finished = true;
    enum phase reached = s->phase;
    ses_trace_note(s, "ended: %s: %s", cause_code(s->cause), s->text);
    descend(s, PH_IDLE);
    if (!s->up_wall) {          /* it never came up */
        totals.refused += s->dial == NULL;
        ses_failed(s, reached);
    }
    at_the_rounds_end(s);
}

static void ses_free(struct ses *s)
{
    adit_list_del(&s->node);
    adit_list_del(&s->ended);
    if (s->tunnel)
        ses_port_give(s);
    totals.open--;
    ses_trace_close(s);
    ppp_free(s->ppp);
    loop_timer_free(s->ppp_timer);
    loop_timer_free(s->watch_timer);
    loop_timer_free(s->advertise_timer);
    ses_dial_free(s);
    plug_attr_api.free(s->attrs);
    plug_attr_api.free(s->leased);
    plug_attr_api.free(s->again_attrs);
    bytes_wipe(s, sizeof *s);
    free(s);
    if (closed && adit_list_empty(&all)) {
        void (*done)(void *u) = closed;
        closed = NULL;
        loop_timer_free(close_timer);
        close_timer = NULL;
        done(closed_u);
    }
}

/* What ended in this round: the tunnel is told now, never from inside its own
 * call; what has no link any more is freed. */
static void round_end(void *u)
{
    (void)u;
    while (!adit_list_empty(&ending)) {
        struct ses *s = ADIT_OF(ending.next, struct ses, ended);
        adit_list_del(&s->ended);
        if (!s->link_gone && !s->hung_up) {
            s->hung_up = true;
            s->vt->hangup(s->call, s->cause);   /* link->down() may come at once */
        }
        struct ses_bye bye;     /* who dialled is told now, however long the tunnel takes */
        ses_dial_bye(s, &bye);
        if (s->link_gone)
            ses_free(s);
        if (bye.ops)
            bye.ops->down(bye.u, bye.cause, bye.text);
    }
}

/* ---- what PPP says --------------------------------------------------------------- */

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
    struct ses *s = u;
    if (ms == UINT64_MAX)
        loop_timer_stop(s->ppp_timer);
    else
        loop_timer_set(s->ppp_timer, ms);
}

static void on_tx_link(void *u, struct adit_frame **v, uint32_t n)
{
    struct ses *s = u;
    if (!s->link_gone && !s->hung_up)
        s->vt->tx(s->call, v, n);
}

static void on_rx_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct ses *s = u;
    if (s->port)
        ses_net_rx(s, proto, v, n);
}

static void on_event(void *u, const struct ppp_event *ev)
{
    struct ses *s = u;
    if (s->finished)
        return;
    switch (ev->type) {
    case PPP_EV_PEER_INFO:
        ses_net_version(s);
        break;
    case PPP_EV_MPPE:
        break;
    case PPP_EV_LCP_UP:
        descend(s, PH_LINK);    /* the peer begins anew: perhaps as somebody else */
        if (s->dial)
            ses_climb(s, PH_AUTH);
        break;
    case PPP_EV_NET_DOWN:
        /* Either the end follows, with its cause, or IPCP begins anew. */
        s->net_lost = s->net_lost || ev->proto == PPP_IP;
        break;
    case PPP_EV_AUTH_QUERY:
        if (!s->again)
            ses_climb(s, PH_AUTH);
        ses_auth_query(s, ev->query);
        break;
    case PPP_EV_AUTHENTICATED:
        ses_climb(s, PH_ADDR);
        if (s->dial) {
            if (!s->closing)    /* who heard of the rung may have hung up */
                ses_dial_network(s);
            break;
        }
        totals.logins++;
        ses_addr_enter(s);
        break;
    case PPP_EV_NET_UP:
        if (s->net_lost && ev->proto == PPP_IP && s->phase == PH_UP)
            descend(s, PH_ADDR);
        if (s->phase == PH_ADDR && ev->proto == PPP_IP) {
            s->net_lost = false;
            ses_climb(s, PH_UP);
            ses_net_enter(s);
        }
        if (s->phase == PH_UP && ev->proto == PPP_IPV6)
            ses_net6_up(s);
        break;
    case PPP_EV_DOWN:
        if (s->refused_cause)
            note_cause(s, s->refused_cause, s->refused);
        ses_end(s, ev->cause, ev->text);
        break;
    }
}

static const struct ppp_ops ops = { on_now, on_random, on_timer, on_tx_link, on_rx_data, on_event };

static void ppp_timer_fired(void *u)
{
    struct ses *s = u;
    if (!s->finished)
        ppp_tick(s->ppp);
}

/* ---- what tunnels call (adit_link_api) ----------------------------------------------- */

static void take_info(struct ses *s, const struct adit_link_info *i)
{
    char text[ADDR_TEXT];
    s->our = i->our;
    s->peer = i->peer;
    s->link_mtu = i->mtu;
    snprintf(s->peer_host, sizeof s->peer_host, "%s", i->peer_host ? i->peer_host : "");
    snprintf(s->calling, sizeof s->calling, "%s",
             i->calling && *i->calling ? i->calling : addr_text_host(&i->peer, text));
    snprintf(s->called, sizeof s->called, "%s",
             i->called && *i->called ? i->called : addr_text_host(&i->our, text));
    s->secured = i->security != NULL;
    snprintf(s->identity, sizeof s->identity, "%s",
             i->security && i->security->identity ? i->security->identity : "");
}

/* `setting` NULL: the one that the cause names. */
static int32_t shut_out(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                        int32_t code, const char *text, const char *setting)
{
    totals.refused++;
    ses_failed_call(self, i, cause, text, setting);
    return code;
}

bool ses_may_begin(const struct ses_tunnel *t) { return t->used < t->conf.ports && !closed; }

struct ses *ses_new(struct ses_tunnel *t, const struct adit_link_info *i, void *call)
{
    struct ses *s = calloc(1, sizeof *s);
    struct adit_attrs *attrs = plug_attr_api.make();
    if (s)
        s->tunnel = t;
    if (!s || !attrs || !ses_port_take(s)) {
        free(s);
        plug_attr_api.free(attrs);
        return NULL;
    }
    s->number = ses_number(s->id);
    s->self = plug_self(t->inst);
    s->vt = plug_vtable(t->inst);
    s->call = call;
    s->role = i->role;
    s->attrs = attrs;
    s->since_wall = loop_wall();
    s->since_ms = loop_now();
    s->ppp_timer = loop_timer_new(ppp_timer_fired, s);
    take_info(s, i);
    ses_trace_open(s);
    totals.open++;
    adit_list_add(&all, &s->node);
    recount(s);
    return s;
}

void ses_undial(struct ses *s)
{
    s->finished = true;
    recount(s);
    ses_trace_close(s);
    ses_free(s);
}

static int32_t link_open(struct adit_self *self, const struct adit_link_info *given, void *call,
                         struct adit_link **out)
{
    struct adit_link_info i = { .size = sizeof i };
    memcpy(&i, given, given->size < sizeof i ? given->size : sizeof i);
    struct ses_tunnel *t = ses_tunnel_of(plug_of(self));
    if (!t)
        return ADIT_ESTATE;
    if (i.role != ADIT_ROLE_ANSWER)     /* who dials has its link from ses_dial() */
        return ADIT_EINVAL;
    const struct ses_conf *c = ses_conf_get();
    char text[128];
    if (t->conf.ports == 0)
        return shut_out(self, &i, ADIT_CAUSE_PROTOCOL_OFF, ADIT_EBUSY, NULL, NULL);
    if (t->used >= t->conf.ports) {
        t->refused++;
        snprintf(text, sizeof text, "All %u ports of %s are in use.", t->conf.ports, t->name);
        return shut_out(self, &i, ADIT_CAUSE_PORTS_EXHAUSTED, ADIT_EBUSY, text, NULL);
    }
    if (closed)
        return shut_out(self, &i, ADIT_CAUSE_SHUTDOWN, ADIT_EBUSY, NULL, NULL);
    if (c->half_open && ses_index_waiting(NULL) >= c->half_open)
        return shut_out(self, &i, ADIT_CAUSE_RESOURCE, ADIT_EDENIED,
                        "Too many calls are waiting to authenticate (ppp.half-open).",
                        "ppp.half-open");
    if (c->half_open_per_address &&
        ses_index_waiting(&i.peer) >= c->half_open_per_address)
        return shut_out(self, &i, ADIT_CAUSE_RESOURCE, ADIT_EDENIED,
                        "Too many calls of this address are waiting to authenticate "
                        "(ppp.half-open-per-address).", "ppp.half-open-per-address");

    uint32_t cause;
    const char *setting = NULL;
    const char *why = ses_lock_call(&i.peer, &cause, &setting);
    if (why)
        return shut_out(self, &i, cause, ADIT_EDENIED, why, setting);

    struct ses *s = ses_new(t, &i, call);
    if (!s)
        return ADIT_ENOMEM;
    *out = (struct adit_link *)(void *)s;
    return 0;
}

/* What is known of a call before anybody logged in. Each login begins with this
 * alone: what an earlier attempt was given must not leak into the next. */
bool ses_attrs_base(struct ses *s)
{
    struct adit_attrs *fresh = plug_attr_api.make();
    if (!fresh)
        return false;
    plug_attr_api.free(s->attrs);
    s->attrs = fresh;
    ses_put_str(s, ADIT_ATTR_PROTOCOL, s->vt->protocol);
    ses_put_str(s, ADIT_ATTR_TUNNEL, s->self->name);
    ses_put_addr(s, ADIT_ATTR_PEER, &s->peer);
    ses_put_addr(s, ADIT_ATTR_OUR, &s->our);
    ses_put_str(s, ADIT_ATTR_CALLING_STATION, s->calling);
    ses_put_str(s, ADIT_ATTR_CALLED_STATION, s->called);
    ses_put_str(s, ADIT_ATTR_SESSION, s->id);
    ses_put_str(s, ADIT_ATTR_MULTI_SESSION, s->id);     /* a bundle of one link */
    ses_put_u(s, ADIT_ATTR_NAS_PORT, s->nas_port);
    if (s->ppp)
        ses_net_version(s);
    if (*s->peer_host)
        ses_put_str(s, ADIT_ATTR_PEER_HOST, s->peer_host);
    struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = s->secured } };
    plug_attr_api.put(s->attrs, ADIT_ATTR_SECURED, &yes);
    if (*s->identity)
        ses_put_str(s, ADIT_ATTR_PEER_IDENTITY, s->identity);
    return !s->dial || ses_dial_attrs(s);
}

static void answer_cfg(const struct ses *s, struct ppp_cfg *cfg)
{
    const struct ses_conf *c = ses_conf_get();
    cfg->mru = (uint16_t)c->mru;
    cfg->mtu_max = (uint16_t)(s->link_mtu && s->link_mtu < c->mtu ? s->link_mtu : c->mtu);
    cfg->auth_demand = ses_auth_methods();
    cfg->tls = ses_tls_context();
    cfg->echo_ms = c->echo_ms;
    cfg->echo_failures = c->echo_failures;
}

static void link_up(struct adit_link *l, const struct adit_link_info *given)
{
    struct ses *s = of_link(l);
    struct adit_link_info i = { .size = sizeof i };
    memcpy(&i, given, given->size < sizeof i ? given->size : sizeof i);
    if (s->finished || s->phase != PH_IDLE)
        return;
    take_info(s, &i);
    const struct ses_conf *c = ses_conf_get();
    char peer[ADDR_TEXT];
    LOG_EVENT("session", &ev_open, ADIT_KV_S("session", s->id), ADIT_KV_S("tunnel", s->self->name),
              ADIT_KV_S("peer", addr_text(&s->peer, peer)));
    ses_climb(s, PH_LINK);
    if (s->finished)            /* who dialled heard of it, and hung up */
        return;

    if (!ses_attrs_base(s)) {
        ses_end(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }

    struct ppp_cfg cfg = {
        .role = s->role, .our_name = c->name, .auth_timeout_ms = c->auth_timeout_ms,
        .proxy_sent = i.proxy_lcp_sent, .proxy_sent_len = i.proxy_lcp_sent_len,
        .proxy_rcvd = i.proxy_lcp_rcvd, .proxy_rcvd_len = i.proxy_lcp_rcvd_len,
    };
    if (s->dial)
        ses_dial_cfg(s, &cfg);
    else
        answer_cfg(s, &cfg);
    uint32_t eap = cfg.auth_demand & (ADIT_AUTH_EAP_TLS | ADIT_AUTH_EAP_MSCHAPV2 |
                                      ADIT_AUTH_EAP_MD5);
    cfg.auth_eap = eap & ADIT_AUTH_EAP_TLS ? ADIT_AUTH_EAP_TLS :
                   eap & ADIT_AUTH_EAP_MSCHAPV2 ? ADIT_AUTH_EAP_MSCHAPV2 : eap;
    if (!s->dial && !plug_running_next(ADIT_KIND_AUTH, NULL)) {
        ses_fault(s, "auth", NULL);
        ses_end(s, ADIT_CAUSE_AUTH_UNAVAILABLE, "No authenticator runs.");
        return;
    }
    if (!s->dial && !cfg.auth_demand) {
        ses_fault(s, "ppp.auth", "auth");
        ses_end(s, ADIT_CAUSE_NO_COMMON_METHOD,
                "No authenticator can judge any of the methods in ppp.auth.");
        return;
    }
    s->ppp = ppp_new(&cfg, &ops, s);
    if (!s->ppp) {
        ses_end(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    if (s->dial)
        ses_dial_begun(s);
    ses_trace_note(s, s->dial ? "we call on %s" : "call on %s", s->self->name);
    ses_trace_ppp(s);
    ppp_up(s->ppp);
}

static void link_rx(struct adit_link *l, struct adit_frame **v, uint32_t n)
{
    struct ses *s = of_link(l);
    if (s->ppp && !s->finished)
        ppp_rx(s->ppp, v, n);
}

static void link_down(struct adit_link *l, uint32_t cause, const char *text)
{
    struct ses *s = of_link(l);
    if (s->link_gone)
        return;
    s->link_gone = true;
    if (!s->finished) {
        if (s->refused_cause)   /* a refused peer hangs up: that is not why */
            note_cause(s, s->refused_cause, s->refused);
        note_cause(s, cause ? cause : ADIT_CAUSE_LOST_CARRIER, text);
        if (s->ppp)
            ppp_down(s->ppp, s->cause);         /* DOWN comes, ses_end() with it */
        ses_end(s, s->cause, NULL);
    }
    at_the_rounds_end(s);
}

static void link_leave(struct ses *s)
{
    loop_timer_stop(s->ppp_timer);
}

static void link_failed(struct adit_self *self, const struct adit_link_info *given, uint32_t cause,
                        const char *text)
{
    struct adit_link_info i = { .size = sizeof i };
    memcpy(&i, given, given->size < sizeof i ? given->size : sizeof i);
    if (ses_failed_tunnel(self, &i, cause, text))
        totals.refused++;
}

const struct adit_link_api ses_link_api = {
    .size = sizeof ses_link_api, .open = link_open, .up = link_up, .rx = link_rx, .down = link_down,
    .failed = link_failed,
};

/* ---- ending from above ------------------------------------------------------------- */

void ses_drop(struct ses *s, uint32_t cause, const char *text)
{
    if (s->finished)
        return;
    note_cause(s, cause, text);
    if (s->ppp && !s->closing) {
        s->closing = true;
        ppp_close(s->ppp, cause);               /* Terminate-Request; DOWN follows */
    } else if (!s->ppp) {
        ses_end(s, cause, text);
    }
}

static void close_now(void *u)
{
    (void)u;
    ADIT_LIST_EACH(n, &all)
        ses_end(ADIT_OF(n, struct ses, node), ADIT_CAUSE_SHUTDOWN, NULL);
}

void ses_close_all(uint32_t cause, void (*done)(void *u), void *u)
{
    if (adit_list_empty(&all)) {
        done(u);
        return;
    }
    closed = done;
    closed_u = u;
    close_timer = loop_timer_new(close_now, NULL);
    loop_timer_set(close_timer, 3000);
    ADIT_LIST_EACH(n, &all)
        ses_drop(ADIT_OF(n, struct ses, node), cause, NULL);
}

void ses_end_tunnel(struct ses_tunnel *t)
{
    ADIT_LIST_EACH(n, &all) {
        struct ses *s = ADIT_OF(n, struct ses, node);
        if (s->tunnel == t)
            ses_end(s, ADIT_CAUSE_ADMIN, "The tunnel was taken out of the configuration.");
    }
}

void ses_forget(struct plug_inst *inst)
{
    ADIT_LIST_EACH(n, &all) {
        struct ses *s = ADIT_OF(n, struct ses, node);
        if (s->lease_from == inst)
            ses_addr_forget(s);
        if (s->lease6_from == inst)
            s->lease6_from = NULL;
    }
}

void ses_reap(struct ses_tunnel *t)
{
    ADIT_LIST_EACH(n, &all) {
        struct ses *s = ADIT_OF(n, struct ses, node);
        if (s->tunnel != t)
            continue;
        s->link_gone = true;
        at_the_rounds_end(s);
    }
    round_end(NULL);
}

/* ---- looking ------------------------------------------------------------------------- */

struct ses *ses_next(struct ses *s)
{
    struct adit_node *n = s ? s->node.next : all.next;
    return n == &all ? NULL : ADIT_OF(n, struct ses, node);
}

struct ses *ses_find(const char *id)
{
    char *end;
    unsigned long long number = strtoull(id, &end, 10);
    for (struct ses *s = ses_next(NULL); s; s = ses_next(s))
        if (!strcmp(s->id, id) || (*id && !*end && s->number == number))
            return s;
    return NULL;
}

void ses_info(const struct ses *s, struct ses_info *out)
{
    static struct ppp_info p;
    static const struct dp_count none;
    const struct dp_count *c = s->port ? dp_count(s->port) : &none;
    memset(&p, 0, sizeof p);
    if (s->ppp)
        ppp_info(s->ppp, &p);
    uint64_t last = c->last_rx_ms > c->last_tx_ms ? c->last_rx_ms : c->last_tx_ms;
    *out = (struct ses_info){
        .id = s->id, .number = s->number, .user = s->user, .account = s->account,
        .tunnel = s->self->name, .protocol = s->vt->protocol,
        .state = s->finished ? "ending" : s->closing ? "closing" : phases[s->phase].name,
        .policy = s->policy, .authenticator = s->authenticator, .pool = s->pool,
        .peer_host = s->peer_host, .identification = p.identification,
        .method = ses_method_name(s->method),
        .role = s->dial ? "dial" : "answer", .entry = ses_dial_entry(s),
        .interface = s->iface ? dp_iface_name(s->iface) : "",
        .peer = s->peer, .our = s->our, .address = s->address,
        .server_address = s->server_address,
        .since_wall = s->since_wall, .up_wall = s->up_wall,
        .duration_ms = loop_now() - s->since_ms,
        .idle_ms = s->phase == PH_UP ? loop_now() - (last ? last : s->up_ms) : 0,
        .bytes_in = c->rx_bytes, .bytes_out = c->tx_bytes,
        .packets_in = c->rx_packets, .packets_out = c->tx_packets,
        .spoofed = c->rx_spoofed, .dropped = c->rx_bad + c->tx_dropped + c->tx_too_long,
        .session_timeout_ms = s->session_timeout_ms, .idle_timeout_ms = s->idle_timeout_ms,
        .encryption = p.encryption, .mtu = s->mtu,
        .secured = s->secured, .port = s->nas_port,
        .filter_in = ses_str(s, ADIT_ATTR_FILTER_IN), .filter_out = ses_str(s, ADIT_ATTR_FILTER_OUT),
        .rate_in = ses_u(s, ADIT_ATTR_RATE_IN), .rate_out = ses_u(s, ADIT_ATTR_RATE_OUT),
        .filtered_in = c->rx_filtered, .filtered_out = c->tx_filtered,
        .limited_in = c->rx_limited, .limited_out = c->tx_limited,
    };
    while (plug_attr_api.get(s->attrs, ADIT_ATTR_FILTER_RULE, out->filter_rules))
        out->filter_rules++;
}

const struct ses_total *ses_total(void)
{
    return &totals;
}

/* ---- attributes ------------------------------------------------------------------------ */

const char *ses_str(const struct ses *s, uint32_t id)
{
    const struct adit_value *v = plug_attr_api.get(s->attrs, id, 0);
    return v && v->type == ADIT_TYPE_STR ? v->v.p : NULL;
}

uint64_t ses_u(const struct ses *s, uint32_t id)
{
    const struct adit_value *v = plug_attr_api.get(s->attrs, id, 0);
    return v ? v->v.u : 0;
}

const struct adit_addr *ses_address(const struct ses *s, uint32_t id, uint32_t nth)
{
    const struct adit_value *v = plug_attr_api.get(s->attrs, id, nth);
    return v && v->type == ADIT_TYPE_ADDR ? &v->v.addr : NULL;
}

static void put_one(struct ses *s, uint32_t id, const struct adit_value *v)
{
    plug_attr_api.del(s->attrs, id);
    plug_attr_api.put(s->attrs, id, v);
}

void ses_put_str(struct ses *s, uint32_t id, const char *text)
{
    struct adit_value v = adit_value_str(text);
    put_one(s, id, &v);
}

void ses_put_u(struct ses *s, uint32_t id, uint64_t u)
{
    put_one(s, id, &(struct adit_value){ ADIT_TYPE_U64, 0, { .u = u } });
}

void ses_put_addr(struct ses *s, uint32_t id, const struct adit_addr *a)
{
    put_one(s, id, &(struct adit_value){ ADIT_TYPE_ADDR, 0, { .addr = *a } });
}
