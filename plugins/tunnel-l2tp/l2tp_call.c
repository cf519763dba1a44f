/* l2tp_call.c - incoming calls of L2TP, as LNS and as LAC (RFC 2661 section 7.4).
 *
 * Knows:  the states of a call in both roles, which session a message means.
 * Leaves: the tunnel to l2tp_tunnel, data to l2tp_data, ports and PPP to the owner.
 *
 * Outgoing calls (section 7.5) are not served: an OCRQ gets a CDN that says so.
 */
#include "l2tp_call.h"

#include <stdio.h>

// clang-format off
#define GO(actions, next) { (actions), L2TP_C_##next, 1 }
#define STATE(s) [L2TP_C_##s]
#define ON(e) [L2TP_CE_##e]
#define FAIL GO(L2TP_CA_CDN | L2TP_CA_CLEAN, CLOSED)
#define QUIT GO(L2TP_CA_CLEAN, CLOSED)
/* Section 7.4.1. */
const struct l2tp_call_move l2tp_lac_table[L2TP_CE_EVENTS][L2TP_C_STATES] = {
ON(OPEN)     = { STATE(IDLE)        = GO(L2TP_CA_TUNNEL, WAIT_TUNNEL) },
ON(TUNNEL)   = { STATE(WAIT_TUNNEL) = GO(L2TP_CA_ICRQ, WAIT_REPLY) },
ON(ICRQ)     = { STATE(WAIT_REPLY)  = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICRQ_BAD) = { STATE(WAIT_REPLY)  = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICRP)     = { STATE(IDLE)        = QUIT,
                 STATE(WAIT_REPLY)  = GO(L2TP_CA_ICCN | L2TP_CA_UP, ESTABLISHED),
                 STATE(ESTABLISHED) = FAIL },
ON(ICRP_BAD) = { STATE(IDLE)        = QUIT, STATE(WAIT_REPLY) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICCN)     = { STATE(IDLE)        = QUIT, STATE(WAIT_REPLY) = QUIT, STATE(ESTABLISHED) = FAIL },
ON(ICCN_BAD) = { STATE(IDLE)        = QUIT, STATE(WAIT_REPLY) = QUIT, STATE(ESTABLISHED) = FAIL },
ON(CDN)      = { STATE(IDLE)        = QUIT, STATE(WAIT_REPLY) = QUIT, STATE(ESTABLISHED) = QUIT },
ON(CLOSE)    = { STATE(WAIT_TUNNEL) = QUIT, STATE(WAIT_REPLY) = FAIL, STATE(ESTABLISHED) = FAIL },
};
/* Section 7.4.2. */
const struct l2tp_call_move l2tp_lns_table[L2TP_CE_EVENTS][L2TP_C_STATES] = {
ON(ICRQ)     = { STATE(IDLE)         = GO(L2TP_CA_ICRP, WAIT_CONNECT),
                 STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICRQ_BAD) = { STATE(IDLE)         = FAIL, STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICRP)     = { STATE(IDLE)         = FAIL, STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICRP_BAD) = { STATE(IDLE)         = FAIL, STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(ICCN)     = { STATE(IDLE)         = QUIT,
                 STATE(WAIT_CONNECT) = GO(L2TP_CA_UP, ESTABLISHED),
                 STATE(ESTABLISHED)  = FAIL },
ON(ICCN_BAD) = { STATE(IDLE)         = QUIT, STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
ON(CDN)      = { STATE(IDLE)         = QUIT, STATE(WAIT_CONNECT) = QUIT, STATE(ESTABLISHED) = QUIT },
ON(CLOSE)    = { STATE(WAIT_CONNECT) = FAIL, STATE(ESTABLISHED) = FAIL },
};
#undef GO
#undef STATE
#undef ON
#undef FAIL
#undef QUIT
// clang-format on

const char *l2tp_call_state_name(uint32_t state)
{
    static const char *const names[] = { "idle",         "wait-tunnel", "wait-reply",
                                         "wait-connect", "established", "closed" };
    return state < L2TP_C_STATES ? names[state] : "?";
}

const char *l2tp_call_event_name(uint32_t event)
{
    static const char *const names[] = { "open",         "tunnel-open", "icrq",
                                         "icrq-refused", "icrp",        "icrp-refused",
                                         "iccn",         "iccn-refused", "cdn",  "close" };
    return event < L2TP_CE_EVENTS ? names[event] : "?";
}

/* ---- sending --------------------------------------------------------------------- */

/* `ppp` NULL, or of code 0: no PPP was spoken, or it has nothing to say. */
static void send_cdn(struct l2tp_tunnel *t, uint16_t peer_id, uint16_t our_id,
                     const struct l2tp_end *end, const struct l2tp_ppp_cause *ppp)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_CDN);
    uint8_t cause[5];
    struct wr w = wr_of(cause, sizeof cause);
    char text[L2TP_END_TEXT];
    l2tp_set(&m, RESULT, result,
             ((struct l2tp_result){ end->result, end->error, l2tp_end_text(end, text) }));
    l2tp_set(&m, SESSION_ID, session_id, our_id);
    if (ppp && ppp->code) {
        wr_u16(&w, ppp->code);
        wr_u16(&w, ppp->proto);
        wr_u8(&w, ppp->direction);
        l2tp_set(&m, PPP_CAUSE, ppp_cause, ((struct l2tp_bytes){ cause, sizeof cause }));
    }
    l2tp_tunnel_send(t, peer_id, &m);
}

static void send_icrq(struct l2tp_call *c)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRQ);
    l2tp_set(&m, SESSION_ID, session_id, c->our_id);
    l2tp_set(&m, SERIAL, serial, c->serial);
    l2tp_set(&m, BEARER_TYPE, bearer_type, 1);      /* digital */
    if (c->called[0])
        l2tp_set(&m, CALLED, called,
                 ((struct l2tp_bytes){ (uint8_t *)c->called, (uint16_t)strlen(c->called) }));
    if (c->calling[0])
        l2tp_set(&m, CALLING, calling,
                 ((struct l2tp_bytes){ (uint8_t *)c->calling, (uint16_t)strlen(c->calling) }));
    l2tp_tunnel_send(c->t, 0, &m);
}

static void send_icrp(struct l2tp_call *c)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRP);
    l2tp_set(&m, SESSION_ID, session_id, c->our_id);
    l2tp_tunnel_send(c->t, c->peer_id, &m);
}

static void send_iccn(struct l2tp_call *c)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICCN);
    l2tp_set(&m, TX_SPEED, tx_speed, c->tx_bps);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 1);    /* synchronous */
    if (c->sequenced)
        l2tp_set(&m, SEQUENCING, sequencing, 1);
    l2tp_tunnel_send(c->t, c->peer_id, &m);
}

/* ---- the machine ------------------------------------------------------------------- */

/* Takes the call out of the tunnel; its memory is the owner's again. */
static void leave(struct l2tp_call *c)
{
    struct l2tp_tunnel *t = c->t;
    const struct l2tp_ops *ops = t->env->ops;
    adit_list_del(&c->node);
    adit_table_del(&t->by_peer, &c->by_peer);
    t->call_count--;
    ops->call_timer(c, 0);
    if (c->opened)
        ops->call_down(c, c->end.cause, c->end.text);
    ops->call_free(c);
    l2tp_tunnel_counted(t);
}

static void step(struct l2tp_call *c, enum l2tp_call_event ev)
{
    struct l2tp_tunnel *t = c->t;
    const struct l2tp_ops *ops = t->env->ops;
    struct l2tp_call_move move = c->lac ? l2tp_lac_table[ev][c->state]
                                        : l2tp_lns_table[ev][c->state];
    if (!move.defined) {
        l2tp_count(t->env, RX_UNEXPECTED);
        return;
    }
    uint8_t from = c->state;
    c->state = move.next;
    c->since_ms = ops->now(t);
    ops->moved(t, c, l2tp_call_state_name(from), l2tp_call_event_name(ev),
               l2tp_call_state_name(move.next));
    if (move.actions & L2TP_CA_ICRQ)
        send_icrq(c);
    else if (move.actions & L2TP_CA_ICRP)
        send_icrp(c);
    else if (move.actions & L2TP_CA_ICCN)
        send_iccn(c);
    else if (move.actions & L2TP_CA_CDN)
        send_cdn(t, c->peer_id, c->our_id, &c->end, &c->ppp);
    if (t->over)
        return;                 /* the tunnel took the call with it */
    if (move.actions & L2TP_CA_CLEAN) {
        leave(c);
        return;
    }
    ops->call_timer(c, move.next == L2TP_C_ESTABLISHED ? 0 : t->env->setup_ms);
    if (move.actions & L2TP_CA_UP) {
        l2tp_rel_flush(&t->rel);        /* row A2: the ZLB at once after ICCN */
        l2tp_count(t->env, CALLS);
        ops->call_up(c, c->m);
    }
}

/* An event, and what a CDN says if the table wants one. */
static void take(struct l2tp_call *c, enum l2tp_call_event ev, const struct l2tp_msg *m,
                 const struct l2tp_end *end)
{
    c->end = *end;
    c->m = m;
    step(c, ev);
}

void l2tp_call_init(struct l2tp_call *c, struct l2tp_tunnel *t, uint16_t our_id)
{
    *c = (struct l2tp_call){ .t = t, .our_id = our_id };
    adit_list_add(&t->calls, &c->node);
    t->call_count++;
    l2tp_tunnel_counted(t);
}

void l2tp_call_open(struct l2tp_call *c)
{
    c->lac = c->opened = true;
    c->sequenced = c->t->env->sequencing;
    step(c, L2TP_CE_OPEN);
    if (c->t->state == L2TP_T_ESTABLISHED)
        l2tp_call_tunnel_up(c);
}

void l2tp_call_tunnel_up(struct l2tp_call *c)
{
    if (c->lac && c->state == L2TP_C_WAIT_TUNNEL)
        step(c, L2TP_CE_TUNNEL);
}

void l2tp_call_close(struct l2tp_call *c, const struct l2tp_end *end)
{
    take(c, L2TP_CE_CLOSE, NULL, end);
}

void l2tp_call_lost(struct l2tp_call *c, uint32_t cause, const char *text)
{
    const struct l2tp_ops *ops = c->t->env->ops;
    ops->moved(c->t, c, l2tp_call_state_name(c->state), "tunnel-lost", "closed");
    c->state = L2TP_C_CLOSED;
    c->end = (struct l2tp_end){ 0, 0, cause, text };
    leave(c);
}

void l2tp_call_tick(struct l2tp_call *c)
{
    static const struct l2tp_end late = { L2TP_CDN_TIME, 0, ADIT_CAUSE_NO_ANSWER,
                                          "the call was not connected in time" };
    if (c->state != L2TP_C_ESTABLISHED && c->state != L2TP_C_CLOSED)
        l2tp_call_close(c, &late);
}

/* ---- messages ------------------------------------------------------------------------ */

static struct l2tp_call *by_our_id(struct l2tp_tunnel *t, uint16_t id)
{
    return t->env->ops->call_at(t, id);
}

static struct l2tp_call *by_peer_id(struct l2tp_tunnel *t, uint16_t id)
{
    const struct adit_entry *e = id ? adit_table_first(&t->by_peer, id) : NULL;
    return e ? ADIT_OF(e, struct l2tp_call, by_peer) : NULL;
}

static void take_peer_id(struct l2tp_call *c, uint16_t id)
{
    adit_table_del(&c->t->by_peer, &c->by_peer);
    c->peer_id = id;
    if (id)
        adit_table_add(&c->t->by_peer, id, &c->by_peer);
}

static void refuse(struct l2tp_tunnel *t, uint16_t peer_id, const struct l2tp_end *end)
{
    uint16_t our_id;
    /* We have no id in this: one that is in no use, as the AVP must be there. */
    do
        t->env->crypto->random(&our_id, sizeof our_id);
    while (our_id == 0 || (t->call_count < 60000 && by_our_id(t, our_id)));
    l2tp_count(t->env, CALLS_DENIED);
    send_cdn(t, peer_id, our_id, end, NULL);
}

static void learn_speed(struct l2tp_call *c, const struct l2tp_msg *m)
{
    if (l2tp_has(m, TX_SPEED))
        c->tx_bps = c->rx_bps = m->tx_speed;
    if (l2tp_has(m, RX_SPEED))
        c->rx_bps = m->rx_speed;
    if (l2tp_has(m, FRAMING_TYPE))
        c->framing_type = m->framing_type;
    if (l2tp_has(m, SEQUENCING))
        c->sequenced = true;
}

/* 0: fine; else how to refuse it. */
static struct l2tp_end icrq_wrong(struct l2tp_tunnel *t, const struct l2tp_msg *m)
{
    if (m->session_id == 0)
        return (struct l2tp_end){ L2TP_CDN_ERROR, L2TP_ERR_RANGE, ADIT_CAUSE_PROTOCOL_ERROR,
                                  "session id 0 is not allowed" };
    if (by_peer_id(t, m->session_id))
        return (struct l2tp_end){ L2TP_CDN_ERROR, L2TP_ERR_SESSION, ADIT_CAUSE_PROTOCOL_ERROR,
                                  "the session id is in use" };
    return (struct l2tp_end){ 0, 0, 0, NULL };
}

static struct l2tp_end no_port(int32_t code)
{
    switch (code) {
    case ADIT_EBUSY:
        return (struct l2tp_end){ L2TP_CDN_BUSY, 0, ADIT_CAUSE_PORTS_EXHAUSTED,
                                  "no port is free" };
    case ADIT_EDENIED:
        return (struct l2tp_end){ L2TP_CDN_ADMIN, 0, ADIT_CAUSE_REFUSED, "not permitted" };
    default:
        return (struct l2tp_end){ L2TP_CDN_ERROR, L2TP_ERR_RESOURCES, ADIT_CAUSE_RESOURCE,
                                  "insufficient resources" };
    }
}

static void rx_icrq(struct l2tp_tunnel *t, const struct l2tp_msg *m)
{
    struct l2tp_end end = icrq_wrong(t, m);
    if (end.result) {
        refuse(t, m->session_id, &end);
        return;
    }
    struct l2tp_call *c = t->env->ops->call_new(t);
    if (!c) {
        end = no_port(ADIT_ENOMEM);
        refuse(t, m->session_id, &end);
        return;
    }
    take_peer_id(c, m->session_id);
    c->serial = m->serial;
    c->bearer_type = m->bearer_type;
    c->sequenced = t->env->sequencing;
    l2tp_text(c->calling, sizeof c->calling, m->calling);
    l2tp_text(c->called, sizeof c->called, m->called);
    int32_t code = t->env->ops->call_open(c);
    if (code) {
        end = no_port(code);
        l2tp_count(t->env, CALLS_DENIED);
        take(c, L2TP_CE_ICRQ_BAD, m, &end);
        return;
    }
    c->opened = true;
    take(c, L2TP_CE_ICRQ, m, &end);
}

/* Section 5.3: header id 0 or unknown, the Assigned Session ID is the sender's;
 * row W25: it may even be ours, or nonsense. */
static struct l2tp_call *of_cdn(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m)
{
    struct l2tp_call *c = session ? by_our_id(t, session) : NULL;
    if (!c && l2tp_has(m, SESSION_ID))
        c = by_peer_id(t, m->session_id);
    if (!c && l2tp_has(m, SESSION_ID) && m->session_id)
        c = by_our_id(t, m->session_id);
    return c;
}

static uint32_t cdn_cause(const struct l2tp_call *c, const struct l2tp_msg *m)
{
    if (c->state == L2TP_C_ESTABLISHED)
        return ADIT_CAUSE_PEER_HANGUP;
    switch (m->result.code) {
    case L2TP_CDN_BUSY:
    case L2TP_CDN_NEVER:
        return c->lac ? ADIT_CAUSE_PORTS_EXHAUSTED : ADIT_CAUSE_PEER_HANGUP;
    default:
        return c->lac ? ADIT_CAUSE_REFUSED : ADIT_CAUSE_PEER_HANGUP;
    }
}

/* What the peer says of the end, in a line; RFC 3145's numbers where it gives them. */
static void cdn_text(char *out, size_t size, const struct l2tp_msg *m)
{
    char words[L2TP_TEXT];
    struct rd r = rd_of(m->ppp_cause.p, m->ppp_cause.len);
    uint16_t code = rd_u16(&r), proto = rd_u16(&r);
    uint8_t direction = rd_u8(&r);
    size_t n;
    const uint8_t *p = rd_rest(&r, &n);
    if (!l2tp_has(m, PPP_CAUSE) || !rd_ok(&r)) {
        snprintf(out, size, "the peer ended the call");
        return;
    }
    l2tp_text(words, sizeof words, (struct l2tp_bytes){ p, (uint16_t)n });
    snprintf(out, size, "the peer ended the call: PPP disconnect code %u, protocol %04x, direction %u%s%s",
             code, proto, direction, *words ? ", " : "", words);
}

/* What the peer tells of a call in the wrong state. */
static const struct l2tp_end misplaced = { L2TP_CDN_ERROR, L2TP_ERR_SESSION,
                                           ADIT_CAUSE_PROTOCOL_ERROR,
                                           "a message came in the wrong state" };

static void rx_known(struct l2tp_call *c, const struct l2tp_msg *m, const struct l2tp_fault *f)
{
    struct l2tp_end end = misplaced;
    bool fine = f->error == 0;
    if (!fine)
        end = (struct l2tp_end){ L2TP_CDN_ERROR, f->error, ADIT_CAUSE_PROTOCOL_ERROR, f->what };
    switch (m->type) {
    case L2TP_ICRQ:
        take(c, fine ? L2TP_CE_ICRQ : L2TP_CE_ICRQ_BAD, m, &end);
        break;
    case L2TP_ICRP:
        if (fine && c->lac && c->state == L2TP_C_WAIT_REPLY) {
            if (m->session_id == 0 || by_peer_id(c->t, m->session_id))
                fine = false;
            take_peer_id(c, m->session_id);
        }
        take(c, fine ? L2TP_CE_ICRP : L2TP_CE_ICRP_BAD, m, &end);
        break;
    case L2TP_ICCN:
        if (fine && !c->lac && c->state == L2TP_C_WAIT_CONNECT)
            learn_speed(c, m);
        take(c, fine ? L2TP_CE_ICCN : L2TP_CE_ICCN_BAD, m, &end);
        break;
    case L2TP_WEN:
    case L2TP_SLI:
        if (!fine && f->error == L2TP_ERR_MANDATORY)
            take(c, L2TP_CE_CLOSE, m, &end);    /* section 4.1 */
        else if (m->type == L2TP_WEN)
            l2tp_count(c->t->env, WEN);
        else
            l2tp_count(c->t->env, SLI);         /* row M12: acknowledged, that is all */
        break;
    default:
        l2tp_count(c->t->env, RX_UNEXPECTED);   /* OCRQ, OCRP, OCCN to an incoming call */
        take(c, L2TP_CE_CLOSE, m, &end);
    }
}

bool l2tp_call_rx(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m,
                  const struct l2tp_fault *f)
{
    static const struct l2tp_end no_outgoing = { L2TP_CDN_NEVER, 0, ADIT_CAUSE_REFUSED,
                                                 "outgoing calls are not placed here" };
    static const struct l2tp_end unknown = { L2TP_CDN_ERROR, L2TP_ERR_SESSION,
                                             ADIT_CAUSE_PROTOCOL_ERROR, "no such session" };
    if (m->type == L2TP_CDN) {      /* malformed or not, it ends the call */
        struct l2tp_call *c = of_cdn(t, session, m);
        if (c) {
            char text[160];
            cdn_text(text, sizeof text, m);
            struct l2tp_end end = { m->result.code, m->result.error, cdn_cause(c, m), text };
            take(c, L2TP_CE_CDN, m, &end);
        }
        return true;
    }
    struct l2tp_call *c = session ? by_our_id(t, session) : NULL;
    if (c) {
        rx_known(c, m, f);
        return true;
    }
    if (f->error) {
        if (!l2tp_has(m, SESSION_ID) || m->session_id == 0)
            return m->type != L2TP_ICRQ && m->type != L2TP_OCRQ;
        struct l2tp_end end = { L2TP_CDN_ERROR, f->error, ADIT_CAUSE_PROTOCOL_ERROR, f->what };
        refuse(t, m->session_id, &end);
        return true;
    }
    switch (m->type) {
    case L2TP_ICRQ:
        rx_icrq(t, m);
        break;
    case L2TP_OCRQ:
        refuse(t, m->session_id, &no_outgoing);
        break;
    case L2TP_ICRP:
        l2tp_count(t->env, RX_UNEXPECTED);
        refuse(t, m->session_id, &unknown);
        break;
    default:
        l2tp_count(t->env, RX_UNEXPECTED);      /* idle, receive ICCN: clean up */
    }
    return true;
}
