/* l2tp_tunnel.c - the control connection of L2TP (RFC 2661 sections 5.1, 5.5, 5.7, 7.2).
 *
 * Knows:  the states of a tunnel, who may open one, when a silent peer is asked,
 *         how long what ended is remembered.
 * Leaves: numbers and retransmission to l2tp_rel, sessions to l2tp_call,
 *         addresses and clocks to its owner.
 */
#include "l2tp_tunnel.h"

#include "l2tp_call.h"

#include <stdio.h>

#define QUEUE_MAX 1024u         /* control messages that may wait for one peer */

// clang-format off
#define GO(actions, next) { (actions), L2TP_T_##next, 1 }
#define STATE(s) [L2TP_T_##s]
#define ON(e) [L2TP_TE_##e]
/* RFC 2661 section 7.2.1; a cell left out: the message is ignored. */
const struct l2tp_tunnel_move l2tp_tunnel_table[L2TP_TE_EVENTS][L2TP_T_STATES] = {
ON(OPEN)       = { STATE(IDLE)           = GO(L2TP_TA_SCCRQ, WAIT_CTL_REPLY),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_OPEN, ESTABLISHED) },
ON(SCCRQ)      = { STATE(IDLE)           = GO(L2TP_TA_SCCRP, WAIT_CTL_CONN),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(SCCRQ_BAD)  = { STATE(IDLE)           = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, IDLE),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(SCCRQ_LOSE) = { STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_CLEAN, IDLE) },
ON(SCCRP)      = { STATE(IDLE)           = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_SCCCN | L2TP_TA_OPEN, ESTABLISHED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(SCCRP_BAD)  = { STATE(IDLE)           = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(SCCCN)      = { STATE(IDLE)           = GO(L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_OPEN, ESTABLISHED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(SCCCN_BAD)  = { STATE(IDLE)           = GO(L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
ON(STOPCCN)    = { STATE(IDLE)           = GO(L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_CLEAN, CLOSED) },
ON(CLOSE)      = { STATE(WAIT_CTL_REPLY) = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(WAIT_CTL_CONN)  = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED),
                   STATE(ESTABLISHED)    = GO(L2TP_TA_STOP | L2TP_TA_CLEAN, CLOSED) },
};
#undef GO
#undef STATE
#undef ON
// clang-format on

const char *l2tp_tunnel_state_name(uint32_t state)
{
    static const char *const names[] = { "idle", "wait-ctl-reply", "wait-ctl-conn", "established",
                                         "closed" };
    return state < L2TP_T_STATES ? names[state] : "?";
}

const char *l2tp_tunnel_event_name(uint32_t event)
{
    static const char *const names[] = { "open",          "sccrq", "sccrq-refused", "sccrq-lose",
                                         "sccrp",         "sccrp-refused",          "scccn",
                                         "scccn-refused", "stopccn",                "close" };
    return event < L2TP_TE_EVENTS ? names[event] : "?";
}

/* ---- sending ------------------------------------------------------------------ */

static struct l2tp_hide hide_of(const struct l2tp_tunnel *t)
{
    return (struct l2tp_hide){ .crypto = t->env->crypto,
                               .secret = t->secret,
                               .secret_len = t->secret_len,
                               .hide = t->env->hide && t->secret_len };
}

static void send(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m, bool patient)
{
    uint8_t body[L2TP_BODY_MAX];
    struct l2tp_hide hide = hide_of(t);
    if (t->over)
        return;
    size_t len = l2tp_msg_build(m, body, sizeof body, &hide);
    t->env->ops->trace(t, true, m);
    if (len == 0 || !l2tp_rel_send(&t->rel, t->peer_id, session, body, len, patient))
        l2tp_tunnel_lost(t, ADIT_CAUSE_RESOURCE, "too many control messages wait for the peer");
}

void l2tp_tunnel_send(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m)
{
    send(t, session, m, false);
}

static struct l2tp_bytes bytes_of(const char *s)
{
    return (struct l2tp_bytes){ (const uint8_t *)s, (uint16_t)strlen(s) };
}

/* What both SCCRQ and SCCRP say of us. */
static void about_us(struct l2tp_tunnel *t, struct l2tp_msg *m)
{
    l2tp_set(m, VERSION, version, L2TP_VERSION);
    l2tp_set(m, FRAMING_CAPS, framing_caps, 3);     /* synchronous and asynchronous */
    l2tp_set(m, BEARER_CAPS, bearer_caps, 3);       /* digital and analogue */
    l2tp_set(m, FIRMWARE, firmware, 0x0100);
    l2tp_set(m, HOST_NAME, host_name, bytes_of(t->our_host));
    l2tp_set(m, VENDOR_NAME, vendor_name, bytes_of("Adit"));
    l2tp_set(m, TUNNEL_ID, tunnel_id, t->our_id);
    l2tp_set(m, WINDOW, window, t->env->window);
    if (t->secret_len && !t->challenged) {
        t->env->crypto->random(t->challenge, sizeof t->challenge);
        t->challenged = true;
    }
    if (t->challenged)
        l2tp_set(m, CHALLENGE, challenge, ((struct l2tp_bytes){ t->challenge, 16 }));
}

static void send_start(struct l2tp_tunnel *t, uint16_t type)
{
    struct l2tp_msg m = l2tp_msg_of(type);
    if (type != L2TP_SCCCN)
        about_us(t, &m);
    if (type == L2TP_SCCRQ && t->ties)
        l2tp_set(&m, TIE_BREAKER, tie_breaker, t->tie_breaker);
    if (t->answer)
        l2tp_set(&m, RESPONSE, response, ((struct l2tp_bytes){ t->response, 16 }));
    send(t, 0, &m, false);
}

struct l2tp_bytes l2tp_end_text(const struct l2tp_end *end, char out[L2TP_END_TEXT])
{
    const char *text = end->text ? end->text : "", *code = adit_cause_code(adit_cause_shown(end->cause));
    bool bare = !end->cause || !*text || !strncmp(text, code, strlen(code));
    snprintf(out, L2TP_END_TEXT, "%s%s%s", bare ? "" : code, bare ? "" : ": ", text);
    return bytes_of(out);
}

static void send_stop(struct l2tp_tunnel *t)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_StopCCN);
    char text[L2TP_END_TEXT];
    l2tp_set(&m, TUNNEL_ID, tunnel_id, t->our_id);
    l2tp_set(&m, RESULT, result,
             ((struct l2tp_result){ t->end.result, t->end.error, l2tp_end_text(&t->end, text) }));
    l2tp_rel_purge(&t->rel);
    l2tp_rel_hurry(&t->rel);
    send(t, 0, &m, false);
}

/* ---- the machine ---------------------------------------------------------------- */

static void house(struct l2tp_tunnel *t);

static void end_calls(struct l2tp_tunnel *t)
{
    while (!adit_list_empty(&t->calls)) {
        struct l2tp_call *c = ADIT_OF(t->calls.next, struct l2tp_call, node);
        l2tp_call_lost(c, t->end.cause, t->end.text);
    }
}

static void step(struct l2tp_tunnel *t, enum l2tp_tunnel_event ev)
{
    const struct l2tp_ops *ops = t->env->ops;
    struct l2tp_tunnel_move move = l2tp_tunnel_table[ev][t->state];
    if (!move.defined) {
        l2tp_count(t->env, RX_UNEXPECTED);
        return;
    }
    uint8_t from = t->state;
    t->state = move.next;
    if (from != move.next) {
        t->since_ms = ops->now(t);
        ops->moved(t, NULL, l2tp_tunnel_state_name(from), l2tp_tunnel_event_name(ev),
                   l2tp_tunnel_state_name(move.next));
    }
    if (move.actions & L2TP_TA_SCCRQ)
        send_start(t, L2TP_SCCRQ);
    if (move.actions & L2TP_TA_SCCRP)
        send_start(t, L2TP_SCCRP);
    if (move.actions & L2TP_TA_SCCCN)
        send_start(t, L2TP_SCCCN);
    if (move.actions & L2TP_TA_STOP)
        send_stop(t);
    if (t->over)
        return;                 /* the queue to the peer overflowed */
    if (move.actions & L2TP_TA_OPEN) {
        l2tp_rel_flush(&t->rel);            /* row A2: the ZLB at once after SCCCN */
        t->empty_ms = ops->now(t);
        if (from != L2TP_T_ESTABLISHED) {
            l2tp_count(t->env, TUNNELS);
            ops->up(t);
        }
        ADIT_LIST_EACH(n, &t->calls) {
            l2tp_call_tunnel_up(ADIT_OF(n, struct l2tp_call, node));
            if (t->over)
                return;
        }
    }
    if (move.actions & L2TP_TA_CLEAN) {
        end_calls(t);
        if (move.next == L2TP_T_CLOSED)
            ops->closed(t, t->end.cause, t->end.text);
    }
    house(t);
}

/* An event, and what a StopCCN says if the table wants one. */
static void take(struct l2tp_tunnel *t, enum l2tp_tunnel_event ev, uint16_t result,
                 uint16_t error, uint32_t cause, const char *text)
{
    t->end = (struct l2tp_end){ result, error, cause, text };
    step(t, ev);
}

void l2tp_tunnel_close(struct l2tp_tunnel *t, const struct l2tp_end *end)
{
    if (t->state == L2TP_T_CLOSED || t->state == L2TP_T_IDLE)
        return;
    t->end = *end;
    step(t, L2TP_TE_CLOSE);
}

void l2tp_tunnel_lost(struct l2tp_tunnel *t, uint32_t cause, const char *text)
{
    const struct l2tp_ops *ops = t->env->ops;
    bool was = t->state != L2TP_T_CLOSED;
    if (t->over)
        return;
    t->over = true;
    l2tp_rel_fini(&t->rel);
    ops->timer(t, L2TP_TIMER_REL, 0);
    ops->timer(t, L2TP_TIMER_HOUSE, 0);
    if (was) {
        ops->moved(t, NULL, l2tp_tunnel_state_name(t->state), "lost", "closed");
        t->state = L2TP_T_CLOSED;
        t->end = (struct l2tp_end){ L2TP_STOP_CLEAR, 0, cause, text };
        end_calls(t);
        ops->closed(t, cause, text);
    }
    ops->gone(t);
}

void l2tp_tunnel_lose(struct l2tp_tunnel *t, struct l2tp_tunnel *winner)
{
    if (t->state != L2TP_T_WAIT_CTL_REPLY)
        return;
    ADIT_LIST_EACH(n, &t->calls) {
        struct l2tp_call *c = ADIT_OF(n, struct l2tp_call, node);
        adit_list_del(n);
        t->call_count--;
        c->t = winner;
        adit_list_add(&winner->calls, n);      /* the peer has given it no id yet */
        winner->call_count++;
    }
    winner->had_calls = winner->had_calls || winner->call_count;
    step(t, L2TP_TE_SCCRQ_LOSE);
    l2tp_rel_fini(&t->rel);     /* silently: not even a StopCCN */
    t->over = true;
    t->state = L2TP_T_CLOSED;
    t->env->ops->timer(t, L2TP_TIMER_REL, 0);
    t->env->ops->timer(t, L2TP_TIMER_HOUSE, 0);
    t->env->ops->closed(t, ADIT_CAUSE_NONE, "the peer's own request won the tie");
    t->env->ops->gone(t);
}

/* ---- authentication (section 5.1.1) ----------------------------------------------- */

/* MD5(message type | secret | challenge) */
static bool response_of(const struct l2tp_tunnel *t, uint8_t type, const void *challenge,
                        size_t len, uint8_t out[16])
{
    const struct adit_chunk c[] = { { &type, 1 }, { t->secret, t->secret_len },
                                    { challenge, len } };
    return t->env->crypto->digest(ADIT_MD5, c, 3, out) == 0;
}

/* The peer's proof against our challenge, and the answer to its own, which
 * goes with a message of type `next`. NULL: fine; else what is wrong. */
static const char *authenticate(struct l2tp_tunnel *t, const struct l2tp_msg *m, uint8_t next)
{
    uint8_t expected[16];
    if (t->challenged) {
        if (!l2tp_has(m, RESPONSE))
            return "the peer did not answer the challenge";
        if (!response_of(t, (uint8_t)m->type, t->challenge, sizeof t->challenge, expected) ||
            !bytes_equal(expected, m->response.p, sizeof expected))
            return "the tunnel secrets differ";
    }
    t->answer = false;
    if (next && l2tp_has(m, CHALLENGE)) {
        if (!t->secret_len)
            return "the peer wants tunnel authentication and there is no secret for it";
        if (!response_of(t, next, m->challenge.p, m->challenge.len, t->response))
            return "the digest is not available";
        t->answer = true;
    }
    return NULL;
}

/* ---- what the peer says of itself in SCCRQ and SCCRP -------------------------------- */

static const char *learn(struct l2tp_tunnel *t, const struct l2tp_msg *m, struct l2tp_end *why)
{
    if (l2tp_has(m, TUNNEL_ID))
        t->peer_id = m->tunnel_id;
    l2tp_text(t->peer_host, sizeof t->peer_host, m->host_name);
    l2tp_text(t->peer_vendor, sizeof t->peer_vendor, m->vendor_name);
    t->peer_firmware = m->firmware;
    if (m->version >> 8 != L2TP_VERSION >> 8) {
        *why = (struct l2tp_end){ L2TP_STOP_VERSION, L2TP_VERSION, ADIT_CAUSE_PROTOCOL_ERROR,
                                  "only version 1 of L2TP is spoken here" };
        return why->text;
    }
    if (m->tunnel_id == 0 && !t->env->zero_id) {
        *why = (struct l2tp_end){ L2TP_STOP_ERROR, L2TP_ERR_RANGE, ADIT_CAUSE_PROTOCOL_ERROR,
                                  "tunnel id 0 is not allowed" };
        return why->text;
    }
    if (l2tp_has(m, WINDOW))
        l2tp_rel_window(&t->rel, m->window);
    return NULL;
}

static struct l2tp_end denied(const char *text)
{
    return (struct l2tp_end){ L2TP_STOP_DENIED, 0, ADIT_CAUSE_TUNNEL_AUTH, text };
}

static struct l2tp_end broken(const struct l2tp_fault *f)
{
    return (struct l2tp_end){ L2TP_STOP_ERROR, f->error, ADIT_CAUSE_PROTOCOL_ERROR, f->what };
}

/* ---- messages ------------------------------------------------------------------------ */

static void rx_sccrp(struct l2tp_tunnel *t, const struct l2tp_msg *m)
{
    struct l2tp_end why = { 0, 0, 0, NULL };
    bool waited = t->state == L2TP_T_WAIT_CTL_REPLY;
    const char *wrong = waited ? learn(t, m, &why) : NULL;
    if (waited && !wrong && (wrong = authenticate(t, m, L2TP_SCCCN))) {
        l2tp_count(t->env, TUNNELS_AUTH);
        why = denied(wrong);
    }
    if (wrong)
        take(t, L2TP_TE_SCCRP_BAD, why.result, why.error, why.cause, why.text);
    else
        take(t, L2TP_TE_SCCRP, L2TP_STOP_FSM, 0, ADIT_CAUSE_PROTOCOL_ERROR,
               "an SCCRP came in the wrong state");
}

static void rx_scccn(struct l2tp_tunnel *t, const struct l2tp_msg *m)
{
    const char *wrong = t->state == L2TP_T_WAIT_CTL_CONN ? authenticate(t, m, 0) : NULL;
    if (wrong) {
        l2tp_count(t->env, TUNNELS_AUTH);
        take(t, L2TP_TE_SCCCN_BAD, L2TP_STOP_DENIED, 0, ADIT_CAUSE_TUNNEL_AUTH, wrong);
        return;
    }
    take(t, L2TP_TE_SCCCN, L2TP_STOP_FSM, 0, ADIT_CAUSE_PROTOCOL_ERROR,
           "an SCCCN came in the wrong state");
}

/* The tunnel id in a StopCCN may be wrong (row W25): the header found us, and
 * the result may be missing or odd: it ends all the same (row A6). */
static void rx_stop(struct l2tp_tunnel *t, const struct l2tp_msg *m)
{
    uint32_t cause = ADIT_CAUSE_PEER_HANGUP;
    if (t->dialled && t->state == L2TP_T_WAIT_CTL_REPLY)
        cause = m->result.code == L2TP_STOP_DENIED ? ADIT_CAUSE_TUNNEL_AUTH : ADIT_CAUSE_REFUSED;
    take(t, L2TP_TE_STOPCCN, m->result.code, m->result.error, cause,
           "the peer closed the tunnel");
}

/* Clears the tunnel for a message that cannot be tolerated (section 7.1). */
static void rx_fault(struct l2tp_tunnel *t, const struct l2tp_msg *m, const struct l2tp_fault *f)
{
    struct l2tp_end end = broken(f);
    switch (m->type) {
    case L2TP_SCCRP:
        take(t, L2TP_TE_SCCRP_BAD, end.result, end.error, end.cause, end.text);
        break;
    case L2TP_SCCCN:
        take(t, L2TP_TE_SCCCN_BAD, end.result, end.error, end.cause, end.text);
        break;
    default:
        l2tp_tunnel_close(t, &end);
    }
}

static void deliver(void *u, uint16_t session, uint8_t *body, size_t len)
{
    struct l2tp_tunnel *t = u;
    struct l2tp_hide hide = hide_of(t);
    struct l2tp_fault f;
    struct l2tp_msg m;
    if (t->state == L2TP_T_CLOSED)
        return;                 /* acknowledged, that is all (row W23) */
    bool fine = l2tp_msg_parse(&m, body, len, &hide, &f);
    l2tp_count_n(t->env, RX_IGNORED_AVP, m.ignored);
    t->env->ops->trace(t, false, &m);
    if (!fine)
        l2tp_count(t->env, RX_MALFORMED);
    if (m.type == L2TP_StopCCN) {
        rx_stop(t, &m);         /* malformed or not */
        return;
    }
    if (l2tp_msg_of_session(m.type)) {
        if (t->state != L2TP_T_ESTABLISHED) {
            struct l2tp_end end = { L2TP_STOP_FSM, 0, ADIT_CAUSE_PROTOCOL_ERROR,
                                    "a session message came before the tunnel was up" };
            l2tp_count(t->env, RX_UNEXPECTED);
            l2tp_tunnel_close(t, &end);
        } else if (!l2tp_call_rx(t, session, &m, &f)) {
            rx_fault(t, &m, &f);
        }
        return;
    }
    if (!fine) {
        rx_fault(t, &m, &f);
        return;
    }
    switch (m.type) {
    case L2TP_SCCRQ:
        take(t, L2TP_TE_SCCRQ, L2TP_STOP_FSM, 0, ADIT_CAUSE_PROTOCOL_ERROR,
               "an SCCRQ came in the wrong state");
        break;
    case L2TP_SCCRP:
        rx_sccrp(t, &m);
        break;
    case L2TP_SCCCN:
        rx_scccn(t, &m);
        break;
    case L2TP_HELLO:
        break;                  /* the acknowledgement is the answer */
    default:
        l2tp_count(t->env, RX_UNKNOWN);
    }
}

static void rel_tx(void *u, const uint8_t *p, size_t len)
{
    struct l2tp_tunnel *t = u;
    l2tp_count(t->env, TX_CONTROL);
    t->env->ops->tx(t, p, len);
}

static void rel_timer(void *u, uint32_t ms)
{
    struct l2tp_tunnel *t = u;
    t->env->ops->timer(t, L2TP_TIMER_REL, ms);
}

/* Android 9 and 10 stop answering Hello and live on (row A9): whoever sent
 * anything at all since the Hello is alive. */
static bool rel_alive(void *u)
{
    struct l2tp_tunnel *t = u;
    bool alive = t->probe_ms && t->heard_ms > t->probe_ms;
    t->probe_ms = t->env->ops->now(t);
    return alive;
}

static void rel_dead(void *u)
{
    struct l2tp_tunnel *t = u;
    if (t->state != L2TP_T_CLOSED)
        l2tp_count(t->env, TUNNELS_LOST);
    if (t->state == L2TP_T_WAIT_CTL_REPLY)
        l2tp_tunnel_lost(t, ADIT_CAUSE_NO_ANSWER, "the peer does not answer");
    else
        l2tp_tunnel_lost(t, ADIT_CAUSE_LOST_CARRIER, "the peer no longer acknowledges");
}

static const struct l2tp_rel_ops rel_ops = { rel_tx, deliver, rel_timer, rel_alive, rel_dead };

/* ---- time ------------------------------------------------------------------------------ */

static void close_for(struct l2tp_tunnel *t, uint16_t result, uint32_t cause, const char *text)
{
    struct l2tp_end end = { result, 0, cause, text };
    l2tp_tunnel_close(t, &end);
}

/* When the tunnel is to be looked at next; UINT64_MAX: never. */
static uint64_t due(const struct l2tp_tunnel *t, uint64_t now)
{
    const struct l2tp_env *e = t->env;
    uint64_t at = UINT64_MAX;
    switch (t->state) {
    case L2TP_T_WAIT_CTL_REPLY:
    case L2TP_T_WAIT_CTL_CONN:
        return t->since_ms + e->setup_ms;
    case L2TP_T_ESTABLISHED:
        if (e->hello_ms) {
            at = t->heard_ms + e->hello_ms;
            if (at <= now)
                at = now + e->hello_ms;     /* what is on its way asks already */
        }
        if (t->call_count == 0) {
            uint32_t ms = t->had_calls ? e->linger_ms : e->idle_ms;
            if ((t->had_calls || ms) && t->empty_ms + ms < at)
                at = t->empty_ms + ms;
        }
        return at;
    case L2TP_T_CLOSED:
        return t->since_ms + l2tp_cycle_ms(e);
    default:
        return at;
    }
}

static void house(struct l2tp_tunnel *t)
{
    uint64_t now = t->env->ops->now(t), at = due(t, now);
    if (t->over)
        return;
    if (at == UINT64_MAX)
        t->env->ops->timer(t, L2TP_TIMER_HOUSE, 0);
    else
        t->env->ops->timer(t, L2TP_TIMER_HOUSE, at > now ? (uint32_t)(at - now) : 1);
}

static void house_tick(struct l2tp_tunnel *t)
{
    const struct l2tp_env *e = t->env;
    uint64_t now = e->ops->now(t);
    switch (t->state) {
    case L2TP_T_WAIT_CTL_REPLY:
    case L2TP_T_WAIT_CTL_CONN:
        if (now >= t->since_ms + e->setup_ms) {
            close_for(t, L2TP_STOP_CLEAR, ADIT_CAUSE_NO_ANSWER, "the tunnel was not set up in time");
            return;
        }
        break;
    case L2TP_T_ESTABLISHED:
        if (t->call_count == 0 && (t->had_calls || e->idle_ms) &&
            now >= t->empty_ms + (t->had_calls ? e->linger_ms : e->idle_ms)) {
            close_for(t, L2TP_STOP_CLEAR, ADIT_CAUSE_IDLE_TIMEOUT, "the tunnel has no session");
            return;
        }
        if (e->hello_ms && now >= t->heard_ms + e->hello_ms && l2tp_rel_idle(&t->rel)) {
            struct l2tp_msg m = l2tp_msg_of(L2TP_HELLO);
            t->probe_ms = now;
            l2tp_count(e, HELLOS);
            send(t, 0, &m, true);
        }
        break;
    case L2TP_T_CLOSED:
        if (now >= t->since_ms + l2tp_cycle_ms(e)) {
            l2tp_tunnel_lost(t, ADIT_CAUSE_NONE, NULL);
            return;
        }
        break;
    default:
        break;
    }
    house(t);
}

void l2tp_tunnel_tick(struct l2tp_tunnel *t, uint32_t which)
{
    if (which == L2TP_TIMER_REL) {
        uint32_t again = t->rel.stat.again;
        l2tp_rel_tick(&t->rel);
        l2tp_count_n(t->env, TX_AGAIN, t->rel.stat.again - again);
    } else if (!t->over) {
        house_tick(t);
    }
}

void l2tp_tunnel_counted(struct l2tp_tunnel *t)
{
    if (t->call_count)
        t->had_calls = true;
    else
        t->empty_ms = t->env->ops->now(t);
    if (t->state == L2TP_T_ESTABLISHED)
        house(t);
}

/* ---- life -------------------------------------------------------------------------------- */

void l2tp_tunnel_init(struct l2tp_tunnel *t, const struct l2tp_env *env, uint16_t our_id,
                      const void *secret, size_t secret_len)
{
    struct l2tp_rel_conf conf = { env->rto_ms, env->rto_max_ms, env->tries, env->window,
                                  QUEUE_MAX };
    *t = (struct l2tp_tunnel){ .env = env, .our_id = our_id };
    adit_list_init(&t->calls);
    memcpy(t->our_host, env->host_name, sizeof t->our_host);
    t->secret_len = (uint32_t)(secret_len < sizeof t->secret ? secret_len : sizeof t->secret);
    if (t->secret_len)
        memcpy(t->secret, secret, t->secret_len);
    l2tp_rel_init(&t->rel, &rel_ops, t, &conf);
    t->since_ms = t->heard_ms = t->empty_ms = env->ops->now(t);
}

void l2tp_tunnel_fini(struct l2tp_tunnel *t)
{
    l2tp_rel_fini(&t->rel);
    adit_table_fini(&t->by_peer);
    bytes_wipe(t->secret, sizeof t->secret);
    bytes_wipe(t->challenge, sizeof t->challenge);
}

bool l2tp_tunnel_accept(struct l2tp_tunnel *t, uint16_t ns, uint16_t nr, uint8_t *body,
                        size_t len, struct l2tp_end *why)
{
    struct l2tp_hide hide = hide_of(t);
    struct l2tp_fault f;
    struct l2tp_msg m;
    const char *wrong = NULL;
    bool fine = l2tp_msg_parse(&m, body, len, &hide, &f);
    l2tp_count_n(t->env, RX_IGNORED_AVP, m.ignored);
    t->env->ops->trace(t, false, &m);
    *why = (struct l2tp_end){ 0, 0, ADIT_CAUSE_PROTOCOL_ERROR, f.what };
    if (m.type != L2TP_SCCRQ) {
        why->text = "the message is no SCCRQ";
        return false;           /* result 0: garbage gets no answer */
    }
    if (l2tp_has(&m, TUNNEL_ID))
        t->peer_id = m.tunnel_id;
    if (!fine) {
        l2tp_count(t->env, RX_MALFORMED);
        *why = broken(&f);
        return false;
    }
    if (ns != 0 || nr != 0) {
        why->text = "an SCCRQ with sequence numbers";
        return false;
    }
    if (learn(t, &m, why))
        return false;
    if ((wrong = authenticate(t, &m, L2TP_SCCRP))) {
        l2tp_count(t->env, TUNNELS_AUTH);
        *why = denied(wrong);
        return false;
    }
    t->rel.nr = 1;              /* the SCCRQ was number 0 */
    t->rel.ack_owed = true;
    step(t, L2TP_TE_SCCRQ);
    return true;
}

void l2tp_tunnel_open(struct l2tp_tunnel *t)
{
    t->dialled = true;
    step(t, L2TP_TE_OPEN);
}

void l2tp_tunnel_rx(struct l2tp_tunnel *t, uint16_t ns, uint16_t nr, uint16_t session,
                    uint8_t *body, size_t len)
{
    struct l2tp_rel_stat was = t->rel.stat;
    l2tp_tunnel_heard(t, t->env->ops->now(t));
    l2tp_rel_rx(&t->rel, ns, nr, session, body, len);
    l2tp_rel_flush(&t->rel);
    l2tp_count_n(t->env, RX_DUPLICATE, t->rel.stat.duplicates - was.duplicates);
    l2tp_count_n(t->env, RX_EARLY, t->rel.stat.early - was.early);
    l2tp_count_n(t->env, RX_BEYOND, t->rel.stat.beyond - was.beyond);
}
