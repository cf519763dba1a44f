/* pptp_ctl.c - the control connection of PPTP (RFC 2637 section 3.1).
 *
 * Knows:  the two ends' states, which message is allowed when, echo and reply timers.
 * Leaves: bytes to pptp_msg, calls to pptp_call, sockets and clocks to pptp_io.
 */
#include <adit/cause.h>
#include <stdio.h>
#include <string.h>
#include "pptp_ctl.h"

#define STOP_WAIT 3000u         /* ms for the reply to our Stop-Control-Connection-Request */

static const struct pptp_conf *conf_of(struct pptp_ctl *c) { return c->ops->conf(c->u); }

/* ---- timers: one deadline each, one wake for all ----------------------------- */

void pptp_ctl_set(struct pptp_ctl *c, enum pptp_timer t, uint64_t after_ms)
{
    c->due[t] = c->ops->now(c->u) + after_ms;
}

static void clear(struct pptp_ctl *c, enum pptp_timer t) { c->due[t] = 0; }

void pptp_ctl_settle(struct pptp_ctl *c)
{
    uint64_t first = UINT64_MAX;

    if (c->state == PPTP_CTL_GONE)
        return;
    for (int i = 0; i < PPTP_TIMERS; i++)
        if (c->due[i] && c->due[i] < first)
            first = c->due[i];
    ADIT_LIST_EACH(n, &c->calls) {
        const struct pptp_call *call = ADIT_OF(n, struct pptp_call, node);
        if (call->due && call->due < first)
            first = call->due;
    }
    /* Lazy: a wake that comes too early only looks at the stamps. */
    if (first == UINT64_MAX || (c->wake_at && c->wake_at <= first))
        return;
    uint64_t now = c->ops->now(c->u);
    c->wake_at = first;
    c->ops->wake(c->u, first > now ? first - now : 0);
}

/* ---- what both ends do ---------------------------------------------------------- */

static void name_put(char out[PPTP_TEXT + 1], const char *name)
{
    snprintf(out, PPTP_TEXT + 1, "%s", name ? name : "");
}

static void send_simple(struct pptp_ctl *c, const struct pptp_msg *m) { c->ops->send(c->u, m); }

static void move(struct pptp_ctl *c, enum pptp_ctl_state to, const char *on)
{
    if (c->state == to)
        return;
    c->ops->moved(c->u, pptp_ctl_state_name(c->state), pptp_ctl_state_name((uint8_t)to), on);
    c->state = (uint8_t)to;
}

/* The end of one call may be the host's reason to hang up another: from the
 * front until none is left. */
static void lose_calls(struct pptp_ctl *c, uint32_t cause, const char *text)
{
    while (!adit_list_empty(&c->calls))
        pptp_call_lost(ADIT_OF(c->calls.next, struct pptp_call, node), cause, text);
}

/* The first cause wins; nothing is said after this. */
static void gone(struct pptp_ctl *c, uint32_t cause, const char *text, const char *on)
{
    if (c->told)
        return;
    c->told = true;
    move(c, PPTP_CTL_GONE, on);
    lose_calls(c, cause, text);
    c->ops->gone(c->u, cause, text);
}

void pptp_ctl_end(struct pptp_ctl *c, uint32_t cause, const char *text)
{
    gone(c, cause, text, "end");
}

void pptp_ctl_init(struct pptp_ctl *c, const struct pptp_ctl_ops *ops, void *u, enum pptp_role role)
{
    memset(c, 0, sizeof *c);
    c->ops = ops;
    c->u = u;
    c->role = (uint8_t)role;
    adit_list_init(&c->calls);
}

void pptp_ctl_connecting(struct pptp_ctl *c)
{
    pptp_ctl_set(c, PPTP_T_START, conf_of(c)->start_timeout);
    pptp_ctl_settle(c);
}

void pptp_ctl_start(struct pptp_ctl *c)
{
    c->rx_at = c->ops->now(c->u);
    if (c->role == PPTP_ANSWER) {
        move(c, PPTP_CTL_WAIT_REQUEST, "open");
        pptp_ctl_set(c, PPTP_T_START, conf_of(c)->start_timeout);
    } else {
        struct pptp_msg m = { .type = PPTP_SCCRQ, .u.sccrq = {
            .version = PPTP_VERSION, .framing = 3, .bearer = 3, .firmware = 1 } };
        name_put(m.u.sccrq.host_name, c->ops->host_name(c->u));
        name_put(m.u.sccrq.vendor, conf_of(c)->vendor);
        move(c, PPTP_CTL_WAIT_REPLY, "open");
        send_simple(c, &m);
    }
    pptp_ctl_settle(c);
}

void pptp_ctl_stop(struct pptp_ctl *c, uint8_t reason, uint32_t cause)
{
    if (c->state != PPTP_CTL_UP) {
        if (c->state != PPTP_CTL_WAIT_STOP)     /* nothing to say goodbye to */
            gone(c, cause, NULL, "stop");
        return;
    }
    struct pptp_msg m = { .type = PPTP_STOPRQ, .u.stoprq.reason = reason };
    move(c, PPTP_CTL_WAIT_STOP, "stop");
    lose_calls(c, cause, NULL);
    memset(c->due, 0, sizeof c->due);
    send_simple(c, &m);
    pptp_ctl_set(c, PPTP_T_STOP, STOP_WAIT);
    pptp_ctl_settle(c);
}

/* The connection is there. */
static void established(struct pptp_ctl *c)
{
    const struct pptp_conf *conf = conf_of(c);

    clear(c, PPTP_T_START);
    if (conf->echo_interval)
        pptp_ctl_set(c, PPTP_T_ECHO, conf->echo_interval);
    if (c->role == PPTP_ANSWER && conf->idle_timeout)
        pptp_ctl_set(c, PPTP_T_IDLE, conf->idle_timeout);
    move(c, PPTP_CTL_UP, c->role == PPTP_ANSWER ? "sccrq" : "sccrp");
    c->ops->up(c->u);
}

static void peer_is(struct pptp_ctl *c, uint16_t version, uint16_t firmware, const char *host,
                    const char *vendor)
{
    c->peer_version = version;
    c->peer_firmware = firmware;
    pptp_text_clean(c->peer_host, sizeof c->peer_host, host);
    pptp_text_clean(c->peer_vendor, sizeof c->peer_vendor, vendor);
}

/* ---- what a message does ------------------------------------------------------------ */

static void start_reply(struct pptp_ctl *c, uint8_t result)
{
    struct pptp_msg m = { .type = PPTP_SCCRP, .u.sccrp = {
        .version = PPTP_VERSION, .result = result, .framing = 3, .bearer = 3, .firmware = 1 } };

    name_put(m.u.sccrp.host_name, c->ops->host_name(c->u));
    name_put(m.u.sccrp.vendor, conf_of(c)->vendor);
    send_simple(c, &m);
}

static void start_answer(struct pptp_ctl *c, const struct pptp_msg *m)
{
    const struct pptp_sccrq *rq = &m->u.sccrq;

    peer_is(c, rq->version, rq->firmware, rq->host_name, rq->vendor);
    if (rq->version >> 8 != PPTP_VERSION >> 8) {        /* another revision of 1 is fine */
        start_reply(c, PPTP_START_VERSION);
        gone(c, ADIT_CAUSE_PROTOCOL_ERROR, "the peer's protocol version is not 1", "sccrq");
        return;
    }
    start_reply(c, PPTP_START_OK);
    if (!c->told)                               /* the reply could not be sent */
        established(c);
}

/* A second SCCRQ on a connection that is up: it is up. */
static void start_again(struct pptp_ctl *c, const struct pptp_msg *m)
{
    c->ops->unexpected(c->u, m);
    start_reply(c, PPTP_START_EXISTS);
}

static void start_taken(struct pptp_ctl *c, const struct pptp_msg *m)
{
    const struct pptp_sccrp *rp = &m->u.sccrp;

    peer_is(c, rp->version, rp->firmware, rp->host_name, rp->vendor);
    if (rp->result > PPTP_START_OK) {           /* 0 is success with some (quirk A8) */
        gone(c, ADIT_CAUSE_REFUSED, pptp_word_start(rp->result), "sccrp");
        return;
    }
    if (rp->version >> 8 != PPTP_VERSION >> 8) {
        gone(c, ADIT_CAUSE_PROTOCOL_ERROR, "the peer's protocol version is not 1", "sccrp");
        return;
    }
    established(c);
}

static void stop_answer(struct pptp_ctl *c, const struct pptp_msg *m)
{
    struct pptp_msg rp = { .type = PPTP_STOPRP, .u.stoprp.result = PPTP_RESULT_OK };

    (void)m;
    send_simple(c, &rp);
    gone(c, ADIT_CAUSE_PEER_HANGUP, NULL, "stoprq");
}

static void stop_taken(struct pptp_ctl *c, const struct pptp_msg *m)
{
    (void)m;
    gone(c, ADIT_CAUSE_NONE, NULL, "stoprp");
}

static void echo_answer(struct pptp_ctl *c, const struct pptp_msg *m)
{
    struct pptp_msg rp = { .type = PPTP_ECHORP, .u.echorp = {
        .identifier = m->u.echorq.identifier, .result = PPTP_RESULT_OK } };
    send_simple(c, &rp);
}

/* Whatever comes is a sign of life (quirk A14), so its identifier and result
 * say nothing new. */
static void echo_taken(struct pptp_ctl *c, const struct pptp_msg *m)
{
    (void)c;
    (void)m;
}

static void call(struct pptp_ctl *c, const struct pptp_msg *m) { pptp_call_rx(c, m); }

/* It crossed our Stop: nobody waits for an answer. */
static void ignore(struct pptp_ctl *c, const struct pptp_msg *m)
{
    (void)c;
    (void)m;
}

static void refuse(struct pptp_ctl *c, const struct pptp_msg *m)
{
    c->ops->unexpected(c->u, m);
    gone(c, ADIT_CAUSE_PROTOCOL_ERROR, "a message that cannot begin a connection",
         pptp_msg_shape(m->type)->word);
}

/* ---- the table -------------------------------------------------------------------- */

struct ctl_move {
    void (*act)(struct pptp_ctl *c, const struct pptp_msg *m);
    const char *name;
    uint8_t next;               /* unless the action went elsewhere */
};

// clang-format off
#define GO(act, next) { act, #act, PPTP_CTL_##next }
/* One row is a state of section 3.1, one cell what a message does there; a cell
 * left out is a message that the peer may not send there: counted, ignored. */
static const struct ctl_move table[PPTP_CTL_STATES][PPTP_TYPES] = {
[PPTP_CTL_WAIT_REQUEST] = {
    [PPTP_SCCRQ]  = GO(start_answer, UP),
    [PPTP_STOPRQ] = GO(stop_answer, GONE),
    [PPTP_SCCRP]  = GO(refuse, GONE), [PPTP_STOPRP] = GO(refuse, GONE),
    [PPTP_ECHORQ] = GO(refuse, GONE), [PPTP_ECHORP] = GO(refuse, GONE),
    [PPTP_OCRQ]   = GO(refuse, GONE), [PPTP_OCRP]   = GO(refuse, GONE),
    [PPTP_ICRQ]   = GO(refuse, GONE), [PPTP_ICRP]   = GO(refuse, GONE),
    [PPTP_ICCN]   = GO(refuse, GONE), [PPTP_CCRQ]   = GO(refuse, GONE),
    [PPTP_CDN]    = GO(refuse, GONE), [PPTP_WEN]    = GO(refuse, GONE),
    [PPTP_SLI]    = GO(refuse, GONE) },
[PPTP_CTL_WAIT_REPLY] = {
    [PPTP_SCCRP]  = GO(start_taken, UP),
    [PPTP_STOPRQ] = GO(stop_answer, GONE),
    [PPTP_ECHORQ] = GO(echo_answer, WAIT_REPLY) },
[PPTP_CTL_UP] = {
    [PPTP_SCCRQ]  = GO(start_again, UP),
    [PPTP_STOPRQ] = GO(stop_answer, GONE),
    [PPTP_ECHORQ] = GO(echo_answer, UP), [PPTP_ECHORP] = GO(echo_taken, UP),
    [PPTP_OCRQ]   = GO(call, UP), [PPTP_OCRP] = GO(call, UP), [PPTP_ICRQ] = GO(call, UP),
    [PPTP_ICRP]   = GO(call, UP), [PPTP_ICCN] = GO(call, UP), [PPTP_CCRQ] = GO(call, UP),
    [PPTP_CDN]    = GO(call, UP), [PPTP_WEN]  = GO(call, UP), [PPTP_SLI]  = GO(call, UP) },
[PPTP_CTL_WAIT_STOP] = {
    [PPTP_STOPRQ] = GO(stop_answer, GONE), [PPTP_STOPRP] = GO(stop_taken, GONE),
    [PPTP_ECHORQ] = GO(ignore, WAIT_STOP), [PPTP_ECHORP] = GO(ignore, WAIT_STOP),
    [PPTP_OCRQ]   = GO(ignore, WAIT_STOP), [PPTP_OCRP]   = GO(ignore, WAIT_STOP),
    [PPTP_ICRQ]   = GO(ignore, WAIT_STOP), [PPTP_ICCN]   = GO(ignore, WAIT_STOP),
    [PPTP_CCRQ]   = GO(ignore, WAIT_STOP), [PPTP_CDN]    = GO(ignore, WAIT_STOP),
    [PPTP_WEN]    = GO(ignore, WAIT_STOP), [PPTP_SLI]    = GO(ignore, WAIT_STOP) },
};
// clang-format on

const char *pptp_ctl_state_name(uint8_t state)
{
    static const char *const names[PPTP_CTL_STATES] = {
        "idle", "wait-request", "wait-reply", "up", "wait-stop", "gone" };
    return state < PPTP_CTL_STATES ? names[state] : "?";
}

void pptp_ctl_table(void (*cell)(void *u, const char *state, const char *message,
                                 const char *action, const char *next), void *u)
{
    for (uint8_t s = 0; s < PPTP_CTL_STATES; s++)
        for (uint16_t t = 1; t < PPTP_TYPES; t++)
            if (table[s][t].act)
                cell(u, pptp_ctl_state_name(s), pptp_msg_shape(t)->word, table[s][t].name,
                     pptp_ctl_state_name(table[s][t].next));
}

void pptp_ctl_rx(struct pptp_ctl *c, const struct pptp_msg *m)
{
    if (c->state == PPTP_CTL_GONE || m->type == 0 || m->type >= PPTP_TYPES)
        return;
    const struct ctl_move *go = &table[c->state][m->type];
    uint8_t from = c->state;

    c->rx_at = c->ops->now(c->u);
    clear(c, PPTP_T_REPLY);
    if (go->act) {
        go->act(c, m);
        if (c->state == from)
            move(c, go->next, pptp_msg_shape(m->type)->word);
    } else {
        c->ops->unexpected(c->u, m);
    }
    pptp_ctl_settle(c);
}

/* ---- time ---------------------------------------------------------------------------- */

/* When something last came: on the connection or, for a peer that has lost its
 * interest in control messages, as GRE (quirks A8, A14). */
static uint64_t alive_at(const struct pptp_ctl *c)
{
    uint64_t at = c->rx_at;

    ADIT_LIST_EACH(n, &c->calls) {
        const struct pptp_call *p = ADIT_OF(n, struct pptp_call, node);
        if (p->heard && p->heard_at > at)
            at = p->heard_at;
    }
    return at;
}

/* Section 3.1.4: when the connection was silent, ask; silence again is its end. */
static void echo_due(struct pptp_ctl *c, uint64_t now)
{
    const struct pptp_conf *conf = conf_of(c);
    uint64_t silent = now - c->rx_at;

    clear(c, PPTP_T_ECHO);
    if (!conf->echo_interval)
        return;
    if (silent < conf->echo_interval) {         /* lazy: it spoke in the meantime */
        pptp_ctl_set(c, PPTP_T_ECHO, conf->echo_interval - silent);
        return;
    }
    struct pptp_msg rq = { .type = PPTP_ECHORQ, .u.echorq.identifier = ++c->echo_id };
    send_simple(c, &rq);
    if (c->told)
        return;
    if (!c->due[PPTP_T_REPLY])
        pptp_ctl_set(c, PPTP_T_REPLY, conf->echo_timeout);
    pptp_ctl_set(c, PPTP_T_ECHO, conf->echo_interval);
}

static void reply_due(struct pptp_ctl *c, uint64_t now)
{
    uint64_t silent = now - alive_at(c);
    uint64_t timeout = conf_of(c)->echo_timeout;

    clear(c, PPTP_T_REPLY);
    if (silent < timeout) {                     /* GRE still comes: ask for longer */
        pptp_ctl_set(c, PPTP_T_REPLY, timeout - silent);
        return;
    }
    c->ops->echo_lost(c->u);
    gone(c, ADIT_CAUSE_ECHO_TIMEOUT, NULL, "echo-timeout");
}

static void fire(struct pptp_ctl *c, enum pptp_timer t, uint64_t now)
{
    switch (t) {
    case PPTP_T_START:
        gone(c, c->role == PPTP_DIAL ? ADIT_CAUSE_NO_ANSWER : ADIT_CAUSE_PROTOCOL_ERROR,
             "no Start-Control-Connection message came in time", "start-timeout");
        break;
    case PPTP_T_ECHO:
        echo_due(c, now);
        break;
    case PPTP_T_REPLY:
        reply_due(c, now);
        break;
    case PPTP_T_IDLE:
        clear(c, PPTP_T_IDLE);
        if (c->call_count == 0)
            pptp_ctl_stop(c, PPTP_STOP_NONE, ADIT_CAUSE_IDLE_TIMEOUT);
        break;
    default:                                    /* PPTP_T_STOP: it had its time */
        gone(c, ADIT_CAUSE_NONE, NULL, "stop-timeout");
        break;
    }
}

/* A tick may end other calls too, so the list is read anew each time. */
static struct pptp_call *call_due(struct pptp_ctl *c, uint64_t now)
{
    ADIT_LIST_EACH(n, &c->calls) {
        struct pptp_call *p = ADIT_OF(n, struct pptp_call, node);
        if (p->due && p->due <= now)
            return p;
    }
    return NULL;
}

void pptp_ctl_tick(struct pptp_ctl *c)
{
    uint64_t now = c->ops->now(c->u);

    c->wake_at = 0;
    for (int i = 0; i < PPTP_TIMERS && c->state != PPTP_CTL_GONE; i++)
        if (c->due[i] && c->due[i] <= now)
            fire(c, (enum pptp_timer)i, now);
    struct pptp_call *p;
    while ((p = call_due(c, now)) != NULL)
        pptp_call_tick(p, now);
    pptp_ctl_settle(c);
}

/* A call has left the list. */
void pptp_ctl_call_gone(struct pptp_ctl *c, struct pptp_call *p)
{
    c->ops->call_gone(c->u, p);
    if (c->call_count > 0 || c->state != PPTP_CTL_UP)
        return;
    if (c->role == PPTP_DIAL)                   /* it was for that call */
        pptp_ctl_stop(c, PPTP_STOP_NONE, ADIT_CAUSE_NONE);
    else if (conf_of(c)->idle_timeout)
        pptp_ctl_set(c, PPTP_T_IDLE, conf_of(c)->idle_timeout);
}
