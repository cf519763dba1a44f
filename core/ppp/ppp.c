/* ppp.c - one PPP link: phases, timers, and who gets which frame.
 *
 * Knows:  establish, authenticate, network, terminate (RFC 1661 section 3.2);
 *         when a datagram may pass; the one deadline of all protocols.
 * Leaves: each protocol to its file, frames of data to ppp_path.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ppp/ppp_link.h"

#define RESTART_MS     3000     /* RFC 1661 section 4.6 */
#define MAX_CONFIGURE  10
#define MAX_TERMINATE  2
#define MAX_FAILURE    5
#define AUTH_MS        30000
#define AUTH_ROUNDS    4
#define ECHO_FAILURES  4
#define REJECTS_BURST  16       /* Rejects at once, and per second */

static const uint16_t ras[] = {
#define ADIT_X(number, NAME, code, ras, mschap, text) [number] = ras,
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
};
#define CAUSES (sizeof ras / sizeof ras[0])

/* ---- small services of the protocols' files ------------------------------------ */

uint64_t ppp_now(struct ppp *p)
{
    return p->ops.now(p->u);
}

void ppp_random(struct ppp *p, void *out, uint32_t len)
{
    p->ops.random(p->u, out, len);
}

void ppp_bad(struct ppp *p)
{
    p->stat.rx_bad++;
}

size_t ppp_room(struct ppp *p)
{
    size_t mru = cp_opened(&p->lcp.cp) ? p->lcp.peer.mru : 1500;
    if (mru > p->cfg.mtu_max)
        mru = p->cfg.mtu_max;
    return mru < CP_MAX ? mru : CP_MAX;
}

bool ppp_may_reject(struct ppp *p)
{
    uint64_t now = ppp_now(p);
    if (now - p->rej_at >= 1000) {
        p->rej_at = now;
        p->rej_left = REJECTS_BURST;
    }
    if (p->rej_left == 0)
        return false;
    p->rej_left--;
    return true;
}

void ppp_say(struct ppp *p, const struct ppp_event *ev)
{
    if (!p->dead)
        p->ops.event(p->u, ev);
}

static void say(struct ppp *p, enum ppp_event_type type)
{
    ppp_say(p, &(struct ppp_event){ .type = type });
}

/* A control frame. LCP goes uncompressed always (RFC 1661 section 6.6). */
void ppp_send(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len)
{
    uint8_t buf[ADIT_ROOM + 4 + CP_MAX + 4 + ADIT_ROOM];
    if (p->dead || !p->up || len > CP_MAX + 4)
        return;
    struct wr w = wr_of(buf + ADIT_ROOM, sizeof buf - 2 * ADIT_ROOM);
    if (proto == PPP_LCP || p->head_len)
        wr_u16(&w, 0xff03);
    wr_u16(&w, proto);
    wr_bytes(&w, data, len);
    if (!wr_ok(&w))
        return;
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, wr_len(&w));
    struct adit_frame *v = &f;
    if (p->watch & PPP_WATCH_CONTROL) {
        struct adit_frame shown = f, *s = &shown;
        adit_frame_pull(s, f.len - (uint32_t)len);
        p->seen(p->u, true, proto, &s, 1);
    }
    p->ops.tx_link(p->u, &v, 1);
}

/* What a Terminate-Request carries: code and text; for Windows, who would show it as
 * noise, the layout in which it tells us: magic, mark, RAS error. */
const char *ppp_close_text(struct ppp *p, uint8_t *out, size_t size, size_t *len)
{
    uint32_t cause = p->cause < CAUSES ? adit_cause_shown(p->cause) : 0;
    if (strncmp(p->identification, "MSRAS", 5) != 0) {
        if (!cause || !p->text[0])
            return cause ? adit_cause_told(cause) : "";
        if (!strncmp(p->text, "ADIT-", 5))      /* it is what the peer has told us */
            return p->text;
        snprintf((char *)out, size, "%s: %s", adit_cause_code(cause), p->text);
        return (const char *)out;
    }
    struct wr w = wr_of(out, size);
    wr_u32(&w, p->lcp.our.magic);
    wr_u32(&w, LCP_RAS_MARK);
    wr_u32(&w, ras[cause]);
    *len = wr_len(&w);
    return NULL;
}

/* ---- the one timer ---------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static struct cp *const *protocols(struct ppp *p, struct cp *v[5])
{
    v[0] = &p->lcp.cp;
    v[1] = &p->ccp.cp;
    v[2] = &p->ipcp.cp;
    v[3] = &p->ipv6cp.cp;
    v[4] = &p->ipxcp.cp;
    return v;
}

static void settle(struct ppp *p)
{
    if (p->dead)
        return;
    struct cp *v[5];
    protocols(p, v);
    uint64_t due = least(p->phase_due, least(p->auth_due, p->auth_end));
    due = least(due, least(p->lcp.echo_at, p->ncps_due));
    for (int i = 0; i < 5; i++)
        due = least(due, v[i]->f.due_at);
    if (due == p->armed_at)
        return;
    p->armed_at = due;
    uint64_t now = ppp_now(p);
    p->ops.timer(p->u, due == PPP_NEVER ? PPP_NEVER : due > now ? due - now : 0);
}

static void auth_free(struct auth_run *run)
{
    ppp_auth_free(run->a);
    free(run);
}

void ppp_enter(struct ppp *p)
{
    p->depth++;
    p->touched = true;
}

void ppp_leave(struct ppp *p)
{
    if (p->depth == 1) {
        ppp_work(p);
        settle(p);
        p->touched = false;
        while (p->auth_gone) {
            struct auth_run *run = p->auth_gone;
            p->auth_gone = run->next;
            auth_free(run);
        }
    }
    p->depth--;
}

/* ---- the end ------------------------------------------------------------------------ */

void ppp_cause(struct ppp *p, uint32_t cause, const char *text)
{
    if (p->cause)
        return;                 /* the first one wins */
    p->cause = cause;
    snprintf(p->text, sizeof p->text, "%s", text ? text : "");
}

static void auth_stop(struct ppp *p)
{
    if (p->auth) {
        p->auth->next = p->auth_gone;
        p->auth_gone = p->auth;
        p->auth = NULL;
    }
    p->auth_due = PPP_NEVER;
    p->lcp_came_up = false;
}

/* Why it ends, when it is the peer who goes: our last refusal, if there was one. */
uint32_t ppp_refusal(struct ppp *p, uint32_t cause)
{
    uint32_t refused = p->auth ? ppp_auth_refused(p->auth->a) : ADIT_CAUSE_NONE;
    return refused ? refused : cause;
}

void ppp_finish(struct ppp *p)
{
    if (p->dead)
        return;
    if (!p->cause)
        p->cause = p->heard ? ADIT_CAUSE_LCP_FAILED : ADIT_CAUSE_LCP_TIMEOUT;
    auth_stop(p);
    p->phase = PH_DEAD;
    p->pass_clear = p->pass_mppe = 0;
    if (p->armed_at != PPP_NEVER)
        p->ops.timer(p->u, PPP_NEVER);
    p->armed_at = PPP_NEVER;
    struct ppp_event ev = { .type = PPP_EV_DOWN, .cause = p->cause,
                            .text = p->text[0] ? p->text : NULL };
    p->dead = true;
    p->ops.event(p->u, &ev);
}

void ppp_end(struct ppp *p, uint32_t cause, const char *text)
{
    if (p->dead)
        return;
    ppp_cause(p, cause, text);
    p->touched = true;
    if (p->phase == PH_TERMINATE)
        return;
    p->phase = PH_TERMINATE;
    p->phase_due = p->auth_end = p->ncps_due = PPP_NEVER;
    uint8_t state = p->lcp.cp.f.state;
    fsm_step(&p->lcp.cp.f, FSM_CLOSE);
    /* from Initial, Starting, Stopped there is nobody to say goodbye to */
    if (state < FSM_CLOSING)
        ppp_finish(p);
}

/* ---- what may pass --------------------------------------------------------------------- */

static const struct net {
    uint32_t bit;
    uint16_t proto;
} nets[] = { { NET_IP, PPP_IP }, { NET_IPV6, PPP_IPV6 }, { NET_IPX, PPP_IPX } };
#define NETS (sizeof nets / sizeof nets[0])

static struct cp *ncp_of(struct ppp *p, uint32_t bit)
{
    return bit == NET_IP ? &p->ipcp.cp : bit == NET_IPV6 ? &p->ipv6cp.cp : &p->ipxcp.cp;
}

static uint32_t wanted(const struct ppp *p)
{
    return (p->net.ipv4 ? NET_IP : 0) | (p->net.ipv6 ? NET_IPV6 : 0) | (p->net.ipx ? NET_IPX : 0);
}

/* The gate of the data path, in one place: in clear only when nothing was
 * required and nothing encrypts; NET_UP is said when a datagram may really pass. */
static void gate(struct ppp *p)
{
    bool mppe = p->mppe_rx_on && p->mppe_tx_on;
    bool clear = !mppe && !p->required && !p->mppe_was_on;
    uint32_t open = 0;
    for (size_t i = 0; i < NETS && p->ncps_on; i++) {
        if (cp_opened(ncp_of(p, nets[i].bit)) && !ncp_of(p, nets[i].bit)->failed)
            open |= nets[i].bit;
    }
    p->pass_clear = clear ? open : 0;
    p->pass_mppe = mppe ? open : 0;

    uint32_t most = p->lcp.peer.mru < p->cfg.mtu_max ? p->lcp.peer.mru : p->cfg.mtu_max;
    p->tx_max = (uint16_t)(mppe && most > 4 ? most - 4 : most);
    p->pfc = p->lcp.peer.pfc;

    uint32_t pass = p->pass_clear | p->pass_mppe;
    for (size_t i = 0; i < NETS; i++) {
        uint32_t bit = nets[i].bit;
        if ((pass & bit) == (p->net_said & bit))
            continue;
        if (pass & bit) {
            p->phase_due = PPP_NEVER;
            p->net_was_up = true;
        }
        p->net_said ^= bit;
        ppp_say(p, &(struct ppp_event){ .type = pass & bit ? PPP_EV_NET_UP : PPP_EV_NET_DOWN,
                                        .proto = nets[i].proto });
        if (p->dead || (p->pass_clear | p->pass_mppe) != pass)
            return;             /* the listener did something: that call has said the rest */
    }
}

/* ---- the network phase ---------------------------------------------------------------------- */

static struct held *held_of(struct ppp *p, uint16_t proto)
{
    switch (proto) {
    case PPP_CCP:    return &p->held[HELD_CCP];
    case PPP_IPCP:   return &p->held[HELD_IPCP];
    case PPP_IPV6CP: return &p->held[HELD_IPV6CP];
    case PPP_IPXCP:  return &p->held[HELD_IPXCP];
    default:         return NULL;
    }
}

static void replay(struct ppp *p, uint16_t proto)
{
    struct held *h = held_of(p, proto);
    struct held copy = *h;
    h->len = 0;
    if (copy.len && !p->dead)
        ppp_rx_control(p, proto, copy.data, copy.len);
}

static void ncps_start(struct ppp *p)
{
    if (p->ncps_on || !p->net_on || p->dead)
        return;
    p->ncps_on = true;
    p->ncps_due = PPP_NEVER;
    for (size_t i = 0; i < NETS; i++) {
        if (wanted(p) & nets[i].bit)
            cp_start(ncp_of(p, nets[i].bit));
    }
    replay(p, PPP_IPCP);
    replay(p, PPP_IPV6CP);
    replay(p, PPP_IPXCP);
}

static void net_stop(struct ppp *p)
{
    for (size_t i = 0; i < NETS; i++)
        cp_stop(ncp_of(p, nets[i].bit));
    cp_stop(&p->ccp.cp);
    p->ncps_on = p->net_on = p->required = p->mppe_was_on = p->net_was_up = false;
    p->ncps_due = PPP_NEVER;
    memset(p->held, 0, sizeof p->held);
    gate(p);
}

void ppp_ccp_changed(struct ppp *p)
{
    if (p->mppe_rx_on) {
        uint32_t enc = ccp_enc_of(p->ccp.peer);
        gate(p);
        ppp_say(p, &(struct ppp_event){ .type = PPP_EV_MPPE, .encryption = enc });
        if (!p->dead && p->mppe_rx_on)
            ncps_start(p);
    } else {
        gate(p);
    }
}

void ppp_ccp_failed(struct ppp *p, const char *text)
{
    if (p->required || p->mppe_was_on)
        ppp_end(p, ADIT_CAUSE_ENCRYPTION, text);
    else
        ncps_start(p);
}

void ppp_ncp_changed(struct ppp *p)
{
    if (p->dead || !p->ncps_on || p->phase != PH_NETWORK)
        return;
    gate(p);
    uint32_t failed = 0;
    bool heard = false;
    for (size_t i = 0; i < NETS; i++) {
        struct cp *c = ncp_of(p, nets[i].bit);
        if (!(wanted(p) & nets[i].bit) || !c->failed)
            continue;
        failed |= nets[i].bit;
        heard |= nets[i].bit == NET_IP && c->heard && !p->net_was_up;
    }
    if (!p->dead && p->ncps_on && failed == wanted(p))
        ppp_end(p, heard ? ADIT_CAUSE_IPCP_FAILED : ADIT_CAUSE_NO_NETWORK, NULL);
}

/* A datagram of a protocol that we gave up: the peer thinks that it is open,
 * and nobody else will ever say otherwise. */
void ppp_ncp_wake(struct ppp *p, uint32_t net)
{
    if (!p->ncps_on || !(wanted(p) & net))
        return;
    struct cp *c = ncp_of(p, net);
    if (c->started && c->f.state == FSM_STOPPED && ppp_may_reject(p)) {
        p->touched = true;
        cp_restart(c);
    }
}

void ppp_proto_rejected(struct ppp *p, uint16_t proto)
{
    switch (proto) {
    case PPP_LCP:
        cp_rejected(&p->lcp.cp);
        break;
    case PPP_PAP:
    case PPP_CHAP:
    case PPP_EAP:
        if (p->phase == PH_AUTHENTICATE)
            ppp_end(p, ADIT_CAUSE_NO_COMMON_METHOD, "the peer rejects the authentication protocol");
        break;
    case PPP_CCP:
    case PPP_COMP:
        if (p->ccp.cp.started)
            cp_rejected(&p->ccp.cp);
        break;
    case PPP_IPCP:
    case PPP_IP:
        if (p->ipcp.cp.started)
            cp_rejected(&p->ipcp.cp);
        break;
    case PPP_IPV6CP:
    case PPP_IPV6:
        if (p->ipv6cp.cp.started)
            cp_rejected(&p->ipv6cp.cp);
        break;
    case PPP_IPXCP:
    case PPP_IPX:
        if (p->ipxcp.cp.started)
            cp_rejected(&p->ipxcp.cp);
        break;
    default:
        break;
    }
}

void ppp_net_start(struct ppp *p, const struct ppp_net *net)
{
    if (p->dead || !p->authenticated || p->net_on || p->phase == PH_TERMINATE)
        return;
    ppp_enter(p);
    p->net = *net;
    p->net_on = true;
    p->phase = PH_NETWORK;
    p->phase_due = ppp_now(p) + 2 * p->cfg.max_configure * p->cfg.restart_ms;

    uint32_t strong = net->encryption & (ADIT_ENC_40 | ADIT_ENC_56 | ADIT_ENC_128);
    p->required = strong && !(net->encryption & ADIT_ENC_NONE);
    const struct ppp_keys *k = ppp_keys_of(p);
    static const uint8_t zero[8];
    if (!k->have)
        strong = 0;             /* W15: PAP and CHAP make no keys */
    else if (k->lm && memcmp(k->lm_key, zero, sizeof zero) == 0)
        strong &= ADIT_ENC_128;
    if (k->brief)               /* the missing half would be zeros that everybody knows */
        strong &= ~ADIT_ENC_128;
    p->ccp.permitted = strong;
    p->ccp.stateful = net->stateful != 0;
    if (p->required && !strong) {
        ppp_end(p, ADIT_CAUSE_ENCRYPTION, "the authentication made no key of a permitted strength");
    } else {
        if (strong)
            cp_start(&p->ccp.cp);
        if (!p->required && !strong)
            ncps_start(p);
        else if (!p->required)
            /* Nothing need pass in clear that would be encrypted a moment later.
             * Who does not answer CCP at all is not waited for long. */
            p->ncps_due = ppp_now(p) + p->cfg.restart_ms;
        if (!p->dead && p->net_on)
            replay(p, PPP_CCP);
    }
    ppp_leave(p);
}

/* ---- authentication --------------------------------------------------------------------------- */

/* Each run has its own handle, so that one that is over cannot be heard. */
static struct ppp *run_of(void *u)
{
    struct auth_run *run = u;
    return run->p->auth == run && !run->p->dead ? run->p : NULL;
}

static uint64_t auth_now(void *u)
{
    return ppp_now(((struct auth_run *)u)->p);
}

static void auth_random(void *u, void *out, uint32_t len)
{
    ppp_random(((struct auth_run *)u)->p, out, len);
}

static void auth_timer(void *u, uint64_t ms)
{
    struct ppp *p = run_of(u);
    if (p)
        p->auth_due = ms == PPP_NEVER ? PPP_NEVER : ppp_now(p) + ms;
}

static void auth_tx(void *u, uint16_t proto, const uint8_t *data, size_t len)
{
    struct ppp *p = run_of(u);
    if (p)
        ppp_send(p, proto, data, len);
}

static void auth_query(void *u, const struct adit_auth_query *q)
{
    struct ppp *p = run_of(u);
    if (p)
        ppp_say(p, &(struct ppp_event){ .type = PPP_EV_AUTH_QUERY, .query = q });
}

static void keys_take(struct ppp_keys *k, uint32_t method, const struct adit_auth_answer *a)
{
    memset(k, 0, sizeof *k);
    if (!a || a->key_len < 8)
        return;
    size_t n = a->key_len < 16 ? a->key_len : 16;
    k->have = true;
    k->lm = method == ADIT_AUTH_MSCHAPV1;
    k->brief = n < sizeof k->send;
    memcpy(k->send, a->send_key, n);
    memcpy(k->recv, a->recv_key, n);
    memcpy(k->lm_key, a->lm_key, sizeof k->lm_key);
}

static void auth_done(struct ppp *p)
{
    if (p->demand || p->obey || p->authenticated || p->phase != PH_AUTHENTICATE)
        return;
    p->authenticated = true;
    p->auth_end = p->phase_due = PPP_NEVER;
    p->phase = PH_NETWORK;
    say(p, PPP_EV_AUTHENTICATED);
}

static void auth_peer_ok(void *u, const char *user, uint32_t method,
                         const struct adit_auth_answer *keys)
{
    struct ppp *p = run_of(u);
    if (!p || !p->demand)
        return;                 /* a repeated challenge: the keys in use stay */
    snprintf(p->user, sizeof p->user, "%s", user ? user : "");
    p->method = method;
    keys_take(&p->keys_in, method, keys);
    p->demand = 0;
    auth_done(p);
}

static void secret_drop(const char **secret)
{
    if (*secret)
        bytes_wipe((void *)(uintptr_t)*secret, strlen(*secret));
    free((void *)(uintptr_t)*secret);
    *secret = NULL;
}

static void auth_our_ok(void *u, uint32_t method, const struct adit_auth_answer *keys)
{
    struct ppp *p = run_of(u);
    if (!p || !p->obey)
        return;
    snprintf(p->peer_name, sizeof p->peer_name, "%s", ppp_auth_peer_name(p->auth->a));
    p->our_method = method;
    if (ppp_auth_changed(p->auth->a)) { /* the link may be negotiated anew */
        secret_drop(&p->cfg.password);
        p->cfg.password = p->cfg.new_password;
        p->cfg.new_password = NULL;
        p->password_changed = true;
    }
    keys_take(&p->keys_out, method, keys);
    p->obey = 0;
    auth_done(p);
}

static void auth_failed(void *u, uint32_t cause, const char *text)
{
    struct ppp *p = run_of(u);
    if (p)
        ppp_end(p, cause ? cause : ADIT_CAUSE_AUTH_FAILED, text);
}

static const struct ppp_auth_ops auth_ops = {
    auth_now, auth_random, auth_timer, auth_tx, auth_query, auth_peer_ok, auth_our_ok, auth_failed
};

static void auth_begin(struct ppp *p)
{
    say(p, PPP_EV_LCP_UP);
    if (p->dead || p->phase != PH_AUTHENTICATE)
        return;
    if (p->demand || p->obey) {
        struct auth_run *run = calloc(1, sizeof *run);
        if (run) {
            run->p = p;
            p->auth = run;
            run->a = ppp_auth_new(&p->cfg, &auth_ops, run);
        }
        if (!run || !run->a) {
            p->auth = NULL;
            free(run);
            ppp_end(p, ADIT_CAUSE_RESOURCE, NULL);
            return;
        }
        ppp_auth_mtu(run->a, (uint16_t)ppp_room(p));
        if (p->obey)
            ppp_auth_obey(run->a, p->obey);
        if (p->auth == run && p->demand)
            ppp_auth_demand(run->a, p->demand);
    }
    auth_done(p);
}

/* What waits until no protocol is on the stack. */
void ppp_work(struct ppp *p)
{
    while (p->lcp_came_up && !p->dead) {
        p->lcp_came_up = false;
        auth_begin(p);
    }
}

void ppp_auth_answer(struct ppp *p, const struct adit_auth_answer *answer)
{
    if (p->dead || !p->auth)
        return;
    ppp_enter(p);
    ppp_auth_answer_take(p->auth->a, answer);
    ppp_leave(p);
}

bool ppp_challenge(struct ppp *p)
{
    if (p->dead || !p->auth || !p->authenticated || p->phase != PH_NETWORK)
        return false;
    ppp_enter(p);
    bool asked = ppp_auth_again(p->auth->a);
    ppp_leave(p);
    return asked;
}

/* ---- LCP's moves ------------------------------------------------------------------------------- */

void ppp_lcp_up(struct ppp *p)
{
    uint64_t now = ppp_now(p);
    p->phase = PH_AUTHENTICATE;
    p->phase_due = PPP_NEVER;
    p->heard_at = now;
    /* The authentication has its own clock, and winds it up for a person who
     * types again. This one is of the whole login: negotiating the link again
     * does not wind it up. */
    if (p->auth_end == PPP_NEVER)
        p->auth_end = now + AUTH_ROUNDS * p->cfg.auth_timeout_ms;
    p->demand = p->lcp.our.auth;
    p->obey = p->lcp.peer.auth;
    p->authenticated = false;
    p->method = p->our_method = 0;
    bytes_wipe(&p->keys_in, sizeof p->keys_in);
    bytes_wipe(&p->keys_out, sizeof p->keys_out);
    memset(p->held, 0, sizeof p->held);
    p->head_len = p->lcp.peer.acfc ? 0 : 2;
    gate(p);
    p->lcp_came_up = true;
    p->touched = true;
}

void ppp_lcp_down(struct ppp *p)
{
    auth_stop(p);
    p->head_len = 2;
    p->authenticated = false;
    if (p->phase != PH_TERMINATE) {
        p->phase = p->cause ? PH_TERMINATE : PH_ESTABLISH;
        p->phase_due = p->cause ? PPP_NEVER
                                : ppp_now(p) + 2 * p->cfg.max_configure * p->cfg.restart_ms;
        if (p->cause)
            p->auth_end = PPP_NEVER;
    }
    net_stop(p);
}

/* ---- frames --------------------------------------------------------------------------------------- */

static bool known_ncp(struct ppp *p, uint16_t proto)
{
    if (!p->net_on)
        return held_of(p, proto) != NULL;   /* not yet decided */
    return (proto == PPP_CCP && p->ccp.permitted) || (proto == PPP_IPCP && p->net.ipv4)
        || (proto == PPP_IPV6CP && p->net.ipv6) || (proto == PPP_IPXCP && p->net.ipx);
}

static void rx_ncp(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len)
{
    struct cp *c = proto == PPP_CCP ? &p->ccp.cp : proto == PPP_IPCP ? &p->ipcp.cp
                 : proto == PPP_IPV6CP ? &p->ipv6cp.cp : &p->ipxcp.cp;
    if (c->started) {
        cp_rx(c, data, len);
        return;
    }
    /* Before our time (the policy thinks, or MPPE is not open): the request is
     * kept and answered then; an answer now would come before encryption. */
    struct held *h = held_of(p, proto);
    if (p->authenticated && len >= 4 && len <= HELD_MAX && data[0] == CP_CONF_REQ) {
        memcpy(h->data, data, len);
        h->len = (uint8_t)len;
    }
}

void ppp_rx_control(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len)
{
    switch (proto) {
    case PPP_LCP:
        cp_rx(&p->lcp.cp, data, len);
        return;
    case PPP_PAP:
    case PPP_CHAP:
    case PPP_EAP:
        /* LCP may have come up a frame ago */
        if (p->depth == 1)
            ppp_work(p);
        if (p->auth && cp_opened(&p->lcp.cp) && !ppp_auth_rx(p->auth->a, proto, data, len))
            ppp_bad(p);
        return;
    default:
        break;
    }
    /* a peer whose last word was lost goes on to the network */
    if (p->obey && p->auth && cp_opened(&p->lcp.cp) && held_of(p, proto))
        ppp_auth_network(p->auth->a);
    /* RFC 1661 section 3.5: before authentication, anything else is discarded */
    if (!cp_opened(&p->lcp.cp) || !p->authenticated)
        return;
    if (known_ncp(p, proto)) {
        rx_ncp(p, proto, data, len);
        return;
    }
    /* a data protocol whose NCP is not open is discarded (RFC 1661 section 3.6) */
    for (size_t i = 0; i < NETS; i++) {
        if (proto == nets[i].proto && (!p->net_on || wanted(p) & nets[i].bit)) {
            ppp_ncp_wake(p, nets[i].bit);
            return;
        }
    }
    if (proto == PPP_COMP && (!p->net_on || p->ccp.permitted))
        return;
    lcp_protocol_reject(p, proto, data, len);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static bool copy_text(const char **s)
{
    if (!*s)
        return true;
    *s = strdup(*s);
    return *s != NULL;
}

static bool copy_bytes(const uint8_t **b, uint32_t len)
{
    uint8_t *own = *b && len ? malloc(len) : NULL;
    bool ok = own || !len || !*b;
    if (own)
        memcpy(own, *b, len);
    *b = own;
    return ok;
}

struct ppp *ppp_new(const struct ppp_cfg *cfg, const struct ppp_ops *o, void *u)
{
    struct ppp *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->cfg = *cfg;
    struct ppp_cfg *c = &p->cfg;
    if (!c->proxy_sent)
        c->proxy_sent_len = 0;
    if (!c->proxy_rcvd)
        c->proxy_rcvd_len = 0;
    /* no short cut: each one must become ours or NULL before ppp_free() sees it */
    bool ok = copy_text(&c->our_name);
    ok &= copy_text(&c->user);
    ok &= copy_text(&c->password);
    ok &= copy_text(&c->new_password);
    ok &= copy_text(&c->tls_name);
    ok &= copy_bytes(&c->proxy_sent, c->proxy_sent_len);
    ok &= copy_bytes(&c->proxy_rcvd, c->proxy_rcvd_len);
    p->ops = *o;
    p->u = u;
    if (!ok) {
        ppp_free(p);
        return NULL;
    }
    if (c->mru < 128)
        c->mru = c->mru ? 128 : 1500;
    if (!c->mtu_max)
        c->mtu_max = 1500;
    else if (c->mtu_max < 128)
        c->mtu_max = 128;
    if (!c->auth_timeout_ms)
        c->auth_timeout_ms = AUTH_MS;
    if (!c->restart_ms)
        c->restart_ms = RESTART_MS;
    if (!c->max_configure)
        c->max_configure = MAX_CONFIGURE;
    if (!c->max_terminate)
        c->max_terminate = MAX_TERMINATE;
    if (!c->max_failure)
        c->max_failure = MAX_FAILURE;
    if (!c->echo_failures)
        c->echo_failures = ECHO_FAILURES;

    p->armed_at = p->phase_due = p->auth_due = p->auth_end = p->ncps_due = PPP_NEVER;
    p->head[0] = 0xff;
    p->head[1] = 0x03;
    p->head_len = 2;
    lcp_init(p);
    cp_init(&p->ccp.cp, p, &ccp_proto);
    cp_init(&p->ipcp.cp, p, &ipcp_proto);
    cp_init(&p->ipv6cp.cp, p, &ipv6cp_proto);
    cp_init(&p->ipxcp.cp, p, &ipxcp_proto);
    struct cp *v[5];
    protocols(p, v);
    for (int i = 0; i < 5; i++) {
        v[i]->f.restart_ms = c->restart_ms;
        v[i]->f.max_configure = c->max_configure;
        v[i]->f.max_terminate = c->max_terminate;
        v[i]->max_failure = (uint8_t)(c->max_failure < 200 ? c->max_failure : 200);
    }
    return p;
}

void ppp_free(struct ppp *p)
{
    if (!p)
        return;
    p->dead = true;
    auth_stop(p);
    while (p->auth_gone) {
        struct auth_run *run = p->auth_gone;
        p->auth_gone = run->next;
        auth_free(run);
    }
    secret_drop(&p->cfg.password);
    secret_drop(&p->cfg.new_password);
    free((void *)(uintptr_t)p->cfg.our_name);
    free((void *)(uintptr_t)p->cfg.user);
    free((void *)(uintptr_t)p->cfg.tls_name);
    free((void *)(uintptr_t)p->cfg.proxy_sent);
    free((void *)(uintptr_t)p->cfg.proxy_rcvd);
    bytes_wipe(p, sizeof *p);
    free(p);
}

void ppp_watch(struct ppp *p, uint32_t what, ppp_seen_fn *seen)
{
    p->watch = what;
    p->seen = seen;
}

void ppp_up(struct ppp *p)
{
    if (p->dead || p->up)
        return;
    ppp_enter(p);
    p->up = true;
    p->phase = PH_ESTABLISH;
    p->phase_due = ppp_now(p) + 2 * p->cfg.max_configure * p->cfg.restart_ms;
    p->heard_at = ppp_now(p);
    if (lcp_proxy(p)) {
        /* the LAC agreed with the peer in our name: Opened at once */
        p->lcp.cp.started = p->lcp.cp.answered = true;
        p->heard = true;
        p->lcp.cp.f.state = FSM_OPENED;
        lcp_proto.up(&p->lcp.cp);
    } else {
        cp_start(&p->lcp.cp);
    }
    ppp_leave(p);
}

void ppp_down(struct ppp *p, uint32_t cause)
{
    if (p->dead)
        return;
    ppp_enter(p);
    ppp_cause(p, ppp_refusal(p, cause), NULL);
    p->up = false;              /* nothing can be sent any more */
    p->phase = PH_TERMINATE;
    cp_stop(&p->lcp.cp);
    ppp_finish(p);
    ppp_leave(p);
}

void ppp_close(struct ppp *p, uint32_t cause)
{
    if (p->dead)
        return;
    ppp_enter(p);
    ppp_end(p, cause, NULL);
    ppp_leave(p);
}

void ppp_tick(struct ppp *p)
{
    if (p->dead)
        return;
    ppp_enter(p);
    uint64_t now = ppp_now(p);
    struct cp *v[5];
    protocols(p, v);
    p->armed_at = PPP_NEVER;    /* whatever is due next is set again */
    for (int i = 0; i < 5 && !p->dead; i++) {
        if (v[i]->f.due_at <= now)
            fsm_expire(&v[i]->f);
    }
    if (!p->dead && p->lcp.echo_at <= now)
        lcp_echo(p);
    if (!p->dead && p->ncps_due <= now)
        ncps_start(p);
    if (!p->dead && p->auth_due <= now) {
        p->auth_due = PPP_NEVER;
        if (p->auth)
            ppp_auth_tick(p->auth->a);
    }
    if (!p->dead && p->auth_end <= now) {
        p->auth_end = PPP_NEVER;
        ppp_end(p, ADIT_CAUSE_AUTH_TIMEOUT, NULL);
    }
    if (!p->dead && p->phase_due <= now) {
        p->phase_due = PPP_NEVER;
        if (p->phase == PH_NETWORK)
            ppp_end(p, p->required && !p->mppe_was_on ? ADIT_CAUSE_ENCRYPTION : ADIT_CAUSE_NO_NETWORK, NULL);
        else
            ppp_end(p, p->heard ? ADIT_CAUSE_LCP_FAILED : ADIT_CAUSE_LCP_TIMEOUT, NULL);
    }
    ppp_leave(p);
}

/* ---- what is known -------------------------------------------------------------------------------------- */

static struct adit_addr ip4(uint32_t a)
{
    struct adit_addr out = { .family = ADIT_AF_IPV4, .prefix = 32 };
    struct wr w = wr_of(out.ip, 4);
    wr_u32(&w, a);
    return a ? out : (struct adit_addr){ 0 };
}

void ppp_info(const struct ppp *p, struct ppp_info *out)
{
    memset(out, 0, sizeof *out);
    bool opened = cp_opened(&p->lcp.cp);
    out->mru = opened && !p->lcp.mru_off ? p->lcp.our.mru : 1500;
    out->peer_mru = opened ? p->tx_max : 0;
    /* room for MPPE, too, while it may still come: who asks now sets an MTU by it */
    if (!p->mppe_tx_on && p->ccp.cp.f.state >= FSM_REQ_SENT && out->peer_mru > 4)
        out->peer_mru = (uint16_t)(out->peer_mru - 4);
    out->magic = p->lcp.our.magic;
    out->peer_magic = opened ? p->lcp.peer.magic : 0;
    out->method = p->method;
    out->our_method = p->our_method;
    out->password_changed = p->password_changed;
    if (p->mppe_tx_on && p->mppe_rx_on) {
        out->encryption = ccp_enc_of(p->ccp.peer);
        out->stateless = p->tx_mppe.stateless && p->rx_mppe.stateless;
    }
    out->acfc = opened && p->lcp.peer.acfc;
    out->pfc = opened && p->lcp.peer.pfc;
    if (cp_opened(&p->ipcp.cp)) {
        bool dial = p->cfg.role == ADIT_ROLE_DIAL;
        const uint32_t *s = dial ? p->ipcp.our : p->ipcp.give;
        out->our = ip4(p->ipcp.our[0]);
        out->peer = ip4(p->ipcp.peer);
        if (!dial || p->net.want_dns) {
            out->dns[0] = ip4(s[1]);
            out->dns[1] = ip4(s[3]);
            out->wins[0] = ip4(s[2]);
            out->wins[1] = ip4(s[4]);
        }
    }
    if (cp_opened(&p->ipv6cp.cp)) {
        out->our_ifid = p->ipv6cp.our;
        out->peer_ifid = p->ipv6cp.peer;
    }
    out->ipv4_up = !!(p->net_said & NET_IP);
    out->ipv6_up = !!(p->net_said & NET_IPV6);
    memcpy(out->user, p->user, sizeof out->user);
    memcpy(out->peer_name, p->peer_name, sizeof out->peer_name);
    memcpy(out->identification, p->identification, sizeof out->identification);
}

const struct ppp_stat *ppp_stat(const struct ppp *p)
{
    return &p->stat;
}

const char *ppp_phase_name(const struct ppp *p)
{
    static const char *const names[] = { "dead", "establish", "authenticate", "network", "terminate" };
    return names[p->phase];
}
