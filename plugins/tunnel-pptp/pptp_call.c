/* pptp_call.c - the calls of a control connection (RFC 2637 section 3.2).
 *
 * Knows:  a call's states at both of its ends, which message is of which call, how calls end.
 * Leaves: the connection to pptp_ctl, ports and links to the host (pptp_io), packets to pptp_gre.
 *
 * Whose call id: OCRQ, ICRQ and Call-Clear-Request carry the sender's own,
 * Call-Disconnect-Notify the PAC's, the others ("peer's call id") the
 * receiver's. Senders get this wrong, so the second choice is looked up too.
 */
#include <adit/cause.h>
#include <stdio.h>
#include <string.h>
#include "pptp_ctl.h"

#define CDN_WAIT     3000u      /* ms for the answer to our Call-Clear-Request */
#define LISTEN_FIRST 500u       /* ms that the one who answered lets the caller speak first */

static const struct pptp_conf *conf_of(struct pptp_ctl *c) { return c->ops->conf(c->u); }

static void call_move(struct pptp_call *p, enum pptp_call_state to, const char *on)
{
    if (p->state == to)
        return;
    p->ctl->ops->call_moved(p->ctl->u, p, pptp_call_state_name(p->state),
                            pptp_call_state_name((uint8_t)to), on);
    p->state = (uint8_t)to;
}

static void call_wait(struct pptp_call *p, uint64_t after_ms)
{
    p->due = p->ctl->ops->now(p->ctl->u) + after_ms;
}

/* ---- which call? ----------------------------------------------------------------- */

static struct pptp_call *find_ours(struct pptp_ctl *c, uint16_t call_id)
{
    ADIT_LIST_EACH(n, &c->calls) {
        struct pptp_call *p = ADIT_OF(n, struct pptp_call, node);
        if (p->call_id == call_id)
            return p;
    }
    return NULL;
}

static struct pptp_call *find_peers(struct pptp_ctl *c, uint16_t call_id)
{
    ADIT_LIST_EACH(n, &c->calls) {
        struct pptp_call *p = ADIT_OF(n, struct pptp_call, node);
        if (p->peer_known && p->peer_call_id == call_id)
            return p;
    }
    return NULL;
}

/* The only call that waits for an Outgoing-Call-Reply. */
static struct pptp_call *find_waiting(struct pptp_ctl *c)
{
    struct pptp_call *found = NULL;

    ADIT_LIST_EACH(n, &c->calls) {
        struct pptp_call *p = ADIT_OF(n, struct pptp_call, node);
        if (p->state != PPTP_CALL_WAIT_REPLY)
            continue;
        if (found)
            return NULL;
        found = p;
    }
    return found;
}

static struct pptp_call *find(struct pptp_ctl *c, const struct pptp_msg *m)
{
    struct pptp_call *p;

    switch (m->type) {
    case PPTP_OCRP:
        p = find_ours(c, m->u.ocrp.peer_call_id);
        /* some concentrators leave fields of the reply zero (quirk L6) */
        return p || m->u.ocrp.peer_call_id != 0 ? p : find_waiting(c);
    case PPTP_ICRP:
        return find_ours(c, m->u.icrp.peer_call_id);
    case PPTP_ICCN:
        return find_ours(c, m->u.iccn.peer_call_id);
    case PPTP_CCRQ:
        p = find_peers(c, m->u.ccrq.call_id);
        return p ? p : find_ours(c, m->u.ccrq.call_id);
    case PPTP_CDN:                              /* accel-ppp sends the PNS's id */
        p = find_peers(c, m->u.cdn.call_id);
        p = p ? p : find_ours(c, m->u.cdn.call_id);
        return p ? p : find_waiting(c);
    case PPTP_WEN:
        p = find_ours(c, m->u.wen.peer_call_id);
        return p ? p : find_peers(c, m->u.wen.peer_call_id);
    case PPTP_SLI:
        p = find_ours(c, m->u.sli.peer_call_id);
        return p ? p : find_peers(c, m->u.sli.peer_call_id);
    default:
        return NULL;
    }
}

/* ---- beginning and ending ----------------------------------------------------------- */

/* The call is connected and PPP may speak. */
static void call_begin(struct pptp_call *p)
{
    const struct pptp_conf *conf = conf_of(p->ctl);

    p->begun = true;
    p->due = 0;
    if (!p->heard && conf->gre_timeout)
        call_wait(p, conf->gre_timeout);
    p->ctl->ops->call_up(p->ctl->u, p);
}

/* The call has ended, everything that had to be said was said. The first cause wins. */
static void call_end(struct pptp_call *p, uint32_t cause, const char *text, const char *on)
{
    struct pptp_ctl *c = p->ctl;

    if (p->state == PPTP_CALL_GONE)
        return;
    bool linked = p->state != PPTP_CALL_WAIT_CDN;
    call_move(p, PPTP_CALL_GONE, on);
    p->due = 0;
    adit_list_del(&p->node);
    c->call_count--;
    if (linked)
        c->ops->call_down(c->u, p, cause, text);
    p->ctl = NULL;
    pptp_ctl_call_gone(c, p);
}

void pptp_call_lost(struct pptp_call *p, uint32_t cause, const char *text)
{
    call_end(p, cause, text, "lost");
}

static void add(struct pptp_ctl *c, struct pptp_call *p, bool pns)
{
    p->ctl = c;
    p->pns = pns;
    p->state = PPTP_CALL_IDLE;
    adit_list_add(&c->calls, &p->node);
    c->call_count++;
}

/* What a Call-Disconnect-Notify says about a cause: a number, and for whoever logs
 * it the text, in the field that is "vendor-specific call statistics" (RFC 2637
 * section 2.13). */
static void cdn_of(struct pptp_cdn *m, uint32_t cause)
{
    if (cause != ADIT_CAUSE_NONE)
        snprintf(m->statistics, sizeof m->statistics, "%s", adit_cause_told(cause));
    switch (cause) {
    case ADIT_CAUSE_LOST_CARRIER: case ADIT_CAUSE_ECHO_TIMEOUT: case ADIT_CAUSE_LCP_TIMEOUT:
    case ADIT_CAUSE_GRE_BLOCKED:
        m->result = PPTP_CDN_LOST;
        break;
    case ADIT_CAUSE_PEER_HANGUP:
        m->result = PPTP_CDN_REQUEST;
        break;
    case ADIT_CAUSE_RESOURCE: case ADIT_CAUSE_POOL_EXHAUSTED: case ADIT_CAUSE_PORTS_EXHAUSTED:
        m->result = PPTP_CDN_ERROR;
        m->error = PPTP_ERR_RESOURCE;
        break;
    case ADIT_CAUSE_INTERNAL:
        m->result = PPTP_CDN_ERROR;
        m->error = PPTP_ERR_PAC;
        break;
    default:
        m->result = PPTP_CDN_ADMIN;
        break;
    }
}

static void send_cdn(struct pptp_call *p, uint32_t cause)
{
    struct pptp_msg m = { .type = PPTP_CDN, .u.cdn.call_id = p->call_id };

    cdn_of(&m.u.cdn, cause);
    p->ctl->ops->send(p->ctl->u, &m);
}

/* Our end of a call. The PAC says so and that is all; the PNS asks, and the
 * call's number stays taken until the PAC has answered. */
static void call_close(struct pptp_call *p, uint32_t cause, const char *text, const char *on)
{
    struct pptp_ctl *c = p->ctl;

    if (!p->pns) {
        send_cdn(p, cause);
        call_end(p, cause, text, on);
        return;
    }
    struct pptp_msg m = { .type = PPTP_CCRQ, .u.ccrq.call_id = p->call_id };
    c->ops->send(c->u, &m);
    if (p->state == PPTP_CALL_GONE)             /* it could not be sent: all is lost */
        return;
    call_move(p, PPTP_CALL_WAIT_CDN, on);
    call_wait(p, CDN_WAIT);
    c->ops->call_down(c->u, p, cause, text);
}

void pptp_call_hangup(struct pptp_call *p, uint32_t cause)
{
    struct pptp_ctl *c = p->ctl;

    if (p->state == PPTP_CALL_GONE || p->state == PPTP_CALL_WAIT_CDN)
        return;
    call_close(p, cause, NULL, "hangup");
    pptp_ctl_settle(c);
}

/* ---- what a message does -------------------------------------------------------------- */

static void out_answer(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    const struct pptp_ocrq *rq = &m->u.ocrq;
    struct pptp_msg rp = { .type = PPTP_OCRP, .u.ocrp = {
        .call_id = p->call_id, .peer_call_id = rq->call_id, .result = PPTP_OUT_CONNECTED,
        .speed = rq->max_bps, .window = (uint16_t)conf_of(c)->receive_window } };

    p->peer_call_id = rq->call_id;
    p->peer_known = true;
    p->peer_window = rq->window;
    p->speed_bps = rq->max_bps;
    c->ops->send(c->u, &rp);
    if (p->state == PPTP_CALL_GONE)
        return;
    /* The caller cannot take GRE before it has read our reply, and kernel
     * clients throw it away (quirk L4): the first Configure-Request of a server
     * that begins at once would be lost and missed for three seconds. So the
     * caller's first packet begins the call. */
    call_wait(p, LISTEN_FIRST);
}

static void in_answer(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    struct pptp_msg rp = { .type = PPTP_ICRP, .u.icrp = {
        .call_id = p->call_id, .peer_call_id = m->u.icrq.call_id, .result = PPTP_IN_CONNECT,
        .window = (uint16_t)conf_of(c)->receive_window } };

    p->peer_call_id = m->u.icrq.call_id;
    p->peer_known = true;
    c->ops->send(c->u, &rp);
    if (p->state != PPTP_CALL_GONE)
        call_wait(p, conf_of(c)->call_timeout);
}

static void in_connected(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    (void)c;
    p->peer_window = m->u.iccn.window;
    p->speed_bps = m->u.iccn.speed;
    call_move(p, PPTP_CALL_UP, "iccn");
    call_begin(p);
}

static void out_taken(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    const struct pptp_ocrp *rp = &m->u.ocrp;
    char text[80];

    (void)c;
    if (rp->result > PPTP_OUT_CONNECTED) {      /* 0 is success with some (quirk A8) */
        snprintf(text, sizeof text, "the peer answered: %s, %s", pptp_word_out(rp->result),
                 pptp_word_error(rp->error));
        call_end(p, ADIT_CAUSE_REFUSED, text, "ocrp");
        return;
    }
    p->peer_call_id = rp->call_id;
    p->peer_known = true;
    p->peer_window = rp->window;
    p->speed_bps = rp->speed;
    call_move(p, PPTP_CALL_UP, "ocrp");
    call_begin(p);
}

static void cleared(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    (void)c;
    (void)m;
    if (!p->pns)
        send_cdn(p, ADIT_CAUSE_PEER_HANGUP);
    call_end(p, ADIT_CAUSE_PEER_HANGUP, NULL, "ccrq");
}

static void disconnected(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    bool early = p->state == PPTP_CALL_WAIT_REPLY;
    bool lost = m->u.cdn.result == PPTP_CDN_LOST;
    char text[80];

    (void)c;
    snprintf(text, sizeof text, "the peer said: %s, %s", pptp_word_cdn(m->u.cdn.result),
             pptp_word_error(m->u.cdn.error));
    call_end(p, early ? ADIT_CAUSE_REFUSED : lost ? ADIT_CAUSE_LOST_CARRIER : ADIT_CAUSE_PEER_HANGUP,
             text, "cdn");
}

/* Values for people; the sum may not run over, whatever they say. */
static void wan_error(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    const struct pptp_wen *e = &m->u.wen;

    (void)c;
    p->wan_errors = (uint64_t)e->crc + e->framing + e->hardware + e->buffer + e->timeouts +
                    e->alignment;
}

/* Section 2.15: the maps are for asynchronous lines, GRE has none: remembered
 * for people, no effect (quirk W11). */
static void link_info(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    (void)c;
    p->send_accm = m->u.sli.send_accm;
    p->recv_accm = m->u.sli.recv_accm;
}

static void ignore(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    (void)c;
    (void)p;
    (void)m;
}

/* ---- the table ---------------------------------------------------------------------------- */

struct call_step {
    void (*act)(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m);
    const char *name;
    uint8_t next;               /* unless the action went elsewhere */
};

// clang-format off
#define GO(act, next) { act, #act, PPTP_CALL_##next }
/* A cell left out is a message that may not come there: counted, ignored. */
static const struct call_step table[PPTP_CALL_STATES][PPTP_TYPES] = {
[PPTP_CALL_IDLE] = {
    [PPTP_OCRQ] = GO(out_answer, UP),
    [PPTP_ICRQ] = GO(in_answer, WAIT_CONNECT) },
[PPTP_CALL_WAIT_REPLY] = {
    [PPTP_OCRP] = GO(out_taken, UP),
    [PPTP_CCRQ] = GO(cleared, GONE),
    [PPTP_CDN]  = GO(disconnected, GONE) },
[PPTP_CALL_WAIT_CONNECT] = {
    [PPTP_ICCN] = GO(in_connected, UP),
    [PPTP_CCRQ] = GO(cleared, GONE),
    [PPTP_CDN]  = GO(disconnected, GONE) },
[PPTP_CALL_UP] = {
    [PPTP_CCRQ] = GO(cleared, GONE),
    [PPTP_CDN]  = GO(disconnected, GONE),
    [PPTP_WEN]  = GO(wan_error, UP),
    [PPTP_SLI]  = GO(link_info, UP) },
[PPTP_CALL_WAIT_CDN] = {
    [PPTP_OCRP] = GO(ignore, WAIT_CDN),         /* it crossed our Call-Clear-Request */
    [PPTP_ICCN] = GO(ignore, WAIT_CDN),
    [PPTP_CCRQ] = GO(cleared, GONE),
    [PPTP_CDN]  = GO(disconnected, GONE),
    [PPTP_WEN]  = GO(ignore, WAIT_CDN),
    [PPTP_SLI]  = GO(ignore, WAIT_CDN) },
};
// clang-format on

const char *pptp_call_state_name(uint8_t state)
{
    static const char *const names[PPTP_CALL_STATES] = {
        "idle", "wait-reply", "wait-connect", "up", "wait-disconnect", "gone" };
    return state < PPTP_CALL_STATES ? names[state] : "?";
}

void pptp_call_table(void (*cell)(void *u, const char *state, const char *message,
                                  const char *action, const char *next), void *u)
{
    for (uint8_t s = 0; s < PPTP_CALL_STATES; s++)
        for (uint16_t t = 1; t < PPTP_TYPES; t++)
            if (table[s][t].act)
                cell(u, pptp_call_state_name(s), pptp_msg_shape(t)->word, table[s][t].name,
                     pptp_call_state_name(table[s][t].next));
}

static void step(struct pptp_ctl *c, struct pptp_call *p, const struct pptp_msg *m)
{
    const struct call_step *go = &table[p->state][m->type];
    uint8_t from = p->state;

    if (!go->act) {
        c->ops->unexpected(c->u, m);
        return;
    }
    go->act(c, p, m);
    if (p->state == from)
        call_move(p, go->next, pptp_msg_shape(m->type)->word);
}

/* A request was not granted: sections 2.8 and 2.10 have the words for it. */
static void refuse(struct pptp_ctl *c, const struct pptp_msg *rq, int32_t why)
{
    struct pptp_msg rp = { .type = PPTP_OCRP };
    bool full = why == ADIT_EBUSY || why == ADIT_ENOMEM || why == ADIT_ENOSPC;
    uint8_t error = full ? PPTP_ERR_RESOURCE : why == ADIT_EDENIED ? PPTP_ERR_NONE : PPTP_ERR_PAC;
    uint8_t result;

    if (rq->type == PPTP_OCRQ) {
        result = why == ADIT_EDENIED ? PPTP_OUT_REFUSED : PPTP_OUT_ERROR;
        rp.u.ocrp.peer_call_id = rq->u.ocrq.call_id;
        rp.u.ocrp.result = result;
        rp.u.ocrp.error = error;
    } else {
        result = why == ADIT_EDENIED ? PPTP_IN_REFUSED : PPTP_IN_ERROR;
        rp.type = PPTP_ICRP;
        rp.u.icrp.peer_call_id = rq->u.icrq.call_id;
        rp.u.icrp.result = result;
        rp.u.icrp.error = error;
    }
    c->ops->call_refused(c->u, rq, result, full ? "no port is free" :
                         why == ADIT_EDENIED ? "not permitted" : "not possible");
    c->ops->send(c->u, &rp);
}

static void requested(struct pptp_ctl *c, const struct pptp_msg *m)
{
    bool pns = m->type == PPTP_ICRQ;
    uint16_t id = pns ? m->u.icrq.call_id : m->u.ocrq.call_id;
    struct pptp_call *old = find_peers(c, id), *p = NULL;
    int32_t code = ADIT_EDENIED;

    /* The peer's numbers are its own: when it gives one to a new call, the old
     * call is over for it (row S1: call ids that a client reuses). */
    if (old && old->state == PPTP_CALL_WAIT_CDN)
        call_end(old, ADIT_CAUSE_PEER_HANGUP, NULL, "reused");
    else if (old)
        call_close(old, ADIT_CAUSE_LOST_CARRIER, "the peer gave its call id to a new call",
                   "reused");
    if (c->state != PPTP_CTL_UP)
        return;
    /* Who was dialled has no business to call back, and numbers of an
     * Incoming-Call-Request are believed only where the operator says so. */
    if (c->role == PPTP_ANSWER && (!pns || conf_of(c)->incoming_calls))
        code = c->ops->call_open(c->u, m, &p);
    if (code != 0) {
        refuse(c, m, code);
        return;
    }
    add(c, p, pns);
    step(c, p, m);
}

void pptp_call_rx(struct pptp_ctl *c, const struct pptp_msg *m)
{
    struct pptp_call *p;

    if (m->type == PPTP_OCRQ || m->type == PPTP_ICRQ)
        requested(c, m);
    else if ((p = find(c, m)) != NULL)
        step(c, p, m);
    else
        c->ops->unexpected(c->u, m);
}

void pptp_call_dial(struct pptp_ctl *c, struct pptp_call *p, const char *number)
{
    struct pptp_msg m = { .type = PPTP_OCRQ, .u.ocrq = {
        .call_id = p->call_id, .serial = p->call_id, .min_bps = 300, .max_bps = 100000000,
        .bearer = 3, .framing = 3, .window = (uint16_t)conf_of(c)->receive_window } };

    if (number) {
        snprintf(m.u.ocrq.phone, sizeof m.u.ocrq.phone, "%s", number);
        m.u.ocrq.phone_len = (uint16_t)strlen(m.u.ocrq.phone);
    }
    add(c, p, true);
    call_move(p, PPTP_CALL_WAIT_REPLY, "dial");
    call_wait(p, conf_of(c)->call_timeout);
    c->ops->send(c->u, &m);
    pptp_ctl_settle(c);
}

void pptp_call_heard(struct pptp_call *p)
{
    p->heard = true;
    if (p->state != PPTP_CALL_UP)
        return;
    if (!p->begun)
        call_begin(p);
    else
        p->due = 0;                             /* GRE is not blocked */
}

void pptp_call_tick(struct pptp_call *p, uint64_t now)
{
    (void)now;
    p->due = 0;
    switch (p->state) {
    case PPTP_CALL_WAIT_REPLY:
        call_close(p, ADIT_CAUSE_NO_ANSWER, "no Outgoing-Call-Reply came in time", "timeout");
        break;
    case PPTP_CALL_WAIT_CONNECT:
        call_close(p, ADIT_CAUSE_NO_ANSWER, "no Incoming-Call-Connected came in time", "timeout");
        break;
    case PPTP_CALL_UP:
        if (!p->begun)
            call_begin(p);
        else if (!p->heard)                     /* firewall, router's ALG (quirk K10) */
            call_close(p, ADIT_CAUSE_GRE_BLOCKED, NULL, "no-gre");
        break;
    case PPTP_CALL_WAIT_CDN:
        call_end(p, ADIT_CAUSE_PEER_HANGUP, NULL, "timeout");
        break;
    default:
        break;
    }
}
